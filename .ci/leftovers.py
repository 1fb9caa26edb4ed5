"""Finds processes that a CI run started and left behind; ends them, and fails if there were any.

Each process that the run starts has PONTE_CI_RUN in its environment, and so have its children, also
when they detach themselves. Only Linux shows environments, in /proc. On other systems nothing is
searched, and the output says so.
"""

from __future__ import annotations

import os
import signal
import sys
import time

# Seconds for processes that end by themselves when their parent has died.
PATIENCE_S = 5.0


def ancestors() -> set[int]:
    """This process, its parent, and so on."""
    found: set[int] = set()
    pid = os.getpid()
    while pid > 1 and pid not in found:
        found.add(pid)
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            pid = int(file.read().rpartition(")")[2].split()[1])
    return found


def leftovers(mark: bytes) -> dict[int, str]:
    """The processes with `mark` in their environment: process id and command line."""
    ours = ancestors()
    found: dict[int, str] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) in ours:
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                marked = mark in file.read().split(b"\0")
            with open(f"/proc/{name}/cmdline", "rb") as file:
                command = file.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        except OSError:
            # The process has just ended, or belongs to another user.
            continue
        # A process without a command line is a zombie, which has ended.
        if marked and command:
            found[int(name)] = command
    return found


def main() -> int:
    run = os.environ.get("PONTE_CI_RUN")
    if not run or not os.path.isdir("/proc/self"):
        print("not searched: this needs PONTE_CI_RUN and /proc")
        return 0
    mark = f"PONTE_CI_RUN={run}".encode()
    deadline = time.monotonic() + PATIENCE_S
    while leftovers(mark) and time.monotonic() < deadline:
        time.sleep(0.2)
    found = leftovers(mark)
    for pid, command in found.items():
        print(f"left behind: {pid}  {command}")
        os.kill(pid, signal.SIGKILL)
    if not found:
        print("none")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
