"""The two READMEs: one page each, and what they say of the house holds."""

from __future__ import annotations

import re
import unittest

from tests.house.pages import ENGLISH, PORTUGUESE, prose, read
from tests.house.test_imports import MODULES

MAX_LINES = 250


def taken_names() -> set[str]:
    """The names of modules and packages at the top level of the project.

    Nobody imports __main__ by its file: that name is the program that runs.
    """
    return {module.partition(".")[0] for module in MODULES} - {"__main__"}


class Readmes(unittest.TestCase):
    def test_a_newcomer_sees_picture_commands_and_transcript_in_thirty_lines(self) -> None:
        for name, proof in ((ENGLISH, "PROOF: ✓ PASSED"), (PORTUGUESE, "PROVA: ✓ PASSOU")):
            with self.subTest(name):
                first = read(name).splitlines()[:30]
                for wanted in ("python3 demo.py", "python3 -m unittest", proof):
                    self.assertIn(wanted, first)
                self.assertTrue(any("► proxy ──" in line for line in first), "the picture")

    def test_each_is_one_page(self) -> None:
        for name in (ENGLISH, PORTUGUESE):
            self.assertLessEqual(len(read(name).splitlines()), MAX_LINES, name)

    def test_the_guarantees_are_ten(self) -> None:
        for name in (ENGLISH, PORTUGUESE):
            numbers = re.findall(r"^(\d+)\. ", prose(name), re.MULTILINE)
            self.assertEqual(numbers, [str(number) for number in range(1, 11)], name)

    def test_the_names_that_are_taken_are_told(self) -> None:
        """By the READMEs in a sentence, and by the page on own services in a list."""
        for name in (ENGLISH, PORTUGUESE):
            for taken in taken_names():
                self.assertRegex(prose(name), rf"`{taken}(\.py|/)`", name)
        for name in ("docs/own-services.md", "docs/own-services.pt-BR.md"):
            listed = re.findall(r"^    (\w.*)$", prose(name), re.MULTILINE)
            self.assertEqual(set(" ".join(listed).split()), taken_names(), name)


if __name__ == "__main__":
    unittest.main()
