"""Runs what the documents say, as a reader would, and compares what is printed with what they show.

    python3 .ci/readme.py README.md docs/lesson.md

A document is read from top to bottom, in a fresh copy of the working tree, on this machine alone.
What is in it for its readers is also what is run:

    ```console      lines that begin with "$ " are commands; the lines after one are its output
    ```sh           every line is a command
    ```python       a program; its first line, such as "# services/shop.py", names its file
    ```diff         edits: "@@ FILE", then the lines as in a diff; those that begin with a space
                    or "-" must stand in the file once, together

Comments that a reader does not see add the rest. Each has a line of its own, before a block or
between paragraphs:

    <!-- terminal 2 -->                 the block is typed in a terminal of its own; its last
                                        command goes on there
    <!-- terminal 2 prints -->          the block is what that terminal has printed since, or the
                                        end of it
    <!-- terminal 2 prints, of 1000 ms or more -->
                                        only lines that show such a time count
    <!-- terminal 2 prints, of server-1 -->
                                        only lines with exactly this text count
    <!-- terminal 2 prints no ✗ -->     it has printed no such text since the last key, or since
                                        the last lines of it that were shown
    <!-- Ctrl-C in terminal 2 -->       also Ctrl-\\ (a crash), Ctrl-Z (a freeze) and fg
    <!-- close all terminals -->        ends everything that still runs
    <!-- exit code 3 -->                of the block's last command; 0 where nothing is said
    <!-- shape -->                      of the output, only titles, proofs and sums are compared

A line "..." stands for any lines; at the end of a line, for its rest. Times, free ports and
incarnations may differ, and so may the number of a server, since nobody promises whose turn it is.
The fixed ports of the lesson, 4100 and 4180, must be right. What a terminal printed before a key
was pressed, in this or another one, does not count afterwards: so a line that a step promises is
seen because of its key.

A command that waits for keys gets a terminal of its own (a pty), in which Enter is pressed again
and again. The guided demo runs once for all documents of one language.

With `--windows FOLDER` the command python3 is the file of this name in FOLDER, which runs Windows'
own Python. What cannot be typed there is named.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Sequence

from page import (
    Block,
    Command,
    Wrong,
    blocks,
    commands,
    difference,
    edited,
    edits,
    file_of,
    shape,
)
from terminals import PRINTS_S, Terminal, run, run_with_keys
from tree import ROOT, copy_of_the_tree

# Registry, proxy, and the program that moves over.
FIXED_PORTS = (4100, 4180, 4188)
# Seconds to wait for another program to give these ports back.
PORTS_FREE_S = 60.0
# .ci/run runs these in a step of their own: the suite on every Python, and all of itself.
ELSEWHERE = ("python3 -m unittest", "bash .ci/run")
# .ci/windows does the same with these; and nobody presses keys in a console of Windows there.
NOT_ON_WINDOWS = (*ELSEWHERE, "python3 demo.py --auto", "python3 demo.py --auto --lang pt",
                  "python3 demo.py")
WAITS_FOR_KEYS = ("python3 demo.py",)
# Several documents show parts of what these print: they run once for each language.
RUN_ONCE = ("python3 demo.py --auto",)
KEYS = {"Ctrl-C": signal.SIGINT, "Ctrl-\\": signal.SIGQUIT, "Ctrl-Z": signal.SIGSTOP,
        "fg": signal.SIGCONT}
# Windows ends a program at once by Ctrl-Break or with its window. Wine makes Ctrl-C of its signal.
# A freeze is real there, too: Linux stops the process.
KEYS_ON_WINDOWS = {**KEYS, "Ctrl-\\": signal.SIGKILL}
# How a program on Windows names the command of Python.
PYTHON_ON_WINDOWS = re.compile(r"\bpy(thon)? (?=\w+\.py\b)")

# Exit code and lines of what ran once: (command, locale) -> result.
_results: dict[tuple[str, str], tuple[int, list[str]]] = {}


# ---- following a document ------------------------------------------------------------------------

class Reader:
    """Does what a document says, in `folder`. A `with` block closes the terminals.

    `on_windows`: python3 is Windows' own.
    """

    def __init__(self, folder: str, environment: dict[str, str], on_windows: bool) -> None:
        self.failures = 0
        self.done = 0
        self._folder = folder
        self._environment = environment
        self._keys = KEYS_ON_WINDOWS if on_windows else KEYS
        self._elsewhere = NOT_ON_WINDOWS if on_windows else ELSEWHERE
        self._rewritten = with_python3 if on_windows else str
        self._terminals: dict[str, Terminal] = {}
        # The files are no longer those of the project.
        self._has_edited = False

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._close_all()

    def follow(self, block: Block) -> None:
        """Does everything in a block; what goes wrong is printed and counted."""
        try:
            self._act(block)
            self._save(block)
            self._edit(block)
            self._type(block)
        except Wrong as wrong:
            self.failures += 1
            print(f"  FAILED  line {block.at}: {wrong}", flush=True)

    def _act(self, block: Block) -> None:
        for note in block.notes:
            key = re.fullmatch(r"(\S+) in terminal (\d+)", note)
            prints = re.fullmatch(r"terminal (\d+) prints(?:, of (.+))?", note)
            silent = re.fullmatch(r"terminal (\d+) prints no (.+)", note)
            if note == "close all terminals":
                self._close_all()
            elif key and key.group(1) in KEYS:
                pressed = self._terminal(key.group(2))
                for terminal in self._terminals.values():
                    terminal.look_away()
                pressed.press(self._keys[key.group(1)])
            elif prints:
                wrong = self._terminal(prints.group(1)).expect(["...", *block.lines],
                                                               prints.group(2) or "")
                self._check(note, wrong)
            elif silent:
                line = self._terminal(silent.group(1)).has_printed(silent.group(2))
                self._check(note, f"it printed {line!r}" if line else "")
            elif not re.fullmatch(r"terminal \d+|exit code \d+|shape", note):
                raise Wrong(f"<!-- {note} --> has no meaning")

    def _save(self, block: Block) -> None:
        name = file_of(block)
        if block.info == "python" and not name:
            raise Wrong("the first line of a program must name its file")
        if name:
            self._write(name, "\n".join(block.lines) + "\n")
            self._check(f"saved {name}", "")

    def _edit(self, block: Block) -> None:
        for edit in edits(block):
            path = os.path.join(self._folder, edit.file)
            if not os.path.isfile(path):
                raise Wrong(f"{edit.file} is to be edited, and is not there")
            with open(path, encoding="utf-8") as file:
                text = edited(file.read(), edit)
            self._write(edit.file, text)
            self._has_edited = True
            self._check(f"edited {edit.file}", "")

    def _write(self, name: str, text: str) -> None:
        path = os.path.join(self._folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def _type(self, block: Block) -> None:
        typed, notes = commands(block), block.notes
        terminal = next((n.split()[1] for n in notes if re.fullmatch(r"terminal \d+", n)), None)
        code = next((int(n.split()[2]) for n in notes if n.startswith("exit code")), 0)
        for number, command in enumerate(typed, 1):
            last = number == len(typed)
            if command.text in self._elsewhere:
                print(f"  -       $ {command.text}    (not typed here)", flush=True)
            elif last and terminal:
                self._check(f"[{terminal}] $ {command.text}", self._stay(terminal, command))
            else:
                wrong = self._run(command, code if last else 0, "shape" in notes)
                self._check(f"$ {command.text}", wrong)

    def _stay(self, name: str, command: Command) -> str:
        if name in self._terminals:
            self._terminals.pop(name).close()
        before = listening_ports()
        self._terminals[name] = Terminal(command.text, self._folder, self._environment,
                                         self._rewritten)
        if command.output:
            return self._terminals[name].expect(command.output)
        # A program that prints nothing is ready when it listens.
        deadline = time.monotonic() + PRINTS_S
        while listening_ports() == before:
            if time.monotonic() > deadline:
                return "it prints nothing, and listens nowhere"
            time.sleep(0.1)
        return ""

    def _run(self, command: Command, code: int, by_shape: bool) -> str:
        ended, printed = self._result_of(command.text)
        if ended != code:
            return f"exit code {ended} instead of {code}; printed:\n" + "\n".join(printed[-20:])
        if by_shape:
            return difference(shape(command.output or ()), shape(printed))
        return "" if command.output is None else difference(command.output, printed)

    def _result_of(self, text: str) -> tuple[int, list[str]]:
        """The exit code and the lines of a command, which may have run for an earlier document."""
        key = (text, self._environment["LANG"])
        shared = text in RUN_ONCE and not self._has_edited
        if shared and key in _results:
            return _results[key]
        runner = run_with_keys if text in WAITS_FOR_KEYS else run
        code, printed = runner(text, self._folder, self._environment)
        result = (code, [self._rewritten(line) for line in printed])
        if shared:
            _results[key] = result
        return result

    def _terminal(self, name: str) -> Terminal:
        if name not in self._terminals:
            raise Wrong(f"nothing runs in terminal {name}")
        return self._terminals[name]

    def _close_all(self) -> None:
        for terminal in reversed(list(self._terminals.values())):
            terminal.close()
        self._terminals.clear()

    def _check(self, what: str, wrong: str) -> None:
        self.done += 1
        if wrong:
            raise Wrong(f"{what}\n          {wrong}")
        print(f"  ok      {what}", flush=True)


def with_python3(line: str) -> str:
    """A line that was printed on Windows, with the command of Python as documents show it."""
    return PYTHON_ON_WINDOWS.sub("python3 ", line)


def busy_ports() -> list[int]:
    """Those of the lesson's ports that another program has now."""
    return [port for port in FIXED_PORTS for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
            if not _free(port, kind)]


