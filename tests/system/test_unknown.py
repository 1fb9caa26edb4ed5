"""An unknown outcome is resolved; and a call never runs behind its caller's back.

Servers freeze and thaw, die, and lose their ports to strangers. The other failures:
test_failures.py.
"""

from __future__ import annotations

import contextlib
import http.server
import itertools
import threading
import time
import unittest
from collections.abc import Iterator

from client import Client, NotSent, OutcomeUnknown
from ponte.net.address import Address, show
from tests.system.cluster import SystemTest
from tests.system.harness import Process
from tests.system.journal import Journal

# Seconds. The time of a call that is meant to come to no answer, and of one that is.
SHORT_S, LONG_S = 0.6, 10.0


class Unknown(SystemTest):
    """One server that keeps a journal of its executions, behind a proxy or called directly.

    It is named by two registries. One of them names the proxy, too: so a stub that asks the other
    one calls the server directly.
    """

    registries: dict[bool, Process]
    journal: Journal
    server: Process
    proxy: Process
    numbers: Iterator[int]

    @classmethod
    def setUpClass(cls) -> None:
        cluster = cls.share_cluster()
        cls.registries = {proxy: cluster.start_registry() for proxy in (True, False)}
        cls.journal = Journal(cluster)
        cls.server, cls.proxy = cluster.at_once([cls.start_server, cls.start_proxy])
        cls.numbers = itertools.count(1)

    @classmethod
    def start_server(cls) -> Process:
        return cls.cluster.start_server(cls.journal.file, "bank")

    @classmethod
    def start_proxy(cls) -> Process:
        return cls.cluster.start_proxy("proxy", "--registry", show(cls.registries[True].address))

    def start(self, *, proxy: bool) -> Client:
        """A stub that has called the server, so that it has a session there or at the proxy."""
        # What an earlier test has killed.
        if not self.server.is_running:
            type(self).server = self.start_server()
        if proxy and not self.proxy.is_running:
            type(self).proxy = self.start_proxy()
        stub = self.stub(proxy=proxy)
        wanted, port = ("proxy", self.proxy) if proxy else ("bank", self.server)
        self.cluster.wait_until(
            lambda: (wanted, port.address[1]) in [(e.instance, e.port) for e in stub.endpoints], 5,
            f"the stub sees {wanted}")
        token = self.token("first")
        self.assertEqual(stub.once(token), token)
        return stub

    def stub(self, *, proxy: bool) -> Client:
        stub = Client("journal", registries=[self.registries[proxy].address], timeout_s=LONG_S)
        self.addCleanup(stub.close)
        return stub

    def token(self, name: str) -> str:
        """One that no other call of this class has."""
        return f"{name}-{next(self.numbers)}"

    def unknown(self, stub: Client, method: str, *params: object) -> OutcomeUnknown:
        """The error of a call that comes to no answer in time."""
        with self.assertRaises(OutcomeUnknown) as caught:
            stub.call(method, *params, timeout_s=SHORT_S)
        return caught.exception

    def freeze(self, process: Process) -> None:
        """From now on it does nothing, and does not take the next call."""
        # A test that fails leaves no frozen process to the next one.
        self.addCleanup(self.cluster.thaw, process)
        self.cluster.freeze(process)

    def runs(self, token: str) -> int:
        return self.journal.executions()[token]

    def resolved_truly(self, error: OutcomeUnknown, token: str, *, proxy: bool = True) -> None:
        """It is said whether the call has run, and this stays true."""
        try:
            self.assertEqual(error.resolve(LONG_S), token)
            expected = 1
        except NotSent:
            expected = 0
        self.assertEqual(self.runs(token), expected)
        # Whatever was still on its way has had its time.
        self.stub_is_served(token, proxy=proxy)
        self.assertEqual(self.runs(token), expected)

    def stub_is_served(self, token: str, *, proxy: bool) -> None:
        """The server that was frozen answers again."""
        stub = self.stub(proxy=proxy)
        for number in range(20):
            self.assertEqual(stub.once(f"after-{token}-{number}"), f"after-{token}-{number}")


