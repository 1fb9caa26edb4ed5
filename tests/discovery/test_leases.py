"""The lease table: who is alive, when it is noticed that somebody is not, and which beats count."""

from __future__ import annotations

import random
import unittest
from typing import Any
from unittest import mock

from ponte.calls.endpoint import Endpoint
from ponte.discovery import leases
from ponte.discovery.beats import LEASE_S, Beat
from ponte.discovery.leases import ALL, REMEMBER_S, TOMBSTONE_S, WARMING_S, LeaseTable, Verdict
from ponte.discovery.lookup import Tombstone
from ponte.discovery.patient_clock import MAX_STEP_S, PatientClock

EPOCH = "e1"
APPLIED, OLD, SUPERSEDED = Verdict.APPLIED, Verdict.OLD, Verdict.SUPERSEDED


def beat(instance: str = "a", incarnation: int = 1, seq: int = 1, state: str = "up", **fields: Any) -> Beat:
    rest: dict[str, Any] = {"service": "greeter", "host": "127.0.0.1", "port": 4242, "epoch": EPOCH, **fields}
    return Beat(instance=instance, incarnation=incarnation, seq=seq, state=state, **rest)


def states(table: LeaseTable, service: str = ALL) -> dict[str, str]:
    """Instance -> state, as readers see it."""
    return {endpoint.instance: endpoint.state for endpoint in table.lookup(service).endpoints}


def events(table: LeaseTable) -> list[str]:
    """What has happened since the last time."""
    taken = [event.what for event in table.events]
    table.events.clear()
    return taken


class LeaseStates(unittest.TestCase):
    """The state machine in the docstring of ponte/discovery/leases.py: every arrow, and its event."""

    def setUp(self) -> None:
        self.table = LeaseTable(EPOCH, 0.0)

    def test_a_beat_makes_an_instance_known(self) -> None:
        """(no lease) --beat--> up."""
        self.assertIs(self.table.apply(beat(idempotent=("hello",)), 0.0), APPLIED)
        self.assertEqual((states(self.table), events(self.table), len(self.table)), ({"a": "up"}, ["up"], 1))
        self.assertEqual(self.table.lookup("greeter").endpoints,
                         [Endpoint("greeter", "a", 1, "127.0.0.1", 4242, "up", ("hello",))])

    def test_silence_makes_it_suspect_and_then_gone(self) -> None:
        """up --half a lease--> suspect --the other half--> expired."""
        self.table.apply(beat(), 10.0)
        events(self.table)
        for now, state, what in ((10 + LEASE_S / 2, {"a": "up"}, []),
                                 (10.01 + LEASE_S / 2, {"a": "suspect"}, ["suspect"]),
                                 (10 + LEASE_S, {"a": "suspect"}, []), (10.01 + LEASE_S, {}, ["expired"])):
            self.table.expire(now)
            self.assertEqual((states(self.table), events(self.table)), (state, what), now)
        self.assertEqual((len(self.table), self.table.services()), (0, []))

    def test_a_beat_cures_a_suspect(self) -> None:
        """suspect --beat--> up; and it has a whole lease again."""
        self.table.apply(beat(), 0.0)
        self.table.expire(1.5)
        self.table.apply(beat(seq=2), 1.5)
        self.assertEqual((states(self.table), events(self.table)), ({"a": "up"}, ["up", "suspect", "back"]))
        self.table.expire(1.5 + LEASE_S / 2)
        self.assertEqual(states(self.table), {"a": "up"})

    def test_every_lease_has_its_own_length(self) -> None:
        """Half of it to suspect, all of it to go."""
        self.table.apply(beat("short", lease_s=1.0), 0.0)
        self.table.apply(beat("long", lease_s=60.0), 0.0)
        self.table.expire(0.6)
        self.assertEqual(states(self.table), {"short": "suspect", "long": "up"})
        self.table.expire(29.9)
        self.assertEqual(states(self.table), {"long": "up"})
        self.table.expire(30.1)
        self.assertEqual(states(self.table), {"long": "suspect"})

    def test_a_lease_may_change_its_length(self) -> None:
        """The latest beat counts, in whichever queue the lease stood."""
        self.table.apply(beat(lease_s=60.0), 0.0)
        self.table.apply(beat(seq=2, lease_s=1.0), 0.0)
        self.table.expire(0.6)
        self.table.apply(beat(seq=3, lease_s=60.0), 0.6)
        self.table.expire(20.0)
        self.assertEqual(states(self.table), {"a": "up"})

    def test_draining_and_leaving(self) -> None:
        """up --beat "draining"--> draining --beat "leaving"--> left, with a tombstone."""
        self.table.apply(beat(), 0.0)
        self.table.apply(beat(seq=2, state="draining"), 0.1)
        self.assertEqual(states(self.table), {"a": "draining"})
        self.assertIs(self.table.apply(beat(seq=3, state="leaving"), 0.2), APPLIED)
        self.assertEqual((states(self.table), events(self.table)), ({}, ["up", "draining", "left"]))
        self.assertEqual(self.table.lookup("greeter").left, [Tombstone("greeter", "a", 1)])

    def test_the_draining_stay_draining_when_they_fall_silent(self) -> None:
        """A suspect may be tried; who drains takes no new calls."""
        self.table.apply(beat(state="draining"), 0.0)
        self.table.expire(LEASE_S * 0.75)
        self.assertEqual(states(self.table), {"a": "draining"})

    def test_the_draining_have_a_whole_lease_again_when_they_beat(self) -> None:
        """And delay the end of nobody who beat before them."""
        self.table.apply(beat(state="draining"), 0.0)
        self.table.apply(beat("b"), 1.0)
        self.table.expire(1.5)
        self.table.apply(beat(seq=2, state="draining"), 1.5)
        self.table.expire(2.1)
        self.table.expire(1.1 + LEASE_S)
        self.assertEqual(states(self.table), {"a": "draining"})

    def test_a_change_is_an_event_and_a_plain_beat_is_none(self) -> None:
        """The index moves on with every change that a reader can see, and with nothing else."""
        changes: tuple[dict[str, Any], ...] = ({"port": 4243}, {"host": "::1"}, {"idempotent": ("f",)},
                                               {"incarnation": 2})
        for change in changes:
            with self.subTest(change):
                table = LeaseTable(EPOCH, 0.0)
                table.apply(beat(), 0.0)
                index = table.index
                table.apply(beat(seq=2), 0.5)
                self.assertEqual((table.index, events(table)), (index, ["up"]))
                table.apply(beat(**{"seq": 3, **change}), 1.0)
                self.assertEqual((table.index, events(table)), (index + 1, ["changed"]))

    def test_endpoints_come_by_service(self) -> None:
        """"*" is all of them; a reader gets them sorted."""
        for service, instance in (("greeter", "b"), ("bank", "c"), ("greeter", "a")):
            self.table.apply(beat(instance, service=service), 0.0)
        self.assertEqual(set(states(self.table, "greeter")), {"a", "b"})
        self.assertEqual([struct["instance"] for struct in self.table.lookup(ALL).to_struct()["endpoints"]],
                         ["c", "a", "b"])
        self.assertEqual(self.table.services(), ["bank", "greeter"])


