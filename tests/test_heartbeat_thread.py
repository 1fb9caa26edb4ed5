"""The beat thread, with real sockets: names, keys, lies, pauses, and processes of one name."""

from __future__ import annotations

import itertools
import json
import math
import socket
import threading
import time
import unittest
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any
from unittest import mock

from heartbeat import (
    FIRST_ACK_S,
    LOCKED,
    YOUNGER,
    Heartbeat,
    check_beat_times,
    new_incarnation,
)
from ponte.discovery.beats import MAX_INTEGER, Answer, Beat, decode_beat, encode_answer, encode_beat
from ponte.discovery.incarnations import highest_incarnation
from ponte.net.address import Address
from ponte.net.names import Place
from registry import Registry
from tests.discovery.test_beats import BEAT
from tests.fakes import CLOCK_STEP_S, eventually

PATIENCE_S = 5.0
NEW, OLD = b"a new key of 16 bytes", b"an old key of 16 bytes"


class ThreadTest(unittest.TestCase):
    def registry(self, key: Any = b"") -> Registry:
        registry = Registry(port=0, key=key)
        registry.start()
        self.addCleanup(registry.close)
        return registry

    def heartbeat(self, registries: Sequence[Address], key: Any = b"", *, start_s: float = 0.0,
                  **fields: Any) -> Heartbeat:
        """One that beats; `fields` are those of its beat."""
        beat = BEAT._replace(seq=0, epoch="", incarnation=new_incarnation())._replace(**fields)
        heartbeat = Heartbeat(beat, registries, key)
        self.addCleanup(heartbeat.close)
        heartbeat.start(start_s)
        return heartbeat

    def silence(self) -> Address:
        """Where nobody answers."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        sock.bind(("127.0.0.1", 0))
        address: Address = sock.getsockname()
        return address


class Names(ThreadTest):
    """No name server holds up a start or a beat."""

    def setUp(self) -> None:
        self.found: Future[list[Place]] = Future()
        patch = mock.patch("heartbeat.begin_look_up", return_value=self.found)
        self.asked = patch.start()
        self.addCleanup(patch.stop)

    def test_a_start_does_not_wait_for_a_name_server(self) -> None:
        """Beats to other registries go out all the while. It may answer later."""
        registry, other = self.registry(), self.registry()
        began = time.monotonic()
        heartbeat = self.heartbeat([("slow", 4100), other.address], start_s=FIRST_ACK_S)
        self.assertLess(time.monotonic() - began, FIRST_ACK_S + 1)
        eventually(lambda: other.services() == ["greeter"])
        self.found.set_result([(socket.AF_INET, registry.address)])
        eventually(lambda: registry.services() == ["greeter"])
        self.assertEqual(heartbeat.refusals(), {})

    def test_nothing_is_looked_up_before_the_start(self) -> None:
        heartbeat = Heartbeat(BEAT, [("slow", 4100)])
        self.addCleanup(heartbeat.close)
        self.asked.assert_not_called()

    def test_every_place_of_a_name_is_tried(self) -> None:
        """As with localhost, which is ::1 first on some machines."""
        registry = self.registry()
        self.found.set_result([(socket.AF_INET6, ("::1", registry.address[1], 0, 0)),
                               (socket.AF_INET, self.silence()),
                               (socket.AF_INET, registry.address)])
        self.heartbeat([("localhost", registry.address[1])])
        eventually(lambda: registry.services() == ["greeter"])

    def test_a_name_without_an_address_is_no_error_but_a_reason(self) -> None:
        """It is told as the user gave it."""
        self.found.set_exception(socket.gaierror("unknown"))
        heartbeat = self.heartbeat([("unknown", 4100)])
        eventually(lambda: heartbeat.refusals() == {
            ("unknown", 4100): "unknown has no address now"})


class Keys(ThreadTest):
    """Keys are changed process by process, in any order."""

    def test_one_key_in_common_suffices(self) -> None:
        """Whichever of them signs first, at either side."""
        choices = ([OLD], [NEW], [OLD, NEW], [NEW, OLD])
        started = []
        for theirs in choices:
            registry = self.registry(theirs)
            started += [(theirs, ours, self.heartbeat([registry.address], ours, instance=f"s{n}"))
                        for n, ours in enumerate(choices)]
        in_vain = []
        for theirs, ours, heartbeat in started:
            if set(theirs) & set(ours):
                eventually(lambda beats=heartbeat: beats.acks > 0)  # type: ignore[misc]
            else:
                in_vain.append(heartbeat)
        self.assertEqual([heartbeat.acks for heartbeat in in_vain], [0, 0])


class Strangers(ThreadTest):
    """Registries that answer from elsewhere, and registries that lie."""

    def setUp(self) -> None:
        self.socket, self.other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                                   for _ in range(2))
        for sock in (self.socket, self.other):
            self.addCleanup(sock.close)
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(PATIENCE_S)
        self.address: Address = self.socket.getsockname()

    def hears(self) -> tuple[Beat, Any]:
        """The next beat, and its sender."""
        datagram, sender = self.socket.recvfrom(2000)
        return decode_beat(datagram), sender

    def answers(self, beat: Beat, kind: str = "ack", **fields: Any) -> Answer:
        answer = Answer(kind, beat.instance, beat.incarnation, beat.seq, beat.epoch,
                        beat.incarnation)
        return answer._replace(**fields)

    def joins(self) -> tuple[Beat, Any]:
        """Gives its epoch, and hears the next beat that has it."""
        beat, sender = self.hears()
        while beat.epoch != "e1":
            self.other.sendto(encode_answer(self.answers(beat, "epoch", epoch="e1")), sender)
            beat, sender = self.hears()
        return beat, sender

    def test_an_answer_may_come_from_another_address(self) -> None:
        """As through a NAT, or from a machine with two addresses."""
        heartbeat = self.heartbeat([self.address])
        beat, sender = self.joins()
        self.other.sendto(encode_answer(self.answers(beat)), sender)
        eventually(lambda: heartbeat.acks == 1)

    def test_no_lie_ends_the_thread(self) -> None:
        """After all of them, an honest answer is heard."""
        heartbeat = self.heartbeat([self.address])
        beat, sender = self.joins()
        for kind, field, value in itertools.product(
                ("ack", "epoch", "superseded", "sure"), ("incarnation", "seq", "newest", "epoch"),
                (math.inf, 10 ** 400, True, 7.0, -1, None, {"a": [1]}, "\U0001f600" * 64, "a" * 64,
                 "", MAX_INTEGER + 1)):
            lie = {"v": 1, **self.answers(beat, kind)._asdict(), field: value}
            self.other.sendto(b"\n" + json.dumps(lie).encode(), sender)
        self.other.sendto(b"\n" + b"[" * 1100, sender)
        beat, sender = self.joins()
        acks = heartbeat.acks
        self.other.sendto(encode_answer(self.answers(beat)), sender)
        eventually(lambda: heartbeat.acks > acks)
        self.assertEqual(heartbeat._mishaps.count, 0)

    def test_an_error_that_nobody_foresaw_does_not_end_it(self) -> None:
        """It is logged once, and it goes on."""
        with mock.patch("heartbeat.decode_answer", side_effect=ZeroDivisionError), \
                self.assertLogs("ponte.heartbeat", "ERROR") as logged:
            heartbeat = self.heartbeat([self.address])
            beat, sender = self.hears()
            for _ in range(3):
                self.other.sendto(b"anything", sender)
            eventually(lambda: heartbeat._mishaps.count == 3)
        self.assertEqual(len(logged.output), 1)
        beat, sender = self.joins()
        self.other.sendto(encode_answer(self.answers(beat)), sender)
        eventually(lambda: heartbeat.acks == 1)


class Pauses(ThreadTest):
    """A process that slept blames nobody."""

    def test_after_a_sleep_no_registry_is_silent(self) -> None:
        """One that is silent afterwards is reported."""
        silence = self.silence()
        heartbeat = self.heartbeat([silence])
        eventually(lambda: heartbeat.beat.seq > 0)
        before = heartbeat.beat.seq
        with heartbeat._changed:
            heartbeat._clock._last -= 3600
        eventually(lambda: heartbeat.beat.seq > before)
        self.assertGreater(heartbeat._clock.lateness, 3500)
        self.assertEqual(heartbeat.silent_registries(), [])
        eventually(lambda: heartbeat.silent_registries() == [silence])

    def test_after_a_sleep_it_beats_at_once(self) -> None:
        """Its lease may be over. The next beat would have come in 10 seconds."""
        registry = self.registry()
        heartbeat = Heartbeat(BEAT._replace(seq=0, epoch="", lease_s=60), [registry.address],
                              beat_s=10.0)
        self.addCleanup(heartbeat.close)
        heartbeat.start(PATIENCE_S)
        acks = heartbeat.acks
        with heartbeat._changed:
            heartbeat._clock._last -= 3600
        eventually(lambda: heartbeat.acks > acks)


class TwoOfOneName(ThreadTest):
    """The younger process wins, and the sender knows why a registry does not take its beats."""

    def test_the_elder_is_told_and_can_be_closed_from_there(self) -> None:
        """Its announcements end at once: the name is another's."""
        registry, told = self.registry(), threading.Event()

        def stop() -> None:
            elder.close()
            told.set()

        elder = Heartbeat(BEAT._replace(seq=0, epoch=""), [registry.address], on_superseded=stop)
        self.addCleanup(elder.close)
        elder.start(PATIENCE_S)
        younger = self.heartbeat([registry.address])
        self.assertTrue(told.wait(PATIENCE_S))
        self.assertFalse(elder.announce("draining", PATIENCE_S))
        self.assertEqual(elder.refusals(), {registry.address: YOUNGER})
        self.assertEqual(younger.refusals(), {})
        found, = registry.snapshot().endpoints
        self.assertEqual(found.incarnation, younger.beat.incarnation)

    def test_an_error_of_the_one_who_is_told_is_logged(self) -> None:
        """It ends as it would have ended without."""
        registry = self.registry()
        with self.assertLogs("ponte.heartbeat", "ERROR"):
            elder = Heartbeat(BEAT._replace(seq=0, epoch=""), [registry.address],
                              on_superseded=mock.Mock(side_effect=ZeroDivisionError))
            self.addCleanup(elder.close)
            elder.start(PATIENCE_S)
            self.heartbeat([registry.address])
            eventually(lambda: not elder._thread.is_alive())

    def test_a_false_goodbye_locks_no_name(self) -> None:
        """The reason is told until the registry has forgotten it."""
        with mock.patch("ponte.discovery.leases.TOMBSTONE_S", 0.5):
            registry = self.registry()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.sendto(encode_beat(BEAT._replace(
                    incarnation=MAX_INTEGER, state="leaving",
                    epoch=registry.snapshot().epoch)), registry.address)
            eventually(lambda: registry._counts["ack"] == 1)
            heartbeat = self.heartbeat([registry.address])
            eventually(lambda: heartbeat.refusals() == {registry.address: LOCKED})
            eventually(lambda: heartbeat.acks > 0)
        self.assertEqual(heartbeat.refusals(), {})

    def test_incarnations_of_processes_that_start_together_differ(self) -> None:
        """They grow with the wall clock, above those of earlier versions; and in one process."""
        with mock.patch("ponte.discovery.incarnations.time.time_ns", return_value=10 ** 18), \
                mock.patch("ponte.discovery.incarnations._latest", [0]) as latest:
            drawn = set()
            for _ in range(200):
                latest[0] = 0
                drawn.add(new_incarnation())
            self.assertGreater(len(drawn), 100)
            self.assertLess(max(drawn), highest_incarnation())
            numbers = [new_incarnation() for _ in range(200)]
            self.assertEqual(numbers, sorted(set(numbers)))
        # Earlier versions take milliseconds, for a hundred years from now.
        self.assertGreater(new_incarnation(), 1000 * (int(time.time()) + 100 * 365 * 86_400))
        self.assertLess(10 * new_incarnation() // 4, MAX_INTEGER)


class BeatTimes(ThreadTest):
    """How often a server beats, and for how long it is believed."""

    def test_a_lease_has_three_beats_at_least(self) -> None:
        """As decimal numbers: three beats of 0.1 s are 0.3 s."""
        for beat_s, lease_s in ((0.5, 2.0), (0.1, 0.3), (0.2, 0.6), (0.7, 2.1), (20, 60), (1, 3)):
            check_beat_times(beat_s, lease_s)
        for beat_s, lease_s, least in ((0.5, 1.4, "1.5 s"), (1, 2, "3 s"), (20, 59, "60 s")):
            with self.assertRaisesRegex(ValueError, f"three beats at least, {least}$"):
                check_beat_times(beat_s, lease_s)

    def test_what_is_no_time_is_an_error_in_one_line(self) -> None:
        """That says which of the two it is."""
        wrong: tuple[Any, ...] = (None, True, "1", math.nan, math.inf, 0, -1, 0.001, 10 ** 400, [1])
        for value in wrong:
            with self.subTest(value), self.assertRaisesRegex(ValueError, "^beat_s: .* seconds$"):
                check_beat_times(value, 2.0)
            with self.subTest(value), self.assertRaisesRegex(ValueError, "^lease_s: .* seconds$"):
                check_beat_times(0.5, value)
        with self.assertRaisesRegex(ValueError, "three beats"):
            Heartbeat(BEAT, [], beat_s=1.0)

    def test_a_short_beat_is_sent_again_sooner(self) -> None:
        """Half of it at most; and an ack is followed by the next beat after such a beat."""
        beat = BEAT._replace(seq=0, epoch="", lease_s=0.3)
        registry = self.registry()
        heartbeat = Heartbeat(beat, [registry.address], beat_s=0.05)
        self.addCleanup(heartbeat.close)
        self.assertEqual(heartbeat._schedule._resend_s, 0.025)
        heartbeat.start(PATIENCE_S)
        began, acks = time.monotonic(), heartbeat.acks
        eventually(lambda: heartbeat.acks >= acks + 5)
        self.assertGreater(time.monotonic() - began, 4 * 0.045 - CLOCK_STEP_S)
        self.assertEqual(registry._table._lease_of(beat).lease_s, 0.3)  # type: ignore[union-attr]


if __name__ == "__main__":
    unittest.main()
