"""A server: plain functions as an XML-RPC service that beats, answers repeats from memory, and drains.

Wire format: XML-RPC by POST to /<service> (also / and /RPC2, where stock clients look), with the headers of
ponte/calls/hop.py. Replies carry Served-By: <instance>; incarnation=<n>, and Not-Executed: 1 where it is so.

Threads: one for each connection, which runs the functions; one for beats; one that accepts. A function may run in
several threads at once: whoever shares state between calls guards it.

Guaranteed: a call id runs once in the life of this process, unless it is marked idempotent. Not guaranteed: memory
of calls beyond that life. A new incarnation knows nothing of them, and says so with 412.
"""

from __future__ import annotations

import argparse
import contextvars
import importlib.util
import inspect
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Iterable, Sequence

from heartbeat import FIRST_ACK_S, SILENCE_S, Heartbeat, new_incarnation
from ponte.calls.hop import MAX_TIMEOUT_S, CallHeaders, call_id_of
from ponte.calls.once import CallMemory, Forgotten
from ponte.discovery.beats import Beat, check_name
from ponte.net.address import Address, show
from ponte.net.message import ProtocolError, Reply, Request, once, text_reply
from ponte.net.tls import Tls
from ponte.net.wire import Listener
from ponte.process.keys import key_for_listening
from ponte.process.options import (
    DEFAULT_REGISTRIES,
    GRACE_S,
    UsageError,
    chosen_tls,
    options,
    port_error,
)
from ponte.process.pages import Json, page
from ponte.process.running import begin, run, serve
from ponte.process.stopping import Stop, drain, grace
from ponte.rpc.dispatcher import Dispatcher, Function, idempotent
from ponte.rpc.marshal import CONTENT_TYPE, xml_of

__all__ = ["Server", "current_instance", "idempotent"]

log = logging.getLogger("ponte.server")

MAX_CALLS = 128             # calls that run at once; more would only make each of them slower

_instance: contextvars.ContextVar[str] = contextvars.ContextVar("ponte_instance")


def current_instance() -> str:
    """The name of the server that runs the current call. For use inside a served function; else LookupError."""
    return _instance.get()


class _Execution:
    """One run of a call, for which its repeats wait: its reply, once there is one. Guarded by the server's lock."""

    def __init__(self) -> None:
        self.reply: Reply | None = None


