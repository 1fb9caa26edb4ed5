"""The stub: which endpoints it asks, in which order, and what a call returns or raises.

There is no registry and no socket: the test says which endpoints are known, and what exchanges
come to. The command line: test_client_command.py.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import threading
import unittest
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar
from unittest import mock
from xmlrpc.client import Fault

import client as client_module
from client import Client, NotSent, OutcomeUnknown, Trace
from ponte.calls.attempt import Attempt, Kind, Outcome, Result
from ponte.calls.endpoint import Endpoint
from ponte.calls.hop import judge
from ponte.calls.resolving import Place
from ponte.net.message import Reply
from ponte.net.stream import Program
from ponte.rpc.marshal import TRANSPORT_ERROR, decode_call, encode_fault, encode_result
from tests.clocks import coarse_clock
from tests.fakes import endpoint
from tests.relaying import (
    DEAD,
    GONE,
    LATE,
    LOST,
    NEEDS_CARE,
    RAN,
    REFUSED,
    Exchanges,
    gives_session,
)

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
    nowhere: ClassVar[dict[Any, str]] = {}

    def __init__(self, service: str, registries: Any, tls: object = None) -> None:
        self.endpoints: tuple[Endpoint, ...] = ()
        self.answered = False
        self._service = service

    def start(self) -> None:
        pass

    def wait(self, timeout_s: float) -> bool:
        self.endpoints = tuple(self.known.get(self._service, ()))
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

    def test_a_reply_is_read_in_the_charset_of_its_content_type(self) -> None:
        """A server that is not Ponte's may name it there alone; ours sends UTF-8."""
        body = encode_result("a\u00e7")
        for content_type, encoding in (("text/xml; charset=iso-8859-1", "latin-1"),
                                       ("text/xml; charset=utf-8", "utf-8"), (None, "utf-8")):
            headers = {"content-type": content_type} if content_type else {}
            reply = Reply(200, headers, body.decode().encode(encoding))
            result = Result(Outcome.ANSWERED, reply, "answered")
            with self.subTest(content_type), stub(result, servers=[S1]) as (client, _):
                self.assertEqual(client.hello("Hello"), "a\u00e7")

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
        for service in ("gre eter", "\u20ac", "a\r\nb", "proxy", "registry"):
            with self.subTest(service), self.assertRaises(ValueError), \
                    mock.patch.object(client_module, "Directory", FakeDirectory):
                Client(service).close()

    def test_a_time_that_a_call_cannot_wait_is_refused_at_once(self) -> None:
        """Also None: it could mean the time of the client, or for ever."""
        with stub(answered(1), servers=[S1]) as (client, exchanges):
            wrong: list[Any] = [None, "5", True, 0, -1, float("inf"), float("nan"), 86_401]
            for time_s in wrong:
                with self.subTest(time_s), self.assertRaisesRegex(ValueError, "timeout_s: .*time"):
                    client.call("hello", timeout_s=time_s)
                with self.subTest(time_s), self.assertRaisesRegex(ValueError, "timeout_s: .*time"):
                    Client("greeter", timeout_s=time_s)
        self.assertEqual(exchanges.attempts, [])

    def test_a_function_may_have_a_dotted_name(self) -> None:
        """As a stock ServerProxy calls it."""
        with stub(answered(1), servers=[S1]) as (client, exchanges):
            client.accounts.savings.deposit(5)
        method, params = decode_call(exchanges.requests[-1].body)
        self.assertEqual((method, params), ("accounts.savings.deposit", (5,)))

    def test_a_function_named_like_an_attribute_is_called_by_its_name(self) -> None:
        with stub(answered(1), servers=[S1]) as (client, exchanges):
            for name in ("close", "call", "endpoints"):
                client.call(name)
                self.assertEqual(decode_call(exchanges.requests[-1].body), (name, ()))

    def test_a_closed_client_sends_nothing(self) -> None:
        with stub(answered(1), servers=[S1]) as (client, exchanges):
            client.close()
            with self.assertRaisesRegex(NotSent, "closed"):
                client.deposit(1)
        self.assertEqual(exchanges.attempts, [])

    def test_an_error_that_is_kept_keeps_no_connections_of_a_closed_client(self) -> None:
        """It has the frames of the call with it, and their variables."""
        with stub(LOST, servers=[S1]) as (client, _):
            assert client._pool
            pool = weakref.ref(client._pool)
            # Not by `assertRaises`, which takes the frames away.
            try:
                client.deposit(1)
            except OutcomeUnknown as error:
                kept = error
            client.close()
            self.assertIsNone(pool())
            self.assertIsNotNone(kept.__traceback__)

    def test_names_with_two_underscores_are_no_functions(self) -> None:
        """Or copying and pickling a stub would call a server."""
        with stub(answered(1), servers=[S1]) as (client, exchanges), \
                self.assertRaises(AttributeError):
            client.__wrapped__  # noqa: B018
        self.assertEqual(exchanges.attempts, [])

    def test_one_stub_serves_many_threads(self) -> None:
        """Each caller gets its own reply."""
        def echo(pool: Any, attempt: Attempt, service: str, request: bytes,
                 now: float) -> Program[Result]:
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

    def test_two_calls_have_two_numbers(self) -> None:
        """Or the second would get the reply of the first."""
        with stub(answered(1), servers=[S1]) as (client, exchanges):
            client.deposit(1)
            client.deposit(1)
        self.assertEqual(exchanges.numbers, ["1-1", "2-2"])

    def test_every_attempt_is_shown(self) -> None:
        """`on_attempt` gets the endpoint, what happened, and how long it took."""
        seen: list[Trace] = []
        with stub(REFUSED, answered(1), servers=[S1, S2], on_attempt=seen.append) as (client, _):
            client.hello("Hello")
        self.assertEqual([(trace.endpoint.instance, trace.what) for trace in seen],
                         [("s1", "connect: refused"), ("s2", "answered")])

    def test_the_time_of_an_attempt_is_honest_where_the_clock_of_deadlines_is_coarse(self) -> None:
        """As on Windows, where it would be 0.0 ms, or 15.6."""
        seen: list[Trace] = []
        with stub(REFUSED, answered(1), servers=[S1, S2], on_attempt=seen.append) as (client, _), \
                coarse_clock():
            client.hello("Hello")
        self.assertEqual([str(trace).rpartition(" (")[2] for trace in seen], ["3.1 ms)"] * 2)


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
        """Not idempotent: the same session and number each time, and then OutcomeUnknown."""
        with stub(LOST, servers=[S1, S2]) as (client, exchanges), \
                self.assertRaises(OutcomeUnknown) as caught:
            client.deposit(1)
        self.assertEqual(exchanges.tried, ["s1", "s1", "s1"])
        self.assertEqual(exchanges.headers("call-repeat"), [None, "1", "1"])
        self.assertEqual(exchanges.headers("call-attempt"), ["1-1", "2-2", "3-3"])
        self.assertEqual(exchanges.headers("call-idempotent"), [None, None, None])
        self.assertEqual(exchanges.numbers, ["1-1"] * 3)
        session, = set(exchanges.headers("call-session"))
        self.assertRegex(session or "", "^[0-9a-f]{16}$")
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
        lost = LOST._replace(made=3)
        with stub(lost, proxies=[P1, P2]) as (client, exchanges), \
                self.assertRaises(OutcomeUnknown):
            client.call("system.listMethods")
        self.assertEqual(exchanges.tried, ["p1"])

    def test_the_time_shrinks_with_every_attempt(self) -> None:
        """Half of the remaining time, in milliseconds, with a margin for the way back."""
        servers = [S1, S2, S2._replace(instance="s3")]
        with stub(LOST, LOST, answered(1), servers=servers, timeout_s=8.0) as (client, exchanges):
            client.hello("Hello")
        first, second, third = (int(request.headers["call-timeout-ms"])
                                for request in exchanges.requests)
        self.assertGreater(first, 3500)
        self.assertLessEqual(first, 4000)
        self.assertLessEqual(second, first)
        # Nobody is left to ask after the third: it has all of the time.
        self.assertGreater(third, 7500)
        self.assertLess(third, 8000)

    def test_an_expired_call_is_not_sent(self) -> None:
        """Its time was over before the first attempt: each look at the clock takes a second."""
        clock = mock.Mock(monotonic=mock.Mock(side_effect=itertools.count(1000.0)))
        with stub(answered(1), servers=[S1]) as (client, exchanges), \
                mock.patch.object(client_module, "time", clock), self.assertRaises(NotSent):
            client.call("hello", timeout_s=0.5)
        self.assertEqual(exchanges.attempts, [])


