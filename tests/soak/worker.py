"""A process in which clients are made, dropped, closed, shared, forked and killed at random.

    python3 -m tests.soak.worker --registry HOST:PORT[,...] --seed S

It has one stub for its whole life, which some threads call all the time. Its main thread does one
thing after another beside them. It prints "ready" after its first call, and works between two
signals (SIGUSR1). Then it drops what it has made, but for the first stub, prints how its calls
ended as one line of JSON, and rests. It ends when its standard input ends.
"""

from __future__ import annotations

import argparse
import collections
import gc
import itertools
import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import NoReturn

from client import Client, NotSent, OutcomeUnknown
from ponte.net.address import Address, show
from ponte.process.logs import thread_deaths
from ponte.process.options import PYTHON
from tests.system.children import fork

# Seconds for one call. Roles freeze for shorter than that.
CALL_TIMEOUT_S = 8.0
# Threads that call the stub that lives.
CALLERS = 3
# Seconds between two calls of a caller, and between two things that the main thread does.
PACE_S = 0.02
# Clients that are kept at most, before all of them are dropped.
PILE = 40
# Seconds after which a child that has not ended hangs. All of its calls may take their time.
CHILD_S = 60.0


class Worker:
    """The clients of this process. Its main thread calls `act`, its callers run `call_on`.

    Attributes: `stub`, which lives as long as the process; `outcomes`, how many calls ended in
    which way.
    """

    def __init__(self, registries: list[Address], seed: int) -> None:
        self._registries = registries
        self._rng = random.Random(seed)
        self._numbers = itertools.count(1)
        self._pile: list[Client] = []
        self._ended = threading.Event()
        # Guards the counts. Taken for a moment only.
        self._lock = threading.Lock()
        self.outcomes: Counter[str] = collections.Counter()
        self.stub = self._client()
        self._acts: list[Callable[[], None]] = [
            self._drop, self._drop, self._close, self._never_call, self._keep, self._keep,
            self._fork, self._fork, self._fork_and_kill, self._run_command]

    def act(self) -> None:
        """One thing, at random."""
        self._rng.choice(self._acts)()

    def call_on(self) -> None:
        """A thread that calls the shared stub until the end."""
        while not self._ended.wait(PACE_S):
            self.call(self.stub)

    def stop_calling(self) -> None:
        self._ended.set()

    def forget(self) -> None:
        """Drops all clients but the first."""
        self._pile.clear()
        gc.collect()

    def call(self, stub: Client) -> None:
        """One call, with a token of its own: o- for one that may run only once."""
        number = next(self._numbers)
        method, kind = ("once", "o") if number % 2 else ("echo", "e")
        token = f"{kind}-{os.getpid()}-{number}"
        try:
            outcome = "answered" if stub.call(method, token) == token else "WRONG"
        except (NotSent, OutcomeUnknown) as error:
            outcome = f"{type(error).__name__} ({method})"
            print(f"{outcome}: {error}", file=sys.stderr, flush=True)
        self._count(outcome)

    def _count(self, outcome: str, times: int = 1) -> None:
        with self._lock:
            self.outcomes[outcome] += times

    def _client(self) -> Client:
        return Client("journal", registries=self._registries, timeout_s=CALL_TIMEOUT_S)

    # What the main thread does.

    def _drop(self) -> None:
        """A client for one request, which nobody closes."""
        self.call(self._client())

    def _close(self) -> None:
        with self._client() as stub:
            for _ in range(3):
                self.call(stub)

    def _never_call(self) -> None:
        self._client()

    def _keep(self) -> None:
        """One more client that is kept, until there are too many."""
        if len(self._pile) == PILE:
            self._pile.clear()
        self._pile.append(self._client())
        self.call(self._rng.choice(self._pile))

    def _run_command(self) -> None:
        """`client.py`, once."""
        done = subprocess.run(
            [sys.executable, "-S", "client.py", "journal", "echo", "e-command", "--timeout",
             str(CALL_TIMEOUT_S), "--registry", ",".join(map(show, self._registries))],
            capture_output=True, text=True, timeout=CHILD_S, check=False)
        right = (done.returncode, done.stdout.strip()) == (0, "e-command")
        if not right:
            print(done.stderr, file=sys.stderr, flush=True)
        self._count("answered" if right else f"exit code {done.returncode} (echo)")

    def _fork(self) -> None:
        """A child that calls by the clients of this process, and by its own, and ends."""
        ends = self._rng.choice(["exit", "_exit", "grandchild"])
        pid, reading = self._begin_child(ends)
        told = _read_all(reading, CHILD_S)
        if told is None:
            _kill(pid)
            self._count("HUNG child (echo)")
        code = os.waitpid(pid, 0)[1]
        if told is not None and code:
            self._count(f"child ended with {code} (echo)")
        for outcome in (told or "").splitlines():
            self._count(outcome)

    def _fork_and_kill(self) -> None:
        """kill -9 in the middle of calls; what they have come to, nobody knows."""
        pid, reading = self._begin_child("grandchild")
        with open(reading):
            time.sleep(self._rng.uniform(0, 0.2))
            _kill(pid)
            os.waitpid(pid, 0)

    def _begin_child(self, ends: str) -> tuple[int, int]:
        reading, writing = os.pipe()
        pid = fork()
        if not pid:
            os.close(reading)
            self._live_as_child(writing, ends)
        os.close(writing)
        return pid, reading

    def _live_as_child(self, writing: int, ends: str) -> NoReturn:
        """A child calls, tells how the calls ended, and ends."""
        self._lock = threading.Lock()
        self.outcomes = collections.Counter()
        # The random numbers of the parent go on without those of the child.
        rng = random.Random(os.getpid())
        if ends == "grandchild" and not fork():
            # It ends with its parent, or a little later.
            self.call(self.stub)
            os._exit(0)
        own = self._client()
        for _ in range(rng.randrange(1, 8)):
            self.call(rng.choice([own, self.stub, *self._pile]))
        if rng.random() < 0.5:
            # It closes what its parent goes on to use.
            self.stub.close()
        told = "".join(f"{outcome}\n" * count for outcome, count in self.outcomes.items())
        os.write(writing, told.encode())
        os.close(writing)
        if ends == "exit":
            sys.exit(0)
        os._exit(0)


