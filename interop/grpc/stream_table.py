"""Which streams are open, and which were, and their windows (RFC 9113, sections 5.1, 5.2). Pure.

The problem: frames of a stream may come after its end, because they were on their way. Some of them
are in order, and some are mistakes. To tell them apart, we must know how the stream ended; but the
numbers of all streams that ever were would fill our memory.

The idea: an open stream is an object. Of the newest MAX_CLOSED closed ones, the number is kept, and
how each was closed. An older one is told by its number alone: it is below the highest one.

A window opens as data is consumed. What a stream had not consumed when it ended is given back to
the window of the connection, so nobody can close that by streams that end badly.

>>> table = StreamTable(False, 65_535, 65_535, Patience())
>>> stream = table.begin(1)
>>> table.close(stream, BY_PEER)
>>> table.open, table.closed
({}, {1: 'by peer'})
"""

from __future__ import annotations

from interop.grpc import frames
from interop.grpc.frames import (
    FLOW_CONTROL_ERROR,
    NO_ERROR,
    PROTOCOL_ERROR,
    STREAM_CLOSED,
    ConnectionFault,
    StreamFault,
)
from interop.grpc.outbox import Outbox
from interop.grpc.patience import ANSWERED, FRAME, Patience
from interop.grpc.streams import Stream

# Numbers of closed streams that are remembered.
MAX_CLOSED = 1000
# How a stream was closed: by both ends, by a reset of the peer, or by one of ours, after which
# frames of it may still be on their way to us.
ENDED, BY_PEER, BY_US = "ended", "by peer", "by us"


