"""The student's memory inside Ponte's own server: a deposit whose reply is lost, on real sockets.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple
from unittest import mock

from client import Client
from course.theirs import Asked, Theirs, must_have
from course.told import told
from lab.tcp_relay import Fate, TcpRelay
from ponte.calls import once
from registry import Registry
from server import Server

# Cents, and as many more as the student's personal number says.
AMOUNT = 100
CALL_S = 2.0


class Record:
    """What Ponte's server keeps of a call, while it runs."""

    def __init__(self, session: str, number: int, reply: Any = None) -> None:
        self.session, self.number, self.reply = session, number, reply


class Remembers:
    """Stands where ponte/calls/once.py has its Memory, and asks the student's one."""

    size_bytes = 0

    def __init__(self, solution: ModuleType, asked: Asked) -> None:
        self._ask = asked.ask
        self._theirs = must_have(solution, "Memory", "new_id")(lambda: secrets.token_hex(8))
        # What the student's words mean to Ponte.
        self._meanings = ((solution.RUN, once.RUN), (solution.WAIT, once.WAIT),
                          (solution.NEVER, once.NEVER), (solution.REFUSE, once.REFUSE),
                          (solution.UNKNOWN, once.UNKNOWN))
        self._replies: list[Any] = []
        self._running: dict[tuple[str, int], Record] = {}

    def __len__(self) -> int:
        return 1

    def open(self) -> str:
        return str(self._ask(self._theirs.open))

    def look(self, session: str, number: int, oldest: int,
             wanted: int) -> tuple[str, Record | None]:
        if wanted == once.RESOLVE:
            return once.UNKNOWN, None
        action = self._ask(self._arrives, session, number, oldest, wanted == once.REPEAT)
        known = next((ours for theirs, ours in self._meanings if action == theirs), None)
        if known is None:
            return once.REPLY, Record(session, number, action)
        if known is once.RUN:
            self._running[session, number] = Record(session, number)
        return known, self._running.get((session, number))

    def end(self, record: Record, reply: Any, size_bytes: int = 0) -> None:
        self._running.pop((record.session, record.number), None)
        self._replies.append(reply)
        self._ask(self._theirs.finished, record.session, record.number, reply)

    def _arrives(self, session: str, number: int, oldest: int, is_repeat: bool) -> Any:
        said = self._theirs.arrives(session, number, oldest, is_repeat)
        if not any(said is each for each in self._replies) \
                and not any(said == word for word, _ in self._meanings):
            raise Theirs(f"arrives returned {said!r:.60}: that is no word of this lesson, and no "
                         "reply")
        return said

    def begin(self, record: Record, value: object = None) -> None:
        """It is noted by `look`."""

    leave = join = kill = refuse = begin

    def look_by_key(self, key: str, digest: bytes) -> tuple[str, None]:
        return once.RUN, None


class Seen(NamedTuple):
    """What came of one deposit of this `amount`: what its caller was told (a balance, or in words),
    how often it ran, the balance, and the seconds that it took.
    """

    amount: int
    told: str
    runs: int
    balance: int
    took_s: float


def see(solution: ModuleType, personal: int = 0) -> Seen:
    """One deposit, whose first reply is lost, with a student's memory in the server."""
    amount, runs = AMOUNT + personal, list[int]()

    def put(cents: int) -> int:
        runs.append(cents)
        return sum(runs)

    asked, relay = Asked(), TcpRelay()
    # The one place of the middleware where a memory is made.
    with asked.told(), contextlib.closing(relay), \
            mock.patch("execution.Memory", lambda: Remembers(solution, asked)), \
            Registry(port=0) as registry, \
            Server("bank", {"put": put}, registries=[registry.address], name="bank-1",
                   advertise=relay.address) as bank, \
            Client("bank", registries=[registry.address], timeout_s=CALL_S) as client:
        relay.target = bank.address
        client.call("system.listMethods")
        # The first call of a client also asks for a session.
        told(lambda: client.put(0))
        runs.clear()
        relay.arm(Fate(cut_reply_at=0))
        began = time.perf_counter()
        heard = told(lambda: client.put(amount))
        return Seen(amount, heard, len(runs), sum(runs), time.perf_counter() - began)


def is_right(seen: Mapping[str, Any]) -> bool:
    """Whether the deposit ran once, and its caller knows."""
    return (seen["runs"], seen["told"]) == (1, str(seen["amount"]))
