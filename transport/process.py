"""What every process of Ponte does alike: options, one-line errors, log lines, stopping, and its status pages.

A user's mistake ends a process with one line on standard error and exit code 2; never with a traceback.

Log lines go through a queue to a thread of their own: a click in a Windows console blocks whoever prints,
and neither a beat nor a call may wait for that. Lines that do not fit into the queue are lost.

Stopping: SIGTERM and Ctrl-C end a process in order; a second one ends it at once. With --until-eof it also
stops when its standard input ends, which happens when its parent dies, however it dies.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import logging
import logging.handlers
import os
import queue
import signal
import socket
import sys
import threading
import time
from typing import Any, Callable, Dict, List, NoReturn, Optional, Protocol, Sequence, Union

from transport.message import Reply, Request, text_reply
from transport.tls import Tls
from transport.wire import Address

if sys.platform != "win32":
    import resource

log = logging.getLogger("ponte.process")

EXIT_USAGE = 2
DEFAULT_REGISTRIES: Sequence[Address] = (("127.0.0.1", 4100),)
KEY_FILE_VARIABLE = "PONTE_KEY_FILE"        # of the environment
LOG_LINES = 10_000          # how many may wait while the console is blocked
GRACE_S = 10.0              # what running calls get after SIGTERM
CTRL_C_GRACE_S = 0.8        # and after Ctrl-C: a person is waiting
SEEN_S = 0.5                # how long a draining process serves on while its peers read that it drains
PAGES = ("/health", "/status", "/metrics")
PYTHON = "python" if sys.platform == "win32" else "python3"      # as users type it
WAKE_S = 0.25               # an untimed wait may ignore Ctrl-C on Windows; this is how often we look

Json = Union[str, int, float, None, List[Any], Dict[str, Any]]


class UsageError(Exception):
    """Something only the user can put right; its text says what is wrong and what to do, in one line."""


# ---- options --------------------------------------------------------------------------------------------

def options(description: str, *, port: Optional[int] = None, beats: bool = False,
            cores: str = "one") -> argparse.ArgumentParser:
    """A parser with the options that all processes share.

    `port` is the default of --port, None for a process that does not listen; `beats`: it beats to registries; `cores`
    is the default of --cores.
    """
    parser = argparse.ArgumentParser(description=description)
    if port is not None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=_port, default=port,
                            help="port to listen on, 0 = any (default: %(default)s)")
        parser.add_argument("--insecure", action="store_true",
                            help="listen beyond this machine without a key: everybody there can register servers")
        parser.add_argument("--cores", choices=("one", "all"), default=cores,
                            help="one: its threads stay on one processor core, which is quicker for plain Python; "
                                 "all: wherever the system likes (default: %(default)s; only Linux lets us choose)")
        parser.add_argument("--until-eof", action="store_true", help="also stop when standard input ends")
    if beats:
        parser.add_argument("--name", help="the instance's name (default: made of service and port)")
        parser.add_argument("--advertise", type=parse_address, metavar="HOST:PORT",
                            help="the address that others shall use (default: the one listened on)")
        parser.add_argument("--grace", type=seconds, default=GRACE_S, metavar="SECONDS",
                            help="how long running calls may go on after SIGTERM (default: %(default)s)")
    parser.add_argument("--registry", type=parse_addresses, default=",".join(map(show, DEFAULT_REGISTRIES)),
                        metavar="HOST:PORT[,HOST:PORT]", help="where the registries are (default: %(default)s)")
    parser.add_argument("--key-file", metavar="FILE", default=os.environ.get(KEY_FILE_VARIABLE) or None,
                        help=f"the key that signs heartbeats, the same everywhere (default: ${KEY_FILE_VARIABLE})")
    parser.add_argument("--tls-cert", metavar="FILE", help="the certificate that this process shows: TLS on TCP ports")
    parser.add_argument("--tls-key", metavar="FILE", help="its private key (default: in the same file)")
    parser.add_argument("--tls-ca", metavar="FILE", help="who must have signed the certificates of those it talks to")
    parser.add_argument("--verbose", action="store_true", help="log every call")
    return parser


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: take a number from 0 to 65535")
    return int(text)


def seconds(text: str) -> float:
    """A positive number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: take a positive number of seconds")
    return value


