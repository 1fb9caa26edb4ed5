r"""HTTP/1.1 messages: requests and replies as values, and how they are written as bytes.

How they are read stands in parser.py. Nothing here touches a socket, a clock or a thread.

Wire format: RFC 9110 and RFC 9112, the strict part of it. What we write has one Content-Length, and
no chunks:

    POST /greeter HTTP/1.1\r\n          HTTP/1.1 200 OK\r\n
    Host: 127.0.0.1:4180\r\n            Content-Type: text/xml\r\n
    Content-Length: 5\r\n               Content-Length: 5\r\n
    \r\n                                \r\n
    hello                               World

Not here, on purpose: HTTP/2, what is inside a body (ponte/rpc/marshal.py), replies to a HEAD of
ours, and replies that end with the stream: a reply without a length cannot be told from a truncated
one.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, NamedTuple

from ponte.net.address import Address

# Start line and headers together. nginx and HAProxy stop at 16 to 32 KiB too.
MAX_HEAD_BYTES = 16 * 1024
# RFC 9110 section 4.1 asks for 8,000 at least.
MAX_TARGET_BYTES = 8 * 1024
# Lines of headers, and as many lines of trailers.
MAX_HEADERS = 100
# nginx's default. Each connection may hold this much memory; a longer body is refused.
MAX_BODY_BYTES = 1024 * 1024

REASONS = {
    100: "Continue",
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    411: "Length Required",
    412: "Precondition Failed",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    417: "Expectation Failed",
    421: "Misdirected Request",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
    508: "Loop Detected",
}
_STATUS_LINES = {status: f"HTTP/1.1 {status} {reason}\r\n" for status, reason in REASONS.items()}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Request(NamedTuple):
    """A whole request. Its body is never chunked: a parser joins the chunks.

    `headers` of a parsed request have names in lower case. `call_number` is the value of
    Call-Number as it came, None without that header. It is the one header that differs in every
    request of a client, so it is kept apart: it is not in `headers`. So is `traceparent`, where it
    has the form of W3C Trace Context; "" where there is none.
    `keep_alive`: whether the caller may send another request on this connection. `peer`: host and
    port of the process that has connected. `observed`: what tells the events of its call, where
    somebody watches (ponte/process/observed_call.py). `prepare`: how its call is read and run,
    where it is not the XML in the body: see `Dispatcher.prepare_call` (ponte/rpc/dispatcher.py).
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    keep_alive: bool = True
    call_number: str | None = None
    peer: Address = ("", 0)
    traceparent: str = ""
    observed: Any = None
    prepare: Any = None

    @property
    def is_json(self) -> bool:
        """Whether its Content-Type is application/json, which no page of a browser sends to another
        site without asking there first (CORS protocol, Fetch standard).
        """
        given = self.headers.get("content-type", "")
        return given.partition(";")[0].strip().lower() == "application/json"

    @property
    def trace_line(self) -> str:
        """Its Traceparent as the line of a head; "" where it has none."""
        return f"Traceparent: {self.traceparent}\r\n" if self.traceparent else ""


class Reply(NamedTuple):
    """A whole reply.

    `headers` of a parsed reply have names in lower case; in a reply to be sent, any case will do.
    `keep_alive`: whether another request may be sent on this connection. `lines`: further headers
    of a reply to be sent, as the lines of a head that are written already. `date` is the value of
    Date as it came, None without that header. It differs in every second, so it is kept apart: it
    is not in `headers`.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    keep_alive: bool = True
    lines: str = ""
    date: str | None = None


class ProtocolError(Exception):
    """The other side broke HTTP, or a limit.

    Attributes: `status` (RFC 9110 section 15) and `headers` of the reply that a server gives to it,
    the latter written as for `text_reply`; `reason`, a few words for people.
    """

    def __init__(self, status: int, reason: str, **headers: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers


def lines_of(headers: Mapping[str, str]) -> str:
    """Headers as the lines of a head."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])


def encode_request(method: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
    r"""The bytes of a request. `headers` come without Content-Length, which is added here.

    >>> encode_request("POST", "/greeter", {"Host": "here"}, b"hello")
    b'POST /greeter HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nhello'
    """
    return write_request(method, target, lines_of(headers), body)


def write_request(method: str, target: str, lines: str, body: bytes) -> bytes:
    """The same for headers that are lines already."""
    return (f"{method} {target} HTTP/1.1\r\n{lines}"
            f"Content-Length: {len(body)}\r\n\r\n").encode("latin-1") + body


def encode_reply(reply: Reply, now: str = "", kept: str = "") -> bytes:
    r"""The bytes of a reply. Its headers come without Content-Length and Connection, added here.

    `now` is the line Date of a reply that has none (`date_line`); `kept` are the lines of one that
    keeps its connection.

    >>> encode_reply(Reply(200, {}, b"World", lines="Served-By: server-1\r\n"))
    b'HTTP/1.1 200 OK\r\nServed-By: server-1\r\nContent-Length: 5\r\n\r\nWorld'
    >>> encode_reply(Reply(200, {"Served-By": "server-1"}, b"World"))
    b'HTTP/1.1 200 OK\r\nServed-By: server-1\r\nContent-Length: 5\r\n\r\nWorld'
    """
    status, headers, body, keep_alive, lines, date = reply
    if headers:
        lines += lines_of(headers)
    start = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} Status\r\n"
    dated = f"Date: {date}\r\n" if date else now
    stays = kept if keep_alive else "Connection: close\r\n"
    head = f"{start}{dated}{lines}{stays}Content-Length: {len(body)}\r\n\r\n"
    return head.encode("latin-1") + body


def date_line(second: int) -> str:
    r"""The line Date (RFC 9110 sections 5.6.7 and 6.6.1) for a time in seconds since 1970.

    >>> date_line(784111777)
    'Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n'
    """
    return f"Date: {formatdate(second, usegmt=True)}\r\n"


def head_of(message: bytes) -> bytes:
    r"""The head of a written reply: the whole reply to HEAD (RFC 9110 section 9.3.2).

    >>> head_of(encode_reply(Reply(200, {}, b"World")))
    b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'
    """
    return message[:message.index(b"\r\n\r\n") + 4]


def text_reply(status: int, text: str, **headers: str) -> Reply:
    """A short reply for people: one line of plain text. Underscores in header names become hyphens.

    >>> text_reply(503, "not executed", Not_Executed="1").headers["Not-Executed"]
    '1'
    """
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"Content-Type": "text/plain; charset=utf-8", **named},
                 (text + "\n").encode())
