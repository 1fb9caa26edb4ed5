"""Each case of h2spec, the suite of tests for HTTP/2 servers, by its section and number.

h2spec itself is a program in Go whose source no registry of CI's machine has. Where it is on the
PATH, tests/interop/check_h2.py runs it. Here stand the bytes that its cases send, and what it takes
for an answer: an error of the connection (GOAWAY), of the stream (RST_STREAM), or none.
"""

from __future__ import annotations

import unittest
from typing import NamedTuple, Union

from interop.grpc import frames, hpack
from interop.grpc.frames import (
    ACK,
    CANCEL,
    COMPRESSION_ERROR,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FLOW_CONTROL_ERROR,
    FRAME_BYTES,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HAS_PRIORITY,
    HEADERS,
    MAX_31,
    PADDED,
    PING,
    PRIORITY,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
    STREAM_CLOSED,
    WINDOW_UPDATE,
    frame,
)
from interop.grpc.h2 import MAX_STREAMS, Connection
from interop.grpc.hpack import Field
from tests.interop.grpc.wire import POST, WORLD, Wire, block, data, head


class Goaway(NamedTuple):
    """The connection ends, with one of these codes."""

    codes: tuple[int, ...]


class Rst(NamedTuple):
    """Stream 1, or the last one that is named, is reset with one of these codes."""

    codes: tuple[int, ...]
    stream_id: int = 1


class Answered(NamedTuple):
    """The stream gets its reply."""

    stream_id: int = 1


class Ponged(NamedTuple):
    """A PING behind it is answered: the connection goes on."""


class Came(NamedTuple):
    """Frames of a type came, with these payloads."""

    kind: int
    payloads: tuple[bytes, ...]


Expected = Union[Goaway, Rst, Answered, Ponged, Came]
PONG = b"behind it"[:8]
POST_BLOCK = hpack.encode(POST)


def with_fields(*fields: Field) -> bytes:
    """A request with more fields."""
    return head(1, (*POST, *fields), end=True)


def without(name: bytes) -> bytes:
    return head(1, tuple(field for field in POST if field[0] != name), end=True)


def rst(stream_id: int = 1, code: int = CANCEL) -> bytes:
    return frames.rst_stream(stream_id, code)


def setting(name: int, value: int) -> bytes:
    return frames.settings({name: value})


def priority(stream_id: int, on: int, weight: int = 15) -> bytes:
    return frame(PRIORITY, 0, stream_id, on.to_bytes(4, "big") + bytes([weight]))


def begun(*, flags: int = END_STREAM, block_bytes: bytes = POST_BLOCK, stream_id: int = 1) -> bytes:
    """HEADERS that do not end their block."""
    return frame(HEADERS, flags, stream_id, block_bytes)


def more(block_bytes: bytes = b"", flags: int = END_HEADERS, stream_id: int = 1) -> bytes:
    return frame(CONTINUATION, flags, stream_id, block_bytes)


WHOLE = head(1, end=True)
OPEN = head(1)
PINGED = frame(PING, 0, 0, PONG)
WIDEN = frames.window_update

