"""The reverse proxy: one address in front of all servers. It balances whole calls and hides failures by rule R.

Wire format: POST /<service>, any XML-RPC client will do; the headers of rule R are in server.py. The body is passed
on unread. A reply is passed on only when it is whole. When no whole reply can be had, the proxy answers

    503 and Not-Executed: 1    the call cannot have run
    502, or 504 for a timeout  it may have run

and 404 for a service that no registry knows. Its own number of attempts goes back in Call-Attempt.

Threads: those of its engine, which owns the sockets (ponte/net/threads.py: one for each connection; or
ponte/net/events.py: loops that serve many); one for each registry, which follows it; one for beats. Both engines ask
the same `RelayedCall` what to send where. The proxy registers itself as a service named "proxy", and drains like a
server.

Guaranteed: a call that is not idempotent is never sent to a second server once the first may have run it; and a
repeat of it, told by If-Match with this proxy's incarnation, goes where the first attempt went.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Callable, Union

from heartbeat import FIRST_ACK_S, SILENCE_S, Heartbeat, new_incarnation
from ponte.calls.balancing import POLICIES, Balancer
from ponte.calls.endpoint import Endpoint
from ponte.calls.hop import CallHeaders, Result, attempt_lines, call_id_of
from ponte.calls.once import CallMemory, Forgotten
from ponte.calls.rule import Attempt, Call, Outcome
from ponte.discovery.beats import Beat, check_name
from ponte.discovery.directory import Directory
from ponte.discovery.leases import ALL
from ponte.net import events, wire
from ponte.net.address import Address, show
from ponte.net.events import EventEngine
from ponte.net.message import (
    ProtocolError,
    Reply,
    Request,
    lines_of,
    once,
    text_reply,
    write_request,
)
from ponte.net.threads import ThreadEngine
from ponte.net.tls import Tls
from ponte.process.keys import key_for_listening
from ponte.process.options import (
    DEFAULT_REGISTRIES,
    GRACE_S,
    UsageError,
    chosen_tls,
    count,
    options,
    port_error,
    seconds,
)
from ponte.process.pages import Json, page
from ponte.process.running import allow_open_files, begin, run, serve
from ponte.process.stopping import drain

SERVICE = "proxy"
DEFAULT_PORT = 4180
CALL_TIMEOUT_S = 5.0        # for callers that do not say how long they wait
HOP_BY_HOP = frozenset(("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
                        "transfer-encoding", "upgrade", "proxy-connection", "content-length", "expect"))
OURS = frozenset(("host", "via", "call-timeout-ms", "call-attempt", "if-match", "call-idempotent"))     # of each hop

Engine = Union[ThreadEngine, EventEngine]
ENGINES: dict[str, Callable[..., Engine]] = {"threads": ThreadEngine, "events": EventEngine}


NOT_TRIED = Result(Outcome.NOT_SENT, None, "no live server")


class _Route:
    """Where a call that is not idempotent was sent. Guarded by the proxy's lock."""

    def __init__(self) -> None:
        self.endpoint: Endpoint | None = None        # None: it has not been sent anywhere
        self.taken_over = False     # a repeat has come: the first attempt must not go on to another server


