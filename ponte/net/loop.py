"""An event loop: one thread that looks after many sockets and waits for none of them in particular.

In every turn it asks the system which of its sockets can be read or written now (`selectors`: epoll, kqueue, select),
lets each of them do what can be done at once, sounds the alarms that are due, and does what was put off to the end of
the turn. Nothing that it calls may block: everybody would wait.

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
from typing import Callable

log = logging.getLogger("ponte.loop")

READ, WRITE, NOTHING = selectors.EVENT_READ, selectors.EVENT_WRITE, 0
BELL_BYTES = 4096       # rings that are heard as one


class Watched:
    """Something that a loop looks after: a socket, the events it waits for, and the time until which it waits."""

    def __init__(self, loop: Loop, sock: socket.socket) -> None:
        self.loop = loop
        self.socket = sock
        self.closed = False
        self.deadline = math.inf        # monotonic; set by Loop.wake_at
        self.alarm = math.inf           # when the loop will next look at the deadline
        self._events = NOTHING

    def on_ready(self) -> None:
        """The socket can be read or written, whichever was watched for."""
        raise NotImplementedError

    def on_deadline(self) -> None:
        """The deadline has passed."""
        raise NotImplementedError

    def watch(self, events: int) -> None:
        """Waits for these events from now on, instead of those before."""
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
    """One thread, what it watches, and what is due. All of it belongs to that thread, but for `post`."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.soon: collections.deque[Callable[[], None]] = collections.deque()  # to be done once the others have had their turn
        self._alarms: list[tuple[float, int, Watched]] = []         # a heap; the number only tells equals apart
        self._numbers = itertools.count()
        self._forgotten = 0                                         # alarms of what has been closed
        self._running = True
        self._bell = Bell(self)
        self.thread = threading.Thread(target=self._run, name="ponte-events", daemon=True)

    def post(self, job: Callable[[], None]) -> None:
        """Has `job` done on this loop's thread; from any thread."""
        self.soon.append(job)
        self._bell.ring()

    def wake_at(self, watched: Watched, deadline: float) -> None:
        """Sets a deadline in place of the one before. A later one costs nothing: the alarm looks again then."""
        watched.deadline = deadline
        if deadline < watched.alarm:
            watched.alarm = deadline
            heapq.heappush(self._alarms, (deadline, next(self._numbers), watched))

    def forget_alarm(self, watched: Watched) -> None:
        """Called once for what is closed; when these alarms are most of the heap, they are taken out."""
        self._forgotten += watched.alarm < math.inf
        if self._forgotten > len(self._alarms) // 2:
            self._alarms = [alarm for alarm in self._alarms if not alarm[2].closed]
            heapq.heapify(self._alarms)
            self._forgotten = 0

    def stop(self) -> None:
        """Cuts off what is left; the thread ends after this turn."""
        self._running = False

    def release(self) -> None:
        """Closes all that is watched. On the loop's thread, or when that has never run."""
        if self.selector.get_map() is not None:         # it has not been closed already
            for key in list(self.selector.get_map().values()):
                key.data.close()
            self.selector.close()

    def _run(self) -> None:
        while self._running:
            self._turn()
        self.release()

    def _turn(self) -> None:
        """Waits until something is ready, and deals with all that is."""
        for key, _ in self.selector.select(self._wait_s()):
            watched: Watched = key.data
            if not watched.closed:              # by another event of this turn
                self._guard(watched.on_ready, watched)
        if self._alarms and self._alarms[0][0] <= time.monotonic():
            self._sound_alarms(time.monotonic())
        for _ in range(len(self.soon)):
            self._guard(self.soon.popleft())

    def _wait_s(self) -> float | None:
        if self.soon:
            return 0.0
        return max(self._alarms[0][0] - time.monotonic(), 0.0) if self._alarms else None

    def _sound_alarms(self, now: float) -> None:
        while self._alarms and self._alarms[0][0] <= now:
            when, _, watched = heapq.heappop(self._alarms)
            if when != watched.alarm:
                continue        # an earlier one has taken its place; to renew both would make them ever more
            if watched.closed:
                self._forgotten -= 1
                continue
            watched.alarm = math.inf
            if watched.deadline <= now:
                self._guard(watched.on_deadline, watched)
            else:
                self.wake_at(watched, watched.deadline)

    def _guard(self, job: Callable[[], None], watched: Watched | None = None) -> None:
        """A mistake of ours may cost one connection, never all of them."""
        try:
            job()
        except Exception:
            log.exception("a connection failed")
            if watched:
                watched.close()


class Bell(Watched):
    """Wakes a loop that waits for its sockets: a socket pair, since `select` on Windows takes nothing else."""

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
            pass        # it rings already, or the loop has ended

    def on_ready(self) -> None:
        self.socket.recv(BELL_BYTES)

    def close(self) -> None:
        super().close()
        self._sender.close()
