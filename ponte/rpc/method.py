"""A function as a server serves it: what can be learned of it without a call. Pure.

How many parameters it takes, and of which types; whether its author has marked it @idempotent; and,
once it has raised an exception, which line of its file its author should look at.
"""

from __future__ import annotations

import inspect
import itertools
import os
import traceback
from typing import Any, Callable, NamedTuple

_SIGNATURE_TYPES = {str: "string", int: "int", bool: "boolean", float: "double", list: "array",
                    dict: "struct", bytes: "base64", None: "nil", type(None): "nil"}


class Method(NamedTuple):
    """A function, how many positional parameters it takes, and the file that it is written in.

    >>> def add(a: int, b: int = 0) -> int:
    ...     return a + b
    >>> method = Method.of(add)
    >>> method.usage(), method.takes(3), method.types(), method.is_idempotent
    ('1 to 2', False, [['int', 'int', 'int']], False)
    """

    function: Callable[..., Any]
    min_params: int
    # Infinite for a function with *args.
    max_params: float
    # Empty for a function that is not written in Python.
    file: str

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Method:
        """Raises ValueError for a function that needs a keyword argument."""
        # A decorator that keeps `__wrapped__` may stand in another file than the function.
        code = getattr(inspect.unwrap(function), "__code__", None)
        file = code.co_filename if inspect.iscode(code) else ""
        try:
            parameters = inspect.signature(function).parameters.values()
        except ValueError:
            # Some built-in functions have no signature that Python can read.
            return cls(function, 0, float("inf"), file)
        positional = [p for p in parameters
                      if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters):
            raise ValueError(f"{function.__name__} needs a keyword argument, "
                             "which XML-RPC does not have")
        has_rest = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        return cls(function, sum(p.default is p.empty for p in positional),
                   float("inf") if has_rest else len(positional), file)

    @property
    def is_idempotent(self) -> bool:
        """Whether the function is marked @idempotent."""
        # Exactly True: a stand-in for a remote function may give something for every attribute.
        return getattr(self.function, "idempotent", False) is True

    def takes(self, count: int) -> bool:
        """Whether the function can be called with so many parameters."""
        return self.min_params <= count <= self.max_params

    def usage(self) -> str:
        """How many parameters it takes, in words: "2", "1 to 3", "1 or more"."""
        if self.max_params == self.min_params:
            return str(self.min_params)
        if self.max_params == float("inf"):
            return f"{self.min_params} or more"
        return f"{self.min_params} to {self.max_params}"

    def place_of(self, error: BaseException) -> str:
        """Which line of the function's file raised `error`, as in " (shop.py, line 12)".

        The error may come from a library that the function called. Its author then looks for the
        last line in the author's own file. An empty text where no line of Python was run.
        """
        # The first frame is the one of the dispatcher.
        places = [(frame.f_code.co_filename, line)
                  for frame, line in traceback.walk_tb(error.__traceback__)][1:]
        places = [place for place in places if place[0] == self.file] or places
        if not places:
            return ""
        path, line = places[-1]
        return f" ({os.path.basename(path)}, line {line})"

    def types(self) -> list[list[str]] | None:
        """[[result, parameter, ...]] in XML-RPC's words.

        None where an annotation is missing, or is a type that XML-RPC does not have.
        """
        try:
            signature = inspect.signature(self.function)
        except ValueError:
            return None
        annotations = itertools.chain([signature.return_annotation],
                                      (p.annotation for p in signature.parameters.values()))
        by_name = {getattr(kind, "__name__", "None"): word
                   for kind, word in _SIGNATURE_TYPES.items()}
        words = [by_name.get(a if isinstance(a, str) else getattr(a, "__name__", str(a)))
                 for a in annotations]
        known = [word for word in words if word is not None]
        return [known] if len(known) == len(words) else None
