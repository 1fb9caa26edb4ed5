"""HTTP/1.1 parser."""

from __future__ import annotations

import re
from typing import ClassVar, Generic, NamedTuple, TypeVar

from ponte.net.message import (
    CONTINUE,
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_KNOWN_HEAD_BYTES,
    MAX_KNOWN_HEADS,
    MAX_TARGET_BYTES,
    Headers,
    ProtocolError,
    Reply,
    Request,
)

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"                                    # RFC 9110 section 5.6.2
_METHOD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}"                              # the same, of a length that methods have
_TEXT = r"[^\x00-\x08\x0a-\x1f\x7f]*"                                      # field values: no control characters
_REQUEST_LINE = re.compile(rf"({_METHOD}) ([!-\x22$-~]+) HTTP/([0-9])\.([0-9])\r\n")
_STATUS_LINE = re.compile(rf"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: {_TEXT})?\r\n")
_FIELD = re.compile(rf"^({_TOKEN}):({_TEXT})\r\n", re.MULTILINE)
_LENGTH = re.compile(r"[0-9]{1,15}")                                       # int() alone would take "+5" and "1_0"
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?")
_HOST = re.compile(r"(?:(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_ABSOLUTE = re.compile(rf"https?://({_HOST.pattern})([/?].*)?", re.IGNORECASE)   # a target that names its host, too
_BEGINNING = re.compile(rf"{_METHOD}(?: |\Z)".encode())                    # of a request, however little of it is there
_LONG_TARGET = re.compile(rb"[^ ]+ [^ ]{%d}" % (MAX_TARGET_BYTES + 1))      # the same
_ONLY_ONCE = frozenset(("host", "content-length", "transfer-encoding", "idempotency-key", "if-match",
                        "call-idempotent", "call-timeout-ms", "call-attempt"))
_END_TO_END = frozenset(("host", "content-length"))         # who takes these away for "Connection" changes the message
_CHUNKED = -1
_CALL_ID = b"\r\nIdempotency-Key: "                # the one line that is new in every request of a stub...
_CALL_ID_IN_LOWER_CASE = _CALL_ID.lower()           # ...as HAProxy passes it on...
_CALL_ID_CHARS = 32                                 # ...and the length of its value


class _Head(NamedTuple):
    """A parsed head: the words of its first line, its headers, and how long the body is (or _CHUNKED)."""

    words: tuple[str, ...]
    headers: Headers
    length: int
    keep_alive: bool


def _parse_fields(text: str, start: int) -> Headers:
    """The header lines of `text` from `start` on; raises ProtocolError on any line that is not one."""
    fields = _FIELD.findall(text, start)
    if len(fields) != text.count("\n", start):      # a line was skipped: bare LF, folding, control character...
        raise ProtocolError(400, "malformed header line")
    if len(fields) > MAX_HEADERS:
        raise ProtocolError(431, f"more than {MAX_HEADERS} headers")
    headers = Headers()
    for field, text_of_value in fields:
        name, value = field.lower(), text_of_value.strip(" \t")
        if name not in headers:
            headers[name] = value
        elif name in _ONLY_ONCE:
            raise ProtocolError(400, f"two headers {name}")
        else:
            headers[name] += f", {value}"
    return headers


def _without_call_id(raw: bytes) -> tuple[bytes, str | None]:
    """A head without the line of its call id, and the id, where they are written as a stub does."""
    at = raw.find(_CALL_ID)
    if at < 0:
        at = raw.find(_CALL_ID_IN_LOWER_CASE)
    if at < 0:
        return raw, None
    start = at + len(_CALL_ID)
    end = start + _CALL_ID_CHARS
    call_id = raw[start:end]
    if not call_id.isalnum() or raw[end:end + 2] != b"\r\n":
        return raw, None
    return raw[:at] + raw[end:], call_id.decode()


def _is_target(method: str, target: str) -> bool:
    """RFC 9112 section 3.2. What is no target means different things to different readers: no proxy passes it on."""
    if method == "CONNECT":
        return _HOST.fullmatch(target) is not None
    return target.startswith("/") or (method, target) == ("OPTIONS", "*") or _ABSOLUTE.fullmatch(target) is not None


def _path_of(target: str, host: str | None) -> str:
    """The target without the host that it may name (RFC 9112 section 3.2.2): `host`, or the request has two."""
    absolute = _ABSOLUTE.fullmatch(target)
    if not absolute:
        return target
    named, path = absolute[1], absolute[2] or ""
    if host is not None and named.lower() != host.lower():
        raise ProtocolError(400, "a target of another host than the Host header")
    return path if path.startswith("/") else f"/{path}"


def _body_length(headers: dict[str, str], minor: str, most: int) -> int | None:
    """How the body is framed (RFC 9112 section 6): its length, _CHUNKED, or None where no header says."""
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None:
        if length is not None:
            raise ProtocolError(400, "both Content-Length and Transfer-Encoding")
        if minor == "0":
            raise ProtocolError(400, "Transfer-Encoding in HTTP/1.0")
        if coding.lower() != "chunked":
            raise ProtocolError(501, "Transfer-Encoding other than chunked")
        return _CHUNKED
    if length is None:
        return None
    if not _LENGTH.fullmatch(length):
        raise ProtocolError(400, "Content-Length is not a number")
    if int(length) > most:
        raise ProtocolError(413, f"a body of more than {most} bytes")
    return int(length)


def _keeps_alive(headers: dict[str, str], minor: str) -> bool:
    """HTTP/1.0 always closes; HTTP/1.1 closes where it says so (RFC 9112 section 9.3)."""
    connection = headers.get("connection", "").lower()
    if connection and not _END_TO_END.isdisjoint(option.strip(" \t") for option in connection.split(",")):
        raise ProtocolError(400, "a Connection header that names one which is not of this connection")
    return minor != "0" and "close" not in connection


M = TypeVar("M", Request, Reply)


class Parser(Generic[M]):
    """Bytes in, whole messages out. Pipelined bytes wait inside for the next `next_message`.

    Not thread-safe. After a ProtocolError the connection has lost its framing: close it.
    """

    # Heads that were parsed before, by their bytes: those of one caller are all alike. Shared by all parsers of a kind:
    # a kind that takes longer bodies has its own.
    _known: ClassVar[dict[bytes, _Head]]
    max_body_bytes: ClassVar[int] = MAX_BODY_BYTES

    def __init__(self) -> None:
        self._buffer: bytes | bytearray = b""     # bytes as long as one read brings whole messages: no copy
        self._head: _Head | None = None              # may be known to other parsers, too: never changed
        self._chunks: _Chunks | None = None

    @property
    def in_message(self) -> bool:
        """Whether bytes have come that no message has used yet."""
        return bool(self._buffer) or self._head is not None

    def feed(self, data: bytes) -> None:
        if self._buffer:
            self._growing_buffer().extend(data)
        else:
            self._buffer = data

    def next_message(self) -> M | None:
        """The next whole message, or None while it is not all there. Raises ProtocolError."""
        head = self._head
        if head is None:
            head = self._head = self._take_head()
            if head is None:
                return None
            self._chunks = _Chunks(self.max_body_bytes) if head.length == _CHUNKED else None
        body = self._chunks.take(self._growing_buffer()) if self._chunks else self._take(head.length)
        if body is None:
            return None
        self._head = None
        return self._message(head, body)

    def take_interim(self) -> bytes:
        """What must be sent now so that the other side goes on with its message; mostly nothing."""
        return b""

    def _growing_buffer(self) -> bytearray:
        """The buffer as one that can grow, and be eaten from its front, at no cost."""
        if isinstance(self._buffer, bytes):
            self._buffer = bytearray(self._buffer)
        return self._buffer

    def _take(self, length: int) -> bytes | None:
        """The first `length` bytes, if so many are there."""
        buffer = self._buffer
        if len(buffer) < length:
            return None
        if len(buffer) == length:       # the end of what came, as it mostly is with a body
            self._buffer = b""
            return bytes(buffer)
        taken = bytes(buffer[:length])
        if isinstance(buffer, bytes):
            self._buffer = buffer[length:]
        else:
            del buffer[:length]
        return taken

    def _take_head(self) -> _Head | None:
        head = None
        while head is None:         # more than once only for interim replies
            end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES)
            if end < 0:
                self._judge_part(self._buffer)
                return None
            raw = self._take(end + 4)
            assert raw is not None
            head = self._read_head(raw)
        return head

    def _remember(self, raw: bytes, head: _Head) -> None:
        if len(raw) <= MAX_KNOWN_HEAD_BYTES:
            if len(self._known) >= MAX_KNOWN_HEADS:
                self._known.clear()     # those in use are back at once
            self._known[raw] = head

    def _judge_part(self, part: bytes | bytearray) -> None:
        """Raises ProtocolError as soon as an unfinished head cannot become a good one."""
        raise NotImplementedError

    def _read_head(self, raw: bytes) -> _Head | None:
        """The head in these bytes; None for one that is to be passed over."""
        raise NotImplementedError

    def _message(self, head: _Head, body: bytes) -> M:
        raise NotImplementedError


