"""The headers of one hop: what is read, what is cut, what is written. Pure."""

from __future__ import annotations

import unittest

from ponte.calls.hop import MAX_NUMBER, MAX_TIMEOUT_S, CallHeaders, attempt_lines, judge
from ponte.calls.rule import Attempt, Outcome
from ponte.net.message import ProtocolError, Reply
from tests.fakes import endpoint


class Reading(unittest.TestCase):

    def test_who_says_nothing_gets_the_safe_defaults(self) -> None:
        self.assertEqual(CallHeaders.parse({}), CallHeaders(False, None, 1, None))

    def test_what_is_said_is_read(self) -> None:
        said = {"call-idempotent": "1", "call-timeout-ms": "2500", "call-attempt": "2", "if-match": '"77"'}
        self.assertEqual(CallHeaders.parse(said), CallHeaders(True, 2.5, 2, "77"))

    def test_more_than_is_allowed_is_cut(self) -> None:
        """A call is remembered for a multiple of its time; and the number of an attempt must fit when it has grown."""
        said = CallHeaders.parse({"call-timeout-ms": "9" * 9, "call-attempt": "9" * 9})
        self.assertEqual((said.timeout_s, said.attempt), (MAX_TIMEOUT_S, MAX_NUMBER))
        self.assertEqual(CallHeaders.parse({"call-attempt": "0"}).attempt, 1)

    def test_what_cannot_be_meant_is_refused(self) -> None:
        for name in ("call-timeout-ms", "call-attempt"):
            for text in ("", "x", "-1", "+1", "1.5", "1_0", "\u0661", "9" * 10):
                with self.subTest(f"{name}: {text}"), self.assertRaises(ProtocolError) as caught:
                    CallHeaders.parse({name: text})
                self.assertEqual(caught.exception.status, 400)


class Writing(unittest.TestCase):

    def test_an_attempt_is_written_as_it_is_read(self) -> None:
        for attempt, idempotent, expected in (
                (Attempt(endpoint("s1"), 1, 2.5, False), True, CallHeaders(True, 2.5, 1, None)),
                (Attempt(endpoint("s1", incarnation=7), 3, 0.0001, True), False, CallHeaders(False, 0.001, 3, "7"))):
            lines = attempt_lines(attempt, "id-1", idempotent).splitlines()
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            self.assertEqual(CallHeaders.parse(headers), expected)
            self.assertEqual(headers["idempotency-key"], "id-1")


class Judging(unittest.TestCase):

    def test_a_reply_tells_what_came_of_the_attempt(self) -> None:
        """Its status, who has answered, and how many attempts the next hop made."""
        served = {"served-by": "s1; incarnation=1", "call-attempt": "2"}
        for reply, outcome, what, number in (
                (Reply(200, {}, b""), Outcome.ANSWERED, "answered", 0),
                (Reply(200, served, b""), Outcome.ANSWERED, "answered by s1", 2),
                (Reply(200, {"call-attempt": "1234"}, b""), Outcome.ANSWERED, "answered", MAX_NUMBER),
                (Reply(200, {"call-attempt": "-1"}, b""), Outcome.ANSWERED, "answered", 0),
                (Reply(503, {"not-executed": "1"}, b"not executed: full\n"), Outcome.NOT_SENT,
                 "HTTP 503 not executed: full", 0),
                (Reply(502, served, b""), Outcome.UNKNOWN, "HTTP 502", 2)):
            with self.subTest(reply):
                result = judge(reply)
                self.assertEqual((result.outcome, result.what, result.number), (outcome, what, number))
        self.assertTrue(judge(Reply(504, {}, b"")).timed_out)


if __name__ == "__main__":
    unittest.main()
