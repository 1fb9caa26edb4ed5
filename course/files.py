"""The files of a student: where they are, and how one is written."""

from __future__ import annotations

import contextlib
import os
import tempfile

# The folder, in the one where the commands are typed.
WORK = "course-work"


def write(path: str, data: bytes) -> None:
    """Writes a file whole, or leaves what was there before. Raises OSError."""
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
