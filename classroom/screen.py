"""Lines for a projector: at most 100 columns, on any console.

A colour never says more than the word that it paints. Escape codes are written to a terminal only,
and not where NO_COLOR is set (no-color.org) or TERM is "dumb". A character that the console's
encoding lacks becomes the nearest ASCII, so that no text can end the demo.

A terminal may be resized at any time. It then breaks the old lines in its own way, and nobody knows
where the cursor stands. So the screen is cleared, and the page, which is all since the last rule,
is drawn anew: at the next line that we write, or soon while we wait for Enter (on Windows, after
it). Before the first rule there is no page, and nothing is drawn anew. The same is done after
Ctrl-Z and `fg`, where a shell has written over the page.

Threads: one at a time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Callable, NamedTuple, TextIO

from classroom.keys import Echo
from classroom.narrow import broken
from ponte.process.characters import plain

MAX_COLUMNS = 100
# In a terminal that is narrower than this, the terminal breaks the lines.
MIN_COLUMNS = 40

# Style -> the numbers of its escape code (ECMA-48, "select graphic rendition").
STYLES = {"title": "1;36", "predict": "1;33", "passed": "1;32", "failed": "1;31", "faint": "2",
          "strong": "1"}
RULE = "─"
# Moves the cursor to the first place of an empty screen.
CLEAR = "\x1b[2J\x1b[H"


def bar(share: float, columns: int) -> str:
    """A bar of `columns` cells, `share` (0 to 1) of them full.

    >>> bar(0.5, 8)
    '████░░░░'
    """
    full = round(min(max(share, 0.0), 1.0) * columns)
    return "█" * full + "░" * (columns - full)


# Rows that fit into so many columns, such as those of a chart.
Rows = Callable[[int], Sequence[str]]


class _Line(NamedTuple):
    """A line of the page, as it was given: how it is broken depends on the columns."""

    text: str
    style: str = ""
    lead: str = ""
    lead_style: str = ""


def _no_rows(columns: int) -> Sequence[str]:
    return ()


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
        self._echo = Echo(sys.stdin)
        # The page, from the first rule on: its lines; below them the rows that the next `live`
        # overwrites, and how many they are; and what `ask` asks.
        self._page: list[_Line | Rows] | None = None
        self._live: Rows = _no_rows
        self._live_count = 0
        self._question = ""
        # For how many columns the page was drawn; 0 if others have written over it since.
        self._drawn_for = self.columns

    @property
    def columns(self) -> int:
        width = MAX_COLUMNS
        if self.is_terminal:
            try:
                # Unlike shutil, it passes over COLUMNS, which nobody changes with the window.
                width = os.get_terminal_size(self._stream.fileno()).columns or MAX_COLUMNS
            except (OSError, ValueError):
                width = shutil.get_terminal_size((MAX_COLUMNS, 40)).columns
        return max(min(width, MAX_COLUMNS), MIN_COLUMNS)

    def hushed(self) -> contextlib.AbstractContextManager[None]:
        """A `with` block in which the terminal does not show the keys that are pressed."""
        return self._echo.off(continued=self._forget_drawn)

    def line(self, text: str = "", *, style: str = "", lead: str = "",
             lead_style: str = "") -> None:
        """Writes `text` after `lead`. A text that is too long goes on under its first line."""
        self._follow_size()
        line = _Line(text, style, lead, lead_style)
        self._keep(line)
        self._draw(line)

    def command(self, text: str, *, lead: str = "", lead_style: str = "") -> None:
        """Writes a command after `lead`, in one line however long it is: readers copy it."""
        lead = self._painted(plain(lead, self.encoding), lead_style)
        self._write(f"{lead}{self._painted(plain(text, self.encoding), 'strong')}\n")

    def rule(self) -> None:
        """A line across the screen, with which a new page begins."""
        self._page = []
        self.line(RULE, style="faint")

    def live(self, rows: Rows) -> None:
        """Shows rows that the next call overwrites. Where that is not possible, shows nothing."""
        if not self.can_rewrite:
            return
        self._follow_size()
        if self._live_count:
            self._write(f"\x1b[{self._live_count}A")
        self._live = rows
        self._draw_live()

    def last(self, rows: Rows) -> None:
        """Shows the final state of `live` rows, on every screen."""
        if self.can_rewrite:
            self.live(rows)
            self._keep(rows)
        else:
            for text in rows(self.columns):
                self.line(text)

    def fit(self, text: str) -> str:
        """`text` cut to one line that leaves the cursor on it."""
        return plain(text, self.encoding)[:self.columns - 1]

    def ask(self, text: str) -> None:
        """Waits for Enter. Raises EOFError where the input ends."""
        self._follow_size()
        self._question = text
        self._draw_question()
        self._echo.turn_off()
        # Enter pressed twice must not skip a question.
        self._echo.forget_typed_ahead()
        self._echo.await_line(self._follow_size)
        answer = sys.stdin.readline()
        self._question = ""
        if not answer:
            raise EOFError
        # Where the terminal shows no keys, it has shown no end of the line.
        if self._echo.is_off:
            self._write("\r\x1b[K" if self.can_rewrite else "\n")

    # ---- drawing, and drawing anew

    def _forget_drawn(self) -> None:
        """Has the page drawn anew soon. A signal handler may do no more."""
        self._drawn_for = 0

    def _keep(self, what: _Line | Rows) -> None:
        """Adds to the page. What was live stays there, too."""
        if self._page is not None:
            self._page.append(what)
        self._live, self._live_count = _no_rows, 0

    def _draw(self, line: _Line) -> None:
        text, style, lead, lead_style = line
        lead = plain(lead, self.encoding)
        pieces = self._broken(text if text != RULE else RULE * self.columns,
                              self.columns - len(lead))
        for number, piece in enumerate(pieces):
            margin = self._painted(lead, lead_style) if number == 0 else " " * len(lead)
            self._write(f"{margin}{self._painted(piece, style)}".rstrip() + "\n")

    def _draw_live(self) -> None:
        self._live_count = self._draw_rows(self._live)

    def _draw_rows(self, rows: Rows) -> int:
        """Draws rows, each cut to the columns; returns how many they are."""
        drawn = rows(self.columns)
        for text in drawn:
            self._write(f"\r\x1b[K{plain(text, self.encoding)[:self.columns]}\n")
        return len(drawn)

    def _draw_question(self) -> None:
        self._write(self._painted(self.fit(self._question), "faint"))

    def _follow_size(self) -> None:
        """Draws the page anew, if it is not what we last drew, or for another width."""
        if self._page is None or not self.can_rewrite:
            return
        while self._drawn_for != self.columns:
            self._drawn_for = self.columns
            self._write(CLEAR)
            for each in self._page:
                if isinstance(each, _Line):
                    self._draw(each)
                else:
                    self._draw_rows(each)
            self._draw_live()
            self._draw_question()

    def _broken(self, text: str, columns: int) -> list[str]:
        safe = plain(text, self.encoding)
        if len(safe) <= columns:
            return [safe]
        return broken(safe, max(columns, 20))

    def _painted(self, text: str, style: str) -> str:
        painted = style and self._colours and text
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if painted else text

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
