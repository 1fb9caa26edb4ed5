"""Rule R led by hand: a test says what each attempt comes to, and which attempt must follow.

A balancer is pure, and so is a call of rule R. So a test needs no server, no clock and no waiting:

    self.knows("a", "b")                # two endpoints, both of them up, which gave out sessions
    self.begins(idempotent=False)       # a call begins
    self.tries("a", kind=Kind.ORIGINAL, number="1-1")       # its next attempt goes to "a"
    self.comes_to(UNKNOWN)              # the reply of that attempt is lost
    self.tries("a", kind=Kind.REPEAT, number="1-1")
    self.comes_to(NOT_SENT)
    self.ends(UNKNOWN)                  # there is no further attempt: this is its outcome
"""

from __future__ import annotations

import itertools
import random
import unittest
from typing import Any

from ponte.calls.attempt import Attempt, Outcome, Result
from ponte.calls.balancing import POLICIES, Balancer, Member
from ponte.calls.rule import Call
from ponte.calls.session import Session
from ponte.net.message import Reply
from tests.fakes import endpoint

NOT_SENT, ANSWERED, UNKNOWN = Outcome.NOT_SENT, Outcome.ANSWERED, Outcome.UNKNOWN
# Seconds. The deadline of calls in tests that do not look at the time.
DEADLINE = 1000.0
# Attempts. A call that makes so many does not end.
ENDLESS = 100


def result(outcome: Outcome, **details: Any) -> Result:
    """What an attempt came to; `details` as `Result` has them. An answer is a value."""
    reply = Reply(200, {}, b"") if outcome is ANSWERED else None
    return Result(outcome, details.pop("reply", reply), "", **details)


class CallCase(unittest.TestCase):
    """One balancer, one call at a time, and the verbs to lead it. Times are in seconds."""

    def setUp(self) -> None:
        self.balancer = Balancer()

    # What the balancer knows.

    def knows(self, *names: str, policy: str = "round_robin", seed: int = 1,
              sessions: bool = True, service: str = "greeter", remembers: bool = True) -> None:
        """A new balancer has endpoints of these names, all of them up.

        `sessions`: each of them has given out a session before.
        """
        self.balancer = Balancer(POLICIES[policy], random.Random(seed))
        self.balancer.update([endpoint(name, service=service)._replace(remembers=remembers)
                              for name in names])
        if sessions:
            for name in names:
                self.member(name).session = Session(f"session of {name}")

    def member(self, name: str) -> Member:
        """The record of an endpoint."""
        found, = (m for m in self.balancer.members if m.endpoint.instance == name)
        return found

    # One call, step by step.

    def begins(self, *, idempotent: bool, deadline: float = DEADLINE, **options: Any) -> None:
        """A call begins; `options` as `Call` takes them."""
        self.call = Call(self.balancer, idempotent, deadline, **options)

    def attempts(self, at: float = 0.0) -> Attempt:
        """The next attempt of the call. There must be one."""
        attempt = self.call.next_attempt(at)
        assert attempt, "there is no next attempt"
        return attempt

    def tries(self, name: str, *, at: float = 0.0, **expected: Any) -> None:
        """The next attempt goes to the endpoint of this name, with the expected fields."""
        attempt = self.attempts(at)
        self.assertEqual(attempt.endpoint.instance, name)
        for field, value in expected.items():
            found = getattr(attempt, field)
            self.assertEqual(str(found) if type(value) is str else found, value, field)

    def comes_to(self, outcome: Outcome, *, at: float = 0.0, **details: Any) -> None:
        """The latest attempt comes to this; `details` as `Result` has them."""
        self.call.settle(result(outcome, **details), at)

    def ends(self, outcome: Outcome, *, at: float = 0.0) -> None:
        """There is no further attempt, and the call has this outcome."""
        self.assertIsNone(self.call.next_attempt(at))
        self.assertIs(self.call.outcome, outcome)

    # Whole calls.

    def drives(self, *outcomes: Outcome, at: float = 0.0) -> list[str]:
        """Carries the call out; its attempts come to these outcomes, the last one repeated.

        Returns the names of the endpoints that were tried.
        """
        tried: list[str] = []
        for outcome in (*outcomes, *itertools.repeat(outcomes[-1], ENDLESS)):
            attempt = self.call.next_attempt(at)
            if attempt is None:
                return tried
            tried.append(attempt.endpoint.instance)
            self.comes_to(outcome, at=at)
        raise AssertionError("the call does not end")

    def one_attempt(self, outcome: Outcome = ANSWERED, *, at: float = 0.0, within_s: float = 10.0,
                    timed_out: bool = False) -> str:
        """A call makes one attempt, which comes to this. Returns the name of its endpoint."""
        self.begins(idempotent=True, deadline=at + within_s)
        attempt = self.attempts(at)
        self.comes_to(outcome, at=at, timed_out=timed_out)
        return attempt.endpoint.instance

    def spend_the_budget(self) -> None:
        """Takes all retries out of the budget."""
        while self.balancer.budget.spend():
            pass
