"""`demo.py page`: what can be said, and one line for what cannot."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import socket
import sys
import tempfile
import threading
import unittest
import unittest.mock
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import demo
from classroom import command as words_of_demo
from classroom.language import Words
from dashboard import command
from dashboard.collector import Collector
from ponte.process.options import UsageError
from tests.classroom.portuguese import english_in
from tests.dashboard.asking import ask, do
from tests.windows import WINE

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
HEADER = '{"ponte":"recording","form":1,"at":5.0}\n'
EVENT = '{"s":1,"k":"start","t":0}\n'


class Stopped:
    """Stands for the signal: the page is asked once whether to go on, and ends."""

    def __init__(self, until_eof: bool = False) -> None:
        self.look: Any = None
        self.reason = "Ctrl-C"

    def set(self, reason: str) -> None:
        pass

    def has_come(self) -> bool:
        return True

    def wait(self) -> str:
        if self.look:
            self.look()
        return self.reason


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.stop = Stopped()
        for name, value in (("Stop", lambda until_eof: self.stop),
                            ("end_at_once_on_ctrl_c", lambda: None),
                            ("start_logging", lambda *_: None),
                            ("_parts", lambda *_: (self.parts, self.parts))):
            patch = unittest.mock.patch.object(command, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        self.parts: list[Any] = []
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def file(self, name: str, text: str = "") -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def run_page(self, *arguments: str, language: str = "en") -> tuple[int, str]:
        """The exit code, and what was printed."""
        self.out = io.StringIO()
        with contextlib.redirect_stdout(self.out), contextlib.redirect_stderr(self.out):
            code = words_of_demo.main(["--lang", language, "page", "--no-browser", *arguments],
                                      demo.HANDED_ON)
        return code, self.out.getvalue()


class Mistakes(Case):
    def test_every_mistake_is_one_line_in_both_languages(self) -> None:
        taken = socket.socket()
        self.addCleanup(taken.close)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        missing = str(self.folder / "missing" / "file")
        lesson, garbage = self.file("lesson", HEADER + EVENT), self.file("garbage", "hello")
        saved = self.file("saved.html", "<!DOCTYPE html>")
        pipe = str(self.folder / "pipe")
        if hasattr(os, "mkfifo"):
            os.mkfifo(pipe)
        for arguments in (
                ["--record", os.devnull], ["--replay", pipe],
                *([["--record", pipe]] if hasattr(os, "mkfifo") else []),
                ["--port", port], ["--port", "x"], ["--port", "-1"], ["--port", "65536"],
                ["--port", ""], ["--port"], ["--port", "4100.5"], ["--port", "\u0663"],
                ["--record"], ["--record", ""], ["--record", missing],
                ["--record", str(self.folder)], ["--record", garbage], ["--record", lesson],
                ["--replay"], ["--replay", ""], ["--replay", missing],
                ["--replay", str(self.folder / "not-there")], ["--replay", str(self.folder)],
                ["--replay", garbage], ["--replay", saved], ["--replay", self.file("empty")],
                ["--replay", self.file("header", HEADER)],
                ["--replay", self.file("torn", HEADER + "nothing\n" + EVENT)],
                ["--replay", lesson, "--story"], ["--replay", lesson, "--class"],
                ["--replay", lesson, "--class", "10.0.0.7"],
                ["--replay", lesson, "--record", str(self.folder / "new")],
                ["--replay", lesson, "--attach", "127.0.0.1:4100"],
                ["--attach"], ["--attach", ""], ["--attach", "4100"], ["--attach", "127.0.0.1"],
                ["--attach", "127.0.0.1:0"], ["--attach", "127.0.0.1:4100", "--story"],
                ["--attach", "127.0.0.1:4100", "--class"], ["--bogus"], ["bogus"],
                ["--attach", "10.0.0.7:4100"],
                # Wine binds a socket to any address.
                *([] if WINE else [["--class", "198.51.100.9"]]), ["--class", "x"],
                ["--class", "0.0.0.0"], ["--class", "224.0.0.1"],
                ["--class", "255.255.255.255"], ["--class", "::1"], ["--story", "now"]):
            told = {}
            for language in ("en", "pt"):
                with self.subTest(arguments, language=language):
                    with self.assertRaises(UsageError) as mistake:
                        self.run_page(*arguments, language=language)
                    told[language] = str(mistake.exception)
                    self.assertEqual(1, len(told[language].splitlines()), told)
            with self.subTest(arguments):
                shown = told["pt"].replace(str(self.folder), "").replace("not-there", "")
                self.assertEqual([], english_in(shown), told)

    def test_nothing_is_left_behind_by_a_mistake(self) -> None:
        threads = threading.active_count()
        with self.assertRaises(UsageError):
            self.run_page("--record", str(self.folder / "new"), "--port", "x")
        self.assertEqual([], list(self.folder.iterdir()))
        self.assertEqual(threads, threading.active_count())

    def test_a_page_of_another_machine_cannot_be_attached_to(self) -> None:
        for language, text in (("en", "not on this machine"), ("pt", "não está nesta máquina")):
            with self.assertRaisesRegex(UsageError, text):
                self.run_page("--attach", "127.0.0.1:4,10.0.0.7:4100", language=language)

    def test_beside_processes_of_others_nothing_can_be_done(self) -> None:
        """So the page has no buttons: neither faults, nor a story, nor a class."""
        chosen = argparse.Namespace(attach="127.0.0.1:4", registries=(("127.0.0.1", 4),),
                                    story=False, **{"class": None})
        collector = Collector()
        self.addCleanup(collector.close)
        unittest.mock.patch.stopall()
        made, started = ORIGINAL_PARTS(chosen, Words("en"), collector)
        self.addCleanup(made[0].close)
        self.assertEqual(([{}], made), ([dict(part.commands) for part in made], started))


ORIGINAL_PARTS = command._parts


class Part:
    """Notes what is done with it."""

    def __init__(self, notes: list[str], put: Any = None, fails: str = "") -> None:
        self.notes, self.fails = notes, fails
        self.commands: Mapping[str, Any] = {"kill": lambda body: notes.append(body["who"])}
        self.started = threading.Event()

    def start(self) -> None:
        self.notes.append("start")
        self.started.set()
        if self.fails:
            raise ValueError(self.fails)

    def close(self) -> None:
        self.notes.append("close")


class Running(Case):
    def address_in(self, printed: str) -> tuple[tuple[str, int], str]:
        url = printed.partition("http://")[2].partition(" ")[0]
        place, _, token = url.partition("/#token=")
        host, _, port = place.partition(":")
        return (host, int(port)), token

    def test_its_parts_are_started_asked_and_closed(self) -> None:
        notes: list[str] = []
        part = Part(notes)
        self.parts = [part]

        def look() -> None:
            part.started.wait(20)
            address, token = self.address_in(self.out.getvalue())
            self.assertEqual(200, do(address, token, {"what": "kill", "who": "server-2"}).status)
            self.assertEqual("start", ask(address, "GET", "/events?since=1&wait=20")
                             .json["events"][0]["k"])

        self.stop.look = look
        code, printed = self.run_page()
        self.assertEqual((0, ["start", "server-2", "close"]), (code, notes))
        self.assertEqual(2, len(printed.splitlines()), printed)

    def test_a_part_that_does_not_start_ends_the_page_with_one_line(self) -> None:
        notes: list[str] = []
        part = Part(notes, fails="registry: no memory")
        self.parts = [part]
        stopped = threading.Event()

        def stop(reason: str) -> None:
            self.stop.reason = reason
            stopped.set()

        self.stop.set = stop  # type: ignore[method-assign]
        self.stop.look = lambda: stopped.wait(20)
        code, printed = self.run_page()
        self.assertEqual((1, ["start", "close"]), (code, notes))
        self.assertIn("registry: no memory", printed.splitlines()[-1])

    def test_a_page_that_is_stopped_while_a_part_starts_says_only_that_it_stopped(self) -> None:
        notes: list[str] = []
        part = Part(notes, fails="server-1: the page ends")
        self.parts = [part]
        failed = threading.Event()
        self.stop.set = lambda reason: failed.set()  # type: ignore[method-assign]
        self.stop.look = lambda: failed.wait(20)
        code, printed = self.run_page()
        self.assertEqual((0, ["start", "close"]), (code, notes))
        self.assertIn("Stopped.", printed.splitlines()[-1])

    def test_a_recording_has_what_the_page_has_shown(self) -> None:
        path = str(self.folder / "lesson")

        def look() -> None:
            address, _ = self.address_in(self.out.getvalue())
            ask(address, "GET", "/events?since=1&wait=20")

        self.stop.look = look
        self.assertEqual(0, self.run_page("--record", path)[0])
        recorded = [json.loads(line) for line in Path(path).read_text().splitlines()]
        self.assertEqual("recording", recorded[0]["ponte"])
        self.assertEqual("start", recorded[1]["k"])

        # The same is replayed, and nothing can be done.
        def look_again() -> None:
            address, token = self.address_in(self.out.getvalue())
            answer = ask(address, "GET", "/events?since=0").json
            self.assertEqual((True, recorded[1:]), (answer["replay"], answer["events"]))
            self.assertEqual([], do(address, token, {"what": "commands"}).json["commands"])
            self.assertEqual(404, do(address, token, {"what": "kill"}).status)

        self.stop.look = look_again
        self.assertEqual(0, self.run_page("--replay", path)[0])

    def test_who_stops_a_long_replay_does_not_wait_for_it(self) -> None:
        lesson = self.file("lesson", HEADER + EVENT)
        with unittest.mock.patch("dashboard.recording.LOOK_LINES", 1):
            self.assertEqual((0, ""), self.run_page("--replay", lesson))

    def test_the_address_is_printed_in_both_languages(self) -> None:
        for language, word in (("en", "page"), ("pt", "página")):
            _, printed = self.run_page(language=language)
            self.assertRegex(printed.splitlines()[0],
                             rf"{word}.* http://127\.0\.0\.1:\d+/#token=[\w-]{{22}} .*Ctrl-C\Z")


class Opening(Case):
    def opened(self, *arguments: str, **environ: str) -> list[str]:
        """The addresses that are opened."""
        opened: list[str] = []
        tried = threading.Event()

        def open_it(url: str) -> bool:
            opened.append(url)
            tried.set()
            raise webbrowser.Error("no browser")

        self.stop.look = lambda: tried.wait(0.2)
        died: list[object] = []
        with unittest.mock.patch("threading.excepthook", died.append), \
                unittest.mock.patch("webbrowser.open", open_it), \
                unittest.mock.patch.dict(os.environ, environ), \
                contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertEqual(0, command.main(arguments, Words("en")))
            for thread in threading.enumerate():
                if thread.name == "ponte-browser":
                    thread.join()
        self.assertEqual([], died)
        self.assertTrue(all(url in out.getvalue() for url in opened))
        return opened

    def test_a_browser_opens_the_page_and_need_not_be_there(self) -> None:
        self.assertEqual(1, len(self.opened(DISPLAY=":0")))

    def test_nothing_is_opened_where_that_is_asked(self) -> None:
        self.assertEqual([], self.opened("--no-browser", DISPLAY=":0"))

    @unittest.skipUnless(sys.platform == "linux", "needs Linux: elsewhere there is always a screen")
    def test_no_browser_takes_the_terminal(self) -> None:
        self.assertEqual([], self.opened(DISPLAY="", WAYLAND_DISPLAY=""))


class Helping(Case):
    def test_help_is_shown_in_both_languages(self) -> None:
        for language, word in (("en", "faults"), ("pt", "falhas")):
            with contextlib.redirect_stdout(io.StringIO()) as out, \
                    self.assertRaises(SystemExit) as ended:
                words_of_demo.main(["page", "--help", "--lang", language], demo.HANDED_ON)
            self.assertEqual(0, ended.exception.code)
            self.assertIn(word, out.getvalue())
            for option in ("--no-browser", "--story", "--class", "--record", "--replay",
                           "--attach", "--port", "--lang"):
                self.assertIn(option, out.getvalue())

    def test_the_reference_has_every_option_and_no_other(self) -> None:
        options = {string for option in command._parser(Words("en"))._actions
                   for string in option.option_strings if string.startswith("--")}
        for name, heading in (("command-line.md", "## The live page"),
                              ("command-line.pt-BR.md", "## A página ao vivo")):
            section = (DOCS / name).read_text(encoding="utf-8").partition(heading)[2]
            told = re.findall(r"^\| `(--[\w-]+)` \|", section.partition("\n## ")[0], re.MULTILINE)
            self.assertEqual(sorted(options), sorted(told))

    def test_demo_py_knows_the_word(self) -> None:
        with self.assertRaisesRegex(UsageError, "page[?]"):
            words_of_demo.main(["--lang", "en", "pgae"], demo.HANDED_ON)
        with self.assertRaisesRegex(UsageError, "write it first: demo.py page"):
            words_of_demo.main(["--lang", "en", "--auto", "page"], demo.HANDED_ON)


if __name__ == "__main__":
    unittest.main()