class Server:
    """Serves functions under the name of a service. A `with` block starts and closes it.

    Parameters: `functions` by name, or with their own names; `port` 0 = any free one; `registries` to beat to, none
    is allowed; `name` of the instance (default: service and port); `key` signs the beats; `advertise`, the address
    for others; `tls` for callers; `allow_multicall`: serve system.multicall, see `ponte.rpc.dispatcher.Dispatcher`. Raises
    OSError if the port is taken, ValueError for a bad name.
    """

    def __init__(self, service: str, functions: Iterable[Function] | dict[str, Function] = (), *,
                 host: str = "127.0.0.1", port: int = 0, registries: Sequence[Address] = DEFAULT_REGISTRIES,
                 name: str | None = None, key: bytes = b"", advertise: Address | None = None,
                 tls: Tls | None = None, allow_multicall: bool = False) -> None:
        self.service = check_name(service)
        check_name(name or service)             # before a port is taken
        self.superseded = threading.Event()     # set when a younger process has taken our name: time to stop
        self._targets = frozenset((f"/{service}", "/", "/RPC2"))    # the latter two are where stock clients look
        self._dispatcher = Dispatcher(functions, multicall=allow_multicall)
        self._registries, self._key, self._advertise = registries, key, advertise
        self._listener = Listener(host, port, self._handle, tls=tls)
        self.address = self._listener.address
        self.name = name or f"{service}-{self.address[1]}"
        self._heartbeat: Heartbeat | None = None
        self._incarnation = new_incarnation()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)     # self._executions did
        # Guarded by self._lock:
        self._memory: CallMemory[Reply] = CallMemory()
        self._executions: dict[str, _Execution] = {}        # by call id, while they run
        self._running = 0
        self._counts = {"calls": 0, "repeats": 0, "refused": 0}
        self._draining = False                  # written once; a late reader serves one call more

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def register_function(self, function: Function, name: str | None = None) -> Function:
        """Serves one more function, and returns it, so that it can be used as a decorator; from any thread.

        Raises ValueError for a private name, or one too many for a beat.
        """
        self._dispatcher.register(function, name)
        if self._heartbeat:
            self._heartbeat.set_idempotent(self._dispatcher.idempotent)
        return function

    def start(self) -> None:
        """Serves and beats from now on, on threads of its own; waits a moment for the first ack of a registry."""
        host, port = self._advertise or self.address
        beat = Beat(self.service, self.name, self._incarnation, 0, host, port, idempotent=self._dispatcher.idempotent)
        self._heartbeat = Heartbeat(beat, self._registries, self._key, self.superseded.set)
        self._listener.start()
        self._heartbeat.start(FIRST_ACK_S)

    def serve_forever(self) -> None:
        """Blocks until Ctrl-C or SIGTERM, then drains. For the main thread; starts the server if need be."""
        stop = Stop()
        if not self._heartbeat:
            self.start()
        stop.wait()
        self.drain(grace(stop.reason, GRACE_S))

    def drain(self, grace_s: float = GRACE_S) -> bool:
        """Leaves without losing a call, then closes; False if calls were cut off after `grace_s` seconds."""
        if not self._heartbeat:
            self.close()
            return True
        finished = drain(self._listener, self._heartbeat.announce, self._refuse, grace_s)
        self.close()
        return finished

    def close(self) -> None:
        """Stops at once, as a crash would: running calls are cut off and no goodbye is said."""
        if self._heartbeat:
            self._heartbeat.close()
        self._listener.close()

    @property
    def incarnation(self) -> int:
        """The number of this life of the instance."""
        return self._heartbeat.beat.incarnation if self._heartbeat else self._incarnation

    def silent_registries(self) -> list[Address]:
        """The registries that have not acked a beat of late."""
        return self._heartbeat.silent_registries(SILENCE_S) if self._heartbeat else []

    def status(self) -> dict[str, Json]:
        """What /status shows."""
        with self._lock:
            return {"service": self.service, "instance": self.name, "incarnation": self.incarnation,
                    "state": "draining" if self._draining else "up", "running": self._running,
                    "connections": self._listener.connections, "remembered": len(self._memory),
                    "beats_acked": self._heartbeat.acks if self._heartbeat else 0, "requests": dict(self._counts)}

    # Requests: everything below runs on the threads of the listener.

    def _handle(self, request: Request, received_at: float) -> Reply:
        if request.method != "POST" or request.target not in self._targets:
            return page(request, "server", self.status) or self._refusal(request)
        reply = self._call(request, xml_of(request), received_at)
        reply.headers["Served-By"] = f"{self.name}; incarnation={self.incarnation}"
        return reply

    def _refusal(self, request: Request) -> Reply:
        if request.target not in self._targets:
            return text_reply(404, f"this server has one service: POST /{self.service}")
        return text_reply(405, f"/{self.service} takes XML-RPC by POST", Allow="POST")

    def _call(self, request: Request, xml: bytes, received_at: float) -> Reply:
        call, call_id = once(CallHeaders.parse, request.headers), call_id_of(request)
        if call.repeat_for is not None and call.repeat_for != str(self.incarnation):
            raise ProtocolError(412, "the process that you mean is gone; this is another incarnation")
        expires_at = math.inf if call.timeout_s is None else received_at + call.timeout_s
        if call_id is None or call.idempotent:
            with self._lock:
                why_not = self._admit(expires_at)
            return _not_executed(why_not) if why_not else self._execute(xml)
        return self._call_once(xml, call_id, call, expires_at)

    def _call_once(self, xml: bytes, call_id: str, call: CallHeaders, expires_at: float) -> Reply:
        """Runs a call that has not been here yet; a repeat gets the first run's reply, and waits for it if need be."""
        execution = _Execution()
        with self._lock:
            first = self._first_reply(call_id, call.repeat_for is not None, expires_at)
            if first is not None:
                return first
            why_not = self._admit(expires_at)
            if not why_not:
                self._executions[call_id] = execution
        if why_not:
            return _not_executed(why_not)
        reply = self._execute(xml)
        with self._lock:
            execution.reply = reply
            del self._executions[call_id]
            self._memory.keep(call_id, reply, time.monotonic(), timeout_s=call.timeout_s or 0.0,
                              size_bytes=len(reply.body))
            self._changed.notify_all()
        return reply

    def _admit(self, expires_at: float) -> str:
        """Counts a call in, or tells why nothing of it shall run. Caller holds self._lock."""
        if self._draining:
            why_not = "this server is stopping"
        elif self._running >= MAX_CALLS:
            why_not = f"{MAX_CALLS} calls are running already"
        elif time.monotonic() >= expires_at:
            why_not = "its time was over before it could begin"
        else:
            self._running += 1
            self._counts["calls"] += 1
            return ""
        self._counts["refused"] += 1
        return why_not

    def _execute(self, xml: bytes) -> Reply:
        """Runs an admitted call."""
        try:
            _instance.set(self.name)
            return Reply(200, {"Content-Type": CONTENT_TYPE}, self._dispatcher.dispatch(xml))
        finally:
            with self._lock:
                self._running -= 1

    def _first_reply(self, call_id: str, repeat: bool, expires_at: float) -> Reply | None:
        """The reply of a call's first run, once that has ended; None for a new call. Caller holds self._lock."""
        now = time.monotonic()
        first = self._executions.get(call_id)
        if first is not None:
            self._counts["repeats"] += 1
            self._changed.wait_for(lambda: first.reply is not None, min(expires_at - now, MAX_TIMEOUT_S))
            return first.reply or text_reply(504, "the first attempt of this call is still running")
        try:
            reply = self._memory.recall(call_id, now, repeat=repeat)
        except Forgotten:
            raise ProtocolError(412, "whether this call has run is not remembered: too many came since") from None
        self._counts["repeats"] += reply is not None
        return reply

    def _refuse(self) -> None:
        with self._lock:
            self._draining = True


