"""What every step of the story works with: the cast, the screen, the step's clock, and the checks of its proof.

Threads: the story's only.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Callable, NamedTuple

from classroom.cast import Cast
from classroom.screen import Screen
from classroom.texts import Words
from client import Client, Trace
from ponte.net.address import Address

POLL_S = 0.01           # how often a condition is looked at: fine enough for the times that we print
CALL_TIMEOUT_S = 2.0    # of the demo's client: a call on a frozen server gives up after a quarter of it
SERVERS = ("server-1", "server-2", "server-3")


class Check(NamedTuple):
    """One line of a proof: what was observed, and whether it is what the step claims."""

    holds: bool
    text: str


class Skipped(Exception):
    """This system cannot show the step; the text says why."""


class Stage:
    """The state that steps hand on: processes by name, and one client that lives through all of them."""

    def __init__(self, screen: Screen, words: Words, cast: Cast, pace_s: float = 0.0) -> None:
        self.screen, self.words, self.cast = screen, words, cast
        self.pace_s = pace_s                # between two pictures of a moving chart, where somebody watches it
        self.traces: list[Trace] = []       # attempts of `client`, for whoever clears it first
        self._client: Client | None = None
        self._began = time.monotonic()
        self._checks: list[Check] = []
        self._heard = 0

    @property
    def client(self) -> Client:
        """The client of the service greeter. Made by `open_client`."""
        assert self._client
        return self._client

    def open_client(self, registries: Sequence[Address]) -> None:
        self._client = Client("greeter", registries=registries, timeout_s=CALL_TIMEOUT_S, on_attempt=self.traces.append)

    def begin(self) -> None:
        """Starts the clock of a step; what the registry told since the last one is history."""
        self._began, self._checks, self._heard = time.monotonic(), [], 0
        if "registry" in self.cast.names():
            self.cast["registry"].take_news()

    def elapsed_s(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self._began

    def tell(self, key: str, *, at: float | None = None, style: str = "", **values: object) -> None:
        """One line of the event log; `at` (monotonic) if it was not just now."""
        self.say(self.words(key, **values), at=at, style=style)

    def say(self, text: str, *, at: float | None = None, style: str = "") -> None:
        """The same, with a text that has no translation."""
        when_s = (time.monotonic() if at is None else at) - self._began
        self.screen.line(text, style=style, lead=f"  {f'+{max(when_s, 0.0):.2f} s':>8}  ", lead_style="faint")

    def tell_news(self) -> None:
        """What the registry has told since the last time."""
        for news in self.cast["registry"].take_news():
            self._heard += 1
            key = f"news.{news.what}" if news.what in ("up", "back", "suspect", "expired") else "news.other"
            self.tell(key, at=news.at, style="strong" if news.what in ("suspect", "expired") else "",
                      instance=news.instance, address=news.address, what=news.what)

    @property
    def heard(self) -> int:
        """How many news of the registry this step has told."""
        return self._heard

    def until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Waits for a condition, telling the registry's news meanwhile; whether it came within the time."""
        deadline = time.monotonic() + within_s
        while not condition():
            self.tell_news()
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        self.tell_news()
        return True

    def check(self, holds: bool, key: str, **values: object) -> None:
        """Adds a line to the proof."""
        self._checks.append(Check(holds, self.words(key, **values)))

    @property
    def checks(self) -> list[Check]:
        return list(self._checks)

    def close(self) -> None:
        if self._client:
            self._client.close()
