"""The documents stay true: languages agree, links lead somewhere, and what is named exists.

.ci/run also types their commands. The README and docs/reading.md have tests of their own.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import sys
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import client
import proxy
import registry
import server
from bench import __main__ as bench
from bench import scale
from classroom import command
from tests.house.pages import (
    DOCUMENTS,
    NAMED,
    ROOT,
    TWINS,
    commands,
    is_a_test,
    page,
    prose,
    read,
    without_comments,
)

PROGRAMS: dict[str, Callable[[list[str]], object]] = {
    "registry": registry.main, "server": server.main, "proxy": proxy.main,
    "client": client.main, "demo": command.main}
# A command beside a sentence or in a table: `python3 -m bench --quick`.
MODULE_COMMAND = re.compile(r"`python3 -m ((?:bench|tests)[.\w]*)([^`]*)`")
BENCH_COMMAND = re.compile(r"`python3 -m (bench\S*)([^`]*)`")
# A file or a folder: `ponte/calls/rule.py`, `bench/`.
FILE = re.compile(r"`((?:[\w.-]+/)*[\w.-]+(?:\.py|\.md|/))`")
# Files that a document speaks of and that are not there: a reader makes them, or could.
IMAGINED = {"queue.py", "calendar.py", "__init__.py"}
# A page with all its pictures is to open at once, also over a slow network.
MAX_PICTURE_BYTES = 150_000
# Its own test types it.
TYPED_BY_A_TEST = {"docs/security.md"}


def anchors(name: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(name), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(name: str) -> Iterator[tuple[str, str]]:
    """The links of a document within the project: file and anchor."""
    for target in re.findall(r"\]\(([^)]+)\)", prose(name)):
        if "://" not in target:
            file, _, anchor = target.partition("#")
            place = os.path.normpath(os.path.join(os.path.dirname(name), file)) if file else name
            yield place.replace(os.sep, "/"), anchor


def help_of(main: Callable[[], object]) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main()
    return printed.getvalue()


def options_of(program: str) -> set[str]:
    """The long options in the usage lines of a program's --help."""
    usage = help_of(lambda: PROGRAMS[program](["--help"])).partition("\n\n")[0]
    return {"--help", *re.findall(r"\[(--[a-z-]+)", usage)}


def options_told(text: str, program: str) -> set[str]:
    """The options that the reference table gives to a program."""
    rows = re.findall(r"^\| `(--[a-z-]+)` \| ([^|]*) \|", text, re.MULTILINE)
    return {option for option, programs in rows if program in programs.split(", ")}


class Twins(unittest.TestCase):
    """A document in two languages says the same in both."""

    def test_what_a_class_reads_is_there_in_both_languages(self) -> None:
        english = {name for name, _ in TWINS}
        for name in ("README", "docs/lesson", "docs/own-services", "docs/guarantees",
                     "docs/command-line", "docs/reading", "docs/one-call"):
            self.assertIn(f"{name}.md", english)

    def test_both_have_the_same_commands(self) -> None:
        for english, portuguese in TWINS:
            with self.subTest(english):
                self.assertEqual(commands(english), commands(portuguese))

    def test_both_have_the_same_structure(self) -> None:
        def structure(name: str) -> list[object]:
            found = [(block.info, block.notes, page.file_of(block))
                     for block in page.blocks(read(name))]
            headings, rows, items = (re.findall(pattern, prose(name), re.MULTILINE)
                                     for pattern in (r"^(#+) ", r"^\|", r"^(-|\d+\.) "))
            return [headings, len(rows), items, found]

        for english, portuguese in TWINS:
            with self.subTest(english):
                self.assertEqual(structure(english), structure(portuguese))

    def test_programs_and_prompts_differ_in_their_comments_alone(self) -> None:
        def code(name: str) -> list[str]:
            return [without_comments("\n".join(block.lines)) for block in page.blocks(read(name))
                    if block.info in ("python", "pycon", "diff")]

        for english, portuguese in TWINS:
            with self.subTest(english):
                self.assertEqual(code(english), code(portuguese))

    def test_both_name_the_same_files(self) -> None:
        for english, portuguese in TWINS:
            with self.subTest(english):
                self.assertEqual(set(FILE.findall(prose(english))),
                                 set(FILE.findall(prose(portuguese))))

    def test_a_page_in_portuguese_links_to_pages_in_portuguese(self) -> None:
        translated = dict(TWINS)
        for english, portuguese in TWINS:
            for target, _ in links(portuguese):
                if target != english:
                    self.assertNotIn(target, translated, f"{portuguese}: {translated.get(target)}")


