"""Rule R: what an attempt came to, and what may be tried next. No socket, no clock, no thread."""

from __future__ import annotations

import functools
import random
import unittest
from collections.abc import Sequence
from typing import Callable

from ponte.calls.balancing import POLICIES, Balancer
from ponte.calls.endpoint import Endpoint
from ponte.calls.rule import (
    MAX_ATTEMPTS,
    Attempt,
    Call,
    Outcome,
    outcome_of_failure,
    outcome_of_reply,
)
from tests.calls.by_hand import ANSWERED, ENDLESS, NOT_SENT, UNKNOWN, CallCase
from tests.fakes import endpoint


class OutcomesOfAttempts(unittest.TestCase):
    """The table of outcomes in ponte/calls/rule.py, row by row."""

    def means(self, outcome: Outcome, *statuses: int, not_executed: bool = False) -> None:
        """A whole reply with any of these statuses has this outcome."""
        for status in statuses:
            with self.subTest(status=status, not_executed=not_executed):
                self.assertIs(outcome_of_reply(status, not_executed), outcome)

    def test_a_value_a_fault_and_an_error_of_the_call_are_answers(self) -> None:
        """Also if they say Not-Executed, which only a refusal may say."""
        self.means(ANSWERED, 200, 400, 404, 413, 500)
        self.means(ANSWERED, 200, 500, not_executed=True)

    def test_a_refusal_is_not_sent(self) -> None:
        """503 and 508 with Not-Executed; 412 from another life of the endpoint."""
        self.means(NOT_SENT, 503, 508, not_executed=True)
        self.means(NOT_SENT, 412)

    def test_any_other_reply_leaves_the_outcome_unknown(self) -> None:
        """An error of a proxy, a 503 without Not-Executed, or a status that Ponte does not send."""
        self.means(UNKNOWN, 204, 301, 502, 503, 504, 508)
        self.means(UNKNOWN, 502, not_executed=True)

    def test_without_a_reply_it_depends_on_the_last_byte(self) -> None:
        """A server runs a request only when all of it has arrived."""
        self.assertIs(outcome_of_failure(sent=False), NOT_SENT)
        self.assertIs(outcome_of_failure(sent=True), UNKNOWN)


