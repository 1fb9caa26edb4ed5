"""What the steps of the swap work with: programs that are not Ponte's, and who answers by them.

A program that is missing is named with the command that installs it, and its step is passed over.

Threads: the main one only.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterator, Sequence
from typing import Any, Callable

from classroom.cast import Actor, StartFailed
from classroom.guard import Guard
from classroom.stage import Skipped, Stage
from ponte.net.address import Address, show
from ponte.process.options import PYTHON
from ponte.process.own_files import FOLDER, own_file
from ponte.process.typed import typed

# The two servers of every step. The second one is killed, and comes back for the next step.
KEPT, KILLED = "server-1", "server-2"
# Seconds: for a program to be ready; in which a killed server must be gone; and for one call.
READY_S, GONE_S, CALL_S = 10.0, 5.0, 2.0
# Programs that no package of Debian 12 has.
APART = ("consul", "grpcurl")


def need(stage: Stage, *programs: str, package: str) -> None:
    """Raises Skipped where a program is missing: says which, and what installs it."""
    missing = [program for program in programs if not found(program)]
    if missing:
        command = f"{PYTHON} -m tests.interop --programs FOLDER" if missing[0] in APART \
            else f"apt-get install {package}"
        raise Skipped(stage.words("{program} is missing:  {command}", program=missing[0],
                                  command=command))


def found(program: str) -> str | None:
    """The path of a program. Debian keeps servers where the PATH of a user does not lead."""
    path = os.environ.get("PATH", "")
    if sys.platform != "win32":
        path = os.pathsep.join((path, "/usr/sbin", "/sbin"))
    return shutil.which(program, path=path)


@contextlib.contextmanager
def beside(stage: Stage, *command: str, folder: str = "") -> Iterator[None]:
    """A program that runs for a `with` block, in `folder` (default: that of the story).

    Raises StartFailed if it cannot be started.
    """
    program = found(command[0])
    stage.say(f"$ {typed(list(command))}", style="strong")
    try:
        process = subprocess.Popen([program or command[0], *command[1:]],
                                   cwd=folder or stage.cast.folder(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError as error:
        raise StartFailed(f"{command[0]}: {error}") from None
    # However the demo ends, the program does.
    guard = Guard(process.pid) if sys.platform != "win32" else None
    try:
        yield
    finally:
        if guard:
            guard.dismiss()
        process.terminate()
        try:
            process.wait(READY_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def show_run(stage: Stage, *command: str) -> str:
    """What a program prints to its end, without the line breaks around it; shows the command."""
    stage.say(f"$ {typed(list(command))}", style="strong")
    printed = ask(*command)
    for line in printed.splitlines():
        stage.say(line)
    return printed


def ask(*command: str) -> str:
    """The same, without a word on the screen. Empty if the program cannot be run."""
    try:
        ended = subprocess.run([found(command[0]) or command[0], *command[1:]], check=False,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, timeout=READY_S, text=True,
                               encoding="utf-8", errors="replace", cwd=FOLDER)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.strip()


def start_servers(stage: Stage) -> None:
    """Starts the registry and both servers, as far as they do not run."""
    cast = stage.cast
    if "registry" not in cast.names():
        cast.start_registry()
    for name in (KEPT, KILLED):
        if name not in cast.names() or not cast[name].is_running:
            cast.start_server(name, "greeter", cast["registry"]).await_banner()
    stage.until(lambda: {KEPT, KILLED} <= set(cast.lookup("greeter")), READY_S)


def start_keeper(stage: Stage, *words: str, registry: str = "") -> Actor:
    """Starts a process of interop/ that follows the registry; does not wait for it."""
    arguments = ["-m", *words, "--registry", registry or show(stage.cast["registry"].address)]
    stage.say(f"$ {PYTHON} {typed(arguments)}", style="strong")
    return stage.cast.start(words[0], *arguments)


def call(address: Address, method: str, *params: object) -> str:
    """What a call by Python's own client returns, as text; the error, where there is one.

    Each call has a connection of its own, and is sent once.
    """
    transport = _Patient()
    try:
        with xmlrpc.client.ServerProxy(f"http://{show(address)}/greeter", transport) as stub:
            return str(getattr(stub, method)(*params))
    except (OSError, xmlrpc.client.Error) as error:
        return f"{type(error).__name__}: {error}"


class _Patient(xmlrpc.client.Transport):
    """Python's own, which would wait for ever."""

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = super().make_connection(host)
        connection.timeout = CALL_S
        return connection


def who_answers(address: Address, times: int = 6) -> set[str]:
    """The names of the servers that answer some calls through a relay."""
    return {call(address, "whoami") for _ in range(times)}


def lose_a_server(stage: Stage, still_there: Callable[[], bool]) -> float:
    """Kills a server. Returns the seconds until it is gone for a peer; GONE_S or more if it is not.
    """
    stage.tell("kill -9 {name}", name=KILLED, style="strong")
    began = stage.elapsed_s()
    stage.cast[KILLED].kill()
    is_gone = stage.until(lambda: not still_there(), GONE_S)
    gone_s = stage.elapsed_s() - began
    return gone_s if is_gone else max(gone_s, GONE_S)


def free_ports(count: int) -> list[int]:
    """Ports that are free now, for programs that cannot take any."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def is_open(port: int) -> bool:
    """Whether a program takes connections there."""
    with socket.socket() as sock:
        sock.settimeout(CALL_S)
        return sock.connect_ex(("127.0.0.1", port)) == 0


def greeter() -> str:
    """The services file of every step."""
    return own_file("services", "greeter.py")


def ports_of(names: Sequence[str], stage: Stage) -> list[int]:
    """Where servers listen, sorted."""
    return sorted(stage.cast[name].address[1] for name in names)
