"""The gate of the class: which datagrams pass. Without sockets, and with a clock of its own."""

from __future__ import annotations

import unittest
from typing import Any

from dashboard.gatekeeper import (
    EACH_AT_ONCE,
    MAX_ADDRESSES,
    MAX_EACH,
    MAX_LEASE_S,
    MAX_NAMES,
    MAX_SERVERS,
    REFUSED,
    Gatekeeper,
)
from ponte.discovery.beats import Answer, Beat, decode_answer, encode_answer, encode_beat

KEY = b"the key of the class"
ANA, BIA = ("192.168.1.31", 50_000), ("192.168.1.32", 50_000)


def beat(name: str = "ana-x7", **fields: Any) -> Beat:
    first = Beat("kiosk", name, incarnation=1000, seq=1, host=ANA[0], port=41_000)
    return first._replace(**fields)


class GatekeeperTest(unittest.TestCase):
    def setUp(self) -> None:
        self.keeper = Gatekeeper("kiosk", KEY, lambda: {"blue"})

    def admit(self, sent: Beat, sender: tuple[str, int] = ANA, now: float = 1.0,
              key: bytes = KEY) -> Any:
        return self.keeper.admit(encode_beat(sent, key), sender, now)

    def refused(self, sent: Beat, sender: tuple[str, int] = ANA, now: float = 1.0) -> str:
        """Why a beat is refused, as its sender is told."""
        datagram = encode_beat(sent, KEY)
        answer = self.keeper.admit(datagram, sender, now)
        assert isinstance(answer, bytes), answer
        self.assertLessEqual(len(answer), len(datagram))
        told = decode_answer(answer, KEY)
        self.assertEqual((told.type, told.instance, told.seq), (REFUSED, sent.instance, sent.seq))
        self.assertEqual(self.keeper.dropped[told.epoch], 1)
        return told.epoch

    def test_a_beat_of_the_class_passes(self) -> None:
        self.assertEqual(self.admit(beat()), beat())
        self.assertEqual([*self.keeper.live(1.0)], ["ana-x7"])
        self.assertEqual(self.keeper.dropped, {})

    def test_what_the_class_has_not_signed_is_dropped_and_not_answered(self) -> None:
        """Another key, none, an answer, and what is no datagram of ours at all."""
        answer = encode_answer(Answer("ack", "ana-x7", 1000, 1, "e", 1000), KEY)
        for datagram in (encode_beat(beat(), b"another key"), encode_beat(beat()), answer, b"",
                         b"\n", b"GET / HTTP/1.1\r\n\r\n", bytes(2000), b"\xff" * 100):
            with self.subTest(datagram[:20]):
                before = sum(self.keeper.dropped.values())
                self.assertIsNone(self.keeper.admit(datagram, ANA, 1.0))
                self.assertEqual(sum(self.keeper.dropped.values()), before + 1)
        self.assertEqual(self.keeper.members, {})

    def test_another_service_is_refused(self) -> None:
        """So nobody is a proxy, and nobody serves what the lab does not."""
        for service in ("proxy", "bank", "KIOSK"):
            with self.subTest(service):
                self.keeper.dropped.clear()
                self.assertEqual(self.refused(beat(service=service)), "service")

    def test_a_host_that_is_not_the_senders_is_refused(self) -> None:
        """No calls are sent to somebody else, nor to this machine itself."""
        for host in (BIA[0], "127.0.0.1", "localhost", "teacher.local", "::1"):
            with self.subTest(host):
                self.keeper.dropped.clear()
                self.assertEqual(self.refused(beat(host=host)), "host")

    def test_a_name_of_the_lab_is_refused(self) -> None:
        """Also one that the lab may give later, and one that the registry knows from elsewhere."""
        for name in ("registry", "server-1", "server-17", "proxy", "proxy-2", "client", "Server-1"):
            with self.subTest(name):
                self.keeper.dropped.clear()
                self.assertEqual(self.refused(beat(name)), "name")
        self.assertEqual(self.refused(beat("blue")), "taken")

    def test_a_name_is_kept_by_the_address_that_took_it_while_its_lease_lives(self) -> None:
        self.admit(beat(), now=1.0)
        theft = beat(host=BIA[0], incarnation=2000)
        self.assertEqual(self.refused(theft, BIA, now=2.9), "taken")
        # The lease of 2 s is over.
        self.assertEqual(self.admit(theft, BIA, now=3.1), theft)
        self.keeper.dropped.clear()
        self.assertEqual(self.refused(beat(seq=2), now=3.2), "taken")

    def test_a_replay_is_dropped(self) -> None:
        self.admit(beat(seq=7))
        for seq in (7, 6, 1):
            self.assertIsNone(self.admit(beat(seq=seq), now=1.1))
        self.assertEqual(self.keeper.dropped["old"], 3)
        # Also when its lease is over.
        self.assertIsNone(self.admit(beat(seq=7), now=9.0))

    def test_an_elder_process_of_the_device_passes_and_changes_nothing(self) -> None:
        """The registry tells it that a younger one has its name."""
        self.admit(beat(incarnation=2000))
        elder = beat(incarnation=1000, seq=99, port=42_000)
        self.assertEqual(self.admit(elder, now=1.1), elder)
        self.assertEqual(self.keeper.members["ana-x7"].beat.incarnation, 2000)

    def test_long_leases_are_refused(self) -> None:
        self.assertEqual(self.refused(beat(lease_s=MAX_LEASE_S + 1)), "lease")

    def test_one_device_has_a_few_servers(self) -> None:
        for number in range(MAX_EACH):
            self.admit(beat(f"ana-{number}"))
        self.assertEqual(self.refused(beat("ana-more")), "full")
        # Those that it has go on.
        self.assertIsInstance(self.admit(beat("ana-0", seq=2)), Beat)

    def test_the_class_has_a_limit(self) -> None:
        for number in range(MAX_SERVERS):
            host = f"10.0.0.{number}"
            self.admit(beat(f"student-{number}", host=host), (host, 1))
        self.assertEqual(self.refused(beat()), "full")

    def test_names_that_have_gone_never_fill_the_class(self) -> None:
        """Each start has a random name: a lesson has hundreds of them. Those that live stay."""
        self.admit(beat(seq=1, lease_s=MAX_LEASE_S), now=0.0)
        for number in range(MAX_NAMES * 2):
            now = number * 1.0
            self.admit(beat(seq=2 + number, lease_s=MAX_LEASE_S), now=now)
            self.assertIsInstance(self.admit(beat(f"bia-{number}", host=BIA[0]), BIA, now), Beat)
        self.assertEqual(len(self.keeper.members), MAX_NAMES)
        self.assertIn("ana-x7", self.keeper.members)

    def test_a_server_that_leaves_is_gone(self) -> None:
        self.admit(beat())
        self.admit(beat(seq=2, state="leaving"), now=1.1)
        self.assertEqual(self.keeper.live(1.1), {})

    def test_a_flood_of_one_address_keeps_nobody_else_out(self) -> None:
        for _ in range(int(EACH_AT_ONCE) * 2):
            self.keeper.admit(b"garbage", BIA, 1.0)
        self.assertEqual(self.keeper.dropped["flood"], int(EACH_AT_ONCE))
        self.assertIsInstance(self.admit(beat()), Beat)

    def test_a_flood_of_many_addresses_keeps_out_no_server_that_is_in(self) -> None:
        """And remembers a limited number of addresses."""
        self.admit(beat())
        for number in range(20_000):
            self.keeper.admit(b"garbage", (f"10.{number >> 8}.{number & 255}.1", 9), 1.5)
        self.assertIsInstance(self.admit(beat(seq=2), now=1.5), Beat)
        self.assertLessEqual(len(self.keeper._rates), MAX_ADDRESSES)
        self.assertGreater(self.keeper.dropped["flood"], 10_000)


if __name__ == "__main__":
    unittest.main()
