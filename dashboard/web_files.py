"""The page's own files, in dashboard/web.

index.html names the scripts and the styles, in their order; nothing else is read from the folder,
so nothing else can be asked for. They are read when the page begins, from a folder or from an
archive.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ponte.process.own_files import own_file, read

INDEX = "index.html"
TYPES = {"html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8",
         "css": "text/css; charset=utf-8"}
# How index.html names a script and a style. The groups are their names.
SCRIPT = re.compile(r'[ \t]*<script src="/web/([a-z0-9-]+\.js)" defer></script>\n?')
STYLE = re.compile(r'[ \t]*<link rel="stylesheet" href="/web/([a-z0-9-]+\.css)">\n?')


class WebFile(NamedTuple):
    """A file as the browser gets it."""

    content_type: str
    body: bytes


def load() -> dict[str, WebFile]:
    """index.html, and the files that it names. Raises OSError where one is missing."""
    index = _read(INDEX)
    text = index.body.decode("utf-8")
    return {INDEX: index, **{name: _read(name)
                             for name in (*STYLE.findall(text), *SCRIPT.findall(text))}}


def _read(name: str) -> WebFile:
    body = read(own_file("dashboard", "web", name))
    # Git may have written the ends of lines as Windows has them. A browser reads them as "\n", and
    # so does the hash of a script in a saved page.
    return WebFile(TYPES[name.rpartition(".")[2]], body.replace(b"\r\n", b"\n"))