class Everything(unittest.TestCase):
    """What a document names is there."""

    def test_every_link_leads_somewhere(self) -> None:
        for name in DOCUMENTS:
            for file, anchor in links(name):
                with self.subTest(name, file=file, anchor=anchor):
                    self.assertTrue(os.path.exists(os.path.join(ROOT, file)))
                    if anchor:
                        self.assertIn(anchor, anchors(file))

    def test_pictures_are_small(self) -> None:
        """`python3 -m tests.browser --pictures docs/page` makes them so."""
        pictures = list(Path(ROOT, "docs", "page").glob("*.png"))
        self.assertGreater(len(pictures), 8)
        for picture in pictures:
            self.assertLess(picture.stat().st_size, MAX_PICTURE_BYTES, picture.name)

    def test_every_document_can_be_found_from_the_list(self) -> None:
        """docs/README.md is the list: from there, or from a twin, each page is one click away."""
        linked = {file for file, _ in links("docs/README.md")} | {"docs/README.md"}
        linked |= {portuguese for english, portuguese in TWINS if english in linked}
        self.assertEqual(set(DOCUMENTS) - linked, set())

    def test_every_file_that_is_named_exists(self) -> None:
        for name in DOCUMENTS:
            written = {page.file_of(block) for block in page.blocks(read(name))}
            for file in set(FILE.findall(prose(name))) - written - IMAGINED:
                with self.subTest(name, file=file):
                    place = os.path.join(os.path.dirname(name), file)
                    self.assertTrue(any(os.path.exists(os.path.join(ROOT, each))
                                        for each in (file, place)))

    def test_every_test_that_is_named_exists(self) -> None:
        for name in DOCUMENTS:
            for test in NAMED.findall(read(name)):
                with self.subTest(name, test=test):
                    self.assertTrue(is_a_test(test))

    def test_every_command_of_a_module_can_be_given(self) -> None:
        """Those that take too long to be typed: a wrong section or option ends the parser."""
        parsers = {"bench": bench.parse, "bench.scale": scale.parse}
        found = {each for name in DOCUMENTS for each in MODULE_COMMAND.findall(read(name))}
        self.assertGreater(len(found), 12)
        for module, arguments in found:
            with self.subTest(module + arguments):
                if arguments.strip() == "check":
                    continue
                if module in parsers:
                    parsers[module](arguments.split())
                elif not arguments:
                    self.assertTrue(importlib.util.find_spec(module))
                else:
                    self.assertLessEqual(set(re.findall(r"--[a-z-]+", arguments)),
                                         self.options_of_module(module))

    def options_of_module(self, module: str) -> set[str]:
        """The options of a program that is a module or a package."""
        is_file = os.path.exists(os.path.join(ROOT, *module.split(".")) + ".py")
        program = importlib.import_module(module if is_file else f"{module}.__main__")
        with mock.patch.object(sys, "argv", [module, "--help"]):
            return set(re.findall(r"--[a-z-]+", help_of(program.main)))

    def test_every_document_with_commands_is_typed(self) -> None:
        """By .ci/run, or by a test of its own."""
        # Those of the lessons are typed by a pattern (tests/course/test_pages.py).
        steps = re.sub(r"\S+\*\S+", "", read(".ci/run"))
        typed = set(re.findall(r"[\w./-]+\.md", steps))
        with_commands = {name for name in DOCUMENTS if any(
            page.commands(block) or page.edits(block) for block in page.blocks(read(name)))}
        self.assertEqual(with_commands - TYPED_BY_A_TEST, typed)


class CommandLine(unittest.TestCase):
    def test_the_reference_has_every_option_and_no_other(self) -> None:
        for name in ("docs/command-line.md", "docs/command-line.pt-BR.md"):
            for program in PROGRAMS:
                with self.subTest(name, program=program):
                    self.assertEqual(options_told(read(name), program), options_of(program))


class OwnServices(unittest.TestCase):
    def test_a_stock_server_moves_over_by_changing_two_lines(self) -> None:
        files = {page.file_of(block): block.lines[1:]
                 for block in page.blocks(read("docs/own-services.md"))}
        before, after = files["adder_before.py"], files["adder_after.py"]
        self.assertEqual(len(before), len(after))
        self.assertEqual(sum(one != other for one, other in zip(before, after)), 2)


class Failures(unittest.TestCase):
    def setUp(self) -> None:
        self.text = read("docs/failures.md")

    def test_it_names_many_tests(self) -> None:
        self.assertGreater(len(NAMED.findall(self.text)), 20)

    def test_every_row_of_the_matrix_names_a_test(self) -> None:
        matrix = self.text.split("## The failure matrix", 1)[1].split("\n## ", 1)[0]
        rows = [line for line in matrix.splitlines() if line.startswith("| ")][1:]
        self.assertGreater(len(rows), 20)
        for row in rows:
            with self.subTest(row[:40]):
                self.assertRegex(row.rstrip(" |").rsplit("|", 1)[1], NAMED)


class Scale(unittest.TestCase):
    def setUp(self) -> None:
        self.text = read("docs/scale.md")

    def test_it_names_many_commands(self) -> None:
        self.assertGreater(len(BENCH_COMMAND.findall(self.text)), 5)

    def test_every_row_of_costs_names_its_command(self) -> None:
        costs = self.text.split("## What one core carries", 1)[1].split("\n## ", 1)[0]
        rows = [line for line in costs.splitlines() if line.startswith("| ")][1:]
        self.assertGreater(len(rows), 5)
        for row in rows:
            with self.subTest(row[:40]):
                self.assertRegex(row.rstrip(" |").rsplit("|", 1)[1], BENCH_COMMAND)


if __name__ == "__main__":
    unittest.main()
