"""Log lines, and the count of threads that died."""

from __future__ import annotations

import json
import logging
import threading
import unittest
from unittest import mock

from ponte.net.message import Request
from ponte.process import logs, pages
from ponte.process.logs import INDENT, JsonForm, LineForm
from ponte.process.pages import page


def die(name: str) -> None:
    """Runs a thread that an exception ends."""
    thread = threading.Thread(target=lambda: int("x"), name=name)
    thread.start()
    thread.join()


class Deaths(unittest.TestCase):
    """A thread that dies does not go unnoticed."""

    def test_a_thread_that_dies_is_counted_and_logged_in_one_line(self) -> None:
        """Its traceback is for --verbose; every status page has the count."""
        deaths = logs.ThreadDeaths()
        self.addCleanup(setattr, threading, "excepthook", threading.excepthook)
        deaths.watch()
        for level, has_traceback in ((logging.INFO, False), (logging.DEBUG, True)):
            with self.assertLogs("ponte.process", level) as logged:
                die("ponte-doomed")
            [record] = logged.records
            self.assertRegex(record.getMessage(), "^ponte-doomed died: ValueError: .*'x'$")
            self.assertEqual(bool(record.exc_info), has_traceback)
        with mock.patch.object(pages, "thread_deaths", deaths):
            reply = page(Request("GET", "/status", {}, b""), "server", dict)
        assert reply
        self.assertEqual(json.loads(reply.body)["thread_deaths"], 2)

    def test_every_process_that_logs_watches_its_threads(self) -> None:
        """`start_logging` is what registry, server, proxy and client have in common."""
        with mock.patch.object(logs, "thread_deaths") as deaths, \
                mock.patch("logging.getLogger"), \
                mock.patch.object(logging, "raiseExceptions"):
            logs.start_logging(verbose=False)
        deaths.watch.assert_called_once_with()


FORGED = "greeter/x\n23:59:59.000 registry: \x1b[2K\u2028expired\r\x85\x00"


class Forms(unittest.TestCase):
    """What --log chooses."""

    def line(self, form: logging.Formatter, message: str = "registry: %s", *words: str,
             error: BaseException | None = None, **extra: str) -> str:
        """The line of a record that was made when the year 2000 began, in UTC."""
        info = (type(error), error, error.__traceback__) if error else None
        record = logging.getLogger("ponte.registry").makeRecord(
            "ponte.registry", logging.WARNING, "x.py", 1, message, words or ("up",), info,
            extra=extra)
        # Not 0.25: the local time of the first day of 1970 is an error on Windows.
        record.created = 946_684_800.25
        return form.format(record)

    def test_text_has_the_time_and_the_message(self) -> None:
        self.assertRegex(self.line(LineForm(full=False)), r"^\d\d:\d\d:00\.250 registry: up$")

    def test_full_has_date_offset_level_and_logger(self) -> None:
        self.assertRegex(self.line(LineForm(full=True)),
                         r"^(2000-01-01|1999-12-31)T\d\d:\d\d:00\.250[+-]\d\d:\d\d WARNING "
                         r"ponte.registry: registry: up$")

    def test_json_is_one_object_in_one_line(self) -> None:
        """Its time is that of UTC, and what was logged comes out of it unchanged."""
        line = self.line(JsonForm(), "registry: %s", FORGED)
        self.assertTrue(line.isascii() and line.isprintable(), line)
        self.assertEqual(json.loads(line),
                         {"time": "2000-01-01T00:00:00.250+00:00", "level": "WARNING",
                          "logger": "ponte.registry", "message": f"registry: {FORGED}"})

    def test_nothing_in_a_message_begins_a_line_or_moves_the_cursor(self) -> None:
        """Most of what is logged was sent by others."""
        for form in (LineForm(full=False), LineForm(full=True)):
            line = self.line(form, "registry: %s", FORGED)
            self.assertTrue(line.isprintable(), line)
            self.assertTrue(line.endswith(
                r"greeter/x\n23:59:59.000 registry: \x1b[2K\u2028expired\r\x85\x00"), line)

    def test_only_a_traceback_has_lines_and_they_are_indented(self) -> None:
        """The text of an exception may come from a caller."""
        try:
            raise ValueError(FORGED)
        except ValueError as raised:
            error = raised
        first, *lines = self.line(LineForm(full=False), "failed: %s", "x", error=error).split("\n")
        self.assertTrue(first.endswith("failed: x"))
        self.assertEqual(lines[0], INDENT + "Traceback (most recent call last):")
        for line in lines:
            self.assertTrue(line.startswith(INDENT) and line.isprintable(), line)
        told = json.loads(self.line(JsonForm(), error=error))["exception"]
        self.assertIn("Traceback (most recent call last):\n", told)

    def test_a_traceback_may_be_given_as_a_text(self) -> None:
        """So that the frames of the user's own file can come first."""
        line = self.line(LineForm(full=False), traceback="bank.py, line 3\n  1 / 0\n")
        self.assertEqual(line.split("\n")[1:], [INDENT + "bank.py, line 3", INDENT + "  1 / 0"])
        told = json.loads(self.line(JsonForm(), traceback="bank.py, line 3\n"))
        self.assertEqual(told["exception"], "bank.py, line 3")


if __name__ == "__main__":
    unittest.main()
