"""No lesson is passed by a trick, and the same file gets the same verdict again and again.

What ends the process, or never ends, is tried with one lesson, here and in test_worker.py: that is
for the worker, which is the same for all.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import tempfile
import unittest
from pathlib import Path

from course.grade import run_check
from course.selftest import verdict_of
from course.shelf import LESSONS
from tests.course.handing_in import source

TIMES = 100
# Put before all else in a file.
FIRST = {
    "exit": "import sys\nsys.exit(0)\n",
    "skip": "import unittest\nraise unittest.SkipTest('passed')\n",
    "forged": "print('passed')\nprint('{\"what\": \"passed\"}')\n",
    "interrupt": "raise KeyboardInterrupt\n",
}


class Tricks(unittest.TestCase):
    def test_what_stands_first_in_a_file_passes_no_lesson(self) -> None:
        for lesson in LESSONS:
            start = source(lesson, "start.py")
            for name, first in FIRST.items():
                with self.subTest(lesson.name, trick=name), \
                        contextlib.redirect_stdout(io.StringIO()):
                    self.assertNotEqual(verdict_of(lesson, first + start)[0], "")

    def test_functions_that_return_true_pass_no_lesson(self) -> None:
        for lesson in LESSONS:
            for answer in (True, None):
                with self.subTest(lesson.name, answer=answer):
                    text = with_one_answer(source(lesson, "reference.py"), answer)
                    self.assertNotEqual(verdict_of(lesson, text)[0], "")

    def test_the_real_clock_passes_no_lesson_that_has_a_clock(self) -> None:
        with_clock = 0
        for lesson in LESSONS:
            text = with_real_clock(source(lesson, "reference.py"))
            if text:
                with_clock += 1
                with self.subTest(lesson.name):
                    self.assertNotEqual(verdict_of(lesson, text)[0], "")
        self.assertGreaterEqual(with_clock, 4)


class Again(unittest.TestCase):
    def test_a_file_gets_the_same_verdict_a_hundred_times(self) -> None:
        for lesson in LESSONS:
            mutant = next(each for each in lesson.part("mutants").MUTANTS
                          if each.caught_by == "c1")
            text = mutant.text(source(lesson, "reference.py"))
            with self.subTest(lesson.name):
                self.assertEqual({verdict_of(lesson, text) for _ in range(TIMES)},
                                 {("c1", mutant.says)})

    def test_it_does_so_in_processes_of_its_own_too(self) -> None:
        """Where a set has another order in each process, unless somebody sees to it."""
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "solution.py")
            Path(file).write_text("print(list({'ana', 'bia', 'caio', 'duda', 'eva'}))\n"
                                  + source(LESSONS[0], "start.py"), encoding="utf-8")
            outcomes = [run_check(LESSONS[0].name, file, "c1") for _ in range(4)]
        self.assertEqual({outcome.printed for outcome in outcomes}, {outcomes[0].printed})
        self.assertIn("eva", outcomes[0].printed)
        self.assertEqual({outcome.key for outcome in outcomes}, {outcomes[0].key})


class Step(unittest.TestCase):
    def test_one_step_of_python_that_does_not_end_is_stopped_with_its_line(self) -> None:
        """While it lasts, no other thread runs."""
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "solution.py")
            Path(file).write_text("x = 1\ny = 10 ** 10 ** 9\n", encoding="utf-8")
            outcome = run_check(LESSONS[0].name, file, "c1", 0.3)
        self.assertEqual((outcome.what, outcome.line), ("too long", 2))


def with_one_answer(text: str, answer: bool | None) -> str:
    """A file in which each function but __init__ returns this."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name != "__init__":
            node.body = [ast.Return(ast.Constant(answer))]
    return ast.unparse(ast.fix_missing_locations(tree))


def with_real_clock(text: str) -> str:
    """A file whose functions do not believe the time that they are told; "" if none is told it."""
    tree = ast.parse(text)
    told = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
            and any(each.arg == "now" for each in node.args.args)]
    for node in told:
        node.body.insert(0, ast.parse("now = time.monotonic()").body[0])
    return "import time\n" + ast.unparse(ast.fix_missing_locations(tree)) if told else ""


if __name__ == "__main__":
    unittest.main()