GENERIC: dict[str, tuple[bytes, Expected]] = {
    "1/1 Sends a client connection preface": (PINGED, Ponged()),
    "2/1 Sends a PRIORITY frame on idle stream": (priority(1, 0) + WHOLE, Answered()),
    "2/2 Sends a WINDOW_UPDATE frame on half-closed (remote) stream": (
        WHOLE + WIDEN(1, 100), Answered()),
    "2/3 Sends a PRIORITY frame on half-closed (remote) stream": (
        WHOLE + priority(1, 0), Answered()),
    "2/4 Sends a RST_STREAM frame on half-closed (remote) stream": (
        WHOLE + rst() + PINGED, Ponged()),
    "2/5 Sends a PRIORITY frame on closed stream": (WHOLE + priority(1, 0) + PINGED, Ponged()),
    "3.1/1 Sends a DATA frame": (OPEN + data(1, end=True), Answered()),
    "3.1/2 Sends multiple DATA frames": (OPEN + data(1) + data(1, end=True), Answered()),
    "3.1/3 Sends a DATA frame with padding": (
        OPEN + frame(DATA, END_STREAM | PADDED, 1, b"\x06data" + bytes(6)), Answered()),
    "3.2/1 Sends a HEADERS frame": (WHOLE, Answered()),
    "3.2/2 Sends a HEADERS frame with padding": (
        begun(flags=END_STREAM | END_HEADERS | PADDED, block_bytes=b"\x06" + POST_BLOCK + bytes(6)),
        Answered()),
    "3.2/3 Sends a HEADERS frame with priority": (
        begun(flags=END_STREAM | END_HEADERS | HAS_PRIORITY,
              block_bytes=b"\0\0\0\0\xff" + POST_BLOCK), Answered()),
    "3.3/1 Sends a PRIORITY frame with priority 1": (priority(1, 0, 0) + WHOLE, Answered()),
    "3.3/2 Sends a PRIORITY frame with priority 256": (priority(1, 0, 255) + WHOLE, Answered()),
    "3.3/3 Sends a PRIORITY frame with stream dependency": (priority(1, 3) + WHOLE, Answered()),
    "3.3/4 Sends a PRIORITY frame with exclusive": (priority(1, 2 ** 31 | 3) + WHOLE, Answered()),
    "3.3/5 Sends a PRIORITY frame for an idle stream, then send a HEADER frame for a lower stream "
    "ID": (priority(7, 0) + WHOLE, Answered()),
    "3.4/1 Sends a RST_STREAM frame": (OPEN + rst() + PINGED, Ponged()),
    "3.5/1 Sends a SETTINGS frame": (setting(frames.MAX_CONCURRENT_STREAMS, 9),
                                     Came(SETTINGS, (b"",))),
    "3.7/1 Sends a PING frame": (PINGED, Ponged()),
    "3.8/1 Sends a GOAWAY frame": (frames.goaway(0, 0) + PINGED, Ponged()),
    "3.9/1 Sends a WINDOW_UPDATE frame with stream ID 0": (WIDEN(0, 1) + PINGED, Ponged()),
    "3.9/2 Sends a WINDOW_UPDATE frame with stream ID 1": (OPEN + WIDEN(1, 1) + PINGED, Ponged()),
    "3.10/1 Sends a CONTINUATION frame": (begun(block_bytes=POST_BLOCK[:3]) + more(POST_BLOCK[3:]),
                                          Answered()),
    "3.10/2 Sends multiple CONTINUATION frames": (
        begun() + more(flags=0) + more(flags=0) + more(), Answered()),
    "4/1 Sends a GET request": (head(1, ((b":method", b"GET"), *POST[1:]), end=True), Answered()),
    "4/2 Sends a HEAD request": (head(1, ((b":method", b"HEAD"), *POST[1:]), end=True), Answered()),
    "4/3 Sends a POST request": (OPEN + data(1, end=True), Answered()),
    "4/4 Sends a POST request with trailers": (
        OPEN + data(1) + head(1, ((b"x-test", b"ok"),), end=True), Answered()),
    "5/1 Sends a indexed header field representation": (block(1, b"\x83\x86\x84\x90"), Answered()),
    "5/2-13 Sends literal header fields, each kind, its name indexed and new, with and without "
    "Huffman coding": (
        block(1, b"\x83\x86\x84" + b"".join(
            hpack.encode_integer(index, bits, first) + new + value
            for bits, first in ((6, 0x40), (4, 0x00), (4, 0x10))
            for index, new in ((58, b""), (0, b"\x04user"), (0, b"\x83" + hpack.encode_string(
                b"user")[1:]))
            for value in (b"\x04test", hpack.encode_string(b"test")))), Answered()),
    "5/14 Sends a dynamic table size update": (block(1, b"\x3f\x61\x83\x86\x84"), Answered()),
    "5/15 Sends multiple dynamic table size update": (
        block(1, b"\x20\x3f\x61\x83\x86\x84"), Answered()),
}

