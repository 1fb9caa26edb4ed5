"""Each lesson: its right solution, its start, its wrong ones, and its texts."""

from __future__ import annotations

import string
import unittest
from pathlib import Path

from course import words
from course.selftest import verdict_of
from course.shelf import LESSONS
from course.wrong import Mutant


class Lessons(unittest.TestCase):
    def test_the_right_one_passes_and_the_start_fails_at_the_first_check(self) -> None:
        for lesson in LESSONS:
            with self.subTest(lesson.name):
                text = Path(lesson.file("reference.py")).read_text(encoding="utf-8")
                self.assertEqual(verdict_of(lesson, text), ("", ""))
                text = Path(lesson.file("start.py")).read_text(encoding="utf-8")
                self.assertEqual(verdict_of(lesson, text)[0], "c1")

    def test_each_wrong_one_is_rejected_by_its_check_with_its_words(self) -> None:
        for lesson in LESSONS:
            text = Path(lesson.file("reference.py")).read_text(encoding="utf-8")
            mutants = lesson.part("mutants").MUTANTS
            self.assertGreaterEqual(len(mutants), 6)
            for mutant in mutants:
                with self.subTest(mutant.name):
                    self.assertEqual(verdict_of(lesson, mutant.text(text)),
                                     (mutant.caught_by, mutant.says))

    def test_the_same_file_has_the_same_verdict_again_and_again(self) -> None:
        for lesson in LESSONS:
            reference = Path(lesson.file("reference.py")).read_text(encoding="utf-8")
            mutant = lesson.part("mutants").MUTANTS[-1]
            verdicts = {verdict_of(lesson, mutant.text(reference)) for _ in range(5)}
            self.assertEqual(len(verdicts), 1)

    def test_every_message_has_its_words(self) -> None:
        for lesson in LESSONS:
            texts = lesson.part("texts").TEXTS
            for mutant in lesson.part("mutants").MUTANTS:
                self.assertIn(f"wrong.{mutant.says}", texts)
            for name in lesson.part("check").CHECKS:
                self.assertIn(f"check.{name}", texts)

    def test_a_change_that_fits_no_more_is_found(self) -> None:
        mutant = Mutant("x", "old", "new", "c1", "key")
        self.assertEqual(mutant.text("an old one"), "an new one")
        for reference in ("", "old old"):
            with self.assertRaisesRegex(ValueError, "x: 'old' stands"):
                mutant.text(reference)


class Languages(unittest.TestCase):
    def test_both_have_the_same_fields(self) -> None:
        for texts in (words.TEXTS, *(lesson.part("texts").TEXTS for lesson in LESSONS)):
            for key, (english, portuguese) in texts.items():
                with self.subTest(key):
                    self.assertEqual(fields(english), fields(portuguese))
                    self.assertTrue(english and portuguese)


def fields(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)


if __name__ == "__main__":
    unittest.main()
