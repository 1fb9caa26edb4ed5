"""Tells stories side by side, and prints a verdict for each.

Threads: one for each story that is being told. They mostly wait.
"""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
from collections.abc import Sequence
from typing import Callable, NamedTuple

from tests.hosts.stage import Broken, Stage
from tests.netns.namespaces import need_root, remove_leftovers

# How many stories are told at a time. More would wait for the processor, and then for deadlines.
SIDE_BY_SIDE = 5
# Seconds between two looks whether a thread has ended.
POLL_S = 0.05
# The seconds that a story may take in all. Most take ten, on a machine that has nothing else to do.
DEADLINE_S = 60.0


class Story(NamedTuple):
    """A situation with several hosts. `tell` raises Broken where the story does not hold.

    `deadline_s`: the seconds that it may take in all.
    """

    name: str
    tell: Callable[[Stage], None]
    deadline_s: float = DEADLINE_S


class Telling:
    """The stories that are being told now. `run` blocks; any interrupt of it ends all stories."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lock = threading.Lock()
        # Guarded by self._lock: the stories that wait, the stages of those that are told now, the
        # names of those that were broken; whether no more shall be told, and the error why.
        self._waiting: list[Story] = []
        self._stages: list[Stage] = []
        self._broken: list[str] = []
        self._abandoned = False
        self._error: BaseException | None = None

    def run(self, stories: Sequence[Story]) -> list[str]:
        """Tells all; returns the names of those that do not hold.

        Raises NoNamespaces where there can be none.
        """
        need_root()
        remove_leftovers()
        self._waiting = list(stories)
        threads = [threading.Thread(target=self._tell_waiting) for _ in range(SIDE_BY_SIDE)]
        try:
            for thread in threads:
                thread.start()
            _wait_for(threads)
        except BaseException:
            self._abandon()
            raise
        finally:
            _wait_for(threads)
        if self._error:
            raise self._error
        return self._broken

    def _abandon(self) -> None:
        with self._lock:
            self._waiting.clear()
            self._abandoned = True
            for stage in self._stages:
                stage.abandon()

    def _tell_waiting(self) -> None:
        """One thread: tells stories until none waits."""
        while True:
            with self._lock:
                if not self._waiting:
                    return
                story = self._waiting.pop(0)
            try:
                self._tell(story)
            except BaseException as error:
                # No namespaces, or a mistake in the stage itself: no other story would do better.
                self._error = self._error or error
                self._abandon()

    def _tell(self, story: Story) -> None:
        began = time.monotonic()
        with contextlib.closing(Stage(began + story.deadline_s)) as stage:
            with self._lock:
                self._stages.append(stage)
                if self._abandoned:
                    stage.abandon()
            try:
                story.tell(stage)
                reason = ""
            except Broken as error:
                reason = str(error)
            except Exception:
                reason = traceback.format_exc()
            took_s = time.monotonic() - began
            with self._lock:
                self._stages.remove(stage)
                self._broken += [story.name] if reason else []
            log = stage.log() if reason else ""
        verdict = f"BROKEN {story.name}: {reason}\n{log}" if reason else f"holds  {story.name}"
        self._say(f"{took_s:5.1f} s  {verdict}")


def _wait_for(threads: Sequence[threading.Thread]) -> None:
    """Waits until all that were started have ended; a signal ends the wait.

    Not by `join`: it sleeps on where the system gives a signal to another thread than the main one.
    And before Python 3.13 a thread whose `join` was interrupted counts as ended while it still runs
    (https://github.com/python/cpython/issues/90882).
    """
    while any(thread.is_alive() for thread in threads):
        time.sleep(POLL_S)
