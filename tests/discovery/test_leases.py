"""The lease table: who is alive, when a silent instance is noticed, and which beats count.

No test waits: `at` is the time in seconds that the table is given. A lease lasts 2 seconds.
"""

from __future__ import annotations

import random
import unittest
from typing import Any
from unittest import mock

from ponte.calls.endpoint import Endpoint
from ponte.discovery import leases
from ponte.discovery.beats import LEASE_S, STATES, Beat
from ponte.discovery.leases import (
    ALL,
    DRAINING,
    GONE,
    HALF_LEASE,
    LEFT,
    REMEMBER_S,
    SUSPECT,
    TOMBSTONE_S,
    TRANSITIONS,
    UP,
    WARMING_S,
    WHOLE_LEASE,
    LeaseTable,
    Verdict,
)
from ponte.discovery.lookup import Tombstone

EPOCH = "e1"
APPLIED, OLD, SUPERSEDED, FULL = Verdict.APPLIED, Verdict.OLD, Verdict.SUPERSEDED, Verdict.FULL


def beat(instance: str = "a", incarnation: int = 1, seq: int = 1, **fields: Any) -> Beat:
    rest = {"service": "greeter", "host": "127.0.0.1", "port": 4242, "epoch": EPOCH, **fields}
    return Beat(instance=instance, incarnation=incarnation, seq=seq, **rest)


class LeaseTest(unittest.TestCase):
    """Verbs: what the table hears, and what its readers see."""

    def setUp(self) -> None:
        self.assertEqual(LEASE_S, 2.0, "the times in these tests belong to this lease")
        self.begin()

    def begin(self) -> None:
        """A new table, which knows nothing."""
        self.table = LeaseTable(EPOCH, now=0.0)
        self.seq = 0

    def hears(self, instance: str = "a", *, at: float, seq: int = 0, verdict: Verdict = APPLIED,
              **fields: Any) -> None:
        """A beat comes, with a number that was not there before, or with `seq`."""
        self.seq = seq or self.seq + 1
        self.assertIs(self.table.apply(beat(instance, seq=self.seq, **fields), at), verdict)

    def passes(self, *, at: float) -> None:
        """Time passes until `at`."""
        self.table.expire(at)

    def expect(self, instance: str, state: str, *, at: float | None = None) -> None:
        """Readers see this state of the instance, once `at` has come."""
        if at is not None:
            self.passes(at=at)
        self.assertEqual(self.states().get(instance, GONE), state, f"{instance} at {at}")

    def expect_events(self, *expected: str) -> None:
        """These have happened since the last time, and nothing else."""
        self.assertEqual([event.what for event in self.table.events], list(expected))
        self.table.events.clear()

    def states(self, service: str = ALL) -> dict[str, str]:
        """Instance -> state, as readers see it."""
        return {endpoint.instance: endpoint.state
                for endpoint in self.table.lookup(service).endpoints}

    def tombstones(self, service: str = ALL) -> list[str]:
        """The instances of which readers are told that they left."""
        return [tombstone.instance for tombstone in self.table.lookup(service).left]


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

    def test_a_draining_instance_that_beats_has_a_whole_lease_again(self) -> None:
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


class Readers(LeaseTest):
    """Index and warming: what a long poll waits for."""

    def test_the_index_of_a_service_moves_with_that_service_alone(self) -> None:
        """A reader of one service is not woken by another one; a reader of ALL is, by each."""
        self.hears("a", at=0, service="greeter")
        before, all_before = self.table.index_of("greeter"), self.table.index_of(ALL)
        self.hears("b", at=0, service="bank")
        self.assertEqual(self.table.index_of("greeter"), before)
        self.assertGreater(self.table.index_of("bank"), before)
        self.assertGreater(self.table.index_of(ALL), all_before)
        self.assertEqual(self.table.lookup("bank").index, self.table.index_of("bank"))
        self.assertEqual(self.table.lookup("greeter").index, before)

    def test_no_service_has_index_0(self) -> None:
        """A first `watch` asks with it, and is answered at once, also without an endpoint."""
        self.assertNotEqual(self.table.index_of("unknown"), 0)

    def test_it_warms_up_for_one_lease(self) -> None:
        """The end of it wakes every reader: now they may forget what the table does not have."""
        self.hears("a", at=0)
        self.passes(at=WARMING_S - 0.01)
        before = self.table.index_of("greeter"), self.table.index_of("unknown")
        self.assertIs(self.table.lookup("greeter").warming, True)
        self.passes(at=WARMING_S)
        self.assertIs(self.table.lookup("greeter").warming, False)
        self.assertGreater(self.table.index_of("greeter"), before[0])
        self.assertGreater(self.table.index_of("unknown"), before[1])

    def test_it_warms_up_from_its_start_on(self) -> None:
        """Whatever the clock shows then."""
        table = LeaseTable(EPOCH, now=100.0)
        table.expire(100.0 + WARMING_S - 0.01)
        self.assertIs(table.lookup("greeter").warming, True)
        table.expire(100.0 + WARMING_S)
        self.assertIs(table.lookup("greeter").warming, False)

    def test_an_answer_stays_what_it_was(self) -> None:
        """A thread that writes it out needs no lock: later beats do not show in it."""
        self.hears("a", at=0)
        answer = self.table.lookup("greeter")
        before = answer.to_struct()
        self.hears("a", at=0.1, state="draining")
        self.hears("b", at=0.1)
        self.hears("a", at=0.2, state="leaving")
        self.assertEqual(answer.to_struct(), before)

    def test_an_answer_is_a_struct_for_xml_rpc(self) -> None:
        """With all that the table knows of the service."""
        self.hears("a", at=0, incarnation=2 ** 52)
        self.hears("b", at=0, incarnation=2 ** 51, state="leaving")
        answer = self.table.lookup("greeter")
        self.assertEqual(answer.to_struct(), {
            "index": self.table.index_of("greeter"), "epoch": EPOCH, "warming": True,
            "endpoints": [answer.endpoints[0].to_struct()],
            "left": [{"service": "greeter", "instance": "b", "incarnation": str(2 ** 51)}]})

    def test_the_answer_names_its_epoch(self) -> None:
        """A reader can tell one life of the registry from the next."""
        self.assertEqual(self.table.lookup("greeter").epoch, EPOCH)


