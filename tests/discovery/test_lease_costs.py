"""The lease table: bounds of memory and time, and its states after random beats."""

from __future__ import annotations

import random
import unittest
from typing import Any
from unittest import mock

from ponte.discovery import leases
from tests.discovery.lease_verbs import APPLIED, FULL, OLD, LeaseTest


class Costs(LeaseTest):
    """Bounds of memory and time."""

    def test_a_full_table_accepts_no_more_instances(self) -> None:
        """It goes on with those that it has; every expiry makes room."""
        with mock.patch.object(leases, "MAX_LEASES", 2):
            self.hears("a", at=0)
            self.hears("b", at=0)
            self.hears("c", at=0, verdict=FULL)
            self.hears("a", at=2)
            self.expect("b", "gone", at=2.1)
            self.hears("c", at=2.1)
        self.assertEqual(self.states(), {"a": "up", "c": "up"})

    def test_the_memory_of_gone_instances_is_bounded_too(self) -> None:
        """Those that have been gone for longest are forgotten first."""
        with mock.patch.object(leases, "MAX_LEASES", 2):
            self.hears("a", at=0, seq=1, state="leaving")
            self.hears("b", at=1, seq=1, state="leaving")
            self.hears("c", at=2, seq=1, state="leaving")
        self.assertEqual(self.tombstones(), ["b", "c"])
        self.hears("a", at=3, seq=1, verdict=APPLIED)
        self.hears("b", at=3, seq=2, verdict=OLD)

    def test_forgotten_changes_still_wake_every_reader(self) -> None:
        """The indexes of services are bounded; when they are dropped, every index moves."""
        with mock.patch.object(leases, "MAX_LEASES", 2):
            before = self.table.index_of("greeter")
            for service in ("greeter", "s1", "s2", "s3", "s4"):
                self.hears("a", at=0, service=service)
                self.hears("a", at=0, service=service, state="leaving")
        self.assertGreater(self.table.index_of("greeter"), before)

    def looked_at(self, lengths: list[float], beaten_at: list[float], now: float) -> int:
        """How many of 10,000 leases `expire` looks at; lengths and times are given in turn."""
        looks: list[str] = []

        class Spied(leases._Lease):
            __slots__ = ()

            def __getattribute__(self, name: str) -> Any:
                if name == "beaten_at":
                    looks.append(name)
                return super().__getattribute__(name)

        with mock.patch.object(leases, "_Lease", Spied):
            for number in range(10_000):
                self.hears(str(number), at=beaten_at[number % len(beaten_at)],
                           lease_s=lengths[number % len(lengths)])
        looks.clear()
        self.passes(at=now)
        return len(looks)

    def test_expiry_looks_at_the_front_of_a_queue_alone(self) -> None:
        """Of 10,000 leases of one length, none of which is due, at one."""
        self.assertEqual(self.looked_at([2.0], [0.0], now=0.5), 1)

    def test_there_are_few_queues(self) -> None:
        """The lengths are rounded: 10,000 different ones share less than 200 queues."""
        lengths = [2.0 + number / 1000 for number in range(10_000)]
        self.assertLess(self.looked_at(lengths, [0.0], now=0.5), 200)

    def test_a_look_at_a_queue_ends_at_its_first_fresh_lease(self) -> None:
        """Of 10,000 leases 3 are due: these are looked at, and the next one in each queue."""
        self.assertEqual(self.looked_at([2.0], [0.0] * 3 + [1.0] * 9_997, now=1.5), 4 + 1)


class RandomBeats(LeaseTest):
    """Seeded schedules of beats and silences, against the rule itself."""

    def test_states_follow_from_the_last_beat_alone(self) -> None:
        """Up within half a lease after it, suspect within a lease, else gone."""
        for seed in range(200):
            self.begin()
            rng, now = random.Random(seed), 0.0
            latest: dict[str, tuple[float, float]] = {}
            for _ in range(60):
                now += rng.random() * 0.7
                self.passes(at=now)
                expected = {name: "up" if now - at <= lease_s / 2 else "suspect"
                            for name, (at, lease_s) in latest.items() if now - at <= lease_s}
                self.assertEqual(self.states(), expected, f"seed {seed}")
                self.assertEqual(len(self.table), len(expected))
                name, lease_s = rng.choice("abcdef"), rng.choice((0.5, 2.0, 5.0))
                self.hears(name, at=now, lease_s=lease_s)
                latest[name] = (now, lease_s)


if __name__ == "__main__":
    unittest.main()
