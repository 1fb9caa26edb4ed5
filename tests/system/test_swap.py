"""The swap where none of its programs is there: each step is passed over, and says what it lacks.

With all of them: python3 -m tests.interop swap.
"""

from __future__ import annotations

import unittest

from tests.system.test_demo import STORY_S, start

WITHOUT_PROGRAMS = """
import sys
from classroom import swap, swap_scene
from classroom.language import Words

swap_scene.shutil.which = lambda program, path: None
sys.exit(swap.run(Words(sys.argv[1]), auto=True))
"""


class Swap(unittest.TestCase):
    def told(self, language: str) -> list[str]:
        story = start("-c", WITHOUT_PROGRAMS, language)
        try:
            out, err = story.communicate(timeout=STORY_S)
        finally:
            story.kill()
        self.assertEqual((story.returncode, err), (0, ""))
        return out.splitlines()

    def test_each_step_names_what_is_missing_and_the_story_goes_on(self) -> None:
        out = self.told("en")
        missing = [line for line in out if " is missing:  " in line]
        self.assertEqual([line.split("SKIPPED: ")[1].split()[0] for line in missing],
                         ["dig", "haproxy", "nginx", "consul", "named", "grpcurl", "perl"])
        self.assertTrue(all("apt-get install" in line or "--programs" in line for line in missing))
        self.assertTrue(any("7 skipped." in line for line in out), out[-4:])

    def test_in_portuguese(self) -> None:
        out = self.told("pt")
        self.assertEqual(sum("falta " in line for line in out), 7)
        self.assertFalse([line for line in out if "missing" in line])


if __name__ == "__main__":
    unittest.main()
