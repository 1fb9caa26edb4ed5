"""A caller that leaves before its call begins, on every port that takes calls, with either engine.

Its call does not run, whatever it has sent behind the call that begins no message.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import unittest
from typing import ClassVar
from unittest import mock

from ponte.net.message import Request
from ponte.net.stream import Stream
from tests.abuse.ports import CALLED, Port, every_port, one_reply
from tests.fakes import eventually, hurry_listeners
from tests.net.peers import PATIENCE_S

has_ended = Stream.has_ended
# What old clients send behind a body, and half of it.
EMPTY = (b"", b"\r\n", b"\n", b"\r\n\r\n", b"\r", b"\r\n\r")


def setUpModule() -> None:
    hurry_listeners()


class Leaving(unittest.TestCase):
    """A server, and a proxy before it, with each engine."""

    ports: ClassVar[list[Port]]
    calls: ClassVar[list[str]] = []

    @classmethod
    def setUpClass(cls) -> None:
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)

        def hello() -> str:
            cls.calls.append("one")
            return "World"

        cls.ports = [port for port in every_port(stack, [hello]) if port.name in CALLED]

    def setUp(self) -> None:
        # The look waits for the end that is on its way. The loopback is quick, not immediate.
        self.looks = threading.Event()

        def look(stream: Stream[Request]) -> bool:
            self.looks.set()
            with contextlib.suppress(AssertionError):
                eventually(lambda: has_ended(stream))
            return has_ended(stream)

        patch = mock.patch.object(Stream, "has_ended", look)
        patch.start()
        self.addCleanup(patch.stop)

    def is_refused(self, port: Port, sock: socket.socket) -> None:
        reply = one_reply(sock)
        self.assertEqual((reply.status, reply.body),
                         (503, b"not executed: its caller has left\n"), port.name)
        self.assertEqual(self.calls, [])

    def test_empty_lines_behind_a_call_do_not_keep_its_caller(self) -> None:
        """They come with the call, also with one in chunks: RFC 9112 section 2.2."""
        for port in self.ports:
            chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(port.call), port.call)
            chunked = port.post(body=chunks).replace(
                b"Content-Length: %d" % len(chunks), b"Transfer-Encoding: chunked")
            for call in (port.post(), chunked):
                for empty in EMPTY:
                    with self.subTest(port=port.name, empty=empty), \
                            socket.create_connection(port.address, PATIENCE_S) as sock:
                        sock.sendall(call + empty)
                        sock.shutdown(socket.SHUT_WR)
                        self.is_refused(port, sock)

    def test_empty_lines_that_come_later_do_not_keep_its_caller(self) -> None:
        """In a packet of their own, when its server looks for the first time already."""
        for port in self.ports:
            for empty in EMPTY:
                with self.subTest(port=port.name, empty=empty), \
                        socket.create_connection(port.address, PATIENCE_S) as sock:
                    self.looks.clear()
                    sock.sendall(port.post())
                    self.assertTrue(self.looks.wait(PATIENCE_S))
                    if empty:
                        sock.sendall(empty)
                    sock.shutdown(socket.SHUT_WR)
                    self.is_refused(port, sock)


if __name__ == "__main__":
    unittest.main()
