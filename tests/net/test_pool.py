"""Exchanges on kept connections, with both drivers: on loopback, each wait with a deadline."""

from __future__ import annotations

import contextlib
import gc
import select
import socket
import subprocess
import sys
import textwrap
import threading
import time
import unittest
import weakref
from pathlib import Path
from typing import Any, Callable
from unittest import mock

from ponte.net import names
from ponte.net import pool as pool_module
from ponte.net import threads as threads_module
from ponte.net.address import Address
from ponte.net.message import Reply, Request, encode_reply
from ponte.net.pool import POOL_IDLE_S, ExchangeError, Pool, shared_pool
from ponte.net.serving import Listener
from ponte.net.stream import READ, Program, Stream, Wait, listen
from ponte.net.threads import wait_for
from tests.fakes import eventually, hurry_listeners, refused_address
from tests.net.engines import DriverCase, OfEvents, OfThreads
from tests.net.peers import (
    BROKEN_REPLIES,
    CLOSING,
    OK,
    ONE_MIB,
    PATIENCE_S,
    POST,
    SOON_S,
    Mute,
    Peer,
    connected,
    echo,
    ends_by_a_reset,
    is_readable,
    post,
    soon,
)
from tests.windows import windows_cannot


def setUpModule() -> None:
    hurry_listeners()


