"""A command is quoted by the rules of the shell that will read it."""

from __future__ import annotations

import os
import tempfile
import unittest
from unittest import mock

from ponte.process.keys import make_key, read_key
from ponte.process.options import UsageError
from ponte.process.typed import here, typed
from tests.shells import split
from tests.windows import windows_cannot


class Typed(unittest.TestCase):
    def test_each_system_has_its_rules(self) -> None:
        for system, command in (("linux", "python3 -k 'my key'"), ("darwin", "python3 -k 'my key'"),
                                ("win32", 'python3 -k "my key"')):
            with self.subTest(system), mock.patch("sys.platform", system):
                self.assertEqual(command, typed(["python3", "-k", "my key"]))

    def test_a_word_that_a_shell_of_windows_would_cut_stands_in_quotation_marks(self) -> None:
        """PowerShell makes two words of a,b; the older shell ends a command at an ampersand."""
        with mock.patch("sys.platform", "win32"):
            for word, command in (("a:1,b:2", '"a:1,b:2"'), ("R&D", '"R&D"'), ("", '""'),
                                  ("[::1]:4100", '"[::1]:4100"'), ("C:\\my\\", "C:\\my\\"),
                                  ("a key\\", '"a key\\\\"'), ('"', '"\\""')):
                with self.subTest(word):
                    self.assertEqual(command, typed([word]))

    def test_a_program_gets_the_words_that_were_meant(self) -> None:
        for word in ("a key", "", "it's", '"', 'a\\"b', "a b\\", "\\\\host\\a b\\\\", "a,b",
                     "chave ç"):
            with self.subTest(word):
                self.assertEqual([word, "next"], split(typed([word, "next"])))

    def test_a_text_that_was_left_out_is_empty(self) -> None:
        """Python -OO leaves out docstrings."""
        self.assertEqual(here(None), "")

    def test_a_text_names_the_interpreter_of_this_system(self) -> None:
        for python in ("python", "python3"):
            with self.subTest(python), mock.patch("ponte.process.typed.PYTHON", python):
                self.assertEqual(here("such as python3 demo.py --auto"),
                                 f"such as {python} demo.py --auto")

    @windows_cannot("its files have no mode that names their readers")
    def test_what_to_type_about_a_key_works_where_its_path_has_a_space(self) -> None:
        with tempfile.TemporaryDirectory(prefix="my keys ") as folder:
            path = os.path.join(folder, "key")
            make_key(path)
            os.chmod(path, 0o644)
            with self.assertRaises(UsageError) as refused:
                read_key(path)
            self.assertTrue(str(refused.exception).endswith(f" chmod 600 '{path}'"))


if __name__ == "__main__":
    unittest.main()
