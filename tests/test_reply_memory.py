"""The memory of a server: a call with a call id runs once, and its repeats get the first reply."""

from __future__ import annotations

import time
import unittest
from unittest import mock

import server as server_module
from ponte.calls.hop import MAX_TIMEOUT_S, judge
from ponte.calls.once import KEEP_S, KEEP_TIMEOUTS, CallMemory
from ponte.calls.rule import Outcome
from ponte.rpc.marshal import decode_result, encode_call
from tests.fakes import Clock, eventually, hurry_listeners
from tests.serving import PATIENCE_S, ServerTest


def setUpModule() -> None:
    hurry_listeners()


class ReplyMemory(ServerTest):
    """A call with a call id runs once in the life of a server."""

    def test_a_repeat_gets_the_first_reply(self) -> None:
        """With If-Match or without it. The function has run once."""
        first = self.post()
        self.assertEqual(self.post(), first)
        self.assertEqual(self.repeat(), first)
        self.has_deposited(100)
        self.assertEqual(decode_result(first.body), 100)

    def test_another_id_is_another_call(self) -> None:
        self.post("id-1")
        self.post("id-2")
        self.has_deposited(200)

    def test_every_request_without_an_id_is_a_call_of_its_own(self) -> None:
        """A stock client sends no call id."""
        self.post(None)
        self.post(None)
        self.has_deposited(200)

    def test_idempotent_calls_are_not_remembered(self) -> None:
        """They may run a second time; the memory is for those that may not."""
        for _ in range(3):
            self.post(Call_Idempotent="1")
        self.has_deposited(300)
        self.assertEqual(self.server.status()["remembered"], 0)

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
        # The first repeat that waits makes the future of the reply.
        execution = self.server._executions["id-1"]
        eventually(lambda: execution.reply is not None)
        first = let_it_end()
        self.assertEqual(repeat(), first)
        self.counts(calls=1, repeats=1)

    def test_several_repeats_wait_for_one_reply(self) -> None:
        """Of one call, which runs once."""
        let_it_end = self.begins_to_run()
        repeats = [self.in_thread(self.repeat) for _ in range(5)]
        eventually(lambda: self.server._counts["repeats"] == 5)
        first = let_it_end()
        self.assertEqual([repeat() for repeat in repeats], [first] * 5)
        self.has_deposited(100)

    def test_a_repeat_waits_no_longer_than_its_caller(self) -> None:
        """504: the outcome is still unknown."""
        self.begins_to_run()
        reply = self.repeat(timeout_ms=10)
        self.assertEqual(reply.status, 504)
        self.assertIs(judge(reply).outcome, Outcome.UNKNOWN)

    def test_a_repeat_without_a_timeout_waits_no_longer_than_any_caller_may(self) -> None:
        """Then 504. Without a limit, it would wait as long as the function runs."""
        self.begins_to_run()
        now = time.monotonic()
        waiting, deadline = self.waits(self.request(), now)
        self.assertAlmostEqual(deadline, now + MAX_TIMEOUT_S, delta=PATIENCE_S)
        self.assertEqual(self.expires(waiting).status, 504)

    def test_a_repeat_for_another_incarnation_is_refused(self) -> None:
        """412, and nothing runs: this process knows nothing of the first attempt."""
        for expected in ('"1"', '"x"', "*", '""'):
            self.assertEqual(self.post(If_Match=expected).status, 412)
        self.has_deposited(0)

    def test_a_repeat_whose_first_attempt_never_came_runs(self) -> None:
        """There is nothing of it here, and nothing was dropped: it has not run."""
        self.assertEqual(self.repeat().status, 200)
        self.has_deposited(100)

    def test_a_repeat_that_may_have_been_forgotten_does_not_run(self) -> None:
        """412: its caller learns that the outcome is unknown. New calls are not affected."""
        self.server._memory = CallMemory(max_entries=1)
        self.post("id-1")
        self.post("id-2")
        self.assertEqual(self.repeat("id-1").status, 412)
        self.assertEqual(self.post("id-3").status, 200)
        self.has_deposited(300)

    def test_a_call_that_was_refused_is_not_remembered(self) -> None:
        """It did not run: the same id may come a second time, and runs then."""
        late = self.post(Call_Timeout_Ms="1", received_at=time.monotonic() - 1)
        self.assertEqual(late.status, 503)
        self.assertEqual(self.post(Call_Timeout_Ms="1000").status, 200)
        self.has_deposited(100)

    def test_a_call_that_still_runs_is_not_forgotten(self) -> None:
        """However long it takes, and however many come in between: no repeat runs beside it."""
        clock = Clock(time.monotonic())
        with mock.patch.object(server_module, "time", clock):
            self.begins_to_run()
            clock.now += KEEP_S + 1
            # What comes now is not held up.
            with mock.patch.object(self.till, "gate"):
                self.post("id-2", received_at=clock.now)
                repeat, _ = self.waits(self.request(Call_Timeout_Ms="10"), clock.now)
        self.assertEqual(self.expires(repeat).status, 504)
        self.has_deposited(100)         # by id-2

    def test_a_reply_is_kept_from_the_end_of_its_call(self) -> None:
        """A repeat comes when the call is done, not when it began."""
        clock = Clock(time.monotonic())

        def slow(cents: int) -> int:
            clock.now += KEEP_S + 1
            return self.till.deposit(cents)

        self.server.register_function(slow)
        body = encode_call("slow", (1,))
        with mock.patch.object(server_module, "time", clock):
            first = self.post(body=body, received_at=clock.now)
            self.post("id-2", received_at=clock.now)
            self.assertEqual(self.post(body=body, received_at=clock.now), first)
        self.has_deposited(101)

    def test_a_reply_is_kept_longer_for_a_longer_timeout(self) -> None:
        """Its caller may still repeat the call."""
        clock = Clock(time.monotonic())
        with mock.patch.object(server_module, "time", clock):
            first = self.post(Call_Timeout_Ms="100000", received_at=clock.now)
            clock.now += 100 * KEEP_TIMEOUTS - 1
            self.post("id-2", received_at=clock.now)
            self.assertEqual(self.repeat(received_at=clock.now), first)
        self.has_deposited(200)

    def test_a_reply_counts_with_its_size(self) -> None:
        """So the memory of a server has a bound in bytes."""
        reply = self.post()
        self.assertEqual(self.server._memory.size_bytes, len(reply.body))

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


class ReplyMemoryOfThreads(ReplyMemory):
    """The same, where a thread of its own runs each call."""

    engine = "threads"


if __name__ == "__main__":
    unittest.main()
