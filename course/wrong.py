"""Wrong solutions, as changes of the right one: a text that is replaced by another.

So a change of the reference that a wrong solution does not fit any more is found at once.
"""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    """A wrong solution: its name, what is replaced in the reference and by what; the check that
    must reject it, and with which message.
    """

    name: str
    old: str
    new: str
    caught_by: str
    says: str

    def text(self, reference: str) -> str:
        """The file of this solution. Raises ValueError if `old` does not stand there exactly once.
        """
        if reference.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.old!r} stands {reference.count(self.old)} times "
                             "in the reference")
        return reference.replace(self.old, self.new)
