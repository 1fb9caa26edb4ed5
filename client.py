"""The stub: an object in the client's program on which a remote call looks like a local one.

It asks the proxies that the registries name; when none of them can be reached, it falls back to the
servers themselves. Endpoints that a registry suspects to be dead come last. When no registry
answers, it uses the last addresses that it knew.

A call that was sent returns its value, or raises one of three:

    xmlrpc.client.Fault    the call was answered, with an error
    NotSent                it cannot have run: calling again is safe
    OutcomeUnknown         it may have run once, or not at all (an idempotent function: perhaps more
                           than once): `resolve` finds out, while the process that got it lives

Threads: two for each registry. One follows the proxies, the other the servers of the service. All
clients of a process share the threads that follow the same service, and the connections for calls.
A call runs on the thread of its caller. A forked child may use the client of its parent: it has
connections, followers and sessions of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import functools
import json
import logging
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, Callable
from xmlrpc.client import Fault

from ponte.calls.attempt import Attempt, Kind, Outcome, Result, Sent
from ponte.calls.balancing import Balancer
from ponte.calls.endpoint import PROXY, Endpoint
from ponte.calls.errors import Ask, CallError, NotSent, OutcomeUnknown, Trace
from ponte.calls.hop import attempt_lines, exchange, failed_attempts
from ponte.calls.resolving import Place, resolve
from ponte.calls.rule import Call
from ponte.discovery.directory import Directory
from ponte.discovery.own_beat import check_service
from ponte.net.address import Address, Registries, parse_registries, show
from ponte.net.checks import check_seconds
from ponte.net.forking import leave_parent_in_child
from ponte.net.message import Reply, write_request
from ponte.net.pool import Pool, shared_pool
from ponte.net.threads import wait_for
from ponte.net.tls import Tls, check_tls
from ponte.net.windows import output_error_text
from ponte.process import observe
from ponte.process.logs import start_logging
from ponte.process.observed_call import ObservedCall, begin_call
from ponte.process.options import (
    DEFAULT_REGISTRIES,
    EXIT_USAGE,
    UsageError,
    chosen_tls,
    options,
    seconds,
    start_command,
)
from ponte.process.running import run
from ponte.rpc.dispatcher import INTROSPECTION
from ponte.rpc.marshal import CONTENT_TYPE, TRANSPORT_ERROR, decode_result, encode_call
from ponte.rpc.raised import printable

# Seconds for a call, unless the client or the call says otherwise.
CALL_TIMEOUT_S = 5.0
# Stands for "that of the client". None is refused: it could also mean "wait for ever".
TIMEOUT_OF_CLIENT: Any = object()

__all__ = ["CallError", "Client", "NotSent", "OutcomeUnknown", "Trace"]

log = logging.getLogger("ponte.client")


class Client:
    """A stub for one service: `client.hello("Hello")` calls its function `hello`.

    A function named like an attribute of this class, or "a.b", is called by `call`; the latter also
    as `client.a.b(...)`.

    Parameters: `service`, its name; `registries` that name its endpoints: what --registry takes, or
    a sequence of (host, port); `timeout_s` for a whole call with all its attempts;
    `on_attempt(trace)` runs after each attempt, on the caller's thread; `tls`, the certificates by
    which proxies, servers and registries are checked.

    Raises ValueError for what cannot be the name of a service, a registry, or a time. Safe to share
    between threads, and across fork. The constructor does not block. A client that nobody refers to
    any more needs no `close`.
    """

    def __init__(self, service: str, *, registries: Registries = DEFAULT_REGISTRIES,
                 timeout_s: float = CALL_TIMEOUT_S,
                 on_attempt: Callable[[Trace], None] = lambda trace: None,
                 tls: Tls | None = None) -> None:
        self._service = check_service(service)
        self._timeout_s = check_seconds("timeout_s", timeout_s)
        self._on_attempt = on_attempt
        self._registries = parse_registries(registries)
        check_tls(tls)
        self._tls = tls
        # None once the client is closed.
        self._pool: Pool | None = shared_pool(tls)
        self._proxies, self._servers = self._directories = [
            Directory(name, self._registries, tls=tls) for name in (PROXY, service)]
        self._begin()
        leave_parent_in_child(self)
        for directory in self._directories:
            directory.start()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client of {self._service!r} at {', '.join(map(show, self._registries))}>"

    def __getattr__(self, method: str) -> _Function:
        # A name that begins with _ is private at every server. Tools ask objects for such names.
        if method.startswith("_"):
            raise AttributeError(method)
        return _Function(self, method)

    def close(self) -> None:
        """Stops following. Closes the connections that no other client of this process uses.

        Calls that are on their way go on. A later one raises NotSent.
        """
        self._pool = None
        for directory in self._directories:
            directory.close()

    def leave_parent(self) -> None:
        """In a forked child: begins without a session, and with a lock that is free."""
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        # Guarded by self._lock, as are the calls that use it: the balancer, and the views it has.
        self._balancer = Balancer()
        self._views: tuple[Sequence[Endpoint], Sequence[Endpoint]] = (), ()
        # The functions that every server promises to be idempotent. Replaced as a whole.
        self._idempotent: frozenset[str] = frozenset()

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """The proxies and servers that are known now."""
        with self._lock:
            self._take_views()
            return [member.endpoint for member in self._balancer.members]

    def call(self, method: str, *params: Any, timeout_s: float = TIMEOUT_OF_CLIENT) -> Any:
        """Calls a function by name, also one like "system.listMethods".

        Blocks for `timeout_s` seconds at most (default: that of the client). Raises Fault, NotSent
        or OutcomeUnknown; TypeError, OverflowError or ValueError for parameters that XML-RPC cannot
        carry, and ValueError for a time that a call cannot wait.
        """
        # 1. Until a registry has answered, there is no endpoint to ask: wait.
        deadline = time.monotonic() + (self._timeout_s if timeout_s is TIMEOUT_OF_CLIENT
                                       else check_seconds("timeout_s", timeout_s))
        body = encode_call(method, params)
        if self._pool is None:
            raise NotSent(f"{self._service}.{method}", (), "this client was closed")
        for directory in self._directories:
            if not directory.answered:
                directory.wait(deadline - time.monotonic())
        with self._lock:
            self._take_views()
            is_idempotent = self._is_idempotent(method)
            call = Call(self._balancer, is_idempotent, deadline)
        # 2. Rule R gets a reply, or raises.
        if observe.watcher:
            return self._call_observed(method, is_idempotent, body, call)
        return self._value_of(method, self._drive(method, body, call))

    def _drive(self, method: str, body: bytes, call: Call,
               observed: ObservedCall | None = None) -> Reply:
        """The loop of rule R: decide under the lock, act outside of it."""
        attempts: list[Trace] = []
        # The latest result that left the outcome unknown; and where a proxy says that it sent the
        # call, which stays true when the proxy has gone.
        unknown: Result | None = None
        sent_to = ""
        while True:
            # 1. Decide: which endpoint, and for how long?
            started = time.monotonic()
            with self._lock:
                if attempts:
                    self._take_views()
                attempt = call.next_attempt(started)
            if attempt is None:
                break
            # 2. Act: send the request, and wait for the reply.
            # The clock for what people read: on Windows, up to Python 3.12, the other one moves in
            # steps of 15.6 ms.
            began = time.perf_counter()
            result = self._exchange(attempt, body, started, observed)
            took_s, ended = time.perf_counter() - began, time.monotonic()
            # 3. Decide: what has this attempt come to?
            with self._lock:
                call.settle(result, ended)
                if result.needs_care:
                    # What the registry told is out of date.
                    self._idempotent -= {method}
            # 4. A request that got a session, or needs none, was no attempt of the call.
            what = result.what
            if attempt.kind is Kind.OPENING and call.has_learned:
                continue
            if attempt.kind is Kind.OPENING and result.outcome is Outcome.UNKNOWN:
                what = f"asking for a session: {what}"
            tried = result.reply.headers.get("failed-attempts", "") if result.reply else ""
            attempts.append(Trace(attempt.endpoint, what, took_s,
                                  failed_attempts(tried) if tried else ""))
            self._on_attempt(attempts[-1])
            if result.reply and call.outcome is Outcome.ANSWERED:
                return result.reply
            if result.outcome is Outcome.UNKNOWN and attempt.kind is not Kind.OPENING:
                unknown = result
                sent_to = result.sent_to or sent_to
        name = f"{self._service}.{method}"
        if unknown:
            raise OutcomeUnknown(name, attempts, ran=unknown.ran,
                                 ask=self._how_to_ask(method, call, sent_to, observed))
        raise NotSent(name, attempts, self._why_no_endpoint())

    # ---- what the loop needs

    def _call_observed(self, method: str, is_idempotent: bool, body: bytes, call: Call) -> Any:
        """A call while somebody watches: its events are told, if it is in the sample."""
        observed = begin_call(self._service, method, is_idempotent)
        if not observed.id:
            return self._value_of(method, self._drive(method, body, call, observed))
        with observed:
            observed.reply = self._drive(method, body, call, observed)
            return self._value_of(method, observed.reply)

    def _exchange(self, attempt: Attempt, body: bytes, started: float,
                  observed: ObservedCall | None) -> Result:
        """Sends an attempt of the call in `body`, and waits for what it comes to."""
        # Not a variable of the loop: an error that somebody keeps has the variables with it, and so
        # would keep the connections of a client that was closed.
        pool = self._pool
        if pool is None:
            return Result(Outcome.NOT_SENT, None, "this client was closed")
        trace = observed.send(attempt) if observed else ""
        lines = f"{attempt_lines(attempt)}{trace}Content-Type: {CONTENT_TYPE}\r\n"
        request = write_request("POST", attempt.endpoint.path or f"/{self._service}", lines,
                                attempt.body_of(body))
        result = wait_for(exchange(pool, attempt, self._service, request, started))
        if observed:
            observed.settle(result)
        return result

    def _how_to_ask(self, method: str, call: Call, sent_to: str,
                    observed: ObservedCall | None) -> Ask | None:
        """How to find out later what came of a call. None if nobody can tell.

        The number of the call is open as long as somebody refers to the result.
        """
        if call.sent is None:
            return None
        return functools.partial(self._ask, method, call.sent,
                                 Place.read(sent_to, self._service), observed)

    def _ask(self, method: str, sent: Sent, told: Place | None, observed: ObservedCall | None,
             timeout_s: float) -> Callable[[], Any]:
        """Asks what came of a call: the proxy or server that got it; and the server to which that
        proxy has told that it sent the call.
        """
        deadline = time.monotonic() + check_seconds("timeout_s", timeout_s)
        places = [Place.of(sent)] + ([told] if told else [])
        # With connections of its own: this client may be closed.
        pool = Pool(self._tls)
        if observed:
            observed.resolving()
        try:
            result = wait_for(resolve(pool, places, self._service, deadline,
                                      observed.ask if observed else None))
        finally:
            pool.close()
        if observed:
            observed.resolved(result)
        reply = result.reply
        if reply is None or result.outcome is not Outcome.ANSWERED:
            raise OutcomeUnknown(f"{self._service}.{method}", (), result.what, ran=result.ran,
                                 ask=functools.partial(self._ask, method, sent, told, observed))
        return lambda: self._value_of(method, reply)

    def _value_of(self, method: str, reply: Reply) -> Any:
        """The value in an answer. Raises Fault or NotSent."""
        if reply.status == 200:
            return decode_result(reply.body, reply.headers.get("content-type", CONTENT_TYPE))
        text = reply.body.decode("utf-8", "replace").strip()
        if reply.headers.get("call-resolved") == "dead":
            raise NotSent(f"{self._service}.{method}", (), text)
        # An HTTP error of the endpoint is an answer, and final like a fault.
        raise Fault(TRANSPORT_ERROR, f"{self._service}.{method}: HTTP {reply.status}: {text}")

    def _is_idempotent(self, method: str) -> bool:
        """Whether the servers promise it. Every server has the functions of INTROSPECTION."""
        return method in self._idempotent or method in INTROSPECTION

    def _take_views(self) -> None:
        """Gives the balancer the views of the directories, if they are new.

        Caller holds self._lock.
        """
        before = self._views
        views = proxies, servers = self._proxies.endpoints, self._servers.endpoints
        # A view is replaced as a whole when it changes, so it is enough to compare identities.
        if proxies is before[0] and servers is before[1]:
            return
        self._views = views
        promises = [frozenset(server.idempotent) for server in servers]
        # Of two versions of a service, only what both promise counts. Without a server, the last
        # promises stay: a call may still meet a server that has just come back.
        if promises:
            self._idempotent = frozenset.intersection(*promises)
        self._balancer.update(*views)
        # A draining server waits until its callers close their connections.
        if self._pool:
            self._pool.close_idle(_callable(*before) - _callable(*views))

    def _why_no_endpoint(self) -> str:
        """Why there was no endpoint to ask, and what a user can do about it."""
        if self.endpoints:
            return "its time was over before an endpoint could be asked"
        if any(directory.answered for directory in self._directories):
            return (f"no live server of {self._service!r} and no proxy - start one with: "
                    f"{start_command('server', self._registries)}")
        unreadable = dict(item for directory in self._directories
                          for item in directory.unreadable.items())
        if unreadable:
            reasons = "; ".join(f"{show(address)}: {why}"
                                for address, why in sorted(unreadable.items()))
            return f"no registry can be read: {reasons}"
        nowhere = {**self._proxies.nowhere, **self._servers.nowhere}
        where = ", ".join(show(each) + (f" ({nowhere[each]})" if each in nowhere else "")
                          for each in self._registries)
        return (f"no registry answers at {where} - start one with: "
                f"{start_command('registry', self._registries)}")


class _Function:
    """A function of a service as an attribute of its client: `client.hello`, `client.a.b`."""

    __slots__ = ("_client", "_name")

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name

    def __call__(self, *params: Any) -> Any:
        return self._client.call(self._name, *params)

    def __getattr__(self, name: str) -> _Function:
        if name.startswith("_"):
            raise AttributeError(name)
        return _Function(self._client, f"{self._name}.{name}")

    def __repr__(self) -> str:
        return f"<{self._name} of {self._client!r}>"


def _callable(*views: Sequence[Endpoint]) -> set[Address]:
    """The addresses of the endpoints that take new calls."""
    return {endpoint.address for view in views for endpoint in view
            if endpoint.state != "draining"}


# ---- the process ---------------------------------------------------------------------------------

EXIT_FAULT, EXIT_NOT_SENT, EXIT_UNKNOWN, EXIT_UNWRITTEN = 3, 4, 5, 6


def parse_value(text: str) -> Any:
    """JSON where it parses, else the text itself: Hello, 42, true, [1, 2] and '"42"'."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def number_of_calls(text: str) -> int:
    """The type of --repeat: how often to call; 0 stands for no end."""
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a count: take a whole number, 0 or more")
    return int(text)


