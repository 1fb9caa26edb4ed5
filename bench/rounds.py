"""Interleaved rounds: A B A B, so that whatever else the machine does meets all of them alike."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Callable, NamedTuple, TypeVar

WARM_UP_S = 0.5

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Plan(NamedTuple):
    """How much to measure: so many rounds, each of so many seconds.

    `quick` takes the least of everything else.
    """

    rounds: int
    seconds: float
    quick: bool
    say: Callable[[str], None]


def interleave(plan: Plan, measures: Mapping[K, Callable[[float], V]], *,
               warm_up: bool = True) -> dict[K, list[V]]:
    """What each measure returns, round by round; each is given its seconds.

    A short round before warms all up.
    """
    found: dict[K, list[V]] = {name: [] for name in measures}
    if warm_up and not plan.quick:
        for measure in measures.values():
            measure(WARM_UP_S)
    for number in range(plan.rounds):
        for name, measure in measures.items():
            told = " · ".join(map(str, name)) if isinstance(name, tuple) else name
            plan.say(f"round {number + 1} of {plan.rounds}: {told}")
            found[name].append(measure(plan.seconds))
    return found
