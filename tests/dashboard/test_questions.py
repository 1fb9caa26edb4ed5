"""Predictions: what the events say is what came true, whatever the rule says."""

from __future__ import annotations

import itertools
import unittest
from typing import Any

from classroom.both import BothLanguages, in_both
from dashboard.questions import EVERYTHING, OF_SERVERS, SLOW_MS, question, undoing
from dashboard.seen import Seen

WORDS = BothLanguages()


class World:
    """Events as processes tell them, after a fault."""

    def __init__(self) -> None:
        self.seen = Seen()
        self._ids = map(str, itertools.count(1))
        self._t = 0.0

    def tell(self, who: str, kind: str, /, **fields: Any) -> None:
        self._t += 1.0
        self.seen.take([{"p": who, "k": kind, "t": self._t, **fields}])

    def call(self, method: str = "hello", *, to: str = "server-1", runs: int = 1, memory: int = 0,
             attempts: int = 1, outcome: str = "answered", took_ms: float = 1.0) -> str:
        """One call by way of the proxy; returns its trace id."""
        trace = next(self._ids)
        self.tell("client", "call", id=trace, method=method)
        self.tell("client", "send", id=trace, to="proxy", kind="original")
        for _ in range(attempts):
            self.tell("proxy", "send", id=trace, to=to, kind="original")
        for _ in range(runs):
            self.tell(to, "run", id=trace)
        for _ in range(memory):
            self.tell(to, "memo", id=trace, how="reply")
        if outcome:
            self._t += took_ms
            self.tell("client", "done", id=trace, outcome=outcome)
        return trace

    def came_true(self, fault: str, who: str = "server-1", role: str = "server") -> int | None:
        return question(WORDS, fault, who, role).judge(self.seen).answer

    def holds(self, fault: str, who: str = "server-1", role: str = "server") -> list[bool]:
        return [check.holds for check in question(WORDS, fault, who, role).judge(self.seen).checks]


