"""Forked children of a test, which act step by step, and send what came of each step.

    child = self.child(lambda: stub.whoami(), stub.close)
    child.step()            # the value of the first act
    child.step()            # of the second one

A child lives until it is closed. It also ends when the test runner ends. When one of its acts takes
too long, it prints where each of its threads stands.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import select
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

from tests.system.cluster import SystemTest
from tests.windows import windows_cannot

# Seconds for one act. A child that takes longer waits for a lock, or for a thread that only its
# parent has.
STEP_S = 5.0
# Seconds. No test takes so long: a child that hangs ends then, even if the test runner was killed.
LIFE_S = 30

needs_fork = windows_cannot("it has no fork")


def fork() -> int:
    """os.fork, without the warning of Python 3.12 that other threads may hold locks: they do."""
    if sys.platform == "win32":
        raise AssertionError("Windows has no fork")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


class Child:
    """A forked child. The first of its acts begins at once, each further one with its `step`."""

    # The ends of pipes that the test holds. A child that kept one would keep an older child alive.
    _held: ClassVar[set[int]] = set()

    def __init__(self, *acts: Callable[[], Any]) -> None:
        orders, self._orders = os.pipe()
        self._results, results = os.pipe()
        self._steps = 0
        Child._held |= {self._orders, self._results}
        self.pid = fork()
        if self.pid == 0:
            for end in Child._held:
                os.close(end)
            Child._held.clear()
            _live(acts, orders, results)
        os.close(orders)
        os.close(results)

    def step(self) -> Any:
        """What the next act returns. Fails the test if it raises, or does not end."""
        if self._steps:
            os.write(self._orders, b"!")
        self._steps += 1
        length = int.from_bytes(self._read(8), "big")
        succeeded, value = pickle.loads(self._read(length))
        if not succeeded:
            raise AssertionError(f"in the child, act {self._steps}:\n{value}")
        return value

    def is_alive(self) -> bool:
        with contextlib.suppress(ChildProcessError):
            return os.waitpid(self.pid, getattr(os, "WNOHANG", 0)) == (0, 0)
        return False

    def close(self) -> None:
        """Kills it, also when it hangs. May be called twice."""
        if self._orders not in Child._held:
            return
        for end in (self._orders, self._results):
            Child._held.discard(end)
            os.close(end)
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)

    def _read(self, size: int) -> bytes:
        read = b""
        while len(read) < size:
            ready, _, _ = select.select([self._results], [], [], STEP_S)
            if not ready and sys.platform != "win32":
                # It prints where it hangs.
                os.kill(self.pid, signal.SIGUSR1)
                select.select([self._results], [], [], 0.2)
            more = os.read(self._results, size - len(read)) if ready else b""
            if not more:
                raise AssertionError(f"the child did not end act {self._steps}")
            read += more
        return read


def _live(acts: tuple[Callable[[], Any], ...], orders: int, results: int) -> None:
    """The life of a child. It never returns, so that no test goes on in it."""
    try:
        if sys.platform != "win32":
            faulthandler.register(signal.SIGUSR1, file=sys.__stderr__ or 2)
            signal.alarm(LIFE_S)
        for number, act in enumerate(acts):
            if number and not os.read(orders, 1):
                break
            try:
                outcome = True, act()
            except BaseException:
                # The test prints it, whatever it is.
                outcome = False, traceback.format_exc()
            told = pickle.dumps(outcome)
            told = len(told).to_bytes(8, "big") + told
            while told:
                told = told[os.write(results, told):]
        os.read(orders, 1)
    finally:
        os._exit(0)


class ForkTest(SystemTest):
    """A test with forked children, which end with it."""

    def child(self, *acts: Callable[[], Any]) -> Child:
        child = Child(*acts)
        self.addCleanup(child.close)
        return child

    def in_child(self, act: Callable[[], Any]) -> Any:
        """What `act` returns in a child, which ends then."""
        child = self.child(act)
        value = child.step()
        child.close()
        return value
