"""Names of hosts: looked up on threads, one look-up for a name at a time."""

from __future__ import annotations

import socket
import threading
import unittest
from typing import Any
from unittest import mock

from ponte.net import names
from ponte.net.names import begin_look_up, literal_place

PATIENCE_S = 5.0


class LookUps(unittest.TestCase):
    """What `begin_look_up` returns. The name server is a fake."""

    def setUp(self) -> None:
        self.asked: list[str] = []
        # Not set: the name server does not answer.
        self.answers = threading.Event()
        patch = mock.patch("ponte.net.names.socket.getaddrinfo", self.getaddrinfo)
        patch.start()
        self.addCleanup(patch.stop)
        self.addCleanup(self.answers.set)

    def getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        self.answers.wait(PATIENCE_S)
        if host == "unknown":
            raise socket.gaierror("unknown")
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))
                for family, address in ((socket.AF_INET6, "::1"), (socket.AF_INET, "10.0.0.1"))]

    def test_all_places_of_a_name_are_found(self) -> None:
        self.answers.set()
        self.assertEqual(begin_look_up(("lab", 4100)).result(PATIENCE_S),
                         [(socket.AF_INET6, ("::1", 4100)), (socket.AF_INET, ("10.0.0.1", 4100))])

    def test_it_does_not_block_and_one_look_up_runs_at_a_time(self) -> None:
        """A second user of a slow name waits for the same answer."""
        first, second = begin_look_up(("lab", 4100)), begin_look_up(("lab", 4100))
        self.assertFalse(first.done())
        self.answers.set()
        self.assertEqual(first.result(PATIENCE_S), second.result(PATIENCE_S))
        self.assertEqual(self.asked, ["lab"])

    def test_the_next_look_up_asks_again(self) -> None:
        """The name may have another address now."""
        self.answers.set()
        for _ in range(2):
            begin_look_up(("lab", 4100)).result(PATIENCE_S)
        self.assertEqual(self.asked, ["lab", "lab"])
        self.assertEqual(names._running, {})

    def test_an_error_comes_with_the_future(self) -> None:
        self.answers.set()
        with self.assertRaises(OSError):
            begin_look_up(("unknown", 4100)).result(PATIENCE_S)

    def test_a_system_without_threads_is_an_error_like_any_other(self) -> None:
        with mock.patch("ponte.net.names.threading.Thread.start", side_effect=RuntimeError("none")):
            future = begin_look_up(("lab", 4100))
        with self.assertRaises(OSError):
            future.result(0)
        self.assertEqual(names._running, {})

    def test_an_address_is_not_looked_up(self) -> None:
        for host, family in (("10.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
            self.assertEqual(begin_look_up((host, 1)).result(0), [(family, (host, 1))])
            self.assertEqual(literal_place((host, 1)), (family, (host, 1)))
        for host in ("lab", "", "10.0.0", "a\0b", "::g"):
            self.assertIsNone(literal_place((host, 1)))
        self.assertEqual(self.asked, [])


if __name__ == "__main__":
    unittest.main()
