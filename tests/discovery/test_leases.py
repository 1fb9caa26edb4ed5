"""The lease table: who is alive, when a silent instance is noticed, and which beats count."""

from __future__ import annotations

import unittest
from typing import Any

from ponte.calls.endpoint import Endpoint
from ponte.discovery.beats import LEASE_S, MAX_INTEGER, STATES
from ponte.discovery.lease_states import (
    DRAINING,
    GONE,
    HALF_LEASE,
    LEFT,
    SUSPECT,
    TRANSITIONS,
    UP,
    WHOLE_LEASE,
)
from ponte.discovery.leases import ALL, REMEMBER_S, TOMBSTONE_S, WARMING_S, Verdict
from ponte.discovery.lookup import Tombstone
from tests.discovery.lease_verbs import APPLIED, OLD, SUPERSEDED, LeaseTest, beat


class Transitions(LeaseTest):
    """The table TRANSITIONS is complete, and it is what a lease table does."""

    def test_every_beat_has_a_row_for_every_state(self) -> None:
        """Whatever a server sends, the table says what becomes of it."""
        for state in (GONE, UP, SUSPECT, DRAINING, LEFT):
            for announced in STATES:
                with self.subTest(state=state, beat=announced):
                    self.assertIn((state, announced), TRANSITIONS)

    def test_only_a_lease_can_be_silent(self) -> None:
        """An instance without a lease has no row for silence; one with a lease expires."""
        silent: dict[str, list[str]] = {state: [] for state in (GONE, UP, SUSPECT, DRAINING, LEFT)}
        for state, cause in TRANSITIONS:
            if cause in (HALF_LEASE, WHOLE_LEASE):
                silent[state].append(cause)
        self.assertEqual(silent, {GONE: [], UP: [HALF_LEASE], SUSPECT: [WHOLE_LEASE],
                                  DRAINING: [HALF_LEASE, WHOLE_LEASE], LEFT: []})

    def test_a_lease_table_follows_every_row(self) -> None:
        """Next state and event; and the index moves exactly where there is an event."""
        for (state, cause), (next_state, event) in TRANSITIONS.items():
            with self.subTest(state=state, cause=cause):
                self.bring_to(state, cause)
                before = self.table.index, self.table.index_of("greeter")
                self.happens(state, cause, port=4243)
                self.assertEqual(self.state(), next_state)
                self.expect_events(*[event] if event else [])
                moved_by = 1 if event else 0
                self.assertEqual((self.table.index, self.table.index_of("greeter")),
                                 (before[0] + moved_by, before[1] + moved_by))

    def test_a_row_without_a_difference_for_readers_is_no_event(self) -> None:
        """A beat that changes at most the length of the lease: the index stays where it is."""
        for state in (UP, DRAINING):
            for lease_s in (LEASE_S, LEASE_S + 1):
                with self.subTest(state=state, lease_s=lease_s):
                    self.bring_to(state, state)
                    index = self.table.index
                    self.happens(state, state, lease_s=lease_s)
                    self.assertEqual(self.state(), TRANSITIONS[state, state][0])
                    self.assertEqual(self.table.index, index)
                    self.expect_events()

    def bring_to(self, state: str, cause: str) -> None:
        """A table whose instance "a" is in this state, as late as the cause needs it."""
        self.begin()
        self.hears(at=10, state=DRAINING if state == DRAINING else UP)
        if state == LEFT:
            self.hears(at=10, state="leaving")
        if state in (SUSPECT, GONE) or cause == WHOLE_LEASE:
            self.passes(at=11.01)
        if state == GONE:
            self.passes(at=12.01)
        self.passes(at=WARMING_S)
        self.assertEqual(self.state(), state)
        self.table.events.clear()

    def happens(self, state: str, cause: str, **change: Any) -> None:
        """A beat, with this change to the one before; or silence."""
        if cause == HALF_LEASE:
            self.passes(at=11.01)
        elif cause == WHOLE_LEASE:
            self.passes(at=12.01)
        else:
            at = {SUSPECT: 11.5, GONE: 12.5}.get(state, 10.5)
            stays_left = state == LEFT and cause != "leaving"
            self.hears(at=at, state=cause, verdict=OLD if stays_left else APPLIED, **change)

    def state(self) -> str:
        """The state of "a"; LEFT if readers see its tombstone."""
        return LEFT if self.tombstones() == ["a"] else self.states().get("a", GONE)


