"""The proxy: what it passes on, what it answers itself, and where it sends a repeat. The test is its engine."""

from __future__ import annotations

import argparse
import threading
import time
import unittest
from collections import Counter
from collections.abc import Sequence
from typing import Any, Callable
from unittest import mock

import proxy as proxy_module
from ponte.calls.balancing import POLICIES
from ponte.calls.endpoint import Endpoint
from ponte.calls.hop import Result, judge
from ponte.calls.once import CallMemory
from ponte.calls.rule import Attempt, Outcome
from ponte.net.message import ProtocolError, Reply, Request, encode_reply
from ponte.net.parser import ReplyParser, RequestParser
from ponte.process.options import UsageError
from proxy import Proxy
from relayed_call import RelayedCall
from tests.fakes import endpoint, hurry_listeners, show_to

PATIENCE_S = 5.0
OK = Result(Outcome.ANSWERED, Reply(200, {"served-by": "s; incarnation=1"}, b"<value/>"), "answered")
REFUSED = Result(Outcome.NOT_SENT, None, "connect: refused")
LOST = Result(Outcome.UNKNOWN, None, "reply: reset")
LATE = Result(Outcome.UNKNOWN, None, "reply: timed out", timed_out=True)
SERVERS = endpoint("s1"), endpoint("s2"), endpoint("s3")


def setUpModule() -> None:
    hurry_listeners()


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


class ProxyTest(unittest.TestCase):
    """A proxy without a socket in use: requests are handed in by hand, exchanges come to what the test says."""

    def setUp(self) -> None:
        self.proxy = self.make()
        self.attempts: list[Attempt] = []
        self.passed_on: list[Request] = []
        self.results: list[Any] = [OK]
        self.know(*SERVERS)

    def make(self, **options: Any) -> Proxy:
        proxy = Proxy(port=0, registries=(), name="proxy-1", **options)
        self.addCleanup(proxy.close)
        return proxy

    def know(self, *endpoints: Endpoint) -> None:
        """Lets the proxy see these endpoints and no others."""
        show_to(self.proxy, *endpoints)

    def carry_out(self, call: RelayedCall) -> Reply:
        """What an engine does, without a socket."""
        while True:
            order = call.next_attempt(time.monotonic())
            if order is None:
                return call.reply
            call.settle(self.exchange(*order), time.monotonic())

    def exchange(self, attempt: Attempt, request: bytes) -> Result:
        """Gives out the results in turn, the last again and again; one that can be called is called first."""
        parser = RequestParser()
        parser.feed(request)
        message = parser.next_message()
        assert message
        self.attempts.append(attempt)
        self.passed_on.append(message)
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        return result() if callable(result) else result  # type: ignore[no-any-return]

    @property
    def tried(self) -> list[str]:
        return [attempt.endpoint.instance for attempt in self.attempts]

    def post(self, target: str = "/greeter", method: str = "POST", received_at: float | None = None,
             call_id: str | None = None, **headers: str) -> Reply:
        """The reply to a call; `Call_Attempt="2"` becomes the header call-attempt. Names in lower case, as read."""
        named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        request = Request(method, target, {"host": "here", **named}, b"<call/>", call_id=call_id)
        try:
            begun = self.proxy._begin(request, time.monotonic() if received_at is None else received_at)
            reply = begun if isinstance(begun, Reply) else self.carry_out(begun)
        except ProtocolError as error:
            reply = Reply(error.status, {}, error.reason.encode())
        return reply._replace(headers=lower(reply.headers))

    def same(self) -> str:
        return f'"{self.proxy.incarnation}"'


