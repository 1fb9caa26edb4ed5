"""One registry, as a sender sees it: its places, its keys, and its silence."""

from __future__ import annotations

import socket
import unittest

from ponte.discovery.link import LOOK_AGAIN_S, MAX_AWAITED, SILENCE_S, SILENT_BEATS, Link, Sending
from ponte.net.names import Place
from tests.discovery.test_beats import BEAT

BEAT_S = 0.5
ONE: Place = (socket.AF_INET6, ("::1", 4100, 0, 0))
OTHER: Place = (socket.AF_INET, ("127.0.0.1", 4100))
NEW: Place = (socket.AF_INET, ("10.0.0.2", 4100))


class LinkTest(unittest.TestCase):
    """Verbs: time passes, the name is looked up, beats go out, and the registry answers."""

    def begin(self, host: str = "lab", beat_s: float = BEAT_S) -> None:
        self.now = 0.0
        self.link = Link((host, 4100), beat_s)
        self.beat = BEAT._replace(seq=0, epoch="")

    def sends(self) -> list[Sending]:
        sendings = self.link.send(self.beat, self.now)
        if sendings:
            self.beat = self.beat._replace(seq=sendings[-1].beat.seq)
        return sendings

    def sends_to(self) -> list[Place]:
        return [sending.place for sending in self.sends()]

    def acks_at(self, place: Place) -> None:
        """A beat goes out, and the registry acks the one that it got at this place."""
        self.link.hear_ack(next(each for each in self.sends() if each.place == place), self.now)


