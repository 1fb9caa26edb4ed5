"""What every step of the demo works with: the processes, the screen, a clock, and the proof.

A step is a function that reads like this:

    def kill(stage: Stage) -> None:
        stage.predict("A SERVER DIES", "{name} dies. How many calls fail?", "KILL → FALLBACK",
                      Answers("None", "One", "A third of them", "All", right=0), name="server-2")
        stage.cast["server-2"].kill()
        stage.tell("kill -9 {name}", name="server-2")
        gone = stage.until(lambda: "server-2" not in stage.cast.lookup("greeter"), within_s=5)
        stage.check(gone, "{name} has left lookup", name="server-2")

Each of these English sentences needs its Portuguese one in classroom/portuguese.py.

This stage is a terminal. The live page is another one (dashboard/page_stage.py), on which the same
steps are played.

Times are those of time.perf_counter: the class reads them, and on Windows, up to Python 3.12,
time.monotonic moves in steps of 15.6 ms. Only deadlines that other rooms take are of the latter.

Threads: the main one only.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from typing import Callable, NamedTuple

from classroom.cast import Cast, News
from classroom.language import Words
from classroom.screen import Rows, Screen
from client import Client
from lab.tcp_relay import TcpRelay
from ponte.net.address import Address

# How often a condition is looked at, in seconds: the times that we print may be late by this.
POLL_S = 0.01
# Between two pictures of a moving chart, in seconds: slow enough for the eye. With --auto there is
# no pause.
PACE_S = 0.05
# The timeout of a call of the demo's client, in seconds. A call waits for a frozen server for half
# of it, and then tries another server.
CALL_TIMEOUT_S = 2.0
SERVERS = ("server-1", "server-2", "server-3")
# Before the rows of a chart: as wide as the times of the event log.
MARGIN = " " * 12
# A computer is busy if a pause of POLL_S took so many seconds, or if in the last minute so many
# programs wanted each of its cores. The demo alone comes to less, also on two cores.
BUSY_PAUSE_S = 0.1
BUSY_LOAD = 3.0


class Answers:
    """Four answers to the question of a step, of which the proof shows the one at `right`.

    They are for the votes of a class, so the live page asks them. On the terminal the question
    stands alone: a class that speaks its prediction thinks of more than four answers.
    """

    def __init__(self, a: str, b: str, c: str, d: str, *, right: int) -> None:
        self.sentences, self.right = (a, b, c, d), right

    def texts(self, words: Words) -> list[str]:
        """The answers in the language, or the languages, of `words`."""
        return list(map(words, self.sentences))


class Check(NamedTuple):
    """One line of a proof: what was observed, and whether it is what the step claims.

    `excuse`: what else was seen, where it does not hold.
    """

    holds: bool
    text: str
    excuse: str = ""


class Skipped(Exception):
    """This system cannot show the step; the text says why."""


class Stage:
    """What one step leaves to the next: the processes by name, and one client for all steps.

    `steps`: how many there are; `auto`: no key presses, and no pauses for the eye.
    """

    def __init__(self, screen: Screen, words: Words, cast: Cast, *, steps: int, auto: bool) -> None:
        self.screen, self.words, self.cast = screen, words, cast
        self.pace_s = 0.0 if auto else PACE_S
        # Of the step that runs: its number from 1 on, what it proves, the answers to its question,
        # the lines of its proof, and how many lines of the registry it has shown.
        self.number = 0
        self.proves = ""
        self.answers: Answers | None = None
        self.checks: list[Check] = []
        self.news_count = 0
        self.steps, self._auto = steps, auto
        self._began = time.perf_counter()
        self._client: Client | None = None
        # The longest pause of this step that should have been one of POLL_S, in seconds.
        self._longest_pause_s = 0.0

    @property
    def client(self) -> Client:
        """The client of the service greeter, from `open_client` on."""
        assert self._client
        return self._client

    def open_client(self, registries: Sequence[Address]) -> None:
        """Opens the client that all further steps use."""
        self._client = Client("greeter", registries=registries, timeout_s=CALL_TIMEOUT_S)

    def relay(self, who: str) -> TcpRelay:
        """A relay that shall stand before the server `who`, and lose what it is told to lose."""
        return TcpRelay()

    def predict(self, title: str, question: str, proves: str, answers: Answers | None = None,
                **values: object) -> None:
        """Begins a step: asks its question under its title, waits, and starts its clock.

        The title must not give the answer away. What the step `proves` is shown in the sum.
        """
        self.number += 1
        self.proves, self.checks, self.answers = self.words(proves), [], answers
        self.ask(self.words(title), self.words(question, **values))
        if "registry" in self.cast.names():
            # What the registry printed while the class was thinking belongs to no step.
            self.cast["registry"].take_news()
        self.news_count, self._longest_pause_s = 0, 0.0
        self._began = time.perf_counter()

    def ask(self, title: str, question: str) -> None:
        """Shows a question, and waits for Enter."""
        self.screen.line()
        self.screen.rule()
        self.screen.line(f"{self.number}/{self.steps}  {title}", style="title")
        self.screen.line(question, lead=f"{self.words('PREDICT')}: ", lead_style="predict")
        if not self._auto:
            self.screen.ask(self.words("         Enter to find out… "))

    def discuss(self) -> None:
        """Waits for Enter after a proof: the class speaks of it before the next question."""
        if not self._auto:
            self.screen.ask(self.words("         Enter to go on… "))

    def elapsed_s(self) -> float:
        """Seconds since the clock of the step was started."""
        return time.perf_counter() - self._began

    def tell(self, sentence: str, *, at: float | None = None, style: str = "",
             **values: object) -> None:
        """Prints one line of the event log; `at` if it was not just now."""
        self.say(self.words(sentence, **values), at=at, style=style)

    def say(self, text: str, *, at: float | None = None, style: str = "") -> None:
        """The same with a text that is no sentence of ours, such as a program's output."""
        when_s = max((time.perf_counter() if at is None else at) - self._began, 0.0)
        self.show(self.words.quoted(text), when_s, style)

    def show(self, text: str, when_s: float, style: str) -> None:
        """Shows a line of the event log, of `when_s` seconds after the step's clock was started."""
        when = self.words("+{when_s:.2f} s", when_s=when_s)
        self.screen.line(text, style=style, lead=f"  {when:>8}  ", lead_style="faint")

    def live(self, rows: Rows) -> None:
        """Shows the rows of a chart, which the next call overwrites."""
        self.screen.live(_indented(rows))

    def last(self, rows: Rows) -> None:
        """Shows the final state of a chart."""
        self.screen.last(_indented(rows))

    def until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Waits for a condition, and shows what the registry reports; whether it came in time."""
        deadline = time.perf_counter() + within_s
        while not condition():
            self._tell_news()
            paused_at = time.perf_counter()
            if paused_at > deadline:
                return False
            time.sleep(POLL_S)
            self._longest_pause_s = max(self._longest_pause_s, time.perf_counter() - paused_at)
        self._tell_news()
        return True

    def check(self, holds: bool, sentence: str, **values: object) -> None:
        """Adds a line to the proof: `sentence` says what was observed."""
        self.checks.append(Check(holds, self.words(sentence, **values)))

    def check_limit(self, holds: bool, sentence: str, **values: object) -> None:
        """The same for what must happen within some time: a busy computer may be too slow for it.

        Then the proof has failed nevertheless, and says why.
        """
        excuse = "" if holds else self.why_slow()
        self.checks.append(Check(holds, self.words(sentence, **values), excuse))

    def why_slow(self) -> str:
        """How busy this computer was during the step, in words; an empty text if it was not."""
        if self._longest_pause_s >= BUSY_PAUSE_S:
            return self.words("this computer was busy: a pause of {wanted_ms:.0f} ms took "
                              "{took_ms:.0f} ms", wanted_ms=POLL_S * 1000,
                              took_ms=self._longest_pause_s * 1000)
        load, cores = programs_that_run(), os.cpu_count() or 1
        if load >= BUSY_LOAD * cores:
            return self.words("this computer was busy: {load:.1f} programs wanted its cores, "
                              "of which it has {cores}", load=load, cores=cores)
        return ""

    def close(self) -> None:
        """Closes the client."""
        if self._client:
            self._client.close()

    def _tell_news(self) -> None:
        for news in self.cast["registry"].take_news():
            self.news_count += 1
            self._tell_one(news)

    def _tell_one(self, news: News) -> None:
        name, at = news.instance, news.at
        if news.what == "up":
            self.tell("registry: {name} is up, at {address}", at=at, name=name,
                      address=news.address)
        elif news.what == "changed":
            self.tell("registry: {name} has another address now: {address}", at=at, style="strong",
                      name=name, address=news.address)
        elif news.what == "back":
            self.tell("registry: {name} is back", at=at, name=name)
        elif news.what == "suspect":
            self.tell("registry: {name} is suspect: half its lease passed without a heartbeat",
                      at=at, style="strong", name=name)
        elif news.what == "expired":
            self.tell("registry: {name} is out: its lease expired", at=at, style="strong",
                      name=name)
        else:
            self.say(f"registry: {name}: {news.what}", at=at)


def _indented(rows: Rows) -> Rows:
    """Rows below the texts of the event log."""
    return lambda columns: [MARGIN + row for row in rows(columns - len(MARGIN))]


def programs_that_run() -> float:
    """How many programs ran or waited for a core in the last minute, on average.

    0.0 where the system does not tell.
    """
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            return os.getloadavg()[0]
    return 0.0