class Proxy:
    """Relays calls to the servers that the registries name. A `with` block starts and closes it.

    Parameters: `balance`, a name in `ponte.calls.balancing.POLICIES`; `engine`, one in `ENGINES`, which takes up to
    `max_connections` (default: its own); `timeout_s` for callers that do not say how long they wait; `name`, `key` and
    `advertise` as for a Server; `tls` for callers, servers and registries. Raises OSError if the port is taken.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = DEFAULT_PORT, *, balance: str = "round_robin",
                 engine: str = "threads", max_connections: int | None = None,
                 registries: Sequence[Address] = DEFAULT_REGISTRIES, name: str | None = None, key: bytes = b"",
                 advertise: Address | None = None, timeout_s: float = CALL_TIMEOUT_S,
                 tls: Tls | None = None) -> None:
        check_name(name or SERVICE)             # before a port is taken
        self.superseded = threading.Event()     # set when a younger process has taken our name: time to stop
        self._policy = POLICIES[balance]
        self._timeout_s = timeout_s
        limit = {} if max_connections is None else {"max_connections": max_connections}
        self._engine = ENGINES[engine](host, port, self._begin, tls=tls, **limit)
        self.address = self._engine.address
        self.name = name or f"{SERVICE}-{self.address[1]}"
        self.via = f"1.1 {self.name}"           # what we add to the header Via of all that passes
        beat = Beat(SERVICE, self.name, new_incarnation(), 0, *(advertise or self.address))
        try:
            self._heartbeat = Heartbeat(beat, registries, key, self.superseded.set)
        except (OSError, ValueError):
            self._engine.close()
            raise
        self._directory = Directory(ALL, registries, self._on_change, tls)
        self._lock = threading.Lock()
        # Guarded by self._lock:
        self._balancers: dict[str, Balancer] = {}
        self._routes: CallMemory[_Route] = CallMemory()
        self._counts = {"calls": 0, "retries": 0, "not_sent": 0, "unknown": 0}
        self._draining = False                  # written once; a late reader serves one call more

    def __enter__(self) -> Proxy:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Follows the registries, then serves and beats, on threads of its own."""
        self._directory.start()
        self._directory.wait(1.0)
        self._engine.start()
        self._heartbeat.start(FIRST_ACK_S)

    def drain(self, grace_s: float = GRACE_S) -> bool:
        """Leaves without losing a call, then closes; False if calls were cut off after `grace_s` seconds."""
        finished = drain(self._engine, self._heartbeat.announce, self._refuse, grace_s)
        self.close()
        return finished

    def close(self) -> None:
        """Stops at once: running calls are cut off and no goodbye is said."""
        self._heartbeat.close()
        self._directory.close()
        self._engine.close()

    @property
    def incarnation(self) -> int:
        """The number of this life of the instance."""
        return self._heartbeat.beat.incarnation

    @property
    def served_by(self) -> str:
        """The header of replies that are our own."""
        return f"{self.name}; incarnation={self.incarnation}"

    def silent_registries(self) -> list[Address]:
        """The registries that have not acked a beat of late."""
        return self._heartbeat.silent_registries(SILENCE_S)

    def status(self) -> dict[str, Json]:
        """What /status shows."""
        with self._lock:
            services: dict[str, Json] = {
                name: [{"instance": m.endpoint.instance, "state": m.endpoint.state, "calls": m.calls,
                        "failures": m.failures, "quarantined": m.trial_at is not None} for m in balancer.members]
                for name, balancer in self._balancers.items()}
            return {"instance": self.name, "incarnation": self.incarnation,
                    "state": "draining" if self._draining else "up", "connections": self._engine.connections,
                    "requests": dict(self._counts), "services": services}

    def _refuse(self) -> None:
        self._draining = True

    # The view: the threads of the directory.

    def _on_change(self) -> None:
        with self._lock:        # read inside it: of two threads here, the later one must see the later view
            endpoints = [e for e in self._directory.endpoints if e.service != SERVICE]
            by_service: dict[str, list[Endpoint]] = {}
            for endpoint in endpoints:
                by_service.setdefault(endpoint.service, []).append(endpoint)
            for service in by_service.keys() | self._balancers.keys():
                balancer = self._balancers.setdefault(service, Balancer(self._policy))
                balancer.update(by_service.get(service, ()))
        self._engine.keep_only({e.address for e in endpoints if e.state != "draining"})

    # Calls: everything below runs on the threads of the engine.

    def _begin(self, request: Request, received_at: float) -> Reply | RelayedCall:
        service = request.target.strip("/")
        if service not in self._balancers or self._draining or request.method != "POST" or "via" in request.headers:
            own = page(request, "proxy", self.status) or self._refusal(request, service)
            if own:
                own.headers["Served-By"] = self.served_by
                return own
        said = once(CallHeaders.parse, request.headers)
        if said.repeat_for is not None and said.repeat_for != str(self.incarnation):
            raise ProtocolError(412, "the proxy that you mean is gone; this is another incarnation")
        timeout_s = self._timeout_s if said.timeout_s is None else said.timeout_s
        call_id = call_id_of(request) or os.urandom(16).hex()
        with self._lock:
            self._counts["calls"] += 1
            route = None if said.idempotent else self._route(call_id, timeout_s, said.repeat_for is not None)
            call = Call(self._balancers[service], said.idempotent, received_at + timeout_s,
                        first_number=said.attempt, asked=route.endpoint if route else None)
        return RelayedCall(self, request, call_id, call, route)

    def _refusal(self, request: Request, service: str) -> Reply | None:
        """The reply to a request that cannot be relayed; None for one that can."""
        if self._draining:
            return text_reply(503, "not executed: this proxy is stopping", Not_Executed="1")
        if self.name in request.headers.get("via", "").replace(",", " ").split():
            return text_reply(508, f"not executed: {self.name} has relayed it before", Not_Executed="1")
        if service not in self._balancers:
            return self._unknown(service)
        if request.method != "POST":
            return text_reply(405, f"/{service} takes XML-RPC by POST", Allow="POST")
        return None

    def _unknown(self, service: str) -> Reply:
        if not self._directory.is_complete():
            return text_reply(503, "not executed: this proxy does not know all services yet", Not_Executed="1")
        with self._lock:
            known = ", ".join(sorted(self._balancers))
        return text_reply(404, f"no service {service!r}; there are: {known or 'none'}")

    def _route(self, call_id: str, timeout_s: float, repeat: bool) -> _Route:
        """The route of a call: a new one, or for a repeat that of its first attempt. Caller holds self._lock."""
        now = time.monotonic()
        try:
            first = self._routes.recall(call_id, now, repeat=repeat)
        except Forgotten:
            raise ProtocolError(412, "where this call was sent is not remembered: too many came since") from None
        route = _Route()
        if first:
            first.taken_over = True
            route.endpoint = first.endpoint
        self._routes.keep(call_id, route, now, timeout_s=timeout_s)
        return route


