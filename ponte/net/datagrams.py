"""UDP sockets: one for each family of addresses that the machine has, waited for together; and one
beside a TCP port of the same number.

A host may have addresses of both families, and a socket sends to one family alone.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
from typing import Callable, Protocol, TypeVar

from ponte.net.names import Place
from ponte.net.stream import listen

# The bytes to ask for: no datagram has more. Windows loses one that is longer than asked for.
LONGEST_BYTES = 65_536
# How many ports are tried where any is asked for.
TRIES = 10


class Closable(Protocol):
    """What listens on a port, until it is closed."""

    def close(self) -> None: ...


L = TypeVar("L", bound=Closable)


class Datagrams:
    """Sends datagrams to places of either family, and receives the answers.

    Threads: `send` may be called from any; `receive` from one at a time. Raises OSError if the
    system gives no socket of either family. A machine without IPv6 has the other one alone.
    """

    def __init__(self) -> None:
        self._sockets: dict[int, socket.socket] = {}
        missing: OSError | None = None
        for family in (socket.AF_INET, socket.AF_INET6):
            try:
                self._sockets[family] = _open(family)
            except OSError as error:
                missing = error
        if missing and not self._sockets:
            raise missing
        self._ready = selectors.DefaultSelector()
        for sock in self._sockets.values():
            self._ready.register(sock, selectors.EVENT_READ, sock)

    def send(self, datagram: bytes, place: Place) -> None:
        """Sends it, without waiting. Raises OSError if there is no route, or no free buffer."""
        family, address = place
        if family not in self._sockets:
            raise OSError("this machine has no addresses of that family")
        self._sockets[family].sendto(datagram, address)

    def receive(self, timeout_s: float, max_bytes: int) -> list[bytes]:
        """Waits for a datagram, `timeout_s` seconds at most. Returns one from each socket.

        A datagram longer than `max_bytes` is cut off there.
        """
        datagrams = []
        for key, _ in self._ready.select(timeout_s):
            # BlockingIOError: its checksum was wrong. Windows reports here that a port was closed.
            with contextlib.suppress(OSError):
                datagrams.append(key.data.recv(LONGEST_BYTES)[:max_bytes])
        return datagrams

    def close(self) -> None:
        """Closes the sockets. May be called more than once."""
        self._ready.close()
        for sock in self._sockets.values():
            sock.close()


def _open(family: int) -> socket.socket:
    """A socket that neither blocks nor takes datagrams of the other family."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # Windows receives nothing at a socket that has no port yet.
        sock.bind(("", 0))
    except OSError:
        sock.close()
        raise
    return sock


def listen_on_both(host: str, port: int, listen_at: Callable[[int], L],
                   port_of: Callable[[L], int]) -> tuple[L, socket.socket]:
    """What `listen_at(port)` makes for TCP, and a UDP socket on its port, which `port_of` tells.

    With port 0, the port is any that is free for both. Raises OSError if there is none.
    """
    for tries_left in range(TRIES - 1, -1, -1):
        listener = listen_at(port)
        try:
            return listener, listen(host, port_of(listener), socket.SOCK_DGRAM)
        except OSError:
            listener.close()
            if port or not tries_left:
                raise
    raise AssertionError("the loop returns or raises")
