"""A view is written once, for all its readers."""

from __future__ import annotations

import unittest
from unittest import mock

from ponte.discovery.lookup import FORMS, STRUCT, LookupResult
from ponte.discovery.written_views import WrittenViews
from ponte.rpc.marshal import decode_result, encode_result
from tests.fakes import endpoint


class Replies(unittest.TestCase):
    def setUp(self) -> None:
        self.replies = WrittenViews()
        patch = mock.patch("ponte.discovery.written_views.encode_result", wraps=encode_result)
        self.encode_result = patch.start()
        self.addCleanup(patch.stop)

    def asks(self, service: str, index: int, *instances: str, form: str = STRUCT) -> list[str]:
        """A reader asks when the table has this view: the instances in the reply."""
        found = LookupResult(service, index, "e", False, [endpoint(name) for name in instances], [],
                             form)
        value = decode_result(self.replies.encode(found))
        self.assertIs(type(value), dict if form == STRUCT else str)
        return [each.instance for each in LookupResult.read(service, value).endpoints]

    def expect_written(self, times: int) -> None:
        self.assertEqual(self.encode_result.call_count, times)

    def test_the_same_view_is_written_once(self) -> None:
        """Another index, or another service, is another view."""
        self.assertEqual(self.asks("greeter", 1, "a"), ["a"])
        self.expect_written(1)
        self.assertEqual(self.asks("greeter", 1, "a"), ["a"])
        self.expect_written(1)
        self.assertEqual(self.asks("bank", 1, "c"), ["c"])
        self.expect_written(2)
        self.assertEqual(self.asks("greeter", 2, "b"), ["b"])
        self.expect_written(3)
        self.assertEqual(self.asks("greeter", 2, "b"), ["b"])
        self.assertEqual(self.asks("bank", 1, "c"), ["c"])
        self.expect_written(3)

    def test_each_form_is_written_once(self) -> None:
        """While versions are mixed, some readers ask for structs and some for JSON."""
        for _ in range(2):
            for form in FORMS:
                self.assertEqual(self.asks("greeter", 1, "a", form=form), ["a"])
        self.expect_written(2)

    def test_a_late_reader_with_an_older_view_gets_the_newer(self) -> None:
        """One thread may overtake another one on the way from the table."""
        self.asks("greeter", 2, "new")
        self.assertEqual(self.asks("greeter", 1, "old"), ["new"])

    def test_few_replies_are_kept(self) -> None:
        """A client that asks for many services, existing or not, cannot fill the memory."""
        with mock.patch("ponte.discovery.written_views.MAX_KEPT", 3):
            for number in range(10):
                self.assertEqual(self.asks(f"s{number}", 1, "a"), ["a"])
        self.assertLessEqual(len(self.replies._kept), 3)

    def test_other_values_are_written_each_time(self) -> None:
        """Such as the names of the services."""
        self.assertEqual(decode_result(self.replies.encode(["greeter"])), ["greeter"])


if __name__ == "__main__":
    unittest.main()
