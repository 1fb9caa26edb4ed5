"""The student's detector inside Ponte's own registry, on a computer that sleeps.

Three servers beat, one of them crashes, and then the registry and the servers are really stopped
(SIGSTOP), for a lease or longer. Where no process can be stopped (Windows), their loops are blocked
instead.

The computer wakes up as laptops do: the registry runs for a moment before the network is back.

    python3 -m course.lessons.failure_detectors.real FILE
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from types import ModuleType
from typing import Any, NamedTuple
from xmlrpc.client import ServerProxy, Transport

from course.lessons.failure_detectors.sleeper import DEAD, LEASE_S, NAMES, SERVICE
from course.theirs import Theirs
from course.worker import LIMIT_S, load
from ponte.process.characters import write_any
from ponte.process.own_files import FOLDER

# Milliseconds that the computer sleeps, and as many more as the student's personal number says.
SLEEP_MS = 1500
# Seconds that an answer may take: more than a call of the file, whose loop is told with its line.
# And how long we look when the computer has woken up: a lease, and more for a slow machine.
ANSWER_S, LOOK_S = LIMIT_S + 2.0, LEASE_S + 1.0
# Seconds between two looks. In the first ones the network is not back: the servers sleep, and the
# registry runs. Many more would be a silence of the servers, which no detector excuses.
GLANCE_S, FIRST_LOOKS = 0.01, 15
# Seconds in which the registry takes the beats that were sent before the computer sleeps.
DRAIN_S = 0.1
LIVING = [name for name in NAMES if name != DEAD]
# How the computer sleeps. Not every system has this signal.
STOPPED, BLOCKED = "stopped", "blocked"
HOW = STOPPED if hasattr(signal, "SIGSTOP") else BLOCKED


class Seen(NamedTuple):
    """What a reader of the registry saw after the computer had slept for `slept_ms`: the fewest
    living servers at any moment, of how many; for how many seconds the dead one was listed, and
    whether it still was when we ceased to look. `how`: whether processes were stopped, or blocked.
    """

    slept_ms: int
    fewest: int
    took_s: float
    still_listed: bool
    how: str
    living: int = len(LIVING)
    lease_s: float = LEASE_S


def see(solution: ModuleType, personal: int = 0, how: str = HOW) -> Seen:
    """A computer sleeps, with a student's detector in its registry. Blocks for some seconds."""
    slept_ms = SLEEP_MS + personal
    with _child("registry", os.path.abspath(solution.__file__ or "")) as registry:
        registry.hear("loads")
        host, port = registry.hear("ready")
        with _child("servers", host, port) as servers, _reader(host, port) as listed:
            servers.hear("ready")
            _wait_until(lambda: listed() == set(NAMES))
            # 1. One server crashes. Before anybody can know, the computer sleeps.
            servers.obey("crash")
            servers.sleep(how)
            # The registry takes the beats that are there: it shall wake up to silence.
            time.sleep(DRAIN_S)
            registry.sleep(how)
            time.sleep(slept_ms / 1000)
            # 2. The registry is awake, and the network is not. Then it is, too.
            registry.wake(how)
            looks = _Looks(listed)
            for _ in range(FIRST_LOOKS):
                looks.look()
            servers.wake(how)
            while looks.is_needed():
                looks.look()
        return Seen(slept_ms, looks.fewest, looks.dead_s, looks.sees_dead, how)


def is_right(seen: Mapping[str, Any]) -> bool:
    """Whether the living servers were listed all the time, and the dead one went with its lease."""
    return seen["fewest"] == len(LIVING) and not seen["still_listed"]


class _Looks:
    """What a reader sees, look after look, from now on.

    Attributes: `fewest`, the fewest living servers that were listed at once; `sees_dead`, whether
    the dead one is listed; `dead_s`, for how many seconds it was.
    """

    def __init__(self, listed: Callable[[], set[str]]) -> None:
        self.fewest, self.sees_dead, self.dead_s = len(LIVING), True, 0.0
        self._listed, self._began = listed, time.perf_counter()

    def look(self) -> None:
        found = self._listed()
        self.fewest = min(self.fewest, len(found.intersection(LIVING)))
        self.sees_dead = DEAD in found
        if self.sees_dead:
            self.dead_s = time.perf_counter() - self._began
        time.sleep(GLANCE_S)

    def is_needed(self) -> bool:
        """Whether there may be something to see yet: until a lease is over, or until LOOK_S."""
        return time.perf_counter() - self._began < (LOOK_S if self.sees_dead else LEASE_S)


# ---- the two processes

class _Child:
    """A process of sleeper.py."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        # Whether the student's file is in it.
        self._has_loaded = False

    def hear(self, expected: str) -> list[str]:
        """The words behind the expected one in its next line. Raises Theirs if the student's file
        has made a mistake in it, or has ended it.
        """
        assert self._process.stdout
        said, _, rest = self._process.stdout.readline().rstrip().partition(" ")
        if said == "error":
            raise Theirs(*json.loads(rest))
        if said != expected:
            why = f"a process of this lesson said {said!r} instead of {expected!r}"
            raise Theirs("the file has ended the registry's process") if self._has_loaded \
                else ChildProcessError(why)
        self._has_loaded = self._has_loaded or said == "loads"
        return rest.split()

    def obey(self, order: str) -> None:
        """Has it do something, and waits until it has."""
        assert self._process.stdin
        with contextlib.suppress(OSError):
            print(order, file=self._process.stdin, flush=True)
        self.hear("done")

    def sleep(self, how: str) -> None:
        if sys.platform != "win32" and how == STOPPED:
            self._process.send_signal(signal.SIGSTOP)
        else:
            self.obey("sleep")

    def wake(self, how: str) -> None:
        if sys.platform != "win32" and how == STOPPED:
            self._process.send_signal(signal.SIGCONT)
        else:
            self.obey("wake")

    def end(self) -> None:
        """Ends it; raises Theirs if it had ended by the student's file."""
        self._process.kill()
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith("error "):
                raise Theirs(*json.loads(line[len("error "):]))


@contextmanager
def _child(*arguments: str) -> Iterator[_Child]:
    process = subprocess.Popen(
        [sys.executable, "-m", "course.lessons.failure_detectors.sleeper", *arguments],
        cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
    with process:
        child = _Child(process)
        try:
            yield child
        finally:
            child.end()


# ---- the reader

class _Patience(Transport):
    """A connection on which no answer is awaited for ever."""

    def make_connection(self, host: Any) -> HTTPConnection:
        connection = super().make_connection(host)
        connection.timeout = ANSWER_S
        return connection


@contextmanager
def _reader(host: str, port: str) -> Iterator[Callable[[], set[str]]]:
    """Looks the servers up over XML-RPC, as anybody can: the names of those that are listed."""
    with ServerProxy(f"http://{host}:{port}/registry", _Patience()) as proxy:
        def listed() -> set[str]:
            try:
                found: Any = proxy.lookup(SERVICE)
            except OSError:
                raise Theirs("with this file in it, the registry answers no more") from None
            return {each["instance"] for each in found["endpoints"]}
        yield listed


def _wait_until(holds: Callable[[], bool]) -> None:
    """Waits until that holds, for ANSWER_S at most."""
    deadline = time.monotonic() + ANSWER_S
    while not holds() and time.monotonic() < deadline:
        time.sleep(GLANCE_S)


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    print(*see(load(sys.argv[1])))
