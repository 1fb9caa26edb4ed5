"""A server, a proxy and a registry are made as a library, and their process forks.

The child does not answer for its parent, keeps none of its ports, and cannot disturb it. And a
function of a service may fork, too. The stub in a child: test_fork.py.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import http.client
import itertools
import os
import signal
import socket
import sys
import unittest
import xmlrpc.client
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Union

from client import Client
from ponte.net.address import Address, show
from proxy import Proxy
from registry import Registry
from server import Server
from tests.system.children import ForkTest, needs_fork
from tests.system.harness import ROOT, Process, free_port, wait_until
from tests.system.load import Load

# Seconds. What must be so at once is so within this time on a busy machine.
AT_ONCE_S = 1.0

Role = Union[Server, Proxy, Registry]


class Caller:
    """One kept connection, over which a role is asked again and again."""

    def __init__(self, address: Address) -> None:
        self._connection = http.client.HTTPConnection(*address, timeout=AT_ONCE_S)
        self._connection.connect()
        self.ask()

    def ask(self) -> None:
        self._connection.request("GET", "/health")
        reply = self._connection.getresponse()
        if (reply.status, reply.read().strip()) != (200, b"ok"):
            raise AssertionError(f"HTTP {reply.status}")

    def is_cut(self) -> bool:
        """Whether the other side has ended the connection, as it does when no process has it."""
        try:
            return self._connection.sock.recv(1) == b""
        except socket.timeout:
            return False
        except OSError:
            return True

    def close(self) -> None:
        self._connection.close()


def refuses(address: Address) -> bool:
    """Whether nobody listens there."""
    try:
        socket.create_connection(address, AT_ONCE_S).close()
    except ConnectionRefusedError:
        return True
    return False


def end(pid: int) -> None:
    """Kills a child that this process did not fork itself."""
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class LibraryTest(ForkTest):
    """A registry of its own process, and each role made in this process."""

    engines = ("threads", "events")
    _numbers = itertools.count(1)

    @classmethod
    def setUpClass(cls) -> None:
        cls.share_cluster().start_registry()

    def each_role(self, *, beating: bool = False) -> Iterator[tuple[str, Callable[[int], Role]]]:
        """A name for each role with each engine, and what makes it at a port.

        `beating`: only those that send beats.
        """
        registries = self.cluster.registries
        for engine in self.engines:
            end = f"{engine}-{next(self._numbers)}"
            yield f"server-{end}", functools.partial(
                self.server, f"server-{end}", registries, engine)
            yield f"proxy-{end}", functools.partial(
                self.proxy, f"proxy-{end}", registries, engine)
            if not beating:
                yield f"registry-{end}", functools.partial(self.registry, engine)

    @staticmethod
    def server(name: str, registries: list[Address], engine: str, port: int = 0) -> Server:
        return Server("forked", {"echo": lambda text: text}, name=name, engine=engine, port=port,
                      registries=registries)

    @staticmethod
    def proxy(name: str, registries: list[Address], engine: str, port: int = 0) -> Proxy:
        return Proxy(port=port, engine=engine, name=name, registries=registries)

    @staticmethod
    def registry(engine: str, port: int = 0) -> Registry:
        return Registry(port=port, engine=engine)

    def started(self, make: Callable[[int], Role], port: int = 0) -> Role:
        role = make(port)
        self.addCleanup(role.close)
        role.start()
        return role

    def caller(self, address: Address) -> Caller:
        caller = Caller(address)
        self.addCleanup(caller.close)
        return caller

    def state(self, name: str) -> str:
        """The state of an instance in lookup, empty if it is not there."""
        found = self.cluster.lookup("*")
        self.assertNotIn(name, [tomb["instance"] for tomb in found["left"]], "it has said goodbye")
        return "".join(e["state"] for e in found["endpoints"] if e["instance"] == name)


@needs_fork
class ForkedRoles(LibraryTest):
    def test_a_child_keeps_no_port_and_no_connection(self) -> None:
        """The parent closes its role: nobody answers any more, although the child lives."""
        for name, make in self.each_role():
            with self.subTest(name):
                role = self.started(make)
                caller = self.caller(role.address)
                child = self.child(lambda: None)
                child.step()
                caller.ask()
                role.close()
                self.assertTrue(refuses(role.address))
                self.assertTrue(caller.is_cut())
                # The port can be used again, by UDP too.
                again = self.started(make, role.address[1])
                self.caller(again.address)
                self.assertTrue(child.is_alive())
                again.close()

    def test_a_child_does_not_beat_for_its_parent(self) -> None:
        """The parent's server closes: it is suspected as soon as half a lease is over."""
        server = self.started(functools.partial(
            self.server, "silent", self.cluster.registries, "events"))
        child = self.child(lambda: None)
        child.step()
        self.assertEqual(self.state("silent"), "up")
        server.close()
        wait_until(lambda: self.state("silent") != "up", 1.4, "the registry suspects the server")
        self.assertTrue(child.is_alive())

    def test_a_child_that_closes_it_does_not_disturb_its_parent(self) -> None:
        """No connection is cut, new ones are taken, and it stays in the list: no goodbye."""
        for name, make in self.each_role():
            with self.subTest(name):
                role = self.started(make)
                caller = self.caller(role.address)
                self.in_child(role.close)
                self.goes_on(name, role, caller)
                role.close()

    def test_a_child_that_drains_it_does_not_disturb_its_parent(self) -> None:
        for name, make in self.each_role(beating=True):
            with self.subTest(name):
                role = self.started(make)
                assert not isinstance(role, Registry)
                caller = self.caller(role.address)
                self.in_child(functools.partial(role.drain, 0.1))
                self.goes_on(name, role, caller)
                role.close()

    def test_a_child_that_throws_it_away_does_not_disturb_its_parent(self) -> None:
        """The collection of its garbage sends nothing, and changes nothing in the parent."""
        for name, make in self.each_role():
            with self.subTest(name):
                kept = [self.started(make)]
                caller = self.caller(kept[0].address)

                def throw_away(kept: list[Role] = kept) -> int:
                    # The test has references, too. Its own connections are closed with it.
                    self.doCleanups()
                    kept.clear()
                    return gc.collect()

                self.in_child(throw_away)
                self.goes_on(name, kept[0], caller)
                kept[0].close()

    def goes_on(self, name: str, role: Role, caller: Caller) -> None:
        """It answers its caller and new ones, and is alive in the eyes of the registry."""
        for _ in range(3):
            caller.ask()
            self.caller(role.address).ask()
        if isinstance(role, Server):
            # One more beat: it comes after whatever the child has sent.
            role.register_function(lambda: 1, "one_more")
        if not isinstance(role, Registry):
            self.assertEqual(self.state(name), "up")
            self.assertFalse(role.superseded.is_set())

    def test_calls_go_on_while_the_process_forks_again_and_again(self) -> None:
        """Children come, close everything, and end; callers notice nothing."""
        for engine in self.engines:
            with self.subTest(engine), \
                    Registry(port=0) as registry, \
                    self.server("busy", [registry.address], engine) as server, \
                    Proxy(port=0, engine=engine, registries=[registry.address]) as proxy, \
                    Client("forked", registries=[registry.address]) as stub, \
                    Load(stub.echo, 2) as load:
                def close_all(roles: tuple[Any, ...] = (stub, proxy, server, registry)) -> None:
                    for role in roles:
                        role.close()

                for number in range(8):
                    self.in_child(close_all if number % 2 else lambda: None)
                load.wait_for_calls(4)
                self.assertEqual(load.failed + load.mixed_up, [])

    def test_a_child_has_its_own_server_proxy_and_registry(self) -> None:
        """What it makes works, beside all that it has of its parent."""
        def own() -> str:
            with Registry(port=0) as registry, \
                    self.server("own", [registry.address], "events"), \
                    Proxy(port=0, registries=[registry.address]), \
                    Client("forked", registries=[registry.address]) as stub:
                return str(stub.echo("own"))

        with self.server("of-the-parent", self.cluster.registries, "events") as server, \
                Client("forked", registries=self.cluster.registries) as stub:
            self.assertEqual(stub.echo("first"), "first")
            caller = self.caller(server.address)
            self.assertEqual(self.in_child(own), "own")
            caller.ask()
            self.assertEqual(stub.echo("last"), "last")

    def test_a_role_that_the_child_did_not_make_cannot_be_started_there(self) -> None:
        """It has no port in the child: the error says so. The parent may still start it."""
        for name, make in self.each_role():
            with self.subTest(name):
                role = make(0)
                self.addCleanup(role.close)

                def start(role: Role = role) -> str:
                    with self.assertRaises(RuntimeError) as caught:
                        role.start()
                    return str(caught.exception)

                self.assertIn("parent of this process", self.in_child(start))
                role.start()
                self.goes_on(name, role, self.caller(role.address))
                role.close()


