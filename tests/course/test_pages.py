"""The pages of the lessons are whole, and in step in both languages."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import tempfile
import unittest
import unittest.mock
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from course import words
from course.__main__ import VERBS, main
from course.pack import Trouble
from course.shelf import LESSONS, Lesson
from tests.course.pages import hash_of, mark, marked, stale, stale_of
from tests.house.pages import ROOT

ENGLISH = """# One

A paragraph
of two lines.

<!-- exit code 1 -->
```console
$ python3 x.py
what it prints
```
```console
$ python3 y.py
```
The end.
"""
PORTUGUESE = """# Um

Um parágrafo.

<!-- exit code 1 -->
```console
$ python3 x.py
o que ele imprime
```
```console
$ python3 y.py
```
O fim.
"""


class Step(unittest.TestCase):
    def test_a_page_that_was_marked_is_in_step(self) -> None:
        page = marked(ENGLISH, PORTUGUESE)
        self.assertEqual(page.count("<!-- en "), 3)
        self.assertIn(f"<!-- en {hash_of('A paragraph of two lines.')} -->\nUm parágrafo.", page)
        self.assertEqual(stale(ENGLISH, page), [])
        self.assertEqual(marked(ENGLISH, page), page)

    def test_a_paragraph_that_was_changed_makes_its_translation_stale(self) -> None:
        page = marked(ENGLISH, PORTUGUESE)
        self.assertEqual(stale(ENGLISH.replace("two lines", "2 lines"), page),
                         ["stale: Um parágrafo."])
        self.assertEqual(stale(ENGLISH.replace("paragraph\nof", "paragraph of"), page), [])
        self.assertEqual(len(stale(ENGLISH, PORTUGUESE)), 3)

    def test_other_commands_and_other_parts_are_seen(self) -> None:
        page = marked(ENGLISH, PORTUGUESE)
        self.assertIn("other commands", stale(ENGLISH.replace("y.py", "z.py"), page)[0])
        for other in (f"{ENGLISH}\nOne more.\n", ENGLISH.replace("The end.\n", "")):
            self.assertIn("parts in English", stale(other, page)[0])


class Lessons(unittest.TestCase):
    def test_each_is_in_step(self) -> None:
        for lesson in LESSONS:
            with self.subTest(lesson.name):
                self.assertEqual(stale_of(lesson), [])

    def test_a_start_that_was_changed_is_seen(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (("lesson.md", ENGLISH), ("start.py", "x = 1\n"),
                               ("lesson.pt.md", PORTUGUESE)):
                Path(folder, name).write_text(text, encoding="utf-8")
            lesson = unittest.mock.Mock(file=lambda name: os.path.join(folder, name))
            for _ in range(2):
                mark(lesson)
                self.assertEqual(stale_of(lesson), [])
            Path(folder, "start.py").write_text("x = 2\n", encoding="utf-8")
            self.assertEqual(stale_of(lesson), ["stale: start_pt.py"])

    def test_ci_types_every_page(self) -> None:
        steps = Path(ROOT, ".ci", "run").read_text(encoding="utf-8")
        for pattern in ("course/lessons/*/lesson.md", "course/lessons/*/lesson.pt.md"):
            self.assertIn(pattern, steps)
            self.assertEqual({Path(lesson.file(Path(pattern).name)) for lesson in LESSONS},
                             set(Path(ROOT).glob(pattern)))

    def test_each_is_whole(self) -> None:
        for lesson in LESSONS:
            page = self.page(lesson.file("lesson.md"))
            with self.subTest(lesson.name):
                for verb in ("predict", "run", "check", "hint", "real", "mutant", "measure"):
                    self.assertIn(f"$ python3 -m course {verb} {lesson.number}", page)
                # The teacher's times fill a class.
                minutes = re.findall(r"^\| ([^|]+) \| (\d+) \|", page, re.MULTILINE)
                self.assertEqual(sum(int(each) for _, each in minutes), 50, minutes)
                self.assertRegex(page, r"\n## [^\n]*[Mm]isconceptions")

    def test_each_says_how_much_is_to_be_written(self) -> None:
        for lesson in LESSONS:
            right, start = (Counter(self.code(lesson, f"{name}.py"))
                            for name in ("reference", "start"))
            for name, pattern in (("lesson.md", r"some\s+(\d+)\s+lines"),
                                  ("lesson.pt.md", r"umas\s+(\d+)\s+linhas")):
                with self.subTest(lesson.name, page=name):
                    said = re.findall(pattern, self.page(lesson.file(name)))
                    self.assertEqual(len(said), 1)
                    self.assertAlmostEqual(int(said[0]), sum((right - start).values()), delta=3)

    def code(self, lesson: Lesson, name: str) -> list[str]:
        """The lines of a file's code, without docstrings and comments."""
        tree = ast.parse(self.page(lesson.file(name)))
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
                          ) and ast.get_docstring(node):
                del node.body[0]
        return [line for line in ast.unparse(tree).splitlines() if line.strip()]

    def page(self, name: str) -> str:
        return Path(name).read_text(encoding="utf-8")


