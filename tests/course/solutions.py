"""Solutions in texts, and what the checks of a lesson say of them."""

from __future__ import annotations

import string
from collections.abc import Mapping
from types import ModuleType

from course.explore import Wrong
from course.rung import Rung


def fields(text: str) -> set[str]:
    """The names of the fields in a text."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def module_of(text: str) -> ModuleType:
    module = ModuleType("solution")
    exec(text, module.__dict__)
    return module


def failure(checks: Mapping[str, Rung], solution: ModuleType) -> tuple[str, Wrong | None]:
    """The first check that a solution fails, and how; ("", None) if it passes all."""
    for name, check in checks.items():
        found = check.run(solution)
        if found.wrong is not None:
            return name, found.wrong
    return "", None


def verdict(checks: Mapping[str, Rung], solution: ModuleType) -> tuple[str, str]:
    """The first check that a solution fails, and the key of its message; ("", "") if none."""
    name, wrong = failure(checks, solution)
    return name, wrong.key if wrong else ""