class CameTrue(unittest.TestCase):
    def setUp(self) -> None:
        self.world = World()

    def test_a_lost_reply_counts_the_runs_of_its_call(self) -> None:
        for runs, memory, outcome, answer in ((0, 0, "answered", 0), (1, 1, "answered", 1),
                                              (2, 0, "answered", 2), (1, 0, "unknown", 3)):
            with self.subTest(runs=runs, outcome=outcome):
                world = World()
                trace = world.call("buy", runs=runs, memory=memory, attempts=2, outcome=outcome)
                world.call("buy", to="server-2")
                world.tell("laboratory", "lost", who="server-1", what="reply", id=trace)
                self.assertEqual(answer, world.came_true("lose reply"))
                self.assertEqual(answer == 1, all(world.holds("lose reply")))

    def test_where_no_reply_was_lost_nothing_came_true(self) -> None:
        trace = self.world.call("buy")
        self.world.tell("laboratory", "lost", who="server-2", what="reply", id=trace)
        self.assertIsNone(self.world.came_true("lose reply"))
        self.assertFalse(any(self.world.holds("lose reply")))

    def test_calls_after_a_kill(self) -> None:
        self.world.call()
        self.assertEqual(2, self.world.came_true("kill"))
        self.world.call(outcome="not sent")
        self.assertEqual(1, self.world.came_true("kill"))
        self.assertEqual([False, True], self.world.holds("kill"))
        self.world.call(outcome="unknown")
        self.assertEqual(3, self.world.came_true("kill"))

    def test_a_call_that_was_sent_again_is_counted(self) -> None:
        for attempts in (1, 2):
            self.world.call(attempts=attempts)
        checks = question(WORDS, "kill", "server-1", "server").judge(self.world.seen).checks
        self.assertEqual("calls that needed another attempt: 1", checks[1].text)

    def test_so_is_one_that_the_client_sent_to_the_servers_itself(self) -> None:
        self.world.tell("client", "call", id="x", method="hello")
        for server in ("server-1", "server-2"):
            self.assertFalse(self.world.seen.calls["x"].was_repeated)
            self.world.tell("client", "send", id="x", to=server, kind="original")
        self.assertTrue(self.world.seen.calls["x"].was_repeated)

    def test_only_buys_that_met_the_frozen_server_are_asked(self) -> None:
        self.world.call("buy", to="server-2")
        self.assertIsNone(self.world.came_true("freeze"))
        self.world.call("buy", runs=0, outcome="unknown")
        self.assertEqual(2, self.world.came_true("freeze"))
        self.assertEqual([True, True, True], self.world.holds("freeze"))
        self.world.call("buy", runs=1)
        self.assertIsNone(self.world.came_true("freeze"))
        self.assertEqual([False, False, True], self.world.holds("freeze"))

    def test_the_registry_believes_beats_behind_a_cut(self) -> None:
        self.assertIsNone(self.world.came_true("cut"))
        self.world.tell("registry", "took", who="server-1", verdict="ack")
        self.assertEqual(3, self.world.came_true("cut"))
        self.world.tell("registry", "lease", who="server-1", what="suspect")
        self.assertEqual(1, self.world.came_true("cut"))
        self.world.tell("registry", "lease", who="server-1", what="expired")
        self.assertEqual(0, self.world.came_true("cut"))

    def test_a_slow_link_delays_those_that_meet_it(self) -> None:
        self.world.call(to="server-2")
        self.assertEqual(0, self.world.came_true("slow"))
        self.world.call(took_ms=SLOW_MS)
        self.assertEqual(1, self.world.came_true("slow"))
        self.assertEqual([True, True], self.world.holds("slow"))

    def test_everything_is_dead(self) -> None:
        self.world.call(runs=0, outcome="not sent")
        self.assertEqual(1, self.world.came_true("kill", EVERYTHING, ""))
        self.world.call(runs=0, outcome="unknown")
        self.assertIsNone(self.world.came_true("kill", EVERYTHING, ""))

    def test_a_call_before_the_fault_does_not_count(self) -> None:
        self.world.call(outcome="unknown")
        self.world.tell("laboratory", "fault", who="server-1", what="kill")
        self.world.tell("laboratory", "fault", who="client", what="burst", count=2)
        self.world.call()
        self.assertEqual(2, self.world.came_true("kill"))

    def test_all_have_ended_when_enough_began_and_none_waits(self) -> None:
        self.assertFalse(self.world.seen.all_ended(1))
        self.world.call()
        self.assertTrue(self.world.seen.all_ended(1))
        self.assertFalse(self.world.seen.all_ended(2))
        self.world.call(outcome="")
        self.assertFalse(self.world.seen.all_ended(2))


class Asked(unittest.TestCase):
    """The question fits the fault and the process."""

    CASES = (*(("server", fault) for fault in ("kill", "freeze", "drain", *OF_SERVERS)),
             ("proxy", "kill"), ("proxy", "freeze"), ("proxy", "drain"), ("registry", "kill"),
             ("registry", "freeze"))

    def test_each_has_a_question_four_answers_and_orders_in_both_languages(self) -> None:
        for role, fault in self.CASES:
            with self.subTest(role, fault=fault):
                asked = question(WORDS, fault, "it-1", role)
                for text in in_both(asked.text).values():
                    self.assertTrue(text.endswith("?"))
                    self.assertIn("it-1", text)
                self.assertEqual(4, len(set(asked.answers.sentences)))
                self.assertEqual((fault, "it-1"), (asked.orders[0][0], asked.orders[0][1]["who"]))
                self.assertEqual("burst", asked.orders[1][0])

    def test_a_fault_without_a_question_is_refused_in_one_line(self) -> None:
        for fault, who, role in (("cut", "proxy", "proxy"), ("thaw", "server-1", "server"),
                                 ("kill", "client", "client"), ("", "", ""), ("x" * 99, "y", "")):
            with self.subTest(fault), self.assertRaises(ValueError) as caught:
                question(WORDS, fault, who, role)
            self.assertNotIn("\n", str(caught.exception))

    def test_the_world_is_made_whole_again(self) -> None:
        self.assertEqual([("start", {"who": "a"}), ("start", {"who": "b"})],
                         undoing("kill", ["a", "b"]))
        self.assertEqual([("thaw", {"who": "a"}), ("resolve", {})], undoing("freeze", ["a"]))
        self.assertEqual([], undoing("lose reply", ["a"]))


if __name__ == "__main__":
    unittest.main()
