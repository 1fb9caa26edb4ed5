"""What Windows does otherwise. Where only Windows has it, the test runs there alone."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from typing import Any, ClassVar
from unittest import mock

from ponte.net import pool, windows
from ponte.net.loop import Loop
from ponte.net.message import Reply, Request
from tests.net.engines import EngineCase, OfEvents, Trying
from tests.net.peers import OK, PATIENCE_S, Mute, connected, post, soon

# A tenth of what a loop has on Windows: of callers, and of connections that it keeps.
CALLERS, KEPT = windows.LOOP_CALLERS // 10, windows.LOOP_KEPT // 10


class Narrow(selectors.DefaultSelector):
    """Takes only so many sockets, as `select` does there."""

    limit = 2 * CALLERS + KEPT + 2
    most: ClassVar[list[int]] = [0]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        sockets = len(self.get_map())
        self.most[0] = max(self.most[0], sockets)
        if sockets > self.limit:
            raise ValueError("too many file descriptors in select()")
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(timeout)
        return ready


class Limits(OfEvents, EngineCase, unittest.TestCase):
    """A loop never has more sockets than `select` takes, whatever its callers do."""

    def test_the_shares_make_no_more_than_select_takes(self) -> None:
        """Callers, a call for each of them, kept connections, the bell, the listening socket."""
        self.assertLess(2 * windows.LOOP_CALLERS + windows.LOOP_KEPT + 2, windows.SELECT_SOCKETS)
        if sys.platform == "win32":
            self.assertEqual(Loop.max_connections, windows.LOOP_CALLERS)
            self.assertEqual(pool.POOL_SIZE, windows.LOOP_KEPT)

    def test_callers_of_several_services_in_turn(self) -> None:
        """The connections to one service are kept while those to the next are made."""
        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(Mute()) for _ in range(4)]

            def begin(request: Request, *_: object) -> Reply | Trying:
                return Trying(servers[int(request.target[1:])].address)

            stack.enter_context(mock.patch("ponte.net.loop.selectors.DefaultSelector", Narrow))
            stack.enter_context(mock.patch.object(pool, "POOL_SIZE", KEPT))
            engine = stack.enter_context(self.running(begin, max_connections=CALLERS))
            callers = [stack.enter_context(connected(engine.address)) for _ in range(CALLERS)]
            for number, server in enumerate(servers):
                for caller in callers:
                    caller.socket.sendall(post(f"/{number}"))
                # All calls are on their way before the first one is answered.
                for connection in [stack.enter_context(server.asked()) for _ in callers]:
                    connection.send(OK, soon())
                for caller in callers:
                    reply = caller.read(soon())
                    self.assertEqual(reply and reply.body, b"ok")
        # It came close.
        self.assertGreater(Narrow.most[0], 2 * CALLERS + KEPT // 2)


class Words(unittest.TestCase):
    """The numbers of errors have words on every system."""

    def test_every_number_of_a_failed_connect_has_words(self) -> None:
        for number in (errno.ECONNREFUSED, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH,
                       errno.ECONNRESET, errno.EADDRINUSE, errno.ENOENT):
            with self.subTest(errno.errorcode[number]):
                text = windows.error_text(number)
                self.assertRegex(text, r"^\w.*[^.\s]$")
                self.assertNotIn("nknown error", text)
                self.assertNotIn("\n", text)


class Refusals(unittest.TestCase):
    def test_a_port_of_this_machine_where_nobody_listens_refuses_at_once(self) -> None:
        for host, family in (("127.0.0.1", socket.AF_INET), ("192.0.2.1", socket.AF_INET)):
            with self.subTest(host), socket.socket(family) as sock:
                # Also an address to which this is not done, and a system that has not got it.
                windows.refuse_at_once(sock, host)
        with Mute() as server:
            port = server.address[1]
        with socket.socket() as sock:
            windows.refuse_at_once(sock, "127.0.0.1")
            began = time.monotonic()
            with self.assertRaises(ConnectionRefusedError):
                sock.connect(("127.0.0.1", port))
            self.assertLess(time.monotonic() - began, 1.0)


if sys.platform == "win32":
    import ctypes

    class Requests(unittest.TestCase):
        """Here the system notes what it is asked before a connect."""

        def asked(self, host: str, knows: bool = True) -> list[tuple[int, bytes]]:
            """The code and the parameters of each request; `knows`: whether it understands it."""
            requests: list[tuple[int, bytes]] = []

            def note(handle: int, code: int, parameters: Any, size: int, *_: object) -> int:
                self.assertEqual(handle, sock.fileno())
                requests.append((code, ctypes.string_at(parameters, size)[:3]))
                return 0

            with mock.patch.object(windows, "REFUSES_AT_ONCE", knows), \
                    mock.patch.object(windows, "_sockets") as sockets, socket.socket() as sock:
                sockets.WSAIoctl.side_effect = note
                windows.refuse_at_once(sock, host)
            return requests

        def test_on_loopback_a_refused_connect_is_not_tried_again(self) -> None:
            """Two bytes: the timeout stays. The third one: so often is it tried again."""
            for host in ("127.0.0.1", "127.0.0.2", "::1"):
                with self.subTest(host):
                    self.assertEqual(self.asked(host), [(0x98000011, b"\xff\xff\xfe")])

        def test_a_connect_to_another_machine_stays_as_it_is(self) -> None:
            """There, a segment may be lost."""
            for host in ("192.0.2.1", "2001:db8::1"):
                with self.subTest(host):
                    self.assertEqual(self.asked(host), [])

        def test_a_windows_that_takes_the_third_byte_for_a_number_is_not_asked(self) -> None:
            self.assertEqual(self.asked("127.0.0.1", knows=False), [])

    class Processes(unittest.TestCase):
        """A process that is frozen does nothing, and goes on afterwards."""

        def test_a_suspended_process_does_nothing_until_it_is_resumed(self) -> None:
            program = "while input(): print('here', flush=True)"
            with subprocess.Popen([sys.executable, "-S", "-c", program], text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
                self.addCleanup(process.kill)
                assert process.stdin and process.stdout
                lines: list[str] = []
                reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()))
                process.stdin.write("go\n")
                process.stdin.flush()
                self.assertEqual(process.stdout.readline(), "here\n")
                windows.suspend(process.pid)
                reader.start()
                process.stdin.write("go\n\n")
                process.stdin.flush()
                # It would answer within a few milliseconds.
                reader.join(0.3)
                self.assertEqual(lines, [])
                windows.resume(process.pid)
                reader.join(PATIENCE_S)
                self.assertEqual(lines, ["here\n"])

        def test_a_process_that_is_not_there_cannot_be_suspended(self) -> None:
            for tell in (windows.suspend, windows.resume):
                with self.assertRaises(OSError):
                    # The numbers of processes are multiples of four.
                    tell(2 ** 31 + 1)

    class Files(unittest.TestCase):
        def test_a_file_that_was_taken_from_others_can_be_read_by_its_owner(self) -> None:
            """Whether it worked or not."""
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "a key")
                with open(path, "w", encoding="ascii") as file:
                    file.write("secret")
                windows.keep_to_owner(path)
                with open(path, encoding="ascii") as file:
                    self.assertEqual(file.read(), "secret")
                self.assertIs(windows.keep_to_owner(os.path.join(folder, "missing")), False)

        def kept(self, *ends: subprocess.CompletedProcess[bytes] | Exception) -> bool:
            """What is told where the commands of the system end so, one after the other."""
            user = {"SystemRoot": "C:\\Win", "USERDOMAIN": "LAB", "USERNAME": "ana"}
            with mock.patch.dict(os.environ, user), \
                    mock.patch("subprocess.run", side_effect=ends) as run:
                told = windows.keep_to_owner("a key")
            command = "C:\\Win\\System32\\icacls.exe"
            commands = [call.args[0] for call in run.call_args_list]
            self.assertEqual(commands, [
                [command, "a key", "/inheritance:r", "/grant:r", "LAB\\ana:F"],
                [command, "a key"]][:len(ends)])
            # Else a command that fails would pass for one that worked.
            self.assertTrue(all(call.kwargs["check"] for call in run.call_args_list))
            return told

        def test_a_file_is_its_owners_where_the_system_names_nobody_else(self) -> None:
            done = subprocess.CompletedProcess([], 0, b"processed file: a key\r\n")
            ana, others = b"a key LAB\\ana:(F)\r\n", b"      BUILTIN\\Users:(I)(RX)\r\n"
            failed = subprocess.CalledProcessError(5, "icacls")
            for shown, kept in ((ana, True), (ana + others, False), (b"", False)):
                with self.subTest(shown):
                    self.assertIs(self.kept(done, subprocess.CompletedProcess([], 0, shown)), kept)
            for ends in ((failed,), (OSError("no such command"),), (done, failed),
                         (done, OSError("no such command"))):
                with self.subTest(ends):
                    self.assertIs(self.kept(*ends), False)

    class Keys(unittest.TestCase):
        def test_what_was_typed_before_is_dropped(self) -> None:
            typed = ["a", "\r"]
            with mock.patch("msvcrt.kbhit", lambda: bool(typed)), \
                    mock.patch("msvcrt.getwch", typed.pop):
                windows.forget_typed_keys()
            self.assertEqual(typed, [])


if __name__ == "__main__":
    unittest.main()
