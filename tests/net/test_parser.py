"""The strict parser: what it takes, what it refuses, and that bytes may come in any pieces."""

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
    MAX_TARGET_BYTES,
    ProtocolError,
    Reply,
    Request,
    encode_reply,
)
from ponte.net.parser import MAX_EMPTY_LINES, Parser, ReplyParser, RequestParser
from tests.net.parsing import (
    bytewise,
    check_refusals,
    chunked,
    post,
    read_all,
    read_reply,
    read_request,
    refusal,
)

LENGTHS = [f"Content-Length: {text}" for text in (
    "", "abc", "-1", "+5", "1_0", "\u00b2", "\u0665", "0x5", "1 0", "5, 5", "1.0", "9" * 16)]
HOSTS = ["", ":80", "a b", "a/b", "a@b", "a:b", "a:1:2", "a:123456", "[::1", "a?b", "a#b", "a\\b",
         "a%", "a%0g"]
TARGETS = ["greeter", "*", "a:443", "%2fgreeter", "/greeter#", "#/greeter", "ftp://a/greeter",
           "?/greeter", "http://", "http:///greeter", "http://b/greeter", "http://a:80/greeter",
           "http://u@a/greeter", "http://a:b/greeter", "http:/a/greeter"]
LENGTH, CHUNKED = "Content-Length: 5", "Transfer-Encoding: chunked"

