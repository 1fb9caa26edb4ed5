"""Rule R: what an attempt came to, and what may be tried next. No socket, no clock, no thread."""

from __future__ import annotations

import functools
import itertools
import random
import unittest
from collections.abc import Sequence
from typing import Callable, NamedTuple

from ponte.calls.attempt import Attempt, Kind, Outcome, Result, Sent
from ponte.calls.balancing import POLICIES, Balancer
from ponte.calls.endpoint import PROXY, Endpoint
from ponte.calls.once import WINDOW
from ponte.calls.rule import MAX_ATTEMPTS, MAX_HINTS, Call, outcome_of_failure, outcome_of_reply
from ponte.calls.session import Session
from ponte.net.message import Reply
from tests.calls.by_hand import ANSWERED, ENDLESS, NOT_SENT, UNKNOWN, CallCase, result
from tests.fakes import endpoint


class OutcomesOfAttempts(unittest.TestCase):
    """The outcome of a reply by its status, its Not-Executed, and whose it is."""

    def means(self, outcome: Outcome, *statuses: int, not_executed: bool = False,
              is_ours: bool = True) -> None:
        """A whole reply with any of these statuses has this outcome."""
        for status in statuses:
            with self.subTest(status=status, not_executed=not_executed, is_ours=is_ours):
                self.assertIs(outcome_of_reply(status, not_executed=not_executed,
                                               is_ours=is_ours), outcome)

    def test_a_value_a_fault_and_an_error_of_the_call_are_answers(self) -> None:
        """Also if they say Not-Executed, which only a refusal may say."""
        self.means(ANSWERED, 200, 400, 404, 405, 412, 413, 422)
        self.means(ANSWERED, 200, 400, 413, not_executed=True)

    def test_a_refusal_is_not_sent(self) -> None:
        """503 and 508 with Not-Executed; 404 for a service that is not there."""
        self.means(NOT_SENT, 404, 503, 508, not_executed=True)

    def test_any_other_reply_leaves_the_outcome_unknown(self) -> None:
        """An error of a server or proxy, a 503 without Not-Executed, 410 for a call that is not
        remembered, or a status that Ponte does not send.
        """
        self.means(UNKNOWN, 204, 301, 410, 500, 502, 503, 504, 508)
        self.means(UNKNOWN, 410, 500, 502, not_executed=True)

    def test_a_stranger_does_not_have_our_function(self) -> None:
        """But a proxy on the way makes 5xx of its own, when the call may have run."""
        for not_executed in (True, False):
            self.means(NOT_SENT, 200, 204, 301, 400, 403, 404, 410, 412, not_executed=not_executed,
                       is_ours=False)
            self.means(UNKNOWN, 500, 502, 503, 504, 508, 100, 199, not_executed=not_executed,
                       is_ours=False)

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
        """It may run twice, so it is no repeat: it is sent without a number."""
        self.knows("a")
        self.begins(idempotent=True)
        for _ in range(MAX_ATTEMPTS):
            self.tries("a", kind=Kind.IDEMPOTENT, number=None)
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
        """Three attempts in all, at the same life of the same endpoint, with the same number; never
        a second endpoint.
        """
        self.knows("a", "b")
        self.begins(idempotent=False)
        self.tries("a", kind=Kind.ORIGINAL, number="1-1")
        self.comes_to(UNKNOWN)
        for _ in range(2):
            self.tries("a", kind=Kind.REPEAT, number="1-1")
            self.comes_to(UNKNOWN)
        self.ends(UNKNOWN)

    def test_a_refused_repeat_ends_the_call(self) -> None:
        """That life of the endpoint is gone, or draining. Another endpoint must not run it."""
        self.knows("a", "b")
        self.begins(idempotent=False)
        self.tries("a")
        self.comes_to(UNKNOWN)
        self.tries("a", kind=Kind.REPEAT)
        self.comes_to(NOT_SENT)
        self.ends(UNKNOWN)

    def test_a_repeat_is_for_the_life_that_was_asked(self) -> None:
        """Also if the instance has restarted since then, and has given out another session."""
        self.knows("a")
        self.begins(idempotent=False)
        self.attempts()
        self.comes_to(UNKNOWN)
        self.balancer.update([endpoint("a", incarnation=2)])
        self.member("a").session = Session("session of another life")
        repeat = self.attempts()
        self.assertEqual(repeat.endpoint.incarnation, 1)
        self.assertIs(repeat.kind, Kind.REPEAT)
        assert repeat.number
        self.assertEqual(repeat.number.session_id, "session of a")

    def test_a_final_unknown_is_not_repeated(self) -> None:
        """That life has told that it knows nothing more of the call: 410."""
        self.knows("a", "b")
        self.begins(idempotent=False)
        self.tries("a")
        self.comes_to(UNKNOWN, is_final=True)
        self.ends(UNKNOWN)

    def test_a_call_of_an_earlier_attempt_is_repeated_where_it_went(self) -> None:
        """`sent` names that place. It is asked though it has left the view, and no other is."""
        self.knows("a")
        sent = Sent(self.member("a"), Session("of then").take())
        self.balancer.update([endpoint("b"), endpoint("c")])
        self.begins(idempotent=False, first=2, sent=sent)
        self.assertIs(self.call.outcome, UNKNOWN)
        self.tries("a", kind=Kind.REPEAT, first=2, number="1-1")
        self.comes_to(NOT_SENT)
        self.ends(UNKNOWN)
        self.assertEqual(self.call.sent, sent)

    def test_attempts_of_earlier_hops_count(self) -> None:
        """`first` 3: two attempts may have run before, so this is the last one."""
        self.knows(*"abcdef")
        self.begins(idempotent=True, first=3)
        self.assertEqual(self.drives(UNKNOWN), ["a"])

    def test_the_earlier_hop_says_how_many_may_be_made_here(self) -> None:
        """`last` 2: the earlier hop keeps the third one for itself. More than MAX_ATTEMPTS are
        never made; and one is, whatever the numbers say.
        """
        for first, last, made in ((1, 2, 2), (2, 2, 1), (1, 99, 3), (3, 1, 1), (1, 0, 1),
                                  (999, 999, 1)):
            with self.subTest(first=first, last=last):
                self.knows(*"abcdef")
                self.begins(idempotent=True, first=first, last=last)
                self.assertEqual(len(self.drives(UNKNOWN)), made)

    def test_attempts_of_the_next_hop_count(self) -> None:
        """The second attempt here was the third of all: its reply says that number."""
        self.knows(*"abcdef")
        self.begins(idempotent=True)
        self.assertEqual(self.attempts().first, 1)
        self.comes_to(UNKNOWN, made=0)
        self.assertEqual(self.attempts().first, 2)
        self.comes_to(UNKNOWN, made=3)
        self.assertEqual(self.call.may_have_run, 3)
        self.ends(UNKNOWN)

    def test_a_number_that_is_too_small_takes_no_attempt_back(self) -> None:
        """The number of the next hop can only add attempts."""
        self.knows(*"abc")
        self.begins(idempotent=True, first=2)
        self.attempts()
        self.comes_to(UNKNOWN, made=1)
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

    def test_the_sole_endpoint_gets_all_the_time_there_is(self) -> None:
        """To give up early helps only where somebody else can be asked. After a repeat, too."""
        self.knows("a")
        self.begins(idempotent=True, deadline=8.0)
        self.tries("a", at=0.0, timeout_s=8.0)
        self.comes_to(UNKNOWN, at=1.0)
        self.tries("a", at=1.0, timeout_s=7.0)

    def test_a_way_to_the_only_server_gets_all_the_time_too(self) -> None:
        """A stub may ask a proxy, or the server itself: it is the same server that is slow."""
        proxy, server, other = (endpoint(name, service=service) for name, service in
                                (("p", PROXY), ("a", "greeter"), ("b", "greeter")))
        for servers, timeout_s in (([server], 8.0), ([server, other], 4.0)):
            self.balancer.update([proxy], servers)
            self.begins(idempotent=True, deadline=8.0)
            # Its reply may be lost at once: then there are two attempts left for the others.
            self.tries("p", at=0.0, timeout_s=timeout_s, first=1, last=1)

    def test_the_last_of_several_endpoints_gets_all_the_time_that_is_left(self) -> None:
        self.knows("a", "b")
        self.begins(idempotent=True, deadline=8.0)
        self.tries("a", at=0.0, timeout_s=4.0)
        self.comes_to(UNKNOWN, at=4.0, timed_out=True)
        self.tries("b", at=4.0, timeout_s=4.0)

    def test_an_original_leaves_half_of_the_time_for_its_repeat(self) -> None:
        """Also at the sole endpoint: the repeat waits for the first run. The last one gets all."""
        self.knows("a")
        self.begins(idempotent=False, deadline=8.0)
        self.tries("a", at=0.0, kind=Kind.ORIGINAL, timeout_s=4.0)
        self.comes_to(UNKNOWN, at=4.0, timed_out=True)
        self.tries("a", at=4.0, kind=Kind.REPEAT, timeout_s=2.0)
        self.comes_to(UNKNOWN, at=6.0, timed_out=True)
        self.tries("a", at=6.0, kind=Kind.REPEAT, timeout_s=2.0)

    def test_the_body_is_that_of_the_call_but_where_a_session_is_asked_for(self) -> None:
        self.knows("a", sessions=False)
        self.begins(idempotent=False)
        self.assertEqual(self.attempts().body_of(b"a call"), b"")
        self.comes_to(NOT_SENT, session="session of a")
        self.assertEqual(self.attempts().body_of(b"a call"), b"a call")


