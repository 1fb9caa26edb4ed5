"""The relay for connections breaks what it was asked to break, and nothing else."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import unittest
from unittest import mock
from xmlrpc.client import ServerProxy

from lab.fates import Fate, random_delays, random_fates
from lab.relayed import LOST
from lab.tcp_relay import TcpRelay
from server import Server
from tests.fakes import hurry_listeners
from tests.system.harness import wait_until

PATIENCE_S = 5.0


def setUpModule() -> None:
    hurry_listeners()


class TcpRelays(unittest.TestCase):
    def test_one_reply_is_lost_after_the_server_ran_the_call(self) -> None:
        """The standard library's client sends the call again, and so it runs twice."""
        runs: list[str] = []

        def note(text: str) -> str:
            runs.append(text)
            return text

        with contextlib.closing(TcpRelay()) as relay, \
                Server("notes", [note], registries=()) as server, \
                ServerProxy(f"http://127.0.0.1:{relay.address[1]}/notes") as client:
            relay.target = server.address
            self.assertEqual(client.note("a"), "a")
            self.assertEqual((runs, relay.cuts), (["a"], 0))
            relay.arm(Fate(cut_reply_at=0))
            self.assertEqual(client.note("b"), "b")
            self.assertEqual((runs, relay.cuts), (["a", "b", "b"], 1))

    def test_an_eavesdropper_reads_what_a_client_sends(self) -> None:
        with contextlib.closing(TcpRelay()) as relay, \
                Server("notes", [len], registries=()) as server, \
                ServerProxy(f"http://127.0.0.1:{relay.address[1]}/notes") as client:
            relay.target = server.address
            self.assertEqual(client.len("a secret"), 8)
            self.assertIn(b"a secret", relay.heard)

    def test_without_a_server_the_connection_is_cut(self) -> None:
        with contextlib.closing(TcpRelay()) as relay, \
                socket.create_connection(relay.address, 5) as client:
            self.assertEqual(client.recv(1), b"")

    def test_it_closes_where_a_shutdown_wakes_nobody_that_accepts(self) -> None:
        """As on Windows, where the thread that accepts would go on for ever."""
        relay = TcpRelay()
        with mock.patch.object(socket.socket, "shutdown", side_effect=OSError("not connected")):
            closing = threading.Thread(target=relay.close, daemon=True)
            closing.start()
            closing.join(PATIENCE_S)
        self.assertFalse(closing.is_alive())
        with self.assertRaises(OSError):
            socket.create_connection(relay.address, PATIENCE_S)


    def test_it_refuses_as_a_port_does_whose_process_has_died(self) -> None:
        """Also while it holds data back. Open connections go on until their ends close them."""
        for holds in (False, True):
            with self.subTest(holds=holds), contextlib.closing(TcpRelay()) as relay, \
                    Server("notes", [len], registries=()) as server, \
                    ServerProxy(f"http://127.0.0.1:{relay.address[1]}/notes") as client:
                relay.target = server.address
                self.assertEqual(client.len("a"), 1)
                if holds:
                    relay.freeze()
                relay.refuse()
                with self.assertRaises(ConnectionRefusedError):
                    socket.create_connection(relay.address, PATIENCE_S)
                relay.thaw()
                self.assertEqual(client.len("ab"), 2)

    def test_each_request_can_have_a_fate_and_who_asks_is_told_what_it_lost(self) -> None:
        lost: list[tuple[bytes, str, str]] = []
        with contextlib.closing(TcpRelay()) as relay, \
                socket.create_server(("127.0.0.1", 0)) as target:
            relay.target = target.getsockname()
            relay.fate_of = lambda data: Fate(swallow_replies=b"quiet" in data)
            relay.on_loss = lambda *loss: lost.append(loss)
            with socket.create_connection(relay.address, PATIENCE_S) as client:
                client.settimeout(PATIENCE_S)
                client.sendall(b"quiet")
                far, _ = target.accept()
                with far:
                    far.settimeout(PATIENCE_S)
                    self.assertEqual(far.recv(100), b"quiet")
                    far.sendall(b"lost")
                    wait_until(lambda: lost, PATIENCE_S, "the reply is lost")
                    client.sendall(b"loud")
                    self.assertEqual(far.recv(100), b"loud")
                    far.sendall(b"heard")
                    self.assertEqual(client.recv(100), b"heard")
        self.assertEqual(lost, [(b"quiet", "reply", LOST)])


