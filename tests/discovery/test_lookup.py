"""What a registry answers to a reader: as a struct for XML-RPC, and as JSON in one string."""

from __future__ import annotations

import json
import unittest
from typing import Any

from ponte.discovery.lookup import JSON, STRUCT, LookupResult, Tombstone
from ponte.rpc.marshal import decode_result, encode_result
from tests.fakes import endpoint


class LookupResults(unittest.TestCase):
    def test_it_is_a_struct_that_xml_rpc_can_carry(self) -> None:
        """Incarnations go as strings: the integers of XML-RPC have 32 bits."""
        result = LookupResult("greeter", 7, "e1", True, [endpoint("a", 2 ** 52)],
                              [Tombstone("greeter", "b", 2 ** 51)])
        struct = decode_result(encode_result(result.to_struct()))
        self.assertEqual(struct, {
            "index": 7, "epoch": "e1", "warming": True,
            "endpoints": [endpoint("a", 2 ** 52).to_struct()],
            "left": [{"service": "greeter", "instance": "b", "incarnation": str(2 ** 51)}]})

    def test_the_endpoints_are_sorted(self) -> None:
        """By service and instance, in whichever order the registry heard of them."""
        known = [endpoint("b"), endpoint("c", service="bank"), endpoint("a")]
        struct = LookupResult("*", 7, "e1", False, known, []).to_struct()
        self.assertEqual([row["instance"] for row in struct["endpoints"]], ["c", "a", "b"])

    def test_both_forms_are_read_back(self) -> None:
        """After a way over XML-RPC the reader has what the registry had, with endpoints or none."""
        foreign = endpoint("c")._replace(remembers=False)
        for known in ([], [endpoint("a", 2 ** 53), endpoint("b", idempotent=["hello"]), foreign]):
            result = LookupResult("greeter", 7, "e1", True, known,
                                  [Tombstone("greeter", "c", 2 ** 53)])
            for form, value in ((STRUCT, result.to_struct()), (JSON, result.to_json())):
                with self.subTest(form):
                    carried = decode_result(encode_result(value))
                    self.assertIs(type(carried), type(value))
                    self.assertEqual(LookupResult.read("greeter", carried), result)


class Reading(unittest.TestCase):
    """What a reader takes for a result, in either form."""

    def setUp(self) -> None:
        self.good = LookupResult("greeter", 7, "e1", False, [endpoint("a")],
                                 [Tombstone("greeter", "b", 2)])

    def forms(self, **changed: Any) -> list[Any]:
        """The good result as a struct and as JSON, but for these members; None: without it."""
        made = []
        for fields in (self.good.to_struct(), json.loads(self.good.to_json())):
            fields.update(changed)
            made.append({name: value for name, value in fields.items() if value is not None})
        return [made[0], json.dumps(made[1])]

    def refuses(self, *values: Any) -> None:
        """KeyError, TypeError or ValueError, as documented: a reader catches nothing else."""
        for value in values:
            with self.subTest(value=f"{value!r:.100}"), \
                    self.assertRaises((KeyError, TypeError, ValueError)):
                LookupResult.read("greeter", value)

    def test_what_a_later_version_adds_is_passed_over(self) -> None:
        """So the registries of a company can be upgraded one after the other."""
        tomb = {**Tombstone("greeter", "b", 2).to_struct(), "why": "drained"}
        for value in self.forms(zone="east", left=[tomb]):
            self.assertEqual(LookupResult.read("greeter", value), self.good)

    def test_a_member_that_is_missing_or_of_another_type_is_refused(self) -> None:
        for name in self.good.to_struct():
            for bad in (None, {"a": 1}, 1.5, [7], float("nan"), 2 ** 31, -2 ** 31, 10 ** 400):
                self.refuses(*self.forms(**{name: bad}))

    def test_a_bad_tombstone_is_refused(self) -> None:
        good = Tombstone("greeter", "b", 2).to_struct()
        for bad in ({}, {**good, "service": ["greeter"]}, {**good, "incarnation": "x"},
                    {**good, "incarnation": float("inf")}, {**good, "incarnation": None}):
            self.refuses(*self.forms(left=[bad]))

    def test_what_is_no_result_is_refused(self) -> None:
        """Whatever a value of XML-RPC, or a text, can be. Deep JSON is no RecursionError."""
        self.refuses(None, 7, [], {}, b"{}", "", "null", "7", "[]", "{}", '"x"', "{", "NaN", "x",
                     "[" * 10 ** 6, '{"index":' * 10 ** 5, self.good.to_json()[:-1],
                     self.good.to_json() + "x")


if __name__ == "__main__":
    unittest.main()
