"""A zone of the real `named` (bind 9), kept in step by interop.ddns and read by dig."""

from __future__ import annotations

import contextlib
import glob
import re
import subprocess
import time
from collections.abc import Iterator
from functools import partial

from ponte.net.address import Address
from tests.interop.check_dns import ports, run
from tests.interop.peers import Missing, Peers, found
from tests.interop.told import figure, told
from tests.system.cluster import Cluster
from tests.system.harness import Process, free_port, wait_until

PROGRAMS = {"dig": "bind9-dnsutils", "named": "bind9",
            "nsupdate": "bind9-dnsutils", "faketime": "faketime"}
PLACE = "_greeter._tcp.ponte"
# Seconds.
GONE_S, STEP_S = 2.5, 15.0
ZONE_FILE = """\
$TTL 0
@  SOA ns hostmaster 1 3600 600 86400 0
@  NS  ns
ns A   127.0.0.1
"""
CONFIGURATION = """\
key "ponte-key" {{ algorithm hmac-sha256; secret "{secret}"; }};
key "reader-key" {{ algorithm hmac-sha256; secret "{secret}"; }};
options {{ directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
          pid-file none; session-keyfile none; recursion no; notify no; allow-query {{ any; }}; }};
controls {{ }};
zone "ponte" {{ type primary; file "ponte.db"; update-policy {{ grant ponte-key zonesub ANY; }}; }};
"""
SECRET = "1j6cCzbivYCCbsphfr0l+bLA0NtYUr82TWajKl8V+0M="
OTHER = "AAAACzbivYCCbsphfr0l+bLA0NtYUr82TWajKl8V+0M="


class Named:
    """bind's server with a zone "ponte" that `ponte-key` may change, on a port of its own.

    `start` and `kill` may follow each other; `forget` takes away what it has written to its disk.
    """

    def __init__(self, house: Cluster) -> None:
        self.address: Address = "127.0.0.1", free_port()
        self._house = house
        self.key = key_file(house, "ponte-key", SECRET)
        self._configuration = house.file("named.conf", CONFIGURATION.format(
            folder=house.directory, port=self.address[1], secret=SECRET))
        self._popen: subprocess.Popen[bytes] | None = None
        self.forget()

    def forget(self) -> None:
        self._house.file("ponte.db", ZONE_FILE)
        for journal in glob.glob(f"{self._house.directory}/ponte.db.jnl"):
            with contextlib.suppress(FileNotFoundError):
                subprocess.run(["rm", journal], check=True)

    def start(self) -> None:
        program = found("named")
        assert program
        self._popen = subprocess.Popen([program, "-f", "-4", "-c", self._configuration],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: "status: NOERROR" in self.ask("ponte", "SOA"), STEP_S, "named answers")

    def kill(self) -> None:
        if self._popen:
            self._popen.kill()
            self._popen.wait()

    def ask(self, name: str, kind: str) -> str:
        return run("dig", "@127.0.0.1", "-p", str(self.address[1]), "+tries=1", "+time=1", name,
                   kind)

    def has_address(self, name: str) -> bool:
        """Whether the name has the address of this machine."""
        return bool(re.search(r"\sA\s+127\.0\.0\.1$", self.ask(name, "A"), re.MULTILINE))

    def names_exactly(self, live: list[int]) -> bool:
        return ports(self.ask(PLACE, "SRV")) == live


@contextlib.contextmanager
def named_with_servers(house: Cluster, *names: str) -> Iterator[tuple[Named, list[Process]]]:
    """A registry that has warmed up, servers of these names, and `named`."""
    named = Named(house)
    house.start_registry()
    servers = house.start_servers("services/greeter.py", *names)
    wait_until(lambda: not house.lookup("greeter")["warming"], STEP_S, "the registry is warm")
    named.start()
    try:
        yield named, servers
    finally:
        named.kill()


def key_file(house: Cluster, name: str, secret: str) -> str:
    return house.file(f"{name}.{secret[:4]}.key", f"""\
        key "{name}" {{
        \talgorithm hmac-sha256;
        \tsecret "{secret}";
        }};
        """)


def live(*servers: Process) -> list[int]:
    return sorted(server.address[1] for server in servers)


