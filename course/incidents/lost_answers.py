"""Incident B: the answers of the registry to one server are lost, and then the registry restarts.

As long as the registry knows the server, that does no harm: its beats arrive, and it stays listed.
But a registry that was started again has a new epoch, and takes beats of that epoch alone. It tells
the server so in its answer to each beat, and these are lost.
"""

from __future__ import annotations

import random

from course.incidents.incident import RATE_TOLERANCE, Figure, Incident, Wait, rate
from course.incidents.system import Pages, System
from lab.udp_relay import UdpRelay
from ponte.process.own_files import own_file

SERVERS = ("server-1", "server-2", "server-3")


class LostAnswers(Incident):
    letter, kind, remedy = "b", "answers_lost", "3"
    proves = frozenset({"status_registry", "tap_registry"})
    example, lasts_s = "greeter whoami", 12.0

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.who = rng.choice(SERVERS)
        # Seconds between the loss and the restart.
        self.until_restart_s = rng.uniform(4.0, 7.0)

    def begin(self, system: System) -> None:
        system.registry()
        door = system.doors["registry"].address
        self.relay = UdpRelay(door, random.Random(0))
        system.also(self.relay)
        for name in SERVERS:
            system.server(name, own_file("services", "greeter.py"),
                          self.relay.address if name == self.who else door)
        system.await_all()
        system.caller("customers", "greeter", "hello", "Hello", "--registry",
                      system.where("registry"))
        system.await_all()

    def plant(self, system: System, wait: Wait) -> None:
        self.relay.answer_loss = 1.0
        wait(self.until_restart_s)
        system.begin_again("registry")
        # The others are listed again, and callers have seen the new list.
        wait(4.0)

    def measure(self, pages: Pages, wait: Wait) -> tuple[Figure, Figure]:
        return (Figure(rate(pages, "registry", "epoch", wait), RATE_TOLERANCE),
                Figure(pages.status(self.who)["beats_acked"], 0))
