"""The student's table inside Ponte's own registry: a server crashes, starts again at another port,
a late beat comes, and then it crashes for good. Real datagrams, and a real reader.

    python3 -m course.lessons.leases.real FILE
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from types import ModuleType
from typing import Any, NamedTuple
from unittest import mock
from xmlrpc.client import ServerProxy

from course.lessons.leases.world import Beat as TheirBeat
from course.theirs import Asked, Theirs, must_have
from course.worker import load
from ponte.calls.endpoint import Endpoint
from ponte.discovery.beats import Beat, decode_answer, encode_beat
from ponte.discovery.leases import ALL, Event, Verdict
from ponte.discovery.lookup import LookupResult
from ponte.process.characters import write_any
from registry import Registry

# Seconds: the lease of the server, one third of it between beats, and how long we look for the end.
LEASE_S, BEAT_S, LOOK_S = 0.6, 0.2, 1.8
# Seconds that an answer of the registry may take.
ANSWER_S = 2.0
# Of the first life, and the next number of the second one; twice the student's personal number is
# added. Nobody listens there: no call is made.
PORT = 4242

# One server as a table knows it: service and instance.
Key = tuple[str, str]


class Kept:
    """Stands where registry.py has a LeaseTable, and asks the student's one.

    What the lesson leaves out stays Ponte's: epochs, and the index that wakes readers. A draining
    server counts as up, none is suspect, and readers are told of no tombstones.
    """

    def __init__(self, solution: ModuleType, asked: Asked, epoch: str, index: int) -> None:
        self.epoch, self.index = epoch, index
        self._ask = asked.ask
        self.events: list[Event] = []
        self._theirs = must_have(solution, "Table")()
        must_have(self._theirs, "beat", "beat", "now")
        must_have(self._theirs, "expire", "now")
        must_have(self._theirs, "lookup", "now")
        self._verdicts = {solution.ACK: Verdict.APPLIED, solution.OLD: Verdict.OLD,
                          solution.SUPERSEDED: Verdict.SUPERSEDED}
        # What was beaten, by name and port; and the highest incarnation, by name.
        self._beaten: dict[tuple[str, int], Endpoint] = {}
        self._newest: dict[str, int] = {}
        # What readers see, by name.
        self._listed: dict[str, Endpoint] = {}

    def __len__(self) -> int:
        return len(self._listed)

    def apply(self, beat: Beat, now: float) -> Verdict:
        if beat.epoch != self.epoch:
            return Verdict.OTHER_EPOCH
        name = f"{beat.service}/{beat.instance}"
        self._beaten[name, beat.port] = Endpoint(
            beat.service, beat.instance, beat.incarnation, beat.host, beat.port, "up",
            beat.idempotent, beat.remembers, beat.path)
        self._newest[name] = max(self.newest(beat), beat.incarnation)
        their_beat = TheirBeat(name, beat.incarnation, beat.seq, beat.port, beat.lease_s,
                               beat.state == "leaving")
        verdict: Verdict = self._ask(self._verdict, their_beat, now)
        self._look(now)
        return verdict

    def _verdict(self, beat: TheirBeat, now: float) -> Verdict:
        said = self._theirs.beat(beat, now)
        if not isinstance(said, str) or said not in self._verdicts:
            raise Theirs(f"beat returned {said!r:.60}")
        return self._verdicts[said]

    def newest(self, beat: Beat) -> int:
        return self._newest.get(f"{beat.service}/{beat.instance}", 0)

    def expire(self, now: float) -> None:
        self._ask(self._theirs.expire, now)
        self._look(now)

    def _look(self, now: float) -> None:
        """Asks their table, and notes what is new to readers."""
        found = self._ask(lambda: dict(self._theirs.lookup(now)))
        listed = {name: self._beaten[name, port] for name, port in found.items()
                  if isinstance(port, int) and (name, port) in self._beaten}
        for name in {**self._listed, **listed}:
            before, after = self._listed.get(name), listed.get(name)
            shown = after or before
            if shown and before != after:
                self.index += 1
                what = "expired" if after is None else "changed" if before else "up"
                self.events.append(Event(what, shown))
        self._listed = listed

    def lookup(self, service: str) -> LookupResult:
        endpoints = [each for each in self._listed.values() if service in (ALL, each.service)]
        return LookupResult(service, self.index, self.epoch, False, endpoints, [])

    def index_of(self, service: str) -> int:
        return self.index

    def services(self) -> list[str]:
        return sorted({each.service for each in self._listed.values()})


class Seen(NamedTuple):
    """What readers of the registry saw: the port of the server after it had started again, and
    after a late beat of its old life (0: it was not listed); for how many seconds it was listed
    after its last beat; whether it was still listed when we ceased to look; and how long its
    lease is.
    """

    restarted_port: int
    late_port: int
    took_s: float
    still_listed: bool
    old_port: int
    new_port: int
    lease_s: float = LEASE_S


def see(solution: ModuleType, personal: int = 0) -> Seen:
    """A server's two lives, with a student's table in the registry."""
    old_port, new_port = PORT + 2 * personal, PORT + 2 * personal + 1
    asked = Asked()
    with asked.told(), _kept_by(solution, asked), Registry(port=0) as registry, \
            closing(_Sender(registry.address, old_port)) as sender, \
            _reader(registry.address) as port:
        # 1. The first life, which crashes. Its last beat is on its way for long.
        for seq in (1, 2):
            sender.send(incarnation=1, seq=seq, port=old_port)
            time.sleep(BEAT_S)
        # 2. The second life.
        sender.send(incarnation=2, seq=1, port=new_port)
        restarted_port = port()
        time.sleep(BEAT_S)
        sender.send(incarnation=2, seq=2, port=new_port)
        last_beat_at = time.perf_counter()
        # 3. The late beat comes. The second life has crashed, too.
        sender.send(incarnation=1, seq=3, port=old_port)
        late_port = port()
        while port() and time.perf_counter() < last_beat_at + LOOK_S:
            time.sleep(0.01)
        took_s = time.perf_counter() - last_beat_at
        return Seen(restarted_port, late_port, took_s, port() != 0, old_port, new_port)


def is_right(seen: Mapping[str, Any]) -> bool:
    """Whether the new port stood, and the dead server went after its lease, and not before."""
    return (seen["restarted_port"] == seen["late_port"] == seen["new_port"]
            and not seen["still_listed"] and seen["took_s"] >= LEASE_S / 2)


@contextmanager
def _kept_by(solution: ModuleType, asked: Asked) -> Iterator[None]:
    """Makes the tables of registries those of a student."""
    def make(epoch: str, now: float, index: int = 1) -> Kept:
        kept: Kept = asked.ask(Kept, solution, asked, epoch, index)
        return kept

    # The one place of the registry where a table is made.
    with mock.patch("registry.LeaseTable", make):
        yield


class _Sender:
    """Sends beats of a bank, as a server does; each is answered, or has been taken."""

    def __init__(self, registry: tuple[str, int], port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(ANSWER_S)
        self._socket.connect(registry)
        self._epoch = "unknown"
        # The first answer tells which life of the registry this is.
        self._epoch = self._ask(self._beat(1, 1, port))

    def send(self, incarnation: int, seq: int, port: int) -> None:
        """Sends a beat, and waits until the registry has taken it."""
        self._socket.send(encode_beat(self._beat(incarnation, seq, port)))
        # A beat that is old gets no answer. One of no known epoch does: it comes after the other.
        self._ask(self._beat(incarnation, seq, port)._replace(epoch="unknown"))

    def close(self) -> None:
        self._socket.close()

    def _beat(self, incarnation: int, seq: int, port: int) -> Beat:
        return Beat("bank", "bank-1", incarnation, seq, "127.0.0.1", port, lease_s=LEASE_S,
                    epoch=self._epoch)

    def _ask(self, beat: Beat) -> str:
        """Sends a beat of no known epoch; returns the epoch in its answer."""
        self._socket.send(encode_beat(beat))
        while True:
            answer = decode_answer(self._socket.recv(2048))
            if answer.type == "epoch":
                return answer.epoch


@contextmanager
def _reader(registry: tuple[str, int]) -> Iterator[Callable[[], int]]:
    """Looks the bank up over XML-RPC, as anybody can; gives its port, or 0."""
    host, number = registry
    with ServerProxy(f"http://{host}:{number}/registry") as proxy:
        def port() -> int:
            found: Any = proxy.lookup("bank")
            return next((each["port"] for each in found["endpoints"]), 0)
        yield port


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    print(*see(load(sys.argv[1])))
