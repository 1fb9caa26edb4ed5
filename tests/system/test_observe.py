"""Real processes tell a watcher what happens in them, and everything before they are killed."""

from __future__ import annotations

import collections
import hashlib
import hmac
import http.client
import json
import os
import socket
import threading
import time
import unittest
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from client import NotSent, OutcomeUnknown
from ponte.net.address import Address
from tests.system.cluster import SystemTest
from tests.system.harness import Process

Event = dict[str, Any]

# `buy` may run once; `relay` calls another service from within a call.
KIOSK = """
    import time

    from client import Client
    from server import idempotent

    sold = []

    @idempotent
    def hello(text):
        return "World"

    def buy(item):
        sold.append(item)
        return len(sold)

    def wait(seconds):
        time.sleep(seconds)
        return seconds

    @idempotent
    def relay(registry):
        with Client("kiosk", registries=registry) as client:
            return client.hello("Hello")
    """


class Collector:
    """Takes the events of all processes, on a thread of its own, until closed."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.events: list[Event] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            data = self.socket.recv(65_535)
            if not data:
                return
            self.events.append(json.loads(data))

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self.socket.close()

    def of(self, kind: str, /, **fields: Any) -> list[Event]:
        """The events of this kind that have these fields."""
        return [event for event in list(self.events) if event["k"] == kind
                and all(event.get(name) == value for name, value in fields.items())]

    def story(self, trace_id: str) -> list[str]:
        """Who did what, in the order of time, for one call."""
        mine = sorted((event for event in list(self.events) if event.get("id") == trace_id),
                      key=lambda event: float(event["t"]))
        return [f"{event['p']} {event['k']}" for event in mine]


class ObserveTest(SystemTest):
    """A registry and kiosks that are watched; the stub of this process is not, if not said."""

    def setUp(self) -> None:
        super().setUp()
        self.collector = Collector()
        self.addCleanup(self.collector.close)
        self.watched = ("--observe", f"127.0.0.1:{self.collector.port}")
        self.cluster.start_registry(*self.watched)
        self.kiosk = self.cluster.file("kiosk.py", KIOSK)

    def start(self, name: str, *options: str) -> Process:
        server = self.cluster.start_server(self.kiosk, name, *self.watched, *options)
        self.cluster.wait_until(lambda: name in self.cluster.names("kiosk"), 3, f"{name} is listed")
        return server

    def sees(self, kind: str, /, **fields: Any) -> Event:
        """Waits until such an event is told, and returns the first one."""
        found: list[Event] = self.cluster.wait_until(
            lambda: self.collector.of(kind, **fields), 5, f"an event {kind} {fields}")
        return found[0]


class Calls(ObserveTest):
    def test_a_whole_call_through_three_processes(self) -> None:
        """Each `recv` names its `send`, and no number is missing in any life."""
        self.start("server-1")
        self.cluster.start_proxy("proxy", *self.watched)
        client = self.cluster.run_client("kiosk", "hello", "Hello", *self.watched)
        self.assertEqual(client.out, "World\n", client.log)
        done = self.sees("done", p="client")
        self.assertEqual((done["outcome"], done["by"]), ("answered", "server-1"))
        self.assertEqual(self.collector.story(done["id"]), [
            "client call", "client send", "proxy recv", "proxy send", "server-1 recv",
            "server-1 run", "server-1 reply", "proxy settle", "proxy reply", "client settle",
            "client done"])
        sends = {(event["i"], event["n"]): event["to"]
                 for event in self.collector.of("send", id=done["id"])}
        self.assertEqual({sends[tuple(event["of"])]: event["p"]
                          for event in self.collector.of("recv", id=done["id"])},
                         {"proxy": "proxy", "server-1": "server-1"})
        numbers: dict[int, list[int]] = collections.defaultdict(list)
        for event in list(self.collector.events):
            numbers[event["i"]].append(event["n"])
        self.assertEqual(len(numbers), 4)
        for life, told in numbers.items():
            self.assertEqual(told, list(range(1, len(told) + 1)), life)

    def test_a_stock_client_and_a_call_within_a_call(self) -> None:
        """The first observer gives the id; and a server that calls is a caller."""
        server = self.start("server-1")
        url = "http://{}:{}/kiosk".format(*server.address)
        registry = "{}:{}".format(*self.cluster.registries[0])
        with ServerProxy(url) as stock:
            self.assertEqual(stock.relay(registry), "World")
        outer = self.sees("recv", kind="plain")
        inner = self.sees("call", method="hello")
        self.assertEqual((inner["p"], inner["within"]), ("server-1", outer["id"]))
        self.assertNotEqual(inner["id"], outer["id"])
        self.assertEqual(self.collector.story(outer["id"]),
                         ["server-1 recv", "server-1 run", "server-1 reply"])

    def test_a_frozen_server_a_late_request_and_a_resolve(self) -> None:
        """The same life says after the thaw that the request came, and never ran."""
        server = self.start("server-1")
        client = self.cluster.client("kiosk")
        client.buy("tea")
        server.freeze()
        with self.assertRaises(OutcomeUnknown) as caught:
            client.call("buy", "cake", timeout_s=0.4)
        threading.Timer(0.1, server.thaw).start()
        with self.assertRaises(NotSent):
            caught.exception.resolve()
        self.sees("memo", p="server-1", how="dead")
        # Nobody watches the stub, so each attempt is a call of its own.
        self.cluster.wait_until(lambda: len(self.collector.of("recv", kind="original")) > 1, 5,
                                "the late request has come")
        self.assertEqual(len(self.collector.of("run", method="buy")), 1)

    def test_a_killed_server_has_told_everything(self) -> None:
        """Up to the call in which it died; and its next life has a pid of its own."""
        server = self.start("server-1")
        client = self.cluster.client("kiosk")
        thread = threading.Thread(target=lambda: self.assertRaises(OutcomeUnknown, client.wait, 30))
        thread.start()
        run = self.sees("run", method="wait")
        server.close()
        thread.join()
        self.assertEqual(run["i"], server.pid)
        self.assertEqual(self.collector.of("reply", of=run["of"]), [])
        second = self.start("server-1")
        self.assertNotEqual(self.sees("beat", i=second.pid)["i"], server.pid)
        self.assertEqual(min(e["n"] for e in self.collector.events if e["i"] == second.pid), 1)

    def test_fork(self) -> None:
        """A child is a life of its own."""
        if not hasattr(os, "fork"):
            self.skipTest("this system has no fork")
        file = self.cluster.file("forks.py", """
            import os

            from ponte.process import observe

            def fork():
                pid = os.fork()
                if not pid:
                    observe.tell("child", "beat", seq=0, state="up", to="")
                    os._exit(0)
                os.waitpid(pid, 0)
                return pid
            """)
        server = self.cluster.start_server(file, "forker", *self.watched)
        with ServerProxy("http://{}:{}/forks".format(*server.address)) as stock:
            pid = stock.fork()
        child = self.sees("beat", p="child")
        self.assertEqual((child["i"], child["n"]), (pid, 1))
        self.sees("reply", p="forker", status=200)


class CallsWithTheOtherEngines(ObserveTest):
    engine, server_engine = "events", "threads"

    test_a_whole_call_through_three_processes = Calls.test_a_whole_call_through_three_processes


class Leases(ObserveTest):
    def test_beats_and_leases(self) -> None:
        """A server comes, drains, and is replaced; the registry dies and comes back."""
        server = self.start("server-1", "--beat", "0.1", "--lease", "1")
        beat = self.sees("beat", p="server-1")
        self.assertEqual((beat["state"], beat["to"]),
                         ("up", "{}:{}".format(*self.cluster.registries[0])))
        self.sees("acked", p="server-1", verdict="epoch")
        self.sees("acked", p="server-1", verdict="ack")
        took = self.sees("took", who="server-1", verdict="ack")
        self.assertEqual((took["p"], took["service"], took["lease"], took["state"], took["host"]),
                         ("registry", "kiosk", 1.0, "up", "127.0.0.1"))
        self.sees("lease", who="server-1", what="up")
        server.stop()
        server.wait(5)
        self.sees("beat", p="server-1", state="draining")
        self.sees("lease", who="server-1", what="draining")
        self.sees("lease", who="server-1", what="left")
        server = self.start("server-1", "--beat", "0.1", "--lease", "1")
        server.close()
        self.sees("lease", who="server-1", what="suspect")
        self.sees("lease", who="server-1", what="expired")

    def test_a_silent_registry_fills_no_page(self) -> None:
        """One that never was there is told of once."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.settimeout(5)
            nobody = "127.0.0.1:{}".format(deaf.getsockname()[1])
            registries = "{}:{},{}".format(*self.cluster.registries[0], nobody)
            self.start("server-1", "--registry", registries, "--beat", "0.1", "--lease", "1")
            for _ in range(5):
                deaf.recv(65_535)
        self.assertEqual(len(self.collector.of("beat", to=nobody)), 1)

    def test_a_registry_may_have_a_name(self) -> None:
        self.cluster.start_registry("--observe", f"registry-2@127.0.0.1:{self.collector.port}")
        self.start("server-1")
        self.sees("lease", p="registry", who="server-1")
        self.sees("lease", p="registry-2", who="server-1")


