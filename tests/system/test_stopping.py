"""How processes end: Ctrl-C, a signal at any moment, the end of their parent."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import unittest
from collections.abc import Callable

from tests.system.cluster import SystemTest
from tests.system.harness import PATIENCE, ROOT, START_S, Process
from tests.system.journal import Journal
from tests.windows import windows_cannot

GREETER = "services/greeter.py"
EXIT_UNKNOWN = 5
# Seconds from Ctrl-C to the end of a process.
CTRL_C_S = 2.0
# Seconds from the end of a parent to the end of its processes.
ALL_END_S = 4.0


@windows_cannot("nobody can press Ctrl-C in the console of another process")
class CtrlC(SystemTest):
    # The fastest try counts: in a slow one, another process may have used the processor.
    TRIES = 3

    def assert_ends(self, process: Process) -> None:
        self.assertEqual(process.wait(START_S), 0, process.log)
        self.assertNotIn("Traceback", process.log)
        self.assertIn("stopped", process.out)

    def assert_takes(self, within_s: float, scenario: Callable[[], float]) -> None:
        """Repeats the scenario with a new cluster if it took longer."""
        took_s = [scenario()]
        while took_s[-1] > within_s and len(took_s) < self.TRIES:
            self.setUp()
            took_s.append(scenario())
        self.assertLessEqual(took_s[-1], within_s, took_s)

    def test_every_role_ends_within_two_seconds(self) -> None:
        """With clients connected, a call that does not end by itself, and the registry gone first.
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
        """The registry hears that it leaves, so that no reader waits until its lease expires."""
        self.assert_takes(1.0, self.stop_an_idle_server)

    def stop_an_idle_server(self) -> float:
        self.cluster.start_registry()
        server, = self.cluster.start_servers(GREETER, "one")
        pressed_at = time.monotonic()
        server.signal(signal.SIGINT)
        self.assert_ends(server)
        self.assertEqual(self.cluster.names("greeter"), [])
        return time.monotonic() - pressed_at


@windows_cannot("it has no SIGTERM")
class SignalAtAnyMoment(SystemTest):
    """A signal handler may run between any two steps of the main thread, also inside a lock."""

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
            # Replaces the alarm of the last step.
            faulthandler.dump_traceback_later(8, exit=True)
            stop = stopping.Stop()
            sys.settrace(signal_at(step))
            reason = stop.wait()
            sys.settrace(None)
            assert reason == "SIGTERM", reason
    """

    def test_it_stops_the_process(self) -> None:
        """SIGTERM arrives at line 1, 2, 3... of those that waiting runs, also in the library."""
        program = self.cluster.start("-c", textwrap.dedent(self.PROGRAM))
        self.assertEqual(program.wait(4 * START_S), 0, program.log)


class Parent(SystemTest):
    """A process with --until-eof ends when its parent has ended, in whatever way."""

    RUNNER = """
        import os, signal, subprocess, sys, threading
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started = []
        for words in (["registry.py"], ["proxy.py"], ["server.py", "services/greeter.py"]):
            options = ["--port", "0", "--until-eof"]
            if words != ["registry.py"]:
                options += ["--registry", registry]
            process = subprocess.Popen([sys.executable, *words, *options], **pipes)
            banner = process.stdout.readline()
            if words == ["registry.py"]:
                registry = banner.split()[3]
            started.append(process)
        if sys.argv[1:] == ["freeze"]:
            started[-1].send_signal(signal.SIGSTOP)
            # Waits until all its threads are stopped.
            os.waitpid(started[-1].pid, os.WUNTRACED)
        print(*[process.pid for process in started], flush=True)
        threading.Event().wait()
    """

    def test_all_end_when_it_is_killed_even_one_that_is_frozen(self) -> None:
        """Their standard input ends. Linux continues a stopped process group without a parent.

        All have the standard error of the runner: that ends with the last of them.
        """
        arguments = ["freeze"] if sys.platform == "linux" else []
        runner = subprocess.Popen([sys.executable, "-c", textwrap.dedent(self.RUNNER), *arguments],
                                  cwd=ROOT, text=True, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(runner.wait)
        self.addCleanup(runner.kill)
        assert runner.stdout and runner.stdin and runner.stderr
        self.addCleanup(runner.stdout.close)
        self.addCleanup(runner.stdin.close)
        pids = [int(word) for word in runner.stdout.readline().split()]
        self.assertEqual(len(pids), 3)
        errors = runner.stderr
        until_all_end = threading.Thread(target=errors.read, daemon=True)
        until_all_end.start()
        runner.kill()
        until_all_end.join(ALL_END_S * PATIENCE)
        if until_all_end.is_alive():
            for pid in pids:
                kill_if_ours(pid)
            self.fail("a process has outlived its parent")
        errors.close()


def kill_if_ours(pid: int) -> None:
    """Ends a process that a failing test has left behind.

    The number may belong to another process by now: that one is left alone.
    """
    if sys.platform == "win32":
        # It has ended, or this ends it.
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGTERM)
        return
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
            ours = "--until-eof" in file.read()
    except OSError:
        ours = False
    if ours:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
