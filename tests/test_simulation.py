"""The pure parts against each other over virtual time and a seeded network: no socket, no thread, no waiting."""

from __future__ import annotations

import functools
import heapq
import itertools
import math
import random
import unittest
from typing import Callable

from heartbeat import BEAT_S, RESEND_S, BeatSchedule
from ponte.calls.balancing import POLICIES, Balancer, Member
from ponte.calls.budget import BUDGET_BURST, BUDGET_SHARE
from ponte.calls.rule import Call, Outcome
from ponte.discovery.beats import LEASE_S, Answer, Beat
from ponte.discovery.leases import LeaseTable, Verdict
from tests.fakes import endpoint

REGISTRY = ("127.0.0.1", 4100)
TICK_S = 0.05


class Network:
    """Virtual time, and a path that loses datagrams and delays the others, all drawn from one seed."""

    def __init__(self, seed: int, loss: float) -> None:
        self.now = 0.0
        self.rng = random.Random(seed)
        self._loss = loss
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []

    def at(self, when: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), action))

    def send(self, action: Callable[[], None]) -> None:
        """Delivers after a millisecond or so, or never."""
        if self.rng.random() >= self._loss:
            self.at(self.now + self.rng.uniform(0.0005, 0.002), action)

    def run_until(self, end: float) -> None:
        while self._events and self._events[0][0] <= end:
            self.now, _, action = heapq.heappop(self._events)
            action()
        self.now = end


class BeatingServer:
    """A server's beat schedule at one end of the network, the lease table at the other."""

    def __init__(self, number: int, network: Network, table: LeaseTable) -> None:
        self._network, self._table = network, table
        beat = Beat("service", f"server-{number}", 1, 0, "127.0.0.1", 1 + number)
        self._schedule = BeatSchedule(beat, [REGISTRY], random.Random(network.rng.getrandbits(32)))
        self.sent = 0
        network.at(network.rng.uniform(0, BEAT_S), self._wake)

    def _wake(self) -> None:
        for _, beat in self._schedule.due(self._network.now):
            self.sent += 1
            self._network.send(functools.partial(self._arrive, beat))
        self._network.at(max(self._schedule.next_at(), self._network.now + 0.001), self._wake)

    def _arrive(self, beat: Beat) -> None:
        verdict = self._table.apply(beat, self._network.now)
        if verdict in (Verdict.APPLIED, Verdict.OTHER_EPOCH):
            answer = Answer(verdict.value, beat.instance, beat.incarnation, beat.seq, self._table.epoch, 1)
            self._network.send(lambda: self._schedule.hear_answer(REGISTRY, answer, self._network.now))


def expiries(seed: int, servers: int, seconds: float, loss: float) -> tuple[int, int]:
    """How often a living server expired in that time, and how many datagrams were sent."""
    network = Network(seed, loss)
    table = LeaseTable("epoch", 0.0)
    fleet = [BeatingServer(number, network, table) for number in range(servers)]
    expired = 0
    for tick in range(int(seconds / TICK_S)):
        network.run_until(tick * TICK_S)
        table.expire(network.now)
        expired += sum(event.what == "expired" for event in table.events)
        table.events.clear()
    return expired, sum(server.sent for server in fleet)


def predicted_expiries(servers: int, seconds: float, loss: float) -> float:
    """The arithmetic beside it.

    A beat that arrives (a = 1 - loss) renews the lease. If its ack comes back (a again), the next datagram leaves
    after a beat interval, else after a resend. Until the lease is over, n datagrams leave, one each RESEND_S:

        n_acked   = floor((LEASE - BEAT) / RESEND) + 1 = 16         the first after 0.5 s (0.45 to 0.55, jittered)
        n_unacked = floor((LEASE - RESEND) / RESEND) + 1 = 20       the first after 0.1 s

    The lease expires if all n are lost: loss ** n. Renewals come at a rate of 1 / (mean time between arrivals): the
    first wait, and then RESEND for each lost datagram, loss / a of them on average. Ticks and delays are left out,
    so this is right to within one datagram, a factor of 1 / loss either way.
    """
    arrives = 1 - loss
    n_acked = math.floor((LEASE_S - BEAT_S) / RESEND_S + 1e-9) + 1
    n_unacked = math.floor((LEASE_S - RESEND_S) / RESEND_S + 1e-9) + 1
    all_lost = arrives * loss ** n_acked + loss * loss ** n_unacked
    between_s = arrives * BEAT_S + loss * RESEND_S + RESEND_S * loss / arrives
    return servers * seconds / between_s * all_lost


class LeasesOverALossyNetwork(unittest.TestCase):
    """Beats, resends, acks, epochs and leases together. `python3 -m tests.chaos --leases` runs ten minutes of it."""

    def test_no_loss_expires_nobody(self) -> None:
        expired, _ = expiries(seed=1, servers=100, seconds=30, loss=0.0)
        self.assertEqual(expired, 0)

    def test_thirty_percent_loss_expires_nobody_in_half_a_simulated_minute(self) -> None:
        self.assertLess(predicted_expiries(200, 30, 0.3), 1e-3)
        expired, _ = expiries(seed=2, servers=200, seconds=30, loss=0.3)
        self.assertEqual(expired, 0)

    def test_heavy_loss_expires_as_many_as_the_arithmetic_predicts(self) -> None:
        predicted = predicted_expiries(300, 40, 0.7)
        expired, _ = expiries(seed=3, servers=300, seconds=40, loss=0.7)
        self.assertGreater(expired, predicted * 0.7 - 5)        # a datagram less fits in: the factor of loss
        self.assertLess(expired, predicted / 0.7 + 5)


