"""What docs/operating.md and the files beside it say is what the processes do."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from ponte.process.families import FAMILIES

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
UNIT, COMPOSE = DOCS / "ponte-server@.service", DOCS / "compose.yaml"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \| (.+) \|$", re.MULTILINE)
# A command of Ponte in a file, such as "python3 server.py services/greeter.py --port 4242".
COMMAND = re.compile(r"python3 ((?:server|proxy|registry)\.py) ?(.*)")


class Operating(unittest.TestCase):
    def test_the_table_has_every_family_and_no_other(self) -> None:
        """With its type, and with the words of the page itself."""
        rows = {name: (kind, text) for name, kind, _, text
                in ROW.findall((DOCS / "operating.md").read_text(encoding="utf-8"))}
        self.assertEqual(rows, {family.name: (family.kind, family.help)
                                for families in FAMILIES.values() for family in families})

    def test_the_commands_of_both_files_can_be_given(self) -> None:
        """Every option is one of the program; no file that is named is missing."""
        found = [command for path in (UNIT, COMPOSE)
                 for command in COMMAND.findall(path.read_text(encoding="utf-8"))
                 if "--make-key" not in command[1]]
        self.assertGreater(len(found), 3)
        for program, arguments in found:
            usage = subprocess.run([sys.executable, ROOT / program, "--help"], check=True,
                                   stdout=subprocess.PIPE).stdout.decode()
            for option in re.findall(r"--[a-z-]+", arguments):
                self.assertIn(option, usage, program)
            for file in re.findall(r"services/[a-z]\w*\.py", arguments):
                self.assertTrue((ROOT / file).is_file(), file)

    def test_systemd_takes_the_unit(self) -> None:
        """Where systemd is."""
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd is not here")
        checked = subprocess.run(["systemd-analyze", "verify", str(UNIT)], check=False,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual((checked.returncode, checked.stdout.decode()), (0, ""))


if __name__ == "__main__":
    unittest.main()
