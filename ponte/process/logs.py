"""Log lines: their forms, and a count of the threads that died.

A thread that logs never waits for standard error (ponte/process/output.py). Much of what is logged
comes from others, such as the name of a server. So nothing in a message begins a new line: what
is no printable character is written as an escape sequence. Only a traceback has several lines, and
all of them are indented.
"""

from __future__ import annotations

import datetime
import json
import logging
import threading

from ponte.process.output import standard_error
from ponte.rpc.raised import printable

log = logging.getLogger("ponte.process")

# The forms of log lines, by the names that --log takes.
FORMS = ("text", "full", "json")
# Before each line of a traceback.
INDENT = "    "


def start_logging(verbose: bool, form: str = "text") -> None:
    """Sends log lines to standard error, and counts the threads that die from now on.

    `verbose` adds a line for every call; `form` is one of FORMS.
    """
    # A record that cannot be formatted is lost, without a traceback for each of them.
    logging.raiseExceptions = False
    handler = LineHandler()
    handler.setFormatter(JsonForm() if form == "json" else LineForm(full=form == "full"))
    root = logging.getLogger("ponte")
    root.addHandler(handler)
    # A services file may give the root logger a handler: it would write each line once more, in
    # another form, and block where its output does.
    root.propagate = False
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    thread_deaths.watch()


class LineHandler(logging.Handler):
    """Puts each record, as a line, where it does not wait until it is written."""

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging, on the thread that logs."""
        try:
            standard_error.put(self.format(record))
        except Exception:
            self.handleError(record)


class LineForm(logging.Formatter):
    """A line for people. `full`: with the date, the offset from UTC, the level and the logger."""

    def __init__(self, *, full: bool) -> None:
        super().__init__()
        self._full = full

    def format(self, record: logging.LogRecord) -> str:
        """The line, and below it the lines of a traceback, if the record has one."""
        when = datetime.datetime.fromtimestamp(record.created).astimezone()
        begin = when.strftime("%H:%M:%S.") + f"{when.microsecond // 1000:03}"
        if self._full:
            begin = (f"{when.isoformat(timespec='milliseconds')} {record.levelname} {record.name}:")
        return "\n".join([f"{begin} {printable(record.getMessage())}",
                          *(INDENT + printable(line) for line in _traceback_of(record))])


class JsonForm(logging.Formatter):
    """One JSON object in one line: time (ISO 8601, UTC), level, logger, message; exception."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        when = datetime.datetime.fromtimestamp(record.created, datetime.timezone.utc)
        fields = {"time": when.isoformat(timespec="milliseconds"), "level": record.levelname,
                  "logger": record.name, "message": record.getMessage()}
        traceback = _traceback_of(record)
        if traceback:
            fields["exception"] = "\n".join(traceback)
        # In ASCII: no character of a message ends the line.
        return json.dumps(fields)


def _traceback_of(record: logging.LogRecord) -> list[str]:
    """The lines of the traceback that belongs to a record."""
    # What `extra={"traceback": text}` has attached, or what `exc_info` has.
    text = vars(record).get("traceback", "")
    if record.exc_info and not text:
        text = logging.Formatter().formatException(record.exc_info)
    return str(text).rstrip("\n").split("\n") if text else []


class ThreadDeaths:
    """Counts the threads that an exception ended.

    No other thread waits for them, so without a count their end would go unnoticed. `count` is on
    every status page; zero is the only good value.
    """

    def __init__(self) -> None:
        self.count = 0

    def watch(self) -> None:
        """Starts to count. Each death is also one line of the log; --verbose adds the traceback."""
        threading.excepthook = self._on_death

    def _on_death(self, died: threading.ExceptHookArgs) -> None:
        self.count += 1
        name = died.thread.name if died.thread else "a thread"
        traceback = (died.exc_type, died.exc_value, died.exc_traceback) \
            if log.isEnabledFor(logging.DEBUG) else None
        # typeshed: the value may be None.
        log.error("%s died: %s: %s", name, died.exc_type.__name__, died.exc_value,
                  exc_info=traceback)  # type: ignore[arg-type]


# The one of this process.
thread_deaths = ThreadDeaths()
