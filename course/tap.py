"""The command `tap NAME`: each message that passes by a process of the incident, one a line.

    17:07:17.430  → server-2  POST /bank deposit("ana", 125)  NO CALL ID
    17:07:17.432  ← server-2  200 "250"  1.9 ms

The incident notes the messages in a file (incidents/door.py). This command shows its last lines,
or with `tap NAME all` each of them, and then follows it, until Ctrl-C or until the incident ends.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator

from course import words
from course.incidents import messages
from course.incidents.running import read_state
from course.incidents.system import FOLDER, TAP
from course.incidents.texts import TEXTS
from ponte.process.options import PYTHON, UsageError
from ponte.process.stopping import Stop

# Seconds between two looks into the file, and whether the incident still runs.
LOOK_S, ALIVE_S = 0.1, 1.0
# Lines from before that are shown first.
EARLIER = 10
# The word for all of them; so many does no file have.
ALL, EVERYTHING = "all", 1_000_000


class Followed:
    """The lines of a file that grows, and may begin anew."""

    def __init__(self, path: str, earlier: int = EARLIER) -> None:
        self._path, self._earlier = path, earlier
        self._at = 0
        self._rest = b""
        self._is_first = True

    def more(self) -> Iterator[str]:
        """The lines that have come since; the first time, the last of those that were there."""
        with open(self._path, "rb") as file:
            if os.fstat(file.fileno()).st_size < self._at:
                self._at, self._rest = 0, b""
            file.seek(self._at)
            data = file.read()
        self._at += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._is_first:
            self._is_first, lines = False, lines[-self._earlier:]
        for line in lines:
            yield line.decode("utf-8", "replace")


def run(name: str, language: str, since: str = "", folder: str = FOLDER) -> int:
    """Shows what passes by a process, until the incident ends; returns the exit code. With "all" as
    `since` it begins with the first message. On the main thread. Raises UsageError.
    """
    def said(key: str, **values: object) -> str:
        return words.fill(TEXTS, key, language, values)

    state = read_state(folder)
    if state is None:
        raise UsageError(said("nothing_runs", command=words.typed_next(
            f"{PYTHON} -m course incident a", language)))
    names = [each for each, part in state.parts.items() if "door" in part]
    path = os.path.join(folder, f"{name}{TAP}")
    if name not in names or not os.path.exists(path):
        raise UsageError(said("tap_names" if name else "tap_which", name=name,
                              names=", ".join(names)))
    if since not in ("", ALL):
        raise UsageError(said("tap_since", all=ALL))
    print(said("tap_follows", name=name), flush=True)
    stop, followed = Stop(), Followed(path, EVERYTHING if since else EARLIER)
    looked_at = time.monotonic()
    while not stop.has_come():
        for line in followed.more():
            print(messages.told(json.loads(line), language), flush=True)
        time.sleep(LOOK_S)
        if time.monotonic() - looked_at > ALIVE_S:
            looked_at = time.monotonic()
            if read_state(folder) is None:
                print(said("tap_over"), flush=True)
                break
    return 0
