"""Section `peers`: calls/s of one caller in Ponte, the standard library, Pyro5, RPyC and gRPC.

Caller and server are one process each, and all callers are the same loop (bench/peer.py). Peers
that are not part of Python are installed by `python3 -m bench.install`. A missing one is reported.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from typing import Callable, NamedTuple

from bench import install
from bench.load import Sample
from bench.processes import LISTENS, Stage
from bench.report import Report, Table, figure, median
from bench.rounds import Plan, interleave
from bench.wrk import by_command
from ponte.net.address import Address, show
from ponte.process.options import PYTHON

DIRECT = "Ponte: stub → server"
THREADS, EVENTS = (f"Ponte: stub → proxy, {engine} → server" for engine in ("threads", "events"))
STANDARD = "standard library, as it comes"
KEPT = "standard library, kept alive"
PEERS = {"Pyro5": "pyro5", "rpyc": "rpyc", "grpcio": "grpc"}
# Figures by name, each a ratio of calls per second.
RATIOS: dict[str, tuple[str, str]] = {
    "threads / standard": (THREADS, STANDARD), "events / standard": (EVENTS, STANDARD),
    "threads / Pyro5": (THREADS, "Pyro5"), "events / Pyro5": (EVENTS, "Pyro5"),
    "threads / grpcio": (THREADS, "grpcio"), "events / grpcio": (EVENTS, "grpcio"),
    "direct / rpyc": (DIRECT, "rpyc")}


class Way(NamedTuple):
    """A running server, and how its caller is started."""

    python: tuple[str, ...]
    kind: str
    address: Address

    def measure(self, seconds: float) -> Sample:
        return by_command(*self.python, "-m", "bench.peer", "call", self.kind, show(self.address),
                          str(seconds),
                          within_s=seconds)


def run(plan: Plan) -> Report:
    report = Report()
    with Stage() as stage:
        ways = {**_ponte(stage), **_others(stage, report)}
        measures: Mapping[str,
                          Callable[[float], Sample]] = {name: functools.partial(Way.measure, way)
                                                             for name, way in ways.items()}
        found = interleave(plan, measures)
    rows = [[name, *(figure(median([getattr(sample, field) for sample in samples]))
                     for field in Sample._fields[:3]),
             figure(_ratio(found, name, STANDARD))] for name, samples in found.items()]
    report.tables.append(Table("One caller, one call after the other", (
        "way", "calls/s", "p50 ms", "p99 ms", "calls/s ÷ standard library"), rows))
    for name, (ours, theirs) in RATIOS.items():
        if theirs in found:
            report.figures[f"peers {name}"] = _ratio(found, ours, theirs)
    return report


def _ponte(stage: Stage) -> dict[str, Way]:
    """One server, which beats to three registries: one without a proxy, two with one proxy each."""
    registries = {DIRECT: stage.registry(), THREADS: stage.registry(), EVENTS: stage.registry()}
    stage.server("server-1", list(registries.values()))
    stage.proxy("proxy-threads", registries[THREADS], "--engine", "threads")
    stage.proxy("proxy-events", registries[EVENTS], "--engine", "events")
    python = (sys.executable, "-S")
    return {name: Way(python, "ponte", registry.address) for name, registry in registries.items()}


def _others(stage: Stage, report: Report) -> dict[str, Way]:
    standard = (sys.executable, "-S")
    pythons: dict[str, tuple[str, tuple[str, ...]]] = {STANDARD: ("xmlrpc", standard),
                                                       KEPT: ("xmlrpc_keep_alive", standard)}
    for package, kind in PEERS.items():
        if install.has(package):
            pythons[package] = (kind, (install.PYTHON,))
        else:
            report.note(f"{package} is not installed, and left out: {PYTHON} -m bench.install")
    return {name: Way(python, kind, stage.start(*python, "-m", "bench.peer", "serve", kind,
                                                banner=LISTENS).address)
            for name, (kind, python) in pythons.items()}


def _ratio(found: Mapping[str, list[Sample]], ours: str, theirs: str) -> float:
    return median([a.calls_per_s / b.calls_per_s for a, b in zip(found[ours], found[theirs])])
