"""Rule R, balancing and quarantine: decided here without a socket, a clock or a thread."""

from __future__ import annotations

import itertools
import random
import unittest
from collections import Counter
from collections.abc import Sequence
from typing import Callable
from unittest import mock

from ponte.calls.balancing import (
    POLICIES,
    QUARANTINE_MAX_S,
    QUARANTINE_S,
    Balancer,
    Member,
    least_calls,
    round_robin,
)
from ponte.calls.budget import BUDGET_BURST, BUDGET_SHARE
from ponte.calls.endpoint import Endpoint
from ponte.calls.rule import (
    FAIR_TIMEOUT_S,
    MAX_ATTEMPTS,
    Attempt,
    Call,
    Outcome,
    outcome_of_failure,
    outcome_of_reply,
)
from tests.fakes import endpoint

NOT_SENT, ANSWERED, UNKNOWN = Outcome.NOT_SENT, Outcome.ANSWERED, Outcome.UNKNOWN
DEADLINE = 1000.0


def balancer_of(*names: str, policy: str = "round_robin", seed: int = 1) -> Balancer:
    """A balancer over endpoints that are up."""
    balancer = Balancer(POLICIES[policy], random.Random(seed))
    balancer.update([endpoint(name) for name in names])
    return balancer


def drive(call: Call, outcomes: Sequence[Outcome], now: float = 0.0) -> list[str]:
    """Runs a call whose attempts come to these outcomes, the last one again and again; who was tried."""
    tried: list[str] = []
    for outcome in itertools.chain(outcomes, itertools.repeat(outcomes[-1])):
        attempt = call.next_attempt(now)
        if attempt is None:
            return tried
        tried.append(attempt.endpoint.instance)
        call.settle(outcome, now)
    raise AssertionError("endless")


def order(balancer: Balancer) -> list[str]:
    """Whom a call tries that finds nobody, one after the other."""
    first = balancer.choose(0.0)
    assert first
    return [member.endpoint.instance for member in (first, *balancer.others(first))]


def first_choice(balancer: Balancer, now: float = 0.0, outcome: Outcome = ANSWERED, *, timed_out: bool = False,
                 within_s: float = 10.0) -> str:
    """Makes a call with one attempt, tells its outcome, and returns who was tried."""
    call = Call(balancer, True, now + within_s)
    attempt = call.next_attempt(now)
    assert attempt
    call.settle(outcome, now, timed_out=timed_out)
    return attempt.endpoint.instance


def member(balancer: Balancer, name: str) -> Member:
    found, = (m for m in balancer.members if m.endpoint.instance == name)
    return found


class OutcomesOfAttempts(unittest.TestCase):
    """The table of rule R in DESIGN.md, row by row."""

    def test_replies(self) -> None:
        """A whole reply is ANSWERED, but for those that say "not run" or "who knows"."""
        for status, not_executed, outcome in (
                (200, False, ANSWERED), (400, False, ANSWERED), (404, False, ANSWERED), (413, False, ANSWERED),
                (500, False, ANSWERED), (503, True, NOT_SENT), (412, False, NOT_SENT), (503, False, UNKNOWN),
                (502, False, UNKNOWN), (504, False, UNKNOWN), (301, False, UNKNOWN), (204, False, UNKNOWN),
                (200, True, ANSWERED), (500, True, ANSWERED), (502, True, UNKNOWN)):
            with self.subTest(status=status, not_executed=not_executed):
                self.assertIs(outcome_of_reply(status, not_executed), outcome)

    def test_failures(self) -> None:
        """It turns on whether the last byte may have left."""
        self.assertIs(outcome_of_failure(sent=False), NOT_SENT)
        self.assertIs(outcome_of_failure(sent=True), UNKNOWN)


