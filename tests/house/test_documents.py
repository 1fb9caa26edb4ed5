"""The documents stay true: every test that they name exists, and every command of docs/scale.md can be given."""

from __future__ import annotations

import ast
import os
import re
import unittest

from bench import __main__ as bench
from bench import scale

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMMAND = re.compile(r"`python3 -m (bench\S*)([^`]*)`")
NAMED = re.compile(r"`(tests(?:\.\w+)+)`")


def is_a_test(name: str) -> bool:
    """Whether `name` is a module of tests, a class or a method in one, by its source: "tests.net.test_wire.Reading"."""
    parts = name.split(".")
    length = next((n for n in range(len(parts), 0, -1) if os.path.exists(os.path.join(ROOT, *parts[:n]) + ".py")), 0)
    if not length:
        return False
    with open(os.path.join(ROOT, *parts[:length]) + ".py", encoding="utf-8") as file:
        node: ast.AST = ast.parse(file.read())
    for part in parts[length:]:
        found = [child for child in ast.iter_child_nodes(node)
                 if isinstance(child, (ast.ClassDef, ast.FunctionDef)) and child.name == part]
        if not found:
            return False
        node = found[0]
    return True


class Failures(unittest.TestCase):
    def setUp(self) -> None:
        with open(os.path.join(ROOT, "docs", "failures.md"), encoding="utf-8") as file:
            self.text = file.read()

    def test_every_named_test_exists(self) -> None:
        named = NAMED.findall(self.text)
        self.assertGreater(len(named), 20)
        for name in named:
            with self.subTest(name):
                self.assertTrue(is_a_test(name), name)

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
            self.assertTrue(is_a_test(name), name)

    def test_every_row_of_costs_names_its_command(self) -> None:
        costs = self.text.split("## What one core carries", 1)[1].split("\n## ", 1)[0]
        rows = [line for line in costs.splitlines() if line.startswith("| ")][1:]
        self.assertGreater(len(rows), 5)
        for row in rows:
            with self.subTest(row[:40]):
                self.assertRegex(row.rstrip(" |").rsplit("|", 1)[1], COMMAND)
