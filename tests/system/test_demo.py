"""The demo as a class runs it: its roles, Ctrl-C, and kill -9. The whole story: test_story.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from typing import Callable

from ponte.net import windows
from ponte.process.keys import make_key
from tests.shells import split
from tests.system.harness import ROOT, START_S, Process, free_port, with_ctrl_c
from tests.windows import windows_cannot

# How long a whole story may take, in seconds, on a machine that is busy with other things.
STORY_S = 240.0
# On Windows the process of a virtual environment starts another one, which prints its own number.
OWN_PID = r"\d+" if sys.platform == "win32" else ""
# The interpreter in a command: by its name, or by its path where nothing has that name.
PYTHON = r"(?:python3?|\S+python\.exe)"

# A program that starts two processes, freezes one of them, and waits to be killed.
FROZEN = """
import sys
from classroom.cast import Cast
cast = Cast()
registry = cast.start_registry()
server = cast.start_server("server-1", "greeter", registry).await_banner()
server.freeze()
print(registry.pid, server.pid, flush=True)
sys.stdin.read()
"""

# A program that adopts the processes of a demo that is killed, in the same session: such as the
# shell of a container with a terminal. 36 is PR_SET_CHILD_SUBREAPER (linux/prctl.h).
ADOPTS = """
import ctypes, subprocess, sys
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0
with subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE) as demo:
    sys.stdin.readline()
    demo.kill()
sys.stdin.read()
"""

# A program that plays the last step as on a system where nothing can be frozen.
WITHOUT_A_FREEZE = """
import sys
from classroom import silence, story
from classroom.language import Words

def step(stage):
    stage.cast.start_registry("registry")
    silence.silence(stage)

silence.CAN_FREEZE = False
story.STEPS = (step,)
sys.exit(story.run(Words("en"), auto=True))
"""


def start(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": ROOT, **variables}
    return subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=environ, encoding="utf-8",
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def until(condition: Callable[[], bool], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def processes() -> dict[int, int]:
    """The parent of every live process."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True,
                            encoding="utf-8", check=True)
    rows = [line.split() for line in listed.stdout.splitlines()]
    return {int(pid): int(parent) for pid, parent, state, *_ in rows
            if not state.startswith("Z")}


def children(pid: int) -> set[int]:
    return {child for child, parent in processes().items() if parent == pid}


def is_alive(pid: int) -> bool:
    """Whether there is such a process; a frozen one is alive, and is as frozen as before."""
    if sys.platform != "win32":
        return pid in processes()
    try:
        windows.suspend(pid)
    except OSError:
        return False
    return True


class WithoutAFreeze(unittest.TestCase):
    def test_the_last_step_still_kills(self) -> None:
        story = start("-c", WITHOUT_A_FREEZE)
        out, error = story.communicate(timeout=STORY_S)
        self.assertEqual((0, ""), (story.returncode, error), out)
        self.assertIn("no SIGSTOP", out)
        self.assertIn("  ✓ killed: OutcomeUnknown", out)
        self.assertNotIn("ana:", out)


class EndTest(unittest.TestCase):
    def test_without_a_terminal_it_names_the_option_that_helps(self) -> None:
        demo = start("demo.py", "--lang", "en")
        out, error = demo.communicate(timeout=STORY_S)
        self.assertEqual((2, ""), (demo.returncode, out))
        self.assertRegex(error, r"\A[^\n]*--auto\n\Z")

    @windows_cannot("nobody can press Ctrl-C in the console of another process")
    def test_ctrl_c_ends_everything_within_two_seconds(self) -> None:
        with_ctrl_c(self)
        demo = start("demo.py", "--auto", "--lang", "en")
        assert demo.stdout
        self.addCleanup(demo.kill)
        for line in demo.stdout:
            if line.startswith("3/9"):
                break
        started = children(demo.pid)
        self.assertGreaterEqual(len(started), 5)
        began = time.monotonic()
        demo.send_signal(signal.SIGINT)
        out, error = demo.communicate(timeout=10)
        self.assertLess(time.monotonic() - began, 2.0)
        self.assertEqual((130, ""), (demo.returncode, error))
        self.assertTrue(out.endswith("Stopped. All processes are gone.\n"), out)
        self.assertFalse(started & set(processes()))

    def test_nothing_outlives_a_demo_that_is_killed_even_when_frozen(self) -> None:
        driver = start("-c", FROZEN)
        assert driver.stdout
        started = {int(pid) for pid in driver.stdout.readline().split()}
        self.addCleanup(self._kill, started)
        self.assertEqual(2, len(started))
        self.assertTrue(all(map(is_alive, started)))
        driver.kill()
        driver.communicate()
        self.assertTrue(until(lambda: not any(map(is_alive, started)), 5.0),
                        "a process has outlived the demo")

    @unittest.skipUnless(sys.platform == "linux", "needs Linux, which has subreapers (prctl)")
    def test_also_where_a_process_of_the_same_session_adopts_the_frozen_one(self) -> None:
        """Its process group is not orphaned then, so the kernel does not wake it up."""
        reaper = start("-c", ADOPTS, FROZEN)
        self.addCleanup(reaper.communicate)
        assert reaper.stdin and reaper.stdout
        started = {int(pid) for pid in reaper.stdout.readline().split()}
        self.addCleanup(self._kill, started)
        self.assertEqual(2, len(started))
        reaper.stdin.write("kill it\n")
        reaper.stdin.flush()
        self.assertTrue(until(lambda: not any(map(is_alive, started)), 5.0),
                        "a process has outlived the demo")

    def _kill(self, pids: set[int]) -> None:
        # Windows has no such signals.
        if sys.platform != "win32":
            for pid in filter(is_alive, pids):
                os.kill(pid, signal.SIGKILL)


