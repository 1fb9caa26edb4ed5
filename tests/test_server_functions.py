"""The functions of a server while it serves, with either engine: whom they hold up, and who waits.

Calls come over connections. What is refused and remembered: test_server.py, test_reply_memory.py.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import socket
import sys
import threading
import time
import unittest
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable
from unittest import mock
from xmlrpc.client import Fault

from client import Client
from ponte.calls.attempt import Outcome
from ponte.calls.hop import judge
from ponte.calls.once import RECORD_BYTES, SESSION_BYTES
from ponte.discovery.beats import LEASE_S
from ponte.net.loop import Loop
from ponte.net.message import MAX_BODY_BYTES, Reply, Request, encode_request
from ponte.net.pool import ExchangeError, Pool
from ponte.net.threads import wait_for
from ponte.rpc.dispatcher import LONG_BYTES
from ponte.rpc.marshal import decode_result, encode_call
from registry import Registry
from server import Server, current_call, current_instance, idempotent
from tests.fakes import CLOCK_STEP_S, endpoint, eventually, hurry_listeners

PATIENCE_S = 5.0
# Seconds. The longest time that another caller may be held up. On a quiet machine it is a few
# hundredths; a caller that waits for the function itself would wait for PATIENCE_S.
HELD_UP_S = 2.0


def setUpModule() -> None:
    hurry_listeners()


class FunctionsTest(unittest.TestCase):
    """A server whose function `work` a test can hold up while it runs, and callers of it."""

    engine = "events"

    def setUp(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        # How often `work` and `toil` have run.
        self.runs = 0
        functions = [self.work, self.toil, self.hello, current_instance]
        self.server = Server("bank", functions, registries=(), name="bank-1", engine=self.engine)
        self.addCleanup(self.server.close)
        self.session = self.server._executions._memory.open()
        self.server.start()
        self.pool = Pool()
        self.addCleanup(self.pool.close)
        callers = ThreadPoolExecutor(32)
        self.addCleanup(callers.shutdown)
        self.in_thread = callers.submit
        # Before all others: nobody waits any more.
        self.addCleanup(self.gate.set)

    # The functions.

    def work(self, result: Any = 0) -> Any:
        self.entered.release()
        self.gate.wait(PATIENCE_S)
        self.runs += 1
        return result

    def toil(self, result: Any = 0) -> Any:
        return self.work(result)

    def hello(self) -> str:
        return "World"

    # What callers do.

    def post(self, method: str, *params: Any, number: int = 0, **headers: str) -> Reply:
        """The reply to a call; `Call_Repeat="1"` becomes the header Call-Repeat.

        Without a `number` it is that of a stock client.
        """
        named = {"Host": "here", **{name.replace("_", "-"): headers[name] for name in headers}}
        if number:
            named.update({"Call-Session": self.session, "Call-Number": f"{number}-1"})
        request = encode_request("POST", "/bank", named, encode_call(method, params))
        deadline = time.monotonic() + 2 * PATIENCE_S
        return wait_for(self.pool.exchange(self.server.address, request, deadline))

    def outcome(self, reply: Reply) -> Outcome:
        """What the stub makes of a reply."""
        return judge(reply, endpoint("bank-1", service="bank"), "bank").outcome

    def call(self, method: str, *params: Any) -> Any:
        """The result of a call. Raises its fault."""
        reply = self.post(method, *params)
        self.assertEqual(reply.status, 200, reply.body)
        return decode_result(reply.body)

    def begin(self, method: str, *params: Any, number: int = 0) -> Future[Reply]:
        """A call of a function that is held up. It runs now."""
        self.gate.clear()
        reply = self.in_thread(self.post, method, *params, number=number)
        self.assertTrue(self.entered.acquire(timeout=PATIENCE_S))
        return reply

    def result(self, reply: Future[Reply]) -> Any:
        """What a call that was begun comes to, once nothing holds it up."""
        self.gate.set()
        return decode_result(reply.result(PATIENCE_S).body)

    # What the engine knows.

    def learn(self, *methods: str) -> None:
        """From now on these functions are known to be quick."""
        driver = self.server._listener.driver
        if isinstance(driver, Loop):
            driver._workers._quick.update(methods)

    def is_running(self, calls: int) -> None:
        """So many calls run now. One is counted until just after its reply was sent."""
        eventually(lambda: self.server.status()["running"] == calls)

    def others_are_served(self) -> None:
        """A call, and a page, are answered at once."""
        for _ in range(20):
            began = time.monotonic()
            self.assertEqual(self.call("hello"), "World")
            self.assertLess(time.monotonic() - began, HELD_UP_S)


class Blocking(FunctionsTest):
    """A function that blocks holds up its own caller, and nobody else."""

    def test_a_new_function_holds_up_nobody(self) -> None:
        """Nothing is known of it."""
        reply = self.begin("work", 7)
        self.others_are_served()
        self.assertEqual(self.result(reply), 7)

    def test_a_quick_function_that_blocks_for_once_holds_up_nobody(self) -> None:
        """For long. Its own reply comes, and all goes on as before."""
        self.learn("work", "hello")
        reply = self.begin("work", 7)
        self.others_are_served()
        self.assertEqual(self.result(reply), 7)
        for number in range(100):
            self.assertEqual(self.call("work", number), number)
        self.others_are_served()
        self.assertEqual(self.server.status()["engine_errors"], 0)

    def test_several_quick_functions_that_block_hold_up_nobody(self) -> None:
        """Each thread that takes over the loop is blocked, too."""
        self.learn("work", "toil", "hello")
        replies = [self.begin("work", 1), self.begin("toil", 2)]
        self.learn("work", "toil")
        replies += [self.begin("work", 3), self.begin("toil", 4)]
        self.others_are_served()
        self.assertEqual([self.result(reply) for reply in replies], [1, 2, 3, 4])
        self.assertEqual(self.server.status()["engine_errors"], 0)

    def test_a_function_may_block_for_longer_than_a_connection_may_be_idle(self) -> None:
        """What waited for a request does not wait any more."""
        with mock.patch("ponte.net.serving.IDLE_TIMEOUT_S", 0.1), \
                self.no_errors_are_logged("ponte.loop"):
            for methods in ((), ("work",)):
                self.learn(*methods)
                reply = self.begin("work", 7)
                time.sleep(0.3)
                self.assertEqual(self.result(reply), 7)
        self.assertEqual(self.server.status()["engine_errors"], 0)

    @contextlib.contextmanager
    def no_errors_are_logged(self, name: str) -> Iterator[None]:
        """Nothing is logged as an error. (TestCase.assertNoLogs came with Python 3.10.)"""
        with mock.patch.object(logging.getLogger(name), "exception") as logged:
            yield
        logged.assert_not_called()

    def test_a_caller_that_leaves_a_function_that_blocks_is_no_error(self) -> None:
        """Its reply goes nowhere. The server goes on."""
        self.learn("work", "hello")
        with contextlib.closing(Pool()) as leaving:
            request = encode_request("POST", "/bank", {"Host": "a"}, encode_call("work", (1,)))
            self.gate.clear()
            with self.assertRaises(ExchangeError):
                wait_for(leaving.exchange(self.server.address, request, time.monotonic() + 0.1))
        self.others_are_served()
        self.gate.set()
        self.is_running(0)
        self.others_are_served()
        self.assertEqual(self.server.status()["engine_errors"], 0)

    def test_a_function_may_call_its_own_server(self) -> None:
        """With the stub. Neither waits for the other for ever."""
        clients: list[Client] = []

        def nested(depth: int) -> int:
            return clients[0].call("nested", depth - 1) + 1 if depth else 0

        with Registry(port=0) as registry, \
                Server("echo", [nested], registries=[registry.address], engine=self.engine) \
                as self.server, Client("echo", registries=[registry.address]) as client:
            clients.append(client)
            for _ in range(2):
                self.assertEqual(client.nested(3), 3)
                # From now on each of them begins on the thread of the loop.
                self.learn("nested")

    def test_long_texts_are_served(self) -> None:
        """Reading them holds up nobody."""
        self.learn("work")
        text = "x" * (LONG_BYTES + 1)
        self.assertEqual(self.call("work", text), text)
        self.assertEqual(self.call("work", "x" * (MAX_BODY_BYTES // 2)),
                         "x" * (MAX_BODY_BYTES // 2))


class BlockingOnThreads(Blocking):
    """The same, where each connection has a thread."""

    engine = "threads"


class Instances(FunctionsTest):
    """`current_instance` is the server that runs the call, on whichever thread that is."""

    def work(self, result: Any = 0) -> str:
        super().work(result)
        return current_instance()

    def test_a_function_knows_its_server_wherever_it_runs(self) -> None:
        """The first time; when it is known to be quick; when it blocks; with a long text."""
        self.assertEqual(self.call("work"), "bank-1")
        for _ in range(5):
            self.assertEqual(self.call("current_instance"), "bank-1")
        self.learn("work")
        self.assertEqual(self.call("work"), "bank-1")
        self.learn("work")
        driver = self.server._listener.driver
        before = getattr(driver, "_thread", None)
        reply = self.begin("work")
        # With threads there is no loop to hand over.
        eventually(lambda: not isinstance(driver, Loop) or driver._thread is not before)
        self.assertEqual(self.result(reply), "bank-1")
        self.assertEqual(self.call("work", "x" * (LONG_BYTES + 1)), "bank-1")

    def test_two_servers_of_a_process_are_told_apart(self) -> None:
        """Also where a function of the one calls the other."""
        first = self.server
        with Server("bank", [current_instance], registries=(), name="bank-2",
                    engine=self.engine) as second:
            def ask_the_other() -> list[str]:
                self.server = second
                other = self.call("current_instance")
                self.server = first
                return [current_instance(), other, current_instance()]

            first.register_function(ask_the_other)
            for _ in range(3):
                self.assertEqual(self.call("ask_the_other"), ["bank-1", "bank-2", "bank-1"])
                self.learn("ask_the_other", "current_instance")


class InstancesOnThreads(Instances):
    """The same, where each connection has a thread."""

    engine = "threads"


class Callers(FunctionsTest):
    """`current_call` is the call that a function runs in: who has called, and with which headers.

    It is right on every thread, and in each function of a multicall.
    """

    def setUp(self) -> None:
        super().setUp()
        self.server.register_function(self.look)
        self.server.register_function(self.look, "shop.look")
        self.server.register_multicall_functions()

    def work(self, result: Any = 0) -> Any:
        super().work()
        return self.look()

    def look(self, text: str = "") -> Any:
        call = current_call()
        return [*call.address, call.headers.get("x-tag", ""), call.method, call.instance]

    def asks(self, method: str, tag: str, *params: Any) -> tuple[tuple[str, int], Any]:
        """The address of a caller with a connection of its own, and the result of its call."""
        head = {"Host": "here", "X-Tag": tag}
        with socket.create_connection(self.server.address, PATIENCE_S) as sock, \
                sock.makefile("rb") as replies:
            sock.sendall(encode_request("POST", "/bank", head, encode_call(method, params)))
            length = 0
            while (line := replies.readline().lower()) != b"\r\n":
                if line.startswith(b"content-length:"):
                    length = int(line.split()[1])
            return sock.getsockname()[:2], decode_result(replies.read(length))

    def test_a_function_knows_its_caller_wherever_it_runs(self) -> None:
        """The first time; when it is known to be quick; with a long text; under a dotted name."""
        calls: list[tuple[Any, ...]] = [("look",), ("look",), ("shop.look",),
                                        ("look", "x" * LONG_BYTES)]
        for method, *params in calls:
            for known in (False, True):
                if known:
                    self.learn(method)
                peer, found = self.asks(method, "a", *params)
                self.assertEqual(found, [*peer, "a", method, "bank-1"])

    def test_calls_that_run_at_once_are_told_apart(self) -> None:
        """Also one that was quick, and is handed over to another thread while it blocks."""
        self.learn("work")
        self.gate.clear()
        calls = [self.in_thread(self.asks, "work", str(number)) for number in range(6)]
        for _ in calls:
            self.assertTrue(self.entered.acquire(timeout=PATIENCE_S))
        self.gate.set()
        for number, call in enumerate(calls):
            peer, found = call.result(PATIENCE_S)
            self.assertEqual(found, [*peer, str(number), "work", "bank-1"])

    def test_each_function_of_a_multicall_has_its_own_method(self) -> None:
        calls: list[dict[str, Any]] = [
            {"methodName": name, "params": []} for name in ("look", "shop.look", "look")]
        peer, found = self.asks("system.multicall", "m", calls)
        self.assertEqual(found, [[[*peer, "m", name, "bank-1"]]
                                 for name in ("look", "shop.look", "look")])

    def test_headers_cannot_be_changed(self) -> None:
        """Requests share them: all later calls of this caller would see the change."""
        def change() -> None:
            current_call().headers["x-tag"] = "b"  # type: ignore[index]

        self.server.register_function(change)
        with self.assertRaisesRegex(Fault, "TypeError"):
            self.call("change")
        self.assertEqual(self.asks("look", "a")[1][2], "a")

    def test_outside_of_a_call_there_is_none(self) -> None:
        """On a thread that no call runs on, and on one that a function has started."""
        def in_a_thread_of_its_own() -> str:
            try:
                return str(self.in_thread(current_call).result(PATIENCE_S))
            except LookupError as error:
                return str(error)

        self.server.register_function(in_a_thread_of_its_own)
        for ask in (current_call, current_instance):
            self.assertRaisesRegex(LookupError, "runs no call", ask)
        self.assertIn("runs no call", self.call("in_a_thread_of_its_own"))

    def test_a_thread_that_has_ended_its_call_has_none(self) -> None:
        """It is this thread that carries the call out."""
        request = Request("POST", "/bank", {}, encode_call("look", ()), peer=("here", 1))
        begun = self.server.handle(request, time.monotonic(), lambda: False)
        reply = begun if isinstance(begun, Reply) else wait_for(begun)
        self.assertEqual(decode_result(reply.body), ["here", 1, "", "look", "bank-1"])
        self.assertRaises(LookupError, current_call)


class CallersOnThreads(Callers):
    """The same, where each connection has a thread."""

    engine = "threads"


class TakenByTheStub(unittest.TestCase):
    """A service may have functions with the names of the stub's own methods."""

    def test_they_are_reached_by_call(self) -> None:
        """`client.close()` closes the stub; `client.call("close")` calls the function."""
        names = [name for name in dir(Client) if not name.startswith("_")]
        self.assertTrue({"call", "close", "endpoints"} <= set(names))
        functions: dict[str, Callable[..., Any]] = {
            name: functools.partial("the {} of the service".format, name) for name in names}
        with Registry(port=0) as registry, \
                Server("shop", functions, registries=[registry.address]), \
                Client("shop", registries=[registry.address]) as client:
            for name in names:
                with self.subTest(name):
                    self.assertEqual(client.call(name), f"the {name} of the service")


