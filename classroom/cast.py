"""The processes of the demo: started, watched, killed, frozen and thawed.

Each is a real process on a free port. It prints its address in a line, its banner, and we read the
address there. No process outlives the demo, however the demo ends: each watches its standard input,
whose other end closes with us. A frozen process cannot watch anything. It leads a process group of
its own, and the kernel sends SIGHUP and SIGCONT to a stopped group that loses its parent. On
Windows all are in one job, which ends with us.

Threads: one for each process, which reads what it prints.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from lab.thief import SAYS
from ponte.discovery.follower import ask
from ponte.net import windows
from ponte.net.address import Address, parse_address, show
from ponte.net.message import encode_request
from ponte.net.pool import Pool
from ponte.net.threads import wait_for
from ponte.process.own_files import FOLDER, command, own_file

# How long a process may take to print its banner, in seconds. A slow laptop with a virus scanner
# needs some 20. One that ends before is not waited for.
START_S = 60.0
# How long a program that ends by itself may run, in seconds.
RUN_S = 60.0
# How long a process may take to show its status, in seconds.
STATUS_S = 2.0
CAN_FREEZE = sys.platform == "win32" or hasattr(signal, "SIGSTOP")
# By what a process is frozen and thawed on this system.
FREEZES_BY, THAWS_BY = (("NtSuspendProcess", "NtResumeProcess") if sys.platform == "win32" else
                        ("SIGSTOP", "SIGCONT"))
# Lines of a process that we keep, for the message where it does not start.
KEPT_LINES = 20

# The banner of a process that listens; the group is its address.
BANNER = re.compile(r"([\d.]+:\d+|\[[\da-f:.]+(?:%[\w.-]+)?\]:\d+)\b.* - stop with Ctrl-C")
# A line of the registry: what happened to SERVICE/INSTANCE at an address.
_NEWS = re.compile(r"registry: (\w+) +(\S+)/(\S+) +(\S+)$")


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process of the demo, made of ours.

    Without variables such as PONTE_HOST or PONTE_TLS_CERT: they are for the processes that the user
    starts, and the demo tells its own all that they need.
    """
    kept = {name: value for name, value in environ.items() if not name.startswith("PONTE_")}
    return {**kept, "PYTHONIOENCODING": "utf-8"}


