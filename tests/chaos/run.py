"""One chaos run: a whole system, callers that never pause, and faults drawn from a seed.

A run is a sequence of rounds. A round draws its faults, lets them act for some seconds, ends them,
and waits until the system is whole again. In each round one registry, one proxy and all servers but
two have no fault. At most two of the processes on the way of calls have one: so with three attempts
every idempotent call must be answered.

Messages that were held in a round are delivered after some later one, or at the very end. By then
every unknown outcome has been resolved, if it can be, and so no late message may change anything.
"""

from __future__ import annotations

import collections
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Callable, NamedTuple

from lab.checker import Verdict, judge
from tests.chaos.callers import CALL_TIMEOUT_S, Callers
from tests.chaos.faults import draw_round
from tests.chaos.system import CALLER_PROCESSES, ENGINES, SERVERS, WHOLE_S, System

__all__ = ["ENGINES", "WHOLE_S", "Report", "run"]

CALLERS = 16
# Seconds that the faults of a round act: the shortest and the longest time.
ROUND_S = (0.5, 3.0)
# The share of relays that deliver late messages after a round.
LATE_SHARE = 0.3
# Seconds for the last late messages to be carried out.
SETTLE_S = 1.0


class Report(NamedTuple):
    """The result of a run."""

    verdict: Verdict
    rounds: int
    faults: Counter[str]


def run(seed: int, seconds: float, *, servers: int = SERVERS, callers: int = CALLERS,
        caller_processes: int = CALLER_PROCESSES, pace_s: float = 0.0,
        engines: Sequence[str] = ENGINES, say: Callable[[str], None] = lambda line: None) -> Report:
    """Runs chaos for `seconds`, finishes the round that has begun by then, and judges it.

    There is one proxy for each of `engines`. A caller pauses for `pace_s` between two calls.
    """
    rng = random.Random(seed)
    system = System(rng, servers, engines, caller_processes, pace_s)
    try:
        clients = [system.cluster.client("journal", timeout_s=CALL_TIMEOUT_S) for _ in range(2)]
        crowd = Callers(clients, callers, pace_s, seed=seed)
        crowd.start()
        faults: Counter[str] = collections.Counter()
        end = time.monotonic() + seconds
        rounds = 0
        while time.monotonic() < end:
            rounds += 1
            for name in _one_round(system, rounds, say):
                faults[name] += 1
        # Every outcome is resolved, as far as it can be. Then comes the last of the late messages.
        calls = crowd.stop() + system.end_callers()
        faults["late message"] += system.deliver_late()
        threading.Event().wait(SETTLE_S)
        return Report(judge(calls, system.journal.runs()), rounds, faults)
    finally:
        system.close()


def _one_round(system: System, number: int, say: Callable[[str], None]) -> list[str]:
    """Draws faults, lets them act, and ends them; returns what there was."""
    drawn = draw_round(system)
    say(f"round {number}: "
        + (", ".join(f"{fault.name} {node.name}" for fault, node in drawn) or "calm"))
    for fault, node in drawn:
        fault.begin(system, node)
    shortest_s = max((fault.shortest_s for fault, _ in drawn), default=0.0)
    threading.Event().wait(max(system.rng.uniform(*ROUND_S), shortest_s))
    for fault, node in drawn:
        fault.end(node)
    system.wait_until_whole()
    return [fault.name for fault, _ in drawn] \
        + ["late message"] * system.deliver_late(LATE_SHARE)
