"""The retry budget: retries are a share of calls, so that they cannot become a storm. Pure.

When every server fails, every call is retried, and the load on the servers multiplies just when
they can bear it least. With a budget it grows by a tenth, whatever happens.

The same idea stands in gRPC (proposal A6, "retry throttling") and in Finagle (`RetryBudget`).
"""

from __future__ import annotations

# Retries allowed for each call, in the long run. A larger share helps single calls; it adds load
# for all of them when many fail together.
BUDGET_SHARE = 0.1
# Retries allowed at once: enough for all callers of a server that has just died.
BUDGET_BURST = 100.0


class Budget:
    """A token bucket: a call earns BUDGET_SHARE of a token, a retry spends one. Not thread-safe.

    >>> budget = Budget()
    >>> sum(budget.spend() for _ in range(1000))        # without a call, there is only the burst
    100
    >>> for _ in range(11):
    ...     budget.earn()
    >>> budget.spend(), budget.spend()
    (True, False)
    """

    def __init__(self) -> None:
        self._tokens = BUDGET_BURST

    def earn(self) -> None:
        """Counts a call."""
        self._tokens = min(self._tokens + BUDGET_SHARE, BUDGET_BURST)

    def spend(self) -> bool:
        """Pays for a retry; False if there is not enough left, and the retry is not allowed."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
