"""The driver of threads: a thread carries out one program, and waits where the program waits.

The thread's stack keeps the place in the program, and the system wakes the thread when its socket
is ready. So nothing else has to be remembered, and this file is short. The price is a thread for
each connection, also for one that sends nothing.

ponte/net/loop.py is the other driver; docs/threads-and-events.md compares them.
"""

from __future__ import annotations

import logging
import math
import select
import sys
import threading
import time
from concurrent.futures import Future
from typing import Callable

from ponte.net import windows
from ponte.net.stream import READ, Program, T, Wait, Waitable

log = logging.getLogger("ponte.threads")

# Seconds. A thread that waits for a socket looks so often whether that was interrupted. Linux wakes
# such a thread; Windows does not, nor does macOS for every socket. Fewer seconds cost processor
# time, more of them delay the end of a process.
LOOK_S = math.inf if sys.platform == "linux" else 0.25


def wait_for(program: Program[T]) -> T:
    """Carries out a program on this thread, and returns its result. Blocks where it waits."""
    try:
        wait = next(program)
        while True:
            wait = program.send(_is_ready(wait))
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        # After Ctrl-C, for instance: its connection is not used any more.
        program.close()


def _is_ready(wait: Wait) -> bool:
    """Blocks until what a program waits for is ready; False once its deadline has passed."""
    awaited, events, deadline = wait
    remaining_s = deadline - time.monotonic()
    # 1. A socket. The first check also ends a message that arrives one byte at a time.
    if isinstance(awaited, Waitable):
        while remaining_s > 0:
            look_s = min(remaining_s, LOOK_S)
            if awaited.arrives(look_s * 1000) if events == READ else _can_write(awaited, look_s):
                return True
            if awaited.is_interrupted:
                # The program finds that its stream has ended.
                return True
            remaining_s = deadline - time.monotonic() if look_s < remaining_s else 0.0
        return False
    # 2. The result of another thread.
    if awaited is not None:
        done = threading.Event()
        awaited.add_done_callback(lambda _: done.set())
        return done.wait(min(remaining_s, threading.TIMEOUT_MAX))
    # 3. Time alone: a pause, or a turn for others, which threads have anyway.
    if remaining_s > 0:
        time.sleep(remaining_s)
    return True


def _can_write(awaited: Waitable, timeout_s: float) -> bool:
    """Blocks until bytes can be sent, or a connect has ended. Rare, so nothing is kept for it."""
    if sys.platform == "win32":
        return windows.wait_until_writable(awaited.socket, timeout_s)
    poll = select.poll()
    poll.register(awaited.socket, select.POLLOUT)
    return bool(poll.poll(timeout_s * 1000))


class Threads:
    """The driver of a listener: each program that is spawned has a thread of its own.

    Threads: all methods may be called from any.

    Attributes: `errors`, how many programs have failed.
    """

    # Connections of callers. With more threads, memory and the time for switching between them
    # would grow without a limit.
    max_connections = 512

    def __init__(self) -> None:
        # The thread of the first program: the one that accepts connections.
        self._first: threading.Thread | None = None
        self.errors = 0

    def start(self, program: Program[None]) -> None:
        """Carries out the first program, which lives as long as the driver."""
        self._first = threading.Thread(target=self._run, args=(program,), name="ponte-accept",
                                       daemon=True)
        self._first.start()

    def spawn(self, program: Program[None]) -> None:
        """Carries out one more program. Raises RuntimeError if the system gives no more threads."""
        threading.Thread(target=self._run, args=(program,), name="ponte-connection",
                         daemon=True).start()

    def _run(self, program: Program[None]) -> None:
        try:
            wait_for(program)
        except Exception:
            self.errors += 1
            log.exception("a program failed")

    def post(self, job: Callable[[], None]) -> None:
        """Runs `job` where it may use the streams that no program uses now: at once, here."""
        job()

    def call(self, name: str, function: Callable[[], T]) -> T | Future[T]:
        """Runs a function of the user: here, since nobody else waits for this thread."""
        return function()

    def is_alive(self) -> bool:
        """Whether connections are accepted."""
        return self._first is not None and self._first.is_alive()

    def stop(self) -> None:
        """Waits for the end of the first program. The others are daemons: nobody waits for them."""
        if self.is_alive() and self._first:
            self._first.join()