class WhichBeatsCount(unittest.TestCase):
    """(incarnation, seq) must grow; who left stays gone; who expired may come back."""

    def after(self, *past: tuple[Beat, float]) -> LeaseTable:
        """A table that has seen these beats, and has expired what was due by the latest of those times."""
        table = LeaseTable(EPOCH, 0.0)
        for applied, now in past:
            table.expire(now)
            table.apply(applied, now)
        return table

    def test_the_rules(self) -> None:
        """Each row: what was there before, the beat that comes, and its verdict."""
        alive = [(beat(incarnation=5, seq=5), 0.0)]
        expired = [*alive, (beat("b"), LEASE_S + 0.1)]
        left = [*alive, (beat(incarnation=5, seq=6, state="leaving"), 0.1)]
        unseen = [(beat(incarnation=5, seq=6, state="leaving"), 0.1)]
        for name, past, coming, verdict in (
                ("the next", alive, (5, 6), APPLIED), ("a later one", alive, (5, 99), APPLIED),
                ("the same", alive, (5, 5), OLD), ("an older one", alive, (5, 4), OLD),
                ("a new life", alive, (6, 1), APPLIED), ("an old life", alive, (4, 99), SUPERSEDED),
                ("back after expiry", expired, (5, 6), APPLIED), ("a replay after expiry", expired, (5, 5), OLD),
                ("an old life after expiry", expired, (4, 9), SUPERSEDED),
                ("a straggler after leaving", left, (5, 7), OLD), ("a new life after leaving", left, (6, 1), APPLIED),
                ("an old life after leaving", left, (4, 9), SUPERSEDED),
                ("a straggler of somebody unknown that left", unseen, (5, 7), OLD),
                ("somebody else", left, (1, 1), APPLIED)):
            with self.subTest(name):
                table = self.after(*past)
                instance = "other" if name == "somebody else" else "a"
                self.assertIs(table.apply(beat(instance, *coming), LEASE_S + 0.2), verdict)
                self.assertIs(instance in states(table), verdict is APPLIED or past is alive)

    def test_another_epoch_changes_nothing(self) -> None:
        """A recording from before a restart is worthless; it is answered, not applied."""
        table = LeaseTable(EPOCH, 0.0)
        for epoch in ("", "e0"):
            self.assertIs(table.apply(beat(epoch=epoch), 0.0), Verdict.OTHER_EPOCH)
        self.assertEqual((states(table), events(table)), ({}, []))

    def test_a_younger_life_takes_the_lease_over(self) -> None:
        """Readers see its incarnation and address at once; the elder's beats change nothing."""
        table = self.after((beat(incarnation=1), 0.0), (beat(incarnation=2, port=4243), 0.1))
        table.apply(beat(incarnation=1, seq=9), 0.2)
        seen, = table.lookup("greeter").endpoints
        self.assertEqual((seen.incarnation, seen.port), (2, 4243))

    def test_the_superseded_can_be_told_the_newest_incarnation(self) -> None:
        """Known from the lease, or from the memory of who has gone."""
        table = self.after((beat(incarnation=7), 0.0))
        self.assertEqual(table.newest(beat(incarnation=3)), 7)
        table.apply(beat(incarnation=7, seq=2, state="leaving"), 0.1)
        self.assertEqual(table.newest(beat(incarnation=3)), 7)
        self.assertEqual(table.newest(beat("unknown", incarnation=3)), 3)

    def test_a_tombstone_is_told_for_a_while_and_the_memory_kept_longer(self) -> None:
        """Readers need it only as long as they may hold an older word; replays are refused for an hour."""
        table = self.after((beat(), 0.0), (beat(seq=2, state="leaving"), 1.0))
        table.expire(1.0 + TOMBSTONE_S)
        self.assertEqual(len(table.lookup("greeter").left), 1)
        table.expire(1.1 + TOMBSTONE_S)
        self.assertEqual(table.lookup("greeter").left, [])
        table.expire(1.0 + REMEMBER_S)
        self.assertIs(table.apply(beat(seq=3), 1.0 + REMEMBER_S), OLD)
        table.expire(1.1 + REMEMBER_S)
        self.assertIs(table.apply(beat(seq=3), 1.1 + REMEMBER_S), APPLIED)

    def test_a_tombstone_goes_when_a_new_life_comes(self) -> None:
        """Or readers would bury the living."""
        table = self.after((beat(), 0.0), (beat(seq=2, state="leaving"), 0.1), (beat(incarnation=2), 0.2))
        self.assertEqual(table.lookup("greeter").left, [])
        self.assertEqual(states(table), {"a": "up"})

    def test_expiry_leaves_no_tombstone(self) -> None:
        """It may only be cut off from us: another registry that hears it suffices."""
        table = self.after((beat(), 0.0))
        table.expire(LEASE_S * 2)
        self.assertEqual((states(table), table.lookup("greeter").left), ({}, []))

    def test_tombstones_are_of_their_service(self) -> None:
        """A reader of another service is not told."""
        table = self.after((beat(), 0.0), (beat(seq=2, state="leaving"), 0.1))
        self.assertEqual((len(table.lookup("bank").left), len(table.lookup(ALL).left)), (0, 1))


