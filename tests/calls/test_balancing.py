"""Balancing and quarantine: which endpoint is asked first, which next, and which is left alone."""

from __future__ import annotations

import unittest
from collections import Counter
from typing import Callable
from unittest import mock

from ponte.calls.balancing import (
    PENALTY,
    POLICIES,
    QUARANTINE_MAX_S,
    QUARANTINE_S,
    Balancer,
    least_calls,
    round_robin,
)
from ponte.calls.rule import FAIR_TIMEOUT_S, Call
from tests.calls.by_hand import ANSWERED, DEADLINE, NOT_SENT, UNKNOWN, CallCase, result
from tests.fakes import endpoint


class BalancerCase(CallCase):
    """The verbs of this file: which endpoints the next calls ask."""

    def asks(self, *names: str, at: float = 0.0) -> None:
        """Each of the next calls asks its endpoint, which answers."""
        self.assertEqual([self.one_attempt(at=at) for _ in names], list(names))

    def asks_only(self, *names: str, calls: int = 4, at: float = 0.0) -> None:
        """The next calls, which are answered, ask these endpoints, and all of these."""
        self.assertEqual({self.one_attempt(at=at) for _ in range(calls)}, set(names))

    def shares(self, calls: int) -> Counter[str]:
        """How many of so many calls, which are answered, ask each endpoint."""
        return Counter(self.one_attempt() for _ in range(calls))

    def order(self) -> str:
        """The names of all endpoints in the order in which one call would ask them."""
        member = self.balancer.choose(0.0)
        assert member
        members = member, *self.balancer.others(member)
        return " ".join(each.endpoint.instance for each in members)

    def fails(self, name: str, at: float = 0.0) -> float:
        """An attempt of one call at this endpoint fails. Returns when its trial is due."""
        member = self.member(name)
        member.calls += 1
        self.balancer.note_failure(member, at)
        assert member.trial_at is not None
        return member.trial_at

    def is_quarantined(self, name: str) -> bool:
        return self.member(name).trial_at is not None


class Balancing(BalancerCase):
    """Which endpoint is asked first, and which next."""

    def test_round_robin_gives_equal_shares(self) -> None:
        """300 calls on three endpoints: 100 each, in turn."""
        self.knows("a", "b", "c")
        self.asks("a", "b", "c", "a", "b", "c")
        self.assertEqual(self.shares(300), {"a": 100, "b": 100, "c": 100})

    def test_the_other_endpoints_follow_in_turn(self) -> None:
        """So the calls of a dead endpoint are shared out, not heaped on one neighbour."""
        self.knows("a", "b", "c")
        self.assertEqual(self.order(), "a b c")
        self.assertEqual(self.order(), "c a b")
        self.assertEqual(self.order(), "b c a")

    def test_least_calls_takes_the_endpoint_with_the_fewest_calls(self) -> None:
        """In turn where several have the same number."""
        self.assertIs(POLICIES["least_calls"], least_calls)
        self.knows("a", "b", "c", policy="least_calls")
        self.asks("a", "b", "c")
        self.member("a").calls = 2
        self.member("b").calls = 1
        self.asks("c", "c", "c", "c")

    def test_two_choices_prefers_the_less_busy(self) -> None:
        """The busiest is taken only where both draws fall on it: one call in nine."""
        self.knows("a", "b", "c", policy="two_choices")
        self.member("a").calls = 5
        shares = self.shares(3000)
        self.assertAlmostEqual(shares["a"] / 3000, 1 / 9, delta=0.03)
        self.assertAlmostEqual(shares["b"] / 3000, 4 / 9, delta=0.05)

    def test_suspects_come_last_and_draining_endpoints_not_at_all(self) -> None:
        """A suspect is asked when every other endpoint was. A draining one takes no new calls."""
        self.balancer.update([endpoint("s", state="suspect"), endpoint("d", state="draining"),
                              endpoint("a"), endpoint("b")])
        self.asks("a", "b", "a", "b")
        self.begins(idempotent=True)
        tried = self.drives(NOT_SENT)
        self.assertEqual(sorted(tried), ["a", "b", "s"])
        self.assertEqual(tried[-1], "s")

    def test_groups_are_asked_in_order(self) -> None:
        """The fallback of the stub: proxies, then servers, then the suspects of both."""
        self.balancer = Balancer(round_robin)
        self.balancer.update([endpoint("p1"), endpoint("p2", state="suspect")],
                             [endpoint("s1"), endpoint("s2", state="suspect")])
        for _ in range(3):
            self.assertEqual(self.order(), "p1 s1 p2 s2")

    def test_a_new_view_keeps_the_record_of_the_same_incarnation(self) -> None:
        """A restarted instance has a new record. An endpoint that has left has none."""
        self.knows("a", "b", "c")
        for member in self.balancer.members:
            member.calls = 7
        self.balancer.update([endpoint("a", state="suspect"), endpoint("b", incarnation=2)])
        calls = {member.endpoint.instance: member.calls for member in self.balancer.members}
        self.assertEqual(calls, {"a": 7, "b": 0})
        self.assertEqual(self.member("a").endpoint.state, "suspect")


