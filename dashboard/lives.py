"""The processes of the live page: each by its name, with its present life and its link.

A process has many lives: it is killed, and started again under its name. The table has what is true
of each now (processes.py), and what happens is told at the very moment, as an event: by the process
itself (classroom/actor.py), by its link (links.py), or here.

Every process is told of two registries when it starts, as in a deployment where both are in the
configuration. The second one runs only once somebody adds it: until then beats to it go unanswered,
and nothing has to be started anew. The ports of registries are below those that systems choose for
outgoing connections. So nobody takes one while its registry is dead.

Threads: any. Whoever does something to a process holds `acting` meanwhile, so that what was checked
is still so when it is done. `tell` runs on any thread, and must not call this table.
"""

from __future__ import annotations

import random
import socket
import sys
import threading
from typing import Any

from classroom.actor import OVER, Actor, StartFailed, Tell
from classroom.cast import Cast
from dashboard.caller import RATE_PER_S, SERVICE
from dashboard.links import Link
from dashboard.processes import CLIENT, PROXY, REGISTRY, SERVER, Member, Refused
from ponte.net.address import Address, show
from ponte.process.shared_clock import shared_s

SERVERS = 3
# The page has room for so many.
MOST = {SERVER: 8, PROXY: 3, REGISTRY: 2}
# Registries listen here, on ports that are free.
REGISTRY_PORTS = range(20_000, 30_000)
LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[Address]:
    """So many addresses of this machine whose ports are free for TCP and UDP."""
    found: list[Address] = []
    while len(found) < count:
        address = LOOPBACK, random.choice(REGISTRY_PORTS)
        if address not in found and is_free(address):
            found.append(address)
    return found


def is_free(address: Address) -> bool:
    """Whether a process could listen there, for TCP and UDP."""
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        if sys.platform != "win32":
            # As a listener does, which may follow one whose connections have not been forgotten.
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tcp.bind(address)
            udp.bind(address)
        except OSError:
            return False
        return True


def did_not_start(who: str, error: StartFailed) -> Refused:
    """What the page is told: the last line that the process has printed."""
    why = str(error).partition(": ")[2]
    return Refused("did not start", str(error), who=who, why=why)


