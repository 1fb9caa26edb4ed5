"""Chaos in short: a seeded run with real processes.

And the proof that the checker would see a call that runs twice.
"""

from __future__ import annotations

import collections
import threading
import unittest
import unittest.mock
import xmlrpc.client
from collections import Counter
from typing import Any, Callable

from client import Client, NotSent, OutcomeUnknown
from lab.checker import NOT_SENT, UNKNOWN, VALUE, Call, Verdict, judge
from lab.tcp_relay import Fate, TcpRelay
from ponte.calls.once import CallMemory
from registry import Registry
from server import Server, idempotent
from tests.chaos.run import run
from tests.system.harness import wait_until

SEED = 20


class ShortChaos(unittest.TestCase):
    """The long run is `python3 -m tests.chaos --minutes 10`."""

    def test_no_call_is_lost_and_none_runs_twice(self) -> None:
        """Under load, servers and a proxy are killed, frozen, drained and cut off; beats are lost.
        """
        report = run(SEED, seconds=2, servers=4, callers=8, pace_s=0.002)
        self.assertTrue(report.verdict.ok, f"seed {SEED}\n{report.verdict.table()}")
        self.assertEqual(report.verdict.idempotent_failed, 0,
                         f"seed {SEED}\n{report.verdict.table()}")
        self.assertGreater(report.verdict.answered, 100)
        self.assertGreaterEqual(sum(report.faults.values()), 2)


class TheCheckerCanFail(unittest.TestCase):
    """The first reply of every call is lost, after the execution.

    With one part of the protection missing, calls that must not run twice do run twice.
    """

    CALLS = 5

    def setUp(self) -> None:
        self.executions: Counter[str] = collections.Counter()
        self._lock = threading.Lock()
        self.registry = Registry(port=0)
        self.registry.start()
        self.addCleanup(self.registry.close)
        self.relays: list[TcpRelay] = []

    def test_with_everything_in_place_nothing_runs_twice(self) -> None:
        verdict = self._verdict(self._stub())
        self.assertTrue(verdict.ok, verdict.table())
        self.assertEqual(verdict.answered, self.CALLS)

    def test_without_the_reply_cache(self) -> None:
        with unittest.mock.patch.object(CallMemory, "recall", lambda *_, **__: None):
            verdict = self._verdict(self._stub())
        self.assertEqual(verdict.executed_twice, self.CALLS, verdict.table())

    def test_with_the_client_of_the_standard_library(self) -> None:
        server = self._start_server("server-1")
        host, port = server.address
        with xmlrpc.client.ServerProxy(f"http://{host}:{port}/chaos") as stock:
            verdict = self._verdict(stock.once)
        self.assertEqual(verdict.executed_twice, self.CALLS, verdict.table())

    def test_with_a_retry_of_unknown_outcomes(self) -> None:
        call = self._stub("server-1", "server-2")
        with unittest.mock.patch.object(Client, "_is_idempotent", lambda *_: True):
            verdict = self._verdict(call)
        self.assertEqual(verdict.executed_twice, self.CALLS, verdict.table())

    def _once(self, token: str) -> str:
        with self._lock:
            self.executions[token] += 1
        return token

    @idempotent
    def _any(self, token: str) -> str:
        return self._once(token)

    def _start_server(self, name: str) -> TcpRelay:
        relay = TcpRelay()
        self.addCleanup(relay.close)
        server = Server("chaos", {"once": self._once, "any": self._any}, name=name,
                        registries=[self.registry.address], advertise=relay.address)
        server.start()
        self.addCleanup(server.close)
        relay.target = server.address
        self.relays.append(relay)
        return relay

    def _stub(self, *names: str) -> Callable[[str], Any]:
        for name in names or ("server-1",):
            self._start_server(name)
        client = Client("chaos", registries=[self.registry.address])
        self.addCleanup(client.close)
        wait_until(lambda: len(client.endpoints) == len(self.relays), 5,
                   "the stub sees the servers")
        return lambda token: client.call("once", token)

    def _verdict(self, call: Callable[[str], Any]) -> Verdict:
        """Loses the first reply of every call, and judges."""
        calls = []
        for number in range(self.CALLS):
            token = f"call-{number}"
            for relay in self.relays:
                relay.arm(Fate(cut_reply_at=0))
            told, value = VALUE, None
            try:
                value = call(token)
            except NotSent:
                told = NOT_SENT
            except OutcomeUnknown:
                told = UNKNOWN
            for relay in self.relays:
                relay.arm(Fate())
            calls.append(Call(token, False, told, value == token, 0.0))
        return judge(calls, self.executions)
