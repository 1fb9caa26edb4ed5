"""The student's clocks in real calls: two callers and a bank, whose wall clock is two seconds slow.

The stamps travel as parameters of the calls and in their results, for Ponte has no such clocks.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

from client import Client
from course.lessons.logical_clocks.world import (
    SKEWS_S,
    WALL_S,
    WORDS,
    Logged,
    Name,
    is_time,
    is_vector,
    shown,
)
from course.theirs import Theirs, must_have
from ponte.rpc.marshal import encode_call
from registry import Registry
from server import Server

# Cents, and as many more as the student's personal number says.
AMOUNT = 100
CALL_S = 2.0
NAMES = ("ana", "bia", "bank")
SKEW_OF = {"ana": "right", "bia": "right", "bank": "behind"}
# Processes of which a vector stamp is measured.
MANY = 100


class Site:
    """A process with its clocks, its own wall clock, and its part of the log.

    Threads: one call at a time.
    """

    def __init__(self, solution: ModuleType, name: str, began: float) -> None:
        skew_s = SKEWS_S[SKEW_OF[name]]
        self.name = name
        self._lamport = must_have(solution, "Lamport", "wall")(
            lambda: WALL_S + time.perf_counter() - began + skew_s)
        self._vector = must_have(solution, "Vector", "name", "names")(name, list(NAMES))
        self.events: list[Logged] = []
        # The vector stamps, by what happened.
        self.vectors: dict[str, dict[str, int]] = {}

    def step(self, what: str) -> None:
        """Something happens here."""
        self._note(f"{self.name}: {what}", self._lamport.step(), self._vector.step())

    def send(self, to: str, what: str) -> tuple[Any, Any]:
        """A message goes out; returns the stamps that it carries."""
        time, vector = self._lamport.send(), self._vector.send()
        self._note(f"{self.name} → {to}: {what}", time, vector)
        # A student may count in a defaultdict. XML-RPC carries a dict alone.
        return time, dict(vector)

    def receive(self, sender: str, what: str, time: Any, vector: Any) -> None:
        """A message comes in with these stamps."""
        self._note(f"{self.name} ← {sender}: {what}", self._lamport.receive(time),
                   self._vector.receive(vector))

    def _note(self, what: str, time: Any, vector: Any) -> None:
        if not is_time(time):
            raise Theirs(f"{what}: the stamp of Lamport is {time!r:.60}, no number")
        if not is_vector(vector, NAMES):
            raise Theirs(f"{what}: the stamp of Vector is {vector!r:.60}, no dict of counts by "
                         "name")
        self.events.append(Logged(time, Name(self.name), what))
        self.vectors[what] = dict(vector)


class Bank(Site):
    """The service: what its callers send, and what they get, carries stamps."""

    balance = 0
    failed: BaseException | None = None

    def put(self, caller: str, cents: int, time: Any, vector: Any) -> list[Any]:
        """A deposit; returns the balance, and the stamps of the reply."""
        try:
            self.receive(caller, f"put({cents})", time, vector)
            self.balance += cents
            self.step(f"put({cents})")
            return [self.balance, *self.send(caller, str(self.balance))]
        except BaseException as error:
            # Its caller gets a fault; whose fault it is shows in this one.
            self.failed = error
            raise


class Seen(NamedTuple):
    """What came of a deposit of this `amount` by ana, and of one by bia.

    `log`, the student's log of all events, a dict of `place`, `stamp` and `event` for each; in
    which place ana's request and the reply to her stand in it; what `order` said of these two, and
    of the two requests; `is_in_order`, "yes" if no event stands before its cause, and two
    collectors make the same log, else "no"; the seconds of ana's call; the bytes of a stamp in a
    message: one of Lamport's, and a vector of MANY processes.
    """

    amount: int
    log: list[dict[str, Any]]
    request_place: int
    reply_place: int
    reply_order: str
    other_order: str
    is_in_order: str
    took_s: float
    lamport_bytes: int
    vector_bytes: int
    processes: int = MANY


def see(solution: ModuleType, personal: int = 0) -> Seen:
    """Two deposits in a bank whose wall clock is slow, with a student's clocks everywhere."""
    amount, began = AMOUNT + personal, time.perf_counter()
    ana, bia = (Site(solution, name, began) for name in ("ana", "bia"))
    bank = Bank(solution, "bank", began)
    with Registry(port=0) as registry, \
            Server("bank", {"put": bank.put}, registries=[registry.address], name="bank-1"), \
            Client("bank", registries=[registry.address], timeout_s=CALL_S) as client:
        # The first call of a client also finds the bank, and asks for a session.
        client.call("system.listMethods")
        call_began = time.perf_counter()
        _put(client, bank, ana, amount)
        took_s = time.perf_counter() - call_began
        _put(client, bank, bia, 1)
    return _seen(solution, amount, took_s, (ana, bia, bank))