class Pools(DriverCase):
    """Exchanges of the stub and the proxy, and which outcome each failure is."""

    def setUp(self) -> None:
        self.pool = Pool()
        # The loop, which closes what it watches, has ended by then.
        self.addCleanup(self.pool.close)
        super().setUp()

    def exchange(self, address: Address, timeout_s: float = PATIENCE_S) -> Reply:
        return self.run_program(self.pool.exchange(address, POST, time.monotonic() + timeout_s))

    def failure(self, address: Address, timeout_s: float = PATIENCE_S) -> ExchangeError:
        with self.assertRaises(ExchangeError) as caught:
            self.exchange(address, timeout_s)
        return caught.exception

    def test_a_connection_is_reused(self) -> None:
        """Three calls, one connection."""
        with Peer(OK, OK, OK) as peer:
            for _ in range(3):
                self.assertEqual(self.exchange(peer.address).body, b"ok")
            self.assertEqual(peer.accepted, 1)

    def test_a_connection_that_its_server_closes_is_not_reused(self) -> None:
        """After "Connection: close" the next request goes out on another connection."""
        closing = encode_reply(Reply(200, {}, b"bye", keep_alive=False))
        with Peer(closing, OK) as peer:
            bodies = [self.exchange(peer.address).body for _ in range(2)]
            self.assertEqual(bodies, [b"bye", b"ok"])
            self.assertEqual(peer.accepted, 2)

    def test_a_connection_that_has_ended_since_is_not_reused(self) -> None:
        """A request that went out on it would have an unknown outcome, for nothing."""
        leaving = encode_reply(Reply(200, {"Note": "the peer closes without notice"}, b"bye"))
        with Peer(leaving, OK) as peer:
            self.exchange(peer.address)
            # It has come: with the next connection, the peer has closed this one.
            with connected(peer.address):
                eventually(lambda: peer.accepted == 2)
            self.assertEqual(self.exchange(peer.address).body, b"ok")

    def test_a_refused_connection_was_not_sent(self) -> None:
        """Phase connect: the request has not run, for certain."""
        error = self.failure(refused_address(self))
        self.assertEqual(error.phase, "connect")
        self.assertFalse(error.sent)
        self.assertFalse(error.timed_out)

    def test_a_host_without_meaning_was_not_sent(self) -> None:
        """Whatever the resolver raises is an ExchangeError: an exchange raises nothing else."""
        for host in ("a..b", "a" * 64, "127.0.0.1\0"):
            with self.subTest(host):
                try:
                    self.exchange((host, 1))
                except Exception as error:
                    self.assertIsInstance(error, ExchangeError)

    def test_a_reply_that_is_not_whole_and_alone_is_none(self) -> None:
        """Each of these requests may have run: it was sent, and has no reply."""
        for name, script in BROKEN_REPLIES:
            with self.subTest(name), Peer(script) as peer:
                error = self.failure(peer.address)
                self.assertEqual(error.phase, "reply")
                self.assertTrue(error.sent)

    def test_a_late_reply_is_a_timeout(self) -> None:
        """Sent, timed out; and the connection is not reused, else the next call gets this reply."""
        with contextlib.closing(listen("127.0.0.1", 0)) as silent:
            error = self.failure(silent.getsockname(), 0.02)
        self.assertEqual(error.phase, "reply")
        self.assertTrue(error.sent)
        self.assertTrue(error.timed_out)

    def test_a_kept_connection_that_fails_to_send_is_replaced(self) -> None:
        """The last byte was not sent: it has not run, and a fresh connection is tried at once."""
        with Peer(OK, OK) as peer:
            self.exchange(peer.address)
            kept = self.pool._idle[peer.address][0]
            with mock.patch.object(kept, "write", side_effect=BrokenPipeError("gone")):
                # So that the peer, which reads one connection after another, reads the next.
                threading.Timer(SOON_S, kept.interrupt).start()
                self.assertEqual(self.exchange(peer.address).body, b"ok")
            self.assertEqual(peer.accepted, 2)

    def test_a_request_that_is_not_taken_in_time_was_not_sent(self) -> None:
        """Also on a kept connection: there is no time for a fresh one."""
        with Mute() as server:
            first = threading.Thread(target=self.exchange, args=(server.address,))
            first.start()
            with server.asked() as asked:
                asked.send(OK, soon())
                first.join(PATIENCE_S)
                with self.assertRaises(ExchangeError) as caught:
                    self.run_program(self.pool.exchange(
                        server.address, post(body=ONE_MIB * 16), time.monotonic() + SOON_S))
        self.assertEqual(str(caught.exception), "send: timed out")
        self.assertFalse(caught.exception.sent)

    def test_a_fresh_connection_that_fails_to_send_is_an_error(self) -> None:
        """Phase send: not sent; and there is no second attempt."""
        gone = BrokenPipeError("gone")
        with Mute() as peer, mock.patch.object(Stream, "write", side_effect=gone) as send:
            error = self.failure(peer.address)
            self.assertEqual(error.phase, "send")
            self.assertFalse(error.sent)
            self.assertEqual(send.call_count, 1)

    def test_idle_connections_are_closed_by_address(self) -> None:
        """A draining server waits until its callers close their connections."""
        # It keeps its connection open for one reply more.
        with Peer(OK, OK) as peer:
            self.exchange(peer.address)
            kept = self.pool._idle[peer.address][0]
            self.do(lambda: self.pool.close_idle({("10.0.0.1", 1)}))
            self.assertNotEqual(kept.socket.fileno(), -1)
            self.do(lambda: self.pool.close_idle({peer.address}))
            self.assertEqual(kept.socket.fileno(), -1)

    def test_a_connection_unused_for_long_is_not_trusted(self) -> None:
        """A firewall on the way may have forgotten it without notice."""
        with Peer(OK, OK) as peer:
            self.exchange(peer.address)
            self.pool._idle[peer.address][0].idle_since -= POOL_IDLE_S
            kept = self.pool._idle[peer.address][0]
            thread = threading.Thread(target=self.exchange, args=(peer.address,))
            thread.start()
            thread.join(PATIENCE_S)
            self.assertEqual(kept.socket.fileno(), -1)
            self.assertEqual(peer.accepted, 2)

    def test_a_connection_that_is_too_old_is_closed_when_another_is_kept(self) -> None:
        """Nobody takes it, since the last used is taken first."""
        with Mute() as server, contextlib.ExitStack() as stack:
            threads = [threading.Thread(target=self.exchange, args=(server.address,))
                       for _ in range(2)]
            for thread in threads:
                thread.start()
            asked = [stack.enter_context(server.asked()) for _ in threads]
            for connection in asked:
                connection.send(OK, soon())
            for thread in threads:
                thread.join(PATIENCE_S)
            old, _ = self.pool._idle[server.address]
            old.idle_since -= POOL_IDLE_S + 1
            again = threading.Thread(target=self.exchange, args=(server.address,))
            again.start()
            eventually(lambda: any(is_readable(connection, 0.0) for connection in asked))
            for connection in asked:
                if is_readable(connection, 0.0):
                    connection.send(OK, soon())
            again.join(PATIENCE_S)
            self.assertEqual(old.socket.fileno(), -1)
            self.assertEqual(self.pool._size(), 1)

    def test_closing_ends_running_exchanges(self) -> None:
        """So a long poll does not delay the end of its process."""
        with contextlib.closing(listen("127.0.0.1", 0)) as silent:
            errors: list[ExchangeError] = []
            address = silent.getsockname()
            thread = threading.Thread(target=lambda: errors.append(self.failure(address)))
            thread.start()
            silent.settimeout(PATIENCE_S)
            accepted, _ = silent.accept()
            with accepted:
                accepted.settimeout(PATIENCE_S)
                accepted.recv(10)
                self.pool.close()
                thread.join(PATIENCE_S)
        self.assertEqual([error.phase for error in errors], ["reply"])

    # Given up: the system must not deliver the request later.

    def test_a_request_that_is_given_up_is_not_delivered_later(self) -> None:
        """Its server had no room for it, perhaps because it was frozen. When it goes on to read, it
        finds a part of the request, and the reset.
        """
        for size, phase in ((64 * 1024, "reply"), (16 * len(ONE_MIB), "send")):
            with self.subTest(phase), Mute(buffer_bytes=4096) as server, \
                    server.accepting() as accepted:
                with self.assertRaises(ExchangeError) as caught:
                    self.run_program(self.pool.exchange(
                        server.address, post(body=b"x" * size), time.monotonic() + SOON_S))
                self.assertEqual(str(caught.exception), f"{phase}: timed out")
                with accepted() as sock:
                    self.assertLess(ends_by_a_reset(sock), size)

    def test_a_server_learns_that_its_caller_has_given_up(self) -> None:
        """Also one that has the whole request: what it sends goes to nobody."""
        with Mute() as server, server.accepting() as accepted:
            self.failure(server.address, SOON_S)
            with accepted() as sock:
                ends_by_a_reset(sock)

    def test_an_exchange_that_its_driver_ends_is_given_up(self) -> None:
        """A loop that is stopped, or Ctrl-C on the thread: the program is closed where it waits."""
        real = threads_module._is_ready

        def interrupted(wait: Wait) -> bool:
            if wait[1] == READ:
                accepted()
                raise KeyboardInterrupt
            return real(wait)

        with Mute(buffer_bytes=4096) as server, server.accepting() as accepted:
            program = self.pool.exchange(server.address, post(body=b"x" * 64 * 1024), soon())
            if self.loop:
                self.loop.spawn(ignored(program))
                with accepted() as sock:
                    eventually(lambda: is_waiting(self.pool, READ))
                    self.loop.stop()
                    self.assertLess(ends_by_a_reset(sock), 64 * 1024)
                return
            with mock.patch.object(threads_module, "_is_ready", interrupted), \
                    self.assertRaises(KeyboardInterrupt):
                wait_for(program)
            with accepted() as sock:
                self.assertLess(ends_by_a_reset(sock), 64 * 1024)

    def test_a_pool_that_is_closed_gives_up_its_exchanges(self) -> None:
        with Mute(buffer_bytes=4096) as server:
            thread = threading.Thread(target=lambda: self.assertRaises(
                ExchangeError, self.run_program, self.pool.exchange(
                    server.address, post(body=b"x" * 16 * len(ONE_MIB)), soon())))
            thread.start()
            with server.accept() as sock:
                # The request has begun to come.
                select.select([sock], [], [], PATIENCE_S)
                self.pool.close()
                thread.join(PATIENCE_S)
                self.assertLess(ends_by_a_reset(sock), 16 * len(ONE_MIB))

    def test_a_pool_that_is_closed_during_a_connect_sends_nothing(self) -> None:
        """Also on a system that does not end a connection which is not there yet."""
        with Mute() as server:
            family, address = socket.AF_INET, server.address
            # It waits for a connect that is there at once, too.
            with mock.patch.object(pool_module, "_CONNECTING", range(20_000)), \
                    mock.patch.object(Stream, "interrupt"):
                connect = self.pool._connect_to(family, address, address[0], soon())
                next(connect)
                self.pool.close()
                with self.assertRaises(ConnectionAbortedError):
                    connect.send(True)

    def test_an_exchange_that_has_its_reply_ends_without_a_reset(self) -> None:
        """Also where the server does not keep the connection: it has done nothing wrong."""
        with Mute() as server:
            thread = threading.Thread(target=self.exchange, args=(server.address,))
            thread.start()
            with server.asked() as asked:
                asked.send(CLOSING, soon())
                thread.join(PATIENCE_S)
                self.assertIsNone(asked.read(soon()))

    def test_exchanges_at_once_have_a_connection_each(self) -> None:
        """And all of them are kept for later."""
        with Mute() as server, contextlib.ExitStack() as stack:
            replies: list[Reply] = []
            threads = [threading.Thread(
                target=lambda: replies.append(self.exchange(server.address))) for _ in range(5)]
            for thread in threads:
                thread.start()
            asked = [stack.enter_context(server.asked()) for _ in threads]
            for connection in asked:
                connection.send(OK, soon())
            for thread in threads:
                thread.join(PATIENCE_S)
            self.assertEqual([reply.body for reply in replies], [b"ok"] * 5)
            self.assertEqual(self.pool._size(), 5)
            self.assertEqual(self.pool._in_use, set())

    def test_kept_connections_are_bounded(self) -> None:
        """For one address, and in all. Those beyond are closed."""
        for name in ("POOL_PER_ADDRESS", "POOL_SIZE"):
            with self.subTest(name), mock.patch.object(pool_module, name, 2), \
                    Mute() as one, Mute() as other, contextlib.ExitStack() as stack:
                self.do(lambda: self.pool.close_idle(list(self.pool._idle)))
                servers = [one] * 3 + [other] * 3
                threads = [threading.Thread(target=self.exchange, args=(server.address,))
                           for server in servers]
                for thread in threads:
                    thread.start()
                asked = [stack.enter_context(server.asked()) for server in servers]
                for connection in asked:
                    connection.send(OK, soon())
                for thread in threads:
                    thread.join(PATIENCE_S)
                self.assertEqual(self.pool._size(), 4 if name == "POOL_PER_ADDRESS" else 2)
                closed = [connection for connection in asked
                          if is_readable(connection, 0.0)]
                self.assertEqual(len(closed), 6 - self.pool._size())

    def test_a_closed_pool_exchanges_nothing(self) -> None:
        """Also on a new connection; and it keeps none."""
        self.do(self.pool.close)
        with Mute() as server:
            self.assertEqual(self.failure(server.address).phase, "connect")
        self.assertEqual(self.pool._in_use, set())

    def test_a_pool_that_is_closed_while_an_exchange_takes_its_connection_ends_it(self) -> None:
        """Whatever the moment: else the exchange would go on until its deadline."""
        with Mute() as server:
            first = threading.Thread(target=self.exchange, args=(server.address,))
            first.start()
            with server.asked() as asked:
                asked.send(OK, soon())
                first.join(PATIENCE_S)
                kept, = self.pool._idle[server.address]
                silent = kept.is_silent

                def close_first() -> bool:
                    closing = threading.Thread(target=self.pool.close)
                    closing.start()
                    closing.join()
                    return silent()

                began = time.monotonic()
                with mock.patch.object(kept, "is_silent", close_first):
                    self.failure(server.address, PATIENCE_S)
                self.assertLess(time.monotonic() - began, PATIENCE_S / 2)
        self.assertEqual(kept.socket.fileno(), -1)

    def test_whatever_the_address_an_exchange_raises_nothing_else(self) -> None:
        """A port that no socket takes, a text that no host has."""
        for address in (("127.0.0.1", 70000), ("127.0.0.1", -1), ("::1::", 1), ("", 1),
                        ("\ud800", 1), ("localhost", 70000)):
            with self.subTest(address):
                self.assertEqual(self.failure(address).phase, "connect")


