"""The lease table: who is alive, as far as heartbeats tell. The registry's pure core, without socket or clock.

A lease goes through these states; every change that a reader can see is an `Event` and moves the index on:

    (no lease) --beat--> up --half a lease without a beat--> suspect --the other half--> expired: gone
    up --beat "draining"--> draining --beat "leaving"--> left: gone, with a tombstone
    suspect --beat--> up

An instance that expired may come back with its next sequence number (it was only cut off, or frozen). One that
left stays gone: its tombstone beats every datagram of the same or a lower incarnation that is still on its way.

C. Gray, D. Cheriton: "Leases: An Efficient Fault-Tolerant Mechanism for Distributed File Cache Consistency" (1989).
"""

from __future__ import annotations

import enum
import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from transport.beats import LEASE_S, Beat

WARMING_S = LEASE_S         # after a start the table may lack servers that live: one lease, and all have beaten
TOMBSTONE_S = 10.0          # how long readers are told that an instance left: longer than any lease they may hold
REMEMBER_S = 3600.0         # how long the last sequence of a gone instance is kept, against replayed beats
MAX_LEASES = 200_000        # leases, and likewise memories of gone ones: bounds memory to some 200 MB
MAX_STEP_S = 0.25           # a longer silence of our own clock is our lateness, not that of the servers
ALL = "*"
READER_STATES = ("up", "suspect", "draining")

Key = Tuple[str, str]       # service, instance


class Endpoint(NamedTuple):
    """A server or proxy as readers see it; `state` is "up", "suspect" or "draining"."""

    service: str
    instance: str
    incarnation: int
    host: str
    port: int
    state: str
    idempotent: Tuple[str, ...]

    @property
    def address(self) -> Tuple[str, int]:
        return self.host, self.port

    def to_struct(self) -> Dict[str, Any]:
        """For XML-RPC, whose integers have 32 bits: the incarnation goes as a string."""
        return {**self._asdict(), "incarnation": str(self.incarnation), "idempotent": list(self.idempotent)}

    @classmethod
    def from_struct(cls, struct: Dict[str, Any]) -> Endpoint:
        """The reverse of `to_struct`; raises KeyError, TypeError or ValueError for anything else."""
        endpoint = cls(str(struct["service"]), str(struct["instance"]), int(struct["incarnation"]),
                       str(struct["host"]), struct["port"], str(struct["state"]), tuple(map(str, struct["idempotent"])))
        if endpoint.state not in READER_STATES or endpoint.port not in range(1, 65536):
            raise ValueError(f"not an endpoint: {struct}")
        return endpoint


class Tombstone(NamedTuple):
    """An instance that said goodbye, and the incarnation that did."""

    service: str
    instance: str
    incarnation: int


@dataclass(frozen=True)
class Seen:
    """The answer to a reader of a service, as of one moment."""

    service: str
    index: int
    epoch: str
    warming: bool
    endpoints: List[Endpoint]
    left: List[Tombstone]

    def to_struct(self) -> Dict[str, Any]:
        """For XML-RPC, with the endpoints sorted."""
        return {"index": self.index, "epoch": self.epoch, "warming": self.warming,
                "endpoints": [endpoint.to_struct() for endpoint in sorted(self.endpoints)],
                "left": [{**tomb._asdict(), "incarnation": str(tomb.incarnation)} for tomb in self.left]}


class Verdict(enum.Enum):
    """What became of a beat."""

    APPLIED = "ack"
    OTHER_EPOCH = "epoch"
    SUPERSEDED = "superseded"
    OLD = "old"             # a sequence that was there before: dropped
    FULL = "full"           # no room for another lease: dropped


class Event(NamedTuple):
    """A change that readers can see: `what` is up, back, suspect, expired, draining, left or changed."""

    what: str
    endpoint: Endpoint


class _Lease:
    """What readers see of an instance, when its latest beat came, and the queue in which it waits to expire."""

    __slots__ = ("endpoint", "seq", "lease_s", "beaten_at", "suspect", "queue")     # there may be 100,000 of them

    endpoint: Endpoint
    queue: OrderedDict[_Lease, None]

    def __init__(self, beat: Beat, now: float) -> None:
        self.take(beat, now)

    def take(self, beat: Beat, now: float) -> None:
        """Everything anew, as this beat has it."""
        self.endpoint = Endpoint(*beat[:3], beat.host, beat.port, beat.state, beat.idempotent)
        self.seq, self.lease_s, self.beaten_at, self.suspect = beat.seq, beat.lease_s, now, False

    def says(self, beat: Beat) -> bool:
        """Whether the beat has nothing new but its seq."""
        seen = self.endpoint
        return (beat.incarnation == seen.incarnation and beat.host == seen.host and beat.port == seen.port
                and beat.state == seen.state and beat.idempotent == seen.idempotent and beat.lease_s == self.lease_s)


