"""Callers that call without end, and keep what each call has returned."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.system.harness import wait_until

# Seconds between two calls of a caller, so that the machine has time for what the test is about.
PAUSE_S = 0.01


class Result(NamedTuple):
    """The result of one call: the value or the error, and how long the call took."""

    token: str
    value: Any
    took_s: float

    @property
    def failed(self) -> bool:
        return isinstance(self.value, Exception)


class Load:
    """Callers that call one method again and again; each call has its own token.

    For a `with` block, which begins when each caller has made about two calls. `call` takes the
    token, and must return it, where somebody looks at `mixed_up`. `pause_s` is the time between two
    calls of a caller.
    """

    _numbers = itertools.count(1)

    def __init__(self, call: Callable[[str], Any], callers: int = 8, name: str = "call",
                 pause_s: float = PAUSE_S) -> None:
        self._call = call
        self._name = name
        self._pause_s = pause_s
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        # Guarded by self._lock.
        self._results: list[Result] = []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(callers)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        self.wait_for_calls(2 * len(self._threads))
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    @property
    def results(self) -> list[Result]:
        with self._lock:
            return list(self._results)

    @property
    def failed(self) -> list[Result]:
        return [result for result in self.results if result.failed]

    @property
    def mixed_up(self) -> list[Result]:
        """Calls that got the reply of another call."""
        return [result for result in self.results
                if not result.failed and result.value != result.token]

    @property
    def slowest_s(self) -> float:
        return max(result.took_s for result in self.results)

    def wait_for_calls(self, more: int, within_s: float = 10.0) -> None:
        """Waits until that many more calls have ended."""
        goal = len(self.results) + more
        wait_until(lambda: len(self.results) >= goal, within_s,
                   f"{more} more calls of {self._name}")

    def _run(self) -> None:
        while not self._stopped.wait(self._pause_s):
            token = f"{self._name}-{next(self._numbers)}"
            started = time.monotonic()
            value: Any | Exception
            try:
                value = self._call(token)
            except Exception as error:
                # Any error is recorded; the test decides whether it may come.
                value = error
            with self._lock:
                self._results.append(Result(token, value, time.monotonic() - started))
