"""The student's balancer inside Ponte's own proxy: one of three banks fails every call at once.

    python3 -m course.lessons.load_balancing.real FILE

Two of the banks work on a long report each, so that the third one has the fewest calls in flight.
Then that one breaks: its connections are closed as soon as a request comes. It still beats, so the
registry still lists it. After a thousand deposits it is well again.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple
from unittest import mock
from xmlrpc.client import Error, ServerProxy

from course.lessons.load_balancing.world import Server as Place
from course.theirs import Asked, Theirs, must_have
from course.worker import load
from lab.fates import HEALTHY, Fate
from lab.tcp_relay import TcpRelay
from ponte.calls.balancing import Balancer, Key, Member, Policy
from ponte.process.characters import write_any
from proxy import Proxy
from registry import Registry
from server import Server

# Deposits while a bank is broken; and the cents of each, to which the student's personal number is
# added.
CALLS, AMOUNT = 1000, 100
BANKS = ("bank-1", "bank-2", "bank-3")
# Seconds: until the proxy knows the banks, and each has its report; and for which a bank that is
# well again is watched.
FIND_S, LOOK_S = 10.0, 3.0
# Seconds that a call may take, such as a report; and between calls to a bank that is well again.
CALL_S, PAUSE_S = 30.0, 0.005


class Chosen(Balancer):
    """Stands where proxy.py has a Balancer, and asks the student's one which server is asked.

    What the lesson leaves out stays Ponte's: suspects, and the repeats of a call that may have run.
    """

    def __init__(self, policy: Policy, solution: ModuleType, asked: Asked) -> None:
        super().__init__(policy)
        self._ask = asked.ask
        self._theirs = must_have(solution, "Balancer")()
        must_have(self._theirs, "pick", "servers", "now")
        must_have(self._theirs, "settle", "server", "answered", "now")
        # How often each was picked, and that call has not been settled.
        self._picked: dict[Key, int] = {}

    def choose(self, now: float) -> Member | None:
        return self._pick(list(self.members)) if self.members else None

    def others(self, asked: Member) -> Any:
        rest = [member for member in self.members if member is not asked]
        while rest:
            member = self._pick(rest)
            rest.remove(member)
            yield member

    def note_answer(self, member: Member) -> None:
        super().note_answer(member)
        self._settle(member, True)

    def note_failure(self, member: Member, now: float) -> None:
        super().note_failure(member, now)
        self._settle(member, False)

    def note_unfair_timeout(self, member: Member) -> None:
        super().note_unfair_timeout(member)
        self._settle(member, False)

    def _pick(self, members: Sequence[Member]) -> Member:
        by_place = {Place(*member.key): member for member in members}
        try:
            member = by_place[self._ask(self._place, sorted(by_place))]
        except Exception:
            # It is told in the end; until then the calls go on.
            return members[0]
        self._picked[member.key] = self._picked.get(member.key, 0) + 1
        return member

    def _place(self, places: list[Place]) -> Place:
        said = self._theirs.pick(places, time.monotonic())
        if said not in places:
            raise Theirs(f"pick returned {said!r:.60}: it is not in the list of servers")
        return Place(*said)

    def _settle(self, member: Member, is_answered: bool) -> None:
        # A repeat of a call goes to the same server: nobody has picked it.
        if not self._picked.get(member.key):
            return
        self._picked[member.key] -= 1
        with contextlib.suppress(Exception):
            self._ask(self._theirs.settle, Place(*member.key), is_answered, time.monotonic())


class Seen(NamedTuple):
    """What came of so many `calls`, each a deposit of this `amount`, while bank-1 was broken: how
    many of them `failed`, and the `balance` of all banks; for how many seconds bank-1 was called
    when it was well again, and whether it answered one of these calls ("yes" or "no"); and the mean
    seconds of one call.
    """

    calls: int
    amount: int
    failed: int
    balance: int
    came_back: str
    back_s: float
    took_s: float


def see(solution: ModuleType, personal: int = 0) -> Seen:
    """A thousand deposits through a proxy with a student's balancer; one bank is broken."""
    amount, made, asked = AMOUNT + personal, list[Chosen](), Asked()

    def make(policy: Policy) -> Chosen:
        made.append(asked.ask(Chosen, policy, solution, asked))
        return made[-1]

    # The one place of the proxy where a balancer is made.
    with asked.told(), mock.patch("proxy.Balancer", make), contextlib.ExitStack() as stack:
        registry = stack.enter_context(Registry(port=0))
        banks = [Bank(stack, registry, name) for name in BANKS]
        proxy = stack.enter_context(Proxy(port=0, registries=[registry.address],
                                          timeout_s=CALL_S))
        _wait_for(lambda: bool(made) and len(made[0].members) == len(BANKS))
        host, port = proxy.address
        address = f"http://{host}:{port}/bank"
        _keep_busy(stack, address, banks, made[0])
        with ServerProxy(address) as client:
            banks[0].breaks()
            began = time.perf_counter()
            answers = [_is_answered(client, amount) for _ in range(CALLS)]
            took_s = (time.perf_counter() - began) / CALLS
            balance = sum(bank.balance for bank in banks)
            banks[0].is_well()
            back_s = _seconds_until_back(client, banks[0])
        return Seen(CALLS, amount, answers.count(False), balance,
                    "yes" if back_s < LOOK_S else "no", back_s, took_s)


