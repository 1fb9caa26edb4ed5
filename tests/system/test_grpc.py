"""python3 -m interop.grpc as a user runs it: both doors under load, and what strangers send."""

from __future__ import annotations

import socket
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

from client import NotSent, OutcomeUnknown
from interop.grpc.client import GrpcClient
from interop.grpc.frames import PREFACE
from ponte.net.address import Address, show
from ponte.process.options import PYTHON
from tests.system.cluster import SystemTest
from tests.system.harness import START_S, STOPPED_BY, Process
from tests.system.journal import Journal
from tests.system.load import Load

GREETER = "services/greeter.py"
# Seconds: from the stop of a server to its end; for a call to a server that is frozen; for another
# process to get the processor.
ENDS_S, FROZEN_S, TURN_S = 5.0, 0.3, 5.0
# Callers of each door.
CALLERS = 4


class GrpcTest(SystemTest):
    def serve(self, file: str, name: str, *options: str) -> Process:
        """Starts a server with both doors."""
        return self.cluster.start_role("-m", "interop.grpc", "serve", file, "--name", name,
                                       *self.cluster.registry_option(), *options)

    def grpc(self, address: Address) -> GrpcClient:
        client = GrpcClient(address)
        self.addCleanup(client.close)
        return client

    def start_call(self, address: Address, *words: str) -> Process:
        return self.cluster.start("-m", "interop.grpc", "call", show(address), *words)


class UnderLoad(GrpcTest):
    """Two servers that write down what they run, and callers by gRPC that know both of them."""

    def setUp(self) -> None:
        super().setUp()
        self.cluster.start_registry()
        self.journal = Journal(self.cluster)
        self.servers = self.cluster.at_once([
            lambda name=name: self.serve(self.journal.file, name)        # type: ignore[misc]
            for name in ("one", "two")])
        self.cluster.wait_until(lambda: len(self.cluster.names("journal", "up")) == 2, 5, "both")

    def by_grpc(self) -> Callable[[str], Any]:
        """A caller that goes to the next server only where the last one has not run the call."""
        own = threading.local()

        def call(token: str) -> Any:
            if not hasattr(own, "clients"):
                own.clients = [self.grpc(server.address) for server in self.servers]
            clients: list[GrpcClient] = own.clients
            for _ in self.servers:
                try:
                    return clients[0].call("journal", "linger", (token,))
                except NotSent as error:
                    clients.append(clients.pop(0))
                    refused = error
            raise refused

        return call

    def load(self, call: Callable[[str], Any], name: str) -> Load:
        load = Load(call, CALLERS, name)
        self.addCleanup(load.__exit__)
        return load

    def test_a_drain_under_load_of_both_doors_loses_no_call(self) -> None:
        loads = [self.load(self.by_grpc(), "grpc").__enter__(),
                 self.load(self.cluster.client("journal").linger, "stub").__enter__()]
        self.servers[0].stop()
        self.assertEqual(self.servers[0].wait(ENDS_S), 0, self.servers[0].log)
        self.assertIn(f"stopped ({STOPPED_BY})\n", self.servers[0].out)
        for load in loads:
            load.wait_for_calls(10)
            load.__exit__()
        runs = self.journal.executions()
        for load in loads:
            self.assertEqual((load.failed[:3], load.mixed_up[:3]), ([], []))
            self.assertEqual({runs[result.token] for result in load.results}, {1})
        self.assertNotIn("Traceback", self.cluster.log)

    def test_after_a_kill_nothing_that_ran_is_told_as_not_executed(self) -> None:
        client = self.grpc(self.servers[0].address)
        with ThreadPoolExecutor(1) as pool, self.load(self.by_grpc(), "grpc") as load:
            held = pool.submit(client.call, "journal", "hold", ("held",), timeout_s=START_S)
            self.cluster.wait_until(lambda: self.journal.executions()["held"], TURN_S, "it runs")
            self.cluster.kill(self.servers[0])
            self.assertIsInstance(held.exception(TURN_S), OutcomeUnknown)
            load.wait_for_calls(2 * CALLERS)
        runs = self.journal.executions()
        for result in load.results:
            if result.failed:
                self.assertIsInstance(result.value, OutcomeUnknown, result)
            # Had one that ran been told as not executed, the other server would have run it, too.
            self.assertIn(runs[result.token], (0, 1) if result.failed else (1,), result)


