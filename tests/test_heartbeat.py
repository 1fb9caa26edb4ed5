"""Heartbeats: which beat goes to which registry, and when."""

from __future__ import annotations

import math
import random
import socket
import threading
import unittest
from concurrent.futures import Future
from typing import Any
from unittest import mock

from heartbeat import (
    BEAT_JITTER,
    BEAT_S,
    ELSEWHERE,
    LOCKED,
    RESEND_S,
    YOUNGER,
    BeatSchedule,
    Heartbeat,
    new_incarnation,
)
from ponte.discovery.beats import LEASE_S, MAX_INTEGER, MAX_NAME, Answer, Beat
from tests.discovery.test_beats import BEAT

A, B = ("10.0.0.1", 4100), ("10.0.0.2", 4100)


class Starts(unittest.TestCase):
    """What a sender begins with: an incarnation, and a beat that registries accept."""

    def test_an_incarnation_is_a_number_that_json_can_hold(self) -> None:
        """Milliseconds of the wall clock, so that a later life has a higher one."""
        self.assertLess(0, new_incarnation())
        self.assertLess(new_incarnation(), MAX_INTEGER)

    def test_a_beat_that_no_registry_would_accept_is_an_error_at_the_start(self) -> None:
        """The user sees a line that says what to do, and not a server that never appears."""
        many_names = tuple(f"method_{n}" for n in range(200))
        for beat, message in ((BEAT._replace(host="0.0.0.0"), "--advertise"),
                              (BEAT._replace(port=0), "number"),
                              (BEAT._replace(service="registry"), "name"),
                              (BEAT._replace(idempotent=("a" * (MAX_NAME + 1),)), "method"),
                              (BEAT._replace(idempotent=many_names), "shorter names")):
            with self.subTest(message), self.assertRaisesRegex(ValueError, message):
                Heartbeat(beat, [])


class ScheduleTest(unittest.TestCase):
    """Verbs: time passes, the sender sends, and a registry answers."""

    def begin(self, *registries: tuple[str, int], seed: int = 1, beat_s: float = BEAT_S,
              present: int = BEAT.incarnation) -> None:
        """A new sender, at time 100. `present` is the highest incarnation that can have begun."""
        self.schedule = BeatSchedule(BEAT._replace(seq=0, epoch=""), registries,
                                     random.Random(seed), beat_s, lambda: present)
        self.now = 100.0

    def passes(self, seconds: float) -> None:
        self.now += seconds

    def sends(self) -> dict[tuple[str, int], Beat]:
        """What goes out now, to registries with one place: registry -> beat."""
        return {sending.registry: sending.beat for sending in self.schedule.due(self.now)}

    def answers(self, beat: Beat, kind: str = "ack", *, epoch: str = "",
                newest: int | None = None) -> None:
        """A registry answers this beat."""
        answer = Answer(kind, beat.instance, beat.incarnation, beat.seq, epoch or beat.epoch,
                        newest or beat.incarnation)
        self.schedule.hear_answer(answer, self.now)

    def acks_next(self, registry: tuple[str, int]) -> None:
        """The sender sends, and this registry acks."""
        self.answers(self.sends()[registry])

    def silent(self) -> list[tuple[str, int]]:
        """The registries that are silent now."""
        return [address for address, link in self.schedule.links.items()
                if link.is_silent(self.now)]


