"""A services file: a Python file of plain functions, loaded by its path.

It may import its neighbours, the files beside it. But a name can be taken: `from client import x`
means Ponte's client, also where a client.py of the user stands beside the file; and
`from queue import x` means the standard library's. If the import fails because of that, the error
says so, in one line.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import sys
import traceback
from typing import Any, Callable

from ponte.process.options import UsageError

_NO_ATTRIBUTE = re.compile(r"module '(\w+)' has no attribute")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def load_functions(path: str) -> dict[str, Callable[..., Any]]:
    """The public functions that a services file defines, by name.

    Raises UsageError with one line: there is no such file; it is not a Python file; it cannot be
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
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    # At the end of the path: a neighbour takes no name away from Ponte or the standard library.
    sys.path.append(os.path.dirname(os.path.abspath(path)))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        clash = _clash(error, os.path.dirname(path))
        if clash:
            raise UsageError(clash) from None
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


def _users_frame(error: BaseException) -> traceback.FrameSummary:
    """The last place in the user's own files that an error has passed."""
    not_the_users = ("<", os.path.dirname(os.__file__), os.path.abspath(__file__))
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(not_the_users)]
    return (own or frames)[-1]


def _place(error: BaseException) -> str:
    """Where the user's own code raised it, as " (shop.py, line 3)"; "" if its text says so."""
    if isinstance(error, SyntaxError):
        return ""
    frame = _users_frame(error)
    return f" ({os.path.basename(frame.filename)}, line {frame.lineno})"


def _clash(error: BaseException, folder: str) -> str:
    """The clash of two modules' names that made an import fail; "" if there is none.

    The name of the module is in the error: `from client import x`, where client has no x, is an
    ImportError; so is `import client.x`; and `client.x` is an AttributeError.
    """
    name = ""
    if isinstance(error, ImportError):
        name = (error.name or "").partition(".")[0]
    elif isinstance(error, AttributeError):
        without = _NO_ATTRIBUTE.match(str(error))
        name = without[1] if without else ""
    neighbour, taken = _file_in(folder, name), sys.modules.get(name)
    if neighbour is None or taken is None:
        return ""
    taken_by = os.path.realpath(getattr(taken, "__file__", None) or "")
    if taken_by == os.path.realpath(neighbour):
        return ""
    owner = "Ponte" if taken_by.startswith(ROOT + os.sep) else "Python"
    # The path as the user has typed it, where it is below the folder of the services file.
    file, above = _users_frame(error).filename, os.path.abspath(folder) + os.sep
    if file.startswith(above):
        file = os.path.join(folder, file[len(above):])
    return (f"{file} imports {name} and means {neighbour}, but that name is taken by {owner}: "
            f"rename {neighbour}")


def _file_in(folder: str, name: str) -> str | None:
    """The file in `folder` that a module of this name would be, if there were no other."""
    if not name:
        return None
    for file in (os.path.join(folder, f"{name}.py"), os.path.join(folder, name, "__init__.py")):
        if os.path.isfile(file):
            return file
    return None