def count(text: str) -> int:
    """A positive whole number."""
    if not text.isascii() or not text.isdigit() or not 0 < len(text) < 10 or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of things: take 1 or more")
    return int(text)


def parse_address(text: str) -> Address:
    """HOST:PORT, with an IPv6 host in brackets."""
    host, colon, port = text.strip().rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not host or _port(port) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, as in 127.0.0.1:4100")
    return host, int(port)


def parse_addresses(text: str) -> List[Address]:
    """HOST:PORT[,HOST:PORT...]."""
    addresses = [parse_address(part) for part in text.split(",")]
    for host, port in addresses:
        try:
            socket.getaddrinfo(host, port)
        except OSError:
            raise argparse.ArgumentTypeError(f"{host!r} is not the name or address of a host") from None
    return addresses


@functools.lru_cache(maxsize=1024)      # every attempt of a call names its endpoint
def show(address: Address) -> str:
    """HOST:PORT, as `parse_address` reads it."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def chosen_tls(chosen: argparse.Namespace, *, listens: bool = True) -> Optional[Tls]:
    """The certificates that the command line names; None for no TLS. Else UsageError."""
    cert, key, ca = chosen.tls_cert, chosen.tls_key, chosen.tls_ca
    if not (cert or key or ca):
        return None
    if not cert and (listens or key):
        raise UsageError("--tls-cert: name the certificate, too: who listens with TLS must show one")
    for option, path in (("--tls-cert", cert), ("--tls-key", key), ("--tls-ca", ca)):
        if path and not os.path.isfile(path):
            raise UsageError(f"{option} {path}: no such file")
    try:
        return Tls(cert, key, ca)
    except OSError as error:
        files = ", ".join(path for path in (cert, key, ca) if path)
        raise UsageError(f"--tls-cert, --tls-key, --tls-ca: {files}: {error.strerror or error}") from None


def port_error(error: OSError, host: str, port: int) -> UsageError:
    """The line for a port that cannot be listened on."""
    if isinstance(error, socket.gaierror):
        return UsageError(f"--host {host}: {error.strerror}")
    return UsageError(f"cannot listen on {show((host, port))}: {error.strerror or error} - "
                      "choose another port with --port (0 = any free one), or stop whoever has this one")


# ---- running --------------------------------------------------------------------------------------------

def run(main: Callable[[Sequence[str]], Optional[int]], arguments: Optional[Sequence[str]] = None) -> NoReturn:
    """Runs `main(arguments)` and exits with its code; a UsageError becomes one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")        # a console that lacks a letter is no reason to fail
    try:
        code = main(sys.argv[1:] if arguments is None else arguments) or 0
        sys.stdout.flush()
    except UsageError as error:
        print(f"{os.path.basename(sys.argv[0])}: {error}", file=sys.stderr)
        code = EXIT_USAGE
    except BrokenPipeError:         # whoever read our output has gone: nothing left to say, and nobody to hear it
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 1
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    sys.exit(code)


def begin(chosen: argparse.Namespace) -> Stop:
    """What a process does before it makes a thread or a socket of its own; what it will stop for."""
    if chosen.cores == "one":
        stay_on_one_core()
    stop = Stop(chosen.until_eof)
    start_logging(chosen.verbose)
    return stop


def stay_on_one_core() -> None:
    """Keeps the threads that start from now on on one core, where the system lets us: Linux.

    An interpreter runs one thread at a time. On several cores every change of turn has to wake another core, which
    costs more than what most turns do (docs/threads-and-events.md has the figures). The number of the process picks
    the core, so that several processes spread.
    """
    if sys.platform == "linux":
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {allowed[os.getpid() % len(allowed)]})


