"""Events in the order of their times, and what is missing between them. Pure.

The problem: several processes tell what happens, each by datagrams of its own. The clock is the
same for all on one machine (`time.perf_counter`), but a datagram that was sent later may be read
earlier. And UDP may lose one: a class must see that something is missing.

The idea: an event is held for HOLD_S, and those that are held are sorted by their times. Each
process numbers its events, so a number that is missing shows a loss. It counts as lost once it is
missing for MISSING_S: two threads of one process may send in another order than they count.

A datagram may also come from any other program of this machine, which may send anything. What is no
event is counted by its reason, and never an error. What only the page's own side can know (KINDS_OF
_THE_PAGE) is not taken from a datagram at all.

Not guaranteed: the order of events that come later than HOLD_S after their time. They stand behind
those that were let go before.
"""

from __future__ import annotations

import heapq
import itertools
import json
import math
from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any, NoReturn

# Seconds that an event is held. With fewer, more events come too late to be sorted; with more, the
# page shows everything later.
HOLD_S = 0.04
# Seconds after which a missing number is a lost event. Longer shows a loss later.
MISSING_S = 0.25
# Bytes of a datagram. Those of Ponte have some 300.
MAX_BYTES = 4096
# Characters of the name of a process, as in ponte/discovery/beats.py, and of a kind.
MAX_NAME = 64
# Seconds by which the time of an event may lie in the future, or before the page began. The clocks
# of one machine agree; an attached process may have told an event just before.
SLACK_S = 1.0
# Numbers beyond these are no event's: a count that high takes days at any rate we can carry.
MAX_NUMBER = 2 ** 40
# Numbers that may be missing at once. A larger leap is a lie, or another way to count.
MAX_LEAP = 1_000_000
# Lives whose numbers are watched, and stretches of missing numbers of each. Beyond these the oldest
# are given up.
MAX_LIVES = 1024
MAX_STRETCHES = 64
# Events that are held at most. Beyond it the oldest go on at once, sorted less well.
MAX_HELD = 50_000

KINDS = frozenset((
    "call", "done", "resolving", "resolved", "send", "settle", "recv", "run", "memo", "reply",
    "beat", "acked", "took", "lease"))
KINDS_OF_THE_PAGE = frozenset((
    "proc", "fault", "lost", "story", "vote", "exposed", "start", "gap", "bad", "recording"))

Event = dict[str, Any]
# Who tells, and in which life: the name of a process, and its pid.
Life = tuple[str, int]


class BadEvent(Exception):
    """A datagram that is no event. The text is the reason, for a table of counts."""


