"""docs/one-call.md: every function that its pictures and its text name exists."""

from __future__ import annotations

import importlib
import os
import re
import unittest

from tests.house.test_imports import HOUSE

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGES = ("one-call.md", "one-call.pt-BR.md")
METHOD = re.compile(r"\b([A-Z][a-z]\w+)\.(\w+)")
# In the pictures, behind a line that stands for a process: "| encode_call".
FUNCTION = re.compile(r"\| ([a-z_]+)(?= |$)", re.MULTILINE)
# What a user writes, and the words beside an arrow.
NOT_OURS = {"deposit", "attempt", "tentativa"}


ACTORS = ("client", "server", "execution", "proxy", "registry", "relayed_call", "heartbeat")
CORE = [importlib.import_module(name) for name in HOUSE
        if name.partition(".")[0] in ("ponte", *ACTORS)]


def read(page: str) -> str:
    with open(os.path.join(ROOT, "docs", page), encoding="utf-8") as file:
        return file.read()


def pictures(page: str) -> str:
    return "\n".join(re.findall(r"```text\n(.*?)```", read(page), re.DOTALL))


class OneCall(unittest.TestCase):
    def test_every_method_exists(self) -> None:
        for page in PAGES:
            named = set(METHOD.findall(read(page)))
            self.assertGreater(len(named), 15)
            for owner, method in named:
                with self.subTest(page, owner=owner, method=method):
                    owners = [vars(module)[owner] for module in CORE if owner in vars(module)]
                    self.assertTrue(any(hasattr(each, method) for each in owners))

    def test_every_function_exists(self) -> None:
        for page in PAGES:
            named = set(FUNCTION.findall(pictures(page))) - NOT_OURS
            self.assertEqual(named, {"encode_call", "decode_result", "judge", "failure"})
            for function in named:
                with self.subTest(page, function=function):
                    self.assertTrue(any(hasattr(module, function) for module in CORE))

    def test_both_languages_show_the_same_functions(self) -> None:
        english, portuguese = (METHOD.findall(pictures(page)) for page in PAGES)
        self.assertEqual(english, portuguese)


if __name__ == "__main__":
    unittest.main()
