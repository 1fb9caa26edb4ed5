"""Dispatcher."""

from __future__ import annotations

import inspect
import itertools
import logging
from collections.abc import Iterable
from typing import Any, Callable, NamedTuple
from xmlrpc.client import Fault

from ponte.net.message import MAX_BODY_BYTES
from ponte.rpc.marshal import (
    APPLICATION_ERROR,
    INVALID_PARAMETERS,
    METHOD_NOT_FOUND,
    _fields_of,
    decode_call,
    encode_fault,
    encode_response,
)

log = logging.getLogger("ponte.rpc")

MULTICALL = "system.multicall"
_SIGNATURE_TYPES = {str: "string", int: "int", bool: "boolean", float: "double", list: "array", dict: "struct",
                    bytes: "base64", None: "nil", type(None): "nil"}

Function = Callable[..., Any]


def idempotent(function: Function) -> Function:
    """Marks a function that may run twice without harm, so that a call whose fate is unknown may be tried again.

    The mark is the author's promise. Without it a call is never run a second time.
    """
    function.idempotent = True  # type: ignore[attr-defined]
    return function


class Dispatcher:
    """Maps method names to functions. Introspection (system.listMethods and its kin) is built in.

    Register before serving; `dispatch` may then run in any number of threads. `encode` makes a <methodResponse>
    of what a function returns. `multicall`: system.multicall runs several calls in one, which then has one outcome
    for all of them: it may be unknown which have run.
    """

    def __init__(self, functions: Iterable[Function] | dict[str, Function] = (),
                 encode: Callable[[Any], bytes] = encode_response, *, multicall: bool = False) -> None:
        self._encode_result = encode
        self._methods: dict[str, _Method] = {}
        named = functions.items() if isinstance(functions, dict) else ((f.__name__, f) for f in functions)
        for name, function in named:
            self.register(function, name)
        self.register(self._list_methods, "system.listMethods")
        self.register(self._method_help, "system.methodHelp")
        self.register(self._method_signature, "system.methodSignature")
        if multicall:
            self.register(self._multicall, MULTICALL)

    @property
    def idempotent(self) -> tuple[str, ...]:
        """The names of the user's functions that are marked @idempotent, sorted."""
        return tuple(sorted(name for name, method in self._methods.items()
                            if getattr(method.function, "idempotent", False)))

    def register(self, function: Function, name: str | None = None) -> None:
        """Serves `function` under `name` (default: its own). Raises ValueError for a private name."""
        name = name or function.__name__
        if name.startswith("_"):
            raise ValueError(f"{name}: a name that starts with _ is private and cannot be called")
        self._methods[name] = _Method.of(function)

    def dispatch(self, body: bytes) -> bytes:
        """Runs the call in `body` and returns its <methodResponse>. Never raises: what goes wrong is a fault."""
        try:
            name, params = decode_call(body)
            return self._encode(name, self._run(name, params))
        except Fault as fault:
            return encode_fault(fault)

    def _run(self, name: str, params: tuple[Any, ...]) -> Any:
        method = self._methods.get(name)
        if method is None and name == MULTICALL:
            raise Fault(METHOD_NOT_FOUND, f"{MULTICALL} is off: one call has one outcome (server.py --allow-multicall)")
        if method is None:
            raise Fault(METHOD_NOT_FOUND, f"no method {name!r}; there are: {', '.join(self._public())}")
        if not method.takes(len(params)):
            raise Fault(INVALID_PARAMETERS, f"{name} takes {method.usage()}, not {len(params)} parameters")
        try:
            return method.function(*params)
        except Fault:
            raise
        except BaseException as error:      # also SystemExit: a function does not end the server
            log.info("%s raised %s", name, _describe(error))
            raise Fault(APPLICATION_ERROR, _describe(error)) from None

    def _encode(self, name: str, value: Any) -> bytes:
        try:
            return self._encode_result(value)
        except Exception as error:
            raise Fault(APPLICATION_ERROR, f"{name} did run, but XML-RPC cannot carry its result: "
                                           f"{_describe(error)}") from None

    def _public(self) -> list[str]:
        return sorted(name for name in self._methods if not name.startswith("system."))

    def _list_methods(self) -> list[str]:
        """The names of all methods."""
        return sorted(self._methods)

    def _method_help(self, name: str) -> str:
        """The documentation of a method; an empty string where it has none."""
        return inspect.getdoc(self._known(name).function) or ""

    def _method_signature(self, name: str) -> list[list[str]] | str:
        """The types of a method's result and parameters; "undef" where its annotations do not tell."""
        return self._known(name).types() or "undef"

    def _multicall(self, calls: list[dict[str, Any]]) -> list[Any]:
        """Runs [{"methodName": ..., "params": [...]}, ...] one after the other; each gives [result], or a fault."""
        if not isinstance(calls, list):
            raise Fault(INVALID_PARAMETERS, f"{MULTICALL} takes an array of calls")
        results, room_bytes = [], MAX_BODY_BYTES
        for number, call in enumerate(calls, 1):
            result, size_bytes = self._one_of_many(call)
            results.append(result)
            room_bytes -= size_bytes
            if room_bytes < 0:      # not only at the end: a short request could ask for more than there is memory
                raise Fault(APPLICATION_ERROR, f"{MULTICALL} did run {number} of {len(calls)} calls, the results of "
                                               f"which together are longer than a message may be")
        return results

    def _one_of_many(self, call: Any) -> tuple[Any, int]:
        """What a call gives, and how many bytes that are as XML."""
        try:
            if not isinstance(call, dict) or set(call) != {"methodName", "params"} \
                    or not isinstance(call["methodName"], str) or not isinstance(call["params"], list):
                raise Fault(INVALID_PARAMETERS, "a call is a struct of methodName (string) and params (array)")
            if call["methodName"] == MULTICALL:
                raise Fault(INVALID_PARAMETERS, f"{MULTICALL} cannot call itself")
            result = [self._run(call["methodName"], tuple(call["params"]))]
            return result, len(self._encode(call["methodName"], result))    # or the fault of this one call
        except Fault as fault:
            return _fields_of(fault), len(encode_fault(fault))

    def _known(self, name: Any) -> _Method:
        if not isinstance(name, str):
            raise Fault(INVALID_PARAMETERS, "the name of a method is a string")
        method = self._methods.get(name)
        if method is None:
            raise Fault(METHOD_NOT_FOUND, f"no method {name!r}")
        return method


