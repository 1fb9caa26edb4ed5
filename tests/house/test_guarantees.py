"""The table of a number in docs/guarantees.md is the one in the code."""

from __future__ import annotations

import unittest

from ponte.calls.once import TABLE
from tests.house.pages import read

PAGE = "docs/guarantees.md"
HEADER = ["Number", "Original", "Repeat", "Resolve"]


def cells(line: str) -> list[str]:
    """The cells of one line of a table, without the marks of bold type."""
    return [cell.strip().replace("**", "") for cell in line.strip("|").split("|")]


def rows(page: str, header: list[str]) -> list[list[str]]:
    """The rows of the table with this header, without it; none if there is no such table."""
    lines = [cells(line) if line.startswith("|") else [] for line in page.splitlines()]
    if header not in lines:
        return []
    # Behind the header comes the line of hyphens.
    table = lines[lines.index(header) + 2:]
    return table[:table.index([])] if [] in table else table


class Numbers(unittest.TestCase):
    def test_the_table_of_the_page_equals_the_code(self) -> None:
        """Row by row, in the same order, and in the same words."""
        told = rows(read(PAGE), HEADER)
        self.assertEqual(told, [[state, *actions] for state, actions in TABLE.items()])

    def test_a_table_is_read_to_its_end(self) -> None:
        """Also the last one of a page, and one with bold cells."""
        page = "| A | B |\n|---|---|\n| 1 | **2** |\n| 3 | 4 |"
        for more in ("", "\n", "\n\ntext\n\n| C | D |\n|---|---|\n| 5 | 6 |\n"):
            self.assertEqual(rows(page + more, ["A", "B"]), [["1", "2"], ["3", "4"]])
        self.assertEqual(rows(page, ["B", "A"]), [])


if __name__ == "__main__":
    unittest.main()
