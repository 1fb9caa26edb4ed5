"""Clients that are made and dropped: any number of them leaves everybody served.

A program may make a client for each request and never close it, or keep a thousand. What they use
is shared: it grows with the services, and not with the clients.
"""

from __future__ import annotations

import gc
import http.client
import json
import math
import os
import re
import socket
import subprocess
import sys
import threading
import time
import unittest
from xmlrpc.client import Fault

from client import Client, NotSent
from ponte.net.address import Address
from ponte.net.threads import LOOK_S
from ponte.rpc.marshal import encode_call
from server import Server
from tests.system.cluster import SystemTest
from tests.system.harness import PATIENCE, ROOT, START_S, Process, wait_until

GREETER = "services/greeter.py"
CLIENTS = 1000
# Clients that are made and dropped. If one stayed, a tenth of them would be too many.
DROPPED = 80
# Connections that the registry takes, so that a test needs few clients to fill it.
FEW = 12
# Threads for each registry in a process with a stub: one follows the proxies, one the service.
FOLLOWERS = 2
# Clients whose followers may not have ended yet while further ones are made and dropped.
ENDING = 4
# Where an interruption wakes no thread, a follower sees it at its next look: so many seconds later.
SEEN_S = LOOK_S if math.isfinite(LOOK_S) else 0.0
# Connections of a process to a registry or a proxy, however many clients it has: those of its
# followers, and those of calls at the same time.
CONNECTIONS = 8
# Seconds for what is closed to be gone at the registry.
GONE_S = 1.5


def threads() -> list[str]:
    """The threads of Ponte in this process that belong to clients.

    Not those that wait for calls of a server, and not those that write a log: other tests leave
    some of them.
    """
    return sorted(thread.name for thread in threading.enumerate()
                  if thread.name.startswith("ponte")
                  and thread.name not in ("ponte-work", "ponte-output"))


def sockets() -> int:
    """How many sockets this process has; 0 where the system does not tell."""
    count = 0
    if sys.platform != "linux":
        return count
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except FileNotFoundError:
            # It was the one by which the directory was read.
            continue
    return count


def connections(address: Address) -> int:
    """How many callers a role has, without this one."""
    connection = http.client.HTTPConnection(*address, timeout=2)
    try:
        connection.request("GET", "/status")
        return int(json.loads(connection.getresponse().read())["connections"]) - 1
    finally:
        connection.close()


