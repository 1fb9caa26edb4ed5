"""The harness of the system tests: real processes, started as a user starts them, on ports that are free.

Its verbs make a failure scenario read like a story:

    cluster = Cluster()
    cluster.start_registry()
    one, two = (cluster.start_server("services/greeter.py", name) for name in ("one", "two"))
    cluster.freeze(one)
    cluster.wait_until(lambda: cluster.names("greeter") == ["two"], within_s=3, what="one is out of lookup")

Nothing here waits for a time: `wait_until` waits for a condition, with a deadline. Every process dies with the
cluster, and with the test runner too, however that dies: its standard input ends (--until-eof).

The idea of such verbs is from the tests of eliben/raft.
"""

from __future__ import annotations

import collections
import functools
import itertools
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
from collections import Counter
from collections.abc import Sequence
from typing import IO, Any, Callable, NamedTuple, TypeVar

from client import Client
from ponte.discovery.directory import ask
from ponte.net.address import Address
from ponte.net.pool import Pool

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# For a process to print its banner; only a machine in trouble takes longer than one second.
START_S = 15.0
# Of what a process prints: a soak would fill the memory with more.
KEPT_LINES = 2000
# How often a condition is looked at.
POLL_S = 0.01
# Between two calls of a caller: the machine must have time for what the test is about.
PAUSE_S = 0.01
# Below what systems give to outgoing connections: nobody takes it meanwhile.
FIXED_PORTS = range(20_000, 30_000)

_BANNER = re.compile(r"(?:https?://|listening on )([\w.]+):(\d+)")

T = TypeVar("T")


def wait_until(condition: Callable[[], T], within_s: float, what: str) -> T:
    """The first true value of `condition`; fails the test if there is none within `within_s`."""
    deadline = time.monotonic() + within_s
    never = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what}")
        never.wait(POLL_S)


def free_port() -> int:
    """A port that is free for TCP and UDP and stays so, as far as the kernel's own choice goes."""
    while True:
        port = random.choice(FIXED_PORTS)
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


# ---- processes -----------------------------------------------------------------------------------

class Process:
    """One process and all that it has printed. Threads: one for each of its two streams.

    It runs without site-packages (-S): Ponte needs none, and starts faster.
    """

    def __init__(self, arguments: Sequence[str], environment: dict[str, str] | None = None) -> None:
        self.arguments = list(arguments)
        # Known from its banner on.
        self.address: Address = ("", 0)
        self._popen = subprocess.Popen(
            [sys.executable, "-S", *arguments], cwd=ROOT,
            env={**os.environ, **(environment or {})}, text=True,
            encoding="utf-8", errors="replace",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._changed = threading.Condition()
        # Guarded by self._changed: the last lines of each stream, and of both as they came.
        self._lines: dict[str, collections.deque[str]] = {
            name: collections.deque(maxlen=KEPT_LINES) for name in ("out", "err", "log")}
        self._readers = [threading.Thread(target=self._drain, args=(name, stream), daemon=True)
                         for name, stream in (("out", self._popen.stdout),
                                              ("err", self._popen.stderr))]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def out(self) -> str:
        """What it has printed to standard output."""
        return self._text("out")

    @property
    def err(self) -> str:
        """What it has printed to standard error."""
        return self._text("err")

    @property
    def log(self) -> str:
        """Both, in the order in which they came, and what became of it."""
        return f"---- {' '.join(self.arguments)} (exit code {self._popen.poll()})\n{self._text('log')}"

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    def signal(self, number: int) -> None:
        self._popen.send_signal(number)

    def wait(self, within_s: float) -> int:
        """Its exit code; fails the test if it does not end within `within_s`."""
        try:
            code = self._popen.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"did not end within {within_s} s\n{self.log}") from None
        for reader in self._readers:
            reader.join()
        return code

    def wait_for_line(self, pattern: str, within_s: float) -> re.Match[str]:
        """The first match in what it prints; fails the test if there is none within `within_s`."""
        def seen() -> re.Match[str] | None:
            return re.search(pattern, "".join(self._lines["log"]))

        with self._changed:
            self._changed.wait_for(lambda: seen() or not self.is_running, within_s)
        if not self.is_running:
            for reader in self._readers:
                reader.join()
        match = seen()
        if match is None:
            raise AssertionError(f"no line {pattern!r} within {within_s} s\n{self.log}")
        return match

    def close(self) -> None:
        """Kills it, also when it is frozen."""
        if self.is_running:
            self._popen.kill()
        self._popen.wait()
        for reader in self._readers:
            reader.join()
        for stream in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if stream:
                stream.close()

    def _drain(self, name: str, stream: IO[str]) -> None:
        for line in stream:
            with self._changed:
                self._lines[name].append(line)
                self._lines["log"].append(line)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _text(self, name: str) -> str:
        with self._changed:
            return "".join(self._lines[name])


