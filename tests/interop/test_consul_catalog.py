"""The face on our registries: what Consul's clients ask, the JSON they get, and its indexes."""

from __future__ import annotations

import json
import unittest
from typing import Any

from interop.consul_catalog import (
    MAX_INDEXES,
    MAX_WAIT_S,
    WAIT_S,
    BadQuestion,
    Catalog,
    Question,
    read_question,
)
from interop.consul_entries import OURS, endpoints_of, signatures
from ponte.calls.endpoint import Endpoint
from ponte.net.message import MAX_TARGET_BYTES

ONE = Endpoint("greeter", "one", 7, "127.0.0.1", 4242, "up", ("hello",))
TWO = Endpoint("greeter", "two", 8, "10.0.0.7", 4243, "up", (), False)
BANK = Endpoint("bank", "bank-1", 9, "127.0.0.1", 4244, "up", ())
HEALTH = "/v1/health/service/greeter"


def ask(catalog: Catalog, target: str) -> Any:
    return json.loads(catalog.write(read_question(target)))


def statuses(catalog: Catalog, target: str = HEALTH) -> dict[str, str]:
    return {entry["Service"]["ID"]: entry["Checks"][0]["Status"] for entry in ask(catalog, target)}


class Questions(unittest.TestCase):
    def assert_refused(self, status: int, target: str) -> None:
        with self.assertRaises(BadQuestion) as caught:
            read_question(target)
        self.assertEqual(caught.exception.status, status, target)
        self.assertEqual(len(str(caught.exception).splitlines()), 1)

    def test_they_are_read_as_consul_does(self) -> None:
        self.assertEqual(
            read_question(f"{HEALTH}?passing&index=42&wait=120000ms&stale&tag=b&tag=a&dc=ponte"),
            Question(("health", "service", "greeter"), "greeter", True, ("a", "b"), False, 42,
                     120.0))
        self.assertEqual(read_question("/v1/health/state/any"),
                         Question(("health", "state", "any")))
        self.assertEqual(read_question("/v1/catalog/service/a%2Fb/").service, "a/b")
        self.assertFalse(read_question(f"{HEALTH}?passing=false").passing)

    def test_times_are_those_of_go_and_have_a_bound(self) -> None:
        for text, seconds in (("5m", 300), ("1h30m", MAX_WAIT_S), ("1.5s", 1.5), (".5s", 0.5),
                              ("100us", 1e-4), ("250ms", 0.25), ("1m30s", 90), ("0s", WAIT_S),
                              ("", WAIT_S), ("9999999h", MAX_WAIT_S)):
            self.assertAlmostEqual(read_question(f"{HEALTH}?wait={text}").wait_s, seconds)
        for text in ("10", "-1s", "+1s", "s", "1d", "1s ", "1_0s", "\u0661s", "1e3s",
                     "9" * 50 + "s"):
            self.assert_refused(400, f"{HEALTH}?wait={text}")

    def test_an_index_is_a_whole_number(self) -> None:
        self.assertEqual(read_question(f"{HEALTH}?index={2 ** 64 - 1}").known, 2 ** 64 - 1)
        for text in ("x", "-1", "1.0", "\u0661", str(2 ** 64), "9" * 6000):
            self.assert_refused(400, f"{HEALTH}?index={text}")

    def test_what_is_not_here_is_refused_and_not_passed_over(self) -> None:
        """A filter that is passed over would give a client what it did not want."""
        for path in ("/", "/v1", "/v1/", "/v1/kv/a", "/v1/health/service/", "/v1/health/service",
                     "/v1/health/service/a/b", "/v2/catalog/services", "/v1/catalog/services/a",
                     "/v1//services", "/v1/../v1/catalog/services"):
            self.assert_refused(404, path)
        self.assert_refused(400, f"{HEALTH}?filter=Service.Port==1")
        self.assert_refused(400, f"{HEALTH}?node-meta=a:b")
        self.assert_refused(400, f"{HEALTH}?passing=maybe")
        self.assert_refused(400, f"{HEALTH}?{'a&' * (MAX_TARGET_BYTES // 2)}")
        self.assert_refused(500, f"{HEALTH}?dc=elsewhere")