def ignored(program: Program[Reply]) -> Program[None]:
    """A program without a result, as a loop takes it."""
    yield from program


def is_waiting(pool: Pool, events: int) -> bool:
    """Whether the one exchange of a pool waits for this event, in a loop."""
    return [stream.watched for stream in pool._in_use.copy()] == [events]


class Names(DriverCase):
    """Hosts that are known by a name: several addresses, and look-ups that take long."""

    def setUp(self) -> None:
        self.pool = Pool()
        self.addCleanup(self.pool.close)
        super().setUp()
        self.asked: list[Any] = []
        self.found: list[Address] = []
        # A look-up blocks until this is set.
        self.go_on = threading.Event()
        self.go_on.set()
        self.addCleanup(self.go_on.set)
        patch = mock.patch.object(socket, "getaddrinfo", self.look_up)
        patch.start()
        self.addCleanup(patch.stop)

    def look_up(self, host: str, port: int, **options: Any) -> list[Any]:
        """Stands in for the system."""
        self.asked.append((host, port))
        self.go_on.wait(PATIENCE_S)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in self.found]

    def exchange(self, host: str = "server.example", timeout_s: float = PATIENCE_S) -> Reply:
        return self.run_program(
            self.pool.exchange((host, 80), POST, time.monotonic() + timeout_s))

    def failure(self, host: str = "server.example", timeout_s: float = SOON_S) -> ExchangeError:
        with self.assertRaises(ExchangeError) as caught:
            self.exchange(host, timeout_s)
        return caught.exception

    def full(self) -> Address:
        """An address that takes no connection: its backlog is full."""
        full = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.addCleanup(full.close)
        for _ in range(3):
            filler = socket.socket()
            self.addCleanup(filler.close)
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        address: Address = full.getsockname()
        return address

    def test_the_next_address_is_tried_where_one_refuses(self) -> None:
        with Peer(OK) as peer:
            self.found = [refused_address(self), refused_address(self), peer.address]
            self.assertEqual(self.exchange().body, b"ok")

    def test_the_next_address_is_tried_where_one_is_silent(self) -> None:
        """Each has its part of the time that is left."""
        with Peer(OK) as peer:
            self.found = [self.full(), peer.address]
            began = time.monotonic()
            self.assertEqual(self.exchange(timeout_s=10 * SOON_S).body, b"ok")
            self.assertLess(time.monotonic() - began, 10 * SOON_S)

    def test_a_silent_address_delays_an_exchange_that_may_take_long_no_longer(self) -> None:
        """A long poll may take ten seconds; a reader that waits for its first answer may not."""
        with Peer(OK) as peer, mock.patch.object(pool_module, "NEXT_PLACE_S", SOON_S):
            self.found = [self.full(), peer.address]
            began = time.monotonic()
            self.assertEqual(self.exchange(timeout_s=100 * PATIENCE_S).body, b"ok")
            self.assertLess(time.monotonic() - began, PATIENCE_S)

    def test_the_last_failure_counts(self) -> None:
        """Not sent, by the deadline at the latest; a name without an address, too."""
        for found, timed_out in (([], False), ([refused_address(self)] * 2, False),
                                 ([refused_address(self), self.full()], True)):
            with self.subTest(found):
                self.found = list(found)
                error = self.failure()
                self.assertEqual((error.phase, error.sent), ("connect", False))
                self.assertEqual(error.timed_out, timed_out)

    def test_its_connection_is_kept_by_its_name(self) -> None:
        with Peer(OK, OK, OK) as peer:
            self.found = [peer.address]
            for _ in range(3):
                self.exchange()
            self.assertEqual(peer.accepted, 1)
            self.assertEqual(len(self.asked), 1)

    def test_a_look_up_that_does_not_end_is_a_timeout_and_is_made_once(self) -> None:
        """Further calls wait for the same answer; else each would cost a thread."""
        self.go_on.clear()
        for _ in range(3):
            began = time.monotonic()
            error = self.failure("slow.example")
            self.assertEqual(str(error), "connect: timed out")
            self.assertLess(time.monotonic() - began, PATIENCE_S / 2)
        self.assertEqual(self.asked, [("slow.example", 80)])
        # Another name has nothing to wait for but itself; and an address none at all.
        with Peer(OK) as peer:
            self.assertEqual(self.run_program(
                self.pool.exchange(peer.address, POST, soon())).body, b"ok")
            # When it has ended, the name is looked up anew.
            self.found = [refused_address(self)]
            self.go_on.set()
            eventually(lambda: not names._running)
            self.found = [peer.address]
        self.failure("slow.example")
        self.assertEqual(len(self.asked), 2)

    def test_calls_at_once_share_a_look_up(self) -> None:
        self.go_on.clear()
        with Peer(CLOSING, CLOSING, CLOSING) as peer:
            self.found = [peer.address]
            replies: list[Reply] = []
            threads = [threading.Thread(target=lambda: replies.append(self.exchange()))
                       for _ in range(3)]
            for thread in threads:
                thread.start()
            eventually(lambda: len(names._running) == 1)
            threading.Event().wait(SOON_S)
            self.go_on.set()
            for thread in threads:
                thread.join(PATIENCE_S)
            self.assertEqual([reply.body for reply in replies], [b"bye"] * 3)
        self.assertEqual(len(self.asked), 1)


