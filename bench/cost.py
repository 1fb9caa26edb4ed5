"""Section `cost`: what one call costs the proxy, in processor time and in lines of code.

Processor time is that of the proxy's process, in user mode and in the kernel, for each call. All
processes share one core: the proxy, the servers before which it stands, the load, and the
registries. So nothing depends on which core the system chooses, and how busy that core is matters
little. The proxy of an earlier commit takes turns with the present one, before the same servers: a
ratio compares two rounds that follow each other.

The lines are those of the files of ponte/net/ that carry connections, with comments and empty
lines.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from typing import NamedTuple

from bench.calls import ENGINES, url_of
from bench.earlier import folder_of
from bench.processes import ROOT, Child, Stage, on_one_core
from bench.report import Report, Table, figure, median
from bench.rounds import Plan, interleave
from bench.wrk import drive

CONNECTIONS = 8
# The turns of each proxy in a round of the plan. Of six ratios the median strays by 2 % or less,
# and of three by up to 4 %.
TURNS = 2
NOW, EARLIER = "now", "earlier"
NET = os.path.join(ROOT, "ponte", "net")
# The files of ponte/net/ that only read and write messages and addresses. All others count.
MESSAGES = frozenset(("__init__.py", "address.py", "chunked.py", "fields.py", "framing.py",
                      "known_heads.py", "message.py", "parser.py", "target.py", "tls.py"))
# The lines that counted when each engine had its own program for a connection.
LINES_BEFORE = 1_428

# The engine, and NOW or EARLIER.
Key = tuple[str, str]


class Proxy(NamedTuple):
    """A running proxy, and the URL of a service through it."""

    child: Child
    url: str


class Spent(NamedTuple):
    """What the calls of one round have cost the proxy, and the replies that were no result."""

    us_per_call: float
    errors: int


def run(plan: Plan) -> Report:
    report = Report()
    _count_lines(report)
    with folder_of(plan.against, report) as earlier, on_one_core() as is_one, \
            Stage() as stage, Stage(earlier or ROOT) as earlier_stage:
        if not is_one:
            report.note("this system does not keep processes on one core: section cost has all")
        stages = {NOW: stage, **({EARLIER: earlier_stage} if earlier else {})}
        proxies = _start(stages)
        if any(proxy.child.usage().cpu_s is None for proxy in proxies.values()):
            report.note("this system does not report the processor time of a process: "
                        "it is left out of section cost")
            return report
        found = interleave(plan._replace(rounds=plan.rounds * TURNS),
                           {key: functools.partial(_measure, proxy)
                            for key, proxy in proxies.items()})
    _add_results(report, plan, found)
    return report


def _start(stages: Mapping[str, Stage]) -> dict[Key, Proxy]:
    """A proxy for each engine and each state of the project; two servers before all of them.

    Each proxy has a registry of its own state: how a registry tells a proxy of servers may change.
    """
    registries = {state: stage.registry() for state, stage in stages.items()}
    for number in (1, 2):
        stages[NOW].server(f"server-{number}", list(registries.values()))
    proxies = {}
    for engine in ENGINES:
        for state, stage in stages.items():
            child = stage.proxy(f"proxy-{engine}", registries[state], "--engine", engine)
            proxies[engine, state] = Proxy(child, url_of(child.address))
    return proxies


def _measure(proxy: Proxy, seconds: float) -> Spent:
    before_s = proxy.child.usage().cpu_s
    sample = drive(proxy.url, CONNECTIONS, seconds)
    after_s = proxy.child.usage().cpu_s
    assert before_s is not None and after_s is not None
    if not sample.calls:
        raise RuntimeError(f"no call was answered at {proxy.url}")
    return Spent((after_s - before_s) / sample.calls * 1e6, sample.errors)


def _add_results(report: Report, plan: Plan, found: Mapping[Key, list[Spent]]) -> None:
    rows = []
    for engine in ENGINES:
        now, earlier = found[engine, NOW], found.get((engine, EARLIER), [])
        cells: list[float | None] = [median([each.us_per_call for each in now]), None, None]
        if earlier:
            ratio = median([a.us_per_call / b.us_per_call for a, b in zip(now, earlier)])
            cells[1:] = median([each.us_per_call for each in earlier]), ratio
            report.figures[f"cost cpu {engine} / earlier"] = ratio
        rows.append([engine, *map(figure, cells),
                     str(sum(each.errors for each in (*now, *earlier)))])
    report.tables.append(Table(
        f"Processor time of the proxy for a call: {CONNECTIONS} connections, all on one core",
        ("engine", "µs", f"µs at {plan.against}", "ratio", "errors"), rows))


def _count_lines(report: Report) -> None:
    names = sorted(name for name in os.listdir(NET) if name.endswith(".py"))
    lines = {}
    for name in names:
        if name not in MESSAGES:
            with open(os.path.join(NET, name), encoding="utf-8") as file:
                lines[name] = sum(1 for _ in file)
    total = sum(lines.values())
    report.figures["cost lines / before"] = total / LINES_BEFORE
    report.tables.append(Table("Lines of ponte/net/ that carry connections", ("file", "lines"), [
        *([name, f"{count:,}"] for name, count in lines.items()), ["all", f"{total:,}"]]))
