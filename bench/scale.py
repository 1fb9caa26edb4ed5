"""python3 -m bench.scale: 100,000 servers beat to one lease table, the real one (bench/world.py).

The first table has six chapters: all servers start; quiet; heavy loss; a rolling restart; a tenth
of the servers dies at once; an empty registry replaces the old one. The second table shows how a
registry starts while servers wait for it, if it takes only so many beats a second, as a real one
does. The third shows what a view weighs that readers fetch, and the fourth what a proxy does with
it.

CPU time and memory depend on the machine, and are measured. All else is the same for the same
--seed. The cost of signatures, JSON and sockets is measured by `python3 -m bench registry`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from bench.report import Table, figure
from bench.weights import bytes_per_lease, change, view
from bench.world import DOWN_S, World
from heartbeat import BEAT_S, RESEND_S
from ponte.discovery.beats import LEASE_S
from ponte.discovery.leases import MAX_LEASES
from ponte.process.characters import write_any
from registry import RECEIVE_BUFFER_BYTES

SERVERS = 100_000
# The least number of servers, so that a tenth of them can die.
FEWEST = 10
# Datagrams that wait for a registry. Linux doubles the buffer, and counts 1,280 bytes for a beat.
WAITING = RECEIVE_BUFFER_BYTES // 640
QUIET_LOSS, HEAVY_LOSS = 0.01, 0.5
# Seconds of a chapter that does not end by itself.
CHAPTER_S = 10.0
# The share of all servers that restarts in a second: a rolling restart takes 1,000 s.
RESTARTS_PER_S = 0.001
DEAD_SHARE = 0.1
# Datagrams a second that one registry takes, as measured by `python3 -m bench registry`.
CAPACITY_PER_S = 30_000
CROWDS = (5_000, 10_000, 14_000, 16_000, 20_000)
VIEWS = (10, 100, 1_000, 10_000)


# ---- the chapters --------------------------------------------------------------------------------

class Chapter:
    """Counts what happens in one chapter: the difference between its end and its beginning."""

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


def story(servers: int, seed: int, chapter_s: float = CHAPTER_S) -> Table:
    """The table of the six chapters."""
    world = World(servers, seed)
    rows = []

    def chapter(title: str, loss: float, action: Callable[[], str]) -> None:
        now = Chapter(world, title, loss)
        now.comment = action()
        rows.append(now.row())

    chapter("all start within 0.5 s", QUIET_LOSS,
            lambda: f"whole after {world.run(60, world.is_whole):.2f} s")
    chapter("quiet", QUIET_LOSS, lambda: _passed(world, chapter_s))
    predicted = predicted_expiries(servers, chapter_s, HEAVY_LOSS)
    chapter("heavy loss", HEAVY_LOSS,
            lambda: f"{_passed(world, chapter_s)}: {predicted:.3g} predicted")
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
    """In every tenth of a second, some servers restart."""
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
    return (f"{len(doomed):,} expired, the first after {first_s:.2f} s, "
            f"the last after {last_s:.2f} s")


def _replace(world: World) -> str:
    """The old registry is silent for DOWN_S: no beat is acked, and all servers send again."""
    loss, world.loss = world.loss, 1.0
    world.run(DOWN_S)
    world.loss = loss
    world.replace_registry()
    whole_s = world.run(60, world.is_whole)
    return f"whole {whole_s:.2f} s after its start; it says warming for {LEASE_S:.0f} s"


def predicted_expiries(servers: int, seconds: float, loss: float) -> float:
    """The false expiries that arithmetic predicts (docs/failures.md).

    After a beat whose ack arrived, 16 datagrams in a row are lost; after another one, 20.
    """
    arrives = 1 - loss
    between_s = arrives * BEAT_S + loss * RESEND_S + RESEND_S * loss / arrives
    return servers * seconds / between_s * (arrives * loss ** 16 + loss * loss ** 20)


def crowd(servers: int, seed: int, capacity: float, waiting: int,
          seconds: float = 30.0) -> list[str]:
    """The cells for a registry of limited capacity that starts while all servers already beat.

    How long until it knows all of them?
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
            f"{(world.taken - taken) / CHAPTER_S:,.0f}", f"{world.false_expiries - expired:,}"]


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
                        help="datagrams a second that a registry takes, in the second table "
                             "(default: %(default)s)")
    parser.add_argument("--waiting", type=int, default=WAITING,
                        help="datagrams that wait for it at most (default: %(default)s)")
    parser.add_argument("--no-story", action="store_true",
                        help="leave out the first table, which takes longest")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = parse(arguments)
    print(f"{bytes_per_lease(chosen.servers):,.0f} bytes per lease, "
          "what its reader remembers included\n", flush=True)
    if not chosen.no_story:
        print(story(chosen.servers, chosen.seed).text() + "\n", flush=True)
    crowds = [crowd(count, chosen.seed, chosen.capacity, chosen.waiting) for count in CROWDS
              if count <= chosen.servers]
    bounds = f"it takes {chosen.capacity:,} datagrams/s, {chosen.waiting:,} wait"
    print(Table(f"A registry starts {DOWN_S:.0f} s late: {bounds}",
                ("servers", "beats/s due", "whole after s", "beats/s taken",
                 "false expiries in 10 s"),
                crowds).text() + "\n", flush=True)
    sizes = [count for count in VIEWS if count <= chosen.servers]
    print(Table("A view: what is written once, and read by each reader",
                ("endpoints", "bytes as structs", "ms to write", "ms to read",
                 "bytes as JSON", "ms to write", "ms to read"),
                [view(count) for count in sizes]).text() + "\n", flush=True)
    print(Table("A proxy takes a change of one service with one instance",
                ("services", "ms in all", "ms in which calls wait"),
                [change(count) for count in sizes]).text())


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    main()