class Changes(BalancerCase):
    """NOT_SENT goes on to every endpoint, also to one that is cured, or comes, during the call."""

    def finds_b_after(self, change: Callable[[], None]) -> None:
        """A call asks "a" while "b" is in quarantine. After the change, the call goes on to "b"."""
        self.knows("a", "b")
        self.member("b").calls = 2
        self.balancer.note_failure(self.member("b"), 0.0)
        self.begins(idempotent=False)
        self.tries("a")
        change()
        self.comes_to(NOT_SENT, at=0.2)
        self.tries("b", at=0.2)

    def test_an_endpoint_that_was_cured_is_asked_too(self) -> None:
        self.finds_b_after(lambda: self.balancer.note_answer(self.member("b")))

    def test_an_endpoint_that_has_restarted_is_asked_too(self) -> None:
        self.finds_b_after(
            lambda: self.balancer.update([endpoint("a"), endpoint("b", incarnation=2)]))


class Quarantine(BalancerCase):
    """An endpoint that fails is left alone for a while, and then gets one trial call."""

    def test_an_endpoint_that_failed_is_not_asked_first(self) -> None:
        """The healthy ones share its calls."""
        self.knows("a", "b", "c")
        self.fails("b")
        self.assertEqual(self.shares(100), {"a": 50, "c": 50})

    def test_every_bad_outcome_begins_a_quarantine(self) -> None:
        """An endpoint that answers is healthy, be its answer an error."""
        for outcome, quarantined in ((NOT_SENT, True), (UNKNOWN, True), (ANSWERED, False)):
            with self.subTest(outcome):
                self.knows("a")
                self.one_attempt(outcome)
                self.assertIs(self.is_quarantined("a"), quarantined)

    def test_an_answer_ends_a_quarantine(self) -> None:
        self.knows("a")
        self.one_attempt(UNKNOWN)
        self.one_attempt(ANSWERED)
        self.assertFalse(self.is_quarantined("a"))
        self.assertEqual(self.member("a").failures, 0)

    def test_a_penalty_halves_with_every_answer(self) -> None:
        """So a cured endpoint comes back by and by under a policy that compares loads."""
        self.knows("a")
        self.fails("a")
        self.assertEqual(self.member("a").load, PENALTY)
        self.one_attempt(ANSWERED)
        self.assertEqual(self.member("a").load, PENALTY / 2)
        self.one_attempt(ANSWERED)
        self.assertEqual(self.member("a").load, PENALTY / 4)

    def test_when_all_are_in_quarantine_they_are_asked(self) -> None:
        """To ask them is better than to fail without asking."""
        self.knows("a", "b")
        self.fails("a")
        self.fails("b")
        self.begins(idempotent=False)
        self.assertEqual(sorted(self.drives(NOT_SENT)), ["a", "b"])

    def test_failures_at_the_same_time_are_one_quarantine(self) -> None:
        """Eight calls that fail together prove no more than one."""
        self.knows("a", "b")
        due = self.fails("a")
        for _ in range(8):
            self.assertEqual(self.fails("a", at=0.01), due)
        self.assertEqual(self.member("a").failures, 1)

    def test_only_failed_trials_double_it(self) -> None:
        """1 s, 2 s, 4 s ... 30 s at most; full jitter takes a random part of each."""
        self.knows("a", "b")
        now, due = 0.0, self.fails("a")
        for trials in range(8):
            longest_s = min(QUARANTINE_S * 2 ** trials, QUARANTINE_MAX_S)
            self.assertLessEqual(0, due - now)
            self.assertLessEqual(due - now, longest_s)
            now = due
            self.assertEqual(self.one_attempt(NOT_SENT, at=now), "a", "the trial")
            due = self.member("a").trial_at or 0.0

    def test_quarantines_do_not_end_in_step(self) -> None:
        """Jitter: callers with different generators try the endpoint again at different times."""
        dues = set()
        for seed in range(20):
            self.knows("a", seed=seed)
            dues.add(self.fails("a"))
        self.assertEqual(len(dues), 20)

    def test_one_call_tries_it_at_the_end(self) -> None:
        """The first call after the end is the trial. Until it is settled, others pass it over."""
        self.knows("a", "b")
        due = self.fails("a")
        self.asks_only("b", at=due - 0.001)
        trial = Call(self.balancer, True, DEADLINE)
        attempt = trial.next_attempt(due)
        assert attempt
        self.assertEqual(attempt.endpoint.instance, "a")
        self.asks_only("b", at=due)
        trial.settle(result(ANSWERED), due)
        self.asks_only("a", "b", at=due)

    def test_a_later_quarantine_may_end_earlier(self) -> None:
        """The endpoint whose trial is due first is tried first, in whatever order they failed."""
        for seed in range(20):
            self.knows("a", "b", "c", seed=seed)
            due = {"a": self.fails("a")}
            self.asks("b")
            due["c"] = self.fails("c")
            earliest = min(due, key=lambda name: due[name])
            self.asks(earliest, at=due[earliest])

    def test_a_call_does_not_pay_for_the_number_in_quarantine(self) -> None:
        """While no trial is due, they are not looked at one by one; nor while one is on trial."""
        self.knows("a", "b", "c")
        earlier = min(self.fails("a"), self.fails("b"))
        for now in (0.0, earlier):
            Call(self.balancer, True, DEADLINE).next_attempt(now)
            with mock.patch.object(self.balancer, "_quarantined", None):
                self.asks("c", at=now)

    def test_a_suspect_gets_no_trial_before_the_healthy(self) -> None:
        """It has missed its beats: a call that would try it first is better served elsewhere."""
        self.knows("a", "b")
        due = self.fails("a")
        self.balancer.update([endpoint("a", state="suspect"), endpoint("b")])
        self.asks("b", at=due)

    def test_a_failing_server_gets_no_more_than_its_trials(self) -> None:
        """Failing fast must not look like being fast: in a minute it gets a few of 6,000 calls."""
        for policy in POLICIES:
            self.knows("a", "b", "c", policy=policy)
            shares: Counter[str] = Counter()
            for now in (tick / 100 for tick in range(6000)):
                self.begins(idempotent=False)
                while (attempt := self.call.next_attempt(now)):
                    name = attempt.endpoint.instance
                    shares[name] += 1
                    self.comes_to(NOT_SENT if name == "a" else ANSWERED, at=now)
            with self.subTest(policy):
                self.assertLess(shares["a"], 12)


