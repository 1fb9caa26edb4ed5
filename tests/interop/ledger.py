"""Calls that are not idempotent, while servers come and go; and what became of each of them.

The problem: whether something between caller and server loses a call, or runs it twice, is seen
neither by the caller nor by the servers alone. So each run of a call is written down by the server
that runs it (tests/system/journal.py: the ledger), the callers write down what they were told, and
at the end both are compared (lab/checker.py).

    ledger = Ledger(cluster)                         # three servers of the service "journal"
    with ledger.load(by_http(relay_address)) as load:
        ledger.restart(3)                            # SIGTERM, and a new life of the same name
        ledger.kill(6)                               # kill -9, and a new life of the same name
    told = ledger.sum(load)
    assert told.answered == told.calls and told.double == 0, told

There are three kinds of callers: `by_stub` (rule R), `by_http` (any HTTP client that sends a call
once), and `by_stock` (the standard library's xmlrpc.client, which sends a call again when a kept
connection breaks). Each call takes 5 ms at the server, and there are eight callers.

Threads: a Ledger belongs to one thread. Each caller of its load has one of its own.
"""

from __future__ import annotations

import contextlib
import http.client
import select
import threading
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Callable, NamedTuple

from client import Client
from lab.checker import FAILED, NOT_SENT, UNKNOWN, VALUE, Call, judge
from ponte.net.address import Address, show
from tests.chaos.callers import make_call
from tests.system.cluster import Cluster
from tests.system.journal import Journal
from tests.system.load import Load

SERVICE, FUNCTION = "journal", "slow"
CALLERS = 8
# Seconds that a call takes at the server; for a whole call; between two when one was refused; and
# for a process to end, or to be in lookup.
CALL_S, TIMEOUT_S, PAUSE_S, WHOLE_S = 0.005, 5.0, 0.01, 15.0
# Calls that are made between two restarts or kills, so that each of them hits a working system.
CALLS_BETWEEN = 200

# What makes one call with this id, and says what its caller was told.
MakeCall = Callable[[str], Call]


class Sum(NamedTuple):
    """What became of all calls of a load.

    Each call is answered, not sent, unknown or failed (any other error). Beside that: `double` ran
    more than once; `lost` were answered and did not run; `lies` were told "not executed", and ran.
    """

    calls: int
    answered: int
    not_sent: int
    unknown: int
    failed: int
    double: int
    lost: int
    lies: int
    # Some calls that were not answered, or are wrong, in words.
    examples: Sequence[str] = ()

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in self._asdict().items()
                           if name != "examples")
        return "\n    ".join([counts, *self.examples])


class Ledger:
    """Servers of the service SERVICE, which write down each run of a call.

    Parameters: the `cluster` with a registry, where they start; their `names`; more `options` of
    server.py for each of them.

    Attributes: `servers`, the process of each name; `file`, the services file.
    """

    def __init__(self, cluster: Cluster, names: Sequence[str] = ("one", "two", "three"),
                 options: Sequence[str] = ()) -> None:
        self._cluster = cluster
        self._options = options
        self._journal = Journal(cluster)
        self.file = self._journal.file
        self._load: Load | None = None
        self.servers = dict(zip(names, cluster.at_once([partial(self._start, name)
                                                        for name in names])))
        wait_for(cluster, *names)

    def load(self, call: MakeCall) -> Load:
        """Callers for a `with` block; it begins when each of them has made about two calls."""
        self._load = Load(call, CALLERS, "ledger", pause_s=0)
        return self._load

    def restart(self, times: int, settle: Callable[[], object] = lambda: None) -> None:
        """Stops one server after the other in order (SIGTERM), each followed by a new life.

        `settle` waits until whoever stands before the servers knows the new one.
        """
        self._one_after_another(times, lambda process: process.stop(), settle)

    def kill(self, times: int, settle: Callable[[], object] = lambda: None) -> None:
        """The same by kill -9."""
        self._one_after_another(times, lambda process: process.close(), settle)

    def sum(self, load: Load) -> Sum:
        """What became of the calls of a load that has ended."""
        return sum_up(load, self._journal)

    def _one_after_another(self, times: int, end: Callable[[Any], None],
                           settle: Callable[[], object]) -> None:
        names = list(self.servers)
        for number in range(times):
            name = names[number % len(names)]
            end(self.servers[name])
            self.servers[name].wait(WHOLE_S)
            self.servers[name] = self._start(name)
            wait_for(self._cluster, name)
            settle()
            if self._load:
                self._load.wait_for_calls(CALLS_BETWEEN, WHOLE_S)

    def _start(self, name: str) -> Any:
        return self._cluster.start_server(self.file, name, *self._options)


def wait_for(cluster: Cluster, *names: str) -> None:
    """Waits until these instances of SERVICE are up in lookup."""
    def are_up() -> bool:
        # OSError: on a machine that is busy, the registry may be late.
        with contextlib.suppress(OSError):
            return set(names) <= set(cluster.names(SERVICE, "up"))
        return False

    cluster.wait_until(are_up, WHOLE_S, f"{names} are in lookup")


