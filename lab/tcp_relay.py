"""A relay for TCP connections that breaks them, in chosen or in random ways.

    client  <-- near -->  TcpRelay  <-- far -->  target

A server announces the relay's address as its own, so that its callers come through the relay.
What happens to a connection is its `Fate` (fates.py): the relay can delay data, cut the connection
after the k-th byte in either direction, lose replies, or refuse. It can also hold all data back for
a time.

A message can also be *late*: the relay keeps a whole request, or a whole reply, until somebody says
`deliver_late`. By then its caller may have given up, closed the connection, and gone; networks do
that when a router keeps a packet, and kernels when they send a lost one again. The far side is kept
open meanwhile, and where it has ended the request is delivered on a new connection.

Threads: one that accepts, and two for each connection. The callbacks run on those of connections.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Callable

from lab.fates import HEALTHY, REPLY, REQUEST, Fate, Fates, healthy
from ponte.net.address import Address
from ponte.net.windows import refuse_at_once

__all__ = ["Fate", "TcpRelay"]

# Port 9 ("discard"): nothing listens there.
NOBODY: Address = ("127.0.0.1", 9)
CHUNK_BYTES = 65536
# Seconds that a late request on a new connection waits for its reply, as its caller would have.
LATE_S = 10.0
# Seconds that `close` waits to reach its own listener, whose queue may be full.
WAKE_S = 2.0
# Why a message did not arrive: for ever; until `deliver_late`; or its receiver has gone.
LOST, HELD, NOBODY_WAITS = "lost", "held", "nobody waits"
# Seconds of rest after an `accept` that failed.
PAUSE_S = 0.01


class TcpRelay:
    """Relays connections to `target`, and decides their fates by calling `fates`.

    Attributes, which any thread may set at any time: `target`, for new connections; `fates`, called
    for each new connection; `fate_of(data)`, called with all that a client sends: the fate from
    there on, or None, and the fate stays; `keeps_ends`, whether the target learns only after its
    reply that a caller has gone, as where a network loses the end of a connection;
    `on_loss(request, direction, why)`, called where a message does not arrive: `request`, or the
    reply to it; `why` is one of LOST, HELD and NOBODY_WAITS. To read: `address`, where the relay
    listens, which never changes; `cuts`, how many connections it has cut; `heard`, the newest data
    of a client, as they came (an eavesdropper keeps them).
    """

    def __init__(self, target: Address = NOBODY) -> None:
        self.target = target
        self.fates: Fates = healthy
        self.fate_of: Callable[[bytes], Fate | None] = lambda data: None
        self.keeps_ends = False
        self.on_loss: Callable[[bytes, str, str], None] = lambda request, direction, why: None
        self.cuts = 0
        self.heard = b""
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

    def give(self, fate: Fate) -> None:
        """Gives `fate` at once to every connection that is open, also to a reply on its way."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            pair.give(fate)

    def freeze(self) -> None:
        """Holds all data back, and new connections too, until `thaw`."""
        self._running.clear()

    def thaw(self) -> None:
        """Lets the data pass that `freeze` held back, and all that follows."""
        self._running.set()

    @property
    def held(self) -> int:
        """How many messages wait for `deliver_late`."""
        with self._lock:
            return sum(pair.held for pair in self._pairs)

    @property
    def connections(self) -> int:
        """How many connections are open, also those whose caller has gone before a late message."""
        with self._lock:
            return sum(pair.is_open for pair in self._pairs)

    @property
    def orphans(self) -> int:
        """How many connections are open whose caller has gone: their target does not know that."""
        with self._lock:
            return sum(pair.is_orphan for pair in self._pairs)

    def deliver_late(self) -> int:
        """Delivers every message that is held; returns how many there were.

        A request goes to the target of its connection, or where that has ended on a new connection
        to the target of now. Its reply goes to the caller, if there still is one.
        """
        with self._lock:
            pairs = list(self._pairs)
        return sum(pair.deliver_late(self.target) for pair in pairs)

    def hang_up(self) -> None:
        """Closes every open connection. New ones are accepted, and what is held is kept."""
        with self._lock:
            pairs, self._pairs = self._pairs, [pair for pair in self._pairs if pair.held]
        for pair in pairs:
            pair.hang_up()

    def refuse(self) -> None:
        """Stops listening: the system refuses new connections, as it does where a process has died.

        Open connections go on until one of their ends closes them. There is no way back.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        # A shutdown of the listener ends an `accept` on Linux alone; a connection does so on every
        # system, but it needs a file descriptor.
        _shut_down(self._listener)
        with contextlib.suppress(OSError):
            socket.create_connection(self.address, WAKE_S).close()
        self._accepter.join()
        self._listener.close()

    def close(self) -> None:
        """Stops listening, and closes every open connection."""
        self.refuse()
        self.thaw()
        self.hang_up()

    def _count_cut(self) -> None:
        with self._lock:
            self.cuts += 1

    def _hear(self, data: bytes) -> None:
        self.heard = data

    # What follows may be set while connections are open.

    def _choose(self, data: bytes) -> Fate | None:
        return self.fate_of(data)

    def _lose(self, request: bytes, direction: str, why: str) -> None:
        self.on_loss(request, direction, why)

    def _keeps_ends(self) -> bool:
        return self.keeps_ends

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                # A caller has gone before it was accepted, as Windows says by several errors; or
                # no file descriptor is free, which may last.
                time.sleep(PAUSE_S)
                continue
            if self._closed:
                near.close()
                return
            # While data are held back, each new connection waits for itself.
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        """Carries a connection, on a thread of its own."""
        self._running.wait()
        try:
            far = _connect(self.target)
        except OSError:
            # Nothing listens at the target: the caller finds its connection closed.
            near.close()
            return
        pair = _Pair(near, far, self.fates, self._running, fate_of=self._choose,
                     keeps_ends=self._keeps_ends, on_cut=self._count_cut,
                     on_request=self._hear, on_loss=self._lose)
        with self._lock:
            self._pairs = [p for p in self._pairs if p.is_open or p.held] + [pair]
        pair.carry()


class _Pair:
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
        self._request, self._awaits_reply = data, True
        fate = self._fate_of(data)
        if self._fates and not fate:
            fate, self._fates = self._fates(), None
        if fate:
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


def _connect(target: Address, timeout_s: float | None = None) -> socket.socket:
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
        with _connect(target, LATE_S) as sock:
            sock.sendall(request)
            sock.recv(CHUNK_BYTES)
    except OSError:
        # Nobody is there, or nobody answers.
        pass


def _shut_down(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It is closed already.
        pass