class RuleR(unittest.TestCase):
    """What may be tried next, and what a call comes to."""

    def test_the_outcome_is_the_worst_of_the_attempts(self) -> None:
        """An answer ends it; UNKNOWN, then NOT_SENT, is UNKNOWN."""
        for outcomes, whole in (([ANSWERED], ANSWERED), ([NOT_SENT], NOT_SENT), ([UNKNOWN], UNKNOWN),
                                ([NOT_SENT, ANSWERED], ANSWERED), ([NOT_SENT, UNKNOWN], UNKNOWN),
                                ([UNKNOWN, NOT_SENT], UNKNOWN), ([UNKNOWN, ANSWERED], ANSWERED)):
            for idempotent in (True, False):
                with self.subTest(outcomes=outcomes, idempotent=idempotent):
                    call = Call(balancer_of("a", "b", "c"), idempotent, DEADLINE)
                    drive(call, outcomes)
                    self.assertIs(call.outcome, whole)

    def test_without_an_endpoint_a_call_is_not_sent(self) -> None:
        """There is nothing to try."""
        call = Call(Balancer(), False, DEADLINE)
        self.assertIsNone(call.next_attempt(0.0))
        self.assertIs(call.outcome, NOT_SENT)

    def test_what_was_not_sent_goes_to_every_endpoint_once(self) -> None:
        """Any method: it cannot have run; and no retry budget is needed."""
        for idempotent in (True, False):
            balancer = balancer_of(*"abcdefgh")
            for _ in range(3):
                tried = drive(Call(balancer, idempotent, DEADLINE), [NOT_SENT])
                self.assertEqual(sorted(tried), list("abcdefgh"))

    def test_an_answer_is_final(self) -> None:
        """Nobody is asked after it."""
        self.assertEqual(drive(Call(balancer_of("a", "b"), True, DEADLINE), [ANSWERED]), ["a"])

    def test_an_idempotent_call_goes_to_another_endpoint(self) -> None:
        """After UNKNOWN the others come first; three attempts in all."""
        tried = drive(Call(balancer_of(*"abcd"), True, DEADLINE), [UNKNOWN])
        self.assertEqual((tried[0], len(tried), len(set(tried))), ("a", 3, 3))

    def test_an_idempotent_call_asks_the_only_endpoint_again(self) -> None:
        """When nobody else is left, the one whose answer got lost may answer now - without If-Match."""
        call = Call(balancer_of("a"), True, DEADLINE)
        repeats = []
        while (attempt := call.next_attempt(0.0)):
            repeats.append(attempt.repeat)
            call.settle(UNKNOWN, 0.0)
        self.assertEqual(repeats, [False] * MAX_ATTEMPTS)

    def test_refusals_do_not_count_as_attempts(self) -> None:
        """Only what may have run counts: a NOT_SENT in between takes nothing from the three."""
        tried = drive(Call(balancer_of(*"abcdef"), True, DEADLINE), [UNKNOWN, NOT_SENT, UNKNOWN, NOT_SENT, UNKNOWN])
        self.assertEqual((tried[0], len(tried), len(set(tried))), ("a", 5, 5))

    def test_a_call_that_is_not_idempotent_stays_where_it_may_have_run(self) -> None:
        """The same incarnation again, told so by `repeat`, at most three times in all; never a second endpoint."""
        call = Call(balancer_of("a", "b"), False, DEADLINE)
        attempts: list[Attempt] = []
        while (attempt := call.next_attempt(0.0)):
            attempts.append(attempt)
            call.settle(UNKNOWN, 0.0)
        self.assertEqual([a.endpoint.instance for a in attempts], ["a", "a", "a"])
        self.assertEqual([a.repeat for a in attempts], [False, True, True])
        self.assertIs(call.outcome, UNKNOWN)

    def test_a_repeat_that_finds_nobody_ends_the_call(self) -> None:
        """The incarnation is gone (refused, or 412): UNKNOWN, although others live."""
        call = Call(balancer_of("a", "b"), False, DEADLINE)
        self.assertEqual(drive(call, [UNKNOWN, NOT_SENT]), ["a", "a"])
        self.assertIs(call.outcome, UNKNOWN)

    def test_a_repeat_is_for_the_incarnation_that_was_asked(self) -> None:
        """Also when the instance has been started anew meanwhile."""
        balancer = balancer_of("a")
        call = Call(balancer, False, DEADLINE)
        call.next_attempt(0.0)
        call.settle(UNKNOWN, 0.0)
        balancer.update([endpoint("a", incarnation=2)])
        attempt = call.next_attempt(0.0)
        assert attempt
        self.assertEqual((attempt.endpoint.incarnation, attempt.repeat), (1, True))

    def test_a_call_of_an_earlier_hop_is_repeated_where_it_went(self) -> None:
        """`again` names the endpoint; a view that has lost it does not matter, and nobody else is asked."""
        balancer = balancer_of("b", "c")
        call = Call(balancer, False, DEADLINE, first_number=2, asked=endpoint("a"))
        attempt = call.next_attempt(0.0)
        assert attempt
        self.assertEqual((attempt.endpoint.instance, attempt.repeat, attempt.number), ("a", True, 2))
        call.settle(NOT_SENT, 0.0)
        self.assertIsNone(call.next_attempt(0.0))
        self.assertIs(call.outcome, UNKNOWN)

    def test_attempts_of_all_hops_count_together(self) -> None:
        """`first` and the number that the next hop tells: three attempts that may have run, over all hops."""
        call = Call(balancer_of(*"abcdef"), True, DEADLINE, first_number=3)
        self.assertEqual(drive(call, [UNKNOWN]), ["a"])
        call = Call(balancer_of(*"abcdef"), True, DEADLINE)
        numbers = []
        for said in (0, 3):
            attempt = call.next_attempt(0.0)
            assert attempt
            numbers.append(attempt.number)
            call.settle(UNKNOWN, 0.0, number=said)
        self.assertEqual((numbers, call.may_have_run), ([1, 2], 3))
        self.assertIsNone(call.next_attempt(0.0))

    def test_a_number_that_is_too_small_takes_no_attempt_back(self) -> None:
        """What the next hop says can only add."""
        call = Call(balancer_of(*"abc"), True, DEADLINE, first_number=2)
        call.next_attempt(0.0)
        call.settle(UNKNOWN, 0.0, number=1)
        self.assertEqual(call.may_have_run, 2)

    def test_a_try_gets_half_of_what_is_left_and_the_last_one_all(self) -> None:
        """So a dead endpoint cannot eat the time of the next."""
        call = Call(balancer_of("a", "b", "c"), True, 8.0)
        times = []
        for now in (0.0, 4.0, 6.0):
            attempt = call.next_attempt(now)
            assert attempt
            times.append(attempt.timeout_s)
            call.settle(UNKNOWN, now, timed_out=True)
        self.assertEqual(times, [4.0, 2.0, 2.0])

    def test_nothing_is_tried_past_the_deadline(self) -> None:
        """Not even once."""
        for now in (8.0, 9.0):
            call = Call(balancer_of("a"), True, 8.0)
            self.assertIsNone(call.next_attempt(now))
        call = Call(balancer_of("a", "b"), True, 8.0)
        call.next_attempt(0.0)
        call.settle(NOT_SENT, 8.0)
        self.assertIsNone(call.next_attempt(8.0))

    def test_calls_in_flight_are_counted(self) -> None:
        """Up with an attempt, down when it is settled."""
        balancer = balancer_of("a")
        call = Call(balancer, True, DEADLINE)
        call.next_attempt(0.0)
        self.assertEqual(member(balancer, "a").calls, 1)
        call.settle(ANSWERED, 0.0)
        self.assertEqual(member(balancer, "a").calls, 0)


