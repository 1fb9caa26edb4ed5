"""From the first line of a process to its exit code, the same for every actor.

`run` is the outermost call: it turns the ways in which a program can end into an exit code. `begin`
prepares a process that goes on until it is stopped: from then on it prints by
ponte/process/output.py, so that no full pipe holds it up. `serve` is the life of a server or a
proxy: show a banner, wait for the signal to stop, drain.

    exit code 0     it ended as it should
    exit code 1     another process took its name, or its output cannot be written
    exit code 2     the user made a mistake (UsageError)
    exit code 130   Ctrl-C
    any other       what the actor's `main` returned
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Sequence
from typing import Callable, NoReturn, Protocol, TextIO

from ponte.net.address import Address, show
from ponte.net.windows import output_error_text
from ponte.process import observe
from ponte.process.characters import write_any
from ponte.process.departure import Departure
from ponte.process.logs import start_logging
from ponte.process.options import EXIT_USAGE, UsageError, program_name
from ponte.process.output import leave, standard_error, standard_output
from ponte.process.stopping import EXIT_CTRL_C, SUPERSEDED, Stop, end_at_once_on_ctrl_c, grace
from ponte.rpc.raised import printable

if sys.platform != "win32":
    import resource

log = logging.getLogger("ponte.process")

EXIT_SUPERSEDED = EXIT_OUTPUT = 1
# What macOS gives a process that asks for all the open files that it names (OPEN_MAX).
OPEN_FILES = 10_240


def run(main: Callable[[Sequence[str]], int | None],
        arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs `main(arguments)` (default: those of the command line), and exits with the code that it
    returns. A UsageError becomes one line on standard error and exit code 2.
    """
    _prepare_streams()
    allow_open_files()
    began_with = set(threading.enumerate())
    try:
        code = _outcome(main, sys.argv[1:] if arguments is None else arguments)
    except UsageError as error:
        code = _end_with_line(str(error), EXIT_USAGE)
    except KeyboardInterrupt:
        code = EXIT_CTRL_C
    except OSError as error:
        # An error of another kind is a bug, which needs its traceback.
        if not is_of_output(error):
            raise
        code = _end_with_line(f"its output cannot be written: {output_error_text(error)}",
                              EXIT_OUTPUT)
    # From now on the interpreter ends: it could not take log lines of threads that still run.
    logging.getLogger("ponte").setLevel(logging.CRITICAL + 1)
    code = leave(code)
    for stream in filter(None, (sys.stdout, sys.stderr)):
        _drop_what_cannot_be_written(stream)
    # Python would wait for the end of a thread that a services file has started.
    if any(not thread.daemon for thread in set(threading.enumerate()) - began_with):
        os._exit(code)
    sys.exit(code)


def _prepare_streams() -> None:
    if sys.stderr is None:
        # It was closed when the process began. `print` would write to standard output instead.
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    write_any(sys.stdout, sys.stderr)


def _outcome(main: Callable[[Sequence[str]], int | None], arguments: Sequence[str]) -> int:
    """The exit code of `main`, once all that it has printed is written."""
    try:
        code = main(arguments) or 0
    except SystemExit as end:
        # From argparse: 0 after --help, 2 after a mistake.
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    # After another code, `main` has said already what went wrong.
    if sys.stdout and code == 0:
        sys.stdout.flush()
    return code


def _end_with_line(line: str, code: int) -> int:
    """Prints the line with which a program ends; returns `code`."""
    # One line, also where the name of a file or a host has several.
    standard_error.put(printable(f"{program_name()}: {line}"))
    return code


