"""What leases and views weigh: bytes, and the time to write and read them. For bench/scale.py."""

from __future__ import annotations

import time
import tracemalloc

from bench.report import figure
from bench.world import beat_of
from ponte.calls.endpoint import Endpoint
from ponte.discovery.beat_reader import BeatReader
from ponte.discovery.beats import encode_beat
from ponte.discovery.leases import ALL, LeaseTable
from ponte.discovery.lookup import LookupResult
from ponte.discovery.view import View
from ponte.rpc.marshal import decode_result, encode_result


def view(endpoints: int) -> list[str]:
    """The cells for a view: endpoints, bytes as XML, and the CPU time to write and to read it.

    It is written once for all readers; each reader reads it.
    """
    seen = LookupResult(ALL, 1, "0" * 16, False,
                        [_endpoint(number) for number in range(endpoints)], [])
    began = time.process_time()
    reply = encode_result(seen.to_struct())
    written_at = time.process_time()
    reader = View()
    reader.hear_answer(("127.0.0.1", 4100), decode_result(reply))
    found = reader.endpoints(0.0)
    read_at = time.process_time()
    assert len(found) == endpoints
    return [f"{endpoints:,}", f"{len(reply):,}", figure((written_at - began) * 1e3),
            figure((read_at - written_at) * 1e3)]


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
