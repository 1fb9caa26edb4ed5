"""Bad HTTP on every TCP port: the registry, a server, and the proxy with either engine, before a server.

Every row of bad input is sent to each of them on a connection of its own. It gets its answer, the connection closes,
nothing was executed, and the next call is served.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import random
import socket
import threading
import time
import unittest
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Callable, ClassVar, NamedTuple
from unittest import mock

from ponte.net import events, wire
from ponte.net.address import Address
from ponte.net.events import EventEngine
from ponte.net.message import CONTINUE, MAX_BODY_BYTES, Reply, encode_reply
from ponte.net.parser import ReplyParser
from ponte.net.threads import ThreadEngine
from ponte.rpc.marshal import decode_result, encode_call
from proxy import ENGINES, Proxy
from registry import Registry
from server import Server
from tests.fakes import endpoint, hurry_listeners, show_to
from tests.net.engines import Mute, reset
from tests.net import test_chunked, test_parser
from tests.net.test_wire import PATIENCE_S

SEED = 5
SOON_S = 0.2                # stands in for limits of many seconds
PROXIES = tuple(f"proxy, {engine}" for engine in ENGINES)
HELLO = encode_call("hello", ())
LOOKUP = encode_call("services", ())
BOMB = gzip.compress(HELLO + b" " * (MAX_BODY_BYTES + 1 - len(HELLO)))
TLS_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(32)
GZIP = "Content-Encoding: gzip"
NAMED = ("X-Named: 1", "Connection: x-named", "TE: trailers", "Keep-Alive: timeout=5", "Upgrade: h2c",
         "Proxy-Authorization: Basic x", "Proxy-Connection: keep-alive")
STRIPPED = ("x-named", "connection", "te", "keep-alive", "upgrade", "proxy-authorization", "proxy-connection")


def setUpModule() -> None:
    hurry_listeners()


class Port(NamedTuple):
    """A port that is thrown at: the path of its calls, and a call that it serves."""

    name: str
    address: Address
    path: str
    call: bytes

    def post(self, *lines: str, body: bytes | None = None, method: str = "POST", path: str = "") -> bytes:
        """A request with these header lines; without a body of its own, it is the good call."""
        body = self.call if body is None else body
        length = [] if any(line.startswith("Content-Length") for line in lines) else [f"Content-Length: {len(body)}"]
        head = "\r\n".join([f"{method} {path or self.path} HTTP/1.1", "Host: a", *length, *lines])
        return f"{head}\r\n\r\n".encode("latin-1") + body


class Row(NamedTuple):
    """Bad input, made for a port, and its answer: the status, and headers that come with it."""

    name: str
    stream: Callable[[Port], bytes]
    status: int
    headers: Mapping[str, str] = MappingProxyType({})
    ports: Sequence[str] = ("registry", "server", *PROXIES)


CALLED = ("server", *PROXIES)

ROWS: Sequence[Row] = (
    *[Row(name, lambda port, stream=stream: stream, status)  # type: ignore[misc]   # a default freezes the loop's value
      for name, stream, status in (*test_parser.REFUSED, *test_chunked.REFUSED)],
    Row("random bytes", lambda port: random.Random(SEED).randbytes(400), 400),
    Row("a TLS hello", lambda port: TLS_HELLO, 400),
    Row("a body over the cap", lambda port: port.post(f"Content-Length: {MAX_BODY_BYTES + 1}"), 413),
    Row("the same, announced with Expect", lambda port: port.post(f"Content-Length: {MAX_BODY_BYTES + 1}",
                                                                  "Expect: 100-continue", body=b""), 413),
    Row("GET on a service", lambda port: port.post(method="GET"), 405, {"allow": "POST"}),
    Row("CONNECT", lambda port: b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 405, {"allow": "GET, POST"}),
    Row("TRACE", lambda port: port.post(method="TRACE"), 405, {"allow": "POST"}),
    Row("POST on a page", lambda port: port.post(path="/health"), 405, {"allow": "GET"}),
    Row("an unknown path", lambda port: port.post(path="/nonsense"), 404),
    Row("another media type", lambda port: port.post("Content-Type: application/json"), 415),
    Row("another coding", lambda port: port.post("Content-Encoding: br"), 415, {"accept-encoding": "gzip, identity"}),
    Row("two codings", lambda port: port.post("Content-Encoding: gzip, gzip"), 415),
    Row("a gzip bomb", lambda port: port.post(GZIP, body=BOMB), 413),
    Row("a deep gzip bomb", lambda port: port.post(GZIP, body=gzip.compress(bytes(100 * MAX_BODY_BYTES))), 413),
    Row("no gzip", lambda port: port.post(GZIP), 400),
    Row("an empty body as gzip", lambda port: port.post(GZIP, body=b""), 400),
    Row("half a gzip", lambda port: port.post(GZIP, body=gzip.compress(port.call)[:-9]), 400),
    Row("a gzip whose checksum is wrong", lambda port: port.post(GZIP, body=_flipped(gzip.compress(port.call))), 400),
    Row("bytes after a gzip", lambda port: port.post(GZIP, body=gzip.compress(port.call) + b"x"), 400),
    Row("two gzips", lambda port: port.post(GZIP, body=gzip.compress(port.call) * 2), 400),
    Row("an endless call id", lambda port: port.post(f"Idempotency-Key: {'x' * 200}"), 400, ports=CALLED),
    Row("a timeout that is no number", lambda port: port.post("Call-Timeout-Ms: 1e3"), 400, ports=CALLED),
    Row("a repeat for another incarnation", lambda port: port.post('If-Match: "1"'), 412, ports=CALLED),
    Row("a proxy that meets its own Via", lambda port: port.post("Via: 1.1 other, 1.1 under-test"), 508,
        {"not-executed": "1"}, PROXIES),
)


def _flipped(packed: bytes) -> bytes:
    """The same with another checksum."""
    return packed[:-8] + bytes(byte ^ 255 for byte in packed[-8:-4]) + packed[-4:]


class Abuse(unittest.TestCase):
    """One of each, in this process, and a count of what was executed."""

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

        cls.ports = every_port(stack, Server("greeter", [hello], registries=(), name="server"))

    def on_each(self, check: Callable[[Port], None], names: Sequence[str] = ("registry", *CALLED)) -> None:
        """Checks each of these ports; after it nothing was executed, and a call is served."""
        for port in self.ports:
            if port.name in names:
                with self.subTest(port=port.name):
                    check(port)
                    self.assertFalse(self.executed.acquire(blocking=False), "something was executed")
                    self.assert_serves(port)

    def assert_refuses(self, port: Port, stream: bytes, status: int, headers: Mapping[str, str]) -> None:
        """One answer, and it is the last one on its connection."""
        replies = replies_to(port.address, stream)
        self.assertEqual([(reply.status, reply.keep_alive) for reply in replies], [(status, False)])
        self.assertEqual({**replies[0].headers, **headers}, replies[0].headers)

    def assert_serves(self, port: Port) -> None:
        replies = replies_to(port.address, port.post("Connection: close"))
        self.assertEqual([reply.status for reply in replies], [200])
        if port.name in CALLED:
            self.assertEqual(decode_result(replies[0].body), "World")
            self.assertTrue(self.executed.acquire(blocking=False))

    def test_every_row(self) -> None:
        """On every port that it applies to."""
        for row in ROWS:
            with self.subTest(row=row.name):
                self.on_each(lambda port, row=row:  # type: ignore[misc]
                             self.assert_refuses(port, row.stream(port), row.status, row.headers), row.ports)

    def test_after_an_error_nothing_is_read(self) -> None:
        """A good call behind a bad one, in the same packet, is not executed: who knows where it begins?"""
        self.on_each(lambda port: self.assert_refuses(
            port, port.post("Content-Length: 1", "Content-Length: 2") + port.post(), 400, {}))

    def test_who_waits_to_be_told_to_continue(self) -> None:
        """100 for a body that may come; none for one that is too long, so that nobody sends it."""
        for port in self.ports:
            with self.subTest(port=port.name), socket.create_connection(port.address, PATIENCE_S) as sock:
                sock.sendall(port.post("Expect: 100-continue", "Connection: close")[:-len(port.call)])
                self.assertEqual(sock.recv(len(CONTINUE)), CONTINUE)
                sock.sendall(port.call)
                self.assertTrue(_until_end(sock).startswith(b"HTTP/1.1 200 "))
                self.executed.acquire(blocking=False)

    def test_a_target_that_names_its_host(self) -> None:
        """As one asks a proxy: the same call (RFC 9112 section 3.2.2)."""
        for port in self.ports:
            with self.subTest(port=port.name):
                stream = port.post("Connection: close", path=f"http://a{port.path}")
                self.assertEqual([reply.status for reply in replies_to(port.address, stream)], [200])
                self.executed.acquire(blocking=False)

    def test_half_a_message(self) -> None:
        """The end of the stream, or a reset, in the middle of a request: not executed, not answered."""
        def check(port: Port) -> None:
            for stream in (port.post()[:-1], port.post()[:20]):
                self.assertEqual(replies_to(port.address, stream), [])
                with socket.create_connection(port.address, PATIENCE_S) as sock:
                    sock.sendall(stream)
                    reset(sock)

        self.on_each(check)

    def test_gzip(self) -> None:
        """A good call may come compressed, and under gzip's old name."""
        for port in self.ports:
            for coding in ("gzip", "x-gzip", "GZIP", "identity"):
                with self.subTest(port=port.name, coding=coding):
                    body = gzip.compress(port.call) if coding != "identity" else port.call
                    replies = replies_to(port.address, port.post(f"Content-Encoding: {coding}", "Connection: close",
                                                                 body=body))
                    self.assertEqual([reply.status for reply in replies], [200])
                    self.executed.acquire(blocking=False)

    def test_dripping(self) -> None:
        """408 at a deadline that a further byte does not move: of a head, and of a body."""
        with mock.patch.object(wire, "MESSAGE_TIMEOUT_S", SOON_S), \
                mock.patch.object(events, "MESSAGE_TIMEOUT_S", SOON_S), contextlib.ExitStack() as stack:
            dripping = [(port, stack.enter_context(_dripping(port.address, stream))) for port in self.ports
                        for stream in (port.post()[:30], port.post("Content-Length: 100000"))]
            for port, sock in dripping:
                with self.subTest(port=port.name):
                    answer = _until_end(sock)
                    self.assertTrue(answer.startswith(b"HTTP/1.1 408 "), answer)
                    self.assertFalse(self.executed.acquire(blocking=False), "something was executed")


