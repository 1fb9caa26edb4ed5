"""Runs what a README says, as a reader would, and compares what is printed with what the README shows.

    python3 .ci/readme.py README.md

A README is read from top to bottom. What is in it for readers is also what is run:

    ```console      lines that begin with "$ " are commands; the lines after one are what it prints
    ```sh           every line is a command
    ```python       a program; its first line, such as "# services/shop.py", names the file that it is saved as

Comments that a reader does not see say the rest, each on a line of its own before a block or between paragraphs:

    <!-- terminal 2 -->                 the block is typed in a terminal of its own, where its command stays
    <!-- terminal 2 prints -->          the block is what that terminal has printed since, or the end of it
    <!-- Ctrl-C in terminal 2 -->       also Ctrl-\\ (a crash), Ctrl-Z (a freeze) and fg
    <!-- close all terminals -->        ends all that still runs
    <!-- exit code 3 -->                of the block's last command; 0 where nothing is said
    <!-- shape -->                      of the output only titles, proofs and sums are compared

A line "..." stands for any lines, and at the end of a line for its rest. Times, free ports and incarnations may
differ, and so may the number of a server, since nobody promises whose turn it is. The fixed ports of the lesson, 4100
and 4180, must be right.

Everything runs in a copy of the working tree, on this machine alone. A command that waits for keys gets a terminal
of its own (a pty) and somebody who presses Enter.
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

from page import Block, Command, Wrong, blocks, commands, difference, file_of, shape

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOCALES = {"README.md": "en_US.UTF-8", "README.pt-BR.md": "pt_BR.UTF-8"}      # where its readers are
FIXED_PORTS = (4100, 4180, 4188)    # registry, proxy, and the program that moves over
PORTS_FREE_S = 60.0                 # how long to wait for others to give them back
COMMAND_S = 300.0                   # the longest command: the demo, on a slow machine
PRINTS_S = 15.0                     # for a terminal to print what it shall
ENTER_S = 0.3                       # between two presses of Enter
ELSEWHERE = ("python3 -m unittest",)            # .ci/run runs it, on every Python
WAITS_FOR_KEYS = ("python3 demo.py",)
KEYS = {"Ctrl-C": signal.SIGINT, "Ctrl-\\": signal.SIGQUIT, "Ctrl-Z": signal.SIGSTOP, "fg": signal.SIGCONT}


# ---- terminals ------------------------------------------------------------------------------------------

class Terminal:
    """A command that stays, and all that it has printed. One thread reads."""

    def __init__(self, command: str, folder: str, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(["bash", "-c", f"ulimit -c 0; exec {command}"], cwd=folder, env=environment,
                                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                         start_new_session=True)
        self._changed = threading.Condition()
        self._printed: list[str] = []       # Guarded by self._changed.
        self._seen = 0                      # how many of them the README has spoken of
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def expect(self, shown: Sequence[str]) -> str:
        """Waits until it has printed what is shown, after what it had printed before; tells what is wrong."""
        deadline = time.monotonic() + PRINTS_S
        with self._changed:
            while True:
                wrong = difference(shown, self._printed[self._seen:], to_be_continued=True)
                if not wrong:
                    self._seen = len(self._printed)
                    return ""
                if time.monotonic() > deadline:
                    return "\n          ".join([wrong, "it printed:", *self._printed[self._seen:][-60:]])
                self._changed.wait(0.1)

    def press(self, key: str) -> None:
        """Sends the signal of a key, and waits for the end where the key asks for it."""
        with self._changed:
            self._seen = len(self._printed)
        self._process.send_signal(KEYS[key])
        if key in ("Ctrl-C", "Ctrl-\\"):
            self._process.wait(PRINTS_S)

    def close(self) -> None:
        """Ends it, in order if it can."""
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
    process = subprocess.Popen(["bash", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        printed, _ = process.communicate(timeout=COMMAND_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise Wrong(f"{command}: still running after {COMMAND_S:.0f} s") from None
    return process.returncode, printed.decode("utf-8", "replace").splitlines()


def run_with_keys(command: str, folder: str, environment: dict[str, str]) -> tuple[int, list[str]]:
    """The same for a command that wants a terminal: it gets one, and Enter again and again."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(["bash", "-c", command], cwd=folder, env={**environment, "TERM": "xterm"},
                               stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
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
            except OSError:         # Linux says so when the other end is closed
                return
        elif process.poll() is not None:
            return
        if time.monotonic() >= enter_at:
            enter_at = time.monotonic() + ENTER_S
            os.write(terminal, b"\n")
    process.kill()


