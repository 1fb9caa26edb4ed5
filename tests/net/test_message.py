"""HTTP/1.1 messages: what the strict parser takes, what it refuses, and that bytes may come in any pieces."""

from __future__ import annotations

import random
import unittest
from typing import Any
from unittest import mock

from ponte.net.message import (
    CONTINUE,
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_KNOWN_HEAD_BYTES,
    MAX_KNOWN_HEADS,
    MAX_TARGET_BYTES,
    ProtocolError,
    Reply,
    Request,
    encode_reply,
    encode_request,
    once,
    text_reply,
)
from ponte.net.parser import M, Parser, ReplyParser, RequestParser


def post(*headers: str, body: bytes = b"") -> bytes:
    """A POST whose head holds Host and these lines, as they are."""
    lines = ["POST /greeter HTTP/1.1", "Host: here", *headers]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body


def chunked(body: bytes) -> bytes:
    return post("Transfer-Encoding: chunked", body=body)


def read_all(parser: Parser[M], *pieces: bytes) -> list[M]:
    """The messages that come out when the pieces go in, one after the other."""
    messages = []
    for piece in pieces:
        parser.feed(piece)
        while (message := parser.next_message()) is not None:
            messages.append(message)
    return messages


def read_request(data: bytes) -> Request:
    request, = read_all(RequestParser(), data)
    return request


def read_reply(data: bytes) -> Reply:
    reply, = read_all(ReplyParser(), data)
    return reply


def bytewise(data: bytes) -> list[bytes]:
    return [data[i:i + 1] for i in range(len(data))]


def refusal(parser: Parser[M], *pieces: bytes) -> int:
    """The status with which the pieces are refused; 0 if they are not."""
    try:
        read_all(parser, *pieces)
    except ProtocolError as error:
        return error.status
    return 0


LENGTHS = [f"Content-Length: {text}" for text in (
    "", "abc", "-1", "+5", "1_0", "\u00b2", "\u0665", "0x5", "1 0", "5, 5", "1.0", "9" * 16)]
CHUNK_SIZES = [b"0x1", b"1_0", b"-1", b"+1", b"", b" 1", b"1 ", b"g", b"123456789", b"\xb2"]

