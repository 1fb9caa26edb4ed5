"""What /metrics of each role shows, read with a strict reader."""

from __future__ import annotations

import unittest
from typing import Any
from unittest import mock

from ponte.calls.endpoint import Endpoint
from ponte.net.message import Request
from ponte.process.pages import page
from ponte.rpc.dispatcher import idempotent
from ponte.rpc.marshal import encode_call
from registry import Registry
from tests.exposition import Read, read
from tests.fakes import endpoint
from tests.relaying import LOST, OK, REFUSED, RelayCase
from tests.serving import ServerTest


def metrics(role: str, actor: Any) -> dict[str, Read]:
    """The families on the page of an actor."""
    reply = page(Request("GET", "/metrics", {}, b""), role, actor.status)
    assert reply
    return read(reply.body.decode())


class OfEveryRole:
    """What the pages of all roles have in common."""

    role = ""
    actor: Any = None

    def test_what_every_process_shows(self) -> None:
        """Its start, its processor time, connections, threads, and two counts of defects."""
        assert isinstance(self, unittest.TestCase)
        found = metrics(self.role, self.actor)
        for name in ("connections", "threads", "engine_errors_total", "thread_deaths_total"):
            self.assertGreaterEqual(found[f"ponte_{self.role}_{name}"].value(), 0)
        self.assertGreater(found["process_start_time_seconds"].value(), 0)
        self.assertGreater(found["process_cpu_seconds_total"].value(), 0)

    def test_a_sender_shows_whether_it_drains(self) -> None:
        assert isinstance(self, unittest.TestCase)
        if self.role != "registry":
            self.assertEqual(metrics(self.role, self.actor)[f"ponte_{self.role}_draining"].value(),
                             0)
            stop = self.actor._executions.stop if self.role == "server" else self.actor._refuse
            stop()
            self.assertEqual(metrics(self.role, self.actor)[f"ponte_{self.role}_draining"].value(),
                             1)

    def test_a_sender_shows_how_many_registries_are_silent(self) -> None:
        assert isinstance(self, unittest.TestCase)
        if self.role != "registry":
            with mock.patch.object(self.actor, "silent_registries", return_value=[("a", 1)]):
                found = metrics(self.role, self.actor)
            self.assertEqual(found[f"ponte_{self.role}_silent_registries"].value(), 1)


class OfServers(ServerTest, OfEveryRole):
    """A server."""

    role = "server"

    def setUp(self) -> None:
        super().setUp()
        self.actor = self.server

    def found(self) -> dict[str, Read]:
        return metrics("server", self.server)

    def test_it_says_who_it_is(self) -> None:
        self.assertEqual(self.found()["ponte_server_info"].value(service="bank", server="bank-1"),
                         1)

    def test_calls_are_counted_by_method(self) -> None:
        """A method that does not exist has no name of its own: a caller could invent many."""
        def fails() -> None:
            raise ValueError("x")

        self.server.register_function(idempotent(fails))
        for number, name in enumerate(("deposit", "deposit", "fails", "invented", "x" * 5000), 1):
            self.post(number, body=encode_call(name, (1,) if name == "deposit" else ()))
        found = self.found()
        counts = {labels: value for (ending, labels), value in
                  found["ponte_server_call_duration_seconds"].samples.items()
                  if ending == "_count"}
        self.assertEqual(counts, {
            (("method", "deposit"),): 2, (("method", "fails"),): 1, (("method", "(other)"),): 2})
        self.assertEqual(found["ponte_server_calls_total"].value(), 5)
        self.assertEqual(found["ponte_server_faults_total"].value(), 3)

    def test_the_time_of_a_call_is_that_until_its_reply(self) -> None:
        times = iter([100.0, 100.75])
        with mock.patch("execution.time", mock.Mock(monotonic=lambda: next(times))):
            self.post(received_at=100.0)
        found = self.found()["ponte_server_call_duration_seconds"].samples
        labels = (("method", "deposit"),)
        self.assertEqual(found["_sum", labels], 0.75)
        self.assertEqual(found["_bucket", (("le", "0.5"), *labels)], 0)
        self.assertEqual(found["_bucket", (("le", "1"), *labels)], 1)

    def test_repeats_and_refusals_are_counted_and_are_no_calls(self) -> None:
        """No counter goes back: not when an admitted call is refused after all."""
        self.post(1)
        self.post(1, Call_Repeat="1", Call_Attempt="2")
        self.post(2, Call_Timeout_Ms="0")
        self.post(None, Call_Idempotent="1")
        found = self.found()
        self.assertEqual([found[f"ponte_server_{name}_total"].value()
                          for name in ("calls", "repeats", "refused", "faults")], [1, 1, 2, 0])

    def test_it_shows_what_it_remembers_and_runs(self) -> None:
        """Also the beats that registries have acked: none is known here."""
        let_it_end = self.begins_to_run(1)
        found = self.found()
        self.assertEqual(found["ponte_server_running_calls"].value(), 1)
        self.assertEqual(found["ponte_server_sessions"].value(), 1)
        self.assertGreater(found["ponte_server_remembered_bytes"].value(), 0)
        self.assertEqual(found["ponte_server_acked_beats_total"].value(), 0)
        let_it_end()
        self.assertEqual(self.found()["ponte_server_running_calls"].value(), 0)


