"""Observing: a process tells a watcher on this machine what happens in it, while it happens.

The problem: a page shall show a call on its way through several processes. If the page asked each
of them now and then what has happened, a process that is killed would take its last events with it.

The idea: each event is one UDP datagram, sent where it happens. What a killed process has done was
told before. The watcher never holds a process up: a datagram that finds no room is lost. Events
have numbers, so the watcher sees that one is missing.

Wire format: one JSON object a datagram, at most MAX_EVENT_BYTES, to a loopback address.

    p   who: an instance, or "client", "registry"       i   its life: the pid
    n   1, 2, 3 ... in each life: a gap is a loss        t   seconds, see shared_clock.py
    k   what happens; the other fields depend on it      ponte/process/observed_call.py has most

Nobody watches: then a hook costs one test of a variable.

    if observe.watcher:
        observe.tell("server-1", "beat", seq=7)

Under load not every call is told: see `Watcher.take`. Threads: all of this may be used from any.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import random
import re
import socket
import threading
from typing import Any, NamedTuple

from ponte.net.address import Address, is_loopback, parse_address
from ponte.net.forking import leave_parent_in_child
from ponte.process.shared_clock import shared_s

# Bytes of an event. macOS sends no datagram that is longer than 9,216 bytes.
MAX_EVENT_BYTES = 8192
# Characters that are left of each text of an event that would be longer.
MAX_TEXT = 100
# Where every call is told: how many at once, and how many a second for longer. With more, a flood
# of calls spends its time on telling.
BURST_CALLS, CALLS_PER_S = 100.0, 50.0

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_encode = json.JSONEncoder(separators=(",", ":")).encode


def is_name(text: str) -> bool:
    """Whether a process may call itself so in its events: as instances are named."""
    return _NAME.fullmatch(text) is not None


class Life:
    """This process as its events name it: its `pid`, and `last`, the number of its latest event.

    `lock` guards the number; and who watches, until when, and the watcher's socket and sample.
    """

    def __init__(self) -> None:
        self.leave_parent()
        leave_parent_in_child(self)

    def leave_parent(self) -> None:
        """In a forked child: a life of its own, which is watched like its parent's."""
        self.pid = os.getpid()
        self.last = 0
        self.lock = threading.Lock()


class Watcher:
    """Who is told what happens here. Parameters: those of `start`."""

    def __init__(self, address: Address, every: int, name: str, ends_at: float) -> None:
        self.address = address
        self.every = every
        self.name = name
        self.ends_at = ends_at
        self._socket = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET,
                                     socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        # Guarded by life.lock: the tokens of the bucket, and when they were counted; calls of this
        # group of `every`, and which of them is told; how many were not told since the last one.
        self._tokens, self._counted_at = BURST_CALLS, shared_s()
        self._position = self._chosen = 0
        self._untold = 0

    def is_over(self) -> bool:
        """Whether its time has ended."""
        return shared_s() > self.ends_at

    def take(self) -> int | None:
        """Whether a new call is told: None if not, else how many were not told since the last one.

        Of `every` calls one is told. Where that is each of them: BURST_CALLS at once, and then
        CALLS_PER_S, so that a burst is seen, and a flood is not.
        """
        with life.lock:
            if not (self._has_token() if self.every == 1 else self._is_chosen()):
                self._untold += 1
                return None
            untold, self._untold = self._untold, 0
            return untold

    def _has_token(self) -> bool:
        now = shared_s()
        self._tokens = min(self._tokens + (now - self._counted_at) * CALLS_PER_S, BURST_CALLS)
        self._counted_at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _is_chosen(self) -> bool:
        # A random one of each group: of calls that take turns, it must not always be the same.
        if self._position == 0:
            self._chosen = random.randrange(self.every)
        is_chosen = self._position == self._chosen
        self._position = (self._position + 1) % self.every
        return is_chosen

    def send(self, event: dict[str, Any]) -> int:
        """Gives the event its number, and sends it. Never blocks, never fails."""
        with life.lock:
            event["n"] = number = life.last = life.last + 1
            data = _encode(event)
            if len(data) > MAX_EVENT_BYTES:
                data = _encode({key: value[:MAX_TEXT] if isinstance(value, str) else value
                                for key, value in event.items()})
            try:
                self._socket.sendto(data.encode(), self.address)
            except OSError:
                # No room, or closed meanwhile. The watcher misses the number.
                pass
        return number

    def close(self) -> None:
        """Nothing more is sent."""
        with life.lock:
            self._socket.close()


