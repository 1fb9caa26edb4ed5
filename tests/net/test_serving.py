"""The listener, with both drivers: its limits, its end, and handlers that wait.

What callers see of requests and replies is in test_engines.py.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
import unittest
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any, Callable, cast
from unittest import mock

from ponte.net import serving
from ponte.net.loop import Loop
from ponte.net.message import ProtocolError, Reply, Request, text_reply
from ponte.net.serving import Handler, Listener
from ponte.net.stream import DONE, NOTHING, READ, Program, Stream, Waitable, result_of
from ponte.net.tls import Tls
from tests.fakes import eventually, hurry_listeners
from tests.net.engines import EngineCase, OfEvents, OfThreads
from tests.net.peers import (
    PATIENCE_S,
    POST,
    SOON_S,
    Connection,
    connected,
    echo,
    post,
    reset,
    soon,
    tcp_pair,
    wait_until_refused,
)


def setUpModule() -> None:
    hurry_listeners()


OK_REPLY = Reply(200, {}, b"ok")


class PlainTls:
    """Stands in for the certificates of a listener: its connections stay as they are."""

    def wrap_accepted(self, sock: socket.socket) -> socket.socket:
        return sock


class Held:
    """A handler whose calls wait, in a program, until the test lets them go."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.replies: list[Future[Reply]] = []
        # Whether the caller of the call that began last has left.
        self.caller_left: Callable[[], bool] = lambda: False

    def __call__(self, request: Request, received_at: float,
                 caller_left: Callable[[], bool]) -> Program[Reply]:
        self.caller_left = caller_left
        self.replies.append(Future())
        self.begun.release()
        return result_of(self.replies[-1])

    def wait(self, calls: int = 1) -> None:
        """Until so many more calls have begun."""
        for _ in range(calls):
            if not self.begun.acquire(timeout=PATIENCE_S):
                raise AssertionError("the call has not begun")

    def let_go(self) -> None:
        # The next call of a caller begins as soon as this one is answered: it is not let go.
        running, self.replies = self.replies, []
        for reply in running:
            reply.set_result(Reply(200, {}, b"done"))


