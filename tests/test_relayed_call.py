"""A relayed call: what is passed on, where a repeat goes, and what the caller gets.

The exchanges with servers need no socket here: they come to what a test says.
"""

from __future__ import annotations

import gc
import threading
import unittest
from types import TracebackType
from typing import Any

from ponte.calls.attempt import Outcome, Result
from ponte.calls.once import Memory
from ponte.calls.resolving import Place
from ponte.calls.rule import MAX_ATTEMPTS
from ponte.net.message import Reply, Request
from tests.fakes import endpoint, hurry_listeners
from tests.relaying import (
    DEAD,
    GONE,
    LATE,
    LOST,
    NEEDS_CARE,
    OK,
    RAN,
    REFUSED,
    Led,
    RelayCase,
    answered,
    gives_session,
)

# The server's reply to a question what came of a call that has run there.
RESOLVED = Result(Outcome.ANSWERED, Reply(200, {"call-resolved": "reply"}, b"<value/>"), "")


def setUpModule() -> None:
    hurry_listeners()


class CountingLock:
    """A lock that counts how often it is taken."""

    def __init__(self) -> None:
        self.taken = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()
        self.taken += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._lock.release()


class Steps(RelayCase):
    """(next_attempt -> exchange -> settle)* -> reply."""

    def test_a_call_goes_from_begin_to_reply(self) -> None:
        """The first server refuses; the reply of the second is lost, and comes with the repeat."""
        call = self.begins(1)
        self.assertNotIn("call-repeat", self.sends(call, "s1").headers)
        self.comes_to(call, REFUSED)
        request = self.sends(call, "s3")
        self.assertNotIn("call-repeat", request.headers)
        self.comes_to(call, LOST)
        repeat = self.sends(call, "s3")
        self.assertEqual(repeat.headers["call-repeat"], "1")
        self.assertEqual(repeat.headers["call-session"], request.headers["call-session"])
        self.assertEqual(repeat.call_number, request.call_number)
        self.assertEqual(repeat.headers["call-attempt"], "2-2")
        self.comes_to(call, OK)
        reply = self.ends(call)
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.body, b"<value/>")

    def test_what_calls_came_to_is_counted(self) -> None:
        """`retries` counts each attempt that was not answered."""
        self.relays(1, OK)
        self.assertEqual(self.shared.counts,
                         {"calls": 1, "retries": 0, "not_sent": 0, "unknown": 0})
        self.relays(2, REFUSED)
        self.assertEqual(self.shared.counts,
                         {"calls": 2, "retries": 3, "not_sent": 1, "unknown": 0})
        self.relays(3, LOST)
        self.assertEqual(self.shared.counts,
                         {"calls": 3, "retries": 6, "not_sent": 1, "unknown": 1})

    def test_balancing_learns_how_servers_behave(self) -> None:
        """A server that refuses goes into quarantine; calls in flight are counted."""
        call = self.begins(1)
        self.sends(call, "s1")
        member, *_ = self.shared.balancers["greeter"].members
        self.assertEqual(member.calls, 1)
        self.comes_to(call, REFUSED)
        self.assertEqual(member.calls, 0)
        self.assertIsNotNone(member.trial_at)

    def test_a_timeout_of_an_attempt_that_had_no_chance_blames_no_server(self) -> None:
        """`settle` passes on that the attempt has timed out."""
        call = self.begins(1, Call_Timeout_Ms="100")
        self.sends(call, "s1")
        self.comes_to(call, LATE)
        member, *_ = self.shared.balancers["greeter"].members
        self.assertIsNone(member.trial_at)

    def test_the_lock_is_free_while_an_attempt_is_on_its_way(self) -> None:
        """Also while a server is asked what came of a call."""
        call = self.begins(1)
        self.sends(call, "s1")
        self.assertFalse(self.shared.lock.locked())
        self.comes_to(call, LOST)
        self.assertFalse(self.shared.lock.locked())
        question = self.begins(1, Call_Resolve="1")
        self.sends(question, "s1")
        self.assertFalse(self.shared.lock.locked())

    def test_a_call_that_is_answered_at_once_takes_the_lock_three_times(self) -> None:
        """Most calls are. A call with a number takes it once more, when it has ended."""
        self.relays(1, OK)
        counting: Any = CountingLock()
        self.shared.lock = counting
        self.assertEqual(self.post(Call_Idempotent="1").status, 200)
        self.assertEqual(counting.taken, 3)
        # The next server has a session for this proxy already.
        self.knows(endpoint("s1"))
        counting.taken = 0
        self.assertEqual(self.relays(2, OK).status, 200)
        self.assertEqual(counting.taken, 4)