FRAMES: dict[str, tuple[bytes, Expected]] = {
    "4.1/1 Sends a frame with unknown type": (frame(0xFF, 0, 0, b"8 bytes.") + PINGED, Ponged()),
    "4.1/2 Sends a frame with undefined flag": (frame(PING, 0x16, 0, PONG), Ponged()),
    "4.1/3 Sends a frame with reserved field bit": (frame(PING, 0, 2 ** 31, PONG), Ponged()),
    "4.2/1 Sends a DATA frame with 2^14 octets in length": (
        OPEN + data(1, bytes(FRAME_BYTES), end=True), Answered()),
    "4.2/2 Sends a large size DATA frame that exceeds the SETTINGS_MAX_FRAME_SIZE": (
        OPEN + data(1, bytes(FRAME_BYTES + 1), end=True), Goaway((FRAME_SIZE_ERROR,))),
    "4.2/3 Sends a large size HEADERS frame that exceeds the SETTINGS_MAX_FRAME_SIZE": (
        block(1, bytes(FRAME_BYTES + 1)), Goaway((FRAME_SIZE_ERROR,))),
    "4.3/1 Sends invalid header block fragment": (block(1, b"\x40"), Goaway((COMPRESSION_ERROR,))),
    "4.3/2 Sends a PRIORITY frame while sending the header blocks": (
        begun() + priority(1, 0) + more(), Goaway((PROTOCOL_ERROR,))),
    "4.3/3 Sends a HEADERS frame to another stream while sending the header blocks": (
        begun() + head(3, end=True), Goaway((PROTOCOL_ERROR,))),
    "5.4.1/1-2 Sends an invalid PING frame": (frame(PING, 0, 0, b"short"),
                                              Goaway((FRAME_SIZE_ERROR,))),
    "5.5/1 Sends an unknown extension frame": (frame(0x16, 0, 0, b"x") + PINGED, Ponged()),
    "5.5/2 Sends an unknown extension frame in the middle of a header block": (
        begun() + frame(0x16, 0, 0, b"x") + more(), Goaway((PROTOCOL_ERROR,))),
}

STREAMS: dict[str, tuple[bytes, Expected]] = {
    "5.1/1 idle: Sends a DATA frame": (data(1, end=True), Goaway((PROTOCOL_ERROR,))),
    "5.1/2 idle: Sends a RST_STREAM frame": (rst(), Goaway((PROTOCOL_ERROR,))),
    "5.1/3 idle: Sends a WINDOW_UPDATE frame": (WIDEN(1, 100), Goaway((PROTOCOL_ERROR,))),
    "5.1/4 idle: Sends a CONTINUATION frame": (more(POST_BLOCK), Goaway((PROTOCOL_ERROR,))),
    "5.1/7 half closed (remote): Sends a CONTINUATION frame": (
        WHOLE + more(POST_BLOCK), Goaway((PROTOCOL_ERROR,))),
    "5.1/8 closed: Sends a DATA frame after sending RST_STREAM frame": (
        OPEN + rst() + data(1, end=True), Rst((STREAM_CLOSED,))),
    "5.1/9 closed: Sends a HEADERS frame after sending RST_STREAM frame": (
        OPEN + rst() + WHOLE, Rst((STREAM_CLOSED,))),
    "5.1/10 closed: Sends a CONTINUATION frame after sending RST_STREAM frame": (
        OPEN + rst() + more(POST_BLOCK), Goaway((PROTOCOL_ERROR,))),
    "5.1/13 closed: Sends a CONTINUATION frame": (WHOLE + more(), Goaway((PROTOCOL_ERROR,))),
    "5.1.1/1 Sends even-numbered stream identifier": (head(2, end=True), Goaway((PROTOCOL_ERROR,))),
    "5.1.1/2 Sends stream identifier that is numerically smaller than previous": (
        head(5, end=True) + head(3, end=True), Goaway((PROTOCOL_ERROR,))),
    "5.1.2/1 Sends HEADERS frames that causes their advertised concurrent stream limit to be "
    "exceeded": (b"".join(head(2 * number + 1) for number in range(MAX_STREAMS + 1)),
                 Rst((REFUSED_STREAM,), 2 * MAX_STREAMS + 1)),
    "5.3.1/1 Sends HEADERS frame that depends on itself": (
        begun(flags=END_STREAM | END_HEADERS | HAS_PRIORITY,
              block_bytes=b"\0\0\0\1\xff" + POST_BLOCK), Goaway((PROTOCOL_ERROR,))),
    "5.3.1/2 Sends PRIORITY frame that depend on itself": (priority(1, 1),
                                                           Goaway((PROTOCOL_ERROR,))),
}
# Sent to a server that has not replied yet, or after its reply has ended the stream.
HALF_CLOSED: dict[str, tuple[bytes, Expected]] = {
    "5.1/5 half closed (remote): Sends a DATA frame": (data(1, end=True), Rst((STREAM_CLOSED,))),
    "5.1/6 half closed (remote): Sends a HEADERS frame": (WHOLE, Rst((STREAM_CLOSED,))),
    "6.1/2 Sends a DATA frame on the stream that is not in \"open\" or \"half-closed (local)\" "
    "state": (data(1), Rst((STREAM_CLOSED,))),
}
CLOSED: dict[str, tuple[bytes, Expected]] = {
    "5.1/11 closed: Sends a DATA frame": (data(1, end=True), Goaway((STREAM_CLOSED,))),
    "5.1/12 closed: Sends a HEADERS frame": (WHOLE, Goaway((STREAM_CLOSED,))),
}

