"""The harness of the system tests: real processes, started as a user starts them, on free ports.

Nothing here waits for a fixed time: `wait_until` waits for a condition, with a deadline. A process
ends when its standard input ends (--until-eof), and so it also ends when the test runner is killed.

cluster.py puts the processes of a scenario together; journal.py and load.py are what they serve,
and who calls it.
"""

from __future__ import annotations

import collections
import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
from collections.abc import Callable, Sequence
from typing import IO, TypeVar

from ponte.net import windows
from ponte.net.address import Address

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Every deadline of the harness is multiplied by this. On Windows a process takes several times
# longer to start and to be scheduled; more would only let a test that fails take longer.
PATIENCE = 4 if sys.platform == "win32" else 1
# Seconds for a process to print its banner. A healthy machine needs less than one second.
START_S = 15.0
# The reason that a process prints when `Process.stop` has stopped it.
STOPPED_BY = "end of standard input" if sys.platform == "win32" else "SIGTERM"
# How many lines of a process are kept. In a soak, a process prints more than fits into memory.
KEPT_LINES = 2000
# Seconds between two looks at a condition.
POLL_S = 0.01
# Below the range from which systems choose the ports of outgoing connections. So no connection
# takes the port while a process that had it is started again.
FIXED_PORTS = range(20_000, 30_000)

T = TypeVar("T")


def wait_until(condition: Callable[[], T], within_s: float, what: str) -> T:
    """Waits until `condition` returns a true value, and returns it.

    Fails the test if there is none within `within_s` seconds (times PATIENCE); `what` says what was
    missing.
    """
    deadline = time.monotonic() + within_s * PATIENCE
    never = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what}")
        never.wait(POLL_S)


def free_port() -> int:
    """A port that is free for TCP and UDP; the kernel gives it to no other process by itself."""
    while True:
        port = random.choice(FIXED_PORTS)
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Process:
    """One process and what it has printed. Threads: one for each of its two streams.

    It runs without site-packages (-S): Ponte needs none, and starts faster without them.
    """

    def __init__(self, arguments: Sequence[str], environment: dict[str, str] | None = None) -> None:
        self.arguments = list(arguments)
        # Set when the banner has been read.
        self.address: Address = ("", 0)
        python, variables = windows.own_python({**os.environ, **(environment or {})})
        self._popen = subprocess.Popen(
            [python, "-S", *arguments], cwd=ROOT, env=variables,
            text=True, encoding="utf-8", errors="replace",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._changed = threading.Condition()
        # Guarded by self._changed: the last lines of each stream, and of both in order of arrival.
        self._lines: dict[str, collections.deque[str]] = {
            name: collections.deque(maxlen=KEPT_LINES) for name in ("out", "err", "log")}
        self._readers = [threading.Thread(target=self._drain, args=(name, stream), daemon=True)
                         for name, stream in (("out", self._popen.stdout),
                                              ("err", self._popen.stderr))]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def out(self) -> str:
        """What it has printed to standard output."""
        return self._text("out")

    @property
    def err(self) -> str:
        """What it has printed to standard error."""
        return self._text("err")

    @property
    def log(self) -> str:
        """Both streams in order of arrival, under a line with the command and the exit code."""
        return (f"---- {' '.join(self.arguments)} (exit code {self._popen.poll()})\n"
                f"{self._text('log')}")

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    def signal(self, number: int) -> None:
        """Sends a POSIX signal. Windows has none of them, and would end the process at once."""
        self._popen.send_signal(number)

    def stop(self) -> None:
        """Tells it to stop in order, and does not wait for that.

        By SIGTERM; on Windows by the end of its standard input, for which it needs --until-eof.
        """
        if sys.platform == "win32":
            assert self._popen.stdin
            self._popen.stdin.close()
        else:
            self.signal(signal.SIGTERM)

    def freeze(self) -> None:
        """From now on it does nothing, but the system still accepts its connections.

        By SIGSTOP, or what Windows has for it. Returns when all its threads stand. On Windows,
        each `freeze` needs a `thaw` of its own.
        """
        if sys.platform == "win32":
            windows.suspend(self.pid)
        else:
            self.signal(signal.SIGSTOP)
            # Looks, and takes nothing away: how it ends is for `wait`. macOS has this call from
            # Python 3.13 on.
            if hasattr(os, "waitid"):
                with contextlib.suppress(ChildProcessError):
                    os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        """It goes on. A process that runs, or has ended, stays as it is."""
        if sys.platform != "win32":
            self.signal(signal.SIGCONT)
        elif self.is_running:
            windows.resume(self.pid)

    def wait(self, within_s: float) -> int:
        """Waits for its end; returns the exit code. Fails the test after `within_s` seconds (times
        PATIENCE).
        """
        try:
            code = self._popen.wait(within_s * PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"did not end within {within_s} s\n{self.log}") from None
        for reader in self._readers:
            reader.join()
        return code

    def wait_for_line(self, pattern: str, within_s: float) -> re.Match[str]:
        """Waits until it prints what matches; returns the first match.

        Fails the test if there is none within `within_s` seconds (times PATIENCE).
        """
        def seen() -> re.Match[str] | None:
            return re.search(pattern, "".join(self._lines["log"]))

        with self._changed:
            self._changed.wait_for(lambda: seen() or not self.is_running, within_s * PATIENCE)
        if not self.is_running:
            for reader in self._readers:
                reader.join()
        match = seen()
        if match is None:
            raise AssertionError(f"no line {pattern!r} within {within_s} s\n{self.log}")
        return match

    def close(self) -> None:
        """Kills it, also when it is frozen."""
        if self.is_running:
            self._popen.kill()
        self._popen.wait()
        for reader in self._readers:
            reader.join()
        for stream in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if stream:
                stream.close()

    def _drain(self, name: str, stream: IO[str]) -> None:
        for line in stream:
            with self._changed:
                self._lines[name].append(line)
                self._lines["log"].append(line)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _text(self, name: str) -> str:
        with self._changed:
            return "".join(self._lines[name])


def with_ctrl_c(test: unittest.TestCase, *others: signal.Signals) -> None:
    """Lets processes of this test receive SIGINT, and other signals.

    A test runner that was started in the background, with `&` or nohup, ignores some of them, and
    they would inherit that.
    """
    for number in (signal.SIGINT, *others):
        if signal.getsignal(number) == signal.SIG_IGN:
            test.addCleanup(signal.signal, number, signal.SIG_IGN)
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT
                          else signal.SIG_DFL)
