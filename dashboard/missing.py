"""Which events were lost: the numbers that are missing. Pure.

Each process numbers its events, so a number that is missing shows a loss. It counts as lost once it
is missing for MISSING_S: two threads of one process may send in another order than they count.

Any other program of this machine may tell in the name of a process, with any number. So numbers are
counted for each sending address: who lies can add to what is told, and take nothing away.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

from ponte.net.address import Address

# Seconds after which a missing number is a lost event. Longer shows a loss later.
MISSING_S = 0.25
# Numbers that may be missing at once. Beyond a larger leap we count anew, and no loss.
MAX_LEAP = 1_000_000
# Lives whose numbers are watched, and stretches of missing numbers of each. Beyond these the oldest
# are given up.
MAX_LIVES = 1024
MAX_STRETCHES = 64

Event = dict[str, Any]
# A life, as one address tells of it: the pid, and that address.
Teller = tuple[int, Address]


class _Missing:
    """What has come of one process: the next number, and the stretches below it that are missing.

    `who`: its name, as it last told it. `heard_at`: when something last came.
    """

    def __init__(self, who: str, expected: int, heard_at: float) -> None:
        self.who, self.expected, self.heard_at = who, expected, heard_at
        # First number, last number, and when it was noticed; in the order of the numbers.
        self.stretches: list[tuple[int, int, float]] = []

    def take(self, number: int, now: float) -> bool:
        """Notes that a number has come. Returns whether it is the first time."""
        if number == self.expected:
            self.expected = number + 1
            return True
        if number > self.expected:
            if number - self.expected <= MAX_LEAP:
                self.stretches.append((self.expected, number - 1, now))
            self.expected = number + 1
            return True
        for index, (first, last, since) in enumerate(self.stretches):
            if first <= number <= last:
                self.stretches[index:index + 1] = [
                    stretch for stretch in ((first, number - 1, since), (number + 1, last, since))
                    if stretch[0] <= stretch[1]]
                return True
        return False

    def take_lost(self, before: float) -> int:
        """How many are lost: missing since a time before this one. They are forgotten here."""
        lost = 0
        while self.stretches and (self.stretches[0][2] <= before
                                  or len(self.stretches) > MAX_STRETCHES):
            first, last, _ = self.stretches.pop(0)
            lost += last - first + 1
        return lost


class Numbers:
    """The numbers of all lives, as each address tells them. For one thread."""

    def __init__(self) -> None:
        # A process may tell under several names, such as that of a server, and that of a client in
        # it. It has one row of numbers for all.
        self._lives: OrderedDict[Teller, _Missing] = OrderedDict()
        # By pid: the first number of one that was announced, and has told nothing yet.
        self._announced: OrderedDict[int, int] = OrderedDict()
        # Those of which a number is missing now.
        self._gapped: set[Teller] = set()

    def expect(self, event: Event) -> None:
        """Takes an event `proc` that says from which number on we shall hear of a process."""
        pid = event.get("pid")
        if type(pid) is not int:
            return
        # The system gives a pid again. But a process that was heard since then is this one.
        known = [teller for teller in self._lives if teller[0] == pid]
        if any(self._lives[teller].heard_at >= event["t"] for teller in known):
            return
        for teller in known:
            self._gapped.discard(teller)
            del self._lives[teller]
        self._announced[pid] = event.get("told", 0) + 1
        if len(self._announced) > MAX_LIVES:
            self._announced.popitem(last=False)

    def _begin(self, who: str, teller: Teller, number: int, now: float) -> _Missing:
        # Of one that nobody has announced, the first number counts as its first.
        expected = self._announced.pop(teller[0], number)
        missing = self._lives[teller] = _Missing(who, expected, now)
        if len(self._lives) > MAX_LIVES:
            self._gapped.discard(self._lives.popitem(last=False)[0])
        return missing

    def is_new(self, who: str, teller: Teller, number: int, now: float) -> bool:
        """Notes that a number has come. Returns whether it is the first time."""
        missing = self._lives.get(teller) or self._begin(who, teller, number, now)
        missing.who, missing.heard_at = who, now
        is_new = missing.take(number, now)
        if missing.stretches:
            self._gapped.add(teller)
        return is_new

    def due(self) -> float:
        """When a number that is missing now counts as lost; infinite while none is missing."""
        return MISSING_S + min((stretch[2] for teller in self._gapped
                                for stretch in self._lives[teller].stretches[:1]), default=math.inf)

    def take_lost(self, until: float, began: float) -> list[Event]:
        """An event `gap` for each teller of which numbers are lost at `until`. Each is given once.

        Its time is in milliseconds since `began`.
        """
        gaps: list[Event] = []
        for teller in sorted(self._gapped):
            missing = self._lives[teller]
            lost = missing.take_lost(until - MISSING_S)
            if lost:
                time_ms = round((until - began) * 1000, 3)
                gaps.append({"k": "gap", "p": missing.who, "i": teller[0], "t": time_ms,
                             "lost": lost})
            if not missing.stretches:
                self._gapped.discard(teller)
        return gaps
