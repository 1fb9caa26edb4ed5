"""System tests: the processes as a user meets them - banners, mistakes, exit codes, Ctrl-C, keys, names."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
import unittest
import xmlrpc.client
from typing import Callable

from ponte.net.address import Address
from tests.system.cluster import SystemTest
from tests.system.harness import ROOT, START_S, Process, free_port, wait_until, with_ctrl_c
from tests.system.journal import Journal

GREETER, BANK = "services/greeter.py", "services/bank.py"
EXIT_USAGE, EXIT_FAULT, EXIT_NOT_SENT, EXIT_UNKNOWN = 2, 3, 4, 5
CTRL_C_S = 2.0
# Processes that start; more would take the processors from other tests.
AT_ONCE = 3
# The port "discard", where nothing listens.
NOBODY = "127.0.0.1:9"
on_posix = unittest.skipUnless(os.name == "posix", "needs POSIX signals")


class Mistakes(SystemTest):
    """What a user gets wrong ends the process with one clear line, exit code 2, and no traceback.
    """

    def setUp(self) -> None:
        super().setUp()
        self.expected: list[Callable[[], None]] = []

    def tearDown(self) -> None:
        for check in self.expected:
            check()

    def expect_usage_error(self, *arguments: str, names: str) -> None:
        """Starts a process, to be judged at the end of the test: so a few of them start at the same
        time.
        """
        if len(self.expected) == AT_ONCE:
            self.expected.pop(0)()
        process = self.cluster.start(*arguments)

        def check() -> None:
            with self.subTest(" ".join(arguments)):
                self.assertEqual(process.wait(START_S), EXIT_USAGE, process.log)
                last = process.err.strip().splitlines()[-1]
                self.assertRegex(last, names)
                self.assertNotIn("Traceback", process.err)
                # Argparse shows first how it would be right.
                if not process.err.startswith("usage:"):
                    self.assert_one_line(process.err)

        self.expected.append(check)

    def taken_port(self, kind: socket.SocketKind) -> str:
        sock = socket.socket(type=kind)
        self.addCleanup(sock.close)
        sock.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            sock.listen()
        return str(sock.getsockname()[1])

    def test_a_port_that_is_taken_is_named_together_with_the_flag(self) -> None:
        """For every role, and for the registry also where only its UDP port is taken."""
        tcp, udp = self.taken_port(socket.SOCK_STREAM), self.taken_port(socket.SOCK_DGRAM)
        self.expect_usage_error("registry.py", "--port", tcp, names=rf"\b{tcp}\b.*--port")
        self.expect_usage_error("registry.py", "--port", udp, names=rf"\b{udp}\b.*--port")
        self.expect_usage_error("proxy.py", "--port", tcp, names=rf"\b{tcp}\b.*--port")
        self.expect_usage_error("server.py", GREETER, "--port", tcp, names=rf"\b{tcp}\b.*--port")

    def test_a_services_file_that_cannot_be_served_is_named_with_the_reason(self) -> None:
        """Missing, not Python, failing while it is imported, ending the process, empty, private, or
        too much.
        """
        files = {
            "broken.py": ("def hello(:\n", "broken.py.*SyntaxError"),
            "failing.py": ("raise ValueError('two\\nlines')\n",
                           "failing.py.*ValueError: two lines"),
            "leaving.py": ("import sys\nsys.exit(0)\n", "leaving.py.*SystemExit"),
            "missing_module.py": ("import no_such_module\n", "missing_module.py.*no_such_module"),
            "empty.py": ("", "empty.py.*no public function"),
            "private.py": ("def _hidden(): pass\n", "private.py.*no public function"),
            "only_imports.py": ("from os.path import join\n",
                                "only_imports.py.*no public function"),
            "keyword.py": ("def f(*, key): pass\n", "keyword"),
            "not-a-name.py": ("def f(): pass\n", "not-a-name.py"),
            "crowd.py": ("from server import idempotent\n" + "".join(
                f"@idempotent\ndef a_function_with_quite_a_long_name_{n}(): pass\n"
                for n in range(40)), "idempotent"),
        }
        self.expect_usage_error("server.py", "services/no_such_file.py",
                                names="services/no_such_file.py.*no such file")
        for name, (text, expected) in files.items():
            self.expect_usage_error("server.py", self.cluster.file(name, text), "--registry",
                                    NOBODY, names=expected)

    def test_options_that_cannot_be_meant_are_named(self) -> None:
        """Also by the client: exit code 2 says that nothing was called."""
        self.expect_usage_error("registry.py", "--prot", "4100", names="--prot")
        self.expect_usage_error("proxy.py", "--port", "4180x", names="--port.*4180x")
        self.expect_usage_error("proxy.py", "--balance", "luck", names="--balance.*luck")
        self.expect_usage_error("server.py", names="file")
        self.expect_usage_error("server.py", GREETER, "--name", "two words", names="two words")
        self.expect_usage_error("server.py", GREETER, "--registry", "4100",
                                names="--registry.*4100.*HOST:PORT")
        self.expect_usage_error("server.py", GREETER, "--registry", "no.such.host.invalid:1",
                                names="no.such.host")
        self.expect_usage_error("server.py", GREETER, "--registry", "127.0.0.1:9,[::1]:9",
                                names="--registry")
        self.expect_usage_error("server.py", GREETER, "--key-file", "no_such_key",
                                names="--key-file.*no_such_key")
        self.expect_usage_error("client.py", "greeter", names="method")
        self.expect_usage_error("client.py", "greeter", "hello", "--timeout", "soon",
                                names="--timeout.*soon")
        self.expect_usage_error("client.py", "greeter", "hello", "--registry", NOBODY, "--repeat",
                                "-1",
                                names="--repeat.*-1")
        self.expect_usage_error("client.py", "greeter", "add", "12345678901", "--registry", NOBODY,
                                names="XML-RPC")

    def test_nobody_listens_beyond_this_machine_without_a_key(self) -> None:
        """The line says both ways on; with either of them the process starts."""
        key = self.cluster.file("key", "the key of this test\n")
        for program in (("registry.py",), ("server.py", GREETER), ("proxy.py",)):
            beyond = (*program, "--port", "0", "--host", "0.0.0.0", "--registry", NOBODY)
            self.expect_usage_error(*beyond, names="--host 0.0.0.0.*--key-file.*--insecure")
            advertise = () if program == ("registry.py",) else ("--advertise", "127.0.0.1:9")
            for allowed in (("--key-file", key), ("--insecure",)):
                with self.subTest(program, allowed=allowed):
                    self.cluster.kill(self.cluster.start_role(*beyond, *advertise, *allowed))

    @unittest.skipUnless(os.name == "posix", "elsewhere the system does not tell")
    def test_a_key_that_others_can_read_is_refused(self) -> None:
        """The line is what to type. Also where the environment names the file."""
        key = self.cluster.file("key", "the key of this test\n")
        os.chmod(key, 0o640)
        self.expect_usage_error("registry.py", "--port", "0", "--key-file", key,
                                names=f"chmod 600 {key}")
        process = self.cluster.start("registry.py", "--port", "0",
                                     environment={"PONTE_KEY_FILE": key})
        self.assertEqual(process.wait(START_S), 2, process.log)
        self.assert_one_line(process.err, f"chmod 600 {key}")

    def test_a_key_is_made_by_command(self) -> None:
        """And is at once good for the next command, which is printed; a second time it is not
        overwritten.
        """
        path = os.path.join(self.cluster.directory, "new.key")
        made = self.cluster.start("registry.py", "--make-key", path)
        self.assertEqual(made.wait(START_S), 0, made.log)
        self.assertRegex(made.out, f"next: python3? registry.py --key-file {re.escape(path)}\n")
        self.cluster.start_role("registry.py", "--port", "0", "--key-file", path)
        self.expect_usage_error("registry.py", "--make-key", path, names="exists")

    def test_a_key_that_is_too_short_is_refused(self) -> None:
        self.expect_usage_error("registry.py", "--port", "0", "--key-file",
                                self.cluster.file("key", "short\n"),
                                names="--key-file.*16")


class ClientCommand(SystemTest):
    """The exit codes of client.py: 0 a value, 3 a fault, 4 not executed; 5 is with the servers that
    are killed.
    """

    @classmethod
    def setUpClass(cls) -> None:
        cluster = cls.share_cluster()
        cluster.start_registry()
        cluster.start_servers(GREETER, "one")
        cluster.start_servers(BANK, "bank-1")
        cluster.start_proxy()

    def test_a_value_is_printed_and_nothing_else(self) -> None:
        client = self.cluster.run_client("greeter", "hello", "Hello")
        self.assertEqual((client.wait(0), client.out, client.err), (0, "World\n", ""))

    def test_arguments_are_json_where_they_parse_and_text_elsewhere(self) -> None:
        client = self.cluster.run_client("bank", "deposit", "ana", "250")
        self.assertEqual((client.wait(0), client.out), (0, "250\n"), client.log)

    def test_a_fault_is_one_line_and_exit_code_3(self) -> None:
        """A wrong method, a wrong number of parameters, an error in the function."""
        faults = {("greeter", "helo"): "no method 'helo'", ("greeter", "hello"): "takes 1",
                  ("bank", "deposit", "ana", "-5"): "ValueError"}
        clients = {words: self.cluster.start_client(*words) for words in faults}
        for words, named in faults.items():
            with self.subTest(words):
                client = clients[words]
                self.assertEqual((client.wait(START_S), client.out), (EXIT_FAULT, ""), client.log)
                self.assert_one_line(client.err, "fault", named)

    def test_without_a_registry_it_says_so_and_that_nothing_ran(self) -> None:
        client = self.cluster.start("client.py", "--registry", NOBODY, "greeter", "hello", "Hello")
        self.assertEqual((client.wait(START_S), client.out), (EXIT_NOT_SENT, ""), client.log)
        self.assert_one_line(client.err, "not executed", "no registry answers", NOBODY)

    def test_a_value_that_the_console_cannot_show_is_no_error(self) -> None:
        """The call has been answered: exit code 2, which says that nothing was called, would be a
        lie.
        """
        client = self.cluster.run_client("greeter", "hello", "Zoë",
                                         environment={"PYTHONIOENCODING": "ascii"})
        self.assertEqual(client.wait(0), 0, client.log)
        self.assertIn("Hello, Zo", client.out)

    def test_repeat_and_trace_show_each_call_and_each_attempt(self) -> None:
        client = self.cluster.run_client("greeter", "hello", "Hello", "--repeat", "3", "--every",
                                         "0.01", "--trace")
        self.assertEqual((client.wait(0), client.out), (0, "World\n" * 3))
        self.assertEqual(len(re.findall(
            r"attempt: proxy at 127.0.0.1:\d+: answered by one \([\d.]+ ms\)", client.err)),
                         3, client.err)

    @on_posix
    def test_ctrl_c_ends_a_repeating_client(self) -> None:
        """At once and without a traceback; 130 is what a shell expects of it."""
        with_ctrl_c(self)
        client = self.cluster.start_client("greeter", "hello", "Hello", "--repeat", "0", "--every",
                                           "60")
        client.wait_for_line("World", START_S)
        client.signal(signal.SIGINT)
        self.assertIn(client.wait(CTRL_C_S), (0, 130))
        self.assertEqual(client.err.strip(), "")


@on_posix
class CtrlC(SystemTest):
    # The best of them counts: another process may have had the processor.
    TRIES = 3

    def assert_ends(self, process: Process) -> None:
        self.assertEqual(process.wait(START_S), 0, process.log)
        self.assertNotIn("Traceback", process.log)
        self.assertIn("stopped", process.out)

    def assert_takes(self, within_s: float, scenario: Callable[[], float]) -> None:
        """Goes through it again, with a new cluster, if it took longer."""
        took_s = [scenario()]
        while took_s[-1] > within_s and len(took_s) < self.TRIES:
            self.setUp()
            took_s.append(scenario())
        self.assertLessEqual(took_s[-1], within_s, took_s)

    def test_every_role_ends_within_two_seconds(self) -> None:
        """With clients connected, a call that does not end by itself, and the registry stopped
        first.
        """
        self.assert_takes(CTRL_C_S, self.stop_every_role)

    def stop_every_role(self) -> float:
        registry = self.cluster.start_registry()
        journal = Journal(self.cluster)
        servers = self.cluster.start_servers(journal.file, "one", "two")
        proxy = self.cluster.start_proxy()
        stub = self.cluster.client("journal")
        self.assertEqual({stub.whoami() for _ in range(4)}, {"one", "two"})
        caller = self.cluster.start_client("journal", "hold", "token")
        self.cluster.wait_until(lambda: journal.executions()["token"], START_S, "a call runs")
        pressed_at = time.monotonic()
        for process in (registry, proxy, *servers):
            process.signal(signal.SIGINT)
        for process in (registry, proxy, *servers):
            self.assert_ends(process)
        took_s = time.monotonic() - pressed_at
        self.assertEqual(caller.wait(START_S), EXIT_UNKNOWN, caller.log)
        return took_s

    def test_an_idle_server_ends_at_once_and_leaves_lookup_at_once(self) -> None:
        """Its goodbye is heard: nobody has to wait for its lease to run out."""
        self.assert_takes(1.0, self.stop_an_idle_server)

    def stop_an_idle_server(self) -> float:
        self.cluster.start_registry()
        server, = self.cluster.start_servers(GREETER, "one")
        pressed_at = time.monotonic()
        server.signal(signal.SIGINT)
        self.assert_ends(server)
        self.assertEqual(self.cluster.names("greeter"), [])
        return time.monotonic() - pressed_at


@on_posix
class SignalAtAnyMoment(SystemTest):
    """A signal handler runs between any two steps of the main thread, also while that one holds a
    lock.
    """

    PROGRAM = """
        import faulthandler, os, signal, sys
        from ponte.process import stopping

        stopping.WAKE_S = 0.0001

        def signal_at(step):
            def trace(frame, event, argument):
                nonlocal step
                step -= 1
                if step == 0:
                    os.kill(os.getpid(), signal.SIGTERM)
                return trace
            return trace

        for step in range(1, 120):
            faulthandler.dump_traceback_later(8, exit=True)     # instead of the one of the last step
            stop = stopping.Stop()
            sys.settrace(signal_at(step))
            reason = stop.wait()
            sys.settrace(None)
            assert reason == "SIGTERM", reason
    """

    def test_it_stops_the_process(self) -> None:
        """SIGTERM comes at the first, second, third... line that waiting runs through, here and in
        the library.
        """
        program = self.cluster.start("-c", textwrap.dedent(self.PROGRAM))
        self.assertEqual(program.wait(4 * START_S), 0, program.log)


class Registration(SystemTest):
    """One registry with a key; servers with the same key, another one, or none; and one whose
    registry is missing.
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
        """And says so, too, when one answers at last."""
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
        """One with the same key is, through a proxy that has it too; one with another key, or none,
        never is.
        """
        self.cluster.start_server(BANK, "same", "--key-file", self.right)
        self.cluster.wait_until(lambda: self.cluster.names("bank") == ["same"], 3,
                                "the one with the key is in lookup")
        self.cluster.start_proxy("proxy", "--key-file", self.right)
        self.assertEqual(self.cluster.run_client("bank", "balance", "ana").out, "0\n")
        for server in self.locked_out:
            server.wait_for_line("no registry answers at .* same key", 4)
        self.assertEqual(self.cluster.names("bank"), ["same"])
        self.assertNotRegex(self.registry.log, "bank/(wrong|none)")

    def test_of_two_processes_with_one_name_the_younger_wins(self) -> None:
        """The elder is told, says so loudly, and ends with exit code 1."""
        elder = self.start_twin()
        younger = self.start_twin()
        self.assertEqual(elder.wait(3), 1, elder.log)
        self.assert_one_line(elder.err, "twin", "STOPPED", "--name")
        self.assertTrue(younger.is_running)
        self.assertIn(younger.address, self.listed())
        self.assertNotIn(elder.address, self.listed())