class RelayedCall:
    """A call on its way through the proxy: rule R decides, an engine acts. A `ponte.net.threads.Relay`."""

    def __init__(self, proxy: Proxy, request: Request, call_id: str, call: Call, route: _Route | None) -> None:
        self._proxy = proxy
        self._request = request
        self._call_id = call_id
        self._call = call               # Guarded by the proxy's lock, as is the route
        self._route = route             # None for a call that is idempotent
        self._number = 0                # of the latest attempt
        self._last = NOT_TRIED

    def next_attempt(self, now: float) -> tuple[Attempt, bytes] | None:
        """Whom to send which bytes now; None when `reply` is there."""
        if self._last.outcome is Outcome.ANSWERED:
            return None
        route = self._route
        with self._proxy._lock:
            attempt = None if route and route.taken_over else self._call.next_attempt(now)
            if route and attempt:
                route.endpoint = attempt.endpoint
        if attempt is None:
            return None
        self._number = attempt.number
        return attempt, self._encode(attempt_lines(attempt, self._call_id, idempotent=route is None))

    def settle(self, result: Result, now: float) -> None:
        """Tells what the latest attempt came to."""
        self._last = result
        with self._proxy._lock:
            self._call.settle(result.outcome, now, timed_out=result.timed_out)
            if self._route and self._call.outcome is Outcome.NOT_SENT:
                self._route.endpoint = None
            if result.outcome is not Outcome.ANSWERED:
                self._proxy._counts["retries"] += 1

    @property
    def reply(self) -> Reply:
        """The server's, as it came; or what became of the call."""
        came = self._last.reply
        answered = came if self._last.outcome is Outcome.ANSWERED else None
        reply = self._pass_on(answered) if answered else self._give_up()
        if "served-by" not in reply.headers:
            reply.headers["Served-By"] = self._proxy.served_by
        return reply

    def _pass_on(self, reply: Reply) -> Reply:
        headers = {**once(_end_to_end, reply.headers), "via": self._proxy.via, "call-attempt": str(self._number)}
        return Reply(reply.status, headers, reply.body)

    def _give_up(self) -> Reply:
        not_sent = self._call.outcome is Outcome.NOT_SENT
        with self._proxy._lock:
            self._proxy._counts["not_sent" if not_sent else "unknown"] += 1
        if not_sent:
            return text_reply(503, f"not executed: {self._last.what}", Not_Executed="1")
        status = 504 if self._last.timed_out else 502
        return text_reply(status, f"unknown outcome: {self._last.what}", Call_Attempt=str(self._call.may_have_run))

    def _encode(self, ours: str) -> bytes:
        """The request as it goes on: the caller's end-to-end headers, and the lines of this hop."""
        method, target, headers, body, _, _ = self._request
        via = f"{headers['via']}, {self._proxy.via}" if "via" in headers else self._proxy.via
        return write_request(method, target, f"{once(_lines_to_pass_on, headers)}{ours}Via: {via}\r\n", body)


