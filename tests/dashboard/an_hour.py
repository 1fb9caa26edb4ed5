"""Events as the processes of the page tell them: an hour, at two calls a second.

The shapes are those of a recording: a call through the proxy has 11 events, and each heartbeat
three. Times and trace ids are random, as they are there, so that they compress no better.
"""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Iterator
from typing import Any

CALLS_A_SECOND = 2
BEAT_S = 0.5
SERVERS = ("server-1", "server-2", "server-3")
CLIENT, PROXY, REGISTRY = ("client", 24703), ("proxy", 24678), ("registry", 24662)

Fields = dict[str, Any]
Told = tuple[float, str, int, Fields]


def lines(seconds: int, seed: int = 1) -> list[bytes]:
    """The events as the collector writes them, numbered from 1 on."""
    chance = random.Random(seed)
    told: list[Told] = []
    for place, server in enumerate(SERVERS):
        told += _beats(server, 24671 + place, "kiosk", seconds, chance)
    told += _beats(*PROXY, "proxy", seconds, chance)
    told.sort(key=lambda event: event[0])
    numbers: dict[int, int] = {}
    written = []
    ordered = heapq.merge(told, _calls(seconds, chance), key=lambda event: event[0])
    for number, (time_s, who, pid, fields) in enumerate(ordered, 1):
        numbers[pid] = numbers.get(pid, 0) + 1
        event = {"s": number, "p": who, "i": pid, "n": numbers[pid], "t": round(time_s * 1000, 3),
                 **fields}
        written.append(json.dumps(event, separators=(",", ":")).encode("ascii"))
    return written


def _beats(who: str, pid: int, service: str, seconds: int, chance: random.Random) -> Iterator[Told]:
    at, seq = chance.random() * BEAT_S, 0
    while at < seconds:
        seq += 1
        took, acked = at + _pause(chance), at + 0.0003 + _pause(chance)
        yield at, who, pid, {"k": "beat", "seq": seq, "state": "up", "to": "127.0.0.1:26702"}
        yield took, *REGISTRY, {"k": "took", "who": who, "service": service, "seq": seq,
                                "verdict": "ack", "lease": 2.0, "state": "up", "host": "127.0.0.1"}
        yield acked, who, pid, {"k": "acked", "seq": seq, "verdict": "ack"}
        at += BEAT_S * (0.9 + 0.2 * chance.random())


def _calls(seconds: int, chance: random.Random) -> Iterator[Told]:
    for number in range(seconds * CALLS_A_SECOND):
        yield from _call(number, chance)


def _call(number: int, chance: random.Random) -> Iterator[Told]:
    trace, is_hello = f"{chance.getrandbits(128):032x}", number % 2 == 0
    place = chance.randrange(3)
    server = SERVERS[place], 24671 + place
    method, kind = ("hello", "idempotent") if is_hello else ("buy", "original")
    sent, answered = 4 * number, {"outcome": "answered", "what": f"answered by {server[0]}"}
    at = number / CALLS_A_SECOND + _pause(chance)
    for who, fields in (
            (CLIENT, {"k": "call", "id": trace, "service": "kiosk", "method": method,
                      "idem": is_hello}),
            (CLIENT, {"k": "send", "id": trace, "to": "proxy", "kind": kind, "attempt": 1,
                      "timeout": 1.0}),
            (PROXY, {"k": "recv", "id": trace, "kind": kind, "of": [CLIENT[1], sent]}),
            (PROXY, {"k": "send", "id": trace, "to": server[0], "kind": kind, "attempt": 1,
                     "timeout": round(0.9 - _pause(chance), 3)}),
            (server, {"k": "recv", "id": trace, "kind": kind, "of": [PROXY[1], sent + 1]}),
            (server, {"k": "run", "id": trace, "of": sent + 2, "method": method}),
            (server, {"k": "reply", "id": trace, "of": sent + 2, "status": 200}),
            (PROXY, {"k": "settle", "id": trace, "of": sent + 1, **answered}),
            (PROXY, {"k": "reply", "id": trace, "of": sent, "status": 200}),
            (CLIENT, {"k": "settle", "id": trace, "of": sent, **answered}),
            (CLIENT, {"k": "done", "id": trace, "outcome": "answered", "by": server[0]})):
        yield at, *who, fields
        at += _pause(chance)


def _pause(chance: random.Random) -> float:
    """Seconds between two steps of a call."""
    return chance.uniform(0.00005, 0.0005)
