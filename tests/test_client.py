"""The stub: whom it asks in which order, what it raises, and its command line. The exchange is a fake."""

from __future__ import annotations

import contextlib
import io
import threading
import time
import unittest
from collections.abc import Iterator, Sequence
from typing import Any, Callable, ClassVar
from unittest import mock
from xmlrpc.client import Fault

import client as client_module
from client import Client, NotSent, OutcomeUnknown, Trace, main
from ponte.calls.endpoint import Endpoint
from ponte.calls.hop import Result
from ponte.calls.rule import Attempt, Outcome
from ponte.net.message import Reply
from ponte.net.parser import RequestParser
from ponte.rpc.marshal import TRANSPORT_ERROR, decode_call, encode_fault, encode_result
from tests.fakes import endpoint

REFUSED = Result(Outcome.NOT_SENT, None, "connect: refused")
LOST = Result(Outcome.UNKNOWN, None, "reply: reset")


def answered(value: Any) -> Result:
    return Result(Outcome.ANSWERED, Reply(200, {}, encode_result(value)), "answered")


def replied(status: int, text: str) -> Result:
    return Result(Outcome.ANSWERED, Reply(status, {}, text.encode()), "replied")


class FakeDirectory:
    """Knows its endpoints from the start, or none at all; tells them as soon as somebody waits for them."""

    known: ClassVar[dict[str, Sequence[Endpoint]]] = {}
    answers = True
    unreadable: ClassVar[dict[Any, str]] = {}

    def __init__(self, service: str, registries: Any, on_change: Callable[[], None],
                 tls: object = None) -> None:
        self.endpoints = tuple(self.known.get(service, ()))
        self.answered = False
        self._on_change = on_change

    def start(self) -> None:
        pass

    def wait(self, timeout_s: float) -> bool:
        self._on_change()
        self.answered = self.answers
        return self.answered

    def close(self) -> None:
        pass


class Exchanges:
    """Gives out results in turn, the last again and again, and writes down the attempts and their requests."""

    def __init__(self, *results: Result) -> None:
        self._results = list(results)
        self.attempts: list[Attempt] = []
        self.requests: list[Any] = []

    def __call__(self, pool: Any, attempt: Attempt, request: bytes, now: float) -> Result:
        parser = RequestParser()
        parser.feed(request)
        self.attempts.append(attempt)
        self.requests.append(parser.next_message())
        return self._results.pop(0) if len(self._results) > 1 else self._results[0]

    @property
    def tried(self) -> list[str]:
        return [attempt.endpoint.instance for attempt in self.attempts]


@contextlib.contextmanager
def stub(*results: Result, proxies: Sequence[Endpoint] = (), servers: Sequence[Endpoint] = (), answers: bool = True,
         **options: Any) -> Iterator[tuple[Client, Exchanges]]:
    """A client of the greeter that knows these endpoints and whose exchanges come to these results."""
    exchanges = Exchanges(*results)
    known = {"proxy": proxies, "greeter": servers}
    with mock.patch.multiple(FakeDirectory, known=known, answers=answers), \
            mock.patch.multiple(client_module, Directory=FakeDirectory, exchange=exchanges), \
            Client("greeter", **options) as client:
        yield client, exchanges


P1, P2 = endpoint("p1", service="proxy"), endpoint("p2", service="proxy")
S1, S2 = endpoint("s1", idempotent=("hello", "whoami")), endpoint("s2", idempotent=("hello",))


