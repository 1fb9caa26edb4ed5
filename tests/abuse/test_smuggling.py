"""Smuggling: what a caller sends and what the proxy passes on are the same messages, also to another reader.

Each ambiguous request goes through a real proxy, with either engine, to a server that keeps every byte. The proxy
refuses it, or passes on what the strict reader (tests/fuzz/strict.py, which shares nothing with ponte/net/message.py)
reads as one and the same message. The same the other way: what servers answer, and what callers get.
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import unittest
from collections.abc import Iterator, Sequence
from typing import Callable, NamedTuple

from ponte.net.address import Address
from ponte.net.message import CONTINUE
from ponte.net.wire import listen
from proxy import Proxy
from tests.fakes import endpoint, hurry_listeners, show_to
from tests.fuzz import messages, strict
from tests.fuzz.mutate import Mutator, Target
from tests.fuzz.strict import Message
from tests.net.engines import Case

PATIENCE_S = 10.0
MUTATED = 120
SEED = 11
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 2\r\n\r\nok"
HEAD = b"POST /greeter HTTP/1.1\r\nHost: a\r\n"
GET = HEAD.replace(b"POST", b"GET")
EVIL = b"POST /greeter HTTP/1.1\r\nHost: evil\r\nContent-Length: 4\r\n\r\nevil"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LENGTH_5 = b"Content-Length: 5\r\n"


def setUpModule() -> None:
    hurry_listeners()


class Row(NamedTuple):
    """A stream of a caller, the statuses of the replies to it, and the bodies that are passed on."""

    name: str
    stream: bytes
    statuses: tuple[int, ...]
    bodies: tuple[bytes, ...] = ()


def refused(name: str, stream: bytes, status: int = 400) -> Row:
    return Row(name, stream, (status,))


def with_evil(framing: bytes) -> bytes:
    """A body of a chunk and an end, which by another framing would be followed by a request of its own."""
    return HEAD + framing + b"\r\n0\r\n\r\n" + EVIL


ROWS: Sequence[Row] = (
    # Two framings: one hop believes the length, the other the chunks.
    refused("CL.TE", with_evil(LENGTH_5 + CHUNKED)), refused("TE.CL", with_evil(CHUNKED + LENGTH_5)),
    refused("CL.TE, the length in the middle", with_evil(b"Content-Length: 0\r\nX: y\r\n" + CHUNKED)),
    refused("two codings", with_evil(CHUNKED + b"Transfer-Encoding: identity\r\n")),
    refused("two codings alike", with_evil(CHUNKED + CHUNKED)),
    # Codings that one hop recognizes and the other does not.
    *[refused(f"Transfer-Encoding:{coding!r}", with_evil(b"Transfer-Encoding:" + coding + b"\r\n"), 501)
      for coding in (b" xchunked", b" chunked, identity", b" identity, chunked", b" gzip, chunked", b" chunked,",
                     b' "chunked"', b" chunked;q=1", b" identity", b"", b" ,chunked", b" chun\xe9ked")],
    *[refused(f"{line!r}", with_evil(line + b"\r\n")) for line in (
        b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked", b" Transfer-Encoding: chunked",
        b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding: chunked\x00", b"X: y\rTransfer-Encoding: chunked",
        b"X: y\nTransfer-Encoding: chunked", b"Transfer-Encoding:\r\n chunked", b"Transfer-Encoding:\n chunked",
        b"\x00Transfer-Encoding: chunked", b"Transfer-Encoding", b"X: y\r\r\nTransfer-Encoding: chunked")],
    Row("a tab before the coding", HEAD + b"Transfer-Encoding:\tChUnKeD \r\n\r\n5\r\nhello\r\n0\r\n\r\n", (200,),
        (b"hello",)),
    refused("chunked before HTTP/1.1", with_evil(CHUNKED).replace(b"HTTP/1.1", b"HTTP/1.0", 1)),
    # Lengths that two readers may read as two numbers.
    *[refused(f"Content-Length:{length!r}", HEAD + b"Content-Length:" + length + b"\r\n\r\nhello" + EVIL)
      for length in (b" +5", b" -5", b" 5,5", b" 5, 5", b" 0x5", b" 5.0", b" 1_0", b"", b" 5 0", b" 5;", b"\x0b5",
                     b" \xb2", b" 5\x00", b" 9223372036854775813", b" 4294967301e0")],
    refused("two lengths", HEAD + LENGTH_5 + b"Content-Length: 0\r\n\r\nhello" + EVIL),
    refused("two lengths alike", HEAD + LENGTH_5 * 2 + b"\r\nhello" + EVIL),
    refused("a length after a bare CR", HEAD + b"X: y\rContent-Length: 0\r\n" + LENGTH_5 + b"\r\nhello"),
    refused("a length that goes on", HEAD + b"Content-Length: 5\r\n 0\r\n\r\nhello"),
    refused("no length", HEAD + b"\r\n" + EVIL, 411),
    Row("a length of zeros", HEAD + b"Content-Length: 0000000005\r\n\r\nhello", (200,), (b"hello",)),
    Row("another header that sounds like it", HEAD + b"Content_Length: 0\r\n" + LENGTH_5 + b"\r\nhello" + EVIL,
        (200, 200), (b"hello", b"evil")),
    # Chunks of which the ends may be seen at two places.
    *[refused(f"chunk size {size!r}", HEAD + CHUNKED + b"\r\n" + size + b"\r\nhello\r\n0\r\n\r\n" + EVIL)
      for size in (b"0x5", b"+5", b"-5", b"5 ", b" 5", b"5\x0b", b"", b"1_0", b"5\n", b"5;a\nb", b"5;a\rb", b"5\r",
                   b"100000005", b"ffffffffffffffff5", b"5,", b"\xb2")],
    refused("a chunk that is longer than it says", HEAD + CHUNKED + b"\r\n3\r\nhello\r\n0\r\n\r\n" + EVIL),
    refused("a chunk that ends in LF", HEAD + CHUNKED + b"\r\n5\r\nhello\n0\r\n\r\n" + EVIL),
    refused("an end in LF", HEAD + CHUNKED + b"\r\n5\r\nhello\r\n0\n\n" + EVIL),
    refused("a trailer that is a request", HEAD + CHUNKED + b"\r\n0\r\n" + EVIL),
    Row("a trailer that is a length", HEAD + CHUNKED + b"\r\n5;x=y\r\nhello\r\n0\r\nContent-Length: 99\r\n\r\n" + EVIL,
        (200, 200), (b"hello", b"evil")),
    Row("zeros that are no end", HEAD + CHUNKED + b"\r\n00000005\r\nhello\r\n000\r\n\r\n", (200,), (b"hello",)),
    Row("an end in a chunk", HEAD + CHUNKED + b"\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n", (200,), (b"0\r\n\r\n",)),
    # Headers that tell the next hop to take others away.
    *[refused(f"Connection: {name}", HEAD + b"Connection: close, " + name.encode() + b"\r\n" + LENGTH_5 + b"\r\nhello")
      for name in ("Content-Length", "host")],
    Row("Connection: names what this hop writes", HEAD + b"Connection: via, idempotency-key\r\n" + LENGTH_5
        + b"\r\nhello" + EVIL, (200, 200), (b"hello", b"evil")),
    Row("an upgrade", HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
        + LENGTH_5 + b"\r\nhello" + EVIL, (200, 200), (b"hello", b"evil")),
    # Bodies where some reader expects none.
    refused("a body of a GET", GET + b"Content-Length: %d\r\n\r\n" % len(EVIL) + EVIL, 405),
    refused("chunks of a GET", GET + CHUNKED + b"\r\n%x\r\n" % len(EVIL) + EVIL + b"\r\n0\r\n\r\n", 405),
    refused("a GET without body", GET + b"\r\n" + EVIL, 405),
    Row("a page with a body", GET.replace(b"greeter", b"health") + b"Content-Length: %d\r\n\r\n" % len(EVIL) + EVIL * 2,
        (200, 200), (b"evil",)),
    Row("HTTP/1.0 closes", b"POST /greeter HTTP/1.0\r\nConnection: keep-alive\r\n" + LENGTH_5 + b"\r\nhello" + EVIL,
        (200,), (b"hello",)),
    Row("who closes sends no more", HEAD + b"Connection: close\r\n" + LENGTH_5 + b"\r\nhello" + EVIL, (200,),
        (b"hello",)),
    Row("a body that is waited for", HEAD + b"Expect: 100-continue\r\n" + LENGTH_5 + b"\r\nhello" + EVIL, (200, 200),
        (b"hello", b"evil")),
    refused("another Expect", HEAD + b"Expect: 100-continue, x\r\n" + LENGTH_5 + b"\r\nhello" + EVIL, 417),
    # First lines that two readers may split at two places.
    *[refused(f"{line!r}", line + b"\r\nHost: a\r\n" + LENGTH_5 + b"\r\nhello") for line in (
        b"POST /greeter", b"POST  /greeter HTTP/1.1", b"POST\t/greeter\tHTTP/1.1", b"POST /greeter HTTP/1.1 ",
        b" POST /greeter HTTP/1.1", b"POST /greeter HTTP/1.1\n", b"POST /greeter\rX HTTP/1.1", b"POST greeter HTTP/1.1",
        b"POST /greeter HTTP/1.1\x00", b"POST /greeter\x00 HTTP/1.1", b"POST /gree ter HTTP/1.1",
        b"\r\nPOST / HTTP/1.1", b"POST /greeter# HTTP/1.1", b"POST /greeter HTTP/11", b"POST /greeter HTTP/01.1",
        b"POST(/greeter HTTP/1.1", b"POST \xef\xbc\x8fgreeter HTTP/1.1")],
    # Hosts.
    refused("two hosts", HEAD + b"Host: evil\r\n" + LENGTH_5 + b"\r\nhello"),
    refused("no host", b"POST /greeter HTTP/1.1\r\n" + LENGTH_5 + b"\r\nhello"),
    *[refused(f"host {host!r}", b"POST /greeter HTTP/1.1\r\nHost:" + host + b"\r\n" + LENGTH_5 + b"\r\nhello")
      for host in (b"", b" ", b" :80", b" a b", b" a@evil", b" a/evil", b" a:1:2", b" a\tb", b" a#", b" a,b:x")],
    refused("a target of another host", HEAD.replace(b" /", b" http://evil/") + LENGTH_5 + b"\r\nhello"),
    # And what is not ambiguous at all.
    Row("a target that names the same host", (HEAD.replace(b" /", b" http://a/") + LENGTH_5 + b"\r\nhello") * 2,
        (200,) * 2, (b"hello",) * 2),
    Row("one after the other", (HEAD + LENGTH_5 + b"\r\nhello") * 3, (200,) * 3, (b"hello",) * 3),
    Row("one, and half of another", HEAD + LENGTH_5 + b"\r\nhello" + EVIL[:-1], (200,), (b"hello",)),
    Row("a half one", HEAD + LENGTH_5 + b"\r\nhell", ()), Row("a half chunk", HEAD + CHUNKED + b"\r\n5\r\nhell", ()),
    Row("one, and garbage", HEAD + LENGTH_5 + b"\r\nhello\r\n\r\n" + EVIL, (200, 400), (b"hello",)),
)

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"

# What a server answers, and the status and body that its caller gets; an empty body: whatever the proxy says of it.
ANSWERS: Sequence[tuple[str, bytes, int, bytes]] = (
    ("a good one", GOOD, 200, b"hello"),
    ("chunks", b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n", 200, b"hello"),
    ("interim ones before it", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + CONTINUE + GOOD, 200, b"hello"),
    ("two at once", GOOD + POISON, 502, b""), ("more than it says", GOOD + b"\r\n\r\n", 502, b""),
    ("no content, and more", b"HTTP/1.1 204 No Content\r\n\r\n" + POISON, 502, b""),
    ("headers of this hop", GOOD.replace(b"\r\n\r\n", b"\r\nConnection: X-Secret, Keep-Alive\r\nX-Secret: 1\r\n"
                                                     b"Keep-Alive: timeout=99\r\n\r\n"), 200, b"hello"),
    ("two framings", b"HTTP/1.1 200 OK\r\n" + LENGTH_5 + CHUNKED + b"\r\n0\r\n\r\n" + POISON, 502, b""),
    ("two lengths", b"HTTP/1.1 200 OK\r\n" + LENGTH_5 + b"Content-Length: 0\r\n\r\nhello" + POISON, 502, b""),
    ("no length", b"HTTP/1.1 200 OK\r\n\r\nhello", 502, b""),
    ("less than it says", GOOD[:-1], 502, b""),
    ("half a chunk", b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n5\r\nhell", 502, b""),
    ("a length in words", GOOD.replace(b" 5", b" +5"), 502, b""),
    ("another coding", GOOD.replace(LENGTH_5, b"Transfer-Encoding: gzip, chunked\r\n"), 502, b""),
    ("a split header", GOOD.replace(b"\r\n\r\n", b"\r\nX: y\nSet-Cookie: evil\r\n\r\n"), 502, b""),
    ("a space before the colon", GOOD.replace(b"Length:", b"Length :"), 502, b""),
    ("another protocol", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + POISON, 502, b""),
    ("no HTTP", b"SSH-2.0-OpenSSH_9.6\r\n", 502, b""), ("nothing", b"", 502, b""),
)


class Recorder:
    """A server that keeps every byte, and answers each message that the strict reader finds in them."""

    def __init__(self, answer: Callable[[Message], bytes]) -> None:
        self._answer = answer
        self._socket = listen("127.0.0.1", 0)
        self.address: Address = self._socket.getsockname()
        self._closed = False            # written once, before the last connection
        self._lock = threading.Lock()
        self._streams: list[bytearray] = []             # Guarded by self._lock, as is:
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def streams(self) -> list[bytes]:
        """What came, of each connection on which something did."""
        with self._lock:
            return [bytes(stream) for stream in self._streams if stream]

    def close(self) -> None:
        self._closed = True
        socket.create_connection(self.address, PATIENCE_S).close()      # wakes the one that accepts
        self._threads[0].join()
        self._socket.close()
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if self._closed:
                connection.close()
                return
            connection.settimeout(PATIENCE_S)
            stream = bytearray()
            with self._lock:
                self._connections.append(connection)
                self._streams.append(stream)
            self._threads.append(threading.Thread(target=self._serve, args=(connection, stream)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket, stream: bytearray) -> None:
        answered = 0
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(65536):
                with self._lock:
                    stream += data
                reading = strict.read_requests(bytes(stream))
                for message in reading.messages[answered:]:
                    answer = self._answer(message)
                    connection.sendall(answer)
                    if not answer.startswith(OK):
                        return          # what is wrong may also be that nothing more comes
                    answered += 1
                if reading.broken:
                    return


class Relayed(Case):
    """A proxy that knows one server, a new one in each test."""

    engine: str

    def setUp(self) -> None:
        self.proxy = Proxy(port=0, engine=self.engine, registries=(), name="proxy-1")
        self.addCleanup(self.proxy.close)
        self.proxy.start()

    @contextlib.contextmanager
    def server(self, answer: Callable[[Message], bytes]) -> Iterator[Recorder]:
        with contextlib.closing(Recorder(answer)) as recorder:
            show_to(self.proxy, endpoint(f"s{recorder.address[1]}", port=recorder.address[1]))
            yield recorder

    def exchange(self, stream: bytes) -> list[Message]:
        """What a caller gets who sends all of this at once, and nothing more."""
        with socket.create_connection(self.proxy.address, PATIENCE_S) as caller:
            caller.sendall(stream)
            caller.shutdown(socket.SHUT_WR)
            came = b""
            while data := caller.recv(65536):
                came += data
        return self.strictly(strict.read_replies(came), came)

    def strictly(self, reading: strict.Reading, stream: bytes) -> list[Message]:
        """The messages of a stream that has nothing else in it."""
        self.assertEqual((reading.broken, reading.unfinished), ("", False), stream)
        return reading.messages

    def passed_on(self, recorder: Recorder) -> list[Message]:
        return [message for stream in recorder.streams
                for message in self.strictly(strict.read_requests(stream), stream)]

    def assert_same(self, sent: Message, passed: Message) -> None:
        """One message, of one length, and nothing of the caller's hop in it."""
        self.assertEqual((passed.words[:2], passed.body), (sent.words[:2], sent.body))
        names = [name for name, _ in passed.headers]
        self.assertEqual(names.count(b"content-length"), 1)
        self.assertEqual(len(names), len(set(names)))
        self.assertTrue(set(names).isdisjoint((b"transfer-encoding", b"connection", b"upgrade", b"expect", b"te")))


