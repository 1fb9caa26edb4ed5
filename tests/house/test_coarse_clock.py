"""A clock goes on in steps where the tests make it coarse."""

from __future__ import annotations

import unittest

from tests.coarse_clock import STEP_S, coarse


class Steps(unittest.TestCase):
    def test_a_coarse_clock_shows_its_latest_step(self) -> None:
        fine = [1.0, 1.0 + 0.9 * STEP_S, 1.0 + STEP_S, 1.0 + 2.5 * STEP_S]
        clock = coarse(iter(fine).__next__)
        self.assertEqual([clock() for _ in fine],
                         [1.0, 1.0, 1.0 + STEP_S, 1.0 + 2 * STEP_S])


if __name__ == "__main__":
    unittest.main()
