"""The memory of a server: a call with a number runs at most once, and its repeats get its reply."""

from __future__ import annotations

import time
import unittest
from unittest import mock

import execution
from ponte.calls.attempt import Outcome
from ponte.calls.hop import MAX_TIMEOUT_S
from ponte.calls.once import RECORD_BYTES, SESSION_BYTES, Memory
from ponte.net.message import Reply
from ponte.rpc.marshal import decode_result, encode_call
from tests.fakes import Clock, eventually, hurry_listeners
from tests.serving import PATIENCE_S, ServerTest

# A session that no server has given out.
STRANGE = "00000000deadbeef"
# Seconds. Much longer than any memory by age would be.
LATE_S = 10_000_000.0


def setUpModule() -> None:
    hurry_listeners()


class Sessions(ServerTest):
    """A session that is not known here runs nothing."""

    def is_unknown(self, reply: Reply, word: str) -> None:
        """410: nothing is known of the call, and no repeat would learn more."""
        self.assertEqual(reply.status, 410)
        self.assertIn(word.encode(), reply.body)
        result = self.outcome(reply)
        self.assertIs(result.outcome, Outcome.UNKNOWN)
        self.assertTrue(result.is_final)

    def test_a_request_for_a_session_gets_one_and_runs_nothing(self) -> None:
        """Each time another one. Calls in it run."""
        first, second = (self.post(None, Call_Session="new", body=b"") for _ in range(2))
        for reply in (first, second):
            self.assertEqual(reply.status, 503)
            self.assertIs(self.outcome(reply).outcome, Outcome.NOT_SENT)
            self.assertRegex(reply.headers["call-session"], "^[0-9a-f]{16}$")
        self.assertNotEqual(first.headers["call-session"], second.headers["call-session"])
        self.has_deposited(0)
        self.assertEqual(self.post(1, session=first.headers["call-session"]).status, 200)
        self.has_deposited(100)

    def test_an_original_of_an_unknown_session_is_refused_and_gets_a_session(self) -> None:
        """It may be late, or for another process: it does not run. Its caller sends it anew."""
        reply = self.post(session=STRANGE)
        self.assertIs(self.outcome(reply).outcome, Outcome.NOT_SENT)
        self.has_deposited(0)
        session = self.outcome(reply).session
        self.assertNotEqual(session, STRANGE)
        self.assertEqual(self.post(session=session).status, 200)
        self.has_deposited(100)

    def test_a_repeat_of_an_unknown_session_is_unknown(self) -> None:
        """410, without a session: the first attempt may have run in another life."""
        reply = self.repeat(session=STRANGE)
        self.is_unknown(reply, "nothing is known")
        self.assertNotIn("call-session", reply.headers)
        self.has_deposited(0)

    def test_a_resolve_of_an_unknown_session_is_unknown(self) -> None:
        """410 with that word."""
        reply = self.resolve(session=STRANGE)
        self.is_unknown(reply, "nothing is known")
        self.assertEqual(reply.headers["call-resolved"], "unknown")

    def test_a_session_of_another_form_is_refused(self) -> None:
        """400; so is a number that is none, or that has no session."""
        for session in ("x", "*", STRANGE.upper(), STRANGE + "0"):
            self.assertEqual(self.post(session=session).status, 400)
        self.assertEqual(self.post(1, oldest=2).status, 400)
        self.assertEqual(self.post(0, oldest=0).status, 400)
        self.assertEqual(self.post(None, Call_Session=STRANGE).status, 400)
        self.assertEqual(self.post(None, Call_Repeat="1").status, 400)
        self.assertEqual(self.post(None, Call_Resolve="1", body=b"").status, 400)
        self.has_deposited(0)

    def test_a_repeat_of_an_earlier_version_is_refused(self) -> None:
        """412, and nothing runs: by If-Match it says that its first attempt may have run."""
        for expected in ('"1"', '"x"', "*", '""'):
            self.assertEqual(self.post(None, If_Match=expected).status, 412)
        self.has_deposited(0)

    def test_what_the_caller_has_ended_never_runs(self) -> None:
        """410 for a late original. A late repeat learns nothing."""
        self.post(1)
        self.post(5, oldest=4)
        for number in (1, 2, 3):
            self.is_unknown(self.post(number), "never runs")
            self.is_unknown(self.repeat(number), "nothing is known")
        self.has_deposited(200)
        self.post(4, oldest=4)
        self.has_deposited(300)


