"""The cache of known heads: it changes how long a head takes to read, and nothing else."""

from __future__ import annotations

import itertools
import random
import unittest
from typing import Any
from unittest import mock

from ponte.net.known_heads import MAX_KNOWN_HEAD_BYTES, MAX_KNOWN_HEADS, cached
from ponte.net.message import CONTINUE, MAX_HEADERS, Reply, Request, date_line, encode_reply
from ponte.net.parser import ReplyParser, RequestParser
from tests.net.parsing import post, read_all, read_reply, read_request, refusal

# The longest one.
NUMBER = "123456789012345-123456789012344"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class KnownHeads(unittest.TestCase):
    """A head that was parsed before comes out, or is refused, as if it came for the first time."""

    def setUp(self) -> None:
        nothing_known: Any = mock.patch.object(RequestParser, "_known", {})
        nothing_known.start()
        self.addCleanup(nothing_known.stop)

    def judge(self, data: bytes) -> tuple[int, list[Request]]:
        """What a parser makes of it: the status of the refusal, or the requests."""
        status = refusal(RequestParser(), data)
        return status, [] if status else read_all(RequestParser(), data)

    def test_what_was_seen_before_changes_nothing(self) -> None:
        """Property, over seeded random heads: similar heads, good and bad, in any order."""
        lines = [f"Call-Number: {NUMBER}",
                 f"Call-Number: {NUMBER[::-1]}",
                 f"call-number: {NUMBER}",
                 f"CALL-NUMBER: {NUMBER}",
                 f"Call-Number:  {NUMBER}",
                 f"Call-Number: {NUMBER} ",
                 f"Call-Number: {NUMBER[1:]}",
                 f"Call-Number: {NUMBER}0",
                 f"Call-Number: {NUMBER[1:]}-",
                 f"Call-Number: {NUMBER[1:]}\0",
                 "Call-Number: 7",
                 "Call-Number: +7-5",
                 "Call-Number:",
                 f"X-Call-Number: {NUMBER}",
                 f"Idempotency-Key: {NUMBER}",
                 "A: b",
                 "A: b0",
                 "A: b\n",
                 "Call-Attempt: 1",
                 f"Traceparent: {TRACE}",
                 f"traceparent: {TRACE}",
                 f"traceparent: {TRACE[:-1]}0",
                 f"TRACEPARENT: {TRACE}",
                 f"Traceparent:  {TRACE}",
                 f"Traceparent: {TRACE} ",
                 f"Traceparent: {TRACE}0",
                 f"Traceparent: {TRACE.upper()}",
                 f"Traceparent: {TRACE}\0",
                 f"X-traceparent: {TRACE}",
                 "Connection: traceparent",
                 "Expect: 100-continue",
                 "Connection: close"]
        rng = random.Random(4)
        for _ in range(3000):
            chosen = ["Content-Length: 0", *rng.choices(lines, k=rng.randrange(4))]
            head = post(*rng.sample(chosen, len(chosen)))
            warm = self.judge(head)
            with mock.patch.object(RequestParser, "_known", {}):
                self.assertEqual(self.judge(head), warm, head)

    def test_a_trace_is_kept_apart(self) -> None:
        """A new one in each call fills nothing, and costs no parsing."""
        heads = [post("Content-Length: 0", "A: b", f"Traceparent: {TRACE[:-2]}{flags:02x}")
                 for flags in range(9)]
        with mock.patch.object(RequestParser, "_parse_head", autospec=True,
                               side_effect=RequestParser._parse_head) as parse:
            found = [read_request(head) for head in heads]
        self.assertEqual(parse.call_count, 1)
        self.assertEqual([request.traceparent for request in found],
                         [f"{TRACE[:-2]}{flags:02x}" for flags in range(9)])
        self.assertEqual({tuple(request.headers) for request in found},
                         {("host", "content-length", "a")})
        self.assertEqual(read_request(post("Content-Length: 0", "A: b")).traceparent, "")
        self.assertEqual(len(RequestParser._known), 1)

    def test_a_trace_of_another_form_is_a_header(self) -> None:
        """Also one of two, and one for this hop alone. It fills nothing, either."""
        for lines in ([f"Traceparent: {TRACE}0"], [f"Traceparent: {TRACE}"] * 2,
                      [f"Traceparent: {TRACE}", "Connection: Traceparent"]):
            request = read_request(post("Content-Length: 0", *lines))
            self.assertEqual(request.traceparent, "")
            self.assertTrue(request.headers["traceparent"].startswith(TRACE))
        self.assertEqual(RequestParser._known, {})
        request = read_request(post("Content-Length: 0", "Connection: Traceparent"))
        self.assertNotIn("traceparent", request.headers)
        self.assertEqual(RequestParser._known, {})

    def test_a_result_is_worked_out_once_for_each_known_head(self) -> None:
        """For a plain dictionary, which no parser made, it is worked out each time."""
        find = mock.Mock(side_effect=len)
        heads = [post("Content-Length: 0", "A: b", f"Call-Number: {number}-0")
                 for number in range(3)]
        for data in (*heads, post("Content-Length: 0")):
            headers = read_request(data).headers
            self.assertEqual(cached(find, headers), len(headers))
        self.assertEqual(find.call_count, 2)
        for number in (3, 4):
            cached(find, {"host": "here"})
            self.assertEqual(find.call_count, number)

    def test_a_head_is_parsed_once(self) -> None:
        """Also where every call has a number of its own; the numbers are kept nowhere."""
        with mock.patch.object(RequestParser, "_parse_head", autospec=True,
                               side_effect=RequestParser._parse_head) as parse:
            for number in range(5):
                # The second name is how HAProxy passes it on.
                for name in ("Call-Number", "call-number"):
                    call_number = f"{number}-{number // 2}"
                    request = read_request(post(f"{name}: {call_number}", "Content-Length: 0"))
                    self.assertEqual(request.call_number, call_number)
                    self.assertNotIn("call-number", request.headers)
        self.assertEqual(parse.call_count, 1)
        self.assertNotIn("call-number", str(RequestParser._known))

    def test_a_number_of_another_form_is_kept_apart_and_not_remembered(self) -> None:
        """Else each call of a client with other numbers would make one more known head."""
        nine = "9" * 15
        for value, known in (("7-5", 1), (f"{nine}-{nine}", 1), ("0-0", 1), (f"{nine}0-5", 0),
                             (f"7-{nine}0", 0), ("7", 0), ("7-", 0), ("-5", 0), ("7-5-3", 0),
                             ("7 - 5", 0), ("7-5, 7-5", 0), ("+7-5", 0),
                             ("a-b", 0), ("", 0)):
            with self.subTest(value), mock.patch.object(RequestParser, "_known", {}):
                for lines in ([f"Call-Number: {value}", "Content-Length: 0"],
                              ["Content-Length: 0", f"Call-Number: {value}"]):
                    for _ in range(2):
                        RequestParser._known.clear()
                        self.assertEqual(read_request(post(*lines)).call_number, value)
                        self.assertEqual(len(RequestParser._known), known)
                        self.assertEqual(read_request(post(*lines)).call_number, value)

    def test_spaces_around_a_number_are_none_of_its_value(self) -> None:
        """As with any other field; but such a head is not known."""
        for line in ("Call-Number:7-5", "Call-Number: \t7-5", "Call-Number: 7-5 ",
                     "CALL-NUMBER: 7-5"):
            with self.subTest(line), mock.patch.object(RequestParser, "_known", {}):
                for _ in range(2):
                    request = read_request(post(line, "Content-Length: 0"))
                    self.assertEqual(request.call_number, "7-5")
                self.assertEqual(RequestParser._known, {})

    def test_two_numbers_are_refused_also_when_the_head_without_one_is_known(self) -> None:
        """In any spelling and order. Neither of them may be taken for the number of the call."""
        lines = ("Call-Number: 7-5", "call-number: 7-5", "CALL-NUMBER: 7-5", "Call-Number: 8-5")
        for line in lines:
            read_request(post(line, "Content-Length: 0"))
        for first, second in itertools.product(lines, repeat=2):
            for rest in (["Content-Length: 0", first, second],
                         [first, "Content-Length: 0", second]):
                with self.subTest(rest):
                    self.assertEqual(refusal(RequestParser(), post(*rest)), 400)

    def test_an_idempotency_key_is_a_header_like_others(self) -> None:
        """It is for foreign clients: a server reads it from the headers."""
        request = read_request(post("Idempotency-Key: 77", "Call-Number: 7-5", "Content-Length: 0"))
        self.assertEqual((request.headers["idempotency-key"], request.call_number), ("77", "7-5"))

    def test_a_head_with_such_a_key_is_not_remembered(self) -> None:
        """Each call has another one, so it would only push out heads that come again."""
        for number in range(3):
            read_request(post(f"idempotency-key: {number}", "Content-Length: 0"))
        self.assertEqual(RequestParser._known, {})

    def test_lines_around_a_number_are_not_joined(self) -> None:
        """A head is not taken for another one in which the same bytes are one line."""
        split = post("A: b", f"Call-Number: {NUMBER}", "C: d", "Content-Length: 0")
        joined = post("A: bC: d", "Content-Length: 0")
        for data, value in ((split, "b"), (joined, "bC: d"), (split, "b")):
            self.assertEqual(read_request(data).headers["a"], value)

    def test_every_client_that_waits_is_told_to_continue(self) -> None:
        """Also where the same head came before."""
        for parser in (RequestParser(), RequestParser()):
            for _ in range(2):
                head = post("Expect: 100-continue", "Content-Length: 1")
                self.assertEqual(read_all(parser, head), [])
                self.assertEqual(parser.take_interim(), CONTINUE)
                self.assertEqual(len(read_all(parser, b"1")), 1)

    def test_the_memory_of_heads_is_bounded(self) -> None:
        """In their number and in their length."""
        for number in range(MAX_KNOWN_HEADS + 5):
            read_request(post(f"A: {number}", "Content-Length: 0"))
        self.assertLessEqual(len(RequestParser._known), MAX_KNOWN_HEADS)
        read_request(post(f"A: {'b' * MAX_KNOWN_HEAD_BYTES}", "Content-Length: 0"))
        self.assertLessEqual(max(map(len, RequestParser._known)), MAX_KNOWN_HEAD_BYTES)

    def test_a_known_head_has_room_for_a_number(self) -> None:
        """A number cannot bring a known head beyond the limit of lines unnoticed."""
        full = ["Content-Length: 0", *["A:"] * (MAX_HEADERS - 1)]
        for lines, status in ((full, 0), ([*full, f"Call-Number: {NUMBER}"], 431)):
            head = "".join(f"{line}\r\n" for line in ("POST / HTTP/1.0", *lines, ""))
            self.assertEqual(refusal(RequestParser(), head.encode()), status)