def run_program(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of this folder to its end, such as client.py with its words.

    Blocks for RUN_S at most. Raises subprocess.TimeoutExpired.
    """
    python, variables = windows.own_python(environment(os.environ))
    return subprocess.run([python, *command(*arguments)], cwd=FOLDER, env=variables,
                          stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
                          errors="replace", timeout=RUN_S, check=False)


class StartFailed(Exception):
    """A process did not start; the text says why, in one line."""


class News(NamedTuple):
    """A line of the registry: `what` happened to an instance, and when we read it.

    The time is one of time.perf_counter, as all times that the class reads (stage.py).
    """

    at: float
    what: str
    service: str
    instance: str
    address: str


def read_status(pool: Pool, address: Address) -> dict[str, Any]:
    """The /status page of a process. Blocks for STATUS_S at most.

    Raises OSError if there is no answer, ValueError if the answer is no such page.
    """
    request = encode_request("GET", "/status", {"Host": show(address)}, b"")
    reply = wait_for(pool.exchange(address, request, time.monotonic() + STATUS_S))
    status = json.loads(reply.body)
    if not isinstance(status, dict):
        raise ValueError(f"{show(address)} shows no status")
    return status


class Actor:
    """One process, started by the constructor. Call `await_banner` before anything else."""

    def __init__(self, name: str, arguments: list[str], pool: Pool) -> None:
        self.name, self.arguments = name, arguments
        # Known from its banner on.
        self.address: Address = ("", 0)
        self._pool = pool
        # Guarded by self._printed: the address, the news that were not taken yet, its last lines,
        # and whether its output has ended.
        self._printed = threading.Condition()
        self._news: list[News] = []
        self._lines: list[str] = []
        self._ended = False
        python, variables = windows.own_python(environment(os.environ))
        self._process = subprocess.Popen(
            [python, *command(*arguments), "--until-eof"], cwd=FOLDER,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", errors="replace", env=variables)
        if sys.platform == "win32":
            # Where that is not allowed, only a frozen process could outlive a demo that is killed.
            with contextlib.suppress(OSError):
                windows.end_with_us(self._process.pid)
        threading.Thread(target=self._read, name=f"read-{name}", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def lines(self) -> list[str]:
        """The last lines that it printed, KEPT_LINES at most."""
        with self._printed:
            return list(self._lines)

    def await_banner(self) -> Actor:
        """Waits until it listens, for START_S at most; returns itself. Raises StartFailed."""
        with self._printed:
            self._printed.wait_for(lambda: self.address[1] or self._ended, START_S)
            if not self.address[1]:
                reason = self._lines[-1] if self._lines else "it printed nothing"
                raise StartFailed(f"{self.name}: {reason}")
        return self

    def take_news(self) -> list[News]:
        """What it reported, as a registry, since this method was last called."""
        with self._printed:
            news, self._news = self._news, []
        return news

    def status(self) -> dict[str, Any]:
        """Its /status page. Raises OSError or ValueError where there is none."""
        return read_status(self._pool, self.address)

    def kill(self) -> None:
        """kill -9: it ends at once, and cannot announce it."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin
        self._process.stdin.close()

    def freeze(self) -> None:
        """SIGSTOP: alive and connected, but it does nothing. Returns when all its threads stand.

        Raises OSError where the system does not allow it.
        """
        if sys.platform == "win32":
            windows.suspend(self.pid)
        else:
            self._process.send_signal(signal.SIGSTOP)
            os.waitpid(self.pid, os.WUNTRACED)

    def thaw(self) -> None:
        """SIGCONT: it goes on where it was frozen. Raises OSError as `freeze` does."""
        if sys.platform == "win32":
            windows.resume(self.pid)
        else:
            self._process.send_signal(signal.SIGCONT)

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as printed:
            for line in printed:
                self._hear(line.rstrip(), time.perf_counter())
        with self._printed:
            self._ended = True
            self._printed.notify_all()

    def _hear(self, line: str, now: float) -> None:
        banner, news = BANNER.search(line), _NEWS.search(line)
        with self._printed:
            self._lines = [*self._lines[1 - KEPT_LINES:], line]
            if banner and not self.address[1]:
                self.address = parse_address(banner.group(1))
            if news:
                self._news.append(News(now, *news.groups()))
            self._printed.notify_all()


class Cast:
    """All processes of the demo, by name.

    `key_file`: what every registry, server and proxy is given that is started from then on; "" for
    no key.
    """

    def __init__(self) -> None:
        self.key_file = ""
        self._actors: dict[str, Actor] = {}
        self._pool = Pool()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __getitem__(self, name: str) -> Actor:
        return self._actors[name]

    def start_registry(self, name: str = "registry", port: int = 0) -> Actor:
        """Starts a registry and waits until it listens."""
        return self._start(name, "registry.py", "--port", str(port),
                           *self._key_option()).await_banner()

    def start_server(self, name: str, service: str, registry: Actor | Address,
                     advertise: Address | None = None) -> Actor:
        """Starts a server of `services/<service>.py`; does not wait for its banner.

        `registry` can also be an address, such as that of a relay. `advertise`: the address that
        callers shall use, where it is not the server's own.
        """
        extra = ["--advertise", show(advertise)] if advertise else []
        address = registry if isinstance(registry, tuple) else registry.address
        return self._start(name, "server.py", own_file("services", f"{service}.py"),
                           "--name", name, "--registry", show(address), *extra,
                           *self._key_option())

    def start_proxy(self, name: str, registry: Actor) -> Actor:
        """Starts a proxy; does not wait for its banner."""
        return self._start(name, "proxy.py", "--port", "0", "--name", name,
                           "--registry", show(registry.address), *self._key_option())

    def start_thief(self, name: str, victim: str, service: str, registry: Actor,
                    says: str = SAYS) -> Actor:
        """Starts a thief, who claims to be the server `victim`; waits until its trap listens.

        `says`: what its trap answers, before the value that a caller gave.
        """
        answer = ["--says", says] if says != SAYS else []
        return self._start(name, "-m", "lab.thief", service, victim,
                           "--registry", show(registry.address), *answer).await_banner()

    def lookup(self, service: str, registry: str = "registry") -> dict[str, dict[str, Any]]:
        """The endpoints of a service by instance, as the registry answers. Raises OSError."""
        answer = ask(self._pool, self[registry].address, "lookup", service)
        return {endpoint["instance"]: endpoint for endpoint in answer["endpoints"]}

    def folder(self) -> str:
        """The path of a folder for the files of a story, ours alone; it ends with the cast."""
        if not self._folder:
            self._folder = tempfile.TemporaryDirectory(prefix="ponte-")
        return self._folder.name

    def names(self) -> list[str]:
        """The processes that were started since the last `kill_all`."""
        return list(self._actors)

    def kill_all(self) -> None:
        """kill -9 for every process, also for a frozen one."""
        actors, self._actors = list(self._actors.values()), {}
        for actor in actors:
            actor.kill()

    def close(self) -> None:
        """Kills every process, closes the connections to them, and deletes their files."""
        self.kill_all()
        self._pool.close()
        if self._folder:
            self._folder.cleanup()

    def _key_option(self) -> list[str]:
        return ["--key-file", self.key_file] if self.key_file else []

    def _start(self, name: str, *arguments: str) -> Actor:
        self._actors[name] = Actor(name, list(arguments), self._pool)
        return self._actors[name]
