"""A caller without sockets: the stub's loop of rule R, and what it tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable
from xmlrpc.client import Fault

from lab.explore.nodes import DEADLINE, METHOD, SERVICE, AnyOrder, Post, clock
from ponte.calls.attempt import Kind, Outcome
from ponte.calls.endpoint import Endpoint
from ponte.calls.hop import attempt_lines, exchange
from ponte.calls.resolving import Place, resolve
from ponte.calls.rule import Call
from ponte.net.message import Reply, write_request
from ponte.net.stream import Program
from ponte.rpc.marshal import CONTENT_TYPE, decode_result, encode_call


class Told:
    """What a caller was told of its call: `outcome`, and the value of an answer.

    After an unknown outcome, `sent_to` holds what `resolve` needs: as long as somebody refers to
    it, the number of the call is open.
    """

    def __init__(self, outcome: Outcome, value: str = "", places: Sequence[Place] = (),
                 holds: object = None) -> None:
        self.outcome = outcome
        self.value = value
        self.places = list(places)
        self.holds = holds


class Stub:
    """A caller: a balancer and sessions of its own."""

    def __init__(self, choose: Callable[[int], int], groups: Sequence[Sequence[Endpoint]]) -> None:
        self.balancer = AnyOrder(choose, *groups)

    def call(self, body: bytes, is_idempotent: bool, attempts: int) -> Program[Told]:
        """A program: the loop of rule R, as client.py has it (`Client._drive`)."""
        sent_to = ""
        call = Call(self.balancer, is_idempotent, DEADLINE, last=attempts)
        while True:
            attempt = call.next_attempt(clock.now)
            if attempt is None:
                break
            lines = f"{attempt_lines(attempt)}Content-Type: {CONTENT_TYPE}\r\n"
            request = write_request("POST", f"/{SERVICE}", lines, attempt.body_of(body))
            pool: Any = Post()
            result = yield from exchange(pool, attempt, SERVICE, request, clock.now)
            call.settle(result, clock.now)
            if result.reply and call.outcome is Outcome.ANSWERED:
                return told_by(result.reply)
            if result.outcome is Outcome.UNKNOWN and attempt.kind is not Kind.OPENING:
                sent_to = result.sent_to or sent_to
        sent = call.sent
        if call.outcome is Outcome.NOT_SENT:
            return Told(Outcome.NOT_SENT)
        if sent is None:
            return Told(Outcome.UNKNOWN)
        place = Place.read(sent_to, SERVICE)
        return Told(Outcome.UNKNOWN, "", [Place.of(sent), *([place] if place else [])], sent.number)

    @staticmethod
    def resolve(told: Told) -> Program[Told]:
        """A program: asks once what came of a call, as `OutcomeUnknown.resolve` does."""
        pool: Any = Post()
        result = yield from resolve(pool, told.places, SERVICE, DEADLINE)
        if result.reply and result.outcome is Outcome.ANSWERED:
            return told_by(result.reply)
        return told


def body_of(call: int) -> bytes:
    """The body of a call with this number."""
    return encode_call(METHOD, (call,))


def told_by(reply: Reply) -> Told:
    """What a caller is told by an answer: see `Client._value_of`."""
    if reply.status == 200:
        try:
            return Told(Outcome.ANSWERED, str(decode_result(reply.body)))
        except Fault as fault:
            return Told(Outcome.ANSWERED, f"fault {fault.faultCode}")
    if reply.headers.get("call-resolved") == "dead":
        return Told(Outcome.NOT_SENT)
    return Told(Outcome.ANSWERED, f"HTTP {reply.status}")
