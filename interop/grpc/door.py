"""The door for gRPC: a second protocol on the port of a server (ponte/net/serving.py, `Door`).

A call that comes by it becomes an ordinary request, and goes the way of all others (server.py,
`Server.handle`). So both doors have one memory of replies, one limit of calls, one
drain, and one kind of fault. What is its own here: many calls share a connection.

A connection is one program, which reads; replies may be ready at any time, and are written at once.
Before a call begins, everything that has come is read: a caller that has left meanwhile, perhaps
while this process was frozen, has said so by then, and its call does not run.

Bounded: streams of a connection (h2.py), bytes of requests that have not begun, replies that a slow
caller does not read, and the time for each of these. While a caller does not read its replies, none
of its calls begins: it may be in the middle of reading, so they wait.

Threads: the loop's, but for `retire`. It needs the engine "events": a thread that waits for bytes
cannot write what others have ready.
"""

from __future__ import annotations

import collections
import logging
import time
from typing import NamedTuple, cast

from interop.grpc import events, frames, h2
from interop.grpc.calls import HEAD, Opening, outcome_of, read_head
from interop.grpc.exchanges import Exchange, Reflection, Served, UnaryCall, begin
from interop.grpc.framing import frame
from interop.grpc.statuses import RESOURCE_EXHAUSTED, Refused, Status, refusal
from ponte.net.loop import Loop
from ponte.net.message import ProtocolError, Reply, Request, text_reply
from ponte.net.parser import RequestParser
from ponte.net.serving import (
    IDLE_TIMEOUT_S,
    INTERNAL_ERROR,
    MESSAGE_TIMEOUT_S,
    Handler,
    Listener,
)
from ponte.net.stream import READ, RECEIVE_BYTES, WOULD_BLOCK, WRITE, Program, Stream

log = logging.getLogger("ponte.grpc")

# Replies of a connection that its caller has not read. Beyond, its calls wait.
MAX_QUEUED_BYTES = 8 * 1024 * 1024
# Requests of a connection that have not begun.
MAX_HELD_BYTES = 16 * 1024 * 1024
# Reads before calls begin: others must have their turn, too.
MAX_READS = 16
# Shorter replies are not compressed.
MIN_PACKED_BYTES = 1024
# Seconds: how often a connection looks whether somebody takes too long; how long the answer to a
# PING may take, and that to the PING of a drain.
LOOK_S, PONG_S, DRAIN_S = 0.5, 10.0, 1.0
PING = b"are you?"


class Whole(NamedTuple):
    """A call that has come, at `received_at` (monotonic), and has not begun."""

    call: UnaryCall
    request: Request
    received_at: float
    held_bytes: int


class GrpcDoor:
    """Takes the connections of gRPC.

    Parameters: `handler` of the server; `served`, what there is to be called.

    Attributes: `preface`, with which a connection begins; `is_retiring`.
    """

    preface = frames.PREFACE

    def __init__(self, handler: Handler, served: Served) -> None:
        self.handler = handler
        self.served = served
        self.is_retiring = False
        # Only the loop's thread changes it.
        self._connections: set[Connection] = set()
        self._loop: Loop | None = None

    def serve(self, stream: Stream[Request], first: bytes, listener: Listener) -> Program[None]:
        """A program: serves a connection until it ends."""
        self._loop = cast(Loop, listener.driver)
        connection = Connection(self, stream, listener)
        self._connections.add(connection)
        try:
            yield from connection.serve(first)
        finally:
            self._connections.discard(connection)
            connection.close()

    def retire(self) -> None:
        """Asks all callers to leave when their calls have ended. From any thread."""
        self.is_retiring = True
        if self._loop:
            self._loop.post(self._drain)

    def _drain(self) -> None:
        self.served.health.stop()
        for connection in self._connections.copy():
            connection.drain()


