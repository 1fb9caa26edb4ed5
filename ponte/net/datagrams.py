"""UDP sockets: one for each family of addresses that the machine has, waited for together.

A host may have addresses of both families, and a socket sends to one family alone.
"""

from __future__ import annotations

import contextlib
import selectors
import socket

from ponte.net.names import Place

# The bytes to ask for: no datagram has more. Windows loses one that is longer than asked for.
LONGEST_BYTES = 65_536


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