life = Life()
# Replaced as a whole, under life.lock. A hook reads it without: where it is None, nothing is told.
watcher: Watcher | None = None


def tell(who: str, kind: str, /, **fields: Any) -> int:
    """Tells one event of instance `who`; returns its number, 0 if nobody watches. Never blocks."""
    now, told = shared_s(), watcher
    if told is None:
        return 0
    if now > told.ends_at:
        _replace(None, told)
        return 0
    return told.send({"p": who, "i": life.pid, "n": 0, "t": now, "k": kind, **fields})


def own_name(role: str) -> str:
    """What a process that is no instance calls itself, such as "client": `role`, or its `name`."""
    told = watcher
    return told.name or role if told else role


def start(address: Address, every: int = 1, name: str = "", lease_s: float = math.inf) -> None:
    """From now on events are told to `address`, for `lease_s` seconds.

    Parameters: `every`, one call of so many is told; `name`, see `own_name`. Raises ValueError for
    an address that is not of this machine. A second call replaces what the first one said.
    """
    if not is_loopback(address[0]):
        raise ValueError(f"{address[0]} is not on this machine: events go to a loopback address, "
                         "as 127.0.0.1")
    # Nothing is looked up when an event is sent.
    host = address[0] if address[0][-1].isdigit() or ":" in address[0] else "127.0.0.1"
    ends_at = shared_s() + lease_s
    with life.lock:
        if watcher and watcher.address == (host, address[1]):
            watcher.every, watcher.name, watcher.ends_at = every, name, ends_at
            return
    _replace(Watcher((host, address[1]), every, name, ends_at))


def stop() -> None:
    """From now on nothing is told."""
    _replace(None)


def _replace(new: Watcher | None, over: Watcher | None = None) -> None:
    """Has a new watcher, or none. `over`: only if it was not renewed or replaced meanwhile."""
    global watcher
    with life.lock:
        if over and (watcher is not over or not over.is_over()):
            return
        before, watcher = watcher, new
    if before:
        before.close()


atexit.register(stop)


class Observer(NamedTuple):
    """What the option --observe says: the address of the watcher, and the name of this process."""

    address: Address
    name: str


def start_as(observer: Observer | None) -> None:
    """Starts as --observe says, for as long as the process lives; nothing where it says nothing."""
    if observer:
        start(observer.address, name=observer.name)


def parse_observer(text: str) -> Observer:
    """HOST:PORT of a watcher on this machine, or NAME@HOST:PORT. Raises ValueError.

    >>> parse_observer("127.0.0.1:5000"), parse_observer("registry-2@[::1]:5000").name
    (Observer(address=('127.0.0.1', 5000), name=''), 'registry-2')
    >>> parse_observer("10.0.0.7:5000")
    Traceback (most recent call last):
    ValueError: '10.0.0.7:5000' is not on this machine: events go to a loopback address, as \
127.0.0.1:5000
    """
    name, at, place = text.strip().rpartition("@")
    if at and not is_name(name):
        raise ValueError(f"{text!r} is not NAME@HOST:PORT: a name has up to 64 letters, digits, "
                         "'_', '-' and '.'")
    address = parse_address(place)
    if not is_loopback(address[0]):
        raise ValueError(f"{text!r} is not on this machine: events go to a loopback address, as "
                         f"127.0.0.1:{address[1]}")
    return Observer(address, name)