@on_posix
@unittest.skipUnless(sys.platform == "linux" and (os.cpu_count() or 1) > 1,
                     "needs Linux, and cores to choose from")
class Cores(SystemTest):
    """An interpreter runs one thread at a time: on one core its threads pass the turn on for less.
    """

    def cores_of(self, process: Process) -> int:
        """How many cores the threads of a process may use, all of them together."""
        # Nobody else has these calls; so says the type checker, too.
        if sys.platform != "linux":
            return 0
        threads = [int(name) for name in os.listdir(f"/proc/{process.pid}/task")]
        return len(frozenset().union(*map(os.sched_getaffinity, threads)))

    def test_our_own_code_stays_on_one_core_and_functions_may_use_all(self) -> None:
        registry = self.cluster.start_registry()
        proxy, wide_proxy = self.cluster.start_proxy("one"), self.cluster.start_proxy(
            "all", "--cores", "all")
        server, narrow_server = (self.cluster.start_server(GREETER, name, *options)
                                 for name, options in (("all", ()), ("one", ("--cores", "one"))))
        self.assertEqual([1, 1, 1],
                         [self.cores_of(process) for process in (registry, proxy, narrow_server)])
        for process in (wide_proxy, server):
            self.assertGreater(self.cores_of(process), 1)


class Parent(SystemTest):
    """No process outlives the one that started it with --until-eof, however that one ends."""

    RUNNER = """
        import os, signal, subprocess, sys, threading
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        started = []
        for words in (["registry.py"], ["proxy.py"], ["server.py", "services/greeter.py"]):
            options = ["--port", "0", "--until-eof"] + ([] if words == ["registry.py"] else ["--registry", registry])
            process = subprocess.Popen([sys.executable, *words, *options], **pipes)
            banner = process.stdout.readline()
            if words == ["registry.py"]:
                registry = banner.split()[3]
            started.append(process)
        if sys.argv[1:] == ["freeze"]:
            started[-1].send_signal(signal.SIGSTOP)
            os.waitpid(started[-1].pid, os.WUNTRACED)       # until every thread of it stands still
        print(*[process.pid for process in started], flush=True)
        threading.Event().wait()
    """

    def test_all_end_when_it_is_killed_even_one_that_is_frozen(self) -> None:
        """End of file on standard input; a stopped process group that has become an orphan is woken
        by Linux.
        """
        arguments = ["freeze"] if sys.platform == "linux" else []
        runner = subprocess.Popen([sys.executable, "-c", textwrap.dedent(self.RUNNER), *arguments],
                                  cwd=ROOT, text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(runner.wait)
        self.addCleanup(runner.kill)
        assert runner.stdout and runner.stdin
        self.addCleanup(runner.stdout.close)
        self.addCleanup(runner.stdin.close)
        pids = [int(word) for word in runner.stdout.readline().split()]
        self.assertEqual(len(pids), 3)
        for pid in pids:
            self.addCleanup(kill_if_ours, pid)
        runner.kill()
        wait_until(lambda: not any(map(is_alive, pids)), 4, "all processes have ended")


def is_alive(pid: int) -> bool:
    """Whether a process that is not our child still runs; a zombie that nobody has reaped yet does
    not.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        # It has just ended, or this system has no /proc.
        return not os.path.isdir("/proc/self")


def kill_if_ours(pid: int) -> None:
    """Ends a process that a failing test has left behind; not one that has been given its number
    since.
    """
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
            ours = "--until-eof" in file.read()
    except OSError:
        ours = False
    if ours and sys.platform != "win32":
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
