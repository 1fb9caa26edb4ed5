"""Server and registry as a library: on any thread, with a name that is taken, with wrong arguments.

All in one process. Nothing here has a signal: the main thread is that of the tests.
"""

from __future__ import annotations

import logging
import threading
import unittest
from typing import Any, Callable

from client import Client
from proxy import Proxy
from registry import Registry
from server import Server
from tests.fakes import eventually, hurry_listeners

PATIENCE_S = 10.0


def setUpModule() -> None:
    hurry_listeners()


class LibraryTest(unittest.TestCase):
    """A registry, and what is closed at the end."""

    def setUp(self) -> None:
        self.registry = Registry(port=0)
        self.registry.start()
        self.addCleanup(self.registry.close)
        self.begun, self.gate = threading.Event(), threading.Event()
        self.addCleanup(self.gate.set)

    def wait(self) -> str:
        """A function that runs until the test lets it end."""
        self.begun.set()
        self.gate.wait(PATIENCE_S)
        return "whole"

    def server(self, **options: Any) -> Server:
        server = Server("slow", [self.wait], registries=[self.registry.address], **options)
        self.addCleanup(server.close)
        return server

    def client(self) -> Client:
        client = Client("slow", registries=[self.registry.address])
        self.addCleanup(client.close)
        return client

    def known(self) -> list[tuple[str, int]]:
        """Name and port of what the registry names."""
        return [(e.instance, e.port) for e in self.registry.lookup("*").endpoints]

    def run_beside(self, function: Callable[[], Any]) -> threading.Thread:
        thread = threading.Thread(target=function)
        thread.start()
        self.addCleanup(thread.join, PATIENCE_S)
        return thread


class NameIsTaken(LibraryTest):
    """Of two with one name, the younger wins. The elder ends, and loses no call."""

    def test_the_elder_finishes_its_calls_and_stops_though_nobody_looks_at_it(self) -> None:
        elder = self.server(name="one")
        elder.start()
        results: list[Any] = []
        client = self.client()
        calling = self.run_beside(lambda: results.append(client.wait()))
        self.assertTrue(self.begun.wait(PATIENCE_S))
        younger = self.server(name="one")
        with self.assertLogs("ponte.process", logging.ERROR) as logs:
            younger.start()
            self.assertTrue(elder.superseded.wait(PATIENCE_S))
        self.assertIn("one: STOPPED: a younger process", logs.output[0])
        self.gate.set()
        calling.join(PATIENCE_S)
        self.assertEqual(results, ["whole"])
        self.assertTrue(elder.drain())
        self.assertEqual(self.known(), [("one", younger.address[1])])
        self.assertFalse(younger.superseded.is_set())

    def test_serve_forever_of_the_elder_returns(self) -> None:
        elder = self.server(name="one")
        serving = self.run_beside(elder.serve_forever)
        eventually(lambda: self.known() == [("one", elder.address[1])])
        with self.assertLogs("ponte.process", logging.ERROR):
            self.server(name="one").start()
            serving.join(PATIENCE_S)
        self.assertFalse(serving.is_alive())

    def test_so_does_a_proxy(self) -> None:
        elder, younger = (Proxy(port=0, registries=[self.registry.address], name="one")
                          for _ in range(2))
        self.addCleanup(elder.close)
        self.addCleanup(younger.close)
        elder.start()
        with self.assertLogs("ponte.process", logging.ERROR):
            younger.start()
            self.assertTrue(elder.superseded.wait(PATIENCE_S))
            self.assertTrue(elder.drain())
        self.assertEqual(self.known(), [("one", younger.address[1])])


class AnyThread(LibraryTest):
    """`serve_forever` serves on every thread, and ends when the server does."""

    def test_it_serves_on_a_thread_that_is_not_the_main_one(self) -> None:
        for end in (Server.close, Server.drain):
            with self.subTest(end.__name__):
                server = self.server()
                serving = self.run_beside(server.serve_forever)
                self.gate.set()
                eventually(lambda: self.known() != [])
                self.assertEqual(self.client().wait(), "whole")
                end(server)
                serving.join(PATIENCE_S)
                self.assertFalse(serving.is_alive())
                # A server that was closed stops without a goodbye.
                self.registry.close()
                self.setUp()


