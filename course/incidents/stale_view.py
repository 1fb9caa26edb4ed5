"""Incident D: a proxy follows one registry alone, that one dies, and then the servers are replaced.

Without a registry a proxy goes on with what it knows, and that is right for a while. But nobody
tells this one of the new servers: it sends each call to places where nobody listens. A proxy that
follows both registries has all of them.
"""

from __future__ import annotations

import random
import xmlrpc.client

from course.incidents.caller import plain
from course.incidents.incident import Figure, Incident, Wait
from course.incidents.system import Pages, System
from ponte.net.address import Address, show
from ponte.process.own_files import own_file

REGISTRIES = ("registry", "registry-2")
PROXIES = ("proxy-1", "proxy-2")
CALLS = 20


class StaleView(Incident):
    letter, kind, remedy = "d", "stale_view", "1"
    proves = frozenset({"status_name", "tap_name"})
    example, lasts_s = "greeter whoami", 6.0

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.who = rng.choice(PROXIES)
        self.dead = rng.choice(REGISTRIES)
        count = rng.choice((2, 3))
        self.old = [f"server-{number + 1}" for number in range(count)]
        self.new = [f"server-{count + number + 1}" for number in range(3)]

    def begin(self, system: System) -> None:
        for name in REGISTRIES:
            system.registry(name)
        self._servers(system, self.old)
        for name in PROXIES:
            followed = (self.dead,) if name == self.who else REGISTRIES
            system.proxy(name, *(system.doors[registry].address for registry in followed))
        system.await_all()
        for proxy in PROXIES:
            system.caller(f"shop-{proxy[-1]}", "greeter", "hello", "Hello", "--at",
                          system.where(proxy))
        system.await_all()

    def plant(self, system: System, wait: Wait) -> None:
        system.cast[self.dead].kill()
        system.shut(self.dead)
        self._servers(system, self.new)
        system.await_all()
        for name in self.old:
            system.cast[name].drain()
        while any(system.cast[name].is_running for name in self.old):
            wait(0.1)
        for name in self.old:
            system.shut(name)
        wait(3.0)

    def measure(self, pages: Pages, wait: Wait) -> tuple[Figure, Figure]:
        believed = pages.status(self.who)["services"]["greeter"]
        up = sum(row["state"] == "up" and row["quarantined"] for row in believed)
        return Figure(up, 0), Figure(unanswered(pages.address(self.who)), 0)

    def _servers(self, system: System, names: list[str]) -> None:
        for name in names:
            system.server(name, own_file("services", "greeter.py"),
                          *(system.doors[registry].address for registry in REGISTRIES))


def unanswered(proxy: Address) -> int:
    """How many of CALLS calls through a proxy get no answer."""
    call, failed = plain("greeter", show(proxy)), 0
    for _ in range(CALLS):
        try:
            call("hello", "Hello")
        except (xmlrpc.client.ProtocolError, OSError):
            failed += 1
    return failed
