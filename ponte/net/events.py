"""The proxy's engine of events: a few threads, each of which serves many connections without ever waiting for one.

Each is an event loop (ponte/net/loop.py) and does at once what can be done on those of its sockets that are ready. So a
connection that says nothing costs its memory and nothing else; and what a thread would keep in its stack - what has
arrived so far, whom it waits for, until when - stands in objects here:

    Caller     one connection of a caller    (GREETING ->) READING -> CALLING -> REPLYING -> READING ... -> LINGERING
    Upstream   one connection to a server    CONNECTING -> SENDING -> AWAITING -> idle in the pool -> SENDING ...

Threads: every worker is one. A connection belongs to the worker that accepted or made it, for life; so does the pool of
connections to servers: no lock is needed for any of it. Relays (ponte/net/threads.py) are asked by all workers.

Never blocks: every socket is non-blocking, and a server's name, where it is not an address, is looked up and connected
to on a short-lived thread of its own.

The C10K problem, by Dan Kegel (http://www.kegel.com/c10k.html), is where this shape was first laid out in full.
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

# Callers at a time; each costs a few KiB, and two sockets while its call is under way. `select` on Windows takes 512.
MAX_CONNECTIONS = 4096 if sys.platform != "win32" else 200
MAX_CALLS = 1024                # on their way at once; more would wait for servers, each of which takes 128
WORKERS = 1                     # threads; one interpreter runs one of them at a time, so more pay only without a GIL
ACCEPTS_PER_TURN = 64           # so that a flood of new connections does not hold up the old ones
ACCEPT_PAUSE_S = 0.1            # after the system had no file descriptor left for us
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
        """Goes on with the handshake, if there is TLS; whether it is over. Raises OSError."""
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
        """What has arrived: b"" at the end of the stream, None if it was a false alarm. Raises OSError."""
        try:
            return self.socket.recv(RECEIVE_BYTES)
        except WOULD_BLOCK:
            return None

    def transmit(self, data: bytes) -> bool:
        """Sends what the system takes now; whether that was all: else `flush` goes on. Raises OSError."""
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
        """Sends more of what was left; whether that was all. Raises OSError."""
        with contextlib.suppress(*WOULD_BLOCK):
            self._unsent = self._unsent[self.socket.send(self._unsent):]
        if self._unsent:
            return False
        self._unsent = ALL_SENT         # a slice of nothing would keep the message while the connection is idle
        return True


# ---- callers --------------------------------------------------------------------------------------------

class Asks(enum.Enum):
    """Where the connection of a caller stands."""

    GREETING = "making a TLS handshake"     # -> READING
    READING = "reading a request"           # -> CALLING, or REPLYING to what is no request
    CALLING = "its call is on its way"      # -> REPLYING
    REPLYING = "sending the reply"          # -> READING, or LINGERING after the last reply
    LINGERING = "waiting for its end"       # so that no reset eats the reply


class Caller(Stream[Request]):
    """A caller's connection. It may end while its call is on its way: the call goes on, and its reply is dropped."""

    def __init__(self, worker: Worker, sock: socket.socket) -> None:
        tls = worker.engine.tls
        super().__init__(worker, tls.wrap_accepted(sock) if tls else sock, RequestParser())
        self._state = Asks.GREETING if tls else Asks.READING
        self._relay: Relay | None = None
        self._received_at = 0.0
        self._in_message = False        # the time of the message that is arriving has begun
        self._ended = False             # nothing more will come; a reply can still be sent
        self._keep_alive = True
        worker.callers.add(self)
        worker.wake_at(self, time.monotonic() + (MESSAGE_TIMEOUT_S if tls else IDLE_TIMEOUT_S))
        self.watch(READ)

    @property
    def is_idle(self) -> bool:
        """Whether there is no call, and no reply on its way."""
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
        if self._state is Asks.CALLING:         # a call has deadlines of its own
            self.worker.wake_at(self, time.monotonic() + IDLE_TIMEOUT_S)
        elif self._state is Asks.READING and self.parser.in_message:
            self._refuse(408, "the request took too long to arrive")
        else:
            self.close()

    def proceed(self) -> None:
        """Begins the next call if its request is whole."""
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
        """Makes the next attempt of its call, after one that came to `result`; when there is none, sends the reply.

        Whatever goes wrong here must end the call: nothing else would, and a drain would wait for it for ever.
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
            self.watch(NOTHING)         # whoever sends ahead waits for the reply; one who hung up has no more to say

    def _wait_for_more(self) -> None:
        interim = self.parser.take_interim()
        if interim:
            try:
                self.socket.send(interim)
            except OSError as error:    # also for want of room: a caller that has none for 25 bytes reads nothing
                log.debug("connection ended: %s", error)
                self.close()
                return
        if not self.parser.in_message:
            self.worker.wake_at(self, time.monotonic() + IDLE_TIMEOUT_S)
        elif not self._in_message:
            self._in_message = True     # from its first byte to its last, however it drips
            self.worker.wake_at(self, time.monotonic() + MESSAGE_TIMEOUT_S)
        self.watch(READ)

    def _begin(self, request: Request) -> None:
        self._state, self._in_message, self._keep_alive = Asks.CALLING, False, request.keep_alive
        worker = self.worker
        worker.calls += 1
        begun = TOO_MANY_CALLS if worker.calls > worker.max_calls else answer(worker.engine.begin, request,
                                                                              self._received_at)
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
        """The reply has left: on to the next request, or to the end."""
        self.worker.end_call()
        if self._keep_alive:
            self._state = Asks.READING
            self.worker.wake_at(self, time.monotonic() + IDLE_TIMEOUT_S)
            if self.parser.in_message or self._ended:
                self.watch(NOTHING)     # what it has sent ahead is used up before more is read: memory has an end
                self.worker.soon.append(self.proceed)     # in its turn: others may have waited for longer
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


# ---- servers --------------------------------------------------------------------------------------------

class Serves(enum.Enum):
    """Where a connection to a server stands. Values are the phases of an ExchangeError."""

    CONNECTING = "connect"      # and the TLS handshake, if there is one -> SENDING
    SENDING = "send"            # -> AWAITING
    AWAITING = "reply"          # -> IDLE, or closed
    IDLE = "idle"               # -> SENDING; whatever arrives now ends it


class Upstream(Stream[Reply]):
    """A connection to a server: one exchange at a time, and between two of them it waits in the worker's pool."""

    def __init__(self, worker: Worker, sock: socket.socket, address: Address, state: Serves) -> None:
        super().__init__(worker, sock, ReplyParser())
        self.address = address
        self._state = state
        self._kept = False              # it has been in the pool: the server may have left it meanwhile
        self._caller: Caller | None = None
        self._message = b""

    def start(self, caller: Caller, message: bytes, deadline: float) -> None:
        """Sends a request of `caller`, who is told by `carry_on` what came of it, at `deadline` at the latest."""
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
        """Whether nothing has arrived and the stream has not ended: a kept connection must be so."""
        try:
            self.socket.recv(1)         # a byte that nobody asked for ends the connection: nobody will miss it
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
            self.watch(NOTHING)         # another object stands for the connection from now on
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
            raise ConnectionResetError("the stream ended in the middle of a message" if self.parser.in_message else
                                       "the stream ended before a reply")
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
        """Ends the exchange without a reply. What follows is done in its turn: it may fail at once, too."""
        self.close()
        caller, self._caller = self._caller, None
        assert caller
        if self._kept and self._state is Serves.SENDING and not isinstance(cause, socket.timeout):
            # The last byte did not leave, so nobody can have run it: once more, on another connection.
            again = self.address, self._message, self.deadline
            self.worker.soon.append(functools.partial(self.worker.send, caller, *again))
        else:
            result = failure(ExchangeError(self._state.value, cause))
            self.worker.soon.append(functools.partial(caller.carry_on, result))


