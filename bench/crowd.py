"""Callers that do not go away: each calls again after a reply, and comes back after a refusal.

    python3 -m bench.crowd --url http://127.0.0.1:4180/slow --method wait
        --callers 640 --pause 0.2 --seconds 2

bench/load.py measures callers that are served; this program also measures those that are not. A
caller that is refused (503), or whose connection breaks, pauses for half to one and a half times
the given time, and then connects again. The time of a call begins before the connection is made.

Each caller is a program (ponte/net/stream.py), and one loop carries out all of them. The result is
JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import random
import socket
import sys
import time
from typing import NamedTuple
from urllib.parse import urlsplit

from bench.report import percentile
from ponte.net.loop import Loop
from ponte.net.message import ProtocolError, Reply, encode_request
from ponte.net.parser import ReplyParser
from ponte.net.stream import NOTHING, WRITE, Program, Stream
from ponte.net.windows import SELECT_SOCKETS
from ponte.process.running import allow_open_files
from ponte.process.typed import here
from ponte.rpc.marshal import CONTENT_TYPE, encode_call

# Seconds until all callers have come. What happens in them does not count.
WARM_UP_S = 0.5
# Of the sockets of a loop: the two that wake it, and some to spare.
LOOP_OWN = 4


class Crowded(NamedTuple):
    """What a crowd has met.

    `refused`: calls that got a 503. `broken`: calls with any other end than a result, such as a 504
    or a connection that ended.
    """

    served_per_s: float
    p50_ms: float
    p99_ms: float
    refused_per_s: float
    broken: int


class Crowd:
    """The callers, and the results of their calls in the measured time."""

    def __init__(self, url: str, method: str, params: list[str], pause_s: float) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._request = encode_request("POST", parts.path,
                                       {"Host": parts.netloc, "Content-Type": CONTENT_TYPE},
                                       encode_call(method, params))
        self._pause_s = pause_s
        self._rng = random.Random(0)
        self._counts_from = self._counts_until = math.inf
        self._served_ms: list[float] = []
        self._refused = self._broken = 0

    def run(self, callers: int, seconds: float) -> Crowded:
        """What so many callers meet. Blocks for these seconds, and WARM_UP_S."""
        began = time.monotonic()
        self._counts_from = began + WARM_UP_S
        self._counts_until = self._counts_from + seconds
        loop = Loop()
        loop.start(_for_ever())
        # Not all at the same moment: the queue of a listener is too short for that.
        for number in range(callers):
            loop.spawn(self._call_on(began + WARM_UP_S / 2 * number / callers))
        time.sleep(max(self._counts_until - time.monotonic(), 0.0))
        loop.stop()
        served = self._served_ms or [math.nan]
        return Crowded(len(self._served_ms) / seconds, percentile(served, 0.5),
                       percentile(served, 0.99), self._refused / seconds, self._broken)

    def _call_on(self, begins_at: float) -> Program[None]:
        """One caller: it calls, pauses and comes back until the loop ends."""
        yield None, NOTHING, begins_at
        while True:
            called_at = time.monotonic()
            with contextlib.closing(Stream(socket.socket(), ReplyParser())) as stream:
                try:
                    yield from self._call_while_served(stream, called_at)
                except (OSError, ProtocolError):
                    self._broken += self._is_counting()
            # A pause of random length, so that callers do not come in waves.
            yield None, NOTHING, time.monotonic() + self._pause_s * self._rng.uniform(0.5, 1.5)

    def _call_while_served(self, stream: Stream[Reply], called_at: float) -> Program[None]:
        """Makes one call after another on a new connection, until one is not served."""
        stream.socket.connect_ex(self._address)
        yield stream, WRITE, math.inf
        while True:
            yield from stream.send(self._request, math.inf)
            reply = yield from stream.read(math.inf)
            if reply is None:
                raise ConnectionError("it ended without a reply")
            if reply.status == 503:
                self._refused += self._is_counting()
                return
            if reply.status != 200 or b"<fault>" in reply.body:
                self._broken += self._is_counting()
                return
            now = time.monotonic()
            if self._is_counting():
                self._served_ms.append((now - called_at) * 1000)
            called_at = now

    def _is_counting(self) -> bool:
        """Whether this moment is in the measured time."""
        return self._counts_from <= time.monotonic() < self._counts_until


def _for_ever() -> Program[None]:
    """The first program of a loop, which lives as long as the loop."""
    while True:
        yield None, NOTHING, math.inf


def main() -> None:
    parser = argparse.ArgumentParser(description=here(__doc__))
    parser.add_argument("--url", required=True)
    parser.add_argument("--method", required=True)
    parser.add_argument("--param", action="append", default=[])
    parser.add_argument("--callers", type=int, required=True)
    parser.add_argument("--pause", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    chosen = parser.parse_args()
    if sys.platform == "win32" and chosen.callers > SELECT_SOCKETS - LOOP_OWN:
        parser.error(f"--callers {chosen.callers}: on Windows, a loop has room for "
                     f"{SELECT_SOCKETS - LOOP_OWN}")
    allow_open_files()
    crowd = Crowd(chosen.url, chosen.method, chosen.param, chosen.pause)
    print(json.dumps(crowd.run(chosen.callers, chosen.seconds)._asdict()))


if __name__ == "__main__":
    main()
