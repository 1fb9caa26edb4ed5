"""A callable, layer by layer: a partial, a bound method, a decorator, and the function in them.

    fast = lru_cache(shop.price)        lru_cache  ->  the bound method  ->  the function `price`

A server must look through these layers. The mark @idempotent may stand on any of them, and so may
the word `async`. Pure: nothing is called here.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import inspect
import types
from collections.abc import Iterable, Iterator
from typing import Any, Callable

# A layer may even be inside of itself. Nobody writes so many.
MAX_LAYERS = 100
# A decorator that uses one of these names runs the async function inside, or collects what the
# generator yields. So it is a plain function. All others are taken to hand on what they get.
RUNNERS = frozenset((
    "run", "run_until_complete", "run_coroutine_threadsafe", "run_sync", "async_to_sync", "result",
    "send", "next", "list", "tuple", "set", "frozenset", "dict", "sorted", "sum", "min", "max",
    "join", "append", "extend", "update", "deque"))
# What is refused: how it is found, what it is called, and what its author can do.
_NOT_PLAIN: tuple[tuple[Callable[[Any], bool], str, str], ...] = (
    (inspect.isasyncgenfunction, "an async generator",
     "serve a plain function that collects its values in a list, with asyncio.run(...)"),
    (inspect.iscoroutinefunction, "an async function",
     "serve a plain function that calls asyncio.run(...) with it"),
    (inspect.isgeneratorfunction, "a generator", "serve a function that returns a list"))
# What comes back from a function whose body has not run.
_UNRUN: dict[type, str] = {
    types.CoroutineType: "a coroutine", types.GeneratorType: "a generator",
    types.AsyncGeneratorType: "an async generator"}
# How to see what is in a value without a method of its class, which may do anything.
_ITEMS: tuple[tuple[type, Callable[[Any], Iterable[Any]]], ...] = (
    (list, list.__iter__), (tuple, tuple.__iter__), (dict, dict.values))


def layers(function: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """`function`, and all that is inside of it, from the outside to the inside."""
    waiting = [function]
    for _ in range(MAX_LAYERS):
        if not waiting:
            return
        layer = waiting.pop(0)
        yield layer
        waiting += _inside(layer)


def _inside(layer: Any) -> Iterator[Callable[..., Any]]:
    """What a layer calls, as far as it says so."""
    if isinstance(layer, functools.partial):
        yield layer.func
    elif isinstance(layer, (types.MethodType, staticmethod, classmethod)):
        yield layer.__func__
    elif not inspect.isclass(layer):
        # An object that can be called has its function in its class.
        call: Any = inspect.getattr_static(type(layer), "__call__", None)
        if inspect.isfunction(call) or hasattr(call, "__wrapped__"):
            yield call
        # Only what is in `__dict__`: a stand-in for a remote function has all other attributes.
        wrapped = getattr(layer, "__dict__", {}).get("__wrapped__")
        if callable(wrapped):
            yield wrapped


def is_marked(function: Callable[..., Any]) -> bool:
    """Whether `function`, or a layer of it, is marked @idempotent."""
    # Exactly True: a stand-in for a remote function may give something for every attribute.
    return any(getattr(layer, "idempotent", False) is True for layer in layers(function))


def name_of(function: Callable[..., Any]) -> str:
    """The name of `function`; "" where it has none, as a partial and a lambda."""
    name = getattr(function, "__name__", "")
    return name if isinstance(name, str) and name != "<lambda>" else ""


def code_of(function: Callable[..., Any]) -> types.CodeType | None:
    """The code of the innermost function; None if that is not written in Python."""
    codes = [getattr(layer, "__code__", None) for layer in layers(function)]
    found = [code for code in codes if isinstance(code, types.CodeType)]
    return found[-1] if found else None


def why_not_plain(function: Callable[..., Any]) -> str:
    """Why a call of `function` would not run its body, and what to do; "" for a plain function.

    >>> async def pay(): pass
    >>> why_not_plain(functools.partial(pay))
    'is an async function: serve a plain function that calls asyncio.run(...) with it'
    """
    for layer in layers(function):
        for is_one, kind, instead in _NOT_PLAIN:
            if is_one(layer):
                return f"is {kind}: {instead}"
        code = getattr(layer, "__code__", None)
        if isinstance(code, types.CodeType) and _runs_the_next_layer(code):
            break
    return ""


def _runs_the_next_layer(code: types.CodeType) -> bool:
    """Whether a decorator with this code may run an async function, or go through a generator."""
    return not RUNNERS.isdisjoint(code.co_names + code.co_freevars) or \
        any(each.opname in ("GET_ITER", "FOR_ITER") for each in dis.get_instructions(code))


def close_unrun(value: Any, depth: int = 3) -> str:
    """Closes a coroutine or a generator that a function has returned.

    Returns what it was, as "a coroutine"; "" for everything else. Looks into `depth` - 1 levels of
    lists and dictionaries, too. Raises nothing, whatever the value is.
    """
    # Not `isinstance`: it asks the value for its __class__, and a value may lie, or raise.
    kind = _UNRUN.get(type(value), "")
    if kind in ("a coroutine", "a generator"):
        # One that has begun may fail in its `finally`: nobody is left who could be told. An async
        # generator that has not begun needs no end.
        with contextlib.suppress(BaseException):
            value.close()
    elif not kind and depth > 1:
        kinds = [close_unrun(one, depth - 1) for one in _items(value)]
        kind = next(filter(None, kinds), "")
    return kind


def _items(value: Any) -> list[Any]:
    """What is in a list, a tuple or a dictionary, also of a subclass, as Python itself keeps it."""
    for kind, items in _ITEMS:
        if issubclass(type(value), kind):
            return list(items(value))
    return []
