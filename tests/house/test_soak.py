"""What a soak is judged by. Pure: the samples are made up."""

from __future__ import annotations

import collections
import unittest
from collections.abc import Sequence

from tests import soak
from tests.soak import Sample


def samples(*memory_kb: float, threads: float = 5, files: float = 20) -> list[Sample]:
    """One a minute."""
    return [Sample(60.0 * minute, kb, threads, files) for minute, kb in enumerate(memory_kb)]


class Growth(unittest.TestCase):

    def test_the_slope_is_that_of_the_line_that_fits_best(self) -> None:
        self.assertAlmostEqual(soak.slope_per_min(samples(100, 110, 120, 130), "memory_kb"), 10)
        self.assertAlmostEqual(soak.slope_per_min(samples(100, 130, 100, 130), "memory_kb"), 6)
        self.assertEqual(soak.slope_per_min(samples(100), "memory_kb"), 0)

    def test_noise_is_flat_and_steady_growth_is_not(self) -> None:
        """Growth counts over the whole time: a tenth, or 3 MiB."""
        self.assertTrue(soak.is_flat(samples(30_000, 33_000, 30_000, 31_000), "memory_kb"))
        self.assertTrue(soak.is_flat(samples(*range(30_000, 33_000, 100)), "memory_kb"))
        self.assertFalse(soak.is_flat(samples(*range(30_000, 36_000, 100)), "memory_kb"))
        self.assertTrue(soak.is_flat(samples(*range(36_000, 30_000, -100)), "memory_kb"))


class Verdict(unittest.TestCase):
    """`judge` says what is wrong, in a line for each."""

    def judge(self, kept: Sequence[Sample], deaths: int = 0, ended: int = 0,
              **came: int) -> list[str]:
        lines: list[str] = []
        well = soak.judge({"server-1": list(kept)}, {"server-2": ended} if ended else {},
                          {"server-1": deaths},
                          collections.Counter(came), lines.append, by_growth=True)
        wrong = [line for line in lines if line.startswith("NOT WELL: ")]
        self.assertEqual(well, not wrong)
        return [line[len("NOT WELL: "):] for line in wrong]

    def test_a_good_run_is_well(self) -> None:
        """Some calls that must run once only may end unknown: a server was killed in the middle of
        them.
        """
        self.assertEqual(self.judge(samples(100, 100), answered=990, OutcomeUnknown=10), [])

    def test_each_ill_is_told(self) -> None:
        flat = samples(100, 100)
        for kept, deaths, ended, came, told in (
                (samples(*range(0, 90_000, 3000)), 0, 0, {"answered": 9},
                 "server-1: memory_kb grows"),
                (flat, 2, 0, {"answered": 9}, "server-1: 2 threads died"),
                (flat, 0, -9, {"answered": 9}, "server-2 has ended (exit code -9)"),
                (flat, 0, 0, {"answered": 99, "WRONG": 1}, "1 x WRONG"),
                (flat, 0, 0, {"answered": 99, "NotSent (echo)": 1}, "1 x NotSent (echo)"),
                (flat, 0, 0, {"answered": 90, "NotSent (once)": 10},
                 "only 90 of 100 calls were answered"),
                (flat, 0, 0, {}, "only 0 of 0 calls were answered")):
            with self.subTest(told):
                self.assertEqual(self.judge(kept, deaths, ended, **came), [told])


if __name__ == "__main__":
    unittest.main()
