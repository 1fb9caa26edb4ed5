"""The words after `demo.py`: which part of the classroom is meant."""

from __future__ import annotations

import argparse
import difflib
import io
import os
import sys
from collections.abc import Sequence

from classroom import doctor, roles, story
from classroom.screen import plain
from classroom.texts import LANGUAGES, Words, choose_language, system_locale
from ponte.process.options import UsageError

PLACES = (*roles.ROLES, "doctor")


def main(arguments: Sequence[str]) -> int:
    """Runs what the words ask for, and returns its exit code. Raises UsageError for words that ask for nothing."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")        # what a console cannot show is no reason to end
    language, rest = take_language(list(arguments))
    words = Words(language)

    def told(key: str) -> str:
        return plain(words(key), sys.stdout.encoding or "ascii")

    if rest and rest[0] in roles.ROLES:
        return roles.run(rest[0], rest[1:], words)
    parser = argparse.ArgumentParser(prog="demo.py", description=told("help.what"), epilog=told("help.roles"),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--auto", action="store_true", help=told("help.auto"))
    parser.add_argument("--lang", choices=LANGUAGES, default=language, help=told("help.lang"))
    parser.add_argument("place", nargs="?", metavar=" | ".join(PLACES), help=told("help.place"))
    chosen = parser.parse_args(rest)
    if chosen.place is None:
        return story.tell(words, auto=chosen.auto)
    if chosen.place == "doctor":
        return doctor.main(words)
    raise UsageError(_unknown(chosen.place, words))


def take_language(arguments: list[str]) -> tuple[str, list[str]]:
    """The language that --lang names, wherever it stands, or that of the locale; and the other arguments."""
    language, rest = choose_language(os.environ, system_locale()), []
    while arguments:
        name, equals, value = arguments.pop(0).partition("=")
        if name != "--lang":
            rest.append(name + equals + value)
            continue
        value = value if equals else arguments.pop(0) if arguments else ""
        if value not in LANGUAGES:
            raise UsageError(f"--lang {value}: there are {' and '.join(LANGUAGES)}")
        language = value
    return language, rest


def _unknown(place: str, words: Words) -> str:
    if place in PLACES:     # after an option, as in `--auto registry`
        return words("help.first", place=place)
    close = difflib.get_close_matches(place.lower(), PLACES, 1, 0.5)
    guess = words("help.guess", close=close[0]) if close else ""
    return words("help.unknown", place=place, guess=guess, places=", ".join(PLACES))
