"""Relays that stand in the path of calls and beats, and break them in chosen or in random ways.

A `TcpRelay` cuts a connection after the k-th byte in either direction, swallows replies, delays, freezes, and
refuses. A `UdpRelay` drops, duplicates and reorders datagrams, in each direction on its own. Random faults are drawn
from a seeded generator, so that a failing run can be repeated by its seed.

Threads: one that accepts and two for each connection (TCP); one (UDP).
"""

from __future__ import annotations

import random
import select
import socket
import threading
from typing import Callable, NamedTuple

from ponte.net.address import Address

NOBODY: Address = ("127.0.0.1", 9)


class Fate(NamedTuple):
    """What becomes of one connection. Bytes are counted from its start, in each direction."""

    delay_s: float = 0.0                    # before every piece of data
    cut_request_at: int | None = None    # hang up once so many bytes have gone to the target
    cut_reply_at: int | None = None      # hang up once so many bytes have come back
    swallow_replies: bool = False           # pass on requests, and nothing that comes back
    drip_reply_s: float = 0.0               # pass replies on byte by byte, with this pause before each
    refuse: bool = False                    # hang up before anything has passed


HEALTHY = Fate()
Fates = Callable[[], Fate]


def healthy() -> Fate:
    """The fate of every connection while nothing is wrong."""
    return HEALTHY


def random_fates(rng: random.Random, typical_bytes: int = 3000) -> Fates:
    """Connections that mostly break: refused, cut at a random byte of either direction, mute, or slow."""
    def draw() -> Fate:
        at = rng.randrange(typical_bytes)
        return rng.choice([Fate(refuse=True), Fate(cut_request_at=at), Fate(cut_reply_at=at),
                           Fate(swallow_replies=True), Fate(delay_s=0.02), HEALTHY])
    return draw


