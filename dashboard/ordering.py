"""Events in the order of their times, and what is missing between them. Pure.

The problem: several processes tell what happens, each by datagrams of its own. They have one clock
(ponte/process/shared_clock.py), but a datagram that was sent later may be read earlier. And UDP may
lose one: a class must see that something is missing.

The idea: an event is held for HOLD_S, and those that are held are sorted by their times. Each
process numbers its events, so a number that is missing shows a loss (dashboard/missing.py).

A datagram may also come from any other program of this machine, which may send anything. What is no
event is counted by its reason, and never an error. Only KINDS are taken from a datagram: so nobody
else can say what the page's own side says.

Not guaranteed: the order of events that come later than HOLD_S after their time. They stand behind
those that were let go before.
"""

from __future__ import annotations

import heapq
import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, NoReturn

from dashboard.missing import Numbers
from ponte.net.address import Address

# Seconds that an event is held. With fewer, more events come too late to be sorted; with more, the
# page shows everything later.
HOLD_S = 0.04
# Bytes of a datagram (ponte/process/observe.py sends no longer one). Most have some 150.
MAX_BYTES = 8192
# Characters of the name of a process, as in ponte/discovery/beats.py, and of a kind.
MAX_NAME = 64
# Seconds by which the time of an event may lie in the future, or before the page began. The clocks
# of one machine agree; an attached process may have told an event just before.
SLACK_S = 1.0
# Numbers beyond these are no event's: a count that high takes days at any rate we can carry.
MAX_NUMBER = 2 ** 40
# Digits of a whole number. JavaScript takes one of 310 digits for infinite.
MAX_DIGITS = 300
# Events that are held at most. Beyond it the oldest go on at once, sorted less well.
MAX_HELD = 50_000

KINDS = frozenset((
    "call", "done", "resolving", "resolved", "send", "settle", "recv", "run", "memo", "reply",
    "beat", "acked", "took", "lease"))

Event = dict[str, Any]
_TIME = re.compile(r'"t":[-+.0-9eE]+')
_SCALARS = frozenset((str, int, float, bool, type(None)))


class BadEvent(Exception):
    """A datagram that is no event. The text is the reason, for a table of counts."""


class Ordering:
    """Takes events as they come, and gives them back in order. For one thread.

    `began`: the time of the page's beginning, as `shared_s` gives it; the `t` of an event
    is in seconds of that clock when it comes, and in milliseconds since `began` when it goes.

    Attributes: `bad`, how many datagrams were refused, by reason; `told_at`, the time of the event
    that was taken last.
    """

    def __init__(self, began: float) -> None:
        self._began = began
        # The third is an event, or its text before and behind its time.
        self._held: list[tuple[float, int, list[str] | Event]] = []
        # Gives an order to events of the same time.
        self._count = itertools.count()
        self._numbers = Numbers()
        self.bad: Counter[str] = Counter()
        self.told_at = began

    def __len__(self) -> int:
        return len(self._held)

    def take(self, datagram: bytes, now: float, sender: Address = ("", 0)) -> None:
        """Takes a datagram that came at `now`. One that is no event is counted in `bad`."""
        try:
            parts, event = read_event(datagram)
            time_s = event["t"]
            if not self._began - SLACK_S <= time_s <= now + SLACK_S:
                raise BadEvent("time")
            if not self._numbers.is_new(event["p"], (event["i"], sender), event["n"], now):
                raise BadEvent("twice")
        except BadEvent as reason:
            self.bad[str(reason)] += 1
            return
        self.told_at = time_s
        heapq.heappush(self._held, (time_s, next(self._count), parts or event))

    def add(self, event: Event) -> None:
        """Takes an event of the page's own side: it is trusted, with its `t` in seconds.

        A `proc` event says from which number on we shall hear of a process: a new one from 1 on;
        one that was attached to has `told` so many to somebody else.
        """
        if event["k"] == "proc" and (event.get("state") == "starting" or "told" in event):
            self._numbers.expect(event)
        heapq.heappush(self._held, (event["t"], next(self._count), event))

    def release(self, until: float) -> list[str]:
        """The events whose time is HOLD_S before `until` or earlier, sorted, as JSON; then the
        gaps.

        `until`: when the last datagram that waited was taken. Each event is given once.
        """
        released = []
        while self._held and (self._held[0][0] <= until - HOLD_S or len(self._held) > MAX_HELD):
            time_s, _, event = heapq.heappop(self._held)
            try:
                released.append(_with_time(event, round((time_s - self._began) * 1000, 3)))
            except (TypeError, ValueError, RecursionError):
                # It cannot be written: lists in lists without end, or a mistake of our own.
                self.bad["not JSON"] += 1
        return released + [write_event(gap) for gap in self._numbers.take_lost(until, self._began)]

    def due(self) -> float:
        """Until which time the next event is held; infinite while none is."""
        held_until = self._held[0][0] + HOLD_S if self._held else math.inf
        # Gaps come after other events, so nobody waits for the exact moment.
        return min(held_until, self._numbers.due())


