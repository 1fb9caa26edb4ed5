"""Rule R: what happened to a call, and what may be tried next. Also who is tried: balancing and quarantine.

A call ends in exactly one of three outcomes:

    NOT_SENT   it cannot have run            -> any method: the next endpoint, each at most once
    ANSWERED   a whole reply came            -> final, be it a value, a fault or an error
    UNKNOWN    it may have run, or not       -> idempotent: another endpoint, while attempts and budget last
                                                otherwise: the same incarnation again, with the same call id,
                                                where the reply cache turns a repeat into the first reply

The outcome of a call is the worst of its attempts: UNKNOWN, then NOT_SENT, is UNKNOWN. Nothing guesses.

This module is pure: it has no socket, no clock and no thread; `now` is always a monotonic time in seconds.
The stub and the proxy drive it in the same way:

    call = balancer.call(idempotent, deadline)
    while (attempt := call.next_attempt(now)):          # decide, under the caller's lock
        ...exchange with attempt.endpoint...            # act, outside of it
        call.settle(outcome, now)                       # decide, under the lock
    call.outcome                                        # the outcome of the whole call

Nothing here is thread-safe: whoever shares a Balancer holds one lock around it and around its calls.
"""

from __future__ import annotations

import enum
import math
import random
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Protocol, Sequence, Tuple

MAX_ATTEMPTS = 3            # attempts of one call that may have run; more only adds load to what is ill
BUDGET_SHARE = 0.1          # retries allowed per call, over time (as in gRPC's and Finagle's retry throttling)
BUDGET_BURST = 100.0        # retries allowed at once: all callers that a dying server leaves behind
QUARANTINE_S = 1.0          # the first quarantine lasts up to this; doubles with every failed trial
QUARANTINE_MAX_S = 30.0     # the longest one: how late a cured endpoint may be found out
PENALTY = 4.0               # calls in flight that a failure weighs as much as; halves with every answer
FAIR_TIMEOUT_S = 0.2        # an endpoint is not blamed for missing a deadline shorter than this


# ---- the rule -------------------------------------------------------------------------------------------

class Outcome(enum.Enum):
    """What one attempt, or a whole call, came to."""

    NOT_SENT = "not sent"
    ANSWERED = "answered"
    UNKNOWN = "unknown"


def outcome_of_reply(status: int, not_executed: bool) -> Outcome:
    """The outcome of an attempt that got a whole reply: its HTTP status, and whether it says Not-Executed: 1."""
    if status == 200:
        return Outcome.ANSWERED
    if status == 412 or (status in (503, 508) and not_executed):    # 412: another incarnation than asked for
        return Outcome.NOT_SENT
    if 400 <= status <= 500:
        return Outcome.ANSWERED
    return Outcome.UNKNOWN


def outcome_of_failure(sent: bool) -> Outcome:
    """The outcome of an attempt without a whole reply: `sent`, the last byte of the request may have left."""
    return Outcome.UNKNOWN if sent else Outcome.NOT_SENT


class Attempt(NamedTuple):
    """An order: try `endpoint` within `timeout_s`.

    `number` is 1 plus the attempts before it that may have run; `repeat`: only if it is still that incarnation.
    """

    endpoint: Endpoint
    number: int
    timeout_s: float
    repeat: bool


