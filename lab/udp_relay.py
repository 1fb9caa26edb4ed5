"""A relay for datagrams that loses, duplicates and reorders them.

    sender  <-- near -->  UdpRelay  <-- far, one socket for each sender -->  target

Heartbeats are sent to the relay's address instead of the registry's. Each direction has its own
probability of a loss, so that a link can also be broken in one direction only. What happens to a
datagram is drawn from a seeded generator, so that a run that failed can be repeated by its seed.

Threads: one.
"""

from __future__ import annotations

import random
import select
import socket
import threading

from ponte.net.address import Address
from ponte.net.datagrams import LONGEST_BYTES

# How soon `close` is noticed, in seconds.
POLL_S = 0.05


class UdpRelay:
    """Relays datagrams to `target`, and the answers back to their senders.

    Attributes, which any thread may set at any time: the probabilities `loss` (of datagrams to the
    target), `answer_loss` (of the answers), `duplication` and `reordering` (of both). All are 0 at
    first. To read: `address`, where the relay listens, which never changes; `last`, the newest
    datagram to the target, as it came (an eavesdropper keeps it).
    """

    def __init__(self, target: Address, rng: random.Random) -> None:
        self.target = target
        self.last = b""
        self.loss = self.answer_loss = self.duplication = self.reordering = 0.0
        self._rng = rng
        self._near = _open_socket()
        self.address: Address = self._near.getsockname()[:2]
        # A socket for each sender: an answer that arrives there belongs to that sender.
        self._far: dict[Address, socket.socket] = {}
        # What waits for the next datagram: (socket to send from, datagram, receiver).
        self._held: list[tuple[socket.socket, bytes, Address]] = []
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def calm(self) -> None:
        """Relays every datagram from now on, as it comes."""
        self.loss = self.answer_loss = self.duplication = self.reordering = 0.0

    def close(self) -> None:
        """Ends the thread, and closes all sockets."""
        self._closed = True
        self._thread.join()
        for sock in (self._near, *self._far.values()):
            sock.close()

    def _run(self) -> None:
        senders: dict[socket.socket, Address] = {}
        while not self._closed:
            readable, _, _ = select.select([self._near, *senders], [], [], POLL_S)
            for sock in readable:
                try:
                    datagram, sender = sock.recvfrom(LONGEST_BYTES)
                except OSError:
                    # The system reports that the port of an earlier datagram is closed.
                    continue
                if sock is self._near:
                    self.last = datagram
                    if sender not in self._far:
                        self._far[sender] = _open_socket()
                        senders[self._far[sender]] = sender
                    self._relay(self._far[sender], datagram, self.target, self.loss)
                else:
                    self._relay(self._near, datagram, senders[sock], self.answer_loss)

    def _relay(self, sock: socket.socket, datagram: bytes, receiver: Address, loss: float) -> None:
        """Draws what happens to a datagram, and sends it, with those that were held back."""
        if self._rng.random() < loss:
            return
        self._held.append((sock, datagram, receiver))
        if self._rng.random() < self.duplication:
            self._held.append((sock, datagram, receiver))
        if self._rng.random() < self.reordering:
            # It is sent with the next datagram, after it.
            return
        for outlet, data, address in reversed(self._held):
            try:
                outlet.sendto(data, address)
            except OSError:
                # It counts as lost.
                pass
        self._held.clear()


def _open_socket() -> socket.socket:
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock
