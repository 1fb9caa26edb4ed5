"""Lesson 6: what its naive rule does, its words, and the student's rule inside the real client."""

from __future__ import annotations

import unittest
from pathlib import Path
from types import ModuleType

from course.explore import Script
from course.lessons.retries import real
from course.lessons.retries.check import CHECKS
from course.lessons.retries.world import REFUSES, Storm, World
from course.rung import Rung
from course.shelf import Lesson
from course.theirs import Theirs
from course.worker import load
from tests.course.solutions import module_of, verdict

LESSON = Lesson(6, "retries")
REFERENCE = Path(LESSON.file("reference.py")).read_text(encoding="utf-8")


def verdict_of(solution: ModuleType) -> tuple[str, str]:
    return verdict(CHECKS, solution)


class Verdicts(unittest.TestCase):
    def test_the_naive_rule_fails_at_the_first_check_by_a_double_run(self) -> None:
        wrong = CHECKS["c1"].run(load(LESSON.file("start.py"))).wrong
        assert wrong
        self.assertEqual(wrong.key, "ran_twice")
        self.assertEqual(LESSON.story(wrong.story, "en"), [
            "   0.000 s  attempt 1 → bank-1: it RUNS, the reply is LOST",
            "   4.000 s  attempt 2 → bank-2: it RUNS, the reply comes"])

    def test_the_naive_rule_makes_27_attempts_over_three_hops(self) -> None:
        wrong = CHECKS["c7"].run(load(LESSON.file("start.py"))).wrong
        assert wrong
        self.assertEqual((wrong.key, wrong.values["attempts"]), ("too_many_attempts", 27))

    def test_the_naive_rule_makes_a_storm(self) -> None:
        wrong = CHECKS["c8"].run(load(LESSON.file("start.py"))).wrong
        assert wrong
        self.assertEqual((wrong.key, wrong.values["attempts"]), ("storm", 1200))

    def test_a_check_without_a_case_says_that_it_says_nothing(self) -> None:
        check = Rung(World, ({},), 1, (REFUSES,))
        wrong = check.run(module_of(REFERENCE)).wrong
        assert wrong
        self.assertEqual((wrong.key, wrong.values), ("vacuous", {"missing": REFUSES}))

    def test_what_is_no_attempt_is_told(self) -> None:
        old = "        return place, 1\n"
        for new in ("place", "place, 'x'", "place.name, 1", "True", "('bank-9', 1)"):
            with self.subTest(new):
                solution = module_of(REFERENCE.replace(old, f"        return {new}\n"))
                self.assertEqual(verdict_of(solution), ("c1", "no_attempt"))

    def test_what_a_file_lacks_is_told_as_the_student_s(self) -> None:
        for old, new, lacks in (
                ("def earn(", "def x(", "no earn"), ("class Call:", "class X:", "no Call"),
                ("def settle(", "def x(", "no settle"),
                ("self.outcome = NOT_SENT ", "x = NOT_SENT ", "no attribute outcome")):
            with self.subTest(lacks), self.assertRaisesRegex(Theirs, lacks):
                CHECKS["c1"].run(module_of(REFERENCE.replace(old, new)))

    def test_without_a_server_the_call_ends(self) -> None:
        old = "        others = [place for"
        solution = module_of(REFERENCE.replace(old, "        places[0]\n" + old))
        self.assertIsNone(CHECKS["c1"].run(solution).wrong)
        with self.assertRaises(IndexError):
            CHECKS["c2"].run(solution)

    def test_two_budgets_that_share_their_state_are_found(self) -> None:
        text = REFERENCE.replace("        self.tokens -= 1\n", "        Budget.tokens -= 1\n")
        text = text.replace("        self.tokens = BURST\n", "        pass\n")
        text = text.replace("class Budget:\n", "class Budget:\n    tokens = BURST\n")
        self.assertEqual(verdict_of(module_of(text)), ("c1", "budgets_share"))


class OtherRightRules(unittest.TestCase):
    """Rules that are written in another way, and are right."""

    def test_a_budget_may_count_in_tenths(self) -> None:
        text = REFERENCE.replace("BURST = 10 ", "BURST = 100 ")
        text = text.replace("SHARE = 0.1 ", "SHARE = 1 ")
        text = text.replace("self.tokens < 1:", "self.tokens < 10:")
        text = text.replace("self.tokens -= 1", "self.tokens -= 10")
        self.assertEqual(verdict_of(module_of(text)), ("", ""))

    def test_an_idempotent_call_may_go_to_any_place_that_did_not_refuse(self) -> None:
        old = "        place = others[0] if others else self.unknown_at\n"
        new = "        place = others[-1] if others else self.unknown_at\n"
        self.assertEqual(verdict_of(module_of(REFERENCE.replace(old, new))), ("", ""))

    def test_an_attempt_may_be_a_list(self) -> None:
        text = REFERENCE.replace("        return place, 1\n", "        return [place, 1]\n")
        self.assertEqual(verdict_of(module_of(text)), ("", ""))

    def test_a_hop_may_hand_on_more_than_one_try_if_it_counts_them_and_keeps_some(self) -> None:
        text = REFERENCE.replace("        return place, 1\n", """
        self.given = (self.tries + 1) // 2
        return place, self.given
""").replace("self.tries -= 1", "self.tries -= self.given")
        self.assertEqual(verdict_of(module_of(text)), ("", ""))

    def test_only_places_that_are_known_now_may_be_asked_again(self) -> None:
        old = "        place = others[0] if others else self.unknown_at\n"
        new = """        again = self.unknown_at if self.unknown_at in places else None
        place = others[0] if others else again
"""
        self.assertEqual(verdict_of(module_of(REFERENCE.replace(old, new))), ("", ""))

    def test_the_storm_of_the_right_rule_is_a_tenth_and_the_burst(self) -> None:
        storm = Storm(module_of(REFERENCE), Script((1,)))
        storm.run()
        # 10 and a tenth of 400, but for the rounding of tenths.
        self.assertEqual(storm.story[1].values,
                         {"servers": "all servers FAIL", "calls": 400, "attempts": 449})


class Real(unittest.TestCase):
    def test_the_right_rule_runs_a_deposit_once(self) -> None:
        seen = real.see(load(LESSON.file("reference.py")), 7)
        self.assertEqual((seen.told, seen.runs, seen.balance), ("107", 1, 107))
        self.assertLessEqual(seen.attempts, 3)
        self.assertTrue(real.is_right(seen._asdict()))

    def test_the_naive_rule_runs_it_in_both_banks(self) -> None:
        seen = real.see(load(LESSON.file("start.py")))
        self.assertEqual((seen.runs, seen.balance, seen.attempts), (2, 200, 27))
        self.assertFalse(real.is_right(seen._asdict()))


if __name__ == "__main__":
    unittest.main()
