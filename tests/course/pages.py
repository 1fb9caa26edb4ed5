"""The pages of the lessons in two languages, kept in step.

    python3 -m tests.course.pages          names what is stale
    python3 -m tests.course.pages --mark   notes that each translation fits its original now

Each paragraph of a lesson.pt.md stands below a comment with the hash of the English paragraph that
it translates. Who changes the English page makes that translation stale, and the tests red, until
somebody has translated it anew and said so with --mark. Commands and their number are the same. A
comment at the end has the hash of the start.py that start_pt.py translates.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from course.shelf import LESSONS, Lesson
from ponte.process.characters import write_any

NOTE = re.compile(r"<!-- en ([0-9a-f]{8}) -->")
START_NOTE = re.compile(r"^<!-- en ([0-9a-f]{8}) start\.py -->$", re.MULTILINE)


class Part(NamedTuple):
    """A fenced block ("block"); or a paragraph, a heading, a list, a table, a comment ("text")."""

    kind: str
    text: str
    # The hash in the comment above it.
    of: str = ""


def parts(page: str) -> list[Part]:
    """The parts of a page in their order."""
    return list(_parts(page.splitlines()))


def _parts(lines: list[str]) -> Iterator[Part]:
    of, gathered, is_block = "", list[str](), False
    for line in [*lines, ""]:
        if is_block:
            gathered.append(line)
            if line.startswith("```"):
                yield Part("block", "\n".join(gathered))
                gathered, is_block = [], False
        elif line.startswith("```") or not line.strip() or NOTE.fullmatch(line):
            if gathered:
                yield Part("text", "\n".join(gathered), of)
                of = ""
            found = NOTE.fullmatch(line)
            of = found[1] if found else of
            is_block = line.startswith("```")
            gathered = [line] if is_block else []
        else:
            gathered.append(line)


def hash_of(text: str) -> str:
    """The hash of a paragraph; how its lines are broken does not matter."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:8]


def commands(part: Part) -> list[str]:
    """The commands in a block."""
    return [line for line in part.text.splitlines() if line.startswith("$ ")]


def stale(english: str, portuguese: str) -> list[str]:
    """What is not in step, a line each."""
    originals, translations = parts(english), parts(START_NOTE.sub("", portuguese))
    kinds = [part.kind for part in originals]
    if kinds != [part.kind for part in translations]:
        return [f"{len(originals)} parts in English, {len(translations)} in Portuguese, or in "
                "another order"]
    found = []
    for original, translation in zip(originals, translations):
        if original.kind == "block":
            if commands(original) != commands(translation):
                found.append(f"other commands: {commands(original)}, {commands(translation)}")
        elif translation.of != hash_of(original.text) and not is_comment(original):
            found.append(f"stale: {translation.text.splitlines()[0][:60]}")
    return found


def is_comment(part: Part) -> bool:
    """Whether a part is a comment alone, such as those for .ci/readme.py: nothing to translate."""
    return all(line.startswith("<!--") for line in part.text.splitlines())


def marked(english: str, portuguese: str) -> str:
    """The Portuguese page with the hashes of the English one, part by part."""
    originals = [part for part in parts(english) if part.kind == "text" and not is_comment(part)]
    lines, hashes, is_block, is_text = list[str](), iter(originals), False, False
    for line in portuguese.splitlines():
        if NOTE.fullmatch(line):
            continue
        is_fence = line.startswith("```")
        if is_fence:
            is_block = not is_block
        was_text, is_text = is_text, bool(line.strip()) and not is_fence and not is_block
        if is_text and not was_text and not line.startswith("<!--"):
            lines.append(f"<!-- en {hash_of(next(hashes).text)} -->")
        lines.append(line)
    return "\n".join(lines) + "\n"


def stale_of(lesson: Lesson) -> list[str]:
    """What of a lesson is not in step, a line each."""
    english, portuguese, start = (Path(lesson.file(name)).read_text(encoding="utf-8")
                                  for name in ("lesson.md", "lesson.pt.md", "start.py"))
    found = stale(english, portuguese)
    if START_NOTE.findall(portuguese) != [hash_of(start)]:
        found.append("stale: start_pt.py")
    return found


def mark(lesson: Lesson) -> None:
    """Notes in a lesson that its Portuguese texts fit the English ones now."""
    english, page, start = (Path(lesson.file(name))
                            for name in ("lesson.md", "lesson.pt.md", "start.py"))
    text = START_NOTE.sub("", page.read_text(encoding="utf-8")).rstrip() + "\n"
    text = marked(english.read_text(encoding="utf-8"), text)
    note = f"<!-- en {hash_of(start.read_text(encoding='utf-8'))} start.py -->"
    page.write_text(f"{text}\n{note}\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Names what is stale, or marks it as translated; returns the exit code."""
    code = 0
    for lesson in LESSONS:
        if arguments == ["--mark"]:
            mark(lesson)
        for trouble in stale_of(lesson):
            print(f"{lesson.name}: {trouble}")
            code = 1
    return code


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    sys.exit(main(sys.argv[1:]))
