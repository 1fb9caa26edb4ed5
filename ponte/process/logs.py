"""Logs."""

from __future__ import annotations

import logging
import logging.handlers
import queue
import threading

log = logging.getLogger("ponte.process")

LOG_LINES = 10_000          # how many may wait while the console is blocked


def start_logging(verbose: bool) -> None:
    """Sends log lines to standard error without ever waiting for it; `verbose` adds every call.

    From now on a thread that dies of an exception is counted, too.
    """
    console = logging.StreamHandler()
    console.setFormatter(logging.Formatter("%(asctime)s.%(msecs)03d %(message)s", "%H:%M:%S"))
    lines: queue.Queue[logging.LogRecord] = queue.Queue(LOG_LINES)
    logging.raiseExceptions = False     # a full queue loses lines, and says nothing
    logging.handlers.QueueListener(lines, console).start()
    root = logging.getLogger("ponte")
    root.addHandler(logging.handlers.QueueHandler(lines))
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    thread_deaths.watch()


class ThreadDeaths:
    """Counts the threads that an exception has ended: nobody waits for them, so nobody else would see it.

    `count` is on every status page; zero is the only good value.
    """

    def __init__(self) -> None:
        self.count = 0

    def watch(self) -> None:
        """From now on every such thread is counted, and logged in one line (--verbose: with its traceback)."""
        threading.excepthook = self._on_death

    def _on_death(self, died: threading.ExceptHookArgs) -> None:
        self.count += 1
        name = died.thread.name if died.thread else "a thread"
        traceback = (died.exc_type, died.exc_value, died.exc_traceback) if log.isEnabledFor(logging.DEBUG) else None
        log.error("%s died: %s: %s", name, died.exc_type.__name__, died.exc_value,
                  exc_info=traceback)  # type: ignore[arg-type]    # typeshed: the value may be None


thread_deaths = ThreadDeaths()