class PassingOn(RelayCase):
    """Whole messages, unread."""

    def sent(self) -> Request:
        """The latest request that a server got."""
        return self.exchanges.requests[-1]

    def test_the_body_goes_on_as_it_came(self) -> None:
        """To the path that the caller asked for, and back: nothing of it is read here."""
        reply = self.relays(1, OK)
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
        self.exchanges.results = [answered(X_End="2", **hop)]
        reply = self.post(number=1, X_End="1", Content_Type="text/xml", **hop)
        self.assertEqual(names & self.sent().headers.keys(), set())
        self.assertEqual(names & reply.headers.keys(), set())
        self.assertEqual(self.sent().headers["x-end"], "1")
        self.assertEqual(self.sent().headers["content-type"], "text/xml")
        self.assertEqual(reply.headers["x-end"], "2")

    def test_via_is_added(self) -> None:
        """After the proxies before this one; also to the reply."""
        self.assertEqual(self.relays(1, OK).headers["via"], "1.1 proxy-1")
        self.assertEqual(self.sent().headers["via"], "1.1 proxy-1")
        self.relays(2, OK, Via="1.0 other")
        self.assertEqual(self.sent().headers["via"], "1.0 other, 1.1 proxy-1")

    def test_the_headers_of_the_call_are_those_of_this_hop(self) -> None:
        """Session and number are the proxy's own. Host and time are those of the attempt."""
        self.post(number=7, Call_Timeout_Ms="2000", Call_Attempt="2-3")
        self.post(Call_Idempotent="1", Call_Timeout_Ms="2000", Call_Attempt="2-3")
        one, idempotent = self.exchanges.requests
        self.assertNotEqual(one.headers["call-session"], self.session)
        self.assertEqual(one.call_number, "1-1")
        self.assertNotIn("call-idempotent", one.headers)
        self.assertEqual(idempotent.headers["call-idempotent"], "1")
        self.assertNotIn("call-session", idempotent.headers)
        self.assertIsNone(idempotent.call_number)
        for headers in (one.headers, idempotent.headers):
            self.assertEqual(headers["host"], "127.0.0.1:4242")
            self.assertEqual(headers["call-attempt"], "2-2")
            self.assertGreater(int(headers["call-timeout-ms"]), 0)
            self.assertLessEqual(int(headers["call-timeout-ms"]), 1000)
            self.assertNotIn("call-repeat", headers)

    def test_what_the_caller_wants_here_is_not_passed_on(self) -> None:
        """Its repeat is a first attempt for the server; its key is known here."""
        self.repeats(1, OK)
        self.assertNotIn("call-repeat", self.sent().headers)
        self.post(Idempotency_Key="a")
        self.assertNotIn("idempotency-key", self.sent().headers)
        self.assertEqual(self.sent().call_number, "1-1")

    def test_a_reply_has_its_server_and_the_number_of_its_attempt(self) -> None:
        """So all hops together stay within three attempts."""
        self.exchanges.results = [LOST, OK]
        reply = self.post(Call_Idempotent="1")
        self.assertEqual(reply.headers["served-by"], "s; incarnation=1; service=greeter")
        self.assertEqual(reply.headers["call-attempt"], "2")
        self.assertEqual(self.outcome(reply).made, 2)

    def test_a_reply_without_a_server_is_marked_by_the_proxy(self) -> None:
        """A foreign server does not say who it is. Without a mark it would be a stranger's."""
        reply = self.relays(1, answered())
        self.assertTrue(reply.headers["served-by"].startswith("proxy-1; "))
        self.assertIs(self.outcome(reply).outcome, Outcome.ANSWERED)

    def test_the_headers_of_this_hop_replace_those_of_the_server(self) -> None:
        """A strict parser refuses a reply that has one of them twice. Others mean another hop."""
        self.exchanges.results = [answered(Call_Attempt="1", Via="1.1 x", Sent_To="x",
                                           Call_Session="0" * 16, Call_Resolved="reply")]
        # Read by such a parser.
        reply = self.post(number=1)
        self.assertEqual(reply.headers["via"], "1.1 proxy-1")
        self.assertEqual(reply.headers["call-attempt"], "1")
        for name in ("sent-to", "call-session", "call-resolved"):
            self.assertNotIn(name, reply.headers)


