"""The registry: who is alive, kept as leases that heartbeats renew.

The problem: a client must find a server without knowing its address. A list into which servers
write themselves is wrong after the first crash: a crashed server cannot take itself off it. So a
place in the list is a lease, which is over soon, and which each beat renews
(ponte/discovery/leases.py).

Beats come over UDP (ponte/discovery/beats.py). Readers ask over XML-RPC, at POST /registry on the
same port number (ponte/discovery/follower.py does it for clients and proxies):

    lookup(service)                  the endpoints of a service; "*" is all services
    watch(service, index, wait_s)    the same, as soon as its index differs from `index`, or after
                                     `wait_s` (a long poll, like Consul's blocking queries); with
                                     "json" as a fourth parameter, the same as JSON in one string
                                     (LookupResult.to_json), which is read much faster
    services()                       the names of the services that have an endpoint
    snapshot()                       everything, for people

All state is soft: a registry that restarts empty knows all servers after one beat of each. For one
lease it answers that it is `warming`, and readers keep what they knew. Registries do not talk to
each other: servers beat to all of them, and readers take the union of their answers.

Threads: one for beats and expiry, and those of the engine for readers (by default one, for all of
them). The beat thread never waits for a reader.

Not guaranteed: that an endpoint in the list is alive now. It was, at most a lease ago.
"""

from __future__ import annotations

import argparse
import logging
import secrets
import selectors
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any
from xmlrpc.client import Fault

from ponte.discovery.beat_reader import BeatReader
from ponte.discovery.beats import (
    MAX_NAME,
    Answer,
    BadDatagram,
    Beat,
    encode_answer,
)
from ponte.discovery.leases import ALL, Event, LeaseTable, Verdict
from ponte.discovery.lookup import FORMS, PATH, STRUCT, LookupResult
from ponte.discovery.patient_clock import PatientClock
from ponte.discovery.signing import Keys, keys_of
from ponte.discovery.written_views import WrittenViews
from ponte.net.address import Address, ConsulAddress, is_loopback, show
from ponte.net.checks import check_listen
from ponte.net.datagrams import LONGEST_BYTES, listen_on_both
from ponte.net.forking import leave_parent_in_child
from ponte.net.message import Reply, Request, text_reply
from ponte.net.mishaps import Mishaps
from ponte.net.serving import Listener
from ponte.net.stream import DONE, Program, result_of
from ponte.net.target import path_in
from ponte.net.tls import Tls, check_tls
from ponte.process import observe
from ponte.process.attaching import attach
from ponte.process.keys import keys_for_listening, make_key
from ponte.process.options import (
    UsageError,
    add_engine,
    chosen_tls,
    given_by,
    mistakes_in_one_line,
    options,
    start_command,
)
from ponte.process.pages import Json, page
from ponte.process.running import begin, farewell, hold, run
from ponte.process.stopping import Stop
from ponte.process.typed import typed
from ponte.rpc.dispatcher import Dispatcher
from ponte.rpc.marshal import CONTENT_TYPE, INVALID_PARAMETERS, xml_of

log = logging.getLogger("ponte.registry")

DEFAULT_PORT = 4100
# Seconds by which an expiry may be noticed late. Shorter wakes an idle registry more often.
TICK_S = 0.05
# Beats that are applied under one lock. More takes the lock less often, and lets readers and
# senders wait longer.
BATCH = 64
# Seconds of silence after which the next beat of a sender is parsed as if the sender were new.
AGE_S = 60.0
# Some 1,600 beats. Those that find no room are lost, and sent once more. If more could wait, they
# would wait so long that they were sent once more, too.
RECEIVE_BUFFER_BYTES = 1024 * 1024
# Seconds between two looks whether a reader that waits has gone. Longer keeps connections of those
# that have; shorter takes more time for those that have not.
LOOK_S = 0.5
# Seconds of the longest long poll.
MAX_WAIT_S = 30.0
# The types of answers that are sent. A beat with another verdict is only counted.
ANSWERED = (Verdict.APPLIED.value, Verdict.OTHER_EPOCH.value, Verdict.SUPERSEDED.value)


# ---- the registry

