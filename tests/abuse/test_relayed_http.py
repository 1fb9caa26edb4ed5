"""Bad HTTP on the other side of a proxy, and too much of good HTTP on every port."""

from __future__ import annotations

import contextlib
import socket
import threading
import unittest
from collections.abc import Sequence
from unittest import mock

from ponte.net.message import MAX_BODY_BYTES, Reply, Request, encode_reply
from ponte.net.serving import ENGINES, Listener
from ponte.rpc.marshal import encode_call
from proxy import Proxy
from server import Server
from tests.abuse.ports import (
    HELLO,
    Port,
    one_reply,
    proxy_before,
    replies_to,
)
from tests.fakes import endpoint, hurry_listeners, show_to
from tests.net.peers import PATIENCE_S, Mute, soon

# Headers that belong to one hop, and their names.
OF_ONE_HOP = ("X-Named: 1", "Connection: x-named", "TE: trailers", "Keep-Alive: timeout=5",
              "Upgrade: h2c", "Proxy-Authorization: Basic x", "Proxy-Connection: keep-alive")
STRIPPED = ("x-named", "connection", "te", "keep-alive", "upgrade", "proxy-authorization",
            "proxy-connection")


def setUpModule() -> None:
    hurry_listeners()


class HopByHop(unittest.TestCase):
    """Headers of one connection stay on it (RFC 9110 section 7.6.1); a broken reply is an error."""

    def test_headers_of_a_hop_are_not_passed_on(self) -> None:
        """Headers that Connection names, and those that always belong to one hop; both ways."""
        lines = "".join(f"{line}\r\n" for line in OF_ONE_HOP).encode()
        for engine in ENGINES:
            with self.subTest(engine), Mute() as server, \
                    proxy_before(server.address, engine) as proxy:
                port = Port("", proxy.address, "/greeter", HELLO)
                with socket.create_connection(port.address, PATIENCE_S) as caller:
                    caller.sendall(port.post(*OF_ONE_HOP, "X-End: 1"))
                    # `asked` has read the request.
                    with server.asked() as connection:
                        connection.socket.sendall(
                            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-End: 2\r\n" + lines
                            + b"\r\n")
                        reply = one_reply(caller)
                self.assertEqual(reply.headers["x-end"], "2")
                # What is there of the first two is of the proxy's own hop.
                self.assertEqual(reply.headers.pop("connection"), "keep-alive")
                self.assertEqual(reply.headers.pop("keep-alive"), "timeout=60")
                self.assertEqual([name for name in STRIPPED if name in reply.headers], [])

    def test_the_date_of_a_server_is_passed_on(self) -> None:
        """It says when the reply was made (RFC 9110 section 6.6.1). Else the proxy gives one."""
        date = "Sun, 06 Nov 1994 08:49:37 GMT"
        for engine in ENGINES:
            with self.subTest(engine), Mute() as server, \
                    proxy_before(server.address, engine) as proxy:
                port = Port("", proxy.address, "/greeter", HELLO)
                with socket.create_connection(port.address, PATIENCE_S) as caller:
                    caller.sendall(port.post())
                    with server.asked() as connection:
                        connection.socket.sendall(encode_reply(Reply(200, {}, b"1", date=date)))
                        self.assertEqual(one_reply(caller).date, date)
                        caller.sendall(port.post())
                        connection.read(soon())
                        connection.socket.sendall(encode_reply(Reply(200, {}, b"2")))
                        self.assertNotIn(one_reply(caller).date, (None, date))

    def test_what_a_server_answers(self) -> None:
        """502 for what is no whole reply, 504 for a late one: never passed on as an answer."""
        head = b"HTTP/1.1 200 OK\r\n"
        answers: Sequence[tuple[str, bytes | None, int]] = (
            ("garbage", b"\0\1\2garbage\r\n\r\n", 502),
            ("two lengths", head + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 502),
            ("too much", head + b"Content-Length: 1\r\n\r\nab", 502),
            ("more than a message may be",
             head + b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1), 502),
            ("not all", head + b"Content-Length: 9\r\n\r\nab", 502),
            ("no length", head + b"\r\nab", 502),
            ("nothing", b"", 502),
            ("late", None, 504))
        for engine in ENGINES:
            with proxy_before(("127.0.0.1", 1), engine) as proxy:
                for name, answer, status in answers:
                    with self.subTest(engine=engine, answer=name), Mute() as server:
                        show_to(proxy, endpoint("server", port=server.address[1],
                                                remembers=False))
                        reply = self._reply_after(proxy, server, answer)
                        self.assertEqual(reply.status, status)
                        self.assertFalse(reply.keep_alive)
                        self.assertNotIn("not-executed", reply.headers)

    def _reply_after(self, proxy: Proxy, server: Mute, answer: bytes | None) -> Reply:
        """The proxy's reply after a server's answer. None stands for one that comes too late."""
        port = Port("", proxy.address, "/greeter", HELLO)
        with socket.create_connection(port.address, PATIENCE_S) as caller:
            caller.sendall(port.post("Call-Timeout-Ms: 100" if answer is None else "X-End: 1"))
            with server.asked() as asked:
                if answer is not None:
                    asked.socket.sendall(answer)
                    asked.socket.close()
                    # A repeat finds no server.
                    server.close()
                return one_reply(caller)

    def test_no_server_is_there(self) -> None:
        """503, with the promise that nothing was executed."""
        for engine in ENGINES:
            with self.subTest(engine), Mute() as server, \
                    proxy_before(server.address, engine) as proxy:
                server.close()
                port = Port("", proxy.address, "/greeter", HELLO)
                reply, = replies_to(port.address, port.post())
                self.assertEqual(reply.status, 503)
                self.assertEqual(reply.headers["not-executed"], "1")