# Name, request, status of the refusal. Chunked bodies are in test_chunked.py.
REFUSED: list[tuple[str, bytes, int]] = [
    # Framing.
    *[(line, post(line, body=b"12345"), 400) for line in LENGTHS],
    ("two lengths that differ", post("Content-Length: 1", "Content-Length: 2", body=b"12"), 400),
    ("two lengths alike", post("Content-Length: 1", "Content-Length: 1", body=b"1"), 400),
    ("length beside chunked", post(LENGTH, CHUNKED, body=b"0\r\n\r\n"), 400),
    ("chunked beside length", post(CHUNKED, LENGTH, body=b"0\r\n\r\n"), 400),
    ("two Transfer-Encodings", post(CHUNKED, CHUNKED), 400),
    ("chunked in HTTP/1.0", chunked(b"0\r\n\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
    ("another coding", post("Transfer-Encoding: gzip"), 501),
    ("two codings", post("Transfer-Encoding: gzip, chunked"), 501),
    ("chunked twice", post("Transfer-Encoding: chunked, chunked"), 501),
    ("nearly chunked", post("Transfer-Encoding: xchunked"), 501),
    ("an empty coding", post("Transfer-Encoding:"), 501),
    # Header fields.
    ("a bare LF after a header", post("A: b\nC: d", "Content-Length: 0"), 400),
    ("a bare CR in a header", post("A: b\rC: d", "Content-Length: 0"), 400),
    ("a NUL in a header", post("A: b\0", "Content-Length: 0"), 400),
    ("no Host", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("two Hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    *[(f"Host {host!r}", f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(), 400)
      for host in HOSTS],
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
    *[(f"two headers {name}",
       post(f"{name}: 7-5", f"{name.lower()}: 7-5", "Content-Length: 0"), 400)
      for name in ("Idempotency-Key", "Call-Session", "Call-Number", "Call-Resolve")],
    ("POST without length", post(), 411),
    ("an unknown Expect", post("Expect: miracles", "Content-Length: 0"), 417),
    # Request lines.
    ("HTTP/0.9", b"GET /\r\n", 400),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("a version of two digits", b"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400),
    ("a version in lower case", b"GET / http/1.1\r\nHost: a\r\n\r\n", 400),
    ("two spaces", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("a target with a space", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("a target with a NUL", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    *[(f"target {target!r}", f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), 400)
      for target in TARGETS],
    ("CONNECT to no address", b"CONNECT /greeter HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("a target that is not ASCII", "GET /\u00e9 HTTP/1.1\r\nHost: a\r\n\r\n".encode(), 400),
    ("a method without end", b"G" * 33, 400),
    ("a method of 33 characters", b"G" * 33 + b" / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("too many empty lines", b"\r\n" * (MAX_EMPTY_LINES + 1), 400),
    ("too many line feeds", b"\n" * (MAX_EMPTY_LINES + 1), 400),
    *[(f"a request line behind {before!r}", before + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400)
      for before in (b"\r", b"\r\r\n", b"\n\r", b" \r\n", b"\t\n", b"\r\n ", b"\0\r\n", b"\x0b")],
    ("a TLS hello", bytes.fromhex("16030100c8010000c40303"), 400),
    ("random bytes", bytes.fromhex("e08fb3a1") * 8, 400),
    # Limits.
    ("a long target", b"GET /" + b"a" * MAX_TARGET_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    ("a long target on its way", b"GET /" + b"a" * MAX_TARGET_BYTES, 414),
    ("long headers", post(f"A: {'b' * MAX_HEAD_BYTES}", "Content-Length: 0"), 431),
    ("long headers on their way", post()[:-2] + b"A: " + b"b" * MAX_HEAD_BYTES, 431),
    ("long headers before a bare LF in the body",
     post(f"A: {'b' * MAX_HEAD_BYTES}", "Content-Length: 1", body=b"\n"), 431),
    ("many headers", post(*["A: b"] * MAX_HEADERS, "Content-Length: 0"), 431),
    ("a long body, before it comes", post(f"Content-Length: {MAX_BODY_BYTES + 1}"), 413),
]


class StrictRequests(unittest.TestCase):
    """One parser guards every port. It does not read what other programs could read in two ways."""

    def test_what_has_two_readings_or_breaks_a_limit_is_refused(self) -> None:
        """Each row is refused with its status, whether its bytes come at once or one by one."""
        check_refusals(self, REFUSED)

    def test_limits_are_met_exactly(self) -> None:
        """What just fits is taken: the refusals above are not refusals of everything."""
        filler = MAX_HEAD_BYTES - len(post("Content-Length: 0", "A: "))
        long_target = b"/" + b"a" * (MAX_TARGET_BYTES - 1)
        for name, data in (
                ("target", b"GET " + long_target + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
                ("headers", post(*["A: b"] * (MAX_HEADERS - 2), "Content-Length: 0")),
                ("head", post("Content-Length: 0", f"A: {'b' * filler}")),
                ("body", post(f"Content-Length: {MAX_BODY_BYTES}", body=bytes(MAX_BODY_BYTES))),
                ("chunk", chunked(b"%x\r\n" % MAX_BODY_BYTES + bytes(MAX_BODY_BYTES)
                                  + b"\r\n0\r\n\r\n"))):
            with self.subTest(name):
                self.assertEqual(refusal(RequestParser(), data), 0)
                read_request(data)
                at = MAX_TARGET_BYTES + 8
                self.assertEqual(len(read_all(RequestParser(), data[:at], data[at:])), 1)

    def test_a_head_one_byte_too_long_is_refused(self) -> None:
        """Also if the whole message comes at once, and for replies too."""
        request, reply = b"GET / HTTP/1.1\r\nHost: a\r\nA: ", b"HTTP/1.1 204 No Content\r\nA: "
        kinds: list[tuple[type[Parser[Any]], bytes, int]] = [
            (RequestParser, request, 431), (ReplyParser, reply, 502)]
        for parser, start, status in kinds:
            filler = b"b" * (MAX_HEAD_BYTES - len(start) - len(b"\r\n\r\n"))
            for more, expected in ((b"", 0), (b"b", status)):
                head = start + filler + more + b"\r\n\r\n"
                for pieces in ([head], [head[:-1], head[-1:]]):
                    with self.subTest(parser.__name__, more=more, pieces=len(pieces)):
                        self.assertEqual(refusal(parser(), *pieces), expected)

    def test_hosts_of_every_kind_are_taken(self) -> None:
        """RFC 9110 section 7.2: a name or an address, IPv6 in brackets, each also with a port."""
        for host in ("a", "127.0.0.1:4180", "[::1]", "[::1]:4180", "a.b-c_d"):
            with self.subTest(host):
                request = read_request(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                self.assertEqual(request.headers["host"], host)

    def test_targets_of_every_form_are_taken(self) -> None:
        """RFC 9112 section 3.2. The parser does not decide whether there is such a page."""
        for line in ("GET /a?b=/c", "GET //a/b", "CONNECT a:443", "OPTIONS *", "OPTIONS /"):
            with self.subTest(line):
                request = read_request(f"{line} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                self.assertEqual([request.method, request.target], line.split())

    def test_a_target_may_name_the_host(self) -> None:
        """RFC 9112 section 3.2.2: the path counts. A request of HTTP/1.0 needs no Host header."""
        for target, path in (("http://a/b", "/b"), ("HTTPS://A/b?c", "/b?c"), ("http://a", "/"),
                             ("http://a?c", "/?c"), ("http://a//b/", "//b/")):
            for version, lines in (("1.1", "Host: a\r\n"), ("1.0", "")):
                with self.subTest(target, version=version):
                    data = f"GET {target} HTTP/{version}\r\n{lines}\r\n".encode()
                    self.assertEqual(read_request(data).target, path)

    def test_a_head_of_bare_line_feeds_is_refused_at_once(self) -> None:
        """The parser does not wait for more: such a line can no longer become a valid one."""
        for name, data in (
                ("all lines", b"POST /greeter HTTP/1.1\nHost: a\nContent-Length: 0\n\n"),
                ("the last lines", b"POST /greeter HTTP/1.1\r\nHost: a\nContent-Length: 0\n\n"),
                ("HTTP/0.9", b"GET /\n"),
                ("a lone word", b"GET\n")):
            with self.subTest(name):
                self.assertEqual(refusal(RequestParser(), data), 400)

    def test_a_long_run_of_garbage_is_no_long_target(self) -> None:
        """Bytes that do not begin like a request are a 400, however many, and not a 414."""
        self.assertEqual(refusal(RequestParser(), b"\x16\x03\x01" * MAX_TARGET_BYTES), 400)

    def test_an_invalid_host_is_refused_in_http_1_0_too(self) -> None:
        """RFC 9112 section 3.2: an invalid Host is a 400. HTTP/1.0 may only leave it out."""
        self.assertEqual(refusal(RequestParser(), b"GET / HTTP/1.0\r\nHost: a b\r\n\r\n"), 400)
        self.assertEqual(refusal(RequestParser(), b"GET / HTTP/1.0\r\n\r\n"), 0)


class Requests(unittest.TestCase):
    """What good clients send."""

    def test_a_request_comes_out_whole(self) -> None:
        """Names in lower case, values stripped, repeated headers joined, the body as sent."""
        request = read_request(post("X-One:  a\t", "x-one: b", "Content-Length: 3", body=b"\0\r\n"))
        headers = {"host": "here", "x-one": "a, b", "content-length": "3"}
        self.assertEqual(request, Request("POST", "/greeter", headers, b"\0\r\n", True))

    def test_nothing_comes_out_before_the_last_byte(self) -> None:
        """Rule R rests on it: a server runs a request only when every byte of it has arrived."""
        for data in (post("Content-Length: 5", body=b"12345"),
                     chunked(b"5\r\n12345\r\n0\r\nA: b\r\n\r\n")):
            parser = RequestParser()
            parser.feed(data[:-1])
            self.assertIsNone(parser.next_message())
            self.assertTrue(parser.in_message)
            parser.feed(data[-1:])
            self.assertIsNotNone(parser.next_message())
            self.assertFalse(parser.in_message)

    def test_no_split_of_the_bytes_changes_the_messages(self) -> None:
        """Property, over seeded random splits: in pieces of any size, the same messages come."""
        rng = random.Random(2)
        stream = (post("Content-Length: 4", body=b"\r\n\r\n")
                  + b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
                  + chunked(b"4;e=1\r\n0\r\n\r\r\n1\r\n\n\r\n0\r\nA: b\r\n\r\n")
                  + post("Content-Length: 0"))
        at_once = read_all(RequestParser(), stream)
        self.assertEqual([request.body for request in at_once],
                         [b"\r\n\r\n", b"", b"0\r\n\r\n", b""])
        self.assertEqual(read_all(RequestParser(), *bytewise(stream)), at_once)
        for _ in range(300):
            cuts = sorted(rng.sample(range(len(stream)), rng.randrange(1, 20)))
            pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)])]
            self.assertEqual(read_all(RequestParser(), *pieces), at_once, cuts)

    def test_each_request_has_its_sender(self) -> None:
        """Also one with a known head that came from somebody else."""
        for peer in (("127.0.0.1", 5001), ("::1", 5002)):
            data = post("Content-Length: 1", body=b"x")
            requests = read_all(RequestParser(peer), data, data)
            self.assertEqual([request.peer for request in requests], [peer, peer])

    def test_each_request_keeps_its_own_number(self) -> None:
        """At every cut, for every way in which a body comes, also when the head is known."""
        stream = b"".join(
            post(*lines, *number, body=body)
            for lines, body in ((["Content-Length: 2"], b"ab"),
                                (["Content-Length: 0"], b""),
                                (["Transfer-Encoding: chunked"], b"1\r\na\r\n0\r\n\r\n"))
            for number in ([f"Call-Number: {len(body)}-0"], ["call-number: a-b"], []))
        for _ in range(2):
            for cut in range(len(stream) + 1):
                requests = read_all(RequestParser(), stream[:cut], stream[cut:])
                self.assertEqual([(request.body, request.call_number) for request in requests],
                                 [(b"ab", "2-0"), (b"ab", "a-b"), (b"ab", None),
                                  (b"", "0-0"), (b"", "a-b"), (b"", None),
                                  (b"a", "11-0"), (b"a", "a-b"), (b"a", None)], cut)

    def test_a_body_in_pieces_is_gathered_without_copies(self) -> None:
        """Else a long body in short pieces would cost time that grows with its square."""
        parser = RequestParser()
        parser.feed(post("Content-Length: 9", body=b"1"))
        self.assertIsNone(parser.next_message())
        gathered = parser._buffer
        for _ in range(7):
            parser.feed(b"1")
            self.assertIsNone(parser.next_message())
            self.assertIs(parser._buffer, gathered)
        parser.feed(b"1")
        request = parser.next_message()
        assert request
        self.assertEqual((request.body, type(request.body)), (b"1" * 9, bytes))

    def test_pipelined_requests_wait_inside(self) -> None:
        """Each call of `next_message` gives one, and the rest of the bytes are kept."""
        parser = RequestParser()
        parser.feed(post("Content-Length: 1", body=b"1") + post("Content-Length: 1", body=b"2"))
        for body in (b"1", b"2"):
            request = parser.next_message()
            assert request
            self.assertEqual(request.body, body)
        self.assertIsNone(parser.next_message())

    def test_a_client_that_waits_is_told_to_continue_once(self) -> None:
        """RFC 9110 section 10.1.1: one 100 Continue, and only before the first byte of the body."""
        parser = RequestParser()
        parser.feed(post("Expect: 100-Continue", "Content-Length: 2"))
        self.assertEqual(parser.take_interim(), b"")
        self.assertIsNone(parser.next_message())
        self.assertEqual(parser.take_interim(), CONTINUE)
        self.assertEqual(parser.take_interim(), b"")
        parser.feed(b"ok")
        request = parser.next_message()
        assert request
        self.assertEqual(request.body, b"ok")

    def test_a_client_that_does_not_wait_is_not_told_to_continue(self) -> None:
        """Neither when its body is on its way, nor in HTTP/1.0, nor without Expect."""
        waiting = post("Expect: 100-continue", "Content-Length: 2")
        for name, data in (("body on its way", waiting + b"o"),
                           ("no Expect", post("Content-Length: 2")),
                           ("HTTP/1.0", waiting.replace(b"HTTP/1.1", b"HTTP/1.0"))):
            with self.subTest(name):
                parser = RequestParser()
                parser.feed(data)
                self.assertIsNone(parser.next_message())
                self.assertEqual(parser.take_interim(), b"")

    def test_a_request_that_closes_its_connection_is_recognized(self) -> None:
        """RFC 9112 section 9.3: HTTP/1.1 keeps it unless told not to, HTTP/1.0 only if told to."""
        for version, header, keeps in (("1.1", "A: b", True),
                                       ("1.1", "Connection: close", False),
                                       ("1.1", "Connection: x, Close", False),
                                       ("1.1", "Connection: keep-alive", True),
                                       ("1.0", "A: b", False),
                                       ("1.0", "Connection: keep-alive", True),
                                       ("1.0", "Connection: x, Keep-Alive\t", True),
                                       ("1.0", "Connection: not-keep-alive", False),
                                       ("1.0", "Keep-Alive: timeout=5", False),
                                       ("1.0", "Connection: keep-alive, close", False)):
            with self.subTest(version=version, header=header):
                data = f"GET / HTTP/{version}\r\nHost: a\r\n{header}\r\n\r\n".encode()
                self.assertIs(read_request(data).keep_alive, keeps)

    def test_empty_lines_before_a_request_line_are_passed_over(self) -> None:
        """RFC 9112 section 2.2, however their bytes come; a message has not begun with them."""
        one = post("Content-Length: 4", body=b"\r\n\r\n")
        for empty in (b"\r\n", b"\n", b"\r\n\r\n", b"\n\n", b"\n\r\n", b"\r\n" * MAX_EMPTY_LINES):
            stream = empty + one + empty + one + empty
            for pieces in ([stream], bytewise(stream)):
                with self.subTest(empty, pieces=len(pieces)):
                    parser = RequestParser()
                    self.assertEqual([request.body for request in read_all(parser, *pieces)],
                                     [b"\r\n\r\n"] * 2)
                    self.assertIsNone(parser.next_message())
                    self.assertFalse(parser.in_message)

    def test_empty_lines_begin_no_message(self) -> None:
        """Nor does half of one. Where they come makes no difference, nor who looks when."""
        chunked = post("Transfer-Encoding: chunked", body=b"1\r\nx\r\n0\r\n\r\n")
        for one in (post("Content-Length: 0"), post("Content-Length: 1", body=b"\n"), chunked):
            for empty in (b"\r", b"\r\n", b"\n", b"\n\r", b"\r\n" * MAX_EMPTY_LINES):
                for pieces in ((one + empty,), (one, empty), (one[:-1], one[-1:] + empty),
                               (one, *bytewise(empty))):
                    with self.subTest(one, empty=empty, pieces=len(pieces)):
                        parser = RequestParser()
                        parser.feed(pieces[0])
                        requests = [parser.next_message()]
                        for piece in pieces[1:]:
                            parser.feed(piece)
                            if not any(requests):
                                requests.append(parser.next_message())
                        self.assertTrue(any(requests))
                        self.assertFalse(parser.in_message)
                        parser.feed(b"\nGET" if empty.endswith(b"\r") else b"GET")
                        self.assertTrue(parser.in_message)

    def test_a_flood_of_empty_lines_is_refused_by_its_name(self) -> None:
        """Wherever the limit is reached; also if nobody reads in between."""
        for pieces in ([b"\r\n" * 17], [b"\n" * 17], [b"\r\n"] * 17, [b"\n" * 16, b"\n"],
                       [b"\r\n" * 17 + post("Content-Length: 0")], [b"\r\n" * 2000]):
            parser = RequestParser()
            with self.assertRaisesRegex(ProtocolError, "more than 16 empty lines"):
                for piece in pieces:
                    parser.feed(piece)
                parser.next_message()

    def test_a_longest_head_may_have_empty_lines_before_it(self) -> None:
        """They do not count, and nothing of what comes behind it is lost."""
        filler = MAX_HEAD_BYTES - len(post("Content-Length: 0", "A: "))
        longest = post("Content-Length: 0", f"A: {'b' * filler}")
        for cut in (1, 2, 100, len(longest) - 1):
            stream = b"\r\n" + longest + post("Content-Length: 0")
            self.assertEqual(len(read_all(RequestParser(), stream[:cut], stream[cut:])), 2)

    def test_a_put_without_a_length_has_no_body(self) -> None:
        """RFC 9112 section 6.3, item 7. There is none here that would take one."""
        for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "BREW"):
            data = f"{method} /greeter HTTP/1.1\r\nHost: a\r\n\r\n".encode()
            self.assertEqual((read_request(data).method, read_request(data).body), (method, b""))

    def test_the_parser_knows_whether_a_head_has_begun(self) -> None:
        """Also of a request that it refuses: no body may follow the refusal."""
        for lines, data in (("HEAD / HTTP/1.1", True), ("GET / HTTP/1.1", False),
                            ("HEADER / HTTP/1.1", False), ("\r\nHEAD / HTTP/1.1", True)):
            for rest in ("", "Nonsense\r\n\r\n", "Host: a\r\nContent-Length: x\r\n\r\n",
                         "Host: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"):
                with self.subTest(lines, rest=rest):
                    parser = RequestParser()
                    refusal(parser, f"{lines}\r\n{rest}".encode())
                    self.assertIs(parser.is_head, data)


class Replies(unittest.TestCase):
    """The client's side: a reply that is not whole is no reply."""

    def test_interim_replies_are_ignored(self) -> None:
        """RFC 9110 section 15.2: any number of 1xx may come before the reply, in any pieces."""
        stream = (CONTINUE + b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"
                  + encode_reply(Reply(200, {}, b"x")))
        for pieces in ([stream], bytewise(stream)):
            replies = read_all(ReplyParser(), *pieces)
            self.assertEqual([(reply.status, reply.body) for reply in replies], [(200, b"x")])

    def test_interim_replies_do_not_wait_inside(self) -> None:
        """They are skipped as they come, and the memory of the parser does not grow."""
        parser = ReplyParser()
        for _ in range(3):
            self.assertEqual(read_all(parser, CONTINUE), [])
            self.assertFalse(parser.in_message)

    def test_a_flood_of_interim_replies_does_no_harm(self) -> None:
        """They are ignored, or refused: nothing but a ProtocolError comes out."""
        stream = b"HTTP/1.1 100\r\n\r\n" * 4000 + encode_reply(Reply(200, {}, b"x"))
        self.assertIn(refusal(ReplyParser(), stream), (0, 502))

    def test_what_cannot_be_told_from_a_truncated_reply_is_refused(self) -> None:
        """Each row could make a half reply look like a whole one, or is not HTTP/1.1 at all."""
        ok = b"HTTP/1.1 200 OK\r\n"
        chunks, one = b"Transfer-Encoding: chunked\r\n", b"Content-Length: 1\r\n"
        for name, data in (("no length", ok + b"\r\nx"),
                           ("no length, no body", ok + b"\r\n"),
                           ("no length, closes", ok + b"Connection: close\r\n\r\nx"),
                           ("two lengths", ok + one + one + b"\r\nx"),
                           ("both framings", ok + one + chunks + b"\r\n0\r\n\r\n"),
                           ("chunked in HTTP/1.0",
                            b"HTTP/1.0 200 OK\r\n" + chunks + b"\r\n0\r\n\r\n"),
                           ("another protocol",
                            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
                           ("garbage", b"SSH-2.0-OpenSSH\r\n"),
                           ("HTTP/2", b"HTTP/2 200\r\n"),
                           ("status of two digits",
                            b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"),
                           ("status 600", b"HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n"),
                           ("endless head", ok + b"A: " + b"b" * MAX_HEAD_BYTES)):
            with self.subTest(name):
                self.assertIn(refusal(ReplyParser(), data), (400, 501, 502))

    def test_a_truncated_reply_never_comes_out(self) -> None:
        """At every cut the parser waits for more; it never takes a part for the whole."""
        for data in (encode_reply(Reply(200, {"a": "b"}, b"12345")),
                     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"):
            for cut in range(len(data)):
                self.assertEqual(read_all(ReplyParser(), data[:cut]), [], cut)
            self.assertEqual(len(read_all(ReplyParser(), data)), 1)

    def test_no_cut_changes_the_replies(self) -> None:
        """Every way in which a body comes, with interim replies in between, known and unknown."""
        stream = (CONTINUE + encode_reply(Reply(200, {}, b"\r\n\r\n"))
                  + b"HTTP/1.1 204 No Content\r\n\r\n" + CONTINUE
                  + b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
                  + encode_reply(Reply(503, {}, b"x")))
        expected = [(200, b"\r\n\r\n"), (204, b""), (200, b"ab"), (503, b"x")]
        for cut in range(len(stream) + 1):
            with mock.patch.object(ReplyParser, "_known", {}):
                for _ in range(2):
                    parser = ReplyParser()
                    replies = read_all(parser, stream[:cut], stream[cut:])
                    self.assertEqual([(reply.status, reply.body) for reply in replies], expected,
                                     cut)
                    self.assertFalse(parser.in_message)

    def test_a_reply_of_http_1_0_keeps_its_connection_only_if_it_says_so(self) -> None:
        """RFC 9112 section 9.3: a pool may send the next request on such a connection."""
        for line, keeps in (("A: b", False), ("Connection: keep-alive", True),
                            ("Keep-Alive: timeout=5", False),
                            ("Connection: close, keep-alive", False)):
            data = f"HTTP/1.0 200 OK\r\n{line}\r\nContent-Length: 0\r\n\r\n".encode()
            self.assertIs(read_reply(data).keep_alive, keeps, line)

    def test_replies_that_never_have_a_body_need_no_length(self) -> None:
        """RFC 9112 section 6.3: 204 and 304."""
        for status in (204, 304):
            self.assertEqual(read_reply(b"HTTP/1.1 %d X\r\n\r\n" % status).body, b"")


if __name__ == "__main__":
    unittest.main()