# ---- the workers ----------------------------------------------------------------------------------------

class Acceptor(Watched):
    """The listening socket, which all workers share: who is first gets the connection."""

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
            except OSError as error:        # out of file descriptors, or the peer has left already
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
            if not engine.tls:          # before a handshake nothing can be said
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
        self.calls = 0                                              # under way; written by this thread only
        self._pool: dict[Address, dict[Upstream, None]] = {}        # idle connections, the last used at the end
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
            thread = threading.Thread(target=self._look_up, args=(caller, address, message, deadline), daemon=True)
            try:
                thread.start()
            except RuntimeError as error:       # the system has no thread left for us
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
        idle = self._pool.get(address)
        while idle:
            upstream, _ = idle.popitem()
            if upstream.is_silent():
                return upstream
            upstream.close()
        return None

    def _connect(self, caller: Caller, address: Address, message: bytes, deadline: float) -> None:
        sock = None
        try:
            sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
            upstream = Upstream(self, sock, address, Serves.CONNECTING)
            error_number = sock.connect_ex(address)
            if error_number not in CONNECTING:
                raise OSError(error_number, os.strerror(error_number))
        except OSError as error:        # refused at once, or no file descriptor is left for us
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
        except (OSError, ValueError) as error:          # ValueError: a name that DNS cannot have
            self._cannot_connect(caller, error)
        else:
            self.post(functools.partial(self._adopt, sock, caller, address, message, deadline))

    def _adopt(self, sock: socket.socket, caller: Caller, address: Address, message: bytes, deadline: float) -> None:
        try:
            upstream = Upstream(self, sock, address, Serves.CONNECTING)
        except OSError as error:        # it broke before it was ours (macOS says so here)
            sock.close()
            self._cannot_connect(caller, error)
        else:
            upstream.start(caller, message, deadline)

    def stop_accepting(self) -> None:
        """Takes no new connections, and closes those that no call is running on."""
        self._acceptor.close()
        for caller in list(self.callers):
            if caller.is_idle:
                caller.close()

    def release(self) -> None:
        super().release()
        for caller in list(self.callers):       # those that nothing was watched for
            caller.close()


