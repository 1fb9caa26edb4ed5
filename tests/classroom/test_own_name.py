"""A number is claimed by one process at a time."""

from __future__ import annotations

import contextlib
import socket
import unittest
from unittest import mock

from classroom import own_name
from classroom.own_name import OwnName, claim_name
from ponte.net.stream import listen
from tests.system.harness import free_port


class OwnNames(unittest.TestCase):
    def setUp(self) -> None:
        """Ports that no lesson on this machine uses: three numbers for each of two registries."""
        for _ in range(100):
            first = free_port()
            with contextlib.ExitStack() as free, contextlib.suppress(OSError):
                for port in range(first + 1, first + 7):
                    free.enter_context(listen("127.0.0.1", port, socket.SOCK_DGRAM))
                break
        for name, value in (("FIRST_PORT", first), ("NUMBERS", 3)):
            patch = mock.patch.object(own_name, name, value)
            self.addCleanup(patch.stop)
            patch.start()
        self.first = first

    def claim(self, *taken: str) -> OwnName:
        own = claim_name(taken)
        assert own
        self.addCleanup(own.held.close)
        return own

    def test_each_gets_the_first_number_that_is_free(self) -> None:
        self.assertEqual("server-1", self.claim().name)
        self.assertEqual("server-2", self.claim().name)

    def test_two_registries_on_a_machine_have_numbers_of_their_own(self) -> None:
        for port in (4100, 4101):
            with self.subTest(port):
                own = claim_name((), port)
                assert own
                self.addCleanup(own.held.close)
                self.assertEqual("server-1", own.name)

    def test_a_number_is_free_again_when_its_holder_has_gone(self) -> None:
        self.claim().held.close()
        self.assertEqual("server-1", self.claim().name)

    def test_names_that_a_registry_knows_are_left_out(self) -> None:
        """Their servers may have been named by hand, and hold no port."""
        self.assertEqual("server-2", self.claim("server-1", "blue").name)

    def test_a_port_of_a_stranger_means_the_next_number(self) -> None:
        for kind in ("127.0.0.1", "0.0.0.0"):
            with self.subTest(kind), socket.socket(type=socket.SOCK_DGRAM) as stranger:
                stranger.bind((kind, self.first + 1))
                with contextlib.closing(self.claim().held) as held:
                    self.assertEqual(self.first + 2, held.getsockname()[1])

    def test_a_stranger_that_wants_to_share_gets_nothing(self) -> None:
        self.claim()
        with socket.socket(type=socket.SOCK_DGRAM) as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with self.assertRaises(OSError):
                stranger.bind(("127.0.0.1", self.first + 1))

    def test_where_no_number_is_free_there_is_no_name(self) -> None:
        self.assertIsNone(claim_name(["server-1", "server-2", "server-3"]))


if __name__ == "__main__":
    unittest.main()
