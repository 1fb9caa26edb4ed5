"""Lines for a projector: at most 100 columns, colour only beside a word, on any console.

No escape code is written to anything but a terminal, nor where NO_COLOR is set (no-color.org) or TERM is dumb. A
character that the console's encoding lacks becomes its nearest ASCII, so that no text can end the demo.

Threads: one at a time.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TextIO

MAX_COLUMNS = 100
MIN_COLUMNS = 40        # narrower than this we let the terminal break the lines

STYLES = {"title": "1;36", "predict": "1;33", "passed": "1;32", "failed": "1;31", "faint": "2", "strong": "1"}
ASCII = {"✓": "+", "✗": "x", "█": "#", "░": ".", "♥": "*", "→": "->", "►": ">", "◄": "<", "─": "-", "│": "|",
         "┘": "+", "└": "+", "┴": "+", "·": "-", "…": "...", "“": '"', "”": '"', "●": "*"}


def plain(text: str, encoding: str) -> str:
    """`text` in what `encoding` can write: the same, or the nearest ASCII of what it lacks.

    >>> plain("Olá → ✓", "ascii")
    'Ola -> +'
    """
    return "".join(_plain_character(character, encoding) for character in text)


def _plain_character(character: str, encoding: str) -> str:
    try:
        character.encode(encoding)
        return character
    except (UnicodeEncodeError, LookupError):
        pass        # look for something like it
    if character in ASCII:
        return ASCII[character]
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode("ascii") or "?"


def bar(share: float, columns: int) -> str:
    """A bar of `columns` cells, `share` (0 to 1) of them full."""
    full = round(min(max(share, 0.0), 1.0) * columns)
    return "█" * full + "░" * (columns - full)


class Screen:
    """Writes to one stream.

    Attributes: `is_terminal`; `can_rewrite`, whether lines can be written over; `encoding` of the stream; `columns`
    that a line may take.
    """

    def __init__(self, stream: TextIO, environ: Mapping[str, str] = os.environ) -> None:
        self.is_terminal = stream.isatty()
        self._stream = stream
        self.encoding = getattr(stream, "encoding", None) or "ascii"
        can_rewrite = self.is_terminal and environ.get("TERM") != "dumb"
        if can_rewrite and sys.platform == "win32":
            os.system("")       # switches the Windows 10 console to escape codes
        self.can_rewrite = can_rewrite
        self._colours = can_rewrite and not environ.get("NO_COLOR")
        self._live = 0          # how many lines the next `live` overwrites

    @property
    def columns(self) -> int:
        width = shutil.get_terminal_size((MAX_COLUMNS, 40)).columns if self.is_terminal else MAX_COLUMNS
        return max(min(width, MAX_COLUMNS), MIN_COLUMNS)

    def line(self, text: str = "", *, style: str = "", lead: str = "", lead_style: str = "") -> None:
        """Writes `text` after `lead`, broken at the screen's width; further lines stand under the first."""
        lead = plain(lead, self.encoding)
        pieces = self._broken(text, self.columns - len(lead))
        for number, piece in enumerate(pieces):
            margin = self._painted(lead, lead_style) if number == 0 else " " * len(lead)
            self._write(f"{margin}{self._painted(piece, style)}".rstrip() + "\n")
        self._live = 0

    def rule(self) -> None:
        """A line across the screen."""
        self.line("─" * self.columns, style="faint")

    def live(self, lines: Sequence[str]) -> None:
        """Shows lines that the next call overwrites. Where nothing can be overwritten, use `last` alone."""
        if not self.can_rewrite:
            return
        if self._live:
            self._write(f"\x1b[{self._live}A")
        for text in lines:
            self._write(f"\r\x1b[K{plain(text, self.encoding)[:self.columns]}\n")
        self._live = len(lines)

    def last(self, lines: Sequence[str]) -> None:
        """The final state of `live` lines."""
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
        return textwrap.wrap(safe, max(columns, 20), break_on_hyphens=False, drop_whitespace=True,
                             replace_whitespace=False) if len(safe) > columns else [safe]

    def _painted(self, text: str, style: str) -> str:
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if style and self._colours and text else text

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _forget_typed_ahead() -> None:
    """Drops key presses from before the question: an impatient Enter must not skip the next one."""
    if sys.platform == "win32":
        return
    try:
        import termios  # noqa: PLC0415     not on Windows
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    except (ImportError, OSError, ValueError):
        pass        # not a terminal: then nothing is dropped
