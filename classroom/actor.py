"""One process of the demo: started, watched, killed, frozen and thawed.

Each is a real process on a free port. It prints its address in a line, its banner, and we read the
address there. No process outlives the demo, however the demo ends: each watches its standard input,
whose other end closes with us. A frozen process cannot watch anything: a guard watches in its place
(guard.py). On Windows all are in one job, which ends with us.

The live page gives a function `tell`. It gets an event, a dict for JSON, at the moment in which
something happens to a process: `proc` with the state that the process has from then on, and `fault`
for what was let loose on it.

    starting → up ⇄ frozen       it was started; it listens; freeze, and thaw
    up → draining → gone         it was told to leave
    any → killed                 kill -9
    any → ended                  it ended by itself; `why` is the last line that it printed
    any → gone                   the demo ends

Threads: one for each process, which reads what it prints; another one for each that is told lines,
which writes them. `tell` runs on any thread.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple

from classroom.guard import Guard
from ponte.net import windows
from ponte.net.address import Address, parse_address, show
from ponte.net.message import encode_request
from ponte.net.pool import Pool
from ponte.net.threads import wait_for
from ponte.process.own_files import FOLDER, command
from ponte.process.shared_clock import shared_s

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
# Lines that a process is told and has not read, beside those in its pipe.
MAX_SAID = 50
# Lines of a process that we keep, for the message where it does not start.
KEPT_LINES = 20

# The role of a process that calls: it does not listen, and its first line is its banner.
CLIENT = "client"
# States of a process that is no more.
OVER = ("killed", "ended", "gone")

# What is told of a process, as an event of the live page.
Tell = Callable[[dict[str, Any]], None]
# Gets the name of a process, and each line that it prints.
OnLine = Callable[[str, str], None]

# The banner of a process that listens; the group is its address.
BANNER = re.compile(r"([\d.]+:\d+|\[[\da-f:.]+(?:%[\w.-]+)?\]:\d+)\b.* - stop with Ctrl-C")
# A line of the registry: what happened to SERVICE/INSTANCE at an address.
_NEWS = re.compile(r"registry: (\w+) +(\S+)/(\S+) +(\S+)$")


def tell_nobody(event: dict[str, Any]) -> None:
    """Nobody shows the processes."""


def keep_nothing(name: str, line: str) -> None:
    """Nobody keeps what the processes print."""


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process of the demo, made of ours.

    Without variables such as PONTE_HOST or PONTE_TLS_CERT: they are for the processes that the user
    starts, and the demo tells its own all that they need.
    """
    kept = {name: value for name, value in environ.items() if not name.startswith("PONTE_")}
    return {**kept, "PYTHONIOENCODING": "utf-8"}


