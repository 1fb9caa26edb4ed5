"""The echo of a terminal: it shows each key that is pressed, where the cursor stands.

That would write over lines that move. So the demo turns it off, and turns it on again however the
demo ends. (kill -9 alone leaves it off, and the usual shells then turn it on; else `stty echo`
does.) On Windows there is nothing to do: a console shows a key when a program reads it.

Ctrl-Z stops a program, and the shell writes over its lines; `fg` continues it. So the echo comes
back before we stop. When we are continued, it is turned off again, and our lines are drawn anew.

Threads: the main one only.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any, Callable, TextIO

from ponte.net import windows

if sys.platform != "win32":
    import termios

# Seconds between two looks at what else has changed while somebody is asked. An eye notices more.
LOOK_S = 0.1
# In the attributes that termios gives: the place of the local modes, of which echo is one.
_LOCAL_MODES = 3


class Echo:
    """The echo of the terminal that `stream` reads from. Without a terminal it does nothing.

    Attribute: `is_off`, whether it was turned off here.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.is_off = False
        # Whether it shall be off: it is on, nevertheless, while we are stopped.
        self._wanted_off = False
        # The attributes of the terminal from before.
        self._before: list[Any] = []

    @contextlib.contextmanager
    def off(self, *, stopping: Callable[[], None] = lambda: None,
            continued: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Within the block no key is shown. What the terminal did before comes back after it.

        The arguments are those of `back_in_time`.
        """
        self.turn_off()
        with self.back_in_time(stopping=stopping, continued=continued):
            yield

    @contextlib.contextmanager
    def back_in_time(self, *, stopping: Callable[[], None] = lambda: None,
                     continued: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Where `turn_off` is called within the block: turns it on at its end, and for a stop.

        `stopping` runs before Ctrl-Z stops the program, and `continued` when it goes on: both in a
        signal handler, so they may interrupt the main thread anywhere.
        """
        def on_continue(number: int, frame: object) -> None:
            if self._wanted_off:
                self.turn_off()
            continued()

        handlers: dict[int, Any] = {}
        if sys.platform != "win32" and self._is_ours():
            def on_stop(number: int, frame: object) -> None:
                stopping()
                self._restore()
                signal.signal(number, signal.SIG_DFL)
                # Here we stand still until somebody continues us.
                os.kill(os.getpid(), number)
                signal.signal(number, on_stop)
                on_continue(number, frame)

            # One that was ignored when we began stays so.
            if signal.getsignal(signal.SIGTSTP) is not signal.SIG_IGN:
                handlers[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, on_stop)
            # For other ways to stop us, such as kill -STOP.
            handlers[signal.SIGCONT] = signal.signal(signal.SIGCONT, on_continue)
        try:
            yield
        finally:
            for number, before in handlers.items():
                signal.signal(number, before)
            self.turn_on()

    def turn_on(self) -> None:
        """The terminal does what it did before `turn_off`."""
        self._wanted_off = False
        self._restore()

    def _restore(self) -> None:
        if self.is_off:
            self.is_off = False
            self._set(self._before)

    def turn_off(self) -> None:
        """Turns it off, also again: a shell turns it on while we are stopped."""
        self._wanted_off = True
        if sys.platform != "win32" and self._is_ours():
            attributes = termios.tcgetattr(self._file())
            if not self.is_off:
                self._before, self.is_off = list(attributes), True
            attributes[_LOCAL_MODES] &= ~(termios.ECHO | termios.ECHONL)
            self._set(attributes)

    def forget_typed_ahead(self) -> None:
        """Drops keys that nobody has read yet. Without a terminal there are none."""
        if sys.platform == "win32":
            windows.forget_typed_keys()
        elif self._is_ours():
            termios.tcflush(self._file(), termios.TCIFLUSH)

    def await_line(self, meanwhile: Callable[[], None]) -> None:
        """Waits for Enter, or the end of the input. Runs `meanwhile` LOOK_S apart until then.

        Without a terminal, and on Windows, it returns at once: then reading the line is what waits.
        """
        if sys.platform == "win32":
            return
        while self._is_terminal():
            if not self._is_ours():
                self._await_foreground()
            if select.select([self._file()], [], [], LOOK_S)[0]:
                return
            meanwhile()

    def _set(self, attributes: list[Any]) -> None:
        # The terminal may be gone.
        if sys.platform != "win32" and self._is_ours():
            with contextlib.suppress(OSError, termios.error):
                termios.tcsetattr(self._file(), termios.TCSADRAIN, attributes)

    def _await_foreground(self) -> None:
        """After `bg`: reading there would stop us. So we wait for `fg`."""
        while self._is_terminal() and not self._is_ours():
            time.sleep(LOOK_S)
        self.turn_off()

    def _is_ours(self) -> bool:
        """Whether it is a terminal, and we are not in its background: there we would be stopped."""
        if sys.platform == "win32" or not self._is_terminal():
            return False
        try:
            return os.tcgetpgrp(self._file()) == os.getpgrp()
        except OSError:
            # It is not the one that started us: then nobody stops us.
            return True

    def _is_terminal(self) -> bool:
        try:
            return os.isatty(self._file())
        except (OSError, ValueError):
            return False

    def _file(self) -> int:
        """The number of the open file. Raises OSError or ValueError where there is none."""
        # None: it was closed when the process began.
        if self._stream is None:
            raise ValueError("no standard input")
        return self._stream.fileno()
