"""Any XML-RPC client in any language works, with a server and through the proxy."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import unittest
import xmlrpc.client

from client import Client
from ponte.net.address import Address
from ponte.net.message import Reply, encode_request
from ponte.net.parser import ReplyParser
from ponte.process.families import FAMILIES
from ponte.rpc.marshal import decode_result, encode_call
from registry import Registry
from server import Server
from tests.exposition import read
from tests.system.cluster import SystemTest
from tests.system.harness import Process, free_port
from tests.system.journal import Journal

GREETER = "services/greeter.py"
HEADERS = {"Host": "127.0.0.1", "Content-Type": "text/xml"}
UNKNOWN = encode_request("POST", "/greter", HEADERS, encode_call("hello", ()))
TIMEOUT_S = 5.0


def talk(address: Address, data: bytes, replies: int) -> list[Reply]:
    """Sends raw bytes over a new connection; reads `replies` replies, fewer if it ends earlier."""
    parser = ReplyParser()
    read: list[Reply] = []
    with socket.create_connection(address, TIMEOUT_S) as sock:
        sock.sendall(data)
        while len(read) < replies:
            reply = parser.next_message()
            if reply is not None:
                read.append(reply)
                continue
            received = sock.recv(65536)
            if not received:
                break
            parser.feed(received)
    return read


class AnyClient(SystemTest):
    """Each test calls a server directly, and through the proxy.

    Neither may need more from a client than XML-RPC over HTTP.
    """

    registry: Process
    server: Process
    proxy: Process
    doors: list[Address]
    # The reply to a call of an unknown service, and whether the registry was still warming up then.
    early: Reply
    was_early: bool

    @classmethod
    def setUpClass(cls) -> None:
        cluster = cls.share_cluster()
        cls.registry = cluster.start_registry()
        cls.server = cluster.start_server(GREETER, "one")
        cluster.wait_until(lambda: cluster.names("greeter") == ["one"], 3,
                           "the server is in lookup")
        cls.proxy = cluster.start_proxy()
        cls.doors = [cls.server.address, cls.proxy.address]
        cls.early, = talk(cls.proxy.address, UNKNOWN, 1)
        cls.was_early = cluster.lookup("*")["warming"]

    def test_the_standard_librarys_client_works_unchanged(self) -> None:
        """xmlrpc.client.ServerProxy calls functions, gets faults, and lists the functions."""
        for host, port in self.doors:
            with self.subTest(port=port), \
                    xmlrpc.client.ServerProxy(f"http://{host}:{port}/greeter") as greeter:
                self.assertEqual([greeter.hello("Hello") for _ in range(3)], ["World"] * 3)
                self.assertIn("hello", str(greeter.system.listMethods()))
                with self.assertRaises(xmlrpc.client.Fault) as caught:
                    greeter.no_such_method()
                self.assertEqual(caught.exception.faultCode, -32601)

    def test_a_server_may_be_told_to_take_several_calls_in_one(self) -> None:
        """--allow-multicall, and the stock MultiCall works."""
        # No registry listens there, so that the other tests do not find this server.
        nowhere = f"127.0.0.1:{free_port()}"
        server = self.cluster.start_role("server.py", GREETER, "--allow-multicall",
                                         "--registry", nowhere)
        host, port = server.address
        with xmlrpc.client.ServerProxy(f"http://{host}:{port}") as greeter:
            calls = xmlrpc.client.MultiCall(greeter)
            for text in ("Hello", "you"):
                calls.hello(text)
            results = calls()
            self.assertEqual([results[0], results[1]], ["World", "Hello, you"])

    def test_a_server_also_listens_where_stock_clients_look_first(self) -> None:
        """ServerProxy without a path posts to /RPC2."""
        host, port = self.server.address
        with xmlrpc.client.ServerProxy(f"http://{host}:{port}") as greeter:
            self.assertEqual(greeter.hello("Hello"), "World")

    @unittest.skipUnless(shutil.which("curl"), "needs the command curl")
    def test_curl_works(self) -> None:
        """curl posts a body with a length, in chunks, or after 100 Continue; each is answered."""
        body = encode_call("hello", ("Hello",)).decode()
        ways = {"with a length": [], "in chunks": ["-H", "Transfer-Encoding: chunked"],
                "after 100 Continue": ["-H", "Expect: 100-continue", "--expect100-timeout", "30"],
                "as HTTP/1.0": ["--http1.0"]}
        for host, port in self.doors:
            for way, options in ways.items():
                with self.subTest(way, port=port):
                    curl = subprocess.run(
                        ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "5",
                         *options, "-H", "Content-Type: text/xml", "--data-binary", body,
                         f"http://{host}:{port}/greeter"],
                        check=True, capture_output=True)
                    self.assertEqual(decode_result(curl.stdout), "World")

    def test_an_http_1_0_client_is_answered_and_its_connection_ends(self) -> None:
        """It sends no Host, knows no keep-alive, and reads until the stream ends."""
        body = encode_call("hello", ("Hello",))
        head = b"POST /greeter HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body)
        for address in self.doors:
            with self.subTest(port=address[1]), \
                    socket.create_connection(address, TIMEOUT_S) as sock:
                sock.sendall(head + body)
                received = b"".join(iter(lambda s=sock: s.recv(65536), b""))    # type: ignore[misc]
                self.assertEqual(decode_result(received.partition(b"\r\n\r\n")[2]), "World")

    def test_a_connection_is_kept_for_the_next_call(self) -> None:
        """Five requests of an HTTP/1.1 client go over one connection."""
        body = encode_call("hello", ("Hello",))
        for host, port in self.doors:
            with self.subTest(port=port):
                connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
                self.addCleanup(connection.close)
                connection.connect()
                own_port = connection.sock.getsockname()[1]
                for _ in range(5):
                    connection.request("POST", "/greeter", body, HEADERS)
                    self.assertEqual(decode_result(connection.getresponse().read()), "World")
                    self.assertEqual(connection.sock.getsockname()[1], own_port)

    def test_pipelined_requests_are_answered_in_their_order(self) -> None:
        """Twenty requests sent at once get twenty replies, the first one first."""
        names = [f"caller {number}" for number in range(20)]
        data = b"".join(encode_request("POST", "/greeter", HEADERS, encode_call("hello", (name,)))
                        for name in names)
        for address in self.doors:
            with self.subTest(port=address[1]):
                values = [decode_result(reply.body) for reply in talk(address, data, len(names))]
                self.assertEqual(values, [f"Hello, {name}" for name in names])

    def test_health_status_and_metrics_are_pages_of_every_role(self) -> None:
        """/health is 200, /status is JSON, /metrics is the Prometheus text format."""
        for process in (self.registry, self.server, self.proxy):
            data = b"".join(encode_request("GET", f"/{page}", HEADERS, b"")
                            for page in ("health", "status", "metrics"))
            with self.subTest(process.arguments[0]):
                health, status, metrics = talk(process.address, data, 3)
                self.assertEqual([reply.status for reply in (health, status, metrics)],
                                 [200, 200, 200])
                self.assertEqual(health.body.strip(), b"ok")
                self.assertIsInstance(json.loads(status.body), dict)
                self.assertTrue(metrics.headers["content-type"].startswith("text/plain"))
                role = process.arguments[0].partition(".")[0]
                self.assertEqual(list(read(metrics.body.decode())),
                                 [family.name for family in FAMILIES[role]])

    def test_head_and_a_path_with_a_query_work_with_every_role(self) -> None:
        """For health checks and scrapers: http.client refuses a body behind a HEAD."""
        for process in (self.registry, self.server, self.proxy):
            connection = http.client.HTTPConnection(*process.address, timeout=TIMEOUT_S)
            self.addCleanup(connection.close)
            for page in ("/health", "/status", "/metrics"):
                for method, path in (("HEAD", page), ("GET", f"{page}/?x=1"), ("HEAD", f"{page}?")):
                    with self.subTest(process.arguments[0], method=method, path=path):
                        connection.request(method, path)
                        reply = connection.getresponse()
                        body = reply.read()
                        self.assertEqual(reply.status, 200)
                        self.assertEqual(bool(body), method == "GET")
                        self.assertGreater(int(reply.headers["Content-Length"]), 0)
                        self.assertTrue(reply.headers["Date"])

    def test_unknown_services_get_a_404_that_names_the_known_ones(self) -> None:
        """Not an XML-RPC fault: the path is wrong.

        While the registry warms up, the proxy does not know that yet, and refuses with 503.
        """
        if self.was_early:
            self.assertEqual((self.early.status, self.early.headers.get("not-executed")),
                             (503, "1"))
        self.cluster.wait_until(lambda: not self.cluster.lookup("*")["warming"], 5,
                                "the registry is warm")
        refused = self.cluster.wait_until(
            lambda: [reply for reply in talk(self.proxy.address, UNKNOWN, 1)
                     if reply.status != 503], 1, "the proxy knows the services")
        self.assertEqual(refused[0].status, 404)
        self.assertIn(b"greeter", refused[0].body)

    def test_functions_move_over_from_a_standard_library_server(self) -> None:
        """A SimpleXMLRPCServer program without its two server lines is a services file."""
        program = self.cluster.file("adder.py", """
            # from xmlrpc.server import SimpleXMLRPCServer
            from server import idempotent

            @idempotent
            def add(x, y):
                return x + y

            def describe(item, times=1):
                return {"item": item, "times": times}

            # server = SimpleXMLRPCServer(("localhost", 8000))
            # server.register_function(add)
        """)
        self.cluster.start_servers(program, "adder-1")
        adder = self.cluster.client("adder")
        self.assertEqual(adder.add(2, 3), 5)
        self.assertEqual(adder.describe("tea"), {"item": "tea", "times": 1})

    def test_the_mark_idempotent_is_the_servers_own_whichever_way_it_is_imported(self) -> None:
        """A services file imports the same module `server` as the one that runs.

        `python3 server.py` runs as __main__. With a second copy of the module, `current_instance()`
        would be empty, and the server would not see the mark of @idempotent.
        """
        endpoint, = self.cluster.lookup("greeter")["endpoints"]
        self.assertEqual(endpoint["idempotent"], ["hello", "whoami"])
        self.assertEqual(self.cluster.client("greeter").whoami(), "one")


class UnusualServices(SystemTest):
    """What a user may write in a services file."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.share_cluster().start_registry()

    def test_a_function_may_have_an_accent_in_its_name(self) -> None:
        """Python allows it, and classes in Portuguese use it: the function can be called."""
        file = self.cluster.file("portaria.py", """
            from server import idempotent

            @idempotent
            def saudação(nome):
                return f"Olá, {nome}"
        """)
        self.cluster.start_servers(file, "portaria-1")
        self.assertEqual(self.cluster.client("portaria").call("saudação", "Zé"), "Olá, Zé")

    def test_a_services_file_may_define_dataclasses(self) -> None:
        """A dataclass looks up its module in sys.modules, where annotations are strings."""
        file = self.cluster.file("points.py", """
            from __future__ import annotations
            import dataclasses

            @dataclasses.dataclass
            class Point:
                x: int
                y: int

            def mirror(x, y):
                return dataclasses.asdict(Point(y, x))
        """)
        self.cluster.start_servers(file, "points-1")
        self.assertEqual(self.cluster.client("points").mirror(1, 2), {"x": 2, "y": 1})

    def test_two_files_may_share_a_third_beside_them(self) -> None:
        """A program of several files imports them from its own directory, as Python does."""
        self.cluster.file("prices.py", "TEA = 3\n")
        file = self.cluster.file("shop.py", """
            import prices

            def price_of_tea():
                return prices.TEA
        """)
        self.cluster.start_servers(file, "shop-1")
        self.assertEqual(self.cluster.client("shop").price_of_tea(), 3)


