"""The loop of transport/events.py: its alarms, by a hand-wound clock; what it holds on to; and that it rests.

What it does for callers and servers is in test_engines.py.
"""

from __future__ import annotations

import contextlib
import math
import socket
import unittest
from typing import Any, List
from unittest import mock

from tests.engines import (
    ONE_MIB,
    SOON_S,
    EngineCase,
    Mute,
    OfEvents,
    Trying,
    no_file_descriptors,
    post,
    slow_reader,
    wait_for,
)
from tests.fakes import Clock
from tests.test_wire import OK, POST, connect, echo, soon
from transport import events
from transport.events import EventEngine, Loop, Stream, Watched
from transport.message import Reply, Request


class Sleeper(Watched):
    """Waits for its deadline, and for nothing else."""

    def __init__(self, loop: Loop, clock: Clock) -> None:
        super().__init__(loop, socket.socket())
        self.clock = clock
        self.woken: List[float] = []

    def on_deadline(self) -> None:
        self.woken.append(self.clock.now)
        self.loop.wake_at(self, math.inf)


class Alarms(unittest.TestCase):
    """A heap of times at which to look at deadlines, which may have been put off meanwhile."""

    def setUp(self) -> None:
        self.clock = Clock(1000.0)
        patch = mock.patch.object(events, "time", self.clock)
        patch.start()
        self.addCleanup(patch.stop)
        engine = EventEngine("127.0.0.1", 0, echo)
        self.addCleanup(engine.close)
        self.loop = engine._loops[0]

    def sleeper(self) -> Sleeper:
        made = Sleeper(self.loop, self.clock)
        self.addCleanup(made.close)
        return made

    def wind_to(self, now: float) -> None:
        self.clock.now = now
        self.loop._sound_alarms(now)

    def test_it_sounds_at_its_deadline_and_once(self) -> None:
        one, two = self.sleeper(), self.sleeper()
        self.loop.wake_at(one, 1002.0)
        self.loop.wake_at(two, 1002.0)
        for now in (1001.9, 1002.0, 1002.1, 1100.0):
            self.wind_to(now)
        self.assertEqual((one.woken, two.woken), ([1002.0], [1002.0]))

    def test_the_latest_deadline_counts(self) -> None:
        """Put off, brought forward, or given up."""
        later, sooner, never = self.sleeper(), self.sleeper(), self.sleeper()
        for sleeper, deadlines in ((later, (1010.0, 1030.0)), (sooner, (1030.0, 1010.0)), (never, (1010.0, math.inf))):
            for deadline in deadlines:
                self.loop.wake_at(sleeper, deadline)
        for now in range(1000, 1050):
            self.wind_to(float(now))
        self.assertEqual((later.woken, sooner.woken, never.woken), ([1030.0], [1010.0], []))

    def test_to_put_a_deadline_off_costs_nothing(self) -> None:
        """It happens with every call."""
        sleeper = self.sleeper()
        for more in range(1000):
            self.loop.wake_at(sleeper, 1010.0 + more)
        self.assertEqual(len(self.loop._alarms), 1)

    def test_deadlines_that_come_and_go_do_not_pile_up(self) -> None:
        """A connection to a server has a near one while a call is on its way, and a far one in between."""
        sleeper = self.sleeper()
        for call in range(10_000):
            self.loop.wake_at(sleeper, self.clock.now + 2.5)
            self.loop.wake_at(sleeper, self.clock.now + 30.0)
            self.wind_to(1000.0 + call)
        self.assertEqual(sleeper.woken, [])
        self.assertLess(len(self.loop._alarms), 20)

    def test_connections_that_come_and_go_do_not_pile_up(self) -> None:
        """Their alarms would keep them in memory for more than a minute after their end."""
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
        self.assertEqual((sleeper.woken, other.woken), ([], [1002.0]))

    def test_a_loop_waits_for_its_next_alarm(self) -> None:
        """For ever, if there is none; not at all, if there is work."""
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
        """The others are woken all the same."""
        bad, good = self.sleeper(), self.sleeper()
        for sleeper in (bad, good):
            self.loop.wake_at(sleeper, 1001.0)
        with mock.patch.object(bad, "on_deadline", side_effect=RuntimeError), self.assertLogs("ponte.events"):
            self.wind_to(1001.0)
        self.assertEqual((bad.closed, good.closed, good.woken), (True, False, [1001.0]))


class Frugal(OfEvents, EngineCase, unittest.TestCase):
    """A connection that says nothing costs its memory, which is little, and nothing else."""

    def test_an_idle_connection_holds_on_to_no_message(self) -> None:
        """Neither to its last reply nor to the last request that was sent on it."""
        with Mute() as server, self.running(lambda *_: Trying(server.address, message=post(body=ONE_MIB))) as engine, \
                contextlib.closing(connect(engine.address)) as caller:
            assert isinstance(engine, EventEngine)
            caller.send(post(body=ONE_MIB), soon())
            with server.asked() as asked:
                asked.send(OK.replace(b"2\r\n\r\nok", b"%d\r\n\r\n" % len(ONE_MIB)) + ONE_MIB, soon())
                self.assertIsNotNone(caller.read(soon()))
                self.assertTrue(engine.wait_until_quiet(1.0))
                loop = engine._loops[0]
                ours: List[Stream[Any]] = [*loop.callers]
                for idle in loop._pool.values():
                    ours += idle
                self.assertEqual(len(ours), 2)
                for stream in ours:
                    held = (bytes(stream._unsent.obj), stream.parser._buffer, getattr(stream, "_message", b""))
                    self.assertLess(sum(map(len, held)), 1000)
                    self.assertIsNone(getattr(stream, "_relay", None))

    def test_a_loop_rests_whatever_its_peers_do(self) -> None:
        """Half-closed, reset, sent ahead, unread, waiting: it is awake when there is something to do, not before."""
        def begin(request: Request, received_at: float) -> object:
            return Reply(200, {}, ONE_MIB * 8) if request.target == "/long" else Trying(server.address, timeout_s=0.4)

        with Mute() as server, self.running(begin) as engine, contextlib.ExitStack() as stack:  # type: ignore[arg-type]
            assert isinstance(engine, EventEngine)
            unread = stack.enter_context(slow_reader(engine.address))
            unread.send(post("/long"), soon())
            callers = [stack.enter_context(contextlib.closing(connect(engine.address))) for _ in range(4)]
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
            selector = engine._loops[0].selector
            with mock.patch.object(selector, "select", wraps=selector.select) as select:
                self.assertFalse(engine.wait_until_quiet(SOON_S), "five calls are running")
            self.assertLess(select.call_count, 10)

    def test_a_loop_rests_while_no_file_descriptor_is_left(self) -> None:
        """Who waits to be accepted would wake it again and again."""
        with self.running() as engine, contextlib.closing(connect(engine.address)) as caller, \
                socket.socket() as sock:
            assert isinstance(engine, EventEngine)
            self.ask(caller)
            selector = engine._loops[0].selector
            with no_file_descriptors(), mock.patch.object(selector, "select", wraps=selector.select) as select:
                sock.connect(engine.address)
                self.assertFalse(engine.wait_until_quiet(SOON_S, idle_too=True))
            self.assertLess(select.call_count, 10)
            sock.sendall(POST)
            sock.settimeout(1.0)
            self.assertTrue(sock.recv(1000))


if __name__ == "__main__":
    unittest.main()