class StreamTable:
    """The streams of a connection. The windows are in bytes.

    Attributes: `outbox`, what they send; `open`, by number; `closed`, how each was closed;
    `highest`, the largest number that a client has opened; `peer_window`, what the peer lets us
    send in a new stream.
    """

    def __init__(self, is_client: bool, stream_window: int, window: int,
                 patience: Patience) -> None:
        self._is_client, self._patience = is_client, patience
        self.outbox = Outbox(patience, self.all_sent)
        self._stream_window, self._window = stream_window, window
        # What the peer may send in all; and by how much that is to be opened.
        self._left, self._to_open = window, 0
        self.open: dict[int, Stream] = {}
        self.closed: dict[int, str] = {}
        self.highest = 0
        self.peer_window = frames.WINDOW_BYTES

    def begin(self, stream_id: int) -> Stream:
        """Opens a stream."""
        self.highest = stream_id
        stream = self.open[stream_id] = Stream(stream_id, self.peer_window, self._stream_window)
        return stream

    def sending(self, stream_id: int, end_stream: bool) -> Stream | None:
        """The stream, if its owner may still send in it; `end_stream`: for the last time."""
        stream = self.open.get(stream_id)
        if not stream or stream.is_ending:
            return None
        stream.is_ending = end_stream
        return stream

    # How streams end

    def all_sent(self, stream: Stream) -> None:
        """The last frame of a stream of ours was made."""
        stream.end_sent = True
        if not stream.receiving:
            self._patience.earn(ANSWERED)
            self.close(stream, ENDED)
        elif not self._is_client:
            # Section 8.1: a server that has replied needs no more of the request.
            self.reset(stream, NO_ERROR)

    def all_received(self, stream: Stream) -> None:
        """The peer has sent its last frame of a stream. Raises StreamFault."""
        if stream.body_left:
            raise StreamFault(stream.id, PROTOCOL_ERROR, "a body that is shorter than announced")
        stream.receiving = False
        if stream.end_sent:
            self._patience.earn(ANSWERED)
            self.close(stream, ENDED)

    def reset(self, stream: Stream, code: int) -> None:
        """Ends a stream at once."""
        self.outbox.put(frames.rst_stream(stream.id, code))
        self.close(stream, BY_US)

    def close(self, stream: Stream, how: str) -> None:
        """The stream has ended, in both directions."""
        del self.open[stream.id]
        self.remember(stream.id, how)
        if stream.queue:
            self.outbox.drop((stream,))
        self.give_back(stream.kept_bytes)

    def remember(self, stream_id: int, how: str) -> None:
        """Notes how a stream was closed, or that it was never opened."""
        self.closed[stream_id] = how
        if len(self.closed) > MAX_CLOSED:
            del self.closed[next(iter(self.closed))]

    def check_gone(self, stream_id: int, what: str) -> None:
        """A frame of a stream that is not open: late, or wrong. Raises both faults."""
        how = self.closed.get(stream_id)
        if how == BY_US:
            # It was on its way when the stream was reset.
            self._patience.spend(FRAME)
        elif how == BY_PEER:
            raise StreamFault(stream_id, STREAM_CLOSED, f"{what} behind a reset")
        elif how == ENDED:
            raise ConnectionFault(STREAM_CLOSED, f"{what} behind the end of a stream")
        elif what == "DATA" and not self.is_idle(stream_id):
            raise StreamFault(stream_id, STREAM_CLOSED, "DATA of a stream that ended long ago")
        else:
            raise ConnectionFault(PROTOCOL_ERROR, f"{what} of stream {stream_id}, which is not "
                                  f"open and may not be opened")

    def is_idle(self, stream_id: int) -> bool:
        """Whether a stream was never opened."""
        return stream_id > self.highest or not stream_id & 1

    # What the peer may send

    def take(self, stream_id: int, size: int, body_bytes: int) -> Stream | None:
        """DATA of `size` bytes has come, of which `body_bytes` are no padding.

        Returns its stream; None where nobody waits for it any more. Raises both faults.
        """
        self._left -= size
        if self._left < 0:
            raise ConnectionFault(FLOW_CONTROL_ERROR, "more data than the connection may send")
        stream = self.open.get(stream_id)
        # Padding is consumed at once; so is what nobody waits for.
        self.give_back(size - body_bytes if stream else size)
        if not stream:
            self.check_gone(stream_id, "DATA")
            return None
        stream.kept_bytes += body_bytes
        stream.to_open += size - body_bytes
        stream.receive_window -= size
        if not stream.receiving:
            raise StreamFault(stream_id, STREAM_CLOSED, "DATA behind the end of a stream")
        if not stream.has_head:
            raise StreamFault(stream_id, PROTOCOL_ERROR, "DATA before a reply")
        if stream.receive_window < 0:
            raise StreamFault(stream_id, FLOW_CONTROL_ERROR, "more data than a stream may send")
        if stream.body_left is not None:
            stream.body_left -= body_bytes
            if stream.body_left < 0:
                raise StreamFault(stream_id, PROTOCOL_ERROR, "a body that is longer than announced")
        return stream

    def consumed(self, stream_id: int, count: int) -> None:
        """So many bytes of a stream need no memory any more: its peer may send more."""
        stream = self.open.get(stream_id)
        if not stream:
            return
        count = min(count, stream.kept_bytes)
        stream.kept_bytes -= count
        self.give_back(count)
        stream.to_open += count
        # Half a window at once: a frame for each call would cost more than it brings.
        if stream.receiving and stream.to_open * 2 >= self._stream_window:
            self.outbox.put(frames.window_update(stream_id, stream.to_open))
            stream.receive_window += stream.to_open
            stream.to_open = 0

    def give_back(self, count: int) -> None:
        """Bytes of any stream were consumed."""
        self._to_open += count
        if self._to_open * 2 >= self._window:
            self.outbox.put(frames.window_update(0, self._to_open))
            self._left += self._to_open
            self._to_open = 0

    # What the peer lets us send

    def change_windows(self, value: int) -> None:
        """Section 6.9.2: a new first window counts for the open streams, too."""
        change, self.peer_window = value - self.peer_window, value
        for stream in self.open.values():
            if not self.outbox.open_stream(stream, change):
                raise ConnectionFault(FLOW_CONTROL_ERROR, "a window of more than 2^31 - 1 bytes")
