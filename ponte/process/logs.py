"""Log lines that never make a call wait, and a count of the threads that died.

The problem: a write to standard error blocks while nothing reads it, such as a pipe that is full,
or a Windows console in which text is selected. With a plain handler, one click would stop every
call that logs. The idea: a thread that logs puts its line in a queue and goes on; one thread of
its own takes lines out and writes them.

Not guaranteed: that every line is written. When the queue is full, lines are lost.
"""

from __future__ import annotations

import logging
import logging.handlers
import queue
import threading

log = logging.getLogger("ponte.process")

# Lines that may wait while standard error is blocked. More would keep more, and take more memory.
LOG_LINES = 10_000


def start_logging(verbose: bool) -> None:
    """Sends log lines to standard error, and counts the threads that die from now on.

    `verbose` adds a line for every call.
    """
    console = logging.StreamHandler()
    console.setFormatter(logging.Formatter("%(asctime)s.%(msecs)03d %(message)s", "%H:%M:%S"))
    lines: queue.Queue[logging.LogRecord] = queue.Queue(LOG_LINES)
    # A full queue loses lines, without an error for each of them.
    logging.raiseExceptions = False
    logging.handlers.QueueListener(lines, console).start()
    root = logging.getLogger("ponte")
    root.addHandler(logging.handlers.QueueHandler(lines))
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    thread_deaths.watch()


class ThreadDeaths:
    """Counts the threads that an exception ended.

    No other thread waits for them, so without a count their end would go unnoticed. `count` is on
    every status page; zero is the only good value.
    """

    def __init__(self) -> None:
        self.count = 0

    def watch(self) -> None:
        """Starts to count. Each death is also one line of the log; --verbose adds the traceback."""
        threading.excepthook = self._on_death

    def _on_death(self, died: threading.ExceptHookArgs) -> None:
        self.count += 1
        name = died.thread.name if died.thread else "a thread"
        traceback = (died.exc_type, died.exc_value, died.exc_traceback) \
            if log.isEnabledFor(logging.DEBUG) else None
        # typeshed: the value may be None.
        log.error("%s died: %s: %s", name, died.exc_type.__name__, died.exc_value,
                  exc_info=traceback)  # type: ignore[arg-type]


# The one of this process.
thread_deaths = ThreadDeaths()
