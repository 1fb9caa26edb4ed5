"""The loop: its alarms, with a simulated clock; its memory; its rest; its errors; its replacement.

What it does for programs is in test_drivers.py; for callers and servers, in test_engines.py and
test_engines_servers.py.
"""

from __future__ import annotations

import collections
import contextlib
import errno
import gc
import logging
import math
import selectors
import socket
import threading
import time
import unittest
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from types import GeneratorType
from typing import Any, Callable
from unittest import mock

from ponte.calls.attempt import Outcome
from ponte.net import loop as loop_module
from ponte.net import pool as pool_module
from ponte.net import serving
from ponte.net.loop import Loop
from ponte.net.message import Reply, Request
from ponte.net.parser import ReplyParser
from ponte.net.serving import Handler, Listener
from ponte.net.stream import (
    DONE,
    NOTHING,
    READ,
    RECEIVE_BYTES,
    TURN,
    Program,
    Stream,
    Wait,
    Waitable,
    result_of,
)
from tests.fakes import Clock, eventually, wait_for_clock
from tests.net.engines import Engine, EngineCase, OfEvents, Trying, rest, run_on
from tests.net.peers import (
    OK,
    ONE_MIB,
    PATIENCE_S,
    POST,
    SOON_S,
    Mute,
    connected,
    no_file_descriptors,
    post,
    slow_reader,
    soon,
    swallow,
    tcp_pair,
)


def loop_of(engine: Engine) -> Loop:
    assert isinstance(engine.driver, Loop)
    return engine.driver


class Sleeper:
    """A program that waits for one thing after another, and notes when it goes on, and with what.

    Where it waits for its stream, `poke` ends the wait.
    """

    def __init__(self, loop: Loop, clock: Clock, waits: Sequence[Wait | float]) -> None:
        ours, self._theirs = socket.socketpair()
        self.stream = Waitable(ours)
        self.woken: list[tuple[float, bool | None]] = []
        self.ended = False
        self._clock = clock
        loop.spawn(self._run(waits))

    def poke(self) -> None:
        self._theirs.send(b"x")

    def close(self) -> None:
        self.stream.close()
        self._theirs.close()

    def _run(self, waits: Sequence[Wait | float]) -> Program[None]:
        """Each wait is a deadline, for bytes; or anything else that a program can wait for."""
        try:
            for wait in waits:
                ready = yield (self.stream, READ, wait) if isinstance(wait, float) else wait
                self.woken.append((self._clock.now, ready))
                with contextlib.suppress(BlockingIOError):
                    self.stream.socket.recv(1)
        finally:
            self.ended = True


class ByHand(unittest.TestCase):
    """A loop without a thread: a test takes its turns, at the time that it sets."""

    def setUp(self) -> None:
        self.clock = Clock(1000.0)
        patch = mock.patch.object(loop_module, "time", self.clock)
        patch.start()
        self.addCleanup(patch.stop)
        self.loop = Loop()
        self.addCleanup(self.loop.stop)

    def sleeper(self, *waits: Wait | float) -> Sleeper:
        """It has begun."""
        made = Sleeper(self.loop, self.clock, waits)
        self.addCleanup(made.close)
        self.turn()
        return made

    def turn(self, now: float = 0.0) -> None:
        """One turn, which does not wait."""
        self.clock.now = now or self.clock.now
        with mock.patch.object(self.loop, "_wait_s", return_value=0.0):
            self.loop._turn(self.loop._thread)


