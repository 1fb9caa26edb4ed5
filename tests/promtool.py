"""python3 -m tests.promtool: the real /metrics, checked by the tool of Prometheus itself.

It starts a registry, two servers, and a proxy with each engine, makes calls that come to a result,
to a fault and to nothing, and gives each page to `promtool check metrics`. A word of promtool is
a failure, also a mere warning.

Where promtool is missing, root of a Debian system installs it. Elsewhere nothing is checked: that
is exit code 0, but with CI=true it is a failure.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import urllib.request
import xmlrpc.client

from client import CallError
from ponte.net.address import Address, show
from ponte.process.characters import write_any
from tests.exposition import read
from tests.interop.peers import install
from tests.system.cluster import Cluster

SERVICE = """\
    from server import idempotent

    @idempotent
    def hello(name: str) -> str:
        return "Hello, " + name

    def fails(text: str) -> None:
        raise ValueError(text)
"""
# Seconds.
PAGE_S = 10.0
WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def make_calls(cluster: Cluster, proxies: list[Address]) -> None:
    """Calls of every outcome: through the stub, and as a stock client makes them."""
    stub = cluster.client("greeter")
    for _ in range(10):
        assert stub.hello("World") == "Hello, World"
    with contextlib.suppress(xmlrpc.client.Fault):
        stub.fails('a "quoted"\ntext')
    for address in proxies:
        stock = xmlrpc.client.ServerProxy(f"http://{show(address)}/greeter")
        with stock:
            for _ in range(5):
                stock.hello("World")
            with contextlib.suppress(xmlrpc.client.Fault):
                stock.invented()
    with contextlib.suppress(CallError):
        cluster.client("nobody", timeout_s=0.1).hello("World")


def complaint(address: Address) -> str:
    """What promtool, or our own strict reader, says of the page of a process; "" if all is well."""
    with WITHOUT_PROXY.open(f"http://{show(address)}/metrics", timeout=PAGE_S) as reply:
        page: bytes = reply.read()
    checked = subprocess.run(["promtool", "check", "metrics"], check=False, input=page,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = str(checked.stdout, "utf-8")
    if checked.returncode and not said:
        said = f"exit code {checked.returncode}"
    try:
        families = read(page.decode())
    except ValueError as error:
        return f"{said}\n{error}"
    samples = sum(len(family.samples) for family in families.values())
    print(f"{show(address)}: {len(families)} families, {samples} samples", flush=True)
    return said


def main() -> int:
    """Checks the pages of all roles. Returns the exit code."""
    if install({"promtool": "prometheus"}):
        print("promtool is missing, and cannot be installed here: nothing is checked")
        return 1 if os.environ.get("CI") == "true" else 0
    cluster = Cluster()
    wrong = 0
    try:
        processes = [cluster.start_registry()]
        processes += cluster.start_servers(cluster.file("greeter.py", SERVICE), "s-1", "s-2")
        proxies = [cluster.start_proxy(f"proxy-{engine}", "--engine", engine)
                   for engine in ("threads", "events")]
        make_calls(cluster, [proxy.address for proxy in proxies])
        for process in (*processes, *proxies):
            said = complaint(process.address)
            if said:
                wrong += 1
                print(f"FAILED  {' '.join(process.arguments)}\n{said}", flush=True)
    finally:
        cluster.close()
    print(f"promtool: {len(processes) + len(proxies)} pages, {wrong} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    sys.exit(main())