class Connection:
    """One connection, with all its streams: the `Writer` of their exchanges."""

    def __init__(self, door: GrpcDoor, stream: Stream[Request], listener: Listener) -> None:
        self._door = door
        self._stream = stream
        self._listener = listener
        self._loop = cast(Loop, listener.driver)
        self._peer = cast(RequestParser, stream.parser).peer
        self._http = h2.Connection(is_client=False)
        self._exchanges: dict[int, Exchange] = {}
        # Those of which the head of the reply was sent.
        self._answering: set[int] = set()
        # Calls that are whole, and begin when everything that has come is read.
        self._whole: collections.deque[Whole] = collections.deque()
        self._running = 0
        self._unsent: bytes | memoryview = b""
        # When bytes came or went last; and when a PING was sent that has no answer, or a drain
        # began. 0: none was.
        self._moved_at = time.monotonic()
        self._pinged_at = self._drained_at = 0.0
        self._is_open = True

    # The program.

    def serve(self, first: bytes) -> Program[None]:
        """Reads, and begins calls, until the connection has ended."""
        self._take(first)
        if self._door.is_retiring:
            self.drain()
        while self._is_open:
            self._write()
            # What was written has made room, perhaps, for those that wait.
            while self._whole and not self._is_unread():
                self._begin_calls()
                self._write()
            if self._http.is_drained or (self._http.is_ended and not self._unsent):
                yield from self._stream.finish()
                return
            events = READ | WRITE if self._unsent else READ
            if (yield self._stream, events, time.monotonic() + self._wait_s()):
                self._read()
            self._look(time.monotonic())

    def _read(self) -> None:
        """Takes everything that has come, up to MAX_READS pieces."""
        for _ in range(MAX_READS):
            try:
                data = self._stream.socket.recv(RECEIVE_BYTES)
            except WOULD_BLOCK:
                return
            if not data:
                self.close()
                return
            self._take(data)

    def _take(self, data: bytes) -> None:
        now = time.monotonic()
        self._moved_at, self._pinged_at = now, 0.0
        for event in self._http.receive(data, now):
            if isinstance(event, events.Headers):
                self._open(event, now)
            elif isinstance(event, events.Data):
                self._feed(event)
            elif isinstance(event, events.Trailers):
                self._finish(event.stream_id)
            elif isinstance(event, events.Reset):
                self._forget(event.stream_id)
            elif isinstance(event, events.Ended):
                log.info("ended a connection of %s: %s", self._peer[0], event.why)

    def _wait_s(self) -> float:
        """Seconds until the next look: few while somebody is waited for."""
        is_waiting = (self._unsent or self._pinged_at or self._drained_at
                      or any(exchange.late_at for exchange in self._exchanges.values()))
        return LOOK_S if is_waiting else IDLE_TIMEOUT_S

    def _look(self, now: float) -> None:
        """Ends what takes too long."""
        # 1. A request that does not become whole.
        for stream_id, exchange in list(self._exchanges.items()):
            if 0.0 < exchange.late_at < now:
                self._http.reset(stream_id, frames.CANCEL)
                self._forget(stream_id)
        # 2. A drain: a caller that does not answer the PING has read that it shall leave, perhaps.
        if self._drained_at and now > self._drained_at + DRAIN_S:
            self._http.stop_accepting()
        # 3. A caller that does not read, or is not there any more.
        quiet_s = now - self._moved_at
        if (self._unsent and quiet_s > MESSAGE_TIMEOUT_S) \
                or (self._pinged_at and now - self._pinged_at > PONG_S):
            self._stream.reset()
            self.close()
        elif quiet_s > IDLE_TIMEOUT_S - LOOK_S and not self._pinged_at:
            self._http.ping(PING)
            self._pinged_at = now

    def _write(self) -> None:
        """Sends what the system takes. The rest goes when the socket can be written. OSError."""
        while True:
            if not self._unsent:
                self._unsent = self._http.data_to_send(RECEIVE_BYTES)
                if not self._unsent:
                    return
            before = len(self._unsent)
            self._unsent = self._stream.write(self._unsent)
            if len(self._unsent) < before:
                self._moved_at = time.monotonic()
            if self._unsent:
                return

    def _flush(self) -> None:
        """The same, while the program waits: a reply has become ready, or a drain begins."""
        if not self._is_open:
            return
        try:
            self._write()
        except OSError:
            # The program finds it, too: what cannot be written has ended.
            self._stream.interrupt()
        else:
            # Once it can be written, the program goes on, and looks at everything anew.
            self._loop.watch(self._stream, READ | WRITE)

    def drain(self) -> None:
        """Asks the caller to leave when its calls have ended."""
        if not self._drained_at:
            self._drained_at = time.monotonic()
            self._http.drain()
            self._flush()

    def close(self) -> None:
        """The connection has ended: nobody waits for its calls any more."""
        self._is_open = False
        self._http.close()
        for stream_id in list(self._exchanges):
            self._forget(stream_id)

    # Requests.

    def _open(self, event: events.Headers, now: float) -> None:
        """A request begins."""
        stream_id = event.stream_id
        try:
            head = read_head(event.fields)
            exchange = begin(Opening(stream_id, head, self._peer), self._door.served, self)
        except ProtocolError as error:
            # It is not gRPC at all.
            self._http.send_headers(stream_id, [(b":status", b"%d" % error.status)], True)
            return
        except Refused as error:
            self.end(stream_id, refusal(error))
            return
        exchange.late_at = now + MESSAGE_TIMEOUT_S
        self._exchanges[stream_id] = exchange
        if event.end_stream:
            self._finish(stream_id)

    def _feed(self, event: events.Data) -> None:
        exchange = self._exchanges.get(event.stream_id)
        if exchange is None:
            return
        try:
            # A stream of questions may have any number of answers, and its caller shall read them.
            if isinstance(exchange, Reflection) and self._is_unread():
                raise Refused(RESOURCE_EXHAUSTED, "this caller does not read its replies")
            exchange.feed(event.data)
            if exchange.held_bytes > h2.STREAM_WINDOW_BYTES and self._held() > MAX_HELD_BYTES:
                raise Refused(RESOURCE_EXHAUSTED, "too many requests of this connection have "
                                                  "not begun")
        except Refused as error:
            self.end(event.stream_id, refusal(error))
            return
        self._http.consumed(event.stream_id, len(event.data))
        if event.end_stream:
            self._finish(event.stream_id)

    def _is_unread(self) -> bool:
        """Whether too much waits for this caller to read it."""
        return self._http.queued_bytes > MAX_QUEUED_BYTES

    def _held(self) -> int:
        return sum(exchange.held_bytes for exchange in self._exchanges.values()) \
            + sum(whole.held_bytes for whole in self._whole)

    def _finish(self, stream_id: int) -> None:
        """A request has ended."""
        exchange = self._exchanges.get(stream_id)
        if exchange is None:
            return
        exchange.late_at = 0.0
        held_bytes = exchange.held_bytes
        try:
            request = exchange.finish()
        except Refused as error:
            self.end(stream_id, refusal(error))
            return
        if request and isinstance(exchange, UnaryCall):
            self._whole.append(Whole(exchange, request, self._moved_at, held_bytes))

    def _forget(self, stream_id: int) -> None:
        """The stream is gone."""
        exchange = self._exchanges.pop(stream_id, None)
        self._answering.discard(stream_id)
        if exchange:
            exchange.leave()

    # Calls.

    def _begin_calls(self) -> None:
        """Begins those that are whole, and whose callers still wait, until replies are unread."""
        while self._whole and not self._is_unread():
            whole = self._whole.popleft()
            if not whole.call.has_left:
                self._begin_call(whole)

    def _begin_call(self, whole: Whole) -> None:
        call = whole.call
        self._note(1)
        try:
            begun = self._door.handler(whole.request, whole.received_at, lambda: call.has_left)
        except Exception as error:
            begun = _reply_to(error, call)
        if isinstance(begun, Reply):
            self._note(-1)
            self._answer(call, begun)
        else:
            self._loop.spawn(self._wait_for(call, begun))

    def _wait_for(self, call: UnaryCall, program: Program[Reply]) -> Program[None]:
        """A program: a call whose function runs on another thread, or that waits for another."""
        try:
            reply = yield from program
        except Exception as error:
            reply = _reply_to(error, call)
        self._note(-1)
        self._answer(call, reply)
        self._flush()

    def _note(self, more: int) -> None:
        """Notes that calls have begun or ended."""
        self._running += more
        self._listener.note(self._stream, self._running > 0)

    def _answer(self, call: UnaryCall, reply: Reply) -> None:
        if call.has_left:
            return
        if self._door.is_retiring and reply.status == 503:
            # It has not run. Its caller may send it to another server, without a word to anybody.
            self._http.reset(call.stream_id, frames.REFUSED_STREAM)
            self._forget(call.stream_id)
            return
        message, status = outcome_of(call.rpc, reply)
        if message is not None:
            self.send(call.stream_id, message)
        self.end(call.stream_id, status)

    # What exchanges send.

    def send(self, stream_id: int, message: bytes) -> None:
        """A message. More may follow."""
        exchange = self._exchanges.get(stream_id)
        if exchange is None:
            return
        encoding = exchange.head.encoding if len(message) >= MIN_PACKED_BYTES else "identity"
        if stream_id not in self._answering:
            self._answering.add(stream_id)
            head = HEAD if encoding == "identity" else (*HEAD, (b"grpc-encoding", b"gzip"))
            self._http.send_headers(stream_id, head)
        self._http.send_data(stream_id, frame(message, encoding))

    def end(self, stream_id: int, status: Status) -> None:
        """The end of a stream."""
        # Without a message, head and trailers are one ("Trailers-Only").
        fields = status.fields() if stream_id in self._answering else [*HEAD, *status.fields()]
        self._http.send_headers(stream_id, fields, True)
        self._forget(stream_id)


def _reply_to(error: Exception, call: UnaryCall) -> Reply:
    """What a call is answered that a handler has refused, or could not carry out."""
    if isinstance(error, ProtocolError):
        return text_reply(error.status, error.reason, **error.headers)
    log.error("a call of %s failed", call.head.path, exc_info=error)
    return INTERNAL_ERROR
