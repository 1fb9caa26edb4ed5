"""What a thread that must not end does with an error that nobody foresaw.

The problem: a thread that beats, or takes beats, runs as long as its process. If an error ended it,
the process would go on and look healthy, and nobody would hear of it any more. If each error were
logged, one strange datagram, sent again and again, would fill the disk.
"""

from __future__ import annotations

import logging
import threading
import time

# Seconds of a pause after an error, so that one that comes back at once does not take all the time.
PAUSE_S = 0.05
# The most kinds of errors that are logged.
MAX_KINDS = 50


class Mishaps:
    """Counts errors, and logs the first of each kind. Safe to share between threads.

    Parameters: `log`, and `what` failed, for the line in it. Attribute: `count`, how many errors
    there were; any thread may read it.
    """

    def __init__(self, log: logging.Logger, what: str) -> None:
        self.count = 0
        self._log = log
        self._what = what
        # Guards the count and the kinds that were logged.
        self._lock = threading.Lock()
        self._kinds: set[tuple[type, str, int]] = set()

    def survive(self, error: Exception) -> None:
        """Takes note of an error, and pauses for PAUSE_S."""
        self.note(error)
        time.sleep(PAUSE_S)

    def note(self, error: Exception) -> None:
        """Counts an error, and logs it with its traceback, if it is the first of its kind."""
        trace = error.__traceback__
        while trace and trace.tb_next:
            trace = trace.tb_next
        # The same error from the same line is the same kind.
        kind = type(error), trace.tb_frame.f_code.co_filename if trace else "", \
            trace.tb_lineno if trace else 0
        with self._lock:
            self.count += 1
            is_new = kind not in self._kinds and len(self._kinds) < MAX_KINDS
            if is_new:
                self._kinds.add(kind)
        if is_new:
            self._log.error("%s failed, and goes on; the same error is not logged again",
                            self._what, exc_info=error)