def _free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as sock:
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def listening_ports() -> list[int]:
    """Those of the lesson's TCP ports that take a connection now."""
    found = []
    for port in FIXED_PORTS:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                found.append(port)
    return found


def environment_for(name: str, windows: str) -> dict[str, str]:
    """The environment of the document's readers: a page in Portuguese is read in Brazil.

    `windows`: the folder of Windows' python3, or an empty string.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LC_")}
    is_portuguese = name.endswith((".pt-BR.md", ".pt.md"))
    environment.update(LANG="pt_BR.UTF-8" if is_portuguese else "en_US.UTF-8",
                       PYTHONIOENCODING="utf-8", PYTHONDONTWRITEBYTECODE="1",
                       no_proxy="127.0.0.1")
    if windows:
        environment["PATH"] = windows + os.pathsep + environment["PATH"]
    return environment


def follow(name: str, windows: str) -> bool:
    """Does everything that a document says, in a copy of the tree; whether all of it is true."""
    print(f"{name}", flush=True)
    deadline = time.monotonic() + PORTS_FREE_S
    while busy_ports() and time.monotonic() < deadline:
        time.sleep(0.2)
    if busy_ports():
        print(f"  FAILED  other programs have ports of the lesson: {busy_ports()}. Stop them.")
        return False
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        found = blocks(file.read())
    with tempfile.TemporaryDirectory(prefix="ponte-readme-") as folder:
        copy_of_the_tree(folder)
        with Reader(folder, environment_for(name, windows), bool(windows)) as reader:
            for block in found:
                reader.follow(block)
    print(f"  {name}: {reader.done} checks, {reader.failures} failed", flush=True)
    return reader.done > 0 and not reader.failures


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description="Runs every command of some documents and compares the output.")
    parser.add_argument("documents", nargs="+", metavar="DOCUMENT",
                        help="such as README.md or docs/lesson.pt-BR.md")
    parser.add_argument("--windows", metavar="FOLDER", default="",
                        help="python3 is the one in this folder, which is Windows' own")
    asked = parser.parse_args(arguments)
    # A process in the background of a shell ignores these signals, and so would its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    # The programs in the terminals end with it, also when it is told to end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results = [follow(name, asked.windows) for name in asked.documents]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
