"""The ledger: what it says of calls that were lost, doubled, or denied."""

from __future__ import annotations

import contextlib
import socket
import threading
import unittest
from types import SimpleNamespace
from typing import Any, cast

from lab.checker import FAILED, NOT_SENT, UNKNOWN, VALUE, Call, Run
from tests.interop.ledger import MakeCall, Sum, by_http, by_stock, sum_up


def summed(told: dict[str, str], *ran: str) -> Sum:
    calls = [Call(name, False, outcome, outcome == VALUE, 0.0) for name, outcome in told.items()]
    load = SimpleNamespace(results=[SimpleNamespace(failed=False, value=call) for call in calls])
    return sum_up(cast(Any, load), cast(Any, SimpleNamespace(runs=lambda: map(Run, ran))))


class Sums(unittest.TestCase):
    def test_each_call_is_counted_by_what_its_caller_was_told(self) -> None:
        told = summed({"a": VALUE, "b": NOT_SENT, "c": UNKNOWN, "d": FAILED}, "a")
        self.assertEqual(told[:8], (4, 1, 1, 1, 1, 0, 0, 0))

    def test_what_ran_twice_or_never_or_was_denied_is_told(self) -> None:
        self.assertEqual(summed({"a": VALUE}, "a", "a").double, 1)
        self.assertEqual(summed({"a": UNKNOWN}, "a", "a").double, 1)
        self.assertEqual(summed({"a": VALUE}).lost, 1)
        self.assertEqual(summed({"a": NOT_SENT}, "a").lies, 1)


class Callers(unittest.TestCase):
    """What each kind of caller is told by a peer that answers each request with `answer`."""

    def setUp(self) -> None:
        self.requests, self.answer = 0, b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        threading.Thread(target=self.serve, daemon=True).start()

    def told(self, kind: Any, answer: bytes) -> str:
        self.answer = answer
        caller: MakeCall = kind(self.listener.getsockname())
        return caller("a").outcome

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection:
                    seen = b""
                    while b"</methodCall>" not in seen:
                        seen += connection.recv(65_536)
                    self.requests += 1
                    connection.sendall(self.answer)

    def test_a_refusal_that_says_so_was_not_sent(self) -> None:
        refusal = b"HTTP/1.1 503 No\r\nNot-Executed: 1\r\nContent-Length: 0\r\n\r\n"
        for kind in (by_http, by_stock):
            self.assertEqual(self.told(kind, refusal), NOT_SENT)
            self.assertEqual(self.told(kind, refusal.replace(b"Not-Executed", b"X")), UNKNOWN)
            self.assertEqual(self.told(kind, refusal.replace(b"503 No", b"404 No")), NOT_SENT)

    def test_a_connection_that_ends_leaves_it_unknown(self) -> None:
        for kind, requests in ((by_http, 1), (by_stock, 2)):
            self.requests = 0
            self.assertEqual(self.told(kind, b""), UNKNOWN)
            # The standard library sends it a second time.
            self.assertEqual(self.requests, requests)

    def test_where_nobody_listens_it_was_not_sent(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            address = closed.getsockname()
        for kind in (by_http, by_stock):
            self.assertEqual(kind(address)("a").outcome, NOT_SENT)


if __name__ == "__main__":
    unittest.main()
