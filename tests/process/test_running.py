"""How a process ends, and what it reports on the way."""

from __future__ import annotations

import contextlib
import io
import unittest
from collections.abc import Sequence
from typing import Any, Callable
from unittest import mock

from ponte.net.address import Address
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
