"""A peer of our end of a connection: it sends whatever a test likes, and reads what comes back."""

from __future__ import annotations

from typing import NamedTuple

from interop.grpc import frames, hpack
from interop.grpc.events import Data, Event, Headers, Trailers
from interop.grpc.frames import END_HEADERS, END_STREAM, PREFACE
from interop.grpc.h2 import Connection
from interop.grpc.hpack import Field

POST = ((b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"h"))
OK = ((b":status", b"200"),)
WORLD = b"Hello, World"


class Frame(NamedTuple):
    """A frame that came."""

    kind: int
    flags: int
    stream_id: int
    payload: bytes


def split(data: bytes) -> list[Frame]:
    """The frames in some bytes, which end with the last of them."""
    found, at = [], 0
    while at < len(data):
        high, low, kind, flags, stream_id = frames.HEADER.unpack_from(data, at)
        begin = at + frames.HEADER.size
        at = begin + (high << 8 | low)
        assert at <= len(data), "half a frame"
        found.append(Frame(kind, flags, stream_id, data[begin:at]))
    return found


def head(stream_id: int, fields: tuple[Field, ...] = POST, *, end: bool = False) -> bytes:
    """HEADERS of a request."""
    return frames.headers(stream_id, hpack.encode(fields), end, frames.FRAME_BYTES)


def data(stream_id: int, body: bytes = b"data", *, end: bool = False) -> bytes:
    return frames.frame(frames.DATA, END_STREAM if end else 0, stream_id, body)


def block(stream_id: int, bytes_: bytes, *, end: bool = True) -> bytes:
    """HEADERS with any bytes for its block."""
    return frames.frame(frames.HEADERS, END_HEADERS | (END_STREAM if end else 0), stream_id, bytes_)


class Wire:
    """The other side of `ours`, a server unless it is a client. Both have exchanged SETTINGS.

    `answers`: whether each whole request gets a reply at once.
    """

    def __init__(self, ours: Connection | None = None, *, answers: bool = True) -> None:
        self.ours = ours or Connection(is_client=False)
        self.answers = answers
        self.events: list[Event] = []
        # Every frame that came since the connection began.
        self.frames: list[Frame] = []
        self.send(b"" if ours and ours._is_client else PREFACE, frames.settings({}))
        self.frames.clear()

    def send(self, *sent: bytes, now_s: float = 0.0) -> list[Event]:
        """Our end receives these bytes; returns what it says about them."""
        events = self.ours.receive(b"".join(sent), now_s)
        self.events += events
        for event in events:
            self._carry_out(event)
        self.read()
        return events

    def _carry_out(self, event: Event) -> None:
        if isinstance(event, Data):
            self.ours.consumed(event.stream_id, len(event.data))
        if (self.answers and isinstance(event, (Headers, Data, Trailers))
                and (isinstance(event, Trailers) or event.end_stream)):
            self.ours.send_headers(event.stream_id, OK)
            self.ours.send_data(event.stream_id, WORLD, end_stream=True)

    def read(self) -> list[Frame]:
        """What our end has to send now."""
        came = []
        while True:
            sent = self.ours.data_to_send()
            if not sent:
                break
            came += split(sent.replace(PREFACE, b"", 1) if sent.startswith(PREFACE) else sent)
        self.frames += came
        return came

    def of(self, kind: int) -> list[Frame]:
        """The frames of a type that came."""
        return [frame for frame in self.frames if frame.kind == kind]

    @property
    def goaway(self) -> int | None:
        """The code with which our end gave the connection up; None if it goes on."""
        if not self.ours.is_ended:
            return None
        return frames.read_goaway(self.of(frames.GOAWAY)[-1].payload)[1]

    @property
    def resets(self) -> dict[int, int]:
        """Stream -> the code with which our end has reset it."""
        return {frame.stream_id: frames.read_number(frame.payload)
                for frame in self.of(frames.RST_STREAM)}

    def body(self, stream_id: int) -> bytes:
        """The data that came in a stream."""
        return b"".join(frame.payload for frame in self.of(frames.DATA)
                        if frame.stream_id == stream_id)
