"""Functions beside a loop: which run at once, which on threads, and when a loop is handed over."""

from __future__ import annotations

import functools
import gc
import random
import threading
import time
import unittest
import weakref
from concurrent.futures import Future
from typing import Any, Callable
from unittest import mock

from ponte.net import workers
from ponte.net.workers import Workers
from tests.fakes import eventually

PATIENCE_S = 5.0
# Seconds. Longer than the defaults, so that a busy machine does not make a quick function slow.
QUICK_S, WATCH_S = 0.02, 0.05
# A function that takes so long is not quick, and too short to be found by the watchdog.
SLOW_S = 0.03
# Seconds. How long an idle thread stays where a test needs it.
IDLE_S = 0.3


class WorkersTest(unittest.TestCase):
    """The test's thread stands for the loop's. `hand_overs` counts how often it was replaced."""

    def setUp(self) -> None:
        self.before = frozenset(threading.enumerate())
        self.limit("THREAD_IDLE_S", 0.05)
        self.limit("WATCH_LOOKS", 3)
        self.limit("QUICK_S", QUICK_S)
        self.limit("WATCH_S", WATCH_S)
        died = mock.patch("threading.excepthook")
        self.died = died.start()
        self.addCleanup(died.stop)
        self.addCleanup(self.died.assert_not_called)
        self.hand_overs = 0
        self.workers = Workers(self.hand_over)

    def limit(self, name: str, value: float) -> None:
        patch = mock.patch.object(workers, name, value)
        patch.start()
        self.addCleanup(patch.stop)

    def threads(self, name: str) -> int:
        """How many threads of this name run, without those that an earlier test left idle."""
        return sum(thread.name == name for thread in {*threading.enumerate()} - self.before)

    def hand_over(self) -> bool:
        self.hand_overs += 1
        return True

    def run_now(self, name: str, function: Callable[[], Any] = threading.get_ident) -> Any:
        """The result of a function, and it was there at once."""
        result = self.workers.run(name, functools.partial(function))
        self.assertNotIsInstance(result, Future)
        return result

    def begin_beside(self, name: str,
                     function: Callable[[], Any] = threading.get_ident) -> Future[Any]:
        """Runs a function, and this thread does not wait for it."""
        future = self.workers.run(name, functools.partial(function))
        assert isinstance(future, Future), "it was run at once"
        return future

    def run_beside(self, name: str, function: Callable[[], Any] = threading.get_ident) -> Any:
        """The result of a function that is run on another thread."""
        return self.begin_beside(name, function).result(PATIENCE_S)

    def wait_for_hand_overs(self, number: int) -> None:
        eventually(lambda: self.hand_overs == number)

    def learn(self, *names: str) -> None:
        """From now on these functions are known to be quick."""
        for name in names:
            # On a busy machine it may take longer once.
            while isinstance(future := self.workers.run(name, lambda: None), Future):
                future.result(PATIENCE_S)


class Choosing(WorkersTest):
    """Where a function runs follows from the last time."""

    def test_a_new_function_runs_beside_the_loop(self) -> None:
        """Nobody knows what it does."""
        self.assertNotEqual(self.run_beside("f"), threading.get_ident())

    def test_a_quick_function_runs_at_once(self) -> None:
        """From its second time on, on this thread."""
        self.learn("f")
        for _ in range(100):
            self.assertEqual(self.run_now("f"), threading.get_ident())

    def test_a_slow_function_runs_beside_the_loop_every_time(self) -> None:
        for _ in range(3):
            self.run_beside("f", lambda: time.sleep(SLOW_S))

    def test_a_clock_that_goes_on_in_long_steps_does_not_make_a_function_quick(self) -> None:
        """On Windows, the clock of deadlines stands still for longer than a slow function runs."""
        with mock.patch("time.monotonic", lambda: 7.0):
            for _ in range(3):
                self.run_beside("f", lambda: time.sleep(SLOW_S))

    def test_a_function_that_was_slow_at_once_runs_beside_the_loop_the_next_time(self) -> None:
        """And at once again after it was quick there."""
        self.learn("f")
        self.run_now("f", lambda: time.sleep(SLOW_S))
        self.run_beside("f")
        self.learn("f")

    def test_each_function_has_its_own_past(self) -> None:
        self.learn("f")
        self.run_beside("g", lambda: time.sleep(SLOW_S))
        self.run_now("f")

    def test_what_has_no_name_runs_beside_the_loop(self) -> None:
        """It is not known which function it will be the next time."""
        for _ in range(3):
            self.run_beside("")