class Sessions(CallCase):
    """How a call that must run once at most gets its session and number."""

    def opens(self, name: str, session: str, **where: float) -> None:
        """The call asks this endpoint for a session, and gets it."""
        self.tries(name, kind=Kind.OPENING, number=None, **where)
        self.comes_to(NOT_SENT, session=session)

    def goes_out(self, name: str, session: str, number: str) -> None:
        """The call goes to this endpoint, for the first time, with this number of this session."""
        attempt = self.attempts()
        assert attempt.number
        self.assertEqual((attempt.endpoint.instance, attempt.kind), (name, Kind.ORIGINAL))
        self.assertEqual((attempt.number.session_id, str(attempt.number)), (session, number))

    def test_the_first_call_of_an_endpoint_asks_for_a_session(self) -> None:
        """Later ones have it. Their numbers grow."""
        self.knows("a", sessions=False)
        self.begins(idempotent=False)
        self.opens("a", "one")
        self.goes_out("a", "one", "1-1")
        self.comes_to(ANSWERED)
        self.ends(ANSWERED)
        self.begins(idempotent=False)
        self.goes_out("a", "one", "2-2")
        self.comes_to(ANSWERED)

    def test_an_idempotent_call_needs_none(self) -> None:
        self.knows("a", sessions=False)
        self.begins(idempotent=True)
        self.tries("a", kind=Kind.IDEMPOTENT, number=None)

    def test_a_session_that_is_not_known_there_is_replaced(self) -> None:
        """The original was refused, with a new session: the endpoint has restarted."""
        self.knows("a", "b")
        self.begins(idempotent=False)
        self.goes_out("a", "session of a", "1-1")
        self.comes_to(NOT_SENT, session="new")
        self.assertIsNone(self.call.sent)
        self.goes_out("a", "new", "1-1")
        self.comes_to(ANSWERED)
        self.ends(ANSWERED)

    def test_of_two_new_sessions_the_first_is_used(self) -> None:
        """Two calls ask at the same time: the second one takes a number of the first session."""
        self.knows("a", sessions=False)
        one, two = (Call(self.balancer, False, 10.0) for _ in range(2))
        for call in (one, two):
            attempt = call.next_attempt(0.0)
            assert attempt and attempt.kind is Kind.OPENING
        one.settle(result(NOT_SENT, session="one"), 0.0)
        two.settle(result(NOT_SENT, session="two"), 0.0)
        attempts = [call.next_attempt(0.0) for call in (one, two)]
        self.assertEqual([(each.number.session_id, str(each.number)) for each in attempts
                          if each and each.number], [("one", "1-1"), ("one", "2-1")])

    def test_a_late_refusal_does_not_replace_a_newer_session(self) -> None:
        """Two calls with the same old session are refused: one of the new ones is used."""
        self.knows("a")
        one, two = (Call(self.balancer, False, 10.0) for _ in range(2))
        for call in (one, two):
            call.next_attempt(0.0)
        one.settle(result(NOT_SENT, session="one"), 0.0)
        attempt = one.next_attempt(0.0)
        two.settle(result(NOT_SENT, session="two"), 0.0)
        attempts = attempt, two.next_attempt(0.0)
        self.assertEqual([(each.number.session_id, str(each.number)) for each in attempts
                          if each and each.number], [("one", "1-1"), ("one", "2-1")])

    def test_a_session_that_is_used_up_is_replaced(self) -> None:
        """The outcome of its oldest call is unknown for so long."""
        self.knows("a")
        session = self.member("a").session
        assert session
        oldest = session.take()
        for _ in range(WINDOW - 1):
            session.take()
        self.begins(idempotent=False)
        self.opens("a", "new")
        self.goes_out("a", "new", "1-1")
        del oldest

    def test_a_confused_endpoint_is_asked_a_few_times(self) -> None:
        """It refuses each attempt with another session. Then the next endpoint is asked."""
        self.knows("a", "b")
        self.begins(idempotent=False)
        for number in range(1 + MAX_HINTS):
            self.tries("a", kind=Kind.ORIGINAL)
            self.comes_to(NOT_SENT, session=f"new {number}")
        self.tries("b", kind=Kind.ORIGINAL)
        self.comes_to(ANSWERED)
        self.ends(ANSWERED)

    def test_every_new_endpoint_gets_the_call_however_many_gave_out_a_session(self) -> None:
        """They are overloaded: each of them gives out a session, and then refuses the call."""
        self.knows(*"abcdefgh", sessions=False)
        self.begins(idempotent=False)
        # The turn of the first one, and then that of the others.
        for name in "acdefghb":
            self.opens(name, f"session of {name}")
            self.goes_out(name, f"session of {name}", "1-1")
            self.comes_to(NOT_SENT)
        self.ends(NOT_SENT)

    def test_a_number_ends_when_the_call_is_answered_or_refused(self) -> None:
        """`sent` is None after a refusal. An unknown call keeps its number, until it is dropped."""
        for outcome, oldest in ((ANSWERED, 2), (NOT_SENT, 2), (UNKNOWN, 1)):
            with self.subTest(outcome):
                self.knows("a")
                session = self.member("a").session
                assert session
                self.begins(idempotent=False)
                self.drives(outcome)
                sent = self.call.sent if outcome is UNKNOWN else None
                self.begins(idempotent=False)
                self.assertEqual(session.oldest, oldest)
                del sent
                self.assertEqual(session.oldest, 2)

    def test_a_refused_call_was_sent_nowhere(self) -> None:
        """So nobody is asked later what came of it."""
        self.knows("a", "b")
        self.begins(idempotent=False)
        self.tries("a")
        self.assertEqual(self.call.sent and self.call.sent.member, self.member("a"))
        self.comes_to(NOT_SENT)
        self.assertIsNone(self.call.sent)
        self.tries("b")
        self.comes_to(UNKNOWN)
        self.assertEqual(self.call.sent and self.call.sent.member, self.member("b"))


