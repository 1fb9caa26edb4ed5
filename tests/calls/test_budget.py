"""The retry budget: retries are a share of calls, so that they cannot become a storm."""

from __future__ import annotations

import unittest

from ponte.calls.budget import BUDGET_BURST, BUDGET_SHARE
from tests.calls.by_hand import ANSWERED, NOT_SENT, UNKNOWN, CallCase


class RetryBudget(CallCase):
    """What a budget allows the calls of one service."""

    def test_retries_stop_when_the_budget_is_spent(self) -> None:
        """Every outcome is UNKNOWN: the burst, and then a tenth of the calls."""
        for idempotent in (True, False):
            self.knows(*"abc")
            calls, attempts = 500, 0
            for _ in range(calls):
                self.begins(idempotent=idempotent)
                attempts += len(self.drives(UNKNOWN))
            self.assertLessEqual(attempts, calls * (1 + BUDGET_SHARE) + BUDGET_BURST)
            self.assertGreater(attempts, calls * (1 + BUDGET_SHARE) - 2)

    def test_calls_earn_retries(self) -> None:
        """A call earns a tenth of a retry, also one that is answered."""
        self.knows("a")
        self.spend_the_budget()
        for _ in range(11):
            self.assertFalse(self.balancer.budget.spend())
            self.one_attempt(ANSWERED)
        self.assertTrue(self.balancer.budget.spend())
        self.assertFalse(self.balancer.budget.spend())

    def test_the_burst_is_bounded(self) -> None:
        """A quiet time saves up no more than BUDGET_BURST retries."""
        self.knows("a")
        for _ in range(1000):
            self.one_attempt()
        spent = sum(self.balancer.budget.spend() for _ in range(1000))
        self.assertEqual(spent, int(BUDGET_BURST))

    def test_a_retry_that_is_not_allowed_ends_the_call(self) -> None:
        """UNKNOWN. It stays so, also if the call is asked again for its next attempt."""
        self.knows("a", "b")
        self.spend_the_budget()
        self.begins(idempotent=True)
        self.assertEqual(self.drives(UNKNOWN), ["a"])
        self.ends(UNKNOWN)

    def test_one_retry_is_paid_once(self) -> None:
        """However many endpoints refuse it before one takes it."""
        self.knows(*"abcdefgh")
        self.spend_the_budget()
        for _ in range(11):
            self.balancer.budget.earn()
        self.begins(idempotent=True)
        tried = self.drives(UNKNOWN, NOT_SENT, NOT_SENT, NOT_SENT, ANSWERED)
        self.assertEqual(tried[0], "a")
        self.assertEqual(len(tried), 5)
        self.assertEqual(len(set(tried)), 5)


if __name__ == "__main__":
    unittest.main()
