"""The registry: who is alive, kept as leases that heartbeats refresh.

Beats come over UDP (ponte/discovery/beats.py); readers ask over XML-RPC at POST /registry, on the same port number:

    lookup(service)                  the endpoints of a service; "*" is all services
    watch(service, index, wait_s)    the same, as soon as its index differs from `index`, or after `wait_s`
                                     (a long poll, like Consul's blocking queries)
    services()                       the names of the services that have an endpoint
    snapshot()                       everything, for people

State is soft: a registry that restarts empty is whole again within a beat, and says `warming` for one lease, while
readers keep what they knew. Registries do not talk to each other: servers beat to all of them, readers take the union.

The leases themselves, and their states, are in ponte/discovery/leases.py; the readers' side is ponte/discovery/directory.py.

Threads: one for beats and expiry, one for each connection. The beat thread never waits for a reader.

Not guaranteed: that an endpoint in the list is alive now. It was, at most a lease ago.
"""

from __future__ import annotations

import logging
import secrets
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Callable
from xmlrpc.client import Fault

from ponte.discovery.beat_reader import BeatReader
from ponte.discovery.beats import (
    MAX_DATAGRAM_BYTES,
    MAX_NAME,
    Answer,
    BadDatagram,
    Beat,
    encode_answer,
)
from ponte.discovery.directory import PATH
from ponte.discovery.leases import ALL, Event, LeaseTable, Verdict
from ponte.discovery.lookup import LookupResult
from ponte.discovery.patient_clock import PatientClock
from ponte.net.address import Address, show
from ponte.net.message import Reply, Request, text_reply
from ponte.net.tls import Tls
from ponte.net.wire import Listener, listen
from ponte.process.keys import key_for_listening, make_key
from ponte.process.options import PYTHON, chosen_tls, options, port_error
from ponte.process.pages import Json, page
from ponte.process.running import begin, run
from ponte.rpc.dispatcher import Dispatcher
from ponte.rpc.marshal import CONTENT_TYPE, INVALID_PARAMETERS, encode_result, xml_of

log = logging.getLogger("ponte.registry")

DEFAULT_PORT = 4100
TICK_S = 0.05               # how late an expiry may be noticed
KEPT_REPLIES = 100          # services whose view is kept as XML; each takes some 700 bytes for an endpoint
BATCH = 64                  # beats under one lock: more waits less for it, and keeps answers waiting longer
AGE_S = 60.0                # a sender that is silent for so long is read as if it were new
RECEIVE_BUFFER_BYTES = 1024 * 1024          # some 1,600 beats; if more could wait, they would be sent again meanwhile
MAX_WAIT_S = 30.0           # the longest long poll
ANSWERED = (Verdict.APPLIED.value, Verdict.OTHER_EPOCH.value, Verdict.SUPERSEDED.value)


# ---- the registry ---------------------------------------------------------------------------------------

