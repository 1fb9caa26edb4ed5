"""The service that guests call: it returns values of every kind, and says what it was sent.

Each guest program (programs/) calls it with its own way of writing a value.
"""

from __future__ import annotations

import datetime
from typing import Any

from server import current_call, idempotent


@idempotent
def echo(value: Any) -> Any:
    """Returns what it was sent."""
    return value


@idempotent
def kind(value: Any) -> str:
    """Says what arrived: the Python type, and the value as text."""
    text = value.isoformat() if isinstance(value, datetime.datetime) else repr(value)
    return f"{type(value).__name__} {text}"


@idempotent
def leap_day() -> datetime.datetime:
    """A date without a zone, and without a part of a second."""
    return datetime.datetime(2024, 2, 29, 13, 14, 15)


@idempotent
def big() -> int:
    """An integer of more than 32 bits."""
    return 2**40


@idempotent
def small() -> float:
    """A number that Python shows with an exponent, which XML-RPC has not."""
    return 1e-09


@idempotent
def nothing() -> None:
    """Returns nil."""


@idempotent
def all_bytes() -> bytes:
    """Each byte once, also those that no text may have."""
    return bytes(range(256))


@idempotent
def refuse(text: str) -> str:
    """Raises an error: its caller gets a fault."""
    raise ValueError(text)


@idempotent
def connection() -> int:
    """The port of the other end of the connection: two calls on one connection get the same."""
    return current_call().address[1]
