"""What a student's file may do, and what is told of it."""

from __future__ import annotations

import os
import sys
import tempfile
import unittest
from pathlib import Path

from course import bounded, grade
from course.desk import line_of
from course.grade import Outcome, run_check, run_real
from course.shelf import Lesson
from tests.course.handing_in import source

LESSON = Lesson(5, "call_semantics")
# Seconds: for what ends, and for what does not.
LIMIT_S, LOOP_S = 3.0, 0.5


class Files(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="João 日本 ")
        self.addCleanup(folder.cleanup)
        self.file = os.path.join(folder.name, "solution.py")

    def graded(self, text: str, check: str = "c1", limit_s: float = LIMIT_S) -> Outcome:
        Path(self.file).write_text(text, encoding="utf-8")
        return run_check(LESSON.name, self.file, check, limit_s)

    def test_a_right_one_passes_and_what_it_prints_is_kept_apart(self) -> None:
        text = Path(LESSON.file("reference.py")).read_text(encoding="utf-8")
        outcome = self.graded(f"print('hello')\n{text}")
        self.assertEqual((outcome.what, outcome.printed), ("passed", "hello\n"))
        self.assertGreater(outcome.runs, 1)

    def test_a_file_may_have_dataclasses_and_reads_its_annotations_as_python_does(self) -> None:
        text = Path(LESSON.file("reference.py")).read_text(encoding="utf-8").replace("""
    def __init__(self):
        self.oldest = 1         # numbers below it have ended
        self.running = set()
        self.replies = {}       # by number
""", """
    oldest: int = 1
    running: set = dataclasses.field(default_factory=set)
    replies: dict = dataclasses.field(default_factory=dict)
""").replace("class Session", "@dataclasses.dataclass\nclass Session")
        here = "\nimport dataclasses\n"
        self.assertEqual(self.graded(here + text).what, "passed")
        self.assertEqual(self.graded("from __future__ import annotations" + here + text).what,
                         "passed")
        self.assertIn("'missing' is not defined", self.graded("def f(x: missing): pass\n").why)

    def test_what_it_draws_at_random_is_the_same_in_each_run(self) -> None:
        first, second = (self.graded("import random\nprint(random.random())\n").printed
                         for _ in range(2))
        self.assertEqual(first, second)
        self.assertTrue(first)

    def test_what_it_writes_to_standard_error_is_printed_too_however_much_it_is(self) -> None:
        text = source(LESSON, "reference.py")
        outcome = self.graded(f"import sys\n{text}\nfor number in range(20_000):\n"
                              "    print('x' * 99, number, file=sys.stderr)\n")
        self.assertEqual(outcome.what, "passed", outcome)
        self.assertTrue(outcome.printed.endswith("x 19999\n"))

    def test_an_editor_of_windows_may_mark_it_as_utf_8(self) -> None:
        self.assertEqual(self.graded(f"\ufeff{source(LESSON, 'reference.py')}").what, "passed")
        self.assertEqual(self.graded("\ufeff1/0").line, 1)
        self.assertEqual(line_of(self.file, 1), "1/0")

    def test_no_trick_passes(self) -> None:
        for text, what in (("import sys; sys.exit(0)", "error"),
                           ("import os; os._exit(0)", "ended"),
                           ("import unittest; raise unittest.SkipTest('x')", "error"),
                           ("print('passed'); import os; os._exit(0)", "ended"),
                           ("import os; os.write(1, b'word {\"what\": \"passed\"}\\n'); "
                            "os._exit(0)", "ended"),
                           ("class Memory:\n    def __new__(cls, new_id): return True", "error"),
                           ("raise KeyboardInterrupt", "error")):
            with self.subTest(text):
                self.assertEqual(self.graded(text).what, what)

    def test_a_name_that_the_file_lacks_is_told_as_its_error(self) -> None:
        text = Path(LESSON.file("reference.py")).read_text(encoding="utf-8")
        outcome = self.graded(text.replace("RUN, WAIT, NEVER", "RUN, HOLD, NEVER"))
        self.assertEqual((outcome.what, outcome.why), ("error", "the file has no WAIT"))

    def test_a_loop_without_an_end_is_stopped_and_its_line_told(self) -> None:
        text = Path(LESSON.file("start.py")).read_text(encoding="utf-8")
        outcome = self.graded(text.replace("        return RUN\n", "        while True:\n"
                                                                 "            pass\n"),
                              limit_s=LOOP_S)
        self.assertEqual(outcome.what, "too long")
        self.assertIn(self.line(outcome.line).strip(), ("while True:", "pass"))

    def test_what_prints_without_an_end_is_stopped_too_and_fills_no_memory(self) -> None:
        outcome = self.graded("x = 1\nwhile True: print('x' * 100_000)\n", limit_s=LOOP_S)
        self.assertEqual((outcome.what, outcome.line), ("too long", 2))

    def test_inside_ponte_one_call_that_does_not_end_is_stopped_and_its_line_told(self) -> None:
        outcome = self.real("import time; time.sleep(60)", "LIMIT_S = 0.5")
        self.assertEqual(outcome.what, "too long", outcome)
        self.assertIn("time.sleep(60)", self.line(outcome.line))

    @unittest.skipUnless(sys.platform == "linux", "needs Linux, which limits a process's memory")
    def test_inside_ponte_memory_without_an_end_is_an_error_with_its_line(self) -> None:
        outcome = self.real("self.kept = bytearray(500_000_000)", "MAX_DATA_BYTES = 500_000_000")
        self.assertEqual((outcome.what, outcome.why), ("error", "MemoryError"))
        self.assertIn("bytearray", self.line(outcome.line))

    def real(self, instead: str, limit: str) -> Outcome:
        """What came of the start inside Ponte, with this line in it, and this limit."""
        Path(self.file).write_text(source(LESSON, "start.py").replace("return RUN", instead),
                                   encoding="utf-8")
        ended = bounded.run(
            ["-c", f"import sys\nfrom course import worker\nworker.{limit}\n"
             "worker.main(sys.argv[1:])", self.file, LESSON.name, "real", "30", "0"], "word\n",
            LIMIT_S * 10)
        return grade._read("word", ended.out, ended.err, self.file)

    def test_what_was_written_beside_the_result_does_not_hide_it(self) -> None:
        outcome = self.graded(source(LESSON, "reference.py")
                              + "\nimport sys\nsys.__stdout__.write('hello')\n"
                                "sys.__stdout__.flush()\n")
        self.assertEqual(outcome.what, "passed")

    def test_a_result_that_was_cut_or_forged_is_none(self) -> None:
        for line in ("", "{", "{}", "[]", "7", '{"what": "passed"', '{"what": "passed"}'):
            outcome = grade._read("word", f"word ready\nword {line}\n", "", self.file)
            self.assertEqual(outcome.what, "ended", line)

    def test_what_it_writes_by_a_name_alone_stands_beside_it(self) -> None:
        self.graded("open('written by a test', 'w').close()")
        self.assertEqual(sorted(os.listdir(os.path.dirname(self.file))),
                         ["solution.py", "written by a test"])

    @unittest.skipUnless(sys.platform == "linux", "needs Linux, which limits a process's memory")
    def test_memory_without_an_end_is_an_error_with_its_line(self) -> None:
        outcome = self.graded("x = 1\nkept = [b'x' * 100_000_000 for _ in range(100)]\n")
        self.assertEqual((outcome.what, outcome.why, outcome.line), ("error", "MemoryError", 2))

    def test_an_error_is_told_with_its_line(self) -> None:
        for text, why, line in (("x = 1\n1/0\n", "ZeroDivisionError: division by zero", 2),
                                ("x = (\n", "SyntaxError", 1),
                                ("x = 1\n", "the file has no Memory(new_id)", 0),
                                ("\n", "the file is empty", 0),
                                ("x = 1\nopen('nowhere')\n", "FileNotFoundError: ", 2)):
            with self.subTest(text):
                outcome = self.graded(text)
                self.assertEqual((outcome.what, outcome.line), ("error", line))
                self.assertIn(why, outcome.why)

    def test_inside_ponte_its_errors_are_told_as_its_own(self) -> None:
        text = Path(LESSON.file("reference.py")).read_text(encoding="utf-8")
        for old, new, why in (("        session.running.add(", "        session.runing.add(",
                               "no attribute 'runing'"),
                              ("return RUN\n", "return 'go'\n", "arrives returned 'go'")):
            Path(self.file).write_text(text.replace(old, new), encoding="utf-8")
            outcome = run_real(LESSON.name, self.file)
            self.assertEqual(outcome.what, "error")
            self.assertIn(why, outcome.why)

    def test_a_value_that_cannot_be_written_is_an_error_of_the_file(self) -> None:
        for value in ("10 ** 5000", "deep"):
            text = source(LESSON, "start.py").replace("return RUN", f"return {value}")
            outcome = self.graded(f"{text}\ndeep = []\nfor _ in range(100_000): deep = [deep]\n")
            # Not every Python has a limit for digits.
            self.assertIn(outcome.what, ("error", "wrong"), outcome)

    def test_inside_ponte_the_right_one_works_and_the_start_fails_visibly(self) -> None:
        part = LESSON.part("real")
        for name, is_right in (("reference.py", True), ("start.py", False)):
            outcome = run_real(LESSON.name, LESSON.file(name))
            self.assertEqual((outcome.what, part.is_right(outcome.values)), ("seen", is_right),
                             outcome)

    def line(self, number: int) -> str:
        return Path(self.file).read_text(encoding="utf-8").splitlines()[number - 1]


if __name__ == "__main__":
    unittest.main()
