"""Real processes tell a watcher what happens in them, and everything before they are killed."""

from __future__ import annotations

import collections
import contextlib
import hashlib
import hmac
import http.client
import json
import socket
import threading
import unittest
from typing import Any
from xmlrpc.client import ServerProxy

from client import Client, NotSent, OutcomeUnknown
from ponte.net.address import Address
from ponte.net.message import encode_request
from ponte.rpc.marshal import encode_call
from tests.system.cluster import SystemTest
from tests.system.harness import Process
from tests.windows import windows_cannot

Event = dict[str, Any]

# `buy` may run once; `relay` calls a service from within a call.
KIOSK = """
    import os
    import time

    from client import Client
    from ponte.process import observe
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

    def fork():
        pid = os.fork()
        if not pid:
            observe.tell("child", "beat", seq=0, state="up", to="")
            os._exit(0)
        os.waitpid(pid, 0)
        return pid

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
    """A registry that is watched, and servers of a kiosk."""

    collector: Collector
    watched: tuple[str, str]
    kiosk: str

    @classmethod
    def setUpClass(cls) -> None:
        cluster = cls.share_cluster()
        cls.collector = Collector()
        cls.addClassCleanup(cls.collector.close)
        cls.watched = ("--observe", f"127.0.0.1:{cls.collector.port}")
        cluster.start_registry(*cls.watched)
        cls.kiosk = cluster.file("kiosk.py", KIOSK)

    @classmethod
    def start(cls, name: str, *options: str) -> Process:
        server = cls.cluster.start_server(cls.kiosk, name, *cls.watched, *options)
        cls.cluster.wait_until(lambda: name in cls.cluster.names("kiosk"), 3, f"{name} is listed")
        return server

    def sees(self, kind: str, /, **fields: Any) -> Event:
        """Waits until such an event is told, and returns the first one."""
        found: list[Event] = self.cluster.wait_until(
            lambda: self.collector.of(kind, **fields), 5, f"an event {kind} {fields}")
        return found[0]

    def tells(self, trace_id: str, story: list[str]) -> None:
        """Asserts the story of a call, of which the last lines may come after its reply."""
        with contextlib.suppress(AssertionError):
            self.cluster.wait_until(
                lambda: len(self.collector.story(trace_id)) >= len(story), 5, "a whole story")
        self.assertEqual(self.collector.story(trace_id), story)


class Calls(ObserveTest):
    """With a server and a proxy that are watched."""

    server: Process

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.server, _ = cls.cluster.at_once([
            lambda: cls.start("server-1"), lambda: cls.cluster.start_proxy("proxy", *cls.watched)])

    def test_a_whole_call_through_three_processes(self) -> None:
        """Each `recv` names its `send`, and no number is missing in any life."""
        client = self.cluster.run_client("kiosk", "hello", "Hello", *self.watched)
        self.assertEqual(client.out, "World\n", client.log)
        done = self.sees("done", p="client")
        self.assertEqual((done["i"], done["outcome"], done["by"]),
                         (client.pid, "answered", "server-1"))
        self.tells(done["id"], [
            "client call", "client send", "proxy recv", "proxy send", "server-1 recv",
            "server-1 run", "server-1 reply", "proxy settle", "proxy reply", "client settle",
            "client done"])
        sends = {(event["i"], event["n"]): event["to"]
                 for event in self.collector.of("send", id=done["id"])}
        self.assertEqual([(sends[tuple(event["of"])], event["p"])
                          for event in self.collector.of("recv", id=done["id"])],
                         [("proxy", "proxy"), ("server-1", "server-1")])
        numbers: dict[int, list[int]] = collections.defaultdict(list)
        for event in list(self.collector.events):
            numbers[event["i"]].append(event["n"])
        self.assertGreaterEqual(len(numbers), 4)
        for life, told in numbers.items():
            self.assertEqual(told, list(range(1, len(told) + 1)), life)

    def test_a_stock_client_and_a_call_within_a_call(self) -> None:
        """The first observer gives the id; and a server that calls is a caller."""
        url = "http://{}:{}/kiosk".format(*self.server.address)
        with ServerProxy(url) as stock:
            self.assertEqual(stock.relay("{}:{}".format(*self.cluster.registries[0])), "World")
        outer = self.sees("run", method="relay")
        inner = self.sees("call", p="server-1", method="hello")
        self.assertEqual(inner["within"], outer["id"])
        self.assertNotEqual(inner["id"], outer["id"])
        self.tells(outer["id"], ["server-1 recv", "server-1 run", "server-1 reply"])

    def test_a_frozen_server_a_late_request_and_a_resolve(self) -> None:
        """The same life says after the thaw that the request came, and did not run."""
        def runs() -> int:
            return len(self.collector.of("run", method="buy"))

        before = runs()
        # Without the proxy: the stub sends the call once, and the server gets it late.
        with ServerProxy("http://{}:{}/kiosk".format(*self.server.address)) as stock:
            stock.buy("tea")
        client = self.cluster.client("kiosk")
        client.buy("milk")
        # What is told of a call may come after its reply.
        self.cluster.wait_until(lambda: runs() == before + 2, 5, "two runs are told")
        self.server.freeze()
        with self.assertRaises(OutcomeUnknown) as caught:
            client.call("buy", "cake", timeout_s=0.4)
        thaw = threading.Timer(0.05, self.server.thaw)
        thaw.start()
        with self.assertRaises(NotSent):
            caught.exception.resolve()
        thaw.join()
        self.sees("memo", p="server-1", how="dead")
        self.assertEqual(runs(), before + 2)

    def test_a_killed_server_has_told_everything(self) -> None:
        """Up to the call in which it died; and its next life has a pid of its own."""
        # A service of its own: no other test calls it.
        shop = self.cluster.file("shop.py", KIOSK)
        server = self.cluster.start_server(shop, "victim", *self.watched)
        with socket.create_connection(server.address, 5) as sock:
            body = encode_call("wait", (30,))
            sock.sendall(encode_request("POST", "/shop", {"Host": "here"}, body))
            run = self.sees("run", method="wait")
            server.close()
        self.assertEqual((run["i"], run["p"]), (server.pid, "victim"))
        self.assertEqual(self.collector.of("reply", of=run["of"], i=server.pid), [])
        told = [event["n"] for event in self.collector.events if event["i"] == server.pid]
        self.assertEqual(told, list(range(1, len(told) + 1)))
        second = self.cluster.start_server(shop, "victim", *self.watched)
        self.assertEqual(self.sees("beat", p="victim", i=second.pid)["n"], 1)

    @windows_cannot("it has no fork")
    def test_fork(self) -> None:
        """A child is a life of its own."""
        with ServerProxy("http://{}:{}/kiosk".format(*self.server.address)) as stock:
            pid = stock.fork()
        child = self.sees("beat", p="child")
        self.assertEqual((child["i"], child["n"]), (pid, 1))
        self.assertEqual(self.collector.of("run", method="fork")[0]["i"], self.server.pid)


class Leases(ObserveTest):
    def test_beats_and_leases(self) -> None:
        """A server comes, drains, and is replaced; the registry dies and comes back."""
        self.cluster.start_registry("--observe", f"registry-2@127.0.0.1:{self.collector.port}")
        server = self.start("server-1", "--beat", "0.1", "--lease", "1")
        self.sees("lease", p="registry-2", who="server-1")
        beat = self.sees("beat", p="server-1")
        self.assertEqual((beat["state"], beat["to"]),
                         ("up", "{}:{}".format(*self.cluster.registries[0])))
        self.sees("acked", p="server-1", verdict="epoch")
        self.sees("acked", p="server-1", verdict="ack")
        took = self.sees("took", p="registry", who="server-1", verdict="ack")
        self.assertEqual((took["service"], took["lease"], took["state"], took["host"]),
                         ("kiosk", 1.0, "up", "127.0.0.1"))
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
            nobody = f"127.0.0.1:{deaf.getsockname()[1]}"
            registries = "{}:{},{}".format(*self.cluster.registries[0], nobody)
            self.start("server-2", "--registry", registries, "--beat", "0.1", "--lease", "1")
            for _ in range(5):
                deaf.recv(65_535)
        self.assertEqual(len(self.collector.of("beat", to=nobody)), 1)


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

    def knows_both(self, client: Client) -> None:
        self.cluster.wait_until(lambda: len(client.endpoints) == 2, 5, "the stub knows both")

    def ends(self, trace_id: str) -> None:
        self.cluster.wait_until(lambda: "proxy reply" in self.collector.story(trace_id), 5,
                                "the call has ended")

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
            self.knows_both(client)
            client.hello("Hello")
            trace_id = self.cluster.wait_until(lambda: self.collector.of("recv", p="proxy"), 5,
                                               "the proxy tells")[0]["id"]
            self.ends(trace_id)
            self.assertEqual(self.collector.story(trace_id), [
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
        """From the command line, and from the environment."""
        server = self.cluster.start("server.py", "services/greeter.py", "--observe", "10.0.0.7:1")
        client = self.cluster.start("client.py", "greeter", "hello",
                                    environment={"PONTE_OBSERVE": "nowhere"})
        for process, word in ((server, "--observe"), (client, "PONTE_OBSERVE")):
            self.assertEqual(process.wait(15), 2, process.log)
            self.assert_one_line(process.err, word)


if __name__ == "__main__":
    unittest.main()
