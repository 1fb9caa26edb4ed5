"""Both drivers carry out the same programs, with the same results. No listener is needed for that.

What only the loop has is in test_loop.py.
"""

from __future__ import annotations

import logging
import math
import socket
import threading
import time
import unittest
from concurrent.futures import Future
from unittest import mock

from ponte.net.loop import Loop
from ponte.net.message import MAX_BODY_BYTES, Reply, encode_reply
from ponte.net.parser import ReplyParser
from ponte.net.stream import DONE, READ, TURN, WRITE, Program, Stream, Wait, result_of
from ponte.net.threads import Threads
from tests.fakes import CLOCK_STEP_S, eventually
from tests.net.engines import DriverCase, OfEvents, OfThreads, pause, rest
from tests.net.peers import OK, PATIENCE_S, soon, tcp_pair

# Seconds. How long a wait is that must end at its deadline.
WAIT_S = 0.02


def waits(wait: Wait) -> Program[bool | None]:
    """A program: waits once, and returns what it went on with."""
    return (yield wait)


class Drivers(DriverCase):
    """The contract between a program and its driver."""

    def setUp(self) -> None:
        super().setUp()
        ours, self.peer = tcp_pair()
        self.stream = Stream(ours, ReplyParser())
        # The loop has ended by then.
        self.addCleanup(ours.close)
        self.addCleanup(self.peer.close)

    def goes_on_with(self, wait: Wait, expected: bool) -> None:
        self.assertIs(self.run_program(waits(wait)), expected)

    def test_a_program_has_a_result_or_an_error(self) -> None:
        """Also if it never waits, and from a program that it calls."""
        def returns() -> Program[str]:
            return "at once"
            yield

        def calls(inner: Program[str]) -> Program[str]:
            yield TURN
            return (yield from inner) + ", and further up"

        def fails() -> Program[str]:
            yield TURN
            raise LookupError("nothing there")

        self.assertEqual(self.run_program(returns()), "at once")
        self.assertEqual(self.run_program(calls(returns())), "at once, and further up")
        for program in (fails(), calls(fails())):
            with self.assertRaises(LookupError):
                self.run_program(program)

    def test_a_wait_for_bytes_ends_with_them_or_at_its_deadline(self) -> None:
        """Bytes, or the end of the stream."""
        self.goes_on_with((self.stream, READ, time.monotonic() + WAIT_S), False)
        self.goes_on_with((self.stream, READ, time.monotonic() - 1.0), False)
        sending = threading.Timer(WAIT_S, self.peer.sendall, (b"x",))
        sending.start()
        self.goes_on_with((self.stream, READ, soon()), True)
        self.assertEqual(self.stream.socket.recv(10), b"x")
        threading.Timer(WAIT_S, self.peer.close).start()
        self.goes_on_with((self.stream, READ, soon()), True)
        self.assertEqual(self.stream.socket.recv(10), b"")

    def test_a_wait_for_room_ends_when_the_peer_reads_or_at_its_deadline(self) -> None:
        self.goes_on_with((self.stream, WRITE, soon()), True)
        while self.stream.write(bytes(MAX_BODY_BYTES)) == b"":
            pass
        self.goes_on_with((self.stream, WRITE, time.monotonic() + WAIT_S), False)

        def swallow() -> None:
            self.peer.settimeout(WAIT_S * 5)
            try:
                while self.peer.recv(1 << 20):
                    pass
            except OSError:
                pass

        reading = threading.Thread(target=swallow)
        reading.start()
        self.goes_on_with((self.stream, WRITE, soon()), True)
        reading.join()

    def test_a_wait_for_a_future_ends_with_its_result_or_at_the_deadline(self) -> None:
        """Its result may be there already, and it may be an error."""
        done: Future[int] = Future()
        done.set_result(7)
        self.goes_on_with((done, DONE, soon()), True)
        self.assertEqual(self.run_program(result_of(done)), 7)
        self.goes_on_with((Future(), DONE, time.monotonic() + WAIT_S), False)
        late: Future[int] = Future()
        threading.Timer(WAIT_S, late.set_result, (8,)).start()
        self.assertEqual(self.run_program(result_of(late)), 8)

        failing: Future[int] = Future()
        threading.Timer(WAIT_S, failing.set_exception, (LookupError("nothing there"),)).start()
        with self.assertRaises(LookupError):
            self.run_program(result_of(failing))

    def test_a_future_that_was_waited_for_in_vain_does_not_disturb_later_waits(self) -> None:
        """Its result comes while the program waits for something else."""
        late: Future[int] = Future()

        def program() -> Program[list[bool | None]]:
            went_on = []
            for _ in range(3):
                went_on.append((yield late, DONE, time.monotonic() + WAIT_S))
            threading.Timer(WAIT_S, late.set_result, (8,)).start()
            went_on.append((yield self.stream, READ, time.monotonic() + 5 * WAIT_S))
            went_on.append((yield late, DONE, soon()))
            went_on.append((yield self.stream, READ, time.monotonic() + WAIT_S))
            return went_on

        self.assertEqual(self.run_program(program()), [False, False, False, False, True, False])

    def test_a_pause_takes_its_time(self) -> None:
        """A pause is ready when its time is over: True, as after a turn that was given to others.
        """
        self.goes_on_with(TURN, True)
        began = time.monotonic()
        self.assertIs(self.run_program(pause(began + WAIT_S)), True)
        self.assertGreaterEqual(time.monotonic() - began, WAIT_S - CLOCK_STEP_S)

    def test_a_dripping_message_ends_at_its_deadline(self) -> None:
        """A byte now and then does not move it."""
        ended = threading.Event()

        def drip() -> None:
            self.peer.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not ended.wait(WAIT_S / 10):
                self.peer.sendall(b"x")

        dripping = threading.Thread(target=drip)
        dripping.start()
        began = time.monotonic()
        with self.assertRaises(socket.timeout):
            self.run_program(self.stream.read(began + 5 * WAIT_S))
        self.assertLess(time.monotonic() - began, PATIENCE_S / 2)
        ended.set()
        dripping.join()

    def test_a_message_is_read_and_sent_in_many_pieces(self) -> None:
        body = bytes(MAX_BODY_BYTES)
        message = encode_reply(Reply(200, {}, body))
        sending = threading.Thread(target=self.peer.sendall, args=(message + OK,))
        sending.start()
        for expected in (body, b"ok"):
            reply = self.run_program(self.stream.read(soon()))
            assert reply
            self.assertTrue(reply.body == expected)
        sending.join()
        received = bytearray()

        def receive() -> None:
            while len(received) < 8 * len(message):
                received.extend(self.peer.recv(1 << 20))

        reading = threading.Thread(target=receive)
        reading.start()
        self.run_program(self.stream.send(message * 8, soon()))
        reading.join(PATIENCE_S)
        self.assertTrue(received == message * 8)


