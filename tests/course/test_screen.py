"""What a student does at the screen and by commands: through the command line, in a folder of their
own.
"""

from __future__ import annotations

import contextlib
import io
import json
import ntpath
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from course.__main__ import main
from course.desk import Desk
from course.files import from_here
from course.keyboard import Ended, Input
from course.progress import FILE, Progress
from course.screen import CourseScreen, DeskWithKeys
from course.shelf import LESSONS, Lesson
from ponte.process.characters import plain
from ponte.process.options import UsageError
from tests.windows import windows_cannot

LESSON = Lesson(5, "call_semantics")
ROOT = Path(__file__).resolve().parent.parent.parent
# Seconds in which a command ends also on a busy machine.
LIMIT_S = 60.0


class Commands(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.file = Path(self.folder, "course-work", "call_semantics.py")
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.folder)
        # Also on a system that speaks Portuguese.
        in_english = mock.patch.dict("os.environ", PONTE_LANG="en")
        in_english.start()
        self.addCleanup(in_english.stop)

    def course(self, *words: str, keys: str = "") -> tuple[int, str]:
        """Runs a command in the student's folder: its exit code, and all that it printed."""
        ended = subprocess.run(
            [sys.executable, "-m", "course", *words], cwd=self.folder, input=keys,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", timeout=LIMIT_S,
            check=False)
        return ended.returncode, ended.stdout

    def entries(self) -> list[tuple[str, str]]:
        """What was kept, a line each: what, and the answer or the check that failed."""
        lines = self.file.with_name(FILE).read_text(encoding="utf-8").splitlines()
        return [(entry["what"], entry.get("answer") or entry.get("check", ""))
                for entry in map(json.loads, lines)]

    def test_a_mistake_gets_one_line_and_exit_code_2(self) -> None:
        for words, line in ((("foo",), "there is no foo; there are predict"),
                            (("check",), "which lesson? there are 1, 2"),
                            (("check", "99"), "there is no lesson 99"),
                            (("check", "5", "6"), "6 is one word too many"),
                            (("predict", "5", "e"), "answer with a, b, c or d"),
                            (("run", "5"), "predict first: "),
                            (("--lang", "pt", "check", "99"), "não existe a lição 99")):
            with self.subTest(words), self.assertRaisesRegex(UsageError, re.escape(line)):
                main(["--lang", "en", *words] if words[0] != "--lang" else words)
        code, printed = self.course("foo")
        self.assertEqual((code, printed.count("\n")), (2, 1), printed)

    def test_the_screen_predicts_runs_and_checks_and_ends_with_the_code_of_its_check(self) -> None:
        code, printed = self.course(keys="5\nP\n\nb\nr\n\nh\nzz\n\x1b[A\nq\nl\n")
        self.assertEqual(code, 1)
        self.assertEqual(self.entries(), [("failed", "c1"), ("predict", "b"), ("run", ""),
                                          ("failed", "c1"), ("hint", "")])
        for line in ("▶ 5 Call semantics   ·c1 ·c2", "▶ 5 Call semantics   ✗c1 ·c2", "hints 1/3",
                     "You predicted b; it is c.", "put-1 ran twice: the balance is 200.",
                     "there is no key zz", r"there is no key \x1b[a", "Answer with: a|b|c|d"):
            self.assertIn(line, printed)
        # What stands behind q is not read.
        self.assertEqual(printed.count("Ponte course: "), 2)

    def test_the_screen_checks_a_file_when_it_is_saved(self) -> None:
        screen = subprocess.Popen(
            [sys.executable, "-m", "course", "--lang", "pt"], cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
        assert screen.stdin and screen.stdout
        with screen:
            screen.stdin.write("5\n")
            screen.stdin.flush()
            for line in screen.stdout:
                if "▶ 5 Semântica de chamadas   ·c1" in line:
                    break
            self.assertIn("Por enquanto esta memória não lembra nada",
                          self.file.read_text(encoding="utf-8"))
            # As an editor saves it: another file takes its place.
            beside = self.file.with_suffix(".new")
            shutil.copyfile(LESSON.file("reference.py"), beside)
            os.replace(beside, self.file)
            for line in screen.stdout:
                if "Todas as verificações passaram." in line:
                    break
            screen.stdin.write("q\n")
            screen.stdin.flush()
            rest = screen.stdout.read()
        self.assertIn("✓c1 ✓c2", rest)
        self.assertEqual((screen.returncode, self.entries()), (0, [("passed", "")]))

    def test_a_wrong_solution_is_shown_to_whose_own_is_right(self) -> None:
        self.assertIn("Check it: ", self.says("mutant", "5"))
        Progress("course-work").add("passed", LESSON.name)
        self.assertIn("def arrives", self.says("mutant", "5"))
        # A student who reads Portuguese has them in Portuguese.
        self.assertNotIn('"""', self.says("mutant", "5"))
        self.assertIn("A wrong solution. Which check", self.says("mutant", "5"))
        with self.assertRaisesRegex(UsageError, "there is no check c99: there are c1"):
            self.says("mutant", "5", "c99")
        self.assertRegex(self.says("mutant", "5", "c2"), "It is c1. It is called remembers_nothing")
        self.assertIn("See it first: ", self.says("mutant", "5", "c1"))

    def test_who_has_seen_it_run_predicts_no_more(self) -> None:
        self.says("predict", "5", "b")
        self.says("predict", "5", "a")
        Progress("course-work").add("run", LESSON.name)
        self.assertIn("Your prediction stays a.", self.says("predict", "5", "c"))
        last = Progress("course-work").last("predict", LESSON.name)
        assert last
        self.assertEqual(last["answer"], "a")

    def test_the_screen_opens_the_lesson_of_the_last_time_or_the_one_that_is_named(self) -> None:
        self.assertIn("▶ 1 ", self.course()[1])
        Progress("course-work").add("failed", "retries", check="c1")
        self.assertIn("▶ 6 ", self.course()[1])
        self.assertIn("▶ 5 ", self.course("5")[1])

    def says(self, *words: str) -> str:
        """What a command prints."""
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            main(("--lang", "en", *words))
        return printed.getvalue()

    def test_an_error_is_shown_with_the_student_s_line(self) -> None:
        self.file.parent.mkdir()
        for data, line in ((b"", "o arquivo está vazio"), (b"# \xe7\n", "não está em UTF-8")):
            self.file.write_bytes(data)
            self.assertIn(line, self.course("--lang", "pt", "check", "5")[1])
        self.file.write_text("x = 1\n", encoding="utf-8")
        code, printed = self.course("--lang", "pt", "check", "5")
        self.assertIn("o arquivo não tem Memory(new_id)", printed)
        self.file.write_text("x = 1\nprint('hello')\n   1/0\n", encoding="utf-8")
        code, printed = self.course("check", "5")
        self.assertEqual(code, 1)
        self.assertIn(f"{Path('course-work', 'call_semantics.py')}, line 3: ", printed)
        self.assertIn("\n    1/0\n", printed)

    def test_with_an_error_stands_what_came_just_before_it(self) -> None:
        self.file.parent.mkdir()
        start = Path(LESSON.file("start.py")).read_text(encoding="utf-8")
        self.file.write_text(start.replace("return RUN\n", "return 1 / 0\n"), encoding="utf-8")
        printed = self.course("check", "5")[1]
        self.assertRegex(printed, r"ZeroDivisionError.*\n    return 1 / 0\n +0\.0.. s  .+\n")

    def test_the_next_command_speaks_the_language_of_this_one(self) -> None:
        for environ, more in (
                ({"LC_ALL": "en_US.UTF-8", "PONTE_LANG": ""}, " --lang pt"),
                ({"LC_ALL": "pt_BR.UTF-8", "PONTE_LANG": ""}, ""),
                ({"LC_ALL": "en_US.UTF-8", "PONTE_LANG": "pt"}, ""),
                ({"LC_ALL": "pt_BR.UTF-8", "PONTE_LANG": "en"}, " --lang pt")):
            with self.subTest(environ), mock.patch.dict("os.environ", environ), \
                    contextlib.redirect_stdout(io.StringIO()) as printed:
                main(("--lang", "pt", "predict", "5", "a"))
            self.assertIn(f"-m course run 5{more}\n", printed.getvalue())

    def test_reset_keeps_the_old_file_also_twice_in_a_second(self) -> None:
        self.file.parent.mkdir()
        for text in ("one", "two"):
            self.file.write_text(text, encoding="utf-8")
            with contextlib.redirect_stdout(io.StringIO()):
                self.assertEqual(main(("reset", "5")), 0)
        kept = {path.read_text(encoding="utf-8") for path in self.file.parent.iterdir()
                if path.name.startswith("call_semantics.py.")}
        self.assertEqual(kept, {"one", "two"})
        self.assertIn("So far this memory", self.file.read_text(encoding="utf-8"))

    def test_a_full_disk_leaves_no_half_file_and_says_so(self) -> None:
        full = OSError(28, "No space left")
        with mock.patch("course.files.os.fsync", side_effect=full), \
                self.assertRaisesRegex(UsageError, "No space left"):
            main(("--lang", "en", "check", "5"))
        self.assertEqual(list(self.file.parent.iterdir()), [])

    def test_a_full_disk_at_a_reset_leaves_the_file_in_its_place(self) -> None:
        self.file.parent.mkdir()
        self.file.write_text("mine", encoding="utf-8")
        full = OSError(28, "No space left")
        with mock.patch("course.files.os.fsync", side_effect=full), \
                self.assertRaisesRegex(UsageError, "No space left"):
            main(("--lang", "en", "reset", "5"))
        self.assertEqual([path.read_text(encoding="utf-8") for path in self.file.parent.iterdir()],
                         ["mine"])

    def test_a_folder_that_cannot_be_used_is_named_in_one_line(self) -> None:
        self.file.parent.write_text("no folder", encoding="utf-8")
        # For Windows, nothing stands in it.
        reads = [("list",)] if os.name == "posix" else []
        for language, line in (("en", "course-work.* must be a folder"),
                               ("pt", "course-work.* precisa ser uma pasta")):
            for words in (*reads, ("check", "5"), ("name", "DS", "Ana"), ("5",)):
                with self.subTest(words), self.assertRaisesRegex(UsageError, line):
                    main(("--lang", language, *words))

    def test_on_the_screen_a_file_that_another_terminal_holds_ends_nothing(self) -> None:
        held = TimeoutError(110, "another terminal writes to it", FILE)
        with mock.patch.object(Progress, "add", side_effect=held), \
                contextlib.redirect_stdout(io.StringIO()) as printed:
            CourseScreen(DeskWithKeys("en"), LESSON)._do("p a")
        self.assertIn("end that one, and try again", printed.getvalue())

    def test_a_screen_without_an_input_ends(self) -> None:
        closed = os.open(os.devnull, os.O_RDONLY)
        os.close(closed)
        keys = Input(lambda: False, closed)
        self.assertFalse(keys.has_keyboard)
        with self.assertRaises(Ended):
            keys.line()

    def test_a_page_on_another_drive_is_named_whole(self) -> None:
        """Windows: no way leads from one drive to another."""
        with mock.patch("os.path.relpath", ntpath.relpath):
            self.assertEqual(from_here(r"Z:\ponte\lesson.md"), r"Z:\ponte\lesson.md")
        self.assertEqual(from_here(os.path.abspath("lesson.md")), "lesson.md")

    @windows_cannot("no signals to processes")
    def test_ctrl_c_while_python_imports_is_no_traceback(self) -> None:
        Path(self.folder, "argparse.py").write_text(
            "import time\nprint('importing', flush=True)\ntime.sleep(60)\n", encoding="utf-8")
        with subprocess.Popen(
                [sys.executable, "-m", "course", "list"], cwd=ROOT, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": self.folder}) as process:
            assert process.stdout
            self.assertEqual(process.stdout.readline(), b"importing\n")
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.communicate(timeout=LIMIT_S), (b"", b""))
        self.assertEqual(process.returncode, -signal.SIGINT)

    def test_a_progress_that_was_changed_is_named(self) -> None:
        self.file.parent.mkdir()
        self.file.with_name(FILE).write_text("{}\n", encoding="utf-8")
        with self.assertRaisesRegex(UsageError, "line 1 does not follow from the one before"):
            main(("list",))


class Characters(unittest.TestCase):
    def test_a_console_that_lacks_a_symbol_gets_another_for_it(self) -> None:
        symbols = {character for lesson in LESSONS for pair in lesson.texts.values()
                   for text in pair for character in text}
        for symbol in sorted((symbols | {*"▶✓✗·→←"}) - {"?"}):
            self.assertNotEqual(plain(symbol, "ascii"), "?", symbol)


class Hints(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.desk = Desk("en", folder.name)

    def test_the_second_opens_after_two_failed_checks(self) -> None:
        add = self.desk.progress.add
        self.assertEqual(self.desk.next_hint(LESSON), (1, False))
        add("failed", LESSON.name, check="c1")
        self.assertEqual(self.desk.next_hint(LESSON), (1, True))
        add("hint", LESSON.name, number=1)
        add("failed", "another", check="c1")
        add("failed", LESSON.name, check="c1")
        self.assertEqual(self.desk.next_hint(LESSON), (2, False))
        add("failed", LESSON.name, check="c1")
        self.assertEqual(self.desk.next_hint(LESSON), (2, True))

    def test_or_after_five_minutes(self) -> None:
        self.desk.progress.add("hint", LESSON.name, number=1)
        with mock.patch("course.desk.WAIT_S", -1.0):
            self.assertEqual(self.desk.next_hint(LESSON), (2, True))

    def test_all_three_are_shown_again_later(self) -> None:
        for number in (1, 2, 3):
            self.desk.progress.add("hint", LESSON.name, number=number)
        self.assertEqual(self.desk.next_hint(LESSON), (4, True))


if __name__ == "__main__":
    unittest.main()
