"""The simulation behind docs/scale.md, in small: it must follow the rules of beats and leases."""

from __future__ import annotations

import contextlib
import io
import unittest
from unittest import mock

from bench import scale
from bench.scale import crowd, predicted_expiries, story
from bench.weights import bytes_per_lease, change, view
from bench.world import DOWN_S, EXPIRE_S, STEP_S, World
from heartbeat import BEAT_JITTER, BEAT_S, RESEND_S
from ponte.discovery.beats import LEASE_S

SERVERS = 200
LONGEST_BEAT_S = BEAT_S * (1 + BEAT_JITTER)


class Simulation(unittest.TestCase):
    def started(self, seed: int = 1, servers: int = SERVERS) -> World:
        world = World(servers, seed)
        world.run(5, world.is_whole)
        return world

    def test_all_are_known_after_their_first_beats(self) -> None:
        """The first brings the epoch, the second the lease; each takes a step."""
        world = World(SERVERS, 1)
        self.assertLessEqual(world.run(5, world.is_whole), BEAT_S + 3 * STEP_S)
        self.assertEqual(len(world.table), SERVERS)

    def test_in_quiet_each_beats_twice_a_second_and_nothing_changes(self) -> None:
        world = self.started()
        index, taken = world.table.index, world.taken
        world.run(5)
        # The one change: the registry has warmed up.
        self.assertEqual((world.table.index - index, world.false_expiries), (1, 0))
        self.assertAlmostEqual((world.taken - taken) / 5, SERVERS / BEAT_S,
                               delta=SERVERS / BEAT_S * 0.05)

    def test_heavy_loss_expires_as_many_as_the_arithmetic_predicts(self) -> None:
        world = self.started()
        world.loss = 0.7
        world.run(10)
        predicted = predicted_expiries(SERVERS, 10, 0.7)
        self.assertGreater(world.false_expiries, predicted * 0.7 - 5)
        self.assertLess(world.false_expiries, predicted / 0.7 + 5)

    def test_the_dead_expire_within_a_lease_and_nobody_else_does(self) -> None:
        world = self.started()
        for number in range(0, SERVERS, 10):
            world.kill(number)
        first_s = world.run(5, lambda: world.events["expired"] > 0)
        last_s = first_s + world.run(5, world.is_whole)
        self.assertGreaterEqual(first_s, LEASE_S - LONGEST_BEAT_S - STEP_S)
        self.assertLessEqual(last_s, LEASE_S + EXPIRE_S + STEP_S)
        self.assertEqual((world.events["expired"], world.false_expiries), (SERVERS // 10, 0))

    def test_a_server_that_restarts_in_order_leaves_and_comes_back(self) -> None:
        world = self.started()
        for number in range(10):
            world.restart(number)
        world.run(LONGEST_BEAT_S + 3 * STEP_S)
        self.assertEqual((world.events["draining"], world.events["left"], len(world.table)),
                         (10, 10, SERVERS - 10))
        world.run(DOWN_S + 3 * STEP_S)
        self.assertTrue(world.is_whole())
        self.assertEqual((world.alive, world.events["expired"]), (SERVERS, 0))

    def test_an_empty_registry_is_whole_within_a_beat(self) -> None:
        world = self.started()
        world.replace_registry()
        self.assertLessEqual(world.run(5, world.is_whole), LONGEST_BEAT_S + 3 * STEP_S)

    def test_a_registry_that_is_too_small_is_never_whole(self) -> None:
        """Its buffer overflows, and leases of living servers expire."""
        enough = crowd(SERVERS, 1, capacity=SERVERS / BEAT_S * 2, waiting=SERVERS, seconds=5)
        self.assertLess(float(enough[2]), LEASE_S)
        self.assertEqual(enough[4], "0")
        too_few = crowd(SERVERS, 1, capacity=SERVERS / LEASE_S / 2, waiting=SERVERS, seconds=5)
        self.assertEqual(too_few[2], "not within 5 s")
        self.assertGreater(int(too_few[4]), 0)

    def test_a_long_queue_keeps_an_overload_alive(self) -> None:
        """A beat that waits longer than the time of a resend is sent twice.

        So half of the load exists because of the load.
        """
        def taken(waiting: int) -> int:
            return int(crowd(1000, 1, capacity=3000, waiting=waiting)[3].replace(",", ""))

        self.assertAlmostEqual(taken(waiting=160), 1000 / BEAT_S, delta=100)
        self.assertEqual(taken(waiting=640), 3000)

    def test_what_waits_for_a_registry_is_answered_before_it_is_resent(self) -> None:
        """Otherwise a registry that was down for a moment would be overloaded for ever."""
        self.assertLess(scale.WAITING / scale.CAPACITY_PER_S, RESEND_S)

    def test_the_same_seed_tells_the_same_story(self) -> None:
        """Except for the CPU time."""
        def rows_of(seed: int) -> list[list[str]]:
            return [[*row[:4], *row[5:]] for row in story(50, seed, chapter_s=0.5).rows]

        self.assertEqual(rows_of(1), rows_of(1))
        self.assertNotEqual(rows_of(1), rows_of(2))


class Weights(unittest.TestCase):
    def test_a_view_grows_with_its_endpoints(self) -> None:
        few, many = view(10), view(20)
        self.assertEqual((few[0], many[0]), ("10", "20"))

        def bytes_an_endpoint(column: int) -> float:
            return (int(many[column].replace(",", "")) - int(few[column].replace(",", ""))) / 10

        self.assertTrue(400 < bytes_an_endpoint(1) < 1000)
        self.assertTrue(40 < bytes_an_endpoint(4) < 120)

    def test_a_change_is_timed(self) -> None:
        """Of the time that a proxy takes, calls wait for a part."""
        services, whole_ms, locked_ms = change(20, times=2)
        self.assertEqual(services, "20")
        self.assertGreater(float(whole_ms), float(locked_ms))
        self.assertGreater(float(locked_ms), 0)

    def test_a_lease_is_small(self) -> None:
        """100,000 of them fit into any machine. What the reader of beats remembers is included."""
        self.assertTrue(400 < bytes_per_lease(200) < 2000)


class Command(unittest.TestCase):
    def test_it_prints_four_tables(self) -> None:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), mock.patch.multiple(scale, CHAPTER_S=0.2,
                                                                  CROWDS=(10,)):
            scale.main(["--servers", "10", "--capacity", "1000"])
        for title in ("bytes per lease", "10 servers, one lease table, seed 1",
                      "takes 1,000 datagrams/s, 1,638 wait",
                      "A view: what is written once", "A proxy takes a change"):
            self.assertIn(title, out.getvalue())

    def test_numbers_out_of_range_are_refused(self) -> None:
        for text in ("9", "-1", "x", "1e9", "200001"):
            with self.subTest(text), contextlib.redirect_stderr(
                io.StringIO()) as err, self.assertRaises(SystemExit):
                scale.main(["--servers", text])
            self.assertIn("take 10 to", err.getvalue())


if __name__ == "__main__":
    unittest.main()
