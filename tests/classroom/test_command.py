"""The words after `demo.py`."""

from __future__ import annotations

import io
import unittest
import unittest.mock
from contextlib import redirect_stderr, redirect_stdout

from classroom import command
from ponte.process.options import UsageError
from tests.classroom.portuguese import english_in
from tests.classroom.streams import Stream


class CommandTest(unittest.TestCase):
    def test_a_variable_may_stand_for_auto(self) -> None:
        for text, auto in (("1", True), ("0", False), ("", False), ("True", True)):
            with self.subTest(text), unittest.mock.patch("classroom.story.run") as run, \
                    unittest.mock.patch.dict("os.environ", PONTE_AUTO=text):
                command.main(["--lang", "en"])
                self.assertEqual(auto, run.call_args.kwargs["auto"])
        with unittest.mock.patch.dict("os.environ", PONTE_AUTO="please"), \
                self.assertRaisesRegex(UsageError, "PONTE_AUTO=please: .*1 or 0"):
            command.main(["--lang", "en"])

    def test_the_first_step_is_chosen(self) -> None:
        for words, variable, first in ((["--from", "5"], "", 5), (["--from=9"], "2", 9),
                                       ([], "3", 3), ([], "", 1)):
            with self.subTest(words, variable=variable), \
                    unittest.mock.patch("classroom.story.run") as run, \
                    unittest.mock.patch.dict("os.environ", PONTE_FROM=variable):
                command.main(["--lang", "en", *words])
                self.assertEqual(first, run.call_args.kwargs["first"])

    def test_a_step_that_is_not_there_is_named_in_one_line(self) -> None:
        for text in ("0", "10", "-1", "x", "", "1.5", "99999999999999999999", "٣"):
            with self.subTest(text), self.assertRaisesRegex(UsageError, r"\A[^\n]*1 to 9[^\n]*\Z"):
                command.main(["--lang", "en", f"--from={text}"])
        with self.assertRaisesRegex(UsageError, r"\A[^\n]*--from[^\n]*\Z"):
            command.main(["--lang", "en", "--from"])
        with self.assertRaisesRegex(UsageError, "PONTE_FROM=x: .*1 to 9"), \
                unittest.mock.patch.dict("os.environ", PONTE_FROM="x"):
            command.main(["--lang", "en"])

    def test_the_other_stories_are_told_as_the_demo_is(self) -> None:
        for story in ("attack", "swap"):
            for words, auto in (([story], False), ([story, "--auto"], True),
                                (["--auto", story], True)):
                run = unittest.mock.Mock()
                with self.subTest(words), \
                        unittest.mock.patch.dict("classroom.command.STORIES", {story: run}):
                    command.main(["--lang", "pt", *words])
                    self.assertEqual(auto, run.call_args.kwargs["auto"])
                    self.assertEqual("pt", run.call_args.args[0].language)
            with self.assertRaisesRegex(UsageError, f"{story} .*--from"):
                command.main(["--lang", "en", story, "--from", "2"])

    def test_an_unknown_word_is_answered_with_a_suggestion(self) -> None:
        with self.assertRaisesRegex(UsageError, "registry[?]"):
            command.main(["--lang", "en", "regstry"])

    def test_help_is_shown_in_both_languages_on_any_console(self) -> None:
        for language, word in (("en", "terminal of its own"), ("pt", "terminal")):
            out = Stream("ascii")
            with redirect_stdout(out), self.assertRaises(SystemExit) as ended:
                command.main(["--lang", language, "--help"])
            self.assertEqual(0, ended.exception.code)
            self.assertIn(word, out.getvalue())

    def test_no_heading_of_the_portuguese_help_is_english(self) -> None:
        with redirect_stdout(io.StringIO()) as out, self.assertRaises(SystemExit):
            command.main(["--lang", "pt", "--help"])
        shown = out.getvalue()
        self.assertTrue(shown.startswith("uso: demo.py"), shown)
        for english in ("usage", "positional", "options:", "optional", "show this"):
            self.assertNotIn(english, shown)

    def test_a_mistake_is_told_in_the_language(self) -> None:
        for words in (["--from"], ["--bogus"], ["--auto=x"], ["bogus", "word"], ["--from", "99"],
                      ["server", "a", "b"], ["attack", "--from", "2"]):
            with self.subTest(words), self.assertRaises(UsageError) as told:
                command.main(["--lang", "pt", *words])
            self.assertEqual([], english_in(str(told.exception)), str(told.exception))
            with self.subTest(words), self.assertRaises(UsageError) as in_english:
                command.main(["--lang", "en", *words])
            self.assertNotEqual(str(told.exception), str(in_english.exception))

    def test_a_language_that_is_not_there_is_refused_in_that_of_the_locale(self) -> None:
        for locale, shown in (("pt_BR.UTF-8", "--lang fr: existem en e pt"),
                              ("C", "--lang fr: there are en and pt")):
            with self.subTest(locale), \
                    unittest.mock.patch.dict("os.environ", LC_ALL=locale), \
                    self.assertRaises(UsageError) as told:
                command.main(["--lang", "fr"])
            self.assertEqual(shown, str(told.exception))

    def test_without_a_terminal_the_story_asks_for_auto(self) -> None:
        for words, hint in (([], "demo.py --auto"), (["attack"], "demo.py attack --auto"),
                            (["swap"], "demo.py swap --auto")):
            error = io.StringIO()
            with self.subTest(words), redirect_stderr(error), \
                    unittest.mock.patch("sys.stdin", io.StringIO()):
                self.assertEqual(2, command.main(["--lang", "en", *words]))
                self.assertEqual(1, len(error.getvalue().splitlines()))
                self.assertIn(hint, error.getvalue())


if __name__ == "__main__":
    unittest.main()
