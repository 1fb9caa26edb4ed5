"""What leases and views weigh: bytes, and the time to write, read and use them.

For bench/scale.py.
"""

from __future__ import annotations

import threading
import time
import tracemalloc

from bench.report import figure
from bench.world import beat_of
from ponte.calls.endpoint import Endpoint
from ponte.discovery.beat_reader import BeatReader
from ponte.discovery.beats import encode_beat
from ponte.discovery.leases import ALL, LeaseTable
from ponte.discovery.lookup import FORMS, LookupResult
from ponte.discovery.view import View
from ponte.rpc.marshal import decode_result, encode_result
from proxy import Proxy


def view(endpoints: int) -> list[str]:
    """The cells for a view: endpoints; for each form its bytes, and the CPU time to write and read.

    It is written once for all readers; each reader reads it.
    """
    known = [_endpoint(number) for number in range(endpoints)]
    cells = [f"{endpoints:,}"]
    for form in FORMS:
        seen = LookupResult(ALL, 1, "0" * 16, False, known, [], form)
        began = time.process_time()
        reply = encode_result(seen.to_value())
        written_at = time.process_time()
        reader = View()
        reader.hear_answer(("127.0.0.1", 4100), LookupResult.read(ALL, decode_result(reply)))
        found = reader.endpoints(0.0)
        read_at = time.process_time()
        assert len(found) == endpoints
        cells += [f"{len(reply):,}", figure((written_at - began) * 1e3),
                  figure((read_at - written_at) * 1e3)]
    return cells


class _TimedLock:
    """Stands in for a lock. `held_s`: how long it was held in all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.held_s = 0.0

    def __enter__(self) -> None:
        self._lock.acquire()
        self._taken_at = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.held_s += time.perf_counter() - self._taken_at
        self._lock.release()


def change(services: int, times: int = 20) -> list[str]:
    """The cells for one change in a proxy's view of services with one instance each.

    Services; the milliseconds that the proxy needs for it, and those in which calls wait for its
    lock: the least of so many times.
    """
    known = [_endpoint(number)._replace(service=f"service-{number}") for number in range(services)]
    lock = _TimedLock()
    took_s, held_s = [], []
    with Proxy(port=0, registries=()) as proxy:
        proxy._shared.lock = lock  # type: ignore[assignment]
        for number in range(times + 1):
            changed = known[0]._replace(incarnation=1 + number)
            proxy._directory.endpoints = (changed, *known[1:])
            began, held_before = time.perf_counter(), lock.held_s
            proxy._on_change()
            took_s.append(time.perf_counter() - began)
            held_s.append(lock.held_s - held_before)
    # The first time, every service is new.
    return [f"{services:,}", figure(min(took_s[1:]) * 1e3), figure(min(held_s[1:]) * 1e3)]


def _endpoint(number: int) -> Endpoint:
    beat = beat_of(number)
    return Endpoint(beat.service, beat.instance, beat.incarnation, beat.host, 1 + number, "up",
                    beat.idempotent)


def bytes_per_lease(servers: int) -> float:
    """The memory of a table and of a reader of beats that have seen one beat of each server."""
    tracemalloc.start()
    table, reader = LeaseTable("0" * 16, 0.0), BeatReader()
    for number in range(servers):
        beat = beat_of(number)._replace(seq=1, port=1 + number % 65_535, epoch=table.epoch)
        table.apply(reader.read(encode_beat(beat)), 0.0)
    table.events.clear()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return taken / servers
