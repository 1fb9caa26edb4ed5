"""The actors of a world without sockets: the real server, the real proxy, and the stub's loop.

`Server` and `Proxy` are made by their own constructors. What would open a socket or ask a clock is
replaced for as long as a world lives (`without_sockets`): the listener, the pool, the heartbeat,
the directory, and `time`. Each request is handed in as a listener would do it.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Callable, cast
from unittest import mock

from execution import MAX_CALLS
from ponte.calls.balancing import Balancer, Member
from ponte.calls.endpoint import PROXY, Endpoint
from ponte.calls.once import Memory
from ponte.calls.session import Session
from ponte.net.address import Address
from ponte.net.message import Reply, Request
from ponte.net.stream import Program
from ponte.rpc.dispatcher import Dispatcher, idempotent
from proxy import Proxy
from server import Server

SERVICE = "bank"
METHOD = "deposit"
HOST = "127.0.0.1"
# Seconds. Everybody's deadline; and a time at which it is over.
DEADLINE, AFTER_IT = 1000.0, 2000.0


class Clock:
    """Stands in for the module `time`: it stands still, unless a deadline is to be over."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


clock = Clock()
# Of quarantines, which decide nothing here.
_rng = random.Random(1)


class Post:
    """Stands in for a pool: gives each message to the world, which answers when it likes."""

    def exchange(self, address: Address, request: bytes, deadline: float) -> Any:
        # An error is thrown in here. A variable that held it would make a circle: error, traceback,
        # frame, error. Then the number of an attempt would be open until the circle is collected.
        return (yield address, request)


class _Listener:
    """Stands in for a listener; and for its driver, which lets the world run functions."""

    connections = 0

    def __init__(self, host: str, port: int, *_: Any, **__: Any) -> None:
        self.address = (host, port)
        self.driver = self
        # Set by the node.
        self.call: Callable[[str, Callable[[], Reply]], Reply | Future[Reply]] | None = None


