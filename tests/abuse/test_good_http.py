"""Good HTTP that Ponte's own clients do not send, on every TCP port, with either engine.

Commands, health checks, scrapers, and XML-RPC clients of other languages send it.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import unittest
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import ClassVar, NamedTuple

from ponte.net.message import CONTINUE, Reply
from ponte.net.parser import ReplyParser
from tests.abuse.ports import (
    CALLED,
    HELLO,
    PROXIES,
    Port,
    every_port,
    one_reply,
    replies_to,
    until_end,
)
from tests.fakes import hurry_listeners
from tests.net.peers import PATIENCE_S

PAGES = ("/health", "/status", "/metrics")
# What may stand behind the path of a page or of a service.
BEHIND = ("/", "?", "?x=1", "/?x=1&y=/z", "?http://a/b", "//")


def setUpModule() -> None:
    hurry_listeners()


class Raw(NamedTuple):
    """A reply as it came: the status, the headers with names in lower case, the body."""

    status: int
    headers: dict[str, str]
    body: bytes


def raw_reply(address: tuple[str, int], stream: bytes) -> Raw:
    """Sends a stream, ends it, and reads one reply without Ponte's parser."""
    with socket.create_connection(address, PATIENCE_S) as sock:
        sock.sendall(stream)
        sock.shutdown(socket.SHUT_WR)
        head, _, body = until_end(sock).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    named = [line.split(": ", 1) for line in lines]
    headers = {name.lower(): value for name, value in named}
    assert len(headers) == len(named), f"a header came twice: {head!r}"
    return Raw(int(first.split(" ")[1]), headers, body)


