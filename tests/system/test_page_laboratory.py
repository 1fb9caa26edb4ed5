"""The laboratory of the live page: real processes, and what their events say of each fault."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import unittest
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar
from unittest import mock

from classroom.actor import CAN_FREEZE, OVER, Actor
from dashboard.attach import Attached
from dashboard.collector import Collector
from dashboard.laboratory import Laboratory
from dashboard.lives import free_ports
from ponte.net.address import show
from tests.system.cluster import SystemTest
from tests.system.harness import ROOT, wait_until, with_ctrl_c
from tests.system.test_demo import is_alive
from tests.windows import windows_cannot

PATIENCE_S = 20.0
Event = dict[str, Any]

# A launcher that freezes a server and its client, says who is there, and waits for its end.
LAUNCHER = """
import sys
from dashboard.laboratory import Laboratory
laboratory = Laboratory(lambda event: None)
laboratory.start()
for who in ("server-1", "client", "registry"):
    laboratory.commands["freeze"]({"who": who})
print(*(laboratory.actor(name).pid for name in laboratory.names()), flush=True)
sys.stdin.read()
"""


class Told:
    """The events that a collector has taken, in order."""

    def __init__(self, collector: Collector) -> None:
        self._changed = threading.Lock()
        self._events: list[Event] = []
        collector.on_lines = self._take

    def _take(self, lines: Sequence[str | bytes]) -> None:
        events = [json.loads(line) for line in lines]
        with self._changed:
            self._events += events

    def all(self, **fields: Any) -> list[Event]:
        """Those that have these fields."""
        with self._changed:
            return [event for event in self._events
                    if all(event.get(name) == value for name, value in fields.items())]

    def one(self, after: float = 0.0, **fields: Any) -> Event:
        """Waits for the first one after a time of the page, in ms."""
        def found() -> Event | None:
            return next((event for event in self.all(**fields) if event["t"] >= after), None)

        return wait_until(found, PATIENCE_S, f"an event with {fields}") or {}


class Faults(unittest.TestCase):
    """One laboratory for all tests."""

    collector: ClassVar[Collector]
    laboratory: ClassVar[Laboratory]
    told: ClassVar[Told]

    @classmethod
    def setUpClass(cls) -> None:
        cls.collector = Collector()
        cls.addClassCleanup(cls.collector.close)
        cls.told = Told(cls.collector)
        cls.collector.start()
        cls.laboratory = Laboratory(cls.collector.put, show(cls.collector.address))
        cls.addClassCleanup(cls.laboratory.close)
        cls.laboratory.start()
        cls.laboratory.commands["rate"]({"per_s": 10})

    def do(self, what: str, who: str = "", **more: Any) -> float:
        """Lets a fault loose; returns its time in ms of the page."""
        before = len(self.told.all(k="fault"))
        self.laboratory.commands[what]({"what": what, **({"who": who} if who else {}), **more})
        wait_until(lambda: len(self.told.all(k="fault")) > before, PATIENCE_S, f"fault {what}")
        return float(self.told.all(k="fault")[before]["t"])

    def test_a_server_that_is_killed_is_told_at_once_refuses_and_no_call_fails(self) -> None:
        killed = self.do("kill", "server-2")
        self.assertLess(self.told.one(killed, k="proc", who="server-2", state="killed")["t"],
                        killed + 500)
        self.do("burst", count=12)

        def refused() -> list[Event]:
            return [event for event in self.told.all(k="settle") if event["t"] > killed
                    and event["outcome"] == "not sent" and "refused" in event["what"].lower()]

        wait_until(refused, PATIENCE_S, "an attempt meets the port of the dead server")
        wait_until(lambda: {event["id"] for event in self.told.all(k="call")}
                   == {event["id"] for event in self.told.all(k="done")}, PATIENCE_S,
                   "no call waits")
        self.assertEqual([event for event in self.told.all(k="done")
                          if event["t"] > killed and event["outcome"] != "answered"], [])
        started = self.do("start", "server-2")
        self.told.one(started, k="proc", who="server-2", state="up")
        self.told.one(started, k="run", p="server-2")

    def test_a_reply_of_buy_is_lost_and_the_call_runs_once(self) -> None:
        began = self.do("lose reply", "server-3", method="buy")
        self.do("burst", count=9, method="buy")
        lost = self.told.one(began, k="lost", who="server-3", what="reply")
        done = self.told.one(began, k="done", id=lost["id"])
        self.assertEqual((done["outcome"], done["by"]), ("answered", "server-3"))
        self.assertEqual(len(self.told.all(k="run", id=lost["id"])), 1)
        self.assertEqual([event["how"] for event in self.told.all(k="memo", id=lost["id"])],
                         ["reply"])

    @unittest.skipUnless(CAN_FREEZE, "this system cannot freeze a process")
    def test_a_call_to_a_frozen_server_runs_once_late_and_can_be_resolved(self) -> None:
        # Before that, it would only be asked for a session, which is no call yet.
        self.told.one(k="run", p="server-1", method="buy")
        frozen = self.do("freeze", "server-1")
        self.do("burst", count=9, method="buy")
        unknown = self.told.one(frozen, k="done", outcome="unknown")["id"]
        self.assertEqual(self.told.all(k="run", id=unknown), [])
        thawed = self.do("thaw", "server-1")
        self.told.one(thawed, k="lost", id=unknown, what="late")
        self.told.one(thawed, k="run", id=unknown, p="server-1")
        self.laboratory.commands["resolve"]({"id": unknown})
        self.assertEqual(self.told.one(thawed, k="resolved", id=unknown)["outcome"], "answered")
        self.assertEqual(len(self.told.all(k="run", id=unknown)), 1)

    def test_a_page_that_is_opened_late_learns_how_links_are(self) -> None:
        """From the last event of each process, which stands when those before are dropped."""
        for what, more, cut, slow_ms in (("slow", {"ms": 40}, False, 40), ("cut", {}, True, 40),
                                         ("mend", {}, False, 0)):
            at = self.do(what, "server-3", **more)
            told = self.told.one(at, k="proc", who="server-3")
            self.assertEqual((told["cut"], told["slow_ms"]), (cut, slow_ms))

    def test_what_makes_no_sense_is_refused_and_tells_nothing(self) -> None:
        before = len(self.told.all(k="fault"))
        for command, line in (
                ({"what": "kill", "who": "server-9"}, "there is no process 'server-9' here"),
                ({"what": "kill", "who": 1}, "there is no process 1 here"),
                ({"what": "kill"}, "there is no process None here"),
                ({"what": "cut", "who": "proxy"},
                 "proxy has no link: links stand before servers"),
                ({"what": "slow", "who": "server-1", "ms": -1},
                 "-1 is no delay: take 0 to 10000 milliseconds"),
                ({"what": "burst", "count": 0}, "0 is no burst: take 1 to 100 calls"),
                ({"what": "rate", "per_s": "x"},
                 "'x' is no rate: take 0, or 0.01 to 200 calls a second"),
                ({"what": "lose reply", "who": "server-1", "method": "\ud800"},
                 "method: give a text"),
                ({"what": "lose reply", "who": "server-1", "method": "a b"},
                 "'a b' is no name of a method"),
                ({"what": "call", "params": "x"}, "params: give a list"),
                ({"what": "add", "file": "/nowhere.py"},
                 "/nowhere.py: no such file; give the path of a file of functions, or the name of "
                 "one in services/")):
            with self.subTest(command), self.assertRaises(ValueError) as raised:
                self.laboratory.commands[str(command["what"])](command)
            self.assertEqual(str(raised.exception), line)
        self.assertEqual(len(self.told.all(k="fault")), before)

    def test_a_second_of_each_role_joins_and_the_registry_that_is_added_knows_all(self) -> None:
        for command in ({"what": "add", "file": "bank"}, {"what": "add proxy"},
                        {"what": "add registry"}):
            self.laboratory.commands[command["what"]](command)
        for who in ("server-1", "server-4", "proxy", "proxy-2"):
            self.told.one(k="took", p="registry-2", who=who)
        self.assertEqual(self.told.one(k="proc", who="server-4", state="up")["service"], "bank")
        with self.assertRaisesRegex(ValueError, "there are 2 registries: that is the most"):
            self.laboratory.commands["add registry"]({})
        # One that cannot be imported says so in one line, and is forgotten: also where its end was
        # told before anybody waited for its banner.
        heard = Actor.await_banner

        def after_its_end(actor: Actor) -> Actor:
            wait_until(lambda: actor.state in OVER, PATIENCE_S, "it has ended")
            return heard(actor)

        for waits in (heard, after_its_end):
            told = len(self.told.all(k="proc", who="server-5", forget=True))
            with mock.patch.object(Actor, "await_banner", waits), self.assertRaisesRegex(
                    ValueError, r"\Aserver-5: server\.py: .*no public function"):
                self.laboratory.commands["add"]({"file": os.path.join(ROOT, "services", "..", "lab",
                                                                      "__init__.py")})
            wait_until(partial(self.is_forgotten, "server-5", told), PATIENCE_S, "it is forgotten")
            self.assertNotIn("server-5", self.laboratory.names())

    def is_forgotten(self, who: str, told: int) -> bool:
        """Whether the page was told so more often than before."""
        return len(self.told.all(k="proc", who=who, forget=True)) > told


def are_gone(pids: Sequence[int]) -> bool:
    """Whether none of these processes is there any more."""
    return not any(map(is_alive, pids))


class Launchers(unittest.TestCase):
    @windows_cannot("it has no such signals; there a job ends all, see test_demo.py")
    def test_nothing_outlives_a_launcher_however_it_ends_also_what_is_frozen(self) -> None:
        """It is killed, while it is stopped itself; and its terminal is closed."""
        if sys.platform == "win32":
            return
        with_ctrl_c(self, signal.SIGHUP)
        ends: list[tuple[Callable[[subprocess.Popen[str]], None], ...]] = [
            (lambda launcher: launcher.send_signal(signal.SIGSTOP), subprocess.Popen.kill),
            (lambda launcher: launcher.send_signal(signal.SIGHUP),)]
        launchers = [subprocess.Popen([sys.executable, "-c", LAUNCHER], cwd=ROOT, text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                     for _ in ends]
        for launcher, end in zip(launchers, ends):
            with launcher:
                assert launcher.stdout
                pids = list(map(int, launcher.stdout.readline().split()))
                self.assertEqual((len(pids), all(map(is_alive, pids))), (6, True))
                for step in end:
                    step(launcher)
                launcher.wait(PATIENCE_S)
                wait_until(partial(are_gone, pids), PATIENCE_S, "all processes have ended")


class Attaching(SystemTest):
    def test_the_page_beside_terminals_follows_who_comes_and_who_leaves(self) -> None:
        registry = self.cluster.start_registry()
        one = self.cluster.start_server("services/kiosk.py", "server-1")
        collector = Collector()
        self.addCleanup(collector.close)
        told = Told(collector)
        collector.start()
        attached = Attached(collector.put, collector.address, [registry.address])
        self.addCleanup(attached.close)
        attached.start()
        up = told.one(k="proc", who="server-1", state="up")
        self.assertEqual((up["pid"], up["service"], up["can"]), (one.pid, "kiosk", []))
        two = self.cluster.start_server("services/kiosk.py", "server-2")
        told.one(k="proc", who="server-2", state="up")
        told.one(k="beat", p="server-2")
        self.assertEqual(self.cluster.client("kiosk").buy("tea"), 1)
        told.one(k="run", method="buy")
        two.close()
        told.one(k="proc", who="server-2", state="gone")
        self.assertEqual(attached.commands, {})

    def test_what_cannot_be_watched_is_told_in_one_line(self) -> None:
        nobody = free_ports(1)
        with self.assertRaisesRegex(ValueError, r"\Ano registry answers at 127\.0\.0\.1:\d+ "
                                                r"- start one with: [^\n]*registry"):
            attached = Attached(lambda event: None, ("127.0.0.1", 9), nobody)
            self.addCleanup(attached.close)
            attached.start()
        with self.assertRaisesRegex(ValueError, "not on this machine"):
            Attached(lambda event: None, ("127.0.0.1", 9), [("10.0.0.1", 4100)])


if __name__ == "__main__":
    unittest.main()