@needs_fork
class KilledParent(ForkTest):
    PROGRAM = '''
        import os, signal, sys, time, warnings
        from client import Client
        from proxy import Proxy
        from registry import Registry
        from server import Server

        warnings.simplefilter("ignore", DeprecationWarning)
        registry = Registry(port=0)
        registry.start()
        registries = [registry.address]
        server = Server("forked", {"echo": lambda text: text}, registries=registries)
        proxy = Proxy(port=0, registries=registries)
        server.start()
        proxy.start()
        client = Client("forked", registries=registries)
        client.echo("first")
        pid = os.fork()
        if not pid:
            KIND
        print(pid, *(role.address[1] for role in (registry, server, proxy)), flush=True)
        END
    '''

    def run_program(self, child: str, parent: str) -> Process:
        text = self.PROGRAM.replace("KIND", child).replace("END", parent)
        return self.cluster.start("-W", "error::ResourceWarning", self.cluster.file("p.py", text),
                                  environment={"PYTHONPATH": ROOT})

    def test_the_parent_is_killed_and_the_child_lives(self) -> None:
        """Registry, server and proxy: connections to their ports are refused at once."""
        # The child keeps no stream of the parent, so that the test can read to their ends.
        program = self.run_program("os.close(1); os.close(2); time.sleep(20); os._exit(0)",
                                   "time.sleep(20)")
        found = program.wait_for_line(r"(\d+) (\d+) (\d+) (\d+)\n", 10)
        pid, *ports = map(int, found.groups())
        self.addCleanup(end, pid)
        program.close()
        self.assertEqual([refuses(("127.0.0.1", port)) for port in ports], [True] * 3)
        os.kill(pid, 0)

    def test_a_child_that_ends_as_a_program_does(self) -> None:
        """It runs to the end of the program, without os._exit: nothing hangs, and nothing warns.

        Neither in the child, nor in its parent, which calls once more and ends without a close.
        """
        program = self.run_program(
            "sys.exit(7)",
            'assert os.waitpid(pid, 0)[1] == 7 * 256; print(client.echo("last"), flush=True)')
        self.assertEqual(program.wait(10), 0, program.err)
        self.assertEqual(program.out.splitlines()[1:], ["last"])
        self.assertEqual(program.err, "")