class Raising(FunctionsTest):
    """Whatever a function raises is a fault for its caller alone."""

    def work(self, result: Any = "") -> Any:
        super().work()
        raise {"exit": SystemExit, "interrupt": KeyboardInterrupt}.get(result, ValueError)(result)

    def test_what_a_function_raises_is_a_fault(self) -> None:
        """The first time, when it is known to be quick, and after it has blocked."""
        for what in ("exit", "interrupt", "value"):
            for known in (False, True):
                with self.subTest(what, known=known):
                    if known:
                        self.learn("work")
                    with self.assertRaises(Fault):
                        self.call("work", what)
            with self.subTest(what, blocks=True):
                self.learn("work")
                reply = self.begin("work", what)
                self.others_are_served()
                with self.assertRaises(Fault):
                    self.result(reply)
        self.is_running(0)
        self.assertEqual(self.server.status()["engine_errors"], 0)


class RaisingOnThreads(Raising):
    """The same, where each connection has a thread."""

    engine = "threads"


class Repeats(FunctionsTest):
    """A call that is repeated while its first run goes on: it runs once."""

    def repeat(self, **headers: str) -> Reply:
        return self.post("work", 7, number=1, Call_Repeat="1", **headers)

    def waits_and_gets_the_first_reply(self) -> None:
        """A repeat of a call that runs now."""
        first = self.begin("work", 7, number=1)
        repeats = [self.in_thread(self.repeat) for _ in range(5)]
        eventually(lambda: self.server._executions._counts["repeats"] == 5)
        self.others_are_served()
        self.assertFalse(any(repeat.done() for repeat in repeats))
        self.assertEqual(self.result(first), 7)
        for repeat in repeats:
            self.assertEqual(repeat.result(PATIENCE_S).body, first.result().body)
        # From now on it is remembered.
        self.assertEqual(self.repeat().body, first.result().body)
        self.assertEqual(self.runs, 1)

    def test_a_repeat_waits_for_the_first_run(self) -> None:
        """Of a function that is new."""
        self.waits_and_gets_the_first_reply()

    def test_a_repeat_waits_for_the_first_run_of_a_quick_function(self) -> None:
        """Which blocks for once."""
        self.learn("work", "hello")
        self.waits_and_gets_the_first_reply()

    def test_a_repeat_of_a_quick_function_gets_the_first_reply(self) -> None:
        """It has run at once."""
        self.learn("work")
        first = self.post("work", 7, number=1)
        self.assertEqual(self.repeat().body, first.body)
        self.assertEqual(self.runs, 1)

    def test_a_resolve_waits_for_the_first_run_too(self) -> None:
        """It asks what came of the call, which is known when the run has ended."""
        self.learn("work", "hello")
        first = self.begin("work", 7, number=1)
        resolved = self.in_thread(self.post, "work", number=1, Call_Resolve="1")
        eventually(lambda: self.server._executions._counts["repeats"] == 1)
        self.others_are_served()
        self.assertFalse(resolved.done())
        self.assertEqual(self.result(first), 7)
        self.assertEqual(self.result(resolved), 7)
        self.assertEqual(resolved.result().headers["call-resolved"], "reply")
        self.assertEqual(self.runs, 1)

    def test_a_repeat_waits_no_longer_than_its_caller(self) -> None:
        """504, the outcome is unknown. The first run goes on, and has its reply."""
        self.learn("work", "hello")
        first = self.begin("work", 7, number=1)
        began = time.monotonic()
        late = self.repeat(Call_Timeout_Ms="100")
        self.assertEqual(late.status, 504)
        self.assertIs(self.outcome(late), Outcome.UNKNOWN)
        self.assertGreaterEqual(time.monotonic() - began, 0.1 - CLOCK_STEP_S)
        self.assertEqual(self.result(first), 7)
        self.assertEqual(decode_result(self.repeat().body), 7)
        self.assertEqual(self.runs, 1)


