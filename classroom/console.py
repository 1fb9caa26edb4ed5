"""A terminal for one role: its lines scroll, and one line of counters below them is rewritten.

Where standard output is not a terminal, the counters are printed as a line of their own, every
some seconds.

Threads: any may write. A console can block its writers (as a click in a Windows console does);
then no other thread is blocked.
"""

from __future__ import annotations

import io
import threading
from typing import Callable, TextIO, cast

from ponte.process.characters import plain


class Console:
    """Wraps both output streams.

    `on_line(line)` is called with each whole line of standard output, after it was written;
    `rewrites`: whether the terminal lets us rewrite a line; `fit(line)` returns what is written in
    place of a whole line, on a terminal.
    Attributes: `out` and `err`, which take the place of sys.stdout and sys.stderr; `rewrites`.
    """

    def __init__(self, out: TextIO, err: TextIO, on_line: Callable[[str], None], *,
                 rewrites: bool, fit: Callable[[str], str] = str) -> None:
        self.rewrites = rewrites
        self._fit = fit
        self.out = cast(TextIO, _Stream(self, out, on_line))
        self.err = cast(TextIO, _Stream(self, err, lambda line: None))
        self._terminal = out
        # Guarded by self._lock: the streams, the text of the counters, and whether the cursor
        # stands behind them.
        self._lock = threading.RLock()
        self._counters = ""
        self._drawn = False

    def show(self, counters: str) -> None:
        """Shows the counters below all lines; an empty text removes them."""
        with self._lock:
            if self.rewrites:
                self._terminal.write("\r\x1b[K" + counters)
            elif counters:
                self._terminal.write(counters + "\n")
            self._terminal.flush()
            self._counters, self._drawn = counters, self.rewrites and bool(counters)

    def write(self, stream: TextIO, text: str) -> None:
        """Writes text in the place of the counters, and the counters below each complete line."""
        with self._lock:
            if self._drawn:
                self._terminal.write("\r\x1b[K")
                self._terminal.flush()
            if stream.isatty():
                # What comes after the last end of a line is no whole line yet.
                *lines, rest = text.split("\n")
                text = "".join(f"{self._fit(line)}\n" for line in lines) + rest
            stream.write(plain(text, stream.encoding or "ascii"))
            stream.flush()
            self._drawn = self.rewrites and bool(self._counters) and text.endswith("\n")
            if self._drawn:
                self._terminal.write(self._counters)
                self._terminal.flush()


class _Stream(io.TextIOBase):
    """One of the two streams. It passes text to the console, and whole lines to `on_line`."""

    def __init__(self, console: Console, stream: TextIO, on_line: Callable[[str], None]) -> None:
        super().__init__()
        self._console, self._stream, self._on_line = console, stream, on_line
        self._line = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        # Read-only, as in the base class; its type stub says otherwise.
        return self._stream.encoding or "ascii"

    def write(self, text: str) -> int:
        self._console.write(self._stream, text)
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._on_line(line)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True