class Sessions(unittest.TestCase):
    """A call that must run once has a session at the endpoint, and a number in it."""

    def test_a_session_is_opened_once_for_the_life_of_an_endpoint(self) -> None:
        """By a request of its own, before the first call. That one is no attempt."""
        seen: list[Trace] = []
        with stub(answered(1), servers=[S1], on_attempt=seen.append) as (client, exchanges):
            for _ in range(3):
                client.deposit(1)
            self.assertEqual(exchanges.openings, ["s1"])
            self.assertEqual(len(seen), 3)
            client._directories[1].endpoints = (S1._replace(incarnation=2),)
            client.deposit(1)
            self.assertEqual(exchanges.openings, ["s1", "s1"])
        self.assertEqual(exchanges.numbers, ["1-1", "2-2", "3-3", "1-1"])
        self.assertEqual(len(set(exchanges.headers("call-session"))), 2)

    def test_a_forked_child_opens_its_own(self) -> None:
        """Its parent goes on to take numbers of the same session. Two calls would be one."""
        with stub(answered(1), servers=[S1]) as (client, exchanges):
            client.deposit(1)
            client.leave_parent()
            client.deposit(1)
        self.assertEqual(exchanges.openings, ["s1", "s1"])
        self.assertEqual(len(set(exchanges.headers("call-session"))), 2)

    def test_each_endpoint_has_its_own(self) -> None:
        with stub(answered(1), servers=[S1, S2]) as (client, exchanges):
            for _ in range(4):
                client.deposit(1)
        self.assertEqual(exchanges.openings, ["s1", "s2"])
        self.assertEqual(exchanges.numbers, ["1-1", "1-1", "2-2", "2-2"])

    def test_an_idempotent_call_needs_none(self) -> None:
        with stub(answered(1), servers=[S1]) as (client, exchanges):
            client.hello("Hello")
        self.assertEqual(exchanges.openings, [])
        self.assertEqual(exchanges.numbers, [None])

    def test_threads_share_it(self) -> None:
        """No two calls have the same number."""
        with stub(answered(1), servers=[S1]) as (client, exchanges):
            client.deposit(0)
            threads = [threading.Thread(target=lambda: [client.deposit(n) for n in range(50)])
                       for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(exchanges.openings, ["s1"])
        values = [int((number or "").split("-")[0]) for number in exchanges.numbers]
        self.assertEqual(sorted(values), list(range(1, 402)))

    def test_an_endpoint_that_does_not_know_the_session_gives_another_one(self) -> None:
        """The call has not run there: it goes there once more, as an original."""
        with stub(answered(1), servers=[S1, S2]) as (client, exchanges):
            client.deposit(1)
            exchanges.results = [REFUSED, gives_session("abcdabcdabcdabcd"), answered(2)]
            self.assertEqual(client.deposit(1), 2)
        self.assertEqual(exchanges.tried, ["s1", "s2", "s1", "s1"])
        self.assertEqual(exchanges.headers("call-session")[-1], "abcdabcdabcdabcd")
        self.assertEqual(exchanges.numbers, ["1-1", "1-1", "2-2", "1-1"])
        self.assertEqual(exchanges.headers("call-repeat"), [None] * 4)

    def test_a_call_that_was_refused_takes_a_number_of_the_next_endpoint(self) -> None:
        """Its number at the first one has ended: a late attempt cannot run there any more."""
        with stub(REFUSED, answered(1), servers=[S1, S2]) as (client, exchanges):
            client.deposit(1)
            exchanges.results = [answered(1)]
            with mock.patch.object(client._balancer, "choose",
                                   lambda now: next(iter(client._balancer.members))):
                client.deposit(1)
        self.assertEqual(exchanges.tried, ["s1", "s2", "s1"])
        self.assertEqual(exchanges.numbers, ["1-1", "1-1", "2-2"])

    def test_an_endpoint_that_gives_no_session_did_not_run_the_call(self) -> None:
        """A frozen one, for example: no call was in that request. The error shows the attempts.

        Where the reply was lost, it is asked once more.
        """
        for result, asked in ((LATE, 2), (LOST, 2), (REFUSED, 1)):
            with self.subTest(result.what), stub(result, servers=[S1]) as (client, exchanges):
                exchanges.opens = False
                with self.assertRaises(NotSent) as caught:
                    client.deposit(1)
                self.assertEqual(exchanges.openings, ["s1"] * asked)
                what = result.what if result is REFUSED else f"asking for a session: {result.what}"
                self.assertEqual([trace.what for trace in caught.exception.attempts],
                                 [what] * asked)

    def test_a_refusal_instead_of_a_session_is_shown(self) -> None:
        """It is the only attempt that there was."""
        refused = Result(Outcome.NOT_SENT, Reply(503, {}, b""), "HTTP 503 this server is stopping")
        with stub(refused, servers=[S1, S2]) as (client, exchanges):
            exchanges.opens = False
            with self.assertRaisesRegex(NotSent, "s1 at .*is stopping.*s2 at .*is stopping"):
                client.deposit(1)

    def test_a_number_is_open_as_long_as_its_error_is_kept(self) -> None:
        """Who keeps the error may still ask. It ends with the error, at once."""
        with stub(answered(1), servers=[S1]) as (client, exchanges):
            client.deposit(1)
            exchanges.results = [LOST]
            kept = unknown(client)
            exchanges.results = [answered(1)]
            client.deposit(1)
            client.deposit(1)
            self.assertEqual(exchanges.numbers[-2:], ["3-2", "4-2"])
            # Without the garbage collector, which may run much later.
            gc.disable()
            self.addCleanup(gc.enable)
            del kept
            client.deposit(1)
            self.assertEqual(exchanges.numbers[-1], "5-5")


class Promises(unittest.TestCase):
    """A registry may name a promise that a server does not keep, as of another version."""

    def test_what_is_not_idempotent_there_goes_the_careful_way(self) -> None:
        """At once, at the same server. This is remembered for the next call."""
        with stub(NEEDS_CARE, answered(1), servers=[S1]) as (client, exchanges):
            self.assertEqual(client.hello("Hello"), 1)
            self.assertEqual(client.hello("Hello"), 1)
        self.assertEqual(exchanges.tried, ["s1"] * 3)
        self.assertEqual([attempt.kind for attempt in exchanges.attempts],
                         [Kind.IDEMPOTENT, Kind.ORIGINAL, Kind.ORIGINAL])

    def test_after_an_unknown_outcome_it_has_ended(self) -> None:
        """It may have run once, and nobody can be asked about it."""
        with stub(LOST, NEEDS_CARE, answered(1), servers=[S1, S2]) as (client, exchanges):
            error = unknown(client, "hello")
            self.assertEqual(exchanges.tried, ["s1", "s2"])
            with self.assertRaisesRegex(OutcomeUnknown, "sent without a number"):
                error.resolve()


class Strangers(unittest.TestCase):
    """Another process has taken the port of a server that has died."""

    def goes_on(self, method: str, reply: Reply) -> None:
        """A call that meets this reply is answered by the other server; the stranger is left."""
        seen: list[Trace] = []
        with self.subTest(method=method, reply=reply), \
                stub(judge(reply, S1, "greeter"), answered(1), servers=[S1, S2],
                     on_attempt=seen.append) as (client, exchanges):
            exchanges.opens = False
            exchanges.results.insert(1, gives_session("abcdabcdabcdabcd"))
            if method == "hello":
                exchanges.results.pop(1)
            self.assertEqual(client.call(method, 1), 1)
            stranger, server = client._balancer.members
            self.assertIsNotNone(stranger.trial_at)
            self.assertIsNone(server.trial_at)
        self.assertEqual([trace.endpoint.instance for trace in seen], ["s1", "s2"])
        self.assertIn("stranger", seen[0].what)

    def test_a_plain_web_server_is_no_answer(self) -> None:
        """Whatever it says: it does not have the function."""
        for status in (200, 301, 403, 404, 410, 500, 503):
            for method in ("hello", "deposit"):
                self.goes_on(method, Reply(status, {}, b"<html>"))
        # It cannot refuse for us either.
        self.goes_on("hello", Reply(503, {"not-executed": "1"}, b""))

    def test_neither_is_the_server_of_another_service(self) -> None:
        headers = {"served-by": "b1; incarnation=7; service=bank", "not-executed": "1"}
        for method in ("hello", "deposit"):
            self.goes_on(method, Reply(404, headers, b""))

    def test_an_error_500_of_a_stranger_leaves_a_call_unknown_that_may_not_run_twice(self) -> None:
        """A gateway on the way makes such errors, too, after the call has run."""
        with stub(answered(1), servers=[S1, S2]) as (client, exchanges):
            client.deposit(1)
            client.deposit(1)
            exchanges.results = [judge(Reply(500, {}, b""), S1, "greeter")]
            unknown(client)
        self.assertEqual(set(exchanges.tried[2:]), {"s1"})

    def test_another_instance_of_the_service_has_answered(self) -> None:
        """The server came back on its port under another name."""
        headers = {"served-by": "s9; incarnation=7; service=greeter"}
        reply = Reply(200, headers, encode_result("World"))
        with stub(judge(reply, S1, "greeter"), servers=[S1]) as (client, _):
            self.assertEqual(client.hello("Hello"), "World")

    def test_the_attempts_of_a_proxy_are_shown(self) -> None:
        """As its reply tells them; without characters that a terminal obeys."""
        headers = {"failed-attempts": "s1: connect: refused\x1b[2J"}
        result = Result(Outcome.ANSWERED, Reply(200, headers, encode_result("World")), "answered")
        traces: list[Trace] = []
        for each in (result, answered("World")):
            with stub(each, proxies=[P1], servers=[S1], on_attempt=traces.append) as (client, _):
                client.hello("Hello")
        self.assertEqual([trace.tried for trace in traces], ["s1: connect: refused?[2J", ""])
        self.assertTrue(str(traces[0]).endswith(", tried s1: connect: refused?[2J"), traces[0])

    def test_a_proxy_that_does_not_know_the_service_is_passed_over(self) -> None:
        """404 with Not-Executed: it may have been started a moment ago."""
        headers = {"served-by": "p1; incarnation=1; service=proxy", "not-executed": "1"}
        refused = judge(Reply(404, headers, b"no service"), P1, "greeter")
        with stub(refused, answered(1), proxies=[P1], servers=[S1]) as (client, exchanges):
            self.assertEqual(client.hello("Hello"), 1)
        self.assertEqual(exchanges.tried, ["p1", "s1"])

    def test_an_endpoint_that_is_not_pontes_own_is_not_checked(self) -> None:
        """Nor does it get a session: its calls go as those of a stock client, once."""
        foreign = endpoint("f1", remembers=False)
        for status, raises in ((200, None), (404, Fault)):
            reply = Reply(status, {}, encode_result(1))
            with stub(judge(reply, foreign, "greeter"), servers=[foreign]) as (client, exchanges):
                if raises:
                    self.assertRaises(raises, client.deposit, 1)
                else:
                    client.deposit(1)
            self.assertEqual(exchanges.openings, [])
            self.assertEqual(exchanges.headers("call-session"), [None])
        with stub(LOST, servers=[foreign, S2]) as (client, exchanges):
            error = unknown(client)
            self.assertEqual(exchanges.tried, ["f1"])
            with self.assertRaisesRegex(OutcomeUnknown, "sent without a number"):
                error.resolve()


    def test_an_endpoint_is_asked_at_its_own_path(self) -> None:
        foreign = endpoint("f1", remembers=False, path="/RPC2")
        for server, path in ((foreign, "/RPC2"), (S1, "/greeter")):
            with stub(judge(Reply(200, {"served-by": "s1; incarnation=1; service=greeter"},
                                  encode_result(1)), server, "greeter"),
                      servers=[server]) as (client, exchanges):
                client.deposit(1)
            self.assertEqual([request.target for request in exchanges.requests], [path])


class Resolving(unittest.TestCase):
    """`OutcomeUnknown.resolve`: what came of the call?"""

    def asks(self, error: OutcomeUnknown, *results: Result) -> Any:
        """Resolves, where questions come to these results, the last one repeated."""
        self.places: list[Place] = []
        left = list(results)

        def ask(pool: Any, place: Place, service: str, lines: str,
                deadline: float) -> Program[Result]:
            self.places.append(place)
            yield from ()
            return left.pop(0) if len(left) > 1 else left[0]

        with mock.patch.multiple("ponte.calls.resolving", ask=ask, PAUSE_S=0.0):
            # Where a test says that nobody can tell, time is over at once.
            return error.resolve(0.01 if results[-1].outcome is Outcome.UNKNOWN else 5.0)

    def told(self, value: bytes) -> Result:
        return Result(Outcome.ANSWERED, Reply(200, {"call-resolved": "reply"}, value), "answered")

    def test_it_returns_the_value_or_raises_the_fault(self) -> None:
        """As the call would have done. The server is asked with the call's session and number."""
        with stub(LOST, servers=[S1]) as (client, exchanges):
            self.assertEqual(self.asks(unknown(client), self.told(encode_result(7))), 7)
            place, = self.places
            self.assertEqual(place.endpoint, S1)
            self.assertEqual([place.session_id], list(set(exchanges.headers("call-session"))))
            self.assertEqual(place.number, "1-1")
            with self.assertRaises(Fault):
                self.asks(unknown(client), self.told(encode_fault(Fault(7, "no"))))

    def test_it_raises_not_sent_for_a_call_that_never_will_run(self) -> None:
        with stub(LOST, servers=[S1]) as (client, _), self.assertRaises(NotSent) as caught:
            self.asks(unknown(client), DEAD)
        self.assertIn("greeter.deposit: not executed", str(caught.exception))

    def test_the_server_is_asked_until_it_can_tell(self) -> None:
        """It is frozen, or unreachable, for a while."""
        with stub(LOST, servers=[S1]) as (client, _):
            self.assertEqual(
                self.asks(unknown(client), LATE, LOST, self.told(encode_result(7))), 7)
        self.assertEqual(len(self.places), 3)

    def test_if_nobody_can_tell_it_stays_unknown(self) -> None:
        """That life is gone, or out of reach, or has dropped the reply: `ran` is known then.

        Out of reach may end: the same error may be resolved later, and the new one as well.
        """
        for result in (GONE, LATE, RAN):
            with self.subTest(result), stub(LOST, servers=[S1]) as (client, _):
                error = unknown(client)
                with self.assertRaises(OutcomeUnknown) as caught:
                    self.asks(error, result)
                self.assertEqual(caught.exception.ran, result.ran)
                for each in (error, caught.exception):
                    self.assertEqual(self.asks(each, self.told(encode_result(7))), 7)

    def test_a_call_that_is_known_to_have_run_says_so_at_once(self) -> None:
        with stub(LOST, RAN, servers=[S1]) as (client, _):
            self.assertTrue(unknown(client).ran)

    def test_the_answer_is_kept(self) -> None:
        """It stays true, so nobody is asked a second time; and the number has ended."""
        with stub(LOST, servers=[S1]) as (client, exchanges):
            error = unknown(client)
            for _ in range(2):
                self.assertEqual(self.asks(error, self.told(encode_result(7))), 7)
            self.assertEqual(self.places, [])
            exchanges.results = [answered(1)]
            client.deposit(1)
            self.assertEqual(exchanges.numbers[-1], "2-2")

    def test_an_idempotent_call_cannot_be_resolved(self) -> None:
        """It may be called again instead. No process remembers it."""
        with stub(LOST, servers=[S1]) as (client, _), \
                self.assertRaisesRegex(OutcomeUnknown, "sent without a number"):
            unknown(client, "hello").resolve()

    def test_a_proxy_is_asked_and_the_server_that_it_named(self) -> None:
        """The proxy first: it may know more. Or it has gone, and the server tells."""
        at_server = Place(S1._replace(idempotent=()), "9f86d081884c7d65", "12-11")
        lost = LOST._replace(sent_to=str(at_server))
        for told in ([self.told(encode_result(7))], [GONE, self.told(encode_result(7))],
                     [LATE, self.told(encode_result(7))]):
            with stub(lost, proxies=[P1], servers=[S1]) as (client, exchanges):
                self.assertEqual(self.asks(unknown(client), *told), 7)
            self.assertEqual(set(exchanges.tried), {"p1"})
            self.assertEqual([place.endpoint.instance for place in self.places],
                             ["p1", "s1"][:len(told)])
        self.assertEqual(self.places[1], at_server)

    def test_the_server_is_known_though_the_proxy_died_later(self) -> None:
        """It had named the server in the reply to an earlier attempt."""
        at_server = Place(S1._replace(idempotent=()), "9f86d081884c7d65", "12-11")
        for last in (LOST, LATE, REFUSED):
            with stub(LOST._replace(sent_to=str(at_server)), last, proxies=[P1]) as (client, _):
                self.assertEqual(
                    self.asks(unknown(client), GONE, self.told(encode_result(7))), 7)
            self.assertEqual(self.places[1:], [at_server])

    def test_a_place_that_cannot_be_read_is_passed_over(self) -> None:
        with stub(LOST._replace(sent_to="somewhere"), proxies=[P1]) as (client, _):
            self.assertEqual(self.asks(unknown(client), self.told(encode_result(7))), 7)
        self.assertEqual(len(self.places), 1)

    def test_it_works_after_the_client_was_closed(self) -> None:
        """With connections of its own, which are closed again."""
        with stub(LOST, servers=[S1]) as (client, _):
            error = unknown(client)
        with mock.patch.object(client_module, "Pool") as pool:
            self.assertEqual(self.asks(error, self.told(encode_result(7))), 7)
        pool.return_value.close.assert_called_once_with()


def unknown(client: Client, method: str = "deposit") -> OutcomeUnknown:
    """The error of a call whose outcome is unknown."""
    try:
        client.call(method, 1)
    except OutcomeUnknown as error:
        return error.with_traceback(None)
    raise AssertionError("the outcome is known")


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
