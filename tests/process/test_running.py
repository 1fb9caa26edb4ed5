"""How a process ends, and what it reports on the way."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import signal
import subprocess
import sys
import textwrap
import unittest
from collections.abc import Sequence
from typing import Any, Callable
from unittest import mock

from ponte.net.address import Address
from ponte.net.windows import output_error_text
from ponte.process import output, running, stopping
from ponte.process.departure import Departure
from ponte.process.options import UsageError
from ponte.process.output import Lines
from ponte.process.running import RegistrationReport, run, serve
from ponte.process.stopping import Stop
from tests.system.harness import ROOT
from tests.windows import windows_cannot


def mistake(arguments: Sequence[str]) -> int:
    raise UsageError("put it right")


def interrupted(arguments: Sequence[str]) -> int:
    raise KeyboardInterrupt


class Running(unittest.TestCase):
    """Every end of a program has its exit code."""

    def run_main(self, main: Callable[[Sequence[str]], int | None]) -> tuple[Any, str]:
        """The exit code and what went to standard error."""
        errors = io.StringIO()
        log = logging.getLogger("ponte")
        self.addCleanup(log.setLevel, log.level)
        with contextlib.redirect_stderr(errors), self.assertRaises(SystemExit) as caught:
            run(main, [])
        return caught.exception.code, errors.getvalue()

    def test_exit_codes(self) -> None:
        """What `main` returns, 2 for a user's mistake, 130 for Ctrl-C."""
        self.assertEqual(self.run_main(lambda arguments: None), (0, ""))
        self.assertEqual(self.run_main(lambda arguments: 5), (5, ""))
        self.assertEqual(self.run_main(interrupted), (130, ""))
        code, text = self.run_main(mistake)
        self.assertEqual(code, 2)
        self.assertRegex(text, r"^[^\n]+: put it right\n$")

    def test_an_output_that_cannot_be_written_is_one_line(self) -> None:
        """Also where argparse has printed to it, as after --help; and a standard error that is
        closed makes no difference.
        """
        def prints(arguments: Sequence[str]) -> None:
            print("x", flush=True)

        def helps(arguments: Sequence[str]) -> None:
            print("x")
            sys.exit(0)

        if not os.path.exists("/dev/full"):
            self.skipTest("needs /dev/full")
        for main in (prints, helps):
            with self.subTest(main), open("/dev/full", "w", encoding="utf-8") as full, \
                    contextlib.redirect_stdout(full):
                code, text = self.run_main(main)
                self.assertEqual(code, 1)
                self.assertRegex(text, "^[^\n]+: its output cannot be written: "
                                       f"{os.strerror(errno.ENOSPC)}\n$")

    def test_the_reader_of_a_pipe_that_has_gone_is_named_so_on_windows_too(self) -> None:
        """There, the system reports an invalid argument."""
        with mock.patch("sys.platform", "win32"):
            self.assertEqual(output_error_text(OSError(errno.EINVAL, "Invalid argument")),
                             os.strerror(errno.EPIPE))
            self.assertEqual(output_error_text(OSError(errno.ENOSPC, "Disk full")), "Disk full")
        self.assertEqual(output_error_text(OSError("no words")), "no words")

    @windows_cannot("there is no limit of open files")
    def test_a_process_may_open_as_many_files_as_the_system_gives(self) -> None:
        """macOS names an infinite limit, refuses it, and gives 10,240."""
        infinite = 2 ** 63 - 1

        def gives(most: int, soft: int, hard: int) -> int:
            """The limit afterwards, on a system that gives so many."""
            given = [soft]

            def set_limit(which: int, limits: tuple[int, int]) -> None:
                self.assertEqual(limits[1], hard)
                if limits[0] > most:
                    raise ValueError("current limit exceeds maximum limit")
                given[0] = limits[0]

            with mock.patch("resource.getrlimit", lambda which: (soft, hard)), \
                    mock.patch("resource.setrlimit", set_limit):
                self.assertEqual(self.run_main(lambda arguments: 0)[0], 0)
            return given[0]

        self.assertEqual(gives(10_240, 256, infinite), 10_240)
        self.assertEqual(gives(4096, 1024, 4096), 4096)
        self.assertEqual(gives(100_000, 20_000, infinite), 20_000)
        # A system that gives no more at all.
        self.assertEqual(gives(256, 256, infinite), 256)

    def test_an_error_that_is_not_of_the_output_keeps_its_traceback(self) -> None:
        def breaks(arguments: Sequence[str]) -> None:
            raise OSError(errno.ENOSPC, "of another file")

        with contextlib.redirect_stderr(io.StringIO()), \
                contextlib.redirect_stdout(io.StringIO()), self.assertRaises(OSError):
            run(breaks, [])


