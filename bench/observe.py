"""Section `observe`: what it costs that somebody could watch, and that somebody does.

    nobody watches    a call with the hooks, beside the same call of the last commit without them
    1 in 64 is told   the same beside a call that nobody watches
    one event         a datagram, told from within a call
    the collector     events that the live page takes from one process which sends at a fixed rate

The calls go from stub to proxy to server and back in one thread, without the system
(bench/one_thread.py): so what a hook costs is a larger share of a call than in three processes, and
a ratio that holds here holds there. Two processes take turns of some milliseconds, and the
quickest turn of each counts: it was disturbed least. Where valgrind is installed, the instructions
of a call are counted as well, which no other process can disturb, and the first ratio is theirs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping

from bench import earlier
from bench.earlier import folder_of
from bench.processes import ROOT, Child, Stage
from bench.report import Report, Table, figure
from bench.rounds import Plan
from dashboard.collector import Collector
from ponte.process import observe

# The last commit before there were hooks.
BEFORE = "cb6e59e"
# Calls of a turn, and turns of each way in a round.
CALLS, TURNS, QUICK_TURNS = 100, 40, 4
# One call of so many is told: the goal's, and so many that none is.
EVERY, NEVER = 64, 1_000_000
# Calls whose instructions are counted, beside a process that makes none of them.
COUNTED_CALLS = 400
# Events of which one has its cost measured; and how many the collector gets in a second: a tenth
# more than it is to take.
EVENTS, EVENTS_PER_S = 20_000, 22_000
WITHOUT, NOBODY, SAMPLED, UNTOLD = ("before the hooks", "nobody watches", f"1 in {EVERY} is told",
                                    "outside of the sample")

# Sends as many events a second as it can be asked for: PORT, COUNT, EVENTS A SECOND.
TELLER = """
import sys
import time

sys.path[0] = sys.argv[1]
from ponte.process import observe

port, count, per_s = map(int, sys.argv[2:])
observe.start(("127.0.0.1", port))
began = time.perf_counter()
for number in range(count):
    if number % 100 == 0:
        time.sleep(max(0.0, began + number / per_s - time.perf_counter()))
    observe.tell("server-1", "send", id="0" * 32, to="server-2", kind="original", attempt=1,
                 timeout=5.0)
