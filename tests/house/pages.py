"""The documents, as the tests of this folder read them."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import sys
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENGLISH, PORTUGUESE = "README.md", "README.pt-BR.md"
# A module of tests, a class or a method in one: `tests.net.test_pool.Pools`.
NAMED = re.compile(r"`(tests(?:\.\w+)+)`")


def _documents() -> list[str]:
    listed = [name for name in os.listdir(ROOT) if name.endswith(".md")]
    listed += [f"docs/{name}" for name in os.listdir(os.path.join(ROOT, "docs"))
               if name.endswith(".md")]
    return sorted(listed)


DOCUMENTS = _documents()


def in_portuguese(name: str) -> str:
    """The name of the Portuguese version of a document."""
    return name.replace(".md", ".pt-BR.md")


# The documents that a class reads: English and Portuguese.
TWINS = [(name, in_portuguese(name)) for name in DOCUMENTS if in_portuguese(name) in DOCUMENTS]


def read(name: str) -> str:
    """The text of a document, or of any other file of the project."""
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def load_page() -> Any:
    """The module of .ci/ that reads documents."""
    spec = importlib.util.spec_from_file_location(
        "ponte_ci_page", os.path.join(ROOT, ".ci", "page.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    # A NamedTuple looks its module up there.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


page = load_page()


def commands(name: str) -> list[str]:
    """The commands that a document gives."""
    return [typed.text for block in page.blocks(read(name)) for typed in page.commands(block)]


def prose(name: str) -> str:
    """A document without its blocks."""
    return re.sub(r"^```.*?^```$", "", read(name), flags=re.DOTALL | re.MULTILINE)


def without_comments(code: str) -> str:
    """Code without its comments and docstrings, which are translated."""
    return re.sub(r'\s*#.*|""".*"""', "", code)


def is_a_test(name: str) -> bool:
    """Whether `name` is a module of tests, a class or a method in one, by its source."""
    parts = name.split(".")
    length = next((n for n in range(len(parts), 0, -1)
                   if os.path.exists(os.path.join(ROOT, *parts[:n]) + ".py")), 0)
    if not length:
        return False
    node: ast.AST = ast.parse(read("/".join(parts[:length]) + ".py"))
    for part in parts[length:]:
        found = [child for child in ast.iter_child_nodes(node)
                 if isinstance(child, (ast.ClassDef, ast.FunctionDef)) and child.name == part]
        if not found:
            return False
        node = found[0]
    return True
