"""ponte.pyz: what is in it."""

from __future__ import annotations

import io
import subprocess
import unittest
import zipfile
from pathlib import Path

from dashboard.archive import FOLDERS, PROGRAMS, archive

ROOT = Path(__file__).resolve().parent.parent.parent


class Archive(unittest.TestCase):
    made: bytes

    @classmethod
    def setUpClass(cls) -> None:
        cls.made = archive()

    def names(self) -> list[str]:
        with zipfile.ZipFile(io.BytesIO(self.made)) as packed:
            return packed.namelist()

    def test_it_is_a_zip_file_with_the_line_of_an_interpreter_in_front(self) -> None:
        self.assertTrue(self.made.startswith(b"#!/usr/bin/env python3\nPK"))

    def test_the_same_files_make_the_same_bytes(self) -> None:
        self.assertEqual(archive(), self.made)
        # On another day, too.
        with zipfile.ZipFile(io.BytesIO(self.made)) as packed:
            times = {info.date_time for info in packed.infolist()}
        self.assertEqual(times, {(1980, 1, 1, 0, 0, 0)})

    def test_it_is_small(self) -> None:
        self.assertLess(len(self.made), 1_000_000)

    def test_it_has_only_what_runs(self) -> None:
        names = self.names()
        self.assertEqual(names, sorted(names))
        self.assertEqual({name.partition("/")[0] for name in names},
                         {*FOLDERS, *(f"{name}.py" for name in PROGRAMS), "LICENSE"})
        self.assertEqual([name for name in names if "__pycache__" in name or "/." in name], [])

    def test_it_has_all_that_runs(self) -> None:
        """Every file that git knows outside of the folders for developers, readers, students."""
        try:
            listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        except (OSError, subprocess.CalledProcessError):
            self.skipTest("needs the command git")
        needed = {name for name in listed.splitlines()
                  if not name.startswith(("tests/", "bench/", "docs/", "course/", "."))
                  and not name.endswith((".md", ".toml")) and (ROOT / name).exists()}
        self.assertLessEqual(needed, set(self.names()))


if __name__ == "__main__":
    unittest.main()