class UnfairTimeouts(BalancerCase):
    """An endpoint that had less than FAIR_TIMEOUT_S to answer is not blamed for a timeout."""

    def blames(self, *, within_s: float, timed_out: bool) -> bool:
        """Whether a failed attempt of a call with this time puts its endpoint into quarantine."""
        self.knows("a", "b")
        self.one_attempt(UNKNOWN, within_s=within_s, timed_out=timed_out)
        return self.is_quarantined("a")

    def chooses(self, name: str, at: float = 0.0) -> None:
        """The balancer lets a call ask this endpoint."""
        member = self.balancer.choose(at)
        assert member
        self.assertEqual(member.endpoint.instance, name)
        member.calls += 1

    def test_a_short_deadline_blames_no_endpoint(self) -> None:
        """An attempt gets half of the time of its call. An error is blamed at any time."""
        short, fair = FAIR_TIMEOUT_S * 1.9, FAIR_TIMEOUT_S * 2
        self.assertFalse(self.blames(within_s=short, timed_out=True))
        self.assertTrue(self.blames(within_s=fair, timed_out=True))
        self.assertTrue(self.blames(within_s=short, timed_out=False))

    def test_a_short_deadline_is_no_failed_trial(self) -> None:
        """The quarantine does not double, and the next call is the trial."""
        self.knows("a", "b")
        due = self.fails("a")
        trial = self.one_attempt(UNKNOWN, at=due, within_s=FAIR_TIMEOUT_S, timed_out=True)
        self.assertEqual(trial, "a")
        self.assertEqual(self.member("a").failures, 1)
        self.asks("a", at=due)

    def test_a_healthy_endpoint_stays_healthy(self) -> None:
        """The balancer counts the call out, and changes nothing else."""
        self.knows("a")
        self.chooses("a")
        self.balancer.note_unfair_timeout(self.member("a"))
        self.assertEqual(self.member("a").calls, 0)
        self.assertEqual(self.member("a").failures, 0)
        self.assertEqual(self.member("a").load, 0.0)
        self.assertFalse(self.is_quarantined("a"))
        self.chooses("a")

    def test_an_endpoint_on_trial_waits_for_the_next_call(self) -> None:
        """It stays in quarantine with the failures that it had, and its trial is due at once."""
        self.knows("a", "b")
        due = self.fails("a")
        self.chooses("a", at=due)
        self.chooses("b", at=due)
        self.balancer.note_unfair_timeout(self.member("a"))
        self.assertEqual(self.member("a").calls, 0)
        self.assertEqual(self.member("a").failures, 1)
        self.assertEqual(self.member("a").load, PENALTY)
        self.assertEqual(self.member("a").trial_at, due)
        self.chooses("a", at=due)
        self.chooses("b", at=due)


if __name__ == "__main__":
    unittest.main()
