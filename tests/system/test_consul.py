"""Consul in place of the registry, at a stand-in for an agent; and the face on our registries.

tests/interop/check_consul.py does the same with the real programs.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import threading
import time
import unittest
from functools import partial
from typing import Any

from client import Client
from ponte.discovery.directory import Directory
from ponte.discovery.leases import ALL
from ponte.net.address import Address, ConsulAddress, show
from ponte.process.running import EXIT_SUPERSEDED
from server import Server, idempotent
from tests.system.cluster import SystemTest
from tests.system.consul_agent import ConsulAgent
from tests.system.harness import ROOT, START_S, Process, wait_until
from tests.windows import windows_cannot

GREETER = "services/greeter.py"
# Seconds within which a killed server is gone.
GONE_S = 2.5
HEALTH = "/v1/health/service/greeter"


class WithAgent(SystemTest):
    """An agent is the only registry."""

    def setUp(self) -> None:
        super().setUp()
        self.agent = ConsulAgent()
        self.addCleanup(self.agent.close)
        self.cluster.registries.append(self.agent.address)

    def start_server(self, name: str, *options: str) -> Process:
        return self.cluster.start_server(GREETER, name, *options)


class InPlaceOfTheRegistry(WithAgent):
    def test_calls_are_made_with_nothing_but_consul(self) -> None:
        """Servers that leave are gone at once, and those that were killed when their lease ends."""
        cluster, agent = self.cluster, self.agent
        one, two = cluster.at_once([partial(self.start_server, name) for name in ("one", "two")])
        proxy = cluster.start_role("proxy.py", "--port", "0", "--name", "proxy",
                                   *cluster.registry_option())
        told = cluster.run_client("--trace", "greeter", "hello", "Hello")
        self.assertEqual(told.out.strip(), "World")
        self.assertIn(f"proxy at {show(proxy.address)}", told.err)
        self.assertEqual(agent.endpoints()[0].idempotent, ("hello", "whoami"))
        self.assertEqual([endpoint.address for endpoint in agent.endpoints()],
                         [one.address, two.address, proxy.address])
        two.close()
        one.stop()
        one.wait(START_S)
        self.assertNotIn("one", agent.names())
        wait_until(lambda: "two" not in agent.names(), GONE_S, "its lease has ended")

    def test_a_drain_is_told_at_once_and_not_with_the_next_beat(self) -> None:
        with Server("greeter", [len], registries=[self.agent.address], name="one", beat_s=5,
                    lease_s=15, linger_s=2) as server:
            leaving = threading.Thread(target=server.drain)
            leaving.start()
            wait_until(lambda: self.agent.names("draining") == ["one"], 1.5, "it drains")
            leaving.join()
        self.assertEqual(self.agent.names(), [])

    def test_other_names_of_idempotent_functions_wake_readers(self) -> None:
        """Also those of all services, who ask an agent for changes of checks."""
        with Server("greeter", [len], registries=[self.agent.address], name="one") as server, \
                contextlib.closing(Directory(ALL, [self.agent.address])) as directory:
            self.assertTrue(directory.wait(START_S))
            server.register_function(idempotent(abs))
            wait_until(lambda: [each.idempotent for each in directory.endpoints] == [("abs",)], 3,
                       "it is known")

    def test_a_server_knows_that_an_agent_refuses_it_or_is_silent(self) -> None:
        self.agent.refusal = b"Permission denied\n"
        with Server("greeter", [len], registries=[self.agent.address], name="one") as server:
            self.assertEqual(server.refusals(),
                             {self.agent.address: "HTTP 403: Permission denied"})
            self.agent.refusal = b""
            wait_until(lambda: not server.refusals() and self.agent.names(), 3, "it is taken")
            self.agent.close()
            wait_until(lambda: server.silent_registries() == [self.agent.address], 10,
                       "it is silent")

    def test_a_restart_of_the_agent_fails_no_call(self) -> None:
        self.start_server("one")
        client = self.cluster.client("greeter", timeout_s=5)
        self.assertEqual(client.hello("Hello"), "World")
        for _ in range(2):
            self.agent.restart()
            restarted_at = time.monotonic()
            while "one" not in self.agent.names() or time.monotonic() < restarted_at + 0.3:
                self.assertEqual(client.hello("Hello"), "World")
                self.assertLess(time.monotonic(), restarted_at + 2, "it registers anew")

    def test_of_two_with_one_name_the_younger_wins(self) -> None:
        elder = self.start_server("one")
        younger = self.start_server("one")
        self.assertEqual(elder.wait(START_S), EXIT_SUPERSEDED)
        wait_until(lambda: [endpoint.address for endpoint in self.agent.endpoints()]
                   == [younger.address], 2, "the younger one is registered")

    @windows_cannot("it has no SIGTERM, after which alone calls get the time of --grace")
    def test_an_elder_one_that_leaves_takes_nothing_from_the_younger(self) -> None:
        """The younger one starts while the elder drains, as in a quick restart."""
        elder = self.start_server("one", "--beat", "20", "--lease", "60", "--linger", "3")
        elder.stop()
        wait_until(lambda: [endpoint.state for endpoint in self.agent.endpoints()]
                   == ["draining"], 2, "it drains")
        younger = self.start_server("one")
        wait_until(lambda: [endpoint.address for endpoint in self.agent.endpoints()]
                   == [younger.address], 2, "the younger one is registered")
        elder.wait(START_S)
        self.assertFalse([target for target in self.agent.written if "/deregister/" in target])

    def test_a_server_beats_to_registries_and_agents_alike(self) -> None:
        """So that a house can move from one to the other without a break."""
        cluster = self.cluster
        registry = cluster.start_registry()
        server = self.start_server("one")
        wait_until(lambda: [each["instance"] for each in
                            cluster.lookup("greeter", registry.address)["endpoints"]] == ["one"],
                   2, "it is in lookup")
        wait_until(lambda: self.agent.names() == ["one"], 2, "the agent knows it, too")
        client = cluster.client("greeter")
        self.assertEqual(client.hello("Hello"), "World")
        registry.close()
        self.assertEqual(client.hello("Hello"), "World")
        server.stop()
        server.wait(START_S)
        self.assertEqual(self.agent.names(), [])

    def test_whatever_an_agent_answers_a_reader_keeps_what_it_knew(self) -> None:
        """And says so once."""
        with Server("greeter", [len], registries=[self.agent.address], name="one"), \
                self.assertLogs("ponte.directory", "WARNING") as logged, \
                contextlib.closing(Directory(ALL, [self.agent.address])) as directory:
            self.assertTrue(directory.wait(START_S))
            for garbage in (b"[" * 100_000, b"[{}]"):
                self.agent.garbage = garbage
                wait_until(partial(self.agent.was_asked, self.agent.asked + 2), 5, "it is read")
                self.assertEqual([each.instance for each in directory.endpoints], ["one"])
            told = self.cluster.run_client("greeter", "hello", "Hello")
            self.assert_one_line(told.err, "no registry can be read", show(self.agent.address))
        self.assertEqual(len(logged.output), 1)


class Mistakes(WithAgent):
    def test_each_is_one_line(self) -> None:
        cluster = self.cluster
        self.agent.close()
        nobody = cluster.run_client("greeter", "hello", "Hello")
        self.assert_one_line(nobody.err, f"no registry answers at {show(self.agent.address)}",
                             f"consul agent -dev -http-port={self.agent.address[1]}")
        registry = cluster.start("registry.py", "--port", "0", *cluster.registry_option())
        self.assertEqual(registry.wait(START_S), 2)
        self.assert_one_line(registry.err, "--registry", "Consul")

    def test_without_the_file_one_line_says_so(self) -> None:
        cluster = self.cluster
        house = os.path.join(cluster.directory, "house")
        for folder in ("ponte", "services"):
            # Not copy2, which Wine cannot carry out.
            shutil.copytree(os.path.join(ROOT, folder), os.path.join(house, folder),
                            copy_function=shutil.copyfile,
                            ignore=shutil.ignore_patterns("__pycache__"))
        for file in os.listdir(ROOT):
            if file.endswith(".py"):
                shutil.copy(os.path.join(ROOT, file), house)
        processes = [cluster.start(os.path.join(house, program), *cluster.registry_option(), *rest)
                     for program, *rest in (("server.py", "--port", "0", GREETER),
                                            ("proxy.py", "--port", "0"),
                                            ("client.py", "greeter", "hello", "Hello"))]
        for process in processes:
            self.assertEqual(process.wait(START_S), 2)
            self.assert_one_line(process.err, "interop/consul_registry.py", "HOST:PORT")


class Face(SystemTest):
    """python3 -m interop.consul on a registry, read as Consul's clients do."""

    process: Process
    servers: list[Process]
    face: Address

    @classmethod
    def setUpClass(cls) -> None:
        cluster = cls.share_cluster()
        cluster.start_registry()
        cls.process = cluster.start("-m", "interop.consul", "--port", "0", "--until-eof",
                                    *cluster.registry_option())
        banner = cls.process.wait_for_line(r"http://([\w.]+):(\d+)/v1", START_S)
        cls.face = banner[1], int(banner[2])
        cls.servers = cluster.start_servers(GREETER, "one", "two", "three")

    def ask(self, target: str, method: str = "GET") -> tuple[int, int, Any]:
        """Status, index and value of an answer."""
        connection = http.client.HTTPConnection(*self.face, timeout=15)
        try:
            connection.request(method, target)
            reply = connection.getresponse()
            body = reply.read()
        finally:
            connection.close()
        index = int(reply.getheader("X-Consul-Index", "0"))
        is_json = reply.getheader("Content-Type") == "application/json"
        return reply.status, index, json.loads(body) if is_json and body else body.decode()

    def names(self, query: str = "?passing") -> list[str]:
        _, _, entries = self.ask(HEALTH + query)
        return [entry["Service"]["ID"] for entry in entries]

    def test_a_query_that_waits_hears_of_a_drain_and_needs_no_thread(self) -> None:
        one, two, _ = self.servers
        wait_until(lambda: len(self.names()) == 3, 3, "all of them")
        index = self.ask(HEALTH)[1]
        threads = self.threads()
        answers: list[tuple[float, int, Any]] = []

        def wait_for_change() -> None:
            _, index_now, entries = self.ask(f"{HEALTH}?index={index}&wait=10s")
            answers.append((time.monotonic(), index_now, entries))

        readers = [threading.Thread(target=wait_for_change) for _ in range(30)]
        for reader in readers:
            reader.start()
        # They are seen to wait: one that asks for nothing new gets its answer at its end only.
        self.assertEqual(self.ask(f"{HEALTH}?index={index}&wait=300ms")[1], index)
        self.assertEqual(self.threads(), threads)
        self.assertEqual(answers, [])
        stopped_at = time.monotonic()
        one.stop()
        for reader in readers:
            reader.join()
        self.assertLess(max(at for at, _, _ in answers) - stopped_at, 1)
        for _, index_now, entries in answers:
            self.assertGreater(index_now, index)
            self.assertNotIn("passing", [entry["Checks"][0]["Status"] for entry in entries
                                         if entry["Service"]["ID"] == "greeter:one"])
        two.close()
        wait_until(lambda: self.names() == ["greeter:three"], GONE_S, "its lease has ended")

    def threads(self) -> int:
        try:
            return len(os.listdir(f"/proc/{self.process.pid}/task"))
        except OSError:
            return 0

    def test_what_cannot_be_asked_is_refused_in_one_line(self) -> None:
        wait_until(lambda: self.ask("/v1/catalog/services")[0] == 200, 3, "it answers")
        for target, method, status in (("/v1/kv/a", "GET", 404), ("/", "GET", 404),
                                       ("/v1/agent/service/register", "PUT", 405),
                                       ("/v1/catalog/services", "POST", 405),
                                       (f"{HEALTH}?index=x", "GET", 400),
                                       (f"{HEALTH}?wait=1", "GET", 400)):
            found, _, text = self.ask(target, method)
            self.assertEqual(found, status, target)
            self.assert_one_line(text)

    def test_our_own_readers_can_read_it_too(self) -> None:
        wait_until(self.names, 3, "they are named")
        with Client("greeter", registries=[ConsulAddress(*self.face)]) as client:
            self.assertEqual(client.hello("Hello"), "World")


if __name__ == "__main__":
    unittest.main()
