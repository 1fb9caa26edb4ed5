"""The laboratory: the processes of the live page, and what a click does to them.

    client  →  proxy  →  link  →  server-1, server-2, server-3         registry

A command is a dict that came from the page. It names a process of our own table, and never a pid.
Something that makes no sense now is `Refused`, with one line. What happens is told at the very
moment, as an event: by the process itself (classroom/actor.py), by its link, or here.

Every process is told of two registries when it starts, as in a deployment where both are in the
configuration. The second one runs only once somebody adds it: until then all beats to it go
unanswered, and nothing has to be started anew. The ports of registries are below those that systems
choose for outgoing connections. So nobody takes one while its registry is dead.

Threads: commands may come from any. The lock `_acting` is held during each, so that what was
checked is still so when it is done. `tell` runs on any thread, and must not call the laboratory.
"""

from __future__ import annotations

import json
import os
import random
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any, Callable

from classroom.actor import OVER, Actor, StartFailed, Tell
from classroom.cast import Cast
from dashboard.caller import RATE_PER_S, SERVICE, checked_count, checked_rate
from dashboard.links import Link
from dashboard.processes import CLIENT, PROXY, REGISTRY, SERVER, Member, Refused
from ponte.net.address import Address, show
from ponte.process.own_files import is_file, own_file

SERVERS = 3
# The page has room for so many.
MOST = {SERVER: 8, PROXY: 3, REGISTRY: 2}
# Registries listen here, on the first ports that are free.
REGISTRY_PORTS = range(20_000, 30_000)
LOOPBACK = "127.0.0.1"
# Milliseconds of a slow link where the command does not say.
SLOW_MS = 300
# Calls of a burst where the command does not say.
BURST = 10

Command = Callable[[Mapping[str, Any]], object]


def free_ports(count: int) -> list[Address]:
    """So many addresses of this machine whose ports are free for TCP and UDP."""
    found: list[Address] = []
    while len(found) < count:
        address = LOOPBACK, random.choice(REGISTRY_PORTS)
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(address)
                udp.bind(address)
            except OSError:
                continue
        if address not in found:
            found.append(address)
    return found


