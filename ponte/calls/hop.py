"""One hop of a call: the headers that go with an attempt, and the outcome that comes back.

Wire format: an ordinary HTTP request with these headers.

    Idempotency-Key: <call id>       the same on every attempt of one call
    Call-Idempotent: 1               it does no harm if it runs twice: it need not be remembered
    Call-Timeout-Ms: <n>             how long this attempt may take; it shrinks at every hop
    Call-Attempt: <n>                1 plus the earlier attempts that may have run; in a reply, the
                                     number of the last attempt that was made
    If-Match: "<incarnation>"        a repeat: only the incarnation that got the first attempt may
                                     answer it; another one replies 412

A client that sends none of them, like a stock XML-RPC client, gets the safe defaults: its call is
not idempotent.

A call makes one hop (stub to server) or two (stub to proxy, proxy to server). On each of them
ponte/calls/rule.py decides what may be tried, and this file carries one attempt out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ponte.calls.rule import Attempt, Outcome, outcome_of_failure, outcome_of_reply
from ponte.net.address import show
from ponte.net.known_heads import cached
from ponte.net.message import ProtocolError, Reply, Request
from ponte.net.pool import ExchangeError, Pool
from ponte.net.stream import Program

# Characters. Ours have 32.
MAX_CALL_ID = 128
# Seconds that a caller may ask for. A call is remembered for a multiple of it.
MAX_TIMEOUT_S = 3600.0
# A larger number of an attempt cannot be right, and is cut to this.
MAX_NUMBER = 999


class Result(NamedTuple):
    """What one attempt came to.

    `reply`: the reply, if a whole one came. `what`: the result in a few words. `timed_out`: the
    attempt ended by its time, also at the next hop (504). `number`: the number of the last attempt
    that the next hop made, 0 if its reply has none.
    """

    outcome: Outcome
    reply: Reply | None
    what: str
    timed_out: bool = False
    number: int = 0


class CallHeaders(NamedTuple):
    """The headers of a request about its call, besides the call id.

    `timeout_s` is None where the caller did not give one. `repeat_for` is the incarnation that a
    repeat is meant for, None for a first attempt.
    """

    idempotent: bool
    timeout_s: float | None
    attempt: int
    repeat_for: str | None

    @classmethod
    def parse(cls, headers: Mapping[str, str]) -> CallHeaders:
        """Reads the headers, whose names are in lower case; values above a limit are cut to it.

        Raises ProtocolError for a value that is not a number where one must be.

        >>> CallHeaders.parse({"call-timeout-ms": "1500", "call-attempt": "2"})
        CallHeaders(idempotent=False, timeout_s=1.5, attempt=2, repeat_for=None)
        """
        timeout_ms = _number(headers, "call-timeout-ms")
        expected = headers.get("if-match")
        return cls(headers.get("call-idempotent") == "1",
                   min(timeout_ms / 1000, MAX_TIMEOUT_S) if timeout_ms is not None else None,
                   min(_number(headers, "call-attempt") or 1, MAX_NUMBER),
                   expected.strip('"') if expected is not None else None)


def call_id_of(request: Request) -> str | None:
    """The call id of a request, None where it has none. Raises ProtocolError for a bad one."""
    call_id = request.headers.get("idempotency-key")
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


def exchange(pool: Pool, attempt: Attempt, request: bytes, now: float) -> Program[Result]:
    """A program: carries out an attempt that begins at `now` (monotonic). Never raises.

    It takes the attempt's timeout at most. `request` is the whole message.
    """
    try:
        reply = yield from pool.exchange(attempt.endpoint.address, request, now + attempt.timeout_s)
    except ExchangeError as error:
        return failure(error)
    return judge(reply)


def failure(error: ExchangeError) -> Result:
    """The result of an attempt that got no whole reply."""
    return Result(outcome_of_failure(error.sent), None, str(error), error.timed_out)


def judge(reply: Reply) -> Result:
    """The result of an attempt that got a whole reply."""
    headers = reply.headers
    what, number = cached(_described_by, headers)
    if reply.status == 200:
        return Result(Outcome.ANSWERED, reply, what, False, number)
    lines = reply.body.decode("utf-8", "replace").strip().splitlines()
    what = f"HTTP {reply.status} {lines[0][:200] if lines else ''}".rstrip()
    outcome = outcome_of_reply(reply.status, headers.get("not-executed") == "1")
    return Result(outcome, reply, what, reply.status == 504, number)


def _described_by(headers: Mapping[str, str]) -> tuple[str, int]:
    """Who answered, in words, and the number of the last attempt that the next hop made."""
    by = headers.get("served-by", "").partition(";")[0]
    text = headers.get("call-attempt", "")
    number = min(int(text[:9]), MAX_NUMBER) if text.isascii() and text.isdigit() else 0
    return (f"answered by {by}" if by else "answered"), number
