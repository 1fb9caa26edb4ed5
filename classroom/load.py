"""Callers that never stop, and what each of their calls came to: the evidence for the proofs.

Threads: one for each caller. The results may be read at any time.
"""

from __future__ import annotations

import threading
import time
from typing import Callable, NamedTuple
from xmlrpc.client import Fault

from client import CallError

PAUSE_S = 0.002     # between two calls of one caller: leaves an old laptop some processor for everybody else


class CallRecord(NamedTuple):
    """One call: when it began and ended (monotonic), who answered it, or the error that it ended with."""

    began: float
    ended: float
    by: str
    error: str = ""

    @property
    def took_s(self) -> float:
        return self.ended - self.began


class Load:
    """`callers` threads that run `call()`, which returns who answered, for as long as the `with` block lasts."""

    def __init__(self, call: Callable[[], str], callers: int) -> None:
        self._call = call
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._seen: list[CallRecord] = []         # Guarded by self._lock.
        self._threads = [threading.Thread(target=self._run, name="caller", daemon=True) for _ in range(callers)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._stop.set()
        if kind is None:        # on Ctrl-C nobody waits for calls
            for thread in self._threads:
                thread.join()

    @property
    def seen(self) -> list[CallRecord]:
        """All calls that have ended so far, in the order of ending."""
        with self._lock:
            return list(self._seen)

    def count(self) -> int:
        """How many calls have ended so far."""
        with self._lock:
            return len(self._seen)

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            by, error = "", ""
            try:
                by = self._call()
            except (CallError, Fault) as failure:
                error = f"{type(failure).__name__}: {failure}"
            with self._lock:
                self._seen.append(CallRecord(began, time.monotonic(), by, error))
            self._stop.wait(PAUSE_S)


def failed(calls: list[CallRecord]) -> list[CallRecord]:
    """Those without an answer."""
    return [call for call in calls if call.error]


def slowest_s(calls: list[CallRecord]) -> float:
    """How long the slowest call took, in seconds; 0 of none."""
    return max((call.took_s for call in calls), default=0.0)
