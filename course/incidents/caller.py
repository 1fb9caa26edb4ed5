"""A caller of an incident: it calls one method again and again, and prints how that went.

    python3 -m course.incidents.caller till-1 bank deposit ana 125 --registry 127.0.0.1:4100
    python3 -m course.incidents.caller till-2 bank deposit bia 125 --at 127.0.0.1:4102

    till-1: 40 calls, 0 failed; median 1.2 ms, p99 3.4 ms

With --registry it is a client of Ponte. With --at it is a program that knows nothing of Ponte: the
xmlrpc.client of Python's own library, at one address. That one sends a call again by itself when
its connection breaks (Transport.request), and does not say so.

Threads: one for each of --at-once callers; the main one prints.
"""

from __future__ import annotations

import argparse
import http.client
import sys
import threading
import time
import xmlrpc.client
from collections.abc import Sequence
from typing import Any, Callable

from client import CallError, Client, number_of_calls, parse_value
from lab.checker import percentile
from ponte.net.address import parse_address, show
from ponte.process.characters import write_any
from ponte.process.options import PYTHON, parse_addresses, seconds
from ponte.process.running import run
from ponte.process.stopping import Stop

# Seconds between two lines.
REPORT_S = 5.0
# Of so many calls, the latest, the times are told.
KEPT = 500


class Record:
    """How the calls went. Threads: any."""

    def __init__(self) -> None:
        # Guarded by self._lock: the calls so far, those of them that failed, why the last one did,
        # and the latest times.
        self._lock = threading.Lock()
        self.calls = self.failed = 0
        self._why = ""
        self._times: list[float] = []

    def add(self, took_s: float, why: str = "") -> None:
        with self._lock:
            self.calls += 1
            self.failed += bool(why)
            self._why = why or self._why
            self._times = [*self._times[1 - KEPT:], took_s]

    def line(self, name: str) -> str:
        with self._lock:
            times = sorted(self._times) or [0.0]
            why = f"; the last failure: {self._why}" if self._why else ""
            return (f"{name}: {self.calls} calls, {self.failed} failed; median "
                    f"{percentile(times, 0.5) * 1000:.1f} ms, p99 "
                    f"{percentile(times, 0.99) * 1000:.1f} ms{why}")


def plain(service: str, at: str) -> Callable[..., Any]:
    """Calls by the library of Python, at one address."""
    server = xmlrpc.client.ServerProxy(f"http://{at}/{service}")
    return lambda method, *params: getattr(server, method)(*params)


def go_on(call: Callable[[], Any], every_s: float, count: int, record: Record) -> None:
    """Calls `count` times, 0 for no end, one each `every_s` seconds at most."""
    made = 0
    while not count or made < count:
        began = time.perf_counter()
        why = ""
        try:
            call()
        except xmlrpc.client.ProtocolError as error:
            why = f"HTTP {error.errcode} {error.errmsg}"
        except (CallError, xmlrpc.client.Fault, OSError, http.client.HTTPException) as error:
            why = f"{type(error).__name__}: {error}"
        took_s = time.perf_counter() - began
        record.add(took_s, why)
        made += 1
        time.sleep(max(every_s - took_s, 0.0))


def command_line() -> argparse.ArgumentParser:
    """What reads the options of a caller."""
    parser = argparse.ArgumentParser(prog=f"{PYTHON} -m course.incidents.caller")
    parser.add_argument("name")
    parser.add_argument("service")
    parser.add_argument("method")
    parser.add_argument("params", nargs="*")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--registry", type=parse_addresses)
    where.add_argument("--at", type=parse_address)
    parser.add_argument("--every", type=seconds, default=0.5)
    parser.add_argument("--count", type=number_of_calls, default=0)
    parser.add_argument("--at-once", type=number_of_calls, default=1)
    parser.add_argument("--until-eof", action="store_true")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Calls, and prints how that went, until it is stopped; returns 0."""
    chosen = command_line().parse_args(arguments)
    stop = Stop(chosen.until_eof)
    record = Record()
    params = [parse_value(text) for text in chosen.params]
    clients: list[Client] = []

    def caller() -> Callable[[], Any]:
        if chosen.at:
            call = plain(chosen.service, show(chosen.at))
        else:
            clients.append(Client(chosen.service, registries=chosen.registry))
            call = clients[-1].call
        return lambda: call(chosen.method, *params)

    where = show(chosen.at) if chosen.at else "the servers that the registry names"
    print(f"{chosen.name}: calls {chosen.service}.{chosen.method} at {where}", flush=True)
    threads = [threading.Thread(target=go_on, daemon=True,
                                args=(caller(), chosen.every, chosen.count, record))
               for _ in range(chosen.at_once)]
    for thread in threads:
        thread.start()
        # Not all at the same moment.
        time.sleep(chosen.every / len(threads))
    said = [time.monotonic(), 0]

    def look() -> None:
        is_done = not any(thread.is_alive() for thread in threads)
        if (is_done or time.monotonic() - said[0] > REPORT_S) and record.calls != said[1]:
            said[:] = [time.monotonic(), record.calls]
            print(record.line(chosen.name), flush=True)
        if is_done and not chosen.until_eof:
            stop.set("done")

    stop.wait(look)
    for client in clients:
        client.close()
    return 0


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    run(main)
