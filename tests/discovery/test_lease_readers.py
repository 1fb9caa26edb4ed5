"""The lease table, as readers of a registry see it."""

from __future__ import annotations

import unittest

from ponte.discovery.leases import ALL, WARMING_S, LeaseTable
from tests.discovery.lease_verbs import EPOCH, LeaseTest


class Readers(LeaseTest):
    """Index and warming: what a long poll waits for."""

    def test_the_index_of_a_service_moves_with_that_service_alone(self) -> None:
        """A reader of one service is not woken by another one; a reader of ALL is, by each."""
        self.hears("a", at=0, service="greeter")
        before, all_before = self.table.index_of("greeter"), self.table.index_of(ALL)
        self.hears("b", at=0, service="bank")
        self.assertEqual(self.table.index_of("greeter"), before)
        self.assertGreater(self.table.index_of("bank"), before)
        self.assertGreater(self.table.index_of(ALL), all_before)
        self.assertEqual(self.table.lookup("bank").index, self.table.index_of("bank"))
        self.assertEqual(self.table.lookup("greeter").index, before)

    def test_no_service_has_index_0(self) -> None:
        """A first `watch` asks with it, and is answered at once, also without an endpoint."""
        self.assertNotEqual(self.table.index_of("unknown"), 0)

    def test_it_warms_up_for_one_lease(self) -> None:
        """The end of it wakes every reader: now they may forget what the table does not have."""
        self.hears("a", at=0)
        self.passes(at=WARMING_S - 0.01)
        before = self.table.index_of("greeter"), self.table.index_of("unknown")
        self.assertIs(self.table.lookup("greeter").warming, True)
        self.passes(at=WARMING_S)
        self.assertIs(self.table.lookup("greeter").warming, False)
        self.assertGreater(self.table.index_of("greeter"), before[0])
        self.assertGreater(self.table.index_of("unknown"), before[1])

    def test_it_warms_up_from_its_start_on(self) -> None:
        """Whatever the clock shows then."""
        table = LeaseTable(EPOCH, now=100.0)
        table.expire(100.0 + WARMING_S - 0.01)
        self.assertIs(table.lookup("greeter").warming, True)
        table.expire(100.0 + WARMING_S)
        self.assertIs(table.lookup("greeter").warming, False)

    def test_an_answer_stays_what_it_was(self) -> None:
        """A thread that writes it out needs no lock: later beats do not show in it."""
        self.hears("a", at=0)
        answer = self.table.lookup("greeter")
        before = answer.to_struct()
        self.hears("a", at=0.1, state="draining")
        self.hears("b", at=0.1)
        self.hears("a", at=0.2, state="leaving")
        self.assertEqual(answer.to_struct(), before)

    def test_an_answer_is_a_struct_for_xml_rpc(self) -> None:
        """With all that the table knows of the service."""
        self.hears("a", at=0, incarnation=2 ** 52)
        self.hears("b", at=0, incarnation=2 ** 51, state="leaving")
        answer = self.table.lookup("greeter")
        self.assertEqual(answer.to_struct(), {
            "index": self.table.index_of("greeter"), "epoch": EPOCH, "warming": True,
            "endpoints": [answer.endpoints[0].to_struct()],
            "left": [{"service": "greeter", "instance": "b", "incarnation": str(2 ** 51)}]})

    def test_the_answer_names_its_epoch(self) -> None:
        """A reader can tell one life of the registry from the next."""
        self.assertEqual(self.table.lookup("greeter").epoch, EPOCH)


if __name__ == "__main__":
    unittest.main()
