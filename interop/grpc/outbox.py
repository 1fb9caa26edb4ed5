r"""What waits to be sent on a connection, and in which order (RFC 9113, section 5.2). Pure.

The problem: a reply of 8 MB must not hold up a reply of 5 bytes, nor a PING. A peer that opens no
window for one stream must not stop the others.

The idea: a small piece that may be sent is ready at once. A large one waits in its stream. Streams
that have something to send, and a window for it, stand in a row; each sends one frame and goes to
its end. A stream whose window is closed leaves the row until the window opens. Frames are made only
when the socket has room for them, so a PING never waits behind more than what `take` gave out.

>>> outbox = Outbox(Patience(), ended=lambda stream: None)
>>> large, small = (Stream(number, 65_535, 65_535) for number in (1, 3))
>>> outbox.put_data(large, b"-" * 60_000, end_stream=True)
>>> outbox.put_data(small, b"tiny", end_stream=True)
>>> outbox.take(20_000)[:13]                # the frame of the small one, and the first of the large
b'\x00\x00\x04\x00\x01\x00\x00\x00\x03tiny'
>>> outbox.waiting_bytes
27232
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Callable

from interop.grpc import frames
from interop.grpc.frames import ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, MAX_31, ConnectionFault
from interop.grpc.patience import MOVED, USEFUL_BYTES, Patience
from interop.grpc.streams import Piece, Stream

# Answers to PING, SETTINGS and mistakes that wait for a peer that does not read. No honest one
# has a thousand of them to read.
MAX_ANSWERS_BYTES = 16 * 1024


class Outbox:
    """`ended` is called when the last frame of a stream of ours is made."""

    def __init__(self, patience: Patience, ended: Callable[[Stream], None]) -> None:
        self._patience, self._ended = patience, ended
        # What the peer allows. It may allow larger frames, too: these make others wait longer.
        self.window, self.frame_bytes = frames.WINDOW_BYTES, frames.FRAME_BYTES
        self._ready: list[bytes] = []
        self._ready_bytes = self._answers_bytes = 0
        # Bytes that wait in streams.
        self._waiting_bytes = 0
        self._row: deque[Stream] = deque()

    @property
    def waiting_bytes(self) -> int:
        """All that was put in and not taken."""
        return self._ready_bytes + self._waiting_bytes

    def put(self, data: bytes) -> None:
        """Frames that no window holds back."""
        self._ready.append(data)
        self._ready_bytes += len(data)

    def answer(self, data: bytes) -> None:
        """Frames that a frame of the peer caused. Raises ConnectionFault if too many wait."""
        self._answers_bytes += len(data)
        if self._answers_bytes > MAX_ANSWERS_BYTES:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "it asks for answers and does not read them")
        self.put(data)

    def put_headers(self, stream: Stream, block: bytes, end_stream: bool) -> None:
        """A header block; it stands behind the data that still waits in its stream."""
        if stream.queue:
            self._wait(stream, block, True, end_stream)
            return
        self.put(frames.headers(stream.id, block, end_stream, self.frame_bytes))
        if end_stream:
            self._ended(stream)

    def put_data(self, stream: Stream, data: bytes, end_stream: bool) -> None:
        """DATA of any size. One frame of it that may be sent now does not wait."""
        size = len(data)
        if stream.queue or (data and size > min(self.window, stream.send_window,
                                                self.frame_bytes)):
            self._wait(stream, data, False, end_stream)
            return
        self.window -= size
        stream.send_window -= size
        self.put(frames.frame(frames.DATA, end_stream, stream.id, data))
        if end_stream:
            self._ended(stream)

    def _wait(self, stream: Stream, data: bytes, is_trailers: bool, end_stream: bool) -> None:
        stream.queue.append(Piece(memoryview(data), is_trailers, end_stream))
        self._waiting_bytes += len(data)
        self._line_up(stream)

    def _line_up(self, stream: Stream) -> None:
        if stream.queue and stream.send_window > 0 and not stream.has_turn:
            stream.has_turn = True
            self._row.append(stream)

    def open_window(self, count: int) -> None:
        """The peer lets us send more in all. Raises ConnectionFault for too much."""
        self.window += count
        if self.window > MAX_31:
            raise ConnectionFault(FLOW_CONTROL_ERROR, "a window of more than 2^31 - 1 bytes")

    def open_stream(self, stream: Stream, count: int) -> bool:
        """The peer lets us send more in a stream, or less. False for too much."""
        stream.send_window += count
        self._line_up(stream)
        return stream.send_window <= MAX_31

    def drop(self, streams: Iterable[Stream]) -> None:
        """Forgets what waits in streams that have ended."""
        for stream in streams:
            self._waiting_bytes -= sum(len(piece.data) for piece in stream.queue)
            stream.queue.clear()

    def take(self, max_bytes: int) -> bytes:
        """What is to be sent now: about `max_bytes`, or less; nothing if all has to wait."""
        while self._row and self.window > 0 and self._ready_bytes < max_bytes:
            stream = self._row.popleft()
            stream.has_turn = False
            self._send_one(stream)
            self._line_up(stream)
        data = b"".join(self._ready)
        self._ready.clear()
        self._ready_bytes = self._answers_bytes = 0
        return data

    def _send_one(self, stream: Stream) -> None:
        """Makes one frame of DATA with bytes in it, and what follows it and needs no window."""
        room = min(self.window, stream.send_window, self.frame_bytes)
        while stream.queue and (room > 0 or not self._needs_window(stream.queue[0])):
            piece = stream.queue.popleft()
            size = len(piece.data) if piece.is_trailers else min(room, len(piece.data))
            self._waiting_bytes -= size
            if piece.is_trailers:
                self.put(frames.headers(stream.id, bytes(piece.data), piece.end_stream,
                                        self.frame_bytes))
            else:
                # One frame with bytes is all that it sends in its turn.
                room = 0 if size else room
                self._send_data(stream, piece, size)
            if piece.end_stream and not stream.queue:
                self._ended(stream)

    @staticmethod
    def _needs_window(piece: Piece) -> bool:
        return len(piece.data) > 0 and not piece.is_trailers

    def _send_data(self, stream: Stream, piece: Piece, size: int) -> None:
        self.window -= size
        stream.send_window -= size
        rest = piece.data[size:]
        self.put(frames.frame(frames.DATA, piece.end_stream and not rest, stream.id,
                              bytes(piece.data[:size])))
        if rest:
            stream.queue.appendleft(Piece(rest, False, piece.end_stream))
        if size >= USEFUL_BYTES or not rest:
            self._patience.earn(MOVED)
