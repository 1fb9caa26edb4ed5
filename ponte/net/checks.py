"""What a user gives to a process or to the library: right, or a ValueError of one line, at once.

Every check returns the value that it was given, so that it can stand where the value is taken.
"""

from __future__ import annotations

from ponte.net.address import Address, check_host, check_port, quoted

# Seconds: a day. A longer time is a mistake, such as one in milliseconds.
MAX_SECONDS = 86_400.0
SECONDS_EXPECTED = f"take a number of seconds, more than 0, at most {MAX_SECONDS:,.0f}"
SECONDS_OR_NONE = f"take a number of seconds, from 0 to {MAX_SECONDS:,.0f}"


def check_seconds(name: str, value: object) -> float:
    """`value`, if it is a duration of more than 0 s, and of a day at most.

    `name` is that of the parameter, for the message. Raises ValueError.

    >>> check_seconds("timeout_s", 0.5)
    0.5
    >>> check_seconds("timeout_s", -1)
    Traceback (most recent call last):
    ValueError: timeout_s: -1 is not a time: take a number of seconds, more than 0, at most 86,400
    """
    seconds = _seconds(value)
    if not seconds:
        raise ValueError(f"{name}: {quoted(value)} is not a time: {SECONDS_EXPECTED}")
    return seconds


def check_seconds_or_none(name: str, value: object) -> float:
    """The same, but it may be 0.

    >>> check_seconds_or_none("linger_s", 0)
    0.0
    """
    seconds = _seconds(value)
    if seconds is None:
        raise ValueError(f"{name}: {quoted(value)} is not a time: {SECONDS_OR_NONE}")
    return seconds


def _seconds(value: object) -> float | None:
    # Not a number is in no range; True is an int, and no time.
    if isinstance(value, (int, float)) and not isinstance(value, bool) \
            and 0 <= value <= MAX_SECONDS:
        return float(value)
    return None


def check_listen(host: object, port: object) -> Address:
    """(host, port), if a process can be asked to listen there; port 0 stands for any free one.

    Raises ValueError.

    >>> check_listen("127.0.0.1", 0)
    ('127.0.0.1', 0)
    >>> check_listen("127.0.0.1", "4180")
    Traceback (most recent call last):
    ValueError: port: '4180' is not a port: take a number from 0 to 65535
    """
    try:
        checked = check_host(host)
    except ValueError as error:
        raise ValueError(f"host: {error}") from None
    try:
        return checked, check_port(port)
    except ValueError as error:
        raise ValueError(f"port: {error}") from None
