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
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any
from xmlrpc.client import Fault

from classroom import caller
from classroom.cast import BANNER, ROOT, read_status
from classroom.console import Console
from classroom.language import Words
from classroom.screen import Screen
from ponte.discovery.follower import ask
from ponte.net.address import Address, show
from ponte.net.pool import Pool
from ponte.net.tls import Tls
from ponte.process.options import (
    DEFAULT_REGISTRIES,
    PYTHON,
    UsageError,
    chosen_tls,
    parse_address,
    parse_addresses,
)
from registry import DEFAULT_PORT

ROLES = ("registry", "server", "proxy", "client")
# So many servers are started before the proxy.
CLASS_SIZE = 3
# Between two readings of the counters, in seconds: on a terminal, and where output goes to a file.
TERMINAL_S, FILE_S = 1.0, 10.0
# How long we wait for a registry to name the servers that run, in seconds.
ASK_S = 0.5
TLS_OPTIONS = ("--tls-cert", "--tls-key", "--tls-ca")
# The options of this terminal that the next one needs too.
CARRIED = ("--registry", "--key-file", *TLS_OPTIONS)
# Where a role listens on all addresses -> at which of them we ask it.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def run(role: str, arguments: Sequence[str], words: Words) -> int:
    """Runs a role until it ends; returns its exit code."""
    program = sys.argv[0]
    # The role's messages and its help name it so.
    sys.argv[0] = f"{os.path.basename(program)} {role}"
    if role == "client":
        return _run_client(list(arguments), words)
    arguments = _complete_server(list(arguments)) if role == "server" else list(arguments)
    terminal = _Terminal(role, arguments, words, program)
    try:
        return terminal.run()
    finally:
        terminal.close()


def _run_client(arguments: list[str], words: Words) -> int:
    if arguments and not arguments[0].startswith("-"):
        return int(importlib.import_module("client").main(arguments))
    return caller.main(arguments, words)


class _Terminal:
    """A role's main() with its streams wrapped."""

    def __init__(self, role: str, arguments: list[str], words: Words, program: str) -> None:
        self._role, self._arguments, self._words, self._program = role, arguments, words, program
        self._streams = sys.stdout, sys.stderr
        self._console = Console(sys.stdout, sys.stderr, self._hear,
                                rewrites=Screen(sys.stdout).can_rewrite)
        self._screen = Screen(self._console.out)
        self._counts = threading.Thread(target=self._count, name="counters", daemon=True)
        self._closed = threading.Event()
        # Known from the role's banner on.
        self._address: Address | None = None

    def run(self) -> int:
        """Runs the role until it ends; returns its exit code."""
        # Found by its name, so that a services file which imports `server` meets the same module.
        module = importlib.import_module(self._role)
        sys.stdout, sys.stderr = self._console.out, self._console.err
        return module.main(self._arguments) or 0

    def close(self) -> None:
        """Ends the counters, and gives the streams back."""
        self._closed.set()
        self._console.show("")
        sys.stdout, sys.stderr = self._streams

    def _hear(self, line: str) -> None:
        """After the role has printed its banner: shows what to type next, and counters."""
        banner = BANNER.search(line)
        if banner and self._address is None:
            host, port = parse_address(banner.group(1))
            self._address = (EVERYWHERE.get(host, host), port)
            command = next_command(self._role, self._arguments, self._address, self._program)
            self._screen.line(command, style="strong", lead=f"{self._words('next terminal')}: ",
                              lead_style="predict")
            self._counts.start()

    def _count(self) -> None:
        with contextlib.closing(Pool(_chosen_tls(self._arguments))) as pool:
            before = (time.monotonic(), 0)
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
        now = (time.monotonic(), beats_accepted(status))
        per_s = (now[1] - before[1]) / (now[0] - before[0]) if before[1] else 0.0
        self._console.show(self._screen.fit(counters(self._role, status, per_s, self._words)))
        return now


# ---- what comes next ----------------------------------------------------------------------------

def next_command(role: str, arguments: Sequence[str], address: Address, program: str) -> str:
    """What to type in the next terminal; `address`: where the role of this one listens."""
    carried = [f"{option} {value}" for option, value in _options(arguments).items()
               if option in CARRIED]
    if role == "registry" and address != ("127.0.0.1", DEFAULT_PORT):
        carried.append(f"--registry {show(address)}")
    after = {"registry": "server", "server": "proxy", "proxy": "client"}[role]
    if role == "server" and _options(arguments).get("--name") in _server_names(CLASS_SIZE - 1):
        after = "server"
    return " ".join([PYTHON, program, after, *carried])


def _server_names(count: int) -> list[str]:
    return [f"server-{number}" for number in range(1, count + 1)]


def _options(arguments: Sequence[str]) -> dict[str, str]:
    """The options that have a value, written as `--a b` or `--a=b`."""
    found = {}
    for argument, following in zip(arguments, [*arguments[1:], ""]):
        name, equals, value = argument.partition("=")
        if name.startswith("--"):
            found[name] = value if equals else following
    return found


def _chosen_tls(arguments: Sequence[str]) -> Tls | None:
    """The certificates with which we ask our own role and the registries; None for no TLS.

    Also None for options that the role itself will refuse. Without an authority we trust the
    certificate that the role shows: right where it has signed itself.
    """
    cert, key, ca = map(_options(arguments).get, TLS_OPTIONS)
    try:
        return chosen_tls(argparse.Namespace(tls_cert=cert, tls_key=key, tls_ca=ca or cert),
                          listens=False)
    except UsageError:
        return None


# ---- a server's name and file -------------------------------------------------------------------

def _complete_server(arguments: list[str]) -> list[str]:
    """[NAME] [FILE] and options -> the arguments of server.py, with the defaults of a lesson."""
    given: list[str] = []
    while arguments and not arguments[0].startswith("-") and len(given) < 2:
        given.append(arguments.pop(0))
    if {"-h", "--help"} & set(arguments):
        return arguments
    files = [word for word in given if word.endswith(".py") or os.sep in word]
    names = [word for word in given if word not in files]
    if len(files) > 1 or len(names) > 1:
        raise UsageError("give one NAME and one FILE at most, as in: "
                         f"{sys.argv[0]} blue services/bank.py")
    file = files[0] if files else os.path.join(ROOT, "services", "greeter.py")
    if not names and "--name" not in _options(arguments):
        names = [_free_name(os.path.splitext(os.path.basename(file))[0], arguments)]
    return [file, *(["--name", names[0]] if names else []), *arguments]


def _free_name(service: str, arguments: Sequence[str]) -> str:
    """The first of server-1, server-2, ... that no live server of `service` has."""
    taken, registries = set(), _options(arguments).get("--registry")
    try:
        with contextlib.closing(Pool(_chosen_tls(arguments))) as pool:
            for registry in parse_addresses(registries) if registries else DEFAULT_REGISTRIES:
                answer = ask(pool, registry, "lookup", service, timeout_s=ASK_S)
                taken |= {endpoint["instance"] for endpoint in answer["endpoints"]}
    except (OSError, Fault, ValueError, argparse.ArgumentTypeError):
        # The role itself will report what is wrong.
        pass
    return next(name for name in _server_names(len(taken) + 1) if name not in taken)


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
    live = ", ".join(f"{service} {len(members)}"
                     for service, members in sorted(status["services"].items()))
    return words("● calls: {calls}, tried again: {retries} · servers: {live}",
                 calls=requests["calls"], retries=requests["retries"], live=live or "-")
