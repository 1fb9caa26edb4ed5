"""The standard library's own tests of XML-RPC, on Ponte: what differs is what shall differ (tests/stock_xmlrpc.py)."""

from __future__ import annotations

import unittest
from unittest import mock

from tests import stock_xmlrpc
from tests.fakes import hurry_listeners
from tests.stock_xmlrpc import DECODER, PLACES, SERVER, Comparison

STOCK = stock_xmlrpc.load()


def setUpModule() -> None:
    hurry_listeners()


@unittest.skipUnless(STOCK, "this Python comes without test.test_xmlrpc")
class StockTests(unittest.TestCase):

    def compare(self, place: str) -> Comparison:
        assert STOCK
        return Comparison(STOCK, place)

    def test_what_differs_is_listed_and_what_is_listed_differs(self) -> None:
        """In each place: no test fails but those of the table, and all of those do."""
        for place in PLACES:
            with self.subTest(place):
                came = self.compare(place)
                self.assertGreater(came.ran, 0)
                self.assertEqual("".join(came.unlisted.values()), "", "not in the table")
                self.assertEqual(came.no_longer, [], "in the table, and passed")

    def test_a_difference_that_is_not_listed_is_told(self) -> None:
        """As is one that is listed and is none."""
        name = "SimpleServerTestCase.test_multicall"
        others = {key: why for key, why in stock_xmlrpc.DIFFERENCES.items() if key != name}
        with mock.patch.object(stock_xmlrpc, "DIFFERENCES", {**others, "SimpleServerTestCase.test_simple1": "?"}):
            came = self.compare(SERVER)
        self.assertEqual((list(came.unlisted), came.no_longer), ([name], ["SimpleServerTestCase.test_simple1"]))

    def test_a_decoder_that_is_wrong_is_told(self) -> None:
        """The tests of values do run against Ponte's."""
        with mock.patch.object(stock_xmlrpc, "decode_result", return_value=1):
            self.assertTrue(self.compare(DECODER).unlisted)


if __name__ == "__main__":
    unittest.main()
