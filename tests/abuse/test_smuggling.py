"""Smuggling: a proxy passes on the same messages that its caller sent, also for another reader.

Each ambiguous request (tests/abuse/ambiguous.py) goes through a real proxy, with either engine, to
a server that keeps every byte. The proxy refuses it, or passes on what the strict reader reads as
one and the same message (tests/fuzz/strict.py, which shares nothing with ponte/net/parser.py). The
same is checked the other way: what servers answer, and what callers get.
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import unittest
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ponte.net.address import Address
from ponte.net.stream import listen
from proxy import Proxy
from tests.abuse.ambiguous import ANSWERS, HEAD, HELLO, ROWS
from tests.abuse.ports import nobody_leaves
from tests.fakes import endpoint, hurry_listeners, show_to
from tests.fuzz import messages, strict
from tests.fuzz.mutate import Mutator, Target
from tests.fuzz.strict import Message

if TYPE_CHECKING:
    Case = unittest.TestCase
else:
    # The tests run in the concrete classes below, not by themselves.
    Case = object

PATIENCE_S = 10.0
# How often a thread looks whether its server was closed: on Windows, a shutdown does not wake it.
TICK_S = 0.05
MUTATED = 120
SEED = 11
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 2\r\n\r\nok"


def setUpModule() -> None:
    hurry_listeners()


class Recorder:
    """A server that keeps every byte, and answers each message that the strict reader finds."""

    def __init__(self, answer: Callable[[Message], bytes]) -> None:
        self._answer = answer
        self._socket = listen("127.0.0.1", 0)
        self.address: Address = self._socket.getsockname()
        # Set once, before the last connection. The threads read it.
        self._closed = False
        self._lock = threading.Lock()
        # Guarded by self._lock: what came on each connection.
        self._streams: list[bytearray] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def streams(self) -> list[bytes]:
        """What came on each connection; connections without a byte are left out."""
        with self._lock:
            return [bytes(stream) for stream in self._streams if stream]

    def close(self) -> None:
        self._closed = True
        # A last connection wakes the thread that accepts.
        socket.create_connection(self.address, PATIENCE_S).close()
        self._threads[0].join()
        self._socket.close()
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if self._closed:
                connection.close()
                return
            stream = bytearray()
            with self._lock:
                self._streams.append(stream)
            self._threads.append(threading.Thread(target=self._serve, args=(connection, stream)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket, stream: bytearray) -> None:
        answered = 0
        with connection, contextlib.suppress(OSError):
            while data := self._receive(connection):
                with self._lock:
                    stream += data
                reading = strict.read_requests(bytes(stream))
                for message in reading.messages[answered:]:
                    answer = self._answer(message)
                    connection.sendall(answer)
                    # The end of the stream belongs to a bad answer: it may be its mistake.
                    if not answer.startswith(OK):
                        return
                    answered += 1
                if reading.broken:
                    return

    def _receive(self, connection: socket.socket) -> bytes:
        """What comes next; no bytes at the end of the stream, or of this server."""
        connection.settimeout(TICK_S)
        while not self._closed:
            with contextlib.suppress(socket.timeout):
                data = connection.recv(65536)
                # A reply is sent with more patience.
                connection.settimeout(PATIENCE_S)
                return data
        return b""


class Relayed(Case):
    """A proxy that knows one server, a new one in each test."""

    engine: str

    def setUp(self) -> None:
        self.proxy = Proxy(port=0, engine=self.engine, registries=(), name="proxy-1")
        self.addCleanup(self.proxy.close)
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        stack.enter_context(nobody_leaves())
        self.proxy.start()

    @contextlib.contextmanager
    def server(self, answer: Callable[[Message], bytes]) -> Iterator[Recorder]:
        with contextlib.closing(Recorder(answer)) as recorder:
            show_to(self.proxy, endpoint(f"s{recorder.address[1]}", port=recorder.address[1],
                                         remembers=False))
            yield recorder

    def exchange(self, stream: bytes) -> list[Message]:
        """Sends all of this at once, and nothing more. Returns the replies that the caller gets."""
        with socket.create_connection(self.proxy.address, PATIENCE_S) as caller:
            caller.sendall(stream)
            caller.shutdown(socket.SHUT_WR)
            came = b""
            while data := caller.recv(65536):
                came += data
        return self.strictly(strict.read_replies(came), came)

    def strictly(self, reading: strict.Reading, stream: bytes) -> list[Message]:
        """The messages of a stream that has nothing else in it."""
        self.assertEqual(reading.broken, "", stream)
        self.assertFalse(reading.unfinished, stream)
        return reading.messages

    def passed_on(self, recorder: Recorder) -> list[Message]:
        """The messages that the server has got."""
        return [message for stream in recorder.streams
                for message in self.strictly(strict.read_requests(stream), stream)]

    def assert_same(self, sent: Message, passed: Message) -> None:
        """One message, of one length, and nothing of the caller's hop in it."""
        self.assertEqual(passed.words[:2], sent.words[:2])
        self.assertEqual(passed.body, sent.body)
        names = [name for name, _ in passed.headers]
        self.assertEqual(names.count(b"content-length"), 1)
        self.assertEqual(len(names), len(set(names)))
        of_the_hop = {b"transfer-encoding", b"connection", b"upgrade", b"expect", b"te"}
        self.assertEqual(of_the_hop.intersection(names), set())


