"""A relayed call: what is passed on, where a repeat goes, and what the caller gets.

There is no proxy here and no socket: a call needs what all calls share, and the test is its engine.
"""

from __future__ import annotations

import unittest
from unittest import mock

from ponte.calls.hop import Result, judge
from ponte.calls.once import CallMemory, Forgotten
from ponte.calls.rule import Outcome
from ponte.net.message import ProtocolError, Reply, Request
from tests.fakes import endpoint
from tests.relaying import LATE, LOST, OK, REFUSED, SAME, SERVED_BY, RelayCase, answered


class Steps(RelayCase):
    """begin -> (next_attempt -> exchange -> settle)* -> reply, with a SharedState alone."""

    def test_a_call_goes_from_begin_to_reply(self) -> None:
        """The first server refuses; the reply of the second is lost, and comes with the repeat."""
        call = self.begins("id-1")
        self.assertEqual(self.sends(call, "s1").headers["idempotency-key"], "id-1")
        self.comes_to(call, REFUSED)
        request = self.sends(call, "s3")
        self.assertNotIn("if-match", request.headers)
        self.comes_to(call, LOST)
        repeat = self.sends(call, "s3")
        self.assertEqual(repeat.headers["if-match"], '"1"')
        self.assertEqual(repeat.headers["call-attempt"], "2")
        self.comes_to(call, OK)
        reply = self.ends(call)
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.body, b"<value/>")

    def test_what_calls_came_to_is_counted(self) -> None:
        """`retries` counts each attempt that was not answered."""
        self.relays(OK, call_id="id-1")
        self.assertEqual(self.shared.counts,
                         {"calls": 1, "retries": 0, "not_sent": 0, "unknown": 0})
        self.relays(REFUSED, call_id="id-2")
        self.assertEqual(self.shared.counts,
                         {"calls": 2, "retries": 3, "not_sent": 1, "unknown": 0})
        self.relays(LOST, call_id="id-3")
        self.assertEqual(self.shared.counts,
                         {"calls": 3, "retries": 6, "not_sent": 1, "unknown": 1})

    def test_balancing_learns_how_servers_behave(self) -> None:
        """A server that refuses goes into quarantine; calls in flight are counted."""
        call = self.begins()
        self.sends(call, "s1")
        member, *_ = self.shared.balancers["greeter"].members
        self.assertEqual(member.calls, 1)
        self.comes_to(call, REFUSED)
        self.assertEqual(member.calls, 0)
        self.assertIsNotNone(member.trial_at)

    def test_a_timeout_of_an_attempt_that_had_no_chance_blames_no_server(self) -> None:
        """`settle` passes on that the attempt has timed out."""
        call = self.begins(timeout_s=0.1)
        self.sends(call, "s1")
        self.comes_to(call, LATE)
        member, *_ = self.shared.balancers["greeter"].members
        self.assertIsNone(member.trial_at)

    def test_the_lock_is_free_while_an_attempt_is_on_its_way(self) -> None:
        """Also after every other step."""
        call = self.begins()
        self.assertFalse(self.shared.lock.locked())
        self.sends(call, "s1")
        self.assertFalse(self.shared.lock.locked())
        self.comes_to(call, LOST)
        self.assertFalse(self.shared.lock.locked())

    def test_the_end_of_an_answered_call_needs_no_lock(self) -> None:
        """Most calls are answered at their first attempt: they take the lock three times."""
        call = self.begins()
        self.sends(call, "s1")
        self.comes_to(call, OK)
        with mock.patch.object(self.shared, "lock") as lock:
            self.assertEqual(self.ends(call).status, 200)
        lock.__enter__.assert_not_called()


