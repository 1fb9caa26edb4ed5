"""The loop of ponte/net/events.py: its alarms, with a simulated clock; its memory; and its rest.

What it does for callers and servers is in test_engines.py and test_engines_servers.py.
"""

from __future__ import annotations

import contextlib
import errno
import math
import socket
import threading
import unittest
from typing import Any
from unittest import mock

from ponte.calls.rule import Outcome
from ponte.net import events, loop
from ponte.net.events import Caller, EventEngine, Stream, Worker
from ponte.net.loop import Watched
from ponte.net.message import Reply, Request
from ponte.net.wire import RECEIVE_BYTES, listen
from tests.fakes import Clock
from tests.net.engines import (
    ONE_MIB,
    SOON_S,
    EngineCase,
    Mute,
    OfEvents,
    Trying,
    no_file_descriptors,
    post,
    slow_reader,
    swallow,
    wait_for,
)
from tests.net.test_wire import OK, POST, connected, echo, soon


class Sleeper(Watched):
    """Waits for its deadline, and for nothing else."""

    def __init__(self, loop: Worker, clock: Clock) -> None:
        super().__init__(loop, socket.socket())
        self.clock = clock
        self.woken: list[float] = []

    def on_deadline(self) -> None:
        self.woken.append(self.clock.now)
        self.loop.wake_at(self, math.inf)


class Alarms(unittest.TestCase):
    """A heap of times at which to look at deadlines, which may have changed since."""

    def setUp(self) -> None:
        self.clock = Clock(1000.0)
        for module in (events, loop):
            patch = mock.patch.object(module, "time", self.clock)
            patch.start()
            self.addCleanup(patch.stop)
        engine = EventEngine("127.0.0.1", 0, echo)
        self.addCleanup(engine.close)
        self.loop = engine._workers[0]

    def sleeper(self) -> Sleeper:
        made = Sleeper(self.loop, self.clock)
        self.addCleanup(made.close)
        return made

    def wind_to(self, now: float) -> None:
        """Sets the clock, and sounds the alarms that are due."""
        self.clock.now = now
        self.loop._sound_alarms(now)

    def test_it_sounds_at_its_deadline_and_once(self) -> None:
        one, two = self.sleeper(), self.sleeper()
        self.loop.wake_at(one, 1002.0)
        self.loop.wake_at(two, 1002.0)
        for now in (1001.9, 1002.0, 1002.1, 1100.0):
            self.wind_to(now)
        self.assertEqual(one.woken, [1002.0])
        self.assertEqual(two.woken, [1002.0])

    def test_the_latest_deadline_counts(self) -> None:
        """Put off, brought forward, or given up."""
        later, sooner, never = self.sleeper(), self.sleeper(), self.sleeper()
        for sleeper, deadlines in ((later, (1010.0, 1030.0)),
                                   (sooner, (1030.0, 1010.0)),
                                   (never, (1010.0, math.inf))):
            for deadline in deadlines:
                self.loop.wake_at(sleeper, deadline)
        for now in range(1000, 1050):
            self.wind_to(float(now))
        self.assertEqual(later.woken, [1030.0])
        self.assertEqual(sooner.woken, [1010.0])
        self.assertEqual(never.woken, [])

    def test_a_deadline_that_is_put_off_needs_no_new_alarm(self) -> None:
        """Deadlines are put off with every call."""
        sleeper = self.sleeper()
        for more in range(1000):
            self.loop.wake_at(sleeper, 1010.0 + more)
        self.assertEqual(len(self.loop._alarms), 1)

    def test_deadlines_that_come_and_go_do_not_pile_up(self) -> None:
        """A connection to a server has a near one while a call runs, and a far one in between."""
        sleeper = self.sleeper()
        for call in range(10_000):
            self.loop.wake_at(sleeper, self.clock.now + 2.5)
            self.loop.wake_at(sleeper, self.clock.now + 30.0)
            self.wind_to(1000.0 + call)
        self.assertEqual(sleeper.woken, [])
        self.assertLess(len(self.loop._alarms), 20)

    def test_connections_that_come_and_go_do_not_pile_up(self) -> None:
        """Else their alarms would keep them in memory for more than a minute after their end."""
        kept = [self.sleeper() for _ in range(10)]
        for sleeper in kept:
            self.loop.wake_at(sleeper, 1075.0)
        for _ in range(1000):
            sleeper = self.sleeper()
            self.loop.wake_at(sleeper, 1075.0)
            sleeper.close()
        self.assertLessEqual(len(self.loop._alarms), 2 * len(kept) + 1)
        self.wind_to(1075.0)
        self.assertEqual([sleeper.woken for sleeper in kept], [[1075.0]] * 10)

    def test_what_is_closed_is_not_woken(self) -> None:
        sleeper, other = self.sleeper(), self.sleeper()
        self.loop.wake_at(sleeper, 1001.0)
        for deadline in (1001.0, 1001.5):
            self.loop.wake_at(other, deadline)
        sleeper.close()
        self.wind_to(1002.0)
        self.assertEqual(sleeper.woken, [])
        self.assertEqual(other.woken, [1002.0])

    def test_a_loop_waits_for_its_next_alarm(self) -> None:
        """Without a limit, if there is none; not at all, if there is work."""
        self.assertIsNone(self.loop._wait_s())
        sleeper = self.sleeper()
        self.loop.wake_at(sleeper, 1002.0)
        self.assertEqual(self.loop._wait_s(), 2.0)
        self.clock.now = 1003.0
        self.assertEqual(self.loop._wait_s(), 0.0, "it is late")
        self.wind_to(1003.0)
        self.assertIsNone(self.loop._wait_s())
        self.loop.soon.append(sleeper.close)
        self.assertEqual(self.loop._wait_s(), 0.0)

    def test_a_mistake_costs_one_connection(self) -> None:
        """The others are still woken."""
        bad, good = self.sleeper(), self.sleeper()
        for sleeper in (bad, good):
            self.loop.wake_at(sleeper, 1001.0)
        with mock.patch.object(bad, "on_deadline", side_effect=RuntimeError), \
                self.assertLogs("ponte.loop"):
            self.wind_to(1001.0)
        self.assertTrue(bad.closed)
        self.assertFalse(good.closed)
        self.assertEqual(good.woken, [1001.0])


