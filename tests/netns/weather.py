"""What happens to the packets of a bad network. Pure: the seed and the time come in.

    >>> rng = random.Random(1)
    >>> deliveries(rng, CALM, now=5.0)
    [5.0]
    >>> deliveries(rng, Weather(loss=1.0), now=5.0)
    []
    >>> len(deliveries(rng, Weather(duplication=1.0, delay_s=0.1), now=5.0))
    2
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

# The shares of packets that are lost: the lowest and the highest. With half of them gone TCP still
# moves, but it waits for seconds; with much more, nothing would ever be answered.
LOSS = (0.3, 0.5)
# The longest ordinary delay of a packet, in seconds. As each has its own, they come out of order.
DELAY_S = 0.04
DUPLICATION = 0.1
# The share of packets that the network keeps for long, and for how many seconds: by then the kernel
# has sent them again, and whoever sent them may have given up and gone.
STRAGGLERS = 0.02
STRAGGLER_S = (1.0, 15.0)
# Which share of the directions is cut while a round lasts.
CUTS = 0.15


class Weather(NamedTuple):
    """How packets fare in one direction between two places. Times are in seconds."""

    loss: float = 0.0
    duplication: float = 0.0
    delay_s: float = 0.0
    stragglers: float = 0.0


CALM = Weather()
CUT = Weather(loss=1.0)


def deliveries(rng: random.Random, weather: Weather, now: float) -> list[float]:
    """When a packet of `now` arrives: no time where it is lost, two where it is duplicated."""
    if rng.random() < weather.loss:
        return []
    copies = 2 if rng.random() < weather.duplication else 1
    return [now + (rng.uniform(*STRAGGLER_S) if rng.random() < weather.stragglers
                   else rng.uniform(0.0, weather.delay_s)) for _ in range(copies)]


def draw_weather(rng: random.Random,
                 directions: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Weather]:
    """The weather of a round, for each direction on its own: so a cut is mostly a one-way cut."""
    return {direction: CUT if rng.random() < CUTS
            else Weather(rng.uniform(*LOSS), DUPLICATION, DELAY_S, STRAGGLERS)
            for direction in directions}
