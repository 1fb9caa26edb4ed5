"""Incident E: a server becomes slow, and nothing else (a grey failure).

It beats in time, each call gets its answer, no line is logged. Who watches it sees a healthy part,
who calls it does not: Huang and others, "Gray Failure: The Achilles' Heel of Cloud-Scale Systems"
(HotOS 2017). The policy `least_calls` sends it fewer calls, since each stays there longer; but
those that it gets are as slow as before, and so the slowest of a hundred stay slow.
"""

from __future__ import annotations

import os
import random

from course.incidents.incident import Figure, Incident, Wait
from course.incidents.system import Pages, System

SERVERS = ("server-1", "server-2", "server-3")
# Seconds for which the shares are measured.
SHARE_S = 6.0


class SlowServer(Incident):
    letter, kind, remedy = "e", "slow", "3"
    proves = frozenset({"tap_name", "status_name", "trace"})
    example, lasts_s = "shop price tea", 3.0

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.who = rng.choice(SERVERS)
        self.slow_s = rng.randrange(340, 480, 20) / 1000

    def begin(self, system: System) -> None:
        file = system.own_service("shop.py")
        for name in os.listdir(system.folder):
            if name.endswith(".slow"):
                os.unlink(os.path.join(system.folder, name))
        system.registry()
        door = system.doors["registry"].address
        for name in SERVERS:
            system.server(name, file, door)
        system.proxy("proxy-1", door, balance="least_calls")
        system.await_all()
        system.caller("customers", "shop", "price", "tea", "--at", system.where("proxy-1"),
                      "--every", "0.25", "--at-once", "8")
        system.await_all()

    def plant(self, system: System, wait: Wait) -> None:
        with open(os.path.join(system.folder, f"{self.who}.slow"), "w", encoding="utf-8") as file:
            file.write(str(self.slow_s))
        wait(3.0)

    def measure(self, pages: Pages, wait: Wait) -> tuple[Figure, Figure]:
        def totals() -> dict[str, int]:
            return {row["instance"]: row["calls_total"]
                    for row in pages.status("proxy-1")["services"]["shop"]}

        before = totals()
        wait(SHARE_S)
        made = {name: count - before[name] for name, count in totals().items()}
        share = 100 * made[self.who] / max(sum(made.values()), 1)
        return Figure(self.slow_s * 1000, 0.15 * self.slow_s * 1000), Figure(share, 5)