class WithoutAnAnswer(RelayCase):
    """What the caller gets when no server has answered."""

    def test_without_a_live_server_it_is_not_executed(self) -> None:
        """503 with Not-Executed, at once."""
        self.knows()
        reply = self.relays(1, OK)
        self.not_executed(reply)
        self.assertIn(b"no live server", reply.body)
        self.tried()

    def test_when_all_servers_refuse_it_is_not_executed(self) -> None:
        """Each was asked once. The reply has the reason of the last one."""
        reply = self.relays(1, REFUSED)
        self.assertEqual(sorted(self.exchanges.tried), ["s1", "s2", "s3"])
        self.not_executed(reply)
        self.assertIn(b"connect: refused", reply.body)

    def test_a_server_that_gives_no_session_is_passed_over(self) -> None:
        """The call was not sent there: what became of the request for a session does not matter."""
        self.exchanges.opens = False
        for number, result in ((1, REFUSED), (2, LOST), (3, LATE)):
            self.exchanges.openings.clear()
            reply = self.relays(number, result)
            self.not_executed(reply)
            self.assertEqual(sorted(set(self.exchanges.openings)), ["s1", "s2", "s3"])

    def test_an_unknown_outcome_is_502_and_a_timeout_504(self) -> None:
        """With the number of attempts that may have run; never with Not-Executed."""
        for number, (result, status) in enumerate(((LOST, 502), (LATE, 504)), 1):
            reply = self.relays(number, result)
            self.assertEqual(reply.status, status)
            self.assertEqual(reply.headers["call-attempt"], "3")
            self.assertNotIn("not-executed", reply.headers)
            self.assertIs(self.outcome(reply).outcome, Outcome.UNKNOWN)

    def test_an_unknown_outcome_says_where_the_call_was_sent(self) -> None:
        """With the server's life, and session and number there: the caller may ask it itself."""
        reply = self.relays(1, LOST)
        place = Place.read(reply.headers["sent-to"], "greeter")
        assert place
        self.assertEqual(place.endpoint, endpoint("s1"))
        request = self.exchanges.requests[0]
        self.assertEqual((place.session_id, place.number),
                         (request.headers["call-session"], request.call_number))
        # An idempotent call was sent to several.
        self.exchanges.results = [LOST]
        self.assertNotIn("sent-to", self.post(Call_Idempotent="1").headers)

    def test_it_names_the_attempt_that_made_the_outcome_unknown(self) -> None:
        """And not a later one, which cannot have run."""
        reply = self.relays(1, LOST, REFUSED)
        self.assertEqual(reply.status, 502)
        self.assertIn(b"reply: reset", reply.body)
        self.assertNotIn(b"connect: refused", reply.body)
        self.assertIn("sent-to", reply.headers)

    def test_a_final_unknown_outcome_is_410(self) -> None:
        """The server knows nothing more of the call: a repeat here would learn nothing."""
        reply = self.relays(1, LOST, GONE)
        self.assertEqual(reply.status, 410)
        self.assertTrue(self.outcome(reply).is_final)
        self.tried("s1", "s1")

    def test_a_call_that_has_run_and_lost_its_reply_says_so(self) -> None:
        reply = self.relays(1, LOST, RAN)
        self.assertEqual(reply.status, 410)
        self.assertTrue(self.outcome(reply).ran)

    def test_a_function_that_is_not_idempotent_there_is_passed_up_at_once(self) -> None:
        """503 with Call-Idempotent: 0. Its caller would give the call a number; nobody else can."""
        self.exchanges.results = [NEEDS_CARE]
        reply = self.post(Call_Idempotent="1")
        self.not_executed(reply)
        self.assertTrue(self.outcome(reply).needs_care)
        self.tried("s1")

    def test_after_an_unknown_outcome_such_a_call_stays_unknown(self) -> None:
        """Another version of the service may have run it."""
        self.exchanges.results = [LOST, NEEDS_CARE]
        reply = self.post(Call_Idempotent="1")
        self.assertEqual(reply.status, 502)
        self.assertFalse(self.outcome(reply).needs_care)
        self.tried("s1", "s3")

    def test_such_a_reply_is_served_by_the_proxy(self) -> None:
        """Its Served-By names the proxy, since no server has made it."""
        served_by = f"proxy-1; incarnation={self.proxy.incarnation}; service=proxy"
        self.assertEqual(self.relays(1, REFUSED).headers["served-by"], served_by)
        self.assertEqual(self.relays(2, LOST).headers["served-by"], served_by)

    def test_after_its_time_a_call_is_sent_nowhere(self) -> None:
        """503 with Not-Executed. Its time runs from when the request was complete."""
        reply = self.relays(1, OK, timeout_s=0)
        self.not_executed(reply)
        self.tried()


