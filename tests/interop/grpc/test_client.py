"""Our caller beside a server that answers whatever a test likes: what its own caller is told."""

from __future__ import annotations

import socket
import threading
import time
import unittest
from collections.abc import Callable
from typing import Any
from xmlrpc.client import Fault

from client import NotSent, OutcomeUnknown
from interop.grpc import descriptors, frames
from interop.grpc.client import GrpcClient, StatusError
from interop.grpc.descriptors import REPEATED, File, MethodType
from interop.grpc.events import Data, Headers
from interop.grpc.framing import Messages, frame
from interop.grpc.h2 import Connection
from interop.grpc.protobuf import (
    ENUM,
    INT32,
    MESSAGE,
    STRING,
    Field,
    Malformed,
    Message,
    encode,
    pair,
)
from interop.grpc.reflection import Reflected
from interop.grpc.statuses import INTERNAL, INVALID_ARGUMENT, OK, UNAVAILABLE, UNKNOWN, Status

SERVICE = "ponte.greeter.Greeter"
REQUEST = Message("ponte.greeter.HelloRequest", (Field("text", 1, STRING),))
REPLY = Message("ponte.greeter.HelloReply", (Field("value", 1, STRING),))
FILE = File("ponte/greeter.proto", "ponte.greeter", (REQUEST, REPLY), {
    SERVICE: (MethodType("hello", REQUEST.name, REPLY.name),)})
HEAD = ((b":status", b"200"), (b"content-type", b"application/grpc"))
WORLD = encode(REPLY, {"value": "World"}, {})
# Seconds.
WAIT_S, SHORT_S = 10.0, 0.2

# Does something with a connection and a stream, on which a whole request has come.
Act = Callable[[Connection, int], object]


def reply(status: Status, *messages: bytes) -> Act:
    def act(http: Connection, stream_id: int) -> None:
        http.send_headers(stream_id, HEAD)
        for message in messages:
            http.send_data(stream_id, frame(message))
        http.send_headers(stream_id, status.fields(), True)
    return act


def reset(code: int) -> Act:
    return lambda http, stream_id: http.reset(stream_id, code)


class Peer:
    """A server of gRPC that tells its types, and does `act` with each call.

    Attribute: `paths`, of all requests that came.
    """

    def __init__(self, act: Act, answer: Callable[[bytes], bytes] | None = None) -> None:
        self._act = act
        self._answer = answer or Reflected((FILE,)).answer
        self.paths: list[str] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listening.getsockname()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        # The thread may wait in `accept`, which a close alone does not end everywhere.
        self._is_closed = True
        socket.create_connection(self.address).close()
        self._thread.join(WAIT_S)
        self._listening.close()

    _is_closed = False

    def _run(self) -> None:
        while not self._is_closed:
            sock, _ = self._listening.accept()
            with sock:
                self._serve(sock)

    def _serve(self, sock: socket.socket) -> None:
        http, asked = Connection(is_client=False), dict[int, tuple[str, Messages]]()
        while True:
            try:
                came = sock.recv(65_536)
            except OSError:
                return
            for event in http.receive(came, time.monotonic()):
                if isinstance(event, Headers):
                    path = dict(event.fields)[b":path"].decode()
                    self.paths.append(path)
                    asked[event.stream_id] = path, Messages()
                elif isinstance(event, Data):
                    path, reader = asked[event.stream_id]
                    for message in reader.feed(event.data):
                        if "reflection" in path:
                            reply(Status(OK), self._answer(message))(http, event.stream_id)
                        else:
                            self._act(http, event.stream_id)
            sock.sendall(http.data_to_send())
            if not came or http.is_ended:
                return


class ClientTest(unittest.TestCase):
    def peer(self, act: Act, answer: Callable[[bytes], bytes] | None = None) -> Peer:
        peer = Peer(act, answer)
        self.addCleanup(peer.close)
        return peer

    def client(self, peer: Peer, timeout_s: float = WAIT_S) -> GrpcClient:
        client = GrpcClient(peer.address, timeout_s=timeout_s)
        self.addCleanup(client.close)
        return client

    def assert_told(self, act: Act, error: type[Exception], words: str = "",
                    timeout_s: float = WAIT_S) -> Any:
        with self.subTest(error=error.__name__, words=words):
            client = self.client(self.peer(act), timeout_s)
            with self.assertRaisesRegex(error, words) as raised:
                client.call("greeter", "hello", ("Hello",))
            client.close()
            return raised.exception


