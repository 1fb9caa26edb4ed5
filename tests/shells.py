"""How a command that is typed becomes the words that a program gets."""

from __future__ import annotations

import shlex
import sys


def split(command: str) -> list[str]:
    """The words of a command, by the rules of this system: on Windows, its own function."""
    if sys.platform != "win32":
        return shlex.split(command)
    # A Python of another system may have no such module.
    import ctypes  # noqa: PLC0415
    from ctypes import wintypes  # noqa: PLC0415

    count = ctypes.c_int()
    read = ctypes.WinDLL("shell32").CommandLineToArgvW
    read.argtypes = [wintypes.LPCWSTR, ctypes.POINTER(ctypes.c_int)]
    read.restype = ctypes.POINTER(wintypes.LPWSTR)
    # The first word is read by other rules, as the path of the program.
    words = read(f"program {command}", ctypes.byref(count))
    return [str(words[number]) for number in range(1, count.value)]
