"""Section `slow`: slow clients attack the proxy. What do good callers notice?

    head    the attackers never finish the head of a request
    body    they never finish the body of a request
    read    they send many calls, and read one byte a second of the replies

Good callers measure through the proxy with attackers and without, in turn. The attackers are those
of bench/attackers.py. A proxy with threads takes fewer connections than there are attackers. So the
table shows how many of them got in, and how many are left after the deadline of a message. While
they hold every connection, good callers get a 503 at once.

If slowhttptest is installed (https://github.com/shekyan/slowhttptest), its attacks on the proxy
with events follow. The tool itself uses much of a core, which slows good callers, whatever it
attacks. So it also attacks another proxy of the same kind, in turn: the difference between the two
is the effect of the attack.
"""

from __future__ import annotations

import functools
import json
import math
import shutil
import sys
import time
import urllib.request
from typing import Any, NamedTuple
from urllib.parse import urljoin

from bench.attackers import BEGUN_S, KINDS, SERVICE
from bench.calls import ENGINES
from bench.load import Sample
from bench.processes import Stage
from bench.report import Report, Table, figure, median
from bench.reverse import wait_until_serves
from bench.rounds import Plan, interleave
from bench.wrk import drive
from ponte.net import serving
from ponte.net.address import show
from ponte.process.running import allow_open_files

ATTACKERS, QUICK_ATTACKERS = 1_000, 50
# The share of the attackers that read slowly. The proxy keeps megabytes for each before it blocks.
READERS = 0.1
# Connections of good callers.
GOOD = 4
# Seconds after the deadline of a message: by then the proxy has closed connections that drip.
AFTER_S = 1.0
# Seconds between two looks at a proxy.
QUIET_S = 0.3
TOOL = "slowhttptest"
# Seconds for the tool to make its connections, and the same time to run on after a round.
TOOL_S = 5.0
# The options of the tool, and the path that it requests.
TOOL_KINDS = {
    "head": ("-H -i 1 -t POST -x 4", "/greeter"),
    "body": ("-B -i 1 -t POST -s 8192 -x 2", "/greeter"),
    "read": ("-X -n 1 -z 1 -w 64 -y 128 -k 3", "/metrics"),
}

# The engine, and the kind of the attack or "none".
Key = tuple[str, str]


class UnderAttack(NamedTuple):
    """What good callers have measured, and how many attackers were connected."""

    good: Sample
    attackers: int


def run(plan: Plan) -> Report:
    attackers = QUICK_ATTACKERS if plan.quick else ATTACKERS
    with Stage() as stage:
        service = stage.file("greeter.py", SERVICE)
        urls = {engine: _start_proxy(stage, service, engine) for engine in ENGINES}
        found = interleave(plan, {(engine, kind): functools.partial(_measure, url, kind, attackers)
                                  for engine, url in urls.items() for kind in ("none", *KINDS)},
                           warm_up=False)
        report = _report(found, attackers)
        if not plan.quick:
            report.tables.append(_until_the_deadline(stage, urls))
            if shutil.which(TOOL):
                _attack_by_tool(plan, report, urls["events"],
                                _start_proxy(stage, service, "events"))
            else:
                report.note(f"{TOOL} is not installed: its attacks are left out")
    return report


def _start_proxy(stage: Stage, service: str, engine: str) -> str:
    """The URL of a proxy with a server and a registry to itself."""
    registry = stage.registry()
    stage.server(f"server-{engine}", [registry], service)
    proxy = stage.proxy(f"proxy-{engine}", registry, "--engine", engine)
    url = f"http://{show(proxy.address)}/greeter"
    wait_until_serves(url)
    return url


def _report(found: dict[Key, list[UnderAttack]], attackers: int) -> Report:
    report = Report()
    rows = []
    for (engine, kind), rounds in found.items():
        p50_ms, p99_ms, calls_per_s = (median([getattr(result.good, name) for result in rounds])
                                       for name in ("p50_ms", "p99_ms", "calls_per_s"))
        ratio = _ratio(rounds, found[engine, "none"])
        errors = sum(result.good.errors for result in rounds)
        # With refusals the times say nothing, because a refusal is fast.
        cells = [calls_per_s, p50_ms, p99_ms, ratio] if not errors else [None] * 4
        rows.append([f"{engine} · {kind}", figure(median([result.attackers for result in rounds])),
                     *map(figure, cells), str(errors)])
        report.figures[f"slow p99 {engine} {kind}"] = ratio
    report.tables.append(Table(
        f"Slow clients: {attackers:,} (read: {attackers * READERS:.0f}) beside {GOOD} good ones, "
        "through the proxy",
        ("engine · attack", "attackers in", "calls/s", "p50 ms", "p99 ms", "p99 ÷ without",
         "refused"), rows))
    return report


