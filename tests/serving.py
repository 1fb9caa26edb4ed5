"""Serving by hand: a server whose requests come from a test, as its listener would hand them over.

The test's thread carries out what the server begins. With the engine "events", the server itself
runs a function beside it, or at once if it was quick the last time, as it does on a loop.

Its service is a bank with one deposit box. A deposit of 100 cents can be held up while it runs:

    let_it_end = self.begins_to_run(1)          # deposit number 1 runs, and does not end
    repeat = self.in_thread(self.repeat)        # its caller repeats it
    first = let_it_end()                        # its reply
    self.assertEqual(repeat(), first)
    self.has_deposited(100)
"""

from __future__ import annotations

import threading
import time
import unittest
from typing import Any, Callable

from ponte.calls.attempt import Result
from ponte.calls.hop import judge
from ponte.net.message import ProtocolError, Reply, Request
from ponte.net.stream import DONE, Program
from ponte.net.threads import wait_for
from ponte.rpc.dispatcher import idempotent
from ponte.rpc.marshal import encode_call
from server import Server, current_instance
from tests.fakes import endpoint
from tests.relaying import as_read, named

# Seconds. No test waits so long, unless it fails.
PATIENCE_S = 5.0


class Till:
    """A deposit box that counts; `gate` holds deposits up while they run."""

    def __init__(self) -> None:
        self.total = 0
        self.entered = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()

    def deposit(self, cents: int) -> int:
        self.entered.release()
        self.gate.wait(PATIENCE_S)
        self.total += cents
        return self.total

    @idempotent
    def count(self, text: str = "") -> int:
        """The same, but its author says that it may run twice."""
        return self.deposit(100)


class ServerTest(unittest.TestCase):
    """A server of a deposit box. A test hands requests in, as a listener would."""

    engine = "events"

    def setUp(self) -> None:
        self.till = Till()
        functions = [self.till.deposit, self.till.count, idempotent(current_instance)]
        self.server = Server("bank", functions, registries=(), name="bank-1",
                             engine=self.engine)
        self.server._listener.served_by = self.server._served_by
        self.addCleanup(self.server.close)
        self.addCleanup(self.till.gate.set)
        self.session = self.server._executions._memory.open()

    def post(self, number: int | None = 1, *, received_at: float | None = None,
             left: bool = False, **options: Any) -> Reply:
        """The reply to a deposit of 100 cents; `options` as for `request`.

        `left`: its caller has left.
        """
        request = self.request(number, **options)
        now = time.monotonic() if received_at is None else received_at
        try:
            begun = self.server.handle(request, now, lambda: left)
            reply = begun if isinstance(begun, Reply) else wait_for(begun)
        except ProtocolError as error:
            reply = Reply(error.status, {}, error.reason.encode())
        return as_read(self.server._listener._marked(reply))

    def request(self, number: int | None = 1, *, oldest: int = 1, session: str = "",
                target: str = "/bank", body: bytes | None = None, method: str = "POST",
                **headers: str) -> Request:
        """The request that `post` sends; `Call_Repeat="1"` becomes the header call-repeat.

        Without a `number` it is that of a stock client.
        """
        lines = named(headers)
        call_number = None
        if number is not None:
            lines["call-session"] = session or self.session
            call_number = f"{number}-{oldest}"
        return Request(method, target, lines,
                       encode_call("deposit", (100,)) if body is None else body,
                       call_number=call_number)

    def outcome(self, reply: Reply) -> Result:
        """What the stub makes of a reply."""
        return judge(reply, endpoint("bank-1", service="bank"), "bank")

    def waits(self, request: Request, received_at: float) -> tuple[Program[Reply], float]:
        """A request waits. Returns its program, and the time until which it waits."""
        begun = self.server.handle(request, received_at, lambda: False)
        assert not isinstance(begun, Reply), begun
        _, events, deadline = next(begun)
        self.assertEqual(events, DONE)
        return begun, deadline

    def expires(self, waiting: Program[Reply]) -> Reply:
        """The reply of a request that waits, when its time is over."""
        with self.assertRaises(StopIteration) as end:
            waiting.send(False)
        reply = end.exception.value
        assert isinstance(reply, Reply)
        return reply

    def repeat(self, number: int = 1, *, timeout_ms: int = 5000, **options: Any) -> Reply:
        """The reply to a repeat, which waits for so long."""
        return self.post(number, Call_Repeat="1", Call_Timeout_Ms=str(timeout_ms), **options)

    def resolve(self, number: int = 1, *, timeout_ms: int = 5000, **options: Any) -> Reply:
        """The reply to the question what came of a call, which waits for so long."""
        return self.post(number, Call_Resolve="1", Call_Timeout_Ms=str(timeout_ms), body=b"",
                         **options)

    def begins_to_run(self, number: int | None = 1, **options: Any) -> Callable[[], Reply]:
        """A deposit is held up while it runs. The result lets it end, and returns its reply."""
        self.till.gate.clear()
        end = self.in_thread(lambda: self.post(number, **options))
        self.assertTrue(self.till.entered.acquire(timeout=PATIENCE_S))

        def let_it_end() -> Reply:
            self.till.gate.set()
            return end()

        return let_it_end

    def in_thread(self, act: Callable[[], Reply]) -> Callable[[], Reply]:
        """Runs `act` on a thread of its own. The result waits for its reply."""
        replies: list[Reply] = []
        thread = threading.Thread(target=lambda: replies.append(act()))
        thread.start()
        self.addCleanup(thread.join, PATIENCE_S)
        self.addCleanup(self.till.gate.set)

        def end() -> Reply:
            thread.join(PATIENCE_S)
            self.assertEqual(len(replies), 1, "there is no reply")
            return replies[0]

        return end

    def has_deposited(self, cents: int) -> None:
        self.assertEqual(self.till.total, cents)

    def counts(self, **expected: int) -> None:
        """/status shows these counts of requests."""
        requests = self.server.status()["requests"]
        assert isinstance(requests, dict)
        self.assertEqual({name: requests[name] for name in expected}, expected)
