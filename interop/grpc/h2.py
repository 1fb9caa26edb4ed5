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
from typing import Callable

from interop.grpc import fields as rules
from interop.grpc import frames, hpack
from interop.grpc.events import (
    Data,
    Ended,
    Event,
    GoingAway,
    Headers,
    PingAcked,
    Reset,
    Trailers,
)
from interop.grpc.fields import Fields
from interop.grpc.frames import (
    ACK,
    COMPRESSION_ERROR,
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
from interop.grpc.incoming import Frame, Incoming
from interop.grpc.patience import FRAME, MOVED, RESET, USEFUL_BYTES, Patience
from interop.grpc.stream_table import BY_PEER, BY_US, StreamTable
from interop.grpc.streams import Stream

# Bytes that a peer may send before we consume them, in a stream and in all.
STREAM_WINDOW_BYTES, CONNECTION_WINDOW_BYTES = 256 * 1024, 1024 * 1024
MAX_STREAMS = 100
# A block of header fields on its way may be this many times as long as its fields are allowed to
# be: it is read to its end, and only its stream is refused. Beyond, the connection ends.
BLOCK_TIMES = 4
# The PING between the two steps of a drain.
DRAIN_PING = b"draining"
# Of the text of a GOAWAY.
MAX_TEXT_BYTES = 200


class NoMoreStreams(Exception):
    """This connection can carry no further request now; nothing was sent."""


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
        self._max_streams = max_streams
        self.is_ended = False
        self._patience = Patience()
        self._incoming = Incoming(b"" if is_client else PREFACE, BLOCK_TIMES * max_header_bytes,
                                  self._patience)
        self._streams = StreamTable(is_client, stream_window_bytes, connection_window_bytes,
                                    self._patience)
        self._outbox = self._streams.outbox
        self._decoder = hpack.Decoder(max_list_bytes=max_header_bytes)
        self._events: list[Event] = []
        # How many streams the peer allows, and whether it takes no new ones.
        self._peer_streams = MAX_31
        self._peer_goes = False
        # The last stream that is served, once a drain has taken its second step.
        self._last_served: int | None = None
        self._put_settings(max_header_bytes)

    def __repr__(self) -> str:
        role = "client" if self._is_client else "server"
        state = "ended" if self.is_ended else f"{len(self._streams.open)} streams"
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
        return len(self._streams.open)

    @property
    def queued_bytes(self) -> int:
        """What is to be sent and was not yet taken. While it is large, read no more requests."""
        return self._outbox.waiting_bytes

    @property
    def can_request(self) -> bool:
        """Whether `request` may be called now."""
        return (self._is_client and not self.is_ended and not self._peer_goes
                and len(self._streams.open) < self._peer_streams
                and self._streams.highest < MAX_31 - 2)

    @property
    def is_drained(self) -> bool:
        """Whether a drain has come to its end: no stream is open, and nothing is to be sent."""
        return (self._last_served is not None and not self._streams.open
                and not self._outbox.waiting_bytes)

    # What the owner tells

    def receive(self, data: bytes, now_s: float) -> list[Event]:
        """Reads bytes of the peer, and says what they mean. `now_s`: of a monotonic clock."""
        if self.is_ended:
            return []
        events = self._events = []
        self._patience.wait_until(now_s)
        try:
            for frame in self._incoming.read(data):
                self._read(frame)
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
        stream = self._streams.begin(self._streams.highest + 2 if self._streams.highest else 1)
        stream.is_ending = end_stream
        self._outbox.put_headers(stream, hpack.encode(fields), end_stream)
        return stream.id

    def send_headers(self, stream_id: int, fields: Iterable[Field],
                     end_stream: bool = False) -> bool:
        """Sends the head of a reply; or trailers, with `end_stream`. False: the stream is gone."""
        stream = self._streams.sending(stream_id, end_stream)
        if stream:
            self._outbox.put_headers(stream, hpack.encode(fields), end_stream)
        return stream is not None

    def send_data(self, stream_id: int, data: bytes, end_stream: bool = False) -> bool:
        """Sends bytes of a body, as many as there are. False: the stream is gone."""
        stream = self._streams.sending(stream_id, end_stream)
        if stream:
            self._outbox.put_data(stream, data, end_stream)
        return stream is not None

    def reset(self, stream_id: int, code: int) -> bool:
        """Ends a stream at once. False: it is gone already."""
        stream = self._streams.open.get(stream_id)
        if stream:
            self._streams.reset(stream, code)
        return stream is not None

    def consumed(self, stream_id: int, count: int) -> None:
        """So many bytes of a stream need no memory any more: its peer may send more.

        A stream that is closed needs no such word.
        """
        self._streams.consumed(stream_id, count)

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
            self._last_served = self._streams.highest
            self._outbox.put(frames.goaway(self._streams.highest, NO_ERROR))

    def close(self, code: int = NO_ERROR, why: str = "") -> None:
        """Ends the connection: GOAWAY is to be sent, and nothing that waits in streams."""
        if not self.is_ended:
            self.is_ended = True
            self._outbox.drop(self._streams.open.values())
            self._streams.open.clear()
            last = 0 if self._is_client else self._streams.highest
            self._outbox.put(frames.goaway(last, code, why.encode()[:MAX_TEXT_BYTES]))

    # Streams

    def _refuse(self, fault: StreamFault) -> None:
        """The peer broke a rule in a stream."""
        self._patience.spend(RESET)
        self._outbox.answer(frames.rst_stream(fault.stream_id, fault.code))
        stream = self._streams.open.get(fault.stream_id)
        if stream:
            self._streams.close(stream, BY_US)
            if stream.has_head or self._is_client:
                self._events.append(Reset(fault.stream_id, fault.code, False))
        else:
            self._streams.remember(fault.stream_id, BY_US)

    # Frames that came

    def _read(self, frame: Frame) -> None:
        """Raises ConnectionFault."""
        kind, flags, stream_id, payload = frame
        if kind >= len(_READERS):
            # Section 5.5: frames of an unknown type are passed over.
            self._patience.spend(FRAME)
            return
        try:
            _READERS[kind](self, flags, stream_id, payload)
        except StreamFault as fault:
            self._refuse(fault)

    def _read_headers(self, flags: int, stream_id: int, block: bytes) -> None:
        """A whole header block. It is decoded also where nobody wants it (hpack.py)."""
        too_many = ""
        fields: Fields = ()
        try:
            fields = self._decoder.decode(block)
        except hpack.BadBlock as error:
            raise ConnectionFault(COMPRESSION_ERROR, str(error)) from None
        except hpack.TooManyFields as error:
            too_many = str(error)
        stream = self._streams.open.get(stream_id) or self._begin(stream_id)
        if not stream:
            return
        if not stream.receiving:
            raise StreamFault(stream_id, STREAM_CLOSED, "HEADERS behind the end of a stream")
        if too_many:
            raise StreamFault(stream_id, ENHANCE_YOUR_CALM, too_many)
        try:
            self._read_fields(stream, fields, bool(flags & END_STREAM))
        except rules.Malformed as error:
            raise StreamFault(stream_id, PROTOCOL_ERROR, str(error)) from None

    def _begin(self, stream_id: int) -> Stream | None:
        """The stream that a client opens by a header block; None for one to be passed over."""
        if self._is_client or not stream_id & 1 or stream_id <= self._streams.highest:
            self._streams.check_gone(stream_id, "HEADERS")
            return None
        if self._last_served is not None:
            self._streams.highest = stream_id
            self._streams.remember(stream_id, BY_US)
            return None
        if len(self._streams.open) >= self._max_streams:
            self._streams.highest = stream_id
            raise StreamFault(stream_id, REFUSED_STREAM, "too many streams")
        return self._streams.begin(stream_id)

    def _read_fields(self, stream: Stream, fields: Fields, end_stream: bool) -> None:
        """Raises Malformed, StreamFault."""
        if stream.has_head:
            rules.content_length(fields, rules.TRAILERS)
            if not end_stream:
                raise StreamFault(stream.id, PROTOCOL_ERROR, "trailers that end nothing")
            self._streams.all_received(stream)
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
            self._streams.all_received(stream)

    def _read_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        data = frames.without_padding(flags, payload)
        stream = self._streams.take(stream_id, len(payload), len(data))
        if not stream:
            return
        end_stream = bool(flags & END_STREAM)
        if len(data) >= USEFUL_BYTES:
            self._patience.earn(MOVED)
        elif not data and not end_stream:
            self._patience.spend(FRAME)
            return
        if end_stream:
            self._streams.all_received(stream)
        self._events.append(Data(stream_id, data, end_stream))

    def _read_priority(self, _: int, stream_id: int, payload: bytes) -> None:
        self._patience.spend(FRAME)
        if not stream_id:
            raise ConnectionFault(PROTOCOL_ERROR, "PRIORITY of no stream")
        frames.check_priority(stream_id, payload)

    def _read_rst_stream(self, _: int, stream_id: int, payload: bytes) -> None:
        code = frames.read_number(payload)
        if self._streams.is_idle(stream_id):
            raise ConnectionFault(PROTOCOL_ERROR, "RST_STREAM of a stream that is not open")
        stream = self._streams.open.get(stream_id)
        self._patience.spend(RESET if stream else FRAME)
        if stream:
            self._streams.close(stream, BY_PEER)
            self._events.append(Reset(stream_id, code, code == REFUSED_STREAM))

    def _read_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._patience.spend(FRAME)
        if stream_id:
            raise ConnectionFault(PROTOCOL_ERROR, "SETTINGS of a stream")
        if flags & ACK:
            if payload:
                raise ConnectionFault(FRAME_SIZE_ERROR, "an answer to SETTINGS with values")
            return
        for name, value in frames.read_settings(payload):
            if name == frames.INITIAL_WINDOW_SIZE:
                self._streams.change_windows(value)
            elif name == frames.MAX_CONCURRENT_STREAMS:
                self._peer_streams = value
        self._outbox.answer(frames.frame(frames.SETTINGS, ACK, 0))

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
            for stream in [one for one in self._streams.open.values() if one.id > last]:
                self._streams.close(stream, BY_PEER)
                self._events.append(Reset(stream.id, REFUSED_STREAM, True))

    def _read_window_update(self, _: int, stream_id: int, payload: bytes) -> None:
        self._patience.spend(FRAME)
        count = frames.read_number(payload) & MAX_31
        if not stream_id:
            if not count:
                raise ConnectionFault(PROTOCOL_ERROR, "WINDOW_UPDATE by nothing")
            self._outbox.open_window(count)
            return
        if self._streams.is_idle(stream_id):
            raise ConnectionFault(PROTOCOL_ERROR, "WINDOW_UPDATE of a stream that is not open")
        stream = self._streams.open.get(stream_id)
        if not stream:
            return
        if not count:
            raise StreamFault(stream_id, PROTOCOL_ERROR, "WINDOW_UPDATE by nothing")
        if not self._outbox.open_stream(stream, count):
            raise StreamFault(stream_id, FLOW_CONTROL_ERROR, "a window of more than 2^31 - 1 bytes")


# By the numbers of their types (frames.py). CONTINUATION is joined already.
_READERS: Sequence[Callable[[Connection, int, int, bytes], None]] = (
    Connection._read_data, Connection._read_headers, Connection._read_priority,
    Connection._read_rst_stream, Connection._read_settings, Connection._read_push_promise,
    Connection._read_ping, Connection._read_goaway, Connection._read_window_update)
