"""All of Ponte in one file, `ponte.pyz`: what the laptops of a class fetch, and run as it is.

It is a zip archive with a line in front that names the interpreter (PEP 441), and with __main__.py,
which Python runs. It has only what runs: no tests, no measurements, no documents. The same files
give the same bytes on every day, so that two students can compare what they have fetched.

Where Ponte itself runs from such an archive, that one is handed on.
"""

from __future__ import annotations

import io
import os
import zipapp
import zipfile
from collections.abc import Iterator

from ponte.process import own_files

# What a program of the command line is found by, on systems that start the file itself.
INTERPRETER = "/usr/bin/env python3"
# The programs and modules of the top level, and the folders below it.
PROGRAMS = ("__main__", "client", "demo", "execution", "heartbeat", "logged_call", "proxy",
            "registry", "relayed_call", "server")
FOLDERS = ("classroom", "dashboard", "interop", "lab", "ponte", "services")
ENDINGS = (".py", ".js", ".css", ".html", ".svg")
# The earliest time that a zip archive can give to a file. Ours have no other.
NO_TIME = (1980, 1, 1, 0, 0, 0)
# Regular files that all can read: the upper half of the attributes is the mode of Unix.
MODE = 0o100644 << 16
UNIX = 3


def archive() -> bytes:
    """The bytes of ponte.pyz. Takes some 0.2 s. Raises OSError where a file cannot be read."""
    if own_files.IN_ARCHIVE:
        with open(own_files.HOUSE, "rb") as file:
            return file.read()
    packed, made = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for name in sorted(_names()):
            info = zipfile.ZipInfo(name, NO_TIME)
            info.compress_type, info.external_attr, info.create_system = \
                zipfile.ZIP_DEFLATED, MODE, UNIX
            target.writestr(info, own_files.read(own_files.own_file(*name.split("/"))))
    packed.seek(0)
    # zipapp puts the line in front.
    zipapp.create_archive(packed, made, INTERPRETER)
    return made.getvalue()


def _names() -> Iterator[str]:
    """The files of the archive, as it names them: with slashes."""
    yield "LICENSE"
    yield from (f"{name}.py" for name in PROGRAMS)
    for folder in FOLDERS:
        for place, below, files in os.walk(own_files.own_file(folder)):
            below[:] = [name for name in below if not name.startswith((".", "__pycache__"))]
            yield from (os.path.relpath(os.path.join(place, name), own_files.HOUSE)
                        .replace(os.sep, "/")
                        for name in files if name.endswith(ENDINGS) and not name.startswith("."))
