"""What a services file serves: what can be called, is public, and was bound by its author.

    def buy(item): ...              served
    fast = lru_cache(buy)           served: the author has given it a name in this file
    deposit = account.deposit       served, too
    from math import sqrt           not served: the file only uses it
    class Account: ...              not served: a caller cannot have an object

Python does not note who has given a name to an object: so the text of the file is read. Where the
file has `__all__`, that decides instead, except for what cannot be served at all.
"""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Iterator
from typing import Any, Callable, NamedTuple

from ponte.rpc.raised import is_pontes

# In these, a name is not one of the file. In all other blocks, such as `if` and `try`, it is.
_OTHER_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.ListComp,
                 ast.SetComp, ast.DictComp, ast.GeneratorExp)
# Left out without a word.
_NOT_A_WORD = "known"


class Bound(NamedTuple):
    """The names of a file, by who has given them. `star`: others may come from `import *`."""

    by_author: frozenset[str]
    by_import: frozenset[str]
    star: bool


class Served(NamedTuple):
    """The functions by name, and for each name that is left out: why."""

    functions: dict[str, Callable[..., Any]]
    left_out: dict[str, str]


def bound_in(source: str | bytes) -> Bound:
    """The names that the text of a file binds. Raises SyntaxError or ValueError for a broken text.

    >>> bound_in("from math import sqrt; root = sqrt; f = lambda x: x").by_author == {"root", "f"}
    True
    """
    own: set[str] = set()
    imported: set[str] = set()
    star = False
    for node in _nodes(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.asname or alias.name.partition(".")[0] for alias in node.names]
            star = star or "*" in names
            imported.update(names)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            own.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            own.add(node.id)
    return Bound(frozenset(own), frozenset(imported - own), star)


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All that is below a node, and not inside of a function or a class."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, _OTHER_SCOPES):
            yield from _nodes(child)


def served_of(module: types.ModuleType, bound: Bound) -> Served:
    """What is served of a module, whose text binds these names.

    Raises ValueError where its `__all__` is no list of names, or has one that is not there.
    """
    named = _named_in_all(module)
    functions: dict[str, Callable[..., Any]] = {}
    left_out: dict[str, str] = {}
    for name, value in list(vars(module).items()):
        if named is None:
            if name.startswith("_") or not callable(value):
                continue
            why_not = _why_imported(name, value, module, bound) or _why_no_function(value)
        elif name in named:
            why_not = "private" if name.startswith("_") else _why_no_function(value)
        else:
            continue
        if not why_not:
            functions[name] = value
        elif why_not != _NOT_A_WORD:
            left_out[name] = why_not
    return Served(functions, left_out)


def _named_in_all(module: types.ModuleType) -> list[str] | None:
    """The names in the `__all__` of a file; None where it has none."""
    # Not by `getattr`: a module may have a `__getattr__` of its own.
    named = vars(module).get("__all__")
    if named is None:
        return None
    if not isinstance(named, (list, tuple)) or not all(isinstance(name, str) for name in named):
        raise ValueError('__all__ is a list of names, such as ["buy", "sell"]')
    for name in named:
        if name not in vars(module):
            raise ValueError(f"__all__ names {name}, which is not in the file")
    return [*named]


def _why_no_function(value: Any) -> str:
    """Why nobody could call it; "" for what is served."""
    if not callable(value):
        return "not a function"
    # `list[int]`, a NewType, and their like. (Python 3.9 makes a function of a NewType.)
    if isinstance(value, types.GenericAlias) or type(value).__module__ == "typing" \
            or hasattr(value, "__supertype__"):
        return "a type"
    return "a class" if isinstance(value, type) else ""


def _why_imported(name: str, value: Any, module: types.ModuleType, bound: Bound) -> str:
    """Why a name counts as one that the file only uses; "" where its author has bound it."""
    owner = getattr(value, "__module__", None)
    # A name that is nowhere in the text was bound by its code, or came with `import *`.
    is_imported = name in bound.by_import or \
        (bound.star and name not in bound.by_author and owner != module.__name__)
    if not is_imported:
        return ""
    # Nobody expects that the tools of Ponte are served, or somebody else's class.
    file = getattr(sys.modules.get(owner), "__file__", None) if isinstance(owner, str) else None
    is_known = is_pontes(file or "") or owner == "typing" or isinstance(value, type)
    return _NOT_A_WORD if is_known else "imported"
