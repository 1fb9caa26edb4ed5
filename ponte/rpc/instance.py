"""The public methods of an object, for `Server.register_instance`.

Only methods that the object's class defines, and functions that stand in the object itself. Nothing
is computed: a property may do anything when it is read, so it is not read. And names with dots are
not looked up in the object: "a.b.c" would open more than its author has in mind.
"""

from __future__ import annotations

import inspect
from typing import Any, Callable

from ponte.rpc.method import Method


def methods_of(instance: object) -> dict[str, Callable[..., Any]]:
    """The public methods of an object by their names.

    Raises ValueError where there is none; for a class, a module, and an object that wants to
    dispatch its calls by itself; and for methods that cannot be served.

    >>> sorted(methods_of([1]))[:3]
    ['append', 'clear', 'copy']
    """
    kind = type(instance).__name__
    if inspect.isclass(instance):
        raise ValueError(f"{instance.__name__} is a class: register an object, as in "
                         f"{instance.__name__}(...)")
    if inspect.ismodule(instance):
        raise ValueError(f"{instance.__name__} is a module: register its functions one by one, "
                         "not all that it imports")
    if callable(getattr(instance, "_dispatch", None)):
        raise ValueError(f"{kind} has _dispatch, which is not called here: "
                         "register its functions by name")
    methods = {name: getattr(instance, name) for name in dir(instance)
               if not name.startswith("_") and _is_method(instance, name)}
    if not methods:
        raise ValueError(f"{kind} has no public method: define one whose name does not begin "
                         "with _")
    # All of them or none.
    for name, method in methods.items():
        Method.of(method, f"{kind}.{name}")
    return methods


def _is_method(instance: object, name: str) -> bool:
    # Found without a look at the value: that may be a property, which does something.
    found = inspect.getattr_static(instance, name, None)
    return not inspect.isclass(found) and \
        (callable(found) or isinstance(found, (staticmethod, classmethod)))