class Registry:
    """Takes beats, and answers readers. A `with` block starts and closes it, on one thread.

    Parameters: `host` and `port` (0 = any) for UDP and TCP alike; `key`, or one of several, must
    have signed the beats; `tls` for readers; `engine` and `max_connections`: see
    ponte/net/serving.py. Raises OSError if the port is taken, and ValueError for anything else that
    cannot be.

    Attribute: `address`, where it listens.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = DEFAULT_PORT, *, key: Keys = b"",
                 tls: Tls | None = None, engine: str = "events",
                 max_connections: int | None = None) -> None:
        check_listen(host, port)
        check_tls(tls)
        # Before a port is taken.
        self._reader = BeatReader(key)
        self._keys = keys_of(key)
        self._dispatcher = Dispatcher([self.lookup, self.watch, self.services, self.snapshot],
                                      WrittenViews().encode)
        # A long poll only waits, so there is no other limit than that of connections.
        self._listener, self._socket = listen_on_both(host, port, lambda port: Listener(
            host, port, self._handle, engine=engine, max_connections=max_connections,
            max_calls=sys.maxsize, tls=tls), lambda listener: listener.address[1])
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self.address = self._listener.address
        # Used by the beat thread alone. /status only reads the counts: datagrams by what became of
        # them, and the lateness of the clock.
        self._clock = PatientClock(time.monotonic())
        self._ticked_at = self._aged_at = 0.0
        self._mishaps = Mishaps(log, "a turn of the beat thread")
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        # Guarded by self._lock: the long polls that wait, with the service and the index that each
        # of them knows; and the table. Its first index is a random one, so that a reader which
        # followed an earlier life of this registry sees a difference.
        self._polls: dict[Future[None], tuple[str, int]] = {}
        self._table = LeaseTable(secrets.token_hex(8), 0.0, index=1 + secrets.randbelow(2 ** 24))
        # Set once, read without the lock.
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="ponte-beats", daemon=True)
        leave_parent_in_child(self)

    def __enter__(self) -> Registry:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Begins to take beats and to answer. Does not block."""
        self._listener.start()
        self._thread.start()

    def close(self) -> None:
        """Stops at once: all state is soft, there is nothing to save."""
        self._closed = True
        # Ends the long polls.
        with self._lock:
            self._wake_readers()
        if self._thread.is_alive():
            self._thread.join()
        self._listener.close(grace_s=0.5)
        self._socket.close()

    def leave_parent(self) -> None:
        """In a forked child: is closed. The parent has the port, and goes on."""
        self._closed = True
        self._lock = threading.Lock()
        self._socket.close()

    # What readers call, where the engine carries out programs.

    def lookup(self, service: str) -> LookupResult:
        """The endpoints of a service, "*" for all: index, epoch, warming, endpoints and left."""
        _expect_service(service)
        with self._lock:
            return self._table.lookup(service)

    def watch(self, service: str, index: int, wait_s: float, form: str = STRUCT) -> LookupResult:
        """The same as lookup. `_poll` has waited until its index is not `index`, or for `wait_s`.

        `form` is "struct", or "json": one text.
        """
        _check_watch(service, index, wait_s, form)
        with self._lock:
            return replace(self._table.lookup(service), form=form)

    def services(self) -> list[str]:
        """The names of the services that have an endpoint."""
        with self._lock:
            return self._table.services()

    def snapshot(self) -> LookupResult:
        """Everything, for people: lookup("*")."""
        return self.lookup(ALL)

    # Beats and expiry: the beat thread.

    def _run(self) -> None:
        """The beat thread. Nothing that comes from the network ends it."""
        with selectors.DefaultSelector() as ready:
            ready.register(self._socket, selectors.EVENT_READ)
            while not self._closed:
                ready.select(TICK_S)
                try:
                    self._take_turn()
                except Exception as error:
                    self._mishaps.survive(error)

    def _take_turn(self) -> None:
        """Takes the beats that are there. `now` is patient time, which stands still while this
        process does.
        """
        datagrams = self._receive()
        now = self._clock.read(time.monotonic())
        try:
            self._take(datagrams, now)
        finally:
            # Leases end in time, too, if a beat could not be taken.
            if now - self._ticked_at >= TICK_S:
                self._ticked_at = now
                self._expire(now)
            if now - self._aged_at >= AGE_S:
                self._aged_at = now
                self._reader.age()

    def _receive(self) -> list[tuple[bytes, Address]]:
        """The datagrams that are there, BATCH at most, with their senders."""
        datagrams: list[tuple[bytes, Address]] = []
        try:
            while len(datagrams) < BATCH:
                datagrams.append(self._socket.recvfrom(LONGEST_BYTES))
        except OSError:
            # No more are there. On Windows, also: an earlier answer found a closed port.
            pass
        return datagrams

    def _take(self, datagrams: list[tuple[bytes, Address]], now: float) -> None:
        """Applies the beats among these datagrams, and answers them."""
        # 1. Read them. A datagram that is no authentic beat is counted, and not answered.
        beats = []
        for datagram, sender in datagrams:
            try:
                beats.append((self._reader.read(datagram), self._reader.key, len(datagram), sender))
            except BadDatagram as error:
                self._counts[error.reason] += 1
            except Exception as error:
                # A mistake of ours, which must not cost the beats beside it.
                self._counts["failed"] += 1
                self._mishaps.note(error)
        # 2. Apply them, under one lock.
        with self._lock:
            answers = [self._apply(beat, now) for beat, *_ in beats]
            events = self._take_events()
        # 3. Log and answer, outside of the lock. The sender may not have the other keys.
        self._log_events(events)
        for answer, (beat, key, length, sender) in zip(answers, beats):
            self._counts[answer.type] += 1
            if observe.watcher:
                observe.tell(observe.own_name("registry"), "took", who=beat.instance,
                             service=beat.service, seq=beat.seq, verdict=answer.type,
                             lease=beat.lease_s, state=beat.state, host=beat.host)
            if answer.type in ANSWERED:
                self._answer(encode_answer(answer, key), length, sender)

    def _apply(self, beat: Beat, now: float) -> Answer:
        """What the table makes of a beat. Caller holds self._lock."""
        verdict = self._table.apply(beat, now)
        newest = beat.incarnation
        if verdict is Verdict.SUPERSEDED:
            newest = self._table.newest(beat)
        return Answer(verdict.value, beat.instance, beat.incarnation, beat.seq, self._table.epoch,
                      newest)

    def _answer(self, answer: bytes, max_bytes: int, sender: Address) -> None:
        # The sender's address may be forged. If answers could be longer than their beats, an
        # attacker could send few bytes in the name of a victim, and the victim would get many.
        if len(answer) > max_bytes:
            self._counts["too short to answer"] += 1
            return
        try:
            self._socket.sendto(answer, sender)
        except OSError:
            self._counts["answer not sent"] += 1

    def _expire(self, now: float) -> None:
        with self._lock:
            index = self._table.index
            self._table.expire(now)
            # The end of warming moves the index, without an event.
            if self._table.index != index:
                self._wake_readers()
            events = self._take_events()
        self._log_events(events)

    def _take_events(self) -> list[Event]:
        """The table's new events; wakes the readers for them. Caller holds self._lock."""
        events, self._table.events = self._table.events, []
        if events:
            self._wake_readers()
        return events

    def _log_events(self, events: list[Event]) -> None:
        is_alone = is_loopback(self.address[0])
        for what, endpoint in events:
            log.info("registry: %-9s %s/%s  %s", what, endpoint.service, endpoint.instance,
                     show(endpoint.address))
            if observe.watcher:
                observe.tell(observe.own_name("registry"), "lease", who=endpoint.instance,
                             service=endpoint.service, what=what)
            # It reaches us by the loopback address, and we are read on other machines as well.
            if what == "up" and is_loopback(endpoint.host) and not is_alone:
                log.warning("registry: callers on other machines cannot reach %s at %s: start it "
                            "with --host 0.0.0.0, or with --advertise HOST", endpoint.instance,
                            show(endpoint.address))

    def _wake_readers(self) -> None:
        """Ends the long polls whose view has changed, or all. Caller holds self._lock."""
        changed = [poll for poll, (service, index) in self._polls.items()
                   if self._closed or self._table.index_of(service) != index]
        for poll in changed:
            del self._polls[poll]
            poll.set_result(None)

    # Requests: everything below runs where the engine carries out programs.

    def _handle(self, request: Request, received_at: float,
                caller_left: Callable[[], bool]) -> Reply | Program[Reply]:
        found = page(request, "registry", self.status) or attach(
            request, observe.own_name("registry"), "registry", self.address, self._keys)
        if found:
            return found
        if path_in(request.target) != PATH:
            return text_reply(404, f"nothing here: POST {PATH}, or GET /, /health, /status, "
                                   "/metrics")
        if request.method != "POST":
            return text_reply(405, f"{PATH} takes XML-RPC by POST", Allow="POST")
        method, params, answer = self._dispatcher.prepare(xml_of(request))
        # Without the name of a method, it is a wrong call, or one too long to be read here.
        if not method:
            return self._answer_beside(answer)
        if method == "watch":
            return self._poll(params, answer, caller_left)
        return Reply(200, {"Content-Type": CONTENT_TYPE}, answer())

    def _answer_beside(self, answer: Callable[[], bytes]) -> Program[Reply]:
        """A program: answers a call on another thread, where it keeps no other reader waiting."""
        done = self._listener.driver.call("", answer)
        result = (yield from result_of(done)) if isinstance(done, Future) else done
        return Reply(200, {"Content-Type": CONTENT_TYPE}, result)

    def _poll(self, params: tuple[Any, ...], answer: Callable[[], bytes],
              caller_left: Callable[[], bool]) -> Program[Reply]:
        """A program: waits as a call of `watch` with these parameters says, and answers."""
        poll = self._begin_poll(params)
        if poll:
            deadline = time.monotonic() + params[2]
            while not poll.done() and time.monotonic() < deadline and not caller_left():
                yield poll, DONE, min(deadline, time.monotonic() + LOOK_S)
            with self._lock:
                self._polls.pop(poll, None)
        return Reply(200, {"Content-Type": CONTENT_TYPE}, answer())

    def _begin_poll(self, params: tuple[Any, ...]) -> Future[None] | None:
        """What a call of `watch` waits for; None if it is to be answered at once."""
        try:
            _check_watch(*params)
        except (Fault, TypeError):
            # The answer is this fault.
            return None
        service, index = params[:2]
        # Under the lock: the beat thread may make a change at any time.
        with self._lock:
            if self._closed or self._table.index_of(service) != index:
                return None
            poll: Future[None] = Future()
            self._polls[poll] = service, index
            return poll

    def status(self) -> dict[str, Json]:
        """What /status shows: the table, and the datagrams by what became of them."""
        with self._lock:
            found = self._table.lookup(ALL)
            readers = len(self._polls)
        endpoints: list[Json] = [endpoint.to_struct() for endpoint in sorted(found.endpoints)]
        return {"epoch": found.epoch, "index": found.index, "leases": len(self._table),
                "warming": found.warming, "readers": readers,
                "connections": self._listener.connections,
                "engine_errors": self._listener.driver.errors,
                "lateness_s": round(self._clock.lateness, 3),
                "datagrams": dict(self._counts), "endpoints": endpoints}