class RepeatsOnThreads(Repeats):
    """The same, where each connection has a thread."""

    engine = "threads"


class CallersThatHaveLeft(unittest.TestCase):
    """A call that must run once does not begin when its caller's connection has ended."""

    engine = "events"

    def test_a_call_that_nobody_waits_for_does_not_begin(self) -> None:
        """The server was frozen: it finds the request, and behind it the end of the stream."""
        runs: list[int] = []

        @idempotent
        def look() -> int:
            return len(runs)

        with contextlib.closing(Pool()) as pool:
            server = Server("bank", {"work": lambda: runs.append(1), "look": look}, registries=(),
                            engine=self.engine)
            self.addCleanup(server.close)
            for session in ("", server._executions._memory.open()):
                headers = {"Host": "a"}
                if session:
                    headers.update({"Call-Session": session, "Call-Number": "1-1"})
                request = encode_request("POST", "/bank", headers, encode_call("work", ()))
                with socket.create_connection(server.address, PATIENCE_S) as leaving:
                    leaving.sendall(request)
            # Thawed.
            server.start()
            eventually(lambda: server._executions._counts["refused"] == 2)
            request = encode_request("POST", "/bank", {"Host": "a", "Call-Idempotent": "1"},
                                     encode_call("look", ()))
            reply = wait_for(pool.exchange(server.address, request, time.monotonic() + PATIENCE_S))
        self.assertEqual(decode_result(reply.body), 0)


