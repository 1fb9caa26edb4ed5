"""The processes of one scenario, and the test case that owns them.

The verbs of a cluster make a failure scenario read like a story:

    cluster = Cluster()
    cluster.start_registry()
    one, two = (cluster.start_server("services/greeter.py", name) for name in ("one", "two"))
    cluster.freeze(one)
    cluster.wait_until(lambda: cluster.names("greeter") == ["two"], within_s=3,
                       what="one is out of lookup")

The idea of such verbs is from the tests of eliben/raft.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import sys
import tempfile
import textwrap
import threading
import unittest
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from client import Client
from ponte.discovery.at_consul import consul
from ponte.discovery.follower import ask
from ponte.net.address import Address, ConsulAddress, show
from ponte.net.pool import Pool
from tests.system.harness import ROOT, START_S, Process, wait_until

_BANNER = re.compile(r"(?:https?://|listening on )([\w.]+):(\d+)")

T = TypeVar("T")

# Many servers in one process: the folder of Ponte, its registries, and how many.
MANY_SERVERS = """\
    import sys
    sys.path.insert(0, sys.argv[1])
    from server import Server
    servers = [Server("greeter", [len], registries=sys.argv[2], name=f"server-{number}")
               for number in range(int(sys.argv[3]))]
    for server in servers:
        server.start()
    print("started", flush=True)
    sys.stdin.read()