# ---- running a README -----------------------------------------------------------------------------------

class Reader:
    """Somebody who does what the README says. A `with` block closes the terminals."""

    def __init__(self, folder: str, environment: dict[str, str]) -> None:
        self.failures = 0
        self.done = 0
        self._folder = folder
        self._environment = environment
        self._terminals: dict[str, Terminal] = {}

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._close_all()

    def read(self, block: Block) -> None:
        """Does all of a block; what goes wrong is printed and counted."""
        try:
            self._act(block)
            self._save(block)
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
                raise Wrong(f"nobody knows what <!-- {note} --> means")

    def _save(self, block: Block) -> None:
        name = file_of(block)
        if block.info == "python" and not name:
            raise Wrong("the first line of a program must name its file")
        if name:
            with open(os.path.join(self._folder, name), "w", encoding="utf-8") as file:
                file.write("\n".join(block.lines) + "\n")
            self._check(f"saved {name}", "")

    def _type(self, block: Block) -> None:
        typed = commands(block)
        terminal = next((note.split()[1] for note in block.notes if re.fullmatch(r"terminal \d+", note)), None)
        code = next((int(note.split()[2]) for note in block.notes if note.startswith("exit code")), 0)
        for number, command in enumerate(typed, 1):
            last = number == len(typed)
            if command.text in ELSEWHERE:
                print(f"  -       $ {command.text}    (a step of its own)", flush=True)
            elif last and terminal:
                self._check(f"[{terminal}] $ {command.text}", self._stay(terminal, command))
            else:
                self._check(f"$ {command.text}", self._run(command, code if last else 0, "shape" in block.notes))

    def _stay(self, name: str, command: Command) -> str:
        if name in self._terminals:
            self._terminals.pop(name).close()
        before = listening_ports()
        self._terminals[name] = Terminal(command.text, self._folder, self._environment)
        if command.output:
            return self._terminals[name].expect(command.output)
        deadline = time.monotonic() + PRINTS_S
        while listening_ports() == before:      # a program that says nothing: it is ready when it listens
            if time.monotonic() > deadline:
                return "it says nothing, and listens nowhere"
            time.sleep(0.1)
        return ""

    def _run(self, command: Command, code: int, by_shape: bool) -> str:
        runner = run_with_keys if command.text in WAITS_FOR_KEYS else run
        ended, printed = runner(command.text, self._folder, self._environment)
        if ended != code:
            return f"exit code {ended} instead of {code}; printed:\n" + "\n".join(printed[-20:])
        if by_shape:
            return difference(shape(command.output or ()), shape(printed))
        return "" if command.output is None else difference(command.output, printed)

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
    """Those of the lesson's ports that somebody listens on now."""
    return [port for port in FIXED_PORTS for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM) if not _free(port, kind)]


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
    """Copies what git knows or would add."""
    listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                            stdout=subprocess.PIPE).stdout.decode()
    for name in filter(None, listed.split("\0")):
        source, target = os.path.join(ROOT, name), os.path.join(folder, name)
        if os.path.isfile(source):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(source, target)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Runs every command of a README and compares the output.")
    parser.add_argument("readme", help="README.md or README.pt-BR.md")
    name = parser.parse_args(arguments).readme
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        found = blocks(file.read())
    signal.signal(signal.SIGINT, signal.default_int_handler)    # who runs in the background of a shell ignores these,
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)               # and so would all that we start
    deadline = time.monotonic() + PORTS_FREE_S
    while busy_ports() and time.monotonic() < deadline:
        time.sleep(1.0)
    if busy_ports():
        print(f"  FAILED  ports that the lesson uses are taken: {busy_ports()}. Stop whoever has them.")
        return 1
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LC_")}
    environment.update(LANG=LOCALES[os.path.basename(name)], PYTHONIOENCODING="utf-8", PYTHONDONTWRITEBYTECODE="1",
                       no_proxy="127.0.0.1")
    with tempfile.TemporaryDirectory(prefix="ponte-readme-") as folder:
        copy_of_the_tree(folder)
        with Reader(folder, environment) as reader:
            for block in found:
                reader.read(block)
    print(f"  {name}: {reader.done} checks, {reader.failures} failed", flush=True)
    return 1 if reader.failures or not reader.done else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