class Alarms(ByHand):
    """A heap of times at which to look at deadlines, which may have changed since."""

    def test_it_sounds_at_its_deadline_and_once(self) -> None:
        one, two = self.sleeper(1002.0, 1200.0), self.sleeper(1002.0, 1200.0)
        for now in (1001.9, 1002.0, 1002.1, 1100.0):
            self.turn(now)
        self.assertEqual(one.woken, [(1002.0, False)])
        self.assertEqual(two.woken, [(1002.0, False)])

    def test_the_latest_deadline_counts(self) -> None:
        """Put off, or brought forward."""
        later, sooner = self.sleeper(1010.0, 1030.0), self.sleeper(1030.0, 1010.0)
        for sleeper in (later, sooner):
            sleeper.poke()
        for now in range(1000, 1050):
            self.turn(float(now))
        self.assertEqual(later.woken, [(1000.0, True), (1030.0, False)])
        self.assertEqual(sooner.woken, [(1000.0, True), (1010.0, False)])

    def test_a_deadline_that_is_put_off_needs_no_new_alarm(self) -> None:
        """Deadlines are put off with every call."""
        sleeper = self.sleeper(*(1010.0 + more for more in range(1000)))
        for _ in range(900):
            sleeper.poke()
            self.turn()
        self.assertEqual(len(sleeper.woken), 900)
        self.assertEqual(len(self.loop._alarms), 1)

    def test_deadlines_that_come_and_go_do_not_pile_up(self) -> None:
        """A program has a near one while a call runs, and a far one in between."""
        waits = [1000.0 + call + more for call in range(400) for more in (2.5, 30.0)]
        sleeper = self.sleeper(*waits)
        for call in range(300):
            for _ in range(2):
                sleeper.poke()
                self.turn(1000.0 + call)
        self.assertNotIn(False, [ready for _, ready in sleeper.woken])
        self.assertLess(len(self.loop._alarms), 20)

    def test_programs_that_come_and_go_do_not_pile_up(self) -> None:
        """Else their alarms would keep them in memory for more than a minute after their end."""
        kept = [self.sleeper(1075.0) for _ in range(10)]
        for _ in range(200):
            sleeper = self.sleeper(1075.0)
            sleeper.poke()
            self.turn()
            self.assertTrue(sleeper.ended)
            sleeper.close()
        self.assertLessEqual(len(self.loop._alarms), 2 * len(kept) + 1)
        self.assertEqual(len(self.loop._tasks), len(kept))
        self.turn(1075.0)
        self.assertEqual([sleeper.woken for sleeper in kept], [[(1075.0, False)]] * 10)

    def test_what_has_ended_is_not_woken(self) -> None:
        sleeper, other = self.sleeper(1001.0), self.sleeper(1001.0)
        sleeper.poke()
        self.turn()
        self.turn(1002.0)
        self.assertEqual(sleeper.woken, [(1000.0, True)])
        self.assertEqual(other.woken, [(1002.0, False)])

    def test_a_loop_waits_for_its_next_alarm(self) -> None:
        """Without a limit, if there is none; not at all, if there is work."""
        self.turn()
        self.assertIsNone(self.loop._wait_s())
        sleeper = self.sleeper(1002.0)
        self.assertEqual(self.loop._wait_s(), 2.0)
        self.clock.now = 1003.0
        self.assertEqual(self.loop._wait_s(), 0.0, "it is late")
        self.turn()
        self.assertTrue(sleeper.ended)
        self.assertIsNone(self.loop._wait_s())
        self.loop.post(lambda: None)
        self.assertEqual(self.loop._wait_s(), 0.0)

    def test_a_wait_without_a_deadline_needs_no_alarm(self) -> None:
        """Also after one that had a deadline. No system call takes an infinite time."""
        sleeper = self.sleeper(1002.0, (Future(), DONE, math.inf))
        sleeper.poke()
        self.turn()
        self.assertEqual(len(sleeper.woken), 1)
        self.turn(1003.0)
        self.assertIn(self.loop._wait_s(), (None, 0.0))
        self.assertEqual(len(sleeper.woken), 1)

    def test_a_mistake_costs_one_program(self) -> None:
        """The others are still woken."""
        def bad() -> Program[None]:
            yield None, NOTHING, 1001.0
            raise RuntimeError("a mistake")

        self.loop.spawn(bad())
        good = self.sleeper(1001.0)
        with self.assertLogs("ponte.loop"):
            self.turn(1001.0)
        self.assertEqual(good.woken, [(1001.0, False)])
        self.assertEqual(self.loop.errors, 1)
        self.assertEqual(len(self.loop._tasks), 0)