class PassingOn(RelayCase):
    """Whole messages, unread."""

    def sent(self) -> Request:
        """The latest request that a server got."""
        return self.exchanges.requests[-1]

    def test_the_body_goes_on_as_it_came(self) -> None:
        """To the path that the caller asked for, and back: nothing of it is read here."""
        reply = self.relays(OK)
        self.assertEqual(self.sent().method, "POST")
        self.assertEqual(self.sent().target, "/greeter")
        self.assertEqual(self.sent().body, b"<call/>")
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.body, b"<value/>")

    def test_headers_of_one_hop_are_not_passed_on(self) -> None:
        """RFC 9110 section 7.6.1: the known ones, and those that Connection names; both ways."""
        hop = {"Connection": "keep-alive, X-Hop", "Keep_Alive": "1", "TE": "trailers",
               "Trailer": "x", "Upgrade": "h2c", "Proxy_Authorization": "secret",
               "Proxy_Connection": "close", "X_Hop": "1", "Expect": "100-continue",
               "Transfer_Encoding": "chunked"}
        names = {name.replace("_", "-").lower() for name in hop}
        reply = self.relays(answered(X_End="2", **hop), call_id="id-0", timeout_s=5.0,
                            X_End="1", Content_Type="text/xml", **hop)
        self.assertEqual(names & self.sent().headers.keys(), set())
        self.assertEqual(names & reply.headers.keys(), set())
        self.assertEqual(self.sent().headers["x-end"], "1")
        self.assertEqual(self.sent().headers["content-type"], "text/xml")
        self.assertEqual(reply.headers["x-end"], "2")

    def test_via_is_added(self) -> None:
        """After the proxies before this one; also to the reply."""
        self.assertEqual(self.relays(OK).headers["via"], "1.1 proxy-1")
        self.assertEqual(self.sent().headers["via"], "1.1 proxy-1")
        self.relays(OK, Via="1.0 other")
        self.assertEqual(self.sent().headers["via"], "1.0 other, 1.1 proxy-1")

    def test_the_headers_of_the_call_are_those_of_this_hop(self) -> None:
        """Id and Call-Idempotent go on as they came. Host and time are those of the attempt."""
        self.relays(OK, call_id="id-1", timeout_s=2.0, Call_Timeout_Ms="2000", Call_Attempt="2",
                    Call_Idempotent="1")
        headers = self.sent().headers
        self.assertEqual(self.sent().headers["idempotency-key"], "id-1")
        self.assertEqual(headers["host"], "127.0.0.1:4242")
        self.assertEqual(headers["call-attempt"], "2")
        self.assertEqual(headers["call-idempotent"], "1")
        self.assertGreater(int(headers["call-timeout-ms"]), 0)
        self.assertLessEqual(int(headers["call-timeout-ms"]), 1000)
        self.assertNotIn("if-match", headers)

    def test_a_reply_has_its_server_and_the_number_of_its_attempt(self) -> None:
        """So all hops together stay within three attempts."""
        reply = self.relays(LOST, OK, Call_Idempotent="1")
        self.assertEqual(reply.headers["served-by"], "s; incarnation=1")
        self.assertEqual(reply.headers["call-attempt"], "2")
        self.assertEqual(judge(reply).number, 2)

    def test_the_headers_of_this_hop_replace_those_of_the_server(self) -> None:
        """A strict parser refuses a reply that has one of them twice."""
        self.exchanges.results = [answered(Call_Attempt="1", Via="1.1 x")]
        # Read by such a parser.
        reply = self.carries_out(self.begins())
        self.assertEqual(reply.headers["via"], "1.1 proxy-1")
        self.assertEqual(reply.headers["call-attempt"], "1")


class WithoutAnAnswer(RelayCase):
    """What the caller gets when no server has answered."""

    def test_without_a_live_server_it_is_not_executed(self) -> None:
        """503 with Not-Executed, at once."""
        self.knows()
        reply = self.relays(OK)
        self.assertEqual(reply.status, 503)
        self.assertEqual(reply.headers["not-executed"], "1")
        self.assertIn(b"no live server", reply.body)
        self.tried()

    def test_when_all_servers_refuse_it_is_not_executed(self) -> None:
        """Each was asked once. The reply has the reason of the last one."""
        reply = self.relays(REFUSED)
        self.assertEqual(sorted(self.exchanges.tried), ["s1", "s2", "s3"])
        self.assertIs(judge(reply).outcome, Outcome.NOT_SENT)
        self.assertIn(b"connect: refused", reply.body)

    def test_an_unknown_outcome_is_502_and_a_timeout_504(self) -> None:
        """With the number of attempts that may have run; never with Not-Executed."""
        for result, status in ((LOST, 502), (LATE, 504)):
            reply = self.relays(result, call_id=str(status))
            self.assertEqual(reply.status, status)
            self.assertEqual(reply.headers["call-attempt"], "3")
            self.assertNotIn("not-executed", reply.headers)
            self.assertIs(judge(reply).outcome, Outcome.UNKNOWN)

    def test_such_a_reply_is_served_by_the_proxy(self) -> None:
        """Its Served-By names the proxy, since no server has made it."""
        self.assertEqual(self.relays(REFUSED).headers["served-by"], SERVED_BY)
        self.assertEqual(self.relays(LOST).headers["served-by"], SERVED_BY)

    def test_after_its_time_a_call_is_sent_nowhere(self) -> None:
        """503 with Not-Executed. Its time runs from when the request was complete."""
        self.now -= 0.06
        reply = self.relays(OK, timeout_s=0.05)
        self.assertEqual(reply.status, 503)
        self.assertEqual(reply.headers["not-executed"], "1")
        self.tried()


