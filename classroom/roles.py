"""One role in a terminal of its own, with the next command to type and a line of counters.

    python3 demo.py registry
    python3 demo.py server                     server-1, server-2, ...: the first name that is free
    python3 demo.py server blue                a server named blue
    python3 demo.py server services/bank.py    another service; NAME and FILE may both be given
    python3 demo.py proxy
    python3 demo.py client                     calls again and again (classroom/caller.py)
    python3 demo.py client greeter hello Hello --trace

The role's own main() runs, unchanged, and gets all other words of the line. The counters are read
from its /status page, which any program may read.

Threads: the role's; and one that reads the counters.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple
from xmlrpc.client import Fault

from classroom import caller
from classroom.actor import BANNER, read_status
from classroom.console import Console
from classroom.keys import Echo
from classroom.language import Words
from classroom.narrow import narrowed
from classroom.next_command import next_command, read_options
from classroom.outward import EVERYWHERE, is_on_loopback
from classroom.own_name import OwnName, claim_name
from classroom.screen import MAX_COLUMNS, Screen
from ponte.discovery.follower import ask
from ponte.net.address import Address, parse_address
from ponte.net.pool import Pool
from ponte.net.tls import Tls
from ponte.process.characters import plain
from ponte.process.options import EXIT_USAGE, UsageError, chosen_tls
from ponte.process.own_files import own_file
from ponte.rpc.raised import printable

ROLES = ("registry", "server", "proxy", "client")
# Between two readings of the counters, in seconds: on a terminal, and where output goes to a file.
TERMINAL_S, FILE_S = 1.0, 10.0
# How long we wait for a registry to name the servers that run, in seconds.
ASK_S = 0.5


def run(role: str, arguments: Sequence[str], words: Words) -> int:
    """Runs a role until it ends; returns its exit code."""
    program = sys.argv[0]
    # The role's messages and its help name it so.
    sys.argv[0] = f"{os.path.basename(program)} {role}"
    if role == "client":
        return _run_client(list(arguments), words)
    start = (_complete_server(list(arguments)) if role == "server" else
             _ServerStart(list(arguments)))
    # Held for the whole life of the role: so nobody else on this machine chooses its name.
    with contextlib.closing(start.own.held) if start.own else contextlib.nullcontext():
        terminal = _Terminal(role, start.arguments, words, program, start.servers)
        try:
            return terminal.run()
        finally:
            terminal.close()


def _run_client(arguments: list[str], words: Words) -> int:
    if arguments and not arguments[0].startswith("-"):
        return int(importlib.import_module("client").main(arguments))
    return caller.main(arguments, words)


class _Terminal:
    """A role's main() with its streams wrapped. `servers`: how many there were before it."""

    def __init__(self, role: str, arguments: list[str], words: Words, program: str,
                 servers: int = 0) -> None:
        self._role, self._arguments, self._words, self._program = role, arguments, words, program
        self._servers = servers
        # Read before the streams are wrapped: what the user mistyped ends the process here.
        self._chosen = read_options(role, arguments)
        self._streams = sys.stdout, sys.stderr
        self._console = Console(sys.stdout, sys.stderr, self._hear,
                                rewrites=Screen(sys.stdout).can_rewrite, fit=self._fit)
        # For a command, which stays whole, and may be painted.
        self._screen = Screen(self._console.as_it_is)
        self._echo = Echo(sys.stdin)
        self._counts = threading.Thread(target=self._count, name="counters", daemon=True)
        self._closed = threading.Event()
        # Known from the role's banner on.
        self._address: Address | None = None

    def run(self) -> int:
        """Runs the role until it ends; returns its exit code."""
        # Found by its name, so that a services file which imports `server` meets the same module.
        module = importlib.import_module(self._role)
        sys.stdout, sys.stderr = self._console.out, self._console.err
        if hasattr(signal, "SIGQUIT") and signal.getsignal(signal.SIGQUIT) is signal.SIG_DFL:
            signal.signal(signal.SIGQUIT, self._crash)
        with self._echo.back_in_time(stopping=self._console.hide):
            try:
                return module.main(self._arguments) or 0
            except UsageError as error:
                # Here it fits the terminal, and is in the language of the class.
                what = printable(self._words.quoted(str(error)))
                self._console.err.write(f"{sys.argv[0]}: {what}\n")
                return EXIT_USAGE

    def close(self) -> None:
        """Ends the counters, and gives the streams back."""
        self._closed.set()
        self._console.show("")
        sys.stdout, sys.stderr = self._streams

    def _crash(self, number: int, frame: object) -> None:
        """Ctrl-\\ kills the role, as without us; but what the shell says needs a row of its own."""
        self._console.hide()
        self._echo.turn_on()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def _fit(self, line: str) -> str:
        """A line in the columns of the terminal."""
        columns = self._screen.columns
        return line if columns == MAX_COLUMNS else narrowed(line, columns)

    def _hear(self, line: str) -> None:
        """After the role's banner: shows its process, the next command, and counters."""
        banner = BANNER.search(line)
        if banner and self._address is None:
            host, port = parse_address(banner.group(1))
            self._address = (EVERYWHERE.get(host, host), port)
            # For a kill -9 from another terminal.
            self._console.out.write(self._words("process {pid}", pid=os.getpid()) + "\n")
            command = next_command(
                self._role, self._arguments, (host, port), self._program, servers=self._servers,
                language=self._words.for_terminal())
            self._screen.command(command, lead=f"{self._words('next terminal')}: ",
                                 lead_style="predict")
            if self._console.rewrites:
                # Not before: until the banner, Ctrl-C ends the process without its last steps.
                self._echo.turn_off()
            self._counts.start()

    def _count(self) -> None:
        with contextlib.closing(Pool(_tls_for_asking(self._chosen))) as pool:
            before = (time.perf_counter(), 0)
            while not self._closed.wait(TERMINAL_S if self._console.rewrites else FILE_S):
                try:
                    before = self._show_counters(pool, before)
                except (OSError, ValueError):
                    # The role is stopping, or the terminal is closed.
                    continue

    def _show_counters(self, pool: Pool, before: tuple[float, int]) -> tuple[float, int]:
        """Reads and shows the counters. `before`, and the result: a time, and the beats by then."""
        assert self._address
        status = read_status(pool, self._address)
        now = (time.perf_counter(), beats_accepted(status))
        per_s = (now[1] - before[1]) / (now[0] - before[0]) if before[1] else 0.0
        line = counters(self._role, status, per_s, self._words)
        if self._screen.fit(line) != plain(line, self._screen.encoding):
            line = short_counters(self._role, status, per_s, self._words)
        self._console.show(self._screen.fit(line))
        return now