print(f"sent in {time.perf_counter() - began:.6f} s", flush=True)
"""


def run(plan: Plan) -> Report:
    report = Report()
    against = BEFORE if plan.against == earlier.COMMIT else plan.against
    # Nobody has to read the events of the calls.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink, \
            folder_of(against, report) as folder, Stage() as stage:
        sink.bind(("127.0.0.1", 0))
        port: int = sink.getsockname()[1]
        folders = {**({WITHOUT: folder} if folder else {}), NOBODY: ROOT}
        found = _calls(plan, stage, folders, port)
        counted = {} if plan.quick else _instructions(folders, report)
        event_us = _event_us(("127.0.0.1", port))
        _add_calls(report, found, counted, event_us)
        _add_collector(report, stage, 1.0 if plan.quick else 3.0)
    return report


def _calls(plan: Plan, stage: Stage, folders: Mapping[str, str], port: int) -> dict[str, float]:
    """The µs of a call, by what is watched: those of the quickest turn."""
    chains = {state: _chain(stage, folder) for state, folder in folders.items()}
    ways = {**{state: (chain, 0) for state, chain in chains.items()},
            SAMPLED: (chains[NOBODY], EVERY), UNTOLD: (chains[NOBODY], NEVER)}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(plan.rounds):
        plan.say(f"round {number + 1} of {plan.rounds}: turns of {CALLS} calls")
        for _ in range(QUICK_TURNS if plan.quick else TURNS):
            for name, (chain, every) in ways.items():
                found[name].append(_turn(chain, every, port))
    return {name: min(turns) for name, turns in found.items()}


def _chain(stage: Stage, folder: str) -> Child:
    return stage.python(os.path.join(ROOT, "bench", "one_thread.py"), folder, banner="ready\n")


def _turn(chain: Child, every: int, port: int) -> float:
    """The µs of a call in the next turn of a chain."""
    before = chain.log().count("\n")
    chain.write_line(f"{CALLS} {every} {port}")
    line = chain.wait_for(rf"\A(?:.*\n){{{before}}}(.*)\n")[1]
    return float(json.loads(line)["us"])


def _instructions(folders: Mapping[str, str], report: Report) -> dict[str, float]:
    """The instructions of a call in each state, where valgrind can count them."""
    if not shutil.which("valgrind"):
        report.note("without valgrind, the instructions of a call are not counted")
        return {}
    return {state: (_count(folder, 2 * COUNTED_CALLS) - _count(folder, COUNTED_CALLS))
            / COUNTED_CALLS for state, folder in folders.items()}


def _count(folder: str, calls: int) -> int:
    """The instructions of a process that makes so many calls."""
    # The program behind a link or a script of a version manager.
    python = os.path.realpath(sys.executable)
    done = subprocess.run(
        ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
         python, "-S", os.path.join(ROOT, "bench", "one_thread.py"), folder],
        input=f"{calls} 0 0\n", env={**os.environ, "PYTHONHASHSEED": "0"}, text=True,
        capture_output=True, check=True)
    counted = re.search(r"I\s+refs:\s+([0-9,]+)", done.stderr)
    if not counted:
        raise RuntimeError(f"valgrind has counted nothing: {done.stderr[-500:]}")
    return int(counted[1].replace(",", ""))


def _event_us(address: tuple[str, int]) -> float:
    """The µs of one event, in the quickest hundred."""
    observe.start(address)
    try:
        best = float("inf")
        for _ in range(EVENTS // 100):
            began = time.process_time()
            for _ in range(100):
                observe.tell("server-1", "settle", id="0" * 32, of=12, outcome="answered",
                             what="answered by server-1")
            best = min(best, (time.process_time() - began) * 1e4)
    finally:
        observe.stop()
    return best


def _add_calls(report: Report, found: Mapping[str, float], counted: Mapping[str, float],
               event_us: float) -> None:
    nobody = found[NOBODY]
    rows = [[name, figure(us), figure(us / nobody),
             f"{counted[name]:,.0f}" if name in counted else "-"] for name, us in found.items()]
    report.tables.append(Table("One call through a proxy in one thread, without the system",
                               ("", "µs", "÷ nobody watches", "instructions"), rows))
    per_call = counted or found
    if WITHOUT in per_call:
        report.figures["observe nobody / before"] = per_call[NOBODY] / per_call[WITHOUT]
    report.figures[f"observe 1 in {EVERY} / nobody"] = found[SAMPLED] / nobody
    report.tables.append(Table("What is told", ("", "µs"), [
        ["one event", figure(event_us)],
        ["a call outside of the sample, all its processes together",
         figure(max(0.0, found[UNTOLD] - nobody))]]))


def _add_collector(report: Report, stage: Stage, seconds: float) -> None:
    """A process tells events at a fixed rate, and the live page's collector takes them."""
    count = int(EVENTS_PER_S * seconds)
    collector = Collector()
    collector.start()
    began_s = time.process_time()
    try:
        path = stage.file("teller.py", TELLER)
        teller = stage.python(path, ROOT, str(collector.address[1]), str(count),
                              str(EVENTS_PER_S))
        took_s = float(teller.wait_for(r"sent in ([0-9.]+) s", seconds * 10 + 10)[1])
    finally:
        collector.close()
    cpu_s = time.process_time() - began_s
    since, taken = 0, 0
    while True:
        batch = collector.ring.events(since)
        if not batch:
            break
        taken += sum(event["k"] == "send" for event in batch)
        since = batch[-1]["s"] + 1
    report.figures["observe collected/s"] = taken / took_s
    if taken < count:
        report.note(f"the collector has lost {count - taken:,} of {count:,} events")
    report.tables.append(Table("The collector of the live page", (
        "events told", "a second", "taken", "µs of processor time for each"), [
        [f"{count:,}", f"{count / took_s:,.0f}", f"{taken:,}", figure(cpu_s / count * 1e6)]]))
