"""What several test files use: endpoints, an address that refuses, and a clock set by hand."""

from __future__ import annotations

import socket
import time
import unittest
from collections.abc import Callable, Sequence
from unittest import mock

from ponte.calls.endpoint import Endpoint
from ponte.net import serving
from ponte.net.address import Address
from proxy import Proxy

# Seconds.
QUICK_TICK_S = 0.01
# The clock goes on in steps of so many seconds: of 15.6 ms on Windows, up to Python 3.12. A time
# that has passed may look shorter by up to one step.
CLOCK_STEP_S = time.get_clock_info("monotonic").resolution


def hurry_listeners() -> None:
    """For `setUpModule`: a listener that was closed ends at once, not at its next tick."""
    patch = mock.patch.object(serving, "ACCEPT_TICK_S", QUICK_TICK_S)
    patch.start()
    unittest.addModuleCleanup(patch.stop)


def endpoint(instance: str, incarnation: int = 1, state: str = "up", *, service: str = "greeter",
             port: int = 4242, idempotent: Sequence[str] = (), remembers: bool = True,
             path: str = "") -> Endpoint:
    return Endpoint(service, instance, incarnation, "127.0.0.1", port, state, tuple(idempotent),
                    remembers, path)


def refused_address(test: unittest.TestCase) -> Address:
    """An address where no process listens until the test is over.

    Its port is bound, so that the system gives it to no other socket.
    """
    taken = socket.socket()
    test.addCleanup(taken.close)
    taken.bind(("127.0.0.1", 0))
    address: Address = taken.getsockname()
    return address


def show_to(proxy: Proxy, *endpoints: Endpoint) -> None:
    """From now on the proxy knows these endpoints only, as if a registry had named them."""
    proxy._directory.endpoints = endpoints
    proxy._on_change()


def eventually(condition: Callable[[], bool], within_s: float = 5.0) -> None:
    """Waits until the condition holds. AssertionError if it does not within `within_s` seconds."""
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("not in time")
        time.sleep(0.001)


def wait_for_clock() -> None:
    """Waits until the clock goes on, by one step at least."""
    began = time.monotonic()
    eventually(lambda: time.monotonic() > began)


class Clock:
    """Stands in for the module `time` of a module under test: a test sets the time."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def monotonic(self) -> float:
        return self.now