class Shared(unittest.TestCase):
    """One pool and many threads: it has no lock."""

    THREADS = 8

    def setUp(self) -> None:
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        self.addCleanup(sys.setswitchinterval, interval)
        self.listener = Listener("127.0.0.1", 0, echo, engine="events")
        self.listener.start()
        self.addCleanup(self.listener.close)
        self.pool = Pool()
        self.addCleanup(self.pool.close)
        self.made: list[Stream[Any]] = []

        def make(*args: Any) -> Stream[Any]:
            # Not `self.made[-1]`: that may be the one of another thread.
            stream: Stream[Any] = Stream(*args)
            self.made.append(stream)
            return stream

        patch = mock.patch.object(pool_module, "Stream", make)
        patch.start()
        self.addCleanup(patch.stop)

    def run_threads(self, work: Callable[[int], None], meanwhile: Callable[[], None]) -> None:
        """Every thread does its work, and one more thing goes on until the last has ended."""
        errors: list[BaseException] = []

        def guarded(number: int) -> None:
            try:
                work(number)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=guarded, args=(number,))
                   for number in range(self.THREADS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            meanwhile()
        self.assertEqual(errors, [])

    def asks(self, number: int, calls: int = 100) -> None:
        """Each reply is the one to its own request: no connection is used twice at once."""
        for call in range(calls):
            body = b"%d of %d" % (call, number)
            reply = wait_for(self.pool.exchange(self.listener.address, post(body=body), soon()))
            if reply.body != body:
                raise AssertionError(f"{body!r} got {reply.body!r}")

    def open_sockets(self) -> int:
        return sum(stream.socket.fileno() != -1 for stream in self.made)

    def test_no_connection_is_used_twice_at_once(self) -> None:
        self.run_threads(self.asks, lambda: time.sleep(0.001))
        self.assertLessEqual(len(self.made), self.THREADS)
        self.assertEqual(self.open_sockets(), self.pool._size())

    def test_no_socket_is_lost_while_others_are_closed(self) -> None:
        """`close_idle` in the middle of exchanges: each connection is kept, or closed."""
        self.run_threads(self.asks, lambda: self.pool.close_idle(list(self.pool._idle)))
        self.assertEqual(self.open_sockets(), self.pool._size())
        self.assertEqual(self.pool._in_use, set())
        self.pool.close_idle(list(self.pool._idle))
        self.assertEqual(self.open_sockets(), 0)

    def test_no_socket_is_left_when_the_pool_is_closed(self) -> None:
        """In the middle of exchanges: all end at once, with a reply or an ExchangeError."""
        for _ in range(5):
            self.pool = Pool()
            began = time.monotonic()

            def work(number: int) -> None:
                with contextlib.suppress(ExchangeError):
                    while time.monotonic() < began + PATIENCE_S:        # noqa: B023
                        self.asks(number, calls=1)

            closing = threading.Timer(0.02, self.pool.close)
            closing.start()
            self.run_threads(work, lambda: time.sleep(0.001))
            closing.join()
            self.assertLess(time.monotonic() - began, PATIENCE_S)
            self.assertEqual(self.open_sockets(), 0)
            self.assertEqual(self.pool._size(), 0)


# ---- with each driver ------------------------------------------------------------------------

class PoolsOfThreads(OfThreads, Pools, unittest.TestCase):
    pass


class PoolsOfEvents(OfEvents, Pools, unittest.TestCase):
    pass


class NamesOfThreads(OfThreads, Names, unittest.TestCase):
    pass


class NamesOfEvents(OfEvents, Names, unittest.TestCase):
    pass


ROOT = Path(__file__).resolve().parent.parent.parent


class OfAllClients(unittest.TestCase):
    """The pool of all clients of a process: nobody closes it."""

    def test_it_is_one_as_long_as_somebody_refers_to_it(self) -> None:
        one = shared_pool(None)
        self.assertIs(shared_pool(None), one)
        made = weakref.ref(one)
        del one
        gc.collect()
        self.assertIsNone(made())
        shared_pool(None)

    def test_its_connections_end_with_it(self) -> None:
        """Without a ResourceWarning: nobody forgot anything."""
        with Mute() as peer:
            pool = Pool()
            stream = wait_for(pool._connect(peer.address, time.monotonic() + PATIENCE_S))
            pool._in_use.discard(stream)
            pool._keep(peer.address, stream)
            del pool
            gc.collect()
            self.assertEqual(stream.socket.fileno(), -1)


class Forks(unittest.TestCase):
    """A process that forks while its pool keeps connections."""

    SCRIPT = """
        import os, sys, time
        from ponte.net.message import Reply, encode_request
        from ponte.net.pool import Pool
        from ponte.net.serving import Listener
        from ponte.net.threads import wait_for

        address = ("127.0.0.1", int(sys.argv[1]))
        pool = Pool()

        def ask(body):
            message = encode_request("POST", "/", {"Host": "a"}, body)
            return wait_for(pool.exchange(address, message, time.monotonic() + 30)).body

        ask(b"before")
        children = []
        while len(children) < 3:
            child = os.fork()
            if not child:
                children = []
                break
            children.append(child)
        for number in range(500):
            said = b"%d-%d" % (os.getpid(), number)
            assert ask(said) == said, "another process's reply"
        for child in children:
            assert os.waitpid(child, 0)[1] == 0
        pool.close()
        """

    @windows_cannot("there is no fork")
    def test_parent_and_child_do_not_share_connections(self) -> None:
        """Each would read replies to the other. Both call at the same time."""
        def echo_body(request: Request, *_: object) -> Reply:
            return Reply(200, {}, request.body)

        listener = Listener("127.0.0.1", 0, echo_body)
        listener.start()
        self.addCleanup(listener.close)
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", textwrap.dedent(self.SCRIPT),
                               str(listener.address[1])], cwd=ROOT, capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
