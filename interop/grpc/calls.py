"""A call of gRPC, told in the words of Ponte: its request becomes one of XML-RPC, and the reply of
that becomes a message and a status. Pure.

    :path /ponte.greeter.Greeter/hello     POST /greeter with <methodName>hello</methodName>
    grpc-timeout: 1500m                    Call-Timeout-Ms: 1500
    call-session, call-number, ...         the same headers (ponte/calls/hop.py)
    other metadata                         headers, which the function may read (current_call)

So a caller of gRPC that gives its calls numbers has each of them run once at most, and may repeat
one by the other door.

Source: "gRPC over HTTP2" (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md).
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple
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
from ponte.rpc.marshal import APPLICATION_ERROR, CONTENT_TYPE, decode_result, encode_call

CONTENT = "application/grpc"
# What a reply begins with.
HEAD = ((b":status", b"200"), (b"content-type", CONTENT.encode()),
        (b"grpc-accept-encoding", b"identity,gzip"))
_OK = Status(OK)
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
@functools.lru_cache(maxsize=1024)
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


def request_of(rpc: Rpc, service: str, head: Head, message: bytes, peer: Address) -> Request:
    """The request of XML-RPC that stands for a call. Raises Refused if its message does not fit."""
    try:
        body = encode_call(rpc.method, rpc.params(message))
    except (Malformed, TypeError, ValueError, OverflowError) as error:
        raise Refused(INVALID_ARGUMENT, f"{rpc.request.name}: {error}") from None
    return Request("POST", f"/{service}", head.headers, body, True, head.call_number, peer,
                   head.traceparent)


def outcome_of(rpc: Rpc, reply: Reply) -> tuple[bytes | None, Status]:
    """The message and the status that tell a reply of XML-RPC; no message where it failed."""
    if reply.status != 200:
        return None, of_reply(reply)
    try:
        value = decode_result(reply.body)
    except Fault as fault:
        return None, of_fault(fault)
    try:
        message = rpc.encode_result(value)
    except Malformed as error:
        # It did run, and its caller must be told.
        return None, Status(UNKNOWN, f"{rpc.method} did run, but {rpc.reply.name} cannot carry its "
                                     f"result: {error}", (("fault-code", str(APPLICATION_ERROR)),))
    return message, _OK


_OK = Status(OK)
