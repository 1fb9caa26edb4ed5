"""The rungs of the lesson: each is one kind of trouble more."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

from course.explore import Found, Script, Wrong, explore
from course.lessons.call_semantics.world import World


class Check(NamedTuple):
    """A rung: which world, how many faults, and what at least one run must have exercised."""

    world: dict[str, Any]
    faults: int
    must: tuple[str, ...]

    def run(self, solution: ModuleType) -> Found:
        """Runs every schedule on a student's module."""
        def once(script: Script) -> list[str]:
            return World(solution, script, **self.world).run()
        found = explore(once, self.faults)
        missing = [what for what in self.must if what not in found.exercised]
        if found.wrong is None and missing:
            # A check that has tried nothing must not be taken for one that passed.
            return found._replace(wrong=Wrong("vacuous", missing=missing[0]))
        return found


CHECKS = {
    "c1": Check({"fates": ("lost",)}, 1, ("from memory",)),
    "c2": Check({"fates": ("twice",)}, 1, ("twice",)),
    "c3": Check({"long": True}, 1, ("wait",)),
    "c4": Check({"fates": ("late",)}, 1, ("late",)),
    "c5": Check({"fates": ("lost",), "restart": True, "calls": 1}, 2, ("restart",)),
    "c6": Check({"fates": ("lost",), "callers": 2, "calls": 1}, 1, ("from memory",)),
    "c7": Check({"fates": ("lost", "twice"), "together": True, "long": True}, 2, ("wait",)),
    "c8": Check({"fates": ("twice", "late", "lost"), "long": True}, 2, ("wait", "never")),
}
