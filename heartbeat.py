"""Heartbeats: how a server tells the registries that it lives, twice a second, over UDP.

The datagrams are those of ponte/discovery/beats.py. Every beat is a full registration, so a registry that restarts empty is
whole again after one beat. It answers each: a beat that is not acked within 0.1 s is sent again, with a new sequence
number.

Threads: `Heartbeat` has one, which waits for nothing but its socket: no print, no call, no lock held across I/O.

Not guaranteed: delivery. A datagram may be lost, and so may its answer.
"""

from __future__ import annotations

import math
import random
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, Callable

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

BEAT_S = 0.5                # shorter finds the dead sooner and costs more datagrams
BEAT_JITTER = 0.1           # +- 10 %, so that servers started together do not beat together
RESEND_S = 0.1              # an unacked beat is sent again after this long
FIRST_ACK_S = 0.3           # how long a start waits to be registered, so that a client started next finds us
SILENCE_S = 1.5             # a registry that has not acked for this long is reported

Address = tuple[str, int]


# ---- the sender's decisions: pure -----------------------------------------------------------------------

class _Link:
    """One registry, as the sender sees it."""

    def __init__(self) -> None:
        self.epoch = ""
        self.next_at = -math.inf        # when to send again
        self.first_seq = 1              # an ack of this beat, or of a later one, is news
        self.acked_at: float | None = None       # None while it has never accepted a beat
        self.acked_state = ""


class BeatSchedule:
    """Which datagram goes to which registry when. Pure; not thread-safe.

    Parameters: `beat` is the template, whose seq counts up; `rng` draws the jitter.
    """

    def __init__(self, beat: Beat, registries: Sequence[Address], rng: random.Random | None = None) -> None:
        self.beat = beat
        self.superseded_by: int | None = None
        self.acks = 0
        self._rng = rng or random.Random()
        self._began_at: float | None = None
        self._links = {address: _Link() for address in registries}

    def due(self, now: float) -> list[tuple[Address, Beat]]:
        """The beats to send at `now`."""
        self._began_at = now if self._began_at is None else self._began_at
        return [(address, self._next(link, now)) for address, link in self._links.items() if link.next_at <= now]

    def next_at(self) -> float:
        """When `due` will have something again."""
        return min((link.next_at for link in self._links.values()), default=math.inf)

    def change(self, **fields: Any) -> None:
        """Changes what the beats say (such as state="draining"), and announces it at once and to all."""
        self.beat = self.beat._replace(**fields)
        for link in self._links.values():
            link.next_at, link.first_seq = -math.inf, self.beat.seq + 1

    def take(self, address: Address, answer: Answer, now: float) -> None:
        """Hears a registry's answer. Answers to other processes and to beats answered before are passed over."""
        link = self._links.get(address)
        beat = self.beat
        if link is None or (answer.instance, answer.incarnation) != (beat.instance, beat.incarnation):
            return
        if not link.first_seq <= answer.seq <= beat.seq:
            return
        if answer.type == "ack":
            self.acks += 1
            link.acked_at, link.acked_state, link.first_seq = now, beat.state, beat.seq + 1
            link.next_at = now + BEAT_S * self._rng.uniform(1 - BEAT_JITTER, 1 + BEAT_JITTER)
        elif answer.type == "epoch" and answer.epoch != link.epoch:
            link.epoch, link.next_at = answer.epoch, now
        elif answer.type == "superseded":
            self._give_way(answer.newest, link)

    def acked(self, state: str) -> bool:
        """Whether every registry that ever answered has acked `state`."""
        return all(link.acked_state == state for link in self._links.values() if link.acked_at is not None)

    def silent(self, now: float, patience_s: float) -> list[Address]:
        """The registries that have not acked a beat for `patience_s`."""
        return [address for address, link in self._links.items()
                if now - (link.acked_at or self._began_at or now) > patience_s]

    def _next(self, link: _Link, now: float) -> Beat:
        self.beat = self.beat._replace(seq=self.beat.seq + 1)
        link.next_at = now + RESEND_S
        return self.beat._replace(epoch=link.epoch)

    def _give_way(self, newest: int, link: _Link) -> None:
        """A registry knows a higher incarnation of our name.

        Where it has accepted us before, that one is younger: we are done. Where it never has, the wall clock
        was set back between two lives of ours: we take the next number and go on.
        """
        if link.acked_at is None:
            self.beat = self.beat._replace(incarnation=max(newest, self.beat.incarnation) + 1)
            link.next_at = -math.inf
        else:
            self.superseded_by = newest


