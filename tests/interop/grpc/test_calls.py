"""A call of gRPC in the words of XML-RPC, and what the exchange of each stream does."""

from __future__ import annotations

import unittest
from typing import Any
from xmlrpc.client import Fault

from interop.grpc import health
from interop.grpc.calls import CONTENT, Head, Opening, outcome_of, read_head, timeout_ms
from interop.grpc.contract import contract
from interop.grpc.exchanges import (
    Exchange,
    HealthCheck,
    HealthWatch,
    Reflection,
    Served,
    UnaryCall,
    begin,
)
from interop.grpc.framing import frame
from interop.grpc.health import NOT_SERVING, SERVICE_UNKNOWN, SERVING, Health
from interop.grpc.protobuf import decode, encode, pair
from interop.grpc.reflection import REPLY, REQUEST, TYPES, Reflected
from interop.grpc.server import file_of
from interop.grpc.statuses import (
    INVALID_ARGUMENT,
    NOT_FOUND,
    OK,
    RESOURCE_EXHAUSTED,
    UNIMPLEMENTED,
    UNKNOWN,
    Refused,
    Status,
)
from ponte.net.message import ProtocolError, Reply
from ponte.rpc.dispatcher import Dispatcher
from ponte.rpc.marshal import CONTENT_TYPE, encode_fault, encode_result

FIELDS = ((b":method", b"POST"), (b":scheme", b"http"),
          (b":path", b"/ponte.greeter.Greeter/hello"), (b":authority", b"h"),
          (b"content-type", CONTENT.encode()), (b"te", b"trailers"))
TRACE = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"


def hello(text: str) -> str:
    return text.upper()


def served() -> Served:
    functions = {"hello": hello}
    made = contract("greeter", functions)
    reflected = Reflected((file_of(made), health.FILE))
    return Served("greeter", Dispatcher(functions).prepare_call, made,
                  Health((made.service, health.SERVICE)), reflected)


