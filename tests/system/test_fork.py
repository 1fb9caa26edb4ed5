"""A forked child uses no socket, thread or lock of its parent: a used stub goes on in both.

What a server, a proxy and a registry do in a child: test_fork_roles.py.
"""

from __future__ import annotations

import gc
import itertools
import os
import sys
import threading
import unittest

from client import Client, OutcomeUnknown
from server import Server
from tests.system.children import Child, ForkTest, fork, needs_fork
from tests.system.harness import ROOT, wait_until
from tests.system.journal import Journal
from tests.system.load import Load

# Forks while other threads call. Each round finds the locks in another state.
ROUNDS = 20

POOL = '''
    import itertools
    import multiprocessing
    import sys
    import threading
    import warnings

    from client import Client

    # Python 3.12 warns that other threads may hold locks. They do: the test is about that.
    warnings.simplefilter("ignore", DeprecationWarning)
    client = Client("journal", registries=[("127.0.0.1", int(sys.argv[1]))])


    def call(token):
        """Every second call is one that may run only once."""
        return token, client.call("echo" if token.endswith(("0", "2", "4", "6", "8")) else "once",
                                  token)


    def go_on(name):
        for number in itertools.count():
            if stop.is_set():
                return
            results.append(call(f"{name}-{number}"))


    call("first")
    results = []
    stop = threading.Event()
    threads = [threading.Thread(target=go_on, args=(f"parent-{n}",)) for n in range(2)]
    for thread in threads:
        thread.start()
    with multiprocessing.get_context("fork").Pool(4) as pool:
        done = pool.map(call, [f"child-{n}" for n in range(300)], chunksize=75)
    stop.set()
    for thread in threads:
        thread.join()
    wrong = [pair for pair in done + results if pair[0] != pair[1]]
    print(len(done), bool(results), wrong[:5])
'''