def check_it_holds_exactly_the_live_ones(house: Cluster, peers: Peers) -> None:
    """From the start of the pusher to its end in order; also when `named` has forgotten all."""
    del peers
    with named_with_servers(house, "one", "two", "three") as (named, servers):
        ddns = house.start_ddns(named.address, named.key)
        wait_until(partial(named.names_exactly, live(*servers)), STEP_S, "all three")
        told("named", f"SRV names exactly the live ports: {live(*servers)}")
        assert named.has_address("greeter.ponte")
        assert named.has_address("one.greeter.ponte")
        assert PLACE in named.ask("_services._dns-sd._udp.ponte", "PTR")
        # Somebody else writes into the zone; the server itself was never away.
        changed = subprocess.run(
            ["nsupdate", "-k", named.key], check=False, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=STEP_S,
            input=f"server 127.0.0.1 {named.address[1]}\nzone ponte\n"
                  f"update delete {PLACE} SRV\nupdate delete greeter.ponte A\nsend\n")
        assert changed.returncode == 0, changed.stdout
        wait_until(lambda: named.has_address("greeter.ponte"), STEP_S, "it is put back")
        assert named.names_exactly(live(*servers))
        told("named", "what somebody else has deleted is put back")
        servers[0].close()
        killed_at = time.monotonic()
        wait_until(partial(named.names_exactly, live(*servers[1:])), GONE_S, "the killed one goes")
        gone_s = time.monotonic() - killed_at
        assert "NXDOMAIN" in named.ask("one.greeter.ponte", "A")
        told("named", f"a killed server is gone after {gone_s:.2f} s")
        figure("named: a killed server is gone after", f"{gone_s:.2f} s")
        named.kill()
        ddns.wait_for_line("is away", STEP_S)
        named.forget()
        named.start()
        started_at = time.monotonic()
        wait_until(partial(named.names_exactly, live(*servers[1:])), STEP_S, "in step again")
        again_s = time.monotonic() - started_at
        told("named", f"restarted without its records: in step again after {again_s:.2f} s")
        figure("named: restarted without its records, in step again after", f"{again_s:.2f} s")
        assert ddns.err.count("is away") == 1, ddns.err
        ddns.stop()
        assert ddns.wait(STEP_S) == 0
        nothing_is_left(named)
        told("named", "when the pusher is stopped, its records go")
        times = [float(ms) for ms in re.findall(r"written in ([\d.]+) ms", ddns.err)]
        figure("named: an update, and the look at the zone behind it", f"{min(times):.1f} ms")


def nothing_is_left(named: Named) -> None:
    for name, kind in ((PLACE, "SRV"), ("greeter.ponte", "A"), ("two.greeter.ponte", "A"),
                       ("_services._dns-sd._udp.ponte", "PTR")):
        printed = named.ask(name, kind)
        assert "NXDOMAIN" in printed, printed
    assert named.has_address("ns.ponte"), "what is not ours stays"


def check_an_earlier_life_is_cleaned_up(house: Cluster, peers: Peers) -> None:
    """kill -9 of the pusher, then of a server; the next pusher takes the record away."""
    del peers
    with named_with_servers(house, "one", "two") as (named, servers):
        ddns = house.start_ddns(named.address, named.key)
        wait_until(partial(named.names_exactly, live(*servers)), STEP_S, "both")
        ddns.close()
        servers[0].close()
        wait_until(lambda: house.names("greeter") == ["two"], STEP_S, "the registry knows")
        assert named.names_exactly(live(*servers)), "a dead pusher leaves what it wrote"
        told("named", "a pusher that was killed leaves its records, true or not")
        # A service of which nobody is left, too.
        house.start_ddns(named.address, named.key, "--keep")
        wait_until(partial(named.names_exactly, live(servers[1])), STEP_S, "the record goes")
        assert "NXDOMAIN" in named.ask("one.greeter.ponte", "A")
        told("named", "the next one takes the record of a server away that died meanwhile")
        keeping = house.processes[-1]
        keeping.stop()
        assert keeping.wait(STEP_S) == 0
        assert named.names_exactly(live(servers[1])), "--keep"
        servers[1].close()
        wait_until(lambda: not house.names("greeter"), STEP_S, "nobody lives")
        house.start_ddns(named.address, named.key)
        wait_until(lambda: "NXDOMAIN" in named.ask(PLACE, "SRV"), STEP_S, "the service goes")
        nothing_is_left(named)