class Smuggling(Relayed):

    def test_an_ambiguous_request_is_refused_and_all_others_are_passed_on_as_they_are(self) -> None:
        """Row by row: the replies, and to another reader the same messages in front of the proxy and behind it."""
        for row in ROWS:
            with self.subTest(row.name), self.server(lambda message: OK) as recorder:
                replies = self.exchange(row.stream)
                self.assertEqual(tuple(int(reply.words[1]) for reply in replies), row.statuses)
                passed = self.passed_on(recorder)
                self.assertEqual(tuple(message.body for message in passed), row.bodies)
                sent = [message for message in strict.read_requests(row.stream).messages if message.words[0] == b"POST"]
                for one, other in zip(sent, passed):
                    self.assert_same(one, other)

    def test_whatever_is_passed_on_was_sent(self) -> None:
        """Mutated requests: what the server gets is what the strict reader reads of them, in order."""
        seeds = [row.stream for row in ROWS if row.bodies]
        mutator = Mutator(Target("", seeds, messages.REQUEST_WORDS, str), random.Random(SEED))
        passed_on = 0
        with self.server(lambda message: OK) as recorder:
            for _ in range(MUTATED):
                stream = mutator.draw()
                before = len(self.passed_on(recorder))
                self.exchange(stream)
                passed = self.passed_on(recorder)[before:]
                sent = [message for message in strict.read_requests(stream).messages
                        if message.words[0] == b"POST" and message.words[1].strip(b"/") == b"greeter"]
                self.assertLessEqual(len(passed), len(sent), stream)
                for one, other in zip(sent, passed):
                    self.assert_same(one, other)
                passed_on += len(passed)
        self.assertGreater(passed_on, MUTATED // 10)

    def test_whatever_a_server_answers_its_caller_gets_one_reply(self) -> None:
        """And the next caller gets the reply to what it asked itself, not what was left of another."""
        for name, answer, status, body in ANSWERS:
            with self.subTest(name), self.server(
                    lambda message, answer=answer: OK if message.body == b"next" else answer):  # type: ignore[misc]
                reply, = self.exchange(HEAD + LENGTH_5 + b"Call-Idempotent: 1\r\n\r\nhello")
                self.assertEqual((int(reply.words[1]), body and reply.body), (status, body))
                self.assertTrue({b"x-secret", b"keep-alive", b"set-cookie"}.isdisjoint(dict(reply.headers)))
            with self.subTest(f"after {name}"), self.server(lambda message: OK):
                reply, = self.exchange(HEAD + b"Content-Length: 4\r\n\r\nnext")
                self.assertEqual(reply.body, b"ok")


class SmugglingOfThreads(Smuggling, unittest.TestCase):
    engine = "threads"


class SmugglingOfEvents(Smuggling, unittest.TestCase):
    engine = "events"


if __name__ == "__main__":
    unittest.main()
