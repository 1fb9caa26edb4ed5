"""One hop of a call: what goes to an endpoint with an attempt, and which outcome came back.

The stub makes one hop (to a proxy, or to a server), the proxy the next. Both use this, and both let
transport/fallback.py decide.
"""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional

from transport.fallback import Attempt, Outcome, outcome_of_failure, outcome_of_reply
from transport.message import Reply
from transport.process import show
from transport.wire import ExchangeError, Pool


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
    number = reply.headers.get("call-attempt", "0")
    return int(number[:3]) if number.isascii() and number.isdigit() else 0
