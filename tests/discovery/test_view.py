"""What the answers of several registries mean together: the rules of ponte/discovery/view.py."""

from __future__ import annotations

import unittest
from collections.abc import Sequence

from ponte.calls.endpoint import READER_STATES, Endpoint
from ponte.discovery.lookup import LookupResult, Tombstone
from ponte.discovery.view import KEEP_S, TRIAL_S, View, changes
from tests.fakes import endpoint

A, B, C = ("10.0.0.1", 4100), ("10.0.0.2", 4100), ("10.0.0.3", 4100)


def answer(*endpoints: Endpoint, left: Sequence[Endpoint] = (),
           warming: bool = False) -> LookupResult:
    """What a registry answers to a lookup."""
    return LookupResult("greeter", 1, "e", warming, list(endpoints),
                        [Tombstone(each.service, each.instance, each.incarnation) for each in left])


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

    def test_one_registry_suffices_to_know_that_a_server_does_not_remember(self) -> None:
        """Whatever its state. A caller that takes it for one of Ponte's own may run a call twice;
        one that wrongly takes it for a foreign one does not. A later life may be another program.
        """
        for state in READER_STATES:
            foreign = endpoint("a", state=state)._replace(remembers=False)
            for known in READER_STATES:
                own = endpoint("a", state=known)
                for at_a, at_b in ((foreign, own), (own, foreign)):
                    with self.subTest(at_a=at_a, at_b=at_b):
                        self.view = View()
                        self.hears(A, at_a)
                        self.hears(B, at_b)
                        self.assertEqual(self.view.endpoints(0.0), (foreign,))
            self.hears(A, foreign)
            self.hears(B, endpoint("a", 2))
            self.assertEqual(self.view.endpoints(0.0), (endpoint("a", 2),))

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

    def test_a_registry_that_was_frozen_does_not_bring_back_who_died_meanwhile(self) -> None:
        """It has extended all leases by the time in which it slept. After one lease, it knows."""
        self.hears(A, endpoint("a"), endpoint("dead"))
        self.hears(B, endpoint("a"))
        self.misses(A, at=10)
        self.expect("a/1/up", at=10 + KEEP_S)
        self.hears(A, endpoint("a"), endpoint("dead"))
        self.expect("a/1/up", at=20)
        self.expect("a/1/up", at=20 + TRIAL_S - 0.01)
        # What only this one can hear is heard again then.
        self.hears(A, endpoint("a"), endpoint("only"))
        self.expect("a/1/up", "only/1/up", at=20 + TRIAL_S)

    def test_a_registry_that_was_frozen_is_used_where_no_other_one_knows_better(self) -> None:
        """The other one has just begun, or is silent."""
        self.hears(A, endpoint("a"))
        self.hears(B, endpoint("a"))
        self.misses(A, at=10)
        self.expect("a/1/up", at=10 + KEEP_S)
        self.hears(B, warming=True)
        self.hears(A, endpoint("a"))
        self.expect("a/1/up", at=20)
        self.misses(B, at=20.1)
        self.expect("a/1/up", at=20.1 + KEEP_S)

    def test_a_view_is_complete_once_a_warm_registry_has_answered(self) -> None:
        """Only then does a service without an endpoint not exist."""
        self.assertFalse(self.view.is_complete())
        self.hears(A, warming=True)
        self.assertFalse(self.view.is_complete())
        self.hears(B)
        self.assertTrue(self.view.is_complete())


class Changes(unittest.TestCase):
    """Which services a change is about: each with its endpoints after it."""

    def expect(self, before: Sequence[Endpoint], after: Sequence[Endpoint],
               **expected: Sequence[Endpoint]) -> None:
        self.assertEqual(changes(before, after), expected)

    def setUp(self) -> None:
        self.bank = endpoint("b1", service="bank")
        self.one, self.two = endpoint("s1"), endpoint("s2")

    def test_a_service_that_is_as_before_is_not_named(self) -> None:
        self.expect([], [])
        self.expect([self.bank, self.one], [self.bank, self.one])

    def test_a_new_service_has_all_its_endpoints(self) -> None:
        self.expect([self.bank], [self.bank, self.one, self.two], greeter=[self.one, self.two])

    def test_an_endpoint_that_comes_changes_or_goes_changes_its_service(self) -> None:
        """The endpoints are those of the whole service, in their order."""
        late = self.two._replace(state="suspect")
        self.expect([self.bank, self.one], [self.bank, self.one, late], greeter=[self.one, late])
        self.expect([self.bank, self.one, self.two], [self.bank, self.one, late],
                    greeter=[self.one, late])
        self.expect([self.bank, self.one, self.two], [self.bank, self.two], greeter=[self.two])

    def test_an_endpoint_that_remembers_no_longer_changes_its_service(self) -> None:
        foreign = self.one._replace(remembers=False)
        self.expect([self.bank, self.one], [self.bank, foreign], greeter=[foreign])

    def test_a_service_that_has_lost_its_last_endpoint_is_named(self) -> None:
        self.expect([self.bank, self.one], [self.one], bank=[])
        self.expect([self.bank, self.one], [], bank=[], greeter=[])


if __name__ == "__main__":
    unittest.main()