class CallersOfThreadsThatHaveLeft(CallersThatHaveLeft):
    """The same, where each connection has a thread."""

    engine = "threads"


class NoThreads(FunctionsTest):
    """The system gives a loop no thread for a function."""

    def test_a_call_without_a_thread_was_not_executed(self) -> None:
        """503. It may be sent to another server. A second copy of the request never runs here."""
        start = threading.Thread.start

        def refuse(thread: threading.Thread) -> None:
            if thread.name == "ponte-work":
                raise RuntimeError("can't start new thread")
            start(thread)

        with mock.patch.object(threading.Thread, "start", refuse):
            for number in (0, 1):
                reply = self.post("work", number=number)
                self.assertEqual(reply.status, 503)
                self.assertIs(self.outcome(reply), Outcome.NOT_SENT)
                self.assertIn("served-by", reply.headers)
        self.assertEqual(self.runs, 0)
        self.is_running(0)
        self.assertEqual(self.server.status()["remembered_bytes"], SESSION_BYTES + RECORD_BYTES)
        self.assertEqual(self.server.status()["requests"], {"calls": 0, "repeats": 0, "refused": 2})
        self.assertEqual(decode_result(self.post("work", 7, number=2).body), 7)
        self.assertEqual(self.runs, 1)

    def test_a_loop_that_cannot_be_handed_over_waits(self) -> None:
        """The function that blocks has its reply, and then all goes on."""
        start = threading.Thread.start

        tries = []

        def refuse(thread: threading.Thread) -> None:
            if thread.name == "ponte-loop":
                tries.append(thread)
                raise RuntimeError("can't start new thread")
            start(thread)

        self.learn("work")
        with mock.patch.object(threading.Thread, "start", refuse), \
                mock.patch("threading.excepthook") as died:
            reply = self.begin("work", 7)
            eventually(lambda: len(tries) > 1)
            self.assertEqual(self.result(reply), 7)
        died.assert_not_called()
        self.assertTrue(self.server._listener.is_serving())
        self.others_are_served()


