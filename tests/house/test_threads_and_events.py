"""docs/threads-and-events.md: what it shows of the code is still in the code."""

from __future__ import annotations

import ast
import re
import unittest
from collections.abc import Iterator

from tests.house.pages import page, read

PAGE = "docs/threads-and-events.md"
# The first line of an excerpt: "# ponte/net/pool.py, Pool.exchange".
HEADING = re.compile(r"# ([\w/]+\.py), ([\w.]+)")
LEFT_OUT = "..."


def stripped(lines: list[str]) -> list[str]:
    """Lines without their indentation, and no empty ones."""
    return [line.strip() for line in lines if line.strip()]


def source_of(file: str, name: str) -> list[str]:
    """The lines of a function, or of a method of a class."""
    node: ast.AST = ast.parse(read(file))
    for part in name.split("."):
        node = next(child for child in ast.iter_child_nodes(node)
                    if isinstance(child, (ast.ClassDef, ast.FunctionDef)) and child.name == part)
    assert isinstance(node, ast.FunctionDef)
    return stripped(read(file).splitlines()[node.lineno - 1:node.end_lineno])


def runs(lines: list[str]) -> Iterator[list[str]]:
    """The lines of an excerpt, cut where some are left out."""
    run: list[str] = []
    for line in lines:
        if line != LEFT_OUT:
            run.append(line)
        elif run:
            yield run
            run = []
    yield run


def missing(excerpt: list[str], source: list[str]) -> list[str]:
    """The first lines of an excerpt that do not stand together in the source, in their order."""
    at = 0
    for run in runs(excerpt):
        found = next((place for place in range(at, len(source))
                      if source[place:place + len(run)] == run), None)
        if found is None:
            return run
        at = found + len(run)
    return []


class Excerpts(unittest.TestCase):
    def test_each_is_still_in_the_code(self) -> None:
        """Line by line, whatever the indentation."""
        blocks = [block for block in page.blocks(read(PAGE)) if block.info == "python"]
        self.assertGreater(len(blocks), 6)
        for block in blocks:
            heading = HEADING.fullmatch(block.lines[0])
            assert heading, f"{PAGE}, line {block.at}: which function is this?"
            with self.subTest(block.lines[0]):
                self.assertEqual(
                    missing(stripped(block.lines[1:]), source_of(*heading.groups())), [])

    def test_what_is_not_in_the_code_is_found(self) -> None:
        source = ["one", "two", "three"]
        for excerpt in (["one", "three"], ["two", "one"], ["one", LEFT_OUT, "one"], ["four"]):
            self.assertTrue(missing(excerpt, source), excerpt)
        for excerpt in (["one", "two"], ["one", LEFT_OUT, "three"]):
            self.assertEqual(missing(excerpt, source), [])


class Names(unittest.TestCase):
    def test_every_method_that_the_text_names_exists(self) -> None:
        """Among the drivers, the programs, and the actors that use them."""
        files = [f"ponte/net/{name}.py" for name in
                 ("stream", "serving", "pool", "threads", "loop", "workers")]
        named = set(re.findall(r"`([A-Z]\w+\.\w+)`", read(PAGE)))
        self.assertGreater(len(named), 15)
        found = {f"{owner.name}.{method.name}" for file in (*files, "server.py", "execution.py")
                 for owner in ast.parse(read(file)).body if isinstance(owner, ast.ClassDef)
                 for method in owner.body if isinstance(method, ast.FunctionDef)}
        self.assertEqual(named - found, set())


if __name__ == "__main__":
    unittest.main()
