"""Names of hosts: looked up on a thread, since the system's look-up blocks, perhaps for long.

Nothing on the way of a call or a beat waits for a name server without a deadline. One look-up for a
host and port runs at a time: further users of it wait for the same answer.
"""

from __future__ import annotations

import os
import socket
import threading
from concurrent.futures import Future
from typing import Any

from ponte.net.address import Address
from ponte.net.stream import Program, result_of

# The family and the address of a socket.
Place = tuple[int, tuple[Any, ...]]

# The look-ups that run now. Each operation on a dictionary is atomic.
_running: dict[Address, Future[list[Place]]] = {}
# The threads of the look-ups are not in a forked child.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_running.clear)


def look_up(address: Address, deadline: float) -> Program[list[Place]]:
    """A program: the places where a host and port can be reached, one at least.

    An address needs no look-up. Raises OSError (socket.timeout at the deadline), or UnicodeError or
    ValueError for a name that no host can have.
    """
    literal = literal_place(address)
    if literal:
        return [literal]
    return (yield from result_of(begin_look_up(address), deadline))


def literal_place(address: Address) -> Place | None:
    """The place of a host that is written as a number; None for a name, which is not looked up."""
    host = address[0]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.inet_pton(family, host)
    except (OSError, ValueError):
        return None
    return family, address


def begin_look_up(address: Address) -> Future[list[Place]]:
    """Begins to look a name up. Does not block, and raises nothing: the future has the error.

    Its errors are those of `look_up`. What is added to the future as a callback runs on the thread
    of the look-up.
    """
    mine: Future[list[Place]] = Future()
    literal = literal_place(address)
    if literal:
        mine.set_result([literal])
        return mine
    future = _running.setdefault(address, mine)
    if future is mine:
        try:
            threading.Thread(target=_ask_system, args=(address, mine), name="ponte-name",
                             daemon=True).start()
        except RuntimeError as error:
            # The system gives no more threads.
            _end(address, mine, OSError(str(error)))
    return future


def _ask_system(address: Address, future: Future[list[Place]]) -> None:
    try:
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    except Exception as error:
        _end(address, future, error)
    else:
        _end(address, future, [(family, place) for family, _, _, _, place in found])


def _end(address: Address, future: Future[list[Place]], found: list[Place] | Exception) -> None:
    del _running[address]
    if isinstance(found, Exception):
        future.set_exception(found)
    else:
        future.set_result(found)
