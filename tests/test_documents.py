"""The documents stay true: every test that they name exists, and every command of docs/scale.md can be given."""

from __future__ import annotations

import ast
import os
import re
import unittest
from typing import Set

from bench import __main__ as bench
from bench import scale

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COMMAND = re.compile(r"`python3 -m (bench\S*)([^`]*)`")
NAMED = re.compile(r"`(test_\w+(?:\.\w+)+)`")


def tests_of(module: str) -> Set[str]:
    """module, module.Class and module.Class.test of a test module, by its source."""
    path = os.path.join(ROOT, "tests", f"{module}.py")
    if not os.path.exists(path):
        return set()
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    methods = {f"{module}.{node.name}.{method.name}" for node in classes for method in node.body
               if isinstance(method, ast.FunctionDef)}
    return {module} | {f"{module}.{node.name}" for node in classes} | methods


class Failures(unittest.TestCase):
    def setUp(self) -> None:
        with open(os.path.join(ROOT, "docs", "failures.md"), encoding="utf-8") as file:
            self.text = file.read()

    def test_every_named_test_exists(self) -> None:
        named = NAMED.findall(self.text)
        self.assertGreater(len(named), 20)
        for name in named:
            with self.subTest(name):
                self.assertIn(name, tests_of(name.split(".")[0]))

    def test_every_row_of_the_matrix_names_a_test(self) -> None:
        matrix = self.text.split("## The failure matrix", 1)[1].split("\n## ", 1)[0]
        rows = [line for line in matrix.splitlines() if line.startswith("| ")][1:]
        self.assertGreater(len(rows), 20)
        for row in rows:
            with self.subTest(row[:40]):
                self.assertRegex(row.rstrip(" |").rsplit("|", 1)[1], NAMED)


class Scale(unittest.TestCase):
    def setUp(self) -> None:
        with open(os.path.join(ROOT, "docs", "scale.md"), encoding="utf-8") as file:
            self.text = file.read()

    def test_every_command_can_be_given(self) -> None:
        """A wrong section or option ends the parser, and so this test."""
        found = COMMAND.findall(self.text)
        self.assertGreater(len(found), 5)
        for module, arguments in found:
            with self.subTest(module + arguments):
                {"bench": bench.parse, "bench.scale": scale.parse}[module](arguments.split())

    def test_every_named_test_exists(self) -> None:
        for name in NAMED.findall(self.text):
            self.assertIn(name, tests_of(name.split(".")[0]))

    def test_every_row_of_costs_names_its_command(self) -> None:
        costs = self.text.split("## What one core carries", 1)[1].split("\n## ", 1)[0]
        rows = [line for line in costs.splitlines() if line.startswith("| ")][1:]
        self.assertGreater(len(rows), 5)
        for row in rows:
            with self.subTest(row[:40]):
                self.assertRegex(row.rstrip(" |").rsplit("|", 1)[1], COMMAND)