class PassingOn(ProxyTest):
    """Whole messages, unread."""

    def test_the_body_goes_on_as_it_came(self) -> None:
        """To the service that the path names; the proxy knows nothing of XML."""
        reply = self.post()
        self.assertEqual((self.passed_on[0].method, self.passed_on[0].target, self.passed_on[0].body),
                         ("POST", "/greeter", b"<call/>"))
        self.assertEqual((reply.status, reply.body), (200, b"<value/>"))

    def test_headers_of_the_hop_stay_behind(self) -> None:
        """RFC 9110 section 7.6.1: the known ones, and those that Connection names - both ways."""
        hop = {"Connection": "keep-alive, X-Hop", "Keep_Alive": "1", "TE": "trailers", "Trailer": "x", "Upgrade": "h2c",
               "Proxy_Authorization": "secret", "Proxy_Connection": "close", "X_Hop": "1", "Expect": "100-continue",
               "Transfer_Encoding": "chunked"}
        self.results = [Result(Outcome.ANSWERED, Reply(200, lower({
            name.replace("_", "-"): value for name, value in {**hop, "X_End": "2"}.items()}), b""), "answered")]
        reply = self.post("/greeter", "POST", None, X_End="1", Content_Type="text/xml", **hop)
        names = {name.replace("_", "-").lower() for name in hop}
        passed = self.passed_on[0].headers
        self.assertEqual((names & passed.keys(), names & reply.headers.keys()), (set(), set()))
        self.assertEqual((passed["x-end"], passed["content-type"], reply.headers["x-end"]), ("1", "text/xml", "2"))

    def test_via_is_added(self) -> None:
        """After those that are there; and to the reply."""
        self.assertEqual(self.post().headers["via"], "1.1 proxy-1")
        self.post(Via="1.0 other")
        self.assertEqual([request.headers["via"] for request in self.passed_on],
                         ["1.1 proxy-1", "1.0 other, 1.1 proxy-1"])

    def test_the_headers_of_the_call_are_those_of_this_hop(self) -> None:
        """Host is the server's, the time is what is left, the id goes on; an idempotent call stays one."""
        self.post(call_id="id-1", Call_Timeout_Ms="2000", Call_Attempt="2", Call_Idempotent="1")
        passed = self.passed_on[0].headers
        self.assertEqual(self.passed_on[0].call_id, "id-1")
        self.assertEqual((passed["host"], passed["call-attempt"], passed["call-idempotent"]),
                         ("127.0.0.1:4242", "2", "1"))
        self.assertTrue(0 < int(passed["call-timeout-ms"]) <= 1000)
        self.assertNotIn("if-match", passed)

    def test_a_stock_client_gets_the_safe_defaults(self) -> None:
        """Not idempotent, an id of its own, and the time of the proxy."""
        self.post()
        self.post()
        first, second = self.passed_on
        self.assertNotEqual(first.call_id, second.call_id)
        self.assertNotIn("call-idempotent", first.headers)
        self.assertLessEqual(int(first.headers["call-timeout-ms"]), proxy_module.CALL_TIMEOUT_S * 500)

    def test_a_reply_tells_who_served_it_and_how_many_attempts_it_took(self) -> None:
        """So that all hops together stay within three."""
        self.results = [LOST, OK]
        reply = self.post(Call_Idempotent="1")
        self.assertEqual((reply.headers["served-by"], reply.headers["call-attempt"]), ("s; incarnation=1", "2"))
        self.assertEqual(judge(reply).number, 2)

    def test_a_reply_with_an_attempt_number_of_its_own_stays_readable(self) -> None:
        """A strict parser refuses two headers of that name: there must be one."""
        self.results = [Result(Outcome.ANSWERED, Reply(200, {"call-attempt": "1", "via": "1.1 x"}, b""), "answered")]
        begun = self.proxy._begin(Request("POST", "/greeter", {"host": "a"}, b""), time.monotonic())
        assert isinstance(begun, RelayedCall)
        reply = self.carry_out(begun)
        parser = ReplyParser()
        parser.feed(encode_reply(reply))
        try:
            self.assertIsNotNone(parser.next_message())
        except ProtocolError as error:
            raise AssertionError(error.reason) from None

    def test_calls_are_shared_out_evenly(self) -> None:
        """300 on three: 100 each."""
        for _ in range(300):
            self.post()
        self.assertEqual(Counter(self.tried), {"s1": 100, "s2": 100, "s3": 100})

    def test_each_service_has_its_own_servers(self) -> None:
        """By path; a draining server gets no new calls, and proxies are no service."""
        self.know(endpoint("b1", service="bank"), endpoint("b2", service="bank", state="draining"), endpoint("s1"),
                  endpoint("proxy-2", service="proxy"))
        for target in ("/bank", "/bank", "/greeter"):
            self.post(target)
        self.assertEqual(self.tried, ["b1", "b1", "s1"])


