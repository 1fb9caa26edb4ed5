"""The address at which other machines reach this one."""

from __future__ import annotations

import socket
import unittest
from collections.abc import Sequence
from unittest import mock

from classroom import outward
from ponte.net.address import is_loopback
from ponte.net.stream import listen
from tests.windows import windows_cannot


class Outward(unittest.TestCase):
    def chosen(self, candidates: Sequence[str], ours: Sequence[str]) -> str | None:
        with mock.patch.object(outward, "_candidates", lambda family: iter(candidates)), \
                mock.patch.object(outward, "_is_ours", lambda host: host in ours):
            return outward.outward_host()

    def test_the_first_address_of_ours_that_is_not_loopback(self) -> None:
        self.assertEqual("10.0.0.7", self.chosen(["127.0.1.1", "10.0.0.9", "10.0.0.7"],
                                                 ["127.0.1.1", "10.0.0.7", "10.0.0.8"]))
        self.assertIsNone(self.chosen(["127.0.0.1", "::1"], ["127.0.0.1", "::1"]))

    def test_what_is_found_on_this_machine_can_be_listened_on(self) -> None:
        for family in (socket.AF_INET, socket.AF_INET6):
            host = outward.outward_host(family)
            if host is not None:
                self.assertFalse(is_loopback(host))
                listen(host, 0).close()

    def test_without_a_way_to_the_world_the_interfaces_are_asked(self) -> None:
        """As in a room where the machines have cables and nothing else."""
        with mock.patch.object(outward, "FAR_AWAY", ()), \
                mock.patch.object(outward, "_of_interfaces", lambda: ["10.0.0.7"]), \
                mock.patch.object(outward, "addresses_of", lambda registry: ["10.0.0.8", "::2"]):
            self.assertEqual(["10.0.0.7", "10.0.0.8"],
                             list(outward._candidates(socket.AF_INET)))

    @windows_cannot("Ponte has no way to ask an interface there")
    def test_an_interface_tells_its_address(self) -> None:
        self.assertIn("127.0.0.1", outward._of_interfaces())

    def test_a_name_that_nobody_answers_for_leads_nowhere_and_raises_nothing(self) -> None:
        with mock.patch("socket.getaddrinfo", side_effect=socket.gaierror("no name server")):
            self.assertEqual([], outward.addresses_of(("lab-7", 4100)))
            self.assertFalse(outward.is_on_loopback(("lab-7", 4100)))
        self.assertTrue(outward.is_on_loopback(("127.0.0.2", 4100)))


if __name__ == "__main__":
    unittest.main()