class RetryBudget(unittest.TestCase):
    """Retries are a share of calls, so that they cannot multiply the load on what is ill."""

    def test_retries_stop_when_the_budget_is_spent(self) -> None:
        """With everything UNKNOWN: the burst, and then a tenth of the calls."""
        for idempotent in (True, False):
            balancer = balancer_of(*"abc")
            calls = 500
            attempts = sum(len(drive(Call(balancer, idempotent, DEADLINE), [UNKNOWN])) for _ in range(calls))
            self.assertLessEqual(attempts, calls * (1 + BUDGET_SHARE) + BUDGET_BURST)
            self.assertGreater(attempts, calls * (1 + BUDGET_SHARE) - 2)

    def test_the_burst_is_bounded(self) -> None:
        """Quiet times save up no more than BUDGET_BURST retries."""
        balancer = balancer_of("a")
        for _ in range(1000):
            first_choice(balancer)
        spent = sum(balancer.budget.spend() for _ in range(1000))
        self.assertEqual(spent, int(BUDGET_BURST))

    def test_a_refused_retry_ends_the_call(self) -> None:
        """UNKNOWN, and it stays so when asked again."""
        balancer = balancer_of("a", "b")
        while balancer.budget.spend():
            pass
        call = Call(balancer, True, DEADLINE)
        self.assertEqual(drive(call, [UNKNOWN]), ["a"])
        self.assertIsNone(call.next_attempt(0.0))
        self.assertIs(call.outcome, UNKNOWN)

    def test_one_retry_is_paid_once(self) -> None:
        """However many endpoints refuse it before one takes it."""
        balancer = balancer_of(*"abcdefgh")
        while balancer.budget.spend():
            pass
        for _ in range(11):
            balancer.budget.earn()
        call = Call(balancer, True, DEADLINE)
        tried = drive(call, [UNKNOWN, NOT_SENT, NOT_SENT, NOT_SENT, ANSWERED])
        self.assertEqual((tried[0], len(tried), len(set(tried))), ("a", 5, 5))


