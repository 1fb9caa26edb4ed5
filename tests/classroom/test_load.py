"""The evidence for the proofs: what is recorded of each call."""

from __future__ import annotations

import time
import unittest

from classroom.caller import who_answered
from classroom.load import CallRecord, Load, failed, slowest_s
from client import Trace
from ponte.calls.endpoint import Endpoint


class EvidenceTest(unittest.TestCase):
    def test_who_answered_is_read_from_the_attempt(self) -> None:
        endpoint = Endpoint("proxy", "proxy-1", 1, "127.0.0.1", 4180, "up", ())
        self.assertEqual("server-2", who_answered(Trace(endpoint, "answered by server-2", 0.1)))
        self.assertEqual("proxy-1", who_answered(Trace(endpoint, "answered", 0.1)))

    def test_a_failed_call_is_never_counted_as_answered(self) -> None:
        calls = [CallRecord(0.0, 0.5, "server-1"), CallRecord(0.0, 2.0, "", "NotSent: no")]
        self.assertEqual(calls[1:], failed(calls))
        self.assertEqual(2.0, slowest_s(calls))
        self.assertEqual(0.0, slowest_s([]))

    def test_a_load_counts_every_call_of_every_caller(self) -> None:
        with Load(lambda: "server-1", 3) as load:
            deadline = time.monotonic() + 10
            while load.count() < 9 and time.monotonic() < deadline:
                pass
        self.assertGreaterEqual(len(load.records()), 9)
        self.assertEqual({"server-1"}, {call.answered_by for call in load.records()})


if __name__ == "__main__":
    unittest.main()
