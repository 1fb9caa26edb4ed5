"""One hop of a call: the headers that go with an attempt, and the outcome that comes back.

Wire format, beside those of any HTTP request:

    Idempotency-Key: <call id>       the same on every attempt of one call
    Call-Idempotent: 1               the call may run twice: nobody needs to remember it
    Call-Timeout-Ms: <n>             what this attempt may take; shrinks at every hop
    Call-Attempt: <n>                1 plus the attempts that may have run before; in a reply, how many did
    If-Match: "<incarnation>"        a repeat: only for the process that got the first attempt, else 412

Who sends none of them, like a stock XML-RPC client, gets the safe defaults. The stub makes one hop (to a proxy, or to
a server), the proxy the next; both let transport/fallback.py decide.
"""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional

from transport.fallback import Attempt, Outcome, outcome_of_failure, outcome_of_reply
from transport.message import ProtocolError, Reply
from transport.pool import ExchangeError, Pool
from transport.process import show

MAX_CALL_ID = 128       # characters; ours have 32


class Result(NamedTuple):
    """What one attempt came to.

    `reply` is there if a whole one came. `what` tells it in a few words. `timed_out`: it ended by its time.
    `number`: of the last attempt that the next hop made on our behalf, 0 if it did not say.
    """

    outcome: Outcome
    reply: Optional[Reply]
    what: str
    timed_out: bool = False
    number: int = 0


class CallHeaders(NamedTuple):
    """What a request says of the call that it is an attempt of."""

    call_id: Optional[str]
    idempotent: bool
    timeout_s: Optional[float]
    attempt: int
    repeat_for: Optional[str]       # the incarnation that a repeat is for

    @classmethod
    def parse(cls, headers: Dict[str, str]) -> CallHeaders:
        """Reads them; raises ProtocolError for one that cannot be meant."""
        call_id = headers.get("idempotency-key")
        if call_id is not None and not 0 < len(call_id) <= MAX_CALL_ID:
            raise ProtocolError(400, f"Idempotency-Key has 1 to {MAX_CALL_ID} characters")
        timeout_ms = _number(headers, "call-timeout-ms")
        expected = headers.get("if-match")
        return cls(call_id, headers.get("call-idempotent") == "1",
                   timeout_ms / 1000 if timeout_ms is not None else None,
                   max(_number(headers, "call-attempt") or 1, 1),
                   expected.strip('"') if expected is not None else None)


def _number(headers: Dict[str, str], name: str) -> Optional[int]:
    text = headers.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ProtocolError(400, f"{name} is not a number")
    return int(text)


def attempt_headers(attempt: Attempt, call_id: str, idempotent: bool) -> Dict[str, str]:
    """The headers that make a request an attempt of a call."""
    headers = {
        "Host": show(attempt.endpoint.address),
        "Idempotency-Key": call_id,
        "Call-Timeout-Ms": str(max(int(attempt.timeout_s * 1000), 1)),
        "Call-Attempt": str(attempt.number),
    }
    if idempotent:
        headers["Call-Idempotent"] = "1"
    if attempt.repeat:
        headers["If-Match"] = f'"{attempt.endpoint.incarnation}"'
    return headers


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
    outcome = outcome_of_reply(reply.status, reply.headers.get("not-executed") == "1")
    return Result(outcome, reply, _tell(reply), reply.status == 504, _attempts_made(reply))


def _tell(reply: Reply) -> str:
    by = reply.headers.get("served-by", "").partition(";")[0]
    if reply.status == 200:
        return f"answered by {by}" if by else "answered"
    lines = reply.body.decode("utf-8", "replace").strip().splitlines()
    return f"HTTP {reply.status} {lines[0][:200] if lines else ''}".rstrip()


def _attempts_made(reply: Reply) -> int:
    number = reply.headers.get("call-attempt")
    return int(number[:3]) if number and number.isascii() and number.isdigit() else 0
