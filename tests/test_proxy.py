"""The proxy: what it relays, what it answers itself, and what a proxy can be made of.

The test carries out what it begins: see relaying.py. How a call goes on after it began:
test_relayed_call.py.
"""

from __future__ import annotations

import time
import unittest
from collections import Counter
from typing import Any
from unittest import mock

import proxy as proxy_module
from ponte.calls.attempt import Outcome
from ponte.calls.balancing import POLICIES, Balancer
from ponte.net import serving
from ponte.process.options import UsageError
from proxy import Proxy
from tests.fakes import endpoint, hurry_listeners
from tests.relaying import DEAD, LOST, OK, REFUSED, RelayCase


def setUpModule() -> None:
    hurry_listeners()


def make(**options: Any) -> Proxy:
    """A proxy at any free port, without registries."""
    return Proxy(port=0, registries=(), **options)


class Relaying(RelayCase):
    """Which server gets a call, and with which number and time."""

    def test_a_stock_client_gets_the_safe_defaults(self) -> None:
        """Its call is not idempotent, and has a new number and the timeout of the proxy."""
        self.knows(endpoint("s1"))
        self.post()
        self.post()
        first, second = self.exchanges.requests
        self.assertEqual((first.call_number, second.call_number), ("1-1", "2-2"))
        self.assertNotIn("call-idempotent", first.headers)
        self.assertLessEqual(int(first.headers["call-timeout-ms"]),
                             proxy_module.CALL_TIMEOUT_S * 500)

    def test_a_call_has_the_time_and_the_attempts_of_its_caller(self) -> None:
        """An attempt of a proxy gets a half of the time."""
        self.post(Call_Timeout_Ms="2000", Call_Attempt="2-3", Call_Idempotent="1")
        request, = self.exchanges.requests
        self.assertEqual(request.headers["call-attempt"], "2-2")
        self.assertEqual(request.headers["call-idempotent"], "1")
        self.assertGreater(int(request.headers["call-timeout-ms"]), 0)
        self.assertLessEqual(int(request.headers["call-timeout-ms"]), 1000)

    def test_calls_are_shared_out_evenly(self) -> None:
        """300 calls on three servers: 100 each."""
        for _ in range(300):
            self.post()
        self.assertEqual(Counter(self.exchanges.tried), {"s1": 100, "s2": 100, "s3": 100})

    def test_each_service_has_its_own_servers(self) -> None:
        """The path names the service. A draining server gets no new calls; a proxy gets none."""
        self.knows(endpoint("b1", service="bank"),
                   endpoint("b2", service="bank", state="draining"),
                   endpoint("s1"),
                   endpoint("proxy-2", service="proxy"))
        self.post("/bank")
        self.post("/bank")
        self.post("/greeter")
        self.tried("b1", "b1", "s1")

    def test_a_repeat_goes_where_the_first_attempt_went(self) -> None:
        """The caller names the number that the call has at this proxy."""
        self.relays(1, LOST)
        self.exchanges.attempts.clear()
        self.relays(2, OK)
        self.repeats(1, OK)
        self.tried("s3", "s1")

    def test_a_repeat_for_another_life_goes_nowhere(self) -> None:
        """410: this process does not know where the call went. 412 to a stub of an old version."""
        self.assertEqual(self.repeats(1, OK, session="00000000deadbeef").status, 410)
        self.assertEqual(self.post(If_Match='"1"').status, 412)
        self.tried()

    def test_a_call_whose_caller_has_left_goes_nowhere(self) -> None:
        """This proxy was frozen, and finds the request and the end of its connection. Nothing is
        remembered of it: it goes on if it comes once more."""
        attempts: list[dict[str, Any]] = [
            {"number": 1}, {"number": 1, "Call_Repeat": "1"}, {}, {"Idempotency_Key": "a"}]
        for options in attempts:
            self.not_executed(self.post(left=True, **options))
        self.tried()
        self.assertEqual(self.relays(1, OK).status, 200)
        self.assertEqual(self.post(Idempotency_Key="a").status, 200)

    def test_what_is_known_is_answered_though_its_caller_has_left(self) -> None:
        """Nothing begins."""
        first = self.relays(1, OK)
        self.assertEqual(self.repeats(1, OK, left=True), first)
        self.assertEqual(self.resolves(2, OK, left=True).headers["call-resolved"], "dead")

    def test_an_idempotent_call_goes_on_though_its_caller_has_left(self) -> None:
        """It does no harm. So the connection is not even looked at: that would cost each call."""
        self.assertEqual(self.post(Call_Idempotent="1", left=True).status, 200)


