"""Lines that somebody types, without holding up what ends the program.

Reading sys.stdin in the main thread would hold up a signal on Windows; and a thread that reads it
keeps its lock to the end of Python. So a thread reads the file below it, and hands lines on.

Threads: the reader is one of its own; all else is for one other thread.
"""

from __future__ import annotations

import math
import os
import queue
import stat
import threading
import time
from collections.abc import Sequence
from typing import Callable

# Seconds between two looks at the keyboard and at signals.
LOOK_S = 0.1


class Ended(Exception):
    """The end of the input, or a signal."""


class Input:
    """Lines from the keyboard, and what ends them: the end of the input, or `is_over()`.

    `typed`: lines that come before those of the keyboard.
    """

    def __init__(self, is_over: Callable[[], bool], file: int = 0,
                 typed: Sequence[str] = ()) -> None:
        self._is_over, self._file = is_over, file
        self._lines: queue.Queue[str | None] = queue.Queue()
        for line in typed:
            self._lines.put(line)
        # Lines that a terminal does not show by itself: so many, or all.
        self._unseen = math.inf if not os.isatty(file) else len(typed)
        self.has_keyboard = _has_keyboard(file)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def wait(self, seconds: float) -> None:
        """Waits so long. Raises Ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._is_over():
                raise Ended
            time.sleep(min(LOOK_S, max(deadline - time.monotonic(), 0)))

    def line(self, timeout_s: float | None = None) -> str | None:
        """The next line; None if there is none within `timeout_s`. Raises Ended."""
        deadline = time.monotonic() + timeout_s if timeout_s is not None else None
        while deadline is None or time.monotonic() < deadline:
            if self._is_over():
                raise Ended
            try:
                line = self._lines.get(timeout=LOOK_S)
            except queue.Empty:
                continue
            if line is None:
                raise Ended
            if self._unseen > 0:
                self._unseen -= 1
                print(line)
            return line
        return None

    def _read(self) -> None:
        # Not sys.stdin: a thread that reads it would keep its lock to the end.
        rest = b""
        while True:
            try:
                data = os.read(self._file, 4096)
            except OSError:
                data = b""
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._lines.put(line.decode("utf-8", "replace").strip())
        self._lines.put(None)


def _has_keyboard(file: int) -> bool:
    """False where nobody can type: the input is /dev/null, or closed. The end of a pipe is a key,
    too: who held its other end has gone.
    """
    try:
        return os.isatty(file) or not stat.S_ISCHR(os.fstat(file).st_mode)
    except OSError:
        return False