class Commands(GrpcTest):
    def setUp(self) -> None:
        super().setUp()
        self.cluster.start_registry()

    def test_hello_by_both_doors(self) -> None:
        server = self.serve(GREETER, "one")
        plain = self.cluster.start_server("services/bank.py", "plain")
        calls = {words: self.start_call(address, *words) for address, words in (
            (server.address, ("greeter", "hello", "Hello")),
            (server.address, ("ponte.greeter.Greeter", "hello", "text=Ada")),
            (server.address, ("greeter", "whoami", "--timeout", "9")),
            (server.address, ("greeter", "shout", "a")),
            (plain.address, ("bank", "balance", "ada")))}
        ended = {words: (call.wait(START_S), call) for words, call in calls.items()}
        told = [(code, call.out) for code, call in ended.values()]
        self.assertEqual(told, [(0, "World\n"), (0, "Hello, Ada\n"), (0, "one\n"), (3, ""),
                                (4, "")])
        *_, unknown, by_http = (call.err for _, call in ended.values())
        self.assert_one_line(unknown, "'shout'", "there are: hello, whoami")
        self.assert_one_line(by_http, "not executed", "HTTP/1.1", "interop.grpc serve")
        self.assertEqual(self.cluster.client("greeter").hello("Hello"), "World")
        # As for every server, it says that it leaves.
        server.stop()
        self.assertEqual(server.wait(ENDS_S), 0)
        self.assertEqual(self.cluster.names("greeter"), [])

    def test_what_strangers_send_holds_up_nobody(self) -> None:
        server = self.serve(GREETER, "one")
        strangers = []
        for sent in (PREFACE[:10], PREFACE[:23], PREFACE, PREFACE + bytes(500),
                     PREFACE + b"\xff" * 500, b"PRI / HTTP/1.1\r\nHost: a\r\n\r\n",
                     PREFACE[:18] + b"GET / HTTP/1.1\r\n\r\n"):
            stranger = socket.create_connection(server.address, TURN_S)
            self.addCleanup(stranger.close)
            stranger.sendall(sent)
            strangers.append(stranger)
        self.assertEqual(self.grpc(server.address).call("greeter", "hello", ("Hello",)), "World")
        self.assertEqual(self.cluster.client("greeter").hello("Hello"), "World")
        # Those that broke a rule are told, and their connections end. The others may go on.
        for stranger in strangers[3:]:
            while stranger.recv(1000):
                pass
        self.assertNotIn("Traceback", server.log)

    def test_a_call_whose_caller_has_left_a_frozen_server_does_not_run(self) -> None:
        journal = Journal(self.cluster)
        server = self.serve(journal.file, "one")
        client, other = self.grpc(server.address), self.grpc(server.address)
        for each in (client, other):
            self.assertEqual(each.call("journal", "once", ("early",)), "early")
        self.cluster.freeze(server)
        with self.assertRaisesRegex(OutcomeUnknown, "timed out"):
            client.call("journal", "once", ("late",), timeout_s=FROZEN_S)
        self.cluster.thaw(server)
        # By a new connection, and by one that has waited.
        for each in (client, other):
            self.assertEqual(each.call("journal", "once", ("after",)), "after")
        self.assertEqual(dict(journal.executions()), {"early": 2, "after": 2})


class Mistakes(GrpcTest):
    def test_a_mistake_is_one_line(self) -> None:
        started = [(self.cluster.start("-m", "interop.grpc", *arguments), word)
                   for arguments, word in (
                       ((), "serve, call, proto"), (("call", "nowhere", "a", "b"), "HOST:PORT"),
                       (("call", "h:1", "a", "b", "--timeout", "-1"), "--timeout"),
                       (("call", "h:1", "a", "b", "--tls-ca", "none"), "no such file"),
                       (("serve", GREETER, "--port", "0", "--engine", "threads"), "events"),
                       (("serve", "none.py"), "none.py"), (("proto", "none.py"), "none.py"))]
        for process, word in started:
            with self.subTest(process.arguments):
                self.assertEqual(process.wait(START_S), 2)
                self.assert_one_line(process.err, f"{PYTHON} -m interop.grpc", word)


if __name__ == "__main__":
    unittest.main()
