"""The question that the class sees now, and its votes. Phones and the teacher's page vote here.

Threads: any. One of its own tells the counts (votes.py says how often).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from classroom.both import in_both
from dashboard.votes import BETWEEN_EVENTS_S, Votes

# Puts an event on the page. It may be called on any thread, and never blocks.
Put = Callable[[Mapping[str, Any]], None]


class Ballot:
    """One question after the other. `put` gets what there is to tell."""

    def __init__(self, put: Put) -> None:
        self._put = put
        # Guarded by self._changed: the votes, the question with its answers, how many questions
        # there were, which answer came true, and whether `stop` was called.
        self._changed = threading.Condition()
        self._votes = Votes()
        self._question: dict[str, Any] = {}
        self._number = 0
        self._right: int | None = None
        self._stopped = False
        threading.Thread(target=self._tell_counts, name="votes", daemon=True).start()

    def ask(self, question: str, answers: Sequence[str]) -> None:
        """Opens a new question."""
        with self._changed:
            self._number, self._right = self._number + 1, None
            self._question = {"question": in_both(question), "answers": list(map(in_both, answers))}
            self._votes.open()
            self._changed.notify_all()

    def close(self) -> None:
        """Takes no more votes, and tells the last counts."""
        with self._changed:
            self._votes.close()
            self._put(self._votes.told())

    def reveal(self, right: int | None) -> None:
        """The answer that came true; None if there is none."""
        with self._changed:
            self._right = right

    def clear(self) -> None:
        """There is no question any more."""
        with self._changed:
            self._question = {}
            self._votes.close()

    def vote(self, device: str, answer: int) -> None:
        """The vote of a device. Raises Refused."""
        with self._changed:
            self._votes.vote(device, answer, time.monotonic())

    def press(self, answer: int, delta: int) -> None:
        """The teacher counts hands: one more, or one less. Raises Refused."""
        with self._changed:
            self._votes.press(answer, delta)

    def answer_of(self, device: str) -> int | None:
        """What a device has voted for in this question; None if it has not."""
        with self._changed:
            return self._votes.answer_of(device)

    def shown(self) -> dict[str, Any] | None:
        """The question as a phone shows it; None if there is none.

        "id" grows with each question; "right" is there once it is known.
        """
        with self._changed:
            if not self._question:
                return None
            right = {} if self._right is None else {"right": self._right}
            return {"id": self._number, **self._question, "open": self._votes.is_open,
                    "counts": self._votes.counts, "voters": self._votes.voters, **right}

    def stop(self) -> None:
        """Ends its thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _tell_counts(self) -> None:
        with self._changed:
            while not self._stopped:
                event = self._votes.due(time.monotonic()) if self._votes.is_open else None
                if event:
                    self._put(event)
                # While nobody can vote, nothing changes.
                self._changed.wait(BETWEEN_EVENTS_S if self._votes.is_open else None)