class OwnAnswers(ProxyTest):
    """What the proxy says itself."""

    def test_an_unknown_service_is_404_and_names_those_known(self) -> None:
        """One line; once a registry has told all there are."""
        self.know(*SERVERS, endpoint("b", service="bank"))
        with mock.patch.object(self.proxy._directory, "is_complete", return_value=True):
            for target in ("/nobody", "/", "/proxy"):
                reply = self.post(target)
                self.assertEqual(reply.status, 404)
                self.assertIn(b"there are: bank, greeter", reply.body)

    def test_as_long_as_the_view_is_not_whole_nothing_is_404(self) -> None:
        """503 with Not-Executed: the service may be there in a moment."""
        reply = self.post("/nobody")
        self.assertEqual((reply.status, judge(reply).outcome), (503, Outcome.NOT_SENT))

    def test_no_live_server_is_not_executed(self) -> None:
        """The service is known, its servers have gone: 503 with Not-Executed, not 404."""
        self.know()
        reply = self.post()
        self.assertEqual((reply.status, reply.headers["not-executed"], self.attempts), (503, "1", []))

    def test_servers_that_all_refuse_are_not_executed(self) -> None:
        """Each was asked once."""
        self.results = [REFUSED]
        reply = self.post()
        self.assertEqual((sorted(self.tried), judge(reply).outcome), (["s1", "s2", "s3"], Outcome.NOT_SENT))

    def test_an_unknown_outcome_is_502_and_a_late_one_504(self) -> None:
        """With the number of attempts that may have run; never with Not-Executed."""
        for result, status in ((LOST, 502), (LATE, 504)):
            self.results = [result]
            reply = self.post()
            self.assertEqual((reply.status, reply.headers["call-attempt"]), (status, "3"))
            self.assertNotIn("not-executed", reply.headers)
            self.assertIs(judge(reply).outcome, Outcome.UNKNOWN)

    def test_its_own_via_is_a_loop(self) -> None:
        """508; the names of others, and names that only contain its own, are none."""
        for via, status in (("1.1 proxy-1", 508), ("1.1 a, 1.1 proxy-1", 508), ("1.1 a,1.1 proxy-1", 508),
                            ("1.1 proxy-10", 200), ("1.1 a", 200)):
            with self.subTest(via):
                self.assertEqual(self.post(Via=via).status, status)

    def test_a_draining_proxy_refuses(self) -> None:
        """503 with Not-Executed: any caller may go to another."""
        self.proxy._refuse()
        self.assertIs(judge(self.post()).outcome, Outcome.NOT_SENT)
        self.assertEqual(self.attempts, [])

    def test_only_posts_are_relayed(self) -> None:
        """405 with Allow; the pages are read with GET."""
        for method in ("GET", "PUT", "TRACE", "DELETE"):
            reply = self.post(method=method)
            self.assertEqual((reply.status, reply.headers["allow"]), (405, "POST"))
        for target in ("/health", "/status", "/metrics"):
            self.assertEqual(self.post(target, "GET").status, 200)

    def test_its_own_answers_say_so(self) -> None:
        """Served-By: the proxy."""
        self.know()
        self.assertEqual(self.post().headers["served-by"], f"proxy-1; incarnation={self.proxy.incarnation}")

    def test_headers_that_cannot_be_meant_are_refused(self) -> None:
        """400, and nothing is passed on."""
        for headers in ({"Call_Timeout_Ms": "x"}, {"Call_Attempt": "-1"}, {"Call_Attempt": "\u0661"}):
            with self.subTest(headers):
                self.assertEqual(self.post("/greeter", "POST", None, None, **headers).status, 400)
        self.assertEqual(self.post(call_id="").status, 400)
        self.assertEqual(self.attempts, [])

    def test_expired_calls_are_not_passed_on(self) -> None:
        """503 with Not-Executed."""
        for headers, received_at in (({"Call_Timeout_Ms": "0"}, time.monotonic()),
                                     ({"Call_Timeout_Ms": "50"}, time.monotonic() - 0.06)):
            reply = self.post("/greeter", "POST", received_at, None, **headers)
            self.assertEqual((reply.status, reply.headers["not-executed"], self.attempts), (503, "1", []))


