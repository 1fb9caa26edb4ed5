"""Section `check`: bench/load.py beside wrk, with the same Ponte server. It runs only if named.

The percentiles of wrk include calls that it adds because it assumes that they were omitted (see
bench/wrk.py). Those of bench/load.py do not.
"""

from __future__ import annotations

import functools

from bench.load import Sample
from bench.processes import Stage
from bench.report import Report, Table, figure, median
from bench.rounds import Plan, interleave
from bench.wrk import by_ours, by_wrk, is_installed
from ponte.net.address import show

CONNECTIONS = (1, 8, 64)


def run(plan: Plan) -> Report:
    report = Report()
    if not is_installed():
        report.note("wrk is not installed: there is nothing to compare our load generator with")
        return report
    with Stage() as stage:
        server = stage.server("server-1", [stage.registry()])
        url = f"http://{show(server.address)}/greeter"

        found = interleave(plan,
                           {count: functools.partial(_both, url, count) for count in CONNECTIONS})
    rows = [[str(count),
             *(figure(median([getattr(ours, name) / getattr(wrk, name) for ours, wrk in pairs]))
                           for name in Sample._fields[:3])] for count, pairs in found.items()]
    columns = ("connections", "calls/s", "p50", "p99")
    report.tables.append(Table("bench/load.py ÷ wrk, before the same server", columns, rows))
    return report


def _both(url: str, count: int, seconds: float) -> tuple[Sample, Sample]:
    return by_ours(url, count, seconds), by_wrk(url, count, seconds)
