"""XML-RPC documents for tests of this room: how to write a call, and how to read a fault."""

from __future__ import annotations

from typing import Any, Callable
from xmlrpc.client import Fault

from ponte.rpc.marshal import decode_result


def call_with(value: str) -> bytes:
    """A call of `echo` with one parameter, given as XML."""
    return ("<methodCall><methodName>echo</methodName>"
            f"<params><param><value>{value}</value></param></params></methodCall>").encode()


def result_with(value: str) -> bytes:
    """A reply with one value, given as XML."""
    return ("<methodResponse><params><param>"
            f"<value>{value}</value></param></params></methodResponse>").encode()


def fault_of(body: bytes) -> Fault:
    """The fault in a reply; fails if there is none."""
    try:
        value = decode_result(body)
    except Fault as fault:
        return fault
    raise AssertionError(f"not a fault but {value!r}")


def code_of(act: Callable[..., object], *params: Any) -> int:
    """The code of the Fault that `act(*params)` raises; 0 if it raises none."""
    try:
        act(*params)
    except Fault as fault:
        return fault.faultCode
    return 0