class Calls(unittest.TestCase):
    """A call that looks local."""

    def test_a_call_returns_its_value(self) -> None:
        """By name, or by `call`."""
        with stub(answered("World"), servers=[S1]) as (client, exchanges):
            self.assertEqual([client.hello("Hello"), client.call("hello", "Hello")], ["World", "World"])
        request = exchanges.requests[0]
        self.assertEqual((request.method, request.target), ("POST", "/greeter"))
        self.assertEqual(decode_call(request.body), ("hello", ("Hello",)))

    def test_a_fault_is_raised(self) -> None:
        """An answer with an error is an answer."""
        fault = Result(Outcome.ANSWERED, Reply(200, {}, encode_fault(Fault(7, "no"))), "answered")
        with stub(fault, servers=[S1, S2]) as (client, exchanges), self.assertRaises(Fault) as caught:
            client.hello("Hello")
        self.assertEqual((caught.exception.faultCode, exchanges.tried), (7, ["s1"]))

    def test_an_http_error_is_a_transport_fault(self) -> None:
        """Final, as rule R has it; its text says which status and why."""
        refusal = replied(404, "no service 'greeter'\n")
        with stub(refusal, proxies=[P1]) as (client, _), self.assertRaises(Fault) as caught:
            client.hello("Hello")
        self.assertEqual(caught.exception.faultCode, TRANSPORT_ERROR)
        self.assertIn("HTTP 404: no service 'greeter'", caught.exception.faultString)

    def test_what_cannot_be_carried_is_not_sent(self) -> None:
        """The error comes before the first attempt."""
        with stub(answered(1), servers=[S1]) as (client, exchanges):
            for value in ({1}, 2 ** 70, "\0"):
                with self.subTest(value=value), self.assertRaises((TypeError, OverflowError, ValueError)):
                    client.hello(value)
        self.assertEqual(exchanges.attempts, [])

    def test_a_service_that_cannot_be_a_path_leaves_no_trace(self) -> None:
        """ValueError at once, and no call counted as in flight for ever."""
        for service in ("gre eter", "\u20ac", "a\r\nb"):
            with self.subTest(service), self.assertRaises(ValueError), \
                    mock.patch.object(client_module, "Directory", FakeDirectory):
                Client(service).close()

    def test_dunder_names_are_no_methods(self) -> None:
        """Or copying and pickling a stub would call a server."""
        with stub(answered(1), servers=[S1]) as (client, _), self.assertRaises(AttributeError):
            client.__wrapped__  # noqa: B018

    def test_one_stub_serves_many_threads(self) -> None:
        """Each caller gets its own reply."""
        def echo(pool: Any, attempt: Attempt, request: bytes, now: float) -> Result:
            return answered(decode_call(request.split(b"\r\n\r\n", 1)[1])[1][0])

        wrong: list[Any] = []
        with stub(LOST, servers=[S1, S2]) as (client, _), mock.patch.object(client_module, "exchange", echo):
            def work(worker: int) -> None:
                wrong.extend(n for n in range(100) if client.hello([worker, n]) != [worker, n])
            threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(wrong, [])


