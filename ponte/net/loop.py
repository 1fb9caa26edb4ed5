"""The driver of events: one thread carries out many programs, and waits for all of them at once.

In every turn it asks the system which sockets can be read or written now (`selectors`: epoll,
kqueue or select), and lets the program that waits for each of these go on until it waits once more.
A program that waits costs its memory, and no thread. Python's asyncio does the same; its `await` is
our `yield`.

A loop must not wait for one program: all others would have to wait. So functions of the user that
may take long run on other threads (workers.py).

ponte/net/threads.py is the other driver; docs/threads-and-events.md compares them. This design was
first described in full by Dan Kegel, "The C10K problem" (http://www.kegel.com/c10k.html).
"""

from __future__ import annotations

import collections
import contextlib
import heapq
import itertools
import logging
import math
import selectors
import socket
import sys
import threading
import time
from concurrent.futures import Future
from typing import Any, Callable

from ponte.net.forking import leave_parent_in_child
from ponte.net.stream import NOTHING, READ, Program, Waitable
from ponte.net.windows import LOOP_CALLERS
from ponte.net.workers import Workers

log = logging.getLogger("ponte.loop")

# Seconds. A loop whose turn takes longer is taken for dead: its process stops beating. Longer keeps
# callers waiting at it; shorter takes a busy machine for a dead loop.
STUCK_S = 2.0
# Seconds of rest after a turn that failed, so that an error which stays does not fill the log.
ERROR_PAUSE_S = 0.1
# Seconds. While it waits for its thread, `stop` looks so often whether the loop has a new one.
JOIN_S = 0.05
BELL_BYTES = 16


class Task:
    """A program that a loop carries out, and what it waits for."""

    __slots__ = ("program", "awaited", "deadline", "alarm")

    def __init__(self, program: Program[None]) -> None:
        self.program = program
        self.awaited: Waitable | Future[Any] | None = None
        self.deadline = math.inf
        # When the loop next looks at the deadline. It may be earlier than the deadline.
        self.alarm = math.inf


