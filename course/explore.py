"""Every schedule of a small world, fewest faults first: so the first failure is the smallest story.

The problem: a wrong solution fails only when certain messages are lost or late, in a certain order.
Random runs meet that now and then, and a solution passes by chance. The idea: a world asks a
`Script` whenever something may go one way or another. The first option is what usually happens;
each other one is a fault. `explore` runs the world once for each way to choose, first without a
fault, then with each single fault, then with each pair.

    script.choose("the reply of c1", "arrives", "twice", "late", "lost")

Options stand in the order in which they shall be told: what is easier to understand comes first.

Threads: one. The same world gives the same runs, always: nothing here draws at random.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Callable, NamedTuple

# More schedules than these take longer than a student waits.
MAX_SCHEDULES = 2000

Schedule = tuple[int, ...]


class Choice(NamedTuple):
    """What was chosen: the name of the place, its options, and the number of the one taken."""

    what: str
    options: tuple[str, ...]
    taken: int


class Script:
    """The choices of one run.

    Parameter: `schedule`, the numbers of the options that are taken first; the first option is
    taken at all places behind them.

    Attribute: `choices`, those that the run has made.

    >>> script = Script((1,))
    >>> script.choose("the request", "arrives", "is lost"), script.choose("the reply", "a", "b")
    ('is lost', 'a')
    """

    def __init__(self, schedule: Schedule = ()) -> None:
        self._schedule = schedule
        self.choices: list[Choice] = []

    def choose(self, what: str, *options: str) -> str:
        """One of the options: the first one, unless this run is about another one."""
        place = len(self.choices)
        taken = self._schedule[place] if place < len(self._schedule) else 0
        self.choices.append(Choice(what, options, taken))
        return options[taken]

    @property
    def faults(self) -> int:
        """How many of the choices were not the first option."""
        return sum(1 for choice in self.choices if choice.taken)


class Line(NamedTuple):
    """A line of a story, in no language: when it happened, in seconds (None: it has no time), the
    key of its text, and the values of its fields.
    """

    at_s: float | None
    key: str
    values: dict[str, Any]


class Wrong(Exception):
    """A solution did what it must not do.

    Attributes: `key`, which mistake it is, for the text in the student's language; `values` of its
    fields; `story`, what happened until then.
    """

    def __init__(self, key: str, story: Sequence[Line] = (), **values: Any) -> None:
        super().__init__(key)
        self.key, self.story, self.values = key, list(story), values


class Found(NamedTuple):
    """What an exploration came to: how many schedules it ran, how often each thing that it is about
    was exercised, and the first mistake, with its schedule.
    """

    runs: int
    exercised: dict[str, int]
    wrong: Wrong | None = None
    choices: Sequence[Choice] = ()


# Carries out one run of a world. It returns what the run has exercised, and raises Wrong.
Run = Callable[[Script], Sequence[str]]


def explore(run: Run, max_faults: int, max_schedules: int = MAX_SCHEDULES) -> Found:
    """Runs every schedule with at most `max_faults` faults, fewest first, up to the first mistake.

    Raises ValueError if there are more than `max_schedules`: then the world is too large.
    """
    exercised: dict[str, int] = {}
    runs = 0
    for schedule in schedules(run, max_faults, exercised):
        runs += 1
        if isinstance(schedule, _Failed):
            return Found(runs, exercised, schedule.wrong, schedule.choices)
        if runs > max_schedules:
            raise ValueError(f"more than {max_schedules} schedules: this world is too large")
    return Found(runs, exercised)


class _Failed(NamedTuple):
    wrong: Wrong
    choices: Sequence[Choice]


def schedules(run: Run, max_faults: int,
              exercised: dict[str, int]) -> Iterator[Schedule | _Failed]:
    """Runs the schedules in their order, and yields each when it has run."""
    level: list[Schedule] = [()]
    for faults in range(max_faults + 1):
        following: list[Schedule] = []
        for schedule in level:
            script = Script(schedule)
            try:
                for what in run(script):
                    exercised[what] = exercised.get(what, 0) + 1
            except Wrong as wrong:
                yield _Failed(wrong, script.choices)
                return
            yield schedule
            if faults < max_faults:
                following += _one_fault_more(schedule, script.choices)
        level = following


def _one_fault_more(schedule: Schedule, choices: Sequence[Choice]) -> Iterator[Schedule]:
    """The schedules that differ at one later place: so each schedule comes exactly once."""
    for place in range(len(schedule), len(choices)):
        for option in range(1, len(choices[place].options)):
            yield schedule + (0,) * (place - len(schedule)) + (option,)
