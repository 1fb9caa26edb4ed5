"""Events in a file, and back: what --record writes, and --replay reads.

    {"ponte":"recording","form":1,"at":1764220000.0}
    {"s":1,"k":"start","p":"page",...}
    {"s":2,"k":"proc","who":"registry",...}

One line for each event, as the page gets it. Each turn of the collector writes its lines at once,
before a page sees them. So a page that is killed leaves all that it has shown, and at most the last
line is torn; a reader passes over that one.

A full disk ends the recording and not the lesson: the file is cut behind its last whole line, and
the page says why.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from collections.abc import Sequence
from typing import Any, Callable

from dashboard.ordering import MAX_NUMBER, read_json, write_event
from dashboard.ring import Ring

HEADER = b'{"ponte":"recording"'
FORM = 1
# A recording of a whole day at two calls a second has some 600 MB.
MAX_RECORDING_BYTES = 1024 * 1024 * 1024
MAX_LINE_BYTES = 64 * 1024
# Lines between two looks whether to go on: some ten milliseconds.
LOOK_LINES = 1000


class NotARecording(ValueError):
    """A file that --replay cannot read.

    Attributes: `why`: "too long", "saved page", "other", "version", "empty", or "line"; and `line`,
    the number of the line that is no event.
    """

    def __init__(self, why: str, line: int = 0) -> None:
        super().__init__(f"{why} {line}" if line else why)
        self.why, self.line = why, line


class Recorder:
    """Writes events into a new file. Threads: `write` on one, the collector's; `close` on any.

    Parameters: `path`, which must be new or empty; `at`, seconds since 1970; `stopped(why)`, which
    is called when the file can take no more. Raises OSError, also for what is no file, such as a
    pipe, which could block for ever; FileExistsError where something else is in the file.
    """

    def __init__(self, path: str, at: float, stopped: Callable[[str], None]) -> None:
        self._stopped = stopped
        if os.path.exists(path):
            check_is_file(path)
        self._file: io.RawIOBase = open(path, "ab", buffering=0)  # noqa: SIM115
        try:
            if self._file.seek(0, os.SEEK_END) > 0:
                raise FileExistsError("it exists")
            # How much of the file is whole lines.
            self._whole_bytes = 0
            header = {"ponte": "recording", "form": FORM, "at": round(at, 3)}
            self._append(write_event(header).encode("ascii") + b"\n")
        except OSError:
            self._file.close()
            raise

    def write(self, lines: Sequence[bytes]) -> None:
        """Appends events. After an error it does nothing more."""
        if self._file.closed:
            return
        try:
            self._append(b"\n".join(lines) + b"\n")
        except OSError as error:
            # The last line may be there in part.
            with contextlib.suppress(OSError):
                self._file.truncate(self._whole_bytes)
            self.close()
            self._stopped(error.strerror or str(error))

    def close(self) -> None:
        """Ends the recording."""
        self._file.close()

    def _append(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            # A disk that is nearly full takes a part.
            rest = rest[self._file.write(rest) or 0:]
        self._whole_bytes += len(data)


def check_is_file(path: str) -> None:
    """Raises OSError for what is there and no regular file: to open a pipe would block."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file", path)


def read_recording(path: str, look: Callable[[], None] = lambda: None) -> Ring:
    """The events of a recording, in a ring that keeps all of them. It takes a minute for millions.

    `look` is called every now and then; what it raises ends the reading. Raises OSError, and
    NotARecording.
    """
    check_is_file(path)
    if os.path.getsize(path) > MAX_RECORDING_BYTES:
        raise NotARecording("too long")
    ring = Ring(max_events=MAX_RECORDING_BYTES, max_bytes=2 * MAX_RECORDING_BYTES)
    with open(path, "rb") as file:
        _check_header(file.readline(MAX_LINE_BYTES))
        # A line without end is not read whole.
        lines = iter(lambda: file.readline(MAX_LINE_BYTES + 1), b"")
        for number, line in enumerate(lines, 1):
            if number % LOOK_LINES == 0:
                look()
            event = _line_of(number, line)
            if event:
                ring.append([event])
    if ring.next == 1:
        raise NotARecording("empty")
    return ring


def _check_header(line: bytes) -> None:
    if line.lstrip()[:1] == b"<":
        raise NotARecording("saved page")
    header = _object_in(line)
    if not line.startswith(HEADER) or header is None:
        raise NotARecording("other")
    if header.get("form") != FORM:
        raise NotARecording("version")


def _line_of(number: int, line: bytes) -> bytes:
    """The event in a line, written as we write it; b"" for a last line that is torn."""
    event = _object_in(line) if len(line) <= MAX_LINE_BYTES else None
    if event is None and not line.endswith(b"\n") and len(line) <= MAX_LINE_BYTES:
        return b""
    if event is None or not _is_event(event, number):
        raise NotARecording("line", number + 1)
    try:
        return write_event(event).encode("ascii")
    except RecursionError:
        raise NotARecording("line", number + 1) from None


def _is_event(event: dict[str, Any], number: int) -> bool:
    """Whether it has this number, a kind, and a time in milliseconds that can be: of 34 years."""
    time_ms: Any = event.get("t")
    return (type(event.get("s")) is int and event["s"] == number and type(event.get("k")) is str
            and type(time_ms) in (int, float) and abs(time_ms) < MAX_NUMBER)


def _object_in(line: bytes) -> dict[str, Any] | None:
    """The object that a line is; None if it is none."""
    try:
        value = read_json(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
