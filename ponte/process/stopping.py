"""Stopping."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from typing import Callable, Protocol

CTRL_C_GRACE_S = 0.8        # and after Ctrl-C: a person is waiting
SEEN_S = 0.5                # how long a draining process serves on while its peers read that it drains
WAKE_S = 0.25               # an untimed wait may ignore Ctrl-C on Windows; this is how often we look


class Stop:
    """Waits for the end. Make it on the main thread, before anything is announced.

    Attributes: `reason`, once it has come: "Ctrl-C", "SIGTERM", or what `set` was given.
    """

    def __init__(self, until_eof: bool = False) -> None:
        self.reason = ""
        # A signal handler may interrupt the main thread anywhere, also inside a lock: this queue's put needs none.
        self._reasons: queue.SimpleQueue[str] = queue.SimpleQueue()
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        if until_eof:
            if hasattr(os, "setpgrp"):      # a stopped orphan is then sent SIGHUP and SIGCONT by the kernel
                os.setpgrp()
            threading.Thread(target=self._watch_stdin, name="ponte-stdin", daemon=True).start()

    def set(self, reason: str) -> None:
        """Ends the wait; from any thread."""
        self._reasons.put(reason)

    def wait(self, look: Callable[[], None] = lambda: None) -> str:
        """Blocks until the end; returns the reason. After it a further signal ends the process at once.

        `look()` runs a few times a second meanwhile: the place for what may block, such as printing.
        """
        while not self.reason:
            try:
                self.reason = self._reasons.get(timeout=WAKE_S)
            except queue.Empty:
                look()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        return self.reason

    def _on_signal(self, number: int, frame: object) -> None:
        self.set("Ctrl-C" if number == signal.SIGINT else "SIGTERM")

    def _watch_stdin(self) -> None:
        try:
            while os.read(0, 1024):
                pass
        except OSError:
            pass        # a closed standard input has ended too
        self.set("end of standard input")


class Drainable(Protocol):
    """What accepts connections: a `transport.wire.Listener`, or an engine of the proxy."""

    def retire(self) -> None: ...
    def wait_until_quiet(self, timeout_s: float, *, idle_too: bool = False) -> bool: ...
    def close(self) -> None: ...


def drain(listener: Drainable, announce: Callable[[str, float], bool], refuse: Callable[[], None],
          grace_s: float) -> bool:
    """Leaves without losing a call; returns whether all running calls could finish within `grace_s` seconds.

    Others are told first, and served until they have left, so that no call is on its way to a closed door. Then
    `refuse` makes new calls get 503 with Not-Executed, which any caller may try elsewhere.
    """
    deadline = time.monotonic() + grace_s
    step_s = min(SEEN_S, grace_s / 4)       # an impatient person also wants the goodbyes to be short
    announce("draining", step_s)
    listener.retire()
    listener.wait_until_quiet(step_s, idle_too=True)
    refuse()
    finished = listener.wait_until_quiet(max(deadline - time.monotonic(), 0.0))
    announce("leaving", step_s)
    listener.close()
    return finished


def grace(reason: str, grace_s: float) -> float:
    """How long running calls may go on after a stop for `reason`: on Ctrl-C a person is waiting."""
    return grace_s if reason == "SIGTERM" else min(grace_s, CTRL_C_GRACE_S)


