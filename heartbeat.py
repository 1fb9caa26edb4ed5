"""Heartbeats: how a server tells the registries that it lives, twice a second, over UDP.

Wire format: one datagram of at most 1,200 bytes, readable in `tcpdump -A`: a line with the hex HMAC-SHA256 of
the rest (an empty line where no key is set), then one line of JSON:

    {"v": 1, "type": "beat", "service": "greeter", "instance": "server-1", "incarnation": 1700000000000,
     "seq": 7, "host": "127.0.0.1", "port": 41234, "state": "up", "lease_s": 2.0, "idempotent": ["hello"],
     "epoch": "9f86d081"}

Every beat is a full registration, so a registry that restarts empty is whole again after one beat. It answers
with an "ack"; with an "epoch" when the beat carries another boot id than its own (a recording from before a
restart is worthless); or with "superseded" when a younger process beats under the same name.

Threads: `Heartbeat` has one, which waits for nothing but its socket: no print, no call, no lock held across I/O.

Not guaranteed: delivery. A beat that is not acked within 0.1 s is sent again, with a new sequence number.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import ipaddress
import json
import math
import random
import re
import socket
import threading
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

BEAT_S = 0.5                # shorter finds the dead sooner and costs more datagrams
BEAT_JITTER = 0.1           # +- 10 %, so that servers started together do not beat together
RESEND_S = 0.1              # an unacked beat is sent again after this long
LEASE_S = 2.0               # a server is gone after this long without a beat: four beats may be lost
LEASE_RANGE_S = (0.1, 60.0)
FIRST_ACK_S = 0.3           # how long a start waits to be registered, so that a client started next finds us
SILENCE_S = 1.5             # a registry that has not acked for this long is reported
MAX_DATAGRAM_BYTES = 1200   # fits any path's MTU, so that no beat is ever fragmented
MAX_NAME = 64
MAX_KNOWN = 200_000         # lines that a reader remembers, at some 500 bytes each
MAX_INTEGER = 2 ** 53       # what every JSON reader can hold exactly

Address = Tuple[str, int]
STATES = ("up", "draining", "leaving")

_quoted = json.encoder.encode_basestring_ascii
_DIGITS = re.compile(rb"[1-9][0-9]{0,15}")      # as JSON writes a number: no sign, no zero in front
_NAME = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{MAX_NAME - 1}}}")
_METHOD = re.compile(rf"\w[\w.]{{0,{MAX_NAME - 1}}}")        # any identifier, also one like "saudação"
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_:-]{1,63}(?:\.[A-Za-z0-9_:-]{1,63})*\.?")       # labels: RFC 1035
_NUMERIC = re.compile(r"(?:^|\.)(?:0[xX][0-9A-Fa-f]*|[0-9]+)\.?$")     # to a resolver "0" and "0x0" are 0.0.0.0


# ---- messages -------------------------------------------------------------------------------------------

class Beat(NamedTuple):
    """What a server says of itself. `(incarnation, seq)` grows with every beat."""

    service: str
    instance: str
    incarnation: int
    seq: int
    host: str
    port: int
    state: str = "up"
    lease_s: float = LEASE_S
    idempotent: Tuple[str, ...] = ()
    epoch: str = ""


class Answer(NamedTuple):
    """What a registry says to a beat: `type` is "ack", "epoch" or "superseded".

    `incarnation` and `seq` are those of the beat; `newest` is the highest incarnation that the registry knows.
    """

    type: str
    instance: str
    incarnation: int
    seq: int
    epoch: str
    newest: int


class BadDatagram(ValueError):
    """A datagram to drop; `reason` is a short word for the counter."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def encode_beat(beat: Beat, key: bytes = b"") -> bytes:
    """The datagram of a beat. Raises ValueError if it does not fit into one."""
    datagram = _seal({"type": "beat", **beat._asdict()}, key)
    if len(datagram) > MAX_DATAGRAM_BYTES:
        raise ValueError(f"{beat.service}: its beat takes {len(datagram)} bytes, {MAX_DATAGRAM_BYTES} at most: "
                         "give fewer or shorter names to the idempotent functions")
    return datagram


