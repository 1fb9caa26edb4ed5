"""Relaying by hand: calls of a proxy whose exchanges come to what a test says, without a socket.

A test hands requests to the proxy, as its listener would. It leads a call step by step, or has it
carried out to its end:

    call = self.begins(1)                   # a caller's request has come: call number 1
    self.sends(call, "s1")                  # the next attempt goes to the server "s1"
    self.comes_to(call, LOST)               # its reply is lost
    self.sends(call, "s1")
    self.comes_to(call, OK)
    reply = self.ends(call)                 # what the caller gets

    reply = self.relays(2, LOST, OK)        # the same at once
    self.tried("s1", "s1")

A server that is asked for a session gives one: only a test of sessions sees these requests.
"""

from __future__ import annotations

import itertools
import time
import unittest
from typing import Any
from unittest import mock

from ponte.calls.attempt import Attempt, Kind, Outcome, Result
from ponte.calls.endpoint import PROXY, Endpoint
from ponte.calls.hop import judge
from ponte.calls.resolving import Place
from ponte.net.message import ProtocolError, Reply, Request, encode_reply
from ponte.net.parser import ReplyParser, RequestParser
from ponte.net.stream import Program
from ponte.net.threads import wait_for
from proxy import Proxy
from tests.fakes import endpoint, show_to

# What an attempt may come to.
OK = Result(Outcome.ANSWERED, Reply(200, {"served-by": "s; incarnation=1; service=greeter"},
                                    b"<value/>"), "answered")
REFUSED = Result(Outcome.NOT_SENT, None, "connect: refused")
LOST = Result(Outcome.UNKNOWN, None, "reply: reset")
LATE = Result(Outcome.UNKNOWN, None, "reply: timed out", timed_out=True)
# The server has ended with the call, and knows nothing more of it.
GONE = Result(Outcome.UNKNOWN, Reply(410, {}, b""), "HTTP 410", is_final=True)
# The server says that the call has not run, and never will.
DEAD = Result(Outcome.ANSWERED, Reply(410, {"call-resolved": "dead"}, b""), "HTTP 410")
# The server has run the call, and has dropped its reply.
RAN = Result(Outcome.UNKNOWN, Reply(410, {"call-ran": "1"}, b""), "HTTP 410", is_final=True,
             ran=True)
# The function is not idempotent there.
NEEDS_CARE = Result(Outcome.NOT_SENT, Reply(503, {}, b""), "HTTP 503", needs_care=True)
# A test that makes so many has a call that does not end.
MOST_ATTEMPTS = 1000


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


def named(headers: dict[str, str]) -> dict[str, str]:
    """Headers as a parser reads them: `Call_Attempt` becomes call-attempt."""
    return {name.replace("_", "-").lower(): value for name, value in headers.items()}


def answered(**headers: str) -> Result:
    """A server answers with these headers; `X_End` becomes x-end, as a parser reads it."""
    return Result(Outcome.ANSWERED, Reply(200, named(headers), b""), "answered")


def gives_session(session_id: str) -> Result:
    """A server refuses a request, and gives a session."""
    return Result(Outcome.NOT_SENT, Reply(503, {}, b""), "HTTP 503", session=session_id)


class Exchanges:
    """Stands in for `exchange` of ponte/calls/hop.py: without a socket, attempts come to results.

    Parameter: `results`, what the next attempts come to, the last one repeated.

    Attributes: `results`; `attempts` and `requests`, what was sent; `openings`, the endpoints that
    were asked for a session; `opens`, whether they give one by themselves, without a result.
    """

    def __init__(self, *results: Result) -> None:
        self.results = list(results) or [OK]
        self.attempts: list[Attempt] = []
        self.requests: list[Request] = []
        self.openings: list[str] = []
        self.opens = True
        self._session_numbers = itertools.count(1)

    def __call__(self, pool: Any, attempt: Attempt, service: str, message: bytes,
                 now: float) -> Program[Result]:
        request = request_in(message)
        if attempt.kind is Kind.OPENING:
            self.openings.append(attempt.endpoint.instance)
            assert len(self.openings) < MOST_ATTEMPTS, "the call does not end"
            if self.opens:
                return gives_session(f"{next(self._session_numbers):016x}")
        # Without its number, which would be open as long as it is kept here.
        self.attempts.append(attempt._replace(number=None))
        assert len(self.attempts) < MOST_ATTEMPTS, "the call does not end"
        self.requests.append(request)
        place = attempt.endpoint
        del attempt
        return (yield from self.come_to(place, request))

    def come_to(self, place: Endpoint, request: Request) -> Program[Result]:
        """A program: what a request comes to. This one waits for nothing."""
        yield from ()
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]

    @property
    def tried(self) -> list[str]:
        """The endpoints that got the attempts."""
        return [attempt.endpoint.instance for attempt in self.attempts]

    def headers(self, name: str) -> list[str | None]:
        """This header of each request; None where a request has none."""
        return [request.headers.get(name) for request in self.requests]

    @property
    def numbers(self) -> list[str | None]:
        """The Call-Number of each request."""
        return [request.call_number for request in self.requests]


class Questions:
    """Stands in for `ask` of ponte/calls/resolving.py: what servers say of a call.

    Attributes: `results`, what they say; `places`, where it was asked.
    """

    def __init__(self, exchanges: Exchanges) -> None:
        self.places: list[Place] = []
        self._exchanges = exchanges

    def __call__(self, pool: Any, place: Place, service: str, lines: str,
                 deadline: float) -> Program[Result]:
        self.places.append(place)
        request = Request("POST", f"/{service}", {}, b"", call_number=place.number)
        return self._exchanges.come_to(place.endpoint, request)


