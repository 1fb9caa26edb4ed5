"""The types of a function in XML-RPC's words, for system.methodSignature.

    def pay(account: str, cents: int = 100) -> bool

gives [["boolean", "string"], ["boolean", "string", "int"]]: a signature for each number of
parameters, the result first. Of a function with *args, the first MAX_REST further parameters are
listed; it takes more.

The types are read from the annotations, also from those of `typing`, and from those that are texts
because of `from __future__ import annotations`. XML-RPC has one word for lists of all kinds, and
one for dictionaries. It has no word for "this or that": only None may stand beside a type, since
<nil/> takes the place of a value of any type.

    >>> from typing import List, Optional
    >>> def total(prices: List[int], rate: Optional[float] = None) -> float: ...
    >>> signatures(total)
    [['double', 'array'], ['double', 'array', 'double']]
"""

from __future__ import annotations

import ast
import collections.abc
import inspect
import types
import typing
import xmlrpc.client
from datetime import datetime
from typing import Annotated, Any, Callable, Literal, TypeVar, Union

from ponte.rpc.layers import MAX_LAYERS, layers

# How many parameters of *args are listed.
MAX_REST = 8

_WORDS: dict[Any, str] = {
    None: "nil", type(None): "nil", bool: "boolean", int: "int", float: "double", str: "string",
    bytes: "base64", bytearray: "base64", xmlrpc.client.Binary: "base64",
    datetime: "dateTime.iso8601", xmlrpc.client.DateTime: "dateTime.iso8601",
    **dict.fromkeys((list, tuple, collections.abc.Sequence, collections.abc.MutableSequence,
                     collections.abc.Collection, collections.abc.Iterable), "array"),
    **dict.fromkeys((dict, collections.abc.Mapping, collections.abc.MutableMapping), "struct")}
# `int | None` is one of the second type, from Python 3.10 on.
_UNIONS = (Union, getattr(types, "UnionType", Union))


def signatures(function: Callable[..., Any]) -> list[list[str]] | None:
    """[[result, parameter, ...], ...] in XML-RPC's words: one for each number of parameters.

    None where an annotation is missing, or is a type for which XML-RPC has no word.
    """
    try:
        signature = signature_of(function)
    except (ValueError, TypeError, NameError):
        return None
    names = _names_of(function)
    words = [_word(signature.return_annotation, names)]
    least = 1
    for parameter in signature.parameters.values():
        # A call of XML-RPC cannot name a parameter.
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            continue
        word = _word(parameter.annotation, names)
        if parameter.kind is parameter.VAR_POSITIONAL:
            words += [word] * MAX_REST
            continue
        words.append(word)
        if parameter.default is parameter.empty:
            least = len(words)
    known = [word for word in words if word is not None]
    if len(known) < len(words):
        return None
    return [known[:length] for length in range(least, len(known) + 1)]


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """How `function` can be called. Raises what inspect.signature raises.

    A decorator that names its parameters is believed: it may call the function inside with others,
    such as one that it adds. One with *args takes what the next layer takes.

    >>> import functools
    >>> def add_rate(function):
    ...     @functools.wraps(function)
    ...     def inner(cents): return function(19, cents)
    ...     return inner
    >>> print(signature_of(add_rate(lambda rate, cents: cents)))
    (cents)
    """
    layer = function
    for _ in range(MAX_LAYERS):
        try:
            own = inspect.signature(layer, follow_wrapped=False)
        except (ValueError, TypeError):
            # Some built-in decorators have none, such as lru_cache.
            own = None
        if own and not any(p.kind is p.VAR_POSITIONAL for p in own.parameters.values()):
            return own
        names = {} if inspect.ismethod(layer) else getattr(layer, "__dict__", {})
        # Python believes an explicit signature, and a method shows the names of its function.
        if "__signature__" in names or not callable(names.get("__wrapped__")):
            break
        layer = names["__wrapped__"]
    return inspect.signature(layer)


def _names_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The names that are known where the function is written: annotations may be texts."""
    found = [names for names in (getattr(layer, "__globals__", None) for layer in layers(function))
             if isinstance(names, dict)]
    return found[-1] if found else {}


def _word(annotation: Any, names: dict[str, Any]) -> str | None:
    """XML-RPC's word for an annotation; None where it has none."""
    annotation = _resolved(annotation, names)
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _word(inside[0], names)
    if origin in _UNIONS:
        return _one_of([_word(one, names) for one in inside])
    if origin is Literal:
        return _one_of([_WORDS.get(type(one)) for one in inside])
    if isinstance(annotation, TypeVar):
        bounds = annotation.__constraints__ or (annotation.__bound__ or Any,)
        return _one_of([_word(one, names) for one in bounds])
    # A TypedDict is a class with this attribute.
    if isinstance(annotation, type) and hasattr(annotation, "__total__"):
        return "struct"
    kind = origin or annotation
    # An annotation may be any value, also one that is no key.
    return _WORDS.get(kind) if isinstance(kind, (type, type(None))) else None


def _resolved(annotation: Any, names: dict[str, Any]) -> Any:
    """The type that an annotation stands for; Any where it cannot be found."""
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    # A text may be quoted once more.
    for _ in range(2):
        if isinstance(annotation, str):
            try:
                annotation = _evaluated(annotation, names)
            except Exception:
                # It may name what only a type checker imports.
                return Any
    # A NewType, and a `type` statement of Python 3.12.
    for attribute in ("__supertype__", "__value__"):
        annotation = getattr(annotation, attribute, annotation)
    return annotation


def _one_of(words: list[str | None]) -> str | None:
    """The word that all of these have in common, beside "nil"."""
    different = set(words) - {"nil"} or {"nil"}
    return different.pop() if len(different) == 1 else None


def _evaluated(text: str, names: dict[str, Any]) -> Any:
    """The annotation that `text` writes."""
    tree = ast.fix_missing_locations(_Unions().visit(ast.parse(text.strip(), mode="eval")))
    return eval(compile(tree, "<annotation>", "eval"), {**names, _Unions.NAME: Union})


class _Unions(ast.NodeTransformer):
    """Writes X | Y as Union[X, Y], which Python 3.9 can evaluate, too."""

    NAME = "__Union"

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.BitOr):
            return node
        return ast.Subscript(ast.Name(self.NAME, ast.Load()),
                             ast.Tuple([node.left, node.right], ast.Load()), ast.Load())
