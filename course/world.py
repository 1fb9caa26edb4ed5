"""A small world in virtual time: its events come in their order, and what happens is a story.

The problem: a test that sleeps is slow, and meets the same order of events again and again. The
idea: nothing waits. Whatever happens later is an event with a time, and the clock jumps from event
to event. What may go one way or another is asked of a `Script`, so `explore` can try every way.

A lesson's world is a subclass: it says what its messages and servers do, and what must hold.

Threads: one.
"""

from __future__ import annotations

import heapq
import itertools
from typing import Any, Callable

from course.explore import Line, Script, Wrong


class SmallWorld:
    """One run of a world with a student's file.

    Parameters: `solution`, the student's module; `script`, which decides.

    Attributes: `now`, the virtual time in seconds; `story`, what has happened so far; `exercised`,
    words for what this run is about, for the rungs (rung.py).

    >>> world = SmallWorld(None, Script())
    >>> world.at(2.0, lambda: world.say("second"))
    >>> world.at(1.0, lambda: world.say("first", who="ana"))
    >>> world.go()
    >>> [(line.at_s, line.key, line.values) for line in world.story]
    [(1.0, 'first', {'who': 'ana'}), (2.0, 'second', {})]
    """

    def __init__(self, solution: Any, script: Script) -> None:
        self.solution, self.script = solution, script
        self.now = 0.0
        self.story: list[Line] = []
        self.exercised: list[str] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def at(self, in_s: float, event: Callable[[], None]) -> None:
        """`event` happens in so many seconds; of two at one time, the one that was told first."""
        heapq.heappush(self._events, (self.now + in_s, next(self._order), event))

    def go(self) -> None:
        """Lets happen what is to come, until nothing is."""
        while self._events:
            self.now, _, event = heapq.heappop(self._events)
            event()

    def say(self, key: str, **values: Any) -> None:
        """Adds a line to the story: the lesson's text `story.KEY`, with these fields."""
        self.story.append(Line(self.now, key, values))

    def wrong(self, key: str, **values: Any) -> Wrong:
        """What to raise when the student's file did what it must not do: the text `wrong.KEY`."""
        return Wrong(key, self.story, **values)
