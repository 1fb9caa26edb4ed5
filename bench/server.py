"""Section `server`: a server by itself, with its defaults, and functions of four kinds.

    hello      the shortest function, with 8 and 64 callers, beside the server of an earlier commit
    wait       a function that sleeps for 2 ms, with many callers, beside the earlier commit
    compress   a function that works outside the interpreter (zlib), so that it can use all cores:
               beside the same server with --cores one
    block      a function that was quick each time blocks one call for 5 s, and others call it
               meanwhile, without blocking

The calls beside the one that blocks have a fixed schedule, and the time of each begins when it was
due. So if the server stalls, every call that had to wait counts. The other calls are a closed loop.
"""

from __future__ import annotations

import concurrent.futures
import functools
import os
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Callable

from bench.calls import GREETER, ratio, url_of
from bench.cost import EARLIER, NOW
from bench.earlier import folder_of
from bench.load import RECEIVE_BYTES, STOCK, Call, Sample, message_bytes, request
from bench.processes import ROOT, Stage
from bench.report import Report, Table, figure, median, percentile
from bench.rounds import Plan, interleave
from bench.wrk import by_ours, drive
from ponte.net.address import Address, show

HELLO_CALLERS = (8, 64)
WAIT_CALLERS, COMPRESS_CALLERS = 32, 4
WAIT: Call = ("wait", 0.002)
COMPRESS: Call = ("compress",)
ONE_CORE = f"{NOW}, --cores one"
# Seconds for which a call blocks.
BLOCK_S, QUICK_BLOCK_S = 5.0, 1.0
# Seconds of quick calls before it: the server has seen then that the function is quick.
BEFORE_BLOCK_S = 0.5
# Seconds between two quick calls.
DUE_S = 0.01
# Seconds for a reply; a call that blocks for BLOCK_S must have its reply within it.
REPLY_S = 3 * BLOCK_S
ALONE, BESIDE = "no other call", "a call blocks"

# `compress` takes some 20 ms.
SERVICE = """
import random
import time
import zlib

from server import idempotent

DATA = random.Random(2026).randbytes(500_000)

@idempotent
def hello(text):
    return text

@idempotent
def wait(seconds):
    time.sleep(seconds)
    return seconds

@idempotent
def compress():
    return len(zlib.compress(DATA))
"""

# The number of callers, and the function with the server that runs it.
Key = tuple[int, str]
# Figures by name, each a ratio of calls per second.
RATIOS: dict[str, tuple[Key, Key]] = {
    **{f"calls_per_s {count} / earlier": ((count, f"hello, {NOW}"), (count, f"hello, {EARLIER}"))
       for count in HELLO_CALLERS},
    "wait / earlier": ((WAIT_CALLERS, f"wait, {NOW}"), (WAIT_CALLERS, f"wait, {EARLIER}")),
    "compress / one core": ((COMPRESS_CALLERS, f"compress, {NOW}"),
                            (COMPRESS_CALLERS, f"compress, {ONE_CORE}"))}


def run(plan: Plan) -> Report:
    report = Report()
    with folder_of(plan.against, report) as earlier, \
            Stage() as stage, Stage(earlier or ROOT) as earlier_stage:
        stages = {NOW: stage, **({EARLIER: earlier_stage} if earlier else {})}
        file = stage.file("work.py", SERVICE)
        found = interleave(plan, {**_on_hello(stages), **_on_wait(stages, file),
                                  **_on_compress(stage, file, report)})
        address = _start(stage, "block", file)
        block_s = QUICK_BLOCK_S if plan.quick else BLOCK_S
        quick: dict[str, Callable[[float], list[float]]] = {
            ALONE: functools.partial(quick_calls, address),
            BESIDE: lambda _: _beside_a_block(address, block_s)}
        quick_ms = interleave(plan, quick, warm_up=False)
    _add_calls(report, plan, found)
    _add_quick_calls(report, quick_ms, block_s)
    return report


def _start(stage: Stage, name: str, file: str, *options: str) -> Address:
    """Starts a server with a registry of its own."""
    return stage.server(name, [stage.registry()], file, *options).address


# ---- closed loops --------------------------------------------------------------------------------

Measures = Mapping[Key, Callable[[float], Sample]]


def _on_hello(stages: Mapping[str, Stage]) -> Measures:
    urls = {state: url_of(_start(stage, "hello", GREETER)) for state, stage in stages.items()}
    return {(count, f"hello, {state}"): functools.partial(drive, url, count)
            for count in HELLO_CALLERS for state, url in urls.items()}