class Call:
    """One call on its way through the rule. Made by `Balancer.call`.

    Attributes: `outcome`, the worst of its attempts so far; `may_have_run`, how many of them may have run.
    """

    def __init__(self, balancer: Balancer, idempotent: bool, deadline: float, first: int,
                 again: Optional[Member]) -> None:
        self.outcome = Outcome.UNKNOWN if again else Outcome.NOT_SENT
        self.may_have_run = first - 1
        self._balancer = balancer
        self._others: Optional[Iterator[Member]] = None     # those to ask after the first
        self._idempotent = idempotent
        self._deadline = deadline
        self._again = again                 # who got the attempt whose outcome is unknown
        self._owes_retry = False            # the next attempt is a retry, not yet paid from the budget
        self._attempt: Optional[Attempt] = None
        self._member: Optional[Member] = None

    def next_attempt(self, now: float) -> Optional[Attempt]:
        """What to try at `now`, or None when the call has come to its outcome."""
        left = self._deadline - now
        if self.outcome is Outcome.ANSWERED or left <= 0 or (self._owes_retry and not self._pay_for_retry()):
            return None
        repeat = self.outcome is Outcome.UNKNOWN and not self._idempotent
        member = None if repeat else self._next_candidate(now)
        if member is None:                  # a repeat, or nobody else is left to ask
            member, self._again = self._again, None
        if member is None:
            return None
        member.calls += 1
        number = self.may_have_run + 1
        timeout_s = left if number >= MAX_ATTEMPTS else left / 2
        self._member, self._attempt = member, Attempt(member.endpoint, number, timeout_s, repeat)
        return self._attempt

    def settle(self, outcome: Outcome, now: float, *, timed_out: bool = False, number: int = 0) -> None:
        """Tells what the latest attempt came to.

        `timed_out`: it ended by its time, not by an error. `number`: of the last attempt that the next hop made
        on our behalf (Call-Attempt in its reply), so that all hops together stay within MAX_ATTEMPTS.
        """
        assert self._member and self._attempt, "settle comes after next_attempt"
        fair = not timed_out or self._attempt.timeout_s >= FAIR_TIMEOUT_S
        self._balancer.settle(self._member, outcome, now, blame=fair)
        if outcome is Outcome.UNKNOWN:
            self.may_have_run = max(self.may_have_run + 1, number)
            self._again, self._owes_retry = self._member, True
        if outcome is not Outcome.NOT_SENT:
            self.outcome = outcome

    def _next_candidate(self, now: float) -> Optional[Member]:
        if self._member is None:
            return self._balancer.first(now)
        if self._others is None:
            self._others = self._balancer.others(self._member)
        return next(self._others, None)

    def _pay_for_retry(self) -> bool:
        """Whether attempts and budget allow to go on after an unknown outcome; each is paid for once."""
        if self.may_have_run < MAX_ATTEMPTS and self._balancer.budget.spend():
            self._owes_retry = False
        return not self._owes_retry


class Budget:
    """Retries as a share of calls, so that they cannot multiply the load on a system in trouble.

    A token bucket: every call earns BUDGET_SHARE of a token, every retry of an unknown outcome spends one.
    """

    def __init__(self) -> None:
        self._tokens = BUDGET_BURST

    def earn(self) -> None:
        self._tokens = min(self._tokens + BUDGET_SHARE, BUDGET_BURST)

    def spend(self) -> bool:
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


# ---- who is tried ---------------------------------------------------------------------------------------

class Endpoint(Protocol):
    """What must be known of a server or a proxy; `registry.Endpoint` is one."""

    @property
    def instance(self) -> str: ...
    @property
    def incarnation(self) -> int: ...
    @property
    def address(self) -> Tuple[str, int]: ...
    @property
    def state(self) -> str: ...


