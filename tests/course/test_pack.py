"""One file with all that a student hands in: nothing of it is lost, and a broken one is told."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from course import pack
from course.pack import MAX_LINES, MAX_SOLUTION_BYTES, file_name, packed, unpack
from course.personal import Student
from course.progress import Progress
from course.shelf import LESSONS
from ponte.process.options import UsageError

ANA = Student("DS 2026", "Ana Souza")
SOLUTION = f"{LESSONS[0].name}.py"
FILES = {"progress.jsonl": b'{"x": "\xc3\xa9"}\r\n', SOLUTION: b"x = 1\n"}


def keys(data: bytes) -> list[str]:
    return [trouble.key for trouble in unpack(data).troubles]


class Packing(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.work = os.path.join(folder.name, "work")
        self.progress = Progress(self.work)
        self.file = Path(folder.name, file_name(ANA))

    def run_pack(self, language: str = "en") -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.assertEqual(pack.run(language, self.work), 0)
        return printed.getvalue()

    def name(self) -> None:
        self.progress.add("name", "", **{"class": ANA.class_code, "name": ANA.name})

    def test_one_file_has_it_all_and_says_what_is_in_it(self) -> None:
        self.name()
        Path(self.work, SOLUTION).write_bytes(b"x = 1\r\ny = 2")
        Path(self.work, f"{SOLUTION}.1700000000").write_bytes(b"an old one")
        Path(self.work, "diary.txt").write_bytes(b"private")
        missing = ", ".join(str(lesson.number) for lesson in LESSONS[1:])
        self.assertEqual(self.run_pack(), (
            "Packed for Ana Souza, of the class DS 2026:\n  progress.jsonl  1 lines\n"
            f"  {SOLUTION}  1 lines\nNot begun: {missing}\nHand in this one file: {self.file}\n"))
        self.assertEqual(unpack(self.file.read_bytes()), (ANA, {
            "progress.jsonl": Path(self.work, "progress.jsonl").read_bytes(),
            SOLUTION: b"x = 1\r\ny = 2"}, []))
        self.assertIn("Empacotado para Ana Souza", self.run_pack("pt"))

    def test_without_a_name_it_says_how_to_give_one(self) -> None:
        with self.assertRaisesRegex(UsageError, "say first who you are: .* -m course name CLASS"):
            pack.run("en", self.work)
        self.assertFalse(self.file.exists())

    def test_a_progress_that_was_changed_is_packed_as_it_is(self) -> None:
        self.name()
        self.progress.add("run", "x")
        file = Path(self.work, "progress.jsonl")
        file.write_bytes(file.read_bytes().replace(b'"run"', b'"ruN"') + b"{}\n")
        self.assertIn("progress.jsonl: line 3 does not follow", self.run_pack())
        self.assertEqual(unpack(self.file.read_bytes()).files["progress.jsonl"], file.read_bytes())

    def test_a_full_disk_and_ctrl_c_leave_the_file_of_before(self) -> None:
        self.name()
        self.run_pack()
        before = self.file.read_bytes()
        Path(self.work, SOLUTION).write_bytes(b"x = 1\n")
        for error, raised in ((OSError(28, "No space left on device"), UsageError),
                              (KeyboardInterrupt(), KeyboardInterrupt)):
            with self.subTest(error), mock.patch("os.fsync", side_effect=error), \
                    self.assertRaises(raised):
                pack.run("en", self.work)
            self.assertEqual(self.file.read_bytes(), before)
            self.assertEqual(sorted(os.listdir(self.file.parent)), [self.file.name, "work"])

    def test_the_progress_of_whose_editor_saves_every_second_is_packed(self) -> None:
        """Nine classes of 50 minutes: each save is a check, and each check a line."""
        self.name()
        with open(Path(self.work, "progress.jsonl"), "ab") as file:
            file.write((b"x" * 170 + b"\n") * (9 * 50 * 60))
        self.assertIn(f"progress.jsonl  {9 * 50 * 60 + 1} lines", self.run_pack())

    def test_a_huge_file_is_refused(self) -> None:
        self.name()
        Path(self.work, SOLUTION).write_bytes(b"#" * (MAX_SOLUTION_BYTES + 1))
        with self.assertRaisesRegex(UsageError, f"{SOLUTION} has 100001 bytes, and at most 100000"):
            pack.run("en", self.work)

    def test_its_name_fits_every_system_and_differs_where_the_person_does(self) -> None:
        names = [file_name(Student(*of)) for of in (
            ("DS 2026", "José Silva"), ("DS 2026", "Jose Silva"), ("DS", "2026 José Silva"),
            ("../x", "a\\b:c*?\"<>|"), ("王", "小明"), ("王", "小红"), ("A" * 80, "B" * 80))]
        self.assertEqual(len(set(names)), len(names))
        for name in names:
            self.assertRegex(name, r"\A[a-z0-9-]{4,90}\.ponte\.txt\Z")
        self.assertEqual(file_name(Student(" ds 2026", "JOSÉ  SILVA")), names[0])


class Reading(unittest.TestCase):
    def test_the_same_work_gives_the_same_bytes_in_ascii(self) -> None:
        data = packed(ANA, FILES)
        self.assertEqual(data, packed(ANA, FILES))
        self.assertTrue(data.isascii())
        self.assertEqual(unpack(data), (ANA, FILES, []))

    def test_a_file_that_is_no_utf_8_comes_through(self) -> None:
        files = {SOLUTION: b"\xff\x00\n"}
        self.assertEqual(unpack(packed(ANA, files)), (ANA, files, []))

    def test_mail_and_editors_may_change_the_ends_of_lines(self) -> None:
        data = packed(ANA, FILES)
        for changed in (data.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + data, data + b"\r\n\n",
                        data[:-1]):
            self.assertEqual(unpack(changed), (ANA, FILES, []))

    def test_what_is_wrong_is_told_and_the_rest_is_read(self) -> None:
        data = packed(ANA, FILES)
        lines = data.splitlines(keepends=True)
        for changed, wanted in (
                (b"", ["empty"]), (b"\n \n", ["empty"]), (b"PK\x03\x04", ["no_pack"]),
                (b"[" * 100_000, ["no_pack"]), (b"1" * 5_000_000, ["no_pack"]),
                (b"\xff\xfe\x00", ["no_pack"]), (b"[1]\n", ["no_pack"]),
                (b"".join(lines[:2]), ["cut_off"]), (data[:-20], ["bad_line", "cut_off"]),
                (data.replace(b"x = 1", b"x = 2"), ["changed"]),
                (data.replace(b"Ana", b"Bia"), ["changed"]),
                (data + b"{}\n", ["changed"]),
                (data.replace(b'"DS 2026"', b"7"), ["no_student", "changed"]),
                (lines[0] + b"{}\n" * 1_000_000,
                 ["bad_line"] * (MAX_LINES - 1) + ["too_many_lines"])):
            with self.subTest(changed[:60]):
                self.assertEqual(keys(changed), wanted)
        self.assertEqual(unpack(b"".join(lines[:2])).files, {"progress.jsonl": FILES[
            "progress.jsonl"]})

    def test_a_file_of_another_name_or_size_or_none_at_all_is_passed_over(self) -> None:
        for entry, wanted in (
                ({"file": "../../evil.py", "text": ""}, "passed_over"),
                ({"file": "/etc/passwd", "text": ""}, "passed_over"),
                ({"file": "C:\\evil.py", "text": ""}, "passed_over"),
                ({"file": f"./{SOLUTION}", "text": ""}, "passed_over"),
                ({"file": SOLUTION, "text": "#" * (MAX_SOLUTION_BYTES + 1)}, "file_too_large"),
                ({"file": SOLUTION, "text": 7}, "bad_line"),
                ({"file": SOLUTION, "base64": "é"}, "bad_line"),
                ({"file": SOLUTION}, "bad_line"), ({"file": 7, "text": ""}, "bad_line"),
                ([1], "bad_line")):
            with self.subTest(entry):
                lines = [json.dumps({"ponte": "pack", "class": "DS 2026", "name": "Ana Souza"}),
                         json.dumps(entry)]
                lines.append(json.dumps({"end": 2, "sha256": pack._sum(lines)}))
                found = unpack("\n".join(lines).encode())
                self.assertEqual(([trouble.key for trouble in found.troubles], found.files),
                                 ([wanted], {}))
                self.assertTrue(found.troubles[0].text("pt"))

    def test_a_number_of_very_many_digits_is_not_read(self) -> None:
        """Python 3.9 takes minutes for a million of them."""
        self.assertEqual(pack._object('{"end": 12}'), {"end": 12})
        self.assertEqual(pack._object('{"end": ' + "1" * 26 + "}"), {})

    def test_of_two_files_of_one_name_the_first_counts(self) -> None:
        lines = packed(ANA, FILES).splitlines()
        twice = lines[2].replace(b"x = 1", b"x = 2")
        found = unpack(b"\n".join([*lines[:3], twice]))
        self.assertEqual([trouble.key for trouble in found.troubles], ["twice_in_it", "cut_off"])
        self.assertEqual(found.files, FILES)

    def test_half_a_character_does_no_harm(self) -> None:
        data = packed(ANA, FILES).replace(b"x = 1", b"\\ud800")
        self.assertEqual(unpack(data).files[SOLUTION], b"?\n")


if __name__ == "__main__":
    unittest.main()
