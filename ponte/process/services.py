"""A services file: a Python file of plain functions, loaded by its path.

It may import its neighbours, the files beside it. But a name can be taken: `import client` means
Ponte's client, also where a client.py of the user stands beside the file; and `import queue` means
the standard library's. A file that wants something else under such a name is refused in one line,
before it runs: it would fail in its import, or worse, in a call.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Iterator
from typing import Any, Callable

from ponte.process.options import UsageError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def load_functions(path: str) -> dict[str, Callable[..., Any]]:
    """The public functions that a services file defines, by name.

    Raises UsageError with one line: there is no such file; it is not a Python file; it, or a
    neighbour that it imports, wants something from a neighbour whose name is taken; it cannot be
    imported; it has no public function.
    """
    name = os.path.splitext(os.path.basename(path))[0]
    if not os.path.isfile(path):
        raise UsageError(f"{path}: no such file; "
                         "give a file of plain functions, such as services/greeter.py")
    spec = importlib.util.spec_from_file_location(f"service_{name}", path)
    if spec is None or spec.loader is None or not name.isidentifier():
        raise UsageError(f"{path}: a services file is a Python file, named like its service with "
                         "letters, digits and _, such as greeter.py")
    # At the end of the path: a neighbour takes no name away from Ponte or the standard library.
    sys.path.append(os.path.dirname(os.path.abspath(path)))
    _refuse_clashes(path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        text = " ".join(str(error).split())
        raise UsageError(f"{path} cannot be imported: {type(error).__name__}: {text}"
                         f"{_place(error)}") from None
    functions: dict[str, Callable[..., Any]] = {
        name: value for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
        and not name.startswith("_")}
    if not functions:
        raise UsageError(f"{path} has no public function: "
                         "define one whose name does not begin with _")
    return functions


def _place(error: BaseException) -> str:
    """Where the user's own code raised it, as " (shop.py, line 3)"; "" if its text says so."""
    if isinstance(error, SyntaxError):
        return ""
    not_the_users = ("<", os.path.dirname(os.__file__), os.path.abspath(__file__))
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if not frame.filename.startswith(not_the_users)]
    return f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""


def _refuse_clashes(path: str) -> None:
    """Raises UsageError if the file wants something from a neighbour whose name is taken."""
    folder = os.path.dirname(path)
    checked, files = set(), [path]
    while files:
        file = files.pop()
        checked.add(file)
        for name, wanted in _wanted(file).items():
            neighbour = _file_in(folder, name)
            if neighbour is None:
                continue
            taken_by = _file_of_module(name)
            if taken_by == os.path.realpath(neighbour):
                # Python takes the neighbour: what that one imports counts, too.
                files += [] if neighbour in checked else [neighbour]
            elif not all(_offers(name, each) for each in wanted):
                owner = "Ponte" if taken_by.startswith(ROOT + os.sep) else "Python"
                raise UsageError(f"{file} imports {name} and means {neighbour}, but that name is "
                                 f"taken by {owner}: rename {neighbour}")


def _wanted(file: str) -> dict[str, set[str]]:
    """What a file certainly wants from the modules that it imports: {"client": {"Client"}}.

    That is `Client` in `from client import Client`, and in `import client` and `client.Client`.
    Nothing inside a `try` counts, since the file may get along without it. Nothing for a file that
    is not Python: to run it gives a better error.
    """
    try:
        with open(file, "rb") as source:
            nodes = list(_certain(ast.parse(source.read(), file)))
    except (OSError, ValueError, SyntaxError):
        return {}
    wanted: dict[str, set[str]] = {}
    # The name that stands for a module in the file -> the module.
    modules: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top, _, below = alias.name.partition(".")
                wanted.setdefault(top, set()).update(below.split(".")[:1] if below else ())
                if alias.asname is None or not below:
                    modules[alias.asname or top] = top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            top, _, below = node.module.partition(".")
            names = [below.split(".")[0]] if below else [alias.name for alias in node.names]
            wanted.setdefault(top, set()).update(names)
    # A name that is also a parameter or a variable need not stand for the module.
    for node in nodes:
        if isinstance(node, ast.arg):
            modules.pop(node.arg, None)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            modules.pop(node.id, None)
    for node in nodes:
        if (isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
                and isinstance(node.value, ast.Name) and node.value.id in modules):
            wanted[modules[node.value.id]].add(node.attr)
    return wanted


def _certain(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below one, but for what stands in a `try` or under an `if`."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.Try, ast.If, ast.IfExp)):
            yield child
            yield from _certain(child)


def _file_in(folder: str, name: str) -> str | None:
    """The file in `folder` that a module of this name would be, if there were no other."""
    for file in (os.path.join(folder, f"{name}.py"), os.path.join(folder, name, "__init__.py")):
        if os.path.isfile(file):
            return file
    return None


def _file_of_module(name: str) -> str:
    """The file of the module that Python takes for a name; "" for one that is built in."""
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None) or importlib.util.find_spec(name)
    return os.path.realpath(spec.origin) if spec and spec.has_location and spec.origin else ""


def _offers(name: str, wanted: str) -> bool:
    """Whether the module that Python takes for a name has what is wanted from it."""
    module = importlib.import_module(name)
    if hasattr(module, wanted):
        return True
    return hasattr(module, "__path__") and importlib.util.find_spec(f"{name}.{wanted}") is not None