class HopByHop(unittest.TestCase):
    """What is of one connection stays on it (RFC 9110 section 7.6.1); what a server answers badly is a 502 or 504."""

    def test_what_is_of_a_hop_is_not_passed_on(self) -> None:
        """Headers that Connection names, and those that are always of a hop; both ways."""
        for engine in ENGINES:
            with self.subTest(engine), Mute() as server, proxy_before(server.address, engine) as proxy:
                port = Port("", proxy.address, "/greeter", HELLO)
                with socket.create_connection(port.address, PATIENCE_S) as caller:
                    caller.sendall(port.post(*NAMED, "X-End: 1"))
                    with server.asked() as connection:
                        received = connection.socket     # its request was read by `asked`
                        received.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-End: 2\r\n"
                                         + "".join(f"{line}\r\n" for line in NAMED).encode() + b"\r\n")
                        reply = one_reply(caller)
                self.assertEqual(reply.headers["x-end"], "2")
                self.assertEqual([name for name in STRIPPED if name in reply.headers], [])

    def test_what_a_server_answers(self) -> None:
        """502 for what is no whole reply, 504 for a late one, 503 for nobody: never passed on as an answer."""
        head = b"HTTP/1.1 200 OK\r\n"
        answers: Sequence[tuple[str, bytes | None, int]] = (
            ("garbage", b"\0\1\2garbage\r\n\r\n", 502),
            ("two lengths", head + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 502),
            ("too much", head + b"Content-Length: 1\r\n\r\nab", 502),
            ("more than a message may be", head + b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1), 502),
            ("not all", head + b"Content-Length: 9\r\n\r\nab", 502),
            ("no length", head + b"\r\nab", 502),
            ("nothing", b"", 502),
            ("late", None, 504))
        for engine in ENGINES:
            with proxy_before(("127.0.0.1", 1), engine) as proxy:
                for name, answer, status in answers:
                    with self.subTest(engine=engine, answer=name), Mute() as server:
                        show_to(proxy, endpoint("server", port=server.address[1]))
                        reply = self._answered(proxy, server, answer)
                        self.assertEqual((reply.status, reply.keep_alive), (status, False))
                        self.assertNotIn("not-executed", reply.headers)

    def _answered(self, proxy: Proxy, server: Mute, answer: bytes | None) -> Reply:
        """What the proxy makes of a server's answer; of None, which does not come in time."""
        port = Port("", proxy.address, "/greeter", HELLO)
        with socket.create_connection(port.address, PATIENCE_S) as caller:
            caller.sendall(port.post("Call-Timeout-Ms: 100" if answer is None else "X-End: 1"))
            with server.asked() as asked:
                if answer is not None:
                    asked.socket.sendall(answer)
                    asked.socket.close()
                    server.close()              # a repeat finds nobody
                return one_reply(caller)

    def test_nobody(self) -> None:
        """503, and it says that nothing was executed."""
        for engine in ENGINES:
            with self.subTest(engine), Mute() as server, proxy_before(server.address, engine) as proxy:
                server.close()
                port = Port("", proxy.address, "/greeter", HELLO)
                [reply] = replies_to(port.address, port.post())
                self.assertEqual((reply.status, reply.headers["not-executed"]), (503, "1"))


