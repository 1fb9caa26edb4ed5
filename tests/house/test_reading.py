"""docs/reading.md: the short way is short, the whole is whole, and its prompts are right."""

from __future__ import annotations

import doctest
import re
import unittest
from pathlib import Path

from tests.house.pages import ROOT, page, read
from tests.house.test_imports import MODULES, PURE

PAGES = ("docs/reading.md", "docs/reading.pt-BR.md")
SHORT_WAY_LINES = 1500
SHORT_WAY = ["services/greeter.py", "ponte/discovery/beats.py", "heartbeat.py",
             "ponte/discovery/leases.py", "ponte/calls/once.py", "ponte/calls/rule.py",
             "client.py"]
# A table, to keep open beside leases.py.
BESIDE = "ponte/discovery/lease_states.py"
# Where the way ends in a file: what follows can wait. The pages name these lines.
WAY_ENDS = {"heartbeat.py": "# ---- the thread",
            "ponte/discovery/leases.py": "    # ---- readers",
            "ponte/calls/once.py": "    # ---- the bounds",
            "client.py": "    # ---- what the loop needs"}
# Pure modules whose own docstrings show them at work: parts of the parser, and what all others use.
WITHOUT_A_PROMPT = {"ponte.net.address", "ponte.net.chunked", "ponte.net.fields",
                    "ponte.net.framing", "ponte.net.known_heads", "ponte.net.target"}


def stations(name: str) -> dict[str, str]:
    """The files of the short way, in order, and what the page says of each."""
    found = re.split(r"^### \d+\. `([^`]+)`$", read(name), flags=re.MULTILINE)[1:]
    texts = [text.split("\n## ")[0] for text in found[1::2]]
    return dict(zip(found[::2], texts))


class ShortWay(unittest.TestCase):
    def test_it_goes_from_the_greeter_to_the_client(self) -> None:
        for name in PAGES:
            self.assertEqual(list(stations(name)), SHORT_WAY, name)

    def test_it_is_short(self) -> None:
        """Counted as a reader does: with docstrings, comments and empty lines."""
        lines = {file: len(read(file).partition(WAY_ENDS.get(file, "\0"))[0].splitlines())
                 for file in (*SHORT_WAY, BESIDE)}
        self.assertLessEqual(sum(lines.values()), SHORT_WAY_LINES, lines)

    def test_the_pages_say_where_it_ends_in_a_file(self) -> None:
        for file, end in WAY_ENDS.items():
            with self.subTest(file):
                self.assertEqual(read(file).splitlines().count(end), 1)
                for name in PAGES:
                    self.assertIn(f"`{end.strip()}`", stations(name)[file], name)

    def test_each_file_has_three_questions(self) -> None:
        for name in PAGES:
            for file, text in stations(name).items():
                questions = re.findall(r"^(\d)\. ", text, re.MULTILINE)
                self.assertEqual(questions, ["1", "2", "3"], f"{name}: {file}")


class Whole(unittest.TestCase):
    def test_every_file_of_the_core_is_named(self) -> None:
        files = [path.relative_to(ROOT).as_posix() for path in MODULES.values()
                 if path.name != "__init__.py"]
        files = [name for name in files
                 if "/" not in name
                 or name.startswith(("ponte/", "services/", "lab/", "dashboard/"))]
        files += [path.relative_to(ROOT).as_posix()
                  for path in Path(ROOT, "dashboard", "web").glob("*.js")]
        self.assertGreater(len(files), 150)
        for name in PAGES:
            told = set(re.findall(r"^\| `([^`]+)` \|", read(name), re.MULTILINE))
            self.assertEqual(set(files) - told, set(), name)


class Prompts(unittest.TestCase):
    def test_they_answer_what_the_page_shows(self) -> None:
        runner = doctest.DocTestRunner(verbose=False)
        for name in PAGES:
            prompts = [block for block in page.blocks(read(name)) if block.info == "pycon"]
            self.assertGreater(len(prompts), 12)
            for block in prompts:
                example = doctest.DocTestParser().get_doctest(
                    "\n".join(block.lines) + "\n", {}, f"{name}, line {block.at}", name, block.at)
                printed: list[str] = []
                failed, _ = runner.run(example, out=printed.append)
                self.assertEqual(failed, 0, "".join(printed))

    def test_each_pure_module_has_one(self) -> None:
        for name in PAGES:
            prompts = "\n".join("\n".join(block.lines) for block in page.blocks(read(name))
                                if block.info == "pycon")
            # The rooms beside the core have no way through them.
            core = {module for module in PURE if not module.startswith("interop.")}
            for module in core - WITHOUT_A_PROMPT:
                package, _, file = module.rpartition(".")
                self.assertTrue(f"from {module} import" in prompts
                                or f"from {package} import {file}" in prompts,
                                f"{name} has no prompt for {module}")


if __name__ == "__main__":
    unittest.main()
