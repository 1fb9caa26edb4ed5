"""At most once: what is remembered of calls, so that a repeat is not a second run. Pure.

The problem: a reply is lost, and the caller cannot know whether its call has run. The naive try is
to send the call again: then a deposit runs twice. So a call carries an id. The caller repeats it
with the same id at the same incarnation: a server finds the first reply here, and sends it again; a
proxy finds the server to which it had sent the call.

The memory is bounded in entries and bytes, and old entries are dropped. If an entry is dropped so
early that its call may still be repeated, then from now on a repeat with an unknown id is refused
(`Forgotten`), and its caller gets OutcomeUnknown. New calls are never affected.

A. Birrell, B. Nelson: "Implementing Remote Procedure Calls" (1984), section 3.3.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

# More memory keeps more repeats from being refused.
MAX_ENTRIES = 10_000
MAX_BYTES = 32 * 1024 * 1024
# A value is kept for this many seconds, and for this many times the timeout of its attempt: the
# longer of both. A repeat can come until the timeout of its whole call has passed, and an attempt
# has an eighth of that at least: the stub gives an attempt half of it, and of this the proxy gives
# its second attempt a quarter.
KEEP_S = 60.0
KEEP_TIMEOUTS = 8

V = TypeVar("V")


class Forgotten(LookupError):
    """The call may have been here before, but its entry was dropped to stay within bounds."""


class _Entry(Generic[V]):
    __slots__ = ("size_bytes", "until", "value")

    def __init__(self, value: V, size_bytes: int, until: float) -> None:
        self.value = value
        self.size_bytes = size_bytes
        # No repeat comes after this time.
        self.until = until


class CallMemory(Generic[V]):
    """Values by call id, oldest first. Not thread-safe; `now` must not run backwards.

    Parameters: the bounds, `max_entries` and `max_bytes`.

    Attribute: `size_bytes`, the sum of the sizes that `keep` was given.

    >>> memory = CallMemory(max_entries=1)
    >>> memory.keep("call-1", "the first reply", now=0.0)
    >>> memory.recall("call-1", now=1.0, repeat=True)
    'the first reply'
    >>> memory.keep("call-2", "another reply", now=2.0)     # there is room for one entry only
    >>> memory.recall("call-3", now=3.0, repeat=False)      # a new call: None
    >>> memory.recall("call-1", now=3.0, repeat=True)
    Traceback (most recent call last):
    ponte.calls.once.Forgotten: call-1
    """

    def __init__(self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self.size_bytes = 0
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, _Entry[V]] = OrderedDict()
        # Until this time an unknown id may be one whose entry was dropped too early.
        self._doubt_until = 0.0

    def __len__(self) -> int:
        return len(self._entries)

    def recall(self, call_id: str, now: float, *, repeat: bool) -> V | None:
        """What is kept of a call, or None. Raises Forgotten for a `repeat` that may be dropped."""
        entry = self._entries.get(call_id)
        if entry is None and repeat and now < self._doubt_until:
            raise Forgotten(call_id)
        return entry.value if entry else None

    def keep(self, call_id: str, value: V, now: float, *, timeout_s: float = 0.0,
             size_bytes: int = 0) -> None:
        """Keeps a value, or replaces it, for as long as a repeat may come, or longer.

        Parameters: `timeout_s`, the timeout of the attempt; `size_bytes`, how much of the bytes of
        the memory the value takes.
        """
        self._drop(call_id)
        until = now + max(KEEP_S, KEEP_TIMEOUTS * timeout_s)
        self._entries[call_id] = _Entry(value, size_bytes, until)
        self.size_bytes += size_bytes
        # 1. Drop the oldest entries, while no repeat can ask for them any more.
        while self._entries and next(iter(self._entries.values())).until <= now:
            self._drop(next(iter(self._entries)))
        # 2. Drop the oldest of the others, while there are too many: a repeat may still come.
        while len(self._entries) > self._max_entries or self.size_bytes > self._max_bytes:
            oldest, entry = next(iter(self._entries.items()))
            self._doubt_until = max(self._doubt_until, entry.until)
            self._drop(oldest)

    def _drop(self, call_id: str) -> None:
        entry = self._entries.pop(call_id, None)
        if entry:
            self.size_bytes -= entry.size_bytes
