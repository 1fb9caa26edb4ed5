"""The service of the live page: a kiosk that answers, and that sells.

`hello` may run twice without harm; `buy` may not. What was sold is in the memory of one server, so
each server has counts of its own: a second run of one call would show in them.
"""

import threading
from collections import Counter

from server import idempotent

# Guarded by _lock: how many of each item were sold here.
_lock = threading.Lock()
_sold: Counter[str] = Counter()


@idempotent
def hello(text: str) -> str:
    """Answers "World" to "Hello", and "Hello, NAME" to any other NAME."""
    return "World" if text == "Hello" else f"Hello, {text}"


def buy(item: str) -> int:
    """Sells one `item`; returns how many were sold here. Not idempotent: it must run once."""
    with _lock:
        _sold[item] += 1
        return _sold[item]


@idempotent
def sold(item: str) -> int:
    """How many of an item were sold here; 0 for one that nobody wanted."""
    with _lock:
        return _sold[item]
