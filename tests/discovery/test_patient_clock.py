"""The patient clock: no lease expires because the registry itself was stopped."""

from __future__ import annotations

import unittest

from ponte.discovery.beats import LEASE_S, Beat
from ponte.discovery.leases import LeaseTable
from ponte.discovery.patient_clock import MAX_STEP_S, PatientClock


class PatientClocks(unittest.TestCase):
    """Time passes only while the clock is read often."""

    def test_it_keeps_time_while_it_is_read_often(self) -> None:
        """A step of up to MAX_STEP_S is time."""
        clock = PatientClock(100.0)
        times = [clock.read(100.0 + n * MAX_STEP_S) for n in range(1, 9)]
        self.assertEqual(times[-1], 8 * MAX_STEP_S)
        self.assertEqual(clock.lateness, 0.0)

    def test_a_pause_counts_as_one_step(self) -> None:
        """The rest of it is lateness; afterwards, time passes as before."""
        clock = PatientClock(0.0)
        self.assertAlmostEqual(clock.read(10.0), MAX_STEP_S)
        self.assertAlmostEqual(clock.lateness, 10.0 - MAX_STEP_S)
        self.assertAlmostEqual(clock.read(10.1), MAX_STEP_S + 0.1)

    def test_a_registry_that_was_stopped_for_three_leases_expires_nobody(self) -> None:
        """The clock and the lease table together."""
        clock, table = PatientClock(0.0), LeaseTable("e1", 0.0)
        beat = Beat("greeter", "a", 1, 1, "127.0.0.1", 4242, epoch="e1")
        table.apply(beat, clock.read(0.1))
        table.expire(clock.read(0.1 + 3 * LEASE_S))
        found, = table.lookup("greeter").endpoints
        self.assertEqual((found.instance, found.state), ("a", "up"))


if __name__ == "__main__":
    unittest.main()