def _call(client: Client, method: str, params: list[Any], timeout_s: float,
          resolve_s: float | None) -> Any:
    """Calls, and resolves an unknown outcome if `resolve_s` is given."""
    try:
        return client.call(method, *params, timeout_s=timeout_s)
    except OutcomeUnknown as error:
        if resolve_s is None:
            raise
        _complain(f"client: {error}")
        return error.resolve(resolve_s)


def _call_once(call: Callable[[], Any]) -> int:
    """Calls, prints the value or one line of error, and returns the exit code."""
    try:
        value = call()
    except Fault as fault:
        code, line = EXIT_FAULT, f"fault {fault.faultCode}: {fault.faultString}"
    except NotSent as error:
        code, line = EXIT_NOT_SENT, str(error)
    except OutcomeUnknown as error:
        code, line = EXIT_UNKNOWN, str(error)
    except (TypeError, OverflowError, ValueError, RecursionError) as error:
        code, line = EXIT_USAGE, f"XML-RPC cannot carry these arguments: {error}"
    else:
        return _show(value)
    _complain(f"client: {line}")
    return code


def _show(value: Any) -> int:
    """Prints the value of a call; returns the exit code."""
    try:
        # None: it was closed when the process began.
        if sys.stdout is None:
            raise OSError(errno.EBADF, "standard output is closed")
        print(value, flush=True)
    except OSError as error:
        _complain("client: the call ran, but its value cannot be written: "
                  f"{output_error_text(error)}")
        return EXIT_UNWRITTEN
    return 0


