"""A narrow terminal: lines of the roles in fewer columns, and bars that keep their numbers."""

from __future__ import annotations

import os
import unittest
from collections import Counter
from typing import Any
from unittest import mock

from classroom import caller, roles, story
from classroom.console import Console
from classroom.language import Words
from classroom.narrow import narrowed
from classroom.screen import Screen
from classroom.working import BAR_COLUMNS, BESIDE_BAR
from client import Trace
from tests.classroom.streams import Stream
from tests.fakes import endpoint

PANE = 59
BANNERS = ("registry: listening on 127.0.0.1:4100 (UDP beats, TCP lookups) - stop with Ctrl-C",
           "server-1: serving greeter at http://127.0.0.1:41977/greeter - stop with Ctrl-C",
           "proxy-4180: relaying http://127.0.0.1:4180/<service> - stop with Ctrl-C")
NEWS = tuple(f"19:37:02.771 registry: {what:<9} greeter/server-1  127.0.0.1:41977"
             for what in ("up", "suspect", "expired", "draining", "left", "back"))


class Lines(unittest.TestCase):
    def test_what_the_roles_print_has_one_line_in_a_pane(self) -> None:
        for line in (*BANNERS, *NEWS):
            with self.subTest(line):
                self.assertLessEqual(len(narrowed(line, PANE)), PANE)
                self.assertNotIn("\n", narrowed(line, PANE))

    def test_no_more_is_left_out_than_must_be(self) -> None:
        self.assertEqual(BANNERS[0], narrowed(BANNERS[0], 100))
        self.assertEqual("registry: listening on 127.0.0.1:4100 - stop with Ctrl-C",
                         narrowed(BANNERS[0], 80))
        self.assertEqual(NEWS[0], narrowed(NEWS[0], 80))

    def test_a_longer_line_is_broken_between_words(self) -> None:
        lines = narrowed("server-1: no registry answers, and it goes on serving " * 2, 40)
        self.assertLessEqual(max(map(len, lines.split("\n"))), 40)
        self.assertEqual(lines.replace("\n    ", " ").split(),
                         ("server-1: no registry answers, and it goes on serving " * 2).split())

    def test_a_command_is_not_broken(self) -> None:
        """Not in the demo's last line, nor in the doctor's advice, nor in an error."""
        for command in ("python3 demo.py registry", "python3 demo.py registry --lang pt",
                        "python3 demo.py registry --host 0.0.0.0 --insecure",
                        "python3 /a/long/path/to/demo.py server --registry 127.0.0.1:4100"):
            line = f"Your turn, one role per terminal. Start with: {command}"
            for columns in (PANE, 50, 40):
                with self.subTest(command, columns=columns):
                    self.ends_with(command, narrowed(line, columns))
                    stream = Stream(terminal=True)
                    with mock.patch.object(Screen, "columns", columns):
                        Screen(stream, {"NO_COLOR": "1"}).line(line)
                    self.ends_with(command, stream.getvalue())

    def ends_with(self, command: str, text: str) -> None:
        last = text.splitlines()[-1]
        self.assertTrue(last.endswith(command), text)

    def test_the_picture_of_the_demo_fits_a_pane(self) -> None:
        for language in ("en", "pt"):
            stream = Stream(terminal=True)
            with mock.patch.object(Screen, "columns", PANE), self.subTest(language):
                screen = Screen(stream, {"NO_COLOR": "1"})
                story._introduce(mock.Mock(screen=screen, words=Words(language)))
                _, picture = stream.getvalue().split("\n\n")
                rows = picture.splitlines()
                self.assertLessEqual(max(map(len, rows)), PANE)
                # What the hearts mean stands below the drawing.
                self.assertEqual([False, False, True, False], ["└─" in row for row in rows])

    def test_only_a_terminal_gets_other_lines(self) -> None:
        for is_terminal, written in ((True, "WHOLE\npart"), (False, "whole\npart")):
            out = Stream(terminal=is_terminal)
            heard: list[str] = []
            console = Console(out, Stream(), heard.append, rewrites=False, fit=str.upper)
            console.out.write("whole\npart")
            self.assertEqual((written, ["whole"]), (out.getvalue(), heard))


class Counters(unittest.TestCase):
    def test_each_has_a_short_form(self) -> None:
        requests = {"calls": 1234567, "repeats": 12345, "retries": 12345}
        status: dict[str, Any] = {
            "registry": {"datagrams": {"ack": 1234567}, "endpoints": [{"state": "up"}] * 12},
            "server": {"requests": requests, "beats_acked": 1234567},
            "proxy": {"requests": requests, "services": {"bank": [1], "greeter": [1, 2, 3]}}}
        for language in ("en", "pt"):
            for role, of_role in status.items():
                with self.subTest(language, role=role):
                    line = roles.short_counters(role, of_role, 8.0, Words(language))
                    self.assertLess(len(line), PANE)
                    self.assertIn("1234567", line)


class LessonClient(unittest.TestCase):
    """Below 80 columns its lines are shorter; its bars keep their numbers."""

    def screen(self, columns: int) -> tuple[Screen, Stream]:
        stream = Stream(terminal=True)
        patch = mock.patch.object(Screen, "columns", columns)
        patch.start()
        self.addCleanup(patch.stop)
        return Screen(stream, {"NO_COLOR": "1"}), stream

    def call(self, columns: int, *traces: Trace) -> list[str]:
        screen, stream = self.screen(columns)
        caller._call(mock.Mock(hello=lambda text: "World"), list(traces), screen, Words("en"))
        return stream.getvalue().splitlines()

    def test_a_call_has_one_line(self) -> None:
        proxy = endpoint("proxy-4180", service="proxy", port=4180)
        for columns in (80, PANE):
            line, = self.call(columns, Trace(proxy, "answered by server-2", 0.1))
            self.assertLessEqual(len(line), columns)
            self.assertRegex(line, r"World +server-2 via proxy-4180 .* ms$")

    def test_the_attempts_of_the_proxy_are_shown(self) -> None:
        proxy = endpoint("proxy-4180", service="proxy", port=4180)
        trace = Trace(proxy, "answered by server-2", 0.1, "server-1: connect: refused")
        for columns in (100, PANE):
            *tried, answer = self.call(columns, trace)
            self.assertIn("server-1: connect: refused", " ".join(map(str.strip, tried)))
            self.assertIn("server-2 via proxy-4180", answer)

    def test_bars_keep_their_numbers(self) -> None:
        for columns in (PANE, 50):
            screen, stream = self.screen(columns)
            caller._sum_up(Counter({"server-1": 123456, "greeter-192.168.1.7-41977": 654321}), 0.1,
                           screen, Words("en"))
            bars = [line for line in stream.getvalue().splitlines() if "█" in line]
            self.assertEqual(["654321", "123456"], [line.split()[-1] for line in bars])
            self.assertLessEqual(max(map(len, bars)), columns)

    def test_the_bars_of_the_demo_fit_fifty_columns(self) -> None:
        self.assertGreater(50 - BESIDE_BAR, BAR_COLUMNS // 3)

    def test_it_tells_its_process(self) -> None:
        stream = Stream()
        with mock.patch("sys.stdout", stream), mock.patch("classroom.caller.start_logging"), \
                mock.patch("classroom.caller.Client"), \
                mock.patch("classroom.caller._call", return_value="server-1"):
            caller.main(["--repeat", "1"], Words("en"))
        self.assertIn(f"process {os.getpid()}\n", stream.getvalue())


if __name__ == "__main__":
    unittest.main()
