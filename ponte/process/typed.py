"""Commands that a user can type, or copy, as they are printed."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence

from ponte.process.options import PYTHON


def typed(words: Sequence[str]) -> str:
    """A command of these words, as the shell of this system reads them.

        >>> typed(["chmod", "600", "a key"]) if sys.platform != "win32" else "chmod 600 'a key'"
        "chmod 600 'a key'"
    """
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def here(text: str) -> str:
    """A text with commands such as `python3 demo.py`, as users type them on this system."""
    return text.replace("python3 ", f"{PYTHON} ")
