"""What the tests of messages share: streams of bytes, and what a parser makes of them."""

from __future__ import annotations

import unittest
from collections.abc import Iterable

from ponte.net.message import ProtocolError, Reply, Request
from ponte.net.parser import M, Parser, ReplyParser, RequestParser


def post(*headers: str, body: bytes = b"") -> bytes:
    """A POST whose head holds Host and these lines, unchanged."""
    lines = ["POST /greeter HTTP/1.1", "Host: here", *headers]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body


def chunked(body: bytes) -> bytes:
    """A POST with this chunked body, unchanged."""
    return post("Transfer-Encoding: chunked", body=body)


def bytewise(data: bytes) -> list[bytes]:
    """The same bytes in pieces of one byte."""
    return [data[i:i + 1] for i in range(len(data))]


def read_all(parser: Parser[M], *pieces: bytes) -> list[M]:
    """The messages that come out when the pieces are fed one after the other."""
    messages = []
    for piece in pieces:
        parser.feed(piece)
        while (message := parser.next_message()) is not None:
            messages.append(message)
    return messages


def read_request(data: bytes) -> Request:
    """The one request in these bytes."""
    request, = read_all(RequestParser(), data)
    return request


def read_reply(data: bytes) -> Reply:
    """The one reply in these bytes."""
    reply, = read_all(ReplyParser(), data)
    return reply


def refusal(parser: Parser[M], *pieces: bytes) -> int:
    """The status with which a parser refuses the pieces; 0 if it does not."""
    try:
        read_all(parser, *pieces)
    except ProtocolError as error:
        return error.status
    return 0


def check_refusals(test: unittest.TestCase, rows: Iterable[tuple[str, bytes, int]]) -> None:
    """Each request is refused with its status, whether its bytes come at once or one by one."""
    for name, data, status in rows:
        with test.subTest(name):
            test.assertEqual(refusal(RequestParser(), data), status)
        if len(data) < 1024:
            with test.subTest(name, pieces="bytes"):
                test.assertEqual(refusal(RequestParser(), *bytewise(data)), status)
