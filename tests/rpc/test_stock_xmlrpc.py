"""The standard library's own tests of XML-RPC, on Ponte: they fail only where Ponte is different on
purpose (tests/stock_xmlrpc.py).
"""

from __future__ import annotations

import unittest
from unittest import mock

from tests import stock_xmlrpc
from tests.fakes import hurry_listeners
from tests.stock_xmlrpc import DECODER, PLACES, SERVER, Comparison

STOCK = stock_xmlrpc.load()


def setUpModule() -> None:
    hurry_listeners()


@unittest.skipUnless(STOCK, "needs Python with its own tests, which some do without")
class StockTests(unittest.TestCase):

    def compare(self, place: str) -> Comparison:
        assert STOCK
        return Comparison(STOCK, place)

    def test_what_differs_is_listed_and_what_is_listed_differs(self) -> None:
        """In each place, the tests that fail are exactly those of the table."""
        for place in PLACES:
            with self.subTest(place):
                compared = self.compare(place)
                self.assertGreater(compared.ran, 0)
                self.assertEqual("".join(compared.unlisted.values()), "", "not in the table")
                self.assertEqual(compared.no_longer, [], "in the table, and passed")

    def test_a_difference_that_is_not_listed_is_reported(self) -> None:
        """So is a test that is listed and passes."""
        fails, passes = "SimpleServerTestCase.test_multicall", "SimpleServerTestCase.test_simple1"
        table = {name: why for name, why in stock_xmlrpc.DIFFERENCES.items() if name != fails}
        table[passes] = "?"
        with mock.patch.object(stock_xmlrpc, "DIFFERENCES", table):
            compared = self.compare(SERVER)
        self.assertEqual(list(compared.unlisted), [fails])
        self.assertEqual(compared.no_longer, [passes])

    def test_a_wrong_decoder_is_reported(self) -> None:
        """The tests of values do run against Ponte's decoder."""
        with mock.patch.object(stock_xmlrpc, "decode_result", return_value=1):
            self.assertTrue(self.compare(DECODER).unlisted)


if __name__ == "__main__":
    unittest.main()