class Attaching(SystemTest):
    """A running process, which nobody watches at first."""

    def setUp(self) -> None:
        super().setUp()
        self.collector = Collector()
        self.addCleanup(self.collector.close)

    def post(self, address: Address, body: object, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(*address, timeout=5)
        try:
            sent = body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.request("POST", "/-/observe", sent, {
                "Content-Type": "application/json",
                **{name.replace("_", "-"): value for name, value in headers.items()}})
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def attach(self, process: Process, instance: str, role: str) -> None:
        status, body = self.post(process.address, {"port": self.collector.port, "lease_s": 30})
        self.assertEqual(status, 200, body)
        told = json.loads(body)
        self.assertEqual((told["instance"], told["role"], told["pid"], told["n"]),
                         (instance, role, process.pid, 0))

    def test_each_role_with_each_engine(self) -> None:
        """And a call that goes through them gets its id from the first of them."""
        for engines in (("threads", "events"), ("events", "threads")):
            self.cluster.engine, self.cluster.server_engine = engines
            self.cluster.registries.clear()
            self.collector.events.clear()
            registry = self.cluster.start_registry()
            server = self.cluster.start_server("services/greeter.py", "server-1")
            proxy = self.cluster.start_proxy()
            self.attach(registry, "registry", "registry")
            self.attach(server, "server-1", "server")
            self.attach(proxy, "proxy", "proxy")
            client = self.cluster.client("greeter")
            self.cluster.wait_until(lambda stub=client: len(stub.endpoints) == 2, 5, "both known")
            client.hello("Hello")
            recv = self.collector.of("recv", p="proxy")[0]
            self.cluster.wait_until(
                lambda id=recv["id"]: "proxy reply" in self.collector.story(id), 5, "its end")
            self.assertEqual(self.collector.story(recv["id"]), [
                "proxy recv", "proxy send", "server-1 recv", "server-1 run", "server-1 reply",
                "proxy settle", "proxy reply"])
            self.cluster.wait_until(lambda: self.collector.of("took"), 5, "the registry tells")
            for process in (registry, server, proxy):
                self.assertEqual(self.post(process.address, {"port": 9})[0], 409)
                self.assertEqual(self.post(process.address, {"port": 9}, Origin="null")[0], 403)
                self.assertEqual(self.post(process.address, {"port": 9}, Host="evil.org")[0], 403)

    def test_beyond_this_machine_with_the_key_alone(self) -> None:
        key = "k" * 32
        path = self.cluster.file("key", key)
        registry = self.cluster.start_registry("--host", "0.0.0.0", "--key-file", path)
        address = ("127.0.0.1", registry.address[1])
        self.assertEqual(self.post(address, {"port": self.collector.port})[0], 403)
        body = json.dumps({"port": self.collector.port}).encode()
        signature = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
        self.assertEqual(self.post(address, body, Signature=signature)[0], 200)
        self.assertEqual(self.post(address, body + b" ", Signature=signature)[0], 403)


class Mistakes(SystemTest):
    def test_a_watcher_elsewhere_is_one_line(self) -> None:
        for program in (("registry.py", "--port", "0"), ("proxy.py", "--port", "0"),
                        ("server.py", "services/greeter.py"), ("client.py", "greeter", "hello")):
            for options, environment in (
                    (("--observe", "10.0.0.7:5000"), None), ((), {"PONTE_OBSERVE": "nowhere"})):
                process = self.cluster.start(*program, *options, environment=environment)
                self.assertEqual(process.wait(15), 2, process.log)
                self.assert_one_line(process.err, "OBSERVE" if environment else "--observe")

    def test_no_service_is_called_so(self) -> None:
        process = self.cluster.start("client.py", "--", "-", "hello")
        self.assertEqual(process.wait(15), 2, process.log)
        self.assert_one_line(process.err, "'-' cannot be a name")


class Faults(ObserveTest):
    def test_a_fault_and_two_lives_of_a_client(self) -> None:
        """Two clients are two lives, also with the same name."""
        self.start("server-1")
        with self.assertRaises(Fault):
            self.cluster.client("kiosk").nope()
        began = time.monotonic()
        clients = [self.cluster.start_client("kiosk", "nope", *self.watched) for _ in range(2)]
        for client in clients:
            self.assertEqual(client.wait(15), 3, client.log)
        self.cluster.wait_until(lambda: len(self.collector.of("done", outcome="fault")) == 2,
                                5, "both are told")
        self.assertEqual({event["i"] for event in self.collector.of("done")},
                         {client.pid for client in clients})
        self.assertLess(time.monotonic() - began, 60)


if __name__ == "__main__":
    unittest.main()
