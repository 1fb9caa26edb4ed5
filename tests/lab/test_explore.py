"""Exploring: small worlds keep their promises, orders are counted rightly, and mistakes are found.

The larger worlds, and all rules: `python3 -m tests.explore`.
"""

from __future__ import annotations

import contextlib
import io
import unittest
from collections.abc import Iterator
from unittest import mock

from lab.explore.events import events
from lab.explore.flight import Event
from lab.explore.freezing import Freezer
from lab.explore.nodes import without_sockets
from lab.explore.rules import RULES, Rule
from lab.explore.scenarios import SCENARIOS, Scenario
from lab.explore.search import Search
from lab.explore.states import state_of
from lab.explore.world import World
from ponte.calls.once import ORIGINAL, Memory
from ponte.calls.session import CallNumber, Session
from tests.explore.__main__ import LARGEST, show_rules, show_scenarios, take_back

# One call, one attempt: a dozen states.
TINY = Scenario("", attempts=1, resolves=0)


def orders_one_by_one(scenario: Scenario, so_far: tuple[Event, ...] = ()) -> int:
    """How many orders of events there are, counted without merging any states."""
    world = World(scenario)
    for event in so_far:
        world.happens(event)
    todo, count = list(events(world)), 0
    if not todo:
        return 1
    while todo:
        event = todo.pop()
        world = World(scenario)
        for earlier in so_far:
            world.happens(earlier)
        possible = world.happens(event)
        todo += world.alternatives(event)
        if possible:
            count += orders_one_by_one(scenario, (*so_far, event))
    return count


class SmallWorlds(unittest.TestCase):
    def test_no_order_breaks_a_promise(self) -> None:
        """At most one run; what callers are told is true; and what is not lost is resolved."""
        for name in ("direct", "promise"):
            with self.subTest(name):
                report = Search(SCENARIOS[name]).run()
                self.assertEqual((report.violation, report.is_whole), ("", True))
                self.assertGreater(report.orders, report.states)

    def test_what_a_brief_run_leaves_out_is_there(self) -> None:
        self.assertLessEqual(set(LARGEST), set(SCENARIOS))

    def test_orders_are_counted_as_if_no_states_were_merged(self) -> None:
        for scenario in (TINY, TINY._replace(faults={"refuse": 1}),
                         TINY._replace(servers=2, faults={"no connection": 1})):
            with self.subTest(scenario), without_sockets():
                self.assertEqual(Search(scenario).run().orders, orders_one_by_one(scenario))

    def test_a_search_that_was_cut_off_says_so(self) -> None:
        report = Search(SCENARIOS["direct"], max_states=20).run()
        self.assertEqual((report.is_whole, report.orders, report.violation), (False, 0, ""))


class RulesTakenBack(unittest.TestCase):
    """Each has a shortest story. The command shows all of them."""

    def without(self, rule: str) -> tuple[str, int]:
        """What is broken without a rule, and after how many events."""
        with RULES[rule].back():
            report = Search(SCENARIOS[RULES[rule].where[0]], max_states=1000).run()
        return report.violation, len(report.story)

    def test_unknown_sessions_run_nothing(self) -> None:
        violation, events = self.without("unknown sessions run nothing")
        self.assertEqual((violation, events), ("call 1 RAN TWICE", 6))

    def test_a_resolve_kills(self) -> None:
        violation, _ = self.without("a resolve kills")
        self.assertEqual(violation, "call 1: its caller was told NotSent, AND IT RAN")

    def test_later_attempts_take_over_at_a_proxy(self) -> None:
        violation, _ = self.without("later attempts take over")
        self.assertIn("RAN TWICE", violation)

    def test_the_numbers_of_unknown_calls_stay_open(self) -> None:
        """Without that, a call stays unknown that could be resolved."""
        violation, _ = self.without("oldest is held")
        self.assertIn("STAYS UNKNOWN", violation)

    def test_every_rule_names_its_scenarios(self) -> None:
        for name, rule in RULES.items():
            with self.subTest(name):
                self.assertLessEqual(set(rule.where), set(SCENARIOS))


class TheCommand(unittest.TestCase):
    """What it prints, and when it fails."""

    def shown(self, rule: Rule) -> tuple[bool, str]:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), mock.patch.dict(RULES, {"a rule": rule}):
            ok = show_rules(["a rule"], [take_back("a rule", 10.0)], stories=True)
        return ok, printed.getvalue()

    def test_a_rule_that_is_needed_has_a_story(self) -> None:
        ok, text = self.shown(RULES["the same number"])
        self.assertTrue(ok)
        self.assertIn("1. the caller sends to A: call 1 [session A#1, number 1]\n", text)
        self.assertIn("=>    nothing is lost any more, and: call 1 RAN TWICE\n", text)

    def test_a_rule_without_a_story_needs_a_reason(self) -> None:
        rule = Rule("nothing", contextlib.nullcontext, ("promise",))
        ok, text = self.shown(rule)
        self.assertFalse(ok)
        self.assertIn("AND THERE SHOULD BE ONE", text)
        self.assertTrue(self.shown(rule._replace(none="it is no rule"))[0])

    def test_a_promise_that_is_broken_is_shown(self) -> None:
        printed = io.StringIO()
        with RULES["strangers"].back():
            report = Search(SCENARIOS["stranger"]).run()
        with contextlib.redirect_stdout(printed):
            self.assertFalse(show_scenarios(["stranger"], [report]))
        self.assertIn("a page of a stranger", printed.getvalue())


class Freezing(unittest.TestCase):
    def test_a_state_has_what_objects_hold(self) -> None:
        """Also what is inside of a memory: numbers that were seen differ from others."""
        memories: list[Memory[str, str]] = [Memory(new_id=lambda: "a") for _ in range(3)]
        for memory, number in zip(memories, (1, 1, 2)):
            _, record = memory.look(memory.open(), number, 1, ORIGINAL)
            assert record
            memory.begin(record, "the run")
        first, same, other = (Freezer().freeze(memory) for memory in memories)
        self.assertEqual(first, same)
        self.assertNotEqual(first, other)

    def test_a_state_has_where_programs_are(self) -> None:
        def program(value: int) -> Iterator[int]:
            yield value
            yield value
        one, two, three = program(1), program(1), program(2)
        self.assertEqual(Freezer().freeze(one), Freezer().freeze(two))
        self.assertNotEqual(Freezer().freeze(one), Freezer().freeze(three))
        next(two)
        self.assertNotEqual(Freezer().freeze(one), Freezer().freeze(two))

    def test_to_freeze_a_program_keeps_no_number_open(self) -> None:
        """Its frame must not refer to the old value of a variable."""
        session = Session("a")

        def program() -> Iterator[None]:
            number: CallNumber | None = session.take()
            yield
            number = None
            yield number
        running = program()
        next(running)
        Freezer().freeze(running)
        self.assertEqual(session.oldest, 1)
        next(running)
        self.assertEqual(session.oldest, 2)

    def test_two_orders_may_lead_to_one_state(self) -> None:
        """It does not matter which of two messages arrived first."""
        scenario = Scenario("", calls=(0, 1), attempts=1)
        states = []
        with without_sockets():
            for first in (0, 1):
                world = World(scenario)
                for event in (Event("begin", (0,)), Event("begin", (1,)),
                              Event("arrive", (first,)), Event("arrive", (0,))):
                    world.happens(event)
                states.append(state_of(world))
        self.assertEqual(*states)


if __name__ == "__main__":
    unittest.main()
