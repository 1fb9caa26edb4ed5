"""What the caller of a real call was told, in a word or a number."""

from __future__ import annotations

from typing import Any, Callable
from xmlrpc.client import Fault

from client import CallError


def told(call: Callable[[], Any]) -> str:
    """What a call came to: its result, what its error means, or its fault."""
    try:
        return str(call())
    except CallError as error:
        return error.meaning
    except Fault as fault:
        return f"fault {fault.faultCode}: {fault.faultString}"
