"""How a server or proxy leaves: once, however many threads ask, and when its name is taken.

Of two processes with one name, the younger wins: registries name it, and tell the elder with their
next answer. From then on nobody new finds the elder, but it may have calls that are running. So it
says loudly what has happened, finishes them, and closes; also in a program that uses it as a
library, and looks at nothing.
"""

from __future__ import annotations

import logging
import threading
from typing import Callable

from ponte.net.forking import leave_parent_in_child
from ponte.process.options import GRACE_S

log = logging.getLogger("ponte.process")


class Departure:
    """The end of one server or proxy. Safe to share between threads.

    Parameters: `name` of the instance; `leave(grace_s)` drains and closes it, and returns whether
    all running calls finished within about `grace_s` seconds.

    Attributes: `superseded` is set when a younger process has the name; `grace_s`, the seconds that
    running calls get then.
    """

    def __init__(self, name: str, leave: Callable[[float], bool]) -> None:
        self.superseded = threading.Event()
        self.grace_s = GRACE_S
        self._name = name
        self._leave = leave
        # Held while it leaves: a second thread that wants the same waits for the result.
        self._leaving = threading.Lock()
        # Guarded by self._leaving. None until it has left.
        self._finished: bool | None = None
        leave_parent_in_child(self)

    def leave(self, grace_s: float) -> bool:
        """Leaves, if it has not left already. Returns whether all running calls finished."""
        with self._leaving:
            if self._finished is None:
                self._finished = self._leave(grace_s)
            return self._finished

    def step_down(self) -> None:
        """Leaves because a younger process has the name. Does not block."""
        log.error("%s: STOPPED: a younger process beats under this name, so this one finishes its "
                  "calls and ends; give each its own name (--name)", self._name)
        self.superseded.set()
        threading.Thread(target=self.leave, args=(self.grace_s,), name="ponte-leave",
                         daemon=True).start()

    def leave_parent(self) -> None:
        """In a forked child: a thread that is leaving is not here."""
        self._leaving = threading.Lock()
