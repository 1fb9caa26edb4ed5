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
        traceback. The server's log has the line of the function, and with --verbose the whole
        traceback.

Threads: `Dispatcher.dispatch` may run in any number of threads at once. A function that shares data
between calls must guard it with a lock of its own.
"""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Iterable
from typing import Any, Callable
from xmlrpc.client import Fault

from ponte.net.forking import leave_parent_in_child
from ponte.net.message import MAX_BODY_BYTES
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

log = logging.getLogger("ponte.rpc")

MULTICALL = "system.multicall"
# What every server says about itself. No other function is idempotent without a mark, also none of
# system.*: a multicall runs what its caller wants.
INTROSPECTION = frozenset(("system.listMethods", "system.methodHelp", "system.methodSignature"))
# `prepare` does not read a longer call. It runs on the thread of a loop, where other callers wait
# meanwhile, and that would take more than a millisecond.
LONG_BYTES = 4 * 1024

Function = Callable[..., Any]


def idempotent(function: Function) -> Function:
    """Marks a function that may run twice without harm; use it as a decorator.

    The mark is a promise of the function's author. With it, a call whose outcome is unknown may be
    retried at any server of the service. Without it, a call never runs a second time.
    """
    function.idempotent = True  # type: ignore[attr-defined]
    return function


# The same for the methods of Dispatcher: inside of that class, `idempotent` is a property.
_marked = idempotent


class NotIdempotent(Exception):
    """A caller takes a function for idempotent that is not marked so. Nothing has run.

    `name` is the name of the method.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not marked @idempotent")
        self.name = name