class Storm:
    """A fleet on a virtual clock, called one call after the other; each server is a function from time to outcome."""

    def __init__(self, policy: str, servers: dict[str, Callable[[float], Outcome]], seed: int = 1) -> None:
        self.now = 0.0
        self.rng = random.Random(seed)
        self.attempts: dict[str, int] = dict.fromkeys(servers, 0)
        self._servers = servers
        self.balancer = Balancer(POLICIES[policy], self.rng)
        self.balancer.update([endpoint(name) for name in servers])

    def call(self, idempotent: bool = True) -> Outcome:
        call = Call(self.balancer, idempotent, self.now + 5)
        while True:
            attempt = call.next_attempt(self.now)
            if attempt is None:
                return call.outcome
            name = attempt.endpoint.instance
            self.attempts[name] += 1
            call.settle(self._servers[name](self.now), self.now)


class RetriesNeverBecomeAStorm(unittest.TestCase):
    def test_unknown_outcomes_everywhere_cost_a_tenth_more_and_the_burst(self) -> None:
        storm = Storm("round_robin", {f"s{i}": lambda now: Outcome.UNKNOWN for i in range(10)})
        calls = 5000
        for number in range(calls):
            storm.now = number * 0.01
            storm.call()
        self.assertLessEqual(sum(storm.attempts.values()), calls * (1 + BUDGET_SHARE) + BUDGET_BURST)
        self.assertGreater(sum(storm.attempts.values()), calls)

    def test_overloaded_servers_are_asked_once_each_for_a_call(self) -> None:
        storm = Storm("round_robin", {f"s{i}": lambda now: Outcome.NOT_SENT for i in range(5)})
        calls = 200
        for _ in range(calls):
            before = dict(storm.attempts)
            self.assertEqual(storm.call(), Outcome.NOT_SENT)
            self.assertTrue(all(storm.attempts[name] - before[name] == 1 for name in before))


class NaiveBalancer(Balancer):
    """What many build first: whoever answered fastest gets the next call, and failing counts as answering."""

    def __init__(self, took_s: dict[str, float]) -> None:
        super().__init__(lambda _, members: min(range(len(members)),
                                                key=lambda i: took_s[members[i].endpoint.instance]))

    def note_failure(self, member: Member, now: float) -> None:
        self.note_answer(member)


class BalancingUnderTrouble(unittest.TestCase):
    """One of three servers refuses everything, at once, while the others take their time."""

    def _shares(self, policy: str, seconds: int = 60) -> dict[str, int]:
        answered: Callable[[float], Outcome] = lambda now: Outcome.ANSWERED  # noqa: E731
        storm = Storm(policy, {"bad": lambda now: Outcome.NOT_SENT, "good-1": answered, "good-2": answered})
        for number in range(seconds * 100):
            storm.now = number * 0.01
            self.assertEqual(storm.call(), Outcome.ANSWERED)
        return storm.attempts

    def test_no_policy_sends_a_failing_server_more_than_its_trials(self) -> None:
        for policy in POLICIES:
            with self.subTest(policy):
                shares = self._shares(policy)
                self.assertLess(shares["bad"], 20)      # of 6,000: trials of a quarantine that doubles
                self.assertGreater(min(shares["good-1"], shares["good-2"]), 2500)

    def test_a_naive_latency_balancer_sends_it_everything(self) -> None:
        """The wrong output, to see what quarantine and penalty are for."""
        answered: Callable[[float], Outcome] = lambda now: Outcome.ANSWERED  # noqa: E731
        storm = Storm("round_robin", {"bad": lambda now: Outcome.NOT_SENT, "good": answered})
        endpoints = [member.endpoint for member in storm.balancer.members]
        storm.balancer = NaiveBalancer({"bad": 0.0001, "good": 0.01})
        storm.balancer.update(endpoints)
        for _ in range(1000):
            storm.call()
        self.assertEqual(storm.attempts["bad"], 1000)

    def test_without_quarantine_a_penalty_still_keeps_calls_away(self) -> None:
        """What `load` is for: with calls in flight at the good ones, a fast failure must not look idle."""
        storm = Storm("least_calls", {"bad": lambda now: Outcome.NOT_SENT, "good": lambda now: Outcome.ANSWERED})
        bad, good = (_member(storm.balancer, name) for name in ("bad", "good"))
        storm.balancer.note_failure(bad, 0.0)
        good.calls, bad.calls = 2, 0
        self.assertGreater(bad.load, good.load)


def _member(balancer: Balancer, name: str) -> Member:
    return next(member for member in balancer.members if member.endpoint.instance == name)