class LostOpenings(CallCase):
    """The request for a session carries no call: whatever comes of it, the call has not run."""

    def setUp(self) -> None:
        super().setUp()
        self.knows("a", "b", sessions=False)

    def test_another_endpoint_is_asked(self) -> None:
        """The lost one counts as no attempt of the call."""
        self.begins(idempotent=False)
        self.tries("a", kind=Kind.OPENING)
        self.comes_to(UNKNOWN)
        self.assertEqual(self.call.may_have_run, 0)
        self.assertIs(self.call.outcome, NOT_SENT)
        self.tries("b", kind=Kind.OPENING, first=1)
        self.comes_to(NOT_SENT, session="session of b")
        self.tries("b", kind=Kind.ORIGINAL, first=1)
        self.comes_to(ANSWERED)
        self.ends(ANSWERED)

    def test_the_same_endpoint_is_asked_again_when_there_is_no_other(self) -> None:
        self.knows("a", sessions=False)
        self.begins(idempotent=False)
        self.tries("a", kind=Kind.OPENING)
        self.comes_to(UNKNOWN)
        self.tries("a", kind=Kind.OPENING)
        self.comes_to(NOT_SENT, session="session of a")
        self.tries("a", kind=Kind.ORIGINAL)

    def test_a_call_whose_openings_are_all_lost_is_not_sent(self) -> None:
        """The last endpoint is asked once more."""
        self.begins(idempotent=False)
        self.assertEqual(self.drives(UNKNOWN), ["a", "b", "b"])
        self.ends(NOT_SENT)
        self.assertIsNone(self.call.sent)

    def test_each_costs_a_retry(self) -> None:
        """Else servers that reset all connections would get a storm of them."""
        self.spend_the_budget()
        self.begins(idempotent=False)
        self.assertEqual(self.drives(UNKNOWN), ["a"])
        self.ends(NOT_SENT)

    def test_a_sole_endpoint_gets_all_the_time(self) -> None:
        self.knows("a", sessions=False)
        self.begins(idempotent=False, deadline=8.0)
        self.tries("a", kind=Kind.OPENING, timeout_s=8.0)
        self.knows("a", "b", sessions=False)
        self.begins(idempotent=False, deadline=8.0)
        self.tries("a", kind=Kind.OPENING, timeout_s=4.0)


