"""Processes that send messages to each other, each with a clock of its own.

The problem: two machines' wall clocks never show the same time, so wall clocks cannot tell which
event came first. The idea: only messages carry causes from one process to another. An event came
before another one if it is earlier in the same process, or if a chain of messages leads from it to
the other; otherwise the two are at once. Lamport's clock never contradicts that ("Time, Clocks, and
the Ordering of Events in a Distributed System", 1978). A vector clock tells it exactly (Fidge,
"Timestamps in Message-Passing Systems That Preserve the Partial Ordering", 1988; Mattern, "Virtual
Time and Global States of Distributed Systems", 1989).

This world knows the truth: it keeps for each event the set of all events before it. Threads: one.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from course.explore import Line, Script
from course.theirs import Theirs, must_have
from course.world import SmallWorld

# Seconds: a message on its way, one that is held back, and the time from turn to turn.
TRIP_S, LATE_S, TURN_S = 0.001, 0.025, 0.010
# Seconds that the machines' clocks show at the beginning, and how wrong they may be.
WALL_S = 10.0
SKEWS_S = {"right": 0.0, "behind": -2.0, "ahead": 2.0}
# When a message comes, and its copies.
DELAYS_S: dict[str, tuple[float, ...]] = {
    "arrives": (TRIP_S,), "late": (LATE_S,), "twice": (TRIP_S, LATE_S), "lost": ()}

# What is judged: that no effect is logged before its cause; that its time is greater; that all
# who collect the events have one log; what `order` says; what a vector counts.
LOG, TIMES, ONE_LOG, ORDER, COUNTS = "log", "times", "one log", "order", "counts"

WORDS = {"BEFORE": "before", "AFTER": "after", "AT_ONCE": "at once"}


class Act(NamedTuple):
    """What a process does: it sends `what` to another one, or, with no `to`, takes a step."""

    at_s: float
    who: str
    to: str
    what: str


class Name(str):
    """A name as one collector has it. The hash of a text differs from one Python to the next, so it
    differs here from collector to collector.
    """

    salt = 1

    def __hash__(self) -> int:
        return zlib.crc32(self.encode()) * self.salt


class Logged(NamedTuple):
    """An event as `log` gets it."""

    time: Any
    name: Name
    what: str


class Event:
    """What has happened in a process: `number` in this run, and those of all events `before` it."""

    def __init__(self, number: int, name: str, what: str, before: frozenset[int]) -> None:
        self.number, self.name, self.what, self.before = number, name, what, before
        self.time: Any = None
        self.vector: Any = None
        # What the vector was when it was given.
        self.vector_then: dict[str, int] = {}


class Asked(NamedTuple):
    """What a process asked its clock at an event, with which stamp of a message, and what it got.
    """

    at_s: float
    event: str
    verb: str
    stamp: tuple[Any, ...]
    got: Any


class Process:
    """A process, with the clocks that the world is about, and the truth."""

    def __init__(self, name: str, skew_s: float) -> None:
        self.name, self.skew_s = name, skew_s
        self.started_s = 0.0
        # The names that there were when it started.
        self.names: list[str] = []
        self.lamport: Any = None
        self.vector: Any = None
        self.asked: dict[str, list[Asked]] = {"Lamport": [], "Vector": []}
        self.before: frozenset[int] = frozenset()


class World(SmallWorld):
    """One run of the world with a student's clocks.

    Parameters: `solution`, the student's module; `script`, which decides; `names` of the processes;
    `judges`, what is judged; `plot`, what they do; `turns`, each with the act that is usual there,
    where any other act may happen instead; `fates` of a message beside "arrives"; `skews` of a
    machine's clock beside "right"; `joins`, who appears later, and when.
    """

    def __init__(self, solution: Any, script: Script, *, names: Sequence[str],
                 judges: Sequence[str], plot: Sequence[Act] = (), turns: Sequence[str] = (),
                 fates: Sequence[str] = (), skews: Sequence[str] = (),
                 joins: Mapping[float, Sequence[str]] | None = None) -> None:
        super().__init__(solution, script)
        self._names, self._judges, self._plot, self._turns = names, judges, plot, turns
        self._fates, self._skews, self._joins = fates, skews, joins or {}
        self._processes: dict[str, Process] = {}
        self._happened: list[Event] = []
        self._acts = 0
        # What the student's words mean.
        self._said: dict[str, str] = {}

    def run(self) -> list[str]:
        """Carries out everything; returns what was exercised. Raises Wrong."""
        self._must_have_all()
        self._start(*self._names)
        for at_s, names in self._joins.items():
            self.at(at_s, partial(self._start, *names))
        for act in self._plot:
            self.at(act.at_s, partial(self._does, act))
        for number, usual in enumerate(self._turns):
            self.at(number * TURN_S, partial(self._turn, usual))
        self.go()
        self._judge_clocks_alone()
        if LOG in self._judges:
            self._judge_log()
        if ONE_LOG in self._judges:
            self._judge_one_log()
        return self.exercised

    # The processes: ours, but for their clocks.

    def _start(self, *names: str) -> None:
        for name in names:
            skew = self.script.choose(f"the clock of {name}", "right", *self._skews)
            self._processes[name] = Process(name, SKEWS_S[skew])
            self.exercised.append(skew)
            if skew != "right":
                self.say("skew", name=name, skew=skew)
        for name in names:
            process = self._processes[name]
            process.names, process.started_s = list(self._processes), self.now
            process.lamport, process.vector = self._clocks(process)
            if name not in self._names:
                self.say("joins", name=name)
                self.exercised.append("joins")

    def _clocks(self, process: Process) -> tuple[Any, Any]:
        """A new clock of each kind that is judged."""
        def wall() -> float:
            return WALL_S + self.now + process.skew_s
        return (self.solution.Lamport(wall) if self._needs(LOG, TIMES, ONE_LOG) else None,
                self.solution.Vector(process.name, list(process.names))
                if self._needs(ORDER) else None)

    def _needs(self, *judges: str) -> bool:
        return not set(judges).isdisjoint(self._judges)

    def _must_have_all(self) -> None:
        """Raises Theirs if the file lacks what is judged."""
        clocks = []
        if self._needs(LOG, TIMES, ONE_LOG):
            must_have(self.solution, "log", "events")
            clocks.append(must_have(self.solution, "Lamport", "wall")(lambda: WALL_S))
        if self._needs(ORDER):
            must_have(self.solution, "order", "one", "other")
            clocks.append(must_have(self.solution, "Vector", "name", "names")("ana", ["ana"]))
            for word, means in WORDS.items():
                if not isinstance(getattr(self.solution, word, None), str):
                    raise Theirs(f"the file has no word {word}")
                self._said[getattr(self.solution, word)] = means
        for clock in clocks:
            must_have(clock, "step")
            must_have(clock, "send")
            must_have(clock, "receive", "stamp")

    def _turn(self, usual: str) -> None:
        others = [f"{who} {to}".strip() for who in self._processes
                  for to in ("", *self._processes) if to != who]
        options = [usual, *(other for other in others if other != usual)]
        who, _, to = self.script.choose("the turn", *options).partition(" ")
        self._does(Act(self.now, who, to, ""))

    def _does(self, act: Act) -> None:
        self._acts += 1
        if not act.to:
            self._happens(act.who, f": {act.what or f'e{self._acts}'}", "step")
            return
        what = act.what or f"m{self._acts}"
        fate = self.script.choose(what, "arrives", *self._fates)
        self.exercised.append(fate)
        event = self._happens(act.who, f" → {act.to}: {what}", "send", fate=fate)
        for copy, delay_s in enumerate(DELAYS_S[fate]):
            again = " (2)" if copy else ""
            self.at(delay_s, partial(self._arrives, act, what + again, event))

    def _arrives(self, act: Act, what: str, sent: Event) -> None:
        self._happens(act.to, f" ← {act.who}: {what}", "receive", sent)

    def _happens(self, name: str, what: str, verb: str, message: Event | None = None,
                 fate: str = "arrives") -> Event:
        """An event of a process; its clocks give it their stamps."""
        process, number = self._processes[name], len(self._happened)
        before = process.before | (message.before | {message.number} if message else frozenset())
        event = Event(number, name, name + what, before)
        process.before = before | {number}
        if process.lamport is not None:
            stamp = (message.time,) if message else ()
            event.time = self._asks(event, "Lamport", process.lamport, verb, stamp)
        if process.vector is not None:
            stamp = (dict(message.vector_then),) if message else ()
            event.vector = self._asks(event, "Vector", process.vector, verb, stamp)
        self.say("event", event=event.what, stamps=_stamps(event), fate=fate)
        self._judge_stamps(event)
        self._happened.append(event)
        if TIMES in self._judges:
            self._judge_time(event)
        if ORDER in self._judges:
            self._judge_order(event)
        if COUNTS in self._judges:
            self._judge_counts(event)
        return event

    def _asks(self, event: Event, kind: str, clock: Any, verb: str, stamp: tuple[Any, ...]) -> Any:
        # The clock gets its own copy, as it would from a network.
        got = getattr(clock, verb)(*(_copy(each) for each in stamp))
        asked = Asked(self.now, event.what, verb, stamp, _copy(got))
        self._processes[event.name].asked[kind].append(asked)
        return got

    # What must hold.

    def _judge_stamps(self, event: Event) -> None:
        """Stamps are what a message can carry, and those given before stay as they were."""
        process = self._processes[event.name]
        if process.lamport is not None and not is_time(event.time):
            raise self.wrong("no_time", event=event.what, stamp=f"{event.time!r:.60}")
        if process.vector is None:
            return
        if not is_vector(event.vector, self._processes):
            raise self.wrong("no_vector", event=event.what, stamp=f"{event.vector!r:.60}")
        event.vector_then = dict(event.vector)
        for each in self._happened:
            if each.vector != each.vector_then:
                raise self.wrong("changes_afterwards", event=each.what,
                                 was=shown(each.vector_then), now=shown(each.vector))

    def _judge_time(self, event: Event) -> None:
        for number in sorted(event.before, reverse=True):
            cause = self._happened[number]
            if not cause.time < event.time:
                raise self.wrong("not_later", cause=cause.what, cause_time=shown(cause.time),
                                 effect=event.what, effect_time=shown(event.time))

    def _judge_order(self, event: Event) -> None:
        for each in reversed(self._happened[:-1]):
            right = "before" if each.number in event.before else "at once"
            self.exercised.append(right)
            if right == "before" and each.vector_then == event.vector_then:
                raise self.wrong("same_stamp", one=each.what, other=event.what,
                                 stamp=shown(event.vector_then))
            self._judge_pair(each, event, right)
            self._judge_pair(event, each, "after" if right == "before" else right)

    def _judge_pair(self, one: Event, other: Event, right: str) -> None:
        answer = self.solution.order(dict(one.vector_then), dict(other.vector_then))
        said = self._said.get(answer) if isinstance(answer, str) else None
        if said == right:
            return
        values = {"one": one.what, "other": other.what, "one_stamp": shown(one.vector_then),
                  "other_stamp": shown(other.vector_then)}
        if said is None:
            raise self.wrong("no_order", said=f"{answer!r:.60}", **values)
        key = ("claims_a_cause" if right == "at once" else
               "misses_the_cause" if said == "at once" else "turned_round")
        raise self.wrong(key, said=said, right=right, **values)

    def _judge_counts(self, event: Event) -> None:
        """A vector stamp has, for each process, how many of its events are known."""
        known = Counter(self._happened[number].name for number in event.before | {event.number})
        for name in self._processes:
            said = event.vector_then.get(name, 0)
            if said != known[name]:
                raise self.wrong("miscounts", event=event.what, name=name, said=said,
                                 right=known[name])

    def _judge_clocks_alone(self) -> None:
        """Each process again, alone, with the same messages: its clock must give the same stamps.

        Here all clocks run in one Python. On machines of their own nothing else can reach them.
        """
        for process in self._processes.values():
            self.now = process.started_s
            for kind, clock in zip(("Lamport", "Vector"), self._clocks(process)):
                for asked in process.asked[kind]:
                    self.now = asked.at_s
                    got = getattr(clock, asked.verb)(*(_copy(each) for each in asked.stamp))
                    if got != asked.got:
                        raise self.wrong("knows_without_a_message", name=process.name,
                                         event=asked.event, said=shown(asked.got),
                                         alone=shown(got))

    def _log(self, events: Sequence[Event], salt: int = 1) -> list[Event]:
        """The log that a student's `log` makes of these events."""
        given = [Logged(event.time, Name(event.name), event.what) for event in events]
        for each in given:
            each.name.salt = salt
        made = self.solution.log(list(given))
        if not isinstance(made, (list, tuple)):
            raise self.wrong("no_log", said=f"{made!r:.60}")
        places = [given.index(each) for each in made if each in given]
        if sorted(places) != list(range(len(given))) or len(made) != len(given):
            raise self.wrong("not_the_same_events", count=len(given), made=len(made))
        return [events[place] for place in places]

    def _judge_log(self) -> None:
        made = self._log(self._happened)
        for place, cause in enumerate(made):
            for effect in reversed(made[:place]):
                if cause.number in effect.before:
                    self._tell_log(made)
                    raise self.wrong("effect_first", effect=effect.what, cause=cause.what)

    def _judge_one_log(self) -> None:
        """Whoever collects the events, in whatever order, gets the same log."""
        self.exercised.extend("at once" for event in self._happened for each in
                              self._happened[:event.number] if each.number not in event.before)
        by_name = sorted(self._happened, key=lambda event: event.name)
        made = self._log(self._happened)
        for collected in (self._happened[::-1], by_name, by_name[::-1]):
            again = self._log(collected, salt=-1)
            for place, (one, other) in enumerate(zip(made, again), 1):
                if one is not other:
                    # Up to there: the rest tells no more.
                    self._tell_log(made[:place])
                    self._tell_log(again[:place])
                    raise self.wrong("two_logs", place=place, one=one.what, other=other.what)

    def _tell_log(self, made: Sequence[Event]) -> None:
        self.story.append(Line(None, "log", {}))
        for place, event in enumerate(made, 1):
            self.story.append(Line(None, "logged", {
                "place": place, "event": event.what, "stamp": shown(event.time)}))


def is_time(stamp: Any) -> bool:
    """Whether a stamp is a number that a message can carry."""
    return (isinstance(stamp, (int, float)) and not isinstance(stamp, bool)
            and math.isfinite(stamp))


def is_vector(stamp: Any, names: Iterable[str]) -> bool:
    """Whether a stamp is a dict of counts by name of a process."""
    return isinstance(stamp, dict) and all(
        name in names and isinstance(count, int) and not isinstance(count, bool)
        for name, count in stamp.items())


def shown(stamp: Any) -> str | float:
    """A stamp in a line: a number with a point is told as each language tells it."""
    if isinstance(stamp, dict):
        return ", ".join(f"{name} {count}" for name, count in stamp.items()) or "{}"
    return round(stamp, 3) if isinstance(stamp, float) else f"{stamp!r:.60}"


def _stamps(event: Event) -> str | float:
    stamps = [shown(each) for each in (event.time, event.vector) if each is not None]
    return stamps[0] if len(stamps) == 1 else "; ".join(map(str, stamps))


def _copy(stamp: Any) -> Any:
    return dict(stamp) if isinstance(stamp, dict) else stamp
