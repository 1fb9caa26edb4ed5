"""Chaos in short: a seeded run with real processes.

And the proof that the checker would see a call that runs twice, or after it was said to never run.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
import unittest
import unittest.mock
import xmlrpc.client
from collections.abc import Iterator
from typing import Any, Callable

from client import Client, NotSent, OutcomeUnknown
from lab.checker import FAILED, NOT_SENT, RAN, UNKNOWN, VALUE, Call, Run, Verdict, judge
from lab.fates import HEALTHY, Fate
from lab.strangers import Stranger
from lab.tcp_relay import TcpRelay
from ponte.calls import once
from ponte.calls.hop import Marks
from ponte.calls.once import Memory
from registry import Registry
from server import Server, idempotent
from tests.chaos.callers import make_call, resolve
from tests.chaos.forgetful import SHORT
from tests.chaos.run import run
from tests.system.harness import ROOT, wait_until

SEED = 20
PATIENCE_S = 5.0


class ShortChaos(unittest.TestCase):
    """The long run is `python3 -m tests.chaos --minutes 10`."""

    def test_no_call_is_lost_and_none_runs_twice(self) -> None:
        """Under load, servers and a proxy are killed, frozen, drained and cut off; beats are lost;
        messages are late; strangers take ports; callers are frozen; unknown outcomes are resolved.
        """
        report = run(SEED, seconds=2, servers=4, callers=8, caller_processes=1, pace_s=0.002)
        self.assertTrue(report.verdict.ok, f"seed {SEED}\n{report.verdict.table()}")
        self.assertEqual(report.verdict.idempotent_failed, 0,
                         f"seed {SEED}\n{report.verdict.table()}")
        self.assertGreater(report.verdict.answered, 100)
        self.assertGreaterEqual(sum(report.faults.values()), 2)


class ShortMemories(unittest.TestCase):
    def test_the_wrapper_makes_the_memory_of_a_process_short(self) -> None:
        program = ("from tests.chaos.forgetful import shorten\n"
                   "shorten()\n"
                   "from ponte.calls.once import Memory\n"
                   "memory = Memory()\n"
                   "for _ in range(100): memory.open()\n"
                   "print(len(memory))\n")
        done = subprocess.run([sys.executable, "-S", "-c", program], cwd=ROOT, text=True,
                              capture_output=True, check=True)
        self.assertEqual(int(done.stdout), SHORT["MAX_SESSIONS"])


class Answers(OutcomeUnknown):
    """An unknown outcome whose resolve gives these answers in turn."""

    def __init__(self, *answers: object) -> None:
        super().__init__("journal.once", ())
        self._answers = list(answers)

    def resolve(self, timeout_s: float = 0.0) -> object:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Resolving(unittest.TestCase):
    """What the callers of chaos note of the answers that they get when they ask twice."""

    UNKNOWN = OutcomeUnknown("journal.once", ())
    RAN = OutcomeUnknown("journal.once", (), ran=True)
    NOT_SENT = NotSent("journal.once", ())

    def ask(self, *answers: object) -> Call:
        call, error = Call("id", False, UNKNOWN, False, 0.0), Answers(*answers)
        for _ in answers:
            call = resolve(call, error, 0.0)
        return call

    def test_the_best_word_is_noted(self) -> None:
        for answers, word in ((("id",), VALUE), ((self.NOT_SENT,), NOT_SENT), ((self.RAN,), RAN),
                              ((self.UNKNOWN, "id"), VALUE), (("id", self.UNKNOWN), VALUE),
                              (("id", self.RAN), VALUE), ((OSError("oh"),), FAILED)):
            with self.subTest(answers=answers):
                call = self.ask(*answers)
                self.assertEqual((call.last_word, call.contradiction), (word, ""))
                self.assertIs(call.is_right, word == VALUE)

    def test_a_word_that_changes_is_a_contradiction(self) -> None:
        for answers in (("id", self.NOT_SENT), (self.NOT_SENT, "id"), (self.RAN, self.NOT_SENT),
                        ("id", OSError("oh"))):
            with self.subTest(answers=answers):
                self.assertIn("first resolved to", self.ask(*answers).contradiction)

    def test_another_value_is_wrong(self) -> None:
        self.assertFalse(self.ask("of another").is_right)
        self.assertFalse(self.ask("id", "of another").is_right)


class TheCheckerCanFail(unittest.TestCase):
    """With one part of the protection missing, calls that must not run twice do run twice; calls
    that never run do run; and values of somebody else are told.
    """

    CALLS = 5

    def setUp(self) -> None:
        self.runs: list[Run] = []
        self._lock = threading.Lock()
        self.registry = Registry(port=0)
        self.registry.start()
        self.addCleanup(self.registry.close)
        self.relays: list[TcpRelay] = []
        self.servers: list[Server] = []

    # The first reply of every call is lost, after the execution.

    def test_with_everything_in_place_nothing_runs_twice(self) -> None:
        verdict = self._verdict(self._stub())
        self.assertTrue(verdict.ok, verdict.table())
        self.assertEqual(verdict.answered, self.CALLS)

    def test_without_the_reply_cache(self) -> None:
        forgets = {once.KEPT: (once.RUN, once.RUN, once.RUN)}
        with unittest.mock.patch.dict(once.TABLE, forgets):
            verdict = self._verdict(self._stub())
        self.assertEqual(verdict.executed_twice, self.CALLS, verdict.table())

    def test_with_the_client_of_the_standard_library(self) -> None:
        server = self._start_server("server-1")
        host, port = server.address
        with xmlrpc.client.ServerProxy(f"http://{host}:{port}/chaos") as stock:
            verdict = self._verdict(stock.once)
        self.assertEqual(verdict.executed_twice, self.CALLS, verdict.table())

    def test_with_a_retry_of_unknown_outcomes(self) -> None:
        # The client takes every function for idempotent, and the servers believe it.
        call = self._stub("server-1", "server-2", all_idempotent=True)
        with unittest.mock.patch.object(Client, "_is_idempotent", lambda *_: True):
            verdict = self._verdict(call)
        self.assertEqual(verdict.executed_twice, self.CALLS, verdict.table())

    # A request is held until its caller has given up, has asked, and has gone.

    def test_what_was_resolved_never_runs(self) -> None:
        verdict = self._late_original()
        self.assertTrue(verdict.ok, verdict.table())
        self.assertEqual((verdict.resolved_not_sent, len(self.runs)), (1, 1), verdict.table())

    def test_when_a_resolved_number_is_not_noted_as_dead(self) -> None:
        says_so_only = {once.UNSEEN: (once.RUN, once.RUN, once.NOT_SENT)}
        with unittest.mock.patch.dict(once.TABLE, says_so_only):
            verdict = self._late_original()
        self.assertEqual(verdict.phantom, 1, verdict.table())

    def test_what_was_resolved_never_runs_also_when_its_session_was_dropped(self) -> None:
        with unittest.mock.patch.object(once, "MAX_SESSIONS", 1):
            verdict = self._late_original(of_a_dropped_session=True)
        self.assertTrue(verdict.ok, verdict.table())
        self.assertEqual(verdict.resolved_not_sent, 1, verdict.table())

    def test_when_an_unknown_session_runs_an_original(self) -> None:
        look = Memory.look

        def look_anyway(memory: Memory[Any, Any], session: str, *more: Any) -> Any:
            if session not in memory._sessions:
                memory._sessions[session] = once._Session()
            return look(memory, session, *more)

        with unittest.mock.patch.object(once, "MAX_SESSIONS", 1), \
                unittest.mock.patch.object(Memory, "look", look_anyway):
            verdict = self._late_original(of_a_dropped_session=True)
        self.assertEqual(verdict.phantom, 1, verdict.table())

    # A server dies, and another process takes its port.

    def test_a_stranger_on_the_port_is_not_believed(self) -> None:
        verdict = self._stranger()
        self.assertTrue(verdict.ok, verdict.table())
        self.assertEqual(verdict.not_sent, 1, verdict.table())

    def test_when_strangers_are_believed(self) -> None:
        with unittest.mock.patch.object(Marks, "are_of", lambda *_: True):
            verdict = self._stranger()
        self.assertEqual((verdict.lost, verdict.wrong), (1, 1), verdict.table())

    def _once(self, token: str) -> str:
        with self._lock:
            self.runs.append(Run(token, time.monotonic()))
        return token

    @idempotent
    def _any(self, token: str) -> str:
        return self._once(token)

    def _start_server(self, name: str, all_idempotent: bool = False) -> TcpRelay:
        relay = TcpRelay()
        self.addCleanup(relay.close)
        server = Server("chaos", {"once": self._any if all_idempotent else self._once}, name=name,
                        registries=[self.registry.address], advertise=relay.address)
        server.start()
        self.addCleanup(server.close)
        relay.target = server.address
        self.relays.append(relay)
        self.servers.append(server)
        return relay

    def _client(self, timeout_s: float = PATIENCE_S) -> Client:
        client = Client("chaos", registries=[self.registry.address], timeout_s=timeout_s)
        self.addCleanup(client.close)
        wait_until(lambda: len(client.endpoints) == len(self.relays), PATIENCE_S,
                   "the stub sees the servers")
        return client

    def _stub(self, *names: str, all_idempotent: bool = False) -> Callable[[str], Any]:
        for name in names or ("server-1",):
            self._start_server(name, all_idempotent)
        client = self._client()
        return lambda token: client.call("once", token)

    def _verdict(self, call: Callable[[str], Any]) -> Verdict:
        """Loses the first reply of every call, and judges."""
        # The caller of the first call has got its sessions.
        call("warm")
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
        return judge(calls, self.runs)

    def _late_original(self, of_a_dropped_session: bool = False) -> Verdict:
        """A call is held, unknown, and resolved; then its request arrives. Judges."""
        relay = self._start_server("server-1")
        client = self._client(timeout_s=0.3)
        client.call("once", "warm")
        # 1. The request is held, and its repeats too. Its caller gives up and asks; then it goes.
        relay.arm(Fate(hold_request=True), times=9)
        call, error = make_call(client, "once", "call")
        self.assertEqual(call.outcome, UNKNOWN, call.why)
        assert error and relay.held
        relay.arm(HEALTHY)
        call = resolve(call, error, PATIENCE_S)
        client.close()
        # 2. Another caller needs a session, and there is room for one.
        if of_a_dropped_session:
            with contextlib.closing(self._client()) as another:
                another.call("once", "another")
        # 3. The request arrives, and is replied to.
        relay.deliver_late()
        wait_until(lambda: not relay.connections, PATIENCE_S, "the reply to the late request")
        return judge([call], self.runs)

    @contextlib.contextmanager
    def _stranger_at(self, relay: TcpRelay) -> Iterator[None]:
        with Stranger("200") as stranger:
            thread = threading.Thread(target=stranger.serve_forever)
            thread.start()
            host, port = stranger.server_address[:2]
            relay.target = (str(host), port)
            yield
            stranger.shutdown()
            thread.join()

    def _stranger(self) -> Verdict:
        """A server dies, and a web server takes its port. Judges the next call."""
        relay = self._start_server("server-1")
        client = self._client()
        client.call("once", "warm")
        self.servers[0].close()
        # Now, and not a moment later: a call on the old connection would be unknown.
        relay.hang_up()
        with self._stranger_at(relay):
            call, _ = make_call(client, "once", "call")
        return judge([call], self.runs)


if __name__ == "__main__":
    unittest.main()
