"""At which address do other machines reach this one? Nothing is sent to find out.

A UDP socket that is connected sends nothing. But the system has chosen by then from which address
it would send, and it chooses an address that leads back here. Where there is no route to the whole
world, as in a room with cables and nothing else, the network interfaces are asked, and then the
name of this machine.

Threads: any. A name is looked up on a thread of its own, with a deadline.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import time
from collections.abc import Iterator

from ponte.discovery.reachable import FAR_AWAY, own_host_towards
from ponte.net.address import Address, is_loopback
from ponte.net.names import look_up
from ponte.net.stream import listen
from ponte.net.threads import wait_for

if sys.platform != "win32":
    import fcntl

# A port is needed to look a name up, and means nothing.
DISCARD_PORT = 9
# Seconds for a name. A class waits for them where a name server does not answer.
LOOK_UP_S = 1.0
# What asks a network interface for its IPv4 address (SIOCGIFADDR).
ASK_ADDRESS = {"linux": 0x8915, "darwin": 0xC0206921}
# Where a process listens on all addresses -> at which of them this machine reaches it.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def outward_host(family: socket.AddressFamily = socket.AF_INET) -> str | None:
    """The address at which others reach this machine; None where it has only loopback ones.

    Blocks for LOOK_UP_S at most.
    """
    return next(_outward_hosts(family), None)


def outward_hosts(family: socket.AddressFamily = socket.AF_INET) -> list[str]:
    """All of them that are found, the likeliest first. Blocks for LOOK_UP_S at most."""
    return list(dict.fromkeys(_outward_hosts(family)))


def _outward_hosts(family: socket.AddressFamily) -> Iterator[str]:
    return (host for host in _candidates(family) if not is_loopback(host) and _is_ours(host))


def addresses_of(registry: Address) -> list[str]:
    """The addresses of its host; none for a name that cannot be looked up within LOOK_UP_S."""
    try:
        return [str(place[0]) for _, place
                in wait_for(look_up(registry, time.monotonic() + LOOK_UP_S))]
    except (OSError, ValueError):
        # UnicodeError is a ValueError.
        return []


def is_on_loopback(registry: Address) -> bool:
    """Whether only this machine reaches it there. False where its name cannot be looked up."""
    found = addresses_of(registry)
    return bool(found) and all(map(is_loopback, found))


def _candidates(family: socket.AddressFamily) -> Iterator[str]:
    yield from filter(None, (own_host_towards(place) for place in FAR_AWAY if place[0] == family))
    if family == socket.AF_INET:
        yield from _of_interfaces()
    yield from (host for host in addresses_of((socket.gethostname(), DISCARD_PORT))
                if (":" in host) == (family == socket.AF_INET6))


def _of_interfaces() -> list[str]:
    """The IPv4 addresses of the network interfaces, where the system can be asked for them."""
    found: list[str] = []
    if sys.platform != "win32" and sys.platform in ASK_ADDRESS:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            for _, name in socket.if_nameindex():
                # OSError: it has no such address.
                with contextlib.suppress(OSError):
                    answer = fcntl.ioctl(asker, ASK_ADDRESS[sys.platform],
                                         struct.pack("256s", name.encode()[:15]))
                    # A name of 16 bytes, then 4 bytes that say what follows.
                    found.append(socket.inet_ntoa(answer[20:24]))
    return found


def _is_ours(host: str) -> bool:
    """Whether this machine can listen there. Its name may lead to an address of yesterday."""
    try:
        listen(host, 0, socket.SOCK_DGRAM).close()
    except OSError:
        return False
    return True
