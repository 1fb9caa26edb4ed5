"""Sockets that carry HTTP/1.1 messages: one connection, and a threaded listener.

The messages themselves are ponte/net/message.py. Everything here blocks, with a deadline: an absolute
`time.monotonic()` value, so that a peer that drips bytes gains no time. Threads: a `Listener` has one for
accepting and one for each connection.

Not here, on purpose: reverse DNS (it can take half a minute) and any waiting without a limit.
"""

from __future__ import annotations

import logging
import select
import socket
import sys
import threading
import time
from collections.abc import Sequence
from typing import Callable, Generic, TypeVar

from ponte.net.address import Address
from ponte.net.message import ProtocolError, Reply, Request, encode_reply, text_reply
from ponte.net.parser import M, Parser, RequestParser
from ponte.net.tls import WOULD_BLOCK, Tls, shake_hands

log = logging.getLogger("ponte.wire")

MAX_CONNECTIONS = 512           # threads of one listener; further connections get a 503 at once
MESSAGE_TIMEOUT_S = 10.0        # from the first byte of a message to its last, however it drips
IDLE_TIMEOUT_S = 75.0           # a kept connection without a request; longer than ponte.net.pool.POOL_IDLE_S on purpose
LINGER_S = 0.5                  # how long a closing side waits for the other, so that no reset eats its reply
ACCEPT_TICK_S = 0.2             # how late an idle listener notices that it was closed
RECEIVE_BYTES = 64 * 1024



# ---- one socket -----------------------------------------------------------------------------------------

def _watch(sock: socket.socket) -> Callable[[float], Sequence[object]]:
    """A function that waits so many milliseconds for bytes or the end of the stream, and tells whether they came."""
    if sys.platform == "win32":         # has no poll, but a select that takes any socket
        return lambda timeout_ms: select.select([sock], [], [], timeout_ms / 1000)[0]
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return poll.poll


