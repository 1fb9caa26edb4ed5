"""python3 -m tests.chaos --stories: the ways in which "at most once" was once broken, one by one.

Each story is a short scenario of real processes, and its docstring says what happens in it. The
words in front of `Stage` are what a story is made of; it ends with complaints, or with none.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from client import Client, OutcomeUnknown
from lab.checker import NOT_SENT, RAN, UNKNOWN, VALUE, Call, judge
from lab.fates import HEALTHY, Fate
from lab.tcp_relay import TcpRelay
from ponte.net.address import show
from tests.chaos.callers import make_call, resolve
from tests.chaos.faults import NO_REGISTRY, STRANGERS
from tests.chaos.system import Node
from tests.system.cluster import Cluster
from tests.system.harness import START_S, Process
from tests.system.journal import Journal

# Seconds until what is late has been carried out, if it ever is.
SETTLE_S = 1.5
# Seconds until a new process is in lookup, or a dead one out of it.
SEEN_S = 5.0
CUT_REPLY = Fate(cut_reply_at=0)
# Replies that are too much for the 32 MB that a server keeps.
BULK_CALLS, BULK_BYTES = 34, 1_000_000
# Of a network, one way, in seconds.
DELAY_S = 0.005
# Sends of one call that may have run, over all hops.
MAX_SENDS = 3
# A caller may be left with an unknown outcome where these answer instead of a dead server.
MAY_BE_UNKNOWN = ("500", "silent", "garbage")


class Stage:
    """The processes of one story. Servers and proxies are behind relays."""

    def __init__(self, engine: str = "threads", forgetful: bool = False) -> None:
        self.cluster = Cluster(engine, engine)
        self.journal = Journal(self.cluster)
        self.complaints: list[str] = []
        self.told: list[Call] = []
        self._wrapper = ("-m", "tests.chaos.forgetful") if forgetful else ()
        self._stack = contextlib.ExitStack()
        self._stack.callback(self.cluster.close)
        self._threads = self._stack.enter_context(ThreadPoolExecutor(4))

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def server(self, name: str, *options: str, registry: Sequence[str] = ()) -> Node:
        registry = registry or self.cluster.registry_option()
        return self._node(name, lambda relay, file: (
            "server.py", file, *options, *registry, "--advertise", show(relay.address),
            "--engine", self.cluster.server_engine))

    def proxy(self, name: str, registry: Sequence[str] = ()) -> Node:
        registry = registry or self.cluster.registry_option()
        node = self._node(name, lambda relay, _: (
            "proxy.py", *registry, "--advertise", show(relay.address), "--engine",
            self.cluster.engine))
        self.seen("proxy", name)
        return node

    def client(self, timeout_s: float) -> Client:
        return self.cluster.client("journal", timeout_s=timeout_s)

    def seen(self, service: str, *names: str) -> None:
        """Waits until exactly these are in lookup at the first registry."""
        self.cluster.wait_until(lambda: sorted(self.cluster.names(service)) == sorted(names),
                                SEEN_S, f"{names} are in lookup")

    def call(self, client: Client, function: str, call_id: str, *more: object) -> Call:
        """One call; what its caller was told, resolved as it is at once."""
        call, error = make_call(client, function, call_id, *more)
        self.told.append(resolve(call, error, SETTLE_S) if error else call)
        return self.told[-1]

    def begin(self, client: Client, function: str, call_id: str,
              *more: object) -> Future[tuple[Call, OutcomeUnknown | None]]:
        """A call on another thread, whose outcome is not resolved yet."""
        return self._threads.submit(make_call, client, function, call_id, *more)

    def end(self, begun: Future[tuple[Call, OutcomeUnknown | None]]) -> Call:
        """Resolves a call that was begun."""
        call, error = begun.result()
        self.told.append(resolve(call, error, SEEN_S) if error else call)
        return self.told[-1]

    def wait(self, seconds: float) -> None:
        threading.Event().wait(seconds)

    def expect(self, what: str, is_so: object) -> None:
        """Complains unless it is so."""
        if not is_so:
            self.complaints.append(f"not so: {what}")

    def judge(self) -> None:
        """Complains of what the checker finds."""
        verdict = judge(self.told, self.journal.runs())
        if not verdict.ok:
            self.complaints += verdict.examples
        if verdict.late_runs:
            self.complaints.append(f"{verdict.late_runs} calls ran after Unknown was told, and are "
                                   "not resolved")

    def _node(self, name: str, arguments: Callable[[TcpRelay, str], Sequence[str]]) -> Node:
        relay = TcpRelay()
        self._stack.callback(relay.close)

        def start(file: str) -> Process:
            return self.cluster.start_role(*self._wrapper, *arguments(relay, file), "--name", name,
                                           "--port", "0")
        return Node(name, start, relay, file=self.journal.file)


def _relays(*nodes: Node) -> list[TcpRelay]:
    return [node.relay for node in nodes if node.relay]


def frozen_proxy(stage: Stage, freeze_s: float = 6.0) -> None:
    """1. A proxy is frozen while a call is under way, and for longer than any memory lasts.

    Its caller has sent repeats, which wait in the sockets of the proxy. Meanwhile others call the
    server directly, so that its memory is used. At thaw the repeats are read: X must not run again.
    """
    stage.cluster.start_registry()
    stage.server("one")
    proxy = stage.proxy("proxy")
    client = stage.client(timeout_s=4)
    others = stage.client(timeout_s=4)
    begun = stage.begin(client, "slow", "X", 0.6)
    stage.cluster.wait_until(lambda: stage.journal.executions()["X"], SEEN_S, "X runs")
    stage.cluster.freeze(proxy.process)
    frozen_at = time.monotonic()
    begun.exception()
    number = 0
    while time.monotonic() - frozen_at < freeze_s:
        number += 1
        stage.call(others, "once", f"other-{number}")
        stage.wait(0.02)
    stage.cluster.thaw(proxy.process)
    stage.wait(SETTLE_S)
    call = stage.end(begun)
    stage.expect(f"the unknown outcome is resolved, by the proxy that lives ({call.last_word})",
                 call.last_word in (VALUE, RAN))


def late_original(stage: Stage) -> None:
    """2. The first request of a call arrives after its repeat was answered and forgotten.

    A relay holds it. The caller repeats the call, gets its value, and goes on: 34 replies of 1 MB
    are more than the server keeps. Then the first request is let through.
    """
    stage.cluster.start_registry()
    nodes = [stage.server(name) for name in ("one", "two")]
    stage.seen("journal", "one", "two")
    client = stage.client(timeout_s=4)
    for number in range(4):
        stage.call(client, "once", f"warm-{number}")
    for relay in _relays(*nodes):
        relay.arm(Fate(hold_request=True))
    call = stage.call(client, "once", "X")
    stage.expect(f"the repeat is answered ({call.outcome} {call.why})", call.outcome == VALUE)
    for relay in _relays(*nodes):
        relay.arm(HEALTHY)
    for number in range(2 * BULK_CALLS + 2):
        client.call("bulk", f"bulk-{number}", BULK_BYTES)
    held = sum(relay.deliver_late() for relay in _relays(*nodes))
    stage.expect(f"a request was held ({held})", held)
    stage.wait(SETTLE_S)


def zombie(stage: Stage) -> None:
    """3. A server is frozen, a call ends as unknown, its caller decides; then the server thaws.

    X must not begin any more: nobody is there who waits for it. And its caller can find out.
    """
    stage.cluster.start_registry()
    server = stage.server("one")
    client = stage.client(timeout_s=1)
    stage.call(client, "once", "warm")
    stage.cluster.freeze(server.process)
    begun = stage.begin(client, "once", "X")
    call, _ = begun.result()
    stage.expect(f"X is unknown while the server is frozen ({call.outcome})",
                 call.outcome == UNKNOWN)
    stage.wait(SETTLE_S)
    stage.cluster.thaw(server.process)
    stage.wait(SETTLE_S)
    late = [run for run in stage.journal.runs()
            if run.call_id == "X" and run.began_at > call.told_at]
    stage.expect("X does not begin after its caller was told Unknown", not late)
    call = stage.end(begun)
    stage.expect(f"the outcome of X is resolved: it never runs ({call.last_word})",
                 call.last_word == NOT_SENT)


def multicall(stage: Stage) -> None:
    """4. The reply to system.multicall is lost: it is as careful as what is in it."""
    stage.cluster.start_registry()
    nodes = [stage.server(name, "--allow-multicall") for name in ("one", "two")]
    stage.seen("journal", "one", "two")
    client = stage.client(timeout_s=4)
    for number in range(4):
        stage.call(client, "once", f"warm-{number}")
    for relay in _relays(*nodes):
        relay.arm(CUT_REPLY)
    value: Any = None
    with contextlib.suppress(OutcomeUnknown):
        value = client.call("system.multicall", [{"methodName": "once", "params": ["X"]}])
    stage.expect(f"its value is that of a repeat ({value})", value == [["X"]])
    runs = stage.journal.executions()["X"]
    stage.expect(f"once in a multicall runs once ({runs} times)", runs == 1)


def dropped_promise(stage: Stage) -> None:
    """5. A service drops @idempotent, and the stub does not learn of it: its registry is dead.

    The servers must refuse what the stub takes for granted, and then it must be careful.
    """
    registry = stage.cluster.start_registry()
    nodes = [stage.server(name) for name in ("one", "two")]
    stage.seen("journal", "one", "two")
    client = stage.client(timeout_s=4)
    stage.call(client, "waver", "warm")
    stage.cluster.kill(registry)
    for node in nodes:
        node.process.close()
        node.restart(stage.journal.strict_file)
    # At first with a reply that is lost; then the stub learns how it is, if it has not yet.
    for name, fate in (("X", CUT_REPLY), ("Y", HEALTHY), ("Z", HEALTHY), ("last", CUT_REPLY)):
        for relay in _relays(*nodes):
            relay.arm(fate)
        call = stage.call(client, "waver", name)
    stage.expect(f"a stub that was told repeats at the same server ({call.outcome} {call.why})",
                 call.outcome == VALUE)


def strangers(stage: Stage) -> None:
    """6. A server dies, and another process takes its port before the lease has ended.

    Every idempotent call gets its value. So does every other one, unless the stranger says 500, or
    nothing that can be read. The same through a proxy.
    """
    stage.cluster.start_registry()
    node = stage.server("one")
    stage.server("two")
    client = stage.client(timeout_s=4)
    other = stage.cluster.file("other.py", "def other():\n    return 1\n")
    for through in ("directly", "by a proxy"):
        for kind in STRANGERS:
            stage.seen("journal", "one", "two")
            for number in range(4):
                stage.call(client, "once", f"warm-{through[0]}-{number}-{kind.split()[0]}")
            node.process.close()
            stranger = stage.cluster.start_role("server.py", other, "--registry", NO_REGISTRY) \
                if kind == "other service" \
                else stage.cluster.start_role("-m", "lab.strangers", kind)
            node.occupy(stranger)
            calls = [stage.call(client, function, f"{function}-{through[0]}-{n}-{kind.split()[0]}")
                     for n in range(2) for function in ("echo", "once")]
            bad = [call for call in calls if call.outcome != VALUE and not (
                call.outcome == UNKNOWN and not call.idempotent and kind in MAY_BE_UNKNOWN)]
            stage.expect(f"{kind}, {through}: all calls go on to the live server ("
                         + "; ".join(f"{c.outcome}: {c.why[:90]}" for c in bad) + ")", not bad)
            stranger.close()
            node.restart()
        if through == "directly":
            stage.proxy("proxy")


def taken_name(stage: Stage) -> None:
    """6. Somebody names a service `proxy`: it is refused, and breaks nobody's calls."""
    stage.cluster.start_registry()
    stage.server("one")
    client = stage.client(timeout_s=4)
    file = stage.cluster.file("proxy.py", "def other():\n    return 1\n")
    process = stage.cluster.start("server.py", file, "--port", "0", "--until-eof",
                                  *stage.cluster.registry_option())
    stage.cluster.wait_until(
        lambda: not process.is_running or "serving proxy" in process.out, START_S,
        "it serves or ends")
    stage.wait(SETTLE_S)
    stage.expect("server.py refuses a service named proxy", not process.is_running)
    calls = [stage.call(client, "echo", f"echo-{number}") for number in range(4)]
    stage.expect("all calls get their value", all(call.outcome == VALUE for call in calls))


