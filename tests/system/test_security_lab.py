"""docs/security.md stays true: its attack lab is typed, and every test that it names exists."""

from __future__ import annotations

import os
import re
import shlex
import signal
import time
import unittest
from collections.abc import Sequence

from tests.house.pages import NAMED, is_a_test, page
from tests.system.cluster import SystemTest
from tests.system.harness import ROOT, START_S, Process, free_port, wait_until, with_ctrl_c
from tests.windows import windows_cannot

# Seconds for a terminal to print what the page shows.
PRINTS_S = 10.0
# The exit code of client.py where no server lives.
NOBODY_LIVE = 4
TERMINAL = re.compile(r"terminal (\d)( prints)?")


def read() -> str:
    with open(os.path.join(ROOT, "docs", "security.md"), encoding="utf-8") as file:
        return file.read()


@windows_cannot("nobody can press Ctrl-C in the console of another process")
class Lab(SystemTest):
    """Types the commands of the page, as real processes.

    Only the port of the registry differs, so that two runs do not meet, and the folder of the
    files.
    """

    def setUp(self) -> None:
        super().setUp()
        with_ctrl_c(self)
        self.port = str(free_port())
        self.terminals: dict[str, Process] = {}

    def test_every_command_does_what_the_page_says(self) -> None:
        typed = 0
        for block in page.blocks(read().partition("## The attack lab")[2]):
            terminal = self.follow(block.notes)
            if page.file_of(block):
                self.cluster.file("thief.py", self.here("\n".join(block.lines)))
            elif block.info == "text":
                self.expect(self.terminals[terminal], block.lines)
            for command in page.commands(block):
                typed += 1
                process = self.type(command.text)
                if terminal:
                    self.terminals[terminal] = process
                    self.expect(process, command.output)
                else:
                    process = self.again_until_listed(process, command.text)
                    self.assertEqual(process.wait(START_S),
                                     2 if "exit code 2" in block.notes else 0, process.log)
                    self.assertEqual(page.difference(self.local(command.output),
                                                     process.log.splitlines()[1:]), "")
        self.assertGreater(typed, 10)

    def follow(self, notes: Sequence[str]) -> str:
        """Does what the comments before a block say; returns its terminal, or "" for none."""
        terminal = ""
        for note in notes:
            if note.startswith("Ctrl-C in terminal "):
                process = self.terminals.pop(note[-1])
                process.signal(signal.SIGINT)
                process.wait(PRINTS_S)
            elif note == "close all terminals":
                for process in self.terminals.values():
                    self.cluster.kill(process)
            else:
                match = TERMINAL.fullmatch(note)
                terminal = match[1] if match else terminal
        return terminal

    def type(self, command: str) -> Process:
        """Starts what a reader types, with the registry on the port of this run."""
        python, program, *arguments = shlex.split(self.here(command))
        self.assertEqual(python, "python3")
        if program == "registry.py" and "--make-key" not in arguments:
            arguments += ["--port", self.port]
        elif program in ("server.py", "client.py"):
            arguments += ["--registry", f"127.0.0.1:{self.port}"]
        return self.cluster.start(program, *arguments)

    def again_until_listed(self, process: Process, command: str) -> Process:
        """A test types faster than a reader: the first beat of the server may be on its way."""
        ends = time.monotonic() + PRINTS_S
        while process.wait(START_S) == NOBODY_LIVE and time.monotonic() < ends:
            process = self.type(command)
        return process

    def expect(self, process: Process, shown: Sequence[str]) -> None:
        """Waits until a terminal has printed what the page shows."""
        def missing() -> str:
            lines = process.log.splitlines()[1:]
            wanted = self.local(shown)
            begins = next((at for at, line in enumerate(lines)
                           if page.same(line) == page.same(wanted[0])), 0)
            return str(page.difference(wanted, lines[begins:], to_be_continued=True))

        try:
            wait_until(lambda: not missing(), PRINTS_S, "")
        except AssertionError:
            self.fail(f"{missing()}\n{process.log}")

    def local(self, shown: Sequence[str]) -> list[str]:
        return [self.here(line) for line in shown]

    def here(self, text: str) -> str:
        """The text of the page, with the port and the folder of this run."""
        for file in ("thief.py", "lab.key", "new.key"):
            text = re.sub(rf"(?<!# )\b{re.escape(file)}",
                          os.path.join(self.cluster.directory, file), text)
        return re.sub(r"\b4100\b", self.port, text)


class Page(unittest.TestCase):
    def test_every_named_test_exists(self) -> None:
        named = NAMED.findall(read())
        self.assertGreater(len(named), 10)
        for name in named:
            with self.subTest(name):
                self.assertTrue(is_a_test(name), name)

    def test_every_threat_that_is_met_names_a_test(self) -> None:
        """Each row of the table of defences names a test that proves it."""
        table = read().split("## What it defends against", 1)[1].split("\n## ", 1)[0]
        rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
        self.assertGreater(len(rows), 8)
        for row in rows:
            with self.subTest(row[:40]):
                self.assertRegex(row.rstrip(" |").rsplit("|", 1)[1], NAMED)


if __name__ == "__main__":
    unittest.main()
