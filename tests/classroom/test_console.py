"""A role's terminal: its lines, and the counters below them."""

from __future__ import annotations

import unittest

from classroom.console import Console
from tests.classroom.streams import Stream


class ConsoleTest(unittest.TestCase):
    def test_lines_push_the_counters_down(self) -> None:
        terminal = Stream(terminal=True)
        console = Console(terminal, terminal, lambda line: None, rewrites=True)
        console.show("12 beats")
        print("up", file=console.err)
        self.assertEqual("\r\x1b[J12 beats\r" "\r\x1b[Jup\n12 beats\r", terminal.getvalue())

    def test_a_stop_removes_the_counters_until_they_are_shown_again(self) -> None:
        terminal = Stream(terminal=True)
        console = Console(terminal, terminal, lambda line: None, rewrites=True)
        console.show("12 beats")
        console.hide()
        console.hide()
        console.show("13 beats")
        self.assertEqual("\r\x1b[J12 beats\r" "\r\x1b[J" "\r\x1b[J13 beats\r", terminal.getvalue())

    def test_a_file_gets_the_counters_as_lines(self) -> None:
        heard: list[str] = []
        out = Stream()
        console = Console(out, Stream(), heard.append, rewrites=False)
        print("banner", file=console.out)
        console.show("12 beats")
        console.show("")
        self.assertEqual("banner\n12 beats\n", out.getvalue())
        self.assertEqual(["banner"], heard)


if __name__ == "__main__":
    unittest.main()
