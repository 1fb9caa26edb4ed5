"""What a state is: all that the objects of a world hold, as one value that can be compared.

Two orders of events that lead to equal states need not be explored twice. So a state must hold
everything on which a later decision depends. The naive try lists these attributes by hand: then an
attribute that is added to the code next year is missing, states that differ count as equal, and
nobody notices that half of the orders are no longer explored.

The idea is the reverse: `freeze` takes along whatever it finds, and `LEFT_OUT` lists the little
that decides nothing here, such as counters. A generator is where it stands, and its variables.
"""

from __future__ import annotations

import enum
import threading
from collections import abc, deque
from collections.abc import Mapping
from concurrent.futures import Future
from types import GeneratorType
from typing import Any, Callable

from ponte.calls.attempt import Attempt, Result
from ponte.calls.balancing import Balancer, Member
from ponte.calls.endpoint import Endpoint
from ponte.calls.once import Memory, Record
from ponte.calls.rule import Call
from ponte.calls.session import CallNumber, Session
from ponte.net.known_heads import Headers, cached
from ponte.net.message import Reply, Request
from relayed_call import RelayedCall, SharedState

# What decides nothing in a world without time, in which every order of endpoints is explored.
LEFT_OUT: dict[type, frozenset[str]] = {
    Member: frozenset(("calls", "failures", "calls_total", "failures_total", "penalty", "trial_at",
                       "on_trial", "key")),
    Balancer: frozenset(("budget", "rng", "turn", "_policy", "_tiers", "_healthy", "_quarantined",
                         "_trial_due_at", "_choose")),
    # The order of sessions and replies: a scenario drops any of them, not only the oldest.
    Memory: frozenset(("size_bytes", "_max_sessions", "_max_bytes", "_new_id", "_kept")),
    Record: frozenset(("size_bytes",)),
    CallNumber: frozenset(("_open",)),
    Call: frozenset(("_deadline", "has_learned")),
    SharedState: frozenset(("via", "counts", "durations", "_served_by", "lock")),
    RelayedCall: frozenset(("_service", "_began")),
}
# These are values already.
_ATOMS = (type(None), bool, int, float, str, bytes, enum.Enum, type, Endpoint)
# Most things are of these types, so they are looked up first.
_PLAIN = frozenset((type(None), bool, int, str, bytes, Endpoint))
# Tuples that several variables of a program refer to: they are written out once.
_SHARED = (Attempt, Result, Request, Reply)

Freeze = Callable[["Freezer", Any], Any]
# How the objects of a type are frozen; found out when the first of them comes.
_known: dict[type, Freeze] = {}


class Freezer:
    """Makes values of objects. An object that comes a second time is a number: so circles end.

    >>> Freezer().freeze(([1, "a"], {"b": 2}))
    ((1, 'a'), (('b', 2),))
    """

    def __init__(self) -> None:
        self._met: dict[int, int] = {}

    def freeze(self, thing: Any) -> Any:
        kind = type(thing)
        how = _known.get(kind)
        if how is None:
            how = _known[kind] = _how_to_freeze(kind)
        return how(self, thing)

    def _number(self, thing: Any) -> int | None:
        """The number of an object that has come before."""
        number = self._met.get(id(thing))
        if number is None:
            self._met[id(thing)] = len(self._met)
        return number


def _atom(_: Freezer, thing: Any) -> Any:
    return thing


def _headers(_: Freezer, thing: Any) -> Any:
    return cached(_sorted_items, thing)


def _sorted_items(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(headers.items()))


def _sequence(freezer: Freezer, thing: Any) -> Any:
    return tuple([each if type(each) in _PLAIN else freezer.freeze(each) for each in thing])


def _shared(freezer: Freezer, thing: Any) -> Any:
    number = freezer._number(thing)
    return _sequence(freezer, thing) if number is None else number


def _set(_: Freezer, thing: Any) -> Any:
    return tuple(sorted(thing))


def _mapping(freezer: Freezer, thing: Any) -> Any:
    return tuple([(key, each if type(each) in _PLAIN else freezer.freeze(each))
                  for key, each in sorted(thing.items())])


def _by_name(_: Freezer, thing: Any) -> Any:
    return getattr(thing, "__qualname__", "")


def _future(freezer: Freezer, thing: Any) -> Any:
    number = freezer._number(thing)
    return (number, thing.done())


def _program(freezer: Freezer, thing: Any) -> Any:
    number = freezer._number(thing)
    if number is not None or thing.gi_frame is None:
        return number
    variables = thing.gi_frame.f_locals
    frozen = freezer.freeze(dict(variables))
    # Before Python 3.13 it is a copy that lives as long as the frame: it would keep numbers open.
    if isinstance(variables, dict):
        variables.clear()
    return (thing.__qualname__, thing.gi_frame.f_lasti, frozen, freezer.freeze(thing.gi_yieldfrom))


def _session(freezer: Freezer, thing: Session) -> Any:
    number = freezer._number(thing)
    return (thing.id, thing._next, tuple(thing._open)) if number is None else number


def _object(kind: type) -> Freeze:
    """Freezes the attributes of an object."""
    left_out: set[str] = set().union(*(LEFT_OUT.get(each, ()) for each in kind.__mro__))
    slots = tuple(name for name in sorted(getattr(kind, "__slots__", ())) if name not in left_out)

    def freeze(freezer: Freezer, thing: Any) -> Any:
        number = freezer._number(thing)
        if number is not None:
            return number
        names = slots or [name for name in sorted(vars(thing)) if name not in left_out]
        return kind.__name__, _sequence(freezer, [getattr(thing, name) for name in names])
    return freeze


# The first row that fits. What fits none is an object with attributes.
_HOW: tuple[tuple[tuple[Any, ...], Freeze], ...] = (
    (_ATOMS, _atom),
    ((Headers,), _headers),
    ((Session,), _session),
    (_SHARED, _shared),
    ((tuple, list, deque), _sequence),
    ((set, frozenset), _set),
    ((dict,), _mapping),
    ((GeneratorType,), _program),
    ((Future,), _future),
    ((type(threading.Lock()), abc.Callable), _by_name),
)


def _how_to_freeze(kind: type) -> Freeze:
    return next((how for kinds, how in _HOW if issubclass(kind, kinds)), None) or _object(kind)
