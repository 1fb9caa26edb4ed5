"""The lines that a process prints: written by threads that may wait, so that no other thread does.

The problem: a write to standard output or standard error blocks while nothing reads it, such as a
pipe that is full, or a Windows console in which text is selected. With plain `print`, one click
would stop every call that logs, and a server with a full pipe could not even end. The idea: a
thread that has a line puts it in a queue and goes on; one thread of its own for each stream takes
lines out and writes them.

Not guaranteed: that every line is written. When the queue is full, lines are lost; and so are those
that have not been written FLUSH_S after the end of their process.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import time
from typing import Callable, TextIO

# Lines that may wait while their stream is blocked. More would keep more, and take more memory.
MAX_LINES = 10_000
# Seconds that the last lines of a process get. With more, one whose output is blocked ends later.
FLUSH_S = 0.4
# Seconds that a line of a forked child may take. With fewer, more lines of such children are lost.
CHILD_S = 0.2


class Lines:
    """Writes lines to a stream, in their order. All methods may be called from any thread.

    `find()` returns the stream, None if it is closed.

    Attribute: `error`, why a line could not be written; None while all goes well.
    """

    def __init__(self, find: Callable[[], TextIO | None]) -> None:
        self._find = find
        # A forked child may end at any moment, without `leave`: so it waits for its lines.
        self._waits = False
        self._begin()

    def put(self, line: str) -> None:
        """Has a line written. It is lost while MAX_LINES others wait.

        Does not block; in a forked child CHILD_S at most, and no more once that was too short.
        """
        if self._waiting.qsize() < MAX_LINES:
            self._waiting.put(line)
            self._start()
        if self._waits:
            self._waits = self.flush(CHILD_S)

    def flush(self, timeout_s: float) -> bool:
        """Waits until the lines so far are written, and what others left in the stream's buffer.

        Returns False if that takes more than `timeout_s` seconds.
        """
        written = threading.Event()
        self._waiting.put(written)
        self._start()
        return written.wait(timeout_s)

    def _begin(self) -> None:
        self.error: OSError | None = None
        # No lock that a fork or a signal handler could find taken is needed to put a line here.
        self._waiting: queue.SimpleQueue[str | threading.Event] = queue.SimpleQueue()
        self._lock = threading.Lock()
        # Guarded by self._lock: started with the first line.
        self._thread: threading.Thread | None = None

    def leave_parent(self) -> None:
        """Begins anew, in a forked child: the thread and the lines that wait are the parent's."""
        stream = self._find()
        # A thread of the parent may have held the lock of this stream: open another one.
        if stream:
            with contextlib.suppress(OSError, ValueError):
                own = open(stream.fileno(), "w", encoding=stream.encoding,  # noqa: SIM115
                           errors="replace", closefd=False)
                self._find = lambda: own
        self._waits = True
        self._begin()

    def _start(self) -> None:
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="ponte-output",
                                                    daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while True:
            line = self._waiting.get()
            try:
                stream = self._find()
                if stream and isinstance(line, str):
                    stream.write(line + "\n")
                # Lines that come together are written together.
                if stream and (self._waiting.empty() or not isinstance(line, str)):
                    stream.flush()
            except (OSError, ValueError) as error:
                # A disk that is full, a reader that has gone, or a stream that has been closed.
                self.error = error if isinstance(error, OSError) else OSError(str(error))
            if isinstance(line, threading.Event):
                line.set()


# Those of this process. The streams are looked up for each line: a program may replace them.
standard_output = Lines(lambda: sys.stdout)
standard_error = Lines(lambda: sys.stderr)
# Windows has no fork.
if sys.platform != "win32":
    os.register_at_fork(after_in_child=standard_output.leave_parent)
    os.register_at_fork(after_in_child=standard_error.leave_parent)


def leave(code: int) -> int:
    """The last words of a process: waits until its lines are written, FLUSH_S at most.

    Returns `code`. But a process whose output is blocked ends here with that exit code: the usual
    end would wait for its output without a deadline.
    """
    deadline = time.monotonic() + FLUSH_S
    for lines in (standard_output, standard_error):
        if not lines.flush(max(deadline - time.monotonic(), 0.0)):
            os._exit(code)
    return code
