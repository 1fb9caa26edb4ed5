"""Consul's JSON: servers stand in it as they announce themselves, and bad entries hide nobody."""

from __future__ import annotations

import copy
import json
import unittest
from typing import Any

from interop.consul_entries import (
    MAX_VALUE_BYTES,
    check_of,
    endpoints_of,
    meta_of,
    newest_of,
    quoted_path,
    read_json,
    registration,
    signatures,
)
from ponte.calls.endpoint import Endpoint
from ponte.discovery.beats import Beat

BEAT = Beat("greeter", "one", 1700000000000, 1, "127.0.0.1", 4242, idempotent=("hello", "whoami"))


def entry_of(beat: Beat, status: str = "passing", machine: str = "passing") -> dict[str, Any]:
    """How Consul shows a server that has registered itself."""
    written = json.loads(json.dumps(registration(beat, 1)))
    check = written.pop("Check")
    service = {"ID": written["ID"], "Service": written["Name"], "Tags": written["Tags"],
               "Address": written["Address"], "Port": written["Port"], "Meta": written["Meta"]}
    return {"Node": {"Node": "vm", "Address": "127.0.0.1"}, "Service": service,
            "Checks": [{"CheckID": "serfHealth", "Status": machine, "ServiceID": ""},
                       {"CheckID": check["CheckID"], "Status": status, "ServiceID": "greeter:one"}]}


def check(service: str, status: str = "passing", node: str = "vm", notes: str = "1",
          tags: Any = ("ponte",)) -> dict[str, Any]:
    return {"Node": node, "CheckID": f"{service}:one:1" if service else "serfHealth",
            "Status": status, "Notes": notes, "ServiceID": f"{service}:one" if service else "",
            "ServiceName": service, "ServiceTags": list(tags) if service else []}


class Written(unittest.TestCase):
    def test_a_server_is_read_as_it_announced_itself(self) -> None:
        for beat in (BEAT, BEAT._replace(remembers=False), BEAT._replace(idempotent=()),
                     BEAT._replace(host="fd00::7"), BEAT._replace(instance="a.b-c_d")):
            found = endpoints_of([entry_of(beat)], "greeter")
            self.assertEqual(found.broken, [])
            self.assertEqual(found.endpoints, [Endpoint(
                beat.service, beat.instance, beat.incarnation, beat.host, beat.port, "up",
                beat.idempotent, beat.remembers)])

    def test_many_names_stand_in_values_that_consul_takes(self) -> None:
        names = tuple(f"function_{number:03}" for number in range(60)) + ("sauda\u00e7\u00e3o",)
        beat = BEAT._replace(idempotent=names)
        for value in meta_of(beat).values():
            self.assertLessEqual(len(value.encode()), MAX_VALUE_BYTES)
        self.assertGreater(len(meta_of(beat)), 2)
        self.assertEqual(endpoints_of([entry_of(beat)], "greeter").endpoints[0].idempotent, names)

    def test_a_check_begins_as_what_it_is_and_belongs_to_one_life(self) -> None:
        """Otherwise a new one would be critical; and an elder process would renew it, too."""
        for state, status in (("up", "passing"), ("draining", "warning")):
            written = registration(BEAT._replace(state=state, lease_s=0.25), 3)["Check"]
            self.assertEqual((written["Status"], written["TTL"]), (status, "250ms"))
        self.assertNotEqual(check_of(BEAT), check_of(BEAT._replace(incarnation=2)))


