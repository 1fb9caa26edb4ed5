"""The client of the page: it does as it is told, and no error of a call ends it."""

from __future__ import annotations

import json
import threading
import unittest
from collections.abc import Sequence
from typing import Any
from unittest import mock
from xmlrpc.client import Fault

from client import NotSent, OutcomeUnknown
from dashboard import caller
from dashboard.caller import Caller
from tests.system.harness import wait_until

PATIENCE_S = 5.0
WRONG = ("[]", "{", '{"do": "dance"}', '{"do": "rate"}', '{"do": "rate", "per_s": -1}',
         '{"do": "rate", "per_s": 1e9}', '{"do": "rate", "per_s": 1e-11}',
         '{"do": "rate", "per_s": 5e-324}', '{"do": "rate", "per_s": -0.001}',
         '{"do": "rate", "per_s": NaN}',
         '{"do": "rate", "per_s": true}', '{"do": "burst"}', '{"do": "burst", "count": 0}',
         '{"do": "burst", "count": 101}', '{"do": "burst", "count": 1.5}', '{"do": "call"}',
         '{"do": "call", "method": []}', '{"do": "call", "method": "buy", "params": "tea"}',
         '{"do": "resolve", "id": "ab"}', '{"do": "resolve", "id": 7}',
         '{"do": "resolve", "id": [7]}', '{"do": "burst", "count": 1, "method": []}',
         '{"do": "call", "method": "buy", "service": {}}', "[" * 100_000)


