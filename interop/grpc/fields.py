"""Which header fields HTTP/2 allows (RFC 9113, sections 8.2 and 8.3). Pure.

The problem: a field that one program takes and the next one reads otherwise is a way past the
first. A line end in a value, a name in capital letters or `transfer-encoding`, written into
HTTP/1.1 by a relay, can make one request two.

The idea: what is not allowed is *malformed*: the stream is refused, and nothing of it is passed on.

>>> content_length(((b":status", b"200"), (b"content-length", b"5")), REPLY)
5
>>> content_length(((b":status", b"200"), (b"Server", b"x")), REPLY)
Traceback (most recent call last):
    ...
interop.grpc.fields.Malformed: the name b'Server' is not in lower case, or no name
"""

from __future__ import annotations

import re
from functools import lru_cache

from interop.grpc.hpack import STATIC, Field

Fields = tuple[Field, ...]

# The fields before all others, which say what HTTP/1.1 writes into its first line.
REQUEST = frozenset((b":method", b":scheme", b":authority", b":path"))
REPLY = frozenset((b":status",))
TRAILERS: frozenset[bytes] = frozenset()

# Section 8.2.2: they are about a connection of HTTP/1.1.
OF_CONNECTIONS = frozenset((b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding",
                            b"upgrade"))
# Names that need no look at their letters.
_KNOWN = frozenset(name for name, _ in STATIC if not name.startswith(b":")) - OF_CONNECTIONS - {
    b"content-length"} | {b"grpc-timeout", b"grpc-encoding", b"grpc-accept-encoding",
                          b"grpc-status", b"grpc-message"}
_is_name = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+").fullmatch
# Section 8.2.1: no line end and no zero byte; no space at either end.
_is_bad_value = re.compile(rb"[\0\r\n]|\A[ \t]|[ \t]\Z").search
_is_status = re.compile(rb"[1-9][0-9]{2}").fullmatch
_is_length = re.compile(rb"[0-9]{1,18}").fullmatch


# Fields that came before need no second look: most requests have those of an earlier one.
KEPT = 64


class Malformed(ValueError):
    """Header fields that are not allowed."""


@lru_cache(KEPT)
def content_length(fields: Fields, kind: frozenset[bytes]) -> int | None:
    """What content-length says, None without it. Raises Malformed if the fields are.

    `kind` is REQUEST, REPLY or TRAILERS.
    """
    pseudo: dict[bytes, bytes] = {}
    length = None
    has_others = False
    for name, value in fields:
        if _is_bad_value(value):
            raise Malformed(f"the value of {name!r} has a line end, a zero byte or a space around")
        if name.startswith(b":"):
            if has_others or name in pseudo or name not in kind:
                raise Malformed(f"{name!r} stands twice, behind other fields or where none belongs")
            pseudo[name] = value
            continue
        has_others = True
        if name in _KNOWN:
            continue
        _check_name(name, value)
        if name == b"content-length":
            if length is not None or not _is_length(value):
                raise Malformed(f"content-length is {value!r}, or stands twice")
            length = int(value)
    if kind is REQUEST:
        _check_request(pseudo)
    elif kind is REPLY and not _is_status(pseudo.get(b":status", b"")):
        raise Malformed("a reply without a status")
    return length


def _check_name(name: bytes, value: bytes) -> None:
    if not _is_name(name):
        raise Malformed(f"the name {name!r} is not in lower case, or no name")
    if name in OF_CONNECTIONS or (name == b"te" and value != b"trailers"):
        raise Malformed(f"{name!r} is for a connection of HTTP/1.1")


def _check_request(pseudo: dict[bytes, bytes]) -> None:
    """Section 8.3.1; CONNECT, section 8.5, names a host and no path."""
    if pseudo.get(b":method") == b"CONNECT":
        if pseudo.keys() != {b":method", b":authority"}:
            raise Malformed("CONNECT has a method and an authority")
    elif not all(map(pseudo.get, (b":method", b":scheme", b":path"))):
        raise Malformed("a request without a method, a scheme or a path")
