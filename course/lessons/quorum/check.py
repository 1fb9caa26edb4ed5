"""The rungs of the lesson: each is one kind of trouble more."""

from __future__ import annotations

from course.lessons.quorum.world import CRASH, LATE, TWICE, Cut, World
from course.rung import Rung

ALL = ("r1", "r2", "r3")
# A price that falls and rises.
ALONE = ((0.0, "ana", None), (1.0, "ana", 30), (2.0, "ana", None), (3.0, "ana", 20),
         (4.0, "ana", None))
ONE_AFTER_THE_OTHER = ((0.0, "bia", 30), (1.0, "ana", None), (2.0, "ana", 20), (3.0, "bia", None),
                       (4.0, "ana", None))
AGAIN = ((0.0, "ana", 50), (1.0, "bia", 40), (2.0, "bia", 30), (3.0, "ana", 20),
         (4.0, "bia", None))
# ana writes again what she has written and read.
ONCE_MORE = ((0.0, "ana", 30), (1.0, "ana", None), (2.0, "bia", 20), (3.0, "ana", 30),
             (4.0, "bia", None))
# When ana has heard of the number, and has not stored yet.
IN_A_WRITE_S = 1.0015
# Ten writes and one more; the last price is 0.
MANY = (*((float(number), ("ana", "bia")[number % 2], 100 - 10 * number) for number in range(11)),
        (11.0, "caio", None), (12.0, "bia", None))
TWO_WRITES = ((0.0, "bia", 30), (1.0, "ana", 20), (2.0, "bia", None))
BOTH = ((0.0, "ana", 30), (1.0, "bia", None))
# Late messages of the first write come between the second one and the last reads.
LATE_WRITE = ((0.0, "ana", 30), (1.0, "ana", 20), (10.5, "bia", None), (12.0, "bia", None))
# Two names that begin alike.
TOGETHER = ((0.0, "ada", 30), (0.0, "ana", 20), (2.0, "bia", None), (3.0, "caio", None))
SOON = ((0.0, "ana", 30), (0.0, "bia", 20), (2.0, "bia", None), (2.5, "caio", None))
# bia writes while ana does not know yet which number to take.
BETWEEN = ((0.0, "ana", 30), (0.3, "bia", None), (0.6, "bia", 20), (3.0, "caio", None))
# What caio's read stores comes when ana has read what bia has written meanwhile.
OLD_STORE = ((0.0, "ana", 30), (0.0, "bia", 20), (0.5, "caio", None), (1.2, "ana", None),
             (2.5, "ana", None))
MEANWHILE = ((0.0, "ana", 30), (1.0, "bia", None), (2.0, "caio", None))
THE_SAME = ((0.0, "ana", 30), (1.0, "bia", 30), (2.0, "caio", None))
SECOND_READ = ((0.0, "bia", None), (1.0, "ana", 30), (2.0, "bia", None), (3.0, "caio", None))
# Both writes have the same number.
BOTH_FIRST = ((0.0, "ana", 30), (0.0, "bia", 20), (1.0, "ana", None), (2.0, "caio", None))
# The price of the first write is that of the last one, too.
BACK_TO_30 = ((0.0, "bia", 30), (1.0, "ana", 20), (2.0, "ana", 30), (3.0, "bia", None),
              (4.0, "caio", None))
# The write of 20 comes to r1 between bia's first question and her second one.
IN_A_READ = ((0.0, "ana", 30), (1.0, "ana", 20), (1.0015, "bia", None), (2.0, "caio", None))
# bia has the newest value, and caio never hears of r1.
FAR = (Cut(("caio",), ("r1",)),)
# Of five: two have the newest value.
FAR_FROM_TWO = (Cut(("caio",), ("r1", "r2")),)
# bia's read began before the write of 20; what it stores comes after that.
SLOW_READ = ((0.0, "ana", 30), (1.0, "bia", None), (1.5, "ana", 20), (4.0, "caio", None))