class RequestParser(Parser[Request]):
    """The server's side."""

    _known: ClassVar[dict[bytes, _Head]] = {}

    def __init__(self) -> None:
        super().__init__()
        self._call_id: str | None = None     # of the head, which is without it
        self._continued = False                 # the client has been told to go on

    def take_interim(self) -> bytes:
        """"100 Continue", once, while a client waits for it before it sends the body (RFC 9110 section 10.1.1)."""
        if self._continued or self._head is None or self._buffer or "expect" not in self._head.headers:
            return b""
        self._continued = True
        return CONTINUE

    def _judge_part(self, part: bytes | bytearray) -> None:
        if part and not _BEGINNING.match(part):
            raise ProtocolError(400, "not an HTTP request")
        line_end = part.find(b"\r\n")
        if line_end < 0 and _LONG_TARGET.match(part):
            raise ProtocolError(414, f"a target of more than {MAX_TARGET_BYTES} bytes")
        if line_end >= 0:
            self._parse_request_line(part[:line_end + 2].decode("latin-1"))
        if part.count(b"\n") != part.count(b"\r\n"):
            raise ProtocolError(400, "a line that ends in a bare LF")
        if len(part) > MAX_HEAD_BYTES:
            raise ProtocolError(431, f"headers of more than {MAX_HEAD_BYTES} bytes")

    def _parse_request_line(self, text: str) -> re.Match[str]:
        line = _REQUEST_LINE.match(text)
        if not line:
            raise ProtocolError(400, "malformed request line")
        if line[3] != "1":
            raise ProtocolError(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
        if not _is_target(line[1], line[2]):
            raise ProtocolError(400, "malformed target")
        if len(line[2]) > MAX_TARGET_BYTES:
            raise ProtocolError(414, f"a target of more than {MAX_TARGET_BYTES} bytes")
        return line

    def _read_head(self, raw: bytes) -> _Head:
        """Parses a head strictly, call id and all; from then on it is known with any call id."""
        shape, call_id = _without_call_id(raw)
        head = self._known.get(shape)
        if head is None:
            head = self._parse_head(raw[:-2].decode("latin-1"))
            named = head.headers.pop("idempotency-key", None)
            if named == call_id:        # else it is written in a way of its own, and still in the shape
                self._remember(shape, head)
            call_id = named
        self._call_id = call_id
        return head

    def _parse_head(self, text: str) -> _Head:
        line = self._parse_request_line(text)
        method, minor = line[1], line[4]
        headers = _parse_fields(text, line.end())
        if not _HOST.fullmatch(headers.get("host", "" if minor != "0" else "none")):
            raise ProtocolError(400, "no valid Host header")
        target = _path_of(line[2], headers.get("host"))
        if minor == "0":
            headers.pop("expect", None)     # RFC 9110 section 10.1.1: not for HTTP/1.0
        if headers.get("expect", "100-continue").lower() != "100-continue":
            raise ProtocolError(417, "unknown Expect header")
        length = _body_length(headers, minor, self.max_body_bytes)
        if length is None:
            if method in ("POST", "PUT", "PATCH"):
                raise ProtocolError(411, f"{method} without Content-Length")
            length = 0
        return _Head((method, target), headers, length, _keeps_alive(headers, minor))

    def _message(self, head: _Head, body: bytes) -> Request:
        self._continued = False
        (method, target), headers, _, keep_alive = head
        return Request(method, target, headers, body, keep_alive, self._call_id)


class ReplyParser(Parser[Reply]):
    """The client's side. Interim replies (1xx) are passed over."""

    _known: ClassVar[dict[bytes, _Head]] = {}

    def _judge_part(self, part: bytes | bytearray) -> None:
        if not part.startswith(b"HTTP/1."[:len(part)]):
            raise ProtocolError(502, "not an HTTP reply")
        if len(part) > MAX_HEAD_BYTES:
            raise ProtocolError(502, f"headers of more than {MAX_HEAD_BYTES} bytes")

    def _read_head(self, raw: bytes) -> _Head | None:
        head = self._known.get(raw)
        if head is None:
            head = self._parse_head(raw[:-2].decode("latin-1"))
            if head is not None:
                self._remember(raw, head)
        return head

    def _parse_head(self, text: str) -> _Head | None:
        line = _STATUS_LINE.match(text)
        if not line:
            raise ProtocolError(502, "malformed status line")
        minor, status = line[1], line[2]
        headers = _parse_fields(text, line.end())
        if status == "101":
            raise ProtocolError(502, "a change of protocol that nobody asked for")
        if status[0] == "1":
            return None             # the real one comes after it
        length = 0 if status in ("204", "304") else _body_length(headers, minor, self.max_body_bytes)
        if length is None:
            raise ProtocolError(502, "a reply without a length cannot be told from a truncated one")
        return _Head((status,), headers, length, _keeps_alive(headers, minor))

    def _message(self, head: _Head, body: bytes) -> Reply:
        (status,), headers, _, keep_alive = head
        return Reply(int(status), headers, body, keep_alive)


class _Chunks:
    """A chunked body on its way (RFC 9112 section 7.1). Extensions and trailers are checked and dropped."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._body = bytearray()
        self._size: int | None = None            # of the chunk that is being read; 0 from the last one on
        self._trailers = 0

    def take(self, buffer: bytearray) -> bytes | None:
        """Moves what it can out of `buffer`; the whole body once its last line is there."""
        while True:
            if self._size is None or self._size == 0:
                line = _take_line(buffer)
                if line is None:
                    return None
                if self._size == 0:
                    if not line:
                        return bytes(self._body)
                    self._check_trailer(line)
                else:
                    self._start_chunk(line)
            elif not self._take_data(buffer, self._size):
                return None

    def _start_chunk(self, line: bytes) -> None:
        match = _CHUNK_SIZE.fullmatch(line)
        if not match:
            raise ProtocolError(400, "malformed chunk size")
        self._size = int(match[1], 16)
        if len(self._body) + self._size > self._most:
            raise ProtocolError(413, f"a body of more than {self._most} bytes")

    def _take_data(self, buffer: bytearray, size: int) -> bool:
        if len(buffer) < size + 2:
            return False
        if buffer[size:size + 2] != b"\r\n":
            raise ProtocolError(400, "a chunk longer than its size")
        self._body += buffer[:size]
        del buffer[:size + 2]
        self._size = None
        return True

    def _check_trailer(self, line: bytes) -> None:
        self._trailers += 1
        if self._trailers > MAX_HEADERS:
            raise ProtocolError(431, f"more than {MAX_HEADERS} trailers")
        _parse_fields(line.decode("latin-1") + "\r\n", 0)


def _take_line(buffer: bytearray) -> bytes | None:
    """One line of chunked framing, without its CRLF; None while it is not all there."""
    end = buffer.find(b"\n", 0, MAX_TARGET_BYTES)
    if end < 0:
        if len(buffer) >= MAX_TARGET_BYTES:
            raise ProtocolError(400, "an endless line in a chunked body")
        return None
    line = bytes(buffer[:end + 1])
    if not line.endswith(b"\r\n"):
        raise ProtocolError(400, "a line that ends in a bare LF")
    del buffer[:end + 1]
    return line[:-2]
