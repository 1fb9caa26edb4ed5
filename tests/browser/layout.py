"""Asks the page itself whether its layout is right: layout.js, evaluated in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.browser.tab import Tab

SCRIPT = Path(__file__).with_name("layout.js").read_text(encoding="utf-8")


def faults(tab: Tab, root: str = "body", cut_allowed: bool = False,
           without: Sequence[str] = ()) -> list[str]:
    """A line for each fault of the layout below an element; `without`: kinds left out.

    `cut_allowed`: a text may end in an ellipsis where its `title` has all of it.
    """
    found = tab.evaluate(f"({SCRIPT}\n)({{ root: {root!r}, cutAllowed: {str(cut_allowed).lower()} "
                         "})")
    return [f"{each['kind']}: {each['what']} ({each['detail']})" for each in found
            if each["kind"] not in without]


def expect_sound(tab: Tab, where: str, root: str = "body", cut_allowed: bool = False) -> None:
    """Raises AssertionError with every fault of the layout."""
    found = faults(tab, root, cut_allowed)
    assert not found, f"{where}: {len(found)} faults of layout\n" + "\n".join(found)