CHECKS = {
    "c1": Rung(World, ({"plan": ALONE, "fates": ((LATE, 1), (LATE, 2))},), 1, (LATE,)),
    "c2": Rung(World, (
        {"plan": BOTH, "count": 4,
         "cuts": (Cut(("ana",), ("r3", "r4")), Cut(("bia",), ("r1", "r2")))},
        {"plan": BOTH, "count": 5, "fates": ((LATE, 2, "ana"), (LATE, 3, "ana"))},
        {"plan": BOTH, "count": 4, "fates": ((LATE, 1, "ana"), (LATE, 2, "ana"))}), 1,
               ("no majority", LATE)),
    "c3": Rung(World, ({"plan": ALONE, "fates": ((TWICE, 1),)},), 1, (TWICE,)),
    "c4": Rung(World, (
        *({"plan": BOTH, "cuts": (Cut(("ana", "bia"), (name,)),)} for name in ALL),
        *({"plan": ALONE, "cuts": (Cut(("ana",), (name,), from_s=IN_A_WRITE_S),)} for name in ALL),
        {"plan": BOTH, "count": 5, "cuts": (Cut(("ana", "bia"), ("r1", "r4")),)},
        {"plan": BOTH, "fates": ((TWICE, 1, "bia"),), "cuts": (Cut(("ana",), ("r1",)),)}),
               1, ("cut", TWICE)),
    "c5": Rung(World, (
        *({"plan": plan, "ahead": (("bia", ahead_s),)}
          for plan in (ONE_AFTER_THE_OTHER, AGAIN) for ahead_s in (-60.0, 60.0)),
        *({"plan": plan, "fates": ((LATE, 1),)} for plan in (ONE_AFTER_THE_OTHER, AGAIN)),
        {"plan": TWO_WRITES, "count": 5, "fates": ((LATE, 2, "bia"),)},
        {"plan": TWO_WRITES, "fates": ((TWICE, 1, "ana"),), "cuts": (Cut(("bia",), ("r1",)),)},
        {"plan": MANY}, {"plan": ONCE_MORE}), 1, (LATE, TWICE)),
    "c6": Rung(World, (
        {"plan": LATE_WRITE, "fates": ((LATE, 1, "ana"),), "cuts": (Cut(("bia",), ("r1",)),)},
        {"plan": SLOW_READ, "fates": ((LATE, 2, "bia"),), "late_s": 1.0}), 2, (LATE,)),
    "c7": Rung(World, (
        {"plan": TOGETHER, "fates": ((LATE, 2, "ada"), (LATE, 1, "ana", "bia"))},
        {"plan": SOON, "fates": ((LATE, 2, "ana"), (LATE, 1, "bia")), "late_s": 1.0, "cuts": FAR},
        {"plan": BETWEEN, "fates": ((LATE, 2, "ana"),), "late_s": 1.0},
        {"plan": OLD_STORE, "fates": ((LATE, ALL, "bia", "caio"),), "late_s": 1.0}), 2, (LATE,)),
    "c8": Rung(World, (
        {"plan": MEANWHILE, "fates": ((CRASH, 1, "ana"), (LATE, 1, "caio"))},
        {"plan": MEANWHILE, "cuts": FAR,
         "fates": ((CRASH, 1, "ana"), (LATE, 2, "bia"), (TWICE, 1, "bia"))},
        {"plan": MEANWHILE, "count": 5, "cuts": FAR_FROM_TWO,
         "fates": ((CRASH, 1, "ana"), (CRASH, 2, "ana"), (LATE, ("r3", "r4", "r5"), "bia"))},
        {"plan": THE_SAME, "fates": ((CRASH, 1, "ana"),), "cuts": FAR},
        {"plan": SECOND_READ, "fates": ((CRASH, 1, "ana"),), "cuts": FAR},
        {"plan": BOTH_FIRST, "fates": ((CRASH, 1, "bia"),), "cuts": FAR},
        {"plan": BACK_TO_30, "fates": ((CRASH, 1, "ana"),),
         "cuts": (*FAR, Cut(("ana",), ("r2",)))},
        {"plan": IN_A_READ, "fates": ((CRASH, 1, "ana"),), "cuts": FAR}), 2,
               (CRASH, TWICE, "meanwhile")),
}
