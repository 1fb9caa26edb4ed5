"""Wrong solutions, as changes of the right one: a text that is replaced by another.

So a change of the reference that a wrong solution does not fit any more is found at once.
"""

from __future__ import annotations

import ast
from typing import NamedTuple

_MAY_HAVE_ONE = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


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


def without_docstrings(text: str) -> str:
    """A solution as a student reads it: the docstrings are those of the student's own file, which
    may be in another language.
    """
    lines = text.splitlines()
    docstrings = [node.body[0] for node in ast.walk(ast.parse(text))
                  if isinstance(node, _MAY_HAVE_ONE) and ast.get_docstring(node)]
    # From the end on: so the numbers of the other lines stay as they are.
    for each in sorted(docstrings, key=lambda each: each.lineno, reverse=True):
        after = lines[each.end_lineno:]
        # An empty line behind it goes, too.
        lines[each.lineno - 1:] = after[1:] if after[:1] == [""] else after
    return "\n".join(lines).strip("\n")
