"""The language of what the classroom prints: English or Portuguese.

The English sentence stands in the code, at the place that prints it. It is itself the key of the
Portuguese sentence in classroom/portuguese.py, as with gettext:

    >>> words = Words("pt")
    >>> words("kill -9 {name} (process {pid})", name="server-2", pid=7)
    'kill -9 server-2 (processo 7)'

The {fields} are filled in as by str.format. In Portuguese a number has a decimal comma, and a text
that a program said is put into Portuguese (classroom/reasons.py):

    >>> words("{name} is back, after {back_s:.1f} s: {why}", name="a", back_s=0.5, why="timed out")
    'a is back, after 0,5 s: o tempo acabou'

Identifiers are English in both languages. A test reads every sentence from the source, and fails
where the Portuguese one is missing.
"""

from __future__ import annotations

import locale
import os
import string
from collections.abc import Mapping
from typing import Any

from classroom.portuguese import PORTUGUESE
from classroom.reasons import in_portuguese
from ponte.process.options import UsageError

LANGUAGES = ("en", "pt")
# The environment variable that chooses one of them, as --lang does.
VARIABLE = "PONTE_LANG"
# 1,234.5 is written 1.234,5 in Portuguese.
_POINTS_AND_COMMAS = str.maketrans(".,", ",.")


class Words:
    """Sentences in one `language`, "en" or "pt". Safe to share between threads."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._translations: Mapping[str, str] = PORTUGUESE if language == "pt" else {}
        self._formatter = _InPortuguese() if language == "pt" else string.Formatter()

    def __call__(self, sentence: str, **values: object) -> str:
        """An English sentence in this language, with its {fields} filled in by `values`.

        Raises KeyError for a field without a value.
        """
        return self._formatter.format(self._translations.get(sentence, sentence), **values)

    def for_terminal(self) -> str:
        """This language where a new terminal would speak another one, for --lang; else "".

        A new terminal may lack the variable PONTE_LANG, so the locale alone decides that.
        """
        of_terminal = choose_language(os.environ, system_locale())
        return "" if self.language == of_terminal else self.language

    def command(self, typed: str) -> str:
        """A command of the demo, with --lang where a new terminal would speak another language."""
        language = self.for_terminal()
        return f"{typed} --lang {language}" if language else typed

    def quoted(self, said: str) -> str:
        """What a program said, in this language as far as we know it."""
        return in_portuguese(said) if self.language == "pt" else said


class _InPortuguese(string.Formatter):
    """Fills in {fields} as a Portuguese text needs them."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, (int, float)):
            return format(value, format_spec).translate(_POINTS_AND_COMMAS)
        return format(in_portuguese(str(value)), format_spec)


def take_language(arguments: list[str]) -> tuple[str, list[str]]:
    """The language and the other arguments. --lang may stand anywhere.

    Without it, the language is that of the variable PONTE_LANG, or else of the locale.

    >>> take_language(["client", "--lang", "pt", "--every", "2"])
    ('pt', ['client', '--every', '2'])
    """
    source = f"{VARIABLE}="
    of_locale = choose_language(os.environ, system_locale())
    language = language_here()
    rest = []
    while arguments:
        name, equals, value = arguments.pop(0).partition("=")
        if name != "--lang":
            rest.append(name + equals + value)
            continue
        source = "--lang "
        language = value if equals else arguments.pop(0) if arguments else ""
    if language not in LANGUAGES:
        words, (one, other) = Words(of_locale), LANGUAGES
        raise UsageError(words("{given}: there are {one} and {other}",
                               given=f"{source}{language}", one=one, other=other))
    return language, rest


def language_here() -> str:
    """What this terminal speaks without --lang, as PONTE_LANG or else its locale says."""
    return os.environ.get(VARIABLE) or choose_language(os.environ, system_locale())


def choose_language(environ: Mapping[str, str], system: str | None = None) -> str:
    """"pt" where the locale is Portuguese, else "en".

    The first of the variables LC_ALL, LC_MESSAGES and LANG that is set decides, as with gettext.
    Where none is set (Windows), `system` decides: the locale's name, such as "Portuguese_Brazil".

    >>> choose_language({"LANG": "pt_BR.UTF-8"})
    'pt'
    """
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environ.get(variable):
            return "pt" if environ[variable].lower().startswith("pt") else "en"
    return "pt" if (system or "").lower().startswith(("pt", "portuguese")) else "en"


def system_locale() -> str | None:
    """The name of the system's locale, where it has one that Python understands."""
    try:
        return locale.getlocale()[0]
    except ValueError:
        # A name that Python cannot parse.
        return None