class Plans(unittest.TestCase):
    def test_the_classes_of_a_plan_fill_its_hours_in_both_languages(self) -> None:
        for name in ("teaching.md", "teaching.pt-BR.md"):
            page = Path(ROOT, "docs", name).read_text(encoding="utf-8")
            rows = re.findall(r"^\| .+ \| (\d+) \| (\d+) \| (\d+) \|$", page, re.MULTILINE)
            self.assertEqual([sum(map(int, column)) * 50 // 60 for column in zip(*rows)],
                             [15, 30, 60])

    def test_the_minutes_of_an_incident_fill_half_a_class_in_both_languages(self) -> None:
        for name in ("incidents.md", "incidents.pt-BR.md"):
            page = Path(ROOT, "docs", name).read_text(encoding="utf-8")
            minutes = re.findall(r"^\| (\d+) \| [^|]+ \|$", page, re.MULTILINE)
            self.assertEqual(sum(map(int, minutes)), 25)


class Help(unittest.TestCase):
    def test_it_names_every_command_in_both_languages(self) -> None:
        for language, whose in (("en", 'name CLASS "NAME"'), ("pt", 'name TURMA "NOME"')):
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                self.assertEqual(main(["--help", "--lang", language]), 0)
            with self.subTest(language):
                named = re.findall(r"^    (\w+)", printed.getvalue(), re.MULTILINE)
                self.assertEqual(sorted(named), sorted(VERBS))
                self.assertIn(whose, printed.getvalue())


class Reasons(unittest.TestCase):
    def test_what_a_file_lacks_is_told_in_portuguese(self) -> None:
        found = [each for path in Path(ROOT, "course").rglob("*.py")
                 for each in self.sentences(path)]
        self.assertGreater(len(found), 15)
        for english in found:
            with self.subTest(english):
                portuguese = words.reason(english, "pt")
                self.assertNotEqual(portuguese, english)
                self.assertNotRegex(portuguese, r"\b(the|that|is|not|it|nothing|returned|word)\b")
        self.assertEqual(Trouble("error", {"lesson": 5, "check": "c1", "why": "the file has no "
                                           "word RUN"}).text("pt"),
                         "5: c1: o arquivo não tem a palavra RUN")

    def sentences(self, path: Path) -> Iterator[str]:
        """Those with which a module calls a student's file unusable, each field filled in; not what
        Python says, nor those that begin with a field.
        """
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Theirs" and node.args:
                text = node.args[0]
                parts = text.values if isinstance(text, ast.JoinedStr) else [text]
                said = "".join(str(part.value) if isinstance(part, ast.Constant) else "x"
                               for part in parts)
                if len(said.split()) > 2 and path.name != "theirs.py":
                    yield said


if __name__ == "__main__":
    unittest.main()
