"""Heartbeats: how a server announces to the registries that it lives, twice a second, over UDP.

The problem: a server that crashes cannot say so. So silence is taken for a crash, and a server that
is alive must not be silent.

Every beat is a full registration: a registry that restarts empty knows the server after one beat.
Beats may be lost, so a registry acks each beat that it accepts. After a beat that is not acked, the
next one, with the next sequence number, follows after 0.1 s. (The datagrams:
ponte/discovery/beats.py. Where a registry is, and whether it answers: ponte/discovery/link.py.)

Threads: `Heartbeat` has one, which waits for its sockets alone: it calls no server, looks up no
name, holds no lock while it sends or receives, and logs only what should not happen.

Not guaranteed: delivery. A beat may be lost, and so may its ack.
"""

from __future__ import annotations

import functools
import logging
import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from ponte.discovery.beats import (
    MAX_DATAGRAM_BYTES,
    MAX_INTEGER,
    Answer,
    BadDatagram,
    Beat,
    decode_answer,
    encode_beat,
)
from ponte.discovery.incarnations import highest_incarnation, new_incarnation
from ponte.discovery.link import SILENCE_S, Link, Sending
from ponte.discovery.own_beat import check_beat_times, check_own
from ponte.discovery.patient_clock import PatientClock
from ponte.discovery.reachable import leads_to_loopback
from ponte.discovery.signing import Keys, keys_of
from ponte.net.address import Address, is_loopback, show
from ponte.net.datagrams import Datagrams
from ponte.net.forking import leave_parent_in_child
from ponte.net.mishaps import Mishaps
from ponte.net.names import Place, begin_look_up
from ponte.process import observe

__all__ = ["BEAT_JITTER", "BEAT_S", "ELSEWHERE", "FIRST_ACK_S", "LOCKED", "RESEND_S", "SILENCE_S",
           "YOUNGER", "BeatSchedule", "Heartbeat", "check_beat_times", "new_incarnation"]

log = logging.getLogger("ponte.heartbeat")

# Seconds between beats. Shorter allows shorter leases, and costs more datagrams.
BEAT_S = 0.5
# The share of a beat by which it varies, so that servers started together do not beat together.
BEAT_JITTER = 0.1
# Seconds until a beat that was not acked is followed by the next one; half a beat at most.
RESEND_S = 0.1
# Seconds for which a start waits for an ack: a client that is started next finds the server.
FIRST_ACK_S = 0.3

# Why a registry does not take our beats.
YOUNGER = "it knows a younger process of this name"
ELSEWHERE = ("it is on another machine, which cannot call this one at a loopback address: start "
             "with --host 0.0.0.0, or with --advertise HOST")
LOCKED = f"{YOUNGER}, and no incarnation can be higher"


# ---- the decisions: pure