def _kill(pid: int) -> None:
    """kill -9."""
    if sys.platform != "win32":
        os.kill(pid, signal.SIGKILL)


def _read_all(reading: int, within_s: float) -> str | None:
    """What comes until the end of a pipe; None if that takes too long."""
    deadline = time.monotonic() + within_s
    told = b""
    with open(reading, "rb", buffering=0) as pipe:
        while select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
            more = pipe.read(65536)
            if not more:
                return told.decode()
            told += more
    return None


def main() -> None:
    parser = argparse.ArgumentParser(prog=f"{PYTHON} -m tests.soak.worker")
    parser.add_argument("--registry", required=True)
    parser.add_argument("--seed", type=int, required=True)
    chosen = parser.parse_args()
    registries = [(host, int(port)) for host, _, port in
                  (text.rpartition(":") for text in chosen.registry.split(","))]
    thread_deaths.watch()
    worker = Worker(registries, chosen.seed)
    orders: list[int] = []
    if sys.platform != "win32":
        signal.signal(signal.SIGUSR1, lambda number, _: orders.append(number))
    # 1. A quiet moment, until the first order.
    worker.call(worker.stub)
    print("ready", flush=True)
    while not orders:
        _pause()
    # 2. Work, until the second one.
    callers = [threading.Thread(target=worker.call_on, daemon=True) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    while len(orders) < 2:
        worker.act()
        _pause()
    # 3. Another quiet moment.
    worker.stop_calling()
    for caller in callers:
        caller.join()
    worker.forget()
    worker.call(worker.stub)
    print(json.dumps({**worker.outcomes, "deaths": thread_deaths.count}), flush=True)
    while True:
        _pause()


def _pause() -> None:
    """Waits for a moment. Ends the process if the soak has ended."""
    if select.select([sys.stdin], [], [], PACE_S)[0]:
        sys.exit(0)


if __name__ == "__main__":
    main()
