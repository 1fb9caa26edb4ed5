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
import contextvars
import logging
import math
import os
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Callable

from heartbeat import FIRST_ACK_S, SILENCE_S, Heartbeat, new_incarnation
from ponte.calls.arrival import (
    MAX_TIMEOUT_S,
    NEW,
    CallHeaders,
    answer,
    look,
    new_session,
    not_executed,
    resolved,
)
from ponte.calls.hop import served_by
from ponte.calls.once import REFUSE, REPLY, RESOLVE, RUN, WAIT, Memory, Record
from ponte.discovery.beats import Beat, check_name, check_service
from ponte.net.address import Address, show
from ponte.net.known_heads import cached
from ponte.net.message import Reply, Request, text_reply
from ponte.net.serving import Listener
from ponte.net.stream import Program, result_of
from ponte.net.tls import Tls
from ponte.process.keys import key_for_listening
from ponte.process.options import (
    DEFAULT_REGISTRIES,
    GRACE_S,
    add_engine,
    chosen_tls,
    mistakes_in_one_line,
    options,
)
from ponte.process.pages import Json, page
from ponte.process.running import allow_open_files, begin, run, serve
from ponte.process.services import load_functions
from ponte.process.stopping import Stop, drain, grace
from ponte.rpc.dispatcher import Dispatcher, Function, NotIdempotent, idempotent
from ponte.rpc.marshal import CONTENT_TYPE, xml_of

__all__ = ["Server", "current_instance", "idempotent"]

log = logging.getLogger("ponte.server")

# Calls that run at the same time. More would only make each of them slower.
MAX_CALLS = 128

STOPPING = "this server is stopping"

_instance: contextvars.ContextVar[str] = contextvars.ContextVar("ponte_instance")


def current_instance() -> str:
    """The name of the server that runs the current call. LookupError outside of a call."""
    return _instance.get()


# What the memory has of a call: while it runs, a future of its reply if another attempt waits for it.
Remembered = Record["Future[Reply]", Reply]