class WrongArguments(unittest.TestCase):
    """A ValueError at once, of one line, that says what is expected; and no port stays taken."""

    WRONG: tuple[tuple[str, Any, str], ...] = (
        ("registries", None, "HOST:PORT"),
        ("registries", 4100, "HOST:PORT"),
        ("registries", "127.0.0.1", "HOST:PORT"),
        ("registries", "", "HOST:PORT"),
        ("registries", ("127.0.0.1", 4100), "sequence of"),
        ("registries", [("127.0.0.1", "4100")], "port"),
        ("registries", [("127.0.0.1", 99999)], "port"),
        ("registries", [("127.0.0.1", 0)], "port"),
        ("registries", [("127.0.0.1",)], "sequence of"),
        ("registries", [("", 4100)], "host"),
        ("registries", "127.0.0.1:99999", "port"),
        ("registries", b"127.0.0.1:4100", "HOST:PORT"),
        ("registries", "0.0.0.0:4100", "stands for all"),
        ("registries", [("::", 4100)], "stands for all"),
    )
    WRONG_PLACES: tuple[tuple[str, Any, str], ...] = (
        ("host", None, "host"), ("host", "", "host"), ("host", 127, "host"),
        ("port", "4180", "port"), ("port", -1, "port"), ("port", 99999, "port"),
        ("port", None, "port"), ("port", True, "port"),
        ("name", "a name", "name"), ("name", 7, "name"),
        ("advertise", "10.0.0.7:99999", "port"), ("advertise", 4180, "HOST"),
        ("advertise", "0.0.0.0", "advertise"),
        ("beat_s", 0, "beat"), ("beat_s", None, "beat"), ("lease_s", float("nan"), "lease"),
        ("lease_s", 1.0, "three beats"),
        ("engine", "carrier pigeons", "events and threads"), ("max_connections", 0, "1 or more"),
        ("max_connections", "5", "1 or more"), ("tls", 5, "tls: 5"),
        ("key", "secret", "key"), ("key", [b"new", b""], "key"),
    )

    def refuses(self, make: Callable[..., Any], cases: tuple[tuple[str, Any, str], ...]) -> None:
        for name, value, expected in cases:
            with self.subTest(make.__name__, **{name: value}), \
                    self.assertRaises(ValueError) as caught:
                made = make(**{name: value})
                made.close()
            text = str(caught.exception)
            self.assertRegex(text, expected, f"{make.__name__}({name}={value!r})")
            self.assertNotIn("\n", text)

    def test_of_a_client(self) -> None:
        def client(**options: Any) -> Client:
            return Client("greeter", **options)

        self.refuses(client, self.WRONG + (("registries", (), "no registry"),
                                           ("tls", "cert.pem", "tls: 'cert.pem'")))

    def test_of_a_server(self) -> None:
        def server(**options: Any) -> Server:
            return Server("greeter", **{"registries": (), **options})

        self.refuses(server, self.WRONG + self.WRONG_PLACES)

    def test_of_a_proxy(self) -> None:
        def proxy(**options: Any) -> Proxy:
            return Proxy(**{"registries": (), "port": 0, **options})

        self.refuses(proxy, self.WRONG + self.WRONG_PLACES
                     + (("timeout_s", 0, "timeout_s"), ("timeout_s", None, "timeout_s"),
                        ("timeout_s", float("inf"), "timeout_s")))

    def test_of_a_registry(self) -> None:
        self.refuses(Registry, tuple(case for case in self.WRONG_PLACES
                                     if case[0] in ("host", "port", "key", "engine", "tls")))

    def test_text_is_taken_as_on_the_command_line(self) -> None:
        for text in ("127.0.0.1:4100", "127.0.0.1:4100,127.0.0.1:4101"):
            with Client("greeter", registries=text) as client:
                self.assertIn(text.split(",")[-1], repr(client))
            Server("greeter", registries=text).close()
            Proxy(port=0, registries=text).close()


if __name__ == "__main__":
    unittest.main()
