"""A server or a proxy that is stopped leaves without losing a call."""

from __future__ import annotations

import threading
import unittest
import xmlrpc.client
from collections.abc import Iterator
from functools import partial

from tests.system.cluster import SystemTest
from tests.system.harness import STOPPED_BY, Process
from tests.system.journal import Journal
from tests.system.load import Load
from tests.windows import windows_cannot

# Callers of each kind: eight together.
CALLERS = 4
# Seconds of a call: longer than a draining server waits for callers to close connections (0.5 s).
SHORT_S = 1.2
# Seconds from the stop to the end of the process: its calls are short, so it needs no grace (10 s).
ENDS_S = 5.0


class Drain(SystemTest):
    """Two servers with a journal of their executions. Half of the callers' calls must run once."""

    def setUp(self) -> None:
        super().setUp()
        self.cluster.start_registry()
        self.journal = Journal(self.cluster)
        self.servers = self.cluster.start_servers(self.journal.file, "one", "two")

    def start_loads(self) -> Iterator[Load]:
        """Eight callers of one stub: half of them make slow calls that are not idempotent."""
        stub = self.cluster.client("journal")
        for method, call in (("echo", stub.echo), ("linger", stub.linger)):
            load = Load(call, CALLERS, method)
            self.addCleanup(load.__exit__)
            yield load.__enter__()

    def stop(self, process: Process) -> None:
        """The process must end in order, with exit code 0."""
        process.stop()
        self.assertEqual(process.wait(ENDS_S), 0, process.log)
        self.assertIn(f"stopped ({STOPPED_BY})\n", process.out)

    def assert_no_call_was_lost(self, loads: list[Load]) -> None:
        """Each was answered; those that are not idempotent have run once."""
        for load in loads:
            load.__exit__()
        runs = self.journal.executions()
        for load in loads:
            self.assertEqual(load.failed[:3], [])
            self.assertEqual(load.mixed_up[:3], [])
        for result in loads[-1].results:
            self.assertEqual(runs[result.token], 1, result)

    def wait_for_calls(self, loads: list[Load]) -> None:
        for load in loads:
            load.wait_for_calls(10)

    def test_a_rolling_restart_behind_two_proxies_loses_no_call(self) -> None:
        """Under load, each server and each proxy is replaced by a new process of the same name.

        One proxy has the engine threads, the other one events.
        """
        engines = {"left": "threads", "right": "events"}
        proxies = [self.cluster.start_proxy(name, "--engine", engine)
                   for name, engine in engines.items()]
        loads = list(self.start_loads())
        for server, name in zip(self.servers, ("one", "two")):
            self.stop(server)
            self.cluster.start_servers(self.journal.file, name)
            self.wait_for_calls(loads)
        for proxy, (name, engine) in zip(proxies, engines.items()):
            self.stop(proxy)
            self.cluster.start_proxy(name, "--engine", engine)
            self.wait_for_calls(loads)
        self.assert_no_call_was_lost(loads)

    def test_a_server_that_stubs_call_directly_loses_no_call_either(self) -> None:
        """Without a proxy, the stub must see that a server drains, and close its connections."""
        loads = list(self.start_loads())
        self.stop(self.servers[0])
        self.wait_for_calls(loads)
        self.assert_no_call_was_lost(loads)

    def test_a_stock_client_on_a_kept_connection_loses_no_call(self) -> None:
        """It knows nothing of draining, and sends again what fails.

        So each of its requests is either answered, or refused before it runs.
        """
        host, port = self.cluster.start_proxy().address
        stub = xmlrpc.client.ServerProxy(f"http://{host}:{port}/journal")
        load = Load(stub.once, 1, "stock")
        self.addCleanup(stub("close"))
        self.addCleanup(load.__exit__)
        load.__enter__()
        self.stop(self.servers[0])
        load.wait_for_calls(10)
        self.assert_no_call_was_lost([load])


@windows_cannot("it has no SIGTERM, after which alone calls get the time of --grace")
class Linger(SystemTest):
    def test_who_learns_late_that_it_stops_is_served_for_a_while(self) -> None:
        """Also where nobody was connected: as for callers behind nginx, or with DNS."""
        self.cluster.start_registry()
        server = self.cluster.start_server("services/greeter.py", "one", "--linger", "5")
        proxy = self.cluster.start_proxy("proxy", "--linger", "5")
        # To which the proxy relays.
        self.cluster.start_servers("services/greeter.py", "two")
        for process, service in ((server, "greeter"), (proxy, "proxy")):
            process.stop()
            self.cluster.wait_until(partial(self.drains, service), 3, f"{service} drains")
        for process in (server, proxy):
            host, port = process.address
            with xmlrpc.client.ServerProxy(f"http://{host}:{port}/greeter") as stub:
                self.assertEqual(stub.hello("Hello"), "World")

    def drains(self, service: str) -> bool:
        return bool(self.cluster.names(service, "draining"))


@windows_cannot("it has no SIGTERM, after which alone calls get the time of --grace")
class Grace(SystemTest):
    def test_running_calls_are_given_their_time_and_are_then_cut_off(self) -> None:
        """A call that ends within --grace is answered.

        The outcome of a call that takes longer is unknown.
        """
        self.cluster.start_registry()
        journal = Journal(self.cluster)
        patient = self.cluster.start_server(journal.file, "patient")
        host, port = patient.address
        answers: list[object] = []
        with xmlrpc.client.ServerProxy(f"http://{host}:{port}/journal") as stub:
            thread = threading.Thread(target=lambda: answers.append(stub.work("short", SHORT_S)),
                                      daemon=True)
            thread.start()
            self.cluster.wait_until(lambda: journal.executions()["short"], 10,
                                    "the short call runs")
            patient.stop()
            self.cluster.wait_until(lambda: self.cluster.names("journal", "up") == [], 3,
                                    "the registry knows that it drains")
            strict = self.cluster.start_server(journal.file, "strict", "--grace", "0.3")
            self.cluster.wait_until(lambda: "strict" in self.cluster.names("journal"), 3,
                                    "the other is in lookup")
            caller = self.cluster.start_client("journal", "hold", "long")
            self.cluster.wait_until(lambda: journal.executions()["long"], 10, "the long call runs")
            strict.stop()
            self.assertEqual(strict.wait(ENDS_S), 0, strict.log)
            self.assertIn("calls were cut off", strict.out)
            self.assertEqual(caller.wait(ENDS_S), 5, caller.log)
            thread.join()
        self.assertEqual(answers, ["patient"])
        self.assertEqual(patient.wait(ENDS_S), 0, patient.log)
        self.assertIn("stopped (SIGTERM)\n", patient.out)


if __name__ == "__main__":
    unittest.main()
