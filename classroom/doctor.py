"""Is this computer ready for the lesson? One line for each thing that goes wrong in classrooms.

Each line says what was found, and what to do about it. Nothing is changed; every socket and process
that is opened here is closed again. Nothing leaves the computer but one question to its name
server. So a firewall between two computers is not seen: the doctor only knows this one.
"""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Callable, NamedTuple

import proxy
import registry
from classroom.cast import CAN_FREEZE, read_status
from classroom.language import VARIABLE, Words, choose_language, system_locale
from classroom.outward import addresses_of, outward_host
from classroom.screen import MAX_COLUMNS, Screen
from ponte.net.address import is_loopback
from ponte.net.names import look_up
from ponte.net.pool import Pool
from ponte.net.stream import listen
from ponte.net.threads import wait_for
from ponte.process.characters import ASCII, has
from ponte.process.options import PYTHON
from ponte.process.own_files import DEMO

LOOPBACK = "127.0.0.1"
# How long a datagram or a connection to ourselves may take, or a name server, in seconds.
WAIT_S = 2.0
# Nobody has this name (RFC 6761): a name server that answers says so at once.
NOBODY = "ponte.invalid"
# How long a Python process may take to start, in seconds; and from when on a class would notice.
START_S = 20.0
SLOW_START_S = 1.0
# Lines of the demo break badly in a narrower console.
READABLE_COLUMNS = 80
# The narrowest terminal of the lesson: one of six panes.
PANE_COLUMNS = 59
PROXY_VARIABLES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy",
                   "ALL_PROXY")
STYLES = {"ok": "passed", "note": "predict", "bad": "failed"}


class Finding(NamedTuple):
    """`level` is "ok", "note" (the lesson works all the same) or "bad"."""

    level: str
    text: str


def main(words: Words) -> int:
    """Prints all findings; returns 0, or 1 if one is bad."""
    screen = Screen(sys.stdout)
    screen.line(words("Is this computer ready for Ponte?"), style="title")
    labels = {"ok": words("✓ OK"), "note": words("· NOTE"), "bad": words("✗ BAD")}
    width = max(map(len, labels.values()))
    findings = _findings(words, screen)
    for finding in findings:
        screen.line(finding.text, lead=f"  {labels[finding.level]:<{width}}  ",
                    lead_style=STYLES[finding.level])
    bad = sum(finding.level == "bad" for finding in findings)
    if bad:
        screen.line(words("Problems to solve first: {bad}.", bad=bad), style="failed")
        return 1
    screen.line(words("Ready. Start with: {command}", command=words.command(f"{PYTHON} {DEMO}")),
                style="passed")
    return 0


def _findings(words: Words, screen: Screen) -> list[Finding]:
    tcp_and_udp = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
    return [
        Finding("ok", f"Python {platform.python_version()}, {sys.executable}"),
        check_process(words),
        check_loopback(words, "TCP", partial(_send_tcp, LOOPBACK)),
        check_loopback(words, "UDP", partial(_send_udp, LOOPBACK)),
        check_port(words, "registry", registry.DEFAULT_PORT, tcp_and_udp, "epoch"),
        check_port(words, "proxy", proxy.DEFAULT_PORT, tcp_and_udp[:1], "services"),
        check_encoding(words, screen.encoding),
        check_columns(words, screen.columns),
        check_locale(words, os.environ),
        check_environment(words, os.environ),
        check_variables(words, os.environ),
        check_freezing(words),
        check_localhost(words, addresses_of(("localhost", registry.DEFAULT_PORT))),
        check_name_server(words),
        *check_network(words, outward_host()),
    ]