@needs_fork
class ForkedStub(ForkTest):
    """A stub that was used before its process forks."""

    journal: Journal
    _tokens = itertools.count(1)

    @classmethod
    def setUpClass(cls) -> None:
        cluster = cls.share_cluster()
        cluster.start_registry()
        cls.journal = Journal(cluster)
        cluster.start_servers(cls.journal.file, "one")
        cluster.start_proxy()

    def setUp(self) -> None:
        self.stub = self.cluster.client("journal")
        self.call(self.stub)

    def call(self, stub: Client, method: str = "once") -> str:
        """One call with a token of its own, whichever process makes it; it must come back."""
        token = f"{self.id()}-{os.getpid()}-{next(self._tokens)}"
        value: str = stub.call(method, token)
        self.assertEqual(value, token)
        return value

    def calls(self, stub: Client, count: int) -> list[str]:
        return [self.call(stub, method) for method in ("once", "echo") * (count // 2)]

    def assert_ran_once(self, tokens: list[str]) -> None:
        executions = self.journal.executions()
        self.assertEqual({token: executions[token] for token in tokens}, dict.fromkeys(tokens, 1))

    def test_a_pool_of_processes_gets_its_own_replies(self) -> None:
        """Four children make 75 calls each, while two threads of their parent go on calling."""
        program = self.cluster.start(self.cluster.file("pool.py", POOL),
                                     str(self.cluster.registries[0][1]),
                                     environment={"PYTHONPATH": ROOT})
        self.assertEqual(program.wait(10), 0, program.err)
        self.assertEqual(program.out.strip(), "300 True []")
        self.assertEqual(program.err, "")
        self.assert_ran_once([f"child-{number}" for number in range(300)])

    def test_children_at_the_same_time_get_their_own_replies(self) -> None:
        children = [self.child(lambda: self.calls(self.stub, 30)) for _ in range(4)]
        tokens = self.calls(self.stub, 30)
        tokens += [token for child in children for token in child.step()]
        self.assertEqual(len(set(tokens)), 150)
        self.assert_ran_once(tokens)

    def test_a_child_of_a_child_calls_too(self) -> None:
        def grandchild() -> list[str]:
            first = self.calls(self.stub, 2)
            tokens: list[str] = Child(lambda: self.calls(self.stub, 4)).step()
            return first + tokens + self.calls(self.stub, 2)

        tokens = self.in_child(grandchild) + self.calls(self.stub, 2)
        self.assertEqual(len(set(tokens)), 10)
        self.assert_ran_once(tokens)

    def test_a_fork_in_the_middle_of_calls_takes_no_lock_along(self) -> None:
        """The threads of the parent hold locks, and have sent half a request, when it forks."""
        interval = sys.getswitchinterval()
        self.addCleanup(sys.setswitchinterval, interval)
        sys.setswitchinterval(1e-5)
        tokens: list[str] = []

        def one_round() -> None:
            tokens.extend(self.in_child(lambda: self.calls(self.stub, 2)))

        with Load(self.stub.once, 4, self.id()) as load:
            for number in range(ROUNDS):
                if number % 2:
                    one_round()
                    continue
                # The thread that forks need not be the main one.
                thread = threading.Thread(target=one_round)
                thread.start()
                thread.join()
        self.assertEqual(len(tokens), 2 * ROUNDS)
        self.assert_ran_once(tokens)
        self.assertEqual(load.failed + load.mixed_up, [])
        self.assert_ran_once([result.token for result in load.results])

    def test_a_fork_inside_on_attempt(self) -> None:
        """It runs on the thread of the caller, in the middle of a call."""
        tokens: list[str] = []

        def fork_once(_: object) -> None:
            if not tokens:
                tokens.append("forking")
                tokens.extend(self.in_child(lambda: self.calls(stub, 2)))

        stub = self.cluster.client("journal", on_attempt=fork_once)
        tokens.append(self.call(stub))
        self.assertEqual(len(tokens), 4)
        self.assert_ran_once(tokens[1:])

    def test_a_child_that_is_forked_inside_on_attempt_ends_the_call_too(self) -> None:
        """The call was answered before the fork: its value is returned in both processes."""
        pids: list[int] = []
        stub = self.cluster.client(
            "journal", on_attempt=lambda _: pids.append(fork()) if not pids else None)
        value = None
        try:
            value = stub.once(self.id())
        finally:
            # Nothing of the test may go on in the child.
            if pids == [0]:
                os._exit(0 if value == self.id() and stub.echo("more") == "more" else 1)
        self.assertEqual(os.waitpid(pids[0], 0), (pids[0], 0))
        self.assertEqual(value, self.id())
        self.assert_ran_once([self.id(), self.call(stub)])

    def test_a_child_follows_the_registry_for_itself(self) -> None:
        """It sees a server that comes after the fork, and one that leaves."""
        def knows(name: str) -> bool:
            return name in [endpoint.instance for endpoint in self.stub.endpoints]

        child = self.child(
            lambda: (self.call(self.stub), knows("late")),
            lambda: wait_until(lambda: knows("late"), 2, "the child sees the new server"),
            lambda: wait_until(lambda: not knows("late"), 2, "the child sees that it has left"))
        self.assertFalse(child.step()[1])
        with Server("journal", registries=self.cluster.registries, name="late") as late:
            child.step()
            late.drain(0.2)
            child.step()

    def test_a_stub_that_knows_nothing_yet_is_of_use_in_a_child(self) -> None:
        """The process forks before a registry has answered the stub for the first time."""
        for number in range(3):
            with self.subTest(number):
                stub = self.cluster.client("journal")
                self.assert_ran_once([self.in_child(lambda s=stub: self.call(s)),  # type: ignore[misc]
                                      self.call(stub)])

    def test_a_child_that_closes_the_stub_does_not_disturb_its_parent(self) -> None:
        """The parent's calls go on, and it goes on to follow the registry."""
        with Load(self.stub.once, 2, self.id()) as load:
            for _ in range(3):
                self.in_child(self.stub.close)
            load.wait_for_calls(4)
        self.assertEqual(load.failed + load.mixed_up, [])
        with Server("journal", registries=self.cluster.registries, name="newcomer"):
            wait_until(lambda: "newcomer" in [e.instance for e in self.stub.endpoints], 1,
                       "the parent follows the registry")

    def test_a_parent_that_closes_the_stub_does_not_disturb_its_child(self) -> None:
        """Neither a child that has called already, nor one that calls later."""
        used = self.child(lambda: self.calls(self.stub, 2), lambda: self.calls(self.stub, 4))
        unused = self.child(lambda: None, lambda: self.calls(self.stub, 4))
        tokens = used.step()
        unused.step()
        self.stub.close()
        tokens += used.step() + unused.step()
        self.assertEqual(len(set(tokens)), 10)
        self.assert_ran_once(tokens)

    def test_a_stub_that_a_child_throws_away_does_not_disturb_its_parent(self) -> None:
        """Also not when the child ends as a program does, and its garbage is collected."""
        def throw_away() -> int:
            self.call(self.stub)
            self.cluster._clients.clear()
            del self.stub
            return gc.collect()

        self.in_child(throw_away)
        with Load(self.stub.once, 2, self.id()) as load:
            load.wait_for_calls(4)
        self.assertEqual(load.failed + load.mixed_up, [])

    def test_an_unknown_outcome_is_resolved_in_a_child_or_it_says_that_it_cannot(self) -> None:
        """And the parent may still ask, too. The call has run once."""
        with self.assertRaises(OutcomeUnknown) as caught:
            self.stub.call("slow", self.id(), 0.4, timeout_s=0.1)
        error = caught.exception

        def resolve() -> str:
            try:
                return str(error.resolve(2.0))
            except OutcomeUnknown:
                return "unknown"

        self.assertIn(self.in_child(resolve), (self.id(), "unknown"))
        self.assertEqual(error.resolve(2.0), self.id())
        self.assert_ran_once([self.id(), self.call(self.stub), self.in_child(
            lambda: self.call(self.stub))])

    def test_a_child_may_make_its_own_stub_and_server(self) -> None:
        def own() -> str:
            with Server("own", {"hello": lambda: "World"}, name="own-1",
                        registries=self.cluster.registries), \
                    Client("own", registries=self.cluster.registries) as own:
                return f"{own.hello()} {self.stub.echo('and')} {own.hello()}"

        self.assertEqual(self.in_child(own), "World and World")
        self.call(self.stub)


if __name__ == "__main__":
    unittest.main()
