"""The proxy's engine of events: a few threads serve many connections, and wait for none of them.

Each thread is an event loop (ponte/net/loop.py). It does at once what can be done on the sockets
that are ready. So an idle connection costs its memory and nothing else. A thread that waits keeps
in its stack what has arrived so far, what it waits for, and until when. Here this state is in
objects:

    Caller     one connection of a caller
               (GREETING ->) READING -> CALLING -> REPLYING -> READING ... -> LINGERING
    Upstream   one connection to a server
               CONNECTING -> SENDING -> AWAITING -> IDLE (in the pool) -> SENDING ...

Threads: each worker is one. A connection belongs to the worker that accepted or made it, until it
is closed; each worker has its own pool of connections to servers. So no lock is needed for any of
them. All workers call the same relays (ponte/net/threads.py).

Never blocks: every socket is non-blocking. If a server is known by a name and not by an address, a
short-lived thread looks up the name and connects.

This design was first described in full by Dan Kegel, "The C10K problem"
(http://www.kegel.com/c10k.html).
"""

from __future__ import annotations

import contextlib
import enum
import errno
import functools
import logging
import math
import os
import socket
import ssl
import sys
import threading
import time
from typing import Generic

from ponte.calls.hop import Result, failure, judge
from ponte.net.address import Address
from ponte.net.loop import NOTHING, READ, WRITE, Loop, Watched
from ponte.net.message import ProtocolError, Reply, Request, encode_reply, text_reply
from ponte.net.parser import M, Parser, ReplyParser, RequestParser
from ponte.net.pool import POOL_IDLE_S, POOL_PER_ADDRESS, ExchangeError
from ponte.net.threads import Begin, Relay
from ponte.net.tls import WOULD_BLOCK, Tls
from ponte.net.wire import (
    IDLE_TIMEOUT_S,
    LINGER_S,
    MESSAGE_TIMEOUT_S,
    RECEIVE_BYTES,
    TOO_MANY,
    answer,
    listen,
)

log = logging.getLogger("ponte.events")

# Connections of callers. Each costs a few KiB, and a second socket while its call is running.
# `select` on Windows takes 512 sockets.
MAX_CONNECTIONS = 4096 if sys.platform != "win32" else 200
# Calls that run at once. More would only wait for servers, each of which takes 128.
MAX_CALLS = 1024
# Threads. With a GIL one thread runs at a time, so more of them make nothing faster.
WORKERS = 1
# Connections accepted before others have their turn: a flood of new ones must not delay the old
# ones.
ACCEPTS_PER_TURN = 64
# How long nothing is accepted after the system had no free file descriptor.
ACCEPT_PAUSE_S = 0.1
ALL_SENT = memoryview(b"")
TOO_MANY_CALLS = text_reply(503, "not executed: too many calls are on their way", Not_Executed="1")
CONNECTING = frozenset((0, errno.EINPROGRESS, errno.EWOULDBLOCK))
EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class Stream(Watched, Generic[M]):
    """A connection: the parser of what arrives, and what is still to be sent."""

    def __init__(self, worker: Worker, sock: socket.socket, parser: Parser[M]) -> None:
        super().__init__(worker, sock)
        self.worker = worker
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.parser: Parser[M] = parser
        self._unsent = ALL_SENT

    def greet(self) -> bool:
        """Goes on with the TLS handshake, if there is one. Returns whether it is complete.

        Raises OSError.
        """
        if not isinstance(self.socket, ssl.SSLSocket):
            return True
        try:
            self.socket.do_handshake()
        except ssl.SSLWantReadError:
            self.watch(READ)
        except ssl.SSLWantWriteError:
            self.watch(WRITE)
        else:
            return True
        return False

    def receive(self) -> bytes | None:
        """What has arrived: b"" at the end of the stream, None if nothing has. Raises OSError."""
        try:
            return self.socket.recv(RECEIVE_BYTES)
        except WOULD_BLOCK:
            return None

    def transmit(self, data: bytes) -> bool:
        """Sends what the system takes now. Returns whether that was all: else `flush` goes on.

        Raises OSError.
        """
        try:
            sent = self.socket.send(data)
        except WOULD_BLOCK:
            sent = 0
        if sent < len(data):
            self._unsent = memoryview(data)[sent:]
            self.watch(WRITE)
            return False
        return True

    def flush(self) -> bool:
        """Sends more of what is unsent. Returns whether all is sent now. Raises OSError."""
        with contextlib.suppress(*WOULD_BLOCK):
            self._unsent = self._unsent[self.socket.send(self._unsent):]
        if self._unsent:
            return False
        # An empty slice would keep the whole message in memory while the connection is idle.
        self._unsent = ALL_SENT
        return True