class Threads(WorkersTest):
    """The threads beside the loop."""

    def test_functions_that_wait_run_at_the_same_time(self) -> None:
        """Each has a thread."""
        together = threading.Barrier(6)
        futures = [self.begin_beside("f", lambda: together.wait(PATIENCE_S)) for _ in range(5)]
        together.wait(PATIENCE_S)
        # Each has passed the barrier at another place.
        self.assertEqual(len({future.result(PATIENCE_S) for future in futures}), 5)

    def test_an_idle_thread_is_used_again(self) -> None:
        """A thread for each call would cost more than most functions."""
        self.limit("THREAD_IDLE_S", IDLE_S)
        self.assertEqual(len({self.run_beside("") for _ in range(20)}), 1)

    def test_idle_threads_end(self) -> None:
        """After that, a function gets a new one."""
        together = threading.Barrier(4)
        for _ in range(4):
            self.begin_beside("", lambda: together.wait(PATIENCE_S))
        eventually(lambda: not self.threads("ponte-work"))
        self.run_beside("")

    def test_no_function_is_lost_to_a_thread_that_ends(self) -> None:
        """A thread that was promised to a function waits for it, also if its time is over."""
        self.limit("THREAD_IDLE_S", 0.001)
        rng = random.Random(1)
        for number in range(300):
            time.sleep(rng.choice((0.0, 0.0009, 0.001, 0.0011, 0.0015)))
            self.assertEqual(self.run_beside("", functools.partial(int, number)), number)

    def test_bursts_of_functions_end(self) -> None:
        """Of different sizes, with pauses in which some threads end."""
        self.limit("THREAD_IDLE_S", 0.002)
        for size in (1, 30, 2, 17, 40, 1):
            futures = [self.begin_beside("") for _ in range(size)]
            for future in futures:
                future.result(PATIENCE_S)
            time.sleep(0.002)

    def test_an_idle_thread_keeps_no_result(self) -> None:
        """It may be large."""
        class Large:
            pass

        self.limit("THREAD_IDLE_S", IDLE_S)
        result = self.run_beside("", Large)
        kept = weakref.ref(result)
        del result
        gc.collect()
        eventually(lambda: kept() is None)


class NoThreads(WorkersTest):
    """The system gives no more threads."""

    def refuse(self, *names: str) -> None:
        """From now on no thread of these names can be started."""
        start = threading.Thread.start

        def refuse(thread: threading.Thread) -> None:
            if thread.name in names:
                raise RuntimeError("can't start new thread")
            start(thread)

        patch = mock.patch.object(threading.Thread, "start", refuse)
        patch.start()
        self.addCleanup(patch.stop)
        self.give = patch.stop

    def test_a_function_without_a_thread_is_not_run(self) -> None:
        """RuntimeError. With a thread, the next one runs."""
        run = mock.Mock()
        self.refuse("ponte-work")
        for _ in range(3):
            with self.assertRaises(RuntimeError):
                self.workers.run("f", run)
        self.give()
        self.run_beside("f")
        run.assert_not_called()

    def test_an_idle_thread_is_enough(self) -> None:
        """Where there is one, none is started."""
        self.limit("THREAD_IDLE_S", IDLE_S)
        self.run_beside("")
        self.refuse("ponte-work")
        self.run_beside("")

    def test_without_a_watchdog_nothing_runs_at_once(self) -> None:
        """It might block for ever. RuntimeError, and the function was not run."""
        self.learn("f")
        eventually(lambda: not self.threads("ponte-watchdog"))
        run = mock.Mock()
        self.refuse("ponte-watchdog")
        with self.assertRaises(RuntimeError):
            self.workers.run("f", run)
        self.give()
        self.run_now("f")
        run.assert_not_called()


