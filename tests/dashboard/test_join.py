"""What is typed to join a class: the code, the name of a server, its file."""

from __future__ import annotations

import argparse
import unittest
from unittest import mock

from classroom.language import Words
from dashboard.code import Invitation
from dashboard.join import NAME_LETTERS, Guest, _read, name_of, own_name
from ponte.discovery.own_beat import check_name
from ponte.process.options import UsageError
from ponte.process.own_files import own_file

INVITATION = Invitation("192.168.1.20", 4190, 77)
CODE = INVITATION.code()


def read(*typed: str, port: str = "0", language: str = "en") -> Guest:
    return _read(argparse.Namespace(words=[*typed], port=port), Words(language))


class Typed(unittest.TestCase):
    def test_the_code_may_have_spaces(self) -> None:
        for typed in ([CODE], CODE.split("-"), [CODE.lower().replace("-", "")],
                      [CODE[:11], CODE[12:]]):
            with self.subTest(typed):
                guest = read(*typed, "Ana")
                self.assertEqual((guest.invitation, guest.name), (INVITATION, "Ana"))

    def test_name_and_file_stand_in_any_order(self) -> None:
        for rest in (["Ana", "mine.py"], ["mine.py", "Ana"], ["Ana", "./mine.py"]):
            guest = read(CODE, *rest)
            self.assertEqual((guest.name, guest.file), ("Ana", guest.file))
            self.assertTrue(guest.file.endswith("mine.py"))
        self.assertEqual(read(CODE, "Ana").file, own_file("services", "kiosk.py"))

    def test_mistakes_are_one_line_in_both_languages(self) -> None:
        for language in ("en", "pt"):
            for typed in ([CODE, "a", "b"], [CODE, "a.py", "b.py"], [CODE[:-1]], ["Ana"],
                          [CODE, "日本"], [CODE[:-1] + ("7" if CODE[-1] != "7" else "8")]):
                with self.subTest(typed, language=language), self.assertRaises(UsageError) as told:
                    read(*typed, language=language)
                self.assertNotIn("\n", str(told.exception))
            with self.assertRaises(UsageError):
                read(CODE, port="70000", language=language)

    def test_a_name_loses_its_accents(self) -> None:
        for text, name in (("José", "Jose"), ("Conceição", "Conceicao"), ("ana maria", "ana-maria"),
                           ("DOMAIN\\ana", "DOMAIN-ana"), ("-x-", "x"), ("a" * 100, "a" * 40)):
            self.assertEqual(name_of(text), name)
            check_name(name)

    def test_without_a_name_it_is_the_login_and_two_letters(self) -> None:
        with mock.patch("getpass.getuser", return_value="Zé da Silva"):
            name = own_name()
            self.assertRegex(name, rf"^Ze-da-Silva-[{NAME_LETTERS}]{{2}}$")
            check_name(name)
            self.assertGreater(len({own_name() for _ in range(50)}), 10)
        for failing in (OSError, KeyError, ImportError):
            with mock.patch("getpass.getuser", side_effect=failing):
                self.assertTrue(own_name().startswith("guest-"))


if __name__ == "__main__":
    unittest.main()
