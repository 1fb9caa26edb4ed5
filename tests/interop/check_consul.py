"""Consul both ways: a real agent in place of our registry; and our registry, read by programs that
know Consul alone: its own command line, py-consul, npm's consul, and Prometheus.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ponte.net.address import Address, ConsulAddress, show
from tests.interop.ledger import Ledger, by_stub
from tests.interop.peers import Peers
from tests.interop.told import figure, told
from tests.system.cluster import Cluster
from tests.system.harness import START_S, Process, free_port, wait_until

PROGRAMS = {"node": "nodejs", "npm": "npm"}
GREETER = "services/greeter.py"
HEALTH = "/v1/health/service/greeter?passing"
# Seconds: for a program to start; for a killed server to be gone; for an agent that is back to know
# all servers; for a reader that waits to hear of a drain.
PROGRAM_S, GONE_S, BACK_S, WAKE_S = 30.0, 2.5, 2.0, 1.0

BY_PY_CONSUL = """\
import sys, consul
there = consul.Consul(sys.argv[1], int(sys.argv[2]))
index, entries = there.health.service("greeter", passing=True)
print("first", len(entries), flush=True)
while True:
    index, entries = there.health.service("greeter", passing=True, index=index, wait="60s")
    print("now", len(entries), flush=True)
"""
BY_NPM_CONSUL = """\
const Consul = require("consul");
const there = new Consul({host: process.argv[2], port: process.argv[3]});
const watch = there.watch({method: there.health.service,
                           options: {service: "greeter", passing: true}});
watch.on("change", entries => console.log("now", entries.length));
watch.on("error", error => { console.log("error", error.message); process.exit(1); });
"""


def install(peers: Peers) -> None:
    peers.of_debian_11("consul", "prometheus")
    peers.pip("py-consul")
    peers.npm("consul")


def program(peers: Peers, name: str) -> str:
    return str(Path(peers.folder, "bullseye", "usr", "bin", name))


def read(address: Sequence[Any], path: str) -> Any:
    """The JSON at a path; None while nobody answers."""
    with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(
            f"http://{address[0]}:{address[1]}{path}", timeout=PROGRAM_S) as reply:
        return json.load(reply)
    return None


def names(address: Sequence[Any], path: str = HEALTH) -> list[str]:
    """The instances that are passing."""
    return sorted(entry["Service"]["ID"].rpartition(":")[2] for entry in read(address, path) or ())


class Agent:
    """A real agent, alone in its house. Ends with the `with` block."""

    def __init__(self, peers: Peers) -> None:
        self.address = ConsulAddress("127.0.0.1", free_port())
        self._command = [program(peers, "consul"), "agent", "-dev", "-log-level=err",
                         f"-http-port={self.address.port}", f"-server-port={free_port()}",
                         f"-serf-lan-port={free_port()}", "-serf-wan-port=-1", "-dns-port=-1",
                         "-grpc-port=-1"]

    def __enter__(self) -> Agent:
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _begin(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
        wait_until(lambda: read(self.address, "/v1/status/leader"), PROGRAM_S, "the agent answers")

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()

    def restart(self) -> float:
        """kill -9, and a new life that knows nothing. Returns when it answered (monotonic)."""
        self._end()
        self._begin()
        return time.monotonic()


class Reader:
    """A program that prints a line for each change that it reads."""

    def __init__(self, *command: str, **options: Any) -> None:
        self._process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, **options)
        self.lines: list[tuple[float, str]] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.lines.append((time.monotonic(), line))

    def seen_at(self, pattern: str, after: float = 0.0) -> float:
        """When it first printed such a line after that moment; 0 if it has not."""
        return next((at for at, line in list(self.lines)
                     if at > after and re.search(pattern, line)), 0.0)

    def wait_for(self, pattern: str, what: str, after: float = 0.0) -> float:
        try:
            return wait_until(partial(self.seen_at, pattern, after), PROGRAM_S, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; it printed {self.lines}") from None

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join()
        assert self._process.stdout
        self._process.stdout.close()


# ---- Consul in place of the registry

def check_calls_with_only_consul(house: Cluster, peers: Peers) -> None:
    """No registry runs. Servers that drain and servers that die leave Consul's list in time."""
    with Agent(peers) as agent:
        house.registries.append(agent.address)
        one, _ = house.start_servers(GREETER, "one", "three")
        two = house.start_server(GREETER, "two", "--linger", "2")
        house.start_proxy()
        called = house.run_client("--trace", "greeter", "hello", "Hello")
        assert called.out.strip() == "World", called.log
        assert "proxy" in called.err, called.err
        told("consul", "with an agent as the only registry, a call through the proxy is answered")
        killed_at = time.monotonic()
        one.close()
        wait_until(lambda: names(agent.address) == ["three", "two"], GONE_S, "one is gone")
        figure("consul: kill -9 until out of ?passing", f"{time.monotonic() - killed_at:.2f} s")
        wait_until(lambda: sorted(house.names("greeter")) == ["three", "two"], GONE_S,
                   "nor do our readers name it")
        told("consul", f"a killed server was out of ?passing within {GONE_S} s")
        stopped_at = time.monotonic()
        two.stop()
        wait_until(lambda: names(agent.address) == ["three"], WAKE_S, "it drains")
        figure("consul: SIGTERM until out of ?passing", f"{time.monotonic() - stopped_at:.2f} s")
        assert names(agent.address, HEALTH.partition("?")[0]) == ["one", "three", "two"]
        assert house.names("greeter", "draining") == ["two"]
        two.wait(START_S)
        left = read(agent.address, "/v1/agent/services")
        assert "greeter:two" not in left, left
        told("consul", "a server that leaves is warning while it drains, and then deregistered")


