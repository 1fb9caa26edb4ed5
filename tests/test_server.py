"""A server: which requests run, which are refused, and that a repeat gets the first reply."""

from __future__ import annotations

import threading
import time
import unittest
from typing import Callable
from unittest import mock

import server as server_module
from ponte.calls.hop import judge
from ponte.calls.once import KEEP_S, CallMemory
from ponte.calls.rule import Outcome
from ponte.discovery.beats import MAX_NAME
from ponte.net.message import ProtocolError, Reply, Request
from ponte.rpc.dispatcher import idempotent
from ponte.rpc.marshal import decode_result, encode_call
from server import MAX_CALLS, Server, current_instance
from tests.fakes import Clock, hurry_listeners

PATIENCE_S = 5.0


def setUpModule() -> None:
    hurry_listeners()


class Till:
    """A deposit box that counts; `gate` holds deposits up while they run."""

    def __init__(self) -> None:
        self.total = 0
        self.entered = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()

    def deposit(self, cents: int) -> int:
        self.entered.release()
        self.gate.wait(PATIENCE_S)
        self.total += cents
        return self.total


class ServerTest(unittest.TestCase):
    """A server whose requests are handed in by hand, as its listener would do."""

    def setUp(self) -> None:
        self.till = Till()
        self.server = Server("bank", [self.till.deposit, idempotent(current_instance)], registries=(), name="bank-1")
        self.addCleanup(self.server.close)
        self.addCleanup(self.till.gate.set)

    def post(self, call_id: str | None = "id-1", *, target: str = "/bank", body: bytes = b"", method: str = "POST",
             received_at: float | None = None, **headers: str) -> Reply:
        """The reply to a deposit of 100 cents; `If_Match="..."` becomes the header if-match."""
        named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        request = Request(method, target, named, body or encode_call("deposit", (100,)), call_id=call_id)
        try:
            return self.server._handle(request, time.monotonic() if received_at is None else received_at)
        except ProtocolError as error:
            return Reply(error.status, {}, error.reason.encode())

    def with_headers(self, **headers: str) -> Reply:
        """The reply to a deposit with these headers and no call id of its own."""
        return self.post(None, target="/bank", body=b"", method="POST", received_at=None, **headers)

    def same(self) -> str:
        """The If-Match of a repeat to this incarnation."""
        return f'"{self.server.incarnation}"'

    def in_thread(self, act: Callable[[], Reply]) -> list[Reply]:
        """Runs `act` beside the test; its reply is in the list when it is done."""
        replies: list[Reply] = []
        thread = threading.Thread(target=lambda: replies.append(act()))
        thread.start()
        self.addCleanup(thread.join, PATIENCE_S)
        self.addCleanup(self.till.gate.set)
        self.done = thread.join
        return replies


