"""The folder with what a class has handed in: files that anybody may have written.

A file here may be of any size and any kind: a link to a secret, a pipe without an end, a million
files. None is opened but plain files, and none is read beyond a bound. What cannot be read has its
trouble, and the others are read.

Threads: any.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import itertools
import os
import re
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from course.handed_in import text
from course.pack import MAX_PACKED_BYTES, Packed, Trouble, unpack
from course.personal import Student
from course.progress import FILE as PROGRESS
from course.report import Report, report
from course.shelf import LESSONS
from course.words import typed_next
from ponte.process.options import PYTHON, UsageError

# Files of ours, and those that systems put into every folder.
_NOT_HANDED_IN = re.compile(r"\.|marks(\.\d+)?\.csv$|desktop\.ini$|Thumbs\.db$")
# A class has 40; more than these are not graded at once.
MAX_FILES = 500
# How deep folders are looked into: some platforms hand out a folder for each student. A folder
# below that is named, and not looked into.
MAX_DEPTH = 3


class Handed(NamedTuple):
    """A file that was handed in, as it was read. The solutions themselves are read again when they
    run: so a class takes little memory.
    """

    file: str
    digest: str
    student: Student | None
    lessons: Sequence[str]
    report: Report
    troubles: Sequence[Trouble]


def files_in(folder: str, language: str) -> tuple[list[str], int]:
    """The files that were handed in, in order, at most MAX_FILES; and how many there are more.

    Raises UsageError if there is no such folder, or nothing in it.
    """
    if not folder:
        raise UsageError(text("which_folder", language, command=typed_next(
            f"{PYTHON} -m course collect {text('folder', language)}", language)))
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise UsageError(text("no_folder", language, folder=folder,
                              why=error.strerror or error)) from None
    counted = itertools.count()
    found = heapq.nsmallest(MAX_FILES, (
        file for file in _walk(folder, "", MAX_DEPTH) if next(counted) >= 0))
    if not found:
        raise UsageError(text("nothing", language, folder=folder))
    return found, next(counted) - len(found)


def _walk(folder: str, inside: str, depth: int) -> Iterator[str]:
    """The paths of the files below a folder, with "/" between names, and those of folders that
    cannot be looked into. Links are not followed.
    """
    try:
        found = os.scandir(os.path.join(folder, inside))
    except OSError:
        yield inside
        return
    with contextlib.suppress(OSError), found as entries:
        for entry in entries:
            path = f"{inside}/{entry.name}" if inside else entry.name
            if _NOT_HANDED_IN.match(entry.name):
                continue
            is_folder = False
            with contextlib.suppress(OSError):
                is_folder = entry.is_dir(follow_symlinks=False)
            if depth > 1 and is_folder:
                yield from _walk(folder, path, depth - 1)
            else:
                yield path


def bytes_of(folder: str, file: str) -> tuple[bytes, list[Trouble]]:
    """What is in a file, and what is wrong with it."""
    path = os.path.join(folder, file)
    flags = os.O_RDONLY | sum(getattr(os, name, 0) for name in
                              ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISDIR(mode):
            # It is one that cannot be looked into, or one at MAX_DEPTH.
            os.scandir(path).close()
            return b"", [Trouble("too_deep")]
        if not stat.S_ISREG(mode):
            return b"", [Trouble("no_file")]
        with open(os.open(path, flags), "rb") as opened:
            status = os.fstat(opened.fileno())
            if not stat.S_ISREG(status.st_mode):
                return b"", [Trouble("no_file")]
            if status.st_size > MAX_PACKED_BYTES:
                return b"", [Trouble("too_large", {"size": status.st_size,
                                                   "most": MAX_PACKED_BYTES})]
            return opened.read(MAX_PACKED_BYTES), []
    except OSError as error:
        return b"", [Trouble("unread", {"why": error.strerror or str(error)})]


def read(folder: str, file: str) -> Handed:
    """Reads a file that was handed in."""
    data, troubles = bytes_of(folder, file)
    packed = Packed(None, {}, troubles) if troubles else unpack(data)
    lessons = [lesson.name for lesson in LESSONS if f"{lesson.name}.py" in packed.files]
    is_pack = bool(packed.student or packed.files)
    told = report(packed.files.get(PROGRESS), packed.student) if is_pack else Report({}, {}, [])
    return Handed(file, hashlib.sha256(data).hexdigest(), packed.student, lessons, told,
                  [*packed.troubles, *told.troubles])
