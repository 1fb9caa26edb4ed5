"""What a student has done, line after line: `progress.jsonl` in the folder of the course.

Each line has the hash of the one before. So a prediction that stands before a run was made before
it: to put one in later would change all lines behind it. Lines are only ever added, each in one
write, so that Ctrl-C and a full disk leave whole lines, and at most one torn at the end.

Threads and processes: any; the file is locked while one writes. The system takes the lock of a
process that dies, and leaves it to one that is stopped (Ctrl-Z): so nobody writes between what
another one has read and what it writes. Where the file system has no locks, two that write in the
same moment may lose a line.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import IO, Any

from course.files import naming

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FILE = "progress.jsonl"
# Seconds: how long a lock is waited for, and between two tries.
LOCK_S, POLL_S = 5.0, 0.02
# Windows locks bytes of a file, which nobody else may read then: so one far behind all lines.
LOCKED_AT = 1 << 30
# A line of ours has some hundred. One of a stranger may have a number of a million digits, which
# Python reads for minutes.
MAX_LINE_BYTES = 4000


class Spoilt(Exception):
    """A line of the progress does not follow from the one before.

    Attributes: `file`; `line`, its number.
    """

    def __init__(self, file: str, line: int) -> None:
        super().__init__(f"{file}: line {line} does not follow from the one before")
        self.file, self.line = file, line


class Progress:
    """The progress in a folder, which need not be there yet."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._file = os.path.join(folder, FILE)

    def add(self, what: str, lesson: str, **values: Any) -> None:
        """Adds a line. Raises OSError if it cannot be written, and TimeoutError, which is one, if
        another terminal holds the file for LOCK_S.
        """
        os.makedirs(self._folder, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        with naming(self._file), open(os.open(self._file, flags, 0o666), "r+b") as file, \
                self._locked(file):
            file.seek(0)
            data = file.read()
            whole = data[:data.rfind(b"\n") + 1]
            entry = {"at": round(time.time(), 3), "what": what, "lesson": lesson, **values,
                     "before": _hash(whole.splitlines()[-1] if whole else b"")}
            # Behind the last whole line.
            file.truncate(len(whole))
            file.seek(len(whole))
            file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
            file.flush()

    def entries(self) -> list[dict[str, Any]]:
        """All lines, the oldest first. Raises Spoilt if one was changed."""
        found, spoilt = chained(self._read())
        if spoilt:
            raise Spoilt(self._file, spoilt)
        return found

    def last(self, what: str, lesson: str) -> dict[str, Any] | None:
        """The newest line of that kind; None if there is none."""
        return next((entry for entry in reversed(self.entries())
                     if (entry["what"], entry["lesson"]) == (what, lesson)), None)

    def _read(self) -> bytes:
        try:
            with open(self._file, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""

    @contextlib.contextmanager
    def _locked(self, file: IO[bytes]) -> Iterator[None]:
        deadline = time.monotonic() + LOCK_S
        while not _lock(file):
            if time.monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, "another terminal writes to it")
            time.sleep(POLL_S)
        try:
            yield
        finally:
            _unlock(file)


def _lock(file: IO[bytes]) -> bool:
    """Locks a file, if nobody else has."""
    try:
        if sys.platform == "win32":
            file.seek(LOCKED_AT)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Of any other error the file system has no locks. Wine gives none at all.
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES, 0)
    return True


def _unlock(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        with contextlib.suppress(OSError):
            file.seek(LOCKED_AT)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
    # Elsewhere it ends with the file.


def chained(data: bytes) -> tuple[list[dict[str, Any]], int]:
    """The whole lines of a progress that follow each from the one before, up to the first that does
    not; and the number of that one, 0 if there is none.
    """
    found: list[dict[str, Any]] = []
    before = b""
    for number, line in enumerate(data[:data.rfind(b"\n") + 1].splitlines(), 1):
        try:
            entry = json.loads(line if len(line) <= MAX_LINE_BYTES else b"")
            is_next = entry["before"] == _hash(before) and {"at", "what", "lesson"} <= {*entry}
        except (ValueError, KeyError, TypeError, RecursionError):
            is_next = False
        if not is_next:
            return found, number
        found.append(entry)
        before = line
    return found, 0


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:16]
