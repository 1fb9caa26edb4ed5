"""Runs a program of Windows under Wine, and ends it if Wine itself fails.

    python3 .ci/wine.py PREFIX COMMAND...

All programs of a Wine prefix talk to one process, the wineserver. That of Wine 8 fails now and then
where a socket is closed while others wait for it ("sock_poll_event: Assertion failed"), and then
all programs of the prefix stand still for ever, and keep their output open. So when the wineserver
ends before the command, every program of the prefix is ended, and the exit code is 75. It is that
of the command otherwise. SIGTERM ends all programs, too.
"""

from __future__ import annotations

import contextlib
import glob
import os
import queue
import signal
import subprocess
import sys
import threading

# The exit code where Wine has failed: "temporary failure" in sysexits.h, try again.
WINE_FAILED = 75


def is_in(pid: str, prefix: str) -> bool:
    """Whether a process is a program of this prefix, by its environment."""
    # When its first thread has ended, only the others still show the environment.
    for path in glob.glob(f"/proc/{pid}/task/*/environ"):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            if f"WINEPREFIX={prefix}".encode() in file.read().split(b"\0"):
                return True
    return False


def end_programs(prefix: str) -> None:
    """Kills every program of the prefix, until there is none."""
    found = [""]
    while found:
        found = [pid for pid in filter(str.isdigit, os.listdir("/proc")) if is_in(pid, prefix)]
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def run(prefix: str, command: list[str]) -> int:
    """Runs the command; returns its exit code, or WINE_FAILED."""
    environment = {**os.environ, "WINEPREFIX": prefix}
    # 1. From now on there is a wineserver, also if there was none.
    subprocess.run(["wineserver"], env=environment, check=False, stderr=subprocess.DEVNULL)
    server = subprocess.Popen(["wineserver", "-w"], env=environment)
    program = subprocess.Popen(command, env=environment)
    # 2. Which of the two ends first?
    ended: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()

    def wait_for(process: subprocess.Popen[bytes]) -> None:
        process.wait()
        ended.put(process)

    for process in (server, program):
        threading.Thread(target=wait_for, args=(process,), daemon=True).start()
    try:
        if ended.get() is program:
            return program.returncode
        end_programs(prefix)
        return WINE_FAILED
    finally:
        server.kill()


def main(prefix: str, *command: str) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return run(prefix, list(command))
    except KeyboardInterrupt:
        end_programs(prefix)
        return 128 + signal.SIGTERM


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
