"""Section `once`: what it costs that a call runs at most once.

The same load sends the same call in two kinds, in turn: with a session and a number, as Ponte's
stub sends a call that must not run twice; and as one that may run twice (bench/load.py). It goes
directly to a server, and through a proxy with each engine.

Calls per second are measured on all cores, as users meet them. Processor time is measured on one
core, as in the section `cost`, and for each process by itself: the server, the proxy, and the load.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Callable, NamedTuple, TypeVar

from bench.calls import ENGINES, ratio, url_of
from bench.load import IDEMPOTENT, NUMBERED, Sample
from bench.processes import Child, Stage, on_one_core
from bench.report import Report, Table, figure, median
from bench.rounds import Plan, interleave
from bench.wrk import by_ours

CONNECTIONS = 8
# The turns of each kind in a round of the plan, as in bench/cost.py.
TURNS = 2
DIRECT = "direct"

# The way, and the kind of the call.
Key = tuple[str, str]
V = TypeVar("V")


class Way(NamedTuple):
    """The URL of the service on one way, and the processes on it, by role."""

    url: str
    children: Mapping[str, Child]


def run(plan: Plan) -> Report:
    report = Report()
    if not plan.quick:
        plan = plan._replace(rounds=plan.rounds * TURNS)
    with Stage() as stage:
        _add_calls(report, interleave(plan, _measures(_start(stage), _calls)))
    with on_one_core() as is_one, Stage() as stage:
        if not is_one:
            report.note("this system does not keep processes on one core: section once has all")
        ways = _start(stage)
        if ways[DIRECT].children["server"].usage().cpu_s is None:
            report.note("this system does not report the processor time of a process: "
                        "it is left out of section once")
            return report
        _add_times(report, interleave(plan, _measures(ways, _times)))
    return report


def _start(stage: Stage) -> dict[str, Way]:
    """One server, which all ways share, and a proxy for each engine."""
    registry = stage.registry()
    server = stage.server("server-1", [registry])
    ways = {DIRECT: Way(url_of(server.address), {"server": server})}
    for engine in ENGINES:
        proxy = stage.proxy(f"proxy-{engine}", registry, "--engine", engine)
        ways[engine] = Way(url_of(proxy.address), {"server": server, "proxy": proxy})
    return ways


def _measures(ways: Mapping[str, Way], measure: Callable[[Way, str, float], V]) \
        -> dict[Key, Callable[[float], V]]:
    """The measure of each way and kind; both kinds of a way follow each other."""
    return {(name, kind): functools.partial(measure, way, kind)
            for name, way in ways.items() for kind in (NUMBERED, IDEMPOTENT)}


def _calls(way: Way, kind: str, seconds: float) -> Sample:
    sample = by_ours(way.url, CONNECTIONS, seconds, kind)
    if not sample.calls:
        raise RuntimeError(f"no call was answered at {way.url}")
    return sample


def _times(way: Way, kind: str, seconds: float) -> dict[str, float]:
    """The processor time of each process for a call, in microseconds, by role."""
    before = {role: child.usage().cpu_s or 0.0 for role, child in way.children.items()}
    sample = _calls(way, kind, seconds)
    took = {role: (child.usage().cpu_s or 0.0) - before[role]
            for role, child in way.children.items()}
    return {**{role: cpu_s / sample.calls * 1e6 for role, cpu_s in took.items()},
            "load": sample.cpu_us}


def _add_calls(report: Report, found: Mapping[Key, list[Sample]]) -> None:
    rows = []
    for way in dict.fromkeys(way for way, _ in found):
        numbered, idempotent = (way, NUMBERED), (way, IDEMPOTENT)
        compared = ratio(found, numbered, idempotent, "calls_per_s")
        report.figures[f"once calls_per_s {way}"] = compared
        rows.append([way, *(figure(median([sample.calls_per_s for sample in found[key]]))
                            for key in (numbered, idempotent)),
                     figure(compared),
                     str(sum(sample.errors for key in (numbered, idempotent)
                             for sample in found[key]))])
    report.tables.append(Table(
        f"A call that must not run twice, beside one that may: {CONNECTIONS} connections",
        ("way", "calls/s, once", "calls/s, may run twice", "ratio", "errors"), rows))


def _add_times(report: Report, found: Mapping[Key, list[dict[str, float]]]) -> None:
    rows = []
    for way in dict.fromkeys(way for way, _ in found):
        numbered, idempotent = found[way, NUMBERED], found[way, IDEMPOTENT]
        for role in numbered[0]:
            rows.append([f"{way} · {role}",
                         *(figure(median([each[role] for each in times]))
                           for times in (numbered, idempotent)),
                         figure(median([a[role] / b[role]
                                        for a, b in zip(numbered, idempotent)]))])
    report.tables.append(Table(
        "Processor time for such a call, all on one core",
        ("way · process", "µs, once", "µs, may run twice", "ratio"), rows))
