"""The newest events, for readers that each have a place of their own."""

from __future__ import annotations

import threading
import unittest

from dashboard.ring import Ring


def lines(first: int, count: int) -> list[bytes]:
    return [b'{"s":%d}' % number for number in range(first, first + count)]


class Reading(unittest.TestCase):
    def test_a_reader_goes_on_where_it_was(self) -> None:
        ring = Ring()
        ring.append(lines(1, 3))
        batch = ring.read(0)
        self.assertEqual((1, 4, lines(1, 3), []), batch)
        self.assertEqual((1, 4, []), ring.read(batch.next)[:3])
        ring.append(lines(4, 1))
        self.assertEqual((1, 5, lines(4, 1)), ring.read(batch.next)[:3])
        self.assertEqual([{"s": 4}], ring.events(4))

    def test_an_answer_is_bounded(self) -> None:
        ring = Ring()
        ring.append(lines(1, 10))
        self.assertEqual((1, 5, lines(1, 4)), ring.read(0, 4)[:3])
        self.assertEqual((1, 9, lines(5, 4)), ring.read(5, 4)[:3])

    def test_the_oldest_are_dropped_by_number_and_by_bytes(self) -> None:
        for ring in (Ring(max_events=4), Ring(max_bytes=4 * len(b'{"s":1}'))):
            for number in range(1, 10):
                ring.append(lines(number, 1))
                self.assertEqual(number + 1, ring.next)
            self.assertEqual((6, 10, lines(6, 4)), ring.read(0)[:3])
            self.assertEqual((6, 10, lines(8, 2)), ring.read(8)[:3])
            self.assertEqual(4, len(ring._lines) - ring._begin)
            ring.append(lines(10, 90))
            self.assertLessEqual(len(ring._lines), 4)

    def test_a_reader_that_was_too_slow_begins_at_the_oldest(self) -> None:
        ring = Ring(max_events=2)
        ring.append(lines(1, 9))
        self.assertEqual((8, 10, lines(8, 2)), ring.read(3)[:3])

    def test_a_number_that_no_event_has_had_is_that_of_another_ring(self) -> None:
        ring = Ring()
        ring.append(lines(1, 2))
        self.assertEqual((1, 3, lines(1, 2)), ring.read(77)[:3])


class Waiting(unittest.TestCase):
    def test_a_reader_waits_for_the_next_event_alone(self) -> None:
        ring = Ring()
        ring.append(lines(1, 2))
        for since in (0, 1, 2, 99):
            self.assertIsNone(ring.follow(since))
        future = ring.follow(3)
        assert future
        self.assertEqual((False, 1), (future.done(), ring.readers))
        ring.append(lines(3, 1))
        self.assertEqual((True, 0), (future.done(), ring.readers))

    def test_one_that_has_gone_leaves_nothing_behind(self) -> None:
        ring = Ring()
        future = ring.follow(1)
        assert future
        ring.let_go(future)
        ring.let_go(future)
        self.assertEqual(0, ring.readers)

    def test_the_end_wakes_everybody(self) -> None:
        ring = Ring()
        future = ring.follow(1)
        assert future
        ring.close()
        self.assertTrue(future.done())
        self.assertIsNone(ring.follow(1))

    def test_a_thread_may_wait(self) -> None:
        ring = Ring()
        self.assertFalse(ring.wait(1, 0.001))
        self.assertEqual(0, ring.readers)
        other = threading.Thread(target=ring.append, args=(lines(1, 1),))
        other.start()
        self.assertTrue(ring.wait(1, 10))
        other.join()
        self.assertTrue(ring.wait(1, 0))


if __name__ == "__main__":
    unittest.main()
