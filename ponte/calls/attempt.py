"""One attempt of a call: how it goes out, and what it comes to. Pure.

Rule R (rule.py) decides on the attempts of a call; hop.py carries one out.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from ponte.calls.balancing import Member
from ponte.calls.endpoint import Endpoint
from ponte.calls.session import CallNumber
from ponte.net.message import Reply


class Outcome(enum.Enum):
    """What one attempt, or a whole call, came to."""

    NOT_SENT = "not sent"
    ANSWERED = "answered"
    UNKNOWN = "unknown"


class Kind(enum.Enum):
    """How a call goes out in one attempt."""

    # It does no harm if it runs twice.
    IDEMPOTENT = "idempotent"
    # Without the call: it asks for a session, in which the call will have its number.
    OPENING = "opening"
    # With a session and a new number; with those of an earlier attempt.
    ORIGINAL = "original"
    REPEAT = "repeat"
    # As a stock client's, to an endpoint that remembers no calls.
    PLAIN = "plain"


class Attempt(NamedTuple):
    """What to do next: send the call to `endpoint`, and wait for `timeout_s` seconds at most.

    `first` is 1 plus the earlier attempts that may have run, and `last` the highest number that the
    next hop may give to an attempt of its own. `number` is that of an original or a repeat.
    """

    endpoint: Endpoint
    kind: Kind
    first: int
    last: int
    timeout_s: float
    number: CallNumber | None

    def body_of(self, call: bytes) -> bytes:
        """The body of the request: the `call`, if it goes out now."""
        return b"" if self.kind is Kind.OPENING else call


class Result(NamedTuple):
    """What one attempt came to.

    `reply`: the reply, if a whole one came. `what`: the result in a few words. `timed_out`: the
    attempt ended by its time, also at the next hop (504). `made`: the number of the last attempt
    that the next hop made, 0 if that is not known. `session`: the id of a new session, with which
    the endpoint refused the attempt. `needs_care`: it refused because the function is not
    idempotent there. `is_final`: a repeat would learn nothing more. `ran`: it has run, and the
    reply is gone. `sent_to`: where a proxy says that it sent the call, "" if it does not. `tried`:
    the server from which a proxy got no reply.
    """

    outcome: Outcome
    reply: Reply | None
    what: str
    timed_out: bool = False
    made: int = 0
    session: str = ""
    needs_care: bool = False
    is_final: bool = False
    ran: bool = False
    sent_to: str = ""
    tried: str = ""


class Sent(NamedTuple):
    """Where a call was sent that may have run there: only this life can know."""

    member: Member
    number: CallNumber
