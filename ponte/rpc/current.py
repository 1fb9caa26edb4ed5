"""The call that a function runs in: who has called, with which headers.

The problem: a function has the parameters of its call, and nothing else. It is also called by its
own tests, where there is no caller at all. So this cannot be one more parameter. The idea: a
*context variable*. Each thread has its own value of it, and the server sets that before a call.

Threads: only the thread that runs the function has a current call. A thread that the function
starts has none: give it what it needs.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ponte.net.address import Address
from ponte.net.message import Request


class CurrentCall(NamedTuple):
    """A call, as its function may see it.

    `address`: host and port of the process that has connected: behind a proxy, that is the proxy;
    `headers` of the request, which cannot be changed, their names in lower case; `method`, under
    which the function was called; `instance`, the name of the server.
    """

    address: Address
    headers: Mapping[str, str]
    method: str
    instance: str


# The instance, the request and the method. A tuple: to make one costs next to nothing, and most
# functions do not ask.
Context = tuple[str, Request, str]
_context: contextvars.ContextVar[Context] = contextvars.ContextVar("ponte_call")

enter = _context.set
leave = _context.reset


@contextlib.contextmanager
def named(method: str) -> Iterator[None]:
    """What runs inside is a call of `method`: for a call that is read late, or in a multicall."""
    context = _context.get(None)
    if context is None:
        yield
        return
    entered = enter((context[0], context[1], method))
    try:
        yield
    finally:
        leave(entered)


def current_call() -> CurrentCall:
    """The call that this thread runs now. Raises LookupError outside of a call."""
    instance, request, method = _running()
    return CurrentCall(request.peer, MappingProxyType(request.headers), method, instance)


def current_instance() -> str:
    """The name of the server that runs the current call. LookupError outside of a call."""
    return _running()[0]


def _running() -> Context:
    context = _context.get(None)
    if context is None:
        raise LookupError("this thread runs no call: ask in the function that was called, "
                          "and give its threads what they need")
    return context
