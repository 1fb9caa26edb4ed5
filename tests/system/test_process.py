"""The processes of the three roles: how they register, and which cores they use."""

from __future__ import annotations

import functools
import os
import socket
import sys
import unittest
import xmlrpc.client

from ponte.net.address import Address
from tests.system.cluster import SystemTest
from tests.system.harness import Process, free_port

GREETER, BANK = "services/greeter.py", "services/bank.py"


class Registration(SystemTest):
    """A registry with a key, and servers with the same key, another key, or none.

    And a server whose registry does not run.
    """

    registry: Process
    lonely: Process
    right: str
    locked_out: list[Process]
    silent: socket.socket

    @classmethod
    def setUpClass(cls) -> None:
        cls.silent = socket.socket(type=socket.SOCK_DGRAM)
        cls.addClassCleanup(cls.silent.close)
        cls.silent.bind(("127.0.0.1", free_port()))
        cluster = cls.share_cluster()
        cls.right, wrong = (cluster.file(name, f"the {name} key of the test\n")
                            for name in ("right", "wrong"))
        cls.lonely = cluster.start_role("server.py", GREETER, "--name", "lonely", "--registry",
                                        cls.where_nobody_answers())
        cls.registry = cluster.start_registry("--key-file", cls.right)
        cls.locked_out = [cluster.start_server(BANK, "wrong", "--key-file", wrong),
                          cluster.start_server(BANK, "none")]

    @classmethod
    def where_nobody_answers(cls) -> str:
        return f"127.0.0.1:{cls.silent.getsockname()[1]}"

    def listed(self) -> list[Address]:
        return [(endpoint["host"], endpoint["port"])
                for endpoint in self.cluster.lookup("greeter")["endpoints"]]

    def start_twin(self) -> Process:
        twin = self.cluster.start_server(GREETER, "twin", "--key-file", self.right)
        self.cluster.wait_until(lambda: twin.address in self.listed(), 3, "it is in lookup")
        return twin

    def test_a_server_without_a_registry_serves_and_says_that_none_answers(self) -> None:
        """It also says so when a registry answers at last."""
        host, port = self.lonely.address
        with xmlrpc.client.ServerProxy(f"http://{host}:{port}") as greeter:
            self.assertEqual(greeter.hello("Hello"), "World")
        self.lonely.wait_for_line(f"lonely: no registry answers at {self.where_nobody_answers()}",
                                  4)
        port = self.silent.getsockname()[1]
        self.silent.close()
        self.cluster.start_role("registry.py", "--port", str(port))
        self.lonely.wait_for_line("lonely: .*registry answers again", 4)
        listed = self.cluster.lookup("greeter", ("127.0.0.1", port))["endpoints"]
        self.assertEqual([endpoint["instance"] for endpoint in listed], ["lonely"])

    def test_only_servers_with_the_registrys_key_are_listed(self) -> None:
        """A server with the same key is listed, and called through a proxy that has it too.

        A server with another key, or without one, is never listed.
        """
        self.cluster.start_server(BANK, "same", "--key-file", self.right)
        self.cluster.wait_until(lambda: self.cluster.names("bank") == ["same"], 3,
                                "the one with the key is in lookup")
        self.cluster.start_proxy("proxy", "--key-file", self.right)
        self.assertEqual(self.cluster.run_client("bank", "balance", "ana").out, "0\n")
        for server in self.locked_out:
            server.wait_for_line("no registry answers at .* another key", 4)
        self.assertEqual(self.cluster.names("bank"), ["same"])
        self.assertNotRegex(self.registry.log, "bank/(wrong|none)")

    def test_of_two_processes_with_one_name_the_younger_wins(self) -> None:
        """The registry informs the elder, which prints a line and ends with exit code 1."""
        elder = self.start_twin()
        younger = self.start_twin()
        self.assertEqual(elder.wait(3), 1, elder.log)
        self.assert_one_line(elder.err, "twin", "STOPPED", "--name")
        self.assertTrue(younger.is_running)
        self.assertIn(younger.address, self.listed())
        self.assertNotIn(elder.address, self.listed())


class KeyChange(SystemTest):
    def test_a_key_is_changed_without_a_stop(self) -> None:
        """While the registry takes two keys, a process with the new one and one with the old are
        listed: also one that signs with the new one, and takes both.
        """
        new, old = (self.cluster.file(name, f"the {name} key of the test\n")
                    for name in ("new", "old"))
        self.cluster.start_registry("--key-file", f"{new},{old}")
        keys = {"old": old, "new": new, "both": f"{new},{old}"}
        self.cluster.at_once([functools.partial(self.cluster.start_server, GREETER, name,
                                                "--key-file", key) for name, key in keys.items()])
        self.cluster.wait_until(lambda: set(self.cluster.names("greeter")) == set(keys), 3,
                                "all three are in lookup")


@unittest.skipUnless(sys.platform == "linux" and (os.cpu_count() or 1) > 1,
                     "needs Linux, where Ponte chooses its cores, and more than one")
class Cores(SystemTest):
    """An interpreter runs one thread at a time; its threads change faster if they share a core."""

    def cores_of(self, process: Process) -> int:
        """How many cores all threads of a process together may use."""
        # Only Linux has these calls; the type checker knows that.
        if sys.platform != "linux":
            return 0
        threads = [int(name) for name in os.listdir(f"/proc/{process.pid}/task")]
        return len(frozenset().union(*map(os.sched_getaffinity, threads)))

    def test_our_own_code_stays_on_one_core_and_functions_may_use_all(self) -> None:
        registry = self.cluster.start_registry()
        proxy = self.cluster.start_proxy("one")
        wide_proxy = self.cluster.start_proxy("all", "--cores", "all")
        server, narrow_server = (self.cluster.start_server(GREETER, name, *options)
                                 for name, options in (("all", ()), ("one", ("--cores", "one"))))
        self.assertEqual([1, 1, 1],
                         [self.cores_of(process) for process in (registry, proxy, narrow_server)])
        for process in (wide_proxy, server):
            self.assertGreater(self.cores_of(process), 1)


if __name__ == "__main__":
    unittest.main()