class Turns(ByHand):
    """Each program goes on once for each thing that it waited for."""

    def test_a_turn_for_others_is_not_ended_by_an_old_alarm(self) -> None:
        """Else the program would go on twice, and take the second time for what it waits for then.

        The alarm of an earlier deadline is due in the turn in which the program gives way.
        """
        never: Future[None] = Future()
        sleeper = self.sleeper(1010.0, TURN, (never, DONE, 1100.0), 1200.0)
        sleeper.poke()
        self.turn(1010.0)
        self.turn(1011.0)
        self.assertEqual(sleeper.woken, [(1010.0, True), (1010.0, True)])
        never.set_result(None)
        self.turn(1012.0)
        self.assertEqual(sleeper.woken[2:], [(1012.0, True)])

    def test_a_stream_that_was_waited_for_in_vain_does_not_disturb_later_waits(self) -> None:
        """Bytes that come too late wait in the system."""
        never: Future[None] = Future()
        sleeper = self.sleeper(1010.0, (never, DONE, 1100.0), 1200.0)
        self.turn(1010.0)
        sleeper.poke()
        sleeper.poke()
        self.turn()
        self.turn()
        self.assertEqual(sleeper.woken, [(1010.0, False)])
        never.set_result(None)
        self.turn()
        self.turn()
        self.assertEqual(len(sleeper.woken), 3)

    def test_a_program_that_gives_way_lets_all_that_is_ready_go_first(self) -> None:
        order: list[str] = []

        def greedy() -> Program[None]:
            for _ in range(3):
                order.append("greedy")
                yield TURN

        def modest() -> Program[None]:
            yield other.stream, READ, 1100.0
            order.append("modest")

        other = self.sleeper()
        self.loop.spawn(modest())
        self.turn()
        self.loop.spawn(greedy())
        self.turn()
        other.poke()
        self.turn()
        self.turn()
        self.assertEqual(order, ["greedy", "modest", "greedy", "greedy"])

    def test_a_ready_stream_for_which_nobody_waits_does_not_spin_the_loop(self) -> None:
        """It is watched again when a program waits for it; nothing is lost."""
        never: Future[None] = Future()
        sleeper = self.sleeper(1100.0, (never, DONE, 1100.0), 1100.0)
        sleeper.poke()
        self.turn()
        # Two bytes: each wait takes one away.
        sleeper.poke()
        sleeper.poke()
        # The loop hears of it once.
        for _ in range(2):
            self.turn()
        self.assertEqual(self.loop._selector.select(0.0), [])
        never.set_result(None)
        self.turn()
        self.turn()
        self.assertEqual([ready for _, ready in sleeper.woken], [True] * 3)

    def test_a_stream_that_is_closed_in_the_same_turn_does_no_harm(self) -> None:
        """Both are ready; the first program closes the stream of the second."""
        first, second = self.sleeper(1100.0), self.sleeper(1100.0)
        waits: list[Waitable] = [first.stream, second.stream]

        def closes(mine: Waitable, other: Waitable) -> Program[None]:
            yield mine, READ, 1100.0
            other.close()

        for sleeper in (first, second):
            # The sleepers' own programs end.
            sleeper.poke()
        self.turn()
        self.loop.spawn(closes(waits[0], waits[1]))
        self.loop.spawn(closes(waits[1], waits[0]))
        self.turn()
        for sleeper in (first, second):
            sleeper.poke()
        self.turn()
        self.turn()
        self.assertEqual(self.loop.errors, 0)
        self.assertEqual(sum(stream.socket.fileno() == -1 for stream in waits), 1)

    def test_another_socket_object_goes_on_in_its_place(self) -> None:
        """The one of TLS has the same number in the system."""
        sleeper = self.sleeper(1100.0)
        sleeper.stream.wrap(lambda old: socket.socket(fileno=old.detach()))
        sleeper.stream.socket.setblocking(False)

        def waits() -> Program[None]:
            heard.append((yield sleeper.stream, READ, 1100.0))

        heard: list[bool | None] = []
        self.loop.spawn(waits())
        self.turn()
        sleeper.poke()
        self.turn()
        self.assertEqual(heard, [True])
        self.assertEqual(self.loop.errors, 0)


