"""What the tests of both engines share: a listener with either engine, whose calls are relayed.

A class of tests is written once, as a mixin of `EngineCase`, and runs with each engine: `OfThreads`
and `OfEvents`.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
import unittest
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Callable, ClassVar, Union
from unittest import mock

from ponte.calls.attempt import Attempt, Kind, Outcome, Result
from ponte.calls.hop import exchange
from ponte.net import loop, pool, serving, stream
from ponte.net.address import Address
from ponte.net.message import Reply, Request, text_reply
from ponte.net.pool import Pool
from ponte.net.serving import Listener
from ponte.net.stream import Program, T
from ponte.net.threads import wait_for
from tests.fakes import endpoint
from tests.net.peers import PATIENCE_S, POST, SOON_S, Connection, connect, echo, soon

if TYPE_CHECKING:
    Case = unittest.TestCase
else:
    # The tests run in the concrete classes below, not by themselves.
    Case = object

# A reply to a request, or a call to carry out.
Begin = Callable[[Request, float, Callable[[], bool]], Union[Reply, "Trying"]]


class Trying:
    """A call that tries addresses in turn until one answers, and keeps the results."""

    def __init__(self, *addresses: Address, message: bytes = POST,
                 timeout_s: float = PATIENCE_S) -> None:
        self.results: list[Result] = []
        self.ended = threading.Event()
        self._addresses = list(addresses)
        self._message = message
        self._timeout_s = timeout_s

    @property
    def result(self) -> Result:
        """The result of its latest attempt."""
        return self.results[-1]

    @property
    def reply(self) -> Reply:
        came = self.result.reply
        return Reply(came.status, {}, came.body) if came else text_reply(502, self.result.what)

    def carry_out(self, pool: Pool) -> Program[Reply]:
        """A program: one attempt after another."""
        while self._addresses and not (self.results and self.result.outcome is Outcome.ANSWERED):
            host, port = self._addresses.pop(0)
            # Its replies need no marks.
            server = endpoint("server")._replace(host=host, port=port, remembers=False)
            attempt = Attempt(server, Kind.PLAIN, 1, 1, self._timeout_s, None)
            result = yield from exchange(pool, attempt, server.service, self._message,
                                         time.monotonic())
            self.results.append(result)
        self.ended.set()
        return self.reply


class Engine(Listener):
    """A listener whose calls are carried out with a pool of its own, as a proxy does it."""

    def __init__(self, host: str, port: int, begin: Begin, **options: Any) -> None:
        self.pool = Pool()
        self._relay = begin
        super().__init__(host, port, self._carry_out, **options)

    def _carry_out(self, request: Request, received_at: float,
                   caller_left: Callable[[], bool]) -> Reply | Program[Reply]:
        begun = self._relay(request, received_at, caller_left)
        return begun.carry_out(self.pool) if isinstance(begun, Trying) else begun

    def close_idle(self, *addresses: Address) -> None:
        self.driver.post(lambda: self.pool.close_idle(addresses))

    def close(self, grace_s: float = 0.0) -> None:
        super().close(grace_s)
        self.pool.close()


class EngineCase(Case):
    """Engines to run, and callers of them."""

    engine: ClassVar[str]

    def setUp(self) -> None:
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        died = mock.patch("threading.excepthook")
        self.died = died.start()
        self.addCleanup(died.stop)
        self.addCleanup(self.died.assert_not_called)

    def make(self, begin: Begin = echo, **options: Any) -> Engine:
        return Engine("127.0.0.1", 0, begin, engine=self.engine, **options)

    @contextlib.contextmanager
    def running(self, begin: Begin = echo, *, errors: int = 0, **options: Any) -> Iterator[Engine]:
        """An engine that serves. In the end, so many of its turns and programs have failed."""
        made = self.make(begin, **options)
        made.start()
        try:
            yield made
        finally:
            made.close()
        self.assertEqual(made.driver.errors, errors)

    def limit(self, name: str, seconds: float = SOON_S) -> None:
        """Gives a limit of both engines another value, by default a short one."""
        found = [module for module in (stream, serving, pool, loop) if hasattr(module, name)]
        self.assertTrue(found, name)
        for module in found:
            patch = mock.patch.object(module, name, seconds)
            patch.start()
            self.addCleanup(patch.stop)

    def exchange(self, address: Address, requests: bytes) -> list[Reply]:
        """Sends requests on a new connection, ends its sending side, and returns all replies."""
        with contextlib.closing(connect(address)) as connection:
            connection.send(requests, soon())
            connection.socket.shutdown(socket.SHUT_WR)
            replies = []
            while (reply := connection.read(soon())) is not None:
                replies.append(reply)
            return replies

    def carry_out(self, *calls: Trying, patience_s: float = PATIENCE_S) -> list[Reply]:
        """The replies to these calls, carried out one after another, in one engine."""
        begun = iter(calls)
        with self.running(lambda request, *_: next(begun)) as engine, \
                contextlib.closing(connect(engine.address)) as caller:
            return [self.ask(caller, patience_s=patience_s) for _ in calls]

    def ask(self, caller: Connection[Reply], request: bytes = POST,
            patience_s: float = PATIENCE_S) -> Reply:
        caller.send(request, soon())
        reply = caller.read(time.monotonic() + patience_s)
        assert reply, "the stream ended before a reply"
        return reply

    def wait_for_end(self, engine: Engine) -> None:
        """No call is running and no connection is open."""
        self.assertTrue(engine.wait_until_quiet(PATIENCE_S), "no call is running")
        self.assertTrue(engine.wait_until_quiet(PATIENCE_S, idle_too=True), "no connection is open")


class OfThreads:
    """The driver of ponte/net/threads.py."""

    engine = "threads"


class OfEvents:
    """The driver of ponte/net/loop.py."""

    engine = "events"


# ---- programs without a listener

class DriverCase(Case):
    """Programs to carry out with a driver, while the test waits."""

    engine: ClassVar[str]

    def setUp(self) -> None:
        self.loop: loop.Loop | None = None
        if self.engine == "events":
            self.loop = loop.Loop()
            self.loop.start(rest())
            self.addCleanup(self.loop.stop)

    def run_program(self, program: Program[T]) -> T:
        """Carries out a program to its end. Returns its result, or raises its exception."""
        if self.loop is None:
            return wait_for(program)
        return run_on(self.loop, program)

    def do(self, job: Callable[[], None]) -> None:
        """Does something with kept connections, where the driver may do so."""
        if self.loop is None:
            job()
            return
        done = threading.Event()

        def do() -> None:
            job()
            done.set()

        self.loop.post(do)
        self.assertTrue(done.wait(PATIENCE_S))


def run_on(on: loop.Loop, program: Program[T]) -> T:
    """Has a loop carry out a program, and waits for its end."""
    results: list[T] = []
    errors: list[BaseException] = []
    ended = threading.Event()

    def note() -> Program[None]:
        try:
            results.append((yield from program))
        except Exception as error:
            errors.append(error)
        finally:
            ended.set()

    on.spawn(note())
    if not ended.wait(2 * PATIENCE_S):
        raise AssertionError("the program does not end")
    if errors:
        raise errors[0]
    if not results:
        raise AssertionError("the program was ended")
    return results[0]


def rest() -> Program[None]:
    """A program that lives as long as its driver."""
    while True:
        yield None, stream.NOTHING, time.monotonic() + PATIENCE_S


def pause(until: float) -> Program[bool | None]:
    """A program: waits for nothing but its time. Returns what it went on with."""
    return (yield None, stream.NOTHING, until)
