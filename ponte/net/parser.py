r"""How HTTP/1.1 messages are read: bytes in, whole messages out, without a socket.

How a message is put together from pieces stands in assembly.py; here is what is in a head. The
parser has no socket (it is "sans-IO"), so that one parser serves both drivers.

Wire format: RFC 9112, read strictly. Where two readers could read the same bytes in two ways, the
parser refuses them: an attacker would hide a second request in such bytes ("request smuggling").
"""

from __future__ import annotations

import re
from typing import ClassVar

from ponte.net.address import Address
from ponte.net.assembly import Head, M, Parser
from ponte.net.fields import TEXT, TOKEN, parse_fields
from ponte.net.framing import body_length, keeps_alive
from ponte.net.known_heads import remember, without_date, without_number, without_trace
from ponte.net.message import (
    CONTINUE,
    MAX_HEAD_BYTES,
    MAX_TARGET_BYTES,
    ProtocolError,
    Reply,
    Request,
)
from ponte.net.target import HOST, is_target, path_of

__all__ = ["MAX_EMPTY_LINES", "M", "Parser", "ReplyParser", "RequestParser"]

# A method is a token (RFC 9110 section 9.1); no method is longer than this.
_METHOD = TOKEN[:-1] + "{1,32}"
_REQUEST_LINE = re.compile(rf"({_METHOD}) ([!-\x22$-~]+) HTTP/([0-9])\.([0-9])\r\n")
_STATUS_LINE = re.compile(rf"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: {TEXT})?\r\n")
# Empty lines before a request line, and how many of them are passed over between two requests. Old
# clients send one behind a body; a flood of them is refused.
_EMPTY_LINES = re.compile(rb"(?:\r?\n)+")
MAX_EMPTY_LINES = 16
# The beginning of a request line, however little of it has come; and one that is too long.
_BEGINNING = re.compile(rf"{_METHOD}(?: |\Z)".encode())
_LONG_TARGET = re.compile(rb"[^ ]+ [^ ]{%d}" % (MAX_TARGET_BYTES + 1))


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

    _known: ClassVar[dict[bytes, Head]] = {}

    def __init__(self, peer: Address = ("", 0)) -> None:
        super().__init__()
        self.peer = peer
        # Call-Number of the request whose head was read last: known heads are without it.
        self._number: str | None = None
        # Its Traceparent, likewise; "" if it has none.
        self._trace = ""
        # Whether "100 Continue" was given out for that request.
        self._continued = False
        # How many empty lines have come since the last request.
        self._empty_lines = 0

    def take_interim(self) -> bytes:
        """"100 Continue", once for a client that waits for it (RFC 9110 section 10.1.1)."""
        if (self._continued or self._head is None or self._buffer
                or "expect" not in self._head.headers):
            return b""
        self._continued = True
        return CONTINUE

    def _pass_over_empty_lines(self) -> None:
        # 1. A body may begin with anything.
        buffer = self._buffer
        if isinstance(buffer, bytearray):
            return
        # 2. RFC 9112 section 2.2. What stands before a request line belongs to no message, so all
        #    readers find the same requests behind it. A lone CR is no line: it stays, and is
        #    refused. So is a flood of empty lines.
        found = _EMPTY_LINES.match(buffer)
        if found:
            self._empty_lines += found[0].count(b"\n")
            if self._empty_lines <= MAX_EMPTY_LINES:
                self._buffer = buffer = buffer[found.end():]
        # 3. The first half of an empty line begins no message, either.
        self.in_message = buffer not in (b"", b"\r")

    def _no_request(self, reason: str) -> ProtocolError:
        """What is raised where no request line begins. In a flood, one more empty line is there."""
        if self._empty_lines > MAX_EMPTY_LINES:
            reason = f"more than {MAX_EMPTY_LINES} empty lines before a request"
        return ProtocolError(400, reason)

    def _check_unfinished(self, part: bytes) -> None:
        # 1. It begins with a method (RFC 9112 section 3.1), or with half of an empty line.
        if part == b"\r":
            return
        if not _BEGINNING.match(part):
            raise self._no_request("not an HTTP request")
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

    def _read_head(self, raw: bytes) -> Head:
        """The head, from the known ones if possible. What is new in each call is kept apart."""
        (shape, number), trace = without_number(raw), ""
        head = self._known.get(shape)
        if head is None:
            # No head is known with its trace: most have none.
            shape, trace = without_trace(shape)
            head = self._known.get(shape) if trace else None
        if head is None:
            head = self._parse_head((raw + b"\r\n").decode("latin-1"))
            parsed = head.headers.pop("call-number", None)
            traced = head.headers.pop("traceparent", "")
            # A trace of another form, one of two, or one for this hop alone (RFC 9110 section
            # 7.6.1) is a header like any other.
            is_apart = traced == trace and \
                "traceparent" not in head.headers.get("connection", "").lower()
            if traced and not is_apart:
                head.headers["traceparent"], trace = traced, ""
            # A head with a value that does not come a second time is not remembered: one whose
            # number or trace has another form, so that it is still in `shape`; and one with the key
            # of a foreign client.
            if parsed == number and is_apart and "idempotency-key" not in head.headers:
                remember(self._known, shape, head)
            number = parsed
        self._number, self._trace = number, trace
        return head

    def _parse_head(self, text: str) -> Head:
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
            if method == "POST":
                raise ProtocolError(411, "POST without Content-Length")
            length = 0
        # 7. Whether the connection stays open (RFC 9112 section 9.3).
        return Head((method, target), headers, length, keeps_alive(headers, minor))

    def _parse_request_line(self, text: str) -> re.Match[str]:
        """Method, target and the version's two digits, as groups 1 to 4 (RFC 9112 section 3)."""
        # 1. Three words with one space between them.
        line = _REQUEST_LINE.match(text)
        if not line:
            raise self._no_request("malformed request line")
        # 2. The version (RFC 9112 section 2.3).
        if line[3] != "1":
            raise ProtocolError(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
        # 3. The target (RFC 9112 section 3.2).
        if not is_target(line[1], line[2]):
            raise ProtocolError(400, "malformed target")
        if len(line[2]) > MAX_TARGET_BYTES:
            raise ProtocolError(414, f"a target of more than {MAX_TARGET_BYTES} bytes")
        return line

    def _message(self, head: Head, body: bytes) -> Request:
        self._continued, self._empty_lines = False, 0
        (method, target), headers, _, keep_alive = head
        return Request(method, target, headers, body, keep_alive, self._number, self.peer,
                       self._trace)


class ReplyParser(Parser[Reply]):
    r"""Reads replies: the client's side. Interim replies (1xx) are ignored.

    >>> parser = ReplyParser()
    >>> parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nWorld")
    >>> parser.next_message().body
    b'World'
    """

    _known: ClassVar[dict[bytes, Head]] = {}

    def _check_unfinished(self, part: bytes) -> None:
        # 1. It begins with the version (RFC 9112 section 4).
        if not part.startswith(b"HTTP/1."[:len(part)]):
            raise ProtocolError(502, "not an HTTP reply")
        # 2. The limit of the whole head.
        if len(part) > MAX_HEAD_BYTES:
            raise ProtocolError(502, f"headers of more than {MAX_HEAD_BYTES} bytes")

    def _read_head(self, raw: bytes) -> Head | None:
        """The head, from the known ones if possible; None for an interim reply.

        A head is known with its Date, for the rest of this second, and without.
        """
        head = self._known.get(raw)
        if head is None:
            shape, date = without_date(raw)
            head = self._known.get(shape)
            # Of two dates, one is still in `shape`.
            if head is None or head.words[1]:
                head = self._parse_head((raw + b"\r\n").decode("latin-1"))
            if head is None:
                return None
            status, parsed = head.words
            # So is one of another form: such a head is not remembered.
            if parsed in (None, date):
                remember(self._known, shape, head._replace(words=(status, None)))
                head = head._replace(words=(status, date))
                remember(self._known, raw, head)
        return head

    def _parse_head(self, text: str) -> Head | None:
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
        # 5. Whether the connection stays open (RFC 9112 section 9.3). The Date is kept apart.
        words = int(status), headers.pop("date", None)
        return Head(words, headers, length, keeps_alive(headers, minor))

    def _message(self, head: Head, body: bytes) -> Reply:
        (status, date), headers, _, keep_alive = head
        return Reply(status, headers, body, keep_alive, "", date)
