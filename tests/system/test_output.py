"""Output that cannot be written: a pipe that nobody reads, a full disk, a stream that is closed."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

from tests.system.cluster import SystemTest
from tests.system.harness import PATIENCE, ROOT, START_S, free_port, wait_until
from tests.windows import windows_cannot

GREETER = "services/greeter.py"
# The port "discard", where nothing listens.
NOWHERE = "127.0.0.1:9"
EXIT_FAULT, EXIT_UNWRITTEN = 3, 6
# Seconds. What a stop takes at most whose output is blocked, while other tests use the processor.
BLOCKED_STOP_S = 6.0
# How many processes start at the same time.
AT_ONCE = 4
# More than a pipe of any system holds.
PIPE_BYTES = 1_000_000
# What decorates a test that writes to a disk that is full.
with_dev_full = unittest.skipUnless(os.path.exists("/dev/full"), "needs /dev/full")
if sys.platform == "win32":
    # Under Wine, Windows sees that file of Linux; but Windows itself has none that is always full.
    with_dev_full = windows_cannot("it has no file that is always full")


@contextlib.contextmanager
def full_pipe() -> Iterator[int]:
    """The writing end of a pipe that is full, and that nobody reads."""
    read, write = os.pipe()
    full = threading.Event()
    filling = threading.Thread(target=fill, args=(write, full), daemon=True)
    filling.start()
    full.wait()
    try:
        yield write
    finally:
        os.close(read)
        filling.join()
        os.close(write)


def fill(pipe: int, full: threading.Event) -> None:
    """Fills a pipe. On Windows it then waits at the pipe, until the reading end is closed."""
    if sys.platform == "win32":
        full.set()
        with contextlib.suppress(OSError):
            os.write(pipe, b"x" * PIPE_BYTES)
        return
    os.set_blocking(pipe, False)
    # A last byte may fit where a page does not.
    for block in (b"x" * 4096, b"x"):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(pipe, block)
    os.set_blocking(pipe, True)
    full.set()


class Blocked(SystemTest):
    """A process ends when it is told to, whatever its output is blocked by."""

    def start(self, port: int, *arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-S", *arguments, "--port", str(port)],
                                   cwd=ROOT, stdin=subprocess.PIPE, **streams)
        assert process.stdin
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def serves(self, process: subprocess.Popen[bytes], port: int) -> bool:
        self.assertIsNone(process.poll(), process.args)
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", port)) == 0

    @staticmethod
    def stop(process: subprocess.Popen[bytes], by: signal.Signals) -> None:
        """By a signal. Windows has none, and there the standard input of the process ends."""
        if sys.platform == "win32":
            assert process.stdin
            process.stdin.close()
        else:
            process.send_signal(by)

    def assert_end(self, *programs: tuple[str, ...], by: signal.Signals, **streams: Any) -> None:
        """These processes end when they are told to."""
        options = ("--until-eof",) if sys.platform == "win32" else ()
        ports = [free_port() for _ in programs]
        processes = [self.start(port, *words, "--registry", NOWHERE, *options, **streams)
                     for port, words in zip(ports, programs)]
        for process, port in zip(processes, ports):
            wait_until(functools.partial(self.serves, process, port), START_S,
                       f"{process.args!r} serves")
            self.stop(process, by)
        ends_by = time.monotonic() + BLOCKED_STOP_S * PATIENCE
        for process in processes:
            with self.subTest(process.args, by=by):
                self.assertEqual(process.wait(ends_by - time.monotonic()), 0)

    def test_a_full_pipe_does_not_keep_a_process_alive(self) -> None:
        """From its banner on, which does not fit into the pipe either."""
        with full_pipe() as pipe:
            self.assert_end(("registry.py",), ("server.py", GREETER), ("proxy.py",),
                            ("demo.py", "registry"), by=signal.SIGTERM, stdout=pipe, stderr=pipe)
            self.assert_end(("server.py", GREETER), ("demo.py", "registry"), by=signal.SIGINT,
                            stdout=pipe, stderr=subprocess.DEVNULL)
            self.assert_end(("server.py", GREETER), by=signal.SIGTERM, stdout=subprocess.DEVNULL,
                            stderr=pipe)


class NotServingYet(SystemTest):
    """Until a process serves, a signal ends it at once."""

    @windows_cannot("it has no SIGTERM")
    def test_a_signal_ends_a_server_whose_file_is_still_loading(self) -> None:
        """Also one that waits for input, and catches whatever it is told by an exception."""
        file = self.cluster.file("slow.py", """
            import sys
            while True:
                try:
                    print("loading", flush=True)
                    sys.stdin.read()
                except BaseException:
                    pass
            def f(): pass
            """)
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)):
            with self.subTest(number):
                server = self.cluster.start("server.py", file, "--registry", NOWHERE)
                server.wait_for_line("loading", START_S)
                server.signal(number)
                self.assertEqual(server.wait(START_S), code, server.log)
                self.assertEqual(server.err, "")


class Unwritten(SystemTest):
    """What a client printed is lost; its exit code is not."""

    @classmethod
    def setUpClass(cls) -> None:
        cluster = cls.share_cluster()
        cluster.start_registry()
        cluster.start_servers(GREETER, "one")

    def ran(self, *words: str, shell: str = "", out: int | IO[str] = subprocess.PIPE,
            program: str = "client.py", unbuffered: str = "") -> tuple[int, str]:
        """The exit code and the standard error of a client; `shell` redirects its streams."""
        environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        command = [sys.executable, "-S", program, *self.cluster.registry_option(), *words]
        if shell:
            command = ["sh", "-c", f'"$@" {shell}', "sh", *command]
        with tempfile.TemporaryFile("w+", encoding="utf-8") as err:
            code = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=err, timeout=START_S * PATIENCE, check=False,
                                  env=environment).returncode
            err.seek(0)
            return code, err.read()

    def assert_unwritten(self, code: int, err: str, why: str) -> None:
        self.assertEqual(code, EXIT_UNWRITTEN, err)
        self.assert_one_line(err, "client: the call ran, but its value cannot be written", why)

    @with_dev_full
    def test_a_full_disk_is_one_line_and_a_code_of_its_own(self) -> None:
        """The call ran. Of several calls, no further one is made."""
        with open("/dev/full", "w", encoding="utf-8") as full:
            for unbuffered in ("", "1"):
                self.assert_unwritten(*self.ran("greeter", "hello", "Hello", out=full,
                                                unbuffered=unbuffered), "No space")
            self.assert_unwritten(*self.ran("greeter", "hello", "Hello", "--repeat", "0",
                                            out=full), "No space")

    def test_a_reader_that_has_gone_and_a_closed_stream_are_the_same(self) -> None:
        read, write = os.pipe()
        os.close(read)
        self.addCleanup(os.close, write)
        self.assert_unwritten(*self.ran("greeter", "hello", "Hello", out=write), "Broken pipe")
        # Windows has no shell that closes a stream.
        if sys.platform != "win32":
            self.assert_unwritten(*self.ran("greeter", "hello", "Hello", shell=">&-"), "closed")

    @with_dev_full
    def test_the_exit_code_stays_where_standard_error_cannot_be_written_either(self) -> None:
        runs = ((">&- 2>&-", EXIT_UNWRITTEN, "greeter", "hello", "Hello"),
                (">/dev/full 2>&1", EXIT_UNWRITTEN, "greeter", "hello", "Hi"),
                ("2>&-", EXIT_FAULT, "greeter", "hello"),
                ("2>/dev/full", EXIT_FAULT, "greeter", "hello"),
                ("2>/dev/full", 0, "greeter", "hello", "Hello", "--trace"),
                ("2>&-", 2, "greeter"), ("2>/dev/full", 2, "greeter"))
        with ThreadPoolExecutor(AT_ONCE) as threads:
            ended = threads.map(lambda run: self.ran(*run[2:], shell=run[0]), runs)
            for (shell, code, *words), (ended_with, err) in zip(runs, ended):
                with self.subTest(shell, words=words):
                    self.assertEqual((ended_with, err), (code, ""))

    @with_dev_full
    def test_every_program_says_so_in_one_line(self) -> None:
        """Help, and the banner of a process that then does not go on."""
        with open("/dev/full", "w", encoding="utf-8") as full:
            for program, *words in (("client.py", "--help"), ("registry.py", "--port", "0"),
                                    ("server.py", GREETER)):
                # Unbuffered, argparse would pass over the error.
                unbuffered = "1" if words == ["--help"] else ""
                with self.subTest(program, words=words):
                    code, err = self.ran(*words, out=full, program=program, unbuffered=unbuffered)
                    self.assertEqual(code, 1, err)
                    self.assert_one_line(err, "output cannot be written: No space")


if __name__ == "__main__":
    unittest.main()
