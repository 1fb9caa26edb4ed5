"""Callers that do not go away: each calls again after a reply, and comes back after a refusal.

    python3 -m bench.crowd --url http://127.0.0.1:4180/slow --method wait
        --callers 640 --pause 0.2 --seconds 2

bench/load.py measures callers that are served; this program also measures those that are not. A
caller that is refused (503), or whose connection breaks, pauses for half to one and a half times
the given time, and then connects again. The time of a call begins before the connection is made.
One thread, one loop (ponte/net/loop.py). The result is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import socket
import time
from typing import NamedTuple
from urllib.parse import urlsplit

from bench.processes import allow_open_files
from bench.report import percentile
from ponte.net.loop import READ, WRITE, Loop, Watched
from ponte.net.message import ProtocolError, encode_request
from ponte.net.parser import ReplyParser
from ponte.net.tls import WOULD_BLOCK
from ponte.rpc.marshal import CONTENT_TYPE, encode_call

RECEIVE_BYTES = 65536
# Seconds until all callers have come. What happens in them does not count.
WARM_UP_S = 0.5


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


class Crowd(Loop):
    """The callers, and the results of their calls since `counts_from`."""

    def __init__(self, url: str, method: str, params: list[str], pause_s: float) -> None:
        super().__init__()
        parts = urlsplit(url)
        self.address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.request = encode_request("POST", parts.path,
                                      {"Host": parts.netloc, "Content-Type": CONTENT_TYPE},
                                      encode_call(method, params))
        self.pause_s = pause_s
        self.counts_from = self.counts_until = math.inf
        # The callers that pause.
        self.waiting: set[Caller] = set()
        self._rng = random.Random(0)
        self.served_ms: list[float] = []
        self.refused = self.broken = 0

    def come_back(self) -> None:
        """Lets one caller come after a pause of random length, so that they do not come in waves.
        """
        self.wake_at(Caller(self), time.monotonic() + self.pause_s * self._rng.uniform(0.5, 1.5))

    def run(self, callers: int, seconds: float) -> Crowded:
        began = time.monotonic()
        self.counts_from = began + WARM_UP_S
        self.counts_until = self.counts_from + seconds
        # Not all at the same moment: the queue of a listener is too short for that.
        for number in range(callers):
            self.wake_at(Caller(self), began + WARM_UP_S / 2 * number / callers)
        while time.monotonic() < self.counts_until:
            self._turn()
        self.release()
        served = self.served_ms or [math.nan]
        return Crowded(len(self.served_ms) / seconds, percentile(served, 0.5),
                       percentile(served, 0.99), self.refused / seconds, self.broken)

    @property
    def is_counting(self) -> bool:
        """Whether this moment is in the measured time."""
        return self.counts_from <= time.monotonic() < self.counts_until

    def release(self) -> None:
        for caller in list(self.waiting):
            caller.close()
        super().release()

    def _wait_s(self) -> float:
        """The wait of a turn also ends where the server never replies."""
        remaining_s = max(self.counts_until - time.monotonic(), 0.0)
        wait_s = super()._wait_s()
        return remaining_s if wait_s is None else min(wait_s, remaining_s)


class Caller(Watched):
    """A caller, from its pause until it is refused or its connection breaks."""

    def __init__(self, crowd: Crowd) -> None:
        super().__init__(crowd, socket.socket())
        self.crowd = crowd
        self.parser = ReplyParser()
        self.connected = False
        self.called_at = math.inf
        self.socket.setblocking(False)
        crowd.waiting.add(self)

    def on_deadline(self) -> None:
        """The pause is over."""
        self.crowd.waiting.discard(self)
        self.called_at = time.monotonic()
        self.socket.connect_ex(self.crowd.address)
        self.watch(WRITE)

    def on_ready(self) -> None:
        try:
            if self._goes_on():
                return
        except WOULD_BLOCK:
            return
        except (OSError, ProtocolError):
            self.crowd.broken += self.crowd.is_counting
        self.close()
        self.crowd.come_back()

    def _goes_on(self) -> bool:
        """Does what is possible without waiting; False when this connection must be closed."""
        if not self.connected:
            self.connected = True
            self.socket.send(self.crowd.request)
            self.watch(READ)
            return True
        data = self.socket.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionError("it ended without a reply")
        self.parser.feed(data)
        reply = self.parser.next_message()
        if reply is None:
            return True
        if reply.status != 200 or b"<fault>" in reply.body:
            if reply.status == 503:
                self.crowd.refused += self.crowd.is_counting
            else:
                self.crowd.broken += self.crowd.is_counting
            return False
        if self.crowd.is_counting:
            self.crowd.served_ms.append((time.monotonic() - self.called_at) * 1000)
        self.called_at = time.monotonic()
        self.socket.send(self.crowd.request)
        return True

    def close(self) -> None:
        self.crowd.waiting.discard(self)
        super().close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--method", required=True)
    parser.add_argument("--param", action="append", default=[])
    parser.add_argument("--callers", type=int, required=True)
    parser.add_argument("--pause", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    chosen = parser.parse_args()
    allow_open_files()
    crowd = Crowd(chosen.url, chosen.method, chosen.param, chosen.pause)
    print(json.dumps(crowd.run(chosen.callers, chosen.seconds)._asdict()))


if __name__ == "__main__":
    main()