def read_event(datagram: bytes) -> tuple[list[str], Event]:
    """The event in a datagram, with its common fields checked; and before it the two parts of its
    text around its time, none for one that must be written anew.

    Raises BadEvent.

    >>> parts, event = read_event(b'{"p":"server-1","i":7,"n":1,"t":0.5,"k":"run","method":"buy"}')
    >>> event["method"]
    'buy'
    """
    if len(datagram) > MAX_BYTES:
        raise BadEvent("too long")
    try:
        text = datagram.decode("utf-8")
        # In so short a text no number is too long.
        event = _read_short(text) if len(text) <= MAX_DIGITS else read_json(text)
    except (ValueError, RecursionError):
        raise BadEvent("not JSON") from None
    if type(event) is not dict:
        raise BadEvent("not an object")
    try:
        who, life, number, time_s, kind = event["p"], event["i"], event["n"], event["t"], event["k"]
    except KeyError:
        raise BadEvent("field missing") from None
    if type(kind) is not str or kind not in KINDS:
        raise BadEvent("kind")
    if type(who) is not str or not 0 < len(who) <= MAX_NAME:
        raise BadEvent("name")
    if type(life) is not int or type(number) is not int \
            or not 0 <= life < MAX_NUMBER or not 0 < number < MAX_NUMBER:
        raise BadEvent("number")
    # True is no time; whether a number is one that can be, the ordering knows.
    if type(time_s) not in (int, float):
        raise BadEvent("time")
    # The collector numbers events by it.
    if "s" in event:
        raise BadEvent("number of the page")
    if _is_plain(text, event):
        # Only the time is replaced. It could be written in a way that we do not look for.
        parts = _TIME.split(text, 1)
        if len(parts) == 2:
            return parts, event
    # No process of ours tells more. What is deeper could be too deep for some reader.
    if not all(map(_is_flat, event.values())):
        raise BadEvent("nested")
    return [], event


def write_event(event: Mapping[str, Any]) -> str:
    """An event as one line of JSON, in ASCII. Raises ValueError for a number that JSON does not
    have.
    """
    return _encode(event)


def _is_plain(text: str, event: Event) -> bool:
    """Whether an event can go on as the text that came, with another time in it.

    To write it anew takes as long as all the rest. Where in doubt, that is done: a reader may
    understand a strange text otherwise than we do.
    """
    # 1. One object from the first character to the last, on one line of ASCII.
    return (text.startswith('{"') and text.endswith("}") and text.isascii() and text.isprintable()
            # 2. No object in it, and no list in a list.
            and text.count("{") == 1 and text.count("[") <= 1
            # 3. Each name once. No quote is escaped, and no space stands behind one: so all names
            #    are counted here; and a text that begins with a colon is one too many.
            and "\\" not in text and '" ' not in text and text.count('":') == len(event))


def _is_flat(value: object) -> bool:
    return type(value) in _SCALARS or (
        type(value) is list and all(type(each) in _SCALARS for each in value))


def _with_time(event: list[str] | Event, time_ms: float) -> str:
    if isinstance(event, list):
        return f'{event[0]}"t":{time_ms}{event[1]}'
    return write_event({**event, "t": time_ms})


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"JSON has no {constant}")


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("JSON has it, and JavaScript has not")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        _refuse(text)
    return number


# Made once: json.loads and json.dumps would make them for each event, at several times the cost.
# `read_json` takes what JSON has alone: no number is infinite, and none is not a number.
read_json = json.JSONDecoder(parse_int=_whole, parse_float=_finite, parse_constant=_refuse).decode
_read_short = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse).decode
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode
