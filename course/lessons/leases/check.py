"""The rungs of the lesson: each is one kind of trouble more."""

from __future__ import annotations

from course.lessons.leases.world import (
    BEATS_AGAIN,
    CRASHES,
    FREEZES,
    LEAVES,
    REGISTRY,
    RESTARTS,
    SHORTENS,
    STARTS,
    THAWS,
    World,
)
from course.rung import Rung

A, B, C = "bank-1", "bank-2", "bank-10"
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
# Its goodbye comes within the lease of the older one.
BOTH_END = ((0.0, A, STARTS), (2.2, A, CRASHES), (2.5, A, STARTS), (3.7, A, LEAVES))
# bank-2 has a longer lease, and is silent for longer than that of bank-1.
LENGTHS = ((0.0, A, STARTS), (0.0, B, STARTS), (2.5, B, FREEZES), (6.5, B, THAWS))
# The second life has a shorter lease.
SHORTER = ((0.0, A, STARTS), (2.5, A, CRASHES), (4.5, A, STARTS))
# One that lives makes its lease shorter; another one has a lease of more than REMEMBER_S.
SHORTENED = ((0.0, A, STARTS), (2.5, A, SHORTENS), (4.5, A, CRASHES))
VERY_LONG = ((0.0, A, STARTS), (1.0, A, FREEZES), (70.0, A, THAWS))
THREE = ((0.0, C, STARTS), (0.0, B, STARTS), (0.0, A, STARTS), (3.5, B, CRASHES))
# A beat of a long life comes when the lease of its last one is over.
LONG_LIFE = ((0.0, A, STARTS), (64.5, A, CRASHES))
RESTART = ((0.0, A, STARTS), (0.0, B, STARTS), (2.5, A, CRASHES), (4.25, REGISTRY, RESTARTS))

_C1 = {"plot": ONE_CRASHES, "until_s": 11.0, "looks": (2.125, 6.125, 9.125, 13.125)}
_STRICT = {"fates": ANY, "strict": True}

CHECKS = {
    "c1": Rung(World, (_C1, {"plot": ONE_CRASHES, "until_s": 9.0, "dead": "looking_keeps_it"}), 0,
               ("over",)),
    "c2": Rung(World, ({"plot": LONG, "until_s": 6.0, "fates": ("lost",)},
                       {"plot": FREEZE, "until_s": 11.0, "fates": ("lost",)}), 2,
               ("lost", "over")),
    "c3": Rung(World, ({"plot": CRASH, "until_s": 4.0, "fates": LATE},
                       {"plot": LONG, "until_s": 7.2, "fates": ("late", "twice")}), 2,
               (*LATE, "old")),
    "c4": Rung(World, ({"plot": SOON, "until_s": 12.0, "fates": ("late",)},
                       {"plot": LATER, "until_s": 12.0, "fates": ("late",), "lives": (9, 12)},
                       {"plot": SOON, "until_s": 8.0, "moves": False},
                       {"plot": TWICE, "until_s": 8.0, "fates": ("late",)},
                       {"plot": BOTH, "until_s": 8.0, "fates": ("late", "lost")}), 1,
               ("late", "superseded")),
    "c5": Rung(World, ({"plot": GOODBYE, "until_s": 4.0, "fates": ANY},
                       {"plot": SHORT, "until_s": 2.0, "fates": ANY},
                       {"plot": AFTERWARDS, "until_s": 3.0, "fates": ANY},
                       {"plot": UPGRADE, "until_s": 11.0, "fates": ANY},
                       {"plot": BOTH_END, "until_s": 5.0, "fates": ANY}), 2,
               ("goodbye", "old", "superseded")),
    "c6": Rung(World, ({"plot": LENGTHS, "until_s": 9.0, "fates": ("lost",), "leases": {B: (6.0,)}},
                       {"plot": SHORTER, "until_s": 8.0, "leases": {A: (6.0, 3.0)}},
                       {"plot": SHORTENED, "until_s": 5.0, "leases": {A: (6.0,)}},
                       {"plot": VERY_LONG, "until_s": 71.0, "leases": {A: (90.0,)}},
                       {"plot": THREE, "until_s": 6.0, "leases": {B: (2.7,)}},
                       {"plot": LONG_LIFE, "until_s": 65.0, "fates": ("very late",),
                        "leases": {A: (24.0,)}},
                       {"plot": RESTART, "until_s": 8.0, "fates": ("lost",)}), 1,
               ("lost", "over", "restart")),
    "c7": Rung(World, ({"plot": SOON, "until_s": 5.0, **_STRICT},
                       {"plot": GOODBYE, "until_s": 4.0, **_STRICT},
                       {"plot": AFTERWARDS, "until_s": 3.0, **_STRICT},
                       {"plot": LONG, "until_s": 1.0, "forgets": True}), 1,
               ("old", "superseded", "goodbye")),
    "c8": Rung(World, ({"plot": TWICE, "until_s": 8.0, **_STRICT},
                       {"plot": GOODBYE, "until_s": 3.0, "fates": EVERY},
                       {"plot": UPGRADE, "until_s": 6.0, "fates": EVERY, "strict": True},
                       {"plot": RESTART, "until_s": 6.0, **_STRICT}), 2,
               (*EVERY, "restart", "superseded")),
}