class BeatSchedule:
    """Which beat goes to which registry when. Not thread-safe; `now` is a time in seconds.

    Attributes: `beat`, what is announced, with the latest number; `links` to the registries;
    `acks`, how many came; `superseded_by`, the incarnation of a younger process with our name.

    >>> schedule = BeatSchedule(Beat("greeter", "server-1", 1, 0, "10.0.0.9", 41234),
    ...                         [("10.0.0.1", 4100)])
    >>> [(sent.beat.seq, sent.beat.epoch) for sent in schedule.due(now=0.0)], schedule.next_at()
    ([(1, '')], 0.1)
    >>> answer = Answer("epoch", "server-1", incarnation=1, seq=1, epoch="e1", newest=1)
    >>> schedule.hear_answer(answer, now=0.01)
    >>> [(sent.beat.seq, sent.beat.epoch) for sent in schedule.due(now=0.01)]
    [(2, 'e1')]
    """

    def __init__(self, beat: Beat, registries: Sequence[Address], rng: random.Random | None = None,
                 beat_s: float = BEAT_S, present: Callable[[], int] | None = None) -> None:
        self.beat = beat
        self.links = {address: Link(address, beat_s) for address in registries}
        self.acks = 0
        self.superseded_by: int | None = None
        self._rng = rng or random.Random()
        self._beat_s, self._resend_s = beat_s, min(RESEND_S, beat_s / 2)
        # No process that has started before now has a higher incarnation than this.
        self._present = present or highest_incarnation

    def due(self, now: float) -> list[Sending]:
        """The beats to send at `now`. Each datagram has a number of its own."""
        sendings = []
        for link in self.links.values():
            if link.next_at <= now:
                link.next_at = now + self._resend_s
                sendings += link.send(self.beat, now)
                if sendings:
                    self.beat = self.beat._replace(seq=sendings[-1].beat.seq)
        return sendings

    def next_at(self) -> float:
        """When the next beat is due; infinite without a registry."""
        return min((link.next_at for link in self.links.values()), default=math.inf)

    def change(self, **fields: Any) -> None:
        """Changes what the beats announce (such as state="draining"). All are due at once."""
        self.beat = self.beat._replace(**fields)
        for link in self.links.values():
            link.next_at = -math.inf
            link.await_none()

    def hear_answer(self, answer: Answer, now: float) -> None:
        """Takes an answer that came at `now`. What it says counts, not where it comes from."""
        # 1. Ignore answers to other processes, and to beats that are not awaited.
        link = next((link for link in self.links.values() if link.awaited(answer.seq)), None)
        sent = link and link.awaited(answer.seq)
        if not link or not sent or answer[1:3] != (self.beat.instance, self.beat.incarnation):
            return
        # 2. The registry has (re)started: beats must carry its new epoch.
        if answer.type == "epoch" and answer.epoch != sent.beat.epoch:
            if link.hear_epoch(sent, answer.epoch):
                link.hurry(now, self._resend_s)
        # 3. It has accepted the beat, which carried its epoch.
        elif answer.type == "ack" and answer.epoch == sent.beat.epoch:
            self.acks += 1
            link.hear_ack(sent, now)
            link.next_at = now + self._beat_s * self._rng.uniform(1 - BEAT_JITTER, 1 + BEAT_JITTER)
        # 4. It knows a higher incarnation of our name.
        elif (answer.type == "superseded" and answer.epoch == sent.beat.epoch
              and answer.newest > self.beat.incarnation):
            self._meet_higher(link, answer.newest, now)

    def _meet_higher(self, link: Link, newest: int, now: float) -> None:
        """Gives way to a younger process; but goes above our own last life."""
        link.refusal = YOUNGER
        # 1. Once any registry has accepted us, a higher incarnation is that of a younger process.
        #    If none has, it may be our own last life, before the wall clock was set back: then it
        #    lies in the future. If it does not, we are the elder, and were cut off until now.
        if self.acks or newest <= self._present():
            self.superseded_by = newest
        # 2. Go above it.
        elif newest < MAX_INTEGER:
            self.beat = self.beat._replace(incarnation=newest + 1)
            link.hurry(now, self._resend_s)
        # 3. Nobody can. The registry forgets it soon.
        else:
            link.refusal, link.next_at = LOCKED, now + self._beat_s

    def acked(self, state: str) -> bool:
        """Whether every registry that ever acked a beat has acked `state`."""
        return all(link.acked_state in ("", state) for link in self.links.values())


# ---- the thread

# Of the beats that a registry does not answer, a watcher is told one of so many: two a second. Of
# a registry that never has acked one, only the first.
TOLD_IN_VAIN = 5


