"""The second soak: clients are made, dropped, closed, shared, forked and killed at random.

    2 registries, 2 steady servers and one that is killed, 2 steady proxies (threads, events) and
    one that is killed; each of them freezes now and then, one at a time
    workers: processes in which clients come and go (worker.py)

The memory, the threads and the files of each steady process are measured all the time. At a quiet
moment at the end, each must have the threads and files again that it had at a quiet moment before,
and each registry its connections. In a long run, nothing may have grown meanwhile.

The exit code is also 1 if an idempotent call failed, if a call got a wrong answer, if one that may
run only once ran twice, if a child hung, or if a thread died.
"""

from __future__ import annotations

import collections
import functools
import json
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable

from ponte.net.address import Address
from tests.growth import Sample, is_back, look
from tests.soak.load import JUDGED_S, SAMPLE_S, WARM_UP, judge, status
from tests.system.cluster import Cluster
from tests.system.harness import Process, wait_until
from tests.system.journal import Journal

WORKERS = 3
# Seconds between two faults, and seconds that a role is frozen: shorter than a call may take.
FAULT_S = (1.0, 3.0)
FROZEN_S = (0.5, 2.5)
# Seconds for the quiet moment at the end to come: until connections that were idle for a while
# are closed.
QUIET_S = 30.0


class Clients:
    """The system, and the workers. `close` ends all of it. One thread."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self.cluster = Cluster()
        self.journal = Journal(self.cluster)
        file = self.journal.file
        # Two registries: with the other one, a new client finds the service at any time.
        steady_registry, other = (self.cluster.start_registry() for _ in range(2))
        # What kills and starts each victim again, and the victims.
        self._starts: dict[str, Callable[[], Process]] = {
            "registry-2": functools.partial(self.cluster.start_registry, port=other.address[1]),
            "server-victim": lambda: self.cluster.start_server(file, "victim"),
            "proxy-victim": lambda: self.cluster.start_proxy("victim")}
        self._victims = {"registry-2": other, **{
            name: self._starts[name]() for name in ("server-victim", "proxy-victim")}}
        self._roles = {
            "registry-1": steady_registry,
            **{f"server-{n}": self.cluster.start_server(file, f"server-{n}") for n in (1, 2)},
            **{f"proxy-{engine}": self.cluster.start_proxy(f"proxy-{engine}", "--engine", engine)
               for engine in ("threads", "events")}}
        self.workers = [self.cluster.start("-m", "tests.soak.worker", "--seed",
                                           str(self._rng.getrandbits(32)),
                                           *self.cluster.registry_option())
                        for _ in range(WORKERS)]
        for worker in self.workers:
            worker.wait_for_line("ready", 20)
        self.steady = {**self._roles,
                       **{f"worker-{n}": worker for n, worker in enumerate(self.workers, 1)}}

    def close(self) -> None:
        self.cluster.close()

    def order(self) -> None:
        """Each worker begins, or ends, its work."""
        if sys.platform != "win32":
            for worker in self.workers:
                worker.signal(signal.SIGUSR1)

    def harm(self) -> None:
        """Kills a victim, and starts it again; or freezes any role, and thaws it. Blocks."""
        rng = self._rng
        if rng.random() < 0.4:
            name = rng.choice(sorted(self._victims))
            victim = self._victims[name]
            self.cluster.kill(victim)
            self.cluster.processes.remove(victim)
            time.sleep(rng.uniform(*FROZEN_S))
            self._victims[name] = self._starts[name]()
        else:
            frozen = rng.choice([*self._roles.values(), *self._victims.values()])
            frozen.freeze()
            time.sleep(rng.uniform(*FROZEN_S))
            frozen.thaw()
        # The next one is harmed when this one is of use again.
        time.sleep(rng.uniform(*FAULT_S))

    def samples(self) -> dict[str, Sample]:
        return {name: look(process.pid) for name, process in self.steady.items()
                if process.is_running}

    def connections(self) -> dict[Address, int]:
        """How many callers each registry has."""
        return {address: status(address)["connections"] for address in self.cluster.registries}

    def ended(self) -> dict[str, int]:
        """The steady processes that have ended, and their exit codes."""
        return {name: process.wait(1.0) for name, process in self.steady.items()
                if not process.is_running}

    def deaths(self) -> dict[str, int]:
        """How many threads an exception has ended in each role."""
        return {name: status(process.address)["thread_deaths"]
                for name, process in self._roles.items() if process.is_running}

    def ran_twice(self) -> int:
        """How many calls that may run only once ran more often."""
        return sum(count > 1 for token, count in self.journal.executions().items()
                   if token.startswith("o-"))


def run(seed: int, seconds: float, say: Callable[[str], None]) -> bool:
    """Runs for `seconds`, and judges; `say` prints a line. Whether all was well."""
    soak = Clients(seed)
    try:
        return _run(soak, seconds, say)
    finally:
        soak.close()


def _run(soak: Clients, seconds: float, say: Callable[[str], None]) -> bool:
    # 1. A quiet moment: what everything has before.
    samples: dict[str, list[Sample]] = collections.defaultdict(list)
    before, steady = soak.samples(), soak.connections()
    # 2. The workers work, and one role after another is harmed.
    soak.order()
    begun = sampled_at = time.monotonic()
    while time.monotonic() < begun + seconds and not soak.ended():
        soak.harm()
        if time.monotonic() > sampled_at + SAMPLE_S:
            sampled_at = time.monotonic()
            for name, sample in soak.samples().items():
                samples[name].append(sample)
    ended = soak.ended()
    # 3. A quiet moment: what has come of the calls, and what is left.
    outcomes: Counter[str] = collections.Counter()
    deaths: dict[str, int] = {}
    wrong: list[str] = []
    if not ended:
        soak.order()
        for name, worker in soak.steady.items():
            if worker in soak.workers:
                told = json.loads(worker.wait_for_line(r"\{.*\}", 90)[0])
                deaths[name] = told.pop("deaths")
                outcomes.update(told)
        wrong = _left_over(soak, before, steady)
        deaths.update(soak.deaths())
    for name, sample in soak.samples().items():
        samples[name].append(sample)
    # 4. The verdict.
    outcomes["WRONG: ran twice"] = soak.ran_twice()
    kept = {name: [sample for sample in each if sample.at >= begun + WARM_UP * seconds]
            for name, each in samples.items()}
    well = judge(kept, ended, deaths, +outcomes, say,
                 by_growth=seconds >= JUDGED_S and not ended)
    for line in wrong:
        say(f"NOT WELL: {line}")
    if wrong or not well:
        for worker in soak.workers:
            for line in worker.err.splitlines()[-20:]:
                say(f"worker: {line}")
    return well and not wrong


def _left_over(soak: Clients, before: dict[str, Sample], steady: dict[Address, int]) -> list[str]:
    """What has not come back, within QUIET_S, to what it was before. A line for each."""
    def found() -> list[str]:
        lines = [f"{name}: {now.threads:.0f} threads and {now.files:.0f} files, "
                 f"{before[name].threads:.0f} and {before[name].files:.0f} before"
                 for name, now in soak.samples().items() if not is_back(before[name], now)]
        return lines + [f"registry {address[1]}: {now} connections, {steady[address]} before"
                        for address, now in soak.connections().items() if now > steady[address]]

    try:
        wait_until(lambda: not found(), QUIET_S, "the quiet moment")
    except AssertionError:
        return found()
    return []
