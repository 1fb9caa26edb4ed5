"""Heartbeats: how a server announces to the registries that it lives, twice a second, over UDP.

The problem: a server that crashes cannot say so. So silence is taken for a crash, and a server that
is alive must not be silent.

Every beat is a full registration: a registry that restarts empty knows the server after one beat.
Beats may be lost, so a registry acks each beat that it accepts. After a beat that is not acked, the
next one, with the next sequence number, follows after 0.1 s. (The datagrams:
ponte/discovery/beats.py.)

Threads: `Heartbeat` has one, which waits for its socket alone: it calls no server, holds no lock
while it sends or receives, and prints nothing but a line when its process can no longer serve.

Not guaranteed: delivery. A beat may be lost, and so may its ack.
"""

from __future__ import annotations

import logging
import math
import random
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from ponte.discovery.beats import (
    MAX_DATAGRAM_BYTES,
    MAX_INTEGER,
    Answer,
    BadDatagram,
    Beat,
    decode_answer,
    decode_beat,
    encode_beat,
)
from ponte.net.address import Address

log = logging.getLogger("ponte.heartbeat")

# Seconds between beats. Shorter allows shorter leases, and costs more datagrams.
BEAT_S = 0.5
# The share of BEAT_S by which it varies, so that servers started together do not beat together.
BEAT_JITTER = 0.1
# Seconds until a beat that was not acked is followed by the next one.
RESEND_S = 0.1
# Seconds for which a start waits for an ack: a client that is started next finds the server.
FIRST_ACK_S = 0.3
# Seconds without an ack after which a registry is reported.
SILENCE_S = 1.5


# ---- the decisions: pure

class _Link:
    """One registry, as the sender sees it."""

    def __init__(self) -> None:
        # The registry's boot id, as soon as it is known.
        self.epoch = ""
        # When the next beat is due.
        self.next_at = -math.inf
        # Answers to earlier beats are ignored: those were acked, or announced something else.
        self.awaited_seq = 1
        # When the latest ack came, and the state that it acked. None: there never was one.
        self.acked_at: float | None = None
        self.acked_state = ""


class BeatSchedule:
    """Which beat goes to which registry when. Not thread-safe; `now` is a time in seconds.

    Attributes: `beat`, what is announced, with the latest number; `acks`, how many came;
    `superseded_by`, the incarnation of a younger process with our name, if there is one.

    >>> registry = ("10.0.0.1", 4100)
    >>> schedule = BeatSchedule(Beat("greeter", "server-1", 1, 0, "10.0.0.9", 41234), [registry])
    >>> [(beat.seq, beat.epoch) for address, beat in schedule.due(now=0.0)], schedule.next_at()
    ([(1, '')], 0.1)
    >>> answer = Answer("epoch", "server-1", incarnation=1, seq=1, epoch="e1", newest=1)
    >>> schedule.hear_answer(registry, answer, now=0.01)
    >>> [(beat.seq, beat.epoch) for address, beat in schedule.due(now=0.01)]
    [(2, 'e1')]
    """

    def __init__(self, beat: Beat, registries: Sequence[Address],
                 rng: random.Random | None = None) -> None:
        self.beat = beat
        self.acks = 0
        self.superseded_by: int | None = None
        self._rng = rng or random.Random()
        self._began_at: float | None = None
        self._links = {address: _Link() for address in registries}

    def due(self, now: float) -> list[tuple[Address, Beat]]:
        """The beats to send at `now`, each with its registry."""
        if self._began_at is None:
            self._began_at = now
        beats = []
        for address, link in self._links.items():
            if link.next_at <= now:
                self.beat = self.beat._replace(seq=self.beat.seq + 1)
                link.next_at = now + RESEND_S
                beats.append((address, self.beat._replace(epoch=link.epoch)))
        return beats

    def next_at(self) -> float:
        """When the next beat is due; infinite without a registry."""
        return min((link.next_at for link in self._links.values()), default=math.inf)

    def change(self, **fields: Any) -> None:
        """Changes what the beats announce (such as state="draining"). All are due at once."""
        self.beat = self.beat._replace(**fields)
        for link in self._links.values():
            link.next_at, link.awaited_seq = -math.inf, self.beat.seq + 1

    def hear_answer(self, address: Address, answer: Answer, now: float) -> None:
        """Takes an answer that came from `address` at `now`."""
        link, beat = self._links.get(address), self.beat
        # 1. Ignore answers from elsewhere, to other processes, and to beats that are not awaited.
        if (link is None or not link.awaited_seq <= answer.seq <= beat.seq
                or answer.instance != beat.instance or answer.incarnation != beat.incarnation):
            return
        # 2. The registry has accepted the beat.
        if answer.type == "ack":
            self.acks += 1
            link.acked_at, link.acked_state, link.awaited_seq = now, beat.state, beat.seq + 1
            link.next_at = now + BEAT_S * self._rng.uniform(1 - BEAT_JITTER, 1 + BEAT_JITTER)
        # 3. The registry has (re)started: beats must carry its new epoch.
        elif answer.type == "epoch" and answer.epoch != link.epoch:
            link.epoch, link.next_at = answer.epoch, now
        # 4. The registry knows a higher incarnation of our name. If it has never accepted us, we
        #    take that for our own last life, before the wall clock was set back: go above it.
        elif answer.type == "superseded" and link.acked_at is None:
            self.beat = beat._replace(incarnation=max(answer.newest, beat.incarnation) + 1)
            link.next_at = -math.inf
        # 5. If it has accepted us before, a younger process has our name.
        elif answer.type == "superseded":
            self.superseded_by = answer.newest

    def acked(self, state: str) -> bool:
        """Whether every registry that ever acked a beat has acked `state`."""
        return all(link.acked_state == state
                   for link in self._links.values() if link.acked_at is not None)

    def silent(self, now: float, patience_s: float) -> list[Address]:
        """The registries that have not acked a beat for `patience_s`."""
        return [address for address, link in self._links.items()
                if now - (link.acked_at or self._began_at or now) > patience_s]


