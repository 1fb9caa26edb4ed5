"""Messages in a stream of gRPC: one byte says whether it is compressed, four say its length.

Source: "gRPC over HTTP2" (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md), Length-Prefixed-Message.

What comes may be hostile: a message may have MAX_BYTES, also when it is inflated.

    >>> reader = Messages(10)
    >>> reader.feed(frame(b"Hello") + b"\\0\\0")
    [b'Hello']
    >>> reader.is_between
    False
"""

from __future__ import annotations

import gzip
import struct
import zlib

from interop.grpc.statuses import INTERNAL, RESOURCE_EXHAUSTED, UNIMPLEMENTED, Refused

# gRPC's own default.
MAX_BYTES = 4 * 1024 * 1024
# For zlib this number means: with the header and the checksum of RFC 1952.
_GZIP_FORMAT = 16 + zlib.MAX_WBITS
_HEAD = struct.Struct("!BI")
ENCODINGS = ("identity", "gzip")


def frame(message: bytes, encoding: str = "identity") -> bytes:
    """A message as it stands in the stream."""
    if encoding == "gzip":
        # Level 1: a higher one costs more time than it saves bytes.
        packed = gzip.compress(message, 1)
        return _HEAD.pack(1, len(packed)) + packed
    return _HEAD.pack(0, len(message)) + message


class Messages:
    """Cuts a stream of bytes into messages. For one stream, and one thread at a time.

    Parameters: `max_bytes` of a message; `encoding`, the one of those that say that they are
    compressed.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, encoding: str = "identity") -> None:
        self._max_bytes = max_bytes
        self._encoding = encoding
        self._buffer = bytearray()

    @property
    def is_between(self) -> bool:
        """Whether no message has begun that is not whole."""
        return not self._buffer

    @property
    def held_bytes(self) -> int:
        """What has come of a message that is not whole."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Takes bytes, and returns the messages that are whole now. Raises Refused."""
        buffer, messages, at = self._buffer, [], 0
        buffer += data
        while len(buffer) - at >= _HEAD.size:
            packed, length = _HEAD.unpack_from(buffer, at)
            if packed > 1:
                raise Refused(INTERNAL, f"a message begins with {packed}, expected 0 or 1")
            if length > self._max_bytes:
                raise Refused(RESOURCE_EXHAUSTED, f"a message of {length} bytes: at most "
                                                  f"{self._max_bytes} are read")
            end = at + _HEAD.size + length
            if end > len(buffer):
                break
            message = bytes(buffer[at + _HEAD.size:end])
            messages.append(self._inflate(message) if packed else message)
            at = end
        del buffer[:at]
        return messages

    def _inflate(self, packed: bytes) -> bytes:
        if self._encoding != "gzip":
            raise Refused(INTERNAL, "a compressed message without grpc-encoding")
        inflator = zlib.decompressobj(_GZIP_FORMAT)
        try:
            message = inflator.decompress(packed, self._max_bytes + 1)
        except zlib.error as error:
            raise Refused(INTERNAL, f"broken gzip: {error}") from None
        if len(message) > self._max_bytes:
            raise Refused(RESOURCE_EXHAUSTED, "a message that is too long when it is inflated: at "
                                              f"most {self._max_bytes} bytes are read")
        if not inflator.eof or inflator.unused_data:
            raise Refused(INTERNAL, "broken gzip: it ends too early, or something follows it")
        return message


def check_encoding(encoding: str) -> None:
    """Raises Refused for a compression that is not read here."""
    if encoding not in ENCODINGS:
        raise Refused(UNIMPLEMENTED, f"grpc-encoding {encoding[:20]!r} is not read here: take "
                                     f"{' or '.join(ENCODINGS)}")
