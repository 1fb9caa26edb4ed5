"""Strangers answer as their kind says, and end when they are told to."""

from __future__ import annotations

import http.client
import socket
import unittest
from xmlrpc.client import loads

from lab.strangers import GARBAGE, VALUE
from tests.system.cluster import Cluster

PATIENCE_S = 5.0


class Strangers(unittest.TestCase):
    def setUp(self) -> None:
        self.cluster = Cluster()
        self.addCleanup(self.cluster.close)

    def start(self, kind: str) -> socket.socket:
        stranger = self.cluster.start_role("-m", "lab.strangers", kind)
        sock = socket.create_connection(stranger.address, PATIENCE_S)
        self.addCleanup(sock.close)
        return sock

    def test_a_web_server_answers_any_request_with_its_status(self) -> None:
        host, port = self.cluster.start_role("-m", "lab.strangers", "403").address
        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
        self.addCleanup(connection.close)
        # Both on the same connection: it reads the bodies of requests.
        for _ in range(2):
            connection.request("POST", "/greeter", b"<methodCall/>")
            reply = connection.getresponse()
            self.assertEqual((reply.status, loads(reply.read().decode())[0]), (403, (VALUE,)))
            self.assertIsNone(reply.headers["Served-By"])

    def test_a_silent_one_accepts_and_says_nothing(self) -> None:
        sock = self.start("silent")
        sock.sendall(b"POST /greeter HTTP/1.1\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        # It ends its side when the caller does, without a byte.
        self.assertEqual(sock.recv(100), b"")

    def test_garbage_is_no_http(self) -> None:
        sock = self.start("garbage")
        sock.sendall(b"POST /greeter HTTP/1.1\r\n\r\n")
        self.assertEqual(sock.recv(1000), GARBAGE)

    def test_an_unknown_kind_is_one_line(self) -> None:
        process = self.cluster.start("-m", "lab.strangers", "499x")
        self.assertEqual(process.wait(PATIENCE_S), 2)
        self.assertNotIn("Traceback", process.log)


if __name__ == "__main__":
    unittest.main()
