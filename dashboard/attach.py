"""Watches processes that run already: `demo.py page --attach 127.0.0.1:4100`.

A class has six terminals open, and the page beside them. It starts nothing, and so it cannot kill
or freeze anything: it has no buttons. It reads who is there from the registry, and asks each
process on this machine to tell what happens in it: `POST /-/observe`, for some seconds, again and
again (ponte/process/observe.py). When the page ends, nobody renews that, and they fall silent.

    registry ──lookup──► a thread for each registry ──► a thread for each process
                                                         asks it to tell, every RENEW_S

A process is told to be gone when its port refuses. One that does not answer may be frozen: then
nothing is told here, and the page shows what the registry believes. A client has no port: its calls
are seen where they arrive.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Callable, NamedTuple
from xmlrpc.client import Fault

from classroom.actor import Tell
from dashboard.processes import PROXY, REGISTRY, SERVER
from ponte.calls.endpoint import Endpoint
from ponte.discovery.follower import ask
from ponte.net.address import Address, is_loopback, show
from ponte.net.message import encode_request
from ponte.net.pool import ExchangeError, Pool
from ponte.net.threads import wait_for
from ponte.process.options import start_command
from ponte.process.shared_clock import shared_s

# Seconds between two looks at a registry: a newcomer is seen so late at most.
LOOK_S = 0.5
# Seconds for which a process tells, and between two renewals: one that died is noticed so late at
# most.
LEASE_S, RENEW_S = 5.0, 1.0
# Seconds that an answer may take. All processes are on this machine.
ANSWER_S = 1.0


class Watched(NamedTuple):
    """A process that can be asked to tell: its name and role, where it listens, and the number of
    its life; a registry has none.
    """

    name: str
    role: str
    service: str
    address: Address
    incarnation: int = 0


class Answer(NamedTuple):
    """What a process said: whether it tells us, its pid and the number of its latest event; or why
    it does not.
    """

    pid: int = 0
    told: int = 0
    why: str = ""


def registry_names(count: int) -> list[str]:
    """What the page calls so many registries.

    >>> registry_names(2)
    ['registry', 'registry-2']
    """
    return [REGISTRY, *(f"{REGISTRY}-{number}" for number in range(2, count + 1))][:count]


class Attached:
    """Follows what the registries at `registries` list. `put` gets the events `proc`.

    `observe` is where the processes shall send their events. Raises ValueError for registries that
    are not on this machine.

    Attribute: `commands`, none: nothing can be done here.
    """

    def __init__(self, put: Tell, observe: Address, registries: Sequence[Address]) -> None:
        for registry in registries:
            if not is_loopback(registry[0]):
                raise ValueError(f"{show(registry)} is not on this machine")
        self.commands: dict[str, Callable[[Mapping[str, Any]], object]] = {}
        self._put, self._port = put, observe[1]
        self._registries = {name: Watched(name, REGISTRY, "", address) for name, address in
                            zip(registry_names(len(registries)), registries)}
        self._pool = Pool()
        self._lock = threading.Lock()
        # Guarded by self._lock: what is watched, by name. A name can have a new life at another
        # address before the old one is noticed to be gone.
        self._watched: dict[str, Watched] = {}
        self._closing = threading.Event()

    def start(self) -> None:
        """Begins to watch. Raises ValueError, with one line, if no registry answers."""
        # The others are looked at soon, too.
        if not any(map(self._look, self._registries.values())):
            addresses = [registry.address for registry in self._registries.values()]
            raise ValueError(f"no registry answers at {', '.join(map(show, addresses))} - start "
                             f"one with: {start_command(REGISTRY, addresses)}")
        for registry in self._registries.values():
            threading.Thread(target=self._follow, args=(registry,),
                             name=f"attach-{registry.name}", daemon=True).start()

    def close(self) -> None:
        """Ends. The processes go on, and tell for LEASE_S at most."""
        self._closing.set()
        self._pool.close()

    # ---- who is there

    def _follow(self, registry: Watched) -> None:
        """Looks at a registry until the page ends. One that is silent is asked again."""
        while not self._closing.wait(LOOK_S):
            self._look(registry)

    def _look(self, registry: Watched) -> bool:
        """Watches a registry and all that it lists; False where it does not answer as one."""
        try:
            answer = ask(self._pool, registry.address, "lookup", "*", timeout_s=ANSWER_S)
            endpoints = [Endpoint.from_struct(struct) for struct in answer["endpoints"]]
        except (OSError, Fault, ValueError, KeyError, TypeError):
            return False
        self._watch(registry)
        self._take(endpoints)
        return True

    def _take(self, endpoints: list[Endpoint]) -> None:
        for endpoint in endpoints:
            # The page shows one process of a name.
            if is_loopback(endpoint.host) and endpoint.instance not in self._registries:
                role = PROXY if endpoint.service == PROXY else SERVER
                self._watch(Watched(endpoint.instance, role,
                                    "" if role == PROXY else endpoint.service, endpoint.address,
                                    endpoint.incarnation))

    def _watch(self, watched: Watched) -> None:
        """Watches one from now on, unless it or a later life of its name is watched already.

        Two registries can list different lives. With the last one that was read, each look would
        begin to watch anew.
        """
        with self._lock:
            before = self._watched.get(watched.name)
            if self._closing.is_set() or (before and before.incarnation >= watched.incarnation):
                return
            self._watched[watched.name] = watched
        threading.Thread(target=self._renew, args=(watched,), name=f"watch-{watched.name}",
                         daemon=True).start()

    # ---- one process

    def _renew(self, watched: Watched) -> None:
        """Asks one process to tell, again and again, until its port refuses."""
        before = Answer()
        while self._is_watched(watched):
            answer = self._ask(watched)
            if answer is None:
                self._end(watched, before)
                return
            # It is told once; again where another process has the port, or says something else.
            if answer.why != before.why or answer.pid not in (0, before.pid):
                self._tell(watched, "up", answer)
                before = answer
            self._closing.wait(RENEW_S)

    def _is_watched(self, watched: Watched) -> bool:
        with self._lock:
            return not self._closing.is_set() and self._watched.get(watched.name) == watched

    def _ask(self, watched: Watched) -> Answer | None:
        """Asks a process to tell. None: nobody is there; an Answer without a pid or a reason: it
        is silent.
        """
        body = json.dumps({"port": self._port, "every": 1, "lease_s": LEASE_S,
                           "name": watched.name}).encode()
        request = encode_request("POST", "/-/observe", {"Host": show(watched.address),
                                                        "Content-Type": "application/json"}, body)
        try:
            reply = wait_for(self._pool.exchange(watched.address, request,
                                                 time.monotonic() + ANSWER_S))
        except ExchangeError as error:
            return None if isinstance(error.cause, ConnectionRefusedError) else Answer()
        if reply.status != 200:
            text = " ".join(reply.body.decode("utf-8", "replace").split())
            return Answer(why=f"it does not tell: HTTP {reply.status} {text}"[:300])
        try:
            said = json.loads(reply.body)
            return Answer(int(said["pid"]), int(said.get("n", 0)))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return Answer(why="it does not tell: its answer cannot be read")

    def _end(self, watched: Watched, last: Answer) -> None:
        with self._lock:
            if self._watched.get(watched.name) != watched:
                return
            del self._watched[watched.name]
        # A registry lists one that died for a while. It was told to be gone already.
        if last != Answer():
            self._tell(watched, "gone", last)

    def _tell(self, watched: Watched, state: str, answer: Answer) -> None:
        event = {"k": "proc", "p": "laboratory", "t": shared_s(), "who": watched.name,
                 "role": watched.role, "state": state, "pid": answer.pid,
                 "port": watched.address[1], "service": watched.service, "can": []}
        if answer.pid and state == "up":
            event["told"] = answer.told
        self._put({**event, "why": answer.why} if answer.why else event)
