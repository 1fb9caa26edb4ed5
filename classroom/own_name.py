"""The name that a server of a lesson chooses by itself: server-1, server-2, ...

Two live servers must never choose the same name: the younger one would take the place of the elder.
The registry knows which names are taken. But it may not run yet, and of two servers that start at
the same instant it knows neither. So a server also claims its number on this machine: it holds a
UDP port of loopback that stands for the number. The system gives a port to one process only, and
takes it back when the process ends, however it ends. Nothing is ever sent there. Two groups that
share a machine have a registry each, at ports of their own, and so each has its own numbers.

A server on another machine knows nothing of our ports. That is why numbers are for registries on
loopback, which only this machine reaches. Everywhere else, a server has the name that server.py
gives to it: the address that it has is in this name.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Collection
from typing import NamedTuple

from ponte.net.stream import listen
from ponte.process.options import DEFAULT_REGISTRIES

# The port for number N is this one plus N, at the usual registry. Systems choose ports for outgoing
# connections, and most programs theirs, in other ranges: 32,768 is the next one. If a stranger has
# one of these ports, its number is left out.
FIRST_PORT = 31_000
# So many numbers are tried. A class has fewer servers of one registry on a machine.
NUMBERS = 100
# So many registries have numbers of their own. With more, some share them: then names are left out.
REGISTRIES = 16
LOOPBACK = "127.0.0.1"


class OwnName(NamedTuple):
    """A name that no other server of its registry has chosen here, until `held` is closed."""

    name: str
    held: socket.socket


def server_name(number: int) -> str:
    return f"server-{number}"


def claim_name(taken: Collection[str],
               registry_port: int = DEFAULT_REGISTRIES[0][1]) -> OwnName | None:
    """Claims the first of server-1, server-2, ... that is free; None if none can be claimed.

    `taken`: the names that a registry knows; `registry_port`: the lowest port of its registries.
    """
    place = (registry_port - DEFAULT_REGISTRIES[0][1]) % REGISTRIES
    first = FIRST_PORT + place * NUMBERS
    for number in range(1, NUMBERS + 1):
        name = server_name(number)
        if name not in taken:
            # OSError: another process has this number, or the port.
            with contextlib.suppress(OSError):
                return OwnName(name, listen(LOOPBACK, first + number, socket.SOCK_DGRAM))
    return None