class Registry:
    """Takes beats and answers readers. `start` and `close` are for one thread; a `with` block calls both.

    Parameters: `host` and `port` (0 = any) for UDP and TCP alike; `key` must have signed the beats; `tls` for readers.
    Raises OSError if the port is taken.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = DEFAULT_PORT, *, key: bytes = b"",
                 tls: Tls | None = None) -> None:
        self._key = key
        self._reader = BeatReader(key)                      # used by the beat thread alone
        self._dispatcher = Dispatcher([self.lookup, self.watch, self.services, self.snapshot], _Replies().encode)
        self._listener, self._socket = _listen_on_both(host, port, self._handle, tls)
        self.address = self._listener.address
        self._clock = PatientClock(time.monotonic())        # read by the beat thread alone
        self._changed = threading.Condition()
        # Guarded by self._changed. It begins at any index: a reader must not mistake it for that of an earlier life.
        self._table = LeaseTable(secrets.token_hex(8), 0.0, index=1 + secrets.randbelow(2 ** 24))
        self._closed = False
        self._counts: Counter[str] = Counter()              # written by the beat thread alone
        self._thread = threading.Thread(target=self._take_beats, name="ponte-beats", daemon=True)

    def __enter__(self) -> Registry:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        self._thread.start()
        self._listener.start()

    def close(self) -> None:
        """Stops at once: all state is soft, there is nothing to save."""
        self._closed = True
        with self._changed:
            self._changed.notify_all()      # long polls end
        if self._thread.is_alive():
            self._thread.join()
        self._listener.close(grace_s=0.5)
        self._socket.close()

    # What readers call, each on the thread of its connection.

    def lookup(self, service: str) -> LookupResult:
        """The endpoints of a service, "*" for all: index, epoch, warming, endpoints, and left (tombstones)."""
        _expect_service(service)
        with self._changed:
            return self._table.lookup(service)

    def watch(self, service: str, index: int, wait_s: float) -> LookupResult:
        """The same as lookup, as soon as the index is another than `index`, or after `wait_s` (30 s at most)."""
        _expect_service(service)
        _expect(type(index) is int, "index must be an integer")
        _expect(type(wait_s) in (int, float) and 0 <= wait_s <= MAX_WAIT_S, f"wait_s must be within 0 and {MAX_WAIT_S}")
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._table.index_of(service) != index, wait_s)
            return self._table.lookup(service)

    def services(self) -> list[str]:
        """The names of the services that have an endpoint."""
        with self._changed:
            return self._table.services()

    def snapshot(self) -> LookupResult:
        """Everything, for people: lookup("*")."""
        return self.lookup(ALL)

    # Beats and expiry: the beat thread.

    def _take_beats(self) -> None:
        ticked_at = aged_at = 0.0
        with selectors.DefaultSelector() as ready:
            ready.register(self._socket, selectors.EVENT_READ)
            while not self._closed:
                ready.select(TICK_S)
                datagrams = self._receive()
                now = self._clock.read(time.monotonic())
                self._take(datagrams, now)
                if now - ticked_at >= TICK_S:
                    ticked_at = now
                    self._expire(now)
                if now - aged_at >= AGE_S:
                    aged_at = now
                    self._reader.age()

    def _receive(self) -> list[tuple[bytes, Address]]:
        """The datagrams that are there, BATCH at most."""
        datagrams: list[tuple[bytes, Address]] = []
        try:
            while len(datagrams) < BATCH:
                datagrams.append(self._socket.recvfrom(MAX_DATAGRAM_BYTES + 1))
        except OSError:         # no more are there; Windows also reports here that an earlier answer was not taken
            pass
        return datagrams

    def _take(self, datagrams: list[tuple[bytes, Address]], now: float) -> None:
        beats = []
        for datagram, sender in datagrams:
            try:
                beats.append((self._reader.read(datagram), len(datagram), sender))
            except BadDatagram as error:
                self._counts[error.reason] += 1
        with self._changed:
            answers = [self._apply(beat, now) for beat, _, _ in beats]
            events = self._take_events()
        _tell(events)
        for answer, (_, most, sender) in zip(answers, beats):
            self._counts[answer.type] += 1
            if answer.type in ANSWERED:
                self._answer(encode_answer(answer, self._key), most, sender)

    def _apply(self, beat: Beat, now: float) -> Answer:
        """What the table says to a beat. Caller holds self._changed."""
        verdict = self._table.apply(beat, now)
        newest = self._table.newest(beat) if verdict is Verdict.SUPERSEDED else beat.incarnation
        return Answer(verdict.value, beat.instance, beat.incarnation, beat.seq, self._table.epoch, newest)

    def _answer(self, answer: bytes, most: int, sender: Address) -> None:
        if len(answer) > most:      # never more bytes than came: nobody can use us to amplify a flood
            self._counts["too short to answer"] += 1
            return
        try:
            self._socket.sendto(answer, sender)
        except OSError:
            self._counts["answer not sent"] += 1

    def _expire(self, now: float) -> None:
        with self._changed:
            index = self._table.index
            self._table.expire(now)
            if self._table.index != index:
                self._changed.notify_all()
            events = self._take_events()
        _tell(events)

    def _take_events(self) -> list[Event]:
        """The table's events since the last time; wakes the readers if there are any. Caller holds self._changed."""
        events, self._table.events = self._table.events, []
        if events:
            self._changed.notify_all()
        return events

    # Requests: the threads of the listener.

    def _handle(self, request: Request, received_at: float) -> Reply:
        found = page(request, "registry", self.status)
        if found:
            return found
        if request.target != PATH:
            return text_reply(404, f"nothing here: POST {PATH}, or GET /health, /status, /metrics")
        if request.method != "POST":
            return text_reply(405, f"{PATH} takes XML-RPC by POST", Allow="POST")
        return Reply(200, {"Content-Type": CONTENT_TYPE}, self._dispatcher.dispatch(xml_of(request)))

    def status(self) -> dict[str, Json]:
        """What /status shows: the table, and the datagrams by what became of them."""
        with self._changed:
            seen = self._table.lookup(ALL)
        endpoints: list[Json] = [endpoint.to_struct() for endpoint in sorted(seen.endpoints)]
        return {"epoch": seen.epoch, "index": seen.index, "leases": len(self._table),
                "connections": self._listener.connections, "lateness_s": round(self._clock.lateness, 3),
                "datagrams": dict(self._counts), "endpoints": endpoints}


