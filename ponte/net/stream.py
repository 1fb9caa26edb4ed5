"""A stream: a socket with the parser of what arrives on it. And what a program is.

What happens on a connection is written as a *program*: a generator that reads top-down like any
other function. Where it must wait it yields a `Wait`: what it waits for, and until when. It goes on
with True when that is ready, and with False when the deadline has passed:

    if not (yield stream, READ, deadline):
        raise socket.timeout("timed out")
    data = stream.socket.recv(RECEIVE_BYTES)        # does not block: something is there

A *driver* carries programs out. It alone knows how to wait: a thread waits for one thing
(threads.py), a loop for thousands (loop.py). `yield from` calls another program. So a program never
blocks, and does not know its driver.

Every deadline is an absolute `time.monotonic()` value. A timeout for each single read would not do:
a peer that sends one byte now and then would never run into it.
"""

from __future__ import annotations

import contextlib
import math
import select
import selectors
import socket
import ssl
import struct
import sys
import time
from collections.abc import Generator
from concurrent.futures import Future
from typing import Any, Callable, Generic, Optional, Protocol, TypeVar, Union

from ponte.net import windows
from ponte.net.address import show
from ponte.net.parser import M, Parser

# What a program waits for: a socket that can be read or written; a future that has a result; or
# nothing but its time.
READ, WRITE, DONE, NOTHING = selectors.EVENT_READ, selectors.EVENT_WRITE, 4, 0
Wait = tuple[Optional[Union["Waitable", "Future[Any]"]], int, float]
T = TypeVar("T")
Program = Generator[Wait, Optional[bool], T]

# A program that yields this lets other programs run before it goes on.
TURN: Wait = (None, NOTHING, 0.0)
# What a non-blocking socket raises when it cannot go on now. Those of TLS are OSErrors, too: so
# catch these before OSError.
WOULD_BLOCK = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
# How long a closing side waits for the other to close: a reset would destroy the last reply.
LINGER_S = 0.5
# For SO_LINGER, on and 0 seconds: a close drops what was not sent, and resets the connection. The
# structure has two numbers, which are short on Windows.
RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
# At least 16 KiB, a whole record of TLS: bytes left inside OpenSSL do not make a socket readable.
RECEIVE_BYTES = 64 * 1024


def _watch(sock: socket.socket) -> Callable[[float], object]:
    """A function that waits so many milliseconds for bytes, or the end of the stream.

    Its result is true if something has come.
    """
    if sys.platform == "win32":
        return lambda timeout_ms: windows.wait_until_readable(sock, timeout_ms / 1000)
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return poll.poll


class Watching(Protocol):
    """What watches sockets, and must know when one of them is closed: a loop."""

    def forget(self, waitable: Waitable) -> None: ...


class Waitable:
    """A socket that programs wait for: a stream, or a socket that listens.

    Threads: one at a time; `interrupt` may be called from any.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.socket = sock
        self.is_interrupted = False
        # Waits so many milliseconds until it can be read; true if it can.
        self.arrives = _watch(sock)
        # A pool keeps it, and no program uses it. Whatever arrives means that it has ended.
        self.is_idle = False
        # Used by loop.py alone: the loop, the events that it watches for, and the task that waits.
        self.loop: Watching | None = None
        self.watched = NOTHING
        self.task: Any = None

    def interrupt(self) -> None:
        """Ends the stream in both directions, so that a program which waits for it goes on."""
        # The peer may have closed it already. And not SSLSocket.shutdown: that one may be called
        # only by the thread that uses the socket.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)
        # Not on every system does that wake a thread which waits for this socket: see threads.py.
        self.is_interrupted = True

    def wrap(self, wrapped: Callable[[socket.socket], socket.socket]) -> None:
        """Goes on with another socket object for the same connection: the one of TLS.

        A loop must forget the old one while that still has its number.
        """
        self._leave_loop()
        self.socket = wrapped(self.socket)
        self.arrives = _watch(self.socket)

    def reset(self) -> None:
        """Closes at once, and drops what the system has not sent yet.

        After a plain close the system would go on to send it, for many minutes if the peer does not
        take it.
        """
        # Some systems refuse options of a connection that has ended: it is closed all the same.
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.close()

    def close(self) -> None:
        self.is_idle = False
        self._leave_loop()
        self.socket.close()

    def leave_parent(self) -> None:
        """In a forked child: closes the child's copy, of which the peer learns nothing."""
        self.is_idle, self.loop = False, None
        self.socket.close()

    def _leave_loop(self) -> None:
        if self.loop:
            self.loop.forget(self)


