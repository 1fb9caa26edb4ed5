"""Foreign XML-RPC servers behind sidecars: one in Perl (RPC::XML), one in PHP (its own server).

They know nothing of Ponte, and have no memory of calls. Each call must run once at most all the
same, directly and through our proxy.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from client import Client, OutcomeUnknown
from ponte.net.address import Address
from tests.interop.ledger import (
    CALLS_BETWEEN,
    SERVICE,
    Sum,
    by_stub,
    is_gone,
    sum_up,
    wait_for,
)
from tests.interop.peers import Peers
from tests.interop.told import figure, told
from tests.system.cluster import Cluster
from tests.system.harness import free_port, wait_until
from tests.system.journal import Journal
from tests.system.load import Load

# make_method comes with RPC::XML.
PROGRAMS = {"perl": "perl", "make_method": "librpc-xml-perl", "php": "php-cli"}
FOREIGN = Path(__file__).parent / "foreign"
# Seconds.
START_S, GONE_S = 10.0, 2.5
CALLERS, KILLS, RESTARTS = 8, 6, 3


class Foreign:
    """A foreign server on one port, in all its lives. Its runs go into the journal."""

    def __init__(self, *command: str, port: int, journal: Journal) -> None:
        self._command = command
        self._environment = {**os.environ, "FOLDER": journal.folder}
        self.address: Address = ("127.0.0.1", port)
        self.start()

    def start(self) -> None:
        # In a group of its own: it may have a process for each connection.
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL, env=self._environment,
                                         start_new_session=True)

    def kill(self) -> None:
        """kill -9, all of it."""
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def perl(journal: Journal) -> Foreign:
    port = free_port()
    return Foreign("perl", str(FOREIGN / "server.pl"), str(port), journal.folder, port=port,
                   journal=journal)


def php(journal: Journal) -> Foreign:
    port = free_port()
    return Foreign("php", "-S", f"127.0.0.1:{port}", str(FOREIGN / "server.php"), port=port,
                   journal=journal)


def check_php(house: Cluster, peers: Peers) -> None:
    """A reply without its length may be cut off: the outcome is unknown, and it ran once."""
    del peers
    house.start_registry()
    journal = Journal(house)
    server = php(journal)
    try:
        house.start_sidecar(SERVICE, server.address, "--name", "php")
        wait_for(house, "php")
        php_calls_run_once(house.client(SERVICE), journal, "directly")
        house.start_proxy()
        relayed = house.client(SERVICE)
        wait_until(lambda: len(relayed.endpoints) == 2, START_S, "the proxy is known")
        php_calls_run_once(relayed, journal, "through our proxy")
    finally:
        server.kill()


def php_calls_run_once(client: Client, journal: Journal, way: str) -> None:
    assert client.measured(f"measured {way}".replace(" ", "-"))
    told("PHP", f"{way}: a reply with its length is an answer")
    token = f"slow {way}".replace(" ", "-")
    try:
        value = client.slow(token, 0.0)
    except OutcomeUnknown as error:
        assert "remembers no calls" in str(error), error
    else:
        raise AssertionError(f"answered, though the reply has no length: {value}")
    runs = journal.executions()[token]
    assert runs == 1, f"{way}: it ran {runs} times"
    told("PHP", f"{way}: a reply without its length is OutcomeUnknown, and the call ran once")
    figure(f"PHP without a length, {way}: runs of one call", str(runs))


def check_perl(house: Cluster, peers: Peers) -> None:
    """Two servers come and go behind our proxy: none of their calls runs twice."""
    del peers
    house.start_registry()
    journal = Journal(house)
    servers = {name: perl(journal) for name in ("perl-1", "perl-2")}
    try:
        sidecars = {name: house.start_sidecar(SERVICE, server.address, "--name", name)
                    for name, server in servers.items()}
        wait_for(house, *servers)
        house.start_proxy()
        assert house.client(SERVICE).hello("Hello") == "World, in Perl"
        told("Perl", "hello: World, in Perl")
        kill_in_turn(house, journal, servers)
        # A restart in order: first the sidecar, and then the server.
        call = by_stub(house)
        with Load(call, CALLERS, "restart", pause_s=0) as load:
            for number in range(RESTARTS):
                name = list(servers)[number % len(servers)]
                sidecars[name].stop()
                sidecars[name].wait(START_S)
                servers[name].kill()
                servers[name].start()
                sidecars[name] = house.start_sidecar(SERVICE, servers[name].address, "--name", name)
                wait_for(house, *servers)
                load.wait_for_calls(CALLS_BETWEEN, START_S)
        summed = sum_up(load, journal)
        assert summed.answered == summed.calls and not summed.double, summed
        told("Perl", f"{RESTARTS} restarts in order, 0 failed of {summed.calls:,} calls")
        figure(f"Perl behind our proxy, {RESTARTS} restarts: failed", f"0 of {summed.calls:,}")
    finally:
        for server in servers.values():
            server.kill()


def kill_in_turn(house: Cluster, journal: Journal, servers: dict[str, Foreign]) -> None:
    gone_after_s = []
    with Load(by_stub(house), CALLERS, "kill", pause_s=0) as load:
        for number in range(KILLS):
            name = list(servers)[number % len(servers)]
            servers[name].kill()
            killed_at = time.monotonic()
            wait_until(partial(is_gone, house, name), GONE_S, f"{name} is gone")
            gone_after_s.append(time.monotonic() - killed_at)
            servers[name].start()
            wait_for(house, *servers)
            load.wait_for_calls(CALLS_BETWEEN, START_S)
    summed = sum_up(load, journal)
    expect_at_most_once(summed)
    told("Perl", f"a killed server is gone after {max(gone_after_s):.2f} s at most")
    told("Perl", f"{KILLS} kills: {summed.unknown} unknown of {summed.calls:,} calls, 0 ran twice")
    figure(f"Perl behind our proxy, {KILLS} kills: unknown, run twice",
           f"{summed.unknown}, {summed.double} of {summed.calls:,}")


def expect_at_most_once(summed: Sum) -> None:
    wrong = summed.double or summed.lost or summed.lies or summed.failed
    assert not wrong and summed.answered, summed
