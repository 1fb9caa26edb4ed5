"""Readers at a Consul agent: what they ask, and what they make of answers and failures."""

from __future__ import annotations

import json
import os
import unittest
from typing import Any, Union, cast
from unittest import mock

from interop.consul_catalog import Catalog, read_question
from interop.consul_registry import EPOCH, watch_of
from ponte.calls.endpoint import Endpoint
from ponte.discovery.leases import ALL, WARMING_S
from ponte.discovery.lookup import LookupResult
from ponte.net.address import ConsulAddress
from ponte.net.message import Reply
from ponte.net.pool import ExchangeError, Pool
from ponte.net.stream import Program

AGENT = ConsulAddress("127.0.0.1", 8500)
ONE = Endpoint("greeter", "one", 7, "127.0.0.1", 4242, "up", ("hello",))
BANK = Endpoint("bank", "bank-1", 8, "127.0.0.1", 4243, "up", ())

Answer = Union[Reply, Exception]


def answer(index: int, *servers: Endpoint, path: str = "/v1/health/service/greeter") -> Reply:
    body = Catalog(servers, 5).write(read_question(path))
    return Reply(200, {"x-consul-index": str(index)}, body)


def checks(index: int, *servers: Endpoint) -> Reply:
    return answer(index, *servers, path="/v1/health/state/any")


class Agent:
    """Stands in for the connections to an agent. `requests` are the first lines of what it got."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[str] = []
        self.heads: list[str] = []

    def exchange(self, address: Any, request: bytes, deadline: float) -> Program[Reply]:
        head = request.decode()
        self.heads.append(head)
        self.requests.append(head.split("\r\n")[0].split(" ")[1])
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found
        yield


class Reading(unittest.TestCase):
    def setUp(self) -> None:
        self.now = 100.0
        clock = mock.patch("interop.consul_registry.time.monotonic", lambda: self.now)
        clock.start()
        self.addCleanup(clock.stop)
        self.agent = Agent()
        self.watch = watch_of("greeter", AGENT)

    def ask(self, *answers: Answer, index: int = 0, wait_s: float = 10.0) -> LookupResult:
        self.agent.answers += answers
        return self.watch(cast(Pool, self.agent), index, wait_s)

    def assert_fails(self, *answers: Answer) -> None:
        with self.assertRaises((ExchangeError, ValueError)):
            self.ask(*answers)

    def test_an_answer_is_the_view_of_a_registry(self) -> None:
        self.assertEqual(self.ask(answer(7, ONE)),
                         LookupResult("greeter", 7, EPOCH, False, [ONE], []))

    def test_a_question_waits_as_long_as_it_is_told_and_never_for_consuls_default(self) -> None:
        self.ask(answer(7, ONE))
        self.ask(answer(7, ONE), index=7, wait_s=10)
        self.ask(answer(7, ONE), index=7, wait_s=0.0001)
        self.assertEqual(self.agent.requests, [
            "/v1/health/service/greeter?", "/v1/health/service/greeter?index=7&wait=10000ms",
            "/v1/health/service/greeter?index=7&wait=1ms"])

    def test_after_a_failure_the_next_answers_drop_nobody_for_a_while(self) -> None:
        """The agent could not hear the beats of that time."""
        self.assertFalse(self.ask(answer(7, ONE)).warming)
        self.assert_fails(ExchangeError("connect", ConnectionRefusedError()))
        self.assertTrue(self.ask(answer(8)).warming)
        # The end of the warming is news.
        self.ask(answer(8), index=8)
        self.assertIn(f"wait={round(WARMING_S * 1000)}ms", self.agent.requests[-1])
        self.now += WARMING_S
        self.assertFalse(self.ask(answer(8), index=8).warming)

    def test_an_index_that_goes_back_means_an_agent_that_has_lost_all(self) -> None:
        self.ask(answer(7, ONE))
        self.assertTrue(self.ask(answer(3), index=7).warming)

    def test_an_agent_that_never_answered_has_lost_nothing(self) -> None:
        self.assert_fails(ExchangeError("connect", ConnectionRefusedError()))
        self.assertFalse(self.ask(answer(7, ONE)).warming)

    def test_an_index_is_never_0(self) -> None:
        self.assertEqual(self.ask(answer(0, ONE)).index, 1)

    def test_what_is_no_answer_of_consul_is_refused(self) -> None:
        for reply in (Reply(200, {}, b"[]"), Reply(200, {"x-consul-index": "x"}, b"[]"),
                      Reply(200, {"x-consul-index": "9" * 99}, b"[]"),
                      Reply(200, {"x-consul-index": "7"}, b"[7]"),
                      Reply(500, {"x-consul-index": "7"}, b"No cluster leader\n"),
                      Reply(403, {}, b"Permission denied")):
            with self.subTest(reply):
                self.assert_fails(reply)

    def test_a_broken_entry_is_told_once(self) -> None:
        entries = json.loads(answer(7, ONE, ONE._replace(instance="two")).body)
        entries[0]["Service"]["Port"] = 0
        reply = Reply(200, {"x-consul-index": "7"}, json.dumps(entries).encode())
        with self.assertLogs("ponte.consul", "WARNING") as logged:
            for _ in range(3):
                self.assertEqual([each.instance for each in self.ask(reply).endpoints], ["two"])
        self.assertEqual(len(logged.output), 1)

    def test_of_all_services_only_those_that_have_changed_are_read_anew(self) -> None:
        self.watch = watch_of(ALL, AGENT)
        bank = answer(5, BANK, path="/v1/health/service/bank")
        first = self.ask(checks(7, ONE, BANK), bank, answer(5, ONE))
        self.assertEqual((first.index, first.endpoints), (7, [BANK, ONE]))
        drains = ONE._replace(state="draining")
        self.agent.requests.clear()
        second = self.ask(checks(8, drains, BANK), answer(6, drains), index=7)
        self.assertEqual((second.index, second.endpoints), (8, [BANK, drains]))
        self.assertEqual([target.partition("?")[0] for target in self.agent.requests],
                         ["/v1/health/state/any", "/v1/health/service/greeter"])
        # One that has gone is gone; and after a failure, all are read anew.
        self.assertEqual(self.ask(checks(9, BANK), index=8).endpoints, [BANK])
        self.assert_fails(Reply(500, {}, b""))
        self.assertEqual(self.ask(checks(9, BANK), bank).endpoints, [BANK])

    def test_the_token_of_consul_is_sent(self) -> None:
        with mock.patch.dict(os.environ, {"CONSUL_HTTP_TOKEN": "a-token"}):
            self.ask(answer(7, ONE))
        self.ask(answer(7, ONE))
        self.assertIn("X-Consul-Token: a-token\r\n", self.agent.heads[0])
        self.assertNotIn("X-Consul-Token", self.agent.heads[1])


if __name__ == "__main__":
    unittest.main()
