"""HTTP/2 (RFC 9113): one connection, of a server or of a client. Pure: bytes in, events out.

The problem: on one connection there are many calls at once, each with its own beginning, data and
end, and a peer that may break any rule at any time.

The idea: this object is told the bytes that came, and gives events: a request began, data came, a
stream was reset. It is told what to send, and gives bytes. It has no socket and no clock, so a test
joins two of them without either. Somebody else reads and writes the socket:

    for event in connection.receive(sock.recv(65_536), time.monotonic()):
        ...
    sock.sendall(connection.data_to_send())

Two kinds of mistakes are told apart (section 5.4). After one in a stream, that stream is reset, and
the others go on. After one that leaves the two sides with different tables or windows, GOAWAY says
why, and the connection ends: `is_ended`. `receive` raises nothing, whatever the bytes are.

What a peer can make us keep is bounded: streams, header fields, data that was not consumed
(windows), the numbers of closed streams, answers that it does not read (outbox.py). So is what it
can make us do for nothing (patience.py).

Not here, on purpose: server push, priorities, and the upgrade from HTTP/1.1.

Threads: one at a time; the owner has a lock, or a loop.

>>> client, server = Connection(is_client=True), Connection(is_client=False)
>>> call = client.request([(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/hello")])
>>> client.send_data(call, b"Hello", end_stream=True)
True
>>> for event in server.receive(client.data_to_send(), now_s=0.0):
...     print(type(event).__name__, event.stream_id, event.end_stream)
Headers 1 False
Data 1 True
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Callable, NamedTuple, Union

from interop.grpc import fields as rules
from interop.grpc import frames, hpack
from interop.grpc.fields import Fields
from interop.grpc.frames import (
    ACK,
    COMPRESSION_ERROR,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    MAX_31,
    NO_ERROR,
    PREFACE,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    STREAM_CLOSED,
    ConnectionFault,
    StreamFault,
)
from interop.grpc.hpack import Field
from interop.grpc.outbox import Outbox
from interop.grpc.patience import ANSWERED, FRAME, MOVED, RESET, USEFUL_BYTES, Patience
from interop.grpc.streams import Stream

# Bytes that a peer may send before we consume them, in a stream and in all.
STREAM_WINDOW_BYTES, CONNECTION_WINDOW_BYTES = 256 * 1024, 1024 * 1024
MAX_STREAMS = 100
# A block of header fields on its way may be this many times as long as its fields are allowed to
# be: it is read to its end, and only its stream is refused. Beyond, the connection ends.
BLOCK_TIMES = 4
# Numbers of closed streams that are remembered, to tell late frames from wrong ones.
MAX_CLOSED = 1000
# How a stream was closed: by both ends, by a reset of the peer, or by one of ours, after which
# frames of it may still be on their way to us.
ENDED, BY_PEER, BY_US = "ended", "by peer", "by us"
# The PING between the two steps of a drain.
DRAIN_PING = b"draining"
# Of the text of a GOAWAY.
MAX_TEXT_BYTES = 200


class Headers(NamedTuple):
    """A request, or the head of a reply."""

    stream_id: int
    fields: Fields
    end_stream: bool


class Data(NamedTuple):
    """Bytes of a body: `consumed` has to be told when they need no memory any more."""

    stream_id: int
    data: bytes
    end_stream: bool


class Trailers(NamedTuple):
    """Header fields behind a body: they end the stream."""

    stream_id: int
    fields: Fields


class Reset(NamedTuple):
    """A stream ended before its time. `never_ran`: the peer says that it did not look at it."""

    stream_id: int
    code: int
    never_ran: bool


class GoingAway(NamedTuple):
    """The peer takes no new streams; those up to `last_stream_id` go on."""

    last_stream_id: int
    code: int
    text: bytes


class PingAcked(NamedTuple):
    """The answer to a `ping`."""

    data: bytes


class Ended(NamedTuple):
    """The peer broke a rule of the connection: GOAWAY is to be sent, and no other event follows."""

    code: int
    why: str


Event = Union[Headers, Data, Trailers, Reset, GoingAway, PingAcked, Ended]


class NoMoreStreams(Exception):
    """This connection can carry no further request now; nothing was sent."""


class _Block(NamedTuple):
    """A header block of which frames are missing; `pieces` are what has come of it."""

    stream_id: int
    end_stream: bool
    pieces: list[bytes]


class Connection:
    """One end of a connection. What it has to send first is queued at once.

    `is_client`: which end. `stream_window_bytes`, `connection_window_bytes`: what the peer may send
    before it is consumed; 65,535 at least. `max_streams`: how many a client may have open with us.
    `max_header_bytes`: the fields of a request or reply, each with 32 bytes.
    """

    def __init__(self, is_client: bool, *, stream_window_bytes: int = STREAM_WINDOW_BYTES,
                 connection_window_bytes: int = CONNECTION_WINDOW_BYTES,
                 max_streams: int = MAX_STREAMS,
                 max_header_bytes: int = hpack.LIST_BYTES) -> None:
        self._is_client = is_client
        self._stream_window_bytes = stream_window_bytes
        self._window_bytes = connection_window_bytes
        self._max_streams, self._max_block_bytes = max_streams, BLOCK_TIMES * max_header_bytes
        self.is_ended = False
        self._patience = Patience()
        self._outbox = Outbox(self._patience, self._all_sent)
        self._decoder = hpack.Decoder(max_list_bytes=max_header_bytes)
        self._events: list[Event] = []
        # What came of a frame that is not whole; what is missing of the preface of a client.
        self._rest = b""
        self._preface = b"" if is_client else PREFACE
        self._has_settings = False
        self._block: _Block | None = None
        self._streams: dict[int, Stream] = {}
        # The newest MAX_CLOSED of the closed streams, and how each was closed.
        self._closed: dict[int, str] = {}
        # The largest number of a stream that a client opened.
        self._highest = 0
        # What the peer may send in all; and by how much that is to be opened.
        self._receive_window, self._to_open = connection_window_bytes, 0
        # What the peer allows.
        self._peer_window = frames.WINDOW_BYTES
        self._peer_streams = MAX_31
        self._peer_goes = False
        # The last stream that is served, once a drain has taken its second step.
        self._last_served: int | None = None
        self._put_settings(max_header_bytes)

    def __repr__(self) -> str:
        role = "client" if self._is_client else "server"
        state = "ended" if self.is_ended else f"{len(self._streams)} streams"
        return f"<h2.Connection {role}, {state}, {self.queued_bytes} bytes to send>"

    def _put_settings(self, max_header_bytes: int) -> None:
        values = {frames.INITIAL_WINDOW_SIZE: self._stream_window_bytes,
                  frames.MAX_HEADER_LIST_SIZE: max_header_bytes}
        if self._is_client:
            self._outbox.put(PREFACE)
            values[frames.ENABLE_PUSH] = 0
        else:
            values[frames.MAX_CONCURRENT_STREAMS] = self._max_streams
        self._outbox.put(frames.settings(values))
        if self._window_bytes > frames.WINDOW_BYTES:
            self._outbox.put(frames.window_update(0, self._window_bytes - frames.WINDOW_BYTES))

    # What the owner asks

    @property
    def open_streams(self) -> int:
        """How many streams are not closed."""
        return len(self._streams)

    @property
    def queued_bytes(self) -> int:
        """What is to be sent and was not yet taken. While it is large, read no more requests."""
        return self._outbox.waiting_bytes

    @property
    def can_request(self) -> bool:
        """Whether `request` may be called now."""
        return (self._is_client and not self.is_ended and not self._peer_goes
                and len(self._streams) < self._peer_streams and self._highest < MAX_31 - 2)

    @property
    def is_drained(self) -> bool:
        """Whether a drain has come to its end: no stream is open, and nothing is to be sent."""
        return (self._last_served is not None and not self._streams
                and not self._outbox.waiting_bytes)

    # What the owner tells

    def receive(self, data: bytes, now_s: float) -> list[Event]:
        """Reads bytes of the peer, and says what they mean. `now_s`: of a monotonic clock."""
        if self.is_ended:
            return []
        events = self._events = []
        self._patience.wait_until(now_s)
        try:
            self._read(data)
        except ConnectionFault as fault:
            self.close(fault.code, str(fault))
            events.append(Ended(fault.code, str(fault)))
        return events

    def data_to_send(self, max_bytes: int = 65_536) -> bytes:
        """The next bytes for the socket; none if there is nothing that may be sent now.

        They are `max_bytes` or a little more, unless small replies that were made meanwhile are
        more. Ask again when they are written.
        """
        return self._outbox.take(max_bytes)

    def request(self, fields: Iterable[Field], end_stream: bool = False) -> int:
        """Opens a stream with a request, and returns its number. Raises NoMoreStreams."""
        if not self.can_request:
            raise NoMoreStreams(repr(self))
        self._highest += 2 if self._highest else 1
        stream = self._open(self._highest)
        stream.is_ending = end_stream
        self._outbox.put_headers(stream, hpack.encode(fields), end_stream)
        return stream.id

    def send_headers(self, stream_id: int, fields: Iterable[Field],
                     end_stream: bool = False) -> bool:
        """Sends the head of a reply; or trailers, with `end_stream`. False: the stream is gone."""
        stream = self._sending(stream_id, end_stream)
        if stream:
            self._outbox.put_headers(stream, hpack.encode(fields), end_stream)
        return stream is not None

    def send_data(self, stream_id: int, data: bytes, end_stream: bool = False) -> bool:
        """Sends bytes of a body, as many as there are. False: the stream is gone."""
        stream = self._sending(stream_id, end_stream)
        if stream:
            self._outbox.put_data(stream, data, end_stream)
        return stream is not None

    def reset(self, stream_id: int, code: int) -> bool:
        """Ends a stream at once. False: it is gone already."""
        stream = self._streams.get(stream_id)
        if stream:
            self._outbox.put(frames.rst_stream(stream_id, code))
            self._close(stream, BY_US)
        return stream is not None

    def consumed(self, stream_id: int, count: int) -> None:
        """So many bytes of a stream need no memory any more: its peer may send more.

        A stream that is closed needs no such word.
        """
        stream = self._streams.get(stream_id)
        if not stream:
            return
        count = min(count, stream.kept_bytes)
        stream.kept_bytes -= count
        self._open_connection(count)
        stream.to_open += count
        # Half a window at once: a frame for each call would cost more than it brings.
        if stream.receiving and stream.to_open * 2 >= self._stream_window_bytes:
            self._outbox.put(frames.window_update(stream_id, stream.to_open))
            stream.receive_window += stream.to_open
            stream.to_open = 0

    def ping(self, data: bytes) -> None:
        """Asks for an answer with the same 8 bytes: PingAcked."""
        self._outbox.put(frames.frame(frames.PING, 0, 0, data))

    def drain(self) -> None:
        """Announces that this server goes (section 6.8).

        Requests that are on their way are still served. The peer's answer to a PING shows that it
        has read the announcement: then `stop_accepting` follows by itself.
        """
        self._outbox.put(frames.goaway(MAX_31, NO_ERROR))
        self.ping(DRAIN_PING)

    def stop_accepting(self) -> None:
        """Says which stream is the last one that is served. Those behind it are passed over."""
        if self._last_served is None:
            self._last_served = self._highest
            self._outbox.put(frames.goaway(self._highest, NO_ERROR))

    def close(self, code: int = NO_ERROR, why: str = "") -> None:
        """Ends the connection: GOAWAY is to be sent, and nothing that waits in streams."""
        if not self.is_ended:
            self.is_ended = True
            self._outbox.drop(self._streams.values())
            self._streams.clear()
            last = 0 if self._is_client else self._highest
            self._outbox.put(frames.goaway(last, code, why.encode()[:MAX_TEXT_BYTES]))

    # Streams

    def _open(self, stream_id: int) -> Stream:
        stream = Stream(stream_id, self._peer_window, self._stream_window_bytes)
        self._streams[stream_id] = stream
        return stream

    def _sending(self, stream_id: int, end_stream: bool) -> Stream | None:
        """The stream, if its owner may still send in it; `end_stream`: for the last time."""
        stream = self._streams.get(stream_id)
        if not stream or stream.is_ending:
            return None
        stream.is_ending = end_stream
        return stream

    def _all_sent(self, stream: Stream) -> None:
        """The last frame of a stream of ours was made."""
        stream.end_sent = True
        if not stream.receiving:
            self._patience.earn(ANSWERED)
            self._close(stream, ENDED)
        elif not self._is_client:
            # Section 8.1: a server that has replied needs no more of the request.
            self.reset(stream.id, NO_ERROR)

    def _all_received(self, stream: Stream) -> None:
        """The peer has sent its last frame of a stream. Raises StreamFault."""
        if stream.body_left:
            raise StreamFault(stream.id, PROTOCOL_ERROR, "a body that is shorter than announced")
        stream.receiving = False
        if stream.end_sent:
            self._patience.earn(ANSWERED)
            self._close(stream, ENDED)

    def _close(self, stream: Stream, how: str) -> None:
        del self._streams[stream.id]
        self._remember(stream.id, how)
        if stream.queue:
            self._outbox.drop((stream,))
        self._open_connection(stream.kept_bytes)

    def _remember(self, stream_id: int, how: str) -> None:
        self._closed[stream_id] = how
        if len(self._closed) > MAX_CLOSED:
            del self._closed[next(iter(self._closed))]

    def _open_connection(self, count: int) -> None:
        """Bytes of any stream were consumed."""
        self._to_open += count
        if self._to_open * 2 >= self._window_bytes:
            self._outbox.put(frames.window_update(0, self._to_open))
            self._receive_window += self._to_open
            self._to_open = 0

    def _refuse(self, fault: StreamFault) -> None:
        """The peer broke a rule in a stream."""
        self._patience.spend(RESET)
        self._outbox.answer(frames.rst_stream(fault.stream_id, fault.code))
        stream = self._streams.get(fault.stream_id)
        if stream:
            self._close(stream, BY_US)
            if stream.has_head or self._is_client:
                self._events.append(Reset(fault.stream_id, fault.code, False))
        else:
            self._remember(fault.stream_id, BY_US)

    # Frames that came

    def _read(self, data: bytes) -> None:
        """Splits bytes into frames. Raises ConnectionFault."""
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
            self._read_frame(kind, flags, stream_id & MAX_31, data[begin:at])
        self._rest = data[at:]

    def _read_preface(self, data: bytes) -> int:
        """How many bytes of the preface of a client have come. Raises ConnectionFault."""
        if not self._preface:
            return 0
        begin = data[:len(self._preface)]
        if not self._preface.startswith(begin):
            raise ConnectionFault(PROTOCOL_ERROR, "no preface of HTTP/2")
        self._preface = self._preface[len(begin):]
        return len(begin)

    def _read_frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        """Raises ConnectionFault."""
        block = self._block
        if block and (kind != frames.CONTINUATION or stream_id != block.stream_id):
            raise ConnectionFault(PROTOCOL_ERROR, "another frame within a header block")
        if not self._has_settings and (kind != frames.SETTINGS or flags & ACK):
            raise ConnectionFault(PROTOCOL_ERROR, "the first frame is not SETTINGS")
        if kind >= len(_READERS):
            # Section 5.5: frames of an unknown type are passed over.
            self._patience.spend(FRAME)
            return
        try:
            _READERS[kind](self, flags, stream_id, payload)
        except StreamFault as fault:
            self._refuse(fault)

    def _read_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        if not stream_id:
            raise ConnectionFault(PROTOCOL_ERROR, "HEADERS of no stream")
        payload = frames.without_padding(flags, payload)
        payload = frames.without_priority(flags, stream_id, payload)
        end_stream = bool(flags & END_STREAM)
        if flags & END_HEADERS:
            self._read_block(stream_id, end_stream, payload)
        else:
            self._block = _Block(stream_id, end_stream, [payload])

    def _read_continuation(self, flags: int, _: int, payload: bytes) -> None:
        block = self._block
        if not block:
            raise ConnectionFault(PROTOCOL_ERROR, "CONTINUATION without HEADERS")
        self._patience.spend(FRAME)
        block.pieces.append(payload)
        if sum(map(len, block.pieces)) > self._max_block_bytes:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "a header block without an end")
        if flags & END_HEADERS:
            self._block = None
            self._read_block(block.stream_id, block.end_stream, b"".join(block.pieces))

    def _read_block(self, stream_id: int, end_stream: bool, block: bytes) -> None:
        """A whole header block. It is decoded also where nobody wants it (hpack.py)."""
        too_many = ""
        fields: Fields = ()
        try:
            fields = self._decoder.decode(block)
        except hpack.BadBlock as error:
            raise ConnectionFault(COMPRESSION_ERROR, str(error)) from None
        except hpack.TooManyFields as error:
            too_many = str(error)
        stream = self._streams.get(stream_id) or self._begin(stream_id)
        if not stream:
            return
        if not stream.receiving:
            raise StreamFault(stream_id, STREAM_CLOSED, "HEADERS behind the end of a stream")
        if too_many:
            raise StreamFault(stream_id, ENHANCE_YOUR_CALM, too_many)
        try:
            self._read_fields(stream, fields, end_stream)
        except rules.Malformed as error:
            raise StreamFault(stream_id, PROTOCOL_ERROR, str(error)) from None

    def _begin(self, stream_id: int) -> Stream | None:
        """The stream that a client opens by a header block; None for one to be passed over."""
        if self._is_client or not stream_id & 1 or stream_id <= self._highest:
            self._check_gone(stream_id, "HEADERS")
            return None
        self._highest = stream_id
        if self._last_served is not None:
            self._remember(stream_id, BY_US)
            return None
        if len(self._streams) >= self._max_streams:
            raise StreamFault(stream_id, REFUSED_STREAM, "too many streams")
        return self._open(stream_id)

    def _read_fields(self, stream: Stream, fields: Fields, end_stream: bool) -> None:
        """Raises Malformed, StreamFault."""
        if stream.has_head:
            rules.content_length(fields, rules.TRAILERS)
            if not end_stream:
                raise StreamFault(stream.id, PROTOCOL_ERROR, "trailers that end nothing")
            self._all_received(stream)
            self._events.append(Trailers(stream.id, fields))
            return
        length = rules.content_length(fields, rules.REPLY if self._is_client else rules.REQUEST)
        if self._is_client and fields[0][1].startswith(b"1"):
            # "Wait": an interim reply (section 8.1), and the true one follows.
            self._patience.spend(FRAME)
            if end_stream:
                raise StreamFault(stream.id, PROTOCOL_ERROR, "an interim reply that is the last")
            return
        stream.body_left, stream.has_head = length, True
        self._events.append(Headers(stream.id, fields, end_stream))
        if end_stream:
            self._all_received(stream)

    def _read_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        if not stream_id:
            raise ConnectionFault(PROTOCOL_ERROR, "DATA of no stream")
        size, data = len(payload), frames.without_padding(flags, payload)
        self._receive_window -= size
        if self._receive_window < 0:
            raise ConnectionFault(FLOW_CONTROL_ERROR, "more data than the connection may send")
        stream = self._streams.get(stream_id)
        # What only fills is consumed at once; so is what nobody waits for.
        self._open_connection(size - len(data) if stream else size)
        if not stream:
            self._check_gone(stream_id, "DATA")
            return
        stream.kept_bytes += len(data)
        self._check_data(stream, size, len(data))
        end_stream = bool(flags & END_STREAM)
        if len(data) >= USEFUL_BYTES:
            self._patience.earn(MOVED)
        elif not data and not end_stream:
            self._patience.spend(FRAME)
            return
        if end_stream:
            self._all_received(stream)
        self._events.append(Data(stream_id, data, end_stream))

    def _check_data(self, stream: Stream, size: int, body_bytes: int) -> None:
        """Raises StreamFault for DATA that may not come."""
        stream.receive_window -= size
        stream.to_open += size - body_bytes
        if not stream.receiving:
            raise StreamFault(stream.id, STREAM_CLOSED, "DATA behind the end of a stream")
        if not stream.has_head:
            raise StreamFault(stream.id, PROTOCOL_ERROR, "DATA before a reply")
        if stream.receive_window < 0:
            raise StreamFault(stream.id, FLOW_CONTROL_ERROR, "more data than a stream may send")
        if stream.body_left is not None:
            stream.body_left -= body_bytes
            if stream.body_left < 0:
                raise StreamFault(stream.id, PROTOCOL_ERROR, "a body that is longer than announced")

    def _check_gone(self, stream_id: int, what: str) -> None:
        """A frame of a stream that is not open: late, or wrong. Raises both faults."""
        how = self._closed.get(stream_id)
        if how == BY_US:
            # It was on its way when the stream was reset.
            self._patience.spend(FRAME)
        elif how == BY_PEER:
            raise StreamFault(stream_id, STREAM_CLOSED, f"{what} behind a reset")
        elif how == ENDED:
            raise ConnectionFault(STREAM_CLOSED, f"{what} behind the end of a stream")
        elif what == "DATA" and not self._is_idle(stream_id):
            raise StreamFault(stream_id, STREAM_CLOSED, "DATA of a stream that ended long ago")
        else:
            raise ConnectionFault(PROTOCOL_ERROR, f"{what} of stream {stream_id}, which is not "
                                  f"open and may not be opened")

    def _is_idle(self, stream_id: int) -> bool:
        return stream_id > self._highest or not stream_id & 1

    def _read_priority(self, _: int, stream_id: int, payload: bytes) -> None:
        self._patience.spend(FRAME)
        if not stream_id:
            raise ConnectionFault(PROTOCOL_ERROR, "PRIORITY of no stream")
        frames.check_priority(stream_id, payload)

    def _read_rst_stream(self, _: int, stream_id: int, payload: bytes) -> None:
        code = frames.read_number(payload)
        if self._is_idle(stream_id):
            raise ConnectionFault(PROTOCOL_ERROR, "RST_STREAM of a stream that is not open")
        stream = self._streams.get(stream_id)
        self._patience.spend(RESET if stream else FRAME)
        if stream:
            self._close(stream, BY_PEER)
            self._events.append(Reset(stream_id, code, code == REFUSED_STREAM))

    def _read_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._has_settings = True
        self._patience.spend(FRAME)
        if stream_id:
            raise ConnectionFault(PROTOCOL_ERROR, "SETTINGS of a stream")
        if flags & ACK:
            if payload:
                raise ConnectionFault(FRAME_SIZE_ERROR, "an answer to SETTINGS with values")
            return
        for name, value in frames.read_settings(payload):
            if name == frames.INITIAL_WINDOW_SIZE:
                self._change_windows(value)
            elif name == frames.MAX_FRAME_SIZE:
                # Larger frames would only make the others wait longer.
                self._outbox.frame_bytes = frames.FRAME_BYTES
            elif name == frames.MAX_CONCURRENT_STREAMS:
                self._peer_streams = value
        self._outbox.answer(frames.frame(frames.SETTINGS, ACK, 0))

    def _change_windows(self, value: int) -> None:
        """Section 6.9.2: a new first window counts for the open streams, too."""
        change, self._peer_window = value - self._peer_window, value
        for stream in self._streams.values():
            if not self._outbox.open_stream(stream, change):
                raise ConnectionFault(FLOW_CONTROL_ERROR, "a window of more than 2^31 - 1 bytes")

    def _read_push_promise(self, _: int, stream_id: int, payload: bytes) -> None:
        raise ConnectionFault(PROTOCOL_ERROR, "PUSH_PROMISE, which nobody may send us")

    def _read_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._patience.spend(FRAME)
        if stream_id:
            raise ConnectionFault(PROTOCOL_ERROR, "PING of a stream")
        if len(payload) != len(DRAIN_PING):
            raise ConnectionFault(FRAME_SIZE_ERROR, f"PING of {len(payload)} bytes")
        if not flags & ACK:
            self._outbox.answer(frames.frame(frames.PING, ACK, 0, payload))
        elif payload == DRAIN_PING:
            self.stop_accepting()
        else:
            self._events.append(PingAcked(payload))

    def _read_goaway(self, _: int, stream_id: int, payload: bytes) -> None:
        self._patience.spend(FRAME)
        if stream_id:
            raise ConnectionFault(PROTOCOL_ERROR, "GOAWAY of a stream")
        last, code, text = frames.read_goaway(payload)
        self._peer_goes = True
        self._events.append(GoingAway(last, code, text[:MAX_TEXT_BYTES]))
        if self._is_client:
            for stream in [stream for number, stream in self._streams.items() if number > last]:
                self._close(stream, BY_PEER)
                self._events.append(Reset(stream.id, REFUSED_STREAM, True))

    def _read_window_update(self, _: int, stream_id: int, payload: bytes) -> None:
        self._patience.spend(FRAME)
        count = frames.read_number(payload) & MAX_31
        if not stream_id:
            if not count:
                raise ConnectionFault(PROTOCOL_ERROR, "WINDOW_UPDATE by nothing")
            self._outbox.open_window(count)
            return
        if self._is_idle(stream_id):
            raise ConnectionFault(PROTOCOL_ERROR, "WINDOW_UPDATE of a stream that is not open")
        stream = self._streams.get(stream_id)
        if not stream:
            return
        if not count:
            raise StreamFault(stream_id, PROTOCOL_ERROR, "WINDOW_UPDATE by nothing")
        if not self._outbox.open_stream(stream, count):
            raise StreamFault(stream_id, FLOW_CONTROL_ERROR, "a window of more than 2^31 - 1 bytes")


# By the numbers of their types (frames.py).
_READERS: Sequence[Callable[[Connection, int, int, bytes], None]] = (
    Connection._read_data, Connection._read_headers, Connection._read_priority,
    Connection._read_rst_stream, Connection._read_settings, Connection._read_push_promise,
    Connection._read_ping, Connection._read_goaway, Connection._read_window_update,
    Connection._read_continuation)
