"""The live page as a stage: what a step of the demo asks, shows and proves becomes events.

The steps are those of the terminal (classroom/working.py and its neighbours), and so are their
sentences, questions and proofs: this stage only shows them elsewhere, in both languages at once.

Threads: the one that tells the story.
"""

from __future__ import annotations

import io
from typing import Any, Callable

from classroom.both import BothLanguages, in_both
from classroom.cast import Cast
from classroom.screen import Rows, Screen
from classroom.stage import Skipped, Stage
from classroom.story import Ending
from dashboard.ballot import Ballot, Put
from dashboard.links import loss
from dashboard.remote import Remote
from lab.tcp_relay import TcpRelay

# Between the end of a step and its proof, in seconds. The page stretches what happens, so that eyes
# can follow; the proof must not cover it.
LOOK_S = 1.2
# A chart of a step is so many characters wide on the page.
CHART_COLUMNS = 60


def told(what: str, **fields: Any) -> dict[str, Any]:
    """An event of a story."""
    return {"k": "story", "what": what, **fields}


class PageStage(Stage):
    """Tells its steps to the page by `put`, has the class vote, and waits for the `remote`."""

    def __init__(self, put: Put, ballot: Ballot, remote: Remote, cast: Cast, *,
                 steps: int) -> None:
        # Nobody sees this screen: all that a step shows goes through the methods below.
        super().__init__(Screen(io.StringIO(), {}), BothLanguages(), cast, steps=steps, auto=False)
        self._put, self._ballot, self._remote = put, ballot, remote

    def ask(self, title: str, question: str) -> None:
        """Has the class vote until the presenter goes on. Raises Skipped, or Ended.

        A step without answers has no votes: the class speaks.
        """
        answers = self.answers.texts(self.words) if self.answers else []
        self._put(told("question", step=self.number, of=self.steps, title=in_both(title),
                       question=in_both(question), answers=list(map(in_both, answers))))
        if answers:
            self._ballot.ask(question, answers)
        else:
            self._ballot.clear()
        self._put(told("open"))
        pressed = self._remote.wait()
        if answers:
            self._ballot.close()
        self._put(told("close"))
        if pressed == "skip":
            raise Skipped(self.words("the teacher passed over this step"))
        self._put(told("fault"))

    def discuss(self) -> None:
        """Waits for the presenter after a proof. Raises Ended."""
        self._remote.wait()

    def until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """As on the terminal. Raises Ended."""
        def holds() -> bool:
            self._remote.look()
            return condition()

        return super().until(holds, within_s)

    def relay(self, who: str) -> TcpRelay:
        """As on the terminal; each message that it loses is told, so that the page draws it."""
        def on_loss(request: bytes, direction: str, why: str) -> None:
            self._put(loss(who, request, direction, why))

        relay = super().relay(who)
        relay.on_loss = on_loss
        return relay

    def show(self, text: str, when_s: float, style: str) -> None:
        """Tells a line of the event log."""
        self._put(told("line", at=round(when_s, 2), text=in_both(text), style=style))

    def live(self, rows: Rows) -> None:
        """The page shows what moves by itself. Raises Ended."""
        self._remote.look()

    def last(self, rows: Rows) -> None:
        """Tells the rows of a chart."""
        for row in rows(CHART_COLUMNS):
            self.show(row, self.elapsed_s(), "chart")

    def show_proof(self, ending: Ending) -> None:
        """Tells how a step ended: its proof line by line, and which answer came true.

        Blocks for LOOK_S. Raises Ended.
        """
        if ending.what != "skipped":
            self._remote.pause(LOOK_S)
        passed = ending.what == "passed"
        right = self.answers.right if passed and self.answers else None
        self._ballot.reveal(right)
        checks = [{"holds": check.holds, "text": in_both(check.text),
                   **({"excuse": in_both(check.excuse)} if check.excuse else {})}
                  for check in self.checks]
        why = {"text": in_both(ending.reason)} if ending.reason else {}
        self._put(told("proof", passed=None if ending.what == "skipped" else passed,
                       checks=checks, right=right, proves=in_both(self.proves), **why))