def _end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that are for the far end, without those of this hop (RFC 9110 section 7.6.1)."""
    without = HOP_BY_HOP
    if "connection" in headers:
        without = without.union(name.strip().lower() for name in headers["connection"].split(","))
    return {name: value for name, value in headers.items() if name not in without}


def _lines_to_pass_on(headers: Mapping[str, str]) -> str:
    """The lines of a request that go on as they came: those for the far end that we do not write anew."""
    return lines_of({name: value for name, value in _end_to_end(headers).items() if name not in OURS})


# ---- the process ----------------------------------------------------------------------------------------

def start_proxy(chosen: argparse.Namespace) -> Proxy:
    """The proxy that the command line asks for, started; what it cannot be is a UsageError."""
    try:
        proxy = Proxy(chosen.host, chosen.port, balance=chosen.balance, registries=chosen.registry, name=chosen.name,
                     key=key_for_listening(chosen), advertise=chosen.advertise, timeout_s=chosen.timeout,
                     engine=chosen.engine, max_connections=chosen.max_connections, tls=chosen_tls(chosen))
        proxy.start()
        return proxy
    except OSError as error:
        raise port_error(error, chosen.host, chosen.port) from None
    except ValueError as error:
        raise UsageError(str(error)) from None


def main(arguments: Sequence[str]) -> int:
    parser = options("The reverse proxy of Ponte: balances calls over live servers.", port=DEFAULT_PORT,
                             beats=True)
    parser.add_argument("--balance", choices=sorted(POLICIES), default="round_robin", help="default: %(default)s")
    parser.add_argument("--engine", choices=sorted(ENGINES), default="threads",
                        help="a thread for each connection, or loops that serve many (default: %(default)s)")
    parser.add_argument("--max-connections", type=count, metavar="N",
                        help=f"further ones get a 503 (default: {wire.MAX_CONNECTIONS} with threads, "
                             f"{events.MAX_CONNECTIONS} with events)")
    parser.add_argument("--timeout", type=seconds, default=CALL_TIMEOUT_S, metavar="SECONDS",
                        help="for callers that do not say how long they wait (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    stop = begin(chosen)
    allow_open_files()
    proxy = start_proxy(chosen)
    scheme = "https" if chosen.tls_cert else "http"
    return serve(proxy, stop, f"relaying {scheme}://{show(proxy.address)}/<service>", chosen.grace)


if __name__ == "__main__":
    run(main)
