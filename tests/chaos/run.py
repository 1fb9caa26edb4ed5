"""One chaos run: a whole system, callers that never pause, and faults drawn from a seed.

    5 servers --beats, through lossy relays--> 2 registries
    16 callers --> 2 proxies --> the servers

Each proxy and each server is behind a relay that breaks connections. One proxy has the engine
threads, the other one events.

A run is a sequence of rounds. A round draws its faults, lets them act for some seconds, ends them,
and waits until the system is whole again. In each round one registry, one proxy and all servers but
two have no fault. At most two of the processes on the way of calls have one: so with three attempts
every idempotent call must be answered.
"""

from __future__ import annotations

import collections
import itertools
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple

from client import Client, NotSent, OutcomeUnknown
from lab.checker import FAILED, NOT_SENT, UNKNOWN, VALUE, Call, Verdict, judge
from lab.tcp_relay import TcpRelay, healthy, random_fates
from lab.udp_relay import UdpRelay
from ponte.net.address import Address, show
from tests.system.cluster import Cluster
from tests.system.harness import Process, free_port
from tests.system.journal import Journal

SERVERS = 5
CALLERS = 16
CALL_TIMEOUT_S = 5.0
ENGINES = ("threads", "events")
# Seconds that the faults of a round act: the shortest and the longest time.
ROUND_S = (0.5, 3.0)
# Seconds until a system without faults must be whole again.
WHOLE_S = 10.0


class Node:
    """A process of the system, the relay before it, and the relays of its beats."""

    def __init__(self, name: str, start: Callable[[], Process], relay: TcpRelay | None = None,
                 beats: Sequence[UdpRelay] = ()) -> None:
        self.name = name
        self.relay = relay
        self.beats = beats
        self._start = start
        self.restart()

    def restart(self) -> None:
        self.process = self._start()
        if self.relay:
            self.relay.target = self.process.address


class System:
    """Everything that a run needs. `close` ends all of it."""

    def __init__(self, rng: random.Random, servers: int = SERVERS,
                 engines: Sequence[str] = ENGINES) -> None:
        self.rng = rng
        self.cluster = Cluster()
        self.journal = Journal(self.cluster)
        self._relays: list[Any] = []
        self.registries = [self._registry(f"registry-{i}") for i in (1, 2)]
        self.servers = [self._server(f"server-{i}") for i in range(1, servers + 1)]
        self.proxies = [self._proxy(f"proxy-{i}", engine) for i, engine in enumerate(engines, 1)]
        self.wait_until_whole()

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

    def _registry(self, name: str) -> Node:
        port = str(free_port())
        node = Node(name, lambda: self.cluster.start_role("registry.py", "--port", port))
        self.cluster.registries.append(node.process.address)
        return node

    def _server(self, name: str) -> Node:
        relay = self._keep(TcpRelay())
        beats = [self._keep(UdpRelay(registry.process.address, self._rng()))
                 for registry in self.registries]
        return Node(name, lambda: self._start("server.py", self.journal.file, name, relay.address,
                                              [beat.address for beat in beats]), relay, beats)

    def _proxy(self, name: str, engine: str) -> Node:
        relay = self._keep(TcpRelay())
        return Node(name, lambda: self._start("proxy.py", f"--engine={engine}", name, relay.address,
                                              self.cluster.registries), relay)

    def _start(self, script: str, what: str, name: str, advertised: Address,
               registries: Sequence[Address]) -> Process:
        return self.cluster.start_role(script, what, "--port", "0", "--name", name,
                                       "--advertise", show(advertised), "--registry",
                                       ",".join(map(show, registries)))

    def _keep(self, relay: Any) -> Any:
        self._relays.append(relay)
        return relay

    def _rng(self) -> random.Random:
        return random.Random(self.rng.getrandbits(64))


# ---- faults --------------------------------------------------------------------------------------

class Fault(NamedTuple):
    """A fault of a node: how it begins and how it ends."""

    name: str
    begin: Callable[[Node, random.Random], None]
    end: Callable[[Node], None]


def _kill(node: Node, rng: random.Random) -> None:
    node.process.close()


def _stop(node: Node, rng: random.Random) -> None:
    node.process.signal(signal.SIGTERM)


def _wait_and_restart(node: Node) -> None:
    node.process.wait(WHOLE_S)
    node.restart()


def _freeze(node: Node, rng: random.Random) -> None:
    # Windows has no such signals.
    if sys.platform != "win32":
        node.process.signal(signal.SIGSTOP)


def _thaw(node: Node) -> None:
    # Windows has no such signals.
    if sys.platform != "win32":
        node.process.signal(signal.SIGCONT)


def _break_connections(node: Node, rng: random.Random) -> None:
    assert node.relay
    node.relay.fates = random_fates(random.Random(rng.getrandbits(64)))
    node.relay.hang_up()


def _heal_connections(node: Node) -> None:
    assert node.relay
    node.relay.fates = healthy
    node.relay.hang_up()


