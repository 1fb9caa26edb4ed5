"""How a registry is read: what several say together, and the threads that follow them."""

from __future__ import annotations

import contextlib
import logging
import ssl
import time
import unittest
from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock
from xmlrpc.client import Fault

from ponte.calls.endpoint import Endpoint
from ponte.discovery.directory import KEEP_S, MAX_VIEW_BYTES, Directory, View, ViewParser
from ponte.net.message import MAX_BODY_BYTES, ProtocolError, Reply, Request
from ponte.net.parser import ReplyParser
from ponte.net.pool import ExchangeError, Pool
from ponte.net.wire import Listener
from ponte.rpc.marshal import encode_result
from tests.fakes import endpoint, hurry_listeners

A, B, C = ("10.0.0.1", 4100), ("10.0.0.2", 4100), ("10.0.0.3", 4100)
PATIENCE_S = 5.0
MANY = 2_000            # endpoints: more than fit into a message of any other kind
EMPTY: dict[str, Any] = {"index": 1, "epoch": "e", "warming": False, "endpoints": [], "left": []}


def setUpModule() -> None:
    hurry_listeners()


def answer(*endpoints: Endpoint, left: Sequence[Endpoint] = (), warming: bool = False) -> dict[str, Any]:
    """What a registry answers to a lookup."""
    tombs = [{"service": e.service, "instance": e.instance, "incarnation": str(e.incarnation)} for e in left]
    return {**EMPTY, "endpoints": [e.to_struct() for e in endpoints], "left": tombs, "warming": warming}


def seen(view: View, now: float = 0.0) -> set[str]:
    """instance/incarnation/state of all endpoints of a view."""
    return {f"{e.instance}/{e.incarnation}/{e.state}" for e in view.endpoints(now)}


