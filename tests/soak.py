"""python3 -m tests.soak --minutes N --seed S: everything at once for a long time, and a look at what is left of it.

    2 registries, 2 steady servers, 2 servers that are killed and frozen, 2 proxies (threads, events)
    callers: stubs (idempotent and not), and clients of the standard library through each proxy
    abuse: random and mutated bytes at every TCP and UDP port; connections that drip; connections that break off

Every few seconds it notes the memory, the threads and the open files of each steady process, and of this one, which
holds the stubs. At the end it prints how they grew over time: the slope of the straight line that fits best (least
squares), without the first part, in which caches and pools fill. Exit code 1 if something grew, if a thread died of an
exception, if an idempotent call failed, if any call got a wrong answer, if too many got none, or if a steady process
ended.

Needs Linux, whose /proc it reads. Runs shorter than JUDGED_S do not judge growth: there is nothing to see yet.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import http.client
import itertools
import json
import os
import random
import signal
import socket
import statistics
import sys
import threading
import time
import xmlrpc.client
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Callable, NamedTuple

from client import Client, NotSent, OutcomeUnknown
from ponte.net.address import Address, show
from ponte.process.logs import thread_deaths
from tests.fuzz.messages import REQUEST_SEEDS
from tests.system.cluster import Cluster
from tests.system.harness import Process
from tests.system.journal import Journal

SAMPLE_S = 5.0
# Of the time: until the memory of calls is full, the pools have met their peak...
WARM_UP = 0.25
# The least time in which a slope means something.
JUDGED_S = 600.0
# Of all calls: a victim dies or freezes every few seconds, in the middle of some of them.
LEAST_ANSWERED = 0.95
CALLERS = 4
# Between two calls of one caller: other things must have their turn.
PACE_S = 0.02
DRIPPERS = 20
DRIP_S = 1.0
# Between two faults; and how long a frozen server stays so.
FAULT_S = (1.0, 4.0)
CALL_TIMEOUT_S = 5.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Sample(NamedTuple):
    """A process at one moment."""

    at: float
    memory_kb: float
    threads: float
    files: float


class Limit(NamedTuple):
    """How much a process may grow over a run, and still count as flat: noise of allocators, and
    callers that come.
    """

    share: float
    least: float


FLAT = {"memory_kb": Limit(0.10, 3072), "threads": Limit(0.15, 5), "files": Limit(0.15, 10)}


def look(pid: int) -> Sample:
    """Reads /proc."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
        resident = int(statm.read().split()[1])
    return Sample(time.monotonic(), resident * PAGE_BYTES / 1024,
                  len(os.listdir(f"/proc/{pid}/task")),
                  len(os.listdir(f"/proc/{pid}/fd")))


def slope_per_min(samples: Sequence[Sample], what: str) -> float:
    """How fast it grew: the slope of the line that fits best."""
    times = [sample.at / 60 for sample in samples]
    values = [float(getattr(sample, what)) for sample in samples]
    middle_at, middle = statistics.fmean(times), statistics.fmean(values)
    spread = sum((at - middle_at) ** 2 for at in times)
    return sum((at - middle_at) * (value - middle)
               for at, value in zip(times, values)) / spread if spread else 0.0


def is_flat(samples: Sequence[Sample], what: str) -> bool:
    """Whether the growth over the whole time is within its limit."""
    grown = slope_per_min(samples, what) * (samples[-1].at - samples[0].at) / 60
    limit = FLAT[what]
    return grown <= max(limit.share * statistics.fmean(getattr(sample, what)
                                                       for sample in samples), limit.least)


# ---- what goes on --------------------------------------------------------------------------------

