"""Reading a document: its blocks, commands and edits, and whether a command printed what it shows.

Pure. What the blocks and the comments before them mean stands in readme.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple


class Wrong(Exception):
    """Something in a document is not true."""


# Of which state of the English paragraph the next one is a translation (tests/course/pages.py).
TRANSLATED = re.compile(r"<!-- en [0-9a-f]{8}(?: start\.py)? -->")


# ---- reading -------------------------------------------------------------------------------------

class Block(NamedTuple):
    """A fenced block.

    `info` is the word after its fence; `notes` are the comments before it; `at` is the line of its
    fence, counted from 1.
    """

    info: str
    lines: tuple[str, ...]
    notes: tuple[str, ...]
    at: int


class Command(NamedTuple):
    """A command and what the document says it prints; None where it says nothing."""

    text: str
    output: tuple[str, ...] | None


class Edit(NamedTuple):
    """A change to a file: the lines `before`, which stand in it once, become the lines `after`."""

    file: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def blocks(text: str) -> list[Block]:
    """The blocks of a document in order. Comments that precede no block get an empty block."""
    found: list[Block] = []
    notes: list[str] = []
    fence: tuple[str, int] | None = None
    body: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if fence and line.startswith("```"):
            found.append(Block(fence[0], tuple(body), tuple(notes), fence[1]))
            fence, body, notes = None, [], []
        elif fence:
            body.append(line)
        elif line.startswith("```"):
            fence = (line[3:].strip(), number)
        elif TRANSLATED.fullmatch(line):
            continue
        elif re.fullmatch(r"<!-- .* -->", line):
            notes.append(line[5:-4])
        elif line and notes:
            found.append(Block("", (), tuple(notes), number))
            notes = []
    if fence:
        raise Wrong(f"line {fence[1]}: a block without an end")
    return found + ([Block("", (), tuple(notes), 0)] if notes else [])


def commands(block: Block) -> list[Command]:
    """The commands of a block; none where it has none."""
    if block.info == "sh":
        return [Command(line, None) for line in block.lines if line.strip()]
    if block.info != "console":
        return []
    found: list[Command] = []
    for line in block.lines:
        if line.startswith("$ "):
            found.append(Command(line[2:], ()))
        elif not found:
            raise Wrong(f"line {block.at}: output before the first command")
        else:
            found[-1] = Command(found[-1].text, (*(found[-1].output or ()), line))
    return found


def file_of(block: Block) -> str | None:
    """The name of the file that a block is saved as."""
    if block.info != "python" or not block.lines:
        return None
    named = re.fullmatch(r"# ([\w/]+\.py)", block.lines[0])
    return named.group(1) if named else None


# ---- edits ---------------------------------------------------------------------------------------

def edits(block: Block) -> list[Edit]:
    """The edits of a ```diff block. Each begins with a line `@@ FILE`."""
    if block.info != "diff":
        return []
    found: list[Edit] = []
    for line in block.lines:
        if line.startswith("@@ "):
            found.append(Edit(line[3:].strip(), (), ()))
            continue
        mark, text = line[:1] or " ", line[1:]
        if not found or mark not in " -+":
            raise Wrong(f"line {block.at}: {line!r} is no line of an edit")
        file, before, after = found[-1]
        found[-1] = Edit(file, before if mark == "+" else (*before, text),
                         after if mark == "-" else (*after, text))
    return found


def edited(text: str, edit: Edit) -> str:
    """`text` with the edit made. Raises Wrong unless the lines `before` stand in it once."""
    lines, count = text.splitlines(), len(edit.before)
    places = [at for at in range(len(lines) - count + 1)
              if tuple(lines[at:at + count]) == edit.before]
    if not count or len(places) != 1:
        raise Wrong(f"{edit.file}: the lines to change stand in it {len(places)} times:\n"
                    + "\n".join(edit.before))
    at = places[0]
    return "\n".join([*lines[:at], *edit.after, *lines[at + count:]]) + "\n"


# ---- comparing -----------------------------------------------------------------------------------

_MAY_DIFFER = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"\d\d:\d\d:\d\d(\.\d\d\d)?"), "TIME"),
    (re.compile(r"\d+([.,]\d+)? ms"), "N ms"),
    (re.compile(r"\d+[.,]\d+ s"), "N s"),
    (re.compile(r"127\.0\.0\.1:(?!(?:4100|4180|4188)\b)\d+"), "127.0.0.1:PORT"),
    (re.compile(r"\b(greeter|shop|adder|bank)-\d{4,5}\b"), r"\1-PORT"),
    (re.compile(r"\b1\d{12}\b"), "INCARNATION"),
    (re.compile(r"\bserver-\d"), "server-N"),
    (re.compile(r"^\d+ (calls|chamadas),"), r"N \1,"),
    (re.compile(r"\b(processo?) \d+"), r"\1 N"),
    (re.compile(r"\[Errno \d+\]"), "[Errno N]"),
    (re.compile(r"\s+"), " "),
)
_SHAPE = re.compile(r"\d+/\d+ |PRO(OF|VA):|  [✓✗\u2013] |\d of \d|\d de \d")
# A line of counters, which a terminal shows below everything else, in one place.
_COUNTERS = re.compile("[♥●] ")
_NUMBER = re.compile(r"\d+([.,]\d+)?")
_SERVERS = re.compile(r"server-N(, server-N)*")
_LEAST = re.compile(r"(\d+) ms or more")
_MILLISECONDS = re.compile(r"(\d+(?:[.,]\d+)?) ms")


def counts(line: str, only: str) -> bool:
    """Whether a printed line is one of those that a document asks for.

    `only`: "N ms or more", the time that it must show; another text that must stand in it; or "".

    >>> counts("server-3 via proxy-4180  1208.4 ms", "1000 ms or more")
    True
    """
    least = _LEAST.fullmatch(only)
    if not least:
        return only in line
    return any(float(shown.replace(",", ".")) >= int(least[1])
               for shown in _MILLISECONDS.findall(line))


def same(line: str) -> str:
    """`line` without what may differ from one run to the next."""
    for pattern, instead in _MAY_DIFFER:
        line = pattern.sub(instead, line)
    return line.strip()


def shape(lines: Sequence[str]) -> list[str]:
    """Titles, proofs and sums, without numbers."""
    return [_SERVERS.sub("SERVERS", _NUMBER.sub("N", same(line)))
            for line in lines if _SHAPE.match(line) or line == "..."]


def difference(shown: Sequence[str], printed: Sequence[str], *,
               to_be_continued: bool = False) -> str:
    """What is wrong with `printed`, in one line; an empty string if nothing is.

    `to_be_continued`: more may be printed than is shown.
    """
    wanted = [same(line) for line in shown if line.strip()]
    have = [same(line) for line in printed if line.strip() and not _COUNTERS.match(line)]
    at, gap = 0, False
    for line in wanted:
        if line == "...":
            gap = True
            continue
        found = at
        if gap:
            found = next((i for i in range(at, len(have)) if _fits(line, have[i])), len(have))
        if found >= len(have) or not _fits(line, have[found]):
            got = "no such line" if gap or at >= len(have) else repr(have[at])
            return f"expected {line!r}, got {got}"
        at, gap = found + 1, False
    if at < len(have) and not gap and not to_be_continued:
        return f"printed {have[at]!r}, which is not shown"
    return ""


def _fits(shown: str, printed: str) -> bool:
    return printed.startswith(shown[:-4]) if shown.endswith(" ...") else printed == shown
