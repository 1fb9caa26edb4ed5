"""The threads that follow registries, and the long replies that they read."""

from __future__ import annotations

import contextlib
import logging
import ssl
import time
import unittest
from collections.abc import Iterator
from typing import Any
from unittest import mock
from xmlrpc.client import Fault

from ponte.discovery.directory import MAX_VIEW_BYTES, Directory, ViewParser
from ponte.net.message import MAX_BODY_BYTES, ProtocolError, Reply, Request
from ponte.net.parser import ReplyParser
from ponte.net.pool import ExchangeError, Pool
from ponte.net.wire import Listener
from ponte.rpc.marshal import encode_result
from tests.discovery.test_view import answer
from tests.fakes import endpoint, hurry_listeners

A, B = ("10.0.0.1", 4100), ("10.0.0.2", 4100)
PATIENCE_S = 5.0
# Endpoints: more than fit into a message of any other kind.
MANY = 2_000


def setUpModule() -> None:
    hurry_listeners()


class Directories(unittest.TestCase):
    """The threads of a directory, with registries that are only functions."""

    def follow(self, answers: dict[Any, Any], **expected: Any) -> Directory:
        """A directory whose registries give one answer each, and then none until it is closed."""
        given: list[Any] = []

        def fake_ask(pool: Pool, registry: Any, *_: Any, **__: Any) -> Any:
            if registry in given:
                directory._closed.wait(PATIENCE_S)
                raise OSError("closed")
            given.append(registry)
            if isinstance(answers[registry], Exception):
                raise answers[registry]
            return answers[registry]

        patch = mock.patch.multiple("ponte.discovery.directory", ask=fake_ask, log=mock.DEFAULT)
        patch.start()
        directory = Directory("greeter", list(answers), **expected)
        self.addCleanup(patch.stop)
        for thread in directory._threads:
            self.addCleanup(thread.join, PATIENCE_S)
        self.addCleanup(directory.close)
        directory.start()
        return directory

    def test_a_thread_that_waits_finds_the_change_made(self) -> None:
        """`on_change` has run before `wait` returns."""
        changes: list[str] = []
        directory = self.follow({A: answer(endpoint("a"))},
                                on_change=lambda: changes.append("made"))
        self.assertTrue(directory.wait(PATIENCE_S))
        self.assertEqual(changes, ["made"])
        self.assertEqual([e.instance for e in directory.endpoints], ["a"])

    def test_waiting_ends_when_every_registry_has_failed(self) -> None:
        """No call waits for its whole timeout when no registry answers."""
        directory = self.follow({A: OSError("refused"), B: Fault(1, "no")})
        started = time.monotonic()
        self.assertFalse(directory.wait(PATIENCE_S))
        self.assertLess(time.monotonic() - started, PATIENCE_S / 2)

    def test_one_answer_is_enough(self) -> None:
        """The other registries may be down."""
        directory = self.follow({A: OSError("refused"), B: answer(endpoint("b"))})
        self.assertTrue(directory.wait(PATIENCE_S))

    def test_nonsense_counts_as_no_answer(self) -> None:
        """Whatever a registry answers, its thread goes on, and the other registries are heard."""
        good = endpoint("x").to_struct()
        for nonsense in (None, 7, {},
                         {**answer(), "endpoints": [{**good, "state": "asleep"}]},
                         {**answer(), "endpoints": [{**good, "port": float("inf")}]}):
            with self.subTest(nonsense=nonsense), mock.patch("threading.excepthook") as died:
                directory = self.follow({A: nonsense})
                self.assertFalse(directory.wait(PATIENCE_S / 10))
                died.assert_not_called()

    def test_a_registry_that_cannot_be_read_is_warned_of_once(self) -> None:
        """Whatever it answers that is no view, also a refusal by TLS; until it has given a view."""
        too_long = ExchangeError("reply", ProtocolError(413, "a body of more than 16777216 bytes"))
        refused = ExchangeError("connect",
                                ssl.SSLError(1, "[SSL: UNKNOWN_CA] unknown ca (_ssl.c:1007)"))
        for error, why in ((too_long, "more than 16777216"),
                           (refused, "handshake failed: unknown ca$"),
                           (Fault(1, "no"), "Fault 1"),
                           (KeyError("left"), "left")):
            with self.subTest(why), self.assertLogs("ponte.directory", logging.WARNING) as logs:
                directory = Directory("greeter", [A, B])
                directory._note_failure(A, error)
                directory._note_failure(A, error)
                self.assertEqual(list(directory.unreadable), [A])
                self.assertEqual(len(logs.output), 1)
                self.assertRegex(logs.output[0], f"10.0.0.1:4100.*{why}")
                directory._note_answer(A, answer(endpoint("a")))
                self.assertEqual(directory.unreadable, {})
                directory._note_failure(A, error)
                self.assertEqual(len(logs.output), 2)

    def test_a_registry_out_of_reach_is_no_warning(self) -> None:
        """It may just be restarting; servers and proxies report it, since it acks no beat."""
        ended = ssl.SSLEOFError(8, "EOF occurred in violation of protocol")
        with self.assertLogs("ponte", logging.WARNING) as logs:
            logging.getLogger("ponte.test").warning("assertLogs fails without a line")
            directory = Directory("greeter", [A])
            for error in (OSError("refused"),
                          ExchangeError("connect", ConnectionRefusedError("refused")),
                          ExchangeError("reply", ConnectionResetError("reset")),
                          ExchangeError("reply", ended)):
                directory._note_failure(A, error)
        self.assertEqual(directory.unreadable, {})
        self.assertEqual(len(logs.output), 1)


