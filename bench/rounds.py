"""Interleaved rounds: A B A B, so that other work of the machine slows all measures alike."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Callable, NamedTuple, TypeVar

from bench.earlier import COMMIT

WARM_UP_S = 0.5

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Plan(NamedTuple):
    """How much to measure: the number of rounds, and the seconds of each.

    `quick` makes everything else as small as possible. `say` prints a line of progress. `against`
    is the earlier state of this project that some sections measure beside it (bench/earlier.py).
    """

    rounds: int
    seconds: float
    quick: bool
    say: Callable[[str], None]
    against: str = COMMIT


def interleave(plan: Plan, measures: Mapping[K, Callable[[float], V]], *,
               warm_up: bool = True) -> dict[K, list[V]]:
    """The results of each measure, round by round. A measure takes the seconds of a round.

    With `warm_up`, a short round before does not count.
    """
    found: dict[K, list[V]] = {name: [] for name in measures}
    if warm_up and not plan.quick:
        for measure in measures.values():
            measure(WARM_UP_S)
    for number in range(plan.rounds):
        for name, measure in measures.items():
            title = " · ".join(map(str, name)) if isinstance(name, tuple) else name
            plan.say(f"round {number + 1} of {plan.rounds}: {title}")
            found[name].append(measure(plan.seconds))
    return found
