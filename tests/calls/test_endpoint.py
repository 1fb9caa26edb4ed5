"""An endpoint, as it goes from a registry to its readers."""

from __future__ import annotations

import unittest
from typing import Any

from ponte.calls.endpoint import Endpoint


class Endpoints(unittest.TestCase):
    def test_an_endpoint_survives_the_wire(self) -> None:
        """As a struct whose integers fit into 32 bits."""
        endpoint = Endpoint("greeter", "a", 2 ** 52, "::1", 65535, "suspect", ("hello", "whoami"))
        struct = endpoint.to_struct()
        self.assertEqual(struct["incarnation"], str(2 ** 52))
        self.assertEqual(Endpoint.from_struct(struct), endpoint)
        self.assertEqual(endpoint.address, ("::1", 65535))

    def test_a_struct_that_is_no_endpoint_is_refused(self) -> None:
        """KeyError, TypeError or ValueError, as documented: a reader catches nothing else."""
        good = Endpoint("greeter", "a", 1, "127.0.0.1", 4242, "up", ()).to_struct()
        rows: list[Any] = [
            *[{key: value for key, value in good.items() if key != missing} for missing in good],
            None, [], "a",
            {**good, "incarnation": "x"},
            {**good, "port": "x"},
            {**good, "port": float("inf")},
            {**good, "port": 70_000},
            {**good, "idempotent": None},
            {**good, "state": "asleep"},
        ]
        for row in rows:
            with self.subTest(row=row), self.assertRaises((KeyError, TypeError, ValueError)):
                Endpoint.from_struct(row)


if __name__ == "__main__":
    unittest.main()
