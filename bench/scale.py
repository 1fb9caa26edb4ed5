"""python3 -m bench.scale: 100,000 servers beat to one lease table: the real one. Clock and network are simulated.

A story in six chapters: all servers start; quiet; heavy loss; a rolling restart; a tenth dies at once; the registry is
replaced by an empty one. Then a start among waiting servers, with a registry that takes only so many beats a second,
as a real one does; and what a view weighs that readers ask for.

A sender keeps the rules of heartbeat.py: a beat every 0.5 s +- 10 %, again after 0.1 s without an ack, at once after an
"epoch". What depends on the machine (CPU time, memory) is measured; all else is the same for the same --seed.

Not simulated: delays (a datagram arrives within the same 10 ms, or never), signatures, JSON, sockets. What those cost
is measured by `python3 -m bench registry`.
"""

from __future__ import annotations

import argparse
import collections
import math
import random
import time
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from typing import Callable

from bench.report import Table, figure
from heartbeat import BEAT_JITTER, BEAT_S, RESEND_S
from ponte.calls.endpoint import Endpoint
from ponte.discovery.beat_reader import BeatReader
from ponte.discovery.beats import LEASE_S, Beat, encode_beat
from ponte.discovery.leases import ALL, MAX_LEASES, LeaseTable, Verdict
from ponte.discovery.lookup import LookupResult
from ponte.discovery.view import View
from ponte.rpc.marshal import decode_result, encode_result
from registry import RECEIVE_BUFFER_BYTES

SERVERS = 100_000
# So that a tenth of them can die.
FEWEST = 10
# Of each service.
INSTANCES = 10
# Of the simulated clock.
STEP_S = 0.01
# How often the table expires: registry.TICK_S.
EXPIRE_S = 0.05
# Datagrams: Linux doubles the buffer, and counts 1,280 bytes for a beat.
WAITING = RECEIVE_BUFFER_BYTES // 640
QUIET_LOSS, HEAVY_LOSS = 0.01, 0.5
CHAPTER_S = 10.0
# Of all servers: 1,000 s for a rolling restart.
RESTARTS_PER_S = 0.001
DEAD_SHARE = 0.1
# Between two lives of a server, and of the registry.
DOWN_S = 1.0
# Datagrams that one registry takes: see python3 -m bench registry.
CAPACITY_PER_S = 30_000
CROWDS = (5_000, 10_000, 14_000, 16_000, 20_000)
VIEWS = (10, 100, 1_000, 10_000)


class Server:
    """One life of a server: the beat that it sends next, and when."""

    __slots__ = ("beat", "due", "alive")

    def __init__(self, beat: Beat) -> None:
        self.beat = beat
        self.due = 0
        self.alive = True


class World:
    """Servers, a network that loses datagrams either way, and a table.

    `now` is the simulated time in seconds.

    Parameters: `capacity` is how many datagrams a second the registry takes, `waiting` how many
    wait for it at most.
    """

    def __init__(self, servers: int, seed: int, capacity: float = math.inf,
                 waiting: int | None = None) -> None:
        self.rng = random.Random(seed)
        self.loss = 0.0
        self.step = 0
        # Datagrams that reached the table.
        self.taken = 0
        # That it spent on them.
        self.cpu_s = 0.0
        self.events: Counter[str] = collections.Counter()
        self.false_expiries = 0
        self._capacity_per_step = min(capacity * STEP_S, 2 * servers)
        self._allowance = 0.0
        self._waiting: collections.deque[Server] = collections.deque(maxlen=waiting)
        # Step -> who may be due.
        self._agenda: dict[int, list[Server]] = collections.defaultdict(list)
        self.servers = [Server(_beat(number)) for number in range(servers)]
        self.alive = servers
        self.replace_registry()
        for server in self.servers:
            self._wait(server, self.rng.uniform(0, BEAT_S))

    @property
    def now(self) -> float:
        return self.step * STEP_S

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> float:
        """Goes on for so long, or until that holds; returns the simulated seconds that it took."""
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
        """By an empty one, with another epoch."""
        self.table = LeaseTable(f"{self.rng.getrandbits(64):016x}", self.now)
        self._waiting.clear()

    def restart(self, number: int) -> None:
        """In order: the server drains, leaves, and comes back as a new life."""
        server = self.servers[number]
        if server.alive and server.beat.state == "up":
            server.beat = server.beat._replace(state="draining")
            self._wait(server, 0)

    def kill(self, number: int) -> None:
        self.servers[number].alive = False
        self.alive -= 1

    def is_whole(self) -> bool:
        """Whether the table has as many as live."""
        return len(self.table) == self.alive

    def _send(self) -> None:
        for server in self._agenda.pop(self.step, ()):
            if not server.alive or server.due != self.step:
                # It has died, or was told to send at another time.
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


