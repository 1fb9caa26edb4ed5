"""The call that a function runs in: who has called, with which headers.

The problem: a function has the parameters of its call, and nothing else. It is also called by its
own tests, where there is no caller at all. So this cannot be one more parameter. The idea: a table
of the threads that run a call. A thread finds itself in it.

A `threading.local` and a context variable would do the same, and cost every call a microsecond.

Threads: only the thread that runs the function has a current call. A thread that the function
starts has none: give it what it needs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from threading import get_ident
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

# By the number of the thread. Safe without a lock: each operation on a dictionary is atomic, and
# each thread has an entry of its own. The server puts a call in before it runs, and takes it out
# when it has ended, so that nothing of its request stays in memory.
calls: dict[int, Context] = {}


@contextlib.contextmanager
def named(method: str) -> Iterator[None]:
    """What runs inside is a call of `method`: for a call that is read late, or in a multicall."""
    thread = get_ident()
    context = calls.get(thread)
    if context is None:
        yield
        return
    calls[thread] = (context[0], context[1], method)
    try:
        yield
    finally:
        calls[thread] = context


def current_call() -> CurrentCall:
    """The call that this thread runs now. Raises LookupError outside of a call."""
    instance, request, method = _running()
    headers = request.headers
    if request.traceparent:
        headers = {**headers, "traceparent": request.traceparent}
    return CurrentCall(request.peer, MappingProxyType(headers), method, instance)


def current_instance() -> str:
    """The name of the server that runs the current call. LookupError outside of a call."""
    return _running()[0]


def _running() -> Context:
    context = calls.get(get_ident())
    if context is None:
        raise LookupError("this thread runs no call: ask in the function that was called, "
                          "and give its threads what they need")
    return context
