"""Who a student is, and the number that is theirs alone.

A figure that two students can hand in alike proves nothing. So what a lesson shows inside Ponte
depends on a personal number, 0 to 999, made of the code of the class, the name and the lesson by
HMAC-SHA256 (RFC 2104). A figure that was copied does not fit the name of who hands it in.

It is no secret: whoever knows class and name can compute it. It makes copying visible, not
impossible.

Threads: as those of Progress.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from typing import NamedTuple

from course.handed_in import text
from course.progress import Progress
from course.words import typed_next
from ponte.process.options import PYTHON, UsageError

# Numbers are below it. Larger ones would not be read aloud in a class.
NUMBERS = 1000
MAX_CHARS = 80


class Student(NamedTuple):
    """A class, by its code, and a name in it; both as they were typed, without outer spaces."""

    class_code: str
    name: str

    def key(self) -> tuple[str, str]:
        """Equal for the same person, however they type their name.

        >>> Student("DS 2026", "Ana Souza").key() == Student("ds 2026", " ANA  souza ").key()
        True
        """
        return _same(self.class_code), _same(self.name)

    def number(self, lesson: str) -> int:
        """The personal number in a lesson.

        >>> Student("DS", "Ana Souza").number("leases")
        321
        """
        class_code, name = self.key()
        code = hmac.new(class_code.encode(), f"{name}\n{lesson}".encode(), hashlib.sha256)
        return int.from_bytes(code.digest()[:8], "big") % NUMBERS


def student(class_code: object, name: object) -> Student | None:
    """The student with this class and name; None where one of the two is no name: empty, too long,
    or with characters that cannot be printed.
    """
    if not isinstance(class_code, str) or not isinstance(name, str):
        return None
    found = Student(" ".join(class_code.split()), " ".join(name.split()))
    fits = all(0 < len(each) <= MAX_CHARS and each.isprintable() for each in found)
    return found if fits else None


def who(progress: Progress) -> Student | None:
    """The student whose progress this is; None where none has said a name. Raises Spoilt."""
    entry = progress.last("name", "")
    return student(entry.get("class"), entry.get("name")) if entry else None


def number(progress: Progress, lesson: str) -> int:
    """The personal number in a lesson; 0 where no name was said. Raises Spoilt."""
    found = who(progress)
    return found.number(lesson) if found else 0


def command(language: str) -> str:
    """What to type to say who one is."""
    return typed_next(f"{PYTHON} -m course name {text('class_and_name', language)}", language)


def give(progress: Progress, class_code: str, name: str, language: str) -> int:
    """Keeps class and name, and says so; returns the exit code. Raises UsageError."""
    found = student(class_code, name)
    if found is None:
        raise UsageError(text("bad_name", language, most=MAX_CHARS, command=command(language)))
    progress.add("name", "", **{"class": found.class_code, "name": found.name})
    print(text("named", language, name=found.name, class_code=found.class_code))
    return 0


def _same(typed: str) -> str:
    """A text without what two ways to type it differ in: case, spaces, and how an accent is made.
    """
    folded = unicodedata.normalize("NFC", typed).casefold()
    return " ".join(unicodedata.normalize("NFC", folded).split())