class Attempts(RelayCase):
    """A proxy makes no more attempts than its caller grants, by Call-Attempt: first-last."""

    def makes(self, granted: str, *attempts: int) -> None:
        """Of these attempts, all of which are lost, the caller learns the number of the last.

        A server makes none of its own.
        """
        self.exchanges.requests.clear()
        self.exchanges.results = [LOST]
        with self.subTest(granted):
            reply = self.post(Call_Idempotent="1", Call_Attempt=granted)
            self.assertEqual(self.exchanges.headers("call-attempt"),
                             [f"{attempt}-{attempt}" for attempt in attempts])
            self.assertEqual(self.outcome(reply).made, attempts[-1])

    def test_it_makes_those_that_are_granted(self) -> None:
        """Never more than MAX_ATTEMPTS over all hops, whatever the caller says."""
        self.assertEqual(MAX_ATTEMPTS, 3)
        self.makes("1-3", 1, 2, 3)
        self.makes("1-2", 1, 2)
        self.makes("1-1", 1)
        self.makes("2-3", 2, 3)
        self.makes("3-3", 3)
        self.makes("1-9", 1, 2, 3)
        # Of an earlier version, which does not say what it grants.
        self.makes("2", 2, 3)

    def test_attempts_before_this_hop_count(self) -> None:
        """The third of three is the last one, and gets all of the remaining time."""
        self.exchanges.results = [LOST]
        self.post(Call_Timeout_Ms="1000", Call_Idempotent="1", Call_Attempt="3-3")
        attempt, = self.exchanges.attempts
        self.assertGreater(attempt.timeout_s, 0.9)


