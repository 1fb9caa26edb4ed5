"""Makes what the documents show: the saved page of a scripted run, and pictures of it."""

from __future__ import annotations

from tests.browser.chromium import Chromium


def record(chromium: Chromium, file: str) -> None:
    """Makes a saved page."""


def take(chromium: Chromium, folder: str) -> None:
    """Makes the pictures."""