class Listeners(EngineCase):
    """Limits and handlers."""

    def listening(self, handler: Handler = echo,
                  **options: Any) -> contextlib.AbstractContextManager[Listener]:
        """A running listener on a free port, whose handler may also return programs."""
        return self.running(cast(Any, handler), **options)

    def test_a_handler_may_return_a_program_that_waits(self) -> None:
        """For time, for a future, for a socket; the reply is its result."""
        ours, theirs = tcp_pair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        waitable = Waitable(ours)
        never: Future[None] = Future()

        def handle(request: Request, *_: object) -> Program[Reply]:
            yield None, NOTHING, time.monotonic() + 0.001
            late = yield never, DONE, time.monotonic() + 0.001
            theirs.sendall(b"x")
            ready = yield waitable, READ, soon()
            return Reply(200, {}, f"{late} {ready} {ours.recv(1)!r}".encode())

        with self.listening(handle) as running, connected(running.address) as caller:
            for _ in range(2):
                self.assertEqual(self.ask(caller).body, b"False True b'x'")

    def test_a_reply_to_head_is_the_head_of_the_reply(self) -> None:
        """RFC 9110 section 9.3.2: with the length that GET would give, and no byte of the body."""
        def handle(request: Request, *_: object) -> Reply:
            return OK_REPLY if request.target == "/" else text_reply(404, "nothing here")

        with self.listening(handle) as running:
            for target, length in (("/", 2), ("/x", 13)):
                with socket.create_connection(running.address, PATIENCE_S) as sock:
                    sock.sendall(f"HEAD {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * 2)
                    sock.shutdown(socket.SHUT_WR)
                    came = b"".join(iter(lambda: sock.recv(65536), b""))
                *heads, rest = came.split(b"\r\n\r\n")
                self.assertEqual((len(heads), rest), (2 if target == "/" else 1, b""))
                for head in heads:
                    self.assertIn(b"\r\nContent-Length: %d" % length, head)

    def test_a_call_that_waits_holds_up_no_other_caller(self) -> None:
        """Nor does it keep its connection from being idle later."""
        held = Held()

        def handle(request: Request, received_at: float,
                   left: Callable[[], bool]) -> Reply | Program[Reply]:
            return held(request, received_at, left) if request.target == "/held" else OK_REPLY

        with self.listening(handle) as running, connected(running.address) as caller, \
                connected(running.address) as other:
            caller.send(post("/held"), soon())
            held.wait()
            self.assertEqual(self.ask(other).body, b"ok")
            held.let_go()
            reply = caller.read(soon())
            self.assertEqual(reply and reply.body, b"done")
            self.assertEqual(self.ask(caller).body, b"ok")

    def test_a_handler_that_returns_nonsense_costs_its_call_only(self) -> None:
        for nonsense in (None, 7):
            handler = cast(Handler, mock.Mock(return_value=nonsense))
            with self.subTest(nonsense), self.listening(handler) as running:
                reply, = self.exchange(running.address, POST * 2)
                self.assertEqual(reply.status, 500)
                self.wait_for_end(cast(Any, running))

    def test_a_program_that_waits_for_nonsense_costs_its_connection_only(self) -> None:
        """It is no reply and no error: the driver ends it, and counts an error."""
        def handle(request: Request, *_: object) -> Program[Reply]:
            yield cast(Any, 7)
            raise AssertionError("it goes on")

        with self.listening(handle, errors=1) as running:
            self.assertEqual(self.exchange(running.address, POST), [])
            self.wait_for_end(cast(Any, running))
            with connected(running.address):
                eventually(lambda: running.connections == 1)

    def test_calls_beyond_the_limit_are_refused_and_not_run(self) -> None:
        """503 with Not-Executed. When one has ended, another can run."""
        held = Held()
        with self.listening(held, max_calls=2) as running, contextlib.ExitStack() as stack:
            callers = [stack.enter_context(connected(running.address)) for _ in range(2)]
            for caller in callers:
                caller.send(POST, soon())
            held.wait(2)
            reply, = self.exchange(running.address, POST)
            self.assertEqual((reply.status, reply.headers["not-executed"]), (503, "1"))
            self.assertEqual(len(held.replies), 2)
            held.let_go()
            for caller in callers:
                self.assertIsNotNone(caller.read(soon()))
            self.assertTrue(running.wait_until_quiet(PATIENCE_S))
            callers[0].send(POST, soon())
            held.wait()
            held.let_go()
            self.assertIsNotNone(callers[0].read(soon()))

    def test_a_caller_beyond_the_limit_that_has_left_does_no_harm(self) -> None:
        """There is nobody to take the 503."""
        broken = BrokenPipeError("gone")
        with self.listening(max_connections=1) as running, connected(running.address) as within:
            self.ask(within)
            with mock.patch.object(Stream, "write", side_effect=broken), \
                    socket.create_connection(running.address, PATIENCE_S) as beyond, \
                    contextlib.suppress(ConnectionResetError):
                self.assertEqual(beyond.recv(1000), b"")
            self.assertEqual(self.ask(within).body, b"hello")

    def test_a_peer_that_a_handshake_refuses_can_read_why(self) -> None:
        """Also if it has sent a request already: to close with unread bytes would be a reset."""
        def refuse(stream: Waitable, deadline: float) -> Program[None]:
            # The request has come.
            self.assertTrue((yield stream, READ, deadline))
            stream.socket.sendall(b"an alert")
            raise OSError("refused")

        with mock.patch.object(serving, "shake_hands", refuse), \
                self.listening(tls=cast(Tls, PlainTls())) as running, \
                socket.create_connection(running.address, PATIENCE_S) as sock:
            sock.sendall(POST)
            self.assertEqual([sock.recv(100), sock.recv(100)], [b"an alert", b""])

    def test_a_connection_that_cannot_be_served_does_not_stop_the_others(self) -> None:
        """One breaks while it is accepted; for another, the system has no thread."""
        def fail(what: object, name: str, error: Exception) -> Any:
            return mock.patch.object(what, name, side_effect=error)

        for failing in (fail(Stream, "__init__", OSError(22, "Invalid argument")),
                        fail(threading.Thread, "start", RuntimeError("can't start new thread"))):
            with self.subTest(failing.attribute), self.listening() as running:
                with failing, socket.create_connection(running.address, SOON_S) as broken, \
                        contextlib.suppress(OSError):
                    # Until the listener has dealt with it.
                    broken.recv(1000)
                reply, = self.exchange(running.address, POST)
                self.assertEqual(reply.body, b"hello")
                self.wait_for_end(cast(Any, running))

    def test_quiet_is_noticed_at_once(self) -> None:
        """Who waits for the end of calls is woken. Idle connections do not count, unless asked for.
        """
        held = Held()
        with self.listening(held) as running, connected(running.address) as connection:
            connection.send(POST, soon())
            held.wait()
            self.assertFalse(running.wait_until_quiet(0.01))
            began = time.monotonic()
            threading.Timer(0.01, held.let_go).start()
            self.assertTrue(running.wait_until_quiet(PATIENCE_S))
            self.assertLess(time.monotonic() - began, PATIENCE_S / 2, "it was not woken")
            self.assertFalse(running.wait_until_quiet(0.01, idle_too=True))
            threading.Timer(0.01, connection.close).start()
            self.assertTrue(running.wait_until_quiet(PATIENCE_S, idle_too=True))

    def test_it_serves_from_its_start_to_its_end(self) -> None:
        """By this, its process decides whether it beats."""
        listener = self.make()
        self.assertFalse(listener.is_serving())
        listener.start()
        eventually(listener.is_serving)
        listener.close()
        self.assertFalse(listener.is_serving())

    def test_a_request_that_was_whole_is_run_also_if_its_caller_sends_no_more(self) -> None:
        """The end of its sending side comes with the request, or while it runs."""
        held = Held()
        with self.listening(held) as running, connected(running.address) as caller:
            caller.send(POST, soon())
            caller.socket.shutdown(socket.SHUT_WR)
            held.wait()
            held.let_go()
            reply = caller.read(soon())
            self.assertEqual(reply and reply.body, b"done")
            self.wait_for_end(cast(Any, running))


class Callers(EngineCase):
    """A handler can ask whether its caller has left. The test asks, on a thread of its own."""

    @contextlib.contextmanager
    def calling(self) -> Iterator[tuple[Held, Listener, Connection[Reply]]]:
        """A call that is running, and its caller."""
        held = Held()
        with self.running(cast(Any, held)) as running, \
                connected(running.address) as caller:
            caller.send(POST, soon())
            held.wait()
            self.assertFalse(held.caller_left())
            yield held, running, caller

    def is_answered(self, held: Held, caller: Connection[Reply]) -> None:
        held.let_go()
        reply = caller.read(soon())
        self.assertEqual(reply and reply.body, b"done")

    def test_a_caller_that_waits_is_there(self) -> None:
        """However often one asks; and in its next call."""
        with self.calling() as (held, _, caller):
            for _ in range(3):
                self.assertFalse(held.caller_left())
            self.is_answered(held, caller)
            caller.send(POST, soon())
            held.wait()
            self.assertFalse(held.caller_left())
            self.is_answered(held, caller)

    def test_a_caller_that_has_closed_its_connection_has_left(self) -> None:
        """Also by a reset, as one does that gives its call up. Its connection ends here, too."""
        for leave in (socket.socket.close, reset):
            with self.subTest(leave.__name__), self.calling() as (held, running, caller):
                leave(caller.socket)
                eventually(held.caller_left)
                self.assertTrue(held.caller_left())
                held.let_go()
                self.wait_for_end(cast(Any, running))

    def test_a_caller_that_ends_its_sending_side_counts_as_gone(self) -> None:
        """It may still read: it gets its reply, whatever the handler makes of it."""
        with self.calling() as (held, running, caller):
            caller.socket.shutdown(socket.SHUT_WR)
            eventually(held.caller_left)
            self.is_answered(held, caller)
            self.assertIsNone(caller.read(soon()))
            self.wait_for_end(cast(Any, running))

    def test_the_next_request_of_a_caller_is_not_lost_by_a_look(self) -> None:
        """It came whole, or in part, while the call was running: it is answered in its turn."""
        for first in (POST, POST[:20], POST + POST[:20]):
            with self.subTest(len(first)), self.calling() as (held, _, caller):
                caller.send(first, soon())
                look = cast(Any, held.caller_left)
                eventually(lambda: not look() and look.__self__.parser.in_message)      # noqa: B023
                self.is_answered(held, caller)
                caller.send((POST + POST)[len(first):], soon())
                for _ in range(2):
                    held.wait()
                    self.assertFalse(held.caller_left())
                    self.is_answered(held, caller)

    def test_a_handler_may_ask_where_it_runs(self) -> None:
        """Before its reply, or its program, begins to wait."""
        def handle(request: Request, received_at: float, left: Callable[[], bool]) -> Reply:
            return Reply(200, {}, str(left()).encode())

        with self.running(handle) as running, connected(running.address) as caller:
            for _ in range(2):
                self.assertEqual(self.ask(caller).body, b"False")

        def wait_for_the_end(request: Request, received_at: float,
                             left: Callable[[], bool]) -> Reply:
            # While the second request is here already, its caller is taken to be there.
            is_last = not cast(Any, left).__self__.parser.in_message
            if is_last:
                eventually(left)
            return Reply(200, {}, str(is_last or left()).encode())

        self.assertEqual([reply.body for reply in self.pipelined(wait_for_the_end)],
                         [b"False", b"True"])

    def pipelined(self, handler: Handler) -> list[Reply]:
        """The replies to two requests that came at once, with the end of the stream behind them."""
        with self.running(cast(Any, handler)) as running:
            return self.exchange(running.address, POST * 2)


class Marks(EngineCase):
    """Every reply says who made it: a caller must notice a stranger on the port."""

    MARK = "bank-1; incarnation=7"

    @contextlib.contextmanager
    def marking(self, handler: Handler = echo, **options: Any) -> Iterator[Listener]:
        with self.running(cast(Any, handler), **options) as running:
            running.served_by = lambda: self.MARK
            yield running

    def is_marked(self, status: int, replies: list[Reply]) -> None:
        self.assertEqual([(reply.status, reply.headers.get("served-by")) for reply in replies],
                         [(status, self.MARK)])

    def test_a_reply_without_a_mark_gets_one(self) -> None:
        """Whatever its status, also where the handler raises."""
        def fail(error: Exception) -> Handler:
            return cast(Handler, mock.Mock(side_effect=error))

        for status, handler in ((200, echo),
                                (404, lambda *_: text_reply(404, "nothing here")),
                                (422, fail(ProtocolError(422, "another body"))),
                                (500, fail(ValueError("a mistake")))):
            with self.subTest(status), self.marking(handler) as running:
                self.is_marked(status, self.exchange(running.address, POST))

    def test_a_reply_that_has_a_mark_keeps_it(self) -> None:
        """It came from another process. One with written lines always brings its mark along."""
        for reply in (Reply(200, {"Served-By": "other"}, b""),
                      Reply(200, {}, b"", lines="Served-By: other\r\n"),
                      Reply(404, {"A": "b"}, b"", lines="C: d\r\nserved-BY: other\r\n")):
            with self.subTest(reply), self.marking(lambda *_: reply) as running:    # noqa: B023
                came, = self.exchange(running.address, POST)
                self.assertEqual(came.headers["served-by"], "other")

    def test_a_header_that_only_looks_like_a_mark_is_none(self) -> None:
        """It stays, beside the mark."""
        for headers in ({"X-Served-By": "other"}, {"X-Note": "Served-By: other"}):
            reply = Reply(200, headers, b"")
            with self.subTest(reply), self.marking(lambda *_: reply) as running:    # noqa: B023
                came, = self.exchange(running.address, POST)
                self.is_marked(200, [came])
                for name, value in headers.items():
                    self.assertEqual(came.headers[name.lower()], value)

    def test_a_refusal_before_the_handler_has_a_mark(self) -> None:
        """Malformed, too long, too slow; too many calls."""
        self.limit("MESSAGE_TIMEOUT_S")
        long = post(target="/" + "x" * 20_000)
        many = POST.replace(b"\r\n\r\n", b"\r\n" + b"A: b\r\n" * 200 + b"\r\n")
        for status, request in ((400, b"garbage\r\n\r\n"), (414, long), (431, many)):
            with self.subTest(status), self.marking() as running:
                self.is_marked(status, self.exchange(running.address, request))
        with self.marking() as running, connected(running.address) as caller:
            caller.send(POST[:-1], soon())
            reply = caller.read(soon())
            self.is_marked(408, [reply] if reply else [])
        with self.marking(max_calls=0) as running:
            self.is_marked(503, self.exchange(running.address, POST))

    def test_a_connection_that_is_turned_away_is_told_by_whom(self) -> None:
        """Too many of them; or the system has no thread for it."""
        with self.marking(max_connections=1) as running, connected(running.address) as within:
            self.ask(within)
            self.is_turned_away(running)
        no_thread = RuntimeError("can't start new thread")
        with self.marking() as running, \
                mock.patch.object(running.driver, "spawn", side_effect=no_thread):
            self.is_turned_away(running)

    def is_turned_away(self, running: Listener) -> None:
        with connected(running.address) as caller:
            reply = caller.read(soon())
            self.is_marked(503, [reply] if reply else [])
            self.assertEqual(reply and reply.headers["not-executed"], "1")

    def test_a_listener_without_a_mark_adds_none(self) -> None:
        """It may get one later: the life of a server has its number only when it starts."""
        with self.running() as running, connected(running.address) as caller:
            self.assertNotIn("served-by", self.ask(caller).headers)
            running.served_by = lambda: self.MARK
            self.is_marked(200, [self.ask(caller)])


class Ends(EngineCase):
    """A listener that is closed by another thread, whatever its callers do."""

    def test_every_caller_is_ended(self) -> None:
        """One is idle, one has sent half a request, one was never heard, one's call is running."""
        held = Held()
        with self.running(cast(Any, held)) as running, contextlib.ExitStack() as stack:
            idle, half, silent, calling = \
                [stack.enter_context(connected(running.address)) for _ in range(4)]
            idle.send(POST, soon())
            held.wait()
            held.let_go()
            self.assertIsNotNone(idle.read(soon()))
            half.send(POST[:-1], soon())
            calling.send(POST, soon())
            held.wait()
            eventually(lambda: running.connections == 4)
            closing = threading.Thread(target=running.close, args=(PATIENCE_S,))
            closing.start()
            # 1. All but the one whose call is running end at once; nobody else comes in.
            for caller in (idle, half, silent):
                with contextlib.suppress(ConnectionResetError):
                    self.assertIsNone(caller.read(soon()))
            wait_until_refused(running.address)
            self.assertTrue(closing.is_alive(), "a call is running")
            # 2. The call has its grace.
            held.let_go()
            reply = calling.read(soon())
            self.assertEqual(reply and reply.body, b"done")
            calling.close()
            closing.join(PATIENCE_S)
            self.assertFalse(closing.is_alive())
            self.assertTrue(running.wait_until_quiet(PATIENCE_S, idle_too=True))

    def test_a_call_that_does_not_end_is_cut_off(self) -> None:
        """After its grace; its program is ended where a loop carries it out."""
        held = Held()
        with self.running(cast(Any, held)) as running, connected(running.address) as caller:
            caller.send(POST, soon())
            held.wait()
            began = time.monotonic()
            running.close(SOON_S)
            self.assertLess(time.monotonic() - began, PATIENCE_S / 2)
            with contextlib.suppress(ConnectionResetError):
                self.assertIsNone(caller.read(soon()))
            # Its thread, if it has one, ends too.
            held.let_go()

    def test_many_threads_may_close_it(self) -> None:
        with self.running() as running, connected(running.address) as caller:
            self.ask(caller)
            closing = [threading.Thread(target=running.close) for _ in range(4)]
            for thread in closing:
                thread.start()
            for thread in closing:
                thread.join(PATIENCE_S)
                self.assertFalse(thread.is_alive())
            self.assertIsNone(caller.read(soon()))

    def test_it_leaves_no_socket_open(self) -> None:
        """Neither of callers, nor of servers, nor its own."""
        held = Held()
        running = self.make(cast(Any, held))
        running.start()
        with connected(running.address) as idle, connected(running.address) as calling:
            eventually(lambda: running.connections == 2)
            streams = running._open.copy()
            calling.send(POST, soon())
            held.wait()
            running.close()
            held.let_go()
            self.assertIsNone(idle.read(soon()))
            eventually(lambda: {stream.socket.fileno() for stream in streams} == {-1})
            self.assertEqual(running._socket.socket.fileno(), -1)
            eventually(lambda: running.connections == 0)


class Windows(unittest.TestCase):
    """There, `select` takes 512 sockets."""

    def test_a_limit_that_is_too_high_is_refused(self) -> None:
        """Before a port is taken."""
        with mock.patch.object(sys, "platform", "win32"), \
                mock.patch.object(Loop, "max_connections", 200), \
                self.assertRaisesRegex(ValueError, "200"):
            Listener("127.0.0.1", 0, echo, engine="events", max_connections=201)


# ---- with each engine ------------------------------------------------------------------------

class ListenersOfThreads(OfThreads, Listeners, unittest.TestCase):
    pass


class ListenersOfEvents(OfEvents, Listeners, unittest.TestCase):
    pass


class CallersOfThreads(OfThreads, Callers, unittest.TestCase):
    pass


class CallersOfEvents(OfEvents, Callers, unittest.TestCase):
    pass


class MarksOfThreads(OfThreads, Marks, unittest.TestCase):
    pass


class MarksOfEvents(OfEvents, Marks, unittest.TestCase):
    pass


class EndsOfThreads(OfThreads, Ends, unittest.TestCase):
    pass


class EndsOfEvents(OfEvents, Ends, unittest.TestCase):
    pass


if __name__ == "__main__":
    unittest.main()
