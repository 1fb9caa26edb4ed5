"""The checker: which runs it accepts, and which violations it must find."""

from __future__ import annotations

import collections
import unittest
from typing import Any

from lab.checker import FAILED, NOT_SENT, UNKNOWN, VALUE, Call, judge, percentile


def call(outcome: str = VALUE, **changes: Any) -> Call:
    return Call("id", False, outcome, True, 0.01)._replace(**changes)


class TheVerdict(unittest.TestCase):
    def test_what_callers_may_be_told(self) -> None:
        """Rule R, row by row: (what the caller was told, idempotent, executions, consistent)."""
        rows = [
            (VALUE, False, 1, True), (VALUE, False, 2, False), (VALUE, False, 0, False),
            (VALUE, True, 1, True), (VALUE, True, 3, True), (VALUE, True, 0, False),
            (NOT_SENT, False, 0, True), (NOT_SENT, False, 1, False), (NOT_SENT, True, 1, False),
            (UNKNOWN, False, 0, True), (UNKNOWN, False, 1, True), (UNKNOWN, False, 2, False),
            (UNKNOWN, True, 2, True),
            (FAILED, False, 0, False),
        ]
        for outcome, idempotent, executions, ok in rows:
            with self.subTest(outcome=outcome, idempotent=idempotent, executions=executions):
                verdict = judge([call(outcome, idempotent=idempotent)],
                                collections.Counter({"id": executions}))
                self.assertIs(verdict.ok, ok)

    def test_a_value_that_belongs_to_another_call_is_wrong(self) -> None:
        self.assertEqual(judge([call(is_right=False)], collections.Counter(id=1)).wrong, 1)

    def test_an_idempotent_call_without_a_value_is_counted_as_failed(self) -> None:
        verdict = judge([call(UNKNOWN, idempotent=True)], collections.Counter())
        self.assertEqual(verdict.idempotent_failed, 1)
        self.assertIn("id ran 0 times", verdict.table())

    def test_the_table_names_every_count(self) -> None:
        table = judge([], collections.Counter()).table()
        for word in ("calls", "answered", "not sent", "unknown", "TWICE", "LOST", "median", "p99",
                     "consistent"):
            self.assertIn(word, table)

    def test_percentiles_are_of_the_nearest_rank(self) -> None:
        ordered = [1.0, 2.0, 3.0, 4.0]
        self.assertEqual([percentile(ordered, share) for share in (0.0, 0.5, 0.99, 1.0)],
                         [1, 2, 4, 4])


if __name__ == "__main__":
    unittest.main()