class Outcomes(ClientTest):
    """What came of a call, by the words of rule R."""

    def test_a_value_and_types_are_asked_for_once(self) -> None:
        peer = self.peer(reply(Status(OK), WORLD))
        client = self.client(peer)
        for service in ("greeter", SERVICE, "greeter"):
            self.assertEqual(client.call(service, "hello", ("Hello",)), "World")
        self.assertEqual(peer.paths.count(f"/{SERVICE}/hello"), 3)
        # Two questions for each of the two names.
        self.assertEqual(len(peer.paths), 3 + 4)

    def test_what_has_not_run(self) -> None:
        self.assert_told(reset(frames.REFUSED_STREAM), NotSent, "refused")
        self.assert_told(reply(Status(UNAVAILABLE, "later", (("not-executed", "1"),))), NotSent,
                         "later")

    def test_what_may_have_run(self) -> None:
        for act, words in (
                (reset(frames.CANCEL), "reset the stream"),
                (lambda http, _: http.close(), "ended"),
                (reply(Status(UNAVAILABLE, "a proxy says so")), "a proxy"),
                (reply(Status(INTERNAL, "broken")), "broken"),
                (reply(Status(UNKNOWN, "no fault of ours")), "no fault"),
                (reply(Status(OK)), "not one message"),
                (reply(Status(OK), WORLD, WORLD), "not one message"),
                (reply(Status(OK), b"\x0a\xff"), "cannot be read"),
                (lambda http, call: http.send_headers(call, ((b":status", b"200"),), True),
                 "no status"),
                (lambda http, call: http.send_headers(call, ((b":status", b"502"),), True),
                 "no status")):
            self.assert_told(act, OutcomeUnknown, words)

    def test_no_reply_in_time(self) -> None:
        self.assert_told(lambda http, call: None, OutcomeUnknown, "timed out", SHORT_S)

    def test_an_answer_that_is_no_value(self) -> None:
        fault = self.assert_told(
            reply(Status(UNKNOWN, "on purpose", (("fault-code", "-32500"),))), Fault, "on purpose")
        self.assertEqual(fault.faultCode, -32500)
        self.assert_told(reply(Status(INVALID_ARGUMENT, "no text")), StatusError, "no text")
        for code in ("9" * 20, "1.5", "", "-", "--5", "\xb2"):
            trailers = (("fault-code", code),)
            self.assert_told(reply(Status(UNKNOWN, "odd", trailers)), OutcomeUnknown, "odd")

    def test_values_that_do_not_fit_are_not_sent(self) -> None:
        peer = self.peer(reply(Status(OK), WORLD))
        client = self.client(peer)
        wrong: tuple[Any, ...] = ((1,), ("a", "b"), {"name": "a"})
        for values in wrong:
            with self.assertRaises(Malformed):
                client.call("greeter", "hello", values)
        self.assertNotIn(f"/{SERVICE}/hello", peer.paths)

    def test_a_time_that_is_none(self) -> None:
        for wrong in (0, -1, float("nan"), float("inf")):
            with self.assertRaisesRegex(ValueError, "timeout_s"):
                GrpcClient(("127.0.0.1", 1), timeout_s=wrong)


class Liars(ClientTest):
    """A server whose answers about its types are wrong: one line tells it, and nothing is sent."""

    def call(self, field: Field, *, of_reply: bool = False) -> None:
        """Calls a server that describes its request, or its reply, by this field."""
        messages = (REQUEST, REPLY._replace(fields=(field,))) if of_reply \
            else (REQUEST._replace(fields=(field,)), REPLY)
        answer = Reflected((FILE._replace(messages=messages),)).answer
        peer = self.peer(reply(Status(OK), WORLD), answer)
        try:
            self.client(peer).call("greeter", "hello", ("Hello",))
        finally:
            self.assertNotIn(f"/{SERVICE}/hello", peer.paths)

    def test_types_and_numbers_that_there_are_not(self) -> None:
        for number, kind in ((1, 0), (1, 10), (1, 19), (1, -1), (1, 2**31 - 1), (0, STRING),
                             (-1, STRING), (2**29, STRING)):
            for of_reply in (False, True):
                with self.subTest(number=number, kind=kind), \
                        self.assertRaisesRegex(StatusError, "is not told"):
                    self.call(Field("text", number, kind), of_reply=of_reply)

    def test_names_of_types_that_are_not_told(self) -> None:
        for kind in (MESSAGE, ENUM):
            with self.subTest(kind), self.assertRaises(Malformed):
                self.call(Field("text", 1, kind, type_name="a.B"))

    def test_answers_that_are_no_answers(self) -> None:
        for answer in (b"", b"\xff", pair(6, b"\x0a\x00"), pair(4, b"\x0a\x01\xff"), pair(7, b"")):
            def told(_: bytes, answer: bytes = answer) -> bytes:
                return answer

            client = self.client(self.peer(reply(Status(OK)), told))
            with self.subTest(answer), self.assertRaises(StatusError):
                client.call("greeter", "hello", ("Hello",))

    def test_maps_that_are_none_are_left_out_and_the_others_are_told(self) -> None:
        key = {"name": "key", "number": 1, "type": STRING}
        value = {"name": "value", "number": 2, "type": INT32}
        entries = {
            "Good": [key, value], "NoValue": [key], "Other": [key, {**value, "name": "a"}],
            "ByMessage": [{**key, "type": MESSAGE, "type_name": ".Good"}, value],
            "List": [{**key, "label": REPEATED}, value]}
        described = encode(descriptors._FILE, {"name": "a.proto", "message_type": [
            {"name": name, "field": fields, "options": {"map_entry": True}}
            for name, fields in entries.items()]}, descriptors._TYPES)
        types, _ = descriptors.read_files([described])
        self.assertEqual(list(types), ["Good"])

    def test_who_speaks_http_1(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            def answer() -> None:
                sock, _ = listening.accept()
                with sock:
                    sock.recv(65_536)
                    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

            thread = threading.Thread(target=answer)
            thread.start()
            with self.assertRaisesRegex(NotSent, "HTTP/1.1"), \
                    GrpcClient(listening.getsockname()) as client:
                client.call("greeter", "hello", ("Hello",))
            thread.join(WAIT_S)


if __name__ == "__main__":
    unittest.main()
