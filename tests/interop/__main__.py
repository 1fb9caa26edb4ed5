"""python3 -m tests.interop: what Ponte says to other systems, read by their real programs.

It starts a registry and servers, and `python3 -m interop.dns`. Then dig (of BIND), kdig (of Knot)
and dnsmasq, which forwards, are asked for the servers that live.

Root of a Debian system installs the programs that are missing. Elsewhere nothing is checked: that
is exit code 0, but with CI=true it is a failure.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

from ponte.net.address import Address
from ponte.process.characters import write_any
from ponte.process.options import PYTHON
from ponte.process.typed import here
from tests.netns.namespaces import exit_code_of_skipped
from tests.system.cluster import Cluster
from tests.system.harness import Process, free_port, wait_until

# Program -> Debian's package of it.
PACKAGES = {"dig": "bind9-dnsutils", "kdig": "knot-dnsutils", "dnsmasq": "dnsmasq-base"}
# Seconds.
INSTALL_S, RUN_S, GONE_S = 300.0, 10.0, 2.5
PLACE = "_greeter._tcp.ponte"

Ask = Callable[[Address, str, str], str]


def missing() -> list[str]:
    """The programs that are not there, also after a try to install them."""
    lacking = [program for program in PACKAGES if not shutil.which(program)]
    if lacking and sys.platform != "win32" and shutil.which("apt-get") and os.geteuid() == 0:
        print(f"installing {', '.join(lacking)} by apt-get", flush=True)
        for command in (["apt-get", "update", "-q"],
                        ["apt-get", "install", "-qy", "--no-install-recommends",
                         *(PACKAGES[program] for program in lacking)]):
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL, timeout=INSTALL_S,
                           env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    return [program for program in PACKAGES if not shutil.which(program)]


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


def check(house: Cluster) -> None:
    """Raises AssertionError where a program reads something else than what is true."""
    house.start_registry()
    servers = house.start_servers("services/greeter.py", "one", "two", "three")
    dns = house.start_dns().address
    live = sorted(server.address[1] for server in servers)
    # A registry that has just started does not know yet who is missing.
    wait_until(lambda: "NXDOMAIN" in ASKERS["dig"](dns, "nobody.ponte", "A"), 4, "it is warm")
    for name, ask in ASKERS.items():
        check_asker(name, ask, dns, live)
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
        check_kill(servers, live, {"dig": dns, "dnsmasq": relay})
    finally:
        dnsmasq.kill()
        dnsmasq.wait()


def check_asker(name: str, ask: Ask, dns: Address, live: list[int]) -> None:
    """One program reads who is there, and tells what has no record from what is no name."""
    wait_until(partial(names_exactly, ask, dns, live), 3, f"{name}: all three")
    told(name, f"SRV names exactly the live ports: {live}")
    nothing, nobody = ask(dns, PLACE, "A"), ask(dns, "nobody.ponte", "A")
    assert "status: NOERROR" in nothing and "SOA" in nothing, nothing
    assert "status: NXDOMAIN" in nobody and "SOA" in nobody, nobody
    told(name, "no such record: NOERROR with SOA; no such name: NXDOMAIN with SOA")


def names_exactly(ask: Ask, server: Address, live: list[int]) -> bool:
    return ports(ask(server, PLACE, "SRV")) == live


def check_kill(servers: list[Process], live: list[int], askers: dict[str, Address]) -> None:
    """A killed server is gone for all of them soon."""
    left = [port for port in live if port != servers[0].address[1]]
    servers[0].close()
    killed_at = time.monotonic()
    for name, address in askers.items():
        within_s = GONE_S - (time.monotonic() - killed_at)
        wait_until(partial(names_exactly, ASKERS["dig"], address, left), within_s,
                   f"{name}: the killed server is gone")
        told(name, f"a killed server is gone after {time.monotonic() - killed_at:.2f} s")


def told(name: str, what: str) -> None:
    print(f"ok      {name:14} {what}", flush=True)


def main() -> int:
    argparse.ArgumentParser(prog=f"{PYTHON} -m tests.interop",
                            description=here(__doc__)).parse_args()
    lacking = missing()
    if lacking:
        print(f"SKIPPED: not installed: {', '.join(lacking)}")
        return exit_code_of_skipped()
    house = Cluster()
    try:
        check(house)
    finally:
        house.close()
    return 0


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    sys.exit(main())