def _ratio(rounds: list[UnderAttack], others: list[UnderAttack]) -> float:
    """The median of the ratios of the p99 of good callers, round by round."""
    return median([result.good.p99_ms / (other.good.p99_ms or math.nan)
                   for result, other in zip(rounds, others)])


def _measure(url: str, kind: str, attackers: int, seconds: float) -> UnderAttack:
    if kind == "none":
        return UnderAttack(drive(url, GOOD, seconds), 0)
    with Stage() as stage:
        got_in = _attack(stage, url, kind,
                         int(attackers * READERS) if kind == "read" else attackers)
        return UnderAttack(drive(url, GOOD, seconds), got_in)


def _until_the_deadline(stage: Stage, urls: dict[str, str]) -> Table:
    """How many attackers are left after the deadline of a message."""
    after_s = serving.MESSAGE_TIMEOUT_S + AFTER_S
    rows = []
    # "read" attacks first, because its calls must be served.
    shares = {"read": READERS, "head": (1 - READERS) / 2, "body": (1 - READERS) / 2}
    for engine, url in urls.items():
        attacks = [_attack(stage, url, kind, int(ATTACKERS * share))
                   for kind, share in shares.items()]
        time.sleep(after_s)
        rows.append([engine, str(sum(attacks)), str(_connections(url))])
    title = f"{ATTACKERS:,} of all three kinds, and what is left of them after {after_s:.0f} s"
    return Table(title, ("engine", "got in", "left"), rows)


def _attack(stage: Stage, url: str, kind: str, attackers: int) -> int:
    """Starts attackers, and waits until all have begun; returns how many of them got in."""
    attack = stage.python("-m", "bench.attackers", url, kind, str(attackers))
    got_in = int(attack.wait_for(r"open: (\d+)", BEGUN_S)[1])
    calls = -1
    while kind == "read" and calls != (calls := _status(url)["requests"]["calls"]):
        # The proxy still carries out their calls. It stops when it has no room for more replies.
        time.sleep(QUIET_S)
    return got_in


def _status(url: str) -> Any:
    """The status page of the proxy at that URL."""
    with urllib.request.urlopen(urljoin(url, "/status"), timeout=BEGUN_S) as reply:
        return json.load(reply)


def _connections(url: str) -> int:
    """How many connections the proxy has, without the one of this question."""
    return int(_status(url)["connections"]) - 1


# ---- by slowhttptest -----------------------------------------------------------------------------

def _attack_by_tool(plan: Plan, report: Report, url: str, other_url: str) -> None:
    """Adds the table and the figures of its attacks on `url`, beside those on another proxy."""
    allow_open_files()
    ways: dict[Key, str] = {(kind, where): victim for kind in TOOL_KINDS
                            for where, victim in (("another proxy", other_url),
                                                  ("this proxy", url))}
    found = interleave(plan, {(kind, where): functools.partial(_measure_by_tool, url, victim, kind)
                              for (kind, where), victim in ways.items()}, warm_up=False)
    rows = []
    for (kind, where), rounds in found.items():
        cells = (median([getattr(result.good, name) for result in rounds])
                 for name in ("calls_per_s", "p50_ms", "p99_ms"))
        ratio = _ratio(rounds, found[kind, "another proxy"])
        rows.append([f"{kind} · {where}", figure(median([result.attackers for result in rounds])),
                     *map(figure, cells), figure(ratio),
                     str(sum(result.good.errors for result in rounds))])
        # "this proxy" comes last, so its ratio is the one that stays.
        report.figures[f"slow p99 {TOOL} {kind}"] = ratio
    report.tables.append(Table(
        f"{TOOL} with {ATTACKERS:,} connections beside {GOOD} good callers of a proxy with events",
        ("attack · at", "attackers in", "calls/s", "p50 ms", "p99 ms", "p99 ÷ at another",
         "refused"), rows))


def _measure_by_tool(url: str, victim: str, kind: str, seconds: float) -> UnderAttack:
    options, path = TOOL_KINDS[kind]
    lasts_s = math.ceil(2 * TOOL_S + seconds)
    with Stage() as stage:
        stage.start(sys.executable, "-S", "-m", "bench.leash", TOOL, "-c", str(ATTACKERS),
                    "-r", str(ATTACKERS), "-l", str(lasts_s), *options.split(),
                    "-u", urljoin(victim, path))
        deadline = time.monotonic() + TOOL_S
        while _connections(victim) < ATTACKERS and time.monotonic() < deadline:
            time.sleep(QUIET_S)
        return UnderAttack(drive(url, GOOD, seconds), _connections(victim))