class Entries(unittest.TestCase):
    def test_the_worst_check_is_the_state(self) -> None:
        for status, machine, states in (("passing", "passing", ["up"]),
                                        ("warning", "passing", ["draining"]),
                                        ("critical", "passing", []),
                                        ("passing", "critical", []),
                                        ("warning", "critical", []),
                                        ("maintenance", "passing", [])):
            found = endpoints_of([entry_of(BEAT, status, machine)], "greeter")
            self.assertEqual([endpoint.state for endpoint in found.endpoints], states)

    def test_an_entry_without_our_tag_is_none_of_ours(self) -> None:
        entry = entry_of(BEAT)
        for tags in (None, [], ["web"], "ponte", [["ponte"]]):
            entry["Service"]["Tags"] = tags
            self.assertEqual(endpoints_of([entry], "greeter"), ([], []))

    def test_a_broken_entry_is_told_and_hides_no_other(self) -> None:
        changes: tuple[dict[str, Any], ...] = (
            {"ID": "bank:one"}, {"ID": 7}, {"ID": None}, {"ID": "greeter:a b"},
            {"ID": "greeter:" + "x" * 65}, {"Address": ""}, {"Address": "0.0.0.0"},
            {"Address": ["a"]}, {"Port": 0}, {"Port": 65536}, {"Port": True},
            {"Port": "80"}, {"Meta": None}, {"Meta": {}}, {"Meta": {"incarnation": 7}},
            {"Meta": {"incarnation": "x"}}, {"Meta": {"incarnation": "-1"}},
            {"Meta": {"incarnation": "9" * 400}},
            {"Meta": {"incarnation": "7", "remembers": "0"}},
            {"Meta": {"incarnation": "7", "idempotent-0": "a b"}},
            {"Meta": {"incarnation": "7", "idempotent-0": "\ud800"}})
        for change in changes:
            with self.subTest(change):
                broken = copy.deepcopy(entry_of(BEAT))
                broken["Service"].update(change)
                found = endpoints_of([broken, entry_of(BEAT._replace(instance="two"))], "greeter")
                self.assertEqual([endpoint.instance for endpoint in found.endpoints], ["two"])
                self.assertEqual(len(found.broken), 1)

    def test_what_is_no_list_of_entries_is_no_view(self) -> None:
        no_views: tuple[Any, ...] = (
            None, {}, "x", 7, [7], [None], [{}], [{"Service": 7}],
            [{"Service": {"Tags": ["ponte"]}, "Checks": None}],
            [{"Service": {"Tags": ["ponte"]}, "Checks": [7]}])
        for value in no_views:
            with self.subTest(value), self.assertRaises(ValueError):
                endpoints_of(value, "greeter")


class Json(unittest.TestCase):
    def test_deep_and_long_values_are_refused_quickly(self) -> None:
        for body in (b"[" * 200_000, b'{"a":' * 100_000, b"9" * 1_000_000, b"\xff", b"", b"nul"):
            with self.assertRaises(ValueError):
                read_json(body)

    def test_a_path_leads_nowhere_else(self) -> None:
        self.assertEqual(quoted_path("health", "service", "../../a?b"),
                         "/v1/health/service/..%2F..%2Fa%3Fb")

    def test_the_incarnation_of_another_life(self) -> None:
        self.assertEqual(newest_of({"Meta": {"incarnation": "7"}}), 7)
        others: tuple[Any, ...] = (
            None, [], {}, {"Meta": 7}, {"Meta": {"incarnation": 7}},
            {"Meta": {"incarnation": "x"}}, {"Meta": {"incarnation": "9" * 999}})
        for value in others:
            self.assertEqual(newest_of(value), 0)


class Signatures(unittest.TestCase):
    def test_they_change_with_what_its_servers_are(self) -> None:
        before = signatures([check("greeter"), check("bank"), check("")])
        for changed in (check("greeter", "warning"), check("greeter", notes="2")):
            after = signatures([changed, check("bank"), check("")])
            self.assertNotEqual(after["greeter"], before["greeter"])
            self.assertEqual(after["bank"], before["bank"])

    def test_a_machine_that_is_down_changes_all(self) -> None:
        before = signatures([check("greeter"), check("")])
        after = signatures([check("greeter"), check("", "critical")])
        self.assertNotEqual(after, before)

    def test_only_ours_are_seen_in_any_order(self) -> None:
        self.assertEqual(signatures([check("web", tags=()), check("")]), {})
        checks = [check("greeter"), check("greeter", node="other")]
        self.assertEqual(signatures(checks), signatures(checks[::-1]))

    def test_what_is_no_list_of_checks_is_no_view(self) -> None:
        no_views: tuple[Any, ...] = (None, {}, [7], "x", [{}], [{**check("bank"), "Status": 7}],
                                     [{**check("bank"), "ServiceName": None}])
        for value in no_views:
            with self.assertRaises(ValueError):
                signatures(value)


if __name__ == "__main__":
    unittest.main()