class Repeats(RelayCase):
    """A call that is not idempotent reaches no second server once the first may have run it."""

    def test_a_lost_reply_is_asked_for_at_the_same_server(self) -> None:
        """With the same session and number."""
        self.assertEqual(self.relays(1, LOST, OK).status, 200)
        self.tried("s1", "s1")
        request, repeat = self.exchanges.requests
        self.assertEqual(self.exchanges.headers("call-repeat"), [None, "1"])
        self.assertEqual(request.call_number, repeat.call_number)
        self.assertEqual(request.headers["call-session"], repeat.headers["call-session"])

    def test_an_idempotent_call_goes_to_another_server(self) -> None:
        """Its author has promised that it may run twice."""
        self.exchanges.results = [LOST, OK]
        self.assertEqual(self.post(Call_Idempotent="1").status, 200)
        self.tried("s1", "s3")

    def test_an_idempotent_call_has_no_route(self) -> None:
        """There is nothing to remember of it."""
        before = self.shared.memory.size_bytes
        self.exchanges.results = [OK]
        self.post(Call_Idempotent="1")
        self.assertEqual(self.shared.memory.size_bytes, before)
        self.relays(1, OK)
        self.assertGreater(self.shared.memory.size_bytes, before)

    def test_a_repeat_of_the_caller_goes_where_the_first_attempt_went(self) -> None:
        """The caller's session and number are those of this proxy; the server gets its own."""
        self.relays(1, LOST)
        self.relays(2, OK)
        self.exchanges.attempts.clear()
        first = self.exchanges.requests[0]
        self.repeats(1, OK)
        self.tried("s1")
        repeat = self.exchanges.requests[-1]
        self.assertEqual(repeat.headers["call-repeat"], "1")
        self.assertEqual(repeat.headers["call-session"], first.headers["call-session"])
        self.assertEqual(repeat.call_number, first.call_number)

    def test_a_late_original_goes_there_too(self) -> None:
        """It may have been held up on its way, and its repeat was faster."""
        self.relays(1, LOST)
        self.exchanges.attempts.clear()
        self.relays(1, OK)
        self.tried("s1")
        self.assertEqual(self.exchanges.requests[-1].headers["call-repeat"], "1")

    def test_a_reply_is_kept_and_no_server_is_asked_for_it_again(self) -> None:
        """For repeats, and for a late original. It is the first reply, to the byte."""
        first = self.relays(1, OK)
        self.assertEqual(self.repeats(1, LOST), first)
        self.assertEqual(self.relays(1, LOST), first)
        self.tried("s1")

    def test_a_repeat_whose_server_has_gone_stays_unknown(self) -> None:
        """That server is asked, though no registry names it any more; no other is."""
        self.relays(1, LOST)
        self.knows(endpoint("s2"), endpoint("s3"))
        self.exchanges.attempts.clear()
        reply = self.repeats(1, REFUSED)
        self.tried("s1")
        self.assertIs(self.outcome(reply).outcome, Outcome.UNKNOWN)
        self.assertIn("sent-to", reply.headers)
        # And not that it was refused: this attempt cannot have run.
        self.assertIn(b"another attempt of this call may have run", reply.body)

    def test_an_unknown_outcome_names_the_server_that_was_tried(self) -> None:
        """The stub asks it last. Also for an idempotent call, which has no number."""
        self.assertEqual(self.relays(0, LOST, Call_Idempotent="1",
                                     Call_Attempt="1-1").headers["call-tried"], "s1")

    def test_the_attempts_that_failed_are_told(self) -> None:
        """For people, so without characters that a terminal obeys, or that end a header."""
        call = self.begins(1)
        self.sends(call, "s1")
        self.comes_to(call, Result(Outcome.NOT_SENT, None, "connect: \u00e9\r\nrefused"))
        self.sends(call, "s3")
        self.comes_to(call, OK)
        self.assertEqual(self.ends(call).headers["failed-attempts"], "s1: connect: ???refused")

    def test_they_are_told_where_nobody_has_answered(self) -> None:
        unknown = self.relays(2, LOST).headers["failed-attempts"]
        self.assertEqual(unknown.count(": reply: reset"), 3, unknown)
        refused = self.relays(3, REFUSED).headers["failed-attempts"]
        self.assertEqual(refused.count(": connect: refused"), 3, refused)

    def test_a_call_without_a_failed_attempt_tells_of_none(self) -> None:
        """Not even if the server does."""
        told = OK._replace(reply=Reply(200, {"failed-attempts": "s9: lies"}, b"<value/>"))
        for number, result in enumerate((OK, told), 1):
            self.assertNotIn("failed-attempts", self.relays(number, result).headers)

    def test_what_was_refused_goes_nowhere_any_more(self) -> None:
        """Its caller was told that it was not sent. Then a second copy of the request comes."""
        self.assertEqual(self.relays(1, REFUSED).status, 503)
        self.exchanges.attempts.clear()
        self.assertEqual(self.relays(1, OK).status, 410)
        self.assertEqual(self.repeats(1, OK).headers["call-resolved"], "dead")
        self.tried()

    def test_a_repeat_of_an_unknown_session_goes_nowhere(self) -> None:
        """410 rather than a guess. An original gets a new session instead."""
        self.shared.memory = Memory(max_sessions=1)
        dropped = self.shared.memory.open()
        self.relays(1, OK, session=dropped)
        self.session = self.shared.memory.open()
        reply = self.repeats(1, OK, session=dropped)
        self.assertEqual(reply.status, 410)
        self.assertTrue(self.outcome(reply).is_final)
        self.assertEqual(self.relays(2, OK).status, 200)
        late = self.relays(1, OK, session=dropped)
        self.not_executed(late)
        self.assertRegex(late.headers["call-session"], "^[0-9a-f]{16}$")
        self.tried("s1", "s2")

    def test_when_the_reply_was_dropped_it_is_known_that_the_call_ran(self) -> None:
        """No server is asked: this proxy has had the reply, and so the call's number has ended."""
        self.relays(1, OK)
        self.shared.memory.drop_reply()
        reply = self.repeats(1, OK)
        self.assertEqual(reply.status, 410)
        self.assertTrue(self.outcome(reply).ran)
        self.tried("s1")

    def test_a_repeat_takes_the_call_over(self) -> None:
        """Its caller has given up the first attempt, so that one goes to no other server."""
        first = self.begins(1)
        self.sends(first, "s1")
        repeat = self.begins(1, Call_Repeat="1", Call_Attempt="2-3")
        self.assertEqual(self.sends(repeat, "s1").headers["call-repeat"], "1")
        self.comes_to(repeat, OK)
        self.comes_to(first, REFUSED)
        self.assertEqual(self.ends(repeat).status, 200)
        self.assertIs(self.outcome(self.ends(first)).outcome, Outcome.UNKNOWN)

    def test_any_later_attempt_takes_the_call_over(self) -> None:
        """Also a late original, and the question what came of the call."""
        for number, headers in ((1, {}), (2, {"Call_Resolve": "1"}), (3, {"Call_Repeat": "1"})):
            with self.subTest(headers):
                self.knows(endpoint("s1"), endpoint("s2"))
                first = self.begins(number)
                assert first.place
                self.begins(number, **headers)
                self.comes_to(first, REFUSED)
                self.assertIs(self.outcome(self.ends(first)).outcome, Outcome.UNKNOWN)

    def test_an_attempt_that_was_taken_over_does_not_say_that_the_call_did_not_run(self) -> None:
        """It went nowhere itself, but the later attempt may run it: as with a foreign client that
        sends one key twice at once."""
        first = self.begins(None, Idempotency_Key="a")
        self.comes_to(first, REFUSED)
        self.sends(first, "s3")
        second = self.begins(None, Idempotency_Key="a")
        self.comes_to(first, REFUSED)
        reply = self.ends(first)
        self.assertNotIn("not-executed", reply.headers)
        self.assertEqual(reply.status, 502)
        self.sends(second, "s3")

    def test_what_becomes_of_an_earlier_attempt_does_not_change_the_route(self) -> None:
        """It was refused. But the later one has gone the same way, and may have run there."""
        first = self.begins(1)
        self.sends(first, "s1")
        repeat = self.begins(1, Call_Repeat="1")
        self.comes_to(first, REFUSED)
        self.sends(self.begins(1, Call_Repeat="1"), "s1")
        question = self.begins(1, Call_Resolve="1")
        self.sends(question, "s1")
        self.comes_to(repeat, OK)
        self.assertEqual(self.ends(repeat).status, 200)

    def test_a_session_is_not_dropped_while_a_repeat_is_on_its_way(self) -> None:
        """Afterwards it may be dropped like any other."""
        self.shared.memory = Memory(max_sessions=1)
        self.session = self.shared.memory.open()
        self.relays(1, LOST)
        repeat = self.begins(1, Call_Repeat="1")
        self.assertFalse(self.shared.memory.drop_session())
        self.comes_to(repeat, OK)
        self.assertEqual(self.ends(repeat).status, 200)
        self.assertTrue(self.shared.memory.drop_session())

    def test_an_answer_that_comes_to_an_earlier_attempt_is_kept(self) -> None:
        """Its caller does not wait for it any more, but the next repeat gets it."""
        first = self.begins(1)
        repeat = self.begins(1, Call_Repeat="1")
        self.comes_to(first, OK)
        self.comes_to(repeat, LOST)
        self.assertEqual(self.ends(first).status, 200)
        self.assertEqual(self.repeats(1).body, b"<value/>")

    def test_dead_is_passed_up_and_never_tried_elsewhere(self) -> None:
        """Somebody has asked the server what came of the call, and it never will run."""
        self.relays(1, LOST)
        self.exchanges.attempts.clear()
        reply = self.repeats(1, DEAD)
        self.tried("s1")
        self.assertEqual(reply.status, 410)
        self.assertEqual(reply.headers["call-resolved"], "dead")
        # From now on the proxy knows it itself.
        self.assertEqual(self.repeats(1, OK).headers["call-resolved"], "dead")
        self.assertEqual(self.relays(1, OK).status, 410)
        self.tried("s1")


