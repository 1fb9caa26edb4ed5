"""The rungs of the lesson: each is one kind of trouble more."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Callable, NamedTuple

from course.explore import Found, Script, Wrong, explore
from course.lessons.retries.world import (
    HURRIED_S,
    REFUSES,
    REPLY_LOST,
    REQUEST_LOST,
    Hops,
    Storm,
    World,
)

ANY = (REPLY_LOST, REQUEST_LOST, REFUSES)


class Check(NamedTuple):
    """A rung: which worlds, how many faults, and what at least one run must have exercised."""

    worlds: tuple[dict[str, Any], ...]
    faults: int
    must: tuple[str, ...]
    make: Callable[..., Any] = World

    def run(self, solution: ModuleType) -> Found:
        """Runs every schedule on a student's module."""
        runs, exercised = 0, dict[str, int]()
        for world in self.worlds:
            def once(script: Script, world: dict[str, Any] = world) -> list[str]:
                made: list[str] = self.make(solution, script, **world).run()
                return made
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


CHECKS = {
    "c1": Check(({"fates": (REPLY_LOST,)},), 1, ("again after unknown",)),
    "c2": Check(({"fates": (REFUSES,)},), 2, ("elsewhere after not sent",)),
    "c3": Check(({"fates": ANY},), 2, ("again after unknown", REFUSES)),
    "c4": Check(({"fates": (REPLY_LOST,), "restart": True},), 2, ("restart",)),
    "c5": Check(({"fates": ANY, "idempotent": True},
                 {"fates": ANY, "idempotent": True, "servers": 1}), 2,
                ("elsewhere after unknown", "again after unknown")),
    "c6": Check(({"fates": (REPLY_LOST,), "patience_s": HURRIED_S}, {"patience_s": 0.0}), 2,
                ("deadline", "never asked")),
    "c7": Check(({},), 1, ("all fail",), Hops),
    "c8": Check(({}, {"idempotent": False}), 1, ("all fail",), Storm),
    "c9": Check(({"fates": ANY, "restart": True},
                 {"fates": ANY, "restart": True, "idempotent": True},
                 {"fates": ANY, "servers": 2, "patience_s": HURRIED_S}), 3,
                ("restart", "deadline")),
}
