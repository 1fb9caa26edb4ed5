"""The presenter's remote: a story waits until it is pressed.

Threads: any.
"""

from __future__ import annotations

import threading


class Ended(Exception):
    """The presenter has ended the story."""


class Remote:
    """What the presenter has pressed. A press counts only while the story waits for one."""

    def __init__(self) -> None:
        # Guarded by self._pressed: whether the story waits, what was pressed then, and whether
        # the story shall end.
        self._pressed = threading.Condition()
        self._waits = False
        self._what = ""
        self._ended = False

    def wait(self) -> str:
        """Waits for a press: "next" or "skip". Raises Ended."""
        with self._pressed:
            self._waits, self._what = True, ""
            self._pressed.wait_for(lambda: self._what or self._ended)
            self._waits = False
            if self._ended:
                raise Ended
            return self._what

    def press(self, what: str) -> bool:
        """Presses "next" or "skip"; whether the story has waited for that."""
        with self._pressed:
            if not self._waits or self._what:
                return False
            self._what = what
            self._pressed.notify_all()
            return True

    def end(self) -> None:
        """Ends the story, at its next wait or `look`."""
        with self._pressed:
            self._ended = True
            self._pressed.notify_all()

    def pause(self, seconds: float) -> None:
        """Waits for so long, or until the story shall end. Raises Ended."""
        with self._pressed:
            self._pressed.wait_for(lambda: self._ended, seconds)
        self.look()

    def look(self) -> None:
        """Raises Ended if the story shall end."""
        with self._pressed:
            if self._ended:
                raise Ended