class LeaseStates(LeaseTest):
    """What the rows of TRANSITIONS are for."""

    def test_a_beat_makes_an_instance_known(self) -> None:
        """Every beat is a full registration: readers see what it announces."""
        self.hears("a", at=0, idempotent=("hello",))
        self.expect("a", "up")
        self.expect_events("up")
        self.assertEqual(len(self.table), 1)
        self.assertEqual(self.table.lookup("greeter").endpoints,
                         [Endpoint("greeter", "a", 1, "127.0.0.1", 4242, "up", ("hello",))])

    def test_readers_see_whether_it_remembers(self) -> None:
        """Also when that changes: a beat that says something else is no plain beat."""
        self.hears("a", at=0, remembers=False)
        self.expect_events("up")
        self.assertEqual([e.remembers for e in self.table.lookup("greeter").endpoints], [False])
        self.hears("a", at=0.5, remembers=False)
        self.expect_events()
        before = self.table.index_of("greeter")
        self.hears("a", at=1, remembers=True)
        self.expect_events("changed")
        self.assertGreater(self.table.index_of("greeter"), before)
        self.assertEqual([e.remembers for e in self.table.lookup("greeter").endpoints], [True])
        self.expect("a", "suspect", at=2.5)
        self.hears("a", at=2.6, remembers=False)
        self.assertEqual([e.remembers for e in self.table.lookup("greeter").endpoints], [False])

    def test_readers_see_where_it_takes_calls(self) -> None:
        """Also when that changes."""
        for at, path, event in ((0.0, "/RPC2", ["up"]), (0.5, "/RPC2", []), (1.0, "", ["changed"])):
            self.hears("a", at=at, path=path)
            self.expect_events(*event)
            self.assertEqual([e.path for e in self.table.lookup("greeter").endpoints], [path])

    def test_silence_makes_it_suspect_and_then_gone(self) -> None:
        """After half a lease, and after a whole one."""
        self.hears("a", at=10)
        self.expect_events("up")
        self.expect("a", "up", at=11)
        self.expect_events()
        self.expect("a", "suspect", at=11.01)
        self.expect_events("suspect")
        self.expect("a", "suspect", at=12)
        self.expect_events()
        self.expect("a", "gone", at=12.01)
        self.expect_events("expired")
        self.assertEqual((len(self.table), self.table.services()), (0, []))

    def test_a_suspect_that_beats_is_back(self) -> None:
        """It has a whole lease again."""
        self.hears("a", at=0)
        self.expect("a", "suspect", at=1.5)
        self.hears("a", at=1.5)
        self.expect("a", "up")
        self.expect_events("up", "suspect", "back")
        self.expect("a", "up", at=2.5)

    def test_a_suspect_that_drains_is_reported_as_draining(self) -> None:
        """Not as back: it takes no new calls."""
        self.hears("a", at=0)
        self.expect("a", "suspect", at=1.5)
        self.hears("a", at=1.5, state="draining")
        self.expect("a", "draining")
        self.expect_events("up", "suspect", "draining")

    def test_every_lease_has_its_own_length(self) -> None:
        """Half of it until suspect, the whole of it until gone."""
        self.hears("short", at=0, lease_s=1.0)
        self.hears("long", at=0, lease_s=60.0)
        self.expect("short", "suspect", at=0.6)
        self.expect("long", "up", at=0.6)
        self.expect("short", "gone", at=29.9)
        self.expect("long", "up", at=29.9)
        self.expect("long", "suspect", at=30.1)

    def test_a_lease_may_change_its_length(self) -> None:
        """The latest beat counts, whether the lease was fresh or late."""
        self.hears("a", at=0, lease_s=60.0)
        self.hears("a", at=0, lease_s=1.0)
        self.expect("a", "suspect", at=0.6)
        self.hears("a", at=0.6, lease_s=60.0)
        self.expect("a", "up", at=20)

    def test_draining_and_leaving(self) -> None:
        """A server that stops announces both; readers are told that it left."""
        self.hears("a", at=0)
        self.hears("a", at=0.1, state="draining")
        self.expect("a", "draining")
        self.hears("a", at=0.2, state="leaving")
        self.expect("a", "gone")
        self.expect_events("up", "draining", "left")
        self.assertEqual(self.table.lookup("greeter").left, [Tombstone("greeter", "a", 1)])

    def test_a_draining_instance_that_falls_silent_stays_draining(self) -> None:
        """A suspect may be tried, but a draining instance takes no new calls."""
        self.hears("a", at=0, state="draining")
        self.expect("a", "draining", at=1.5)

    def test_the_silence_of_a_draining_instance_is_no_event_until_it_expires(self) -> None:
        """Readers see no difference after half a lease: none of them is woken."""
        self.hears("a", at=10, state="draining")
        self.passes(at=10)
        self.expect_events("draining")
        index = self.table.index
        self.expect("a", "draining", at=11.01)
        self.expect("a", "draining", at=12)
        self.expect_events()
        self.assertEqual(self.table.index, index)
        self.expect("a", "gone", at=12.01)
        self.expect_events("expired")
        self.assertEqual(self.table.index, index + 1)

    def test_a_draining_instance_that_beats_begins_a_whole_lease(self) -> None:
        """And it does not delay the end of an instance that beat before it."""
        self.hears("a", at=0, state="draining")
        self.hears("b", at=1)
        self.passes(at=1.5)
        self.expect_events("draining", "up")
        self.hears("a", at=1.5, state="draining")
        self.expect_events()
        self.passes(at=2.1)
        self.expect("a", "draining", at=3.1)
        self.expect("b", "gone", at=3.1)

    def test_a_change_is_an_event_and_a_plain_beat_is_none(self) -> None:
        """The index moves with every change that a reader can see, and with nothing else."""
        changes: tuple[dict[str, Any], ...] = ({"port": 4243}, {"host": "::1"},
                                               {"idempotent": ("f",)}, {"incarnation": 2})
        for change in changes:
            with self.subTest(change):
                self.begin()
                self.hears("a", at=0)
                index = self.table.index
                self.hears("a", at=0.5)
                self.expect_events("up")
                self.assertEqual(self.table.index, index)
                self.hears("a", at=1, **change)
                self.expect_events("changed")
                self.assertEqual(self.table.index, index + 1)

    def test_endpoints_come_by_service(self) -> None:
        """ALL is every service; a reader gets the endpoints sorted."""
        self.hears("b", at=0, service="greeter")
        self.hears("c", at=0, service="bank")
        self.hears("a", at=0, service="greeter")
        self.assertEqual(set(self.states("greeter")), {"a", "b"})
        structs = self.table.lookup(ALL).to_struct()["endpoints"]
        self.assertEqual([struct["instance"] for struct in structs], ["c", "a", "b"])
        self.assertEqual(self.table.services(), ["bank", "greeter"])