DEFINITIONS: dict[str, tuple[bytes, Expected]] = {
    "6.1/1 Sends a DATA frame with 0x0 stream identifier": (data(0), Goaway((PROTOCOL_ERROR,))),
    "6.1/3 Sends a DATA frame with invalid pad length": (
        OPEN + frame(DATA, END_STREAM | PADDED, 1, b"\x05data"), Goaway((PROTOCOL_ERROR,))),
    "6.2/1 Sends a HEADERS frame without the END_HEADERS flag, and a PRIORITY frame": (
        begun() + priority(1, 0), Goaway((PROTOCOL_ERROR,))),
    "6.2/2 Sends a HEADERS frame to another stream while sending a HEADERS frame": (
        begun() + head(3), Goaway((PROTOCOL_ERROR,))),
    "6.2/3 Sends a HEADERS frame with 0x0 stream identifier": (head(0), Goaway((PROTOCOL_ERROR,))),
    "6.2/4 Sends a HEADERS frame with invalid pad length": (
        begun(flags=END_HEADERS | PADDED, block_bytes=b"\xff" + POST_BLOCK),
        Goaway((PROTOCOL_ERROR,))),
    "6.3/1 Sends a PRIORITY frame with 0x0 stream identifier": (
        priority(0, 3), Goaway((PROTOCOL_ERROR,))),
    "6.3/2 Sends a PRIORITY frame with a length other than 5 octets": (
        OPEN + frame(PRIORITY, 0, 1, b"four"), Goaway((FRAME_SIZE_ERROR,))),
    "6.4/1 Sends a RST_STREAM frame with 0x0 stream identifier": (rst(0),
                                                                  Goaway((PROTOCOL_ERROR,))),
    "6.4/2 Sends a RST_STREAM frame on a idle stream": (rst(), Goaway((PROTOCOL_ERROR,))),
    "6.4/3 Sends a RST_STREAM frame with a length other than 4 octets": (
        OPEN + frame(RST_STREAM, 0, 1, b"333"), Goaway((FRAME_SIZE_ERROR,))),
    "6.5/1 Sends a SETTINGS frame with ACK flag and payload": (
        frame(SETTINGS, ACK, 0, bytes(6)), Goaway((FRAME_SIZE_ERROR,))),
    "6.5/2 Sends a SETTINGS frame with a stream identifier other than 0x0": (
        frame(SETTINGS, 0, 1, bytes(6)), Goaway((PROTOCOL_ERROR,))),
    "6.5/3 Sends a SETTINGS frame with a length other than a multiple of 6 octets": (
        frame(SETTINGS, 0, 0, b"333"), Goaway((FRAME_SIZE_ERROR,))),
    "6.5.2/1 SETTINGS_ENABLE_PUSH (0x2): Sends the value other than 0 or 1": (
        setting(frames.ENABLE_PUSH, 2), Goaway((PROTOCOL_ERROR,))),
    "6.5.2/2 SETTINGS_INITIAL_WINDOW_SIZE (0x4): Sends the value above the maximum flow control "
    "window size": (setting(frames.INITIAL_WINDOW_SIZE, 2 ** 31), Goaway((FLOW_CONTROL_ERROR,))),
    "6.5.2/3 SETTINGS_MAX_FRAME_SIZE (0x5): Sends the value below the initial value": (
        setting(frames.MAX_FRAME_SIZE, 16_383), Goaway((PROTOCOL_ERROR,))),
    "6.5.2/4 SETTINGS_MAX_FRAME_SIZE (0x5): Sends the value above the maximum allowed frame size": (
        setting(frames.MAX_FRAME_SIZE, 2 ** 24), Goaway((PROTOCOL_ERROR,))),
    "6.5.2/5 Sends a SETTINGS frame with unknown identifier": (setting(0xFF, 1) + PINGED, Ponged()),
    "6.5.3/1 Sends multiple values of SETTINGS_INITIAL_WINDOW_SIZE": (
        frame(SETTINGS, 0, 0, b"\0\4\0\0\0\x64\0\4\0\0\0\1") + WHOLE, Came(DATA, (WORLD[:1],))),
    "6.5.3/2 Sends a SETTINGS frame without ACK flag": (setting(frames.ENABLE_PUSH, 0),
                                                        Came(SETTINGS, (b"",))),
    "6.7/1 Sends a PING frame": (PINGED, Ponged()),
    "6.7/2 Sends a PING frame with ACK": (frame(PING, ACK, 0, b"invalid.") + PINGED,
                                          Came(PING, (PONG,))),
    "6.7/3 Sends a PING frame with a stream identifier field value other than 0x0": (
        frame(PING, 0, 1, PONG), Goaway((PROTOCOL_ERROR,))),
    "6.7/4 Sends a PING frame with a length field value other than 8": (
        frame(PING, 0, 0, b"666666"), Goaway((FRAME_SIZE_ERROR,))),
    "6.8/1 Sends a GOAWAY frame with a stream identifier other than 0x0": (
        frame(GOAWAY, 0, 1, bytes(8)), Goaway((PROTOCOL_ERROR,))),
    "6.9/1 Sends a WINDOW_UPDATE frame with a flow control window increment of 0": (
        WIDEN(0, 0), Goaway((PROTOCOL_ERROR,))),
    "6.9/2 Sends a WINDOW_UPDATE frame with a flow control window increment of 0 on a stream": (
        OPEN + WIDEN(1, 0), Rst((PROTOCOL_ERROR,))),
    "6.9/3 Sends a WINDOW_UPDATE frame with a length other than 4 octets": (
        frame(WINDOW_UPDATE, 0, 0, b"333"), Goaway((FRAME_SIZE_ERROR,))),
    "6.9.1/1 Sends SETTINGS frame to set the initial window size to 1 and sends HEADERS frame": (
        setting(frames.INITIAL_WINDOW_SIZE, 1) + WHOLE, Came(DATA, (WORLD[:1],))),
    "6.9.1/2 Sends multiple WINDOW_UPDATE frames increasing the flow control window to above "
    "2^31-1": (WIDEN(0, MAX_31) * 2, Goaway((FLOW_CONTROL_ERROR,))),
    "6.9.1/3 Sends multiple WINDOW_UPDATE frames increasing the flow control window to above "
    "2^31-1 on a stream": (OPEN + WIDEN(1, MAX_31) * 2, Rst((FLOW_CONTROL_ERROR,))),
    "6.9.2/1 Changes SETTINGS_INITIAL_WINDOW_SIZE after sending HEADERS frame": (
        setting(frames.INITIAL_WINDOW_SIZE, 0) + WHOLE + setting(frames.INITIAL_WINDOW_SIZE, 1),
        Came(DATA, (WORLD[:1],))),
    "6.9.2/3 Sends a SETTINGS_INITIAL_WINDOW_SIZE settings with an exceeded maximum window size "
    "value": (setting(frames.INITIAL_WINDOW_SIZE, 2 ** 31), Goaway((FLOW_CONTROL_ERROR,))),
    "6.10/1 Sends multiple CONTINUATION frames preceded by a HEADERS frame": (
        begun() + more(flags=0) + more(), Answered()),
    "6.10/2 Sends a CONTINUATION frame followed by any frame other than CONTINUATION": (
        begun() + more(flags=0) + data(1), Goaway((PROTOCOL_ERROR,))),
    "6.10/3 Sends a CONTINUATION frame with 0x0 stream identifier": (
        begun() + more(stream_id=0), Goaway((PROTOCOL_ERROR,))),
    "6.10/4 Sends a CONTINUATION frame preceded by a HEADERS frame with END_HEADERS flag": (
        OPEN + more(), Goaway((PROTOCOL_ERROR,))),
    "6.10/5 Sends a CONTINUATION frame preceded by a CONTINUATION frame with END_HEADERS flag": (
        begun() + more() + more(), Goaway((PROTOCOL_ERROR,))),
    "6.10/6 Sends a CONTINUATION frame preceded by a DATA frame": (
        OPEN + data(1) + more(), Goaway((PROTOCOL_ERROR,))),
    "7/1 Sends a GOAWAY frame with unknown error code": (
        frames.goaway(0, 0xFF) + PINGED, Ponged()),
    "7/2 Sends a RST_STREAM frame with unknown error code": (
        OPEN + rst(1, 0xFF) + PINGED, Ponged()),
}

