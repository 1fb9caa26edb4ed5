"""How a process stops: it waits for a signal, and then leaves without losing a call (draining).

The problem: a server that simply closes its port loses calls. Callers that have not heard of it yet
go on sending, and some of them have sent everything when the port closes: for them the outcome is
unknown. The idea is an order of steps (`drain`):

    1. announce `draining`, so that callers choose another server
    2. serve on for a moment (--linger), until callers know and their connections have closed
    3. refuse new calls with "Not-Executed: 1", which any caller may send elsewhere
    4. finish the calls that run
    5. announce `leaving`, and close

Signals: a handler may interrupt the main thread anywhere, also while that holds a lock. So the
handler only puts a word in a queue; the main thread, which waits at that queue, does the rest.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
from typing import Callable, Protocol

# Seconds that running calls get after Ctrl-C: fewer than after SIGTERM, because a person waits.
# Half of them is LINGER_S.
CTRL_C_GRACE_S = 1.0
# Seconds that an announcement may wait for its ack; and that connections which callers still have
# open may take to close. With fewer, more callers meet a refusal; with more, a stop takes longer
# where a registry is away, or a caller says nothing.
STEP_S = 0.5
# Seconds between two looks at the signals. On Windows, a wait without a timeout may ignore Ctrl-C.
WAKE_S = 0.25
# The reason of a stop because a younger process has the name.
SUPERSEDED = "superseded"
# The signals that stop a process.
SIGNALS = (signal.SIGTERM, signal.SIGINT)
# What a shell shows for a process that Ctrl-C has ended.
EXIT_CTRL_C = 128 + signal.SIGINT


def end_at_once_on_ctrl_c() -> None:
    """From now on Ctrl-C ends the process at once, until there is a `Stop`. On the main thread.

    For a process that does not serve yet. SIGTERM does so by itself; but Ctrl-C would raise
    KeyboardInterrupt, which the file of a user that is just loaded may catch.
    """
    signal.signal(signal.SIGINT, lambda number, frame: os._exit(EXIT_CTRL_C))


class Stop:
    """Waits until the process shall stop.

    Make it before the process announces itself. On the main thread: from then on a signal does not
    end the process but this wait. On any other thread it waits for `set` alone, and the signals
    stay with the program. `until_eof`: also stop at the end of standard input, which comes when the
    parent process dies.

    Attributes: `reason`, empty until it is time to stop; then "Ctrl-C", "SIGTERM", "end of standard
    input", or what `set` was given.
    """

    def __init__(self, until_eof: bool = False) -> None:
        self.reason = ""
        # `put` of a SimpleQueue takes no lock that a signal handler could find taken.
        self._reasons: queue.SimpleQueue[str] = queue.SimpleQueue()
        # Only the main thread may set what a signal does.
        self._takes_signals = threading.current_thread() is threading.main_thread()
        self._on_signals(self._on_signal)
        if until_eof:
            # In a process group of its own: when the parent dies while this process is frozen, the
            # kernel then sends SIGHUP and SIGCONT, so that it wakes up and ends.
            if hasattr(os, "setpgrp"):
                os.setpgrp()
            threading.Thread(target=self._watch_stdin, name="ponte-stdin", daemon=True).start()

    def set(self, reason: str) -> None:
        """Ends the wait, from any thread."""
        self._reasons.put(reason)

    def has_come(self) -> bool:
        """Whether it is time to stop, while there is other work to do. Does not block."""
        return bool(self.reason) or not self._reasons.empty()

    def wait(self, look: Callable[[], None] = lambda: None) -> str:
        """Blocks until it is time to stop; returns the reason. For the thread that made it.

        While it waits it calls `look()` a few times a second: the place for work that may block,
        such as printing. After the wait, a further signal ends the process at once.
        """
        while not self.reason:
            try:
                self.reason = self._reasons.get(timeout=WAKE_S)
            except queue.Empty:
                look()
        self._on_signals(signal.SIG_DFL)
        return self.reason

    def _on_signals(self, action: Callable[[int, object], None] | signal.Handlers) -> None:
        if self._takes_signals:
            for number in SIGNALS:
                signal.signal(number, action)

    def _on_signal(self, number: int, frame: object) -> None:
        self.set("Ctrl-C" if number == signal.SIGINT else "SIGTERM")

    def _watch_stdin(self) -> None:
        try:
            while os.read(0, 1024):
                pass
        except OSError:
            # A standard input that is closed has ended, too.
            pass
        self.set("end of standard input")


# A forked child of a process that serves: nobody there waits for a Stop, and `multiprocessing` ends
# its processes by SIGTERM. So there a signal does what it usually does. One that comes between the
# fork and that moment would be lost: so it is held back until then.

# Windows has no fork.
if sys.platform != "win32":
    _held = threading.local()

    def _hold_signals_back() -> None:
        _held.mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)

    def _let_signals_come() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, _held.mask)

    def _begin_child() -> None:
        for number in SIGNALS:
            # Only what was set here. A program that uses Ponte may have handlers of its own.
            if getattr(signal.getsignal(number), "__module__", "") == __name__:
                signal.signal(number, signal.SIG_DFL)
        _let_signals_come()

    os.register_at_fork(before=_hold_signals_back, after_in_parent=_let_signals_come,
                        after_in_child=_begin_child)


class Drainable(Protocol):
    """What accepts connections: a `Listener` of ponte/net/serving.py."""

    def retire(self) -> None: ...
    def retire_door(self) -> bool: ...
    def wait_until_quiet(self, timeout_s: float, *, idle_too: bool = False) -> bool: ...
    def close(self) -> None: ...


def drain(listener: Drainable, announce: Callable[[str, float], bool], refuse: Callable[[], None],
          *, grace_s: float, linger_s: float, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Leaves without losing a call. Returns whether all running calls finished within `grace_s`.

    `announce(state, timeout_s)` sends a beat with the state "draining" or "leaving" and waits for
    its ack. Then it serves on for `linger_s` at least, but for no more than half of `grace_s`. From
    `refuse()` on, new calls get 503 with Not-Executed. Blocks for somewhat more than `grace_s`
    seconds at most.
    """
    deadline = time.monotonic() + grace_s
    # A short grace leaves a short time for each of the other steps, too.
    step_s = min(STEP_S, grace_s / 4)
    linger_s = min(linger_s, grace_s / 2)
    # 1. Callers shall choose another server.
    announce("draining", step_s)
    # 2. Connections close after their next reply. A caller without one may still come: who asks
    #    DNS, or stands behind nginx, learns of the drain later than we do.
    listener.retire()
    sleep(linger_s)
    #    Callers of another protocol are asked to leave.
    if listener.retire_door():
        listener.wait_until_quiet(step_s, idle_too=True)
    listener.wait_until_quiet(max(step_s - linger_s, 0.0), idle_too=True)
    # 3. From now on a new call is refused, and may run elsewhere.
    refuse()
    # 4. Calls that run may finish.
    finished = listener.wait_until_quiet(max(deadline - time.monotonic(), 0.0))
    # 5. Gone.
    announce("leaving", step_s)
    listener.close()
    return finished


def grace(reason: str, grace_s: float) -> float:
    """The seconds that running calls get after a stop for `reason`; `grace_s` is what --grace says.

    After Ctrl-C they get fewer, because a person waits; and after the end of standard input,
    because nobody else would end the process.
    """
    return grace_s if reason in ("SIGTERM", SUPERSEDED) else min(grace_s, CTRL_C_GRACE_S)
