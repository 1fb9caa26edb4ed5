"""Consul in place of the registry: what `--registry consul://HOST:PORT` does.

    consul agent -dev
    python3 server.py services/greeter.py --registry consul://127.0.0.1:8500
    python3 proxy.py --registry consul://127.0.0.1:8500
    python3 client.py --registry consul://127.0.0.1:8500 greeter hello Hello

The problem: a company that has Consul wants its servers in there, and no registry beside it.

The idea is the same on both sides. A lease is a TTL check: who does not renew it in time becomes
"critical", and readers pass it over. A long poll is a blocking query. So a server registers, and
renews its check with every beat; and a reader asks a blocking query, and makes the same view of the
answer that a registry would have sent. (How a server is written in Consul's JSON:
interop/consul_entries.py.)

An agent keeps nothing that it may not lose: it may be killed, and start empty. So any answer but
200 to a beat means: register anew. And a reader that could not reach its agent, or finds that the
index went back, takes its next answers as those of a registry that is warming up: for WARMING_S it
drops nobody who is missing there.

What is kept: leases, draining, long polls, the youngest of a name wins (where both use the same
agent). What is lost: Consul has no "suspect", so a server that was killed is asked until its lease
ends; and a key of beats (--key-file) does not count there. Consul has access tokens instead: ours
is the one in CONSUL_HTTP_TOKEN.

Threads: one for each agent that a server beats to. A reader has that of its follower.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Sequence
from typing import Any, Callable
from urllib.parse import urlencode

from interop.consul_entries import (
    OURS,
    Found,
    check_of,
    endpoints_of,
    id_of,
    newest_of,
    quoted_path,
    read_json,
    registration,
    signatures,
)
from ponte.calls.endpoint import Endpoint
from ponte.discovery.announcer import Announcer, Watch
from ponte.discovery.beats import Beat
from ponte.discovery.leases import ALL, WARMING_S
from ponte.discovery.link import SILENCE_S
from ponte.discovery.lookup import LookupResult
from ponte.net.address import Address, ConsulAddress, show
from ponte.net.forking import leave_parent_in_child
from ponte.net.message import ProtocolError, Reply, encode_request
from ponte.net.mishaps import Mishaps
from ponte.net.pool import ExchangeError, Pool
from ponte.net.threads import wait_for
from ponte.net.tls import Tls

log = logging.getLogger("ponte.consul")

# Seconds that an agent may take for an answer: to a beat, and to a question that does not wait.
BEAT_ANSWER_S, ANSWER_S = 1.0, 2.0
# Consul adds up to a sixteenth to the time of a blocking query, so that not all readers come back
# at once.
JITTER = 1 / 16
# The epoch of a registry names one life of it. An agent does not say when it was started.
EPOCH = "consul"


def _ask(pool: Pool, agent: Address, method: str, target: str, *, body: Any = None,
         timeout_s: float = ANSWER_S) -> Reply:
    """Asks an agent. Blocks for `timeout_s` at most. Raises ExchangeError if no reply comes."""
    headers = {"Host": show((agent[0], agent[1])), "Content-Type": "application/json"}
    token = os.environ.get("CONSUL_HTTP_TOKEN", "")
    if token.isascii() and token.isprintable() and token:
        headers["X-Consul-Token"] = token
    text = b"" if body is None else json.dumps(body).encode()
    request = encode_request(method, target, headers, text)
    return wait_for(pool.exchange(agent, request, time.monotonic() + timeout_s))


# ---- readers -------------------------------------------------------------------------------------

def watch_of(service: str, agent: Address) -> Watch:
    """What asks an agent for a service ("*": all of them), for one follower."""
    return _Reader(service, agent).watch


class _Reader:
    """Asks one agent for one question. For one thread."""

    def __init__(self, service: str, agent: Address) -> None:
        self._service, self._agent = service, agent
        # The index of the latest answer; whether an answer is lacking since; and until when the
        # agent may lack servers that live (monotonic).
        self._index = 0
        self._has_failed = False
        self._warm_at = 0.0
        # For ALL: what was found last for each service, with the signature of its checks.
        self._found: dict[str, tuple[Any, Found]] = {}
        self._told: set[str] = set()

    def watch(self, pool: Pool, index: int, wait_s: float) -> LookupResult:
        """The view, as soon as its index differs from `index` (0: at once), or after `wait_s`.

        Raises ExchangeError if no answer comes; ValueError for one that is not of Consul.
        """
        try:
            # While it is warming up, the end of that is news, too.
            warm_s = self._warm_at - time.monotonic()
            found = self._ask_all if self._service == ALL else self._ask_one
            now_index, endpoints = found(pool, index, min(wait_s, warm_s) if warm_s > 0 else wait_s)
        except Exception:
            self._has_failed = True
            self._found = {}
            raise
        # It has lost its connections to servers, or all that it knew.
        if self._index and (self._has_failed or now_index < self._index):
            self._warm_at = time.monotonic() + WARMING_S
        self._index, self._has_failed = now_index, False
        return LookupResult(self._service, now_index, EPOCH, time.monotonic() < self._warm_at,
                            endpoints, [])

    def _ask_one(self, pool: Pool, index: int, wait_s: float) -> tuple[int, list[Endpoint]]:
        now_index, entries = self._query(pool, quoted_path("health", "service", self._service),
                                         index, wait_s)
        return now_index, self._without_broken(endpoints_of(entries, self._service))

    def _ask_all(self, pool: Pool, index: int, wait_s: float) -> tuple[int, list[Endpoint]]:
        """Waits for a change of any check; then asks for the services whose checks have changed."""
        now_index, checks = self._query(pool, quoted_path("health", "state", "any"), index, wait_s,
                                        filter=OURS)
        before, self._found = self._found, {}
        for service, signature in signatures(checks).items():
            known = before.get(service)
            if not known or known[0] != signature:
                _, entries = self._query(pool, quoted_path("health", "service", service), 0, 0.0)
                known = signature, endpoints_of(entries, service)
            self._found[service] = known
        return now_index, sorted(endpoint for _, found in self._found.values()
                                 for endpoint in self._without_broken(found))

    def _query(self, pool: Pool, path: str, index: int, wait_s: float, **more: str
               ) -> tuple[int, Any]:
        """The index and the value of an answer."""
        # Consul takes a wait of 0 for five minutes.
        wait = {"index": str(index), "wait": f"{max(round(wait_s * 1000), 1)}ms"} if index else {}
        reply = _ask(pool, self._agent, "GET", f"{path}?{urlencode({**more, **wait})}",
                     timeout_s=ANSWER_S + (wait_s * (1 + JITTER) if index else 0.0))
        if reply.status != 200:
            raise ExchangeError("reply", ProtocolError(reply.status, _why(reply)))
        text = reply.headers.get("x-consul-index", "")
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise ValueError(f"an answer without X-Consul-Index: {text[:50]!r}")
        # Consul advises to take 0 for 1: to ask with 0 would be answered at once, again and again.
        return max(int(text), 1), read_json(reply.body)

    def _without_broken(self, found: Found) -> list[Endpoint]:
        for name in found.broken:
            if name not in self._told and len(self._told) < 100:
                self._told.add(name)
                log.warning("%s: the entry %r is passed over: no server would announce itself like "
                            "this", show(self._agent), name)
        return found.endpoints


def _why(reply: Reply) -> str:
    """The answer of an agent that refuses, in one line."""
    text = " ".join(reply.body[:200].decode("utf-8", "replace").split())
    return f"HTTP {reply.status}: {text}" if text else f"HTTP {reply.status}"


# ---- servers -------------------------------------------------------------------------------------

def announce_beside(heartbeat: Announcer, agents: Sequence[ConsulAddress],
                    on_superseded: Callable[[], None], is_serving: Callable[[], bool],
                    *, beat_s: float, tls: Tls | None) -> Announcer:
    """A heartbeat that registers at the agents what `heartbeat` announces to registries."""
    return _Heartbeat(heartbeat, agents, on_superseded, is_serving, beat_s=beat_s,
                      tls=tls)


class _Heartbeat:
    """Announces a server to Consul agents, and to the registries of another heartbeat.

    What is announced is the beat of that other one. All methods may be called from any thread.
    """

    def __init__(self, beside: Announcer, agents: Sequence[ConsulAddress],
                 on_superseded: Callable[[], None], is_serving: Callable[[], bool], *,
                 beat_s: float, tls: Tls | None) -> None:
        self._beside = beside
        self._senders = [_Sender(agent, lambda: beside.beat, on_superseded, is_serving,
                                 beat_s=beat_s, tls=tls) for agent in agents]

    @property
    def beat(self) -> Beat:
        """What is announced; its incarnation may have changed since the start."""
        return self._beside.beat

    @property
    def acks(self) -> int:
        """How many beats have been acked."""
        return self._beside.acks + sum(sender.acks for sender in self._senders)

    def silent_registries(self, patience_s: float = SILENCE_S) -> list[Address]:
        """The registries and agents that have not acked a beat for `patience_s`."""
        return [*self._beside.silent_registries(patience_s),
                *(sender.agent for sender in self._senders if sender.is_silent(patience_s))]

    def refusals(self) -> dict[Address, str]:
        """Why registries and agents do not take our beats, where that is known."""
        return {**self._beside.refusals(),
                **{sender.agent: sender.refusal for sender in self._senders if sender.refusal}}

    def start(self, timeout_s: float = 0.0) -> None:
        """Begins to beat, and waits for the first ack of an agent, or `timeout_s`."""
        self._beside.start(0.0)
        for sender in self._senders:
            sender.start()
        self._senders[0].wait_for(lambda: self.acks > 0, timeout_s)

    def set_idempotent(self, names: Sequence[str]) -> None:
        """Announces other names. Raises ValueError if no registry would accept such a beat."""
        self._beside.set_idempotent(names)
        for sender in self._senders:
            sender.hurry()

    def announce(self, state: str, timeout_s: float) -> bool:
        """Announces `state` at once, and waits for its acks, `timeout_s` at most."""
        deadline = time.monotonic() + timeout_s
        for sender in self._senders:
            sender.announce(state)
        told = self._beside.announce(state, timeout_s)
        for sender in self._senders:
            told = sender.wait_until_told(state, deadline) and told
        return told

    def close(self) -> None:
        """Stops beating, without a goodbye. Also more than once."""
        for sender in self._senders:
            sender.close()
        self._beside.close()


class _Sender:
    """Keeps a server registered at one agent. All methods may be called from any thread.

    Parameters: `beat()`, what is announced; the others as for heartbeat.Heartbeat.

    Attributes: `acks`; `refusal`, why the agent does not take it, where that is known.
    """

    def __init__(self, agent: ConsulAddress, beat: Callable[[], Beat],
                 on_superseded: Callable[[], None], is_serving: Callable[[], bool], *,
                 beat_s: float, tls: Tls | None) -> None:
        self.agent: Address = agent
        self.acks = 0
        self.refusal = ""
        self._beat, self._beat_s = beat, beat_s
        self._on_superseded, self._is_serving = on_superseded, is_serving
        self._pool = Pool(tls)
        # Used by the thread alone: what the agent has registered, and how often that was.
        self._registered: Beat | None = None
        self._registrations = 0
        self._mishaps = Mishaps(log, f"the beats to {show(agent)}")
        self._changed = threading.Condition()
        # Guarded by self._changed: the state to announce, the one that the agent knows, whether a
        # beat is due at once; and when the agent answered last (monotonic).
        self._state, self._told_state = "up", ""
        self._is_due = True
        self._answered_at = time.monotonic()
        # Set once, read without the lock.
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="ponte-consul", daemon=True)
        leave_parent_in_child(self)

    def start(self) -> None:
        self._answered_at = time.monotonic()
        self._thread.start()

    def hurry(self) -> None:
        """Sends a beat at once."""
        with self._changed:
            self._is_due = True
            self._changed.notify_all()

    def announce(self, state: str) -> None:
        with self._changed:
            self._state = state
        self.hurry()

    def wait_until_told(self, state: str, deadline: float) -> bool:
        """Returns whether, by then (monotonic), the agent knows this state, or nothing of us."""
        return self.wait_for(lambda: self._told_state in ("", state) or self._closed,
                             max(deadline - time.monotonic(), 0.0))

    def is_silent(self, patience_s: float) -> bool:
        return time.monotonic() - self._answered_at > patience_s

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(condition, timeout_s)

    def close(self) -> None:
        self._closed = True
        self.hurry()
        self._pool.close()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def leave_parent(self) -> None:
        """In a forked child: is closed. The parent goes on to beat."""
        self._closed = True
        self._changed = threading.Condition()

    # The thread.

    def _run(self) -> None:
        is_superseded = False
        while not self._closed and not is_superseded:
            with self._changed:
                self._is_due = False
                state = self._state
            try:
                is_superseded = self._is_serving() and not self._take_turn(state)
            except ExchangeError as error:
                # It is gone, or too slow: what it knows is not known any more.
                self._registered = None
                log.debug("no answer from %s: %s", show(self.agent), error)
            except Exception as error:
                self._mishaps.survive(error)
            # One that has left is not announced again.
            if self._told_state == "leaving":
                return
            self.wait_for(lambda: self._is_due or self._closed, self._beat_s)
        if is_superseded:
            self._on_superseded()

    def _take_turn(self, state: str) -> bool:
        """One beat. Returns False if a younger process has the name. Raises ExchangeError."""
        beat = self._beat()._replace(seq=0, state=state)
        if state == "leaving":
            # The entry of a younger process of our name stays.
            if self._newest(beat) <= beat.incarnation:
                reply = self._put("agent", "service", "deregister", id_of(beat))
                if reply.status not in (200, 404):
                    log.warning("%s still names %s, until its lease ends: %s", show(self.agent),
                                beat.instance, _why(reply))
            self._note(state)
        # Nothing is new but the time, or the state.
        elif self._registered and beat == self._registered._replace(state=state) \
                and self._renews(beat):
            self._note(state)
        # The agent has restarted, knows another process of our name, or does not know us yet. Or
        # this process was frozen, and a younger one has come meanwhile.
        elif self._newest(beat) > beat.incarnation:
            return False
        else:
            self._register(beat)
        return True

    def _renews(self, beat: Beat) -> bool:
        """A beat that changes nothing but the state. Consul 1.8 answers 500 for a check that it
        does not know, and later ones 404.
        """
        verb = "pass" if beat.state == "up" else "warn"
        return self._put("agent", "check", verb, check_of(beat)).status == 200

    def _register(self, beat: Beat) -> None:
        self._registrations += 1
        # Without the checks that an elder process of our name has left.
        reply = self._put("agent", "service", "register", query="?replace-existing-checks=true",
                          body=registration(beat, self._registrations))
        # A check that the agent has already keeps its status, whatever the registration says.
        if reply.status == 200 and (beat.state == "up" or self._renews(beat)):
            self._registered = beat
            self._note(beat.state)
        else:
            self.refusal = _why(reply)
            self._registered = None
            # It has answered all the same.
            with self._changed:
                self._answered_at = time.monotonic()

    def _newest(self, beat: Beat) -> int:
        """The incarnation that the agent knows of our name; 0 where it knows none."""
        reply = _ask(self._pool, self.agent, "GET", quoted_path("agent", "service", id_of(beat)),
                     timeout_s=BEAT_ANSWER_S)
        return newest_of(read_json(reply.body)) if reply.status == 200 else 0

    def _put(self, *path: str, query: str = "", body: Any = None) -> Reply:
        return _ask(self._pool, self.agent, "PUT", quoted_path(*path) + query,
                    body=body, timeout_s=BEAT_ANSWER_S)

    def _note(self, state: str) -> None:
        """The agent has taken a beat."""
        with self._changed:
            self.acks += 1
            self.refusal = ""
            self._told_state = state
            self._answered_at = time.monotonic()
            self._changed.notify_all()
