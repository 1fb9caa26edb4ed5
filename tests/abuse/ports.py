"""The TCP ports of Ponte as an attacker sees them, and the streams that go there and come back."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Callable, NamedTuple
from unittest import mock

from ponte.net.address import Address
from ponte.net.message import Reply
from ponte.net.parser import ReplyParser
from ponte.net.serving import ENGINES
from ponte.net.stream import Stream
from ponte.rpc.marshal import encode_call
from proxy import Proxy
from registry import Registry
from server import Server
from tests.fakes import endpoint, show_to
from tests.net.peers import PATIENCE_S

# The names of the ports: each process runs with each engine.
REGISTRIES, SERVERS, PROXIES = (tuple(f"{process}, {engine}" for engine in ENGINES)
                                for process in ("registry", "server", "proxy"))
# The ports that take calls of a service.
CALLED = (*SERVERS, *PROXIES)
ALL = (*REGISTRIES, *CALLED)
HELLO = encode_call("hello", ())
LOOKUP = encode_call("services", ())


class Port(NamedTuple):
    """A port under test: the path of its calls, and a call that it serves."""

    name: str
    address: Address
    path: str
    call: bytes

    def post(self, *lines: str, body: bytes | None = None, method: str = "POST",
             path: str = "") -> bytes:
        """A request with these header lines. Its body is the good call, if none is given."""
        body = self.call if body is None else body
        if not any(line.startswith("Content-Length") for line in lines):
            lines = (f"Content-Length: {len(body)}", *lines)
        head = "\r\n".join([f"{method} {path or self.path} HTTP/1.1", "Host: a", *lines])
        return f"{head}\r\n\r\n".encode("latin-1") + body


def nobody_leaves() -> contextlib.AbstractContextManager[Any]:
    """A caller that has ended its sending side is served: most tests here end it at once.

    Else its call would not begin, as it could be that of a caller that has left.
    """
    return mock.patch.object(Stream, "has_ended", return_value=False)


@contextlib.contextmanager
def proxy_before(address: Address, engine: str, *, remembers: bool = False,
                 **options: Any) -> Iterator[Proxy]:
    """A proxy that knows one server of the service greeter.

    That one is foreign, unless it `remembers` calls: then it also says who it is.
    """
    made = Proxy(port=0, engine=engine, registries=(), name="under-test", **options)
    # As if a registry had answered.
    with nobody_leaves(), made, \
            mock.patch.object(made._directory, "is_complete", return_value=True):
        show_to(made, endpoint("server", port=address[1], remembers=remembers))
        yield made


def every_port(stack: contextlib.ExitStack, functions: Sequence[Callable[..., Any]]) -> list[Port]:
    """A registry, a server, and a proxy before it, with each engine: all run until the stack ends.
    """
    ports = []
    stack.enter_context(nobody_leaves())
    for engine in ENGINES:
        registry = stack.enter_context(Registry(port=0, engine=engine))
        server = stack.enter_context(Server("greeter", functions, registries=(), name="server",
                                            engine=engine))
        proxy = stack.enter_context(proxy_before(server.address, engine, remembers=True))
        ports += [Port(f"registry, {engine}", registry.address, "/registry", LOOKUP),
                  Port(f"server, {engine}", server.address, "/greeter", HELLO),
                  Port(f"proxy, {engine}", proxy.address, "/greeter", HELLO)]
    return ports


def replies_to(address: Address, stream: bytes) -> list[Reply]:
    """Sends a stream, ends it, and returns the replies until the other side has ended, too."""
    with socket.create_connection(address, PATIENCE_S) as sock:
        # The other side may close before all is sent.
        with contextlib.suppress(OSError):
            sock.sendall(stream)
            sock.shutdown(socket.SHUT_WR)
        return _parse(until_end(sock))


def until_end(sock: socket.socket) -> bytes:
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
def dripping(address: Address, stream: bytes) -> Iterator[socket.socket]:
    """A caller that sends this at once, and then a byte every 20 ms until the other side closes."""
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
