"""A load generator: each of C connections sends its next call when the last reply has arrived.

    python3 -m bench.load --url http://127.0.0.1:4180/greeter --connections 64 --seconds 2
        [--once] [--call '["hello", "Hello"]']

One thread, one selector, and one prepared request that is sent many times over connections that
stay open. A connection that the other side closes is not opened again. The result is JSON. With
--hold the connections stay open until standard input ends.

The call is idempotent, as Ponte's stub sends it. With --once it is sent as by a client that knows
nothing of Ponte: then it must run at most once, and proxy and server remember it
(ponte/calls/once.py).

This is a closed loop: while a server stalls, it gets fewer calls. So a stall counts once for each
connection, and not once for each call that users would have made (coordinated omission).
Percentiles can be compared at the same number of connections. Users of an overloaded system would
see worse ones.
"""

from __future__ import annotations

import argparse
import json
import re
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from bench.report import percentile
from ponte.net.message import encode_request
from ponte.rpc.marshal import CONTENT_TYPE, encode_call

# The name of a function, and its parameters.
Call = Sequence[object]

HELLO: Call = ("hello", "Hello")
BODY = encode_call("hello", ("Hello",))
ONCE = {"Content-Type": CONTENT_TYPE}
MAY_REPEAT = {**ONCE, "Idempotency-Key": "0" * 32, "Call-Idempotent": "1",
              "Call-Timeout-Ms": "2500",
              "Call-Attempt": "1"}
RECEIVE_BYTES = 65536
# Seconds without any reply, after which the connections count as lost.
SILENCE_S = 5.0

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Sample(NamedTuple):
    """What a load has measured.

    `errors`: replies other than 200, and connections that were lost. `calls`: the calls that were
    answered.
    """

    calls_per_s: float
    p50_ms: float
    p99_ms: float
    errors: int = 0
    calls: int = 0


def request(url: str, once: bool = False, call: Call = HELLO) -> bytes:
    """The request that is sent many times."""
    parts = urlsplit(url)
    method, *parameters = call
    return encode_request("POST", parts.path or "/",
                          {"Host": parts.netloc, **(ONCE if once else MAY_REPEAT)},
                          encode_call(str(method), parameters))


def message_bytes(data: bytes) -> int:
    """The length of the HTTP message at the beginning of `data`; 0 if its head is not complete."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return 0
    length = _LENGTH.search(data, 0, head)
    return head + 4 + (int(length[1]) if length else 0)


class _Connection:
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sent_at = 0.0
        self.received = b""


class Load:
    """The connections, and the loop that serves them."""

    def __init__(self, url: str, connections: int, once: bool = False,
                 call: Call = HELLO) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._request = request(url, once, call)
        self._selector = selectors.DefaultSelector()
        self._open: list[_Connection] = []
        self.errors = 0
        self.took_s: list[float] = []
        for _ in range(connections):
            self._connect()

    def run(self, seconds: float) -> Sample:
        """Calls for `seconds`; returns what was measured."""
        began = time.perf_counter()
        for connection in list(self._open):
            self._send(connection)
        while self._open and time.perf_counter() < began + seconds:
            ready = self._selector.select(SILENCE_S)
            if not ready:
                self.errors += len(self._open)
                break
            for key, _ in ready:
                self._receive(key.data)
        took_s = time.perf_counter() - began
        if not self.took_s:
            return Sample(0.0, 0.0, 0.0, self.errors)
        p50, p99 = (percentile(self.took_s, share) * 1000 for share in (0.5, 0.99))
        calls = len(self.took_s)
        return Sample(calls / took_s, p50, p99, self.errors, calls)

    def close(self) -> None:
        for connection in list(self._open):
            self._lose(connection)

    def _connect(self) -> None:
        try:
            sock = socket.create_connection(self._address)
        except OSError:
            self.errors += 1
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(sock)
        self._open.append(connection)
        self._selector.register(sock, selectors.EVENT_READ, connection)

    def _send(self, connection: _Connection) -> None:
        connection.sent_at = time.perf_counter()
        try:
            # This does not block: the request is short, and the kernel has room for it.
            connection.sock.sendall(self._request)
        except OSError:
            self.errors += 1
            self._lose(connection)

    def _receive(self, connection: _Connection) -> None:
        try:
            data = connection.sock.recv(RECEIVE_BYTES)
        except OSError:
            data = b""
        if not data:
            self.errors += 1
            self._lose(connection)
            return
        received = connection.received + data
        length = message_bytes(received)
        if not length or len(received) < length:
            connection.received = received
            return
        connection.received = b""
        if received.startswith(b"HTTP/1.1 200 "):
            self.took_s.append(time.perf_counter() - connection.sent_at)
        else:
            self.errors += 1
        self._send(connection)

    def _lose(self, connection: _Connection) -> None:
        self._selector.unregister(connection.sock)
        connection.sock.close()
        self._open.remove(connection)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--call", type=json.loads, default=HELLO,
                        help="the name of the function and its parameters, as JSON")
    parser.add_argument("--hold", action="store_true")
    chosen = parser.parse_args()
    load = Load(chosen.url, chosen.connections, chosen.once, chosen.call)
    sample: dict[str, float] = load.run(chosen.seconds)._asdict()
    print(json.dumps(sample), flush=True)
    if chosen.hold:
        sys.stdin.read()
    load.close()


if __name__ == "__main__":
    main()