MALFORMED = Rst((PROTOCOL_ERROR,))
MESSAGES: dict[str, tuple[bytes, Expected]] = {
    "8.1/1 Sends a second HEADERS frame without the END_STREAM flag": (OPEN + OPEN, MALFORMED),
    "8.1.2/1 Sends a HEADERS frame that contains the header field name in uppercase letters": (
        with_fields((b"X-TEST", b"ok")), MALFORMED),
    "8.1.2.1/1 Sends a HEADERS frame that contains a unknown pseudo-header field": (
        head(1, ((b":test", b"ok"), *POST), end=True), MALFORMED),
    "8.1.2.1/2 Sends a HEADERS frame that contains the pseudo-header field defined for response": (
        head(1, (*POST, (b":status", b"200")), end=True), MALFORMED),
    "8.1.2.1/3 Sends a HEADERS frame that contains a pseudo-header field as trailers": (
        OPEN + head(1, ((b":method", b"200"),), end=True), MALFORMED),
    "8.1.2.1/4 Sends a HEADERS frame that contains a pseudo-header field that appears in a header "
    "block after a regular header field": (
        head(1, (*POST[:3], (b"x-test", b"ok"), POST[3]), end=True), MALFORMED),
    "8.1.2.2/1 Sends a HEADERS frame that contains the connection-specific header field": (
        with_fields((b"connection", b"keep-alive")), MALFORMED),
    "8.1.2.2/2 Sends a HEADERS frame that contains the TE header field with any value other than "
    "\"trailers\"": (with_fields((b"te", b"trailers, deflate")), MALFORMED),
    "8.1.2.3/1 Sends a HEADERS frame with empty \":path\" pseudo-header field": (
        head(1, (*POST[:2], (b":path", b""), POST[3]), end=True), MALFORMED),
    "8.1.2.3/2 Sends a HEADERS frame that omits \":method\" pseudo-header field": (
        without(b":method"), MALFORMED),
    "8.1.2.3/3 Sends a HEADERS frame that omits \":scheme\" pseudo-header field": (
        without(b":scheme"), MALFORMED),
    "8.1.2.3/4 Sends a HEADERS frame that omits \":path\" pseudo-header field": (
        without(b":path"), MALFORMED),
    "8.1.2.3/5-7 Sends a HEADERS frame with duplicated pseudo-header field": (
        head(1, (*POST, POST[0]), end=True) + head(3, (*POST, POST[1]), end=True)
        + head(5, (*POST, POST[2]), end=True), Rst((PROTOCOL_ERROR,), 5)),
    "8.1.2.6/1 Sends a HEADERS frame with the \"content-length\" header field which does not equal "
    "the DATA frame payload length": (
        head(1, (*POST, (b"content-length", b"1"))) + data(1, b"test", end=True), MALFORMED),
    "8.1.2.6/2 Sends a HEADERS frame with the \"content-length\" header field which does not equal "
    "the sum of the multiple DATA frames payload length": (
        head(1, (*POST, (b"content-length", b"1"))) + data(1, b"") + data(1, b"", end=True),
        MALFORMED),
    "8.2/1 Sends a PUSH_PROMISE frame": (
        OPEN + frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + POST_BLOCK),
        Goaway((PROTOCOL_ERROR,))),
}

