"""Log lines, and the count of threads that died."""

from __future__ import annotations

import json
import logging
import threading
import unittest
from unittest import mock

from ponte.net.message import Request
from ponte.process import logs, pages
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
                mock.patch("logging.handlers.QueueListener"), \
                mock.patch("logging.getLogger"), \
                mock.patch.object(logging, "raiseExceptions"):
            logs.start_logging(verbose=False)
        deaths.watch.assert_called_once_with()


if __name__ == "__main__":
    unittest.main()
