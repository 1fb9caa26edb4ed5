"""Incident A: a server is restarted with the key of last year.

Its beats come to the registry, which drops each for its signature. So it is never listed: it
serves, and nobody calls it. It cannot tell that from a registry that is not there, and its log line
is the same.
"""

from __future__ import annotations

import os
import random

from course.incidents.incident import RATE_TOLERANCE, Figure, Incident, Wait, rate
from course.incidents.system import Pages, System
from ponte.process.own_files import own_file

SERVERS = ("server-1", "server-2", "server-3")
KEYS = {"now": "key-2026", "before": "key-2025"}


class WrongKey(Incident):
    letter, kind, remedy = "a", "wrong_key", "2"
    proves = frozenset({"status_registry", "tap_registry"})
    example, lasts_s = "greeter whoami", 4.0

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.who = rng.choice(SERVERS)

    def begin(self, system: System) -> None:
        for name in KEYS.values():
            path = self._key(system, name)
            if os.path.exists(path):
                os.unlink(path)
            system.cast.run("registry.py", "--make-key", path)
        system.cast.key_file = self._key(system, KEYS["now"])
        system.registry()
        for name in SERVERS:
            self._server(system, name)
        system.await_all()
        system.caller("customers", "greeter", "hello", "Hello", "--registry",
                      system.where("registry"))
        system.await_all()

    def plant(self, system: System, wait: Wait) -> None:
        system.cast[self.who].kill()
        system.cast.key_file = self._key(system, KEYS["before"])
        self._server(system, self.who)
        system.await_all()
        # Its lease of before ends.
        wait(3.0)

    def measure(self, pages: Pages, wait: Wait) -> tuple[Figure, Figure]:
        return (Figure(rate(pages, "registry", "signature", wait), RATE_TOLERANCE),
                Figure(pages.status(self.who)["beats_acked"], 0))

    def _key(self, system: System, name: str) -> str:
        return os.path.join(os.path.abspath(system.folder), name)

    def _server(self, system: System, name: str) -> None:
        system.server(name, own_file("services", "greeter.py"), system.doors["registry"].address)