def _lose_beats(node: Node, rng: random.Random) -> None:
    loss = rng.choice([0.1, 0.3, 0.5])
    # Both ways, or one way only.
    there, back = rng.choice([(loss, loss), (loss, 0.0), (0.0, loss)])
    for relay in node.beats:
        relay.loss, relay.answer_loss, relay.duplication, relay.reordering = there, back, loss, loss


def _cut_off(node: Node, rng: random.Random) -> None:
    # One registry hears none of its beats; the other one hears all.
    rng.choice(node.beats).loss = 1.0


def _heal_beats(node: Node) -> None:
    for relay in node.beats:
        relay.calm()


KILL = Fault("kill -9", _kill, Node.restart)
DRAIN = Fault("drain", _stop, _wait_and_restart)
FREEZE = Fault("freeze", _freeze, _thaw)
BREAK = Fault("break connections", _break_connections, _heal_connections)
LOSE = Fault("lose beats", _lose_beats, _heal_beats)
CUT_OFF = Fault("cut off from a registry", _cut_off, _heal_beats)

# The faults of processes that calls go through, of registries, and of beats.
IN_THE_PATH = (KILL, DRAIN, FREEZE, BREAK)
OF_REGISTRIES = (KILL, FREEZE)
OF_BEATS = (LOSE, CUT_OFF)


def draw_round(system: System) -> list[tuple[Fault, Node]]:
    """The faults of one round.

    They hit up to two processes that calls go through, at most one of them a proxy; and either a
    registry, or the beats of up to two servers.
    """
    rng = system.rng
    path = rng.sample(system.servers, rng.randint(0, 2))
    if len(path) < 2 and rng.random() < 0.4:
        path.append(rng.choice(system.proxies))
    faults = [(rng.choice(IN_THE_PATH), node) for node in path]
    if rng.random() < 0.3:
        faults.append((rng.choice(OF_REGISTRIES), rng.choice(system.registries)))
    # Only while both registries work: a server that is cut off from one must reach the other.
    elif rng.random() < 0.4:
        faults += [(rng.choice(OF_BEATS), node) for node in rng.sample(system.servers, 2)
                   if node not in path]
    return faults


# ---- callers -------------------------------------------------------------------------------------

class Callers:
    """Threads that call without a pause. Each call has its own id; its outcome is recorded."""

    def __init__(self, clients: Sequence[Client], count: int, pace_s: float = 0.0) -> None:
        self._pace_s = pace_s
        self._ids = itertools.count(1)
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        # Guarded by self._lock: the calls that have ended.
        self._calls: list[Call] = []
        self._threads = [threading.Thread(target=self._run, args=(clients[i % len(clients)], i),
                                          daemon=True)
                         for i in range(count)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> list[Call]:
        """Waits until the running calls have ended; returns all calls."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        return self._calls

    def _run(self, client: Client, caller: int) -> None:
        for number in itertools.count(1):
            if self._stopped.wait(self._pace_s):
                return
            call_id = f"c{caller}-{number}"
            call = self._call(client, call_id, idempotent=number % 2 == 0)
            with self._lock:
                self._calls.append(call)

    def _call(self, client: Client, call_id: str, idempotent: bool) -> Call:
        started = time.monotonic()
        value, told, why = None, VALUE, ""
        try:
            value = client.call("echo" if idempotent else "once", call_id)
        except NotSent as error:
            told, why = NOT_SENT, str(error)
        except OutcomeUnknown as error:
            told, why = UNKNOWN, str(error)
        except Exception as error:
            # No other error may reach a caller: the checker counts it as wrong.
            told, why = FAILED, repr(error)
        return Call(call_id, idempotent, told, value == call_id, time.monotonic() - started, why)


# ---- the run -------------------------------------------------------------------------------------

class Report(NamedTuple):
    """The result of a run."""

    verdict: Verdict
    rounds: int
    faults: Counter[str]


def run(seed: int, seconds: float, *, servers: int = SERVERS, callers: int = CALLERS,
        pace_s: float = 0.0,
        engines: Sequence[str] = ENGINES, say: Callable[[str], None] = lambda line: None) -> Report:
    """Runs chaos for `seconds`, finishes the round that has begun by then, and judges it.

    There is one proxy for each of `engines`. A caller pauses for `pace_s` between two calls.
    """
    rng = random.Random(seed)
    system = System(rng, servers, engines)
    try:
        clients = [system.cluster.client("journal", timeout_s=CALL_TIMEOUT_S) for _ in range(2)]
        crowd = Callers(clients, callers, pace_s)
        crowd.start()
        faults: Counter[str] = collections.Counter()
        end = time.monotonic() + seconds
        rounds = 0
        while time.monotonic() < end:
            rounds += 1
            drawn = draw_round(system)
            say(f"round {rounds}: "
                + (", ".join(f"{fault.name} {node.name}" for fault, node in drawn) or "calm"))
            for fault, node in drawn:
                faults[fault.name] += 1
                fault.begin(node, rng)
            threading.Event().wait(rng.uniform(*ROUND_S))
            for fault, node in drawn:
                fault.end(node)
            system.wait_until_whole()
        calls = crowd.stop()
        return Report(judge(calls, system.journal.executions()), rounds, faults)
    finally:
        system.close()
