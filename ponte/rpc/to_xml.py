"""Values as XML-RPC: which ones have a form there, and what is said of all others.

    None  bool  int  float  str  bytes  datetime  list  dict

Exactly these types are carried; besides, a tuple as a list, a bytearray as bytes, and `Binary` and
`DateTime` of xmlrpc.client. An object of another class is refused, also one of a subclass: what it
has besides its value would be lost on the way, or would be told to a caller who should not know it.
The error names the class, and what to send instead.

    an int              <int> in 32 bits, else <i8> in 64 bits; refused beyond
    a float             in decimal notation, without an exponent; inf and nan are refused
    a datetime          with microseconds where they are not zero; refused with a time zone
    a key of a dict     a str, also one of a subclass: its characters are written

Wire format: the XML-RPC specification (xmlrpc.com/spec.md) as `xmlrpc.client` writes it, except for
large integers and small or large floats.

Threads: nothing here keeps a state.

    >>> parts = []
    >>> write_value([2 ** 40, 1e-7], parts.append)
    >>> print("".join(parts), end="")
    <value><array><data>
    <value><i8>1099511627776</i8></value>
    <value><double>0.0000001</double></value>
    </data></array></value>
    >>> write_value({1, 2}, parts.append)
    Traceback (most recent call last):
    TypeError: the type set has no form in XML-RPC: send list(...) instead
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, Callable
from xmlrpc.client import Binary, DateTime

from ponte.rpc.dates import read_date, write_date
from ponte.rpc.raised import one_line

# Lists and dictionaries inside of one another. Each takes three elements, and a message may have
# MAX_DEPTH elements (from_xml.py): what is written here must be readable.
MAX_NESTED = 160
# Characters of a key that are quoted where the place of a value is told.
MAX_QUOTED = 60

Write = Callable[[str], Any]


def write_value(value: Any, write: Write) -> None:
    """Calls `write` with the parts of the <value> element of a value, one after another.

    Raises TypeError for a type that has no form in XML-RPC, OverflowError for an int of more than
    64 bits, and ValueError for inf and nan, for a time with a zone, for more than MAX_NESTED levels
    and for a list that is in itself. Characters that XML forbids are not looked for.
    """
    _write(value, write, [])


def place_of(value: Any, fails: Callable[[Any], object], depth: int = 0) -> str | None:
    """Where in `value` the first one is that `fails`, as ['a'][3]; None if none does.

    The place is that of a key's dictionary for a key. `fails` gets no list and no dictionary.
    """
    kind = type(value)
    if kind is not dict and kind is not list and kind is not tuple:
        return "" if fails(value) else None
    if depth > MAX_NESTED:
        return ""
    for key, item in value.items() if kind is dict else enumerate(value):
        if kind is dict and (not issubclass(type(key), str) or fails(str.__str__(key))):
            return ""
        place = place_of(item, fails, depth + 1)
        if place is not None:
            shown = str.__repr__(key) if kind is dict else repr(key)
            return f"[{shown[:MAX_QUOTED]}]{place}"
    return None


def is_refused(value: Any) -> bool:
    """Whether `write_value` raises an error for this value."""
    try:
        write_value(value, len)
    except (TypeError, OverflowError, ValueError):
        return True
    return False


def escape(text: str) -> str:
    """`text` between two elements."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _write(value: Any, write: Write, around: list[int]) -> None:
    """Writes a value. `around`: the ids of the lists and dictionaries that it is in."""
    kind = type(value)
    scalar = _SCALARS.get(kind)
    if scalar:
        write(scalar(value))
    elif kind is list or kind is tuple:
        _enter(value, around)
        write("<value><array><data>\n")
        for item in value:
            _write(item, write, around)
        write("</data></array></value>\n")
        around.pop()
    elif kind is dict:
        _enter(value, around)
        write("<value><struct>\n")
        for key, item in value.items():
            name = key if type(key) is str else _key(key)
            write(f"<member>\n<name>{escape(name)}</name>\n")
            _write(item, write, around)
            write("</member>\n")
        write("</struct></value>\n")
        around.pop()
    else:
        raise TypeError(f"the type {_name(value)} has no form in XML-RPC: {_instead(value)}")


def _key(key: Any) -> str:
    """The characters of a key that is not exactly a str. No method of its class is called."""
    if not issubclass(type(key), str):
        raise TypeError(f"the type {_name(key)} has no form in XML-RPC as a key of a dict: "
                        "send str(...) instead")
    return str.__str__(key)