def _not_executed(why: str) -> Reply:
    return text_reply(503, f"not executed: {why}", Not_Executed="1")


# ---- the process ----------------------------------------------------------------------------------------

def load_functions(path: str) -> dict[str, Function]:
    """The public functions that a services file defines. Raises UsageError with one line if there are none."""
    name = os.path.splitext(os.path.basename(path))[0]
    if not os.path.isfile(path):
        raise UsageError(f"{path}: no such file; give a file of plain functions, such as services/greeter.py")
    spec = importlib.util.spec_from_file_location(f"service_{name}", path)
    if spec is None or spec.loader is None or not name.isidentifier():
        raise UsageError(f"{path}: a services file is a Python file named like its service, such as greeter.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    sys.path.append(os.path.dirname(os.path.abspath(path)))     # so that it can import its neighbours
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        text = " ".join(str(error).split())
        raise UsageError(f"{path} does not import: {type(error).__name__}: {text}") from None
    functions: dict[str, Function] = {
        name: value for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")}
    if not functions:
        raise UsageError(f"{path} has no public function: define one whose name does not begin with _")
    return functions


def start_server(chosen: argparse.Namespace) -> Server:
    """The server that the command line asks for, started; what it cannot be is a UsageError."""
    functions = load_functions(chosen.file)
    service = os.path.splitext(os.path.basename(chosen.file))[0]
    try:
        server = Server(service, functions, host=chosen.host, port=chosen.port, registries=chosen.registry,
                        name=chosen.name, key=key_for_listening(chosen), advertise=chosen.advertise,
                        tls=chosen_tls(chosen), allow_multicall=chosen.allow_multicall)
        server.start()
        return server
    except OSError as error:
        raise port_error(error, chosen.host, chosen.port) from None
    except ValueError as error:
        raise UsageError(str(error)) from None


def main(arguments: Sequence[str]) -> int:
    parser = options("A server of Ponte: serves the functions of a file.", port=0, beats=True,
                             cores="all")       # what the functions do beside the interpreter may use them
    parser.add_argument("file", help="a file of plain functions, such as services/greeter.py")
    parser.add_argument("--allow-multicall", action="store_true",
                        help="serve system.multicall: several calls in one, with one outcome for all of them")
    chosen = parser.parse_args(arguments)
    stop = begin(chosen)
    server = start_server(chosen)
    scheme = "https" if chosen.tls_cert else "http"
    banner = f"serving {server.service} at {scheme}://{show(server.address)}/{server.service}"
    return serve(server, stop, banner, chosen.grace)


if __name__ == "__main__":
    from server import (
        main as main_of_module,  # a services file that imports `server` must meet the same module
    )
    run(main_of_module)
