"""The door of a server in this process, over a socket: both doors on one port, and bad callers."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
import unittest
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any, cast
from xmlrpc.client import ServerProxy

from interop.grpc import frames
from interop.grpc.client import GrpcClient, StatusError
from interop.grpc.door import MAX_HELD_BYTES, MAX_QUEUED_BYTES, GrpcDoor
from interop.grpc.events import Data, Ended, Event, GoingAway, Headers, Reset, Trailers
from interop.grpc.frames import CANCEL, ENHANCE_YOUR_CALM, NO_ERROR, PREFACE, REFUSED_STREAM
from interop.grpc.framing import MAX_BYTES, Messages, frame
from interop.grpc.h2 import Connection
from interop.grpc.health import NOT_SERVING, SERVING
from interop.grpc.protobuf import pair
from interop.grpc.server import open_door
from interop.grpc.statuses import (
    INVALID_ARGUMENT,
    OK,
    RESOURCE_EXHAUSTED,
    UNAVAILABLE,
    UNIMPLEMENTED,
    UNKNOWN,
)
from ponte.net.message import text_reply
from ponte.net.tls import Tls
from ponte.rpc.marshal import APPLICATION_ERROR
from server import Server
from tests.net.certificates import Certificates, needs_openssl

# Seconds.
WAIT_S = 10.0
SERVICE = "/ponte.greeter.Greeter/"
# Answers of reflection to the questions of one frame of DATA.
MOST_IN_A_READ = 2 * 1024 * 1024


class Caller:
    """One connection of gRPC, by hand."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, WAIT_S)
        self.http = Connection(is_client=True)
        self.events: list[Event] = []

    def send(self) -> None:
        while True:
            sent = self.http.data_to_send()
            if not sent:
                return
            self.socket.sendall(sent)

    def open(self, method: str, *fields: tuple[bytes, bytes], path: str = SERVICE) -> int:
        return self.http.request((
            (b":method", b"POST"), (b":scheme", b"http"), (b":path", f"{path}{method}".encode()),
            (b":authority", b"h"), (b"content-type", b"application/grpc"), (b"te", b"trailers"),
            *fields))

    def start(self, method: str, message: bytes, *fields: tuple[bytes, bytes],
              path: str = SERVICE) -> int:
        """Sends a whole request."""
        call = self.open(method, *fields, path=path)
        self.http.send_data(call, frame(message), end_stream=True)
        self.send()
        return call

    def read_until(self, is_there: Callable[[], bool], consumes: bool = True) -> None:
        deadline = time.monotonic() + WAIT_S
        while not is_there():
            assert time.monotonic() < deadline, self.events
            came = self.socket.recv(65_536)
            if not came:
                raise EOFError(self.events)
            for event in self.http.receive(came, time.monotonic()):
                self.events.append(event)
                if consumes and isinstance(event, Data):
                    self.http.consumed(event.stream_id, len(event.data))
            self.send()

    def of(self, kind: type[Any], stream_id: int = 0) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)
                and stream_id in (0, getattr(event, "stream_id", 0))]

    def fields(self, call: int) -> dict[str, str]:
        """Head and trailers of a reply, once its stream has ended."""
        self.read_until(lambda: bool(self.of(Trailers, call) or self.of(Reset, call) or [
            event for event in self.of(Headers, call) if event.end_stream]))
        return {name.decode(): value.decode() for event in (*self.of(Headers, call),
                                                            *self.of(Trailers, call))
                for name, value in event.fields}

    def messages(self, call: int) -> list[bytes]:
        return Messages().feed(b"".join(event.data for event in self.of(Data, call)))

    def status(self, call: int) -> int:
        return int(self.fields(call).get("grpc-status", "-1"))


class DoorTest(unittest.TestCase):
    """A server whose functions tell what ran."""

    engine = "events"

    def setUp(self) -> None:
        self.ran: list[str] = []
        self.go_on = threading.Event()
        self.addCleanup(self.go_on.set)
        functions: dict[str, Callable[..., Any]] = {
            "hello": self.hello, "wait": self.wait, "fails": self.fails,
            "large": self.large, "echo": self.echo}
        self.server = Server("greeter", functions, registries=(), linger_s=0.0)
        open_door(self.server, functions)
        self.door = cast(GrpcDoor, self.server._listener._door)
        self.server.start()
        self.addCleanup(self.server.close)

    def hello(self, text: str) -> str:
        self.ran.append(text)
        return f"World, {text}"

    def wait(self, text: str) -> str:
        self.ran.append(text)
        self.go_on.wait(WAIT_S)
        return text

    def fails(self) -> str:
        raise ValueError("on purpose")

    def large(self, count: int) -> bytes:
        return bytes(count)

    def echo(self, data: bytes) -> int:
        return len(data)

    def caller(self) -> Caller:
        caller = Caller(self.server.address)
        self.addCleanup(caller.socket.close)
        return caller

    def wait_for(self, is_there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not is_there():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.002)


