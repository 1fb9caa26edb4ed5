"""What the tests of connections share: messages, and peers under control.

A test waits with the driver of threads: each wait blocks it, PATIENCE_S at most.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import threading
import time
import unittest
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Generic

from ponte.net.address import Address
from ponte.net.message import (
    MAX_BODY_BYTES,
    Reply,
    Request,
    encode_reply,
    encode_request,
)
from ponte.net.parser import M, Parser, ReplyParser, RequestParser
from ponte.net.stream import RESET, Stream, listen
from ponte.net.threads import wait_for
from tests.windows import WINE

if sys.platform == "win32":
    # Windows has no limit of file descriptors.
    resource: Any = None
else:
    import resource

# How long anything here may take before the test fails.
PATIENCE_S = 5.0
# Stands in for limits of many seconds.
SOON_S = 0.05
OK = encode_reply(Reply(200, {}, b"ok"))
CLOSING = encode_reply(Reply(200, {}, b"bye", keep_alive=False))
POST = encode_request("POST", "/greeter", {"Host": "here"}, b"hello")
ONE_MIB = b"x" * MAX_BODY_BYTES
# Name, and what a server sends in place of a whole reply.
BROKEN_REPLIES = (
    ("nothing", b""),
    ("half a head", OK[:10]),
    ("half a body", OK[:-1]),
    ("garbage", b"garbage\r\n"),
    ("no length", b"HTTP/1.1 200 OK\r\n\r\nok"),
    ("too much", OK + b"x"),
    ("two replies", OK + OK),
)


def post(target: str = "/greeter", body: bytes = b"hello") -> bytes:
    return encode_request("POST", target, {"Host": "here"}, body)


def echo(request: Request, *_: object) -> Reply:
    return Reply(200, {}, request.body)


# ---- time

def soon() -> float:
    return time.monotonic() + PATIENCE_S


# ---- connections

class Connection(Generic[M]):
    """A stream that a test uses like a file: it blocks."""

    def __init__(self, sock: socket.socket, parser: Parser[M]) -> None:
        self.socket = sock
        self.stream: Stream[M] = Stream(sock, parser)

    def read(self, deadline: float, message_s: float | None = None) -> M | None:
        """The next message; None at the end of the stream."""
        return wait_for(self.stream.read(deadline, message_s))

    def send(self, data: bytes, deadline: float) -> None:
        wait_for(self.stream.send(data, deadline))

    def close(self) -> None:
        self.stream.close()


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of one connection."""
    with contextlib.closing(listen("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname(), PATIENCE_S)
        ours, _ = listening.accept()
        return ours, theirs


def connect(address: Address) -> Connection[Reply]:
    return Connection(socket.create_connection(address, PATIENCE_S), ReplyParser())


def connected(address: Address) -> contextlib.closing[Connection[Reply]]:
    """A connection that is closed at the end of its block."""
    return contextlib.closing(connect(address))


@contextlib.contextmanager
def slow_reader(address: Address) -> Iterator[Connection[Reply]]:
    """A caller that has room for a few KiB only, so that long replies reach it in many pieces."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(PATIENCE_S)
        sock.connect(address)
        yield Connection(sock, ReplyParser())


def is_readable(connection: Connection[Any], within_s: float) -> bool:
    """Whether bytes, or the end of the stream, come within so many seconds."""
    return bool(select.select([connection.socket], [], [], within_s)[0])


def receive(connection: Connection[Any], size: int) -> bytes:
    """What has come, without the parser; waits for its first byte."""
    if not is_readable(connection, PATIENCE_S):
        raise AssertionError("nothing has come")
    return connection.socket.recv(size)


def swallow(sock: socket.socket, size: int) -> None:
    """Reads so many bytes, which may be more than any parser would take."""
    while size:
        size -= len(sock.recv(size)) or size


def reset(sock: socket.socket) -> None:
    """Ends a connection by a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def ends_by_a_reset(sock: socket.socket) -> int:
    """Reads until a reset comes, and returns how many bytes came before it."""
    size = 0
    try:
        while data := sock.recv(64 * 1024):
            size += len(data)
        if WINE:
            # It sends an ordinary end before each reset. Only after the reset, to send is an error.
            time.sleep(SOON_S)
            sock.send(b"x")
    except ConnectionResetError:
        return size
    raise AssertionError(f"an ordinary end, after {size} bytes")


def wait_until_refused(address: Address) -> None:
    end = soon()
    while time.monotonic() < end:
        try:
            socket.create_connection(address, PATIENCE_S).close()
        except OSError:
            return
    raise AssertionError("it still accepts")


@contextlib.contextmanager
def no_file_descriptors() -> Iterator[None]:
    """Inside of it, this process can open nothing."""
    if sys.platform == "win32":
        raise unittest.SkipTest("not on Windows: there is no limit of file descriptors")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as next_free:
        lowest = next_free.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# ---- servers

class Peer:
    """A server on loopback that answers each request with the next of its scripts, unchanged."""

    def __init__(self, *scripts: bytes) -> None:
        self._socket = listen("127.0.0.1", 0)
        self.address: Address = self._socket.getsockname()
        self.accepted = 0
        self._scripts = scripts
        # Set once, before the last connection.
        self._closed = False
        self._socket.settimeout(PATIENCE_S)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        with contextlib.suppress(OSError), socket.socket() as last:
            # A last connection wakes the thread that accepts. Nothing else does so on Windows.
            last.settimeout(PATIENCE_S)
            last.connect(self.address)
        self._thread.join(PATIENCE_S)
        self._socket.close()

    def _run(self) -> None:
        """A new connection for every script; only after OK the connection goes on."""
        scripts = list(self._scripts)
        while scripts:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            if self._closed:
                sock.close()
                return
            self.accepted += 1
            # A caller that gives its exchange up resets its connection.
            with sock, contextlib.suppress(ConnectionResetError):
                connection: Connection[Request] = Connection(sock, RequestParser())
                stays = True
                while scripts and stays and connection.read(soon()) is not None:
                    script = scripts.pop(0)
                    stays = script == OK
                    sock.sendall(script)


class Mute:
    """A server that a test plays: it accepts, reads and answers only when the test does so."""

    def __init__(self, *, buffer_bytes: int = 0) -> None:
        self._socket = listen("127.0.0.1", 0)
        if buffer_bytes:
            # For its connections, too: of what it does not read, the rest stays with the sender.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        self._socket.settimeout(PATIENCE_S)
        self.address: Address = self._socket.getsockname()

    def __enter__(self) -> Mute:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """From now on it refuses connections."""
        self._socket.close()

    def accept(self) -> socket.socket:
        """The next connection."""
        sock, _ = self._socket.accept()
        sock.settimeout(PATIENCE_S)
        return sock

    @contextlib.contextmanager
    def accepting(self) -> Iterator[Callable[[], socket.socket]]:
        """Accepts the next connection as soon as it comes; the block gets it by a call.

        For a connection that ends soon: after its end, some systems do not give it out.
        """
        with ThreadPoolExecutor(1) as other:
            accepted = other.submit(self.accept)
            yield accepted.result

    @contextlib.contextmanager
    def asked(self) -> Iterator[Connection[Request]]:
        """The next connection, on which a whole request has come."""
        with self.accept() as sock:
            connection: Connection[Request] = Connection(sock, RequestParser())
            if connection.read(soon()) is None:
                raise AssertionError("no request")
            yield connection
