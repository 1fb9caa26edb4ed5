"""Lines for a projector: at most 100 columns, on any console.

A colour never says more than the word that it paints. Escape codes are written to a terminal only,
and not where NO_COLOR is set (no-color.org) or TERM is "dumb". A character that the console's
encoding lacks becomes the nearest ASCII, so that no text can end the demo.

Threads: one at a time.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import TextIO

from ponte.net import windows
from ponte.process.characters import plain

MAX_COLUMNS = 100
# In a terminal that is narrower than this, the terminal breaks the lines.
MIN_COLUMNS = 40

# Style -> the numbers of its escape code (ECMA-48, "select graphic rendition").
STYLES = {"title": "1;36", "predict": "1;33", "passed": "1;32", "failed": "1;31", "faint": "2",
          "strong": "1"}


def bar(share: float, columns: int) -> str:
    """A bar of `columns` cells, `share` (0 to 1) of them full.

    >>> bar(0.5, 8)
    '████░░░░'
    """
    full = round(min(max(share, 0.0), 1.0) * columns)
    return "█" * full + "░" * (columns - full)


class Screen:
    """Writes to one stream.

    Attributes: `is_terminal`; `can_rewrite`, whether lines can be written over; `encoding` of the
    stream; `columns`, how many a line may take.
    """

    def __init__(self, stream: TextIO, environ: Mapping[str, str] = os.environ) -> None:
        self.is_terminal = stream.isatty()
        self._stream = stream
        self.encoding = getattr(stream, "encoding", None) or "ascii"
        can_rewrite = self.is_terminal and environ.get("TERM") != "dumb"
        if can_rewrite and sys.platform == "win32":
            # It makes the console of Windows 10 accept escape codes.
            os.system("")
        self.can_rewrite = can_rewrite
        self._colours = can_rewrite and not environ.get("NO_COLOR")
        # How many lines the next `live` overwrites.
        self._live = 0

    @property
    def columns(self) -> int:
        width = MAX_COLUMNS
        if self.is_terminal:
            width = shutil.get_terminal_size((MAX_COLUMNS, 40)).columns
        return max(min(width, MAX_COLUMNS), MIN_COLUMNS)

    def line(self, text: str = "", *, style: str = "", lead: str = "",
             lead_style: str = "") -> None:
        """Writes `text` after `lead`. A text that is too long goes on under its first line."""
        lead = plain(lead, self.encoding)
        pieces = self._broken(text, self.columns - len(lead))
        for number, piece in enumerate(pieces):
            margin = self._painted(lead, lead_style) if number == 0 else " " * len(lead)
            self._write(f"{margin}{self._painted(piece, style)}".rstrip() + "\n")
        self._live = 0

    def command(self, text: str, *, lead: str = "", lead_style: str = "") -> None:
        """Writes a command after `lead`, in one line however long it is: readers copy it."""
        lead = self._painted(plain(lead, self.encoding), lead_style)
        self._write(f"{lead}{self._painted(plain(text, self.encoding), 'strong')}\n")
        self._live = 0

    def rule(self) -> None:
        """A line across the screen."""
        self.line("─" * self.columns, style="faint")

    def live(self, lines: Sequence[str]) -> None:
        """Shows lines that the next call overwrites. Where that is not possible, shows nothing."""
        if not self.can_rewrite:
            return
        if self._live:
            self._write(f"\x1b[{self._live}A")
        for text in lines:
            self._write(f"\r\x1b[K{plain(text, self.encoding)[:self.columns]}\n")
        self._live = len(lines)

    def last(self, lines: Sequence[str]) -> None:
        """Shows the final state of `live` lines, on every screen."""
        if self.can_rewrite:
            self.live(lines)
            self._live = 0
        else:
            for text in lines:
                self.line(text)

    def fit(self, text: str) -> str:
        """`text` cut to one line that leaves the cursor on it."""
        return plain(text, self.encoding)[:self.columns - 1]

    def ask(self, text: str) -> None:
        """Waits for Enter. Raises EOFError where the input ends."""
        self._write(self._painted(plain(text, self.encoding), "faint"))
        _forget_typed_ahead()
        if not sys.stdin.readline():
            raise EOFError
        self._live = 0

    def _broken(self, text: str, columns: int) -> list[str]:
        safe = plain(text, self.encoding)
        if len(safe) <= columns:
            return [safe]
        return textwrap.wrap(safe, max(columns, 20), break_on_hyphens=False, drop_whitespace=True,
                             replace_whitespace=False)

    def _painted(self, text: str, style: str) -> str:
        painted = style and self._colours and text
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if painted else text

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _forget_typed_ahead() -> None:
    """Drops key presses from before the question: Enter pressed twice must not skip a question."""
    if sys.platform == "win32":
        windows.forget_typed_keys()
        return
    try:
        # Windows has no such module.
        import termios  # noqa: PLC0415
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    except (ImportError, OSError, ValueError):
        # Standard input is not a terminal: there is nothing to drop.
        pass
