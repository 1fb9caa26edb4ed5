"""The proxy's engine of threads: each connection has a thread, which waits for its call.

An engine owns the sockets of a proxy: those of its callers, and those to its servers. A `Relay`
decides what is sent to which server, and what an outcome means. There are two engines: this one,
and ponte/net/events.py. docs/threads-and-events.md compares them.

This one is short because its threads wait: the next line of the program is the next thing that
happens. The price is a thread for every connection, also for idle ones.
"""

from __future__ import annotations

import time
from typing import Callable, Protocol, Union

from ponte.calls.hop import Result, exchange
from ponte.calls.rule import Attempt
from ponte.net.address import Address
from ponte.net.message import Reply, Request
from ponte.net.pool import Pool
from ponte.net.tls import Tls
from ponte.net.wire import MAX_CONNECTIONS, Listener


class Relay(Protocol):
    """A call on its way through a proxy, as an engine sees it.

    The engine asks for the next attempt, carries it out, and reports its result with `settle`,
    until there is no next attempt. It may do so from any thread, but from one at a time. No method
    blocks or raises.
    """

    @property
    def reply(self) -> Reply:
        """The reply for the caller, to be read after `next_attempt` has returned None."""

    def next_attempt(self, now: float) -> tuple[Attempt, bytes] | None:
        """The next attempt, and the bytes to send; None when the call has ended.

        The attempt names the endpoint and the timeout. `now` is time.monotonic().
        """

    def settle(self, result: Result, now: float) -> None:
        """Reports the result of the latest attempt."""


# Takes a request, and the monotonic time at which it was whole. Returns a reply, or a call to
# carry out. It may raise ProtocolError, which is answered with its status; any other exception is
# answered with a 500.
Begin = Callable[[Request, float], Union[Reply, Relay]]


class ThreadEngine(Listener):
    """Carries out every call on the thread of the caller's connection."""

    def __init__(self, host: str, port: int, begin: Begin, *,
                 max_connections: int = MAX_CONNECTIONS, tls: Tls | None = None) -> None:
        super().__init__(host, port, self._carry_out, max_connections=max_connections, tls=tls)
        self._begin = begin
        self._pool = Pool(tls)

    def keep_only(self, addresses: set[Address]) -> None:
        """Closes the idle connections to all other servers.

        A draining server waits until its callers close their connections.
        """
        self._pool.keep_only(addresses)

    def close(self, grace_s: float = 0.0) -> None:
        super().close(grace_s)
        self._pool.close()

    def _carry_out(self, request: Request, received_at: float) -> Reply:
        """Handles one request. Runs on the thread of the caller's connection, and blocks it."""
        begun = self._begin(request, received_at)
        if isinstance(begun, Reply):
            return begun
        while True:
            now = time.monotonic()
            order = begun.next_attempt(now)
            if order is None:
                return begun.reply
            attempt, message = order
            begun.settle(exchange(self._pool, attempt, message, now), time.monotonic())
