"""The reverse proxy: one address in front of all servers. It balances calls and hides failures.

Wire format: POST /<service>, from any XML-RPC client. A call carries the headers of
ponte/calls/hop.py. The body is passed on unread, and a reply only when it is whole. If no whole
reply comes, the proxy replies as relayed_call.py says; and with 404 for a service that no registry
knows. The number of its last attempt goes back in Call-Attempt.

A `RelayedCall` decides what is sent where (relayed_call.py), as a part of the program that serves
a caller (ponte/net/serving.py). The engine drives these programs: ponte/net/threads.py with
a thread for each connection, ponte/net/loop.py with one for all.

The proxy registers itself as a service named "proxy", and drains like a server.

Threads: those of the engine; one for each registry, which follows it; one for heartbeats.

Guaranteed: a call that is not idempotent is not sent to a second server once the first may have run
it. A repeat of it goes where the first attempt went; if that is not remembered, its outcome is
unknown.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from typing import Callable, Optional

from heartbeat import (
    BEAT_S,
    FIRST_ACK_S,
    SILENCE_S,
    Heartbeat,
    check_beat_times,
    new_incarnation,
)
from logged_call import CallLine, log
from ponte.calls.arrival import CallHeaders, answer, look, not_executed
from ponte.calls.balancing import POLICIES, Balancer
from ponte.calls.endpoint import PROXY, Endpoint
from ponte.calls.hop import served_by
from ponte.calls.once import REFUSE, RESOLVE, RUN, UNKNOWN, WAIT
from ponte.discovery.at_consul import announcer
from ponte.discovery.beats import LEASE_S, Beat
from ponte.discovery.directory import Directory
from ponte.discovery.leases import ALL
from ponte.discovery.own_beat import check_name
from ponte.discovery.reachable import advertised, default_name
from ponte.discovery.signing import Keys, keys_of
from ponte.discovery.view import changes
from ponte.net.address import Address, Registries, parse_advertised, parse_registries, show
from ponte.net.checks import check_listen, check_seconds, check_seconds_or_none
from ponte.net.known_heads import cached
from ponte.net.message import Reply, Request, text_reply
from ponte.net.pool import Pool
from ponte.net.serving import Listener
from ponte.net.stream import Program
from ponte.net.tls import Tls, check_tls
from ponte.process import observe
from ponte.process.attaching import attach
from ponte.process.departure import Departure
from ponte.process.keys import keys_for_listening
from ponte.process.measures import shown_durations
from ponte.process.observed_call import follow, is_new
from ponte.process.options import (
    DEFAULT_REGISTRIES,
    GRACE_S,
    LINGER_S,
    add_beat_times,
    add_engine,
    chosen_linger,
    chosen_tls,
    mistakes_in_one_line,
    options,
    seconds,
)
from ponte.process.pages import Json, page
from ponte.process.running import announced_as, begin, run, serve
from ponte.process.stopping import Stop, drain
from relayed_call import RelayedCall, Route, SharedState, resolve, service_of

DEFAULT_PORT = 4180
# Seconds, for callers that do not say how long they wait.
CALL_TIMEOUT_S = 5.0
# Seconds. How long a start waits for the first answer of a registry.
FIRST_ANSWER_S = 1.0

STOPPING = "this proxy is stopping"

# Makes the call that goes on to servers; its parameters are those of RelayedCall.
MakeCall = Callable[[SharedState, Request, CallHeaders, Optional[Route], float], RelayedCall]


class Proxy:
    """Relays calls to the servers that the registries name. A `with` block starts and closes it.

    Parameters: `host` and `port` (0 = any) to listen on; `balance`, a name in POLICIES; `engine`, a
    name in ENGINES, which takes up to `max_connections` (default: its own); `registries`, which it
    follows, and to which it sends beats; `timeout_s` for callers that do not say how long they
    wait; `tls` for callers, servers and registries. The others are those of a Server, as is what is
    raised.

    Attributes: `name`, `address`; `announced`, the address that it tells the registries;
    `superseded` is set when a younger process has taken the name: then the proxy drains and closes
    by itself; `departure` does that.

    In a forked child it is closed: the parent has the port, and beats.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = DEFAULT_PORT, *,
                 balance: str = "round_robin", engine: str = "threads",
                 max_connections: int | None = None,
                 registries: Registries = DEFAULT_REGISTRIES, name: str | None = None,
                 key: Keys = b"", advertise: str | Address | None = None, beat_s: float = BEAT_S,
                 lease_s: float = LEASE_S, timeout_s: float = CALL_TIMEOUT_S,
                 tls: Tls | None = None, linger_s: float = LINGER_S) -> None:
        # 1. What can be wrong without a port.
        check_name(name or PROXY)
        check_listen(host, port)
        check_tls(tls)
        check_beat_times(beat_s, lease_s)
        self._linger_s = check_seconds_or_none("linger_s", linger_s)
        self._keys = keys_of(key)
        registries = parse_registries(registries, allow_none=True)
        advertise = parse_advertised(advertise)
        self._timeout_s = check_seconds("timeout_s", timeout_s)
        if balance not in POLICIES:
            raise ValueError(f"balance: there is no {balance!r}, only "
                             f"{', '.join(sorted(POLICIES))}")
        self._policy = POLICIES[balance]
        # 2. The port.
        self._pool = Pool(tls)
        self._listener = Listener(host, port, self._begin, engine=engine,
                                  max_connections=max_connections, tls=tls)
        self.address = self._listener.address
        # 3. Who it is, and where others find it.
        try:
            self.announced = advertised(self.address, registries, advertise)
            self.name = name or default_name(PROXY, self.announced)
            self.departure = Departure(self.name, self._leave)
            beat = Beat(PROXY, self.name, new_incarnation(), 0, self.announced[0],
                        self.announced[1], lease_s=lease_s)
            self._heartbeat = announcer(
                registries,
                lambda others: Heartbeat(beat, others, self._keys, self.departure.step_down,
                                         self._may_beat, beat_s=beat_s),
                self.departure.step_down, self._may_beat, beat_s=beat_s, tls=tls)
        except (OSError, ValueError):
            self._listener.close()
            raise
        self.superseded = self.departure.superseded
        self._directory = Directory(ALL, registries, self._on_change, tls)
        # The endpoints that the balancers have. Used by _on_change alone.
        self._balanced: Sequence[Endpoint] = ()
        # What the calls share, such as the balancer of each service. It has a lock of its own.
        self._shared = SharedState(self.name, self._served_by)
        # Set once, read without a lock: a thread that reads the old value takes one more call.
        self._draining = False

    def __enter__(self) -> Proxy:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Follows the registries, then serves and beats, on threads of its own.

        Blocks for FIRST_ANSWER_S and FIRST_ACK_S at most.
        """
        self._directory.start()
        self._directory.wait(FIRST_ANSWER_S)
        self._listener.served_by = self._served_by
        self._listener.start()
        self._heartbeat.start(FIRST_ACK_S)

    def drain(self, grace_s: float = GRACE_S) -> bool:
        """Leaves without losing a call, then closes. Blocks for about `grace_s` seconds at most.

        Returns False if calls were cut off after that time.
        """
        return self.departure.leave(grace_s)

    def _leave(self, grace_s: float) -> bool:
        finished = drain(self._listener, self._heartbeat.announce, self._refuse,
                         grace_s=grace_s, linger_s=self._linger_s)
        self.close()
        return finished

    def close(self) -> None:
        """Stops immediately: running calls are cut off, without a goodbye."""
        self._heartbeat.close()
        self._directory.close()
        self._listener.close()
        self._pool.close()

    @property
    def incarnation(self) -> int:
        """The number of this life of the instance."""
        return self._heartbeat.beat.incarnation

    def silent_registries(self) -> list[Address]:
        """The registries that have not acked a beat for SILENCE_S."""
        return self._heartbeat.silent_registries(SILENCE_S)

    def refusals(self) -> dict[Address, str]:
        """The registries that answer and do not take its beats, with the reason."""
        return self._heartbeat.refusals()

    def status(self) -> dict[str, Json]:
        """What /status shows."""
        # 1. What calls change.
        with self._shared.lock:
            services: dict[str, Json] = {
                name: [{"instance": member.endpoint.instance, "state": member.endpoint.state,
                        "calls": member.calls, "failures": member.failures,
                        "quarantined": member.trial_at is not None,
                        "calls_total": member.calls_total,
                        "failures_total": member.failures_total}
                       for member in balancer.members]
                for name, balancer in self._shared.balancers.items()}
            durations = {outcome: noted.copy()
                         for outcome, noted in self._shared.durations.items()}
            own: dict[str, Json] = {"instance": self.name, "incarnation": self.incarnation,
                    "state": "draining" if self._draining else "up",
                    "sessions": len(self._shared.memory),
                    "connections": self._listener.connections,
                    "engine_errors": self._listener.driver.errors,
                    "requests": dict(self._shared.counts), "services": services}
        # 2. The rest needs no lock.
        return {**own, "silent_registries": len(self.silent_registries()),
                "durations": {outcome: shown_durations(copied)
                              for outcome, copied in durations.items()}}

    def _may_beat(self) -> bool:
        # At the end of a drain the listener is closed before the heartbeat.
        return self._draining or self._listener.is_serving()

    def _refuse(self) -> None:
        self._draining = True

    def _served_by(self) -> str:
        return served_by(self.name, self.incarnation, PROXY)

    # The view: the threads of the followers.

    def _on_change(self) -> None:
        """Gives the balancers of services that changed a new view.

        Runs on one thread at a time: see `Directory`.
        """
        # 1. What is new? Found without the lock, so that no call waits.
        endpoints = [e for e in self._directory.endpoints if e.service != PROXY]
        changed = changes(self._balanced, endpoints)
        before, self._balanced = self._balanced, endpoints
        # 2. A service without an endpoint keeps its balancer: its calls get 503, not 404.
        with self._shared.lock:
            balancers = self._shared.balancers
            for service, group in changed.items():
                balancers.setdefault(service, Balancer(self._policy)).update(group)
        # 3. A draining server waits until its callers close their connections.
        gone = {e.address for e in before} - {e.address for e in endpoints if e.state != "draining"}
        self._listener.driver.post(lambda: self._pool.close_idle(gone))

    # Calls: the threads of the engine.

    def _begin(self, request: Request, received_at: float,
               caller_left: Callable[[], bool]) -> Reply | Program[Reply]:
        """A reply of our own to a request, or the program that relays it. Raises ProtocolError."""
        # What somebody watches comes here a second time.
        if observe.watcher and is_new(request):
            return follow(self.name, request,
                          lambda seen: self._begin(seen, received_at, caller_left))
        if request.method != "POST" or not log.isEnabledFor(logging.DEBUG):
            return self._relay(request, received_at, caller_left, RelayedCall)
        line = CallLine(request, received_at)
        return line.log_end(lambda: self._relay(request, received_at, caller_left, line.call))

    def _relay(self, request: Request, received_at: float, caller_left: Callable[[], bool],
               make_call: MakeCall) -> Reply | Program[Reply]:
        """The same for a call that `make_call` makes, if it goes on to a server."""
        # 1. What cannot be relayed: status pages, and errors. Most requests need no closer look. (A
        #    read without the lock: a service is only ever added.)
        if (service_of(request) not in self._shared.balancers or request.method != "POST"
                or "via" in request.headers):
            own = (page(request, "proxy", self.status)
                   or attach(request, self.name, "proxy", self.address, self._keys)
                   or self._refusal(request))
            if own:
                return own
        # 2. How long may it take?
        call = cached(CallHeaders.parse, request.headers)
        deadline = received_at + (self._timeout_s if call.timeout_s is None else call.timeout_s)
        # 3. A call that may run twice is not remembered.
        if not call.idempotent:
            return self._begin_careful(request, call, deadline, caller_left(), make_call)
        if self._draining:
            return not_executed(STOPPING)
        with self._shared.lock:
            return make_call(self._shared, request, call, None, deadline).carry_out(self._pool)

    def _begin_careful(self, request: Request, call: CallHeaders, deadline: float,
                       caller_left: bool, make_call: MakeCall) -> Reply | Program[Reply]:
        """The same for a call that must run once at most."""
        shared, memory = self._shared, self._shared.memory
        with shared.lock:
            # 1. What is known of it? A proxy that is stopping still answers repeats and resolves.
            action, record = look(memory, request, call)
            if request.observed and action is not WAIT:
                request.observed.note(action)
            why_not = "its caller has left" if caller_left and action is RUN else ""
            if self._draining and action in (RUN, REFUSE):
                why_not = STOPPING
            if why_not:
                # A second copy of what was refused must not go on, if a caller reads the refusal.
                if record and not caller_left:
                    memory.refuse(record)
                return not_executed(why_not)
            if action is not RUN and action is not WAIT:
                return answer(memory, action, record, call.wanted)
            # 2. It goes on to any server.
            if action is RUN:
                route = Route(record)
                if record:
                    memory.begin(record, route)
            # 3. Or where its earlier attempts went; or its caller asks what came of them.
            else:
                assert record and record.value
                route = record.value
                if route.is_blind:
                    if request.observed:
                        request.observed.note(UNKNOWN)
                    return answer(memory, UNKNOWN, record, call.wanted)
                if call.wanted is RESOLVE:
                    return resolve(shared, request, route, self._pool, deadline)
                memory.join(record)
            return make_call(shared, request, call, route, deadline).carry_out(self._pool)

    def _refusal(self, request: Request) -> Reply | None:
        """The reply to a request that cannot be relayed; None for one that can."""
        service = service_of(request)
        if self.name in request.headers.get("via", "").replace(",", " ").split():
            return text_reply(508, f"not executed: {self.name} has relayed it before",
                              Not_Executed="1")
        if service not in self._shared.balancers:
            if not self._directory.is_complete():
                return not_executed("this proxy does not know all services yet")
            with self._shared.lock:
                known = ", ".join(sorted(self._shared.balancers)) or "none"
            return text_reply(404, f"no service {service!r}; there are: {known}", Not_Executed="1")
        if request.method != "POST":
            return text_reply(405, f"/{service} takes XML-RPC by POST", Allow="POST")
        return None


# ---- the process ---------------------------------------------------------------------------------

def start_proxy(chosen: argparse.Namespace) -> Proxy:
    """The proxy that the command line asks for, started. Raises UsageError if that cannot be."""
    with mistakes_in_one_line(chosen):
        proxy = Proxy(chosen.host, chosen.port, balance=chosen.balance, registries=chosen.registry,
                      name=chosen.name, key=keys_for_listening(chosen), advertise=chosen.advertise,
                      beat_s=chosen.beat, lease_s=chosen.lease, timeout_s=chosen.timeout,
                      engine=chosen.engine, max_connections=chosen.max_connections,
                      tls=chosen_tls(chosen), linger_s=chosen_linger(chosen))
        proxy.start()
    return proxy


def command_line() -> argparse.ArgumentParser:
    """What reads the options of a proxy."""
    parser = options("The reverse proxy of Ponte: balances calls over live servers.",
                     port=DEFAULT_PORT, beats=True)
    parser.add_argument("--balance", choices=sorted(POLICIES), default="round_robin",
                        help="which server a call asks first (default: %(default)s); least_calls "
                             "looks at all of them, two_choices at two: prefer it for hundreds")
    add_beat_times(parser, BEAT_S, LEASE_S)
    add_engine(parser, "threads")
    parser.add_argument("--timeout", type=seconds, default=CALL_TIMEOUT_S, metavar="SECONDS",
                        help="for callers that do not say how long they wait "
                             "(default: %(default)s)")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Runs a proxy until it is stopped; returns the exit code."""
    chosen = command_line().parse_args(arguments)
    begin(chosen)
    stop = Stop(chosen.until_eof)
    proxy = start_proxy(chosen)
    scheme = "https" if chosen.tls_cert else "http"
    banner = f"relaying {scheme}://{show(proxy.address)}/<service>{announced_as(proxy)}"
    return serve(proxy, stop, banner, chosen.grace)


if __name__ == "__main__":
    run(main)