class Repeats(RelayCase):
    """A call that is not idempotent reaches no second server once the first may have run it."""

    def repeats(self, *results: Result, call_id: str = "id-1") -> Reply:
        """The reply to a repeat of the caller, whose first attempt has an unknown outcome."""
        return self.relays(*results, call_id=call_id, If_Match=SAME, Call_Attempt="2")

    def test_a_lost_reply_is_asked_for_at_the_same_server(self) -> None:
        """With the incarnation of that server, and the same id."""
        self.assertEqual(self.relays(LOST, OK, call_id="id-1").status, 200)
        self.tried("s1", "s1")
        request, repeat = self.exchanges.requests
        self.assertNotIn("if-match", request.headers)
        self.assertEqual(repeat.headers["if-match"], '"1"')
        self.assertEqual(request.headers["idempotency-key"], "id-1")
        self.assertEqual(repeat.headers["idempotency-key"], "id-1")

    def test_an_idempotent_call_goes_to_another_server(self) -> None:
        """Its author has promised that it may run twice."""
        self.assertEqual(self.relays(LOST, OK, Call_Idempotent="1").status, 200)
        self.tried("s1", "s3")

    def test_an_idempotent_call_has_no_route(self) -> None:
        """There is nothing to remember of it."""
        self.relays(OK, Call_Idempotent="1")
        self.assertEqual(len(self.shared.routes), 0)
        self.relays(OK)
        self.assertEqual(len(self.shared.routes), 1)

    def test_a_repeat_of_the_caller_goes_where_the_first_attempt_went(self) -> None:
        """The caller names the incarnation of the proxy; the server gets its own."""
        self.relays(OK, call_id="id-1")
        self.relays(OK, call_id="id-2")
        self.repeats(OK, call_id="id-1")
        self.tried("s1", "s2", "s1")
        self.assertEqual(self.exchanges.requests[-1].headers["if-match"], '"1"')

    def test_the_same_id_without_if_match_goes_there_too(self) -> None:
        """A client of another make repeats by its id alone."""
        self.relays(OK, call_id="id-1")
        self.relays(OK, call_id="id-1")
        self.tried("s1", "s1")

    def test_a_repeat_whose_server_has_gone_stays_unknown(self) -> None:
        """That server is asked, though no registry names it any more; no other is."""
        self.relays(LOST, call_id="id-1")
        self.knows(endpoint("s2"), endpoint("s3"))
        self.exchanges.attempts.clear()
        reply = self.repeats(REFUSED)
        self.tried("s1")
        self.assertIs(judge(reply).outcome, Outcome.UNKNOWN)

    def test_what_was_sent_nowhere_may_go_anywhere(self) -> None:
        """All servers refused the first attempt: its repeat is a first attempt."""
        self.relays(REFUSED, call_id="id-1")
        reply = self.relays(OK, call_id="id-1", If_Match=SAME)
        self.assertEqual(reply.status, 200)
        self.assertNotIn("if-match", self.exchanges.requests[-1].headers)

    def test_a_repeat_whose_route_may_be_forgotten_is_refused(self) -> None:
        """412 rather than a guess. New calls go on."""
        self.shared.routes = CallMemory(max_entries=1)
        self.relays(OK, call_id="id-1")
        self.relays(OK, call_id="id-2")
        with self.assertRaises(ProtocolError) as caught:
            self.repeats(OK, call_id="id-1")
        self.assertEqual(caught.exception.status, 412)
        self.assertEqual(self.relays(OK, call_id="id-3").status, 200)
        self.assertEqual(len(self.exchanges.attempts), 3)

    def test_a_route_is_kept_for_the_time_of_its_call(self) -> None:
        """If it is dropped before, a repeat is refused for as long as it would have been kept."""
        self.shared.routes = CallMemory(max_entries=1)
        self.relays(OK, call_id="id-1", timeout_s=100.0)
        self.relays(OK, call_id="id-2")
        with self.assertRaises(Forgotten):
            self.shared.routes.recall("id-1", self.now + 100.0, repeat=True)

    def test_a_repeat_takes_the_call_over(self) -> None:
        """Its caller has given up the first attempt, so that one goes to no other server."""
        first = self.begins("id-1")
        self.sends(first, "s1")
        repeat = self.begins("id-1", If_Match=SAME, Call_Attempt="2")
        self.assertEqual(self.sends(repeat, "s1").headers["if-match"], '"1"')
        self.comes_to(repeat, OK)
        self.comes_to(first, REFUSED)
        self.assertEqual(self.ends(repeat).status, 200)
        self.assertEqual(self.ends(first).status, 503)

    def test_attempts_before_this_hop_count(self) -> None:
        """The third of three is the last one, and gets all of the remaining time."""
        self.relays(LOST, timeout_s=1.0, Call_Idempotent="1", Call_Attempt="3")
        attempt, = self.exchanges.attempts
        self.assertGreater(attempt.timeout_s, 0.9)


if __name__ == "__main__":
    unittest.main()
