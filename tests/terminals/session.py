"""A program in a pseudo-terminal, and an emulator that shows its screen.

Threads: one reads what the program prints. The methods are for one other thread.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Callable

from tests.system.harness import ROOT
from tests.terminals.emulator import Emulator

if sys.platform != "win32":
    import fcntl
    import pty
    import termios

# Makes standard input the terminal that controls the program, as a shell does. So the keys Ctrl-C
# and Ctrl-\ are signals; and it does not ignore them, though tests in the background may.
TAKE_TERMINAL = ("import fcntl, os, signal, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
                 "signal.signal(signal.SIGINT, signal.SIG_DFL); "
                 "signal.signal(signal.SIGQUIT, signal.SIG_DFL); "
                 "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])")
# How long a condition may take to come true, in seconds, on a machine that is busy.
PATIENCE_S = 30.0
ENTER = b"\r"


class Session:
    """`python3 WORDS` in a terminal of `columns` and `rows`. A `with` block ends it.

    Attribute: `screen`, guarded by `lock`.
    """

    def __init__(self, words: Sequence[str], columns: int, rows: int, *,
                 reflows: bool = True, **variables: str) -> None:
        self.screen = Emulator(columns, rows, reflows=reflows)
        self.lock = threading.Condition()
        self._ended = False
        # What went wrong in the thread that reads.
        self._error: Exception | None = None
        self._ours = -1
        self._theirs: int | None = None
        if sys.platform != "win32":
            self._ours, self._theirs = pty.openpty()
        self._echoes = True
        self._set_size(columns, rows)
        environ = {name: value for name, value in os.environ.items()
                   if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        environ.update({"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", "PYTHONPATH": ROOT,
                        **variables})
        self._process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *words], cwd=ROOT, env=environ,
            stdin=self._theirs, stdout=self._theirs, stderr=self._theirs, start_new_session=True)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._let_go()
        self._thread.join(10.0)
        if self._ours >= 0:
            os.close(self._ours)
            self._ours = -1

    @property
    def pid(self) -> int:
        return self._process.pid

    def text(self) -> str:
        """What stands on the screen now."""
        with self.lock:
            return self.screen.text()

    def wait_for(self, condition: Callable[[Emulator], object], what: str) -> None:
        """Waits until a condition of the screen is true. Raises AssertionError, which shows it."""
        deadline = time.monotonic() + PATIENCE_S
        with self.lock:
            while not condition(self.screen):
                if self._error:
                    raise self._error
                if time.monotonic() > deadline or self._ended:
                    raise AssertionError(f"{what} was not seen; the screen shows:\n"
                                         f"{self.screen.history()}")
                self.lock.wait(0.1)

    def wait_for_text(self, text: str) -> None:
        """The same for a text that stands on the screen."""
        self.wait_for(lambda screen: text in screen.text(), repr(text))

    def comes(self, condition: Callable[[Emulator], object], within_s: float) -> bool:
        """Whether a condition of the screen is true within so many seconds."""
        with self.lock:
            return bool(self.lock.wait_for(lambda: condition(self.screen) or self._ended,
                                           within_s)) and bool(condition(self.screen))

    def press(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def send(self, number: int) -> None:
        """Sends a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()

    def resize(self, columns: int, rows: int) -> None:
        """Gives the terminal another size, as a user does with the window."""
        with self.lock:
            self.screen.resize(columns, rows)
        self._set_size(columns, rows)

    def wait(self) -> int:
        """Waits for the end of the program; its exit code."""
        code = self._process.wait(PATIENCE_S)
        self._let_go()
        self._thread.join(10.0)
        return code

    def echoes(self) -> bool:
        """Whether the terminal shows the keys that are pressed; after the end: showed."""
        if sys.platform != "win32" and self._theirs is not None:
            self._echoes = bool(termios.tcgetattr(self._theirs)[3] & termios.ECHO)
        return self._echoes

    def _let_go(self) -> None:
        """Without us, the thread that reads sees the end of the program's output."""
        if self._theirs is not None:
            self.echoes()
            os.close(self._theirs)
            self._theirs = None

    def _set_size(self, columns: int, rows: int) -> None:
        if sys.platform != "win32":
            fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self) -> None:
        try:
            while True:
                data = os.read(self._ours, 65536)
                with self.lock:
                    self.screen.feed(data)
                    self.lock.notify_all()
        except OSError:
            # How Linux reports that the other end is closed.
            pass
        except ValueError as error:
            self._error = error
        with self.lock:
            self._ended = True
            self.lock.notify_all()


