"""The dispatcher: finds the function that a call means, runs it, and makes a fault of its errors.

It is the last step on the way of a call. On one side are the bytes of a call; on the other side is
a plain Python function that knows nothing of XML or HTTP. Four questions are answered here.

    Which function?
        One that was registered under exactly this name. Python's own server can look up a name
        such as "a.b.c" as attributes of an object, which opens more than its author has in mind.
    May it run twice?
        Only if its author said so. A caller that believes more than that, perhaps because an
        earlier version of the service said so, is told before anything runs.
    Do the parameters fit?
        Their number is checked before the function runs. So a TypeError that the function itself
        raises is not mistaken for a wrong call.
    What went wrong?
        An exception becomes a fault with its type and message. The caller does not see the
        traceback: that is in the server's log (raised.py).

Threads: `Dispatcher.dispatch` may run in any number of threads at once. A function that shares data
between calls must guard it with a lock of its own.
"""

from __future__ import annotations

import functools
import logging
import re
import threading
from collections.abc import Iterable
from typing import Any, Callable, NamedTuple
from xmlrpc.client import Fault

from ponte.net.forking import end_child, leave_parent_in_child
from ponte.net.message import MAX_BODY_BYTES
from ponte.rpc import current
from ponte.rpc.introspection import MULTICALL, Introspection
from ponte.rpc.layers import close_unrun, name_of
from ponte.rpc.marshal import (
    APPLICATION_ERROR,
    INVALID_PARAMETERS,
    METHOD_NOT_FOUND,
    decode_call,
    encode_fault,
    encode_response,
    fields_of_fault,
)
from ponte.rpc.method import Method
from ponte.rpc.raised import describe, log_raised, one_line

__all__ = ["INTROSPECTION", "LONG_BYTES", "MULTICALL", "Dispatcher", "Function", "NotIdempotent",
           "idempotent"]

log = logging.getLogger("ponte.rpc")

# What every server says about itself. No other function is idempotent without a mark, also none of
# system.*: a multicall runs what its caller wants.
INTROSPECTION = frozenset(("system.listMethods", "system.methodHelp", "system.methodSignature",
                           "system.getCapabilities"))
# One part of a dotted name. XML gives markup and white space another meaning.
_PART = re.compile(r"[^_<>&\s.][^<>&\s.]*")
# `prepare` does not read a longer call. It runs on the thread of a loop, where other callers wait
# meanwhile, and that would take more than a millisecond.
LONG_BYTES = 4 * 1024

Function = Callable[..., Any]


def idempotent(function: Function) -> Function:
    """Marks a function that may run twice without harm; use it as a decorator.

    The mark is a promise of the function's author. With it, a call whose outcome is unknown may be
    retried at any server of the service. Without it, a call never runs a second time.
    """
    try:
        function.idempotent = True  # type: ignore[attr-defined]
        return function
    except (AttributeError, TypeError):
        # A bound method, or a function that is not written in Python, cannot carry the mark.
        @functools.wraps(function)
        def marked(*params: Any) -> Any:
            return function(*params)
        return idempotent(marked)


# The name of a method, its parameters, and a function that runs the call: see `prepare`.
Prepared = tuple[str, tuple[Any, ...], Callable[[], bytes]]


