"""A relay for TCP connections that breaks them, in chosen or in random ways.

    client  <-- near -->  TcpRelay  <-- far -->  target

A server announces the relay's address as its own, so that its callers come through the relay.
What happens to a connection is its `Fate`: the relay can delay data, cut the connection after the
k-th byte in either direction, lose replies, or refuse. It can also hold all data back for a time.
Random fates come from a seeded generator, so that a run that failed can be repeated by its seed.

Threads: one that accepts, and two for each connection.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from typing import Callable, NamedTuple

from ponte.net.address import Address

# Port 9 ("discard"): nothing listens there.
NOBODY: Address = ("127.0.0.1", 9)
CHUNK_BYTES = 65536
REQUEST, REPLY = "request", "reply"


class Fate(NamedTuple):
    """What happens to one connection, from the next request on. Bytes are counted from there."""

    # A pause before every piece of data, in seconds.
    delay_s: float = 0.0
    # Close the connection when so many bytes of requests have passed; None: never.
    cut_request_at: int | None = None
    # Close the connection when so many bytes of replies have passed; None: never.
    cut_reply_at: int | None = None
    # Pass requests on, and drop every reply; the connection stays open.
    swallow_replies: bool = False
    # Pass replies on byte by byte, with this pause before each byte, in seconds.
    drip_reply_s: float = 0.0
    # Close the connection before any byte has passed.
    refuse: bool = False

    def cut_at(self, direction: str) -> int | None:
        """After how many bytes of a direction the connection is closed; None: never."""
        if self.refuse:
            return 0
        return self.cut_reply_at if direction == REPLY else self.cut_request_at


HEALTHY = Fate()
# Called once for each connection, and returns its fate.
Fates = Callable[[], Fate]


def healthy() -> Fate:
    """The fate of every connection while nothing is wrong."""
    return HEALTHY


def random_fates(rng: random.Random, typical_bytes: int = 3000) -> Fates:
    """Most connections break: refused, cut at a random byte of either direction, mute, or slow.

    `typical_bytes` is the size of a usual request or reply: cuts come within it.
    """
    def draw() -> Fate:
        at = rng.randrange(typical_bytes)
        return rng.choice([Fate(refuse=True), Fate(cut_request_at=at), Fate(cut_reply_at=at),
                           Fate(swallow_replies=True), Fate(delay_s=0.02), HEALTHY])
    return draw


class TcpRelay:
    """Relays connections to `target`, and decides their fates by calling `fates`.

    Attributes, which any thread may set at any time: `target`, for new connections; `fates`, called
    for each new connection. To read: `address`, where the relay listens, which never changes;
    `cuts`, how many connections it has cut.
    """

    def __init__(self, target: Address = NOBODY) -> None:
        self.target = target
        self.fates: Fates = healthy
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: Address = self._listener.getsockname()[:2]
        # Not set while the relay holds all data back.
        self._running = threading.Event()
        self._running.set()
        # Guarded by self._lock: cuts, _closed and _pairs.
        self._lock = threading.Lock()
        self._closed = False
        self._pairs: list[_Pair] = []
        self._accepter = threading.Thread(target=self._accept, daemon=True)
        self._accepter.start()

    def arm(self, fate: Fate, times: int = 1) -> None:
        """Gives `fate` to the next `times` connections that send a request, open ones and new ones.

        After these, connections are healthy.
        """
        fates = [fate] * times
        self.fates = lambda: fates.pop() if fates else HEALTHY
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            pair.rearm(self.fates)

    def freeze(self) -> None:
        """Holds all data back, and new connections too, until `thaw`."""
        self._running.clear()

    def thaw(self) -> None:
        """Lets the data pass that `freeze` held back, and all that follows."""
        self._running.set()

    def hang_up(self) -> None:
        """Closes every open connection. New ones are accepted."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            pair.hang_up()

    def close(self) -> None:
        """Stops listening, and closes every open connection."""
        with self._lock:
            self._closed = True
        self.thaw()
        _shut_down(self._listener)
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
                # The listener was closed.
                return
            self._running.wait()
            try:
                far = socket.create_connection(self.target)
            except OSError:
                # Nothing listens at the target: the caller finds its connection closed.
                near.close()
                continue
            pair = _Pair(near, far, self.fates, self._running, self._count_cut)
            with self._lock:
                self._pairs = [p for p in self._pairs if p.is_open] + [pair]
            pair.start()


class _Pair:
    """One relayed connection: its two sockets, a thread for each direction, and its fate.

    The thread of the requests draws the fate. The thread of the replies reads it without a lock:
    on one connection a reply comes after its request.
    """

    def __init__(self, near: socket.socket, far: socket.socket, fates: Fates,
                 running: threading.Event, on_cut: Callable[[], None]) -> None:
        for sock in (near, far):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._near, self._far = near, far
        # Where the next request draws its fate; None: the fate stays as it is.
        self._fates: Fates | None = fates
        self._fate = HEALTHY
        # Bytes in each direction since the fate was drawn.
        self._passed = {REQUEST: 0, REPLY: 0}
        self._running = running
        self._on_cut = on_cut
        # Guarded by self._lock: how many of the two directions have ended.
        self._lock = threading.Lock()
        self._ended = 0
        self.is_open = True

    def start(self) -> None:
        for source, sink, direction in ((self._near, self._far, REQUEST),
                                        (self._far, self._near, REPLY)):
            threading.Thread(target=self._pump, args=(source, sink, direction), daemon=True).start()

    def rearm(self, fates: Fates) -> None:
        """Draws a new fate at the next request."""
        self._fates = fates

    def hang_up(self) -> None:
        self.is_open = False
        _shut_down(self._near)
        _shut_down(self._far)

    def _pump(self, source: socket.socket, sink: socket.socket, direction: str) -> None:
        """Carries one direction until either end closes the connection, or its fate does."""
        try:
            while True:
                data = source.recv(CHUNK_BYTES)
                if not data:
                    break
                if direction == REQUEST:
                    self._draw_fate()
                self._running.wait()
                if not self._pass_on(data, sink, direction):
                    self._on_cut()
                    break
        except OSError:
            # One end has closed the connection.
            pass
        self.hang_up()
        self._close_when_both_ended()

    def _draw_fate(self) -> None:
        if self._fates:
            self._fate, self._fates = self._fates(), None
            self._passed = {REQUEST: 0, REPLY: 0}

    def _pass_on(self, data: bytes, sink: socket.socket, direction: str) -> bool:
        """Passes data on as its fate demands. False where the connection must be cut now."""
        fate = self._fate
        if fate.delay_s:
            time.sleep(fate.delay_s)
        if direction == REPLY and fate.swallow_replies:
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

    def _close_when_both_ended(self) -> None:
        with self._lock:
            self._ended += 1
            both_ended = self._ended == 2
        if both_ended:
            self._near.close()
            self._far.close()


def _shut_down(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It is closed already.
        pass