class Doors(DoorTest):
    def test_both_doors_on_one_port(self) -> None:
        caller = self.caller()
        call = caller.start("hello", pair(1, "a"))
        self.assertEqual(caller.status(call), OK)
        self.assertEqual(caller.messages(call), [pair(1, "World, a")])
        host, port = self.server.address
        with ServerProxy(f"http://{host}:{port}/greeter") as stock:
            self.assertEqual(stock.hello("b"), "World, b")
        self.assertEqual(self.ran, ["a", "b"])
        self.assertIn("server", caller.fields(call).get("served-by", "server"))

    def test_a_preface_in_two_pieces(self) -> None:
        for size in (1, 3, 14, 23):
            caller = self.caller()
            call = caller.open("hello")
            caller.http.send_data(call, frame(pair(1, "x")), end_stream=True)
            sent = caller.http.data_to_send()
            caller.socket.sendall(sent[:size])
            time.sleep(0.01)
            caller.socket.sendall(sent[size:])
            self.assertEqual(caller.status(call), OK)

    def test_half_a_preface_and_then_http(self) -> None:
        host, port = self.server.address
        with socket.create_connection((host, port), WAIT_S) as sock:
            sock.sendall(PREFACE[:6] + b"nonsense\r\n\r\n")
            self.assertIn(b"400", sock.recv(1000)[:30])

    def test_our_client(self) -> None:
        with GrpcClient(self.server.address) as client:
            self.assertEqual(client.call("greeter", "hello", ["a"]), "World, a")
            self.assertEqual(client.call("greeter", "large", {"count": 3_000_000}),
                             bytes(3_000_000))
            self.assertEqual(client.call("greeter", "echo", [bytes(3_000_000)]), 3_000_000)
            with self.assertRaises(StatusError):
                client.call("greeter", "none")

    def test_many_calls_at_once(self) -> None:
        caller = self.caller()
        calls = [caller.start("hello", pair(1, str(number))) for number in range(90)]
        for number, call in enumerate(calls):
            self.assertEqual(caller.status(call), OK)
            self.assertEqual(caller.messages(call), [pair(1, f"World, {number}")])
        self.assertEqual(len(self.ran), 90)

    def test_the_engine_threads_is_refused(self) -> None:
        server = Server("greeter", {"hello": self.hello}, registries=(), engine="threads")
        self.addCleanup(server.close)
        with self.assertRaisesRegex(ValueError, "events"):
            open_door(server, {"hello": self.hello})


@needs_openssl
class Encrypted(unittest.TestCase):
    def test_both_doors_by_tls_told_apart_as_ever_and_http_2_by_alpn(self) -> None:
        made = Certificates(type(self))
        functions = {"hello": str.upper}
        server = Server("greeter", functions, registries=(), tls=Tls(cert=made.local))
        open_door(server, functions)
        server.start()
        self.addCleanup(server.close)
        tls = Tls(ca=made.ca)
        with GrpcClient(server.address, tls=tls) as client:
            self.assertEqual(client.call("greeter", "hello", ["a"]), "A")
        context = ssl.create_default_context(cafile=made.ca)
        host, port = server.address
        with ServerProxy(f"https://{host}:{port}/greeter", context=context) as stock:
            self.assertEqual(stock.hello("b"), "B")
        context.set_alpn_protocols(["h2", "http/1.1"])
        with socket.create_connection(server.address, WAIT_S) as sock, \
                context.wrap_socket(sock, server_hostname=host) as wrapped:
            self.assertEqual(wrapped.selected_alpn_protocol(), "h2")


