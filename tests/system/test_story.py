"""The demo as a class sees it: the whole story, in both languages."""

from __future__ import annotations

import re
import subprocess
import sys
import unittest

from tests.classroom.portuguese import english_in, has_decimal_point, not_in_brazil
from tests.system.test_demo import STORY_S, start

STEPS = 9


class StoryTest(unittest.TestCase):
    """The whole story, in both languages; one of them where the roles of a lesson have options."""

    output: dict[str, list[str]]
    errors: dict[str, str]
    codes: dict[str, int]

    @classmethod
    def setUpClass(cls) -> None:
        cls.output, cls.errors, cls.codes = {}, {}, {}
        languages = {
            "en": {"PONTE_LANG": "en"},
            "pt": {"PONTE_LANG": "pt", "PONTE_KEY_FILE": "no such file", "PONTE_HOST": "nowhere",
                   "PONTE_TLS_CERT": "no such file"}}
        # A Windows that is emulated takes seconds to start each process: one story after the other.
        together = [[language] for language in languages] if sys.platform == "win32" else \
            [list(languages)]
        for some in together:
            cls._tell({language: start("demo.py", "--auto", **languages[language])
                       for language in some})

    @classmethod
    def _tell(cls, stories: dict[str, subprocess.Popen[str]]) -> None:
        """Waits for the end of these stories, and keeps what they have printed."""
        try:
            for language, story in stories.items():
                out, cls.errors[language] = story.communicate(timeout=STORY_S)
                cls.output[language], cls.codes[language] = out.splitlines(), story.returncode
        finally:
            for story in stories.values():
                story.kill()
                story.communicate()

    def test_every_proof_passes_and_the_exit_code_says_so(self) -> None:
        for language, passed in (("en", "PROOF: ✓ PASSED"), ("pt", "PROVA: ✓ PASSOU")):
            with self.subTest(language):
                text = "\n".join(self.output[language])
                self.assertEqual((0, ""), (self.codes[language], self.errors[language]), text)
                self.assertEqual(STEPS, self.output[language].count(passed), text)
                self.assertNotIn("✗", text)

    def test_each_step_predicts_shows_and_proves(self) -> None:
        for language, predict, proof, point in (("en", "PREDICT: ", "PROOF: ", r"\."),
                                                ("pt", "PREVEJA: ", "PROVA: ", ",")):
            steps = re.split(r"(?m)^\d/9  ", "\n".join(self.output[language]))[1:]
            self.assertEqual(STEPS, len(steps))
            for step in steps:
                with self.subTest(language, step=step.splitlines()[0]):
                    self.assertRegex(step, rf"(?s)^[^\n]+\n{predict}.*\n +\+\d+{point}\d\d s  "
                                           rf".*\n{proof}.*\n  ✓ ")

    def test_the_last_step_resolves_what_can_be_known(self) -> None:
        lines = self.output["en"]
        self.assertTrue(any(line.startswith("  ✓ killed: OutcomeUnknown") for line in lines))
        for told in ("ana: resolve told 100", "bia: resolve told NotSent"):
            self.assertTrue(any(line.startswith(f"  ✓ {told}") for line in lines), told)

    def test_a_portuguese_story_has_no_english_and_no_decimal_point(self) -> None:
        """Also where it quotes a program: how an attempt ended, and after how many milliseconds."""
        lines = self.output["pt"]
        for quoted in (r"tentativa: proxy-1 em .*: respondida por server-\d \(\d+,\d ms\)",
                       r"1\. proxy-1 em .*: ao conectar: .* \(\d+,\d ms\)"):
            self.assertTrue(any(re.search(quoted, line) for line in lines), quoted)
        for line in lines:
            with self.subTest(line):
                self.assertEqual([], english_in(line))
                self.assertFalse(has_decimal_point(line))
                self.assertEqual([], not_in_brazil(line))

    def test_lines_are_for_a_projector_and_free_of_escape_codes(self) -> None:
        for lines in self.output.values():
            self.assertLessEqual(max(map(len, lines)), 100)
            self.assertNotIn("\x1b", "\n".join(lines))


if __name__ == "__main__":
    unittest.main()
