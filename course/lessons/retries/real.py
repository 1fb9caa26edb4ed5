"""The student's rule inside Ponte's own client: a deposit whose reply is lost, on real sockets.

    python3 -m course.lessons.retries.real FILE
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, NamedTuple
from unittest import mock

from client import Client
from course.explore import Script, Wrong
from course.lessons.retries.world import TRIES, Hops, Place, read
from course.theirs import Theirs
from course.told import told
from course.worker import load
from lab.tcp_relay import Fate, TcpRelay
from ponte.calls.attempt import Attempt, Kind, Outcome, Result
from ponte.calls.balancing import Balancer, Member
from ponte.calls.rule import Call
from ponte.process.characters import write_any
from registry import Registry
from server import Server

# Cents, and as many more as the student's personal number says.
AMOUNT = 100
CALL_S = 2.0
# Seconds until the client knows both banks.
FIND_S = 10.0
BANKS = 2


class Ruled(Call):
    """Stands where client.py has a Call of rule R, and asks the student's one.

    What the lesson leaves out stays Ponte's: sessions, numbers, and the time of an attempt.
    """

    def __init__(self, theirs: Any, balancer: Balancer, idempotent: bool, deadline: float) -> None:
        super().__init__(balancer, idempotent, deadline)
        self._theirs = theirs
        # Every place that this call has heard of.
        self._known: dict[Place, Member] = {}
        self._first: Member | None = None

    def next_attempt(self, now: float) -> Attempt | None:
        # Whatever the student's rule says: nobody waits any more.
        if now >= self._deadline:
            return None
        # 1. A place that refused only the way in which it was asked is asked in another way.
        member, self._same = self._same, None
        if member is None:
            choice = self._theirs.next_attempt(now, self._places(now))
            if choice is None:
                return None
            attempt = read(choice, list(self._known))
            if attempt is None:
                raise Theirs(f"next_attempt returned {choice!r:.60}: no place that it was given")
            member = self._known[attempt[0]]
        # 2. Another place knows nothing of the call: there it is a new one, with a new number.
        if self.sent and self.sent.member is not member:
            self.sent = None
        kind, number = self._way_to(member)
        member.calls += 1
        # The first attempt leaves half of the time to another one.
        timeout_s = (self._deadline - now) / (1 if self.may_have_run else 2)
        self._member = member
        made = self.may_have_run + 1
        self._attempt = Attempt(member.endpoint, kind, made, made, timeout_s, number)
        return self._attempt

    def settle(self, result: Result, now: float) -> None:
        attempt = self._attempt
        super().settle(result, now)
        if self.has_learned or attempt is None:
            return
        # The request for a session carried no call.
        outcome = Outcome.NOT_SENT if attempt.kind is Kind.OPENING else result.outcome
        self._theirs.settle(outcome.value)

    def _places(self, now: float) -> list[Place]:
        """The places that are known now, in the balancer's order."""
        if self._first is None:
            self._first = self._balancer.choose(now)
        if self._first is None:
            return []
        members = [self._first, *self._balancer.others(self._first)]
        places = [Place(each.endpoint.instance, each.endpoint.incarnation) for each in members]
        self._known.update(zip(places, members))
        return places


class Seen(NamedTuple):
    """What came of one deposit of this `amount`: what its caller was told (a balance, or in words),
    how often it ran, the money in all banks, and the seconds that it took. And `attempts`: how many
    come to the servers of the simulated world of three hops, where all servers fail.
    """

    amount: int
    told: str
    runs: int
    balance: int
    took_s: float
    attempts: int


def see(solution: ModuleType, personal: int = 0) -> Seen:
    """One deposit in one of two banks, whose first reply is lost, with a student's rule."""
    attempts = _attempts_over_three_hops(solution)
    amount, runs = AMOUNT + personal, list[int]()
    with _ruled_by(solution), contextlib.ExitStack() as stack:
        registry = stack.enter_context(Registry(port=0))
        for number in range(1, BANKS + 1):
            _bank(stack, registry, f"bank-{number}", runs)
        client = stack.enter_context(
            Client("bank", registries=[registry.address], timeout_s=CALL_S))
        _wait_for_banks(client)
        # The first call to each bank also asks for a session.
        for _ in range(BANKS):
            client.put(0)
        runs.clear()
        began = time.perf_counter()
        heard = told(lambda: client.put(amount))
        return Seen(amount, heard, len(runs), sum(runs), time.perf_counter() - began, attempts)


def is_right(seen: Mapping[str, Any]) -> bool:
    """Whether the deposit ran once, its caller knows, and few attempts came to the servers."""
    return ((seen["runs"], seen["told"]) == (1, str(seen["amount"]))
            and seen["attempts"] <= TRIES)


def _attempts_over_three_hops(solution: ModuleType) -> int:
    """How many attempts come to servers that all fail."""
    hops = Hops(solution, Script((1,)))
    with contextlib.suppress(Wrong):
        hops.run()
    return sum(hops.came.values())


@contextlib.contextmanager
def _ruled_by(solution: ModuleType) -> Iterator[None]:
    """Makes the calls of clients those of a student's rule."""
    budget = solution.Budget()

    def make(balancer: Balancer, idempotent: bool, deadline: float) -> Call:
        return Ruled(solution.Call(budget, idempotent, deadline, TRIES), balancer, idempotent,
                     deadline)

    # The one place of the client where a call is made.
    with mock.patch("client.Call", make):
        yield


def _bank(stack: contextlib.ExitStack, registry: Registry, name: str, runs: list[int]) -> None:
    """A bank that loses its reply to the first deposit of all; later ones arrive."""
    relay = stack.enter_context(contextlib.closing(TcpRelay()))

    def put(cents: int) -> int:
        if cents and not runs:
            relay.give(Fate(cut_reply_at=0))
        runs.append(cents)
        return sum(runs)

    bank = stack.enter_context(Server("bank", {"put": put}, registries=[registry.address],
                                      name=name, advertise=relay.address))
    relay.target = bank.address


def _wait_for_banks(client: Client) -> None:
    deadline = time.monotonic() + FIND_S
    while len(client.endpoints) < BANKS:
        if time.monotonic() > deadline:
            raise TimeoutError("the banks are not listed")
        time.sleep(0.01)


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    print(*see(load(sys.argv[1])))
