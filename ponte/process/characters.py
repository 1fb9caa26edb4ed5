"""Characters that a stream cannot write: what is written instead, so that none ends a program.

Python ends a program with an error where the encoding of its output lacks a character. On Windows
that is any pipe and any file (code page 1252), elsewhere a terminal with LANG=C.

Importing this module makes the error handler `NEAREST` known to Python's codecs.
"""

from __future__ import annotations

import codecs
import io
import unicodedata
from typing import TextIO

# The name of the error handler: a character of ASCII stands for one that the encoding lacks.
NEAREST = "ponte.nearest"
# The symbols of our own texts, and what stands for each of them.
ASCII = {"✓": "+", "✗": "x", "█": "#", "░": ".", "♥": "*", "→": "->", "←": "<-", "►": ">", "▶": ">",
         "◄": "<", "─": "-", "│": "|", "┘": "+", "└": "+", "┴": "+", "·": "-", "…": "...",
         "“": '"', "”": '"', "●": "*", "≤": "<=", "≥": ">=", "÷": "/", "µ": "u"}
_STANDS_FOR = {ord(symbol): text for symbol, text in ASCII.items()}


def plain(text: str, encoding: str) -> str:
    """`text` as `encoding` can write it: each character that it lacks becomes the nearest ASCII.

    Where it lacks one of our symbols, all of them are ASCII: a picture of which only a part is
    drawn in symbols reads badly. And a program that reads a pipe of Windows often takes another
    code page for it, where an accent still reads well enough, and a symbol does not.

    >>> plain("Olá · → ✓", "ascii")
    'Ola - -> +'
    >>> plain("Olá · → ✓", "cp1252")
    'Olá - -> +'
    >>> plain("Olá · → ✓", "utf-8")
    'Olá · → ✓'
    """
    if not has("".join(ASCII), encoding):
        text = text.translate(_STANDS_FOR)
    return text if has(text, encoding) else "".join(
        character if has(character, encoding) else _without_accent(character)
        for character in text)


def has(text: str, encoding: str) -> bool:
    """Whether the encoding has all characters of `text`. It may be one that Python does not know.
    """
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _without_accent(character: str) -> str:
    if character.isascii():
        return character
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode("ascii") or "?"


def write_any(*streams: TextIO | None) -> None:
    """From now on these streams write any text: what their encoding lacks becomes ASCII.

    Our own symbols have their stand-ins, and every other character becomes "?": a value of the
    user is not made into another one.
    """
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=NEAREST)


def _nearest(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start:error.end]
    return "".join(ASCII.get(character, "?") for character in lacking), error.end


codecs.register_error(NEAREST, _nearest)
