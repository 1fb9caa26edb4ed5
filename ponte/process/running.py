"""Running."""

from __future__ import annotations

import argparse
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


def run(main: Callable[[Sequence[str]], int | None], arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs `main(arguments)` and exits with its code; a UsageError becomes one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")        # a console that lacks a letter is no reason to fail
    try:
        code = main(sys.argv[1:] if arguments is None else arguments) or 0
        sys.stdout.flush()
    except UsageError as error:
        print(f"{os.path.basename(sys.argv[0])}: {error}", file=sys.stderr)
        code = EXIT_USAGE
    except BrokenPipeError:         # whoever read our output has gone: nothing left to say, and nobody to hear it
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 1
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    sys.exit(code)


def begin(chosen: argparse.Namespace) -> Stop:
    """What a process does before it makes a thread or a socket of its own; what it will stop for."""
    if chosen.cores == "one":
        stay_on_one_core()
    stop = Stop(chosen.until_eof)
    start_logging(chosen.verbose)
    return stop


def stay_on_one_core() -> None:
    """Keeps the threads that start from now on on one core, where the system lets us: Linux.

    An interpreter runs one thread at a time. On several cores every change of turn has to wake another core, which
    costs more than what most turns do (docs/threads-and-events.md has the figures). The number of the process picks
    the core, so that several processes spread.
    """
    if sys.platform == "linux":
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {allowed[os.getpid() % len(allowed)]})


def allow_open_files() -> None:
    """Raises this process's limit of file descriptors as far as it may: each connection takes one or two."""
    if sys.platform != "win32":         # there is no such limit there
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(OSError, ValueError):      # macOS may call it infinite, and not mean it
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class RegistrationReport:
    """Says when registries stop answering beats, and when they answer again. `look` runs on the main thread."""

    def __init__(self, name: str, silent: Callable[[], list[Address]]) -> None:
        self._name = name
        self._silent = silent
        self._reported: list[Address] = []

    def look(self) -> None:
        silent = self._silent()
        if silent == self._reported:
            return
        self._reported = silent
        if silent:
            log.warning("%s: no registry answers at %s: is it running, with the same key? Serving meanwhile",
                        self._name, ", ".join(map(show, silent)))
        else:
            log.info("%s: every registry answers again", self._name)


class Registered(Protocol):
    """A server or a proxy, as far as its process is concerned."""

    name: str
    superseded: threading.Event

    def silent_registries(self) -> list[Address]: ...
    def drain(self, grace_s: float) -> bool: ...
    def close(self) -> None: ...


def serve(member: Registered, stop: Stop, banner: str, grace_s: float) -> int:
    """Shows the banner of a started server or proxy, waits for `stop`, and drains it; returns the exit code."""
    report = RegistrationReport(member.name, member.silent_registries)

    def look() -> None:
        report.look()
        if member.superseded.is_set():
            stop.set("superseded")

    with contextlib.closing(member):
        print(f"{member.name}: {banner} - stop with Ctrl-C", flush=True)
        reason = stop.wait(look)
        if reason == "superseded":
            print(f"{member.name}: STOPPED: a younger process beats under this name; give each its own --name",
                  file=sys.stderr, flush=True)
            return 1
        finished = member.drain(grace(reason, grace_s))
    print(f"{member.name}: stopped ({reason}){'' if finished else ', calls were cut off'}", flush=True)
    return 0


