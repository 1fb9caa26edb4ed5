"""The two READMEs say the same, and what they say of files and options holds. .ci/run also runs their commands."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import sys
import unittest
from typing import Any, Callable

import client
import proxy
import registry
import server
from classroom import command

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENGLISH, PORTUGUESE = "README.md", "README.pt-BR.md"
PROGRAMS: dict[str, Callable[[list[str]], object]] = {
    "registry": registry.main, "server": server.main, "proxy": proxy.main, "client": client.main, "demo": command.main}


def read(name: str) -> str:
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def load_page() -> Any:
    """The reader of READMEs that .ci/run uses."""
    spec = importlib.util.spec_from_file_location("ponte_ci_page", os.path.join(ROOT, ".ci", "page.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module         # NamedTuple looks itself up there
    spec.loader.exec_module(module)
    return module


page = load_page()


def commands(name: str) -> list[str]:
    return [typed.text for block in page.blocks(read(name)) for typed in page.commands(block)]


def options_of(program: str) -> set[str]:
    """The long options in the usage lines of a program's --help."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        PROGRAMS[program](["--help"])
    usage = printed.getvalue().partition("\n\n")[0]
    return {"--help", *re.findall(r"\[(--[a-z-]+)", usage)}


def options_told(text: str, program: str) -> set[str]:
    """The options that the reference table of a README gives to a program."""
    rows = re.findall(r"^\| `(--[a-z-]+)` \| ([^|]*) \|", text, re.MULTILINE)
    return {option for option, programs in rows if program in programs.split(", ")}


class Readmes(unittest.TestCase):
    def test_a_newcomer_sees_picture_commands_and_transcript_in_thirty_lines(self) -> None:
        for name, proof in ((ENGLISH, "PROOF: ✓ PASSED"), (PORTUGUESE, "PROVA: ✓ PASSOU")):
            with self.subTest(name):
                first = read(name).splitlines()[:30]
                for wanted in ("python3 demo.py", "python3 -m unittest", proof):
                    self.assertIn(wanted, first)
                self.assertTrue(any("► proxy ──" in line for line in first), "the picture")

    def test_both_languages_have_the_same_commands(self) -> None:
        self.assertEqual(commands(ENGLISH), commands(PORTUGUESE))

    def test_both_languages_have_the_same_structure(self) -> None:
        def structure(name: str) -> list[object]:
            outside = re.sub(r"```.*?```", "", read(name), flags=re.DOTALL)
            blocks = [(block.info, block.notes, page.file_of(block)) for block in page.blocks(read(name))]
            headings, rows = (re.findall(pattern, outside, re.MULTILINE) for pattern in (r"^(#+) ", r"^\|"))
            return [headings, len(rows), blocks]

        self.assertEqual(structure(ENGLISH), structure(PORTUGUESE))

    def test_programs_differ_in_their_comments_alone(self) -> None:
        def programs(name: str) -> list[str]:
            found = ["\n".join(block.lines) for block in page.blocks(read(name)) if page.file_of(block)]
            return [re.sub(r'\s+#.*|""".*"""', "", text) for text in found]

        self.assertEqual(programs(ENGLISH), programs(PORTUGUESE))

    def test_every_file_that_is_named_exists(self) -> None:
        for name in (ENGLISH, PORTUGUESE):
            text = read(name)
            written = {page.file_of(block) for block in page.blocks(text)}
            named = re.findall(r"`((?:[\w.-]+/)*[\w.-]+(?:\.py|/))`", text) + re.findall(r"\]\(([^)#:]+)\)", text)
            self.assertGreater(len(named), 20)
            for file in set(named) - written:
                places = (file, os.path.join("transport", file))
                self.assertTrue(any(os.path.exists(os.path.join(ROOT, place)) for place in places), f"{name}: {file}")

    def test_every_link_within_the_page_has_its_heading(self) -> None:
        for name in (ENGLISH, PORTUGUESE):
            headings = re.findall(r"^#+ (.*)$", read(name), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            self.assertLessEqual(set(re.findall(r"\]\(#([^)]+)\)", read(name))), anchors, name)

    def test_the_reading_order_names_every_file_of_the_core(self) -> None:
        folders = {"": ROOT, "transport/": os.path.join(ROOT, "transport"), "services/": os.path.join(ROOT, "services")}
        core = [f"{folder}{file}" for folder, path in folders.items() for file in os.listdir(path)
                if file.endswith(".py") and file != "__init__.py"]
        for name in (ENGLISH, PORTUGUESE):
            order = [row for row in read(name).splitlines() if re.match(r"\| \d+ \|", row)]
            for file in core:
                self.assertTrue(any(f"`{file}`" in row for row in order), f"{name} does not tell of {file}")

    def test_the_reference_has_every_option_and_no_other(self) -> None:
        for name in (ENGLISH, PORTUGUESE):
            for program in PROGRAMS:
                with self.subTest(name, program=program):
                    self.assertEqual(options_told(read(name), program), options_of(program))

    def test_a_stock_server_moves_over_by_changing_two_lines(self) -> None:
        files = {page.file_of(block): block.lines[1:] for block in page.blocks(read(ENGLISH))}
        before, after = files["adder_before.py"], files["adder_after.py"]
        self.assertEqual(len(before), len(after))
        self.assertEqual(sum(one != other for one, other in zip(before, after)), 2)


class Comparing(unittest.TestCase):
    def test_times_and_free_ports_may_differ(self) -> None:
        self.assertEqual("", page.difference(["12:00:01.000 at 127.0.0.1:40001 (1.5 ms)"],
                                             ["13:10:09.123 at 127.0.0.1:51234 (12.0 ms)"]))

    def test_the_ports_of_the_lesson_may_not(self) -> None:
        self.assertIn("4100", page.difference(["at 127.0.0.1:4100"], ["at 127.0.0.1:4101"]))

    def test_a_value_may_not_differ(self) -> None:
        self.assertTrue(page.difference(["2"], ["3"]))

    def test_a_missing_line_and_one_too_many_are_found(self) -> None:
        self.assertTrue(page.difference(["one", "two"], ["one"]))
        self.assertTrue(page.difference(["one"], ["one", "two"]))
        self.assertEqual("", page.difference(["one"], ["one", "two"], to_be_continued=True))

    def test_dots_stand_for_any_lines(self) -> None:
        self.assertEqual("", page.difference(["one", "...", "four"], ["one", "two", "three", "four"]))
        self.assertTrue(page.difference(["one", "...", "five"], ["one", "two", "three", "four"]))
        self.assertEqual("", page.difference(["reply: timed ..."], ["reply: timed out"]))

    def test_a_proof_that_failed_has_another_shape(self) -> None:
        shown, printed = ["PROOF: ✓ PASSED", "  ✓ 300 of 300"], ["PROOF: ✗ FAILED", "  ✗ 299 of 300"]
        self.assertTrue(page.difference(page.shape(shown), page.shape(printed)))

    def test_the_shape_has_no_numbers(self) -> None:
        self.assertEqual(page.shape(["  ✓ 3 calls by server-1, server-2"]), page.shape(["  ✓ 4 calls by server-3"]))


if __name__ == "__main__":
    unittest.main()