class RoleTest(unittest.TestCase):
    def test_a_registry_names_the_next_command_and_ends_with_its_input(self) -> None:
        role = start("demo.py", "registry", "--port", "0", "--until-eof", "--lang", "en")
        out, error = role.communicate("", timeout=STORY_S)
        self.assertEqual((0, ""), (role.returncode, error))
        self.assertRegex(out, r"registry: listening on (127\.0\.0\.1:\d+) .*\n"
                              rf"process {OWN_PID or role.pid}\n"
                              rf"next terminal: {PYTHON} demo\.py server --registry \1\n")

    def test_every_next_command_works_as_it_is_printed(self) -> None:
        """Also with a key whose path has a space, and another port for the registry."""
        folder = tempfile.TemporaryDirectory(prefix="a folder with a long name ")
        self.addCleanup(folder.cleanup)
        key = os.path.join(folder.name, "a key")
        make_key(key)
        role = self.start("demo.py", "registry", "--port", "0", "--until-eof", f"--key-file={key}")
        typed = [""]
        while typed[-1] != "client":
            command = role.wait_for_line(r"next terminal: (.+)", START_S).group(1)
            words = split(command)
            typed.append(words[2])
            # Any free port, as several tests may run at a time; and one call is enough.
            more = {"server": ["--until-eof"], "proxy": ["--until-eof", "--port", "0"],
                    "client": ["--repeat", "1"]}
            role = self.start(*words[1:], *more[words[2]])
        self.assertEqual(["", "server", "proxy", "client"], list(dict.fromkeys(typed)), typed)
        self.assertEqual(0, role.wait(START_S), role.log)
        self.assertIn("World", role.out)

    def test_servers_before_any_registry_have_different_names(self) -> None:
        """And none is stopped when a registry comes, and sees them all."""
        registry = f"127.0.0.1:{free_port()}"
        servers = [self.start("demo.py", "server", "--registry", registry, "--until-eof")
                   for _ in range(3)]
        names = {server.wait_for_line(r"(\S+): serving greeter", START_S).group(1)
                 for server in servers}
        self.assertEqual(3, len(names), names)
        listed = self.start("demo.py", "registry", "--port", registry.split(":")[1],
                            "--until-eof")
        for name in names:
            listed.wait_for_line(rf"up +greeter/{name} ", START_S)
        self.assertTrue(all(server.is_running for server in servers))

    def start(self, *words: str) -> Process:
        role = Process([*words, "--lang", "en"], {"PYTHONIOENCODING": "utf-8"})
        self.addCleanup(role.close)
        return role

    def test_without_a_registry_a_client_names_the_command_of_the_lesson(self) -> None:
        """Both clients: the one of the lesson, and client.py with the words of demo.py."""
        for words, stream in ((("--repeat", "1"), 0), (("greeter", "hello", "Hello"), 1)):
            with self.subTest(words):
                client = start("demo.py", "client", *words, "--registry", "127.0.0.1:9")
                printed = client.communicate(timeout=STORY_S)
                self.assertEqual(4, client.returncode)
                self.assertRegex(printed[stream],
                                 r"start one with:\s+python3? demo\.py registry --port 9\n")

    def test_mistakes_get_one_line_and_exit_code_2(self) -> None:
        mistakes = ("regstry",), ("--lang", "xx"), ("server", "nothing.py"), ("server", "a", "b")
        started = [start("demo.py", *arguments) for arguments in mistakes]
        for arguments, demo in zip(mistakes, started):
            with self.subTest(arguments):
                out, error = demo.communicate(timeout=STORY_S)
                self.assertEqual((2, ""), (demo.returncode, out))
                self.assertEqual(1, len(error.splitlines()), error)


if __name__ == "__main__":
    unittest.main()
