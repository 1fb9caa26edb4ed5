"""Resolving: what came of a call whose outcome is unknown?

The problem: a call may have run, or it may still be on its way to a server that is slow, or frozen.
Its caller asks the server, as by `balance`, finds nothing, and calls again. Then the server goes
on, and runs the first call, too.

The idea: ask the life of the process that got the call, and nobody else, by session and number. If
it has not run the call, it notes the number as dead before it answers: from then on the call cannot
run any more. So the answer stays true.

That life may be gone, or may have forgotten: then nobody can know, and the outcome stays unknown.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Callable, NamedTuple

from ponte.calls.attempt import Outcome, Result, Sent
from ponte.calls.endpoint import Endpoint
from ponte.calls.hop import granted_ms, judge
from ponte.net.address import show
from ponte.net.message import Reply, write_request
from ponte.net.pool import ExchangeError, Pool
from ponte.net.stream import NOTHING, Program

# Seconds between two rounds of questions, while nobody has an answer. Longer tells it later.
PAUSE_S = 0.1

_SENT_TO = re.compile(r"([^\s;]+); incarnation=([0-9]{1,18}); address=(\S+):([0-9]{1,5}); "
                      r"session=([0-9a-f]{16}); number=([0-9]{1,15}-[0-9]{1,15})")


class Place(NamedTuple):
    """Where the outcome of a call may be known: a life, and the session and number it has there."""

    endpoint: Endpoint
    session_id: str
    number: str

    @classmethod
    def of(cls, sent: Sent) -> Place:
        """Where a call of this process was sent."""
        return cls(sent.member.endpoint, sent.number.session_id, str(sent.number))

    @classmethod
    def read(cls, text: str, service: str) -> Place | None:
        """The place in a header Sent-To; None where it has none.

        >>> server = Endpoint("bank", "bank-1", 7, "127.0.0.1", 4242, "up", ())
        >>> place = Place(server, "9f86d081884c7d65", "12-11")
        >>> str(place)
        'bank-1; incarnation=7; address=127.0.0.1:4242; session=9f86d081884c7d65; number=12-11'
        >>> Place.read(str(place), "bank") == place
        True
        """
        match = _SENT_TO.fullmatch(text)
        if match is None or not 0 < int(match[4]) < 65536:
            return None
        endpoint = Endpoint(service, match[1], int(match[2]), match[3].strip("[]"), int(match[4]),
                            "up", ())
        return cls(endpoint, match[5], match[6])

    def __str__(self) -> str:
        """As a proxy names it in a header Sent-To."""
        return (f"{self.endpoint.instance}; incarnation={self.endpoint.incarnation}; "
                f"address={show(self.endpoint.address)}; session={self.session_id}; "
                f"number={self.number}")


def ask(pool: Pool, place: Place, service: str, lines: str, deadline: float) -> Program[Result]:
    """A program: asks one place once what came of a call of `service`. Never raises.

    `lines` are further header lines. The outcome is ANSWERED with the first reply, or with a reply
    that says dead. It is UNKNOWN and final where that life is gone or has forgotten the call, and
    UNKNOWN where it may tell later.
    """
    timeout_s = deadline - time.monotonic()
    lines = (f"Host: {show(place.endpoint.address)}\r\n"
             f"Call-Timeout-Ms: {granted_ms(max(timeout_s, 0.0))}\r\n"
             f"Call-Session: {place.session_id}\r\nCall-Number: {place.number}\r\n"
             f"Call-Resolve: 1\r\n{lines}")
    request = write_request("POST", place.endpoint.path or f"/{service}", lines, b"")
    try:
        reply = yield from pool.exchange(place.endpoint.address, request, deadline)
    except ExchangeError as error:
        # Nobody listens there: that life is gone. After any other failure it may be there.
        is_gone = isinstance(error.cause, ConnectionRefusedError)
        return Result(Outcome.UNKNOWN, None, str(error), error.timed_out, is_final=is_gone)
    return verdict(reply, place.endpoint, service)


def verdict(reply: Reply, endpoint: Endpoint, service: str) -> Result:
    """What a reply to the question says. Only one with Call-Resolved counts as an answer."""
    result = judge(reply, endpoint, service)
    word = reply.headers.get("call-resolved")
    if word in ("reply", "dead") and result.outcome is Outcome.ANSWERED:
        return result
    # Another process has the port, or that life has forgotten. But a 5xx may mean: ask later.
    is_final = word == "unknown" or reply.status < 500
    return result._replace(outcome=Outcome.UNKNOWN, is_final=is_final)


def resolve(pool: Pool, places: Sequence[Place], service: str, deadline: float,
            ask_one: Callable[[Pool, Place, str, str, float], Program[Result]] | None = None
            ) -> Program[Result]:
    """A program: asks all places until one can tell, none is left, or the deadline has come.

    Never raises. The result is that of `ask_one` (default: `ask`), the program that asks one place;
    UNKNOWN if nobody could tell.
    """
    result = Result(Outcome.UNKNOWN, None, "nobody is there to ask", is_final=True)
    left = list(places)
    while left:
        asked = list(left)
        for position, place in enumerate(asked):
            # Those that are still to be asked in this round have equal shares of the time.
            now = time.monotonic()
            share_s = (deadline - now) / (len(asked) - position)
            result = yield from (ask_one or ask)(pool, place, service, "", now + share_s)
            if result.outcome is Outcome.ANSWERED or result.ran:
                return result
            if result.is_final:
                left.remove(place)
        if left:
            now = time.monotonic()
            if now >= deadline:
                return result
            yield None, NOTHING, min(now + PAUSE_S, deadline)
    return result
