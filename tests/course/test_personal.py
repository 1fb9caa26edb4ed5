"""The number of a student: the same however the name is typed, and another one for another name."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import unicodedata
import unittest

from course import handed_in
from course.personal import MAX_CHARS, NUMBERS, Student, give, number, student, who
from course.progress import Progress
from ponte.process.options import UsageError
from tests.course.solutions import fields

ANA = Student("DS 2026", "Ana Souza")


class Numbers(unittest.TestCase):
    def test_the_same_person_has_the_same_number_however_the_name_is_typed(self) -> None:
        jose = "José Antônio"
        for class_code, name in (("DS 2026", jose.upper()), (" ds  2026 ", f"\t{jose}  "),
                                 ("DS 2026", unicodedata.normalize("NFD", jose)),
                                 ("Ds 2026", unicodedata.normalize("NFD", jose).upper())):
            with self.subTest(name):
                self.assertEqual(Student(class_code, name).number("leases"),
                                 Student("DS 2026", jose).number("leases"))

    def test_another_name_class_or_lesson_has_another_number(self) -> None:
        numbers = {each.number(lesson) for lesson in ("leases", "retries") for each in (
            ANA, Student("DS 2027", "Ana Souza"), Student("DS 2026", "Ana Sousa"),
            Student("DS", "2026 Ana Souza"))}
        self.assertEqual(len(numbers), 8)

    def test_a_class_of_forty_has_nearly_forty_numbers_below_a_thousand(self) -> None:
        numbers = [Student("DS 2026", f"student {at}").number("leases") for at in range(40)]
        self.assertGreater(len(set(numbers)), 35)
        self.assertTrue(all(0 <= each < NUMBERS for each in numbers))
        # The first digit is used, too.
        self.assertGreater(len({each // 100 for each in numbers}), 5)

    def test_what_is_no_name_is_refused(self) -> None:
        for class_code, name in (("DS", ""), ("", "Ana"), ("DS", "  "), ("DS", "A" * 81),
                                 ("DS", "An\x00a"), ("DS", "Ana\u202e"), ("DS", None), (7, "Ana"),
                                 ("DS", "\ud800")):
            with self.subTest(repr(name)):
                self.assertIsNone(student(class_code, name))
        self.assertEqual(student(" DS ", "A" * MAX_CHARS), ("DS", "A" * MAX_CHARS))
        self.assertEqual(student("DS", "王 小明\n"), ("DS", "王 小明"))


class Given(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.progress = Progress(os.path.join(folder.name, "work"))

    def give(self, class_code: str, name: str, language: str = "en") -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.assertEqual(give(self.progress, class_code, name, language), 0)
        return printed.getvalue()

    def test_the_name_is_kept_and_the_newest_counts(self) -> None:
        self.assertEqual((who(self.progress), number(self.progress, "leases")), (None, 0))
        self.assertEqual(self.give(" DS 2026", "Ana  Sousa"),
                         "You are Ana Sousa, of the class DS 2026.\n")
        self.give("DS 2026", "Ana Souza")
        self.assertEqual(who(self.progress), ANA)
        self.assertEqual(number(self.progress, "leases"), ANA.number("leases"))
        self.assertEqual([entry["name"] for entry in self.progress.entries()],
                         ["Ana Sousa", "Ana Souza"])

    def test_no_name_is_refused_in_one_line_and_not_kept(self) -> None:
        with self.assertRaisesRegex(UsageError, "say class and name, .* -m course name CLASS"):
            give(self.progress, "DS", "", "en")
        with self.assertRaisesRegex(UsageError, "diga a turma e o nome, .* -m course name TURMA"):
            give(self.progress, "DS", "", "pt")
        self.assertEqual(self.progress.entries(), [])


class Languages(unittest.TestCase):
    def test_both_have_the_same_fields(self) -> None:
        for key, (english, portuguese) in handed_in.TEXTS.items():
            with self.subTest(key):
                self.assertEqual(fields(english), fields(portuguese))
                self.assertTrue(english and portuguese)


if __name__ == "__main__":
    unittest.main()
