"""A rung of a lesson: one kind of trouble more than the rung before, in every schedule."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any, Callable, NamedTuple, Protocol

from course.explore import Found, Line, Script, Wrong, explore


class Runs(Protocol):
    """A world: a SmallWorld with a `run`."""

    story: list[Line]

    def run(self) -> Sequence[str]:
        """Carries out everything; returns what was exercised. Raises Wrong."""


class Rung(NamedTuple):
    """Which worlds, how many faults in each at most, and what at least one run must exercise.

    `make(solution, script, **world)` makes a world, once for each schedule.
    """

    make: Callable[..., Runs]
    worlds: Sequence[dict[str, Any]]
    faults: int
    must: Sequence[str]

    def run(self, solution: ModuleType) -> Found:
        """Runs every schedule of every world on a student's module.

        What the module raises gets the `story` of its run.
        """
        runs, exercised = 0, dict[str, int]()
        for world in self.worlds:
            def once(script: Script, world: dict[str, Any] = world) -> Sequence[str]:
                made = self.make(solution, script, **world)
                try:
                    return made.run()
                except Wrong:
                    raise
                except BaseException as error:
                    setattr(error, "story", made.story)  # noqa: B010
                    raise
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
