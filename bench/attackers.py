"""The attackers of bench/slow.py: connections that drip one byte a second, in a separate process.

    python3 -m bench.attackers URL head|body|read CONNECTIONS

When all connections have begun, it prints how many of them are open, as "open: N". Then it drips
until its standard input ends.
"""

from __future__ import annotations

import itertools
import selectors
import socket
import sys
import time
from urllib.parse import urlsplit

from ponte.net.message import encode_request
from ponte.process.running import allow_open_files
from ponte.rpc.marshal import CONTENT_TYPE, encode_call

KINDS = ("head", "body", "read")
# Seconds until all attackers have begun.
BEGUN_S = 30.0
# Seconds between two bytes of one connection.
DRIP_S = 1.0
# The connections drip in this many turns, so that their bytes do not come in waves.
TURNS = 50
# Bytes of a body that is announced and never finished, and of a reply that is not read.
LENGTH = 64_000
# Calls that each connection of "read" sends ahead: 2 MB of replies, more than any system buffers.
CALLS = 32
# The receive buffer of a connection.
WINDOW_BYTES = 1024
SERVICE = f"""
from server import idempotent

@idempotent
def hello(text):
    return text

def page():
    return "x" * {LENGTH}
"""

_SERVED = b"HTTP/1.1 200 "


def opening(url: str, kind: str) -> bytes:
    """What an attacker sends at once: a part of a request; for "read", CALLS whole requests."""
    parts = urlsplit(url)
    headers = {"Host": parts.netloc, "Content-Type": CONTENT_TYPE}
    if kind == "read":
        return encode_request("POST", parts.path, headers, encode_call("page", ())) * CALLS
    whole = encode_request("POST", parts.path, headers, b"x" * LENGTH)
    return whole[:40] if kind == "head" else whole[:-LENGTH]


class Attackers:
    """All connections of an attack. A connection that the other side closes is not replaced."""

    def __init__(self, url: str, kind: str, count: int) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._opening = opening(url, kind)
        self._reads = kind == "read"
        self._sockets: list[socket.socket] = []
        for _ in range(count):
            self._begin()

    def count(self) -> int:
        """How many connections the other side has neither closed nor refused."""
        still_open = []
        for sock in self._sockets:
            if self._is_open(sock):
                still_open.append(sock)
            else:
                sock.close()
        self._sockets = still_open
        return len(still_open)

    def wait_for_replies(self, within_s: float) -> None:
        """Waits until each connection of "read" has a reply or has been closed."""
        deadline = time.monotonic() + within_s
        with selectors.DefaultSelector() as waiting:
            for sock in self._sockets if self._reads else ():
                waiting.register(sock, selectors.EVENT_READ)
            while waiting.get_map() and time.monotonic() < deadline:
                for key, _ in waiting.select(deadline - time.monotonic()):
                    waiting.unregister(key.fileobj)

    def drip(self, turn: int) -> None:
        """One byte on each connection of this turn: a TURNS-th of all."""
        for sock in self._sockets[turn % TURNS::TURNS]:
            try:
                if self._reads:
                    sock.recv(1)
                else:
                    sock.send(b"x")
            except OSError:
                # The connection has ended, which `count` will see, or its buffer is full.
                pass

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()

    def _begin(self) -> None:
        sock = socket.socket()
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)
            sock.settimeout(5.0)
            sock.connect(self._address)
            sock.sendall(self._opening)
            sock.setblocking(False)
        except OSError:
            # The other side has refused it.
            sock.close()
        else:
            self._sockets.append(sock)

    def _is_open(self, sock: socket.socket) -> bool:
        """Whether a connection has been neither closed nor refused.

        A reply to an unfinished request refuses it. So does a reply other than 200 to a whole one.
        """
        try:
            came = sock.recv(len(_SERVED), socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return self._reads and came != b"" and not (came.startswith(b"HTTP/") and came != _SERVED)


def main() -> None:
    url, kind, count = sys.argv[1:]
    allow_open_files()
    attackers = Attackers(url, kind, int(count))
    attackers.wait_for_replies(BEGUN_S / 2)
    # Refusals of the last connections may still be on their way.
    time.sleep(0.1)
    print(f"open: {attackers.count()}", flush=True)
    with selectors.DefaultSelector() as ended:
        ended.register(sys.stdin, selectors.EVENT_READ)
        for turn in itertools.count():
            if ended.select(DRIP_S / TURNS):
                return
            attackers.drip(turn)


if __name__ == "__main__":
    main()
