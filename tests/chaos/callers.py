"""Callers that never pause, and resolve what they were not told.

In the process of the run they are threads. A caller that is to be frozen is a process of its own:

    python3 -m tests.chaos.callers OUT --registry HOST:PORT --name NAME

It calls until it is stopped, resolves, and writes what it was told to the file OUT.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from client import Client, NotSent, OutcomeUnknown
from lab.checker import FAILED, NOT_SENT, RAN, UNKNOWN, VALUE, Call
from ponte.process.options import PYTHON, parse_addresses
from ponte.process.stopping import Stop
from ponte.process.typed import here

# Seconds for a call. On Windows the processes of a run take longer to be scheduled.
CALL_TIMEOUT_S = 5.0 if sys.platform != "win32" else 10.0
# Seconds to resolve an outcome: while the run goes on, and at its end, when nothing fails any more.
RESOLVE_S, LAST_RESOLVE_S = 3.0, 1.0
# Which functions are called, in turn.
MIXED = ("once", "echo", "waver", "echo")
# For processes: when a caller is frozen, an idempotent call of it may end without a value.
CAREFUL = ("once", "waver")
# Seconds until the next call when nobody could be asked: there may be nobody for a moment.
PAUSE_S = 0.1
# Of the unknown outcomes: the share that is resolved at once, and the share that is resolved only
# at the end. Of the rest the errors are thrown away, as a careless caller does.
AT_ONCE, LATER = 0.6, 0.3


class _Unknown(NamedTuple):
    """A call that may still be resolved."""

    position: int
    error: OutcomeUnknown


class Callers:
    """Threads that call without a pause. Each call has its own id; its outcome is recorded.

    Parameters: the `clients` that they share; `count` of threads; `pace_s` between two calls of
    one; `functions` of the journal that they call in turn; `name`, with which their call ids begin;
    `seed` of what they do about unknown outcomes.
    """

    def __init__(self, clients: Sequence[Client], count: int, pace_s: float = 0.0, *,
                 functions: Sequence[str] = MIXED, name: str = "c", seed: int = 0) -> None:
        self._pace_s = pace_s
        self._functions = functions
        self._name, self._seed = name, seed
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        # Guarded by self._lock: the calls that have ended.
        self._calls: list[Call] = []
        self._threads = [threading.Thread(target=self._run, args=(clients[i % len(clients)], i),
                                          daemon=True)
                         for i in range(count)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> list[Call]:
        """Waits until the running calls have ended and are resolved; returns all calls."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        return self._calls

    def _run(self, client: Client, caller: int) -> None:
        rng = random.Random(f"{self._seed} {self._name}{caller}")
        kept: list[_Unknown] = []
        for number in itertools.count(1):
            if self._stopped.wait(self._pace_s):
                break
            function = self._functions[number % len(self._functions)]
            call, error = make_call(client, function, f"{self._name}{caller}-{number}")
            if call.outcome == NOT_SENT:
                self._stopped.wait(PAUSE_S)
            drawn = rng.random()
            if error and drawn < AT_ONCE:
                call = resolve(call, error, RESOLVE_S)
            with self._lock:
                self._calls.append(call)
                position = len(self._calls) - 1
            if error and drawn < AT_ONCE + LATER:
                kept.append(_Unknown(position, error))
        # What was resolved before is asked a second time: the word must be the same.
        for position, error in kept:
            call = resolve(self._calls[position], error, LAST_RESOLVE_S)
            with self._lock:
                self._calls[position] = call


def make_call(client: Client, function: str, call_id: str,
              *more: object) -> tuple[Call, OutcomeUnknown | None]:
    """Makes one call; returns what its caller was told, and the error if it can be resolved.

    The function must return its first argument, which is the call id.
    """
    started = time.monotonic()
    value, told, why, unknown = None, VALUE, "", None
    try:
        value = client.call(function, call_id, *more)
    except NotSent as error:
        told, why = NOT_SENT, str(error)
    except OutcomeUnknown as error:
        told, why, unknown = UNKNOWN, str(error), error
    except Exception as error:
        # No other error may reach a caller: the checker counts it as wrong.
        told, why = FAILED, repr(error)
    ended = time.monotonic()
    return Call(call_id, function == "echo", told, value == call_id, ended - started, why,
                ended), unknown


def resolve(call: Call, error: OutcomeUnknown, timeout_s: float) -> Call:
    """Asks what came of a call; returns it with the answer, and with a contradiction if it is one.
    """
    why, is_right = "", call.is_right
    try:
        is_right = error.resolve(timeout_s) == call.call_id
        word = VALUE
    except NotSent:
        word = NOT_SENT
    except OutcomeUnknown as still:
        word, why = RAN if still.ran else UNKNOWN, f"resolve: {still}"
    except Exception as other:
        # No other error may come out of it, either. (The functions raise no Fault.)
        word, why = FAILED, f"resolve: {other!r}"
    # 1. The first word, or a better one.
    if call.resolved in ("", UNKNOWN):
        return call._replace(resolved=word, is_right=is_right, why=f"{call.why} {why}".rstrip())
    # 2. A later word may say less than an earlier one, but not the opposite.
    it_ran = (VALUE, RAN)
    if word in (UNKNOWN, call.resolved) or (word in it_ran and call.resolved in it_ran):
        return call._replace(is_right=call.is_right and (word != VALUE or is_right))
    return call._replace(contradiction=f"first resolved to {call.resolved!r}, then to {word!r} "
                                       f"{why}".rstrip())


def read_calls(path: str) -> list[Call]:
    """What a caller's process has written."""
    with open(path, encoding="utf-8") as file:
        return [Call(*json.loads(line)) for line in file]


def main() -> None:
    parser = argparse.ArgumentParser(prog=f"{PYTHON} -m tests.chaos.callers",
                                     description=here(__doc__),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", help="the file for what it was told")
    parser.add_argument("--registry", type=parse_addresses, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pace", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    stop = Stop(until_eof=True)
    with Client("journal", registries=chosen.registry, timeout_s=CALL_TIMEOUT_S) as client:
        callers = Callers([client], chosen.threads, chosen.pace,
                          functions=CAREFUL, name=chosen.name, seed=chosen.seed)
        callers.start()
        print("calling", flush=True)
        stop.wait()
        with open(chosen.out, "w", encoding="utf-8") as file:
            for call in callers.stop():
                file.write(json.dumps(call) + "\n")


if __name__ == "__main__":
    main()