def _describe(error: BaseException) -> str:
    """Type and message of an exception, even of one that cannot tell its message."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


class _Method(NamedTuple):
    """A function and how many positional parameters it takes."""

    function: Function
    least: int
    most: float     # infinite for *args

    @classmethod
    def of(cls, function: Function) -> _Method:
        try:
            parameters = inspect.signature(function).parameters.values()
        except ValueError:      # some built-in functions keep their signature to themselves
            return cls(function, 0, float("inf"))
        positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters):
            raise ValueError(f"{function.__name__} needs a keyword argument, which XML-RPC does not have")
        has_rest = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        return cls(function, sum(p.default is p.empty for p in positional),
                   float("inf") if has_rest else len(positional))

    def takes(self, count: int) -> bool:
        return self.least <= count <= self.most

    def usage(self) -> str:
        if self.most == self.least:
            return str(self.least)
        return f"{self.least} or more" if self.most == float("inf") else f"{self.least} to {self.most}"

    def types(self) -> list[list[str]] | None:
        """[[result, parameter, ...]] in XML-RPC's words, or None where an annotation is missing or foreign."""
        try:
            signature = inspect.signature(self.function)
        except ValueError:
            return None
        annotations = itertools.chain([signature.return_annotation],
                                      (p.annotation for p in signature.parameters.values()))
        by_name = {getattr(kind, "__name__", "None"): word for kind, word in _SIGNATURE_TYPES.items()}
        words = [by_name.get(a if isinstance(a, str) else getattr(a, "__name__", str(a))) for a in annotations]
        known = [word for word in words if word is not None]
        return [known] if len(known) == len(words) else None
