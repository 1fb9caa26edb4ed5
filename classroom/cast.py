"""The processes of the demo: started, watched, killed, frozen and thawed.

Every one is a real process of its own on a free port, and its address is read from the banner that it prints. None
outlives the demo, however that ends: each watches its standard input, whose other end dies with us. One that is
frozen cannot watch anything; it leads a process group of its own, and the kernel sends SIGHUP and SIGCONT to a
stopped group that loses its parent.

Threads: one for each process, which reads what it prints.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from typing import Any, NamedTuple

from ponte.discovery.directory import ask
from ponte.net.address import Address, show
from ponte.net.message import encode_request
from ponte.net.pool import Pool
from ponte.process.options import parse_address

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
START_S = 20.0          # for a process to print its banner, on a slow laptop with a virus scanner
STATUS_S = 2.0          # for a process to show its status
CAN_FREEZE = hasattr(signal, "SIGSTOP")

BANNER = re.compile(r"([\d.]+:\d+|\[[\da-f:.]+\]:\d+)\b.* - stop with Ctrl-C")      # the address of whoever listens
_NEWS = re.compile(r"registry: (\w+) +(\S+)/(\S+) +(\S+)$")


class StartFailed(Exception):
    """A process did not start; its text says why, in one line."""


class News(NamedTuple):
    """A line of the registry: `what` came to an instance, and when we heard it (monotonic)."""

    at: float
    what: str
    service: str
    instance: str
    address: str


def read_status(pool: Pool, address: Address) -> dict[str, Any]:
    """The /status page of a process. Raises OSError if nobody answers, ValueError if it is no such page."""
    request = encode_request("GET", "/status", {"Host": show(address)}, b"")
    reply = pool.exchange(address, request, time.monotonic() + STATUS_S)
    status = json.loads(reply.body)
    if not isinstance(status, dict):
        raise ValueError(f"{show(address)} shows no status")
    return status


class Actor:
    """One process. `await_banner` before anything else."""

    def __init__(self, name: str, arguments: list[str], pool: Pool) -> None:
        self.name = name
        self.address: Address = ("", 0)
        self._pool = pool
        self._printed = threading.Condition()
        # Guarded by self._printed:
        self._news: list[News] = []
        self._lines: list[str] = []
        self._ended = False
        self._process = subprocess.Popen(
            [sys.executable, *arguments, "--until-eof"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
            env={**os.environ, "PYTHONIOENCODING": "utf-8"})
        threading.Thread(target=self._read, name=f"read-{name}", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def await_banner(self) -> Actor:
        """Waits until it listens. Raises StartFailed if it does not."""
        with self._printed:
            self._printed.wait_for(lambda: self.address[1] or self._ended, START_S)
            if not self.address[1]:
                raise StartFailed(f"{self.name}: {self._lines[-1] if self._lines else 'it printed nothing'}")
        return self

    def take_news(self) -> list[News]:
        """What the registry told since the last time."""
        with self._printed:
            news, self._news = self._news, []
        return news

    def status(self) -> dict[str, Any]:
        """Its /status page. Raises OSError or ValueError where there is none."""
        return read_status(self._pool, self.address)

    def kill(self) -> None:
        """kill -9: no goodbye."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin
        self._process.stdin.close()

    def freeze(self) -> None:
        """SIGSTOP: alive, connected, and deaf. Returns when its last thread stands still."""
        if sys.platform != "win32":      # which has no such signals
            self._process.send_signal(signal.SIGSTOP)
            os.waitpid(self.pid, os.WUNTRACED)

    def thaw(self) -> None:
        """SIGCONT."""
        if sys.platform != "win32":      # which has no such signals
            self._process.send_signal(signal.SIGCONT)

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as printed:
            for line in printed:
                self._hear(line.rstrip(), time.monotonic())
        with self._printed:
            self._ended = True
            self._printed.notify_all()

    def _hear(self, line: str, now: float) -> None:
        banner, news = BANNER.search(line), _NEWS.search(line)
        with self._printed:
            self._lines = [*self._lines[-20:], line]
            if banner and not self.address[1]:
                self.address = parse_address(banner.group(1))
            if news:
                self._news.append(News(now, *news.groups()))
            self._printed.notify_all()


class Cast:
    """All processes of the demo, by name."""

    def __init__(self) -> None:
        self._actors: dict[str, Actor] = {}
        self._pool = Pool()

    def __getitem__(self, name: str) -> Actor:
        return self._actors[name]

    def start_registry(self, name: str = "registry", port: int = 0) -> Actor:
        """Starts a registry and waits until it listens."""
        return self._start(name, "registry.py", "--port", str(port)).await_banner()

    def start_server(self, name: str, service: str, registry: Actor, advertise: Address | None = None) -> Actor:
        """Starts a server of `services/<service>.py`; does not wait for its banner."""
        extra = ["--advertise", show(advertise)] if advertise else []
        return self._start(name, "server.py", os.path.join("services", f"{service}.py"), "--name", name,
                           "--registry", show(registry.address), *extra)

    def start_proxy(self, name: str, registry: Actor) -> Actor:
        """Starts a proxy; does not wait for its banner."""
        return self._start(name, "proxy.py", "--port", "0", "--name", name, "--registry", show(registry.address))

    def lookup(self, service: str, registry: str = "registry") -> dict[str, dict[str, Any]]:
        """What the registry says of a service: its endpoints by instance. Raises OSError if it does not answer."""
        answer = ask(self._pool, self[registry].address, "lookup", service)
        return {endpoint["instance"]: endpoint for endpoint in answer["endpoints"]}

    def names(self) -> list[str]:
        """The processes that were started and not forgotten."""
        return list(self._actors)

    def kill_all(self) -> None:
        """kill -9 for everybody; also for those that are frozen."""
        actors, self._actors = list(self._actors.values()), {}
        for actor in actors:
            actor.kill()

    def close(self) -> None:
        """Kills everybody, and closes the connections to them."""
        self.kill_all()
        self._pool.close()

    def _start(self, name: str, *arguments: str) -> Actor:
        self._actors[name] = Actor(name, list(arguments), self._pool)
        return self._actors[name]