def encode_answer(answer: Answer, key: bytes = b"") -> bytes:
    """The datagram of an answer. Written out: it is made for every beat, and json.dumps takes three times as long."""
    line = (f'{{"v":1,"type":{_quoted(answer.type)},"instance":{_quoted(answer.instance)},'
            f'"incarnation":{answer.incarnation},"seq":{answer.seq},'
            f'"epoch":{_quoted(answer.epoch)},"newest":{answer.newest}}}').encode()
    return _signature(line, key) + b"\n" + line


def decode_beat(datagram: bytes, key: bytes = b"") -> Beat:
    """The beat in a datagram; raises BadDatagram for everything that is not an authentic, valid beat."""
    return _beat_of(_open(datagram, key))


def _beat_of(line: bytes) -> Beat:
    fields = _fields_of(line)
    if fields.pop("type") != "beat" or set(fields) != set(Beat._fields):
        raise BadDatagram("fields")
    names = fields["idempotent"]
    if not isinstance(names, list):
        raise BadDatagram("types")
    beat = Beat(**{**fields, "idempotent": tuple(names)})
    _check_beat(beat)
    return beat


def decode_answer(datagram: bytes, key: bytes = b"") -> Answer:
    """The answer in a datagram; raises BadDatagram for everything that is not an authentic answer."""
    fields = _fields_of(_open(datagram, key))
    if set(fields) != set(Answer._fields):
        raise BadDatagram("fields")
    answer = Answer(**fields)
    for text in (answer.type, answer.instance, answer.epoch):
        if not isinstance(text, str) or len(text) > MAX_NAME:
            raise BadDatagram("types")
    for number in (answer.incarnation, answer.seq, answer.newest):
        if not _is_count(number):
            raise BadDatagram("number")
    return answer