def check_restarts(house: Cluster, peers: Peers) -> None:
    """Servers one after the other, and the agent itself: no call fails, none runs twice."""
    with Agent(peers) as agent:
        house.registries.append(agent.address)
        ledger = Ledger(house)
        house.start_proxy()
        with ledger.load(by_stub(house)) as load:
            ledger.restart(3)
            back_s = []
            for _ in range(2):
                back_at = agent.restart()
                wait_until(lambda: {"one", "two", "three"} <= set(house.names("journal", "up")),
                           BACK_S, "all are registered anew")
                back_s.append(time.monotonic() - back_at)
        told_sum = ledger.sum(load)
        figure("consul: 3 rolling restarts, agent killed twice",
               str(told_sum).splitlines()[0])
        figure("consul: agent back until all are registered", f"{max(back_s):.2f} s")
        assert not (told_sum.failed or told_sum.double or told_sum.lies), told_sum
        assert told_sum.answered == told_sum.calls, told_sum
        told("consul", "3 rolling restarts, and the agent killed twice: every call was answered")


def check_kills(house: Cluster, peers: Peers) -> None:
    """Servers are killed under load: no call runs twice, and none is said not to have run."""
    with Agent(peers) as agent:
        house.registries.append(agent.address)
        ledger = Ledger(house)
        house.start_proxy()
        with ledger.load(by_stub(house)) as load:
            ledger.kill(6)
        told_sum = ledger.sum(load)
        figure("consul: 6 kills", str(told_sum).splitlines()[0])
        assert told_sum.answered and not (told_sum.double or told_sum.lies), told_sum
        told("consul", "6 kills of servers: no call ran twice")


def check_one_name(house: Cluster, peers: Peers) -> None:
    """Of two servers of one name, the younger stays."""
    with Agent(peers) as agent:
        house.registries.append(agent.address)
        elder = house.start_server(GREETER, "one")
        younger = house.start_server(GREETER, "one")
        assert elder.wait(START_S) == 1, elder.log
        wait_until(lambda: [each["port"] for each in house.lookup("greeter")["endpoints"]]
                   == [younger.address[1]], GONE_S, "the younger one is there")
        told("consul", "of two servers of one name the younger stays, and the elder ends")


# ---- our registry, read as Consul

@contextlib.contextmanager
def face_of(house: Cluster) -> Iterator[Address]:
    face = house.start("-m", "interop.consul", "--port", "0", "--until-eof",
                       *house.registry_option())
    banner = face.wait_for_line(r"http://([\w.]+):(\d+)/v1", START_S)
    yield banner[1], int(banner[2])


