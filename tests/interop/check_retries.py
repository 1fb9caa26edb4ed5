"""Which retries run a call twice? Servers are killed under load, and the ledger counts.

A relay that sends a call on to a second server, once the first may have run it, runs it twice; and
so does a client that sends it again by itself. No caller sees that: it gets its answer.
"""

from __future__ import annotations

import time
import xmlrpc.client
from collections.abc import Sequence

from ponte.net.address import Address, show
from tests.interop.ledger import SERVICE, Ledger, MakeCall, Sum, by_http, by_stock
from tests.interop.peers import Peers
from tests.interop.relays import HaProxy, Nginx
from tests.interop.told import figure, told
from tests.system.cluster import Cluster
from tests.system.harness import START_S, wait_until

PROGRAMS = {"haproxy": "haproxy", "nginx": "nginx"}
KILLS = 6
# Calls of one turn in the comparison of speeds.
SPEED_CALLS = 300
# What is changed in the configurations that we print.
RETRY_ON, NEXT = "retry-on conn-failure", "proxy_next_upstream error timeout"
CLOSES = ("    mode http\n", "    mode http\n    option httpclose\n")


def check_relays(house: Cluster, peers: Peers) -> None:
    """With any HTTP client that sends a call once."""
    del peers
    house.start_registry()
    ledger = Ledger(house)
    doubles = {}
    for setting in ("", " empty-response", " all-retryable-errors"):
        edits = [(RETRY_ON, RETRY_ON + setting)] if setting else []
        haproxy = HaProxy(house, edits)
        try:
            haproxy.keep()
            doubles[setting] = after_kills(f"HAProxy {RETRY_ON}{setting}", ledger,
                                           by_http(haproxy.address))
        finally:
            haproxy.kill()
    assert doubles.pop("") == 0, "HAProxy as we configure it"
    # One of them may be lucky in one run.
    assert any(doubles.values()), f"no retry ran a call twice: {doubles}"
    doubles = {}
    for setting in ("", " non_idempotent"):
        edits = [(NEXT, NEXT + setting)] if setting else []
        nginx = Nginx(house, edits)
        try:
            nginx.keep()
            begin(by_http(nginx.address))
            doubles[setting] = after_kills(f"nginx {NEXT}{setting}", ledger, by_http(nginx.address))
        finally:
            nginx.kill()
    assert doubles[""] == 0, "nginx as we configure it"
    assert doubles[" non_idempotent"], "non_idempotent ran no call twice"


def check_stock_client(house: Cluster, peers: Peers) -> None:
    """With the standard library's xmlrpc.client, which sends a call again by itself when a kept
    connection ends. HAProxy ends it where its own connection to a server breaks.
    """
    del peers
    house.start_registry()
    ledger = Ledger(house)
    haproxy, closing, nginx = HaProxy(house), HaProxy(house, [CLOSES]), Nginx(house)
    try:
        for relay in (haproxy, closing, nginx):
            relay.keep()
        begin(by_http(nginx.address))
        doubles = after_kills("xmlrpc.client behind HAProxy", ledger, by_stock(haproxy.address))
        assert doubles, "HAProxy and xmlrpc.client ran no call twice"
        proxy = house.start_proxy().address
        for name, address in (("HAProxy with option httpclose", closing.address),
                              ("nginx", nginx.address), ("our proxy", proxy)):
            doubles = after_kills(f"xmlrpc.client behind {name}", ledger, by_stock(address))
            assert doubles == 0, name
        kept, closed = fastest((haproxy.address, closing.address))
        told("HAProxy", f"option httpclose: {closed:,.0f} calls/s instead of {kept:,.0f}")
        figure("xmlrpc.client behind HAProxy: calls/s, and with option httpclose",
               f"{kept:,.0f}, {closed:,.0f}")
    finally:
        for relay in (haproxy, closing, nginx):
            relay.kill()


def begin(call: MakeCall) -> None:
    """Waits until a relay has its servers: nginx loads them some time after it was told to."""
    wait_until(lambda: call("begin").outcome == "value", START_S, "the relay has its servers")


def after_kills(name: str, ledger: Ledger, call: MakeCall) -> int:
    """How many calls ran twice while servers were killed."""
    with ledger.load(call) as load:
        ledger.kill(KILLS)
    summed: Sum = ledger.sum(load)
    assert not summed.lost, summed
    told(name.partition(" ")[0], f"{name}: {summed.double} of {summed.calls:,} calls ran twice")
    figure(f"{name}, {KILLS} kills: run twice, unknown",
           f"{summed.double}, {summed.unknown} of {summed.calls:,}")
    return summed.double


def fastest(addresses: Sequence[Address]) -> list[float]:
    """Calls in a second, one after another, at each address; in turns, the best of five."""
    best = [0.0] * len(addresses)
    for _ in range(5):
        for position, address in enumerate(addresses):
            best[position] = max(best[position], speed(address))
    return best


def speed(address: Address) -> float:
    with xmlrpc.client.ServerProxy(f"http://{show(address)}/{SERVICE}") as stub:
        stub.whoami()
        began = time.perf_counter()
        for _ in range(SPEED_CALLS):
            stub.whoami()
        return SPEED_CALLS / (time.perf_counter() - began)