class Lives(unittest.TestCase):
    """Whether a loop serves, whatever goes wrong."""

    def started(self) -> Loop:
        loop = Loop()
        self.addCleanup(loop.stop)
        loop.start(rest())
        eventually(loop.is_alive)
        return loop

    def test_a_stuck_turn_is_noticed(self) -> None:
        """Its process stops beating. When the turn has ended, all is well."""
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def block() -> None:
            go_on.wait(PATIENCE_S)

        loop = self.started()
        with mock.patch.object(loop_module, "STUCK_S", SOON_S):
            loop.post(block)
            eventually(lambda: not loop.is_alive())
            go_on.set()
            eventually(loop.is_alive)

    def test_a_loop_that_waits_for_long_is_not_stuck(self) -> None:
        loop = self.started()
        with mock.patch.object(loop_module, "STUCK_S", 0.001):
            for _ in range(20):
                threading.Event().wait(0.002)
                if loop.is_alive():
                    return
        self.fail("it is never alive")

    def test_an_error_of_a_turn_is_counted_and_logged_and_survived(self) -> None:
        def fail() -> None:
            raise RuntimeError("a mistake")

        def answers() -> Program[str]:
            yield TURN
            return "well"

        loop = self.started()
        with self.assertLogs("ponte.loop", logging.ERROR) as logs, \
                mock.patch.object(loop_module, "ERROR_PAUSE_S", 0.001):
            for number in range(1, 4):
                loop.post(fail)
                eventually(lambda: loop.errors == number)       # noqa: B023
            self.assertEqual(run_on(loop, answers()), "well")
        self.assertEqual(len(logs.output), 3)
        self.assertTrue(loop.is_alive())

    def test_an_error_that_stays_does_not_fill_the_log(self) -> None:
        loop = self.started()
        with self.assertLogs("ponte.loop", logging.ERROR), \
                mock.patch.object(loop._selector, "select", side_effect=OSError("broken")):
            loop.post(lambda: None)
            eventually(lambda: loop.errors > 0)
            threading.Event().wait(SOON_S)
        self.assertLess(loop.errors, 10)

    def test_a_loop_whose_turns_all_fail_is_not_alive(self) -> None:
        """Nobody is served: its process must not beat on."""
        for name in ("select", "_hear"):
            loop = self.started()
            what: object = loop._selector if name == "select" else loop
            with self.subTest(name), mock.patch.object(loop_module, "STUCK_S", SOON_S), \
                    mock.patch.object(loop_module, "ERROR_PAUSE_S", 0.001), \
                    self.assertLogs("ponte.loop", logging.ERROR), \
                    mock.patch.object(what, name, side_effect=OSError("broken")):
                end = soon()
                # A ring that it hears just now is no failure yet.
                while not loop.errors and time.monotonic() < end:
                    loop.post(lambda: None)
                    threading.Event().wait(0.001)
                eventually(lambda: not loop.is_alive())         # noqa: B023
                for _ in range(20):
                    threading.Event().wait(0.001)
                    self.assertFalse(loop.is_alive())

    def test_jobs_of_many_threads_are_all_done(self) -> None:
        """Each is heard, also if the bell rings already."""
        loop = self.started()
        done: list[int] = []

        def posts(number: int) -> None:
            for job in range(500):
                loop.post(lambda: done.append(number * 500 + job))      # noqa: B023

        threads = [threading.Thread(target=posts, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        eventually(lambda: len(done) == 2000)


class Replaced(unittest.TestCase):
    """A function that blocks once keeps its thread; another goes on with the turns."""

    def setUp(self) -> None:
        self.go_on = threading.Event()
        self.entered = threading.Event()
        self.loop = Loop()
        self.addCleanup(self.loop.stop)
        self.addCleanup(self.go_on.set)
        self.loop.start(rest())
        # The loop has learned that it is quick.
        for _ in range(2):
            run_on(self.loop, self.calls(lambda: 1))

    def calls(self, function: Callable[[], int]) -> Program[int]:
        done = self.loop.call("quick", function)
        return (yield from result_of(done)) if isinstance(done, Future) else done

    def block(self) -> int:
        self.entered.set()
        self.go_on.wait(PATIENCE_S)
        return 7

    def blocking(self) -> tuple[threading.Thread, list[int]]:
        """A call of a quick function that blocks this time, on the loop's thread. And its result.
        """
        waiting, results = self.in_thread(self.calls(self.block))
        self.assertTrue(self.entered.wait(PATIENCE_S))
        return waiting, results

    def in_thread(self, program: Program[int]) -> tuple[threading.Thread, list[int]]:
        results: list[int] = []

        def wait() -> None:
            with contextlib.suppress(AssertionError):
                results.append(run_on(self.loop, program))

        waiting = threading.Thread(target=wait, daemon=True)
        waiting.start()
        return waiting, results

    def test_other_programs_go_on_and_its_own_does_so_later(self) -> None:
        first = self.loop._thread
        waiting, results = self.blocking()
        for number in range(3):
            self.assertEqual(run_on(self.loop, self.calls(lambda: number)), number)  # noqa: B023
        self.assertIsNot(self.loop._thread, first)
        self.assertTrue(self.loop.is_alive())
        self.assertEqual(results, [])
        self.go_on.set()
        waiting.join(PATIENCE_S)
        self.assertEqual(results, [7])
        first.join(PATIENCE_S)
        self.assertFalse(first.is_alive(), "one thread carries out the turns")
        self.assertEqual(self.loop.errors, 0)

    def test_what_was_ready_in_its_turn_is_left_to_the_other_thread(self) -> None:
        """Else a program would go on twice for the same bytes, on two threads at once."""
        pairs = [tcp_pair() for _ in range(2)]
        for _, theirs in pairs:
            self.addCleanup(theirs.close)
        streams = [Stream(ours, ReplyParser()) for ours, _ in pairs]
        threads: list[threading.Thread] = []

        def blocks() -> Program[int]:
            self.assertTrue((yield streams[0], READ, soon()))
            return (yield from self.calls(self.block))

        def reads() -> Program[int]:
            while True:
                yield streams[1], READ, math.inf
                threads.append(threading.current_thread())
                with contextlib.suppress(BlockingIOError):
                    streams[1].socket.recv(1)

        def make_ready() -> None:
            for _, theirs in pairs:
                theirs.sendall(b"x")

        waiting, results = self.in_thread(blocks())
        self.in_thread(reads())
        eventually(lambda: all(stream.task for stream in streams))
        # In one turn of the loop: both are ready in the next one, in this order.
        first = self.loop._thread
        self.loop.post(make_ready)
        self.assertTrue(self.entered.wait(PATIENCE_S))
        eventually(lambda: len(threads) == 1 and self.loop._thread is not first)
        self.go_on.set()
        waiting.join(PATIENCE_S)
        first.join(PATIENCE_S)
        self.assertEqual(results, [7])
        self.assertEqual(len(threads), 1)
        self.loop.stop()
        for stream in streams:
            stream.close()

    def test_an_alarm_of_its_program_waits_until_the_function_has_ended(self) -> None:
        """The deadline of the last wait is of no interest by then."""
        ours, theirs = tcp_pair()
        stream = Stream(ours, ReplyParser())
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)

        def reads_then_calls() -> Program[int]:
            self.assertTrue((yield stream, READ, time.monotonic() + 4 * SOON_S))
            return (yield from self.calls(self.block))

        waiting, results = self.in_thread(reads_then_calls())
        theirs.sendall(b"x")
        self.assertTrue(self.entered.wait(PATIENCE_S))
        # The deadline passes while the function runs.
        threading.Event().wait(6 * SOON_S)
        run_on(self.loop, self.calls(lambda: 1))
        self.assertEqual(self.loop.errors, 0)
        self.go_on.set()
        waiting.join(PATIENCE_S)
        self.assertEqual(results, [7])
        self.assertEqual(self.loop.errors, 0)

    def test_without_another_thread_the_loop_goes_on_later(self) -> None:
        """The system gives no thread: then the callers wait for the function."""
        start = threading.Thread.start
        refused = threading.Event()

        def refuse(thread: threading.Thread) -> None:
            if thread.name == "ponte-loop":
                refused.set()
                raise RuntimeError("can't start new thread")
            start(thread)

        with mock.patch("threading.Thread.start", refuse), mock.patch("threading.excepthook"):
            waiting, results = self.blocking()
            self.assertTrue(refused.wait(PATIENCE_S))
            self.go_on.set()
            waiting.join(2 * PATIENCE_S + 1)
        self.assertEqual(results, [7])
        self.assertEqual(run_on(self.loop, self.calls(lambda: 2)), 2)
        self.assertTrue(self.loop.is_alive())

    def test_a_loop_stops_whatever_blocks_it(self) -> None:
        """A process that must leave does not wait for a function of the user."""
        self.blocking()
        stopping = threading.Thread(target=self.loop.stop)
        stopping.start()
        stopping.join(PATIENCE_S / 2)
        self.assertFalse(stopping.is_alive())


class Frugal(OfEvents, EngineCase, unittest.TestCase):
    """An idle connection costs a little memory, and nothing else."""

    def test_an_idle_connection_keeps_no_message_in_memory(self) -> None:
        """Neither its last reply nor the last request that was sent on it."""
        # More than the system takes at once.
        long = post(body=ONE_MIB * 8)
        with Mute() as server, \
                self.running(lambda *_: Trying(server.address, message=long)) as engine, \
                connected(engine.address) as caller:
            caller.send(post(body=ONE_MIB), soon())
            with server.accept() as accepted:
                swallow(accepted, len(long))
                accepted.sendall(OK.replace(b"2\r\n\r\nok", b"%d\r\n\r\n" % len(ONE_MIB)) + ONE_MIB)
                self.assertIsNotNone(caller.read(soon()))
                self.assertTrue(engine.wait_until_quiet(1.0))
                streams: list[Stream[Any]] = [*engine._open]
                for idle in engine.pool._idle.values():
                    streams += idle
                self.assertEqual(len(streams), 2)
                for stream in streams:
                    self.assertLess(len(stream.parser._buffer), 1000)
                eventually(lambda: self.held(loop_of(engine)) < 1000)

    def held(self, loop: Loop) -> int:
        """The bytes in the variables of all programs."""
        total = 0
        for task in loop._tasks.copy():
            program: Any = task.program
            while isinstance(program, GeneratorType):
                for value in list(program.gi_frame.f_locals.values()) if program.gi_frame else ():
                    # A request or a reply is a tuple.
                    for part in value if isinstance(value, tuple) else (value,):
                        if isinstance(part, (bytes, bytearray, memoryview)):
                            total += len(part)
                program = program.gi_yieldfrom
        return total

    def test_a_connection_that_has_ended_leaves_nothing(self) -> None:
        """No program, no stream; also not in cycles of objects."""
        gc.collect()
        before = sum(issubclass(type(found), Stream) for found in gc.get_objects())
        with self.running() as engine:
            for _ in range(20):
                with connected(engine.address) as caller:
                    self.ask(caller)
            del caller
            self.wait_for_end(engine)
            loop = loop_of(engine)
            eventually(lambda: len(loop._tasks) == 1)
            gc.disable()
            self.addCleanup(gc.enable)
            eventually(lambda: sum(issubclass(type(found), Stream) for found in gc.get_objects())
                       <= before + 1)

    def test_a_connection_is_idle_from_its_last_reply_on(self) -> None:
        """The connection of an active caller is not closed."""
        with self.running() as engine, connected(engine.address) as connection:
            deadlines: list[float] = []
            for _ in range(3):
                wait_for_clock()
                self.ask(connection)
                self.assertTrue(engine.wait_until_quiet(1.0))
                stream, = engine._open
                eventually(lambda: self.deadline(stream) not in (math.inf, *deadlines))  # noqa: B023
                deadlines.append(self.deadline(stream))
            self.assertEqual(deadlines, sorted(deadlines))

    def deadline(self, stream: Stream[Request]) -> float:
        """Of the program that waits for it; infinite while none does."""
        task = stream.task
        return task.deadline if task else math.inf

    def test_a_caller_that_sends_far_ahead_is_not_read_far_ahead(self) -> None:
        """Else memory would grow while requests come faster than they are answered."""
        held: list[int] = []

        def begin(request: Request, *_: object) -> Reply:
            held.extend(len(stream.parser._buffer) for stream in engine._open)
            return Reply(200, {}, b"")

        with self.running(begin) as engine, connected(engine.address) as caller:
            requests = post(body=bytes(5000)) * 400
            sending = threading.Thread(target=caller.send, args=(requests, soon()))
            sending.start()
            for _ in range(400):
                self.assertIsNotNone(caller.read(soon()))
            sending.join()
        self.assertLess(max(held), 3 * RECEIVE_BYTES)

    def test_a_loop_rests_whatever_its_peers_do(self) -> None:
        """Half-closed, reset, sent ahead, unread, waiting: it wakes only if there is work."""
        def begin(request: Request, *_: object) -> Reply | Trying:
            if request.target == "/long":
                return Reply(200, {}, ONE_MIB * 8)
            return Trying(server.address, timeout_s=0.4)

        with Mute() as server, self.running(begin) as engine, contextlib.ExitStack() as stack:
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
            eventually(lambda: engine.connections == 5)
            self.assert_rests(engine)

    def test_a_loop_rests_once_a_long_request_has_left(self) -> None:
        """It does not go on waiting until more could be sent."""
        long = post(body=ONE_MIB * 8)
        with Mute() as server, \
                self.running(lambda *_: Trying(server.address, message=long)) as engine, \
                connected(engine.address) as caller:
            caller.send(POST, soon())
            with server.accept() as accepted:
                swallow(accepted, len(long))
                self.assert_rests(engine)
                accepted.sendall(OK)
                self.assertIsNotNone(caller.read(soon()))

    def assert_rests(self, engine: Engine) -> None:
        """The loop hardly wakes while a call is running and nothing happens."""
        selector = loop_of(engine)._selector
        with mock.patch.object(selector, "select", wraps=selector.select) as select:
            self.assertFalse(engine.wait_until_quiet(SOON_S), "a call is running")
        self.assertLess(select.call_count, 10)

    def test_a_loop_rests_while_no_file_descriptor_is_left(self) -> None:
        """Else the connections that wait to be accepted would wake it all the time."""
        with self.running() as engine, connected(engine.address) as caller, \
                socket.socket() as sock:
            self.ask(caller)
            selector = loop_of(engine)._selector
            with no_file_descriptors(), \
                    mock.patch.object(selector, "select", wraps=selector.select) as select:
                sock.connect(engine.address)
                self.assertFalse(engine.wait_until_quiet(SOON_S, idle_too=True))
            self.assertLess(select.call_count, 10)
            sock.sendall(POST)
            sock.settimeout(1.0)
            self.assertTrue(sock.recv(1000))

    def test_a_flood_of_connections_takes_turns_with_others(self) -> None:
        """So many are accepted in one turn of the loop, however many have come."""
        engine = self.make()
        self.addCleanup(engine.close)
        selector = loop_of(engine)._selector
        turns: collections.Counter[int] = collections.Counter()
        with mock.patch.object(serving, "ACCEPTS_PER_TURN", 4), \
                mock.patch.object(selector, "select", wraps=selector.select) as select, \
                mock.patch.object(engine, "_welcome", wraps=engine._welcome) as welcome, \
                contextlib.ExitStack() as stack:
            def note_turn(*_: object) -> Any:
                turns[select.call_count] += 1
                return mock.DEFAULT

            welcome.side_effect = note_turn
            for _ in range(20):
                stack.enter_context(connected(engine.address))
            engine.start()
            eventually(lambda: engine.connections == 20)
        self.assertEqual(sum(turns.values()), 20)
        self.assertLessEqual(max(turns.values()), 4)

    def test_a_kept_connection_whose_server_closes_it_is_closed(self) -> None:
        """By the loop, at once: it would cost a file descriptor here, and there."""
        with Mute() as server, self.running(lambda *_: Trying(server.address)) as engine, \
                connected(engine.address) as caller:
            caller.send(POST, soon())
            with server.asked() as asked:
                asked.send(OK, soon())
                self.assertIsNotNone(caller.read(soon()))
                kept, = engine.pool._idle[server.address]
                asked.close()
                eventually(lambda: kept.socket.fileno() == -1)
            caller.send(POST, soon())
            with server.asked() as asked:
                asked.send(OK, soon())
                reply = caller.read(soon())
                self.assertEqual(reply and reply.body, b"ok")

    def test_a_call_goes_on_while_its_connection_pipelines_past_its_idle_time(self) -> None:
        """Each request gives way to others, and one alarm of the connection is old."""
        blocked: list[float] = []

        def begin(request: Request, *_: object) -> Any:
            def program() -> Program[Reply]:
                done: Future[Reply] = Future()
                threading.Timer(0.002, done.set_result, (Reply(200, {}, b"late"),)).start()
                went_on = yield done, DONE, math.inf
                if not done.done():
                    blocked.append(time.monotonic())
                assert went_on
                return done.result()
            return program()

        self.limit("IDLE_TIMEOUT_S", 0.02)
        with self.running(begin) as engine:
            replies = self.exchange(engine.address, POST * 100)
        self.assertEqual(len(replies), 100)
        self.assertEqual({reply.status for reply in replies}, {200})
        self.assertEqual(blocked, [])


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
            if thread.name == "ponte-name":
                raise RuntimeError("can't start new thread")
            start(thread)

        with mock.patch("threading.Thread.start", refuse):
            self.assertEqual(self.outcomes("localhost"), [(Outcome.NOT_SENT, "connect")])

    def test_a_connection_that_breaks_as_it_is_made_was_not_sent(self) -> None:
        """macOS reports that when an option is set."""
        broken = OSError(22, "Invalid argument")
        with mock.patch.object(pool_module, "Stream", side_effect=broken):
            self.assertEqual(self.outcomes("127.0.0.1", "localhost"),
                             [(Outcome.NOT_SENT, "connect")] * 2)

    def test_a_connect_that_is_refused_at_once_was_not_sent(self) -> None:
        """BSD refuses it within the call of connect."""
        with mock.patch("socket.socket.connect_ex", return_value=errno.ECONNREFUSED):
            self.assertEqual(self.outcomes("127.0.0.1"), [(Outcome.NOT_SENT, "connect")])

    def test_a_caller_that_takes_no_interim_reply_is_closed(self) -> None:
        """Without an error: it has left."""
        with self.running() as engine, connected(engine.address) as caller, \
                mock.patch.object(Stream, "write", side_effect=BrokenPipeError("gone")):
            caller.socket.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                                  b"Content-Length: 2\r\n\r\n")
            self.assertIsNone(caller.read(soon()))
            self.wait_for_end(engine)

    def test_sockets_that_the_system_does_not_watch_end_their_program_only(self) -> None:
        """The limit of epoll, or of select on Windows."""
        with self.running(errors=1) as engine, connected(engine.address) as within:
            self.ask(within)
            selector = loop_of(engine)._selector
            full = OSError(errno.ENOSPC, "No space left on device")
            with mock.patch.object(selector, "register", side_effect=full), \
                    connected(engine.address) as beyond, contextlib.suppress(ConnectionResetError):
                self.assertIsNone(beyond.read(soon()))
            self.assertEqual(self.ask(within).body, b"hello")
            self.assertEqual(self.exchange(engine.address, POST)[0].body, b"hello")


