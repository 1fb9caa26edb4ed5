"""Each lesson: its right solution, its start, its wrong ones, and its words.

Of the wrong solutions one for each check runs here; `python3 -m course selftest` runs them all.
"""

from __future__ import annotations

import ast
import os
import re
import tempfile
import unittest
from pathlib import Path

from course import handed_in, words
from course.desk import START
from course.explore import Found
from course.incidents import texts as incidents
from course.selftest import verdict
from course.shelf import LESSONS, Lesson
from course.worker import load
from course.wrong import Mutant
from tests.classroom.portuguese import not_in_brazil
from tests.course.handing_in import source
from tests.course.solutions import fields

LANGUAGES = ("en", "pt")


class Lessons(unittest.TestCase):
    def test_the_right_one_passes_and_the_start_fails_at_the_first_check(self) -> None:
        for lesson in LESSONS:
            with self.subTest(lesson.name):
                self.assertEqual(verdict(lesson, lesson.file("reference.py")), ("", ""))
                self.assertEqual(verdict(lesson, lesson.file("start.py"))[0], "c1")

    def test_a_wrong_one_for_each_check_is_rejected_by_it_with_its_words(self) -> None:
        for lesson, mutant in first_of_each_check():
            with self.subTest(lesson.name, mutant=mutant.name):
                wrong = found(lesson, mutant).wrong
                assert wrong
                self.assertEqual(wrong.key, mutant.says)
                for text in lesson.texts[f"wrong.{wrong.key}"]:
                    self.assertLessEqual(fields(text), set(wrong.values))
                for language in LANGUAGES:
                    self.assertEqual(len(lesson.story(wrong.story, language)), len(wrong.story))

    def test_the_start_has_the_same_code_in_both_languages(self) -> None:
        for lesson in LESSONS:
            english, portuguese = (ast.parse(Path(lesson.file(START[language])).read_text(
                encoding="utf-8")) for language in LANGUAGES)
            self.assertNotEqual(ast.get_docstring(english), ast.get_docstring(portuguese))
            self.assertEqual(without_docstrings(english), without_docstrings(portuguese))

    def test_there_are_many_wrong_ones_and_each_fits_the_right_one(self) -> None:
        for lesson in LESSONS:
            mutants = lesson.part("mutants").MUTANTS
            self.assertGreaterEqual(len(mutants), 16)
            self.assertEqual(len({mutant.name for mutant in mutants}), len(mutants))
            reference = source(lesson, "reference.py")
            for mutant in mutants:
                self.assertNotEqual(mutant.text(reference), reference)

    def test_every_check_rejects_a_wrong_one_that_those_before_it_accept(self) -> None:
        for lesson in LESSONS:
            self.assertEqual({mutant.caught_by for mutant in lesson.part("mutants").MUTANTS},
                             set(lesson.part("check").CHECKS), lesson.name)

    def test_the_same_file_has_the_same_verdict_and_story_again(self) -> None:
        for lesson, mutant in first_of_each_check():
            if mutant.caught_by == "c1":
                first, second = found(lesson, mutant), found(lesson, mutant)
                assert first.wrong and second.wrong
                self.assertEqual((first.wrong.key, first.wrong.story, first.choices),
                                 (second.wrong.key, second.wrong.story, second.choices))

    def test_a_change_that_fits_no_more_is_found(self) -> None:
        mutant = Mutant("x", "old", "new", "c1", "key")
        self.assertEqual(mutant.text("an old one"), "an new one")
        for text in ("", "old old"):
            with self.assertRaisesRegex(ValueError, "x: 'old' stands"):
                mutant.text(text)


class Words(unittest.TestCase):
    def test_both_languages_have_the_same_fields(self) -> None:
        for texts in (words.TEXTS, *(lesson.texts for lesson in LESSONS)):
            for key, (english, portuguese) in texts.items():
                with self.subTest(key):
                    self.assertEqual(fields(english), fields(portuguese))
                    if not key.startswith("value."):
                        self.assertTrue(english and portuguese)

    def test_portuguese_is_that_of_brazil(self) -> None:
        for texts in (words.TEXTS, handed_in.TEXTS, incidents.TEXTS,
                      *(lesson.texts for lesson in LESSONS)):
            for key, (_, portuguese) in texts.items():
                with self.subTest(key):
                    self.assertEqual(not_in_brazil(portuguese), [])
        for lesson in LESSONS:
            for name in ("start_pt.py", "lesson.pt.md"):
                text = Path(lesson.file(name)).read_text(encoding="utf-8")
                self.assertEqual(not_in_brazil(re.sub(r"`[^`]*`", "", text)), [], lesson.name)

    def test_what_is_seen_inside_ponte_can_be_told(self) -> None:
        for lesson in LESSONS:
            seen = set(lesson.part("real").Seen._fields)
            self.assertIn("took_s", seen)
            for key in ("naive", "real"):
                self.assertLessEqual(fields(lesson.texts[key][0]), seen, lesson.name)
            self.assertLessEqual(fields(lesson.texts["measure"][0]), seen | {"took_ms"})

    def test_each_lesson_has_all_of_its_texts(self) -> None:
        for lesson in LESSONS:
            wanted = {"title", "question", *(f"answer.{letter}" for letter in "abcd"), "right",
                      "naive", "real", "hint.1", "hint.2", "hint.3", "measure", "discuss",
                      *(f"check.{name}" for name in lesson.part("check").CHECKS),
                      *(f"wrong.{mutant.says}" for mutant in lesson.part("mutants").MUTANTS)}
            self.assertLessEqual(wanted, set(lesson.texts), lesson.name)
            self.assertIn(lesson.text("right", "en"), "abcd")

    def test_a_value_that_is_a_word_is_translated_and_numbers_have_a_comma(self) -> None:
        texts = {"x": ("{fate} after {s:.1f} s", "{fate} em {s:.1f} s"),
                 "value.lost": ("LOST", "PERDIDA"), "story.y": ("{a}", "{a}")}
        values = {"fate": "lost", "s": 1.25}
        self.assertEqual([words.fill(texts, "x", language, values) for language in LANGUAGES],
                         ["LOST after 1.2 s", "PERDIDA em 1,2 s"])
        self.assertEqual(words.story_line(texts, "pt", (12.5, "y", {"a": 4})), "  12,500 s  4")
        self.assertEqual(words.story_line(texts, "en", (None, "y", {"a": 4})), "            4")


def first_of_each_check() -> list[tuple[Lesson, Mutant]]:
    first: dict[tuple[Lesson, str], tuple[Lesson, Mutant]] = {}
    for lesson in LESSONS:
        for mutant in lesson.part("mutants").MUTANTS:
            first.setdefault((lesson, mutant.caught_by), (lesson, mutant))
    return list(first.values())


def found(lesson: Lesson, mutant: Mutant) -> Found:
    """What the check comes to that must reject this one."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "solution.py")
        Path(file).write_text(mutant.text(source(lesson, "reference.py")), encoding="utf-8")
        result: Found = lesson.part("check").CHECKS[mutant.caught_by].run(load(file))
    return result


def without_docstrings(tree: ast.Module) -> str:
    """The code of a file, of which the docstrings are taken out."""
    documented = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False):
            node.body[0] = ast.Pass()
    return ast.dump(tree)


if __name__ == "__main__":
    unittest.main()