class EventEngine:
    """Carries out every call on one of a few workers. Has the methods of a `ThreadEngine`, and means the same by them.

    `workers` is the number of threads, `max_calls` that of calls on their way, which they share in equal parts.
    """

    def __init__(self, host: str, port: int, begin: Begin, *, max_connections: int = MAX_CONNECTIONS,
                 max_calls: int = MAX_CALLS, workers: int = WORKERS, tls: Tls | None = None) -> None:
        self.begin = begin
        self.tls = tls
        self.max_connections = max_connections
        self.max_calls_of_worker = -(-max_calls // workers)
        self.retiring = False       # written once; a late reader costs one reply more
        self._changed = threading.Condition()
        self._waiting = 0           # threads in `wait_until_quiet`. Guarded by self._changed
        listening = listen(host, port)
        listening.setblocking(False)
        self.address: Address = listening.getsockname()[:2]
        self._workers = [Worker(self, listening) for _ in range(workers)]
        listening.close()           # each worker has its own name for it

    @property
    def connections(self) -> int:
        """How many connections of callers are open now."""
        return sum(len(worker.callers) for worker in self._workers)

    def start(self) -> None:
        for worker in self._workers:
            worker.thread.start()

    def retire(self) -> None:
        """From now on every reply ends its connection, so that nobody is cut off between two calls."""
        self.retiring = True

    def keep_only(self, addresses: set[Address]) -> None:
        """Closes idle connections to all other servers: who drains waits for us to hang up."""
        for worker in self._workers:
            worker.post(functools.partial(worker.keep_only, addresses))

    def wait_until_quiet(self, timeout_s: float, *, idle_too: bool = False) -> bool:
        """Blocks until no call is running (`idle_too`: until no connection is open); False after `timeout_s`."""
        def is_quiet() -> bool:
            return not (self.connections if idle_too else sum(worker.calls for worker in self._workers))

        with self._changed:
            self._waiting += 1          # before the first look, so that no change after it goes unnoticed
            try:
                return self._changed.wait_for(is_quiet, timeout_s)
            finally:
                self._waiting -= 1

    def notice_change(self) -> None:
        """Called by workers when a call has ended or a connection is closed."""
        if self._waiting:               # a look without the lock: whoever comes later looks for himself first
            with self._changed:
                self._changed.notify_all()

    def close(self, grace_s: float = 0.0) -> None:
        """Stops accepting, ends idle connections, gives running calls `grace_s`, then cuts them off."""
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
    """Whether connecting to it needs no name service, which may take its time."""
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except (OSError, ValueError):       # ValueError: a name that no system call takes
        return False
    return True