class Balancing(unittest.TestCase):
    """Who is tried first."""

    def test_round_robin_gives_equal_shares(self) -> None:
        """300 calls on three: 100 each, in turn."""
        balancer = balancer_of("a", "b", "c")
        self.assertEqual([first_choice(balancer) for _ in range(6)], list("abcabc"))
        self.assertEqual(Counter(first_choice(balancer) for _ in range(300)), {"a": 100, "b": 100, "c": 100})

    def test_the_others_follow_in_turn(self) -> None:
        """So the calls of a dead endpoint are shared out, not heaped on one neighbour."""
        balancer = balancer_of("a", "b", "c")
        self.assertEqual(["".join(order(balancer)) for _ in range(3)], ["abc", "cab", "bca"])

    def test_least_calls_takes_the_idlest(self) -> None:
        """And goes in turn among equals."""
        balancer = balancer_of("a", "b", "c", policy="least_calls")
        self.assertEqual([first_choice(balancer) for _ in range(3)], list("abc"))
        member(balancer, "a").calls, member(balancer, "b").calls = 2, 1
        self.assertEqual([first_choice(balancer) for _ in range(4)], list("cccc"))
        self.assertIs(POLICIES["least_calls"], least_calls)

    def test_two_choices_prefers_the_less_busy(self) -> None:
        """The busiest is taken only where both draws fall on it: one in nine."""
        balancer = balancer_of("a", "b", "c", policy="two_choices")
        member(balancer, "a").calls = 5
        shares = Counter(first_choice(balancer) for _ in range(3000))
        self.assertAlmostEqual(shares["a"] / 3000, 1 / 9, delta=0.03)
        self.assertAlmostEqual(shares["b"] / 3000, 4 / 9, delta=0.05)

    def test_suspects_come_last_and_the_draining_not_at_all(self) -> None:
        """Half a lease without a beat: asked when nobody else is left. Draining: takes no new calls."""
        balancer = Balancer()
        balancer.update([endpoint("s", state="suspect"), endpoint("d", state="draining"), endpoint("a"), endpoint("b")])
        self.assertEqual([first_choice(balancer) for _ in range(4)], list("abab"))
        tried = drive(Call(balancer, True, DEADLINE), [NOT_SENT])
        self.assertEqual((sorted(tried), tried[-1]), (["a", "b", "s"], "s"))

    def test_groups_are_asked_in_order(self) -> None:
        """The stub's fallback: proxies, then servers, then suspects of either."""
        balancer = Balancer(round_robin)
        balancer.update([endpoint("p1"), endpoint("p2", state="suspect")],
                        [endpoint("s1"), endpoint("s2", state="suspect")])
        for _ in range(3):
            self.assertEqual(order(balancer), ["p1", "s1", "p2", "s2"])

    def test_a_new_view_keeps_the_record_of_the_same_incarnation(self) -> None:
        """A restarted instance begins with a clean slate; whoever has left is forgotten."""
        balancer = balancer_of("a", "b", "c")
        for m in balancer.members:
            m.calls = 7
        balancer.update([endpoint("a", state="suspect"), endpoint("b", incarnation=2)])
        self.assertEqual({m.endpoint.instance: m.calls for m in balancer.members}, {"a": 7, "b": 0})
        self.assertEqual(member(balancer, "a").endpoint.state, "suspect")

    def test_who_gets_well_meanwhile_is_asked_too(self) -> None:
        """NOT_SENT goes on to every endpoint there is: also to one cured, or come, while the call was on its way."""
        def cure(balancer: Balancer) -> None:
            balancer.note_answer(member(balancer, "b"))

        def restart(balancer: Balancer) -> None:
            balancer.update([endpoint("a"), endpoint("b", incarnation=2)])

        for change in (cure, restart):
            with self.subTest(change.__name__):
                balancer = balancer_of("a", "b")
                member(balancer, "b").calls = 2
                balancer.note_failure(member(balancer, "b"), 0.0)
                call = Call(balancer, False, DEADLINE)
                attempt = call.next_attempt(0.0)
                assert attempt
                self.assertEqual(attempt.endpoint.instance, "a")
                change(balancer)
                call.settle(NOT_SENT, 0.2)
                attempt = call.next_attempt(0.2)
                self.assertIsNotNone(attempt)


