"""Section `registry`: how many signed beats a registry takes, their cost, and lookups beside them.

Each round starts a registry for each number of leases and fills it. Then a separate process beats
in a closed loop (bench/beats.py), while this one looks up a service of ten instances on a fixed
schedule. The time of a lookup begins when it was due. So if the registry stalls, every lookup that
had to wait counts.
"""

from __future__ import annotations

import functools
import json
import math
import time
from typing import NamedTuple

from bench.beats import INSTANCES, service_of
from bench.processes import Child, Stage
from bench.report import Report, Table, figure, median, percentile
from bench.rounds import Plan, interleave
from ponte.discovery.follower import ask
from ponte.net.address import show
from ponte.net.pool import Pool

LEASES = (100, 1_000, 10_000, 100_000)
QUICK_LEASES = (100, 10_000)
LOOKUP_EVERY_S = 0.01
# Seconds to fill 100,000 leases on a slow machine.
FILL_S = 60.0
# With fewer leases, their memory is small beside that of everything else.
MEMORY_SHOWS_AT = 10_000
KEY = "a key for measurements alone"


class Beaten(NamedTuple):
    """The result of one round with one number of leases."""

    beats_per_s: float
    cpu_us_per_beat: float | None
    lookups_ms: list[float]
    bytes_per_lease: float | None
    lost: int


def run(plan: Plan) -> Report:
    sizes = QUICK_LEASES if plan.quick else LEASES
    measures = {f"{leases:,} leases": functools.partial(_measure, leases) for leases in sizes}
    # Every registry is new: filling it is its warm-up.
    found = interleave(plan, measures, warm_up=False)
    report = Report()
    rows = []
    slowest, worst_ms = math.inf, 0.0
    costs_us: dict[int, float | None] = {}
    for leases, beaten in zip(sizes, found.values()):
        lookups_ms = [took for each in beaten for took in each.lookups_ms]
        beats_per_s = median([each.beats_per_s for each in beaten])
        cost_us = _median_of_known([each.cpu_us_per_beat for each in beaten])
        memory = _median_of_known([each.bytes_per_lease
                                   for each in beaten]) if leases >= MEMORY_SHOWS_AT else None
        rows.append([f"{leases:,}", figure(beats_per_s), figure(cost_us),
                     figure(percentile(lookups_ms, 0.5)),
                     figure(percentile(lookups_ms, 0.99)), figure(memory),
                     str(sum(each.lost for each in beaten))])
        slowest, worst_ms = min(slowest, beats_per_s), max(worst_ms, percentile(lookups_ms, 0.99))
        costs_us[leases] = cost_us
    report.tables.append(Table(
        f"Registry: signed beats in a closed loop, and a lookup of {INSTANCES} instances every "
        f"{LOOKUP_EVERY_S * 1000:.0f} ms",
        ("leases", "beats/s", "CPU µs per beat", "lookup p50 ms", "lookup p99 ms",
         "bytes per lease", "lost"), rows))
    report.figures.update({"registry beats/s": slowest, "registry lookup p99 ms": worst_ms})
    fewest_us, most_us = costs_us[sizes[0]], costs_us[sizes[-1]]
    if fewest_us and most_us:
        report.figures[f"registry beat µs {sizes[-1]} / {sizes[0]}"] = most_us / fewest_us
    return report


def _measure(leases: int, seconds: float) -> Beaten:
    with Stage() as stage:
        key_file = stage.file("key", KEY)
        registry = stage.registry("--key-file", key_file)
        empty = registry.usage()
        sender = stage.python("-m", "bench.beats", "--registry", show(registry.address),
                              "--key-file", key_file,
                              "--leases", str(leases), "--seconds", str(seconds))
        sender.wait_for("filled", FILL_S)
        before = registry.usage()
        sender.write_line("go")
        lookups_ms = _look_up(registry, service_of(leases // 2), seconds)
        result = json.loads(sender.wait_for(r"\{.*\}\n")[0])
        after = registry.usage()
    if result["filled"] < leases or result["others"]:
        raise RuntimeError(f"the registry did not take all beats: {result}")
    cpu_us = memory = None
    if after.cpu_s is not None and before.cpu_s is not None:
        cpu_us = (after.cpu_s - before.cpu_s) / result["acks"] * 1e6
    if before.rss_bytes is not None and empty.rss_bytes is not None:
        memory = (before.rss_bytes - empty.rss_bytes) / leases
    return Beaten(result["acks"] / result["seconds"], cpu_us, lookups_ms, memory, result["lost"])


def _look_up(registry: Child, service: str, seconds: float) -> list[float]:
    """The milliseconds of each lookup, from the moment at which it was due."""
    pool = Pool()
    took_ms = []
    due = time.perf_counter()
    end = due + seconds
    while due < end:
        time.sleep(max(due - time.perf_counter(), 0.0))
        found = ask(pool, registry.address, "lookup", service)
        took_ms.append((time.perf_counter() - due) * 1000)
        if len(found["endpoints"]) != INSTANCES:
            raise RuntimeError(f"{service} should have {INSTANCES} endpoints: {found}")
        due += LOOKUP_EVERY_S
    pool.close()
    return took_ms


def _median_of_known(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
