"""The Portuguese pages: numbers as in Brazil, one word for an idea, and a Portuguese transcript."""

from __future__ import annotations

import re
import string
import unittest

from classroom.portuguese import PORTUGUESE
from tests.classroom.portuguese import english_in, has_decimal_point, not_in_brazil
from tests.house.pages import TWINS, read

PAGES = [portuguese for _, portuguese in TWINS]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`]*`|\]\([^)]*\)")
# Versions have points in every language.
MEASURE_WITH_A_POINT = re.compile(
    r"\d\.\d+ ?(?:m?s|segundos?|MiB|vezes)\b|\bde \d\.\d{1,2}\b|\| 0\.\d \|")
# A line of the demo, and of the client of the lesson: they speak the language of the page.
SPOKEN = re.compile(r" +\+\d|  [✓✗] |PREVEJA|PROVA|\d\d:\d\d:\d\d  |            tentativa|\d/9 ")

# What may stand before a sentence of the demo: a time, or a sign.
LEAD = re.compile(r"^(?:   \+\d+[.,]\d\d s  |  [✓✗] |PREDICT: |PREVEJA: )", re.MULTILINE)


def shape_of(sentence: str) -> re.Pattern[str]:
    """What a sentence of the demo looks like when its fields are filled in."""
    return re.compile("".join(re.escape(text) + (".+?" if name else "")
                              for text, name, _, _ in string.Formatter().parse(sentence)))


def prose(page: str) -> str:
    """A page without its blocks and its inline code."""
    return CODE.sub("", BLOCK.sub("", read(page)))


class PortuguesePages(unittest.TestCase):
    def test_there_are_pages(self) -> None:
        self.assertIn("docs/lesson.pt-BR.md", PAGES)

    def test_a_measure_has_a_decimal_comma(self) -> None:
        for page in PAGES:
            with self.subTest(page):
                self.assertIsNone(MEASURE_WITH_A_POINT.search(prose(page)))

    def test_one_word_for_one_idea_and_no_word_for_word_translation(self) -> None:
        for page in PAGES:
            with self.subTest(page):
                self.assertEqual([], not_in_brazil(prose(page)))

    def test_what_the_demo_and_the_lesson_show_is_portuguese(self) -> None:
        shown = 0
        for page in PAGES:
            for line in "".join(body for _, body in BLOCK.findall(read(page))).splitlines():
                if SPOKEN.match(line):
                    shown += 1
                    with self.subTest(page, line=line):
                        self.assertEqual([], english_in(line))
                        self.assertFalse(has_decimal_point(line))
        self.assertGreater(shown, 100)

    def test_a_sentence_of_the_demo_is_quoted_as_the_demo_says_it(self) -> None:
        """Blocks of both pages with as many lines are compared line by line."""
        shapes = [(shape_of(english), shape_of(portuguese))
                  for english, portuguese in PORTUGUESE.items()]
        compared = 0
        for pair in TWINS:
            blocks = ([LEAD.sub("", body).splitlines() for _, body in BLOCK.findall(read(page))]
                      for page in pair)
            for theirs, ours in zip(*blocks):
                if len(theirs) != len(ours):
                    continue
                for line, twin in zip(theirs, ours):
                    said = [shape for english, shape in shapes if english.fullmatch(line)]
                    compared += bool(said)
                    with self.subTest(pair[1], line=twin):
                        self.assertTrue(not said or any(shape.fullmatch(twin) for shape in said))
        self.assertGreater(compared, 50)

    def test_lease_and_relay_are_explained_where_a_page_for_the_class_first_says_them(self) -> None:
        for page, word, meaning in (("docs/lesson.pt-BR.md", "lease", "concessão"),
                                    ("README.pt-BR.md", "*relay*", "intermediário")):
            with self.subTest(page):
                text = prose(page)
                at = text.index(word)
                self.assertIn(meaning, text[at:at + 200])


if __name__ == "__main__":
    unittest.main()
