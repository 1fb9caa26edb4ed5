"""Two processes of one name: the younger one wins, in every order of all that can happen.

A small world of the real parts, without sockets and clocks: two senders (BeatSchedule), and two
registries (LeaseTable). In each step one of them does something, and every beat and every answer
may be lost: so every partition is among the ways, and every order of its end. All states that can
be reached are visited. In each of them the test lets the network work from now on, and looks at who
is left.
"""

from __future__ import annotations

import functools
import itertools
import math
import pickle
import random
import unittest
from collections.abc import Iterable, Iterator, Sequence
from typing import Callable, NamedTuple, cast

from heartbeat import BeatSchedule
from ponte.discovery.beats import Answer, Beat
from ponte.discovery.leases import ALL, LeaseTable, Verdict
from ponte.net.address import Address

REGISTRIES: tuple[Address, ...] = (("10.0.0.1", 4100), ("10.0.0.2", 4100))
ELDER, YOUNGER = 100, 200
# What may become of a beat to a registry.
LOST, UNANSWERED, ANSWERED = "lost", "unanswered", "answered"
# After so many rounds without a loss everything is decided.
ROUNDS = 4
# Some more than there are. Two processes that take turns in going above each other find no end.
MAX_STATES = 1000


class Seen(NamedTuple):
    """A state of the world, as far as it decides what can happen: numbers of beats do not."""

    senders: tuple[object, ...]
    # Of each registry, in any order: who is listed, what is known, and who knows its epoch.
    registries: tuple[object, ...]


class Middle:
    """In place of a random source: when the next beat is due does not matter here."""

    def uniform(self, low: float, high: float) -> float:
        return (low + high) / 2


class World:
    """Senders by their first incarnations, and the table of each registry."""

    def __init__(self) -> None:
        self.senders: dict[int, BeatSchedule] = {}
        self.tables = {address: LeaseTable(f"e{address[0]}", 0.0) for address in REGISTRIES}
        self.now = dict.fromkeys(REGISTRIES, 0.0)
        self.lives = 0

    def start(self, incarnation: int, present: int) -> None:
        """A process starts; `present` is the highest incarnation that its clock can give."""
        beat = Beat("greeter", "server-1", incarnation, 0, "127.0.0.1", incarnation)
        self.senders[incarnation] = BeatSchedule(beat, REGISTRIES, cast(random.Random, Middle()),
                                                 present=functools.partial(int, present))

    def turn(self, which: int, fates: Iterable[str], first: int) -> None:
        """A sender beats to both registries. Of two answers, that of registry `first` comes first.

        A sender that is superseded beats no more.
        """
        sender = self.senders[which]
        if sender.superseded_by is not None:
            return
        for link in sender.links.values():
            link.next_at = -math.inf
        answers = [self._deliver(sending.registry, sending.beat, fate)
                   for sending, fate in zip(sender.due(0.0), fates)]
        for answer in reversed(answers) if first else answers:
            if answer:
                sender.hear_answer(answer, 0.0)
        # An answer comes at once, or never.
        for link in sender.links.values():
            link.await_none()

    def _deliver(self, registry: Address, beat: Beat, fate: str) -> Answer | None:
        if fate == LOST:
            return None
        table = self.tables[registry]
        verdict = table.apply(beat, self.now[registry])
        table.events.clear()
        newest = table.newest(beat) if verdict is Verdict.SUPERSEDED else beat.incarnation
        if fate == UNANSWERED or verdict is Verdict.OLD:
            return None
        return Answer(verdict.value, beat.instance, beat.incarnation, beat.seq, table.epoch, newest)

    def forget(self, registry: Address) -> None:
        """No beat comes to a registry for more than a lease."""
        for _ in range(2):
            self.now[registry] += 3
            self.tables[registry].expire(self.now[registry])
        self.tables[registry].events.clear()

    def restart(self, registry: Address) -> None:
        """A registry begins anew, with nothing."""
        self.lives += 1
        self.now[registry] = 0.0
        self.tables[registry] = LeaseTable(f"e{registry[0]}-{self.lives}", 0.0)

    def seen(self) -> Seen:
        senders = tuple((first, sender.beat.incarnation, sender.acks > 0, sender.superseded_by)
                        for first, sender in self.senders.items())
        nobody = Beat("greeter", "server-1", 0, 0, "", 0)
        registries = [(self.listed(address), table.newest(nobody),
                       [epoch_of(sender, address) == table.epoch
                        for sender in self.senders.values()])
                      for address, table in self.tables.items()]
        return Seen(senders, tuple(sorted(registries)))

    def listed(self, registry: Address) -> list[int]:
        """The ports in a registry's list: by them the processes are told apart."""
        return [endpoint.port for endpoint in self.tables[registry].lookup(ALL).endpoints]

    def save(self) -> bytes:
        """For any number of copies, which is quicker than copy.deepcopy."""
        return pickle.dumps(self, pickle.HIGHEST_PROTOCOL)


