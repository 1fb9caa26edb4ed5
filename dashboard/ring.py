"""The newest events, for any number of readers, each with a place of its own.

A reader names the number of the first event that it wants, and learns the number to ask for next
time. So the ring knows nothing of its readers: one that goes away leaves nothing behind, and a slow
one keeps nobody waiting. Where a reader is so slow that events have been dropped, it sees so: the
first number that is kept is larger than the one it asked for. It gets what still holds of those
that were dropped (dashboard/standing.py).

Threads: all methods may be called from any.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, NamedTuple

from dashboard.standing import Standing

# An hour at two calls a second has some 170,000 events of 150 bytes: this is two hours, and 60 MiB
# of memory with what Python adds. The oldest are dropped beyond either.
MAX_EVENTS = 400_000
MAX_BYTES = 64 * 1024 * 1024
# Events in one answer: more than a page can draw between two answers.
BATCH = 5000


class Batch(NamedTuple):
    """What a reader gets: `lines`, the JSON of events; `first`, the number of the oldest event that
    is kept; `next`, the number to ask for next time; and `standing`, for a reader that begins with
    the oldest kept: the dropped events that still hold.
    """

    first: int
    next: int
    lines: list[bytes]
    standing: list[bytes]


class Ring:
    """Keeps the newest events: `max_events` of them, and `max_bytes` of their JSON, at most.

    Events have the numbers 1, 2, 3, ... in the order in which they are appended.
    """

    def __init__(self, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES) -> None:
        self._max_events, self._max_bytes = max_events, max_bytes
        self._lock = threading.Lock()
        # Guarded by self._lock: the events from the index self._begin on, and the number of that
        # one; the number of the next one, which is read without the lock, too; their bytes; what
        # still holds of those before; those who wait for more; and whether no more will come.
        self._lines: list[bytes] = []
        self._begin, self._first, self._next = 0, 1, 1
        self._bytes = 0
        self._standing = Standing()
        self._waiting: set[Future[None]] = set()
        self._closed = False

    @property
    def next(self) -> int:
        """The number that the next event will get."""
        return self._next

    def append(self, lines: Sequence[bytes]) -> None:
        """Adds events, and wakes all readers that wait."""
        with self._lock:
            self._lines += lines
            self._next += len(lines)
            self._bytes += sum(map(len, lines))
            self._drop()
            waiting, self._waiting = self._waiting, set()
        _wake(waiting)

    def read(self, since: int, limit: int = BATCH) -> Batch:
        """The kept events from number `since` on, `limit` of them at most. Does not block.

        It begins with the oldest kept event where number `since` was dropped, or is larger than the
        next one.
        """
        with self._lock:
            goes_on = self._first <= since <= self._next
            since = since if goes_on else self._first
            index = self._begin + since - self._first
            lines = self._lines[index:index + limit]
            return Batch(self._first, since + len(lines), lines,
                         [] if goes_on else self._standing.lines)

    def events(self, since: int, limit: int = BATCH) -> list[dict[str, Any]]:
        """The same as objects, without the numbers to go on with: each event has its own, `s`."""
        return [json.loads(line) for line in self.read(since, limit).lines]

    def follow(self, since: int) -> Future[None] | None:
        """A future that is done when there is an event of number `since`; None if there is one.

        Also None for a number that no event can have next, and when the ring is closed.
        """
        with self._lock:
            if self._closed or since != self._next:
                return None
            future: Future[None] = Future()
            self._waiting.add(future)
            return future

    def let_go(self, future: Future[None]) -> None:
        """Forgets a future that `follow` gave: its reader does not wait any more."""
        with self._lock:
            self._waiting.discard(future)

    def wait(self, since: int, timeout_s: float) -> bool:
        """Blocks until there is an event of number `since`; False if that takes longer."""
        future = self.follow(since)
        if future:
            with contextlib.suppress(FutureTimeout):
                future.result(timeout_s)
            self.let_go(future)
        return self.next > since

    def close(self) -> None:
        """Wakes all readers that wait: no more events come."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, set()
        _wake(waiting)

    @property
    def readers(self) -> int:
        """How many readers wait now."""
        return len(self._waiting)

    def _drop(self) -> None:
        """Drops the oldest events beyond the limits. Caller holds self._lock."""
        while len(self._lines) - self._begin > self._max_events or self._bytes > self._max_bytes:
            self._bytes -= len(self._lines[self._begin])
            self._standing.take(self._lines[self._begin])
            self._lines[self._begin] = b""
            self._begin += 1
            self._first += 1
        # To move the rest costs as much as there is of it: so only where as much was dropped.
        if self._begin > len(self._lines) // 2:
            del self._lines[:self._begin]
            self._begin = 0


def _wake(waiting: set[Future[None]]) -> None:
    for future in waiting:
        future.set_result(None)
