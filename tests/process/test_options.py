"""The command line: what a user may write, and the one line that answers a mistake."""

from __future__ import annotations

import argparse
import socket
import unittest
from unittest import mock

from ponte.net.address import show
from ponte.process import options as options_module
from ponte.process.options import (
    count,
    options,
    parse_address,
    parse_addresses,
    port_error,
    seconds,
    start_command,
)

NOT_ADDRESSES = ("", "a", ":1", "a:", "a:b", "a:-1", "a:+1", "a:1_0", "a:0", "a:65536", "a:\u0661",
                 "a:\u00b2")


class Options(unittest.TestCase):
    """What a user may write on a command line."""

    def test_addresses_are_read_and_shown(self) -> None:
        """HOST:PORT, with an IPv6 host in brackets; `show` writes what `parse_address` reads."""
        for text, address in (("127.0.0.1:4100", ("127.0.0.1", 4100)),
                              ("[::1]:1", ("::1", 1)),
                              (" a:65535", ("a", 65535))):
            with self.subTest(text):
                self.assertEqual(parse_address(text), address)
                self.assertEqual(parse_address(show(address)), address)

    def test_what_is_not_an_address_is_refused(self) -> None:
        """Also port 0, which cannot be called, and characters that only look like digits."""
        for text in NOT_ADDRESSES:
            with self.subTest(text), self.assertRaises(argparse.ArgumentTypeError):
                parse_address(text)

    def test_several_addresses_are_separated_by_commas(self) -> None:
        """Each of them must be one that can be looked up."""
        self.assertEqual(parse_addresses("127.0.0.1:1,127.0.0.2:2"),
                         [("127.0.0.1", 1), ("127.0.0.2", 2)])
        for text in ("127.0.0.1:1,", "127.0.0.1:1;127.0.0.2:2"):
            with self.subTest(text), self.assertRaises(argparse.ArgumentTypeError):
                parse_addresses(text)

    def test_times_are_positive(self) -> None:
        """Zero, infinity and text are refused."""
        self.assertEqual([seconds("2"), seconds("0.5")], [2.0, 0.5])
        for text in ("0", "-1", "nan", "inf", "1e9", "x", ""):
            with self.subTest(text), self.assertRaises(argparse.ArgumentTypeError):
                seconds(text)

    def test_counts_are_whole_and_positive(self) -> None:
        """Zero, fractions, signs, and numbers that no machine could count to are refused."""
        self.assertEqual([count("1"), count("999999999")], [1, 999_999_999])
        for text in ("0", "00", "-1", "+1", "1.5", "1_0", "\u0661", "1" * 10, "x", ""):
            with self.subTest(text), self.assertRaises(argparse.ArgumentTypeError):
                count(text)

    def test_defaults_are_for_this_machine_only(self) -> None:
        """127.0.0.1, literally: `localhost` may mean IPv6 first."""
        chosen = options("x", port=4180, beats=True).parse_args([])
        self.assertEqual(chosen.host, "127.0.0.1")
        self.assertEqual(chosen.port, 4180)
        self.assertEqual(chosen.registry, [("127.0.0.1", 4100)])

    def test_a_process_that_does_not_listen_has_no_port(self) -> None:
        """The client."""
        self.assertFalse(hasattr(options("x").parse_args([]), "port"))


class Advice(unittest.TestCase):
    """Errors say what to type."""

    def command(self, role: str, *, program: str, python: str = "python3") -> str:
        """What a user of `program` is told to type."""
        with mock.patch("sys.argv", [program]), mock.patch.object(options_module, "PYTHON", python):
            return start_command(role)

    def test_a_port_that_is_taken_is_named_with_its_option(self) -> None:
        """One line: which port, and what to do."""
        taken = port_error(OSError(98, "Address already in use"), "127.0.0.1", 4180)
        self.assertRegex(str(taken), "^cannot listen on 127.0.0.1:4180: .*--port[^\n]*$")
        unknown = port_error(socket.gaierror(-2, "unknown"), "nowhere", 1)
        self.assertRegex(str(unknown), "^--host nowhere: unknown$")

    def test_a_role_is_started_by_its_file(self) -> None:
        """A server also needs a file of functions."""
        for program in ("client.py", "/home/ana/ponte/client.py", "my_demo.py", ""):
            with self.subTest(program):
                self.assertEqual(self.command("registry", program=program), "python3 registry.py")
                self.assertEqual(self.command("server", program=program),
                                 "python3 server.py services/FILE.py")

    def test_in_a_lesson_a_role_is_started_by_demo_py(self) -> None:
        """There the name of the program may have a role behind it, as in "demo.py client"."""
        for program in ("demo.py", "/home/ana/ponte/demo.py", "demo.py client"):
            with self.subTest(program):
                self.assertEqual(self.command("registry", program=program),
                                 "python3 demo.py registry")
                self.assertEqual(self.command("server", program=program), "python3 demo.py server")

    def test_on_windows_the_interpreter_has_another_name(self) -> None:
        self.assertEqual(self.command("registry", program="client.py", python="python"),
                         "python registry.py")


if __name__ == "__main__":
    unittest.main()
