"""A character that an encoding lacks becomes another one, and never ends a program."""

from __future__ import annotations

import io
import unittest

from ponte.process.characters import ASCII, plain, write_any


def written(text: str, encoding: str) -> str:
    """What a reader sees of `text` in a pipe of this encoding."""
    pipe = io.BytesIO()
    stream = io.TextIOWrapper(pipe, encoding=encoding, write_through=True)
    write_any(stream, None, io.StringIO())
    stream.write(text)
    return pipe.getvalue().decode(encoding)


class Plain(unittest.TestCase):
    def test_our_symbols_are_all_drawn_or_all_of_ascii(self) -> None:
        """Code page 1252 has a dot and quotation marks, and no arrow."""
        for encoding in ("ascii", "cp1252", "cp850", "latin-1", "no such encoding"):
            with self.subTest(encoding):
                self.assertTrue(plain("".join(ASCII), encoding).isascii())
        self.assertEqual("".join(ASCII), plain("".join(ASCII), "utf-8"))

    def test_accents_stay_where_the_encoding_has_them(self) -> None:
        self.assertEqual("não - você", plain("não · você", "cp1252"))
        self.assertEqual("nao - voce", plain("não · você", "ascii"))


class WriteAny(unittest.TestCase):
    def test_a_symbol_that_a_pipe_of_windows_lacks_becomes_ascii(self) -> None:
        self.assertEqual("<= 100 -> MET, ½", written("≤ 100 → MET, ½", "cp1252"))

    def test_a_value_of_the_user_is_not_made_into_another_one(self) -> None:
        """Half a pound must not be shown as twelve."""
        self.assertEqual("?, ??, ?", written("½, 漢字, \udcff", "ascii"))

    def test_what_the_encoding_has_stays(self) -> None:
        for text in ("≤ 漢字 → ✓", "Olá"):
            self.assertEqual(text, written(text, "utf-8"))
        self.assertEqual("Olá · 2 µs", written("Olá · 2 µs", "cp1252"))


if __name__ == "__main__":
    unittest.main()