class Frugal(OfEvents, EngineCase, unittest.TestCase):
    """An idle connection costs a little memory, and nothing else."""

    def test_an_idle_connection_keeps_no_message_in_memory(self) -> None:
        """Neither its last reply nor the last request that was sent on it."""
        # More than the system takes at once.
        long = post(body=ONE_MIB * 8)
        with Mute() as server, \
                self.running(lambda *_: Trying(server.address, message=long)) as engine, \
                connected(engine.address) as caller:
            assert isinstance(engine, EventEngine)
            caller.send(post(body=ONE_MIB), soon())
            with server.accept() as accepted:
                swallow(accepted, len(long))
                accepted.sendall(OK.replace(b"2\r\n\r\nok", b"%d\r\n\r\n" % len(ONE_MIB)) + ONE_MIB)
                self.assertIsNotNone(caller.read(soon()))
                self.assertTrue(engine.wait_until_quiet(1.0))
                worker = engine._workers[0]
                ours: list[Stream[Any]] = [*worker.callers]
                for idle in worker._pool.values():
                    ours += idle
                self.assertEqual(len(ours), 2)
                for stream in ours:
                    held = (bytes(stream._unsent.obj), stream.parser._buffer,
                            getattr(stream, "_message", b""))
                    self.assertLess(sum(map(len, held)), 1000)
                    self.assertIsNone(getattr(stream, "_relay", None))

    def test_a_connection_is_idle_from_its_last_reply_on(self) -> None:
        """The connection of an active caller is not closed."""
        with self.running() as engine, connected(engine.address) as connection:
            assert isinstance(engine, EventEngine)
            deadlines = []
            for _ in range(3):
                self.ask(connection)
                self.assertTrue(engine.wait_until_quiet(1.0))
                caller, = engine._workers[0].callers
                wait_for(lambda: caller.deadline not in deadlines)      # noqa: B023
                deadlines.append(caller.deadline)
            self.assertEqual(deadlines, sorted(deadlines))

    def test_a_caller_that_sends_far_ahead_is_not_read_far_ahead(self) -> None:
        """Else memory would grow while requests come faster than they are answered."""
        held: list[int] = []

        def begin(request: Request, received_at: float) -> Reply:
            held.extend(len(caller.parser._buffer) for caller in engine._workers[0].callers)
            return Reply(200, {}, b"")

        with self.running(begin) as running, connected(running.address) as caller:
            assert isinstance(running, EventEngine)
            engine = running
            requests = post(body=bytes(5000)) * 400
            sending = threading.Thread(target=caller.send, args=(requests, soon()))
            sending.start()
            for _ in range(400):
                self.assertIsNotNone(caller.read(soon()))
            sending.join()
        self.assertLess(max(held), 3 * RECEIVE_BYTES)

    def test_a_loop_rests_whatever_its_peers_do(self) -> None:
        """Half-closed, reset, sent ahead, unread, waiting: it wakes only if there is work."""
        def begin(request: Request, received_at: float) -> Reply | Trying:
            if request.target == "/long":
                return Reply(200, {}, ONE_MIB * 8)
            return Trying(server.address, timeout_s=0.4)

        with Mute() as server, self.running(begin) as engine, contextlib.ExitStack() as stack:
            assert isinstance(engine, EventEngine)
            unread = stack.enter_context(slow_reader(engine.address))
            unread.send(post("/long"), soon())
            callers = [stack.enter_context(connected(engine.address)) for _ in range(4)]
            half_closed, ahead, ahead_and_gone, half_sent = callers
            for caller in callers:
                caller.send(POST[:-1] if caller is half_sent else POST, soon())
            asked = [stack.enter_context(server.asked()) for _ in range(3)]
            asked[0].send(OK[:-1], soon())
            ahead.send(POST * 100, soon())
            ahead_and_gone.send(POST, soon())
            ahead_and_gone.close()
            half_closed.socket.shutdown(socket.SHUT_WR)
            wait_for(lambda: engine.connections == 5)
            self.assert_rests(engine)

    def test_a_loop_rests_once_a_long_request_has_left(self) -> None:
        """It does not go on waiting until more could be sent."""
        long = post(body=ONE_MIB * 8)
        with Mute() as server, \
                self.running(lambda *_: Trying(server.address, message=long)) as engine, \
                connected(engine.address) as caller:
            assert isinstance(engine, EventEngine)
            caller.send(POST, soon())
            with server.accept() as accepted:
                swallow(accepted, len(long))
                self.assert_rests(engine)
                accepted.sendall(OK)
                self.assertIsNotNone(caller.read(soon()))

    def assert_rests(self, engine: EventEngine) -> None:
        """The loop hardly wakes while a call is running and nothing happens."""
        selector = engine._workers[0].selector
        with mock.patch.object(selector, "select", wraps=selector.select) as select:
            self.assertFalse(engine.wait_until_quiet(SOON_S), "a call is running")
        self.assertLess(select.call_count, 10)

    def test_a_loop_rests_while_no_file_descriptor_is_left(self) -> None:
        """Else the connections that wait to be accepted would wake it all the time."""
        with self.running() as engine, connected(engine.address) as caller, \
                socket.socket() as sock:
            assert isinstance(engine, EventEngine)
            self.ask(caller)
            selector = engine._workers[0].selector
            with no_file_descriptors(), \
                    mock.patch.object(selector, "select", wraps=selector.select) as select:
                sock.connect(engine.address)
                self.assertFalse(engine.wait_until_quiet(SOON_S, idle_too=True))
            self.assertLess(select.call_count, 10)
            sock.sendall(POST)
            sock.settimeout(1.0)
            self.assertTrue(sock.recv(1000))


