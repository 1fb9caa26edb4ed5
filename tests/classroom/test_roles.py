"""One role in a terminal of its own: the next command, a free name, and the counters."""

from __future__ import annotations

import threading
import unittest
import unittest.mock
from contextlib import redirect_stdout
from typing import Any

from classroom import caller, roles
from classroom.language import Words
from ponte.net.address import show
from ponte.net.tls import Tls
from registry import Registry
from server import Server
from tests.classroom.streams import Stream
from tests.net.certificates import Certificates, needs_openssl


class RolesTest(unittest.TestCase):
    def test_each_terminal_names_the_command_for_the_next(self) -> None:
        here = ("127.0.0.1", 4100)

        def following(role: str, *arguments: str, address: Any = here) -> str:
            command = roles.next_command(role, arguments, address, "demo.py")
            return command.partition("demo.py ")[2]

        self.assertEqual("server", following("registry"))
        self.assertEqual("server --registry 127.0.0.1:5000",
                         following("registry", address=("127.0.0.1", 5000)))
        self.assertEqual("server", following("server", "f.py", "--name", "server-1"))
        self.assertEqual("proxy", following("server", "f.py", "--name", "server-3"))
        self.assertEqual("client --registry h:1",
                         following("proxy", "--registry=h:1", "--balance", "two_choices"))
        self.assertEqual("server --tls-cert c --tls-ca a",
                         following("registry", "--tls-cert", "c", "--tls-ca=a"))

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
        self.assertEqual("server-2", roles._free_name("greeter", self.mine))
        self.assertEqual("server-1", roles._free_name("greeter", self.options),
                         "no registry answers without a certificate")

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