class Resolving(Unknown):
    """`OutcomeUnknown.resolve` asks the life that got the call, directly and by a proxy."""

    def test_a_call_that_still_runs_is_waited_for(self) -> None:
        for proxy in (False, True):
            with self.subTest(proxy=proxy):
                stub, token = self.start(proxy=proxy), self.token("slow")
                error = self.unknown(stub, "work", token, 2 * SHORT_S)
                self.assertEqual(error.resolve(LONG_S), "bank")
                self.assertEqual(self.runs(token), 1)

    def test_a_server_that_died_cannot_tell(self) -> None:
        """Nor can anybody else. It is said at once."""
        for proxy in (False, True):
            with self.subTest(proxy=proxy):
                stub, token = self.start(proxy=proxy), self.token("held")
                error = self.unknown(stub, "hold", token)
                self.cluster.kill(self.server)
                began = time.monotonic()
                with self.assertRaises(OutcomeUnknown):
                    error.resolve(LONG_S)
                self.assertLess(time.monotonic() - began, LONG_S / 2)
                self.assertEqual(self.runs(token), 1)

    def test_a_server_that_was_frozen_tells_after_its_thaw(self) -> None:
        """It has run the call, or it never will."""
        for proxy in (False, True):
            with self.subTest(proxy=proxy):
                stub, token = self.start(proxy=proxy), self.token("token")
                self.freeze(self.server)
                error = self.unknown(stub, "once", token)
                with self.assertRaises(OutcomeUnknown):
                    error.resolve(0.2)
                thaw = threading.Timer(0.2, self.cluster.thaw, [self.server])
                thaw.start()
                self.addCleanup(thaw.join)
                self.resolved_truly(error, token, proxy=proxy)

    def test_the_server_tells_also_when_the_proxy_has_died(self) -> None:
        """The proxy had told where it sent the call."""
        stub, token = self.start(proxy=True), self.token("token")
        self.freeze(self.server)
        error = self.unknown(stub, "once", token)
        self.cluster.kill(self.proxy)
        self.cluster.thaw(self.server)
        self.resolved_truly(error, token)

    def test_a_proxy_that_was_frozen_tells_after_its_thaw(self) -> None:
        stub, token = self.start(proxy=True), self.token("token")
        self.freeze(self.proxy)
        error = self.unknown(stub, "once", token)
        self.cluster.thaw(self.proxy)
        self.resolved_truly(error, token)

    # What was frozen does not begin, at its thaw, what nobody waits for any more.

    def test_a_server_does_not_begin_at_its_thaw_what_nobody_waits_for(self) -> None:
        self.does_not_run("server")

    def test_a_proxy_does_not_begin_at_its_thaw_what_nobody_waits_for(self) -> None:
        self.does_not_run("proxy")

    def does_not_run(self, frozen: str) -> None:
        is_proxy = frozen == "proxy"
        stub, token = self.start(proxy=is_proxy), self.token("token")
        process = self.proxy if is_proxy else self.server
        self.freeze(process)
        self.unknown(stub, "once", token)
        self.cluster.thaw(process)
        self.stub_is_served(token, proxy=is_proxy)
        self.assertEqual(self.runs(token), 0)


class ResolvingBehindEvents(Resolving):
    """The same with the other engines."""

    engine, server_engine = "events", "threads"


class Stranger(http.server.BaseHTTPRequestHandler):
    """A web server that has nothing to do with Ponte."""

    protocol_version = "HTTP/1.1"
    status = 200

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"<html>")

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def stranger(address: Address, status: int) -> Iterator[None]:
    """A web server takes this address, and answers each request with this status."""
    handler = type("Stranger", (Stranger,), {"status": status})
    with http.server.ThreadingHTTPServer(address, handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


class Strangers(SystemTest):
    """A server dies, and another process has its port before its lease has ended."""

    def goes_on(self, status: int, *, proxy: bool) -> None:
        """Calls are answered by the server that lives, each of them once."""
        self.setUp()
        self.cluster.start_registry()
        journal = Journal(self.cluster)
        dying, _ = self.cluster.start_servers(journal.file, "dying", "living")
        if proxy:
            self.cluster.start_proxy()
        stub = self.cluster.client("journal", timeout_s=LONG_S)
        self.cluster.kill(dying)
        # Its callers know it by now only from the registry.
        with stranger(dying.address, status):
            self.assertIn("dying", self.cluster.names("journal"))
            for number in range(6):
                for method in ("once", "echo"):
                    token = f"{method}-{number}"
                    self.assertEqual(stub.call(method, token), token)
                    self.assertEqual(journal.executions()[token], 1)

    def test_a_web_server(self) -> None:
        """What each status means: test_client.py."""
        for status in (200, 500):
            with self.subTest(status):
                self.goes_on(status, proxy=False)

    def test_a_web_server_behind_a_proxy(self) -> None:
        self.goes_on(404, proxy=True)

    def test_a_server_of_another_service(self) -> None:
        """It refuses, since it does not have the service: that is no answer."""
        self.cluster.start_registry()
        journal = Journal(self.cluster)
        dying, _ = self.cluster.start_servers(journal.file, "dying", "living")
        stub = self.cluster.client("journal", timeout_s=LONG_S)
        self.assertEqual({stub.whoami() for _ in range(4)}, {"dying", "living"})
        stub.once("session")
        stub.once("another")
        self.cluster.kill(dying)
        self.cluster.start_server("services/greeter.py", "other", "--port",
                                  str(dying.address[1]))
        for number in range(6):
            for method in ("once", "echo"):
                token = f"{method}-{number}"
                self.assertEqual(stub.call(method, token), token)
                self.assertEqual(journal.executions()[token], 1)


if __name__ == "__main__":
    unittest.main()