class Readers(unittest.TestCase):
    """Index and warming: what a long poll waits for."""

    def test_the_index_of_a_service_moves_with_that_service_alone(self) -> None:
        """Readers of one service sleep through the changes of others; those of "*" through none."""
        table = LeaseTable(EPOCH, 0.0)
        table.apply(beat("a"), 0.0)
        before, all_before = table.index_of("greeter"), table.index_of(ALL)
        table.apply(beat("b", service="bank"), 0.0)
        self.assertEqual(table.index_of("greeter"), before)
        self.assertGreater(table.index_of("bank"), before)
        self.assertGreater(table.index_of(ALL), all_before)
        self.assertEqual(table.lookup("bank").index, table.index_of("bank"))
        self.assertEqual(table.lookup("greeter").index, before)

    def test_who_knows_nothing_need_not_wait(self) -> None:
        """A first `watch` asks with index 0: no service has that index, not even one without an endpoint."""
        table = LeaseTable(EPOCH, 0.0)
        self.assertNotEqual(table.index_of("nobody"), 0)

    def test_it_warms_up_for_one_lease(self) -> None:
        """Then it wakes every reader, also of services that have not changed: now they may forget what they knew."""
        table = LeaseTable(EPOCH, 100.0)
        table.apply(beat(), 100.0)
        table.expire(100.0 + WARMING_S - 0.01)
        before = table.index_of("greeter"), table.index_of("nobody")
        self.assertIs(table.lookup("greeter").warming, True)
        table.expire(100.0 + WARMING_S)
        after = table.index_of("greeter"), table.index_of("nobody")
        self.assertIs(table.lookup("greeter").warming, False)
        self.assertTrue(all(new > old for old, new in zip(before, after)), (before, after))

    def test_an_answer_stays_what_it_was(self) -> None:
        """Whoever marshals it needs no lock: beats that come meanwhile do not show in it."""
        table = LeaseTable(EPOCH, 0.0)
        table.apply(beat(), 0.0)
        seen = table.lookup("greeter")
        before = seen.to_struct()
        table.apply(beat(seq=2, state="draining"), 0.1)
        table.apply(beat("b"), 0.1)
        table.apply(beat(seq=3, state="leaving"), 0.2)
        self.assertEqual(seen.to_struct(), before)

    def test_an_answer_is_what_xml_rpc_can_carry(self) -> None:
        """Integers beyond 32 bits go as strings."""
        table = LeaseTable(EPOCH, 0.0)
        table.apply(beat(incarnation=2 ** 52), 0.0)
        table.apply(beat("b", incarnation=2 ** 51, state="leaving"), 0.0)
        seen = table.lookup("greeter")
        self.assertEqual(seen.to_struct(), {
            "index": table.index_of("greeter"), "epoch": EPOCH, "warming": True,
            "endpoints": [seen.endpoints[0].to_struct()],
            "left": [{"service": "greeter", "instance": "b", "incarnation": str(2 ** 51)}]})

    def test_the_answer_names_its_epoch(self) -> None:
        """So that a reader can tell one life of the registry from the next."""
        self.assertEqual(LeaseTable(EPOCH, 0.0).lookup("greeter").epoch, EPOCH)

    def test_an_endpoint_survives_the_wire(self) -> None:
        """As a struct whose integers fit into 32 bits."""
        endpoint = Endpoint("greeter", "a", 2 ** 52, "::1", 65535, "suspect", ("hello", "whoami"))
        struct = endpoint.to_struct()
        self.assertEqual(struct["incarnation"], str(2 ** 52))
        self.assertEqual(Endpoint.from_struct(struct), endpoint)
        self.assertEqual(endpoint.address, ("::1", 65535))

    def test_what_is_no_endpoint_is_refused(self) -> None:
        """KeyError, TypeError or ValueError, as documented: a reader catches nothing else."""
        good = Endpoint("greeter", "a", 1, "127.0.0.1", 4242, "up", ()).to_struct()
        rows: list[Any] = [{key: value for key, value in good.items() if key != missing} for missing in good]
        rows += [None, [], "a", {**good, "incarnation": "x"}, {**good, "port": "x"}, {**good, "idempotent": None},
                 {**good, "state": "asleep"}, {**good, "port": float("inf")}, {**good, "port": 70_000}]
        for row in rows:
            with self.subTest(row=row), self.assertRaises((KeyError, TypeError, ValueError)):
                Endpoint.from_struct(row)


