r"""What a function has raised: two words for its caller, and the whole story for the server's log.

The author of the function reads the log, and looks for a line of the own file. So the first line of
the report names it. Then comes Python's traceback, without the frames of Ponte, with all exceptions
that led to this one.

    buy raised ValueError: no boat left (shop.py, line 12)
      Traceback (most recent call last):
        File "/home/ana/shop.py", line 12, in buy
          raise ValueError(f"no {item} left")
      ValueError: no boat left

The text of an exception may come from a caller. It must not write lines of its own into the log:
each line but the first is indented, and every character that cannot be shown is written as its
number, as in `\n`.
"""

from __future__ import annotations

import linecache
import logging
import os
import re
import traceback
from collections.abc import Iterator
from typing import TypeVar

# Characters of an exception's text, and of a line of code, in the log. The caller's fault may be
# longer.
MAX_TEXT = 1000
# Frames of one exception, exceptions that led to one another, and notes of one: of more, the first
# and the last ones are shown. A recursion without an end has a thousand frames.
MAX_FRAMES = 20
MAX_CHAIN = 8
INDENT = "  "

_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HOUSE = os.path.dirname(_FOLDER)
_ACTORS = frozenset(os.path.join(HOUSE, f"{name}.py") for name in (
    "client", "server", "execution", "registry", "proxy", "relayed_call", "logged_call",
    "heartbeat"))
_PYTHON = os.path.dirname(os.__file__) + os.sep
_INSTALLED = re.compile(r"[/\\](site|dist)-packages[/\\]")
_LED_TO = {True: "The above exception was the direct cause of the following exception:",
           False: "During handling of the above exception, another exception occurred:"}

T = TypeVar("T")
# The file, the line and the function of a frame.
Frame = tuple[str, int, str]


def describe(error: BaseException) -> str:
    """The type and the message of an exception; the type alone where it has no message, or where
    `str` of it fails.
    """
    name = type(error).__name__
    try:
        text = str(error)
    except BaseException:
        text = ""
    return f"{name}: {text}" if text else name


def one_line(text: str) -> str:
    r"""A text of any origin as a part of one line of a log.

    >>> one_line("pen\n12:00:00 all is well")
    'pen\\n12:00:00 all is well'
    """
    return printable(text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "...")


def printable(text: str) -> str:
    r"""`text` in one line, whatever it contains.

    >>> print(printable("a name\n12:00:00.000 registry: \x1b[31m♥"))
    a name\n12:00:00.000 registry: \x1b[31m♥
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode()
                   for each in text)


def is_pontes(path: str) -> bool:
    """Whether a file of code belongs to Ponte, and neither to a user nor to the services."""
    return path.startswith(_FOLDER + os.sep) or path in _ACTORS


def is_users(path: str) -> bool:
    """Whether a file of code was written by the user: not Ponte's, nor Python's, nor installed."""
    return not (path.startswith(("<", _PYTHON)) or _INSTALLED.search(path) or is_pontes(path))


def log_raised(log: logging.Logger, name: str, error: BaseException, file: str) -> None:
    """Logs an exception that the function `name`, written in `file`, has raised.

    The record has the first line as its message. The rest is where formatters look for a traceback:
    those of the standard library in `exc_text`, those of ponte/process/logs.py in `traceback`.
    """
    if log.isEnabledFor(logging.ERROR):
        line, rest = report(name, error, file)
        record = log.makeRecord(log.name, logging.ERROR, __file__, 0, "%s", (line,), None,
                                extra={"traceback": "\n".join(rest)})
        record.exc_text = "\n".join(INDENT + line for line in rest) or None
        log.handle(record)


def report(name: str, error: BaseException, file: str) -> tuple[str, list[str]]:
    """The story of an exception: its line, and the lines below it.

    Never raises, whatever the exception is made of.
    """
    try:
        lines: list[str] = []
        links = _cut(list(_chain(error)), MAX_CHAIN, "exceptions")
        # An exception from a function that is not written in Python has no traceback.
        if len(links) > 1 or frames_of(error):
            for link in links:
                lines += [link] if isinstance(link, str) else _told(*link)
        return f"{name} raised {one_line(describe(error))}{place_of(error, file)}", lines
    except BaseException as another:
        return (f"{name} raised {type(error).__name__}, which cannot be shown: "
                f"{type(another).__name__}"), []


def place_of(error: BaseException, file: str) -> str:
    """Which line of the user's files raised `error`, as in " (shop.py, line 12)".

    The error may come from a library that the function called. Its author then looks for the last
    line in `file`, the one of the function; or else in another file of the user. An empty text
    where no line of Python was run.
    """
    frames = frames_of(error)
    # The outermost function may be a decorator from a library.
    found = [frame for frame in frames if frame[0] == file and is_users(file)] \
        or [frame for frame in frames if is_users(frame[0])] or frames
    return f" ({one_line(os.path.basename(found[-1][0]))}, line {found[-1][1]})" if found else ""


def frames_of(error: BaseException) -> list[Frame]:
    """The frames that an exception has passed, without those of Ponte."""
    # A line without a number belongs to a statement that the compiler has added.
    return [(code.co_filename, line or code.co_firstlineno, code.co_name)
            for code, line in ((frame.f_code, line)
                               for frame, line in traceback.walk_tb(error.__traceback__))
            if not is_pontes(code.co_filename)]


def _chain(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    """The exceptions that led to `error`, the first one first, and what led from each to the next.
    """
    found: list[tuple[BaseException, str]] = []
    seen: set[int] = set()
    link: BaseException | None = error
    led_to = ""
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        found.append((link, led_to))
        cause = link.__cause__
        led_to = _LED_TO[cause is not None]
        link = cause if cause is not None or link.__suppress_context__ else link.__context__
    yield from reversed(found)


def _told(error: BaseException, led_to: str) -> Iterator[str]:
    """The lines of one exception."""
    frames = frames_of(error)
    if frames:
        yield "Traceback (most recent call last):"
    for frame in _cut(frames, MAX_FRAMES, "frames"):
        if isinstance(frame, str):
            yield frame
            continue
        file, line, name = frame
        yield f'  File "{one_line(file)}", line {line}, in {one_line(name)}'
        linecache.checkcache(file)
        code = one_line(linecache.getline(file, line).strip())
        if code:
            yield f"    {code}"
    yield one_line(describe(error))
    notes = getattr(error, "__notes__", None)
    for note in _cut(list(notes) if isinstance(notes, list) else [], MAX_CHAIN, "notes"):
        yield one_line(str(note))
    # An exception group (Python 3.11).
    parts = getattr(error, "exceptions", None)
    for part in _cut(list(parts) if isinstance(parts, tuple) else [], MAX_CHAIN, "exceptions"):
        if isinstance(part, BaseException):
            yield f"  with {one_line(describe(part))}{place_of(part, '')}"
    if led_to:
        yield led_to


def _cut(items: list[T], limit: int, what: str) -> list[T | str]:
    """The first and the last items, and a line for those between."""
    if len(items) <= limit:
        return [*items]
    half = limit // 2
    return [*items[:half], f"  ... {len(items) - 2 * half} more {what} ...", *items[-half:]]