class Loop:
    """The driver of a listener that needs one thread for all its programs.

    Threads: `post`, `spawn` and `is_alive` may be called from any, `call`, `forget` and `watch` on
    the loop's thread only, `stop` on any other.

    Attributes: `errors`, how many turns and programs have failed.
    """

    # Connections of callers. Each costs a few KiB, and a second socket while its call is running.
    max_connections = 4096 if sys.platform != "win32" else LOOP_CALLERS

    def __init__(self) -> None:
        self.errors = 0
        self._selector = selectors.DefaultSelector()
        self._tasks: set[Task] = set()
        self._first: Task | None = None
        # What is done at the end of this turn, after all sockets that are ready.
        self._soon: collections.deque[Callable[[], None]] = collections.deque()
        # A heap. The number gives an order to alarms of the same time.
        self._alarms: list[tuple[float, int, Task]] = []
        self._numbers = itertools.count()
        # How many alarms in the heap are of tasks that have ended.
        self._forgotten = 0
        # When the running turn began, or the first of the turns that failed; infinite while the
        # loop waits.
        self._turn_began = math.inf
        self._running = True
        self._workers = Workers(self._hand_over)
        self.call = self._workers.run
        # A socket pair wakes a loop that waits for its sockets: Windows can wait for nothing else.
        listening, self._bell = socket.socketpair()
        self._bell.setblocking(False)
        # True while a ring is unheard: one ring wakes the loop for all jobs.
        self._is_rung = False
        self._ear = Waitable(listening)
        self.watch(self._ear, READ)
        # The thread that carries out the turns. It may be replaced: see `_hand_over`.
        self._thread = threading.Thread(target=self._run, name="ponte-loop", daemon=True)
        leave_parent_in_child(self)

    def start(self, program: Program[None]) -> None:
        """Carries out the first program, which lives as long as the driver."""
        self._first = self._begin(program)
        self._thread.start()

    def spawn(self, program: Program[None]) -> None:
        """Carries out one more program."""
        self._begin(program)

    def post(self, job: Callable[[], None]) -> None:
        """Has `job` run on the loop's thread, where it may use streams and start programs."""
        self._soon.append(job)
        if not self._is_rung and threading.current_thread() is not self._thread:
            self._is_rung = True
            # It fails once the loop has ended.
            with contextlib.suppress(OSError):
                self._bell.send(b"\0")

    def is_alive(self) -> bool:
        """Whether the first program goes on. False when a turn takes STUCK_S, or all turns fail."""
        thread = self._thread
        # A thread without an identity is just about to start.
        return ((thread.is_alive() or thread.ident is None) and self._first in self._tasks
                and time.monotonic() - self._turn_began < STUCK_S)

    def stop(self) -> None:
        """Ends the thread after this turn, and all programs. Blocks until then."""
        self._running = False
        self.post(lambda: None)
        # The thread may be replaced while it is waited for.
        while self._thread.is_alive():
            self._thread.join(JOIN_S)
        self._release()

    def forget(self, waitable: Waitable) -> None:
        """Called when a socket is closed, on the loop's thread."""
        self.watch(waitable, NOTHING)
        waitable.loop = waitable.task = None

    def leave_parent(self) -> None:
        """In a forked child: has ended.

        Of the selector, only the child's copy is closed. What the child took out of it would be
        missing in that of the parent, too.
        """
        self._running, self._first = False, None
        # The thread that forked may be the one of the loop: so it ends with this turn.
        self._thread = threading.Thread()
        self._bell.close()
        if self._selector.get_map() is not None:
            for key in list(self._selector.get_map().values()):
                key.data.leave_parent()
        self._selector.close()

    def _begin(self, program: Program[None]) -> Task:
        task = Task(program)
        self._tasks.add(task)
        # At once where that is possible: a program that has not begun would not close its sockets
        # when the loop is stopped.
        if threading.current_thread() is self._thread:
            self._step(task, None)
        else:
            self.post(lambda: self._step(task, None))
        return task

    # The turns: the loop's thread.

    def _run(self) -> None:
        me = threading.current_thread()
        while self._running and self._thread is me:
            try:
                self._turn(me)
            except Exception:
                # An error of the loop itself. It is tried once more: its connections may be well.
                self.errors += 1
                self._turn_began = min(self._turn_began, time.monotonic())
                log.exception("a turn of the loop failed")
                time.sleep(ERROR_PAUSE_S)

    def _turn(self, me: threading.Thread) -> None:
        """Waits until something is ready or due, and does it."""
        ready = self._selector.select(self._wait_s())
        now = time.monotonic()
        self._turn_began = min(self._turn_began, now)
        # 1. Sockets that are ready.
        for key, _ in ready:
            waitable: Waitable = key.data
            task = waitable.task
            if task:
                waitable.task = None
                self._step(task, True)
                if self._thread is not me:
                    # Another thread goes on, and finds what is ready for itself.
                    return
            else:
                self._hear(waitable)
        # 2. Alarms that are due.
        if self._alarms and self._alarms[0][0] <= now:
            self._sound_alarms(now)
        # 3. Jobs that were put off. Those that they put off themselves wait for the next turn.
        for _ in range(len(self._soon)):
            self._soon.popleft()()
            if self._thread is not me:
                return
        self._turn_began = math.inf

    def _step(self, task: Task, ready: bool | None) -> None:
        """Lets a program go on until it waits once more. None for `ready`: it begins."""
        # While it runs, nothing may wake it.
        task.awaited, task.deadline = None, math.inf
        try:
            awaited, events, deadline = task.program.send(ready)
            if not self._running:
                # The loop was stopped while it ran: nobody would let it go on.
                self._end(task)
                task.program.close()
                return
            # 1. Wake it when what it waits for is ready.
            task.awaited, task.deadline = awaited, deadline
            if isinstance(awaited, Waitable):
                awaited.task = task
                if awaited.watched != events:
                    self.watch(awaited, events)
            elif awaited is not None:
                future = awaited
                future.add_done_callback(lambda _: self.post(lambda: self._wake(task, future)))
            elif deadline <= self._turn_began:
                task.deadline = math.inf
                self._soon.append(lambda: self._step(task, True))
                return
        except StopIteration:
            self._end(task)
            return
        except Exception:
            # It costs this program, and not the loop.
            self.errors += 1
            log.exception("a program failed")
            self._end(task)
            task.program.close()
            return
        # 2. Wake it at the deadline. One that is put off needs no new alarm: when the alarm sounds,
        #    the deadline is read, and the alarm is set to it.
        if deadline < task.alarm:
            self._set_alarm(task, deadline)

    def _wake(self, task: Task, future: Future[Any]) -> None:
        """A future has its result. Its program may have stopped waiting for it."""
        if task.awaited is future:
            self._step(task, True)

    def _hear(self, waitable: Waitable) -> None:
        """Something has come where no program waits for it."""
        if waitable is self._ear:
            # In this order: a ring between these two lines is for a job of this turn.
            waitable.socket.recv(BELL_BYTES)
            self._is_rung = False
        elif waitable.is_idle:
            # A peer has ended a connection that a pool keeps.
            waitable.close()
        else:
            # It waits in the system until a program reads it.
            self.watch(waitable, NOTHING)

    def watch(self, waitable: Waitable, events: int) -> None:
        """Has the system look for these events from now on, in place of the earlier ones.

        On the loop's thread. A program that waits for this socket already is woken by these.
        """
        if events and waitable.watched:
            self._selector.modify(waitable.socket, events, waitable)
        elif events:
            self._selector.register(waitable.socket, events, waitable)
        elif waitable.watched:
            self._selector.unregister(waitable.socket)
        waitable.loop, waitable.watched = self, events

    def _wait_s(self) -> float | None:
        """How long the next turn may wait for sockets, in seconds; None: without a limit."""
        if self._soon:
            return 0.0
        return max(self._alarms[0][0] - time.monotonic(), 0.0) if self._alarms else None

    def _set_alarm(self, task: Task, at: float) -> None:
        task.alarm = at
        heapq.heappush(self._alarms, (at, next(self._numbers), task))

    def _sound_alarms(self, now: float) -> None:
        while self._alarms and self._alarms[0][0] <= now:
            when, _, task = heapq.heappop(self._alarms)
            # An earlier alarm has replaced this one. If both were set anew, their number would grow
            # for ever.
            if when != task.alarm:
                continue
            task.alarm = math.inf
            if task not in self._tasks:
                self._forgotten -= 1
            elif task.deadline <= now:
                if isinstance(task.awaited, Waitable):
                    task.awaited.task = None
                # A program that waited for nothing but its time is ready.
                self._step(task, task.awaited is None)
            elif task.deadline < math.inf:
                self._set_alarm(task, task.deadline)

    def _end(self, task: Task) -> None:
        self._tasks.discard(task)
        # Its alarm is removed later, together with others.
        self._forgotten += task.alarm < math.inf
        if self._forgotten > len(self._alarms) // 2:
            self._alarms = [alarm for alarm in self._alarms if alarm[2] in self._tasks]
            heapq.heapify(self._alarms)
            self._forgotten = 0

    def _hand_over(self) -> bool:
        """Another thread carries out the turns from now on. Called by the workers' watchdog.

        The thread that did so runs a function which takes long. When that has ended, the thread
        finds that it has been replaced, and ends. Nothing is lost: the next turn asks the system
        anew which sockets are ready. Returns False if the system gives no thread.
        """
        replaced, began = self._thread, self._turn_began
        self._thread = threading.Thread(target=self._run, name="ponte-loop", daemon=True)
        self._turn_began = math.inf
        try:
            self._thread.start()
        except RuntimeError:
            self._thread, self._turn_began = replaced, began
            return False
        return True

    def _release(self) -> None:
        """Ends all programs. Called when no thread carries out turns any more."""
        for task in list(self._tasks):
            try:
                task.program.close()
            except ValueError:
                # A thread that was replaced runs it still.
                pass
        self._tasks.clear()
        # Those that no program waits for: what a pool keeps, and the bell.
        if self._selector.get_map() is not None:
            for key in list(self._selector.get_map().values()):
                key.data.close()
        self._bell.close()
        self._selector.close()