class ReplyMemory(ServerTest):
    """A call id runs once in the life of a process."""

    def test_a_repeat_gets_the_first_reply(self) -> None:
        """Whether it says so by If-Match or not; the function ran once."""
        first = self.post()
        self.assertEqual([self.post(), self.post(If_Match=self.same())], [first, first])
        self.assertEqual((self.till.total, decode_result(first.body)), (100, 100))

    def test_another_id_is_another_call(self) -> None:
        """And so is a call without one: a stock client sends none."""
        for call_id in ("id-1", "id-2", None, None):
            self.post(call_id)
        self.assertEqual(self.till.total, 400)

    def test_idempotent_calls_are_not_remembered(self) -> None:
        """They may run again: memory is for those that may not."""
        for _ in range(3):
            self.post(Call_Idempotent="1")
        self.assertEqual((self.till.total, self.server.status()["remembered"]), (300, 0))

    def test_a_fault_is_a_first_reply_too(self) -> None:
        """The function has run, though it raised."""
        body = encode_call("deposit", ("text",))
        self.assertEqual(self.post(body=body), self.post(body=body))
        self.assertEqual(self.server.status()["requests"], {"calls": 1, "repeats": 1, "refused": 0})

    def test_a_repeat_waits_while_the_first_attempt_runs(self) -> None:
        """And then gets its reply."""
        self.till.gate.clear()
        first = self.in_thread(self.post)
        self.till.entered.acquire(timeout=PATIENCE_S)
        done = self.done
        repeat = self.in_thread(lambda: self.post(If_Match=self.same(), Call_Timeout_Ms="5000"))
        self.till.gate.set()
        self.done(PATIENCE_S)
        done(PATIENCE_S)
        self.assertEqual((repeat, self.till.total), (first, 100))

    def test_a_repeat_waits_no_longer_than_its_caller(self) -> None:
        """504: the outcome is still unknown."""
        self.till.gate.clear()
        self.in_thread(self.post)
        self.till.entered.acquire(timeout=PATIENCE_S)
        reply = self.post(If_Match=self.same(), Call_Timeout_Ms="10")
        self.assertEqual((reply.status, judge(reply).outcome), (504, Outcome.UNKNOWN))

    def test_another_incarnation_is_told_so(self) -> None:
        """412, and nothing runs: this process knows nothing of the first attempt."""
        for expected in ('"1"', '"x"', "*", '""'):
            self.assertEqual(self.post(If_Match=expected).status, 412)
        self.assertEqual(self.till.total, 0)

    def test_a_repeat_whose_first_attempt_never_came_runs(self) -> None:
        """Nothing of it is here, and nothing was forgotten: it has not run."""
        self.assertEqual(self.post(If_Match=self.same()).status, 200)
        self.assertEqual(self.till.total, 100)

    def test_a_repeat_that_may_have_been_forgotten_does_not_run(self) -> None:
        """412: its caller is told that the outcome is unknown. New calls are not affected."""
        self.server._memory = CallMemory(max_entries=1)
        self.post("id-1")
        self.post("id-2")
        self.assertEqual(self.post("id-1", If_Match=self.same()).status, 412)
        self.assertEqual(self.post("id-3").status, 200)
        self.assertEqual(self.till.total, 300)

    def test_what_was_refused_is_not_remembered(self) -> None:
        """It did not run: the same id may come again, and runs then."""
        self.assertEqual(self.post(Call_Timeout_Ms="1", received_at=time.monotonic() - 1).status, 503)
        self.assertEqual((self.post().status, self.till.total), (200, 100))

    def test_a_call_that_still_runs_is_not_forgotten(self) -> None:
        """However long it takes, and however many come in between: a repeat must not run beside it."""
        self.till.gate.clear()
        clock = Clock(time.monotonic())
        with mock.patch.object(server_module, "time", clock):
            self.in_thread(self.post)
            self.till.entered.acquire(timeout=PATIENCE_S)
            clock.now += KEEP_S + 1
            with mock.patch.object(self.till, "gate"):      # what comes now is not held up
                self.post("id-2", received_at=clock.now)
                repeat = self.post(If_Match=self.same(), Call_Timeout_Ms="10", received_at=clock.now)
        self.assertEqual((repeat.status, self.till.total), (504, 100), "id-2 has run, the repeat has not")

    def test_a_reply_is_kept_from_its_end_on(self) -> None:
        """Its repeat comes when it is done, not when it began."""
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
        self.assertEqual(self.till.total, 101)

    def test_an_exit_inside_a_function_leaves_no_repeat_waiting(self) -> None:
        """Whatever a function raises, its repeat gets an answer."""
        def leave(cents: int) -> int:
            raise SystemExit(1)

        self.server.register_function(leave)
        body = encode_call("leave", (1,))
        try:
            self.post(body=body)
        except SystemExit:
            pass        # that it comes through is shown by the tests of the dispatcher
        reply = self.post(body=body, If_Match=self.same(), Call_Timeout_Ms="10")
        self.assertEqual(reply.status, 200)


class Admission(ServerTest):
    """What is refused before it runs: 503 with Not-Executed, which is NOT_SENT to any caller."""

    def assert_refused(self, reply: Reply) -> None:
        lower = reply._replace(headers={name.lower(): value for name, value in reply.headers.items()})
        self.assertIs(judge(lower).outcome, Outcome.NOT_SENT)
        self.assertEqual((reply.status, self.till.total), (503, 0))

    def test_expired_work_is_refused(self) -> None:
        """Nobody waits for its answer; with none of its time left it has expired too."""
        self.assert_refused(self.post(Call_Timeout_Ms="50", received_at=time.monotonic() - 0.06))
        self.assert_refused(self.post(None, Call_Timeout_Ms="50", received_at=time.monotonic() - 0.06))
        self.assert_refused(self.post(Call_Timeout_Ms="0"))

    def test_work_in_time_runs(self) -> None:
        """And so does work without a time."""
        self.assertEqual(self.post(Call_Timeout_Ms="5000").status, 200)
        self.assertEqual(self.post(None, received_at=0.0).status, 200)

    def test_too_many_calls_are_refused(self) -> None:
        """More would only make each of them slower; room comes back as they end."""
        self.server._running = MAX_CALLS
        self.assert_refused(self.post())
        self.server._running -= 1
        self.assertEqual((self.post().status, self.server._running), (200, MAX_CALLS - 1))

    def test_a_draining_server_refuses_new_calls_and_answers_repeats(self) -> None:
        """What has run here can be answered nowhere else."""
        first = self.post("id-0")
        self.server._refuse()
        self.assertEqual(self.post("id-0", If_Match=self.same()), first)
        self.till.total = 0
        self.assert_refused(self.post("id-1"))
        self.assert_refused(self.post(None))

    def test_headers_that_cannot_be_meant_are_refused(self) -> None:
        """400, and nothing runs."""
        for headers in ({"Call_Timeout_Ms": "-1"}, {"Call_Timeout_Ms": "x"}, {"Call_Timeout_Ms": "1_0"},
                        {"Call_Timeout_Ms": ""}, {"Call_Timeout_Ms": "\u0661"}, {"Call_Timeout_Ms": "9" * 10},
                        {"Call_Attempt": "x"}):
            with self.subTest(headers):
                self.assertEqual(self.with_headers(**headers).status, 400)
        for call_id in ("", "a" * 129):
            self.assertEqual(self.post(call_id).status, 400)
        self.assertEqual(self.till.total, 0)