class Places(LinkTest):
    """Every place of a name is tried, and a registry that moved is found."""

    def test_an_address_needs_no_look_up(self) -> None:
        """Also not when it is silent."""
        for host, family in (("10.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
            self.begin(host)
            for _ in range(3):
                self.assertFalse(self.link.needs_look_up(self.now))
                self.assertEqual(self.sends_to(), [(family, (host, 4100))])
                self.now += 100

    def test_a_name_is_looked_up_at_the_start(self) -> None:
        """No beat goes out before that; then one to each place, with a number of its own."""
        self.begin()
        self.assertTrue(self.link.needs_look_up(self.now))
        self.assertEqual(self.sends(), [])
        self.link.hear_places([ONE, OTHER, ONE])
        self.assertLessEqual(self.link.next_at, self.now)
        self.assertEqual([(each.place, each.beat.seq) for each in self.sends()],
                         [(ONE, 1), (OTHER, 2)])

    def test_once_a_place_has_acked_beats_go_there_alone(self) -> None:
        """Whichever of them it is."""
        for place in (ONE, OTHER):
            self.begin()
            self.link.hear_places([ONE, OTHER])
            self.acks_at(place)
            self.assertEqual(self.sends_to(), [place])

    def test_each_place_has_an_epoch(self) -> None:
        """Two registries may share a name: then that is used which acks first."""
        self.begin()
        self.link.hear_places([ONE, OTHER])
        first, second = self.sends()
        self.assertTrue(self.link.hear_epoch(first, "e1"))
        self.assertTrue(self.link.hear_epoch(second, "e2"))
        self.assertFalse(self.link.hear_epoch(second, "e2"))
        self.assertEqual([each.beat.epoch for each in self.sends()], ["e1", "e2"])

    def test_a_silent_registry_is_looked_up_again_and_every_place_is_tried(self) -> None:
        """It may have moved."""
        self.begin()
        self.assertTrue(self.link.needs_look_up(self.now))
        self.link.hear_places([ONE, OTHER])
        self.acks_at(OTHER)
        self.now = LOOK_AGAIN_S + SILENCE_S
        self.acks_at(OTHER)
        self.assertFalse(self.link.needs_look_up(self.now), "it answers")
        self.now += SILENCE_S + 0.01
        self.assertTrue(self.link.needs_look_up(self.now))
        self.assertEqual(self.sends_to(), [ONE, OTHER])
        self.link.hear_places([NEW])
        self.acks_at(NEW)
        self.assertFalse(self.link.is_silent(self.now))
        self.assertEqual(self.sends_to(), [NEW])

    def test_a_name_server_is_not_asked_more_often_than_it_must(self) -> None:
        self.begin()
        times = []
        while self.now < 10 * LOOK_AGAIN_S:
            if self.link.needs_look_up(self.now):
                times.append(self.now)
            self.sends()
            self.now += 0.1
        self.assertLessEqual(len(times), 10)
        self.assertGreaterEqual(len(times), 9)

    def test_a_name_without_an_address_is_the_reason(self) -> None:
        """Until it has one. Known places stay: the name server may be down."""
        self.begin()
        self.link.hear_no_place("lab-7 has no address now")
        self.assertEqual(self.link.refusal, "lab-7 has no address now")
        self.assertEqual(self.sends(), [])
        self.link.hear_places([ONE])
        self.assertEqual(self.link.refusal, "")
        self.acks_at(ONE)
        self.link.hear_no_place("lab-7 has no address now")
        self.acks_at(ONE)
        self.assertEqual(self.link.refusal, "")

    def test_an_ack_that_comes_during_a_look_up_counts(self) -> None:
        """Its place is used on, whatever the name means now."""
        self.begin()
        self.link.hear_places([ONE, OTHER])
        self.acks_at(ONE)
        self.link.hear_places([NEW])
        self.assertEqual(self.sends_to(), [ONE])


class Keys(LinkTest):
    """A registry may have any of the keys: they are used in turn until it answers."""

    def turns(self, count: int) -> list[int]:
        return [self.sends()[0].turn for _ in range(count)]

    def test_until_an_answer_each_beat_is_signed_with_the_next_key(self) -> None:
        self.begin("10.0.0.1")
        self.assertEqual(self.turns(3), [0, 1, 2])

    def test_the_key_of_the_beat_that_was_answered_is_kept(self) -> None:
        """An answer with a new epoch shows the key as well as an ack."""
        for answers in (lambda sent: self.link.hear_ack(sent, self.now),
                        lambda sent: self.link.hear_epoch(sent, "e1")):
            self.begin("10.0.0.1")
            self.turns(1)
            second, = self.sends()
            self.turns(3)
            answers(second)
            self.assertEqual(self.turns(2), [1, 2])

    def test_what_waits_for_an_answer_is_bounded(self) -> None:
        """A registry that is down for a week costs nothing."""
        self.begin()
        self.link.hear_places([ONE, OTHER])
        self.turns(10 * MAX_AWAITED)
        self.assertEqual(len(self.link._awaited), 2 * MAX_AWAITED)
        self.assertIsNotNone(self.link.awaited(self.beat.seq))
        self.assertIsNone(self.link.awaited(1))


class Silence(LinkTest):
    """Patience begins with the first beat, and again with each ack."""

    def test_it_is_silent_after_a_while_without_an_ack(self) -> None:
        self.begin("10.0.0.1")
        self.now = 100.0
        self.assertFalse(self.link.is_silent(self.now), "no beat was sent")
        self.sends()
        self.assertFalse(self.link.is_silent(self.now + SILENCE_S))
        self.assertTrue(self.link.is_silent(self.now + SILENCE_S + 0.01))

    def test_patience_may_begin_at_time_zero(self) -> None:
        self.begin("10.0.0.1")
        self.sends()
        self.assertTrue(self.link.is_silent(SILENCE_S + 0.01))

    def test_slow_beats_need_more_patience(self) -> None:
        """Some beats may be lost."""
        self.begin("10.0.0.1", beat_s=10.0)
        self.acks_at((socket.AF_INET, ("10.0.0.1", 4100)))
        self.assertFalse(self.link.is_silent(SILENT_BEATS * 10.0))
        self.assertTrue(self.link.is_silent(SILENT_BEATS * 10.0 + 0.01))

    def test_a_sender_that_slept_blames_no_registry(self) -> None:
        """However long the patience was before that. A beat is due at once: its lease is over."""
        self.begin("10.0.0.1")
        self.sends()
        self.link.next_at = 3.0
        self.link.excuse(SILENCE_S - 0.01, SILENCE_S + 0.24)
        self.assertLess(self.link.next_at, 0)
        self.assertFalse(self.link.is_silent(2 * SILENCE_S))
        self.assertTrue(self.link.is_silent(2 * SILENCE_S + 0.25))

    def test_what_was_silent_before_that_stays_silent(self) -> None:
        """Nobody may read that it answers again."""
        self.begin("10.0.0.1")
        self.sends()
        self.link.excuse(SILENCE_S + 0.01, SILENCE_S + 0.26)
        self.assertTrue(self.link.is_silent(SILENCE_S + 0.26))


if __name__ == "__main__":
    unittest.main()
