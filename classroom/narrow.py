"""Lines of a role on a narrow terminal: they say the same in fewer columns.

A terminal breaks a line that is too long in the middle of a word, and on six small panes the class
then sees half of what happened. Pure.
"""

from __future__ import annotations

import re
import textwrap

# What can be left out of a line, one after the other until it fits: what is not news, fractions of
# a second, the name of the role whose terminal it is, spaces for the eye, and the host where all is
# on one computer.
CUTS = (
    (re.compile(r" \(UDP beats, TCP lookups\)"), ""),
    (re.compile(r" - stop with Ctrl-C$"), ""),
    (re.compile(r"^(\d\d:\d\d:\d\d)\.\d{3} "), r"\1 "),
    (re.compile(r"\bregistry: (?=\w+ +\S+/\S+ )"), ""),
    (re.compile(r" {2,}"), " "),
    (re.compile(r"\b127\.0\.0\.1(?=:\d)"), ""),
)
# Before the rest of a line that does not fit whatever is left out.
MARGIN = "    "


def narrowed(line: str, columns: int) -> str:
    """A line in so many columns; several lines if it cannot be cut to one.

    >>> narrowed("19:37:02.771 registry: suspect   greeter/server-1  127.0.0.1:41977", 59)
    '19:37:02 suspect   greeter/server-1  127.0.0.1:41977'
    """
    for pattern, instead in CUTS:
        if len(line) <= columns:
            return line
        line = pattern.sub(instead, line)
    if len(line) <= columns:
        return line
    return "\n".join(textwrap.wrap(line, columns, subsequent_indent=MARGIN,
                                   break_on_hyphens=False, replace_whitespace=False))
