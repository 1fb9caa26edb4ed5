"""System tests: what callers feel, and what runs, when processes die, freeze, come back, or lose a reply."""

from __future__ import annotations

import functools
import itertools
import signal
import threading
import unittest
import xmlrpc.client

from client import Client, OutcomeUnknown, Trace
from lab.tcp_relay import Fate, TcpRelay
from tests.system.cluster import SystemTest
from tests.system.harness import Process, free_port
from tests.system.journal import Journal
from tests.system.load import Load

# Of a call, the default.
TIMEOUT_S = 5.0
# Of its first attempt: a proxy that hides a failure does so within it.
SHARE_S = TIMEOUT_S / 2
NAMES = ("one", "two", "three")
COMPUTE_S = 5.0
REPLY_LOST = Fate(cut_reply_at=0)
can_freeze = unittest.skipUnless(hasattr(signal, "SIGSTOP"), "needs SIGSTOP")


class Failures(SystemTest):
    """A registry, three servers that keep a journal of their executions, and a proxy."""

    def setUp(self) -> None:
        super().setUp()
        self.registry = self.cluster.start_registry(port=free_port())
        self.journal = Journal(self.cluster)
        started: list[Process] = self.cluster.at_once([
            self.cluster.start_proxy,
            *(functools.partial(self.cluster.start_server, self.journal.file, name)
              for name in NAMES)])
        self.proxy, self.servers = started[0], dict(zip(NAMES, started[1:]))
        self.cluster.wait_until(lambda: sorted(self.cluster.names("journal")) == sorted(NAMES), 3,
                                "all are listed")
        self.stub = self.cluster.client("journal")

    def assert_no_failure(self, load: Load) -> None:
        self.assertEqual(load.failed[:3], [])
        self.assertEqual(load.mixed_up[:3], [])

    def assert_ran_as_told(self, load: Load) -> None:
        """Of calls that are not idempotent: a value means one run, an unknown outcome one or none.
        """
        runs = self.journal.executions()
        for told in load.told:
            if isinstance(told.value, OutcomeUnknown):
                self.assertLessEqual(runs[told.token], 1, told)
            else:
                self.assertEqual((told.value, runs[told.token]), (told.token, 1), told)

    def is_listed(self, name: str) -> bool:
        return name in self.cluster.names("journal")


class ServerKilled(Failures):
    def test_a_server_that_dies_under_load_fails_no_idempotent_call_and_doubles_none(self) -> None:
        """kill -9 of one of three under eight callers: four may run twice and never fail; four
        never run twice.

        Nobody waits for the dead one longer than a first attempt may take; it is out of lookup
        within 2.5 s.
        """
        with Load(self.stub.echo, 4, "echo") as echo, Load(self.stub.linger, 4, "linger") as linger:
            self.cluster.kill(self.servers["two"])
            self.cluster.wait_until(lambda: not self.is_listed("two"), 2.5,
                                    "the dead server is out of lookup")
            echo.wait_for_calls(100)
            linger.wait_for_calls(20)
        self.assert_no_failure(echo)
        self.assert_ran_as_told(linger)
        self.assertLessEqual(len(linger.failed), 4,
                             "one call of each caller, at most, was at the dead server")
        self.assertLess(max(echo.slowest_s, linger.slowest_s), SHARE_S)

    def test_a_call_that_may_have_run_on_a_dead_server_is_not_run_again(self) -> None:
        """Not idempotent, executed, reply never sent: the caller is told that nobody knows, and it
        ran once.
        """
        caller = self.cluster.start_client("journal", "hold", "token", "--timeout", "10")
        self.cluster.wait_until(lambda: self.journal.executions()["token"], 10, "the call runs")
        holder, = self.journal.instances()
        self.cluster.kill(self.servers[holder])
        self.assertEqual(caller.wait(5), 5)
        self.assert_one_line(caller.err, "journal.hold", "unknown")
        self.assertEqual(caller.out, "")
        self.assertEqual(self.journal.executions()["token"], 1)


