"""Section `failover`: kill -9 of one of three servers, many times: what do callers notice?

And how long until it is out of lookup? Callers make an idempotent call every few milliseconds: by
the stub without a proxy, and by a proxy with each engine. The callers of one way are one process:

    python3 -m bench.failover stub|proxy HOST:PORT

A call with a second attempt has noticed the death. Its extra time is the p99 of such calls minus
the p99 of all others.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any, Callable

from bench.calls import ENGINES
from bench.load import BODY
from bench.processes import Child, Stage
from bench.report import Report, Table, figure, median, percentile
from bench.rounds import Plan
from client import Client
from ponte.discovery.follower import ask
from ponte.net.address import Address, show
from ponte.net.message import encode_request
from ponte.net.pool import Pool
from ponte.net.threads import wait_for
from ponte.process.options import parse_address
from ponte.rpc.marshal import CONTENT_TYPE

SERVERS = 3
# Threads that call, for each way.
CALLERS = 4
# Seconds between two calls of a thread: on a busy machine, every call would take longer.
PAUSE_S = 0.005
KILLS_PER_ROUND = 5
# Seconds between two kills.
HEALTHY_S = 0.3
# Seconds until a killed server must be out of lookup.
GONE_S = 30.0
TIMEOUT_S = 5.0


def run(plan: Plan) -> Report:
    report = Report()
    kills = 2 if plan.quick else plan.rounds * KILLS_PER_ROUND
    with Stage() as stage:
        # Two registries, so that the stub finds no proxy.
        bare, proxied = stage.registry(), stage.registry()
        registries = [bare, proxied]
        servers = {name: stage.server(name, registries)
                   for name in (f"server-{n}" for n in range(SERVERS))}
        ways = {"stub": ("stub", bare.address)}
        for engine in ENGINES:
            proxy = stage.proxy(f"proxy-{engine}", proxied, "--engine", engine)
            ways[f"proxy, {engine}"] = "proxy", proxy.address
        callers = {name: stage.python("-m", "bench.failover", way, show(address), banner="calling")
                   for name, (way, address) in ways.items()}
        gone_s = []
        for number in range(kills):
            plan.say(f"kill {number + 1} of {kills}")
            time.sleep(HEALTHY_S)
            name = f"server-{number % SERVERS}"
            servers[name].kill()
            gone_s.append(_wait_until_gone(bare, name))
            servers[name] = stage.server(name, registries)
        results = {name: _result_of(caller) for name, caller in callers.items()}
    _add_results(report, kills, gone_s, results)
    return report


def _add_results(report: Report, kills: int, gone_s: list[float],
                 results: dict[str, dict[str, Any]]) -> None:
    rows = []
    for name, result in results.items():
        healthy_ms, failed_ms = result["healthy_ms"], result["again_ms"]
        cells = [result["calls"], len(failed_ms), result["failed"]]
        if failed_ms:
            p99_ms = percentile(failed_ms, 0.99)
            report.figures[f"failover extra ms {name}"] = p99_ms - healthy_ms
            rows.append([name, *map(str, cells), figure(healthy_ms), figure(median(failed_ms)),
                         figure(p99_ms),
                         figure(p99_ms - healthy_ms)])
        else:
            rows.append([name, *map(str, cells), figure(healthy_ms), "-", "-", "-"])
    report.tables.append(Table(
        f"Failover: {kills} x kill -9 of one of {SERVERS} servers",
        ("way", "calls", "second attempts", "failed", "healthy p99 ms", "second attempt p50 ms",
         "p99 ms",
         "extra ms at p99"), rows))
    report.tables.append(Table("Time until a killed server is out of lookup", ("", "seconds"), [
        ["median", figure(median(gone_s))], ["most", figure(max(gone_s))]]))
    report.figures["out of lookup s"] = max(gone_s)


def _names(registry: Child) -> list[str]:
    found = ask(_pool, registry.address, "lookup", "greeter")
    return [endpoint["instance"] for endpoint in found["endpoints"]]


_pool = Pool()


def _wait_until_gone(registry: Child, name: str) -> float:
    """Waits until the registry does not list it any more; returns the seconds."""
    began = time.monotonic()
    while name in _names(registry):
        if time.monotonic() > began + GONE_S:
            raise RuntimeError(
                f"a killed server is still in lookup after {GONE_S:.0f} s:\n{registry.log()}")
        time.sleep(0.01)
    return time.monotonic() - began


def _result_of(caller: Child) -> dict[str, Any]:
    caller.end_input()
    result: dict[str, Any] = json.loads(caller.wait_for(r"\{.*\}\n")[0])
    return result


# ---- the callers ---------------------------------------------------------------------------------

def by_stub(registry: Address) -> Callable[[], int]:
    """A call that returns the number of its attempts."""
    mine = threading.local()

    def note(_: object) -> None:
        mine.attempts += 1

    client = Client("greeter", registries=[registry], on_attempt=note)

    def call() -> int:
        mine.attempts = 0
        client.hello("Hello")
        attempts: int = mine.attempts
        return attempts

    return call


def by_proxy(proxy: Address) -> Callable[[], int]:
    """The same for a call through a proxy, which reports the number in its reply."""
    pool = Pool()
    headers = {"Host": show(proxy), "Content-Type": CONTENT_TYPE, "Call-Idempotent": "1"}
    request = encode_request("POST", "/greeter", headers, BODY)

    def call() -> int:
        reply = wait_for(pool.exchange(proxy, request, time.monotonic() + TIMEOUT_S))
        if reply.status != 200:
            raise OSError(f"HTTP {reply.status}")
        return int(reply.headers["call-attempt"])

    return call


def call_until(stopped: threading.Event, call: Callable[[], int],
               took: list[tuple[int, float]]) -> None:
    """Appends (attempts, milliseconds) for each call; 0 attempts for a call that failed."""
    while not stopped.wait(PAUSE_S):
        began = time.perf_counter()
        try:
            attempts = call()
        except Exception:
            # Any error is a call that failed; the table counts them.
            attempts = 0
        took.append((attempts, (time.perf_counter() - began) * 1000))


def main() -> None:
    way, address = sys.argv[1:]
    call = {"stub": by_stub, "proxy": by_proxy}[way](parse_address(address))
    call()
    stopped = threading.Event()
    took: list[tuple[int, float]] = []
    threads = [threading.Thread(target=call_until, args=(stopped, call, took))
               for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    print("calling", flush=True)
    sys.stdin.read()
    stopped.set()
    for thread in threads:
        thread.join()
    healthy_ms = [took_ms for attempts, took_ms in took if attempts == 1]
    print(json.dumps({"calls": len(took), "failed": sum(attempts == 0 for attempts, _ in took),
                      "healthy_ms": percentile(healthy_ms, 0.99),
                      "again_ms": [took_ms for attempts, took_ms in took if attempts > 1]}),
          flush=True)


if __name__ == "__main__":
    main()
