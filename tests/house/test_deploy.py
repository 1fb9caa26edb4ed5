"""The files of docs/deploy/ can be used as they are: units for systemd, and a file for Compose."""

from __future__ import annotations

import argparse
import configparser
import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import unittest
import urllib.error
from typing import Any
from unittest import mock

import proxy
import registry
import server
from ponte.process.options import GRACE_S
from tests.house.pages import ROOT, read

FOLDER = "docs/deploy"
UNITS = sorted(os.path.relpath(path, ROOT).replace(os.sep, "/")
               for path in glob.glob(os.path.join(ROOT, FOLDER, "*.service")))
COMPOSE = f"{FOLDER}/compose.yaml"
COMMAND_LINES = {"registry.py": registry.command_line, "proxy.py": proxy.command_line,
                 "server.py": server.command_line}
# What systemd puts in the place of %i and %H: the instance and the host.
SPECIFIERS = {"%i": "greeter", "%H": "host-1.example"}


def unit(name: str) -> configparser.ConfigParser:
    """A unit. None of ours gives a key twice."""
    parsed = configparser.ConfigParser(interpolation=None)
    # The names of keys have capitals.
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(read(name), name)
    return parsed


def chosen(command: list[str], environment: dict[str, str]) -> argparse.Namespace:
    """What a program makes of its command and its environment. Fails for what it refuses."""
    program, *arguments = command[1:]
    with mock.patch.dict(os.environ, environment, clear=True):
        return COMMAND_LINES[program]().parse_args(arguments)


class DeployTest(unittest.TestCase):
    def expect_used(self, found: argparse.Namespace, environment: dict[str, str]) -> None:
        """Every variable of Ponte is that of an option."""
        ours = {name for name in environment if name.startswith("PONTE_")}
        self.assertEqual({variable.name for variable in found.from_environment.values()}, ours)
        self.assertTrue(found.key_file)
        self.assertEqual(found.host, "0.0.0.0")

    def expect_file(self, found: argparse.Namespace) -> None:
        if "file" in found:
            self.assertTrue(os.path.exists(os.path.join(ROOT, found.file)), found.file)


class Units(DeployTest):
    """What systemd reads."""

    def commands(self) -> dict[str, argparse.Namespace]:
        found = {}
        for name in UNITS:
            service = unit(name)["Service"]
            environment = dict(each.split("=", 1)
                               for each in shlex.split(service["Environment"]))
            text = service["ExecStart"]
            for specifier, value in SPECIFIERS.items():
                text = text.replace(specifier, value)
            self.assertNotIn("%", text)
            found[name] = chosen(shlex.split(text), environment)
            self.expect_used(found[name], environment)
        return found

    def test_there_is_one_for_each_role(self) -> None:
        self.assertEqual([os.path.basename(name) for name in UNITS],
                         ["ponte-proxy.service", "ponte-registry.service",
                          "ponte-server@.service"])

    def test_each_has_what_a_service_needs(self) -> None:
        for name in UNITS:
            with self.subTest(name):
                found = unit(name)
                self.assertEqual(found.sections(), ["Unit", "Service", "Install"])
                self.assertTrue(found["Unit"]["Description"])
                self.assertEqual(found["Install"]["WantedBy"], "multi-user.target")
                program = shlex.split(found["Service"]["ExecStart"])[0]
                self.assertTrue(program.startswith("/"), "systemd wants a whole path")

    def test_each_command_and_variable_is_taken(self) -> None:
        for name, found in self.commands().items():
            with self.subTest(name):
                self.expect_file(found)

    def test_a_process_gets_more_time_to_stop_than_its_calls(self) -> None:
        for name in UNITS:
            is_sender = "registry" not in name
            self.assertGreater(float(unit(name)["Service"]["TimeoutStopSec"]),
                               GRACE_S + 2 if is_sender else 2, name)

    def test_a_process_whose_name_is_taken_is_not_started_again(self) -> None:
        """Two of them would take the name from each other for ever. Nor is a wrong command."""
        for name in UNITS:
            codes = unit(name)["Service"]["RestartPreventExitStatus"].split()
            self.assertEqual(codes, ["2"] if "registry" in name else ["1", "2"])

    @unittest.skipUnless(shutil.which("systemd-analyze") and os.path.exists("/usr/bin/python3"),
                         "needs the command systemd-analyze, and /usr/bin/python3")
    def test_systemd_takes_them(self) -> None:
        """It warns of keys that it does not know, of programs that are missing, and of more."""
        checked = subprocess.run(["systemd-analyze", "verify", *UNITS], check=False, cwd=ROOT,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        # Other units of the machine may have warnings of their own.
        ours = [line for line in checked.stdout.decode().splitlines() if "ponte" in line]
        self.assertEqual(ours, [])


class Compose(DeployTest):
    """What Docker Compose reads. Only its commands and variables are looked at here."""

    def lists(self, key: str) -> list[list[str]]:
        """The values of a key that stand in one line as [..., ...]."""
        return [json.loads(value)
                for value in re.findall(rf"^ +{key}: (\[.*\])$", read(COMPOSE), re.MULTILINE)]

    def environment(self) -> dict[str, str]:
        return dict(re.findall(r"^    (PONTE_\w+): (\S+)$", read(COMPOSE), re.MULTILINE))

    def test_each_command_and_variable_is_taken(self) -> None:
        commands = self.lists("command")
        self.assertEqual([command[1] for command in commands],
                         ["registry.py", "proxy.py", "server.py"])
        for command in commands:
            with self.subTest(command):
                found = chosen(command, self.environment())
                self.expect_used(found, self.environment())
                self.expect_file(found)

    def test_each_health_check_asks_the_port_of_its_process(self) -> None:
        ports = [chosen(command, self.environment()).port for command in self.lists("command")]
        asked = [int(re.findall(r":(\d+)/health", test[-1])[0]) for test in self.lists("test")]
        self.assertEqual(asked, ports)

    def test_a_health_check_fails_unless_the_process_answers(self) -> None:
        tests = self.lists("test")
        self.assertEqual({tuple(test[:3]) for test in tests}, {("CMD", "python3", "-c")})
        codes = {re.sub(r":\d+/", ":PORT/", test[3]) for test in tests}
        self.assertEqual(len(codes), 1)
        with registry.Registry(port=0) as running:
            code = codes.pop().replace("PORT", str(running.address[1]))
            self.run_check(code)
        with self.assertRaises(urllib.error.URLError):
            self.run_check(code)

    def run_check(self, code: str) -> None:
        with mock.patch.dict(os.environ, {"no_proxy": "127.0.0.1"}):
            names: dict[str, Any] = {}
            function, _, call = code.partition("; ")
            exec(function, names)
            # As the check does, but closed at once.
            eval(call, names).close()

    def test_a_process_gets_more_time_to_stop_than_its_calls(self) -> None:
        found = re.findall(r"stop_grace_period: (\d+)s", read(COMPOSE))
        self.assertGreater(int(found[0]), GRACE_S + 2)

    def test_the_key_is_the_secret(self) -> None:
        name = self.environment()["PONTE_KEY_FILE"].rpartition("/")[2]
        self.assertIn(f"secrets: [{name}]\n", read(COMPOSE))
        self.assertRegex(read(COMPOSE), rf"\nsecrets:\n  {name}:\n    file: ../../ponte.key\n")


if __name__ == "__main__":
    unittest.main()
