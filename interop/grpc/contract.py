"""What a service offers, as gRPC wants to know it: its methods with their messages, made from the
signatures of plain functions.

    def hello(text: str) -> str          rpc hello(HelloRequest) returns (HelloReply);
                                         message HelloRequest { string text = 1; }
                                         message HelloReply { string value = 1; }

    Python               field                     Python              field
    str                  string                    list[T], *args: T   repeated T
    int                  int64                     no annotation, and  google.protobuf.Value,
    float                double                    any other           which is any JSON value
    bool                 bool                      a default           optional: it may be missing
    bytes                bytes                     -> None             an empty message

The service `greeter` is `ponte.greeter.Greeter`. A character that such names do not have becomes an
underscore. Parameters keep their order, by the numbers of their fields: one that is added at the
end harms no older caller.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Callable, NamedTuple

from interop.grpc.protobuf import (
    BOOL,
    BYTES,
    DOUBLE,
    INT64,
    MESSAGE,
    STRING,
    VALUE,
    Field,
    Malformed,
    Message,
    decode,
    encode,
)

_KINDS = {str: STRING, int: INT64, float: DOUBLE, bool: BOOL, bytes: BYTES}
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_]")
# The field of a reply.
RESULT = "value"


class Rpc(NamedTuple):
    """A method: its name in gRPC, the name of the function, and its messages.

    `defaults` are the values of parameters that may be missing; `has_rest`: the last field holds
    all further parameters (*args).
    """

    name: str
    method: str
    request: Message
    reply: Message
    defaults: Mapping[str, Any]
    has_rest: bool

    def params(self, data: bytes) -> list[Any]:
        """The parameters of a call, from the bytes of its request. Raises Malformed."""
        values = decode(self.request, data, {})
        params: list[Any] = []
        # Those at the end that are missing are left to the function.
        fields = [field for field in self.request.fields if field.name in values]
        last = max((field.number for field in fields), default=0)
        for field in self.request.fields[:last]:
            # A message that is missing is its zero, too: null.
            value: Any = values.get(field.name, self.defaults.get(field.name))
            if self.has_rest and field is self.request.fields[-1]:
                params += value
            else:
                params.append(value)
        needed = len(self.request.fields) - len(self.defaults) - self.has_rest
        return params + [None] * (needed - len(params))

    def encode_result(self, value: Any) -> bytes:
        """The bytes of the reply. Raises Malformed for a result that does not fit."""
        if not self.reply.fields:
            if value is not None:
                raise Malformed(f"{type(value).__name__} is not None")
            return b""
        if self.reply.fields[0].kind == DOUBLE and type(value) is int:
            value = float(value)
        return encode(self.reply, {RESULT: value}, {})


class Contract(NamedTuple):
    """All methods of a service, by their names in gRPC. `service` is its full name."""

    package: str
    service: str
    rpcs: Mapping[str, Rpc]


def contract(service: str, functions: Mapping[str, Callable[..., Any]]) -> Contract:
    """The contract of a service, from its functions by name."""
    base = _identifier(service)
    package = f"ponte.{base}"
    rpcs: dict[str, Rpc] = {}
    messages: set[str] = set()
    for method, function in functions.items():
        name = _free(_identifier(method), rpcs)
        stem = _free(_camel(name), messages, ("Request", "Reply"))
        messages |= {stem + "Request", stem + "Reply"}
        rpcs[name] = _rpc(f"{package}.{stem}", name, method, function)
    return Contract(package, f"{package}.{_camel(base)}", rpcs)


def _rpc(stem: str, name: str, method: str, function: Callable[..., Any]) -> Rpc:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        # Some built-in functions do not tell.
        parameters = [inspect.Parameter("params", inspect.Parameter.VAR_POSITIONAL)]
    try:
        hints = typing.get_type_hints(function)
    except Exception:
        # An annotation may be any expression, also one that fails.
        hints = {}
    fields: list[Field] = []
    defaults: dict[str, Any] = {}
    has_rest = False
    for parameter in parameters:
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            continue
        taken = [field.name for field in fields]
        has_rest = parameter.kind is parameter.VAR_POSITIONAL
        kind, type_name, is_list = _type_of(hints.get(parameter.name))
        if has_rest and is_list:
            kind, type_name = MESSAGE, VALUE
        is_optional = parameter.default is not parameter.empty and not is_list
        field = Field(_free(_identifier(parameter.name), taken), len(fields) + 1, kind,
                      is_list or has_rest, type_name, is_optional)
        fields.append(field)
        if parameter.default is not parameter.empty:
            defaults[field.name] = parameter.default
    kind, type_name, is_list = _type_of(hints.get("return"))
    reply = () if hints.get("return", Any) is type(None) \
        else (Field(RESULT, 1, kind, is_list, type_name),)
    return Rpc(name, method, Message(f"{stem}Request", tuple(fields)),
               Message(f"{stem}Reply", reply), defaults, has_rest)


def _type_of(hint: Any) -> tuple[int, str, bool]:
    """The type of a field, its full name if it is a message, and whether it is a list of those."""
    if hint in _KINDS:
        return _KINDS[hint], "", False
    if typing.get_origin(hint) is list:
        inside = typing.get_args(hint)[0]
        return (_KINDS[inside], "", True) if inside in _KINDS else (MESSAGE, VALUE, True)
    return MESSAGE, VALUE, False


def _identifier(text: str) -> str:
    name = _NOT_IN_A_NAME.sub("_", text) or "_"
    return f"_{name}" if name[0].isdigit() else name


def _camel(name: str) -> str:
    """
    >>> _camel("get_balance"), _camel("whoami"), _camel("_")
    ('GetBalance', 'Whoami', '_')
    """
    return "".join(part[:1].upper() + part[1:] for part in name.split("_")) or name


def _free(name: str, taken: Any, ends: Sequence[str] = ("",)) -> str:
    """The name, with a number behind it if it is taken with one of these ends."""
    found, number = name, 1
    while any(found + end in taken for end in ends):
        number += 1
        found = f"{name}{number}"
    return found
