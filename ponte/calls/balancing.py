"""Balancing: which endpoint of a service a call asks first, which next, and which is left alone.

A policy picks the first one: `round_robin`, `least_calls` or `two_choices`. With hundreds of
endpoints, prefer `two_choices`: `least_calls` looks at all of them, which takes some 0.2 ms with
1,000 endpoints. That is several times as long as all else that a proxy does for a call.

An endpoint that fails goes into *quarantine*: calls pass it over for a while, and then one call
tries it again. Without quarantine, a server that fails fast looks idle, and gets every call.

    healthy    --a failure------------------------------------> quarantine
    quarantine --its time is over: one trial call is answered-> healthy
    quarantine --the trial call fails-------------------------> quarantine, for longer

This module is pure: it has no socket, no clock and no thread. `now` is a monotonic time in seconds.
Nothing here is thread-safe: one lock guards a Balancer.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection, Iterator, Sequence

from ponte.calls.budget import Budget
from ponte.calls.endpoint import PROXY, Endpoint
from ponte.calls.session import Session

# Seconds. The first quarantine lasts up to this long, and each failed trial doubles it. More keeps
# calls away from a server that is well again; less sends more calls to one that is not.
QUARANTINE_S = 1.0
# Seconds. The longest quarantine: how late a cured endpoint may be tried again.
QUARANTINE_MAX_S = 30.0
# One failure counts like this many calls in flight. Each answer halves it.
PENALTY = 4.0
# What is less does not matter beside a call in flight.
LEAST_PENALTY = 0.1

# An instance and its incarnation: two records with the same key are of the same life.
Key = tuple[str, int]


class Member:
    """An endpoint of a balancer, and how it behaves."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.key: Key = (endpoint.instance, endpoint.incarnation)
        # Calls in flight.
        self.calls = 0
        # Failures in a row.
        self.failures = 0
        # All attempts that have ended, and those of them that failed.
        self.calls_total = self.failures_total = 0
        # What recent failures add to `load`. 0: it is healthy, and has no failures.
        self.penalty = 0.0
        # Set while it is in quarantine: the time from which one call may try it.
        self.trial_at: float | None = None
        # That one call is on its way.
        self.on_trial = False
        # Whether it remembers calls; and the session in which calls that must run at most once have
        # their numbers, None until it gives one out.
        self.remembers = endpoint.remembers
        self.session: Session | None = None

    @property
    def load(self) -> float:
        """What a policy compares: calls in flight, and the penalty for recent failures."""
        return self.calls + self.penalty

    def __repr__(self) -> str:
        failures = f", {self.failures} failures" if self.trial_at is not None else ""
        return f"<Member {self.endpoint.instance}: {self.calls} calls{failures}>"


# ---- policies: the index of the member to ask first; the others follow in turn -------------------

Policy = Callable[["Balancer", Sequence[Member]], int]


def round_robin(balancer: Balancer, members: Sequence[Member]) -> int:
    """One after the other, for equal shares. The natural choice if calls cost about the same."""
    balancer.turn += 1
    return balancer.turn % len(members)


def least_calls(balancer: Balancer, members: Sequence[Member]) -> int:
    """The member with the least load; in turn where several have the same.

    It looks at all of them, so its cost grows with their number (figures: see above).
    """
    start = round_robin(balancer, members)
    turns = range(start, start + len(members))
    return min(turns, key=lambda turn: members[turn % len(members)].load) % len(members)


def two_choices(balancer: Balancer, members: Sequence[Member]) -> int:
    """The less loaded of two drawn at random: nearly as even as least_calls, at a constant cost.

    Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001).
    """
    one, two = (balancer.rng.randrange(len(members)) for _ in range(2))
    return one if members[one].load <= members[two].load else two


POLICIES: dict[str, Policy] = {
    "round_robin": round_robin, "least_calls": least_calls, "two_choices": two_choices}


# ---- the balancer --------------------------------------------------------------------------------

