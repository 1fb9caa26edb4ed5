"""The command line: what a user may write, and the one line that answers a mistake."""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sys
import types
import unittest
from importlib import machinery
from unittest import mock

from ponte.net.address import show
from ponte.process import options as options_module
from ponte.process.options import (
    LINGER_S,
    UsageError,
    add_beat_times,
    add_engine,
    chosen_linger,
    chosen_tls,
    count,
    given_by,
    mistakes_in_one_line,
    options,
    parse_address,
    parse_addresses,
    port_error,
    program_name,
    reader_options,
    seconds,
    seconds_or_none,
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

    def test_a_program_has_the_name_that_users_type(self) -> None:
        """A file by its name; a module by -m; an archive and a lesson as they were called."""
        for module, path, expected in ((None, "/ponte/server.py", "server.py"),
                                       (None, "/ponte/demo.py registry", "demo.py registry"),
                                       ("__main__", "ponte.pyz", "ponte.pyz"),
                                       ("interop.dns", "/ponte/interop/dns.py",
                                        f"{options_module.PYTHON} -m interop.dns"),
                                       ("interop.grpc.__main__", "/ponte/interop/grpc/__main__.py",
                                        f"{options_module.PYTHON} -m interop.grpc")):
            main = types.ModuleType("__main__")
            main.__spec__ = machinery.ModuleSpec(module, None) if module else None
            with self.subTest(path), mock.patch.dict(sys.modules, __main__=main), \
                    mock.patch.object(sys, "argv", [path]):
                self.assertEqual(program_name(), expected)
                self.assertEqual(options("").prog, expected)
                self.assertEqual(reader_options("").prog, expected)

    def test_a_reader_takes_no_key(self) -> None:
        """It sends no beat that a key could sign."""
        given = vars(reader_options("", port=1).parse_args([]))
        self.assertEqual(vars(options("", port=1).parse_args([])).keys() - given.keys(),
                         {"key_file", "insecure"})

    def test_several_addresses_are_separated_by_commas(self) -> None:
        """None is looked up: a name server that does not answer would hold up the program."""
        with mock.patch.object(socket, "getaddrinfo", side_effect=AssertionError("a look-up")):
            self.assertEqual(parse_addresses("127.0.0.1:1,no.such.host.invalid:2"),
                             (("127.0.0.1", 1), ("no.such.host.invalid", 2)))
        for text in ("127.0.0.1:1,", "127.0.0.1:1;127.0.0.2:2"):
            with self.subTest(text), self.assertRaises(argparse.ArgumentTypeError):
                parse_addresses(text)

    def test_times_are_positive(self) -> None:
        """Zero, infinity, text and more than a day are refused."""
        self.assertEqual([seconds("2"), seconds("0.5"), seconds("86400")], [2.0, 0.5, 86_400.0])
        for text in ("0", "-1", "nan", "inf", "1e9", "86401", "x", ""):
            with self.subTest(text), self.assertRaises(argparse.ArgumentTypeError):
                seconds(text)

    def test_a_process_may_linger_for_half_of_its_grace_or_not_at_all(self) -> None:
        parser = options("x", port=4180, beats=True)
        for arguments, linger_s in (([], LINGER_S), (["--grace", "0.2"], LINGER_S),
                                    (["--linger", "0"], 0.0), (["--linger", "5"], 5.0)):
            self.assertEqual(chosen_linger(parser.parse_args(arguments)), linger_s)
        with mock.patch.dict(os.environ, {"PONTE_LINGER": "5.1"}), \
                self.assertRaisesRegex(UsageError, "PONTE_LINGER 5.1: more than half of --grace"):
            chosen_linger(parser.parse_args([]))
        for text in ("-1", "nan", "86401", "x", ""):
            with self.subTest(text), self.assertRaises(argparse.ArgumentTypeError):
                seconds_or_none(text)

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
        self.assertEqual(chosen.registry, (("127.0.0.1", 4100),))

    def test_a_process_that_does_not_listen_has_no_port(self) -> None:
        """The client."""
        self.assertFalse(hasattr(options("x").parse_args([]), "port"))


class Environment(unittest.TestCase):
    """Each option can also be an environment variable."""

    def setUp(self) -> None:
        self.parser = options("x", port=4180, beats=True)
        add_engine(self.parser, "events")
        add_beat_times(self.parser, 0.5, 2.0)
        # As a process adds its own ones.
        self.parser.add_argument("--balance", choices=("round_robin", "two_choices"),
                                 default="round_robin")
        self.parser.add_argument("--trace", action="store_true")
        self.parser.add_argument("--repeat", type=int, default=1)

    def parse(self, *arguments: str, **variables: str) -> argparse.Namespace:
        """The options that this command line and these variables choose."""
        with mock.patch.dict(os.environ, variables):
            return self.parser.parse_args(arguments)

    def test_every_option_has_its_variable(self) -> None:
        """Also those that a process adds. The help names them."""
        for name, text, value in (
                ("HOST", "127.0.0.2", "127.0.0.2"), ("PORT", "0", 0), ("INSECURE", "1", True),
                ("CORES", "all", "all"), ("UNTIL_EOF", "yes", True), ("NAME", "a", "a"),
                ("ADVERTISE", "a", ("a", 0)), ("GRACE", "3", 3.0), ("BEAT", "0.1", 0.1),
                ("REGISTRY", "a:1,b:2", (("a", 1), ("b", 2))), ("KEY_FILE", "a,b", "a,b"),
                ("TLS_CERT", "a", "a"), ("TLS_KEY", "a", "a"), ("TLS_CA", "a", "a"),
                ("LOG", "json", "json"), ("VERBOSE", "true", True),
                ("ENGINE", "threads", "threads"),
                ("MAX_CONNECTIONS", "7", 7), ("LEASE", "9", 9.0), ("TRACE", "1", True),
                ("BALANCE", "two_choices", "two_choices"), ("REPEAT", "3", 3)):
            with self.subTest(name):
                chosen = self.parse(**{f"PONTE_{name}": text})
                self.assertEqual(getattr(chosen, name.lower()), value)
                self.assertRegex(self.parser.format_help(), rf"\bPONTE_{name}\b")
        self.assertNotIn("PONTE_HELP", self.parser.format_help())

    def test_the_command_line_wins(self) -> None:
        """Also over a variable that is wrong, and where it says what is the default."""
        self.assertEqual(self.parse("--port", "4180", PONTE_PORT="5").port, 4180)
        self.assertEqual(self.parse("--port=4180", PONTE_PORT="wrong").port, 4180)
        self.assertTrue(self.parse("--verbose", PONTE_VERBOSE="0").verbose)

    def test_an_empty_variable_counts_as_not_set(self) -> None:
        chosen = self.parse(PONTE_PORT="", PONTE_VERBOSE="", PONTE_KEY_FILE="", PONTE_BALANCE="")
        self.assertEqual((chosen.port, chosen.verbose, chosen.key_file, chosen.balance),
                         (4180, False, None, "round_robin"))

    def test_a_flag_is_on_or_off_and_nothing_else(self) -> None:
        for text, value in (("1", True), ("True", True), ("YES", True), ("0", False),
                            ("false", False), ("no", False)):
            self.assertIs(self.parse(PONTE_VERBOSE=text).verbose, value)
        for text in ("2", "on?", "verbose", "-1"):
            self.assert_refused(r"neither 1 .* nor 0", PONTE_VERBOSE=text)

    def assert_refused(self, pattern: str, **variable: str) -> None:
        """One line, that begins with the name of the variable."""
        name, = variable
        with self.subTest(variable), \
                self.assertRaisesRegex(UsageError, rf"^{name}: [^\n]*{pattern}[^\n]*$"):
            self.parse(**variable)

    def test_a_wrong_value_is_one_line_that_names_the_variable(self) -> None:
        self.assert_refused("'99999' is not a port", PONTE_PORT="99999")
        self.assert_refused("'x' is not a port", PONTE_PORT="x")
        self.assert_refused("HOST:PORT", PONTE_REGISTRY="4100")
        self.assert_refused("'luck' is not one of round_robin, two_choices", PONTE_BALANCE="luck")
        self.assert_refused("seconds", PONTE_GRACE="0")
        self.assert_refused("count", PONTE_MAX_CONNECTIONS="0")
        self.assert_refused("HOST", PONTE_ADVERTISE=":80")
        self.assert_refused("json", PONTE_LOG="xml")
        self.assert_refused("no host", PONTE_HOST="a b")
        self.assert_refused("'x'", PONTE_REPEAT="x")

    def test_an_error_later_on_names_what_the_user_has_used(self) -> None:
        self.assertEqual(given_by(self.parse(PONTE_KEY_FILE="a"), "--key-file"), "PONTE_KEY_FILE")
        self.assertEqual(given_by(self.parse("--key-file", "b", PONTE_KEY_FILE="a"), "--key-file"),
                         "--key-file")
        with self.assertRaisesRegex(UsageError, "^PONTE_TLS_CERT /nowhere: no such file$"):
            chosen_tls(self.parse(PONTE_TLS_CERT="/nowhere"))
        with self.assertRaisesRegex(UsageError, "^PONTE_HOST 192.0.2.1: [^\n]*no such address"), \
                mistakes_in_one_line(self.parse(PONTE_HOST="192.0.2.1")):
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        with self.assertRaisesRegex(UsageError, "^wrong .from the environment: PONTE_NAME.$"), \
                mistakes_in_one_line(self.parse("--port", "1", PONTE_NAME="a b", PONTE_PORT="2")):
            raise ValueError("wrong")
        with self.assertRaisesRegex(UsageError, "^wrong$"), mistakes_in_one_line(self.parse()):
            raise ValueError("wrong")


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

    def test_a_command_leads_to_where_its_callers_look(self) -> None:
        here, other = ("127.0.0.1", 4699), ("10.0.0.7", 4100)
        with mock.patch("sys.argv", ["client.py"]):
            for registries, options in (
                    ([("127.0.0.1", 4100)], ""), ([("localhost", 4100)], ""),
                    ([here], " --port 4699"), ([other, here], " --host 10.0.0.7"),
                    ([("::1", 5000)], " --host ::1 --port 5000")):
                with self.subTest(options):
                    command = start_command("registry", registries)
                    self.assertTrue(command.endswith(f"registry.py{options}"), command)
            self.assertTrue(start_command("server", [other, here]).endswith(
                "FILE.py --registry 10.0.0.7:4100,127.0.0.1:4699"))
            self.assertTrue(start_command("server").endswith("FILE.py"))

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