def check_name(name: str) -> str:
    """`name` itself if it can name a service or an instance; raises ValueError otherwise."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be a name: take up to {MAX_NAME} letters, digits, '_', '-' and '.'")
    return name


def _seal(fields: Dict[str, Any], key: bytes) -> bytes:
    line = _line_of(fields)
    return _signature(line, key) + b"\n" + line


def _line_of(fields: Dict[str, Any]) -> bytes:
    return json.dumps({"v": 1, **fields}, separators=(",", ":")).encode()


def _signature(line: bytes, key: bytes) -> bytes:
    if not key:
        return b""
    signature = _keyed(key).copy()      # the key is hashed once, not for every datagram
    signature.update(line)
    return signature.hexdigest().encode()


@functools.lru_cache(maxsize=8)
def _keyed(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod=hashlib.sha256)


def _open(datagram: bytes, key: bytes) -> bytes:
    """The line of an authentic datagram. RFC 2104 for the signature."""
    if len(datagram) > MAX_DATAGRAM_BYTES:
        raise BadDatagram("too long")
    signature, _, line = datagram.partition(b"\n")
    if not hmac.compare_digest(signature, _signature(line, key)):
        raise BadDatagram("signature")
    return line


def _fields_of(line: bytes) -> Dict[str, Any]:
    """The JSON object of a line, without its version."""
    try:
        fields = json.loads(line.decode("utf-8"))       # bytes could be UTF-16 to it
    except (ValueError, RecursionError):
        raise BadDatagram("not JSON") from None
    if not isinstance(fields, dict) or "type" not in fields:
        raise BadDatagram("fields")
    version = fields.pop("v", None)
    if type(version) is not int or version != 1:        # True equals 1, too
        raise BadDatagram("version")
    return fields


def _check_beat(beat: Beat) -> None:
    for name in (beat.service, beat.instance):
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise BadDatagram("name")
    for name in beat.idempotent:
        if not isinstance(name, str) or not _METHOD.fullmatch(name):
            raise BadDatagram("method")
    for number in (beat.incarnation, beat.seq, beat.port):
        if not _is_count(number):
            raise BadDatagram("number")
    if beat.port > 65535 or not _is_host(beat.host):
        raise BadDatagram("address")
    if beat.state not in STATES or not isinstance(beat.epoch, str):
        raise BadDatagram("state")
    if type(beat.lease_s) not in (int, float) or not LEASE_RANGE_S[0] <= beat.lease_s <= LEASE_RANGE_S[1]:
        raise BadDatagram("lease")      # NaN fails both comparisons


def _is_count(number: object) -> bool:
    return type(number) is int and 0 < number <= MAX_INTEGER


def _is_host(host: object) -> bool:
    """Whether calls can be sent there: a name, or an address that is neither a wildcard nor multicast."""
    if not isinstance(host, str) or not _HOST.fullmatch(host):
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return not _NUMERIC.search(host)
    address = getattr(address, "ipv4_mapped", None) or address
    return not (address.is_unspecified or address.is_multicast)


class BeatReader:
    """Reads the beats of many senders: each as `decode_beat` does, and most of them sooner. For one thread.

    Most beats have nothing new but their number. Such a line equals one that was parsed and checked before, up to
    the digits after "seq": so it means the same beat with that number, and only the number is checked.
    """

    def __init__(self, key: bytes = b"") -> None:
        self._key = key
        self._known: Dict[bytes, Beat] = {}     # a line without those digits -> its beat
        self._aging: Dict[bytes, Beat] = {}     # the same, not read since the last `age`
        self._words: Dict[Any, Any] = {}        # what many senders say, such as the epoch: each is kept once

    def read(self, datagram: bytes) -> Beat:
        """The beat in a datagram; raises BadDatagram as `decode_beat` does."""
        line = _open(datagram, self._key)
        head, seq, rest = line.partition(b'"seq":')
        digits, _, tail = rest.partition(b",")
        said = head + seq + tail
        known = self._known.get(said) or self._aging.get(said)
        if known and _DIGITS.fullmatch(digits) and int(digits) <= MAX_INTEGER:
            beat = known._replace(seq=int(digits))
        else:
            beat = self._shared(_beat_of(line))
            if line != _line_of({"type": "beat", **beat._asdict()}):
                return beat     # not as we write it: what stands after the first "seq": need not be its number
        if len(self._known) < MAX_KNOWN:
            self._known[said] = beat
        return beat

    def age(self) -> None:
        """Forgets the lines that were not read since the last call."""
        self._known, self._aging, self._words = {}, self._known, {}

    def _shared(self, beat: Beat) -> Beat:
        if len(self._words) >= MAX_KNOWN:
            self._words.clear()
        once = self._words.setdefault
        return beat._replace(service=once(beat.service, beat.service), host=once(beat.host, beat.host),
                             state=once(beat.state, beat.state), epoch=once(beat.epoch, beat.epoch),
                             idempotent=once(beat.idempotent, beat.idempotent))


# ---- the sender's decisions: pure -----------------------------------------------------------------------

class _Link:
    """One registry, as the sender sees it."""

    def __init__(self) -> None:
        self.epoch = ""
        self.next_at = -math.inf        # when to send again
        self.first_seq = 1              # an ack of this beat, or of a later one, is news
        self.acked_at: Optional[float] = None       # None while it has never accepted a beat
        self.acked_state = ""


class BeatSchedule:
    """Which datagram goes to which registry when. Pure; not thread-safe.

    Parameters: `beat` is the template, whose seq counts up; `rng` draws the jitter.
    """

    def __init__(self, beat: Beat, registries: Sequence[Address], rng: Optional[random.Random] = None) -> None:
        self.beat = beat
        self.superseded_by: Optional[int] = None
        self.acks = 0
        self._rng = rng or random.Random()
        self._began_at: Optional[float] = None
        self._links = {address: _Link() for address in registries}

    def due(self, now: float) -> List[Tuple[Address, Beat]]:
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

    def silent(self, now: float, patience_s: float) -> List[Address]:
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

    def silent_registries(self, patience_s: float) -> List[Address]:
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


def _resolve(registries: Sequence[Address]) -> Tuple[socket.AddressFamily, List[Address]]:
    """The registries as numeric addresses, looked up once: the beat thread must not wait for a name server."""
    family = socket.AF_UNSPEC
    resolved: List[Address] = []
    for host, port in registries:
        try:
            found = socket.getaddrinfo(host, port, family, socket.SOCK_DGRAM)[0]
        except (OSError, UnicodeError):
            raise ValueError(f"--registry: no address for {host}: name hosts that exist, and all of them by IPv4, "
                             "or all by IPv6") from None
        family = found[0]
        resolved.append((str(found[4][0]), port))
    return family or socket.AF_INET, resolved
