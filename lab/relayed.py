"""One connection that goes through a relay (tcp_relay.py), with its fate (fates.py).

Two threads carry its two directions. What the far side sends after its caller has gone, and what
the near side sends while the fate holds it, is kept or told: see `Pair.deliver_late`, and `on_loss`
of the relay.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import Callable

from lab.fates import HEALTHY, REPLY, REQUEST, Fate, Fates
from ponte.net.address import Address
from ponte.net.windows import refuse_at_once

CHUNK_BYTES = 65536
# Seconds that a late request on a new connection waits for its reply, as its caller would have.
LATE_S = 10.0
# Why a message did not arrive: for ever; until `deliver_late`; or its receiver has gone.
LOST, HELD, NOBODY_WAITS = "lost", "held", "nobody waits"


class Pair:
    """One relayed connection: its two sockets, a thread for each direction, and its fate.

    The thread of the requests draws the fate. The thread of the replies reads it without a lock:
    on one connection a reply comes after its request.
    """

    def __init__(self, near: socket.socket, far: socket.socket, fates: Fates,
                 running: threading.Event, *, fate_of: Callable[[bytes], Fate | None],
                 keeps_ends: Callable[[], bool], on_cut: Callable[[], None],
                 on_request: Callable[[bytes], None],
                 on_loss: Callable[[bytes, str, str], None]) -> None:
        for sock in (near, far):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._near, self._far = near, far
        # Where the next request draws its fate; None: the fate stays as it is.
        self._fates: Fates | None = fates
        self._fate = HEALTHY
        # Bytes in each direction since the fate was drawn.
        self._passed = {REQUEST: 0, REPLY: 0}
        self._running = running
        self._fate_of, self._on_cut, self._on_request = fate_of, on_cut, on_request
        self._on_loss, self._keeps_ends = on_loss, keeps_ends
        # The newest data of the client, and whether it waits for a reply.
        self._request = b""
        self._awaits_reply = False
        # Guarded by self._lock: how many of the two directions have ended, and what is held.
        self._lock = threading.Lock()
        self._ended = 0
        self._held = {REQUEST: b"", REPLY: b""}
        self.is_open = True

    def carry(self) -> None:
        """Carries both directions, until they end: the requests on this thread."""
        threading.Thread(target=self._pump, args=(self._far, self._near, REPLY),
                         daemon=True).start()
        self._pump(self._near, self._far, REQUEST)

    def rearm(self, fates: Fates) -> None:
        """Draws a new fate at the next request."""
        self._fates = fates

    def give(self, fate: Fate) -> None:
        """Has this fate from now on."""
        with self._lock:
            self._set(fate)

    @property
    def held(self) -> int:
        """How many messages wait for `deliver_late`."""
        with self._lock:
            return sum(1 for data in self._held.values() if data)

    @property
    def is_orphan(self) -> bool:
        """Whether its caller has gone, and its target has not."""
        with self._lock:
            return self.is_open and self._ended == 1

    def deliver_late(self, target: Address) -> int:
        """Delivers what is held; a request to `target` where the far side has ended."""
        # 1. What comes from now on is not late.
        with self._lock:
            self._fate = HEALTHY
            held, self._held = self._held, {REQUEST: b"", REPLY: b""}
        # 2. A reply whose caller has gone goes nowhere.
        if held[REPLY]:
            _send(self._near, held[REPLY])
        # 3. A request reaches somebody in any case. After its reply nobody needs the connection.
        if held[REQUEST] and not _send(self._far, held[REQUEST]):
            threading.Thread(target=_exchange, args=(target, held[REQUEST]), daemon=True).start()
        return sum(1 for data in held.values() if data)

    def hang_up(self) -> None:
        self.is_open = False
        shut_down(self._near)
        shut_down(self._far)

    def _pump(self, source: socket.socket, sink: socket.socket, direction: str) -> None:
        """Carries one direction until either end closes the connection, or its fate does."""
        try:
            while True:
                data = source.recv(CHUNK_BYTES)
                if not data:
                    break
                if direction == REQUEST:
                    self._on_request(data)
                    self._draw_fate(data)
                self._running.wait()
                if direction == REPLY and self._ended:
                    # A late request was carried out after its caller had gone.
                    self._on_loss(self._request, direction, NOBODY_WAITS)
                    self._pass_on(data, sink, direction)
                    break
                if not self._pass_on(data, sink, direction):
                    self._on_cut()
                    self._on_loss(self._request, direction, LOST)
                    break
        except OSError:
            # One end has closed the connection.
            pass
        # The target does not learn that the caller has gone while its request is held.
        is_kept = self._fate.hold_request or (self._awaits_reply and self._keeps_ends())
        if direction == REPLY or not is_kept:
            self.hang_up()
        self._close_when_both_ended()

    def _draw_fate(self, data: bytes) -> None:
        fate = self._fate_of(data)
        # A request may come in pieces: the first one has its head, and draws for all of them.
        if fate or not self._awaits_reply:
            self._request, self._awaits_reply = data, True
        if self._fates and not fate:
            fate = self._fates()
        if fate:
            self._fates = None
            self._set(fate)

    def _set(self, fate: Fate) -> None:
        self._fate = fate
        self._passed = {REQUEST: 0, REPLY: 0}

    def _pass_on(self, data: bytes, sink: socket.socket, direction: str) -> bool:
        """Passes data on as its fate demands. False where the connection must be cut now."""
        fate = self._fate
        if direction == REPLY:
            self._awaits_reply = False
        if fate.delay_s:
            time.sleep(fate.delay_s)
        if self._keeps(data, direction):
            return True
        if direction == REPLY and fate.swallow_replies:
            self._on_loss(self._request, direction, LOST)
            return True
        if direction == REPLY and fate.drip_reply_s:
            for position in range(len(data)):
                time.sleep(fate.drip_reply_s)
                sink.sendall(data[position:position + 1])
            return True
        cut_at = fate.cut_at(direction)
        if cut_at is None:
            sink.sendall(data)
            return True
        remaining = cut_at - self._passed[direction]
        sink.sendall(data[:remaining])
        self._passed[direction] += len(data)
        return len(data) < remaining

    def _keeps(self, data: bytes, direction: str) -> bool:
        """Keeps data where the fate says so; False where it must be passed on."""
        with self._lock:
            if not self._fate.holds(direction):
                return False
            is_first = not self._held[direction]
            self._held[direction] += data
        if is_first:
            self._on_loss(self._request, direction, HELD)
        return True

    def _close_when_both_ended(self) -> None:
        with self._lock:
            self._ended += 1
            both_ended = self._ended == 2
        if both_ended:
            self._near.close()
            self._far.close()


def connect(target: Address, timeout_s: float | None = None) -> socket.socket:
    """A connection to an IPv4 address. Raises OSError."""
    sock = socket.socket()
    try:
        sock.settimeout(timeout_s)
        refuse_at_once(sock, target[0])
        sock.connect(target)
    except OSError:
        sock.close()
        raise
    return sock


def _send(sock: socket.socket, data: bytes) -> bool:
    """Sends all data; False where the connection has ended."""
    try:
        sock.sendall(data)
    except OSError:
        return False
    return True


def _exchange(target: Address, request: bytes) -> None:
    """Delivers a request whose connection has ended, and waits for the reply to it."""
    try:
        with connect(target, LATE_S) as sock:
            sock.sendall(request)
            sock.recv(CHUNK_BYTES)
    except OSError:
        # Nobody is there, or nobody answers.
        pass


def shut_down(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It is closed already.
        pass
