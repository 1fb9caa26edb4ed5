"""The gate: the one UDP port through which the laptops of a class reach the registry.

    a student's server ─ beat, signed by the class ─► gate ─ the same beat, unsigned ─► registry
                       ◄─ answer, signed by the class ─     ◄─ its answer ──

The registry of the laboratory listens on loopback alone, and needs no key there. The network
reaches the gate, which takes what its gatekeeper lets pass (gatekeeper.py).
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Callable, NamedTuple

from dashboard.gatekeeper import Gatekeeper, Member
from ponte.discovery.beats import (
    MAX_DATAGRAM_BYTES,
    BadDatagram,
    Beat,
    decode_answer,
    encode_answer,
    encode_beat,
)
from ponte.net.address import Address
from ponte.net.datagrams import LONGEST_BYTES
from ponte.net.mishaps import Mishaps

log = logging.getLogger("ponte.gate")

# Beats whose answers are awaited, and for how many seconds.
MAX_AWAITED, AWAIT_S = 1000, 2.0
# Seconds between two looks at what has ended. A class ends at most as much later.
TICK_S = 0.05
# Datagrams that are taken before the other socket has its turn.
BATCH = 64


class _Awaited(NamedTuple):
    """A beat whose answer is awaited: its sender, how long its datagram was, and since when."""

    sender: Address
    length: int
    at: float


class Gate:
    """Passes beats on, and answers back, until closed. Its methods may be called from any thread.

    Parameters: `sock`, a UDP socket that listens, which it will close; `keeper`; `key` of the
    class; `registry()`, its address now, or None; `on_change(members)` is called on its thread when
    servers have come or gone. Raises OSError if it gets no socket towards the registry; `sock` is
    the caller's then.
    """

    def __init__(self, sock: socket.socket, keeper: Gatekeeper, *, key: bytes,
                 registry: Callable[[], Address | None],
                 on_change: Callable[[Mapping[str, Member]], None]) -> None:
        self._outside, self._keeper = sock, keeper
        self._key, self._registry = key, registry
        self._on_change = on_change
        self._inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._inside.bind(("127.0.0.1", 0))
        except OSError:
            self._inside.close()
            raise
        for each in (self._outside, self._inside):
            each.setblocking(False)
        # The thread's own: the beats that the registry has not answered yet; the host of each
        # server that it has acked; and what `on_change` was last told of each.
        self._awaited: OrderedDict[tuple[str, int, int], _Awaited] = OrderedDict()
        self._acked: dict[str, str] = {}
        self._told: dict[str, tuple[str, str, int]] = {}
        self._mishaps = Mishaps(log, "a turn of the gate")
        # Set once, read without a lock.
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="ponte-gate", daemon=True)

    @property
    def dropped(self) -> dict[str, int]:
        """What was dropped, by reason."""
        return dict(self._keeper.dropped)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Closes the port. The servers of the class leave the registry at once."""
        self._closed = True
        if self._thread.is_alive():
            self._thread.join()
        for member in self._keeper.live(time.monotonic()).values():
            self._pass_on(member.beat._replace(seq=member.beat.seq + 1, state="leaving"))
        self._outside.close()
        self._inside.close()
        self._on_change({})

    def _run(self) -> None:
        """Nothing that comes from the network ends it."""
        with selectors.DefaultSelector() as ready:
            ready.register(self._outside, selectors.EVENT_READ)
            ready.register(self._inside, selectors.EVENT_READ)
            while not self._closed:
                ready.select(TICK_S)
                try:
                    self._take_turn(time.monotonic())
                except Exception as error:
                    self._mishaps.survive(error)

    def _take_turn(self, now: float) -> None:
        for datagram, sender in _receive(self._outside):
            passed = self._keeper.admit(datagram, sender, now)
            if isinstance(passed, bytes):
                self._send_outside(passed, sender)
            elif passed:
                self._await(passed, _Awaited(sender, len(datagram), now))
                self._pass_on(passed)
        for datagram, sender in _receive(self._inside):
            self._answer(datagram, sender)
        self._look(now)

    def _pass_on(self, beat: Beat) -> None:
        registry = self._registry()
        # OSError: there is no registry now. The server beats again.
        with contextlib.suppress(OSError):
            if registry:
                self._inside.sendto(encode_beat(beat), registry)

    def _await(self, beat: Beat, awaited: _Awaited) -> None:
        self._awaited[beat.instance, beat.incarnation, beat.seq] = awaited
        while len(self._awaited) > MAX_AWAITED or \
                next(iter(self._awaited.values())).at < awaited.at - AWAIT_S:
            self._awaited.popitem(last=False)

    def _answer(self, datagram: bytes, sender: Address) -> None:
        """Passes an answer of the registry back to the server that it is for."""
        try:
            answer = decode_answer(datagram)
        except BadDatagram:
            self._keeper.dropped["answer"] += 1
            return
        awaited = self._awaited.pop((answer.instance, answer.incarnation, answer.seq), None)
        if awaited is None or sender != self._registry():
            self._keeper.dropped["answer"] += 1
            return
        if answer.type == "ack":
            self._acked[answer.instance] = awaited.sender[0]
        reply = encode_answer(answer, self._key)
        if len(reply) <= awaited.length:
            self._send_outside(reply, awaited.sender)

    def _send_outside(self, datagram: bytes, sender: Address) -> None:
        # OSError: a full buffer, or no route. The same as a lost datagram.
        with contextlib.suppress(OSError):
            self._outside.sendto(datagram, sender)

    def _look(self, now: float) -> None:
        """Tells which servers are there, if they are others than before."""
        members = {name: member for name, member in self._keeper.live(now).items()
                   if self._acked.get(name) == member.host}
        told = {name: (member.beat.state, member.host, member.beat.port)
                for name, member in members.items()}
        if told != self._told:
            self._told = told
            self._acked = {name: self._acked[name] for name in members}
            self._on_change(members)


def _receive(sock: socket.socket) -> list[tuple[bytes, Address]]:
    """The datagrams that are there, BATCH at most, each cut where no beat is as long."""
    found: list[tuple[bytes, Address]] = []
    # No more are there. On Windows, also: an earlier datagram found a closed port.
    with contextlib.suppress(OSError):
        while len(found) < BATCH:
            datagram, sender = sock.recvfrom(LONGEST_BYTES)
            found.append((datagram[:MAX_DATAGRAM_BYTES + 1], sender[:2]))
    return found
