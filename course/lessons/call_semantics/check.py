"""The rungs of the lesson: each is one kind of trouble more."""

from __future__ import annotations

from course.lessons.call_semantics.world import World
from course.rung import Rung

_BOTH = {"fates": ("lost", "twice"), "together": True, "long": True}

CHECKS = {
    "c1": Rung(World, ({"fates": ("lost",)}, {"fates": ("lost",), "before": -100}), 1,
               ("from memory",)),
    "c2": Rung(World, ({"fates": ("twice",)},), 1, ("twice",)),
    "c3": Rung(World, ({"long": True},), 1, ("wait",)),
    "c4": Rung(World, ({"fates": ("late",)},), 1, ("late",)),
    "c5": Rung(World, ({"fates": ("lost",), "restart": True, "calls": 1},), 2, ("restart",)),
    "c6": Rung(World, ({"fates": ("lost",), "callers": 2, "calls": 1},
                       {"fates": ("lost",), "callers": 2},
                       {"fates": ("lost",), "long": True, "callers": 2, "later_s": 2.0}), 1,
               ("from memory",)),
    "c7": Rung(World, (_BOTH, {**_BOTH, "long": False, "apart_s": 0.01}), 2, ("wait",)),
    "c8": Rung(World, ({"fates": ("twice", "late", "lost"), "long": True},
                       {"fates": ("lost",), "long": True, "calls": 3, "attempts": 1}), 2,
               ("wait", "never")),
    "c9": Rung(World, ({"fates": ("lost",), "restart": True, "calls": 3, "together": True},
                       {"fates": ("lost",), "restart": True, "callers": 2}), 2, ("restart",)),
    "c10": Rung(World, ({"fates": ("lost",), "calls": 12, "together": True},
                        {"fates": ("lost",), "callers": 12, "calls": 1},
                        {"callers": 2, "calls": 12, "together": True}), 1, ("from memory",)),
}