class RuleR(CallCase):
    """What may be tried next, and what a call comes to."""

    def comes_after(self, outcome: Outcome, *outcomes: Outcome) -> None:
        """A call whose attempts come to `outcomes` has this outcome, idempotent or not."""
        for idempotent in (True, False):
            with self.subTest(outcomes=outcomes, idempotent=idempotent):
                self.knows("a", "b", "c")
                self.begins(idempotent=idempotent)
                self.drives(*outcomes)
                self.assertIs(self.call.outcome, outcome)

    def test_the_outcome_is_the_worst_of_the_attempts(self) -> None:
        """A later NOT_SENT takes no UNKNOWN back. An answer ends the call."""
        self.comes_after(ANSWERED, ANSWERED)
        self.comes_after(NOT_SENT, NOT_SENT)
        self.comes_after(UNKNOWN, UNKNOWN)
        self.comes_after(ANSWERED, NOT_SENT, ANSWERED)
        self.comes_after(UNKNOWN, NOT_SENT, UNKNOWN)
        self.comes_after(UNKNOWN, UNKNOWN, NOT_SENT)
        self.comes_after(ANSWERED, UNKNOWN, ANSWERED)

    def test_without_an_endpoint_a_call_is_not_sent(self) -> None:
        """There is nothing to try."""
        self.knows()
        self.begins(idempotent=False)
        self.ends(NOT_SENT)

    def test_what_was_not_sent_goes_to_every_endpoint_once(self) -> None:
        """Any method: it cannot have run. It needs no retry budget."""
        for idempotent in (True, False):
            self.knows(*"abcdefgh")
            for _ in range(3):
                self.begins(idempotent=idempotent)
                self.assertEqual(sorted(self.drives(NOT_SENT)), list("abcdefgh"))

    def test_an_answer_is_final(self) -> None:
        """No endpoint is asked after it."""
        self.knows("a", "b")
        self.begins(idempotent=True)
        self.assertEqual(self.drives(ANSWERED), ["a"])

    def test_an_idempotent_call_goes_to_another_endpoint(self) -> None:
        """After UNKNOWN the other endpoints are asked first; three attempts in all."""
        self.knows(*"abcd")
        self.begins(idempotent=True)
        tried = self.drives(UNKNOWN)
        self.assertEqual(tried[0], "a")
        self.assertEqual(len(tried), 3)
        self.assertEqual(len(set(tried)), 3)

    def test_an_idempotent_call_asks_the_only_endpoint_once_more(self) -> None:
        """It may run twice, so it is no repeat: it is sent without If-Match."""
        self.knows("a")
        self.begins(idempotent=True)
        for _ in range(MAX_ATTEMPTS):
            self.tries("a", repeat=False)
            self.comes_to(UNKNOWN)
        self.ends(UNKNOWN)

    def test_refusals_do_not_count_as_attempts(self) -> None:
        """Only an attempt that may have run is one of the three."""
        self.knows(*"abcdef")
        self.begins(idempotent=True)
        tried = self.drives(UNKNOWN, NOT_SENT, UNKNOWN, NOT_SENT, UNKNOWN)
        self.assertEqual(tried[0], "a")
        self.assertEqual(len(tried), 5)
        self.assertEqual(len(set(tried)), 5)

    def test_a_call_that_is_not_idempotent_stays_where_it_may_have_run(self) -> None:
        """Three attempts in all, at the same life of the same endpoint; never a second endpoint."""
        self.knows("a", "b")
        self.begins(idempotent=False)
        self.tries("a", repeat=False)
        self.comes_to(UNKNOWN)
        self.tries("a", repeat=True)
        self.comes_to(UNKNOWN)
        self.tries("a", repeat=True)
        self.comes_to(UNKNOWN)
        self.ends(UNKNOWN)

    def test_a_refused_repeat_ends_the_call(self) -> None:
        """That life of the endpoint is gone (refused, or 412). Another endpoint must not run it."""
        self.knows("a", "b")
        self.begins(idempotent=False)
        self.tries("a")
        self.comes_to(UNKNOWN)
        self.tries("a", repeat=True)
        self.comes_to(NOT_SENT)
        self.ends(UNKNOWN)

    def test_a_repeat_is_for_the_incarnation_that_was_asked(self) -> None:
        """Also if the instance has restarted since then."""
        self.knows("a")
        self.begins(idempotent=False)
        self.attempts()
        self.comes_to(UNKNOWN)
        self.balancer.update([endpoint("a", incarnation=2)])
        repeat = self.attempts()
        self.assertEqual(repeat.endpoint.incarnation, 1)
        self.assertTrue(repeat.repeat)

    def test_a_call_of_an_earlier_hop_is_repeated_where_it_went(self) -> None:
        """`asked` names that endpoint. It is asked though it has left the view, and no other is."""
        self.knows("b", "c")
        self.begins(idempotent=False, first_number=2, asked=endpoint("a"))
        self.tries("a", repeat=True, number=2)
        self.comes_to(NOT_SENT)
        self.ends(UNKNOWN)

    def test_attempts_of_earlier_hops_count(self) -> None:
        """`first_number` 3: two attempts may have run before, so this is the last one."""
        self.knows(*"abcdef")
        self.begins(idempotent=True, first_number=3)
        self.assertEqual(self.drives(UNKNOWN), ["a"])

    def test_attempts_of_the_next_hop_count(self) -> None:
        """The second attempt here was the third of all: its reply says that number."""
        self.knows(*"abcdef")
        self.begins(idempotent=True)
        self.assertEqual(self.attempts().number, 1)
        self.comes_to(UNKNOWN, number=0)
        self.assertEqual(self.attempts().number, 2)
        self.comes_to(UNKNOWN, number=3)
        self.assertEqual(self.call.may_have_run, 3)
        self.ends(UNKNOWN)

    def test_a_number_that_is_too_small_takes_no_attempt_back(self) -> None:
        """The number of the next hop can only add attempts."""
        self.knows(*"abc")
        self.begins(idempotent=True, first_number=2)
        self.attempts()
        self.comes_to(UNKNOWN, number=1)
        self.assertEqual(self.call.may_have_run, 2)

    def test_an_attempt_gets_half_of_the_remaining_time_and_the_last_one_all(self) -> None:
        """So a dead endpoint cannot use up the time of the next one."""
        self.knows("a", "b", "c")
        self.begins(idempotent=True, deadline=8.0)
        self.assertEqual(self.attempts(at=0.0).timeout_s, 4.0)
        self.comes_to(UNKNOWN, at=0.0, timed_out=True)
        self.assertEqual(self.attempts(at=4.0).timeout_s, 2.0)
        self.comes_to(UNKNOWN, at=4.0, timed_out=True)
        self.assertEqual(self.attempts(at=6.0).timeout_s, 2.0)
        self.comes_to(UNKNOWN, at=6.0, timed_out=True)

    def test_nothing_is_tried_at_the_deadline_or_later(self) -> None:
        """A call that begins too late makes no attempt at all."""
        for now in (8.0, 9.0):
            self.knows("a")
            self.begins(idempotent=True, deadline=8.0)
            self.ends(NOT_SENT, at=now)

    def test_nothing_more_is_tried_at_the_deadline(self) -> None:
        """Though there is another endpoint."""
        self.knows("a", "b")
        self.begins(idempotent=True, deadline=8.0)
        self.tries("a", at=0.0)
        self.comes_to(NOT_SENT, at=8.0)
        self.ends(NOT_SENT, at=8.0)

    def test_calls_in_flight_are_counted(self) -> None:
        """One more with an attempt, one less when it is settled."""
        self.knows("a")
        self.begins(idempotent=True)
        self.tries("a")
        self.assertEqual(self.member("a").calls, 1)
        self.comes_to(ANSWERED)
        self.assertEqual(self.member("a").calls, 0)