class Schedule(ScheduleTest):
    """Which beat goes to which registry, and when."""

    def test_the_first_beat_goes_to_all_at_once(self) -> None:
        """With growing sequence numbers, and no epoch yet."""
        self.begin(A, B)
        sent = self.sends()
        self.assertEqual((sent[A].seq, sent[A].epoch), (1, ""))
        self.assertEqual((sent[B].seq, sent[B].epoch), (2, ""))

    def test_without_a_registry_no_beat_is_ever_due(self) -> None:
        """A server may live without a registry."""
        self.begin()
        self.assertEqual(self.sends(), {})
        self.assertEqual(self.schedule.next_at(), math.inf)

    def test_an_unacked_beat_is_followed_by_the_next_after_100_ms(self) -> None:
        """With the next sequence number."""
        self.begin(A)
        sent = [self.sends()[A]]
        for _ in range(3):
            self.passes(RESEND_S - 0.001)
            self.assertEqual(self.sends(), {})
            self.passes(0.001)
            self.assertAlmostEqual(self.schedule.next_at(), self.now)
            sent.append(self.sends()[A])
        self.assertEqual([beat.seq for beat in sent], [1, 2, 3, 4])

    def test_an_acked_beat_is_followed_by_the_next_after_half_a_second(self) -> None:
        """10 % more or less, so that servers started together do not beat together."""
        pauses = []
        for seed in range(200):
            self.begin(A, seed=seed)
            self.acks_next(A)
            pauses.append(self.schedule.next_at() - self.now)
        low, high = BEAT_S * (1 - BEAT_JITTER), BEAT_S * (1 + BEAT_JITTER)
        self.assertGreaterEqual(min(pauses), low - 1e-9)
        self.assertLessEqual(max(pauses), high + 1e-9)
        self.assertLess(min(pauses), low + 0.01)
        self.assertGreater(max(pauses), high - 0.01)
        self.assertLess(high * 3, LEASE_S, "three beats may be lost")

    def test_the_next_beat_carries_the_epoch_at_once(self) -> None:
        """Each registry has its own."""
        self.begin(A, B)
        self.answers(self.sends()[A], "epoch", epoch="e1")
        sent = self.sends()
        self.assertEqual({address: beat.epoch for address, beat in sent.items()}, {A: "e1"})

    def test_an_epoch_that_is_known_changes_nothing(self) -> None:
        """No beat is sent because of it."""
        self.begin(A, B)
        self.answers(self.sends()[A], "epoch", epoch="e1")
        self.answers(self.sends()[A], "epoch", epoch="e1")
        self.assertEqual(self.sends(), {})
        self.passes(RESEND_S)
        sent = self.sends()
        self.assertEqual({address: beat.epoch for address, beat in sent.items()},
                         {A: "e1", B: ""})

    def test_a_state_is_announced_at_once_and_until_every_registry_acks_it(self) -> None:
        """The ack of a beat from before the change does not count."""
        self.begin(A, B)
        for beat in self.sends().values():
            self.answers(beat)
        self.passes(1)
        before = self.sends()
        self.schedule.change(state="draining")
        for beat in before.values():
            self.answers(beat)
        self.assertFalse(self.schedule.acked("draining"))
        sent = self.sends()
        self.assertEqual({beat.state for beat in sent.values()}, {"draining"})
        self.answers(sent[A])
        self.assertFalse(self.schedule.acked("draining"))
        self.answers(sent[B])
        self.assertTrue(self.schedule.acked("draining"))

    def test_a_registry_that_never_answered_need_not_ack_a_state(self) -> None:
        """A goodbye is for registries that know the server."""
        self.begin(A, B)
        self.acks_next(A)
        self.schedule.change(state="leaving")
        self.acks_next(A)
        self.assertTrue(self.schedule.acked("leaving"))

    def test_stale_and_strange_answers_are_ignored(self) -> None:
        """To another instance or life, to a beat that was not sent, or with another epoch."""
        self.begin(A)
        beat = self.sends()[A]
        self.answers(beat._replace(instance="server-2"))
        self.answers(beat._replace(incarnation=1))
        self.answers(beat._replace(seq=2))
        self.answers(beat._replace(seq=0))
        self.answers(beat, epoch="e9")
        self.answers(beat, "superseded", epoch="e9", newest=beat.incarnation + 5)
        self.answers(beat, "superseded", newest=beat.incarnation)
        self.assertEqual(self.schedule.acks, 0)
        self.assertEqual(self.schedule.beat.incarnation, beat.incarnation)
        self.assertIsNone(self.schedule.superseded_by)

    def test_a_second_ack_of_the_same_beat_is_ignored(self) -> None:
        """It does not delay the next beat."""
        self.begin(A)
        beat = self.sends()[A]
        self.answers(beat)
        due = self.schedule.next_at()
        self.passes(0.05)
        self.answers(beat)
        self.assertEqual(self.schedule.acks, 1)
        self.assertEqual(self.schedule.next_at(), due)

    def test_a_late_ack_of_an_earlier_beat_counts(self) -> None:
        """A round trip may take longer than RESEND_S."""
        self.begin(A)
        beat = self.sends()[A]
        self.passes(RESEND_S)
        self.sends()
        self.answers(beat)
        self.assertGreater(self.schedule.next_at(), self.now + RESEND_S)

    def test_the_elder_gives_way_once_any_registry_has_accepted_it(self) -> None:
        """A younger process beats under its name, at whichever registry it meets it. The younger
        one may even come from the future: its machine may have another clock.
        """
        for above in (5, 10 ** 6):
            self.begin(A, B, present=BEAT.incarnation + 1000)
            sent = self.sends()
            self.answers(sent[A])
            self.answers(sent[B], "superseded", newest=BEAT.incarnation + above)
            self.assertEqual(self.schedule.superseded_by, BEAT.incarnation + above)

    def test_the_elder_gives_way_where_it_was_cut_off_from_its_start(self) -> None:
        """A process that has started since is younger, though this one was never accepted."""
        self.begin(A, present=BEAT.incarnation + 1000)
        self.answers(self.sends()[A], "superseded", newest=BEAT.incarnation + 1000)
        self.assertEqual(self.schedule.superseded_by, BEAT.incarnation + 1000)

    def test_a_clock_that_was_set_back_is_no_younger_process(self) -> None:
        """What comes from the future is its own last life: it goes above that, and beats at once.

        Nobody has accepted it before.
        """
        self.begin(A, B, present=BEAT.incarnation + 4)
        sent = self.sends()
        self.answers(sent[A], "superseded", newest=sent[A].incarnation + 5)
        self.assertIsNone(self.schedule.superseded_by)
        self.assertEqual(self.sends()[A].incarnation, sent[A].incarnation + 6)
        self.assertEqual(self.schedule.links[A].refusal, YOUNGER)

    def test_an_incarnation_that_nobody_can_go_above_is_told(self) -> None:
        """It goes on to beat, once in a while: the registry forgets it soon."""
        self.begin(A)
        self.answers(self.sends()[A], "superseded", newest=MAX_INTEGER)
        self.assertIsNone(self.schedule.superseded_by)
        self.assertEqual(self.schedule.links[A].refusal, LOCKED)
        self.assertEqual(self.sends(), {})
        self.passes(BEAT_S)
        self.acks_next(A)
        self.assertEqual(self.schedule.links[A].refusal, "")
        self.assertEqual(self.schedule.beat.incarnation, BEAT.incarnation)

    def test_a_registry_that_contradicts_itself_gets_no_flood_of_beats(self) -> None:
        """Ever new epochs, or ever higher incarnations: only the first is followed at once."""
        for kind in ("epoch", "superseded"):
            self.begin(A)
            count = 0
            for step in range(100):
                for beat in self.sends().values():
                    count += 1
                    self.answers(beat, kind, epoch=f"e{step}" if kind == "epoch" else "",
                                 newest=beat.incarnation + 5)
                self.passes(0.01)
            self.assertLessEqual(count, 12, kind)

    def test_silent_registries_are_known(self) -> None:
        """Those without an ack for a while; the start counts like an ack."""
        self.begin(A, B)
        self.assertEqual(self.silent(), [])
        self.acks_next(A)
        self.passes(1.4)
        self.assertEqual(self.silent(), [])
        self.acks_next(A)
        self.passes(0.2)
        self.assertEqual(self.silent(), [B])

    def test_a_sequence_number_is_never_used_twice(self) -> None:
        """Over all registries and epochs, (incarnation, seq) grows with every datagram."""
        self.begin(A, B)
        rng, sent = random.Random(3), []
        for _ in range(500):
            self.passes(rng.random() * 0.2)
            for beat in self.sends().values():
                sent.append((beat.incarnation, beat.seq))
                if rng.random() < 0.7:
                    self.answers(beat, rng.choice(("ack", "epoch")),
                                 epoch=rng.choice(("e1", "e2")))
        self.assertEqual(sent, sorted(set(sent)))
        self.assertGreater(len(sent), 300)


class OfNamesThatAreFoundLate(unittest.TestCase):
    """A registry whose name has an address only after the start of a server."""

    def begin(self, host: str, *places: Any) -> Heartbeat:
        """A server at this host, beside a registry whose name leads to these places."""
        found: Future[Any] = Future()
        found.set_result(list(places))
        patch = mock.patch("heartbeat.begin_look_up", return_value=found)
        patch.start()
        self.addCleanup(patch.stop)
        heartbeat = Heartbeat(BEAT._replace(host=host), [("lab-7", 4100)])
        self.addCleanup(heartbeat.close)
        heartbeat._look_up_names()
        return heartbeat

    def test_on_another_machine_it_is_not_told_a_loopback_address(self) -> None:
        """Every caller there would call itself. The user is told why it is not listed."""
        elsewhere = socket.AF_INET, ("192.0.2.7", 4100)
        with mock.patch("ponte.net.datagrams.Datagrams.send") as send:
            for host in ("127.0.0.1", "::1", "127.0.0.2"):
                heartbeat = self.begin(host, elsewhere)
                self.assertEqual(heartbeat.refusals(), {("lab-7", 4100): ELSEWHERE})
            send.assert_not_called()
            self.begin("192.0.2.8", elsewhere)
            send.assert_called_once()

    def test_on_this_machine_it_is(self) -> None:
        with mock.patch("ponte.net.datagrams.Datagrams.send") as send:
            heartbeat = self.begin("127.0.0.1", (socket.AF_INET, ("127.0.0.1", 4100)))
            send.assert_called_once()
        self.assertEqual(heartbeat.refusals(), {})


class OfProcessesThatCannotServe(unittest.TestCase):
    """A process whose callers are not served must not be named to callers."""

    def setUp(self) -> None:
        self.registry = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.registry.close)
        self.registry.bind(("127.0.0.1", 0))
        # Many beats of a process that beats.
        self.registry.settimeout(5 * RESEND_S)
        self.serves = threading.Event()

    def start(self) -> None:
        """Begins to beat, while the process serves."""
        self.heartbeat = Heartbeat(BEAT, [self.registry.getsockname()],
                                   is_serving=self.serves.is_set)
        self.addCleanup(self.heartbeat.close)
        self.heartbeat.start()

    def beats(self) -> bool:
        """Whether a beat comes. Those that are on their way do not count."""
        threading.Event().wait(2 * RESEND_S)
        self.registry.setblocking(False)
        try:
            while True:
                self.registry.recv(2000)
        except BlockingIOError:
            pass
        self.registry.settimeout(5 * RESEND_S)
        try:
            return bool(self.registry.recv(2000))
        except socket.timeout:
            return False

    def test_it_beats_while_it_serves_and_at_no_other_time(self) -> None:
        """And beats again when it serves again, without a new start."""
        self.serves.set()
        self.start()
        for serves in (True, False, True, False):
            with self.subTest(serves=serves), mock.patch("heartbeat.log"):
                if serves:
                    self.serves.set()
                else:
                    self.serves.clear()
                self.assertEqual(self.beats(), serves)

    def test_the_log_says_it_once(self) -> None:
        """Each time that it stops, and not at each beat that is left out."""
        self.serves.set()
        self.start()
        with self.assertLogs("ponte.heartbeat", "ERROR") as logged:
            self.serves.clear()
            self.assertFalse(self.beats())
            self.serves.set()
            self.assertTrue(self.beats())
            self.serves.clear()
            self.assertFalse(self.beats())
        self.assertEqual([record.getMessage() for record in logged.records],
                         [f"{BEAT.instance}: its engine does not answer: "
                          "no beats until it does"] * 2)

    def test_one_that_never_served_never_beats(self) -> None:
        """It can be closed at once."""
        with mock.patch("heartbeat.log"):
            self.start()
            self.assertFalse(self.beats())
            self.heartbeat.close()


if __name__ == "__main__":
    unittest.main()
