"""Services files: what is served of them, and the one line for a file that cannot be served."""

from __future__ import annotations

import os
import sys
import tempfile
import unittest
from typing import Any
from unittest import mock

from ponte.process.options import UsageError
from ponte.process.services import load_functions


class ServicesFile(unittest.TestCase):
    """A test writes files into a folder of its own, and loads shop.py."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for patch in (mock.patch.dict("sys.modules"), mock.patch("sys.path", list(sys.path))):
            patch.start()
            self.addCleanup(patch.stop)

    def write(self, name: str, source: str) -> str:
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(source)
        return path

    def load(self, source: str, name: str = "shop.py") -> Any:
        return load_functions(self.write(name, source))

    def refuses(self, source: str, *words: str, name: str = "shop.py") -> None:
        """It is refused with one line that has these words."""
        with self.assertRaises(UsageError) as raised:
            self.load(source, name)
        text = str(raised.exception)
        self.assertEqual(len(text.splitlines()), 1, text)
        for word in words:
            self.assertIn(word, text)


class Loading(ServicesFile):
    def test_its_public_functions_are_served(self) -> None:
        """Not private ones, not imported ones, and nothing that is not a function."""
        functions = self.load("from os.path import join\nimport os\nx = 1\nclass C: pass\n"
                              "def sell(): return 7\ndef _hide(): pass\n")
        self.assertEqual(list(functions), ["sell"])
        self.assertEqual(functions["sell"](), 7)

    def test_it_may_have_a_dataclass(self) -> None:
        """Also with annotations as text, for which `dataclasses` looks for its module."""
        functions = self.load("from __future__ import annotations\nimport dataclasses\n"
                              "@dataclasses.dataclass\nclass Item:\n    cents: int\n"
                              "def price(): return Item(5).cents\n")
        self.assertEqual(functions["price"](), 5)

    def test_a_file_that_cannot_be_served_is_one_line(self) -> None:
        """It cannot be imported, has no public function, or is not named like a service."""
        for source, name in (("1/0", "a.py"), ("def", "b.py"),
                             ("raise SystemExit('x\\ny')", "c.py"),
                             ("x = 1", "d.py"), ("def _f(): pass", "e.py"),
                             ("import no_such_module_here", "f.py"), ("def f(): pass", "a-b.py"),
                             ("def f(): pass", "a.txt")):
            with self.subTest(source=source, name=name):
                self.refuses(source, name=name)

    def test_an_error_names_the_line_of_the_user(self) -> None:
        """Also in a neighbour, and also if it was raised in a library that the user called."""
        self.refuses("import json\njson.loads('x')\ndef f(): pass\n", "(shop.py, line 2)")
        self.write("my_helper.py", "\nimport no_such_module_here\n")
        self.refuses("import my_helper\ndef f(): pass\n",
                     "no_such_module", "(my_helper.py, line 2)")

    def test_a_file_that_is_not_there_is_one_line(self) -> None:
        with self.assertRaisesRegex(UsageError, "no such file"):
            load_functions(os.path.join(self.folder, "nothing.py"))


class TakenNames(ServicesFile):
    """A neighbour has a name of Ponte or the standard library, and an import fails: one line."""

    def test_a_name_of_ponte_is_refused(self) -> None:
        """Whether something is imported from the module, or it is used by its name."""
        self.write("client.py", "def order(): return 1\n")
        for source in ("from client import order\ndef buy(): return order()\n",
                       "import client\nprice = client.order()\ndef buy(): return price\n",
                       "import client as c\nprice = c.order()\ndef buy(): return price\n",
                       "import client.prices\ndef buy(): return 1\n"):
            with self.subTest(source):
                self.refuses(source, "shop.py imports client", "taken by Ponte",
                             f"rename {os.path.join(self.folder, 'client.py')}")

    def test_a_name_of_the_standard_library_is_refused(self) -> None:
        """One with a file, and one that is built in."""
        self.write("queue.py", "class Line: pass\n")
        self.write("time.py", "def noon(): return 12\n")
        self.refuses("from queue import Line\ndef f(): pass\n",
                     "imports queue", "taken by Python")
        self.refuses("import time\nnoon = time.noon()\ndef f(): pass\n",
                     "imports time", "taken by Python")

    def test_an_import_in_a_neighbour_is_refused(self) -> None:
        """The line names the file that imports."""
        self.write("registry.py", "names = []\n")
        helper = self.write("my_helper.py", "from registry import names\n")
        self.refuses("import my_helper\ndef f(): pass\n", f"{helper} imports registry")
        below = self.write(os.path.join("my_package", "__init__.py"),
                           "from registry import names\n")
        self.refuses("import my_package\ndef f(): pass\n", f"{below} imports registry")

    def test_a_package_with_a_taken_name_is_refused(self) -> None:
        self.write(os.path.join("ponte", "__init__.py"), "")
        self.write(os.path.join("ponte", "prices.py"), "pen = 3\n")
        self.refuses("from ponte.prices import pen\ndef f(): return pen\n", "imports ponte")

    def test_an_error_of_another_kind_is_not_taken_for_a_clash(self) -> None:
        """A missing attribute of a neighbour, and a module that is not there."""
        self.write("my_prices.py", "pen = 3\n")
        self.refuses("import my_prices\nmy_prices.ink\ndef f(): pass\n",
                     "cannot be imported: AttributeError", "my_prices")
        self.refuses("import no_such_module_here\ndef f(): pass\n",
                     "cannot be imported: ModuleNotFoundError")
        self.write("queue.py", "x = 1\n")
        self.refuses("queue.x\ndef f(): pass\n", "cannot be imported: NameError")
        self.refuses("''.queue\ndef f(): pass\n", "cannot be imported: AttributeError")

    def test_a_file_that_works_is_served(self) -> None:
        """Whatever stands beside it, and whatever it calls its own variables."""
        for neighbour in ("client.py", "server.py", "queue.py"):
            self.write(neighbour, "x = 1\n")
        for source in ("from server import idempotent\n@idempotent\ndef f(): return 1\n",
                       "import queue\ndef f(): return queue.Queue().empty()\n",
                       "import queue\ndef f(queue): return queue.line\n",
                       "from client import Client\ndef f(): client = Client; client.order()\n",
                       "from server import *\ndef f(): return 1\n",
                       "try:\n    from queue import Line\nexcept ImportError:\n    Line = None\n"
                       "def f(): pass\n"):
            with self.subTest(source):
                self.assertIn("f", self.load(source))
        self.assertIn("f", self.load("from queue import Queue\nqueue = Queue()\nqueue.put(1)\n"
                                     "def f(): pass\n", name="queue.py"))

    def test_a_neighbour_with_a_free_name_is_imported(self) -> None:
        self.write("my_prices.py", "pen = 3\n")
        functions = self.load("from my_prices import pen\ndef f(): return pen\n")
        self.assertEqual(functions["f"](), 3)


if __name__ == "__main__":
    unittest.main()
