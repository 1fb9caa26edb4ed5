"""The rungs of the lesson: each is one kind of trouble more."""

from __future__ import annotations

from course.lessons.load_balancing.world import (
    BREAKS,
    FAILS,
    HANGS,
    JOINS,
    LEAVES,
    RESTARTS,
    SLOW,
    World,
)
from course.rung import Rung


def every(seconds: float, count: int) -> tuple[float, ...]:
    """So many calls, one after the other."""
    return tuple(round(seconds * number, 3) for number in range(count))


def at_once(seconds: float, times: int, count: int) -> tuple[float, ...]:
    """So many calls at once, and that so many times."""
    return tuple(sorted(every(seconds, times) * count))


def away(from_s: float, until_s: float) -> tuple[tuple[float, str, str], ...]:
    """bank-1 leaves the list, and comes back."""
    return (from_s, LEAVES, "bank-1"), (until_s, JOINS, "bank-1")


# The quarantine of the first call ends at 1.001: before the crowd comes.
CROWD = (0.0, 0.3, 0.6, *(1.1,) * 4, *(1.2,) * 2, 1.9, *(2.0,) * 3)
# No call comes while two quarantines end.
PAUSE = (0.0, 0.1, 0.2, *(round(1.5 + each, 3) for each in every(0.1, 12)))
SLOW_TRIAL = (0.0, 0.1, 0.2, 0.3, *(round(1.5 + each, 3) for each in every(0.05, 15)))
# Two calls at a server at once, of which one fails: while the other one hangs, or not.
PAIRS = (*(0.0,) * 3, 0.3, 0.4, *(1.1,) * 2, 1.2, 1.3, *(1.9,) * 3, *(2.0,) * 2)
# After every second call, bank-3 and bank-4 take each other's place.
FLAPS = tuple((round(0.15 + 0.2 * number, 3), does, f"bank-{4 - (number + is_new + 1) % 2}")
              for number in range(13) for is_new, does in enumerate((LEAVES, JOINS)))
# bank-2 is away, and a call must go to bank-1, which is in quarantine.
FORCED = (*(0.0,) * 2, 0.3, *(0.6,) * 3, *(0.7,) * 3)
# The call that tries bank-1 hangs for longer than a quarantine.
LONG_TRIAL = (0.0, 0.1, 1.1, 1.2, 2.6, 2.7, 2.8)
# The call that tries bank-1 is on its way when it leaves: it ends while it is away, or afterwards.
TRIAL = (0.0, 0.1, 1.1, 1.2, 1.3, 1.8, 1.9, 2.0)
TRIAL_ENDS = (0.0, 0.1, 1.1, 1.3, *(round(4.6 + each, 3) for each in every(0.1, 7)))

CHECKS = {
    "c1": Rung(World, ({"calls": every(0.1, 8), "fates": (BREAKS,), "is_judged_by_load": False,
                        "are_two": True},
                       {"calls": every(0.03, 33), "servers": 3, "fates": (BREAKS,),
                        "is_judged_by_load": False}), 1, ("failure",)),
    "c2": Rung(World, ({"calls": every(0.1, 12), "servers": 3},
                       {"calls": at_once(0.1, 7, 3), "servers": 3, "fates": (SLOW,)},
                       {"calls": every(0.1, 12), "servers": 3, "tick_s": 0.5}), 1, (SLOW,)),
    "c3": Rung(World, ({"calls": every(0.1, 26), "fates": (BREAKS,)},
                       {"calls": every(0.1, 26), "servers": 3, "fates": (BREAKS,)},
                       {"calls": every(0.1, 36), "broken": ("bank-1",),
                        "changes": ((1.35, BREAKS, "bank-1"),)}), 1,
               ("trial", "recovered")),
    "c4": Rung(World, ({"calls": CROWD, "servers": 3, "fates": (BREAKS, SLOW)},), 2,
               ("trial", "recovered", SLOW)),
    "c5": Rung(World, ({"calls": every(0.1, 45), "fates": (BREAKS,), "break_s": 1.55},
                       {"calls": every(0.1, 72), "broken": ("bank-1",), "break_s": 3.5}), 1,
               ("trial failed", "recovered")),
    "c6": Rung(World, ({"calls": every(0.1, 14), "servers": 3, "fates": (BREAKS, SLOW),
                        "changes": ((0.35, JOINS, "bank-4"), (0.65, LEAVES, "bank-4"))},
                       {"calls": every(0.1, 24), "servers": 3, "fates": (BREAKS, SLOW),
                        "changes": away(0.25, 0.55)},
                       {"calls": every(0.1, 24), "servers": 3, "fates": (FAILS, HANGS),
                        "changes": away(1.25, 1.75)},
                       {"calls": every(0.1, 14), "servers": 3, "fates": (BREAKS, HANGS),
                        "changes": ((0.55, RESTARTS, "bank-1"),)},
                       {"calls": every(0.1, 24), "changes": ((1.25, JOINS, "bank-3"),)},
                       {"calls": (*(0.0,) * 6, *(0.02,) * 6), "servers": 1,
                        "changes": ((0.01, JOINS, "bank-2"),)},
                       {"calls": every(0.1, 28), "servers": 3, "changes": FLAPS}), 1,
               (JOINS, LEAVES, RESTARTS, SLOW, HANGS, "failure")),
    "c7": Rung(World, ({"calls": every(0.2, 15), "fates": (BREAKS,), "most_broken": 2},
                       {"calls": PAUSE, "servers": 3, "fates": (BREAKS,), "most_broken": 2},
                       {"calls": SLOW_TRIAL, "servers": 3, "fates": (SLOW,),
                        "broken": ("bank-1", "bank-2")},
                       {"calls": FORCED, "fates": (SLOW,), "broken": ("bank-1",), "break_s": 0.1,
                        "changes": ((0.25, LEAVES, "bank-2"), (0.55, JOINS, "bank-2"))},
                       {"calls": every(0.1, 14), "servers": 1, "fates": (BREAKS,)}), 2,
               ("nobody is healthy", "recovered")),
    "c8": Rung(World, ({"calls": at_once(0.45, 5, 2), "servers": 3, "fates": (FAILS, SLOW, HANGS),
                        "changes": ((1.15, JOINS, "bank-4"),)},
                       {"calls": PAIRS, "fates": (FAILS, HANGS)},
                       {"calls": LONG_TRIAL, "fates": (FAILS, HANGS)},
                       {"calls": TRIAL, "fates": (FAILS, HANGS), "changes": away(1.25, 1.75)},
                       {"calls": TRIAL_ENDS, "fates": (FAILS, HANGS),
                        "changes": away(1.25, 2.75)}), 2,
               (FAILS, SLOW, HANGS, "trial", JOINS)),
}
