"""What every story works with: hosts, the processes on them, and what these know of each other.

A story starts the programs of Ponte by the command line. What it asks them (`lookup`, `status`), it
asks as a program on one of the hosts would.

Threads: one story uses its stage. `abandon` may be called from another thread.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import sys
import tempfile
import textwrap
import threading
import time
import xmlrpc.client
from collections.abc import Callable
from typing import Any, TypeVar

from ponte.net.address import Address, show
from tests.hosts.lan import Host, Lan
from tests.system.harness import Process

# Seconds between two looks at a condition.
POLL_S = 0.05
# Seconds that a process may take to start, while others start on the same two cores.
START_S = 20.0
# Seconds in which everybody knows of a process that has started or left: some beats.
FIND_S = 8.0
# Seconds that a program may take longer than it should.
MARGIN_S = 0.7
# Seconds that one question may take, on a busy machine.
ASK_S = 5.0
# What every role prints as soon as it serves.
BANNER = r"stop with Ctrl-C"
# The last lines of each process that are shown when a story fails.
SHOWN_LINES = 12

T = TypeVar("T")


class Broken(AssertionError):
    """A story does not hold; the text says what is wrong."""


class Stage:
    """The hosts and the processes of one story. `close` ends and removes all of them.

    `deadline` (monotonic) ends every wait, and so the story.
    """

    def __init__(self, deadline: float) -> None:
        self.directory = tempfile.mkdtemp(prefix="ponte-hosts-")
        self._deadline = deadline
        self._abandoned = threading.Event()
        self._processes: list[tuple[Host, Process]] = []
        # Not known yet.
        self._start_s = 0.0
        try:
            self._lan = Lan(self.directory)
        except BaseException:
            shutil.rmtree(self.directory)
            raise

    def close(self) -> None:
        for _, process in self._processes:
            process.close()
        self._lan.close()
        shutil.rmtree(self.directory)

    def abandon(self) -> None:
        """Ends the wait of the story, which then raises Broken."""
        self._abandoned.set()

    def host(self, name: str, number: int) -> Host:
        """A new host, 10.214.0.`number`."""
        return self._lan.add_host(name, number)

    def hosts(self, *names: str) -> list[Host]:
        """New hosts, from 10.214.0.17 on."""
        return [self._lan.add_host(name, number) for number, name in enumerate(names, 17)]

    def file(self, name: str, text: str) -> str:
        """Writes a file, and returns its path."""
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
        os.chmod(path, 0o600)
        return path

    # Processes.

    def start(self, host: Host, *arguments: str) -> Process:
        """Starts Python with these arguments on a host; does not wait for it."""
        self._check_time()
        process = Process(["-m", "tests.hosts.enter", host.namespace, host.etc, *arguments])
        self._processes.append((host, process))
        return process

    def start_roles(self, *roles: tuple[Host, str]) -> list[Process]:
        """Starts roles by their command lines, at the same time; waits for all banners."""
        processes = [self.start(host, *line.split(), "--until-eof") for host, line in roles]
        for process in processes:
            self.wait_for_line(process, BANNER, START_S)
        return processes

    def start_role(self, host: Host, line: str) -> Process:
        """Starts a registry, server or proxy by its command line; waits for its banner."""
        return self.start_roles((host, line))[0]

    def run(self, host: Host, line: str, within_s: float = START_S) -> Process:
        """Runs a program on a host, and waits for its end."""
        process = self.start(host, *line.split())
        self.wait_for_end(process, within_s)
        return process

    def run_for(self, host: Host, line: str, seconds: float) -> Process:
        """Runs a program which has work for `seconds`. Raises Broken if it takes much longer."""
        start_s = self.start_s(host)
        began = time.monotonic()
        process = self.run(host, line, START_S + seconds)
        took_s = time.monotonic() - began
        self.expect(took_s < seconds + 2 * start_s + MARGIN_S,
                    f"it took {took_s:.1f} s instead of {seconds:g} s, and {start_s:.1f} s for a "
                    f"start: {line}")
        return process

    def start_s(self, host: Host) -> float:
        """The seconds that a start of Python with our modules takes, as busy as the machine is."""
        if not self._start_s:
            began = time.monotonic()
            self.run(host, "client.py --help")
            self._start_s = time.monotonic() - began
        return self._start_s

    def expect_value(self, host: Host, line: str, value: str, within_s: float = START_S) -> None:
        """Runs a client, which must print this value."""
        client = self.run(host, f"client.py {line}", within_s)
        self.expect(client.out.strip() == value, f"client.py {line} printed {client.out!r} and "
                    f"{client.err!r} instead of {value!r}")

    def log(self) -> str:
        """The last lines of every process, for a story that failed."""
        shown = []
        for host, process in self._processes:
            head, *lines = process.log.splitlines()
            command = head[head.index(host.etc) + len(host.etc):]
            shown += [f"-- {host.name} ({host.address}):{command}",
                      *(f"   {line}" for line in lines[-SHOWN_LINES:])]
        return "\n".join(shown)

    # Waiting.

    def expect(self, holds: object, otherwise: str) -> None:
        """Raises Broken with the text, unless the condition holds."""
        if not holds:
            raise Broken(otherwise)

    def wait_until(self, condition: Callable[[], T], within_s: float, what: str) -> T:
        """Waits until `condition` returns a true value, and returns it. Raises Broken."""
        end = time.monotonic() + within_s
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise Broken(f"not within {within_s:g} s: {what}")
            self._check_time()
            self._abandoned.wait(POLL_S)

    def hold(self, condition: Callable[[], object], for_s: float, what: str) -> None:
        """Raises Broken if `condition` does not hold all the time."""
        end = time.monotonic() + for_s
        while time.monotonic() < end:
            self.expect(condition(), f"it did not last: {what}")
            self._check_time()
            self._abandoned.wait(POLL_S)

    def wait_for_line(self, process: Process, pattern: str, within_s: float) -> str:
        """Waits until a process prints what matches; returns that. Raises Broken."""
        try:
            return process.wait_for_line(pattern, min(within_s, self._left_s())).group()
        except AssertionError:
            if not process.is_running:
                raise Broken(f"it ended, exit code {process.wait(1)}: {self._command(process)}: "
                             f"{process.err.strip()}") from None
            raise Broken(f"not within {within_s:g} s: {pattern!r} of {self._command(process)}"
                         ) from None

    def wait_for_end(self, process: Process, within_s: float) -> int:
        """Waits for the end of a process; returns its exit code. Raises Broken."""
        try:
            return process.wait(min(within_s, self._left_s()))
        except AssertionError:
            raise Broken(f"it did not end within {within_s:g} s: "
                         f"{self._command(process)}") from None

    def pause(self, seconds: float) -> None:
        """Lets time pass, where the time itself is what the story is about."""
        self._abandoned.wait(min(seconds, self._left_s()))
        self._check_time()

    def _left_s(self) -> float:
        return max(self._deadline - time.monotonic(), 0.0)

    def _check_time(self) -> None:
        self.expect(not self._abandoned.is_set(), "abandoned")
        self.expect(self._left_s() > 0, "the story took too long")

    def _command(self, process: Process) -> str:
        return " ".join(process.arguments[4:])

    # What the processes know.

    def lookup(self, host: Host, registry: Address, service: str) -> dict[str, dict[str, Any]]:
        """The endpoints of a service by instance, as a registry answers a program on `host`.

        Empty where it does not answer.
        """
        body = xmlrpc.client.dumps((service,), "lookup")
        try:
            text = self._ask(host, registry, "POST", "/registry", body)
            answer: Any = xmlrpc.client.loads(text)[0][0]
        except (OSError, http.client.HTTPException):
            return {}
        return {endpoint["instance"]: endpoint for endpoint in answer["endpoints"]}

    def wait_until_listed(self, host: Host, registry: Address, service: str, *names: str,
                          within_s: float = FIND_S) -> None:
        """Waits until a registry lists exactly these instances. Raises Broken."""
        def listed() -> bool:
            return sorted(self.lookup(host, registry, service)) == sorted(names)
        try:
            self.wait_until(listed, within_s, f"{service} at {show(registry)} is {names}")
        except Broken as error:
            found = sorted(self.lookup(host, registry, service))
            raise Broken(f"{error}; it lists {found}") from None

    def wait_until_known(self, host: Host, proxy: Address, service: str, *names: str,
                         within_s: float = FIND_S) -> None:
        """Waits until a proxy knows exactly these servers. Raises Broken."""
        self.wait_until(
            lambda: sorted(self.servers_of_proxy(host, proxy, service) or []) == sorted(names),
            within_s, f"the proxy at {show(proxy)} knows {names}")

    def servers_of_proxy(self, host: Host, proxy: Address, service: str) -> list[str] | None:
        """The servers of a service that a proxy knows; None if it does not answer."""
        try:
            status = json.loads(self._ask(host, proxy, "GET", "/status"))
        except (OSError, http.client.HTTPException):
            return None
        return [member["instance"] for member in status["services"].get(service, [])]

    def _ask(self, host: Host, address: Address, verb: str, path: str, body: str = "") -> str:
        connection = http.client.HTTPConnection(show(address))
        connection.sock = host.connect(address, ASK_S)
        try:
            connection.request(verb, path, body, {"Content-Type": "text/xml"})
            return connection.getresponse().read().decode()
        finally:
            connection.close()


def freeze(process: Process) -> None:
    """SIGSTOP: the kernel still accepts its connections, but it answers nothing."""
    # Windows has no such signals, and no namespaces.
    if sys.platform != "win32":
        process.signal(signal.SIGSTOP)


def thaw(process: Process) -> None:
    """SIGCONT: it goes on where it was frozen."""
    # Windows has no such signals, and no namespaces.
    if sys.platform != "win32":
        process.signal(signal.SIGCONT)