class Quarantine(unittest.TestCase):
    """Who fails is left alone for a while, and then gets one trial call."""

    def break_down(self, balancer: Balancer, name: str, now: float = 0.0) -> float:
        """Lets the attempt of one call at `name` fail, and returns when its trial is due."""
        ill = member(balancer, name)
        ill.calls += 1
        balancer.note_failure(ill, now)
        assert ill.trial_at is not None
        return ill.trial_at

    def test_who_failed_is_not_asked_first(self) -> None:
        """The healthy ones share its calls."""
        balancer = balancer_of("a", "b", "c")
        self.break_down(balancer, "b")
        self.assertEqual(Counter(first_choice(balancer) for _ in range(100)), {"a": 50, "c": 50})

    def test_every_bad_outcome_quarantines_and_an_answer_frees(self) -> None:
        """An endpoint that answers at all, be it an error, is well."""
        for outcome, ill in ((NOT_SENT, True), (UNKNOWN, True), (ANSWERED, False)):
            balancer = balancer_of("a")
            first_choice(balancer, outcome=outcome)
            self.assertIs(member(balancer, "a").trial_at is not None, ill)
        first_choice(balancer, outcome=UNKNOWN)
        first_choice(balancer, outcome=ANSWERED)
        self.assertEqual((member(balancer, "a").trial_at, member(balancer, "a").failures), (None, 0))

    def test_all_in_quarantine_are_asked_all_the_same(self) -> None:
        """To ask them is better than to fail without asking."""
        balancer = balancer_of("a", "b")
        for name in "ab":
            self.break_down(balancer, name)
        self.assertEqual(sorted(drive(Call(balancer, False, DEADLINE), [NOT_SENT])), ["a", "b"])

    def test_a_burst_of_failures_is_one_quarantine(self) -> None:
        """Eight calls that fail together tell no more than one."""
        balancer = balancer_of("a", "b")
        due = self.break_down(balancer, "a")
        for _ in range(8):
            self.assertEqual(self.break_down(balancer, "a", 0.01), due)
        self.assertEqual(member(balancer, "a").failures, 1)

    def test_only_failed_trials_double_it(self) -> None:
        """1 s, 2 s, 4 s ... 30 s, each cut by full jitter to anything between nothing and all of it."""
        balancer = balancer_of("a", "b")
        now = 0.0
        due = self.break_down(balancer, "a")
        for trials in range(8):
            span = min(QUARANTINE_S * 2 ** trials, QUARANTINE_MAX_S)
            self.assertLessEqual(0, due - now)
            self.assertLessEqual(due - now, span)
            now = due
            self.assertEqual(first_choice(balancer, now, NOT_SENT), "a", "the trial")
            due = member(balancer, "a").trial_at or 0.0

    def test_quarantines_do_not_end_in_step(self) -> None:
        """Jitter: two stubs with two generators try again at two times."""
        dues = {self.break_down(balancer_of("a", seed=seed), "a") for seed in range(20)}
        self.assertEqual(len(dues), 20)

    def test_one_call_tries_it_at_the_end(self) -> None:
        """The first call after the end is the trial; until it is settled the others go elsewhere."""
        balancer = balancer_of("a", "b")
        due = self.break_down(balancer, "a")
        self.assertEqual({first_choice(balancer, due - 0.001) for _ in range(4)}, {"b"})
        trial = Call(balancer, True, DEADLINE)
        attempt = trial.next_attempt(due)
        assert attempt
        self.assertEqual(attempt.endpoint.instance, "a")
        self.assertEqual({first_choice(balancer, due) for _ in range(4)}, {"b"})
        trial.settle(ANSWERED, due)
        self.assertEqual({first_choice(balancer, due) for _ in range(4)}, {"a", "b"})

    def test_a_later_quarantine_may_end_earlier(self) -> None:
        """Whoever is due first is tried first, in whatever order they failed."""
        for seed in range(20):
            balancer = balancer_of("a", "b", "c", seed=seed)
            due = {"a": self.break_down(balancer, "a")}
            self.assertEqual(first_choice(balancer), "b")
            due["c"] = self.break_down(balancer, "c")
            first = min(due, key=lambda name: due[name])
            self.assertEqual(first_choice(balancer, due[first]), first)

    def test_a_call_does_not_pay_for_the_number_of_the_ill(self) -> None:
        """While no trial is due they are not looked at one by one; nor while one is tried."""
        balancer = balancer_of("a", "b", "c")
        dues = sorted(self.break_down(balancer, name) for name in "ab")
        for due in (0.0, dues[0]):
            Call(balancer, True, DEADLINE).next_attempt(due)
            with mock.patch.object(balancer, "_quarantined", None):
                self.assertEqual(first_choice(balancer, due), "c")

    def test_a_short_deadline_blames_nobody(self) -> None:
        """Who did not answer within less than FAIR_TIMEOUT_S may be well; an error blames at any time."""
        short, fair = FAIR_TIMEOUT_S * 1.9, FAIR_TIMEOUT_S * 2
        for within_s, timed_out, blamed in ((short, True, False), (fair, True, True), (short, False, True)):
            with self.subTest(within_s=within_s, timed_out=timed_out):
                balancer = balancer_of("a")
                first_choice(balancer, 0.0, UNKNOWN, timed_out=timed_out, within_s=within_s)
                self.assertIs(member(balancer, "a").trial_at is not None, blamed)

    def test_a_short_deadline_is_no_failed_trial(self) -> None:
        """Without blame a failure says nothing: the quarantine does not double, and the next call is the trial."""
        balancer = balancer_of("a", "b")
        due = self.break_down(balancer, "a")
        self.assertEqual(first_choice(balancer, due, UNKNOWN, timed_out=True, within_s=FAIR_TIMEOUT_S), "a")
        self.assertEqual(member(balancer, "a").failures, 1)
        self.assertEqual(first_choice(balancer, due), "a")

    def test_a_suspect_gets_no_trial_before_the_healthy(self) -> None:
        """It has missed its beats: the call that would try it first is better off elsewhere."""
        balancer = balancer_of("a", "b")
        due = self.break_down(balancer, "a")
        balancer.update([endpoint("a", state="suspect"), endpoint("b")])
        self.assertEqual(first_choice(balancer, due), "b")

    def test_a_failing_server_gets_no_more_than_its_trials(self) -> None:
        """Failing fast must not look like being fast: over a minute one of three that always fails gets few calls."""
        for policy in POLICIES:
            balancer = balancer_of("a", "b", "c", policy=policy)
            shares: Counter[str] = Counter()
            for tick in range(6000):
                call = Call(balancer, False, DEADLINE)
                while (attempt := call.next_attempt(tick / 100)):
                    shares[attempt.endpoint.instance] += 1
                    call.settle(NOT_SENT if attempt.endpoint.instance == "a" else ANSWERED, tick / 100)
            with self.subTest(policy):
                self.assertLess(shares["a"], 12)