def _complain(line: str) -> None:
    """Prints one line to standard error, whatever a server has put into it. Where that cannot be
    written, the exit code must do.
    """
    with contextlib.suppress(OSError):
        # In one piece: with --verbose, the thread that logs writes to the same stream.
        sys.stderr.write(f"{printable(line)}\n")
        sys.stderr.flush()


def command_line() -> argparse.ArgumentParser:
    """What reads the options of a client."""
    parser = options("A client of Ponte: calls one method. Exit codes: 0 a value, 3 a fault, "
                     "4 not executed, 5 outcome unknown, 6 it ran, but its value cannot be "
                     "written, 2 wrong arguments.")
    parser.add_argument("service", help="such as greeter")
    parser.add_argument("method", help="such as hello")
    parser.add_argument("params", nargs="*", help="JSON where it parses, else text")
    parser.add_argument("--timeout", type=seconds, default=CALL_TIMEOUT_S, metavar="SECONDS",
                        help="for the whole call with its attempts (default: %(default)s)")
    parser.add_argument("--resolve", type=seconds, metavar="SECONDS",
                        help="after an unknown outcome, ask for so long what came of the call")
    parser.add_argument("--repeat", type=number_of_calls, default=1, metavar="N",
                        help="call N times (0 = until Ctrl-C)")
    parser.add_argument("--every", type=seconds, default=1.0, metavar="SECONDS",
                        help="pause between calls (default: %(default)s)")
    parser.add_argument("--trace", action="store_true", help="print every attempt")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Makes one call or several; returns the exit code of the last one that failed, or 0."""
    chosen = command_line().parse_args(arguments)
    start_logging(chosen.verbose, chosen.log)
    observe.start_as(chosen.observe)
    # A registry that cannot be read is in our one line of error already.
    if not chosen.verbose:
        logging.getLogger("ponte.directory").setLevel(logging.ERROR)

    def show_attempt(trace: Trace) -> None:
        if chosen.trace:
            _complain(f"  attempt: {trace}")
        log.debug("%s.%s: %s", chosen.service, chosen.method, trace)

    try:
        client = Client(chosen.service, registries=chosen.registry, on_attempt=show_attempt,
                        tls=chosen_tls(chosen, listens=False))
    except ValueError as error:
        raise UsageError(str(error)) from None
    with client:
        params = [parse_value(text) for text in chosen.params]
        code = calls = 0
        while True:
            code = _call_once(lambda: _call(client, chosen.method, params, chosen.timeout,
                                            chosen.resolve)) or code
            calls += 1
            # Without a place for their values, no further calls.
            if calls == chosen.repeat or code == EXIT_UNWRITTEN:
                return code
            time.sleep(chosen.every)


if __name__ == "__main__":
    run(main)
