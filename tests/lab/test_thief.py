"""The thief sends what a server would send, and a key is all that it lacks."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
import unittest
from collections.abc import Iterator
from unittest import mock
from xmlrpc.client import ServerProxy

from lab import thief
from ponte.discovery.beats import (
    Answer,
    BadDatagram,
    Beat,
    decode_beat,
    encode_answer,
    encode_beat,
)

KEY = b"a secret of 16 bytes or more"
BEAT = thief.forge("greeter", "server-1", ("127.0.0.1", 4711))


class Ended(Exception):
    """The thief would never stop."""


class Thief(unittest.TestCase):
    def test_its_beat_is_valid_and_younger_than_any_server(self) -> None:
        beat = decode_beat(encode_beat(BEAT))
        self.assertEqual((beat.service, beat.instance, beat.port), ("greeter", "server-1", 4711))
        # Microseconds since 1970 reach it in the year 2112.
        self.assertGreater(beat.incarnation, 4 * 10 ** 15)

    def test_a_registry_with_a_key_takes_no_beat_of_it(self) -> None:
        with self.assertRaisesRegex(BadDatagram, "signature"):
            decode_beat(encode_beat(BEAT), KEY)

    def test_it_beats_with_the_epoch_that_it_was_told_and_prints_what_is_new(self) -> None:
        answers = [("epoch", b""), ("ack", b""), ("ack", b""), ("ack", KEY)]
        with self.registry(answers) as (beats, out):
            self.assertEqual([(beat.seq, beat.epoch) for beat in beats],
                             [(1, ""), (2, "e1"), (3, "e1"), (4, "e1")])
            # It cannot read the last answer, which is signed.
            self.assertEqual(out.splitlines(), [f"{thief.ANSWERS}{said}"
                                                for said in ("epoch", "ack", thief.NOTHING)])

    @contextlib.contextmanager
    def registry(self, answers: list[tuple[str, bytes]]) -> Iterator[tuple[list[Beat], str]]:
        """Answers a thief so; yields its beats, and what it printed."""
        beats: list[Beat] = []
        waiting = [encode_answer(Answer(what, "server-1", BEAT.incarnation, 1, "e1", 1), key)
                   for what, key in answers]
        udp = mock.Mock(spec=socket.socket)
        udp.sendto.side_effect = lambda datagram, _: beats.append(decode_beat(datagram))
        udp.recv.side_effect = waiting
        pauses = [None] * (len(waiting) - 1)
        # Its own clock alone: threads of other tests may sleep at the same time.
        clock = mock.Mock(monotonic=time.monotonic, sleep=mock.Mock(side_effect=[*pauses, Ended]))
        with mock.patch.object(thief, "time", clock), \
                contextlib.redirect_stdout(io.StringIO()) as out, self.assertRaises(Ended):
            thief.beat_on(BEAT, ("127.0.0.1", 4100), udp)
        yield beats, out.getvalue()

    def test_its_trap_takes_a_call_at_any_path(self) -> None:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), thief.Trap() as trap:
            serving = threading.Thread(target=trap.serve_forever, args=(0.01,))
            serving.start()
            try:
                host, port = trap.socket.getsockname()[:2]
                with ServerProxy(f"http://{host}:{port}/greeter") as client:
                    self.assertEqual(client.hello("password"), "I have your password")
            finally:
                trap.shutdown()
                serving.join()
        self.assertEqual(out.getvalue(), f"{thief.TOOK}hello('password')\n")


if __name__ == "__main__":
    unittest.main()
