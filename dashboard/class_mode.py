"""The class joins: opens and closes what the local network reaches, and shows all of it.

    phones    ─ TCP ─► phones.py   the question and four buttons; ponte.pyz
    laptops   ─ UDP ─► gate.py     beats that the code of the class has signed

Nothing is open before the teacher opens it, and all is closed by the same key, at the end of the
page, or after LIMIT_S. Both ports have the same number where that can be had. What is open, at
which addresses, and for how long is told in the event `exposed`: so the page always shows it, and a
recording has it, too.

Threads: the commands come on any; one of its own looks at the time, and tells what has changed.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Collection, Mapping
from typing import Any, Callable, NamedTuple, Protocol
from xmlrpc.client import Fault

from classroom.language import Words
from classroom.outward import outward_hosts
from dashboard.archive import archive
from dashboard.ballot import Put
from dashboard.caller import SERVICE
from dashboard.code import new_invitation
from dashboard.gate import Gate
from dashboard.gatekeeper import Gatekeeper, Member
from dashboard.phones import Ballot, Phones
from dashboard.qr import qr_rows
from ponte.discovery.follower import ask
from ponte.net.address import Address, quoted, show
from ponte.net.pool import Pool
from ponte.net.stream import listen

# Where phones and laptops come, if it is free: an address that is typed by hand, and perhaps
# opened in a firewall, had better stay the same.
PORT = 4190
# Seconds until the class ends by itself: a double lesson.
LIMIT_S = 3 * 3600.0
# Between two events that tell how many are there, in seconds.
LOOK_S = 1.0
# How long the registry may take to name its servers, and how long that is believed, in seconds.
ASK_S, BELIEVE_S = 0.3, 1.0
# Random ports that are tried until one is free for UDP and TCP.
TRIES = 10

BEATS = {"en": "heartbeats that the code has signed: laptops join with a server of their own",
         "pt": "batimentos assinados com o código: notebooks entram com um servidor próprio"}
VOTES = {"en": "the question, one vote a device, and the file ponte.pyz",
         "pt": "a pergunta, um voto por aparelho e o arquivo ponte.pyz"}


class Lab(Protocol):
    """What is asked of the laboratory."""

    @property
    def registry(self) -> Address | None: ...
    def names(self) -> Collection[str]: ...


class _Setting(NamedTuple):
    """What a class is made of. See ClassMode."""

    put: Put
    laboratory: Lab
    ballot: Ballot
    service: str
    limit_s: float


class ClassMode:
    """A part of the page (dashboard/command.py), whose command `class` opens and closes it.

    Parameters: `put` takes events; `laboratory`; `ballot`, where votes go; `words`; `opens`, the
    address at which `start` opens it: None for not yet, "" for the likeliest; `service` of the
    laboratory; `limit_s`, after which it ends by itself, in seconds.
    """

    def __init__(self, put: Put, laboratory: Lab, ballot: Ballot, words: Words,
                 opens: str | None, *,
                 service: str = SERVICE, limit_s: float = LIMIT_S) -> None:
        self._words, self._opens = words, opens
        self._setting = _Setting(put, laboratory, ballot, service, limit_s)
        self.commands: dict[str, Callable[[Mapping[str, Any]], object]] = {"class": self._command}
        self._lock = threading.RLock()
        # Guarded by self._lock: what is open.
        self._class: _Class | None = None
        self._ended = False

    def start(self) -> None:
        """Opens it, where the page was asked to. Raises ValueError, with one line."""
        if self._opens is not None:
            self.open(self._opens)

    def close(self) -> None:
        """Ends it for good."""
        with self._lock:
            self._ended = True
            self.end()

    def open(self, address: str = "") -> None:
        """Opens both ports at `address`, "" for the likeliest. Raises ValueError, with one line."""
        with self._lock:
            if self._class or self._ended:
                raise ValueError(self._words("the class is open already"))
            hosts = hosts_for(address, self._words)
            try:
                self._class = _Class(self._setting, hosts, self._end_if)
            except OSError as error:
                raise ValueError(self._words("--class: cannot listen at {address}: {error}",
                                             address=hosts[0], error=error.strerror or error)) \
                    from None
            try:
                self._class.start()
            except Exception:
                self.end()
                raise

    def end(self) -> None:
        """Closes both ports, and forgets the key. Nothing happens where none is open."""
        with self._lock:
            ended, self._class = self._class, None
            if ended:
                ended.close()

    def _command(self, body: Mapping[str, Any]) -> None:
        wished = body.get("open")
        if not isinstance(wished, bool):
            raise ValueError('"open" is true or false')
        address = body.get("address", "")
        if not isinstance(address, str):
            raise ValueError('"address" is a text')
        if wished:
            self.open(address)
        else:
            self.end()

    def _end_if(self, this: _Class) -> None:
        """Ends a class whose time is over, if it is not a later one that is open now."""
        with self._lock:
            if self._class is this:
                self.end()


class _Class:
    """One class, from its opening to its end: its ports, its code, and those who are there.

    The constructor raises OSError where it cannot listen.
    """

    def __init__(self, setting: _Setting, hosts: list[str],
                 on_time_over: Callable[[_Class], None]) -> None:
        self._put, self._laboratory, ballot, self._service, limit_s = setting
        self._hosts, self._on_time_over = hosts, on_time_over
        self._ends_at, self._until = time.monotonic() + limit_s, time.time() + limit_s
        self._pool = Pool()
        # Names that the registry has, and until when that is believed.
        self._listed: frozenset[str] = frozenset()
        self._believed_until = 0.0
        # The servers of the class that the page knows, by name. For the thread of the gate.
        self._members: dict[str, Member] = {}
        self._closing = threading.Event()
        # Guarded by self._telling: what the last event said.
        self._telling = threading.Lock()
        self._told: dict[str, Any] = {}
        self._phones, sock = _listen_on_both(hosts[0], ballot, archive())
        with contextlib.ExitStack() as opening:
            opening.callback(self._phones.close)
            opening.callback(sock.close)
            invitation = new_invitation(*self._phones.address)
            key = invitation.key()
            self._code = invitation.code()
            self._url = f"http://{show(self._phones.address)}/"
            self._qr = qr_rows(self._url.encode())
            keeper = Gatekeeper(self._service, key, self._taken)
            self._gate = Gate(sock, keeper, key=key, on_change=self._tell_members,
                              registry=lambda: self._laboratory.registry)
            # From here on `close` ends both.
            opening.pop_all()
        self._thread = threading.Thread(target=self._watch, name="ponte-class", daemon=True)

    def start(self) -> None:
        self._phones.start()
        self._gate.start()
        self._tell()
        self._thread.start()

    def close(self) -> None:
        """Closes the ports at once, then tells that nothing is exposed."""
        self._closing.set()
        # In the opposite order, and each also where another one fails.
        with contextlib.ExitStack() as closing:
            closing.callback(self._tell_end)
            closing.callback(self._pool.close)
            closing.callback(self._phones.close)
            closing.callback(self._gate.close)

    def _tell_end(self) -> None:
        with self._telling:
            self._put({"k": "exposed", "list": [], "devices": 0})

    def _watch(self) -> None:
        while not self._closing.wait(LOOK_S):
            if time.monotonic() >= self._ends_at:
                self._on_time_over(self)
                return
            self._tell()

    def _tell(self) -> None:
        """What is exposed, if it is other than before. Nothing after `close`."""
        dropped = {**self._gate.dropped}
        for reason, count in list(self._phones.dropped.items()):
            dropped[f"http {reason}"] = count
        told = {"devices": self._phones.devices, "servers": len(self._members),
                "dropped": dropped}
        with self._telling:
            if told == self._told or self._closing.is_set():
                return
            self._told = told
            at = show(self._phones.address)
            self._put({
                "k": "exposed", "code": self._code, "url": self._url, "qr": self._qr,
                "hosts": self._hosts, "left_s": round(self._ends_at - time.monotonic(), 1),
                "list": [{"address": at, "protocol": "UDP", "what": BEATS, "until": self._until},
                         {"address": at, "protocol": "TCP", "what": VOTES, "until": self._until}],
                **told})

    # ---- for the gate

    def _taken(self) -> frozenset[str]:
        """The names that are not for the class: those of the laboratory, and those that a registry
        has from elsewhere. Asked for new names alone, on the thread of the gate.
        """
        now, registry = time.monotonic(), self._laboratory.registry
        if now >= self._believed_until and registry:
            self._believed_until = now + BELIEVE_S
            # While no registry answers, its last answer stands.
            with contextlib.suppress(OSError, Fault, ValueError, LookupError, TypeError):
                answer = ask(self._pool, registry, "lookup", self._service, timeout_s=ASK_S)
                self._listed = frozenset(each["instance"] for each in answer["endpoints"])
        return self._listed.union(self._laboratory.names()).difference(self._members)

    def _tell_members(self, members: Mapping[str, Member]) -> None:
        """The servers of students, as processes whose owners are their devices."""
        for name in self._members.keys() - members.keys():
            self._put(self._proc(name, self._members[name], "gone"))
        for name, member in members.items():
            before = self._members.get(name)
            if before is None or _seen(before) != _seen(member):
                self._put(self._proc(name, member, member.beat.state))
        self._members = dict(members)

    def _proc(self, name: str, member: Member, state: str) -> dict[str, Any]:
        gone = {"forget": True} if state == "gone" else {}
        return {"k": "proc", "who": name, "role": "server", "state": state, "can": [],
                "service": self._service, "port": member.beat.port, "owner": member.host, **gone}


def _seen(member: Member) -> tuple[str, int, str]:
    """What the page shows of a server."""
    return member.host, member.beat.port, member.beat.state


def hosts_for(address: str, words: Words) -> list[str]:
    """The addresses of this machine that phones may reach; the one to be used comes first.

    Raises ValueError, with one line, where there is none, or where `address` is none.
    """
    found = outward_hosts()
    if not address:
        if not found:
            raise ValueError(words("--class: this computer has no address in a network: connect "
                                   "it first"))
        return found
    if not _is_own(address):
        raise ValueError(words("--class {address}: take an IPv4 address of this computer, such as "
                               "{example}", address=quoted(address),
                               example=(*found, "192.168.1.20")[0]))
    return [address, *(host for host in found if host != address)]


def _is_own(address: str) -> bool:
    """Whether that is one IPv4 address of this machine: a socket can be bound to it."""
    try:
        named = ipaddress.IPv4Address(address)
        if named.is_unspecified or named.is_multicast or address == "255.255.255.255":
            return False
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((address, 0))
    except (ValueError, OSError):
        return False
    return True


def _listen_on_both(host: str, ballot: Ballot, file: bytes) -> tuple[Phones, socket.socket]:
    """The port for phones, and a UDP socket of the same number."""
    error: OSError | None = None
    # Port 0 last: another one than before, each time.
    for port in (PORT, *[0] * TRIES):
        try:
            phones = Phones((host, port), ballot, file)
        except OSError as failed:
            error = failed
            continue
        try:
            return phones, listen(host, phones.address[1], socket.SOCK_DGRAM)
        except OSError as failed:
            error = failed
            phones.close()
    assert error
    raise error
