"""Verbs for tests of the lease table: what it hears, and what its readers see.

No test waits: `at` is the time in seconds that the table is given. A lease lasts 2 seconds.
"""

from __future__ import annotations

import unittest
from typing import Any

from ponte.discovery.beats import LEASE_S, Beat
from ponte.discovery.lease_states import GONE
from ponte.discovery.leases import ALL, LeaseTable, Verdict

EPOCH = "e1"
APPLIED, OLD, SUPERSEDED, FULL = Verdict.APPLIED, Verdict.OLD, Verdict.SUPERSEDED, Verdict.FULL


def beat(instance: str = "a", incarnation: int = 1, seq: int = 1, **fields: Any) -> Beat:
    rest = {"service": "greeter", "host": "127.0.0.1", "port": 4242, "epoch": EPOCH, **fields}
    return Beat(instance=instance, incarnation=incarnation, seq=seq, **rest)


class LeaseTest(unittest.TestCase):
    """Verbs: what the table hears, and what its readers see."""

    def setUp(self) -> None:
        self.assertEqual(LEASE_S, 2.0, "the times in these tests belong to this lease")
        self.begin()

    def begin(self) -> None:
        """A new table, which knows nothing."""
        self.table = LeaseTable(EPOCH, now=0.0)
        self.seq = 0

    def hears(self, instance: str = "a", *, at: float, seq: int = 0, verdict: Verdict = APPLIED,
              **fields: Any) -> None:
        """A beat comes, with a number that was not there before, or with `seq`."""
        self.seq = seq or self.seq + 1
        self.assertIs(self.table.apply(beat(instance, seq=self.seq, **fields), at), verdict)

    def passes(self, *, at: float) -> None:
        """Time passes until `at`."""
        self.table.expire(at)

    def expect(self, instance: str, state: str, *, at: float | None = None) -> None:
        """Readers see this state of the instance, once `at` has come."""
        if at is not None:
            self.passes(at=at)
        self.assertEqual(self.states().get(instance, GONE), state, f"{instance} at {at}")

    def expect_events(self, *expected: str) -> None:
        """These have happened since the last time, and nothing else."""
        self.assertEqual([event.what for event in self.table.events], list(expected))
        self.table.events.clear()

    def states(self, service: str = ALL) -> dict[str, str]:
        """Instance -> state, as readers see it."""
        return {endpoint.instance: endpoint.state
                for endpoint in self.table.lookup(service).endpoints}

    def tombstones(self, service: str = ALL) -> list[str]:
        """The instances of which readers are told that they left."""
        return [tombstone.instance for tombstone in self.table.lookup(service).left]
