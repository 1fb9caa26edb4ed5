"""How a soak is judged. The samples are made up, so that no process runs."""

from __future__ import annotations

import collections
import unittest
from collections.abc import Sequence

from tests.growth import Sample, is_back, is_flat, slope_per_min
from tests.soak import load


def samples(*memory_kb: float, threads: float = 5, files: float = 20) -> list[Sample]:
    """Samples of a process, one a minute."""
    return [Sample(60.0 * minute, kb, threads, files) for minute, kb in enumerate(memory_kb)]


class Growth(unittest.TestCase):

    def test_the_slope_is_that_of_the_line_that_fits_best(self) -> None:
        self.assertAlmostEqual(slope_per_min(samples(100, 110, 120, 130), "memory_kb"), 10)
        self.assertAlmostEqual(slope_per_min(samples(100, 130, 100, 130), "memory_kb"), 6)
        self.assertEqual(slope_per_min(samples(100), "memory_kb"), 0)

    def test_noise_is_flat_and_steady_growth_is_not(self) -> None:
        """What counts is the growth over the whole time: a tenth, or 3 MiB."""
        self.assertTrue(is_flat(samples(30_000, 33_000, 30_000, 31_000), "memory_kb"))
        self.assertTrue(is_flat(samples(*range(30_000, 33_000, 100)), "memory_kb"))
        self.assertFalse(is_flat(samples(*range(30_000, 36_000, 100)), "memory_kb"))
        self.assertTrue(is_flat(samples(*range(36_000, 30_000, -100)), "memory_kb"))

    def test_a_process_is_back_where_it_was_when_only_idle_connections_are_left(self) -> None:
        """A leak of one thread, or one file, for each client would be hundreds of them."""
        base, = samples(30_000, threads=5, files=20)
        for threads, files, back in ((5, 20, True), (4, 12, True), (20, 40, True),
                                     (105, 20, False), (5, 120, False)):
            with self.subTest(threads=threads, files=files):
                now, = samples(90_000, threads=threads, files=files)
                self.assertEqual(is_back(base, now), back)


class Verdict(unittest.TestCase):
    """`judge` prints a line for each thing that is wrong."""

    def judge(self, kept: Sequence[Sample], deaths: int = 0, ended: int = 0,
              **outcomes: int) -> list[str]:
        lines: list[str] = []
        well = load.judge({"server-1": list(kept)}, {"server-2": ended} if ended else {},
                          {"server-1": deaths}, collections.Counter(outcomes), lines.append,
                          by_growth=True)
        wrong = [line for line in lines if line.startswith("NOT WELL: ")]
        self.assertEqual(well, not wrong)
        return [line[len("NOT WELL: "):] for line in wrong]

    def test_a_good_run_is_well(self) -> None:
        """A few calls may end with an unknown outcome: their server was killed."""
        self.assertEqual(self.judge(samples(100, 100), answered=990, OutcomeUnknown=10), [])

    def test_each_thing_that_is_wrong_has_its_line(self) -> None:
        """Growth, threads that died, a process that ended, wrong and missing answers."""
        flat = samples(100, 100)
        for kept, deaths, ended, outcomes, wanted in (
                (samples(*range(0, 90_000, 3000)), 0, 0, {"answered": 9},
                 "server-1: memory_kb grows"),
                (flat, 2, 0, {"answered": 9}, "server-1: 2 threads died"),
                (flat, 0, -9, {"answered": 9}, "server-2 has ended (exit code -9)"),
                (flat, 0, 0, {"answered": 99, "WRONG": 1}, "1 x WRONG"),
                (flat, 0, 0, {"answered": 99, "NotSent (echo)": 1}, "1 x NotSent (echo)"),
                (flat, 0, 0, {"answered": 90, "NotSent (once)": 10},
                 "only 90 of 100 calls were answered"),
                (flat, 0, 0, {}, "only 0 of 0 calls were answered")):
            with self.subTest(wanted):
                self.assertEqual(self.judge(kept, deaths, ended, **outcomes), [wanted])


if __name__ == "__main__":
    unittest.main()
