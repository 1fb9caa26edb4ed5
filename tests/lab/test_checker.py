"""The checker: which runs it accepts, and which violations it must find."""

from __future__ import annotations

import unittest
from typing import Any

from lab.checker import (
    FAILED,
    NOT_SENT,
    RAN,
    UNKNOWN,
    VALUE,
    Call,
    Run,
    judge,
    percentile,
)

TOLD_AT = 10.0


def call(outcome: str = VALUE, **changes: Any) -> Call:
    return Call("id", False, outcome, True, 0.01, told_at=TOLD_AT)._replace(**changes)


def runs(count: int, *, idempotent: bool = False, began_at: float = 1.0) -> list[Run]:
    return [Run("id", began_at, idempotent)] * count


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
                                runs(executions, idempotent=idempotent))
                self.assertIs(verdict.ok, ok)

    def test_what_an_unknown_outcome_may_be_resolved_to(self) -> None:
        """Row by row: (resolved to, executions, consistent). No execution is too late to count."""
        rows = [
            (VALUE, 0, False), (VALUE, 1, True), (VALUE, 2, False),
            (RAN, 0, False), (RAN, 1, True), (RAN, 2, False),
            (NOT_SENT, 0, True), (NOT_SENT, 1, False),
            (UNKNOWN, 0, True), (UNKNOWN, 1, True), (UNKNOWN, 2, False),
            (FAILED, 0, False), (FAILED, 1, False),
        ]
        for resolved, executions, ok in rows:
            with self.subTest(resolved=resolved, executions=executions):
                verdict = judge([call(UNKNOWN, resolved=resolved)],
                                runs(executions, began_at=TOLD_AT + 99.0))
                self.assertIs(verdict.ok, ok)

    def test_a_word_that_changes_is_wrong(self) -> None:
        told = call(UNKNOWN, resolved=VALUE, contradiction="first not sent, then a value")
        verdict = judge([told], runs(1))
        self.assertEqual(verdict.wrong, 1)
        self.assertIn("first not sent, then a value", verdict.table())

    def test_a_resolved_value_that_belongs_to_another_call_is_wrong(self) -> None:
        told = call(UNKNOWN, resolved=VALUE, is_right=False)
        self.assertEqual(judge([told], runs(1)).wrong, 1)

    def test_a_life_that_no_longer_promises_must_run_a_call_alone(self) -> None:
        """A service drops @idempotent: the call that its old and its new life ran, ran twice."""
        verdict = judge([call()], runs(1, idempotent=True) + runs(1))
        self.assertEqual(verdict.executed_twice, 1)
        self.assertTrue(judge([call()], runs(2, idempotent=True)).ok)

    def test_runs_after_the_caller_was_told_unknown_are_counted(self) -> None:
        """Only where the caller was left with Unknown: (told, resolved to, began at, counted)."""
        rows = [(UNKNOWN, "", TOLD_AT + 1, 1), (UNKNOWN, UNKNOWN, TOLD_AT + 1, 1),
                (UNKNOWN, "", TOLD_AT - 1, 0), (UNKNOWN, VALUE, TOLD_AT + 1, 0),
                (VALUE, "", TOLD_AT + 1, 0)]
        for outcome, resolved, began_at, counted in rows:
            with self.subTest(outcome=outcome, resolved=resolved, began_at=began_at):
                verdict = judge([call(outcome, resolved=resolved)], runs(1, began_at=began_at))
                self.assertEqual(verdict.late_runs, counted)
                self.assertTrue(verdict.ok)

    def test_what_unknown_outcomes_came_to_is_counted(self) -> None:
        words = (VALUE, VALUE, RAN, NOT_SENT, UNKNOWN, UNKNOWN, UNKNOWN, "")
        verdict = judge([call(UNKNOWN, resolved=word) for word in words], [])
        self.assertEqual((verdict.unknown, verdict.resolved_value, verdict.resolved_ran,
                          verdict.resolved_not_sent, verdict.still_unknown, verdict.not_asked),
                         (8, 2, 1, 1, 3, 1))

    def test_a_value_that_belongs_to_another_call_is_wrong(self) -> None:
        self.assertEqual(judge([call(is_right=False)], runs(1)).wrong, 1)

    def test_an_idempotent_call_without_a_value_is_counted_as_failed(self) -> None:
        verdict = judge([call(UNKNOWN, idempotent=True)], [])
        self.assertEqual(verdict.idempotent_failed, 1)
        self.assertIn("id ran 0 times", verdict.table())

    def test_the_table_names_every_count(self) -> None:
        table = judge([], []).table()
        for word in ("calls", "answered", "not sent", "unknown", "resolved: the reply",
                     "resolved: it ran", "resolved: never runs", "nobody can tell", "nobody asked",
                     "ran after Unknown was told", "TWICE", "LOST", "median", "p99", "consistent"):
            self.assertIn(word, table)

    def test_percentiles_are_of_the_nearest_rank(self) -> None:
        ordered = [1.0, 2.0, 3.0, 4.0]
        self.assertEqual([percentile(ordered, share) for share in (0.0, 0.5, 0.99, 1.0)],
                         [1, 2, 4, 4])


if __name__ == "__main__":
    unittest.main()