class NotIdempotent(Exception):
    """A caller takes a function for idempotent that is not marked so. Nothing has run.

    `name` is the name of the method.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not marked @idempotent")
        self.name = name


class Writer(NamedTuple):
    """How what came of a call becomes bytes: a result, which may raise anything for one that cannot
    be carried; or a fault. `carrier`: what carries them, for people.
    """

    result: Callable[[Any], bytes]
    fault: Callable[[Fault], bytes]
    carrier: str


# `Dispatcher.prepare_call`: name, decode, size_bytes, writer, promised.
PrepareCall = Callable[[str, Callable[[], tuple[Any, ...]], int, Writer, bool], Prepared]


class Dispatcher:
    """Maps the names of methods to functions.

    Parameters: `functions` by name, or a sequence of functions that are served under their own
    names; `encode` makes a <methodResponse> of a result; `multicall`: see `allow_multicall`. Raises
    ValueError like `register`.

    Served besides: the methods of INTROSPECTION.

    Attribute: `faults`, how many calls have ended in a fault.

    Threads: all methods may be called from any; `dispatch` may run in any number of them.

        >>> from ponte.rpc.marshal import decode_result, encode_call
        >>> def add(a: int, b: int) -> int:
        ...     return a + b
        >>> dispatcher = Dispatcher([add])
        >>> decode_result(dispatcher.dispatch(encode_call("add", (2, 3))))
        5
        >>> decode_result(dispatcher.dispatch(encode_call("add", (2,))))
        Traceback (most recent call last):
        xmlrpc.client.Fault: <Fault -32602: 'add takes 2, not 1 parameters'>
    """

    def __init__(self, functions: Iterable[Function] | dict[str, Function] = (),
                 encode: Callable[[Any], bytes] = encode_response, *,
                 multicall: bool = False) -> None:
        self.faults = 0
        # Guards self.faults, where threads add to it.
        self._lock = threading.Lock()
        self._writer = Writer(encode, encode_fault, "XML-RPC")
        self._methods: dict[str, Method] = {}
        for name, function in _named(functions):
            self.register(function, name)
        for name, function in Introspection(self._methods).by_name.items():
            self._methods[name] = Method.of(function)._replace(is_idempotent=True)
        if multicall:
            self.allow_multicall()
        # Whether this is a forked child: only the parent may answer a call that both have begun.
        self._is_child = False
        leave_parent_in_child(self)

    def leave_parent(self) -> None:
        """In a forked child: a function that has forked ends the child when it ends there."""
        self._is_child = True
        self._lock = threading.Lock()

    @property
    def idempotent(self) -> tuple[str, ...]:
        """The names of the functions that are marked @idempotent, sorted.

        Without those of INTROSPECTION, which are idempotent at every server.
        """
        # The list is made in one step: another thread may register a function.
        return tuple(sorted(name for name, method in list(self._methods.items())
                            if method.is_idempotent and name not in INTROSPECTION))

    def __contains__(self, name: str) -> bool:
        return name in self._methods

    def register(self, function: Function, name: str | None = None) -> None:
        """Serves `function` under `name` (default: its own name). A name may have dots: "a.b".

        Raises ValueError for a name of which a part is empty or begins with _; for a function
        without a name; and for what cannot be served: see `Method.of`.
        """
        if name is None:
            name = name_of(function) if callable(function) else repr(function)
            if not name:
                raise ValueError(f"{type(function).__name__} has no name of its own: "
                                 "register it with name=...")
        if not isinstance(name, str) or not all(map(_PART.fullmatch, name.split("."))):
            raise ValueError(f"{name!r} cannot be called: a name has no empty part, no white space "
                             "and no markup, and what begins with _ is private")
        self._methods[name] = Method.of(function, name)

    def allow_multicall(self) -> None:
        """From now on system.multicall is served, which runs several calls in one.

        They have one outcome together: if it is unknown, the caller does not know which of them
        ran.
        """
        self.register(self._multicall, MULTICALL)

    def dispatch(self, body: bytes, *, promised: bool = False) -> bytes:
        """Runs the call in `body` and returns its <methodResponse>.

        `promised`: the caller takes the function for idempotent. Raises NotIdempotent, before
        anything runs, if it is not marked so. Whatever else goes wrong becomes a fault.

        Blocks as long as the function does.
        """
        _, _, run = self._read(body, promised)
        return run()

    def prepare(self, body: bytes, *, promised: bool = False) -> Prepared:
        """The method that `body` calls, its parameters, and a function that runs the call.

        The name of the method is empty where there is no such method; and where `body` is so long
        that the function reads it, too. `promised` is that of `dispatch`. NotIdempotent is raised
        here; where the function reads `body`, by the function. It raises nothing else, and blocks
        like `dispatch`.
        """
        if len(body) > LONG_BYTES:
            return "", (), lambda: self._run_late(lambda: self._read(body, promised))
        return self._read(body, promised)

    def prepare_call(self, name: str, decode: Callable[[], tuple[Any, ...]], size_bytes: int,
                     writer: Writer, promised: bool) -> Prepared:
        """What `prepare` returns, for a call of `name` that is not written as XML.

        `decode` returns its parameters, or raises Fault; `size_bytes` is the length of what it
        reads; `writer` writes what comes of it.
        """
        def read() -> Prepared:
            return self._prepared(lambda: (name, decode()), promised, writer)

        return ("", (), lambda: self._run_late(read)) if size_bytes > LONG_BYTES else read()

    @staticmethod
    def _run_late(read: Callable[[], Prepared]) -> bytes:
        """Does what `dispatch` does, for a call whose name nobody has read yet."""
        name, _, run = read()
        with current.named(name):
            return run()

    def _read(self, body: bytes, promised: bool) -> Prepared:
        """What `prepare` returns, for a `body` of any length."""
        return self._prepared(lambda: decode_call(body), promised, self._writer)

    def _prepared(self, decode: Callable[[], tuple[str, tuple[Any, ...]]], promised: bool,
                  writer: Writer) -> Prepared:
        try:
            name, params = decode()
            method = self._find(name)
        except Fault as fault:
            return "", (), functools.partial(self._fault, fault, writer)
        # The method that is judged here is the one that runs: another thread may register a second
        # one under the same name meanwhile.
        if promised and not method.is_idempotent:
            raise NotIdempotent(name)
        return name, params, lambda: self._answer(name, method, params, writer)

    def _find(self, name: str) -> Method:
        """The method of this name. Raises Fault where there is none."""
        method = self._methods.get(name)
        if method is None and name == MULTICALL:
            raise Fault(METHOD_NOT_FOUND, f"{MULTICALL} is off: one call has one outcome "
                                          "(server.py --allow-multicall)")
        if method is None:
            raise Fault(METHOD_NOT_FOUND,
                        f"no method {name!r}; there are: {', '.join(self._public())}")
        return method

    def _answer(self, name: str, method: Method, params: tuple[Any, ...],
                writer: Writer) -> bytes:
        try:
            return self._encode(name, self._run(name, method, params), writer)
        except Fault as fault:
            return self._fault(fault, writer)

    def _fault(self, fault: Fault, writer: Writer) -> bytes:
        """The reply to a call that ends in a fault."""
        with self._lock:
            self.faults += 1
        return writer.fault(fault)

    def _run(self, name: str, method: Method, params: tuple[Any, ...]) -> Any:
        """Runs a method. Raises Fault where the parameters do not fit, or the function raises."""
        if not method.takes(len(params)):
            raise Fault(INVALID_PARAMETERS,
                        f"{name} takes {method.usage()}, not {len(params)} parameters")
        try:
            value = method.function(*params)
            if self._is_child:
                end_child(None)
            return value
        except BaseException as error:
            if self._is_child:
                end_child(error)
            if isinstance(error, Fault):
                # The function chose the code and the text.
                raise
            # Also SystemExit: a function cannot end the server.
            log_raised(log, name, error, method.file)
            raise Fault(APPLICATION_ERROR, describe(error)) from None

    def _encode(self, name: str, value: Any, writer: Writer) -> bytes:
        """The reply with a result. Raises Fault where it cannot be carried."""
        try:
            return writer.result(value)
        # Whatever it is, the function did run, and its caller must be told.
        except BaseException as error:
            unrun = close_unrun(value)
            why = f"{name} returned {unrun}, the body of which did NOT run: return a plain value" \
                if unrun else \
                f"{name} did run, but {writer.carrier} cannot carry its result: {describe(error)}"
            log.error("%s", one_line(why))
            raise Fault(APPLICATION_ERROR, why) from None

    def _public(self) -> list[str]:
        # The list is made in one step: another thread may register a function.
        return sorted(name for name in list(self._methods) if not name.startswith("system."))

    def _multicall(self, calls: list[dict[str, Any]]) -> list[Any]:
        """Runs [{"methodName": ..., "params": [...]}, ...] in order.

        The result of each is [value], or the struct of a fault.
        """
        if not isinstance(calls, list):
            raise Fault(INVALID_PARAMETERS, f"{MULTICALL} takes an array of calls")
        results, room_bytes = [], MAX_BODY_BYTES
        for number, call in enumerate(calls, 1):
            result, size_bytes = self._run_one(call)
            results.append(result)
            room_bytes -= size_bytes
            # Checked after each call: a short request could ask for more results than memory holds.
            if room_bytes < 0:
                raise Fault(APPLICATION_ERROR,
                            f"{MULTICALL} did run {number} of {len(calls)} calls, the results of "
                            "which together are longer than a message may be")
        return results

    def _run_one(self, call: Any) -> tuple[Any, int]:
        """One call of a multicall: its result, and the length of that as XML in bytes."""
        try:
            if not isinstance(call, dict) or set(call) != {"methodName", "params"} \
                    or not isinstance(call["methodName"], str) \
                    or not isinstance(call["params"], list):
                raise Fault(INVALID_PARAMETERS,
                            "a call is a struct of methodName (string) and params (array)")
            if call["methodName"] == MULTICALL:
                raise Fault(INVALID_PARAMETERS, f"{MULTICALL} cannot call itself")
            name, params = call["methodName"], tuple(call["params"])
            with current.named(name):
                result = [self._run(name, self._find(name), params)]
            # A result that cannot be encoded is a fault of this call alone.
            return result, len(self._encode(name, result, self._writer))
        except Fault as fault:
            return fields_of_fault(fault), len(encode_fault(fault))


def _named(functions: Iterable[Function] | dict[str, Function]) \
        -> Iterable[tuple[str | None, Function]]:
    """Functions with the names under which they are served; None for their own."""
    if isinstance(functions, dict):
        return functions.items()
    if isinstance(functions, str) or not isinstance(functions, Iterable):
        raise ValueError(f"{functions!r} is no list of functions, such as [hello], "
                         'and no dictionary, such as {"hello": hello}')
    return [(None, function) for function in functions]
