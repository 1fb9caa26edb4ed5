"""A door of a participant: it passes all on unchanged, and notes each message (messages.py).

    others ──► Door ──► the participant      connections, and for a registry datagrams, too
    the participant ──► Door ──► a registry

So `tap` shows what comes to a participant and what leaves it, without a change to the participant.
A server announces its door as its own address. Only the line "Host" of a request is rewritten, to
the target's: a process checks that it is its own.

Threads: one that accepts, one for datagrams, and two for each connection. `note` runs on any.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections import deque
from typing import Callable

from course.incidents import messages
from course.incidents.messages import Note
from lab.accepter import Accepter
from lab.relayed import CHUNK_BYTES, connect, shut_down
from lab.tcp_relay import NOBODY
from ponte.net.address import Address, show
from ponte.net.datagrams import LONGEST_BYTES
from ponte.net.message import ProtocolError
from ponte.net.parser import ReplyParser, RequestParser

HOST = "127.0.0.1"
# How soon the thread for datagrams sees that the door is closed, in seconds.
POLL_S = 0.1
# A port that is free for connections may be taken for datagrams: how many are tried.
TRIES = 20


class Door:
    """Passes connections and datagrams on to `target`, which may be set at any time.

    `note(into, message)` gets each message; `into`: whether it goes to the participant. `leads_in`:
    whether the door is for what comes to the participant, or for what it sends.

    Attribute: `address`, the same port for connections and datagrams, which never changes.
    """

    def __init__(self, note: Callable[[bool, Note], None], *, leads_in: bool,
                 target: Address | None = None) -> None:
        self.target = target
        self._note, self._leads_in = note, leads_in
        listener, self._near = _listen()
        self._closed = False
        # Guarded by self._lock: the sockets of open connections.
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._accepter = Accepter(listener, self._carry)
        self.address: Address = self._accepter.address
        self._thread = threading.Thread(target=self._pass_datagrams, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Closes the door, and every connection through it. It can be called twice."""
        if self._closed:
            return
        self._closed = True
        self._accepter.close()
        self._thread.join()
        with self._lock:
            left = list(self._open)
        for sock in left:
            shut_down(sock)

    # ---- connections

    def _carry(self, near: socket.socket) -> None:
        target = self.target or NOBODY
        try:
            far = connect(target)
        except OSError:
            self._note(self._leads_in, {"k": "nobody", "to": show(target)})
            near.close()
            return
        for sock in (near, far):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open |= {near, far}
        seen = _Exchanges(self._note, self._leads_in)
        back = threading.Thread(target=_pump, args=(far, near, seen.hear_reply), daemon=True)
        back.start()
        _pump(near, far, seen.hear_request, (_host_line(self.address), _host_line(target)))
        back.join()
        seen.end()
        with self._lock:
            self._open -= {near, far}
        near.close()
        far.close()

    # ---- datagrams

    def _pass_datagrams(self) -> None:
        # A socket for each sender: an answer that arrives there belongs to that sender.
        far: dict[Address, socket.socket] = {}
        senders: dict[socket.socket, Address] = {}
        while not self._closed:
            for sock in select.select([self._near, *senders], [], [], POLL_S)[0]:
                # OSError: the port of an earlier datagram is closed; or this one counts as lost.
                with contextlib.suppress(OSError):
                    data, sender = sock.recvfrom(LONGEST_BYTES)
                    if sock is not self._near:
                        self._note(not self._leads_in, messages.of_datagram(data))
                        self._near.sendto(data, senders[sock])
                        continue
                    self._note(self._leads_in, messages.of_datagram(data))
                    if sender not in far:
                        far[sender] = _datagram_socket(0)
                        senders[far[sender]] = sender
                    if self.target:
                        far[sender].sendto(data, self.target)
        for sock in (self._near, *senders):
            sock.close()


class _Exchanges:
    """The requests and the replies of one connection, as they pass."""

    def __init__(self, note: Callable[[bool, Note], None], leads_in: bool) -> None:
        self._note, self._leads_in = note, leads_in
        # None: what passes there is no HTTP.
        self._requests: RequestParser | None = RequestParser()
        self._replies: ReplyParser | None = ReplyParser()
        # When each request came that has no reply yet: on one connection replies come in turn.
        self._began: deque[float] = deque()

    def hear_request(self, data: bytes) -> None:
        if self._requests:
            try:
                self._requests.feed(data)
                while (request := self._requests.next_message()) is not None:
                    self._began.append(time.perf_counter())
                    self._note(self._leads_in, messages.of_request(request))
            except ProtocolError:
                self._requests = None
                self._note(self._leads_in, {"k": "stream"})

    def hear_reply(self, data: bytes) -> None:
        if self._replies:
            try:
                self._replies.feed(data)
                while (reply := self._replies.next_message()) is not None:
                    began = self._began.popleft() if self._began else time.perf_counter()
                    self._note(not self._leads_in,
                               messages.of_reply(reply, time.perf_counter() - began))
            except ProtocolError:
                self._replies = None
                self._note(not self._leads_in, {"k": "stream"})

    def end(self) -> None:
        """The connection has ended."""
        for _ in self._began:
            self._note(not self._leads_in, {"k": "cut"})


def _pump(source: socket.socket, sink: socket.socket, hear: Callable[[bytes], None],
          host: tuple[bytes, bytes] = (b"", b"")) -> None:
    """Carries one direction until an end closes the connection; then closes both."""
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK_BYTES):
            hear(data)
            sink.sendall(data.replace(*host, 1) if host[0] else data)
    shut_down(source)
    shut_down(sink)


def _host_line(address: Address) -> bytes:
    return f"\r\nHost: {show(address)}\r\n".encode()


def _listen() -> tuple[socket.socket, socket.socket]:
    """A listener for connections, and a socket for datagrams of the same port. Raises OSError."""
    for _ in range(TRIES):
        listener = socket.create_server((HOST, 0))
        try:
            return listener, _datagram_socket(listener.getsockname()[1])
        except OSError:
            listener.close()
    raise OSError(f"no port is free for both connections and datagrams, in {TRIES} tries")


def _datagram_socket(port: int) -> socket.socket:
    sock = socket.socket(type=socket.SOCK_DGRAM)
    try:
        sock.bind((HOST, port))
    except OSError:
        sock.close()
        raise
    return sock
