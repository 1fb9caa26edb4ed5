"""Which datagrams of a class the gate lets pass, and why no others. Pure: without sockets.

The problem: the registry believes every beat that reaches it. So whoever may send beats may pose as
the proxy, or take the name of another server and its calls. A class is not to be trusted so far.
What passes are

- beats that the key of the class has signed (code.py), which changes with each class;
- for the service of the lab, and for no other;
- from names that are neither the lab's own nor another device's: the first address that took a name
  keeps it while its lease lives;
- whose announced host is the address that the datagram came from: so no calls are sent elsewhere;
- and leases of a few seconds, so that all is over soon after the class.

Everything else is dropped and counted. Only who has the key is told why (`REFUSED`), and no answer
is longer than its question.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator
from typing import Callable, NamedTuple

from ponte.discovery.beats import (
    Answer,
    BadDatagram,
    Beat,
    decode_beat,
    encode_answer,
)
from ponte.net.address import Address

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
