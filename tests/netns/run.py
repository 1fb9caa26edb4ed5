"""One run on a bad network: servers, proxies and callers, each in a place of their own.

    "servers"   two registries, three servers
    "proxies"   two proxies, one of each engine; they know the first registry only
    "callers"   one process that asks the first registry, and so calls by the proxies; and one that
                asks the second registry, and so calls the servers themselves

Every few seconds the weather changes, for each direction on its own. At the end it is calm, every
unknown outcome is resolved as far as it can be, and the checker judges.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from lab.checker import Call, Verdict, judge
from ponte.net.address import show
from tests.chaos.callers import read_calls
from tests.netns.network import Network
from tests.netns.weather import CUT, STRAGGLER_S, draw_weather
from tests.system.cluster import Cluster
from tests.system.harness import START_S, Process, wait_until
from tests.system.journal import Journal

PLACES = ("servers", "proxies", "callers")
SERVERS, PROXIES = 3, ("threads", "events")
# Threads of each caller process: on such a network a call mostly waits.
THREADS = 40
# Seconds of the same weather: the shortest and the longest time.
ROUND_S = (2.0, 7.0)
# Seconds until all is resolved, when it is calm.
END_S = 90.0
# Seconds until what has arrived is carried out.
SETTLE_S = 1.0


class Report(NamedTuple):
    """The result of a run, with the counts of packets."""

    verdict: Verdict
    packets: Counter[str]
    rounds: int


class Site:
    """The processes on a network."""

    def __init__(self, network: Network, seed: int, threads: int) -> None:
        self._network = network
        self._cluster = Cluster()
        try:
            self._start(seed, threads)
        except BaseException:
            self.close()
            raise

    def _start(self, seed: int, threads: int) -> None:
        self.journal = Journal(self._cluster)
        self._key = self._cluster.file("key", "a key of a test, long enough\n")
        host = self._network.addresses["servers"]
        for _ in range(2):
            registry = self._role("servers", "registry.py")
            self._cluster.registries.append(registry.address)
        both = self._cluster.registry_option()
        one, two = (("--registry", show(address)) for address in self._cluster.registries)
        for i in range(SERVERS):
            # The first one has a memory that is far too short.
            wrapper = () if i else ("-m", "tests.chaos.forgetful")
            self._role("servers", *wrapper, "server.py", self.journal.file, "--name",
                       f"server-{i}", *both)
        for engine in PROXIES:
            self._role("proxies", "proxy.py", "--engine", engine, "--name", f"proxy-{engine}", *one)
        self._told = {name: os.path.join(self._cluster.directory, f"{name}.told")
                      for name in ("p", "d")}
        self._callers = [
            self._enter("callers", "-m", "tests.chaos.callers", self._told[name], *option,
                        "--name", name, "--threads", str(threads), "--seed", str(seed))
            for name, option in (("p", one), ("d", two))]
        for caller in self._callers:
            caller.wait_for_line("calling", START_S)
        # Before the weather turns bad, everybody has been answered once.
        self._cluster.wait_until(self.journal.executions, START_S, f"a call at {host}")

    def close(self) -> None:
        self._cluster.close()

    def end_callers(self) -> list[Call]:
        """Lets the callers resolve what they can; returns what they were told."""
        for caller in self._callers:
            caller.signal(signal.SIGTERM)
        for caller in self._callers:
            if caller.wait(END_S):
                raise AssertionError(f"a caller has failed\n{caller.log}")
        return [call for path in self._told.values() for call in read_calls(path)]

    def _role(self, place: str, *arguments: str) -> Process:
        """A registry, a server or a proxy."""
        enter = ("-m", "tests.netns.enter", self._network.namespaces[place])
        return self._cluster.start_role(*enter, *arguments, "--key-file", self._key, "--port", "0",
                                        "--host", self._network.addresses[place])

    def _enter(self, place: str, *arguments: str) -> Process:
        return self._cluster.start("-m", "tests.netns.enter", self._network.namespaces[place],
                                   *arguments)


def run(seed: int, seconds: float, *, threads: int = THREADS,
        say: Callable[[str], None] = lambda line: None) -> Report:
    """Runs for `seconds`, then resolves and judges. Raises NoNamespaces where there can be none."""
    rng = random.Random(seed)
    with contextlib.ExitStack() as stack:
        network = Network(PLACES, random.Random(rng.getrandbits(64)))
        stack.callback(network.close)
        site = Site(network, seed, threads)
        stack.callback(site.close)
        end = time.monotonic() + seconds
        rounds = 0
        while time.monotonic() < end:
            rounds += 1
            network.weather = draw_weather(rng, network.directions)
            cuts = [f"{a} -> {b}" for (a, b), weather in network.weather.items() if weather == CUT]
            say(f"round {rounds}: cut: {', '.join(cuts) or 'none'}")
            threading.Event().wait(min(rng.uniform(*ROUND_S), end - time.monotonic()))
        # In calm weather callers resolve what they can. Then the last packets arrive, which the
        # network has kept: they must change nothing.
        network.weather = {}
        calls = site.end_callers()
        say(f"calm; {network.under_way} packets are still under way")
        wait_until(lambda: not network.under_way, STRAGGLER_S[1] + SETTLE_S, "all have arrived")
        threading.Event().wait(SETTLE_S)
        return Report(judge(calls, site.journal.runs()), network.counts, rounds)
