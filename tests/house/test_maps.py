"""Each folder's `__init__.py` is its map: a line for each file, and none for a missing one."""

from __future__ import annotations

import ast
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ROOMS = [*sorted((ROOT / "ponte").glob("*/__init__.py")), ROOT / "lab" / "__init__.py",
         ROOT / "classroom" / "__init__.py", ROOT / "dashboard" / "__init__.py",
         ROOT / "course" / "__init__.py", ROOT / "course" / "incidents" / "__init__.py",
         ROOT / "interop" / "__init__.py", ROOT / "interop" / "grpc" / "__init__.py"]
# "    rule.py    rule R, the heart: ..."
ROW = re.compile(r"^    (\w+\.py) +\S", re.MULTILINE)


def map_of(room: Path) -> str:
    return ast.get_docstring(ast.parse(room.read_text(encoding="utf-8")), clean=False) or ""


class Maps(unittest.TestCase):
    def test_a_map_has_a_row_for_each_file_and_no_other(self) -> None:
        self.assertGreater(len(ROOMS), 6)
        for room in ROOMS:
            with self.subTest(str(room.parent.relative_to(ROOT))):
                files = {path.name for path in room.parent.glob("*.py")} - {"__init__.py"}
                self.assertEqual(set(ROW.findall(map_of(room))), files - {"__main__.py"})

    def test_the_map_of_the_house_has_each_room(self) -> None:
        house = map_of(ROOT / "ponte" / "__init__.py")
        rooms = {room.parent.name for room in ROOMS if room.parent.parent == ROOT / "ponte"}
        self.assertEqual(set(re.findall(r"^    (\w+) {3,}\S", house, re.MULTILINE)), rooms)


if __name__ == "__main__":
    unittest.main()