def start_logging(verbose: bool) -> None:
    """Sends log lines to standard error without ever waiting for it; `verbose` adds every call.

    From now on a thread that dies of an exception is counted, too.
    """
    console = logging.StreamHandler()
    console.setFormatter(logging.Formatter("%(asctime)s.%(msecs)03d %(message)s", "%H:%M:%S"))
    lines: queue.Queue[logging.LogRecord] = queue.Queue(LOG_LINES)
    logging.raiseExceptions = False     # a full queue loses lines, and says nothing
    logging.handlers.QueueListener(lines, console).start()
    root = logging.getLogger("ponte")
    root.addHandler(logging.handlers.QueueHandler(lines))
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    thread_deaths.watch()


class ThreadDeaths:
    """Counts the threads that an exception has ended: nobody waits for them, so nobody else would see it.

    `count` is on every status page; zero is the only good value.
    """

    def __init__(self) -> None:
        self.count = 0

    def watch(self) -> None:
        """From now on every such thread is counted, and logged in one line (--verbose: with its traceback)."""
        threading.excepthook = self._on_death

    def _on_death(self, died: threading.ExceptHookArgs) -> None:
        self.count += 1
        name = died.thread.name if died.thread else "a thread"
        traceback = (died.exc_type, died.exc_value, died.exc_traceback) if log.isEnabledFor(logging.DEBUG) else None
        log.error("%s died: %s: %s", name, died.exc_type.__name__, died.exc_value,
                  exc_info=traceback)  # type: ignore[arg-type]    # typeshed: the value may be None


thread_deaths = ThreadDeaths()


def allow_open_files() -> None:
    """Raises this process's limit of file descriptors as far as it may: each connection takes one or two."""
    if sys.platform != "win32":         # there is no such limit there
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(OSError, ValueError):      # macOS may call it infinite, and not mean it
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Stop:
    """Waits for the end. Make it on the main thread, before anything is announced.

    Attributes: `reason`, once it has come: "Ctrl-C", "SIGTERM", or what `set` was given.
    """

    def __init__(self, until_eof: bool = False) -> None:
        self.reason = ""
        # A signal handler may interrupt the main thread anywhere, also inside a lock: this queue's put needs none.
        self._reasons: queue.SimpleQueue[str] = queue.SimpleQueue()
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        if until_eof:
            if hasattr(os, "setpgrp"):      # a stopped orphan is then sent SIGHUP and SIGCONT by the kernel
                os.setpgrp()
            threading.Thread(target=self._watch_stdin, name="ponte-stdin", daemon=True).start()

    def set(self, reason: str) -> None:
        """Ends the wait; from any thread."""
        self._reasons.put(reason)

    def wait(self, look: Callable[[], None] = lambda: None) -> str:
        """Blocks until the end; returns the reason. After it a further signal ends the process at once.

        `look()` runs a few times a second meanwhile: the place for what may block, such as printing.
        """
        while not self.reason:
            try:
                self.reason = self._reasons.get(timeout=WAKE_S)
            except queue.Empty:
                look()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        return self.reason

    def _on_signal(self, number: int, frame: object) -> None:
        self.set("Ctrl-C" if number == signal.SIGINT else "SIGTERM")

    def _watch_stdin(self) -> None:
        try:
            while os.read(0, 1024):
                pass
        except OSError:
            pass        # a closed standard input has ended too
        self.set("end of standard input")


class Drainable(Protocol):
    """What accepts connections: a `transport.wire.Listener`, or an engine of the proxy."""

    def retire(self) -> None: ...
    def wait_until_quiet(self, timeout_s: float, *, idle_too: bool = False) -> bool: ...
    def close(self) -> None: ...


def drain(listener: Drainable, announce: Callable[[str, float], bool], refuse: Callable[[], None],
          grace_s: float) -> bool:
    """Leaves without losing a call; returns whether all running calls could finish within `grace_s` seconds.

    Others are told first, and served until they have left, so that no call is on its way to a closed door. Then
    `refuse` makes new calls get 503 with Not-Executed, which any caller may try elsewhere.
    """
    deadline = time.monotonic() + grace_s
    step_s = min(SEEN_S, grace_s / 4)       # an impatient person also wants the goodbyes to be short
    announce("draining", step_s)
    listener.retire()
    listener.wait_until_quiet(step_s, idle_too=True)
    refuse()
    finished = listener.wait_until_quiet(max(deadline - time.monotonic(), 0.0))
    announce("leaving", step_s)
    listener.close()
    return finished