class Callers(unittest.TestCase):
    """The stub is a list of what was called, and what it raises."""

    def setUp(self) -> None:
        self.made: list[tuple[str, str, tuple[Any, ...]]] = []
        self.raises: list[Exception] = []
        self.caller = Caller(self.call)
        self.addCleanup(self.caller.close)

    def call(self, service: str, method: str, params: Sequence[Any]) -> None:
        self.made.append((service, method, tuple(params)))
        if self.raises:
            raise self.raises.pop()

    def tell(self, **command: Any) -> None:
        self.caller.obey(json.dumps(command))

    def wait_for(self, count: int) -> None:
        wait_until(lambda: len(self.made) >= count, PATIENCE_S, f"{count} calls")

    def test_a_burst_is_hello_and_buy_in_turn_or_what_was_asked_for(self) -> None:
        self.tell(do="burst", count=4)
        self.wait_for(4)
        self.assertEqual(sorted(method for _, method, _ in self.made),
                         ["buy", "buy", "hello", "hello"])
        self.tell(do="burst", count=2, method="sold")
        self.wait_for(6)
        self.assertEqual(self.made[4:], [("kiosk", "sold", ("coffee",))] * 2)

    def test_one_call_of_any_service(self) -> None:
        self.tell(do="call", method="deposit", params=["ana", 100], service="bank")
        self.tell(do="call", method="buy")
        self.wait_for(2)
        self.assertEqual(sorted(self.made), [("bank", "deposit", ("ana", 100)),
                                             ("kiosk", "buy", ("coffee",))])

    def test_a_wrong_command_is_one_line_and_does_nothing(self) -> None:
        for line in WRONG:
            with self.subTest(line[:60]), self.assertRaises(ValueError) as raised:
                self.caller.obey(line)
            self.assertNotIn("\n", str(raised.exception))
        self.assertEqual(self.made, [])

    def test_calls_go_on_at_the_rate_that_is_set_also_after_errors(self) -> None:
        self.raises = [Fault(1, "no"), NotSent("kiosk.buy", ()), OutcomeUnknown("kiosk.buy", ()),
                       TypeError("no"), ValueError("no"), OverflowError("no")]
        self.tell(do="rate", per_s=200)
        pace = threading.Thread(target=self.caller.pace)
        pace.start()
        self.wait_for(20)
        self.assertEqual(self.raises, [])
        self.tell(do="rate", per_s=0)
        self.caller.close()
        pace.join(PATIENCE_S)
        self.assertFalse(pace.is_alive())

    def test_calls_that_wait_do_not_hold_up_those_that_follow(self) -> None:
        answered = threading.Event()
        self.addCleanup(answered.set)
        waiting: list[int] = []

        def wait(service: str, method: str, params: Sequence[Any]) -> None:
            waiting.append(1)
            answered.wait(PATIENCE_S)

        Caller(wait).burst(30)
        wait_until(lambda: len(waiting) == 30, PATIENCE_S, "30 calls that wait at once")

    def test_the_least_rate_is_one_that_can_be_waited_for(self) -> None:
        self.assertEqual(caller.checked_rate(caller.MIN_RATE_PER_S), caller.MIN_RATE_PER_S)
        self.assertLess(1 / caller.MIN_RATE_PER_S, threading.TIMEOUT_MAX)

    def test_no_more_calls_wait_at_once_than_there_is_room_for(self) -> None:
        """Also in bursts: each call that waits is a thread."""
        answered = threading.Event()
        self.addCleanup(answered.set)
        waits = Caller(lambda service, method, params: answered.wait(PATIENCE_S))
        with mock.patch.object(caller, "AT_ONCE", 20):
            with self.assertRaisesRegex(ValueError, "20 calls wait already"):
                waits.burst(30)
            self.assertEqual(waits._waiting, 20)
            answered.set()
            wait_until(lambda: waits._waiting == 0, PATIENCE_S, "all are answered")
            waits.burst(20)

    def test_where_no_thread_can_be_started_it_goes_on_later(self) -> None:
        no_room = mock.patch("threading.Thread.start",
                             side_effect=RuntimeError("can't start new thread"))
        with no_room, self.assertRaisesRegex(ValueError, "can't start new thread"):
            self.caller.burst(1)
        self.assertEqual(self.caller._waiting, 0)
        self.tell(do="rate", per_s=200)
        starts = threading.Thread.start
        failed: list[int] = []

        def start(thread: threading.Thread) -> None:
            if len(failed) < 3:
                failed.append(1)
                raise RuntimeError("can't start new thread")
            starts(thread)

        pace = threading.Thread(target=self.caller.pace)
        pace.start()
        with mock.patch("threading.Thread.start", start):
            self.wait_for(3)
            self.caller.close()
            pace.join(PATIENCE_S)
        self.assertEqual(len(failed), 3)

    def test_an_unknown_outcome_is_resolved_when_that_is_asked_for(self) -> None:
        asked: list[float] = []

        def ask(timeout_s: float) -> Any:
            asked.append(timeout_s)
            return lambda: 3

        error = OutcomeUnknown("kiosk.buy", (), ask=ask)
        error.trace_id = "ab" * 16
        self.raises = [error]
        self.tell(do="call", method="buy")
        wait_until(lambda: self.caller._unknown, PATIENCE_S, "an unknown outcome")
        self.tell(do="resolve", id="ab" * 16)
        wait_until(lambda: not self.caller._unknown, PATIENCE_S, "what came of it")
        self.assertEqual(asked, [caller.RESOLVE_S])
        with self.assertRaises(ValueError):
            self.tell(do="resolve", id="ab" * 16)

    def test_what_nobody_can_tell_yet_can_be_asked_again(self) -> None:
        asked: list[float] = []

        def ask(timeout_s: float) -> Any:
            asked.append(timeout_s)
            raise OutcomeUnknown("kiosk.buy", ())

        error = OutcomeUnknown("kiosk.buy", (), ask=ask)
        self.raises = [error]
        self.tell(do="call", method="buy")
        wait_until(lambda: self.caller._unknown, PATIENCE_S, "an unknown outcome")
        for _ in range(2):
            # Without an id it is the latest.
            before = len(asked)
            self.tell(do="resolve")
            wait_until(lambda: asked[before:], PATIENCE_S, "a question")  # noqa: B023

    def test_only_the_latest_unknown_outcomes_are_kept(self) -> None:
        for number in range(caller.KEPT_UNKNOWN + 5):
            self.caller._keep(str(number), OutcomeUnknown("kiosk.buy", ()))
        self.assertEqual((len(self.caller._unknown), next(iter(self.caller._unknown))),
                         (caller.KEPT_UNKNOWN, "5"))


if __name__ == "__main__":
    unittest.main()
