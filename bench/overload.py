"""Section `overload`: five times as many callers as there is room for. How are they served?

The function waits for WORK_S and does not use the processor. So the capacity is that of the server,
CALLS at a time, and not that of this machine, on which the callers run too. A refused caller comes
back after about WORK_S: FACTOR times CALLS callers offer FACTOR times the capacity.

The same is measured for lookups at a registry, which use only the processor: there no caller is
refused, and each waits for its turn.
"""

from __future__ import annotations

import functools
import json
import sys

from bench.calls import ENGINES
from bench.crowd import Crowded
from bench.processes import Stage
from bench.report import Report, Table, figure, median
from bench.reverse import wait_until_serves
from bench.rounds import Plan, interleave
from bench.wrk import printed_by
from execution import MAX_CALLS
from ponte.net.address import show

# The calls that one server runs at a time.
CALLS = MAX_CALLS
FACTOR = 5
WORK_S, QUICK_WORK_S = 0.2, 0.05
# The connections that keep a registry busy.
LOOKUPS = 64

SERVICE = """
import time

from server import idempotent

@idempotent
def hello(text):
    return text

def work():
    time.sleep({seconds})
    return "done"
"""

# The way, and the number of callers.
Key = tuple[str, int]


def run(plan: Plan) -> Report:
    work_s = QUICK_WORK_S if plan.quick else WORK_S
    with Stage() as stage:
        registry = stage.registry()
        file = stage.file("slow.py", SERVICE.format(seconds=work_s))
        at = {"server": stage.server("server-1", [registry], file).address}
        # Each proxy has its own server: idle connections of the other proxy would fill it.
        for engine in ENGINES:
            own = stage.registry()
            stage.server(f"server-{engine}", [own], file)
            at[f"proxy, {engine}"] = stage.proxy(f"proxy-{engine}", own, "--engine", engine).address
        ways = {way: f"http://{show(address)}/slow" for way, address in at.items()}
        for url in ways.values():
            wait_until_serves(url)
        measures = {(way, CALLS * factor): functools.partial(_measure, url, "work", CALLS * factor,
                                                             work_s)
                    for way, url in ways.items() for factor in (1, FACTOR)}
        lookups = f"http://{show(registry.address)}/registry"
        for factor in (1, FACTOR):
            measures["registry", LOOKUPS * factor] = functools.partial(_measure, lookups, "lookup",
                                                                       LOOKUPS * factor,
                                                                       work_s)
        found = interleave(plan, measures, warm_up=False)
    return _report(found, work_s)


def _report(found: dict[Key, list[Crowded]], work_s: float) -> Report:
    report = Report()
    rows = []
    fewest = {way: min(callers for other, callers in found if other == way) for way, _ in found}
    for (way, callers), samples in found.items():
        least = found[way, fewest[way]]
        goodput = median([a.served_per_s / (b.served_per_s or float("nan"))
                          for a, b in zip(samples, least)])
        latency = median([a.p99_ms / b.p99_ms for a, b in zip(samples, least)])
        cells = [median([getattr(sample, name) for sample in samples])
                 for name in Crowded._fields[:4]]
        rows.append([f"{way} · {callers}", *map(figure, cells),
                     str(sum(sample.broken for sample in samples)),
                     figure(goodput), figure(latency)])
        if callers > fewest[way]:
            report.figures[f"overload goodput {way}"] = goodput
            report.figures[f"overload p99 {way}"] = latency
    report.tables.append(Table(
        f"Overload: {FACTOR} times as many callers as there is room for "
        f"(a call takes {work_s * 1000:.0f} ms; a lookup nothing but the processor)",
        ("way · callers", "served/s", "p50 ms", "p99 ms", "refused/s", "broken", "served ÷ peak",
         "p99 ÷"), rows))
    return report


def _measure(url: str, method: str, callers: int, pause_s: float, seconds: float) -> Crowded:
    parameters = ["--param", "slow"] if method == "lookup" else []
    command = [sys.executable, "-S", "-m", "bench.crowd", "--url", url, "--method", method,
               *parameters, "--callers",
               str(callers), "--pause", str(pause_s), "--seconds", str(seconds)]
    return Crowded(**json.loads(printed_by(*command, within_s=seconds)))