class Views(unittest.TestCase):
    """The rules in the docstring of View."""

    def test_what_one_registry_hears_suffices(self) -> None:
        """The union: a server that one registry has lost is only cut off from it."""
        view = View()
        view.take(A, answer(endpoint("a"), endpoint("b")))
        view.take(B, answer(endpoint("b"), endpoint("c")))
        self.assertEqual(seen(view), {"a/1/up", "b/1/up", "c/1/up"})

    def test_of_two_words_about_one_instance_the_weightier_counts(self) -> None:
        """The higher incarnation; then draining, its own word; then up; suspect is only silence."""
        for one, other, winner in ((endpoint("a", 1), endpoint("a", 2, "suspect"), "a/2/suspect"),
                                   (endpoint("a", state="suspect"), endpoint("a"), "a/1/up"),
                                   (endpoint("a", state="draining"), endpoint("a"), "a/1/draining"),
                                   (endpoint("a", state="draining"), endpoint("a", state="suspect"), "a/1/draining")):
            for first, second in ((one, other), (other, one)):
                with self.subTest(first=first, second=second):
                    view = View()
                    view.take(A, answer(first))
                    view.take(B, answer(second))
                    self.assertEqual(seen(view), {winner})

    def test_a_tombstone_beats_an_equal_or_lower_incarnation(self) -> None:
        """Who has left stays gone, also where another registry has not heard of it; a new life lives."""
        for buried, alive, left in ((1, 1, set()), (2, 1, set()), (1, 2, {"a/2/up"})):
            with self.subTest(buried=buried, alive=alive):
                view = View()
                view.take(A, answer(endpoint("a", alive)))
                view.take(B, answer(left=[endpoint("a", buried)]))
                self.assertEqual(seen(view), left)

    def test_a_tombstone_is_for_one_instance_of_one_service(self) -> None:
        """A namesake in another service lives on."""
        view = View()
        view.take(A, answer(endpoint("a", service="bank"), endpoint("b")))
        view.take(B, answer(left=[endpoint("a")]))
        self.assertEqual(seen(view), {"a/1/up", "b/1/up"})

    def test_a_later_answer_replaces_an_earlier_one(self) -> None:
        """Of the same registry: its word is whole."""
        view = View()
        view.take(A, answer(endpoint("a"), endpoint("b")))
        view.take(A, answer(endpoint("b")))
        self.assertEqual(seen(view), {"b/1/up"})

    def test_a_registry_that_warms_up_adds_to_what_was_known_of_it(self) -> None:
        """It has just started: what it does not know yet is not gone. Once warm, its word is whole again."""
        view = View()
        view.take(A, answer(endpoint("a"), endpoint("b")))
        view.take(A, answer(endpoint("b", state="draining"), warming=True))
        self.assertEqual(seen(view), {"a/1/up", "b/1/draining"})
        view.take(A, answer(endpoint("b")))
        self.assertEqual(seen(view), {"b/1/up"})

    def test_the_word_of_a_lost_registry_counts_for_a_while_beside_others(self) -> None:
        """KEEP_S from the moment it was lost, however often it is lost again."""
        view = View()
        view.take(A, answer(endpoint("a")))
        view.take(B, answer(endpoint("b")))
        view.lose(A, 10.0)
        view.lose(A, 12.0)
        self.assertEqual(seen(view, 10.0 + KEEP_S - 0.01), {"a/1/up", "b/1/up"})
        self.assertEqual(seen(view, 10.0 + KEEP_S), {"b/1/up"})

    def test_an_outage_of_all_freezes_the_view(self) -> None:
        """Calls go on with the last words, for ever."""
        view = View()
        view.take(A, answer(endpoint("a")))
        view.take(B, answer(endpoint("b")))
        for registry in (A, B, C):
            view.lose(registry, 10.0)
        self.assertEqual(seen(view, 1e6), {"a/1/up", "b/1/up"})

    def test_a_registry_that_answers_again_counts_again(self) -> None:
        """Also if it is lost once more later."""
        view = View()
        view.take(A, answer(endpoint("a")))
        view.take(B, answer(endpoint("b")))
        view.lose(A, 10.0)
        view.take(A, answer(endpoint("a")))
        self.assertEqual(seen(view, 100.0), {"a/1/up", "b/1/up"})
        view.lose(A, 100.0)
        self.assertEqual(seen(view, 101.0), {"a/1/up", "b/1/up"})

    def test_what_is_no_answer_changes_nothing(self) -> None:
        """KeyError, TypeError or ValueError; the view is as it was."""
        view = View()
        view.take(A, answer(endpoint("a")))
        good = answer(endpoint("b"))
        rows: list[Any] = [None, [], "x", {}, {**good, "endpoints": None}, {**good, "endpoints": [{}]},
                           {**good, "left": [{}]}, {**good, "left": None},
                           {key: value for key, value in good.items() if key != "warming"}]
        for bad in rows:
            with self.subTest(bad=bad), self.assertRaises((KeyError, TypeError, ValueError)):
                view.take(A, bad)
            self.assertEqual(seen(view), {"a/1/up"})

    def test_a_view_is_complete_once_a_warm_registry_has_answered(self) -> None:
        """Only then does a service that is not named not exist."""
        view = View()
        self.assertFalse(view.is_complete())
        view.take(A, answer(warming=True))
        self.assertFalse(view.is_complete())
        view.take(B, answer())
        self.assertTrue(view.is_complete())