class _Memory(NamedTuple):
    """What is kept of an instance that has gone. `left`: it said so itself, and stays gone (a tombstone)."""

    incarnation: int
    seq: int
    left: bool
    gone_at: float


class LeaseTable:
    """The leases and who may see them. Pure; not thread-safe. `now` must not run backwards.

    Leases of equal length expire in the order of their last beats, so that they stand in a queue for each
    length: a beat moves its lease to the end, and expiry looks at the heads alone. It costs what expires,
    not what lives.
    """

    def __init__(self, epoch: str, now: float, index: int = 1) -> None:
        self.epoch = epoch
        self.index = index              # grows with every change that a reader can see
        self.events: List[Event] = []   # for the caller to take away
        self._warm_at = now + WARMING_S
        self._services: Dict[str, Dict[str, _Lease]] = {}
        self._changed_at: Dict[str, int] = {}           # service -> index of its last change
        self._floor = index                             # of the others; not 0, with which readers begin
        self._fresh: Dict[float, OrderedDict[_Lease, None]] = {}        # length -> queue
        self._suspect: Dict[float, OrderedDict[_Lease, None]] = {}
        self._gone: OrderedDict[Key, _Memory] = OrderedDict()           # in the order of going
        self._tombstones: OrderedDict[Key, _Memory] = OrderedDict()     # those of them that left just now
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def apply(self, beat: Beat, now: float) -> Verdict:
        """Takes an authentic beat."""
        if beat.epoch != self.epoch:
            return Verdict.OTHER_EPOCH
        lease = self._lease(beat)
        if lease is None:
            return self._admit(beat, now)
        newer = beat.incarnation - lease.endpoint.incarnation
        if newer < 0:
            return Verdict.SUPERSEDED
        if newer == 0 and beat.seq <= lease.seq:
            return Verdict.OLD
        if beat.state == "leaving":
            self._leave(lease, beat, now)
        elif lease.suspect or not lease.says(beat):
            self._change(lease, beat, now)
        else:
            lease.seq, lease.beaten_at = beat.seq, now
            lease.queue.move_to_end(lease)
        return Verdict.APPLIED

    def newest(self, beat: Beat) -> int:
        """The highest incarnation known of the instance that sent `beat`."""
        lease = self._lease(beat)
        gone = self._gone.get((beat.service, beat.instance))
        return max(beat.incarnation, lease.endpoint.incarnation if lease else 0, gone.incarnation if gone else 0)

    def expire(self, now: float) -> None:
        """Makes leases suspect, and then gone, whose time has come."""
        if self._warm_at <= now:
            self._warm_at = math.inf
            self.index += 1
            self._floor = self.index    # wakes all readers who wait: now they may forget what they knew
        for length_s, queue in list(self._fresh.items()):
            for lease in _take_older(queue, now - length_s / 2):
                lease.suspect = True
                if lease.endpoint.state == "up":
                    lease.endpoint = lease.endpoint._replace(state="suspect")
                _enqueue(self._suspect, lease)
                self._note("suspect", lease)
            if not queue:
                del self._fresh[length_s]
        for length_s, queue in list(self._suspect.items()):
            for lease in _take_older(queue, now - length_s):
                self._remove(lease, now, left=False)
                self._note("expired", lease)
            if not queue:
                del self._suspect[length_s]
        for memories, keep_s in ((self._gone, REMEMBER_S), (self._tombstones, TOMBSTONE_S)):
            while memories and next(iter(memories.values())).gone_at < now - keep_s:
                memories.popitem(last=False)

    def lookup(self, service: str) -> Seen:
        """The answer to a reader: quick, since nobody beats meanwhile, and true for ever, since it is a copy."""
        services = list(self._services) if service == ALL else [service]
        endpoints = [lease.endpoint for name in services for lease in self._services.get(name, {}).values()]
        left = [Tombstone(*key, memory.incarnation) for key, memory in self._tombstones.items()
                if service in (ALL, key[0])]
        return Seen(service, self.index_of(service), self.epoch, self._warm_at != math.inf, endpoints, left)

    def index_of(self, service: str) -> int:
        """The index of the last change to `service`; for "*", that of the table."""
        return self.index if service == ALL else max(self._changed_at.get(service, 0), self._floor)

    def services(self) -> List[str]:
        return sorted(self._services)

    def _lease(self, beat: Beat) -> Optional[_Lease]:
        """The lease of the instance that sent `beat`."""
        instances = self._services.get(beat.service)
        return instances.get(beat.instance) if instances else None

    def _admit(self, beat: Beat, now: float) -> Verdict:
        """Takes a beat of an instance that has no lease, but perhaps had one."""
        key = (beat.service, beat.instance)
        gone = self._gone.get(key)
        if gone:
            if beat.incarnation < gone.incarnation:
                return Verdict.SUPERSEDED
            stays_gone = gone.left and beat.state != "leaving"
            if beat.incarnation == gone.incarnation and (beat.seq <= gone.seq or stays_gone):
                return Verdict.OLD
        if beat.state == "leaving":
            self._remember(key, _Memory(beat.incarnation, beat.seq, True, now))
        elif self._count >= MAX_LEASES:
            return Verdict.FULL
        else:
            self._add(key, beat, now)
        return Verdict.APPLIED

    def _add(self, key: Key, beat: Beat, now: float) -> None:
        lease = _Lease(beat, now)
        self._services.setdefault(beat.service, {})[beat.instance] = lease
        _enqueue(self._fresh, lease)
        self._gone.pop(key, None)
        self._tombstones.pop(key, None)
        self._count += 1
        self._note(beat.state, lease)

    def _change(self, lease: _Lease, beat: Beat, now: float) -> None:
        before = lease.endpoint
        del lease.queue[lease]
        lease.take(beat, now)
        _enqueue(self._fresh, lease)
        if lease.endpoint != before:
            self._note("back" if before.state == "suspect" else "draining" if beat.state == "draining" else "changed",
                       lease)

    def _leave(self, lease: _Lease, beat: Beat, now: float) -> None:
        lease.endpoint, lease.seq = lease.endpoint._replace(incarnation=beat.incarnation), beat.seq
        del lease.queue[lease]
        self._remove(lease, now, left=True)
        self._note("left", lease)

    def _remove(self, lease: _Lease, now: float, left: bool) -> None:
        service, instance = key = lease.endpoint[:2]
        del self._services[service][instance]
        if not self._services[service]:
            del self._services[service]
        self._count -= 1
        self._remember(key, _Memory(lease.endpoint.incarnation, lease.seq, left, now))

    def _remember(self, key: Key, memory: _Memory) -> None:
        for memories in (self._gone, self._tombstones) if memory.left else (self._gone,):
            memories[key] = memory
            memories.move_to_end(key)
            if len(memories) > MAX_LEASES:
                memories.popitem(last=False)

    def _note(self, what: str, lease: _Lease) -> None:
        self.index += 1
        if len(self._changed_at) > MAX_LEASES:
            self._changed_at.clear()
            self._floor = self.index
        self._changed_at[lease.endpoint.service] = self.index
        self.events.append(Event(what, lease.endpoint))