def with_ctrl_c(test: unittest.TestCase) -> None:
    """Processes of this test can get SIGINT, also if the test runner itself was told to ignore it
    (`... &`).
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        test.addCleanup(signal.signal, signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Cluster:
    """The processes of one scenario, and a directory for its files. `close` ends all of them.

    `engine` is that of its proxies, if they are not told otherwise.
    """

    def __init__(self, engine: str = "threads") -> None:
        self.engine = engine
        self.directory = tempfile.mkdtemp(prefix="ponte-test-")
        self.processes: list[Process] = []
        # Which the processes started from now on are told.
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
        """Any process of ours; does not wait for it."""
        process = Process(arguments, environment)
        self.processes.append(process)
        return process

    def start_role(self, *arguments: str) -> Process:
        """A registry, server or proxy; waits for its banner."""
        process = self.start(*arguments, "--until-eof")
        banner = process.wait_for_line(_BANNER.pattern, START_S)
        process.address = (banner[1], int(banner[2]))
        return process

    def start_registry(self, *options: str, port: int = 0) -> Process:
        """A registry; servers, proxies and clients started after it will know it."""
        registry = self.start_role("registry.py", "--port", str(port), *options)
        if registry.address not in self.registries:
            self.registries.append(registry.address)
        return registry

    def start_server(self, file: str, name: str, *options: str) -> Process:
        return self.start_role("server.py", file, "--name", name, *self.registry_option(), *options)

    def start_servers(self, file: str, *names: str) -> list[Process]:
        """Several at once; waits until all of them are in lookup."""
        servers = self.at_once([functools.partial(self.start_server, file, name) for name in names])
        service = os.path.splitext(os.path.basename(file))[0]
        self.wait_until(lambda: set(names) <= set(self.names(service)), 3, f"{names} are in lookup")
        return servers

    def start_proxy(self, name: str = "proxy", *options: str) -> Process:
        """A proxy; waits until it is in lookup."""
        proxy = self.start_role("proxy.py", "--port", "0", "--name", name, "--engine", self.engine,
                                *self.registry_option(), *options)
        self.wait_until(lambda: name in self.names("proxy"), 3, f"{name} is in lookup")
        return proxy

    def start_client(self, *arguments: str, environment: dict[str, str] | None = None) -> Process:
        """The command line of the client; does not wait for it."""
        return self.start("client.py", *self.registry_option(), *arguments, environment=environment)

    def run_client(self, *arguments: str, environment: dict[str, str] | None = None) -> Process:
        """The command line of the client, which has ended."""
        process = self.start_client(*arguments, environment=environment)
        process.wait(START_S)
        return process

    def client(self, service: str, **options: Any) -> Client:
        """A stub in this process."""
        client = Client(service, registries=tuple(self.registries), **options)
        self._clients.append(client)
        return client

    def registry_option(self) -> tuple[str, ...]:
        return ("--registry", ",".join(f"{host}:{port}" for host, port in self.registries))

    def file(self, name: str, text: str) -> str:
        """A file with that text in the directory of the scenario, which may be a key; its path."""
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
        os.chmod(path, 0o600)
        return path

    # Failing.

    def kill(self, process: Process) -> None:
        """kill -9: no goodbye, no cleanup."""
        process.close()

    def freeze(self, process: Process) -> None:
        """SIGSTOP: it lives, its sockets accept, and nothing answers."""
        # Which has no such signals.
        if sys.platform != "win32":
            process.signal(signal.SIGSTOP)

    def thaw(self, process: Process) -> None:
        # Which has no such signals.
        if sys.platform != "win32":
            process.signal(signal.SIGCONT)

    # Seeing.

    def wait_until(self, condition: Callable[[], T], within_s: float, what: str) -> T:
        return wait_until(condition, within_s, what)

    def lookup(self, service: str, registry: Address | None = None) -> dict[str, Any]:
        """What a registry says of a service; an OSError if it does not answer."""
        found: dict[str, Any] = ask(self._pool, registry or self.registries[0], "lookup", service)
        return found

    def names(self, service: str, state: str = "") -> list[str]:
        """The instances in lookup, all or those in `state`."""
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
    """A test with a cluster, which is cleaned up also on failure. A failing test prints the logs.

    A class whose scenarios do not disturb each other may set `cluster` in `setUpClass` by
    `share_cluster`.
    """

    cluster: Cluster
    # Of its proxies.
    engine = "threads"
    _shared = False

    @classmethod
    def share_cluster(cls) -> Cluster:
        """One cluster for all tests of this class."""
        cls._shared = True
        cls.cluster = Cluster(cls.engine)
        cls.addClassCleanup(cls.cluster.close)
        return cls.cluster

    def setUp(self) -> None:
        if not self._shared:
            self.cluster = Cluster(self.engine)
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


# ---- a service that keeps a record of its executions ---------------------------------------------

class Journal:
    """A services file whose every execution appends a line to one file, whichever server runs it.

    `echo(token)` is idempotent and `once(token)` is not; `hold(token)` is not, and does not end by
    itself.
    """

    TEXT = '''
        import os
        import threading
        from server import current_instance, idempotent

        _file = os.open({path!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


        def once(token):
            """Not idempotent: each token may stand in the file once only."""
            os.write(_file, f"{{token}} {{current_instance()}}\\n".encode())
            return token


        @idempotent
        def echo(token):
            return once(token)


        def linger(token):
            """Takes a while, so that a call is always under way."""
            threading.Event().wait(0.05)
            return once(token)


        @idempotent
        def dwell(token):
            """The same, but it may run twice."""
            return linger(token)


        def hold(token):
            once(token)
            threading.Event().wait(60)


        def work(token, seconds):
            """Takes as long as one likes."""
            once(token)
            threading.Event().wait(seconds)
            return current_instance()


        @idempotent
        def compute(token, seconds):
            """Pure Python that never lets go of the processor by itself."""
            import time
            once(token)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                sum(range(10_000))
            return current_instance()


        @idempotent
        def whoami():
            return current_instance()
    '''

    def __init__(self, cluster: Cluster) -> None:
        self._path = os.path.join(cluster.directory, "executions")
        self.file = cluster.file("journal.py", self.TEXT.format(path=self._path))

    def executions(self) -> Counter[str]:
        """How many times each token was executed."""
        return collections.Counter(token for token, _ in self._entries())

    def instances(self) -> Counter[str]:
        """How many executions each instance has made."""
        return collections.Counter(instance for _, instance in self._entries())

    def _entries(self) -> list[tuple[str, str]]:
        try:
            with open(self._path, encoding="utf-8") as file:
                return [(token, instance) for token, instance in (line.split() for line in file)]
        except FileNotFoundError:
            return []


class Told(NamedTuple):
    """What a caller was told of one call: the value or the error, and how long it took."""

    token: str
    value: Any
    took_s: float

    @property
    def failed(self) -> bool:
        return isinstance(self.value, Exception)


class Load:
    """Callers that call one method, again and again, each call with a token of its own.

    For a `with` block.
    """

    _numbers = itertools.count(1)

    def __init__(self, call: Callable[[str], Any], callers: int = 8, name: str = "call") -> None:
        self._call = call
        self._name = name
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        # Guarded by self._lock.
        self._told: list[Told] = []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(callers)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        self.wait_for_calls(2 * len(self._threads))
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    @property
    def told(self) -> list[Told]:
        with self._lock:
            return list(self._told)

    @property
    def failed(self) -> list[Told]:
        return [told for told in self.told if told.failed]

    @property
    def mixed_up(self) -> list[Told]:
        """Those that were given somebody else's reply."""
        return [told for told in self.told if not told.failed and told.value != told.token]

    @property
    def slowest_s(self) -> float:
        return max(told.took_s for told in self.told)

    def wait_for_calls(self, more: int, within_s: float = 10.0) -> None:
        """Waits until so many more calls have ended."""
        goal = len(self.told) + more
        wait_until(lambda: len(self.told) >= goal, within_s, f"{more} more calls of {self._name}")

    def _run(self) -> None:
        while not self._stopped.wait(PAUSE_S):
            token = f"{self._name}-{next(self._numbers)}"
            started = time.monotonic()
            value: Any | Exception
            try:
                value = self._call(token)
            # The record is what this is for; the test judges it.
            except Exception as error:
                value = error
            with self._lock:
                self._told.append(Told(token, value, time.monotonic() - started))