class ReplyMemory(ServerTest):
    """A call with a number runs once in the life of a server."""

    def test_a_repeat_gets_the_first_reply(self) -> None:
        """And so does a second original. The function has run once."""
        first = self.post()
        self.assertEqual(self.post(), first)
        self.assertEqual(self.repeat(), first)
        self.has_deposited(100)
        self.assertEqual(decode_result(first.body), 100)

    def test_another_number_is_another_call(self) -> None:
        self.post(1)
        self.post(2)
        self.has_deposited(200)

    def test_another_session_is_another_caller(self) -> None:
        """The same number of two callers is two calls."""
        self.post(1)
        self.post(1, session=self.server._executions._memory.open())
        self.has_deposited(200)

    def test_every_request_without_a_number_is_a_call_of_its_own(self) -> None:
        """A stock client sends none."""
        self.post(None)
        self.post(None)
        self.has_deposited(200)

    def test_idempotent_calls_are_not_remembered(self) -> None:
        """They may run a second time; the memory is for those that may not."""
        before = self.server.status()["remembered_bytes"]
        for _ in range(3):
            self.post(None, body=encode_call("count", ()), Call_Idempotent="1")
        self.has_deposited(300)
        self.assertEqual(self.server.status()["remembered_bytes"], before)

    def test_a_fault_is_a_first_reply_too(self) -> None:
        """The function has run, though it raised."""
        body = encode_call("deposit", ("text",))
        self.assertEqual(self.post(body=body), self.post(body=body))
        self.counts(calls=1, repeats=1, refused=0)

    def test_a_repeat_waits_while_the_first_attempt_runs(self) -> None:
        """Then it gets the same reply."""
        let_it_end = self.begins_to_run()
        repeat = self.in_thread(self.repeat)
        self.assertEqual(let_it_end(), repeat())
        self.has_deposited(100)

    def test_a_waiting_repeat_goes_on_when_the_first_attempt_ends(self) -> None:
        """At once, and not when its own time is over."""
        let_it_end = self.begins_to_run()
        repeat = self.in_thread(lambda: self.repeat(timeout_ms=60_000))
        eventually(lambda: self.server._executions._counts["repeats"] == 1)
        first = let_it_end()
        self.assertEqual(repeat(), first)
        self.counts(calls=1, repeats=1)

    def test_several_repeats_wait_for_one_reply(self) -> None:
        """Of one call, which runs once."""
        let_it_end = self.begins_to_run()
        repeats = [self.in_thread(self.repeat) for _ in range(5)]
        eventually(lambda: self.server._executions._counts["repeats"] == 5)
        first = let_it_end()
        self.assertEqual([repeat() for repeat in repeats], [first] * 5)
        self.has_deposited(100)

    def test_a_repeat_waits_no_longer_than_its_caller(self) -> None:
        """504: the outcome is still unknown."""
        self.begins_to_run()
        reply = self.repeat(timeout_ms=10)
        self.assertEqual(reply.status, 504)
        self.assertIs(self.outcome(reply).outcome, Outcome.UNKNOWN)

    def test_a_repeat_without_a_timeout_waits_no_longer_than_any_caller_may(self) -> None:
        """Then 504. Without a limit, it would wait as long as the function runs."""
        self.begins_to_run()
        now = time.monotonic()
        waiting, deadline = self.waits(self.request(), now)
        self.assertAlmostEqual(deadline, now + MAX_TIMEOUT_S, delta=PATIENCE_S)
        self.assertEqual(self.expires(waiting).status, 504)

    def test_a_repeat_whose_first_attempt_never_came_runs(self) -> None:
        """There is nothing of it here, and nothing was dropped: it has not run."""
        self.assertEqual(self.repeat().status, 200)
        self.has_deposited(100)
        # The original comes late.
        self.post()
        self.has_deposited(100)

    def test_a_call_of_a_session_that_was_dropped_does_not_run(self) -> None:
        """Its caller learns that the outcome is unknown. New calls are not affected."""
        self.server._executions._memory = Memory(max_sessions=1)
        dropped = self.server._executions._memory.open()
        self.post(1, session=dropped)
        kept = self.server._executions._memory.open()
        self.assertEqual(self.repeat(1, session=dropped).status, 410)
        self.assertEqual(self.post(1, session=kept).status, 200)
        self.assertEqual(self.post(1, session=dropped).status, 503)
        self.has_deposited(200)

    def test_when_a_reply_was_dropped_it_is_still_known_that_the_call_ran(self) -> None:
        """410 with Call-Ran, for a repeat and for a late original. It runs no second time."""
        self.post()
        self.assertTrue(self.server._executions._memory.drop_reply())
        for reply in (self.repeat(), self.post()):
            self.assertEqual(reply.status, 410)
            result = self.outcome(reply)
            self.assertIs(result.outcome, Outcome.UNKNOWN)
            self.assertTrue(result.ran)
        self.has_deposited(100)

    def test_a_call_that_was_refused_never_runs(self) -> None:
        """Its caller was told that it was not sent. Then a second copy of its request comes."""
        late = self.post(Call_Timeout_Ms="1", received_at=time.monotonic() - 1)
        self.assertEqual(late.status, 503)
        self.assertEqual(self.post(Call_Timeout_Ms="1000").status, 410)
        for reply in (self.repeat(), self.resolve(1)):
            self.assertEqual(reply.headers["call-resolved"], "dead")
        self.has_deposited(0)

    def test_a_call_that_still_runs_is_not_forgotten(self) -> None:
        """However many callers come in between: no repeat runs beside it."""
        self.server._executions._memory = Memory(max_sessions=1)
        self.session = self.server._executions._memory.open()
        let_it_end = self.begins_to_run()
        for _ in range(3):
            self.server._executions._memory.open()
        repeat, _ = self.waits(self.request(Call_Repeat="1", Call_Timeout_Ms="10"),
                               time.monotonic())
        self.assertEqual(self.expires(repeat).status, 504)
        self.assertEqual(let_it_end().status, 200)
        self.has_deposited(100)

    def test_a_reply_is_not_dropped_by_age(self) -> None:
        """However late the repeat comes, and however many calls come in between."""
        clock = Clock(time.monotonic())
        with mock.patch.object(execution, "time", clock):
            first = self.post(1, Call_Timeout_Ms="10", received_at=clock.now)
            clock.now += LATE_S
            self.post(2, received_at=clock.now)
            self.assertEqual(self.repeat(1, received_at=clock.now), first)
            self.assertEqual(self.post(1, received_at=clock.now), first)
        self.has_deposited(200)

    def test_a_reply_counts_with_its_size(self) -> None:
        """So the memory of a server has a bound in bytes. What its caller has ended is dropped."""
        reply = self.post()
        self.assertEqual(self.server._executions._memory.size_bytes,
                         SESSION_BYTES + RECORD_BYTES + len(reply.body))
        self.resolve(2, oldest=2)
        self.assertEqual(self.server._executions._memory.size_bytes, SESSION_BYTES + RECORD_BYTES)

    def test_an_exit_inside_a_function_leaves_no_repeat_waiting(self) -> None:
        """Whatever a function raises, its repeat gets a reply."""
        def leave(cents: int) -> int:
            raise SystemExit(1)

        self.server.register_function(leave)
        body = encode_call("leave", (1,))
        try:
            self.post(body=body)
        except SystemExit:
            # The tests of the dispatcher show that it comes through.
            pass
        self.assertEqual(self.repeat(body=body, timeout_ms=10).status, 200)


