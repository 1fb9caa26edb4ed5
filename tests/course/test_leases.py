"""Lesson 2: what its naive table does, its words, and the student's table inside the registry."""

from __future__ import annotations

import string
import unittest
from pathlib import Path
from types import ModuleType

from course.explore import Wrong
from course.lessons.leases import real
from course.lessons.leases.check import CHECKS, CRASH, Check
from course.lessons.leases.mutants import MUTANTS
from course.lessons.leases.texts import TEXTS
from course.shelf import Lesson
from course.theirs import Theirs
from course.worker import load

LESSON = Lesson(2, "leases")
REFERENCE = Path(LESSON.file("reference.py")).read_text(encoding="utf-8")

# Right tables that are written in another way.
BY_TIME = '''
ACK, SUPERSEDED, OLD = "ack", "superseded", "old"

class Table:
    def __init__(self):
        self.newest, self.left = {}, {}

    def beat(self, beat, now):
        number, _, _ = self.newest.get(beat.name, ((0, 0), None, 0))
        if beat.life < number[0]:
            return SUPERSEDED
        if (beat.life, beat.seq) <= number or self.left.get(beat.name) == beat.life:
            return OLD
        if beat.leaving:
            self.left[beat.name] = beat.life
        self.newest[beat.name] = (beat.life, beat.seq), beat, now
        return ACK

    def expire(self, now):
        for name, (_, beat, at) in list(self.newest.items()):
            if now - at >= 60:
                self.newest.pop(name)
                self.left.pop(name, None)

    def lookup(self, now):
        return {name: beat.port for name, (number, beat, at) in self.newest.items()
                if now - at < beat.lease_s and self.left.get(name) != number[0]}
'''
FROM_THE_END = REFERENCE.replace("if now - lease.came_at > REMEMBER_S:",
                                 "if now - lease.came_at - lease.beat.lease_s > REMEMBER_S:")


def module_of(text: str) -> ModuleType:
    module = ModuleType("solution")
    exec(text, module.__dict__)
    return module


def failure_of(solution: ModuleType) -> tuple[str, Wrong | None]:
    """The first check that a solution fails, and how; ("", None) if it passes all."""
    for name, check in CHECKS.items():
        found = check.run(solution)
        if found.wrong is not None:
            return name, found.wrong
    return "", None


def verdict_of(solution: ModuleType) -> tuple[str, str]:
    name, wrong = failure_of(solution)
    return name, wrong.key if wrong else ""


class Verdicts(unittest.TestCase):
    def test_the_naive_table_fails_at_the_first_check_by_a_dead_server(self) -> None:
        solution = load(LESSON.file("start.py"))
        self.assertEqual({verdict_of(solution) for _ in range(10)}, {("c1", "dead_listed")})
        wrong = CHECKS["c1"].run(solution).wrong
        assert wrong
        self.assertIn("bank-1 (life 1, port 4001) CRASHES", "\n".join(wrong.story))
        self.assertTrue(wrong.story[-1].endswith("lookup: bank-1 at 4001, bank-2 at 4101"))

    def test_the_right_table_passes_ten_times(self) -> None:
        solution = load(LESSON.file("reference.py"))
        self.assertEqual({verdict_of(solution) for _ in range(10)}, {("", "")})

    def test_right_tables_of_another_kind_pass(self) -> None:
        for text in (BY_TIME, FROM_THE_END):
            with self.subTest(text):
                self.assertNotEqual(text, REFERENCE)
                self.assertEqual(verdict_of(module_of(text)), ("", ""))

    def test_a_wrong_table_has_the_same_verdict_ten_times(self) -> None:
        mutant = next(each for each in MUTANTS if each.caught_by == "c4")
        solution = module_of(mutant.text(REFERENCE))
        self.assertEqual({verdict_of(solution) for _ in range(10)},
                         {(mutant.caught_by, mutant.says)})

    def test_each_wrong_table_is_rejected_by_its_check_with_its_words(self) -> None:
        for mutant in MUTANTS:
            with self.subTest(mutant.name):
                name, wrong = failure_of(module_of(mutant.text(REFERENCE)))
                assert wrong
                self.assertEqual((name, wrong.key), (mutant.caught_by, mutant.says))
                for text in TEXTS[f"wrong.{wrong.key}"]:
                    self.assertEqual(fields(text), set(wrong.values))

    def test_every_check_rejects_a_wrong_table_that_those_before_it_accept(self) -> None:
        self.assertEqual(set(CHECKS), {mutant.caught_by for mutant in MUTANTS})

    def test_every_schedule_is_run_before_a_student_is_bored(self) -> None:
        solution = load(LESSON.file("reference.py"))
        for name, check in CHECKS.items():
            with self.subTest(name):
                self.assertLess(check.run(solution).runs, 2000)


