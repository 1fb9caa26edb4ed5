"""Takes events by UDP, orders them, and keeps them in a ring.

One thread reads a socket on the loopback address, lets the ordering sort what has come
(dashboard/ordering.py), numbers it, and appends it to the ring. The page's own side, such as the
laboratory, hands in its events by `put`.

A process that sends an event never waits for us: where the socket's buffer is full, the kernel
drops the datagram. The number that is then missing is shown as a gap, and on Linux the kernel's
own count as well.

Not guaranteed: that a loss is noticed where the last events of a process are lost. No number comes
after them.
"""

from __future__ import annotations

import collections
import contextlib
import errno
import itertools
import logging
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, Callable

from dashboard.ordering import HOLD_S, MAX_BYTES, Event, Ordering
from dashboard.ring import Ring
from ponte.net.address import Address
from ponte.net.mishaps import Mishaps
from ponte.process.shared_clock import shared_s

log = logging.getLogger("ponte.page")

# Some 10,000 datagrams (Linux counts 768 bytes for a small one): half a second of a flood. Where
# the system gives less, we take what it gives.
RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024
# Datagrams that are taken before those that are due go on.
BATCH = 2000
# Seconds between two turns at least, which is how often a page gets news: 25 times a second.
# Shorter costs more answers to each page; longer shows everything later.
TURN_S = 0.04
# Seconds of a wait without a datagram. On Windows a longer one might miss the end.
IDLE_S = 0.5
# Seconds between two events that tell of bad or dropped datagrams.
REPORT_S = 1.0
# Windows says so of a datagram that is longer than was asked for.
TOO_LONG = getattr(errno, "WSAEMSGSIZE", None)


class Collector:
    """Collects events from `start` to `close`.

    `language`: what the first event says of the page. Raises OSError if there is no port.

    Attributes: `address`, where processes send their events; `ring`, what has come; `on_lines`,
    which is called with the lines of each turn before the readers get them, on the collector's
    thread: set it before `start`.

    Threads: one of its own; all methods may be called from any.
    """

    def __init__(self, language: str = "en") -> None:
        self.ring = Ring()
        self.on_lines: Callable[[list[bytes]], None] = lambda lines: None
        self._began = shared_s()
        self._ordering = Ordering(self._began)
        self._put: collections.deque[Event] = collections.deque()
        self._numbers = itertools.count(1)
        # The thread's own: the number of the next event; when the last turn was; until when all
        # datagrams were taken, and whether more wait; and what was told of bad ones.
        self._next = 1
        self._is_behind = False
        self._turned_at = self._reported_at = self._drained_at = self._began
        self._told: tuple[int, int | None] = 0, None
        self._mishaps = Mishaps(log, "a turn of the collector")
        # Set once, by `close`, and read without a lock: it may be noticed a turn later.
        self._closed = False
        self._socket = _open()
        self.address: Address = self._socket.getsockname()[:2]
        self._inode = os.fstat(self._socket.fileno()).st_ino if sys.platform == "linux" else 0
        self._thread = threading.Thread(target=self._run, name="ponte-collector", daemon=True)
        self.put({"k": "start", "t": self._began, "at": round(time.time(), 3), "lang": language,
                  "form": 1})

    def start(self) -> None:
        """Begins to collect."""
        self._thread.start()

    def put(self, event: Mapping[str, Any]) -> None:
        """Takes an event of the page's own side, with its `k` and its fields. Never blocks.

        Where they are missing, `p` ("page"), `i`, `n` and `t` are filled in.
        """
        self._put.append({"p": "page", "i": os.getpid(), "n": next(self._numbers),
                          "t": shared_s(), **event})
        # An empty datagram wakes the thread. If the buffer is full, it is awake.
        with contextlib.suppress(OSError):
            self._socket.sendto(b"", self.address)

    def close(self) -> None:
        """Takes what has come, and ends. The ring stays readable."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(OSError):
                self._socket.sendto(b"", self.address)
            if self._thread.is_alive():
                self._thread.join()
            self._socket.close()
        self.ring.close()

    # Its thread.

    def _run(self) -> None:
        """Nothing that comes in a datagram ends it."""
        while not self._closed:
            try:
                self._wait()
                self._turn()
            except Exception as error:
                self._mishaps.survive(error)
        with contextlib.suppress(Exception):
            self._take()
            # Also what was told just now.
            self._let_go(shared_s() + HOLD_S)

    def _wait(self) -> None:
        """Blocks until it is time for a turn."""
        if self._is_behind:
            return
        # 1. Until something comes, or is due.
        wait_s = min(self._ordering.due() - shared_s(), IDLE_S)
        if wait_s > 0 and not self._put:
            select.select([self._socket], [], [], wait_s)
        # 2. What comes right after goes along.
        rest_s = self._turned_at + TURN_S - shared_s()
        if rest_s > 0 and not self._closed:
            time.sleep(rest_s)

    def _turn(self) -> None:
        self._turned_at = shared_s()
        self._take()
        self._report()
        self._let_go(self._drained_at)

    def _take(self) -> None:
        """Takes what has come."""
        self._receive()
        while self._put:
            self._ordering.add(self._put.popleft())

    def _let_go(self, until: float) -> None:
        """Numbers the events that are due, and gives them to readers."""
        lines = [f'{{"s":{number},{event[1:]}'.encode("ascii") for number, event in
                 enumerate(self._ordering.release(until), self._next)]
        self._next += len(lines)
        if lines:
            self.on_lines(lines)
            self.ring.append(lines)

    def _receive(self) -> None:
        """Takes the datagrams that have come, BATCH at most."""
        receive, take = self._socket.recvfrom, self._ordering.take
        now = shared_s()
        self._is_behind = True
        try:
            for _ in range(BATCH):
                datagram, sender = receive(MAX_BYTES + 1)
                if datagram:
                    take(datagram, now, sender)
            # More wait. They came later than this one, and so were sent later, or nearly so.
            self._drained_at = max(self._drained_at, min(now, self._ordering.told_at))
        except OSError as error:
            if error.errno == TOO_LONG:
                self._ordering.bad["too long"] += 1
                return
            # All were taken. Those that are sent from now on have a later time than `now`.
            self._drained_at, self._is_behind = now, False

    def _report(self) -> None:
        """Tells of datagrams that were refused, or dropped by the kernel, if there are more."""
        if self._turned_at - self._reported_at < REPORT_S:
            return
        self._reported_at = self._turned_at
        told = sum(self._ordering.bad.values()), self.dropped()
        if told != self._told and (told[0] or told[1]):
            self._told = told
            self._ordering.add({"k": "bad", "p": "page", "i": os.getpid(),
                                "n": next(self._numbers), "t": shared_s(),
                                "total": told[0], "why": dict(self._ordering.bad),
                                "dropped": told[1]})

    def dropped(self) -> int | None:
        """How many datagrams the kernel has dropped since the buffer was full; None: not known."""
        if not self._inode:
            return None
        # The columns are described in proc_net_tcp.rst of the kernel: inode, ..., drops.
        with contextlib.suppress(OSError, ValueError, IndexError), \
                open("/proc/net/udp", encoding="ascii") as table:
            for line in table:
                fields = line.split()
                if fields[9:10] == [str(self._inode)]:
                    return int(fields[-1])
        return None


def _open() -> socket.socket:
    """A socket for datagrams of this machine, on any free port, with the largest buffer we get."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        size = RECEIVE_BUFFER_BYTES
        while size > 64 * 1024:
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
                break
            except OSError:
                # macOS refuses what is too much for it; Linux takes it, and gives less.
                size //= 2
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