class PlainEndpoints(CallCase):
    """Endpoints that remember no calls: a sidecar's, or those of a version without sessions."""

    def test_a_call_goes_out_as_a_stock_clients(self) -> None:
        """Once: an unknown outcome is final, without a repeat, and nobody can be asked later."""
        self.knows("a", "b", remembers=False)
        self.begins(idempotent=False, deadline=8.0)
        self.tries("a", kind=Kind.PLAIN, number=None, timeout_s=8.0)
        self.comes_to(UNKNOWN)
        self.ends(UNKNOWN)
        self.assertIsNone(self.call.sent)

    def test_a_refused_one_goes_to_the_next_endpoint(self) -> None:
        self.knows("a", "b", remembers=False)
        self.begins(idempotent=False)
        self.assertEqual(self.drives(NOT_SENT, ANSWERED), ["a", "b"])

    def test_a_version_without_sessions_is_known_by_its_answer(self) -> None:
        """It takes the request for a session for a call, and answers with a fault. From then on
        calls go there as a stock client's.
        """
        self.knows("a", sessions=False)
        self.begins(idempotent=False)
        self.tries("a", kind=Kind.OPENING)
        self.comes_to(ANSWERED)
        self.tries("a", kind=Kind.PLAIN)
        self.comes_to(ANSWERED)
        self.ends(ANSWERED)
        self.begins(idempotent=False)
        self.tries("a", kind=Kind.PLAIN)

    def test_an_error_does_not_show_such_a_version(self) -> None:
        """The request for a session came too slowly (408), or its head was too long (431). The call
        itself was not sent.
        """
        self.knows("a", sessions=False)
        self.begins(idempotent=False)
        self.tries("a", kind=Kind.OPENING)
        self.comes_to(ANSWERED, reply=Reply(408, {}, b""))
        self.ends(NOT_SENT)
        self.begins(idempotent=False)
        self.tries("a", kind=Kind.OPENING)


