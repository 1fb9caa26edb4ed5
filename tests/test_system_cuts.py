"""A connection cut after every single byte, in either direction, on every link: rule R must hold at each of them."""

from __future__ import annotations

import collections
import itertools
import random
import threading
import unittest
from typing import Callable, Counter, Protocol, TypeVar

from client import Client
from proxy import Proxy
from registry import Registry
from server import Server, idempotent
from tests.chaos.relay import Fate, TcpRelay
from tests.system import wait_until
from transport.fallback import Budget


class _Closable(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=_Closable)


class _Endless(Budget):
    """Every call here needs a retry; the budget has tests of its own."""

    def spend(self) -> bool:
        return True


class _NoDelay(random.Random):
    """Makes every quarantine end at once, so that the next call takes the same way again."""

    def uniform(self, a: float, b: float) -> float:
        return 0.0


class CutEveryByte(unittest.TestCase):
    """stub -> (relay) -> proxy -> (relay) -> server, or stub -> (relay) -> server."""

    def setUp(self) -> None:
        self.executions: Counter[str] = collections.Counter()
        self._lock = threading.Lock()
        self.registry = self._keep(Registry(port=0))
        self.registry.start()
        self.server_relay = self._keep(TcpRelay())
        self.server = self._keep(Server("cuts", {"any": self._any, "once": self._once}, name="server",
                                        registries=[self.registry.address], advertise=self.server_relay.address))
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

    def _client(self, wait_for: str) -> Client:
        client = self._keep(Client("cuts", registries=[self.registry.address], timeout_s=10))
        client._balancer.budget, client._balancer.rng = _Endless(), _NoDelay()
        wait_until(lambda: wait_for in [m.endpoint.instance for m in client._balancer.members], 5, "the client sees")
        return client

    def _start_proxy(self) -> TcpRelay:
        relay = self._keep(TcpRelay())
        proxy = self._keep(Proxy(port=0, name="proxy", registries=[self.registry.address], advertise=relay.address))
        proxy.start()
        relay.target = proxy.address
        wait_until(lambda: "cuts" in proxy._balancers, 5, "the proxy sees the server")
        proxy._balancers["cuts"].budget = _Endless()
        return relay

    def _cut_everywhere(self, client: Client, relay: TcpRelay, fate: Callable[[int], Fate]) -> None:
        for method in ("any", "once"):
            for at in itertools.count():
                cuts, token = relay.cuts, f"{method}-{at}"
                self.executions.clear()
                relay.arm(fate(at))
                self.assertEqual(client.call(method, token), token)
                if method == "once":
                    self.assertEqual(self.executions[token], 1, f"{method} cut at {at}")
                self.assertGreaterEqual(self.executions[token], 1)
                if relay.cuts == cuts:
                    break       # the message was shorter than that
            self.assertGreater(at, 100)

    def test_request_to_the_server(self) -> None:
        self._cut_everywhere(self._client("server"), self.server_relay, lambda at: Fate(cut_request_at=at))

    def test_reply_of_the_server(self) -> None:
        self._cut_everywhere(self._client("server"), self.server_relay, lambda at: Fate(cut_reply_at=at))

    def test_request_to_the_proxy(self) -> None:
        relay = self._start_proxy()
        self._cut_everywhere(self._client("proxy"), relay, lambda at: Fate(cut_request_at=at))

    def test_reply_of_the_proxy(self) -> None:
        relay = self._start_proxy()
        self._cut_everywhere(self._client("proxy"), relay, lambda at: Fate(cut_reply_at=at))

    def test_request_from_the_proxy_to_the_server(self) -> None:
        self._start_proxy()
        self._cut_everywhere(self._client("proxy"), self.server_relay, lambda at: Fate(cut_request_at=at))

    def test_reply_of_the_server_to_the_proxy(self) -> None:
        self._start_proxy()
        self._cut_everywhere(self._client("proxy"), self.server_relay, lambda at: Fate(cut_reply_at=at))