class LongViews(unittest.TestCase):
    """A view grows with the number of servers; other messages do not."""

    def setUp(self) -> None:
        self.view = encode_result(answer(*(endpoint(f"server-{n}") for n in range(MANY))))
        self.assertGreater(len(self.view), MAX_BODY_BYTES)

    @contextlib.contextmanager
    def following(self) -> Iterator[Directory]:
        """A directory whose registry answers with the long view."""
        listener = Listener("127.0.0.1", 0, self.serve)
        directory = Directory("greeter", [listener.address])
        listener.start()
        directory.start()
        try:
            yield directory
        finally:
            directory.close()
            listener.close()
            for thread in directory._threads:
                thread.join(PATIENCE_S)

    def serve(self, request: Request, received_at: float) -> Reply:
        return Reply(200, {}, self.view)

    def test_a_view_may_be_longer_than_other_messages(self) -> None:
        """The reply of a registry to a reader is read up to MAX_VIEW_BYTES."""
        with self.following() as directory:
            self.assertTrue(directory.wait(PATIENCE_S))
            self.assertEqual(len(directory.endpoints), MANY)

    def test_a_view_beyond_its_limit_is_a_warning(self) -> None:
        """A user must learn why new servers get no calls."""
        limit = len(self.view) - 1
        with mock.patch.multiple(ViewParser, max_body_bytes=limit, _known={}), \
                self.assertLogs("ponte.directory", logging.WARNING) as logs, \
                self.following() as directory:
            self.assertFalse(directory.wait(PATIENCE_S))
        self.assertRegex(logs.output[0], f"more than {limit} bytes")

    def test_only_views_may_be_so_long(self) -> None:
        """Also once their heads are known, and also in pieces."""
        for head in (b"Content-Length: %d\r\n\r\n" % MAX_VIEW_BYTES,
                     b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % MAX_VIEW_BYTES):
            for parser in (ViewParser(), ViewParser()):
                parser.feed(b"HTTP/1.1 200 OK\r\n" + head)
                self.assertIsNone(parser.next_message())
            strict = ReplyParser()
            strict.feed(b"HTTP/1.1 200 OK\r\n" + head)
            with self.subTest(head), self.assertRaisesRegex(ProtocolError, str(MAX_BODY_BYTES)):
                strict.next_message()


if __name__ == "__main__":
    unittest.main()