class TooMany(unittest.TestCase):
    """503 with Not-Executed: 1, at once, and the connection closes."""

    def assert_too_many(self, replies: list[Reply]) -> None:
        reply, = replies
        self.assertEqual(reply.status, 503)
        self.assertEqual(reply.headers.get("not-executed"), "1")
        self.assertFalse(reply.keep_alive)

    def test_connections(self) -> None:
        """On every port: a caller beyond the limit is refused, also if it sends nothing."""
        def handler(request: Request, *_: object) -> Reply:
            return Reply(200, {}, b"")

        for engine in ENGINES:
            listening = Listener("127.0.0.1", 0, handler, engine=engine, max_connections=1)
            listening.start()
            with self.subTest(engine), contextlib.closing(listening), \
                    socket.create_connection(listening.address, PATIENCE_S) as within:
                within.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                # When its reply is here, it is counted.
                self.assertEqual(one_reply(within).status, 200)
                self.assert_too_many(replies_to(listening.address, b""))

    def test_calls(self) -> None:
        """In the proxy, which may have many more connections than calls."""
        for engine in ENGINES:
            with self.subTest(engine), Mute() as server, \
                    proxy_before(server.address, engine) as proxy:
                proxy._listener._max_calls = 1
                self.one_call_at_a_time(server, Port("", proxy.address, "/greeter", HELLO))

    def one_call_at_a_time(self, server: Mute, port: Port) -> None:
        """A second call is refused while the first one runs, and served after it."""
        with socket.create_connection(port.address, PATIENCE_S) as caller:
            caller.sendall(port.post())
            with server.asked() as asked:
                self.assert_too_many(replies_to(port.address, port.post()))
                asked.socket.sendall(encode_reply(Reply(200, {}, b"the first")))
                self.assertEqual(one_reply(caller).body, b"the first")
                caller.sendall(port.post())
                asked.read(soon())
                asked.socket.sendall(encode_reply(Reply(200, {}, b"the second")))
                self.assertEqual(one_reply(caller).body, b"the second")

    def test_calls_of_a_server(self) -> None:
        """It serves MAX_CALLS; the proxy passes its refusal on when no other server is there."""
        begun, may_end = threading.Semaphore(0), threading.Event()

        def wait() -> bool:
            begun.release()
            return may_end.wait(PATIENCE_S)

        for engine in ENGINES:
            may_end.clear()
            with self.subTest(engine), mock.patch("execution.MAX_CALLS", 1), \
                    Server("greeter", {"wait": wait}, registries=(), name="server",
                           engine=engine) as server, contextlib.ExitStack() as stack:
                stack.callback(may_end.set)
                port = Port("", server.address, "/greeter", encode_call("wait", ()))
                running = stack.enter_context(socket.create_connection(server.address, PATIENCE_S))
                running.sendall(port.post())
                self.assertTrue(begun.acquire(timeout=PATIENCE_S))
                self.assert_too_many(replies_to(server.address, port.post()))
                for before in ENGINES:
                    proxy = stack.enter_context(proxy_before(server.address, before))
                    self.assert_too_many(replies_to(proxy.address, port.post()))


if __name__ == "__main__":
    unittest.main()