def grace(reason: str, grace_s: float) -> float:
    """How long running calls may go on after a stop for `reason`: on Ctrl-C a person is waiting."""
    return grace_s if reason == "SIGTERM" else min(grace_s, CTRL_C_GRACE_S)


class RegistrationReport:
    """Says when registries stop answering beats, and when they answer again. `look` runs on the main thread."""

    def __init__(self, name: str, silent: Callable[[], List[Address]]) -> None:
        self._name = name
        self._silent = silent
        self._reported: List[Address] = []

    def look(self) -> None:
        silent = self._silent()
        if silent == self._reported:
            return
        self._reported = silent
        if silent:
            log.warning("%s: no registry answers at %s: is it running, with the same key? Serving meanwhile",
                        self._name, ", ".join(map(show, silent)))
        else:
            log.info("%s: every registry answers again", self._name)


class Member(Protocol):
    """A server or a proxy, as far as its process is concerned."""

    name: str
    superseded: threading.Event

    def silent_registries(self) -> List[Address]: ...
    def drain(self, grace_s: float) -> bool: ...
    def close(self) -> None: ...


def serve(member: Member, stop: Stop, banner: str, grace_s: float) -> int:
    """Shows the banner of a started server or proxy, waits for `stop`, and drains it; returns the exit code."""
    report = RegistrationReport(member.name, member.silent_registries)

    def look() -> None:
        report.look()
        if member.superseded.is_set():
            stop.set("superseded")

    with contextlib.closing(member):
        print(f"{member.name}: {banner} - stop with Ctrl-C", flush=True)
        reason = stop.wait(look)
        if reason == "superseded":
            print(f"{member.name}: STOPPED: a younger process beats under this name; give each its own --name",
                  file=sys.stderr, flush=True)
            return 1
        finished = member.drain(grace(reason, grace_s))
    print(f"{member.name}: stopped ({reason}){'' if finished else ', calls were cut off'}", flush=True)
    return 0


# ---- pages ----------------------------------------------------------------------------------------------

def page(request: Request, role: str, own_status: Callable[[], Dict[str, Json]]) -> Optional[Reply]:
    """The reply to GET /health, /status (JSON) and /metrics (Prometheus text format 0.0.4), and to what is no page
    anywhere; None for all else.
    """
    if request.method == "CONNECT":         # its target is an address, which is nobody's page
        return text_reply(405, "nobody here is a tunnel", Allow="GET, POST")
    if request.target not in PAGES:
        return None
    if request.method != "GET":
        return text_reply(405, f"{request.target} is read with GET", Allow="GET")
    if request.target == "/health":
        return Reply(200, {"Content-Type": "text/plain"}, b"ok\n")
    status = {**own_status(), "thread_deaths": thread_deaths.count}
    if request.target == "/status":
        content, body = "application/json", json.dumps(status, indent=2)
    else:
        content, body = "text/plain; version=0.0.4", "\n".join(_metrics(f"ponte_{role}", status))
    return Reply(200, {"Content-Type": content}, f"{body}\n".encode())


def _metrics(prefix: str, status: Dict[str, Json]) -> List[str]:
    """The numbers of a status page: {"a": 1, "b": {"c": 2}} gives `prefix_a 1` and `prefix_b{name="c"} 2`."""
    lines = []
    for name, value in status.items():
        if isinstance(value, (int, float)):
            lines.append(f"{prefix}_{name} {value}")
        elif isinstance(value, dict):
            lines += [f'{prefix}_{name}{{name="{label}"}} {number}' for label, number in value.items()
                      if isinstance(number, (int, float))]
    return lines
