"""The rungs of the lesson: each is one kind of trouble more."""

from __future__ import annotations

from course.lessons.rpc.messages import (
    ASK,
    BROKEN,
    CLOSED,
    DEPOSIT,
    FAULTS,
    GREET,
    LONGEST,
    LONGEST_HEAD,
    MORE,
    STRANGE_HEADS,
    STRANGE_TEXTS,
)
from course.lessons.rpc.world import World
from course.rung import Rung

_ONE, _THREE = (((DEPOSIT,),),), (((DEPOSIT,), (MORE,), (MORE,)),)
_MANY = ((20 * ((LONGEST,),)),)
_HEADS = {"sends": (((DEPOSIT, *STRANGE_HEADS), (MORE,)),), "joined": True}
_SHORTER_HEAD = {"sends": (((LONGEST_HEAD,), (MORE,)),), "cuts": 1, "joined": True}
_TEXTS = {"sends": (((DEPOSIT, LONGEST_HEAD, *STRANGE_TEXTS), (MORE,)),), "cuts": 1, "joined": True}
_CALLS = {"sends": (((DEPOSIT, *FAULTS), (MORE, *FAULTS)),)}
_NAMES = {"sends": (((DEPOSIT,), (MORE, *CLOSED), (MORE,)),)}
_CALLERS = {"sends": (((DEPOSIT,), (MORE,)), ((GREET,), (ASK,))), "cuts": 1, "joined": True}
_NO_MESSAGES = {"sends": (((DEPOSIT,), (MORE, *BROKEN), (MORE,)),), "cuts": 1, "joined": True}
_BESIDE = {"sends": (((DEPOSIT,), (MORE, *BROKEN), (MORE,)), ((GREET,), (ASK,), (GREET,)))}

CHECKS = {
    "c1": Rung(World, ({"sends": _ONE, "cuts": 1, "everywhere": True},
                       {"sends": _ONE, "cuts": 1, "reads_on": True},
                       {"sends": _ONE, "drip": True}), 1,
               ("cut in the text", "cut in the empty line", "cut in the head", "reads on",
                "byte by byte")),
    "c2": Rung(World, ({"sends": _THREE, "cuts": 1, "joined": True},), 2, ("two in one piece",)),
    "c3": Rung(World, ({"sends": (((GREET,), (ASK,)),), "cuts": 2, "joined": True},), 2,
               ("cut in a character", "two in one piece")),
    "c4": Rung(World, (_HEADS, _SHORTER_HEAD, _TEXTS), 2, ("small letters", "an empty text")),
    "c5": Rung(World, (_CALLS,), 2, ("fault",)),
    "c6": Rung(World, (_NAMES,), 1, ("_empty", "book.clear")),
    "c7": Rung(World, (_CALLERS, {"sends": _MANY}, {"sends": _MANY, "flood": True}), 2,
               ("cut in the text", "two in one piece", "a long connection")),
    "c8": Rung(World, (_NO_MESSAGES, _BESIDE), 2, ("refused", "two in one piece")),
}