def run_program(*arguments: str,
                watched: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a program of this folder to its end, such as client.py with its words.

    `watched` are further variables of its environment. Blocks for RUN_S at most. Raises
    subprocess.TimeoutExpired.
    """
    python, variables = windows.own_python({**environment(os.environ), **(watched or {})})
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
    """One process, started by the constructor. Call `await_banner` before anything else.

    Attributes: `role` and `service`, for those who watch it; `state`, see the top of this file;
    `address`, known from its banner on. `variables` are its environment; `on_line` runs on the
    thread that reads.
    """

    def __init__(self, name: str, arguments: list[str], pool: Pool, variables: dict[str, str], *,
                 role: str = "", service: str = "", tell: Tell = tell_nobody,
                 on_line: OnLine = keep_nothing) -> None:
        self.name, self.arguments, self.role, self.service = name, arguments, role, service
        self.address: Address = ("", 0)
        self.state = "starting"
        self._pool, self._tell, self._on_line = pool, tell, on_line
        # Guarded by self._printed: the address, the state, the news that were not taken yet, its
        # last lines, and whether its output has ended.
        self._printed = threading.Condition()
        self._news: list[News] = []
        self._lines: list[str] = []
        self._ended = False
        # Lines for it that were not written yet; None ends the thread that writes them.
        self._said: queue.Queue[str | None] = queue.Queue(MAX_SAID)
        # Guarded by self._asking: whether that thread was started.
        self._asking = threading.Lock()
        self._speaks = False
        # Guarded by self._guarding: who ends it if we are killed while it is frozen.
        self._guarding = threading.Lock()
        self._guard: Guard | None = None
        python, variables = windows.own_python(variables)
        self._process = subprocess.Popen(
            [python, *command(*arguments), "--until-eof"], cwd=FOLDER,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", errors="replace", env=variables)
        if sys.platform == "win32":
            # Where that is not allowed, only a frozen process could outlive a demo that is killed.
            with contextlib.suppress(OSError):
                windows.end_with_us(self._process.pid)
        self._tell_state()
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
            self._printed.wait_for(lambda: self.state != "starting" or self._ended, START_S)
            if self.state == "starting" or (self.state in OVER and not self.address[1]):
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

    def say(self, line: str) -> None:
        """Sends it a line on its standard input, soon; does not block.

        Raises OSError where it is no more; TimeoutError, which is one, where it has not read many
        lines before: it may be stopped from outside.
        """
        if self.state in OVER or not self.is_running:
            raise BrokenPipeError(f"{self.name} is no more")
        try:
            self._said.put_nowait(line)
        except queue.Full:
            raise TimeoutError(f"{self.name} does not read what it is told") from None
        with self._asking:
            if not self._speaks:
                self._speaks = True
                threading.Thread(target=self._speak, name=f"say-{self.name}", daemon=True).start()

    def kill(self) -> None:
        """kill -9: it ends at once, and cannot announce it."""
        self._tell_fault("kill")
        self._end("killed")

    def leave(self) -> None:
        """The same where that is no fault, but the end of the cast."""
        self._end("gone")

    def freeze(self) -> None:
        """SIGSTOP: alive and connected, but it does nothing. Returns when all its threads stand.

        Raises OSError where the system does not allow it.
        """
        self._tell_fault("freeze")
        if sys.platform == "win32":
            windows.suspend(self.pid)
        else:
            self._stop_guarded()
        self._become("frozen")

    def thaw(self) -> None:
        """SIGCONT: it goes on where it was frozen. Raises OSError as `freeze` does."""
        self._tell_fault("thaw")
        # What it does from now on comes after this.
        self._become("up")
        if sys.platform == "win32":
            windows.resume(self.pid)
        else:
            self._process.send_signal(signal.SIGCONT)
            self._dismiss_guard()

    def drain(self) -> None:
        """Tells it to leave in order, and does not wait: SIGTERM, or the end of its input."""
        self._tell_fault("drain")
        self._become("draining")
        if sys.platform == "win32":
            self._hang_up()
        else:
            self._process.terminate()

    def tell_again(self) -> None:
        """Tells the same state once more, for somebody who adds to it."""
        self._tell_state()

    def _stop_guarded(self) -> None:
        if sys.platform != "win32":
            with self._guarding:
                self._guard = self._guard or Guard(self.pid)
            try:
                self._process.send_signal(signal.SIGSTOP)
                _, status = os.waitpid(self.pid, os.WUNTRACED)
                stands = os.WIFSTOPPED(status)
            except OSError:
                self._dismiss_guard()
                raise
            # It has ended by itself meanwhile.
            if not stands:
                self._dismiss_guard()

    def _dismiss_guard(self) -> None:
        with self._guarding:
            guard, self._guard = self._guard, None
            if guard:
                guard.dismiss()

    def _end(self, state: str) -> None:
        self._become(state, after=self._process.kill)
        self._dismiss_guard()
        self._process.wait()
        self._hang_up()

    def _hang_up(self) -> None:
        """Ends its standard input, behind what was said before."""
        with self._asking:
            if not self._speaks:
                self._close_input()
                return
        # Where it is full, the process does not read, or is no more: the thread ends by that.
        with contextlib.suppress(queue.Full):
            self._said.put_nowait(None)

    def _close_input(self) -> None:
        assert self._process.stdin
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    # ---- what the class is told

    def _become(self, state: str, why: str = "", after: Callable[[], None] = lambda: None) -> None:
        """Has this state from now on, unless it is no more; `after` that has happened."""
        with self._printed:
            is_new = self.state not in OVER
            if is_new:
                self.state = state
            self._printed.notify_all()
        after()
        if is_new:
            self._tell_state(why)

    def _tell_state(self, why: str = "") -> None:
        event = {"k": "proc", "p": "laboratory", "t": shared_s(), "who": self.name,
                 "role": self.role, "state": self.state, "pid": self.pid, "port": self.address[1],
                 "service": self.service, "can": []}
        self._tell({**event, "why": why} if why else event)

    def _tell_fault(self, what: str) -> None:
        if self.state not in OVER:
            self._tell({"k": "fault", "p": "laboratory", "t": shared_s(),
                        "who": self.name, "what": what})

    # ---- the threads that write and read

    def _speak(self) -> None:
        assert self._process.stdin
        # OSError: it has ended.
        with contextlib.suppress(OSError):
            for line in iter(self._said.get, None):
                # One at a time, so that what a stopped process has not read stays bounded.
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()
        self._close_input()

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as printed:
            for line in printed:
                self._hear(line.rstrip(), time.perf_counter())
        with self._printed:
            self._ended = True
            self._printed.notify_all()
            last = self._lines[-1] if self._lines else "it printed nothing"
        self._dismiss_guard()
        self._process.wait()
        self._hang_up()
        if self.state == "draining":
            self._become("gone")
        else:
            self._become("ended", last)

    def _hear(self, line: str, now: float) -> None:
        self._on_line(self.name, line)
        banner, news = BANNER.search(line), _NEWS.search(line)
        with self._printed:
            self._lines = [*self._lines[1 - KEPT_LINES:], line]
            if banner and not self.address[1]:
                self.address = parse_address(banner.group(1))
            is_up = self.state == "starting" and (self.address[1] > 0 or self.role == CLIENT)
            if news:
                self._news.append(News(now, *news.groups()))
            self._printed.notify_all()
        if is_up:
            self._become("up")
