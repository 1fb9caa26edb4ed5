"""The processes of a measurement: real ones, on free ports.

The standard input of each is a pipe of the measurement. When that ends, in whatever way, the pipe
ends, and so does the process.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ponte.net.address import Address, show

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Seconds for a process to print that it listens. On Windows it takes several times longer.
START_S = 15.0 if sys.platform != "win32" else 60.0
# Seconds for a process to end in order; then it is killed.
END_S = 5.0
# Seconds between two looks at what a process has printed.
POLL_S = 0.01
LISTENS = r"(?:http://|listening on )([\w.]+):(\d+)"
# The kind of clock that a process has for its own time: CPUCLOCK_SCHED of the Linux kernel.
CPU_CLOCK = 2


class Usage(NamedTuple):
    """What a process has used so far; None where this system does not report it."""

    cpu_s: float | None
    rss_bytes: int | None


class Child:
    """A process that runs until `close`. Its output goes to a file."""

    def __init__(self, command: Sequence[str], folder: str) -> None:
        self.command = list(command)
        handle, self._path = tempfile.mkstemp(dir=folder, suffix=".log")
        with os.fdopen(handle, "wb") as log:
            self._popen = subprocess.Popen(self.command, cwd=ROOT, stdin=subprocess.PIPE,
                                           stdout=log,
                                           stderr=subprocess.STDOUT)
        # Set when the banner has been read.
        self.address: Address = ("", 0)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    def wait_for(self, pattern: str, within_s: float = START_S) -> re.Match[str]:
        """Waits until it prints what matches; returns the first match.

        Raises TimeoutError after `within_s` seconds, and RuntimeError if it ends without a match.
        """
        deadline = time.monotonic() + within_s
        while True:
            is_running = self.is_running
            match = re.search(pattern, self.log())
            if match:
                return match
            what = f"{' '.join(self.command)} did not print {pattern!r}; it printed:\n{self.log()}"
            if not is_running:
                raise RuntimeError(what)
            if time.monotonic() > deadline:
                raise TimeoutError(what)
            time.sleep(POLL_S)

    def write_line(self, line: str) -> None:
        """Writes a line to its standard input."""
        assert self._popen.stdin
        self._popen.stdin.write(line.encode() + b"\n")
        self._popen.stdin.flush()

    def log(self) -> str:
        with open(self._path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def usage(self) -> Usage:
        return usage(self.pid)

    def kill(self) -> None:
        """kill -9: it does not leave in order."""
        self._popen.kill()
        self.close()

    def end_input(self) -> None:
        """Ends its standard input, and with it the process."""
        assert self._popen.stdin
        try:
            self._popen.stdin.close()
        except OSError:
            # The process has ended already.
            pass

    def close(self) -> None:
        self.end_input()
        try:
            self._popen.wait(END_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()


class Stage:
    """All processes of a measurement, and a folder for their files. A `with` block ends them.

    `project` is the folder whose registry, server and proxy are started: this project, or an
    earlier state of it (bench/earlier.py).
    """

    def __init__(self, project: str = ROOT) -> None:
        self._project = project
        self.folder = tempfile.mkdtemp(prefix="ponte-bench-")
        self._children: list[Child] = []

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            # The standard inputs of all of them first, so that they end at the same time.
            child.end_input()
        for child in self._children:
            child.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *command: str, banner: str = "") -> Child:
        """Starts a program; waits until it prints what matches `banner`, if one is given."""
        child = Child(command, self.folder)
        self._children.append(child)
        if banner:
            match = child.wait_for(banner)
            if match.re.groups == 2:
                child.address = (match[1], int(match[2]))
        return child

    def python(self, *arguments: str, banner: str = "") -> Child:
        """Starts a program of Ponte, without site-packages (-S), which it does not need."""
        return self.start(sys.executable, "-S", *arguments, banner=banner)

    def file(self, name: str, text: str) -> str:
        """Writes a file into the folder, which may be a key; returns its path."""
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path

    # The roles of Ponte.

    def registry(self, *options: str) -> Child:
        return self.python(self._role("registry"), "--port", "0", "--until-eof", *options,
                           banner=LISTENS)

    def server(self, name: str, registries: Sequence[Child], file: str = "services/greeter.py",
               *options: str) -> Child:
        return self.python(self._role("server"), file, "--name", name, "--until-eof",
                           *_at(registries), *options,
                           banner=LISTENS)

    def proxy(self, name: str, registry: Child, *options: str) -> Child:
        return self.python(self._role("proxy"), "--port", "0", "--name", name, "--until-eof",
                           *_at([registry]), *options,
                           banner=LISTENS)

    def _role(self, name: str) -> str:
        return os.path.join(self._project, f"{name}.py")


def _at(registries: Sequence[Child]) -> tuple[str, str]:
    return "--registry", ",".join(show(registry.address) for registry in registries)


def free_port() -> int:
    """A port that is free at this moment, for programs that cannot choose one themselves."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def end_with_parent() -> None:
    """Makes this process end when its standard input ends."""
    def watch() -> None:
        while os.read(0, 1024):
            pass
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def on_one_core() -> Iterator[bool]:
    """The processes that start in this block share one processor core.

    Only Linux lets a process choose its cores: elsewhere the value of the block is False.
    """
    if sys.platform != "linux":
        yield False
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield True
    finally:
        os.sched_setaffinity(0, allowed)


def usage(pid: int) -> Usage:
    """CPU time and resident memory of a process: from /proc, or from ps, or unknown."""
    if sys.platform != "win32" and os.path.exists(f"/proc/{pid}/stat"):
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            # See proc(5): field 3 comes after the name in brackets.
            fields = stat.read().rpartition(")")[2].split()
        rss_bytes = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
        # The times in that file have steps of 10 ms. The clock of the process, whose number is made
        # as by clock_getcpuclockid(3), has steps of a nanosecond.
        return Usage(time.clock_gettime(~pid << 3 | CPU_CLOCK), rss_bytes)
    if shutil.which("ps") is None:
        return Usage(None, None)
    said = subprocess.run(["ps", "-o", "time=,rss=", "-p", str(pid)], capture_output=True,
                          text=True, check=False)
    return parse_ps(said.stdout)


def parse_ps(text: str) -> Usage:
    """Reads "1:02.34 5678": minutes and seconds of CPU time, and kilobytes."""
    if len(text.split()) != 2:
        return Usage(None, None)
    clock, kilobytes = text.split()
    cpu_s = 0.0
    for part in clock.replace("-", ":").split(":"):
        cpu_s = cpu_s * 60 + float(part)
    return Usage(cpu_s, int(kilobytes) * 1024)
