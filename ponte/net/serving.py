"""Serving callers: the programs of the process that listens, and their limits.

    accept a caller -> (read a request -> carry it out -> send the reply)* -> close

A `Listener` has one program that accepts connections, and one for each connection, `_serve`. They
are the same for both drivers: `Threads` (a thread for each connection) and `Loop` (one thread for
all). docs/threads-and-events.md compares them.

Not here, on purpose: reverse DNS, which can take half a minute.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import sys
import threading
import time
from typing import Callable, Protocol, Union

from ponte.net.address import Address
from ponte.net.forking import leave_parent_in_child
from ponte.net.loop import Loop
from ponte.net.message import ProtocolError, Reply, Request, head_of, text_reply
from ponte.net.parser import RequestParser
from ponte.net.reply_writer import ReplyWriter
from ponte.net.stream import (
    NOTHING,
    READ,
    RECEIVE_BYTES,
    TURN,
    WOULD_BLOCK,
    Program,
    Stream,
    Waitable,
    listen,
)
from ponte.net.threads import Threads
from ponte.net.tls import Tls, shake_hands

log = logging.getLogger("ponte.serving")

# The drivers, by what --engine calls them.
ENGINES: dict[str, type[Threads] | type[Loop]] = {"threads": Threads, "events": Loop}
# Calls that run at once. More would only wait for servers, each of which takes 128.
MAX_CALLS = 1024
# From the first byte of a message to its last, however slowly it comes. A shorter time cuts off
# slow links; a longer one lets a silent caller hold a connection for longer.
MESSAGE_TIMEOUT_S = 10.0
# A kept connection without a request. Longer than pool.POOL_IDLE_S: by then no pool uses it any
# more, so no request arrives on a connection that is just being closed.
IDLE_TIMEOUT_S = 75.0
# What callers are told of it. Shorter, since a caller must not send on a connection that is just
# being closed. Connection names the header: so a hop that does not know it does not pass it on.
KEPT = "Connection: keep-alive\r\nKeep-Alive: timeout=60\r\n"
# Seconds between two looks whether the listener was closed, for systems where `shutdown` does not
# wake a loop (threads look for themselves: threads.LOOK_S). Shorter ticks cost processor time.
ACCEPT_TICK_S = 0.2
# Connections accepted before others have their turn: a flood of new ones must not delay the old
# ones.
ACCEPTS_PER_TURN = 64
# How long nothing is accepted after the system had no free file descriptor.
ACCEPT_PAUSE_S = 0.1
EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM,
                       # The number on Windows.
                       getattr(errno, "WSAEMFILE", errno.EMFILE)))

TOO_MANY = text_reply(503, "not executed: too many connections; --max-connections allows more",
                      Not_Executed="1")._replace(keep_alive=False)
TOO_MANY_CALLS = text_reply(503, "not executed: too many calls are on their way", Not_Executed="1")
INTERNAL_ERROR = text_reply(500, "internal error")

# Takes a request, the monotonic time at which it was whole, and a function that tells whether its
# caller has left: a handler asks just before it begins a call that must not run twice. (The
# function is `Stream.has_ended`, which says what it can know, and where it may be called.) Returns
# the reply, or a program that will. It may raise ProtocolError, which is answered with its status;
# any other exception is answered with a 500.
Handler = Callable[[Request, float, Callable[[], bool]], Union[Reply, Program[Reply]]]


class Door(Protocol):
    """Another protocol on the same port, told apart by the first bytes of a connection.

    Attribute: `preface`, with which all its connections begin, and no request of HTTP/1.1 does.
    """

    preface: bytes

    def serve(self, stream: Stream[Request], first: bytes, listener: Listener) -> Program[None]:
        """A program: serves a connection until it ends. `first` is what has come, the preface.

        It tells `listener.note` when calls run on it. The stream is closed behind it.
        """

    def retire(self) -> None:
        """Asks all callers to leave when their calls have ended. From any thread."""


class Listener:
    """Accepts connections, and serves each of them, request after request.

    Parameters: `handler`, see above, which must not block where `engine` is "events";
    `max_connections` (default: that of the engine), more get a 503; `max_connections_each`, the
    same for those of one address (default: no such limit); `max_calls` that may run at once; `tls`.
    Raises OSError if the port is taken, ValueError for an unknown engine, and for a limit that is
    too high or serves nobody.

    Attributes: `address`; `driver`, which carries out the programs; `served_by()`, the value of
    Served-By in each reply that comes without one, also in refusals. It may be set at any time;
    until then they have none.

    Threads: all methods may be called from any.
    """

    def __init__(self, host: str, port: int, handler: Handler, *, engine: str = "threads",
                 max_connections: int | None = None, max_calls: int = MAX_CALLS,
                 max_connections_each: int | None = None, tls: Tls | None = None) -> None:
        if engine not in ENGINES:
            raise ValueError(f"engine: there is no {engine!r}, only "
                             f"{' and '.join(sorted(ENGINES))}")
        if max_connections is not None and not (type(max_connections) is int
                                                and max_connections > 0):
            raise ValueError(f"max_connections: {max_connections!r}: take a whole number, 1 or "
                             "more")
        made = ENGINES[engine]
        self._max_connections = max_connections or made.max_connections
        if sys.platform == "win32" and made is Loop and \
                self._max_connections > made.max_connections:
            raise ValueError(f"on Windows, {engine} take {made.max_connections} connections")
        self._handler = handler
        self._max_calls, self._max_each = max_calls, max_connections_each
        self._tls = tls
        self._socket = Waitable(listen(host, port))
        self.address: Address = self._socket.socket.getsockname()[:2]
        self.driver = made()
        self.served_by: Callable[[], str] = str
        self._door: Door | None = None
        # The connections that are open, and those with a request that is carried out or a reply
        # that is sent. Each operation on a set is atomic.
        self._open: set[Stream[Request]] = set()
        self._running: set[Stream[Request]] = set()
        self._replies = ReplyWriter(KEPT, self._marked)
        # Set once, read without a lock: a program that reads the old value sends one more reply
        # that keeps its connection.
        self._retiring = False
        self._is_shut = False
        self._closed = False
        self._changed = threading.Condition()
        # Guarded by self._changed: how many threads wait for the end of calls or connections.
        self._waiting = 0
        leave_parent_in_child(self)

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._open)

    def start(self) -> None:
        """Serves from now on, on threads of the driver.

        Raises RuntimeError if it was closed, or if this is a forked child: the port is that of the
        parent.
        """
        if self._closed:
            raise RuntimeError("it was closed, or belongs to the parent of this process: make "
                               "another one")
        self.driver.start(self._accept())

    def open_door(self, door: Door) -> None:
        """Before `start`: serves a second protocol on this port, too.

        Raises ValueError where the engine cannot: a connection of it may carry many calls at once.
        """
        if not isinstance(self.driver, Loop):
            raise ValueError("a second protocol on one port needs the engine events (--engine)")
        self._door = door
        if self._tls:
            self._tls.offer_http_2()

    def is_serving(self) -> bool:
        """Whether callers are served: False when the driver is stuck, or has ended."""
        return self.driver.is_alive()

    def retire(self) -> None:
        """From now on each connection is closed after its next reply: never between two calls."""
        self._retiring = True

    def retire_door(self) -> bool:
        """Asks the callers of the second protocol to leave, and lets nobody new in.

        Its connections carry many calls, so none of them is the last. A caller that is asked to
        leave comes back at once where it is let in: so the port is closed first. Returns whether
        there is a second protocol; if not, nothing changes.
        """
        if self._door:
            self._is_shut = True
            # In this order on the loop's thread. To interrupt the socket would not do: on some
            # systems nothing wakes, and the port would be open for one more tick.
            self.driver.post(self._socket.close)
            self._door.retire()
        return self._door is not None

    def note(self, stream: Stream[Request], is_running: bool) -> None:
        """For a door, where the driver carries out programs: whether calls run on a connection."""
        if is_running:
            self._running.add(stream)
        else:
            self._end_call(stream)

    def wait_until_quiet(self, timeout_s: float, *, idle_too: bool = False) -> bool:
        """Blocks until no request is running, or with `idle_too`, until no connection is open.

        Returns False if that takes longer than `timeout_s`.
        """
        with self._changed:
            # Counted before the first check, so that no change after the check is missed.
            self._waiting += 1
            try:
                return self._changed.wait_for(
                    lambda: not (self._open if idle_too else self._running), timeout_s)
            finally:
                self._waiting -= 1

    def close(self, grace_s: float = 0.0) -> None:
        """Stops accepting, ends idle connections, and cuts off running requests after `grace_s`."""
        # 1. Nothing new. Some systems wake the accepting program; on the others it wakes within
        #    ACCEPT_TICK_S.
        self._retiring = self._closed = True
        self._socket.interrupt()
        # 2. Idle connections end.
        for stream in self._open.copy() - self._running:
            stream.interrupt()
        # 3. Running requests have their grace, and are cut off.
        self.wait_until_quiet(grace_s)
        for stream in self._open.copy():
            stream.interrupt()
        self.driver.stop()
        self._socket.close()

    def leave_parent(self) -> None:
        """In a forked child: is closed. The parent keeps its port, and serves on."""
        self._retiring = self._closed = True
        for waitable in (self._socket, *self._open):
            waitable.leave_parent()
        self._open, self._running = set(), set()
        self._changed = threading.Condition()

    # The programs.

    def _accept(self) -> Program[None]:
        """Accepts connections until the listener is closed."""
        accept = self._socket.socket.accept
        is_exhausted = False
        while not self._closed:
            if self._is_shut:
                # The driver lives as long as this program.
                self._socket.close()
                yield None, NOTHING, time.monotonic() + ACCEPT_TICK_S
                continue
            if not (yield self._socket, READ, time.monotonic() + ACCEPT_TICK_S):
                continue
            for _ in range(ACCEPTS_PER_TURN):
                try:
                    sock, peer = accept()
                except (BlockingIOError, InterruptedError):
                    break
                except OSError as error:
                    # The listener was closed, no file descriptor is free, or the peer has left
                    # already.
                    if self._closed or self._is_shut:
                        break
                    # While it lasts, one line is enough.
                    if not is_exhausted:
                        log.warning("accept failed: %s", error)
                    if error.errno in EXHAUSTED:
                        is_exhausted = True
                        yield None, NOTHING, time.monotonic() + ACCEPT_PAUSE_S
                        break
                else:
                    is_exhausted = False
                    # Where a peer has left already, some systems do not know its address any more.
                    self._welcome(sock, peer[:2] if peer else ("", 0))
        self._socket.close()

    def _welcome(self, sock: socket.socket, peer: Address) -> None:
        """Begins to serve a connection, or turns it away."""
        try:
            if self._tls:
                sock = self._tls.wrap_accepted(sock)
            stream = Stream(sock, RequestParser(peer))
        except OSError:
            # The connection broke right after it was accepted.
            sock.close()
            return
        is_welcome = len(self._open) < self._max_connections and self._has_room_for(peer[0])
        if is_welcome:
            self._open.add(stream)
            try:
                self.driver.spawn(self._serve(stream))
            except RuntimeError as error:
                # The system gives this process no more threads.
                log.warning("no thread for a connection: %s", error)
                self._open.discard(stream)
                is_welcome = False
        if not is_welcome:
            # With TLS, nothing can be sent before a handshake.
            if not self._tls:
                with contextlib.suppress(OSError):
                    self._turn_away(stream)
            stream.close()

    def _has_room_for(self, host: str) -> bool:
        """Whether one address may have one more connection."""
        return self._max_each is None or self._max_each > sum(
            isinstance(stream.parser, RequestParser) and stream.parser.peer[0] == host
            for stream in self._open.copy())

    def _turn_away(self, stream: Stream[Request]) -> None:
        """Says why a connection is not served. Does not wait for its request."""
        message = self._replies.write(TOO_MANY)
        # What has come already is taken: to close with unread bytes would destroy the reply. It may
        # be a HEAD. One that comes later finds a body, and behind that the end of the connection.
        with contextlib.suppress(*WOULD_BLOCK):
            stream.parser.feed(stream.socket.recv(RECEIVE_BYTES))
        stream.write(head_of(message) if stream.parser.is_head else message)

    def _serve(self, stream: Stream[Request]) -> Program[None]:
        """Serves one caller: a handshake, one request after another, the end."""
        try:
            if self._tls and not (yield from self._greet(stream)):
                return
            if self._door and (yield from self._is_for(self._door, stream)):
                return
            while not self._closed and (yield from self._serve_one(stream)):
                pass
        except OSError as error:
            log.debug("connection ended: %s", error)
        finally:
            stream.close()
            self._open.discard(stream)
            self._end_call(stream)

    def _greet(self, stream: Stream[Request]) -> Program[bool]:
        """Makes the TLS handshake. Returns whether it succeeded."""
        try:
            yield from shake_hands(stream, time.monotonic() + MESSAGE_TIMEOUT_S)
        except OSError as error:
            log.debug("no handshake: %s", error)
            # The peer can read why it was refused, also if it has sent its request already.
            yield from stream.finish()
            return False
        return True

    def _is_for(self, door: Door, stream: Stream[Request]) -> Program[bool]:
        """Reads the first bytes of a connection. Serves it, if they are the preface of the door."""
        first, deadline = b"", time.monotonic() + IDLE_TIMEOUT_S
        while len(first) < len(door.preface) and door.preface.startswith(first):
            if not (yield stream, READ, deadline):
                break
            with contextlib.suppress(*WOULD_BLOCK):
                data = stream.socket.recv(RECEIVE_BYTES)
                if not data:
                    break
                first += data
                deadline = time.monotonic() + MESSAGE_TIMEOUT_S
        stream.received_at = time.monotonic()
        if not first.startswith(door.preface):
            # It is HTTP/1.1, or nothing at all.
            stream.parser.feed(first)
            return False
        yield from door.serve(stream, first, self)
        return True

    def _serve_one(self, stream: Stream[Request]) -> Program[bool]:
        """Reads one request and answers it. Returns whether the connection stays open."""
        # 1. Read the request.
        request = None
        try:
            request = yield from stream.read(time.monotonic() + IDLE_TIMEOUT_S, MESSAGE_TIMEOUT_S)
            if request is None:
                return False
        except ProtocolError as error:
            reply = _refusal(error.status, error.reason)
        except socket.timeout:
            if not stream.parser.in_message:
                return False
            reply = _refusal(408, "the request took too long to arrive")
        # 2. Carry it out.
        self._running.add(stream)
        if request:
            try:
                begun = self._handler(request, stream.received_at, stream.has_ended) \
                    if len(self._running) <= self._max_calls else TOO_MANY_CALLS
                reply = begun if isinstance(begun, Reply) else (yield from begun)
            except ProtocolError as error:
                reply = text_reply(error.status, error.reason, **error.headers)
            except Exception:
                log.exception("the handler of %s %s failed", request.method, request.target)
                reply = INTERNAL_ERROR
        # 3. Send the reply.
        #    After an error it is the last one, unless it brings a session, which is used at once.
        goes_on = reply.status < 400 or "Call-Session" in reply.headers
        if not request or not request.keep_alive or not goes_on or self._retiring:
            reply = reply._replace(keep_alive=False)
        message = self._replies.write(reply)
        if request.method == "HEAD" if request else stream.parser.is_head:
            message = head_of(message)
        rest = stream.write(message)
        if rest:
            yield from stream.send(rest, time.monotonic() + MESSAGE_TIMEOUT_S)
        self._end_call(stream)
        # 4. The next request. If it has come already, others may have waited for longer.
        if not reply.keep_alive:
            yield from stream.finish()
        elif stream.parser.in_message:
            yield TURN
        return reply.keep_alive

    def _marked(self, reply: Reply) -> Reply:
        """The reply with the mark of who made it. One with written lines has brought it along."""
        if reply.lines or "Served-By" in reply.headers:
            return reply
        served_by = self.served_by()
        return reply._replace(lines=f"Served-By: {served_by}\r\n") if served_by else reply

    def _end_call(self, stream: Stream[Request]) -> None:
        """Notes that a call, or a connection, has ended."""
        self._running.discard(stream)
        # Read without the lock: a thread that begins to wait later checks for itself first.
        if self._waiting:
            with self._changed:
                self._changed.notify_all()


def _refusal(status: int, reason: str) -> Reply:
    log.info("refused a request: %d %s", status, reason)
    return text_reply(status, reason)