class _Absent:
    """Stands in for what no call needs."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass


@contextlib.contextmanager
def without_sockets() -> Iterator[None]:
    """While this lasts, servers and proxies are made without sockets, threads and clocks."""
    dispatchers = {promise: Dispatcher({METHOD: run}) for promise, run in _FUNCTIONS.items()}
    with contextlib.ExitStack() as stack:
        for name in ("server", "proxy"):
            stack.enter_context(mock.patch(f"{name}.Listener", _Listener))
            stack.enter_context(mock.patch(f"{name}.new_incarnation", lambda: 1))
        for name in ("Pool", "Heartbeat", "Directory"):
            stack.enter_context(mock.patch(f"proxy.{name}", _Absent))
        for name in ("execution", "relayed_call", "ponte.calls.resolving"):
            stack.enter_context(mock.patch(f"{name}.time", clock))
        # A dispatcher has no state: all servers with the same promise share one.
        stack.enter_context(mock.patch("server.Dispatcher",
                                       lambda functions, **_: dispatchers[functions]))
        yield


# The run that comes to its end now; its function returns it.
_ending: list[str] = []


def _deposit(call: int) -> str:
    return _ending[-1]


_FUNCTIONS = {False: _deposit, True: idempotent(lambda call: _ending[-1])}


class AnyOrder(Balancer):
    """A balancer that asks the members of each group in any order: the world chooses.

    So every policy is explored, and every quarantine.
    """

    def __init__(self, choose: Callable[[int], int], *groups: Sequence[Endpoint]) -> None:
        super().__init__(rng=_rng)
        self._choose = choose
        self.update(*groups)

    def choose(self, now: float) -> Member | None:
        return next(self._in_any_order(set()), None)

    def others(self, asked: Member) -> Iterator[Member]:
        return self._in_any_order({asked.key})

    def _in_any_order(self, asked: set[tuple[str, int]]) -> Iterator[Member]:
        for group in self._tiers:
            while left := [member for member in group if member.key not in asked]:
                member = left[self._choose(len(left))]
                asked.add(member.key)
                yield member


class Node:
    """A server or a proxy: one that listens at an address, and may die and start again.

    Attributes: `name`, `life` (counted from 1), `memory` of the actor in this life.
    """

    is_proxy = False
    memory: Memory[Any, Reply]

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.number = number
        self.life = 0
        self.sessions = 0
        self.start()

    def start(self) -> None:
        """A new life: nothing is known of earlier ones."""
        self.life += 1
        self.sessions = 0

    def new_id(self) -> str:
        """The id of a session: no other life and no other node gives it out."""
        self.sessions += 1
        return f"{self.number:04x}{self.life:04x}{self.sessions:08x}"

    def handle(self, request: Request, refuses: bool) -> Reply | Program[Reply]:
        """What the actor does with a request. If it `refuses`, no call begins now."""
        raise NotImplementedError

    def marked(self, reply: Reply) -> Reply:
        """The reply with the mark of who made it, as a listener writes it."""
        if reply.lines or "Served-By" in reply.headers:
            return reply
        return reply._replace(lines=f"Served-By: {self.served_by()}\r\n")

    def served_by(self) -> str:
        raise NotImplementedError

    @property
    def endpoint(self) -> Endpoint:
        """As a registry names it."""
        return Endpoint(PROXY if self.is_proxy else SERVICE, self.name, self.life, HOST,
                        4000 + self.number, "up", ())


class ServerNode(Node):
    """A server. `runs(run)` is called when a function begins; it ends when `run()` is called."""

    def __init__(self, name: str, number: int, promises: bool,
                 begins: Callable[[ServerNode, Callable[[], Reply]], Future[Reply]]) -> None:
        self.promises = promises
        self._begins = begins
        super().__init__(name, number)

    def start(self) -> None:
        super().start()
        functions: Any = self.promises
        self.server = cast(Any, Server(SERVICE, functions, name=self.name,
                                       port=4000 + self.number, registries=()))
        executions = self.server._executions
        self.memory = executions._memory = Memory(new_id=self.new_id)
        executions._run_beside = lambda name, run: self._begins(self, run)

    def handle(self, request: Request, refuses: bool) -> Reply | Program[Reply]:
        executions = self.server._executions
        executions._running += MAX_CALLS * refuses
        answer: Reply | Program[Reply] = self.server.handle(request, clock.now, lambda: False)
        executions._running -= MAX_CALLS * refuses
        return answer

    def served_by(self) -> str:
        return str(self.server._served_by())


class ProxyNode(Node):
    """A proxy before some servers."""

    is_proxy = True

    def __init__(self, name: str, number: int, choose: Callable[[int], int],
                 servers: Sequence[Node]) -> None:
        self._choose, self._servers = choose, servers
        super().__init__(name, number)

    def start(self) -> None:
        super().start()
        self.proxy = cast(Any, Proxy(name=self.name, port=4000 + self.number, registries=()))
        self.proxy._pool = Post()
        shared = self.proxy._shared
        shared.balancers[SERVICE] = AnyOrder(self._choose, [s.endpoint for s in self._servers])
        self.memory = shared.memory = Memory(new_id=self.new_id)

    @property
    def balancer(self) -> Balancer:
        balancer: Balancer = self.proxy._shared.balancers[SERVICE]
        return balancer

    def handle(self, request: Request, refuses: bool) -> Reply | Program[Reply]:
        self.proxy._draining = refuses
        answer: Reply | Program[Reply] = self.proxy._begin(request, clock.now, lambda: False)
        self.proxy._draining = False
        return answer

    def served_by(self) -> str:
        return f"{self.name}; incarnation={self.life}; service={PROXY}"


def ends(run: Callable[[], Reply], label: str) -> Reply:
    """Brings a run to its end. `label` is its value."""
    _ending.append(label)
    try:
        return run()
    finally:
        _ending.pop()


def give_session(member: Member, memory: Memory[Any, Reply]) -> None:
    """Gives a session out without a message, so that worlds are smaller."""
    member.session = Session(memory.open())
