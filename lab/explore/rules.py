"""The rules of the design, and what happens without each of them.

`RULES` has the rules by which a call runs at most once, and by which what callers are told is true.
For each there is a way to take it back, by replacing a cell of a table or a method, and the
scenarios in which that shows. A rule without a counterexample says why.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Callable, NamedTuple
from unittest import mock

import proxy
from lab.explore import nodes, stub
from ponte.calls import hop, once
from ponte.calls.arrival import CallHeaders
from ponte.calls.attempt import Kind, Outcome, Sent
from ponte.calls.once import ENDED, NO_SESSION, NOT_SENT, ORIGINAL, RESOLVE, RUN, Memory
from ponte.calls.rule import Call
from relayed_call import RelayedCall, Route, SharedState

Back = Callable[[], contextlib.AbstractContextManager[Any]]


class Rule(NamedTuple):
    """A rule of the design.

    `about`: the rule. `back()` takes it back for as long as a `with` block lasts. `where`: the
    scenarios to explore then. `none`: why no counterexample is expected, "" if there is one.
    """

    about: str
    back: Back
    where: tuple[str, ...]
    none: str = ""


def _cell(row: str, **cells: str) -> Back:
    """Replaces cells of TABLE."""
    columns = ("original", "repeat", "resolve")

    def back() -> contextlib.AbstractContextManager[Any]:
        new = tuple(cells.get(name, cell) for name, cell in zip(columns, once.TABLE[row]))
        return mock.patch.dict(once.TABLE, {row: new})
    return back


def _method(owner: Any, name: str, make: Callable[[Any], Any]) -> Back:
    """Replaces a method (or function) by what `make` makes of it."""
    return lambda: mock.patch.object(owner, name, make(vars(owner)[name]))


def _both(*backs: Back) -> Back:
    @contextlib.contextmanager
    def back() -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for each in backs:
                stack.enter_context(each())
            yield
    return back


# ---- at the far end: ponte/calls/once.py ---------------------------------------------------------

def _adopts(look: Any) -> Any:
    def adopting(self: Any, session_id: str, number: int, oldest: int, wanted: int) -> Any:
        if session_id not in self._sessions and wanted is not RESOLVE:
            self._add(session_id, once._Session())
        return look(self, session_id, number, oldest, wanted)
    return adopting


def _lets_numbers_go(_: Any) -> Any:
    def let_go(self: Any, session: Any, floor: int) -> None:
        for number in [number for number in session.records if number < floor]:
            self._let_go(session.records.pop(number))
    return let_go


def _forgets_numbers(drop_reply: Any) -> Any:
    def forgetting(self: Any) -> Any:
        record = next(iter(self._kept), None)
        dropped = drop_reply(self)
        if record:
            del record.session.records[record.number]
        return dropped
    return forgetting


def _does_nothing(_: Any) -> Any:
    return lambda *_: None


def _counts_from_one(_: Any) -> Any:
    def new_id(self: Any) -> str:
        self.sessions += 1
        return f"{self.sessions:016x}"
    return new_id


# ---- at the caller: ponte/calls/rule.py, session.py ----------------------------------------------

def _goes_elsewhere(choose: Any) -> Any:
    def choosing(self: Any, now: float) -> Any:
        if self.outcome is Outcome.UNKNOWN and not self._same:
            member = self._next_candidate(now)
            if member:
                self.sent = None
                return member
        return choose(self, now)
    return choosing


def _takes_a_new_number(way_to: Any) -> Any:
    def taking(self: Any, member: Any) -> Any:
        if self.sent and member.session:
            self.sent = Sent(member, member.session.take())
            return Kind.REPEAT, self.sent.number
        return way_to(self, member)
    return taking


def _takes_unknown_back(settle: Any) -> Any:
    def settling(self: Any, result: Any, now: float) -> None:
        settle(self, result, now)
        if result.outcome is Outcome.NOT_SENT and self._attempt.kind is Kind.REPEAT:
            self.outcome = Outcome.NOT_SENT
    return settling


def _tries_on_after_dead(settle: Any) -> Any:
    def settling(self: Any, result: Any, now: float) -> None:
        dead = result.reply and result.reply.headers.get("call-resolved") == "dead"
        if dead:
            result = result._replace(outcome=Outcome.NOT_SENT)
        settle(self, result, now)
        if dead:
            self.outcome, self.sent = Outcome.NOT_SENT, None
    return settling


def _forgets_what_was_unknown(learns: Any) -> Any:
    def learning(self: Any, result: Any, attempt: Any, member: Any) -> Any:
        if result.needs_care:
            self.outcome = Outcome.NOT_SENT
        return learns(self, result, attempt, member)
    return learning


def _holds_nothing(init: Any) -> Any:
    def holding(self: Any, outcome: Any, value: str = "", places: Any = (), _: Any = None) -> None:
        init(self, outcome, value, places, None)
    return holding


# ---- at a proxy: relayed_call.py -----------------------------------------------------------------

class _RouteForAll(Route):
    """A route that no later attempt takes over."""

    turn = property(lambda self: 0, lambda self, turn: None)


def _late_originals_take_nothing_over(init: Any) -> Any:
    def beginning(self: Any, shared: Any, request: Any, headers: CallHeaders, *more: Any) -> None:
        init(self, shared, request, headers, *more)
        if self._route and headers.wanted is ORIGINAL and self._route.turn > 1:
            self._route.turn -= 1
            self._turn = self._route.turn
    return beginning


def _resolves_take_nothing_over(resolve: Any) -> Any:
    def resolving(shared: Any, request: Any, route: Any, pool: Any, deadline: float) -> Any:
        route.turn -= 1
        return resolve(shared, request, route, pool, deadline)
    return resolving


def _forgets_routes(init: Any) -> Any:
    def beginning(self: Any, shared: Any, request: Any, headers: Any, *more: Any) -> None:
        route, deadline = more
        if route and route.record:
            route = route.record.value = Route(route.record)
        init(self, shared, request, headers, route, deadline)
    return beginning


def _notes_the_route_late(next_attempt: Any) -> Any:
    def choosing(self: Any, now: float) -> Any:
        order = next_attempt(self, now)
        if order and self._route and self._call.outcome is Outcome.NOT_SENT:
            self._route.sent = None
        return order
    return choosing


class _LooseNumber(NamedTuple):
    """A number that nobody holds open."""

    session_id: str
    value: int
    oldest: int

    def __str__(self) -> str:
        return f"{self.value}-{self.oldest}"


def _holds_no_numbers(leave: Any) -> Any:
    def leaving(self: Any) -> None:
        leave(self)
        if self._route and self._route.sent:
            member, number = self._route.sent
            loose: Any = _LooseNumber(number.session_id, number.value, number.oldest)
            self._route.sent = Sent(member, loose)
    return leaving


def _notes_no_death(conclude: Any) -> Any:
    def concluding(self: Any, route: Any, sent: Any, came: Any, made: int) -> Any:
        is_dead = came.headers.get("call-resolved") == "dead"
        return conclude(self, None if is_dead else route, sent, came, made)
    return concluding


def _keeps_no_reply(conclude: Any) -> Any:
    def concluding(self: Any, route: Any, sent: Any, came: Any, made: int) -> Any:
        is_dead = came.headers.get("call-resolved") == "dead"
        return conclude(self, route if is_dead else None, sent, came, made)
    return concluding


RULES: dict[str, Rule] = {
    # ---- rule R ----------------------------------------------------------------------------------
    "no reply means unknown": Rule(
        "a call without a reply may have run: to take it for not sent is a guess",
        _method(hop, "outcome_of_failure", lambda _: lambda sent: Outcome.NOT_SENT),
        ("direct", "two servers")),
    "unknown stays unknown": Rule(
        "a refusal of a later attempt says nothing about an earlier one",
        _method(Call, "settle", _takes_unknown_back), ("two servers",)),
    "the same life": Rule(
        "after an unknown outcome, no other endpoint is asked",
        _method(Call, "_choose", _goes_elsewhere), ("two servers",)),
    "the same number": Rule(
        "a repeat has the number of the attempt that it repeats",
        _method(Call, "_way_to", _takes_a_new_number), ("direct",)),
    "care after unknown": Rule(
        "a call that was sent as idempotent, and turns out not to be, has ended as unknown",
        _method(Call, "_learns", _forgets_what_was_unknown), ("promise",)),
    "strangers": Rule(
        "a page of another process on the port is no answer",
        _method(hop.Marks, "are_of", lambda _: lambda *_: True), ("stranger",)),
    "oldest is held": Rule(
        "the number of an unknown call stays open until it is resolved",
        _method(stub.Told, "__init__", _holds_nothing), ("at once",)),
    # ---- the table of a number -------------------------------------------------------------------
    "unknown sessions run nothing": Rule(
        "a session that is not known runs no call",
        _method(Memory, "look", _adopts), ("session dropped",)),
    "unknown session, repeat": Rule(
        "a repeat in a session that is not known is unknown, not NotSent",
        _cell(NO_SESSION, repeat=NOT_SENT), ("session dropped",)),
    "unknown session, resolve": Rule(
        "a resolve in a session that is not known is unknown, not NotSent",
        _cell(NO_SESSION, resolve=NOT_SENT), ("session dropped",)),
    "below the floor, resolve": Rule(
        "a resolve of a number below the floor is unknown, not NotSent",
        _cell(ENDED, resolve=NOT_SENT), ("session full",)),
    "below the floor, run": Rule(
        "numbers below the floor never run",
        _cell(ENDED, original=RUN, repeat=RUN), ("in turn", "session full")),
    "below the floor, original": Rule(
        "an original below the floor gets 410, and not a refusal with a new session",
        _cell(ENDED, original=once.REFUSE), ("in turn", "session full", "proxy, session full"),
        none="only a caller that still waits for the first attempt would read the refusal, and "
             "that attempt has just not run; 410 saves it a round trip that may run the call"),
    "the floor rises": Rule(
        "where there is no room, the floor rises; a number is not taken out alone",
        _method(Memory, "_raise_floor", _lets_numbers_go), ("session full",)),
    "dropped replies leave a mark": Rule(
        "of a dropped reply it is still known that its call ran",
        _method(Memory, "drop_reply", _forgets_numbers), ("reply dropped",)),
    "a refusal kills": Rule(
        "a call that was refused is noted as dead, so that a second copy does not run",
        _method(Memory, "refuse", _does_nothing), ("copies",)),
    "a resolve kills": Rule(
        "a number that was resolved as not seen is noted as dead",
        _cell(once.UNSEEN, resolve=NOT_SENT), ("direct",)),
    "ids are unique": Rule(
        "no two lives give out the same session",
        _method(nodes.Node, "new_id", _counts_from_one), ("port taken",)),
    "sessions in use stay": Rule(
        "a session is not dropped while a call of it is under way",
        _both(_method(Memory, "join", _does_nothing), _method(Memory, "leave", _does_nothing)),
        ("session dropped", "proxy drops session"),
        none="in a session that was dropped nothing more runs: only more outcomes stay unknown"),
    # ---- a proxy ---------------------------------------------------------------------------------
    "routes are kept": Rule(
        "a later attempt goes where the first one went",
        _method(RelayedCall, "__init__", _forgets_routes), ("proxy, refusals",)),
    "routes are noted first": Rule(
        "a route is noted before the request leaves",
        _method(RelayedCall, "next_attempt", _notes_the_route_late), ("proxy, refusals",)),
    "later attempts take over": Rule(
        "once a later attempt has come, an earlier one goes nowhere else",
        lambda: mock.patch("proxy.Route", _RouteForAll), ("proxy, no connection",)),
    "late originals take over": Rule(
        "that later attempt may also be an original that is late",
        _method(RelayedCall, "__init__", _late_originals_take_nothing_over),
        ("proxy, no connection",)),
    "resolves take over": Rule(
        "that later attempt may also be a resolve",
        _method(proxy, "resolve", _resolves_take_nothing_over), ("proxy, no connection",)),
    "dead is final": Rule(
        "dead is no reason to try another server",
        _method(Call, "settle", _tries_on_after_dead), ("proxy, refusals",)),
    "a proxy notes the dead": Rule(
        "a proxy that never sent the call on notes it as dead itself",
        _method(Memory, "kill", _does_nothing), ("proxy, one server",)),
    "routes hold their numbers": Rule(
        "the number of a route stays open as long as the route is kept",
        _method(RelayedCall, "_leave", _holds_no_numbers),
        ("proxy, two callers",)),
    "a proxy notes what a server says": Rule(
        "a proxy notes a call as dead when the server says so",
        _method(SharedState, "conclude", _notes_no_death), ("proxy, refusals", "proxy"),
        none="the server has noted it, and the route leads there: it is asked once more"),
    "a proxy keeps replies": Rule(
        "a proxy keeps the reply, and not only the route",
        _method(SharedState, "conclude", _keeps_no_reply), ("proxy, refusals", "proxy"),
        none="the server has kept it, and the route leads there: it is asked once more"),
}
