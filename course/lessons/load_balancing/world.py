"""Servers that fail at once, are slow, hang, restart, come and go; and calls that a student's
balancer gives to them.

Each call is judged when it is picked, by what a balancer can know then. Where right balancers may
differ, nothing is judged: is a server healthy when a call that was picked before its failure is
answered after it? The state of such a server is OPEN.

Threads: one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from course.explore import Script
from course.theirs import must_have
from course.world import SmallWorld

# Seconds: a call that is answered; one that fails at once; a slow one; and one that hangs, and then
# fails. No call ends in the moment in which another one is picked.
TRIP_S, FAIL_S, SLOW_S, HANG_S = 0.025, 0.001, 0.753, 1.457
# What a balancer's clock shows at the beginning: no clock begins at 0.
CLOCK_S = 1000.0
# Seconds of the quarantine; and for which a server is broken, unless the world says otherwise.
QUARANTINE_S, BREAK_S = 1.0, 0.55

# What becomes of a call. At a server that breaks, all calls fail until it is well again.
ANSWERS, FAILS, BREAKS, SLOW, HANGS = "answers", "fails", "breaks", "slow", "hangs"
# How long each takes, and whether it is answered.
_ENDS = {ANSWERS: (TRIP_S, True), FAILS: (FAIL_S, False), BREAKS: (FAIL_S, False),
         SLOW: (SLOW_S, True), HANGS: (HANG_S, False)}

# What a view has: the second, what happens, and to which server.
JOINS, LEAVES, RESTARTS = "joins", "leaves", "restarts"
Changes = Sequence[tuple[float, str, str]]

# What a balancer can know of a server.
HEALTHY, QUARANTINE, OPEN = "healthy", "quarantine", "open"


class Server(NamedTuple):
    """One life of a server."""

    name: str
    life: int

    def __str__(self) -> str:
        return self.name if self.life == 1 else f"{self.name} (life {self.life})"


class Call(NamedTuple):
    """A call in flight. `is_free`: a healthy server could have been picked in place of this one."""

    number: int
    is_free: bool


class Record:
    """What a balancer can know of one server."""

    def __init__(self, since: int) -> None:
        self.state = HEALTHY
        # The number of the last call that was picked before this state began.
        self.since = since
        self.calls: list[Call] = []
        # When it failed last, and how often in a row as a trial; until when nobody may ask it, and
        # from when somebody must.
        self.failed_at = self.barred_until = self.due_at = 0.0
        self.failed_trials = 0
        # Whether it was in quarantine before; and whether the list has changed since it failed.
        self.has_recovered = self.list_has_changed = False
        # Whether the call that ended last had hung.
        self.failed_late = False
        # How many calls have passed it over in a row, though it was its turn.
        self.passed = 0

    @property
    def trial(self) -> Call | None:
        """The call that tries a server in quarantine."""
        fresh = (call for call in self.calls if call.number > self.since and call.is_free)
        return next(fresh, None)


class World(SmallWorld):
    """One run of the world with a student's balancer.

    Parameters: `solution`, the student's module; `script`, which decides; `calls`, the seconds at
    which they come; how many `servers`; `fates` of a call beside "answers"; `changes` of the list,
    or of a server, that breaks; `break_s`, for how many seconds a server is broken; `most_broken`,
    how many may break; `broken`, those that are broken at the beginning; `tick_s`, how often the
    clock goes on, if not all the time; `is_judged_by_load`, whether it matters which of the healthy
    servers is picked; `are_two`, whether it matters that two balancers share nothing.
    """

    def __init__(self, solution: Any, script: Script, *, calls: Sequence[float], servers: int = 2,
                 fates: Sequence[str] = (), changes: Changes = (), break_s: float = BREAK_S,
                 most_broken: int = 1, broken: Sequence[str] = (), tick_s: float = 0.0,
                 is_judged_by_load: bool = True, are_two: bool = False) -> None:
        super().__init__(solution, script)
        self._fates, self._changes, self._calls = fates, changes, calls
        self._break_s, self._most_broken = break_s, most_broken
        self._tick_s, self._is_judged_by_load = tick_s, is_judged_by_load
        self._are_two = are_two
        self._balancer = must_have(solution, "Balancer")()
        must_have(self._balancer, "pick", "servers", "now")
        must_have(self._balancer, "settle", "server", "answered", "now")
        self._list: list[Server] = []
        self._records: dict[Server, Record] = {}
        # Servers that are broken, and until when.
        self._broken: dict[Server, float] = {}
        # The servers of the latest calls, as long as all servers were healthy and idle.
        self._quiet: list[Server] = []
        self._number = 0
        for number in range(1, servers + 1):
            self._comes(Server(f"bank-{number}", 1))
        self._broken.update((Server(name, 1), break_s) for name in broken)

    def run(self) -> list[str]:
        """Carries out everything; returns what was exercised. Raises Wrong."""
        if self._are_two:
            self._judge_two()
            self._judge_two_trials()
        if self._tick_s:
            self.say("clock", tick_ms=round(self._tick_s * 1000))
        for at_s, does, name in self._changes:
            self.at(at_s, partial(self._change, does, name))
        for at_s in self._calls:
            self.at(at_s, self._call)
        self.go()
        return self.exercised

    # The list of servers.

    def _change(self, does: str, name: str) -> None:
        life = max((each.life for each in self._records if each.name == name), default=1)
        server = Server(name, life)
        self.say(does, server=str(server))
        self.exercised.append(does)
        if does == BREAKS:
            self._broken[server] = self.now + self._break_s
            return
        if does == JOINS:
            self._comes(server)
            return
        self._list.remove(server)
        if does == RESTARTS:
            self._comes(Server(name, life + 1))
        self._has_changed()

    def _comes(self, server: Server) -> None:
        self._list = sorted([*self._list, server])
        # Who comes back is the same server: in quarantine, if it was, and with its calls in flight.
        self._records.setdefault(server, Record(self._number))
        self._has_changed()

    def _has_changed(self) -> None:
        self._quiet.clear()
        for record in self._records.values():
            record.list_has_changed = True

    # A call.

    def _call(self) -> None:
        self._number += 1
        said = self._balancer.pick(list(self._list), self._clock_s())
        picked = next((server for server in self._list if server == said), None)
        if picked is None:
            raise self._not_in_the_list(said)
        record = self._records[picked]
        healthy = [each for each in self._list if self._records[each].state == HEALTHY]
        call = Call(self._number, bool(healthy))
        fate = self._fate(picked)
        self.say("call", number=self._number, server=str(picked), fate=fate)
        self._judge(picked, healthy)
        if record.state == QUARANTINE and self.now >= record.barred_until:
            self.exercised.append("trial")
        if not healthy:
            self.exercised.append("nobody is healthy")
        record.calls.append(call)
        self.at(_ENDS[fate][0], partial(self._ends, picked, call, fate))

    def _fate(self, server: Server) -> str:
        if self.now < self._broken.get(server, 0.0):
            return FAILS
        fates = [fate for fate in self._fates
                 if fate != BREAKS or len(self._broken) < self._most_broken]
        fate = self.script.choose("call", ANSWERS, *fates)
        self.exercised.append(fate)
        if fate == BREAKS:
            self._broken[server] = self.now + self._break_s
        return fate

    def _ends(self, server: Server, call: Call, fate: str) -> None:
        is_answered = _ENDS[fate][1]
        if fate in (SLOW, HANGS):
            self.say("late_answer" if is_answered else "late_failure", number=call.number,
                     server=str(server))
        self._learn(self._records[server], call, is_answered)
        self._records[server].failed_late = fate == HANGS
        self._balancer.settle(server, is_answered, self._clock_s())

    def _clock_s(self) -> float:
        """What the balancer's clock shows."""
        return CLOCK_S + self.now - (self.now % self._tick_s if self._tick_s else 0.0)

    # What a balancer can know.

    def _learn(self, record: Record, call: Call, is_answered: bool) -> None:
        # An old call says nothing certain; nor does the failure of one that had to go there.
        is_new = call.number > record.since
        trial, before = record.trial, record.state
        record.calls.remove(call)
        if is_answered:
            if before != HEALTHY:
                self._enter(record, HEALTHY if is_new else OPEN)
            return
        record.failed_at, record.list_has_changed = self.now, False
        if is_new and call.is_free:
            record.failed_trials += before != HEALTHY
            self.exercised.append("trial failed" if before != HEALTHY else "failure")
            self._enter(record, QUARANTINE)
            # A failure at once is as old as its call.
            record.barred_until = self.now + QUARANTINE_S - 2 * FAIL_S
        elif before == HEALTHY or trial:
            self._enter(record, OPEN)
        # A balancer may wait longer after each trial that failed.
        record.due_at = self.now + QUARANTINE_S * 2 ** record.failed_trials

    def _enter(self, record: Record, state: str) -> None:
        if state == HEALTHY:
            self.exercised.append("recovered")
            record.has_recovered, record.failed_trials = True, 0
        record.state, record.passed = state, 0
        if state != OPEN:
            record.since = self._number

    # What must hold at each pick.

    def _judge_two(self) -> None:
        """What one balancer has met, another one does not know."""
        one, another = self.solution.Balancer(), self.solution.Balancer()
        first, second = Server("bank-8", 1), Server("bank-9", 1)
        for _ in range(3):
            one.pick([first], CLOCK_S)
        one.settle(first, False, CLOCK_S)
        if [another.pick([first, second], CLOCK_S) for _ in range(2)] == [second, second]:
            raise self.wrong("not_its_own", server=str(first), other=str(second))

    def _judge_two_trials(self) -> None:
        """What one balancer tries, another one tries as well."""
        first, second = Server("bank-8", 1), Server("bank-9", 1)
        alone, one, another = (self.solution.Balancer() for _ in range(3))
        for balancer in (alone, one, another):
            balancer.pick([first], CLOCK_S)
            balancer.settle(first, False, CLOCK_S)
        over_s = CLOCK_S + 1.5 * QUARANTINE_S
        is_tried = alone.pick([first, second], over_s) == first
        alone.settle(first if is_tried else second, True, over_s)
        one.pick([first], over_s)
        if is_tried and another.pick([first, second], over_s) != first:
            raise self.wrong("not_its_own_trial", server=str(first))

    def _judge(self, picked: Server, healthy: Sequence[Server]) -> None:
        record = self._records[picked]
        if record.state == QUARANTINE and healthy:
            self._judge_quarantine(picked, record, healthy[0])
        if record.state != HEALTHY:
            self._quiet.clear()
        elif self._is_judged_by_load:
            self._judge_load(picked, record, healthy)
            self._judge_turn(picked, healthy)
        record.passed = 0
        for other in self._list:
            if other != picked:
                self._judge_passed(other, picked)

    def _judge_quarantine(self, picked: Server, record: Record, other: Server) -> None:
        values = {"server": str(picked), "number": self._number}
        if self.now < record.barred_until:
            ago_ms = round((self.now - record.failed_at) * 1000)
            key = ("late_failure" if record.failed_late
                   else "forgotten_quarantine" if record.list_has_changed
                   else "failed_trial" if record.failed_trials else "asks_in_quarantine")
            raise self.wrong(key, **values, ago_ms=ago_ms, other=str(other))
        if record.trial:
            raise self.wrong("two_trials", **values, trial=record.trial.number)

    def _judge_load(self, picked: Server, record: Record, healthy: Sequence[Server]) -> None:
        for other in healthy:
            if len(self._records[other].calls) < len(record.calls):
                raise self.wrong("busier", number=self._number, server=str(picked),
                                 calls=len(record.calls), other=str(other),
                                 fewer=len(self._records[other].calls))

    def _judge_turn(self, picked: Server, healthy: Sequence[Server]) -> None:
        if len(healthy) < len(self._list) or any(self._records[each].calls for each in healthy):
            self._quiet.clear()
            return
        if picked in self._quiet[1 - len(healthy):] and len(healthy) > 1:
            latest = self._quiet[1 - len(healthy):]
            other = next(each for each in healthy if each not in latest)
            raise self.wrong(self._passed_over(other, "not_in_turn"), number=self._number,
                             server=str(picked), other=str(other))
        self._quiet.append(picked)

    def _judge_passed(self, other: Server, picked: Server) -> None:
        """Whether a server was passed over for too long."""
        record, instead = self._records[other], self._records[picked]
        if record.state == HEALTHY:
            is_its_turn = (self._is_judged_by_load and instead.state == HEALTHY
                           and len(record.calls) <= len(instead.calls))
        else:
            is_its_turn = self.now >= record.due_at and not record.calls
        record.passed += is_its_turn
        if record.passed > 2 * len(self._list):
            raise self.wrong(self._passed_over(other, "starves"), number=self._number,
                             server=str(picked), other=str(other), passed=record.passed)

    def _passed_over(self, other: Server, usually: str) -> str:
        """The key of what is wrong: why was this server passed over?"""
        record = self._records[other]
        if record.state != HEALTHY:
            return "never_tried"
        if record.has_recovered:
            return "stays_out"
        return "old_life_blamed" if other.life > 1 else usually

    def _not_in_the_list(self, said: Any) -> Exception:
        known = next((server for server in self._records if server == said), None)
        if known:
            self.say("call", number=self._number, server=str(known), fate=ANSWERS)
            return self.wrong("not_listed", number=self._number, server=str(known))
        return self.wrong("no_answer", said=repr(said)[:60])
