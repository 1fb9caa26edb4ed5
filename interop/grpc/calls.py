"""A call of gRPC, told in the words of Ponte: its header fields become those of a request, and the
reply to that becomes a message and a status. Pure.

    :path /ponte.greeter.Greeter/hello     POST /greeter with <methodName>hello</methodName>
    grpc-timeout: 1500m                    Call-Timeout-Ms: 1500
    call-session, call-number, ...         the same headers (ponte/calls/hop.py)
    other metadata                         headers, which the function may read (current_call)

So a caller of gRPC that gives its calls numbers has each of them run once at most, and may repeat
one by the other door.

Source: "gRPC over HTTP2" (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md).
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import Any, NamedTuple
from xmlrpc.client import Fault

from interop.grpc.contract import Rpc
from interop.grpc.fields import Fields
from interop.grpc.framing import Messages, check_encoding
from interop.grpc.protobuf import Malformed
from interop.grpc.statuses import (
    INVALID_ARGUMENT,
    OK,
    UNKNOWN,
    Refused,
    Status,
    of_fault,
    of_reply,
)
from ponte.calls.hop import MAX_TIMEOUT_S
from ponte.net.address import Address
from ponte.net.known_heads import Headers
from ponte.net.message import ProtocolError, Reply, Request
from ponte.rpc.dispatcher import PrepareCall, Prepared, Writer
from ponte.rpc.marshal import (
    APPLICATION_ERROR,
    CONTENT_TYPE,
    INVALID_PARAMETERS,
    decode_result,
    encode_call,
    encode_fault,
)

CONTENT = "application/grpc"
# What a reply begins with.
HEAD = ((b":status", b"200"), (b"content-type", CONTENT.encode()),
        (b"grpc-accept-encoding", b"identity,gzip"))
_OK = Status(OK)
# Marks a reply that is a message already. No document of XML begins so.
MESSAGE = b"\0"
# Seconds of the units of a timeout.
_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_TIMEOUT = re.compile("([0-9]{1,8})([HMSmun])")
_TRACE = re.compile("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
# Of one connection and of HTTP/2, not of the call.
_NOT_PASSED_ON = re.compile(":.*|te|content-type|content-length|accept-encoding|grpc-.*"
                            "|call-timeout-ms|call-number|traceparent")


class Head(NamedTuple):
    """The header fields of a request, as far as they mean something here.

    `headers` are passed on, without the two that differ in each call; `encoding` of compressed
    messages.
    """

    path: str
    headers: Headers
    encoding: str
    call_number: str | None
    traceparent: str


class Opening(NamedTuple):
    """How a stream began: its number, its header fields, and who sent them."""

    stream_id: int
    head: Head
    peer: Address


def read_head(fields: Fields) -> Head:
    """Reads the header fields of a request.

    Raises ProtocolError for what is not gRPC, and Refused for a call that cannot be served.
    """
    number, trace, same = None, "", []
    for field in fields:
        if field[0] == b"call-number":
            number = field[1].decode("latin-1")
        elif field[0] == b"traceparent":
            trace = field[1].decode("latin-1")
        else:
            same.append(field)
    path, headers, encoding = _read_same(tuple(same))
    return Head(path, headers, encoding, number, trace if _TRACE.fullmatch(trace) else "")


# A client sends the same fields with every call, but for those two.
@lru_cache(maxsize=1024)
def _read_same(fields: tuple[tuple[bytes, bytes], ...]) -> tuple[str, Headers, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in fields:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        # One that comes twice is a list (RFC 9110 section 5.3).
        found[name] = f"{found[name]},{value}" if name in found else value
    if found[":method"] != "POST":
        raise ProtocolError(405, "gRPC is POST")
    media_type = found.get("content-type", "")
    if not re.match(re.escape(CONTENT) + r"(\+proto)?(;|$)", media_type):
        raise ProtocolError(415, f"expected content-type: {CONTENT}")
    encoding = found.get("grpc-encoding", "identity")
    check_encoding(encoding)
    headers = Headers()
    headers.update((name, value) for name, value in found.items()
                   if not _NOT_PASSED_ON.fullmatch(name))
    headers["content-type"] = CONTENT_TYPE
    timeout = found.get("grpc-timeout")
    if timeout is not None:
        headers["call-timeout-ms"] = str(timeout_ms(timeout))
    return found[":path"], headers, encoding


def timeout_ms(text: str) -> int:
    """The milliseconds of a grpc-timeout, 1 at least. Raises Refused.

    >>> timeout_ms("2S"), timeout_ms("1500u"), timeout_ms("99999999H")
    (2000, 1, 3600000)
    """
    match = _TIMEOUT.fullmatch(text)
    if not match:
        raise Refused(INVALID_ARGUMENT, f"grpc-timeout {text[:20]!r}: expected up to 8 digits and "
                                        "a unit, as in 1500m")
    return int(min(int(match[1]) * _UNITS[match[2]], MAX_TIMEOUT_S) * 1000) or 1


def one_message(messages: list[bytes], reader: Messages) -> bytes:
    """The message of a request that has ended. Raises Refused if it is not exactly one."""
    if len(messages) != 1 or not reader.is_between:
        raise Refused(INVALID_ARGUMENT, "a request is one whole message, not "
                      + (f"{len(messages)}" if reader.is_between else "a part of one"))
    return messages[0]


def request_of(rpc: Rpc, opening: Opening, message: bytes, service: str,
               prepare_call: PrepareCall) -> Request:
    """The request that stands for a call. Raises Refused if its message does not fit.

    A call whose reply may be asked for a second time becomes XML, so that its reply can be told at
    both doors. Any other is run as it is: the body only says its name, for those who log it.
    """
    head = opening.head
    if "call-session" in head.headers or "idempotency-key" in head.headers:
        try:
            body, prepare = encode_call(rpc.method, rpc.params(message)), None
        except (Malformed, TypeError, ValueError, OverflowError) as error:
            raise Refused(INVALID_ARGUMENT, f"{rpc.request.name}: {error}") from None
    else:
        body, prepare = _name_alone(rpc.method), partial(_prepare, rpc, message, prepare_call)
    return Request("POST", f"/{service}", head.headers, body, True, head.call_number, opening.peer,
                   head.traceparent, prepare=prepare)


@lru_cache(maxsize=1024)
def _name_alone(method: str) -> bytes:
    return encode_call(method, ())


def _prepare(rpc: Rpc, message: bytes, prepare_call: PrepareCall, promised: bool) -> Prepared:
    def decode() -> tuple[Any, ...]:
        try:
            return tuple(rpc.params(message))
        except Malformed as error:
            raise Fault(INVALID_PARAMETERS, f"{rpc.request.name}: {error}") from None

    writer = Writer(lambda value: MESSAGE + rpc.encode_result(value), encode_fault,
                    rpc.reply.name)
    return prepare_call(rpc.method, decode, len(message), writer, promised)


def outcome_of(rpc: Rpc, reply: Reply) -> tuple[bytes | None, Status]:
    """The message and the status that tell a reply; no message where the call failed."""
    if reply.status != 200:
        return None, of_reply(reply)
    if reply.body.startswith(MESSAGE):
        return reply.body[len(MESSAGE):], _OK
    try:
        value = decode_result(reply.body)
    except Fault as fault:
        return None, of_fault(fault)
    try:
        return rpc.encode_result(value), _OK
    except Malformed as error:
        # It did run, and its caller must be told.
        return None, Status(UNKNOWN, f"{rpc.method} did run, but {rpc.reply.name} cannot carry its "
                                     f"result: {error}", (("fault-code", str(APPLICATION_ERROR)),))