class Resolving(ServerTest):
    """What came of a call? Its caller does not want it to run any more."""

    def is_dead(self, reply: Reply) -> None:
        """The call has not run, and never will."""
        self.assertEqual(reply.headers["call-resolved"], "dead")
        self.assertIn(b"it has not run, and never will", reply.body)

    def test_a_call_that_never_came_is_dead(self) -> None:
        """It is refused when it comes at last, and so is its repeat. A second question agrees."""
        self.is_dead(self.resolve())
        late = self.post()
        self.assertEqual(late.status, 410)
        self.assertIn(b"never runs", late.body)
        self.is_dead(self.repeat())
        self.is_dead(self.resolve())
        self.has_deposited(0)

    def test_a_call_that_has_run_tells_its_reply(self) -> None:
        """The first one, also if it is a fault. It counts as an answer only with its mark."""
        first = self.post(1)
        resolved = self.resolve(1)
        self.assertEqual(resolved.headers["call-resolved"], "reply")
        self.assertEqual(resolved.body, first.body)
        wrong = encode_call("deposit", ("text",))
        self.assertEqual(self.post(2, body=wrong).body, self.resolve(2).body)
        # The reply that is kept has no such mark.
        self.assertEqual(self.repeat(1), first)
        self.has_deposited(100)

    def test_while_the_call_runs_it_waits_for_the_reply(self) -> None:
        let_it_end = self.begins_to_run()
        resolved = self.in_thread(self.resolve)
        eventually(lambda: self.server._executions._counts["repeats"] == 1)
        first = let_it_end()
        self.assertEqual(resolved().body, first.body)
        self.assertEqual(resolved().headers["call-resolved"], "reply")
        self.has_deposited(100)

    def test_it_waits_no_longer_than_its_caller(self) -> None:
        """504, without a word: the server may tell later. The call goes on."""
        let_it_end = self.begins_to_run()
        reply = self.resolve(timeout_ms=10)
        self.assertEqual(reply.status, 504)
        self.assertNotIn("call-resolved", reply.headers)
        let_it_end()
        self.assertEqual(self.resolve().headers["call-resolved"], "reply")

    def test_when_the_reply_was_dropped_it_says_that_the_call_ran(self) -> None:
        """That is all that anybody will ever know."""
        self.post()
        self.server._executions._memory.drop_reply()
        reply = self.resolve()
        self.assertEqual(reply.headers["call-ran"], "1")
        self.assertEqual(reply.headers["call-resolved"], "unknown")

    def test_what_the_caller_has_ended_is_unknown(self) -> None:
        self.post(2, oldest=2)
        self.assertEqual(self.resolve(1).headers["call-resolved"], "unknown")

    def test_it_begins_nothing_and_needs_no_room(self) -> None:
        """It is answered where a call would be refused: its caller has left, its time is over."""
        self.server._executions._running = execution.MAX_CALLS
        self.is_dead(self.resolve(1))
        self.is_dead(self.resolve(2, left=True))
        self.is_dead(self.resolve(3, timeout_ms=1, received_at=time.monotonic() - 1))
        self.counts(calls=0, refused=0)