@needs_fork
class ForkingFunctions(ForkTest):
    """The functions of a service fork, on both engines."""

    FILE = '''
        import logging
        import multiprocessing
        import os
        import subprocess
        import sys
        import threading
        import time
        import warnings

        warnings.simplefilter("ignore", DeprecationWarning)
        context = multiprocessing.get_context("fork")


        def echo(text):
            return text


        def exit_at_once(code):
            pid = os.fork()
            if not pid:
                os._exit(code)
            return os.waitpid(pid, 0)[1] >> 8


        def in_process(text):
            queue = context.SimpleQueue()
            process = context.Process(target=queue.put, args=(text,))
            process.start()
            value = queue.get()
            process.join()
            return [value, process.exitcode]


        def in_pool(texts):
            with context.Pool(2) as pool:
                return pool.map(echo, texts)


        def terminated():
            """How a child ends that is told to, as a Pool tells its processes at its end."""
            process = context.Process(target=time.sleep, args=(10,))
            process.start()
            process.terminate()
            process.join(2)
            code = process.exitcode
            process.kill()
            return str(code)


        def in_command(text):
            return subprocess.run([sys.executable, "-S", "-c", "print(input())"], input=text,
                                  capture_output=True, text=True).stdout.strip()


        def stay():
            """A child that lives longer than this server. Returns its number."""
            pid = os.fork()
            if not pid:
                os.close(1)
                os.close(2)
                time.sleep(20)
                os._exit(0)
            return pid


        def log_in_child(text):
            pid = os.fork()
            if not pid:
                logging.getLogger("ponte.forking").warning(text)
                time.sleep(1.0)
                os._exit(0)
            return pid


        def leave_in_child(how):
            """Its child comes back from here, as many that fork do. Returns its exit code."""
            pid = os.fork()
            if not pid and how == "exit":
                sys.exit(3)
            if not pid and how == "raise":
                raise ValueError("only in the child")
            return pid and os.waitpid(pid, 0)[1] >> 8


        def return_in_both():
            """Whoever writes this has forgotten that the child returns, too."""
            return os.fork()


        def has_ended(pid):
            """Whether a child has ended."""
            return os.waitpid(pid, os.WNOHANG) != (0, 0)
    '''
    file: ClassVar[str]
    servers: ClassVar[dict[str, Process]] = {}
    stubs: ClassVar[dict[str, Client]] = {}

    @classmethod
    def setUpClass(cls) -> None:
        """A server of each engine, each with a registry of its own."""
        cluster = cls.share_cluster()
        file = cls.file = cluster.file("forking.py", cls.FILE)

        def start(engine: str) -> Process:
            registry = cluster.start_role("registry.py", "--port", "0")
            cls.stubs[engine] = Client("forking", registries=[registry.address])
            cls.addClassCleanup(cls.stubs[engine].close)
            return cluster.start_role("server.py", file, "--engine", engine, "--name", engine,
                                      "--registry", show(registry.address))

        starts = [functools.partial(start, engine) for engine in ("threads", "events")]
        cls.servers = dict(zip(("threads", "events"), cluster.at_once(starts)))

    def test_a_child_that_exits_at_once(self) -> None:
        """os.fork and os._exit, while other callers go on."""
        for engine, stub in self.stubs.items():
            with self.subTest(engine):
                with Load(stub.echo, 2) as load:
                    self.assertEqual([stub.exit_at_once(7) for _ in range(5)], [7] * 5)
                self.assertEqual(load.failed + load.mixed_up, [])

    def test_multiprocessing_and_subprocess(self) -> None:
        for engine, stub in self.stubs.items():
            with self.subTest(engine):
                self.assertEqual(stub.in_process("a"), ["a", 0])
                self.assertEqual(stub.in_pool(["a", "b", "c"]), ["a", "b", "c"])
                self.assertEqual(stub.in_command("c"), "c")
                self.assertEqual(stub.echo("after"), "after")

    def test_sigterm_ends_a_child(self) -> None:
        """The server takes SIGTERM as the order to drain; its child must not wait for a drain."""
        for engine, stub in self.stubs.items():
            with self.subTest(engine):
                self.assertEqual(stub.terminated(), "-15")

    def test_a_line_that_a_child_logs_is_written(self) -> None:
        for engine, stub in self.stubs.items():
            with self.subTest(engine):
                stub.log_in_child("the child was here")
                self.servers[engine].wait_for_line("the child was here", AT_ONCE_S)

    def test_a_child_that_returns_from_the_function_replies_to_nobody(self) -> None:
        """Its parent replies, once; and the child ends, since nothing is left for it to do."""
        for engine, stub in self.stubs.items():
            with self.subTest(engine):
                pid = stub.return_in_both()
                self.assertGreater(pid, 0)
                self.addCleanup(end, pid)
                texts = [str(number) for number in range(20)]
                self.assertEqual([stub.echo(text) for text in texts], texts)
                wait_until(functools.partial(stub.has_ended, pid), AT_ONCE_S, "the child has ended")

    def test_a_child_that_comes_back_from_the_function_ends_as_a_program_would(self) -> None:
        """Else it would wait for ever, and the function that waits for it, too."""
        for engine, stub in self.stubs.items():
            for how, code in (("exit", 3), ("raise", 1), ("return", 0)):
                with self.subTest(engine, how=how):
                    self.assertEqual(stub.leave_in_child(how), code)

    def test_a_child_that_outlives_its_server_keeps_no_port(self) -> None:
        """The server is killed: connections are refused, and its callers see the end."""
        nowhere = f"127.0.0.1:{free_port()}"
        for engine in ("threads", "events"):
            with self.subTest(engine):
                server = self.cluster.start_role(
                    "server.py", self.file, "--engine", engine, "--registry", nowhere)
                with xmlrpc.client.ServerProxy(f"http://{show(server.address)}") as stub:
                    pid = int(str(stub.stay()))
                self.addCleanup(end, pid)
                caller = Caller(server.address)
                self.addCleanup(caller.close)
                server.close()
                self.assertTrue(refuses(server.address))
                self.assertTrue(caller.is_cut())


if __name__ == "__main__":
    unittest.main()
