"""What every incident has: the trouble that it plants, and what a right answer to it is.

    who       the process that is the cause
    kind      one of eight
    figures   two numbers that can be read while the incident runs, each with a tolerance
    command   one of those that prove it
    remedy    one of four

Everything that differs from student to student is drawn by the constructor, so that another process
can ask the same incident for its answer.
"""

from __future__ import annotations

import random
from typing import Callable, NamedTuple

from course.incidents.system import Pages, System

# The kinds of trouble of which a student chooses. Five of them are planted by some incident.
KINDS = ("wrong_key", "answers_lost", "no_call_ids", "stale_view", "slow", "crashed", "frozen",
         "same_name")
# The commands of which a student chooses. NAME is the process that they have named.
COMMANDS = ("tap_registry", "tap_name", "tap_called", "status_registry", "status_name", "log_name",
            "trace")
REMEDIES = ("1", "2", "3", "4")
# Seconds between the start and the trouble, at least and at most; and for which a rate is measured.
MOMENT_S = (8.0, 16.0)
MEASURE_S = 3.0
# How far a rate that a student measures may be from ours, in events a second.
RATE_TOLERANCE = 2.5

# Waits so many seconds; raises what ends the incident, if it is to end before.
Wait = Callable[[float], None]


class Figure(NamedTuple):
    """A number, and how far an answer may be from it."""

    value: float
    tolerance: float

    def fits(self, given: float) -> bool:
        return abs(given - self.value) <= self.tolerance


class Incident:
    """One incident. `rng` draws what differs from student to student."""

    letter = ""
    kind = ""
    proves: frozenset[str] = frozenset()
    # Which of the remedies helps.
    remedy = ""
    # The words of a call by client.py; and about how many seconds the trouble takes to show.
    example, lasts_s = "", 0.0

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        # The process that is the cause.
        self.who = ""
        self.after_s = rng.uniform(*MOMENT_S)

    def begin(self, system: System) -> None:
        """Starts all processes, in good health, and waits for them."""
        raise NotImplementedError

    def plant(self, system: System, wait: Wait) -> None:
        """Plants the trouble; returns when its evidence is there."""
        raise NotImplementedError

    def measure(self, pages: Pages, wait: Wait) -> tuple[Figure, Figure]:
        """Reads the two figures from the pages of the real processes."""
        raise NotImplementedError


def rate(pages: Pages, name: str, outcome: str, wait: Wait) -> float:
    """How many datagrams a second end so at a registry."""
    def count() -> int:
        found: int = pages.status(name)["datagrams"].get(outcome, 0)
        return found

    before = count()
    wait(MEASURE_S)
    return (count() - before) / MEASURE_S