class Balancer:
    """The endpoints of one service, and the order in which a call asks them.

    The order: a member whose quarantine has just ended (for one trial call); then the healthy ones,
    tier after tier, by the policy; at the very end those in quarantine, since to ask them is better
    than to fail without asking.

    Parameters: `policy`, one of POLICIES; `rng` draws the length of quarantines.

    Attributes: `budget`, the retry budget of the service; `servers`, how many members are not
    proxies.

    >>> balancer = Balancer()
    >>> balancer.update([Endpoint("greeter", name, 1, "127.0.0.1", 4242, "up", ())
    ...                  for name in ("a", "b")])
    >>> [balancer.choose(0.0).endpoint.instance for _ in range(4)]
    ['a', 'b', 'a', 'b']
    >>> balancer.note_failure(balancer.choose(0.0), 0.0)        # the call to "a" fails
    >>> [balancer.choose(0.0).endpoint.instance for _ in range(3)]
    ['b', 'b', 'b']
    """

    def __init__(self, policy: Policy = round_robin, rng: random.Random | None = None) -> None:
        self.budget = Budget()
        self.servers = 0
        self.rng = rng or random.Random()
        # The turn of round_robin.
        self.turn = -1
        self._policy = policy
        self._members: dict[Key, Member] = {}
        # The members of each tier: those that are up in each group, then those that are suspect.
        self._tiers: list[list[Member]] = []
        # The same without those in quarantine, and without empty tiers.
        self._healthy: list[list[Member]] = []
        self._quarantined: list[Member] = []
        # No trial can begin before this time; 0: look for it.
        self._trial_due_at = 0.0

    @property
    def members(self) -> Collection[Member]:
        """All members, in any state."""
        return self._members.values()

    def update(self, *groups: Sequence[Endpoint]) -> None:
        """Takes a new view: groups of endpoints, the first group preferred.

        Suspects of every group come after the rest of all groups. An endpoint that is known already
        keeps its record. One that is draining takes no new calls.
        """
        known, self._members = self._members, {}
        self._tiers = []
        for state in ("up", "suspect"):
            for group in groups:
                tier = []
                for endpoint in group:
                    if endpoint.state == state:
                        key = (endpoint.instance, endpoint.incarnation)
                        member = self._members[key] = known.get(key) or Member(endpoint)
                        member.endpoint = endpoint
                        tier.append(member)
                self._tiers.append(tier)
        self.servers = sum(m.endpoint.service != PROXY for m in self._members.values())
        self._sort_out()

    def choose(self, now: float) -> Member | None:
        """The member that a call asks first; None if there is none."""
        if now >= self._trial_due_at:
            trial = self._begin_trial(now)
            if trial:
                return trial
        if not self._healthy:
            return next(self._in_order(), None)
        tier = self._healthy[0]
        return tier[self._policy(self, tier)]

    def others(self, asked: Member) -> Iterator[Member]:
        """The members other than `asked`, in the order in which to ask them, each once."""
        asked_keys = {asked.key}
        for member in self._in_order():
            # A member that goes into quarantine while this runs comes twice in that order.
            if member.key not in asked_keys:
                asked_keys.add(member.key)
                yield member

    # The outcome of an attempt at a member: one of these three, once for each attempt.

    def note_answer(self, member: Member) -> None:
        """It answered: it is healthy. If it was so before, there is nothing to settle."""
        member.calls -= 1
        member.calls_total += 1
        if not member.penalty:
            return
        member.failures, member.on_trial = 0, False
        member.penalty = member.penalty / 2 if member.penalty > LEAST_PENALTY else 0.0
        if member.trial_at is not None:
            member.trial_at = None
            self._sort_out()

    def note_failure(self, member: Member, now: float) -> None:
        """It failed: quarantine. In quarantine already, only the failure of a trial counts."""
        member.calls -= 1
        member.calls_total += 1
        member.failures_total += 1
        was_in_quarantine = member.trial_at is not None
        if was_in_quarantine and not member.on_trial:
            return
        member.failures += 1
        member.penalty += PENALTY
        member.on_trial = False
        # Full jitter: a random part of the whole time, so that trials do not come in step.
        span_s = min(QUARANTINE_S * 2 ** (member.failures - 1), QUARANTINE_MAX_S)
        member.trial_at = now + self.rng.uniform(0, span_s)
        if was_in_quarantine:
            self._trial_due_at = 0.0
        else:
            self._sort_out()

    def note_unfair_timeout(self, member: Member) -> None:
        """It had too little time to answer, so it is not blamed. A trial is still to be made."""
        member.calls -= 1
        member.calls_total += 1
        if member.on_trial:
            member.on_trial = False
            self._trial_due_at = 0.0

    def _sort_out(self) -> None:
        """Separates the healthy members of each tier from those in quarantine."""
        healthy = [[m for m in tier if m.trial_at is None] for tier in self._tiers]
        self._healthy = [tier for tier in healthy if tier]
        self._quarantined = [m for tier in self._tiers for m in tier if m.trial_at is not None]
        self._trial_due_at = 0.0

    def _in_order(self) -> Iterator[Member]:
        for tier in self._healthy:
            start = self._policy(self, tier)
            for turn in range(start, start + len(tier)):
                yield tier[turn % len(tier)]
        # Those in quarantine; and those that left it, or appeared in the view, since this began.
        for tier in self._tiers:
            yield from tier

    def _begin_trial(self, now: float) -> Member | None:
        """A member whose quarantine is over; no other call chooses it until the trial ends."""
        waiting = [(member.trial_at or 0.0, member) for member in self._quarantined
                   if not member.on_trial and member.endpoint.state == "up"]
        trial = next((member for due_at, member in waiting if due_at <= now), None)
        if trial:
            trial.on_trial = True
        self._trial_due_at = min((due_at for due_at, member in waiting if member is not trial),
                                 default=math.inf)
        return trial