class Directories(unittest.TestCase):
    """A reader's threads, with registries that are only functions."""

    def follow(self, answers: dict[Any, Any], **expected: Any) -> Directory:
        """A directory whose registries give these answers, each once, and then are silent until it is closed."""
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

    def test_who_waits_finds_the_change_made(self) -> None:
        """`on_change` has run before `wait` returns."""
        changes: list[str] = []
        directory = self.follow({A: answer(endpoint("a"))}, on_change=lambda: changes.append("made"))
        self.assertTrue(directory.wait(PATIENCE_S))
        self.assertEqual((changes, [e.instance for e in directory.endpoints]), (["made"], ["a"]))

    def test_waiting_ends_when_every_registry_has_failed(self) -> None:
        """No call waits for its whole timeout when nobody is there to answer."""
        directory = self.follow({A: OSError("refused"), B: Fault(1, "no")})
        started = time.monotonic()
        self.assertFalse(directory.wait(PATIENCE_S))
        self.assertLess(time.monotonic() - started, PATIENCE_S / 2)

    def test_one_answer_is_enough(self) -> None:
        """The others may be down."""
        directory = self.follow({A: OSError("refused"), B: answer(endpoint("b"))})
        self.assertTrue(directory.wait(PATIENCE_S))

    def test_nonsense_counts_as_no_answer(self) -> None:
        """Whatever a registry says, its thread lives on, and the others are heard."""
        for nonsense in (None, 7, {}, {**EMPTY, "endpoints": [{**endpoint("x").to_struct(), "state": "asleep"}]},
                         {**EMPTY, "endpoints": [{**endpoint("x").to_struct(), "port": float("inf")}]}):
            with self.subTest(nonsense=nonsense), mock.patch("threading.excepthook") as died:
                directory = self.follow({A: nonsense})
                self.assertFalse(directory.wait(PATIENCE_S / 10))
                died.assert_not_called()

    def test_a_registry_that_cannot_be_read_is_warned_of_once(self) -> None:
        """Whatever it answers that is no view, also TLS's no; until it has given one."""
        too_long = ExchangeError("reply", ProtocolError(413, "a body of more than 16777216 bytes"))
        refused = ExchangeError("connect", ssl.SSLError(1, "[SSL: UNKNOWN_CA] unknown ca (_ssl.c:1007)"))
        for error, told in ((too_long, "more than 16777216"), (refused, "handshake failed: unknown ca$"),
                            (Fault(1, "no"), "Fault 1"), (KeyError("left"), "left")):
            with self.subTest(told), self.assertLogs("ponte.directory", logging.WARNING) as logs:
                directory = Directory("greeter", [A, B])
                for failed in (error, error):
                    directory._lose(A, failed)
                self.assertEqual((list(directory.unreadable), len(logs.output)), ([A], 1))
                self.assertRegex(logs.output[0], f"10.0.0.1:4100.*{told}")
                directory._take(A, answer(endpoint("a")))
                self.assertEqual(directory.unreadable, {})
                directory._lose(A, error)
                self.assertEqual(len(logs.output), 2)

    def test_a_registry_out_of_reach_is_no_warning(self) -> None:
        """It may be started anew; servers and proxies tell of it by their beats."""
        with self.assertLogs("ponte", logging.WARNING) as logs:
            logging.getLogger("ponte.test").warning("as the context wants one")
            directory = Directory("greeter", [A])
            for error in (OSError("refused"), ExchangeError("connect", ConnectionRefusedError("refused")),
                          ExchangeError("reply", ConnectionResetError("reset")),
                          ExchangeError("reply", ssl.SSLEOFError(8, "EOF occurred in violation of protocol"))):
                directory._lose(A, error)
        self.assertEqual((directory.unreadable, len(logs.output)), ({}, 1))


class LongViews(unittest.TestCase):
    """A view grows with the number of servers; other messages do not."""

    def setUp(self) -> None:
        self.view = encode_result(answer(*(endpoint(f"server-{number}") for number in range(MANY))))
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
        with self.following() as directory:
            self.assertTrue(directory.wait(PATIENCE_S))
            self.assertEqual(len(directory.endpoints), MANY)

    def test_it_has_a_limit_too_and_beyond_it_somebody_is_told(self) -> None:
        with mock.patch.multiple(ViewParser, max_body_bytes=len(self.view) - 1, _known={}), \
                self.assertLogs("ponte.directory", logging.WARNING) as logs, self.following() as directory:
            self.assertFalse(directory.wait(PATIENCE_S))
        self.assertRegex(logs.output[0], f"more than {len(self.view) - 1} bytes")

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
