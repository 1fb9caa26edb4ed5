"""The sentences of the classroom: each stands where it is printed, and has its Portuguese one."""

from __future__ import annotations

import inspect
import re
import string
import unittest
from typing import Any
from unittest import mock

from classroom import attack, swap
from classroom.language import Words, choose_language, take_language
from classroom.portuguese import PORTUGUESE
from classroom.screen import MAX_COLUMNS
from classroom.story import STEPS
from ponte.process.characters import plain
from ponte.process.options import UsageError
from tests.classroom.sentences import CLASSROOM, Sentence, in_source, sentences

# What stands before a line of the event log, and before a title.
EVENT_COLUMNS, TITLE_COLUMNS = 12, 4
# A long list, an error or a command may need two lines; help and doctor are for a reader's own
# screen, and questions.py for the page; the picture has three lines.
MAY_BREAK = ("kill -9 for", "Ponte attempt", "The story ends here", "standard input", "client ──►",
             "client ───►")
MAY_BREAK_IN = ("command.py", "doctor.py", "questions.py")
# What stands in a field, where it is not the number 999.
SAMPLE: dict[str, Any] = {
    "name": "server-2", "names": "server-1, server-2, server-3", "server": "server-1",
    "address": "127.0.0.1:65535", "url": "http://127.0.0.1:65535/greeter", "value": "World",
    "shares": "100 / 100 / 100", "hearts": "♥ ♥ ♥ ♥ ", "error": "NotSent",
    "meaning": "not executed", "command": "python3 demo.py registry", "trace": "x",
    "live": "bank 1, greeter 3", "pid": 1234567, "calls": 12345, "count": 12345}


def fields(text: str) -> dict[str, str]:
    """The {fields} of a sentence, each with its conversion and format."""
    return {name: f"{conversion or ''}:{form}"
            for _, name, form, conversion in string.Formatter().parse(text) if name}


def filled(text: str) -> str:
    return text.format(**{name: SAMPLE.get(name, 999) for name in fields(text)})


class Sentences(unittest.TestCase):
    """Read from the source, so that also those of rare errors are looked at."""

    all: list[Sentence]

    @classmethod
    def setUpClass(cls) -> None:
        cls.all = sentences()

    def test_every_sentence_is_found(self) -> None:
        self.assertGreater(len(self.all), 100)
        self.assertIn("kill -9 {name} (process {pid})", [sentence.text for sentence in self.all])

    def test_every_sentence_has_its_portuguese_one(self) -> None:
        missing = [f"{sentence.file}:{sentence.line}: {sentence.text!r}" for sentence in self.all
                   if sentence.text not in PORTUGUESE]
        self.assertEqual(missing, [], "add these to classroom/portuguese.py")

    def test_every_portuguese_sentence_is_used(self) -> None:
        unused = PORTUGUESE.keys() - {sentence.text for sentence in self.all}
        self.assertEqual(unused, set(), "no code prints these: remove them")

    def test_both_languages_have_the_same_fields_in_the_same_formats(self) -> None:
        for english, portuguese in PORTUGUESE.items():
            with self.subTest(english):
                self.assertEqual(fields(english), fields(portuguese))

    def test_every_call_fills_in_the_fields_of_its_sentence_and_no_other(self) -> None:
        """A title has no fields: those that its call fills in belong to the question after it."""
        for sentence in self.all:
            if sentence.function == "predict" and not sentence.text.endswith("?"):
                self.assertEqual(fields(sentence.text), {})
                continue
            with self.subTest(sentence.text, file=sentence.file, line=sentence.line):
                self.assertEqual(fields(sentence.text).keys(), sentence.given)

    def test_lines_fit_the_projector(self) -> None:
        for sentence in self.all:
            if sentence.file in MAY_BREAK_IN or sentence.text.startswith(MAY_BREAK):
                continue
            is_title = sentence.function == "predict" and not sentence.text.endswith("?")
            room = MAX_COLUMNS - (TITLE_COLUMNS if is_title else EVENT_COLUMNS)
            for text in (sentence.text, PORTUGUESE[sentence.text]):
                with self.subTest(text):
                    self.assertLessEqual(len(filled(text)), room)

    def test_every_step_has_a_title_a_question_and_what_it_proves(self) -> None:
        for step in (*STEPS, *attack.STEPS, *swap.STEPS):
            with self.subTest(step.__name__):
                title, question, proves = (sentence.text for sentence
                                   in in_source(inspect.getsource(step), step.__name__)
                                   if sentence.function == "predict")
                for text in (question, PORTUGUESE[question]):
                    self.assertTrue(text.endswith("?"))
                for text in (title, PORTUGUESE[title], proves, PORTUGUESE[proves]):
                    self.assertTrue(text)

    def test_no_title_gives_the_answer_away(self) -> None:
        """It is read before the question. An arrow leads to an answer."""
        for step in (*STEPS, *attack.STEPS, *swap.STEPS):
            title = next(sentence.text for sentence in
                         in_source(inspect.getsource(step), step.__name__)
                         if sentence.function == "predict")
            for text in (title, PORTUGUESE[title]):
                with self.subTest(text):
                    self.assertNotRegex(text, "→|NO DOUBLE|HONEST|UNKNOWN|BALANC|HEARTBEAT")

    def test_every_sentence_can_be_shown_on_every_console(self) -> None:
        for encoding in ("ascii", "cp1252", "cp437", "cp850"):
            for text in (*PORTUGUESE, *PORTUGUESE.values()):
                shown = plain(text, encoding)
                shown.encode(encoding)
                self.assertEqual(text.count("?"), shown.count("?"),
                                 "a character that has no similar one in ASCII")