# ---- callers ---------------------------------------------------------------------------------

class Asks(enum.Enum):
    """The state of a caller's connection."""

    # -> READING
    GREETING = "making a TLS handshake"
    # -> CALLING, or REPLYING if it is no valid request
    READING = "reading a request"
    # -> REPLYING
    CALLING = "its call is running"
    # -> READING, or LINGERING after the last reply
    REPLYING = "sending the reply"
    # -> closed. A reset now would destroy the reply.
    LINGERING = "waiting until the caller closes"


class Caller(Stream[Request]):
    """A caller's connection. If it ends while its call is running, the call goes on without it."""

    def __init__(self, worker: Worker, sock: socket.socket) -> None:
        tls = worker.engine.tls
        super().__init__(worker, tls.wrap_accepted(sock) if tls else sock, RequestParser())
        self._state = Asks.GREETING if tls else Asks.READING
        self._relay: Relay | None = None
        self._received_at = 0.0
        # The deadline is that of a message of which a part has arrived.
        self._in_message = False
        # The caller will send nothing more; it can still receive a reply.
        self._ended = False
        self._keep_alive = True
        worker.callers.add(self)
        worker.wake_at(self, time.monotonic() + (MESSAGE_TIMEOUT_S if tls else IDLE_TIMEOUT_S))
        self.watch(READ)

    @property
    def is_idle(self) -> bool:
        """Whether no call is running, and no reply is being sent."""
        return self._state in (Asks.GREETING, Asks.READING)

    def on_ready(self) -> None:
        try:
            if self._state is Asks.GREETING:
                self._greet()
            elif self._state is not Asks.REPLYING:
                self._read()
            elif self.flush():
                self._replied()
        except OSError as error:
            log.debug("connection ended: %s", error)
            self.close()

    def on_deadline(self) -> None:
        # A call has its own deadlines.
        if self._state is Asks.CALLING:
            self.worker.wake_at(self, time.monotonic() + IDLE_TIMEOUT_S)
        elif self._state is Asks.READING and self.parser.in_message:
            self._refuse(408, "the request took too long to arrive")
        else:
            self.close()

    def proceed(self) -> None:
        """Begins the next call, if its request is whole."""
        if self.closed or self._state is not Asks.READING:
            return
        try:
            request = self.parser.next_message()
        except ProtocolError as error:
            self._refuse(error.status, error.reason)
            return
        if request is not None:
            self._begin(request)
        elif self._ended:
            self.close()
        else:
            self._wait_for_more()

    def carry_on(self, result: Result | None = None) -> None:
        """Reports the result of an attempt, if there was one, and makes the next attempt.

        If there is no next attempt, the reply is sent. Any exception here must end the call:
        nothing else would end it, and a drain would wait for it for ever.
        """
        assert self._relay
        now = time.monotonic()
        try:
            if result:
                self._relay.settle(result, now)
            order = self._relay.next_attempt(now)
            reply = None if order else self._relay.reply
        except Exception:
            log.exception("a call failed on its way")
            order, reply = None, text_reply(500, "internal error")
        if reply:
            self._answer(reply)
        elif order:
            attempt, message = order
            self.worker.send(self, attempt.endpoint.address, message, now + attempt.timeout_s)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self.worker.callers.discard(self)
            if self._state is Asks.REPLYING:
                self.worker.calls -= 1
            self.worker.engine.notice_change()

    def _greet(self) -> None:
        if self.greet():
            self._state = Asks.READING
            self.watch(READ)
            self.worker.wake_at(self, time.monotonic() + IDLE_TIMEOUT_S)

    def _read(self) -> None:
        data = self.receive()
        if data is None:
            return
        self._received_at = time.monotonic()
        self._ended = not data
        if self._state is Asks.LINGERING:
            if self._ended:
                self.close()
            return
        self.parser.feed(data)
        if self._state is Asks.READING:
            self.proceed()
        else:
            # Requests that were sent ahead wait for the reply; or the caller has ended its stream.
            self.watch(NOTHING)

    def _wait_for_more(self) -> None:
        interim = self.parser.take_interim()
        if interim:
            try:
                self.socket.send(interim)
            except OSError as error:
                # Also BlockingIOError: a caller without room for 25 bytes does not read at all.
                log.debug("connection ended: %s", error)
                self.close()
                return
        if not self.parser.in_message:
            self.worker.wake_at(self, time.monotonic() + IDLE_TIMEOUT_S)
        elif not self._in_message:
            # The deadline of a message counts from its first byte, however slowly it comes.
            self._in_message = True
            self.worker.wake_at(self, time.monotonic() + MESSAGE_TIMEOUT_S)
        self.watch(READ)

    def _begin(self, request: Request) -> None:
        self._state, self._in_message, self._keep_alive = Asks.CALLING, False, request.keep_alive
        worker = self.worker
        worker.calls += 1
        if worker.calls > worker.max_calls:
            begun: Reply | Relay = TOO_MANY_CALLS
        else:
            begun = answer(worker.engine.begin, request, self._received_at)
        if isinstance(begun, Reply):
            self._answer(begun)
        else:
            self._relay = begun
            self.carry_on()

    def _answer(self, reply: Reply) -> None:
        self._relay = None
        if self.closed:
            self.worker.end_call()
            return
        if not self._keep_alive or reply.status >= 400 or self.worker.engine.retiring:
            reply = reply._replace(keep_alive=False)
        self._keep_alive = reply.keep_alive
        self._state = Asks.REPLYING
        try:
            if self.transmit(encode_reply(reply)):
                self._replied()
            else:
                self.worker.wake_at(self, time.monotonic() + MESSAGE_TIMEOUT_S)
        except OSError as error:
            log.debug("connection ended before its reply: %s", error)
            self.close()

    def _replied(self) -> None:
        """The reply was sent: goes on with the next request, or ends the connection."""
        self.worker.end_call()
        if self._keep_alive:
            self._state = Asks.READING
            self.worker.wake_at(self, time.monotonic() + IDLE_TIMEOUT_S)
            if self.parser.in_message or self._ended:
                # What was sent ahead is used before more is read: so memory is bounded. It has to
                # wait for the next turn: other connections may have waited for longer.
                self.watch(NOTHING)
                self.worker.soon.append(self.proceed)
            else:
                self.watch(READ)
            return
        self._state = Asks.LINGERING
        self.watch(READ)
        self.worker.wake_at(self, time.monotonic() + LINGER_S)
        self.socket.shutdown(socket.SHUT_WR)
        if self._ended:
            self.close()

    def _refuse(self, status: int, reason: str) -> None:
        log.info("refused a request: %d %s", status, reason)
        self.worker.calls += 1
        self._answer(text_reply(status, reason))