class Lives:
    """The table. `start` starts all; `stop` ends all, and `start` may follow.

    Parameters: `tell`, which gets each event; `observe`, the "host:port" to which the processes
    send theirs, "" for nowhere.
    """

    def __init__(self, tell: Tell, observe: str = "") -> None:
        self._tell = tell
        self._observe = observe
        self.acting = threading.RLock()
        # The calls a second that the client makes. Guarded by self.acting.
        self.per_s = RATE_PER_S
        # Set once, by `close`, and read without a lock: a `start` that goes on fails soon after.
        self._is_closing = False
        # Guarded by self._lock, which is held during no call to elsewhere: the two tables.
        self._lock = threading.Lock()
        self._members: dict[str, Member] = {}
        self._links: dict[str, Link] = {}
        # Guarded by self.acting; the addresses of registries, which are replaced as a whole, are
        # read without it, too.
        self._cast = Cast()
        self._registries: list[Address] = []

    def start(self) -> None:
        """Starts a registry, servers, a proxy and a client; returns when all run.

        Blocks for about a second. Raises StartFailed.
        """
        with self.acting:
            self._cast.close()
            self._cast = Cast(self._observe, self._hear)
            # The same ports as before, so that processes of others find it again.
            if not self._registries or not all(map(is_free, self._registries)):
                self._registries = free_ports(MOST[REGISTRY])
            self.start_one(Member("registry", REGISTRY))
            started = [self.start_one(Member(f"server-{number}", SERVER, SERVICE))
                       for number in range(1, SERVERS + 1)]
            started.append(self.start_one(Member("proxy", PROXY)))
            for actor in started:
                actor.await_banner()
            self.start_one(Member("client", CLIENT)).await_banner()

    def stop(self) -> None:
        """Ends all processes, also those that are frozen. Each is told to be gone."""
        with self.acting:
            with self._lock:
                links, self._links = list(self._links.values()), {}
                self._members = {}
            for link in links:
                link.refuse()
            self._cast.end_all()
            for link in links:
                link.close()

    def close(self) -> None:
        """Ends all processes, and deletes their files. A `start` that goes on fails."""
        self._is_closing = True
        # Without the lock, which a `start` has: it waits for the banners of these.
        self._cast.end_all()
        with self.acting:
            self.stop()
            self._cast.close()

    def names(self) -> list[str]:
        """The processes of the table."""
        with self._lock:
            return list(self._members)

    @property
    def registry(self) -> Address | None:
        """Where the first registry listens, or will again; None before the start."""
        registries = self._registries
        return registries[0] if registries else None

    def actor(self, name: str) -> Actor:
        """The process of that name in its present life. Raises KeyError."""
        with self.acting:
            return self._cast[name]

    # ---- starting

    def start_one(self, member: Member) -> Actor:
        """Starts one, for the first time or again. Only a registry is waited for.

        Raises StartFailed. Caller holds self.acting.
        """
        if self._is_closing:
            raise StartFailed(f"{member.name}: the page ends")
        with self._lock:
            self._members[member.name] = member
            member.is_cut, member.slow_ms = False, 0
        if member.role == REGISTRY:
            place = 0 if member.name == REGISTRY else 1
            return self._cast.start_registry(member.name, self._registries[place][1])
        if member.role == PROXY:
            return self._cast.start_proxy(member.name, self._registries)
        if member.role == CLIENT:
            self.per_s = RATE_PER_S
            return self._cast.start(member.name, "-m", "dashboard.caller", "--registry",
                                    ",".join(map(show, self._registries)), role=CLIENT)
        link = Link(member.name, self._tell)
        with self._lock:
            before = self._links.get(member.name)
            self._links[member.name] = link
        if before:
            before.close()
        return self._cast.start_server(member.name, member.service, self._registries, link.address,
                                       member.file)

    def await_new(self, actor: Actor) -> None:
        """Waits until one that was added listens. Raises Refused where it does not start."""
        try:
            actor.await_banner()
        except StartFailed as error:
            self.forget(actor.name)
            raise did_not_start(actor.name, error) from None

    def next_name(self, role: str) -> str:
        """The name of one more process. Servers have numbers from 1 on; of others the second is the
        first with a number.
        """
        with self._lock:
            there = [member for member in self._members.values() if member.role == role]
            if len(there) >= MOST[role]:
                many = f"{MOST[role]} {role}s" if role != REGISTRY else f"{MOST[role]} registries"
                raise Refused("too many", f"there are {many}: that is the most", role=role,
                              most=MOST[role])
            number = len(there) + 1
            while f"{role}-{number}" in self._members:
                number += 1
        return f"{role}-{number}"

    def forget(self, name: str) -> None:
        """One that was added, and did not start."""
        with self.acting, self._lock:
            self._members.pop(name, None)
            link = self._links.pop(name, None)
        if link:
            link.close()
        # Its end may have been told already, while it was in the table.
        self._cast[name].tell_again()

    # ---- the table

    def member(self, who: object) -> Member:
        """What is known of a process. Raises Refused for a name that is not in the table."""
        with self._lock:
            member = self._members.get(who) if isinstance(who, str) else None
        if member is None:
            raise Refused("no such process", f"there is no process {who!r:.80} here")
        return member

    def checked(self, who: object, what: str) -> tuple[Actor, Link | None]:
        """The process `who`, and its link. Raises Refused where `what` makes no sense now.

        Caller holds self.acting.
        """
        member = self.member(who)
        member.check(what)
        with self._lock:
            link = self._links.get(member.name)
        return self._cast[member.name], link

    def changed(self, name: str, **values: Any) -> None:
        """A link has changed: the page is told which buttons make sense now."""
        with self._lock:
            member = self._members[name]
            for attribute, value in values.items():
                setattr(member, attribute, value)
        self._cast[name].tell_again()

    def _hear(self, event: dict[str, Any]) -> None:
        """An event of a process, or of its life: completed, and passed on."""
        if event["k"] == "proc":
            with self._lock:
                member, link = self._members.get(event["who"]), self._links.get(event["who"])
                if member:
                    member.state = event["state"]
                    event["can"] = member.can()
                    if member.role == SERVER:
                        # A page that is opened late learns of its link from the last of these.
                        event.update(cut=member.is_cut, slow_ms=member.slow_ms)
                else:
                    # The laboratory has ended, or one that was added did not start.
                    event.update(state="gone", forget=True)
            if link and event["state"] == "up":
                link.open((LOOPBACK, event["port"]))
            elif link and event["state"] in OVER:
                link.refuse()
        self._tell(event)

    def tell_fault(self, who: str, what: str, **values: Any) -> None:
        """A fault is let loose now, for which there is no other witness."""
        self._tell({"k": "fault", "p": "laboratory", "t": shared_s(), "who": who,
                    "what": what, **values})
