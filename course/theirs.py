"""What belongs to the student: an error of their file, told as theirs."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Callable


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


class Asked:
    """Asks the student's file in the middle of Ponte, and keeps the first error that comes.

    The problem: a server makes an answer of an error, or is silent, and what is seen of that is no
    error of the student's. Any thread may ask.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None

    def ask(self, function: Callable[..., Any], *params: Any) -> Any:
        """What the student's function returns. Raises what it raises."""
        try:
            return function(*params)
        except Exception as error:
            self.error = self.error or error
            raise

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Raises the first error, whatever has come of it."""
        try:
            yield
        finally:
            if self.error:
                raise self.error


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