def unknowing_proxy(stage: Stage) -> None:
    """6. A proxy that has never seen the service says 404: nothing ran, and others can be asked."""
    first, second = stage.cluster.start_registry(), stage.cluster.start_registry()
    stage.proxy("proxy", ("--registry", show(first.address)))
    stage.server("one", registry=("--registry", show(second.address)))
    stage.cluster.wait_until(lambda: not stage.cluster.lookup("proxy")["warming"], SEEN_S,
                             "the proxy has heard of all services that there are")
    client = stage.client(timeout_s=4)
    stage.cluster.wait_until(lambda: len(client.endpoints) == 2, SEEN_S,
                             "the stub has heard of both, each from one registry")
    calls = [stage.call(client, function, function) for function in ("echo", "once")]
    stage.expect("calls go on to the server itself ("
                 + "; ".join(f"{call.outcome}: {call.why[:90]}" for call in calls) + ")",
                 all(call.outcome == VALUE for call in calls))


def frozen_server_behind_a_proxy(stage: Stage) -> None:
    """7. A call goes through a proxy to a frozen server: over all hops it is sent 3 times at most.

    The proxy gives up before the stub does, so that the stub learns how often it was sent: also on
    a network that takes 5 ms. Where this word of the proxy is lost, the limit is the same.
    """
    stage.cluster.start_registry()
    server = stage.server("one")
    proxy = stage.proxy("proxy")
    client = stage.client(timeout_s=5)
    for name, fates in (("slow network", []), ("lost reply", [CUT_REPLY])):
        stage.seen("journal", "one")
        for number in range(2):
            stage.call(client, "once", f"warm-{number}-{name[:4]}")
        sends = [_count_sends(relay) for relay in _relays(server)]
        by_stub = [_count_sends(relay, fates) for relay in _relays(proxy)]
        stage.cluster.freeze(server.process)
        call, error = make_call(client, "once", f"X-{name[:4]}")
        stage.cluster.thaw(server.process)
        stage.wait(SETTLE_S)
        stage.expect(f"{name}: at most {MAX_SENDS} sends of the proxy and of the stub "
                     f"({len(sends[0])} and {len(by_stub[0])})",
                     max(len(sends[0]), len(by_stub[0])) <= MAX_SENDS)
        stage.expect(f"{name}: unknown, in the time of the call ({call.outcome}, "
                     f"{call.took_s:.1f} s)", call.outcome == UNKNOWN and call.took_s < 5.5)
        stage.told.append(resolve(call, error, SEEN_S) if error else call)