"""


class Cluster:
    """The processes of one scenario, and a directory for its files. `close` ends all of them.

    `engine` is the engine of its proxies, and `server_engine` that of its registries and servers,
    unless an option says otherwise.
    """

    def __init__(self, engine: str = "threads", server_engine: str = "events") -> None:
        self.engine = engine
        self.server_engine = server_engine
        self.directory = tempfile.mkdtemp(prefix="ponte-test-")
        self.processes: list[Process] = []
        # Given to each process that is started from now on.
        self.registries: list[Address] = []
        self._clients: list[Client] = []
        self._pool = Pool()

    def close(self) -> None:
        for client in self._clients:
            client.close()
        for process in self.processes:
            process.close()
        self._pool.close()
        shutil.rmtree(self.directory)

    @property
    def log(self) -> str:
        return "\n".join(process.log for process in self.processes)

    # Starting.

    def start(self, *arguments: str, environment: dict[str, str] | None = None) -> Process:
        """Starts any program of Ponte; does not wait for it."""
        process = Process(arguments, environment)
        self.processes.append(process)
        return process

    def start_role(self, *arguments: str) -> Process:
        """Starts a registry, server or proxy; waits for its banner."""
        process = self.start(*arguments, "--until-eof")
        banner = process.wait_for_line(_BANNER.pattern, START_S)
        process.address = (banner[1], int(banner[2]))
        return process

    def start_registry(self, *options: str, port: int = 0) -> Process:
        """Starts a registry; servers, proxies and clients that are started after it know it."""
        registry = self.start_role("registry.py", "--port", str(port), "--engine",
                                   self.server_engine, *options)
        if registry.address not in self.registries:
            self.registries.append(registry.address)
        return registry

    def start_server(self, file: str, name: str, *options: str) -> Process:
        return self.start_role("server.py", file, "--name", name, "--engine", self.server_engine,
                               *self.registry_option(), *options)

    def start_servers(self, file: str, *names: str) -> list[Process]:
        """Starts several servers at the same time; waits until all of them are in lookup."""
        servers = self.at_once([functools.partial(self.start_server, file, name) for name in names])
        service = os.path.splitext(os.path.basename(file))[0]
        self.wait_until(lambda: set(names) <= set(self.names(service)), 3, f"{names} are in lookup")
        return servers

    def start_many_servers(self, count: int) -> Process:
        """Starts one process with so many servers of greeter; waits until all have begun."""
        many = self.start(self.file("many.py", MANY_SERVERS), ROOT, self.registry_option()[1],
                          str(count))
        many.wait_for_line("started", START_S)
        return many

    def start_proxy(self, name: str = "proxy", *options: str) -> Process:
        """Starts a proxy; waits until it is in lookup."""
        proxy = self.start_role("proxy.py", "--port", "0", "--name", name, "--engine", self.engine,
                                *self.registry_option(), *options)
        self.wait_until(lambda: name in self.names("proxy"), 3, f"{name} is in lookup")
        return proxy

    def start_dns(self, *options: str) -> Process:
        """Starts the DNS server on any port; waits for its banner."""
        dns = self.start("-m", "interop.dns", "--port", "0", "--until-eof",
                         *self.registry_option(), *options)
        banner = dns.wait_for_line(r"ponte\. at ([\w.]+):(\d+)", START_S)
        dns.address = (banner[1], int(banner[2]))
        return dns

    def start_sidecar(self, service: str, address: Address, *options: str) -> Process:
        """Starts a sidecar for what listens at an address; waits for its banner."""
        return self.start_role("-m", "interop.sidecar", service, show(address),
                               *self.registry_option(), *options)

    def start_ddns(self, server: Address, key: str, *options: str, zone: str = "ponte",
                   environment: dict[str, str] | None = None) -> Process:
        """Starts what keeps the zone of a DNS server in step; waits for its banner."""
        host, port = server
        ddns = self.start("-m", "interop.ddns", "--server", f"{host}:{port}", "--zone", zone,
                          "--key", key, "--until-eof", *self.registry_option(), *options,
                          environment=environment)
        ddns.wait_for_line("in step - stop with", START_S)
        return ddns

    def start_client(self, *arguments: str, environment: dict[str, str] | None = None) -> Process:
        """Starts the client's program; does not wait for it."""
        return self.start("client.py", *self.registry_option(), *arguments, environment=environment)

    def run_client(self, *arguments: str, environment: dict[str, str] | None = None) -> Process:
        """Runs the client's program, and waits for its end."""
        process = self.start_client(*arguments, environment=environment)
        process.wait(START_S)
        return process

    def client(self, service: str, **options: Any) -> Client:
        """A stub in this process."""
        client = Client(service, registries=tuple(self.registries), **options)
        self._clients.append(client)
        return client

    def registry_option(self) -> tuple[str, ...]:
        return ("--registry", ",".join(map(show, self.registries)))

    def file(self, name: str, text: str) -> str:
        """Writes a file into the directory of the scenario; returns its path.

        Only its owner may read it, so that it may be a key.
        """
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
        os.chmod(path, 0o600)
        return path

    # Failing.

    def kill(self, process: Process) -> None:
        """kill -9: it does not leave in order."""
        process.close()

    def freeze(self, process: Process) -> None:
        """The system still accepts its connections, but it answers nothing."""
        process.freeze()

    def thaw(self, process: Process) -> None:
        process.thaw()

    # Seeing.

    def wait_until(self, condition: Callable[[], T], within_s: float, what: str) -> T:
        return wait_until(condition, within_s, what)

    def lookup(self, service: str, registry: Address | None = None) -> dict[str, Any]:
        """The answer of a registry about a service; OSError if there is none."""
        registry = registry or self.registries[0]
        if isinstance(registry, ConsulAddress):
            return consul().watch_of(service, registry)(self._pool, 0, 0.0).to_struct()
        found: dict[str, Any] = ask(self._pool, registry, "lookup", service)
        return found

    def names(self, service: str, state: str = "") -> list[str]:
        """The instances in lookup: all, or those in `state`."""
        return [endpoint["instance"] for endpoint in self.lookup(service)["endpoints"]
                if not state or endpoint["state"] == state]

    def at_once(self, starts: Sequence[Callable[[], Process]]) -> list[Process]:
        """Starts several processes at the same time."""
        started: dict[int, Process] = {}
        threads = [threading.Thread(target=lambda i=i, start=start: started.update({i: start()}))
                   for i, start in enumerate(starts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(started) < len(starts):
            raise AssertionError(f"a process did not start\n{self.log}")
        return [started[i] for i in range(len(starts))]


class SystemTest(unittest.TestCase):
    """A test with a cluster, which is closed after the test. A test that fails prints the logs.

    If the tests of a class do not disturb each other, its `setUpClass` may call `share_cluster`.
    """

    cluster: Cluster
    # The engine of the proxies, and that of registries and servers.
    engine, server_engine = "threads", "events"
    _shared = False

    @classmethod
    def share_cluster(cls) -> Cluster:
        """One cluster for all tests of this class."""
        cls._shared = True
        cls.cluster = Cluster(cls.engine, cls.server_engine)
        cls.addClassCleanup(cls.cluster.close)
        return cls.cluster

    def setUp(self) -> None:
        if not self._shared:
            self.cluster = Cluster(self.engine, self.server_engine)
            self.addCleanup(self.cluster.close)

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        result = self.defaultTestResult() if result is None else result
        failed_before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > failed_before and hasattr(self, "cluster"):
            print(f"\n==== logs of {self.id()}\n{self.cluster.log}", file=sys.stderr)
        return result

    def assert_one_line(self, text: str, *words: str) -> None:
        """A user's mistake gives one line that names what is wrong, and no traceback."""
        self.assertEqual(len(text.strip().splitlines()), 1, text)
        for word in words:
            self.assertIn(word, text)
