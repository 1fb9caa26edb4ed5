"""The language of what the classroom prints: English or Portuguese.

The English sentence stands in the code, at the place that prints it. It is itself the key of the
Portuguese sentence in classroom/portuguese.py, as with gettext:

    >>> words = Words("pt")
    >>> words("kill -9 {name} (process {pid})", name="server-2", pid=7)
    'kill -9 server-2 (processo 7)'

The {fields} are filled in by str.format. Identifiers are English in both languages. A test reads
every sentence from the source, and fails where the Portuguese one is missing.
"""

from __future__ import annotations

import locale
from collections.abc import Mapping

from classroom.portuguese import PORTUGUESE

LANGUAGES = ("en", "pt")
# The environment variable that chooses one of them, as --lang does.
VARIABLE = "PONTE_LANG"


class Words:
    """Sentences in one `language`, "en" or "pt". Safe to share between threads."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._translations: Mapping[str, str] = PORTUGUESE if language == "pt" else {}

    def __call__(self, sentence: str, **values: object) -> str:
        """An English sentence in this language, with its {fields} filled in by `values`.

        Raises KeyError for a field without a value.
        """
        return self._translations.get(sentence, sentence).format(**values)


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