class Soak:
    """The system, those who use it, and those who abuse it. `close` ends all of it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        # What calls came to; written under self._lock.
        self.came: Counter[str] = collections.Counter()
        self.cluster = Cluster()
        self._lock = threading.Lock()
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
        """Starts everybody, each in a thread."""
        proxies = [process.address for name, process in self.steady.items()
                   if name.startswith("proxy")]
        everybody = [process.address for process in self.steady.values()]
        jobs: list[Callable[[random.Random], None]] = [
            *[lambda rng, client=client: self._call(client)
              for client in self._clients * (CALLERS // 2)],
            *[lambda rng, address=address: self._call_as_stock(address) for address in proxies],
            *[lambda rng, address=address: self._throw(address, rng) for address in everybody],
            *[lambda rng, address=address: self._drip(address, rng) for address in everybody],
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
        """The steady processes that have come to an end, and their exit codes."""
        return {name: process.wait(1.0) for name, process in self.steady.items()
                if not process.is_running}

    def deaths(self) -> dict[str, int]:
        """The threads that an exception has ended, of each steady process that runs, and of this
        one.
        """
        found = {name: int(_status(process.address)["thread_deaths"])
                 for name, process in self.steady.items()
                 if process.is_running}
        return {**found, "this process": thread_deaths.count}

    def _each(self, pace_s: float) -> Iterator[int]:
        """Numbers of calls, until the end."""
        while not self._ended.wait(pace_s):
            yield next(self._numbers)

    def _count(self, what: str) -> None:
        with self._lock:
            self.came[what] += 1

    def _call(self, client: Client) -> None:
        for number in self._each(PACE_S):
            method = "echo" if number % 2 else "once"
            try:
                value = client.call(method, f"c{number}")
                self._count("answered" if value == f"c{number}" else "WRONG")
            except (NotSent, OutcomeUnknown) as error:
                self._count(f"{type(error).__name__} ({method})")

    def _call_as_stock(self, proxy: Address) -> None:
        """The standard library's client: it sends no headers of ours, and is told unknown outcomes
        by HTTP errors.
        """
        with xmlrpc.client.ServerProxy(f"http://{show(proxy)}/journal", allow_none=True) as stock:
            for number in self._each(PACE_S):
                try:
                    self._count("answered" if stock.once(f"s{number}") == f"s{number}" else "WRONG")
                except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
                    self._count(f"stock client: {type(error).__name__}")

    def _throw(self, address: Address, rng: random.Random) -> None:
        """Garbage, by TCP and UDP; some of it looks like a request, and some of it breaks off."""
        with socket.socket(type=socket.SOCK_DGRAM) as udp:
            for _ in self._each(0.1):
                likely = rng.random() < 0.7
                data = bytearray(rng.choice(REQUEST_SEEDS) if likely
                                 else rng.randbytes(rng.randint(0, 3000)))
                for _ in range(rng.randint(0, 8) if data else 0):
                    data[rng.randrange(len(data))] = rng.randrange(256)
                # It hangs up on us, as it should.
                with contextlib.suppress(OSError):
                    udp.sendto(data[:1400], address)
                    with socket.create_connection(address, 1.0) as sock:
                        sock.sendall(data)
                        sock.settimeout(0.05)
                        sock.recv(100)

    def _drip(self, address: Address, rng: random.Random) -> None:
        """Connections that send a byte now and then; the deadline of a message ends them, and new
        ones come.
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
                # Its time was over: a new one will take its place.
                if sock:
                    sock.close()
        for sock in dripping:
            sock.close()

    def _harm(self, rng: random.Random) -> None:
        """kill -9, or SIGSTOP for a while; one victim at a time."""
        while not self._ended.wait(rng.uniform(*FAULT_S)):
            number = rng.randrange(len(self.victims))
            victim = self.victims[number]
            if rng.random() < 0.5:
                self.cluster.kill(victim)
                self.cluster.processes.remove(victim)
                self.victims[number] = self.cluster.start_server(self._file, f"victim-{number + 1}")
            elif sys.platform != "win32":
                victim.signal(signal.SIGSTOP)
                self._ended.wait(rng.uniform(*FAULT_S))
                victim.signal(signal.SIGCONT)


def _status(address: Address) -> dict[str, int]:
    connection = http.client.HTTPConnection(*address, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/status")
        found: dict[str, int] = json.loads(connection.getresponse().read())
        return found


# ---- the run -------------------------------------------------------------------------------------

def run(seed: int, seconds: float, say: Callable[[str], None]) -> bool:
    """Runs for so long; whether all was well."""
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
    return judge(kept, ended, deaths, soak.came, say, by_growth=by_growth)


def judge(samples: dict[str, list[Sample]], ended: dict[str, int], deaths: dict[str, int],
          came: Counter[str],
          say: Callable[[str], None], *, by_growth: bool) -> bool:
    """Prints the tables; whether all was well."""
    say(f"{'process':<16}{'KiB':>9}{'KiB/min':>10}{'threads':>9}{'/min':>8}{'files':>7}{'/min':>8}")
    for name, kept in samples.items():
        last, slopes = kept[-1], {what: slope_per_min(kept, what) for what in FLAT}
        say(f"{name:<16}{last.memory_kb:9.0f}{slopes['memory_kb']:10.1f}{last.threads:9.0f}{slopes['threads']:8.2f}"
            f"{last.files:7.0f}{slopes['files']:8.2f}")
    for what, count in sorted(came.items()):
        say(f"{count:>9} {what}")
    say(f"threads that died: {sum(deaths.values())}")
    if not by_growth:
        say(f"growth is not judged in less than {JUDGED_S / 60:.0f} minutes")
    wrong = [f"{name}: {what} grows" for name, kept in samples.items() for what in FLAT
             if by_growth and not is_flat(kept, what)]
    wrong += [f"{name} has ended (exit code {code})" for name, code in ended.items()]
    wrong += [f"{name}: {count} threads died" for name, count in deaths.items() if count]
    wrong += [f"{count} x {what}" for what, count in came.items() if what == "WRONG"
              or what.endswith("(echo)")]
    if came["answered"] < LEAST_ANSWERED * sum(came.values()) or not came:
        wrong.append(f"only {came['answered']} of {sum(came.values())} calls were answered")
    for line in wrong:
        say(f"NOT WELL: {line}")
    return not wrong


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.soak", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0,
                        help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1,
                        help="of faults and garbage (default: %(default)s)")
    chosen = parser.parse_args()
    if not os.path.isdir("/proc/self/task"):
        print("soak: this needs Linux: it reads /proc", file=sys.stderr)
        return 2
    print(f"soak: {chosen.minutes:g} minutes, seed {chosen.seed}", flush=True)
    return 0 if run(chosen.seed,
                    chosen.minutes * 60, lambda line: print(f"  {line}", flush=True)) else 1


if __name__ == "__main__":
    sys.exit(main())
