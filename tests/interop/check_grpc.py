"""gRPC, spoken by its own programs: grpcurl, grpcio, and grpc-js.

Each of them calls `python3 -m interop.grpc serve`; and our client calls a server of grpcio.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from xmlrpc.client import Fault

from client import NotSent, OutcomeUnknown
from interop.grpc.client import GrpcClient, StatusError
from lab.checker import FAILED, NOT_SENT, UNKNOWN, VALUE, Call
from ponte.net.address import Address, show
from tests.interop.ledger import CALL_S, CALLERS, CALLS_BETWEEN, PAUSE_S, MakeCall, sum_up
from tests.interop.peers import GRPCURL, Peers
from tests.interop.told import figure, told
from tests.system.cluster import Cluster
from tests.system.harness import Process, free_port, wait_until
from tests.system.journal import Journal
from tests.system.load import Load as LoadOfCalls

PROGRAMS = {"node": "nodejs", "npm": "npm"}
FOREIGN = Path(__file__).parent / "foreign"
GREETER = "services/greeter.py"
SIZED = '''
    import time


    def echo(data: bytes) -> bytes:
        return data


    def add(a: int, b: int = 1) -> int:
        return a + b


    def slow(seconds: float) -> str:
        time.sleep(seconds)
        return "late"


    def fails() -> str:
        raise ValueError("on purpose")
'''
# Seconds.
RUN_S, LOAD_S, LIVES_S = 60.0, 60.0, 15.0
CALLS = 10_000
RESTARTS, KILLS = 3, 6


def install(peers: Peers) -> None:
    peers.pip("grpcio", "grpcio-reflection", "grpcio-health-checking", GRPCURL)
    peers.npm("@grpc/grpc-js", "@grpc/proto-loader")


def start(house: Cluster, file: str, name: str, *options: str) -> Process:
    """A server with both doors."""
    return house.start_role("-m", "interop.grpc", "serve", file, "--name", name,
                            *house.registry_option(), *options)


def run(peers: Peers, *command: str) -> str:
    """What a program prints. Raises AssertionError if it fails."""
    ended = subprocess.run(command, check=False, text=True, capture_output=True,
                           timeout=RUN_S, env=peers.python())
    assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"
    return ended.stdout


def check_grpcurl(house: Cluster, peers: Peers) -> None:
    """It lists, describes, and calls what it has never heard of."""
    house.start_registry()
    server = show(start(house, GREETER, "one").address)
    grpcurl = partial(run, peers, "grpcurl", "-plaintext")
    assert "ponte.greeter.Greeter" in grpcurl(server, "list").split()
    described = grpcurl(server, "describe", "ponte.greeter.Greeter")
    assert "rpc hello ( .ponte.greeter.HelloRequest ) returns" in described, described
    reply = grpcurl("-d", '{"text": "Hello"}', server, "ponte.greeter.Greeter/hello")
    assert json.loads(reply) == {"value": "World"}, reply
    health = grpcurl(server, "grpc.health.v1.Health/Check")
    assert json.loads(health) == {"status": "SERVING"}, health
    told("grpcurl", "list, describe, call, health")


def check_grpcio(house: Cluster, peers: Peers) -> None:
    """Each kind of call, by a client that learns everything by reflection."""
    house.start_registry()
    server = start(house, house.file("sized.py", SIZED), "one")
    found = json.loads(run(peers, sys.executable, str(FOREIGN / "grpcio_client.py"), "calls",
                           show(server.address)))
    assert found["sizes"] == [0, 65_536, 3_000_000], found["sizes"]
    assert found["gzip"] == 100_000 and (found["sum"], found["default"]) == (42, 41), found
    assert (found["health"], found["watched"]) == (1, 1), found
    statuses = {name: found[name][0] for name in ("deadline", "fault", "unknown method", "broken")}
    assert statuses == {"deadline": "DEADLINE_EXCEEDED", "fault": "UNKNOWN",
                        "unknown method": "UNIMPLEMENTED", "broken": "INVALID_ARGUMENT"}, found
    assert found["fault"][2]["fault-code"] == "-32500", found["fault"]
    assert "on purpose" in found["fault"][1], found["fault"]
    told("grpcio", "0, 65,536 and 3,000,000 bytes; gzip; deadline, fault; reflection, health")


def check_grpc_js(house: Cluster, peers: Peers) -> None:
    """A client that is made from the .proto that we print."""
    house.start_registry()
    server = show(start(house, GREETER, "one").address)
    proto = run(peers, sys.executable, "-m", "interop.grpc", "proto", GREETER)
    file = house.file("greeter.proto", proto)
    script = Path(peers.folder) / "grpc_js_client.js"
    # Its packages are looked for beside it.
    script.write_text((FOREIGN / script.name).read_text(encoding="utf-8"), encoding="utf-8")
    assert run(peers, "node", str(script), file, server).strip() == "World"
    told("grpc-js", "calls by the .proto that `proto` prints")


@contextmanager
def grpcio_server(peers: Peers) -> Iterator[Address]:
    """A greeter of grpcio."""
    server = subprocess.Popen([sys.executable, str(FOREIGN / "grpcio_server.py")], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=peers.python())
    assert server.stdin and server.stdout
    try:
        yield "127.0.0.1", int(server.stdout.readline())
    finally:
        server.stdin.close()
        server.stdout.close()
        server.wait(RUN_S)


def check_our_client(house: Cluster, peers: Peers) -> None:
    """Our client at a server of grpcio: the value, a refusal, and what nobody can know."""
    with grpcio_server(peers) as address:
        for method, text, code, shown in (("hello", "Hello", 0, "World"),
                                          ("fails", "Hello", 3, "FAILED_PRECONDITION: not now"),
                                          ("away", "Hello", 5, "outcome unknown"),
                                          ("none", "Hello", 3, "has no method 'none'")):
            ended = house.start("-m", "interop.grpc", "call", show(address), "greeter", method,
                                text)
            assert ended.wait(RUN_S) == code and shown in ended.out + ended.err, ended.log
    told("our client", "calls grpcio's server; its UNAVAILABLE is an unknown outcome")


class Load:
    """grpcio's client under way: CALLS calls, by round robin over three servers."""

    def __init__(self, house: Cluster, peers: Peers, count: int) -> None:
        house.start_registry()
        self._house = house
        self._journal = Journal(house)
        self._ports = {name: free_port() for name in ("one", "two", "three")}
        self.servers = {name: self.start(name) for name in self._ports}
        addresses = ",".join(f"127.0.0.1:{port}" for port in self._ports.values())
        self._client = subprocess.Popen(
            [sys.executable, str(FOREIGN / "grpcio_client.py"), "load", addresses, str(count)],
            stdout=subprocess.PIPE, text=True, env=peers.python())
        assert self._client.stdout
        self._lines = self._client.stdout

    def start(self, name: str) -> Process:
        """A life of a server, on the port that is its own for ever."""
        return start(self._house, self._journal.file, name, "--port", str(self._ports[name]))

    def wait_for_calls(self) -> None:
        """Waits until some more calls have run."""
        ran = len(self._journal.runs())
        wait_until(lambda: len(self._journal.runs()) > ran + 200 or self._client.poll() is not None,
                   LIVES_S, "calls run")

    def end(self) -> tuple[dict[str, str], Counter[str]]:
        """The status of each call, and how often each ran."""
        printed, _ = self._client.communicate(timeout=LOAD_S)
        assert self._client.returncode == 0, printed[-500:]
        return dict(line.split() for line in printed.splitlines()), self._journal.executions()

    def close(self) -> None:
        self._client.kill()
        self._client.wait()
        self._lines.close()