class Stopping(FunctionsTest):
    """A server stops while functions run."""

    def test_draining_loses_no_call(self) -> None:
        """Long calls end, quick ones are served until they are refused: nobody is left in doubt."""
        self.learn("hello")
        long = [self.begin("work", 1), self.begin("toil", 2)]

        def call_until_refused() -> Outcome:
            while (outcome := self.outcome(self.post("hello"))) is Outcome.ANSWERED:
                pass
            return outcome

        callers = [self.in_thread(call_until_refused) for _ in range(8)]
        drained = self.in_thread(self.server.drain, PATIENCE_S)
        for caller in callers:
            self.assertIs(caller.result(PATIENCE_S), Outcome.NOT_SENT)
        self.assertFalse(drained.done())
        self.assertEqual([self.result(reply) for reply in long], [1, 2])
        self.assertTrue(drained.result(PATIENCE_S))

    def test_a_function_that_does_not_end_is_cut_off_after_the_grace(self) -> None:
        """And so is a quick one that blocks."""
        self.learn("toil")
        replies = [self.begin("work"), self.begin("toil")]
        began = time.monotonic()
        self.assertFalse(self.server.drain(0.4))
        self.assertLess(time.monotonic() - began, 0.4 + HELD_UP_S)
        for reply in replies:
            with self.assertRaises(ExchangeError):
                reply.result(PATIENCE_S)

    def closes_at_once(self) -> None:
        """Although a function runs. Its caller learns it."""
        reply = self.begin("work")
        began = time.monotonic()
        self.server.close()
        self.assertLess(time.monotonic() - began, PATIENCE_S / 2)
        with self.assertRaises(ExchangeError):
            reply.result(PATIENCE_S)

    def test_closing_does_not_wait_for_a_function(self) -> None:
        self.closes_at_once()

    def test_closing_does_not_wait_for_a_quick_function_that_blocks(self) -> None:
        """It has just begun to block: the watchdog has not seen it yet."""
        self.learn("work")
        with mock.patch("ponte.net.workers.WATCH_S", 0.2):
            self.closes_at_once()

    def test_a_function_may_close_its_server(self) -> None:
        """Its caller's connection ends, and the port is free again."""
        self.server.register_function(self.server.close, "stop")
        self.learn("stop")
        with self.assertRaises(ExchangeError):
            self.post("stop")
        listener = self.server._listener
        eventually(lambda: listener._socket.socket.fileno() < 0 and not listener.is_serving())


