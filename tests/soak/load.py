"""The first soak: load, faults and abuse for a long time. What grows?

    2 registries, 2 steady servers, 2 servers that are killed and frozen,
    2 proxies (threads, events)
    callers: stubs (idempotent and not), and clients of the standard library through each proxy
    abuse: random and mutated bytes at every TCP and UDP port; connections that drip;
    connections that break off

Every few seconds it measures the memory, the threads and the open files of each steady process, and
of this process, which holds the stubs. At the end it prints how they grew over time: the slope of
the straight line that fits best (least squares). The first part is left out, because caches and
pools fill then.

The exit code is 1 if something grew, if a thread died of an exception, if an idempotent call
failed, if a call got a wrong answer, if too many calls got none, or if a steady process ended.

Short runs do not judge growth: it does not show yet.
"""

from __future__ import annotations

import collections
import contextlib
import http.client
import itertools
import json
import os
import random
import socket
import threading
import time
import xmlrpc.client
from collections import Counter
from collections.abc import Callable, Iterator

from client import Client, NotSent, OutcomeUnknown
from ponte.net.address import Address, show
from ponte.process.logs import thread_deaths
from tests.fuzz.messages import REQUEST_SEEDS
from tests.growth import FLAT, Sample, is_flat, look, slope_per_min
from tests.system.cluster import Cluster
from tests.system.harness import Process
from tests.system.journal import Journal

# Seconds between two samples of a process.
SAMPLE_S = 5.0
# The share of the time that is left out, in which the memory of calls, caches and pools fill.
WARM_UP = 0.25
# Seconds: in a shorter run, a slope means nothing.
JUDGED_S = 600.0
# The share of all calls that must be answered. Every few seconds a victim dies or freezes, and
# some calls are in it.
LEAST_ANSWERED = 0.95
CALLERS = 4
# Seconds between two calls of a caller, so that the processor is not always busy.
PACE_S = 0.02
# Connections to each process that drip, and the seconds between two bytes of one of them.
DRIPPERS = 20
DRIP_S = 1.0
# Seconds between two faults, and seconds that a server is frozen.
FAULT_S = (1.0, 4.0)
CALL_TIMEOUT_S = 5.0


# ---- the system under load -----------------------------------------------------------------------

