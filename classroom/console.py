"""A terminal for one role: its lines scroll, and one line of counters below them is rewritten.

The cursor stands before the counters. So one code erases them, also after the terminal has become
narrower and has broken their line: it erases all from the cursor on.

Where standard output is not a terminal, the counters are printed as a line of their own, every
some seconds.

Threads: any may write. A console can block its writers (as a click in a Windows console does);
then no other thread is blocked.
"""

from __future__ import annotations

import contextlib
import io
import threading
from typing import Callable, TextIO, cast

from ponte.process.characters import plain

# To the start of the row; and erases from there to the end of the screen.
ERASE = "\r\x1b[J"
# How long a stop waits for a thread that writes, in seconds. With less, the counters may stay; with
# more, Ctrl-Z seems to do nothing where the terminal is blocked.
HIDE_S = 0.2


class Console:
    """Wraps both output streams.

    `on_line(line)` is called with each whole line of standard output, after it was written;
    `rewrites`: whether the terminal lets us rewrite a line; `fit(line)` returns what is written in
    place of a whole line, on a terminal.
    Attributes: `out` and `err`, which take the place of sys.stdout and sys.stderr; `as_it_is`, the
    same as `out` for lines that nobody fits nor hears, such as a command to copy; `rewrites`.
    """

    def __init__(self, out: TextIO, err: TextIO, on_line: Callable[[str], None], *,
                 rewrites: bool, fit: Callable[[str], str] = str) -> None:
        self.rewrites = rewrites
        self.out = cast(TextIO, _Stream(self, out, on_line, fit))
        self.err = cast(TextIO, _Stream(self, err, _hear_nothing, fit))
        self.as_it_is = cast(TextIO, _Stream(self, out, _hear_nothing, str))
        self._terminal = out
        # Guarded by self._lock: the streams, the text of the counters, and whether they stand in
        # the row of the cursor.
        self._lock = threading.RLock()
        self._counters = ""
        self._drawn = False

    def show(self, counters: str) -> None:
        """Shows the counters below all lines; an empty text removes them."""
        with self._lock:
            if self.rewrites:
                self._terminal.write(ERASE + counters + ("\r" if counters else ""))
            elif counters:
                self._terminal.write(counters + "\n")
            self._terminal.flush()
            self._counters, self._drawn = counters, self.rewrites and bool(counters)

    def hide(self) -> None:
        """Removes the counters until the next `show`. For a signal handler of the main thread."""
        if self._lock.acquire(timeout=HIDE_S):
            try:
                # RuntimeError: the signal came in the middle of a write of this thread.
                with contextlib.suppress(OSError, RuntimeError):
                    if self._drawn:
                        self._drawn = False
                        self._terminal.write(ERASE)
                        self._terminal.flush()
            finally:
                self._lock.release()

    def write(self, stream: TextIO, text: str) -> None:
        """Writes text in the place of the counters, and the counters below each complete line."""
        with self._lock:
            if self._drawn:
                self._terminal.write(ERASE)
                self._terminal.flush()
            stream.write(plain(text, stream.encoding or "ascii"))
            stream.flush()
            self._drawn = self.rewrites and bool(self._counters) and text.endswith("\n")
            if self._drawn:
                self._terminal.write(self._counters + "\r")
                self._terminal.flush()


def _hear_nothing(line: str) -> None:
    """For a stream whose lines say nothing to the role's terminal."""


class _Stream(io.TextIOBase):
    """A way to one of the two streams. It passes text to the console, and whole lines to `on_line`.

    On a terminal `fit` changes each whole line first.
    """

    def __init__(self, console: Console, stream: TextIO, on_line: Callable[[str], None],
                 fit: Callable[[str], str]) -> None:
        super().__init__()
        self._console, self._stream, self._on_line, self._fit = console, stream, on_line, fit
        self._line = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        # Read-only, as in the base class; its type stub says otherwise.
        return self._stream.encoding or "ascii"

    def write(self, text: str) -> int:
        self._console.write(self._stream, self._fitted(text) if self.isatty() else text)
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._on_line(line)
        return len(text)

    def _fitted(self, text: str) -> str:
        # What comes after the last end of a line is no whole line yet.
        *lines, rest = text.split("\n")
        return "".join(f"{self._fit(line)}\n" for line in lines) + rest

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True
