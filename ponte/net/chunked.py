r"""The chunked body: a body in pieces, each with its size before it (RFC 9112 section 7.1).

A sender that does not know the length of a body when it begins to send it uses this framing. Here
"hello" is sent as two chunks; the size 0 announces the end, and trailers may stand behind it:

    2;name=value\r\n        a size in hexadecimal digits, and perhaps an extension
    he\r\n                  so many bytes
    3\r\n
    llo\r\n
    0\r\n                   the last chunk has no bytes
    Checksum: x\r\n         a trailer
    \r\n                    an empty line: the end

Extensions and trailers are checked and dropped. Ponte reads chunks and never writes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar, Literal

from ponte.net.fields import parse_fields
from ponte.net.message import MAX_HEADERS, ProtocolError

# A line with a size, or with a trailer. Extensions of real programs are much shorter.
MAX_LINE_BYTES = 8 * 1024
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?")


# What the next bytes of a chunked body are, and what was read of them.
Part = Literal["size", "data", "trailer", "end"]
Found = Literal["chunk", "last chunk", "bytes", "field", "empty line"]

# The grammar of RFC 9112 section 7.1 as a table: part -> what was found in it -> the next part.
# A body begins with "size"; at "end" the bytes belong to the next message.
NEXT_PART: dict[Part, dict[Found, Part]] = {
    "size": {"chunk": "data", "last chunk": "trailer"},
    "data": {"bytes": "size"},
    "trailer": {"field": "trailer", "empty line": "end"},
}


class ChunkedBody:
    r"""The reader of one chunked body. Not thread-safe.

    Parameters: `max_bytes`, of all chunks together. A longer body is refused as soon as the size of
    the chunk is known that would make it longer.

    >>> reader, buffer = ChunkedBody(max_bytes=1000), bytearray(b"2\r\nhe\r\n3\r\nl")
    >>> reader.take(buffer) is None
    True
    >>> buffer += b"lo\r\n0\r\n\r\nGET / HTTP/1.1"
    >>> reader.take(buffer), bytes(buffer)
    (b'hello', b'GET / HTTP/1.1')
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._part: Part = "size"
        # The bytes of the chunks that are whole.
        self._body = bytearray()
        # Of the chunk whose bytes come next.
        self._size = 0
        self._trailers = 0

    def take(self, buffer: bytearray) -> bytes | None:
        """Moves what it can out of `buffer`. Returns the whole body, or None if part is missing.

        Raises ProtocolError for what is not a chunked body.
        """
        part = self._part
        while part != "end":
            found = self._READ[part](self, buffer)
            if found is None:
                self._part = part
                return None
            part = NEXT_PART[part][found]
        return bytes(self._body)

    def _read_size(self, buffer: bytearray) -> Found | None:
        # 1. A whole line.
        line = _take_line(buffer)
        if line is None:
            return None
        # 2. Hexadecimal digits only, and perhaps an extension (RFC 9112 section 7.1.1): int() alone
        #    would take "+5", "0x5" and "1_0".
        match = _SIZE_LINE.fullmatch(line)
        if not match:
            raise ProtocolError(400, "malformed chunk size")
        # 3. Refused before its bytes come.
        self._size = int(match[1], 16)
        if len(self._body) + self._size > self._max_bytes:
            raise ProtocolError(413, f"a body of more than {self._max_bytes} bytes")
        return "chunk" if self._size else "last chunk"

    def _read_data(self, buffer: bytearray) -> Found | None:
        # 1. All bytes of the chunk and the CRLF behind them.
        size = self._size
        if len(buffer) < size + 2:
            return None
        # 2. The CRLF must be where the size says (RFC 9112 section 7.1).
        if buffer[size:size + 2] != b"\r\n":
            raise ProtocolError(400, "a chunk longer than its size")
        self._body += buffer[:size]
        del buffer[:size + 2]
        return "bytes"

    def _read_trailer(self, buffer: bytearray) -> Found | None:
        # 1. A whole line; an empty one is the end (RFC 9112 section 7.1.2).
        line = _take_line(buffer)
        if line is None:
            return None
        if not line:
            return "empty line"
        # 2. A header field, of which there is a limit.
        self._trailers += 1
        if self._trailers > MAX_HEADERS:
            raise ProtocolError(431, f"more than {MAX_HEADERS} trailers")
        parse_fields(line.decode("latin-1") + "\r\n")
        return "field"

    _READ: ClassVar[dict[Part, Callable[[ChunkedBody, bytearray], Found | None]]] = {
        "size": _read_size, "data": _read_data, "trailer": _read_trailer}


def _take_line(buffer: bytearray) -> bytes | None:
    """Moves one line out of `buffer`. Returns it without its CRLF, or None if part is missing."""
    end = buffer.find(b"\n", 0, MAX_LINE_BYTES)
    if end < 0:
        if len(buffer) >= MAX_LINE_BYTES:
            raise ProtocolError(400, "an endless line in a chunked body")
        return None
    line = bytes(buffer[:end + 1])
    if not line.endswith(b"\r\n"):
        raise ProtocolError(400, "a line that ends in a bare LF")
    del buffer[:end + 1]
    return line[:-2]
