"""The two processes of the computer that sleeps: Ponte's registry, which asks a student's detector,
and three servers that beat. (real.py starts them, and has them sleep.)

    python3 -m course.lessons.failure_detectors.sleeper registry FILE
    python3 -m course.lessons.failure_detectors.sleeper servers HOST PORT

Each of them says on its standard output what it has done. It does what a line on its standard input
says, and ends at the end of its input: `sleep` blocks its loop, where a process cannot be stopped,
and `wake` has it go on; `crash` ends the beats of a server.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack, closing, redirect_stdout
from types import ModuleType
from typing import Any
from unittest import mock

from course.lessons.failure_detectors.world import Beat as TheirBeat
from course.theirs import Theirs, must_have
from course.worker import load, watch
from heartbeat import Heartbeat
from ponte.calls.endpoint import Endpoint
from ponte.discovery.beats import Beat
from ponte.discovery.leases import Event, Verdict
from ponte.discovery.lookup import LookupResult
from ponte.process.characters import write_any
from registry import Registry

# Seconds of a lease, and between two beats.
LEASE_S, BEAT_S = 1.5, 0.1
# The servers, and the one that crashes.
SERVICE, NAMES, DEAD = "bank", ("bank-1", "bank-2", "bank-3"), "bank-3"
# Nobody listens there: no call is made.
FIRST_PORT = 4242


# ---- the registry

class PlainClock:
    """Stands where registry.py has its PatientClock: by this one, pauses are time.

    So patience is left to the student's detector.
    """

    def __init__(self, now: float) -> None:
        self.time = self.lateness = 0.0
        self._began = now

    def read(self, now: float) -> float:
        self.time = now - self._began
        return self.time


class Asked:
    """Stands where registry.py has a LeaseTable, and asks the student's detector.

    Ponte's beats carry no time of their sender: the detector is told the time of this computer. No
    server of this lesson starts again, drains or leaves, and there is no warming.
    """

    def __init__(self, solution: ModuleType, epoch: str, now: float, index: int) -> None:
        self.epoch, self.index = epoch, index
        self.events: list[Event] = []
        self._detector = must_have(solution, "Detector", "lease_s", "now")(LEASE_S, now)
        must_have(self._detector, "heard", "beat", "now")
        must_have(self._detector, "state", "name", "now")
        self._words = {solution.UP: "up", solution.SUSPECT: "suspect", solution.GONE: "gone"}
        # By name: the last beat, and what readers see.
        self._beats: dict[str, Beat] = {}
        self._listed: dict[str, Endpoint] = {}

    def __len__(self) -> int:
        return len(self._listed)

    def apply(self, beat: Beat, now: float) -> Verdict:
        if beat.epoch != self.epoch:
            return Verdict.OTHER_EPOCH
        self._beats[beat.instance] = beat
        self._detector.heard(TheirBeat(beat.instance, time.time()), now)
        return Verdict.APPLIED

    def expire(self, now: float) -> None:
        for name, beat in self._beats.items():
            said = self._detector.state(name, now)
            word = self._words.get(said) if isinstance(said, str) else None
            if word is None:
                raise Theirs(f"state returned {said!r:.60}")
            self._list(name, beat, word)

    def _list(self, name: str, beat: Beat, word: str) -> None:
        before = self._listed.pop(name, None)
        shown = Endpoint(SERVICE, name, beat.incarnation, beat.host, beat.port,
                         "up" if word == "gone" else word, ())
        after = None if word == "gone" else shown
        if after:
            self._listed[name] = after
        if before != after:
            self.index += 1
            self.events.append(Event("expired" if after is None else word, shown))

    def lookup(self, service: str) -> LookupResult:
        return LookupResult(service, self.index, self.epoch, False, list(self._listed.values()), [])

    def index_of(self, service: str) -> int:
        return self.index

    def services(self) -> list[str]:
        return [SERVICE] if self._listed else []


class Blocked(Registry):
    """A registry whose loop can be blocked, where a process cannot be stopped.

    Set before it starts: `awake`, whether its loop may run; `file`, the student's.
    """

    awake: threading.Event
    file = ""

    def _take_turn(self) -> None:
        self.awake.wait()
        try:
            super()._take_turn()
        except Exception as error:
            _tell_error(error, self.file)


def _tell_error(error: Exception, file: str) -> None:
    """Says what was wrong with the student's file, and ends."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)
             if frame.filename == file]
    if not lines and not isinstance(error, Theirs):
        raise error
    why = str(error) if isinstance(error, Theirs) else f"{type(error).__name__}: {error}"
    _say("error", json.dumps([why, lines[-1] if lines else 0]))
    os._exit(1)


def _run_registry(file: str) -> None:
    # What goes wrong from here on is the student's.
    _say("loads")
    watch(file)
    solution = load(file)

    def make(epoch: str, now: float, index: int = 1) -> Asked:
        return Asked(solution, epoch, now, index)

    # The one place of the registry where each of them is made.
    with mock.patch("registry.LeaseTable", make), mock.patch("registry.PatientClock", PlainClock):
        registry = Blocked(port=0)
    registry.file, registry.awake = file, threading.Event()
    registry.awake.set()
    registry.start()
    _say("ready", *registry.address)
    _obey(registry.awake)


# ---- the servers

def _run_servers(host: str, port: str) -> None:
    # A heartbeat that may not beat complains.
    logging.disable()
    awake = threading.Event()
    awake.set()
    beats = {name: Heartbeat(Beat(SERVICE, name, 1, 0, "127.0.0.1", FIRST_PORT + number,
                                  lease_s=LEASE_S), [(host, int(port))],
                             is_serving=awake.is_set, beat_s=BEAT_S)
             for number, name in enumerate(NAMES)}
    with ExitStack() as stack:
        for beat in beats.values():
            stack.enter_context(closing(beat))
            beat.start(timeout_s=0.5)
        _say("ready")
        _obey(awake, beats[DEAD].close)


# ---- both

def _obey(awake: threading.Event, crash: Callable[[], None] = lambda: None) -> None:
    """Does what the lines of the input say, up to its end, and says so."""
    orders = {"sleep": awake.clear, "wake": awake.set, "crash": crash}
    for line in sys.stdin:
        orders[line.strip()]()
        _say("done")


def _say(*words: Any) -> None:
    print(*words, file=sys.__stdout__, flush=True)


def main(role: str, *arguments: str) -> None:
    # The standard output is for what we say. What the student's file prints is seen by a check.
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        if role == "servers":
            _run_servers(*arguments)
        else:
            try:
                _run_registry(*arguments)
            except Exception as error:
                _tell_error(error, *arguments)
    # Also when the student's file still runs on a thread.
    os._exit(0)


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    main(*sys.argv[1:])