class Schedule:
    """One random run of rule R: calls one after another over endpoints that come, go, drain, fail and are restarted.

    Every attempt is written down; what must hold of them is checked by the test. A seed repeats a run.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.balancer = Balancer(self.rng.choice(list(POLICIES.values())), self.rng)
        self.now = 0.0
        self.incarnations: dict[str, int] = dict.fromkeys("abcde", 1)
        self.change_view()

    def change_view(self) -> None:
        states = ("up", "up", "suspect", "draining")
        view: list[Endpoint] = []
        for name in self.rng.sample("abcde", self.rng.randrange(6)):
            self.incarnations[name] += self.rng.random() < 0.2
            view.append(endpoint(name, self.incarnations[name], self.rng.choice(states)))
        self.balancer.update(view[:2], view[2:])

    def run_call(self) -> tuple[Call, bool, list[tuple[Attempt, Outcome]]]:
        """One call to its end: the call, whether it is idempotent, and its attempts."""
        idempotent = self.rng.random() < 0.5
        call = Call(self.balancer, idempotent, self.now + self.rng.choice((0.1, 1.0, 5.0)))
        attempts: list[tuple[Attempt, Outcome]] = []
        while (attempt := self.next_attempt(call)):
            self.now += self.rng.random() * attempt.timeout_s
            outcome = self.rng.choice(list(Outcome))
            attempts.append((attempt, outcome))
            call.settle(outcome, self.now, timed_out=self.rng.random() < 0.5)
            if self.rng.random() < 0.1:
                self.change_view()
        return call, idempotent, attempts

    def next_attempt(self, call: Call) -> Attempt | None:
        return call.next_attempt(self.now)


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    if ANSWERED in outcomes:
        return ANSWERED
    return UNKNOWN if UNKNOWN in outcomes else NOT_SENT


class RandomSchedules(unittest.TestCase):
    """Thousands of seeded schedules: what holds of every call, whatever happens to it."""

    def check(self, rule: Callable[[Call, bool, list[tuple[Attempt, Outcome]]], bool]) -> None:
        for seed in range(2000):
            schedule = Schedule(seed)
            for _ in range(5):
                call, idempotent, attempts = schedule.run_call()
                self.assertTrue(rule(call, idempotent, attempts), f"seed {seed}: {attempts}")
            self.assertEqual({m.calls for m in schedule.balancer.members} - {0}, set(), f"seed {seed}")

    def test_after_unknown_no_second_endpoint_gets_what_is_not_idempotent(self) -> None:
        """It is repeated, and only where it may have run."""
        def holds(call: Call, idempotent: bool, attempts: list[tuple[Attempt, Outcome]]) -> bool:
            doubtful = [attempt.endpoint for attempt, outcome in attempts if outcome is UNKNOWN]
            first = next((i for i, (_, outcome) in enumerate(attempts) if outcome is UNKNOWN), len(attempts))
            after = [attempt for attempt, _ in attempts[first + 1:]]
            return idempotent or all(a.repeat and a.endpoint[1:3] == doubtful[0][1:3] for a in after)
        self.check(holds)

    def test_no_more_than_three_attempts_may_have_run(self) -> None:
        """And their numbers say how many may have run before."""
        def holds(call: Call, idempotent: bool, attempts: list[tuple[Attempt, Outcome]]) -> bool:
            outcomes = [outcome for _, outcome in attempts]
            numbers = [1 + outcomes[:i].count(UNKNOWN) for i in range(len(attempts))]
            return (sum(outcome is not NOT_SENT for outcome in outcomes) <= MAX_ATTEMPTS
                    and [attempt.number for attempt, _ in attempts] == numbers)
        self.check(holds)

    def test_the_outcome_is_the_worst(self) -> None:
        """And nothing is tried after an answer."""
        def holds(call: Call, idempotent: bool, attempts: list[tuple[Attempt, Outcome]]) -> bool:
            outcomes = [outcome for _, outcome in attempts]
            return call.outcome is worst(outcomes) and ANSWERED not in outcomes[:-1]
        self.check(holds)

    def test_nobody_refuses_the_same_call_twice(self) -> None:
        """Each endpoint at most once for NOT_SENT; a refused repeat is the end."""
        def holds(call: Call, idempotent: bool, attempts: list[tuple[Attempt, Outcome]]) -> bool:
            refused = [(a.endpoint.instance, a.endpoint.incarnation) for a, outcome in attempts if outcome is NOT_SENT]
            return len(refused) == len(set(refused))
        self.check(holds)


if __name__ == "__main__":
    unittest.main()
