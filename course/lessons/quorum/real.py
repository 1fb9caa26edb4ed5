"""The student's register on three servers of Ponte: each is a replica, behind a relay that can cut
it off. Real calls, on real sockets.

    python3 -m course.lessons.quorum.real FILE
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from ast import literal_eval
from collections.abc import Coroutine, Iterator, Mapping
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple
from xmlrpc.client import Fault

from client import CallError, Client
from course.lessons.quorum.world import Question, copied
from course.theirs import Theirs, must_have
from course.worker import load
from lab.tcp_relay import NOBODY, TcpRelay
from ponte.net.address import Address
from ponte.process.characters import write_any
from registry import Registry
from server import Server

NAMES = ("r1", "r2", "r3")
# Seconds: one call; a rest before the next one; an operation; and how long only one replica is up.
CALL_S, REST_S, OPERATION_S, ALONE_S = 1.0, 0.02, 4.0, 0.5
NO_ANSWER = "no answer"


class Seen(NamedTuple):
    """What Ana wrote at first, and later while r1 was cut off; what her read gave while only r1
    could be reached (NO_ANSWER: it waited), and in the end; and how long the read took from the
    moment in which r3 was back.
    """

    first: int
    second: int
    alone: str
    read: str
    took_s: float


class Site:
    """A replica in a server, and the relay before it."""

    def __init__(self, name: str, solution: ModuleType, registry: Address,
                 closes: contextlib.ExitStack) -> None:
        self._replica = must_have(load(str(solution.__file__)), "Replica")()
        self.failed: BaseException | None = None
        self._lock = threading.Lock()
        self._relay = TcpRelay()
        closes.callback(self._relay.close)
        self._server = closes.enter_context(Server(
            name, {"answer": self._answer}, registries=[registry], advertise=self._relay.address))
        self.client = closes.enter_context(Client(name, registries=[registry], timeout_s=CALL_S))
        self.come_back()

    def cut_off(self) -> None:
        """From now on nobody reaches it."""
        self._relay.target = NOBODY
        self._relay.hang_up()

    def come_back(self) -> None:
        """From now on it is reached again, with what it knew."""
        self._relay.target = self._server.address

    def _answer(self, question: str) -> str:
        """What the server serves: the student's replica answers."""
        try:
            name, *values = literal_eval(question)
            with self._lock:
                return repr(getattr(self._replica, name)(*values))
        except Exception as error:
            self.failed = error
            raise


class Ana:
    """A client of the replicas: runs the student's coroutines, on the thread of its caller."""

    def __init__(self, solution: ModuleType, sites: Mapping[str, Site]) -> None:
        self._sites = sites
        self._register = must_have(load(str(solution.__file__)), "Register", "me", "count", "ask")(
            "ana", len(sites), self._ask)
        # Notified when an answer has come; guards the answers of questions.
        self._came = threading.Condition()
        self._asking: list[threading.Thread] = []
        self._running: Coroutine[Any, Any, Any] | None = None
        self.told = NO_ANSWER
        self.ended_at = 0.0

    def begin(self, method: str, *values: int) -> None:
        """Begins a read or a write."""
        self.told = NO_ANSWER
        self._running = must_have(self._register, method, *map(str, values))(*values)
        if not isinstance(self._running, Coroutine):
            raise Theirs(f"{method} must be async: async def {method}")

    def go_on(self, for_s: float) -> None:
        """Goes on with it, for so many seconds at most."""
        until = time.monotonic() + for_s
        while self._running is not None:
            try:
                question = self._running.send(None)
            except StopIteration as end:
                self._running, self.told, self.ended_at = None, str(end.value), time.monotonic()
                return
            if not isinstance(question, Question):
                raise Theirs("await nothing but answers of self.ask")
            with self._came:
                if not self._came.wait_for(partial(self._has_news, question),
                                           until - time.monotonic()):
                    return
            self._raise_failed()

    def do(self, method: str, *values: int) -> None:
        """A whole operation; then waits until its calls to replicas that are there have ended."""
        self.begin(method, *values)
        self.go_on(OPERATION_S)
        self.stop()

    def stop(self) -> None:
        """Gives up what has not ended, and its calls."""
        self._running = None
        for thread in self._asking:
            thread.join()
        self._asking = []
        self._raise_failed()

    def _has_news(self, question: Question) -> bool:
        return bool(question.answers) or any(site.failed for site in self._sites.values())

    def _raise_failed(self) -> None:
        for site in self._sites.values():
            if site.failed:
                raise site.failed

    def _ask(self, *question: Any) -> Question:
        asked, question = Question("ana", "", ()), copied(question)
        for name in self._sites:
            thread = threading.Thread(target=self._call, args=(name, repr(question), asked))
            thread.start()
            self._asking.append(thread)
        return asked

    def _call(self, name: str, question: str, asked: Question) -> None:
        """Asks one replica, again and again until it answers or the operation has ended."""
        operation = self._running
        while True:
            with contextlib.suppress(CallError):
                answers = []
                # A fault is a replica's that has failed.
                with contextlib.suppress(Fault):
                    said = self._sites[name].client.call("answer", question)
                    answers.append((name, literal_eval(said)))
                with self._came:
                    asked.answers.extend(answers)
                    self._came.notify_all()
                return
            if self._running is not operation:
                return
            time.sleep(REST_S)


def see(solution: ModuleType, personal: int = 0) -> Seen:
    """Two writes and a read, of which the last two meet replicas that are cut off."""
    first, second = 2000 + personal, 1000 + personal
    with _replicas(solution) as sites:
        ana = Ana(solution, sites)
        ana.do("write", first)
        # 1. r1 does not learn of the second write.
        sites["r1"].cut_off()
        ana.do("write", second)
        # 2. Now it is the only one that can be reached.
        sites["r1"].come_back()
        for name in ("r2", "r3"):
            sites[name].cut_off()
        ana.begin("read")
        ana.go_on(ALONE_S)
        alone = ana.told
        # 3. With r3 there are two of three.
        back_at = time.monotonic()
        sites["r3"].come_back()
        ana.go_on(OPERATION_S)
        read = ana.told
        ana.stop()
        return Seen(first, second, alone, read, max(0.0, ana.ended_at - back_at))


def is_right(seen: Mapping[str, Any]) -> bool:
    """Whether r1 alone was not believed, and the newest price was read in the end."""
    return bool(seen["alone"] == NO_ANSWER and seen["read"] == str(seen["second"]))


@contextlib.contextmanager
def _replicas(solution: ModuleType) -> Iterator[Mapping[str, Site]]:
    """Three servers of Ponte, each with a replica, and a registry that names them."""
    with contextlib.ExitStack() as closes:
        registry = closes.enter_context(Registry(port=0))
        sites = {name: Site(name, solution, registry.address, closes) for name in NAMES}
        for site in sites.values():
            # The first call of a client waits for its registry.
            site.client.call("system.listMethods")
        yield sites


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    print(*see(load(sys.argv[1])))