@can_freeze
class ServerFrozen(Failures):
    def test_a_frozen_server_is_passed_over_and_comes_back(self) -> None:
        """SIGSTOP under load: others answer within the caller's timeout, and it leaves lookup
        within 3 s.

        Within 1 s of SIGCONT it is back, with a sequence that the registry accepts; what was sent
        to it meanwhile does not run twice.
        """
        with Load(self.stub.echo, 6, "echo") as echo, Load(self.stub.once, 2, "once") as once:
            self.cluster.freeze(self.servers["two"])
            self.cluster.wait_until(lambda: not self.is_listed("two"), 3,
                                    "the frozen server is out of lookup")
            echo.wait_for_calls(100)
            self.cluster.thaw(self.servers["two"])
            self.cluster.wait_until(lambda: "two" in self.cluster.names("journal", "up"), 1,
                                    "the server is back")
            self.cluster.wait_until(lambda: len(once.told) > 20, 5, "calls go on")
        self.assert_no_failure(echo)
        self.assertLess(echo.slowest_s, SHARE_S)
        self.assert_ran_as_told(once)
        before = self.journal.instances()["two"]
        self.cluster.wait_until(lambda: self.stub.whoami() == "two", 5, "it is given calls again")
        self.assertGreaterEqual(self.journal.instances()["two"], before)


class RegistryLost(Failures):
    def test_calls_go_on_while_the_registry_is_replaced_and_when_it_is_gone_for_good(self) -> None:
        """Killed and started again, empty, on the same port: no call fails, and its table is whole
        within 1 s.

        Killed for good: calls go on. Even a server may die then: the last view and rule R suffice.
        """
        with Load(self.stub.echo, 4, "echo") as echo, Load(self.stub.once, 4, "once") as once:
            self.cluster.kill(self.registry)
            once.wait_for_calls(50)
            replaced = self.cluster.start_registry(port=self.registry.address[1])
            self.cluster.wait_until(lambda: sorted(self.cluster.names("journal", "up"))
                                    == sorted(NAMES)
                                    and self.cluster.names("proxy") == ["proxy"], 1,
                                    "the table is whole")
            self.cluster.wait_until(lambda: not self.cluster.lookup("*")["warming"], 4,
                                    "the registry is warm")
            once.wait_for_calls(50)
            self.assertEqual(sorted(self.cluster.names("journal", "up")), sorted(NAMES))
            self.cluster.kill(replaced)
            once.wait_for_calls(50)
            self.assert_no_failure(once)
            self.cluster.kill(self.servers["one"])
            echo.wait_for_calls(50)
        self.assert_no_failure(echo)
        self.assert_ran_as_told(once)

    def test_a_proxy_that_starts_while_the_registry_warms_up_denies_no_service(self) -> None:
        """The registry knows nobody yet, and neither does the new proxy: the stub's calls are
        answered elsewhere.
        """
        with Load(self.stub.echo, 4, "echo") as echo:
            self.cluster.kill(self.registry)
            self.cluster.start_registry(port=self.registry.address[1])
            self.cluster.start_proxy("second")
            echo.wait_for_calls(200)
        self.assert_no_failure(echo)


class ProxyKilled(Failures):
    def test_the_stub_goes_to_another_proxy_and_then_to_the_servers(self) -> None:
        """Both proxies die, one after the other, under load: no idempotent call fails, none runs
        twice unasked.

        One has threads, the other one events.
        """
        second = self.cluster.start_proxy("second", "--engine", "events")
        # By whom; a proxy that has died is tried now and then, until its lease ends.
        answered: list[str] = []

        def note(trace: Trace) -> None:
            if trace.what.startswith("answered"):
                answered.append(trace.endpoint.instance)

        stub = self.cluster.client("journal", on_attempt=note)
        self.cluster.wait_until(lambda: stub.whoami() and "second" in answered, 5,
                                "the stub uses both proxies")
        with Load(stub.echo, 4, "echo") as echo, Load(stub.once, 4, "once") as once:
            self.cluster.kill(self.proxy)
            echo.wait_for_calls(50)
            self.assertEqual(set(answered[-20:]) & set(NAMES), set(), "one proxy suffices")
            self.cluster.kill(second)
            echo.wait_for_calls(50)
            once.wait_for_calls(50)
        self.assertEqual(set(answered[-20:]) & {"proxy", "second"}, set(),
                         "the servers are called directly")
        self.assert_no_failure(echo)
        self.assertLess(echo.slowest_s, SHARE_S)
        self.assert_ran_as_told(once)

    def test_all_calls_that_a_dying_proxy_held_are_made_again(self) -> None:
        """Sixteen callers of one stub are inside the only proxy when it dies: each gets its answer
        from a server.

        A retry budget is against storms; one retry for each call in flight, once, is none.
        """
        with Load(self.stub.dwell, 16, "dwell") as dwell:
            self.cluster.kill(self.proxy)
            dwell.wait_for_calls(32)
        self.assert_no_failure(dwell)


