"""A connection is cut after each single byte, in both directions, on every link: rule R must hold.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import random
import socket
import sys
import threading
import time
import unittest
from collections import Counter
from typing import Callable, Protocol, TypeVar

from client import Client, NotSent, OutcomeUnknown
from lab.tcp_relay import Fate, TcpRelay
from ponte.calls.budget import Budget
from proxy import Proxy
from registry import Registry
from server import Server, idempotent
from tests.system.harness import wait_until

# The first of so many bytes is cut. A cut is the same on every system, and takes longer on Windows.
EVERY = 8 if sys.platform == "win32" else 1


class _Closable(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=_Closable)


class _Endless(Budget):
    """A budget without end: every call here needs a retry. The real budget has its own tests."""

    def spend(self) -> bool:
        return True


class _NoDelay(random.Random):
    """Makes every quarantine end at once, so that the next call goes the same way."""

    def uniform(self, a: float, b: float) -> float:
        return 0.0


class Relayed(unittest.TestCase):
    """stub -> (relay) -> proxy -> (relay) -> server, or stub -> (relay) -> server."""

    # The engine of the proxy, and that of the registry and the server.
    engine, server_engine = "threads", "events"

    def setUp(self) -> None:
        self.executions: Counter[str] = collections.Counter()
        self._lock = threading.Lock()
        self.registry = self._keep(Registry(port=0, engine=self.server_engine))
        self.registry.start()
        self.server_relay = self._keep(TcpRelay())
        self.server = self._keep(Server("cuts", {"any": self._any, "once": self._once},
                                        name="server", registries=[self.registry.address],
                                        advertise=self.server_relay.address,
                                        engine=self.server_engine))
        self.server.start()
        self.server_relay.target = self.server.address

    @idempotent
    def _any(self, token: str) -> str:
        return self._once(token)

    def _once(self, token: str) -> str:
        with self._lock:
            self.executions[token] += 1
        return token

    def _keep(self, thing: T) -> T:
        self.addCleanup(thing.close)
        return thing

    def _client(self, wait_for: str, timeout_s: float = 10.0) -> Client:
        client = self._keep(Client("cuts", registries=[self.registry.address], timeout_s=timeout_s))
        client._balancer.budget, client._balancer.rng = _Endless(), _NoDelay()
        wait_until(lambda: wait_for in [each.instance for each in client.endpoints], 5,
                   f"the client sees {wait_for}")
        return client

    def _start_proxy(self) -> TcpRelay:
        relay = self._keep(TcpRelay())
        proxy = self._keep(Proxy(port=0, name="proxy", engine=self.engine,
                                 registries=[self.registry.address], advertise=relay.address))
        proxy.start()
        relay.target = proxy.address
        wait_until(lambda: "cuts" in proxy._shared.balancers, 5, "the proxy sees the server")
        proxy._shared.balancers["cuts"].budget = _Endless()
        return relay


class Cuts(Relayed):
    """Whichever byte arrives last, the call is answered.

    A call that is not idempotent has then run once.
    """

    # Of calls that may run twice, the first of so many bytes is tried. Of others, every byte.
    step = 1

    def _cut_everywhere(self, client: Client, relay: TcpRelay, fate: Callable[[int], Fate]) -> None:
        for method, step in (("any", self.step), ("once", 1)):
            for at in itertools.count(0, step * EVERY):
                cuts, token = relay.cuts, f"{method}-{at}"
                self.executions.clear()
                relay.arm(fate(at))
                self.assertEqual(client.call(method, token), token)
                if method == "once":
                    self.assertEqual(self.executions[token], 1, f"{method} cut at {at}")
                self.assertGreaterEqual(self.executions[token], 1)
                if relay.cuts == cuts:
                    # Nothing was cut: the message is shorter than `at` bytes.
                    break
            self.assertGreater(at, 100)


class CutEveryByteWithoutAProxy(Cuts):
    def test_request_to_the_server(self) -> None:
        self._cut_everywhere(self._client("server"), self.server_relay,
                             lambda at: Fate(cut_request_at=at))

    def test_reply_of_the_server(self) -> None:
        self._cut_everywhere(self._client("server"), self.server_relay,
                             lambda at: Fate(cut_reply_at=at))


class CutEveryByte(Cuts):
    def test_request_to_the_proxy(self) -> None:
        relay = self._start_proxy()
        self._cut_everywhere(self._client("proxy"), relay, lambda at: Fate(cut_request_at=at))

    def test_reply_of_the_proxy(self) -> None:
        relay = self._start_proxy()
        self._cut_everywhere(self._client("proxy"), relay, lambda at: Fate(cut_reply_at=at))

    def test_request_from_the_proxy_to_the_server(self) -> None:
        self._start_proxy()
        self._cut_everywhere(self._client("proxy"), self.server_relay,
                             lambda at: Fate(cut_request_at=at))

    def test_reply_of_the_server_to_the_proxy(self) -> None:
        self._start_proxy()
        self._cut_everywhere(self._client("proxy"), self.server_relay,
                             lambda at: Fate(cut_reply_at=at))


class InTime(Relayed):
    """A stub returns within its timeout and 50 ms, whatever the network does."""

    TIMEOUT_S = 0.15
    MORE_S = 0.05
    # The fastest try counts: in a slow one, another process may have used the processor.
    TRIES = 5

    def _assert_in_time(self, client: Client) -> None:
        within_s = self.TIMEOUT_S + self.MORE_S
        for method in ("any", "once"):
            took_s: list[float] = []
            while len(took_s) < self.TRIES and min(took_s, default=9.0) > within_s:
                started = time.monotonic()
                with contextlib.suppress(NotSent, OutcomeUnknown):
                    client.call(method, "token")
                took_s.append(time.monotonic() - started)
            self.assertLessEqual(min(took_s), within_s, method)

    def test_when_replies_are_swallowed(self) -> None:
        client = self._client("server", self.TIMEOUT_S)
        self.server_relay.fates = lambda: Fate(swallow_replies=True)
        self._assert_in_time(client)

    def test_when_the_path_freezes(self) -> None:
        client = self._client("server", self.TIMEOUT_S)
        self.server_relay.freeze()
        self._assert_in_time(client)

    def test_when_a_reply_drips(self) -> None:
        """A byte that arrives does not extend the deadline of the call."""
        client = self._client("server", self.TIMEOUT_S)
        self.server_relay.fates = lambda: Fate(drip_reply_s=0.02)
        self._assert_in_time(client)

    def test_when_the_proxy_freezes_and_the_server_too(self) -> None:
        relay = self._start_proxy()
        client = self._client("proxy", self.TIMEOUT_S)
        relay.freeze()
        self.server_relay.freeze()
        self._assert_in_time(client)

    def test_when_nobody_accepts(self) -> None:
        """A listener with a full queue answers no connection request, like a host that is gone."""
        client = self._client("server", self.TIMEOUT_S)
        full = self._keep(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            filler = self._keep(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        endpoints = [endpoint._replace(port=full.getsockname()[1])
                     for endpoint in client._directories[1].endpoints]
        client._balancer.update([], endpoints)
        self._assert_in_time(client)
