"""Grading what a class has handed in: each trouble has its row, and nothing else is lost by it."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any, Callable
from unittest import mock

from course import bounded, collect, files, grade_again, inbox
from course.grade import Outcome
from course.likeness import Print, print_of
from course.marks import Cell, Column, as_csv, harmless
from course.pack import MAX_PACKED_BYTES, Trouble, packed
from course.personal import Student
from course.report import Told, report
from course.shelf import LESSONS
from ponte.process.options import UsageError
from tests.course.handing_in import (
    day_of,
    handed_in,
    lesson_of,
    name_line,
    progress_of,
    put,
    source,
)
from tests.windows import windows_cannot

FIVE, SIX = lesson_of(5), lesson_of(6)
ANA, BIA = Student("DS 2026", "Ana Souza"), Student("DS 2026", "Bia Lima")
REFERENCE = source(FIVE, "reference.py")
CHECKS = len(FIVE.part("check").CHECKS)


class Reports(unittest.TestCase):
    """What a progress tells."""

    def told(self, *lines: tuple[str, str, dict[str, object]]) -> Told:
        return report(progress_of([name_line(ANA), *lines]), ANA).lessons[FIVE.name]

    def keys(self, data: bytes | None, whose: Student = ANA) -> list[str]:
        return [trouble.key for trouble in report(data, whose).troubles]

    def test_a_diligent_student_has_all_of_it_and_no_trouble(self) -> None:
        found = report(progress_of([name_line(ANA), *day_of(ANA, FIVE)]), ANA)
        self.assertEqual(found.lessons[FIVE.name], Told("right", 1, 1, 1, 12.5, "yes"))
        self.assertEqual(found.lessons[SIX.name], Told())
        self.assertEqual(found.troubles, [])

    def test_the_last_prediction_before_the_first_run_counts(self) -> None:
        right = FIVE.text("right", "en")
        wrong = "a" if right != "a" else "b"

        def predict(answer: str) -> tuple[str, str, dict[str, object]]:
            return "predict", FIVE.name, {"answer": answer}

        run: tuple[str, str, dict[str, object]] = ("run", FIVE.name, {})
        for lines, wanted in (((), ""), ((predict(right),), "right"),
                              ((predict(wrong), predict(right), run), "right"),
                              ((predict(wrong), run, predict(right), run), "not_right"),
                              ((run, predict(right)), "afterwards"), ((run,), "afterwards")):
            with self.subTest(wanted):
                self.assertEqual(self.told(*lines).prediction, wanted)
        self.assertEqual(self.keys(progress_of([name_line(ANA), run, predict(right)])),
                         ["afterwards"])

    def test_a_progress_counts_up_to_the_line_that_was_changed(self) -> None:
        data = progress_of([name_line(ANA), *day_of(ANA, FIVE)])
        lines = data.splitlines(keepends=True)
        changed = b"".join([*lines[:5], lines[5].replace(b"passed", b"Passed"), *lines[6:]])
        found = report(changed, ANA)
        self.assertEqual(found.troubles, [Trouble("spoilt", {"line": 7})])
        self.assertEqual(found.lessons[FIVE.name], Told("right", 1))

    def test_the_progress_of_somebody_else_is_told(self) -> None:
        whole = progress_of([name_line(BIA), *day_of(BIA, FIVE)])
        renamed = progress_of([name_line(BIA), *day_of(BIA, FIVE), name_line(ANA)])
        for data, wanted in (
                (None, ["no_progress"]), (b"", ["unnamed"]), (whole, ["other_name", "unfit"]),
                (renamed, ["renamed", "unfit"]), (b"{}\n", ["spoilt", "unnamed"])):
            with self.subTest(wanted):
                self.assertEqual(self.keys(data), wanted)
        self.assertEqual(report(renamed, ANA).lessons[FIVE.name].fits, "no")

    def test_a_name_that_is_typed_in_another_way_is_the_same(self) -> None:
        data = progress_of([name_line(Student("ds 2026", "ANA SOUZA")), name_line(ANA)])
        self.assertEqual(self.keys(data), [])

    def test_a_figure_without_a_name_fits_nobody_and_is_no_trouble(self) -> None:
        measured: tuple[str, str, dict[str, object]] = (
            "measure", FIVE.name, {"took_ms": 3.0, "personal": 0})
        data = progress_of([measured, name_line(ANA)])
        self.assertEqual(self.keys(data), [])
        self.assertEqual(report(data, ANA).lessons[FIVE.name].fits, "no")

    def test_the_first_answer_to_a_wrong_solution_counts_and_is_graded_anew(self) -> None:
        mutants = FIVE.part("mutants").MUTANTS
        wrong = next(each for each in ("c1", "c2") if each != mutants[1].caught_by)
        lines = [("mutant", FIVE.name, {"name": name, "answer": answer, "right": True})
                 for name, answer in ((mutants[0].name, mutants[0].caught_by),
                                      (mutants[1].name, wrong),
                                      (mutants[1].name, mutants[1].caught_by), ("none", "c1"))]
        told = self.told(*lines)
        self.assertEqual((told.mutants_right, told.mutants), (1, 2))

    def test_the_points_of_incidents_are_those_of_the_best_try(self) -> None:
        found = report(progress_of([name_line(ANA), *(
            ("incident", name, {"points": points}) for name, points in
            (("A", 4), ("B", 2.5), ("A", 5), ("A", 3), ("C", "9"), ("D", -1), ("E", 1e9)))]), ANA)
        self.assertEqual(found.incidents, {"A": 5, "B": 2.5})

    def test_values_of_any_kind_do_no_harm(self) -> None:
        hostile: list[object] = [None, True, [], {}, "=1", -1, 1e308, 10 ** 300, float("nan"), "é"]
        kinds = ("predict", "run", "mutant", "hint", "measure", "incident", "name")
        for value in hostile:
            lines = [(what, FIVE.name, dict.fromkeys(
                ("answer", "name", "number", "took_ms", "personal", "points", "class", "incident"),
                value)) for what in kinds]
            told = report(progress_of([name_line(ANA), *lines]), ANA).lessons[FIVE.name]
            self.assertIsNone(told.measured_ms)
        for line in (b"[]", b"7", b'"x"', b"[" * 3000, b"1" * 4000, b"1" * 500_000, b"\xff"):
            self.assertEqual(self.keys(line + b"\n"), ["spoilt", "unnamed"])


class Likenesses(unittest.TestCase):
    def test_comments_docstrings_and_space_do_not_count(self) -> None:
        one = print_of(b'"""A."""\nx = 1  # one\n\ndef f(a):\n    """B."""\n    return a\n')
        other = print_of(b"x=1\ndef f( a ):\n  # two\n  return a")
        self.assertEqual((one.code, one.shape), (other.code, other.shape))

    def test_other_names_have_the_same_shape_and_other_code(self) -> None:
        one = print_of(b"class A:\n    def f(self, xs):\n        global g\n        g = 1\n"
                       b"        self.n = max(xs)\n        return [x for x in xs if x]\n")
        other = print_of(b"class B:\n    def go(me, all):\n        global q\n        q = 1\n"
                         b"        me.most = max(all)\n        return [y for y in all if y]\n"
                         .replace(b"all", b"each"))
        self.assertEqual(one.shape, other.shape)
        self.assertNotEqual(one.code, other.code)

    def test_what_python_names_or_a_value_that_differs_is_other_code(self) -> None:
        texts = (b"x = max(a, b)", b"x = min(a, b)", b"x = max(a, a)", b"x = max(b, a, 1)",
                 b"x.append(a)", b"x.remove(a)", b"x = 1", b"x = 2", b"x = 'a'", b"x = -1")
        self.assertEqual(len({print_of(text).shape for text in texts}), len(texts))

    def test_what_no_solution_needs_is_told(self) -> None:
        for text, wanted in (
                ("import os, sys\nimport collections", ["os", "sys"]),
                ("from course.explore import Found", ["course.explore"]),
                ("from . import x", ["."]), ("open('x')", ["open"]),
                ("eval('1'); __import__('os')", ["__import__", "eval"]),
                ("().__class__.__bases__", ["__bases__", "__class__"]),
                ("import json\njson.dumps = print", ["json.dumps ="]),
                ("import json as j\nj.JSONEncoder.encode = print", ["j.JSONEncoder.encode ="]),
                ("from json import decoder\ndel decoder.scan", ["decoder.scan ="]),
                ("import json\nself.json = json.x", []),
                ("import typing\ntyping.sys._getframe().f_back", ["_getframe", "f_back", "sys"]),
                ("import random as r\nr._os", ["_os"]), ("from typing import sys", ["sys"]),
                ("class A:\n    def __init__(self): super().__init__()", [])):
            with self.subTest(text):
                self.assertEqual(print_of(text.encode()).unusual, wanted)

    def test_no_file_of_the_course_is_unusual(self) -> None:
        for lesson in LESSONS:
            for name in ("start.py", "start_pt.py", "reference.py"):
                if os.path.exists(lesson.file(name)):
                    found = print_of(Path(lesson.file(name)).read_bytes())
                    self.assertEqual(found.unusual, [], lesson.file(name))
                    self.assertTrue(found.code)

    def test_what_is_no_python_has_no_print(self) -> None:
        for text in (b"x = (", b"\xff", b"x\x00", b"(" * 5000 + b")" * 5000, b"\tx\n  y"):
            self.assertEqual(print_of(text), ("", "", []))


class Folders(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def read(self, name: str) -> list[str]:
        return [trouble.key for trouble in inbox.read(self.folder, name).troubles]

    def test_files_come_in_order_from_folders_too_and_ours_are_left_out(self) -> None:
        for name in ("b.txt", "a.zip", "x/c.txt", "x/y/d.txt", "x/y/z/deep.txt", ".DS_Store",
                     "marks.csv", "marks.12.csv", "x/desktop.ini", "marks.txt"):
            put(self.folder, name, b"")
        self.assertEqual(inbox.files_in(self.folder, "en"), (
            ["a.zip", "b.txt", "marks.txt", "x/c.txt", "x/y/d.txt", "x/y/z"], 0))

    def test_a_folder_that_is_not_looked_into_is_told(self) -> None:
        put(self.folder, "x/y/z/deep.txt", b"")
        put(self.folder, "closed/ana.txt", b"")
        look = os.scandir

        def closed(path: str) -> Any:
            if os.path.basename(path) == "closed":
                raise PermissionError(13, "Permission denied")
            return look(path)

        with mock.patch("os.scandir", closed):
            self.assertEqual(inbox.files_in(self.folder, "en"), (["closed", "x/y/z"], 0))
            self.assertEqual([self.read("closed"), self.read("x/y/z")], [["unread"], ["too_deep"]])

    def test_too_many_files_are_counted_and_not_read(self) -> None:
        for number in range(7):
            put(self.folder, f"{number}.txt", b"")
        with mock.patch.object(inbox, "MAX_FILES", 5):
            self.assertEqual(inbox.files_in(self.folder, "en"), (
                ["0.txt", "1.txt", "2.txt", "3.txt", "4.txt"], 2))

    def test_a_mistake_in_the_command_is_told_in_one_line(self) -> None:
        file = put(self.folder, "f/x", b"")
        for folder, wanted in (("", "say which folder: .*collect FOLDER"),
                               (os.path.join(self.folder, "none"), "none: this folder cannot be"),
                               (file, "this folder cannot be read"),
                               (os.path.join(self.folder, "e"), "there is nothing in this folder")):
            os.makedirs(os.path.join(self.folder, "e"), exist_ok=True)
            with self.subTest(wanted), self.assertRaisesRegex(UsageError, wanted):
                inbox.files_in(folder, "en")

    def test_what_is_no_packed_file_is_told(self) -> None:
        for data, wanted in ((b"", "empty"), (b"PK\x05\x06", "no_pack"), (b"\x00" * 99, "no_pack")):
            put(self.folder, "x", data)
            self.assertEqual(self.read("x"), [wanted])
        with open(os.path.join(self.folder, "x"), "wb") as file:
            # A hole: it takes no place on the disk.
            file.truncate(MAX_PACKED_BYTES + 1)
        self.assertEqual(self.read("x"), ["too_large"])
        self.assertEqual(self.read("none"), ["unread"])

    @windows_cannot("no pipes in folders")
    def test_links_and_pipes_are_not_opened(self) -> None:
        put(self.folder, "secret", handed_in(ANA, {}))
        make_pipe: Callable[[str], None] = getattr(os, "mkfifo", os.mkdir)
        for name, make in (("link", lambda path: os.symlink("secret", path)), ("pipe", make_pipe),
                           ("loop", lambda path: os.symlink(".", path))):
            make(os.path.join(self.folder, name))
            self.assertEqual(self.read(name), ["no_file"])
        self.assertEqual(inbox.files_in(self.folder, "en")[0], ["link", "loop", "pipe", "secret"])


class Marks(unittest.TestCase):
    def test_no_cell_is_a_formula_or_has_two_lines(self) -> None:
        for cell, wanted in (("=1+1", "'=1+1"), ("+55 11", "'+55 11"), ("-1", "'-1"),
                             ("@A1", "'@A1"), ("\t=1", "'=1"), (" \r\n=1", "'=1"),
                             ("Ana\r\nSouza", "Ana Souza"), ("a=1", "a=1"), ("", ""),
                             ("\uff1d1", "'\uff1d1"), ("a;=1", "a;'=1"), ("a, @b", "a, '@b"),
                             ('a";"=1', 'a";"\'=1'), ("a; b", "a; b")):
            self.assertEqual(harmless(cell), wanted)

    def test_a_spreadsheet_of_either_language_reads_it(self) -> None:
        row: dict[Column, Cell] = {
            ("name", ""): "José; \"Zé\", =1", ("passed", "5"): 8, ("prediction", "5"): "right",
            ("measured_ms", "5"): 3.25, ("points", ""): 7.0}
        for language, delimiter, wanted in (("en", ",", ["8", "right", "3.25", "7"]),
                                            ("pt", ";", ["8", "certa", "3,25", "7"])):
            data = as_csv([row], [5], language)
            self.assertTrue(data.startswith(b"\xef\xbb\xbf"))
            head, cells = csv.reader(io.StringIO(data.decode("utf-8-sig")), delimiter=delimiter)
            self.assertEqual(len(head), len(cells))
            self.assertEqual([cell for cell in cells if cell], ["José; \"Zé\", '=1", *wanted])


class Grading(unittest.TestCase):
    """With checks that only look for a word in the file: `tests.course.forty` runs real ones.
    """

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.checked: list[str] = []
        # With one worker they are graded, and printed, in their order.
        for module, name, instead in ((grade_again, "run_check", self.run_check),
                                      (grade_again, "_prints", self.prints),
                                      (collect, "WORKERS", 1)):
            patched = mock.patch.object(module, name, instead)
            patched.start()
            self.addCleanup(patched.stop)

    def prints(self, paths: list[str]) -> dict[str, Print]:
        """In this process, since these files are trusted."""
        return {path: print_of(Path(path).read_bytes()) for path in paths}

    def run_check(self, lesson: str, file: str, name: str) -> Outcome:
        self.checked.append(name)
        text = Path(file).read_bytes().decode("utf-8", "replace")
        if "slow" in text:
            time.sleep(0.05)
        if "raises" in text:
            raise OSError("no more processes")
        for what in ("too long", "ended", "ours", "error"):
            if f"'{what}'" in text:
                return Outcome(what, why="why\n", line=7)
        return Outcome("passed" if name in text or "right" in text else "wrong")

    def collect(self, language: str = "en") -> tuple[int, str, dict[str, dict[str, str]]]:
        """The exit code, what is printed, and the rows by their files."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = collect.run(self.folder, language)
        return code, printed.getvalue(), self.rows(language)

    def rows(self, language: str = "en") -> dict[str, dict[str, str]]:
        text = Path(self.folder, "marks.csv").read_bytes().decode("utf-8-sig")
        rows = csv.DictReader(io.StringIO(text), delimiter=";" if language == "pt" else ",")
        return {row["file" if language == "en" else "arquivo"]: row for row in rows}

    def hand_in(self, name: str, student: Student, solution: str | bytes) -> None:
        put(self.folder, name, handed_in(student, {FIVE.name: solution}, day_of(student, FIVE)))

    def test_a_class_without_troubles(self) -> None:
        self.hand_in("ana.txt", ANA, "right = 1")
        self.hand_in("bia.txt", BIA, "x = 'c1 c3'")
        code, printed, rows = self.collect()
        self.assertEqual(code, 0)
        self.assertRegex(printed, (
            "\\AFiles: 2. This runs the programs of strangers(?s:.*)docs/teaching.md.\n"
            f"  1/2  ana.txt  Ana Souza  {CHECKS} of {CHECKS} checks\n"
            f"  2/2  bia.txt  Bia Lima  2 of {CHECKS} checks\n"
            "2 of 2 files graded, 0 with troubles, in [0-9.]+ s: .*marks.csv\n\\Z"))
        ana = rows["ana.txt"]
        self.assertEqual(
            [ana[key] for key in ("class", "name", "checks passed", "5 passed", "5 checks",
                                  "5 prediction", "5 hints", "5 mutants right", "5 mutants read",
                                  "5 measured ms", "5 figure fits the name", "6 passed",
                                  "troubles")],
            ["DS 2026", "Ana Souza", str(CHECKS), str(CHECKS), str(CHECKS), "right", "1", "1", "1",
             "12.50", "yes", "", ""])
        self.assertEqual(rows["bia.txt"]["5 passed"], "2")

    def test_one_that_fails_to_be_graded_does_not_end_it(self) -> None:
        self.hand_in("ana.txt", ANA, "raises = 1")
        self.hand_in("bia.txt", BIA, "right = 1")
        code, printed, rows = self.collect()
        self.assertEqual(code, 1)
        self.assertEqual(rows["ana.txt"]["troubles"],
                         "grading it has failed: OSError: no more processes")
        self.assertEqual((rows["bia.txt"]["5 passed"], rows["bia.txt"]["troubles"]),
                         (str(CHECKS), ""))
        self.assertIn("  1/2  ana.txt  Ana Souza  0 of 0 checks, troubles: 1\n", printed)

    def test_checks_that_had_to_be_stopped_are_soon_given_up(self) -> None:
        for what, wanted in (("too long", "5: c1 took too long, in line 7"),
                             ("ended", "5: c1: has ended its process")):
            self.checked.clear()
            self.hand_in("ana.txt", ANA, f"x = '{what}'")
            self.assertEqual(self.collect()[2]["ana.txt"]["troubles"],
                             f"{wanted} | 5: after 2 checks that had to be stopped, the others "
                             "were not run")
            self.assertEqual(self.checked, ["c1", "c2"])

    def test_an_error_is_told_once_and_all_checks_run(self) -> None:
        for what, wanted in (("error", "5: c1: why"), (
                "ours", "5: c1: a fault of the course, not of the file: why")):
            self.checked.clear()
            self.hand_in("ana.txt", ANA, f"x = '{what}'")
            self.assertEqual(self.collect()[2]["ana.txt"]["troubles"], wanted)
            self.assertEqual(len(self.checked), CHECKS)

    def test_the_start_is_not_run_and_the_reference_is_told(self) -> None:
        self.hand_in("ana.txt", ANA, f"# mine\n{source(FIVE, 'start.py')}")
        self.hand_in("bia.txt", BIA, REFERENCE.replace("session", "cell"))
        _, _, rows = self.collect()
        self.assertEqual((rows["ana.txt"]["5 passed"], rows["ana.txt"]["troubles"]), ("0", ""))
        self.assertEqual(rows["bia.txt"]["troubles"], "5: the course's own solution")
        self.assertEqual(len(self.checked), CHECKS)

    def test_copies_are_told_with_whom(self) -> None:
        solution = "def right(a):\n    return a\n"
        self.hand_in("ana.txt", ANA, solution)
        self.hand_in("bia.txt", BIA, f"# mine\n{solution}")
        self.hand_in("caio.txt", Student("DS 2026", "Caio"), solution.replace("a", "b"))
        self.hand_in("dora.txt", Student("DS 2026", "Dora"), "right = 2")
        troubles = {file: row["troubles"] for file, row in self.collect()[2].items()}
        self.assertEqual(troubles, {
            "ana.txt": "5: the same code as bia.txt | 5: the same code with other names as "
                       "caio.txt",
            "bia.txt": "5: the same code as ana.txt | 5: the same code with other names as "
                       "caio.txt",
            "caio.txt": "5: the same code with other names as ana.txt, bia.txt", "dora.txt": ""})

    def test_a_student_who_hands_in_twice_copies_from_nobody(self) -> None:
        self.hand_in("a/ana.txt", ANA, "right = 1")
        self.hand_in("b/ana.txt", Student("ds 2026", "ANA SOUZA"), "right = 1")
        Path(self.folder, "c.txt").write_bytes(Path(self.folder, "a/ana.txt").read_bytes())
        troubles = {file: row["troubles"] for file, row in self.collect()[2].items()}
        self.assertEqual(troubles, {
            "a/ana.txt": "the same file as c.txt | the same name as b/ana.txt",
            "b/ana.txt": "the same name as a/ana.txt, c.txt",
            "c.txt": "the same file as a/ana.txt | the same name as b/ana.txt"})

    def test_what_runs_and_is_too_deep_to_be_compared_is_told(self) -> None:
        deep = f"right = {'+'.join('1' * 1500)}\nimport os\n"
        self.hand_in("ana.txt", ANA, deep)
        rows = self.collect()[2]
        self.assertEqual(rows["ana.txt"]["troubles"], "5: cannot be compared with others: read it")

    def test_what_is_no_python_is_compared_by_its_bytes(self) -> None:
        for name, student in (("ana.txt", ANA), ("bia.txt", BIA)):
            self.hand_in(name, student, b"\xff (")
        rows = self.collect()[2]
        self.assertEqual(rows["ana.txt"]["troubles"], "5: the same code as bia.txt")

    def test_without_a_place_for_its_solutions_a_file_has_its_trouble(self) -> None:
        self.hand_in("ana.txt", ANA, "right = 1")
        full = OSError(28, "No space left on device")
        with mock.patch("tempfile.mkdtemp", side_effect=full):
            graded = grade_again.grade(self.folder, inbox.read(self.folder, "ana.txt"),
                                       threading.Event())
        self.assertEqual([each.key for each in graded.troubles], ["grading"])

    def test_a_file_that_is_changed_meanwhile_is_not_run(self) -> None:
        self.hand_in("ana.txt", ANA, "right = 1")
        handed = inbox.read(self.folder, "ana.txt")
        self.hand_in("ana.txt", ANA, "right = 2")
        graded = grade_again.grade(self.folder, handed, threading.Event())
        self.assertEqual([each.key for each in graded.troubles], ["changed_meanwhile"])
        self.assertEqual(self.checked, [])

    def test_a_pack_without_progress_or_with_a_spoilt_head_is_graded(self) -> None:
        put(self.folder, "ana.txt", packed(ANA, {f"{FIVE.name}.py": b"right = 1"}))
        put(self.folder, "x.txt", packed(ANA, {f"{FIVE.name}.py": b"right = 2"}).replace(
            b'"Ana Souza"', b'"\\u0000"'))
        rows = self.collect()[2]
        self.assertEqual((rows["ana.txt"]["5 passed"], rows["ana.txt"]["troubles"]),
                         (str(CHECKS), "brings no progress"))
        self.assertEqual((rows["x.txt"]["5 passed"], rows["x.txt"]["troubles"]), (
            str(CHECKS), "has no class and no name | was changed after it was packed | brings no "
                         "progress"))

    def test_ctrl_c_keeps_the_marks_of_those_that_are_graded(self) -> None:
        for number in range(4):
            self.hand_in(f"{number}.txt", Student("DS", f"Student {number}"),
                         f"right = {number}" if number < 3 else "slow = 1")
        with mock.patch.object(collect, "printable", self.interrupt_at("2.txt")), \
                contextlib.redirect_stdout(io.StringIO()) as printed, \
                self.assertRaises(KeyboardInterrupt):
            collect.run(self.folder, "en")
        self.assertIn("3 of 4 files graded", printed.getvalue())
        rows = self.rows()
        self.assertEqual([rows[f"{number}.txt"]["troubles"] for number in range(4)],
                         ["", "", "", "not graded yet"])
        self.assertEqual(rows["2.txt"]["5 passed"], str(CHECKS))
        # The last one has been stopped between two checks.
        self.assertLess(len(self.checked), 4 * CHECKS)

    def test_one_that_takes_long_keeps_no_other_s_marks_back(self) -> None:
        def waits(lesson: str, file: str, name: str) -> Outcome:
            if "MARK" in Path(file).read_text(encoding="utf-8"):
                self.assertTrue(written.wait(10.0))
            return Outcome("passed")

        def write(path: str, data: bytes) -> None:
            files.write(path, data)
            if f"{BIA.name},{CHECKS}," in data.decode():
                written.set()

        written = threading.Event()
        self.hand_in("ana.txt", ANA, "MARK = 1")
        self.hand_in("bia.txt", BIA, "x = [1]")
        with mock.patch.object(collect, "WORKERS", 2), \
                mock.patch.object(collect, "write", write), \
                mock.patch.object(grade_again, "run_check", waits):
            _, printed, rows = self.collect()
        self.assertEqual([row["troubles"] for row in rows.values()], ["", ""])
        self.assertLess(printed.index("1/2  bia.txt"), printed.index("2/2  ana.txt"))

    def interrupt_at(self, file: str) -> object:
        """Presses Ctrl-C when what came of this file is printed, once."""
        pressed: list[str] = []

        def printable(name: str) -> str:
            if name == file and not pressed:
                caller = sys._getframe(1).f_code.co_name
                if caller == "line":
                    pressed.append(name)
                    raise KeyboardInterrupt
            return shown(name)

        shown = collect.printable
        return printable

    def test_marks_of_before_are_kept(self) -> None:
        self.hand_in("ana.txt", ANA, "right = 1")
        Path(self.folder, "marks.csv").write_text("with notes", encoding="utf-8")
        Path(self.folder, "marks.1.csv").write_text("older", encoding="utf-8")
        _, printed, rows = self.collect()
        self.assertEqual(list(rows), ["ana.txt"])
        self.assertIn("The marks of before are kept: ", printed)
        self.assertEqual(Path(self.folder, "marks.2.csv").read_text(encoding="utf-8"), "with notes")
        self.assertEqual(Path(self.folder, "marks.1.csv").read_text(encoding="utf-8"), "older")

    def test_marks_that_a_spreadsheet_holds_are_written_beside_it(self) -> None:
        self.hand_in("ana.txt", ANA, "right = 1")
        def held(path: str, data: bytes) -> None:
            if os.path.basename(path) == "marks.csv" and held_at:
                raise PermissionError(13, "held")
            held_at.append(path)
            files.write(path, data)

        held_at: list[str] = []
        with mock.patch.object(collect, "write", held):
            self.collect()
        self.assertRegex(os.path.basename(held_at[-1]), r"marks\.\d+\.csv")
        self.assertIn(",right,", Path(held_at[-1]).read_text(encoding="utf-8"))

    def test_a_folder_in_which_nothing_can_be_written_is_told_before_anything_runs(self) -> None:
        self.hand_in("ana.txt", ANA, "right = 1")
        denied = PermissionError(13, "Permission denied")
        with mock.patch("tempfile.mkstemp", side_effect=denied), \
                self.assertRaisesRegex(UsageError, r"marks\.\d+\.csv cannot be written: Perm"):
            self.collect()
        self.assertEqual(self.checked, [])

    def test_files_that_are_left_out_have_a_row(self) -> None:
        for number in range(3):
            put(self.folder, f"{number}.txt", b"")
        with mock.patch.object(inbox, "MAX_FILES", 2), mock.patch.object(collect, "MAX_FILES", 2):
            code, _, rows = self.collect("pt")
        self.assertEqual((code, list(rows)), (1, ["0.txt", "1.txt", ""]))
        self.assertEqual(rows[""]["problemas"], "há mais 1 arquivos na pasta: só 2 são corrigidos "
                                                "de uma vez")


class Prints(unittest.TestCase):
    def test_prints_are_made_in_a_process_of_their_own_as_far_as_files_can_be_read(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            paths = [put(folder, name, text) for name, text in (
                ("a.py", b"x = 1"), ("b.py", b"import os\n"), ("c.py", b"\xff"))]
            self.assertEqual(grade_again._prints([*paths, os.path.join(folder, "none.py")]),
                             {path: print_of(Path(path).read_bytes()) for path in paths})

    def test_a_solution_that_ends_python_s_parser_is_graded_without_a_print(self) -> None:
        with mock.patch("course.bounded.run",
                        return_value=bounded.Ended("", "crashed", True)), \
                mock.patch.object(grade_again, "run_check", return_value=Outcome("passed")), \
                tempfile.TemporaryDirectory() as folder:
            put(folder, "ana.txt", handed_in(ANA, {FIVE.name: "x = 1"}))
            graded = grade_again.grade(folder, inbox.read(folder, "ana.txt"), threading.Event())
        self.assertEqual([each.key for each in graded.troubles], ["unlike"])
        self.assertEqual(graded.solved[FIVE.name].passed, CHECKS)


if __name__ == "__main__":
    unittest.main()