class Dispatcher:
    """Maps the names of methods to functions.

    Parameters: `functions` by name, or a sequence of functions that are served under their own
    names; `encode` makes a <methodResponse> of a result; `multicall`: also serve system.multicall,
    which runs several calls in one. They have one outcome together: if it is unknown, the caller
    does not know which of them ran.

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
        self._encode_result = encode
        self._methods: dict[str, Method] = {}
        named = functions.items() if isinstance(functions, dict) \
            else ((function.__name__, function) for function in functions)
        for name, function in named:
            self.register(function, name)
        self.register(self._list_methods, "system.listMethods")
        self.register(self._method_help, "system.methodHelp")
        self.register(self._method_signature, "system.methodSignature")
        if multicall:
            self.register(self._multicall, MULTICALL)
        leave_parent_in_child(self)

    def leave_parent(self) -> None:
        """In a forked child: a fault may be counted. Another thread may have held the lock."""
        self._lock = threading.Lock()

    @property
    def idempotent(self) -> tuple[str, ...]:
        """The names of the functions that are marked @idempotent, sorted.

        Without those of INTROSPECTION, which are idempotent at every server.
        """
        # The list is made in one step: another thread may register a function.
        return tuple(sorted(name for name, method in list(self._methods.items())
                            if method.is_idempotent and name not in INTROSPECTION))

    def register(self, function: Function, name: str | None = None) -> None:
        """Serves `function` under `name` (default: its own name).

        Raises ValueError for a name that begins with _, and for a function that needs a keyword
        argument: XML-RPC has no keywords.
        """
        name = name or function.__name__
        if name.startswith("_"):
            raise ValueError(f"{name}: a name that starts with _ is private and cannot be called")
        self._methods[name] = Method.of(function)

    def dispatch(self, body: bytes, *, promised: bool = False) -> bytes:
        """Runs the call in `body` and returns its <methodResponse>.

        `promised`: the caller takes the function for idempotent. Raises NotIdempotent, before
        anything runs, if it is not marked so. Whatever else goes wrong becomes a fault.

        Blocks as long as the function does.
        """
        _, _, run = self._read(body, promised)
        return run()

    def prepare(self, body: bytes, *,
                promised: bool = False) -> tuple[str, tuple[Any, ...], Callable[[], bytes]]:
        """The method that `body` calls, its parameters, and a function that runs the call.

        The name of the method is empty where there is no such method; and where `body` is so long
        that the function reads it, too. `promised` is that of `dispatch`. NotIdempotent is raised
        here; where the function reads `body`, by the function. It raises nothing else, and blocks
        like `dispatch`.
        """
        if len(body) > LONG_BYTES:
            return "", (), lambda: self.dispatch(body, promised=promised)
        return self._read(body, promised)

    def _read(self, body: bytes,
              promised: bool) -> tuple[str, tuple[Any, ...], Callable[[], bytes]]:
        """What `prepare` returns, for a `body` of any length."""
        try:
            name, params = decode_call(body)
            method = self._find(name)
        except Fault as error:
            fault = error
            return "", (), lambda: self._fault(fault)
        # The method that is judged here is the one that runs: another thread may register a second
        # one under the same name meanwhile.
        if promised and not method.is_idempotent:
            raise NotIdempotent(name)
        return name, params, lambda: self._answer(name, method, params)

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

    def _answer(self, name: str, method: Method, params: tuple[Any, ...]) -> bytes:
        try:
            return self._encode(name, self._run(name, method, params))
        except Fault as fault:
            return self._fault(fault)

    def _fault(self, fault: Fault) -> bytes:
        """The <methodResponse> of a call that ends in a fault."""
        with self._lock:
            self.faults += 1
        return encode_fault(fault)

    def _run(self, name: str, method: Method, params: tuple[Any, ...]) -> Any:
        """Runs a method. Raises Fault where the parameters do not fit, or the function raises."""
        if not method.takes(len(params)):
            raise Fault(INVALID_PARAMETERS,
                        f"{name} takes {method.usage()}, not {len(params)} parameters")
        try:
            return method.function(*params)
        except Fault:
            # The function chose the code and the text.
            raise
        except BaseException as error:
            # Also SystemExit: a function cannot end the server.
            if log.isEnabledFor(logging.INFO):
                log.info("%s raised %s%s", name, _describe(error), method.place_of(error))
                log.debug("%s: the whole traceback", name, exc_info=error)
            raise Fault(APPLICATION_ERROR, _describe(error)) from None

    def _encode(self, name: str, value: Any) -> bytes:
        """The <methodResponse> of a result. Raises Fault where XML-RPC cannot carry it."""
        try:
            return self._encode_result(value)
        except Exception as error:
            raise Fault(APPLICATION_ERROR, f"{name} did run, but XML-RPC cannot carry its result: "
                                           f"{_describe(error)}") from None

    def _public(self) -> list[str]:
        # The list is made in one step: another thread may register a function.
        return sorted(name for name in list(self._methods) if not name.startswith("system."))

    # ---- the methods that every server has ------------------------------------------------------

    @_marked
    def _list_methods(self) -> list[str]:
        """The names of all methods."""
        return sorted(self._methods)

    @_marked
    def _method_help(self, name: str) -> str:
        """The documentation of a method; an empty string where it has none."""
        return inspect.getdoc(self._method_named(name).function) or ""

    @_marked
    def _method_signature(self, name: str) -> list[list[str]] | str:
        """The types of a method's result and parameters; "undef" where an annotation is missing."""
        return self._method_named(name).types() or "undef"

    def _method_named(self, name: Any) -> Method:
        if not isinstance(name, str):
            raise Fault(INVALID_PARAMETERS, "the name of a method is a string")
        method = self._methods.get(name)
        if method is None:
            raise Fault(METHOD_NOT_FOUND, f"no method {name!r}")
        return method

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
            result = [self._run(name, self._find(name), params)]
            # A result that cannot be encoded is a fault of this call alone.
            return result, len(self._encode(name, result))
        except Fault as fault:
            return fields_of_fault(fault), len(encode_fault(fault))


def _describe(error: BaseException) -> str:
    """The type and the message of an exception; the type alone where `str` of it fails."""
    try:
        return f"{type(error).__name__}: {error}"
    except BaseException:
        return type(error).__name__