class Resolving(RelayCase):
    """What came of a call: the server on the route is asked, and nobody else."""

    def asked_at(self, *servers: str) -> None:
        """So far these servers were asked what came of a call."""
        self.assertEqual([place.endpoint.instance for place in self.questions.places],
                         list(servers))

    def test_the_server_on_the_route_is_asked(self) -> None:
        """With the proxy's session and number there. The caller gets the first reply."""
        self.relays(1, LOST)
        reply = self.resolves(1, RESOLVED)
        self.asked_at("s1")
        place, = self.questions.places
        first = self.exchanges.requests[0]
        self.assertEqual((place.session_id, place.number),
                         (first.headers["call-session"], first.call_number))
        self.assertEqual(reply.headers["call-resolved"], "reply")
        self.assertEqual(reply.body, b"<value/>")
        # It is kept.
        self.assertEqual(self.resolves(1, LOST).body, b"<value/>")
        self.asked_at("s1")

    def test_a_call_that_never_came_is_dead(self) -> None:
        """No server is asked: none ever got it. It goes nowhere when it comes at last."""
        self.assertEqual(self.resolves(1, OK).headers["call-resolved"], "dead")
        late = self.relays(1, OK)
        self.assertEqual(late.status, 410)
        self.assertEqual(self.repeats(1, OK).headers["call-resolved"], "dead")
        self.asked_at()
        self.tried()

    def test_a_call_that_was_sent_nowhere_is_dead(self) -> None:
        """All servers had refused it."""
        self.relays(1, REFUSED)
        self.assertEqual(self.resolves(1, OK).headers["call-resolved"], "dead")
        self.assertEqual(self.repeats(1, OK).headers["call-resolved"], "dead")
        self.asked_at()

    def test_a_call_that_a_server_is_just_refusing_goes_to_no_other_one(self) -> None:
        """It is not dead yet, since it may be at that server. Afterwards it is."""
        first = self.begins(1)
        self.comes_to(first, REFUSED)
        # Between two servers there is no attempt. This test stops it while one is on its way.
        self.sends(first, "s3")
        question = self.begins(1, Call_Resolve="1")
        self.sends(question, "s3")
        self.comes_to(first, REFUSED)
        self.ends(first)
        self.comes_to(question, DEAD)
        self.assertEqual(self.ends(question).headers["call-resolved"], "dead")

    def test_dead_at_the_server_is_dead_here(self) -> None:
        """It is noted here too: the server is asked once."""
        self.relays(1, LOST)
        self.assertEqual(self.resolves(1, DEAD).headers["call-resolved"], "dead")
        self.assertEqual(self.resolves(1, LOST).headers["call-resolved"], "dead")
        self.assertEqual(self.relays(1, OK).status, 410)
        self.asked_at("s1")

    def test_when_the_server_cannot_be_asked_it_may_tell_later(self) -> None:
        """504 without a word, but with the place: the caller asks again."""
        self.relays(1, LOST)
        reply = self.resolves(1, LATE)
        self.assertEqual(reply.status, 504)
        self.assertNotIn("call-resolved", reply.headers)
        self.assertIn("s1; incarnation=1;", reply.headers["sent-to"])
        self.assertEqual(self.resolves(1, RESOLVED).headers["call-resolved"], "reply")

    def test_when_nobody_will_ever_know_it_says_unknown(self) -> None:
        """The server's life has gone, or has forgotten. Also if it still knows that it ran."""
        for number, result in enumerate((GONE, RAN), 1):
            self.relays(number, LOST)
            reply = self.resolves(number, result)
            self.assertEqual(reply.status, 410)
            self.assertEqual(reply.headers["call-resolved"], "unknown")
            self.assertEqual("call-ran" in reply.headers, result.ran)
            self.assertIn("sent-to", reply.headers)

    def test_a_call_that_ends_meanwhile_is_no_error(self) -> None:
        """Its reply comes to the first attempt, just before the server is asked."""
        first = self.begins(1)
        question = self.begin("/greeter", number=1, Call_Resolve="1")
        self.comes_to(first, OK)
        self.ends(first)
        assert not isinstance(question, Reply)
        asked = Led(question)
        self.sends(asked, "s1")
        self.comes_to(asked, RESOLVED)
        self.assertEqual(self.ends(asked).body, b"<value/>")

    def test_a_session_is_not_dropped_while_its_call_is_asked_for(self) -> None:
        self.shared.memory = Memory(max_sessions=1)
        self.session = self.shared.memory.open()
        first = self.begins(1)
        self.comes_to(first, LOST)
        while first.reply is None:
            self.comes_to(first, LOST)
        question = self.begins(1, Call_Resolve="1")
        self.shared.memory.open()
        self.comes_to(question, LATE)
        self.assertEqual(self.ends(question).status, 504)
        self.sends(self.begins(1, Call_Repeat="1"), "s1")


