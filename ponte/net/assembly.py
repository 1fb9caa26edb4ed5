r"""How a message is put together from bytes that come in pieces: whole, or not at all.

No request and no reply is seen before its last byte has arrived. Rule R (ponte/calls/rule.py) rests
on that. How the head of a message is read stands in parser.py.

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

from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from ponte.net.chunked import ChunkedBody
from ponte.net.framing import CHUNKED
from ponte.net.known_heads import Headers
from ponte.net.message import MAX_BODY_BYTES, MAX_HEAD_BYTES, Reply, Request

# The empty line behind a head, with the end of the line before it; and how long the rest may be.
_END = b"\r\n\r\n"
_MAX_RAW_BYTES = MAX_HEAD_BYTES - len(_END)


class Head(NamedTuple):
    """A parsed head. Parsers share it, so it is never changed.

    `words`: method and target of a request, or status and Date of a reply.
    `length`: the bytes of the body, or CHUNKED.
    """

    words: tuple[Any, ...]
    headers: Headers
    length: int
    keep_alive: bool


M = TypeVar("M", Request, Reply)


class Parser(Generic[M]):
    """Bytes in, whole messages out. Bytes of later messages wait inside for `next_message`.

    Attribute: `in_message`, whether a message has begun: bytes of it have come, and it is not out
    yet. Empty lines before a message are no part of it, and begin none.

    Not thread-safe. Never blocks. After a ProtocolError, close the connection.
    """

    # Heads that were parsed before, by their bytes (known_heads.py). All parsers of one class share
    # them; a class that takes longer bodies has its own.
    _known: ClassVar[dict[bytes, Head]]
    max_body_bytes: ClassVar[int] = MAX_BODY_BYTES

    def __init__(self) -> None:
        # What has come, and is in no message yet. A bytearray, which grows without a copy, from the
        # head of a message that has begun until its body is all there; else bytes.
        self._buffer: bytes | bytearray = b""
        self.in_message = False
        # The head of the message that has begun, and the reader of its body if it is chunked.
        self._head: Head | None = None
        self._chunks: ChunkedBody | None = None

    def feed(self, data: bytes) -> None:
        """Takes bytes that have arrived, in pieces of any size."""
        self._buffer += data
        self.in_message = True
        if self._buffer < b" ":
            self._pass_over_empty_lines()

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
            message = self._message(head, buffer[:head.length])
            self._keep(buffer[head.length:])
            return message
        # 5. Or part of it is missing, or it is chunked.
        return self._begin(head, buffer)

    @property
    def is_head(self) -> bool:
        """Whether a request by HEAD has begun: then no body follows the reply, even a refusal."""
        if self._head is not None:
            return bool(self._head.words[0] == "HEAD")
        return self._buffer.startswith(b"HEAD ")

    def take_interim(self) -> bytes:
        """What must be sent now so that the other side sends the rest of its message; often b""."""
        return b""

    def _begin(self, head: Head, rest: bytes) -> M | None:
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
        self._head, self._chunks = None, None
        message = self._message(head, body)
        self._keep(rest)
        return message

    def _keep(self, rest: bytes) -> None:
        """Keeps what has come behind a message."""
        self._buffer, self.in_message = rest, bool(rest)
        if rest < b" ":
            self._pass_over_empty_lines()

    def _pass_over_empty_lines(self) -> None:
        """Removes empty lines before the next message, where they may be passed over."""

    def _check_unfinished(self, part: bytes) -> None:
        """Raises ProtocolError for a head that is too long, or that cannot become a valid one."""
        raise NotImplementedError

    def _read_head(self, raw: bytes) -> Head | None:
        """The head in these bytes, which end before the CRLF of its last line.

        None if it is to be ignored.
        """
        raise NotImplementedError

    def _message(self, head: Head, body: bytes) -> M:
        raise NotImplementedError
