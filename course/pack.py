"""All that a student hands in, in one file; and how it is read by who did not make it.

A packed file is lines of JSON (RFC 8259), in ASCII alone, so that mail and the web carry it whole:

    {"ponte": "pack", "class": "DS 2026", "name": "Ana Souza"}
    {"file": "progress.jsonl", "text": "..."}
    {"file": "leases.py", "text": "..."}        "base64" instead of "text" where it is not UTF-8
    {"end": 3, "sha256": "..."}                 of the lines above, without the ends of lines

It is no archive: it holds no paths to write to and nothing to unpack, so that a hostile one can
be large at worst, and that is seen before it is read. The same files give the same bytes.

Threads: any, with a folder each.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from course import words
from course.files import WORK, write
from course.handed_in import text
from course.personal import Student, command, student
from course.progress import FILE as PROGRESS
from course.progress import chained
from course.shelf import LESSONS
from ponte.process.options import PYTHON, UsageError

# A solution has 30 lines. A progress has some hundred lines, of 170 bytes each. But some editors
# save every second, and the screen checks whatever is saved: 3000 lines in a class. Nine such
# classes still fit.
MAX_SOLUTION_BYTES, MAX_PROGRESS_BYTES = 100_000, 5_000_000
# JSON writes a character in 6 bytes at most, and there is a file for each lesson. In a progress it
# has to double the quotes, and little else.
MAX_PACKED_BYTES = 2 * MAX_PROGRESS_BYTES + 6 * 10 * MAX_SOLUTION_BYTES
MAX_LINES = 50
# Digits of a number in JSON. int() takes very long for a million of them.
MAX_DIGITS = 25
# The end of the name of a packed file: any program opens it, and any web page takes it.
ENDING = ".ponte.txt"
COMMAND_PACK = f"{PYTHON} -m course pack"


class Trouble(NamedTuple):
    """Something that is wrong with what was handed in: the text `trouble.KEY`, and its fields."""

    key: str
    values: Mapping[str, object] = {}

    def text(self, language: str) -> str:
        values = dict(self.values)
        if "why" in values:
            values["why"] = words.reason(str(values["why"]), language)
        return text(f"trouble.{self.key}", language, **values)


class Packed(NamedTuple):
    """What stands in a packed file: whose it is, the files by name, and what is wrong with it."""

    student: Student | None
    files: Mapping[str, bytes]
    troubles: Sequence[Trouble]


def run(language: str, folder: str = WORK) -> int:
    """Packs the work of a student into one file beside `folder`, and says what is in it; returns
    the exit code. Raises UsageError.
    """
    files = dict(_work(folder, language))
    entries, spoilt = chained(files.get(PROGRESS, b""))
    named = [entry for entry in entries if entry.get("what") == "name"]
    found = student(named[-1].get("class"), named[-1].get("name")) if named else None
    if found is None:
        raise UsageError(text("no_name", language, command=command(language)))
    path = os.path.join(os.path.dirname(folder), file_name(found))
    try:
        write(path, packed(found, files))
    except OSError as error:
        raise UsageError(text("not_written", language, file=path,
                              why=error.strerror or error)) from None
    print(text("packed", language, name=found.name, class_code=found.class_code))
    for name, data in files.items():
        print(text("packed_file", language, file=name, lines=data.count(b"\n")))
    missing = [str(lesson.number) for lesson in LESSONS if f"{lesson.name}.py" not in files]
    if missing:
        print(text("not_begun", language, lessons=", ".join(missing)))
    if spoilt:
        print(text("spoilt", language, line=spoilt))
    print(text("hand_in", language, file=path))
    return 0


def _work(folder: str, language: str) -> Iterable[tuple[str, bytes]]:
    """The files of a student, in the order of the lessons. Raises UsageError for a huge one."""
    for name in names():
        path, most = os.path.join(folder, name), most_bytes(name)
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
            data = file.read(most + 1)
            if len(data) > most:
                raise UsageError(text("too_large_to_pack", language, file=path,
                                      size=os.path.getsize(path), most=most))
            yield name, data


def names() -> list[str]:
    """The names of the files that are packed, and no others."""
    return [PROGRESS, *(f"{lesson.name}.py" for lesson in LESSONS)]


def most_bytes(name: str) -> int:
    return MAX_PROGRESS_BYTES if name == PROGRESS else MAX_SOLUTION_BYTES


def file_name(of: Student) -> str:
    """The name of the packed file of a student, which every system can write.

    >>> file_name(Student("DS 2026", "José da Silva"))
    'ds-2026-jose-da-silva-490e.ponte.txt'
    """
    # Two names may be the same in ASCII, or nothing of them may be.
    mark = hashlib.sha256("\n".join(of.key()).encode()).hexdigest()[:4]
    plain = [re.sub("[^a-z0-9]+", "-", unicodedata.normalize("NFKD", part)
                    .encode("ascii", "ignore").decode().lower()).strip("-")[:40] for part in of]
    return "-".join([*filter(None, plain), mark]) + ENDING


# ---- writing -------------------------------------------------------------------------------------

def packed(of: Student, files: Mapping[str, bytes]) -> bytes:
    """The bytes of a packed file."""
    lines = [json.dumps({"ponte": "pack", "class": of.class_code, "name": of.name})]
    for name, data in files.items():
        try:
            lines.append(json.dumps({"file": name, "text": data.decode()}))
        except UnicodeDecodeError:
            lines.append(json.dumps({"file": name, "base64": base64.b64encode(data).decode()}))
    lines.append(json.dumps({"end": len(lines), "sha256": _sum(lines)}))
    return "".join(f"{line}\n" for line in lines).encode()


def _sum(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


# ---- reading -------------------------------------------------------------------------------------

def unpack(data: bytes) -> Packed:
    """Reads a packed file that anybody may have written. Raises nothing: what is wrong with it
    stands in the result, beside what could be read.
    """
    if not data.strip():
        return Packed(None, {}, [Trouble("empty")])
    # An editor may have put a mark before it, and ends of lines of Windows.
    whole = data.decode("utf-8-sig", "replace").rstrip()
    lines = [line.rstrip("\r") for line in whole.split("\n", MAX_LINES)]
    head = _object(lines[0])
    if head.get("ponte") != "pack":
        return Packed(None, {}, [Trouble("no_pack", {"command": COMMAND_PACK})])
    reading = _Reading()
    whose = student(head.get("class"), head.get("name"))
    if whose is None:
        reading.troubles.append(Trouble("no_student"))
    end: dict[str, Any] = {}
    for number, line in enumerate(lines[1:MAX_LINES], 2):
        entry = _object(line)
        if "end" in entry:
            end = entry
            if end.get("sha256") != _sum(lines[:number - 1]) or number < len(lines):
                reading.troubles.append(Trouble("changed"))
            break
        reading.take(number, entry)
    if len(lines) > MAX_LINES:
        reading.troubles.append(Trouble("too_many_lines", {"most": MAX_LINES}))
    elif not end:
        reading.troubles.append(Trouble("cut_off"))
    return Packed(whose, reading.files, reading.troubles)


class _Reading:
    """The files that were read so far, and what was wrong."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.troubles: list[Trouble] = []

    def take(self, number: int, entry: Mapping[str, Any]) -> None:
        """Takes a line that is to bring a file."""
        name, data = entry.get("file"), _data_of(entry)
        if not isinstance(name, str) or data is None:
            self.troubles.append(Trouble("bad_line", {"line": number}))
        elif name not in names():
            self.troubles.append(Trouble("passed_over", {"file": repr(name[:60])}))
        elif name in self.files:
            self.troubles.append(Trouble("twice_in_it", {"file": name}))
        elif len(data) > most_bytes(name):
            self.troubles.append(Trouble("file_too_large", {
                "file": name, "size": len(data), "most": most_bytes(name)}))
        else:
            self.files[name] = data


def _object(line: str) -> dict[str, Any]:
    """The object in a line of JSON; an empty one where there is none."""
    try:
        found = json.loads(line, parse_int=_int)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("a number of too many digits")
    return int(digits)


def _data_of(entry: Mapping[str, Any]) -> bytes | None:
    """The bytes of the file that a line brings; None where it brings none."""
    as_text, as_base64 = entry.get("text"), entry.get("base64")
    if isinstance(as_text, str):
        # JSON may hold halves of characters, which UTF-8 has not.
        return as_text.encode("utf-8", "replace")
    try:
        return base64.b64decode(as_base64, validate=True) if isinstance(as_base64, str) else None
    except (binascii.Error, ValueError):
        return None
