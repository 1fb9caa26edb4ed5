"""An event loop: one thread that serves many sockets, and waits for all of them at once.

In every turn it asks the system which sockets can be read or written now (`selectors`: epoll,
kqueue or select), lets each of these do what can be done at once, sounds the alarms that are due,
and runs the jobs that were put off to the end of the turn. Nothing that it calls may block: all
sockets would have to wait.

Not here: what is on the sockets. That is ponte/net/events.py.
"""

from __future__ import annotations

import collections
import heapq
import itertools
import logging
import math
import selectors
import socket
import threading
import time
from collections.abc import Callable

log = logging.getLogger("ponte.loop")

READ, WRITE, NOTHING = selectors.EVENT_READ, selectors.EVENT_WRITE, 0
# So many rings of the bell at most are heard as one.
BELL_BYTES = 4096


class Watched:
    """Something that a loop serves: a socket, the events it waits for, and a deadline."""

    def __init__(self, loop: Loop, sock: socket.socket) -> None:
        self.loop = loop
        self.socket = sock
        self.closed = False
        # When `on_deadline` is called (monotonic). Set by Loop.wake_at.
        self.deadline = math.inf
        # When the loop next looks at the deadline. It may be earlier than the deadline.
        self.alarm = math.inf
        self._events = NOTHING

    def on_ready(self) -> None:
        """The socket is ready for the events that were watched for."""
        raise NotImplementedError

    def on_deadline(self) -> None:
        """The deadline has passed."""
        raise NotImplementedError

    def watch(self, events: int) -> None:
        """Waits for these events from now on, in place of the earlier ones."""
        if events == self._events:
            return
        if not self._events:
            self.loop.selector.register(self.socket, events, self)
        elif events:
            self.loop.selector.modify(self.socket, events, self)
        else:
            self.loop.selector.unregister(self.socket)
        self._events = events

    def close(self) -> None:
        if not self.closed:
            self.watch(NOTHING)
            self.closed = True
            self.socket.close()
            self.loop.forget_alarm(self)


class Loop:
    """One thread, what it watches, and what is due. Other threads may call `post` only."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        # Jobs for the end of this turn, after all sockets that are ready.
        self.soon: collections.deque[Callable[[], None]] = collections.deque()
        # A heap. The number gives an order to alarms of the same time.
        self._alarms: list[tuple[float, int, Watched]] = []
        self._numbers = itertools.count()
        # How many alarms in the heap are of closed objects.
        self._forgotten = 0
        self._running = True
        self._bell = Bell(self)
        self.thread = threading.Thread(target=self._run, name="ponte-events", daemon=True)

    def post(self, job: Callable[[], None]) -> None:
        """Has `job` run on this loop's thread. May be called from any thread."""
        self.soon.append(job)
        self._bell.ring()

    def wake_at(self, watched: Watched, deadline: float) -> None:
        """Sets a deadline in place of the one before.

        A later deadline needs no new alarm: when the alarm sounds, the deadline is read, and the
        alarm is set to it.
        """
        watched.deadline = deadline
        if deadline < watched.alarm:
            watched.alarm = deadline
            heapq.heappush(self._alarms, (deadline, next(self._numbers), watched))

    def forget_alarm(self, watched: Watched) -> None:
        """Called when an object is closed. Its alarm is removed later, together with others."""
        self._forgotten += watched.alarm < math.inf
        if self._forgotten > len(self._alarms) // 2:
            self._alarms = [alarm for alarm in self._alarms if not alarm[2].closed]
            heapq.heapify(self._alarms)
            self._forgotten = 0

    def stop(self) -> None:
        """Ends the thread after this turn, and cuts off all connections."""
        self._running = False

    def release(self) -> None:
        """Closes all that is watched. Call it on the loop's thread, or when that is not running."""
        # None: it was closed already.
        if self.selector.get_map() is not None:
            for key in list(self.selector.get_map().values()):
                key.data.close()
            self.selector.close()

    def _run(self) -> None:
        while self._running:
            self._turn()
        self.release()

    def _turn(self) -> None:
        """Waits until something is ready or due, and does it."""
        # 1. Sockets that are ready.
        for key, _ in self.selector.select(self._wait_s()):
            watched: Watched = key.data
            # Another event of this turn may have closed it.
            if not watched.closed:
                self._guard(watched.on_ready, watched)
        # 2. Alarms that are due.
        if self._alarms and self._alarms[0][0] <= time.monotonic():
            self._sound_alarms(time.monotonic())
        # 3. Jobs that were put off. Those that they put off themselves wait for the next turn.
        for _ in range(len(self.soon)):
            self._guard(self.soon.popleft())

    def _wait_s(self) -> float | None:
        """How long the next turn may wait for sockets, in seconds; None: without a limit."""
        if self.soon:
            return 0.0
        return max(self._alarms[0][0] - time.monotonic(), 0.0) if self._alarms else None

    def _sound_alarms(self, now: float) -> None:
        while self._alarms and self._alarms[0][0] <= now:
            when, _, watched = heapq.heappop(self._alarms)
            # An earlier alarm has replaced this one. If both were set anew, their number would grow
            # for ever.
            if when != watched.alarm:
                continue
            if watched.closed:
                self._forgotten -= 1
                continue
            watched.alarm = math.inf
            if watched.deadline <= now:
                self._guard(watched.on_deadline, watched)
            else:
                self.wake_at(watched, watched.deadline)

    def _guard(self, job: Callable[[], None], watched: Watched | None = None) -> None:
        """Runs a job. If it raises, that costs one connection, and not the loop."""
        try:
            job()
        except Exception:
            log.exception("a connection failed")
            if watched:
                watched.close()


class Bell(Watched):
    """Wakes a loop that waits for its sockets. A socket pair: Windows can wait for nothing else."""

    def __init__(self, loop: Loop) -> None:
        listening, self._sender = socket.socketpair()
        super().__init__(loop, listening)
        listening.setblocking(False)
        self._sender.setblocking(False)
        self.watch(READ)

    def ring(self) -> None:
        try:
            self._sender.send(b"\0")
        except OSError:
            # The loop has enough rings to hear already, or it has ended.
            pass

    def on_ready(self) -> None:
        self.socket.recv(BELL_BYTES)

    def close(self) -> None:
        super().close()
        self._sender.close()