class Sessions(RelayCase):
    """A session that is not known here goes nowhere."""

    def test_a_request_for_a_session_gets_one(self) -> None:
        """It is no call: no server hears of it."""
        reply = self.post(Call_Session="new", body=b"")
        self.not_executed(reply)
        session = self.outcome(reply).session
        self.tried()
        self.assertEqual(self.relays(1, OK, session=session).status, 200)

    def test_a_resolve_of_an_unknown_session_is_unknown(self) -> None:
        """No server is asked: this proxy does not know which one."""
        reply = self.resolves(1, OK, session="00000000deadbeef")
        self.assertEqual(reply.status, 410)
        self.assertEqual(reply.headers["call-resolved"], "unknown")
        self.assertEqual(self.questions.places, [])

    def test_status_counts_sessions(self) -> None:
        before = self.proxy.status()["sessions"]
        assert isinstance(before, int)
        self.post(Call_Session="new")
        self.assertEqual(self.proxy.status()["sessions"], before + 1)


class OwnReplies(RelayCase):
    """What the proxy answers itself."""

    def test_an_unknown_service_is_404_and_the_reply_names_those_known(self) -> None:
        """In one line, once a registry has named all services."""
        self.knows(endpoint("s1"), endpoint("b", service="bank"))
        with mock.patch.object(self.proxy._directory, "is_complete", return_value=True):
            for target in ("/nobody", "/", "/proxy"):
                reply = self.post(target)
                self.assertEqual(reply.status, 404)
                self.assertIn(b"there are: bank, greeter", reply.body)
                # Nothing has run: a server itself, or another proxy, may have the service.
                self.assertEqual(reply.headers["not-executed"], "1")
                self.assertIs(self.outcome(reply).outcome, Outcome.NOT_SENT)

    def test_while_the_view_is_not_complete_no_service_is_404(self) -> None:
        """503 with Not-Executed: the service may be there in a moment."""
        self.not_executed(self.post("/nobody"))

    def test_a_service_without_a_live_server_is_not_executed(self) -> None:
        """Its servers have gone, but the service is known: not 404."""
        self.knows()
        self.not_executed(self.post())
        self.tried()

    def test_a_call_that_all_servers_refuse_is_not_executed(self) -> None:
        """Each was asked once."""
        self.exchanges.results = [REFUSED]
        self.not_executed(self.post())
        self.assertEqual(sorted(self.exchanges.tried), ["s1", "s2", "s3"])

    def test_a_call_with_its_own_via_goes_in_a_circle(self) -> None:
        """508. A name that only contains its own is another proxy."""
        for via, status in (("1.1 proxy-1", 508), ("1.1 a, 1.1 proxy-1", 508),
                            ("1.1 a,1.1 proxy-1", 508), ("1.1 proxy-10", 200), ("1.1 a", 200)):
            with self.subTest(via):
                self.assertEqual(self.post(Via=via).status, status)
        self.assertIs(self.outcome(self.post(Via="1.1 proxy-1")).outcome, Outcome.NOT_SENT)

    def test_a_draining_proxy_refuses(self) -> None:
        """503 with Not-Executed: any caller may go to another proxy."""
        self.proxy._refuse()
        self.not_executed(self.post())
        self.not_executed(self.post(Call_Idempotent="1"))
        self.not_executed(self.relays(1, OK))
        self.not_executed(self.repeats(2, OK))
        self.tried()

    def test_a_draining_proxy_gives_out_no_session(self) -> None:
        """Nor to an original whose session it does not know."""
        self.proxy._refuse()
        for reply in (self.post(Call_Session="new"),
                      self.relays(1, OK, session="00000000deadbeef")):
            self.not_executed(reply)
            self.assertNotIn("call-session", reply.headers)

    def test_a_draining_proxy_still_serves_repeats_and_resolves(self) -> None:
        """No other one knows where these calls went."""
        self.relays(1, OK)
        self.relays(2, LOST)
        self.relays(3, LOST)
        self.proxy._refuse()
        self.assertEqual(self.repeats(1, LOST).status, 200)
        self.assertEqual(self.repeats(2, OK).status, 200)
        self.assertEqual(self.resolves(3, DEAD).headers["call-resolved"], "dead")
        self.assertEqual(self.resolves(4, OK).headers["call-resolved"], "dead")

    def test_an_error_of_the_proxy_itself_leaves_the_outcome_unknown(self) -> None:
        """500: it may have been out of memory after the call had gone on. The stub does not take
        that for an answer of the function."""
        reply = self.read(serving.INTERNAL_ERROR)
        self.assertEqual(reply.status, 500)
        self.assertIs(self.outcome(reply).outcome, Outcome.UNKNOWN)

    def test_a_change_of_one_service_leaves_the_balancers_of_the_others_alone(self) -> None:
        """With 1,000 services, to update all of them would hold up the calls."""
        bank, other = endpoint("b1", service="bank"), endpoint("o1", service="other")
        with mock.patch.object(Balancer, "update", autospec=True) as updated:
            def expect_updated(*services: str) -> None:
                balancers = self.proxy._shared.balancers
                self.assertEqual({call.args[0] for call in updated.call_args_list},
                                 {balancers[service] for service in services})
                self.assertEqual(updated.call_count, len(services))
                updated.reset_mock()

            self.knows(bank, other)
            expect_updated("bank", "greeter", "other")
            self.knows(bank._replace(state="draining"), other)
            expect_updated("bank")
            self.knows(other)
            updated.assert_called_once_with(self.proxy._shared.balancers["bank"], [])
            updated.reset_mock()
            self.knows(other, endpoint("proxy-2", service="proxy"))
            expect_updated()

    def test_only_posts_are_relayed(self) -> None:
        """405 with Allow."""
        for method in ("GET", "PUT", "TRACE", "DELETE"):
            reply = self.post(method=method)
            self.assertEqual(reply.status, 405)
            self.assertEqual(reply.headers["allow"], "POST")

    def test_pages_are_read_with_get(self) -> None:
        for target in ("/health", "/status", "/metrics"):
            self.assertEqual(self.post(target, "GET").status, 200)

    def test_its_own_replies_name_the_proxy(self) -> None:
        """In Served-By, also where a relayed call has come to no answer."""
        served_by = f"proxy-1; incarnation={self.proxy.incarnation}; service=proxy"
        self.assertEqual(self.post("/nobody").headers["served-by"], served_by)
        self.assertEqual(self.post("/health", "GET").headers["served-by"], served_by)
        self.assertEqual(self.post(Call_Session="new").headers["served-by"], served_by)
        self.assertEqual(self.resolves(1, OK).headers["served-by"], served_by)
        self.knows()
        self.assertEqual(self.post().headers["served-by"], served_by)

    def test_a_header_that_is_not_a_number_is_refused(self) -> None:
        """400, and nothing is passed on."""
        self.assertEqual(self.post(Call_Timeout_Ms="x").status, 400)
        self.assertEqual(self.post(Call_Attempt="-1").status, 400)
        self.assertEqual(self.post(Call_Attempt="\u0661").status, 400)
        self.assertEqual(self.post(Call_Session="x").status, 400)
        self.assertEqual(self.post(number=1, oldest=2).status, 400)
        self.assertEqual(self.post(Call_Repeat="1").status, 400)
        self.assertEqual(self.post(Idempotency_Key="").status, 400)
        self.tried()

    def test_a_call_whose_time_is_over_is_not_passed_on(self) -> None:
        """503 with Not-Executed. Its time runs from when the request was complete."""
        self.not_executed(self.post(Call_Timeout_Ms="0"))
        self.not_executed(self.post(Call_Timeout_Ms="50", received_at=time.monotonic() - 0.06))
        self.tried()


