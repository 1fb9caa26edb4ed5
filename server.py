"""A server: plain functions as an XML-RPC service that beats, remembers calls, and drains.

Wire format: XML-RPC by POST to /<service> (also / and /RPC2, where stock clients look), with the
headers of ponte/calls/hop.py. Each reply says by Served-By who made it, and by Not-Executed: 1 that
the call was refused before it ran.

Threads: one for beats, and those of the engine. By default that is one for all connections, which
also runs functions that were quick the last time; all other functions run on threads beside it
(ponte/net/workers.py). A function may run in several threads at once: its author guards what calls
share.

Guaranteed: a call with a session and a number runs at most once, however late its attempts arrive
(ponte/calls/once.py). A function runs without them only for a caller that sends none, or if it is
marked @idempotent. Not guaranteed: memory beyond the life of this process. A new incarnation knows
nothing of earlier calls, and says so.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from typing import Callable

from execution import Executions
from heartbeat import (
    BEAT_S,
    FIRST_ACK_S,
    SILENCE_S,
    Heartbeat,
    check_beat_times,
    new_incarnation,
)
from ponte.calls.arrival import CallHeaders
from ponte.calls.hop import served_by
from ponte.discovery.announcer import Announcer
from ponte.discovery.at_consul import announcer, check_consul
from ponte.discovery.beats import LEASE_S, Beat
from ponte.discovery.own_beat import check_name, check_service
from ponte.discovery.reachable import advertised, default_name
from ponte.discovery.signing import Keys, keys_of
from ponte.net.address import Address, Registries, parse_advertised, parse_registries, show
from ponte.net.checks import check_listen, check_seconds_or_none
from ponte.net.known_heads import cached
from ponte.net.message import Reply, Request, text_reply
from ponte.net.serving import Door, Listener
from ponte.net.stream import Program
from ponte.net.target import path_in
from ponte.net.tls import Tls, check_tls
from ponte.process import observe
from ponte.process.attaching import attach
from ponte.process.departure import Departure
from ponte.process.keys import keys_for_listening
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
)
from ponte.process.pages import Json, page
from ponte.process.running import announced_as, begin, run, serve
from ponte.process.services import load_functions
from ponte.process.stopping import Stop, drain, grace
from ponte.rpc.current import CurrentCall, current_call, current_instance
from ponte.rpc.dispatcher import Dispatcher, Function, PrepareCall, idempotent
from ponte.rpc.instance import methods_of

__all__ = ["CurrentCall", "Server", "current_call", "current_instance", "idempotent"]


class Server:
    """Serves functions under the name of a service. A `with` block starts and closes it.

    Parameters: `functions` by name, or with their own names; `host` and `port` (0 = any free one)
    to listen on; `registries` to beat to: what --registry takes, or a sequence of (host, port),
    which may be empty; `name` of the instance (default: made of service and address); `key` signs
    the beats (of several, the first; registries may answer with any of them); `advertise`, the host
    that callers use, or host and port, if it is another one; `beat_s` and `lease_s`, the seconds
    between two beats, and after which a server without a beat is gone; `tls` for callers;
    `allow_multicall`: serve system.multicall; `engine` and `max_connections`: see
    ponte/net/serving.py; `linger_s`, the seconds that a drain serves on at least, when registries
    know of it, but no more than half of its grace.

    Raises OSError if the port is taken, and ValueError for anything else that cannot be, such as an
    address that others cannot reach. Blocks while the names of registries are looked up, two
    seconds at most.

    Attributes: `service`, `name`, `address`; `announced`, the address that it tells the registries;
    `superseded` is set when a younger process has taken the name: then the server drains and closes
    by itself; `departure` does that.

    In a forked child it is closed: the parent has the port, and beats.
    """

    def __init__(self, service: str, functions: Iterable[Function] | dict[str, Function] = (), *,
                 host: str = "127.0.0.1", port: int = 0,
                 registries: Registries = DEFAULT_REGISTRIES, name: str | None = None,
                 key: Keys = b"", advertise: str | Address | None = None, beat_s: float = BEAT_S,
                 lease_s: float = LEASE_S, tls: Tls | None = None, allow_multicall: bool = False,
                 engine: str = "events", max_connections: int | None = None,
                 linger_s: float = LINGER_S) -> None:
        # 1. What can be wrong without a port.
        self.service = check_service(service)
        check_name(name or service)
        check_listen(host, port)
        check_tls(tls)
        check_beat_times(beat_s, lease_s)
        self._linger_s = check_seconds_or_none("linger_s", linger_s)
        self._keys = keys_of(key)
        self._registries = parse_registries(registries, allow_none=True)
        check_consul(self._registries)
        advertise = parse_advertised(advertise)
        # The last two are where stock clients look.
        self._paths = frozenset((f"/{service}", "/", "/RPC2"))
        self._dispatcher = Dispatcher(functions, multicall=allow_multicall)
        # 2. The port.
        self._listener = Listener(host, port, self.handle, engine=engine,
                                  max_connections=max_connections, tls=tls)
        self.address = self._listener.address
        # 3. Who it is, and where others find it.
        try:
            self.announced = advertised(self.address, self._registries, advertise)
        except ValueError:
            self._listener.close()
            raise
        self.name = name or default_name(service, self.announced)
        self._beat = Beat(service, self.name, new_incarnation(), 0, self.announced[0],
                          self.announced[1], lease_s=lease_s)
        self._beat_s, self._tls = beat_s, tls
        self.departure = Departure(self.name, self._leave)
        self.superseded = self.departure.superseded
        # None until `start`.
        self._heartbeat: Announcer | None = None
        self._is_closed = False
        self._executions = Executions(self._dispatcher, self.name, self._served_by,
                                      self._listener.driver.call)

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The next four have the names and the parameters of SimpleXMLRPCServer.

    def register_function(self, function: Function | None = None,
                          name: str | None = None) -> Function:
        """Serves one more function, and returns it: so it is also a decorator. From any thread.

        Without a `function`, as in `@server.register_function(name="x")`, it returns the decorator.
        A `name` may have dots, as "math.add". Raises ValueError for a private name; for what cannot
        be served, such as an async function; or when the names no longer fit into a beat.
        """
        if function is None:
            return lambda function: self.register_function(function, name)
        self._dispatcher.register(function, name)
        self._publish_idempotent()
        return function

    def register_instance(self, instance: object, allow_dotted_names: bool = False) -> None:
        """Serves the public methods of an object by their names. A name that is taken stays.

        Raises ValueError for an object that has none, or a `_dispatch` of its own; and where names
        with dots shall be looked up in it, which would open more than its author has in mind.
        """
        if allow_dotted_names:
            raise ValueError("allow_dotted_names is not offered: register what callers may reach, "
                             'as in register_function(obj.part.method, "part.method")')
        methods = methods_of(instance)
        for name, method in methods.items():
            if name not in self._dispatcher:
                self._dispatcher.register(method, name)
        self._publish_idempotent()

    def register_introspection_functions(self) -> None:
        """Does nothing: system.listMethods and its like are always served."""

    def register_multicall_functions(self) -> None:
        """From now on system.multicall is served: several calls in one, with one outcome."""
        self._dispatcher.allow_multicall()

    def _publish_idempotent(self) -> None:
        if self._heartbeat:
            self._heartbeat.set_idempotent(self._dispatcher.idempotent)

    def open_door(self, door: Door) -> None:
        """Before `start`: serves another protocol on the same port, too (interop/grpc).

        Raises ValueError for an engine that cannot.
        """
        self._listener.open_door(door)

    @property
    def prepare_call(self) -> PrepareCall:
        """How a door has a function called: see `Dispatcher.prepare_call`."""
        return self._dispatcher.prepare_call

    def start(self) -> None:
        """Serves and beats from now on, on threads of its own.

        Waits for the first ack of a registry, FIRST_ACK_S at most: a client that starts after this
        finds the server. Raises ValueError where no registry would take the beat.
        """
        beat = self._beat._replace(idempotent=self._dispatcher.idempotent)
        self._listener.served_by = self._served_by
        heartbeat = announcer(
            self._registries,
            lambda others: Heartbeat(beat, others, self._keys, self.departure.step_down,
                                     self._may_beat, beat_s=self._beat_s),
            self.departure.step_down, self._may_beat, beat_s=self._beat_s, tls=self._tls)
        self._listener.start()
        self._heartbeat = heartbeat
        heartbeat.start(FIRST_ACK_S)

    def serve_forever(self) -> None:
        """Starts the server, and blocks until it has ended.

        It ends by `drain` or `close` on another thread; when a younger process has its name; and by
        Ctrl-C or SIGTERM, which drain it, if this is the main thread: Python gives signals to no
        other.
        """
        stop = Stop()
        if not self._heartbeat:
            self.start()

        def look() -> None:
            if self.superseded.is_set() or self._is_closed:
                stop.set("ended")

        reason = stop.wait(look)
        self.drain(grace(reason, GRACE_S))

    def drain(self, grace_s: float = GRACE_S) -> bool:
        """Leaves without losing a call, then closes. Blocks for about `grace_s` seconds at most.

        Returns False if calls were cut off after that time.
        """
        return self.departure.leave(grace_s)

    def _leave(self, grace_s: float) -> bool:
        if self._is_closed or not self._heartbeat:
            self.close()
            return True
        finished = drain(self._listener, self._heartbeat.announce, self._executions.stop,
                         grace_s=grace_s, linger_s=self._linger_s)
        self.close()
        return finished

    def close(self) -> None:
        """Stops immediately, like a crash: running calls are cut off, without a goodbye."""
        self._is_closed = True
        if self._heartbeat:
            self._heartbeat.close()
        self._listener.close()

    @property
    def incarnation(self) -> int:
        """The number of this life of the instance."""
        return self._heartbeat.beat.incarnation if self._heartbeat else self._beat.incarnation

    def refusals(self) -> dict[Address, str]:
        """The registries that answer and do not take its beats, with the reason."""
        return self._heartbeat.refusals() if self._heartbeat else {}

    def silent_registries(self) -> list[Address]:
        """The registries that have not acked a beat for SILENCE_S."""
        return self._heartbeat.silent_registries(SILENCE_S) if self._heartbeat else []

    def status(self) -> dict[str, Json]:
        """What /status shows."""
        return {"service": self.service, "instance": self.name, "incarnation": self.incarnation,
                "connections": self._listener.connections,
                "engine_errors": self._listener.driver.errors,
                "beats_acked": self._heartbeat.acks if self._heartbeat else 0,
                "silent_registries": len(self.silent_registries()),
                **self._executions.status()}

    # Requests: where the engine carries out programs.

    def handle(self, request: Request, received_at: float,
                caller_left: Callable[[], bool]) -> Reply | Program[Reply]:
        """The reply to a request that was complete at `received_at` (monotonic).

        Where the engine carries out programs: for the listener, and for a door.
        """
        if request.method != "POST" or path_in(request.target) not in self._paths:
            return (page(request, "server", self.status)
                    or attach(request, self.name, "server", self.address, self._keys)
                    or self._refusal(request))
        # What somebody watches comes here a second time.
        if observe.watcher and is_new(request):
            return follow(self.name, request,
                          lambda seen: self.handle(seen, received_at, caller_left))
        call = cached(CallHeaders.parse, request.headers)
        return self._executions.begin(request, call, received_at, caller_left)

    def _refusal(self, request: Request) -> Reply:
        if path_in(request.target) not in self._paths:
            return text_reply(404, f"this server has one service: POST /{self.service}",
                              Not_Executed="1")
        # A page at / is read by GET.
        allowed = "GET, HEAD, POST" if path_in(request.target) == "/" else "POST"
        return text_reply(405, f"/{self.service} takes XML-RPC by POST", Allow=allowed)

    def _may_beat(self) -> bool:
        # At the end of a drain the listener is closed before the heartbeat.
        return self._executions.is_stopping or self._listener.is_serving()

    def _served_by(self) -> str:
        return served_by(self.name, self.incarnation, self.service)


# ---- the process ---------------------------------------------------------------------------------

# Is told a server that was not started yet, and its functions.
Prepare = Callable[[Server, dict[str, Function]], None]


def start_server(chosen: argparse.Namespace, functions: dict[str, Function],
                 prepare: Prepare | None = None) -> Server:
    """The server that the command line asks for, started. Raises UsageError if that cannot be."""
    service = os.path.splitext(os.path.basename(chosen.file))[0]
    with mistakes_in_one_line(chosen):
        server = Server(service, functions, host=chosen.host, port=chosen.port,
                        registries=chosen.registry, name=chosen.name,
                        key=keys_for_listening(chosen), advertise=chosen.advertise,
                        beat_s=chosen.beat, lease_s=chosen.lease, tls=chosen_tls(chosen),
                        allow_multicall=chosen.allow_multicall, engine=chosen.engine,
                        max_connections=chosen.max_connections, linger_s=chosen_linger(chosen))
        if prepare:
            prepare(server, functions)
        server.start()
    return server


def command_line() -> argparse.ArgumentParser:
    """What reads the options of a server."""
    # All cores: what the functions do outside of the interpreter may use them.
    parser = options("A server of Ponte: serves the functions of a file.", port=0, beats=True,
                     cores="all")
    add_beat_times(parser, BEAT_S, LEASE_S)
    add_engine(parser, "events")
    parser.add_argument("file", help="a file of plain functions, such as services/greeter.py")
    parser.add_argument("--allow-multicall", action="store_true",
                        help="serve system.multicall: several calls in one, with one outcome for "
                             "all of them")
    return parser


def main(arguments: Sequence[str], prepare: Prepare | None = None) -> int:
    """Runs a server until it is stopped; returns the exit code. `prepare` may open a door of it."""
    chosen = command_line().parse_args(arguments)
    begin(chosen)
    # The file may take long, or ask for input: until there is a Stop, a signal ends the process.
    functions = load_functions(chosen.file)
    stop = Stop(chosen.until_eof)
    server = start_server(chosen, functions, prepare)
    scheme = "https" if chosen.tls_cert else "http"
    banner = (f"serving {server.service} at {scheme}://{show(server.address)}/{server.service}"
              f"{announced_as(server)}")
    return serve(server, stop, banner, chosen.grace)


if __name__ == "__main__":
    # A services file that imports `server` must meet the same module, not a second one.
    from server import main as main_of_module
    run(main_of_module)
