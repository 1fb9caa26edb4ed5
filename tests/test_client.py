"""The stub: which endpoints it asks, in which order, and what a call returns or raises.

There is no registry and no socket: the test says which endpoints are known, and what exchanges
come to. The command line: test_client_command.py.
"""

from __future__ import annotations

import contextlib
import threading
import unittest
from collections.abc import Iterator, Sequence
from typing import Any, Callable, ClassVar
from unittest import mock
from xmlrpc.client import Fault

import client as client_module
from client import Client, NotSent, OutcomeUnknown, Trace
from ponte.calls.endpoint import Endpoint
from ponte.calls.hop import Result
from ponte.calls.rule import Attempt, Outcome
from ponte.net.message import Reply
from ponte.net.stream import Program
from ponte.rpc.marshal import TRANSPORT_ERROR, decode_call, encode_fault, encode_result
from tests.fakes import endpoint
from tests.relaying import LOST, REFUSED, Exchanges

P1, P2 = endpoint("p1", service="proxy"), endpoint("p2", service="proxy")
S1 = endpoint("s1", idempotent=("hello", "whoami"))
S2 = endpoint("s2", idempotent=("hello",))


def answered(value: Any) -> Result:
    """A server answers with this value."""
    return Result(Outcome.ANSWERED, Reply(200, {}, encode_result(value)), "answered")


def replied(status: int, text: str) -> Result:
    """An answer that is an error of HTTP."""
    return Result(Outcome.ANSWERED, Reply(status, {}, text.encode()), "replied")


class FakeDirectory:
    """Names its endpoints, or no endpoint at all, as soon as a call waits for its first answer."""

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


@contextlib.contextmanager
def stub(*results: Result, proxies: Sequence[Endpoint] = (), servers: Sequence[Endpoint] = (),
         answers: bool = True, **options: Any) -> Iterator[tuple[Client, Exchanges]]:
    """A client of the greeter that knows these endpoints, and exchanges that come to `results`.

    Without `answers` no registry answers.
    """
    exchanges = Exchanges(*results)
    known = {"proxy": proxies, "greeter": servers}
    with mock.patch.multiple(FakeDirectory, known=known, answers=answers), \
            mock.patch.multiple(client_module, Directory=FakeDirectory, exchange=exchanges), \
            Client("greeter", **options) as client:
        yield client, exchanges