class ManyClients(SystemTest):
    """One registry, one server and one proxy."""

    registry: Process
    proxy: Process
    # Connections that the registry had at the beginning of a test.
    fewest: float = math.inf

    @classmethod
    def setUpClass(cls) -> None:
        cluster = cls.share_cluster()
        cls.registry = cluster.start_registry()
        cluster.start_servers(GREETER, "one")
        cls.proxy = cluster.start_proxy()
        # Their beats may come long before their connections, where the system is slow.
        wait_until(lambda: connections(cls.registry.address) >= 2, 5,
                   "the server and the proxy have a connection to the registry")

    def setUp(self) -> None:
        # Those of the proxy stay; those of other tests have gone.
        gc.collect()
        wait_until(lambda: not threads(), 5, "the followers of earlier tests have ended")
        # The connections of earlier tests end later than their threads, where the system is slow.
        self.steady = type(self).fewest = wait_until(
            self.followed, 5, "the proxy follows the registry, and nobody else does")
        self.at_the_proxy = connections(self.proxy.address)

    def followed(self) -> int:
        """How many callers the registry has; 0 before there is one, and while there are more than
        at the beginning of another test.
        """
        count = connections(self.registry.address)
        return count if count <= self.fewest else 0

    def client(self, service: str = "greeter") -> Client:
        """A client that nobody closes."""
        return Client(service, registries=tuple(self.cluster.registries))

    def used(self) -> Client:
        """The same, after one call."""
        client = self.client()
        self.assertEqual(client.hello("Hello"), "World")
        return client

    def is_back(self) -> bool:
        """Whether the registry has the connections that it had before the test."""
        return connections(self.registry.address) <= self.steady

    def another_process_is_served(self) -> None:
        other = self.cluster.run_client("greeter", "hello", "Hello")
        self.assertEqual((other.out.strip(), other.err), ("World", ""))

    def test_a_thousand_clients_that_are_kept(self) -> None:
        """The process has the threads and sockets of one client, and so have the others."""
        before = sockets()
        # Made first: while clients are made, each of them has the registry asked anew.
        clients = [self.client() for _ in range(CLIENTS)]
        for client in clients:
            self.assertEqual(client.hello("Hello"), "World")
        self.assertLessEqual(len(threads()), FOLLOWERS)
        self.assertLessEqual(sockets() - before, 2 * CONNECTIONS)
        # A poll that a new client has interrupted is closed, which a busy registry sees late.
        wait_until(lambda: connections(self.registry.address) - self.steady <= CONNECTIONS, GONE_S,
                   "the registry has the connections of one client")
        self.assertLessEqual(connections(self.proxy.address) - self.at_the_proxy, CONNECTIONS)
        self.another_process_is_served()
        # All of them are of use.
        for client in clients[::100]:
            self.assertEqual(client.hello("Hello"), "World")
        # When the last of them is gone, so is all of this.
        clients.clear()
        del client
        gc.collect()
        wait_until(lambda: not threads(), GONE_S, "the followers have ended")
        wait_until(lambda: sockets() <= before, GONE_S, "the sockets are closed")
        wait_until(self.is_back, GONE_S, "the registry has no connection of them")

    def test_clients_that_are_dropped_one_by_one(self) -> None:
        """A client for each request, and nobody closes it."""
        before = sockets()
        made: list[float] = []
        for _ in range(DROPPED):
            self.used()
            made.append(time.monotonic())
            unseen = sum(at > made[-1] - SEEN_S for at in made)
            self.assertLessEqual(len(threads()), (ENDING + unseen) * FOLLOWERS)
        self.another_process_is_served()
        gc.collect()
        wait_until(lambda: not threads(), GONE_S, "the followers have ended")
        wait_until(lambda: sockets() <= before, GONE_S, "the sockets are closed")
        wait_until(self.is_back, GONE_S, "the registry has no connection of them")

    def test_clients_that_are_dropped_on_several_threads(self) -> None:
        """Followers end with the last client while another thread makes the next one."""
        failed: list[Exception] = []

        def make_and_drop() -> None:
            try:
                for _ in range(20):
                    self.used()
            except Exception as error:
                failed.append(error)

        together = [threading.Thread(target=make_and_drop) for _ in range(4)]
        for thread in together:
            thread.start()
        for thread in together:
            thread.join(10 * PATIENCE)
        self.assertEqual(failed, [])
        gc.collect()
        wait_until(lambda: not threads(), GONE_S, "the followers have ended")

    def test_clients_in_a_cycle_are_collected(self) -> None:
        """An object that keeps its client, and that its client calls back: only gc finds it."""
        class Caller:
            def __init__(self, registries: tuple[Address, ...]) -> None:
                self.client = Client("greeter", registries=registries, on_attempt=self.note)

            def note(self, _: object) -> None:
                pass

        for _ in range(10):
            self.assertEqual(Caller(tuple(self.cluster.registries)).client.hello("Hello"), "World")
        gc.collect()
        wait_until(lambda: not threads(), GONE_S, "the followers have ended")
        wait_until(self.is_back, GONE_S, "the registry has no connection of them")

    def test_a_function_of_a_client_keeps_it(self) -> None:
        """`hello = Client(...).hello`: the client has no other name, and is of use."""
        hello = self.client().hello
        gc.collect()
        for _ in range(3):
            self.assertEqual(hello("Hello"), "World")
        self.assertLessEqual(len(threads()), FOLLOWERS)

    def test_clients_that_are_never_used(self) -> None:
        """They are made, and dropped at once, before a registry has answered."""
        for _ in range(DROPPED):
            self.client()
        gc.collect()
        wait_until(lambda: not threads(), GONE_S, "the followers have ended")
        wait_until(self.is_back, GONE_S, "the registry has no connection of them")
        self.another_process_is_served()

    def test_a_client_that_is_closed_leaves_the_registry_at_once(self) -> None:
        clients = [self.used() for _ in range(5)]
        self.assertFalse(self.is_back())
        for client in clients:
            client.close()
        wait_until(self.is_back, GONE_S, "the registry has no connection of them")
        wait_until(lambda: not threads(), GONE_S, "the followers have ended")

    def test_two_clients_of_a_service_share_their_followers(self) -> None:
        """One is closed, and the other one goes on to follow the registry."""
        one = self.used()
        alone = threads()
        two = self.used()
        self.assertEqual(threads(), alone)
        self.assertEqual(len(alone), FOLLOWERS)
        one.close()
        with Server("greeter", registries=self.cluster.registries, name="late"):
            wait_until(lambda: "late" in [e.instance for e in two.endpoints], GONE_S,
                       "the other one sees a new server")
        self.assertEqual(two.hello("Hello"), "World")
        # Closed twice, it does not take the follower of the other one away.
        one.close()
        self.assertEqual(two.hello("Hello"), "World")
        self.assertEqual(threads(), alone)

    def test_two_services_share_the_follower_of_the_proxies(self) -> None:
        clients = [self.used(), self.client("another")]
        self.assertEqual(len(threads()), FOLLOWERS + 1)
        clients[0].close()
        wait_until(lambda: len(threads()) == FOLLOWERS, GONE_S, "one follower has ended")

    def test_a_new_client_after_the_last_one_was_closed(self) -> None:
        """Nothing of the earlier ones is in its way, also when they have just been closed."""
        for _ in range(20):
            with self.client() as client:
                self.assertEqual(client.hello("Hello"), "World")

    def test_a_client_of_a_service_that_has_changed_meanwhile(self) -> None:
        """Nobody followed when the server came: the next client does not see an old list."""
        with self.client("later") as client, self.assertRaises((NotSent, Fault)):
            client.call("hello", timeout_s=0.2)
        for name in ("later-1", "later-2"):
            with Server("later", {"who": lambda name=name: name},
                        registries=self.cluster.registries, name=name) as server, \
                    self.client("later") as client:
                self.assertEqual(client.who(), name)
                server.drain(0.1)


