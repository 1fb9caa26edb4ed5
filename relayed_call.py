"""One call on its way through the proxy: rule R decides, a pool of connections acts.

    (next_attempt -> exchange -> settle)* -> reply

The proxy makes a call of each request that can be relayed. `carry_out` asks the call for its next
attempt, exchanges a request and a reply with that server, and settles the result, until there is no
next attempt. Then `reply` is the reply to the caller: the server's, as it came, or

    503 and Not-Executed: 1    the call cannot have run
    502, or 504 for a timeout  it may have run; Sent-To says where

A call that is not idempotent has a *route*: the server to which it was sent, with a session and
number of the proxy's own. A repeat of the call goes the same way, with the same number. A resolve
goes the same way, too; if the call was sent nowhere, the proxy itself notes it as dead. From the
moment that a later attempt of the call has come, an earlier one goes to no other server. After
a server that remembers no calls, the route has come to its end: no attempt goes on.

Threads: a RelayedCall is used by one thread at a time. What all calls share has a lock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from ponte.calls.arrival import CallHeaders, answer, not_executed, resolved
from ponte.calls.attempt import Attempt, Kind, Outcome, Result, Sent
from ponte.calls.balancing import Balancer
from ponte.calls.hop import attempt_lines, exchange, failed_attempts
from ponte.calls.once import KILL, NOT_SENT, RESOLVE, Memory, Record
from ponte.calls.resolving import Place, ask
from ponte.calls.rule import Call
from ponte.net.forking import leave_parent_in_child
from ponte.net.known_heads import cached
from ponte.net.message import Reply, Request, lines_of, text_reply, write_request
from ponte.net.pool import Pool
from ponte.net.stream import Program
from ponte.net.target import path_in
from ponte.process.measures import Durations
from ponte.process.observed_call import TRACE_HEADERS, as_it_came

# Headers of one connection, which are not passed on (RFC 9110 section 7.6.1), and Content-Length,
# which is written anew.
HOP_BY_HOP = frozenset((
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "upgrade", "proxy-connection", "content-length", "expect"))
# Headers that the proxy writes anew for its own hop.
OURS = frozenset(("host", "call-timeout-ms", "call-attempt", "call-idempotent", "call-session",
                  "call-repeat", "call-resolve", "idempotency-key"))
# Those of a reply.
OURS_BACK = frozenset(("via", "call-attempt", "call-session", "call-resolved", "sent-to",
                       "failed-attempts"))

NOT_TRIED = Result(Outcome.NOT_SENT, None, "no live server, or no time to ask one")
NOT_KNOWN = Result(Outcome.UNKNOWN, None, "another attempt of this call may have run")


class Route:
    """Where a call that is not idempotent was sent. Guarded by the lock of its SharedState.

    Parameter: `record`, what the proxy's memory has of the call, None if it is not remembered.
    """

    def __init__(self, record: Record[Route, Reply] | None) -> None:
        self.record = record
        # None: it was not sent anywhere with a number.
        self.sent: Sent | None = None
        # Whether it was sent to an endpoint that remembers no calls, and may have run there. Then
        # it goes nowhere else, and nobody can be asked.
        self.is_blind = False
        # How many attempts of the call have come. Only the latest may go on to another server.
        self.turn = 0


class SharedState:
    """What all calls of one proxy share.

    Parameters: `name`, the proxy's, for Via; `served_by()` returns its Served-By, for replies of
    servers that do not say who made them.

    Attributes: `lock` guards `balancers` (by service), `memory`, `counts`, `durations` (by outcome
    and service), and what they hold: members, calls of rule R, and each Route. It is never held
    while a message is sent. Whether a service is in `balancers` may be read without it: none is
    ever removed.
    """

    def __init__(self, name: str, served_by: Callable[[], str]) -> None:
        self.via = f"1.1 {name}"
        self._served_by = served_by
        self.lock = threading.Lock()
        self.balancers: dict[str, Balancer] = {}
        self.memory: Memory[Route, Reply] = Memory()
        self.counts = {"calls": 0, "retries": 0, "not_sent": 0, "unknown": 0}
        self.durations = {outcome: Durations() for outcome in ("answered", "not_sent", "unknown")}
        leave_parent_in_child(self)

    def leave_parent(self) -> None:
        """In a forked child: a call that is given up there finds a lock that is free."""
        self.lock = threading.Lock()

    def conclude(self, route: Route | None, sent: Sent | None, came: Reply, made: int) -> Reply:
        """The reply to a caller, made of the one that `came` from a server. Caller holds the lock.

        `sent` is the place that it came from: it is remembered only if the route still leads there.
        `made` is the number of the attempt.
        """
        record = route.record if route and route.sent is sent else None
        # 1. The call will never run.
        if came.headers.get("call-resolved") == "dead":
            if record:
                self.memory.kill(record)
            return answer(self.memory, NOT_SENT, None, RESOLVE)
        # 2. The server's headers, and those of our hop.
        lines = (f"{cached(_lines_to_pass_back, came.headers)}Via: {self.via}\r\n"
                 f"Call-Attempt: {made}\r\n")
        if "served-by" not in came.headers:
            lines += f"Served-By: {self._served_by()}\r\n"
        reply = Reply(came.status, {}, came.body, True, lines, came.date)
        if record:
            self.memory.end(record, reply, len(lines) + len(reply.body))
        return reply


class RelayedCall:
    """One call of one caller, as it goes through a proxy.

    Parameters: the `request`, whose `headers` were read; the `route`, where earlier attempts of the
    call went, None if it is idempotent; `deadline`, a monotonic time.

    Caller of the constructor holds the lock of `shared`.
    """

    def __init__(self, shared: SharedState, request: Request, headers: CallHeaders,
                 route: Route | None, deadline: float) -> None:
        self._shared = shared
        self._service = service_of(request)
        self._request = request
        # What came of the latest attempt, and of the latest one that may have run; and the number
        # and the server of the latest one.
        self._last, self._unknown = NOT_TRIED, NOT_KNOWN
        self._number, self._server = 0, ""
        # The attempts that got no answer, for people.
        self._failed = ""
        # When the first attempt began, a monotonic time.
        self._began = 0.0
        # The reply to the caller, once there is one of a server.
        self._answer: Reply | None = None
        # Guarded by the lock: the route and the call, and whether the memory has noted that it is
        # carried out.
        self._route = route
        self._is_noted = route is not None and route.record is not None
        self._turn = 0
        shared.counts["calls"] += 1
        if route:
            route.turn += 1
            self._turn = route.turn
        self._call = Call(shared.balancers[self._service], route is None, deadline,
                          first=headers.first, last=headers.last,
                          sent=route.sent if route else None)

    def carry_out(self, pool: Pool) -> Program[Reply]:
        """A program: one attempt after another, until rule R has come to an end."""
        try:
            now = self._began = time.monotonic()
            while True:
                order = self.next_attempt(now)
                if order is None:
                    return self.reply
                attempt, message = order
                result = yield from exchange(pool, attempt, self._service, message, now)
                now = time.monotonic()
                self.settle(result, now)
                if self._answer:
                    return self._answer
        finally:
            if self._is_noted:
                with self._shared.lock:
                    self._leave()

    def next_attempt(self, now: float) -> tuple[Attempt, bytes] | None:
        """The next attempt and its request; None if there is none, and `reply` may be read.

        `now` is a monotonic time in seconds. Does not block.
        """
        # 1. Rule R decides, if no later attempt has taken the call over. After a refusal with
        #    Call-Idempotent: 0 this is the end: only the caller can give the call a number.
        route = self._route
        with self._shared.lock:
            if self._last.needs_care or (route and route.turn != self._turn):
                return None
            attempt = self._call.next_attempt(now)
            # 2. The route is known before the request leaves: a repeat may come at once.
            if route and attempt:
                route.sent = self._call.sent
                route.is_blind = attempt.kind is Kind.PLAIN
        if attempt is None:
            return None
        self._number, self._server = attempt.first, attempt.endpoint.instance
        # 3. The request: the caller's end-to-end headers, and those of our hop. If others have
        #    relayed it, our Via is a second one, behind theirs (RFC 9110 section 7.6.3). A server
        #    that is not Ponte's own may take calls at another path.
        method, target, headers, body = self._request[:4]
        observed, trace = self._request.observed, self._request.traceparent
        if observed or trace:
            trace = observed.send(attempt) if observed else self._request.trace_line
        passed_on = _lines_but_trace if observed else _lines_to_pass_on
        lines = (f"{cached(passed_on, headers)}{attempt_lines(attempt)}"
                 f"Via: {self._shared.via}\r\n{trace}")
        return attempt, write_request(method, attempt.endpoint.path or target, lines,
                                      attempt.body_of(body))

    def settle(self, result: Result, now: float) -> None:
        """Records the result of the latest attempt, at `now` (monotonic). Does not block."""
        self._last = result
        if self._request.observed:
            self._request.observed.settle(result)
        route = self._route
        with self._shared.lock:
            # 1. Rule R and the balancer learn of it.
            sent = self._call.sent
            self._call.settle(result, now)
            # 2. A call that cannot have run may still be sent to any server.
            if route and route.turn == self._turn:
                route.sent = self._call.sent
                route.is_blind = self._call.outcome is Outcome.UNKNOWN and not self._call.sent
            # 3. An answer is remembered, if the route still leads to the place that it came from.
            if self._call.outcome is Outcome.ANSWERED:
                assert result.reply
                reply = self._shared.conclude(route, sent, result.reply, self._number)
                # The reply that is remembered does not tell of the attempts of this time.
                self._answer = reply if not self._failed else reply._replace(
                    lines=f"{reply.lines}Failed-Attempts: {failed_attempts(self._failed)}\r\n")
                self._shared.durations["answered"].note(self._service, now - self._began)
            elif not self._call.has_learned:
                self._shared.counts["retries"] += 1
                self._failed += f"{'; ' if self._failed else ''}{self._server}: {result.what}"
                if result.outcome is Outcome.UNKNOWN:
                    self._unknown = result

    def _leave(self) -> None:
        """The call is no longer carried out. Caller holds the lock."""
        if self._is_noted and self._route and self._route.record:
            self._shared.memory.leave(self._route.record)
        self._is_noted = False

    @property
    def reply(self) -> Reply:
        """The reply to the caller: the server's, or one that reports the outcome."""
        return self._answer or self._given_up()

    def _given_up(self) -> Reply:
        """The reply to a call that no server has answered."""
        with self._shared.lock:
            # A later attempt may still run it.
            is_taken_over = self._route and self._route.turn != self._turn
            not_sent = self._call.outcome is Outcome.NOT_SENT and not is_taken_over
            outcome = "not_sent" if not_sent else "unknown"
            self._shared.counts[outcome] += 1
            took_s = time.monotonic() - self._began
            self._shared.durations[outcome].note(self._service, took_s)
            # A second copy of the request must not go on.
            if not_sent and self._route and self._route.record:
                self._shared.memory.refuse(self._route.record)
        if not_sent:
            reply = not_executed(self._last.what)
            if self._last.needs_care:
                reply.headers["Call-Idempotent"] = "0"
            if self._failed:
                reply.headers["Failed-Attempts"] = failed_attempts(self._failed)
            return reply
        # 410 is final, for a repeat too.
        why, route = self._unknown, self._route
        is_final = why.is_final or (route and route.record and route.is_blind)
        status = 410 if is_final else 504 if why.timed_out else 502
        reply = text_reply(status, f"unknown outcome: {why.what}",
                           Call_Attempt=str(self._call.may_have_run))
        if self._server:
            reply.headers["Call-Tried"] = self._server
        if self._failed:
            reply.headers["Failed-Attempts"] = failed_attempts(self._failed)
        if why.ran:
            reply.headers["Call-Ran"] = "1"
        if self._call.sent:
            reply.headers["Sent-To"] = str(Place.of(self._call.sent))
        return reply


