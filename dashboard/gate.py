"""The gate: the one UDP port through which the laptops of a class reach the registry.

    a student's server ─ beat, signed by the class ─► gate ─ the same, signed by the lab ─► registry
                       ◄─ answer, signed by the class ─     ◄─ answer, signed by the lab ──

The problem: the registry believes every beat that has the key, and so whoever may send beats may
pose as the proxy, or take the name of another server and its calls. A class is not to be trusted so
far. So the registry stays on loopback, with a key that never leaves this machine, and the network
reaches the gate alone. The gate takes

- beats that the key of the class has signed (code.py), which changes with each class;
- for the service of the lab, and for no other;
- from names that are neither the lab's own nor another device's: the first address that took a name
  keeps it while its lease lives;
- whose announced host is the address that the datagram came from: so no calls are sent elsewhere;
- and leases of a few seconds, so that all is over soon after the class.

Everything else is dropped and counted. Only who has the key is told why (`REFUSED`), and no answer
is longer than its question. `Gatekeeper` decides, and is pure; `Gate` has the sockets.
"""

from __future__ import annotations

import contextlib
import logging
import re
import selectors
import socket
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator, Mapping
from typing import Callable, NamedTuple

from ponte.discovery.beats import (
    MAX_DATAGRAM_BYTES,
    Answer,
    BadDatagram,
    Beat,
    decode_answer,
    decode_beat,
    encode_answer,
    encode_beat,
)
from ponte.net.address import Address
from ponte.net.datagrams import LONGEST_BYTES
from ponte.net.mishaps import Mishaps

log = logging.getLogger("ponte.gate")

# The type of an answer to a beat that is refused; its epoch is the reason.
REFUSED = "refused"
# A beat of this service asks whether the gate knows the key, while no registry answers. The type of
# its answer is the same word.
KNOCK = "knock"
# Servers of the class, and servers of one address. With more, the page could not show them.
MAX_SERVERS, MAX_EACH = 100, 4
# Names that are remembered, also after their leases: so a beat that is sent again is known. Of
# more names, the one whose lease ended first is forgotten.
MAX_NAMES = 400
# The longest lease, in seconds: so long may the page show a server that has gone.
MAX_LEASE_S = 5.0
# Datagrams that one address may send: in a second, and at once. A server that is not answered
# sends ten a second.
EACH_PER_S, EACH_AT_ONCE = 40.0, 80.0
# The same for all addresses together that have no server yet. The check of a signature takes some
# 10 µs: so a flood takes two hundredths of a processor.
ALL_PER_S, ALL_AT_ONCE = 2000.0, 2000.0
# Addresses whose rates are remembered. Of more, the one that was silent for longest is forgotten.
MAX_ADDRESSES = 1000
# Beats whose answers are awaited, and for how many seconds.
MAX_AWAITED, AWAIT_S = 1000, 2.0
# Seconds between two looks at what has ended. A class ends at most as much later.
TICK_S = 0.05
# Datagrams that are taken before the other socket has its turn.
BATCH = 64
# Names that the page gives to processes of the lab, now or later.
_LABS_OWN = re.compile(r"(?:registry|server|proxy|client|page|laboratory)(?:-\d+)?", re.IGNORECASE)


class Member(NamedTuple):
    """A server of the class: its latest beat, the host that has its name, and until when (seconds).
    """

    beat: Beat
    host: str
    until: float