def _check_watch(service: object, index: object, wait_s: Any, form: object = STRUCT) -> None:
    _expect_service(service)
    _expect(type(index) is int, "index must be an integer")
    _expect(type(wait_s) in (int, float) and 0 <= wait_s <= MAX_WAIT_S,
            f"wait_s must be within 0 and {MAX_WAIT_S}")
    _expect(form in FORMS, f"form must be one of {FORMS}")


def _expect_service(service: object) -> None:
    # No service has a longer name; and its empty view would be kept under this name.
    _expect(isinstance(service, str) and len(service) <= MAX_NAME,
            f"service must be a string of {MAX_NAME} characters at most")


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Fault(INVALID_PARAMETERS, otherwise)


# ---- the process

def command_line() -> argparse.ArgumentParser:
    """What reads the options of a registry."""
    parser = options("The registry of Ponte: takes heartbeats, and knows who is alive.",
                     port=DEFAULT_PORT)
    add_engine(parser, "events")
    parser.add_argument("--make-key", metavar="FILE", help="write a new key to FILE, and end")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Runs a registry until it is stopped; returns the exit code."""
    chosen = command_line().parse_args(arguments)
    if chosen.make_key is not None:
        readable = make_key(chosen.make_key)
        print(f"a new key is in {chosen.make_key}, {readable}: every machine needs a copy of it\n"
              f"next: {start_command('registry')} {typed(['--key-file', chosen.make_key])}")
        return 0
    if any(isinstance(each, ConsulAddress) for each in chosen.registry):
        raise UsageError(f"{given_by(chosen, '--registry')} names a Consul agent, which takes the "
                         "place of this registry: start only one of them")
    begin(chosen)
    stop = Stop(chosen.until_eof)
    with mistakes_in_one_line(chosen):
        registry = Registry(chosen.host, chosen.port, key=keys_for_listening(chosen),
                            tls=chosen_tls(chosen), engine=chosen.engine,
                            max_connections=chosen.max_connections)
    with registry:
        reason = hold(stop, f"registry: listening on {show(registry.address)} "
                            "(UDP beats, TCP lookups)")
    return farewell("registry", reason)


if __name__ == "__main__":
    run(main)