class Numbers(RelayCase):
    """The numbers of the proxy at a server stay open as long as a route needs them."""

    def setUp(self) -> None:
        super().setUp()
        self.knows(endpoint("s1"))

    def sent_number(self, number: int, *results: Result, **options: Any) -> str | None:
        """The Call-Number of the latest attempt of a call that comes to these results."""
        self.relays(number, *results, **options)
        return self.exchanges.numbers[-1]

    def test_a_call_that_was_answered_has_ended(self) -> None:
        """The proxy keeps its reply, so the server need not."""
        self.assertEqual([self.sent_number(number, OK) for number in (1, 2, 3)],
                         ["1-1", "2-2", "3-3"])

    def test_an_unknown_outcome_keeps_its_number_open_while_its_route_is_kept(self) -> None:
        """Its caller may ask, and the server must still know."""
        self.sent_number(1, LOST)
        self.assertEqual(self.sent_number(2, OK), "2-1")
        self.assertEqual(self.sent_number(3, OK), "3-1")
        # The caller has ended with call number 1.
        self.assertEqual(self.sent_number(4, OK, oldest=4), "4-4")

    def test_a_resolved_call_has_ended(self) -> None:
        """Whether it has run, or is dead."""
        for first, result in ((1, RESOLVED), (3, DEAD)):
            self.sent_number(first, LOST)
            self.resolves(first, result)
            self.assertEqual(self.sent_number(first + 1, OK), f"{first + 1}-{first + 1}")

    def test_a_session_that_is_dropped_ends_its_routes(self) -> None:
        """Its caller gets "unknown" for all of them."""
        self.sent_number(1, LOST)
        self.assertTrue(self.shared.memory.drop_session())
        self.session = self.shared.memory.open()
        self.assertEqual(self.sent_number(1, OK), "2-2")

    def test_a_server_that_does_not_know_the_session_gives_another(self) -> None:
        """It has dropped it, or it is another life on the same port. The call has not run there."""
        self.relays(1, OK)
        self.relays(2, gives_session("abcdabcdabcdabcd"), OK)
        self.assertEqual(self.exchanges.headers("call-session")[-1], "abcdabcdabcdabcd")
        self.assertEqual(self.exchanges.numbers, ["1-1", "2-2", "1-1"])
        self.assertEqual(self.exchanges.headers("call-repeat"), [None] * 3)

    def test_no_cycle_of_objects_keeps_a_number_open(self) -> None:
        """It ends with its route, and not when the garbage collector runs."""
        gc.disable()
        self.addCleanup(gc.enable)
        self.sent_number(1, LOST)
        self.assertEqual(self.sent_number(2, LOST, oldest=2), "2-2")