def _on_wait(stages: Mapping[str, Stage], file: str) -> Measures:
    return {(WAIT_CALLERS, f"wait, {state}"): functools.partial(
                by_ours, _url(_start(stage, "wait", file)), WAIT_CALLERS, call=WAIT)
            for state, stage in stages.items()}


def _on_compress(stage: Stage, file: str, report: Report) -> Measures:
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        report.note("a process cannot be kept on one of several cores here: "
                    "compress is left out of section server")
        return {}
    return {(COMPRESS_CALLERS, f"compress, {state}"): functools.partial(
                by_ours, _url(_start(stage, "compress", file, *options)), COMPRESS_CALLERS,
                call=COMPRESS)
            for state, options in ((NOW, ()), (ONE_CORE, ("--cores", "one")))}


def _url(address: Address) -> str:
    return f"http://{show(address)}/work"


def _add_calls(report: Report, plan: Plan, found: Mapping[Key, list[Sample]]) -> None:
    ratios = {}
    for name, (ours, theirs) in RATIOS.items():
        if ours in found and theirs in found:
            ratios[ours] = report.figures[f"server {name}"] = ratio(found, ours, theirs,
                                                                    "calls_per_s")
    rows = []
    for (count, what), samples in found.items():
        cells = [median([getattr(sample, name) for sample in samples])
                 for name in Sample._fields[:3]]
        rows.append([f"{count} · {what}", *map(figure, cells), figure(ratios.get((count, what))),
                     str(sum(sample.errors for sample in samples))])
        if what == f"hello, {NOW}":
            report.figures[f"server p99 ms {count}"] = cells[2]
    report.tables.append(Table(
        f"A server by itself ({EARLIER}: {plan.against})",
        ("callers · function, server", "calls/s", "p50 ms", "p99 ms", "calls/s ÷ next line",
         "errors"), rows))


# ---- quick calls beside one that blocks ----------------------------------------------------------

def _beside_a_block(address: Address, block_s: float) -> list[float]:
    """The milliseconds of each quick call while another call of the same function blocks."""
    quick_calls(address, BEFORE_BLOCK_S)
    with concurrent.futures.ThreadPoolExecutor(1) as another, \
            socket.create_connection(address, REPLY_S) as sock:
        blocked = another.submit(_call, sock, request(_url(address), STOCK, ("wait", block_s)))
        took_ms = quick_calls(address, block_s)
        # Raises what the call has raised.
        blocked.result()
    return took_ms


def quick_calls(address: Address, seconds: float) -> list[float]:
    """The milliseconds of each quick call, from the moment at which it was due."""
    message = request(_url(address), STOCK, ("wait", 0))
    took_ms = []
    with socket.create_connection(address, REPLY_S) as sock:
        due = time.perf_counter()
        end = due + seconds
        while due < end:
            time.sleep(max(due - time.perf_counter(), 0.0))
            _call(sock, message)
            took_ms.append((time.perf_counter() - due) * 1000)
            due += DUE_S
    return took_ms


def _call(sock: socket.socket, message: bytes) -> None:
    """Sends a call, and waits for its reply. RuntimeError if that is no result."""
    sock.sendall(message)
    reply = b""
    while not message_bytes(reply) or len(reply) < message_bytes(reply):
        data = sock.recv(RECEIVE_BYTES)
        if not data:
            raise RuntimeError("the server has closed the connection of a call")
        reply += data
    if not reply.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"the server has refused a call: {reply!r}")


def _add_quick_calls(report: Report, quick_ms: Mapping[str, Sequence[Sequence[float]]],
                     block_s: float) -> None:
    rows = []
    for what, rounds in quick_ms.items():
        took_ms = [took for each in rounds for took in each]
        p50_ms, p99_ms = (percentile(took_ms, share) for share in (0.5, 0.99))
        rows.append([what, figure(p50_ms), figure(p99_ms), figure(max(took_ms))])
        if what == BESIDE:
            report.figures["server p99 ms beside a block"] = p99_ms
    report.tables.append(Table(
        f"A quick call every {DUE_S * 1000:.0f} ms, alone, and while the same function blocks "
        f"another call for {block_s:g} s",
        ("meanwhile", "p50 ms", "p99 ms", "slowest ms"), rows))
