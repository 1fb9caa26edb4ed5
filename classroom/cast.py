"""The processes of the demo, by name: each is an Actor (actor.py).

Threads: those of the actors. Only the main thread starts them; `tell` runs on any.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from typing import Any, Union

from classroom.actor import (
    CAN_FREEZE,
    CLIENT,
    FREEZES_BY,
    THAWS_BY,
    Actor,
    News,
    OnLine,
    StartFailed,
    Tell,
    environment,
    keep_nothing,
    read_status,
    run_program,
    tell_nobody,
)
from lab.thief import SAYS
from ponte.discovery.follower import ask
from ponte.net.address import Address, show
from ponte.net.pool import Pool
from ponte.process.own_files import own_file

__all__ = ["CAN_FREEZE", "FREEZES_BY", "THAWS_BY", "Actor", "Cast", "News", "StartFailed",
           "read_status", "run_program"]

# The registries of a process: the process itself, or where it listens, or several such places. (A
# tuple is one address.)
Registries = Union[Actor, Address, list[Address]]


class Cast:
    """All processes of the demo, by name.

    Parameters: `observe`, the "host:port" of who collects what the processes tell of their calls,
    "" for nobody; `tell`, for the events of the processes themselves (see the top of actor.py);
    `on_line(name, line)`, which gets all that they print, on any thread.

    Attribute: `key_file`, which every registry, server and proxy is given that is started from then
    on; "" for no key.
    """

    def __init__(self, observe: str = "", tell: Tell = tell_nobody,
                 on_line: OnLine = keep_nothing) -> None:
        self.key_file = ""
        # By the environment, so that each command line stays as a user types it.
        self._observe = observe
        self._tell, self._on_line = tell, on_line
        self._actors: dict[str, Actor] = {}
        self._pool = Pool()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __getitem__(self, name: str) -> Actor:
        return self._actors[name]

    def start_registry(self, name: str = "registry", port: int = 0) -> Actor:
        """Starts a registry and waits until it listens."""
        return self.start(name, "registry.py", "--port", str(port), *self._key_option(),
                          role="registry").await_banner()

    def start_server(self, name: str, service: str, registry: Registries,
                     advertise: Address | None = None, file: str = "") -> Actor:
        """Starts a server of `services/<service>.py`, or of another file; does not wait for its
        banner.

        `registry` can also be an address, such as that of a relay, or several. `advertise`: the
        address that callers shall use, where it is not the server's own.
        """
        extra = ["--advertise", show(advertise)] if advertise else []
        return self.start(name, "server.py", file or own_file("services", f"{service}.py"),
                          "--name", name, "--registry", _show_all(registry), *extra,
                          *self._key_option(), role="server", service=service)

    def start_proxy(self, name: str, registry: Registries) -> Actor:
        """Starts a proxy; does not wait for its banner."""
        return self.start(name, "proxy.py", "--port", "0", "--name", name,
                          "--registry", _show_all(registry), *self._key_option(), role="proxy")

    def start_thief(self, name: str, victim: str, service: str, registry: Actor,
                    says: str = SAYS) -> Actor:
        """Starts a thief, who claims to be the server `victim`; waits until its trap listens.

        `says`: what its trap answers, before the value that a caller gave.
        """
        answer = ["--says", says] if says != SAYS else []
        return self.start(name, "-m", "lab.thief", service, victim,
                          "--registry", show(registry.address), *answer).await_banner()

    def start(self, name: str, *arguments: str, role: str = "", service: str = "") -> Actor:
        """Starts any program of this folder; does not wait for its banner."""
        actor = Actor(name, list(arguments), self._pool,
                      {**environment(os.environ), **self._watched(name)}, role=role,
                      service=service, tell=self._tell, on_line=self._on_line)
        self._actors[name] = actor
        return actor

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """As `run_program`, for a program that is watched as the processes are."""
        return run_program(*arguments, watched=self._watched(CLIENT))

    def lookup(self, service: str, registry: str = "registry") -> dict[str, dict[str, Any]]:
        """The endpoints of a service by instance, as the registry answers. Raises OSError."""
        answer = ask(self._pool, self[registry].address, "lookup", service)
        return {endpoint["instance"]: endpoint for endpoint in answer["endpoints"]}

    def folder(self) -> str:
        """The path of a folder for the files of a story, ours alone; it ends with the cast."""
        if not self._folder:
            self._folder = tempfile.TemporaryDirectory(prefix="ponte-")
        return self._folder.name

    def names(self) -> list[str]:
        """The processes that were started since `kill_all` or `end_all`."""
        return list(self._actors)

    def kill_all(self) -> None:
        """kill -9 for every process, also for a frozen one: a fault."""
        for actor in self._take_all():
            actor.kill()

    def end_all(self) -> None:
        """The same as the end of the cast, and no fault: each process is told to be gone."""
        for actor in self._take_all():
            actor.leave()

    def close(self) -> None:
        """Kills every process, closes the connections to them, and deletes their files."""
        self.end_all()
        self._pool.close()
        if self._folder:
            self._folder.cleanup()

    def _take_all(self) -> list[Actor]:
        actors, self._actors = list(self._actors.values()), {}
        return actors

    def _watched(self, name: str) -> dict[str, str]:
        """The variable by which a process knows who collects its events, and its own name."""
        return {"PONTE_OBSERVE": f"{name}@{self._observe}"} if self._observe else {}

    def _key_option(self) -> list[str]:
        return ["--key-file", self.key_file] if self.key_file else []


def _show_all(registry: Registries) -> str:
    """What --registry takes."""
    if isinstance(registry, Actor):
        return show(registry.address)
    if isinstance(registry, tuple):
        return show(registry)
    return ",".join(map(show, registry))