def check_readers_that_wait(house: Cluster, peers: Peers) -> None:
    """Each hears of a drain within a second."""
    house.start_registry()
    servers = house.start_servers(GREETER, "one", "two", "three")
    script = house.file("read.py", BY_PY_CONSUL)
    node = Path(peers.folder, "read.js")
    node.write_text(BY_NPM_CONSUL, encoding="utf-8")
    with face_of(house) as face:
        wait_until(lambda: len(names(face)) == 3, GONE_S, "all are named")
        place = [face[0], str(face[1])]
        consul = program(peers, "consul")
        told_by = subprocess.run([consul, "catalog", "services", f"-http-addr={show(face)}"],
                                 check=True, text=True, stdout=subprocess.PIPE, timeout=PROGRAM_S)
        assert "greeter" in told_by.stdout.split(), told_by
        told("consul catalog", "names our services")
        readers = {"py-consul": Reader("python3", script, *place, env=peers.python()),
                   "npm consul": Reader("node", str(node), *place, cwd=peers.folder),
                   "consul watch": Reader(consul, "watch", f"-http-addr={show(face)}",
                                          "-type=service", "-service=greeter",
                                          "-passingonly=true", "tr '\\n' ' '; echo")}
        try:
            readers["py-consul"].wait_for(r"first 3", "py-consul has read")
            readers["npm consul"].wait_for(r"now 3", "npm's consul has read")
            readers["consul watch"].wait_for(r"greeter:three", "consul watch has read")
            servers[0].stop()
            stopped_at = time.monotonic()
            for name, change in (("py-consul", r"now 2"), ("npm consul", r"now 2"),
                                 ("consul watch", r"^(?!.*greeter:one).*greeter:three")):
                took_s = readers[name].wait_for(change, f"{name} hears of it",
                                                stopped_at) - stopped_at
                figure(f"{name}: SIGTERM until it is told", f"{took_s:.2f} s")
                assert took_s < WAKE_S, (name, took_s)
                told(name, f"its blocking read hears of a drain within {WAKE_S:.0f} s")
        finally:
            for reader in readers.values():
                reader.close()


def check_prometheus(house: Cluster, peers: Peers) -> None:
    """It finds our servers by consul_sd, scrapes each, and drops one that was killed."""
    house.start_registry()
    servers = house.start_servers(GREETER, "one", "two", "three")
    with face_of(house) as face:
        port = free_port()
        config = house.file("prometheus.yml", f"""\
            global: {{scrape_interval: 1s}}
            scrape_configs:
              - job_name: ponte
                consul_sd_configs: [{{server: "{show(face)}", refresh_interval: 1s}}]
            """)
        reader = Reader(program(peers, "prometheus"), f"--config.file={config}",
                        f"--storage.tsdb.path={house.directory}/metrics",
                        f"--web.listen-address=127.0.0.1:{port}")
        try:
            live = {show(server.address) for server in servers}
            wait_until(lambda: healthy(port) == live, PROGRAM_S, f"it scrapes {live}")
            told("Prometheus", "found three servers by consul_sd, and scraped each")
            kill_and_see(servers[0], port, live)
        finally:
            reader.close()


def kill_and_see(server: Process, port: int, live: set[str]) -> None:
    killed_at = time.monotonic()
    server.close()
    # It sends its list of targets on once in 5 seconds.
    wait_until(lambda: targets(port) == live - {show(server.address)}, PROGRAM_S, "it is dropped")
    figure("Prometheus: kill -9 until it is no target", f"{time.monotonic() - killed_at:.1f} s")
    told("Prometheus", "drops a server that was killed")


def targets(port: int, health: str = "") -> set[str]:
    """What Prometheus scrapes."""
    found = read(("127.0.0.1", port), "/api/v1/targets?state=active") or {}
    return {each["discoveredLabels"]["__address__"]
            for each in found.get("data", {}).get("activeTargets", ())
            if health in ("", each["health"])}


def healthy(port: int) -> set[str]:
    return targets(port, "up")