class Heartbeat:
    """Beats for one server until closed. All methods may be called from any thread.

    Parameters: `beat`, as the server wants to be seen (seq 0), with the length of its lease;
    `registries` to beat to, whose names are looked up later, on other threads; of the keys, the
    first one signs, and all are accepted; `on_superseded()` runs once, on the beat thread, if a
    younger process has the name; no beat goes out while `is_serving()` is false; `beat_s`, seconds
    between beats. Raises ValueError if no registry would accept the beat, or if the lease is too
    short for `beat_s`.
    """

    def __init__(self, beat: Beat, registries: Sequence[Address], key: Keys = b"",
                 on_superseded: Callable[[], None] = lambda: None,
                 is_serving: Callable[[], bool] = lambda: True, *, beat_s: float = BEAT_S) -> None:
        self._keys = keys_of(key)
        check_own(beat, self._keys[0])
        check_beat_times(beat_s, beat.lease_s)
        self._on_superseded = on_superseded
        self._is_serving = is_serving
        self._mishaps = Mishaps(log, f"{beat.instance}: a turn of the beat thread")
        self._changed = threading.Condition()
        # Guarded by self._changed. The time of the schedule is that of the clock, which stands
        # still while this process does: the silence of that time is not the registries' own.
        self._schedule = BeatSchedule(beat, registries, beat_s=beat_s)
        self._clock = PatientClock(time.monotonic())
        # Whether it served at the last look. Written by the beat thread alone.
        self._serves = True
        # Set once, read without the lock.
        self._closed = False
        self._datagrams = Datagrams()
        self._thread = threading.Thread(target=self._run, name="ponte-heartbeat", daemon=True)
        leave_parent_in_child(self)

    @property
    def beat(self) -> Beat:
        """The latest beat; its incarnation may have changed since the start."""
        return self._schedule.beat

    @property
    def acks(self) -> int:
        """How many beats have been acked."""
        return self._schedule.acks

    def silent_registries(self, patience_s: float = SILENCE_S) -> list[Address]:
        """The registries that have not acked a beat for `patience_s`, and for some beats.

        Time in which this process was stopped, or sent no beats, does not count.
        """
        with self._changed:
            return [address for address, link in self._schedule.links.items()
                    if link.is_silent(self._clock.time, patience_s)]

    def refusals(self) -> dict[Address, str]:
        """Why registries do not take our beats, where that is known, such as YOUNGER."""
        with self._changed:
            return {address: link.refusal for address, link in self._schedule.links.items()
                    if link.refusal}

    def start(self, timeout_s: float = 0.0) -> None:
        """Begins to beat, and waits for the first ack of any registry, or `timeout_s`."""
        self._thread.start()
        with self._changed:
            if self._schedule.links:
                self._changed.wait_for(lambda: self._schedule.acks > 0, timeout_s)

    def set_idempotent(self, names: Sequence[str]) -> None:
        """Announces other names. Raises ValueError if no registry would accept such a beat."""
        check_own(self.beat._replace(idempotent=tuple(names)), self._keys[0])
        with self._changed:
            self._schedule.change(idempotent=tuple(names))
        self._send_due()

    def announce(self, state: str, timeout_s: float) -> bool:
        """Announces `state` at once, and waits for its acks, `timeout_s` at most.

        Returns whether every registry that ever acked a beat has acked this state. A process that
        is superseded announces nothing: the name is not its own any more.
        """
        with self._changed:
            if self._closed or self._schedule.superseded_by is not None:
                return False
            self._schedule.change(state=state)
        self._send_due()
        with self._changed:
            return self._changed.wait_for(lambda: self._schedule.acked(state), timeout_s)

    def close(self) -> None:
        """Stops beating, without a goodbye (announce "leaving" for that). Also more than once."""
        self._closed = True
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()
        self._datagrams.close()

    def leave_parent(self) -> None:
        """In a forked child: is closed. The parent goes on to beat."""
        self._closed = True
        self._changed = threading.Condition()
        self._datagrams.close()

    def _run(self) -> None:
        """The beat thread. Nothing that comes from the network ends it."""
        while not self._closed and self._schedule.superseded_by is None:
            try:
                self._take_turn()
            except Exception as error:
                self._mishaps.survive(error)
        try:
            if not self._closed:
                self._on_superseded()
        except Exception as error:
            self._mishaps.note(error)

    def _take_turn(self) -> None:
        """Sends what is due, and waits for answers."""
        served, self._serves = self._serves, self._is_serving()
        if served and not self._serves:
            log.error("%s: its engine does not answer: no beats until it does", self.beat.instance)
        if not self._serves:
            time.sleep(RESEND_S)
            return
        self._look_up_names()
        self._send_due()
        self._receive()

    def _now(self) -> float:
        """The patient time. Caller holds self._changed."""
        before, lateness = self._clock.time, self._clock.lateness
        now = self._clock.read(time.monotonic())
        if self._clock.lateness > lateness:
            # This process was stopped. Its leases may be over, and no registry is to blame.
            for link in self._schedule.links.values():
                link.excuse(before, now)
        return now

    def _look_up_names(self) -> None:
        """Begins the look-ups that are due. Their results come on other threads."""
        with self._changed:
            now = self._now()
            due = [address for address, link in self._schedule.links.items()
                   if link.needs_look_up(now)]
        for address in due:
            begin_look_up(address).add_done_callback(
                functools.partial(self._hear_places, address))

    def _hear_places(self, address: Address, found: Future[list[Place]]) -> None:
        """Runs on the thread of the look-up."""
        with self._changed:
            link = self._schedule.links[address]
            if found.exception():
                link.hear_no_place(f"{address[0]} has no address now")
            # At the start, the name had none: else that would have been refused.
            elif is_loopback(self.beat.host) and not leads_to_loopback(found.result()):
                link.hear_no_place(ELSEWHERE)
            else:
                link.hear_places(found.result())
        if self._serves and not self._closed:
            self._send_due()

    def _send_due(self) -> None:
        with self._changed:
            due = self._schedule.due(self._now())
        for sending in due:
            key, beat = self._keys[sending.turn % len(self._keys)], sending.beat
            if observe.watcher and self._is_news(sending):
                observe.tell(beat.instance, "beat", seq=beat.seq, state=beat.state,
                             to=show(sending.registry))
            try:
                self._datagrams.send(encode_beat(beat, key), sending.place)
            except OSError:
                # A full buffer, or no route: the same as a lost datagram.
                pass

    def _is_news(self, sending: Sending) -> bool:
        """Whether a watcher is told of a beat: not of all that are sent to a silent registry."""
        has_acked = self._schedule.links[sending.registry].acked_state
        return sending.in_vain % TOLD_IN_VAIN == 0 if has_acked else sending.in_vain == 0

    def _receive(self) -> None:
        """Waits for answers until the next beat is due, but RESEND_S at most."""
        with self._changed:
            wait_s = self._schedule.next_at() - self._now()
        for datagram in self._datagrams.receive(min(max(wait_s, 0.001), RESEND_S),
                                                MAX_DATAGRAM_BYTES + 1):
            try:
                answer = decode_answer(datagram, self._keys)
            except BadDatagram:
                continue
            if observe.watcher:
                observe.tell(answer.instance, "acked", seq=answer.seq, verdict=answer.type)
            with self._changed:
                self._schedule.hear_answer(answer, self._now())
                self._changed.notify_all()