def is_of_output(error: OSError) -> bool:
    """Whether an error came from our output: then one more line meets it, too."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.write("\n")
            stream.flush()
        except OSError as again:
            return again.errno == error.errno
    return False


def _drop_what_cannot_be_written(stream: TextIO) -> None:
    """Python writes its buffers once more when it ends, and would report the error once more."""
    try:
        stream.flush()
    except OSError:
        # A file that takes everything stands in for the one that does not.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def begin(chosen: argparse.Namespace) -> None:
    """Prepares a process that goes on until it is stopped: cores, log lines, Ctrl-C.

    Call it before the process starts a thread or opens a socket. Until there is a `Stop`, each
    signal ends the process at once.
    """
    end_at_once_on_ctrl_c()
    if chosen.cores == "one":
        stay_on_one_core()
    start_logging(chosen.verbose, chosen.log)
    observe.start_as(chosen.observe)


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
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        # macOS names a limit that is infinite, and then refuses it.
        for limit in (hard, max(soft, OPEN_FILES)):
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
                return


class RegistrationReport:
    """Logs when registries stop taking beats, why, and when they take them again.

    `silent` returns the registries that have acked no beat for a while, and `refusals` why a
    registry takes none, where that is known. `look` belongs on the main thread.
    """

    def __init__(self, name: str, silent: Callable[[], list[Address]],
                 refusals: Callable[[], dict[Address, str]]) -> None:
        self._name = name
        self._silent, self._refusals = silent, refusals
        # What was wrong in the last log line, and at the last look: the reason of each registry,
        # "" for one that does not answer.
        self._reported: dict[Address, str] = {}
        self._seen: dict[Address, str] = {}

    def look(self) -> None:
        """Logs what has changed, if two looks agree.

        A process that was frozen finds every registry silent at first, and hears them a moment
        later: so one look is not enough.
        """
        before, wrong = self._seen, {**dict.fromkeys(self._silent(), ""), **self._refusals()}
        self._seen = wrong
        if wrong == self._reported or (wrong and wrong != before):
            return
        self._reported = wrong
        silent = [address for address, reason in wrong.items() if not reason]
        for address, reason in wrong.items():
            if reason:
                log.warning("%s: the registry %s does not list it: %s; it goes on serving",
                            self._name, show(address), reason)
        if silent:
            log.warning("%s: no registry answers at %s (not running, or another key); "
                        "it goes on serving", self._name, ", ".join(map(show, silent)))
        if not wrong:
            log.info("%s: every registry answers again", self._name)


class ServerOrProxy(Protocol):
    """What `serve` has to know of a server or a proxy."""

    name: str
    # Where it listens, and where others find it.
    address: Address
    announced: Address
    departure: Departure

    def silent_registries(self) -> list[Address]: ...
    def refusals(self) -> dict[Address, str]: ...
    def drain(self, grace_s: float) -> bool: ...
    def close(self) -> None: ...


def hold(stop: Stop, banner: str, look: Callable[[], None] = lambda: None) -> str:
    """Shows the banner, and blocks until it is time to stop; returns the reason.

    That may also be that the output of the process cannot be written. `look` as for `Stop.wait`.
    """
    def look_at_output() -> None:
        look()
        if standard_output.error:
            stop.set("its output cannot be written: "
                     f"{output_error_text(standard_output.error)}")

    standard_output.put(f"{banner} - stop with Ctrl-C")
    return stop.wait(look_at_output)


def farewell(name: str, reason: str, cut_off: str = "") -> int:
    """Says that a process has stopped, and why; returns its exit code.

    Where its output is blocked, the process ends here (`leave`).
    """
    if standard_output.error:
        standard_error.put(f"{name}: stopped ({reason}){cut_off}")
        return leave(EXIT_OUTPUT)
    standard_output.put(f"{name}: stopped ({reason}){cut_off}")
    return leave(EXIT_SUPERSEDED if reason == SUPERSEDED else 0)


def announced_as(process: ServerOrProxy) -> str:
    """The end of its banner, where others find it elsewhere than where it listens."""
    if process.announced == process.address:
        return ""
    return f", announced as {show(process.announced)}"


def serve(process: ServerOrProxy, stop: Stop, banner: str, grace_s: float) -> int:
    """The life of a server or proxy that has been started: shows its banner, waits for `stop`, and
    drains it with `grace_s` seconds for running calls. Blocks until the end; returns the exit code.
    """
    report = RegistrationReport(process.name, process.silent_registries, process.refusals)
    process.departure.grace_s = grace_s

    def look() -> None:
        report.look()
        if process.departure.superseded.is_set():
            stop.set(SUPERSEDED)

    with contextlib.closing(process):
        reason = hold(stop, f"{process.name}: {banner}", look)
        finished = process.drain(grace(reason, grace_s))
    return farewell(process.name, reason, "" if finished else ", calls were cut off")
