"""A simulated world: many servers beat to one lease table, the real one.

A server follows the rules of heartbeat.py: a beat every 0.5 s +- 10 %, again after 0.1 s without an
ack, at once after an "epoch". Clock and network are simulated: a datagram arrives within the same
10 ms, or never. There are no signatures, no JSON and no sockets.
"""

from __future__ import annotations

import collections
import math
import random
import time
from collections import Counter
from collections.abc import Callable

from heartbeat import BEAT_JITTER, BEAT_S, RESEND_S
from ponte.discovery.beats import Beat
from ponte.discovery.leases import LeaseTable, Verdict

# Instances of each service.
INSTANCES = 10
# Seconds of a step of the simulated clock.
STEP_S = 0.01
# Seconds between two looks for leases that have expired, as registry.TICK_S.
EXPIRE_S = 0.05
# Seconds between two lives of a server, and of the registry.
DOWN_S = 1.0


class Server:
    """One life of a server: the beat that it sends next, and the step at which it is due."""

    __slots__ = ("beat", "due", "alive")

    def __init__(self, beat: Beat) -> None:
        self.beat = beat
        self.due = 0
        self.alive = True


class World:
    """Servers, a network that loses datagrams in both directions, and a lease table.

    `now` is the simulated time in seconds. The registry takes `capacity` datagrams a second; up to
    `waiting` datagrams wait for it. `seed` decides all that is drawn at random.
    """

    def __init__(self, servers: int, seed: int, capacity: float = math.inf,
                 waiting: int | None = None) -> None:
        self.rng = random.Random(seed)
        # The share of datagrams, and of answers, that are lost.
        self.loss = 0.0
        self.step = 0
        # The datagrams that have reached the table, and the CPU time that it has spent on them.
        self.taken = 0
        self.cpu_s = 0.0
        # How often the table has reported each event; how many leases of living servers expired.
        self.events: Counter[str] = collections.Counter()
        self.false_expiries = 0
        self._capacity_per_step = min(capacity * STEP_S, 2 * servers)
        # How many datagrams the registry may still take. Fractions are kept for the next step.
        self._allowance = 0.0
        self._waiting: collections.deque[Server] = collections.deque(maxlen=waiting)
        # Step -> the servers that may be due then.
        self._agenda: dict[int, list[Server]] = collections.defaultdict(list)
        self.servers = [Server(beat_of(number)) for number in range(servers)]
        self.alive = servers
        self.replace_registry()
        for server in self.servers:
            self._wait(server, self.rng.uniform(0, BEAT_S))

    @property
    def now(self) -> float:
        return self.step * STEP_S

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> float:
        """Runs for `seconds`, or until `until` is true; returns the simulated seconds passed."""
        began = self.step
        while self.step - began < seconds / STEP_S and not until():
            self.step += 1
            self._send()
            self._deliver()
            if self.step % round(EXPIRE_S / STEP_S) == 0:
                self.table.expire(self.now)
            self._note()
        return (self.step - began) * STEP_S

    def replace_registry(self) -> None:
        """Replaces the registry by an empty one with another epoch."""
        self.table = LeaseTable(f"{self.rng.getrandbits(64):016x}", self.now)
        self._waiting.clear()

    def restart(self, number: int) -> None:
        """Restarts a server in order: it drains, leaves, and comes back as a new life."""
        server = self.servers[number]
        if server.alive and server.beat.state == "up":
            server.beat = server.beat._replace(state="draining")
            self._wait(server, 0)

    def kill(self, number: int) -> None:
        self.servers[number].alive = False
        self.alive -= 1

    def is_whole(self) -> bool:
        """Whether the table has as many leases as servers are alive."""
        return len(self.table) == self.alive

    def _send(self) -> None:
        for server in self._agenda.pop(self.step, ()):
            if not server.alive or server.due != self.step:
                # The server has died, or its beat is due at another step by now.
                continue
            server.beat = server.beat._replace(seq=server.beat.seq + 1)
            self._wait(server, RESEND_S)
            full = len(self._waiting) == self._waiting.maxlen
            if not full and self.rng.random() >= self.loss:
                self._waiting.append(server)

    def _deliver(self) -> None:
        self._allowance = self._allowance % 1 + self._capacity_per_step
        arrived = [self._waiting.popleft()
                   for _ in range(min(len(self._waiting), int(self._allowance)))]
        beats = [server.beat for server in arrived]
        table, now = self.table, self.now
        began = time.process_time()
        verdicts = [table.apply(beat, now) for beat in beats]
        self.cpu_s += time.process_time() - began
        self.taken += len(beats)
        for server, verdict in zip(arrived, verdicts):
            if self.rng.random() >= self.loss:
                self._answer(server, verdict)

    def _answer(self, server: Server, verdict: Verdict) -> None:
        if verdict is Verdict.OTHER_EPOCH:
            server.beat = server.beat._replace(epoch=self.table.epoch)
            self._wait(server, 0)
        elif verdict is not Verdict.APPLIED:
            return
        elif server.beat.state == "leaving":
            server.alive = False
            self._begin_anew(server.beat)
        else:
            self._wait(server, BEAT_S * self.rng.uniform(1 - BEAT_JITTER, 1 + BEAT_JITTER))
            if server.beat.state == "draining":
                server.beat = server.beat._replace(state="leaving")

    def _begin_anew(self, last: Beat) -> None:
        server = Server(last._replace(incarnation=last.incarnation + 1, seq=0, epoch="",
                                      state="up"))
        self.servers[last.port] = server
        self._wait(server, DOWN_S)

    def _wait(self, server: Server, seconds: float) -> None:
        server.due = self.step + max(round(seconds / STEP_S), 1)
        self._agenda[server.due].append(server)

    def _note(self) -> None:
        for event in self.table.events:
            self.events[event.what] += 1
            if event.what == "expired" and self.servers[event.endpoint.port].alive:
                self.false_expiries += 1
        self.table.events.clear()


def beat_of(number: int) -> Beat:
    """The first beat of a server.

    Its port is its number, so that an event shows whose it is. Nothing connects to these addresses.
    """
    return Beat(f"service-{number // INSTANCES:05}", f"server-{number:06}", 1_700_000_000_000, 0,
                f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", number,
                idempotent=("balance", "hello"))
