"""The DNS server within this process: errors of our own in answering."""

from __future__ import annotations

import contextlib
import socket
import time
import unittest
from unittest import mock

from interop.dns import DnsServer
from interop.dns_message import SRV, name_of, write_question
from interop.dns_tcp import receive_message, send_message

QUESTION = write_question(1, name_of("_greeter._tcp.ponte"), SRV)
# Seconds.
PATIENCE_S, SHORT_S = 5.0, 0.05


class Errors(unittest.TestCase):
    def setUp(self) -> None:
        # Nobody listens there.
        self.server = DnsServer([("127.0.0.1", 9)], port=0)
        self.addCleanup(self.server.close)
        patch = mock.patch("interop.dns.LOOK_S", SHORT_S)
        patch.start()
        self.addCleanup(patch.stop)
        self.server.start()

    def ask(self) -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(PATIENCE_S)
            sock.sendto(QUESTION, self.server.address)
            return sock.recv(65_535)

    def ask_by_tcp(self) -> bytes:
        with socket.create_connection(self.server.address, PATIENCE_S) as sock:
            send_message(sock, QUESTION, PATIENCE_S)
            return receive_message(sock, time.monotonic() + PATIENCE_S)

    def test_an_error_of_ours_is_logged_once_and_others_are_answered(self) -> None:
        good = self.ask()
        with mock.patch.object(self.server, "reply", side_effect=ZeroDivisionError), \
                self.assertLogs("ponte.dns", "ERROR") as logged:
            for _ in range(3):
                with self.assertRaises(OSError):
                    self.ask_by_tcp()
        self.assertEqual(len(logged.output), 1)
        with mock.patch.object(self.server, "reply", side_effect=[ZeroDivisionError, good]), \
                self.assertLogs("ponte.dns", "ERROR"), \
                contextlib.closing(socket.socket(type=socket.SOCK_DGRAM)) as sock:
            sock.settimeout(PATIENCE_S)
            for _ in range(2):
                sock.sendto(QUESTION, self.server.address)
            self.assertEqual(sock.recv(512), good)
        self.assertEqual(self.ask(), good)
        self.assertEqual(self.ask_by_tcp(), good)


if __name__ == "__main__":
    unittest.main()