def check_process(words: Words) -> Finding:
    """Whether we can start a Python process, and how fast."""
    began = time.perf_counter()
    try:
        subprocess.run([sys.executable, "-c", ""], timeout=START_S, check=True,
                       stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("bad", words("no new process can be started: {error}. "
                                    "Does a virus scanner or a policy prevent it?", error=error))
    took_s = time.perf_counter() - began
    return Finding("ok" if took_s < SLOW_START_S else "note",
                   words("a new Python process starts in {took_s:.2f} s", took_s=took_s))


def check_loopback(words: Words, protocol: str, send: Callable[[], bytes]) -> Finding:
    """Whether bytes that we send to ourselves arrive. `send()` returns what has arrived."""
    began, error = time.perf_counter(), "?"
    try:
        if send() == b"ponte":
            return Finding("ok", words(
                "{protocol} to this computer itself (127.0.0.1) arrives in {took_ms:.1f} ms",
                protocol=protocol, took_ms=(time.perf_counter() - began) * 1000))
    except OSError as failure:
        error = str(failure)
    return Finding("bad", words(
        "{protocol} to 127.0.0.1 does not arrive: {error}. "
        "Allow Python in the firewall, at least for the loopback address",
        protocol=protocol, error=error))


def _send_tcp(host: str) -> bytes:
    with listen(host, 0) as listener:
        listener.settimeout(WAIT_S)
        with socket.create_connection(listener.getsockname(), WAIT_S) as here:
            there, _ = listener.accept()
            with there:
                there.settimeout(WAIT_S)
                here.sendall(b"ponte")
                return there.recv(16)


def _send_udp(host: str) -> bytes:
    with listen(host, 0, socket.SOCK_DGRAM) as here, \
            listen(host, 0, socket.SOCK_DGRAM) as there:
        there.settimeout(WAIT_S)
        here.sendto(b"ponte", there.getsockname())
        return there.recv(16)


def check_port(words: Words, role: str, port: int, kinds: Sequence[socket.SocketKind],
               mark: str) -> Finding:
    """Whether a role can have its port, for all `kinds` of sockets.

    `mark`: a field of the status page that only this role has.
    """
    names = " + ".join("UDP" if kind == socket.SOCK_DGRAM else "TCP" for kind in kinds)
    try:
        for kind in kinds:
            listen(LOOPBACK, port, kind).close()
        return Finding("ok", words("port {port} ({kinds}) is free for the {role}",
                                   role=role, port=port, kinds=names))
    except OSError as error:
        reason = error.strerror or str(error)
    # Any free port helps.
    command = words.command(f"{PYTHON} {DEMO} {role} --port 0")
    if _has_mark(port, mark):
        level = "note"
        text = words("port {port}: a {role} of Ponte is running there already. "
                     "Use it, or start another one: {command}",
                     role=role, port=port, command=command)
    else:
        level = "bad"
        text = words("port {port} ({kinds}): {reason}. "
                     "Stop the program that uses it, or type: {command}",
                     port=port, kinds=names, reason=reason, command=command)
    if role == "registry":
        text += words(" (then type the next command that it prints)")
    return Finding(level, text)


def _has_mark(port: int, mark: str) -> bool:
    """Whether the program on a port shows a status page with this field."""
    pool = Pool()
    try:
        return mark in read_status(pool, (LOOPBACK, port))
    except (OSError, ValueError):
        return False
    finally:
        pool.close()


def check_encoding(words: Words, encoding: str) -> Finding:
    """Whether the console can show our symbols and accents."""
    missing = [symbol for symbol in [*ASCII, *"ãéíóúç"] if not has(symbol, encoding)]
    if not missing:
        return Finding("ok", words("console encoding {encoding}: all symbols", encoding=encoding))
    return Finding("note", words(
        "console encoding {encoding} lacks {missing} symbols, shown in ASCII. "
        "For all: set PYTHONIOENCODING=utf-8 (Windows: also chcp 65001)",
        encoding=encoding, missing=len(missing)))


def check_columns(words: Words, columns: int) -> Finding:
    """Whether the console is wide enough to read well."""
    if columns >= READABLE_COLUMNS:
        return Finding("ok", words(
            "the console has room for {columns} columns (we use {best} at most)",
            columns=columns, best=MAX_COLUMNS))
    if columns >= PANE_COLUMNS:
        return Finding("note", words(
            "{columns} columns are enough: lines are shorter, or go on below. Most room: {best}",
            columns=columns, best=MAX_COLUMNS))
    return Finding("note", words(
        "only {columns} columns: lines will break. Widen the window, up to {best} columns",
        columns=columns, best=MAX_COLUMNS))


def check_locale(words: Words, environ: Mapping[str, str]) -> Finding:
    """Which language the demo chooses by itself."""
    language = environ.get(VARIABLE) or choose_language(environ, system_locale())
    return Finding("ok", words("without --lang, the demo speaks “{language}” here; choose with "
                               "--lang en or --lang pt", language=language))


def check_environment(words: Words, environ: Mapping[str, str]) -> Finding:
    """Whether an HTTP proxy is set, as in many schools. Ponte ignores it, but curl uses it."""
    names = sorted({name for name in PROXY_VARIABLES if environ.get(name)})
    if not names:
        return Finding("ok", words("no HTTP proxy in the environment"))
    return Finding("note", words("{names} is set. Ponte ignores it; curl does not: "
                                 "use curl --noproxy '*'", names=", ".join(names)))


def check_variables(words: Words, environ: Mapping[str, str]) -> Finding:
    """Whether options of the roles are set where one does not see them."""
    names = sorted(name for name, value in environ.items() if name.startswith("PONTE_") and value)
    if not names:
        return Finding("ok", words("no PONTE_ variable in the environment"))
    return Finding("note", words("{names} is set: every role in this terminal takes it as an "
                                 "option. The commands of the lesson may print something else",
                                 names=", ".join(names)))


def check_freezing(words: Words) -> Finding:
    """Whether steps 6 and 9 of the demo can freeze a process."""
    if CAN_FREEZE:
        return Finding("ok", words("processes can be frozen here (steps 6 and 9)"))
    return Finding("note", words("no SIGSTOP on this system: the demo skips step 6 "
                                 "and a part of step 9"))


# ---- a class on several machines ----------------------------------------------------------------

def check_localhost(words: Words, found: Sequence[str]) -> Finding:
    """Where the name localhost leads. `found`: its addresses, in the order of the system."""
    if not found:
        return Finding("note", words(
            "the name localhost leads nowhere: write 127.0.0.1 instead, or add the line "
            "“127.0.0.1 localhost” to the hosts file"))
    if found[0] == LOOPBACK:
        return Finding("ok", words("localhost is {address}", address=LOOPBACK))
    if not all(map(is_loopback, found)):
        return Finding("note", words(
            "localhost is {address}, which is not this computer alone: write 127.0.0.1 instead, "
            "and correct the hosts file", address=", ".join(found)))
    return Finding("note", words(
        "localhost is {address} first. Ponte tries all addresses of a name; where another program "
        "does not, write 127.0.0.1", address=found[0]))


def check_name_server(words: Words) -> Finding:
    """Whether names are answered, also those that do not exist. Blocks for WAIT_S at most."""
    began = time.perf_counter()
    try:
        wait_for(look_up((NOBODY, registry.DEFAULT_PORT), time.monotonic() + WAIT_S))
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            return Finding("note", words(
                "no name server: {error}. Write addresses instead of names after --registry",
                error=error.strerror))
    except OSError:
        return Finding("note", words(
            "the name server does not answer within {wait_s:.0f} s. Write addresses instead of "
            "names after --registry, or look whether the network is connected", wait_s=WAIT_S))
    return Finding("ok", words("the name server answers in {took_ms:.0f} ms",
                               took_ms=(time.perf_counter() - began) * 1000))


def check_network(words: Words, host: str | None) -> list[Finding]:
    """What a class on several machines needs. `host`: where others reach this one, if anywhere."""
    if host is None:
        return [Finding("note", words(
            "this computer has no address for others: the lesson works on it alone. "
            "For a class on several, connect it to their network"))]
    command = words.command(f"{PYTHON} {DEMO} registry --host 0.0.0.0 --insecure")
    reached = Finding("ok", words(
        "other computers reach this one at {address}. For a registry that they can use: {command}",
        address=host, command=command))
    return [reached, check_firewall(words, "TCP", host, partial(_send_tcp, host)),
            check_firewall(words, "UDP", host, partial(_send_udp, host))]


def check_firewall(words: Words, protocol: str, host: str, send: Callable[[], bytes]) -> Finding:
    """Whether bytes to our own address for others arrive. The lesson needs loopback alone."""
    error = "?"
    try:
        if send() == b"ponte":
            return Finding("ok", words(
                "{protocol} to {address} arrives. If other computers do not get through, "
                "allow Python in the firewall of this one", protocol=protocol, address=host))
    except OSError as failure:
        error = str(failure)
    return Finding("note", words(
        "{protocol} to {address}, which is this computer, does not arrive: {error}. "
        "For a class on several computers, allow Python in the firewall, for incoming TCP and UDP",
        protocol=protocol, address=host, error=error))
