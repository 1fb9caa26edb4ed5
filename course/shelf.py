"""The lessons: which there are, and what each of them has."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NamedTuple

from course import words

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

    @property
    def texts(self) -> words.Texts:
        """All that the lesson says, and those words of the course that any lesson may say."""
        found: words.Texts = self.part("texts").TEXTS
        return {**words.TEXTS, **found}

    def text(self, key: str, language: str, **values: object) -> str:
        """A text of the lesson, in "en" or "pt", with its fields filled in."""
        return words.fill(self.texts, key, language, values)

    def story(self, lines: Sequence[Sequence[Any]], language: str) -> list[str]:
        """A story as a student reads it."""
        return [words.story_line(self.texts, language, line) for line in lines]


LESSONS = (
    Lesson(1, "rpc"),
    Lesson(2, "leases"),
    Lesson(3, "load_balancing"),
    Lesson(4, "failure_detectors"),
    Lesson(5, "call_semantics"),
    Lesson(6, "retries"),
    Lesson(7, "logical_clocks"),
    Lesson(8, "quorum"),
)
