"""What belongs to the student: an error of their file, told as theirs."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any


class Theirs(Exception):
    """The student's file cannot be used; the text says why, and `line` where (0: nowhere)."""

    def __init__(self, why: str, line: int = 0) -> None:
        super().__init__(why)
        self.line = line


class _Lacks(Theirs, AttributeError):
    """The student's file has no such name: an AttributeError for `getattr` and `hasattr`."""


class Solution(ModuleType):
    """The student's file as a module. A name that it lacks is the student's error."""

    def __getattr__(self, name: str) -> Any:
        raise _Lacks(f"the file has no {name}")


def must_have(owner: Any, name: str, *params: str) -> Any:
    """The function or class `name` of a student's module or object, which takes these parameters.

    Raises Theirs.
    """
    who = f"class {type(owner).__name__}" if not inspect.ismodule(owner) else "the file"
    found = getattr(owner, name, None)
    if not callable(found):
        raise Theirs(f"{who} has no {name}({', '.join(params)})")
    try:
        inspect.signature(found).bind(*params)
    except (TypeError, ValueError):
        wanted = f"{len(params)} parameters: {', '.join(params)}" if params else \
            "no parameters but self"
        raise Theirs(f"{name} must take {wanted}") from None
    return found
