"""How a server or proxy leaves: once, and by itself when its name is taken."""

from __future__ import annotations

import threading
import unittest

from ponte.process.departure import Departure

PATIENCE_S = 5.0


class Leaving(unittest.TestCase):
    """It drains once, whoever asks."""

    def test_those_that_ask_at_once_get_the_result_of_one(self) -> None:
        begun, gate = threading.Event(), threading.Event()
        drained: list[float] = []

        def drain(grace_s: float) -> bool:
            drained.append(grace_s)
            begun.set()
            gate.wait(PATIENCE_S)
            return False

        departure = Departure("server-1", drain)
        results: list[bool] = []
        threads = [threading.Thread(target=lambda: results.append(departure.leave(3.0)))
                   for _ in range(3)]
        for thread in threads:
            thread.start()
        self.assertTrue(begun.wait(PATIENCE_S))
        gate.set()
        for thread in threads:
            thread.join(PATIENCE_S)
        self.assertEqual((drained, results), ([3.0], [False] * 3))

    def test_one_whose_name_is_taken_says_so_and_drains_by_itself(self) -> None:
        """Nobody has to look. Its calls get the grace that it was given."""
        drained: list[float] = []
        done = threading.Event()

        def drain(grace_s: float) -> bool:
            drained.append(grace_s)
            done.set()
            return True

        departure = Departure("server-1", drain)
        departure.grace_s = 7.0
        with self.assertLogs("ponte.process", "ERROR") as logs:
            departure.step_down()
        self.assertIn("server-1: STOPPED: a younger process", logs.output[0])
        self.assertTrue(departure.superseded.is_set())
        self.assertTrue(done.wait(PATIENCE_S))
        self.assertTrue(departure.leave(1.0))
        self.assertEqual(drained, [7.0])


if __name__ == "__main__":
    unittest.main()