class Library(unittest.TestCase):
    def test_a_client_made_right_after_its_server_finds_it(self) -> None:
        """These are the first lines that a user writes: without a pause, and without a retry."""
        for _ in range(5):
            with Registry(port=0) as registry, \
                    Server("notes", {"echo": lambda text: text}, registries=[registry.address]), \
                    Client("notes", registries=[registry.address]) as notes:
                self.assertEqual(notes.echo("Hello"), "Hello")


class FirstCall(SystemTest):
    def test_it_does_not_wait_until_the_registry_is_warm(self) -> None:
        """A registry has just started, and a server without a proxy: the server can be called."""
        port = free_port()
        self.cluster.registries.append(("127.0.0.1", port))
        self.cluster.start_server(GREETER, "one")
        self.cluster.start_registry(port=port)
        self.cluster.wait_until(lambda: self.cluster.names("greeter") == ["one"], 3,
                                "the server is in lookup")
        self.assertTrue(self.cluster.lookup("greeter")["warming"])
        self.assertEqual(self.cluster.client("greeter", timeout_s=0.7).hello("Hello"), "World")


class Balance(SystemTest):
    def test_three_servers_share_300_calls_evenly(self) -> None:
        """Round robin over whole calls: 100 each, also for a client that keeps one connection."""
        self.cluster.start_registry()
        journal = Journal(self.cluster)
        self.cluster.start_servers(journal.file, "one", "two", "three")
        host, port = self.cluster.start_proxy().address
        with xmlrpc.client.ServerProxy(f"http://{host}:{port}/journal") as stub:
            for number in range(300):
                stub.once(f"call-{number}")
        self.assertEqual(journal.instances(), {"one": 100, "two": 100, "three": 100})
        self.assertEqual(set(journal.executions().values()), {1})


if __name__ == "__main__":
    unittest.main()
