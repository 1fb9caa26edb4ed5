"""Streams that two programs could read in two ways: requests of a caller, and answers of a server.

tests/abuse/test_smuggling.py sends each of them through a proxy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ponte.net.message import CONTINUE

HEAD = b"POST /greeter HTTP/1.1\r\nHost: a\r\n"
GET = HEAD.replace(b"POST", b"GET")
# A request that no caller has sent: it must never be passed on where it stands inside of a body.
EVIL = b"POST /greeter HTTP/1.1\r\nHost: evil\r\nContent-Length: 4\r\n\r\nevil"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LENGTH_5 = b"Content-Length: 5\r\n"
# The end of a request whose body is "hello".
HELLO = LENGTH_5 + b"\r\nhello"


class Row(NamedTuple):
    """A stream of a caller, the statuses of its replies, and the bodies that are passed on."""

    name: str
    stream: bytes
    statuses: tuple[int, ...]
    bodies: tuple[bytes, ...] = ()


def refused(name: str, stream: bytes, status: int = 400) -> Row:
    """The first request is refused, and nothing is passed on."""
    return Row(name, stream, (status,))


def passed(name: str, stream: bytes, *bodies: bytes) -> Row:
    """Requests with these bodies are passed on, and each is answered by the server."""
    return Row(name, stream, (200,) * len(bodies), bodies)


def with_evil(framing: bytes) -> bytes:
    """A body of a chunk and an end; by another framing, a request of its own would follow."""
    return HEAD + framing + b"\r\n0\r\n\r\n" + EVIL


def in_chunks(chunks: bytes) -> bytes:
    """A request with this chunked body."""
    return HEAD + CHUNKED + b"\r\n" + chunks


TWO_FRAMINGS = (
    # One hop believes the length, the other the chunks.
    refused("CL.TE", with_evil(LENGTH_5 + CHUNKED)),
    refused("TE.CL", with_evil(CHUNKED + LENGTH_5)),
    refused("CL.TE, the length in the middle",
            with_evil(b"Content-Length: 0\r\nX: y\r\n" + CHUNKED)),
    refused("two codings", with_evil(CHUNKED + b"Transfer-Encoding: identity\r\n")),
    refused("two codings alike", with_evil(CHUNKED + CHUNKED)),
)

CODINGS = (
    # One hop recognizes the coding, and the other does not.
    *[refused(f"Transfer-Encoding:{coding!r}",
              with_evil(b"Transfer-Encoding:" + coding + b"\r\n"), 501)
      for coding in (
        b" xchunked", b" chunked, identity", b" identity, chunked", b" gzip, chunked",
        b" chunked,", b' "chunked"', b" chunked;q=1", b" identity", b"", b" ,chunked",
        b" chun\xe9ked")],
    *[refused(f"{line!r}", with_evil(line + b"\r\n")) for line in (
        b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked",
        b" Transfer-Encoding: chunked", b"Transfer-Encoding:\x0bchunked",
        b"Transfer-Encoding: chunked\x00", b"X: y\rTransfer-Encoding: chunked",
        b"X: y\nTransfer-Encoding: chunked", b"Transfer-Encoding:\r\n chunked",
        b"Transfer-Encoding:\n chunked", b"\x00Transfer-Encoding: chunked",
        b"Transfer-Encoding", b"X: y\r\r\nTransfer-Encoding: chunked")],
    passed("a tab before the coding",
           HEAD + b"Transfer-Encoding:\tChUnKeD \r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello"),
    refused("chunked before HTTP/1.1", with_evil(CHUNKED).replace(b"HTTP/1.1", b"HTTP/1.0", 1)),
)

LENGTHS = (
    # Two readers may read them as two numbers.
    *[refused(f"Content-Length:{length!r}",
              HEAD + b"Content-Length:" + length + b"\r\n\r\nhello" + EVIL)
      for length in (
        b" +5", b" -5", b" 5,5", b" 5, 5", b" 0x5", b" 5.0", b" 1_0", b"", b" 5 0", b" 5;",
        b"\x0b5", b" \xb2", b" 5\x00", b" 9223372036854775813", b" 4294967301e0")],
    refused("two lengths", HEAD + LENGTH_5 + b"Content-Length: 0\r\n\r\nhello" + EVIL),
    refused("two lengths alike", HEAD + LENGTH_5 + HELLO + EVIL),
    refused("a length after a bare CR", HEAD + b"X: y\rContent-Length: 0\r\n" + HELLO),
    refused("a length that goes on", HEAD + b"Content-Length: 5\r\n 0\r\n\r\nhello"),
    refused("no length", HEAD + b"\r\n" + EVIL, 411),
    passed("a length of zeros", HEAD + b"Content-Length: 0000000005\r\n\r\nhello", b"hello"),
    passed("a header with nearly the same name",
           HEAD + b"Content_Length: 0\r\n" + HELLO + EVIL, b"hello", b"evil"),
)

CHUNKS = (
    # Their ends may be seen at two places.
    *[refused(f"chunk size {size!r}", in_chunks(size + b"\r\nhello\r\n0\r\n\r\n" + EVIL))
      for size in (
        b"0x5", b"+5", b"-5", b"5 ", b" 5", b"5\x0b", b"", b"1_0", b"5\n", b"5;a\nb", b"5;a\rb",
        b"5\r", b"100000005", b"ffffffffffffffff5", b"5,", b"\xb2")],
    refused("a chunk longer than its size", in_chunks(b"3\r\nhello\r\n0\r\n\r\n" + EVIL)),
    refused("a chunk that ends in LF", in_chunks(b"5\r\nhello\n0\r\n\r\n" + EVIL)),
    refused("an end in LF", in_chunks(b"5\r\nhello\r\n0\n\n" + EVIL)),
    refused("a trailer that is a request", in_chunks(b"0\r\n" + EVIL)),
    passed("a trailer that is a length",
           in_chunks(b"5;x=y\r\nhello\r\n0\r\nContent-Length: 99\r\n\r\n" + EVIL),
           b"hello", b"evil"),
    passed("zeros that are no end", in_chunks(b"00000005\r\nhello\r\n000\r\n\r\n"), b"hello"),
    passed("an end in a chunk", in_chunks(b"5\r\n0\r\n\r\n\r\n0\r\n\r\n"), b"0\r\n\r\n"),
)

CONNECTION = (
    # Headers that make the next hop remove other headers.
    *[refused(f"Connection: {name}",
              HEAD + b"Connection: close, " + name.encode() + b"\r\n" + HELLO)
      for name in ("Content-Length", "host")],
    passed("Connection: names what this hop writes",
           HEAD + b"Connection: via, call-session, idempotency-key\r\n" + HELLO + EVIL,
           b"hello", b"evil"),
    passed("an upgrade",
           HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
           + b"HTTP2-Settings: AAMAAABk\r\n" + HELLO + EVIL, b"hello", b"evil"),
)

BODIES = (
    # Some reader expects no body there, or no more.
    refused("a body of a GET", GET + b"Content-Length: %d\r\n\r\n" % len(EVIL) + EVIL, 405),
    refused("chunks of a GET",
            GET + CHUNKED + b"\r\n%x\r\n" % len(EVIL) + EVIL + b"\r\n0\r\n\r\n", 405),
    refused("a GET without body", GET + b"\r\n" + EVIL, 405),
    Row("a page with a body",
        GET.replace(b"greeter", b"health") + b"Content-Length: %d\r\n\r\n" % len(EVIL) + EVIL * 2,
        (200, 200), (b"evil",)),
    passed("HTTP/1.0 closes", b"POST /greeter HTTP/1.0\r\n" + HELLO + EVIL, b"hello"),
    passed("HTTP/1.0 closes, also with Keep-Alive alone",
           b"POST /greeter HTTP/1.0\r\nKeep-Alive: timeout=5\r\n" + HELLO + EVIL, b"hello"),
    passed("HTTP/1.0 that is to keep and to close",
           b"POST /greeter HTTP/1.0\r\nConnection: keep-alive, close\r\n" + HELLO + EVIL, b"hello"),
    passed("HTTP/1.0 keeps the connection, if it asks for that",
           b"POST /greeter HTTP/1.0\r\nConnection: keep-alive\r\n" + HELLO + EVIL,
           b"hello", b"evil"),
    refused("HTTP/1.0 that keeps the connection, and two framings",
            b"POST /greeter HTTP/1.0\r\nConnection: keep-alive\r\n" + CHUNKED + HELLO + EVIL),
    passed("nothing is read after Connection: close",
           HEAD + b"Connection: close\r\n" + HELLO + EVIL, b"hello"),
    passed("a body that is waited for",
           HEAD + b"Expect: 100-continue\r\n" + HELLO + EVIL, b"hello", b"evil"),
    refused("another Expect", HEAD + b"Expect: 100-continue, x\r\n" + HELLO + EVIL, 417),
)

FIRST_LINES = (
    # Two readers may split them at two places.
    *[refused(f"{line!r}", line + b"\r\nHost: a\r\n" + HELLO) for line in (
        b"POST /greeter", b"POST  /greeter HTTP/1.1", b"POST\t/greeter\tHTTP/1.1",
        b"POST /greeter HTTP/1.1 ", b" POST /greeter HTTP/1.1", b"POST /greeter HTTP/1.1\n",
        b"POST /greeter\rX HTTP/1.1", b"POST greeter HTTP/1.1", b"POST /greeter HTTP/1.1\x00",
        b"POST /greeter\x00 HTTP/1.1", b"POST /gree ter HTTP/1.1",
        b"POST /greeter# HTTP/1.1", b"POST /greeter HTTP/11", b"POST /greeter HTTP/01.1",
        b"POST(/greeter HTTP/1.1", b"POST \xef\xbc\x8fgreeter HTTP/1.1")],
)

EMPTY_LINES = (
    # Those before a request line belong to no message. Only whole ones are passed over, and few.
    *[passed(f"{before!r} before a request", before + HEAD + HELLO, b"hello")
      for before in (b"\r\n", b"\n", b"\r\n\r\n", b"\n\n", b"\n\r\n", b"\r\n" * 16)],
    *[passed(f"{between!r} between two requests",
             HEAD + HELLO + between + EVIL, b"hello", b"evil")
      for between in (b"\r\n", b"\n", b"\r\n\r\n", b"\n" * 16)],
    passed("empty lines behind chunks",
           in_chunks(b"5\r\nhello\r\n0\r\n\r\n") + b"\r\n\n" + EVIL, b"hello", b"evil"),
    passed("an empty line at the end", HEAD + HELLO + b"\r\n", b"hello"),
    # In the same place, what is nearly an empty line.
    *[Row(f"{between!r} between two requests", HEAD + HELLO + between + EVIL, (200, 400),
          (b"hello",))
      for between in (b"\r", b"\r\r\n", b"\n\r", b" \r\n", b"\r \n", b"\t\n", b"\x00\r\n", b"\x0b",
                      b"0\r\n\r\n", b"\r\n" * 17, b"\r\n\r\n5\r\n")],
    # An empty line ends a head wherever else it stands.
    refused("an empty line behind a request line",
            b"POST /greeter HTTP/1.1\r\n\r\nHost: a\r\n" + HELLO),
    refused("an LF in place of an empty line", HEAD + LENGTH_5 + b"\n" + b"hello" + EVIL),
)

HOSTS = (
    refused("two hosts", HEAD + b"Host: evil\r\n" + HELLO),
    refused("no host", b"POST /greeter HTTP/1.1\r\n" + HELLO),
    *[refused(f"host {host!r}", b"POST /greeter HTTP/1.1\r\nHost:" + host + b"\r\n" + HELLO)
      for host in (
        b"", b" ", b" :80", b" a b", b" a@evil", b" a/evil", b" a:1:2", b" a\tb", b" a#",
        b" a,b:x")],
    refused("a target of another host", HEAD.replace(b" /", b" http://evil/") + HELLO),
)

GOOD_REQUESTS = (
    # Not ambiguous at all.
    passed("a target that names the same host",
           (HEAD.replace(b" /", b" http://a/") + HELLO) * 2, b"hello", b"hello"),
    passed("one after the other", (HEAD + HELLO) * 3, b"hello", b"hello", b"hello"),
    passed("one, and half of another", HEAD + HELLO + EVIL[:-1], b"hello"),
    passed("half of one", HEAD + LENGTH_5 + b"\r\nhell"),
    passed("half of a chunk", in_chunks(b"5\r\nhell")),
    Row("one, and garbage", HEAD + HELLO + b"\r\n garbage\r\n" + EVIL, (200, 400), (b"hello",)),
)

ROWS: Sequence[Row] = (
    *TWO_FRAMINGS, *CODINGS, *LENGTHS, *CHUNKS, *CONNECTION, *BODIES, *FIRST_LINES,
    *EMPTY_LINES, *HOSTS,
    *GOOD_REQUESTS)

OK = b"HTTP/1.1 200 OK\r\n"
GOOD = OK + HELLO
POISON = OK + b"Content-Length: 6\r\n\r\npoison"
TO_H2C = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"

# What a server answers, and the status and the body that its caller gets. An empty body stands for
# any error message of the proxy.
ANSWERS: Sequence[tuple[str, bytes, int, bytes]] = (
    ("a good one", GOOD, 200, b"hello"),
    ("chunks", OK + CHUNKED + b"\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n", 200, b"hello"),
    ("interim ones before it",
     b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + CONTINUE + GOOD, 200, b"hello"),
    ("two at once", GOOD + POISON, 502, b""),
    ("more bytes than its length", GOOD + b"\r\n\r\n", 502, b""),
    ("no content, and more", b"HTTP/1.1 204 No Content\r\n\r\n" + POISON, 502, b""),
    ("headers of this hop",
     GOOD.replace(b"\r\n\r\n", b"\r\nConnection: X-Secret, Keep-Alive\r\nX-Secret: 1\r\n"
                               b"Keep-Alive: timeout=99\r\n\r\n"), 200, b"hello"),
    ("two framings", OK + LENGTH_5 + CHUNKED + b"\r\n0\r\n\r\n" + POISON, 502, b""),
    ("two lengths", OK + LENGTH_5 + b"Content-Length: 0\r\n\r\nhello" + POISON, 502, b""),
    ("no length", OK + b"\r\nhello", 502, b""),
    ("fewer bytes than its length", GOOD[:-1], 502, b""),
    ("half a chunk", OK + CHUNKED + b"\r\n5\r\nhell", 502, b""),
    ("a length with a sign", GOOD.replace(b" 5", b" +5"), 502, b""),
    ("another coding", GOOD.replace(LENGTH_5, b"Transfer-Encoding: gzip, chunked\r\n"), 502, b""),
    ("a split header",
     GOOD.replace(b"\r\n\r\n", b"\r\nX: y\nSet-Cookie: evil\r\n\r\n"), 502, b""),
    ("a space before the colon", GOOD.replace(b"Length:", b"Length :"), 502, b""),
    ("another protocol", TO_H2C + POISON, 502, b""),
    ("no HTTP", b"SSH-2.0-OpenSSH_9.6\r\n", 502, b""),
    ("nothing", b"", 502, b""),
)
