"""Names of hosts: looked up on a thread, since the system's look-up blocks, perhaps for long.

Nothing on the way of a call waits for a name server without a deadline. One look-up for a name runs
at a time: further calls to the same host wait for the same answer.
"""

from __future__ import annotations

import socket
from concurrent.futures import Future
from typing import Any

from ponte.net.address import Address
from ponte.net.stream import DONE, Program
from ponte.net.threads import in_thread

# The family and the address of a socket.
Place = tuple[int, tuple[Any, ...]]

# The look-ups that run now. Each operation on a dictionary is atomic; if two threads begin a
# look-up at the same moment, both are made, which does no harm.
_running: dict[Address, Future[list[Place]]] = {}


def look_up(address: Address, deadline: float) -> Program[list[Place]]:
    """A program: the places where a host and port can be reached, one at least.

    An address needs no look-up. Raises OSError (socket.timeout at the deadline), or UnicodeError or
    ValueError for a name that no host can have.
    """
    host = address[0]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.inet_pton(family, host)
        return [(family, address)]
    except (OSError, ValueError):
        pass
    future = _running.get(address)
    if future is None:
        try:
            future = in_thread(_ask_system, address)
        except RuntimeError as error:
            # The system gives no more threads.
            raise OSError(str(error)) from None
        _running[address] = future
        future.add_done_callback(lambda _: _running.pop(address, None))
    if not (yield future, DONE, deadline):
        raise socket.timeout("timed out")
    return future.result()


def _ask_system(address: Address) -> list[Place]:
    found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    return [(family, place) for family, _, _, _, place in found]
