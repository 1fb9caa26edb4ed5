"""The command for the next terminal: the next role reads it, and its rules accept it."""

from __future__ import annotations

import argparse
import itertools
import os
import socket
import sys
import tempfile
import unittest
from concurrent.futures import Future
from unittest import mock

from classroom import caller
from classroom import next_command as following
from classroom.language import take_language
from classroom.next_command import next_command, read_options
from ponte.discovery.reachable import advertised
from ponte.net.address import Address, is_loopback
from ponte.net.names import Place
from ponte.process.keys import keys_for_listening, make_key
from ponte.process.options import PYTHON
from ponte.process.typed import typed
from tests.net.certificates import Certificates, needs_openssl
from tests.shells import split

OUTSIDE = {"AF_INET": "192.168.1.5", "AF_INET6": "fd00::5"}
NAMES = {"lab-7": ["10.0.0.7"], "localhost": ["::1", "127.0.0.1"], "nobody": []}
HOSTS = ("127.0.0.1", "127.0.0.2", "::1", "192.168.1.5", "0.0.0.0", "::")
REGISTRIES = ("127.0.0.1:4100", "127.0.0.1:5000", "localhost:4100", "10.0.0.9:4100",
              "[fd00::9]:4100", "lab-7:4100", "10.0.0.9:4100,127.0.0.1:4100", "nobody:4100")


def addresses_of(registry: Address) -> list[str]:
    return NAMES.get(registry[0], [registry[0]])


def looked_up(registry: Address) -> Future[list[Place]]:
    """What begin_look_up returns, at once."""
    future: Future[list[Place]] = Future()
    future.set_result([(socket.AF_INET6 if ":" in host else socket.AF_INET, (host, registry[1]))
                       for host in addresses_of(registry)])
    return future


