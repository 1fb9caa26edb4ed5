"""What callers of the proxy see, with either engine: requests, replies, and ends of connections.

Every test runs with both engines, on loopback, and every wait has a deadline. The side of the
servers is in test_engines_servers.py; what only ponte/net/loop.py has is in test_loop.py.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
import unittest
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import NoReturn
from unittest import mock

from ponte.calls.attempt import Outcome
from ponte.net.message import CONTINUE, ProtocolError, Reply, Request, date_line, encode_reply
from ponte.net.pool import POOL_IDLE_S, Pool
from ponte.net.serving import IDLE_TIMEOUT_S, KEPT
from ponte.net.stream import Program
from tests.fakes import eventually, hurry_listeners
from tests.net.engines import Engine, EngineCase, OfEvents, OfThreads, Trying
from tests.net.peers import (
    CLOSING,
    OK,
    ONE_MIB,
    PATIENCE_S,
    POST,
    SOON_S,
    Connection,
    Mute,
    Peer,
    connect,
    connected,
    echo,
    is_readable,
    post,
    receive,
    reset,
    slow_reader,
    soon,
    wait_until_refused,
)


def setUpModule() -> None:
    hurry_listeners()


def rest_of(sock: socket.socket) -> bytes:
    """All bytes until the end of the stream."""
    came = b""
    while more := sock.recv(65536):
        came += more
    return came


class Callers(EngineCase):
    """Requests in, replies out."""

    def test_pipelined_requests_are_answered_in_their_order(self) -> None:
        with self.running() as engine:
            requests = [post(body=b"%d" % number) for number in range(300)]
            replies = self.exchange(engine.address, b"".join(requests))
        self.assertEqual([int(reply.body) for reply in replies], list(range(300)))

    def test_a_refused_request_is_answered_and_the_connection_closed(self) -> None:
        """After an error the framing is lost: what follows is not read as a request."""
        begin = mock.Mock(side_effect=echo)
        with self.running(begin) as engine:
            for bad, status in (
                    (b"nonsense\r\n\r\n", 400),
                    (b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", 411),
                    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n", 413),
                    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
                    (b"\x16\x03\x01\x02\x00\x01", 400)):
                reply, = self.exchange(engine.address, bad + POST)
                self.assertEqual(reply.status, status)
                self.assertFalse(reply.keep_alive)
            self.wait_for_end(engine)
        begin.assert_not_called()

    def test_a_request_that_is_not_whole_is_not_begun(self) -> None:
        """At whatever byte it is cut."""
        begin = mock.Mock(side_effect=echo)
        with self.running(begin) as engine:
            for end in range(len(POST)):
                self.assertEqual(self.exchange(engine.address, POST[:end]), [])
        begin.assert_not_called()

    def test_a_request_in_many_pieces_is_begun_once(self) -> None:
        begin = mock.Mock(side_effect=echo)
        with self.running(begin) as engine, connected(engine.address) as caller:
            for position in range(len(POST) - 1):
                caller.send(POST[position:position + 1], soon())
            self.assertEqual(self.ask(caller, POST[-1:]).body, b"hello")
        self.assertEqual(begin.call_count, 1)

    def test_what_begin_raises_is_answered(self) -> None:
        """A ProtocolError with its status, any other error as a 500 that hides its text."""
        for error, status in ((ProtocolError(412, "gone"), 412), (RuntimeError("secret"), 500),
                              (OSError("secret"), 500)):
            with self.running(mock.Mock(side_effect=error)) as engine:
                reply, = self.exchange(engine.address, POST * 2)
                self.assertEqual(reply.status, status)
                self.assertNotIn(b"secret", reply.body)
                self.assertFalse(reply.keep_alive)
                self.wait_for_end(engine)

    def test_a_program_that_fails_costs_its_call_only(self) -> None:
        """A 500, at whatever step it fails; no call goes on running, and the next is answered."""
        class Failing(Trying):
            def __init__(self, step: str, error: Exception) -> None:
                super().__init__(peer.address)
                self.step, self.error = step, error

            def carry_out(self, pool: Pool) -> Program[Reply]:
                if self.step == "before":
                    raise self.error
                reply = yield from super().carry_out(pool)
                if self.step == "after":
                    raise self.error
                return reply

        for step in ("before", "after"):
            for error in (RuntimeError("secret"), OSError("secret"), socket.timeout("secret"),
                          ValueError("secret")):
                begin = mock.Mock()
                with self.subTest(step, error=error), Peer(CLOSING, CLOSING) as peer, \
                        self.running(begin) as engine:
                    begin.side_effect = (Failing(step, error), Failing("never", error))
                    reply, = self.exchange(engine.address, POST * 2)
                    self.assertEqual(reply.status, 500)
                    self.assertNotIn(b"secret", reply.body)
                    self.wait_for_end(engine)
                    reply, = self.exchange(engine.address, POST)
                    self.assertEqual(reply.body, b"bye")

    def test_what_a_program_refuses_is_answered(self) -> None:
        """A ProtocolError, with its status and headers."""
        class Refusing(Trying):
            def carry_out(self, pool: Pool) -> NoReturn:
                raise ProtocolError(405, "no", Allow="GET")

        with self.running(lambda *_: Refusing()) as engine:
            reply, = self.exchange(engine.address, POST * 2)
            self.assertEqual((reply.status, reply.headers["allow"]), (405, "GET"))

    def test_errors_end_the_connection(self) -> None:
        with self.running(lambda request, *_: Reply(404, {}, b"")) as engine:
            reply, = self.exchange(engine.address, POST * 2)
            self.assertFalse(reply.keep_alive)

    def test_a_caller_that_speaks_http_1_0_is_answered_once(self) -> None:
        with self.running() as engine:
            old = POST.replace(b"HTTP/1.1", b"HTTP/1.0")
            reply, = self.exchange(engine.address, old * 2)
            self.assertEqual(reply.body, b"hello")
            self.assertFalse(reply.keep_alive)

    def test_a_caller_that_speaks_http_1_0_may_keep_its_connection(self) -> None:
        """By Connection: keep-alive, as of `ab -k`; each reply says so. Errors close it."""
        old = b"POST / HTTP/1.0\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello"
        with self.running() as engine, connected(engine.address) as caller:
            for _ in range(3):
                reply = self.ask(caller, old)
                self.assertTrue(reply.keep_alive)
                self.assertEqual(reply.headers["connection"], "keep-alive")
            reply = self.ask(caller, old.replace(b"Connection", b"X"))
            self.assertEqual(reply.headers["connection"], "close")
            self.assertIsNone(caller.read(soon()))

    def test_every_reply_has_a_date(self) -> None:
        """RFC 9110 section 6.6.1: also refusals. One that a handler brings along stays."""
        own = "Sun, 06 Nov 1994 08:49:37 GMT"

        def begin(request: Request, *_: object) -> Reply:
            if request.target == "/raise":
                raise ProtocolError(415, "no")
            return Reply(200, {}, b"", date=own if request.target == "/own" else None)

        before = time.time() - 1
        with self.running(begin, max_connections=1) as engine, connected(engine.address) as caller:
            self.assertEqual(self.ask(caller, post("/own")).date, own)
            with connected(engine.address) as beyond:
                too_many = beyond.read(soon())
            raised = self.ask(caller, post("/raise"))
            caller.close()
            self.wait_for_end(engine)
            refused, = self.exchange(engine.address, b"nonsense\r\n\r\n")
            self.wait_for_end(engine)
            served, = self.exchange(engine.address, post("/"))
            for reply in (too_many, raised, refused, served):
                assert reply and reply.date
                at = parsedate_to_datetime(reply.date).timestamp()
                self.assertTrue(before <= at <= time.time(), reply.date)

    def test_the_date_follows_the_clock(self) -> None:
        """Within a second it stays; and it goes back with the clock."""
        with self.running() as engine, connected(engine.address) as caller:
            for now, shown in ((1.2, 1), (1.9, 1), (2.0, 2), (90.5, 90), (0.5, 0)):
                with mock.patch.object(time, "time", return_value=now):
                    date = self.ask(caller).date
                assert date
                self.assertEqual(parsedate_to_datetime(date).timestamp(), shown)

    def test_a_reply_that_keeps_its_connection_tells_for_how_long(self) -> None:
        """Less than it is really kept: nobody sends on a connection that is just being closed."""
        with self.running() as engine, connected(engine.address) as caller:
            told = self.ask(caller).headers["keep-alive"]
            seconds = float(told[len("timeout="):])
            self.assertTrue(POOL_IDLE_S < seconds < IDLE_TIMEOUT_S)
            engine.retire()
            self.assertNotIn("keep-alive", self.ask(caller).headers)

    def test_no_body_follows_a_head_whatever_goes_wrong(self) -> None:
        """With the length that the body would have. The next request on the connection is read."""
        head = b"HEAD / HTTP/1.1\r\nHost: a\r\n"

        def begin(request: Request, *_: object) -> Reply:
            if request.target == "/raise":
                raise ProtocolError(415, "no")
            if request.target == "/fail":
                raise RuntimeError
            return Reply(200, {}, b"hello")

        with self.running(begin) as engine:
            for name, stream in (
                    ("served", head + b"Connection: close\r\n\r\n"),
                    ("with a body", head + b"Connection: close\r\nContent-Length: 2\r\n\r\nab"),
                    ("HTTP/1.0", b"HEAD / HTTP/1.0\r\n\r\n"),
                    ("refused by the handler", head.replace(b"/ ", b"/raise ") + b"\r\n"),
                    ("a handler that fails", head.replace(b"/ ", b"/fail ") + b"\r\n"),
                    ("no host", b"HEAD / HTTP/1.1\r\n\r\n"),
                    ("bad header", head + b"x\r\n\r\n"),
                    ("bad target", head.replace(b"/ ", b"x ")),
                    ("bad version", head.replace(b"1.1", b"2.0")),
                    ("bad chunks", head + b"Transfer-Encoding: chunked\r\n\r\nx\r\n"),
                    ("too long", head + b"Content-Length: 9999999\r\n\r\n"),
                    ("unknown Expect", head + b"Expect: x\r\n\r\n"),
                    ("behind an empty line", b"\r\n" + head + b"x\r\n\r\n")):
                with self.subTest(name), \
                        socket.create_connection(engine.address, PATIENCE_S) as sock:
                    sock.sendall(stream)
                    sock.shutdown(socket.SHUT_WR)
                    came = rest_of(sock)
                    self.assertEqual(came.count(b"HTTP/1.1 "), 1)
                    self.assertTrue(came.endswith(b"\r\n\r\n"), came)
                    self.assertNotIn(b"Content-Length: 0", came)
            with connected(engine.address) as caller:
                caller.send(head + b"\r\n", soon())
                came = b""
                while not came.endswith(b"\r\n\r\n"):
                    came += receive(caller, 1)
                self.assertEqual(self.ask(caller).body, b"hello")

    def test_a_head_that_comes_too_late_gets_no_body(self) -> None:
        self.limit("MESSAGE_TIMEOUT_S")
        with self.running() as engine, \
                socket.create_connection(engine.address, PATIENCE_S) as sock:
            sock.sendall(b"HEAD / HTTP/1.1\r\nHost: a\r\n")
            came = rest_of(sock)
            self.assertIn(b" 408 ", came)
            self.assertTrue(came.endswith(b"\r\n\r\n"))

    def test_one_connection_too_many_is_told_why_and_what_to_do(self) -> None:
        """Whether its request has come already or not. But no body follows a HEAD that has."""
        for sent, has_body in ((b"", True), (POST, True), (b"GET", True), (b"\r\n", True),
                               (b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", False),
                               (b"\r\nHEAD / HTTP/1.1\r\n", False)):
            # Nothing is accepted before all has come.
            engine = self.make(max_connections=1)
            with self.subTest(sent), contextlib.closing(engine), connected(engine.address), \
                    socket.create_connection(engine.address, PATIENCE_S) as beyond:
                beyond.sendall(sent)
                engine.start()
                came = rest_of(beyond)
                self.assertIn(b" 503 ", came)
                self.assertIn(b"Connection: close\r\n", came)
                head, _, body = came.partition(b"\r\n\r\n")
                self.assertNotIn(b"Content-Length: 0", head)
                self.assertEqual(body, b"not executed: too many connections; --max-connections "
                                       b"allows more\n" if has_body else b"")

    def test_empty_lines_between_requests_begin_no_message(self) -> None:
        """The connection stays idle, for as long as any other; and ends without a reply."""
        self.limit("MESSAGE_TIMEOUT_S")
        self.limit("IDLE_TIMEOUT_S", 10 * SOON_S)
        with self.running() as engine, connected(engine.address) as caller:
            for empty in (b"\r\n", b"\n", b"\r\n" * 3):
                self.assertEqual(self.ask(caller, empty + POST + b"\r\n").body, b"hello")
            # They may come later, and in halves.
            caller.send(b"\r\n\r", soon())
            began = time.monotonic()
            self.assertIsNone(caller.read(soon()))
            self.assertGreater(time.monotonic() - began, 3 * SOON_S)

    def test_a_waiting_caller_is_told_to_continue(self) -> None:
        """Before its body, and once; also behind another request."""
        head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        hello = encode_reply(Reply(200, {}, b"hello"), date_line(1), KEPT)
        with mock.patch.object(time, "time", return_value=1.5), \
                self.running() as engine, connected(engine.address) as caller:
            for request, answer in ((head, CONTINUE), (POST + head, hello + CONTINUE)):
                caller.send(request, soon())
                self.assertEqual(b"".join(receive(caller, 1) for _ in answer), answer)
                self.assertEqual(self.ask(caller, b"ok").body, b"ok")

    def test_connections_beyond_the_limit_are_turned_away_at_once(self) -> None:
        """503 with Not-Executed: a caller may try elsewhere. When one leaves, another can come."""
        with self.running(max_connections=1) as engine:
            with connected(engine.address) as within:
                self.ask(within)
                with connected(engine.address) as beyond:
                    reply = beyond.read(soon())
                assert reply
                self.assertEqual(reply.status, 503)
                self.assertEqual(reply.headers["not-executed"], "1")
                self.assertFalse(reply.keep_alive)
                self.assertEqual(self.ask(within).status, 200)
            self.wait_for_end(engine)
            self.assertEqual(len(self.exchange(engine.address, POST)), 1)

    @unittest.skipIf(sys.platform == "darwin", "macOS has one loopback address")
    def test_one_address_may_have_a_share_of_the_connections(self) -> None:
        """More of it are turned away; another address comes in."""
        with self.running(max_connections_each=1) as engine, connected(engine.address) as within:
            self.ask(within)
            with connected(engine.address) as beyond:
                reply = beyond.read(soon())
            assert reply
            self.assertEqual(reply.status, 503)
            with socket.create_connection(engine.address, PATIENCE_S,
                                          ("127.0.0.2", 0)) as another:
                another.sendall(POST)
                self.assertTrue(another.recv(100).startswith(b"HTTP/1.1 200"))

    def test_a_connection_that_breaks_as_it_is_accepted_does_not_stop_the_others(self) -> None:
        with self.running() as engine:
            for _ in range(20):
                reset(socket.create_connection(engine.address, PATIENCE_S))
            reply, = self.exchange(engine.address, POST)
            self.assertEqual(reply.body, b"hello")
            self.wait_for_end(engine)

    def test_a_body_of_a_mebibyte_goes_through_to_a_slow_reader(self) -> None:
        """Both ways, in many pieces, and nothing is lost."""
        with self.running() as engine, slow_reader(engine.address) as caller:
            for _ in range(2):
                sending = threading.Thread(target=caller.send, args=(post(body=ONE_MIB), soon()))
                sending.start()
                reply = caller.read(soon())
                sending.join()
                assert reply
                self.assertTrue(reply.body == ONE_MIB)

    def test_a_caller_that_does_not_read_is_cut_off(self) -> None:
        """At a deadline for the whole reply, however it drips."""
        self.limit("MESSAGE_TIMEOUT_S")
        with self.running(lambda request, *_: Reply(200, {}, ONE_MIB * 8)) as engine, \
                slow_reader(engine.address) as caller:
            caller.send(POST, soon())
            end = soon()
            with contextlib.suppress(ConnectionResetError):
                # At this rate, all of the reply would take 400 s.
                while receive(caller, 20_000) and time.monotonic() < end:
                    self.assertFalse(engine.wait_until_quiet(0.01) and time.monotonic() > end)
                    if not engine.connections:
                        break
            self.wait_for_end(engine)

    def test_a_dripping_request_ends_at_the_deadline_of_its_message(self) -> None:
        """408, counted from its first byte."""
        self.limit("MESSAGE_TIMEOUT_S")
        with self.running() as engine, connected(engine.address) as caller:
            caller.send(POST[:30], soon())
            end = soon()
            # A header without end, of which a byte comes now and then.
            while not is_readable(caller, SOON_S / 5) and time.monotonic() < end:
                caller.send(b"a", soon())
            self.assertLess(time.monotonic(), end)
            reply = caller.read(soon())
            assert reply
            self.assertEqual(reply.status, 408)
            self.assertFalse(reply.keep_alive)

    def test_a_silent_connection_is_closed(self) -> None:
        """Before its first request and after it; without a reply."""
        self.limit("IDLE_TIMEOUT_S")
        with self.running() as engine:
            for requests in (0, 1):
                with connected(engine.address) as caller:
                    for _ in range(requests):
                        self.ask(caller)
                    self.assertIsNone(caller.read(soon()))

    def test_a_connection_ends_at_once_and_its_caller_is_not_waited_for_long(self) -> None:
        """The stream ends with the last reply. Then the caller closes, or else the engine."""
        self.limit("LINGER_S", 60.0)
        with self.running() as engine, connected(engine.address) as caller:
            self.ask(caller, POST.replace(b"HTTP/1.1", b"HTTP/1.0"))
            self.assertIsNone(caller.read(soon()))
        self.limit("LINGER_S")
        with self.running() as engine, connected(engine.address) as caller:
            self.ask(caller, POST.replace(b"HTTP/1.1", b"HTTP/1.0"))
            self.wait_for_end(engine)

    def test_a_retiring_engine_ends_connections_with_their_next_reply(self) -> None:
        """So that no caller is cut off between two calls."""
        with self.running() as engine, connected(engine.address) as caller:
            self.assertTrue(self.ask(caller).keep_alive)
            engine.retire()
            self.assertFalse(self.ask(caller).keep_alive)
            self.assertIsNone(caller.read(soon()))
            caller.close()
            self.wait_for_end(engine)


class Ends(EngineCase):
    """Callers that leave in the middle of a call, and engines that are closed."""

    @contextlib.contextmanager
    def calling(self) -> Iterator[tuple[Engine, Connection[Reply], Trying, Connection[Request]]]:
        """A call that has reached its server: engine, caller, relay, the server's connection."""
        with Mute() as server:
            relay = Trying(server.address)
            with self.running(lambda *_: relay) as engine, connected(engine.address) as caller:
                caller.send(POST, soon())
                with server.asked() as asked:
                    yield engine, caller, relay, asked

    def test_a_caller_that_ends_its_sending_side_still_gets_its_reply(self) -> None:
        with self.calling() as (engine, caller, _, asked):
            caller.socket.shutdown(socket.SHUT_WR)
            asked.send(OK, soon())
            reply = caller.read(soon())
            assert reply
            self.assertEqual(reply.body, b"ok")
            self.assertIsNone(caller.read(soon()))
            self.wait_for_end(engine)

    def test_a_caller_that_leaves_does_not_end_its_call(self) -> None:
        """It closes or resets, also with unread requests: the relay is settled, all is closed."""
        for leave in (socket.socket.close, reset):
            for ahead in (b"", POST[:20], POST):
                with self.subTest(leave=leave, ahead=ahead), \
                        self.calling() as (engine, caller, relay, asked):
                    caller.send(ahead, soon())
                    leave(caller.socket)
                    self.assertFalse(engine.wait_until_quiet(0.01), "the call goes on")
                    asked.send(CLOSING, soon())
                    self.assertTrue(relay.ended.wait(PATIENCE_S))
                    self.assertIs(relay.result.outcome, Outcome.ANSWERED)
                    self.assertTrue(engine.wait_until_quiet(PATIENCE_S))
                    # A whole request that was sent ahead is a call that runs now.
                    if not ahead.endswith(b"hello"):
                        self.wait_for_end(engine)

    def test_quiet_means_that_no_call_runs(self) -> None:
        """Idle connections do not count, unless asked for."""
        with self.calling() as (engine, caller, _, asked):
            self.assertFalse(engine.wait_until_quiet(0.01))
            quiet: list[bool] = []
            waiting = threading.Thread(
                target=lambda: quiet.append(engine.wait_until_quiet(PATIENCE_S)))
            waiting.start()
            asked.send(OK, soon())
            waiting.join()
            self.assertEqual(quiet, [True])
            self.assertFalse(engine.wait_until_quiet(0.01, idle_too=True))
            caller.close()
            self.assertTrue(engine.wait_until_quiet(PATIENCE_S, idle_too=True))

    def test_a_closed_engine_is_gone(self) -> None:
        """Its port is refused, its idle connections have ended. To close it twice does no harm."""
        with Peer(OK) as peer, self.running(lambda *_: Trying(peer.address)) as engine, \
                connected(engine.address) as caller:
            self.ask(caller)
            engine.close()
            self.assertIsNone(caller.read(soon()))
            self.assertTrue(engine.wait_until_quiet(PATIENCE_S, idle_too=True))
            with self.assertRaises(OSError):
                connect(engine.address)
            engine.close()

    def test_an_engine_that_never_ran_can_be_closed(self) -> None:
        """A proxy that cannot start has such an engine. Its port is refused."""
        engine = self.make()
        engine.close()
        with self.assertRaises(OSError):
            connect(engine.address)

    def test_closing_gives_running_calls_their_grace(self) -> None:
        """Replies arrive, idle connections end, new ones are refused."""
        with self.calling() as (engine, caller, _, asked), connected(engine.address) as idle:
            eventually(lambda: engine.connections == 2)
            closing = threading.Thread(target=engine.close, args=(PATIENCE_S,))
            closing.start()
            wait_until_refused(engine.address)
            self.assertIsNone(idle.read(soon()))
            asked.send(OK, soon())
            reply = caller.read(soon())
            closing.join(PATIENCE_S)
            assert reply
            self.assertEqual(reply.body, b"ok")
            self.assertFalse(reply.keep_alive)
            self.assertFalse(closing.is_alive())

    def test_closing_cuts_off_what_takes_longer(self) -> None:
        """No half of a reply is sent: the streams end, on both sides."""
        with self.calling() as (engine, caller, _, asked):
            engine.close(0.01)
            with contextlib.suppress(ConnectionResetError):
                self.assertIsNone(caller.read(soon()))
            with contextlib.suppress(ConnectionResetError):
                self.assertIsNone(asked.read(soon()))


# ---- with each engine ------------------------------------------------------------------------

class CallersOfThreads(OfThreads, Callers, unittest.TestCase):
    pass


class CallersOfEvents(OfEvents, Callers, unittest.TestCase):
    pass


class EndsOfThreads(OfThreads, Ends, unittest.TestCase):
    pass


class EndsOfEvents(OfEvents, Ends, unittest.TestCase):
    pass


if __name__ == "__main__":
    unittest.main()
