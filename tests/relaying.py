"""Relaying by hand: a call of the proxy whose exchanges come to what a test says, without a socket.

A test leads a call step by step, or has it carried out to its end, with `Exchanges`:

    call = self.begins("id-1")              # a caller's request has come
    self.sends(call, "s1")                  # the next attempt goes to the server "s1"
    self.comes_to(call, LOST)               # its reply is lost
    self.sends(call, "s1")
    self.comes_to(call, OK)
    reply = self.ends(call)                 # what the caller gets

    reply = self.relays(LOST, OK)           # the same at once
    self.tried("s1", "s1")
"""

from __future__ import annotations

import time
import unittest
from typing import Any
from unittest import mock

from ponte.calls.balancing import Balancer
from ponte.calls.endpoint import Endpoint
from ponte.calls.hop import CallHeaders, Result
from ponte.calls.rule import Attempt, Outcome
from ponte.net.message import Reply, Request, encode_reply
from ponte.net.parser import ReplyParser, RequestParser
from ponte.net.pool import Pool
from ponte.net.stream import Program
from ponte.net.threads import wait_for
from relayed_call import RelayedCall, SharedState
from tests.fakes import endpoint

# What an attempt may come to.
OK = Result(Outcome.ANSWERED, Reply(200, {"served-by": "s; incarnation=1"}, b"<value/>"),
            "answered")
REFUSED = Result(Outcome.NOT_SENT, None, "connect: refused")
LOST = Result(Outcome.UNKNOWN, None, "reply: reset")
LATE = Result(Outcome.UNKNOWN, None, "reply: timed out", timed_out=True)
# A test that makes so many has a call that does not end.
MOST_ATTEMPTS = 1000
SERVED_BY = "proxy-1; incarnation=7"
# The If-Match of a repeat for this proxy: the proxy itself has compared the incarnation.
SAME = '"7"'


def request_in(message: bytes) -> Request:
    """The request that these bytes are."""
    parser = RequestParser()
    parser.feed(message)
    request = parser.next_message()
    assert request, "not a whole request"
    return request


def as_read(reply: Reply) -> Reply:
    """The reply as a caller reads it."""
    parser = ReplyParser()
    parser.feed(encode_reply(reply))
    read = parser.next_message()
    assert read, "not a whole reply"
    return read


def answered(**headers: str) -> Result:
    """A server answers with these headers; `X_End` becomes x-end, as a parser reads it."""
    named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return Result(Outcome.ANSWERED, Reply(200, named, b""), "answered")


class Exchanges:
    """Stands in for `exchange` of ponte/calls/hop.py: without a socket, attempts come to results.

    Attributes: `results`, what the next attempts come to, the last one repeated; `attempts` and
    `requests`, what was sent.
    """

    def __init__(self, *results: Result) -> None:
        self.results = list(results) or [OK]
        self.attempts: list[Attempt] = []
        self.requests: list[Request] = []

    def __call__(self, pool: Any, attempt: Attempt, message: bytes, now: float) -> Program[Result]:
        self.attempts.append(attempt)
        assert len(self.attempts) < MOST_ATTEMPTS, "the call does not end"
        self.requests.append(request_in(message))
        # An exchange is a program. This one waits for nothing.
        yield from ()
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]

    @property
    def tried(self) -> list[str]:
        """The endpoints that got the attempts."""
        return [attempt.endpoint.instance for attempt in self.attempts]

    def headers(self, name: str) -> list[str | None]:
        """This header of each request; None where a request has none."""
        return [request.headers.get(name) for request in self.requests]


class RelayCase(unittest.TestCase):
    """What the calls of a proxy share, and three servers."""

    def setUp(self) -> None:
        self.shared = SharedState("proxy-1", lambda: SERVED_BY)
        self.shared.balancers["greeter"] = Balancer()
        # The calls that were led step by step to an answer.
        self.answered: set[RelayedCall] = set()
        self.exchanges = Exchanges()
        patch = mock.patch("relayed_call.exchange", self.exchanges)
        patch.start()
        self.addCleanup(patch.stop)
        self.now = time.monotonic()
        self.knows(endpoint("s1"), endpoint("s2"), endpoint("s3"))

    def knows(self, *servers: Endpoint) -> None:
        """From now on the proxy knows these servers only."""
        self.shared.balancers["greeter"].update(servers)

    def begins(self, call_id: str = "id-0", *, timeout_s: float = 5.0,
               **headers: str) -> RelayedCall:
        """A call for a request that has just come; `Call_Attempt="2"` becomes a header."""
        named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        request = Request("POST", "/greeter", {"host": "here", "idempotency-key": call_id, **named},
                          b"<call/>")
        return RelayedCall(self.shared, "greeter", request, call_id=call_id,
                           headers=CallHeaders.parse(request.headers),
                           received_at=self.now, timeout_s=timeout_s)

    # One call, step by step.

    def sends(self, call: RelayedCall, server: str) -> Request:
        """The next attempt goes to this server. Returns the request that it gets."""
        order = call.next_attempt(self.now)
        assert order, "there is no next attempt"
        attempt, message = order
        self.assertEqual(attempt.endpoint.instance, server)
        return request_in(message)

    def comes_to(self, call: RelayedCall, result: Result) -> None:
        """The latest attempt comes to this."""
        call.settle(result, self.now)
        if result.outcome is Outcome.ANSWERED:
            self.answered.add(call)

    def ends(self, call: RelayedCall) -> Reply:
        """There is no further attempt. Returns what the caller gets."""
        # An answer ends the call: no attempt is asked for after it.
        if call not in self.answered:
            self.assertIsNone(call.next_attempt(self.now))
        return as_read(call.reply)

    # Whole calls.

    def relays(self, *results: Result, call_id: str = "id-0", timeout_s: float = 5.0,
               **headers: str) -> Reply:
        """The reply to a call whose attempts come to these results, the last one repeated."""
        self.exchanges.results = list(results)
        call = self.begins(call_id, timeout_s=timeout_s, **headers)
        return self.carries_out(call)

    def carries_out(self, call: RelayedCall) -> Reply:
        """The reply to a call, carried out to its end."""
        return as_read(wait_for(call.carry_out(Pool())))

    def tried(self, *servers: str) -> None:
        """So far these servers got the attempts of whole calls, in this order."""
        self.assertEqual(self.exchanges.tried, list(servers))
