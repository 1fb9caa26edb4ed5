"""Votes: one a device, changed while the question is open, and told ten times a second at most."""

from __future__ import annotations

import unittest

from dashboard.processes import Refused
from dashboard.votes import (
    BETWEEN_EVENTS_S,
    BETWEEN_VOTES_S,
    MAX_DEVICES,
    MAX_HANDS,
    Votes,
)


class VotesTest(unittest.TestCase):
    def setUp(self) -> None:
        self.votes = Votes()
        self.votes.open()

    def refused(self, device: str, answer: int, now: float) -> str:
        """The code of the refusal of a vote."""
        with self.assertRaises(Refused) as caught:
            self.votes.vote(device, answer, now)
        self.assertNotIn("\n", str(caught.exception))
        return caught.exception.code

    def test_a_device_has_one_vote_and_may_change_it(self) -> None:
        self.votes.vote("a", 1, 0.0)
        self.votes.vote("b", 1, 0.0)
        self.assertEqual(([0, 2, 0, 0], 2), (self.votes.counts, self.votes.voters))
        self.votes.vote("a", 3, BETWEEN_VOTES_S)
        self.assertEqual(([0, 1, 0, 1], 2), (self.votes.counts, self.votes.voters))
        self.assertEqual((3, 1, None), tuple(map(self.votes.answer_of, "abc")))

    def test_a_device_that_votes_too_fast_changes_nothing(self) -> None:
        self.votes.vote("a", 1, 0.0)
        self.assertEqual("rate", self.refused("a", 2, BETWEEN_VOTES_S * 0.9))
        self.votes.vote("b", 2, BETWEEN_VOTES_S * 0.9)
        self.assertEqual([0, 1, 1, 0], self.votes.counts)

    def test_nobody_votes_before_a_question_or_after_it(self) -> None:
        self.votes.vote("a", 0, 0.0)
        self.votes.press(0, 1)
        self.votes.close()
        for votes in (self.votes, Votes()):
            with self.assertRaises(Refused) as caught:
                votes.vote("a", 0, 9.0)
            self.assertEqual("closed", caught.exception.code)
            with self.assertRaises(Refused) as caught:
                votes.press(0, 1)
            self.assertEqual("closed", caught.exception.code)
        self.assertEqual([2, 0, 0, 0], self.votes.counts)

    def test_a_new_question_begins_without_votes(self) -> None:
        self.votes.vote("a", 0, 0.0)
        self.votes.press(1, 1)
        self.votes.open()
        self.assertEqual(([0, 0, 0, 0], 0), (self.votes.counts, self.votes.voters))

    def test_a_new_question_is_told_also_where_nobody_has_voted_on_the_one_before(self) -> None:
        first = self.votes.due(1.0)
        self.votes.close()
        self.votes.open()
        self.assertIsNotNone(first)
        self.assertEqual(first, self.votes.due(1.0))

    def test_there_are_four_answers(self) -> None:
        for answer in (-1, 4, 1 << 70):
            self.assertEqual("answer", self.refused("a", answer, 0.0))
        self.assertEqual([0] * 4, self.votes.counts)

    def test_devices_are_limited_and_those_that_voted_may_still_change(self) -> None:
        for number in range(MAX_DEVICES):
            self.votes.vote(f"device {number}", 0, 0.0)
        self.assertEqual("full", self.refused("one more", 0, 9.0))
        self.votes.vote("device 7", 1, 9.0)
        self.assertEqual([MAX_DEVICES - 1, 1, 0, 0], self.votes.counts)

    def test_the_teacher_counts_hands_from_0_to_a_limit(self) -> None:
        self.votes.press(2, -1)
        self.assertEqual([0] * 4, self.votes.counts)
        for _ in range(3):
            self.votes.press(2, 1)
        self.votes.press(2, -1)
        self.votes.press(0, 10 ** 9)
        self.votes.vote("a", 2, 0.0)
        self.assertEqual([MAX_HANDS, 0, 3, 0], self.votes.counts)

    def test_counts_are_told_when_they_change_ten_times_a_second_at_most(self) -> None:
        told = []
        for number in range(MAX_DEVICES):
            now = number / MAX_DEVICES
            self.votes.vote(f"device {number}", 0, now)
            told.append(self.votes.due(now))
        told = [event for event in told if event]
        self.assertLessEqual(len(told), 1 / BETWEEN_EVENTS_S)
        self.assertGreaterEqual(len(told), 1 / BETWEEN_EVENTS_S - 1)
        last = self.votes.due(2.0)
        assert last
        self.assertEqual(([MAX_DEVICES, 0, 0, 0], True), (last["counts"], last["open"]))
        self.assertIsNone(self.votes.due(3.0))
        self.votes.close()
        closed = self.votes.due(4.0)
        assert closed
        self.assertEqual((False, MAX_DEVICES), (closed["open"], closed["voters"]))


if __name__ == "__main__":
    unittest.main()
