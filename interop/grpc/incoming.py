"""Cuts what a peer sends into frames, and joins those of a header block (RFC 9113, section 4).

The problem: bytes come in any pieces. A header block may be cut into frames, too; between
these no other may stand, since both sides must change their tables in the same order. A block
without an end would fill our memory (CVE-2024-27316).

The idea: `read` gives whole frames, in their order. A block is one frame when it is given, of type
HEADERS, however it came. So nobody behind this file meets a CONTINUATION.

>>> incoming = Incoming(preface=b"", max_block_bytes=1000, patience=Patience())
>>> settings, headers = frames.settings({}), frames.headers(1, b"block", True, max_bytes=2)
>>> for frame in incoming.read((settings + headers)[:-1]):
...     print(frame)
Frame(kind=4, flags=0, stream_id=0, payload=b'')
>>> for frame in incoming.read(headers[-1:]):
...     print(frame)
Frame(kind=1, flags=5, stream_id=1, payload=b'block')
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from interop.grpc import frames
from interop.grpc.frames import (
    ACK,
    CONTINUATION,
    END_HEADERS,
    ENHANCE_YOUR_CALM,
    FRAME_SIZE_ERROR,
    HEADERS,
    MAX_31,
    PROTOCOL_ERROR,
    SETTINGS,
    ConnectionFault,
)
from interop.grpc.patience import FRAME, Patience


class Frame(NamedTuple):
    """A frame; the payload of HEADERS is the block alone, and the whole of it."""

    kind: int
    flags: int
    stream_id: int
    payload: bytes


class Incoming:
    """One direction of a connection.

    `preface`: what has to come before all frames. `max_block_bytes`: of a header block.
    """

    def __init__(self, preface: bytes, max_block_bytes: int, patience: Patience) -> None:
        self._max_block_bytes, self._patience = max_block_bytes, patience
        # What is missing of the preface; what came of a frame that is not whole.
        self._preface, self._rest = preface, b""
        self._has_settings = False
        # The first frame of a block that is not whole; its pieces, and their bytes.
        self._begun: Frame | None = None
        self._pieces: list[bytes] = []
        self._block_bytes = 0

    def read(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole now. Raises ConnectionFault."""
        data = self._rest + data if self._rest else data
        at, end = self._read_preface(data), len(data)
        while end - at >= frames.HEADER.size:
            high, low, kind, flags, stream_id = frames.HEADER.unpack_from(data, at)
            length = high << 8 | low
            if length > frames.FRAME_BYTES:
                raise ConnectionFault(FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            begin = at + frames.HEADER.size
            if begin + length > end:
                break
            at = begin + length
            frame = Frame(kind, flags, stream_id & MAX_31, data[begin:at])
            if not self._has_settings:
                self._check_first(frame)
            if self._begun or kind in (HEADERS, CONTINUATION):
                whole = self._join(frame)
                if whole:
                    yield whole
            else:
                yield frame
        self._rest = data[at:]

    def _read_preface(self, data: bytes) -> int:
        """How many bytes of the preface have come."""
        if not self._preface:
            return 0
        begin = data[:len(self._preface)]
        if not self._preface.startswith(begin):
            raise ConnectionFault(PROTOCOL_ERROR, "no preface of HTTP/2")
        self._preface = self._preface[len(begin):]
        return len(begin)

    def _check_first(self, frame: Frame) -> None:
        if frame.kind != SETTINGS or frame.flags & ACK:
            raise ConnectionFault(PROTOCOL_ERROR, "the first frame is not SETTINGS")
        self._has_settings = True

    def _join(self, frame: Frame) -> Frame | None:
        """The frame that stands for a whole block; None while pieces of it are missing."""
        if frame.kind == HEADERS and not self._begun:
            return self._begin(frame)
        begun = self._begun
        if not begun or frame.kind != CONTINUATION or frame.stream_id != begun.stream_id:
            raise ConnectionFault(PROTOCOL_ERROR, "another frame within a header block" if begun
                                  else "CONTINUATION without HEADERS")
        self._patience.spend(FRAME)
        self._pieces.append(frame.payload)
        self._block_bytes += len(frame.payload)
        if self._block_bytes > self._max_block_bytes:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "a header block without an end")
        if not frame.flags & END_HEADERS:
            return None
        self._begun = None
        return Frame(HEADERS, begun.flags | END_HEADERS, begun.stream_id, b"".join(self._pieces))

    def _begin(self, frame: Frame) -> Frame | None:
        """HEADERS: a whole block, or its first piece."""
        if frame.flags & frames.PADDED or frame.flags & frames.HAS_PRIORITY:
            payload = frames.without_padding(frame.flags, frame.payload)
            payload = frames.without_priority(frame.flags, frame.stream_id, payload)
            frame = frame._replace(payload=payload)
        if frame.flags & END_HEADERS:
            return frame
        self._begun, self._pieces = frame, [frame.payload]
        self._block_bytes = len(frame.payload)
        return None