class GoodHttp(unittest.TestCase):
    """A registry, a server, and a proxy before it, with each engine."""

    ports: ClassVar[list[Port]]

    @classmethod
    def setUpClass(cls) -> None:
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)

        def hello(*names: str) -> str:
            return f"Hello, {names[0]}" if names else "World"

        cls.ports = every_port(stack, [hello])

    def on_each(self, check: Callable[[Port], None]) -> None:
        for port in self.ports:
            with self.subTest(port=port.name):
                check(port)

    def test_head_is_get_without_the_body(self) -> None:
        """RFC 9110 section 9.3.2: the same headers. Only numbers in a page may have changed."""
        def check(port: Port) -> None:
            for path in (*PAGES, "/nonsense", port.path, f"{port.path}/", "/health/?x=1"):
                get = raw_reply(port.address, port.post(method="GET", path=path, body=b""))
                head = raw_reply(port.address, port.post(method="HEAD", path=path, body=b""))
                self.assertEqual(head.status, get.status, path)
                self.assertEqual(head.body, b"", path)
                self.assertEqual(list(head.headers), list(get.headers), path)
                self.assertEqual(int(get.headers["content-length"]), len(get.body))
                self.assertNotEqual(head.headers["content-length"], "0")
                for name in head.headers.keys() - {"date", "content-length"}:
                    self.assertEqual(head.headers[name], get.headers[name], path)
                if path.startswith("/health"):
                    self.assertEqual(head.headers["content-length"], "3")
        self.on_each(check)

    def test_requests_behind_a_head_stay_in_step(self) -> None:
        """On the same connection, also where they come at once."""
        def check(port: Port) -> None:
            heads = b"".join(port.post(method="HEAD", path=path, body=b"") for path in PAGES)
            with socket.create_connection(port.address, PATIENCE_S) as sock:
                sock.sendall(heads + port.post(method="GET", path="/health", body=b"")
                             + port.post("Connection: close"))
                *came, health, called = until_end(sock).split(b"HTTP/1.1 200 OK\r\n")[1:]
            self.assertEqual([part.partition(b"\r\n\r\n")[2] for part in came], [b""] * 3)
            self.assertTrue(health.endswith(b"\r\n\r\nok\n"))
            self.assertIn(b"<methodResponse>", called)
        self.on_each(check)

    def test_a_query_and_a_slash_at_the_end_find_the_same(self) -> None:
        """So do a target that names its host, and escapes of characters that need none."""
        def check(port: Port) -> None:
            for path in PAGES:
                for target in (*(f"{path}{behind}" for behind in BEHIND), f"http://a{path}",
                               f"http://a{path}/?x", f"/%{ord(path[1]):02x}{path[2:]}"):
                    reply = raw_reply(port.address,
                                      port.post(method="GET", path=target, body=b""))
                    self.assertEqual(reply.status, 200, target)
            for target in (*(f"{port.path}{behind}" for behind in BEHIND), f"http://a{port.path}",
                           f"HTTP://A{port.path}/?x=1",
                           f"/%{ord(port.path[1]):02X}{port.path[2:]}"):
                reply = raw_reply(port.address, port.post(path=target))
                self.assertEqual(reply.status, 200, target)
                self.assertIn(b"<methodResponse>", reply.body)
        self.on_each(check)

    def test_paths_that_only_look_alike_find_nothing(self) -> None:
        """An escaped slash or question mark is none; letters have their case."""
        def check(port: Port) -> None:
            for path in ("/health", port.path):
                for target in (f"{path}%2F", f"{path}%2f", f"{path}%3Fx=1", f"{path}%00",
                               f"{path};x", f"{path}/x", f"/x{path}", f"/.{path}", path.upper(),
                               f"/%25{ord(path[1]):02x}{path[2:]}", f"{path}%",
                               f"/{path}", f"//{path}/", f"/.//{path}", f"http://a/{path}"):
                    reply = raw_reply(port.address, port.post(path=target))
                    self.assertEqual(reply.status, 404, target)
            # None of them went on to a server, which would have counted as its failure.
            if port.name in PROXIES:
                status = raw_reply(port.address, port.post(method="GET", path="/status", body=b""))
                server, = json.loads(status.body)["services"]["greeter"]
                self.assertEqual((server["failures_total"], server["quarantined"]), (0, False))
        self.on_each(check)

    def test_one_key_is_one_call_however_its_path_is_written(self) -> None:
        """Else a foreign client that repeats its call at /greeter/ would run it twice."""
        for port in self.ports:
            if port.name in CALLED:
                with self.subTest(port=port.name):
                    key = f"Idempotency-Key: {port.name}"
                    first = raw_reply(port.address, port.post(key))
                    self.assertEqual(first.status, 200)
                    # Another body at the same key is refused: it was seen under this key.
                    other = HELLO.replace(b"hello", b"hullo")
                    for path in (port.path, f"{port.path}/", f"{port.path}?x=1"):
                        again = raw_reply(port.address, port.post(key, body=other, path=path))
                        self.assertEqual(again.status, 422, path)

    def test_other_methods_are_told_which_are_allowed(self) -> None:
        """405 with Allow (RFC 9110 section 15.5.6), also where they have no length."""
        def check(port: Port) -> None:
            for method in ("PUT", "DELETE", "OPTIONS", "PATCH", "BREW"):
                for path, allowed in (*((page, "GET, HEAD") for page in PAGES),
                                      (port.path, "POST"), (f"{port.path}/?x=1", "POST"),
                                      ("/health?x", "GET, HEAD")):
                    bare = f"{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
                    for stream in (bare, port.post(method=method, path=path)):
                        reply = raw_reply(port.address, stream)
                        self.assertEqual((reply.status, reply.headers["allow"]), (405, allowed))
            reply = raw_reply(port.address, b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual((reply.status, reply.headers["allow"]), (405, "GET, HEAD, POST"))
        self.on_each(check)

    def test_every_reply_has_one_date_and_says_what_becomes_of_the_connection(self) -> None:
        """Also through a proxy, and when it is refused."""
        def check(port: Port) -> None:
            for stream, status, connection in (
                    (port.post(), 200, "keep-alive"),
                    (port.post("Connection: close"), 200, "close"),
                    (port.post(method="GET", path="/metrics", body=b""), 200, "keep-alive"),
                    (port.post(path="/nonsense"), 404, "close"),
                    (b"nonsense\r\n\r\n", 400, "close")):
                reply = raw_reply(port.address, stream)
                self.assertEqual((reply.status, reply.headers["connection"]), (status, connection))
                parsedate_to_datetime(reply.headers["date"])
                self.assertTrue(reply.headers["date"].endswith(" GMT"))
                told = re.fullmatch("timeout=[1-9][0-9]*", reply.headers.get("keep-alive", ""))
                self.assertEqual(bool(told), connection == "keep-alive")
        self.on_each(check)

    def test_text_says_its_charset(self) -> None:
        """XML, JSON and plain text, of pages, results and refusals."""
        def check(port: Port) -> None:
            for stream, expected in (
                    (port.post(), "text/xml"),
                    (port.post(path="/nonsense"), "text/plain"),
                    *((port.post(method="GET", path=path, body=b""), kind)
                      for path, kind in zip(PAGES, ("text/plain", "application/json",
                                                    "text/plain; version=0.0.4")))):
                self.assertEqual(raw_reply(port.address, stream).headers["content-type"],
                                 f"{expected}; charset=utf-8")
        self.on_each(check)

    def test_empty_lines_before_a_request_are_passed_over(self) -> None:
        """RFC 9112 section 2.2. One behind a body, as old clients send it, changes nothing."""
        def check(port: Port) -> None:
            for empty in (b"\r\n", b"\n", b"\r\n\r\n", b"\n\n"):
                stream = empty + port.post() + empty + port.post() + empty
                replies = replies_to(port.address, stream)
                self.assertEqual([reply.status for reply in replies], [200, 200])
        self.on_each(check)

    def test_http_1_0_keeps_its_connection_when_it_asks_for_it(self) -> None:
        """As `ab -k` does. Else the connection closes with the reply."""
        def check(port: Port) -> None:
            old = port.post("Connection: Keep-Alive").replace(b"HTTP/1.1\r\nHost: a", b"HTTP/1.0")
            with socket.create_connection(port.address, PATIENCE_S) as sock:
                for _ in range(3):
                    sock.sendall(old)
                    reply = one_reply(sock)
                    self.assertEqual((reply.status, reply.headers["connection"]),
                                     (200, "keep-alive"))
                sock.sendall(old.replace(b"Keep-Alive", b"x"))
                last = ReplyParser()
                last.feed(until_end(sock))
                closing: Reply | None = last.next_message()
                assert closing
                self.assertEqual((closing.status, closing.headers["connection"]), (200, "close"))
        self.on_each(check)

    def test_a_client_that_waits_for_100_is_told_to_go_on_behind_an_empty_line(self) -> None:
        """Before its body comes; and also where its path has a query."""
        def check(port: Port) -> None:
            with socket.create_connection(port.address, PATIENCE_S) as sock:
                whole = port.post("Expect: 100-continue", "Connection: close",
                                  path=f"{port.path}/?x=1")
                sock.sendall(b"\r\n" + whole[:-len(port.call)])
                self.assertEqual(sock.recv(len(CONTINUE)), CONTINUE)
                sock.sendall(port.call)
                self.assertTrue(until_end(sock).startswith(b"HTTP/1.1 200 "))
        self.on_each(check)

    def test_a_body_is_read_in_the_charset_that_its_caller_names(self) -> None:
        """By Content-Type or by the XML declaration. Where they do not agree, it is refused."""
        body = ("<?xml version='1.0'?><methodCall><methodName>hello</methodName><params><param>"
                "<value>ação</value></param></params></methodCall>").encode("latin-1")
        declared = body.replace(b"?>", b" encoding='iso-8859-1'?>", 1)
        for port in self.ports:
            if port.name in CALLED:
                for charset, sent, status in (("iso-8859-1", body, 200), ("latin1", declared, 200),
                                              ("utf-8", declared, 415), ("koi8-r", body, 415)):
                    with self.subTest(port=port.name, charset=charset):
                        reply = raw_reply(port.address, port.post(
                            f"Content-Type: text/xml; charset={charset}", body=sent))
                        self.assertEqual(reply.status, status)
                        self.assertIn("Hello, ação".encode() if status == 200 else b"send utf-8",
                                      reply.body)


if __name__ == "__main__":
    unittest.main()
