"""One call on its way through the proxy: rule R decides, a pool of connections acts.

    (next_attempt -> exchange -> settle)* -> reply

The proxy makes a call of each request that can be relayed. `carry_out` asks the call for its next
attempt, exchanges a request and a reply with that server, and settles the result, until there is no
next attempt. Then `reply` is the reply to the caller: the server's, as it came, or

    503 and Not-Executed: 1    the call cannot have run
    502, or 504 for a timeout  it may have run

A call that is not idempotent has a *route*: the server to which it was sent. A repeat of the call
goes the same way, and once it has come, the earlier attempt goes to no other server.

Threads: a RelayedCall is used by one thread at a time. What all calls share has a lock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from ponte.calls.balancing import Balancer
from ponte.calls.endpoint import Endpoint
from ponte.calls.hop import CallHeaders, Result, attempt_lines, exchange
from ponte.calls.once import CallMemory, Forgotten
from ponte.calls.rule import Attempt, Call, Outcome
from ponte.net.known_heads import cached
from ponte.net.message import (
    ProtocolError,
    Reply,
    Request,
    lines_of,
    text_reply,
    write_request,
)
from ponte.net.pool import Pool
from ponte.net.stream import Program

# Headers of one connection, which are not passed on (RFC 9110 section 7.6.1), and Content-Length,
# which is written anew.
HOP_BY_HOP = frozenset((
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "upgrade", "proxy-connection", "content-length", "expect"))
# Headers that the proxy writes anew for its own hop.
OURS = frozenset(("host", "call-timeout-ms", "call-attempt", "if-match", "call-idempotent"))

NOT_TRIED = Result(Outcome.NOT_SENT, None, "no live server")


class Route:
    """Where a call that is not idempotent was sent. Guarded by the lock of its SharedState."""

    def __init__(self) -> None:
        # None: it was not sent anywhere.
        self.endpoint: Endpoint | None = None
        # A repeat has come: the earlier attempt must not go on to another server.
        self.taken_over = False


class SharedState:
    """What all calls of one proxy share.

    Parameters: `name`, the proxy's, for Via; `served_by()` returns the header of its own replies.

    Attributes: `lock` guards `balancers` (by service), `routes`, `counts`, and what they hold:
    members, calls of rule R, and each Route. It is never held while a message is sent. Whether a
    service is in `balancers` may be read without it: none is ever removed.
    """

    def __init__(self, name: str, served_by: Callable[[], str]) -> None:
        self.via = f"1.1 {name}"
        self.served_by = served_by
        self.lock = threading.Lock()
        self.balancers: dict[str, Balancer] = {}
        self.routes: CallMemory[Route] = CallMemory()
        self.counts = {"calls": 0, "retries": 0, "not_sent": 0, "unknown": 0}


class RelayedCall:
    """One call of one caller, as it goes through a proxy.

    Parameters: `service` that is called by `request`, whose `headers` and `call_id` were read; it
    was complete at `received_at` (monotonic), and the call ends `timeout_s` seconds later at the
    latest.

    Raises ProtocolError 412 for a repeat of a call whose route may have been forgotten.
    """

    def __init__(self, shared: SharedState, service: str, request: Request, *,
                 headers: CallHeaders, call_id: str, received_at: float,
                 timeout_s: float) -> None:
        self._shared = shared
        self._request = request
        self._call_id = call_id
        # What came of the latest attempt, and its number.
        self._last = NOT_TRIED
        self._number = 0
        # Guarded by the lock: the route, which is None for an idempotent call, and the call.
        self._route = None
        with shared.lock:
            shared.counts["calls"] += 1
            asked = None
            if not headers.idempotent:
                repeat = headers.repeat_for is not None
                self._route = self._new_route(shared, call_id, repeat, timeout_s)
                asked = self._route.endpoint
            self._call = Call(shared.balancers[service], headers.idempotent,
                              received_at + timeout_s, first_number=headers.attempt, asked=asked)

    @staticmethod
    def _new_route(shared: SharedState, call_id: str, repeat: bool, timeout_s: float) -> Route:
        """A route that begins where an earlier attempt was sent. Caller holds the lock."""
        now = time.monotonic()
        try:
            earlier = shared.routes.recall(call_id, now, repeat=repeat)
        except Forgotten:
            raise ProtocolError(412, "where this call was sent is not remembered: "
                                     "too many came since") from None
        route = Route()
        if earlier:
            earlier.taken_over = True
            route.endpoint = earlier.endpoint
        shared.routes.keep(call_id, route, now, timeout_s=timeout_s)
        return route

    def carry_out(self, pool: Pool) -> Program[Reply]:
        """A program: one attempt after another, until rule R has come to an end."""
        while True:
            now = time.monotonic()
            order = self.next_attempt(now)
            if order is None:
                return self.reply
            attempt, message = order
            result = yield from exchange(pool, attempt, message, now)
            self.settle(result, time.monotonic())
            if result.outcome is Outcome.ANSWERED:
                return self.reply

    def next_attempt(self, now: float) -> tuple[Attempt, bytes] | None:
        """The next attempt and its request; None if there is none, and `reply` may be read.

        `now` is a monotonic time in seconds. Does not block.
        """
        # 1. Rule R decides; a call that a repeat has taken over makes no further attempt.
        route = self._route
        with self._shared.lock:
            attempt = None if route and route.taken_over else self._call.next_attempt(now)
            # 2. The route is known before the request leaves: a repeat may come at once.
            if route and attempt:
                route.endpoint = attempt.endpoint
        if attempt is None:
            return None
        self._number = attempt.number
        # 3. The request: the caller's end-to-end headers, and those of our hop. If others have
        #    relayed it, our Via is a second one, behind theirs (RFC 9110 section 7.6.3).
        method, target, headers, body, _, _ = self._request
        ours = attempt_lines(attempt, self._call_id, idempotent=route is None)
        lines = f"{cached(_lines_to_pass_on, headers)}{ours}Via: {self._shared.via}\r\n"
        return attempt, write_request(method, target, lines, body)

    def settle(self, result: Result, now: float) -> None:
        """Records the result of the latest attempt, at `now` (monotonic). Does not block."""
        self._last = result
        with self._shared.lock:
            # 1. Rule R and the balancer learn of it.
            self._call.settle(result.outcome, now, timed_out=result.timed_out)
            # 2. A call that cannot have run may still be sent to any server.
            if self._route and self._call.outcome is Outcome.NOT_SENT:
                self._route.endpoint = None
            if result.outcome is not Outcome.ANSWERED:
                self._shared.counts["retries"] += 1

    @property
    def reply(self) -> Reply:
        """The reply to the caller: the server's, or one that reports the outcome. Read it once."""
        came = self._last.reply
        if came is None or self._last.outcome is not Outcome.ANSWERED:
            reply = self._given_up()
            reply.headers["Served-By"] = self._shared.served_by()
            return reply
        # The server's headers, and those of our hop.
        lines = (f"{cached(_lines_to_pass_back, came.headers)}Via: {self._shared.via}\r\n"
                 f"Call-Attempt: {self._number}\r\n")
        if "served-by" not in came.headers:
            lines += f"Served-By: {self._shared.served_by()}\r\n"
        return Reply(came.status, {}, came.body, True, lines)

    def _given_up(self) -> Reply:
        """The reply to a call that no server has answered."""
        not_sent = self._call.outcome is Outcome.NOT_SENT
        with self._shared.lock:
            self._shared.counts["not_sent" if not_sent else "unknown"] += 1
        if not_sent:
            return text_reply(503, f"not executed: {self._last.what}", Not_Executed="1")
        status = 504 if self._last.timed_out else 502
        return text_reply(status, f"unknown outcome: {self._last.what}",
                          Call_Attempt=str(self._call.may_have_run))


def _end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that are for the far end, without those of this hop."""
    without = HOP_BY_HOP
    if "connection" in headers:
        names = headers["connection"].split(",")
        without = without.union(name.strip().lower() for name in names)
    return {name: value for name, value in headers.items() if name not in without}


def _lines_to_pass_on(headers: Mapping[str, str]) -> str:
    """The header lines of a request that go on as they came."""
    return lines_of({name: value for name, value in _end_to_end(headers).items()
                     if name not in OURS and name != "idempotency-key"})


def _lines_to_pass_back(headers: Mapping[str, str]) -> str:
    """The header lines of a reply that go back as they came."""
    return lines_of({name: value for name, value in _end_to_end(headers).items()
                     if name not in ("via", "call-attempt")})
