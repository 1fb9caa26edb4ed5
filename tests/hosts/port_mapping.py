"""python3 -m tests.hosts.port_mapping HOST PORT HOST2 PORT2: a port that leads elsewhere.

As the port of a container or of a router does it: whoever asks HOST:PORT, by TCP or UDP, reaches
HOST2:PORT2, which sees us as its caller. Answers to datagrams come from another port than the one
that was asked.

Threads: one for datagrams and one for each sender of them, one that accepts, two for each
connection.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading

from ponte.net.address import Address

MAX_BYTES = 65_536


def map_datagrams(near: socket.socket, target: Address) -> None:
    """Passes datagrams on to the target, for ever."""
    outlets: dict[Address, socket.socket] = {}
    while True:
        datagram, sender = near.recvfrom(MAX_BYTES)
        if sender not in outlets:
            outlets[sender] = socket.socket(type=socket.SOCK_DGRAM)
            outlets[sender].bind(("", 0))
            threading.Thread(target=_answer, args=(outlets[sender], sender), daemon=True).start()
        outlets[sender].sendto(datagram, target)


def _answer(outlet: socket.socket, sender: Address) -> None:
    """Passes the answers for one sender back. They come from our socket for that sender."""
    while True:
        outlet.sendto(outlet.recv(MAX_BYTES), sender)


def map_connections(listener: socket.socket, target: Address) -> None:
    """Accepts connections, and joins each to one of the target, for ever."""
    while True:
        near, _ = listener.accept()
        far = socket.create_connection(target)
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    """Passes bytes on until one side ends; then both end."""
    with contextlib.suppress(OSError):
        while True:
            chunk = source.recv(MAX_BYTES)
            if not chunk:
                break
            sink.sendall(chunk)
    for sock in (source, sink):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def main(host: str, port: int, target: Address) -> None:
    near = socket.socket(type=socket.SOCK_DGRAM)
    near.bind((host, port))
    threading.Thread(target=map_datagrams, args=(near, target), daemon=True).start()
    listener = socket.create_server((host, port))
    threading.Thread(target=map_connections, args=(listener, target), daemon=True).start()
    print(f"{host}:{port} leads to {target[0]}:{target[1]}", flush=True)
    # It ends with the process that has started it.
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), (sys.argv[3], int(sys.argv[4])))