class Connection(Generic[M]):
    """A socket and the parser of what arrives on it. One thread at a time; `interrupt` may come from any.

    The socket does not block: a message mostly leaves at once, and to wait for one is a poll with the time that is
    left. (A socket with a timeout would poll before it sends, too, and every new deadline would be a system call.)
    """

    def __init__(self, sock: socket.socket, parser: Parser[M]) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        self.socket = sock
        self.parser: Parser[M] = parser
        self.received_at = 0.0          # time.monotonic() of the last bytes; a message was whole by then
        self.idle_since = 0.0           # Pool's note
        self.busy = False               # Listener's note: inside the handler; written by the connection's thread
        self._arrives = _watch(sock)

    def send(self, data: bytes, deadline: float) -> None:
        """Sends all of `data`; OSError (socket.timeout at `deadline`) means that its last byte did not leave."""
        try:
            sent = self.socket.send(data)
        except WOULD_BLOCK:
            sent = 0
        if sent < len(data):            # the system's buffer is full: wait until the other side reads
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                self.socket.sendall(memoryview(data)[sent:])
            finally:
                self.socket.setblocking(False)

    def read(self, deadline: float, message_s: float | None = None) -> M | None:
        """The next message; None if the stream ended before it began.

        `deadline` (monotonic) is for the whole message, or with `message_s` for its first byte only: the rest
        then has `message_s` seconds. Raises ProtocolError, socket.timeout, or OSError for a broken stream.
        """
        parser = self.parser
        started = parser.in_message
        if started and message_s is not None:
            deadline = time.monotonic() + message_s
        while True:
            if started:
                message: M | None = parser.next_message()
                if message is not None:
                    return message
                interim = parser.take_interim()
                if interim:
                    self.send(interim, deadline)
            data = self._receive(deadline)
            if not data:
                if started:
                    raise ConnectionResetError("the stream ended in the middle of a message")
                return None
            if not started:
                started = True
                if message_s is not None:
                    deadline = self.received_at + message_s
            parser.feed(data)

    def is_silent(self) -> bool:
        """Whether nothing has arrived and the stream has not ended: a kept connection must be so."""
        return not self._arrives(0) and not self.parser.in_message

    def _receive(self, deadline: float) -> bytes:
        """The bytes that come next, empty at the end of the stream; socket.timeout at `deadline`."""
        while True:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not self._arrives(left_s * 1000):    # the former also where every read finds a byte
                raise socket.timeout("timed out")
            try:
                data = self.socket.recv(RECEIVE_BYTES)
            except WOULD_BLOCK:
                continue                # the system was wrong (poll(2) says that it may be)
            self.received_at = time.monotonic()
            return data

    def finish(self) -> None:
        """Closes so that the peer can still read the last reply: a close with unread input would reset it."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + LINGER_S
            while time.monotonic() < deadline:
                self.socket.settimeout(LINGER_S)
                if not self.socket.recv(RECEIVE_BYTES):
                    break
        except OSError:
            pass        # the peer was faster; nothing is left to save
        self.close()

    def interrupt(self) -> None:
        """Ends the stream in both directions, so that a thread blocked on it wakes up."""
        try:
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)       # TLS's own is for the thread that uses it
        except OSError:
            pass        # already closed by the peer

    def close(self) -> None:
        self.socket.close()


# ---- listening ------------------------------------------------------------------------------------------

Handler = Callable[[Request, float], Reply]
R = TypeVar("R")
TOO_MANY = text_reply(503, "too many connections", Not_Executed="1")._replace(keep_alive=False)


def answer(handler: Callable[[Request, float], R], request: Request, received_at: float) -> R | Reply:
    """What `handler` makes of a request; what it raises becomes the reply that the caller gets."""
    try:
        return handler(request, received_at)
    except ProtocolError as error:
        return text_reply(error.status, error.reason, **error.headers)
    except Exception:
        log.exception("the handler of %s %s failed", request.method, request.target)
        return text_reply(500, "internal error")


def listen(host: str, port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """A bound socket (TCP sockets listen) that no other process can share. OSError if the port is taken."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    try:
        if sys.platform == "win32":         # there, SO_REUSEADDR would let a second process steal the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        elif kind == socket.SOCK_STREAM:    # here, it only lets us in beside connections in TIME_WAIT
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        if kind == socket.SOCK_STREAM:
            sock.listen(1024)
    except OSError:
        sock.close()
        raise
    return sock


