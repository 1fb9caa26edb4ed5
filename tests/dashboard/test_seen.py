"""What events tell of calls; and events that any other program may have sent."""

from __future__ import annotations

import unittest
from typing import Any

from dashboard.ordering import KINDS
from dashboard.seen import NEEDS, Seen

STRANGE: tuple[Any, ...] = (None, 7, -0.0, True, ["a"], [], {"a": 1}, {})
CALL: tuple[dict[str, Any], ...] = (
    {"s": 1, "t": 5.0, "p": "client", "k": "call", "id": "4b", "method": "buy"},
    {"s": 2, "t": 6.0, "p": "client", "k": "send", "id": "4b", "to": "server-1",
     "kind": "original"},
    {"s": 3, "t": 7.0, "p": "server-1", "k": "run", "id": "4b"},
    {"s": 4, "t": 9.0, "p": "client", "k": "done", "id": "4b", "outcome": "answered"})


class SeenTest(unittest.TestCase):
    def setUp(self) -> None:
        self.seen = Seen()

    def test_a_call_from_its_beginning_to_its_end(self) -> None:
        self.seen.take(CALL)
        call = self.seen.calls["4b"]
        self.assertEqual(("buy", "answered", 4.0, 1), (call.method, call.outcome, call.took_ms,
                                                       call.attempts_at("server-1")))
        self.assertEqual({"server-1": 1}, call.runs)

    def test_an_event_without_its_fields_is_passed_over(self) -> None:
        """And also one whose fields are of another kind."""
        self.seen.take(CALL[:1])
        whole = {"id": "4b", "method": "buy", "outcome": "answered", "to": "server-1",
                 "who": "server-1", "what": "reply", "kind": "original"}
        for kind in sorted({*KINDS, *NEEDS}):
            for name in ("p", *whole):
                event: dict[str, Any] = {"s": 2, "t": 5.0, "p": "server-1", "k": kind, **whole}
                for strange in STRANGE:
                    with self.subTest(kind, name=name, strange=strange):
                        self.seen.take([{**event, name: strange}])
                with self.subTest(kind, left_out=name):
                    del event[name]
                    self.seen.take([event])
        for strange in STRANGE:
            self.seen.take([{"s": 3, "t": 5.0, "k": strange}])
        self.seen.take([{"s": 3, "t": 5.0}])
        # All that was kept can be counted.
        self.assertEqual(0.0, self.seen.slowest_ms())
        self.assertIsInstance(self.seen.went_to("server-1"), list)

    def test_what_is_no_call_changes_nothing(self) -> None:
        for strange in STRANGE:
            self.seen.take([{**event, "id": strange} for event in CALL])
        self.assertEqual({}, self.seen.calls)


if __name__ == "__main__":
    unittest.main()
