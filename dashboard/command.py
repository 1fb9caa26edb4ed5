"""`demo.py page`: its options, and how the parts of the page come together.

    processes ─ UDP ─► collector ─► ring ─► site ◄─ HTTP ─► the browser
        ▲                  ▲ put                │ commands
        └── laboratory ────┴─── story, class ◄──┘

A part is what can be done on the page: the laboratory, which starts processes and lets faults
loose; the story, which asks before it shows; the class, which joins in. Each has `commands`, is
started, and is closed. It tells what it does by `put`, as events: so a recording has it, too.

Threads: the main one waits for the end. Another one starts the processes, so that the page shows
how they come up.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import threading
import time
import webbrowser
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Protocol

from classroom.cast import StartFailed
from classroom.command import add_settings, make_parser, shown
from classroom.language import Words
from dashboard.attach import Attached
from dashboard.class_mode import ClassMode, hosts_for
from dashboard.collector import Collector
from dashboard.laboratory import Laboratory
from dashboard.recording import NotARecording, Recorder, read_recording
from dashboard.site import HOST, Commands, Site
from dashboard.story import Story
from ponte.net.address import (
    Address,
    ConsulAddress,
    is_loopback,
    parse_port,
    parse_registries,
    quoted,
    show,
)
from ponte.process.logs import start_logging
from ponte.process.options import UsageError
from ponte.process.stopping import Stop, end_at_once_on_ctrl_c

log = logging.getLogger("ponte.page")

EXIT_FAILED = 1
# The reason of a stop because a part did not start.
FAILED = "failed"
# Options that make no sense beside --replay.
_NOT_WITH_REPLAY = ("story", "class", "record", "attach")
# Variables without which a browser on a system of the X11 kind would open in the terminal.
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
# What a start can end with, and a line can tell.
_START_ERRORS = (StartFailed, OSError, ValueError)


class _Stopped(Exception):
    """The page is stopped before it is there."""


class Part(Protocol):
    """What can be done on the page. `close` ends all that it has started, also halfway."""

    @property
    def commands(self) -> Commands: ...
    def start(self) -> None: ...
    def close(self) -> None: ...


def main(arguments: Sequence[str], words: Words) -> int:
    """Shows the page until it is stopped; returns the exit code. Raises UsageError."""
    chosen = _parser(words).parse_args(arguments)
    _check(chosen, words)
    end_at_once_on_ctrl_c()
    start_logging(False, "text")
    stop = Stop(chosen.until_eof)
    with contextlib.ExitStack() as closing:
        if chosen.replay:
            return _replay(chosen, words, stop, closing)
        return _show_live(chosen, words, stop, closing)


def _replay(chosen: argparse.Namespace, words: Words, stop: Stop,
            closing: contextlib.ExitStack) -> int:
    """Shows what is in a file. Nothing is started, and nothing can be done."""
    def look() -> None:
        if stop.has_come():
            raise _Stopped

    try:
        ring = read_recording(chosen.replay, look)
    except _Stopped:
        return 0
    except NotARecording as error:
        raise UsageError(f"--replay {chosen.replay}: {_why_not(error, words)}") from None
    except OSError as error:
        raise _file_error("--replay", chosen.replay, error, words) from None
    site = _site(chosen, words, closing, lambda: Site(ring, {}, port=chosen.port, replay=True))
    _tell_address(site, chosen, words)
    stop.wait()
    return 0


def _why_not(error: NotARecording, words: Words) -> str:
    """Why a file cannot be replayed."""
    return {
        "too long": words("it is too long"),
        "saved page": words("it is a saved page: open it in a browser"),
        "other": words("it is no recording of this page"),
        "version": words("another version of Ponte has recorded it"),
        "empty": words("there is no event in it"),
        "line": words("its line {line} is no event, or events before it are missing",
                      line=error.line)}[error.why]


def _show_live(chosen: argparse.Namespace, words: Words, stop: Stop,
               closing: contextlib.ExitStack) -> int:
    collector = Collector(words.language)
    closing.callback(collector.close)
    if chosen.record:
        recorder = _recorder(chosen, collector, words)
        closing.callback(recorder.close)
        collector.on_lines = recorder.write
        # The recorder must see the last events, too: it is closed after the collector.
        closing.callback(collector.close)
    commands: dict[str, Callable[[Mapping[str, Any]], object]] = {}
    site = _site(chosen, words, closing,
                 lambda: Site(collector.ring, commands, port=chosen.port))
    collector.start()
    parts, started = _parts(chosen, words, collector)
    for part in parts:
        closing.callback(part.close)
        commands.update(part.commands)
    _tell_address(site, chosen, words)
    # The page is there from now on: what comes up is shown.
    failed: list[str] = []
    threading.Thread(target=_start, args=(started, failed, stop), name="ponte-start",
                     daemon=True).start()
    reason = stop.wait()
    closing.close()
    # What was still being started when the page was stopped fails, too: nobody asks why.
    if reason == FAILED:
        print(f"demo.py page: {words.quoted(failed[0])}", file=sys.stderr)
        return EXIT_FAILED
    print(words("Stopped. All processes are gone.") if chosen.attach is None else
          words("Stopped. The processes go on."), flush=True)
    return 0


def _start(parts: Sequence[Part], failed: list[str], stop: Stop) -> None:
    for part in parts:
        try:
            part.start()
        except Exception as error:
            if not isinstance(error, _START_ERRORS):
                log.exception("a part of the page did not start")
            failed.append(" ".join(str(error).split()))
            stop.set(FAILED)
            return


def _parts(chosen: argparse.Namespace, words: Words,
           collector: Collector) -> tuple[list[Part], list[Part]]:
    """The parts of a live page, in the order in which they are made; and those to start.

    Raises UsageError.
    """
    put, observe = collector.put, collector.address
    if chosen.attach is not None:
        # The processes belong to others: the page only shows them.
        try:
            attached: list[Part] = [Attached(put, observe, chosen.registries)]
        except ValueError as error:
            raise UsageError(str(error)) from None
        return attached, attached
    laboratory = Laboratory(put, show(observe))
    story = Story(put, collector.ring, observe, laboratory, chosen.story)
    made: list[Part] = [laboratory, story,
                        ClassMode(put, laboratory, story.ballot, words, getattr(chosen, "class"))]
    # The story has processes of its own, and starts those of the laboratory when it ends. A class
    # needs a registry to join.
    alone = chosen.story and getattr(chosen, "class") is None
    return made, made[1:] if alone else made


def _site(chosen: argparse.Namespace, words: Words, closing: contextlib.ExitStack,
          make: Callable[[], Site]) -> Site:
    """A site that serves. Raises UsageError where it cannot listen."""
    try:
        site = make()
    except OSError as error:
        raise UsageError(words(
            "cannot listen on {address}: {error} - choose another port with --port, or none, for "
            "any free one", address=show((HOST, chosen.port)),
            error=error.strerror or error)) from None
    closing.callback(site.close)
    site.start()
    return site


def _recorder(chosen: argparse.Namespace, collector: Collector, words: Words) -> Recorder:
    def stopped(why: str) -> None:
        collector.put({"k": "recording", "what": "stopped", "why": why})

    try:
        return Recorder(chosen.record, time.time(), stopped)
    except FileExistsError:
        raise UsageError(words("--record {file}: it exists, and would be written over: choose "
                               "another name", file=chosen.record)) from None
    except OSError as error:
        raise _file_error("--record", chosen.record, error, words) from None


def _file_error(option: str, file: str, error: OSError, words: Words) -> UsageError:
    folder = os.path.dirname(os.path.abspath(file))
    if not os.path.isdir(folder):
        return UsageError(words("{option} {file}: there is no folder {folder}", option=option,
                                file=file, folder=folder))
    if os.path.isdir(file):
        return UsageError(words("{option} {file}: that is a folder", option=option, file=file))
    if os.path.exists(file) and not os.path.isfile(file):
        return UsageError(words("{option} {file}: that is no regular file", option=option,
                                file=file))
    if isinstance(error, PermissionError):
        return UsageError(words("{option} {file}: the system does not allow it", option=option,
                                file=file))
    if isinstance(error, FileNotFoundError):
        return UsageError(words("{option} {file}: there is no such file", option=option, file=file))
    return UsageError(words("{option} {file}: {error}", option=option, file=file,
                            error=error.strerror or error))


def _tell_address(site: Site, chosen: argparse.Namespace, words: Words) -> None:
    """Prints the address, and opens it unless that is not wanted or not possible."""
    print(words("The page is at {url} - stop with Ctrl-C", url=site.url), flush=True)
    if chosen.browser and _has_a_screen():
        # It may take seconds. Without a browser, the address is on the screen.
        threading.Thread(target=_open, args=(site.url,), name="ponte-browser", daemon=True).start()


def _has_a_screen() -> bool:
    """Whether a browser would open in a window: else it would take the terminal."""
    return sys.platform in ("win32", "darwin") or any(map(os.environ.get, DISPLAYS))


def _open(url: str) -> None:
    with contextlib.suppress(webbrowser.Error, OSError):
        webbrowser.open(url)


# ---- the options

def _parser(words: Words) -> argparse.ArgumentParser:
    parser = make_parser(
        words, "demo.py page",
        description=shown(words("All of Ponte live on a page of the browser: a registry, three "
                                "servers, a proxy and a client, with faults at a click.")))
    settings = add_settings(parser, words)
    settings.add_argument("--port", metavar="N", default="0", help=shown(words(
        "the port of the page (default: any free one)")))
    settings.add_argument("--no-browser", dest="browser", action="store_false", help=shown(words(
        "print the address, and open nothing")))
    settings.add_argument("--story", action="store_true", help=shown(words(
        "the steps of the demo on the page: question, votes, fault, proof")))
    settings.add_argument("--class", nargs="?", const="", metavar="HOST", help=shown(words(
        "the class joins in by phone and laptop; HOST is that of this machine in their "
        "network")))
    settings.add_argument("--record", metavar="FILE", help=shown(words(
        "write all events into a new file")))
    settings.add_argument("--replay", metavar="FILE", help=shown(words(
        "show what is in such a file, and start nothing")))
    settings.add_argument("--attach", metavar="HOST:PORT", help=shown(words(
        "start nothing, and watch the processes of the registry that runs there")))
    settings.add_argument("--until-eof", action="store_true", help=shown(words(
        "also stop when standard input ends")))
    return parser


def _watched(attach: str) -> tuple[Address, ...]:
    """The registries that --attach names. Raises ValueError; also for a Consul agent, which tells
    a page nothing.
    """
    registries = parse_registries(attach)
    if any(isinstance(each, ConsulAddress) for each in registries):
        raise ValueError("not a registry of Ponte")
    return registries


def _check(chosen: argparse.Namespace, words: Words) -> None:
    """Raises UsageError for options that cannot be, alone or together."""
    if chosen.replay is not None:
        for other in _NOT_WITH_REPLAY:
            if getattr(chosen, other) not in (None, False):
                raise UsageError(words("--replay starts nothing: leave out --{other}", other=other))
    if chosen.attach is not None and (chosen.story or getattr(chosen, "class") is not None):
        raise UsageError(words("--attach starts nothing: leave out --story and --class"))
    for option in ("record", "replay"):
        if getattr(chosen, option) == "":
            raise UsageError(words("--{option}: name a file", option=option))
    address = getattr(chosen, "class")
    if address is not None:
        # Before any process is started for it.
        try:
            hosts_for(address, words)
        except ValueError as error:
            raise UsageError(str(error)) from None
    try:
        chosen.port = parse_port(chosen.port)
    except ValueError as error:
        raise UsageError(f"--port: {error}") from None
    try:
        chosen.registries = _watched(chosen.attach) if chosen.attach is not None else ()
    except ValueError:
        raise UsageError(words("--attach {given}: name the registry as HOST:PORT, such as "
                               "127.0.0.1:4100", given=quoted(chosen.attach))) from None
    for registry in chosen.registries:
        if not is_loopback(registry[0]):
            raise UsageError(words(
                "--attach {address}: it is not on this machine. A process tells only a page on its "
                "own machine: open the page there", address=show(registry)))
