"""Lines of a role on a narrow terminal: they say the same in fewer columns.

A terminal breaks a line that is too long in the middle of a word, and on six small panes the class
then sees half of what happened. Pure.
"""

from __future__ import annotations

import re
import textwrap

# What can be left out of a line, one after the other until it fits: what is not news, fractions of
# a second, the name of the role whose terminal it is, spaces for the eye, and the host where all is
# on one computer.
CUTS = (
    (re.compile(r" \(UDP beats, TCP lookups\)"), ""),
    (re.compile(r" - stop with Ctrl-C$"), ""),
    (re.compile(r"^(\d\d:\d\d:\d\d)\.\d{3} "), r"\1 "),
    (re.compile(r"\bregistry: (?=\w+ +\S+/\S+ )"), ""),
    (re.compile(r" {2,}"), " "),
    (re.compile(r"\b127\.0\.0\.1(?=:\d)"), ""),
)
# The first column of a table, and the space behind it.
FIRST_COLUMN = re.compile(r" *\S.*? {2,}(?=\S)| +")
# A command that readers copy: what starts it, and words that can only be a part of it.
COMMAND = re.compile(r"\b(?:python3?|py) \S+\.py\b"
                     r"(?: (?:-\S+|registry|server|proxy|client|attack|swap|doctor|\S*[\d:/]\S*))*")
# Stands for a space in such a command: textwrap does not break there.
_NO_BREAK = "\0"
# Before the rest of a line that does not fit whatever is left out.
MARGIN = "    "


def narrowed(line: str, columns: int) -> str:
    """A line in so many columns; several lines if it cannot be cut to one.

    >>> narrowed("19:37:02.771 registry: suspect   greeter/server-1  127.0.0.1:41977", 59)
    '19:37:02 suspect   greeter/server-1  127.0.0.1:41977'
    """
    # Of a command nothing may be left out.
    for pattern, instead in () if COMMAND.search(line) else CUTS:
        if len(line) <= columns:
            return line
        line = pattern.sub(instead, line)
    if len(line) <= columns:
        return line
    return "\n".join(broken(line, columns, MARGIN))


def broken(text: str, columns: int, margin: str = "") -> list[str]:
    """A text in lines of so many columns. A command stays in one line, however long it is.

    `margin` stands before each line but the first.

    >>> broken("Start with: python3 demo.py registry", 30)
    ['Start with:', 'python3 demo.py registry']
    """
    joined = COMMAND.sub(lambda command: command[0].replace(" ", _NO_BREAK), text)
    # A command that is too long is broken by the terminal itself; any other word here.
    lines = textwrap.wrap(joined, columns, subsequent_indent=margin, break_on_hyphens=False,
                          replace_whitespace=False, break_long_words=_NO_BREAK not in joined)
    return [line.replace(_NO_BREAK, " ") for line in lines]


def narrowed_help(text: str, columns: int) -> str:
    """The help of a program in so many columns. Its tables keep their columns, if there is space.

    >>> print(narrowed_help("  --auto   no key presses; no pauses", 30))
      --auto   no key presses; no
               pauses
    """
    return "\n".join(piece for line in text.split("\n")
                     for piece in broken(line, columns, _margin(line, columns)) or [""])


def _margin(line: str, columns: int) -> str:
    first = FIRST_COLUMN.match(line)
    if first and first.end() <= columns // 2 + len(MARGIN):
        return " " * first.end()
    return MARGIN if line.startswith(" ") else ""
