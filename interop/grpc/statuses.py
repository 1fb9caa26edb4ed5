"""The statuses of gRPC, and which one tells which outcome of rule R (ponte/calls/rule.py).

A status alone is not honest enough. UNAVAILABLE may stand for a call that never left its caller, or
for one that ran, and clients with a retry policy send it again. So here:

    answered         OK; a fault is UNKNOWN, with the trailer fault-code
    not executed     UNAVAILABLE with the trailer not-executed: 1, or a stream that is refused
                     (REFUSED_STREAM), which clients may repeat by themselves
    outcome unknown  DEADLINE_EXCEEDED, else INTERNAL. Never UNAVAILABLE

Source: "Status codes and their use in gRPC" (github.com/grpc/grpc, doc/statuscodes.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote
from xmlrpc.client import Fault

from ponte.net.message import Reply
from ponte.rpc.marshal import INVALID_PARAMETERS, METHOD_NOT_FOUND

(OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS,
 PERMISSION_DENIED, RESOURCE_EXHAUSTED, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNIMPLEMENTED,
 INTERNAL, UNAVAILABLE, DATA_LOSS, UNAUTHENTICATED) = range(17)
NAMES = ("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
         "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
         "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
         "UNAUTHENTICATED")
# What a reply of the XML-RPC side means. Others are INTERNAL: nobody knows what came of the call.
_OF_HTTP = {400: INVALID_ARGUMENT, 401: UNAUTHENTICATED, 403: PERMISSION_DENIED,
            404: UNIMPLEMENTED, 412: FAILED_PRECONDITION, 413: RESOURCE_EXHAUSTED,
            415: INVALID_ARGUMENT, 422: FAILED_PRECONDITION, 504: DEADLINE_EXCEEDED}
_OF_FAULT = {INVALID_PARAMETERS: INVALID_ARGUMENT, METHOD_NOT_FOUND: UNIMPLEMENTED}
# Headers of a reply that a caller of Ponte reads; others belong to HTTP/1.1.
_PASSED_ON = re.compile("served-by|not-executed|call-.*")
# What grpc-message may hold as it is.
_PLAIN = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
MAX_MESSAGE_CHARS = 1000


class Refused(Exception):
    """A call that is answered with a status, before it ran."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Status(NamedTuple):
    """How a call ended: a number above, a message for people, and further trailers."""

    code: int
    message: str = ""
    trailers: tuple[tuple[str, str], ...] = ()

    def fields(self) -> list[tuple[bytes, bytes]]:
        """As trailers on the wire; `grpc-message` is percent-encoded."""
        fields = [(b"grpc-status", b"%d" % self.code)]
        if self.message:
            shown = quote(self.message[:MAX_MESSAGE_CHARS], safe=_PLAIN)
            fields.append((b"grpc-message", shown.encode()))
        return fields + [(name.encode(), value.encode("latin-1", "replace"))
                         for name, value in self.trailers]

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> Status:
        """From the trailers of a reply; UNKNOWN where there is no status."""
        code = fields.get("grpc-status", "")
        others = tuple((name, value) for name, value in fields.items()
                       if name not in ("grpc-status", "grpc-message"))
        if not (code.isascii() and code.isdigit() and len(code) < 4):
            return cls(UNKNOWN, "the reply has no status", others)
        return cls(int(code), unquote(fields.get("grpc-message", "")), others)

    @property
    def name(self) -> str:
        return NAMES[self.code] if self.code < len(NAMES) else str(self.code)


def refusal(error: Refused) -> Status:
    """The status of a call that was refused before it ran."""
    return Status(error.status, str(error), (("not-executed", "1"),))


def of_fault(fault: Fault) -> Status:
    """The status of a call that ended in a fault, which is an answer."""
    return Status(_OF_FAULT.get(fault.faultCode, UNKNOWN), fault.faultString,
                  (("fault-code", str(fault.faultCode)),))


def of_reply(reply: Reply) -> Status:
    """The status of a call that got a reply other than 200."""
    headers = {name.lower(): value for name, value in reply.headers.items()}
    trailers = tuple((name, value) for name, value in headers.items() if _PASSED_ON.fullmatch(name))
    lines = reply.body.decode("utf-8", "replace").strip().splitlines()
    message = lines[0] if lines else f"HTTP {reply.status}"
    if reply.status == 503 and headers.get("not-executed") == "1":
        return Status(UNAVAILABLE, message, trailers)
    return Status(_OF_HTTP.get(reply.status, INTERNAL), message, trailers)
