"""A text in both languages at once, for a page that switches between them at any time.

The steps of the demo are told on a terminal, in one language, and on the live page, in both. They
make their sentences by the `words` of their stage. Those of the page are these:

    >>> words = BothLanguages()
    >>> said = words("kill -9 {name} (process {pid})", name="server-2", pid=7)
    >>> said, said.pt
    ('kill -9 server-2 (process 7)', 'kill -9 server-2 (processo 7)')
"""

from __future__ import annotations

from classroom.language import Words


class Both(str):
    """An English text. Attribute: `pt`, the same in Portuguese."""

    pt: str

    def __new__(cls, english: str, portuguese: str) -> Both:
        both = super().__new__(cls, english)
        both.pt = portuguese
        return both


class BothLanguages(Words):
    """Makes texts in both languages. Safe to share between threads."""

    def __init__(self) -> None:
        super().__init__("en")
        self._portuguese = Words("pt")

    def __call__(self, sentence: str, **values: object) -> Both:
        """An English sentence and its Portuguese one, with their {fields} filled in by `values`.

        A value may have two languages, too. Raises KeyError for a field without a value.
        """
        in_portuguese = {name: portuguese(value) for name, value in values.items()}
        return Both(super().__call__(sentence, **values),
                    self._portuguese(sentence, **in_portuguese))

    def quoted(self, said: str) -> Both:
        """What a program said, in both languages as far as we know it."""
        return Both(said, self._portuguese.quoted(str(portuguese(said))))


def portuguese(value: object) -> object:
    """The Portuguese text of one that has two languages; everything else stays as it is."""
    return value.pt if isinstance(value, Both) else value


def in_both(text: str) -> dict[str, str]:
    """A text as an event tells it: a name or a number is the same in both languages.

    >>> in_both("server-2")
    {'en': 'server-2', 'pt': 'server-2'}
    """
    return {"en": str(text), "pt": str(portuguese(text))}