def new_incarnation() -> int:
    """A number for one life of a process, higher than that of its last life: the wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


# ---- the sender's thread --------------------------------------------------------------------------------

class Heartbeat:
    """Beats for one server until closed. All methods may be called from any thread.

    Parameters: `beat` as the server wants to be seen (seq 0); `registries` to beat to, all of one address
    family; `key` signs; `on_superseded()` runs once, on the beat thread, when a younger process has the name.
    Raises ValueError if no registry would take the beat, or if a registry has no address of that family.
    """

    def __init__(self, beat: Beat, registries: Sequence[Address], key: bytes = b"",
                 on_superseded: Callable[[], None] = lambda: None) -> None:
        _check_own(beat, key)
        self._key = key
        self._on_superseded = on_superseded
        family, resolved = _resolve(registries)
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._changed = threading.Condition()
        self._schedule = BeatSchedule(beat, resolved)       # Guarded by self._changed.
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="ponte-heartbeat", daemon=True)

    @property
    def beat(self) -> Beat:
        """The latest beat; its incarnation may have changed since the start."""
        return self._schedule.beat

    @property
    def acks(self) -> int:
        """How many beats have been acked so far."""
        return self._schedule.acks

    def silent_registries(self, patience_s: float) -> list[Address]:
        """The registries that have not acked a beat for `patience_s`."""
        with self._changed:
            return self._schedule.silent(time.monotonic(), patience_s)

    def start(self, timeout_s: float = 0.0) -> None:
        """Begins to beat, and waits for the first ack of any registry, or `timeout_s`."""
        self._thread.start()
        with self._changed:
            nobody = self._schedule.next_at() == math.inf
            self._changed.wait_for(lambda: nobody or self._schedule.acks > 0, timeout_s)

    def set_idempotent(self, names: Sequence[str]) -> None:
        """Announces other names. Raises ValueError if no registry would take such a beat."""
        _check_own(self.beat._replace(idempotent=tuple(names)), self._key)
        with self._changed:
            self._schedule.change(idempotent=tuple(names))
        self._send_due()

    def announce(self, state: str, timeout_s: float) -> bool:
        """Beats `state` at once, and waits until every registry that ever answered has acked it, or `timeout_s`."""
        with self._changed:
            self._schedule.change(state=state)
        self._send_due()
        with self._changed:
            return self._changed.wait_for(lambda: self._schedule.acked(state), timeout_s)

    def close(self) -> None:
        """Stops beating; says nothing (announce "leaving" for that)."""
        self._closed = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._closed:
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
                pass        # a full buffer or no route: the same as a lost datagram, and sent again like one

    def _receive(self) -> None:
        wait_s = self._schedule.next_at() - time.monotonic()
        self._socket.settimeout(min(max(wait_s, 0.001), RESEND_S))
        try:
            datagram, address = self._socket.recvfrom(MAX_DATAGRAM_BYTES + 1)
            answer = decode_answer(datagram, self._key)
        except (OSError, BadDatagram):
            return          # nothing came, or nothing of ours; Windows reports a closed port here
        with self._changed:
            self._schedule.take(address[:2], answer, time.monotonic())
            self._changed.notify_all()


def _check_own(beat: Beat, key: bytes) -> None:
    """Raises ValueError for a beat that every registry would drop without a word."""
    try:
        decode_beat(encode_beat(beat._replace(seq=MAX_INTEGER, epoch="0" * 16, state="draining"), key), key)
    except BadDatagram as error:
        if error.reason == "address":
            raise ValueError(f"nobody can call {beat.host}:{beat.port}: say with --advertise HOST:PORT "
                             "where others reach this process") from None
        raise ValueError(f"no registry would take a beat with this {error.reason}: {beat}") from None


def _resolve(registries: Sequence[Address]) -> tuple[socket.AddressFamily, list[Address]]:
    """The registries as numeric addresses, looked up once: the beat thread must not wait for a name server."""
    family = socket.AF_UNSPEC
    resolved: list[Address] = []
    for host, port in registries:
        try:
            found = socket.getaddrinfo(host, port, family, socket.SOCK_DGRAM)[0]
        except (OSError, UnicodeError):
            raise ValueError(f"--registry: no address for {host}: name hosts that exist, and all of them by IPv4, "
                             "or all by IPv6") from None
        family = found[0]
        resolved.append((str(found[4][0]), port))
    return family or socket.AF_INET, resolved
