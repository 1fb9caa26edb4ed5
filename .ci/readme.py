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
    <!-- Ctrl-C in terminal 2 -->       also Ctrl-\\ (a crash), Ctrl-Z (a freeze) and fg
    <!-- close all terminals -->        ends everything that still runs
    <!-- exit code 3 -->                of the block's last command; 0 where nothing is said
    <!-- shape -->                      of the output, only titles, proofs and sums are compared

A line "..." stands for any lines; at the end of a line, for its rest. Times, free ports and
incarnations may differ, and so may the number of a server, since nobody promises whose turn it is.
The fixed ports of the lesson, 4100 and 4180, must be right.

A command that waits for keys gets a terminal of its own (a pty), in which Enter is pressed again
and again. The guided demo runs once for all documents of one language.
"""

from __future__ import annotations

import argparse
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence

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

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Registry, proxy, and the program that moves over.
FIXED_PORTS = (4100, 4180, 4188)
# Seconds to wait for another program to give these ports back.
PORTS_FREE_S = 60.0
# Seconds that the longest command may take: the demo, on a slow machine.
COMMAND_S = 300.0
# Seconds for a terminal to print what it should.
PRINTS_S = 15.0
# Seconds between two presses of Enter.
ENTER_S = 0.3
# .ci/run runs these in a step of their own: the suite on every Python, and all of itself.
ELSEWHERE = ("python3 -m unittest", "bash .ci/run")
WAITS_FOR_KEYS = ("python3 demo.py",)
# Several documents show parts of what these print: they run once for each language.
RUN_ONCE = ("python3 demo.py --auto",)
KEYS = {"Ctrl-C": signal.SIGINT, "Ctrl-\\": signal.SIGQUIT, "Ctrl-Z": signal.SIGSTOP,
        "fg": signal.SIGCONT}

# Exit code and lines of what ran once: (command, locale) -> result.
_results: dict[tuple[str, str], tuple[int, list[str]]] = {}


# ---- terminals -----------------------------------------------------------------------------------

class Terminal:
    """A command that goes on, and everything that it has printed. One thread reads."""

    def __init__(self, command: str, folder: str, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "-c", f"ulimit -c 0; exec {command}"], cwd=folder, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True)
        self._changed = threading.Condition()
        # Guarded by self._changed: the lines so far, and how many of them the document has shown.
        self._printed: list[str] = []
        self._seen = 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def expect(self, shown: Sequence[str]) -> str:
        """Waits until it has printed, after the last lines that were shown, what is shown now.

        Returns what is wrong, an empty string if nothing is.
        """
        deadline = time.monotonic() + PRINTS_S
        with self._changed:
            while True:
                printed = self._printed[self._seen:]
                wrong = difference(shown, printed, to_be_continued=True)
                if not wrong:
                    self._seen = len(self._printed)
                    return ""
                if time.monotonic() > deadline:
                    return "\n          ".join([wrong, "it printed:", *printed[-60:]])
                self._changed.wait(0.1)

    def press(self, key: str) -> None:
        """Sends the signal of a key, and waits for the end where the key asks for it."""
        with self._changed:
            self._seen = len(self._printed)
        self._process.send_signal(KEYS[key])
        if key in ("Ctrl-C", "Ctrl-\\"):
            self._process.wait(PRINTS_S)

    def close(self) -> None:
        """Ends it: by Ctrl-C, or by a kill if it does not end in time."""
        for number in (signal.SIGCONT, signal.SIGINT, signal.SIGKILL):
            if self._process.poll() is None:
                self._process.send_signal(number)
                if number != signal.SIGCONT:
                    self._wait(5.0)
        self._thread.join(5.0)
        if self._process.stdout:
            self._process.stdout.close()

    def _wait(self, timeout_s: float) -> None:
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            print("        (did not end in time: killed)", flush=True)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._changed:
                self._printed.append(line.decode("utf-8", "replace").rstrip())
                self._changed.notify_all()


def run(command: str, folder: str, environment: dict[str, str]) -> tuple[int, list[str]]:
    """Runs a command to its end; its exit code and what it printed."""
    process = subprocess.Popen(["bash", "-c", command], cwd=folder, env=environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    try:
        printed, _ = process.communicate(timeout=COMMAND_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise Wrong(f"{command}: still running after {COMMAND_S:.0f} s") from None
    return process.returncode, printed.decode("utf-8", "replace").splitlines()


def run_with_keys(command: str, folder: str, environment: dict[str, str]) -> tuple[int, list[str]]:
    """The same for a command that wants a terminal: it gets one, and Enter again and again."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(["bash", "-c", command], cwd=folder,
                               env={**environment, "TERM": "xterm"}, stdin=theirs, stdout=theirs,
                               stderr=theirs, start_new_session=True)
    os.close(theirs)
    printed = b"".join(_press_enter(ours, process))
    os.close(ours)
    return process.wait(COMMAND_S), printed.decode("utf-8", "replace").splitlines()