def _beat(number: int) -> Beat:
    """The port is the number, so that an event tells whose it is: nobody connects to these
    addresses.
    """
    return Beat(f"service-{number // INSTANCES:05}", f"server-{number:06}", 1_700_000_000_000, 0,
                f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", number,
                idempotent=("balance", "hello"))


# ---- the story -----------------------------------------------------------------------------------

class Chapter:
    """What one chapter counts: the difference between its end and its beginning."""

    def __init__(self, world: World, title: str, loss: float) -> None:
        self.title = title
        world.loss = loss
        self._world = world
        self._began = (world.now, world.taken, world.cpu_s, world.table.index, world.false_expiries)
        self.comment = ""

    def row(self) -> list[str]:
        world = self._world
        began_at, taken, cpu_s, index, false_expiries = self._began
        seconds = world.now - began_at
        beats = world.taken - taken
        changes = world.table.index - (index if world.table.index >= index else 1)
        return [self.title, f"{world.loss:.0%}", f"{seconds:.2f}", f"{beats / seconds:,.0f}",
                figure((world.cpu_s - cpu_s) / beats * 1e6), f"{changes / seconds:,.0f}",
                f"{world.false_expiries - false_expiries:,}", self.comment]


def tell(servers: int, seed: int, chapter_s: float = CHAPTER_S) -> Table:
    """The six chapters."""
    world = World(servers, seed)
    rows = []

    def chapter(title: str, loss: float, action: Callable[[], str]) -> None:
        now = Chapter(world, title, loss)
        now.comment = action()
        rows.append(now.row())

    chapter("all start within 0.5 s",
            QUIET_LOSS, lambda: f"whole after {world.run(60, world.is_whole):.2f} s")
    chapter("quiet", QUIET_LOSS, lambda: _passed(world, chapter_s))
    chapter("heavy loss", HEAVY_LOSS, lambda: (
        f"{_passed(world, chapter_s)}: {predicted_expiries(servers, chapter_s, HEAVY_LOSS):.3g} predicted"))
    world.loss = QUIET_LOSS
    world.run(60, world.is_whole)
    chapter("a rolling restart", QUIET_LOSS, lambda: _roll(world, chapter_s))
    world.run(60, world.is_whole)
    chapter(f"{DEAD_SHARE:.0%} die at once", QUIET_LOSS, lambda: _die(world))
    chapter("an empty registry", QUIET_LOSS, lambda: _replace(world))
    return Table(f"{servers:,} servers, one lease table, seed {seed}",
                 ("", "loss", "simulated s", "beats/s", "CPU µs per beat", "changes/s",
                  "false expiries", "found"),
                 rows)


def _passed(world: World, seconds: float) -> str:
    return f"{world.run(seconds):.0f} s passed"


def _roll(world: World, seconds: float) -> str:
    """Some servers restart in every tenth of a second."""
    numbers = range(len(world.servers))
    before = world.events["left"]
    for _ in range(round(seconds * 10)):
        count = max(round(len(numbers) * RESTARTS_PER_S / 10), 1)
        for number in world.rng.sample(numbers, count):
            world.restart(number)
        world.run(0.1)
    return f"{world.events['left'] - before:,} left and came back"


def _die(world: World) -> str:
    doomed = world.rng.sample(range(len(world.servers)), round(len(world.servers) * DEAD_SHARE))
    for number in doomed:
        world.kill(number)
    before = world.events["expired"]
    first_s = world.run(60, lambda: world.events["expired"] > before)
    last_s = first_s + world.run(60, world.is_whole)
    return f"{len(doomed):,} expired, the first after {first_s:.2f} s, the last after {last_s:.2f} s"


def _replace(world: World) -> str:
    """The old one falls silent for a while: nobody is acked, and all send again and again."""
    loss, world.loss = world.loss, 1.0
    world.run(DOWN_S)
    world.loss = loss
    world.replace_registry()
    whole_s = world.run(60, world.is_whole)
    return f"whole {whole_s:.2f} s after its start; it says warming for {LEASE_S:.0f} s"


