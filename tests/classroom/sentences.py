"""Reads from the source, by `ast`, every sentence that the classroom and the page print.

A sentence is the first text in a call of words(...), stage.tell(...), stage.check(holds, ...) or
stage.predict(title, question, proves, ...); those of Answers(a, b, c, d) are four. Each must be a
literal: so a reader finds it where it is printed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
CLASSROOM = ROOT / "classroom"
ROOMS = (CLASSROOM, ROOT / "dashboard")
# Function -> which of its arguments are sentences.
TAKES = {"words": (0,), "_words": (0,), "tell": (0,), "check": (1,), "check_limit": (1,),
         "predict": (0, 1, 2), "Answers": (0, 1, 2, 3)}
# Named arguments of these functions that fill in no field.
SETTINGS = {"at", "style", "right"}


class Sentence(NamedTuple):
    """A sentence and where it stands; `given`: the fields that the call fills in."""

    text: str
    file: str
    line: int
    function: str
    given: frozenset[str]


def sentences() -> list[Sentence]:
    """Every sentence of these rooms. Raises AssertionError for one that is no literal."""
    return [sentence for room in ROOMS for path in sorted(room.glob("*.py"))
            for sentence in in_source(path.read_text(encoding="utf-8"), path.name)]


def in_source(source: str, file: str) -> Iterator[Sentence]:
    """The sentences of one file."""
    tree = ast.parse(source, file)
    passed_on = {id(node) for function in ast.walk(tree) if isinstance(function, ast.FunctionDef)
                 for node in _own_parameters(function)}
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        function = _name(call)
        for position in TAKES.get(function, ()):
            if position >= len(call.args):
                # A function of another room, which has the same name.
                continue
            argument = call.args[position]
            if id(argument) in passed_on:
                # As in Stage.tell, which hands its own parameter on.
                continue
            assert isinstance(argument, ast.Constant) and isinstance(argument.value, str), \
                f"{file}:{call.lineno}: the sentence must be a literal"
            given = frozenset(keyword.arg or "" for keyword in call.keywords) - SETTINGS
            yield Sentence(argument.value, file, call.lineno, function, given)


def _own_parameters(function: ast.FunctionDef) -> Iterator[ast.Name]:
    """Where a function uses its parameters."""
    names = {argument.arg for argument in function.args.args}
    return (node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id in names)


def _name(call: ast.Call) -> str:
    """The function that is called, by its last name: `tell` in stage.tell(...)."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
