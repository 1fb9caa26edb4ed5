r"""An optimisation: skip it at first. A head that came before is not parsed a second time.

The problem: a parser spends most of its time on heads, and one client sends nearly the same head
with every call.

The naive try is a dictionary from the bytes of a head to what was parsed from them. It never finds
anything: each call has a number of its own, in the header Call-Number, so no two heads are equal.

The idea: take out the line of the number, and look up the rest (`without_number`, `remember`). So
it is with the line Traceparent, which a tracer adds (`without_trace`). The Date of a reply is a new
one in every second: so such a head is looked up as it is first, and then without that line
(`without_date`). In the same way `cached` remembers what was worked out from the
headers of a known head, such as the lines that a proxy passes on.

Each kind of parser has one dictionary of its own, shared by all parsers of that kind. Only heads
that were parsed without an error are in it.

Threads: no lock. Each step is one operation of a dictionary, which is atomic; two threads may parse
the same head at the same time, and the later result stays, which is equal to the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

# Heads in one dictionary. Each costs about 2.4 KB; with more clients than this, heads are parsed
# more often.
MAX_KNOWN_HEADS = 1024
# Longer heads are parsed each time. So short a head never has message.MAX_HEADERS lines: one with a
# number cannot break that limit.
MAX_KNOWN_HEAD_BYTES = 400
# The line that is new in every request of a stub, as the stub writes it and as HAProxy passes it
# on.
_LINE = b"\r\nCall-Number: "
_LINE_IN_LOWER_CASE = _LINE.lower()
# The number of the call, and the oldest one that has not ended for its caller.
_NUMBER = re.compile(rb"[0-9]{1,15}-[0-9]{1,15}")
# The line that is new in every call that a tracer follows, as W3C Trace Context writes it; and the
# part of it by which a head without such a line is told quickly.
_TRACE = b"raceparent: "
_TRACE_LINE = re.compile(rb"\r\n[Tt]raceparent: (00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})"
                         rb"(?=\r\n|\Z)")
# The line that is new in every second, with the end of the line before it. The date is written as
# RFC 9110 section 5.6.7 wants it.
_DATE_LINE = re.compile(rb"\r\n[Dd]ate: "
                        rb"([A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT)"
                        rb"(?=\r\n|\Z)")

T = TypeVar("T")


class Headers(dict[str, str]):
    """The headers of a parsed message, names in lower case. Never change them: messages share them.

    Attributes: `found`, the results that `cached` keeps, by the function that worked them out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[Callable[[Mapping[str, str]], Any], Any] = {}


def cached(find: Callable[[Mapping[str, str]], T], headers: Mapping[str, str]) -> T:
    """The result of `find(headers)`, which must not be None.

    For the headers of a known head, `find` is called only the first time. Safe from any thread.
    """
    if not isinstance(headers, Headers):
        return find(headers)
    found: T | None = headers.found.get(find)
    if found is None:
        found = headers.found[find] = find(headers)
    return found


def without_number(raw: bytes) -> tuple[bytes, str | None]:
    r"""A head without the line Call-Number, and its value. A value of another form is left in it.

    >>> without_number(b"GET / HTTP/1.1\r\nCall-Number: 7-5\r\nHost: a")
    (b'GET / HTTP/1.1\r\nHost: a', '7-5')
    >>> without_number(b"GET / HTTP/1.1\r\nCall-Number: seven\r\nHost: a")
    (b'GET / HTTP/1.1\r\nCall-Number: seven\r\nHost: a', None)
    """
    before, found, after = raw.partition(_LINE)
    if not found:
        before, found, after = raw.partition(_LINE_IN_LOWER_CASE)
    # Empty where there is no such line.
    number, _, after = after.partition(b"\r\n")
    if not _NUMBER.fullmatch(number):
        return raw, None
    return before + b"\r\n" + after, number.decode()


def without_trace(raw: bytes) -> tuple[bytes, str]:
    r"""A head without the line Traceparent, and its value; "" where none has this form.

    >>> trace = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    >>> without_trace(b"GET / HTTP/1.1\r\ntraceparent: " + trace + b"\r\nHost: a")
    (b'GET / HTTP/1.1\r\nHost: a', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01')
    """
    found = _TRACE_LINE.search(raw) if _TRACE in raw else None
    if not found:
        return raw, ""
    return raw[:found.start()] + raw[found.end():], found[1].decode()


def without_date(raw: bytes) -> tuple[bytes, str | None]:
    r"""A head without the line Date, and its value. A value of another form is left in it.

    >>> without_date(b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nVia: a")
    (b'HTTP/1.1 200 OK\r\nVia: a', 'Sun, 06 Nov 1994 08:49:37 GMT')
    """
    found = _DATE_LINE.search(raw)
    if not found:
        return raw, None
    return raw[:found.start()] + raw[found.end():], found[1].decode()


def remember(known: dict[bytes, T], raw: bytes, head: T) -> None:
    """Keeps what was parsed from these bytes, in the dictionary of a kind of parser."""
    if len(raw) <= MAX_KNOWN_HEAD_BYTES:
        if len(known) >= MAX_KNOWN_HEADS:
            # All go at once: the heads that are in use come back with their next message.
            known.clear()
        known[raw] = head
