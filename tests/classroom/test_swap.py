"""The swap: what is missing, and what its steps read. The story itself: tests/system, and with all
its programs python3 -m tests.interop swap.
"""

from __future__ import annotations

import unittest
from typing import Any
from unittest import mock

from classroom import swap, swap_scene
from classroom.language import Words
from classroom.stage import Skipped, Stage


class Missing(unittest.TestCase):
    def reason(self, language: str, *programs: str, package: str, there: tuple[str, ...] = ()
               ) -> str:
        stage: Any = mock.Mock(spec=Stage, words=Words(language))
        with mock.patch("classroom.swap_scene.shutil.which",
                        side_effect=lambda program, path: program in there or None):
            try:
                swap_scene.need(stage, *programs, package=package)
            except Skipped as skipped:
                return str(skipped)
        return ""

    def test_the_first_program_that_is_missing_is_named_with_what_installs_it(self) -> None:
        self.assertEqual(self.reason("en", "dig", package="bind9-dnsutils"),
                         "dig is missing:  apt-get install bind9-dnsutils")
        self.assertEqual(self.reason("pt", "named", "tsig-keygen", package="bind9",
                                     there=("named",)),
                         "falta tsig-keygen:  apt-get install bind9")

    def test_programs_that_no_package_has_come_by_a_command_of_ours(self) -> None:
        for program in swap_scene.APART:
            self.assertIn("-m tests.interop --programs FOLDER",
                          self.reason("en", program, package=program))

    def test_nothing_is_said_where_all_are_there(self) -> None:
        self.assertEqual(self.reason("en", "dig", package="", there=("dig",)), "")

    def test_each_step_names_what_it_needs_before_it_starts_anything(self) -> None:
        for step in swap.STEPS:
            stage: Any = mock.Mock(spec=Stage, words=Words("en"), cast=mock.Mock())
            with self.subTest(step.__name__), self.assertRaises(Skipped), \
                    mock.patch("classroom.swap_scene.shutil.which", return_value=None):
                step(stage)
            self.assertEqual(stage.cast.method_calls, [])


class Read(unittest.TestCase):
    def test_ports_in_what_dig_prints(self) -> None:
        self.assertEqual(swap._ports("0 1 4202 b.greeter.ponte.\n0 1 4201 a.greeter.ponte."),
                         [4201, 4202])
        self.assertEqual(swap._ports(";; connection timed out; no servers could be reached"), [])

    def test_who_is_well_at_consul(self) -> None:
        entries = [{"Service": {"ID": "greeter:two"}}, {"Service": {"ID": "greeter:one"}}]
        for found, names in ((entries, ["one", "two"]), (None, []), ([], [])):
            with mock.patch("classroom.swap._consul", return_value=found):
                self.assertEqual(swap._passing(1), names)

    def test_a_call_that_fails_is_told_in_words(self) -> None:
        port = swap_scene.free_ports(1)[0]
        self.assertFalse(swap_scene.is_open(port))
        self.assertIn("ConnectionRefusedError", swap_scene.call(("127.0.0.1", port), "hello", "x"))

    def test_free_ports_differ(self) -> None:
        self.assertEqual(len(set(swap_scene.free_ports(5))), 5)

    def test_a_program_that_is_not_there_prints_nothing(self) -> None:
        self.assertEqual(swap_scene.ask("no such program"), "")


if __name__ == "__main__":
    unittest.main()
