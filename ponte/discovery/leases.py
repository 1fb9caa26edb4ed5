"""The lease table: which servers are alive, judged by their beats. The registry's pure core.

The problem: a server that crashes cannot say so. So a server never gets a place in the list for
good: it gets a *lease*, which is over soon, and which every heartbeat renews. Half a lease without
a beat makes it *suspect*: callers ask it last. A whole lease without a beat, and it is gone.

What each beat, and each silence, makes of a lease is a table: ponte/discovery/lease_states.py.

This module has no socket, no clock and no thread. `now` is always a time in seconds.

C. Gray, D. Cheriton: "Leases: An Efficient Fault-Tolerant Mechanism for Distributed File Cache
Consistency" (1989).
"""

from __future__ import annotations

import enum
import math
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from ponte.calls.endpoint import Endpoint
from ponte.discovery.beats import LEASE_S, MAX_INTEGER, Beat
from ponte.discovery.lease_states import (
    BEAT_LEAVING,
    GONE,
    HALF_LEASE,
    LEFT,
    TRANSITIONS,
    WHOLE_LEASE,
)
from ponte.discovery.lookup import LookupResult, Tombstone

# Seconds after a start in which the table may lack servers that are alive. After one lease, all of
# them should have sent a beat.
WARMING_S = LEASE_S
# Seconds for which readers are told that an instance left. Longer than a usual lease: a reader that
# hears of the instance from another registry learns that this is old.
TOMBSTONE_S = 10.0
# Seconds for which the last sequence number of a gone instance is kept, against replayed beats.
REMEMBER_S = 3600.0
# The most leases, and likewise the most memories of gone ones: together some 200 MB.
MAX_LEASES = 200_000
# The name that stands for all services.
ALL = "*"

# Service and instance.
Key = tuple[str, str]


class Verdict(enum.Enum):
    """What became of a beat. The first three are answered, with this word; the others are not."""

    APPLIED = "ack"
    # The beat was meant for another life of this registry.
    OTHER_EPOCH = "epoch"
    # A younger process has the name.
    SUPERSEDED = "superseded"
    # This number, or a later one, has come before; or the instance has left.
    OLD = "old"
    # There is no room for another lease.
    FULL = "full"


class Event(NamedTuple):
    """A change that readers can see: `what` is an event of TRANSITIONS."""

    what: str
    endpoint: Endpoint


class _Lease:
    """What readers see of an instance, and when its lease is over."""

    # There may be MAX_LEASES of them: slots save memory.
    __slots__ = ("beaten_at", "endpoint", "is_late", "lease_s", "queue", "seq")

    # What readers see; the number and the length that the latest beat gave; the time of that beat;
    # and whether half of the lease has passed since.
    endpoint: Endpoint
    seq: int
    lease_s: float
    beaten_at: float
    is_late: bool
    # The queue in which it waits for its next silence.
    queue: OrderedDict[_Lease, None]

    def __init__(self, beat: Beat, state: str, now: float) -> None:
        self.take_over(beat, state, now)

    def take_over(self, beat: Beat, state: str, now: float) -> None:
        """Takes everything from this beat, but `state` from TRANSITIONS."""
        self.endpoint = Endpoint(beat.service, beat.instance, beat.incarnation, beat.host,
                                 beat.port, state, beat.idempotent, beat.remembers, beat.path)
        self.seq, self.lease_s, self.beaten_at, self.is_late = beat.seq, beat.lease_s, now, False

    def is_unchanged_by(self, beat: Beat) -> bool:
        """Whether nothing is new in the beat but its number."""
        known = self.endpoint
        return (beat.incarnation == known.incarnation and beat.host == known.host
                and beat.port == known.port and beat.state == known.state
                and beat.idempotent == known.idempotent and beat.remembers == known.remembers
                and beat.path == known.path and beat.lease_s == self.lease_s)


# Leases by their last beat, oldest first. One queue for each length of lease, in seconds.
_Queues = dict[float, "OrderedDict[_Lease, None]"]


class _Memory(NamedTuple):
    """What is kept of an instance without a lease; `state` is GONE or LEFT."""

    incarnation: int
    seq: int
    state: str
    gone_at: float