class TooMany(unittest.TestCase):
    """503 with Not-Executed: 1, at once, and the connection closes."""

    def assert_too_many(self, replies: list[Reply]) -> None:
        self.assertEqual([(reply.status, reply.headers.get("not-executed"), reply.keep_alive) for reply in replies],
                         [(503, "1", False)])

    def test_connections(self) -> None:
        """On every port: who is one too many is told so, also if he says nothing."""
        handler = lambda request, received_at: Reply(200, {}, b"")      # noqa: E731
        for make in (wire.Listener, ThreadEngine, EventEngine):
            listening = make("127.0.0.1", 0, handler, max_connections=1)
            listening.start()
            with self.subTest(make.__name__), contextlib.closing(listening), \
                    socket.create_connection(listening.address, PATIENCE_S) as first:
                first.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertEqual(one_reply(first).status, 200)         # by now it counts
                self.assert_too_many(replies_to(listening.address, b""))

    def test_calls(self) -> None:
        """In the proxy's engine of events, whose connections are many more than its calls."""
        with Mute() as server, proxy_before(server.address, "events", max_calls=1) as proxy:
            port = Port("", proxy.address, "/greeter", HELLO)
            with socket.create_connection(port.address, PATIENCE_S) as caller:
                caller.sendall(port.post())
                with server.asked() as asked:
                    self.assert_too_many(replies_to(port.address, port.post()))
                    asked.socket.sendall(encode_reply(Reply(200, {}, b"the first")))
                    self.assertEqual(one_reply(caller).body, b"the first")
                    caller.sendall(port.post())
                    asked.read(time.monotonic() + PATIENCE_S)
                    asked.socket.sendall(encode_reply(Reply(200, {}, b"the second")))
                    self.assertEqual(one_reply(caller).body, b"the second")

    def test_calls_of_a_server(self) -> None:
        """It serves MAX_CALLS; the proxy passes its refusal on when nobody else is there."""
        begun, may_end = threading.Semaphore(0), threading.Event()

        def wait() -> bool:
            begun.release()
            return may_end.wait(PATIENCE_S)

        with mock.patch("server.MAX_CALLS", 1), \
                Server("greeter", {"wait": wait}, registries=(), name="server") as server, \
                contextlib.ExitStack() as stack:
            stack.callback(may_end.set)
            port = Port("", server.address, "/greeter", encode_call("wait", ()))
            first = stack.enter_context(socket.create_connection(server.address, PATIENCE_S))
            first.sendall(port.post())
            self.assertTrue(begun.acquire(timeout=PATIENCE_S))
            self.assert_too_many(replies_to(server.address, port.post()))
            for engine in ENGINES:
                proxy = stack.enter_context(proxy_before(server.address, engine))
                self.assert_too_many(replies_to(proxy.address, port.post()))