class OfProxies(RelayCase, OfEveryRole):
    """A proxy."""

    role = "proxy"

    def setUp(self) -> None:
        super().setUp()
        self.actor = self.proxy

    def found(self) -> dict[str, Read]:
        return metrics("proxy", self.proxy)

    def of_endpoint(self, server: str, name: str, **labels: str) -> float:
        return self.found()[f"ponte_proxy_endpoint_{name}"].value(service="greeter", server=server,
                                                                 **labels)

    def test_it_says_who_it_is(self) -> None:
        self.assertEqual(self.found()["ponte_proxy_info"].value(proxy="proxy-1"), 1)
        self.assertEqual(self.found()["ponte_proxy_sessions"].value(), 1)

    def test_each_server_has_its_state(self) -> None:
        """One sample for each state; that of the present one is 1."""
        self.knows(endpoint("s1"), endpoint("s2", state="suspect"))
        self.assertEqual([self.of_endpoint(server, "state", state=state)
                          for server in ("s1", "s2") for state in ("up", "suspect", "draining")],
                         [1, 0, 0, 0, 1, 0])

    def test_each_server_has_its_counts(self) -> None:
        """They only grow, also over answers that end a quarantine."""
        self.exchanges.results = [REFUSED, OK]
        self.post(Call_Idempotent="1")
        self.assertEqual([self.of_endpoint(server, name) for server in ("s1", "s2", "s3")
                          for name in ("calls_total", "failures_total", "quarantined")],
                         [1, 1, 1, 0, 0, 0, 1, 0, 0])
        self.knows(endpoint("s1"))
        self.post(Call_Idempotent="1")
        self.assertEqual([self.of_endpoint("s1", name)
                          for name in ("calls_total", "failures_total", "quarantined")], [2, 1, 0])

    def test_a_call_on_its_way_runs_at_its_server(self) -> None:
        call = self.begins(None)
        self.assertEqual(self.of_endpoint("s1", "running_calls"), 1)
        call.go_on(OK)
        self.assertEqual(self.of_endpoint("s1", "running_calls"), 0)

    def test_calls_are_counted_by_service_and_outcome(self) -> None:
        """Those without an answer, too."""
        self.relays(1, OK)
        self.relays(2, LOST)
        self.relays(3, REFUSED)
        found = self.found()
        counts = {dict(labels)["outcome"]: value for (ending, labels), value in
                  found["ponte_proxy_call_duration_seconds"].samples.items()
                  if ending == "_count" and dict(labels)["service"] == "greeter"}
        self.assertEqual(counts, {"answered": 1, "unknown": 1, "not_sent": 1})
        self.assertEqual([found[f"ponte_proxy_{name}_total"].value()
                          for name in ("calls", "not_sent_calls", "unknown_calls")], [3, 1, 1])
        self.assertGreater(found["ponte_proxy_retries_total"].value(), 1)

    def test_the_time_of_a_call_is_that_of_all_its_attempts(self) -> None:
        times = iter([100.0, 100.25, 100.75])
        self.exchanges.results = [REFUSED, OK]
        with mock.patch("relayed_call.time", mock.Mock(monotonic=lambda: next(times))):
            self.post(received_at=100.0, Call_Idempotent="1")
        found = self.found()["ponte_proxy_call_duration_seconds"].samples
        labels = (("outcome", "answered"), ("service", "greeter"))
        self.assertEqual(found["_sum", labels], 0.75)

    def test_what_has_gone_is_not_shown(self) -> None:
        """A server without a lease, and a service without a server; their counts come back."""
        self.knows(endpoint("b1", service="bank"), endpoint("s1"))
        self.relays(1, OK)
        self.knows(endpoint("b1", service="bank"))
        page_text = str(self.found())
        self.assertIn("bank", page_text)
        self.assertNotIn("greeter", page_text)
        self.knows(endpoint("s1"))
        self.assertIn("greeter", str(self.found()["ponte_proxy_call_duration_seconds"]))

    def test_two_lives_of_a_server_do_not_break_the_page(self) -> None:
        """Registries may name both for a moment. A reader refuses a page with a sample twice."""
        elder = endpoint("s1")
        self.shared.balancers["greeter"].update([elder, elder._replace(incarnation=99)])
        self.assertEqual(self.of_endpoint("s1", "calls_total"), 0)


class OfRegistries(unittest.TestCase, OfEveryRole):
    """A registry."""

    role = "registry"

    def setUp(self) -> None:
        self.actor = self.registry = Registry(port=0)
        self.addCleanup(self.registry.close)

    def test_leases_by_state(self) -> None:
        """With 0 where there is none."""
        status = self.registry.status()
        status["endpoints"] = [
            Endpoint("a", name, 1, "127.0.0.1", 1, state, ()).to_struct()
            for name, state in (("1", "up"), ("2", "up"), ("3", "draining"))]
        with mock.patch.object(self.registry, "status", return_value=status):
            found = metrics("registry", self.registry)["ponte_registry_leases"]
        self.assertEqual([found.value(state=state) for state in ("up", "suspect", "draining")],
                         [2, 0, 1])

    def test_datagrams_by_what_became_of_them(self) -> None:
        self.registry._take([(b"nonsense", ("127.0.0.1", 9))], 0.0)
        found = metrics("registry", self.registry)["ponte_registry_datagrams_total"]
        self.assertEqual(sum(found.samples.values()), 1)

    def test_readers_that_wait_and_the_time_after_a_start(self) -> None:
        found = metrics("registry", self.registry)
        self.assertEqual(found["ponte_registry_warming"].value(), 1)
        self.assertEqual(found["ponte_registry_waiting_readers"].value(), 0)
        self.registry._begin_poll(("greeter", self.registry.lookup("greeter").index, 1.0))
        self.registry._expire(99.0)
        self.registry._begin_poll(("greeter", self.registry.lookup("greeter").index, 1.0))
        found = metrics("registry", self.registry)
        self.assertEqual(found["ponte_registry_warming"].value(), 0)
        self.assertEqual(found["ponte_registry_waiting_readers"].value(), 1)
        self.assertEqual(found["ponte_registry_lateness_seconds_total"].value(), 0)


if __name__ == "__main__":
    unittest.main()
