"""What still holds when older events are dropped."""

from __future__ import annotations

import json
import unittest
from typing import Any

from dashboard import standing
from dashboard.standing import Standing


class StandingTest(unittest.TestCase):
    def setUp(self) -> None:
        self.standing = Standing()
        self.number = 0

    def drop(self, kind: str, **fields: Any) -> int:
        self.number += 1
        self.standing.take(json.dumps({"s": self.number, "k": kind, **fields},
                                      separators=(",", ":")).encode())
        return self.number

    def left(self) -> list[int]:
        return [json.loads(line)["s"] for line in self.standing.lines]

    def test_the_last_word_about_each_process_stands(self) -> None:
        start = self.drop("start")
        self.drop("proc", who="server-1", state="starting")
        other = self.drop("proc", who="server-2", state="up")
        last = self.drop("proc", who="server-1", state="up")
        self.drop("call", id="4b", method="proc")
        self.drop("beat", seq=1)
        self.assertEqual([start, other, last], self.left())

    def test_what_stands_within_another_event_does_not_stand(self) -> None:
        self.drop("run", x={"k": "proc", "who": "server-1"})
        self.assertEqual([], self.left())

    def test_a_process_that_is_off_the_picture_is_forgotten(self) -> None:
        self.drop("proc", who="server-1", state="up")
        self.drop("proc", who="server-1", state="gone", forget=True)
        self.assertEqual([], self.left())

    def test_of_a_story_the_question_stands_until_it_ends(self) -> None:
        exposed = self.drop("exposed", list=[])
        self.drop("story", what="begin")
        self.drop("vote", counts=[1, 0, 0, 0])
        self.drop("story", what="question", step=1)
        begin = self.drop("story", what="begin")
        self.drop("story", what="question", step=1)
        question = self.drop("story", what="question", step=2)
        vote = self.drop("vote", counts=[0, 1, 0, 0])
        self.assertEqual([exposed, begin, question, vote], self.left())
        self.drop("story", what="end")
        self.assertEqual([exposed], self.left())

    def test_it_is_bounded(self) -> None:
        for number in range(standing.MAX_STANDING + 9):
            self.drop("proc", who=f"server-{number}", state="up")
        self.assertEqual(standing.MAX_STANDING, len(self.left()))
        self.assertEqual(self.number, self.left()[-1])


if __name__ == "__main__":
    unittest.main()
