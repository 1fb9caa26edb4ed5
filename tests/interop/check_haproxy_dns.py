"""HAProxy, which finds our servers by asking interop.dns, while they are restarted and killed."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

from lab.checker import NOT_SENT
from ponte.net.address import Address, show
from tests.interop.ledger import Ledger, by_http
from tests.interop.peers import Missing, Peers, found
from tests.interop.told import figure, told
from tests.system.cluster import Cluster
from tests.system.harness import free_port, wait_until

PROGRAMS = {"haproxy": "haproxy"}
# Seconds.
KNOWS_S, START_S = 10.0, 10.0
RESTARTS = 3
# What an operator writes. It asks every 100 ms, and obeys at once when a server is named no more
# (hold obsolete), or nobody is (hold nx). It takes 8,192 bytes over UDP, since it never asks over
# TCP. Only a connection that could not be made is tried again: nothing ran there. So its own
# 503 is true, and a stub may go elsewhere.
CONFIGURATION = """\
global
    stats socket {socket} mode 600 level admin
resolvers ponte
    nameserver dns {dns}
    accepted_payload_size 8192
    resolve_retries 3
    timeout resolve 100ms
    timeout retry   100ms
    hold valid      100ms
    hold obsolete   0s
    hold nx         0s
defaults
    mode http
    timeout connect 1s
    timeout client  30s
    timeout server  30s
    retries 3
    option redispatch 1
    retry-on conn-failure
    http-error status 503 content-type text/plain string "no server" hdr Not-Executed 1
frontend callers
    bind {relay}
    default_backend journal
backend journal
    balance roundrobin
    server-template server 1-10 _journal._tcp.ponte resolvers ponte init-addr none
"""


class Haproxy:
    """A running HAProxy at `address`, which asks the DNS server `dns`."""

    def __init__(self, house: Cluster, dns: Address) -> None:
        self.address: Address = "127.0.0.1", free_port()
        self._socket = os.path.join(house.directory, "haproxy.sock")
        file = house.file("haproxy.cfg", CONFIGURATION.format(
            socket=self._socket, dns=show(dns), relay=show(self.address)))
        program = found("haproxy")
        assert program
        self._popen = subprocess.Popen([program, "-db", "-q", "-f", file],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: os.path.exists(self._socket) or self._popen.poll() is not None, START_S,
                   "HAProxy begins")
        assert self._popen.poll() is None, "HAProxy does not take its configuration"

    def ports(self) -> list[int]:
        """The ports of the servers that it sends calls to."""
        if sys.platform == "win32":
            raise Missing("HAProxy does not run on Windows")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(self._socket)
            sock.sendall(b"show servers state journal\n")
            with sock.makefile(encoding="ascii") as answer:
                lines = [line.split() for line in answer]
        names = next(line[1:] for line in lines if "srv_port" in line)
        servers = [dict(zip(names, line)) for line in lines if len(line) == len(names)]
        # 2: it runs; a server whose name is gone is stopped.
        return sorted(int(each["srv_port"]) for each in servers if each["srv_op_state"] == "2")

    def close(self) -> None:
        self._popen.kill()
        self._popen.wait()


@contextlib.contextmanager
def haproxy_by_dns(house: Cluster) -> Iterator[tuple[Haproxy, Ledger]]:
    house.start_registry()
    ledger = Ledger(house)
    haproxy = Haproxy(house, house.start_dns().address)
    try:
        wait_until(lambda: haproxy.ports() == live(ledger), KNOWS_S, "it knows all servers")
        yield haproxy, ledger
    finally:
        haproxy.close()


def live(ledger: Ledger) -> list[int]:
    return sorted(server.address[1] for server in ledger.servers.values())


def check_rolling_restarts(house: Cluster, peers: Peers) -> None:
    """Three servers one after another, under load: no call fails, and none runs twice."""
    del peers
    with haproxy_by_dns(house) as (haproxy, ledger):
        def settle() -> None:
            wait_until(lambda: haproxy.ports() == live(ledger), KNOWS_S, "it knows the new one")

        with ledger.load(by_http(haproxy.address)) as load:
            ledger.restart(RESTARTS, settle)
        total = ledger.sum(load)
        assert total.answered == total.calls and not total.double and not total.lost, total
        told("HAProxy by DNS", f"{RESTARTS} rolling restarts: 0 failed of {total.calls:,} calls")
        figure(f"HAProxy by DNS, {RESTARTS} rolling restarts: failed", f"0 of {total.calls:,}")


def check_nobody_is_left(house: Cluster, peers: Peers) -> None:
    """The last server ends: the name is gone (NXDOMAIN), and HAProxy knows that none is there."""
    del peers
    with haproxy_by_dns(house) as (haproxy, ledger):
        for server in ledger.servers.values():
            server.close()
        wait_until(lambda: not haproxy.ports(), KNOWS_S, "it knows that nobody is there")
        call = by_http(haproxy.address)
        wait_until(lambda: call("nobody").outcome == NOT_SENT, KNOWS_S, "a caller is told so")
        told("HAProxy by DNS", "when nobody lives, its 503 says that the call was not executed")