class Calls(unittest.TestCase):
    """A call that looks local."""

    def test_a_call_returns_its_value(self) -> None:
        """By the name of the function, or by `call`."""
        with stub(answered("World"), servers=[S1]) as (client, exchanges):
            self.assertEqual(client.hello("Hello"), "World")
            self.assertEqual(client.call("hello", "Hello"), "World")
        for request in exchanges.requests:
            self.assertEqual(request.method, "POST")
            self.assertEqual(request.target, "/greeter")
            self.assertEqual(decode_call(request.body), ("hello", ("Hello",)))

    def test_a_fault_is_raised(self) -> None:
        """An answer with an error is an answer: no other server is asked."""
        fault = Result(Outcome.ANSWERED, Reply(200, {}, encode_fault(Fault(7, "no"))), "answered")
        with stub(fault, servers=[S1, S2]) as (client, exchanges), \
                self.assertRaises(Fault) as caught:
            client.hello("Hello")
        self.assertEqual(caught.exception.faultCode, 7)
        self.assertEqual(exchanges.tried, ["s1"])

    def test_an_http_error_is_a_transport_fault(self) -> None:
        """Final, by rule R. Its text has the status and the reason."""
        refusal = replied(404, "no service 'greeter'\n")
        with stub(refusal, proxies=[P1]) as (client, _), self.assertRaises(Fault) as caught:
            client.hello("Hello")
        self.assertEqual(caught.exception.faultCode, TRANSPORT_ERROR)
        self.assertIn("HTTP 404: no service 'greeter'", caught.exception.faultString)

    def test_a_value_that_xml_rpc_cannot_carry_is_not_sent(self) -> None:
        """The error comes before the first attempt."""
        with stub(answered(1), servers=[S1]) as (client, exchanges):
            for value in ({1}, 2 ** 70, "\0"):
                with self.subTest(value=value), \
                        self.assertRaises((TypeError, OverflowError, ValueError)):
                    client.hello(value)
        self.assertEqual(exchanges.attempts, [])

    def test_a_service_that_cannot_be_a_path_is_refused_at_once(self) -> None:
        """ValueError, when the client is made."""
        for service in ("gre eter", "\u20ac", "a\r\nb"):
            with self.subTest(service), self.assertRaises(ValueError), \
                    mock.patch.object(client_module, "Directory", FakeDirectory):
                Client(service).close()

    def test_names_with_two_underscores_are_no_functions(self) -> None:
        """Or copying and pickling a stub would call a server."""
        with stub(answered(1), servers=[S1]) as (client, exchanges), \
                self.assertRaises(AttributeError):
            client.__wrapped__  # noqa: B018
        self.assertEqual(exchanges.attempts, [])

    def test_one_stub_serves_many_threads(self) -> None:
        """Each caller gets its own reply."""
        def echo(pool: Any, attempt: Attempt, request: bytes, now: float) -> Program[Result]:
            yield from ()
            return answered(decode_call(request.split(b"\r\n\r\n", 1)[1])[1][0])

        wrong: list[Any] = []
        with stub(LOST, servers=[S1, S2]) as (client, _), \
                mock.patch.object(client_module, "exchange", echo):
            def work(worker: int) -> None:
                wrong.extend(n for n in range(100) if client.hello([worker, n]) != [worker, n])
            threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(wrong, [])

    def test_two_calls_have_two_ids(self) -> None:
        """Or the second would get the reply of the first."""
        with stub(answered(1), servers=[S1]) as (client, exchanges):
            client.deposit(1)
            client.deposit(1)
        first, second = exchanges.requests
        self.assertNotEqual(first.headers["idempotency-key"], second.headers["idempotency-key"])

    def test_every_attempt_is_shown(self) -> None:
        """`on_attempt` gets the endpoint, what happened, and how long it took."""
        seen: list[Trace] = []
        with stub(REFUSED, answered(1), servers=[S1, S2], on_attempt=seen.append) as (client, _):
            client.hello("Hello")
        self.assertEqual([(trace.endpoint.instance, trace.what) for trace in seen],
                         [("s1", "connect: refused"), ("s2", "answered")])


