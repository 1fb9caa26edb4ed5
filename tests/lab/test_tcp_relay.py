"""The relay for connections breaks what it was asked to break, and nothing else."""

from __future__ import annotations

import contextlib
import socket
import unittest
from xmlrpc.client import ServerProxy

from lab.tcp_relay import Fate, TcpRelay
from server import Server
from tests.fakes import hurry_listeners


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

    def test_without_a_server_the_connection_is_cut(self) -> None:
        with contextlib.closing(TcpRelay()) as relay, \
                socket.create_connection(relay.address, 5) as client:
            self.assertEqual(client.recv(1), b"")


if __name__ == "__main__":
    unittest.main()