class SharedClient(SystemTest):
    """Sixteen threads, one stub, and its connections to three servers: no proxy, whose business it
    is not.
    """

    def setUp(self) -> None:
        super().setUp()
        self.cluster.start_registry()
        self.journal = Journal(self.cluster)
        self.cluster.start_servers(self.journal.file, *NAMES)
        self.stub = self.cluster.client("journal")

    def test_sixteen_threads_share_one_client_for_10000_calls(self) -> None:
        """No error, and everybody gets the reply to his own call."""
        calls = 10_000
        wrong: list[tuple[str, object]] = []

        def run(caller: int) -> None:
            for number in range(calls // 16):
                token = f"{caller}-{number}"
                try:
                    value = self.stub.echo(token)
                except Exception as error:
                    # Each is a failure of the test.
                    value = error
                if value != token:
                    wrong.append((token, value))

        threads = [threading.Thread(target=run, args=(caller,)) for caller in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong[:3], [])
        self.assertEqual(len(self.journal.executions()), calls)


class ReplyLost(SystemTest):
    """A server that is reached through a relay, which hangs up when a call has run but before its
    reply arrives.
    """

    def setUp(self) -> None:
        super().setUp()
        self.cluster.start_registry()
        self.journal = Journal(self.cluster)
        self.numbers = itertools.count(1)
        self.relay = TcpRelay()
        self.addCleanup(self.relay.close)
        host, port = self.relay.address
        self.server = self.cluster.start_server(self.journal.file, "bank", "--advertise",
                                                f"{host}:{port}")
        self.relay.target = self.server.address
        self.cluster.wait_until(lambda: self.cluster.names("journal") == ["bank"], 3,
                                "the server is in lookup")

    def runs_when_replies_are_lost(self, stub: Client, method: str) -> list[int]:
        """Calls twice, losing one reply and then two; each is answered all the same.

        How often each has run.
        """
        tokens = [f"{method}-{next(self.numbers)}" for _ in range(2)]
        for lost, token in enumerate(tokens, 1):
            cuts = self.relay.cuts
            self.relay.arm(REPLY_LOST, lost)
            self.assertEqual(stub.call(method, token), token)
            self.assertEqual(self.relay.cuts - cuts, lost, "the replies were lost")
        return [self.journal.executions()[token] for token in tokens]

    def test_it_is_asked_for_again_and_the_call_runs_once(self) -> None:
        """Through the proxy and without it, one reply lost or two: a call that is not idempotent
        runs once.
        """
        self.assertEqual(self.runs_when_replies_are_lost(self.cluster.client("journal"), "once"),
                         [1, 1])
        self.cluster.start_proxy()
        traces: list[str] = []
        stub = self.cluster.client("journal",
                                   on_attempt=lambda trace: traces.append(trace.endpoint.instance))
        self.assertEqual(self.runs_when_replies_are_lost(stub, "once"), [1, 1])
        self.assertEqual(set(traces), {"proxy"})

    def test_an_idempotent_call_is_answered_too_and_may_run_again(self) -> None:
        """Nobody remembers it: with its reply lost once it runs twice, lost twice three times."""
        self.cluster.start_proxy()
        self.assertEqual(self.runs_when_replies_are_lost(self.cluster.client("journal"), "echo"),
                         [2, 3])

    def test_the_standard_librarys_client_runs_it_twice(self) -> None:
        """It sends again after a dropped connection, with nothing that tells the server so: this
        relay can show it.
        """
        host, port = self.relay.address
        self.relay.arm(REPLY_LOST)
        with xmlrpc.client.ServerProxy(f"http://{host}:{port}/journal") as stub:
            self.assertEqual(stub.once("token"), "token")
        self.assertEqual(self.journal.executions(), {"token": 2})


class WorkingServer(SystemTest):
    def test_a_service_that_computes_keeps_its_lease(self) -> None:
        """Five seconds of pure Python in one call: beats go on beside it, never late enough for a
        suspicion.
        """
        self.cluster.start_registry()
        self.cluster.start_servers(Journal(self.cluster).file, "busy")
        stub = self.cluster.client("journal", timeout_s=20.0)
        told: list[object] = []
        call = threading.Thread(target=lambda: told.append(stub.compute("token", COMPUTE_S)),
                                daemon=True)
        call.start()
        # The servers that were up, at each look.
        seen: set[tuple[str, ...]] = set()
        while call.is_alive():
            seen.add(tuple(self.cluster.names("journal", "up")))
            call.join(0.05)
        self.assertEqual(told, ["busy"])
        self.assertEqual(seen, {("busy",)})
        self.assertNotIn("suspect", self.cluster.log)


if __name__ == "__main__":
    unittest.main()