class _Replies:
    """What readers are told, as XML. A view is kept until it changes: all who watch it wake together for the same."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}       # Guarded by self._lock.

    def encode(self, value: Any) -> bytes:
        """The <methodResponse> with this value; of a view, one that is as new or newer."""
        if not isinstance(value, LookupResult):
            return encode_result(value)
        with self._lock:
            if value.service not in self._kept and len(self._kept) >= KEPT_REPLIES:
                self._kept.clear()
            kept = self._kept.setdefault(value.service, _Kept())
        with kept.lock:         # whoever comes meanwhile wants the same, and waits for it
            if kept.index < value.index:
                kept.index, kept.reply = value.index, encode_result(value.to_struct())
            return kept.reply


class _Kept:
    """The reply of one service. A tombstone in it may be older than those of the table, and stays true."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.index, self.reply = 0, b""         # Guarded by self.lock.


def _listen_on_both(host: str, port: int, handle: Callable[[Request, float], Reply],
                    tls: Tls | None) -> tuple[Listener, socket.socket]:
    """A listener and a UDP socket on the same port; with port 0, on any that is free for both."""
    for tries_left in range(9, -1, -1):
        listener = Listener(host, port, handle, tls=tls)
        try:
            udp = listen(host, listener.address[1], socket.SOCK_DGRAM)
        except OSError:
            listener.close()
            if port or not tries_left:
                raise
            continue
        udp.setblocking(False)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        return listener, udp
    raise AssertionError("the loop returns or raises")


def _tell(events: list[Event]) -> None:
    for event in events:
        endpoint = event.endpoint
        log.info("registry: %-9s %s/%s  %s", event.what, endpoint.service, endpoint.instance, show(endpoint.address))


def _expect_service(service: object) -> None:
    """A longer one cannot exist, but would be kept with what is said of it."""
    _expect(isinstance(service, str) and len(service) <= MAX_NAME,
            f"service must be a string of {MAX_NAME} characters at most")


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Fault(INVALID_PARAMETERS, otherwise)


# ---- the process ----------------------------------------------------------------------------------------

def main(arguments: Sequence[str]) -> None:
    parser = options("The registry of Ponte: takes heartbeats, tells who is alive.", port=DEFAULT_PORT)
    parser.add_argument("--make-key", metavar="FILE", help="write a new key to FILE, and end")
    chosen = parser.parse_args(arguments)
    if chosen.make_key is not None:
        make_key(chosen.make_key)
        print(f"a new key is in {chosen.make_key}, which only you can read: every machine needs a copy of it\n"
              f"next: {PYTHON} registry.py --key-file {chosen.make_key}")
        return
    stop = begin(chosen)
    try:
        registry = Registry(chosen.host, chosen.port, key=key_for_listening(chosen),
                            tls=chosen_tls(chosen))
    except OSError as error:
        raise port_error(error, chosen.host, chosen.port) from None
    with registry:
        print(f"registry: listening on {show(registry.address)} (UDP beats, TCP lookups) - stop with Ctrl-C",
              flush=True)
        stop.wait()
    print(f"registry: stopped ({stop.reason})", flush=True)


if __name__ == "__main__":
    run(main)