class Listener:
    """Accepts connections and serves each in a thread of its own, request after request.

    Parameters: `handler(request, received_at)` runs on the connection's thread and returns the reply;
    `received_at` is the monotonic time at which the request was complete. It may raise ProtocolError, which is
    answered with its status; anything else that it raises is a 500.
    """

    def __init__(self, host: str, port: int, handler: Handler, *, max_connections: int = MAX_CONNECTIONS,
                 tls: Tls | None = None) -> None:
        self._handler = handler
        self._max_connections = max_connections
        self._tls = tls
        self._socket = listen(host, port)
        self._socket.settimeout(ACCEPT_TICK_S)
        self.address: Address = self._socket.getsockname()[:2]
        self._changed = threading.Condition()
        # Guarded by self._changed: the open connections, and how many threads wait for them to change.
        self._open: set[Connection[Request]] = set()
        self._waiting = 0
        self._retiring = False          # written once, read without the lock: a late reader costs one reply more
        self._closed = False
        self._thread = threading.Thread(target=self._accept_forever, name="ponte-accept", daemon=True)

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._open)

    def start(self) -> None:
        self._thread.start()

    def retire(self) -> None:
        """From now on every reply ends its connection, so that nobody is cut off between two calls."""
        self._retiring = True

    def wait_until_quiet(self, timeout_s: float, *, idle_too: bool = False) -> bool:
        """Blocks until no request is running (`idle_too`: until no connection is open); False after `timeout_s`."""
        with self._changed:
            self._waiting += 1
            try:
                return self._changed.wait_for(lambda: self._is_quiet(idle_too), timeout_s)
            finally:
                self._waiting -= 1

    def close(self, grace_s: float = 0.0) -> None:
        """Stops accepting, ends idle connections, gives running requests `grace_s`, then cuts them off."""
        self._retiring = self._closed = True
        try:
            self._socket.shutdown(socket.SHUT_RDWR)     # wakes the accepting thread, where the system is so kind
        except OSError:
            pass        # elsewhere it wakes within ACCEPT_TICK_S
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()
        with self._changed:
            idle = [connection for connection in self._open if not connection.busy]
        for connection in idle:
            connection.interrupt()
        self.wait_until_quiet(grace_s)
        with self._changed:
            remaining = list(self._open)
        for connection in remaining:
            connection.interrupt()

    def _is_quiet(self, idle_too: bool) -> bool:
        """Whether no request runs, or no connection is open. Caller holds self._changed."""
        return not (self._open if idle_too else any(connection.busy for connection in self._open))

    def _accept_forever(self) -> None:
        while not self._closed:
            try:
                sock, _ = self._socket.accept()
            except socket.timeout:
                continue
            except OSError as error:        # closed, out of file descriptors, or the peer left already
                if self._closed:
                    return
                log.warning("accept failed: %s", error)
                time.sleep(0.01)
                continue
            self._welcome(sock)

    def _welcome(self, sock: socket.socket) -> None:
        try:
            connection = Connection(self._tls.wrap_accepted(sock) if self._tls else sock, RequestParser())
        except OSError:             # it broke before we could greet it
            sock.close()
            return
        with self._changed:
            full = len(self._open) >= self._max_connections
            if not full:
                self._open.add(connection)
        if full:
            self._turn_away(connection)
            return
        thread = threading.Thread(target=self._serve, args=(connection,), name="ponte-connection", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:       # the system has no thread left for us
            log.warning("no thread for a connection: %s", error)
            self._turn_away(connection)
            with self._changed:
                self._open.discard(connection)

    def _turn_away(self, connection: Connection[Request]) -> None:
        try:
            connection.send(encode_reply(TOO_MANY), time.monotonic())
        except OSError:
            pass        # the peer left without waiting to be turned away
        connection.close()

    def _serve(self, connection: Connection[Request]) -> None:
        try:
            if self._greet(connection):
                while not self._closed and self._serve_one(connection):
                    pass
        except (OSError, ValueError) as error:      # ValueError: the socket was closed under us
            log.debug("connection ended: %s", error)
        finally:
            connection.close()
            with self._changed:
                self._open.discard(connection)
                self._changed.notify_all()

    def _greet(self, connection: Connection[Request]) -> bool:
        """Makes the handshake of TLS, if there is one; whether it was made."""
        try:
            shake_hands(connection.socket, time.monotonic() + MESSAGE_TIMEOUT_S)
        except OSError as error:
            log.debug("no handshake: %s", error)
            connection.finish()     # who is refused reads why, also if his request is on its way already
            return False
        return True

    def _serve_one(self, connection: Connection[Request]) -> bool:
        """Reads one request and answers it; whether the connection may go on."""
        try:
            request = connection.read(time.monotonic() + IDLE_TIMEOUT_S, MESSAGE_TIMEOUT_S)
        except ProtocolError as error:
            return self._refuse(connection, error.status, error.reason)
        except socket.timeout:
            if not connection.parser.in_message:
                return False
            return self._refuse(connection, 408, "the request took too long to arrive")
        if request is None:
            return False
        connection.busy = True
        try:
            reply = answer(self._handler, request, connection.received_at)
            if not request.keep_alive or reply.status >= 400 or self._retiring:
                reply = reply._replace(keep_alive=False)
            connection.send(encode_reply(reply), time.monotonic() + MESSAGE_TIMEOUT_S)
        finally:
            connection.busy = False
            if self._waiting:       # looked at after the flag is down: who begins to wait now sees it down
                with self._changed:
                    self._changed.notify_all()
        if not reply.keep_alive:
            connection.finish()
        return reply.keep_alive

    def _refuse(self, connection: Connection[Request], status: int, reason: str) -> bool:
        log.info("refused a request: %d %s", status, reason)
        reply = text_reply(status, reason)._replace(keep_alive=False)
        connection.send(encode_reply(reply), time.monotonic() + LINGER_S)
        connection.finish()
        return False
