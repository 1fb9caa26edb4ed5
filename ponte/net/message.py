"""HTTP/1.1 messages as bytes: parsing and encoding, without a socket.

Wire format: RFC 9110 and RFC 9112, the strict part of it. A message comes out whole or not at all: nobody
sees a request or a reply before its last byte has arrived. Rule R (ponte/calls/rule.py) rests on that.

Bytes are fed in and messages taken out (sans-IO), so that one parser serves blocking threads and event loops.

Not here, on purpose: HTTP/2, HEAD, what is inside a body (ponte/rpc/marshal.py), and replies that end with the stream:
one without a length cannot be told from a truncated one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, NamedTuple, TypeVar

MAX_HEAD_BYTES = 16 * 1024      # start line and headers; nginx and HAProxy stop at 16 to 32 KiB too
MAX_TARGET_BYTES = 8 * 1024     # RFC 9110 section 4.1 asks for 8,000 at least
MAX_HEADERS = 100
MAX_BODY_BYTES = 1024 * 1024    # nginx's default; each connection may hold this much memory
MAX_KNOWN_HEADS = 1024          # parsed heads that are remembered, by their bytes; costs about 2.4 KB each
MAX_KNOWN_HEAD_BYTES = 400      # longer ones are not; so short a head never has MAX_HEADERS lines


T = TypeVar("T")


class Headers(dict[str, str]):
    """The headers of a parsed message, names in lower case. Messages with the same head share them: never changed.

    Attributes: `found`, what `once` has found in them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[Callable[[Mapping[str, str]], Any], Any] = {}


def once(find: Callable[[Mapping[str, str]], T], headers: Mapping[str, str]) -> T:
    """What `find` finds in headers, which is not None; for parsed ones it is asked once for each head that is known."""
    if not isinstance(headers, Headers):
        return find(headers)
    found: T | None = headers.found.get(find)
    if found is None:
        found = headers.found[find] = find(headers)
    return found


class Request(NamedTuple):
    """A whole request; `body` is already free of chunking.

    `call_id` is its Idempotency-Key. That is the one header which is new in every request: it is not in `headers`.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    keep_alive: bool = True
    call_id: str | None = None


class Reply(NamedTuple):
    """A whole reply; `keep_alive` says whether its connection may be used on.

    The headers of one that was parsed are `Headers`; those of one that is to be sent may be written in any case.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    keep_alive: bool = True


class ProtocolError(Exception):
    """The other side broke HTTP. A server answers `status` and `headers` (RFC 9110 section 15)."""

    def __init__(self, status: int, reason: str, **headers: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers      # as `text_reply` takes them


REASONS = {
    100: "Continue", 200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 411: "Length Required", 412: "Precondition Failed", 413: "Content Too Large",
    414: "URI Too Long", 415: "Unsupported Media Type", 417: "Expectation Failed",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
    502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported",
    508: "Loop Detected",
}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def lines_of(headers: Mapping[str, str]) -> str:
    """Headers as the lines of a head."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])


def encode_request(method: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """The bytes of a request; `headers` come without Content-Length."""
    return write_request(method, target, lines_of(headers), body)


def write_request(method: str, target: str, lines: str, body: bytes) -> bytes:
    """The same for headers that are lines already."""
    return f"{method} {target} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body


def encode_reply(reply: Reply) -> bytes:
    """The bytes of a reply; its headers come without Content-Length and Connection."""
    status, headers, body, keep_alive = reply
    lines = lines_of(headers) if keep_alive else f"{lines_of(headers)}Connection: close\r\n"
    return (f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}\r\n{lines}"
            f"Content-Length: {len(body)}\r\n\r\n").encode("latin-1") + body


def text_reply(status: int, text: str, **headers: str) -> Reply:
    """A short reply for people: one line of plain text. `Not_Executed="1"` becomes the header Not-Executed."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"Content-Type": "text/plain; charset=utf-8", **named}, (text + "\n").encode())


