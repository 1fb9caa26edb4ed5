"""A watcher for tests: it keeps the events that it is told, without a socket."""

from __future__ import annotations

import unittest
from typing import Any
from unittest import mock

from ponte.process import observe

Event = dict[str, Any]


class Told(observe.Watcher):
    """Keeps what it is told in `events`."""

    def __init__(self, every: int = 1) -> None:
        super().__init__(("127.0.0.1", 9), every, "", float("inf"))
        self.close()
        self.events: list[Event] = []

    def send(self, event: Event) -> int:
        """Keeps it, with its number."""
        with observe.life.lock:
            event["n"] = observe.life.last = observe.life.last + 1
            self.events.append(event)
        return observe.life.last

    def of(self, *kinds: str) -> list[Event]:
        """The events of these kinds, without time and pid."""
        return [{key: value for key, value in event.items() if key not in ("t", "i")}
                for event in list(self.events) if event["k"] in kinds]


class Watched(unittest.TestCase):
    """A test that watches this process by `told`."""

    def setUp(self) -> None:
        super().setUp()
        self.told = self.watch()

    def watch(self, every: int = 1) -> Told:
        """From now on a new watcher is told."""
        told = Told(every)
        watching: Any = mock.patch.object(observe, "watcher", told)
        watching.start()
        self.addCleanup(watching.stop)
        return told
