"""Is this computer ready for the lesson? One line for each thing that goes wrong in classrooms, and what to do.

Nothing is changed and nothing leaves the computer; what is opened is closed again.
"""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Callable, NamedTuple

import proxy
import registry
from classroom.cast import CAN_FREEZE, read_status
from classroom.screen import ASCII, MAX_COLUMNS, Screen, plain
from classroom.texts import Words, choose_language, system_locale
from ponte.net.pool import Pool
from ponte.net.wire import listen

LOOPBACK = "127.0.0.1"
WAIT_S = 2.0            # for a datagram or a connection to ourselves
START_S = 20.0          # for a Python process to start
SLOW_START_S = 1.0      # slower than this, and the demo's processes keep a class waiting
READABLE_COLUMNS = 80
PROXY_VARIABLES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
STYLES = {"ok": "passed", "note": "predict", "bad": "failed"}


class Finding(NamedTuple):
    """`level` is "ok", "note" (the lesson works all the same) or "bad"."""

    level: str
    text: str


def main(words: Words) -> int:
    """Prints all findings; returns 0, or 1 if one is bad."""
    screen = Screen(sys.stdout)
    screen.line(words("doctor.title"), style="title")
    findings = []
    for finding in _findings(words, screen):
        label = words(f"doctor.{finding.level}")
        screen.line(finding.text, lead=f"  {label}  ", lead_style=STYLES[finding.level])
        findings.append(finding)
    bad = sum(finding.level == "bad" for finding in findings)
    screen.line(words("doctor.sick", bad=bad) if bad else words("doctor.healthy"), style="failed" if bad else "passed")
    return 1 if bad else 0


def _findings(words: Words, screen: Screen) -> list[Finding]:
    kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
    checks: Sequence[Callable[[], Finding]] = (
        lambda: Finding("ok", words("doctor.python", version=platform.python_version(), path=sys.executable)),
        lambda: check_process(words),
        lambda: check_loopback(words, "TCP", _send_tcp),
        lambda: check_loopback(words, "UDP", _send_udp),
        lambda: check_port(words, "registry", registry.DEFAULT_PORT, kinds, "epoch"),
        lambda: check_port(words, "proxy", proxy.DEFAULT_PORT, kinds[:1], "services"),
        lambda: check_encoding(words, screen.encoding),
        lambda: check_columns(words, screen.columns),
        lambda: check_locale(words, os.environ),
        lambda: check_environment(words, os.environ),
        lambda: Finding("ok", words("doctor.freeze")) if CAN_FREEZE else Finding("note", words("doctor.nofreeze")),
    )
    return [check() for check in checks]


def check_process(words: Words) -> Finding:
    """Whether we can start a Python process, and how fast."""
    began = time.monotonic()
    try:
        subprocess.run([sys.executable, "-c", ""], timeout=START_S, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("bad", words("doctor.noprocess", error=error))
    took_s = time.monotonic() - began
    return Finding("ok" if took_s < SLOW_START_S else "note", words("doctor.process", took_s=took_s))


def check_loopback(words: Words, protocol: str, send: Callable[[], bytes]) -> Finding:
    """Whether bytes that we send to ourselves arrive."""
    began = time.monotonic()
    try:
        arrived = send() == b"ponte"
    except OSError as error:
        return Finding("bad", words("doctor.noloopback", protocol=protocol, error=error))
    if not arrived:
        return Finding("bad", words("doctor.noloopback", protocol=protocol, error="?"))
    return Finding("ok", words("doctor.loopback", protocol=protocol, took_ms=(time.monotonic() - began) * 1000))


def _send_tcp() -> bytes:
    with listen(LOOPBACK, 0) as door:
        door.settimeout(WAIT_S)
        with socket.create_connection(door.getsockname(), WAIT_S) as here:
            there, _ = door.accept()
            with there:
                there.settimeout(WAIT_S)
                here.sendall(b"ponte")
                return there.recv(16)


def _send_udp() -> bytes:
    with listen(LOOPBACK, 0, socket.SOCK_DGRAM) as here, listen(LOOPBACK, 0, socket.SOCK_DGRAM) as there:
        there.settimeout(WAIT_S)
        here.sendto(b"ponte", there.getsockname())
        return there.recv(16)


def check_port(words: Words, role: str, port: int, kinds: Sequence[socket.SocketKind], mark: str) -> Finding:
    """Whether a role can have its port; `mark` is a field of the status page by which we know one of ours."""
    names = " + ".join("UDP" if kind == socket.SOCK_DGRAM else "TCP" for kind in kinds)
    try:
        for kind in kinds:
            listen(LOOPBACK, port, kind).close()
        return Finding("ok", words("doctor.port", role=role, port=port, kinds=names))
    except OSError as error:
        reason = error.strerror or str(error)
    pool = Pool()
    try:
        if mark in read_status(pool, (LOOPBACK, port)):
            return Finding("note", words("doctor.ours", role=role, port=port))
    except (OSError, ValueError):
        pass        # whoever is there, it is nobody of ours
    finally:
        pool.close()
    key = "doctor.taken.registry" if role == "registry" else "doctor.taken"
    return Finding("bad", words(key, role=role, port=port, kinds=names, reason=reason))


def check_encoding(words: Words, encoding: str) -> Finding:
    """Whether the console can show our symbols and accents."""
    missing = [symbol for symbol in [*ASCII, *"ãéíóúç"] if plain(symbol, encoding) != symbol]
    if missing:
        return Finding("note", words("doctor.symbols", encoding=encoding, missing=len(missing)))
    return Finding("ok", words("doctor.encoding", encoding=encoding))


def check_columns(words: Words, columns: int) -> Finding:
    """Whether the console is wide enough to read well."""
    level = "ok" if columns >= READABLE_COLUMNS else "note"
    return Finding(level, words(f"doctor.columns.{level}", columns=columns, best=MAX_COLUMNS))


def check_locale(words: Words, environ: Mapping[str, str]) -> Finding:
    """Which language the demo takes by itself."""
    return Finding("ok", words("doctor.locale", language=choose_language(environ, system_locale())))


def check_environment(words: Words, environ: Mapping[str, str]) -> Finding:
    """An HTTP proxy of the school is nothing to us, but curl would send our calls to it."""
    names = sorted({name for name in PROXY_VARIABLES if environ.get(name)})
    if names:
        return Finding("note", words("doctor.proxies", names=", ".join(names)))
    return Finding("ok", words("doctor.noproxies"))