class Laboratory:
    """The processes. `start` starts them; `stop` ends them all, and `start` may follow.

    Parameters: `tell`, which gets each event; `observe`, the "host:port" to which the processes
    send theirs, "" for nowhere.
    """

    def __init__(self, tell: Tell, observe: str = "") -> None:
        self._tell = tell
        self._observe = observe
        self._acting = threading.RLock()
        # The calls a second that the client makes. Guarded by self._acting.
        self.per_s = RATE_PER_S
        self._is_closing = False
        # Held during no call to elsewhere. It guards the two tables.
        self._lock = threading.Lock()
        self._members: dict[str, Member] = {}
        self._links: dict[str, Link] = {}
        # Guarded by self._acting.
        self._cast = Cast()
        self._registries: list[Address] = []

    def start(self) -> None:
        """Starts a registry, servers, a proxy and a client; returns when all run.

        Blocks for about a second. Raises StartFailed.
        """
        with self._acting:
            self._cast.close()
            self._cast = Cast(self._observe, self._hear)
            self._registries = free_ports(MOST[REGISTRY])
            self._start(Member("registry", REGISTRY))
            started = [self._start(Member(f"server-{number}", SERVER, SERVICE))
                       for number in range(1, SERVERS + 1)]
            started.append(self._start(Member("proxy", PROXY)))
            for actor in started:
                actor.await_banner()
            self._start(Member("client", CLIENT)).await_banner()

    def stop(self) -> None:
        """Ends all processes, also those that are frozen. Each is told to be gone."""
        with self._acting:
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
        with self._acting:
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
        with self._acting:
            return self._cast[name]

    @property
    def commands(self) -> dict[str, Command]:
        """What the page may ask for, by name. Each takes the whole command as a dict, and raises
        ValueError, often Refused, with one line.
        """
        return {"kill": self._kill, "freeze": self._freeze, "thaw": self._thaw,
                "drain": self._drain, "start": self._start_again, "lose reply": self._lose_reply,
                "cut": self._cut, "mend": self._mend, "slow": self._slow, "burst": self._burst,
                "call": self._call, "rate": self._rate, "resolve": self._resolve,
                "add": self._add, "add proxy": self._add_proxy, "add registry": self._add_registry}

    # ---- what is done to a process

    def _kill(self, command: Mapping[str, Any]) -> None:
        with self._acting:
            actor, link = self._checked(command, "kill")
            # From now on callers are refused, as by the port of a process that is dead.
            if link:
                link.refuse()
            actor.kill()

    def _freeze(self, command: Mapping[str, Any]) -> None:
        with self._acting:
            actor, link = self._checked(command, "freeze")
            self._of_system(actor.name, actor.freeze)
            if link:
                link.freeze()

    def _thaw(self, command: Mapping[str, Any]) -> None:
        with self._acting:
            actor, link = self._checked(command, "thaw")
            if link:
                link.thaw()
            self._of_system(actor.name, actor.thaw)

    def _drain(self, command: Mapping[str, Any]) -> None:
        with self._acting:
            self._checked(command, "drain")[0].drain()

    def _start_again(self, command: Mapping[str, Any]) -> None:
        with self._acting:
            self._checked(command, "start")
            member = self._member(command)
            self._tell_fault(member.name, "start")
            try:
                self._start(member)
            except StartFailed as error:
                raise Refused("did not start", str(error), who=member.name) from None

    def _of_system(self, who: str, act: Callable[[], None]) -> None:
        try:
            act()
        except OSError as error:
            raise Refused("cannot freeze", f"{who}: the system does not allow it: {error}",
                          who=who) from None

    # ---- what is done to a link

    def _lose_reply(self, command: Mapping[str, Any]) -> None:
        """Of the next call, or where the command has a `method`, of the next call of that."""
        method = _text(command, "method")
        with self._acting:
            self._link(command, "lose reply").lose_reply(method)
            self._tell_fault(command["who"], "lose reply",
                             **({"method": method} if method else {}))

    def _cut(self, command: Mapping[str, Any]) -> None:
        with self._acting:
            link = self._link(command, "cut")
            self._tell_fault(command["who"], "cut")
            link.cut()
            self._changed(command["who"], is_cut=True)

    def _mend(self, command: Mapping[str, Any]) -> None:
        with self._acting:
            link = self._link(command, "mend")
            self._tell_fault(command["who"], "mend")
            link.mend()
            self._changed(command["who"], is_cut=False, slow_ms=0)

    def _slow(self, command: Mapping[str, Any]) -> None:
        ms = command.get("ms", SLOW_MS)
        with self._acting:
            self._link(command, "slow").slow(ms)
            self._tell_fault(command["who"], "slow", ms=ms)
            self._changed(command["who"], slow_ms=ms)

    def _link(self, command: Mapping[str, Any], what: str) -> Link:
        link = self._checked(command, what)[1]
        assert link
        return link

    # ---- what the client does

    def _burst(self, command: Mapping[str, Any]) -> None:
        count = checked_count(command.get("count", BURST))
        method = _text(command, "method")
        with self._acting:
            self._ask_client({"do": "burst", "count": count, "method": method},
                             lambda: self._tell_fault("client", "burst", count=count))

    def _call(self, command: Mapping[str, Any]) -> None:
        ask: dict[str, Any] = {"do": "call", "method": _text(command, "method") or "hello",
               "service": _text(command, "service") or SERVICE}
        if "params" in command:
            if not isinstance(command["params"], list):
                raise ValueError("params: give a list")
            ask["params"] = command["params"]
        with self._acting:
            self._ask_client(ask)

    def _rate(self, command: Mapping[str, Any]) -> None:
        per_s = checked_rate(command.get("per_s"))
        with self._acting:
            self._ask_client({"do": "rate", "per_s": per_s})
            self.per_s = per_s

    def _resolve(self, command: Mapping[str, Any]) -> None:
        with self._acting:
            self._ask_client({"do": "resolve", "id": _text(command, "id")})

    def _ask_client(self, ask: dict[str, Any], before: Callable[[], None] = lambda: None) -> None:
        actor, _ = self._checked({"who": "client"}, "burst")
        before()
        try:
            actor.say(json.dumps(ask))
        except OSError:
            raise Refused("not running", "client has ended: start it again first",
                          who="client") from None

    # ---- more processes

    def _add(self, command: Mapping[str, Any]) -> None:
        """A server of any services file, by its path or, for one of our own, by its name."""
        given = _text(command, "file") or SERVICE
        file = own_file("services", f"{given}.py") if given.isidentifier() else \
            os.path.abspath(os.path.expanduser(given))
        if not is_file(file):
            raise Refused("no such file", f"{given}: no such file; give the path of a file of "
                          "functions, or the name of one in services/", file=given)
        service = os.path.splitext(os.path.basename(file))[0]
        with self._acting:
            actor = self._start(Member(self._next_name(SERVER), SERVER, service, file))
        self._await(actor)

    def _add_proxy(self, command: Mapping[str, Any]) -> None:
        with self._acting:
            actor = self._start(Member(self._next_name(PROXY), PROXY))
        self._await(actor)

    def _add_registry(self, command: Mapping[str, Any]) -> None:
        with self._acting:
            name = self._next_name(REGISTRY)
            try:
                self._start(Member(name, REGISTRY))
            except StartFailed as error:
                self._forget(name)
                raise Refused("did not start", str(error), who=name) from None

    def _await(self, actor: Actor) -> None:
        try:
            actor.await_banner()
        except StartFailed as error:
            self._forget(actor.name)
            raise Refused("did not start", str(error), who=actor.name) from None

    def _next_name(self, role: str) -> str:
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

    def _forget(self, name: str) -> None:
        """One that was added, and did not start."""
        with self._acting, self._lock:
            self._members.pop(name, None)
            link = self._links.pop(name, None)
        if link:
            link.close()

    # ---- starting

    def _start(self, member: Member) -> Actor:
        """Starts one, for the first time or again. Only a registry is waited for."""
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

    # ---- the table

    def _member(self, command: Mapping[str, Any]) -> Member:
        who = command.get("who")
        with self._lock:
            member = self._members.get(who) if isinstance(who, str) else None
        if member is None:
            raise Refused("no such process", f"there is no process {who!r:.80} here")
        return member

    def _checked(self, command: Mapping[str, Any], what: str) -> tuple[Actor, Link | None]:
        """The process that a command names, and its link. Raises Refused where `what` makes no
        sense now. Caller holds self._acting.
        """
        member = self._member(command)
        member.check(what)
        with self._lock:
            link = self._links.get(member.name)
        return self._cast[member.name], link

    def _changed(self, name: str, **values: Any) -> None:
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
                else:
                    # The laboratory has ended, or one that was added did not start.
                    event.update(state="gone", forget=True)
            if link and event["state"] == "up":
                link.open((LOOPBACK, event["port"]))
            elif link and event["state"] in OVER:
                link.refuse()
        self._tell(event)

    def _tell_fault(self, who: str, what: str, **values: Any) -> None:
        self._tell({"k": "fault", "p": "laboratory", "t": time.perf_counter(), "who": who,
                    "what": what, **values})


def _text(command: Mapping[str, Any], key: str) -> str:
    """A text of a command; "" where it has none. Raises ValueError for anything else."""
    value = command.get(key, "")
    if not isinstance(value, str) or len(value) > 1000:
        raise ValueError(f"{key}: give a text")
    return value
