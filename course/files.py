"""The files of a student: where they are, how they are named, and how one is written."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator

# The folder, in the one where the commands are typed.
WORK = "course-work"


@contextlib.contextmanager
def naming(path: str) -> Iterator[None]:
    """An error of the system in here names this file; a full disk, for one, does not by itself."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), path) from None


def from_here(path: str) -> str:
    """A path as one types it in this folder: from here on, or whole where there is no such way."""
    try:
        return os.path.relpath(path)
    except ValueError:
        # Windows: it is on another drive.
        return path


def write(path: str, data: bytes) -> None:
    """Writes a file whole, or leaves what was there before. Raises OSError."""
    with naming(path):
        _write(path, data)


def _write(path: str, data: bytes) -> None:
    handle, beside = tempfile.mkstemp(prefix=".ponte-", dir=os.path.dirname(path) or ".")
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes a file for its owner alone.
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
