"""One hop: the headers of an attempt, as they are read and written, and what a reply means."""

from __future__ import annotations

import socket
import unittest

from ponte.calls.hop import (
    MAX_CALL_ID,
    MAX_NUMBER,
    MAX_TIMEOUT_S,
    CallHeaders,
    attempt_lines,
    call_id_of,
    failure,
    judge,
)
from ponte.calls.rule import Attempt, Outcome
from ponte.net.message import ProtocolError, Reply, Request
from ponte.net.pool import ExchangeError
from tests.fakes import endpoint


class Reading(unittest.TestCase):
    """What a request says of its call."""

    def refuses(self, name: str, text: str) -> None:
        """400 for a header with this text."""
        with self.subTest(f"{name}: {text}"), self.assertRaises(ProtocolError) as caught:
            CallHeaders.parse({name: text})
        self.assertEqual(caught.exception.status, 400)

    def test_a_client_that_sends_no_headers_gets_the_safe_defaults(self) -> None:
        """Its call is not idempotent, and this is its first attempt."""
        self.assertEqual(CallHeaders.parse({}), CallHeaders(False, None, 1, None))

    def test_the_headers_are_read(self) -> None:
        headers = {"call-idempotent": "1", "call-timeout-ms": "2500", "call-attempt": "2",
                   "if-match": '"77"'}
        self.assertEqual(CallHeaders.parse(headers), CallHeaders(True, 2.5, 2, "77"))

    def test_a_value_above_its_limit_is_cut(self) -> None:
        """A call is remembered for a multiple of its timeout; a number must fit when it grows."""
        self.assertEqual(CallHeaders.parse({"call-timeout-ms": "9" * 9}).timeout_s, MAX_TIMEOUT_S)
        self.assertEqual(CallHeaders.parse({"call-attempt": "9" * 9}).attempt, MAX_NUMBER)

    def test_the_first_attempt_has_number_one(self) -> None:
        """0 is taken for it."""
        self.assertEqual(CallHeaders.parse({"call-attempt": "0"}).attempt, 1)

    def test_a_value_that_is_not_a_number_is_refused(self) -> None:
        """Digits of ASCII, nine at most."""
        for name in ("call-timeout-ms", "call-attempt"):
            for text in ("", "x", "-1", "+1", "1.5", "1_0", "\u0661", "9" * 10):
                self.refuses(name, text)

    def test_a_call_id_has_one_character_at_least_and_a_limit(self) -> None:
        """A request may also have none."""
        def read(call_id: str | None) -> str | None:
            headers = {} if call_id is None else {"idempotency-key": call_id}
            return call_id_of(Request("POST", "/", headers, b""))

        self.assertIsNone(read(None))
        self.assertEqual(read("a"), "a")
        self.assertEqual(read("a" * MAX_CALL_ID), "a" * MAX_CALL_ID)
        for call_id in ("", "a" * (MAX_CALL_ID + 1)):
            with self.assertRaises(ProtocolError) as caught:
                read(call_id)
            self.assertEqual(caught.exception.status, 400)


class Writing(unittest.TestCase):
    """The header lines of an attempt."""

    def writes(self, attempt: Attempt, *, idempotent: bool, expected: CallHeaders) -> None:
        """The lines of an attempt, read again, are these headers."""
        lines = attempt_lines(attempt, "id-1", idempotent).splitlines()
        pairs = (line.partition(": ") for line in lines)
        headers = {name.lower(): value for name, _, value in pairs}
        self.assertEqual(CallHeaders.parse(headers), expected)
        self.assertEqual(headers["idempotency-key"], "id-1")

    def test_a_first_attempt_is_read_as_it_was_written(self) -> None:
        self.writes(Attempt(endpoint("s1"), 1, 2.5, False), idempotent=True,
                    expected=CallHeaders(True, 2.5, 1, None))

    def test_a_repeat_names_the_incarnation_that_it_is_for(self) -> None:
        """A timeout is a millisecond at least."""
        self.writes(Attempt(endpoint("s1", incarnation=7), 3, 0.0001, True), idempotent=False,
                    expected=CallHeaders(False, 0.001, 3, "7"))


class Judging(unittest.TestCase):
    """What an attempt came to."""

    def judges(self, reply: Reply, outcome: Outcome, what: str, *, number: int = 0) -> None:
        """A reply has this outcome, these words, and this number of the next hop's last attempt."""
        result = judge(reply)
        self.assertEqual(result.outcome, outcome)
        self.assertEqual(result.what, what)
        self.assertEqual(result.number, number)

    def test_an_answer_names_its_server(self) -> None:
        """If the reply has Served-By."""
        self.judges(Reply(200, {}, b""), Outcome.ANSWERED, "answered")
        self.judges(Reply(200, {"served-by": "s1; incarnation=1"}, b""),
                    Outcome.ANSWERED, "answered by s1")

    def test_a_reply_has_the_number_of_the_last_attempt(self) -> None:
        """Too high a number is cut; what is no number is taken for none."""
        served = {"served-by": "s1; incarnation=1", "call-attempt": "2"}
        self.judges(Reply(200, served, b""), Outcome.ANSWERED, "answered by s1", number=2)
        self.judges(Reply(200, {"call-attempt": "1234"}, b""), Outcome.ANSWERED, "answered",
                    number=MAX_NUMBER)
        self.judges(Reply(200, {"call-attempt": "-1"}, b""), Outcome.ANSWERED, "answered")
        self.judges(Reply(502, served, b""), Outcome.UNKNOWN, "HTTP 502", number=2)

    def test_an_error_is_shown_with_its_first_line(self) -> None:
        self.judges(Reply(503, {"not-executed": "1"}, b"not executed: full\n"), Outcome.NOT_SENT,
                    "HTTP 503 not executed: full")

    def test_a_504_has_timed_out(self) -> None:
        """A proxy reports by it that a server was too slow."""
        self.assertTrue(judge(Reply(504, {}, b"")).timed_out)
        self.assertFalse(judge(Reply(502, {}, b"")).timed_out)

    def test_a_failure_is_unknown_once_the_request_was_sent(self) -> None:
        """Without a whole reply it depends on the last byte of the request."""
        for phase, outcome in (("connect", Outcome.NOT_SENT), ("send", Outcome.NOT_SENT),
                               ("reply", Outcome.UNKNOWN)):
            for cause, timed_out in ((ConnectionResetError(), False), (socket.timeout(), True)):
                result = failure(ExchangeError(phase, cause))
                self.assertEqual(result.outcome, outcome)
                self.assertEqual(result.timed_out, timed_out)
                self.assertIsNone(result.reply)


if __name__ == "__main__":
    unittest.main()
