"""Runs lines of shell for the guests, with a time limit after which nothing of them is left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import NamedTuple

PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")


class Ended(NamedTuple):
    """What a line has printed, on both streams, and its exit code."""

    exit_code: int
    printed: str


class Shell:
    """Runs lines in programs/. `built` is the folder of this run. Any thread may call `run`."""

    def __init__(self, built: str) -> None:
        self._environment = {
            **os.environ, "BUILT": built, "PYTHON": sys.executable, "PYTHONDONTWRITEBYTECODE": "1",
            "NODE_PATH": os.path.join(built, "node_modules"), "LC_ALL": "C.UTF-8",
            "no_proxy": "127.0.0.1", "DEBIAN_FRONTEND": "noninteractive",
            # Without the services that a package of Debian would start.
            "RUNLEVEL": "1"}

    def run(self, line: str, within_s: float, **variables: str) -> Ended:
        """Carries out `line`; ends it, and what it has started, after `within_s` seconds."""
        process = subprocess.Popen(
            ["sh", "-c", line], cwd=PROGRAMS, env={**self._environment, **variables},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True)
        try:
            printed, _ = process.communicate(timeout=within_s)
        except BaseException as error:
            _end(process)
            printed, _ = process.communicate()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            printed += f"\nnot within {within_s} s".encode()
        return Ended(process.returncode, printed.decode("utf-8", "replace"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a line, and what it has started."""
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
