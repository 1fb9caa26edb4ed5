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
        self.assertEqual("\r\x1b[K12 beats" "\r\x1b[Kup\n12 beats", terminal.getvalue())

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