class WhichBeatsCount(LeaseTest):
    """(incarnation, seq) must grow; an instance that left stays gone, an expired one may return."""

    def begin_with(self, past: str) -> None:
        """A new table, in which "a" at incarnation 5 has this past."""
        self.begin()
        if past != "left, but never seen before":
            self.hears("a", incarnation=5, seq=5, at=0)
        if past == "expired":
            self.passes(at=2.1)
            self.expect("a", "gone")
        if past.startswith("left"):
            self.hears("a", incarnation=5, seq=6, at=0.1, state="leaving")

    def test_a_beat_must_be_newer_than_all_before_it(self) -> None:
        """Each row: the past of the instance, the incarnation and seq that come, the verdict."""
        for past, incarnation, seq, verdict in (
                ("alive", 5, 6, APPLIED),                           # the next
                ("alive", 5, 99, APPLIED),                          # a later one
                ("alive", 5, 5, OLD),                               # the same
                ("alive", 5, 4, OLD),                               # an older one
                ("alive", 6, 1, APPLIED),                           # a new life
                ("alive", 4, 99, SUPERSEDED),                       # an earlier life
                ("expired", 5, 6, APPLIED),                         # back
                ("expired", 5, 5, OLD),                             # a replay
                ("expired", 4, 9, SUPERSEDED),                      # an earlier life
                ("left", 5, 7, OLD),                                # a late beat
                ("left", 6, 1, APPLIED),                            # a new life
                ("left", 4, 9, SUPERSEDED),                         # an earlier life
                ("left, but never seen before", 5, 7, OLD)):        # a late beat
            with self.subTest(past=past, incarnation=incarnation, seq=seq):
                self.begin_with(past)
                self.hears("a", incarnation=incarnation, seq=seq, at=2.2, verdict=verdict)
                is_seen = verdict is APPLIED or past == "alive"
                self.assertEqual("a" in self.states(), is_seen)

    def test_every_instance_has_its_own_numbers(self) -> None:
        """What one instance has sent says nothing about another one."""
        self.begin_with("left")
        self.hears("other", incarnation=1, seq=1, at=2.2)
        self.expect("other", "up")

    def test_another_epoch_changes_nothing(self) -> None:
        """A recording from before a restart is worthless; it is answered, and not applied."""
        self.hears("a", at=0, epoch="", verdict=Verdict.OTHER_EPOCH)
        self.hears("a", at=0, epoch="e0", verdict=Verdict.OTHER_EPOCH)
        self.assertEqual(self.states(), {})
        self.expect_events()

    def test_a_younger_life_takes_the_lease_over(self) -> None:
        """Readers see its incarnation and address at once; beats of the elder change nothing."""
        self.hears("a", at=0, incarnation=1)
        self.hears("a", at=0.1, incarnation=2, port=4243)
        self.hears("a", at=0.2, incarnation=1, verdict=SUPERSEDED)
        found, = self.table.lookup("greeter").endpoints
        self.assertEqual((found.incarnation, found.port), (2, 4243))

    def test_a_superseded_instance_can_learn_the_newest_incarnation(self) -> None:
        """It is known from the lease, or from the memory of an instance that has gone."""
        self.hears("a", at=0, incarnation=7)
        self.assertEqual(self.table.newest(beat("a", incarnation=3)), 7)
        self.hears("a", at=0.1, incarnation=7, state="leaving")
        self.assertEqual(self.table.newest(beat("a", incarnation=3)), 7)
        self.assertEqual(self.table.newest(beat("unknown", incarnation=3)), 3)

    def test_readers_are_told_of_a_tombstone_for_a_while(self) -> None:
        """They need it only as long as they may know the instance from before."""
        self.hears("a", at=0)
        self.hears("a", at=1, state="leaving")
        self.passes(at=1 + TOMBSTONE_S)
        self.assertEqual(self.tombstones("greeter"), ["a"])
        self.passes(at=1.1 + TOMBSTONE_S)
        self.assertEqual(self.tombstones("greeter"), [])

    def test_the_memory_of_a_gone_instance_is_kept_for_longer(self) -> None:
        """A replayed beat is refused for an hour."""
        self.hears("a", at=0)
        self.hears("a", at=1, state="leaving")
        self.passes(at=1 + REMEMBER_S)
        self.hears("a", at=1 + REMEMBER_S, seq=3, verdict=OLD)
        self.passes(at=1.1 + REMEMBER_S)
        self.hears("a", at=1.1 + REMEMBER_S, seq=3, verdict=APPLIED)

    def test_the_goodbye_of_an_unknown_instance_does_not_lock_its_name(self) -> None:
        """One datagram could keep a name from all processes, with a number as high as it likes."""
        for incarnation in (5, MAX_INTEGER):
            self.begin()
            self.hears("a", at=0, incarnation=incarnation, state="leaving")
            self.hears("a", at=1, incarnation=4, verdict=SUPERSEDED)
            self.assertEqual(self.table.newest(beat("a", incarnation=4)), incarnation)
            self.passes(at=0.1 + TOMBSTONE_S)
            self.hears("a", at=0.1 + TOMBSTONE_S, incarnation=4)
            self.expect("a", "up")

    def test_the_highest_incarnation_is_not_remembered_for_long(self) -> None:
        """No process can go above it: not after a goodbye, and not after a silence."""
        self.hears("a", at=0, incarnation=3)
        self.hears("a", at=0, incarnation=MAX_INTEGER)
        self.hears("a", at=0.5, incarnation=MAX_INTEGER, state="leaving")
        self.hears("a", at=1, incarnation=4, verdict=SUPERSEDED)
        self.passes(at=0.6 + TOMBSTONE_S)
        self.hears("a", at=0.6 + TOMBSTONE_S, incarnation=4)
        self.hears("b", at=20, incarnation=MAX_INTEGER)
        self.expect("b", "gone", at=24)
        self.hears("b", at=24, incarnation=4)
        self.expect("b", "up")

    def test_a_new_life_ends_the_tombstone(self) -> None:
        """With it, readers would take the new life for gone."""
        self.hears("a", at=0)
        self.hears("a", at=0.1, state="leaving")
        self.hears("a", at=0.2, incarnation=2)
        self.assertEqual(self.tombstones("greeter"), [])
        self.assertEqual(self.states(), {"a": "up"})

    def test_an_expired_instance_has_no_tombstone(self) -> None:
        """It may only be cut off from this registry: it is enough that another one hears it."""
        self.hears("a", at=0)
        self.expect("a", "gone", at=4)
        self.assertEqual(self.tombstones("greeter"), [])

    def test_a_tombstone_belongs_to_a_service(self) -> None:
        """A reader of another service is not told."""
        self.hears("a", at=0)
        self.hears("a", at=0.1, state="leaving")
        self.assertEqual(self.tombstones("bank"), [])
        self.assertEqual(self.tombstones(ALL), ["a"])


if __name__ == "__main__":
    unittest.main()