class Costs(LeaseTest):
    """Bounds of memory and time."""

    def test_a_full_table_accepts_no_more_instances(self) -> None:
        """It goes on with those that it has; every expiry makes room."""
        with mock.patch.object(leases, "MAX_LEASES", 2):
            self.hears("a", at=0)
            self.hears("b", at=0)
            self.hears("c", at=0, verdict=FULL)
            self.hears("a", at=2)
            self.expect("b", "gone", at=2.1)
            self.hears("c", at=2.1)
        self.assertEqual(self.states(), {"a": "up", "c": "up"})

    def test_the_memory_of_gone_instances_is_bounded_too(self) -> None:
        """Those that have been gone for longest are forgotten first."""
        with mock.patch.object(leases, "MAX_LEASES", 2):
            self.hears("a", at=0, seq=1, state="leaving")
            self.hears("b", at=1, seq=1, state="leaving")
            self.hears("c", at=2, seq=1, state="leaving")
        self.assertEqual(self.tombstones(), ["b", "c"])
        self.hears("a", at=3, seq=1, verdict=APPLIED)
        self.hears("b", at=3, seq=2, verdict=OLD)

    def test_forgotten_changes_still_wake_every_reader(self) -> None:
        """The indexes of services are bounded; when they are dropped, every index moves."""
        with mock.patch.object(leases, "MAX_LEASES", 2):
            before = self.table.index_of("greeter")
            for service in ("greeter", "s1", "s2", "s3", "s4"):
                self.hears("a", at=0, service=service)
                self.hears("a", at=0, service=service, state="leaving")
        self.assertGreater(self.table.index_of("greeter"), before)

    def looked_at(self, lengths: list[float], beaten_at: list[float], now: float) -> int:
        """How many of 10,000 leases `expire` looks at; lengths and times are given in turn."""
        looks: list[str] = []

        class Spied(leases._Lease):
            __slots__ = ()

            def __getattribute__(self, name: str) -> Any:
                if name == "beaten_at":
                    looks.append(name)
                return super().__getattribute__(name)

        with mock.patch.object(leases, "_Lease", Spied):
            for number in range(10_000):
                self.hears(str(number), at=beaten_at[number % len(beaten_at)],
                           lease_s=lengths[number % len(lengths)])
        looks.clear()
        self.passes(at=now)
        return len(looks)

    def test_expiry_looks_at_the_front_of_a_queue_alone(self) -> None:
        """Of 10,000 leases of one length, none of which is due, at one."""
        self.assertEqual(self.looked_at([2.0], [0.0], now=0.5), 1)

    def test_there_are_few_queues(self) -> None:
        """The lengths are rounded: 10,000 different ones share less than 200 queues."""
        lengths = [2.0 + number / 1000 for number in range(10_000)]
        self.assertLess(self.looked_at(lengths, [0.0], now=0.5), 200)

    def test_a_look_at_a_queue_ends_at_its_first_fresh_lease(self) -> None:
        """Of 10,000 leases 3 are due: these are looked at, and the next one in each queue."""
        self.assertEqual(self.looked_at([2.0], [0.0] * 3 + [1.0] * 9_997, now=1.5), 4 + 1)


class RandomBeats(LeaseTest):
    """Seeded schedules of beats and silences, against the rule itself."""

    def test_states_follow_from_the_last_beat_alone(self) -> None:
        """Up within half a lease after it, suspect within a lease, else gone."""
        for seed in range(200):
            self.begin()
            rng, now = random.Random(seed), 0.0
            latest: dict[str, tuple[float, float]] = {}
            for _ in range(60):
                now += rng.random() * 0.7
                self.passes(at=now)
                expected = {name: "up" if now - at <= lease_s / 2 else "suspect"
                            for name, (at, lease_s) in latest.items() if now - at <= lease_s}
                self.assertEqual(self.states(), expected, f"seed {seed}")
                self.assertEqual(len(self.table), len(expected))
                name, lease_s = rng.choice("abcdef"), rng.choice((0.5, 2.0, 5.0))
                self.hears(name, at=now, lease_s=lease_s)
                latest[name] = (now, lease_s)


if __name__ == "__main__":
    unittest.main()