class NextCommand(unittest.TestCase):
    """This machine has the addresses in OUTSIDE, and nothing is asked or looked up."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="ponte key ")
        self.addCleanup(folder.cleanup)
        self.key = os.path.join(folder.name, "a key")
        make_key(self.key)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PONTE_")}
        self._patch(mock.patch.dict("os.environ", clean, clear=True))
        self._patch(mock.patch.object(following, "addresses_of", addresses_of))
        self._patch(mock.patch.object(following, "outward_host",
                                      lambda family: OUTSIDE[family.name]))
        # No name is looked up by the system, whoever asks.
        self._patch(mock.patch("socket.getaddrinfo", lambda host, *rest, **more: [
            (0, 0, 0, "", (found, 0)) for found in addresses_of((host, 0)) or ["10.0.0.8"]]))
        self.connect = self._patch(mock.patch("socket.create_connection"))
        # Python has its usual name here.
        self._patch(mock.patch("shutil.which", lambda name: sys.executable))

    def _patch(self, patch: object) -> mock.Mock:
        self.addCleanup(patch.stop)  # type: ignore[attr-defined]
        return patch.start()  # type: ignore[attr-defined, no-any-return]

    def command(self, role: str, *arguments: str, host: str = "", port: int = 4100,
                servers: int = 0, language: str = "") -> str:
        """What comes after the path of demo.py."""
        host = host or "127.0.0.1"
        full = [*(["f.py"] if role == "server" else []), *arguments]
        text = next_command(role, full, (host, port), "demo.py", servers=servers,
                            language=language)
        program, rest = text.split("demo.py ", 1)
        self.assertEqual(f"{PYTHON} ", program)
        return rest

    def read(self, command: str) -> tuple[str, argparse.Namespace]:
        """The next role, and its options as its own parser reads them."""
        _, (role, *words) = take_language(split(command))
        if role == "client":
            return role, caller.command_line().parse_args(words)
        return role, read_options(role, [*(["f.py"] if role == "server" else []), *words])

    def accepts(self, role: str, chosen: argparse.Namespace) -> None:
        """The rules of a role that starts."""
        if role == "client":
            return
        keys_for_listening(chosen)
        advertised((chosen.host, 4180), chosen.registry, None, look_up=looked_up,
                   own_host=lambda place: OUTSIDE["AF_INET"])

    def test_the_next_role_accepts_it(self) -> None:
        for role, host, registries, has_key in itertools.product(
                ("registry", "server", "proxy"), HOSTS, REGISTRIES, (True, False)):
            arguments = ["--host", host, f"--registry={registries}",
                         *(["--key-file", self.key] if has_key else ["--insecure"])]
            with self.subTest(role, arguments=arguments):
                command = self.command(role, *arguments, host=host)
                after, chosen = self.read(command)
                self.accepts(after, chosen)
                if after != "client":
                    self.assertEqual(self.key if has_key else None, chosen.key_file)
                if not is_loopback(host):
                    self.reaches_others(chosen)

    def reaches_others(self, chosen: argparse.Namespace) -> None:
        """Every registry is one that other machines can reach."""
        for registry in chosen.registry:
            for found in addresses_of(registry):
                self.assertFalse(is_loopback(found), registry)

    def test_beside_a_registry_of_this_machine_alone_nothing_is_said(self) -> None:
        self.assertEqual("server", self.command("registry"))
        self.assertEqual("server", self.command("server", "--name", "server-1"))
        self.assertEqual("server", self.command("server", "--name", "server-2"))
        self.assertEqual("proxy", self.command("server", "--name", "server-3"))
        self.assertEqual("proxy", self.command("server", "--name", "blue"))
        self.assertEqual("client", self.command("proxy", "--port", "0"))

    def test_a_registry_that_others_reach(self) -> None:
        everywhere = "server --registry 192.168.1.5:4100 --host 0.0.0.0 --insecure"
        for host in ("0.0.0.0", "192.168.1.5"):
            self.assertEqual(everywhere,
                             self.command("registry", "--host", host, "--insecure", host=host))
        quoted = typed(["[fd00::5]:4100"])
        self.assertEqual(f"server --registry {quoted} --host :: --insecure",
                         self.command("registry", "--host", "::", "--insecure", host="::"))
        self.assertEqual("proxy --registry lab-7:4100 --host 0.0.0.0 --insecure",
                         self.command("server", "--registry=lab-7:4100", "--name", "blue",
                                      "--insecure", "--host=0.0.0.0", host="0.0.0.0"))
        self.assertEqual("client --registry 10.0.0.9:4100",
                         self.command("proxy", "--registry", "10.0.0.9:4100", "--insecure",
                                      "--host", "0.0.0.0", host="0.0.0.0"))

    def test_a_machine_without_ipv6_or_without_a_network(self) -> None:
        listening = ("registry", "--host", "::", "--insecure")
        with mock.patch.dict(OUTSIDE, AF_INET6=""):
            self.assertEqual("server --registry 192.168.1.5:4100 --host 0.0.0.0 --insecure",
                             self.command(*listening, host="::"))
        with mock.patch.dict(OUTSIDE, AF_INET6="", AF_INET=""):
            self.assertEqual(f"server --registry {typed(['[::1]:4100'])}",
                             self.command(*listening, host="::"))

    def test_the_list_of_several_registries_goes_on(self) -> None:
        both = "lab-7:4100,10.0.0.9:4100"
        for host in ("10.0.0.7", "10.0.0.9"):
            _, chosen = self.read(self.command("registry", "--registry", both, "--insecure",
                                               "--host", host, host=host))
            self.assertEqual([("lab-7", 4100), ("10.0.0.9", 4100)], list(chosen.registry))
        _, chosen = self.read(self.command("registry", "--registry", both, port=5000))
        self.assertEqual([("127.0.0.1", 5000)], list(chosen.registry), "it is not in the list")

    def test_a_registry_on_loopback_is_not_named_to_others_unless_it_answers_them(self) -> None:
        self.assertEqual("client --registry 192.168.1.5:4100",
                         self.command("proxy", "--host", "0.0.0.0", "--insecure", host="0.0.0.0"))
        self.connect.side_effect = ConnectionRefusedError
        self.assertEqual("client",
                         self.command("proxy", "--host", "0.0.0.0", "--insecure", host="0.0.0.0"))

    def test_unnamed_servers_are_counted(self) -> None:
        self.assertEqual(["server", "server", "proxy"],
                         [self.command("server", servers=servers) for servers in range(3)])

    def test_variables_of_this_terminal_are_said_as_options(self) -> None:
        with mock.patch.dict("os.environ", PONTE_KEY_FILE=self.key):
            command = self.command("registry", "--host", "0.0.0.0", host="0.0.0.0")
        self.assertEqual(self.key, self.read(command)[1].key_file)
        with mock.patch.dict("os.environ", PONTE_HOST="0.0.0.0", PONTE_INSECURE="1",
                             PONTE_REGISTRY="10.0.0.9:4100"):
            command = self.command("server", host="0.0.0.0", servers=9)
        self.assertEqual("proxy --registry 10.0.0.9:4100 --host 0.0.0.0 --insecure", command)

    def test_a_variable_of_every_terminal_does_not_lead_the_next_role_elsewhere(self) -> None:
        with mock.patch.dict("os.environ", PONTE_REGISTRY="10.0.0.9:4100"):
            self.assertEqual("server --registry 127.0.0.1:4100", self.command("registry"))

    def test_values_that_a_shell_or_a_parser_would_misread(self) -> None:
        for path in ("-k", "a key", "it's", '"', "$HOME", "chave ç", "*"):
            with self.subTest(path):
                _, chosen = self.read(self.command("registry", f"--key-file={path}"))
                self.assertEqual(path, chosen.key_file)
        spaced = next_command("registry", [], ("127.0.0.1", 4100), "/my files/demo.py")
        self.assertEqual([PYTHON, "/my files/demo.py", "server"], split(spaced))

    def test_the_language_is_said_where_it_must_be(self) -> None:
        command = self.command("registry", "--port", "5000", port=5000, language="pt")
        self.assertEqual("server --registry 127.0.0.1:5000 --lang pt", command)

    def test_on_windows_a_name_is_shown_that_starts_this_python(self) -> None:
        """`python` may open the shop of apps there; the launcher `py` finds Python."""
        ours, shop = "C:\\py\\python.exe", "C:\\WindowsApps\\python.exe"
        with mock.patch.multiple("sys", platform="win32", executable=ours, _base_executable=ours):
            for found, expected in (({PYTHON: ours, "py": "py.exe"}, PYTHON),
                                    ({PYTHON: shop, "py": "py.exe"}, "py"),
                                    ({"py": "py.exe"}, "py"), ({PYTHON: shop}, ours), ({}, ours)):
                with self.subTest(found), mock.patch("shutil.which", found.get):
                    self.assertEqual(following._interpreter(), expected)

    def test_where_python_has_no_usual_name_its_file_is_named(self) -> None:
        with mock.patch("shutil.which", return_value=None):
            words = split(next_command("registry", [], ("127.0.0.1", 4100), "demo.py"))
        self.assertEqual([sys.executable, "demo.py", "server"], words)


@needs_openssl
class WithTls(unittest.TestCase):
    files: Certificates

    @classmethod
    def setUpClass(cls) -> None:
        cls.files = Certificates(cls)

    def test_the_certificates_go_on(self) -> None:
        mine = ["--tls-cert", self.files.local, f"--tls-ca={self.files.ca}"]
        for role, words in (("registry", mine), ("server", ["f.py", *mine]), ("proxy", mine)):
            with self.subTest(role):
                command = next_command(role, words, ("127.0.0.1", 4100), "demo.py")
                self.assertIn(f"--tls-cert {self.files.local} --tls-ca {self.files.ca}", command)

    def test_the_next_reader_trusts_a_certificate_that_nobody_else_vouches_for(self) -> None:
        for path, is_trusted in ((self.files.alone, True), (self.files.local, False)):
            command = next_command("proxy", ["--tls-cert", path], ("127.0.0.1", 4180), "demo.py")
            self.assertEqual(is_trusted, f"--tls-ca {path}" in command)


if __name__ == "__main__":
    unittest.main()
