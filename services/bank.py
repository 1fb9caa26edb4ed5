"""A service that must not run a call twice: a deposit that runs twice creates money.

Accounts live in the memory of one server. A server that stops forgets them: this is a lesson, not
a bank.
"""

import threading
import time
from collections import Counter

from server import idempotent

# Seconds. How long it takes to count coins.
COUNTING_S = 0.5

# Guarded by _lock: the cents on each account.
_lock = threading.Lock()
_cents: Counter[str] = Counter()


@idempotent
def balance(account: str) -> int:
    """The cents on an account; 0 for one that was never used."""
    with _lock:
        return _cents[account]


def deposit(account: str, cents: int) -> int:
    """Adds cents to an account and returns its new balance. Not idempotent: it must run once."""
    if not isinstance(cents, int) or cents <= 0:
        raise ValueError("a deposit is a positive number of cents")
    with _lock:
        _cents[account] += cents
        return _cents[account]


def deposit_coins(account: str, cents: int) -> int:
    """Counts coins, which takes a while, and deposits them. Not idempotent either."""
    time.sleep(COUNTING_S)
    return deposit(account, cents)
