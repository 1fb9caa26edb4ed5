"""The examples in docstrings give what they show, and every pure module has one."""

from __future__ import annotations

import doctest
import importlib
import unittest

from tests.house.test_imports import HOUSE, MODULES, PURE

# All modules of the house in which a Python prompt is shown: the others need not be imported.
SHOWING = sorted(module for module in HOUSE
                 if ">>> " in MODULES[module].read_text(encoding="utf-8"))


def examples(module: str) -> list[doctest.DocTest]:
    """The docstrings of a module that have examples."""
    return [test for test in doctest.DocTestFinder().find(importlib.import_module(module))
            if test.examples]


class Doctests(unittest.TestCase):
    def test_every_example_gives_what_it_shows(self) -> None:
        for module in SHOWING:
            for test in examples(module):
                with self.subTest(test.name):
                    said: list[str] = []
                    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
                    self.assertEqual("".join(said), "")

    def test_every_pure_module_shows_its_first_use(self) -> None:
        """A reader can type it at a Python prompt: it needs no socket, clock or thread."""
        self.assertEqual([module for module in PURE if not examples(module)], [])


if __name__ == "__main__":
    unittest.main()
