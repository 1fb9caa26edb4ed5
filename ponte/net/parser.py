r"""How HTTP/1.1 messages are read: bytes in, whole messages out, without a socket.

A message comes out whole or not at all: no request and no reply is seen before its last byte has
arrived. Rule R (ponte/calls/rule.py) rests on that. The parser has no socket (it is "sans-IO"), so
that one parser serves both drivers.

Wire format: RFC 9112, read strictly. Where two readers could read the same bytes in two ways, the
parser refuses them: an attacker would hide a second request in such bytes ("request smuggling").

`next_message` reads a message in one go if all of it has come, as nearly always:

    the head    up to the first empty line              -> `_read_head`
    the body    as many bytes as the head announces
    the message comes out                               -> `_message`

If part of the body is missing, or if it is chunked, `_begin` keeps the head, and `_go_on` reads the
body when more bytes have come.

Not guaranteed: anything after a ProtocolError. The parser no longer knows where the next message
begins, so the connection must be closed.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from ponte.net.address import Address
from ponte.net.chunked import ChunkedBody
from ponte.net.fields import TEXT, TOKEN, parse_fields
from ponte.net.framing import CHUNKED, body_length, keeps_alive
from ponte.net.known_heads import Headers, remember, without_number
from ponte.net.message import (
    CONTINUE,
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    MAX_TARGET_BYTES,
    ProtocolError,
    Reply,
    Request,
)
from ponte.net.target import HOST, is_target, path_of

# A method is a token (RFC 9110 section 9.1); no method is longer than this.
_METHOD = TOKEN[:-1] + "{1,32}"
_REQUEST_LINE = re.compile(rf"({_METHOD}) ([!-\x22$-~]+) HTTP/([0-9])\.([0-9])\r\n")
_STATUS_LINE = re.compile(rf"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: {TEXT})?\r\n")
# The beginning of a request line, however little of it has come; and one that is too long.
_BEGINNING = re.compile(rf"{_METHOD}(?: |\Z)".encode())
_LONG_TARGET = re.compile(rb"[^ ]+ [^ ]{%d}" % (MAX_TARGET_BYTES + 1))
# The empty line behind a head, with the end of the line before it; and how long the rest may be.
_END = b"\r\n\r\n"
_MAX_RAW_BYTES = MAX_HEAD_BYTES - len(_END)


class _Head(NamedTuple):
    """A parsed head. Parsers share it, so it is never changed.

    `words` of the first line, as the message has them: method and target, or the status.
    `length`: the bytes of the body, or CHUNKED.
    """

    words: tuple[Any, ...]
    headers: Headers
    length: int
    keep_alive: bool


M = TypeVar("M", Request, Reply)


class Parser(Generic[M]):
    """Bytes in, whole messages out. Bytes of later messages wait inside for `next_message`.

    Attribute: `in_message`, whether bytes have come that no message has used yet.

    Not thread-safe. Never blocks. After a ProtocolError, close the connection.
    """

    # Heads that were parsed before, by their bytes (known_heads.py). All parsers of one class share
    # them; a class that takes longer bodies has its own.
    _known: ClassVar[dict[bytes, _Head]]
    max_body_bytes: ClassVar[int] = MAX_BODY_BYTES

    def __init__(self) -> None:
        # What has come, and is in no message yet. A bytearray, which grows without a copy, from the
        # head of a message that has begun until its body is all there; else bytes.
        self._buffer: bytes | bytearray = b""
        self.in_message = False
        # The head of the message that has begun, and the reader of its body if it is chunked.
        self._head: _Head | None = None
        self._chunks: ChunkedBody | None = None

    def feed(self, data: bytes) -> None:
        """Takes bytes that have arrived, in pieces of any size."""
        self._buffer += data
        self.in_message = True

    def next_message(self) -> M | None:
        """The next whole message, or None while it is not all there. Raises ProtocolError."""
        buffer = self._buffer
        # 1. A message that has begun.
        if isinstance(buffer, bytearray):
            return self._go_on(buffer)
        # 2. The next head. Those of interim replies are skipped.
        head = None
        while head is None:
            raw, end, rest = buffer.partition(_END)
            if not end or len(raw) > _MAX_RAW_BYTES:
                if buffer:
                    self._check_unfinished(raw + end)
                else:
                    self.in_message = False
                return None
            head = self._read_head(raw)
            self._buffer = buffer = rest
        # 3. The body. Nearly always it is just what has come behind the head.
        if len(buffer) == head.length:
            self._buffer, self.in_message = b"", False
            return self._message(head, buffer)
        # 4. Or another message comes behind it.
        if len(buffer) > head.length != CHUNKED:
            self._buffer = buffer[head.length:]
            return self._message(head, buffer[:head.length])
        # 5. Or part of it is missing, or it is chunked.
        return self._begin(head, buffer)

    def take_interim(self) -> bytes:
        """What must be sent now so that the other side sends the rest of its message; often b""."""
        return b""

    def _begin(self, head: _Head, rest: bytes) -> M | None:
        """Begins a message that takes more steps. `rest` is what has come behind its head."""
        self._head = head
        self._buffer = buffer = bytearray(rest)
        if head.length != CHUNKED:
            return None
        self._chunks = ChunkedBody(self.max_body_bytes)
        return self._go_on(buffer)

    def _go_on(self, buffer: bytearray) -> M | None:
        """The message that has begun, or None while its body is not all there."""
        head = self._head
        assert head is not None
        # 1. A chunked body.
        if self._chunks:
            body = self._chunks.take(buffer)
            if body is None:
                return None
            rest = bytes(buffer)
        # 2. Or a number of bytes. They are copied once: they may be many.
        else:
            if len(buffer) < head.length:
                return None
            rest = bytes(buffer[head.length:])
            del buffer[head.length:]
            body = bytes(buffer)
        # 3. The rest belongs to the next message.
        self._head, self._chunks, self._buffer = None, None, rest
        self.in_message = bool(rest)
        return self._message(head, body)

    def _check_unfinished(self, part: bytes) -> None:
        """Raises ProtocolError for a head that is too long, or that cannot become a valid one."""
        raise NotImplementedError

    def _read_head(self, raw: bytes) -> _Head | None:
        """The head in these bytes, which end before the CRLF of its last line.

        None if it is to be ignored.
        """
        raise NotImplementedError

    def _message(self, head: _Head, body: bytes) -> M:
        raise NotImplementedError


class RequestParser(Parser[Request]):
    r"""Reads requests: the server's side. `peer`: who sends them.

    >>> parser = RequestParser()
    >>> parser.feed(b"POST /greeter HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nhel")
    >>> parser.next_message() is None
    True
    >>> parser.feed(b"lo")
    >>> request = parser.next_message()
    >>> request.method, request.target, request.body
    ('POST', '/greeter', b'hello')
    """

    _known: ClassVar[dict[bytes, _Head]] = {}

    def __init__(self, peer: Address = ("", 0)) -> None:
        super().__init__()
        self._peer = peer
        # Call-Number of the request whose head was read last: known heads are without it.
        self._number: str | None = None
        # Whether "100 Continue" was given out for that request.
        self._continued = False

    def take_interim(self) -> bytes:
        """"100 Continue", once for a client that waits for it (RFC 9110 section 10.1.1)."""
        if (self._continued or self._head is None or self._buffer
                or "expect" not in self._head.headers):
            return b""
        self._continued = True
        return CONTINUE

    def _check_unfinished(self, part: bytes) -> None:
        # 1. It begins with a method (RFC 9112 section 3.1).
        if not _BEGINNING.match(part):
            raise ProtocolError(400, "not an HTTP request")
        # 2. The request line, or what has come of it (RFC 9112 section 3).
        line_end = part.find(b"\r\n")
        if line_end < 0 and _LONG_TARGET.match(part):
            raise ProtocolError(414, f"a target of more than {MAX_TARGET_BYTES} bytes")
        if line_end >= 0:
            self._parse_request_line(part[:line_end + 2].decode("latin-1"))
        # 3. Each line ends in CRLF (RFC 9112 section 2.2).
        if part.count(b"\n") != part.count(b"\r\n"):
            raise ProtocolError(400, "a line that ends in a bare LF")
        # 4. The limit of the whole head.
        if len(part) > MAX_HEAD_BYTES:
            raise ProtocolError(431, f"headers of more than {MAX_HEAD_BYTES} bytes")

    def _read_head(self, raw: bytes) -> _Head:
        """The head, from the known ones if possible. Its Call-Number is kept apart."""
        shape, number = without_number(raw)
        head = self._known.get(shape)
        if head is None:
            head = self._parse_head((raw + b"\r\n").decode("latin-1"))
            parsed = head.headers.pop("call-number", None)
            # A head with a value that does not come a second time is not remembered: one whose
            # number has another form, so that it is still in `shape`; and one with the key of
            # a foreign client.
            if parsed == number and "idempotency-key" not in head.headers:
                remember(self._known, shape, head)
            number = parsed
        self._number = number
        return head

    def _parse_head(self, text: str) -> _Head:
        # 1. The request line (RFC 9112 section 3).
        line = self._parse_request_line(text)
        method, minor = line[1], line[4]
        # 2. The header fields (RFC 9112 section 5).
        headers = parse_fields(text, line.end())
        # 3. A valid Host, which only HTTP/1.0 may leave out (RFC 9112 section 3.2).
        if not HOST.fullmatch(headers.get("host", "" if minor != "0" else "none")):
            raise ProtocolError(400, "no valid Host header")
        # 4. The target without its host (RFC 9112 section 3.2.2).
        target = path_of(line[2], headers.get("host"))
        # 5. An expectation: "100-continue" alone, and not in HTTP/1.0 (RFC 9110 section 10.1.1).
        if minor == "0":
            headers.pop("expect", None)
        if headers.get("expect", "100-continue").lower() != "100-continue":
            raise ProtocolError(417, "unknown Expect header")
        # 6. The length of the body; without a header, a request has no body (RFC 9112 section 6.3).
        length = body_length(headers, minor, self.max_body_bytes)
        if length is None:
            if method in ("POST", "PUT", "PATCH"):
                raise ProtocolError(411, f"{method} without Content-Length")
            length = 0
        # 7. Whether the connection stays open (RFC 9112 section 9.3).
        return _Head((method, target), headers, length, keeps_alive(headers, minor))

    def _parse_request_line(self, text: str) -> re.Match[str]:
        """Method, target and the version's two digits, as groups 1 to 4 (RFC 9112 section 3)."""
        # 1. Three words with one space between them.
        line = _REQUEST_LINE.match(text)
        if not line:
            raise ProtocolError(400, "malformed request line")
        # 2. The version (RFC 9112 section 2.3).
        if line[3] != "1":
            raise ProtocolError(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
        # 3. The target (RFC 9112 section 3.2).
        if not is_target(line[1], line[2]):
            raise ProtocolError(400, "malformed target")
        if len(line[2]) > MAX_TARGET_BYTES:
            raise ProtocolError(414, f"a target of more than {MAX_TARGET_BYTES} bytes")
        return line

    def _message(self, head: _Head, body: bytes) -> Request:
        self._continued = False
        (method, target), headers, _, keep_alive = head
        return Request(method, target, headers, body, keep_alive, self._number, self._peer)


class ReplyParser(Parser[Reply]):
    r"""Reads replies: the client's side. Interim replies (1xx) are ignored.

    >>> parser = ReplyParser()
    >>> parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nWorld")
    >>> parser.next_message().body
    b'World'
    """

    _known: ClassVar[dict[bytes, _Head]] = {}

    def _check_unfinished(self, part: bytes) -> None:
        # 1. It begins with the version (RFC 9112 section 4).
        if not part.startswith(b"HTTP/1."[:len(part)]):
            raise ProtocolError(502, "not an HTTP reply")
        # 2. The limit of the whole head.
        if len(part) > MAX_HEAD_BYTES:
            raise ProtocolError(502, f"headers of more than {MAX_HEAD_BYTES} bytes")

    def _read_head(self, raw: bytes) -> _Head | None:
        """The head, from the known ones if possible; None for an interim reply."""
        head = self._known.get(raw)
        if head is None:
            head = self._parse_head((raw + b"\r\n").decode("latin-1"))
            if head is not None:
                remember(self._known, raw, head)
        return head

    def _parse_head(self, text: str) -> _Head | None:
        # 1. The status line (RFC 9112 section 4).
        line = _STATUS_LINE.match(text)
        if not line:
            raise ProtocolError(502, "malformed status line")
        minor, status = line[1], line[2]
        # 2. The header fields (RFC 9112 section 5).
        headers = parse_fields(text, line.end())
        # 3. An interim reply: the final one comes after it (RFC 9110 section 15.2). But after 101
        #    the stream would be another protocol (RFC 9110 section 7.8).
        if status == "101":
            raise ProtocolError(502, "a change of protocol that was not requested")
        if status[0] == "1":
            return None
        # 4. The length of the body (RFC 9112 section 6.3): 204 and 304 have none (item 1). Without
        #    a header, the end of the stream would be the end of the body (item 8): refused.
        if status in ("204", "304"):
            length: int | None = 0
        else:
            length = body_length(headers, minor, self.max_body_bytes)
        if length is None:
            raise ProtocolError(502, "a reply without a length cannot be told from a truncated one")
        # 5. Whether the connection stays open (RFC 9112 section 9.3).
        return _Head((int(status),), headers, length, keeps_alive(headers, minor))

    def _message(self, head: _Head, body: bytes) -> Reply:
        (status,), headers, _, keep_alive = head
        return Reply(status, headers, body, keep_alive)