class Windows(OfEvents, EngineCase, unittest.TestCase):
    """There, `select` takes 512 sockets."""

    # Of this test; those of Windows have the sum of the second test.
    CALLERS, KEPT = 20, 10

    @contextlib.contextmanager
    def selecting(self) -> Iterator[list[int]]:
        """Loops that use `select`. And how many sockets each select was given."""
        counts: list[int] = []

        class Selector(selectors.SelectSelector):
            def select(self, timeout: float | None = None) -> Any:
                counts.append(len(self.get_map()))
                return super().select(timeout)

        with mock.patch.object(selectors, "DefaultSelector", Selector):
            yield counts

    def test_callers_calls_and_kept_connections_are_bounded(self) -> None:
        """However many callers come, and however many connections their calls have used."""
        all_run = threading.Barrier(self.CALLERS)

        def answer(request: Request, *_: object) -> Reply:
            all_run.wait(PATIENCE_S)
            return Reply(200, {}, b"ok")

        self.limit("POOL_SIZE", self.KEPT)
        with self.selecting() as counts, contextlib.ExitStack() as stack:
            servers = [stack.enter_context(self.serving(answer)) for _ in range(2)]
            current = servers[0].address
            engine = stack.enter_context(self.running(
                lambda *_: Trying(current), max_connections=self.CALLERS))
            callers = [stack.enter_context(connected(engine.address))
                       for _ in range(self.CALLERS)]
            eventually(lambda: engine.connections == self.CALLERS)
            for server in servers * 2:
                current = server.address
                for caller in callers:
                    caller.send(POST, soon())
                for caller in callers:
                    reply = caller.read(soon())
                    self.assertEqual(reply and reply.body, b"ok")
                self.assertLessEqual(engine.pool._size(), self.KEPT)
                with connected(engine.address) as beyond:
                    reply = beyond.read(soon())
                    self.assertEqual(reply and reply.status, 503)
        # The bell, and the socket that listens.
        self.assertLessEqual(max(counts), 2 * self.CALLERS + self.KEPT + 2)
        self.assertGreater(max(counts), 2 * self.CALLERS)

    @contextlib.contextmanager
    def serving(self, handler: Handler) -> Iterator[Listener]:
        """A server with threads."""
        made = Listener("127.0.0.1", 0, handler)
        made.start()
        try:
            yield made
        finally:
            made.close()


if __name__ == "__main__":
    unittest.main()
