"""Neighbours of a services file that cannot be imported: their name is taken.

Names are taken by Ponte, whose modules are in memory already, and by the standard library. Without
a check, `import client` gives Ponte's client, also where the file means the client.py beside it.
Then nothing fails until a call needs a function of it.

So the text of the file is read before it runs. `from client import Client` means Ponte's, which has
a `Client`. Any other import of a name that Ponte has, and that a neighbour has too, is refused. For
the standard library nothing is refused: `import queue` nearly always means Python's. There, the
clash is told when an import fails.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import sys
from collections.abc import Iterator
from typing import NamedTuple

from ponte.process import own_files
from ponte.rpc.raised import HOUSE, is_pontes

_NO_ATTRIBUTE = re.compile(r"module '(\w+)' has no attribute")
# The functions that import by a text.
_IMPORTERS = ("import_module", "__import__")


class Import(NamedTuple):
    """One import: the module, and the names that are taken from it; () where it is used whole."""

    module: str
    names: tuple[str, ...]


def clash_in(path: str) -> str:
    """The first import of a name of Ponte that means a neighbour, in a file or its neighbours.

    Returns the line for the user, or "".
    """
    folder = os.path.dirname(path)
    waiting, seen = [path], {path}
    while waiting:
        file = waiting.pop(0)
        for one in _imports(file, folder):
            top = one.module.partition(".")[0]
            neighbour = neighbour_of(folder, top)
            if neighbour is None:
                continue
            if not _is_taken_by_ponte(top, neighbour):
                new = [file for file in _files_of(folder, one) if file not in seen]
                seen.update(new)
                waiting += new
            elif not _means_pontes(one):
                return _line(file, top, neighbour, "Ponte")
    return ""


def clash_of(error: BaseException, file: str, folder: str) -> str:
    """The clash of two modules' names that made an import fail in `file`; "" if there is none.

    The name of the module is in the error: `from queue import x`, where queue has no x, is an
    ImportError; so is `import queue.x`; and `queue.x` is an AttributeError.
    """
    name = ""
    if isinstance(error, ImportError):
        name = (error.name or "").partition(".")[0]
    elif isinstance(error, AttributeError):
        without = _NO_ATTRIBUTE.match(str(error))
        name = without[1] if without else ""
    neighbour, taken = neighbour_of(folder, name), sys.modules.get(name)
    if neighbour is None or taken is None:
        return ""
    taken_by = os.path.realpath(getattr(taken, "__file__", None) or "")
    if taken_by in (os.path.realpath(neighbour),
                    os.path.realpath(os.path.join(neighbour, "__init__.py"))):
        return ""
    owner = "Ponte" if taken_by.startswith(os.path.realpath(HOUSE) + os.sep) else "Python"
    # The path as the user has typed it, where it is below the folder of the services file.
    above = os.path.abspath(folder) + os.sep
    if file.startswith(above):
        file = os.path.join(folder, file[len(above):])
    return _line(file, name, neighbour, owner)


def _line(file: str, name: str, neighbour: str, owner: str) -> str:
    """What the user reads of a clash."""
    return (f"{file} imports {name} and means {neighbour}, but that name is taken by {owner}: "
            f"rename {neighbour}")


def neighbour_of(folder: str, name: str) -> str | None:
    """The file or the folder, in `folder`, that a module of this name would be."""
    file = os.path.join(folder, f"{name}.py")
    if not name or os.path.isfile(file):
        return file if name else None
    # A package does without an __init__.py.
    package = os.path.join(folder, name)
    has_code = os.path.isdir(package) and any(n.endswith(".py") for n in os.listdir(package))
    return package if has_code else None


def _is_taken_by_ponte(name: str, neighbour: str) -> bool:
    """Whether Ponte has a module of this name, and it is another one than the neighbour."""
    if own_files.IN_ARCHIVE:
        # No neighbour of a user's file is in there.
        return any(map(own_files.is_file, (own_files.own_file(f"{name}.py"),
                                           own_files.own_file(name, "__init__.py"))))
    package = os.path.join(HOUSE, name)
    if os.path.isfile(f"{package}.py"):
        return not os.path.samefile(f"{package}.py", neighbour)
    return os.path.isfile(os.path.join(package, "__init__.py")) \
        and not os.path.samefile(package, neighbour)


def _means_pontes(one: Import) -> bool:
    """Whether an import takes names that Ponte's module has, all of them."""
    try:
        module = importlib.import_module(one.module)
        for name in one.names:
            if name != "*" and not hasattr(module, name):
                importlib.import_module(f"{one.module}.{name}")
    except ImportError:
        return False
    return bool(one.names)


def _imports(file: str, folder: str) -> Iterator[Import]:
    """The imports in a file, also those inside of its functions. Nothing for a broken file."""
    try:
        with open(file, "rb") as source:
            tree = ast.parse(source.read())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        # The import of it will say what is wrong.
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                # `from . import prices`, in a package of the user.
                above = os.path.join(os.path.dirname(file), *[os.pardir] * (node.level - 1))
                package = os.path.relpath(above, folder or os.curdir).replace(os.sep, ".")
                module = f"{package}.{module}".rstrip(".")
            yield Import(module, tuple(alias.name for alias in node.names))
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
            if called in _IMPORTERS and isinstance(node.args[0].value, str):
                yield Import(node.args[0].value, ())


def _files_of(folder: str, one: Import) -> list[str]:
    """The files of the user that an import runs: those of its packages, and those it names."""
    parts = one.module.split(".")
    paths = [os.path.join(folder, *parts[:count + 1]) for count in range(len(parts))]
    paths += [os.path.join(paths[-1], name) for name in one.names]
    files = [file for path in paths for file in (f"{path}.py", os.path.join(path, "__init__.py"))]
    # A user may work in the folder of Ponte.
    return [file for file in files if os.path.isfile(file) and not is_pontes(os.path.abspath(file))]
