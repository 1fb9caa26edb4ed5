"""A services file: a Python file of functions, loaded by its path.

It is imported under its own name: shop.py is the module `shop`. A process that `multiprocessing`
starts anew imports it by that name, when it looks for a function of it. Where the name is taken,
such as that of a file queue.py, the module is called service_queue, and no other process can import
it.

It may import its neighbours, the files beside it. But a name can be taken: `from client import x`
means Ponte's client, also where a client.py of the user stands beside the file; and
`from queue import x` means the standard library's. The error says so, in one line
(ponte/process/taken_names.py).
"""

from __future__ import annotations

import dis
import importlib.util
import linecache
import logging
import os
import sys
import traceback
import types
from importlib.machinery import ModuleSpec
from typing import Any, Callable

from ponte.process import own_files
from ponte.process.options import UsageError
from ponte.process.served_names import Bound, bound_in, served_of
from ponte.process.taken_names import clash_in, clash_of
from ponte.rpc.method import Method
from ponte.rpc.raised import describe, is_users, one_line

log = logging.getLogger("ponte.process")


def load_functions(path: str) -> dict[str, Callable[..., Any]]:
    """The public functions that a services file defines, by name.

    Logs one line of what else can be called in the file, and why it is not served. Raises
    UsageError with one line: there is no such file; it is not a Python file; it cannot be imported;
    it has no public function; or one that cannot be served, such as an async function.
    """
    # 1. Is it a Python file? Does each of its imports get the module that it means?
    service = os.path.splitext(os.path.basename(path))[0]
    if not own_files.is_file(path):
        raise UsageError(f"{path}: no such file; "
                         "give a file of plain functions, such as services/greeter.py")
    if not path.endswith(".py") or not service.isidentifier():
        raise UsageError(f"{path}: a services file is a Python file, named like its service with "
                         "letters, digits and _, such as greeter.py")
    clash = clash_in(path)
    if clash:
        raise UsageError(clash)
    # 2. Run it.
    module = _module_for(path, service)
    try:
        _run(module)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and not _was_raised_by_user(error):
            raise
        raise UsageError(_why_not_imported(error, path)) from None
    # 3. Which of its names are served?
    try:
        served = served_of(module, _bound_in(path))
        for name, function in served.functions.items():
            Method.of(function, name)
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    left_out = ", ".join(f"{name} ({why})" for name, why in served.left_out.items())
    if not served.functions:
        raise UsageError(f"{path} has no public function: "
                         "define one whose name does not begin with _"
                         + (f"; not served: {left_out}" if left_out else ""))
    if left_out:
        log.info("%s: not served: %s", service, left_out)
    return served.functions


def _module_for(path: str, service: str) -> types.ModuleType:
    """The module of a services file, which others can import, and which has not run yet."""
    folder = os.path.dirname(os.path.abspath(path))
    # At the end of the path: a neighbour takes no name away from Ponte or the standard library.
    if folder not in sys.path:
        sys.path.append(folder)
    if own_files.is_archived(path):
        return _archived_module(path, service)
    name = service if _is_free(service, path) else f"service_{service}"
    spec = importlib.util.spec_from_file_location(name, os.path.abspath(path))
    assert spec
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    return module


def _archived_module(path: str, service: str) -> types.ModuleType:
    """The module of one of Ponte's own services, where Ponte runs from an archive."""
    # Its folder is on the path, and no other module of Ponte has the name of a service.
    spec = importlib.util.find_spec(service)
    assert spec
    module = sys.modules[service] = importlib.util.module_from_spec(spec)
    # Tracebacks find its lines there.
    linecache.lazycache(os.path.abspath(path), vars(module))
    return module


def _run(module: types.ModuleType) -> None:
    """Runs the body of a module. May raise anything."""
    loader: Any = module.__spec__ and module.__spec__.loader
    if hasattr(loader, "exec_module"):
        loader.exec_module(module)
    else:
        # The loader of an archive, before Python 3.10.
        exec(loader.get_code(module.__name__), vars(module))


def _is_free(name: str, path: str) -> bool:
    """Whether `import NAME` would import this file, here and in another process."""
    found: ModuleSpec | None = getattr(sys.modules.get(name), "__spec__", None)
    try:
        # The file may have been written a moment ago.
        importlib.invalidate_caches()
        found = found or importlib.util.find_spec(name)
    except (ImportError, ValueError):
        # A module that was made by hand, such as __main__.
        return False
    file = found.origin if found else None
    return file is not None and os.path.isfile(file) and os.path.samefile(file, path)


def _bound_in(path: str) -> Bound:
    return bound_in(own_files.read(path))


# ---- a file that cannot be imported --------------------------------------------------------------

def _why_not_imported(error: BaseException, path: str) -> str:
    """One line for the user, with the user's own line of code."""
    clash = clash_of(error, _users_frame(error).filename, os.path.dirname(path))
    if clash:
        return clash
    text = " ".join(describe(error).split())
    if not isinstance(error, Exception):
        text += ": the file ends the program"
    return one_line(f"{path} cannot be imported: {text}{_place(error)}")


def _users_frame(error: BaseException) -> traceback.FrameSummary:
    """The last place in the user's own files that an error has passed."""
    frames = traceback.extract_tb(error.__traceback__)
    return ([frame for frame in frames if is_users(frame.filename)] or frames)[-1]


def _place(error: BaseException) -> str:
    """Where the user's own code raised it, as " (shop.py, line 3)"; "" if its text says so."""
    # Not one in a text that the file has given to `eval`.
    if isinstance(error, SyntaxError) and error.lineno and os.path.isfile(error.filename or ""):
        return ""
    frame = _users_frame(error)
    # A file that Python could not even read has no line.
    return f" ({os.path.basename(frame.filename)}, line {frame.lineno})" \
        if is_users(frame.filename) else ""


def _was_raised_by_user(error: BaseException) -> bool:
    """Whether a file of the user says `raise KeyboardInterrupt`. If not, it was Ctrl-C."""
    last = error.__traceback__
    while last and last.tb_next:
        last = last.tb_next
    if last is None or not is_users(last.tb_frame.f_code.co_filename):
        return False
    return dis.opname[last.tb_frame.f_code.co_code[last.tb_lasti]] == "RAISE_VARARGS"
