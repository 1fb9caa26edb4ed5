"""The laboratory: what a click on the live page does to the processes.

    client  →  proxy  →  link  →  server-1, server-2, server-3         registry

A command is a dict that came from the page. It names a process of our own table (lives.py), and
never a pid. Something that makes no sense now is `Refused`, with one line.

Threads: commands may come from any; each holds the lock of the table.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, Callable

from classroom.actor import Actor, StartFailed, Tell
from dashboard.caller import SERVICE, checked_count, checked_rate
from dashboard.links import Link
from dashboard.lives import Lives, did_not_start
from dashboard.processes import CLIENT, PROXY, REGISTRY, SERVER, Member, Refused
from ponte.net.address import Address
from ponte.process.own_files import is_file, own_file

# Milliseconds of a slow link, and calls of a burst, where the command does not say.
SLOW_MS = 300
BURST = 10

Command = Callable[[Mapping[str, Any]], object]


class Laboratory:
    """The commands, and the table of processes behind them.

    Parameters: `tell`, which gets each event; `observe`, the "host:port" to which the processes
    send theirs, "" for nowhere.
    """

    def __init__(self, tell: Tell, observe: str = "") -> None:
        self._lives = Lives(tell, observe)

    def start(self) -> None:
        """Starts a registry, servers, a proxy and a client; returns when all run.

        Blocks for about a second. Raises StartFailed.
        """
        self._lives.start()

    def stop(self) -> None:
        """Ends all processes, also those that are frozen. `start` may follow."""
        self._lives.stop()

    def close(self) -> None:
        """Ends all processes, and deletes their files. A `start` that goes on fails."""
        self._lives.close()

    def names(self) -> list[str]:
        """The processes of the table."""
        return self._lives.names()

    def actor(self, name: str) -> Actor:
        """The process of that name in its present life. Raises KeyError."""
        return self._lives.actor(name)

    @property
    def registry(self) -> Address | None:
        """Where the first registry listens, or will again; None before the start."""
        return self._lives.registry

    @property
    def per_s(self) -> float:
        """The calls a second that the client makes."""
        return self._lives.per_s

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
        with self._lives.acting:
            actor, link = self._lives.checked(command.get("who"), "kill")
            # From now on callers are refused, as by the port of a process that is dead.
            if link:
                link.refuse()
            actor.kill()

    def _freeze(self, command: Mapping[str, Any]) -> None:
        with self._lives.acting:
            actor, link = self._lives.checked(command.get("who"), "freeze")
            self._of_system(actor.name, actor.freeze)
            if link:
                link.freeze()

    def _thaw(self, command: Mapping[str, Any]) -> None:
        with self._lives.acting:
            actor, link = self._lives.checked(command.get("who"), "thaw")
            if link:
                link.thaw()
            self._of_system(actor.name, actor.thaw)

    def _drain(self, command: Mapping[str, Any]) -> None:
        with self._lives.acting:
            self._lives.checked(command.get("who"), "drain")[0].drain()

    def _start_again(self, command: Mapping[str, Any]) -> None:
        with self._lives.acting:
            self._lives.checked(command.get("who"), "start")
            member = self._lives.member(command["who"])
            self._lives.tell_fault(member.name, "start")
            try:
                self._lives.start_one(member)
            except StartFailed as error:
                raise did_not_start(member.name, error) from None

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
        with self._lives.acting:
            self._link(command, "lose reply").lose_reply(method)
            self._lives.tell_fault(command["who"], "lose reply",
                             **({"method": method} if method else {}))

    def _cut(self, command: Mapping[str, Any]) -> None:
        with self._lives.acting:
            link = self._link(command, "cut")
            self._lives.tell_fault(command["who"], "cut")
            link.cut()
            self._lives.changed(command["who"], is_cut=True)

    def _mend(self, command: Mapping[str, Any]) -> None:
        with self._lives.acting:
            link = self._link(command, "mend")
            self._lives.tell_fault(command["who"], "mend")
            link.mend()
            self._lives.changed(command["who"], is_cut=False, slow_ms=0)

    def _slow(self, command: Mapping[str, Any]) -> None:
        ms = command.get("ms", SLOW_MS)
        with self._lives.acting:
            self._link(command, "slow").slow(ms)
            self._lives.tell_fault(command["who"], "slow", ms=ms)
            self._lives.changed(command["who"], slow_ms=ms)

    def _link(self, command: Mapping[str, Any], what: str) -> Link:
        link = self._lives.checked(command.get("who"), what)[1]
        assert link
        return link

    # ---- what the client does

    def _burst(self, command: Mapping[str, Any]) -> None:
        count = checked_count(command.get("count", BURST))
        method = _text(command, "method")
        with self._lives.acting:
            self._ask_client({"do": "burst", "count": count, "method": method},
                             lambda: self._lives.tell_fault("client", "burst", count=count))

    def _call(self, command: Mapping[str, Any]) -> None:
        ask: dict[str, Any] = {"do": "call", "method": _text(command, "method") or "hello",
                               "service": _text(command, "service") or SERVICE}
        if "params" in command:
            if not isinstance(command["params"], list):
                raise ValueError("params: give a list")
            ask["params"] = command["params"]
        with self._lives.acting:
            self._ask_client(ask)

    def _rate(self, command: Mapping[str, Any]) -> None:
        per_s = checked_rate(command.get("per_s"))
        with self._lives.acting:
            self._ask_client({"do": "rate", "per_s": per_s})
            self._lives.per_s = per_s

    def _resolve(self, command: Mapping[str, Any]) -> None:
        with self._lives.acting:
            self._ask_client({"do": "resolve", "id": _text(command, "id")})

    def _ask_client(self, ask: dict[str, Any], before: Callable[[], None] = lambda: None) -> None:
        actor, _ = self._lives.checked(CLIENT, "burst")
        before()
        try:
            actor.say(json.dumps(ask))
        except TimeoutError:
            raise Refused("does not read", "client does not read what it is told: it may be "
                          "stopped from outside", who="client") from None
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
            raise Refused("no such file", f"{' '.join(given.split())}: no such file; give the path "
                          "of a file of functions, or the name of one in services/", file=given)
        service = os.path.splitext(os.path.basename(file))[0]
        with self._lives.acting:
            name = self._lives.next_name(SERVER)
            actor = self._lives.start_one(Member(name, SERVER, service, file))
        self._lives.await_new(actor)

    def _add_proxy(self, command: Mapping[str, Any]) -> None:
        with self._lives.acting:
            actor = self._lives.start_one(Member(self._lives.next_name(PROXY), PROXY))
        self._lives.await_new(actor)

    def _add_registry(self, command: Mapping[str, Any]) -> None:
        with self._lives.acting:
            name = self._lives.next_name(REGISTRY)
            try:
                self._lives.start_one(Member(name, REGISTRY))
            except StartFailed as error:
                self._lives.forget(name)
                raise did_not_start(name, error) from None


def _text(command: Mapping[str, Any], key: str) -> str:
    """A text of a command; "" where it has none. Raises ValueError for anything else."""
    value = command.get(key, "")
    # JSON has lone surrogates ("\\ud800"), which no file and no message can carry.
    if not isinstance(value, str) or len(value) > 1000 or not _can_be_sent(value):
        raise ValueError(f"{key}: give a text")
    return value


def _can_be_sent(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
