"""What a keyboard sends for a key: names, codes and characters of the DevTools protocol."""

from __future__ import annotations

from typing import NamedTuple

# Bits of `modifiers` in the protocol.
MODIFIERS = {"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}
# Keys with a name: the number that Windows gives them (`keyCode` of the browser's event).
NAMED = {"Backspace": 8, "Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "PageUp": 33, "PageDown": 34,
         "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40,
         "Delete": 46, "F5": 116}
# What some named keys type.
TEXTS = {"Enter": "\r", " ": " "}
# Where a sign lies on an American keyboard.
SIGNS = {".": ("Period", 190), ",": ("Comma", 188), "/": ("Slash", 191), "?": ("Slash", 191),
         "-": ("Minus", 189), "+": ("Equal", 187), "=": ("Equal", 187), "[": ("BracketLeft", 219),
         "]": ("BracketRight", 221)}


class Key(NamedTuple):
    """One key as Input.dispatchKeyEvent wants it."""

    key: str
    code: str
    number: int
    text: str
    modifiers: int


def key_of(name: str) -> Key:
    """The key with a name: "a", "K", "5", ".", "Enter", "Shift+Tab", "Control+s"."""
    *held, last = name.split("+") if name != "+" else ["+"]
    modifiers = sum(MODIFIERS[each] for each in held)
    if len(last) == 1 and last.isupper():
        modifiers |= MODIFIERS["Shift"]
    types = not modifiers & ~MODIFIERS["Shift"]
    text = TEXTS.get(last, last if len(last) == 1 else "") if types else ""
    if last in NAMED:
        return Key(last, "Space" if last == " " else last, NAMED[last], text, modifiers)
    if last.isdigit():
        return Key(last, f"Digit{last}", ord(last), text, modifiers)
    if last in SIGNS:
        return Key(last, *SIGNS[last], text, modifiers)
    return Key(last, f"Key{last.upper()}", ord(last.upper()), text, modifiers)
