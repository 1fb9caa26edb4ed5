"""What happens in a world, and what is under way: programs, requests, runs, and calls."""

from __future__ import annotations

import functools
from concurrent.futures import Future
from typing import Any, Callable, NamedTuple

from lab.explore.nodes import ServerNode
from lab.explore.stub import Stub, Told
from ponte.calls.attempt import Outcome
from ponte.net.message import Reply, Request
from ponte.net.parser import ReplyParser, RequestParser


class Event(NamedTuple):
    """Something that happens: the name of a method `_on_<what>`, and to what (`which`).

    `choices`: what was chosen in its course, such as the server that a proxy asks.
    """

    what: str
    which: tuple[Any, ...] = ()
    choices: tuple[int, ...] = ()


class Task:
    """A program under way: a call of a caller, or what a node does with a request."""

    def __init__(self, at: str, call: int, program: Any, then: Callable[[Any], None],
                 request: Message | None = None) -> None:
        self.at = at
        self.call = call
        self.program = program
        # What becomes of its result; and the request to which that is the reply.
        self.then = then
        self.request = request
        # The exchange, or the future, that it waits for.
        self.waits: Message | Future[Reply] | None = None

    def rank(self) -> tuple[Any, ...]:
        """Puts tasks in order."""
        raw = self.waits.raw if isinstance(self.waits, Message) else b""
        return (self.at, self.call, self.program.__qualname__, raw,
                self.request is not None and self.request.waiter is None)

    @property
    def is_idle(self) -> bool:
        """Whether it only waits for a reply, which it would pass on to nobody."""
        return isinstance(self.waits, Future) and bool(self.request and not self.request.waiter)


class Message:
    """A request in flight, or delivered and not answered. `waiter` is None if it was given up."""

    def __init__(self, to: str, raw: bytes, call: int, waiter: Task | None) -> None:
        self.to = to
        self.raw = raw
        self.call = call
        self.waiter = waiter
        self.reply: Reply | None = None


class Run:
    """A function that runs. `end()` brings it to its end."""

    def __init__(self, node: ServerNode, call: int, label: str, end: Callable[[], Reply]) -> None:
        self.node = node
        self.life = node.life
        self.call = call
        self.label = label
        self.end = end
        self.done: Future[Reply] = Future()


class CallerCall:
    """A call of a caller. `task` is under way: the call, or a resolve; `told` its caller so far."""

    def __init__(self, stub: Stub, resolves: int) -> None:
        self.stub = stub
        self.resolves = resolves
        self.begun = False
        self.task: Task | None = None
        self.told: Told | None = None
        # Labels of the runs that have begun.
        self.runs: list[str] = []
        # Whether all of them were runs of a function that may run twice.
        self.may_run_twice = True

    @property
    def is_unknown(self) -> bool:
        return bool(self.told and self.told.outcome is Outcome.UNKNOWN)


@functools.lru_cache(maxsize=100_000)
def request_in(raw: bytes) -> Request:
    """The request as a node reads it."""
    parser = RequestParser()
    parser.feed(raw)
    request = parser.next_message()
    assert request
    return request


@functools.lru_cache(maxsize=100_000)
def as_read(raw: bytes) -> Reply:
    """The reply as its caller reads it."""
    parser = ReplyParser()
    parser.feed(raw)
    read = parser.next_message()
    assert read
    return read
