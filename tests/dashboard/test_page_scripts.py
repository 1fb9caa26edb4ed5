"""The pure half of the live page, run in Node: fold, messages, diagram, sentences, player.

Its tests are scripts in tests/dashboard/js: `node tests/dashboard/js/test_fold.js` runs one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import unittest
from pathlib import Path

from tests.windows import windows_cannot

SCRIPTS = Path(__file__).resolve().parent / "js"
# Seconds for one script. A quiet machine takes two at most.
TIMEOUT_S = 180.0
NODE = shutil.which("node")


@windows_cannot("what a browser runs is tested in Node on Linux")
class PageScripts(unittest.TestCase):
    """Each script is one test; it prints a line for each of its own."""

    @classmethod
    def setUpClass(cls) -> None:
        if NODE is None and not os.environ.get("CI"):
            raise unittest.SkipTest("there is no node: the page's scripts are tested by CI")

    def test_every_script_passes(self) -> None:
        names = sorted(path.name for path in SCRIPTS.glob("test_*.js"))
        self.assertGreaterEqual(len(names), 7)
        for name in names:
            with self.subTest(name):
                self.assertIsNotNone(NODE, "CI tests the page's scripts, and there is no node")
                ended = subprocess.run([str(NODE), str(SCRIPTS / name)], check=False, text=True,
                                       encoding="utf-8", stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, timeout=TIMEOUT_S)
                self.assertEqual(ended.returncode, 0, ended.stdout)
                # A script that ends before its tests have run proves nothing.
                self.assertRegex(ended.stdout, r"(?m)^[1-9]\d* tests, 0 failed$")


if __name__ == "__main__":
    unittest.main()
