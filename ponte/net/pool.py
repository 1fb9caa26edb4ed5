"""Requests to others, on connections that are kept open for the next request.

An exchange is one request and its whole reply, by a deadline. Every failure is an `ExchangeError`,
which says whether the request may have been carried out: rule R (ponte/calls/rule.py) needs nothing
else.

Threads: a `Pool` has none of its own; any number of threads may share it.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Callable

from ponte.net.address import Address
from ponte.net.message import ProtocolError, Reply
from ponte.net.parser import Parser, ReplyParser
from ponte.net.tls import Tls, shake_hands, why_refused
from ponte.net.wire import Connection

# A connection that was idle for longer is not used any more: a firewall or NAT on the way may have
# forgotten it. Shorter than the time after which servers close idle connections
# (wire.IDLE_TIMEOUT_S).
POOL_IDLE_S = 30.0
# Idle connections kept for one address. Each costs a file descriptor on both sides.
POOL_PER_ADDRESS = 256


class ExchangeError(OSError):
    """A request got no reply.

    Attributes: `phase`, in which the exchange failed: "connect", "send" or "reply"; `sent`, whether
    the last byte of the request may have been sent: if not, the outcome is "not sent" for certain;
    `timed_out`; `cause`, the error that was raised.
    """

    def __init__(self, phase: str, cause: Exception) -> None:
        self.phase = phase
        self.cause = cause
        self.sent = phase == "reply"
        self.timed_out = isinstance(cause, socket.timeout)
        if self.timed_out:
            reason = "timed out"
        else:
            reason = why_refused(cause) or getattr(cause, "strerror", None) or str(cause)
        super().__init__(f"{phase}: {reason}")


class Pool:
    """Connections kept open for the next request, by address. Safe to share between threads.

    Parameters: `tls`, if the connections use it; `new_parser` makes the parser of the replies on a
    connection, which has the limit of their length.
    """

    def __init__(self, tls: Tls | None = None,
                 new_parser: Callable[[], Parser[Reply]] = ReplyParser) -> None:
        self._tls = tls
        self._new_parser = new_parser
        self._lock = threading.Lock()
        # Guarded by self._lock: idle connections, the last used at the right; connections in an
        # exchange; whether `close` was called.
        self._idle: dict[Address, deque[Connection[Reply]]] = {}
        self._in_use: set[Connection[Reply]] = set()
        self._closed = False

    def exchange(self, address: Address, request: bytes, deadline: float) -> Reply:
        """Sends one request and reads its whole reply. Blocks until `deadline` (monotonic) at most.

        Raises ExchangeError, and nothing else. If the send fails on a kept connection, a fresh one
        is tried: the request's last byte was not sent, so no server can have run it.
        """
        while True:
            kept = self._take(address)
            connection = kept or self._connect(address, deadline)
            try:
                connection.send(request, deadline)
            except OSError as error:
                self._discard(connection)
                if kept and not isinstance(error, socket.timeout):
                    continue
                raise ExchangeError("send", error) from error
            return self._read_reply(address, connection, deadline)

    def keep_only(self, addresses: set[Address]) -> None:
        """Closes the idle connections to all other addresses.

        A draining server waits until its callers close their connections.
        """
        with self._lock:
            gone = [self._idle.pop(address) for address in self._idle.keys() - addresses]
        for connections in gone:
            for connection in connections:
                connection.close()

    def close(self) -> None:
        """Closes every connection. Running exchanges end with an ExchangeError."""
        with self._lock:
            self._closed = True
            in_use = list(self._in_use)
        self.keep_only(set())
        for connection in in_use:
            connection.interrupt()

    def _read_reply(self, address: Address, connection: Connection[Reply],
                    deadline: float) -> Reply:
        try:
            reply = connection.read(deadline)
            if reply is None:
                raise ConnectionResetError("the stream ended before a reply")
            if connection.parser.in_message:
                raise ProtocolError(502, "more bytes than one reply")
        except (OSError, ProtocolError) as error:
            self._discard(connection)
            raise ExchangeError("reply", error) from error
        if reply.keep_alive:
            self._give_back(address, connection)
        else:
            self._discard(connection)
        return reply

    def _take(self, address: Address) -> Connection[Reply] | None:
        """A kept connection that can still be used, or None."""
        while True:
            with self._lock:
                idle = self._idle.get(address)
                if not idle:
                    return None
                connection = idle.pop()
                self._in_use.add(connection)
            if time.monotonic() - connection.idle_since < POOL_IDLE_S and connection.is_silent():
                return connection
            self._discard(connection)

    def _give_back(self, address: Address, connection: Connection[Reply]) -> None:
        connection.idle_since = time.monotonic()
        with self._lock:
            self._in_use.discard(connection)
            idle = self._idle.get(address)
            if idle is None:
                idle = self._idle[address] = deque()
            if not self._closed and len(idle) < POOL_PER_ADDRESS:
                idle.append(connection)
                return
        connection.close()

    def _discard(self, connection: Connection[Reply]) -> None:
        with self._lock:
            self._in_use.discard(connection)
        connection.close()

    def _connect(self, address: Address, deadline: float) -> Connection[Reply]:
        sock = None
        try:
            sock = socket.create_connection(address, max(deadline - time.monotonic(), 0.001))
            if self._tls:
                sock = self._tls.wrap_connected(sock, address[0])
                shake_hands(sock, deadline)
            connection = Connection(sock, self._new_parser())
        except (OSError, UnicodeError, ValueError) as error:
            # UnicodeError and ValueError: a name that DNS cannot have.
            if sock:
                sock.close()
            raise ExchangeError("connect", error) from error
        with self._lock:
            self._in_use.add(connection)
            if self._closed:
                connection.interrupt()
        return connection
