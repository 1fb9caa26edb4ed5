"""Calling out: requests on connections that are kept open for the next one.

An exchange is one request and its whole reply, by a deadline. Whatever goes wrong is an `ExchangeError`, which tells
whether the request can have been carried out: rule R (ponte/calls/rule.py) asks for nothing else.

Threads: a `Pool` has none and serves any number.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from typing import Callable

from ponte.net.address import Address
from ponte.net.message import ProtocolError, Reply
from ponte.net.parser import Parser, ReplyParser
from ponte.net.tls import Tls, shake_hands, why_refused
from ponte.net.wire import Connection

POOL_IDLE_S = 30.0              # a pooled connection unused for this long is not trusted any more
POOL_PER_ADDRESS = 256          # idle connections kept for one address


class ExchangeError(OSError):
    """A request got no reply. `sent` tells which of rule R's outcomes that is: False is definite.

    Attributes: `sent` (the last byte of the request may have left), `timed_out`, `cause`, and `phase`, one of
    "connect", "send" and "reply".
    """

    def __init__(self, phase: str, cause: Exception) -> None:
        self.phase = phase
        self.cause = cause
        self.sent = phase == "reply"
        self.timed_out = isinstance(cause, socket.timeout)
        reason = "timed out" if self.timed_out else (why_refused(cause) or getattr(cause, "strerror", None)
                                                     or str(cause))
        super().__init__(f"{phase}: {reason}")


class Pool:
    """Connections kept open for the next request, by address. Safe to share between threads.

    `new_parser` makes the reader of a connection's replies, and so says how long these may be.
    """

    def __init__(self, tls: Tls | None = None, new_parser: Callable[[], Parser[Reply]] = ReplyParser) -> None:
        self._tls = tls
        self._new_parser = new_parser
        self._lock = threading.Lock()
        # Guarded by self._lock: idle connections, the last used at the right; and those inside an exchange.
        self._idle: dict[Address, deque[Connection[Reply]]] = {}
        self._in_use: set[Connection[Reply]] = set()
        self._closed = False

    def exchange(self, address: Address, request: bytes, deadline: float) -> Reply:
        """Sends one request and reads its whole reply, by `deadline` (monotonic). Raises ExchangeError.

        A kept connection on which the send fails is replaced by a fresh one: the request's last byte did
        not leave, so nobody can have run it.
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
        """Closes the idle connections to all other addresses: who drains waits for us to hang up."""
        with self._lock:
            gone = [self._idle.pop(address) for address in self._idle.keys() - addresses]
        for connections in gone:
            for connection in connections:
                connection.close()

    def close(self) -> None:
        """Closes every connection; an exchange that is under way ends with an ExchangeError."""
        with self._lock:
            self._closed = True
            in_use = list(self._in_use)
        self.keep_only(set())
        for connection in in_use:
            connection.interrupt()

    def _read_reply(self, address: Address, connection: Connection[Reply], deadline: float) -> Reply:
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
        except (OSError, UnicodeError, ValueError) as error:    # UnicodeError: a name that DNS cannot have
            if sock:
                sock.close()
            raise ExchangeError("connect", error) from error
        with self._lock:
            self._in_use.add(connection)
            if self._closed:
                connection.interrupt()
        return connection
