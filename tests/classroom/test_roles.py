"""One role in a terminal of its own: a name and a file for a server, and the counters."""

from __future__ import annotations

import threading
import unittest
import unittest.mock
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from classroom import caller, roles
from classroom.language import Words
from classroom.next_command import read_options
from ponte.net.address import show
from ponte.net.tls import Tls
from registry import Registry
from server import Server
from tests.classroom.streams import Stream
from tests.net.certificates import Certificates, needs_openssl


class RolesTest(unittest.TestCase):
    def test_the_counters_are_read_from_the_status(self) -> None:
        words = Words("en")
        status: dict[str, Any] = {"datagrams": {"ack": 7},
                                  "endpoints": [{"state": "up"}, {"state": "suspect"}]}
        self.assertIn("heartbeats: 7, 2.0/s · up: 1, suspect",
                      roles.counters("registry", status, 2.0, words))
        status = {"requests": {"calls": 3, "repeats": 1}, "beats_acked": 9}
        self.assertIn("calls: 3, answered from memory: 1",
                      roles.counters("server", status, 0.0, words))
        status = {"requests": {"calls": 3, "retries": 1}, "services": {"greeter": [{}, {}]}}
        self.assertIn("greeter 2", roles.counters("proxy", status, 0.0, words))

class ServerStart(unittest.TestCase):
    """The words of `demo.py server`, completed to those of server.py. No registry answers."""

    nowhere = "--registry=127.0.0.1:9"

    def complete(self, *words: str) -> list[str]:
        start = roles._complete_server([*words, self.nowhere])
        if start.own:
            self.addCleanup(start.own.held.close)
        return start.arguments

    def test_a_name_and_a_file_may_be_given_in_any_order(self) -> None:
        for words in (("blue", "services/bank.py"), ("services/bank.py", "blue")):
            self.assertEqual(["services/bank.py", "--name", "blue", self.nowhere],
                             self.complete(*words))
        self.assertEqual(["services/bank.py", "--name=red", self.nowhere],
                         self.complete("services/bank.py", "--name=red"))

    def test_no_two_servers_choose_the_same_name(self) -> None:
        """Also before there is a registry, which could say what is taken."""
        names = [self.complete()[-1] for _ in range(3)]
        self.assertEqual(3, len(set(names)), names)
        for name in names:
            self.assertRegex(name, r"server-\d+")

    def test_where_other_machines_choose_too_the_name_is_left_to_server_py(self) -> None:
        """It makes one that has the address of the machine in it."""
        for registry in ("192.0.2.77:4100", "127.0.0.1:9,192.0.2.77:4100"):
            with self.subTest(registry), \
                    unittest.mock.patch("classroom.roles._names_in_use", return_value={"a", "b"}):
                start = roles._complete_server(["--host", "0.0.0.0", "--registry", registry])
                self.assertIsNone(start.own)
                self.assertNotIn("--name", start.arguments)
                self.assertEqual(2, start.servers)


class LessonClient(unittest.TestCase):
    def test_a_number_of_calls_that_is_none_is_refused(self) -> None:
        for text in ("-5", "x", "1.5"):
            with self.subTest(text), redirect_stderr(Stream()) as error, \
                    self.assertRaises(SystemExit):
                caller.command_line().parse_args([f"--repeat={text}"])
            self.assertIn("not a count", error.getvalue())
        self.assertEqual(0, caller.command_line().parse_args(["--repeat", "0"]).repeat)


def hello(text: str) -> str:
    return text


@needs_openssl
class TlsTest(unittest.TestCase):
    """Where a role is given certificates, what the classroom adds to it uses them too."""

    files: Certificates

    @classmethod
    def setUpClass(cls) -> None:
        cls.files = Certificates(cls)

    def setUp(self) -> None:
        tls = Tls(self.files.local, ca=self.files.ca)
        self.registry = Registry(port=0, tls=tls)
        self.addCleanup(self.registry.close)
        self.registry.start()
        server = Server("greeter", [hello], registries=[self.registry.address], name="server-1",
                        tls=tls)
        self.addCleanup(server.close)
        server.start()
        self.options = ["--registry", show(self.registry.address)]
        self.mine = [*self.options, "--tls-cert", self.files.local, "--tls-ca", self.files.ca]

    def test_a_server_gets_a_name_that_is_free(self) -> None:
        """Else the second server would take the first one's place."""
        for options, taken in ((self.mine, {"server-1"}), (self.options, set())):
            # No registry answers without a certificate.
            with self.subTest(options):
                chosen = read_options("server", ["greeter.py", *options])
                self.assertEqual(taken, roles._names_in_use("greeter", chosen))
        start = roles._complete_server(["services/greeter.py", *self.mine])
        assert start.own
        start.own.held.close()
        self.assertEqual(["--name", start.own.name], start.arguments[-2:])
        self.assertNotEqual("server-1", start.own.name)
        self.assertEqual(1, start.servers)

    def test_the_counters_are_read(self) -> None:
        """Also without an authority, where the role has signed its certificate itself."""
        with Registry(port=0, tls=Tls(self.files.alone)) as alone:
            for arguments, address in ((self.mine, self.registry.address),
                                       (["--tls-cert", self.files.alone], alone.address)):
                terminal = roles._Terminal("registry", arguments, Words("en"), "demo.py")
                terminal._address = address
                shown = threading.Event()

                def show_line(line: str, shown: threading.Event = shown) -> None:
                    if line:
                        shown.set()

                with self.subTest(arguments), \
                        unittest.mock.patch.object(roles, "FILE_S", 0.01), \
                        unittest.mock.patch.object(terminal._console, "show", show_line):
                    terminal._counts.start()
                    self.assertTrue(shown.wait(5.0))
                    terminal.close()
                    terminal._counts.join(5.0)

    def test_the_client_of_a_lesson_calls(self) -> None:
        with redirect_stdout(Stream("utf-8")) as out, \
                unittest.mock.patch("classroom.caller.start_logging"):
            self.assertEqual(0, caller.main(["--repeat", "1", *self.mine], Words("en")))
        self.assertIn('hello("Hello")', out.getvalue())


if __name__ == "__main__":
    unittest.main()