class Member:
    """An endpoint and how it behaves: calls in flight, failures in a row, and its quarantine."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.key = endpoint.instance, endpoint.incarnation      # what makes two records one
        self.calls = 0
        self.failures = 0
        self.penalty = 0.0          # for failures of late; a policy takes it for calls in flight
        self.trial_at: Optional[float] = None       # set while in quarantine: when one call may try it again
        self.on_trial = False                       # that call is on its way

    @property
    def load(self) -> float:
        """What a policy compares. Without the penalty, a server that fails fast looks idle and gets every call."""
        return self.calls + self.penalty

    def __repr__(self) -> str:
        ill = f", {self.failures} failures" if self.trial_at is not None else ""
        return f"<Member {self.endpoint.instance}: {self.calls} calls{ill}>"


# A policy picks the index of the member to try first; after it the others follow in turn.
Policy = Callable[["Balancer", Sequence[Member]], int]


def round_robin(balancer: Balancer, members: Sequence[Member]) -> int:
    """Each in turn: even shares, the natural choice while calls cost about the same."""
    balancer.turn += 1
    return balancer.turn % len(members)


def least_calls(balancer: Balancer, members: Sequence[Member]) -> int:
    """The one with the least load, in turn among equals. Looks at all of them."""
    start = round_robin(balancer, members)
    turns = range(start, start + len(members))
    return min(turns, key=lambda turn: members[turn % len(members)].load) % len(members)


def two_choices(balancer: Balancer, members: Sequence[Member]) -> int:
    """The less loaded of two drawn at random: nearly as even as least_calls, at a cost that never grows.

    Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001).
    """
    one, two = (balancer.rng.randrange(len(members)) for _ in range(2))
    return one if members[one].load <= members[two].load else two


POLICIES: Dict[str, Policy] = {"round_robin": round_robin, "least_calls": least_calls, "two_choices": two_choices}


class Balancer:
    """The endpoints of one service and the order in which a call tries them.

    Order: a member whose quarantine has just ended (one trial call), then the healthy ones of each tier by
    the policy, and at the very end those in quarantine: to ask them is better than to fail without asking.
    """

    def __init__(self, policy: Policy = round_robin, rng: Optional[random.Random] = None) -> None:
        self.budget = Budget()
        self.rng = rng or random.Random()
        self.turn = -1                                          # of round_robin
        self._policy = policy
        self._members: Dict[Tuple[str, int], Member] = {}
        self._tiers: List[List[Member]] = []                    # without those in quarantine
        self._quarantined: List[Member] = []
        self._trial_due_at = 0.0                                # no trial can begin before; 0: to be found out
        self._all_tiers: List[List[Member]] = []

    @property
    def members(self) -> Iterable[Member]:
        """All of them, in any state."""
        return self._members.values()

    def update(self, *groups: Sequence[Endpoint]) -> None:
        """Takes a new view: groups of endpoints, the first group preferred.

        Suspects of every group come after the rest of all groups. An endpoint that is known already (the
        same incarnation) keeps its record; one that drains takes no new calls.
        """
        known, self._members = self._members, {}
        tiers = []
        for state in ("up", "suspect"):
            for group in groups:
                tiers.append([self._remember(endpoint, known) for endpoint in group if endpoint.state == state])
        self._all_tiers = [tier for tier in tiers if tier]
        self._sort_out()

    def call(self, idempotent: bool, deadline: float, *, first: int = 1, again: Optional[Endpoint] = None) -> Call:
        """Begins a call that must end by `deadline`.

        `first`: the number of its first attempt at this hop. `again`: an earlier attempt of this call went to
        that endpoint, with an unknown outcome: only there may it be repeated.
        """
        self.budget.earn()
        return Call(self, idempotent, deadline, first, self._recall(again) if again else None)

    def first(self, now: float) -> Optional[Member]:
        """Whom a call asks first; None if nobody is known. Most calls need no more than this."""
        trial = self._begin_trial(now) if now >= self._trial_due_at else None      # most calls are not for the ill
        if trial or not self._tiers:
            return trial or next(self._in_order(), None)
        tier = self._tiers[0]
        return tier[self._policy(self, tier)]

    def others(self, first: Member) -> Iterator[Member]:
        """The other members in the order in which to ask them, each once."""
        asked = {first.key}
        for member in self._in_order():
            if member.key not in asked:     # its quarantine, or a new view, may have come on the way
                asked.add(member.key)
                yield member

    def settle(self, member: Member, outcome: Outcome, now: float, blame: bool) -> None:
        """Takes note of how an attempt at `member` ended; without `blame` a failure says nothing about it."""
        member.calls -= 1
        in_quarantine = member.trial_at is not None
        if outcome is Outcome.ANSWERED:
            member.failures, member.trial_at, member.on_trial = 0, None, False
            member.penalty /= 2
        elif not blame:
            member.on_trial = False         # the next call is the trial
        elif member.on_trial or not in_quarantine:
            member.failures += 1
            member.penalty += PENALTY
            span_s = min(QUARANTINE_S * 2 ** (member.failures - 1), QUARANTINE_MAX_S)
            member.trial_at = now + self.rng.uniform(0, span_s)     # full jitter: no trials in step
            member.on_trial = False
        if in_quarantine != (member.trial_at is not None):
            self._sort_out()
        elif in_quarantine:
            self._trial_due_at = 0.0

    def _recall(self, endpoint: Endpoint) -> Member:
        """The record of an endpoint, or a new one if it has left the view: it may answer all the same."""
        return self._members.get((endpoint.instance, endpoint.incarnation)) or Member(endpoint)

    def _remember(self, endpoint: Endpoint, known: Dict[Tuple[str, int], Member]) -> Member:
        key = (endpoint.instance, endpoint.incarnation)
        member = known.get(key) or Member(endpoint)
        member.endpoint = endpoint
        self._members[key] = member
        return member

    def _sort_out(self) -> None:
        """Splits the members into tiers of healthy ones, and the quarantined."""
        self._tiers = [[m for m in tier if m.trial_at is None] for tier in self._all_tiers]
        self._tiers = [tier for tier in self._tiers if tier]
        self._quarantined = [m for tier in self._all_tiers for m in tier if m.trial_at is not None]
        self._trial_due_at = 0.0

    def _in_order(self) -> Iterator[Member]:
        for tier in self._tiers:
            first = self._policy(self, tier)
            for turn in range(first, first + len(tier)):
                yield tier[turn % len(tier)]
        for tier in self._all_tiers:        # those in quarantine, and those cured or come meanwhile
            yield from tier

    def _begin_trial(self, now: float) -> Optional[Member]:
        """A member whose quarantine is over; until its trial is settled no other call gets it first."""
        waiting = [(member.trial_at or 0.0, member) for member in self._quarantined
                   if not member.on_trial and member.endpoint.state == "up"]
        trial = next((member for due_at, member in waiting if due_at <= now), None)
        if trial:
            trial.on_trial = True
        self._trial_due_at = min((due_at for due_at, member in waiting if member is not trial), default=math.inf)
        return trial