@unittest.skipUnless(sys.platform == "linux", "needs Linux, where Ponte chooses its cores")
class Cores(unittest.TestCase):
    """Two busy processes on one core would halve each other's speed."""

    def chosen(self, *taken: int) -> set[int]:
        """The core that a process chooses while others stay on these ones."""
        with mock.patch.object(running, "_cores_with_a_process", lambda: list(taken)), \
                mock.patch.object(os, "sched_getaffinity", lambda pid: {0, 1, 2}), \
                mock.patch.object(os, "sched_setaffinity") as choose:
            running.stay_on_one_core()
        cores: set[int] = choose.call_args.args[1]
        return cores

    def test_a_process_takes_the_core_that_the_fewest_others_have(self) -> None:
        self.assertEqual(self.chosen(), {0})
        self.assertEqual(self.chosen(0), {1})
        self.assertEqual(self.chosen(0, 1, 2, 0, 2), {1})

    def test_a_process_that_stays_on_a_core_is_seen(self) -> None:
        """This one does, for a moment."""
        if sys.platform == "linux":
            before = os.sched_getaffinity(0)
            self.addCleanup(os.sched_setaffinity, 0, before)
            core = max(before)
            os.sched_setaffinity(0, {core})
            self.assertIn(core, running._cores_with_a_process())


class Threads(unittest.TestCase):
    """A services file may start threads of its own."""

    SCRIPT = """
        import sys, threading
        from ponte.process.running import run

        def main(arguments):
            threading.Thread(target=threading.Event().wait).start()
            print("stopped")
            return 7

        run(main, [])
        """

    def test_one_that_never_ends_does_not_keep_the_process(self) -> None:
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(self.SCRIPT)], cwd=ROOT,
                              capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (7, "stopped\n", ""))


class Reports(unittest.TestCase):
    """When registries fall silent and when they answer again."""

    def test_each_change_is_reported_a_single_time(self) -> None:
        """Two lines for one outage, however often `look` is called."""
        silent: list[Address] = []
        report = RegistrationReport("server-1", lambda: list(silent), dict)
        with self.assertLogs("ponte.process") as logged:
            for change in ([], [], [("127.0.0.1", 4100)], [("127.0.0.1", 4100)], [], []):
                silent[:] = change
                report.look()
        self.assertEqual([record.levelname for record in logged.records], ["WARNING", "INFO"])
        self.assertIn("127.0.0.1:4100", logged.output[0])

    def test_a_silence_of_one_look_is_not_reported(self) -> None:
        """A process that was frozen hears its registries a moment after it goes on."""
        looks = iter([[], [("127.0.0.1", 4100)], [], [("127.0.0.1", 4100)], []])
        report = RegistrationReport("server-1", lambda: next(looks), dict)
        with mock.patch("ponte.process.running.log") as log:
            for _ in range(5):
                report.look()
        log.warning.assert_not_called()
        log.info.assert_not_called()

    def test_a_registry_that_refuses_is_told_from_one_that_does_not_answer(self) -> None:
        """Each with its reason: what to do about it is not the same."""
        one, two = ("127.0.0.1", 4100), ("127.0.0.1", 4200)
        refusals = {two: "a younger process has the name"}
        report = RegistrationReport("server-1", lambda: [one, two], lambda: refusals)
        with self.assertLogs("ponte.process") as logged:
            report.look()
            report.look()
        self.assertEqual(len(logged.output), 2, logged.output)
        self.assertIn("the registry 127.0.0.1:4200 does not list it: a younger process has",
                      logged.output[0])
        self.assertIn("no registry answers at 127.0.0.1:4100 (", logged.output[1])

    def test_another_reason_is_another_line(self) -> None:
        refusals: dict[Address, str] = {}
        report = RegistrationReport("server-1", list, lambda: dict(refusals))
        with self.assertLogs("ponte.process") as logged:
            for reason in ("too late", "too early"):
                refusals["127.0.0.1", 4100] = reason
                report.look()
                report.look()
            refusals.clear()
            report.look()
        self.assertEqual([record.levelname for record in logged.records],
                         ["WARNING", "WARNING", "INFO"])


