"""The system under chaos, and what stands between its processes.

    5 servers --beats, through lossy relays--> 2 registries
    16 callers --> 2 proxies --> the servers
     2 callers that can be frozen, each a process of its own

Each proxy and each server is behind a relay that breaks connections, and delivers messages late.
One proxy has the engine threads, the other one events. Some lives have a memory that is far
too short (forgetful.py).
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from typing import Any

from lab.checker import Call
from lab.tcp_relay import TcpRelay
from lab.udp_relay import UdpRelay
from ponte.net.address import Address, show
from tests.chaos.callers import RESOLVE_S, read_calls
from tests.system.cluster import Cluster
from tests.system.harness import Process, free_port
from tests.system.journal import Journal

SERVERS = 5
ENGINES = ("threads", "events")
CALLER_PROCESSES = 2
# Seconds until a system without faults must be whole again.
WHOLE_S = 10.0
# Seconds in which a caller's process ends: it resolves first.
END_S = 60.0
# The share of lives whose memory is short: they can resolve little.
FORGETFUL = 0.3


class Node:
    """A process of the system, the relay before it, and the relays of its beats.

    `start(file)` starts its process; `file` is the services file of a server.
    """

    def __init__(self, name: str, start: Callable[[str], Process], relay: TcpRelay | None = None,
                 beats: Sequence[UdpRelay] = (), file: str = "") -> None:
        self.name = name
        self.relay = relay
        self.beats = beats
        # A process on the port of this node, after the node itself has died.
        self.stranger: Process | None = None
        self._start = start
        self._file = file
        self.restart()

    def restart(self, file: str = "") -> None:
        """Starts its next life; with another services file, it is another version."""
        self.process = self._start(file or self._file)
        self.occupy(self.process)

    def occupy(self, process: Process) -> None:
        """From now on callers of this node reach `process`."""
        if self.relay:
            self.relay.target = process.address


class System:
    """Everything that a run needs. `close` ends all of it."""

    def __init__(self, rng: random.Random, servers: int = SERVERS,
                 engines: Sequence[str] = ENGINES, caller_processes: int = CALLER_PROCESSES,
                 pace_s: float = 0.0) -> None:
        self.rng = rng
        self.cluster = Cluster()
        self.journal = Journal(self.cluster)
        self.other_service = self.cluster.file("other.py", "def other():\n    return 1\n")
        self._relays: list[Any] = []
        self.callers: list[Node] = []
        try:
            self.registries = [self._registry(f"registry-{i}") for i in (1, 2)]
            self.servers = [self._server(f"server-{i}") for i in range(1, servers + 1)]
            self.proxies = [self._proxy(f"proxy-{i}", engine)
                            for i, engine in enumerate(engines, 1)]
            self.wait_until_whole()
            self.callers = [self._caller(f"p{i}c", pace_s) for i in range(caller_processes)]
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.cluster.close()
        for relay in self._relays:
            relay.close()

    def wait_until_whole(self) -> None:
        """Waits until every registry lists every server and proxy as up; fails after WHOLE_S."""
        everyone = {node.name for node in self.servers + self.proxies}

        def is_whole(registry: Node) -> bool:
            try:
                endpoints = self.cluster.lookup("*", registry.process.address)["endpoints"]
            except OSError:
                return False
            return {e["instance"] for e in endpoints if e["state"] == "up"} == everyone

        self.cluster.wait_until(lambda: all(map(is_whole, self.registries)), WHOLE_S,
                                "the system is whole again")

    def deliver_late(self, share: float = 1.0) -> int:
        """Delivers what is held by each relay, or by a random share of them; returns how much."""
        return sum(node.relay.deliver_late() for node in self.servers + self.proxies
                   if node.relay and self.rng.random() < share)

    def end_callers(self) -> list[Call]:
        """Lets the callers' processes resolve and end; returns what they were told."""
        for caller in self.callers:
            caller.process.stop()
        for caller in self.callers:
            if caller.process.wait(END_S + RESOLVE_S):
                raise AssertionError(f"a caller has failed\n{caller.process.log}")
        return [call for caller in self.callers for call in read_calls(self._told(caller.name))]

    def _registry(self, name: str) -> Node:
        port = str(free_port())
        node = Node(name, lambda _: self.cluster.start_role("registry.py", "--port", port))
        self.cluster.registries.append(node.process.address)
        return node

    def _server(self, name: str) -> Node:
        relay = self._keep(TcpRelay())
        beats = [self._keep(UdpRelay(registry.process.address, self._rng()))
                 for registry in self.registries]
        return Node(name, lambda file: self._start("server.py", file, name, relay.address,
                                                   [beat.address for beat in beats]),
                    relay, beats, self.journal.file)

    def _proxy(self, name: str, engine: str) -> Node:
        relay = self._keep(TcpRelay())
        return Node(name, lambda _: self._start("proxy.py", f"--engine={engine}", name,
                                                relay.address, self.cluster.registries), relay)

    def _caller(self, name: str, pace_s: float) -> Node:
        def start(_: str) -> Process:
            process = self.cluster.start("-m", "tests.chaos.callers", self._told(name), "--name",
                                         name, *self.cluster.registry_option(),
                                         "--pace", str(pace_s),
                                         "--seed", str(self.rng.randrange(10 ** 6)))
            process.wait_for_line("calling", WHOLE_S)
            return process
        return Node(name, start)

    def _told(self, name: str) -> str:
        return os.path.join(self.cluster.directory, f"{name}.told")

    def _start(self, script: str, what: str, name: str, advertised: Address,
               registries: Sequence[Address]) -> Process:
        wrapper = ("-m", "tests.chaos.forgetful") if self.rng.random() < FORGETFUL else ()
        return self.cluster.start_role(*wrapper, script, what, "--port", "0", "--name", name,
                                       "--advertise", show(advertised), "--registry",
                                       ",".join(map(show, registries)))

    def _keep(self, relay: Any) -> Any:
        self._relays.append(relay)
        return relay

    def _rng(self) -> random.Random:
        return random.Random(self.rng.getrandbits(64))