class Care(CallCase):
    """A function that is idempotent no more: the server refuses, and tells so."""

    def test_the_call_goes_on_by_the_careful_way(self) -> None:
        """At the same endpoint, with a session and a number. It has not run before."""
        self.knows("a", "b", sessions=False)
        self.begins(idempotent=True)
        self.tries("a", kind=Kind.IDEMPOTENT)
        self.comes_to(NOT_SENT, needs_care=True)
        self.tries("a", kind=Kind.OPENING)
        self.comes_to(NOT_SENT, session="session of a")
        self.tries("a", kind=Kind.ORIGINAL, first=1)
        self.comes_to(UNKNOWN)
        self.tries("a", kind=Kind.REPEAT)
        self.comes_to(ANSWERED)
        self.ends(ANSWERED)

    def test_after_an_unknown_attempt_the_call_has_ended(self) -> None:
        """It may have run where it was taken for idempotent, so it runs nowhere else. And nobody
        can be asked what came of it: it had no number.
        """
        self.knows("a", "b", "c")
        self.begins(idempotent=True)
        self.tries("a")
        self.comes_to(UNKNOWN)
        self.tries("c")
        self.comes_to(NOT_SENT, needs_care=True)
        self.ends(UNKNOWN)
        self.assertIsNone(self.call.sent)

    def test_an_endpoint_that_always_asks_for_care_is_not_believed(self) -> None:
        """A call that is careful already has been refused, like any other."""
        self.knows("a", "b")
        self.begins(idempotent=False)
        self.tries("a", kind=Kind.ORIGINAL)
        self.comes_to(NOT_SENT, needs_care=True)
        self.tries("b", kind=Kind.ORIGINAL)

    def test_calls_in_flight_are_counted_with_every_hint(self) -> None:
        self.knows("a", sessions=False)
        self.begins(idempotent=True)
        for details in ({"needs_care": True}, {"session": "one"}, {"session": "two"}):
            self.attempts()
            self.assertEqual(self.member("a").calls, 1)
            self.comes_to(NOT_SENT, **details)
            self.assertEqual(self.member("a").calls, 0)
        self.assertIsNone(self.member("a").trial_at)


