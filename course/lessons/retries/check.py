"""The rungs of the lesson: each is one kind of trouble more."""

from __future__ import annotations

from course.lessons.retries.world import (
    HURRIED_S,
    REFUSES,
    REFUSES_LATE,
    REPLY_LOST,
    REQUEST_LOST,
    Hops,
    Storm,
    World,
)
from course.rung import Rung

ANY = (REPLY_LOST, REQUEST_LOST, REFUSES)


CHECKS = {
    "c1": Rung(World, ({"fates": (REPLY_LOST,)},), 1, ("again after unknown",)),
    "c2": Rung(World, ({"fates": (REFUSES,)}, {"fates": (REFUSES,), "servers": 1, "joins": True},
                       {"servers": 0}, {"servers": 5, "refusing": 4}), 2,
               ("elsewhere after not sent", "joins", "never asked")),
    "c3": Rung(World, ({"fates": ANY}, {"fates": ANY, "beside": True}), 2,
               ("again after unknown", REFUSES)),
    "c4": Rung(World, ({"fates": (REPLY_LOST,), "restart": True},
                       {"fates": (REFUSES,), "restart": True, "servers": 1}), 2, ("restart",)),
    "c5": Rung(World, ({"fates": ANY, "idempotent": True},
                       {"fates": ANY, "idempotent": True, "servers": 1},
                       {"fates": ANY, "idempotent": True, "servers": 1, "restart": True},
                       {"idempotent": True, "silent": True}), 2,
               ("elsewhere after unknown", "again after unknown")),
    "c6": Rung(World, ({"fates": (REPLY_LOST,), "patience_s": HURRIED_S}, {"patience_s": 0.0},
                       {"fates": (REFUSES_LATE,), "patience_s": HURRIED_S, "beside": True},
                       {"fates": (REPLY_LOST,), "patience_s": HURRIED_S, "begins_s": 100.0,
                        "idempotent": True}), 2,
               ("deadline", "never asked")),
    "c7": Rung(Hops, ({}, {"sizes": (1, 1, 3)}, {"sizes": (2, 1, 2)},
                      {"idempotent": False}), 1, ("all fail",)),
    "c8": Rung(Storm, ({}, {"idempotent": False}), 1, ("all fail",)),
    "c9": Rung(World, ({"fates": ANY, "restart": True},
                       {"fates": ANY, "restart": True, "idempotent": True},
                       {"fates": ANY, "servers": 2, "patience_s": HURRIED_S}), 3,
               ("restart", "deadline")),
}
