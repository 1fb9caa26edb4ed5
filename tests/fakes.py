"""What several test files play with: endpoints out of nowhere, an address that refuses, a clock wound by hand."""

from __future__ import annotations

import socket
import unittest
from collections.abc import Sequence
from unittest import mock

from ponte.calls.endpoint import Endpoint
from ponte.net import wire
from ponte.net.address import Address
from proxy import Proxy

QUICK_TICK_S = 0.01


def hurry_listeners() -> None:
    """For `setUpModule`: listeners notice that they were closed at once, and not at their next tick."""
    patch = mock.patch.object(wire, "ACCEPT_TICK_S", QUICK_TICK_S)
    patch.start()
    unittest.addModuleCleanup(patch.stop)


def endpoint(instance: str, incarnation: int = 1, state: str = "up", *, service: str = "greeter", port: int = 4242,
             idempotent: Sequence[str] = ()) -> Endpoint:
    return Endpoint(service, instance, incarnation, "127.0.0.1", port, state, tuple(idempotent))


def refused_address(test: unittest.TestCase) -> Address:
    """Nobody listens there until the test is over: its port is taken, so that the system gives it to nobody else."""
    taken = socket.socket()
    test.addCleanup(taken.close)
    taken.bind(("127.0.0.1", 0))
    address: Address = taken.getsockname()
    return address


def show_to(proxy: Proxy, *endpoints: Endpoint) -> None:
    """From now on these are all that the proxy knows, as if a registry had named them."""
    proxy._directory.endpoints = endpoints
    proxy._on_change()


class Clock:
    """Stands in for the module `time` of a module under test: `monotonic` is what the test says it is."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def monotonic(self) -> float:
        return self.now
