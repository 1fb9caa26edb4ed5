"""The pure parts together, over a simulated clock and network: no socket, no thread, no waiting.

Every run draws from a seed, so it gives the same result each time.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import math
import random
import unittest
from typing import Callable

from heartbeat import BEAT_S, RESEND_S, BeatSchedule
from ponte.calls.attempt import Outcome
from ponte.calls.balancing import POLICIES, Balancer, Member
from ponte.calls.budget import BUDGET_BURST, BUDGET_SHARE
from ponte.calls.rule import Call
from ponte.calls.session import Session
from ponte.discovery.beats import LEASE_S, Answer, Beat
from ponte.discovery.leases import LeaseTable, Verdict
from tests.calls.by_hand import result
from tests.fakes import endpoint

REGISTRY = ("127.0.0.1", 4100)
# How often the registry expires leases, in seconds.
TICK_S = 0.05


# ---- leases

class Network:
    """A simulated clock, and a network that loses some datagrams and delays the others.

    `loss` is the share of datagrams that are lost. `now` is in seconds.
    """

    def __init__(self, seed: int, loss: float) -> None:
        self.now = 0.0
        self.rng = random.Random(seed)
        self._loss = loss
        # What happens later: time, a number that keeps the order of equal times, and the action.
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []

    def at(self, when: float, action: Callable[[], None]) -> None:
        """Does it at that time."""
        heapq.heappush(self._events, (when, next(self._order), action))

    def send(self, action: Callable[[], None]) -> None:
        """Delivers a datagram after a millisecond or so, or never."""
        if self.rng.random() >= self._loss:
            self.at(self.now + self.rng.uniform(0.0005, 0.002), action)

    def run_until(self, end: float) -> None:
        """Does all that is due until then."""
        while self._events and self._events[0][0] <= end:
            self.now, _, action = heapq.heappop(self._events)
            action()
        self.now = end


class BeatingServer:
    """The beat schedule of a server at one end of the network, the lease table at the other."""

    def __init__(self, number: int, network: Network, table: LeaseTable) -> None:
        self._network, self._table = network, table
        beat = Beat("service", f"server-{number}", 1, 0, "127.0.0.1", 1 + number)
        self._schedule = BeatSchedule(beat, [REGISTRY], random.Random(network.rng.getrandbits(32)))
        self.sent = 0
        network.at(network.rng.uniform(0, BEAT_S), self._wake)

    def _wake(self) -> None:
        for sending in self._schedule.due(self._network.now):
            self.sent += 1
            self._network.send(functools.partial(self._arrive, sending.beat))
        self._network.at(max(self._schedule.next_at(), self._network.now + 0.001), self._wake)

    def _arrive(self, beat: Beat) -> None:
        verdict = self._table.apply(beat, self._network.now)
        if verdict in (Verdict.APPLIED, Verdict.OTHER_EPOCH):
            answer = Answer(verdict.value, beat.instance, beat.incarnation, beat.seq,
                            self._table.epoch, newest=1)
            self._network.send(
                lambda: self._schedule.hear_answer(answer, self._network.now))


def expiries(seed: int, servers: int, seconds: float, loss: float) -> tuple[int, int]:
    """How often a living server expired in that time, and how many beats were sent."""
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
    """How many expiries arithmetic predicts.

    A beat that arrives renews the lease; it does with probability a = 1 - loss. If its ack comes
    back (probability a again), the next beat is sent after BEAT_S, else after RESEND_S. Until the
    lease is over, n beats are sent, one each RESEND_S:

        n_acked   = floor((LEASE - BEAT) / RESEND) + 1 = 16      from 0.5 s on (0.45 to 0.55)
        n_unacked = floor((LEASE - RESEND) / RESEND) + 1 = 20    from 0.1 s on

    The lease expires if all n are lost: loss ** n. The rate of renewals is 1 / (the mean time
    between arrivals), which is the wait for the next beat, and then RESEND_S for each beat that is
    lost, loss / a of them on average. Ticks and delays are left out, so the prediction is right to
    within one beat: a factor of 1 / loss either way.
    """
    arrives = 1 - loss
    n_acked = math.floor((LEASE_S - BEAT_S) / RESEND_S + 1e-9) + 1
    n_unacked = math.floor((LEASE_S - RESEND_S) / RESEND_S + 1e-9) + 1
    all_lost = arrives * loss ** n_acked + loss * loss ** n_unacked
    between_s = arrives * BEAT_S + loss * RESEND_S + RESEND_S * loss / arrives
    return servers * seconds / between_s * all_lost


class LeasesOverALossyNetwork(unittest.TestCase):
    """Beats, acks, epochs and leases. `python3 -m tests.chaos --leases` simulates ten minutes."""

    def test_without_loss_no_living_server_expires(self) -> None:
        """A beat every half a second is in time for a lease of two."""
        expired, _ = expiries(seed=1, servers=100, seconds=30, loss=0.0)
        self.assertEqual(expired, 0)

    def test_with_thirty_percent_loss_none_expires_in_half_a_simulated_minute(self) -> None:
        """A beat that is not acked is followed by the next one early: some beat of them arrives."""
        self.assertLess(predicted_expiries(200, 30, 0.3), 1e-3)
        expired, _ = expiries(seed=2, servers=200, seconds=30, loss=0.3)
        self.assertEqual(expired, 0)

    def test_heavy_loss_expires_as_many_as_the_arithmetic_predicts(self) -> None:
        """To within one beat more or less in a lease: the factor of loss."""
        predicted = predicted_expiries(300, 40, 0.7)
        expired, _ = expiries(seed=3, servers=300, seconds=40, loss=0.7)
        self.assertGreater(expired, predicted * 0.7 - 5)
        self.assertLess(expired, predicted / 0.7 + 5)


# ---- calls

Server = Callable[[float], Outcome]


def refuses(now: float) -> Outcome:
    """A server that refuses every call at once."""
    return Outcome.NOT_SENT


def answers(now: float) -> Outcome:
    """A server that answers every call."""
    return Outcome.ANSWERED


def breaks(now: float) -> Outcome:
    """A server of which no caller learns whether it ran the call."""
    return Outcome.UNKNOWN


class Storm:
    """Calls to some servers, one after the other, on a simulated clock."""

    def __init__(self, policy: str, servers: dict[str, Server], seed: int = 1) -> None:
        self.now = 0.0
        self.rng = random.Random(seed)
        # How many attempts each server got.
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
            call.settle(result(self._servers[name](self.now)), self.now)


class RetriesNeverBecomeAStorm(unittest.TestCase):
    """What a failure of all servers costs."""

    def test_unknown_outcomes_everywhere_cost_a_tenth_more_and_the_burst(self) -> None:
        """The budget of retries is a share of the calls. It also pays for repeats, and for further
        requests for a session, where calls must run once at most.
        """
        for idempotent, with_sessions in ((True, False), (False, True), (False, False)):
            storm = Storm("round_robin", {f"s{i}": breaks for i in range(10)})
            if with_sessions:
                for member in storm.balancer.members:
                    member.session = Session("9f86d081884c7d65")
            calls = 5000
            for number in range(calls):
                storm.now = number * 0.01
                storm.call(idempotent)
            self.assertLessEqual(sum(storm.attempts.values()),
                                 calls * (1 + BUDGET_SHARE) + BUDGET_BURST)
            self.assertGreater(sum(storm.attempts.values()), calls)

    def test_overloaded_servers_are_asked_once_each_for_a_call(self) -> None:
        """A refusal may be taken to another server, but never to the same one."""
        storm = Storm("round_robin", {f"s{i}": refuses for i in range(5)})
        calls = 200
        for _ in range(calls):
            before = dict(storm.attempts)
            self.assertEqual(storm.call(), Outcome.NOT_SENT)
            self.assertTrue(all(storm.attempts[name] - before[name] == 1 for name in before))


class NaiveBalancer(Balancer):
    """The naive try: the fastest server gets the next call, and a failure counts as an answer."""

    def __init__(self, took_s: dict[str, float]) -> None:
        super().__init__(lambda _, members: min(
            range(len(members)), key=lambda i: took_s[members[i].endpoint.instance]))

    def note_failure(self, member: Member, now: float) -> None:
        self.note_answer(member)


class BalancingUnderTrouble(unittest.TestCase):
    """One of three servers refuses everything, at once, while the others take their time."""

    def attempts(self, policy: str, seconds: int = 60) -> dict[str, int]:
        """How many attempts each server gets, with 100 calls a second."""
        storm = Storm(policy, {"bad": refuses, "good-1": answers, "good-2": answers})
        for number in range(seconds * 100):
            storm.now = number * 0.01
            self.assertEqual(storm.call(), Outcome.ANSWERED)
        return storm.attempts

    def test_no_policy_sends_a_failing_server_more_than_its_trials(self) -> None:
        """Of 6,000 calls, it gets the trials of a quarantine that doubles."""
        for policy in POLICIES:
            with self.subTest(policy):
                attempts = self.attempts(policy)
                self.assertLess(attempts["bad"], 20)
                self.assertGreater(min(attempts["good-1"], attempts["good-2"]), 2500)

    def test_a_naive_latency_balancer_sends_it_everything(self) -> None:
        """The wrong output, to see what quarantine and penalty are for."""
        storm = Storm("round_robin", {"bad": refuses, "good": answers})
        endpoints = [member.endpoint for member in storm.balancer.members]
        storm.balancer = NaiveBalancer({"bad": 0.0001, "good": 0.01})
        storm.balancer.update(endpoints)
        for _ in range(1000):
            storm.call()
        self.assertEqual(storm.attempts["bad"], 1000)

    def test_without_quarantine_a_penalty_still_keeps_calls_away(self) -> None:
        """What `load` is for: while the good server is busy, the failing one must not look idle."""
        storm = Storm("least_calls", {"bad": refuses, "good": answers})
        bad, good = member_of(storm.balancer, "bad"), member_of(storm.balancer, "good")
        storm.balancer.note_failure(bad, 0.0)
        good.calls, bad.calls = 2, 0
        self.assertGreater(bad.load, good.load)


def member_of(balancer: Balancer, name: str) -> Member:
    return next(member for member in balancer.members if member.endpoint.instance == name)


if __name__ == "__main__":
    unittest.main()
