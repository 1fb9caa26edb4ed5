"""Sockets that carry HTTP/1.1 messages: one connection, and a listener with threads.

What is on the sockets is in message.py and parser.py. Everything here blocks, but not for ever:
each operation has a deadline, an absolute `time.monotonic()` value. A timeout for each single read
would not do: a peer that sends one byte now and then would never run into it.

Threads: a `Listener` has one for accepting, and one for each connection.

Not here, on purpose: reverse DNS, which can take half a minute.
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

# Threads of one listener. Further connections get a 503 at once: with more threads, memory and the
# time for switching between them would grow without a limit.
MAX_CONNECTIONS = 512
# From the first byte of a message to its last, however slowly it comes. A shorter time cuts off
# slow links; a longer one lets a silent caller hold a thread for longer.
MESSAGE_TIMEOUT_S = 10.0
# A kept connection without a request. Longer than pool.POOL_IDLE_S: by then no pool uses it any
# more, so no request arrives on a connection that is just being closed.
IDLE_TIMEOUT_S = 75.0
# How long a closing side waits for the other to close: a reset would destroy the last reply.
LINGER_S = 0.5
# How late an idle listener notices that it was closed. Shorter ticks cost processor time.
ACCEPT_TICK_S = 0.2
RECEIVE_BYTES = 64 * 1024


# ---- one socket ------------------------------------------------------------------------------

def _watch(sock: socket.socket) -> Callable[[float], Sequence[object]]:
    """A function that waits so many milliseconds for bytes, or the end of the stream.

    Its result is true if something has come.
    """
    # Windows has no poll, but its select takes any socket.
    if sys.platform == "win32":
        return lambda timeout_ms: select.select([sock], [], [], timeout_ms / 1000)[0]
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return poll.poll


class Connection(Generic[M]):
    """A socket and the parser of what arrives on it.

    Threads: one at a time; `interrupt` may be called from any.

    The socket is non-blocking: a message can nearly always be sent at once, and to wait for one is
    a poll with the time that remains. (A socket with a timeout would poll before each send, too,
    and each new deadline would be a system call.)
    """

    def __init__(self, sock: socket.socket, parser: Parser[M]) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        self.socket = sock
        self.parser: Parser[M] = parser
        # time.monotonic() when the last bytes came: the time at which a message was whole.
        self.received_at = 0.0
        # Set by `Pool`: when the connection was last used.
        self.idle_since = 0.0
        # Set by `Listener`, on the connection's thread: a request is being handled.
        self.busy = False
        self._arrives = _watch(sock)

    def send(self, data: bytes, deadline: float) -> None:
        """Sends all of `data`; blocks until `deadline` at most.

        Raises OSError (socket.timeout at the deadline). Then the last byte was not sent.
        """
        try:
            sent = self.socket.send(data)
        except WOULD_BLOCK:
            sent = 0
        # The system's buffer is full: wait until the other side reads.
        if sent < len(data):
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                self.socket.sendall(memoryview(data)[sent:])
            finally:
                self.socket.setblocking(False)

    def read(self, deadline: float, message_s: float | None = None) -> M | None:
        """The next message; None if the stream ended before a message began. Blocks.

        `deadline` is for the whole message. With `message_s` it is for the first byte only, and
        the rest of the message then has `message_s` seconds. Raises ProtocolError, socket.timeout
        at the deadline, or another OSError for a broken stream.
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
        """Whether nothing has arrived and the stream is open: else no request may be sent on it."""
        return not self._arrives(0) and not self.parser.in_message

    def _receive(self, deadline: float) -> bytes:
        """The next bytes, or b"" at the end of the stream. Raises socket.timeout at `deadline`."""
        while True:
            # The first check ends a message of which every read finds one byte more.
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0 or not self._arrives(remaining_s * 1000):
                raise socket.timeout("timed out")
            try:
                data = self.socket.recv(RECEIVE_BYTES)
            except WOULD_BLOCK:
                # The poll reported bytes that are not there; poll(2) says that this can happen.
                continue
            self.received_at = time.monotonic()
            return data

    def finish(self) -> None:
        """Closes in a way that lets the peer read the last reply. Blocks for LINGER_S at most.

        To close a socket with unread input would reset the connection, and destroy that reply.
        """
        try:
            self.socket.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + LINGER_S
            while time.monotonic() < deadline:
                self.socket.settimeout(LINGER_S)
                if not self.socket.recv(RECEIVE_BYTES):
                    break
        except OSError:
            # The peer has closed or reset the connection already.
            pass
        self.close()

    def interrupt(self) -> None:
        """Ends the stream in both directions, so that a thread that is blocked on it wakes up."""
        try:
            # Not SSLSocket.shutdown: that one may be called only by the thread that uses the
            # socket.
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)
        except OSError:
            # The peer has closed it already.
            pass

    def close(self) -> None:
        self.socket.close()


# ---- listening -------------------------------------------------------------------------------

Handler = Callable[[Request, float], Reply]
R = TypeVar("R")
TOO_MANY = text_reply(503, "too many connections", Not_Executed="1")._replace(keep_alive=False)


