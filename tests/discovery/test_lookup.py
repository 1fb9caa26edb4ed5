"""What a registry answers to a reader, as a struct for XML-RPC."""

from __future__ import annotations

import unittest

from ponte.discovery.lookup import LookupResult, Tombstone
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


if __name__ == "__main__":
    unittest.main()
