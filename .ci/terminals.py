"""Terminals in which the commands of a document are typed: one goes on, or runs to its end."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from page import Wrong, counts, difference

# Seconds that the longest command may take: the demo, on a slow machine.
COMMAND_S = 300.0
# Seconds for a terminal to print what it should.
PRINTS_S = 30.0
# Seconds between two presses of Enter.
ENTER_S = 0.3


class Terminal:
    """A command that goes on, and everything that it has printed. One thread reads.

    `rewritten` gives each line as a document shows it.
    """

    def __init__(self, command: str, folder: str, environment: dict[str, str],
                 rewritten: Callable[[str], str] = str) -> None:
        self._process = subprocess.Popen(
            ["bash", "-c", f"ulimit -c 0; exec {command}"], cwd=folder, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True)
        self._rewritten = rewritten
        self._changed = threading.Condition()
        # Guarded by self._changed: the lines so far, and how many of them the document has shown.
        self._printed: list[str] = []
        self._seen = 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def expect(self, shown: Sequence[str], only: str = "") -> str:
        """Waits until it has printed, after the last lines that were shown, what is shown now.

        `only`: other lines than these do not count (page.counts). Returns what is wrong, an empty
        string if nothing is.
        """
        deadline = time.monotonic() + PRINTS_S
        with self._changed:
            while True:
                printed = self._printed[self._seen:]
                wrong = difference(shown, [line for line in printed if counts(line, only)],
                                   to_be_continued=True)
                if not wrong:
                    self._seen = len(self._printed)
                    return ""
                if time.monotonic() > deadline:
                    return "\n          ".join([wrong, "it printed:", *printed[-60:]])
                self._changed.wait(0.1)

    def has_printed(self, text: str) -> str:
        """The first line with this text since the last lines that were shown; "" for none."""
        with self._changed:
            return next((line for line in self._printed[self._seen:] if text in line), "")

    def look_away(self) -> None:
        """What it has printed so far is what came before: no line of that is expected any more."""
        with self._changed:
            self._seen = len(self._printed)

    def press(self, number: signal.Signals) -> None:
        """Sends the signal of a key, and waits for the end where the key asks for it."""
        self._process.send_signal(number)
        if number not in (signal.SIGSTOP, signal.SIGCONT):
            self._process.wait(PRINTS_S)

    def close(self) -> None:
        """Ends it: by Ctrl-C, or by a kill if it does not end in time."""
        for number in (signal.SIGCONT, signal.SIGINT, signal.SIGKILL):
            if self._process.poll() is None:
                self._process.send_signal(number)
                if number != signal.SIGCONT:
                    self._wait(5.0)
        self._thread.join(5.0)
        if self._process.stdout:
            self._process.stdout.close()

    def _wait(self, timeout_s: float) -> None:
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            print("        (did not end in time: killed)", flush=True)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._changed:
                self._printed.append(self._rewritten(line.decode("utf-8", "replace").rstrip()))
                self._changed.notify_all()


def run(command: str, folder: str, environment: dict[str, str]) -> tuple[int, list[str]]:
    """Runs a command to its end; its exit code and what it printed."""
    process = subprocess.Popen(["bash", "-c", command], cwd=folder, env=environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    try:
        printed, _ = process.communicate(timeout=COMMAND_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise Wrong(f"{command}: still running after {COMMAND_S:.0f} s") from None
    return process.returncode, printed.decode("utf-8", "replace").splitlines()


def run_with_keys(command: str, folder: str, environment: dict[str, str]) -> tuple[int, list[str]]:
    """The same for a command that wants a terminal: it gets one, and Enter again and again."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(["bash", "-c", command], cwd=folder,
                               env={**environment, "TERM": "xterm"}, stdin=theirs, stdout=theirs,
                               stderr=theirs, start_new_session=True)
    os.close(theirs)
    printed = b"".join(_press_enter(ours, process))
    os.close(ours)
    return process.wait(COMMAND_S), printed.decode("utf-8", "replace").splitlines()


def _press_enter(terminal: int, process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    deadline, enter_at = time.monotonic() + COMMAND_S, 0.0
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                yield os.read(terminal, 65536)
            except OSError:
                # How Linux reports that the other end is closed.
                return
        elif process.poll() is not None:
            return
        if time.monotonic() >= enter_at:
            enter_at = time.monotonic() + ENTER_S
            os.write(terminal, b"\n")
    process.kill()
