"""What a student has done, line after line: `progress.jsonl` in the folder of the course.

Each line has the hash of the one before. So a prediction that stands before a run was made before
it: to put one in later would change all lines behind it. Lines are only ever added, each in one
write, so that Ctrl-C and a full disk leave whole lines, and at most one torn at the end.

Threads and processes: any; a lock file lets one write at a time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

FILE = "progress.jsonl"
# Seconds: how long a lock is waited for, and after which it belongs to a process that has died.
LOCK_S, STALE_S, POLL_S = 5.0, 10.0, 0.02
# A line of ours has some hundred. One of a stranger may have a number of a million digits, which
# Python reads for minutes.
MAX_LINE_BYTES = 4000


class Spoilt(Exception):
    """A line of the progress does not follow from the one before; the text says which."""


class Progress:
    """The progress in a folder, which need not be there yet."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._file = os.path.join(folder, FILE)

    def add(self, what: str, lesson: str, **values: Any) -> None:
        """Adds a line. Raises OSError if it cannot be written, and TimeoutError, which is one."""
        os.makedirs(self._folder, exist_ok=True)
        with self._locked():
            data = self._read()
            whole = data[:data.rfind(b"\n") + 1]
            entry = {"at": round(time.time(), 3), "what": what, "lesson": lesson, **values,
                     "before": _hash(whole.splitlines()[-1] if whole else b"")}
            with open(self._file, "r+b" if os.path.exists(self._file) else "w+b") as file:
                # Behind the last whole line.
                file.truncate(len(whole))
                file.seek(len(whole))
                file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")

    def entries(self) -> list[dict[str, Any]]:
        """All lines, the oldest first. Raises Spoilt if one was changed."""
        found, spoilt = chained(self._read())
        if spoilt:
            raise Spoilt(f"{self._file}: line {spoilt} does not follow from the one before")
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
    def _locked(self) -> Iterator[None]:
        lock, deadline = f"{self._file}.lock", time.monotonic() + LOCK_S
        while True:
            try:
                os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                break
            except (FileExistsError, PermissionError) as error:
                # Windows says the latter of a file that is just being deleted.
                if isinstance(error, PermissionError) and sys.platform != "win32":
                    raise
                with contextlib.suppress(FileNotFoundError):
                    if time.time() - os.stat(lock).st_mtime > STALE_S:
                        os.unlink(lock)
                        continue
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{lock}: another terminal writes; if none does, delete "
                                       "this file") from None
                time.sleep(POLL_S)
        try:
            yield
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(lock)


def chained(data: bytes) -> tuple[list[dict[str, Any]], int]:
    """The whole lines of a progress that follow each from the one before, up to the first that does
    not; and the number of that one, 0 if there is none.
    """
    found: list[dict[str, Any]] = []
    before = b""
    for number, line in enumerate(data[:data.rfind(b"\n") + 1].splitlines(), 1):
        try:
            entry = json.loads(line if len(line) <= MAX_LINE_BYTES else b"")
            is_next = entry["before"] == _hash(before)
        except (ValueError, KeyError, TypeError, RecursionError):
            is_next = False
        if not is_next:
            return found, number
        found.append(entry)
        before = line
    return found, 0


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:16]
