"""nginx in the place of our proxy, kept in step by interop.nginx: servers come and go under load;
and nginx takes every file that can be written.
"""

from __future__ import annotations

import contextlib
import http.client
import subprocess

from interop.nginx import include_text
from interop.upstreams import Upstream, Upstreams
from lab.checker import NOT_SENT, VALUE
from tests.interop.ledger import Ledger, by_http
from tests.interop.peers import Peers
from tests.interop.relays import Nginx, restarts_and_kills
from tests.interop.told import told
from tests.system.cluster import Cluster
from tests.system.harness import ROOT, START_S, wait_until

PROGRAMS = {"nginx": "nginx"}
IN_A_ROW = 100
# A service whose name is no name of a file.
DOTTED = """\
    import sys
    sys.path.insert(0, sys.argv[1])
    from server import Server
    with Server("a.b-c", {"hello": lambda: 7}, registries=sys.argv[2]):
        print("started", flush=True)
        sys.stdin.read()
"""


def check_calls(house: Cluster, peers: Peers) -> None:
    """Restarts lose nothing; kills run nothing twice; an equal view loads nothing."""
    del peers
    house.start_registry()
    nginx = Nginx(house)
    try:
        keeper = nginx.keep()
        call = by_http(nginx.address)
        empty = call("nobody")
        assert empty.outcome == NOT_SENT and "no live server" in empty.why, empty
        told("nginx", "without a server, the 503 says Not-Executed")
        ledger = Ledger(house)
        # For a moment after it was told to load, nginx has workers that know no server yet.
        wait_until(lambda: all(call("begin").outcome == VALUE for _ in range(IN_A_ROW)), START_S,
                   "nginx has loaded its servers, and its earlier workers are gone")
        restarts_and_kills("nginx", ledger, by_http(nginx.address))
        live = sorted(server.address[1] for server in ledger.servers.values())
        wait_until(lambda: all(f":{port} " in read(nginx.include) for port in live), START_S,
                   "all are in the file")
        before = keeper.err.count("told to load")
        for number in range(300):
            assert call(f"equal-{number}").outcome == VALUE
        assert keeper.err.count("told to load") == before, keeper.log
        told("nginx", "an equal view loads nothing")
        # Started anew, it has its servers at once.
        nginx.kill()
        nginx.start()
        assert call("anew").outcome == VALUE
        told("nginx", "started anew, it has its servers at once")
    finally:
        nginx.kill()


def read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def check_files(house: Cluster, peers: Peers) -> None:
    """`nginx -t` takes every file; names of services stay names."""
    del peers
    nginx = Nginx(house)
    servers: Upstreams
    one, six = Upstream("127.0.0.1", 4242), Upstream("::1", 65_535)
    many = [Upstream(f"10.0.{number // 256}.{number % 256}", 1 + number) for number in range(100)]
    strange = {"a.b-c_d": [one], "A" * 64: [six], "bank": [one], "Bank": [six], "0": [one],
               "_": [one], "a..b": [one], "a.-": [one]}
    try:
        for servers in ({}, {"a": []}, {"a": [one._replace(drains=True)]}, {"a": [one, six]},
                        {"a": many}, strange,
                        {f"service-{number}": many for number in range(100)}):
            with open(nginx.include, "w", encoding="utf-8") as file:
                file.write(include_text(servers))
            ended = subprocess.run([*nginx.command, "-t"], check=False, text=True,
                                   stderr=subprocess.PIPE, timeout=START_S)
            assert ended.returncode == 0, ended.stderr
        told("nginx", "nginx -t takes every file: no server, 100 of 100 services, IPv6, odd names")
        # A name with a dot and a dash leads to its own service, and no other name does.
        house.start_registry()
        server = house.start(house.file("dotted.py", DOTTED), ROOT, house.registry_option()[1])
        server.wait_for_line("started", START_S)
        nginx.keep()
        wait_until(lambda: status(nginx, "/a.b-c") == 200, START_S, "it is relayed")
        assert [status(nginx, path) for path in ("/a.b-c/", "/axb-c", "/a.b-cd", "/A.b-c")] \
            == [200, 503, 503, 503]
        told("nginx", "a name with a dot leads to its own service alone")
    finally:
        nginx.kill()


def status(nginx: Nginx, path: str) -> int:
    """What a call of `hello` at a path comes to."""
    connection = http.client.HTTPConnection(*nginx.address, timeout=START_S)
    with contextlib.closing(connection):
        connection.request("POST", path, b"<methodCall><methodName>hello</methodName></methodCall>",
                           {"Content-Type": "text/xml"})
        return connection.getresponse().status
