"""The targets: what Ponte is to reach beside its peers, most of them as ratios within one run.

The name of a figure begins with the section that measures it.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.attackers import KINDS
from bench.calls import ENGINES
from bench.cost import LINES_BEFORE
from bench.once import DIRECT
from bench.report import Table, Target

TARGETS = (
    Target("one caller, stub → proxy (threads) → server, calls/s ÷ standard library",
           "peers threads / standard", 2.0),
    Target("the same with events", "peers events / standard", 2.0),
    Target("stub → proxy (threads) → server ÷ Pyro5 direct", "peers threads / Pyro5", 1.1),
    Target("the same with events", "peers events / Pyro5", 1.1),
    Target("stub → proxy (threads) → server ÷ grpcio direct", "peers threads / grpcio", 2.7),
    Target("the same with events", "peers events / grpcio", 2.7),
    Target("stub → server direct ÷ RPyC direct", "peers direct / rpyc", 1.0),
    Target("proxy p50 ÷ HAProxy's, 1 connection, threads",
           "calls p50_ms 1 Ponte, threads / HAProxy", 0.9,
           at_most=True),
    Target("the same with events", "calls p50_ms 1 Ponte, events / HAProxy", 0.9, at_most=True),
    Target("proxy calls/s ÷ HAProxy's, 8 connections, the better engine",
           "calls calls_per_s 8 Ponte, better / HAProxy", 0.9),
    Target("the same with events, 64 connections", "calls calls_per_s 64 Ponte, events / HAProxy",
           0.85),
    Target("p99 ÷ HAProxy's, 256 connections, events", "calls p99_ms 256 Ponte, events / HAProxy",
           1.2, at_most=True),
    Target("proxy alone, cheap servers, 64 connections, events ÷ nginx's",
           "proxy calls_per_s 64 Ponte, events / nginx",
           0.58),
    Target("processor time of the proxy for a call ÷ the earlier commit's, threads",
           "cost cpu threads / earlier", 0.78, at_most=True),
    Target("the same with events", "cost cpu events / earlier", 0.74, at_most=True),
    Target(f"lines of ponte/net/ for connections ÷ {LINES_BEFORE:,}", "cost lines / before", 0.55,
           at_most=True),
    *(Target(f"calls/s of a call that must not run twice ÷ of one that may, {way}",
             f"once calls_per_s {way}", 0.95) for way in (DIRECT, *ENGINES)),
    Target("a server by itself, 8 callers, calls/s ÷ the earlier commit's",
           "server calls_per_s 8 / earlier", 3),
    Target("p99 of a server by itself, 64 callers, ms", "server p99 ms 64", 5, at_most=True),
    Target("zlib in a server, 4 callers, calls/s ÷ with --cores one", "server compress / one core",
           1.6),
    Target("a function that waits for 2 ms, 32 callers, calls/s ÷ the earlier commit's",
           "server wait / earlier", 0.9),
    Target("p99 of quick calls while the same function blocks another call, ms",
           "server p99 ms beside a block", 100, at_most=True),
    Target("signed beats/s taken by one registry, at any number of leases", "registry beats/s",
           30_000),
    Target("lookup p99 meanwhile, ms", "registry lookup p99 ms", 10, at_most=True),
    Target("cost of a beat at 100,000 leases ÷ at 100", "registry beat µs 100000 / 100", 1.2,
           at_most=True),
    Target("extra ms of a call whose server was just killed, stub", "failover extra ms stub", 5,
           at_most=True),
    Target("the same by the proxy, threads", "failover extra ms proxy, threads", 5, at_most=True),
    Target("the same by the proxy, events", "failover extra ms proxy, events", 5, at_most=True),
    Target("1,000 idle connections at the proxy, events, MB", "memory idle MB events", 30,
           at_most=True),
    *(Target(f"served at 5 times the capacity ÷ peak, {way}", f"overload goodput {way}", 0.8)
      for way in ("server", "proxy, threads", "proxy, events", "registry")),
    *(Target(f"p99 of those served then ÷ p99 at the peak, {way}", f"overload p99 {way}", 1.5,
             at_most=True)
      for way in ("server", "proxy, threads", "proxy, events")),
    Target("a call that nobody watches ÷ a call before there were hooks", "observe nobody / before",
           1.01, at_most=True),
    Target("a call while 1 in 64 is told ÷ one that nobody watches, processor time",
           "observe 1 in 64 / nobody", 1.1, at_most=True),
    Target("events/s taken by the live page's collector", "observe collected/s", 20_000),
    *(Target(f"p99 beside 1,000 clients that drip ({kind}) ÷ without, events",
             f"slow p99 events {kind}", 1.5,
             at_most=True) for kind in KINDS),
    *(Target(f"p99 while slowhttptest attacks ({kind}) ÷ while it attacks another proxy, events",
             f"slow p99 slowhttptest {kind}", 1.5, at_most=True) for kind in KINDS),
)


def table(figures: dict[str, float], sections: Sequence[str]) -> Table:
    """The targets of these sections."""
    rows = [target.row(figures) for target in TARGETS if target.figure.split()[0] in sections]
    return Table("Targets", ("what", "measured", "target", "result"), rows)
