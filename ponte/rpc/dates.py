"""Dates and times as text: what other clients send is read, and one form is written.

XML-RPC's own example is `19980717T14:08:55`. It names ISO 8601, and does not say which of its many
forms are meant, so clients send what their language writes:

    20240229T131415                     Java
    20240229T13:14:15.123456            C
    2024-02-29T13:14:15.000Z            JavaScript
    2024-02-29T13:14:15-05:00           OCaml

All of these are read: the date and the time each with or without their marks, a time that ends
after the hour or the minute, a date alone (it begins at midnight), a fraction of a second of any
length after a point or a comma, and a zone, also with the minus of ISO 8601 itself, U+2212. Three
things are not kept:

    digits after the microsecond        a `datetime` has none: they are cut off
    24:00                               becomes midnight of the next day, which is the same time
    a leap second, :60                  becomes the second after it, as in POSIX

Week dates (2024-W09-4), ordinal dates (2024-060) and a fraction of an hour or a minute are refused.

A zone gives an aware `datetime`. None is written: XML-RPC has no zones, and its specification
leaves open what a text without a zone means.

Pure.

    >>> read_date("2024-02-29T13:14:15.5Z")
    datetime.datetime(2024, 2, 29, 13, 14, 15, 500000, tzinfo=datetime.timezone.utc)
    >>> write_date(read_date("2024-02-29 13:14"))
    '20240229T13:14:00'
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

# XML has only these four.
WHITE_SPACE = " \t\r\n"

_DATE = r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})"
_TIME = r"([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2})(?:[.,]([0-9]+))?)?)?"
_ZONE = r"([Zz])|([+\u2212-])([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2}))?)?"
_ISO_8601 = re.compile(rf"{_DATE}(?:[Tt ]{_TIME}(?: ?(?:{_ZONE}))?)?")


def read_date(text: str) -> datetime:
    """The time that `text` means, in a form of ISO 8601; aware where the text has a zone.

    Raises ValueError for another form, and for what is no time in the years 1 to 9999.
    """
    found = _ISO_8601.fullmatch(text.strip(WHITE_SPACE))
    if not found:
        raise ValueError("write it as 20240229T13:14:15")
    (year, _, month, day, hour, minute, second, fraction,
     utc, sign, zone_hours, zone_minutes, zone_seconds) = found.groups("0")
    microsecond = int(fraction[:6].ljust(6, "0"))
    zone = None
    if utc != "0":
        zone = timezone.utc
    elif sign != "0":
        zone = _zone(sign, int(zone_hours), int(zone_minutes), int(zone_seconds))
    later = timedelta(0)
    if hour == "24" and not f"{minute}{second}{fraction}".strip("0"):
        hour, later = "23", timedelta(hours=1)
    elif second == "60":
        second, later = "59", timedelta(seconds=1)
    try:
        return datetime(int(year), int(month), int(day), int(hour), int(minute), int(second),
                        microsecond, zone) + later
    except OverflowError:
        raise ValueError("this is after the year 9999") from None


def write_date(value: datetime) -> str:
    """`value` as XML-RPC writes it, with its microseconds if they are not zero.

    Raises ValueError for an aware `datetime`.
    """
    if value.tzinfo is not None:
        raise ValueError("XML-RPC has no time zones: send value.isoformat(), which is a str, "
                         "or agree on a zone and send value.replace(tzinfo=None)")
    # The time keeps its colons, the date loses its hyphens.
    return value.isoformat().replace("-", "")


def _zone(sign: str, hours: int, minutes: int, seconds: int) -> timezone:
    if minutes > 59 or seconds > 59:
        raise ValueError("a zone has at most 59 minutes and 59 seconds")
    if hours > 23:
        raise ValueError("a zone is less than 24 hours away from UTC")
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return timezone(offset if sign == "+" else -offset)
