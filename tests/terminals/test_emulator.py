"""The small VT100 shows what a terminal shows."""

from __future__ import annotations

import unittest

from tests.terminals.emulator import Emulator


def screen(*outputs: str, columns: int = 10, rows: int = 4, reflows: bool = True) -> Emulator:
    shown = Emulator(columns, rows, reflows=reflows)
    for output in outputs:
        shown.feed(output.encode())
    return shown


class Characters(unittest.TestCase):
    def test_a_line_begins_at_the_left(self) -> None:
        self.assertEqual("one\ntwo", screen("one\r\ntwo").text())
        self.assertEqual("two", screen("one\rtwo").text())

    def test_the_last_column_wraps_only_when_more_comes(self) -> None:
        full = screen("0123456789\r\nnext")
        self.assertEqual(("0123456789\nnext", []), (full.text(), full.wrapped))
        wraps = screen("0123456789a")
        self.assertEqual(("0123456789\na", ["0123456789"]), (wraps.text(), wraps.wrapped))

    def test_the_top_scrolls_away(self) -> None:
        shown = screen("1\r\n2\r\n3\r\n4\r\n5")
        self.assertEqual(("2\n3\n4\n5", ["1"]), (shown.text(), shown.scrolled))

    def test_a_character_may_come_in_pieces(self) -> None:
        shown = Emulator(10, 4)
        for byte in "é█".encode():
            shown.feed(bytes([byte]))
        self.assertEqual("é█", shown.text())


class EscapeCodes(unittest.TestCase):
    def test_rows_are_written_over(self) -> None:
        self.assertEqual("new\nrow 2", screen("old row\r\nrow 2\r\n", "\x1b[2A\r\x1b[Knew",
                                              "\r\n\r\n").text())

    def test_a_code_may_come_in_pieces(self) -> None:
        self.assertEqual("b", screen("a\r\n", "\x1b", "[", "1", "A", "\x1b[0", "Kb").text())

    def test_a_cleared_screen_begins_at_the_top(self) -> None:
        self.assertEqual("new", screen("one\r\ntwo\x1b[2J\x1b[Hnew").text())

    def test_colours_are_passed_over(self) -> None:
        self.assertEqual("red", screen("\x1b[1;31mred\x1b[0m").text())

    def test_an_unknown_code_is_an_error(self) -> None:
        for code in ("\x1b[5n", "\x1bc", "\x1b[1J"):
            with self.subTest(code), self.assertRaises(ValueError):
                screen(code)


class Sizes(unittest.TestCase):
    def test_most_terminals_break_lines_anew(self) -> None:
        shown = screen("0123456789\r\nnext")
        shown.resize(5, 4)
        shown.feed(b"!")
        self.assertEqual("01234\n56789\nnext!", shown.text())
        shown.resize(10, 4)
        self.assertEqual("0123456789\nnext!", shown.text())

    def test_others_cut_them_off(self) -> None:
        shown = screen("0123456789\r\nnext", reflows=False)
        shown.resize(5, 4)
        self.assertEqual("01234\nnext", shown.text())

    def test_a_lower_screen_keeps_the_cursor(self) -> None:
        shown = screen("1\r\n2\r\n3")
        shown.resize(10, 2)
        shown.feed(b"!")
        self.assertEqual(("2\n3!", ["1"]), (shown.text(), shown.scrolled))


if __name__ == "__main__":
    unittest.main()
