"""One hop of a call: the headers that go with an attempt, and the outcome that comes back.

Wire format, beside those of any HTTP request:

    Idempotency-Key: <call id>       the same on every attempt of one call
    Call-Idempotent: 1               the call may run twice: nobody needs to remember it
    Call-Timeout-Ms: <n>             what this attempt may take; shrinks at every hop
    Call-Attempt: <n>                1 plus the attempts that may have run before; in a reply, how many did
    If-Match: "<incarnation>"        a repeat: only for the process that got the first attempt, else 412

Who sends none of them, like a stock XML-RPC client, gets the safe defaults. The stub makes one hop (to a proxy, or to
a server), the proxy the next; both let ponte/calls/rule.py decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ponte.calls.rule import Attempt, Outcome, outcome_of_failure, outcome_of_reply
from ponte.net.address import show
from ponte.net.message import ProtocolError, Reply, Request, once
from ponte.net.pool import ExchangeError, Pool

MAX_CALL_ID = 128       # characters; ours have 32
MAX_TIMEOUT_S = 3600.0  # what a caller may ask for; for as long, or a multiple of it, a call is remembered
MAX_NUMBER = 999        # of an attempt; more would be a mistake


class Result(NamedTuple):
    """What one attempt came to.

    `reply` is there if a whole one came. `what` tells it in a few words. `timed_out`: it ended by its time.
    `number`: of the last attempt that the next hop made on our behalf, 0 if it did not say.
    """

    outcome: Outcome
    reply: Reply | None
    what: str
    timed_out: bool = False
    number: int = 0


class CallHeaders(NamedTuple):
    """What a request says of the call that it is an attempt of, beside its call id. More than is allowed is cut."""

    idempotent: bool
    timeout_s: float | None
    attempt: int
    repeat_for: str | None       # the incarnation that a repeat is for

    @classmethod
    def parse(cls, headers: Mapping[str, str]) -> CallHeaders:
        """Reads them; raises ProtocolError for one that cannot be meant."""
        timeout_ms = _number(headers, "call-timeout-ms")
        expected = headers.get("if-match")
        return cls(headers.get("call-idempotent") == "1",
                   min(timeout_ms / 1000, MAX_TIMEOUT_S) if timeout_ms is not None else None,
                   min(_number(headers, "call-attempt") or 1, MAX_NUMBER),
                   expected.strip('"') if expected is not None else None)


def call_id_of(request: Request) -> str | None:
    """The id of the call that a request is an attempt of, if it has one; raises ProtocolError if that is none."""
    call_id = request.call_id
    if call_id is not None and not 0 < len(call_id) <= MAX_CALL_ID:
        raise ProtocolError(400, f"Idempotency-Key has 1 to {MAX_CALL_ID} characters")
    return call_id


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ProtocolError(400, f"{name} is not a number")
    return int(text)


def attempt_lines(attempt: Attempt, call_id: str, idempotent: bool) -> str:
    """The header lines that make a request an attempt of a call."""
    endpoint, number, timeout_s, repeat = attempt
    lines = (f"Host: {show(endpoint.address)}\r\nIdempotency-Key: {call_id}\r\n"
             f"Call-Timeout-Ms: {int(timeout_s * 1000) or 1}\r\nCall-Attempt: {number}\r\n")
    if idempotent:
        lines += "Call-Idempotent: 1\r\n"
    if repeat:
        lines += f'If-Match: "{endpoint.incarnation}"\r\n'
    return lines


def exchange(pool: Pool, attempt: Attempt, request: bytes, now: float) -> Result:
    """Carries out an attempt that begins at `now`; blocks for its timeout at most. Never raises."""
    try:
        return judge(pool.exchange(attempt.endpoint.address, request, now + attempt.timeout_s))
    except ExchangeError as error:
        return failure(error)


def failure(error: ExchangeError) -> Result:
    """The result of an attempt that got no whole reply."""
    return Result(outcome_of_failure(error.sent), None, str(error), error.timed_out)


def judge(reply: Reply) -> Result:
    """The result of an attempt that got a whole reply."""
    status, headers = reply.status, reply.headers
    told, number = once(_told_by, headers)
    outcome = outcome_of_reply(status, headers.get("not-executed") == "1")
    if status != 200:
        lines = reply.body.decode("utf-8", "replace").strip().splitlines()
        told = f"HTTP {status} {lines[0][:200] if lines else ''}".rstrip()
    return Result(outcome, reply, told, status == 504, number)


def _told_by(headers: Mapping[str, str]) -> tuple[str, int]:
    """Who has answered, in words, and the attempts that the next hop made."""
    by = headers.get("served-by", "").partition(";")[0]
    number = headers.get("call-attempt", "")
    return (f"answered by {by}" if by else "answered",
            min(int(number[:9]), MAX_NUMBER) if number.isascii() and number.isdigit() else 0)
