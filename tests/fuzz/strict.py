"""A second reader of HTTP/1.1, for tests: it takes what RFC 9112 allows, and nothing else.

It shares no line and no method with ponte/net/parser.py: it reads a whole stream from front to
back, byte by byte where that matters, without regular expressions and without a buffer that grows.
If Ponte takes a message that this one refuses, or reads it in another way, that is a way to
smuggle.

It differs from the RFC only where Ponte does: the headers of rule R come at most once; a status
line may lack the space before an empty reason, as those of many servers do; the text of a chunk
extension is not parsed; and methods, numbers and lines of chunks have a limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
TEXT = frozenset(b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100)))
HEX = frozenset(b"0123456789abcdefABCDEF")
DIGITS = frozenset(b"0123456789")
HOST_BYTES = frozenset(b"-._~!$&'()*+,;=0123456789"
                       b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
# Without "#": no fragment goes on the wire (RFC 9112 section 3.2).
TARGET = frozenset(range(0x21, 0x7F)) - {0x23}
SINGLETONS = (b"host", b"content-length", b"transfer-encoding", b"idempotency-key", b"if-match",
              b"call-session", b"call-number", b"call-resolve",
              b"call-idempotent", b"call-timeout-ms", b"call-attempt")
MAX_METHOD_BYTES = 32
MAX_LENGTH_DIGITS = 15
MAX_CHUNK_DIGITS = 8
MAX_CHUNK_LINE_BYTES = 8 * 1024
# A limit of Ponte: the RFC allows "at least one".
MAX_EMPTY_LINES = 16

Header = tuple[bytes, bytes]


class Refused(Exception):
    """The stream breaks a rule."""


class Unfinished(Exception):
    """The stream ended in the middle of a message."""


class Message(NamedTuple):
    """A message: the words of its first line, its headers with names in lower case, its body.

    `closes`: it is the last message on its connection.
    """

    words: tuple[bytes, ...]
    headers: list[Header]
    body: bytes
    closes: bool


class Reading(NamedTuple):
    """The messages of a stream up to its end, or to the first rule that is broken.

    `unfinished`: the stream ends in the middle of a message. `broken`: the rule, or "".
    """

    messages: list[Message]
    unfinished: bool
    broken: str


def read_requests(stream: bytes) -> Reading:
    return _read_all(stream, _read_request)


def read_replies(stream: bytes) -> Reading:
    return _read_all(stream, _read_reply)


class _Cursor:
    """A place in a stream."""

    def __init__(self, stream: bytes) -> None:
        self._stream, self._at = stream, 0

    @property
    def is_at_end(self) -> bool:
        return self._at == len(self._stream)

    def line(self) -> bytes:
        """The line here, without its CRLF. CR and LF never stand alone (RFC 9112 section 2.2)."""
        start = self._at
        while self._at < len(self._stream):
            byte = self._stream[self._at]
            self._at += 1
            if byte == 0x0A:
                raise Refused("a bare LF")
            if byte == 0x0D:
                if self.take(1) != b"\n":
                    raise Refused("a bare CR")
                return self._stream[start:self._at - 2]
        raise Unfinished

    def skip_empty_lines(self) -> None:
        """Goes on behind CRLFs and LFs (RFC 9112 section 2.2)."""
        count = 0
        while (end := {b"\r\n": 2}.get(self._stream[self._at:self._at + 2])
               or {b"\n": 1}.get(self._stream[self._at:self._at + 1])):
            self._at += end
            count += 1
            _require(count <= MAX_EMPTY_LINES, "a flood of empty lines")

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._stream):
            raise Unfinished
        self._at += count
        return self._stream[self._at - count:self._at]


def _read_all(stream: bytes, read: Callable[[_Cursor], Message | None]) -> Reading:
    cursor, messages = _Cursor(stream), []
    try:
        while not cursor.is_at_end:
            message = read(cursor)
            if message:
                messages.append(message)
    except Unfinished:
        return Reading(messages, True, "")
    except Refused as refusal:
        return Reading(messages, False, str(refusal))
    return Reading(messages, False, "")


def _read_request(cursor: _Cursor) -> Message | None:
    """The request here; None for empty lines at the end of the stream."""
    cursor.skip_empty_lines()
    if cursor.is_at_end:
        return None
    words = cursor.line().split(b" ")
    if len(words) != 3:
        raise Refused("a request line has three words")
    method, target, version = words
    _require(0 < len(method) <= MAX_METHOD_BYTES and TOKEN.issuperset(method), "no method")
    _require(_is_target(method, target), "no target")
    minor = _minor(version)
    headers = _read_headers(cursor)
    hosts = _values(headers, b"host")
    _require(bool(hosts) or minor == 0, "no Host")
    _require(not hosts or _is_host(hosts[0]), "no valid host")
    if target[:1] in b"Hh" and method != b"CONNECT":
        named, target = _split(target)
        _require(not hosts or named.lower() == hosts[0].lower(), "two hosts")
    body = _read_body(cursor, headers, minor)
    return Message((method, target, version), headers, body or b"", _closes(headers, minor))


def _read_reply(cursor: _Cursor) -> Message | None:
    """The reply here; None for an interim one."""
    version, _, rest = cursor.line().partition(b" ")
    status, reason = rest[:3], rest[3:]
    minor = _minor(version)
    _require(minor in (0, 1), "another version")
    _require(len(status) == 3 and DIGITS.issuperset(status) and status[:1] in b"12345", "no status")
    _require(not reason or reason[:1] == b" ", "four digits")
    _require(TEXT.issuperset(reason), "a control character")
    headers = _read_headers(cursor)
    if status[:1] == b"1":
        _require(status != b"101", "nobody asked for another protocol")
        return None
    if status in (b"204", b"304"):
        return Message((version, status), headers, b"", _closes(headers, minor))
    body = _read_body(cursor, headers, minor)
    if body is None:
        raise Refused("a reply without length")
    return Message((version, status), headers, body, _closes(headers, minor))


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise Refused(rule)


def _is_target(method: bytes, target: bytes) -> bool:
    """RFC 9112 section 3.2: origin, absolute, authority or asterisk form."""
    if not target or not TARGET.issuperset(target):
        return False
    if method == b"CONNECT":
        return _is_host(target)
    if target == b"*":
        return method == b"OPTIONS"
    if target.lower().startswith((b"http://", b"https://")):
        return _is_host(_split(target)[0])
    return target[:1] == b"/"


def _split(target: bytes) -> tuple[bytes, bytes]:
    """The host and the path that a target in absolute form names."""
    rest = target[target.index(b"//") + 2:]
    # Where neither mark is found, -1 becomes the end.
    end = min(rest.find(mark) % (len(rest) + 1) for mark in (b"/", b"?"))
    host, path = rest[:end], rest[end:]
    return host, path if path[:1] == b"/" else b"/" + path


def _minor(version: bytes) -> int:
    _require(len(version) == 8 and version[:7] == b"HTTP/1." and version[7] in DIGITS, "not HTTP/1")
    return version[7] - 0x30


def _read_headers(cursor: _Cursor) -> list[Header]:
    headers = _read_fields(cursor)
    _require(all(len(_values(headers, name)) < 2 for name in SINGLETONS),
             "a header that comes at most once came twice")
    return headers


def _read_fields(cursor: _Cursor, max_line_bytes: int | None = None) -> list[Header]:
    """Lines of headers, or of trailers, which are dropped: so they may repeat any name."""
    headers: list[Header] = []
    while True:
        line = cursor.line()
        _require(max_line_bytes is None or len(line) + 2 <= max_line_bytes, "an endless line")
        if not line:
            return headers
        name, colon, value = line.partition(b":")
        _require(bool(colon) and bool(name) and TOKEN.issuperset(name), "a name that is no token")
        _require(TEXT.issuperset(value), "a control character")
        headers.append((name.lower(), value.strip(b" \t")))


def _values(headers: list[Header], wanted: bytes) -> list[bytes]:
    return [value for name, value in headers if name == wanted]


def _read_body(cursor: _Cursor, headers: list[Header], minor: int) -> bytes | None:
    """The body (RFC 9112 section 6.3); None where no header gives its length."""
    codings, lengths = _values(headers, b"transfer-encoding"), _values(headers, b"content-length")
    if codings:
        _require(not lengths, "two lengths")
        _require(minor >= 1, "Transfer-Encoding before HTTP/1.1")
        _require(codings[0].lower() == b"chunked", "another coding")
        return _read_chunks(cursor)
    if not lengths:
        return None
    length = lengths[0]
    _require(0 < len(length) <= MAX_LENGTH_DIGITS and DIGITS.issuperset(length), "no valid length")
    return cursor.take(int(length))


def _read_chunks(cursor: _Cursor) -> bytes:
    body = b""
    while True:
        line = cursor.line()
        _require(len(line) + 2 <= MAX_CHUNK_LINE_BYTES, "an endless line")
        size, semicolon, extension = line.partition(b";")
        if semicolon:
            size = size.rstrip(b" \t")
        _require(0 < len(size) <= MAX_CHUNK_DIGITS and HEX.issuperset(size), "no chunk size")
        _require(TEXT.issuperset(extension), "a control character")
        if int(size, 16) == 0:
            _read_fields(cursor, MAX_CHUNK_LINE_BYTES)
            return body
        body += cursor.take(int(size, 16))
        _require(cursor.take(2) == b"\r\n", "a chunk longer than its size")


def _closes(headers: list[Header], minor: int) -> bool:
    """Whether the connection ends (RFC 9112 section 9.3).

    Connection must not name headers that all hops need (RFC 9110 section 7.6.1).
    """
    options = b",".join(_values(headers, b"connection")).split(b",")
    named = [option.strip(b" \t").lower() for option in options]
    _require(b"host" not in named and b"content-length" not in named,
             "Connection names a header that all hops need")
    return b"close" in named or (minor == 0 and b"keep-alive" not in named)


def _is_host(host: bytes) -> bool:
    """A name or an address, and perhaps a port (RFC 3986 section 3.2.2).

    It is not empty (RFC 9110 section 4.2.1).
    """
    if host[:1] == b"[":
        address, bracket, port = host[1:].partition(b"]")
        if not bracket or not address or not (HEX | frozenset(b":.")).issuperset(address):
            return False
    else:
        name, colon, port = host.partition(b":")
        port = colon + port
        # What stands before the first "%", and the parts that begin with two hexadecimal digits.
        plain, *escaped = name.split(b"%")
        if not name or not HOST_BYTES.issuperset(plain) or not all(
                len(part) >= 2 and HEX.issuperset(part[:2]) and HOST_BYTES.issuperset(part[2:])
                for part in escaped):
            return False
    return not port or (port[:1] == b":" and 0 < len(port) - 1 <= 5 and DIGITS.issuperset(port[1:]))
