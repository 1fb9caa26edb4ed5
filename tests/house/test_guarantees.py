"""The table of a number in docs/guarantees.md is the one in the code, also in Portuguese."""

from __future__ import annotations

import unittest

from ponte.calls.once import TABLE
from tests.house.pages import in_portuguese, read

PAGE = "docs/guarantees.md"
HEADER = ["Number", "Original", "Repeat", "Resolve"]
HEADER_PT = ["Número", "Original", "Repetição", "Resolve"]


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


def same_shape(table: list[list[str]], other: list[list[str]]) -> bool:
    """Whether two tables say the same in other words: equal cells stand at the same places."""
    if [len(row) for row in table] != [len(row) for row in other]:
        return False
    pairs = {(cell, translated) for row, other_row in zip(table, other)
             for cell, translated in zip(row, other_row)}
    return len(pairs) == len({cell for cell, _ in pairs}) == len({cell for _, cell in pairs})


class Numbers(unittest.TestCase):
    def test_the_table_of_the_page_equals_the_code(self) -> None:
        """Row by row, in the same order, and in the same words."""
        told = rows(read(PAGE), HEADER)
        self.assertEqual(told, [[state, *actions] for state, actions in TABLE.items()])

    def test_the_portuguese_table_has_its_shape(self) -> None:
        """Each cell has one translation, and no two cells have the same one."""
        english = rows(read(PAGE), HEADER)
        portuguese = rows(read(in_portuguese(PAGE)), HEADER_PT)
        self.assertTrue(portuguese)
        self.assertTrue(same_shape(english, portuguese), portuguese)

    def test_another_shape_is_seen(self) -> None:
        """A row that is missing, a cell with two translations, and two cells with the same one."""
        table = [["a", "b"], ["c", "b"]]
        self.assertTrue(same_shape(table, [["1", "2"], ["3", "2"]]))
        for other in ([["1", "2"]], [["1", "2"], ["3"]],
                      [["1", "2"], ["3", "4"]], [["1", "2"], ["1", "2"]]):
            self.assertFalse(same_shape(table, other), other)

    def test_a_table_is_read_to_its_end(self) -> None:
        """Also the last one of a page, and one with bold cells."""
        page = "| A | B |\n|---|---|\n| 1 | **2** |\n| 3 | 4 |"
        for more in ("", "\n", "\n\ntext\n\n| C | D |\n|---|---|\n| 5 | 6 |\n"):
            self.assertEqual(rows(page + more, ["A", "B"]), [["1", "2"], ["3", "4"]])
        self.assertEqual(rows(page, ["B", "A"]), [])


if __name__ == "__main__":
    unittest.main()
