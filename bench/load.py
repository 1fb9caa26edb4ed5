"""A load generator: each of C connections sends its next call when the last reply has arrived.

    python3 -m bench.load --url http://127.0.0.1:4180/greeter --connections 64 --seconds 2
        [--kind numbered] [--call '["hello", "Hello"]']

One thread, one selector, and one prepared request that is sent many times over connections that
stay open. A connection that the other side closes is not opened again. The result is JSON. With
--hold the connections stay open until standard input ends.

A call is sent in one of three kinds:

    idempotent    as Ponte's stub sends a call that may run twice
    numbered      as the stub sends any other call: with a session, and a number in it
                  (ponte/calls/once.py). All connections share one session.
    stock         as a client sends it that knows nothing of Ponte

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
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from bench.report import percentile
from ponte.net.message import encode_request
from ponte.process.typed import here
from ponte.rpc.marshal import CONTENT_TYPE, encode_call

# The name of a function, and its parameters.
Call = Sequence[object]

HELLO: Call = ("hello", "Hello")
BODY = encode_call("hello", ("Hello",))
# Kinds of calls.
IDEMPOTENT, NUMBERED, STOCK = "idempotent", "numbered", "stock"
# The stub also says up to which number an attempt may count: "1-1". The servers of an earlier
# commit, which bench/cost.py measures, do not know that; this version reads both.
_BY_STUB = {"Call-Timeout-Ms": "2500", "Call-Attempt": "1"}
_CONTENT = {"Content-Type": CONTENT_TYPE}
# The place of a number in a prepared request.
_NUMBER = "<number>"
HEADERS = {
    IDEMPOTENT: {**_BY_STUB, "Call-Idempotent": "1", **_CONTENT},
    NUMBERED: {**_BY_STUB, "Call-Session": "new", "Call-Number": _NUMBER, **_CONTENT},
    STOCK: _CONTENT,
}
RECEIVE_BYTES = 65536
# Seconds without any reply, after which the connections count as lost.
SILENCE_S = 5.0

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
# In a refusal: the session to use from now on.
_SESSION = re.compile(rb"\r\ncall-session: *([0-9a-f]{16})\r\n", re.IGNORECASE)


class Sample(NamedTuple):
    """What a load has measured.

    `errors`: replies other than 200, and connections that were lost; not the refusals that give out
    a session. `calls`: the calls that were answered. `cpu_us`: the processor time of the load
    itself for each of them, 0 where it is not known.
    """

    calls_per_s: float
    p50_ms: float
    p99_ms: float
    errors: int = 0
    calls: int = 0
    cpu_us: float = 0.0


def request(url: str, kind: str = IDEMPOTENT, call: Call = HELLO, session: str = "") -> bytes:
    """The request that is sent many times; if it is numbered, without the number."""
    method, *parameters = call
    headers = dict(HEADERS[kind])
    if session:
        headers["Call-Session"] = session
    return _post(url, headers, encode_call(str(method), parameters))


def _post(url: str, headers: Mapping[str, str], body: bytes) -> bytes:
    parts = urlsplit(url)
    return encode_request("POST", parts.path or "/", {"Host": parts.netloc, **headers}, body)


def message_bytes(data: bytes) -> int:
    """The length of the HTTP message at the beginning of `data`; 0 if its head is not complete."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return 0
    length = _LENGTH.search(data, 0, head)
    return head + 4 + (int(length[1]) if length else 0)


def open_session(url: str) -> str:
    """Asks for a session, in a request that carries no call. RuntimeError if it gets none."""
    address = _address_of(url)
    opening = _post(url, {**_BY_STUB, "Call-Session": "new", **_CONTENT}, b"")
    with socket.create_connection(address, SILENCE_S) as sock:
        sock.sendall(opening)
        reply = b""
        while not message_bytes(reply) or len(reply) < message_bytes(reply):
            data = sock.recv(RECEIVE_BYTES)
            if not data:
                break
            reply += data
    found = session_in(reply)
    if not found:
        raise RuntimeError(f"{url} has given out no session: {reply!r}")
    return found


def session_in(reply: bytes) -> str:
    """The session that comes with a refusal; "" if this is no such reply."""
    found = _SESSION.search(reply) if reply.startswith(b"HTTP/1.1 503 ") else None
    return found[1].decode() if found else ""


def _address_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80