NO_BLOCK = Goaway((COMPRESSION_ERROR,))
HPACK: dict[str, tuple[bytes, Expected]] = {
    "2.3.3/1 Sends a indexed header field representation with invalid index": (
        block(1, POST_BLOCK + b"\xc6"), NO_BLOCK),
    "2.3.3/2 Sends a literal header field representation with invalid index": (
        block(1, POST_BLOCK + b"\x7f\x07\x01a"), NO_BLOCK),
    "4.2/1 Sends a dynamic table size update at the end of header block": (
        block(1, POST_BLOCK + b"\x21"), NO_BLOCK),
    "5.2/1 Sends a Huffman-encoded string literal representation with padding longer than 7 bits": (
        block(1, POST_BLOCK + b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff"), NO_BLOCK),
    "5.2/2 Sends a Huffman-encoded string literal representation padded by zero": (
        block(1, POST_BLOCK + b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90"), NO_BLOCK),
    "5.2/3 Sends a Huffman-encoded string literal representation containing the EOS symbol": (
        block(1, POST_BLOCK + b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f"),
        NO_BLOCK),
    "6.1/1 Sends a indexed header field representation with index 0": (
        block(1, POST_BLOCK + b"\x80"), NO_BLOCK),
    "6.3/1 Sends a dynamic table size update larger than the value of SETTINGS_HEADER_TABLE_SIZE": (
        block(1, b"\x3f\xe1\x3f" + POST_BLOCK), NO_BLOCK),
}


class Cases(unittest.TestCase):
    def all_hold(self, cases: dict[str, tuple[bytes, Expected]], *, answers: bool = True,
                 before: bytes = b"") -> None:
        for name, (sent, expected) in cases.items():
            with self.subTest(name):
                wire = Wire(answers=answers)
                wire.send(before)
                wire.send(sent)
                self.holds(wire, expected)

    def holds(self, wire: Wire, expected: Expected) -> None:
        if isinstance(expected, Goaway):
            self.assertIn(wire.goaway, expected.codes, wire.frames)
            return
        self.assertIsNone(wire.goaway, wire.frames)
        if isinstance(expected, Rst):
            self.assertIn(wire.resets.get(expected.stream_id), expected.codes, wire.frames)
        elif isinstance(expected, Answered):
            self.assertEqual(wire.body(expected.stream_id), WORLD)
            self.assertEqual(wire.resets, {})
        elif isinstance(expected, Ponged):
            self.assertEqual([(came.flags, came.payload) for came in wire.of(PING)], [(ACK, PONG)])
        else:
            self.assertEqual([came.payload for came in wire.of(expected.kind)][-1:],
                             list(expected.payloads))

    def test_generic(self) -> None:
        self.all_hold(GENERIC)

    def test_frames(self) -> None:
        self.all_hold(FRAMES)

    def test_preface(self) -> None:
        """3.5/1 and 3.5/2: SETTINGS come first; another preface ends the connection."""
        fresh = Connection(is_client=False)
        self.assertEqual(fresh.data_to_send()[3], SETTINGS)
        fresh.receive(b"INVALID CONNECTION PREFACE\r\n\r\n", 0.0)
        self.assertTrue(fresh.is_ended)

    def test_stream_states(self) -> None:
        self.all_hold(STREAMS)
        self.all_hold(HALF_CLOSED, answers=False, before=WHOLE)
        self.all_hold(CLOSED, before=WHOLE)

    def test_frame_definitions(self) -> None:
        self.all_hold(DEFINITIONS)

    def test_a_window_below_zero(self) -> None:
        """6.9.2/2 Sends a SETTINGS frame for window size to be negative."""
        wire = Wire()
        wire.send(setting(frames.INITIAL_WINDOW_SIZE, 3), WHOLE)
        self.assertEqual(wire.body(1), WORLD[:3])
        wire.send(setting(frames.INITIAL_WINDOW_SIZE, 2), WIDEN(1, 2))
        self.assertEqual(wire.body(1), WORLD[:4])

    def test_messages(self) -> None:
        self.all_hold(MESSAGES)

    def test_hpack(self) -> None:
        self.all_hold(HPACK)

    def test_they_are_all_here(self) -> None:
        """146 cases and one that only the strict mode has; "5/2-13" stands for twelve of them."""
        tables = (GENERIC, FRAMES, STREAMS, HALF_CLOSED, CLOSED, DEFINITIONS, MESSAGES, HPACK)
        count = 0
        for name in (name for table in tables for name in table):
            number = name.split()[0].partition("/")[2]
            first, _, last = number.partition("-")
            count += int(last or first) - int(first) + 1
        # 3.5/1, 3.5/2 and 6.9.2/2 are tests of their own.
        self.assertEqual(count + 3, 147)


if __name__ == "__main__":
    unittest.main()