class _Missing:
    """What has come of one life: the next number, and the stretches below it that are missing."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        # First number, last number, and when it was noticed; in the order of the numbers.
        self.stretches: list[tuple[int, int, float]] = []

    def take(self, number: int, now: float) -> bool:
        """Notes that a number has come. Returns whether it is the first time."""
        if number == self.expected:
            self.expected = number + 1
            return True
        if number > self.expected:
            if number - self.expected > MAX_LEAP:
                raise BadEvent("number leaps")
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


class Ordering:
    """Takes events as they come, and gives them back in order. For one thread.

    `began`: the time of the page's beginning, as time.perf_counter() gives it; the `t` of an event
    is in seconds of that clock when it comes, and in milliseconds since `began` when it goes.

    Attribute: `bad`, how many datagrams were refused, by reason.
    """

    def __init__(self, began: float) -> None:
        self._began = began
        self._held: list[tuple[float, int, Event]] = []
        # Gives an order to events of the same time.
        self._count = itertools.count()
        self._lives: OrderedDict[Life, _Missing] = OrderedDict()
        # The lives of which a number is missing now.
        self._gapped: set[Life] = set()
        self.bad: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._held)

    def take(self, datagram: bytes, now: float) -> None:
        """Takes a datagram that came at `now`. One that is no event is counted in `bad`."""
        try:
            event = read_event(datagram)
            time_s = event["t"]
            if not self._began - SLACK_S <= time_s <= now + SLACK_S:
                raise BadEvent("time")
            if not self._is_new((event["p"], event["i"]), event["n"], now):
                raise BadEvent("twice")
        except BadEvent as reason:
            self.bad[str(reason)] += 1
            return
        heapq.heappush(self._held, (time_s, next(self._count), event))

    def add(self, event: Event) -> None:
        """Takes an event of the page's own side: it is trusted, with its `t` in seconds."""
        # A process that we have started is watched from its first event on.
        if event["k"] == "proc" and event.get("state") == "starting":
            self._lives.setdefault((event.get("who", ""), event.get("pid", 0)), _Missing(1))
        heapq.heappush(self._held, (event["t"], next(self._count), event))

    def release(self, until: float) -> list[Event]:
        """The events whose time is HOLD_S before `until` or earlier, sorted; then the gaps.

        `until`: when the last datagram that waited was taken. Each event is given once.
        """
        released = []
        while self._held and (self._held[0][0] <= until - HOLD_S or len(self._held) > MAX_HELD):
            event = heapq.heappop(self._held)[2]
            event["t"] = round((event["t"] - self._began) * 1000, 3)
            released.append(event)
        return released + self._gaps(until)

    def due(self) -> float:
        """Until which time the next event is held; infinite while none is."""
        if self._gapped:
            # Gaps come after other events, so nobody waits for the exact moment.
            return min(self._held[0][0] + HOLD_S if self._held else math.inf, self._first_gap())
        return self._held[0][0] + HOLD_S if self._held else math.inf

    def _is_new(self, life: Life, number: int, now: float) -> bool:
        missing = self._lives.get(life)
        if missing is None:
            # It was attached to: what it told somebody else before is none of ours.
            missing = self._lives[life] = _Missing(number)
            if len(self._lives) > MAX_LIVES:
                self._gapped.discard(self._lives.popitem(last=False)[0])
        is_new = missing.take(number, now)
        if missing.stretches:
            self._gapped.add(life)
        return is_new

    def _first_gap(self) -> float:
        return MISSING_S + min((stretch[2] for life in self._gapped
                                for stretch in self._lives[life].stretches[:1]), default=0.0)

    def _gaps(self, until: float) -> list[Event]:
        """An event for each life of which numbers are lost."""
        gaps: list[Event] = []
        for life in sorted(self._gapped):
            lost = self._lives[life].take_lost(until - MISSING_S)
            if lost:
                time_ms = round((until - self._began) * 1000, 3)
                gaps.append({"k": "gap", "p": life[0], "i": life[1], "t": time_ms, "lost": lost})
            if not self._lives[life].stretches:
                self._gapped.discard(life)
        return gaps


def read_event(datagram: bytes) -> Event:
    """The event in a datagram, with its common fields checked. Raises BadEvent.

    >>> read_event(b'{"p":"server-1","i":7,"n":1,"t":0.5,"k":"run","id":"4b","method":"buy"}')["k"]
    'run'
    """
    if len(datagram) > MAX_BYTES:
        raise BadEvent("too long")
    try:
        event = json.loads(datagram, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BadEvent("not JSON") from None
    if type(event) is not dict:
        raise BadEvent("not an object")
    who, life, number, time_s, kind = map(event.get, ("p", "i", "n", "t", "k"))
    if type(kind) is not str or kind not in KINDS:
        raise BadEvent("kind")
    if type(who) is not str or not 0 < len(who) <= MAX_NAME:
        raise BadEvent("name")
    if type(life) is not int or type(number) is not int \
            or not 0 <= life < MAX_NUMBER or not 0 < number < MAX_NUMBER:
        raise BadEvent("number")
    if not isinstance(time_s, (int, float)) or not math.isfinite(time_s):
        raise BadEvent("time")
    return event


def write_event(event: Mapping[str, Any]) -> bytes:
    """An event as one line of JSON, in ASCII, without the end of the line. Raises ValueError for
    a number that JSON does not have.
    """
    return _encode(event).encode("ascii")


# Made once: json.dumps would make one for each event.
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"JSON has no {constant}")
