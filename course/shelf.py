"""The lessons: which there are, and what each of them has."""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))


class Lesson(NamedTuple):
    """A lesson: its number on the first page, and the name of its folder."""

    number: int
    name: str

    def part(self, part: str) -> ModuleType:
        """A module of the lesson: "check", "mutants", "real" or "texts"."""
        return importlib.import_module(f"course.lessons.{self.name}.{part}")

    def file(self, name: str) -> str:
        """The path of a file of the lesson, such as "start.py"."""
        return os.path.join(HERE, "lessons", self.name, name)

    def text(self, key: str, language: str, **values: object) -> str:
        """A text of the lesson, in "en" or "pt", with its fields filled in."""
        english, portuguese = self.part("texts").TEXTS[key]
        chosen: str = portuguese if language == "pt" else english
        return chosen.format(**values) if values else chosen


LESSONS = (Lesson(5, "call_semantics"), Lesson(6, "retries"))