def is_right(seen: Mapping[str, Any]) -> bool:
    """Whether nothing was logged before its cause, and what could be a cause was told."""
    return (seen["is_in_order"] == "yes" and seen["request_place"] < seen["reply_place"]
            and (seen["reply_order"], seen["other_order"]) == ("before", "at once"))


def _put(client: Client, bank: Bank, site: Site, cents: int) -> None:
    """One real call; its stamps are its parameters."""
    stamps = site.send("bank", f"put({cents})")
    try:
        balance, *stamps_back = client.put(site.name, cents, *stamps)
    except Exception:
        if bank.failed is not None:
            raise bank.failed from None
        raise
    site.receive("bank", str(balance), *stamps_back)


def _seen(solution: ModuleType, amount: int, took_s: float, sites: Sequence[Site]) -> Seen:
    events = [event for site in sites for event in site.events]
    vectors = {what: stamp for site in sites for what, stamp in site.vectors.items()}
    made, again = _log(solution, events), _log(solution, events[::-1])
    whats = [event.what for event in made]
    # What a caller did, and what the bank did: each of these is a chain of causes.
    ana, bia, bank = ([event.what for event in site.events] for site in sites)
    chains = [bank, [ana[0], *bank[:3], ana[1]], [bia[0], *bank[3:], bia[1]]]
    order = partial(_order, solution, vectors)
    return Seen(
        amount, [{"place": place, "stamp": shown(event.time), "event": event.what}
                 for place, event in enumerate(made, 1)],
        whats.index(ana[0]) + 1, whats.index(bank[2]) + 1, order(ana[0], bank[2]),
        order(ana[0], bia[0]),
        "yes" if made == again and all(
            sorted(chain, key=whats.index) == chain for chain in chains) else "no",
        took_s, *_sizes(solution))


def _log(solution: ModuleType, events: Sequence[Logged]) -> list[Logged]:
    made = must_have(solution, "log", "events")(list(events))
    if not isinstance(made, (list, tuple)) or len(made) != len(events) or any(
            event not in made for event in events):
        raise Theirs(f"log returned {made!r:.60}, not the events that it was given")
    return list(made)


def _order(solution: ModuleType, vectors: Mapping[str, dict[str, int]], one: str,
           other: str) -> str:
    answer = must_have(solution, "order", "one", "other")(dict(vectors[one]), dict(vectors[other]))
    means = {getattr(solution, word, None): word_means for word, word_means in WORDS.items()}
    if not isinstance(answer, str) or answer not in means:
        raise Theirs(f"order returned {answer!r:.60}")
    return means[answer]


def _sizes(solution: ModuleType) -> tuple[int, int]:
    """The bytes that a stamp adds to a call: one of Lamport, and one of MANY processes."""
    names = [f"process-{number}" for number in range(1, MANY + 1)]
    first = solution.Vector(names[0], names)
    for name in names[1:]:
        stamp = first.receive(dict(solution.Vector(name, names).send()))
    lamport = solution.Lamport(lambda: WALL_S)
    empty = len(encode_call("put", []))
    return (len(encode_call("put", [lamport.step()])) - empty,
            len(encode_call("put", [dict(stamp)])) - empty)