class Repeats(ProxyTest):
    """A call that is not idempotent never reaches a second server once the first may have run it."""

    def test_a_lost_reply_is_asked_for_again_at_the_same_server(self) -> None:
        """With If-Match of that server's incarnation and the same id."""
        self.results = [LOST, OK]
        self.assertEqual(self.post(call_id="id-1").status, 200)
        self.assertEqual(self.tried, ["s1", "s1"])
        self.assertEqual([request.headers.get("if-match") for request in self.passed_on], [None, '"1"'])
        self.assertEqual({request.call_id for request in self.passed_on}, {"id-1"})

    def test_an_idempotent_call_goes_to_another_server(self) -> None:
        """Its author says that it may run twice."""
        self.results = [LOST, OK]
        self.assertEqual(self.post(Call_Idempotent="1").status, 200)
        self.assertEqual((self.tried[0], len(self.tried), len(set(self.tried))), ("s1", 2, 2))

    def test_a_repeat_of_the_caller_goes_where_the_first_attempt_went(self) -> None:
        """Told by If-Match with this proxy's incarnation; the server is told with its own."""
        self.results = [OK]
        self.post(call_id="id-1")
        self.post(call_id="id-2")
        self.post(call_id="id-1", If_Match=self.same(), Call_Attempt="2")
        self.assertEqual(self.tried, ["s1", "s2", "s1"])
        self.assertEqual(self.passed_on[2].headers["if-match"], '"1"')

    def test_the_same_id_without_if_match_goes_there_too(self) -> None:
        """A caller of another make repeats by its id alone."""
        self.post(call_id="id-1")
        self.post(call_id="id-1")
        self.assertEqual(self.tried, ["s1", "s1"])

    def test_a_repeat_whose_server_has_gone_stays_unknown(self) -> None:
        """It is asked all the same, though no registry names it any more; nobody else is."""
        self.results = [LOST]
        self.post(call_id="id-1")
        self.know(endpoint("s2"), endpoint("s3"))
        self.attempts.clear()
        self.results = [REFUSED]
        reply = self.post(call_id="id-1", If_Match=self.same(), Call_Attempt="2")
        self.assertEqual((self.tried, judge(reply).outcome), (["s1"], Outcome.UNKNOWN))

    def test_what_was_sent_nowhere_may_go_anywhere(self) -> None:
        """The first attempt was refused by all: a repeat is a first attempt."""
        self.results = [REFUSED]
        self.post(call_id="id-1")
        self.results = [OK]
        self.attempts.clear()
        self.assertEqual(self.post(call_id="id-1", If_Match=self.same()).status, 200)
        self.assertIsNone(self.passed_on[-1].headers.get("if-match"))

    def test_another_incarnation_is_told_so(self) -> None:
        """412: this process does not know where the call went."""
        self.assertEqual(self.post(call_id="id-1", If_Match='"1"').status, 412)
        self.assertEqual(self.attempts, [])

    def test_a_forgotten_route_is_told(self) -> None:
        """412 rather than a guess; new calls go on."""
        self.proxy._shared.routes = CallMemory(max_entries=1)
        self.post(call_id="id-1")
        self.post(call_id="id-2")
        self.assertEqual(self.post(call_id="id-1", If_Match=self.same()).status, 412)
        self.assertEqual(self.post(call_id="id-3").status, 200)
        self.assertEqual(len(self.attempts), 3)

    def test_an_attempt_that_was_taken_over_goes_no_further(self) -> None:
        """Its caller has given up and repeats: of the two, only the repeat may choose a server."""
        entered, go_on = threading.Event(), threading.Event()

        def refused_late() -> Result:
            entered.set()
            go_on.wait(PATIENCE_S)
            return REFUSED

        self.results = [refused_late, OK]
        first: list[Reply] = []
        thread = threading.Thread(target=lambda: first.append(self.post(call_id="id-1")))
        thread.start()
        entered.wait(PATIENCE_S)
        repeat = self.post(call_id="id-1", If_Match=self.same(), Call_Attempt="2")
        go_on.set()
        thread.join(PATIENCE_S)
        self.assertEqual((repeat.status, first[0].status), (200, 503))
        self.assertEqual(self.tried, ["s1", "s1"], "the first attempt went to no other server")

    def test_attempts_before_this_hop_count(self) -> None:
        """The third of three is the last, and gets all the time that is left."""
        self.results = [LOST]
        self.post(Call_Idempotent="1", Call_Attempt="3", Call_Timeout_Ms="1000")
        self.assertEqual(len(self.attempts), 1)
        self.assertGreater(self.attempts[0].timeout_s, 0.9)


class Making(unittest.TestCase):
    """What a proxy can be made of."""

    def make(self, **options: Any) -> Callable[[], Proxy]:
        return lambda: Proxy(port=0, registries=(), **options)

    def test_what_cannot_be_is_refused_and_leaves_nothing_open(self) -> None:
        """A bad name, or an address that nobody could call: ValueError, and the port is free again."""
        rows: Sequence[dict[str, Any]] = ({"name": "a/b"}, {"advertise": ("0.0.0.0", 1)})
        for options in rows:
            with self.subTest(options), mock.patch.dict(proxy_module.ENGINES, threads=mock.Mock()) as engines:
                listener = engines["threads"]
                listener.return_value.address = ("127.0.0.1", 4242)
                with self.assertRaises(ValueError):
                    self.make(**options)()
                self.assertEqual(listener.call_count, listener.return_value.close.call_count)

    def test_every_policy_can_be_chosen(self) -> None:
        """By its name in the table of policies; another is a KeyError."""
        for balance in POLICIES:
            self.make(balance=balance)().close()
        with self.assertRaises(KeyError):
            self.make(balance="guess")()

    def test_a_mistake_on_the_command_line_is_a_usage_error(self) -> None:
        """With the port that is taken, and the flag."""
        with self.make()() as running:
            chosen = argparse.Namespace(host="127.0.0.1", port=running.address[1], balance="round_robin", registry=[],
                                        name=None, key_file=None, insecure=False, advertise=None, timeout=1.0,
                                        engine="threads", max_connections=None,
                                        tls_cert=None, tls_key=None, tls_ca=None)
            with self.assertRaisesRegex(UsageError, f"{running.address[1]}.*--port"):
                proxy_module.start_proxy(chosen)


if __name__ == "__main__":
    unittest.main()
