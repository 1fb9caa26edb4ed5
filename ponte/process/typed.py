"""Commands that a user can type, or copy, as they are printed."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence

from ponte.process.options import PYTHON

# On Windows, a word of other characters needs quotation marks: one of its shells ends a command at
# an ampersand, and the other one makes two words of "a,b".
_PLAIN_WORD = re.compile(r"[\w+=:./\\~-]+")


def typed(words: Sequence[str]) -> str:
    """A command of these words, as the shell of this system reads them.

        >>> typed(["chmod", "600", "a key"]) if sys.platform != "win32" else "chmod 600 'a key'"
        "chmod 600 'a key'"
    """
    return " ".join(map(_quoted, words)) if sys.platform == "win32" else shlex.join(words)


def _quoted(word: str) -> str:
    """A word as programs of Windows read it: a backslash is special before a quotation mark only.
    """
    if _PLAIN_WORD.fullmatch(word):
        return word
    inside = re.sub(r'(\\*)("|$)', lambda found: 2 * found[1] + (found[2] and '\\"'), word)
    return f'"{inside}"'


def here(text: str | None) -> str:
    """A text with commands such as `python3 demo.py`, as users type them on this system."""
    # Python -OO leaves texts out that are docstrings.
    return (text or "").replace("python3 ", f"{PYTHON} ")
