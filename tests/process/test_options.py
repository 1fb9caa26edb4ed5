"""What every process does alike: options, one-line errors, pages, and the order of a drain."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import socket
import threading
import unittest
from collections.abc import Sequence
from typing import Any, Callable, cast
from unittest import mock

from ponte.net.address import Address, show
from ponte.net.message import Reply, Request
from ponte.net.wire import Listener
from ponte.process import logs, pages, stopping
from ponte.process.options import (
    UsageError,
    options,
    parse_address,
    parse_addresses,
    port_error,
    seconds,
)
from ponte.process.pages import page
from ponte.process.running import RegistrationReport, run
from ponte.process.stopping import CTRL_C_GRACE_S, drain, grace


def get(target: str, method: str = "GET") -> Request:
    return Request(method, target, {}, b"")


class Options(unittest.TestCase):
    """What a user may write on a command line."""

    def test_addresses_are_read_and_shown(self) -> None:
        """HOST:PORT, with an IPv6 host in brackets; `show` writes what `parse_address` reads."""
        for text, address in (("127.0.0.1:4100", ("127.0.0.1", 4100)), ("[::1]:1", ("::1", 1)),
                              (" a:65535", ("a", 65535))):
            with self.subTest(text):
                self.assertEqual(parse_address(text), address)
                self.assertEqual(parse_address(show(address)), address)

    def test_what_is_no_address_is_refused(self) -> None:
        """Also port 0, which nobody can call, and digits that only look like ones."""
        for text in ("", "a", ":1", "a:", "a:b", "a:-1", "a:+1", "a:1_0", "a:0", "a:65536", "a:\u0661", "a:\u00b2"):
            with self.subTest(text), self.assertRaises(argparse.ArgumentTypeError):
                parse_address(text)

    def test_several_addresses_are_separated_by_commas(self) -> None:
        """Each of them must be one that can be looked up."""
        self.assertEqual(parse_addresses("127.0.0.1:1,127.0.0.2:2"), [("127.0.0.1", 1), ("127.0.0.2", 2)])
        for text in ("127.0.0.1:1,", "127.0.0.1:1;127.0.0.2:2"):
            with self.subTest(text), self.assertRaises(argparse.ArgumentTypeError):
                parse_addresses(text)

    def test_times_are_positive(self) -> None:
        """Neither zero, nor infinite, nor no number."""
        self.assertEqual([seconds("2"), seconds("0.5")], [2.0, 0.5])
        for text in ("0", "-1", "nan", "inf", "1e9", "x", ""):
            with self.subTest(text), self.assertRaises(argparse.ArgumentTypeError):
                seconds(text)

    def test_defaults_are_for_this_machine_only(self) -> None:
        """127.0.0.1, literally: `localhost` may mean IPv6 first."""
        chosen = options("x", port=4180, beats=True).parse_args([])
        self.assertEqual((chosen.host, chosen.port, chosen.registry), ("127.0.0.1", 4180, [("127.0.0.1", 4100)]))

    def test_a_process_that_does_not_listen_has_no_port(self) -> None:
        """The client."""
        self.assertFalse(hasattr(options("x").parse_args([]), "port"))


class Running(unittest.TestCase):
    """How a process ends."""

    def run_main(self, main: Callable[[Sequence[str]], int | None]) -> tuple[Any, str]:
        """The exit code and what went to standard error."""
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors), self.assertRaises(SystemExit) as caught:
            run(main, [])
        return caught.exception.code, errors.getvalue()

    def test_exit_codes(self) -> None:
        """What `main` returns, 2 for a user's mistake, 130 for Ctrl-C."""
        def mistake(arguments: Sequence[str]) -> int:
            raise UsageError("put it right")

        def interrupted(arguments: Sequence[str]) -> int:
            raise KeyboardInterrupt

        code, text = self.run_main(mistake)
        self.assertEqual(code, 2)
        self.assertRegex(text, r"^[^\n]+: put it right\n$")
        self.assertEqual(self.run_main(interrupted), (130, ""))
        self.assertEqual(self.run_main(lambda arguments: None), (0, ""))
        self.assertEqual(self.run_main(lambda arguments: 5), (5, ""))

    def test_a_port_that_is_taken_is_named_with_its_flag(self) -> None:
        """One line: which one, and what to do."""
        error = port_error(OSError(98, "Address already in use"), "127.0.0.1", 4180)
        self.assertRegex(str(error), "^cannot listen on 127.0.0.1:4180: .*--port[^\n]*$")
        self.assertRegex(str(port_error(socket.gaierror(-2, "unknown"), "nowhere", 1)), "^--host nowhere: unknown$")

    def test_ctrl_c_is_less_patient_than_sigterm(self) -> None:
        """A person is waiting."""
        self.assertEqual((grace("SIGTERM", 10.0), grace("Ctrl-C", 10.0)), (10.0, CTRL_C_GRACE_S))
        self.assertEqual(grace("Ctrl-C", 0.5), 0.5)


class Steps:
    """Stands in for a listener, an announcer and a refuser, and writes down in which order they are used."""

    def __init__(self, *, finishes: bool = True) -> None:
        self.taken: list[str] = []
        self._finishes = finishes

    def announce(self, state: str, timeout_s: float) -> bool:
        self.taken.append(state)
        return True

    def refuse(self) -> None:
        self.taken.append("refuse")

    def retire(self) -> None:
        self.taken.append("retire")

    def wait_until_quiet(self, timeout_s: float, *, idle_too: bool = False) -> bool:
        self.taken.append("wait for idle" if idle_too else "wait for running")
        return self._finishes

    def close(self, grace_s: float = 0.0) -> None:
        self.taken.append("close")