class Numbers:
    """The numbers of one session, and the requests that carry them.

    It does the same as ponte/calls/session.py, with prepared bytes: the load must cost little.

    >>> numbers = Numbers(request("http://h/greeter", NUMBERED, session="9f86d081884c7d65"))
    >>> one, two = numbers.take(), numbers.take()
    >>> numbers.end(one)
    >>> b"Call-Number: 2-2" in numbers.request(two)
    True
    """

    def __init__(self, prepared: bytes) -> None:
        self._before, _, self._after = prepared.partition(_NUMBER.encode())
        self._next = 1
        # The numbers under way, in order.
        self._under_way: dict[int, None] = {}

    def take(self) -> int:
        """The next number, which is under way from now on."""
        number = self._next
        self._next += 1
        self._under_way[number] = None
        return number

    def request(self, number: int) -> bytes:
        """The request with that number, and with the oldest one that is under way."""
        oldest = next(iter(self._under_way))
        return b"%b%d-%d%b" % (self._before, number, oldest, self._after)

    def end(self, number: int) -> None:
        """Its outcome is known, or nobody asks for it any more."""
        del self._under_way[number]


class _Connection:
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sent_at = 0.0
        self.received = b""
        # The call under way, if it is numbered.
        self.numbers: Numbers | None = None
        self.number = 0

    def end_number(self) -> None:
        if self.numbers:
            self.numbers.end(self.number)
            self.numbers = None


class Load:
    """The connections, and the loop that serves them."""

    def __init__(self, url: str, connections: int, kind: str = IDEMPOTENT,
                 call: Call = HELLO) -> None:
        self._url, self._call = url, call
        self._request = request(url, kind, call)
        # Of the session that is used now.
        self._numbers = self._numbers_in(open_session(url)) if kind == NUMBERED else None
        self._selector = selectors.DefaultSelector()
        self._open: list[_Connection] = []
        self.errors = 0
        self.took_s: list[float] = []
        for _ in range(connections):
            self._connect()

    def run(self, seconds: float) -> Sample:
        """Calls for `seconds`; returns what was measured."""
        began, cpu_began = time.perf_counter(), time.process_time()
        for connection in list(self._open):
            self._send(connection)
        while self._open and time.perf_counter() < began + seconds:
            ready = self._selector.select(SILENCE_S)
            if not ready:
                self.errors += len(self._open)
                break
            for key, _ in ready:
                self._receive(key.data)
        took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
        if not self.took_s:
            return Sample(0.0, 0.0, 0.0, self.errors)
        p50, p99 = (percentile(self.took_s, share) * 1000 for share in (0.5, 0.99))
        calls = len(self.took_s)
        return Sample(calls / took_s, p50, p99, self.errors, calls, cpu_s / calls * 1e6)

    def close(self) -> None:
        for connection in list(self._open):
            self._lose(connection)

    def _connect(self) -> None:
        try:
            sock = socket.create_connection(_address_of(self._url))
        except OSError:
            self.errors += 1
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(sock)
        self._open.append(connection)
        self._selector.register(sock, selectors.EVENT_READ, connection)

    def _numbers_in(self, session: str) -> Numbers:
        return Numbers(request(self._url, NUMBERED, self._call, session))

    def _send(self, connection: _Connection) -> None:
        message, numbers = self._request, self._numbers
        if numbers:
            connection.numbers, connection.number = numbers, numbers.take()
            message = numbers.request(connection.number)
        connection.sent_at = time.perf_counter()
        try:
            # This does not block: the request is short, and the kernel has room for it.
            connection.sock.sendall(message)
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
            self._note_refusal(connection, received)
        connection.end_number()
        self._send(connection)

    def _note_refusal(self, connection: _Connection, reply: bytes) -> None:
        session = session_in(reply) if connection.numbers else ""
        if not session:
            self.errors += 1
        elif connection.numbers is self._numbers:
            # The far end has dropped it. Another connection may have got a new one already.
            self._numbers = self._numbers_in(session)

    def _lose(self, connection: _Connection) -> None:
        connection.end_number()
        self._selector.unregister(connection.sock)
        connection.sock.close()
        self._open.remove(connection)


def main() -> None:
    parser = argparse.ArgumentParser(description=here(__doc__))
    parser.add_argument("--url", required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--kind", choices=tuple(HEADERS), default=IDEMPOTENT)
    parser.add_argument("--call", type=json.loads, default=HELLO,
                        help="the name of the function and its parameters, as JSON")
    parser.add_argument("--hold", action="store_true")
    chosen = parser.parse_args()
    load = Load(chosen.url, chosen.connections, chosen.kind, chosen.call)
    sample: dict[str, float] = load.run(chosen.seconds)._asdict()
    print(json.dumps(sample), flush=True)
    if chosen.hold:
        sys.stdin.read()
    load.close()


if __name__ == "__main__":
    main()