class Rate:
    """A bucket of tokens: `per_s` a second, `at_once` at most."""

    def __init__(self, per_s: float, at_once: float) -> None:
        self._per_s, self._most = per_s, at_once
        self._tokens, self._at = at_once, 0.0

    def take(self, now: float) -> bool:
        """Takes a token, if there is one."""
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._per_s)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Gatekeeper:
    """Decides which datagrams pass. Not thread-safe; `now` is a time in seconds that only grows.

    Parameters: the `service` of the lab; the `key` of the class; `taken()`, the names that are not
    for the class.

    Attributes: `members`, the latest MAX_NAMES servers that have come, by name; `dropped`, how many
    datagrams, by reason.
    """

    def __init__(self, service: str, key: bytes, taken: Callable[[], Collection[str]]) -> None:
        self._service, self._key, self._taken = service, key, taken
        self.members: dict[str, Member] = {}
        self.dropped: Counter[str] = Counter()
        self._all = Rate(ALL_PER_S, ALL_AT_ONCE)
        self._rates: OrderedDict[str, Rate] = OrderedDict()

    def admit(self, datagram: bytes, sender: Address, now: float) -> Beat | bytes | None:
        """A beat to pass on; or an answer to the sender, which says why not; or nothing."""
        if not self._is_in_time(sender[0], now):
            self.dropped["flood"] += 1
            return None
        try:
            beat = decode_beat(datagram, self._key)
        except BadDatagram as error:
            self.dropped[error.reason] += 1
            return None
        if beat.service == KNOCK:
            return self._answer(beat, KNOCK, "class", datagram)
        reason = next(self._objections(beat, sender[0], now), None)
        if reason:
            self.dropped[reason] += 1
            # A replay is not answered.
            return None if reason == "old" else self._answer(beat, REFUSED, reason, datagram)
        known = self.members.get(beat.instance)
        # An elder process of the same device: the registry tells it that it is superseded.
        if not known or beat.incarnation >= known.beat.incarnation or known.until <= now:
            self.members[beat.instance] = Member(beat, sender[0], now + beat.lease_s)
            if len(self.members) > MAX_NAMES:
                del self.members[min(self.members, key=lambda name: self.members[name].until)]
        return beat

    def _answer(self, beat: Beat, what: str, why: str, datagram: bytes) -> bytes | None:
        """An answer of our own, if it is no longer than its question."""
        answer = encode_answer(Answer(what, beat.instance, beat.incarnation, beat.seq, why,
                                      beat.incarnation), self._key)
        return answer if len(answer) <= len(datagram) else None

    def live(self, now: float) -> dict[str, Member]:
        """The servers whose leases live, and that have not left."""
        return {name: member for name, member in self.members.items()
                if member.until > now and member.beat.state != "leaving"}

    def _is_in_time(self, host: str, now: float) -> bool:
        rate = self._rates.setdefault(host, Rate(EACH_PER_S, EACH_AT_ONCE))
        self._rates.move_to_end(host)
        if len(self._rates) > MAX_ADDRESSES:
            self._rates.popitem(last=False)
        if not rate.take(now):
            return False
        # A flood of strangers does not keep out those that are in.
        return any(member.host == host and member.until > now
                   for member in self.members.values()) or self._all.take(now)

    def _objections(self, beat: Beat, host: str, now: float) -> Iterator[str]:
        """Why an authentic beat is refused: the reasons, of which the first one counts."""
        known = self.members.get(beat.instance)
        is_kept = known is not None and known.until > now
        if beat.service != self._service:
            yield "service"
        if beat.host != host:
            yield "host"
        if beat.lease_s > MAX_LEASE_S:
            yield "lease"
        if _LABS_OWN.fullmatch(beat.instance):
            yield "name"
        if known and known.host == host and known.beat.incarnation == beat.incarnation \
                and beat.seq <= known.beat.seq:
            yield "old"
        if known and is_kept and known.host != host:
            yield "taken"
        if not is_kept and self._is_full(host, now):
            yield "full"
        if not is_kept and beat.instance in self._taken():
            yield "taken"

    def _is_full(self, host: str, now: float) -> bool:
        """Whether no more servers can come, or no more of this host."""
        live = self.live(now)
        return (len(live) >= MAX_SERVERS
                or sum(member.host == host for member in live.values()) >= MAX_EACH)


class _Awaited(NamedTuple):
    """A beat whose answer is awaited: its sender, how long its datagram was, and since when."""

    sender: Address
    length: int
    at: float


class Gate:
    """Passes beats on, and answers back, until closed. Its methods may be called from any thread.

    Parameters: `sock`, a UDP socket that listens, which it will close; `keeper`; `key` of the
    class, and `lab_key` (b"" where the lab has none); `registry()`, its address now, or None;
    `on_change(members)` is called on its thread when servers have come or gone.
    """

    def __init__(self, sock: socket.socket, keeper: Gatekeeper, *, key: bytes, lab_key: bytes,
                 registry: Callable[[], Address | None],
                 on_change: Callable[[Mapping[str, Member]], None]) -> None:
        self._outside, self._keeper = sock, keeper
        self._key, self._lab_key, self._registry = key, lab_key, registry
        self._on_change = on_change
        self._inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._inside.bind(("127.0.0.1", 0))
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
                self._inside.sendto(encode_beat(beat, self._lab_key), registry)

    def _await(self, beat: Beat, awaited: _Awaited) -> None:
        self._awaited[beat.instance, beat.incarnation, beat.seq] = awaited
        while len(self._awaited) > MAX_AWAITED or \
                next(iter(self._awaited.values())).at < awaited.at - AWAIT_S:
            self._awaited.popitem(last=False)

    def _answer(self, datagram: bytes, sender: Address) -> None:
        """Passes an answer of the registry back to the server that it is for."""
        try:
            answer = decode_answer(datagram, self._lab_key)
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
