"""The line of a call for --verbose: what it says, and that it costs nothing where it is off."""

from __future__ import annotations

import logging
import re
from typing import Any
from unittest import mock
from xmlrpc.client import Fault

from execution import MAX_CALLS
from ponte.net.message import Reply
from ponte.rpc.called import Called
from ponte.rpc.marshal import encode_call
from tests.clocks import coarse_clock
from tests.fakes import eventually
from tests.serving import ServerTest

LINE = re.compile(r"(?P<peer>\S+) (?P<rest>.*) \([0-9]+\.[0-9] ms\)")


class Verbose(ServerTest):
    def line(self, *args: Any, **options: Any) -> str:
        """What is logged of a request; without the peer and the time."""
        with self.assertLogs("ponte.server", logging.DEBUG) as caught:
            self.post(*args, **options)
        [record] = caught.records
        self.assertEqual(record.levelno, logging.DEBUG)
        found = LINE.fullmatch(record.getMessage())
        assert found, record.getMessage()
        self.assertEqual(found["peer"], ":0")
        return found["rest"]

    def test_a_call_is_one_line(self) -> None:
        """Its method, and whether it gave a value or which fault."""
        self.server.register_function(self.refuse, "shop.refuse")
        self.assertEqual(self.line(1), "deposit: value")
        self.assertEqual(self.line(None), "deposit: value")
        self.assertEqual(self.line(None, body=encode_call("count", ()), Call_Idempotent="1"),
                         "count: value")
        self.assertEqual(self.line(None, body=encode_call("shop.refuse", ())),
                         "shop.refuse: fault 42")
        self.assertEqual(self.line(None, body=encode_call("nothing", ())), "nothing: fault -32601")
        self.assertEqual(self.line(None, body=b"x"), "no method: fault -32700")

    def test_its_time_is_honest_where_the_clock_of_deadlines_is_coarse(self) -> None:
        """As on Windows."""
        with coarse_clock(), self.assertLogs("ponte.server", logging.DEBUG) as caught:
            Called(self.request(), 7.0).log_end(lambda: Reply(200, {}, b""))
        self.assertIn(" (3.1 ms)", caught.output[0])

    def refuse(self) -> None:
        raise Fault(42, "<fault>")

    def test_a_refusal_says_why(self) -> None:
        self.assertEqual(self.line(None, Call_Session="new"),
                         "a new session: 503 not executed: "
                         "it needs the session that comes with this")
        self.assertRegex(self.line(None, body=encode_call("deposit", (1,)), Call_Idempotent="1"),
                         "^deposit: 503 not executed: deposit is not marked")
        self.assertRegex(self.line(None, Content_Type="image/png"), "^no method: 415 send XML-RPC")
        self.assertRegex(self.line(None, Idempotency_Key="a", Call_Repeat="1"),
                         "^deposit: 400 a repeat, ")
        self.server._executions._running = MAX_CALLS
        self.assertEqual(self.line(), f"deposit: 503 not executed: {MAX_CALLS} calls are running "
                                      "already")

    def test_a_repeat_says_that_nothing_ran(self) -> None:
        """It is answered from memory; or it waits for its first attempt, which runs."""
        self.post(1)
        self.assertEqual(self.line(1, Call_Repeat="1"), "deposit: value, answered from memory")
        self.assertEqual(self.line(1, Call_Resolve="1", body=b""),
                         "resolve of call 1-1: value, answered from memory")
        end = self.begins_to_run(2)
        with self.assertLogs("ponte.server", logging.DEBUG) as caught:
            repeat = self.in_thread(lambda: self.repeat(2))
            eventually(lambda: bool(self.server._executions._awaited))
            end()
            repeat()
        self.assertIn(": value, answered like its first attempt", caught.output[-1])
        self.has_deposited(200)

    def test_a_name_from_the_network_cannot_forge_a_line(self) -> None:
        name = "buy\n12:00:00 127.0.0.1:1 buy: value (0.1 ms)\x1b"
        body = b"<methodCall><methodName>" + name[:-1].encode() + b"</methodName></methodCall>"
        self.assertRegex(self.line(None, body=body), r"^buy\\n12:00:00 .*: fault -32601$")
        body = body.replace(b"buy", b"x" * 500)
        self.assertLess(len(self.line(None, body=body)), 300)

    def test_a_connection_that_is_cut_off_is_told(self) -> None:
        """Its program ends while it waits."""
        called = Called(self.request(), 0.0)

        def program() -> Any:
            yield None, 0, 0.0
            return Reply(200, {}, b"")
        with self.assertLogs("ponte.server", logging.DEBUG) as caught:
            begun = called.log_end(program)
            assert not isinstance(begun, Reply)
            next(begun)
            begun.close()
        self.assertIn("deposit: cut off", caught.output[0])

    def test_nothing_is_made_where_it_is_off(self) -> None:
        """One question to the logger."""
        with mock.patch("execution.Called", side_effect=AssertionError), \
                mock.patch.object(logging.getLogger("ponte.server"), "isEnabledFor",
                                  return_value=False) as asked:
            self.assertEqual(self.post().status, 200)
            asked.assert_called_once_with(logging.DEBUG)


class VerboseOnThreads(Verbose):
    engine = "threads"
