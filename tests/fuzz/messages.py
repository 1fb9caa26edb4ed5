"""HTTP: what holds for the parsers (ponte/net/parser.py), whatever bytes come, in whatever pieces.

1. They raise nothing but ProtocolError.
2. The strict reader (strict.py) takes every message that they take, and reads the same.
3. They refuse a message that the strict reader takes only because of a limit of their own.
4. The pieces in which the bytes come make no difference.
5. The bytes that wait inside of a parser are bounded.
6. A head that is known by its bytes reads as it did when it was new.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from ponte.net.message import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    ProtocolError,
    Reply,
    Request,
    encode_reply,
    encode_request,
)
from ponte.net.parser import M, Parser, ReplyParser, RequestParser
from tests.fuzz import strict
from tests.fuzz.mutate import Target

# What Ponte refuses of good HTTP, by the status of its reply: a POST without length, too much of
# something, and an Expect or a coding that it does not know.
OUR_LIMITS = frozenset((411, 413, 414, 417, 431, 501))
# Which of these refuses an endless head depends on how much of it has come.
TOO_LONG = frozenset((400, 414, 431))
# Inputs of up to so many bytes come in pieces of one byte, too.
BYTE_BY_BYTE = 400
# The largest piece that a socket gives (RECEIVE_BYTES).
PIECE_BYTES = 64 * 1024
MAX_WAITING_BYTES = MAX_HEAD_BYTES + MAX_BODY_BYTES + PIECE_BYTES + 1024

NUMBER = "77-5"
CALL_NUMBER = f"Call-Number: {NUMBER}\r\n".encode()
OTHER_CALL_NUMBER = b"Call-Number: 123456789012345-123456789012344\r\n"


@dataclass(frozen=True)
class Kind(Generic[M]):
    """Requests or replies."""

    parser: Callable[[], Parser[M]]
    # The heads that all parsers of this kind remember.
    known: dict[bytes, Any]
    # The strict reader of this kind.
    strictly: Callable[[bytes], strict.Reading]
    # The words of a message's first line that a program sees.
    words: Callable[[M], tuple[bytes, ...]]
    # The names of a message's headers.
    names: Callable[[M], set[bytes]]
    # Whether a refusal with this status may meet good HTTP.
    may_refuse: Callable[[int], bool]


@dataclass(frozen=True)
class Came(Generic[M]):
    """What came out of a parser: messages, and the status of its refusal; 0 if it takes more."""

    messages: list[M]
    status: int


def names_of(headers: Iterable[str]) -> set[bytes]:
    return {name.encode("latin-1") for name in headers}


def names_of_request(request: Request) -> set[bytes]:
    """Also Call-Number, which a parser keeps apart."""
    names = names_of(request.headers)
    return names if request.call_number is None else names | {b"call-number"}


def names_of_reply(reply: Reply) -> set[bytes]:
    """Also Date, which a parser keeps apart."""
    names = names_of(reply.headers)
    return names if reply.date is None else names | {b"date"}


REQUESTS: Kind[Request] = Kind(
    RequestParser, RequestParser._known, strict.read_requests,
    words=lambda request: (request.method.encode(), request.target.encode()),
    names=names_of_request, may_refuse=OUR_LIMITS.__contains__)
REPLIES: Kind[Reply] = Kind(
    ReplyParser, ReplyParser._known, strict.read_replies,
    words=lambda reply: (str(reply.status).encode(),),
    names=names_of_reply, may_refuse=(OUR_LIMITS | {502}).__contains__)


def read(kind: Kind[M], pieces: Sequence[bytes]) -> Came[M]:
    """Feeds the pieces as a connection does: takes all whole messages, and answers an Expect."""
    parser = kind.parser()
    messages: list[M] = []
    try:
        for piece in pieces:
            parser.feed(piece)
            while (message := parser.next_message()) is not None:
                messages.append(message)
            parser.take_interim()
            assert waiting_bytes(parser) <= MAX_WAITING_BYTES, f"{waiting_bytes(parser)} bytes wait"
    except ProtocolError as error:
        return Came(messages, error.status)
    return Came(messages, 0)


def waiting_bytes(parser: Parser[M]) -> int:
    """The bytes that a parser holds."""
    return len(parser._buffer) + (len(parser._chunks._body) if parser._chunks else 0)


def check(kind: Kind[M], data: bytes) -> str:
    """Checks all properties for one stream. Returns what came of it, in a word."""
    came = read_new(kind, by_size(data, PIECE_BYTES))
    compare_with_strict(kind, data, came)
    for pieces in cuts(data):
        same(came, read_new(kind, pieces), "in pieces")
    check_known_heads(kind, data)
    return str(came.status) if came.status else "whole" if came.messages else "unfinished"


def read_new(kind: Kind[M], pieces: Sequence[bytes]) -> Came[M]:
    """The same where no head is known. Leaves no known head behind."""
    kind.known.clear()
    try:
        return read(kind, pieces)
    finally:
        kind.known.clear()


def check_known_heads(kind: Kind[M], data: bytes) -> None:
    """Reads streams that differ in their numbers only: a known head is found without them."""
    streams = [by_size(stream, PIECE_BYTES) for stream in dict.fromkeys(
        (data, data.replace(CALL_NUMBER, OTHER_CALL_NUMBER), data.replace(CALL_NUMBER, b"")))]
    new = [read_new(kind, stream) for stream in streams]
    try:
        for _ in range(2):
            for came, stream in zip(new, streams):
                same(came, read(kind, stream), "when its head is known")
    finally:
        kind.known.clear()


def same(one: Came[M], other: Came[M], when: str) -> None:
    assert one.messages == other.messages, f"other messages {when}: {other.messages!r}"
    alike = one.status == other.status or (one.status in TOO_LONG and other.status in TOO_LONG)
    assert alike, f"{other.status} {when}, not {one.status}"


def compare_with_strict(kind: Kind[M], data: bytes, came: Came[M]) -> None:
    reading = kind.strictly(data)
    count = len(came.messages)
    # What was taken, the strict reader takes too.
    assert count <= len(reading.messages), f"taken, but {reading.broken or 'it is not all there'}"
    for taken, message in zip(came.messages, reading.messages):
        compare_messages(kind, taken, message)
    # What was refused for another reason than a limit, the strict reader refuses too.
    if came.status and not kind.may_refuse(came.status):
        assert len(reading.messages) == count, f"{came.status} for {reading.messages[count]}"
    if not came.status:
        assert count == len(reading.messages), "good, but nothing came of it"


def compare_messages(kind: Kind[M], taken: M, message: strict.Message) -> None:
    """A message as a parser has taken it, and as the strict reader reads it."""
    assert taken.body == message.body, f"another body: {message.body!r}"
    words = kind.words(taken)
    assert words in (message.words[:2], message.words[1:]), "another first line"
    assert not (message.closes and taken.keep_alive), "it is the last on its connection"
    names = {name for name, _ in message.headers}
    # HTTP/1.0 has no Expect: a parser drops it.
    assert kind.names(taken) | {b"expect"} == names | {b"expect"}, "other headers"


def cuts(data: bytes) -> list[list[bytes]]:
    """Some ways in which the bytes may arrive; the same for the same bytes."""
    rng = random.Random(zlib.crc32(data))
    ways = [by_size(data, rng.choice((7, 100, 1500)) if len(data) < 4096 else 1500)]
    for _ in range(3):
        places = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((1, 1, 2, 5))))
        ways.append([data[a:b] for a, b in zip([0, *places], [*places, len(data)]) if a < b])
    if len(data) <= BYTE_BY_BYTE:
        ways.append(by_size(data, 1))
    return ways


def by_size(data: bytes, size: int) -> list[bytes]:
    """The bytes in pieces of one size."""
    return [data[at:at + size] for at in range(0, len(data), size)]


# ---- what is mutated -----------------------------------------------------------------------------

_ONCE = {"Call-Session": "0123456789abcdef", "Call-Number": NUMBER}
_CHUNKED_BODY = b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n"

_FRAMING_WORDS = (
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b"\0", b":", b",", b"\x0b", b"\x85", b"\xa0",
    b"\xff", b"\x7f", b"Content-Length: 5\r\n", b"Content-Length: ", b"content-length:5\r\n",
    b"Content-Length : 5\r\n", b"Content-Length: +5\r\n", b"Content-Length: -1\r\n",
    b"Content-Length: 1_0\r\n", b"Content-Length: 5, 5\r\n", b"Content-Length: \xd9\xa5\r\n",
    b"Content-Length: 99999999999999999999\r\n", b"Content-Length: 1048577\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding : chunked\r\n", b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding:\x0bchunked\r\n", b"Transfer-Encoding: identity\r\n",
    b"transfer-encoding: CHUNKED\r\n", b" chunked\r\n", b"Connection: close\r\n",
    b"Connection: keep-alive\r\n", b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
    b"date: x\r\n", b"Connection: Content-Length\r\n", b"Expect: 100-continue\r\n",
    b"Expect: else\r\n", CALL_NUMBER, OTHER_CALL_NUMBER, b"call-number: x\r\n",
    b"Call-Number: ", b"call-number: 7-5\r\n", b"Idempotency-Key: x\r\n",
    b"0\r\n\r\n", b"5\r\nhello\r\n", b"0x5\r\n", b"-5\r\n", b"+5\r\n", b"1_0\r\n", b"5 \r\n",
    b"5 ;\r\n", b"5;x=\"\r\n", b"5\n", b"ffffffff\r\n", b"000000005\r\n", b"100000\r\n",
    b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.9", b"\xef\xbb\xbf",
    b"\x16\x03\x01\x02\x00",
)

REQUEST_SEEDS = (
    encode_request("POST", "/greeter",
                   {"Host": "127.0.0.1:4180", "Content-Type": "text/xml", **_ONCE},
                   b"<methodCall/>"),
    encode_request("POST", "/RPC2",
                   {"Host": "localhost", "User-Agent": "Python-xmlrpc/3.11",
                    "Accept-Encoding": "gzip"}, b"hello"),
    encode_request("POST", "/greeter", {"Host": "h", "Expect": "100-continue"}, b"hello"),
    b"POST /greeter HTTP/1.1\r\nHost: [::1]:80\r\n" + CALL_NUMBER
    + b"Transfer-Encoding: chunked\r\n\r\n" + _CHUNKED_BODY,
    b"GET /health HTTP/1.1\r\nHost: a%20b\r\n\r\nGET /status HTTP/1.1\r\nHost:[::1]:1\r\n\r\n",
    b"GET /health HTTP/1.0\r\n\r\n",
    b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello",
    b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello\r\n" * 2,
    b"\r\n\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /status HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" * 3,
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
    b"GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n",
)
REQUEST_WORDS = _FRAMING_WORDS + (
    b"Host: a\r\n", b"Host: \r\n", b"Host: a b\r\n", b"Host: a@b\r\n", b"Host: a:1:2\r\n",
    b"Host: [::1\r\n", b"Host: %\r\n", b"host:b\r\n", b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\n",
    b"GET /\r\n", b"PRI * HTTP/2.0\r\n\r\n", b"#a", b"//", b"?", b"%00", b"http://a", b"http://a?",
    b"*", b"/" * 9000,
)
REPLY_SEEDS = (
    encode_reply(Reply(200, {"Content-Type": "text/xml",
                             "Served-By": "server-1; incarnation=1"}, b"<reply/>")),
    encode_reply(Reply(503, {"Not-Executed": "1"}, b"", keep_alive=False)),
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + _CHUNKED_BODY,
    b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 2\r\n\r\nok" * 2,
)
REPLY_WORDS = _FRAMING_WORDS + (
    b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n", b" 204 ", b" 304 ", b" 099 ", b" 600 ", b" 2000 ", b"HTTP/1.2",
    b"HTTP/1.1  200 OK\r\n", b"HTTP/1.1 200\r\n", b"ICY 200 OK\r\n",
)

TARGETS = (
    Target("requests", REQUEST_SEEDS, REQUEST_WORDS, lambda data: check(REQUESTS, data)),
    Target("replies", REPLY_SEEDS, REPLY_WORDS, lambda data: check(REPLIES, data)),
)