class Fallback(unittest.TestCase):
    """Rule R, seen from the stub."""

    def test_proxies_first_and_then_the_servers(self) -> None:
        """When no proxy can be reached, the servers themselves, within the same call."""
        results = REFUSED, REFUSED, REFUSED, answered("World")
        with stub(*results, proxies=[P1, P2], servers=[S1, S2]) as (client, exchanges):
            self.assertEqual(client.hello("Hello"), "World")
        tried = exchanges.tried
        self.assertEqual((tried[:2], sorted(tried[2:])), (["p1", "p2"], ["s1", "s2"]))

    def test_not_sent_tells_every_attempt(self) -> None:
        """Calling again is safe, and the text says where it was tried."""
        with stub(REFUSED, servers=[S1, S2]) as (client, exchanges), self.assertRaises(NotSent) as caught:
            client.deposit(1)
        self.assertEqual(exchanges.tried, ["s1", "s2"])
        self.assertRegex(str(caught.exception), r"^greeter\.deposit: not executed: 1\. s1 at 127\.0\.0\.1:4242: "
                                                r"connect: refused \(\d+\.\d ms\); 2\. s2 at .*$")
        self.assertEqual(len(caught.exception.attempts), 2)

    def test_an_unknown_outcome_is_repeated_at_the_same_server_only(self) -> None:
        """Not idempotent: the same id and incarnation each time, and then OutcomeUnknown."""
        with stub(LOST, servers=[S1, S2]) as (client, exchanges), self.assertRaises(OutcomeUnknown) as caught:
            client.deposit(1)
        self.assertEqual(exchanges.tried, ["s1"] * 3)
        headers = [request.headers for request in exchanges.requests]
        self.assertEqual(len({request.call_id for request in exchanges.requests}), 1)
        self.assertRegex(exchanges.requests[0].call_id or "", "^[0-9a-f]{32}$")
        self.assertEqual([h.get("if-match") for h in headers], [None, '"1"', '"1"'])
        self.assertEqual([h["call-attempt"] for h in headers], ["1", "2", "3"])
        self.assertNotIn("call-idempotent", headers[0])
        self.assertIn("it may have run", str(caught.exception))

    def test_what_every_server_calls_idempotent_may_go_to_another(self) -> None:
        """The promise comes from discovery; of two versions only what both promise."""
        for method, idempotent in (("hello", True), ("whoami", False), ("deposit", False),
                                   ("system.listMethods", True)):
            with self.subTest(method), stub(LOST, answered(1), servers=[S1, S2]) as (client, exchanges):
                client.call(method)
                self.assertEqual(exchanges.tried, ["s1", "s2"] if idempotent else ["s1", "s1"])
                self.assertEqual("call-idempotent" in exchanges.requests[0].headers, idempotent)

    def test_two_calls_have_two_ids(self) -> None:
        """Or the second would get the first one's reply."""
        with stub(answered(1), servers=[S1]) as (client, exchanges):
            client.deposit(1)
            client.deposit(1)
        self.assertEqual(len({request.call_id for request in exchanges.requests}), 2)

    def test_the_time_shrinks_with_every_attempt(self) -> None:
        """Half of what is left, in milliseconds."""
        with stub(LOST, answered(1), servers=[S1, S2], timeout_s=8.0) as (client, exchanges):
            client.hello("Hello")
        first, second = (int(request.headers["call-timeout-ms"]) for request in exchanges.requests)
        self.assertTrue(3500 < first <= 4000 and second <= first, (first, second))

    def test_without_anybody_the_error_says_what_to_start(self) -> None:
        """A registry, or a server."""
        for answers, told in ((False, "no registry answers at 127.0.0.1:4100.*python3? registry.py"),
                              (True, "no live server of 'greeter'.*python3? server.py")):
            with self.subTest(told), stub(REFUSED, answers=answers) as (client, _), \
                    self.assertRaisesRegex(NotSent, told):
                client.hello("Hello")

    def test_a_registry_that_is_there_but_cannot_be_read_is_told_with_the_reason(self) -> None:
        """To start another would not help."""
        why = {("127.0.0.1", 4100): "connect: the TLS handshake failed: certificate verify failed"}
        with mock.patch.object(FakeDirectory, "unreadable", why), stub(REFUSED, answers=False) as (client, _), \
                self.assertRaisesRegex(NotSent, "no registry can be read: 127.0.0.1:4100: connect: .*verify failed$"):
            client.hello("Hello")

    def test_an_expired_call_is_not_sent(self) -> None:
        """Its time was over before the first attempt."""
        with stub(answered(1), servers=[S1]) as (client, exchanges), self.assertRaises(NotSent):
            client.call("hello", timeout_s=0.0)
        self.assertEqual(exchanges.attempts, [])

    def test_every_attempt_is_shown(self) -> None:
        """`on_attempt` sees endpoint, what happened and how long it took."""
        seen: list[Trace] = []
        with stub(REFUSED, answered(1), servers=[S1, S2], on_attempt=seen.append) as (client, _):
            client.hello("Hello")
        self.assertEqual([(trace.endpoint.instance, trace.what) for trace in seen],
                         [("s1", "connect: refused"), ("s2", "answered")])


