"""The threads that follow registries, and the long replies that they read."""

from __future__ import annotations

import contextlib
import itertools
import logging
import ssl
import threading
import time
import unittest
from collections.abc import Iterator
from typing import Any
from unittest import mock
from xmlrpc.client import Fault

from ponte.calls.endpoint import Endpoint
from ponte.discovery.directory import Directory
from ponte.discovery.follower import MAX_VIEW_BYTES, ViewParser
from ponte.discovery.lookup import LookupResult
from ponte.net.message import MAX_BODY_BYTES, ProtocolError, Reply, Request
from ponte.net.parser import ReplyParser
from ponte.net.pool import ExchangeError, Pool
from ponte.net.serving import Listener
from ponte.rpc.dispatcher import Dispatcher
from ponte.rpc.marshal import encode_result
from tests.discovery.test_view import answer
from tests.fakes import endpoint, hurry_listeners

A, B = ("10.0.0.1", 4100), ("10.0.0.2", 4100)
PATIENCE_S = 5.0
# Seconds in which what must not happen would happen.
SOON_S = 0.1
# Endpoints: more than fit into a message of any other kind.
MANY = 2_000


# Of two findings of a registry, the later one has the higher number.
_numbers = itertools.count(1)


def tell(directory: Directory, registry: Any, found: Any) -> None:
    """As its follower does."""
    directory.hear(registry, next(_numbers), found)


def setUpModule() -> None:
    hurry_listeners()


class Directories(unittest.TestCase):
    """The threads of a directory, with registries that are only functions."""

    def follow(self, answers: dict[Any, Any], **expected: Any) -> Directory:
        """A directory whose registries give one answer each, and then none until it is closed."""
        given: list[Any] = []
        over = threading.Event()
        self.addCleanup(over.set)

        def fake_ask(pool: Pool, registry: Any, *_: Any, **__: Any) -> Any:
            if registry in given:
                over.wait(PATIENCE_S)
                raise OSError("closed")
            given.append(registry)
            given_now = answers[registry]
            if isinstance(given_now, Exception):
                raise given_now
            return given_now.to_json() if isinstance(given_now, LookupResult) else given_now

        patch = mock.patch.multiple("ponte.discovery.follower", ask=fake_ask, log=mock.DEFAULT)
        patch.start()
        quiet = mock.patch("ponte.discovery.directory.log")
        quiet.start()
        self.addCleanup(quiet.stop)
        directory = Directory("greeter", list(answers), **expected)
        self.addCleanup(patch.stop)
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

    def test_what_readers_make_of_a_view_is_as_new_as_the_word_that_it_is_complete(self) -> None:
        """A reader that keeps a view of its own would believe that a live service is none."""
        seen: list[bool] = []

        def on_change() -> None:
            seen.append(directory.is_complete())

        directory: Directory = self.follow({A: answer(endpoint("a"))}, on_change=on_change)
        self.assertTrue(directory.wait(PATIENCE_S))
        self.assertEqual((seen, directory.is_complete()), ([False], True))
        tell(directory, A, answer(endpoint("a"), warming=True))
        self.assertFalse(directory.is_complete())

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
        good, empty = endpoint("x").to_struct(), answer().to_struct()
        for nonsense in (None, 7, {}, "", "x", "{}", "[" * 10 ** 6, answer().to_json()[1:],
                         {**empty, "endpoints": [{**good, "state": "asleep"}]},
                         {**empty, "endpoints": [{**good, "port": float("inf")}]},
                         {**empty, "endpoints": [{**good, "incarnation": float("inf")}]},
                         {**empty, "index": 10 ** 400}):
            with self.subTest(f"{nonsense!r:.100}"), mock.patch("threading.excepthook") as died:
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
                tell(directory, A, error)
                tell(directory, A, error)
                self.assertEqual(list(directory.unreadable), [A])
                self.assertEqual(len(logs.output), 1)
                self.assertRegex(logs.output[0], f"10.0.0.1:4100.*{why}")
                tell(directory, A, answer(endpoint("a")))
                self.assertEqual(directory.unreadable, {})
                tell(directory, A, error)
                self.assertEqual(len(logs.output), 2)

    def test_views_are_shown_one_at_a_time(self) -> None:
        """`on_change` runs in the order of the changes, also if two registries answer at once."""
        seen: list[int] = []
        first, second, gate = threading.Event(), threading.Event(), threading.Event()

        def on_change() -> None:
            seen.append(len(directory.endpoints))
            if len(seen) == 1:
                first.set()
                gate.wait(PATIENCE_S)
                seen.append(len(directory.endpoints))
            else:
                second.set()

        directory = Directory("greeter", [A, B], on_change)
        self.answers_on_a_thread(directory, A, endpoint("a"))
        self.assertTrue(first.wait(PATIENCE_S))
        self.answers_on_a_thread(directory, B, endpoint("b"))
        self.assertFalse(second.wait(SOON_S))
        gate.set()
        self.assertTrue(second.wait(PATIENCE_S))
        self.assertEqual(seen, [1, 1, 2])

    def test_waiting_lasts_until_the_change_of_another_registry_is_made(self) -> None:
        """The second registry has nothing new, but what the first one has changed is not yet made.

        A call that came between would find no server.
        """
        begun, gate = threading.Event(), threading.Event()

        def on_change() -> None:
            begun.set()
            gate.wait(PATIENCE_S)

        directory = Directory("greeter", [A, B], on_change)
        self.answers_on_a_thread(directory, A, endpoint("a"))
        self.assertTrue(begun.wait(PATIENCE_S))
        self.answers_on_a_thread(directory, B, endpoint("a"))
        self.assertFalse(directory.wait(SOON_S))
        gate.set()
        self.assertTrue(directory.wait(PATIENCE_S))

    def answers_on_a_thread(self, directory: Directory, registry: Any, *known: Endpoint) -> None:
        thread = threading.Thread(target=tell, args=(directory, registry, answer(*known)))
        thread.start()
        self.addCleanup(thread.join, PATIENCE_S)

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
                tell(directory, A, error)
        self.assertEqual(directory.unreadable, {})
        self.assertEqual(len(logs.output), 1)


