"""What a program prints can be typed on every system, and every program can print it."""

from __future__ import annotations

import ast
import unittest
from collections.abc import Iterator

from tests.house.test_imports import ROOT, sources

# What a main does first: one of these. `run` is that of ponte/process/running.py.
PREPARES = ("write_any(sys.stdout, sys.stderr)", "run(main)")
# Programs whose lines are read by another program of ours: addresses and JSON, all of it ASCII.
READ_BY_PROGRAMS = {
    "bench/attackers.py", "bench/beats.py", "bench/cheap.py", "bench/crowd.py",
    "bench/failover.py", "bench/load.py", "bench/one_thread.py", "bench/peer.py",
    "tests/chaos/callers.py", "tests/hosts/port_mapping.py", "tests/hosts/watcher.py",
    "tests/soak/worker.py", "tests/system/refusals.py"}


def programs() -> Iterator[tuple[str, str]]:
    """The path and the source of every file of ours but the tests themselves."""
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        if not path.name.startswith("test_"):
            yield name, path.read_text(encoding="utf-8")


def literals(tree: ast.AST) -> Iterator[ast.Constant]:
    """The texts of a file, without its docstrings."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if (isinstance(node, ast.Constant) and isinstance(node.value, str)
                and id(node) not in docstrings):
            yield node


class Commands(unittest.TestCase):
    def test_no_text_of_ours_names_the_interpreter_of_one_system(self) -> None:
        """On Windows it is not python3. The name is ponte.process.options.PYTHON."""
        for name, source in programs():
            if (name in ("ponte/process/options.py", "ponte/process/typed.py")
                    or "python3 " not in source):
                # There it becomes the name of this system.
                continue
            with self.subTest(name):
                self.assertEqual([], [f"line {text.lineno}" for text in literals(ast.parse(source))
                                      if "python3 " in str(text.value)])

    def test_help_that_shows_a_docstring_names_the_interpreter_of_this_system(self) -> None:
        for name, source in programs():
            if "description=__doc__" in source:
                with self.subTest(name):
                    self.assertNotIn("python3 ", ast.get_docstring(ast.parse(source)) or "")

    def test_every_program_prints_any_character(self) -> None:
        """Also to a pipe of Windows, which lacks many."""
        mains = {name: source for name, source in programs()
                 if 'if __name__ == "__main__":' in source and "print(" in source}
        self.assertGreater(len(mains), 10)
        for name, source in mains.items():
            with self.subTest(name):
                end = source.rpartition('if __name__ == "__main__":')[2]
                self.assertEqual(any(words in end for words in PREPARES),
                                 name not in READ_BY_PROGRAMS)


if __name__ == "__main__":
    unittest.main()