class KnownReplies(unittest.TestCase):
    """The same for replies, whose Date is a new one in every second."""

    def setUp(self) -> None:
        nothing_known: Any = mock.patch.object(ReplyParser, "_known", {})
        nothing_known.start()
        self.addCleanup(nothing_known.stop)

    def test_a_head_is_parsed_once_whenever_it_comes(self) -> None:
        """Its date comes out, and is in no header."""
        with mock.patch.object(ReplyParser, "_parse_head", autospec=True,
                               side_effect=ReplyParser._parse_head) as parse:
            for second in (1, 1, 2, 3, 1):
                for name in (b"Date", b"date"):
                    line = date_line(second)
                    reply = read_reply(encode_reply(Reply(200, {"A": "b"}, b"x"), line)
                                       .replace(b"Date", name))
                    self.assertEqual(f"Date: {reply.date}\r\n", line)
                    self.assertEqual(reply.headers, {"a": "b", "content-length": "1"})
            self.assertIsNone(read_reply(encode_reply(Reply(200, {"A": "b"}, b"x"))).date)
        self.assertEqual(parse.call_count, 1)

    def test_what_was_found_in_the_headers_holds_for_every_second(self) -> None:
        """A proxy works out the lines to pass back once."""
        find = mock.Mock(return_value=1)
        for second in range(3):
            cached(find, read_reply(encode_reply(Reply(200, {}, b""), date_line(second))).headers)
        self.assertEqual(find.call_count, 1)

    def test_a_date_of_another_form_is_kept_as_it_is(self) -> None:
        """And such a head is not remembered: each might come with another value."""
        good = "Sun, 06 Nov 1994 08:49:37 GMT"
        for value in ("Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "x", "",
                      good[:-1], f"{good}x"):
            for _ in range(2):
                reply = read_reply(encode_reply(Reply(200, {"Date": value}, b"x")))
                self.assertEqual((reply.date, reply.body), (value, b"x"))
                self.assertNotIn("date", reply.headers)
            self.assertEqual(ReplyParser._known, {})

    def test_what_was_seen_before_changes_nothing(self) -> None:
        """Property, over seeded random heads: similar heads, good and bad, in any order."""
        first, second = (date_line(number)[:-2] for number in (1, 2))
        lines = [first, second, first.lower(), f"{first}x", f"{first} ", f"X-{first}", "Date:",
                 first.replace(":", ":  ", 1), f"{first}\0", "A: b", "Connection: close", "A: b\n"]
        rng = random.Random(7)
        for _ in range(1000):
            chosen = ["Content-Length: 0", *rng.choices(lines, k=rng.randrange(4))]
            head = "\r\n".join(["HTTP/1.1 200 OK", *rng.sample(chosen, len(chosen)), "", ""])
            warm = self.judge(head.encode())
            with mock.patch.object(ReplyParser, "_known", {}):
                self.assertEqual(self.judge(head.encode()), warm, head)

    def judge(self, data: bytes) -> tuple[int, list[Reply]]:
        status = refusal(ReplyParser(), data)
        return status, [] if status else read_all(ReplyParser(), data)

    def test_the_memory_of_heads_is_bounded(self) -> None:
        for number in range(MAX_KNOWN_HEADS + 5):
            read_reply(encode_reply(Reply(200, {}, b""), date_line(number)))
        self.assertLessEqual(len(ReplyParser._known), MAX_KNOWN_HEADS)


if __name__ == "__main__":
    unittest.main()