class Status(RelayCase):
    """What /status shows."""

    def test_it_shows_each_server_of_each_service(self) -> None:
        """A server that failed is in quarantine."""
        self.knows(endpoint("s1"), endpoint("b1", service="bank"))
        self.exchanges.results = [REFUSED]
        self.post("/greeter")
        self.assertEqual(self.proxy.status()["services"], {
            "greeter": [{"instance": "s1", "state": "up", "calls": 0, "failures": 1,
                         "quarantined": True, "calls_total": 2, "failures_total": 1}],
            "bank": [{"instance": "b1", "state": "up", "calls": 0, "failures": 0,
                      "quarantined": False, "calls_total": 0, "failures_total": 0}]})

    def test_it_counts_what_calls_came_to(self) -> None:
        """`retries` counts each attempt that was not answered."""
        self.post()
        self.exchanges.results = [LOST]
        self.post()
        self.assertEqual(self.proxy.status()["requests"],
                         {"calls": 2, "retries": 3, "not_sent": 0, "unknown": 1})

    def test_it_shows_the_state(self) -> None:
        """Up, then draining."""
        self.assertEqual(self.proxy.status()["state"], "up")
        self.proxy._refuse()
        self.assertEqual(self.proxy.status()["state"], "draining")


class Making(unittest.TestCase):
    """What a proxy can be made of."""

    def refuses(self, **options: Any) -> None:
        """ValueError, and a port that was taken is free again."""
        with self.subTest(options), \
                mock.patch.object(proxy_module, "Listener") as listener:
            listener.return_value.address = ("127.0.0.1", 4242)
            with self.assertRaises(ValueError):
                make(**options)
            self.assertEqual(listener.call_count, listener.return_value.close.call_count)

    def test_a_bad_name_is_refused(self) -> None:
        self.refuses(name="a/b")

    def test_an_address_that_no_caller_can_reach_is_refused(self) -> None:
        self.refuses(advertise=("0.0.0.0", 1))

    def test_every_policy_can_be_chosen(self) -> None:
        """By its name in the table; any other name is an error that says which there are."""
        for balance in POLICIES:
            make(balance=balance).close()
        with self.assertRaisesRegex(ValueError, ", ".join(sorted(POLICIES))):
            make(balance="guess")

    def test_a_taken_port_is_a_usage_error_on_the_command_line(self) -> None:
        """One line with the port and the flag."""
        with make() as running:
            port = running.address[1]
            chosen = proxy_module.command_line().parse_args(["--port", str(port)])
            with self.assertRaisesRegex(UsageError, f"{port}.*--port"):
                proxy_module.start_proxy(chosen)


if __name__ == "__main__":
    unittest.main()