class Soak:
    """The system, its callers, and its abusers. `close` ends all of it.

    In a `with` block, callers and abusers run, each in a thread.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.cluster = Cluster()
        self._lock = threading.Lock()
        # Guarded by self._lock: how many calls ended in which way.
        self.outcomes: Counter[str] = collections.Counter()
        self._ended = threading.Event()
        self._numbers = itertools.count(1)
        self._threads: list[threading.Thread] = []
        self._file = Journal(self.cluster).file
        for _ in range(2):
            self.cluster.start_registry()
        self.victims = [self.cluster.start_server(self._file, f"victim-{n}") for n in (1, 2)]
        self.steady: dict[str, Process] = {
            **{f"registry-{n}": process for n, process in enumerate(self.cluster.processes[:2], 1)},
            **{f"server-{n}": self.cluster.start_server(self._file, f"server-{n}") for n in (1, 2)},
            **{f"proxy-{engine}": self.cluster.start_proxy(f"proxy-{engine}", "--engine", engine)
               for engine in ("threads", "events")}}
        self._clients = [self.cluster.client("journal", timeout_s=CALL_TIMEOUT_S) for _ in range(2)]

    def __enter__(self) -> Soak:
        proxies = [process.address for name, process in self.steady.items()
                   if name.startswith("proxy")]
        steady = [process.address for process in self.steady.values()]
        jobs: list[Callable[[random.Random], None]] = [
            *[lambda rng, client=client: self._call(client)
              for client in self._clients * (CALLERS // 2)],
            *[lambda rng, address=address: self._call_as_stock(address) for address in proxies],
            *[lambda rng, address=address: self._throw(address, rng) for address in steady],
            *[lambda rng, address=address: self._drip(address, rng) for address in steady],
            self._harm]
        for job in jobs:
            thread = threading.Thread(target=job, args=(random.Random(self.rng.getrandbits(64)),),
                                      daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def close(self) -> None:
        self.cluster.close()

    def ended(self) -> dict[str, int]:
        """The steady processes that have ended, and their exit codes."""
        return {name: process.wait(1.0) for name, process in self.steady.items()
                if not process.is_running}

    def deaths(self) -> dict[str, int]:
        """How many threads an exception has ended: in each steady process that runs, and here."""
        found = {name: int(status(process.address)["thread_deaths"])
                 for name, process in self.steady.items() if process.is_running}
        return {**found, "this process": thread_deaths.count}

    def _each(self, pace_s: float) -> Iterator[int]:
        """Counts up, with a pause of `pace_s` each time, until the end of the run."""
        while not self._ended.wait(pace_s):
            yield next(self._numbers)

    def _count(self, what: str) -> None:
        with self._lock:
            self.outcomes[what] += 1

    def _call(self, client: Client) -> None:
        for number in self._each(PACE_S):
            method = "echo" if number % 2 else "once"
            try:
                value = client.call(method, f"c{number}")
                self._count("answered" if value == f"c{number}" else "WRONG")
            except (NotSent, OutcomeUnknown) as error:
                self._count(f"{type(error).__name__} ({method})")

    def _call_as_stock(self, proxy: Address) -> None:
        """Calls by the standard library's client, which sends no headers of Ponte.

        It sees an unknown outcome as an HTTP error.
        """
        with xmlrpc.client.ServerProxy(f"http://{show(proxy)}/journal", allow_none=True) as stock:
            for number in self._each(PACE_S):
                try:
                    self._count("answered" if stock.once(f"s{number}") == f"s{number}" else "WRONG")
                except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
                    self._count(f"stock client: {type(error).__name__}")

    def _throw(self, address: Address, rng: random.Random) -> None:
        """Sends garbage by TCP and UDP. Some of it looks like a request, some of it breaks off."""
        with socket.socket(type=socket.SOCK_DGRAM) as udp:
            for _ in self._each(0.1):
                likely = rng.random() < 0.7
                data = bytearray(rng.choice(REQUEST_SEEDS) if likely
                                 else rng.randbytes(rng.randint(0, 3000)))
                for _ in range(rng.randint(0, 8) if data else 0):
                    data[rng.randrange(len(data))] = rng.randrange(256)
                # The other side closes the connection, as it should.
                with contextlib.suppress(OSError):
                    udp.sendto(data[:1400], address)
                    with socket.create_connection(address, 1.0) as sock:
                        sock.sendall(data)
                        sock.settimeout(0.05)
                        sock.recv(100)

    def _drip(self, address: Address, rng: random.Random) -> None:
        """Keeps connections that send a byte now and then.

        The deadline of a message ends them, and new ones take their place.
        """
        dripping: collections.deque[socket.socket] = collections.deque()
        for _ in self._each(DRIP_S / DRIPPERS):
            sock = dripping.popleft() if len(dripping) == DRIPPERS else None
            try:
                if sock is None:
                    sock = socket.create_connection(address, 1.0)
                    sock.sendall(b"POST /journal HTTP/1.1\r\nHost: a\r\n"
                                 + rng.choice([b"", b"Content-Length: 1000\r\n\r\n"]))
                else:
                    sock.sendall(b"x")
                dripping.append(sock)
            except OSError:
                # The deadline was over: a new connection takes its place in the next turn.
                if sock:
                    sock.close()
        for sock in dripping:
            sock.close()

    def _harm(self, rng: random.Random) -> None:
        """Kills a victim (kill -9), or freezes it for some seconds; one victim at a time."""
        while not self._ended.wait(rng.uniform(*FAULT_S)):
            number = rng.randrange(len(self.victims))
            victim = self.victims[number]
            if rng.random() < 0.5:
                self.cluster.kill(victim)
                self.cluster.processes.remove(victim)
                self.victims[number] = self.cluster.start_server(self._file, f"victim-{number + 1}")
            else:
                victim.freeze()
                self._ended.wait(rng.uniform(*FAULT_S))
                victim.thaw()


def status(address: Address) -> dict[str, int]:
    """The status page of a role."""
    connection = http.client.HTTPConnection(*address, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/status")
        found: dict[str, int] = json.loads(connection.getresponse().read())
        return found


# ---- the run -------------------------------------------------------------------------------------

def run(seed: int, seconds: float, say: Callable[[str], None]) -> bool:
    """Runs for `seconds`, and judges; `say` prints a line. Whether all was well."""
    thread_deaths.watch()
    soak = Soak(seed)
    samples: dict[str, list[Sample]] = collections.defaultdict(list)
    try:
        pids = {**{name: process.pid for name, process in soak.steady.items()},
                "this process": os.getpid()}
        begun = time.monotonic()
        with soak:
            pause = threading.Event()
            while time.monotonic() < begun + seconds and not soak.ended():
                pause.wait(min(SAMPLE_S, begun + seconds - time.monotonic()))
                for name, pid in pids.items():
                    if name not in soak.ended():
                        samples[name].append(look(pid))
            ended, deaths = soak.ended(), soak.deaths()
    finally:
        soak.close()
    kept = {name: [sample for sample in all_of_it if sample.at >= begun + WARM_UP * seconds]
            for name, all_of_it in samples.items()}
    by_growth = seconds >= JUDGED_S and not ended
    kept = {name: some for name, some in kept.items() if some}
    return judge(kept, ended, deaths, soak.outcomes, say, by_growth=by_growth)


def judge(samples: dict[str, list[Sample]], ended: dict[str, int], deaths: dict[str, int],
          outcomes: Counter[str], say: Callable[[str], None], *, by_growth: bool) -> bool:
    """Prints the tables, and a line for each thing that is wrong. Whether all was well."""
    say(f"{'process':<16}{'KiB':>9}{'KiB/min':>10}{'threads':>9}{'/min':>8}{'files':>7}{'/min':>8}")
    for name, kept in samples.items():
        last, slopes = kept[-1], {what: slope_per_min(kept, what) for what in FLAT}
        say(f"{name:<16}{last.memory_kb:9.0f}{slopes['memory_kb']:10.1f}"
            f"{last.threads:9.0f}{slopes['threads']:8.2f}{last.files:7.0f}{slopes['files']:8.2f}")
    for what, count in sorted(outcomes.items()):
        say(f"{count:>9} {what}")
    say(f"threads that died: {sum(deaths.values())}")
    if not by_growth:
        say(f"growth is not judged in less than {JUDGED_S / 60:.0f} minutes")
    wrong = [f"{name}: {what} grows" for name, kept in samples.items() for what in FLAT
             if by_growth and not is_flat(kept, what)]
    wrong += [f"{name} has ended (exit code {code})" for name, code in ended.items()]
    wrong += [f"{name}: {count} threads died" for name, count in deaths.items() if count]
    wrong += [f"{count} x {what}" for what, count in outcomes.items()
              if what.startswith(("WRONG", "HUNG")) or what.endswith("(echo)")]
    answered, calls = outcomes["answered"], sum(outcomes.values())
    if answered < LEAST_ANSWERED * calls or not calls:
        wrong.append(f"only {answered} of {calls} calls were answered")
    for line in wrong:
        say(f"NOT WELL: {line}")
    return not wrong
