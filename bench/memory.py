"""Section `memory`: what 1,000 connections cost the proxy, idle and busy, with each engine.

The servers behind the proxy are cheap ones (see bench/proxy.py). Every figure is the growth of the
resident memory of a proxy that was started for it. Idle connections have made one call each. Busy
ones call in a closed loop, and the peak counts.
"""

from __future__ import annotations

import contextlib
import functools
import json
import socket
from typing import NamedTuple

from bench.calls import ENGINES
from bench.load import RECEIVE_BYTES, request
from bench.processes import Child, Stage
from bench.proxy import start_cheap_servers
from bench.report import Report, Table, figure, median
from bench.reverse import wait_until_serves
from bench.rounds import Plan, interleave
from ponte.net.address import show

CONNECTIONS, QUICK_CONNECTIONS = 1_000, 100
# Seconds between two looks at a busy proxy.
LOOK_S = 0.05
MB = 1_000_000
IDLE, BUSY = "idle", "busy"


class Grown(NamedTuple):
    """The resident memory of an unused proxy, its growth with connections, and the calls."""

    alone_mb: float
    more_mb: float
    calls_per_s: float
    errors: int


def run(plan: Plan) -> Report:
    report = Report()
    connections = QUICK_CONNECTIONS if plan.quick else CONNECTIONS
    with Stage() as stage, contextlib.ExitStack() as beating:
        registry = stage.registry()
        if registry.usage().rss_bytes is None:
            report.note("this system does not report the memory of a process: "
                        "section memory is left out")
            return report
        start_cheap_servers(stage, [registry.address], beating)
        found = interleave(plan, {(engine, what): functools.partial(_measure, registry, engine,
                                                                    what, connections)
                                  for engine in ENGINES for what in (IDLE, BUSY)}, warm_up=False)
    rows = []
    for engine in ENGINES:
        idle, busy = (_medians(found[engine, what]) for what in (IDLE, BUSY))
        rows.append([engine, figure(idle.alone_mb), figure(idle.more_mb), figure(busy.more_mb),
                     figure(busy.calls_per_s),
                     str(idle.errors + busy.errors)])
        if not plan.quick:
            report.figures[f"memory idle MB {engine}"] = idle.more_mb
            report.figures[f"memory busy MB {engine}"] = busy.more_mb
    report.tables.append(Table(f"Memory of the proxy with {connections:,} connections", (
        "engine", "unused MB", "idle: MB more", "busy: MB more", "busy: calls/s", "errors"), rows))
    return report


def _medians(found: list[Grown]) -> Grown:
    return Grown(median([grown.alone_mb for grown in found]),
                 median([grown.more_mb for grown in found]),
                 median([grown.calls_per_s for grown in found]),
                 sum(grown.errors for grown in found))


def _measure(registry: Child, engine: str, what: str, connections: int, seconds: float) -> Grown:
    with Stage() as stage:
        proxy = stage.proxy("proxy-1", registry, "--engine", engine, "--max-connections",
                            str(2 * connections))
        url = f"http://{show(proxy.address)}/greeter"
        wait_until_serves(url)
        alone = _rss(proxy)
        if what == BUSY:
            load = stage.python("-m", "bench.load", "--url", url, "--connections",
                                str(connections), "--seconds",
                                str(seconds), "--hold")
            peak = alone
            sample = None
            while sample is None:
                peak = max(peak, _rss(proxy))
                with contextlib.suppress(TimeoutError):
                    sample = json.loads(load.wait_for(r"\{.*\}\n", LOOK_S)[0])
            return Grown(alone / MB, (peak - alone) / MB, sample["calls_per_s"],
                         int(sample["errors"]))
        with contextlib.ExitStack() as opened:
            errors = sum(not _call_once(opened, proxy, url) for _ in range(connections))
            return Grown(alone / MB, (_rss(proxy) - alone) / MB, 0.0, errors)


def _call_once(opened: contextlib.ExitStack, proxy: Child, url: str) -> bool:
    """Opens a connection, calls once, and keeps it; False if the call was refused."""
    sock = opened.enter_context(socket.create_connection(proxy.address, 5.0))
    sock.sendall(request(url))
    return sock.recv(RECEIVE_BYTES).startswith(b"HTTP/1.1 200 ")


def _rss(child: Child) -> int:
    return child.usage().rss_bytes or 0
