"""How much a student's parser holds.

What is out of it must not be kept: a connection may last for days.
"""

from __future__ import annotations

import gc
import io
from types import CodeType, FunctionType, ModuleType
from typing import Any

# What a parser uses, and does not hold.
_NOT_HELD = (type, ModuleType, FunctionType, CodeType)


def kept_bytes(parser: Any) -> int:
    """How many bytes and characters a student's parser holds."""
    found, waiting, total = set[int](), [parser], 0
    while waiting:
        each = waiting.pop()
        if id(each) in found or isinstance(each, _NOT_HELD):
            continue
        found.add(id(each))
        if isinstance(each, (bytes, bytearray, str)):
            total += len(each)
        elif isinstance(each, io.BytesIO):
            total += each.getbuffer().nbytes
        waiting += gc.get_referents(each)
    return total
