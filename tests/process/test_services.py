"""Services files: what is served of them, and the one line for a file that cannot be served."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import tempfile
import unittest
from typing import Any
from unittest import mock

from ponte.process.options import UsageError
from ponte.process.services import load_functions
from ponte.rpc.dispatcher import Dispatcher


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

    def left_out(self, source: str, name: str = "shop.py") -> str:
        """What the log says of a file, which is served."""
        with self.assertLogs("ponte.process", "INFO") as caught:
            logging.getLogger("ponte.process").info("end")
            self.load(source, name)
        return "\n".join(record.getMessage() for record in caught.records[1:])

    def test_whatever_its_author_gives_a_name_is_served(self) -> None:
        """Behind a cache, a partial, a bound method, a decorator; also an object, and a lambda."""
        functions = self.load(
            "import functools\nfrom math import sqrt, floor\nfrom server import idempotent\n"
            "floor = functools.partial(floor)\n"
            "def bare(f):\n    return lambda *a: f(*a)\n"
            "class Account:\n    def deposit(self, cents): return cents\n"
            "    def __call__(self): return 'teller'\n"
            "_account = Account()\nteller = _account\ndeposit = _account.deposit\nroot = sqrt\n"
            "half = lambda x: x / 2\n"
            "@functools.lru_cache(maxsize=None)\n@idempotent\ndef price(item): return len(item)\n"
            "pen = functools.partial(price, 'pen')\n"
            "@bare\ndef sell(): return 7\n"
            "if True:\n    try:\n        import no_such\n    except ImportError:\n"
            "        def late(): return 'late'\n"
            "globals()['made'] = lambda: 'made'\n")
        self.assertEqual(sorted(functions), [
            "bare", "deposit", "floor", "half", "late", "made", "pen", "price", "root", "sell",
            "teller"])
        self.assertEqual([functions["pen"](), functions["deposit"](5), functions["teller"](),
                          functions["half"](4), functions["root"](9), functions["sell"]()],
                         [3, 5, "teller", 2, 3, 7])
        self.assertEqual(Dispatcher(functions).idempotent, ("pen", "price"))

    def test_the_log_says_what_is_left_out_and_why(self) -> None:
        """In one line. Not a word of Ponte's own tools, of modules, types, and private names."""
        source = ("import os\nfrom math import sqrt\nfrom typing import Any, NewType\n"
                  "from collections import Counter\nfrom server import *\n"
                  "from client import Client\nfrom server import current_call\n"
                  "from os.path import *\nx = 1\n_f = sqrt\n"
                  "class Account: pass\nNames = list[str]\ndef buy(): pass\n")
        self.assertEqual(self.left_out(source + "Cents = NewType('Cents', int)\n").partition(
            "sqrt (imported), ")[0], "shop: not served: ")
        told = self.left_out(source)
        for words in ("Account (a class)", "Names (a type)", "join (imported)"):
            self.assertIn(words, told)
        for name in ("idempotent", "Client", "Any", "Counter", "os", "current_call", "_f"):
            self.assertNotIn(f"{name} (", told)
        self.assertEqual(self.left_out("from server import idempotent\nimport os\ndef f(): pass\n"),
                         "")

    def test_all_decides(self) -> None:
        """Also of what is imported. A class, a value and a private name are left out, and told."""
        source = ("from math import sqrt\nclass A: pass\nlimit = 3\ndef _g(): pass\n"
                  "def f(): pass\ndef g(): pass\n")
        self.assertEqual(list(self.load(source + "__all__ = ['g', 'sqrt']\n")), ["sqrt", "g"])
        told = self.left_out(source + "__all__ = ('f', 'A', '_g', 'limit')\n")
        self.assertEqual(told, "shop: not served: "
                               "A (a class), limit (not a function), _g (private)")
        self.refuses(source + "__all__ = ['h']\n", "__all__ names h, which is not in the file")
        self.refuses(source + "__all__ = 'f'\n", "__all__ is a list of names")

    def test_a_file_without_a_function_says_what_it_has(self) -> None:
        self.refuses("from math import sqrt\nclass Account: pass\n", "no public function",
                     "not served: sqrt (imported), Account (a class)")

    def test_functions_that_would_not_run_are_refused(self) -> None:
        """With the word on what to do."""
        for source, words in (
                ("async def buy(): pass\n", "buy is an async function"),
                ("def buy(): yield 1\n", "buy is a generator"),
                ("async def buy(): yield 1\n", "buy is an async generator"),
                ("import functools\nasync def _b(): pass\nbuy = functools.partial(_b)\n",
                 "buy is an async function"),
                ("def buy(*, item): pass\n", "buy needs a keyword argument")):
            with self.subTest(source):
                self.refuses(source, f"shop.py: {words}")

    def test_it_is_imported_under_its_own_name(self) -> None:
        """Where the name is free: so another process can import it. Its neighbours can, too."""
        self.write("my_helper.py", "import my_shop\ndef f(): return my_shop.buy()\n")
        functions = self.load("import my_helper\ndef buy(): return 7\n"
                              "def ask(): return my_helper.f()\n", "my_shop.py")
        self.assertEqual(functions["buy"].__module__, "my_shop")
        self.assertIs(sys.modules["my_shop"].buy, functions["buy"])
        self.assertEqual(functions["ask"](), 7)
        for name in ("queue.py", "client.py", "json.py", "time.py", "execution.py"):
            with self.subTest(name):
                module = self.load("def f(): pass\n", name)["f"].__module__
                self.assertEqual(module, f"service_{name[:-3]}")
        self.assertFalse(hasattr(json, "f"))

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

    def test_every_failure_has_its_line(self) -> None:
        """Also without a message; raised by a decorator, of Ponte or of Python; or in a text."""
        for source, words, line in (
                ("\nraise SystemExit\n", "SystemExit: the file ends the program", 2),
                ("\n\nimport sys\nsys.exit(3)\n", "SystemExit: 3: ", 4),
                ("raise KeyboardInterrupt\n", "KeyboardInterrupt: the file ends the program", 1),
                ("def f(): raise ValueError\n\nf()\n", "ValueError (", 1),
                ("import functools\n@functools.lru_cache(maxsize='x')\ndef f(): pass\n",
                 "TypeError", 2),
                ("from server import Server\n\nServer('x', 7)\n", "ValueError", 3),
                ("def deco(f):\n    return f.x\n\n@deco\ndef f(): pass\n", "AttributeError", 2),
                ("\neval('1 +')\n", "SyntaxError", 2),
                ("\nimport ast; ast.literal_eval('[')\n", "SyntaxError", 2)):
            with self.subTest(source):
                self.refuses(source, "shop.py cannot be imported: " + words,
                             f"(shop.py, line {line})")

    def test_a_broken_text_has_its_line_once(self) -> None:
        self.refuses("x = 1\ndef f(:\n", "SyntaxError", "(shop.py, line 2)")
        self.write("my_broken.py", "\n\n\ndef f(:\n")
        self.refuses("import my_broken\ndef f(): pass\n", "SyntaxError", "(my_broken.py, line 4)")
        self.refuses("x = '\0'\n", "cannot be imported")

    def test_input_that_is_not_there_has_its_line(self) -> None:
        with mock.patch("sys.stdin", io.StringIO("")):
            self.refuses("name = input()\ndef f(): pass\n", "EOFError", "(shop.py, line 1)")

    def test_ctrl_c_while_it_is_imported_goes_on(self) -> None:
        """It is no mistake of the file."""
        with mock.patch("builtins.input", side_effect=KeyboardInterrupt), \
                self.assertRaises(KeyboardInterrupt):
            self.load("name = input()\n")

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

    def test_a_module_that_is_used_whole_is_refused_at_once(self) -> None:
        """Nothing fails before a call needs it. By whatever words it is imported, and where."""
        for name in ("client", "registry", "execution", "heartbeat", "relayed_call", "lab"):
            self.write(f"{name}.py", "def f(): return 1\n")
            for source in (f"import {name}\ndef g(): return {name}.f()\n",
                           f"import os, {name} as x\ndef g(): return x.f()\n",
                           f"def g():\n    import {name}\n    return {name}.f()\n",
                           f"def g():\n    from {name} import f\n    return f()\n",
                           f"try:\n    import {name}\nexcept ImportError:\n    pass\n"
                           "def g(): pass\n",
                           f"import importlib\ndef g(): return importlib.import_module('{name}')\n",
                           f"def g(): return __import__('{name}').f()\n"):
                with self.subTest(source):
                    self.refuses(source, f"shop.py imports {name} and means", "taken by Ponte",
                                 f"rename {os.path.join(self.folder, name)}.py")
            os.remove(os.path.join(self.folder, f"{name}.py"))

    def test_a_neighbour_that_uses_one_whole_is_refused(self) -> None:
        """The line names the file that imports. Also in a package, and by a relative import."""
        self.write("execution.py", "def f(): return 1\n")
        helper = self.write("my_helper.py", "import execution\ndef g(): return execution.f()\n")
        self.refuses("import my_helper\ndef f(): pass\n", f"{helper} imports execution")
        os.remove(helper)
        self.write(os.path.join("my_package", "__init__.py"), "from . import part\n")
        part = self.write(os.path.join("my_package", "part.py"), "import execution\n")
        for source in ("import my_package\n", "from my_package import part\n",
                       "import my_package.part as p\n"):
            self.refuses(f"{source}def f(): pass\n", f"{part} imports execution")

    def test_a_package_is_renamed_whole(self) -> None:
        """It may do without an __init__.py."""
        self.write(os.path.join("lab", "prices.py"), "pen = 3\n")
        for source in ("from lab import prices\n", "import lab.prices\n", "import lab\n"):
            self.refuses(f"{source}def f(): pass\n", "imports lab",
                         f"rename {os.path.join(self.folder, 'lab')}")

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