class ShortRuns(SystemTest):
    """A registry that takes few connections: what stays there is felt soon."""

    @classmethod
    def setUpClass(cls) -> None:
        cluster = cls.share_cluster()
        cls.registry = cluster.start_registry("--max-connections", str(FEW))
        cluster.start_servers(GREETER, "one")
        cls.proxy = cluster.start_proxy()

    registry: Process
    proxy: Process

    def setUp(self) -> None:
        # That of the proxy, and that of the test's own look-ups.
        self.steady = connections(self.registry.address)

    def is_steady(self) -> bool:
        """Whether those that were there before the test are alone again."""
        try:
            return connections(self.registry.address) <= self.steady
        except (OSError, http.client.HTTPException, KeyError, ValueError):
            # It is full.
            return False

    def run_together(self, count: int) -> list[Process]:
        """Runs `client.py` so many times, at the same time."""
        runs = [self.cluster.start_client("greeter", "hello", "Hello") for _ in range(count)]
        for run in runs:
            run.wait(10)
            self.cluster.processes.remove(run)
            self.addCleanup(run.close)
        return runs

    def test_any_number_of_short_runs(self) -> None:
        """Each leaves at once: more runs than the registry takes connections, and all are served.

        The soak makes 600 of them.
        """
        for _ in range(5):
            for run in self.run_together(3):
                self.assertEqual((run.wait(0), run.out.strip(), run.err), (0, "World", ""))
            wait_until(self.is_steady, GONE_S, "all of them are gone")

    def test_clients_that_are_killed_while_they_poll(self) -> None:
        runs = [self.cluster.start_client("greeter", "hello", "Hello", "--repeat", "0",
                                          "--every", "60") for _ in range(4)]
        for run in runs:
            run.wait_for_line("World", 10)
        self.assertFalse(self.is_steady())
        for run in runs:
            self.cluster.kill(run)
        wait_until(self.is_steady, GONE_S, "all of them are gone")

    def test_readers_that_hang_up_in_the_middle_of_a_poll(self) -> None:
        """They close, reset, or only shut down their side: the registry keeps none of them."""
        body = encode_call("watch", ("greeter", self.cluster.lookup("greeter")["index"], 10.0))
        head = f"POST /registry HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
        self.steady = connections(self.registry.address)
        for number in range(2 * FEW):
            with socket.create_connection(self.registry.address, 2) as sock:
                sock.sendall(head.encode() + body)
                if number % 3 == 1:
                    # Reset.
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                elif number % 3 == 2:
                    sock.shutdown(socket.SHUT_WR)
                    # Whoever reads until the end of the stream is not kept waiting for the poll.
                    sock.settimeout(GONE_S)
                    self.assertIsInstance(sock.recv(65536), bytes)
        wait_until(self.is_steady, GONE_S, "all of them are gone")
        self.assertEqual(self.run_together(1)[0].out.strip(), "World")


