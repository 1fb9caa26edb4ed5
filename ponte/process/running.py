"""From the first line of a process to its exit code, the same for every actor.

`run` is the outermost call: it turns the ways in which a program can end into an exit code. `begin`
prepares a process that goes on until it is stopped, and `serve` is the life of a server or a proxy:
show a banner, wait for the signal to stop, drain.

    exit code 0     it ended as it should
    exit code 1     another process took its name, or the reader of its output has gone
    exit code 2     the user made a mistake (UsageError)
    exit code 130   Ctrl-C
    any other       what the actor's `main` returned
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Callable, NoReturn, Protocol

from ponte.net.address import Address, show
from ponte.process.logs import start_logging
from ponte.process.options import EXIT_USAGE, UsageError
from ponte.process.stopping import Stop, grace

if sys.platform != "win32":
    import resource

log = logging.getLogger("ponte.process")


def run(main: Callable[[Sequence[str]], int | None],
        arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs `main(arguments)` (default: those of the command line), and exits with the code that it
    returns. A UsageError becomes one line on standard error and exit code 2.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A letter that the console cannot show becomes "?", instead of an error.
            stream.reconfigure(errors="replace")
    try:
        code = main(sys.argv[1:] if arguments is None else arguments) or 0
        sys.stdout.flush()
    except UsageError as error:
        print(f"{os.path.basename(sys.argv[0])}: {error}", file=sys.stderr)
        code = EXIT_USAGE
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does. Python would report the error once more
        # at exit, when it flushes the stream: give it a file that takes everything.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 1
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    sys.exit(code)


def begin(chosen: argparse.Namespace) -> Stop:
    """Prepares a process that goes on until it is stopped: cores, signals, log lines.

    Call it before the process starts a thread or opens a socket. Returns what it will wait for.
    """
    if chosen.cores == "one":
        stay_on_one_core()
    stop = Stop(chosen.until_eof)
    start_logging(chosen.verbose)
    return stop


def stay_on_one_core() -> None:
    """Keeps the threads that start after this call on one processor core. Linux only.

    A Python interpreter runs one thread at a time. When threads take turns on several cores, each
    turn has to wake another core, and that costs more than most turns do. The figures are in
    docs/threads-and-events.md. Two busy processes on one core would halve each other's speed: so it
    is the core on which the fewest other processes stay.
    """
    if sys.platform == "linux":
        users = collections.Counter(_cores_with_a_process())
        core = min(sorted(os.sched_getaffinity(0)), key=lambda core: users[core])
        os.sched_setaffinity(0, {core})


def _cores_with_a_process() -> list[int]:
    """For each process that stays on one core: that core."""
    found: list[int] = []
    if sys.platform == "linux":
        for entry in os.listdir("/proc"):
            # OSError: it has ended since, or it is a part of the system and runs no program.
            with contextlib.suppress(OSError, ValueError):
                os.readlink(f"/proc/{entry}/exe")
                cores = os.sched_getaffinity(int(entry))
                if len(cores) == 1:
                    found.append(cores.pop())
    return found


def allow_open_files() -> None:
    """Raises this process's limit of open files as far as the system allows.

    Each connection takes one or two of them. Windows has no such limit.
    """
    if sys.platform != "win32":
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        # macOS may name an infinite limit, and then refuse it.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class RegistrationReport:
    """Logs when registries stop answering beats, and when they answer again.

    `silent` returns the registries that do not answer now. `look` belongs on the main thread: it
    may block, because it logs.
    """

    def __init__(self, name: str, silent: Callable[[], list[Address]]) -> None:
        self._name = name
        self._silent = silent
        # The silent registries in the last log line, and those of the last look.
        self._reported: list[Address] = []
        self._seen: list[Address] = []

    def look(self) -> None:
        """Logs one line if the silent registries have changed, and two looks agree.

        A process that was frozen finds every registry silent at first, and hears them a moment
        later: so one look is not enough.
        """
        before, silent = self._seen, self._silent()
        self._seen = silent
        if silent == self._reported or (silent and silent != before):
            return
        self._reported = silent
        if silent:
            log.warning("%s: no registry answers at %s (not running, or another key); "
                        "it goes on serving", self._name, ", ".join(map(show, silent)))
        else:
            log.info("%s: every registry answers again", self._name)


class ServerOrProxy(Protocol):
    """What `serve` has to know of a server or a proxy."""

    name: str
    # Set when a younger process has taken the name.
    superseded: threading.Event

    def silent_registries(self) -> list[Address]: ...
    def drain(self, grace_s: float) -> bool: ...
    def close(self) -> None: ...


def serve(process: ServerOrProxy, stop: Stop, banner: str, grace_s: float) -> int:
    """The life of a server or proxy that has been started: shows its banner, waits for `stop`, and
    drains it with `grace_s` seconds for running calls. Blocks until the end; returns the exit code.
    """
    report = RegistrationReport(process.name, process.silent_registries)

    def look() -> None:
        report.look()
        if process.superseded.is_set():
            stop.set("superseded")

    with contextlib.closing(process):
        print(f"{process.name}: {banner} - stop with Ctrl-C", flush=True)
        reason = stop.wait(look)
        if reason == "superseded":
            print(f"{process.name}: STOPPED: a younger process beats under this name; "
                  "give each its own --name", file=sys.stderr, flush=True)
            return 1
        finished = process.drain(grace(reason, grace_s))
    cut_off = "" if finished else ", calls were cut off"
    print(f"{process.name}: stopped ({reason}){cut_off}", flush=True)
    return 0
