"""Incident C: replies are lost, and one of three tills is a program that does not mark its calls.

Each till makes as many deposits as the others, on the account of its own name, and none has an
error. The clients of Ponte send a call again with its number, and the server answers from memory.
The third one is the xmlrpc.client of Python's library: when a connection breaks it sends the call
again, by itself and without a mark, and the deposit runs twice.
"""

from __future__ import annotations

import random
import threading
import xmlrpc.client
from collections import Counter

from classroom.actor import StartFailed
from course.incidents.incident import Figure, Incident, Wait
from course.incidents.system import Pages, System
from lab.fates import Fate
from lab.tcp_relay import TcpRelay
from ponte.net.address import show
from ponte.process.own_files import own_file

TILLS = ("ana", "bia", "caio")
DEPOSITS = 40
# Seconds between two deposits of a till.
EVERY_S = 0.2


class LegacyClient(Incident):
    letter, kind, remedy = "c", "no_call_ids", "4"
    proves = frozenset({"tap_called"})
    example, lasts_s = "bank balance ana", 10.0

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.who = rng.choice(TILLS)
        self.cents = rng.choice((100, 125, 150, 175))
        # Of each till, the reply to every so many-th deposit is lost.
        self.lost_each = rng.choice((6, 7, 8, 9))
        self._lock = threading.Lock()
        self._deposits: Counter[bytes] = Counter()

    def begin(self, system: System) -> None:
        system.registry()
        # Before the server's own door: what is lost has passed there.
        self.relay = TcpRelay()
        system.also(self.relay)
        self.relay.fate_of = self._fate_of
        system.server("bank-1", own_file("services", "bank.py"),
                      system.doors["registry"].address, behind=self.relay.address)
        self.relay.target = system.doors["bank-1"].address
        system.await_all()

    def plant(self, system: System, wait: Wait) -> None:
        for name in TILLS:
            where = (["--at", show(self.relay.address)] if name == self.who else
                     ["--registry", system.where("registry")])
            system.caller(name, "bank", "deposit", name, str(self.cents), *where,
                          "--every", str(EVERY_S), "--count", str(DEPOSITS))
        system.await_all()
        while not all(f"{DEPOSITS} calls" in system.cast[name].lines()[-1] for name in TILLS):
            wait(0.25)
            for name in TILLS:
                if not system.cast[name].is_running:
                    raise StartFailed(f"{name}: {system.cast[name].lines()[-1]}")

    def measure(self, pages: Pages, wait: Wait) -> tuple[Figure, Figure]:
        bank = xmlrpc.client.ServerProxy(f"http://{show(pages.address('bank-1'))}/bank")
        balance = bank.balance(self.who)
        assert isinstance(balance, int)
        return (Figure(balance - DEPOSITS * self.cents, 0),
                Figure(pages.status("bank-1")["requests"]["repeats"], 0))

    def _fate_of(self, data: bytes) -> Fate | None:
        for name in TILLS:
            if b"deposit" in data and f">{name}<".encode() in data:
                with self._lock:
                    self._deposits[name.encode()] += 1
                    if self._deposits[name.encode()] % self.lost_each == 0:
                        return Fate(cut_reply_at=0)
        return None