class FakeClient:
    """A client for the command line whose calls come to what the test says."""

    outcome: Any = None
    calls: ClassVar[list[tuple[Any, ...]]] = []

    def __init__(self, service: str, *, registries: Any, on_attempt: Callable[[Trace], None],
                 tls: object = None) -> None:
        self._service, self._on_attempt = service, on_attempt

    def __enter__(self) -> FakeClient:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def call(self, method: str, *params: Any, timeout_s: float) -> Any:
        self.calls.append((self._service, method, *params))
        self._on_attempt(Trace(S1, "answered", 0.001))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class CommandLine(unittest.TestCase):
    """python client.py SERVICE METHOD PARAMS..."""

    def setUp(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.pauses: list[float] = []
        for patch in (mock.patch.object(client_module, "Client", FakeClient),
                      mock.patch.object(FakeClient, "calls", self.calls),
                      mock.patch.object(client_module, "start_logging"),
                      mock.patch.object(time, "sleep", self.pauses.append)):
            patch.start()
            self.addCleanup(patch.stop)

    def run_main(self, *arguments: str, outcome: Any = "World") -> tuple[int | None, str, str]:
        """The exit code, standard output, standard error."""
        out, err = io.StringIO(), io.StringIO()
        with mock.patch.object(FakeClient, "outcome", outcome), contextlib.redirect_stdout(out), \
                contextlib.redirect_stderr(err):
            try:
                code: Any = main(arguments)
            except SystemExit as end:
                code = end.code
        return code, out.getvalue(), err.getvalue()

    def test_a_value_is_printed(self) -> None:
        """And nothing else; exit code 0."""
        self.assertEqual(self.run_main("greeter", "hello", "Hello"), (0, "World\n", ""))

    def test_every_ending_has_its_code_and_one_line(self) -> None:
        """3 a fault, 4 not executed, 5 outcome unknown, 2 wrong arguments."""
        for outcome, code, told in ((Fault(-32601, "no method"), 3, "client: fault -32601: no method"),
                                    (NotSent("greeter.hello", [], "nobody"), 4, "not executed: nobody"),
                                    (OutcomeUnknown("greeter.hello", [Trace(S1, "lost", 1.0)]), 5, "it may have run"),
                                    (OverflowError("int exceeds XML-RPC limits"), 2, "XML-RPC cannot carry")):
            with self.subTest(code):
                got, out, err = self.run_main("greeter", "hello", outcome=outcome)
                self.assertEqual((got, out, err.count("\n")), (code, "", 1))
                self.assertIn(told, err)

    def test_arguments_are_json_where_they_parse_else_text(self) -> None:
        """Quotes make a text of what looks like a number."""
        self.run_main("greeter", "hello", "Hello", "42", '"42"', "true", "null", "[1, {\"a\": 2}]", "1.5", "[1", "-7")
        params = ("Hello", 42, "42", True, None, [1, {"a": 2}], 1.5, "[1", -7)
        self.assertEqual(self.calls, [("greeter", "hello", *params)])

    def test_json_that_is_too_deep_is_text(self) -> None:
        """A line, and never a traceback."""
        self.run_main("greeter", "hello", "[" * 100_000)
        self.assertEqual(self.calls[0][2], "[" * 100_000)

    def test_the_timeout_is_for_the_whole_call(self) -> None:
        """Five seconds, if nothing else is said."""
        with mock.patch.object(FakeClient, "call", return_value=1) as call:
            self.run_main("greeter", "hello")
            self.run_main("greeter", "hello", "--timeout", "0.5")
        self.assertEqual([each.kwargs["timeout_s"] for each in call.call_args_list], [5.0, 0.5])

    def test_repeat_and_every(self) -> None:
        """N calls, a pause between them and none after the last."""
        code, out, _ = self.run_main("greeter", "hello", "--repeat", "3", "--every", "0.5")
        self.assertEqual((code, out, self.pauses), (0, "World\n" * 3, [0.5, 0.5]))

    def test_a_negative_number_of_calls_is_refused(self) -> None:
        """0 is until Ctrl-C; less than that means nothing."""
        with mock.patch.object(time, "sleep", side_effect=AssertionError("it goes on for ever")):
            try:
                code, _, err = self.run_main("greeter", "hello", "--repeat", "-1")
            except AssertionError as error:
                self.fail(str(error))
        self.assertEqual((code, "--repeat" in err), (2, True))

    def test_one_failure_of_many_calls_is_told_by_the_code(self) -> None:
        """Also if the last call went well."""
        outcomes = iter([Fault(1, "no"), "World"])

        def call(self: FakeClient, method: str, *params: Any, timeout_s: float) -> Any:
            outcome = next(outcomes)
            if isinstance(outcome, Fault):
                raise outcome
            return outcome

        with mock.patch.object(FakeClient, "call", call):
            self.assertEqual(self.run_main("greeter", "hello", "--repeat", "2")[0], 3)

    def test_trace_shows_every_attempt(self) -> None:
        """On standard error, so that the value stays alone on standard output."""
        _, out, err = self.run_main("greeter", "hello", "--trace")
        self.assertEqual((out, err), ("World\n", "  attempt: s1 at 127.0.0.1:4242: answered (1.0 ms)\n"))

    def test_wrong_usage_is_exit_code_2(self) -> None:
        """Too few arguments, a time that is none, an address that is none."""
        for arguments in (["greeter"], ["greeter", "hello", "--timeout", "0"], ["greeter", "hello", "--registry", "x"]):
            with self.subTest(arguments):
                code, _, err = self.run_main(*arguments)
                self.assertEqual((code, "error:" in err, "Traceback" in err), (2, True, False))


if __name__ == "__main__":
    unittest.main()