class LeaseTable:
    """The leases, and what readers see of them. Not thread-safe; `now` must not run backwards.

    Leases of equal length end in the order of their last beats. So they stand in a queue for each
    length: a beat moves its lease to the end, and `expire` looks at the front. Its cost grows with
    the number of changes, not with the number of leases.

    Parameters: `epoch`, the boot id of the registry, which every beat must carry; `index`, where
    the index begins.

    Attributes: `index` grows with every change of an endpoint that a reader can see, and when the
    warming ends; `events` collects the changes of endpoints, for the caller to take away.

    >>> table = LeaseTable(epoch="e1", now=0.0)
    >>> beat = Beat("greeter", "server-1", incarnation=1, seq=1, host="127.0.0.1", port=4242)
    >>> table.apply(beat, 0.0).name                     # every beat carries the registry's epoch
    'OTHER_EPOCH'
    >>> table.apply(beat._replace(epoch="e1"), 0.0).name
    'APPLIED'
    >>> for now in (0.9, 1.1, 2.1):                     # no beat comes any more
    ...     table.expire(now)
    ...     print(now, [endpoint.state for endpoint in table.lookup("greeter").endpoints])
    0.9 ['up']
    1.1 ['suspect']
    2.1 []
    """

    def __init__(self, epoch: str, now: float, index: int = 1) -> None:
        self.epoch = epoch
        self.index = index
        self.events: list[Event] = []
        # When the table stops warming; infinite once it has.
        self._warm_at = now + WARMING_S
        # Service -> instance -> lease, and how many there are.
        self._services: dict[str, dict[str, _Lease]] = {}
        self._count = 0
        # Leases that are less than half over, and those that are more.
        self._fresh: _Queues = {}
        self._late: _Queues = {}
        # Instances without a lease, in the order in which they went. Those that left in the last
        # TOMBSTONE_S seconds are also in `_tombstones`: readers are told about them.
        self._gone: OrderedDict[Key, _Memory] = OrderedDict()
        self._tombstones: OrderedDict[Key, _Memory] = OrderedDict()
        # Service -> the index of its last change. A service that is not in here last changed at
        # `_floor`, which is never 0: readers begin with 0, and must see a difference.
        self._changed_at: dict[str, int] = {}
        self._floor = index

    def __len__(self) -> int:
        return self._count

    # ---- beats

    def apply(self, beat: Beat, now: float) -> Verdict:
        """Takes an authentic beat, and returns what became of it."""
        # 1. A beat for another life of this registry may be a recording.
        if beat.epoch != self.epoch:
            return Verdict.OTHER_EPOCH
        lease = self._lease_of(beat)
        if lease is None:
            return self._admit(beat, now)
        # 2. (incarnation, seq) must grow. A lower incarnation is an elder process of that name.
        newer = beat.incarnation - lease.endpoint.incarnation
        if newer < 0:
            return Verdict.SUPERSEDED
        if newer == 0 and beat.seq <= lease.seq:
            return Verdict.OLD
        # 3. Most beats change nothing but the time.
        if not lease.is_late and lease.is_unchanged_by(beat):
            lease.seq, lease.beaten_at = beat.seq, now
            lease.queue.move_to_end(lease)
            return Verdict.APPLIED
        # 4. All others change it.
        del lease.queue[lease]
        before, (state, event) = lease.endpoint, TRANSITIONS[lease.endpoint.state, beat.state]
        lease.take_over(beat, state, now)
        if state == LEFT:
            self._remove(lease, LEFT, now)
        else:
            _enqueue(self._fresh, lease)
        if lease.endpoint != before:
            self._record_event(event, lease.endpoint)
        return Verdict.APPLIED

    def _admit(self, beat: Beat, now: float) -> Verdict:
        """Takes a beat of an instance that has no lease, but may have had one."""
        key = (beat.service, beat.instance)
        memory = self._memory_of(key)
        state = GONE
        # 1. (incarnation, seq) must grow here, too.
        if memory and beat.incarnation < memory.incarnation:
            return Verdict.SUPERSEDED
        if memory and beat.incarnation == memory.incarnation:
            if beat.seq <= memory.seq:
                return Verdict.OLD
            state = memory.state
        # 2. No beat revives an instance that left. The goodbye of an unknown one is remembered, but
        #    not for long: its earlier beats may come later.
        next_state, event = TRANSITIONS[state, beat.state]
        if next_state == LEFT:
            if beat.state != BEAT_LEAVING:
                return Verdict.OLD
            goodbye = _Memory(beat.incarnation, beat.seq, LEFT, now)
            self._remember(key, goodbye, REMEMBER_S if memory else TOMBSTONE_S)
            return Verdict.APPLIED
        # 3. A new lease, if there is room.
        if self._count >= MAX_LEASES:
            return Verdict.FULL
        lease = _Lease(beat, next_state, now)
        self._services.setdefault(beat.service, {})[beat.instance] = lease
        self._count += 1
        _enqueue(self._fresh, lease)
        self._gone.pop(key, None)
        self._tombstones.pop(key, None)
        self._record_event(event, lease.endpoint)
        return Verdict.APPLIED

    def newest(self, beat: Beat) -> int:
        """The highest incarnation known of the instance that sent `beat`."""
        lease = self._lease_of(beat)
        memory = self._memory_of((beat.service, beat.instance))
        return max(beat.incarnation, lease.endpoint.incarnation if lease else 0,
                   memory.incarnation if memory else 0)

    # ---- silence

    def expire(self, now: float) -> None:
        """Does what is due at `now`: ends the warming, and leases, and memories."""
        # 1. Every living server has beaten. All readers wake: what is not here now is gone.
        if self._warm_at <= now:
            self._warm_at = math.inf
            self.index += 1
            self._floor = self.index
        # 2. Half a lease without a beat.
        for lease in _take_due(self._fresh, 0.5, now):
            before, (state, event) = lease.endpoint, TRANSITIONS[lease.endpoint.state, HALF_LEASE]
            lease.endpoint, lease.is_late = before._replace(state=state), True
            _enqueue(self._late, lease)
            if lease.endpoint != before:
                self._record_event(event, lease.endpoint)
        # 3. A whole lease without a beat.
        for lease in _take_due(self._late, 1.0, now):
            state, event = TRANSITIONS[lease.endpoint.state, WHOLE_LEASE]
            self._remove(lease, state, now)
            self._record_event(event, lease.endpoint)
        # 4. What need not be remembered any more.
        for memories, keep_s in ((self._gone, REMEMBER_S), (self._tombstones, TOMBSTONE_S)):
            while memories and next(iter(memories.values())).gone_at < now - keep_s:
                memories.popitem(last=False)

    # ---- readers

    def lookup(self, service: str) -> LookupResult:
        """The endpoints of a service, or of all of them for ALL: a copy, which stays as it is."""
        services = list(self._services) if service == ALL else [service]
        endpoints = [lease.endpoint for name in services
                     for lease in self._services.get(name, {}).values()]
        left = [Tombstone(*key, memory.incarnation) for key, memory in self._tombstones.items()
                if service in (ALL, key[0])]
        return LookupResult(service, self.index_of(service), self.epoch,
                            self._warm_at != math.inf, endpoints, left)

    def index_of(self, service: str) -> int:
        """The index of the last change to `service`; for ALL, that of the table."""
        if service == ALL:
            return self.index
        return max(self._changed_at.get(service, 0), self._floor)

    def services(self) -> list[str]:
        """The names of the services that have a lease, sorted."""
        return sorted(self._services)

    # ---- parts of the above

    def _lease_of(self, beat: Beat) -> _Lease | None:
        """The lease of the instance that sent `beat`."""
        instances = self._services.get(beat.service)
        return instances.get(beat.instance) if instances else None

    def _remove(self, lease: _Lease, state: str, now: float) -> None:
        """Ends a lease that stands in no queue; `state` is GONE or LEFT."""
        service, instance = key = lease.endpoint[:2]
        del self._services[service][instance]
        if not self._services[service]:
            del self._services[service]
        self._count -= 1
        self._remember(key, _Memory(lease.endpoint.incarnation, lease.seq, state, now), REMEMBER_S)

    def _memory_of(self, key: Key) -> _Memory | None:
        """What is known of an instance without a lease. A tombstone is never the older memory."""
        return self._tombstones.get(key) or self._gone.get(key)

    def _remember(self, key: Key, memory: _Memory, keep_s: float) -> None:
        """Keeps what is known of a gone instance; at the bound, the oldest is forgotten."""
        # No process can go above the highest incarnation: its memory would lock the name.
        is_kept_long = keep_s == REMEMBER_S and memory.incarnation < MAX_INTEGER
        for memories, is_kept in ((self._gone, is_kept_long),
                                  (self._tombstones, memory.state == LEFT)):
            if is_kept:
                memories[key] = memory
                memories.move_to_end(key)
            if len(memories) > MAX_LEASES:
                memories.popitem(last=False)

    def _record_event(self, what: str, endpoint: Endpoint) -> None:
        """Moves the index on, for a change that readers can see."""
        self.index += 1
        if len(self._changed_at) > MAX_LEASES:
            self._changed_at.clear()
            self._floor = self.index
        self._changed_at[endpoint.service] = self.index
        self.events.append(Event(what, endpoint))


def _enqueue(queues: _Queues, lease: _Lease) -> None:
    """Puts a lease at the end of its queue; lengths are rounded up to 0.1 s, to have few queues."""
    lease.queue = queues.setdefault(math.ceil(lease.lease_s * 10) / 10, OrderedDict())
    lease.queue[lease] = None


def _take_due(queues: _Queues, share: float, now: float) -> Iterator[_Lease]:
    """Takes from the queues the leases whose last beat is more than `share` of their length ago."""
    for length_s, queue in list(queues.items()):
        while queue:
            lease = next(iter(queue))
            if lease.beaten_at >= now - length_s * share:
                break
            del queue[lease]
            yield lease
        if not queue:
            del queues[length_s]
