"""The proxy's engine of threads: each connection has a thread, which waits while its call is on its way.

An engine owns the sockets of a proxy, those of its callers and those to its servers; what is sent where, and what an
outcome means, it asks a `Relay`. There are two, and docs/threads-and-events.md compares them: this one, and
ponte/net/events.py.

The waiting is what makes this one short: the next line of the program is the next thing that happens. It is also what
it costs: a thread for every connection, also for those that say nothing.
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
    """A call on its way through a proxy, as an engine sees it: it is told what to send, and tells what came of it.

    `settle` comes after each `next_attempt`, from any thread, one at a time. Neither blocks or raises.
    """

    @property
    def reply(self) -> Reply:
        """What the caller gets, once `next_attempt` has returned None."""

    def next_attempt(self, now: float) -> tuple[Attempt, bytes] | None:
        """Whom to send which bytes now, within the attempt's timeout; None when the call has come to its end."""

    def settle(self, result: Result, now: float) -> None:
        """Tells what the latest attempt came to."""


# What becomes of a request, and the monotonic time at which it was whole: a reply at once, or a call to carry out.
# It may raise ProtocolError, which is answered with its status; anything else that it raises is a 500.
Begin = Callable[[Request, float], Union[Reply, Relay]]


class ThreadEngine(Listener):
    """Carries out every call on the thread of the caller's connection."""

    def __init__(self, host: str, port: int, begin: Begin, *, max_connections: int = MAX_CONNECTIONS,
                 tls: Tls | None = None) -> None:
        super().__init__(host, port, self._carry_out, max_connections=max_connections, tls=tls)
        self._begin = begin
        self._pool = Pool(tls)

    def keep_only(self, addresses: set[Address]) -> None:
        """Closes idle connections to all other servers: who drains waits for us to hang up."""
        self._pool.keep_only(addresses)

    def close(self, grace_s: float = 0.0) -> None:
        super().close(grace_s)
        self._pool.close()

    def _carry_out(self, request: Request, received_at: float) -> Reply:
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