# ---- servers ---------------------------------------------------------------------------------

class Serves(enum.Enum):
    """The state of a connection to a server. The values are the phases of an ExchangeError."""

    # With the TLS handshake, if there is one. -> SENDING
    CONNECTING = "connect"
    # -> AWAITING
    SENDING = "send"
    # -> IDLE, or closed
    AWAITING = "reply"
    # -> SENDING. If anything arrives now, the connection is closed.
    IDLE = "idle"


class Upstream(Stream[Reply]):
    """A connection to a server: one exchange at a time, and in the pool between two of them."""

    def __init__(self, worker: Worker, sock: socket.socket, address: Address,
                 state: Serves) -> None:
        super().__init__(worker, sock, ReplyParser())
        self.address = address
        self._state = state
        # It has been in the pool: the server may have closed it since.
        self._kept = False
        self._caller: Caller | None = None
        self._message = b""

    def start(self, caller: Caller, message: bytes, deadline: float) -> None:
        """Sends a request of `caller`. Its `carry_on` gets the result by `deadline`, or earlier."""
        self._caller, self._message = caller, message
        self.worker.wake_at(self, deadline)
        if self._state is Serves.CONNECTING:
            self.watch(WRITE)
            return
        try:
            self._send()
        except OSError as error:
            self._fail(error)

    def is_silent(self) -> bool:
        """Whether nothing has arrived and the stream is open: else no request may be sent on it."""
        try:
            # If a byte is there, the connection is closed, so the byte is not missed.
            self.socket.recv(1)
        except WOULD_BLOCK:
            return True
        except OSError:
            pass
        return False

    def on_ready(self) -> None:
        try:
            if self._state is Serves.AWAITING:
                self._read()
            elif self._state is Serves.IDLE:
                self.close()
            elif self._state is Serves.CONNECTING:
                self._check_connect()
                if self.greet():
                    self._send()
            elif self.flush():
                self._state = Serves.AWAITING
                self.watch(READ)
        except (OSError, ProtocolError) as error:
            self._fail(error)

    def on_deadline(self) -> None:
        if self._state is Serves.IDLE:
            self.close()
        else:
            self._fail(socket.timeout("timed out"))

    def close(self) -> None:
        super().close()
        self.worker.drop(self)

    def _check_connect(self) -> None:
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        tls = self.worker.engine.tls
        if tls and not isinstance(self.socket, ssl.SSLSocket):
            # The selector knows the old socket object, which is replaced.
            self.watch(NOTHING)
            self.socket = tls.wrap_connected(self.socket, self.address[0])

    def _send(self) -> None:
        self._state = Serves.SENDING
        if self.transmit(self._message):
            self._state = Serves.AWAITING
            self.watch(READ)

    def _read(self) -> None:
        data = self.receive()
        if data is None:
            return
        if not data:
            raise ConnectionResetError("the stream ended in the middle of a message"
                                       if self.parser.in_message
                                       else "the stream ended before a reply")
        self.parser.feed(data)
        reply = self.parser.next_message()
        if reply is None:
            return
        if self.parser.in_message:
            raise ProtocolError(502, "more bytes than one reply")
        caller, self._caller, self._message = self._caller, None, b""
        assert caller
        if reply.keep_alive:
            self._state, self._kept = Serves.IDLE, True
            self.worker.keep(self)
        else:
            self.close()
        caller.carry_on(judge(reply))

    def _fail(self, cause: Exception) -> None:
        """Ends the exchange without a reply.

        What follows is put off to the end of the turn: it may fail at once, too, and a thousand
        failures in a row must not be a thousand nested calls.
        """
        self.close()
        caller, self._caller = self._caller, None
        assert caller
        if self._kept and self._state is Serves.SENDING and not isinstance(cause, socket.timeout):
            # The last byte was not sent, so no server can have run the request: it is sent on
            # another connection.
            self.worker.soon.append(functools.partial(self.worker.send, caller, self.address,
                                                      self._message, self.deadline))
        else:
            result = failure(ExchangeError(self._state.value, cause))
            self.worker.soon.append(functools.partial(caller.carry_on, result))