class Routes(ServerTest):
    """Paths, methods, media types."""

    def test_the_service_is_where_clients_look(self) -> None:
        """At its name, and where stock clients look; nowhere else."""
        for target, status in (("/bank", 200), ("/", 200), ("/RPC2", 200), ("/greeter", 404), ("/bank/", 404),
                               ("/bank?", 404)):
            with self.subTest(target):
                self.assertEqual(self.post(None, target=target).status, status)

    def test_calls_come_by_post(self) -> None:
        """405 with Allow."""
        for method in ("GET", "PUT", "TRACE", "DELETE"):
            reply = self.post(method=method)
            self.assertEqual((reply.status, reply.headers["Allow"]), (405, "POST"))

    def test_calls_come_as_xml(self) -> None:
        """415 for every other media type, and for a Content-Encoding but gzip; a missing one is taken for XML."""
        for headers, status in (({}, 200), ({"Content_Type": "text/xml"}, 200),
                                ({"Content_Type": "Application/XML;a=b"}, 200),
                                ({"Content_Type": "application/json"}, 415), ({"Content_Type": ""}, 415),
                                ({"Content_Encoding": "gzip"}, 400), ({"Content_Encoding": "br"}, 415)):
            with self.subTest(headers):
                self.assertEqual(self.with_headers(**headers).status, status)

    def test_a_reply_says_who_served_it(self) -> None:
        """Served-By: instance and incarnation, also where it was refused."""
        self.server._running = MAX_CALLS
        for reply in (self.post(), self.post(Call_Idempotent="1")):
            self.assertEqual(reply.headers["Served-By"], f"bank-1; incarnation={self.server.incarnation}")

    def test_a_function_knows_its_server(self) -> None:
        """`current_instance` inside a call; a LookupError outside of one."""
        reply = self.post(body=encode_call("current_instance", ()))
        self.assertEqual(decode_result(reply.body), "bank-1")

    def test_pages(self) -> None:
        """/health and /status need no call id and no XML."""
        for target in ("/health", "/status", "/metrics"):
            self.assertEqual(self.post(None, target=target, method="GET").status, 200)

    def test_status_tells_the_state(self) -> None:
        """Up, then draining."""
        self.assertEqual(self.server.status()["state"], "up")
        self.server._refuse()
        self.assertEqual(self.server.status()["state"], "draining")


class Making(unittest.TestCase):
    """What a server can be made of."""

    def test_bad_names_are_refused(self) -> None:
        """ValueError, and the port is free again."""
        for service, name in (("a b", None), ("", None), ("a" * (MAX_NAME + 1), None), ("bank", "a/b")):
            with self.subTest(service=service, name=name), mock.patch.object(server_module, "Listener") as listener:
                with self.assertRaises(ValueError):
                    Server(service, name=name, registries=())
                self.assertEqual(listener.call_count, listener.return_value.close.call_count)

    def test_a_running_server_takes_more_functions(self) -> None:
        """As in the standard library, also as a decorator; what is idempotent is in its beats."""
        with Server("bank", registries=()) as server:
            @server.register_function
            @idempotent
            def limit() -> int:
                return 5

            self.assertEqual(limit(), 5)
            self.assertIn(b"limit", server._dispatcher.dispatch(encode_call("system.listMethods", ())))
            assert server._heartbeat
            self.assertEqual(server._heartbeat.beat.idempotent, ("limit",))

    def test_a_server_that_was_never_started_can_drain_and_close(self) -> None:
        """At once."""
        server = Server("bank", registries=())
        self.assertTrue(server.drain())


if __name__ == "__main__":
    unittest.main()