class ReadingTheSource(unittest.TestCase):
    """The reader of sentences would see what is wrong."""

    def test_a_sentence_that_is_no_literal_is_refused(self) -> None:
        for source in ("words(SENTENCE)", "stage.tell(f'{name} dies')", "stage.check(True, KEY)"):
            with self.subTest(source), self.assertRaisesRegex(AssertionError, "x.py:1: .*literal"):
                list(in_source(source, "x.py"))

    def test_a_function_may_pass_its_own_parameter_on(self) -> None:
        source = "def tell(self, sentence):\n    self.words(sentence)"
        self.assertEqual(list(in_source(source, "x.py")), [])

    def test_settings_fill_in_no_field(self) -> None:
        found, = in_source("stage.tell('{name} dies', at=1.0, style='x', name='server-1')", "x.py")
        self.assertEqual((found.text, found.given), ("{name} dies", {"name"}))


class Language(unittest.TestCase):
    def test_words_are_those_of_the_language(self) -> None:
        sentence = "kill -9 {name} (process {pid})"
        self.assertEqual(Words("en")(sentence, name="a", pid=7), "kill -9 a (process 7)")
        self.assertEqual(Words("pt")(sentence, name="a", pid=7), "kill -9 a (processo 7)")

    def test_a_command_for_a_new_terminal_says_a_language_that_the_locale_does_not(self) -> None:
        for language, locale, said in (
                ("pt", "C", "demo.py --lang pt"), ("en", "pt_BR.UTF-8", "demo.py --lang en"),
                ("pt", "pt_BR.UTF-8", "demo.py"), ("en", "C", "demo.py")):
            with self.subTest(language, locale=locale), \
                    mock.patch.dict("os.environ", LC_ALL=locale, PONTE_LANG=language):
                self.assertEqual(said, Words(language).command("demo.py"))

    def test_every_command_of_the_demo_that_is_suggested_says_the_language(self) -> None:
        """Read from the source: a field {command} of a sentence is made by words.command."""
        for path in sorted(CLASSROOM.glob("*.py")):
            for given in re.findall(r"\bcommand=(?!typed)(.*)", path.read_text(encoding="utf-8")):
                with self.subTest(given, file=path.name):
                    self.assertRegex(given, r"words\.command\(|^command\b")

    def test_the_locale_chooses_the_language(self) -> None:
        self.assertEqual("pt", choose_language({"LANG": "pt_BR.UTF-8"}))
        self.assertEqual("pt", choose_language({"LC_ALL": "", "LC_MESSAGES": "pt_PT",
                                                "LANG": "en_US"}))
        self.assertEqual("en", choose_language({"LC_ALL": "C", "LANG": "pt_BR.UTF-8"}))
        self.assertEqual("en", choose_language({"LANG": "en_US"}, "pt_BR"))
        self.assertEqual("pt", choose_language({}, "Portuguese_Brazil"))
        self.assertEqual("en", choose_language({}, None))

    def test_the_language_may_stand_anywhere(self) -> None:
        self.assertEqual(("pt", ["client", "--every", "2"]),
                         take_language(["client", "--lang", "pt", "--every", "2"]))
        self.assertEqual(("en", ["--a=b", "--c="]),
                         take_language(["--a=b", "--lang=en", "--c="]))
        with self.assertRaisesRegex(UsageError, "en and pt"):
            take_language(["--lang"])

    def test_a_variable_chooses_the_language_too(self) -> None:
        with mock.patch.dict("os.environ", PONTE_LANG="pt"):
            self.assertEqual(("pt", []), take_language([]))
            self.assertEqual(("en", []), take_language(["--lang", "en"]))
        with mock.patch.dict("os.environ", PONTE_LANG="fr"), \
                self.assertRaisesRegex(UsageError, "PONTE_LANG=fr: .*en and pt"):
            take_language([])


if __name__ == "__main__":
    unittest.main()
