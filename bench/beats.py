"""Signed beats for one registry, as fast as it acks them: python3 -m bench.beats

bench/registry.py runs it. A closed loop: WINDOW beats are on their way, and each ack releases the
next one. The leases beat in turn. First each beats once, and "filled" is printed. Then a line on
standard input starts the measured time. The result is JSON.

The text of a beat is made before, and only signed when it is sent: so the registry is the slower
of the two processes.
"""

from __future__ import annotations

import argparse
import hmac
import json
import socket
import sys
import time
from collections.abc import Iterator

from ponte.discovery.beats import MAX_DATAGRAM_BYTES, Beat, decode_answer, encode_beat
from ponte.process.keys import read_key
from ponte.process.options import parse_address
from ponte.process.typed import here

# Datagrams on their way. More of them would only wait in the buffer of the registry.
WINDOW = 64
# Seconds without an ack, after which the datagrams on their way count as lost.
SILENCE_S = 1.0
# Seconds: long, so that no lease expires before it beats again.
LEASE_S = 60.0
# Instances of each service: as many as one lookup finds.
INSTANCES = 10
# Acks between two looks at the clock.
CLOCK_EVERY = 100


def beat_of(number: int) -> Beat:
    """The first beat of one lease."""
    return Beat(service_of(number), f"server-{number:06}", 1_700_000_000_000, 0, "127.0.0.1",
                1 + number % 65_000,
                lease_s=LEASE_S, idempotent=("balance", "hello"))


def service_of(number: int) -> str:
    return f"service-{number // INSTANCES:05}"


class Beats:
    """The next beat of each lease in turn."""

    def __init__(self, leases: int, epoch: str, key: bytes) -> None:
        self._key = key
        lines = (encode_beat(beat_of(number)._replace(epoch=epoch))[1:] for number in range(leases))
        self._texts: list[tuple[bytes, bytes, bytes]] = [line.partition(b'"seq":0')
                                                         for line in lines]

    def __iter__(self) -> Iterator[bytes]:
        seq = 0
        while True:
            seq += 1
            middle = b'"seq":%d' % seq
            for before, _, after in self._texts:
                line = before + middle + after
                yield hmac.digest(self._key, line, "sha256").hex().encode() + b"\n" + line


class Sender:
    """The closed loop over one socket."""

    def __init__(self, sock: socket.socket, beats: Iterator[bytes]) -> None:
        self._socket = sock
        self._beats = beats
        self.acks = 0
        # Answers other than acks: there should be none.
        self.others = 0
        self.lost = 0

    def fill(self, leases: int) -> None:
        """One beat for each lease. If any was lost, all beat again: it is not known whose it was.
        """
        while True:
            lost = self.lost
            self._open(min(WINDOW, leases))
            for _ in range(leases - WINDOW):
                self._turn()
            self._close(min(WINDOW, leases))
            if self.lost == lost:
                return

    def run(self, seconds: float) -> float:
        """Beats for `seconds`; returns the time until the last ack, in seconds."""
        began = time.perf_counter()
        self._open(WINDOW)
        while time.perf_counter() < began + seconds:
            for _ in range(CLOCK_EVERY):
                self._turn()
        self._close(WINDOW)
        return time.perf_counter() - began

    def _open(self, count: int) -> None:
        for _ in range(count):
            self._socket.send(next(self._beats))

    def _turn(self) -> None:
        if self._receive():
            self._socket.send(next(self._beats))
        else:
            self.lost += WINDOW
            self._open(WINDOW)

    def _close(self, count: int) -> None:
        for missing in range(count, 0, -1):
            if not self._receive():
                self.lost += missing
                return

    def _receive(self) -> bool:
        try:
            answer = self._socket.recv(MAX_DATAGRAM_BYTES)
        except OSError:
            return False
        if b'"type":"ack"' in answer:
            self.acks += 1
        else:
            self.others += 1
        return True


def ask_epoch(sock: socket.socket, key: bytes) -> str:
    """The registry's boot id, which every beat must carry."""
    sock.send(encode_beat(beat_of(0)._replace(seq=1), key))
    return decode_answer(sock.recv(MAX_DATAGRAM_BYTES), key).epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=here(__doc__))
    parser.add_argument("--registry", type=parse_address, required=True)
    parser.add_argument("--key-file", required=True)
    parser.add_argument("--leases", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    chosen = parser.parse_args()
    key = read_key(chosen.key_file)
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.connect(chosen.registry)
        sock.settimeout(SILENCE_S)
        sender = Sender(sock, iter(Beats(chosen.leases, ask_epoch(sock, key), key)))
        sender.fill(chosen.leases)
        print("filled", flush=True)
        if not sys.stdin.readline():
            return
        filled = sender.acks
        took_s = sender.run(chosen.seconds)
    print(json.dumps({"filled": filled, "acks": sender.acks - filled, "seconds": took_s,
                      "others": sender.others,
                      "lost": sender.lost}), flush=True)


if __name__ == "__main__":
    main()
