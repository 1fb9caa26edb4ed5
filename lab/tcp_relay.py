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

import socket
import threading
from typing import Callable

from lab.accepter import Accepter
from lab.fates import HEALTHY, Fate, Fates, healthy
from lab.relayed import Pair, connect
from ponte.net.address import Address

__all__ = ["Fate", "TcpRelay"]

# Port 9 ("discard"): nothing listens there.
NOBODY: Address = ("127.0.0.1", 9)


class TcpRelay:
    """Relays connections to `target`, and decides their fates by calling `fates`.

    Attributes, which any thread may set at any time: `target`, for new connections; `fates`, called
    for each new connection; `fate_of(data)`, called with all that a client sends: the fate from
    there on, or None, and the fate stays; `keeps_ends`, whether the target learns only after its
    reply that a caller has gone, as where a network loses the end of a connection;
    `on_loss(request, direction, why)`, called where a message does not arrive: `request`, or the
    reply to it; `why` is one of those in relayed.py. To read: `address`, where the relay listens,
    which never changes; `cuts`, how many connections it has cut; `heard`, the newest data of a
    client, as they came (an eavesdropper keeps them).
    """

    def __init__(self, target: Address = NOBODY) -> None:
        self.target = target
        self.fates: Fates = healthy
        self.fate_of: Callable[[bytes], Fate | None] = lambda data: None
        self.keeps_ends = False
        self.on_loss: Callable[[bytes, str, str], None] = lambda request, direction, why: None
        self.cuts = 0
        self.heard = b""
        # Not set while the relay holds all data back.
        self._running = threading.Event()
        self._running.set()
        # Guarded by self._lock: cuts and _pairs.
        self._lock = threading.Lock()
        self._pairs: list[Pair] = []
        # While data are held back, each new connection waits for itself.
        self._accepter = Accepter(socket.create_server(("127.0.0.1", 0)), self._carry)
        self.address: Address = self._accepter.address

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
        self._accepter.close()

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

    def _carry(self, near: socket.socket) -> None:
        """Carries a connection, on a thread of its own."""
        self._running.wait()
        try:
            far = connect(self.target)
        except OSError:
            # Nothing listens at the target: the caller finds its connection closed.
            near.close()
            return
        pair = Pair(near, far, self.fates, self._running, fate_of=self._choose,
                     keeps_ends=self._keeps_ends, on_cut=self._count_cut,
                     on_request=self._hear, on_loss=self._lose)
        with self._lock:
            self._pairs = [p for p in self._pairs if p.is_open or p.held] + [pair]
        pair.carry()
