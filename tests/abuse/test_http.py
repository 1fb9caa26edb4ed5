"""Bad HTTP on every TCP port: a registry, a server, and a proxy before it, with either engine.

Every row of bad input is sent to each port, on a connection of its own. It is answered, the
connection closes, nothing was executed, and the next call is served.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import random
import socket
import threading
import unittest
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, NamedTuple
from unittest import mock

from ponte.net import serving
from ponte.net.message import CONTINUE, MAX_BODY_BYTES
from ponte.rpc.marshal import decode_result
from tests.abuse.ports import (
    ALL,
    CALLED,
    HELLO,
    PROXIES,
    Port,
    dripping,
    every_port,
    replies_to,
    until_end,
)
from tests.fakes import hurry_listeners
from tests.net import test_chunked, test_parser
from tests.net.peers import PATIENCE_S, reset

SEED = 5
# Stands in for limits of many seconds.
SOON_S = 0.2
BOMB = gzip.compress(HELLO + b" " * (MAX_BODY_BYTES + 1 - len(HELLO)))
TLS_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(32)
GZIP = "Content-Encoding: gzip"


@functools.cache
def deep_bomb() -> bytes:
    """Takes most of a second to make: once for all ports."""
    return gzip.compress(bytes(100 * MAX_BODY_BYTES))


def setUpModule() -> None:
    hurry_listeners()


# A session that nobody has given out.
SESSION = "00000000deadbeef"


class Row(NamedTuple):
    """Bad input, made for a port, and its answer: the status, and headers that come with it."""

    name: str
    stream: Callable[[Port], bytes]
    status: int
    headers: Mapping[str, str] = MappingProxyType({})
    ports: Sequence[str] = ALL


def constant(name: str, stream: bytes, status: int) -> Row:
    """A row that is the same for every port."""
    return Row(name, lambda port: stream, status)


def packed(name: str, pack: Callable[[bytes], bytes], status: int) -> Row:
    """A call whose body is said to be gzip, and is what `pack` makes of the good call."""
    return Row(name, lambda port: port.post(GZIP, body=pack(port.call)), status)


ROWS: Sequence[Row] = (
    *[constant(*row) for row in (*test_parser.REFUSED, *test_chunked.REFUSED)],
    constant("random bytes", random.Random(SEED).randbytes(400), 400),
    constant("a TLS hello", TLS_HELLO, 400),
    # Limits.
    Row("a body over the cap",
        lambda port: port.post(f"Content-Length: {MAX_BODY_BYTES + 1}"), 413),
    Row("the same, announced with Expect",
        lambda port: port.post(f"Content-Length: {MAX_BODY_BYTES + 1}", "Expect: 100-continue",
                               body=b""), 413),
    # Methods and paths.
    Row("GET on a service", lambda port: port.post(method="GET"), 405, {"allow": "POST"}),
    Row("CONNECT",
        lambda port: b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 405, {"allow": "GET, POST"}),
    Row("TRACE", lambda port: port.post(method="TRACE"), 405, {"allow": "POST"}),
    Row("POST on a page", lambda port: port.post(path="/health"), 405, {"allow": "GET, HEAD"}),
    Row("an unknown path", lambda port: port.post(path="/nonsense"), 404),
    # Media types and codings.
    Row("another media type", lambda port: port.post("Content-Type: application/json"), 415),
    Row("another coding", lambda port: port.post("Content-Encoding: br"), 415,
        {"accept-encoding": "gzip, identity"}),
    Row("two codings", lambda port: port.post("Content-Encoding: gzip, gzip"), 415),
    packed("a gzip bomb", lambda call: BOMB, 413),
    packed("a deep gzip bomb", lambda call: deep_bomb(), 413),
    packed("no gzip", lambda call: call, 400),
    packed("an empty body as gzip", lambda call: b"", 400),
    packed("half a gzip", lambda call: gzip.compress(call)[:-9], 400),
    packed("a gzip whose checksum is wrong", lambda call: _flipped(gzip.compress(call)), 400),
    packed("bytes after a gzip", lambda call: gzip.compress(call) + b"x", 400),
    packed("two gzips", lambda call: gzip.compress(call) * 2, 400),
    Row("an empty body of another type",
        lambda port: port.post("Content-Type: application/json", body=b""), 415),
    # Headers of a call.
    Row("an endless key",
        lambda port: port.post(f"Idempotency-Key: {'x' * 200}"), 400, ports=CALLED),
    *[Row(f"the session {session!r}",
          lambda port, session=session: port.post(                # type: ignore[misc]
              f"Call-Session: {session}", "Call-Number: 1-1"), 400, ports=CALLED)
      for session in ("x", "NEW", "new, new", SESSION.upper(), SESSION[1:], SESSION * 2,
                      f"{SESSION}, {SESSION}")],
    *[Row(f"the number {number!r}",
          lambda port, number=number: port.post(                  # type: ignore[misc]
              f"Call-Session: {SESSION}", f"Call-Number: {number}"), 400, ports=CALLED)
      for number in ("", "1", "1-", "-1", "1-2", "0-0", "1-0", "01-1", "1_0-1", "+1-1",
                     "1.0-1", "1-1-1", "1-1, 1-1", f"{'9' * 16}-1", f"1-{'9' * 16}", "\xb2-1")],
    Row("a session without a number",
        lambda port: port.post(f"Call-Session: {SESSION}"), 400, ports=CALLED),
    Row("a number without a session",
        lambda port: port.post("Call-Number: 1-1"), 400, ports=CALLED),
    Row("a repeat without a session", lambda port: port.post("Call-Repeat: 1"), 400, ports=CALLED),
    Row("a resolve without a session",
        lambda port: port.post("Call-Resolve: 1"), 400, ports=CALLED),
    *[Row(f"two of {line!r}",
          lambda port, line=line: port.post(                      # type: ignore[misc]
              f"Call-Session: {SESSION}", "Call-Number: 1-1", line), 400, ports=ALL)
      for line in (f"Call-Session: {SESSION}", "Call-Number: 2-1")],
    # They are whole and clear, but nothing is known of them: they run nothing.
    Row("an original of an unknown session",
        lambda port: port.post(f"Call-Session: {SESSION}", "Call-Number: 1-1"), 503,
        {"not-executed": "1"}, CALLED),
    *[Row(f"an unknown session and {line}",
          lambda port, line=line: port.post(                      # type: ignore[misc]
              f"Call-Session: {SESSION}", "Call-Number: 1-1", line), 410, ports=CALLED)
      for line in ("Call-Repeat: 1", "Call-Resolve: 1")],
    Row("a request for a session that has a call in it",
        lambda port: port.post("Call-Session: new"), 503, {"not-executed": "1"}, CALLED),
    Row("a promise that the function does not give",
        lambda port: port.post("Call-Idempotent: 1"), 503,
        {"not-executed": "1", "call-idempotent": "0"}, CALLED),
    Row("a timeout that is no number",
        lambda port: port.post("Call-Timeout-Ms: 1e3"), 400, ports=CALLED),
    Row("a repeat of an earlier version",
        lambda port: port.post('If-Match: "1"'), 412, ports=CALLED),
    Row("a proxy that meets its own Via",
        lambda port: port.post("Via: 1.1 other, 1.1 under-test"), 508,
        {"not-executed": "1"}, PROXIES),
)


def _flipped(packed: bytes) -> bytes:
    """The same with another checksum."""
    return packed[:-8] + bytes(byte ^ 255 for byte in packed[-8:-4]) + packed[-4:]


class Abuse(unittest.TestCase):
    """One process of each kind, run inside of this one, and a count of what was executed."""

    ports: ClassVar[list[Port]]
    executed: ClassVar[threading.Semaphore]

    @classmethod
    def setUpClass(cls) -> None:
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        died = stack.enter_context(mock.patch("threading.excepthook"))
        stack.callback(died.assert_not_called)
        cls.executed = threading.Semaphore(0)

        def hello() -> str:
            cls.executed.release()
            return "World"

        cls.ports = every_port(stack, [hello])

    def on_each(self, check: Callable[[Port], None], names: Sequence[str] = ALL) -> None:
        """Checks each of these ports; after it nothing was executed, and a call is served."""
        for port in self.ports:
            if port.name in names:
                with self.subTest(port=port.name):
                    check(port)
                    self.assert_nothing_executed()
                    self.assert_serves(port)

    def assert_nothing_executed(self) -> None:
        self.assertFalse(self.executed.acquire(blocking=False), "something was executed")

    def assert_refuses(self, port: Port, stream: bytes, status: int,
                       headers: Mapping[str, str]) -> None:
        """One answer, and it is the last one on its connection, if it does not bring a session."""
        reply, = replies_to(port.address, stream)
        self.assertEqual(reply.status, status)
        self.assertEqual(reply.keep_alive, "call-session" in reply.headers)
        self.assertLessEqual(headers.items(), reply.headers.items())

    def assert_serves(self, port: Port) -> None:
        reply, = replies_to(port.address, port.post("Connection: close"))
        self.assertEqual(reply.status, 200)
        if port.name in CALLED:
            self.assertEqual(decode_result(reply.body), "World")
            self.assertTrue(self.executed.acquire(blocking=False))

    def test_every_row(self) -> None:
        """Each row is refused, on every port that it is for."""
        for row in ROWS:
            def check(port: Port, row: Row = row) -> None:
                self.assert_refuses(port, row.stream(port), row.status, row.headers)

            with self.subTest(row=row.name):
                self.on_each(check, row.ports)

    def test_after_an_error_nothing_is_read(self) -> None:
        """A good call behind a bad one in the same packet is not executed: its start is unknown."""
        self.on_each(lambda port: self.assert_refuses(
            port, port.post("Content-Length: 1", "Content-Length: 2") + port.post(), 400, {}))

    def test_a_client_that_waits_is_told_to_continue(self) -> None:
        """100 for a body that may come. (For one that is too long there is a row above.)"""
        for port in self.ports:
            with self.subTest(port=port.name), \
                    socket.create_connection(port.address, PATIENCE_S) as sock:
                head = port.post("Expect: 100-continue", "Connection: close")[:-len(port.call)]
                sock.sendall(head)
                self.assertEqual(sock.recv(len(CONTINUE)), CONTINUE)
                sock.sendall(port.call)
                self.assertTrue(until_end(sock).startswith(b"HTTP/1.1 200 "))
                self.executed.acquire(blocking=False)

    def test_a_target_that_names_its_host(self) -> None:
        """It has the form of requests to a proxy, and is the same call (RFC 9112 section 3.2.2)."""
        for port in self.ports:
            with self.subTest(port=port.name):
                stream = port.post("Connection: close", path=f"http://a{port.path}")
                reply, = replies_to(port.address, stream)
                self.assertEqual(reply.status, 200)
                self.executed.acquire(blocking=False)

    def test_half_a_message(self) -> None:
        """After an end of stream, or a reset, inside of a request: not executed, not answered."""
        def check(port: Port) -> None:
            for stream in (port.post()[:-1], port.post()[:20]):
                self.assertEqual(replies_to(port.address, stream), [])
                with socket.create_connection(port.address, PATIENCE_S) as sock:
                    sock.sendall(stream)
                    reset(sock)

        self.on_each(check)

    def test_gzip(self) -> None:
        """A good call may come compressed, also under gzip's old name."""
        for port in self.ports:
            for coding in ("gzip", "x-gzip", "GZIP", "identity"):
                with self.subTest(port=port.name, coding=coding):
                    body = gzip.compress(port.call) if coding != "identity" else port.call
                    reply, = replies_to(port.address, port.post(
                        f"Content-Encoding: {coding}", "Connection: close", body=body))
                    self.assertEqual(reply.status, 200)
                    self.executed.acquire(blocking=False)

    def test_dripping(self) -> None:
        """408 at a deadline that a further byte does not move: of a head, and of a body."""
        with mock.patch.object(serving, "MESSAGE_TIMEOUT_S", SOON_S), \
                contextlib.ExitStack() as stack:
            callers = [(port, stack.enter_context(dripping(port.address, stream)))
                       for port in self.ports
                       for stream in (port.post()[:30], port.post("Content-Length: 100000"))]
            for port, sock in callers:
                with self.subTest(port=port.name):
                    answer = until_end(sock)
                    self.assertTrue(answer.startswith(b"HTTP/1.1 408 "), answer)
                    self.assert_nothing_executed()


if __name__ == "__main__":
    unittest.main()