class Ends(SystemTest):
    """Programs that never close their clients end as every program does."""

    PROGRAM = '''
        import sys
        from client import Client

        registries = [("127.0.0.1", int(sys.argv[1]))]
        client = Client("greeter", registries=registries)
        print(client.hello("Hello"))
        idle = Client("greeter", registries=registries)
        kept = [Client("greeter", registries=registries) for _ in range(20)]
        END
    '''

    @classmethod
    def setUpClass(cls) -> None:
        cluster = cls.share_cluster()
        cluster.start_registry()
        cluster.start_servers(GREETER, "one")

    def run_program(self, end: str = "", program: str = PROGRAM
                    ) -> subprocess.CompletedProcess[str]:
        text = program.replace("END", end)
        file = self.cluster.file(f"program{len(text)}.py", text)
        return subprocess.run(
            [sys.executable, "-S", "-X", "dev", "-W", "error", file,
             str(self.cluster.registries[0][1])],
            env={**os.environ, "PYTHONPATH": ROOT}, capture_output=True, text=True,
            timeout=START_S * PATIENCE, check=False)

    def test_it_ends_at_once_and_without_a_warning(self) -> None:
        """With all warnings as errors, nothing is printed at its end."""
        done = self.run_program("import time; print(time.monotonic())")
        ended = time.monotonic()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        printed, ends = done.stdout.split()
        self.assertEqual(printed, "World")
        # A poll takes 10 s. All processes have the same clock.
        self.assertLess(ended - float(ends), 5)

    def test_it_ends_with_its_own_exit_code_or_error(self) -> None:
        done = self.run_program("sys.exit(7)")
        self.assertEqual((done.returncode, done.stderr), (7, ""))
        done = self.run_program("raise KeyError('mine')")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(re.fullmatch(r"(?s)Traceback.*KeyError: 'mine'\n", done.stderr),
                        done.stderr)

    def test_what_a_thread_waits_for_stays_open_until_the_end(self) -> None:
        """A socket that is closed under a thread was an error of ours, told to every client."""
        program = '''
            import atexit, sys, time
            waits = []
            atexit.register(lambda: print(waits[0].socket.fileno() >= 0))
            from ponte.net.pool import Pool
            exchange = Pool().exchange(("127.0.0.1", int(sys.argv[1])), b"x", time.monotonic() + 60)
            waits.append(next(exchange)[0])
        '''
        done = self.run_program(program=program)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "True\n", ""))

    def test_clients_may_be_used_while_the_program_ends(self) -> None:
        """In atexit, and in __del__ of an object that is left at the end."""
        done = self.run_program('import atexit; atexit.register('
                                'lambda: print(client.hello("again"), idle.hello("Hello")))')
        self.assertEqual((done.returncode, done.stdout.split(), done.stderr),
                         (0, ["World", "Hello,", "again", "World"], ""))


if __name__ == "__main__":
    unittest.main()