class HandingOver(WorkersTest):
    """A function that was quick blocks."""

    def test_the_loop_is_handed_over(self) -> None:
        """Once, within a few looks. The result takes the call back to the loop."""
        self.learn("f")

        def block() -> float:
            began = time.monotonic()
            eventually(lambda: self.hand_overs == 1)
            return time.monotonic() - began

        future = self.workers.run("f", block)
        assert isinstance(future, Future)
        # A busy machine may take longer than two looks.
        self.assertLess(future.result(0), 10 * WATCH_S)
        self.assertEqual(self.hand_overs, 1)

    def test_the_function_runs_beside_the_loop_the_next_time(self) -> None:
        """It was not quick."""
        self.learn("f")
        self.workers.run("f", lambda: time.sleep(3 * WATCH_S))
        self.run_beside("f", lambda: time.sleep(SLOW_S))

    def test_while_it_blocks_others_that_call_it_run_beside_the_loop(self) -> None:
        """Else each of them would block the next thread of the loop, too."""
        self.learn("f")
        done = threading.Event()
        loop = threading.Thread(target=self.workers.run, args=("f", lambda: done.wait(PATIENCE_S)))
        loop.start()
        self.wait_for_hand_overs(1)
        others = [self.workers.run("f", lambda: done.wait(PATIENCE_S)) for _ in range(3)]
        self.assertEqual({type(other) for other in others}, {Future})
        done.set()
        loop.join(PATIENCE_S)
        self.assertEqual(self.hand_overs, 1)

    def test_it_is_handed_over_twice_in_a_row(self) -> None:
        """The thread that took it over is blocked, too. Each function has its own result."""
        self.learn("f", "g")
        done = threading.Event()
        results: list[Any] = []

        def block(number: int) -> int:
            done.wait(PATIENCE_S)
            return number

        loops = [threading.Thread(
            target=lambda name=name, number=number: results.append(
                self.workers.run(name, lambda: block(number))))
            for number, name in enumerate(("f", "g"), 1)]
        for number, loop in enumerate(loops, 1):
            loop.start()
            self.wait_for_hand_overs(number)
        self.assertEqual(results, [])
        done.set()
        for loop in loops:
            loop.join(PATIENCE_S)
        self.assertEqual(sorted(future.result(0) for future in results), [1, 2])
        self.assertEqual(self.hand_overs, 2)

    def test_many_short_functions_are_not_taken_for_a_long_one(self) -> None:
        """The watchdog finds a function at each look, but each time another one."""
        self.learn("f")
        end = time.monotonic() + 5 * WATCH_S
        while time.monotonic() < end:
            self.workers.run("f", lambda: time.sleep(WATCH_S / 100))
        self.assertEqual(self.hand_overs, 0)

    def test_a_loop_that_cannot_be_handed_over_keeps_its_thread(self) -> None:
        """The system gives no thread now. The watchdog tries it again, and goes on."""
        tried = []

        def hand_over() -> bool:
            tried.append(1)
            return len(tried) == 3

        self.workers = Workers(hand_over)
        self.learn("f")
        future = self.workers.run("f", lambda: eventually(lambda: len(tried) == 3))
        self.assertIsInstance(future, Future)
        self.assertEqual(len(tried), 3)

    def test_a_function_that_ends_before_there_is_a_thread_ends_as_usual(self) -> None:
        """The loop was never handed over, so there is no future."""
        self.workers = Workers(lambda: False)
        self.learn("f")
        def block() -> int:
            time.sleep(3 * WATCH_S)
            return 7

        self.assertEqual(self.run_now("f", block), 7)


class Watchdog(WorkersTest):
    """The thread that looks whether a function blocks."""

    def test_it_ends_when_there_is_nothing_to_watch(self) -> None:
        self.learn("f")
        self.run_now("f")
        eventually(lambda: not self.threads("ponte-watchdog"))

    def test_it_is_started_once(self) -> None:
        """However many functions run."""
        self.learn("f", "g")
        for _ in range(50):
            self.run_now("f")
            self.run_now("g")
        self.assertLessEqual(self.threads("ponte-watchdog"), 1)

    def test_it_starts_again(self) -> None:
        """And finds what blocks then."""
        for _ in range(3):
            self.hand_overs = 0
            self.learn("f")
            eventually(lambda: not self.threads("ponte-watchdog"))
            self.workers.run("f", lambda: eventually(lambda: self.hand_overs == 1))
            self.assertEqual(self.hand_overs, 1)

    def test_it_does_not_end_while_a_function_runs(self) -> None:
        """However many looks that takes."""
        self.limit("WATCH_LOOKS", 1)
        self.learn("f")
        self.workers.run("f", lambda: eventually(lambda: self.hand_overs == 1))
        self.assertEqual(self.hand_overs, 1)


if __name__ == "__main__":
    unittest.main()