class LateMessages(unittest.TestCase):
    """The relay keeps whole messages, and delivers them also after their caller has gone."""

    def setUp(self) -> None:
        self.relay = TcpRelay()
        self.addCleanup(self.relay.close)
        self.target = socket.create_server(("127.0.0.1", 0))
        self.target.settimeout(PATIENCE_S)
        self.addCleanup(self.target.close)
        self.relay.target = self.target.getsockname()
        self.client, self.far = self.connect()

    def connect(self) -> tuple[socket.socket, socket.socket]:
        client = socket.create_connection(self.relay.address, PATIENCE_S)
        self.addCleanup(client.close)
        return client, self.accept()

    def accept(self) -> socket.socket:
        far, _ = self.target.accept()
        self.addCleanup(far.close)
        far.settimeout(PATIENCE_S)
        return far

    def hold(self, **what: bool) -> None:
        """The next request is sent and, as its fate says, it or the reply to it is held."""
        self.relay.arm(Fate(**what))
        self.client.sendall(b"request")
        if what.get("hold_reply"):
            self.assertEqual(self.far.recv(100), b"request")
            self.far.sendall(b"reply")
        wait_until(lambda: self.relay.held == 1, PATIENCE_S, "one message is held")

    def nothing_comes(self, sock: socket.socket) -> bool:
        sock.setblocking(False)
        try:
            return not sock.recv(100)
        except BlockingIOError:
            return True
        finally:
            sock.settimeout(PATIENCE_S)

    def test_a_request_is_delivered_late_to_a_caller_that_has_waited(self) -> None:
        self.hold(hold_request=True)
        self.assertTrue(self.nothing_comes(self.far))
        self.assertEqual(self.relay.deliver_late(), 1)
        self.assertEqual(self.far.recv(100), b"request")
        self.far.sendall(b"reply")
        self.assertEqual(self.client.recv(100), b"reply")
        # The message was the only late one.
        self.client.sendall(b"next")
        self.assertEqual(self.far.recv(100), b"next")
        self.assertEqual(self.relay.deliver_late(), 0)

    def test_a_request_is_delivered_after_its_caller_has_gone(self) -> None:
        """The target does not even learn that the caller has closed its connection."""
        self.hold(hold_request=True)
        self.client.close()
        self.connect()
        self.assertTrue(self.nothing_comes(self.far))
        self.assertEqual((self.relay.held, self.relay.deliver_late()), (1, 1))
        self.assertEqual(self.far.recv(100), b"request")
        # The reply goes nowhere, and then the connection ends.
        self.far.sendall(b"reply")
        self.assertEqual(self.far.recv(100), b"")

    def test_a_request_is_delivered_on_a_new_connection_where_the_old_one_has_ended(self) -> None:
        self.hold(hold_request=True)
        self.far.close()
        self.assertEqual(self.client.recv(100), b"")
        self.client.close()
        self.relay.hang_up()
        self.assertEqual(self.relay.deliver_late(), 1)
        self.assertEqual(self.accept().recv(100), b"request")

    def test_a_reply_is_delivered_late(self) -> None:
        self.hold(hold_reply=True)
        self.assertTrue(self.nothing_comes(self.client))
        self.assertEqual(self.relay.deliver_late(), 1)
        self.assertEqual(self.client.recv(100), b"reply")

    def test_a_late_reply_to_a_caller_that_has_gone_harms_nobody(self) -> None:
        self.hold(hold_reply=True)
        self.client.close()
        self.assertEqual(self.relay.deliver_late(), 1)
        client, far = self.connect()
        client.sendall(b"request of another")
        self.assertEqual(far.recv(100), b"request of another")
        self.assertTrue(self.nothing_comes(client))


class RandomFates(unittest.TestCase):
    def test_a_seed_repeats_them(self) -> None:
        for draw in (random_fates, random_delays):
            one, two = (draw(random.Random(7)) for _ in range(2))
            self.assertEqual([one() for _ in range(50)], [two() for _ in range(50)])


if __name__ == "__main__":
    unittest.main()
