"""Callers that never stop, and a record of each of their calls: the evidence for the proofs.

Threads: one for each caller. The records may be read at any time, on any thread.
"""

from __future__ import annotations

import threading
import time
from typing import Callable, NamedTuple
from xmlrpc.client import Fault

from client import CallError

# Between two calls of one caller, in seconds. Without it an old laptop has no time for the servers.
PAUSE_S = 0.006


class CallRecord(NamedTuple):
    """One call that has ended."""

    # Of time.perf_counter, in seconds.
    began: float
    ended: float
    # The server's name; empty for a call that failed.
    answered_by: str
    # Empty for a call that was answered.
    error: str = ""

    @property
    def took_s(self) -> float:
        return self.ended - self.began


class Load:
    """Runs `call()` on `callers` threads for as long as the `with` block lasts.

    `call()` returns the name of the server that answered.
    """

    def __init__(self, call: Callable[[], str], callers: int) -> None:
        self._call = call
        self._stop = threading.Event()
        # Guarded by self._lock: the records.
        self._lock = threading.Lock()
        self._records: list[CallRecord] = []
        self._threads = [threading.Thread(target=self._run, name="caller", daemon=True)
                         for _ in range(callers)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Waits for the calls that are under way; after an error or Ctrl-C it does not wait."""
        self._stop.set()
        if kind is None:
            for thread in self._threads:
                thread.join()

    def records(self) -> list[CallRecord]:
        """All calls that have ended so far, in the order in which they ended."""
        with self._lock:
            return list(self._records)

    def count(self) -> int:
        """How many calls have ended so far."""
        with self._lock:
            return len(self._records)

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.perf_counter()
            answered_by, error = "", ""
            try:
                answered_by = self._call()
            except (CallError, Fault) as failure:
                error = f"{type(failure).__name__}: {failure}"
            with self._lock:
                self._records.append(CallRecord(began, time.perf_counter(), answered_by, error))
            self._stop.wait(PAUSE_S)


def failed(calls: list[CallRecord]) -> list[CallRecord]:
    """The calls without an answer."""
    return [call for call in calls if call.error]


def slowest_s(calls: list[CallRecord]) -> float:
    """How long the slowest call took, in seconds; 0.0 if there is none.

    >>> slowest_s([CallRecord(began=1.0, ended=1.5, answered_by="server-1")])
    0.5
    """
    return max((call.took_s for call in calls), default=0.0)