def is_gone(cluster: Cluster, name: str) -> bool:
    """Whether an instance of SERVICE is out of lookup."""
    with contextlib.suppress(OSError):
        return name not in cluster.names(SERVICE)
    return False


def sum_up(load: Load, journal: Journal) -> Sum:
    """Compares what the callers were told with the runs that were written down."""
    broken = [result for result in load.results if result.failed]
    if broken:
        raise AssertionError(f"a caller itself has failed: {broken[0].value!r}")
    calls = [result.value for result in load.results]
    verdict = judge(calls, journal.runs())
    failed = [call for call in calls if call.outcome == FAILED]
    told = {f"{call.outcome}: {call.why}": "" for call in calls if call.outcome != VALUE}
    return Sum(verdict.calls, verdict.answered, verdict.not_sent, verdict.unknown, len(failed),
               verdict.executed_twice, verdict.lost, verdict.phantom,
               [*verdict.examples, *list(told)[:5]])


def by_stub(cluster: Cluster, **options: Any) -> MakeCall:
    """Callers with one stub, which finds its endpoints by the registry."""
    client: Client = cluster.client(SERVICE, **options)

    def call(call_id: str) -> Call:
        told, _ = make_call(client, FUNCTION, call_id, CALL_S)
        return _without_haste(told)
    return call


def by_http(address: Address, path: str = f"/{SERVICE}",
            headers: Mapping[str, str] | None = None) -> MakeCall:
    """Callers that send each call once to this address, each on a kept connection of its own.

    As good clients do, they look whether the other side has closed it before they use it. With a
    header "Connection: close" each call has a connection of its own.
    """
    own = threading.local()
    headers = {"Content-Type": "text/xml", **(headers or {})}

    def exchange(call_id: str) -> tuple[str, object]:
        kept: http.client.HTTPConnection | None = getattr(own, "connection", None)
        if kept is None or kept.sock is None or select.select([kept.sock], [], [], 0)[0]:
            kept = own.connection = http.client.HTTPConnection(*address, timeout=TIMEOUT_S)
        body = xmlrpc.client.dumps((call_id, CALL_S), FUNCTION).encode()
        is_sent = False
        try:
            kept.request("POST", path, body, headers)
            is_sent = True
            reply = kept.getresponse()
            text = reply.read()
        except (OSError, http.client.HTTPException) as error:
            kept.close()
            # A server runs nothing before it has all of a call.
            return (UNKNOWN if is_sent else NOT_SENT), error
        if reply.status == 200:
            return VALUE, xmlrpc.client.loads(text)[0][0]
        kept.close()
        return _told_by(reply.status, dict(reply.headers)), f"HTTP {reply.status}: {text[:80]!r}"
    return _recorded(exchange)


def by_stock(address: Address, path: str = f"/{SERVICE}") -> MakeCall:
    """Callers with the standard library's client, each with one of its own."""
    own = threading.local()

    def exchange(call_id: str) -> tuple[str, object]:
        if not hasattr(own, "stub"):
            own.stub = xmlrpc.client.ServerProxy(f"http://{show(address)}{path}", _Transport())
        try:
            return VALUE, getattr(own.stub, FUNCTION)(call_id, CALL_S)
        except xmlrpc.client.ProtocolError as error:
            own.stub("close")()
            return _told_by(error.errcode, dict(error.headers)), error
        except ConnectionRefusedError as error:
            return NOT_SENT, error
        except (OSError, http.client.HTTPException) as error:
            return UNKNOWN, error
    return _recorded(exchange)


class _Transport(xmlrpc.client.Transport):
    """The standard library's, which would wait for ever."""

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = super().make_connection(host)
        connection.timeout = TIMEOUT_S
        return connection


def _told_by(status: int, headers: Mapping[str, str]) -> str:
    """What a caller knows of a call that was answered by an error of HTTP."""
    lower = {name.lower(): value for name, value in headers.items()}
    if status in (404, 503) and lower.get("not-executed") == "1":
        return NOT_SENT
    return UNKNOWN if status >= 500 else FAILED


def _recorded(exchange: Callable[[str], tuple[str, object]]) -> MakeCall:
    """Makes a Call of what an exchange was told, with the value or the reason."""
    def call(call_id: str) -> Call:
        started = time.monotonic()
        try:
            told, what = exchange(call_id)
        except xmlrpc.client.Fault as error:
            told, what = FAILED, error
        ended = time.monotonic()
        is_value = told == VALUE
        return _without_haste(Call(call_id, False, told, is_value and what == call_id,
                                   ended - started, "" if is_value else repr(what), ended))
    return call


def _without_haste(call: Call) -> Call:
    """The same call; after a pause, where it ended early, so that callers do not spin."""
    if call.outcome != VALUE:
        time.sleep(PAUSE_S)
    return call