def is_right(seen: Mapping[str, Any]) -> bool:
    """Whether few calls failed, each other one was carried out once, and bank-1 came back."""
    answered = seen["calls"] - seen["failed"]
    # One at first, and one a second.
    most = 2 + 2 * seen["calls"] * seen["took_s"]
    is_whole: bool = seen["balance"] == answered * seen["amount"]
    return is_whole and seen["failed"] <= most and seen["came_back"] == "yes"


class Bank:
    """A bank that can break: it still beats, and closes each connection on which a request comes.
    """

    def __init__(self, stack: contextlib.ExitStack, registry: Registry, name: str) -> None:
        self.balance = self.deposits = self.reports = 0
        self.is_done = threading.Event()
        self._relay = stack.enter_context(contextlib.closing(TcpRelay()))
        functions: dict[str, Callable[..., Any]] = {"put": self._put, "report": self._report}
        server = stack.enter_context(Server("bank", functions, registries=[registry.address],
                                            name=name, advertise=self._relay.address))
        self._relay.target = server.address

    def breaks(self) -> None:
        broken = Fate(cut_request_at=0)
        self._relay.fates = lambda: broken
        self._relay.give(broken)

    def is_well(self) -> None:
        self._relay.fates = lambda: HEALTHY

    def _put(self, cents: int) -> int:
        self.balance += cents
        self.deposits += 1
        return self.balance

    def _report(self) -> bool:
        self.reports += 1
        self.is_done.wait(CALL_S)
        return True


def _keep_busy(stack: contextlib.ExitStack, address: str, banks: Sequence[Bank],
               balancer: Chosen) -> None:
    """Gives reports, one for each bank if they are shared out; that of the first one ends."""
    for number in range(1, len(banks) + 1):
        thread = threading.Thread(target=_report, args=(address,), daemon=True)
        thread.start()
        stack.callback(thread.join, FIND_S)
        _wait_for(partial(_have_reports, banks, number))
    # Before the threads are waited for, all reports end.
    for bank in banks:
        stack.callback(bank.is_done.set)
    banks[0].is_done.set()
    _wait_for(lambda: all(member.calls == 0 for member in balancer.members
                          if member.endpoint.instance == BANKS[0]))


def _have_reports(banks: Sequence[Bank], reports: int) -> bool:
    return sum(bank.reports for bank in banks) >= reports


def _report(address: str) -> None:
    with contextlib.suppress(Error, OSError), ServerProxy(address) as client:
        client.report()


def _is_answered(client: ServerProxy, amount: int) -> bool:
    try:
        client.put(amount)
    except (Error, OSError):
        return False
    return True


def _seconds_until_back(client: ServerProxy, bank: Bank) -> float:
    """Makes calls until this bank has answered one of them; LOOK_S at most."""
    before, began = bank.deposits, time.perf_counter()
    while bank.deposits == before and time.perf_counter() < began + LOOK_S:
        _is_answered(client, 0)
        time.sleep(PAUSE_S)
    return time.perf_counter() - began


def _wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + FIND_S
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError("the banks are not ready")
        time.sleep(0.005)


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    print(see(load(sys.argv[1])))
