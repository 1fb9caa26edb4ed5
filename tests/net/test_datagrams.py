"""UDP sockets of both families, and errors that a thread survives."""

from __future__ import annotations

import contextlib
import logging
import socket
import unittest
from unittest import mock

from ponte.net import mishaps
from ponte.net.datagrams import Datagrams
from ponte.net.mishaps import MAX_KINDS, Mishaps
from ponte.net.names import Place

PATIENCE_S = 5.0


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::1", 0))
        return True
    return False


class Families(unittest.TestCase):
    """Datagrams go to places of either family, and answers come from either."""

    def peer(self, family: int, host: str) -> tuple[socket.socket, Place]:
        sock = socket.socket(family, socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        sock.settimeout(PATIENCE_S)
        sock.bind((host, 0))
        return sock, (family, sock.getsockname())

    def open(self) -> Datagrams:
        opened = Datagrams()
        self.addCleanup(opened.close)
        return opened

    def test_there_and_back(self) -> None:
        """What is longer than asked for is cut off."""
        ours = self.open()
        families = [(socket.AF_INET, "127.0.0.1")] + [(socket.AF_INET6, "::1")] * has_ipv6()
        for family, host in families:
            sock, place = self.peer(family, host)
            ours.send(b"beat", place)
            datagram, sender = sock.recvfrom(100)
            self.assertEqual(datagram, b"beat")
            sock.sendto(b"answer", sender)
            self.assertEqual(ours.receive(PATIENCE_S, 3), [b"ans"])

    def test_without_ipv6_the_other_family_is_enough(self) -> None:
        """A place of the missing family is an OSError, like one that no way leads to."""
        real = socket.socket

        def only_ipv4(family: int, kind: int) -> socket.socket:
            if family == socket.AF_INET6:
                raise OSError("Address family not supported by protocol")
            return real(family, kind)

        with mock.patch("ponte.net.datagrams.socket.socket", only_ipv4):
            ours = self.open()
        sock, place = self.peer(socket.AF_INET, "127.0.0.1")
        with self.assertRaises(OSError):
            ours.send(b"beat", (socket.AF_INET6, ("::1", 1, 0, 0)))
        ours.send(b"beat", place)
        self.assertEqual(sock.recv(100), b"beat")

    def test_a_system_that_gives_no_socket_is_an_error(self) -> None:
        none = mock.patch("ponte.net.datagrams.socket.socket", side_effect=OSError("too many"))
        with none, self.assertRaisesRegex(OSError, "too many"):
            Datagrams()

    def test_nothing_that_comes_is_an_error(self) -> None:
        """Neither silence nor an empty datagram. It may be closed twice."""
        ours = self.open()
        self.assertEqual(ours.receive(0.0, 100), [])
        ours.send(b"beat", (socket.AF_INET, ("127.0.0.1", 1)))
        self.assertEqual(ours.receive(0.0, 100), [])
        ours.close()
        ours.close()


class Errors(unittest.TestCase):
    """A thread survives them, and its log is not flooded."""

    def setUp(self) -> None:
        self.pauses: list[float] = []
        # Not `time.sleep` itself: threads of earlier tests may sleep.
        patch = mock.patch("ponte.net.mishaps.time", mock.Mock(sleep=self.pauses.append))
        patch.start()
        self.addCleanup(patch.stop)
        self.mishaps = Mishaps(logging.getLogger("ponte.test"), "a turn")

    def survive(self, source: str) -> None:
        try:
            exec(source, {})
        except Exception as error:
            self.mishaps.survive(error)

    def test_each_kind_is_logged_once_and_all_are_counted(self) -> None:
        """With its traceback. After each there is a pause."""
        with self.assertLogs("ponte.test", "ERROR") as logged:
            for _ in range(5):
                self.survive("1 / 0")
                self.survive("\n1 / 0")
                self.survive("{}[1]")
        self.assertEqual(self.mishaps.count, 15)
        self.assertEqual(self.pauses, [mishaps.PAUSE_S] * 15)
        self.assertEqual(len(logged.output), 3)
        self.assertRegex(logged.output[0], r"a turn failed, and goes on(.|\n)*ZeroDivisionError")

    def test_the_kinds_are_bounded(self) -> None:
        with self.assertLogs("ponte.test", "ERROR") as logged:
            for line in range(MAX_KINDS + 10):
                self.survive("\n" * line + "1 / 0")
        self.assertEqual(len(logged.output), MAX_KINDS)

    def test_an_error_without_a_traceback_is_survived_too(self) -> None:
        with self.assertLogs("ponte.test", "ERROR"):
            self.mishaps.survive(ValueError("made by hand"))


if __name__ == "__main__":
    unittest.main()
