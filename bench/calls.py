"""Section `calls`: the same call on every way to two Ponte servers, with 1, 8, 64, 256 connections.

"direct" goes to one of the two servers. The ways take turns, round by round, and a ratio compares
two results of the same round. The call is idempotent, as Ponte's stub sends it. With 8 connections
it is also sent by a client that knows nothing of Ponte: a server then runs it once, and a proxy
gives it a number on its way to the server. (What numbers cost a stub is measured by bench/once.py.)
There is also a proxy with threads on all cores, and a server with its threads on one core.

Each engine of Ponte's proxy has its own pair of servers. A proxy keeps up to 256 idle connections
to a server, and a server takes 512: the idle connections of one way would fill the servers of the
next.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Mapping, Sequence
from typing import Callable, NamedTuple, TypeVar

from bench import reverse
from bench.load import STOCK, Sample
from bench.processes import Child, Stage
from bench.report import Report, Table, figure, median
from bench.rounds import Plan, interleave
from bench.wrk import drive, is_installed, takes
from ponte.net.address import Address, show

CONNECTIONS = (1, 8, 64, 256)
QUICK_CONNECTIONS = (1, 8)
ENGINES = ("threads", "events")

OTHERS = "others"
ONE_CORE, ALL_CORES = "direct, --cores one", "Ponte, threads, --cores all"
GREETER = "services/greeter.py"
# The number of connections with which calls of a stock client are measured too.
STOCK_AT = 8
# The end of the name of such a way.
BY_STOCK = ", stock client"

# The number of connections, and the way.
Key = tuple[int, str]
K = TypeVar("K", bound=Hashable)


class Pair(NamedTuple):
    """Two servers, and the registry that knows them."""

    registry: Child
    servers: Sequence[Address]


def run(plan: Plan) -> Report:
    report = Report()
    with Stage() as stage:
        pairs = {user: _pair(stage) for user in (*ENGINES, ALL_CORES, OTHERS)}
        server = stage.server("server-one", [pairs[OTHERS].registry], GREETER, "--cores", "one")
        proxy = stage.proxy("proxy-all", pairs[ALL_CORES].registry, "--cores", "all")
        ways = {**ways_to(stage, pairs, report), ONE_CORE: url_of(server.address),
                ALL_CORES: url_of(proxy.address)}
        found = measure(plan, ways, stock_too=True)
    add_results(report, "calls", "two Ponte servers", plan, found)
    return report


def _pair(stage: Stage) -> Pair:
    registry = stage.registry()
    return Pair(registry,
                [stage.server(f"server-{number}", [registry]).address for number in (1, 2)])


def ways_to(stage: Stage, pairs: Mapping[str, Pair], report: Report) -> dict[str, str]:
    """The URL of every way, given the pair of servers for each engine and for OTHERS.

    Adds a note for each way that is left out.
    """
    servers = pairs[OTHERS].servers
    ways = {"direct": servers[0]}
    for engine in ENGINES:
        ways[f"Ponte, {engine}"] = stage.proxy(f"proxy-{engine}", pairs[engine].registry,
                                               "--engine", engine).address
    others = (("haproxy", "HAProxy", reverse.start_haproxy),
              ("nginx", "nginx", reverse.start_nginx))
    for program, name, start in others:
        if reverse.find(program):
            ways[name] = start(stage, servers)
        else:
            report.note(f"{name} is not installed: its rows, and ratios to it, are left out")
    return {way: url_of(address) for way, address in ways.items()}


def url_of(address: Address) -> str:
    """The URL of the service; waits until it serves."""
    url = f"http://{show(address)}/greeter"
    reverse.wait_until_serves(url)
    return url


def measure(plan: Plan, ways: Mapping[str, str],
            stock_too: bool = False) -> dict[Key, list[Sample]]:
    loads: dict[Key, Callable[[float], Sample]] = {}
    for count in QUICK_CONNECTIONS if plan.quick else CONNECTIONS:
        for way, url in ways.items():
            loads[count, way] = functools.partial(drive, url, count)
            if stock_too and count == STOCK_AT and way not in (ONE_CORE, ALL_CORES):
                loads[count, way + BY_STOCK] = functools.partial(drive, url, count,
                                                             kind=STOCK)
    return interleave(plan, loads)


def add_results(report: Report, section: str, before: str, plan: Plan,
         found: Mapping[Key, list[Sample]]) -> None:
    """Adds the table, the figures and the plot of a section."""
    if not is_installed():
        report.note("wrk is not installed: the load is that of bench/load.py, "
                    "which costs more of the machine")
    rows = []
    for (count, way), samples in found.items():
        calls_per_s = median([sample.calls_per_s for sample in samples])
        p50_ms, p99_ms = (median([getattr(sample, name) for sample in samples])
                          for name in ("p50_ms", "p99_ms"))
        load = BY_STOCK if way.endswith(BY_STOCK) else ""
        rows.append([f"{count} · {way}", figure(calls_per_s), figure(p50_ms), figure(p99_ms),
                     *(figure(ratio(found, (count, way), (count, peer + load), "calls_per_s"))
                       for peer in ("HAProxy", "nginx")),
                     str(sum(sample.errors for sample in samples))])
        # The line of cheap servers without a proxy would be so high that the others look flat.
        if not load and way not in (ONE_CORE, ALL_CORES) \
                and (way != "direct" or section == "calls"):
            report.plots.setdefault(before, {}).setdefault(way, {})[count] = calls_per_s
        for peer in ("HAProxy", "nginx"):
            for name in Sample._fields[:3]:
                if (count, peer) in found:
                    report.figures[f"{section} {name} {count} {way} / {peer}"] = ratio(
                        found, (count, way), (count, peer), name)
    for count in sorted({count for count, way in found if way == "HAProxy"}):
        report.figures[f"{section} calls_per_s {count} Ponte, better / HAProxy"] = max(
            ratio(found, (count, f"Ponte, {engine}"), (count, "HAProxy"), "calls_per_s")
            for engine in ENGINES)
    by = "wrk" if takes(plan.seconds) else "bench/load.py"
    report.tables.append(Table(
        f"Before {before}: calls in a closed loop by {by}",
        ("connections · way", "calls/s", "p50 ms", "p99 ms", "calls/s ÷ HAProxy", "÷ nginx",
         "errors"), rows))


def ratio(found: Mapping[K, list[Sample]], ours: K, theirs: K, name: str) -> float:
    """The median of the ratios of each round; NaN where one of them was not measured."""
    return median([getattr(a, name) / (getattr(b, name) or float("nan"))
                   for a, b in zip(found[ours], found.get(theirs, ()))] or [float("nan")])