def _press_enter(terminal: int, process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    deadline, enter_at = time.monotonic() + COMMAND_S, 0.0
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                yield os.read(terminal, 65536)
            except OSError:
                # How Linux reports that the other end is closed.
                return
        elif process.poll() is not None:
            return
        if time.monotonic() >= enter_at:
            enter_at = time.monotonic() + ENTER_S
            os.write(terminal, b"\n")
    process.kill()


# ---- following a document ------------------------------------------------------------------------

class Reader:
    """Does what a document says, in `folder`. A `with` block closes the terminals."""

    def __init__(self, folder: str, environment: dict[str, str]) -> None:
        self.failures = 0
        self.done = 0
        self._folder = folder
        self._environment = environment
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
            prints = re.fullmatch(r"terminal (\d+) prints", note)
            if note == "close all terminals":
                self._close_all()
            elif key and key.group(1) in KEYS:
                self._terminal(key.group(2)).press(key.group(1))
            elif prints:
                wrong = self._terminal(prints.group(1)).expect(["...", *block.lines])
                self._check(f"terminal {prints.group(1)} prints", wrong)
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
            if command.text in ELSEWHERE:
                print(f"  -       $ {command.text}    (a step of its own)", flush=True)
            elif last and terminal:
                self._check(f"[{terminal}] $ {command.text}", self._stay(terminal, command))
            else:
                wrong = self._run(command, code if last else 0, "shape" in notes)
                self._check(f"$ {command.text}", wrong)

    def _stay(self, name: str, command: Command) -> str:
        if name in self._terminals:
            self._terminals.pop(name).close()
        before = listening_ports()
        self._terminals[name] = Terminal(command.text, self._folder, self._environment)
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
        result = runner(text, self._folder, self._environment)
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


def copy_of_the_tree(folder: str) -> None:
    """Copies the files that git knows or would add."""
    listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT,
                            check=True, stdout=subprocess.PIPE).stdout.decode()
    for name in filter(None, listed.split("\0")):
        source, target = os.path.join(ROOT, name), os.path.join(folder, name)
        if os.path.isfile(source):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(source, target)


def environment_for(name: str) -> dict[str, str]:
    """The environment of the document's readers: a page in Portuguese is read in Brazil."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LC_")}
    environment.update(LANG="pt_BR.UTF-8" if name.endswith(".pt-BR.md") else "en_US.UTF-8",
                       PYTHONIOENCODING="utf-8", PYTHONDONTWRITEBYTECODE="1",
                       no_proxy="127.0.0.1")
    return environment


def follow(name: str) -> bool:
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
        with Reader(folder, environment_for(name)) as reader:
            for block in found:
                reader.follow(block)
    print(f"  {name}: {reader.done} checks, {reader.failures} failed", flush=True)
    return reader.done > 0 and not reader.failures


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description="Runs every command of some documents and compares the output.")
    parser.add_argument("documents", nargs="+", metavar="DOCUMENT",
                        help="such as README.md or docs/lesson.pt-BR.md")
    names = parser.parse_args(arguments).documents
    # A process in the background of a shell ignores these signals, and so would its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    results = [follow(name) for name in names]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