REFUSED: list[tuple[str, bytes, int]] = [
    *[(line, post(line, body=b"12345"), 400) for line in LENGTHS],
    *[(f"chunk size {size!r}", chunked(size + b"\r\nx\r\n0\r\n\r\n"), 400) for size in CHUNK_SIZES],
    ("two lengths that differ", post("Content-Length: 1", "Content-Length: 2", body=b"12"), 400),
    ("two lengths alike", post("Content-Length: 1", "Content-Length: 1", body=b"1"), 400),
    ("length beside chunked", post("Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400),
    ("chunked beside length", post("Transfer-Encoding: chunked", "Content-Length: 5", body=b"0\r\n\r\n"), 400),
    ("two Transfer-Encodings", post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400),
    ("chunked in HTTP/1.0", chunked(b"0\r\n\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
    ("another coding", post("Transfer-Encoding: gzip"), 501),
    ("two codings", post("Transfer-Encoding: gzip, chunked"), 501),
    ("chunked twice", post("Transfer-Encoding: chunked, chunked"), 501),
    ("nearly chunked", post("Transfer-Encoding: xchunked"), 501),
    ("an empty coding", post("Transfer-Encoding:"), 501),
    ("a chunk longer than its size", chunked(b"1\r\nxy\r\n0\r\n\r\n"), 400),
    ("a bare LF after a chunk size", chunked(b"1\nx\r\n0\r\n\r\n"), 400),
    ("a bare LF after a chunk", chunked(b"1\r\nx\n0\r\n\r\n"), 400),
    ("a bare LF at the end of the trailers", chunked(b"0\r\nA: b\n\r\n"), 400),
    ("a bare CR in a chunk extension", chunked(b"1;a\rb\r\nx\r\n0\r\n\r\n"), 400),
    ("a trailer that is no field", chunked(b"0\r\nnonsense\r\n\r\n"), 400),
    ("too many trailers", chunked(b"0\r\n" + b"A: b\r\n" * (MAX_HEADERS + 1) + b"\r\n"), 431),
    ("an endless chunk extension", chunked(b"1;" + b"x" * MAX_TARGET_BYTES), 400),
    ("a bare LF after a header", post("A: b\nC: d", "Content-Length: 0"), 400),
    ("a bare CR in a header", post("A: b\rC: d", "Content-Length: 0"), 400),
    ("a NUL in a header", post("A: b\0", "Content-Length: 0"), 400),
    ("no Host", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("two Hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    *[(f"Host {host!r}", f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(), 400)
      for host in ("", ":80", "a b", "a/b", "a@b", "a:b", "a:1:2", "a:123456", "[::1", "a?b", "a#b",
                   "a\\b", "a%", "a%0g")],
    ("a space before the colon", post("Content-Length : 0"), 400),
    ("a space before the name", post(" Content-Length: 0"), 400),
    ("a folded header", post("A: b", " c", "Content-Length: 0"), 400),
    ("a tab-folded header", post("A: b", "\tc", "Content-Length: 0"), 400),
    ("a header without a colon", post("nonsense", "Content-Length: 0"), 400),
    ("a header without a name", post(": b", "Content-Length: 0"), 400),
    ("a name that is no token", post("A(b): c", "Content-Length: 0"), 400),
    ("a name that is not ASCII", post("\u00e9: c", "Content-Length: 0"), 400),
    *[(f"Connection: {names}", post(f"Connection: {names}", "Content-Length: 0"), 400)
      for names in ("Host", "close,content-length", "a, HOST\t, b")],
    ("two call ids", post("Idempotency-Key: a", "Idempotency-Key: a", "Content-Length: 0"), 400),
    ("POST without length", post(), 411),
    ("an unknown Expect", post("Expect: miracles", "Content-Length: 0"), 417),
    ("HTTP/0.9", b"GET /\r\n", 400),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("a version of two digits", b"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400),
    ("a version in lower case", b"GET / http/1.1\r\nHost: a\r\n\r\n", 400),
    ("two spaces", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("a target with a space", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("a target with a NUL", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    *[(f"target {target!r}", f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), 400)
      for target in ("greeter", "*", "a:443", "%2fgreeter", "/greeter#", "#/greeter", "ftp://a/greeter", "?/greeter",
                     "http://", "http:///greeter", "http://b/greeter", "http://a:80/greeter", "http://u@a/greeter",
                     "http://a:b/greeter", "http:/a/greeter")],
    ("CONNECT to no address", b"CONNECT /greeter HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("a target that is not ASCII", "GET /\u00e9 HTTP/1.1\r\nHost: a\r\n\r\n".encode(), 400),
    ("a method without end", b"G" * 33, 400),
    ("a method of 33 characters", b"G" * 33 + b" / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("an empty line", b"\r\n", 400),
    ("a TLS hello", bytes.fromhex("16030100c8010000c40303"), 400),
    ("random bytes", bytes.fromhex("e08fb3a1") * 8, 400),
    ("a long target", b"GET /" + b"a" * MAX_TARGET_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    ("a long target on its way", b"GET /" + b"a" * MAX_TARGET_BYTES, 414),
    ("long headers", post(f"A: {'b' * MAX_HEAD_BYTES}", "Content-Length: 0"), 431),
    ("long headers on their way", post()[:-2] + b"A: " + b"b" * MAX_HEAD_BYTES, 431),
    ("many headers", post(*["A: b"] * MAX_HEADERS, "Content-Length: 0"), 431),
    ("a long body, before it comes", post(f"Content-Length: {MAX_BODY_BYTES + 1}"), 413),
    ("a long chunk, before it comes", chunked(b"%x\r\n" % (MAX_BODY_BYTES + 1)), 413),
    ("a body grown too long", chunked(b"8\r\n12345678\r\n%x\r\n" % (MAX_BODY_BYTES - 7)), 413),
]


class StrictRequests(unittest.TestCase):
    """One parser guards every port: what nginx and HAProxy could read in two ways, it does not read at all."""

    def test_what_has_two_readings_or_breaks_a_limit_is_refused(self) -> None:
        """Each row is refused with its status, whether its bytes come at once or one by one."""
        for name, data, status in REFUSED:
            with self.subTest(name):
                self.assertEqual(refusal(RequestParser(), data), status)
            if len(data) < 1024:
                with self.subTest(name, pieces="bytes"):
                    self.assertEqual(refusal(RequestParser(), *bytewise(data)), status)

    def test_limits_are_met_exactly(self) -> None:
        """What just fits is taken: the refusals above are not refusals of everything."""
        target = b"GET /" + b"a" * (MAX_TARGET_BYTES - 1) + b" HTTP/1.1\r\nHost: a\r\n\r\n"
        headers = post(*["A: b"] * (MAX_HEADERS - 2), "Content-Length: 0")
        filler = MAX_HEAD_BYTES - len(post("Content-Length: 0", "A: "))
        head = post("Content-Length: 0", f"A: {'b' * filler}")
        body = post(f"Content-Length: {MAX_BODY_BYTES}", body=bytes(MAX_BODY_BYTES))
        chunk = chunked(b"%x\r\n" % MAX_BODY_BYTES + bytes(MAX_BODY_BYTES) + b"\r\n0\r\n\r\n")
        for name, data in (("target", target), ("headers", headers), ("head", head), ("body", body), ("chunk", chunk)):
            with self.subTest(name):
                self.assertEqual(refusal(RequestParser(), data), 0)
                read_request(data)
                at = MAX_TARGET_BYTES + 8
                self.assertEqual(len(read_all(RequestParser(), data[:at], data[at:])), 1)

    def test_hosts_of_every_kind_are_taken(self) -> None:
        """RFC 9110 section 7.2: a name, an address, an IPv6 address in brackets, each with or without a port."""
        for host in ("a", "127.0.0.1:4180", "[::1]", "[::1]:4180", "a.b-c_d"):
            with self.subTest(host):
                request = read_request(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                self.assertEqual(request.headers["host"], host)

    def test_targets_of_every_form_are_taken(self) -> None:
        """RFC 9112 section 3.2: that there is nothing behind it is not for the parser to say."""
        for line in ("GET /a?b=/c", "GET //a/b", "CONNECT a:443", "OPTIONS *", "OPTIONS /"):
            with self.subTest(line):
                request = read_request(f"{line} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                self.assertEqual([request.method, request.target], line.split())

    def test_a_target_may_name_the_host(self) -> None:
        """RFC 9112 section 3.2.2: what counts is the path. A request of HTTP/1.0 may have no other host."""
        for target, path in (("http://a/b", "/b"), ("HTTPS://A/b?c", "/b?c"), ("http://a", "/"), ("http://a?c", "/?c"),
                             ("http://a//b/", "//b/")):
            for version, lines in (("1.1", "Host: a\r\n"), ("1.0", "")):
                with self.subTest(target, version=version):
                    request = read_request(f"GET {target} HTTP/{version}\r\n{lines}\r\n".encode())
                    self.assertEqual(request.target, path)

    def test_a_head_of_bare_line_feeds_is_refused_at_once(self) -> None:
        """No hang until the timeout: a line that ends in a bare LF can no longer become a good one."""
        for name, data in (("all lines", b"POST /greeter HTTP/1.1\nHost: a\nContent-Length: 0\n\n"),
                           ("the last lines", b"POST /greeter HTTP/1.1\r\nHost: a\nContent-Length: 0\n\n"),
                           ("HTTP/0.9", b"GET /\n"), ("a lone word", b"GET\n")):
            with self.subTest(name):
                self.assertEqual(refusal(RequestParser(), data), 400)

    def test_a_long_run_of_garbage_is_no_long_target(self) -> None:
        """What does not begin like a request is 400 also where it is long, not 414."""
        self.assertEqual(refusal(RequestParser(), b"\x16\x03\x01" * MAX_TARGET_BYTES), 400)

    def test_an_invalid_host_is_refused_in_http_1_0_too(self) -> None:
        """RFC 9112 section 3.2: any request with an invalid Host is a 400; only its absence is fine in HTTP/1.0."""
        self.assertEqual(refusal(RequestParser(), b"GET / HTTP/1.0\r\nHost: a b\r\n\r\n"), 400)
        self.assertEqual(refusal(RequestParser(), b"GET / HTTP/1.0\r\n\r\n"), 0)


CALL_ID = "0123456789abcdef0123456789ABCDEF"


class KnownHeads(unittest.TestCase):
    """A head that was parsed before is known by its bytes: it comes out, or is refused, as if it were the first."""

    def setUp(self) -> None:
        nothing_known: Any = mock.patch.object(RequestParser, "_known", {})
        nothing_known.start()
        self.addCleanup(nothing_known.stop)

    def judge(self, data: bytes) -> tuple[int, list[Request]]:
        """What a parser makes of it: the status of the refusal, or the requests."""
        status = refusal(RequestParser(), data)
        return status, [] if status else read_all(RequestParser(), data)

    def test_what_was_seen_before_changes_nothing(self) -> None:
        """Property, over seeded random heads: those that differ little, good and bad, in any order."""
        lines = [f"Idempotency-Key: {CALL_ID}", f"Idempotency-Key: {CALL_ID[::-1]}", f"idempotency-key: {CALL_ID}",
                 f"Idempotency-Key:  {CALL_ID}", f"Idempotency-Key: {CALL_ID[1:]}", f"Idempotency-Key: {CALL_ID}0",
                 f"Idempotency-Key: {CALL_ID[1:]}-", f"Idempotency-Key: {CALL_ID[1:]}\0", "Idempotency-Key:", "A: b",
                 "A: b0", "A: b\n", "Call-Attempt: 1", "Expect: 100-continue", "Connection: close"]
        rng = random.Random(4)
        for _ in range(3000):
            head = post(*rng.choices(lines, k=rng.randrange(4)), "Content-Length: 0")
            warm = self.judge(head)
            with mock.patch.object(RequestParser, "_known", {}):
                self.assertEqual(self.judge(head), warm, head)

    def test_what_is_told_from_the_headers_is_found_out_once_for_each_head(self) -> None:
        """Of headers that nobody has parsed, whenever it is asked."""
        find = mock.Mock(side_effect=len)
        heads = [post("Content-Length: 0", "A: b", f"Idempotency-Key: {number:032x}") for number in range(3)]
        for headers in [read_request(head).headers for head in (*heads, post("Content-Length: 0"))]:
            self.assertEqual(once(find, headers), len(headers))
        self.assertEqual(find.call_count, 2)
        for number in (3, 4):
            once(find, {"host": "here"})
            self.assertEqual(find.call_count, number)

    def test_a_head_is_parsed_once(self) -> None:
        """Also where every call has an id of its own; the ids are kept nowhere."""
        with mock.patch.object(RequestParser, "_parse_head", autospec=True,
                               side_effect=RequestParser._parse_head) as parse:
            for number in range(5):
                for name in ("Idempotency-Key", "idempotency-key"):     # the latter is how HAProxy passes it on
                    call_id = f"{number:032x}"
                    request = read_request(post(f"{name}: {call_id}", "Content-Length: 0"))
                    self.assertEqual((request.call_id, "idempotency-key" in request.headers), (call_id, False))
        self.assertEqual(parse.call_count, 1)
        self.assertNotIn("idempotency-key", str(RequestParser._known))

    def test_every_client_that_waits_is_told_to_continue(self) -> None:
        """Also where the same head came before."""
        for parser in (RequestParser(), RequestParser()):
            for _ in range(2):
                self.assertEqual(read_all(parser, post("Expect: 100-continue", "Content-Length: 1")), [])
                self.assertEqual(parser.take_interim(), CONTINUE)
                self.assertEqual(len(read_all(parser, b"1")), 1)

    def test_the_memory_of_heads_is_bounded(self) -> None:
        """In their number and in their length."""
        for number in range(MAX_KNOWN_HEADS + 5):
            read_request(post(f"A: {number}", "Content-Length: 0"))
        self.assertLessEqual(len(RequestParser._known), MAX_KNOWN_HEADS)
        read_request(post(f"A: {'b' * MAX_KNOWN_HEAD_BYTES}", "Content-Length: 0"))
        self.assertLessEqual(max(map(len, RequestParser._known)), MAX_KNOWN_HEAD_BYTES)

    def test_a_known_head_has_room_for_a_call_id(self) -> None:
        """Its number of lines was checked without the one of the id."""
        lines = ["A:"] * (MAX_HEADERS - 2)
        for more in ([], [f"Idempotency-Key: {CALL_ID}"]):
            data = "POST / HTTP/1.0\r\nContent-Length: 0\r\n" + "".join(f"{x}\r\n" for x in lines + ["A:"] + more)
            self.assertEqual(refusal(RequestParser(), data.encode() + b"\r\n"), 431 if more else 0)


class Requests(unittest.TestCase):
    """What good clients send."""

    def test_a_request_comes_out_whole(self) -> None:
        """Names in lower case, values stripped, repeated headers joined, the body as sent."""
        request = read_request(post("X-One:  a\t", "x-one: b", "Content-Length: 3", body=b"\0\r\n"))
        self.assertEqual(request, Request("POST", "/greeter", {"host": "here", "x-one": "a, b", "content-length": "3"},
                                          b"\0\r\n", True))

    def test_nothing_comes_out_before_the_last_byte(self) -> None:
        """Rule R rests on it: a server runs a request only when every byte of it has arrived."""
        for data in (post("Content-Length: 5", body=b"12345"), chunked(b"5\r\n12345\r\n0\r\nA: b\r\n\r\n")):
            parser = RequestParser()
            parser.feed(data[:-1])
            self.assertIsNone(parser.next_message())
            self.assertTrue(parser.in_message)
            parser.feed(data[-1:])
            self.assertIsNotNone(parser.next_message())
            self.assertFalse(parser.in_message)

    def test_chunks_are_joined_and_their_extensions_and_trailers_dropped(self) -> None:
        """RFC 9112 section 7.1: sizes are hexadecimal in either case."""
        body = b'3;name="v"\r\nabc\r\nA \t;x\r\n0123456789\r\n00\r\nTrailer: t\r\n\r\n'
        request = read_request(chunked(body))
        self.assertEqual(request.body, b"abc0123456789")
        self.assertNotIn("trailer", request.headers)

    def test_no_split_of_the_bytes_changes_the_messages(self) -> None:
        """Property, over seeded random splits: in pieces of any size comes out what comes out at once."""
        rng = random.Random(2)
        stream = (post("Content-Length: 4", body=b"\r\n\r\n") + b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
                  + chunked(b"4;e=1\r\n0\r\n\r\r\n1\r\n\n\r\n0\r\nA: b\r\n\r\n") + post("Content-Length: 0"))
        at_once = read_all(RequestParser(), stream)
        self.assertEqual([request.body for request in at_once], [b"\r\n\r\n", b"", b"0\r\n\r\n", b""])
        self.assertEqual(read_all(RequestParser(), *bytewise(stream)), at_once)
        for _ in range(300):
            cuts = sorted(rng.sample(range(len(stream)), rng.randrange(1, 20)))
            pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)])]
            self.assertEqual(read_all(RequestParser(), *pieces), at_once, cuts)

    def test_pipelined_requests_wait_inside(self) -> None:
        """Each call of `next_message` gives one, and the rest of the bytes are kept."""
        parser = RequestParser()
        parser.feed(post("Content-Length: 1", body=b"1") + post("Content-Length: 1", body=b"2"))
        first, second = parser.next_message(), parser.next_message()
        assert first and second
        self.assertEqual((first.body, second.body), (b"1", b"2"))
        self.assertIsNone(parser.next_message())

    def test_a_client_that_waits_is_told_to_continue_once(self) -> None:
        """RFC 9110 section 10.1.1: 100 Continue goes out once, and only while no byte of the body has come."""
        parser = RequestParser()
        parser.feed(post("Expect: 100-Continue", "Content-Length: 2"))
        self.assertEqual(parser.take_interim(), b"")
        self.assertIsNone(parser.next_message())
        self.assertEqual([parser.take_interim(), parser.take_interim()], [CONTINUE, b""])
        parser.feed(b"ok")
        request = parser.next_message()
        assert request
        self.assertEqual(request.body, b"ok")

    def test_a_client_that_does_not_wait_is_not_told_to_continue(self) -> None:
        """Neither when its body is on its way, nor in HTTP/1.0, nor without Expect."""
        waiting = post("Expect: 100-continue", "Content-Length: 2")
        for name, data in (("body on its way", waiting + b"o"), ("no Expect", post("Content-Length: 2")),
                           ("HTTP/1.0", waiting.replace(b"HTTP/1.1", b"HTTP/1.0"))):
            with self.subTest(name):
                parser = RequestParser()
                parser.feed(data)
                self.assertIsNone(parser.next_message())
                self.assertEqual(parser.take_interim(), b"")

    def test_who_closes_is_known(self) -> None:
        """RFC 9112 section 9.3: HTTP/1.1 keeps a connection unless told otherwise; we never keep one in HTTP/1.0."""
        for version, header, keeps in (("1.1", "A: b", True), ("1.1", "Connection: close", False),
                                       ("1.1", "Connection: x, Close", False), ("1.1", "Connection: keep-alive", True),
                                       ("1.0", "A: b", False), ("1.0", "Connection: keep-alive", False)):
            with self.subTest(version=version, header=header):
                request = read_request(f"GET / HTTP/{version}\r\nHost: a\r\n{header}\r\n\r\n".encode())
                self.assertIs(request.keep_alive, keeps)

    def test_what_is_encoded_is_read_back(self) -> None:
        """Round trip of requests, with every byte value in the body."""
        body = bytes(range(256))
        request = read_request(encode_request("POST", "/a?b=c", {"Host": "a:1", "X": "\u00e9"}, body))
        headers = {"host": "a:1", "x": "\u00e9", "content-length": "256"}
        self.assertEqual(request, Request("POST", "/a?b=c", headers, body))


class Replies(unittest.TestCase):
    """The client's side: a reply that is not whole is no reply."""

    def test_what_is_encoded_is_read_back(self) -> None:
        """Round trip of replies, also of an unknown status, and of the close."""
        for reply in (Reply(200, {"a": "b"}, bytes(range(256))), Reply(299, {}, b""),
                      Reply(503, {"not-executed": "1"}, b"x", keep_alive=False)):
            with self.subTest(reply.status):
                read = read_reply(encode_reply(reply))
                self.assertEqual(read._replace(headers={}), reply._replace(headers={}))
                self.assertLessEqual(reply.headers.items(), read.headers.items())

    def test_text_replies_are_one_line(self) -> None:
        """Underscores in header names become hyphens."""
        reply = text_reply(503, "not executed", Not_Executed="1")
        self.assertEqual(reply.headers["Not-Executed"], "1")
        self.assertEqual(reply.body, b"not executed\n")

    def test_interim_replies_are_passed_over(self) -> None:
        """RFC 9110 section 15.2: any number of 1xx may come before the reply, in any pieces."""
        stream = CONTINUE + b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" + encode_reply(Reply(200, {}, b"x"))
        for pieces in ([stream], bytewise(stream)):
            replies = read_all(ReplyParser(), *pieces)
            self.assertEqual([(reply.status, reply.body) for reply in replies], [(200, b"x")])

    def test_a_flood_of_interim_replies_does_no_harm(self) -> None:
        """As many as fit into one read are passed over, or refused; nothing but a ProtocolError comes out."""
        stream = b"HTTP/1.1 100\r\n\r\n" * 4000 + encode_reply(Reply(200, {}, b"x"))
        self.assertIn(refusal(ReplyParser(), stream), (0, 502))

    def test_what_cannot_be_told_from_a_truncated_reply_is_refused(self) -> None:
        """Each of these would let a half reply pass for a whole one, or is no HTTP/1.1 at all."""
        for name, data in (("no length", b"HTTP/1.1 200 OK\r\n\r\nx"),
                           ("no length, no body", b"HTTP/1.1 200 OK\r\n\r\n"),
                           ("no length, closes", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nx"),
                           ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"),
                           ("both framings",
                            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
                           ("chunked in HTTP/1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
                           ("another protocol", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
                           ("garbage", b"SSH-2.0-OpenSSH\r\n"), ("HTTP/2", b"HTTP/2 200\r\n"),
                           ("status of two digits", b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"),
                           ("status 600", b"HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n"),
                           ("endless head", b"HTTP/1.1 200 OK\r\nA: " + b"b" * MAX_HEAD_BYTES)):
            with self.subTest(name):
                self.assertIn(refusal(ReplyParser(), data), (400, 501, 502))

    def test_a_truncated_reply_never_comes_out(self) -> None:
        """At every cut the parser waits for more; it never takes what is there for all."""
        for data in (encode_reply(Reply(200, {"a": "b"}, b"12345")),
                     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"):
            for cut in range(len(data)):
                self.assertEqual(read_all(ReplyParser(), data[:cut]), [], cut)
            self.assertEqual(len(read_all(ReplyParser(), data)), 1)

    def test_replies_that_never_have_a_body_need_no_length(self) -> None:
        """RFC 9112 section 6.3: 204 and 304."""
        for status in (204, 304):
            self.assertEqual(read_reply(b"HTTP/1.1 %d X\r\n\r\n" % status).body, b"")


if __name__ == "__main__":
    unittest.main()