class Fallback(unittest.TestCase):
    """Rule R, seen from the stub."""

    def test_proxies_come_first_and_then_the_servers(self) -> None:
        """When no proxy can be reached, the servers themselves, within the same call."""
        results = REFUSED, REFUSED, REFUSED, answered("World")
        with stub(*results, proxies=[P1, P2], servers=[S1, S2]) as (client, exchanges):
            self.assertEqual(client.hello("Hello"), "World")
        self.assertEqual(exchanges.tried[:2], ["p1", "p2"])
        self.assertEqual(sorted(exchanges.tried[2:]), ["s1", "s2"])

    def test_not_sent_shows_every_attempt(self) -> None:
        """To call again is safe, and the text says where it was tried."""
        with stub(REFUSED, servers=[S1, S2]) as (client, exchanges), \
                self.assertRaises(NotSent) as caught:
            client.deposit(1)
        self.assertEqual(exchanges.tried, ["s1", "s2"])
        self.assertRegex(str(caught.exception),
                         r"^greeter\.deposit: not executed: 1\. s1 at 127\.0\.0\.1:4242: "
                         r"connect: refused \(\d+\.\d ms\); 2\. s2 at .*$")
        self.assertEqual(len(caught.exception.attempts), 2)

    def test_an_unknown_outcome_is_repeated_at_the_same_server_only(self) -> None:
        """Not idempotent: the same id and incarnation each time, and then OutcomeUnknown."""
        with stub(LOST, servers=[S1, S2]) as (client, exchanges), \
                self.assertRaises(OutcomeUnknown) as caught:
            client.deposit(1)
        self.assertEqual(exchanges.tried, ["s1", "s1", "s1"])
        self.assertEqual(exchanges.headers("if-match"), [None, '"1"', '"1"'])
        self.assertEqual(exchanges.headers("call-attempt"), ["1", "2", "3"])
        self.assertEqual(exchanges.headers("call-idempotent"), [None, None, None])
        call_id, = {request.headers["idempotency-key"] for request in exchanges.requests}
        self.assertRegex(call_id or "", "^[0-9a-f]{32}$")
        self.assertIn("it may have run", str(caught.exception))

    def is_idempotent(self, method: str) -> bool:
        """Whether a call whose first reply is lost goes to another server."""
        with stub(LOST, answered(1), servers=[S1, S2]) as (client, exchanges):
            client.call(method)
        self.assertIn(exchanges.tried, (["s1", "s2"], ["s1", "s1"]))
        goes_on = exchanges.tried == ["s1", "s2"]
        self.assertEqual("call-idempotent" in exchanges.requests[0].headers, goes_on)
        return goes_on

    def test_a_function_is_idempotent_if_every_server_promises_it(self) -> None:
        """Of two versions of a service, only what both promise counts."""
        self.assertTrue(self.is_idempotent("hello"))
        self.assertFalse(self.is_idempotent("whoami"))
        self.assertFalse(self.is_idempotent("deposit"))
        self.assertTrue(self.is_idempotent("system.listMethods"))

    def test_the_number_of_the_next_hop_counts(self) -> None:
        """A proxy has made three attempts: the stub makes no further one."""
        lost = LOST._replace(number=3)
        with stub(lost, proxies=[P1, P2]) as (client, exchanges), \
                self.assertRaises(OutcomeUnknown):
            client.call("system.listMethods")
        self.assertEqual(exchanges.tried, ["p1"])

    def test_the_time_shrinks_with_every_attempt(self) -> None:
        """Half of the remaining time, in milliseconds."""
        with stub(LOST, answered(1), servers=[S1, S2], timeout_s=8.0) as (client, exchanges):
            client.hello("Hello")
        first, second = (int(request.headers["call-timeout-ms"]) for request in exchanges.requests)
        self.assertGreater(first, 3500)
        self.assertLessEqual(first, 4000)
        self.assertLessEqual(second, first)

    def test_an_expired_call_is_not_sent(self) -> None:
        """Its time was over before the first attempt."""
        with stub(answered(1), servers=[S1]) as (client, exchanges), self.assertRaises(NotSent):
            client.call("hello", timeout_s=0.0)
        self.assertEqual(exchanges.attempts, [])


class WithoutAnEndpoint(unittest.TestCase):
    """NotSent says why there was no endpoint to ask, and what to start."""

    def says(self, text: str, *, answers: bool) -> None:
        """The error matches this text. `answers`: a registry has answered."""
        with stub(REFUSED, answers=answers) as (client, _), self.assertRaisesRegex(NotSent, text):
            client.hello("Hello")

    def test_without_a_registry_it_says_how_to_start_one(self) -> None:
        self.says("no registry answers at 127.0.0.1:4100.*python3? registry.py", answers=False)

    def test_without_a_server_it_says_how_to_start_one(self) -> None:
        self.says("no live server of 'greeter'.*python3? server.py", answers=True)

    def test_a_registry_that_cannot_be_read_is_named_with_the_reason(self) -> None:
        """To start another one would not help."""
        why = {("127.0.0.1", 4100): "connect: the TLS handshake failed: certificate verify failed"}
        with mock.patch.object(FakeDirectory, "unreadable", why):
            self.says("no registry can be read: 127.0.0.1:4100: connect: .*verify failed$",
                      answers=False)


if __name__ == "__main__":
    unittest.main()
