"""Reading a README: its blocks and commands, and whether what was printed is what it shows. Pure.

What the blocks and the comments before them mean is told in readme.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple


class Wrong(Exception):
    """What a README says does not hold."""


# ---- reading ----------------------------------------------------------------------------------------------

class Block(NamedTuple):
    """A fenced block: `info` after its fence, its lines, the comments before it, and the line of its fence."""

    info: str
    lines: tuple[str, ...]
    notes: tuple[str, ...]
    at: int


class Command(NamedTuple):
    """A command and what the README says it prints; None where it says nothing."""

    text: str
    output: tuple[str, ...] | None


def blocks(text: str) -> list[Block]:
    """The blocks of a README in order; comments that no block follows stand in blocks without lines."""
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
    named = re.fullmatch(r"# ([\w/]+\.py)", block.lines[0]) if block.info == "python" and block.lines else None
    return named.group(1) if named else None


# ---- comparing ------------------------------------------------------------------------------------------

_MAY_DIFFER = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"\d\d:\d\d:\d\d(\.\d\d\d)?"), "TIME"),
    (re.compile(r"\d+(\.\d+)? ms"), "N ms"),
    (re.compile(r"\d+\.\d+ s"), "N s"),
    (re.compile(r"127\.0\.0\.1:(?!(?:4100|4180|4188)\b)\d+"), "127.0.0.1:PORT"),
    (re.compile(r"\b(greeter|shop|adder|bank)-\d{4,5}\b"), r"\1-PORT"),
    (re.compile(r"\b1\d{12}\b"), "INCARNATION"),
    (re.compile(r"\bserver-\d"), "server-N"),
    (re.compile(r"\[Errno \d+\]"), "[Errno N]"),
    (re.compile(r"\s+"), " "),
)
_SHAPE = re.compile(r"\d/8 |PRO(OF|VA):|  [✓✗\u2013] |\d of \d|\d de \d")
_COUNTERS = re.compile("[♥●] ")         # a terminal shows them in one place, and below everything
_NUMBER = re.compile(r"\d+([.,]\d+)?")
_SERVERS = re.compile(r"server-N(, server-N)*")


def same(line: str) -> str:
    """`line` without what may differ from one run to the next."""
    for pattern, instead in _MAY_DIFFER:
        line = pattern.sub(instead, line)
    return line.strip()


def shape(lines: Sequence[str]) -> list[str]:
    """Titles, proofs and sums, without numbers."""
    return [_SERVERS.sub("SERVERS", _NUMBER.sub("N", same(line)))
            for line in lines if _SHAPE.match(line) or line == "..."]


def difference(shown: Sequence[str], printed: Sequence[str], *, to_be_continued: bool = False) -> str:
    """What is wrong with `printed`, in one line; empty if nothing is."""
    wanted = [same(line) for line in shown if line.strip()]
    have = [same(line) for line in printed if line.strip() and not _COUNTERS.match(line)]
    at, gap = 0, False
    for line in wanted:
        if line == "...":
            gap = True
            continue
        found = next((i for i in range(at, len(have)) if _fits(line, have[i])), None) if gap else at
        if found is None or found >= len(have) or not _fits(line, have[found]):
            return f"expected {line!r}, " + (f"got {have[at]!r}" if at < len(have) and not gap else "got no such line")
        at, gap = found + 1, False
    if at < len(have) and not gap and not to_be_continued:
        return f"printed {have[at]!r} beyond what is shown"
    return ""


def _fits(shown: str, printed: str) -> bool:
    return printed.startswith(shown[:-4]) if shown.endswith(" ...") else printed == shown