class Written:
    """What an exchange sends."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.ended: list[Status] = []

    def send(self, stream_id: int, message: bytes) -> None:
        self.messages.append(message)

    def end(self, stream_id: int, status: Status) -> None:
        self.ended.append(status)


def head(path: str, *fields: tuple[bytes, bytes]) -> Head:
    return read_head((*FIELDS[:2], (b":path", path.encode()), *FIELDS[3:], *fields))


class Heads(unittest.TestCase):
    def test_what_is_passed_on(self) -> None:
        found = read_head((*FIELDS, (b"user-agent", b"x"), (b"grpc-timeout", b"1500m"),
                           (b"call-session", b"s"), (b"call-number", b"3-1"), (b"a", b"1"),
                           (b"a", b"2"), (b"traceparent", TRACE), (b"content-length", b"5")))
        self.assertEqual(dict(found.headers), {
            "user-agent": "x", "call-session": "s", "a": "1,2", "call-timeout-ms": "1500",
            "content-type": CONTENT_TYPE})
        self.assertEqual((found.path, found.call_number, found.traceparent, found.encoding),
                         ("/ponte.greeter.Greeter/hello", "3-1", TRACE.decode(), "identity"))

    def test_a_caller_cannot_write_what_we_write(self) -> None:
        """call-timeout-ms is made of grpc-timeout alone; a trace of another form is no trace."""
        found = read_head((*FIELDS, (b"call-timeout-ms", b"9"), (b"traceparent", b"00-x")))
        self.assertNotIn("call-timeout-ms", found.headers)
        self.assertEqual(found.traceparent, "")

    def test_what_is_not_grpc(self) -> None:
        for status, fields in (
                (405, ((b":method", b"GET"), *FIELDS[1:])),
                (415, FIELDS[:4]), (415, (*FIELDS[:4], (b"content-type", b"text/xml"))),
                (415, (*FIELDS[:4], (b"content-type", b"application/grpc-web")))):
            with self.subTest(fields), self.assertRaises(ProtocolError) as caught:
                read_head(fields)
            self.assertEqual(caught.exception.status, status)
        for kind in (b"application/grpc+proto", b"application/grpc;charset=x"):
            read_head((*FIELDS[:4], (b"content-type", kind)))

    def test_timeouts(self) -> None:
        for text, found in (("1H", 3_600_000), ("2M", 120_000), ("3S", 3000), ("5m", 5),
                            ("1n", 1), ("0S", 1), ("99999999u", 99_999)):
            self.assertEqual(timeout_ms(text), found)
        for text in ("", "1", "S", "-1S", "1.5S", "123456789S", "1s", " 1S", "1S\n", "٣S"):
            with self.subTest(text), self.assertRaises(Refused) as caught:
                timeout_ms(text)
            self.assertEqual(caught.exception.status, INVALID_ARGUMENT)

    def test_an_encoding_that_is_not_read(self) -> None:
        with self.assertRaises(Refused) as caught:
            read_head((*FIELDS, (b"grpc-encoding", b"br")))
        self.assertEqual(caught.exception.status, UNIMPLEMENTED)


class Outcomes(unittest.TestCase):
    RPC = contract("greeter", {"hello": hello}).rpcs["hello"]

    def test_a_value(self) -> None:
        message, status = outcome_of(self.RPC, Reply(200, {}, encode_result("World")))
        self.assertEqual((message, status), (b"\n\x05World", Status(OK)))

    def test_a_fault_and_a_refusal(self) -> None:
        message, status = outcome_of(self.RPC, Reply(200, {}, encode_fault(Fault(7, "no"))))
        self.assertEqual((message, status.code, status.message), (None, UNKNOWN, "no"))
        self.assertEqual(outcome_of(self.RPC, Reply(404, {}, b""))[1].code, UNIMPLEMENTED)

    def test_a_result_that_its_reply_cannot_carry_did_run(self) -> None:
        message, status = outcome_of(self.RPC, Reply(200, {}, encode_result(5)))
        self.assertEqual((message, status.code), (None, UNKNOWN))
        self.assertIn("did run", status.message)


class Exchanges(unittest.TestCase):
    def setUp(self) -> None:
        self.served, self.written = served(), Written()

    def begin(self, path: str, *fields: tuple[bytes, bytes]) -> Exchange:
        return begin(Opening(1, head(path, *fields), ("h", 1)), self.served, self.written)

    def refused(self, made: Any) -> int:
        with self.assertRaises(Refused) as caught:
            made()
        return caught.exception.status

    def test_each_path_has_its_exchange(self) -> None:
        for path, kind in (("/ponte.greeter.Greeter/hello", UnaryCall),
                           ("/grpc.health.v1.Health/Check", HealthCheck),
                           ("/grpc.health.v1.Health/Watch", HealthWatch),
                           ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                            Reflection),
                           ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                            Reflection)):
            self.assertIs(type(self.begin(path)), kind)
        for path in ("/", "/ponte.greeter.Greeter/", "/ponte.greeter.Greeter/none", "/x/hello",
                     "/ponte.greeter.Greeter/hello/", "//hello", "/" + "x" * 10_000):
            self.assertEqual(self.refused(lambda path=path: self.begin(path)), UNIMPLEMENTED)

    def test_a_call_becomes_a_request(self) -> None:
        call = self.begin("/ponte.greeter.Greeter/hello", (b"call-session", b"s"),
                          (b"call-number", b"1-1"))
        call.feed(frame(b"\n\x05Hello")[:4])
        call.feed(frame(b"\n\x05Hello")[4:])
        request = call.finish()
        assert request
        self.assertEqual((request.method, request.target, request.call_number, request.peer),
                         ("POST", "/greeter", "1-1", ("h", 1)))
        self.assertIn(b"<string>Hello</string>", request.body)
        self.assertEqual(call.held_bytes, 0)

    def test_a_request_is_one_whole_message(self) -> None:
        for sent in (b"", frame(b"") + b"\0", frame(b"x")[:-1]):
            call = self.begin("/ponte.greeter.Greeter/hello")
            call.feed(sent)
            self.assertEqual(self.refused(call.finish), INVALID_ARGUMENT)
        call = self.begin("/ponte.greeter.Greeter/hello")
        self.assertEqual(self.refused(lambda: call.feed(frame(b"") * 2)), INVALID_ARGUMENT)
        call = self.begin("/ponte.greeter.Greeter/hello")
        self.assertEqual(self.refused(lambda: call.feed(b"\0\xff\0\0\0")), RESOURCE_EXHAUSTED)

    def test_a_message_that_does_not_fit_is_refused_before_a_numbered_call_runs(self) -> None:
        call = self.begin("/ponte.greeter.Greeter/hello", (b"call-session", b"s"))
        call.feed(frame(pair(1, 5)))
        self.assertEqual(self.refused(call.finish), INVALID_ARGUMENT)

    def test_health_is_asked(self) -> None:
        for name in ("", "ponte.greeter.Greeter", health.SERVICE):
            check = self.begin("/grpc.health.v1.Health/Check")
            check.feed(frame(pair(1, name) if name else b""))
            check.finish()
            self.assertEqual((self.written.messages.pop(), self.written.ended.pop()),
                             (pair(1, SERVING), Status(OK)))
        check = self.begin("/grpc.health.v1.Health/Check")
        check.feed(frame(pair(1, "nobody")))
        self.assertEqual(self.refused(check.finish), NOT_FOUND)
        check = self.begin("/grpc.health.v1.Health/Check")
        check.feed(frame(pair(1, b"\xff")))
        self.assertEqual(self.refused(check.finish), INVALID_ARGUMENT)

    def test_health_is_watched_until_the_watcher_leaves(self) -> None:
        watches = []
        for name in ("", "nobody"):
            watch = self.begin("/grpc.health.v1.Health/Watch")
            watch.feed(frame(pair(1, name) if name else b""))
            watch.finish()
            watches.append(watch)
        self.assertEqual(self.written.messages, [pair(1, SERVING), pair(1, SERVICE_UNKNOWN)])
        watches[1].leave()
        self.served.health.stop()
        self.served.health.stop()
        self.assertEqual(self.written.messages[2:], [pair(1, NOT_SERVING)])
        self.assertEqual(self.written.ended, [])
        watches[0].leave()
        self.assertEqual(self.served.health.watching, {})

    def ask(self, **question: Any) -> dict[str, Any]:
        asked = self.begin("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
        asked.feed(frame(encode(REQUEST, question, TYPES)))
        return decode(REPLY, self.written.messages.pop(), TYPES)

    def test_reflection(self) -> None:
        names = [each["name"] for each in
                 self.ask(list_services="*")["list_services_response"]["service"]]
        self.assertIn("ponte.greeter.Greeter", names)
        self.assertIn(health.SERVICE, names)
        for symbol in ("ponte.greeter.Greeter", "ponte.greeter.Greeter.hello",
                       "ponte.greeter.HelloRequest", "google.protobuf.Value"):
            found = self.ask(file_containing_symbol=symbol)
            self.assertTrue(found["file_descriptor_response"]["file_descriptor_proto"], symbol)
        self.assertIn("file_descriptor_response", self.ask(file_by_filename="ponte/greeter.proto"))
        for question in ({"file_containing_symbol": "none"}, {"file_by_filename": "none"},
                         {"all_extension_numbers_of_type": "x"}, {},
                         {"file_containing_extension": {"containing_type": "x"}}):
            self.assertIn("error_response", self.ask(**question))

    def test_reflection_answers_question_after_question(self) -> None:
        asked = self.begin("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
        asked.feed(frame(encode(REQUEST, {"list_services": ""}, TYPES)) * 3)
        self.assertEqual(len(self.written.messages), 3)
        asked.finish()
        self.assertEqual(self.written.ended, [Status(OK)])
        self.assertEqual(self.refused(lambda: asked.feed(frame(b"\x80"))), INVALID_ARGUMENT)


if __name__ == "__main__":
    unittest.main()
