"""The processes of the demo: what freezes them on each system."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import threading
import unittest
from typing import Any
from unittest import mock

from classroom import cast
from classroom.actor import MAX_SAID
from ponte.net import windows
from ponte.net.pool import Pool
from tests.windows import windows_cannot

# What os.waitpid returns of the process when it stands: its number, and SIGSTOP as Linux and macOS
# write it (WIFSTOPPED).
STOPPED = 4711, getattr(signal, "SIGSTOP", 0) << 8 | 0x7F


class Interpreters(unittest.TestCase):
    """A process that is started can be frozen only if it is the interpreter itself."""

    def test_in_a_virtual_environment_of_windows_the_interpreter_itself_is_started(self) -> None:
        """Its python.exe starts the interpreter as one more process."""
        with mock.patch.multiple("sys", platform="win32", executable="venv/python.exe",
                                 _base_executable="python.exe"):
            self.assertEqual(windows.own_python({"A": "b"}), (
                "python.exe", {"A": "b", "__PYVENV_LAUNCHER__": "venv/python.exe"}))
        with mock.patch.multiple("sys", platform="linux", executable="venv/python",
                                 _base_executable="python"):
            self.assertEqual(windows.own_python({}), ("venv/python", {}))

    def test_without_one_it_is_that_of_this_process(self) -> None:
        with mock.patch.multiple("sys", executable="python", _base_executable="python"):
            self.assertEqual(windows.own_python({"A": "b"}), ("python", {"A": "b"}))


class Freezing(unittest.TestCase):
    def setUp(self) -> None:
        """An actor whose process is not started."""
        self.process = mock.Mock(spec=subprocess.Popen, pid=4711, stdin=mock.Mock())
        self.told: list[dict[str, Any]] = []
        with mock.patch("subprocess.Popen", return_value=self.process), \
                mock.patch("threading.Thread"):
            self.actor = cast.Actor("server-1", ["server.py"], Pool(), {}, role="server",
                                    service="kiosk", tell=self.told.append)

    def test_windows_suspends_the_process_and_resumes_it(self) -> None:
        with mock.patch("sys.platform", "win32"), \
                mock.patch.object(windows, "suspend", create=True) as suspend, \
                mock.patch.object(windows, "resume", create=True) as resume:
            self.actor.freeze()
            suspend.assert_called_once_with(4711)
            resume.assert_not_called()
            self.actor.thaw()
            resume.assert_called_once_with(4711)
        self.process.send_signal.assert_not_called()

    @windows_cannot("it has no such signals")
    def test_other_systems_send_it_signals(self) -> None:
        """And wait until it stands."""
        # For the type checker, which knows that Windows has no such signals.
        if sys.platform != "win32":
            with mock.patch("os.waitpid", return_value=STOPPED) as stands, \
                    mock.patch("classroom.actor.Guard") as guard:
                self.actor.freeze()
            self.process.send_signal.assert_called_once_with(signal.SIGSTOP)
            stands.assert_called_once()
            guard.assert_called_once_with(4711)
            guard.return_value.dismiss.assert_not_called()
            self.actor.thaw()
            self.process.send_signal.assert_called_with(signal.SIGCONT)
            guard.return_value.dismiss.assert_called_once()

    @windows_cannot("all are in one job")
    def test_the_guard_is_dismissed_before_the_process_can_be_another_one(self) -> None:
        """Killed, ended by itself, or ended while it was to be frozen."""
        done: list[str] = []
        self.process.wait.side_effect = lambda: done.append("waited for")
        self.process.stdout = io.StringIO("")
        for end in (self.actor.kill, self.actor.leave, self.actor._read):
            with mock.patch("os.waitpid", return_value=STOPPED), \
                    mock.patch("classroom.actor.Guard") as guard:
                self.actor.freeze()
                guard.return_value.dismiss.side_effect = lambda: done.append("dismissed")
                end()
            self.assertEqual(["dismissed", "waited for"], done)
            done.clear()
        with mock.patch("os.waitpid", return_value=(4711, 0)), \
                mock.patch("classroom.actor.Guard") as guard:
            self.actor.freeze()
            guard.return_value.dismiss.assert_called_once()
        with mock.patch("os.waitpid", side_effect=ChildProcessError), \
                mock.patch("classroom.actor.Guard") as guard:
            self.assertRaises(OSError, self.actor.freeze)
            guard.return_value.dismiss.assert_called_once()

    def test_what_happens_is_told_when_it_happens(self) -> None:
        """Kinds, faults and states, in order; what died tells no more."""
        with mock.patch("os.waitpid", create=True, return_value=STOPPED), \
                mock.patch("classroom.actor.Guard"), \
                mock.patch.multiple(windows, create=True, suspend=mock.DEFAULT,
                                    resume=mock.DEFAULT):
            self.actor._hear("server-1: serving at http://127.0.0.1:80/x - stop with Ctrl-C", 0.0)
            self.actor.freeze()
            self.actor.thaw()
            self.actor.drain()
            self.actor.kill()
            self.actor.leave()
        self.assertEqual([event.get("state") or event["what"] for event in self.told],
                         ["starting", "up", "freeze", "frozen", "thaw", "up", "drain", "draining",
                          "kill", "killed"])
        self.assertEqual({key: value for key, value in self.told[1].items() if key != "t"}, {
            "k": "proc", "p": "laboratory", "who": "server-1", "role": "server", "state": "up",
            "pid": 4711, "port": 80, "service": "kiosk", "can": []})

    def test_it_is_told_by_the_clock_of_all_processes(self) -> None:
        """That of one process alone would put it before or behind what the others tell."""
        with mock.patch("classroom.actor.shared_s", return_value=4711.5):
            self.actor.kill()
        self.assertEqual([4711.5] * 2, [event["t"] for event in self.told[-2:]])

    def test_one_that_ends_by_itself_says_why(self) -> None:
        self.process.stdout = io.StringIO("Traceback\nOSError: no space left\n")
        self.actor._read()
        self.assertEqual((self.told[-1]["state"], self.told[-1]["why"]),
                         ("ended", "OSError: no space left"))

    def test_one_that_drains_is_gone(self) -> None:
        self.process.stdout = io.StringIO("bye\n")
        self.actor.drain()
        self.actor._read()
        self.assertEqual(self.told[-1]["state"], "gone")
        self.assertNotIn("why", self.told[-1])

    def test_who_tells_it_lines_is_not_held_up_where_it_does_not_read(self) -> None:
        """As one that is stopped from outside: its pipe is full at some time."""
        assert self.process.stdin
        reads, done = threading.Event(), threading.Event()
        written: list[str] = []

        def write(line: str) -> None:
            reads.wait(5.0)
            written.append(line)

        self.process.stdin.write.side_effect = write
        self.process.stdin.close.side_effect = done.set
        self.process.poll.return_value = None
        with self.assertRaisesRegex(TimeoutError, "server-1 does not read"):
            for number in range(MAX_SAID + 2):
                self.actor.say(str(number))
        reads.set()
        self.process.poll.return_value = 0
        self.assertRaises(BrokenPipeError, self.actor.say, "too late")
        self.actor._said.put(None)
        self.assertTrue(done.wait(5.0))
        self.assertEqual(written[:3], ["0\n", "1\n", "2\n"])
        self.assertGreaterEqual(len(written), MAX_SAID)

    def test_its_input_ends_behind_what_was_said(self) -> None:
        assert self.process.stdin
        done = threading.Event()
        self.process.stdin.close.side_effect = done.set
        self.process.poll.return_value = None
        self.actor.say("a last line")
        self.actor.leave()
        self.assertTrue(done.wait(5.0))
        self.process.stdin.write.assert_called_once_with("a last line\n")

    def test_the_class_reads_what_was_really_done(self) -> None:
        names = {"win32": ("NtSuspendProcess", "NtResumeProcess")}
        self.assertTrue(cast.CAN_FREEZE)
        self.assertEqual((cast.FREEZES_BY, cast.THAWS_BY),
                         names.get(sys.platform, ("SIGSTOP", "SIGCONT")))


if __name__ == "__main__":
    unittest.main()