class Smuggling(Relayed):
    """What goes in at one side of a proxy, and what comes out at the other."""

    def test_an_ambiguous_request_is_refused_and_all_others_are_passed_on_as_they_are(self) -> None:
        """Row by row: the replies; and another reader sees the same messages on both sides."""
        for row in ROWS:
            with self.subTest(row.name), self.server(lambda message: OK) as recorder:
                replies = self.exchange(row.stream)
                self.assertEqual(tuple(int(reply.words[1]) for reply in replies), row.statuses)
                passed = self.passed_on(recorder)
                self.assertEqual(tuple(message.body for message in passed), row.bodies)
                sent = [message for message in strict.read_requests(row.stream).messages
                        if message.words[0] == b"POST"]
                for one, other in zip(sent, passed):
                    self.assert_same(one, other)

    def test_whatever_is_passed_on_was_sent(self) -> None:
        """Mutated requests: the server gets what the strict reader reads of them, in order."""
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
                        if is_for_the_service(message)]
                self.assertLessEqual(len(passed), len(sent), stream)
                for one, other in zip(sent, passed):
                    self.assert_same(one, other)
                passed_on += len(passed)
        self.assertGreater(passed_on, MUTATED // 10)

    def test_whatever_a_server_answers_its_caller_gets_one_reply(self) -> None:
        """And the next caller gets the reply to its own request, not the rest of another reply."""
        for name, answer, status, body in ANSWERS:
            def answer_first(message: Message, answer: bytes = answer) -> bytes:
                return OK if message.body == b"next" else answer

            with self.subTest(name), self.server(answer_first):
                reply, = self.exchange(HEAD + b"Call-Idempotent: 1\r\n" + HELLO)
                self.assertEqual(int(reply.words[1]), status)
                if body:
                    self.assertEqual(reply.body, body)
                headers = dict(reply.headers)
                self.assertEqual(headers.keys() & {b"x-secret", b"set-cookie"}, set())
                # What is there of this kind is of the proxy's own hop.
                self.assertIn(headers.get(b"keep-alive"), (None, b"timeout=60"))
                self.assertIn(headers[b"connection"], (b"keep-alive", b"close"))
            with self.subTest(f"after {name}"), self.server(lambda message: OK):
                reply, = self.exchange(HEAD + b"Content-Length: 4\r\n\r\nnext")
                self.assertEqual(reply.body, b"ok")


def is_for_the_service(message: Message) -> bool:
    method, target = message.words[:2]
    return method == b"POST" and target.strip(b"/") == b"greeter"


class SmugglingOfThreads(Smuggling, unittest.TestCase):
    engine = "threads"


class SmugglingOfEvents(Smuggling, unittest.TestCase):
    engine = "events"


if __name__ == "__main__":
    unittest.main()