class Server:
    """Serves functions under the name of a service. A `with` block starts and closes it.

    Parameters: `functions` by name, or with their own names; `host` and `port` (0 = any free one)
    to listen on; `registries` to beat to, none is allowed; `name` of the instance (default: made of
    service and port); `key` signs the beats; `advertise`, the address that callers use, if it is
    another one; `tls` for callers; `allow_multicall`: serve system.multicall; `engine` and
    `max_connections`: see ponte/net/serving.py.

    Raises OSError if the port is taken, ValueError for a bad name, KeyError for an unknown engine.

    Attributes: `service`, `name`, `address`; `superseded` is set when a younger process has taken
    the name: the server must stop.
    """

    def __init__(self, service: str, functions: Iterable[Function] | dict[str, Function] = (), *,
                 host: str = "127.0.0.1", port: int = 0,
                 registries: Sequence[Address] = DEFAULT_REGISTRIES, name: str | None = None,
                 key: bytes = b"", advertise: Address | None = None, tls: Tls | None = None,
                 allow_multicall: bool = False, engine: str = "events",
                 max_connections: int | None = None) -> None:
        self.service = check_service(service)
        # Before a port is taken.
        check_name(name or service)
        self.superseded = threading.Event()
        # The last two are where stock clients look.
        self._targets = frozenset((f"/{service}", "/", "/RPC2"))
        self._dispatcher = Dispatcher(functions, multicall=allow_multicall)
        self._registries, self._key, self._advertise = registries, key, advertise
        self._listener = Listener(host, port, self._handle, engine=engine,
                                  max_connections=max_connections, tls=tls)
        self.address = self._listener.address
        self.name = name or f"{service}-{self.address[1]}"
        # None until `start`.
        self._heartbeat: Heartbeat | None = None
        self._incarnation = new_incarnation()
        self._lock = threading.Lock()
        # Guarded by self._lock: what is remembered of calls; how many calls run, remembered or not;
        # what /status counts.
        self._memory: Memory[Future[Reply], Reply] = Memory()
        self._running = 0
        self._counts = {"calls": 0, "repeats": 0, "refused": 0}
        # Set once. Most threads read it under the lock.
        self._draining = False

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def register_function(self, function: Function, name: str | None = None) -> Function:
        """Serves one more function, and returns it: so it is also a decorator. From any thread.

        Raises ValueError for a private name, or when the names no longer fit into a beat.
        """
        self._dispatcher.register(function, name)
        if self._heartbeat:
            self._heartbeat.set_idempotent(self._dispatcher.idempotent)
        return function

    def start(self) -> None:
        """Serves and beats from now on, on threads of its own.

        Waits for the first ack of a registry, FIRST_ACK_S at most: a client that starts after this
        finds the server. Raises ValueError where no registry would take the beat.
        """
        host, port = self._advertise or self.address
        beat = Beat(self.service, self.name, self._incarnation, 0, host, port,
                    idempotent=self._dispatcher.idempotent)
        self._heartbeat = Heartbeat(beat, self._registries, self._key, self.superseded.set,
                                    self._may_beat)
        self._listener.served_by = self._served_by
        self._listener.start()
        self._heartbeat.start(FIRST_ACK_S)

    def serve_forever(self) -> None:
        """Blocks until Ctrl-C or SIGTERM, then drains. For the main thread; starts the server."""
        stop = Stop()
        if not self._heartbeat:
            self.start()
        stop.wait()
        self.drain(grace(stop.reason, GRACE_S))

    def drain(self, grace_s: float = GRACE_S) -> bool:
        """Leaves without losing a call, then closes. Blocks for about `grace_s` seconds at most.

        Returns False if calls were cut off after that time.
        """
        if not self._heartbeat:
            self.close()
            return True
        finished = drain(self._listener, self._heartbeat.announce, self._refuse, grace_s)
        self.close()
        return finished

    def close(self) -> None:
        """Stops immediately, like a crash: running calls are cut off, without a goodbye."""
        if self._heartbeat:
            self._heartbeat.close()
        self._listener.close()

    @property
    def incarnation(self) -> int:
        """The number of this life of the instance."""
        return self._heartbeat.beat.incarnation if self._heartbeat else self._incarnation

    def silent_registries(self) -> list[Address]:
        """The registries that have not acked a beat for SILENCE_S."""
        return self._heartbeat.silent_registries(SILENCE_S) if self._heartbeat else []

    def status(self) -> dict[str, Json]:
        """What /status shows."""
        with self._lock:
            return {"service": self.service, "instance": self.name,
                    "incarnation": self.incarnation,
                    "state": "draining" if self._draining else "up", "running": self._running,
                    "connections": self._listener.connections,
                    "engine_errors": self._listener.driver.errors,
                    "sessions": len(self._memory),
                    "remembered_bytes": self._memory.size_bytes,
                    "beats_acked": self._heartbeat.acks if self._heartbeat else 0,
                    "requests": dict(self._counts)}

    # Requests: where the engine carries out programs. Only `_execute` may run on another thread.

    def _handle(self, request: Request, received_at: float,
                caller_left: Callable[[], bool]) -> Reply | Program[Reply]:
        """The reply to a request that was complete at `received_at` (monotonic)."""
        if request.method != "POST" or request.target not in self._targets:
            return page(request, "server", self.status) or self._refusal(request)
        call = cached(CallHeaders.parse, request.headers)
        expires_at = math.inf if call.timeout_s is None else received_at + call.timeout_s
        if call.idempotent:
            return self._call_idempotent(xml_of(request), expires_at)
        return self._call_careful(request, call, expires_at, caller_left())

    def _refusal(self, request: Request) -> Reply:
        if request.target not in self._targets:
            return text_reply(404, f"this server has one service: POST /{self.service}",
                              Not_Executed="1")
        return text_reply(405, f"/{self.service} takes XML-RPC by POST", Allow="POST")

    def _call_idempotent(self, xml: bytes, expires_at: float) -> Reply | Program[Reply]:
        """The reply to a call that its caller may send a second time, also elsewhere."""
        with self._lock:
            why_not = self._admit(expires_at)
        return not_executed(why_not) if why_not else self._run(xml, None, promised=True)

    def _call_careful(self, request: Request, call: CallHeaders, expires_at: float,
                      caller_left: bool) -> Reply | Program[Reply]:
        """The reply to an attempt of a call that must run once at most."""
        memory = self._memory
        xml = b"" if call.session == NEW or call.wanted is RESOLVE else xml_of(request)
        with self._lock:
            if call.session == NEW:
                return new_session(memory) if not self._draining else not_executed(STOPPING)
            # 1. What is known of it?
            action, record = look(memory, request, call)
            self._counts["repeats"] += action in (WAIT, REPLY)
            # 2. It has run, or never will. And nothing begins in a session that comes now.
            if action is REFUSE and self._draining:
                return not_executed(STOPPING)
            if action is not RUN and action is not WAIT:
                return answer(memory, action, record, call.wanted)
            # 3. It is running. Or it may run, or it is refused.
            running = self._wait_for(record) if action is WAIT and record else None
            why_not = "" if running else self._admit(expires_at, caller_left)
            # 4. From now on a repeat finds it.
            if record and not running and not why_not:
                memory.begin(record)
        if running:
            return self._join(running, expires_at, call.wanted)
        return not_executed(why_not) if why_not else self._run(xml, record)

    @staticmethod
    def _wait_for(record: Remembered) -> Future[Reply]:
        """The reply of a call that is running. Caller holds self._lock."""
        record.value = record.value or Future()
        return record.value

    @staticmethod
    def _join(reply: Future[Reply], expires_at: float, wanted: int) -> Program[Reply]:
        """A program: waits for the first run of a call, until `expires_at` at most."""
        longest = time.monotonic() + MAX_TIMEOUT_S
        try:
            first = yield from result_of(reply, min(expires_at, longest))
        except socket.timeout:
            return text_reply(504, "the first attempt of this call is still running")
        return resolved(first) if wanted is RESOLVE else first

    def _admit(self, expires_at: float, caller_left: bool = False) -> str:
        """Counts a call that may run and returns ""; else returns why it must not run.

        Caller holds self._lock.
        """
        # 1. A draining server finishes what it runs, and begins nothing new.
        if self._draining:
            why_not = STOPPING
        # 2. More calls at once would make all of them slower.
        elif self._running >= MAX_CALLS:
            why_not = f"{MAX_CALLS} calls are running already"
        # 3. Its caller has stopped waiting for the reply.
        elif caller_left:
            why_not = "its caller has left"
        elif time.monotonic() >= expires_at:
            why_not = "its deadline had passed before it could begin"
        else:
            self._running += 1
            self._counts["calls"] += 1
            return ""
        self._counts["refused"] += 1
        return why_not

    def _run(self, xml: bytes, record: Remembered | None, *,
             promised: bool = False) -> Reply | Program[Reply]:
        """Runs an admitted call: at once, or on another thread where the engine says so.

        `promised`: its caller takes the function for idempotent.
        """
        try:
            name, _, run = self._dispatcher.prepare(xml, promised=promised)
            done = self._listener.driver.call(name, lambda: self._execute(run, record))
        except NotIdempotent as error:
            return self._take_back(record, str(error), Call_Idempotent="0")
        except RuntimeError as error:
            return self._take_back(record, f"the system gives no thread: {error}")
        return done if isinstance(done, Reply) else result_of(done)

    def _execute(self, run: Callable[[], bytes], record: Remembered | None) -> Reply:
        """Runs a call, on any thread. A function that raises makes a fault, which is a reply too.
        """
        _instance.set(self.name)
        try:
            lines = f"Content-Type: {CONTENT_TYPE}\r\nServed-By: {self._served_by()}\r\n"
            reply = Reply(200, {}, run(), lines=lines)
        except NotIdempotent as error:
            return self._take_back(record, str(error), Call_Idempotent="0")
        except BaseException:
            log.exception("a call failed outside of its function")
            reply = text_reply(500, "internal error")
        self._end(record, reply)
        return reply

    def _end(self, record: Remembered | None, reply: Reply) -> None:
        """Notes that a call has ended. From now on a repeat finds its reply."""
        with self._lock:
            self._running -= 1
            waited_for = record.value if record else None
            if record:
                self._memory.end(record, reply, len(reply.body))
                self._memory.leave(record)
        # Those that wait for it get it.
        if waited_for:
            waited_for.set_result(reply)

    def _take_back(self, record: Remembered | None, why: str, **headers: str) -> Reply:
        """Refuses a call that was admitted already, and did not run."""
        reply = not_executed(why, **headers)
        with self._lock:
            self._running -= 1
            self._counts["calls"] -= 1
            self._counts["refused"] += 1
            waited_for = record.value if record else None
            if record:
                self._memory.forget(record)
                self._memory.leave(record)
        if waited_for:
            waited_for.set_result(reply)
        return reply

    def _may_beat(self) -> bool:
        # At the end of a drain the listener is closed before the heartbeat.
        return self._draining or self._listener.is_serving()

    def _refuse(self) -> None:
        with self._lock:
            self._draining = True

    def _served_by(self) -> str:
        return served_by(self.name, self.incarnation, self.service)


