"""One hop: the header lines of an attempt, and what a reply means."""

from __future__ import annotations

import itertools
import socket
import unittest
from collections.abc import Mapping

from ponte.calls.arrival import NEW, CallHeaders
from ponte.calls.attempt import Attempt, Kind, Outcome, Result
from ponte.calls.endpoint import PROXY, Endpoint
from ponte.calls.hop import MARGIN_S, MAX_NUMBER, attempt_lines, failure, granted_ms, judge
from ponte.calls.once import ORIGINAL, REPEAT
from ponte.calls.session import CallNumber, Session
from ponte.net.message import Reply, Request, write_request
from ponte.net.parser import RequestParser
from ponte.net.pool import ExchangeError
from tests.fakes import endpoint

ANSWERED, NOT_SENT, UNKNOWN = Outcome.ANSWERED, Outcome.NOT_SENT, Outcome.UNKNOWN
SESSION = "9f86d081884c7d65"
SENT_TO = f"s1; incarnation=1; address=127.0.0.1:4242; session={SESSION}; number=12-11"


class Writing(unittest.TestCase):
    """The header lines of an attempt, read back as a server or proxy does."""

    def arrives(self, attempt: Attempt) -> Request:
        """The request of an attempt, with its headers, at the far end."""
        parser = RequestParser()
        parser.feed(write_request("POST", "/greeter", attempt_lines(attempt), b""))
        request = parser.next_message()
        assert request
        return request

    def writes(self, kind: Kind, number: CallNumber | None = None, *, first: int = 1, last: int = 1,
               timeout_s: float = 1.0, expected: CallHeaders) -> Request:
        """The lines of an attempt, read again, are these headers."""
        request = self.arrives(Attempt(endpoint("s1"), kind, first, last, timeout_s, number))
        self.assertEqual(CallHeaders.parse(request.headers), expected)
        self.assertEqual(request.headers["host"], "127.0.0.1:4242")
        return request

    def test_an_idempotent_attempt_has_no_number(self) -> None:
        request = self.writes(Kind.IDEMPOTENT, timeout_s=2.6,
                              expected=CallHeaders(True, 2.5, 1, 1, "", ORIGINAL, ""))
        self.assertIsNone(request.call_number)

    def test_the_request_for_a_session(self) -> None:
        request = self.writes(Kind.OPENING, last=2,
                              expected=CallHeaders(False, 0.9, 1, 2, NEW, ORIGINAL, ""))
        self.assertIsNone(request.call_number)

    def test_an_original_has_its_session_and_number(self) -> None:
        """And the oldest number that is open."""
        session = Session(SESSION)
        oldest = session.take()
        request = self.writes(Kind.ORIGINAL, session.take(), last=2,
                              expected=CallHeaders(False, 0.9, 1, 2, SESSION, ORIGINAL, ""))
        self.assertEqual(request.call_number, "2-1")
        del oldest

    def test_a_repeat_says_so(self) -> None:
        """A timeout is a millisecond at least."""
        request = self.writes(Kind.REPEAT, Session(SESSION).take(), first=3, last=3,
                              timeout_s=0.0001,
                              expected=CallHeaders(False, 0.001, 3, 3, SESSION, REPEAT, ""))
        self.assertEqual(request.call_number, "1-1")

    def test_a_plain_attempt_is_a_stock_clients(self) -> None:
        """But for its time and its number, which any server may pass over."""
        request = self.writes(Kind.PLAIN, expected=CallHeaders(False, 0.9, 1, 1, "", ORIGINAL, ""))
        self.assertEqual(set(request.headers),
                         {"host", "call-timeout-ms", "call-attempt", "content-length"})
        self.assertIsNone(request.call_number)

    def test_the_next_hop_gets_less_time(self) -> None:
        """A tenth less, and MARGIN_S less at most: so its reply arrives in time."""
        self.assertEqual([granted_ms(timeout_s) for timeout_s in (0.01, 0.1, 1.0, 2.0, 60.0)],
                         [9, 90, 900, 1900, 59900])
        for hops in range(1, 4):
            left_s = 5.0
            for _ in range(hops):
                left_s = granted_ms(left_s) / 1000
            self.assertAlmostEqual(left_s, 5.0 - hops * MARGIN_S)

    def test_no_attempt_is_granted_no_time_at_all(self) -> None:
        """A server would refuse it, since its caller could no longer wait for the reply."""
        for timeout_s in (0.0, 1e-9, 0.001, 0.0011):
            self.assertEqual(granted_ms(timeout_s), 1)


