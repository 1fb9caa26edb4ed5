"""A function as a server serves it: what can be learned of it without a call. Pure.

How many parameters it takes, and of which types; whether its author has marked it @idempotent; and
where it is written. Partials, bound methods, objects that can be called, and functions behind
decorators are served like functions (layers.py).
"""

from __future__ import annotations

import inspect
from typing import Any, Callable, NamedTuple

from ponte.rpc.layers import code_of, is_marked, layers, name_of, why_not_plain
from ponte.rpc.signature import signature_of, signatures

# The modules of classes whose text says nothing of a function.
_PYTHONS_OWN = ("builtins", "functools")


class Method(NamedTuple):
    """A function, how many positional parameters it takes, its mark, and the file that it is
    written in.

    >>> def add(a: int, b: int = 0) -> int:
    ...     return a + b
    >>> method = Method.of(add)
    >>> method.usage(), method.takes(3), method.types(), method.is_idempotent
    ('1 to 2', False, [['int', 'int'], ['int', 'int', 'int']], False)
    """

    function: Callable[..., Any]
    min_params: int
    # Infinite for a function with *args.
    max_params: float
    # Whether the function, or a layer of it, is marked @idempotent.
    is_idempotent: bool
    # Empty for a function that is not written in Python.
    file: str

    @classmethod
    def of(cls, function: Callable[..., Any], name: str = "") -> Method:
        """Learns what there is to learn of `function`, which is called `name` in errors.

        Raises ValueError for what cannot be called; for an async function and a generator: a call
        would not run the body; and for a function that needs a keyword argument.
        """
        name = name or name_of(function) or repr(function)
        if not callable(function):
            raise ValueError(f"{name} cannot be called: it is no function")
        why_not = why_not_plain(function)
        if why_not:
            raise ValueError(f"{name} {why_not}")
        code = code_of(function)
        file = code.co_filename if code else ""
        try:
            parameters = signature_of(function).parameters.values()
        except (ValueError, TypeError):
            # Some built-in functions have no signature that Python can read.
            return cls(function, 0, float("inf"), is_marked(function), file)
        positional = [p for p in parameters
                      if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters):
            raise ValueError(f"{name} needs a keyword argument, which XML-RPC does not have")
        has_rest = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        return cls(function, sum(p.default is p.empty for p in positional),
                   float("inf") if has_rest else len(positional), is_marked(function), file)

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

    def help(self) -> str:
        """The documentation of the function; an empty string where it has none."""
        for layer in layers(self.function):
            text = getattr(layer, "__doc__", None)
            # A method without a text has that of the method that it overrides.
            if text is None and inspect.ismethod(layer):
                text = inspect.getdoc(layer)
            # A partial, and an object that can be called, have the text of their class.
            if isinstance(text, str) and text != type(layer).__doc__:
                return inspect.cleandoc(text)
        kind = type(self.function)
        return "" if kind.__module__ in _PYTHONS_OWN else inspect.getdoc(kind) or ""

    def types(self) -> list[list[str]] | None:
        """Its signatures in XML-RPC's words: see signature.py."""
        return signatures(self.function)
