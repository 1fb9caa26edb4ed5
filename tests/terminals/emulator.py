"""What a terminal shows after some output: enough of a VT100 for the classroom.

It knows CR, LF, backspace, the wrap at the last column, and of ECMA-48: cursor up, down, forward,
back and to a place; erase in the page and in the line; colours, which it passes over. Any other
escape code is an error: it would be shown as text somewhere.

When it is resized, it breaks long lines anew (`reflows`, as most terminals do), or it cuts them
off, as xterm does.
"""

from __future__ import annotations

import codecs
import re

ESCAPE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")
# The start of an escape code whose rest has not come yet.
UNFINISHED = re.compile(r"\x1b(\[[0-9;?]*)?$")


class Emulator:
    """A screen of `columns` and `rows`.

    Attributes: `wrapped`, each line that was too long for the screen when it was written;
    `scrolled`, the rows that have left the screen at its top; `erased`, how often something was
    erased.
    """

    def __init__(self, columns: int, rows: int, *, reflows: bool = True) -> None:
        self.columns, self.rows = columns, rows
        self.wrapped: list[str] = []
        self.scrolled: list[str] = []
        self.erased = 0
        self._reflows = reflows
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._pending = ""
        # The rows from the top on, and whether each goes on in the next one.
        self._cells: list[list[str]] = [[]]
        self._goes_on: list[bool] = [False]
        self._row = self._column = 0

    def feed(self, data: bytes) -> None:
        """Shows output of a program. Raises ValueError for an escape code that it does not know."""
        text, self._pending = self._pending + self._decode(data), ""
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                code = ESCAPE.match(text, at)
                if not code:
                    if UNFINISHED.match(text, at):
                        self._pending = text[at:]
                        return
                    raise ValueError(f"unknown escape code: {text[at:at + 8]!r}")
                self._escape(code[1], code[2])
                at = code.end()
            else:
                self._show(text[at])
                at += 1

    def resize(self, columns: int, rows: int) -> None:
        """Another size. The cursor stays at its character."""
        if self._reflows and columns != self.columns:
            self._reflow(columns)
        self.columns, self.rows = columns, rows
        if not self._reflows:
            self._cells = [row[:columns] for row in self._cells]
            self._column = min(self._column, columns)
        self._scroll()

    def lines(self) -> list[str]:
        """The rows of the screen, without spaces at their ends."""
        shown = ["".join(row).rstrip() for row in self._cells]
        return shown + [""] * (self.rows - len(shown))

    def text(self) -> str:
        return "\n".join(self.lines()).rstrip("\n")

    def unbroken(self) -> list[str]:
        """The lines of the screen, also those that were too long for one row."""
        lines = [""]
        for row, goes_on in zip(self._cells, self._goes_on):
            lines[-1] += "".join(row)
            if not goes_on:
                lines.append("")
        return lines[:-1]

    def history(self) -> str:
        """All that was ever on the screen and was not erased."""
        return "\n".join(self.scrolled) + "\n" + self.text()

    # ---- characters

    def _show(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n":
            # The pseudo-terminal has made CR LF of it.
            self._goes_on[self._row] = False
            self._down()
        elif character == "\b":
            self._column = max(self._column - 1, 0)
        elif character != "\a":
            if self._column >= self.columns:
                self._goes_on[self._row] = True
                self.wrapped.append("".join(self._cells[self._row]))
                self._down()
                self._column = 0
            row = self._cells[self._row]
            row += [" "] * (self._column + 1 - len(row))
            row[self._column] = character
            self._column += 1

    def _down(self) -> None:
        self._row += 1
        while self._row >= len(self._cells):
            self._cells.append([])
            self._goes_on.append(False)
        self._scroll()

    def _scroll(self) -> None:
        """The rows above the last `rows` leave the screen."""
        while len(self._cells) > self.rows:
            if self._row < len(self._cells) - 1 and not self._cells[-1]:
                # An empty row below the cursor goes first.
                self._cells.pop()
                self._goes_on.pop()
                continue
            self.scrolled.append("".join(self._cells.pop(0)).rstrip())
            self._goes_on.pop(0)
            self._row = max(self._row - 1, 0)

    # ---- escape codes

    def _escape(self, parameters: str, final: str) -> None:
        numbers = [int(number or 0) for number in parameters.split(";")] if parameters else []
        first = numbers[0] if numbers else 0
        self.erased += final in "JK"
        if final == "m":
            return
        if final in "ABCD":
            count = first or 1
            if final in "AB":
                self._row = min(max(self._row + (-count if final == "A" else count), 0),
                                self.rows - 1)
            else:
                self._column = min(max(self._column + (count if final == "C" else -count), 0),
                                   self.columns - 1)
        elif final == "H":
            self._row, self._column = (first or 1) - 1, ([*numbers, 0, 0][1] or 1) - 1
        elif final == "K" and first == 0:
            del self._cells[self._row][self._column:]
            self._goes_on[self._row] = False
        elif final == "J" and first in (0, 2):
            self._erase(self._row if first == 0 else 0, self._column if first == 0 else 0)
        else:
            raise ValueError(f"unknown escape code: ESC [ {parameters} {final}")
        while self._row >= len(self._cells):
            self._cells.append([])
            self._goes_on.append(False)

    def _erase(self, row: int, column: int) -> None:
        del self._cells[row][column:]
        self._goes_on[row] = False
        for below in range(row + 1, len(self._cells)):
            self._cells[below], self._goes_on[below] = [], False

    # ---- another size

    def _reflow(self, columns: int) -> None:
        """Joins the rows of each line, and breaks it for so many columns."""
        cells: list[list[str]] = []
        goes_on: list[bool] = []
        line: list[str] = []
        at: int | None = None
        for number, row in enumerate(self._cells):
            if number == self._row:
                at = len(line) + min(self._column, max(len(row), self._column))
            line += row
            if self._goes_on[number]:
                continue
            pieces = [line[begin:begin + columns]
                      for begin in range(0, max(len(line), 1), columns)]
            if at is not None:
                self._row = len(cells) + min(at // columns, len(pieces) - 1)
                self._column = at - (self._row - len(cells)) * columns
                at = None
            cells += pieces
            goes_on += [True] * (len(pieces) - 1) + [False]
            line = []
        self._cells, self._goes_on = cells, goes_on