class Stream(Waitable, Generic[M]):
    """A connection: a socket, and the parser of the messages on it."""

    def __init__(self, sock: socket.socket, parser: Parser[M]) -> None:
        super().__init__(sock)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.parser: Parser[M] = parser
        # time.monotonic() when the last bytes came: the time at which a message was whole.
        self.received_at = 0.0
        # Set by a pool: since when it is idle.
        self.idle_since = 0.0

    def is_silent(self) -> bool:
        """Whether nothing has arrived and the stream is open: else no request may be sent on it."""
        return not self.arrives(0)

    def has_ended(self) -> bool:
        """Whether the peer has closed the connection, or its sending side, after its last message.

        Never blocks. False if bytes of a next message have come: a peer that sends its next message
        and then leaves is not noticed. Empty lines behind a message are no such bytes. A peer that
        closes only its sending side counts as gone, since this side cannot tell that from a full
        close; nginx does the same. May be called where a program that uses this stream runs, or on
        another thread while that program waits for a future.
        """
        # 1. Nothing new has come, or what has come shows that the peer was still there.
        while not self.parser.in_message and self.arrives(0):
            # 2. It may be the end. A look that takes no bytes (MSG_PEEK) does not exist with TLS,
            #    so they are read, and kept for the next `read`. That one sees the end once more.
            try:
                data = self.socket.recv(RECEIVE_BYTES)
            except WOULD_BLOCK:
                return False
            except OSError:
                return True
            if not data:
                return True
            # 3. If it is nothing but empty lines, the end may stand behind them.
            self.received_at = time.monotonic()
            self.parser.feed(data)
        return False

    def read(self, deadline: float, message_s: float | None = None) -> Program[M | None]:
        """The next message; None if the stream ended before a message began.

        `deadline` is for the whole message. With `message_s` it is for the first byte only, and
        the rest of the message then has `message_s` seconds. Raises ProtocolError, socket.timeout
        at the deadline, or another OSError for a broken stream.
        """
        parser = self.parser
        started = parser.in_message
        if started and message_s is not None:
            deadline = time.monotonic() + message_s
        while True:
            # 1. What has come may be a whole message.
            if started:
                message: M | None = parser.next_message()
                if message is not None:
                    return message
                interim = parser.take_interim()
                if interim:
                    yield from self.send(interim, deadline)
            # 2. If not, wait for more.
            if not (yield self, READ, deadline):
                raise socket.timeout("timed out")
            try:
                data = self.socket.recv(RECEIVE_BYTES)
            except WOULD_BLOCK:
                # The system reported bytes that are not there; poll(2) says that this can happen.
                continue
            if not data:
                if started:
                    raise ConnectionResetError("the stream ended in the middle of a message")
                return None
            # 3. The time of a message runs from its first byte. Empty lines are no part of it.
            self.received_at = time.monotonic()
            parser.feed(data)
            if not started and parser.in_message:
                started = True
                if message_s is not None:
                    deadline = self.received_at + message_s

    def write(self, data: bytes | memoryview) -> bytes | memoryview:
        """Sends what the system takes at once, nearly always all. Returns the rest, for `send`.

        Raises OSError; then the last byte was not sent.
        """
        try:
            sent = self.socket.send(data)
        except WOULD_BLOCK:
            sent = 0
        return memoryview(data)[sent:] if sent < len(data) else b""

    def send(self, data: bytes | memoryview, deadline: float) -> Program[None]:
        """Sends all of `data`. Raises OSError, socket.timeout at the deadline; then the last byte
        was not sent.
        """
        rest = self.write(data)
        while rest:
            # The system's buffer is full: wait until the other side reads.
            if not (yield self, WRITE, deadline):
                raise socket.timeout("timed out")
            rest = self.write(rest)

    def finish(self) -> Program[None]:
        """Closes in a way that lets the peer read the last reply; takes LINGER_S at most.

        To close a socket with unread input would reset the connection, and destroy that reply.
        """
        # The peer may have closed or reset the connection already.
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + LINGER_S
            ended = False
            while not ended and (yield self, READ, deadline):
                with contextlib.suppress(*WOULD_BLOCK):
                    ended = not self.socket.recv(RECEIVE_BYTES)
        self.close()


def result_of(future: Future[T], deadline: float = math.inf) -> Program[T]:
    """A program: waits for a future, and returns its result, or raises its exception.

    Raises socket.timeout at the deadline.
    """
    if not (yield future, DONE, deadline):
        raise socket.timeout("timed out")
    return future.result()


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
    except OSError as error:
        sock.close()
        if isinstance(error, socket.gaierror):
            raise
        raise OSError(error.errno, error.strerror, show((host, port))) from None
    return sock
