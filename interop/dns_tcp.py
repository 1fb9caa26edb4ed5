"""Messages of DNS over TCP: each has its length in two bytes before it (RFC 1035, section 4.2.2).

Both functions block. They raise OSError where the peer is gone, or too slow.
"""

from __future__ import annotations

import socket
import struct
import time


def send_message(connection: socket.socket, message: bytes, timeout_s: float) -> None:
    """Sends a message, within so many seconds."""
    connection.settimeout(timeout_s)
    connection.sendall(struct.pack("!H", len(message)) + message)


def receive_message(connection: socket.socket, deadline: float) -> bytes:
    """The next message, before the deadline: an absolute time.monotonic()."""
    length = _receive(connection, 2, deadline)
    return _receive(connection, int.from_bytes(length, "big"), deadline)


def _receive(connection: socket.socket, size: int, deadline: float) -> bytes:
    data = b""
    while len(data) < size:
        remaining_s = deadline - time.monotonic()
        if remaining_s <= 0:
            raise TimeoutError
        connection.settimeout(remaining_s)
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionResetError
        data += piece
    return data
