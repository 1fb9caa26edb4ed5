"""At most once: what is remembered of calls, so that a repeat is not a second run. Pure.

A caller that lost a reply repeats the call with the same call id at the same incarnation. A server finds the
first reply here and sends it again; a proxy finds the server that it had sent the call to.

The memory is bounded in entries, bytes and age. What happens at the bound: the oldest are forgotten, and from then
on, for as long as one of them might still have been repeated, a repeat with an unknown id is told so
(`Forgotten`) instead of being run: its caller gets OutcomeUnknown. New calls are never affected.

A. Birrell, B. Nelson: "Implementing Remote Procedure Calls" (1984), section 3.3.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

MAX_ENTRIES = 10_000
MAX_BYTES = 32 * 1024 * 1024
KEEP_S = 60.0           # at least; repeats come within the caller's timeout, which is seldom longer
KEEP_TIMEOUTS = 8       # and at least so many times the attempt's timeout: each of two hops may have halved it, twice

V = TypeVar("V")


class Forgotten(LookupError):
    """The call may have been here before, but the memory of it was dropped to stay within bounds."""


class _Entry(Generic[V]):
    __slots__ = ("value", "size_bytes", "until")

    def __init__(self, value: V, size_bytes: int, until: float) -> None:
        self.value = value
        self.size_bytes = size_bytes
        self.until = until


class CallMemory(Generic[V]):
    """Values by call id, oldest first. Not thread-safe; `now` must not run backwards."""

    def __init__(self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self.size_bytes = 0
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, _Entry[V]] = OrderedDict()
        self._doubt_until = 0.0         # until then an unknown id may be one that was forgotten early

    def __len__(self) -> int:
        return len(self._entries)

    def recall(self, call_id: str, now: float, *, repeat: bool) -> V | None:
        """What is kept of a call, or None. Raises Forgotten where a `repeat` may have been dropped."""
        entry = self._entries.get(call_id)
        if entry is None and repeat and now < self._doubt_until:
            raise Forgotten(call_id)
        return entry.value if entry else None

    def keep(self, call_id: str, value: V, now: float, *, timeout_s: float = 0.0, size_bytes: int = 0) -> None:
        """Keeps a value (again) for as long as a repeat may come; `timeout_s` is that of the attempt."""
        self.drop(call_id)
        self._entries[call_id] = _Entry(value, size_bytes, now + max(KEEP_S, KEEP_TIMEOUTS * timeout_s))
        self.size_bytes += size_bytes
        while self._entries and next(iter(self._entries.values())).until <= now:
            self.drop(next(iter(self._entries)))
        while len(self._entries) > self._max_entries or self.size_bytes > self._max_bytes:
            oldest, entry = next(iter(self._entries.items()))
            self._doubt_until = max(self._doubt_until, entry.until)
            self.drop(oldest)

    def drop(self, call_id: str) -> None:
        """Forgets a call that need not be remembered: it did not run."""
        entry = self._entries.pop(call_id, None)
        if entry:
            self.size_bytes -= entry.size_bytes