class Files(unittest.TestCase):
    def test_what_is_no_answer_is_told(self) -> None:
        for new in ("None", "True", "'yes'", "[]"):
            with self.subTest(new):
                text = REFERENCE.replace("        return ACK\n", f"        return {new}\n")
                self.assertEqual(verdict_of(module_of(text)), ("c1", "no_answer"))

    def test_what_is_no_lookup_is_told(self) -> None:
        for new in ("None", "True", "list(self.leases)"):
            with self.subTest(new):
                text = REFERENCE.replace("        return {name: lease",
                                         f"        return {new}\n        return {{name: lease")
                self.assertEqual(verdict_of(module_of(text)), ("c1", "no_lookup"))

    def test_a_port_that_nobody_has_is_told(self) -> None:
        for new in ("0", "'4001'", "None"):
            with self.subTest(new):
                text = REFERENCE.replace("{name: lease.beat.port ", f"{{name: {new} ")
                self.assertEqual(verdict_of(module_of(text)), ("c1", "no_port"))

    def test_a_stranger_is_told(self) -> None:
        text = REFERENCE.replace("        return {name: lease", "        return {name + 'x': lease")
        self.assertEqual(verdict_of(module_of(text)), ("c1", "lists_a_stranger"))

    def test_a_table_that_lists_nobody_fails(self) -> None:
        text = REFERENCE.replace("        return {name: lease",
                                 "        return {}\n        return {name: lease")
        self.assertEqual(verdict_of(module_of(text)), ("c1", "living_missing"))

    def test_what_a_file_lacks_is_told_as_the_student_s(self) -> None:
        for old, new, lacks in (
                ("class Table:", "class X:", "no Table"), ("def expire(", "def x(", "no expire"),
                ("def lookup(self, now)", "def lookup(self)", "lookup must take 1"),
                ("def beat(self, beat, now)", "def beat(self, beat)", "beat must take 2"),
                ("ACK, SUPERSEDED, OLD =", "ACK, SUPERSEDED, X =", "no word OLD")):
            with self.subTest(lacks), self.assertRaisesRegex(Theirs, lacks):
                CHECKS["c1"].run(module_of(REFERENCE.replace(old, new)))

    def test_a_check_without_a_case_says_that_it_says_nothing(self) -> None:
        check = Check(({"plot": CRASH, "until_s": 4.0},), 1, ("lost",))
        wrong = check.run(module_of(REFERENCE)).wrong
        assert wrong
        self.assertEqual((wrong.key, wrong.values), ("vacuous", {"missing": "lost"}))


class Words(unittest.TestCase):
    def test_both_languages_have_the_same_fields(self) -> None:
        for key, (english, portuguese) in TEXTS.items():
            with self.subTest(key):
                self.assertEqual(fields(english), fields(portuguese))
                self.assertTrue(english and portuguese)

    def test_nothing_is_missing(self) -> None:
        wanted = {"title", "question", "right", "naive", "real", "measure", "discuss",
                  *(f"answer.{letter}" for letter in "abcd"), *(f"hint.{n}" for n in (1, 2, 3)),
                  *(f"check.{name}" for name in CHECKS)}
        self.assertLessEqual(wanted, set(TEXTS))

    def test_the_runs_have_the_fields_of_what_was_seen(self) -> None:
        for key in ("naive", "real"):
            self.assertLessEqual(fields(TEXTS[key][0]), set(real.Seen._fields))


class Real(unittest.TestCase):
    def test_the_right_table_keeps_the_new_port_and_loses_the_dead(self) -> None:
        seen = real.see(load(LESSON.file("reference.py")))
        self.assertEqual((seen.restarted_port, seen.late_port, seen.still_listed),
                         (real.NEW_PORT, real.NEW_PORT, False))
        self.assertTrue(real.is_right(seen._asdict()))

    def test_the_naive_table_shows_the_old_port_and_keeps_the_dead(self) -> None:
        seen = real.see(load(LESSON.file("start.py")))
        self.assertEqual((seen.restarted_port, seen.late_port, seen.still_listed),
                         (real.NEW_PORT, real.OLD_PORT, True))
        self.assertFalse(real.is_right(seen._asdict()))

    def test_a_table_that_lists_nobody_is_not_right(self) -> None:
        text = REFERENCE.replace("        return {name: lease",
                                 "        return {}\n        return {name: lease")
        self.assertFalse(real.is_right(real.see(module_of(text))._asdict()))


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


if __name__ == "__main__":
    unittest.main()