class Failures(unittest.TestCase):
    """Programs that fail by themselves, in a driver that goes on."""

    def fails(self, driver: Threads | Loop) -> None:
        """A program that raises is counted and logged, and the next one is carried out."""
        done = threading.Event()

        def bad() -> Program[None]:
            yield TURN
            raise RuntimeError("a mistake")

        def good() -> Program[None]:
            yield TURN
            done.set()

        with self.assertLogs("ponte", logging.ERROR) as logs:
            driver.start(rest())
            driver.spawn(bad())
            eventually(lambda: driver.errors == 1)
            driver.spawn(good())
            self.assertTrue(done.wait(PATIENCE_S))
            # The log is written after the count.
            eventually(lambda: len(logs.output) == 1)
        self.assertIn("a mistake", logs.output[0])
        self.assertTrue(driver.is_alive())

    def test_a_program_that_raises_costs_itself_only(self) -> None:
        loop = Loop()
        self.addCleanup(loop.stop)
        self.fails(loop)
        # Its first program is a daemon, which never ends.
        self.fails(Threads())

    def test_a_dead_thread_is_noticed(self) -> None:
        """The first program of threads, which accepts connections; the thread of a loop."""
        def ends() -> Program[None]:
            yield TURN

        threads = Threads()
        self.assertFalse(threads.is_alive())
        threads.start(ends())
        eventually(lambda: not threads.is_alive())
        threads.stop()
        loop = Loop()
        self.assertFalse(loop.is_alive())
        self.addCleanup(loop.stop)
        with mock.patch("threading.excepthook"), \
                mock.patch.object(loop, "_turn", side_effect=SystemExit):
            loop.start(rest())
            eventually(lambda: not loop.is_alive())

    def test_a_loop_ends_its_programs_when_it_stops(self) -> None:
        """Whatever they wait for, and also those that have not begun: each closes what it has."""
        ended: list[str] = []

        def waiting(name: str, wait: Wait) -> Program[None]:
            try:
                yield wait
            finally:
                ended.append(name)

        ours, theirs = tcp_pair()
        stream = Stream(ours, ReplyParser())
        self.addCleanup(theirs.close)
        loop = Loop()
        loop.start(rest())
        for name, wait in (("future", (Future(), DONE, math.inf)),
                           ("bytes", (stream, READ, soon())),
                           ("time", (None, 0, soon()))):
            loop.spawn(waiting(name, wait))
        eventually(lambda: stream.task is not None)
        eventually(lambda: len(loop._alarms) >= 3)
        loop.stop()
        self.assertEqual(sorted(ended), ["bytes", "future", "time"])
        # It was watched, and nobody else closes it.
        self.assertEqual(ours.fileno(), -1)
        # A late job does no harm.
        loop.post(lambda: None)
        loop.stop()


# ---- with each driver ------------------------------------------------------------------------

class DriversOfThreads(OfThreads, Drivers, unittest.TestCase):
    pass


class DriversOfEvents(OfEvents, Drivers, unittest.TestCase):
    pass


if __name__ == "__main__":
    unittest.main()