class ByHand(Exchanges):
    """The same for calls that are led step by step: each one waits for its result."""

    def come_to(self, place: Endpoint, request: Request) -> Program[Result]:
        # A driver of a listener would wait here for a socket; the test gives the result instead.
        waiting: Any = (place, request)
        result: Any = yield waiting
        assert isinstance(result, Result)
        return result


class Led:
    """A call that a test leads.

    Attributes: `place` and `request` of its latest attempt, which waits for its result; `reply` of
    the proxy, None until the call has come to its end.
    """

    def __init__(self, begun: Reply | Program[Reply]) -> None:
        self.reply: Reply | None = None
        self.place: Endpoint | None = None
        self.request: Request | None = None
        self._program: Any = begun
        if isinstance(begun, Reply):
            self.reply = begun
        else:
            self.go_on(None)

    def go_on(self, result: Result | None) -> None:
        """Goes on with the result of the latest attempt, until the next one or the end."""
        self.place = self.request = None
        try:
            self.place, self.request = self._program.send(result)
        except StopIteration as end:
            self.reply = end.value


class RelayCase(unittest.TestCase):
    """A proxy with three servers, and a caller with a session at it."""

    def setUp(self) -> None:
        self.proxy = Proxy(port=0, registries=(), name="proxy-1")
        self.addCleanup(self.proxy.close)
        self.proxy._listener.served_by = self.proxy._served_by
        self.shared = self.proxy._shared
        self.session = self.shared.memory.open()
        self.exchanges = self.stands_in(Exchanges())
        self.asked: list[str] = []
        self.knows(endpoint("s1"), endpoint("s2"), endpoint("s3"))

    def stands_in(self, exchanges: Exchanges) -> Exchanges:
        """From now on these exchanges carry out what the proxy sends."""
        self.questions = Questions(exchanges)
        patch = mock.patch.multiple("relayed_call", exchange=exchanges, ask=self.questions)
        patch.start()
        self.addCleanup(patch.stop)
        return exchanges

    def knows(self, *servers: Endpoint) -> None:
        """From now on the proxy knows these servers only."""
        show_to(self.proxy, *servers)

    def begin(self, target: str, method: str = "POST", *, number: int | None = None,
              oldest: int = 1, session: str = "", received_at: float | None = None,
              left: bool = False, body: bytes = b"<call/>",
              **headers: str) -> Reply | Program[Reply]:
        """Hands a request to the proxy; `Call_Attempt="2"` becomes the header call-attempt.

        Without a `number` it is that of a stock client. `left`: its caller has left.
        """
        lines = {"host": "here", **named(headers)}
        call_number = None
        if number is not None:
            lines["call-session"] = session or self.session
            call_number = f"{number}-{oldest}"
        request = Request(method, target, lines, body, call_number=call_number)
        now = time.monotonic() if received_at is None else received_at
        try:
            return self.proxy._begin(request, now, lambda: left)
        except ProtocolError as error:
            return Reply(error.status, {}, error.reason.encode())

    def read(self, reply: Reply) -> Reply:
        """The reply as the caller reads it, with the mark of the proxy's listener."""
        return as_read(self.proxy._listener._marked(reply))

    def outcome(self, reply: Reply) -> Result:
        """What the stub makes of a reply."""
        return judge(reply, endpoint("proxy-1", service=PROXY), "greeter")

    def post(self, target: str = "/greeter", method: str = "POST", **options: Any) -> Reply:
        """The reply to a request, carried out to its end; `options` as for `begin`."""
        begun = self.begin(target, method, **options)
        return self.read(begun if isinstance(begun, Reply) else wait_for(begun))

    def tried(self, *servers: str) -> None:
        """So far these servers got the attempts, in this order."""
        self.assertEqual(self.exchanges.tried, list(servers))

    def not_executed(self, reply: Reply) -> None:
        """The reply says that the call has not run, and may be sent to another proxy."""
        self.assertEqual(reply.status, 503)
        self.assertEqual(reply.headers["not-executed"], "1")
        self.assertIs(self.outcome(reply).outcome, Outcome.NOT_SENT)

    # Whole calls.

    def relays(self, number: int, *results: Result, timeout_s: float = 5.0,
               **options: Any) -> Reply:
        """The reply to a call whose attempts come to these results, the last one repeated."""
        self.exchanges.results = list(results)
        return self.post(number=number, Call_Timeout_Ms=str(int(timeout_s * 1000)), **options)

    def repeats(self, number: int, *results: Result, **options: Any) -> Reply:
        """The same for a repeat of the caller, whose first attempt has an unknown outcome."""
        return self.relays(number, *results, Call_Repeat="1", Call_Attempt="2-3", **options)

    def resolves(self, number: int, *results: Result, **options: Any) -> Reply:
        """The reply to the question what came of a call."""
        return self.relays(number, *results, Call_Resolve="1", body=b"", **options)

    # One call, step by step.

    def begins(self, number: int | None, **options: Any) -> Led:
        """A request has come, as for `begin`. Its call goes on until its first attempt."""
        if not isinstance(self.exchanges, ByHand):
            self.exchanges = self.stands_in(ByHand())
        return Led(self.begin("/greeter", number=number, **options))

    def sends(self, call: Led, server: str) -> Request:
        """The latest attempt went to this server. Returns the request that it gets."""
        assert call.place and call.request, f"there is no attempt, but {call.reply}"
        self.assertEqual(call.place.instance, server)
        return call.request

    def comes_to(self, call: Led, result: Result) -> None:
        """The latest attempt comes to this."""
        call.go_on(result)

    def ends(self, call: Led) -> Reply:
        """There is no further attempt. Returns what the caller gets."""
        assert call.reply, f"there is an attempt at {call.place}"
        return self.read(call.reply)
