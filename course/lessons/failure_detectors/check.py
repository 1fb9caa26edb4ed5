"""The rungs of the lesson: each is one kind of trouble more."""

from __future__ import annotations

from course.lessons.failure_detectors.world import (
    CRASHES,
    FREEZES,
    HOUR_S,
    REGISTRY,
    SET_BACK,
    STARTS,
    THAWS,
    World,
)
from course.rung import Rung

A, B = "bank-1", "bank-2"

ONE = ((0.0, A, STARTS),)
BOTH = ((0.0, A, STARTS), (0.3, B, STARTS))
CRASH = (*BOTH, (2.5, A, CRASHES))
BOTH_CRASH = (*CRASH, (2.5, B, CRASHES))
# It is silent for longer than a lease, and goes on; and then once more.
FROZEN = (*BOTH, (2.5, A, FREEZES), (7.5, A, THAWS), (9.5, A, FREEZES), (14.5, A, THAWS))
SET = (*ONE, (2.5, A, SET_BACK))


def pause(*times_s: float) -> tuple[tuple[float, str, str], ...]:
    """The registry freezes at the first of these times, thaws at the second, and so on."""
    return tuple((at_s, REGISTRY, FREEZES if number % 2 == 0 else THAWS)
                 for number, at_s in enumerate(times_s))


# Two pauses that are longer than a lease, and one that is shorter.
PAUSES = (pause(2.9, 9.1), pause(2.9, 62.6), pause(2.4, 3.9))
# Whose beats wait while the registry is frozen: nobody's, if the whole computer sleeps.
KEPT = ((), (A, B), (A,))
# The registry runs for 0.8 s, and is frozen for 1.2 s, again and again.
AGAIN = pause(*(each + start for start in range(1, 20, 2) for each in (0.4, 1.6)))
# The same with shorter pauses.
SHORT = pause(*(start * 1.5 + each for start in range(8) for each in (0.4, 1.3)))

CHECKS = {
    "c1": Rung(World, ({"plot": ONE, "until_s": 5.0, "fates": ("lost",)},
                       {"plot": CRASH, "until_s": 7.0}), 1, ("lost", "suspect", "gone")),
    "c2": Rung(World, ({"plot": ONE, "until_s": 7.0, "fates": ("lost",)},
                       {"plot": FROZEN, "until_s": 17.0},
                       {"plot": BOTH_CRASH, "until_s": 7.0},
                       {"plot": CRASH, "until_s": 12.0, "lease_s": 6.0}), 3,
               ("lost", "thaws", "gone", "back")),
    "c3": Rung(World, ({"plot": CRASH, "until_s": 7.0, "ahead": {A: HOUR_S, B: -HOUR_S}},
                       {"plot": CRASH, "until_s": 7.0, "ahead": {A: -HOUR_S, B: HOUR_S}},
                       {"plot": SET, "until_s": 7.0, "fates": ("lost",)},
                       {"plot": SET, "until_s": 7.0, "back_s": 1.0}), 1,
               ("suspect", "gone", "set back")),
    "c4": Rung(World, ({"plot": CRASH, "until_s": 8.0, "turn_s": 0.5, "fates": ("lost",)},
                       {"plot": CRASH, "until_s": 8.0, "asks": 3, "fates": ("lost",)}), 2,
               ("lost", "suspect", "gone", "back")),
    "c5": Rung(World, tuple({"plot": (*BOTH, *each), "until_s": each[-1][0] + 3.0, "keeps": kept}
                            for each in PAUSES for kept in KEPT), 1,
               ("pause", "asks first", "beats first")),
    "c6": Rung(World, tuple({"plot": (*BOTH, *pause(2.9, 9.1), (at_s, A, CRASHES)),
                             "until_s": 13.0, "fates": ("lost",), "keeps": kept}
                            for at_s in (2.5, 5.5, 9.5, 0.5) for kept in KEPT[:2]), 2,
               ("pause", "gone", "crashes", "lost")),
    "c7": Rung(World, tuple({"plot": (*BOTH, *AGAIN, (2.5, A, CRASHES)), "until_s": 18.0,
                             "fates": ("lost",), "keeps": kept, "adds_up": True}
                            for kept in KEPT)
               + ({"plot": (*BOTH, *SHORT), "until_s": 12.0, "fates": ("lost",), "adds_up": True},),
               1, ("pause", "gone", "lost")),
}