class TcpRelay:
    """Relays connections to `target`; `fates` says what becomes of each. `address` never changes."""

    def __init__(self, target: Address = NOBODY) -> None:
        self.target = target
        self.fates: Fates = healthy
        self.cuts = 0                           # how many connections it has cut
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: Address = self._listener.getsockname()[:2]
        self._running = threading.Event()       # cleared while frozen
        self._running.set()
        self._lock = threading.Lock()
        self._closed = False                    # Guarded by self._lock, like the open pairs.
        self._pairs: list[_Pair] = []
        self._accepter = threading.Thread(target=self._accept, daemon=True)
        self._accepter.start()

    def arm(self, fate: Fate, times: int = 1) -> None:
        """Applies `fate` to the next requests, on open connections or on new ones, so many times."""
        fates = [fate] * times
        self.fates = lambda: fates.pop() if fates else HEALTHY
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            pair.rearm(self.fates)

    def freeze(self) -> None:
        """Holds all data back."""
        self._running.clear()

    def thaw(self) -> None:
        self._running.set()

    def hang_up(self) -> None:
        """Cuts every open connection."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            pair.hang_up()

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self.thaw()
        _end(self._listener)
        self._accepter.join()
        self._listener.close()
        self.hang_up()

    def _count_cut(self) -> None:
        with self._lock:
            self.cuts += 1

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return          # closed
            self._running.wait()
            try:
                far = socket.create_connection(self.target)
            except OSError:
                near.close()    # nobody there: the caller finds out by a reset, as with a dying host
                continue
            pair = _Pair(near, far, self.fates, self._running, self._count_cut)
            with self._lock:
                self._pairs = [p for p in self._pairs if p.is_open] + [pair]
            pair.start()


class _Pair:
    """One relayed connection: its two sockets, a thread for each direction, and its fate."""

    def __init__(self, near: socket.socket, far: socket.socket, fates: Fates, running: threading.Event,
                 on_cut: Callable[[], None]) -> None:
        for sock in (near, far):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._near, self._far = near, far
        self._fates: Fates | None = fates
        self._fate = HEALTHY
        self._passed = {False: 0, True: 0}      # bytes since the fate was drawn: of requests, of replies
        self._running = running
        self._on_cut = on_cut
        self._lock = threading.Lock()
        self._ended = 0             # Guarded by self._lock: directions that have ended.
        self.is_open = True

    def start(self) -> None:
        for source, sink, is_reply in ((self._near, self._far, False), (self._far, self._near, True)):
            threading.Thread(target=self._pump, args=(source, sink, is_reply), daemon=True).start()

    def rearm(self, fates: Fates) -> None:
        """Draws a new fate at the next request."""
        self._fates = fates

    def hang_up(self) -> None:
        self.is_open = False
        _end(self._near)
        _end(self._far)

    def _pump(self, source: socket.socket, sink: socket.socket, is_reply: bool) -> None:
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                if not is_reply:
                    self._draw_fate()
                self._running.wait()
                if not self._pass_on(data, sink, is_reply):
                    break
        except OSError:
            pass        # either end has hung up
        self._end_of_pump()

    def _draw_fate(self) -> None:
        if self._fates:
            self._fate, self._fates = self._fates(), None
            self._passed = {False: 0, True: 0}

    def _pass_on(self, data: bytes, sink: socket.socket, is_reply: bool) -> bool:
        """Passes data on as the fate wants it; whether the connection lives on."""
        fate = self._fate
        if fate.delay_s:
            threading.Event().wait(fate.delay_s)
        if is_reply and fate.swallow_replies:
            return True
        if is_reply and fate.drip_reply_s:
            for position in range(len(data)):
                threading.Event().wait(fate.drip_reply_s)
                sink.sendall(data[position:position + 1])
            return True
        limit = 0 if fate.refuse else fate.cut_reply_at if is_reply else fate.cut_request_at
        left = len(data) if limit is None else limit - self._passed[is_reply]
        sink.sendall(data[:left])
        self._passed[is_reply] += len(data)
        if limit is None or len(data) < left:
            return True
        self._on_cut()
        return False

    def _end_of_pump(self) -> None:
        self.hang_up()
        with self._lock:
            self._ended += 1
            last = self._ended == 2
        if last:
            self._near.close()
            self._far.close()


def _end(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass        # it has ended already


class UdpRelay:
    """Relays datagrams to `target` and the answers back. `loss`, `answer_loss`, `duplication` and `reordering` are
    probabilities, and may be changed at any time.
    """

    def __init__(self, target: Address, rng: random.Random) -> None:
        self.target = target
        self.loss = self.answer_loss = self.duplication = self.reordering = 0.0
        self._rng = rng
        self._near = _udp()
        self.address: Address = self._near.getsockname()[:2]
        self._far: dict[Address, socket.socket] = {}        # a socket for each sender, so that answers find back
        self._held: list[tuple[socket.socket, bytes, Address]] = []
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def calm(self) -> None:
        """No more trouble."""
        self.loss = self.answer_loss = self.duplication = self.reordering = 0.0

    def close(self) -> None:
        self._closed = True
        self._thread.join()
        for sock in (self._near, *self._far.values()):
            sock.close()

    def _run(self) -> None:
        senders: dict[socket.socket, Address] = {}
        while not self._closed:
            readable, _, _ = select.select([self._near, *senders], [], [], 0.05)
            for sock in readable:
                try:
                    datagram, sender = sock.recvfrom(2048)
                except OSError:
                    continue        # the target's port is closed
                if sock is self._near:
                    if sender not in self._far:
                        self._far[sender] = _udp()
                        senders[self._far[sender]] = sender
                    self._relay(self._far[sender], datagram, self.target, self.loss)
                else:
                    self._relay(self._near, datagram, senders[sock], self.answer_loss)

    def _relay(self, sock: socket.socket, datagram: bytes, receiver: Address, loss: float) -> None:
        if self._rng.random() < loss:
            return
        self._held.append((sock, datagram, receiver))
        if self._rng.random() < self.duplication:
            self._held.append((sock, datagram, receiver))
        if self._rng.random() < self.reordering:
            return                  # goes with the next one, after it
        for outlet, data, address in reversed(self._held):
            try:
                outlet.sendto(data, address)
            except OSError:
                pass                # as good as lost
        self._held.clear()


def _udp() -> socket.socket:
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock
