"""Heartbeats: when which beat goes to whom. No socket, no clock."""

from __future__ import annotations

import math
import random
import unittest

from heartbeat import BEAT_JITTER, BEAT_S, RESEND_S, BeatSchedule, Heartbeat, new_incarnation
from ponte.discovery.beats import LEASE_S, MAX_INTEGER, MAX_NAME, Answer, Beat
from tests.discovery.test_beats import BEAT

A, B = ("10.0.0.1", 4100), ("10.0.0.2", 4100)


class Starts(unittest.TestCase):
    """What a sender begins with: an incarnation, and a beat that can be taken."""

    def test_a_later_life_has_a_higher_incarnation(self) -> None:
        """And one that JSON can hold exactly."""
        self.assertLess(0, new_incarnation())
        self.assertLess(new_incarnation(), MAX_INTEGER)

    def test_a_beat_that_no_registry_would_take_is_refused_at_the_start(self) -> None:
        """Better a line for the user than a server that never appears."""
        for beat, told in ((BEAT._replace(host="0.0.0.0"), "--advertise"), (BEAT._replace(port=0), "number"),
                           (BEAT._replace(idempotent=("a" * (MAX_NAME + 1),)), "method"),
                           (BEAT._replace(idempotent=tuple(f"method_{n}" for n in range(200))), "shorter names")):
            with self.subTest(told), self.assertRaisesRegex(ValueError, told):
                Heartbeat(beat, [])


class Sender:
    """Drives a BeatSchedule: keeps the time, and answers beats in a registry's name."""

    def __init__(self, *registries: tuple[str, int], seed: int = 1) -> None:
        self.schedule = BeatSchedule(BEAT._replace(seq=0, epoch=""), registries, random.Random(seed))
        self.now = 100.0

    def send(self) -> dict[tuple[str, int], Beat]:
        """What goes out now."""
        return dict(self.schedule.due(self.now))

    def answer(self, registry: tuple[str, int], beat: Beat, kind: str = "ack", *, epoch: str = "",
               newest: int | None = None) -> None:
        self.schedule.hear_answer(registry, Answer(kind, beat.instance, beat.incarnation, beat.seq, epoch or beat.epoch,
                                            newest or beat.incarnation), self.now)


class Schedule(unittest.TestCase):
    """Which beat goes to which registry when."""

    def test_the_first_beat_goes_out_at_once_to_all(self) -> None:
        """With growing sequence numbers, and no epoch yet."""
        sent = Sender(A, B).send()
        self.assertEqual({address: (beat.seq, beat.epoch) for address, beat in sent.items()}, {A: (1, ""), B: (2, "")})

    def test_without_a_registry_nothing_is_ever_due(self) -> None:
        """A server may live without."""
        sender = Sender()
        self.assertEqual((sender.send(), sender.schedule.next_at()), ({}, math.inf))

    def test_an_unacked_beat_is_sent_again_every_100_ms(self) -> None:
        """As a new one, with the next sequence number."""
        sender = Sender(A)
        sent = [sender.send()[A]]
        for _ in range(3):
            sender.now += RESEND_S - 0.001
            self.assertEqual(sender.send(), {})
            sender.now += 0.001
            self.assertAlmostEqual(sender.schedule.next_at(), sender.now)
            sent.append(sender.send()[A])
        self.assertEqual([beat.seq for beat in sent], [1, 2, 3, 4])

    def test_an_acked_beat_is_followed_by_the_next_after_half_a_second(self) -> None:
        """+- 10 %, so that servers started together do not beat together."""
        pauses = []
        for seed in range(200):
            sender = Sender(A, seed=seed)
            sender.answer(A, sender.send()[A])
            pauses.append(sender.schedule.next_at() - sender.now)
        low, high = BEAT_S * (1 - BEAT_JITTER), BEAT_S * (1 + BEAT_JITTER)
        self.assertTrue(all(low - 1e-9 <= pause <= high + 1e-9 for pause in pauses))
        self.assertLess(min(pauses), low + 0.01)
        self.assertGreater(max(pauses), high - 0.01)
        self.assertLess(high * 3, LEASE_S, "three beats may be lost")

    def test_the_epoch_answer_is_obeyed_at_once(self) -> None:
        """The next beat carries it; each registry has its own; an epoch that is known already changes nothing."""
        sender = Sender(A, B)
        first = sender.send()
        sender.answer(A, first[A], "epoch", epoch="e1")
        again = sender.send()
        self.assertEqual({address: beat.epoch for address, beat in again.items()}, {A: "e1"})
        sender.answer(A, again[A], "epoch", epoch="e1")
        self.assertEqual(sender.send(), {})
        sender.now += RESEND_S
        self.assertEqual({address: beat.epoch for address, beat in sender.send().items()}, {A: "e1", B: ""})

    def test_a_state_is_announced_at_once_and_until_it_is_acked(self) -> None:
        """The ack of a beat from before does not count; each registry must ack for itself."""
        sender = Sender(A, B)
        for address, beat in sender.send().items():
            sender.answer(address, beat)
        sender.now += 1.0
        before = sender.send()
        sender.schedule.change(state="draining")
        for address, beat in before.items():
            sender.answer(address, beat)
        self.assertFalse(sender.schedule.acked("draining"))
        told = sender.send()
        self.assertEqual({beat.state for beat in told.values()}, {"draining"})
        sender.answer(A, told[A])
        self.assertFalse(sender.schedule.acked("draining"))
        sender.answer(B, told[B])
        self.assertTrue(sender.schedule.acked("draining"))

    def test_nobody_waits_for_a_registry_that_never_answered(self) -> None:
        """A goodbye is for those who knew us."""
        sender = Sender(A, B)
        sender.answer(A, sender.send()[A])
        sender.schedule.change(state="leaving")
        sender.answer(A, sender.send()[A])
        self.assertTrue(sender.schedule.acked("leaving"))

    def test_stale_and_strange_answers_are_passed_over(self) -> None:
        """Of another instance or life, for a beat not sent or acked before, or from elsewhere."""
        sender = Sender(A)
        beat = sender.send()[A]
        sender.answer(A, beat._replace(instance="server-2"))
        sender.answer(A, beat._replace(incarnation=1))
        sender.answer(A, beat._replace(seq=2))
        sender.answer(A, beat._replace(seq=0))
        sender.answer(B, beat)
        self.assertEqual(sender.schedule.acks, 0)
        sender.answer(A, beat)
        due = sender.schedule.next_at()
        sender.now += 0.05
        sender.answer(A, beat)
        self.assertEqual((sender.schedule.acks, sender.schedule.next_at()), (1, due))

    def test_a_late_ack_of_an_earlier_try_counts(self) -> None:
        """A round trip longer than the resend time is no reason to go on resending."""
        sender = Sender(A)
        first = sender.send()[A]
        sender.now += RESEND_S
        sender.send()
        sender.answer(A, first)
        self.assertGreater(sender.schedule.next_at(), sender.now + RESEND_S)

    def test_the_elder_gives_way_where_it_was_accepted_before(self) -> None:
        """A younger process beats under its name."""
        sender = Sender(A)
        beat = sender.send()[A]
        sender.answer(A, beat)
        sender.now += 1.0
        sender.answer(A, sender.send()[A], "superseded", newest=beat.incarnation + 5)
        self.assertEqual(sender.schedule.superseded_by, beat.incarnation + 5)

    def test_a_clock_that_was_set_back_is_no_younger_process(self) -> None:
        """Where it was never accepted it takes the next number, and beats with it at once."""
        sender = Sender(A, B)
        first = sender.send()
        sender.answer(B, first[B])
        sender.answer(A, first[A], "superseded", newest=first[A].incarnation + 5)
        self.assertIsNone(sender.schedule.superseded_by)
        self.assertEqual(sender.send()[A].incarnation, first[A].incarnation + 6)

    def test_silent_registries_are_known(self) -> None:
        """Those that have not acked for a while, counted from the start for those that never did."""
        sender = Sender(A, B)
        self.assertEqual(sender.schedule.silent(sender.now, 1.5), [])
        sender.answer(A, sender.send()[A])
        sender.now += 1.4
        self.assertEqual(sender.schedule.silent(sender.now, 1.5), [])
        sender.answer(A, sender.send()[A])
        sender.now += 0.2
        self.assertEqual(sender.schedule.silent(sender.now, 1.5), [B])

    def test_a_sequence_is_never_used_twice(self) -> None:
        """Over all registries, resends, epochs and states: (incarnation, seq) grows with every datagram."""
        sender, rng, sent = Sender(A, B), random.Random(3), []
        for _ in range(500):
            sender.now += rng.random() * 0.2
            for address, beat in sender.send().items():
                sent.append((beat.incarnation, beat.seq))
                if rng.random() < 0.7:
                    sender.answer(address, beat, rng.choice(("ack", "epoch")), epoch=rng.choice(("e1", "e2")))
        self.assertEqual(sent, sorted(set(sent)))
        self.assertGreater(len(sent), 300)


if __name__ == "__main__":
    unittest.main()