class Draining(ServerTest):
    """A server that is stopping: no other one remembers what has run here."""

    def setUp(self) -> None:
        super().setUp()
        self.first = self.post(1)
        self.server._executions.stop()

    def test_it_still_answers_repeats(self) -> None:
        self.assertEqual(self.repeat(1), self.first)

    def test_it_still_resolves(self) -> None:
        """What has run, and what has not."""
        self.assertEqual(self.resolve(1).body, self.first.body)
        self.assertEqual(self.resolve(2).headers["call-resolved"], "dead")

    def test_a_repeat_still_waits_for_a_call_that_runs(self) -> None:
        self.server._executions._is_stopping = False
        let_it_end = self.begins_to_run(2)
        self.server._executions.stop()
        repeat = self.in_thread(lambda: self.repeat(2))
        self.assertEqual(let_it_end(), repeat())

    def test_it_begins_nothing(self) -> None:
        """Neither an original, nor a repeat that it has not seen."""
        for reply in (self.post(2), self.repeat(3), self.post(None)):
            self.assertIs(self.outcome(reply).outcome, Outcome.NOT_SENT)
        self.has_deposited(100)
        self.counts(refused=3)

    def test_it_gives_out_no_session(self) -> None:
        """Nor to an original whose session it does not know: nothing can begin in it."""
        sessions = self.server.status()["sessions"]
        for reply in (self.post(None, Call_Session="new", body=b""), self.post(session=STRANGE)):
            self.assertIs(self.outcome(reply).outcome, Outcome.NOT_SENT)
            self.assertNotIn("call-session", reply.headers)
        self.assertEqual(self.server.status()["sessions"], sessions)


class ForeignKeys(ServerTest):
    """An Idempotency-Key of a client that has no session: a weaker promise, by the key alone."""

    def test_the_same_body_gets_the_same_reply(self) -> None:
        """The call runs once. Another key is another call."""
        first = self.post(None, Idempotency_Key="a")
        self.assertEqual(self.post(None, Idempotency_Key="a"), first)
        self.has_deposited(100)
        self.post(None, Idempotency_Key="b")
        self.has_deposited(200)

    def test_another_body_is_refused(self) -> None:
        """422, and nothing runs: that client uses one key for two calls."""
        self.post(None, Idempotency_Key="a")
        reply = self.post(None, Idempotency_Key="a", body=encode_call("deposit", (7,)))
        self.assertEqual(reply.status, 422)
        self.has_deposited(100)

    def test_the_second_request_waits_while_the_first_one_runs(self) -> None:
        let_it_end = self.begins_to_run(None, Idempotency_Key="a")
        second = self.in_thread(lambda: self.post(None, Idempotency_Key="a"))
        eventually(lambda: self.server._executions._counts["repeats"] == 1)
        self.assertEqual(let_it_end(), second())
        self.has_deposited(100)

    def test_a_key_is_no_session(self) -> None:
        """A client cannot take the place of another one by the id of its session."""
        self.post(1)
        self.post(None, Idempotency_Key=self.session)
        self.has_deposited(200)

    def test_a_bad_key_is_refused(self) -> None:
        """400, and nothing runs."""
        self.assertEqual(self.post(None, Idempotency_Key="").status, 400)
        self.assertEqual(self.post(None, Idempotency_Key="a" * 129).status, 400)
        self.has_deposited(0)


class SessionsOnThreads(Sessions):
    """The same, where a thread of its own runs each call."""

    engine = "threads"


class ReplyMemoryOfThreads(ReplyMemory):
    """The same, where a thread of its own runs each call."""

    engine = "threads"


class ResolvingOnThreads(Resolving):
    """The same, where a thread of its own runs each call."""

    engine = "threads"


class DrainingOnThreads(Draining):
    """The same, where a thread of its own runs each call."""

    engine = "threads"


class ForeignKeysOnThreads(ForeignKeys):
    """The same, where a thread of its own runs each call."""

    engine = "threads"


if __name__ == "__main__":
    unittest.main()
