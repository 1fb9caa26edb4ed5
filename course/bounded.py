"""Runs a program of strangers to its end, or to ours: within bounds of time and of output.

The problem: a program may write without an end, or start others that hold its output open when it
has ended. Who reads all of it, up to its end, waits for ever, or runs out of memory. The idea: its
own end counts, not that of its output, and then whatever it has started is ended with it.

On Windows, what it has started goes on. Nothing here keeps a program from files or the network:
that is for the system to do (docs/teaching.md).

Threads: any; each call has three of its own.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO, NamedTuple

from ponte.process.own_files import FOLDER

# What is kept of each stream. A result with its story has some thousand bytes.
MAX_OUTPUT_BYTES = 1_000_000
# Seconds for the last output to come out of the pipe.
LAST_S = 1.0


class Ended(NamedTuple):
    """What a program has written, in text; and whether it has ended by itself, in time."""

    out: str
    err: str
    in_time: bool


def run(arguments: Sequence[str], said: str, limit_s: float) -> Ended:
    """Runs a Python program of this project, with `said` on its standard input. Blocks for
    `limit_s` and some LAST_S at most. A set has the same order in each run: so the same file gets
    the same verdict. Raises OSError if the system gives no process or thread.
    """
    program = subprocess.Popen(
        [sys.executable, *arguments], cwd=FOLDER, bufsize=0,
        env={**os.environ, "PYTHONHASHSEED": "0"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=sys.platform != "win32")
    assert program.stdin and program.stdout and program.stderr
    ended = threading.Event()
    out, err = _Stream(program.stdout, program), _Stream(program.stderr, program)

    def wait() -> None:
        program.wait()
        ended.set()

    threads = [threading.Thread(target=target, daemon=True) for target in (wait, out.read,
                                                                            err.read)]
    try:
        for thread in threads:
            _start(thread)
        with contextlib.suppress(OSError), program.stdin as stdin:
            stdin.write(said.encode())
        # If this process was frozen (Ctrl-Z), the program may have ended meanwhile, and it takes a
        # moment to learn that.
        in_time = ended.wait(limit_s) or ended.wait(LAST_S)
    finally:
        _end(program)
    for thread in threads:
        thread.join(LAST_S)
    return Ended(out.text(), err.text(), in_time)


def _start(thread: threading.Thread) -> None:
    try:
        thread.start()
    except RuntimeError as error:
        # As of a process that the system does not give.
        raise OSError(errno.EAGAIN, str(error)) from None


class _Stream:
    """One stream of a program, read to its end."""

    def __init__(self, pipe: IO[bytes], program: subprocess.Popen[bytes]) -> None:
        self._pipe, self._program = pipe, program
        # Written by one thread; a slice of it is read by another one.
        self._kept = bytearray()

    def read(self) -> None:
        with self._pipe:
            while True:
                data = self._pipe.read(65_536)
                if not data:
                    return
                self._kept += data[:MAX_OUTPUT_BYTES - len(self._kept)]
                if len(self._kept) >= MAX_OUTPUT_BYTES:
                    self._program.kill()

    def text(self) -> str:
        return bytes(self._kept).decode("utf-8", "replace").replace("\r\n", "\n")


def _end(program: subprocess.Popen[bytes]) -> None:
    """Ends a program and, where the system can, whatever it has started."""
    if sys.platform == "win32":
        program.kill()
        return
    # EPERM: on macOS, of a group in which all have ended.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, signal.SIGKILL)
