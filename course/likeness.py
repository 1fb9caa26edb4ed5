"""Which solutions have the same code, and which use what no solution needs.

    python3 -m course.likeness FILE...

It prints a line of JSON for each file, and runs none of them. Comments, docstrings and white space
do not count. `code` is equal where the rest is the same; `shape` also where only names differ:
each name is replaced by the number of its first use, but for those of Python itself, since
`max` and `min` are not the same code.

A short exercise has few solutions: two honest ones may be equal. It is a question to two people,
and no verdict.

It is a program of its own because Python's parser may end the process on a hostile file: "it is
possible to crash the Python interpreter with a sufficiently large/complex string" (the library
reference on `ast.parse`).
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from ponte.process.characters import write_any

# Names that mean the same in every file: a solution cannot choose them.
OF_PYTHON = frozenset(name for owner in (builtins, object, str, bytes, list, dict, set, tuple)
                      for name in dir(owner))
# What a solution may well import. All else, such as `os`, is told to the teacher.
HARMLESS = frozenset((
    "__future__", "abc", "bisect", "collections", "contextlib", "copy", "dataclasses", "datetime",
    "decimal", "enum", "functools", "hashlib", "heapq", "itertools", "json", "math", "operator",
    "random", "re", "statistics", "string", "struct", "time", "types", "typing", "xmlrpc"))
# Ways out of the file that need no import.
UNUSUAL = frozenset(("__builtins__", "__import__", "breakpoint", "compile", "delattr", "eval",
                     "exec", "exit", "globals", "input", "locals", "open", "quit", "setattr",
                     "vars"))
# Names behind a dot that lead out, too: a module has the modules that it imports, and a frame all
# that runs. No list of these is whole.
_WAYS_OUT = re.compile("__(?!init|name).*__|_?(builtins|os|sys)|_getframe|"
                       "(ag|cr|f|gi|tb)_(back|builtins|frame|globals|locals)")


class Print(NamedTuple):
    """The print of a file. `code` and `shape` are empty where it is no Python."""

    code: str
    shape: str
    unusual: list[str]


def print_of(source: bytes) -> Print:
    """The print of a file's source."""
    try:
        tree = ast.parse(source)
        _drop_docstrings(tree)
        code = _digest(tree)
        unusual = sorted(set(_unusual(tree)))
        _number_names(tree)
        return Print(code, _digest(tree), unusual)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Print("", "", [])


def _digest(tree: ast.AST) -> str:
    return hashlib.sha256(ast.dump(tree).encode("utf-8", "replace")).hexdigest()[:16]


def _drop_docstrings(tree: ast.AST) -> None:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = [each for each in node.body if not _is_text(each)] or [ast.Pass()]


def _is_text(node: ast.AST) -> bool:
    return (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str))


def _number_names(tree: ast.AST) -> None:
    """Replaces each name by the number of its first use."""
    numbers: dict[str, str] = {}
    def numbered(name: str) -> str:
        return name if name in OF_PYTHON else numbers.setdefault(name, f"name {len(numbers)}")

    for node in ast.walk(tree):
        for field, value in list(ast.iter_fields(node)):
            if field in ("id", "name", "attr", "arg", "asname") and isinstance(value, str):
                setattr(node, field, numbered(value))
            elif field == "names" and isinstance(node, (ast.Global, ast.Nonlocal)):
                node.names = [numbered(name) for name in node.names]


def _unusual(tree: ast.AST) -> Iterator[str]:
    """What leads out of the file, or changes a module of Python."""
    of_others = {(alias.asname or alias.name).partition(".")[0] for node in ast.walk(tree)
                 if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names}
    for node in ast.walk(tree):
        imported: list[str] = []
        if isinstance(node, ast.Import):
            imported = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imported = [node.module or "."]
            yield from (alias.name for alias in node.names if _WAYS_OUT.fullmatch(alias.name))
        yield from (name[:40] for name in imported if name.partition(".")[0] not in HARMLESS)
        if isinstance(node, ast.Name) and node.id in UNUSUAL:
            yield node.id
        if isinstance(node, ast.Attribute):
            if _WAYS_OUT.fullmatch(node.attr):
                yield node.attr[:40]
            elif _root(node) in of_others and not isinstance(node.ctx, ast.Load):
                yield f"{ast.unparse(node)} ="[:40]


def _root(node: ast.expr) -> str:
    """The name at the beginning of a.b.c; "" where there is another thing."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def main(arguments: list[str]) -> int:
    for path in arguments:
        with open(path, "rb") as file:
            found: Any = print_of(file.read())._asdict()
        print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    sys.exit(main(sys.argv[1:]))
