"""The link in front of a server: it does to messages what was clicked, and nothing else."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
import unittest
from typing import Any
from xmlrpc.client import dumps

from dashboard.links import Link, is_call, loss, trace_of
from lab.relayed import HELD, LOST, NOBODY_WAITS
from server import Server
from tests.fakes import hurry_listeners
from tests.system.harness import wait_until

PATIENCE_S = 5.0
TRACE = "00-" + "ab" * 16 + "-0000001100000002-01"


def setUpModule() -> None:
    hurry_listeners()


class Requests(unittest.TestCase):
    """Which requests are calls: only their replies are lost at a click."""

    def test_the_opening_of_a_session_is_no_call(self) -> None:
        """In the study it was taken for one, and so the reply of no call was lost."""
        for line, expected in (("Call-Number: 3-1", True), ("Call-Idempotent: 1", True),
                               ("X: 1", True), ("Call-Session: new", False),
                               ("call-session:new", False), ("Call-Resolve: 1", False)):
            with self.subTest(line):
                request = f"POST /kiosk HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n".encode()
                self.assertEqual(is_call(request), expected)

    def test_pages_and_the_request_to_tell_are_no_calls(self) -> None:
        for line in ("GET /status", "GET /", "POST /-/observe", "HEAD /kiosk"):
            with self.subTest(line):
                self.assertFalse(is_call(f"{line} HTTP/1.1\r\n\r\n".encode()))

    def test_a_body_is_not_taken_for_the_head(self) -> None:
        self.assertTrue(is_call(b"POST /kiosk HTTP/1.1\r\n\r\n\r\nCall-Session: new\r\n"))

    def test_the_method_can_be_chosen(self) -> None:
        request = b"POST /kiosk HTTP/1.1\r\n\r\n" + dumps((), "buy").encode()
        self.assertTrue(is_call(request, "buy"))
        self.assertFalse(is_call(request, "hello"))

    def test_a_loss_names_its_call_and_says_whether_it_may_arrive(self) -> None:
        request = f"POST / HTTP/1.1\r\ntraceparent: {TRACE}\r\n\r\n".encode()
        self.assertEqual(trace_of(request), {"id": "ab" * 16, "of": [17, 2]})
        for why, what, late in ((LOST, "reply", None), (HELD, "reply", True),
                                (NOBODY_WAITS, "late", None)):
            event = loss("server-1", request, "reply", why)
            self.assertEqual((event["k"], event["who"], event["what"], event.get("late"),
                              event["id"]), ("lost", "server-1", what, late, "ab" * 16))


class Links(unittest.TestCase):
    """A link before a server of this process; the caller is the standard library's."""

    def setUp(self) -> None:
        self.runs: list[str] = []
        self.told: list[dict[str, Any]] = []

        def buy(item: str) -> int:
            self.runs.append(item)
            return len(self.runs)

        self.server = Server("kiosk", [buy], registries=())
        self.server.start()
        self.addCleanup(self.server.close)
        self.link = Link("server-1", self.told.append)
        self.addCleanup(self.link.close)

    def request(self, method: str = "POST", target: str = "/kiosk", *,
                waits_s: float = PATIENCE_S, **headers: str) -> bytes:
        """What comes back. Raises OSError or HTTPException."""
        connection = http.client.HTTPConnection(*self.link.address, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.connect()
            connection.sock.settimeout(waits_s)
            connection.request(method, target,
                               dumps(("tea",), "buy") if method == "POST" else None,
                               {name.replace("_", "-"): value for name, value in headers.items()})
            return connection.getresponse().read()

    def wait_for_orphan(self, link: Link) -> None:
        wait_until(lambda: link._relay.orphans == 1, PATIENCE_S, "the link sees the caller go")

    def test_a_caller_that_comes_before_the_server_is_known_waits(self) -> None:
        """The registry may tell of a server before we have read its banner."""
        with contextlib.closing(http.client.HTTPConnection(*self.link.address,
                                                           timeout=PATIENCE_S)) as early:
            early.request("GET", "/health")
            self.link.open(self.server.address)
            self.assertEqual(early.getresponse().status, 200)

    def test_the_reply_of_the_next_call_is_lost_and_of_nothing_else(self) -> None:
        self.link.open(self.server.address)
        self.link.lose_reply()
        self.assertIn(b"ok", self.request("GET", "/health"))
        self.request(Call_Session="new")
        self.assertEqual(self.runs, [])
        with self.assertRaises((OSError, http.client.HTTPException)):
            self.request(traceparent=TRACE)
        self.assertEqual(self.runs, ["tea"])
        self.assertIn(b"<int>2</int>", self.request())
        self.assertEqual([(event["what"], event["id"]) for event in self.told],
                         [("reply", "ab" * 16)])

    def test_a_request_in_two_pieces_has_one_fate(self) -> None:
        """And what is told of it is told by its head."""
        self.link.open(self.server.address)
        self.link.lose_reply()
        body = dumps(("tea",), "buy").encode()
        with contextlib.closing(socket.create_connection(self.link.address, PATIENCE_S)) as caller:
            caller.sendall(b"POST /kiosk HTTP/1.1\r\nHost: a\r\ntraceparent: %b\r\n"
                           b"Content-Length: %d\r\n\r\n" % (TRACE.encode(), len(body)))
            wait_until(lambda: not self.link.loses, PATIENCE_S, "the link has seen the head")
            caller.sendall(body)
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(caller.recv(100), b"")
        self.assertEqual(self.runs, ["tea"])
        wait_until(lambda: self.told, PATIENCE_S, "the loss is told")
        self.assertEqual((self.told[0]["what"], self.told[0]["id"]), ("reply", "ab" * 16))

    def test_what_is_no_name_of_a_method_ends_no_thread(self) -> None:
        self.link.open(self.server.address)
        for method in ("\ud800", "hel\udfffo", "a b", "<", "&amp;", "a\nb"):
            with self.subTest(method), self.assertRaisesRegex(ValueError, "no name of a method"):
                self.link.lose_reply(method)
        self.link.lose_reply("olá")
        self.assertIn(b"ok", self.request("GET", "/health"))
        self.assertIn(b"<int>1</int>", self.request())

    def test_a_cut_link_is_silent_and_what_it_holds_arrives_when_it_is_mended(self) -> None:
        self.link.open(self.server.address)
        self.link.cut()
        with self.assertRaises(OSError):
            self.request(waits_s=0.05)
        self.wait_for_orphan(self.link)
        self.assertEqual((self.runs, [event["what"] for event in self.told]), ([], ["request"]))
        self.link.mend()
        wait_until(lambda: len(self.told) == 2, PATIENCE_S, "the late reply")
        self.assertEqual((self.runs, self.told[1]["what"]), (["tea"], "late"))
        self.assertIn(b"<int>2</int>", self.request())

    def test_a_slow_link_pauses_both_ways_until_it_is_mended(self) -> None:
        self.link.open(self.server.address)
        self.link.slow(30)
        began = time.perf_counter()
        self.request()
        self.assertGreater(time.perf_counter() - began, 0.06)
        self.assertEqual(self.link.slow_ms, 30)
        self.link.mend()
        self.assertEqual((self.link.slow_ms, self.link.is_cut), (0, False))
        for ms in (-1, 10_001, 1.5, True, "3", None):
            with self.subTest(ms), self.assertRaises(ValueError):
                self.link.slow(ms)  # type: ignore[arg-type]

    def test_where_its_server_has_died_it_refuses(self) -> None:
        """NotSent, as without a link; and a call that is under way ends with the server."""
        self.link.open(self.server.address)
        self.request()
        self.link.refuse()
        with self.assertRaises(ConnectionRefusedError):
            self.request()

    def test_it_keeps_from_a_frozen_server_that_callers_have_gone(self) -> None:
        """So a late request runs: that it runs once is the work of the server's memory."""
        for is_frozen in (True, False):
            with self.subTest(is_frozen=is_frozen), \
                    socket.create_server(("127.0.0.1", 0)) as target, \
                    contextlib.closing(Link("server-1", self.told.append)) as link:
                link.open(target.getsockname())
                if is_frozen:
                    link.freeze()
                with socket.create_connection(link.address, PATIENCE_S) as caller:
                    caller.sendall(b"POST /kiosk HTTP/1.1\r\n\r\n")
                    server, _ = target.accept()
                    server.settimeout(PATIENCE_S)
                    self.assertTrue(server.recv(100))
                with server:
                    if not is_frozen:
                        self.assertEqual(server.recv(100), b"")
                        continue
                    # It thaws, replies, and only then finds out.
                    self.wait_for_orphan(link)
                    link.thaw()
                    server.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                    self.assertEqual(server.recv(100), b"")
                self.assertEqual([event["what"] for event in self.told], ["late"])


if __name__ == "__main__":
    unittest.main()