class Draining(unittest.TestCase):
    """Leaving without losing a call."""

    def test_others_are_told_before_anybody_is_refused(self) -> None:
        """Announce, serve on until they have left, refuse, finish, say goodbye, close."""
        steps = Steps()
        self.assertTrue(drain(cast(Listener, steps), steps.announce, steps.refuse, 10.0))
        self.assertEqual(steps.taken, ["draining", "retire", "wait for idle", "refuse", "wait for running", "leaving",
                                       "close"])

    def test_calls_that_were_cut_off_are_told(self) -> None:
        """False, so that the process can say so."""
        steps = Steps(finishes=False)
        self.assertFalse(drain(cast(Listener, steps), steps.announce, steps.refuse, 0.1))
        self.assertEqual(steps.taken[-1], "close")


class Reports(unittest.TestCase):
    """When registries fall silent and answer again."""

    def test_each_change_is_told_once(self) -> None:
        """Two lines for one outage, however often somebody looks."""
        silent: list[Address] = []
        report = RegistrationReport("server-1", lambda: list(silent))
        with self.assertLogs("ponte.process") as logged:
            for change in ([], [], [("127.0.0.1", 4100)], [("127.0.0.1", 4100)], [], []):
                silent[:] = change
                report.look()
        self.assertEqual([record.levelname for record in logged.records], ["WARNING", "INFO"])
        self.assertIn("127.0.0.1:4100", logged.output[0])


class Pages(unittest.TestCase):
    """GET /health, /status and /metrics, the same for all three."""

    def page(self, request: Request) -> Reply | None:
        return page(request, "server", lambda: {"name": "a", "running": 2, "share": 0.5, "list": [1],
                                                "requests": {"calls": 7, "x": "y"}})

    def test_health(self) -> None:
        """200 while the process answers at all."""
        reply = self.page(get("/health"))
        self.assertEqual(reply, Reply(200, {"Content-Type": "text/plain"}, b"ok\n"))

    def test_status_is_json(self) -> None:
        """All of it."""
        reply = self.page(get("/status"))
        assert reply
        self.assertEqual((reply.headers["Content-Type"], json.loads(reply.body)["requests"]["calls"]),
                         ("application/json", 7))

    def test_metrics_are_the_numbers_of_the_status(self) -> None:
        """In the Prometheus text format: text and lists are left out."""
        reply = self.page(get("/metrics"))
        assert reply
        self.assertEqual(reply.body.decode().splitlines(),
                         ["ponte_server_running 2", "ponte_server_share 0.5", 'ponte_server_requests{name="calls"} 7',
                          "ponte_server_thread_deaths 0"])

    def test_a_thread_that_dies_is_counted_and_told_in_one_line(self) -> None:
        """Its traceback is for --verbose; every status page has the count."""
        deaths = logs.ThreadDeaths()
        self.addCleanup(setattr, threading, "excepthook", threading.excepthook)
        deaths.watch()
        for level, told in ((logging.INFO, False), (logging.DEBUG, True)):
            with self.assertLogs("ponte.process", level) as logged:
                thread = threading.Thread(target=lambda: int("x"), name="ponte-doomed")
                thread.start()
                thread.join()
            [record] = logged.records
            self.assertRegex(record.getMessage(), "^ponte-doomed died: ValueError: .*'x'$")
            self.assertEqual(bool(record.exc_info), told)
        with mock.patch.object(pages, "thread_deaths", deaths):
            reply = self.page(get("/status"))
        assert reply
        self.assertEqual(json.loads(reply.body)["thread_deaths"], 2)

    def test_every_process_that_logs_watches_its_threads(self) -> None:
        """`start_logging` is what registry, server, proxy and client have in common."""
        with mock.patch.object(logs, "thread_deaths") as deaths, mock.patch("logging.handlers.QueueListener"), \
                mock.patch("logging.getLogger"), mock.patch.object(logging, "raiseExceptions"):
            logs.start_logging(verbose=False)
        deaths.watch.assert_called_once_with()

    def test_nobody_is_a_tunnel(self) -> None:
        """405 for CONNECT, whose target is an address."""
        reply = self.page(get("a:443", "CONNECT"))
        assert reply
        self.assertEqual((reply.status, reply.headers["Allow"]), (405, "GET, POST"))

    def test_pages_are_read_with_get(self) -> None:
        """405 with Allow for every other method; other paths are none of its business."""
        for target in ("/health", "/status", "/metrics"):
            reply = self.page(get(target, "POST"))
            assert reply
            self.assertEqual((reply.status, reply.headers["Allow"]), (405, "GET"))
        self.assertIsNone(self.page(get("/greeter")))
        self.assertIsNone(self.page(get("/healthy", "POST")))

    def test_the_constants_make_sense_together(self) -> None:
        """Ctrl-C ends any process within 2 s: what a drain waits for must fit."""
        self.assertLess(stopping.CTRL_C_GRACE_S + stopping.SEEN_S + stopping.WAKE_S, 2.0)


if __name__ == "__main__":
    unittest.main()