class LastResorts(OfEvents, EngineCase, unittest.TestCase):
    """Whatever the system refuses, each call ends, and the loop goes on."""

    def outcomes(self, *hosts: str) -> list[tuple[Outcome, str]]:
        """Calls a server by these names. Returns each outcome, and the phase of the failure."""
        with Mute() as server:
            relays = [Trying((host, server.address[1])) for host in hosts]
            for relay in relays:
                self.assertEqual([reply.status for reply in self.carry_out(relay)], [502])
        return [(relay.result.outcome, relay.result.what.partition(":")[0]) for relay in relays]

    def test_without_a_thread_for_a_name_a_call_is_not_sent(self) -> None:
        start = threading.Thread.start

        def refuse(thread: threading.Thread) -> None:
            if thread.name != "ponte-events":
                raise RuntimeError("can't start new thread")
            start(thread)

        with mock.patch("threading.Thread.start", refuse):
            self.assertEqual(self.outcomes("localhost"), [(Outcome.NOT_SENT, "connect")])

    def test_a_connection_that_breaks_as_it_is_made_was_not_sent(self) -> None:
        """macOS reports that when an option is set."""
        broken = OSError(22, "Invalid argument")
        with mock.patch.object(events.Upstream, "__init__", side_effect=broken):
            self.assertEqual(self.outcomes("127.0.0.1", "localhost"),
                             [(Outcome.NOT_SENT, "connect")] * 2)

    def test_a_connect_that_is_refused_at_once_was_not_sent(self) -> None:
        """BSD refuses it within the call of connect."""
        with mock.patch("socket.socket.connect_ex", return_value=errno.ECONNREFUSED):
            self.assertEqual(self.outcomes("127.0.0.1"), [(Outcome.NOT_SENT, "connect")])

    def test_a_caller_that_takes_no_interim_reply_is_closed(self) -> None:
        """Without an error: it has left, or it does not read."""
        engine = EventEngine("127.0.0.1", 0, echo)
        ours, theirs = tcp_pair()
        with contextlib.closing(engine), ours, theirs:
            caller = Caller(engine._workers[0], ours)
            caller.socket = mock.Mock(wraps=ours)
            caller.socket.send.side_effect = BrokenPipeError("gone")
            caller.parser.feed(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                               b"Content-Length: 2\r\n\r\n")
            caller.proceed()
            self.assertTrue(caller.closed)
            self.assertEqual(engine.connections, 0)


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of one connection."""
    with contextlib.closing(listen("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname(), 1.0)
        ours, _ = listening.accept()
        return ours, theirs


if __name__ == "__main__":
    unittest.main()
