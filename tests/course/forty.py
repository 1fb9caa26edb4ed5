"""A class of forty hands in, and some of it is broken, hostile or copied: `collect` gives each file
its row, names each trouble in it, and loses nothing of the others.

It runs every check anew, and takes long: `python3 -m unittest tests.course.forty`.
"""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from course.pack import MAX_PACKED_BYTES, packed
from course.personal import Student
from course.progress import FILE
from ponte.process.own_files import FOLDER
from tests.course.handing_in import (
    day_of,
    handed_in,
    lesson_of,
    name_line,
    progress_of,
    put,
    source,
)

LESSON = lesson_of(5)
REFERENCE = source(LESSON, "reference.py")
CHECKS = str(len(LESSON.part("check").CHECKS))
MUTANTS = LESSON.part("mutants").MUTANTS
HONEST, HALF = 20, 5
# Seconds: a class of forty needs one of them.
LIMIT_S = 450.0
# A zip archive in which a megabyte is a hundred bytes begins like this.
ZIP = b"PK\x03\x04\x14\x00\x00\x00\x08\x00"


def student(name: str) -> Student:
    return Student("DS 2026", name)


def own(mark: object) -> str:
    """A right solution that is nobody else's."""
    return f"{REFERENCE}\nMARK = {mark!r}\n"


class Forty(unittest.TestCase):
    maxDiff = None

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        # Rows that are wanted: how many checks pass (None: some and not all), and the troubles.
        self.wanted: dict[str, tuple[str | None, str]] = {}

    def put(self, name: str, data: bytes, passed: str | None, troubles: str = "") -> None:
        put(self.folder, name, data)
        self.wanted[name] = (passed, troubles)

    def solve(self, name: str, solution: str | bytes, passed: str | None,
              troubles: str = "") -> None:
        who = student(name)
        self.put(f"{name}.txt", handed_in(who, {LESSON.name: solution}, day_of(who, LESSON)),
                 passed, troubles)

    def test_each_of_forty_files_has_its_row_and_its_troubles(self) -> None:
        for number in range(HONEST):
            self.solve(f"honest {number:02}", own(number), CHECKS)
        for number, mutant in enumerate(MUTANTS[:HALF]):
            self.solve(f"half {number}", f"{mutant.text(REFERENCE)}\nMARK = {number}\n", None)
        self.hand_in_troubles()
        self.assertEqual(len(self.wanted), 40)
        # The command itself, in a process of its own.
        ended = subprocess.run(
            [sys.executable, "-m", "course", "collect", self.folder, "--lang", "en"], cwd=FOLDER,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False,
            encoding="utf-8")
        self.assertEqual(ended.returncode, 1, ended.stdout)
        self.assertRegex(ended.stdout, r"of 40 files graded, 15 with troubles, in [0-9.]+ s: ")
        text = Path(self.folder, "marks.csv").read_bytes().decode("utf-8-sig")
        rows = {row["file"]: row for row in csv.DictReader(io.StringIO(text))}
        self.assertEqual(set(rows), set(self.wanted))
        for file, (passed, troubles) in self.wanted.items():
            with self.subTest(file):
                self.assertEqual(rows[file]["troubles"], troubles)
                if passed is None:
                    self.assertTrue(0 <= int(rows[file]["5 passed"]) < int(CHECKS))
                else:
                    self.assertEqual(rows[file]["5 passed"], passed)
        # What hostile files tried has not happened.
        self.assertFalse(os.path.exists(os.path.join(FOLDER, "evil.py")))

    def hand_in_troubles(self) -> None:
        """Fifteen files, each with a trouble of its own."""
        self.put("empty.txt", b"", "", "is empty")
        self.put("bomb.zip", ZIP + b"\x00" * 100_000, "",
                 f"is no packed file: {self.python()} -m course pack")
        huge = put(self.folder, "huge.txt", b"")
        with open(huge, "r+b") as file:
            file.truncate(50_000_000)
        self.wanted["huge.txt"] = (
            "", f"has 50000000 bytes, more than {MAX_PACKED_BYTES}: not read")
        who = student("Cut")
        whole = handed_in(who, {LESSON.name: own("cut")}, day_of(who, LESSON))
        self.put("cut.txt", whole[:whole.rindex(b'{"end"')], CHECKS,
                 "was cut off: its end is missing")
        who = student("Changed")
        whole = handed_in(who, {LESSON.name: own("changed")}, day_of(who, LESSON))
        self.put("changed.txt", whole.replace(b"MARK", b"Mark"), CHECKS,
                 "was changed after it was packed")
        who = student("Path")
        self.put("path.txt", packed(who, {
            FILE: progress_of([name_line(who)]), "../evil.py": b"x",
            f"{LESSON.name}.py": own("path").encode()}), CHECKS,
            "brings '../evil.py', which belongs to no lesson: passed over")
        self.solve("bytes", b"\xff\xfe", "0", "5: c1: the file is not in UTF-8: save it so")
        self.solve("loop", "while True: pass\n", "0", (
            "5: c1 took too long, in line 1 | 5: after 2 checks that had to be stopped, the others "
            "were not run"))
        self.solve("exit", "import os\nos._exit(0)\n", "0", (
            "5: uses os, which no solution needs: read it | 5: c1: has ended its process | "
            "5: after 2 checks that had to be stopped, the others were not run"))
        self.solve("copy a", own("copied"), CHECKS, "5: the same code as copy b.txt")
        self.solve("copy b", own("copied") + "# mine\n", CHECKS, "5: the same code as copy a.txt")
        self.solve("reference", REFERENCE, CHECKS, "5: the course's own solution")
        who, other = student("Progress"), student("Somebody Else")
        lines = [*day_of(other, LESSON)]
        self.put("progress.txt", handed_in(who, {LESSON.name: own("progress")}, lines), CHECKS, (
            f"5: a figure with the number {other.number(LESSON.name)}, and the name gives "
            f"{who.number(LESSON.name)}: whose is it?"))
        who = student("Twice")
        for at in (1, 2):
            self.put(f"twice {at}.txt", handed_in(who, {LESSON.name: own("twice")},
                                                  day_of(who, LESSON)[:at]), CHECKS,
                     f"the same name as twice {3 - at}.txt")

    def python(self) -> str:
        return "python" if sys.platform == "win32" else "python3"


if __name__ == "__main__":
    unittest.main()
