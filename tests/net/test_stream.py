"""Connections and the listener: on loopback, each wait with a deadline."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
import time
import unittest
from collections.abc import Iterator
from typing import Any, cast
from unittest import mock

from ponte.net import wire
from ponte.net.address import Address
from ponte.net.message import (
    CONTINUE,
    MAX_BODY_BYTES,
    ProtocolError,
    Reply,
    Request,
    encode_reply,
    encode_request,
)
from ponte.net.parser import ReplyParser, RequestParser
from ponte.net.wire import Connection, Listener, listen
from tests.fakes import Clock, hurry_listeners

# How long anything here may take before the test fails.
PATIENCE_S = 5.0
OK = encode_reply(Reply(200, {}, b"ok"))
POST = encode_request("POST", "/greeter", {"Host": "here"}, b"hello")


def setUpModule() -> None:
    hurry_listeners()


def soon() -> float:
    return time.monotonic() + PATIENCE_S


def echo(request: Request, received_at: float) -> Reply:
    return Reply(200, {}, request.body)


class FakeSocket:
    """Gives the same bytes with each read, and moves a simulated clock."""

    def __init__(self, clock: Clock, stream: bytes) -> None:
        self._clock = clock
        self._stream = stream
        self.reads = 0

    def recv(self, size: int) -> bytes:
        self.reads += 1
        # Each read takes half a second.
        self._clock.now += 0.5
        if self.reads > 1000:
            raise AssertionError("it reads for ever")
        return self._stream

    def setblocking(self, blocking: bool) -> None:
        pass

    def setsockopt(self, *_: int) -> None:
        pass


class Connections(unittest.TestCase):
    """One socket and its parser."""

    def setUp(self) -> None:
        with contextlib.closing(listen("127.0.0.1", 0)) as listening:
            self.peer = socket.create_connection(listening.getsockname(), PATIENCE_S)
            ours, _ = listening.accept()
        self.connection: Connection[Request] = Connection(ours, RequestParser())
        self.addCleanup(self.peer.close)
        self.addCleanup(ours.close)

    def test_a_message_is_read_whole(self) -> None:
        """In any number of pieces; the next message waits."""
        for piece in (POST[:10], POST[10:-1], POST[-1:] + POST):
            self.peer.sendall(piece)
        for _ in range(2):
            request = self.connection.read(soon())
            assert request
            self.assertEqual(request.body, b"hello")

    def test_a_stream_may_end_between_two_messages(self) -> None:
        """`read` returns None if the stream ends between two messages."""
        self.peer.sendall(POST)
        self.peer.shutdown(socket.SHUT_WR)
        self.assertIsNotNone(self.connection.read(soon()))
        self.assertIsNone(self.connection.read(soon()))

    def test_a_cut_message_is_never_taken(self) -> None:
        """A body that is shorter than its length, then the end of the stream: an error."""
        self.peer.sendall(POST[:-1])
        self.peer.shutdown(socket.SHUT_WR)
        with self.assertRaises(ConnectionResetError):
            self.connection.read(soon())

    def test_a_waiting_client_is_told_to_continue(self) -> None:
        """One 100 Continue, before its body."""
        self.peer.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                          b"Content-Length: 2\r\n\r\n")
        read: list[Request | None] = []
        thread = threading.Thread(target=lambda: read.append(self.connection.read(soon())))
        thread.start()
        self.assertEqual(self.peer.recv(100), CONTINUE)
        self.peer.sendall(b"ok")
        thread.join(PATIENCE_S)
        self.assertEqual([request and request.body for request in read], [b"ok"])

    def test_silence_ends_at_the_deadline(self) -> None:
        """socket.timeout, whether a message has begun or not."""
        for data in (b"", POST[:5]):
            self.peer.sendall(data)
            with self.assertRaises(socket.timeout):
                self.connection.read(time.monotonic() + 0.01)

    def test_a_false_alarm_of_the_poll_does_no_harm(self) -> None:
        """poll(2): it may report a socket as ready that has no bytes. Then the read waits on."""
        alarms = iter((True, True, False))
        watch = mock.patch.object(self.connection, "_arrives", lambda timeout_ms: next(alarms))
        with watch, self.assertRaises(socket.timeout):
            self.connection.read(soon())

    def test_a_message_larger_than_the_buffers_is_sent_whole(self) -> None:
        """The rest is sent while the other side reads."""
        body = bytes(MAX_BODY_BYTES) * 8
        received = bytearray()

        def receive() -> None:
            while len(received) < len(body):
                received.extend(self.peer.recv(1 << 20))

        thread = threading.Thread(target=receive)
        thread.start()
        self.connection.send(body, soon())
        thread.join(PATIENCE_S)
        self.assertEqual(received, body)

    def test_a_send_ends_at_the_deadline(self) -> None:
        """If the other side does not read; also if not one byte of the message could be sent."""
        began = time.monotonic()
        with self.assertRaises(socket.timeout):
            self.connection.send(bytes(MAX_BODY_BYTES) * 8, began + 0.05)
        # Large pieces first: byte by byte, it would take seconds on a busy machine.
        for piece in (bytes(64 * 1024), b"x"):
            with contextlib.suppress(BlockingIOError):
                while self.connection.socket.send(piece):
                    pass
        with self.assertRaises(socket.timeout):
            self.connection.send(b"x", time.monotonic() + 0.05)
        self.assertLess(time.monotonic() - began, PATIENCE_S)

    def test_a_kept_connection_must_be_silent(self) -> None:
        """If bytes have come between two messages, it is not reused."""
        self.assertTrue(self.connection.is_silent())
        self.peer.sendall(b"x")
        self.assertFalse(self.connection.is_silent())

    def test_a_kept_connection_must_be_open(self) -> None:
        """If the other side has closed it, it is not reused."""
        self.peer.close()
        self.assertFalse(self.connection.is_silent())


class Deadlines(unittest.TestCase):
    """They are absolute: a peer that sends one byte now and then does not move them."""

    def read(self, stream: bytes, message_s: float | None = None) -> int:
        """How many reads come before the deadline, 5 s from now, if each takes half a second."""
        clock = Clock()
        drip = FakeSocket(clock, stream)
        always = mock.patch.object(wire, "_watch", lambda sock: lambda timeout_ms: [sock])
        with mock.patch.object(wire, "time", clock), always:
            connection: Connection[Request] = Connection(cast(socket.socket, drip),
                                                         RequestParser())
            with self.assertRaises(socket.timeout):
                connection.read(clock.now + 5.0, message_s)
        return drip.reads

    def test_a_dripping_message_ends_at_the_deadline(self) -> None:
        """Also if every single read finds a byte."""
        self.assertLessEqual(self.read(b"A"), 11)

    def test_a_dripping_body_ends_at_the_deadline_of_its_message(self) -> None:
        """That deadline is counted from its first byte."""
        self.assertLessEqual(self.read(b"A", message_s=2.0), 6)


@contextlib.contextmanager
def listener(handler: Any = echo, **options: Any) -> Iterator[Listener]:
    """A running listener on a free port."""
    made = Listener("127.0.0.1", 0, handler, **options)
    made.start()
    try:
        yield made
    finally:
        made.close()


def connect(address: Address) -> Connection[Reply]:
    return Connection(socket.create_connection(address, PATIENCE_S), ReplyParser())


def connected(address: Address) -> contextlib.closing[Connection[Reply]]:
    """A connection that is closed at the end of its block."""
    return contextlib.closing(connect(address))


def is_readable(connection: Connection[Any], within_s: float) -> bool:
    """Whether bytes, or the end of the stream, come within so many seconds."""
    return bool(select.select([connection.socket], [], [], within_s)[0])


class Listeners(unittest.TestCase):
    """Requests in, replies out, on real sockets."""

    def setUp(self) -> None:
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def exchange(self, address: Address, request: bytes) -> list[Reply]:
        """Sends requests on a new connection, ends its sending side, and returns all replies."""
        with connected(address) as connection:
            connection.send(request, soon())
            connection.socket.shutdown(socket.SHUT_WR)
            replies = []
            while (reply := connection.read(soon())) is not None:
                replies.append(reply)
            return replies

    def test_a_connection_serves_request_after_request(self) -> None:
        """Also pipelined ones, in their order."""
        requests = [encode_request("POST", "/", {"Host": "a"}, body) for body in (b"1", b"2", b"3")]
        with listener() as running:
            replies = self.exchange(running.address, b"".join(requests))
        self.assertEqual([reply.body for reply in replies], [b"1", b"2", b"3"])

    def test_a_refused_request_is_answered_and_the_connection_closed(self) -> None:
        """After an error the framing is lost: what follows is not read as a request."""
        with listener() as running:
            for bad, status in ((b"nonsense\r\n\r\n", 400),
                                (b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", 411)):
                reply, = self.exchange(running.address, bad + POST)
                self.assertEqual(reply.status, status)
                self.assertFalse(reply.keep_alive)

    def test_a_request_that_is_not_whole_is_not_run(self) -> None:
        """A body that is shorter than its length, then the end of the stream: no reply."""
        handler = mock.Mock(return_value=Reply(200, {}, b""))
        with listener(handler) as running:
            self.assertEqual(self.exchange(running.address, POST[:-1]), [])
        handler.assert_not_called()

    def test_what_a_handler_raises_is_answered(self) -> None:
        """A ProtocolError with its status, any other error as a 500 that hides its text."""
        for error, status in ((ProtocolError(412, "gone"), 412), (RuntimeError("secret"), 500)):
            def fail(request: Request, received_at: float, error: Exception = error) -> Reply:
                raise error
            with listener(fail) as running:
                reply, = self.exchange(running.address, POST)
                self.assertEqual(reply.status, status)
                self.assertNotIn(b"secret", reply.body)

    def test_a_peer_that_a_handshake_refuses_can_read_why(self) -> None:
        """Also if it has sent a request already: to close with unread bytes would be a reset."""
        def refuse(sock: socket.socket, deadline: float) -> None:
            sock.settimeout(PATIENCE_S)
            # The request has come.
            sock.recv(1, socket.MSG_PEEK)
            sock.sendall(b"an alert")
            raise OSError("refused")

        with mock.patch.object(wire, "shake_hands", refuse), listener() as running, \
                socket.create_connection(running.address, PATIENCE_S) as sock:
            sock.sendall(POST)
            self.assertEqual([sock.recv(100), sock.recv(100)], [b"an alert", b""])

    def test_errors_end_the_connection(self) -> None:
        """After every HTTP error the connection closes."""
        with listener(lambda request, at: Reply(404, {}, b"")) as running:
            reply, = self.exchange(running.address, POST * 2)
            self.assertFalse(reply.keep_alive)

    def test_connections_beyond_the_limit_are_turned_away_at_once(self) -> None:
        """503 with Not-Executed: a caller may try elsewhere."""
        with listener(max_connections=1) as running, connected(running.address) as within:
            within.send(POST, soon())
            within.read(soon())
            with connected(running.address) as beyond:
                reply = beyond.read(soon())
            assert reply
            self.assertEqual(reply.status, 503)
            self.assertEqual(reply.headers["not-executed"], "1")

    def test_a_connection_that_cannot_be_served_does_not_stop_the_others(self) -> None:
        """One breaks while it is accepted; for another, the system has no thread."""
        def fail(what: object, name: str, error: Exception) -> Any:
            return mock.patch.object(what, name, side_effect=error)

        for failing in (fail(Connection, "__init__", OSError(22, "Invalid argument")),
                        fail(threading.Thread, "start", RuntimeError("can't start new thread"))):
            with self.subTest(failing.attribute), listener() as running, \
                    mock.patch("threading.excepthook") as died:
                with failing, socket.create_connection(running.address, 1.0) as broken, \
                        contextlib.suppress(OSError):
                    # Until the listener has dealt with it.
                    broken.recv(1000)
                died.assert_not_called()
                reply, = self.exchange(running.address, POST)
                self.assertEqual(reply.body, b"hello")

    def test_a_retiring_listener_ends_connections_with_their_next_reply(self) -> None:
        """So that no caller is cut off between two calls."""
        with listener() as running:
            running.retire()
            reply, = self.exchange(running.address, POST * 2)
            self.assertFalse(reply.keep_alive)

    def test_quiet_means_that_no_request_runs(self) -> None:
        """Idle connections do not count, unless asked for."""
        entered, go_on = threading.Event(), threading.Event()

        def wait(request: Request, received_at: float) -> Reply:
            entered.set()
            go_on.wait(PATIENCE_S)
            return Reply(200, {}, b"")

        with listener(wait) as running, connected(running.address) as connection:
            connection.send(POST, soon())
            entered.wait(PATIENCE_S)
            self.assertFalse(running.wait_until_quiet(0.01))
            began = time.monotonic()
            threading.Timer(0.01, go_on.set).start()
            self.assertTrue(running.wait_until_quiet(PATIENCE_S))
            self.assertLess(time.monotonic() - began, PATIENCE_S, "it was not woken")
            self.assertFalse(running.wait_until_quiet(0.01, idle_too=True))

    def test_a_closed_listener_is_gone(self) -> None:
        """Its port is refused, its idle connections have ended."""
        with listener() as running, connected(running.address) as connection:
            connection.send(POST, soon())
            connection.read(soon())
            running.close()
            self.assertIsNone(connection.read(soon()))
            with self.assertRaises(OSError):
                connect(running.address)

    def test_a_port_has_one_listener(self) -> None:
        """A second listener on it fails at once, with TCP and with UDP."""
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with contextlib.closing(listen("127.0.0.1", 0, kind)) as listening, \
                    self.assertRaises(OSError):
                listen("127.0.0.1", listening.getsockname()[1], kind).close()


if __name__ == "__main__":
    unittest.main()
