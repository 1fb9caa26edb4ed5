"""python3 -m interop.sidecar beside a foreign XML-RPC server: who finds it, and what a call to it
comes to.
"""

from __future__ import annotations

import os
import unittest

from client import Client, OutcomeUnknown
from tests.system.cluster import SystemTest
from tests.system.harness import START_S, STOPPED_BY, Process

# An XML-RPC server that knows nothing of Ponte. `lose` runs, and its reply never comes.
FOREIGN = """\
    import os, socket, sys
    from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

    class Handler(SimpleXMLRPCRequestHandler):
        rpc_paths = ("/cgi/rpc",)

        def send_response(self, code, message=None):
            if self.server.loses:
                self.connection.shutdown(socket.SHUT_RDWR)
            super().send_response(code, message)

    server = SimpleXMLRPCServer(("127.0.0.1", int(sys.argv[2])), Handler, logRequests=False)
    server.loses = False

    def hello(text):
        return text + " from afar"

    def lose(token):
        with open(sys.argv[1], "a") as file:
            print(token, file=file)
        server.loses = True

    server.register_function(hello)
    server.register_function(lose)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except OSError:
        server.serve_forever()
"""


class Sidecar(SystemTest):
    def setUp(self) -> None:
        super().setUp()
        self.cluster.start_registry()
        self.runs = os.path.join(self.cluster.directory, "runs")
        self.file = self.cluster.file("foreign.py", FOREIGN)
        self.foreign = self.start_foreign()
        self.sidecar = self.cluster.start_sidecar("afar", self.foreign.address, "--name", "one",
                                                  "--path", "/cgi/rpc")

    def start_foreign(self, port: int = 0) -> Process:
        process = self.cluster.start(self.file, self.runs, str(port))
        process.address = "127.0.0.1", int(process.wait_for_line(r":(\d+)", START_S)[1])
        return process

    def ran(self) -> list[str]:
        with open(self.runs, encoding="utf-8") as file:
            return file.read().split()

    def is_known(self) -> bool:
        return self.cluster.names("afar", "up") == ["one"]

    def assert_runs_once(self, client: Client, token: str) -> None:
        """A call whose reply is lost is not repeated, and its caller is told why."""
        with self.assertRaisesRegex(OutcomeUnknown, "it remembers no calls") as raised:
            client.lose(token)
        self.assertEqual(len(raised.exception.attempts), 1)
        with self.assertRaises(OutcomeUnknown):
            raised.exception.resolve(1.0)
        self.assertEqual(self.ran().count(token), 1)

    def test_a_foreign_server_is_called_as_any_and_never_twice(self) -> None:
        """Directly, and through our proxy."""
        client = self.cluster.client("afar")
        self.assertEqual(client.hello("Hello"), "Hello from afar")
        self.assert_runs_once(client, "direct")
        self.foreign.close()
        self.start_foreign(self.foreign.address[1])
        self.cluster.wait_until(self.is_known, 5, "the next one is announced")
        self.cluster.start_proxy()
        client = self.cluster.client("afar")
        self.cluster.wait_until(lambda: len(client.endpoints) == 2, 3, "the proxy is known")
        self.assertEqual(client.hello("Hello"), "Hello from afar")
        self.assert_runs_once(client, "relayed")

    def test_what_has_died_is_announced_no_more_until_it_is_back(self) -> None:
        self.cluster.kill(self.foreign)
        self.cluster.wait_until(lambda: not self.cluster.names("afar"), 2.5, "it is gone")
        self.start_foreign(self.foreign.address[1])
        self.cluster.wait_until(self.is_known, 3, "it is back")

    def test_a_sidecar_that_is_stopped_says_so_before_it_ends(self) -> None:
        self.sidecar.stop()
        self.cluster.wait_until(lambda: self.cluster.names("afar", "draining"), 2, "it drains")
        self.assertEqual(self.sidecar.wait(5), 0)
        self.assertIn(f"stopped ({STOPPED_BY})", self.sidecar.out)
        self.assertEqual(self.cluster.names("afar"), [])
        self.assertTrue(self.foreign.is_running)


class Mistakes(SystemTest):
    def test_a_mistake_is_one_line(self) -> None:
        for arguments, word in ((("greeter", "0.0.0.0:80"), "at which callers reach it"),
                                (("proxy", "127.0.0.1:80", "--path", "/x"), "leave it out"),
                                (("greeter", "127.0.0.1:80", "--path", "x y"), "/RPC2"),
                                (("registry", "127.0.0.1:80"), "taken")):
            process = self.cluster.start("-m", "interop.sidecar", *arguments)
            self.assertEqual(process.wait(START_S), 2)
            self.assert_one_line(process.err, word)


if __name__ == "__main__":
    unittest.main()
