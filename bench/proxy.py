"""Section `proxy`: the proxies alone, before servers so fast that only the proxies are measured.

These servers are nginx with `return 200` if it is installed, otherwise two of bench/cheap.py. They
send no beats, so this section sends beats in their name for Ponte's proxy. These say that a server
does not remember calls: the replies do not say whose they are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from bench import calls, reverse
from bench.cheap import RESULT
from bench.processes import LISTENS, Stage
from bench.report import Report
from bench.rounds import Plan
from heartbeat import Heartbeat, new_incarnation
from ponte.discovery.beats import Beat
from ponte.net.address import Address
from ponte.rpc.marshal import CONTENT_TYPE


def run(plan: Plan) -> Report:
    report = Report()
    with Stage() as stage, contextlib.ExitStack() as beating:
        registry = stage.registry()
        pair = calls.Pair(registry, start_cheap_servers(stage, [registry.address], beating))
        pairs = dict.fromkeys((*calls.ENGINES, calls.OTHERS), pair)
        found = calls.measure(plan, calls.ways_to(stage, pairs, report))
    kind = "nginx, return 200" if reverse.find("nginx") else "bench/cheap.py"
    calls.add_results(report, "proxy", f"cheap servers ({kind})", plan, found)
    return report


def start_cheap_servers(stage: Stage, registries: Sequence[Address],
                        beating: contextlib.ExitStack) -> Sequence[Address]:
    """Starts two cheap servers, which are in lookup for the service greeter until `beating` ends.
    """
    if reverse.find("nginx"):
        servers = reverse.start_cheap_nginx(stage, CONTENT_TYPE, RESULT)
    else:
        servers = [stage.python("-m", "bench.cheap", banner=LISTENS).address for _ in range(2)]
    for number, address in enumerate(servers):
        beat = Beat("greeter", f"cheap-{number}", new_incarnation(), 0, *address,
                    idempotent=("hello",), remembers=False)
        heartbeat = Heartbeat(beat, registries)
        beating.callback(heartbeat.close)
        heartbeat.start(1.0)
    return servers
