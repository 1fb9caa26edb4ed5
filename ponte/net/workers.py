"""Functions of the user beside a loop: quick ones at once, all others on threads of their own.

The problem: a loop must not wait, and a function of the user may do anything. The naive try is a
thread for every function. Then each call costs two changes of threads, which is several times what
a quick function costs.

The idea: a function that was quick the last time is run at once, on the thread of the loop. All
others, also each one that is new, run on threads beside it, on all cores. And a *watchdog* looks
whether a function that was run at once has blocked this time. Then it hands the loop over: another
thread goes on with the turns of the loop, and the blocked one is a thread like all others from now
on. So a quick function that blocks for once holds up the other callers for two looks at most.

Threads: `run` is called on the loop's thread. The watchdog is a thread that ends when it has
nothing to watch.
"""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from typing import Any, Callable

from ponte.net.forking import leave_parent_in_child
from ponte.net.stream import T

# Seconds. A function that took longer runs beside the loop the next time. Longer holds up other
# callers; shorter lets more functions pay for changes of threads.
QUICK_S = 0.001
# Seconds between two looks of the watchdog. Shorter costs processor time.
WATCH_S = 0.01
# Looks without a new function until the watchdog ends, and seconds until an idle thread does.
WATCH_LOOKS = 100
THREAD_IDLE_S = 10.0

Job = tuple[str, Callable[[], Any], "Future[Any]"]


class Workers:
    """Runs functions for one loop.

    Parameter: `hand_over()` gives the loop another thread; False if there is none.
    """

    def __init__(self, hand_over: Callable[[], bool]) -> None:
        self._hand_over = hand_over
        # The names of the functions that were quick the last time. Safe without a lock: each
        # operation on a set is atomic.
        self._quick: set[str] = set()
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._lock = threading.Lock()
        # Guarded by self._lock: how many functions were run at once; the number of the one that
        # runs now, or 0, and its name; whether the watchdog runs; how many of the threads that wait
        # have no job promised to them.
        self._runs = 0
        self._running = 0
        self._name = ""
        self._is_watched = False
        self._idle = 0
        leave_parent_in_child(self)

    def leave_parent(self) -> None:
        """In a forked child: a function that goes on there may end. Nobody gets its result."""
        self._lock = threading.Lock()

    def run(self, name: str, function: Callable[[], T]) -> T | Future[T]:
        """Runs a function, which must not raise. Returns its result, or a future that will have it.

        `name` tells which function it is, for the next time; an empty one is never quick. Raises
        RuntimeError if the system gives no more threads: then the function was not run.
        """
        if name not in self._quick:
            return self._run_beside(name, function)
        # 1. The watchdog must know.
        with self._lock:
            if not self._is_watched:
                self._start_watchdog()
            number = self._running = self._runs = self._runs + 1
            self._name = name
        # 2. At once. Not time.monotonic: on Windows it may go on in steps of 15.6 ms.
        began = time.perf_counter()
        result = function()
        self._note(name, time.perf_counter() - began)
        # 3. Is this still the thread of the loop?
        with self._lock:
            if self._running == number:
                self._running = 0
                return result
        # The future takes the call back to the loop.
        future: Future[T] = Future()
        future.set_result(result)
        return future

    def _note(self, name: str, took_s: float) -> None:
        if took_s < QUICK_S and name:
            self._quick.add(name)
        else:
            self._quick.discard(name)

    # The threads beside the loop.

    def _run_beside(self, name: str, function: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        with self._lock:
            if self._idle:
                self._idle -= 1
            else:
                threading.Thread(target=self._work, name="ponte-work", daemon=True).start()
        self._jobs.put((name, function, future))
        return future

    def _work(self) -> None:
        """A thread: one job after another, until none has come for a while."""
        while True:
            try:
                name, function, future = self._jobs.get(timeout=THREAD_IDLE_S)
            except queue.Empty:
                with self._lock:
                    # If none is idle, each of those that wait was promised a job.
                    if self._idle:
                        self._idle -= 1
                        return
                continue
            began = time.perf_counter()
            result = function()
            self._note(name, time.perf_counter() - began)
            with self._lock:
                self._idle += 1
            future.set_result(result)
            # While it waits, it keeps no result in memory.
            del function, future, result

    # The watchdog.

    def _start_watchdog(self) -> None:
        """Caller holds self._lock."""
        threading.Thread(target=self._watch, name="ponte-watchdog", daemon=True).start()
        self._is_watched = True

    def _watch(self) -> None:
        """A thread: hands the loop over when two looks find the same function running."""
        seen = runs = quiet_looks = 0
        while quiet_looks < WATCH_LOOKS:
            time.sleep(WATCH_S)
            with self._lock:
                if self._running and self._running == seen and self._hand_over():
                    self._running = 0
                    # Others that call it must not block the loop's next thread, too.
                    self._quick.discard(self._name)
                seen = self._running
                quiet_looks = quiet_looks + 1 if runs == self._runs and not seen else 0
                runs = self._runs
                if quiet_looks == WATCH_LOOKS:
                    self._is_watched = False