class OverHttp(unittest.TestCase):
    """The registry is a real listener, which answers what a test says."""

    view = b""

    @contextlib.contextmanager
    def following(self) -> Iterator[Directory]:
        """A directory of this registry."""
        listener = Listener("127.0.0.1", 0, self.serve)
        directory = Directory("greeter", [listener.address])
        listener.start()
        directory.start()
        try:
            yield directory
        finally:
            directory.close()
            listener.close()

    def serve(self, request: Request, *_: object) -> Reply:
        return Reply(200, {}, self.view)


class MixedVersions(OverHttp):
    """Registries and readers are upgraded one after the other, in any order.

    An old reader at a new registry: tests.test_registry.
    """

    def setUp(self) -> None:
        self.known = [endpoint("a")]
        self.asked: list[int] = []
        self.followed, self.over = threading.Event(), threading.Event()
        self.old = Dispatcher([self.watch])

    def watch(self, service: str, index: int, wait_s: float) -> dict[str, Any]:
        """As registries have had it before there was a fourth parameter."""
        self.asked.append(index)
        if index:
            self.followed.set()
            self.over.wait(PATIENCE_S)
        return answer(*self.known).to_struct()

    def serve(self, request: Request, *_: object) -> Reply:
        return Reply(200, {}, self.old.dispatch(request.body))

    def test_a_reader_follows_a_registry_that_refuses_a_fourth_parameter(self) -> None:
        """It asks with three, gets a struct, and goes on with the index of that view."""
        with self.following() as directory:
            self.assertTrue(directory.wait(PATIENCE_S))
            self.assertTrue(self.followed.wait(PATIENCE_S))
            self.assertEqual(list(directory.endpoints), self.known)
            self.assertEqual(self.asked, [0, 1])
            self.assertEqual(directory.unreadable, {})
            self.over.set()

    def test_a_refusal_for_another_reason_is_a_failure(self) -> None:
        """It is not answered by asking once more."""
        self.old = Dispatcher({"lookup": self.watch})
        with self.assertLogs("ponte.directory", logging.WARNING) as logs, \
                self.following() as directory:
            self.assertFalse(directory.wait(PATIENCE_S))
        self.assertRegex(logs.output[0], "no method 'watch'")


class LyingRegistries(OverHttp):
    """A registry sends a text that is not a view."""

    def serve(self, request: Request, *_: object) -> Reply:
        """The answers in turn; then 503, once the reader has read them all."""
        if self.answers:
            return Reply(200, {}, encode_result(self.answers.pop(0)))
        self.read.set()
        return Reply(503, {}, b"")

    def test_a_text_that_is_no_view_is_a_warning_and_changes_nothing(self) -> None:
        """One line, whatever the text is; the last view stays in use."""
        good = answer(endpoint("a")).to_json()
        for lie in ("", "x\ny", "[]", "NaN", "[" * 10 ** 5, "9" * 5000, good[:-1],
                    good.replace("4242", "NaN"), good.replace("4242", "9" * 30),
                    good.replace('"1"', "1"), good.replace('"left"', '"gone"'),
                    good.replace('["a"]', '["a","b"]')):
            self.answers, self.read = [good, lie], threading.Event()
            with self.subTest(f"{lie:.40}"), \
                    self.assertLogs("ponte.directory", logging.WARNING) as logs, \
                    self.following() as directory:
                self.assertTrue(directory.wait(PATIENCE_S))
                self.assertTrue(self.read.wait(PATIENCE_S))
                self.assertEqual([e.instance for e in directory.endpoints], ["a"])
            self.assertEqual(len(logs.output), 1)
            self.assertNotIn("\n", logs.output[0])
            self.assertRegex(logs.output[0], "not a view: (Key|Type|Value|JSONDecode)Error")


class LongViews(OverHttp):
    """A view grows with the number of servers; other messages do not."""

    def setUp(self) -> None:
        found = answer(*(endpoint(f"server-{n}") for n in range(MANY)))
        self.view = encode_result(found.to_struct())
        self.assertGreater(len(self.view), MAX_BODY_BYTES)

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
