"""Which status tells which outcome: UNAVAILABLE never stands for a call that may have run."""

from __future__ import annotations

import unittest
from xmlrpc.client import Fault

from interop.grpc.statuses import (
    DEADLINE_EXCEEDED,
    INTERNAL,
    INVALID_ARGUMENT,
    MAX_MESSAGE_CHARS,
    NAMES,
    OK,
    RESOURCE_EXHAUSTED,
    UNAVAILABLE,
    UNIMPLEMENTED,
    UNKNOWN,
    Refused,
    Status,
    of_fault,
    of_reply,
    refusal,
)
from ponte.net.message import REASONS, Reply
from ponte.rpc.marshal import APPLICATION_ERROR, INVALID_PARAMETERS, METHOD_NOT_FOUND


def reply(status: int, headers: dict[str, str] | None = None,
          body: bytes = b"why\nmore") -> Status:
    return of_reply(Reply(status, headers or {}, body))


class Outcomes(unittest.TestCase):
    def test_only_a_complete_refusal_is_unavailable(self) -> None:
        status = reply(503, {"Not-Executed": "1", "Served-By": "server-1; incarnation=1"})
        self.assertEqual((status.code, status.message), (UNAVAILABLE, "why"))
        self.assertEqual(dict(status.trailers), {"not-executed": "1",
                                                 "served-by": "server-1; incarnation=1"})

    def test_nothing_that_may_have_run_is_unavailable(self) -> None:
        """Clients send UNAVAILABLE again by themselves."""
        for code in (*REASONS, 299, 599):
            for headers in ({}, {"Not-Executed": "0"}, {"Not-Executed": ""}):
                self.assertNotIn(reply(code, headers).code, (UNAVAILABLE, OK))
        for code in set(REASONS) - {503}:
            self.assertNotEqual(reply(code, {"Not-Executed": "1"}).code, UNAVAILABLE)

    def test_an_unknown_outcome(self) -> None:
        self.assertEqual(reply(504).code, DEADLINE_EXCEEDED)
        for code in (500, 502, 503, 409, 410):
            self.assertEqual(reply(code).code, INTERNAL)

    def test_a_fault_is_an_answer(self) -> None:
        for code, status in ((APPLICATION_ERROR, UNKNOWN), (7, UNKNOWN),
                             (INVALID_PARAMETERS, INVALID_ARGUMENT),
                             (METHOD_NOT_FOUND, UNIMPLEMENTED)):
            self.assertEqual(of_fault(Fault(code, "text")),
                             Status(status, "text", (("fault-code", str(code)),)))

    def test_a_refusal_did_not_run(self) -> None:
        self.assertEqual(refusal(Refused(RESOURCE_EXHAUSTED, "too much")),
                         Status(RESOURCE_EXHAUSTED, "too much", (("not-executed", "1"),)))

    def test_headers_of_http_are_not_passed_on(self) -> None:
        self.assertEqual(reply(500, {"Content-Length": "1", "Connection": "close",
                                     "Call-Session": "a"}).trailers, (("call-session", "a"),))

    def test_a_reply_without_a_text(self) -> None:
        self.assertEqual(reply(502, body=b"").message, "HTTP 502")


class OnTheWire(unittest.TestCase):
    def test_there_and_back(self) -> None:
        for message in ("", "plain", "100 % Olá\r\n\0", "世界"):
            status = Status(UNKNOWN, message, (("fault-code", "7"),))
            fields = {name.decode(): value.decode() for name, value in status.fields()}
            self.assertEqual(Status.read(fields), status)
            self.assertTrue(all(value.isascii() and value.isprintable()
                                for value in fields.values()))

    def test_a_long_message_is_cut(self) -> None:
        fields = dict(Status(UNKNOWN, "x" * 10 ** 6).fields())
        self.assertEqual(len(fields[b"grpc-message"]), MAX_MESSAGE_CHARS)

    def test_no_status_or_none_that_is_one(self) -> None:
        for value in ({}, {"grpc-status": ""}, {"grpc-status": "-1"}, {"grpc-status": "x"},
                      {"grpc-status": "٣"}, {"grpc-status": "9999"}):
            self.assertEqual(Status.read(value).code, UNKNOWN)

    def test_names(self) -> None:
        self.assertEqual(len(NAMES), 17)
        self.assertEqual((Status(14).name, Status(99).name), ("UNAVAILABLE", "99"))


if __name__ == "__main__":
    unittest.main()
