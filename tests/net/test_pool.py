"""Exchanges on kept connections: on loopback, each wait with a deadline."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import unittest
from unittest import mock

from ponte.net.address import Address
from ponte.net.message import Reply, Request, encode_reply
from ponte.net.parser import RequestParser
from ponte.net.pool import POOL_IDLE_S, ExchangeError, Pool
from ponte.net.wire import Connection, listen
from tests.fakes import refused_address
from tests.net.test_wire import OK, PATIENCE_S, POST, soon


class Peer:
    """A server on loopback that answers each request with the next of its scripts, unchanged."""

    def __init__(self, *scripts: bytes) -> None:
        self._socket = listen("127.0.0.1", 0)
        self.address: Address = self._socket.getsockname()
        self.accepted = 0
        self._scripts = scripts
        self._socket.settimeout(PATIENCE_S)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            # On some systems this wakes the thread.
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_S)
        self._socket.close()

    def _run(self) -> None:
        """A new connection for every script; only after OK the connection goes on."""
        scripts = list(self._scripts)
        while scripts:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            self.accepted += 1
            with sock:
                connection: Connection[Request] = Connection(sock, RequestParser())
                stays = True
                while scripts and stays and connection.read(soon()) is not None:
                    script = scripts.pop(0)
                    stays = script == OK
                    sock.sendall(script)


# Name, and what a server sends in place of a whole reply.
BROKEN_REPLIES = (
    ("nothing", b""),
    ("half a head", OK[:10]),
    ("half a body", OK[:-1]),
    ("garbage", b"garbage\r\n"),
    ("no length", b"HTTP/1.1 200 OK\r\n\r\nok"),
    ("too much", OK + b"x"),
    ("two replies", OK + OK),
)


class Pools(unittest.TestCase):
    """Exchanges of the stub and the proxy, and which outcome each failure is."""

    def setUp(self) -> None:
        self.pool = Pool()
        self.addCleanup(self.pool.close)

    def failure(self, address: Address, timeout_s: float = PATIENCE_S) -> ExchangeError:
        with self.assertRaises(ExchangeError) as caught:
            self.pool.exchange(address, POST, time.monotonic() + timeout_s)
        return caught.exception

    def test_a_connection_is_reused(self) -> None:
        """Three calls, one connection."""
        with Peer(OK, OK, OK) as peer:
            for _ in range(3):
                self.assertEqual(self.pool.exchange(peer.address, POST, soon()).body, b"ok")
            self.assertEqual(peer.accepted, 1)

    def test_a_connection_that_its_server_closes_is_not_reused(self) -> None:
        """After "Connection: close" the next request goes out on another connection."""
        closing = encode_reply(Reply(200, {}, b"bye", keep_alive=False))
        with Peer(closing, OK) as peer:
            bodies = [self.pool.exchange(peer.address, POST, soon()).body for _ in range(2)]
            self.assertEqual(bodies, [b"bye", b"ok"])
            self.assertEqual(peer.accepted, 2)

    def test_a_connection_that_has_ended_since_is_not_reused(self) -> None:
        """A request that went out on it would have an unknown outcome, for nothing."""
        leaving = encode_reply(Reply(200, {"Note": "the peer closes without notice"}, b"bye"))
        with Peer(leaving, OK) as peer:
            self.pool.exchange(peer.address, POST, soon())
            kept = self.pool._idle[peer.address][0].socket
            kept.settimeout(PATIENCE_S)
            self.assertEqual(kept.recv(1, socket.MSG_PEEK), b"", "its end has come")
            self.assertEqual(self.pool.exchange(peer.address, POST, soon()).body, b"ok")

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
                    self.pool.exchange((host, 1), POST, soon())
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
            self.pool.exchange(peer.address, POST, soon())
            kept = self.pool._idle[peer.address][0]
            with mock.patch.object(kept, "send", side_effect=BrokenPipeError("gone")):
                thread = threading.Timer(0, kept.interrupt)
                thread.start()
                self.assertEqual(self.pool.exchange(peer.address, POST, soon()).body, b"ok")
                thread.join()

    def test_a_fresh_connection_that_fails_to_send_is_an_error(self) -> None:
        """Phase send: not sent; and there is no second attempt."""
        gone = BrokenPipeError("gone")
        with Peer(OK) as peer, mock.patch.object(Connection, "send", side_effect=gone) as send:
            error = self.failure(peer.address)
            self.assertEqual(error.phase, "send")
            self.assertFalse(error.sent)
            self.assertEqual(send.call_count, 1)

    def test_idle_connections_to_others_are_closed(self) -> None:
        """A draining server waits until its callers close their connections."""
        with Peer(OK) as peer:
            self.pool.exchange(peer.address, POST, soon())
            kept = self.pool._idle[peer.address][0]
            self.pool.keep_only({peer.address})
            self.assertNotEqual(kept.socket.fileno(), -1)
            self.pool.keep_only(set())
            self.assertEqual(kept.socket.fileno(), -1)

    def test_a_connection_unused_for_long_is_not_trusted(self) -> None:
        """A firewall on the way may have forgotten it without notice."""
        with Peer(OK, OK) as peer:
            self.pool.exchange(peer.address, POST, soon())
            self.pool._idle[peer.address][0].idle_since -= POOL_IDLE_S
            kept = self.pool._idle[peer.address][0]
            thread = threading.Thread(target=self.pool.exchange, args=(peer.address, POST, soon()))
            thread.start()
            thread.join(PATIENCE_S)
            self.assertEqual(kept.socket.fileno(), -1)
            self.assertEqual(peer.accepted, 2)

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


if __name__ == "__main__":
    unittest.main()
