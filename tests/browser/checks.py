"""What a check is: a function with a name and a docstring, which gets a Chromium.

A check raises AssertionError where the page is wrong. It depends on no other check.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from typing import NamedTuple

from tests.browser.chromium import Chromium
from tests.browser.pipe import BrowserError


class Check(NamedTuple):
    """One check. `alone`: it measures time, so nothing else runs beside it."""

    name: str
    run: Callable[[Chromium], str | None]
    alone: bool

    @property
    def rule(self) -> str:
        """The first line of what it proves."""
        return (self.run.__doc__ or "").strip().split("\n")[0]


class Result(NamedTuple):
    """What came of a check: `wrong` is empty if all was right; `figures` is for people."""

    check: Check
    wrong: str
    figures: str
    took_s: float


CHECKS: list[Check] = []


def check(name: str, alone: bool = False
          ) -> Callable[[Callable[[Chromium], str | None]], Callable[[Chromium], str | None]]:
    """Decorator: enters a function into the table of checks. It may return a line of figures."""
    def enter(run: Callable[[Chromium], str | None]) -> Callable[[Chromium], str | None]:
        CHECKS.append(Check(name, run, alone))
        return run
    return enter


def attempt(each: Check, chromium: Chromium) -> Result:
    """Runs one check."""
    began = time.monotonic()
    wrong, figures = "", ""
    try:
        figures = each.run(chromium) or ""
    except (AssertionError, BrowserError) as error:
        wrong = f"{error}\n{_where(error)}"
    except Exception:
        wrong = traceback.format_exc()
    return Result(each, wrong, figures, time.monotonic() - began)


def _where(error: BaseException) -> str:
    """The lines of our own files that led to the error."""
    return "\n".join(f"    {frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}: {frame.line}"
                     for frame in traceback.extract_tb(error.__traceback__)
                     if "tests/browser/check_" in frame.filename)
