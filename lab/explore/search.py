"""Breadth first through all states of a world; and how many orders of events lead through them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from lab.explore.events import events
from lab.explore.flight import Event
from lab.explore.nodes import without_sockets
from lab.explore.promises import can_heal, heal, violation
from lab.explore.scenarios import Scenario
from lab.explore.states import state_of
from lab.explore.world import World

# Each takes some 30 KB.
MAX_LIVE = 3000


class Report(NamedTuple):
    """What an exploration has found.

    `states`, how many there are; `orders`, how many orders of events lead from the first state to
    one in which nothing more can happen (0 if not all states were explored); `healed`, from how
    many states it was shown that everything is resolved once nothing is lost any more; `is_whole`,
    whether all states were explored. `violation` says in words what is wrong, "" if nothing is, and
    `story` has the events that lead there, a line for each.
    """

    states: int
    orders: int
    healed: int
    is_whole: bool
    took_s: float
    violation: str = ""
    story: Sequence[str] = ()


class Search:
    """The states of a scenario.

    Parameters: the bounds, `max_states` and `max_s` seconds.
    """

    def __init__(self, scenario: Scenario, max_states: int = 10 ** 9,
                 max_s: float = 10 ** 9) -> None:
        self._scenario = scenario
        self._max_states, self._max_s = max_states, max_s
        # Each state has a number; found by its hash.
        self._numbers: dict[int, int] = {}
        # How it was reached first: from which state, and by which event.
        self._parents: list[tuple[int, Event]] = []
        # What may happen in it; and the states to which that leads.
        self._events: list[list[Event]] = []
        self._next: list[list[int]] = []
        self._healed = 0
        # How many events lead there on the shortest way.
        self._depths: list[int] = []
        # Worlds that are in a state already: each event that is tried there uses one up.
        self._live: dict[int, list[World]] = {}
        self._live_worlds = 0
        self._story: list[str] = []

    def run(self) -> Report:
        """Explores all states, or up to the first violation."""
        began = time.process_time()
        with without_sockets():
            self._add(World(self._scenario), (0, Event("")))
            number, wrong = 0, ""
            while number < len(self._parents) and not wrong:
                if len(self._parents) > self._max_states \
                        or (number % 100 == 0 and time.process_time() - began > self._max_s):
                    break
                wrong = self._expand(number)
                number += 1
            whole = number == len(self._parents) and not wrong
        return Report(len(self._parents), self._orders() if whole else 0, self._healed, whole,
                      time.process_time() - began, wrong, self._story)

    def _expand(self, number: int) -> str:
        """Tries each event that is possible in a state. Returns a violation, or ""."""
        todo = self._events[number]
        self._next.append([])
        while todo:
            event = todo.pop()
            world = self._replay(number)
            possible = world.happens(event)
            todo += world.alternatives(event)
            if possible:
                wrong = self._meet(world, number, event)
                if wrong:
                    return wrong
        self._live_worlds -= len(self._live.pop(number, ()))
        return ""

    def _meet(self, world: World, parent: int, event: Event) -> str:
        """Notes the state of a world that was reached by an event; checks it if it is new."""
        taken = tuple(choice for choice, _ in world._chosen)
        known = self._add(world, (parent, event._replace(choices=taken)))
        self._next[parent].append(known)
        if self._is_old:
            # Its events are still to be tried. The stories of this world are as short as others.
            if known > parent and self._depths[known] == world.depth:
                self._keep(world, known)
            return ""
        wrong = violation(world)
        if wrong or not can_heal(world):
            self._keep(world, known)
        else:
            self._healed += 1
            wrong = heal(world)
            if wrong:
                wrong = f"nothing is lost any more, and: {wrong}"
        self._story = world.story if wrong else []
        return wrong

    def _add(self, world: World, parent: tuple[int, Event]) -> int:
        """The number of the state of a world."""
        # Of 64 bits: among a million states, two have the same by chance in 1 of 10^7 searches.
        digest = hash(state_of(world))
        number = self._numbers.setdefault(digest, len(self._parents))
        self._is_old = number < len(self._parents)
        if not self._is_old:
            self._parents.append(parent)
            self._events.append(list(events(world))[::-1])
            self._depths.append(world.depth)
        return number

    def _keep(self, world: World, number: int) -> None:
        """Keeps a world in this state, so that its events need not all happen once more."""
        live = self._live.setdefault(number, [])
        if self._live_worlds < MAX_LIVE and len(live) < len(self._events[number]):
            live.append(world)
            self._live_worlds += 1

    def _replay(self, number: int) -> World:
        """A world in this state: all events that lead there happen on fresh objects."""
        live = self._live.get(number)
        if live:
            self._live_worlds -= 1
            return live.pop()
        events = []
        while number:
            number, event = self._parents[number]
            events.append(event)
        world = World(self._scenario)
        for event in reversed(events):
            world.happens(event)
        return world

    def _orders(self) -> int:
        """How many paths lead from the first state to one from which none leads on."""
        # No circle: each event uses something up. So count along a topological order.
        incoming = [0] * len(self._next)
        for followers in self._next:
            for follower in followers:
                incoming[follower] += 1
        count = [0] * len(self._next)
        count[0] = 1
        todo, total, visited = [0], 0, 0
        while todo:
            number = todo.pop()
            visited += 1
            if not self._next[number]:
                total += count[number]
            for follower in self._next[number]:
                count[follower] += count[number]
                incoming[follower] -= 1
                if not incoming[follower]:
                    todo.append(follower)
        assert visited == len(self._next), "events run in a circle"
        return total