class Costs(unittest.TestCase):
    """Bounds of memory and time."""

    def test_a_full_table_takes_no_more_instances(self) -> None:
        """It goes on serving those it has; room comes back with every expiry."""
        table = LeaseTable(EPOCH, 0.0)
        with mock.patch.object(leases, "MAX_LEASES", 2):
            for instance, verdict in (("a", APPLIED), ("b", APPLIED), ("c", Verdict.FULL)):
                self.assertIs(table.apply(beat(instance), 0.0), verdict)
            self.assertIs(table.apply(beat("a", seq=2), LEASE_S), APPLIED)
            table.expire(LEASE_S + 0.1)
            self.assertIs(table.apply(beat("c", seq=2), LEASE_S + 0.1), APPLIED)
        self.assertEqual(states(table), {"a": "up", "c": "up"})

    def test_the_memory_of_the_gone_is_bounded_too(self) -> None:
        """The longest gone are forgotten first."""
        table = LeaseTable(EPOCH, 0.0)
        with mock.patch.object(leases, "MAX_LEASES", 2):
            for number, instance in enumerate("abc"):
                table.apply(beat(instance, state="leaving"), float(number))
        self.assertEqual([tomb.instance for tomb in table.lookup(ALL).left], ["b", "c"])
        self.assertIs(table.apply(beat("a"), 3.0), APPLIED)
        self.assertIs(table.apply(beat("b", seq=2), 3.0), OLD)

    def test_forgotten_changes_still_wake_every_reader(self) -> None:
        """The indexes of services are bounded; when they are dropped, every index moves on."""
        table = LeaseTable(EPOCH, 0.0)
        with mock.patch.object(leases, "MAX_LEASES", 2):
            before = table.index_of("greeter")
            for service in ("greeter", "s1", "s2", "s3", "s4"):
                table.apply(beat(service, service=service, state="up"), 0.0)
                table.apply(beat(service, service=service, seq=2, state="leaving"), 0.0)
        self.assertGreater(table.index_of("greeter"), before)

    def looked_at(self, lengths: list[float], beaten_at: list[float], now: float) -> int:
        """How many of 10,000 leases `expire` looks at; lengths and times are given in turn."""
        looked: list[str] = []

        class Spied(leases._Lease):
            __slots__ = ()

            def __getattribute__(self, name: str) -> Any:
                if name == "beaten_at":
                    looked.append(name)
                return super().__getattribute__(name)

        table = LeaseTable(EPOCH, 0.0)
        with mock.patch.object(leases, "_Lease", Spied):
            for number in range(10_000):
                table.apply(beat(str(number), lease_s=lengths[number % len(lengths)]),
                            beaten_at[number % len(beaten_at)])
        looked.clear()
        table.expire(now)
        return len(looked)

    def test_expiry_looks_at_the_front_of_each_queue_alone(self) -> None:
        """Of 10,000 leases that are not due: at one of each length, and lengths are rounded."""
        self.assertEqual(self.looked_at([2.0], [0.0], now=0.5), 1)
        self.assertLess(self.looked_at([2.0 + n / 1000 for n in range(10_000)], [0.0], now=0.5), 200)

    def test_a_look_at_a_queue_ends_at_its_first_fresh_lease(self) -> None:
        """Of 10,000 leases 3 are due: these are looked at, and the next one in the queue."""
        self.assertEqual(self.looked_at([2.0], [0.0] * 3 + [1.0] * 9_997, now=1.5), 4 + 1)