class StoppingOnThreads(Stopping):
    """The same, where each connection has a thread."""

    engine = "threads"


class Beats(unittest.TestCase):
    """A server that cannot serve leaves the registry after a lease: no caller is sent to it."""

    def setUp(self) -> None:
        patch = mock.patch("ponte.net.loop.STUCK_S", 0.3)
        patch.start()
        self.addCleanup(patch.stop)
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        self.registry = Registry(port=0)
        self.registry.start()
        self.addCleanup(self.registry.close)
        self.server = Server("bank", [current_instance], registries=[self.registry.address],
                             name="bank-1")
        self.server.start()
        self.addCleanup(self.server.close)
        self.is_named(True)

    def is_named(self, named: bool) -> None:
        """Within two leases, the registry names the server, or does not."""
        eventually(lambda: bool(self.registry.lookup("bank").endpoints) == named, 2 * LEASE_S)

    def test_a_server_with_a_stuck_loop_is_not_named(self) -> None:
        """Until it serves again."""
        stuck = threading.Event()
        self.addCleanup(stuck.set)

        def block() -> None:
            stuck.wait(10 * PATIENCE_S)

        self.server._listener.driver.post(block)
        self.is_named(False)
        stuck.set()
        self.is_named(True)

    def test_a_server_with_a_dead_loop_is_not_named(self) -> None:
        """It can still be closed."""
        self.server._listener.driver.post(sys.exit)
        self.is_named(False)
        self.server.close()


if __name__ == "__main__":
    unittest.main()
