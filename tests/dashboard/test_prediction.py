"""A prediction from its question to its end, with a laboratory that only writes down its orders."""

from __future__ import annotations

import json
import unittest
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

from classroom.both import BothLanguages
from dashboard.ballot import Ballot
from dashboard.laboratory import Laboratory
from dashboard.prediction import Prediction
from dashboard.processes import Refused
from dashboard.remote import Ended, Remote
from dashboard.ring import Ring
from dashboard.story import Story
from tests.dashboard.test_page_stage import Pressed, texts_in


class MadeUp:
    """A laboratory in which every burst is answered at once, and told to a ring."""

    per_s = 7.0

    def __init__(self, ring: Ring, **states: str) -> None:
        self.ring, self.states = ring, states
        self.orders: list[tuple[str, Any]] = []
        self.commands = dict.fromkeys(("kill", "start", "freeze", "thaw", "rate", "burst",
                                       "resolve", "lose reply"), self.obey)

    def names(self) -> list[str]:
        return [name.replace("_", "-") for name in self.states]

    def actor(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(role=name.partition("-")[0], state=self.states[
            name.replace("-", "_")])

    def obey(self, body: Mapping[str, Any]) -> None:
        self.orders.append((body["what"], body.get("who", body.get("per_s"))))
        if body["what"] == "burst":
            for number in range(body["count"]):
                self.tell({"p": "client", "k": "call", "id": f"{number}",
                           "method": body["method"]})
                self.tell({"p": "client", "k": "done", "id": f"{number}", "outcome": "answered"})

    def tell(self, event: dict[str, Any]) -> None:
        line = {"s": self.ring.next, "t": 1.0, **event}
        self.ring.append([json.dumps(line).encode()])


class PredictionTest(unittest.TestCase):
    def setUp(self) -> None:
        self.events: list[Mapping[str, Any]] = []
        self.ring = Ring()
        self.laboratory = MadeUp(self.ring, registry="up", server_1="up", server_2="killed",
                                 client="up")
        self.ballot = Ballot(self.events.append)
        self.addCleanup(self.ballot.stop)
        # All events are there at once.
        for name in ("LATE_S", "LOOK_S"):
            patched = mock.patch(f"dashboard.prediction.{name}", 0.0)
            patched.start()
            self.addCleanup(patched.stop)

    def predict(self, fault: str, who: str) -> Prediction:
        asked = Prediction(fault, who, cast(Laboratory, self.laboratory), BothLanguages())
        # Nobody looks at this page.
        asked._question = asked._question._replace(watch_s=0.0)
        return asked

    def run_it(self, fault: str, who: str, remote: Remote) -> None:
        self.predict(fault, who).run(self.events.append, self.ring, self.ballot, remote)

    def told(self) -> list[str]:
        return [event["what"] for event in self.events if event["k"] == "story"]

    def test_the_fault_comes_after_the_votes_and_all_is_made_whole_after_the_proof(self) -> None:
        self.run_it("kill", "server-1", Pressed("next", "next"))
        self.assertEqual(["begin", "question", "open", "close", "fault", "proof"], self.told())
        self.assertEqual([("rate", 0), ("kill", "server-1"), ("burst", None),
                          ("start", "server-1"), ("rate", 7.0)], self.laboratory.orders)
        proof = self.events[-1]
        self.assertEqual((True, 2), (proof["passed"], proof["right"]))
        for event in self.events:
            for text in texts_in(event):
                self.assertTrue(text["en"] and text["pt"])

    def test_what_came_true_is_told_also_where_the_rule_says_something_else(self) -> None:
        """Nobody's reply was lost here: so nothing came true."""
        self.run_it("lose reply", "server-1", Pressed("next", "next"))
        proof = self.events[-1]
        self.assertEqual((False, None), (proof["passed"], proof["right"]))
        self.assertEqual([False] * 3, [check["holds"] for check in proof["checks"]])

    def test_one_that_is_ended_after_the_fault_is_made_whole_too(self) -> None:
        with self.assertRaises(Ended):
            self.run_it("freeze", "server-1", Pressed("next"))
        self.assertEqual([("thaw", "server-1"), ("resolve", None), ("rate", 7.0)],
                         self.laboratory.orders[-3:])

    def test_one_that_is_passed_over_lets_nothing_loose(self) -> None:
        self.run_it("kill", "server-1", Pressed("skip"))
        self.assertEqual([], self.laboratory.orders)

    def test_everything_starts_again_in_the_order_that_it_needs(self) -> None:
        self.run_it("kill", "everything", Pressed("next", "next"))
        self.assertEqual([("kill", "registry"), ("kill", "server-1")],
                         self.laboratory.orders[1:3])
        self.assertEqual([("start", "registry"), ("start", "server-1"), ("rate", 7.0)],
                         self.laboratory.orders[-3:])

    def test_only_a_process_that_is_up_can_be_asked_about(self) -> None:
        for who, code in (("server-2", "not up"), ("client", "no question"),
                          ("nobody", "no question")):
            with self.subTest(who), self.assertRaises(Refused) as caught:
                self.predict("kill", who)
            # The page says it in its own language.
            self.assertEqual(code, caught.exception.code)


class Commands(unittest.TestCase):
    """What the page may ask of a story, and when."""

    def story(self, laboratory: object) -> Story:
        events: list[Mapping[str, Any]] = []
        story = Story(events.append, Ring(), ("127.0.0.1", 9), cast(Laboratory, laboratory), False)
        self.addCleanup(story.close)
        return story

    def test_nothing_goes_on_where_no_story_is_on(self) -> None:
        story = self.story(MadeUp(Ring()))
        for what, body in (("next", {}), ("skip", {}), ("end story", {}),
                           ("vote", {"answer": 0, "delta": 1}), ("vote", {"answer": "A"}),
                           ("vote", {"answer": True}), ("vote", {"answer": 0, "delta": 2}),
                           ("predict", {"fault": ["kill"], "who": 7})):
            with self.subTest(what, body=body), self.assertRaises(ValueError) as caught:
                story.commands[what](body)
            self.assertNotIn("\n", str(caught.exception))
        self.assertIsNone(story.ballot.shown())
        self.assertIsNone(story.ballot.answer_of("a phone"))
        with self.assertRaises(ValueError):
            story.ballot.vote("a phone", 0)

    def test_a_page_that_only_watches_has_no_story(self) -> None:
        story = self.story(SimpleNamespace(commands={}))
        for what in ("story", "predict"):
            with self.assertRaises(ValueError) as caught:
                story.commands[what]({"fault": "kill", "who": "server-1"})
            self.assertEqual("only watches", vars(caught.exception)["code"])

    def test_a_press_counts_only_while_the_story_waits(self) -> None:
        remote = Remote()
        self.assertFalse(remote.press("next"))
        remote.end()
        with self.assertRaises(Ended):
            remote.wait()
        with self.assertRaises(Ended):
            remote.pause(60.0)


if __name__ == "__main__":
    unittest.main()