def service_of(request: Request) -> str:
    """The service that is called by a request. Servers read its path in the same way."""
    return path_in(request.target).removeprefix("/")


def resolve(shared: SharedState, request: Request, route: Route, pool: Pool,
            deadline: float) -> Reply | Program[Reply]:
    """What came of a call that is under way here: a reply, or the program that asks its server.

    Caller holds the lock of `shared`.
    """
    assert route.record
    # From now on, earlier attempts go nowhere else. If there was none, there never will be.
    route.turn += 1
    if route.sent is None:
        if request.observed:
            request.observed.note(KILL)
        shared.memory.kill(route.record)
        return answer(shared.memory, KILL, None, RESOLVE)
    shared.memory.join(route.record)
    return _ask_on_route(shared, request, route, pool, deadline)


def _ask_on_route(shared: SharedState, request: Request, route: Route, pool: Pool,
                  deadline: float) -> Program[Reply]:
    """A program: only the server on the route can know."""
    sent = route.sent
    assert sent and route.record
    place = Place.of(sent)
    observed = request.observed
    how, trace = (observed.ask, "") if observed else (ask, as_it_came(request))
    try:
        result = yield from how(pool, place, service_of(request),
                                f"Via: {shared.via}\r\n{trace}", deadline)
    finally:
        with shared.lock:
            shared.memory.leave(route.record)
    # 1. It knows.
    if result.outcome is Outcome.ANSWERED and result.reply:
        with shared.lock:
            reply = shared.conclude(route, sent, result.reply, result.made)
        return reply if reply.status == 410 else resolved(reply)
    # 2. Nobody will ever know, or the server may tell later.
    reply = text_reply(410 if result.is_final else 504, f"unknown outcome: {result.what}",
                       Sent_To=str(place))
    if result.is_final:
        reply.headers["Call-Resolved"] = "unknown"
    if result.ran:
        reply.headers["Call-Ran"] = "1"
    return reply


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
                     if name not in OURS})


def _lines_but_trace(headers: Mapping[str, str]) -> str:
    """The same where we say ourselves how the call is traced."""
    return _lines_to_pass_on({name: value for name, value in headers.items()
                              if name not in TRACE_HEADERS})


def _lines_to_pass_back(headers: Mapping[str, str]) -> str:
    """The header lines of a reply that go back as they came."""
    return lines_of({name: value for name, value in _end_to_end(headers).items()
                     if name not in OURS_BACK})
