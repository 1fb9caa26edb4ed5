"""What the answers of several registries mean together: the rules of ponte/discovery/view.py."""

from __future__ import annotations

import unittest
from collections.abc import Sequence
from typing import Any

from ponte.calls.endpoint import Endpoint
from ponte.discovery.view import KEEP_S, View
from tests.fakes import endpoint

A, B, C = ("10.0.0.1", 4100), ("10.0.0.2", 4100), ("10.0.0.3", 4100)


def answer(*endpoints: Endpoint, left: Sequence[Endpoint] = (),
           warming: bool = False) -> dict[str, Any]:
    """What a registry answers to a lookup."""
    return {"index": 1, "epoch": "e", "warming": warming,
            "endpoints": [each.to_struct() for each in endpoints],
            "left": [{"service": each.service, "instance": each.instance,
                      "incarnation": str(each.incarnation)} for each in left]}


class Views(unittest.TestCase):
    """A test names an endpoint by instance, incarnation and state: a/1/up."""

    def setUp(self) -> None:
        self.view = View()

    def hears(self, registry: tuple[str, int], *endpoints: Endpoint,
              left: Sequence[Endpoint] = (), warming: bool = False) -> None:
        self.view.hear_answer(registry, answer(*endpoints, left=left, warming=warming))

    def misses(self, registry: tuple[str, int], *, at: float) -> None:
        """The registry does not answer."""
        self.view.note_silence(registry, at)

    def expect(self, *expected: str, at: float = 0.0) -> None:
        found = {f"{e.instance}/{e.incarnation}/{e.state}" for e in self.view.endpoints(at)}
        self.assertEqual(found, set(expected), f"at {at}")

    def test_what_one_registry_hears_suffices(self) -> None:
        """The union: a server that one registry has lost is only cut off from it."""
        self.hears(A, endpoint("a"), endpoint("b"))
        self.hears(B, endpoint("b"), endpoint("c"))
        self.expect("a/1/up", "b/1/up", "c/1/up")

    def test_of_two_endpoints_of_one_instance_one_wins(self) -> None:
        """The higher incarnation; then draining over up, and up over suspect. In any order."""
        up, suspect = endpoint("a"), endpoint("a", state="suspect")
        draining, newer = endpoint("a", state="draining"), endpoint("a", 2, "suspect")
        for loser, winner, expected in ((up, newer, "a/2/suspect"),
                                        (suspect, up, "a/1/up"),
                                        (up, draining, "a/1/draining"),
                                        (suspect, draining, "a/1/draining")):
            for at_a, at_b in ((loser, winner), (winner, loser)):
                with self.subTest(at_a=at_a, at_b=at_b):
                    self.view = View()
                    self.hears(A, at_a)
                    self.hears(B, at_b)
                    self.expect(expected)

    def test_a_tombstone_overrides_an_equal_or_lower_incarnation(self) -> None:
        """An instance that left stays gone, also where another registry still has it."""
        self.hears(A, endpoint("a", 1))
        self.hears(B, left=[endpoint("a", 1)])
        self.expect()
        self.hears(B, left=[endpoint("a", 2)])
        self.expect()

    def test_a_tombstone_does_not_override_a_higher_incarnation(self) -> None:
        """That is a new life, which began after the goodbye."""
        self.hears(A, endpoint("a", 2))
        self.hears(B, left=[endpoint("a", 1)])
        self.expect("a/2/up")

    def test_a_tombstone_belongs_to_one_instance_of_one_service(self) -> None:
        """An instance of the same name in another service stays."""
        self.hears(A, endpoint("a", service="bank"), endpoint("b"))
        self.hears(B, left=[endpoint("a")])
        self.expect("a/1/up", "b/1/up")

    def test_a_later_answer_replaces_an_earlier_one(self) -> None:
        """Of the same registry: every answer is complete."""
        self.hears(A, endpoint("a"), endpoint("b"))
        self.hears(A, endpoint("b"))
        self.expect("b/1/up")

    def test_a_registry_that_warms_up_adds_to_what_was_known_of_it(self) -> None:
        """It has just started: what it does not have yet is not gone."""
        self.hears(A, endpoint("a"), endpoint("b"))
        self.hears(A, endpoint("b", state="draining"), warming=True)
        self.expect("a/1/up", "b/1/draining")
        self.hears(A, endpoint("b"))
        self.expect("b/1/up")

    def test_the_answer_of_a_silent_registry_is_used_for_a_while_beside_others(self) -> None:
        """KEEP_S seconds from the moment it fell silent, however often it fails after that."""
        self.hears(A, endpoint("a"))
        self.hears(B, endpoint("b"))
        self.misses(A, at=10)
        self.misses(A, at=12)
        self.expect("a/1/up", "b/1/up", at=10 + KEEP_S - 0.01)
        self.expect("b/1/up", at=10 + KEEP_S)

    def test_an_outage_of_all_freezes_the_view(self) -> None:
        """Calls go on with the last answers, without end."""
        self.hears(A, endpoint("a"))
        self.hears(B, endpoint("b"))
        self.misses(A, at=10)
        self.misses(B, at=10)
        self.misses(C, at=10)
        self.expect("a/1/up", "b/1/up", at=1e6)

    def test_a_registry_that_answers_after_a_silence_counts_as_before(self) -> None:
        """Also if it falls silent once more, later."""
        self.hears(A, endpoint("a"))
        self.hears(B, endpoint("b"))
        self.misses(A, at=10)
        self.hears(A, endpoint("a"))
        self.expect("a/1/up", "b/1/up", at=100)
        self.misses(A, at=100)
        self.expect("a/1/up", "b/1/up", at=101)

    def test_what_is_no_answer_changes_nothing(self) -> None:
        """KeyError, TypeError or ValueError; the view is as it was."""
        self.hears(A, endpoint("a"))
        good = answer(endpoint("b"))
        rows: list[Any] = [
            None, [], "x", {},
            {**good, "endpoints": None},
            {**good, "endpoints": [{}]},
            {**good, "left": [{}]},
            {**good, "left": None},
            {key: value for key, value in good.items() if key != "warming"},
        ]
        for bad in rows:
            with self.subTest(bad=bad):
                with self.assertRaises((KeyError, TypeError, ValueError)):
                    self.view.hear_answer(A, bad)
                self.expect("a/1/up")

    def test_a_view_is_complete_once_a_warm_registry_has_answered(self) -> None:
        """Only then does a service without an endpoint not exist."""
        self.assertFalse(self.view.is_complete())
        self.hears(A, warming=True)
        self.assertFalse(self.view.is_complete())
        self.hears(B)
        self.assertTrue(self.view.is_complete())


if __name__ == "__main__":
    unittest.main()
