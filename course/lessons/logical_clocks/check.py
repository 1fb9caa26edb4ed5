"""The rungs of the lesson: each is one kind of trouble more."""

from __future__ import annotations

from course.lessons.logical_clocks.world import COUNTS, LOG, ONE_LOG, ORDER, TIMES, Act, World
from course.rung import Rung

# A request and its reply.
CALL = (Act(0.000, "ana", "bank", "put(100)"), Act(0.002, "bank", "", "put(100)"),
        Act(0.003, "bank", "ana", "ok"))

# Messages among three that cross each other.
CROSSING = (
    Act(0.000, "ana", "bia", ""), Act(0.000, "bia", "ana", ""), Act(0.000, "beto", "ana", ""),
    Act(0.004, "beto", "", ""), Act(0.004, "beto", "", ""), Act(0.010, "beto", "bia", ""),
    Act(0.010, "ana", "beto", ""), Act(0.014, "ana", "bia", ""), Act(0.020, "ana", "bia", ""),
    Act(0.020, "bia", "", ""), Act(0.030, "bia", "beto", ""), Act(0.040, "beto", "ana", ""))

# Ten events of one process, and one more.
MANY = (*(Act(number / 100, "ana", "", "") for number in range(10)), Act(0.100, "ana", "bank", ""))

_THREE = ("ana", "bia", "beto")
# What each of them knows in the end shows in its last stamp.
END = tuple(Act(0.100, name, "", "end") for name in _THREE)

# Two more appear when the three have talked.
NEWCOMERS = (
    Act(0.000, "ana", "bia", ""), Act(0.010, "bia", "ana", ""), Act(0.012, "beto", "ana", ""),
    Act(0.020, "duda", "", ""), Act(0.030, "duda", "ana", ""), Act(0.034, "bia", "beto", ""),
    Act(0.036, "eva", "", ""), Act(0.040, "ana", "bia", ""), Act(0.050, "bia", "duda", ""))

# Who speaks to whom, where nothing else is said.
TURNS = ("ana bia", "bia beto", "beto ana", "ana bia")

_CALL = {"names": ("bank", "ana"), "plot": CALL}
_CROSSING = {"names": _THREE, "plot": CROSSING + END}
_NEWCOMERS = {"names": _THREE, "joins": {0.015: ("duda", "eva")}, "plot": NEWCOMERS + END}

CHECKS = {
    "c1": Rung(World, ({**_CALL, "judges": (LOG,), "skews": ("behind", "ahead")},), 1,
               ("behind",)),
    "c2": Rung(World, ({**_CROSSING, "judges": (TIMES,), "fates": ("late", "lost")},), 2,
               ("late", "lost")),
    "c3": Rung(World, ({**_CROSSING, "judges": (LOG, ONE_LOG), "fates": ("late",)},), 1,
               ("at once",)),
    "c4": Rung(World, ({**_CALL, "judges": (ORDER,)},), 0, ("before",)),
    "c5": Rung(World, ({**_CROSSING, "judges": (ORDER,)},
                       {"names": ("bank", "ana"), "plot": MANY, "judges": (ORDER,)}), 0,
               ("before", "at once")),
    "c6": Rung(World, ({**_CROSSING, "judges": (ORDER,), "fates": ("late", "twice")},), 1,
               ("late", "twice")),
    "c7": Rung(World, ({**_NEWCOMERS, "judges": (ORDER, COUNTS)},), 0, ("joins",)),
    "c8": Rung(World, (
        {**_NEWCOMERS, "judges": (ORDER, TIMES, LOG, ONE_LOG), "fates": ("late", "lost")},
        {"names": _THREE, "turns": TURNS, "plot": END, "judges": (ORDER, TIMES, LOG, ONE_LOG),
         "fates": ("late",)}), 2, ("joins", "late", "lost")),
}
