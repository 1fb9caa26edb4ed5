"""The address that a process announces: can those who are to call it reach it there?

The problem: a process that listens on 127.0.0.1 can be called from its own machine alone. If it
announces this address to a registry on another machine, every caller there calls itself. And
0.0.0.0 stands for all addresses of a machine: nobody can call it.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, TimeoutError

from ponte.discovery.beats import MAX_NAME
from ponte.discovery.hosts import is_host
from ponte.net.address import Address, is_loopback, is_wildcard, show
from ponte.net.names import Place, begin_look_up

# Seconds for which the names of registries may be looked up. Longer delays a start without a name
# server; shorter misses a mistake where the name server is slow.
LOOK_UP_S = 2.0
# Addresses for examples, which nobody has (RFC 5737, RFC 3849). The route to them is that to
# everything far away.
FAR_AWAY: tuple[Place, ...] = ((socket.AF_INET6, ("2001:db8::1", 9)),
                               (socket.AF_INET, ("192.0.2.1", 9)))


def own_host_towards(place: Place) -> str:
    """The address of this machine from which it sends to that place; empty if there is no route.

    Connecting a UDP socket sends nothing.
    """
    family, address = place
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect(address)
            return str(sock.getsockname()[0])
    except OSError:
        return ""


def advertised(address: Address, registries: Sequence[Address], advertise: Address | None,
               timeout_s: float = LOOK_UP_S, *,
               look_up: Callable[[Address], Future[list[Place]]] = begin_look_up,
               own_host: Callable[[Place], str] = own_host_towards) -> Address:
    """The address at which others shall call a process that listens on `address`.

    Parameters: `registries` that will hand it out; `advertise`, which the user has chosen, or None
    (its port 0: the one listened on). Names of registries are looked up, for `timeout_s` seconds
    at most; a name that has no address by then decides nothing. A literal needs no look-up.

    Raises ValueError, with what to type, for an address of this machine alone beside a registry on
    another one; and where no caller could reach the address that the user has chosen.
    """
    host, port = advertise or address
    port = port or address[1]
    places = _places_of(registries, timeout_s, look_up)
    elsewhere = [show(registry) for registry, found in places.items()
                 if found and not leads_to_loopback(found)]
    # 1. All addresses of this machine: find one of them.
    if is_wildcard(host):
        if advertise:
            raise ValueError(f"--advertise {host}: that stands for all addresses of a machine: "
                             "name one at which others can reach this process")
        found_host = _find_own_host(host, places, own_host)
        if not found_host and elsewhere:
            raise ValueError(f"--host {host}: no way leads from this machine to the registry "
                             f"{elsewhere[0]}: give the address at which others can reach this "
                             "process with --advertise HOST")
        # Without a network, all callers are on this machine.
        return found_host or ("::1" if ":" in host else "127.0.0.1"), port
    # 2. An address of this machine alone, where callers on other machines would call themselves.
    if is_loopback(host) and elsewhere:
        option = "--advertise" if advertise else "--host"
        raise ValueError(f"{option} {host}: only this machine can call a process there, but the "
                         f"registry {elsewhere[0]} is not on 127.0.0.1: listen with "
                         "--host 0.0.0.0, or give the address at which others can reach this "
                         "process with --advertise HOST")
    return host, port


def default_name(service: str, address: Address) -> str:
    """A name for an instance that has none, made of its service and the address that it announces.

    Two processes have the same one only if they have the same address.

    >>> default_name("proxy", ("127.0.0.1", 4180)), default_name("proxy", ("10.0.0.7", 4180))
    ('proxy-4180', 'proxy-10.0.0.7-4180')
    >>> default_name("proxy", ("fd00::7", 4180))
    'proxy-fd00__7-4180'
    """
    host, port = address
    if host == "127.0.0.1":
        return _cut(service, f"-{port}")
    # A name has no colons. Two of them cannot come together in the name of a host.
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", host)
    name = f"{service}-{plain}-{port}"
    if len(name) <= MAX_NAME:
        return name
    # Too long: a digest stands for the host.
    return _cut(service, f"-{hashlib.sha256(host.encode()).hexdigest()[:16]}-{port}")


def _cut(service: str, rest: str) -> str:
    return service[:MAX_NAME - len(rest)] + rest


def leads_to_loopback(places: Sequence[Place]) -> bool:
    """Whether the host at these places is this machine, by a loopback address."""
    return any(is_loopback(place[1][0]) for place in places)


def _places_of(registries: Sequence[Address], timeout_s: float,
               look_up: Callable[[Address], Future[list[Place]]]) -> dict[Address, list[Place]]:
    """Where the registries are; an empty list for a name that has no address in time."""
    deadline = time.monotonic() + timeout_s
    # All at once: they have the same deadline.
    found = {registry: look_up(registry) for registry in registries}
    places: dict[Address, list[Place]] = {}
    for registry, future in found.items():
        places[registry] = []
        # ValueError: a name that no host can have.
        with contextlib.suppress(OSError, ValueError, TimeoutError):
            places[registry] = future.result(max(deadline - time.monotonic(), 0.0))
    return places


def _find_own_host(listens_on: str, places: dict[Address, list[Place]],
                   own_host: Callable[[Place], str]) -> str:
    """The address of this machine from which it sends to the registries; empty if none is found.

    Beside a registry on loopback, it is one that other machines may call as well: readers of that
    registry may be there.
    """
    # What listens on 0.0.0.0 takes no IPv6. What listens on :: takes IPv4, but not on Windows.
    families = {socket.AF_INET6 if ":" in listens_on else socket.AF_INET}
    if sys.platform != "win32" and ":" in listens_on:
        families.add(socket.AF_INET)
    for place in (*(place for found in places.values() for place in found), *FAR_AWAY):
        if place[0] in families and not is_loopback(place[1][0]):
            host = own_host(place)
            if is_host(host) and not is_loopback(host):
                return host
    return ""