class RandomBeats(unittest.TestCase):
    """Seeded schedules of beats and silences against a table that is nothing but the rule, written out."""

    def test_states_follow_from_the_last_beat_alone(self) -> None:
        """Whoever beat within half a lease is up, within a lease suspect, else gone."""
        for seed in range(200):
            rng = random.Random(seed)
            table, now = LeaseTable(EPOCH, 0.0), 0.0
            last: dict[str, tuple[float, float]] = {}
            for seq in range(1, 61):
                now += rng.random() * 0.7
                table.expire(now)
                expected = {name: "up" if now - at <= lease_s / 2 else "suspect"
                            for name, (at, lease_s) in last.items() if now - at <= lease_s}
                self.assertEqual(states(table), expected, f"seed {seed}")
                self.assertEqual(len(table), len(expected))
                name, lease_s = rng.choice("abcdef"), rng.choice((0.5, 2.0, 5.0))
                table.apply(beat(name, seq=seq, lease_s=lease_s), now)
                last[name] = (now, lease_s)


class PatientClocks(unittest.TestCase):
    """Nobody expires for the lateness of the registry itself."""

    def test_it_keeps_time_while_it_is_read_often(self) -> None:
        """Steps up to MAX_STEP_S are time."""
        clock = PatientClock(100.0)
        times = [clock.read(100.0 + n * MAX_STEP_S) for n in range(1, 9)]
        self.assertEqual((times[-1], clock.lateness), (8 * MAX_STEP_S, 0.0))

    def test_a_pause_of_ours_counts_as_one_step(self) -> None:
        """The rest is lateness; after it time goes on as before."""
        clock = PatientClock(0.0)
        self.assertAlmostEqual(clock.read(10.0), MAX_STEP_S)
        self.assertAlmostEqual(clock.lateness, 10.0 - MAX_STEP_S)
        self.assertAlmostEqual(clock.read(10.1), MAX_STEP_S + 0.1)

    def test_a_registry_paused_for_three_leases_expires_nobody(self) -> None:
        """The clock and the table together."""
        clock, table = PatientClock(0.0), LeaseTable(EPOCH, 0.0)
        table.apply(beat(), clock.read(0.1))
        table.expire(clock.read(0.1 + 3 * LEASE_S))
        self.assertEqual(states(table), {"a": "up"})


if __name__ == "__main__":
    unittest.main()
