"""Ponte's own files: in a folder, or in an archive.

`python3 ponte.pyz` runs all of Ponte from one file, a zip archive (PEP 441). Python imports modules
from there by itself. But a program in an archive has no path that Python could start, and a file in
it cannot be opened by its path. So whoever starts a process of Ponte asks `command` for its words,
and what is read from Ponte's own files is read by `read`.

In an archive the path of a file goes on inside of it: /home/ana/ponte.pyz/services/kiosk.py.
"""

from __future__ import annotations

import os
import zipimport

from ponte.rpc import raised

# The folder or the archive.
HOUSE = raised.HOUSE
# Whether Ponte runs from an archive, which is then the file HOUSE.
IN_ARCHIVE = os.path.isfile(HOUSE)
# What a user types after `python3` for a part of the classroom.
DEMO = os.path.basename(HOUSE) if IN_ARCHIVE else "demo.py"
# The working folder of the processes that Ponte starts.
FOLDER = os.path.dirname(HOUSE) if IN_ARCHIVE else HOUSE
# The word after the archive that runs one of its programs (__main__.py).
RUN = "run"


def command(*words: str) -> list[str]:
    """The words after `python` that start a program of Ponte, from FOLDER.

    `words` are those that start it in a folder: ("server.py", FILE, ...) or ("-m", "lab.thief",
    ...).
    """
    if not IN_ARCHIVE:
        return [*words]
    name, rest = (words[1], words[2:]) if words[0] == "-m" else (words[0], words[1:])
    return [HOUSE, RUN, name[:-len(".py")] if name.endswith(".py") else name, *rest]


def own_file(*parts: str) -> str:
    """The path of a file of Ponte, such as own_file("services", "kiosk.py")."""
    return os.path.join(HOUSE, *parts)


def is_archived(path: str) -> bool:
    """Whether a path leads into the archive that Ponte runs from."""
    return IN_ARCHIVE and os.path.abspath(path).startswith(HOUSE + os.sep)


def is_file(path: str) -> bool:
    """Whether there is such a file, in a folder or in the archive."""
    if not is_archived(path):
        return os.path.isfile(path)
    try:
        read(path)
    except OSError:
        return False
    return True


def read(path: str) -> bytes:
    """What is in a file, in a folder or in the archive. Raises OSError where there is none."""
    if is_archived(path):
        data: bytes = zipimport.zipimporter(HOUSE).get_data(os.path.abspath(path))
        return data
    with open(path, "rb") as file:
        return file.read()