def check_rolling_restart(house: Cluster, peers: Peers) -> None:
    """No call of 10,000 fails while each server is stopped and started once."""
    load = Load(house, peers, CALLS)
    try:
        load.wait_for_calls()
        for name, server in list(load.servers.items())[:RESTARTS]:
            server.stop()
            server.wait(LIVES_S)
            load.servers[name] = load.start(name)
            load.wait_for_calls()
        statuses, ran = load.end()
    finally:
        load.close()
    failed = {call: status for call, status in statuses.items() if status != "OK"}
    assert len(statuses) == CALLS and not failed, (len(failed), Counter(failed.values()))
    assert set(ran.values()) == {1}, ran.most_common(3)
    told("grpcio", f"{RESTARTS} rolling restarts under round robin: 0 of {CALLS} calls failed")
    figure("gRPC, 3 rolling restarts, grpcio's round robin", f"0 of {CALLS} calls failed")


def check_kills(house: Cluster, peers: Peers) -> None:
    """kill -9 under load: nothing runs twice, and no call that got an answer is lost."""
    load = Load(house, peers, CALLS // 2)
    try:
        names = list(load.servers)
        for number in range(KILLS):
            name = names[number % len(names)]
            load.wait_for_calls()
            load.servers[name].close()
            load.servers[name] = load.start(name)
        statuses, ran = load.end()
    finally:
        load.close()
    twice = [call for call, count in ran.items() if count > 1]
    lost = [call for call, status in statuses.items() if status == "OK" and not ran[call]]
    assert not twice and not lost, (twice[:3], lost[:3])
    failed = Counter(status for status in statuses.values() if status != "OK")
    assert set(failed) <= {"UNAVAILABLE", "UNKNOWN", "INTERNAL", "CANCELLED"}, failed
    # A server that was killed says nothing any more: this is grpcio's word for a broken connection.
    ran_and_failed = sum(1 for call, status in statuses.items() if status != "OK" and ran[call])
    told("grpcio", f"{KILLS} kills: {len(statuses)} calls, none ran twice, none lost")
    figure(f"gRPC, {KILLS} kills, grpcio's own status for a broken connection",
           f"{dict(failed)}, of which {ran_and_failed} had run")


def check_our_client_and_kills(house: Cluster, peers: Peers) -> None:
    """With our client, nothing that ran is told as not executed."""
    del peers
    house.start_registry()
    journal = Journal(house)
    ports = {name: free_port() for name in ("one", "two", "three")}

    def start_on_its_port(name: str) -> Process:
        return start(house, journal.file, name, "--port", str(ports[name]))

    servers = {name: start_on_its_port(name) for name in ports}
    with LoadOfCalls(by_grpc([("127.0.0.1", port) for port in ports.values()]), CALLERS,
                     "grpc", pause_s=0) as load:
        for number in range(KILLS):
            name = list(ports)[number % len(ports)]
            load.wait_for_calls(CALLS_BETWEEN, LIVES_S)
            servers[name].close()
            servers[name] = start_on_its_port(name)
    sum_of_it = sum_up(load, journal)
    assert not (sum_of_it.double or sum_of_it.lost or sum_of_it.lies or sum_of_it.failed), sum_of_it
    told("our client", f"{KILLS} kills: {sum_of_it}")
    figure(f"gRPC, {KILLS} kills, our client",
           f"{sum_of_it.unknown} of {sum_of_it.calls} unknown, 0 ran twice, 0 told as not executed "
           "that had run")


def by_grpc(addresses: list[Address]) -> MakeCall:
    """Callers with our client, each with one for each address, in turn."""
    own = threading.local()

    def call(call_id: str) -> Call:
        if not hasattr(own, "clients"):
            own.clients = itertools.cycle([GrpcClient(address) for address in addresses])
        began = time.monotonic()
        value, outcome, why = None, VALUE, ""
        try:
            value = next(own.clients).call("journal", "slow", (call_id, CALL_S))
        except NotSent as error:
            outcome, why = NOT_SENT, str(error)
        except OutcomeUnknown as error:
            outcome, why = UNKNOWN, str(error)
        except (Fault, StatusError) as error:
            outcome, why = FAILED, str(error)
        if why:
            # Callers that find nobody shall not spin.
            time.sleep(PAUSE_S)
        ended = time.monotonic()
        return Call(call_id, False, outcome, value == call_id, ended - began, why, ended)
    return call