# ---- the workers -----------------------------------------------------------------------------

class Acceptor(Watched):
    """The listening socket. All workers share it; the first to accept a connection gets it."""

    def __init__(self, worker: Worker, sock: socket.socket) -> None:
        super().__init__(worker, sock)
        self.worker = worker
        self.watch(READ)

    def on_ready(self) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            try:
                sock, _ = self.socket.accept()
                self._welcome(sock)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                # No file descriptor is free, or the peer has left already.
                log.warning("accept failed: %s", error)
                if error.errno in EXHAUSTED:
                    self.watch(NOTHING)
                    self.worker.wake_at(self, time.monotonic() + ACCEPT_PAUSE_S)
                    return

    def on_deadline(self) -> None:
        self.worker.wake_at(self, math.inf)
        self.watch(READ)

    def _welcome(self, sock: socket.socket) -> None:
        engine = self.worker.engine
        try:
            if engine.connections < engine.max_connections:
                Caller(self.worker, sock)
                return
            sock.setblocking(False)
            # With TLS, nothing can be sent before a handshake.
            if not engine.tls:
                sock.send(encode_reply(TOO_MANY))
        except OSError as error:
            log.debug("a connection ended before it began: %s", error)
        sock.close()


class Worker(Loop):
    """A loop with its callers, and its connections to servers."""

    def __init__(self, engine: EventEngine, listening: socket.socket) -> None:
        super().__init__()
        self.engine = engine
        self.callers: set[Caller] = set()
        self.max_calls = engine.max_calls_of_worker
        # Calls that are running. Only this thread writes it.
        self.calls = 0
        # Idle connections; of each address, the last used one is at the end.
        self._pool: dict[Address, dict[Upstream, None]] = {}
        self._acceptor = Acceptor(self, listening.dup())

    def end_call(self) -> None:
        self.calls -= 1
        self.engine.notice_change()

    def send(self, caller: Caller, address: Address, message: bytes, deadline: float) -> None:
        """Sends a request on a connection from the pool, or on a new one."""
        upstream = self._take(address)
        if upstream:
            upstream.start(caller, message, deadline)
        elif _is_numeric(address[0]):
            self._connect(caller, address, message, deadline)
        else:
            thread = threading.Thread(target=self._look_up,
                                      args=(caller, address, message, deadline), daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                # The system gives this process no more threads.
                self._cannot_connect(caller, error)

    def keep(self, upstream: Upstream) -> None:
        """Puts a connection into the pool."""
        idle = self._pool.setdefault(upstream.address, {})
        if len(idle) < POOL_PER_ADDRESS:
            idle[upstream] = None
            self.wake_at(upstream, time.monotonic() + POOL_IDLE_S)
        else:
            upstream.close()

    def drop(self, upstream: Upstream) -> None:
        """Takes a connection out of the pool, if it is there."""
        self._pool.get(upstream.address, {}).pop(upstream, None)

    def keep_only(self, addresses: set[Address]) -> None:
        """Closes idle connections to all other servers."""
        for address in self._pool.keys() - addresses:
            for upstream in list(self._pool.pop(address)):
                upstream.close()

    def _take(self, address: Address) -> Upstream | None:
        """A connection from the pool that can still be used, or None."""
        idle = self._pool.get(address)
        while idle:
            upstream, _ = idle.popitem()
            if upstream.is_silent():
                return upstream
            upstream.close()
        return None

    def _connect(self, caller: Caller, address: Address, message: bytes, deadline: float) -> None:
        """Begins to connect to a server that is known by its address."""
        sock = None
        try:
            sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
            upstream = Upstream(self, sock, address, Serves.CONNECTING)
            error_number = sock.connect_ex(address)
            if error_number not in CONNECTING:
                raise OSError(error_number, os.strerror(error_number))
        except OSError as error:
            # Refused at once, or no file descriptor is free.
            if sock:
                sock.close()
            self._cannot_connect(caller, error)
        else:
            upstream.start(caller, message, deadline)

    def _cannot_connect(self, caller: Caller, error: Exception) -> None:
        self.post(functools.partial(caller.carry_on, failure(ExchangeError("connect", error))))

    def _look_up(self, caller: Caller, address: Address, message: bytes, deadline: float) -> None:
        """Connects to a server that is known by name. Runs on a thread of its own."""
        try:
            sock = socket.create_connection(address, max(deadline - time.monotonic(), 0.001))
        except (OSError, ValueError) as error:
            # ValueError: a name that DNS cannot have.
            self._cannot_connect(caller, error)
        else:
            self.post(functools.partial(self._adopt, sock, caller, address, message, deadline))

    def _adopt(self, sock: socket.socket, caller: Caller, address: Address, message: bytes,
               deadline: float) -> None:
        """Takes over a connection that `_look_up` has made."""
        try:
            upstream = Upstream(self, sock, address, Serves.CONNECTING)
        except OSError as error:
            # The connection has broken already; macOS reports that when an option is set.
            sock.close()
            self._cannot_connect(caller, error)
        else:
            upstream.start(caller, message, deadline)

    def stop_accepting(self) -> None:
        """Accepts no more connections, and closes those without a running call."""
        self._acceptor.close()
        for caller in list(self.callers):
            if caller.is_idle:
                caller.close()

    def release(self) -> None:
        super().release()
        # Callers whose socket is not watched now are not in the selector.
        for caller in list(self.callers):
            caller.close()


class EventEngine:
    """Carries out every call on one of a few workers. It has the methods of a `ThreadEngine`.

    Parameters: `begin` as for a `ThreadEngine`; `max_connections` of callers; `max_calls` that may
    run at once, shared by the workers in equal parts; `workers`, the number of threads. Raises
    OSError if the port is taken.
    """

    def __init__(self, host: str, port: int, begin: Begin, *,
                 max_connections: int = MAX_CONNECTIONS, max_calls: int = MAX_CALLS,
                 workers: int = WORKERS, tls: Tls | None = None) -> None:
        self.begin = begin
        self.tls = tls
        self.max_connections = max_connections
        self.max_calls_of_worker = -(-max_calls // workers)
        # Set once, read without a lock: a worker that reads the old value sends one more reply that
        # keeps its connection.
        self.retiring = False
        self._changed = threading.Condition()
        # Guarded by self._changed: how many threads are in `wait_until_quiet`.
        self._waiting = 0
        listening = listen(host, port)
        listening.setblocking(False)
        self.address: Address = listening.getsockname()[:2]
        self._workers = [Worker(self, listening) for _ in range(workers)]
        # Each worker has its own duplicate of it.
        listening.close()

    @property
    def connections(self) -> int:
        """How many connections of callers are open now."""
        return sum(len(worker.callers) for worker in self._workers)

    def start(self) -> None:
        for worker in self._workers:
            worker.thread.start()

    def retire(self) -> None:
        """From now on each connection is closed after its next reply: never between two calls."""
        self.retiring = True

    def keep_only(self, addresses: set[Address]) -> None:
        """Closes the idle connections to all other servers.

        A draining server waits until its callers close their connections.
        """
        for worker in self._workers:
            worker.post(functools.partial(worker.keep_only, addresses))

    def wait_until_quiet(self, timeout_s: float, *, idle_too: bool = False) -> bool:
        """Blocks until no call is running, or with `idle_too`, until no connection is open.

        Returns False if that takes longer than `timeout_s`.
        """
        def is_quiet() -> bool:
            return not (self.connections if idle_too
                        else sum(worker.calls for worker in self._workers))

        with self._changed:
            # Counted before the first check, so that no change after the check is missed.
            self._waiting += 1
            try:
                return self._changed.wait_for(is_quiet, timeout_s)
            finally:
                self._waiting -= 1

    def notice_change(self) -> None:
        """Called by workers when a call has ended or a connection is closed."""
        # Read without the lock: a thread that begins to wait later checks for itself first.
        if self._waiting:
            with self._changed:
                self._changed.notify_all()

    def close(self, grace_s: float = 0.0) -> None:
        """Stops accepting, ends idle connections, and cuts off running calls after `grace_s`."""
        self.retiring = True
        for worker in self._workers:
            worker.post(worker.stop_accepting)
        self.wait_until_quiet(grace_s)
        for worker in self._workers:
            worker.post(worker.stop)
            if worker.thread.is_alive():
                worker.thread.join()
            worker.release()


def _is_numeric(host: str) -> bool:
    """Whether it is an address, so that no name must be looked up, which could take long."""
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except (OSError, ValueError):
        # ValueError: a name that no system call takes.
        return False
    return True
