"""Section `slow`: clients that dawdle, and what those feel who do not.

    head    they never finish the head of a request
    body    the same with its body
    read    they have called, again and again, and read a byte a second of what they are answered

Good callers measure through the proxy without them, and with them, by turns. With threads, whose connections are fewer
than the attackers, it is told how many of these got in, and how many are left after the deadline of a message: where
they have taken every connection, good callers get a 503 at once, until then. The attackers are bench/attackers.py.

Where slowhttptest is installed (https://github.com/shekyan/slowhttptest), its attacks follow, at the proxy with events.
It takes a good part of a core itself, and so good callers wait for longer, whomever it attacks. What is due to the
attack is told by attacking another proxy of the same kind instead, by turns.
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

from bench import processes
from bench.attackers import BEGUN_S, KINDS, SERVICE
from bench.calls import ENGINES
from bench.load import Sample
from bench.processes import Stage
from bench.report import Report, Table, figure, median
from bench.reverse import wait_until_serves
from bench.rounds import Plan, interleave
from bench.wrk import drive
from ponte.net import wire
from ponte.net.address import show

ATTACKERS, QUICK_ATTACKERS = 1_000, 50
# Of the attackers read slowly: before they block the proxy, megabytes of each are kept.
READERS = 0.1
# Connections of good callers.
GOOD = 4
# Beyond the deadline of a message: by then who drips has been closed.
AFTER_S = 1.0
# Between two looks whether a proxy still carries out calls.
QUIET_S = 0.3
TOOL = "slowhttptest"
# For it to have made its connections, and then once more beyond a round.
TOOL_S = 5.0
# Its options, and the path that it asks for.
TOOL_KINDS = {
    "head": ("-H -i 1 -t POST -x 4", "/greeter"),
    "body": ("-B -i 1 -t POST -s 8192 -x 2", "/greeter"),
    "read": ("-X -n 1 -z 1 -w 64 -y 128 -k 3", "/metrics"),
}

# Engine, attack ("none", too).
Key = tuple[str, str]


class Felt(NamedTuple):
    """What good callers measured, and how many attackers had got in before."""

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


def _report(found: dict[Key, list[Felt]], attackers: int) -> Report:
    report = Report()
    rows = []
    for (engine, kind), rounds in found.items():
        p50_ms, p99_ms, calls_per_s = (median([getattr(felt.good, name) for felt in rounds])
                                       for name in ("p50_ms", "p99_ms", "calls_per_s"))
        ratio = _ratio(rounds, found[engine, "none"])
        errors = sum(felt.good.errors for felt in rounds)
        # Refusals are fast.
        cells = [calls_per_s, p50_ms, p99_ms, ratio] if not errors else [None] * 4
        rows.append([f"{engine} · {kind}", figure(median([felt.attackers for felt in rounds])),
                     *map(figure, cells),
                     str(errors)])
        report.figures[f"slow p99 {engine} {kind}"] = ratio
    report.tables.append(Table(
        f"Slow clients: {attackers:,} (read: {attackers * READERS:.0f}) beside {GOOD} good ones, through the proxy",
        ("engine · attack", "attackers in", "calls/s", "p50 ms", "p99 ms", "p99 ÷ without",
         "refused"), rows))
    return report


def _ratio(rounds: list[Felt], others: list[Felt]) -> float:
    """Of the p99 that good callers felt, round by round."""
    return median([felt.good.p99_ms / (other.good.p99_ms or math.nan)
                   for felt, other in zip(rounds, others)])


def _measure(url: str, kind: str, attackers: int, seconds: float) -> Felt:
    if kind == "none":
        return Felt(drive(url, GOOD, seconds), 0)
    with Stage() as stage:
        got_in = _attack(stage, url, kind,
                         int(attackers * READERS) if kind == "read" else attackers)
        return Felt(drive(url, GOOD, seconds), got_in)


def _until_the_deadline(stage: Stage, urls: dict[str, str]) -> Table:
    """How many attackers are left once the time of a message is over."""
    rows = []
    # The first must be served.
    shares = {"read": READERS, "head": (1 - READERS) / 2, "body": (1 - READERS) / 2}
    for engine, url in urls.items():
        attacks = [_attack(stage, url, kind, int(ATTACKERS * share))
                   for kind, share in shares.items()]
        time.sleep(wire.MESSAGE_TIMEOUT_S + AFTER_S)
        rows.append([engine, str(sum(attacks)), str(_connections(url))])
    after_s = wire.MESSAGE_TIMEOUT_S + AFTER_S
    return Table(
        f"{ATTACKERS:,} of all three kinds, and what is left of them after {after_s:.0f} s",
                 ("engine", "got in", "left"), rows)


def _attack(stage: Stage, url: str, kind: str, attackers: int) -> int:
    """Starts attackers, and waits until they have all begun; how many of them got in."""
    attack = stage.python("-m", "bench.attackers", url, kind, str(attackers))
    got_in = int(attack.wait_for(r"open: (\d+)", BEGUN_S)[1])
    calls = -1
    while kind == "read" and calls != (calls := _status(url)["requests"]["calls"]):
        # Until the proxy carries out no more of their calls: it is stuck with replies.
        time.sleep(QUIET_S)
    return got_in


def _status(url: str) -> Any:
    """What the proxy at that URL tells of itself."""
    with urllib.request.urlopen(urljoin(url, "/status"), timeout=BEGUN_S) as reply:
        return json.load(reply)


def _connections(url: str) -> int:
    """How many connections it has, beside ours."""
    return int(_status(url)["connections"]) - 1


# ---- by slowhttptest -----------------------------------------------------------------------------

def _attack_by_tool(plan: Plan, report: Report, url: str, other_url: str) -> None:
    """Adds the table of its attacks at `url`, with those at another proxy beside them, and the
    figures.
    """
    processes.allow_open_files()
    ways: dict[Key, str] = {(kind, where): victim for kind in TOOL_KINDS
                            for where, victim in (("another proxy", other_url),
                                                  ("this proxy", url))}
    found = interleave(plan, {(kind, where): functools.partial(_measure_by_tool, url, victim, kind)
                              for (kind, where), victim in ways.items()}, warm_up=False)
    rows = []
    for (kind, where), rounds in found.items():
        cells = (median([getattr(felt.good, name) for felt in rounds])
                 for name in ("calls_per_s", "p50_ms", "p99_ms"))
        ratio = _ratio(rounds, found[kind, "another proxy"])
        rows.append([f"{kind} · {where}", figure(median([felt.attackers for felt in rounds])),
                     *map(figure, cells),
                     figure(ratio), str(sum(felt.good.errors for felt in rounds))])
        # Of "this proxy", which comes last.
        report.figures[f"slow p99 {TOOL} {kind}"] = ratio
    report.tables.append(Table(
        f"{TOOL} with {ATTACKERS:,} connections beside {GOOD} good callers of a proxy with events",
        ("attack · at", "attackers in", "calls/s", "p50 ms", "p99 ms", "p99 ÷ at another",
         "refused"), rows))


def _measure_by_tool(url: str, victim: str, kind: str, seconds: float) -> Felt:
    options, path = TOOL_KINDS[kind]
    lasts_s = math.ceil(2 * TOOL_S + seconds)
    with Stage() as stage:
        stage.start(sys.executable, "-S", "-m", "bench.leash", TOOL, "-c", str(ATTACKERS), "-r",
                    str(ATTACKERS),
                    "-l", str(lasts_s), *options.split(), "-u", urljoin(victim, path))
        deadline = time.monotonic() + TOOL_S
        while _connections(victim) < ATTACKERS and time.monotonic() < deadline:
            time.sleep(QUIET_S)
        return Felt(drive(url, GOOD, seconds), _connections(victim))