class Hops(CallCase):
    """Three attempts in all, over all hops: each hop tells the next one what is left to it."""

    def test_a_proxy_makes_one_attempt_while_another_may_follow(self) -> None:
        """If its reply is lost, no more than that one may have run; the last one makes the rest."""
        for idempotent, spans in ((True, [(1, 1), (2, 3)]), (False, [(1, 1), (2, 2), (3, 3)])):
            self.knows("p", "q", service=PROXY)
            self.begins(idempotent=idempotent)
            for span in spans:
                attempt = self.attempts()
                self.assertEqual((attempt.first, attempt.last), span)
                self.comes_to(UNKNOWN)
                self.assertEqual(self.call.may_have_run, span[1])
            self.ends(UNKNOWN)

    def test_a_proxy_that_tells_how_many_it_made_leaves_more(self) -> None:
        self.knows("p", "q", service=PROXY)
        self.begins(idempotent=True)
        self.attempts()
        self.comes_to(UNKNOWN, made=1)
        attempt = self.attempts()
        self.assertEqual((attempt.first, attempt.last), (2, 3))
        self.comes_to(UNKNOWN, made=2)
        self.assertEqual(self.attempts().first, 3)
        self.comes_to(UNKNOWN, made=3)
        self.ends(UNKNOWN)

    def test_a_server_that_a_proxy_has_tried_is_asked_last(self) -> None:
        """Else a call that met two bad servers by way of a proxy would meet the first one twice."""
        proxy, *servers = (endpoint(name, service=service) for name, service in
                           (("p", PROXY), ("a", "greeter"), ("b", "greeter")))
        for tried, then in (("a", "b"), ("b", "a")):
            self.balancer = Balancer()
            self.balancer.update([proxy], servers)
            self.begins(idempotent=True)
            self.tries("p")
            self.comes_to(UNKNOWN, made=1, tried=tried)
            self.tries(then)
            self.comes_to(UNKNOWN)
            self.tries(tried)

    def test_the_sole_proxy_may_make_them_all(self) -> None:
        """For an idempotent call, after which nobody else can be asked."""
        self.knows("p", service=PROXY)
        self.begins(idempotent=True)
        self.tries("p", first=1, last=3)

    def test_a_server_makes_one(self) -> None:
        self.knows("a", "b")
        self.begins(idempotent=True)
        self.tries("a", first=1, last=1)
        self.comes_to(UNKNOWN)
        self.tries("b", first=2, last=2)

    def test_all_hops_together_make_three(self) -> None:
        """A stub, and a proxy behind it, of which any reply may be lost; in every order."""
        for idempotent in (True, False):
            for proxies in (["p"], ["p", "q"]):
                for choices in itertools.product((True, False), repeat=6):
                    told = iter(choices)
                    self.knows(*proxies, service=PROXY)
                    self.begins(idempotent=idempotent)
                    ran = 0
                    while (attempt := self.call.next_attempt(0.0)):
                        behind = Balancer()
                        behind.update([endpoint("a"), endpoint("b"), endpoint("c")])
                        made = attempt.first - 1
                        relayed = Call(behind, True, 1000.0, first=attempt.first, last=attempt.last)
                        while (further := relayed.next_attempt(0.0)):
                            relayed.settle(result(UNKNOWN), 0.0)
                            made, ran = further.first, ran + 1
                        self.comes_to(UNKNOWN, made=made if next(told, True) else 0)
                    self.assertLessEqual(ran, MAX_ATTEMPTS)
                    self.assertGreaterEqual(ran, 2)