class Words(unittest.TestCase):
    """What an attempt came to, for people, and beside the outcome."""

    def judges(self, reply: Reply) -> Result:
        """The result of an attempt of a call of "greeter" at its server s1."""
        return judge(reply, endpoint("s1"), "greeter")

    def test_an_answer_names_its_server(self) -> None:
        reply = Reply(200, {"served-by": "s1; incarnation=1; service=greeter"}, b"")
        self.assertEqual(self.judges(reply).what, "answered by s1")
        foreign = endpoint("s1")._replace(remembers=False)
        self.assertEqual(judge(Reply(200, {}, b""), foreign, "greeter").what, "answered")

    def test_a_reply_has_the_number_of_the_last_attempt(self) -> None:
        """Too high a number is cut; what is no number is taken for none."""
        served = {"served-by": "s1; incarnation=1; service=greeter"}
        for text, made in (("2", 2), ("0", 0), ("1234", MAX_NUMBER), ("9" * 30, MAX_NUMBER),
                           ("", 0), ("-1", 0), ("x", 0), ("1-2", 0), ("\u0661", 0)):
            for status in (200, 502, 503):
                with self.subTest(text, status=status):
                    reply = Reply(status, {**served, "call-attempt": text}, b"")
                    self.assertEqual(self.judges(reply).made, made)

    def test_an_error_is_shown_with_its_first_line(self) -> None:
        served = {"served-by": "s1; incarnation=1; service=greeter", "not-executed": "1"}
        self.assertEqual(self.judges(Reply(503, served, b"not executed: full\nmore\n")).what,
                         "HTTP 503 not executed: full")
        self.assertEqual(self.judges(Reply(503, served, b"")).what, "HTTP 503")
        self.assertEqual(self.judges(Reply(503, served, b"\xff" * 999)).what,
                         "HTTP 503 " + "\ufffd" * 200)

    def test_a_stranger_is_called_one(self) -> None:
        self.assertEqual(self.judges(Reply(200, {}, b"hello")).what,
                         "a stranger on this port: HTTP 200 hello")

    def test_a_504_has_timed_out(self) -> None:
        """A proxy reports by it that a server was too slow."""
        self.assertTrue(self.judges(Reply(504, {}, b"")).timed_out)
        self.assertFalse(self.judges(Reply(502, {}, b"")).timed_out)

    def test_a_failure_is_unknown_once_the_request_was_sent(self) -> None:
        """Without a whole reply it depends on the last byte of the request."""
        for phase, outcome in (("connect", NOT_SENT), ("send", NOT_SENT), ("reply", UNKNOWN)):
            for cause, timed_out in ((ConnectionResetError(), False), (socket.timeout(), True)):
                result = failure(ExchangeError(phase, cause))
                self.assertEqual(result.outcome, outcome)
                self.assertEqual(result.timed_out, timed_out)
                self.assertIsNone(result.reply)