def _enqueue(queues: Dict[float, OrderedDict[_Lease, None]], lease: _Lease) -> None:
    """Puts a lease at the end of its queue: there is one for each whole tenth of a second, so that there are few."""
    lease.queue = queues.setdefault(math.ceil(lease.lease_s * 10) / 10, OrderedDict())
    lease.queue[lease] = None


def _take_older(queue: OrderedDict[_Lease, None], beaten_before: float) -> Iterator[_Lease]:
    """Takes the leases off the head of `queue` whose last beat came before that time."""
    while queue:
        lease = next(iter(queue))
        if lease.beaten_at >= beaten_before:
            return
        del queue[lease]
        yield lease


class PatientClock:
    """A clock that stands still while its own process was stopped, so that nobody expires for our lateness.

    Read it at least every MAX_STEP_S: any longer step is taken for a pause of ours and counts as MAX_STEP_S.
    """

    def __init__(self, now: float) -> None:
        self.time = 0.0
        self.lateness = 0.0         # seconds passed over so far
        self._last = now

    def read(self, now: float) -> float:
        """The patient time at the monotonic time `now`."""
        step = now - self._last
        self._last = now
        self.lateness += max(step - MAX_STEP_S, 0.0)
        self.time += min(step, MAX_STEP_S)
        return self.time
