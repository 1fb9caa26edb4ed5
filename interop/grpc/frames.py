"""The frames of HTTP/2: their numbers, and how they are written (RFC 9113, section 6). Pure.

The problem: many requests share one connection, and none may wait for the end of another.

The idea: everything is cut into frames, and each frame names the stream that it belongs to. Stream
0 is the connection itself:

    +-----------------------------------------------+
    | length (24)                                   |
    +---------------+---------------+---------------+
    | type (8)      | flags (8)     |
    +-+-------------+---------------+-------------------------------+
    |R| stream identifier (31)                                      |
    +=+=============================================================+
    | payload (length bytes)

>>> frame(PING, 0, 0, b"8 bytes.").hex()
'000008060000000000382062797465732e'
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

# What a client sends first; it is no request of HTTP/1.1 (RFC 9113, section 3.4).
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# Types of frames.
(DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE,
 CONTINUATION) = range(10)
# Flags. END_STREAM and ACK are the same bit, in frames of different types.
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, HAS_PRIORITY = 0x4, 0x8, 0x20

# Why a stream or a connection ended (RFC 9113, section 7).
(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED,
 FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM,
 INADEQUATE_SECURITY, HTTP_1_1_REQUIRED) = range(14)

# Settings (RFC 9113, section 6.5.2).
(HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE,
 MAX_HEADER_LIST_SIZE) = range(1, 7)

# Length in two parts (16 and 8 bits), type, flags, stream.
HEADER = struct.Struct("!HBBBI")
# The default of MAX_FRAME_SIZE, and the largest that a peer may ask for.
FRAME_BYTES, MAX_FRAME_BYTES = 16_384, 2 ** 24 - 1
# The default window; and the largest number of a stream, of a window, and of what opens one.
WINDOW_BYTES, MAX_31 = 65_535, 2 ** 31 - 1

_SETTING = struct.Struct("!HI")
_NUMBER = struct.Struct("!I")
_GOAWAY = struct.Struct("!II")


class ConnectionFault(Exception):
    """The peer broke a rule after which the connection cannot go on; `code` says which kind."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


class StreamFault(Exception):
    """The peer broke a rule in one stream: the others go on."""

    def __init__(self, stream_id: int, code: int, why: str) -> None:
        super().__init__(why)
        self.stream_id, self.code = stream_id, code


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """The bytes of a frame."""
    length = len(payload)
    return HEADER.pack(length >> 8, length & 0xFF, kind, flags, stream_id) + payload


def headers(stream_id: int, block: bytes, end_stream: bool, max_bytes: int) -> bytes:
    """A header block: HEADERS, and CONTINUATION for what is longer than a frame may be.

    They are one piece, because no other frame may stand between them.
    """
    flags = END_STREAM if end_stream else 0
    if len(block) <= max_bytes:
        return frame(HEADERS, flags | END_HEADERS, stream_id, block)
    found = [frame(HEADERS, flags, stream_id, block[:max_bytes])]
    for at in range(max_bytes, len(block), max_bytes):
        last = at + max_bytes >= len(block)
        found.append(frame(CONTINUATION, END_HEADERS if last else 0, stream_id,
                           block[at:at + max_bytes]))
    return b"".join(found)


def settings(values: Mapping[int, int]) -> bytes:
    """SETTINGS with some values."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(*item) for item in values.items()))


def rst_stream(stream_id: int, code: int) -> bytes:
    """RST_STREAM: the stream ends at once, for a reason."""
    return frame(RST_STREAM, 0, stream_id, _NUMBER.pack(code))


def window_update(stream_id: int, count: int) -> bytes:
    """WINDOW_UPDATE: so many more bytes may be sent."""
    return frame(WINDOW_UPDATE, 0, stream_id, _NUMBER.pack(count))


def goaway(last_stream_id: int, code: int, text: bytes = b"") -> bytes:
    """GOAWAY: streams above this one were not and will not be looked at."""
    return frame(GOAWAY, 0, 0, _GOAWAY.pack(last_stream_id, code) + text)


def read_number(payload: bytes) -> int:
    """What RST_STREAM and WINDOW_UPDATE carry. Raises ConnectionFault."""
    if len(payload) != _NUMBER.size:
        raise ConnectionFault(FRAME_SIZE_ERROR, f"{len(payload)} bytes where 4 belong")
    number: int = _NUMBER.unpack(payload)[0]
    return number


def read_settings(payload: bytes) -> Iterable[tuple[int, int]]:
    """The values of SETTINGS in their order, each checked. Raises ConnectionFault."""
    if len(payload) % _SETTING.size:
        raise ConnectionFault(FRAME_SIZE_ERROR, f"SETTINGS of {len(payload)} bytes")
    found: list[tuple[int, int]] = list(_SETTING.iter_unpack(payload))
    for name, value in found:
        if name == ENABLE_PUSH and value > 1:
            raise ConnectionFault(PROTOCOL_ERROR, f"ENABLE_PUSH is {value}")
        if name == INITIAL_WINDOW_SIZE and value > MAX_31:
            raise ConnectionFault(FLOW_CONTROL_ERROR, f"INITIAL_WINDOW_SIZE is {value}")
        if name == MAX_FRAME_SIZE and not FRAME_BYTES <= value <= MAX_FRAME_BYTES:
            raise ConnectionFault(PROTOCOL_ERROR, f"MAX_FRAME_SIZE is {value}")
    return found


def read_goaway(payload: bytes) -> tuple[int, int, bytes]:
    """(last stream, code, text) of GOAWAY. Raises ConnectionFault."""
    if len(payload) < _GOAWAY.size:
        raise ConnectionFault(FRAME_SIZE_ERROR, f"GOAWAY of {len(payload)} bytes")
    last, code = _GOAWAY.unpack_from(payload)
    return last & MAX_31, code, payload[_GOAWAY.size:]


def without_padding(flags: int, payload: bytes) -> bytes:
    """The payload of DATA or HEADERS without its padding. Raises ConnectionFault."""
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise ConnectionFault(PROTOCOL_ERROR, "padding that is longer than its frame")
    return payload[1:len(payload) - payload[0]]


def without_priority(flags: int, stream_id: int, payload: bytes) -> bytes:
    """The payload of HEADERS without its priority, which RFC 9113 took out of use."""
    if not flags & HAS_PRIORITY:
        return payload
    check_priority(stream_id, payload[:5])
    return payload[5:]


def check_priority(stream_id: int, payload: bytes) -> None:
    """Raises ConnectionFault for a priority that is none."""
    if len(payload) != 5:
        raise ConnectionFault(FRAME_SIZE_ERROR, f"a priority of {len(payload)} bytes")
    if _NUMBER.unpack_from(payload)[0] & MAX_31 == stream_id:
        raise ConnectionFault(PROTOCOL_ERROR, "a stream that depends on itself")
