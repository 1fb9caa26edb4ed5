"""Measurements beside the chaos run: deaths of servers, rolling restarts, and lost beats."""

from __future__ import annotations

import collections
import functools
import math
import threading
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from typing import Callable

from client import Client
from lab.checker import judge, percentile
from tests.chaos.callers import Callers
from tests.chaos.run import WHOLE_S
from tests.system.cluster import Cluster
from tests.system.harness import Process
from tests.system.journal import Journal
from tests.test_simulation import expiries, predicted_expiries

SERVERS = 3
CALLERS = 8
# So many registries share the simulated leases. The result depends on it, as on a seed.
REGISTRIES = 4


def kills(count: int, say: Callable[[str], None]) -> bool:
    """Kills a server `count` times under load: when do readers see it, which calls notice it?

    There is no proxy, so that the attempts of the stub itself are seen. Returns whether the p99 is
    within 2.5 s, no idempotent call failed, and none needed more than one extra attempt.
    """
    cluster = Cluster()
    attempts: Counter[int] = collections.Counter()
    mine = threading.local()

    def note(_: object) -> None:
        mine.made = getattr(mine, "made", 0) + 1

    def call(client: Client, token: str) -> None:
        mine.made = 0
        client.call("echo", token)
        attempts[mine.made] += 1

    try:
        journal = Journal(cluster)
        cluster.start_registry()
        servers = cluster.start_servers(journal.file, *(f"server-{i}" for i in range(SERVERS)))
        client = cluster.client("journal", on_attempt=note)
        stopped = threading.Event()
        failed: list[Exception] = []

        def load(caller: int) -> None:
            number = 0
            while not stopped.is_set():
                number += 1
                try:
                    call(client, f"{caller}-{number}")
                except Exception as error:
                    # An idempotent call has failed, which must not happen.
                    failed.append(error)

        threads = [threading.Thread(target=load, args=(caller,)) for caller in range(CALLERS)]
        for thread in threads:
            thread.start()
        seen_s = []
        for number in range(count):
            victim = number % SERVERS
            servers[victim].close()
            killed_at = time.monotonic()
            _wait_until_gone(cluster, f"server-{victim}")
            seen_s.append(time.monotonic() - killed_at)
            servers[victim] = cluster.start_servers(journal.file, f"server-{victim}")[0]
        stopped.set()
        for thread in threads:
            thread.join()
    finally:
        cluster.close()
    ordered = sorted(seen_s)
    p99 = percentile(ordered, 0.99)
    say(f"{count} x kill -9: out of lookup after {percentile(ordered, 0.5):.2f} s at the median, "
        f"{p99:.2f} s at p99")
    say(f"{sum(attempts.values())} idempotent calls, {len(failed)} failed; by number of attempts: "
        + ", ".join(f"{made}: {times}" for made, times in sorted(attempts.items())))
    return p99 <= 2.5 and not failed and max(attempts) <= 2


def rolling(rounds: int, say: Callable[[str], None]) -> bool:
    """Restarts all servers and both proxies under load, one at a time: no call may fail."""
    cluster = Cluster()
    try:
        journal = Journal(cluster)
        cluster.start_registry()
        names = [f"server-{i}" for i in range(SERVERS)]
        servers = dict(zip(names, cluster.start_servers(journal.file, *names)))
        proxies = {name: cluster.start_proxy(name) for name in ("proxy-1", "proxy-2")}
        crowd = Callers([cluster.client("journal")], CALLERS, pace_s=0.001)
        crowd.start()
        for _ in range(rounds):
            for name in names:
                _stop(servers[name])
                servers[name] = cluster.start_servers(journal.file, name)[0]
            for name in list(proxies):
                _stop(proxies[name])
                proxies[name] = cluster.start_proxy(name)
        verdict = judge(crowd.stop(), journal.runs())
    finally:
        cluster.close()
    say(f"{rounds} rounds of {SERVERS} servers and 2 proxies, "
        "each stopped in order and started again")
    say(verdict.table().lstrip())
    return verdict.ok and verdict.answered == verdict.calls


def leases(say: Callable[[str], None], *, servers: int = 2000, seconds: float = 600.0,
           loss: float = 0.5) -> bool:
    """Simulates lost beats, and prints the result beside the one that arithmetic predicts.

    No lease knows of another one: so the servers are shared out to registries, and those to
    processes.
    """
    share = functools.partial(expiries, servers=servers // REGISTRIES, seconds=seconds, loss=loss)
    with ProcessPoolExecutor() as pool:
        found = list(pool.map(share, range(1, REGISTRIES + 1)))
    observed, sent = (sum(numbers) for numbers in zip(*found))
    predicted = predicted_expiries(servers, seconds, loss)
    say(f"{servers} leases, {seconds / 60:g} minutes, "
        f"{loss:.0%} of {sent:,} datagrams and their answers lost")
    say(f"false expiries: {observed} observed, {predicted:.1f} predicted")
    return bool(observed <= predicted + 4 * math.sqrt(predicted))


def _wait_until_gone(cluster: Cluster, name: str) -> None:
    cluster.wait_until(lambda: name not in cluster.names("journal"), WHOLE_S,
                       f"{name} is out of lookup")


def _stop(process: Process) -> None:
    process.stop()
    process.wait(WHOLE_S)