class Forgetful(RelayCase):
    """Servers that remember no calls, such as a foreign one behind a sidecar."""

    def setUp(self) -> None:
        super().setUp()
        self.knows(endpoint("f1", remembers=False), endpoint("f2", remembers=False))

    def test_a_call_goes_there_as_that_of_a_stock_client(self) -> None:
        """Without a session; its reply is kept here."""
        first = self.relays(1, answered())
        request, = self.exchanges.requests
        self.assertNotIn("call-session", request.headers)
        self.assertIsNone(request.call_number)
        self.assertEqual(self.exchanges.openings, [])
        self.assertEqual(self.repeats(1, LOST).body, first.body)
        self.tried("f1")

    def test_it_is_asked_at_its_own_path(self) -> None:
        """Whatever path its caller has taken; the next one at its own, or at the caller's."""
        self.knows(endpoint("f1", remembers=False, path="/xmlrpc.php?a=1"),
                   endpoint("f2", remembers=False))
        self.relays(1, REFUSED, answered())
        self.assertEqual([request.target for request in self.exchanges.requests],
                         ["/xmlrpc.php?a=1", "/greeter"])

    def test_one_that_refuses_is_passed_over(self) -> None:
        self.assertEqual(self.relays(1, REFUSED, answered()).status, 200)
        self.tried("f1", "f2")

    def test_an_unknown_outcome_is_final(self) -> None:
        """410: nobody can ever know. It goes nowhere else, whatever its caller sends."""
        for result in (LOST, LATE):
            with self.subTest(result.what):
                self.exchanges.attempts.clear()
                self.session = self.shared.memory.open()
                reply = self.relays(1, result)
                self.assertEqual(reply.status, 410)
                self.assertTrue(self.outcome(reply).is_final)
                self.assertNotIn("sent-to", reply.headers)
                self.assertEqual(self.repeats(1, OK).status, 410)
                self.assertEqual(self.relays(1, OK).status, 410)
                self.assertEqual(len(self.exchanges.attempts), 1)

    def test_it_cannot_be_resolved(self) -> None:
        """It is never told that the call did not run."""
        self.relays(1, LOST)
        reply = self.resolves(1, DEAD)
        self.assertEqual(reply.status, 410)
        self.assertEqual(reply.headers["call-resolved"], "unknown")
        self.assertEqual(self.questions.places, [])

    def test_while_it_is_on_its_way_nothing_can_be_told(self) -> None:
        """A repeat goes nowhere. Once the reply has come, it is kept."""
        first = self.begins(1)
        self.sends(first, "f1")
        for headers in ({"Call_Repeat": "1"}, {"Call_Resolve": "1"}, {}):
            reply = self.ends(self.begins(1, **headers))
            self.assertIs(self.outcome(reply).outcome, Outcome.UNKNOWN)
            self.assertNotEqual(reply.headers.get("call-resolved"), "dead")
        self.comes_to(first, OK)
        self.assertEqual(self.ends(first).status, 200)
        self.assertEqual(self.resolves(1).headers["call-resolved"], "reply")

    def test_a_stock_client_is_told_the_same(self) -> None:
        """Without a repeat."""
        self.exchanges.results = [LOST]
        self.assertIs(self.outcome(self.post()).outcome, Outcome.UNKNOWN)
        self.tried("f1")


class Stock(RelayCase):
    """A stock client sends neither a session nor a number. Its call runs once at most all the same.
    """

    def test_its_call_has_a_number_of_the_proxy(self) -> None:
        """So a lost reply is asked for at the same server."""
        self.exchanges.results = [LOST, OK]
        self.assertEqual(self.post().status, 200)
        self.assertEqual(self.exchanges.numbers, ["1-1", "1-1"])
        self.tried("s1", "s1")

    def test_its_number_ends_with_the_call(self) -> None:
        """Nobody can ask for it any more, whatever it came to."""
        self.knows(endpoint("s1"))
        for number, result in enumerate((LOST, OK, LOST, OK), 1):
            self.exchanges.results = [result]
            self.post()
            self.assertEqual(self.exchanges.numbers[-1], f"{number}-{number}")

    def test_each_request_is_a_call_of_its_own(self) -> None:
        before = self.shared.memory.size_bytes
        self.post()
        self.post()
        self.tried("s1", "s2")
        self.assertEqual(self.shared.memory.size_bytes, before)


class ForeignKeys(RelayCase):
    """An Idempotency-Key of a client that has no session."""

    def test_the_same_body_gets_the_same_reply(self) -> None:
        """It goes to a server once. Another key is another call."""
        first = self.post(Idempotency_Key="a")
        self.assertEqual(self.post(Idempotency_Key="a"), first)
        self.tried("s1")
        self.post(Idempotency_Key="b")
        self.tried("s1", "s2")

    def test_another_body_is_refused(self) -> None:
        """422, and nothing goes on."""
        self.post(Idempotency_Key="a")
        self.assertEqual(self.post(Idempotency_Key="a", body=b"<other/>").status, 422)
        self.tried("s1")

    def test_after_an_unknown_outcome_it_goes_the_same_way(self) -> None:
        self.exchanges.results = [LOST]
        self.post(Idempotency_Key="a")
        self.exchanges.attempts.clear()
        self.exchanges.results = [OK]
        self.assertEqual(self.post(Idempotency_Key="a").status, 200)
        self.tried("s1")
        self.assertEqual(self.exchanges.requests[-1].headers["call-repeat"], "1")


if __name__ == "__main__":
    unittest.main()