def check_while_a_registry_warms_up_nothing_is_taken_away(house: Cluster, peers: Peers) -> None:
    """Pusher and registry restart together: the pusher hears of the servers one after another."""
    del peers
    with named_with_servers(house, "one", "two", "three") as (named, servers):
        ddns = house.start_ddns(named.address, named.key)
        wait_until(partial(named.names_exactly, live(*servers)), STEP_S, "all three")
        ddns.close()
        registry = house.processes[0]
        for server in servers[1:]:
            server.freeze()
        registry.close()
        house.start_registry(port=registry.address[1])
        house.start_ddns(named.address, named.key).wait_for_line("as far as they know yet", STEP_S)
        wait_until(lambda: house.names("greeter") == ["one"], STEP_S, "one beats")
        assert named.names_exactly(live(*servers))
        for server in servers[1:]:
            server.thaw()
        wait_until(lambda: not house.lookup("greeter")["warming"], STEP_S, "the registry is warm")
        wait_until(partial(named.names_exactly, live(*servers)), STEP_S, "all three")
        told("named", "while a registry warms up, nobody is taken away")


def check_each_mistake_is_told_by_its_name(house: Cluster, peers: Peers) -> None:
    """One line says what is wrong, with the name that bind has for it, and what to do."""
    del peers
    clocks = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    if not clocks:
        raise Missing("libfaketime.so.1 is missing")
    late = {"LD_PRELOAD": clocks[0], "FAKETIME": "-1h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with named_with_servers(house, "one") as (named, _):
        nothing, stays = "no record of ours is in", "its records stay in"
        for word, key, zone, environment, what_to_do, left in (
                ("BADKEY", key_file(house, "wrong-key", SECRET), "ponte", None,
                 'it knows no key "wrong-key"', stays),
                ("BADSIG", key_file(house, "ponte-key", OTHER), "ponte", None,
                 '"ponte-key" has another secret', stays),
                ("BADTIME", named.key, "ponte", late, r"its clock is 36\d\d s ahead of ours",
                 stays),
                ("REFUSED", named.key, "example", None, "is --zone one that it holds", stays),
                ("REFUSED", key_file(house, "reader-key", SECRET), "ponte", None,
                 "grant reader-key zonesub ANY", nothing),
                ("", named.key, "deeper.ponte", None, "does not hold the zone deeper.ponte",
                 stays)):
            ddns = house.start_ddns(named.address, key, zone=zone, environment=environment)
            line = ddns.wait_for_line(rf"127.0.0.1:\d+ .*({what_to_do}).*", STEP_S)[0]
            told("named", line)
            assert not word or f"({word})" in line, line
            ddns.stop()
            assert ddns.wait(STEP_S) == 0
            assert left in ddns.out, ddns.out
            assert ddns.err.count("it tries again") == 1, ddns.err
        assert "NXDOMAIN" in named.ask(PLACE, "SRV")


def check_many_servers_go_over_tcp(house: Cluster, peers: Peers) -> None:
    """An update, and what is read at a start, that is larger than a datagram allows."""
    del peers
    count = 40
    with named_with_servers(house) as (named, _):
        many = house.start_many_servers(count)
        wait_until(lambda: len(house.names("greeter")) == count, STEP_S, "all beat")
        ddns = house.start_ddns(named.address, named.key)
        wait_until(lambda: len(ports(named.ask(PLACE, "SRV"))) == count, STEP_S, "all of them")
        told("named", f"{count} servers, written by one update over TCP")
        ddns.close()
        many.close()
        wait_until(lambda: not house.names("greeter"), STEP_S, "nobody lives")
        house.start_ddns(named.address, named.key)
        wait_until(lambda: "NXDOMAIN" in named.ask(PLACE, "SRV"), STEP_S, "all are gone")
        assert "NXDOMAIN" in named.ask("server-7.greeter.ponte", "A")
        told("named", f"{count} servers of an earlier life, read over TCP and taken away")
