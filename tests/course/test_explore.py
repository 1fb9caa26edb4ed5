"""Every schedule, fewest faults first, and each exactly once."""

from __future__ import annotations

import unittest

from course.explore import Line, Script, Wrong, explore


def three_places(script: Script) -> list[str]:
    """A world with three choices; the third one exists only if the first went well."""
    first = script.choose("one", "well", "badly", "worse")
    second = script.choose("two", "well", "badly")
    third = script.choose("three", "well", "badly") if first == "well" else ""
    return [f"{first} {second} {third}".strip()]


class Explored(unittest.TestCase):
    def test_all_schedules_come_once(self) -> None:
        found = explore(three_places, 3)
        self.assertEqual(found.runs, 8)
        self.assertEqual(set(found.exercised.values()), {1})
        self.assertEqual(len(found.exercised), 8)

    def test_no_more_faults_than_asked_for(self) -> None:
        self.assertEqual(explore(three_places, 0).exercised, {"well well well": 1})
        self.assertEqual(explore(three_places, 1).runs, 1 + 2 + 1 + 1)

    def test_the_first_mistake_has_the_fewest_faults(self) -> None:
        def wrong_by_two_or_by_the_last(script: Script) -> list[str]:
            taken = [script.choose(str(place), "well", "badly") for place in range(6)]
            if taken.count("badly") >= 2 or taken[5] == "badly":
                raise Wrong("both", [Line(None, "x", {})], place=5)
            return taken

        found = explore(wrong_by_two_or_by_the_last, 2)
        assert found.wrong
        self.assertEqual((found.runs, sum(choice.taken for choice in found.choices)), (7, 1))
        self.assertEqual(found.wrong.values, {"place": 5})

    def test_a_world_that_is_too_large_is_told(self) -> None:
        with self.assertRaisesRegex(ValueError, "more than 5 schedules"):
            explore(three_places, 3, max_schedules=5)

    def test_a_script_says_how_many_faults_it_has(self) -> None:
        script = Script((0, 2))
        script.choose("a", "x", "y")
        script.choose("b", "x", "y", "z")
        self.assertEqual((script.faults, [choice.taken for choice in script.choices]), (1, [0, 2]))


if __name__ == "__main__":
    unittest.main()