def _tls_for_asking(chosen: argparse.Namespace) -> Tls | None:
    """The certificates with which we ask our own role and the registries; None for no TLS.

    Also None for options that the role itself will refuse. Without an authority we trust the
    certificate that the role shows: right where it has signed itself.
    """
    cert, key, ca = chosen.tls_cert, chosen.tls_key, chosen.tls_ca
    try:
        return chosen_tls(argparse.Namespace(tls_cert=cert, tls_key=key, tls_ca=ca or cert),
                          listens=False)
    except UsageError:
        return None


# ---- a server's name and file -------------------------------------------------------------------

class _ServerStart(NamedTuple):
    """`arguments` for server.py; `servers`, how many there were; `own`, the name that we hold."""

    arguments: list[str]
    servers: int = 0
    own: OwnName | None = None


def _complete_server(arguments: list[str]) -> _ServerStart:
    """[NAME] [FILE] and options -> the start of server.py, with the defaults of a lesson."""
    # 1. The words before the options.
    given: list[str] = []
    while arguments and not arguments[0].startswith("-") and len(given) < 2:
        given.append(arguments.pop(0))
    files = [word for word in given if word.endswith(".py") or os.sep in word]
    names = [word for word in given if word not in files]
    if len(files) > 1 or len(names) > 1:
        raise UsageError("give one NAME and one FILE at most, as in: "
                         f"{sys.argv[0]} blue services/bank.py")
    file = files[0] if files else own_file("services", "greeter.py")
    complete = [file, *(["--name", names[0]] if names else []), *arguments]
    # 2. The options, and perhaps a name of our own choice.
    chosen = read_options("server", complete)
    if chosen.name is not None:
        return _ServerStart(complete)
    taken = _names_in_use(os.path.splitext(os.path.basename(file))[0], chosen)
    own = (claim_name(taken, min(port for _, port in chosen.registry))
           if all(map(is_on_loopback, chosen.registry)) else None)
    if own is None:
        # server.py makes one that has our address in it.
        return _ServerStart(complete, len(taken))
    return _ServerStart([*complete, "--name", own.name], len(taken), own)


def _names_in_use(service: str, chosen: argparse.Namespace) -> set[str]:
    """The names of the live servers of `service`, as the registries know them."""
    taken: set[str] = set()
    with contextlib.closing(Pool(_tls_for_asking(chosen))) as pool:
        for registry in chosen.registry:
            # The role itself will report what is wrong.
            with contextlib.suppress(OSError, Fault, ValueError, LookupError, TypeError):
                answer = ask(pool, registry, "lookup", service, timeout_s=ASK_S)
                taken |= {endpoint["instance"] for endpoint in answer["endpoints"]}
    return taken


# ---- the counters -------------------------------------------------------------------------------

def beats_accepted(status: dict[str, Any]) -> int:
    """The heartbeats that a registry accepted; 0 for other roles."""
    return int(status.get("datagrams", {}).get("ack", 0))


def counters(role: str, status: dict[str, Any], per_s: float, words: Words) -> str:
    """The line of counters, from a role's /status page; `per_s`: heartbeats a second."""
    if role == "registry":
        states = [endpoint["state"] for endpoint in status["endpoints"]]
        return words("♥ heartbeats: {beats}, {per_s:.1f}/s · "
                     "up: {up}, suspect or draining: {other}",
                     beats=beats_accepted(status), per_s=per_s, up=states.count("up"),
                     other=len(states) - states.count("up"))
    requests = status["requests"]
    if role == "server":
        return words("● calls: {calls}, answered from memory: {repeats} · ♥ heartbeats: {beats}",
                     calls=requests["calls"], repeats=requests["repeats"],
                     beats=status["beats_acked"])
    return words("● calls: {calls}, tried again: {retries} · servers: {live}",
                 calls=requests["calls"], retries=requests["retries"], live=_live(status))


def short_counters(role: str, status: dict[str, Any], per_s: float, words: Words) -> str:
    """The same for a narrow terminal."""
    if role == "registry":
        states = [endpoint["state"] for endpoint in status["endpoints"]]
        return words("♥ {beats}, {per_s:.1f}/s · up {up}, other {other}",
                     beats=beats_accepted(status), per_s=per_s, up=states.count("up"),
                     other=len(states) - states.count("up"))
    requests = status["requests"]
    if role == "server":
        return words("● {calls}, from memory {repeats} · ♥ {beats}", calls=requests["calls"],
                     repeats=requests["repeats"], beats=status["beats_acked"])
    return words("● {calls}, again {retries} · {live}", calls=requests["calls"],
                 retries=requests["retries"], live=_live(status))


def _live(status: dict[str, Any]) -> str:
    """How many servers of each service a proxy knows."""
    return ", ".join(f"{service} {len(members)}"
                     for service, members in sorted(status["services"].items())) or "-"
