"""The rungs of the lesson: each is one kind of trouble more."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

from course.explore import Found, Script, Wrong, explore
from course.lessons.leases.world import (
    BEATS_AGAIN,
    CRASHES,
    FREEZES,
    LEAVES,
    REGISTRY,
    RESTARTS,
    STARTS,
    THAWS,
    World,
)


class Check(NamedTuple):
    """A rung: which worlds, how many faults, and what at least one run must have exercised."""

    worlds: tuple[dict[str, Any], ...]
    faults: int
    must: tuple[str, ...]

    def run(self, solution: ModuleType) -> Found:
        """Runs every schedule on a student's module."""
        runs, exercised = 0, dict[str, int]()
        for world in self.worlds:
            def once(script: Script, world: dict[str, Any] = world) -> list[str]:
                return World(solution, script, **world).run()
            found = explore(once, self.faults)
            runs += found.runs
            for what, times in found.exercised.items():
                exercised[what] = exercised.get(what, 0) + times
            if found.wrong is not None:
                return found._replace(runs=runs)
        missing = [what for what in self.must if what not in exercised]
        # A check that has tried nothing must not be taken for one that passed.
        wrong = Wrong("vacuous", missing=missing[0]) if missing else None
        return Found(runs, exercised, wrong)


A, B = "bank-1", "bank-2"
LATE = ("late", "very late", "twice")
ANY = ("twice", "late", "lost")
EVERY = ("twice", "late", "very late", "lost")

ONE_CRASHES = ((0.0, A, STARTS), (0.0, B, STARTS), (3.5, A, CRASHES))
CRASH = ((0.0, A, STARTS), (3.5, A, CRASHES))
# Its first beat comes late, and still within the lease of its last one.
LONG = ((0.0, A, STARTS),)
FREEZE = ((0.0, A, STARTS), (2.5, A, FREEZES), (8.5, A, THAWS))
# The new life comes before the lease of the old one is over, or after it; or it crashes, too.
SOON = ((0.0, A, STARTS), (0.0, B, STARTS), (2.5, A, CRASHES), (3.5, A, STARTS))
LATER = ((0.0, A, STARTS), (2.5, A, CRASHES), (8.25, A, STARTS))
TWICE = ((0.0, A, STARTS), (2.5, A, CRASHES), (4.5, A, STARTS), (7.2, A, CRASHES))
# Somebody has started it again, and the old process still runs.
BOTH = ((0.0, A, STARTS), (2.5, A, STARTS), (6.2, A, CRASHES))
GOODBYE = ((0.0, A, STARTS), (2.5, A, LEAVES))
SHORT = ((0.0, A, STARTS), (0.5, A, LEAVES))
AFTERWARDS = ((0.0, A, STARTS), (1.5, A, LEAVES), (1.75, A, BEATS_AGAIN))
UPGRADE = ((0.0, A, STARTS), (1.5, A, LEAVES), (3.5, A, STARTS))
# The younger life says goodbye, and beats of the older one come late.
BOTH_END = ((0.0, A, STARTS), (1.5, A, CRASHES), (2.5, A, STARTS), (4.5, A, LEAVES))
# bank-2 has a longer lease, and is silent for longer than that of bank-1.
LENGTHS = ((0.0, A, STARTS), (0.0, B, STARTS), (2.5, B, FREEZES), (6.5, B, THAWS))
# The second life has a shorter lease.
SHORTER = ((0.0, A, STARTS), (2.5, A, CRASHES), (4.5, A, STARTS))
RESTART = ((0.0, A, STARTS), (0.0, B, STARTS), (2.5, A, CRASHES), (4.25, REGISTRY, RESTARTS))

CHECKS = {
    "c1": Check(({"plot": ONE_CRASHES, "until_s": 11.0, "looks": (2.125, 6.125, 9.125, 13.125)},
                 {"plot": ONE_CRASHES, "until_s": 9.0, "dead": "looking_keeps_it"}), 0,
                ("over",)),
    "c2": Check(({"plot": LONG, "until_s": 6.0, "fates": ("lost",)},
                 {"plot": FREEZE, "until_s": 11.0, "fates": ("lost",)}), 2, ("lost", "over")),
    "c3": Check(({"plot": CRASH, "until_s": 4.0, "fates": LATE},
                 {"plot": LONG, "until_s": 7.2, "fates": ("late", "twice")}), 2, (*LATE, "old")),
    "c4": Check(({"plot": SOON, "until_s": 12.0, "fates": ("late",)},
                 {"plot": LATER, "until_s": 12.0, "fates": ("late",)},
                 {"plot": TWICE, "until_s": 8.0, "fates": ("late",)},
                 {"plot": BOTH, "until_s": 8.0, "fates": ("late", "lost")}), 1,
                ("late", "superseded")),
    "c5": Check(({"plot": GOODBYE, "until_s": 4.0, "fates": ANY},
                 {"plot": SHORT, "until_s": 2.0, "fates": ANY},
                 {"plot": AFTERWARDS, "until_s": 3.0, "fates": ANY},
                 {"plot": UPGRADE, "until_s": 11.0, "fates": ANY},
                 {"plot": BOTH_END, "until_s": 5.0, "fates": ANY}), 2,
                ("goodbye", "old", "superseded")),
    "c6": Check(({"plot": LENGTHS, "until_s": 9.0, "fates": ("lost",), "leases": {B: (6.0,)}},
                 {"plot": SHORTER, "until_s": 8.0, "leases": {A: (6.0, 3.0)}},
                 {"plot": RESTART, "until_s": 8.0, "fates": ("lost",)}), 1,
                ("lost", "over", "restart")),
    "c7": Check(({"plot": SOON, "until_s": 5.0, "fates": ANY, "strict": True},
                 {"plot": GOODBYE, "until_s": 4.0, "fates": ANY, "strict": True}), 1,
                ("old", "superseded", "goodbye")),
    "c8": Check(({"plot": TWICE, "until_s": 8.0, "fates": ANY, "strict": True},
                 {"plot": GOODBYE, "until_s": 3.0, "fates": EVERY},
                 {"plot": UPGRADE, "until_s": 6.0, "fates": EVERY, "strict": True},
                 {"plot": RESTART, "until_s": 6.0, "fates": ANY, "strict": True}), 2,
                (*EVERY, "restart", "superseded")),
}