class Schedule:
    """One random run of rule R: calls over endpoints that come, go, drain, fail and restart.

    Every attempt is written down, and the test checks what must hold of them. A seed repeats a run.
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
            assert len(attempts) < ENDLESS, "the call does not end"
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


@functools.lru_cache(maxsize=1)
def random_calls() -> list[tuple[str, Call, bool, list[tuple[Attempt, Outcome]]]]:
    """The calls of 2,000 random schedules: the seed, the call, is it idempotent, its attempts."""
    calls = []
    for seed in range(2000):
        schedule = Schedule(seed)
        for _ in range(5):
            calls.append((f"seed {seed}", *schedule.run_call()))
        in_flight = {member.calls for member in schedule.balancer.members}
        assert not in_flight - {0}, f"seed {seed}: {in_flight} calls in flight"
    return calls


class RandomSchedules(unittest.TestCase):
    """Thousands of seeded schedules: what holds of every call, whatever happens to it."""

    def check(self, rule: Callable[[Call, bool, list[tuple[Attempt, Outcome]]], bool]) -> None:
        for seed, call, idempotent, attempts in random_calls():
            self.assertTrue(rule(call, idempotent, attempts), f"{seed}: {attempts}")

    def test_after_unknown_no_second_endpoint_gets_what_is_not_idempotent(self) -> None:
        """It is repeated only where it may have run."""
        def holds(call: Call, idempotent: bool, attempts: list[tuple[Attempt, Outcome]]) -> bool:
            outcomes = [outcome for _, outcome in attempts]
            if idempotent or UNKNOWN not in outcomes:
                return True
            doubtful = outcomes.index(UNKNOWN)
            asked = attempts[doubtful][0].endpoint
            return all(later.repeat and later.endpoint[1:3] == asked[1:3]
                       for later, _ in attempts[doubtful + 1:])
        self.check(holds)

    def test_no_more_than_three_attempts_may_have_run(self) -> None:
        """The number of an attempt is 1 plus the earlier ones that may have run."""
        def holds(call: Call, idempotent: bool, attempts: list[tuple[Attempt, Outcome]]) -> bool:
            outcomes = [outcome for _, outcome in attempts]
            numbers = [1 + outcomes[:i].count(UNKNOWN) for i in range(len(attempts))]
            return (sum(outcome is not NOT_SENT for outcome in outcomes) <= MAX_ATTEMPTS
                    and [attempt.number for attempt, _ in attempts] == numbers)
        self.check(holds)

    def test_the_outcome_is_the_worst(self) -> None:
        """Nothing is tried after an answer."""
        def holds(call: Call, idempotent: bool, attempts: list[tuple[Attempt, Outcome]]) -> bool:
            outcomes = [outcome for _, outcome in attempts]
            return call.outcome is worst(outcomes) and ANSWERED not in outcomes[:-1]
        self.check(holds)

    def test_no_endpoint_refuses_the_same_call_twice(self) -> None:
        """Each endpoint is asked at most once with NOT_SENT; a refused repeat ends the call."""
        def holds(call: Call, idempotent: bool, attempts: list[tuple[Attempt, Outcome]]) -> bool:
            refused = [(attempt.endpoint.instance, attempt.endpoint.incarnation)
                       for attempt, outcome in attempts if outcome is NOT_SENT]
            return len(refused) == len(set(refused))
        self.check(holds)


if __name__ == "__main__":
    unittest.main()
