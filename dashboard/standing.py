"""What still holds when older events are dropped. Pure.

The problem: a page folds all events into a state, and a lecture of three hours has more than are
kept. A page that is opened then, or a saved one, would not even know which processes there are:
that was told at the beginning.

The idea: of the few kinds of events that say how things stand, the last one of each is kept beside
the ring, such as the last `proc` of each process. A page folds these first. What it counts, such as
its calls, begins with the oldest event that is kept, and the page says so.
"""

from __future__ import annotations

import json
import re

# Things that may stand. More are processes that have long gone.
MAX_STANDING = 500
# Looked for in each event that is dropped, so before it is read.
_STANDS = re.compile(rb'"k":"(?:start|proc|exposed|story|vote|recording)"')
KINDS = frozenset(("start", "proc", "exposed", "story", "vote", "recording"))

Key = tuple[str, str]


class Standing:
    """Takes events that are dropped, in their order. Attribute: `lines`, those that still hold."""

    def __init__(self) -> None:
        self._last: dict[Key, bytes] = {}

    @property
    def lines(self) -> list[bytes]:
        """The events in the order in which they were told."""
        return list(self._last.values())

    def take(self, line: bytes) -> None:
        """Notes an event that is dropped from the ring."""
        if not _STANDS.search(line):
            return
        event = json.loads(line)
        kind, what = event.get("k"), event.get("what")
        # It may stand within another event.
        if kind not in KINDS:
            return
        key = kind, str(event.get("who" if kind == "proc" else "what", ""))
        # 1. A story that begins or ends leaves nothing of the one before.
        if kind == "story" and what in ("begin", "end"):
            for old in [old for old in self._last if old[0] in ("story", "vote")]:
                del self._last[old]
        # 2. The last word takes the place of those before, and stands behind the others.
        self._last.pop(key, None)
        if not (event.get("forget") or what == "end"):
            self._last[key] = line
        # 3. The oldest go first.
        if len(self._last) > MAX_STANDING:
            del self._last[next(iter(self._last))]