# ---- the other end --------------------------------------------------------------------------------------

@contextlib.contextmanager
def proxy_before(address: Address, engine: str, **options: Any) -> Iterator[Proxy]:
    """A proxy that knows one server of the service greeter."""
    with mock.patch.dict("proxy.ENGINES", {engine: functools.partial(ENGINES[engine], **options)}):
        made = Proxy(port=0, engine=engine, registries=(), name="under-test")
    with made, mock.patch.object(made._directory, "is_complete", return_value=True):     # as with a registry
        show_to(made, endpoint("server", port=address[1]))
        yield made


def every_port(stack: contextlib.ExitStack, server: Server) -> list[Port]:
    """A registry, the server, and a proxy of each kind before it: all run until the stack ends."""
    ports = [Port("registry", stack.enter_context(Registry(port=0)).address, "/registry", LOOKUP),
             Port("server", stack.enter_context(server).address, "/greeter", HELLO)]
    for engine in ENGINES:
        proxy = stack.enter_context(proxy_before(server.address, engine))
        ports.append(Port(f"proxy, {engine}", proxy.address, "/greeter", HELLO))
    return ports


def replies_to(address: Address, stream: bytes) -> list[Reply]:
    """The replies to a stream that ends, until the other side has ended, too."""
    with socket.create_connection(address, PATIENCE_S) as sock:
        with contextlib.suppress(OSError):      # it may have had enough before we have sent all
            sock.sendall(stream)
            sock.shutdown(socket.SHUT_WR)
        return _parse(_until_end(sock))


def _until_end(sock: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionError):
        while True:
            data = sock.recv(65536)
            if not data:
                break
            received += data
    return received


def _parse(received: bytes) -> list[Reply]:
    parser = ReplyParser()
    parser.feed(received)
    replies = []
    while (reply := parser.next_message()) is not None:
        replies.append(reply)
    assert not parser.in_message, received
    return replies


def one_reply(sock: socket.socket) -> Reply:
    parser = ReplyParser()
    while True:
        data = sock.recv(65536)
        assert data, "the stream ended before a reply"
        parser.feed(data)
        reply = parser.next_message()
        if reply is not None:
            return reply


@contextlib.contextmanager
def _dripping(address: Address, stream: bytes) -> Iterator[socket.socket]:
    """A caller that sends this at once, and then a byte now and then until the other side has had enough."""
    with socket.create_connection(address, PATIENCE_S) as sock:
        sock.sendall(stream)
        dripper = threading.Thread(target=_drip, args=(sock,))
        dripper.start()
        yield sock
    dripper.join()


def _drip(sock: socket.socket) -> None:
    pause = threading.Event()
    with contextlib.suppress(OSError):
        for _ in range(int(PATIENCE_S / 0.02)):
            pause.wait(0.02)
            sock.sendall(b"x")
