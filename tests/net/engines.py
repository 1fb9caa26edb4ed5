"""What the tests of the proxy's engines share: an engine of either kind, and peers under control.

A class of tests is written once, as a mixin of `EngineCase`, and runs with each engine: `OfThreads`
and `OfEvents`.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import struct
import sys
import threading
import time
import unittest
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Callable, Union
from unittest import mock

from ponte.calls.hop import Result
from ponte.calls.rule import Attempt, Outcome
from ponte.net import events, pool, wire
from ponte.net.address import Address
from ponte.net.events import EventEngine
from ponte.net.message import (
    MAX_BODY_BYTES,
    Reply,
    Request,
    encode_reply,
    encode_request,
    text_reply,
)
from ponte.net.parser import ReplyParser, RequestParser
from ponte.net.threads import Begin, Relay, ThreadEngine
from ponte.net.wire import Connection, listen
from tests.fakes import endpoint
from tests.net.test_wire import PATIENCE_S, POST, connect, echo, soon

if sys.platform == "win32":
    # Windows has no limit of file descriptors.
    resource: Any = None
else:
    import resource

if TYPE_CHECKING:
    Case = unittest.TestCase
else:
    # The tests run in the concrete classes below, not by themselves.
    Case = object

Engine = Union[ThreadEngine, EventEngine]

# Stands in for limits of many seconds.
SOON_S = 0.05
ONE_MIB = b"x" * MAX_BODY_BYTES
CLOSING = encode_reply(Reply(200, {}, b"bye", keep_alive=False))


def post(target: str = "/greeter", body: bytes = b"hello") -> bytes:
    return encode_request("POST", target, {"Host": "here"}, body)


class Trying:
    """A relay that tries addresses in turn until one answers, and keeps the results."""

    def __init__(self, *addresses: Address, message: bytes = POST,
                 timeout_s: float = PATIENCE_S) -> None:
        self.results: list[Result] = []
        self.ended = threading.Event()
        self._addresses = list(addresses)
        self._message = message
        self._timeout_s = timeout_s
        self._is_trying = False

    @property
    def result(self) -> Result:
        """The result of its latest attempt."""
        return self.results[-1]

    @property
    def reply(self) -> Reply:
        came = self.result.reply
        return Reply(came.status, {}, came.body) if came else text_reply(502, self.result.what)

    def next_attempt(self, now: float) -> tuple[Attempt, bytes] | None:
        if self._is_trying:
            raise AssertionError("the previous attempt was not settled")
        if not self._addresses or (self.results and self.result.outcome is Outcome.ANSWERED):
            self.ended.set()
            return None
        host, port = self._addresses.pop(0)
        self._is_trying = True
        server = endpoint("server")._replace(host=host, port=port)
        return Attempt(server, 1, self._timeout_s, False), self._message

    def settle(self, result: Result, now: float) -> None:
        if not self._is_trying:
            raise AssertionError("it was settled already")
        self._is_trying = False
        self.results.append(result)


class Mute:
    """A server that a test plays: it accepts, reads and answers only when the test does so."""

    def __init__(self) -> None:
        self._socket = listen("127.0.0.1", 0)
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
    def asked(self) -> Iterator[Connection[Request]]:
        """The next connection, on which a whole request has come."""
        with self.accept() as sock:
            connection: Connection[Request] = Connection(sock, RequestParser())
            if connection.read(soon()) is None:
                raise AssertionError("no request")
            yield connection


class EngineCase(Case):
    """Engines to run, and callers of them."""

    make: Callable[..., Engine]

    def setUp(self) -> None:
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        died = mock.patch("threading.excepthook")
        self.died = died.start()
        self.addCleanup(died.stop)
        self.addCleanup(self.died.assert_not_called)

    @contextlib.contextmanager
    def running(self, begin: Begin = echo, **options: Any) -> Iterator[Engine]:
        made = self.make("127.0.0.1", 0, begin, **options)
        made.start()
        try:
            yield made
        finally:
            made.close()

    def limit(self, name: str, seconds: float = SOON_S) -> None:
        """Gives a limit of both engines another value, by default a short one."""
        for module in (wire, pool, events):
            if hasattr(module, name):
                patch = mock.patch.object(module, name, seconds)
                patch.start()
                self.addCleanup(patch.stop)

    def exchange(self, address: Address, requests: bytes) -> list[Reply]:
        """Sends requests on a new connection, ends its sending side, and returns all replies."""
        with contextlib.closing(connect(address)) as connection:
            connection.send(requests, soon())
            connection.socket.shutdown(socket.SHUT_WR)
            replies = []
            while (reply := connection.read(soon())) is not None:
                replies.append(reply)
            return replies

    def carry_out(self, *relays: Relay) -> list[Reply]:
        """The replies to calls that these relays carry out, one after another, in one engine."""
        begun = iter(relays)
        with self.running(lambda request, at: next(begun)) as engine, \
                contextlib.closing(connect(engine.address)) as caller:
            return [self.ask(caller) for _ in relays]

    def ask(self, caller: Connection[Reply], request: bytes = POST) -> Reply:
        caller.send(request, soon())
        reply = caller.read(soon())
        assert reply, "the stream ended before a reply"
        return reply

    def wait_for_end(self, engine: Engine) -> None:
        """No call is running and no connection is open."""
        self.assertTrue(engine.wait_until_quiet(PATIENCE_S), "no call is running")
        self.assertTrue(engine.wait_until_quiet(PATIENCE_S, idle_too=True), "no connection is open")


class OfThreads:
    """The engine of ponte/net/threads.py."""

    make = staticmethod(ThreadEngine)


class OfEvents:
    """The engine of ponte/net/events.py."""

    make = staticmethod(EventEngine)


# ---- peers -----------------------------------------------------------------------------------

def receive(connection: Connection[Request] | Connection[Reply], size: int) -> bytes:
    """What has come, without the parser; waits for its first byte."""
    if not select.select([connection.socket], [], [], PATIENCE_S)[0]:
        raise AssertionError("nothing has come")
    return connection.socket.recv(size)


def swallow(sock: socket.socket, size: int) -> None:
    """Reads so many bytes, which may be more than any parser would take."""
    while size:
        size -= len(sock.recv(size)) or size


def reset(sock: socket.socket) -> None:
    """Ends a connection by a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@contextlib.contextmanager
def slow_reader(address: Address) -> Iterator[Connection[Reply]]:
    """A caller that has room for a few KiB only, so that long replies reach it in many pieces."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(PATIENCE_S)
        sock.connect(address)
        yield Connection(sock, ReplyParser())


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
        raise unittest.SkipTest("no limit of file descriptors on Windows")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as next_free:
        lowest = next_free.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def wait_for(condition: Callable[[], bool]) -> None:
    end = soon()
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("not in time")
        threading.Event().wait(0.001)