class Tried(NamedTuple):
    """One attempt of a random call, and what it came to."""

    attempt: Attempt
    result: Result

    @property
    def outcome(self) -> Outcome:
        """What it means for the call: there was none in the request for a session."""
        return NOT_SENT if self.attempt.kind is Kind.OPENING else self.result.outcome


class Run(NamedTuple):
    """One random call, and all its attempts."""

    seed: int
    call: Call
    idempotent: bool
    attempts: list[Tried]

    @property
    def outcomes(self) -> list[Outcome]:
        return [tried.outcome for tried in self.attempts]

    def after_unknown(self) -> list[Tried]:
        """The first attempt that came to UNKNOWN, and those that followed it."""
        if UNKNOWN not in self.outcomes:
            return []
        return self.attempts[self.outcomes.index(UNKNOWN):]


class Schedule:
    """One random run of rule R: calls over endpoints that come, go, drain, fail and restart.

    They give out sessions, refuse old ones, forget calls, and change what they promise; some
    remember no calls. Every attempt is written down, and the test checks what must hold of them.
    A seed repeats a run.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.seed = seed
        self.balancer = Balancer(self.rng.choice(list(POLICIES.values())), self.rng)
        self.now = 0.0
        self.incarnations: dict[str, int] = dict.fromkeys("abcde", 1)
        self.sessions = itertools.count(1)
        self.change_view()

    def change_view(self) -> None:
        states = ("up", "up", "suspect", "draining")
        view: list[Endpoint] = []
        for name in self.rng.sample("abcde", self.rng.randrange(6)):
            self.incarnations[name] += self.rng.random() < 0.2
            here = endpoint(name, self.incarnations[name], self.rng.choice(states))
            view.append(here._replace(remembers=name != "e"))
        self.balancer.update(view[:2], view[2:])

    def comes_to(self, kind: Kind) -> Result:
        """What an attempt of this kind comes to."""
        outcome, timed_out = self.rng.choice(list(Outcome)), self.rng.random() < 0.5
        chance = self.rng.random()
        if kind is Kind.OPENING and chance < 0.8:
            return result(NOT_SENT, session=f"session {next(self.sessions)}")
        if kind is Kind.ORIGINAL and chance < 0.3:
            return result(NOT_SENT, session=f"session {next(self.sessions)}")
        if kind is Kind.IDEMPOTENT and chance < 0.1:
            return result(NOT_SENT, needs_care=True)
        is_final = outcome is UNKNOWN and chance < 0.4
        return result(outcome, timed_out=timed_out, is_final=is_final)

    def run_call(self) -> Run:
        """One call to its end."""
        idempotent = self.rng.random() < 0.4
        call = Call(self.balancer, idempotent, self.now + self.rng.choice((0.1, 1.0, 5.0)))
        attempts: list[Tried] = []
        while (attempt := call.next_attempt(self.now)):
            assert len(attempts) < ENDLESS, "the call does not end"
            self.now += self.rng.random() * attempt.timeout_s
            attempts.append(Tried(attempt, self.comes_to(attempt.kind)))
            call.settle(attempts[-1].result, self.now)
            if self.rng.random() < 0.1:
                self.change_view()
        return Run(self.seed, call, idempotent, attempts)


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    if ANSWERED in outcomes:
        return ANSWERED
    return UNKNOWN if UNKNOWN in outcomes else NOT_SENT


@functools.lru_cache(maxsize=1)
def random_calls() -> list[Run]:
    """The calls of 2,000 random schedules."""
    runs = []
    for seed in range(2000):
        schedule = Schedule(seed)
        runs += [schedule.run_call() for _ in range(5)]
        in_flight = {member.calls for member in schedule.balancer.members}
        assert not in_flight - {0}, f"seed {seed}: {in_flight} calls in flight"
    return runs


class RandomSchedules(unittest.TestCase):
    """Thousands of seeded schedules: what holds of every call, whatever happens to it."""

    def check(self, rule: Callable[[Run], bool], *, at_least: int = 1000,
              of: Callable[[Run], bool] = lambda run: True) -> None:
        """The rule holds of all calls, and there are enough of those that it speaks of."""
        runs = [run for run in random_calls() if of(run)]
        self.assertGreater(len(runs), at_least)
        for run in runs:
            self.assertTrue(rule(run), f"seed {run.seed}: {run.attempts}")

    def test_after_unknown_no_second_endpoint_gets_what_is_not_idempotent(self) -> None:
        """It is repeated only where it may have run, and with the same number."""
        def holds(run: Run) -> bool:
            doubtful, *later = run.after_unknown()
            asked, number = doubtful.attempt.endpoint, doubtful.attempt.number
            return all(attempt.kind is Kind.REPEAT and attempt.endpoint[1:3] == asked[1:3]
                       and attempt.number is number for attempt, _ in later)
        self.check(holds, of=lambda run: bool(run.after_unknown()) and not run.idempotent)

    def test_what_may_have_run_as_idempotent_never_goes_another_way(self) -> None:
        """Also if an endpoint tells that it is not idempotent any more: then the call has ended."""
        def holds(run: Run) -> bool:
            first, *later = run.after_unknown()
            kinds = {tried.attempt.kind for tried in later}
            return kinds <= {Kind.REPEAT if first.attempt.number else Kind.IDEMPOTENT}
        self.check(holds, of=lambda run: bool(run.after_unknown()) and run.idempotent)

    def test_an_unknown_that_is_final_ends_what_is_not_idempotent(self) -> None:
        """And so does one of an endpoint that remembers no calls."""
        def is_final(tried: Tried) -> bool:
            return tried.outcome is UNKNOWN and tried.attempt.kind is not Kind.IDEMPOTENT and (
                tried.result.is_final or tried.attempt.kind is Kind.PLAIN)
        self.check(lambda run: not any(map(is_final, run.attempts[:-1])),
                   of=lambda run: any(map(is_final, run.attempts)), at_least=200)

    def test_no_more_than_three_attempts_may_have_run(self) -> None:
        """The number of an attempt is 1 plus the earlier ones that may have run."""
        def holds(run: Run) -> bool:
            outcomes = run.outcomes
            numbers = [1 + outcomes[:i].count(UNKNOWN) for i in range(len(outcomes))]
            return (sum(outcome is not NOT_SENT for outcome in outcomes) <= MAX_ATTEMPTS
                    and [tried.attempt.first for tried in run.attempts] == numbers
                    and run.call.may_have_run == outcomes.count(UNKNOWN))
        self.check(holds)

    def test_the_outcome_is_the_worst(self) -> None:
        """Nothing is tried after an answer."""
        self.check(lambda run: run.call.outcome is worst(run.outcomes)
                   and ANSWERED not in run.outcomes[:-1])

    def test_no_endpoint_refuses_the_same_call_twice(self) -> None:
        """Each endpoint is asked at most once with NOT_SENT, unless it tells how to ask; a refused
        repeat ends the call.
        """
        def holds(run: Run) -> bool:
            refused = [tried.attempt.endpoint[1:3] for tried in run.attempts
                       if tried.result.outcome is NOT_SENT
                       and not (tried.result.session or tried.result.needs_care)]
            return len(refused) == len(set(refused))
        self.check(holds)

    def test_no_number_is_used_for_two_calls(self) -> None:
        """Nor for one call at two endpoints."""
        seen: dict[int, list[tuple[str, int]]] = {}
        for run in random_calls():
            seen.setdefault(run.seed, []).extend(
                (tried.attempt.number.session_id, tried.attempt.number.value)
                for tried in run.attempts
                if tried.attempt.number and tried.attempt.kind is Kind.ORIGINAL)
        for seed, numbers in seen.items():
            self.assertEqual(len(numbers), len(set(numbers)), f"seed {seed}")

    def test_a_call_says_where_it_was_sent_exactly_if_it_may_have_run_there(self) -> None:
        """With a number. So it can be resolved, and nothing else is asked."""
        def holds(run: Run) -> bool:
            asked = [attempt.number for attempt, _ in run.after_unknown()]
            number = asked[0] if asked else None
            return (run.call.sent.number if run.call.sent else None) is number
        self.check(holds, of=lambda run: run.call.outcome is not ANSWERED)


if __name__ == "__main__":
    unittest.main()
