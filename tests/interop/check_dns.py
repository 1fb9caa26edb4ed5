"""What interop.dns says, asked by real programs: dig (of BIND), kdig (of Knot), and dnsmasq, which
forwards.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from functools import partial

from ponte.net.address import Address
from tests.interop.peers import Peers
from tests.interop.told import figure, told
from tests.system.cluster import Cluster
from tests.system.harness import Process, free_port, wait_until

PROGRAMS = {"dig": "bind9-dnsutils", "kdig": "knot-dnsutils", "dnsmasq": "dnsmasq-base"}
# Seconds.
RUN_S, GONE_S = 10.0, 2.5
PLACE = "_greeter._tcp.ponte"

Ask = Callable[[Address, str, str], str]


def run(*command: str) -> str:
    """What a program prints."""
    ended = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=RUN_S)
    return ended.stdout


def asks_with(program: str, *options: str) -> Ask:
    """How dig or kdig is asked for the records of a name."""
    def ask(server: Address, name: str, kind: str) -> str:
        host, port = server
        return run(program, f"@{host}", "-p", str(port), *options, name, kind)
    return ask


ASKERS: dict[str, Ask] = {"dig": asks_with("dig"), "dig over TCP": asks_with("dig", "+tcp"),
                          "kdig": asks_with("kdig"), "kdig over TCP": asks_with("kdig", "+tcp")}


def ports(printed: str) -> list[int]:
    """The ports of the SRV records in what dig and kdig print."""
    words = [line.split() for line in printed.splitlines() if not line.startswith(";")]
    return sorted(int(line[6]) for line in words if len(line) > 6 and line[3] == "SRV")


def check_programs(house: Cluster, peers: Peers) -> None:
    """Each of them reads what is true."""
    del peers
    house.start_registry()
    servers = house.start_servers("services/greeter.py", "one", "two", "three")
    dns = house.start_dns().address
    live = sorted(server.address[1] for server in servers)
    # A registry that has just started does not know yet who is missing.
    wait_until(lambda: "NXDOMAIN" in ASKERS["dig"](dns, "nobody.ponte", "A"), 4, "it is warm")
    for name, ask in ASKERS.items():
        asker_reads(name, ask, dns, live)
    assert "127.0.0.1" in run("dig", f"@{dns[0]}", "-p", str(dns[1]), "+short", "greeter.ponte")
    # Its cache, too, keeps nothing that is told with a TTL of 0.
    relay = "127.0.0.1", free_port()
    dnsmasq = subprocess.Popen(
        ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", f"--port={relay[1]}", "--no-resolv",
         "--no-hosts", "--listen-address=127.0.0.1", "--bind-interfaces", "--user=root",
         f"--server=/ponte/{dns[0]}#{dns[1]}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(partial(names_exactly, ASKERS["dig"], relay, live), 5, "it forwards")
        told("dnsmasq", "forwards the zone")
        killed_is_gone(servers, live, {"dig": dns, "dnsmasq": relay})
    finally:
        dnsmasq.kill()
        dnsmasq.wait()


def asker_reads(name: str, ask: Ask, dns: Address, live: list[int]) -> None:
    """One program reads who is there, and tells what has no record from what is no name."""
    wait_until(partial(names_exactly, ask, dns, live), 3, f"{name}: all three")
    told(name, f"SRV names exactly the live ports: {live}")
    nothing, nobody = ask(dns, PLACE, "A"), ask(dns, "nobody.ponte", "A")
    assert "status: NOERROR" in nothing and "SOA" in nothing, nothing
    assert "status: NXDOMAIN" in nobody and "SOA" in nobody, nobody
    told(name, "no such record: NOERROR with SOA; no such name: NXDOMAIN with SOA")


def names_exactly(ask: Ask, server: Address, live: list[int]) -> bool:
    return ports(ask(server, PLACE, "SRV")) == live


def killed_is_gone(servers: list[Process], live: list[int], askers: dict[str, Address]) -> None:
    """A killed server is gone for all of them soon."""
    left = [port for port in live if port != servers[0].address[1]]
    servers[0].close()
    killed_at = time.monotonic()
    for name, address in askers.items():
        within_s = GONE_S - (time.monotonic() - killed_at)
        wait_until(partial(names_exactly, ASKERS["dig"], address, left), within_s,
                   f"{name}: the killed server is gone")
        gone_s = time.monotonic() - killed_at
        told(name, f"a killed server is gone after {gone_s:.2f} s")
        figure(f"{name}: a killed server is gone after", f"{gone_s:.2f} s")