class Instance:
    """Stands in for a server. It writes down with how much grace it was drained."""

    name = "server-1"
    address = announced = ("127.0.0.1", 41234)

    def __init__(self) -> None:
        self.departure = Departure(self.name, self._leave)
        self.drained: list[float] = []
        self.is_closed = False

    def silent_registries(self) -> list[Address]:
        return []

    def refusals(self) -> dict[Address, str]:
        return {}

    def drain(self, grace_s: float) -> bool:
        return self.departure.leave(grace_s)

    def _leave(self, grace_s: float) -> bool:
        self.drained.append(grace_s)
        return True

    def close(self) -> None:
        self.is_closed = True


class Serving(unittest.TestCase):
    """The life of a server or a proxy."""

    def setUp(self) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        self.use(standard_output=Lines(lambda: self.out), standard_error=Lines(lambda: self.err))
        # On the main thread, a Stop would replace the handlers of the test runner.
        for number in (signal.SIGINT, signal.SIGTERM):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        pause = mock.patch.object(stopping, "WAKE_S", 0.001)
        pause.start()
        self.addCleanup(pause.stop)

    def use(self, **lines: Lines) -> None:
        """Prints by these lines."""
        for module in (running, output):
            for name, value in lines.items():
                patch = mock.patch.object(module, name, value)
                patch.start()
                self.addCleanup(patch.stop)

    def serve(self, instance: Instance, reason: str = "") -> int:
        stop = Stop()
        if reason:
            stop.set(reason)
        return serve(instance, stop, "serving", 10.0)

    def test_it_shows_a_banner_and_drains(self) -> None:
        instance = Instance()
        self.assertEqual(self.serve(instance, "SIGTERM"), 0)
        self.assertEqual((instance.drained, instance.is_closed), ([10.0], True))
        self.assertEqual(self.out.getvalue(), "server-1: serving - stop with Ctrl-C\n"
                                              "server-1: stopped (SIGTERM)\n")

    def test_one_whose_name_is_taken_finishes_its_calls_and_says_so_loudly(self) -> None:
        """With all the time of --grace; its exit code is 1."""
        instance = Instance()
        with self.assertLogs("ponte.process") as logged:
            instance.departure.step_down()
            self.assertEqual(self.serve(instance), 1)
        self.assertEqual(instance.drained, [10.0])
        # Also where it drains before anybody looks.
        self.assertEqual(instance.departure.grace_s, 10.0)
        line, = logged.records
        self.assertRegex(line.getMessage(), "^server-1: STOPPED: a younger process .*--name")

    def test_one_whose_banner_cannot_be_written_ends_in_one_line(self) -> None:
        # Open for reading only: each write fails.
        with open(os.devnull, encoding="utf-8") as unwritable:
            self.use(standard_output=Lines(lambda: unwritable))
            instance = Instance()
            self.assertEqual(self.serve(instance), 1)
        self.assertEqual(len(instance.drained), 1)
        self.assertRegex(self.err.getvalue(),
                         "^server-1: stopped \\(its output cannot be written: .*\\)\n$")


if __name__ == "__main__":
    unittest.main()