# ---- the process ---------------------------------------------------------------------------------

def start_server(chosen: argparse.Namespace) -> Server:
    """The server that the command line asks for, started. Raises UsageError if that cannot be."""
    functions = load_functions(chosen.file)
    service = os.path.splitext(os.path.basename(chosen.file))[0]
    with mistakes_in_one_line(chosen):
        server = Server(service, functions, host=chosen.host, port=chosen.port,
                        registries=chosen.registry, name=chosen.name,
                        key=key_for_listening(chosen), advertise=chosen.advertise,
                        tls=chosen_tls(chosen), allow_multicall=chosen.allow_multicall,
                        engine=chosen.engine, max_connections=chosen.max_connections)
        server.start()
    return server


def main(arguments: Sequence[str]) -> int:
    """Runs a server until it is stopped; returns the exit code."""
    # All cores: what the functions do outside of the interpreter may use them.
    parser = options("A server of Ponte: serves the functions of a file.", port=0, beats=True,
                     cores="all")
    add_engine(parser, "events")
    parser.add_argument("file", help="a file of plain functions, such as services/greeter.py")
    parser.add_argument("--allow-multicall", action="store_true",
                        help="serve system.multicall: several calls in one, with one outcome for "
                             "all of them")
    chosen = parser.parse_args(arguments)
    stop = begin(chosen)
    allow_open_files()
    server = start_server(chosen)
    scheme = "https" if chosen.tls_cert else "http"
    banner = f"serving {server.service} at {scheme}://{show(server.address)}/{server.service}"
    return serve(server, stop, banner, chosen.grace)


if __name__ == "__main__":
    # A services file that imports `server` must meet the same module, not a second one.
    from server import main as main_of_module
    run(main_of_module)
