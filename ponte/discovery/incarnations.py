"""Incarnations: the number of one life of a process, by which registries tell the younger one.

Of two processes with one name, that with the higher number is the younger one. Nobody hands numbers
out, so they are made of the wall clock, which may be set back. The last digits are random:
processes that one script has started together differ.
"""

from __future__ import annotations

import random
import time

# Milliseconds since 1970, and three random digits: below 2 ** 53 until the year 2255.
RANDOM_DIGITS = 1000

# The latest number of this process, as the only item. If two threads read the same one, their new
# numbers differ by the random digits.
_latest = [0]


def new_incarnation() -> int:
    """A number for a life that begins now. In one process it grows, whatever its clock does."""
    now = time.time_ns() // 1_000_000 * RANDOM_DIGITS + random.randrange(RANDOM_DIGITS)
    _latest[0] = max(now, _latest[0] + 1)
    return _latest[0]


def highest_incarnation() -> int:
    """The highest number of a life that has begun by now. Higher ones come from the future."""
    return (time.time_ns() // 1_000_000 + 1) * RANDOM_DIGITS