def answer(handler: Callable[[Request, float], R], request: Request,
           received_at: float) -> R | Reply:
    """The result of `handler` for a request. If it raises, the result is a reply that says so."""
    try:
        return handler(request, received_at)
    except ProtocolError as error:
        return text_reply(error.status, error.reason, **error.headers)
    except Exception:
        log.exception("the handler of %s %s failed", request.method, request.target)
        return text_reply(500, "internal error")


def listen(host: str, port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """A bound socket that no other process can share; a TCP socket listens, too.

    Raises OSError if the port is taken.
    """
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    try:
        # On Windows, SO_REUSEADDR would let a second process take over the port. On other systems
        # it only allows to bind a port that old connections still hold in the state TIME_WAIT.
        if sys.platform == "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        elif kind == socket.SOCK_STREAM:
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

    Parameters: `handler(request, received_at)` runs on the connection's thread and returns the
    reply; `received_at` is the monotonic time at which the request was complete. It may raise
    ProtocolError, which is answered with its status; any other exception is answered with a 500.
    """

    def __init__(self, host: str, port: int, handler: Handler, *,
                 max_connections: int = MAX_CONNECTIONS, tls: Tls | None = None) -> None:
        self._handler = handler
        self._max_connections = max_connections
        self._tls = tls
        self._socket = listen(host, port)
        self._socket.settimeout(ACCEPT_TICK_S)
        self.address: Address = self._socket.getsockname()[:2]
        self._changed = threading.Condition()
        # Guarded by self._changed: the open connections, and how many threads wait for a change.
        self._open: set[Connection[Request]] = set()
        self._waiting = 0
        # Set once, read without the lock: a thread that reads the old value sends one more reply
        # that keeps its connection.
        self._retiring = False
        # Set once, read without the lock: `close` wakes the threads that do not look at it.
        self._closed = False
        self._thread = threading.Thread(target=self._accept_forever, name="ponte-accept",
                                        daemon=True)

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._open)

    def start(self) -> None:
        self._thread.start()

    def retire(self) -> None:
        """From now on each connection is closed after its next reply: never between two calls."""
        self._retiring = True

    def wait_until_quiet(self, timeout_s: float, *, idle_too: bool = False) -> bool:
        """Blocks until no request is running, or with `idle_too`, until no connection is open.

        Returns False if that takes longer than `timeout_s`.
        """
        with self._changed:
            self._waiting += 1
            try:
                return self._changed.wait_for(lambda: self._is_quiet(idle_too), timeout_s)
            finally:
                self._waiting -= 1

    def close(self, grace_s: float = 0.0) -> None:
        """Stops accepting, ends idle connections, and cuts off running requests after `grace_s`."""
        # 1. Nothing new: the accepting thread ends. On some systems `shutdown` wakes it; on the
        #    others it wakes within ACCEPT_TICK_S.
        self._retiring = self._closed = True
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()
        # 2. Idle connections end.
        with self._changed:
            idle = [connection for connection in self._open if not connection.busy]
        for connection in idle:
            connection.interrupt()
        # 3. Running requests have their grace, and are cut off.
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
            except OSError as error:
                # This listener was closed, no file descriptor is free, or the peer has left
                # already.
                if self._closed:
                    return
                log.warning("accept failed: %s", error)
                time.sleep(0.01)
                continue
            self._welcome(sock)

    def _welcome(self, sock: socket.socket) -> None:
        try:
            connection = Connection(self._tls.wrap_accepted(sock) if self._tls else sock,
                                    RequestParser())
        except OSError:
            # The connection broke right after it was accepted.
            sock.close()
            return
        with self._changed:
            full = len(self._open) >= self._max_connections
            if not full:
                self._open.add(connection)
        if full:
            self._turn_away(connection)
            return
        thread = threading.Thread(target=self._serve, args=(connection,), name="ponte-connection",
                                  daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            # The system gives this process no more threads.
            log.warning("no thread for a connection: %s", error)
            self._turn_away(connection)
            with self._changed:
                self._open.discard(connection)

    def _turn_away(self, connection: Connection[Request]) -> None:
        try:
            connection.send(encode_reply(TOO_MANY), time.monotonic())
        except OSError:
            # The peer has left already.
            pass
        connection.close()

    def _serve(self, connection: Connection[Request]) -> None:
        try:
            if self._greet(connection):
                while not self._closed and self._serve_one(connection):
                    pass
        except (OSError, ValueError) as error:
            # ValueError: another thread has closed the socket.
            log.debug("connection ended: %s", error)
        finally:
            connection.close()
            with self._changed:
                self._open.discard(connection)
                self._changed.notify_all()

    def _greet(self, connection: Connection[Request]) -> bool:
        """Makes the TLS handshake, if there is one. Returns whether it succeeded."""
        try:
            shake_hands(connection.socket, time.monotonic() + MESSAGE_TIMEOUT_S)
        except OSError as error:
            log.debug("no handshake: %s", error)
            # The peer can read why it was refused, also if it has sent its request already.
            connection.finish()
            return False
        return True

    def _serve_one(self, connection: Connection[Request]) -> bool:
        """Reads one request and answers it. Returns whether the connection stays open."""
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
            # The order matters: a thread that begins to wait after the check below sees the new
            # flag.
            connection.busy = False
            if self._waiting:
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