class Statuses(DoorTest):
    def test_a_fault(self) -> None:
        caller = self.caller()
        fields = caller.fields(caller.start("fails", b""))
        self.assertEqual((fields["grpc-status"], fields["fault-code"]),
                         (str(UNKNOWN), str(APPLICATION_ERROR)))
        self.assertIn("on purpose", fields["grpc-message"])

    def test_what_is_refused(self) -> None:
        for method, sent, status in (("none", frame(b""), UNIMPLEMENTED),
                                     ("hello", b"", INVALID_ARGUMENT),
                                     ("hello", frame(b"") * 2, INVALID_ARGUMENT),
                                     ("hello", frame(pair(1, 5)), INVALID_ARGUMENT),
                                     ("echo", b"\0\xff\xff\xff\xff", RESOURCE_EXHAUSTED)):
            caller = self.caller()
            call = caller.open(method)
            caller.http.send_data(call, sent, end_stream=True)
            caller.send()
            self.assertEqual(caller.status(call), status, (method, sent))
        self.assertEqual(self.ran, [])

    def test_what_is_not_grpc(self) -> None:
        caller = self.caller()
        call = caller.http.request(((b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"),
                                    (b":authority", b"h")), end_stream=True)
        caller.send()
        self.assertEqual(caller.fields(call), {":status": "405"})


class Memory(DoorTest):
    """One memory of replies for both doors."""

    def test_a_repeat_by_the_other_door_is_answered_from_memory(self) -> None:
        host, port = self.server.address
        body = (b"<?xml version='1.0'?><methodCall><methodName>hello</methodName><params><param>"
                b"<value><string>once</string></value></param></params></methodCall>")

        def post(*, session: str, attempt: int) -> Any:
            connection = HTTPConnection(host, port, timeout=WAIT_S)
            self.addCleanup(connection.close)
            connection.request("POST", "/greeter", body, {
                "Content-Type": "text/xml", "Call-Session": session, "Call-Number": "1-1",
                "Call-Attempt": str(attempt)})
            reply = connection.getresponse()
            return reply, reply.read()

        # A session that is not known here runs nothing, and a new one is given.
        refused, _ = post(session="0" * 16, attempt=1)
        session = refused.headers["Call-Session"]
        caller = self.caller()
        numbered = ((b"call-session", session.encode()), (b"call-number", b"1-1"))
        first = caller.start("hello", pair(1, "once"), *numbered, (b"call-attempt", b"1"))
        self.assertEqual((caller.status(first), self.ran), (OK, ["once"]))
        again, found = post(session=session, attempt=2)
        self.assertEqual((again.status, self.ran), (200, ["once"]))
        self.assertIn(b"World, once", found)
        second = caller.start("hello", pair(1, "once"), *numbered, (b"call-attempt", b"2"))
        self.assertEqual((caller.status(second), self.ran), (OK, ["once"]))
        self.assertEqual(caller.messages(second), [pair(1, "World, once")])


class BadCallers(DoorTest):
    def test_a_call_that_was_reset_before_it_began_does_not_run(self) -> None:
        caller = self.caller()
        call = caller.open("hello")
        caller.http.send_data(call, frame(pair(1, "reset")), end_stream=True)
        # Its HEADERS, DATA and RST_STREAM come in one piece.
        sent = caller.http.data_to_send() + frames.rst_stream(call, CANCEL)
        caller.socket.sendall(sent)
        other = caller.start("hello", pair(1, "next"))
        self.assertEqual((caller.status(other), self.ran), (OK, ["next"]))

    def test_a_flood_ends_its_connection_and_no_other(self) -> None:
        flooding, other = self.caller(), self.caller()
        flooding.send()
        with contextlib.suppress(OSError):
            flooding.socket.sendall(frames.frame(frames.PING, 0, 0, b"12345678") * 10_000)
        with contextlib.suppress(EOFError, OSError):
            flooding.read_until(lambda: bool(flooding.of(GoingAway)))
            self.assertEqual(flooding.of(GoingAway)[0].code, ENHANCE_YOUR_CALM)
        self.assertEqual(other.status(other.start("hello", pair(1, "x"))), OK)

    def test_garbage_behind_the_preface(self) -> None:
        with socket.create_connection(self.server.address, WAIT_S) as sock:
            sock.sendall(PREFACE + b"garbage" * 100)
            came = b""
            while True:
                more = sock.recv(65_536)
                if not more:
                    break
                came += more
        events = Connection(is_client=True).receive(came, 0.0)
        self.assertIsInstance(events[-1], GoingAway)
        caller = self.caller()
        self.assertEqual(caller.status(caller.start("hello", pair(1, "x"))), OK)

    def test_a_slow_reader_holds_up_no_other(self) -> None:
        slow = self.caller()
        for _ in range(2):
            slow.start("large", pair(1, 3_000_000))
        slow.read_until(lambda: len(slow.of(Headers)) == 2, consumes=False)
        quick = self.caller()
        self.assertEqual(quick.status(quick.start("hello", pair(1, "x"))), OK)
        # In the same connection, too.
        self.assertEqual(slow.status(slow.start("hello", pair(1, "y"))), OK)

    def test_replies_that_nobody_reads_are_bounded(self) -> None:
        caller = self.caller()
        whole = MAX_QUEUED_BYTES // MAX_BYTES + 1
        for _ in range(whole):
            caller.start("large", pair(1, MAX_BYTES - 100))
        caller.read_until(lambda: len(caller.of(Headers)) == whole, consumes=False)
        # This call waits. Health is still told, and another caller is served.
        late = caller.start("hello", pair(1, "late"))
        caller.start("Check", b"", path="/grpc.health.v1.Health/")
        caller.read_until(lambda: len(caller.of(Headers)) == whole + 1, consumes=False)
        other = self.caller()
        self.assertEqual(other.status(other.start("hello", pair(1, "other"))), OK)
        self.assertEqual(self.ran, ["other"])
        # Once the caller reads, its call begins.
        for event in caller.of(Data):
            caller.http.consumed(event.stream_id, len(event.data))
        caller.send()
        self.assertEqual(caller.status(late), OK)
        self.assertEqual(self.ran, ["other", "late"])

    def test_a_caller_that_reads_gets_any_number_of_long_replies(self) -> None:
        caller = self.caller()
        calls = [caller.start("large", pair(1, 3_000_000)) for _ in range(20)]
        self.assertEqual({caller.status(call) for call in calls}, {OK})

    def test_questions_whose_answers_nobody_reads_are_bounded(self) -> None:
        """Reflection answers any number of them on one stream, each with far more bytes."""
        caller = self.caller()
        flood = caller.open("ServerReflectionInfo", path="/grpc.reflection.v1.ServerReflection/")
        question = frame(pair(4, "grpc.health.v1.Health"))
        for _ in range(200):
            caller.http.send_data(flood, question * 200)
        caller.send()
        # With each of these, more of the flood is sent, as far as the server opens its window.
        for _ in range(30):
            check = caller.start("Check", b"", path="/grpc.health.v1.Health/")
            caller.read_until(lambda call=check: bool(                     # type: ignore[misc]
                caller.of(Headers, call)), consumes=False)
        (connection,) = self.door._connections
        self.assertLess(connection._http.queued_bytes, MAX_QUEUED_BYTES + MOST_IN_A_READ)

    def test_requests_that_are_not_whole_are_bounded(self) -> None:
        caller = self.caller()
        calls = [caller.open("echo") for _ in range(8)]
        for call in calls:
            caller.http.send_data(call, frame(pair(1, bytes(MAX_BYTES - 100)))[:-1])
        # What our side may send is little: the other side has to be heard between.
        caller.send()
        caller.read_until(lambda: any(event.end_stream for event in caller.of(Headers)))
        refused = [event for event in caller.of(Headers) if event.end_stream]
        self.assertIn((b"grpc-status", b"%d" % RESOURCE_EXHAUSTED), refused[0].fields)
        self.assertLess(MAX_HELD_BYTES, len(calls) * MAX_BYTES)


class Drains(DoorTest):
    def test_a_drain_in_its_order(self) -> None:
        """GOAWAY says twice that the server goes; a call that runs ends well; then the stream ends.
        """
        caller = self.caller()
        call = caller.start("wait", pair(1, "x"))
        self.wait_for(lambda: self.ran == ["x"])
        drain = threading.Thread(target=self.server.drain)
        drain.start()
        self.addCleanup(drain.join)
        caller.read_until(lambda: len(caller.of(GoingAway)) == 2)
        self.assertEqual([(event.last_stream_id, event.code) for event in caller.of(GoingAway)],
                         [(frames.MAX_31, NO_ERROR), (call, NO_ERROR)])
        with self.assertRaises(OSError):
            socket.create_connection(self.server.address, WAIT_S).close()
        self.go_on.set()
        self.assertEqual(caller.status(call), OK)
        with self.assertRaises(EOFError):
            caller.read_until(lambda: False)
        self.assertEqual(caller.of(Ended), [])

    def test_what_is_not_run_any_more_is_refused_as_a_stream_of_a_server_that_goes(self) -> None:
        """So its caller may send it to another server by itself. Before, a status tells it."""
        self.door.handler = lambda *_: text_reply(503, "stopping", **{"Not-Executed": "1"})
        caller = self.caller()
        fields = caller.fields(caller.start("hello", pair(1, "x")))
        self.assertEqual((fields["grpc-status"], fields["not-executed"]), (str(UNAVAILABLE), "1"))
        self.door.is_retiring = True
        call = caller.start("hello", pair(1, "x"))
        caller.fields(call)
        self.assertEqual([event.code for event in caller.of(Reset, call)], [REFUSED_STREAM])

    def test_who_watches_the_health_is_told(self) -> None:
        caller = self.caller()
        watch = caller.start("Watch", b"", path="/grpc.health.v1.Health/")
        caller.read_until(lambda: caller.messages(watch) == [pair(1, SERVING)])
        drain = threading.Thread(target=self.server.drain)
        drain.start()
        self.addCleanup(drain.join)
        caller.read_until(lambda: caller.messages(watch)[1:] == [pair(1, NOT_SERVING)])

    def test_a_hundred_watchers_need_no_thread(self) -> None:
        before = threading.active_count()
        caller = self.caller()
        watches = [caller.start("Watch", b"", path="/grpc.health.v1.Health/") for _ in range(90)]
        caller.read_until(lambda: all(caller.messages(watch) for watch in watches))
        self.assertLessEqual(threading.active_count(), before)
        self.assertEqual(caller.status(caller.start("hello", pair(1, "x"))), OK)


if __name__ == "__main__":
    unittest.main()