def predicted_expiries(servers: int, seconds: float, loss: float) -> float:
    """The arithmetic of docs/failures.md: 16 datagrams in a row are lost after an acked beat, 20
    after another.
    """
    arrives = 1 - loss
    between_s = arrives * BEAT_S + loss * RESEND_S + RESEND_S * loss / arrives
    return servers * seconds / between_s * (arrives * loss ** 16 + loss * loss ** 20)


def crowd(servers: int, seed: int, capacity: float, waiting: int,
          seconds: float = 30.0) -> list[str]:
    """A registry of bounded capacity starts among servers that have beaten in vain: how long until
    it is whole?
    """
    world = World(servers, seed, capacity, waiting)
    world.loss = 1.0
    world.run(DOWN_S)
    world.loss = QUIET_LOSS
    world.replace_registry()
    whole_s = world.run(seconds, world.is_whole)
    whole = f"{whole_s:.2f}" if world.is_whole() else f"not within {seconds:.0f} s"
    taken, expired = world.taken, world.false_expiries
    world.run(CHAPTER_S)
    return [f"{servers:,}", f"{servers / BEAT_S:,.0f}", whole,
            f"{(world.taken - taken) / CHAPTER_S:,.0f}",
            f"{world.false_expiries - expired:,}"]


# ---- what a view weighs --------------------------------------------------------------------------

def view(endpoints: int) -> list[str]:
    """Bytes of a view as XML, and the CPU time to write it (once for all readers) and to read it
    (each of them).
    """
    seen = LookupResult(ALL, 1, "0" * 16, False,
                        [_endpoint(number) for number in range(endpoints)], [])
    began = time.process_time()
    reply = encode_result(seen.to_struct())
    written_at = time.process_time()
    reader = View()
    reader.hear_answer(("127.0.0.1", 4100), decode_result(reply))
    found = reader.endpoints(0.0)
    read_at = time.process_time()
    assert len(found) == endpoints
    return [f"{endpoints:,}", f"{len(reply):,}", figure((written_at - began) * 1e3),
            figure((read_at - written_at) * 1e3)]


def _endpoint(number: int) -> Endpoint:
    beat = _beat(number)
    return Endpoint(beat.service, beat.instance, beat.incarnation, beat.host, 1 + number, "up",
                    beat.idempotent)


def bytes_per_lease(servers: int) -> float:
    """Of a table and of a reader that have seen one datagram of each server."""
    tracemalloc.start()
    table, reader = LeaseTable("0" * 16, 0.0), BeatReader()
    for number in range(servers):
        beat = _beat(number)._replace(seq=1, port=1 + number % 65_535, epoch=table.epoch)
        table.apply(reader.read(encode_beat(beat)), 0.0)
    table.events.clear()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return taken / servers


# ---- the command ---------------------------------------------------------------------------------

def _servers(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not FEWEST <= int(text) <= MAX_LEASES:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of servers: take {FEWEST} to {MAX_LEASES}")
    return int(text)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.scale",
                                     description="Simulates many servers beating to one registry.")
    parser.add_argument("--servers", type=_servers, default=SERVERS,
                        help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1,
                        help="of all that is drawn at random (default: %(default)s)")
    parser.add_argument("--capacity", type=int, default=CAPACITY_PER_S,
                        help="datagrams a second that a registry takes, in the second table (default: %(default)s)")
    parser.add_argument("--waiting", type=int, default=WAITING,
                        help="datagrams that wait for it at most (default: %(default)s)")
    parser.add_argument("--no-story", action="store_true",
                        help="leave out the first table, which takes longest")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = parse(arguments)
    print(f"{bytes_per_lease(chosen.servers):,.0f} bytes per lease, what its reader remembers included\n", flush=True)
    if not chosen.no_story:
        print(tell(chosen.servers, chosen.seed).text() + "\n", flush=True)
    crowds = [crowd(count, chosen.seed, chosen.capacity, chosen.waiting) for count in CROWDS
              if count <= chosen.servers]
    bounds = f"it takes {chosen.capacity:,} datagrams/s, {chosen.waiting:,} wait"
    print(Table(f"A registry starts {DOWN_S:.0f} s late: {bounds}",
                ("servers", "beats/s due", "whole after s", "beats/s taken",
                 "false expiries in 10 s"),
                crowds).text() + "\n", flush=True)
    print(Table("A view as XML",
                ("endpoints", "bytes", "ms to write, once", "ms to read, each reader"),
                [view(count) for count in VIEWS if count <= chosen.servers]).text())


if __name__ == "__main__":
    main()
