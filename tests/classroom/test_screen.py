"""Lines for a projector: on any console, in colour or not, over one another or not."""

from __future__ import annotations

import unittest
from unittest import mock

from classroom.screen import MAX_COLUMNS, Screen, bar
from ponte.net import windows
from ponte.process.characters import ASCII, plain
from tests.classroom.streams import Stream


class ScreenTest(unittest.TestCase):
    def test_what_a_console_lacks_becomes_ascii(self) -> None:
        self.assertEqual("Ola -> + nao", plain("Olá → ✓ não", "ascii"))
        self.assertEqual("Olá -> + não", plain("Olá → ✓ não", "cp1252"))
        self.assertEqual("Olá → ✓ não", plain("Olá → ✓ não", "utf-8"))

    def test_no_escape_code_where_it_would_be_shown_as_text(self) -> None:
        for stream, environ in ((Stream(), {}), (Stream(terminal=True), {"TERM": "dumb"})):
            screen = Screen(stream, environ)
            screen.line("text", style="passed", lead="  ✓ ", lead_style="passed")
            screen.live(lambda columns: ["moving"])
            screen.last(lambda columns: ["still"])
            self.assertEqual("  ✓ text\nstill\n", stream.getvalue())

    def test_no_color_takes_the_colours_away(self) -> None:
        stream = Stream(terminal=True)
        Screen(stream, {"NO_COLOR": "1"}).line("text", style="passed")
        self.assertEqual("text\n", stream.getvalue())
        stream = Stream(terminal=True)
        Screen(stream, {}).line("text", style="passed")
        self.assertEqual("\x1b[1;32mtext\x1b[0m\n", stream.getvalue())

    def test_a_command_is_one_line_however_long_it_is(self) -> None:
        """Readers copy it. A terminal breaks it by itself."""
        stream = Stream()
        Screen(stream, {}).command("word " * 40 + "end", lead="next: ")
        self.assertEqual(f"next: {'word ' * 40}end\n", stream.getvalue())

    def test_long_lines_break_at_the_columns_under_their_lead(self) -> None:
        stream = Stream()
        Screen(stream, {}).line("word " * 40, lead="  ✓ ")
        lines = stream.getvalue().splitlines()
        self.assertGreater(len(lines), 1)
        self.assertTrue(all(len(line) <= MAX_COLUMNS for line in lines))
        self.assertTrue(all(line.startswith("    word") for line in lines[1:]))

    def test_a_narrow_encoding_never_raises(self) -> None:
        stream = Stream("ascii")
        screen = Screen(stream, {})
        screen.line("".join(ASCII) + "ãéíóúç漢")
        screen.rule()
        self.assertIn("aeiouc?", stream.getvalue())

    def test_a_bar_shows_its_share(self) -> None:
        self.assertEqual("█████░░░░░", bar(0.5, 10))
        self.assertEqual("██████████", bar(1.7, 10))

    def test_enters_typed_ahead_skip_no_question_on_windows(self) -> None:
        """The keys are dropped once the question stands there, and then the answer is read."""
        happened: list[str] = []
        stream = Stream()

        def forget() -> None:
            happened.append(f"forgets after {stream.getvalue()}")

        def read() -> str:
            happened.append("reads")
            return "\n"

        with mock.patch("sys.platform", "win32"), \
                mock.patch("sys.stdin", mock.Mock(readline=read)), \
                mock.patch.object(windows, "forget_typed_keys", forget, create=True):
            Screen(stream, {}).ask("Enter?")
        self.assertEqual(["forgets after Enter?", "reads"], happened)


if __name__ == "__main__":
    unittest.main()
