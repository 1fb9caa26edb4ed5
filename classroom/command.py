"""The words after `demo.py`: which part of the classroom is meant."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from classroom import attack, doctor, roles, story, swap
from classroom.language import LANGUAGES, Words, take_language
from classroom.narrow import narrowed_help
from classroom.screen import Screen
from ponte.process.characters import plain, write_any
from ponte.process.options import SWITCHES, UsageError
from ponte.process.own_files import DEMO

# Stories beside the demo, and what tells each.
STORIES = {"attack": attack.run, "swap": swap.run}
PLACES = (*roles.ROLES, *STORIES, "doctor")
NOTHING: Mapping[str, str] = {}


def main(arguments: Sequence[str], handed_on: Mapping[str, str] = NOTHING) -> int:
    """Runs what the words name; returns its exit code. Raises UsageError for unknown words.

    `handed_on`: further words, each with the name of a module whose `main(arguments, words)` takes
    what comes after it. This room does not know these modules.
    """
    write_any(sys.stdout, sys.stderr)
    language, rest = take_language(list(arguments))
    words = Words(language)
    try:
        if rest and rest[0] in handed_on:
            module = importlib.import_module(handed_on[rest[0]])
            code: int = module.main(rest[1:], words)
            return code
        return _run(rest, words, (*PLACES, *handed_on))
    except UsageError as error:
        # Most of these come from argparse, or from a role.
        raise UsageError(words.quoted(str(error))) from None


def _run(rest: list[str], words: Words, places: Sequence[str]) -> int:
    if rest and rest[0] in roles.ROLES:
        return roles.run(rest[0], rest[1:], words)
    chosen = _parser(words, places).parse_args(rest)
    auto = chosen.auto or _auto_is_set(os.environ, words)
    if chosen.place is None:
        return story.run(words, auto=auto, first=_first_step(chosen.first, os.environ, words))
    if chosen.place in STORIES:
        if chosen.first is not None:
            raise UsageError(words("{place} begins at its step 1: --from is for the demo",
                                   place=chosen.place))
        return STORIES[chosen.place](words, auto=auto)
    if chosen.place == "doctor":
        return doctor.main(words)
    raise UsageError(_refuse(chosen.place, words, places))


def _auto_is_set(environ: Mapping[str, str], words: Words) -> bool:
    """Whether the variable PONTE_AUTO says what --auto says. Raises UsageError for another text."""
    text = environ.get("PONTE_AUTO", "")
    if text and text.lower() not in SWITCHES:
        raise UsageError(words("{given}: take 1 or 0", given=f"PONTE_AUTO={text}"))
    return SWITCHES.get(text.lower(), False)


def _first_step(given: str | None, environ: Mapping[str, str], words: Words) -> int:
    """The step that --from or the variable PONTE_FROM names. Raises UsageError for another text."""
    source, text = (("--from ", given) if given is not None else
                    ("PONTE_FROM=", environ.get("PONTE_FROM") or "1"))
    last = len(story.STEPS)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= last:
        raise UsageError(words("{given}: there are steps 1 to {last}, such as --from 5",
                               given=f"{source}{text}", last=last))
    return int(text)


class Parser(argparse.ArgumentParser):
    """A mistake gets one line, as everywhere else. The help fits the terminal."""

    def format_help(self) -> str:
        text = super().format_help().replace("demo.py", DEMO)
        return narrowed_help(text, Screen(sys.stdout).columns)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (--help shows all options)")


def shown(text: str) -> str:
    """A text as standard output can write it."""
    return plain(text, sys.stdout.encoding or "ascii")


def make_parser(words: Words, prog: str, **settings: Any) -> Parser:
    """A parser without options, whose help is in the language of `words`."""
    class Help(argparse.RawDescriptionHelpFormatter):
        def add_usage(self, usage: str | None, actions: Any, groups: Any,
                      prefix: str | None = None) -> None:
            super().add_usage(usage, actions, groups, shown(words("usage: ")))

    return Parser(prog=prog, formatter_class=Help, add_help=False, **settings)


def add_settings(parser: Parser, words: Words) -> argparse._ArgumentGroup:
    """Adds the group of options that every help has: --help and --lang. Returns it."""
    settings = parser.add_argument_group(shown(words("options")))
    settings.add_argument("-h", "--help", action="help", help=shown(words("show this help")))
    settings.add_argument("--lang", choices=LANGUAGES, default=words.language, help=shown(words(
        "the language (default: that of the locale)")))
    return settings


def _parser(words: Words, places: Sequence[str]) -> Parser:
    parser = make_parser(
        words, "demo.py",
        description=shown(words("The guided demo of Ponte: nine steps, real processes, "
                                "each step proved.")),
        epilog=shown(words(
            "one role in a terminal of its own "
            "(each says what to type in the next; --help tells its options):\n"
            "  demo.py registry               who is alive; port 4100\n"
            "  demo.py server [NAME] [FILE]   serves services/greeter.py; "
            "named server-1, server-2, ... by itself\n"
            "  demo.py proxy                  one address for all servers; port 4180\n"
            "  demo.py client                 says Hello until Ctrl-C\n"
            "  demo.py client greeter hello Hello --trace     one call; as client.py\n"
            "and\n"
            "  demo.py doctor                 is this computer ready?") + "\n" + words(
            "  demo.py attack                 a second guided story: steal calls, and stop the "
            "thief") + "\n" + words(
            "  demo.py swap                   a third: each part replaced by its industrial peer"
            ) + "\n" + words(
            "  demo.py page                   all of it live on a page of the browser, with "
            "faults at a click\n"
            "  demo.py join CODE              this computer takes part in a page that shows a "
            "CODE")))
    place = parser.add_argument_group(shown(words("the word after demo.py")))
    place.add_argument("place", nargs="?", metavar=" | ".join(places), help=shown(words(
        "instead of the demo, see below")))
    settings = add_settings(parser, words)
    settings.add_argument("--auto", action="store_true", help=shown(words(
        "no key presses; the exit code is 1 if a proof fails")))
    settings.add_argument("--from", dest="first", metavar="N", help=shown(words(
        "begin at step N")))
    return parser


def _refuse(place: str, words: Words, places: Sequence[str]) -> str:
    """Why a word is refused, and what to write instead."""
    if place in places:
        # It stands after an option, as in `--auto registry`.
        return words("write it first: demo.py {place}", place=place)
    close = difflib.get_close_matches(place.lower(), places, 1, 0.5)
    guess = words(" Did you mean {close}?", close=close[0]) if close else ""
    return words("there is no {place!r}.{guess} There are: {places}; or nothing, "
                 "for the guided demo", place=place, guess=guess, places=", ".join(places))