class Whose(unittest.TestCase):
    """Whose reply it is, and what that means. A call of "greeter" is sent to its server s1."""

    OURS = (
        "s1; incarnation=1; service=greeter",
        # Another life of it, and one of a version that does not say the service.
        "s1; incarnation=2; service=greeter",
        "s1; incarnation=1",
        # Another instance of the same service has the port; what a proxy has passed on, or made.
        "s2; incarnation=1; service=greeter",
        "p1; incarnation=1; service=proxy",
        "s2; incarnation=1",
    )
    STRANGE = (
        "",
        "s2; incarnation=1; service=bank",
        "bank-1; incarnation=1; service=bank; service=greeter",
        "; incarnation=1; service=greeter",
        "nginx; service=greeter2",
    )
    # Status and Not-Executed: what a reply of ours means, and what a stranger's means.
    TABLE: Mapping[tuple[int, bool], tuple[Outcome, Outcome]] = {
        (200, False): (ANSWERED, NOT_SENT),
        (204, False): (UNKNOWN, NOT_SENT),
        (301, False): (UNKNOWN, NOT_SENT),
        (400, False): (ANSWERED, NOT_SENT),
        (404, False): (ANSWERED, NOT_SENT),
        (404, True): (NOT_SENT, NOT_SENT),
        (410, False): (UNKNOWN, NOT_SENT),
        (413, False): (ANSWERED, NOT_SENT),
        (422, False): (ANSWERED, NOT_SENT),
        (500, False): (UNKNOWN, UNKNOWN),
        (500, True): (UNKNOWN, UNKNOWN),
        (502, False): (UNKNOWN, UNKNOWN),
        (502, True): (UNKNOWN, UNKNOWN),
        (503, False): (UNKNOWN, UNKNOWN),
        (503, True): (NOT_SENT, UNKNOWN),
        (504, False): (UNKNOWN, UNKNOWN),
        (508, True): (NOT_SENT, UNKNOWN),
    }

    def result(self, status: int, not_executed: bool, mark: str, here: Endpoint,
               **headers: str) -> Result:
        """What a reply with this mark means, if it came from where `here` was announced."""
        marks = {"served-by": mark} if mark else {}
        marks.update({"not-executed": "1"} if not_executed else {})
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return judge(Reply(status, {**marks, **more}, b""), here, "greeter")

    def test_status_by_status_and_mark_by_mark(self) -> None:
        for (status, not_executed), (ours, strange) in self.TABLE.items():
            for mark in (*self.OURS, *self.STRANGE):
                with self.subTest(status=status, not_executed=not_executed, mark=mark):
                    result = self.result(status, not_executed, mark, endpoint("s1"))
                    self.assertIs(result.outcome, ours if mark in self.OURS else strange)

    def test_a_proxy_passes_on_what_a_server_of_the_service_said(self) -> None:
        """A call was sent to the proxy p1. What another service said is not for us."""
        proxy = endpoint("p1", service=PROXY)
        for mark in ("p1; incarnation=1; service=proxy", "s1; incarnation=1; service=greeter",
                     "p2; incarnation=1; service=proxy"):
            self.assertIs(self.result(200, False, mark, proxy).outcome, ANSWERED)
        for mark in ("", "s1; incarnation=1; service=bank"):
            self.assertIs(self.result(200, False, mark, proxy).outcome, NOT_SENT)

    def test_an_endpoint_that_is_not_pontes_own_is_not_checked(self) -> None:
        """Its replies do not say whose they are. It refuses only with Not-Executed."""
        foreign = endpoint("s1")._replace(remembers=False)
        for (status, not_executed), (ours, _) in self.TABLE.items():
            for mark in (*self.OURS, *self.STRANGE):
                with self.subTest(status=status, not_executed=not_executed, mark=mark):
                    result = self.result(status, not_executed, mark, foreign)
                    self.assertIs(result.outcome, ours)

    def test_dead_is_final_like_an_answer(self) -> None:
        """Whatever the status. But a stranger's word does not count."""
        for status in (200, 404, 410, 503):
            for mark in self.OURS:
                result = self.result(status, True, mark, endpoint("s1"), call_resolved="dead")
                self.assertIs(result.outcome, ANSWERED)
        for mark in self.STRANGE:
            result = self.result(410, False, mark, endpoint("s1"), call_resolved="dead")
            self.assertIs(result.outcome, NOT_SENT)

    def test_other_words_are_no_answers(self) -> None:
        for word in ("unknown", "Dead", "dead ", "reply", ""):
            result = self.result(410, False, self.OURS[0], endpoint("s1"), call_resolved=word)
            self.assertIs(result.outcome, UNKNOWN)

    def test_a_410_is_final_and_may_say_that_the_call_has_run(self) -> None:
        """Only if it is ours."""
        for mark, ran in itertools.product((*self.OURS, *self.STRANGE), ("1", "0", "")):
            is_ours = mark in self.OURS
            result = self.result(410, False, mark, endpoint("s1"), call_ran=ran)
            self.assertIs(result.is_final, is_ours)
            self.assertIs(result.ran, is_ours and ran == "1")
        self.assertFalse(self.result(502, False, self.OURS[0], endpoint("s1")).is_final)

    def test_only_our_refusal_gives_out_a_session(self) -> None:
        """16 hex digits in lower case; and it must say Not-Executed."""
        def session(status: int, not_executed: bool, mark: str, text: str) -> str:
            return self.result(status, not_executed, mark, endpoint("s1"),
                               call_session=text).session
        for mark in self.OURS:
            self.assertEqual(session(503, True, mark, SESSION), SESSION)
            self.assertEqual(session(503, False, mark, SESSION), "")
            self.assertEqual(session(200, True, mark, SESSION), "")
            for text in ("", NEW, SESSION.upper(), SESSION[1:], SESSION + "0", SESSION + "\n",
                         "\u0661" * 16, "key 6d081884c7d6"):
                self.assertEqual(session(503, True, mark, text), "", text)
        for mark in self.STRANGE:
            self.assertEqual(session(503, True, mark, SESSION), "")
            self.assertEqual(session(404, True, mark, SESSION), "")

    def test_only_our_refusal_asks_for_care(self) -> None:
        for mark in (*self.OURS, *self.STRANGE):
            for text, not_executed in (("0", True), ("0", False), ("1", True), ("", True)):
                result = self.result(503, not_executed, mark, endpoint("s1"), call_idempotent=text)
                self.assertIs(result.needs_care,
                              mark in self.OURS and not_executed and text == "0")

    def test_only_ours_say_where_a_call_was_sent(self) -> None:
        """Else any process on the port could send the caller anywhere."""
        for mark in (*self.OURS, *self.STRANGE):
            result = self.result(504, False, mark, endpoint("s1"), sent_to=SENT_TO)
            self.assertEqual(result.sent_to, SENT_TO if mark in self.OURS else "")


if __name__ == "__main__":
    unittest.main()