def _enter(value: Any, around: list[int]) -> None:
    if id(value) in around:
        raise ValueError(f"a {_name(value)} that contains itself has no form in XML-RPC")
    if len(around) >= MAX_NESTED:
        raise ValueError(f"more than {MAX_NESTED} lists and dicts are inside of one another")
    around.append(id(value))


def _integer(value: int) -> str:
    if -2 ** 31 <= value < 2 ** 31:
        return f"<value><int>{value}</int></value>\n"
    if -2 ** 63 <= value < 2 ** 63:
        return f"<value><i8>{value}</i8></value>\n"
    raise OverflowError(f"an int of {value.bit_length()} bits and a sign has no form in XML-RPC, "
                        "where 64 bits hold both: send str(...) instead")


def _double(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"the float {value} has no form in XML-RPC: send None or a str instead")
    text = repr(value)
    if "e" in text:
        # The same digits without an exponent, which the specification does not have.
        text = f"{Decimal(text):f}"
        text += "" if "." in text else ".0"
    return f"<value><double>{text}</double></value>\n"


def _bytes(value: bytes) -> str:
    return f"<value><base64>\n{base64.encodebytes(value).decode()}</base64></value>\n"


def _date(value: datetime) -> str:
    return f"<value><dateTime.iso8601>{write_date(value)}</dateTime.iso8601></value>\n"


def _date_as_text(value: DateTime) -> str:
    """A DateTime of the standard library, which keeps its text, also with a zone."""
    text = str(value)
    read_date(text)
    return f"<value><dateTime.iso8601>{text}</dateTime.iso8601></value>\n"


# What writes a value, by exactly its type.
_SCALARS: dict[type, Callable[[Any], str]] = {
    str: lambda value: f"<value><string>{escape(value)}</string></value>\n",
    int: _integer,
    bool: lambda value: f"<value><boolean>{value:d}</boolean></value>\n",
    float: _double,
    type(None): lambda value: "<value><nil/></value>",
    bytes: _bytes,
    bytearray: _bytes,
    datetime: _date,
    Binary: lambda value: _bytes(value.data),
    DateTime: _date_as_text,
}


# ---- what is said of all others ------------------------------------------------------------------

def _is(*types: type) -> Callable[[type], bool]:
    return lambda kind: issubclass(kind, types)


def _has(attribute: str) -> Callable[[type], bool]:
    return lambda kind: any(attribute in vars(each) for each in kind.__mro__)


# For values of which types, and what to send instead. The first row that fits counts. The value
# itself is not asked: its __class__ may lie, and its attributes may raise.
_INSTEAD: tuple[tuple[Callable[[type], bool], str], ...] = (
    (_is(BaseException), "send str(...) instead (a function may also raise it)"),
    (_has("__dataclass_fields__"), "send dataclasses.asdict(...) instead"),
    # A named tuple.
    (_has("_asdict"), "send its ._asdict() or list(...) instead"),
    (_is(Enum), "send its .value instead"),
    (_is(datetime), "send its .isoformat() instead, which is a str"),
    (_is(date, time), "send its .isoformat() or a datetime instead"),
    (_is(timedelta), "send its .total_seconds() instead"),
    (_is(Decimal, Fraction), "send str(...) or float(...) instead"),
    (_is(complex), "send [z.real, z.imag] instead"),
    (_is(str), "send str(...) instead"),
    (_is(int), "send int(...) instead"),
    (_is(float), "send float(...) instead"),
    (_is(bytes, bytearray, memoryview), "send bytes(...) instead"),
    (_is(Binary), "send its .data instead, which is bytes"),
    (_is(DateTime), "send DateTime(its .value) instead"),
    (_is(Mapping), "send dict(...) instead"),
    # NumPy's arrays and numbers: this gives Python's own.
    (_has("tolist"), "send its .tolist() instead"),
    (_is(Iterable), "send list(...) instead"),
    (_has("__index__"), "send int(...) instead"),
    (_has("__float__"), "send float(...) instead"),
    (_is(object), "send a dict of what the caller may see, or str(...), instead"),
)


def _instead(value: Any) -> str:
    """What the author may send instead of a value that XML-RPC cannot carry."""
    return next(words for fits, words in _INSTEAD if fits(type(value)))


def _name(value: Any) -> str:
    return one_line(type(value).__name__)