class Answers(unittest.TestCase):
    def test_our_own_readers_read_them_as_they_read_consul(self) -> None:
        catalog = Catalog([ONE, TWO._replace(state="draining"), BANK], 5)
        found = endpoints_of(ask(catalog, HEALTH), "greeter")
        self.assertEqual(found, ([ONE, TWO._replace(state="draining")], []))
        checks = ask(catalog, f"/v1/health/state/any?filter={OURS.replace(' ', '+')}")
        self.assertEqual(set(signatures(checks)), {"greeter", "bank"})

    def test_only_who_is_up_is_passing(self) -> None:
        catalog = Catalog([ONE, TWO._replace(state="draining")], 5)
        self.assertEqual(statuses(catalog), {"greeter:one": "passing", "greeter:two": "warning"})
        self.assertEqual(statuses(catalog, f"{HEALTH}?passing"), {"greeter:one": "passing"})

    def test_suspects_are_passing_only_where_nobody_is_up(self) -> None:
        suspect = TWO._replace(state="suspect")
        self.assertEqual(statuses(Catalog([ONE, suspect], 5))["greeter:two"], "warning")
        self.assertEqual(statuses(Catalog([suspect], 5))["greeter:two"], "passing")
        self.assertEqual(statuses(Catalog([suspect, BANK], 5))["greeter:two"], "passing")

    def test_names_tags_nodes_and_states(self) -> None:
        catalog = Catalog([ONE, TWO._replace(state="draining"), BANK], 5)
        self.assertEqual(ask(catalog, "/v1/catalog/services"),
                         {"bank": ["ponte"], "greeter": ["ponte"]})
        self.assertEqual(len(ask(catalog, f"{HEALTH}?tag=ponte")), 2)
        self.assertEqual(ask(catalog, f"{HEALTH}?tag=web"), [])
        self.assertEqual([node["Address"] for node in ask(catalog, "/v1/catalog/nodes")],
                         ["10.0.0.7", "127.0.0.1"])
        for state, count in (("any", 3), ("passing", 2), ("warning", 1), ("critical", 0)):
            self.assertEqual(len(ask(catalog, f"/v1/health/state/{state}")), count)
        self.assertEqual(ask(catalog, "/v1/catalog/service/greeter")[0]["ServicePort"], 4242)
        self.assertEqual(ask(catalog, "/v1/catalog/service/nobody"), [])
        for path in ("/v1/agent/self", "/v1/agent/members", "/v1/status/leader",
                     "/v1/status/peers", "/v1/catalog/datacenters", "/v1/health/checks/bank"):
            self.assertTrue(ask(catalog, path))


class Indexes(unittest.TestCase):
    def index(self, catalog: Catalog, target: str = HEALTH) -> int:
        return catalog.index_of(read_question(target))

    def test_one_grows_with_a_change_of_its_service_alone(self) -> None:
        first = Catalog([ONE, BANK], 5)
        second = Catalog([ONE._replace(state="draining"), BANK], 6, first)
        third = Catalog([BANK], 7, second)
        self.assertEqual([self.index(each) for each in (first, second, third)], [5, 6, 7])
        self.assertEqual(self.index(third, "/v1/health/service/bank"), 5)
        self.assertEqual(self.index(third, "/v1/catalog/service/greeter"), 7)

    def test_that_of_the_names_grows_when_one_comes_or_goes(self) -> None:
        first = Catalog([ONE], 5)
        second = Catalog([ONE, TWO], 6, first)
        third = Catalog([ONE, TWO, BANK], 7, second)
        self.assertEqual([self.index(each, "/v1/catalog/services")
                          for each in (first, second, third)], [5, 5, 7])
        self.assertEqual(self.index(second, "/v1/health/state/any"), 6)

    def test_it_is_never_0_and_never_goes_back(self) -> None:
        catalog = Catalog([], 5)
        self.assertEqual(self.index(catalog), 5)
        # More services come and go than have an index of their own.
        before = 0
        for number in range(3):
            many = [BANK._replace(service=f"s{number}-{each}") for each in range(MAX_INDEXES // 2)]
            catalog = Catalog(many, catalog.index + 1, catalog)
            self.assertGreaterEqual(self.index(catalog), before)
            before = self.index(catalog)
        self.assertGreater(before, 5)


if __name__ == "__main__":
    unittest.main()
