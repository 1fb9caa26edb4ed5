"""Streams: messages on one socket, on loopback, each wait with a deadline."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import unittest
from typing import cast
from unittest import mock

from ponte.net import stream, threads
from ponte.net.message import CONTINUE, MAX_BODY_BYTES, Request
from ponte.net.parser import RequestParser
from ponte.net.stream import READ, Program, Wait, listen
from ponte.net.threads import wait_for
from tests.fakes import Clock, eventually
from tests.net.peers import (
    PATIENCE_S,
    POST,
    Connection,
    ends_by_a_reset,
    reset,
    soon,
    tcp_pair,
)


def one_wait(wait: Wait) -> Program[bool | None]:
    """A program: waits once, and returns what it went on with."""
    return (yield wait)


class FakeSocket:
    """Gives the same bytes with each read, and moves a simulated clock."""

    def __init__(self, clock: Clock, data: bytes) -> None:
        self._clock = clock
        self._data = data
        self.reads = 0

    def recv(self, size: int) -> bytes:
        self.reads += 1
        # Each read takes half a second.
        self._clock.now += 0.5
        if self.reads > 1000:
            raise AssertionError("it reads for ever")
        return self._data

    def setblocking(self, blocking: bool) -> None:
        pass

    def setsockopt(self, *_: int) -> None:
        pass


class Streams(unittest.TestCase):
    """One socket and its parser."""

    def setUp(self) -> None:
        ours, self.peer = tcp_pair()
        self.connection: Connection[Request] = Connection(ours, RequestParser())
        self.stream = self.connection.stream
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
        alarms = iter((True, True))
        watch = mock.patch.object(self.stream, "arrives", lambda timeout_ms: next(alarms, False))
        with watch, self.assertRaises(socket.timeout):
            self.connection.read(time.monotonic() + 0.01)
        self.assertEqual(list(alarms), [])

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
        def must_end(data: bytes) -> None:
            began = time.monotonic()
            with self.assertRaises(socket.timeout):
                self.connection.send(data, began + 0.05)
            self.assertLess(time.monotonic() - began, PATIENCE_S)

        must_end(bytes(MAX_BODY_BYTES) * 8)
        # Large pieces first: byte by byte, it would take seconds on a busy machine.
        for piece in (bytes(64 * 1024), bytes(1024), b"x"):
            with contextlib.suppress(BlockingIOError):
                while self.connection.socket.send(piece):
                    pass
        must_end(b"x")

    def test_a_kept_connection_must_be_silent(self) -> None:
        """If bytes have come between two messages, it is not reused."""
        self.assertTrue(self.stream.is_silent())
        self.peer.sendall(b"x")
        self.assertFalse(self.stream.is_silent())

    def test_a_kept_connection_must_be_open(self) -> None:
        """If the other side has closed it, it is not reused."""
        self.peer.close()
        self.assertFalse(self.stream.is_silent())

    def test_the_end_of_a_peer_is_seen_without_waiting(self) -> None:
        """The peer closes its connection or its sending side, or resets it. Nothing is lost by a
        look: the next read ends as it would without one.
        """
        def close(peer: socket.socket) -> None:
            peer.close()

        def send_no_more(peer: socket.socket) -> None:
            peer.shutdown(socket.SHUT_WR)

        for end in (close, send_no_more, reset):
            with self.subTest(end.__name__):
                ours, peer = tcp_pair()
                connection: Connection[Request] = Connection(ours, RequestParser())
                with contextlib.closing(connection), peer:
                    self.assertFalse(connection.stream.has_ended())
                    end(peer)
                    eventually(connection.stream.has_ended)
                    self.assertTrue(connection.stream.has_ended())
                    with contextlib.suppress(ConnectionResetError):
                        self.assertIsNone(connection.read(soon()))

    def test_a_peer_whose_next_message_has_begun_is_there(self) -> None:
        """Also if it has left since. What a look reads is part of the next message."""
        for first in (POST[:1], POST[:-1], POST + POST[:-1]):
            with self.subTest(len(first)):
                self.peer.sendall(first)
                began = time.monotonic()
                eventually(self.sees_bytes)
                self.assertTrue(began <= self.stream.received_at <= time.monotonic())
                rest = (POST + POST)[len(first):]
                self.peer.sendall(rest)
                for _ in range(2):
                    request = self.connection.read(soon())
                    self.assertEqual(request and request.body, b"hello")
        self.peer.sendall(POST)
        self.peer.close()
        eventually(self.sees_bytes)
        self.assertFalse(self.stream.has_ended())
        self.assertIsNotNone(self.connection.read(soon()))
        self.assertTrue(self.stream.has_ended())

    def sees_bytes(self) -> bool:
        """Whether a look has found bytes of a message. The peer is there all the time."""
        self.assertFalse(self.stream.has_ended())
        return self.stream.parser.in_message

    def test_the_end_of_a_peer_is_seen_behind_empty_lines(self) -> None:
        """They begin no message: not in one packet with the last one, nor in one of their own."""
        for empty in (b"\r\n", b"\n", b"\r\n\r\n", b"\r", b"\r\n\r"):
            for together in (True, False):
                with self.subTest(empty, together=together):
                    ours, peer = tcp_pair()
                    connection: Connection[Request] = Connection(ours, RequestParser())
                    with contextlib.closing(connection), peer:
                        peer.sendall(POST + empty if together else POST)
                        self.assertIsNotNone(connection.read(soon()))
                        if not together:
                            peer.sendall(empty)
                        self.assertFalse(connection.stream.has_ended())
                        peer.close()
                        eventually(connection.stream.has_ended)
                        self.assertIsNone(connection.read(soon()))

    def test_a_false_alarm_is_not_the_end_of_a_peer(self) -> None:
        """poll(2) may report a socket that has no bytes; with TLS, they may be part of a record."""
        with mock.patch.object(self.stream, "arrives", lambda timeout_ms: True):
            self.assertFalse(self.stream.has_ended())

    def test_a_stream_that_was_closed_here_has_ended(self) -> None:
        """Its process may be stopping while another thread looks."""
        self.stream.close()
        self.assertTrue(self.stream.has_ended())

    def test_a_stream_that_is_reset_sends_nothing_more(self) -> None:
        """What the system has taken, and the peer has no room for, never gets there."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.stream.socket.send(bytes(MAX_BODY_BYTES))
        self.stream.reset()
        self.assertEqual(self.stream.socket.fileno(), -1)
        self.assertGreater(ends_by_a_reset(self.peer), 0)
        # It was closed already.
        self.stream.reset()

    def test_a_message_has_its_own_time_from_its_first_byte_on(self) -> None:
        """However long the stream was silent before; and one that has begun has it, too."""
        self.peer.sendall(POST[:5])
        for _ in range(2):
            began = time.monotonic()
            with self.assertRaises(socket.timeout):
                self.connection.read(soon(), 0.02)
            self.assertLess(time.monotonic() - began, PATIENCE_S / 2)
        self.peer.sendall(POST[5:])
        self.assertIsNotNone(self.connection.read(soon(), PATIENCE_S))

    def test_the_time_at_which_a_message_was_whole_is_noted(self) -> None:
        """The timeout of a call runs from then on."""
        self.peer.sendall(POST)
        began = time.monotonic()
        self.connection.read(soon())
        self.assertTrue(began <= self.stream.received_at <= time.monotonic())

    def test_an_interrupted_stream_ends(self) -> None:
        """From another thread, while this one waits for a message."""
        interrupting = threading.Timer(0.01, self.stream.interrupt)
        interrupting.start()
        # Some systems report an end that was made here as an error.
        with contextlib.suppress(BrokenPipeError):
            self.assertIsNone(self.connection.read(soon()))
        self.assertEqual(self.peer.recv(1), b"")
        interrupting.join()
        # The stream has ended already.
        self.stream.close()
        self.stream.interrupt()

    def test_an_interrupt_ends_a_wait_that_the_system_does_not_end(self) -> None:
        """On Windows, an end that was made here wakes no thread: each looks for itself."""
        waiting = threading.Event()

        def interrupt() -> None:
            waiting.wait(PATIENCE_S)
            # As `interrupt` does, but for what the system learns of it.
            self.stream.is_interrupted = True

        arrives = self.stream.arrives

        def watch(timeout_ms: float) -> object:
            waiting.set()
            return arrives(timeout_ms)

        interrupting = threading.Thread(target=interrupt)
        interrupting.start()
        with mock.patch("ponte.net.threads.LOOK_S", 0.001), \
                mock.patch.object(self.stream, "arrives", watch):
            self.assertTrue(wait_for(one_wait((self.stream, READ, soon()))))
        interrupting.join()

    def test_a_finished_stream_lets_its_peer_read_the_last_reply(self) -> None:
        """Also if unread bytes have come, which would make a close a reset."""
        self.peer.sendall(POST * 2)
        self.assertIsNotNone(self.connection.read(soon()))
        self.peer.sendall(POST)
        self.connection.send(b"the last reply", soon())
        finishing = threading.Thread(target=lambda: wait_for(self.stream.finish()))
        finishing.start()
        self.peer.settimeout(PATIENCE_S)
        self.assertEqual(self.peer.recv(100), b"the last reply")
        self.assertEqual(self.peer.recv(100), b"")
        self.peer.close()
        finishing.join(PATIENCE_S)
        self.assertEqual(self.stream.socket.fileno(), -1)

    def test_a_peer_that_does_not_close_is_not_waited_for_long(self) -> None:
        """Also one that goes on to send."""
        with mock.patch.object(stream, "LINGER_S", 0.02):
            finishing = threading.Thread(target=lambda: wait_for(self.stream.finish()))
            finishing.start()
            end = soon()
            with contextlib.suppress(OSError):
                while finishing.is_alive() and time.monotonic() < end:
                    self.peer.sendall(b"x")
            finishing.join(PATIENCE_S)
        self.assertFalse(finishing.is_alive())


class Deadlines(unittest.TestCase):
    """They are absolute: a peer that sends one byte now and then does not move them."""

    def read(self, data: bytes, message_s: float | None = None) -> int:
        """How many reads come before the deadline, 5 s from now, if each takes half a second."""
        clock = Clock()
        drip = FakeSocket(clock, data)
        always = mock.patch.object(stream, "_watch", lambda sock: lambda timeout_ms: [sock])
        with mock.patch.object(stream, "time", clock), \
                mock.patch.object(threads, "time", clock), always:
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


class Listening(unittest.TestCase):
    def test_a_port_has_one_listener(self) -> None:
        """A second listener on it fails at once, with TCP and with UDP."""
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with contextlib.closing(listen("127.0.0.1", 0, kind)) as listening, \
                    self.assertRaises(OSError):
                listen("127.0.0.1", listening.getsockname()[1], kind).close()


if __name__ == "__main__":
    unittest.main()