def _count_sends(relay: TcpRelay, first: Sequence[Fate] = ()) -> list[Fate]:
    """A list that grows with each attempt from now on; `first`: the fates of the first of them."""
    drawn: list[Fate] = []

    def draw() -> Fate:
        drawn.append(first[len(drawn)] if len(drawn) < len(first) else Fate(delay_s=DELAY_S))
        return drawn[-1]
    # Every attempt is on a connection of its own: the open ones are closed.
    relay.hang_up()
    relay.fates = draw
    return drawn


STORIES = (frozen_proxy, late_original, zombie, multicall, dropped_promise, strangers, taken_name,
           unknowing_proxy, frozen_server_behind_a_proxy)
# Those that need a memory which forgets soon.
FORGETFUL = (frozen_proxy,)


def tell(story: Callable[[Stage], None], engine: str = "threads") -> list[str]:
    """Plays one story; returns its complaints."""
    with Stage(engine, story in FORGETFUL) as stage:
        try:
            story(stage)
        except Exception as error:
            # Whatever it is, the next story can be told.
            stage.complaints.append(f"the story could not go on: {error!r}")
        stage.judge()
        return stage.complaints


def tell_all(say: Callable[[str], None], engine: str = "threads", only: str = "") -> bool:
    """Plays every story, or those whose name contains `only`; returns whether all went well."""
    went_well = True
    for story in STORIES:
        if only not in story.__name__:
            continue
        complaints = tell(story, engine)
        title = (story.__doc__ or "").splitlines()[0]
        say("\n".join([f"{'BROKEN' if complaints else 'kept':7}{engine:8}{title}",
                       *(f"       {complaint}" for complaint in complaints)]))
        went_well = went_well and not complaints
    return went_well


def long_freeze(say: Callable[[str], None], engine: str = "threads",
                freeze_s: float = 66.0) -> bool:
    """The first story with the memories and the times of the real world."""
    with Stage(engine) as stage:
        frozen_proxy(stage, freeze_s)
        stage.judge()
        say(f"a proxy frozen for {freeze_s:g} s, engine {engine}: "
            + ("; ".join(stage.complaints) or "kept"))
        return not stage.complaints
