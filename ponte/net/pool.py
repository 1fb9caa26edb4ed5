"""Requests to others, on connections that are kept open for the next request.

An exchange is one request and its whole reply, by a deadline. Every failure is an `ExchangeError`,
which says whether the request may have been carried out: rule R (ponte/calls/rule.py) needs nothing
else.

An exchange that is given up resets its connection: the system sends nothing more of the request. So
late requests are rarer, but not impossible. What has reached the other system can still be read
there: a server that was frozen finds it. It must see by itself that its caller has left.

Threads: a `Pool` has none of its own; any number of threads may share it. It has no lock. Each
operation on a set or a deque is atomic; and an exchange first puts its connection where `close`
finds it, and then looks whether the pool is closed. `close` does it the other way round, so one of
the two always sees the other.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import math
import socket
import sys
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from ponte.net.address import Address
from ponte.net.forking import leave_parent_in_child
from ponte.net.message import ProtocolError, Reply
from ponte.net.names import look_up
from ponte.net.parser import Parser, ReplyParser
from ponte.net.sharing import Shared
from ponte.net.stream import WRITE, Program, Stream
from ponte.net.tls import Tls, shake_hands, why_refused
from ponte.net.windows import LOOP_KEPT, error_text, refuse_at_once

# A connection that was idle for longer is not used any more: a firewall or NAT on the way may have
# forgotten it. Shorter than the time after which servers close idle connections
# (serving.IDLE_TIMEOUT_S).
POOL_IDLE_S = 30.0
# Idle connections kept for one address. Each costs a file descriptor on both sides.
POOL_PER_ADDRESS = 256
# Idle connections kept in all.
POOL_SIZE = math.inf if sys.platform != "win32" else LOOP_KEPT

# Seconds until the next address of a name is tried, where the one before is silent. A shorter time
# passes over hosts that are far away; a longer one delays the first call to a name.
NEXT_PLACE_S = 1.0

_CONNECTING = frozenset((errno.EINPROGRESS, errno.EWOULDBLOCK))


class ExchangeError(OSError):
    """A request got no reply.

    Attributes: `phase`, in which the exchange failed: "connect", "send" or "reply"; `sent`, whether
    the last byte of the request may have been sent: if not, the outcome is "not sent" for certain;
    `timed_out`; `is_nowhere`: the name of the host has no address; `cause`, the error that was
    raised.
    """

    def __init__(self, phase: str, cause: Exception) -> None:
        self.phase = phase
        self.cause = cause
        self.sent = phase == "reply"
        self.timed_out = isinstance(cause, socket.timeout)
        self.is_nowhere = isinstance(cause, (socket.gaierror, UnicodeError))
        if self.timed_out:
            reason = "timed out"
        else:
            reason = why_refused(cause) or getattr(cause, "strerror", None) or str(cause)
        super().__init__(f"{phase}: {reason}")


class Pool:
    """Connections kept open for the next request, by address. Safe to share between threads.

    Parameters: `tls`, if the connections use it; `new_parser` makes the parser of the replies on a
    connection, which has the limit of their length.
    """

    def __init__(self, tls: Tls | None = None,
                 new_parser: Callable[[], Parser[Reply]] = ReplyParser) -> None:
        self._tls = tls
        self._new_parser = new_parser
        # Idle connections, the last used at the right; and those in an exchange.
        self._idle: dict[Address, deque[Stream[Reply]]] = {}
        self._in_use: set[Stream[Reply]] = set()
        self._closed = False
        # For a pool that is dropped without `close`, and at the end of Python. `finalize` keeps
        # what the pool has until then: if the sockets were garbage together with it, Python would
        # warn that nobody closed them. A stream in an exchange stays open: its thread may wait for
        # it until Python has ended.
        weakref.finalize(self, _close_kept, self._idle)
        leave_parent_in_child(self)

    def exchange(self, address: Address, request: bytes, deadline: float) -> Program[Reply]:
        """A program: sends one request, and reads its whole reply by `deadline` (monotonic).

        Raises ExchangeError, and nothing else. If the send fails on a kept connection, a fresh one
        is tried: the request's last byte was not sent, so no server can have run it.
        """
        while True:
            phase = "connect"
            stream = kept = self._take(address)
            reply: Reply | None = None
            try:
                # 1. A connection.
                if stream is None:
                    stream = yield from self._connect(address, deadline)
                # 2. The request.
                phase = "send"
                rest = stream.write(request)
                if rest:
                    yield from stream.send(rest, deadline)
                # 3. The reply, and nothing behind it.
                phase = "reply"
                reply = yield from stream.read(deadline)
                if reply is None:
                    raise ConnectionResetError("the stream ended before a reply")
                if stream.parser.in_message:
                    reply = None
                    raise ProtocolError(502, "more bytes than one reply")
                return reply
            except (OSError, ValueError, OverflowError, ProtocolError) as error:
                # ValueError: a name that DNS cannot have. OverflowError: such a port.
                if not kept or phase != "send" or isinstance(error, socket.timeout):
                    raise ExchangeError(phase, error) from error
            finally:
                # 4. The next exchange may use the connection, if this one has ended as it should.
                if stream:
                    self._in_use.discard(stream)
                    if reply is None:
                        # It was given up, also when the program was closed: see the top.
                        stream.reset()
                    elif reply.keep_alive:
                        self._keep(address, stream)
                    else:
                        stream.close()

    def close_idle(self, addresses: Iterable[Address]) -> None:
        """Closes the idle connections to these addresses.

        A draining server waits until its callers close their connections. Where a loop carries out
        the exchanges, call this on its thread.
        """
        for address in addresses:
            _close_all(self._idle.pop(address, deque()))

    def close(self) -> None:
        """Closes every connection. Running exchanges end with an ExchangeError."""
        self._closed = True
        for stream in self._in_use.copy():
            stream.interrupt()
        self.close_idle(list(self._idle))

    def leave_parent(self) -> None:
        """In a forked child: has no connection. The parent goes on to use those that it has."""
        for stream in [*self._in_use, *(each for idle in self._idle.values() for each in idle)]:
            stream.leave_parent()
        self._idle.clear()
        self._in_use.clear()

    def _take(self, address: Address) -> Stream[Reply] | None:
        """A kept connection that can still be used, or None."""
        idle = self._idle.get(address)
        while idle:
            try:
                stream = idle.pop()
            except IndexError:
                # Another thread has taken it.
                break
            # First: from now on `close` finds it here.
            self._in_use.add(stream)
            if (stream.is_idle and time.monotonic() - stream.idle_since < POOL_IDLE_S
                    and stream.is_silent() and not self._closed):
                stream.is_idle = False
                return stream
            self._in_use.discard(stream)
            stream.close()
        return None

    def _keep(self, address: Address, stream: Stream[Reply]) -> None:
        idle = self._idle.get(address)
        if idle is None:
            idle = self._idle.setdefault(address, deque())
        stream.idle_since = now = time.monotonic()
        stream.is_idle = True
        idle.append(stream)
        # 1. The one that nobody has used for the longest time may be too old, or one too many.
        try:
            if now - idle[0].idle_since > POOL_IDLE_S or self._is_too_large(idle):
                idle.popleft().close()
        except IndexError:
            # Another thread has taken the last one just now.
            pass
        # 2. Another thread may have called `close_idle` or `close` just now.
        if self._closed or self._idle.get(address) is not idle:
            _close_all(idle)

    def _is_too_large(self, idle: deque[Stream[Reply]]) -> bool:
        # Without a limit in all, nothing is counted.
        return len(idle) > POOL_PER_ADDRESS or (math.isfinite(POOL_SIZE)
                                                and self._size() > POOL_SIZE)

    def _size(self) -> int:
        return sum(len(idle) for idle in list(self._idle.values()))

    def _connect(self, address: Address, deadline: float) -> Program[Stream[Reply]]:
        """A program: a new connection, to the first address of a name that takes one."""
        places = yield from look_up(address, deadline)
        failed: OSError = OSError("the name has no address")
        for untried in range(len(places), 0, -1):
            family, place = places[-untried]
            # An address that is silent leaves time for the others.
            now = time.monotonic()
            share_s = (deadline - now) / untried
            if untried > 1:
                share_s = min(share_s, NEXT_PLACE_S)
            try:
                return (yield from self._connect_to(family, place, address[0], now + share_s))
            except OSError as error:
                failed = error
        raise failed

    def _connect_to(self, family: int, place: tuple[Any, ...], host: str,
                    deadline: float) -> Program[Stream[Reply]]:
        """A program: a new connection to an address, with its TLS handshake."""
        sock = socket.socket(family)
        try:
            stream = Stream(sock, self._new_parser())
        except OSError:
            sock.close()
            raise
        self._in_use.add(stream)
        try:
            if self._closed:
                raise ConnectionAbortedError("the pool was closed")
            refuse_at_once(stream.socket, place[0])
            number = stream.socket.connect_ex(place)
            if number in _CONNECTING:
                if not (yield stream, WRITE, deadline):
                    raise socket.timeout("timed out")
                if self._closed:
                    # Some systems refuse to end a connection that is not there yet.
                    raise ConnectionAbortedError("the pool was closed")
                number = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                raise OSError(number, error_text(number))
            if self._tls:
                stream.wrap(functools.partial(self._tls.wrap_connected, host=host))
                yield from shake_hands(stream, deadline)
        except BaseException:
            self._in_use.discard(stream)
            stream.reset()
            raise
        return stream


# By their certificates. So clients that are made and dropped leave no connections behind; and many
# clients need only as many connections as are in use at the same time.
_shared: Shared[Pool] = Shared()


def shared_pool(tls: Tls | None) -> Pool:
    """The pool of all clients of this process with these certificates.

    Do not close it: it is closed when nobody refers to it any more.
    """
    return _shared.get(tls, lambda: Pool(tls))


def _close_kept(idle: dict[Address, deque[Stream[Reply]]]) -> None:
    """Closes what a pool kept, after the pool itself has gone."""
    for kept in list(idle.values()):
        _close_all(kept)


def _close_all(idle: deque[Stream[Reply]]) -> None:
    with contextlib.suppress(IndexError):
        while True:
            idle.pop().close()