def new_incarnation() -> int:
    """A number for one life of a process: the wall clock in milliseconds, so it grows mostly."""
    return time.time_ns() // 1_000_000


# ---- the thread

class Heartbeat:
    """Beats for one server until closed. All methods may be called from any thread.

    Parameters: `beat`, as the server wants to be seen (seq 0); `registries` to beat to, all of one
    address family; `key` signs; `on_superseded()` runs once, on the beat thread, if a younger
    process has the name. Raises ValueError if no registry would accept the beat, or if a registry
    has no address of that family.
    """

    def __init__(self, beat: Beat, registries: Sequence[Address], key: bytes = b"",
                 on_superseded: Callable[[], None] = lambda: None,
                 is_serving: Callable[[], bool] = lambda: True) -> None:
        _check_own(beat, key)
        self._key = key
        self._on_superseded = on_superseded
        self._is_serving = is_serving
        family, resolved = _resolve(registries)
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._changed = threading.Condition()
        # Guarded by self._changed for every change; the beat thread reads it without the lock.
        self._schedule = BeatSchedule(beat, resolved)
        # Set once, read without the lock.
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="ponte-heartbeat", daemon=True)

    @property
    def beat(self) -> Beat:
        """The latest beat; its incarnation may have changed since the start."""
        return self._schedule.beat

    @property
    def acks(self) -> int:
        """How many beats have been acked."""
        return self._schedule.acks

    def silent_registries(self, patience_s: float) -> list[Address]:
        """The registries that have not acked a beat for `patience_s`."""
        with self._changed:
            return self._schedule.silent(time.monotonic(), patience_s)

    def start(self, timeout_s: float = 0.0) -> None:
        """Begins to beat, and waits for the first ack of any registry, or `timeout_s`."""
        self._thread.start()
        with self._changed:
            if self._schedule.next_at() < math.inf:
                self._changed.wait_for(lambda: self._schedule.acks > 0, timeout_s)

    def set_idempotent(self, names: Sequence[str]) -> None:
        """Announces other names. Raises ValueError if no registry would accept such a beat."""
        _check_own(self.beat._replace(idempotent=tuple(names)), self._key)
        with self._changed:
            self._schedule.change(idempotent=tuple(names))
        self._send_due()

    def announce(self, state: str, timeout_s: float) -> bool:
        """Announces `state` at once, and waits for its acks, `timeout_s` at most.

        Returns whether every registry that ever acked a beat has acked this state.
        """
        with self._changed:
            self._schedule.change(state=state)
        self._send_due()
        with self._changed:
            return self._changed.wait_for(lambda: self._schedule.acked(state), timeout_s)

    def close(self) -> None:
        """Stops beating, without a goodbye (announce "leaving" for that)."""
        self._closed = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        """The beat thread."""
        served = True
        while not self._closed:
            serves = self._is_serving()
            if served and not serves:
                log.error("%s: its engine does not answer: no beats until it does",
                          self.beat.instance)
            served = serves
            if not serves:
                time.sleep(RESEND_S)
                continue
            self._send_due()
            self._receive()
            if self._schedule.superseded_by is not None:
                self._on_superseded()
                return

    def _send_due(self) -> None:
        with self._changed:
            due = self._schedule.due(time.monotonic())
        for address, beat in due:
            try:
                self._socket.sendto(encode_beat(beat, self._key), address)
            except OSError:
                # A full buffer, or no route: the same as a lost datagram.
                pass

    def _receive(self) -> None:
        """Waits for an answer until the next beat is due, but RESEND_S at most."""
        wait_s = self._schedule.next_at() - time.monotonic()
        self._socket.settimeout(min(max(wait_s, 0.001), RESEND_S))
        try:
            datagram, address = self._socket.recvfrom(MAX_DATAGRAM_BYTES + 1)
            answer = decode_answer(datagram, self._key)
        except (OSError, BadDatagram):
            # Nothing came, or no authentic answer. Windows reports here that a port was closed.
            return
        with self._changed:
            self._schedule.hear_answer(address[:2], answer, time.monotonic())
            self._changed.notify_all()


def _check_own(beat: Beat, key: bytes) -> None:
    """Raises ValueError for a beat that every registry would drop, also when its number is long."""
    longest = beat._replace(seq=MAX_INTEGER, epoch="0" * 16, state="draining")
    try:
        decode_beat(encode_beat(longest, key), key)
    except BadDatagram as error:
        if error.reason == "address":
            raise ValueError(f"no caller can reach {beat.host}:{beat.port}: give an address that "
                             "other machines can reach, with --advertise HOST:PORT") from None
        raise ValueError(f"no registry would accept a beat with this {error.reason}: "
                         f"{beat}") from None


def _resolve(registries: Sequence[Address]) -> tuple[socket.AddressFamily, list[Address]]:
    """The registries as numeric addresses: the beat thread must not wait for a name server."""
    family = socket.AF_UNSPEC
    resolved: list[Address] = []
    for host, port in registries:
        try:
            found = socket.getaddrinfo(host, port, family, socket.SOCK_DGRAM)[0]
        except (OSError, UnicodeError):
            raise ValueError(f"--registry: no address for {host}: name hosts that exist, and all "
                             "of them by IPv4, or all by IPv6") from None
        family = found[0]
        resolved.append((str(found[4][0]), port))
    return family or socket.AF_INET, resolved
