"""One line of the proxy's log for each call, with --verbose; and no work for it without."""

from __future__ import annotations

import logging
import time
import unittest
from typing import Any
from unittest import mock

from ponte.net.message import Request
from ponte.rpc.marshal import encode_call
from tests.clocks import coarse_clock
from tests.fakes import endpoint
from tests.relaying import LATE, LOST, OK, REFUSED, RelayCase

CALL = encode_call("hello", ("World",))


class Lines(RelayCase):
    """What a line says."""

    def line(self, number: int | None = None, target: str = "/greeter", **options: Any) -> str:
        """The only line that a call leaves, without its time."""
        with self.assertLogs("ponte.proxy", logging.DEBUG) as logged:
            options.setdefault("body", CALL)
            self.post(target, number=number, **options)
        [record] = logged.records
        self.assertEqual(record.levelno, logging.DEBUG)
        text = record.getMessage()
        self.assertRegex(text, r" \(\d+\.\d ms\), ")
        head, _, rest = text.rpartition(" (")
        return f"{head}, {rest.partition('), ')[2]}"

    def test_an_answer_names_its_server_and_each_attempt(self) -> None:
        """By service and method; the caller is the one that has connected."""
        self.exchanges.results = [REFUSED, OK]
        self.assertEqual(self.line(Call_Idempotent="1"),
                         "unknown greeter.hello: answered by s, "
                         "attempts: s1 connect: refused; s3 answered")

    def test_a_line_begins_with_the_address_that_has_connected(self) -> None:
        request = Request("POST", "/nobody", {}, CALL, peer=("::1", 5555))
        with self.assertLogs("ponte.proxy", logging.DEBUG) as logged:
            self.proxy._begin(request, time.monotonic(), lambda: False)
        self.assertRegex(logged.records[0].getMessage(), r"^\[::1\]:5555 nobody\.hello: refused: ")

    def test_its_time_is_honest_where_the_clock_of_deadlines_is_coarse(self) -> None:
        """As on Windows. It counts from when the request was whole."""
        for waited_s, told in ((0.0, "3.1"), (1.0, "1003.1")):
            with self.subTest(told), coarse_clock(), \
                    self.assertLogs("ponte.proxy", logging.DEBUG) as logged:
                self.post("/nobody", body=CALL, received_at=time.monotonic() - waited_s)
                self.assertIn(f" ({told} ms), ", logged.records[0].getMessage())

    def test_an_unknown_outcome_says_why(self) -> None:
        """Also where the time was over."""
        for result, why in ((LOST, "reply: reset"), (LATE, "reply: timed out")):
            self.knows(endpoint(f"only-{result.timed_out}"))
            self.exchanges.results = [result]
            text = self.line()
            self.assertRegex(text, f"greeter.hello: unknown outcome: {why}, attempts: only")

    def test_a_refusal_says_why(self) -> None:
        """Whether it was tried or not."""
        self.exchanges.results = [REFUSED]
        self.assertRegex(self.line(), "refused: not executed: connect: refused, "
                                      "attempts: s1 gave a session; s1 connect: refused; ")
        self.assertIn("refused: not executed: its caller has left, attempts: none",
                      self.line(1, left=True))
        self.proxy._refuse()
        self.assertIn("stopping, attempts: none", self.line())
        self.assertIn("refused: 400 ", self.line(Call_Attempt="x"))

    def test_a_reply_from_memory_is_an_answer_without_an_attempt(self) -> None:
        self.relays(1, OK)
        self.assertIn("answered by s, attempts: none",
                      self.line(1, Call_Repeat="1", Call_Attempt="2"))

    def test_a_request_without_a_call_says_what_it_wants(self) -> None:
        """A session, or what came of a call."""
        self.assertIn(" greeter, a new session: ", self.line(Call_Session="new", body=b""))
        self.relays(1, OK)
        self.assertIn(" greeter, resolve of call 1-1: ", self.line(1, Call_Resolve="1", body=b""))

    def test_a_method_that_is_not_seen_is_left_out(self) -> None:
        """The body is not read for it: it may be compressed, or no call at all."""
        for body in (b"\x1f\x8b", b"<methodName>a\nb</methodName>", b"x" * 2000 + CALL):
            self.assertIn("unknown greeter: answered", self.line(body=body))

    def test_nothing_from_elsewhere_begins_a_line_of_its_own(self) -> None:
        self.exchanges.results = [REFUSED._replace(what="a\nb\x1b[2J\u2028")]
        text = self.line()
        self.assertTrue(text.isascii() and text.isprintable(), text)

    def test_a_call_that_is_cut_off_leaves_a_line(self) -> None:
        with self.assertLogs("ponte.proxy", logging.DEBUG) as logged:
            self.begins(None)._program.close()
        self.assertIn(": cut off (", logged.output[0])


class Silence(RelayCase):
    """Without --verbose."""

    def test_nothing_is_made_for_a_line(self) -> None:
        """Nor for a page, which is no call, with --verbose."""
        with mock.patch("proxy.CallLine") as line, self.assertNoLines():
            self.post(Call_Idempotent="1")
            self.relays(1, OK)
            with mock.patch.object(logging.getLogger("ponte.proxy"), "level", logging.DEBUG):
                self.post("/health", "GET")
        line.assert_not_called()

    def assertNoLines(self) -> mock._patch[mock.Mock]:
        """The log of the proxy is not written to."""
        return mock.patch("logged_call.log.debug", side_effect=AssertionError)


if __name__ == "__main__":
    unittest.main()
