"""How a process ends, and what it reports on the way."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import unittest
from collections.abc import Sequence
from typing import Any, Callable
from unittest import mock

from ponte.net.address import Address
from ponte.process import running
from ponte.process.options import UsageError
from ponte.process.running import RegistrationReport, run


def mistake(arguments: Sequence[str]) -> int:
    raise UsageError("put it right")


def interrupted(arguments: Sequence[str]) -> int:
    raise KeyboardInterrupt


class Running(unittest.TestCase):
    """Every end of a program has its exit code."""

    def run_main(self, main: Callable[[Sequence[str]], int | None]) -> tuple[Any, str]:
        """The exit code and what went to standard error."""
        errors = io.StringIO()
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


@unittest.skipUnless(sys.platform == "linux", "only Linux lets a process choose its cores")
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


class Reports(unittest.TestCase):
    """When registries fall silent and when they answer again."""

    def test_each_change_is_reported_a_single_time(self) -> None:
        """Two lines for one outage, however often `look` is called."""
        silent: list[Address] = []
        report = RegistrationReport("server-1", lambda: list(silent))
        with self.assertLogs("ponte.process") as logged:
            for change in ([], [], [("127.0.0.1", 4100)], [("127.0.0.1", 4100)], [], []):
                silent[:] = change
                report.look()
        self.assertEqual([record.levelname for record in logged.records], ["WARNING", "INFO"])
        self.assertIn("127.0.0.1:4100", logged.output[0])

    def test_a_silence_of_one_look_is_not_reported(self) -> None:
        """A process that was frozen hears its registries a moment after it goes on."""
        looks = iter([[], [("127.0.0.1", 4100)], [], [("127.0.0.1", 4100)], []])
        report = RegistrationReport("server-1", lambda: next(looks))
        with mock.patch("ponte.process.running.log") as log:
            for _ in range(5):
                report.look()
        log.warning.assert_not_called()
        log.info.assert_not_called()


if __name__ == "__main__":
    unittest.main()