def copy_of(saved: bytes) -> World:
    world: World = pickle.loads(saved)
    return world


# What happens at a registry.
Change = Callable[[World, Address], None]


def epoch_of(sender: BeatSchedule, registry: Address) -> str:
    return next(iter(sender.links[registry]._epochs.values()), "")


def steps(world: World, changes: Sequence[Change]) -> Iterator[World]:
    """The worlds after each step that is possible."""
    saved = world.save()
    if YOUNGER not in world.senders:
        after = copy_of(saved)
        after.start(YOUNGER, present=10 * YOUNGER)
        yield after
    beating = [which for which, each in world.senders.items() if each.superseded_by is None]
    for which in beating:
        for fates in itertools.product((LOST, UNANSWERED, ANSWERED), repeat=len(REGISTRIES)):
            for first in (0, 1) if fates == (ANSWERED, ANSWERED) else (0,):
                after = copy_of(saved)
                after.turn(which, fates, first)
                yield after
    for registry in REGISTRIES:
        for change in changes:
            after = copy_of(saved)
            change(after, registry)
            yield after


def reachable(world: World, changes: Sequence[Change]) -> list[World]:
    """All worlds that this one can become, one of each state."""
    found = {str(world.seen()): world}
    new = [world]
    while new:
        assert len(found) < MAX_STATES, found.keys()
        world = new.pop()
        for after in steps(world, changes):
            if found.setdefault(str(after.seen()), after) is after:
                new.append(after)
    return list(found.values())


def settled(world: World, order: Iterable[int], first: int) -> World:
    """The world after some rounds in which nothing is lost."""
    world = copy_of(world.save())
    order = list(order)
    for _ in range(ROUNDS):
        for which in order:
            world.turn(which, (ANSWERED,) * len(REGISTRIES), first)
    return world


class TheYoungerWins(unittest.TestCase):
    def assert_younger_wins(self, world: World) -> None:
        for order, first in (((ELDER, YOUNGER), 0), ((YOUNGER, ELDER), 1)):
            end = settled(world, order, first)
            self.assertIsNone(end.senders[YOUNGER].superseded_by, world.seen())
            self.assertEqual(end.senders[ELDER].superseded_by, YOUNGER, world.seen())
            for registry in REGISTRIES:
                self.assertEqual(end.listed(registry), [YOUNGER], world.seen())

    def test_in_every_order_of_beats_losses_restarts_and_ends_of_leases(self) -> None:
        """The elder one may have been cut off from both, from one, or from none of them."""
        world = World()
        world.start(ELDER, present=10 * YOUNGER)
        worlds = [world for world in reachable(world, (World.forget, World.restart))
                  if YOUNGER in world.senders]
        self.assertGreater(len(worlds), 100)
        for world in worlds:
            self.assertIsNone(world.senders[YOUNGER].superseded_by, world.seen())
            self.assert_younger_wins(world)

    def test_also_if_it_comes_from_the_future_of_an_elder_that_was_ever_accepted(self) -> None:
        """Two machines have two clocks."""
        world = World()
        world.start(ELDER, present=ELDER + 9)
        for _ in range(2):
            world.turn(ELDER, (ANSWERED, LOST), 0)
        self.assertEqual(world.senders[ELDER].acks, 1)
        worlds = [world for world in reachable(world, (World.forget,)) if YOUNGER in world.senders]
        self.assertGreater(len(worlds), 100)
        for world in worlds:
            self.assert_younger_wins(world)

    def test_the_next_life_wins_after_the_clock_was_set_back(self) -> None:
        """Its number is lower than that of its own last life, which both registries know."""
        for is_alive in (True, False):
            world = World()
            world.start(YOUNGER, present=YOUNGER + 9)
            for _ in range(3):
                world.turn(YOUNGER, (ANSWERED,) * 2, 0)
            del world.senders[YOUNGER]
            for registry in REGISTRIES:
                self.assertEqual(world.listed(registry), [YOUNGER])
                if not is_alive:
                    world.forget(registry)
            world.start(ELDER, present=ELDER + 9)
            for first in (0, 1):
                end = settled(world, [ELDER], first)
                self.assertIsNone(end.senders[ELDER].superseded_by)
                self.assertEqual(end.senders[ELDER].beat.incarnation, YOUNGER + 1)
                for registry in REGISTRIES:
                    self.assertEqual(end.listed(registry), [ELDER])


if __name__ == "__main__":
    unittest.main()
