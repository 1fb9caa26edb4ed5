"""HAProxy in the place of our proxy, kept in step by interop.haproxy: servers come and go under
load, and HAProxy itself does.
"""

from __future__ import annotations

import os
import subprocess
import time

from client import NotSent
from interop.haproxy import ask, configuration, slots_of
from tests.interop.ledger import SERVICE, Ledger, by_http, by_stub
from tests.interop.peers import Peers, found
from tests.interop.relays import KILLS, RESTARTS, HaProxy, restarts_and_kills
from tests.interop.told import figure, told
from tests.system.cluster import Cluster
from tests.system.harness import ROOT, START_S, wait_until

PROGRAMS = {"haproxy": "haproxy"}
# Seconds.
WHOLE_S = 2.0
# A server that says which headers a call has.
HEADERS = """\
    import sys
    sys.path.insert(0, sys.argv[1])
    from server import Server, current_call, idempotent

    def once():
        return sorted(current_call().headers)

    @idempotent
    def twice():
        return once()

    with Server("journal", [once, twice], registries=sys.argv[2]):
        print("started", flush=True)
        sys.stdin.read()
"""


def ports(haproxy: HaProxy) -> list[int]:
    """Those of the slots that take calls."""
    return sorted(slot.port for slot in slots_of(ask(haproxy.socket,
                                                     f"show servers state {SERVICE}"))
                  if slot.state == "ready")


def check_calls(house: Cluster, peers: Peers) -> None:
    """Restarts lose nothing; kills run nothing twice; HAProxy started anew is whole soon."""
    del peers
    house.start_registry()
    ledger = Ledger(house)
    haproxy = HaProxy(house)
    try:
        keeper = haproxy.keep()
        restarts_and_kills("HAProxy", ledger, by_http(haproxy.address))
        expect_whole_again(haproxy, ledger)
        # An equal view: nothing is sent, so nothing is logged. (Three slots are six commands.)
        wait_until(lambda: keeper.err.count(": 6 commands") == 2, START_S, "it has said so")
        before = keeper.err.count(" commands")
        haproxy_calls(house, haproxy)
        assert keeper.err.count(" commands") == before, keeper.log
        told("HAProxy", "an equal view sends nothing")
    finally:
        haproxy.kill()


def expect_whole_again(haproxy: HaProxy, ledger: Ledger) -> None:
    """HAProxy dies, and is started anew with no server."""
    live = sorted(server.address[1] for server in ledger.servers.values())
    wait_until(lambda: ports(haproxy) == live, START_S, "all are ready")
    haproxy.kill()
    haproxy.start()
    began = time.monotonic()

    def is_whole() -> bool:
        try:
            return ports(haproxy) == live
        except OSError:
            return False

    wait_until(is_whole, WHOLE_S, "HAProxy is whole again")
    took_s = time.monotonic() - began
    told("HAProxy", f"started anew, it is whole after {took_s:.2f} s")
    figure("HAProxy started anew: whole after", f"{took_s:.2f} s")


def haproxy_calls(house: Cluster, haproxy: HaProxy) -> None:
    """Some calls, as many as take a few looks of the keeper."""
    call = by_http(haproxy.address)
    for number in range(300):
        assert call(f"equal-{number}").outcome == "value"


def check_as_proxy(house: Cluster, peers: Peers) -> None:
    """Announced by a sidecar: the stub calls through it, unchanged, and rule R holds."""
    del peers
    house.start_registry()
    haproxy = HaProxy(house)
    try:
        keeper = haproxy.keep()
        sidecar = house.start_sidecar("proxy", haproxy.address, "--name", "haproxy")
        client = house.client(SERVICE)
        wait_until(lambda: [each.instance for each in client.endpoints] == ["haproxy"], START_S,
                   "the stub knows HAProxy")
        try:
            client.slow("nobody", 0.0)
        except NotSent as error:
            assert "no live server" in str(error), error
        else:
            raise AssertionError("answered, though no server lives")
        told("HAProxy", "without a server, the stub says NotSent")
        ledger = Ledger(house)
        keeper.wait_for_line("commands", START_S)
        with ledger.load(by_stub(house)) as load:
            ledger.restart(RESTARTS)
        summed = ledger.sum(load)
        assert summed.answered == summed.calls and not summed.double, summed
        told("HAProxy", f"as proxy: {RESTARTS} restarts: 0 failed of {summed.calls:,}")
        with ledger.load(by_stub(house)) as load:
            ledger.kill(KILLS)
        summed = ledger.sum(load)
        assert not (summed.double or summed.lost or summed.lies or summed.failed), summed
        told("HAProxy", f"as proxy: {KILLS} kills: {summed.unknown} OutcomeUnknown of "
                        f"{summed.calls:,}, 0 ran twice")
        figure(f"HAProxy as proxy of our stub, {KILLS} kills: unknown, run twice",
               f"{summed.unknown}, 0 of {summed.calls:,}")
        haproxy.kill()
        wait_until(lambda: not house.names("proxy"), START_S, "its sidecar notices")
        haproxy.start()
        wait_until(lambda: house.names("proxy") == ["haproxy"], START_S, "and announces it anew")
        told("sidecar", "HAProxy is announced while it lives")
        sidecar.stop()
    finally:
        haproxy.kill()


def check_configurations(house: Cluster, peers: Peers) -> None:
    """HAProxy takes what is printed: many services, odd names."""
    del peers
    names = [*(f"service-{number}" for number in range(200)), "a.b-c_d", "A" * 64, "a..b", "_", "0"]
    for number, services in enumerate((names, names[:1], names[-5:])):
        file = house.file(f"{number}.cfg", configuration(
            services, ("::1", 8080), os.path.join(house.directory, "h.sock"), 100))
        ended = subprocess.run([found("haproxy") or "haproxy", "-c", "-f", file], check=False,
                               text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               timeout=START_S)
        assert ended.returncode == 0 and "WARNING" not in ended.stdout, ended.stdout
    told("HAProxy", "it takes what is printed: 205 services, odd names, IPv6")


def check_headers(house: Cluster, peers: Peers) -> None:
    """What the stub says of a call arrives at the server."""
    del peers
    house.start_registry()
    haproxy = HaProxy(house)
    try:
        haproxy.keep()
        house.start_sidecar("proxy", haproxy.address, "--name", "haproxy")
        server = house.start(house.file("headers.py", HEADERS), ROOT, house.registry_option()[1])
        server.wait_for_line("started", START_S)
        wait_until(lambda: len(ports(haproxy)) == 1, START_S, "HAProxy knows the server")
        client = house.client(SERVICE)
        wait_until(lambda: len(client.endpoints) == 2, START_S, "the stub knows both")
        for function, names in (("once", {"call-timeout-ms", "call-attempt"}),
                                ("twice", {"call-timeout-ms", "call-attempt", "call-idempotent"})):
            assert names <= set(client.call(function)), client.call(function)
        told("HAProxy", "the headers of a call arrive")
    finally:
        haproxy.kill()
