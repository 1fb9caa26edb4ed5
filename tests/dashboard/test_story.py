"""The nine steps on the page, where something on their way fails: the rest ends all the same."""

from __future__ import annotations

import unittest
from collections.abc import Mapping
from typing import Any, cast
from unittest import mock

from dashboard.laboratory import Laboratory
from dashboard.ring import Ring
from dashboard.story import Story

# What is done in the story itself, in order; and what ends it.
WAY = ("laboratory.stop", "Cast", "PageStage", "observe.start", "steps")
ENDS = ("stage.close", "observe.stop", "cast.close", "laboratory.start")


class Failing(unittest.TestCase):
    def play(self, *fails: str) -> tuple[list[str], list[Mapping[str, Any]]]:
        """Plays the story, in which these things fail; returns what was done, and what was told."""
        done: list[str] = []
        told: list[Mapping[str, Any]] = []

        def doing(what: str, result: Any = None) -> mock.Mock:
            def do(*arguments: Any, **options: Any) -> Any:
                done.append(what)
                if what in fails:
                    raise RuntimeError(f"{what} fails")
                return result

            return mock.Mock(side_effect=do)

        laboratory = mock.Mock(stop=doing("laboratory.stop"), start=doing("laboratory.start"),
                               commands={"kill": None})
        stage = mock.Mock(close=doing("stage.close"))
        story = Story(told.append, Ring(), ("127.0.0.1", 9), cast(Laboratory, laboratory), False)
        self.addCleanup(story.ballot.stop)
        with mock.patch.multiple(
                "dashboard.story", STEPS=(), PageStage=doing("PageStage", stage),
                Cast=doing("Cast", mock.Mock(close=doing("cast.close"))),
                observe=mock.Mock(start=doing("observe.start"), stop=doing("observe.stop"))), \
                mock.patch.object(story, "_tell_steps", doing("steps", mock.Mock(reason=""))):
            try:
                story._tell_demo()
            except RuntimeError as error:
                self.assertIn(str(error).partition(" fails")[0], fails)
            else:
                self.assertEqual(fails, ())
        return done, told

    def test_a_story_ends_what_it_has_begun(self) -> None:
        done, told = self.play()
        self.assertEqual(done, [*WAY, *ENDS])
        self.assertEqual([event["what"] for event in told if event["k"] == "story"],
                         ["begin", "end"])
        self.assertEqual([event["ended"] for event in told if event.get("what") == "end"],
                         ["finished"])

    def test_one_thing_that_fails_leaves_out_no_other_end(self) -> None:
        for failing in ENDS[:-1]:
            with self.subTest(failing):
                done, told = self.play(failing)
                self.assertEqual(done, [*WAY, *ENDS])
                self.assertIn("end", [event.get("what") for event in told])

    def test_where_it_cannot_begin_the_laboratory_starts_again(self) -> None:
        for failing in WAY:
            with self.subTest(failing):
                done, told = self.play(failing)
                self.assertEqual(done[-1], "laboratory.start")
                self.assertEqual([event["ended"] for event in told if event.get("what") == "end"],
                                 ["failed"])
                if "Cast" in done and failing != "Cast":
                    self.assertIn("cast.close", done)


if __name__ == "__main__":
    unittest.main()
